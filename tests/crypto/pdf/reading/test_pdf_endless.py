"""Bytes over which a reader could go on for minutes: each document costs a bounded time."""

import io
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.revisions import revise
from app.stamping import page_boxes
from crypto import deadline
from crypto.pdf.reading.failures import PdfError, PdfTooComplex
from crypto.pdf.verify import verify_pdf
from crypto.validation.trust import Trust
from tests.world.bounds import bounded
from tests.world.documents import classic_pdf
from tests.world.sealing import NOW

MANY = 3_000_000
NO_TABLE = b"trailer<</Size 1/Root 1 0 R>>\nstartxref\n9\n%%EOF\n"


def stream(entries: bytes, data: bytes) -> bytes:
    return b"<<%s/Length %d>>stream\n%s\nendstream" % (entries, len(data), data)


def with_form(entries: bytes, data: bytes) -> bytes:
    """A page with a signature field that shows this form."""
    return classic_pdf(
        catalog=b"/AcroForm<</Fields[6 0 R]>>",
        annots=b"/Annots[6 0 R]",
        extra=[
            b"<</Type/Annot/Subtype/Widget/FT/Sig/T(S)/Rect[9 9 50 50]/AP<</N 7 0 R>>>>",
            stream(b"/Type/XObject/Subtype/Form/BBox[0 0 40 40]" + entries, data),
        ],
    )


ENDLESS: dict[str, Callable[[], bytes]] = {
    "a number": lambda: classic_pdf(catalog=b"/A " + b"1" * MANY),
    "a number of a page": lambda: classic_pdf(annots=b"/A[" + b"1" * MANY + b" ]"),
    "a line": lambda: b"%PDF-1.7\n" + b"a" * (4 * MANY),
    "a line before the end": lambda: b"%PDF-1.7\n" + b"a" * (4 * MANY) + b"\n9\n%%EOF\n",
    "sections": lambda: b"%PDF-1.7\nxref\n" + b"0 0\n" * MANY + NO_TABLE,
    "blanks": lambda: b"%PDF-1.7\n" + b" " * (4 * MANY) + b"xref\n0 0\n" + NO_TABLE,
    "a header": lambda: b"%PDF-1.7\n" + b"1" * MANY + b" 0 obj<<>>endobj\n" + NO_TABLE,
    "predicted rows": lambda: with_form(
        b"/Filter/FlateDecode/DecodeParms<</Predictor 12/Columns 1>>",
        zlib.compress(b"\2A" * (4 * MANY)),
    ),
    "one predicted row": lambda: with_form(
        b"/Filter/FlateDecode/DecodeParms<</Predictor 12/Columns %d>>" % (4 * MANY),
        zlib.compress(b"\2" + b"A" * (4 * MANY)),
    ),
    "base 85": lambda: with_form(b"/Filter/ASCII85Decode", b"A" * (4 * MANY) + b"~>"),
}


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A small part of the bound, so that these tests take no longer."""
    monkeypatch.setattr(deadline, "SECONDS", 0.25)
    with bounded():
        yield


@pytest.mark.parametrize("what", ENDLESS)
def test_a_document_costs_a_bounded_time(what: str) -> None:
    try:
        verify_pdf(io.BytesIO(ENDLESS[what]()), "x.pdf", Trust(), NOW)
    except PdfError:
        return
    assert what in ("one predicted row", "base 85")  # a part that is not read is no harm


def test_a_document_to_be_stamped_costs_a_bounded_time(tmp_path: Path) -> None:
    path = tmp_path / "endless.pdf"
    path.write_bytes(ENDLESS["a number of a page"]())
    with pytest.raises(PdfTooComplex):
        page_boxes(path)
    with pytest.raises(PdfTooComplex):
        revise(path, None, [lambda document, output: document.pages() and None], io.BytesIO())
