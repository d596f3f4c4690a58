"""Signatures that stand in the file and that its last revision does not lead to are told."""

from __future__ import annotations

import re

import pytest

from crypto.pdf.hidden import MAX_VERSIONS
from crypto.verdict import Verdict
from crypto.wording import conclusion
from tests.world.documents import append_revision, build_pdf, classic_pdf, rooted_at
from tests.world.sealing import World, codes

PAGE = (
    b"<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<</Font<</F 3 0 R>>>>"
    b"/MediaBox[0 0 595.276 841.89]>>"
)
"""As it was before anybody signed: a mark on a page leads to its field."""


def without_form(world: World) -> bytes:
    sealed = world.sign(classic_pdf())
    catalog = {1: b"<</Type/Catalog/Pages 2 0 R>>"}
    assert world.verify(append_revision(sealed, catalog)).verdict is Verdict.INVALID
    return append_revision(sealed, {**catalog, 5: PAGE})


def another_catalog(world: World) -> bytes:
    sealed = world.sign(classic_pdf(), marks=[])
    bare = append_revision(sealed, {5: PAGE})
    return rooted_at(bare, 90, b"<</Type/Catalog/Pages 2 0 R>>")


def without_fields(world: World) -> bytes:
    sealed = world.sign(classic_pdf())
    found = re.search(rb"/AcroForm (\d+) 0 R", sealed)
    assert found
    return append_revision(sealed, {int(found[1]): b"<</Fields[]/SigFlags 3>>", 5: PAGE})


def tables_begin_anew(world: World) -> bytes:
    """A whole document is written behind the sealed one, with tables that know nothing of it."""
    sealed = world.sign(classic_pdf())
    other = build_pdf(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>",
        ]
    )
    shift = len(sealed)
    moved = re.sub(rb"(\d{10}) 00000 n", lambda m: b"%010d 00000 n" % (int(m[1]) + shift), other)
    start = int(moved[moved.rindex(b"startxref") :].split()[1])
    return sealed + moved.replace(b"startxref\n%d" % start, b"startxref\n%d" % (start + shift))


WAYS = {
    "a catalog without a form": without_form,
    "another catalog": another_catalog,
    "a form without fields": without_fields,
    "tables that begin anew": tables_begin_anew,
}


@pytest.mark.parametrize("way", WAYS)
def test_a_file_that_hides_its_signature_is_not_called_unsigned(world: World, way: str) -> None:
    report = world.verify(WAYS[way](world))
    assert report.signatures == ()
    assert report.verdict is Verdict.UNKNOWN
    [finding] = [each for each in report.findings if each.code == "signatures_hidden"]
    assert finding.details["who"] == "宿迁市测试单位"
    assert "藏了起来" in conclusion(report).sentence
    assert "藏了起来" not in conclusion(report, "en").sentence


def test_a_seal_over_a_file_that_hides_another_is_not_green(world: World) -> None:
    both = world.sign(without_form(world), world.second)
    report = world.verify(both)
    assert [each.verdict for each in report.signatures] == [Verdict.VALID]
    assert report.verdict is Verdict.UNKNOWN
    assert "signatures_hidden" in codes(report)


def test_files_that_hide_nothing_say_nothing(world: World) -> None:
    plain = classic_pdf()
    one = world.sign(plain)
    both = world.sign(one, world.second, world.marks(world.second, left=20))
    for data in (plain, one, both, append_revision(both, {70: b"<</Anything/Else>>"})):
        assert "signatures_hidden" not in codes(world.verify(data))


def test_a_signed_file_that_is_attached_is_not_hidden(world: World) -> None:
    """Its byte range counts from its own beginning, and nothing there is a version of this one."""
    sealed = world.sign(classic_pdf())
    attached = b"<</Type/EmbeddedFile/Length %d>>stream\n%s\nendstream" % (len(sealed), sealed)
    outer = classic_pdf(extra=[attached])
    assert world.verify(outer).verdict is Verdict.UNSIGNED
    assert codes(world.verify(outer)) == set()
    twice = world.sign(world.sign(outer), world.second, world.marks(world.second, left=20))
    assert world.verify(twice).verdict is not Verdict.INVALID
    assert "signatures_hidden" not in codes(world.verify(twice))


def test_more_byte_ranges_than_are_opened_are_not_believed(world: World) -> None:
    ranges = b"".join(b"/ByteRange[0 10 20 %d]" % n for n in range(MAX_VERSIONS + 1))
    report = world.verify(classic_pdf(extra=[b"(%s)" % ranges]))
    assert report.verdict is Verdict.UNKNOWN
