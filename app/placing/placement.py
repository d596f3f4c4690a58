"""Where the seal goes: 单页 / 多页 / 骑缝 / 关键字 / 坐标 → a list of marks in millimetres; and the
date beside it.

The preview paints and the signature draws this same list. Positions count from the top left of the
page as displayed. The seal has its filed size: it is never scaled, and never moved — where it does
not lie wholly on its page, :class:`app.errors.OutsidePage` says so.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from itertools import pairwise
from typing import Literal

from app.errors import (
    DateWithoutSeal,
    FieldNotFound,
    KeywordNotFound,
    OutsidePage,
    PageOutOfRange,
    SeamTooThin,
)
from crypto.frozen import frozen
from crypto.seal.date_mark import DateMark, Style
from crypto.seal.mark import Mark

Side = Literal["right", "left", "top", "bottom"]
Corner = Literal["top left", "top right", "bottom left", "bottom right"]

MAX_SLICES = 20
"""Unless another number is chosen: more slices of a 40 mm seal would be narrower than 2 mm."""

THINNEST_MM = 0.5
"""A slice that is narrower prints as nothing: six dots at 300 dpi."""

DATE_GAP_MM = 2.0
"""Between a seal and the date that is placed beside it."""

NEAR_MM = 25.0
"""The widest gap between a seal and its date. A date that stands elsewhere might be read as the
date of something else: verification then doubts what others have sealed before
(:data:`crypto.pdf.marks.date.BESIDE_MM`, a little more, because a date may be narrower than its
room)."""

TOLERANCE_MM = 0.01
"""How far rounding may carry an edge over the page's: a fortieth of a hair."""


@frozen
class PageBox:
    """A page's size as displayed (CropBox, /Rotate and UserUnit taken into account)."""

    width_mm: float
    height_mm: float


@frozen
class SealSize:
    """A seal's filed size."""

    width_mm: float
    height_mm: float


@frozen
class TextHit:
    """Where a text, or an empty signature field, stands on a page, as displayed."""

    page: int
    """0-based."""
    left_mm: float
    top_mm: float
    width_mm: float
    height_mm: float

    @property
    def centre(self) -> tuple[float, float]:
        """Its middle: millimetres from the left and from the top."""
        return self.left_mm + self.width_mm / 2, self.top_mm + self.height_mm / 2


@frozen
class Places:
    """What a document has that seals are placed by."""

    boxes: tuple[PageBox, ...]
    fields: Mapping[str, TextHit] = field(default_factory=dict)
    """Its empty signature fields that show on a page: name → where."""


# --- placing -------------------------------------------------------------------------------------


def at(
    boxes: Sequence[PageBox],
    pages: Iterable[int],
    x_mm: float,
    y_mm: float,
    size: SealSize,
    corner: Corner = "top left",
) -> list[Mark]:
    """The whole seal with its centre at the same place on each of *pages* (0-based), *x_mm* and
    *y_mm* from the edges that meet in *corner*.

    Raises :class:`PageOutOfRange`, :class:`OutsidePage`."""
    marks = []
    for page in pages:
        x, y = from_corner(page_box(boxes, page), corner, x_mm, y_mm)
        left, top = x - size.width_mm / 2, y - size.height_mm / 2
        marks.append(checked(boxes, Mark(page, left, top, size.width_mm, size.height_mm)))
    return marks


def from_corner(box: PageBox, corner: Corner, x_mm: float, y_mm: float) -> tuple[float, float]:
    """A place counted from *corner* as counted from the top left; and the other way round."""
    return (
        box.width_mm - x_mm if corner.endswith("right") else x_mm,
        box.height_mm - y_mm if corner.startswith("bottom") else y_mm,
    )


def nearest_corner(box: PageBox, x_mm: float, y_mm: float) -> Corner:
    """The corner of the page that a place (from the top left) is nearest to."""
    right = x_mm > box.width_mm / 2
    if y_mm > box.height_mm / 2:
        return "bottom right" if right else "bottom left"
    return "top right" if right else "top left"


def keyword(
    boxes: Sequence[PageBox],
    hits: Sequence[TextHit],
    size: SealSize,
    text: str,
    which: int | Literal["all"] | None = None,
) -> list[Mark]:
    """The seal centred on occurrences of *text*, *hits* being all of them in reading order.

    *which*: N for the N-th (−1: the last), "all" for each one. None, nothing said, takes the
    **last**: a contract names its parties at the beginning and is sealed where it names them at the
    end; stamping all would seal places nobody looked at. Raises :class:`KeywordNotFound`,
    :class:`OutsidePage`."""
    if which == "all":
        chosen = list(hits)
    else:
        number = -1 if which is None else which
        index = number - 1 if number > 0 else len(hits) + number
        chosen = [hits[index]] if number and 0 <= index < len(hits) else []
    if not chosen:
        raise KeywordNotFound(text, len(hits), which if hits and isinstance(which, int) else None)
    return [mark for hit in chosen for mark in at(boxes, [hit.page], *hit.centre, size)]


