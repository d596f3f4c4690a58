"""Sealed objects that viewers read otherwise than they seem to be written: what is added later must
not come into their hands."""

import re

import pymupdf
import pytest

from crypto.verdict import Verdict
from tests.world.documents import append_revision, build_pdf
from tests.world.sealing import World, codes

SHOWN = b"BT /F 24 Tf 72 700 Td (Price 1000) Tj ET "
ADDED = b"BT /F 24 Tf 72 600 Td (Price 9999) Tj ET"
FORM = b"<</Type/XObject/Subtype/Form/BBox[0 0 600 900]/Resources<</Font<</F 3 0 R>>>>/Length %d>>"


def document(*, content: bytes, resources: bytes = b"<</Font<</F 3 0 R>>>>") -> bytes:
    """One page; its content comes last."""
    return build_pdf(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Count 1/Kids[4 0 R]>>",
            b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
            b"<</Type/Page/Parent 2 0 R/Contents 6 0 R/Resources 5 0 R/MediaBox[0 0 595 842]>>",
            resources,
            content,
        ]
    )


def stream(raw: bytes, entries: bytes = b"<</Length %d>>") -> bytes:
    return entries % len(raw) + b"stream\n" + raw + b"\nendstream"


def objects_of(data: bytes) -> list[bytes]:
    return re.findall(rb"\d+ 0 obj\n(.*?)\nendobj\n", data, re.DOTALL)


def text(data: bytes) -> str:
    with pymupdf.open(stream=data, filetype="pdf") as opened:
        return str(opened[0].get_text())


@pytest.mark.parametrize("reference", [b"80 +0 R", b"80 -0 R", b"+80 0 R", b"80 00 R"])
def test_a_reference_to_nothing_is_seen_however_it_is_written(
    world: World, reference: bytes
) -> None:
    original = document(
        content=stream(SHOWN + b"/X Do"),
        resources=b"<</Font<</F 3 0 R>>/XObject<</X %s>>>>" % reference,
    )
    sealed = world.sign(original)
    assert world.verify(sealed).verdict is Verdict.VALID
    later = append_revision(sealed, {80: stream(ADDED, FORM)})
    assert "9999" not in text(sealed)
    assert "9999" in text(later)
    assert world.verify(later).verdict not in (Verdict.VALID, Verdict.VALID_CHANGED_LATER)


@pytest.mark.parametrize(
    "annotation",
    [
        b"<</Type/Annot/Subtype/Widget/FT/Tx/T(a)/Rect[0 0 0 0]/AP<</N 0 0 R>>>>",
        b"<</Type/Annot/Subtype/Widget/FT/Tx/T(a)/Rect[0 0 0 0]/AP 0 0 R/Kids[0 0 R]>>",
        b"<</Type/Annot/Subtype/Text/Contents(a) /Rect[0 0 0 0]/Popup 0 0 R /Parent 0 0 R>>",
    ],
)
def test_object_zero_is_nothing(world: World, annotation: bytes) -> None:
    """As one platform for signing writes it; every reader shows such a file."""
    original = document(
        content=stream(SHOWN + b"/X Do"),
        resources=b"<</Font<</F 3 0 R>>/XObject<</X 0 0 R>>/Properties 0 0 R>>",
    ).replace(b"/Contents 6 0 R", b"/Contents 6 0 R/Annots[%s]" % annotation)
    sealed = world.sign(build_pdf(objects_of(original)))
    assert world.verify(sealed).verdict is Verdict.VALID
    later = append_revision(sealed, {0: stream(ADDED, FORM)})
    assert "9999" not in text(later)


def test_a_reference_without_a_blank_is_one_for_some_viewers(world: World) -> None:
    """Poppler and Ghostscript take 80 0R for a reference."""
    resources = b"<</Font<</F 3 0 R>>/XObject<</X 80 0R>>>>"
    sealed = world.sign(document(content=stream(SHOWN + b"/X Do"), resources=resources))
    report = world.verify(append_revision(sealed, {80: stream(ADDED, FORM)}))
    assert report.verdict is Verdict.UNKNOWN
    assert "changed_suspicious" in codes(report.signatures[0])


@pytest.mark.parametrize(
    "entries", [b"<</Length %d/Len#67th 99999>>", b"<</L 1/Length %d/#4c#65ngth 99999>>"]
)
def test_a_second_length_in_disguise_does_not_let_a_stream_grow(
    world: World, entries: bytes
) -> None:
    def sealed_with(size: int) -> bytes:
        written = entries.replace(b"99999", b"%05d" % size)
        return world.sign(document(content=stream(SHOWN + b"(", written)), marks=[])

    sealed = sealed_with(99999)
    start = sealed.index(SHOWN)
    size = len(sealed) - start + 500
    sealed = sealed_with(size)
    added = b") Tj " + ADDED
    room = start + size - len(sealed) - len(added) - len(b"80 0 obj\n<</Length 999>>stream\n")
    later = append_revision(sealed, {80: stream(b" " * room + added)})
    assert later[: start + size].endswith(ADDED)
    assert "9999" in text(later)
    assert "9999" not in text(sealed)
    assert world.verify(later).verdict not in (Verdict.VALID, Verdict.VALID_CHANGED_LATER)


def test_a_stream_that_has_no_end_does_not_find_one_later(world: World) -> None:
    sealed = world.sign(
        document(content=stream(SHOWN)).replace(b"\nendstream", b"\n(       "), marks=[]
    )
    later = append_revision(sealed, {80: stream(b") Tj " + ADDED)})
    assert "9999" in text(later)
    assert "9999" not in text(sealed)
    assert world.verify(later).verdict not in (Verdict.VALID, Verdict.VALID_CHANGED_LATER)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"\n5 0 obj", b"\n8 0 obj"),
        (b"\n5 0 obj", b"\n5 1 obj"),
        (b"<</Font<</F 3 0 R>>>>\n", b"<</Font<</F 3 0 R>>\n"),
        (b"<</Font<</F 3 0 R>>>>\n", b"<</Font[<</F 3 0 R]>>\n"),
    ],
    ids=["another number", "another generation", "not closed", "closed crosswise"],
)
def test_an_object_that_readers_have_to_guess_at_is_not_vouched_for_later(
    world: World, old: bytes, new: bytes
) -> None:
    original = document(content=stream(SHOWN))
    assert old in original
    sealed = world.sign(original.replace(old, new.ljust(len(old))), marks=[])
    report = world.verify(append_revision(sealed, {80: b"null"}))
    assert "changed_suspicious" in codes(report.signatures[0])
    honest = world.sign(original, marks=[])
    later = world.verify(append_revision(honest, {80: b"null"}))
    assert later.verdict is Verdict.VALID
