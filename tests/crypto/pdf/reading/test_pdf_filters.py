"""Decoding held to Pillow, which predicts rows as PNG does, and to the standard library."""

import base64
import io
import zlib
from pathlib import Path

import pymupdf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pyhanko.pdf_utils import filters, misc

from crypto.pdf.reading import filters as pdf_filters
from crypto.verdict import Verdict
from tests.world.documents import classic_pdf
from tests.world.sealing import World


def rows_of(picture: Image.Image) -> bytes:
    """The predicted rows as Pillow writes them."""
    file = io.BytesIO()
    picture.save(file, "png")
    data, place, found = file.getvalue(), 8, b""
    while place < len(data):
        size = int.from_bytes(data[place : place + 4], "big")
        if data[place + 4 : place + 8] == b"IDAT":
            found += data[place + 8 : place + 8 + size]
        place += size + 12
    return zlib.decompress(found)


@given(st.integers(1, 12), st.integers(1, 12), st.randoms(use_true_random=False), st.booleans())
def test_predicted_rows_are_what_pillow_made_of_a_picture(
    width: int, height: int, dice: object, smooth: bool
) -> None:
    raw = bytes(
        (7 * row + 5 * column if smooth else dice.getrandbits(8)) & 0xFF  # type: ignore[attr-defined]
        for row in range(height)
        for column in range(width)
    )
    rows = rows_of(Image.frombytes("L", (width, height), raw))
    assert pdf_filters.png_rows(memoryview(rows), width) == raw


@given(st.binary(min_size=4, max_size=4), st.lists(st.integers(0, 4), min_size=1, max_size=9))
def test_every_way_of_predicting_is_read(row: bytes, ways: list[int]) -> None:
    """A picture of Pillow's own making from rows predicted in ways that Pillow did not choose."""
    predicted = b"".join(bytes((way,)) + row for way in ways)
    head = (4).to_bytes(4, "big") + len(ways).to_bytes(4, "big") + b"\x08\0\0\0\0"

    def chunk(kind: bytes, body: bytes) -> bytes:
        check = zlib.crc32(kind + body).to_bytes(4, "big")
        return len(body).to_bytes(4, "big") + kind + body + check

    file = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head)
    file += chunk(b"IDAT", zlib.compress(predicted)) + chunk(b"IEND", b"")
    shown = Image.open(io.BytesIO(file)).tobytes()
    assert pdf_filters.png_rows(memoryview(predicted), 4) == shown


@pytest.mark.parametrize(("data", "columns"), [(b"\5a", 1), (b"\2ab", 1), (b"", 0), (b"", 1 << 17)])
def test_impossible_rows_are_refused(data: bytes, columns: int) -> None:
    with pytest.raises(misc.PdfReadError):
        pdf_filters.png_rows(memoryview(data), columns)


def test_the_library_decodes_with_these() -> None:
    packed = zlib.compress(b"\0ab\2\1\1")
    params = {"/Predictor": 12, "/Columns": 2}
    assert filters.FlateDecode().decode(packed, params) == b"abbc"
    assert filters.ASCII85Decode().decode(base64.a85encode(b"some text") + b"~>") == b"some text"


def test_too_much_in_base_85_is_refused() -> None:
    with pytest.raises(misc.PdfReadError):
        filters.ASCII85Decode().decode(b"z" * (pdf_filters.MAX_ASCII85 + 1) + b"~>")


@pytest.mark.parametrize("method", [pymupdf.PDF_ENCRYPT_AES_128, pymupdf.PDF_ENCRYPT_AES_256])
def test_an_empty_string_in_an_encrypted_document_is_empty(
    world: World, method: int, tmp_path: Path
) -> None:
    """MuPDF writes some when a title is changed: no bytes, without an initialisation vector."""
    with pymupdf.open(stream=classic_pdf()) as plain:
        original = plain.tobytes(encryption=method, owner_pw="owner")
    path = tmp_path / "a.pdf"
    path.write_bytes(world.sign(original, marks=[], password=""))
    with pymupdf.open(path) as opened:
        opened.set_metadata({"title": "new"})
        opened.xref_set_key(int(opened.xref_get_key(-1, "Info")[1].split()[0]), "Keywords", "()")
        opened.saveIncr()
    assert b"<>" in path.read_bytes()
    assert world.verify(path.read_bytes()).verdict is Verdict.VALID
