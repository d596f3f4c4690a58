"""A mark is believed only where the whole imprint is seen, be it in the slices of a riding seam."""

import io
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name as name

from crypto.asn1 import der
from crypto.pdf.marks import drawing as pdf_marks
from crypto.pdf.marks.visible_part import (
    NOTHING,
    WHOLE,
    Matrix,
    Slice,
    in_seams,
    is_whole,
    product,
    rectangle,
    visible_part,
)
from crypto.pdf.reading.document import Document
from crypto.pdf.signing.sign import sign_revision
from crypto.pdf.signing.values import SignatureMaker
from crypto.pki.certificate import Certificate
from crypto.pki.revocation_list import Crl
from crypto.seal.date_mark import DateMark
from crypto.seal.mark import Mark
from crypto.verdict import Verdict
from tests.world.documents import MM, classic_pdf, contents_of
from tests.world.sealing import SIGNED_AT, World, codes, content, drawn

SIZE = 40 * MM
EDIT = Callable[[generic.StreamObject], None]


def in_picture(operators: bytes) -> EDIT:
    """Before the picture is drawn, in its own space: it is one unit wide and high."""
    return content(b" cm /Imprint", b" cm " + operators + b" /Imprint")


def in_form(operators: bytes) -> EDIT:
    """Before the picture is placed, in points from the mark's corner."""
    return content(b"q /Multiply gs", b"q " + operators + b" /Multiply gs")


def box(*corners: float, key: str = "/BBox") -> EDIT:
    def edit(form: generic.StreamObject) -> None:
        form[name(key)] = generic.ArrayObject([generic.FloatObject(f"{n:.4f}") for n in corners])

    return edit


def nested(
    corners: Sequence[float] | None,
    matrix: Sequence[float] = (1, 0, 0, 1, 0, 0),
    before: bytes = b"",
) -> EDIT:
    """The whole drawing in a form inside, as other makers write theirs."""

    def edit(form: generic.StreamObject) -> None:
        inside = generic.StreamObject(dict(form), stream_data=form.data)
        box(*matrix, key="/Matrix")(inside)
        if corners is None:
            del inside[name("/BBox")]
        else:
            box(*corners)(inside)
        drawing = {name("/XObject"): generic.DictionaryObject({name("/FRM"): inside})}
        form[name("/Resources")] = generic.DictionaryObject(drawing)
        content(form.data, b"q " + before + b" /FRM Do Q")(form)

    return edit


def both(*edits: EDIT) -> EDIT:
    def edit(form: generic.StreamObject) -> None:
        for each in edits:
            each(form)

    return edit


ALL = (0, 0, SIZE, SIZE)
_AWRY = b".8660 .5 -.5 .8660 0 0 cm "
_BACK = b" .8660 -.5 .5 .8660 0 0 cm"


@pytest.mark.parametrize(
    "edit",
    [
        in_picture(b"0 0 .5 1 re W n"),
        in_picture(b".45 0 .1 1 re W n"),
        in_picture(b"0 .1 1 .9 re W* n"),
        in_picture(b".5 0 -.5 1 re W n"),
        in_picture(b"0 0 .6 1 re W n .4 0 .6 1 re W n"),
        in_picture(b"2 0 1 1 re W n"),
        in_picture(b"0 0 0 0 re W n"),
        in_form(b"0 0 20 114 re W n"),
        in_form(b"0 0 20 114 re W n q 0 0 500 500 re W n"),
        in_form(b"1 0 0 1 30 0 cm"),
        in_form(b"1 0 0 1 500 0 cm"),
        in_form(b"0 0 0 0 0 0 cm"),
        box(0, 0, 20, SIZE),
        box(SIZE / 2, 0, 0, SIZE),
        box(SIZE, SIZE, 2 * SIZE, 2 * SIZE),
        nested((0, 0, SIZE, 30)),
        nested(ALL, (1, 0, 0, 1, 60, 0)),
        nested(ALL, before=b"40 0 20 114 re W n"),
        both(nested(ALL), nested((0, 0, SIZE, 30))),
    ],
    ids=[
        *("half", "sliver", "a tenth missing", "drawn backwards", "two clips", "beside", "empty"),
        *("in points", "in force outside", "pushed out", "pushed far", "shrunk to a point"),
        *("box", "box backwards", "box elsewhere", "inner box", "inner matrix", "around a form"),
        "two forms deep",
    ],
)
def test_a_mark_of_which_only_a_part_is_seen_does_not_match(world: World, edit: EDIT) -> None:
    report = world.verify(drawn(world, edit, classic_pdf()))
    assert report.verdict is Verdict.UNKNOWN
    found = codes(report.signatures[0])
    assert "mark_hidden" in found
    assert "mark_matches" not in found


