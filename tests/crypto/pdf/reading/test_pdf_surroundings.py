"""What stands around a document in its file: judged without it, and told."""

from __future__ import annotations

import io
import random
import re
import zlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.algorithms.gm import sm3
from crypto.pdf.reading.failures import PdfLineEnds, PdfUnreadable
from crypto.pdf.reading.surroundings import NEAR, Surroundings, without_surroundings
from crypto.report.pictures import Pictures
from crypto.report.words import Words
from crypto.verdict import Report, Verdict
from crypto.wording import say
from tests.world.documents import build_pdf, classic_pdf
from tests.world.sealing import World

BEFORE = {
    "byte order mark": b"\xef\xbb\xbf",
    "blank lines": b"\r\n\r\n   ",
    "head of a mail": b"Content-Type: application/pdf\r\nContent-Transfer-Encoding: binary\r\n\r\n",
    "of another": b"Content-Type: application/octet-stream\r\nSubject: the object of sale\r\n\r\n",
}
PAGE = b"\n<!DOCTYPE html><html><body><p>502 Bad Gateway</p></body></html>\n"
BEHIND = {
    "an error page": PAGE,
    "a long one": PAGE * 60,
    "zeros to the end of the block": bytes(5000),
    "line ends": b"\r\n" * 2000,
    "another end": b"\n%%EOF\n",
    "words": b"\nhttp trailer\n",
}


@pytest.fixture(scope="module")
def sealed(world: World) -> bytes:
    return world.sign(classic_pdf(), world.first)


def told(report: Report) -> set[str]:
    return {each.code for each in report.findings}


def printed(report: Report, language: str) -> str:
    """The report as it is printed, without the heading that names the whole file."""
    parts = Words(language).parts(report, {}, Pictures(), "")
    text = re.sub(r"<[^>]*>|[\u200b\u2060]", "", "".join(part.body for part in parts))
    return text.replace(say("report", "whole", language), "")


@pytest.mark.parametrize("before", BEFORE.values(), ids=BEFORE)
def test_what_stands_before_the_document_is_told(
    world: World, sealed: bytes, before: bytes
) -> None:
    report = world.verify(before + sealed)
    plain = world.verify(sealed)
    assert report.verdict is plain.verdict is Verdict.VALID
    assert told(report) == {"bytes_before_start"}
    assert report.signatures == plain.signatures
    assert report.file.size == len(before) + len(sealed)
    assert report.file.sm3 == sm3(before + sealed).hex()
    assert report.file.revisions == tuple(len(before) + each for each in plain.file.revisions)


@pytest.mark.parametrize("behind", BEHIND.values(), ids=BEHIND)
def test_what_stands_behind_the_document_is_told(
    world: World, sealed: bytes, behind: bytes
) -> None:
    report = world.verify(sealed + behind)
    assert report.verdict is Verdict.VALID
    assert told(report) == {"bytes_behind_end"}
    assert report.signatures == world.verify(sealed).signatures


@pytest.mark.parametrize("before", [b"%PDF-1.4\n", b"%PDF-1.3\r\n%\xe2\xe3\xcf\xd3\r\n\r\n"])
def test_a_second_head_before_the_document_is_told(
    world: World, sealed: bytes, before: bytes
) -> None:
    """Readers count from the first, find no table and look for the objects: the same ones."""
    report = world.verify(before + sealed)
    assert report.verdict is Verdict.VALID
    assert told(report) == {"bytes_before_start"}
    assert report.signatures == world.verify(sealed).signatures
    hidden = b"80 0 obj\n<<>>\nendobj\n"
    table = re.compile(rb"(?<=startxref\n)\d+").search(original := classic_pdf())
    assert table is not None
    moved = b"%d" % (int(table[0]) + len(hidden))
    place = int(table[0])
    original = original[:place] + hidden + original[place : table.start()] + moved + b"\n%%EOF\n"
    prepared = world.sign(original, world.first)
    assert world.verify(prepared).verdict is Verdict.VALID
    assert world.verify(before + prepared).verdict is Verdict.UNKNOWN, "a repair would find it"


