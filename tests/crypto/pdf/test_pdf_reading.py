"""What is read otherwise than pyHanko reads it: hexadecimal strings, and pages left unread."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyhanko.pdf_utils import generic, misc

from crypto.pdf_document import Document


def read(data: bytes) -> Any:
    container = generic.TrailerReference.__new__(generic.TrailerReference)
    return generic.read_object(io.BytesIO(data), container)


@given(st.binary(max_size=300), st.sampled_from([b"", b" ", b"\r\n", b"\x00"]))
def test_hexadecimal_strings_are_read_as_their_octets_whatever_space_is_between(
    octets: bytes, space: bytes
) -> None:
    digits = b"".join(f"{each:02x}".encode() + space for each in octets)
    stream = io.BytesIO(b"<" + digits + b">/Next")
    found = generic.read_hex_string_from_stream(stream)
    assert found.original_bytes == octets
    assert stream.read() == b"/Next"


def test_an_odd_last_digit_stands_for_itself_and_a_zero() -> None:
    assert read(b"<414>").original_bytes == b"A@"


@pytest.mark.parametrize("text", [b"<41", b"<4x>", b"<41\xff>", b"<"])
def test_what_is_no_hexadecimal_string_is_refused(text: bytes) -> None:
    with pytest.raises(misc.PdfReadError):
        read(text)


PAGES = {
    "bare": (b"", True),
    "annotations": (b"/Annots [5 0 R]", False),
    "escaped name": (b"/#41nnots [5 0 R]", False),
    "string": (b"/Note (endobj) /Annots [5 0 R]", False),
    "hexadecimal string": (b"/Note <656e646f626a>", False),
    "comment": (b"%endobj\n/Annots [5 0 R]", False),
}


@pytest.mark.parametrize("name", PAGES)
def test_only_a_page_that_cannot_list_annotations_is_left_unread(name: str) -> None:
    extra, bare = PAGES[name]
    bodies = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1/MediaBox[0 0 300 400]>>",
        b"<</Type/Page/Parent 2 0 R " + extra + b">>",
        b"<<>>",
        b"<</Type/Annot/Subtype/Widget/FT/Sig/T(S)/Rect[10 10 50 50]>>",
    ]
    data, offsets = b"%PDF-1.7\n", []
    for number, body in enumerate(bodies, 1):
        offsets.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(data)
    rows = b"".join(b"%010d 00000 n \n" % each for each in offsets)
    data += b"xref\n0 6\n0000000000 65535 f \n" + rows
    data += b"trailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % start
    document = Document(io.BytesIO(data))
    (page,) = document.pages()
    assert page.bare is bare
    assert page.box == (0.0, 0.0, 300.0, 400.0)
    assert bool(document.signature_fields()) is (b"nnots" in extra)