@pytest.mark.parametrize(
    "edit",
    [
        in_picture(b"0 0 1 1 re W"),
        in_picture(b"0 0 1 1 re W Q q"),
        in_picture(b"0 0 1 1 re W 0 0 .1 .1 re n"),
        in_picture(b"W n"),
        in_picture(b"0 0 m 1 0 l 1 1 l 0 1 l h W n"),
        in_picture(b"0 1 1 re W n"),
        in_picture(b"/a 0 1 1 re W n"),
        in_picture(b"0 0 1 1 re W n " * 120),
        in_picture(b"0 0 1" + b"0" * 400 + b" 1 re W n"),
        in_form(_AWRY + b"30 -20 60 60 re W n" + _BACK),
        in_form(b"1 0 0 1" + b"0" * 400 + b" 0 0 cm"),
        in_form(b"-1 0 0 1 113.3858 0 cm"),
        in_form(b"1 0 .5 1 0 0 cm"),
        nested(None),
        nested((0, 0, SIZE)),
    ],
    ids=[
        *(
            "not ended",
            "ended too late",
            "more path after it",
            "no path",
            "polygon",
            "three numbers",
        ),
        *("no number", "too many", "beyond all bounds", "awry", "matrix beyond all bounds"),
        *("mirrored", "leaning", "no inner box", "half an inner box"),
    ],
)
def test_a_mark_whose_clip_is_not_followed_does_not_match(world: World, edit: EDIT) -> None:
    report = world.verify(drawn(world, edit, classic_pdf()))
    assert report.verdict is Verdict.UNKNOWN
    found = codes(report.signatures[0])
    assert "mark_unreadable" in found
    assert "mark_matches" not in found


@pytest.mark.parametrize(
    "edit",
    [
        in_picture(b"0 0 1 1 re W n"),
        in_picture(b"1 1 -1 -1 re W* n"),
        in_picture(b"0 0 .5 1 re n"),
        in_picture(b"q 0 0 .5 1 re W n Q"),
        in_form(b"-500 -500 1000 1000 re W n"),
        in_form(_AWRY + b"-500 -500 1000 1000 re W n" + _BACK),
        in_form(b".5 .3 -.3 .5 40 10 cm"),
        box(0, 0, 113, 113),
        box(SIZE, SIZE, 0, 0),
        box(0.5, 0.8660, -0.8660, 0.5, 0, 0, key="/Matrix"),
        nested(ALL),
        both(nested(ALL), nested(ALL)),
        nested((-100, -100, 300, 300), before=b"0 0 114 114 re W n"),
    ],
    ids=[
        *(
            "to all of it",
            "drawn backwards",
            "a path and no clip",
            "undone",
            "wide",
            "wide and awry",
        ),
        *("picture turned", "box in whole points", "box backwards", "form turned"),
        *("inner form", "two forms", "wide inner form"),
    ],
)
def test_a_mark_that_is_seen_whole_matches(world: World, edit: EDIT) -> None:
    report = world.verify(drawn(world, edit, classic_pdf()))
    assert report.verdict is Verdict.VALID
    assert "mark_matches" in codes(report.signatures[0])