def in_field(
    boxes: Sequence[PageBox], fields: Mapping[str, TextHit], size: SealSize, name: str
) -> list[Mark]:
    """The seal centred on the empty signature field *name*, which stays empty: a seal has its filed
    size, and a field that somebody has signed over may not be widened. "" where there is only one.

    Raises :class:`FieldNotFound`, :class:`OutsidePage`."""
    chosen = next(iter(fields), "") if not name and len(fields) == 1 else name
    if chosen not in fields:
        raise FieldNotFound(name, " · ".join(fields) or None)
    hit = fields[chosen]
    return at(boxes, [hit.page], *hit.centre, size)


def riding_seam(
    boxes: Sequence[PageBox],
    size: SealSize,
    side: Side = "right",
    *,
    along: float = 0.5,
    margin_mm: float = 0.0,
    pages: Iterable[int] | None = None,
    most: int | None = MAX_SLICES,
) -> list[Mark]:
    """骑缝章: the seal cut into slices, one on the edge of each page.

    Fanned out so that the edges of *side* show one beside the other, page 1 on top, the slices make
    the whole imprint again: on the right and the bottom the first page has its left or top part, on
    the left and the top its right or bottom part.

    *along*: the slice's centre on that edge, as a fraction of the page's height (or width), the
    same on every page whatever its size or rotation. *margin_mm*: room that a printer leaves white
    between slice and edge. *pages*: 0-based, all by default; at most *most* of them (at least 2;
    None: all) make one seal, more are split into groups as even as can be, so that none has a page
    alone. A single page has no seam: no marks. Raises :class:`PageOutOfRange`,
    :class:`OutsidePage`, :class:`SeamTooThin`."""
    chosen = list(range(len(boxes)) if pages is None else pages)
    for page in chosen:
        if not 0 <= page < len(boxes):
            raise PageOutOfRange(page + 1, len(boxes))
    if len(chosen) < 2:
        return []
    marks = []
    groups = _groups(chosen, most or len(chosen))
    length = size.width_mm if side in ("right", "left") else size.height_mm
    longest = max(map(len, groups))
    if length / longest < THINNEST_MM:
        raise SeamTooThin(longest, length / longest, math.floor(length / THINNEST_MM))
    for group in groups:
        order = group if side in ("right", "bottom") else group[::-1]
        for position, page in enumerate(order):
            part = (position / len(order), (position + 1) / len(order))
            mark = _slice(page, boxes[page], size, side, part, along, margin_mm)
            marks.append(checked(boxes, mark))
    return sorted(marks, key=lambda mark: chosen.index(mark.page))