@pytest.mark.parametrize(
    "before",
    [
        b"80 0 obj\n<</Type/Catalog>>\nendobj\n",
        b"80 0 %\nobj<<>>endobj ",
        b"trailer <</Root 1 0 R>>\n",
        b"%PDF-1.4\n4 0 obj\n<<>>\nendobj\n",
    ],
)
def test_what_could_be_part_of_a_document_is_no_accident_before_it_either(
    world: World, sealed: bytes, before: bytes
) -> None:
    report = world.verify(before + sealed)
    assert report.verdict is Verdict.UNKNOWN
    assert told(report) == {"bytes_before_start", "range_incomplete"}


BLANKS = (b"", b"\xef\xbb\xbf", b"\r\n\r\n   ")
PARTS = (
    b"80 0 obj\n<<>>\nendobj\n",
    b"trailer <</Root 1 0 R>>\n",
    b"%PDF-1.4\n4 0 obj\n<<>>\nendobj\n",
)


@pytest.mark.parametrize("later", [False, True], ids=["last", "continued"])
@pytest.mark.parametrize("blanks", BLANKS, ids=["", "byte order mark", "blank lines"])
@pytest.mark.parametrize("part", PARTS, ids=["object", "trailer", "second head"])
def test_no_signature_covers_all_where_something_is_not_covered(
    world: World, sealed: bytes, part: bytes, blanks: bytes, later: bool
) -> None:
    """The file may be another than the one that was read: nowhere is it said that all is covered,
    neither in words nor in the data."""
    document = world.sign(sealed, world.first) if later else sealed
    for report in (
        world.verify(blanks + part + document),
        world.verify(part + blanks + document + BEHIND["an error page"]),
    ):
        assert report.verdict is Verdict.UNKNOWN
        assert "range_incomplete" in told(report)
        for signature in report.signatures:
            assert signature.coverage != "file"
            codes = {each.code for each in signature.findings}
            assert not {"covers_file", "covers_revision"} & codes
            assert "range_incomplete" in codes, "under the heading that asks for the content"
            assert signature.verdict is Verdict.UNKNOWN
            assert signature.intact
        if later:  # what it was can be looked at
            assert report.signatures[0].coverage == "revision"
        for language, all_of_it in (("zh_CN", "整个文"), ("en", "the whole document")):
            assert all_of_it not in printed(report, language)


@pytest.mark.parametrize(
    ("before", "behind"),
    [*((each, b"") for each in BEFORE.values()), *((b"", each) for each in BEHIND.values())],
    ids=[*BEFORE, *BEHIND],
)
@pytest.mark.parametrize("language", ["zh_CN", "en"])
def test_what_is_covered_beside_harmless_bytes_is_called_the_document_not_the_file(
    world: World, sealed: bytes, before: bytes, behind: bytes, language: str
) -> None:
    report = world.verify(before + sealed + behind)
    (signature,) = report.signatures
    assert signature.coverage == "file"
    said = {say("findings", each.code, language) for each in signature.findings}
    whole_document, whole_file = {
        "zh_CN": ("签名保护整个文档。", "整个文件"),
        "en": ("The signature protects the whole document.", "the whole file"),
    }[language]
    assert whole_document in said
    assert whole_file not in printed(report, language)


def test_a_few_blanks_are_not_worth_telling(world: World, sealed: bytes) -> None:
    assert told(world.verify(sealed + b"\n" * 40)) == set()


@pytest.mark.parametrize(
    "behind",
    [b"\n9 0 obj\n<<>>\nendobj\n", b"\ntrailer\n<</Root 9 0 R>>"],
)
def test_what_could_be_part_of_a_document_is_no_accident(
    world: World, sealed: bytes, behind: bytes
) -> None:
    report = world.verify(sealed + behind)
    assert report.verdict not in (Verdict.VALID, Verdict.VALID_CHANGED_LATER)


@pytest.mark.parametrize("number", [b"7", b"4"], ids=["listed nowhere", "instead of another"])
def test_what_a_repair_would_show_is_not_called_good(world: World, number: bytes) -> None:
    """Sealed while no reader sees it; a thousand bytes behind the end, and some look for it."""
    hidden = number + b" 0 obj\n<</Type/Catalog/Pages 3 0 R>>\nendobj\n"
    original = classic_pdf()
    place = original.rindex(b"xref\n", 0, original.rindex(b"startxref"))
    table = b"startxref\n%d\n" % (place + len(hidden))
    original = original[:place] + hidden + original[place:]
    end = original.rindex(b"startxref")
    original = original[:end] + table + b"%%EOF\n"
    data = world.sign(original, world.first)
    assert world.verify(data).verdict is Verdict.VALID
    report = world.verify(data + bytes(NEAR + 200))
    assert report.verdict is Verdict.UNKNOWN
    assert "range_incomplete" in told(report)