def test_a_mark_of_which_a_viewer_may_show_no_state_does_not_match(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = pdf_marks._annotate

    def changed(writer: Any, page: Any, widget: generic.IndirectObject) -> None:
        look = widget.get_object()[name("/AP")]
        look[name("/N")] = generic.DictionaryObject({name("/On"): look.raw_get("/N")})
        original(writer, page, widget)

    monkeypatch.setattr(pdf_marks, "_annotate", changed)
    report = world.verify(world.sign(classic_pdf()))
    assert report.verdict is Verdict.UNKNOWN
    assert "mark_unreadable" in codes(report.signatures[0])


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
@pytest.mark.parametrize("unit", [None, 2.0])
def test_a_mark_that_reaches_over_the_edge_of_the_page_does_not_match(
    world: World, rotate: int, unit: float | None
) -> None:
    original = classic_pdf(media=(20, 30, 620, 830), rotate=rotate, unit=unit)
    for left, seen in ((-2.0, "mark_hidden"), (-0.5, "mark_matches"), (0.0, "mark_matches")):
        report = world.verify(world.sign(original, marks=[Mark(0, left, 50, 40.0, 40.0)]))
        assert codes(report.signatures[0]) & {"mark_hidden", "mark_matches"} == {seen}


# ---------------------------------------------------------------- riding seams


def seam(
    pages: Sequence[int], *, across: bool = True, near: float = 0.0, beside: float = 100.0
) -> list[Mark]:
    """A 40 mm seal cut into a slice for each of *pages*."""
    marks = []
    for place, page in enumerate(pages):
        start, end = place / len(pages), (place + 1) / len(pages)
        wide = 40.0 / len(pages)
        if across:
            marks.append(Mark(page, near, beside, wide, 40.0, (start, 0.0, end, 1.0)))
        else:
            marks.append(Mark(page, beside, near, 40.0, wide, (0.0, start, 1.0, end)))
    return marks


def counted(world: World, marks: Sequence[Mark], pages: int, **options: Any) -> tuple[int, int]:
    """How many of the marks match, and how many are hidden."""
    report = world.verify(world.sign(classic_pdf(pages=pages, **options), marks=marks))
    found = [each.code for each in report.signatures[0].findings]
    matching, hidden = found.count("mark_matches"), found.count("mark_hidden")
    assert matching + hidden == len(marks)
    assert report.verdict is (Verdict.UNKNOWN if hidden else Verdict.VALID)
    return matching, hidden


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
@pytest.mark.parametrize("across", [True, False])
@pytest.mark.parametrize("count", [2, 3, 20])
def test_a_complete_riding_seam_matches(
    world: World, count: int, across: bool, rotate: int
) -> None:
    marks = seam(range(count), across=across)
    assert counted(world, marks, count, rotate=rotate) == (count, 0)


def test_seams_in_groups_and_on_several_edges_match_beside_whole_seals(world: World) -> None:
    groups = [*seam(range(14)), *seam(range(14, 28)), *seam(range(28, 41))]
    right = [*seam(range(14), near=180.0)]
    top = seam(range(5), across=False)
    whole = [Mark(0, 100, 200, 40.0, 40.0)]
    marks = [*whole, *groups, *right, *top]
    assert counted(world, marks, 41) == (len(marks), 0)


def sealed_one_by_one(world: World, marks: Sequence[Mark]) -> bytes:
    """Each of the marks with a signature of its own."""
    data = classic_pdf(pages=1 + max(mark.page for mark in marks))
    for mark in marks:
        data = world.sign(data, marks=[mark])
    return data


def test_the_slices_of_a_seam_may_have_a_signature_each(world: World) -> None:
    report = world.verify(sealed_one_by_one(world, seam(range(4))))
    assert all("mark_matches" in codes(each) for each in report.signatures)
    assert [each.verdict for each in report.signatures] == [
        *[Verdict.VALID] * 3,
        Verdict.VALID,
    ]
    for kept in (seam(range(4))[:3], seam(range(4))[1:]):
        report = world.verify(sealed_one_by_one(world, kept))
        assert all("mark_hidden" in codes(each) for each in report.signatures)
        assert report.verdict is Verdict.UNKNOWN


def test_a_seam_put_over_another_with_the_same_seal_harms_neither(world: World) -> None:
    once = world.sign(classic_pdf(pages=3), marks=seam(range(3)))
    report = world.verify(world.sign(once, marks=seam(range(3), near=2.0)))
    found = [each.code for one in report.signatures for each in one.findings]
    assert found.count("mark_matches") == 6
    assert report.verdict is Verdict.VALID


def test_slices_of_anothers_seal_complete_no_seam(world: World) -> None:
    twin = world.holder("32130000000103", world.first.picture)
    trust = replace(world.trust, statements=(*world.trust.statements, world.statement(twin)))
    left, right = seam(range(2))
    data = world.sign(world.sign(classic_pdf(pages=2), marks=[left]), twin, [right])
    report = world.verify(data, trust=trust)
    assert all("mark_hidden" in codes(each) for each in report.signatures)


def test_slices_under_a_signature_that_is_disproved_complete_no_seam(world: World) -> None:
    data = sealed_one_by_one(world, seam(range(2)))
    (_, start, _, _), value = contents_of(data)[1]
    last = start + 2 * der.parse(value, trailing=True).end  # the last digit of the signature
    digit = b"0" if data[last : last + 1] != b"0" else b"1"
    good, bad = world.verify(data[:last] + digit + data[last + 1 :]).signatures
    assert bad.verdict is Verdict.INVALID
    assert {"mark_hidden"} <= codes(good) & codes(bad)


def test_a_slice_alone_does_not_match(world: World) -> None:
    marks = [Mark(0, 0, 100, 10.0, 40.0, (0.25, 0.0, 0.5, 1.0))]
    assert counted(world, marks, 1) == (0, 1)


@pytest.mark.parametrize("missing", [0, 2, 4])
def test_a_seam_of_which_a_slice_is_missing_does_not_match(world: World, missing: int) -> None:
    marks = seam(range(5))
    del marks[missing]
    assert counted(world, marks, 5) == (0, 4)


def test_slices_of_different_sizes_are_no_seam(world: World) -> None:
    """Laid side by side they do not show the seal."""
    halves = [
        Mark(page, 0, 20, size / 2, size, (page / 2, 0.0, page / 2 + 0.5, 1.0))
        for page, size in ((0, 40.0), (1, 36.0))
    ]
    report = world.verify(world.sign(classic_pdf(pages=2), marks=halves))
    assert "mark_hidden" in codes(report.signatures[0])
    assert report.verdict is Verdict.UNKNOWN
    alike = [replace(each, width_mm=18.0, height_mm=36.0) for each in halves]
    smaller = world.verify(world.sign(classic_pdf(pages=2), marks=alike))
    assert "mark_hidden" not in codes(smaller.signatures[0])


def test_a_whole_seal_does_not_complete_a_seam(world: World) -> None:
    marks = [Mark(1, 100, 200, 40.0, 40.0), *seam(range(2))[:1]]
    assert counted(world, marks, 2) == (1, 1)


@pytest.mark.parametrize("part", [(0.4, 0.45), (0.49, 0.51), (0.49, 0.528), (0.0, 0.01)])
def test_a_sliver_beside_a_complete_seam_does_not_match(
    world: World, part: tuple[float, float]
) -> None:
    start, end = part
    sliver = Mark(4, 0, 100, 40 * (end - start), 40.0, (start, 0.0, end, 1.0))
    assert counted(world, [*seam(range(4)), sliver], 5) == (4, 1)


def test_quarters_are_no_seam(world: World) -> None:
    corners = [(0.0, 0.0), (0.5, 0.0), (0.0, 0.5), (0.5, 0.5)]
    marks = [
        Mark(page, 0, 100, 20.0, 20.0, (x, y, x + 0.5, y + 0.5))
        for page, (x, y) in enumerate(corners)
    ]
    assert counted(world, marks, 4) == (0, 4)


def test_slices_laid_together_otherwise_on_one_page_do_not_match(world: World) -> None:
    """Two halves the wrong way round show another picture than the one that was signed."""
    left, right = seam([0, 0])
    marks = [left, Mark(0, 22.0, 100, 20.0, 40.0, right.part)]
    assert counted(world, marks, 1) == (0, 2)
    apart = [left, Mark(0, 120.0, 100, 20.0, 40.0, right.part)]
    assert counted(world, apart, 1) == (2, 0)


def test_more_slices_on_a_page_than_it_has_edges_do_not_match(world: World) -> None:
    marks = [mark for at in range(5) for mark in seam([0, 1], near=40.0 * at)]
    assert counted(world, marks, 2) == (0, 10)


def test_a_sliver_that_a_later_seal_adds_makes_the_earlier_doubtful(world: World) -> None:
    """A red stroke out of a seal's frame could cross out a number."""
    first = world.sign(classic_pdf(pages=2))
    marks = [Mark(page, 0, 20, 15.0, 30.0, (page / 2, 0.0, page / 2 + 0.5, 1.0)) for page in (0, 1)]
    whole = world.verify(world.sign(first, world.second, marks))
    assert [each.verdict for each in whole.signatures] == [*(Verdict.VALID, Verdict.VALID)]
    cut = world.verify(world.sign(first, world.second, marks[:1]))
    assert "mark_covers" in codes(cut.signatures[0])
    assert cut.verdict is Verdict.UNKNOWN


def test_a_date_beside_a_sliver_is_no_date_of_a_seal(world: World) -> None:
    sliver = Mark(0, 100, 200, 4.0, 40.0, (0.4, 0.0, 0.5, 1.0))
    report = world.verify(world.sign(classic_pdf(), marks=[sliver], dates=[DateMark(0, 120, 250)]))
    found = codes(report.signatures[0])
    assert {"mark_hidden", "mark_unreadable"} <= found
    assert not found & {"mark_matches", "date_matches"}


def test_a_later_date_beside_a_slice_makes_the_earlier_seal_doubtful(world: World) -> None:
    """No whole seal beside it says whose date it is."""
    first = world.sign(classic_pdf(pages=2))
    halves = [Mark(n, 0, 20, 15.0, 30.0, (n / 2, 0.0, n / 2 + 0.5, 1.0)) for n in (0, 1)]
    data = world.sign(first, world.second, halves, dates=[DateMark(0, 20, 55)])
    report = world.verify(data)
    assert {"mark_matches", "date_matches"} <= codes(report.signatures[1])
    assert "mark_covers" in codes(report.signatures[0])


@pytest.mark.parametrize("over", [False, True], ids=["blank", "over a line"])
@pytest.mark.parametrize("left", [-25.0, 100.0, 195.0, 400.0])
def test_a_later_picture_without_a_seal_is_no_less_there_if_it_reaches_over_the_edge(
    world: World, foreign_root: Any, rsa_key: Any, foreign_crl: bytes, left: float, over: bool
) -> None:
    """Of a signature that has no seal, only what shows nothing at all leaves the earlier as it was;
    what it shows on blank ground changes it, over text it makes it doubtful."""
    root = Certificate.parse(foreign_root.certificate)
    trust = replace(world.trust, crls=(Crl.parse(foreign_crl),))
    trust = replace(trust, signers=(*trust.signers, root))
    maker = SignatureMaker("pades", rsa_key)
    output = io.BytesIO()
    sign_revision(
        Document(
            io.BytesIO(world.sign(classic_pdf(content=b"0 740 m 600 740 l S" if over else b"")))
        ),
        output,
        profile=maker.label,
        value_size=maker.size,
        make_value=lambda revision: maker.make(revision, SIGNED_AT),
        marks=[Mark(0, left, 20, 40.0, 40.0)],
        picture=world.first.picture,
        signed_at=SIGNED_AT,
    )
    first, later = world.verify(output.getvalue(), trust=trust).signatures
    assert later.verdict is Verdict.VALID
    seen = {"later_signature_seen": Verdict.VALID_CHANGED_LATER, "mark_covers": Verdict.UNKNOWN}
    expected = "mark_covers" if over else "later_signature_seen"
    assert (expected if left < 210 else "later_signature_unseen") in codes(first)
    assert first.verdict is (seen[expected] if left < 210 else Verdict.VALID)


# ---------------------------------------------------------------- geometry

NUMBERS = st.floats(-3, 3, allow_nan=False)
MATRICES = st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS, NUMBERS, NUMBERS)
UPRIGHT = st.builds(
    rectangle, NUMBERS, NUMBERS, NUMBERS, NUMBERS, st.just((1.0, 0.0, 0.0, 1.0, 0.0, 0.0))
)


