"""Marks lie where they were asked for, wholly on their page, and slices make the whole seal."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import (
    DateWithoutSeal,
    FieldNotFound,
    KeywordNotFound,
    OutsidePage,
    PageOutOfRange,
    PageRangeInvalid,
    PositionInvalid,
    SeamTooThin,
)
from app.placing import placement
from app.placing.placement import PageBox, SealSize, TextHit
from app.placing.written import Point, parse_keyword, parse_pages, parse_point, parse_riding
from crypto.seal.date_mark import DateMark
from crypto.seal.mark import Mark

A4 = PageBox(210, 297)
ROUND = SealSize(40, 40)

boxes = st.builds(
    PageBox,
    st.floats(60, 1200, allow_nan=False),
    st.floats(60, 1200, allow_nan=False),
)
sizes = st.builds(SealSize, st.integers(10, 50), st.integers(10, 50))
sides = st.sampled_from(["right", "left", "top", "bottom"])


# ---------------------------------------------------------------- page numbers


@pytest.mark.parametrize(
    ("text", "pages"),
    [
        ("1", (0,)),
        ("1,3-5", (0, 2, 3, 4)),
        ("5-5", (4,)),
        ("-1", (9,)),
        ("-10", (0,)),
        ("8-", (7, 8, 9)),
        ("8--1", (7, 8, 9)),
        ("3,1,3", (0, 2)),
        ("odd", (0, 2, 4, 6, 8)),
        ("even", (1, 3, 5, 7, 9)),
        ("all", tuple(range(10))),
        ("ALL", tuple(range(10))),
        (" 1 , 2 - 3 ", (0, 1, 2)),
        ("１，３、５", (0, 2, 4)),
        ("odd,-1", (0, 2, 4, 6, 8, 9)),
    ],
)
def test_page_ranges_are_read(text: str, pages: tuple[int, ...]) -> None:
    assert parse_pages(text, 10) == pages


@pytest.mark.parametrize("text", ["", "1,", "a", "1-2-3", "5-3", "--1", "1.5", "1 2", "+1"])
def test_what_is_no_range_is_quoted(text: str) -> None:
    with pytest.raises(PageRangeInvalid) as caught:
        parse_pages(text, 10)
    assert caught.value.text in text


@pytest.mark.parametrize(("text", "page"), [("11", 11), ("0", 0), ("-11", -11), ("3-11", 11)])
def test_a_page_that_is_not_there_is_named(text: str, page: int) -> None:
    with pytest.raises(PageOutOfRange) as caught:
        parse_pages(text, 10)
    assert (caught.value.page, caught.value.count) == (page, 10)


@given(pages=st.sets(st.integers(1, 300), min_size=1))
def test_any_list_of_pages_is_read_back(pages: set[int]) -> None:
    text = ",".join(map(str, sorted(pages)))
    assert parse_pages(text, 300) == tuple(page - 1 for page in sorted(pages))


@pytest.mark.parametrize(
    ("text", "point"),
    [
        ("120,240", Point(120, 240)),
        ("3:120.5,240", Point(120.5, 240, 3)),
        ("-1: 10 , 20", Point(10, 20, -1)),
    ],
)
def test_points_are_read(text: str, point: Point) -> None:
    assert parse_point(text) == point


@pytest.mark.parametrize("text", ["", "120", "1:2:3,4", "a,b", "1e3,4", "nan,1", "-5,4", "1,2,3"])
def test_what_is_no_point_is_refused(text: str) -> None:
    with pytest.raises(PositionInvalid):
        parse_point(text)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("盖章处", ("盖章处", None)),
        ("盖章处:2", ("盖章处", 2)),
        ("盖章处:-1", ("盖章处", -1)),
        ("甲方（盖章）:all", ("甲方（盖章）", "all")),
        ("甲方: 盖章", ("甲方: 盖章", None)),
        ("a:b:3", ("a:b", 3)),
        ("时间 12:", ("时间 12:", None)),
    ],
)
def test_keywords_are_read(text: str, read: tuple[str, object]) -> None:
    assert parse_keyword(text) == read


@pytest.mark.parametrize("text", ["", "  ", " :3"])
def test_an_empty_keyword_is_refused(text: str) -> None:
    with pytest.raises(PositionInvalid):
        parse_keyword(text)


# ---------------------------------------------------------------- coordinates and keywords


def test_coordinates_are_the_seals_centre() -> None:
    (mark,) = placement.at([A4], [0], 120, 240, ROUND)
    assert (mark.left_mm, mark.top_mm, mark.width_mm, mark.height_mm) == (100, 220, 40, 40)
    assert mark.part == (0, 0, 1, 1)


def test_the_same_place_on_several_pages() -> None:
    marks = placement.at([A4] * 5, [0, 2, 4], 50, 60, ROUND)
    assert [mark.page for mark in marks] == [0, 2, 4]
    assert {(mark.left_mm, mark.top_mm) for mark in marks} == {(30, 40)}


@pytest.mark.parametrize(("x", "y"), [(19, 100), (191, 100), (100, 19), (100, 278), (math.nan, 1)])
def test_a_seal_over_the_edge_is_refused_and_never_moved(x: float, y: float) -> None:
    with pytest.raises(OutsidePage) as caught:
        placement.at([A4], [0], x, y, ROUND)
    assert caught.value.page == 1


def test_a_seal_may_touch_the_edge() -> None:
    assert placement.at([A4], [0], 20, 20, ROUND)
    assert placement.at([A4], [0], 190, 277, ROUND)


def test_a_page_that_does_not_exist_is_refused() -> None:
    with pytest.raises(PageOutOfRange):
        placement.at([A4], [1], 50, 50, ROUND)


HITS = [TextHit(page, 100 + page, 200, 20, 5) for page in (0, 1, 3)]


@pytest.mark.parametrize(
    ("which", "pages"),
    [(None, [3]), (1, [0]), (2, [1]), (3, [3]), (-1, [3]), (-3, [0]), ("all", [0, 1, 3])],
)
def test_a_keyword_is_stamped_where_it_was_said(which: object, pages: list[int]) -> None:
    marks = placement.keyword([A4] * 4, HITS, ROUND, "盖章", which)  # type: ignore[arg-type]
    assert [mark.page for mark in marks] == pages
    for mark in marks:
        centre = (mark.left_mm + mark.width_mm / 2, mark.top_mm + mark.height_mm / 2)
        assert centre == (110 + mark.page, 202.5)


@pytest.mark.parametrize("which", [0, 4, -4])
def test_an_occurrence_that_is_not_there_is_an_error(which: int) -> None:
    with pytest.raises(KeywordNotFound) as caught:
        placement.keyword([A4] * 4, HITS, ROUND, "盖章", which)
    assert (caught.value.found, caught.value.wanted) == (3, which)


@pytest.mark.parametrize("which", [None, 1, "all"])
def test_a_text_that_does_not_occur_is_an_error(which: object) -> None:
    with pytest.raises(KeywordNotFound) as caught:
        placement.keyword([A4], [], ROUND, "盖章", which)  # type: ignore[arg-type]
    assert caught.value.found == 0


# ---------------------------------------------------------------- riding seam


def test_one_page_has_no_seam() -> None:
    assert placement.riding_seam([A4], ROUND) == []
    assert placement.riding_seam([A4] * 3, ROUND, pages=[1]) == []


def test_two_pages_share_the_seal_at_the_right_edge() -> None:
    first, second = placement.riding_seam([A4, A4], ROUND)
    assert (first.page, first.left_mm, first.width_mm) == (0, 190, 20)
    assert first.part == (0, 0, 0.5, 1)
    assert second.part == (0.5, 0, 1, 1)
    assert first.top_mm == second.top_mm == 297 / 2 - 20


def test_on_the_left_the_first_page_has_the_right_part() -> None:
    first, second = placement.riding_seam([A4, A4], ROUND, "left")
    assert (first.page, first.part) == (0, (0.5, 0, 1, 1))
    assert (second.left_mm, second.part) == (0, (0, 0, 0.5, 1))


@pytest.mark.parametrize(
    ("count", "groups"), [(20, [20]), (21, [10, 11]), (40, [20, 20]), (41, [13, 14, 14])]
)
def test_long_documents_get_several_seals_and_no_page_alone(count: int, groups: list[int]) -> None:
    marks = placement.riding_seam([A4] * count, ROUND)
    starts = [number for number, mark in enumerate(marks) if mark.part[0] == 0] + [count]
    found = [end - start for start, end in pairwise(starts)]
    assert sorted(found) == sorted(groups)


def test_a_printers_margin_keeps_the_slice_off_the_edge() -> None:
    for side, edge in (("right", 210 - 4), ("bottom", 297 - 4)):
        mark = placement.riding_seam([A4, A4], ROUND, side, margin_mm=4)[0]  # type: ignore[arg-type]
        far = mark.left_mm + mark.width_mm if side == "right" else mark.top_mm + mark.height_mm
        assert far == pytest.approx(edge)


def test_a_seam_that_leaves_the_page_is_refused() -> None:
    with pytest.raises(OutsidePage):
        placement.riding_seam([A4, PageBox(210, 30)], ROUND)
    with pytest.raises(OutsidePage):
        placement.riding_seam([A4, A4], ROUND, along=0.01)


def test_a_seam_over_pages_that_do_not_exist_is_refused() -> None:
    with pytest.raises(PageOutOfRange):
        placement.riding_seam([A4, A4], ROUND, pages=[0, 2])


@given(pages=st.lists(boxes, min_size=2, max_size=90), size=sizes, side=sides)
def test_slices_tile_the_seal_and_lie_on_their_pages(
    pages: list[PageBox], size: SealSize, side: placement.Side
) -> None:
    marks = placement.riding_seam(pages, size, side)
    assert [mark.page for mark in marks] == list(range(len(pages))), "every page exactly once"
    across = side in ("right", "left")
    low, high, whole = (0, 2, size.width_mm) if across else (1, 3, size.height_mm)
    group: list[float] = []
    edge = 0.0
    total = 0.0
    in_order = marks if side in ("right", "bottom") else marks[::-1]
    for mark in in_order:
        assert mark.part[low] == edge, "a slice begins exactly where the last one ended"
        assert (mark.part[1::2] if across else mark.part[0::2]) == (0, 1)
        edge = mark.part[high]
        width = mark.width_mm if across else mark.height_mm
        assert width == pytest.approx(whole * (mark.part[high] - mark.part[low]))
        total += width
        group.append(width)
        if edge == 1:
            assert total == pytest.approx(whole, abs=1e-9)
            assert 2 <= len(group) <= placement.MAX_SLICES, "no page alone, none too thin"
            group, edge, total = [], 0.0, 0.0
    assert group == []
    for mark, box in zip(marks, pages, strict=True):
        assert mark.left_mm >= -0.01
        assert mark.top_mm >= -0.01
        assert mark.left_mm + mark.width_mm <= box.width_mm + 0.01
        assert mark.top_mm + mark.height_mm <= box.height_mm + 0.01
        if side == "right":
            assert mark.left_mm + mark.width_mm == pytest.approx(box.width_mm)
        middle = (
            (mark.top_mm + size.height_mm / 2) / box.height_mm
            if across
            else (mark.left_mm + size.width_mm / 2) / box.width_mm
        )
        assert middle == pytest.approx(0.5), "the same relative height on every page"


@given(page=boxes, size=sizes, x=st.floats(0, 1200), y=st.floats(0, 1200))
def test_a_mark_is_at_its_place_or_refused(
    page: PageBox, size: SealSize, x: float, y: float
) -> None:
    fits = (
        size.width_mm / 2 <= x <= page.width_mm - size.width_mm / 2
        and size.height_mm / 2 <= y <= page.height_mm - size.height_mm / 2
    )
    try:
        (mark,) = placement.at([page], [0], x, y, size)
    except OutsidePage:
        assert not fits
    else:
        assert mark.left_mm + mark.width_mm / 2 == pytest.approx(x)
        assert mark.top_mm + mark.height_mm / 2 == pytest.approx(y)


# ---------------------------------------------------------------- dates

SEAL = Mark(0, 85, 100, 40, 40)


def test_a_date_stands_under_its_seal_in_the_middle() -> None:
    for style in ("cn", "iso"):
        (date,) = placement.dates_beside([A4], [SEAL], style)  # type: ignore[arg-type]
        assert date == DateMark(0, 105, 142, 5.0, style)  # type: ignore[arg-type]


def test_without_room_below_the_date_goes_above_or_to_a_side_or_nowhere() -> None:
    (above,) = placement.dates_beside([A4], [Mark(0, 85, 252, 40, 40)])
    assert (above.centre_mm, above.top_mm) == (105, 245)
    low = PageBox(210, 42)
    (right,) = placement.dates_beside([low], [Mark(0, 10, 1, 40, 40)])
    assert (right.centre_mm, right.top_mm) == (52 + right.room_mm / 2, 18.5)
    (left,) = placement.dates_beside([low], [Mark(0, 150, 1, 40, 40)])
    assert (left.centre_mm, left.top_mm) == (148 - left.room_mm / 2, 18.5)
    with pytest.raises(OutsidePage):
        placement.dates_beside([PageBox(60, 42)], [Mark(0, 10, 1, 40, 40)])


def test_dates_and_seals_do_not_lie_over_each_other_where_there_is_room() -> None:
    under = Mark(0, 85, 141, 40, 40)
    first, second = placement.dates_beside([A4], [SEAL, under])
    assert first.top_mm == 100 - 2 - 5  # above
    assert second.top_mm == 183
    beside = Mark(0, 90, 100, 40, 40)  # hardly moved: its date would lie over the other one
    one, two = placement.dates_beside([A4], [SEAL, beside])
    assert (one.top_mm, two.top_mm) == (142, 93)


def test_slices_of_a_riding_seam_get_no_date() -> None:
    slices = placement.riding_seam([A4, A4], ROUND)
    assert placement.dates_beside([A4, A4], slices) == []
    assert [each.page for each in placement.dates_beside([A4, A4], [*slices, SEAL])] == [0]


def test_an_explicit_date_is_never_moved() -> None:
    assert placement.date_at([A4], 0, 50, 60) == DateMark(0, 50, 57.5)
    for x, y in ((10, 60), (50, 1), (200, 60), (50, 296), (math.nan, 60)):
        with pytest.raises(OutsidePage):
            placement.date_at([A4], 0, x, y)
    with pytest.raises(PageOutOfRange):
        placement.date_at([A4], 1, 50, 60)


def test_each_date_belongs_to_one_whole_seal_of_its_page() -> None:
    slices = placement.riding_seam([A4, A4], ROUND)
    other = Mark(1, 20, 20, 40, 40)
    on_first, on_second = DateMark(0, 100, 100), DateMark(1, 40, 65)
    marks = [slices[0], SEAL, other]
    assert placement.dates_by_mark(marks, [on_second, on_first]) == [(), (on_first,), (on_second,)]
    for dates, page in (([DateMark(2, 1, 1)], 3), ([on_first, DateMark(0, 9, 9)], 1)):
        with pytest.raises(DateWithoutSeal) as caught:
            placement.dates_by_mark(marks, dates)
        assert caught.value.page == page


def test_a_date_far_from_its_seal_is_refused() -> None:
    """It might be read as the date of something else, and verification doubts earlier seals."""
    room = DateMark(0, 0, 0).room_mm / 2
    edge = 125 + placement.NEAR_MM + room  # SEAL ends at 125
    assert placement.is_near(SEAL, DateMark(0, edge - 0.1, 110))
    for date in (DateMark(0, edge + 0.1, 110), DateMark(0, 105, 140 + placement.NEAR_MM + 0.1)):
        assert not placement.is_near(SEAL, date)
        with pytest.raises(DateWithoutSeal):
            placement.dates_by_mark([SEAL], [date])


def test_dates_are_given_out_so_that_every_one_has_a_seal() -> None:
    left, right = Mark(0, 20, 100, 40, 40), Mark(0, 90, 100, 40, 40)
    between, beyond = DateMark(0, 70, 110), DateMark(0, 30, 142)
    assert placement.is_near(right, between)
    assert not placement.is_near(right, beyond)
    for dates in ([between, beyond], [beyond, between]):
        assert placement.dates_by_mark([left, right], dates) == [(beyond,), (between,)]


@given(boxes, st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=6), sizes)
def test_every_date_lies_on_its_page_beside_its_seal(
    box: PageBox, places: list[tuple[float, float]], size: SealSize
) -> None:
    marks = [
        Mark(0, x * (box.width_mm - size.width_mm), y * (box.height_mm - size.height_mm),
             size.width_mm, size.height_mm)
        for x, y in places
    ]  # fmt: skip
    try:
        dates = placement.dates_beside([box], marks)
    except OutsidePage:
        return
    assert len(placement.dates_by_mark(marks, dates)) == len(dates) == len(marks)
    for mark, date in zip(marks, dates, strict=True):
        left, right = date.centre_mm - date.room_mm / 2, date.centre_mm + date.room_mm / 2
        assert left >= -placement.TOLERANCE_MM
        assert right <= box.width_mm + placement.TOLERANCE_MM
        assert date.top_mm + placement.TOLERANCE_MM >= 0
        assert date.top_mm + date.height_mm <= box.height_mm + placement.TOLERANCE_MM
        apart = (
            right <= mark.left_mm
            or left >= mark.left_mm + mark.width_mm
            or date.top_mm >= mark.top_mm + mark.height_mm
            or date.top_mm + date.height_mm <= mark.top_mm
        )
        assert apart


# ---------------------------------------------------------------- as people write it


@pytest.mark.parametrize(
    ("text", "pages"),
    [
        ("１，３－５", (0, 2, 3, 4)),
        ("1、3–5", (0, 2, 3, 4)),
        ("3～5", (2, 3, 4)),
        ("－1", (9,)),
        ("单数页", (0, 2, 4, 6, 8)),
        ("全部", tuple(range(10))),
        ("双数，1", (0, 1, 3, 5, 7, 9)),
    ],
)
def test_page_ranges_take_chinese_punctuation(text: str, pages: tuple[int, ...]) -> None:
    assert parse_pages(text, 10) == pages


@pytest.mark.parametrize(
    ("text", "point"),
    [
        ("3：120，240", Point(120, 240, 3)),
        ("－1：30、40.5", Point(30, 40.5, -1)),
        ("１２０．５，２４０", Point(120.5, 240)),
        ("3： 120 ， 240", Point(120, 240, 3)),
    ],
)
def test_points_take_chinese_punctuation(text: str, point: Point) -> None:
    assert parse_point(text) == point


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("right", ("right", "all")),
        ("LEFT:odd", ("left", "odd")),
        ("右边：单数页", ("right", "单数页")),
        ("top: 1-10", ("top", "1-10")),
    ],
)
def test_seams_are_read(text: str, read: tuple[str, str]) -> None:
    assert parse_riding(text) == read


@pytest.mark.parametrize("text", ["", "middle", "right:", ":odd", "rightodd"])
def test_what_is_no_seam_is_refused(text: str) -> None:
    with pytest.raises(PositionInvalid):
        parse_riding(text)


# ---------------------------------------------------------------- corners, fields, groups


def test_a_place_from_a_corner_fits_pages_of_any_size() -> None:
    boxes = [A4, PageBox(297, 420)]
    first, second = placement.at(boxes, [0, 1], 50, 40, ROUND, "bottom right")
    assert (first.left_mm, first.top_mm) == (210 - 50 - 20, 297 - 40 - 20)
    assert (second.left_mm, second.top_mm) == (297 - 50 - 20, 420 - 40 - 20)


@given(boxes, st.floats(0, 60), st.floats(0, 60))
def test_the_nearest_corner_is_the_nearest_and_counts_back(
    box: PageBox, x: float, y: float
) -> None:
    corner = placement.nearest_corner(box, x, y)
    across, down = placement.from_corner(box, corner, x, y)
    assert across <= box.width_mm / 2 + 1e-9
    assert down <= box.height_mm / 2 + 1e-9
    assert placement.from_corner(box, corner, across, down) == pytest.approx((x, y))


def test_a_seal_stands_in_the_middle_of_a_signature_field() -> None:
    fields = {"甲方": TextHit(1, 100, 200, 50, 20)}
    for name in ("甲方", ""):  # "": the only one
        (mark,) = placement.in_field([A4, A4], fields, ROUND, name)
        assert (mark.page, mark.left_mm, mark.top_mm) == (1, 105, 190)
    two = {**fields, "乙方": TextHit(0, 10, 10, 50, 20)}
    for name, known in (("", two), ("丙方", two), ("丙方", {})):
        with pytest.raises(FieldNotFound) as refused:
            placement.in_field([A4, A4], known, ROUND, name)
        assert refused.value.known == ("甲方 · 乙方" if known else None)


@pytest.mark.parametrize(
    ("count", "most", "groups"),
    [
        (45, None, [45]),
        (45, 20, [15, 15, 15]),
        (9, 4, [3, 3, 3]),
        (7, 2, [2, 2, 3]),  # none has a page alone
        (3, 2, [3]),
    ],
)
def test_how_many_pages_share_a_seal_is_chosen(
    count: int, most: int | None, groups: list[int]
) -> None:
    marks = placement.riding_seam([A4] * count, ROUND, most=most)
    begins = [number for number, mark in enumerate(marks) if mark.part[0] == 0]
    assert [b - a for a, b in pairwise([*begins, count])] == groups


def test_slices_too_thin_to_be_seen_are_refused_with_a_number_that_works() -> None:
    with pytest.raises(SeamTooThin) as refused:
        placement.riding_seam([A4] * 200, ROUND, most=None)
    most = refused.value.most
    assert len(placement.riding_seam([A4] * 200, ROUND, most=most)) == 200
