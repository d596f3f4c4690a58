"""Where the seal goes: 单页 / 多页 / 骑缝 / 关键字 / 坐标 → a list of marks in millimetres.

The preview paints and the signature draws this same list. Positions count from the top left of the
page as displayed. The seal has its filed size: it is never scaled, and never moved — where it does
not lie wholly on its page, :class:`app.errors.OutsidePage` says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from app.errors import (
    KeywordNotFound,
    OutsidePage,
    PageOutOfRange,
    PageRangeInvalid,
    PositionInvalid,
)
from crypto.mark import Mark

Side = Literal["right", "left", "top", "bottom"]

MAX_SLICES = 20
"""More slices of a 40 mm seal would be narrower than 2 mm, and print as nothing."""

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
    import unicodedata

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
    return [_checked(boxes, Mark(page, left, top, size.width_mm, size.height_mm)) for page in pages]


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
    between slice and edge. *pages*: 0-based, all by default; at most 20 make one seal, more are
    split into groups as even as can be, so that none has a page alone. A single page has no seam:
    no marks. Raises :class:`PageOutOfRange`, :class:`OutsidePage`."""
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
            marks.append(_checked(boxes, mark))
    return sorted(marks, key=lambda mark: chosen.index(mark.page))


def _groups(pages: list[int]) -> list[list[int]]:
    """At most 20 pages each; sizes differ by one at most, so a group of one cannot arise."""
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


def _checked(boxes: Sequence[PageBox], mark: Mark) -> Mark:
    """The mark, if it lies wholly on its page."""
    if not 0 <= mark.page < len(boxes):
        raise PageOutOfRange(mark.page + 1, len(boxes))
    box = boxes[mark.page]
    right, bottom = mark.left_mm + mark.width_mm, mark.top_mm + mark.height_mm
    inside = (
        mark.left_mm >= -TOLERANCE_MM
        and mark.top_mm >= -TOLERANCE_MM
        and right <= box.width_mm + TOLERANCE_MM
        and bottom <= box.height_mm + TOLERANCE_MM
    )
    if not inside:  # also for a position that is no number
        raise OutsidePage(
            mark.page + 1, box.width_mm, box.height_mm, mark.left_mm, mark.top_mm, right, bottom
        )
    return mark