def _groups(pages: list[int], most: int) -> list[list[int]]:
    """At most *most* pages each; sizes differ by one at most. Where that would leave a page alone
    (three in groups of two) the groups are fewer and larger."""
    count = min(-(-len(pages) // most), len(pages) // 2)
    edges = [len(pages) * number // count for number in range(count + 1)]
    return [pages[start:end] for start, end in pairwise(edges)]


def _slice(
    page: int,
    box: PageBox,
    size: SealSize,
    side: Side,
    part: tuple[float, float],
    along: float,
    margin_mm: float,
) -> Mark:
    start, end = part
    if side in ("right", "left"):
        width = size.width_mm * (end - start)
        left = box.width_mm - margin_mm - width if side == "right" else margin_mm
        top = box.height_mm * along - size.height_mm / 2
        return Mark(page, left, top, width, size.height_mm, (start, 0.0, end, 1.0))
    height = size.height_mm * (end - start)
    top = box.height_mm - margin_mm - height if side == "bottom" else margin_mm
    left = box.width_mm * along - size.width_mm / 2
    return Mark(page, left, top, size.width_mm, height, (0.0, start, 1.0, end))


# --- dates ---------------------------------------------------------------------------------------


def dates_beside(
    boxes: Sequence[PageBox], marks: Sequence[Mark], style: Style = "cn"
) -> list[DateMark]:
    """日期章: a date for each whole seal among *marks*, none for the slices of a riding seam.

    Below the seal and centred; where there is no room, or a mark or another date is in the way:
    above, to the right, to the left, the first of these that is free; below or above over something
    else if none is. Raises :class:`PageOutOfRange`, :class:`OutsidePage`."""
    placed: list[DateMark] = []
    for mark in marks:
        if mark.part == Mark.part:
            placed.append(date_beside(boxes, mark, marks, placed, style))
    return placed


def date_beside(
    boxes: Sequence[PageBox],
    mark: Mark,
    marks: Sequence[Mark],
    dates: Sequence[DateMark],
    style: Style = "cn",
) -> DateMark:
    """The same for one seal, *mark*, among these marks and dates.

    Raises :class:`PageOutOfRange`, :class:`OutsidePage`."""
    box, choices = page_box(boxes, mark.page), _beside(mark, style)
    taken = [
        *(each for each in marks if each.page == mark.page),
        *(_room(date) for date in dates if date.page == mark.page),
    ]
    fitting = [choice for choice in choices if _is_inside(box, _room(choice))]
    free = [
        date_mark for date_mark in fitting if not any(_meet(_room(date_mark), one) for one in taken)
    ]
    chosen = next(iter((*free, *fitting, *choices)))
    checked(boxes, _room(chosen))
    return chosen


def date_at(
    boxes: Sequence[PageBox], page: int, x_mm: float, y_mm: float, style: Style = "cn"
) -> DateMark:
    """A date with its centre at this place of *page* (0-based).

    Raises :class:`PageOutOfRange`, :class:`OutsidePage`."""
    mark = DateMark(page, x_mm, y_mm - DateMark.height_mm / 2, style=style)
    checked(boxes, _room(mark))
    return mark


def is_near(mark: Mark, date: DateMark) -> bool:
    """Does *date* stand beside *mark*, a whole seal on its page?"""
    if date.page != mark.page or mark.part != Mark.part:
        return False
    return _gap(_room(date), mark) <= NEAR_MM


def dates_by_mark(marks: Sequence[Mark], dates: Sequence[DateMark]) -> list[tuple[DateMark, ...]]:
    """For each of *marks* its date, or none: the nearest, where that leaves one for every date.

    Raises :class:`DateWithoutSeal` for a date that no seal is left for, or that is far from all: by
    itself on a page it might be taken for the date of something else, and verification refuses
    it."""
    owner: dict[int, int] = {}
    """Index of a mark → index of its date."""

    def finds_mark(which: int, passed: set[int]) -> bool:
        date = dates[which]
        near = [number for number, mark in enumerate(marks) if is_near(mark, date)]
        for number in sorted(near, key=lambda each: _distance(_room(date), marks[each])):
            if number not in passed:
                passed.add(number)
                if number not in owner or finds_mark(owner[number], passed):
                    owner[number] = which
                    return True
        return False

    for which, date in enumerate(dates):
        if not finds_mark(which, set()):
            raise DateWithoutSeal(date.page + 1)
    return [(dates[owner[each]],) if each in owner else () for each in range(len(marks))]


def _beside(mark: Mark, style: Style) -> list[DateMark]:
    """The places for a date beside *mark*, best first."""
    middle = mark.left_mm + mark.width_mm / 2
    below = DateMark(mark.page, middle, mark.top_mm + mark.height_mm + DATE_GAP_MM, style=style)
    high, half = below.height_mm, below.room_mm / 2
    level = mark.top_mm + (mark.height_mm - high) / 2
    right = mark.left_mm + mark.width_mm + DATE_GAP_MM + half
    return [
        below,
        replace(below, top_mm=mark.top_mm - DATE_GAP_MM - high),
        replace(below, centre_mm=right, top_mm=level),
        replace(below, centre_mm=mark.left_mm - DATE_GAP_MM - half, top_mm=level),
    ]


def _room(mark: DateMark) -> Mark:
    """The place that a date takes at most."""
    left = mark.centre_mm - mark.room_mm / 2
    return Mark(mark.page, left, mark.top_mm, mark.room_mm, mark.height_mm)


def _gap(one: Mark, other: Mark) -> float:
    """Millimetres between the two, across or up and down, the larger; negative where they meet."""
    return max(
        one.left_mm - other.left_mm - other.width_mm,
        other.left_mm - one.left_mm - one.width_mm,
        one.top_mm - other.top_mm - other.height_mm,
        other.top_mm - one.top_mm - one.height_mm,
    )


def _distance(one: Mark, other: Mark) -> float:
    """Millimetres between their middles."""
    across = one.left_mm - other.left_mm + (one.width_mm - other.width_mm) / 2
    down = one.top_mm - other.top_mm + (one.height_mm - other.height_mm) / 2
    return math.hypot(across, down)


def _meet(one: Mark, other: Mark) -> bool:
    return _gap(one, other) < 0


# --- on the page ---------------------------------------------------------------------------------


def page_box(boxes: Sequence[PageBox], page: int) -> PageBox:
    if not 0 <= page < len(boxes):
        raise PageOutOfRange(page + 1, len(boxes))
    return boxes[page]


def _is_inside(box: PageBox, mark: Mark) -> bool:
    """Does it lie wholly on its page? (not for a position that is no number)"""
    return (
        mark.left_mm >= -TOLERANCE_MM
        and mark.top_mm >= -TOLERANCE_MM
        and mark.left_mm + mark.width_mm <= box.width_mm + TOLERANCE_MM
        and mark.top_mm + mark.height_mm <= box.height_mm + TOLERANCE_MM
    )


def checked(boxes: Sequence[PageBox], mark: Mark) -> Mark:
    """The mark, if it lies wholly on its page.

    Raises :class:`PageOutOfRange`, :class:`OutsidePage`."""
    box = page_box(boxes, mark.page)
    if not _is_inside(box, mark):
        right, bottom = mark.left_mm + mark.width_mm, mark.top_mm + mark.height_mm
        raise OutsidePage(
            mark.page + 1, box.width_mm, box.height_mm, mark.left_mm, mark.top_mm, right, bottom
        )
    return mark