def test_what_a_signer_covers_is_never_taken_away(world: World) -> None:
    """The blanks behind a document that was continued are inside the signature."""
    data = world.sign(classic_pdf() + bytes(600), world.first)
    report = world.verify(data)
    assert report.verdict is Verdict.VALID
    assert told(report) == set()


@given(st.binary(max_size=40), st.binary(max_size=60))
def test_nothing_between_header_and_end_is_lost(before: bytes, behind: bytes) -> None:
    document = build_pdf([b"<</Type/Catalog>>"])
    stream = io.BytesIO(before + document + behind)
    within, around = without_surroundings(stream)
    kept = within.read() if within is not stream else stream.getvalue()
    assert len(kept) + around.before + around.behind == len(stream.getvalue())
    assert document.rstrip() in kept
    assert around == replace(Surroundings(around.before, around.behind), suspect=around.suspect)


def test_line_ends_that_a_transfer_has_converted_are_told(world: World) -> None:
    """Nothing can be verified; what to ask the sender for is said."""
    for sealed in (classic_pdf(), world.sign(classic_pdf())):
        converted = sealed.replace(b"\n", b"\r\n")
        with pytest.raises(PdfLineEnds):
            world.verify(converted)
        one_kept = converted.replace(b"\r\n", b"\n", 1)
        with pytest.raises(PdfUnreadable) as caught:
            world.verify(one_kept)
        assert not isinstance(caught.value, PdfLineEnds), "binary data has line ends of both kinds"
    compressed = random.Random(1).randbytes(10_000).replace(b"\n", b"\r\n")
    holding = build_pdf(
        [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Count 0/Kids[]>>",
         b"<</Length %d>>stream\n%s\nendstream" % (len(compressed), compressed)]
    )  # fmt: skip
    with pytest.raises(PdfLineEnds):  # some were CR LF before, so nobody can turn them back
        world.verify(re.sub(rb"(?<!\r)\n", b"\r\n", holding))
    with pytest.raises(PdfUnreadable) as caught:
        world.verify(b"%PDF-1.7\r\nnothing of a file\r\n")
    assert not isinstance(caught.value, PdfLineEnds)


@pytest.mark.parametrize("how", ["seven bits", "question marks"])
def test_a_file_that_a_mail_system_cut_to_seven_bits_is_not_told_as_changed(
    world: World, how: str
) -> None:
    """It proves nothing, and nobody is to be suspected for it."""
    sealed = world.sign(compressed_pdf())
    cut = bytes(each & 127 if how == "seven bits" else min(each, 63) if each > 127 else each
                for each in sealed)  # fmt: skip
    report = world.verify(cut)
    assert report.verdict is Verdict.INVALID
    found = {each.code for each in report.signatures[0].findings}
    assert "damaged_in_transfer" in found
    assert "digest_mismatch" not in found


def test_a_file_that_was_changed_is_never_told_as_damaged_on_its_way(world: World) -> None:
    """Be it all of ASCII or not; what is compressed is whole."""
    for original, old, new in (
        (compressed_pdf(), b"/Producer(a)", b"/Producer(b)"),
        (classic_pdf(), b"/Count 1/Kids", b"/Count 2/Kids"),
    ):
        sealed = world.sign(original)
        assert old in sealed
        report = world.verify(sealed.replace(old, new, 1))
        assert report.verdict is Verdict.INVALID
        found = {each.code for each in report.signatures[0].findings}
        assert "digest_mismatch" in found
        assert "damaged_in_transfer" not in found


def compressed_pdf() -> bytes:
    content = zlib.compress(random.Random(1).randbytes(3000).hex().encode())
    return build_pdf(
        [b"<</Type/Catalog/Pages 2 0 R/Private<</Producer(a)>>>>",
         b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
         b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<<>>/Contents 4 0 R>>",
         b"<</Filter/FlateDecode/Length %d>>stream\n%s\nendstream" % (len(content), content)]
    )  # fmt: skip
