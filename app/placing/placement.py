"""Where the seal goes: 单页 / 多页 / 骑缝 / 关键字 / 坐标 → a list of marks in millimetres; and the
date beside it.

The preview paints and the signature draws this same list. Positions count from the top left of the
page as displayed. The seal has its filed size: it is never scaled, and never moved — where it does
not lie wholly on its page, :class:`app.errors.OutsidePage` says so.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from app.errors import (
    DateWithoutSeal,
    KeywordNotFound,
    OutsidePage,
    PageOutOfRange,
    PageRangeInvalid,
    PositionInvalid,
)
from crypto.seal.date_mark import DateMark, Style
from crypto.seal.mark import Mark

Side = Literal["right", "left", "top", "bottom"]

MAX_SLICES = 20
"""More slices of a 40 mm seal would be narrower than 2 mm, and print as nothing."""

DATE_GAP_MM = 2.0
"""Between a seal and the date that is placed beside it."""

NEAR_MM = 25.0
"""The widest gap between a seal and its date. A date that stands elsewhere might be read as the
date of something else: verification then doubts what others have sealed before
(:data:`crypto.pdf.marks.date.BESIDE_MM`, a little more, because a date may be narrower than its
room)."""

TOLERANCE_MM = 0.01
"""How far rounding may carry an edge over the page's: a fortieth of a hair."""


@dataclass(frozen=True)
class PageBox:
    """A page's size as displayed (CropBox, /Rotate and UserUnit taken into account)."""

    width_mm: float
    height_mm: float


@dataclass(frozen=True)
class SealSize:
    """A seal's filed size."""

    width_mm: float
    height_mm: float


@dataclass(frozen=True)
class TextHit:
    """Where a text stands on a page, as displayed."""

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


# --- what a person writes ------------------------------------------------------------------------


def parse_pages(text: str, count: int) -> tuple[int, ...]:
    """The 0-based pages that *text* names in a document of *count* pages, ascending, each once.

    ``1,3-5``: these; ``-1``: the last, ``-2``: the last but one; ``3-``: from 3 to the end;
    ``all``, ``odd``, ``even``. Full-width commas and digits are read too. Raises
    :class:`PageRangeInvalid`, :class:`PageOutOfRange`."""
    chosen: set[int] = set()
    for part in unicodedata.normalize("NFKC", text).replace("、", ",").split(","):
        chosen.update(_part(part.strip(), count))
    return tuple(sorted(chosen))


def _part(part: str, count: int) -> Iterable[int]:
    named = {"all": range(count), "odd": range(0, count, 2), "even": range(1, count, 2)}
    if part.lower() in named:
        return named[part.lower()]
    if found := re.fullmatch(r"-?[0-9]{1,6}", part):
        page = _page(int(part), count)
        return range(page, page + 1)
    found = re.fullmatch(r"([0-9]{1,6})\s*-\s*(-?[0-9]{1,6})?", part)
    if not found:
        raise PageRangeInvalid(part)
    first = _page(int(found[1]), count)
    last = _page(int(found[2]), count) if found[2] else count - 1
    if first > last:
        raise PageRangeInvalid(part)
    return range(first, last + 1)


def _page(number: int, count: int) -> int:
    """0-based from a page number as people count, negative from the end."""
    page = number - 1 if number > 0 else count + number
    if number == 0 or not 0 <= page < count:
        raise PageOutOfRange(number, count)
    return page


@dataclass(frozen=True)
class Point:
    """Where a seal's centre goes."""

    x_mm: float
    y_mm: float
    page: int | None = None
    """As the user counts, negative from the end; None: not said."""


def parse_point(text: str) -> Point:
    """``PAGE:X,Y`` or ``X,Y``, millimetres. Raises :class:`PositionInvalid`."""
    number = r"\s*([0-9]{1,6}(?:\.[0-9]{1,6})?)\s*"
    found = re.fullmatch(rf"(?:\s*(-?[0-9]{{1,6}})\s*:)?{number},{number}", text)
    if not found:
        raise PositionInvalid(text)
    page = int(found[1]) if found[1] else None
    return Point(float(found[2]), float(found[3]), page)


def parse_keyword(text: str) -> tuple[str, int | Literal["all"] | None]:
    """``TEXT[:N]``: the text, and which occurrence: a number, "all", or None if nothing is said.

    A colon that no number follows belongs to the text. Raises :class:`PositionInvalid` for an
    empty text."""
    found = re.fullmatch(r"(.+):(-?[0-9]{1,6}|all)", text, re.DOTALL)
    keyword, which = (found[1], found[2]) if found else (text, None)
    if not keyword.strip():
        raise PositionInvalid(text)
    return keyword, "all" if which == "all" else int(which) if which else None


# --- placing -------------------------------------------------------------------------------------


def at(
    boxes: Sequence[PageBox], pages: Iterable[int], x_mm: float, y_mm: float, size: SealSize
) -> list[Mark]:
    """The whole seal with its centre at the same place on each of *pages* (0-based).

    Raises :class:`PageOutOfRange`, :class:`OutsidePage`."""
    left, top = x_mm - size.width_mm / 2, y_mm - size.height_mm / 2
    return [checked(boxes, Mark(page, left, top, size.width_mm, size.height_mm)) for page in pages]


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


def riding_seam(
    boxes: Sequence[PageBox],
    size: SealSize,
    side: Side = "right",
    *,
    along: float = 0.5,
    margin_mm: float = 0.0,
    pages: Iterable[int] | None = None,
) -> list[Mark]:
    """骑缝章: the seal cut into slices, one on the edge of each page.

    Fanned out so that the edges of *side* show one beside the other, page 1 on top, the slices make
    the whole imprint again: on the right and the bottom the first page has its left or top part, on
    the left and the top its right or bottom part.

    *along*: the slice's centre on that edge, as a fraction of the page's height (or width), the
    same on every page whatever its size or rotation. *margin_mm*: room that a printer leaves white
    between slice and edge. *pages*: 0-based, all by default; at most :data:`MAX_SLICES` make one
    seal, more are split into groups as even as can be, so that none has a page alone. A single page
    has no seam: no marks. Raises :class:`PageOutOfRange`, :class:`OutsidePage`."""
    chosen = list(range(len(boxes)) if pages is None else pages)
    for page in chosen:
        if not 0 <= page < len(boxes):
            raise PageOutOfRange(page + 1, len(boxes))
    if len(chosen) < 2:
        return []
    marks = []
    for group in _groups(chosen):
        order = group if side in ("right", "bottom") else group[::-1]
        for position, page in enumerate(order):
            part = (position / len(order), (position + 1) / len(order))
            mark = _slice(page, boxes[page], size, side, part, along, margin_mm)
            marks.append(checked(boxes, mark))
    return sorted(marks, key=lambda mark: chosen.index(mark.page))


def _groups(pages: list[int]) -> list[list[int]]:
    """At most :data:`MAX_SLICES` pages each; sizes differ by one at most, so a group of one cannot
    arise."""
    count = -(-len(pages) // MAX_SLICES)
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
    box, choices = _page_box(boxes, mark.page), _beside(mark, style)
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


def _page_box(boxes: Sequence[PageBox], page: int) -> PageBox:
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
    box = _page_box(boxes, mark.page)
    if not _is_inside(box, mark):
        right, bottom = mark.left_mm + mark.width_mm, mark.top_mm + mark.height_mm
        raise OutsidePage(
            mark.page + 1, box.width_mm, box.height_mm, mark.left_mm, mark.top_mm, right, bottom
        )
    return mark