def holds(clip: Matrix, x: float, y: float) -> bool:
    """Is the point within the parallelogram? By the signs of its edges."""
    a, b, c, d, e, f = clip
    corners = [(e, f), (e + a, f + b), (e + a + c, f + b + d), (e + c, f + d)]
    turns = [
        (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0)
        for (x0, y0), (x1, y1) in zip(corners, (*corners[1:], corners[0]), strict=True)
    ]
    return all(turn >= -1e-6 for turn in turns) or all(turn <= 1e-6 for turn in turns)


@given(MATRICES, st.lists(UPRIGHT | MATRICES, max_size=3))
def test_what_is_called_visible_is_visible(picture: Matrix, clips: list[Matrix]) -> None:
    a, b, c, d = picture[:4]
    assume(abs(a * d - b * c) > 0.05)
    part = visible_part(picture, clips)
    if part is None:
        return
    left, bottom, right, top = part
    inset = 0.03  # more than the slack
    for across in (0.0, 0.25, 0.5, 1.0):
        for up in (0.0, 0.25, 0.5, 1.0):
            x = left + inset + (right - left - 2 * inset) * across
            y = bottom + inset + (top - bottom - 2 * inset) * up
            if not (left < x < right and bottom < y < top):
                continue
            place = product((0, 0, 0, 0, x, y), picture)[4:]
            assert all(holds(clip, *place) for clip in clips)


@given(st.lists(UPRIGHT, max_size=3))
def test_nothing_that_is_visible_of_an_upright_picture_is_missed(clips: list[Matrix]) -> None:
    part = visible_part((1, 0, 0, 1, 0, 0), clips)
    assert part is not None
    for x in (0.1, 0.3, 0.5, 0.7, 0.9):
        for y in (0.1, 0.5, 0.9):
            inside = part[0] - 1e-9 <= x <= part[2] + 1e-9 and part[1] <= y <= part[3] + 1e-9
            strictly = all(
                min(e, e + a) + 1e-6 < x < max(e, e + a) - 1e-6
                and min(f, f + d) + 1e-6 < y < max(f, f + d) - 1e-6
                for a, _, _, d, e, f in clips
            )
            assert inside or not strictly


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan])
def test_numbers_beyond_all_bounds_show_nothing_that_can_be_told(number: float) -> None:
    plain = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
    assert visible_part(plain, [(number, 0, 0, 1, 0, 0)]) is None
    assert visible_part((number, 0, 0, 1, 0, 0), [plain]) in (None, NOTHING)
    assert not is_whole(NOTHING)
    assert is_whole(WHOLE)


@given(
    st.lists(st.floats(0.05, 1), min_size=2, max_size=15).filter(
        lambda widths: min(widths) / sum(widths) > 0.045
    ),
    st.booleans(),
    st.randoms(use_true_random=False),
)
def test_any_cut_into_strips_is_a_seam_until_one_is_missing(
    widths: list[float], across: bool, dice: Any
) -> None:
    edges = [sum(widths[:count]) / sum(widths) for count in range(len(widths) + 1)]
    strips = [
        Slice(page, (start, 0.0, end, 1.0) if across else (0.0, start, 1.0, end), (0, 0, 1, 1))
        for page, (start, end) in enumerate(pairwise(edges))
    ]
    dice.shuffle(strips)
    assert in_seams(strips) == [True] * len(strips)
    assert not any(in_seams(strips[1:]))
