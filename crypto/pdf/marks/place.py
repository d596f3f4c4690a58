"""Where marks stand on a page as a person sees it, in millimetres from its upper left."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import islice

from crypto.lengths import MM
from crypto.pdf.marks.appearance import box, has_area
from crypto.pdf.marks.date import date_of
from crypto.pdf.reading.document import Field
from crypto.pdf.reading.failures import PARSER_FAILURES
from crypto.pdf.reading.page import Page
from crypto.verdict import MarkInfo


def marks_of(field: Field) -> list[MarkInfo]:
    """Where a widget shows, as displayed, on each page that lists it."""
    try:
        if not has_area(field.dictionary):
            return []
        rectangle = box(field.dictionary)
    except PARSER_FAILURES:
        return []
    date = date_of(field)
    return [replace(place_of(rectangle, page, field.name), date=date) for page in field.pages]


def place_of(rectangle: tuple[float, float, float, float], page: Page, field: str) -> MarkInfo:
    """Where *rectangle* (left, bottom, right, top in user space) stands on *page* as displayed."""
    left, bottom, right, top = rectangle
    scale = page.unit / MM
    x0, y0, x1, y1 = page.box
    place = {
        0: (left - x0, y1 - top),
        90: (bottom - y0, left - x0),
        180: (x1 - right, bottom - y0),
        270: (y1 - top, x1 - right),
    }[page.rotation]
    across, down = right - left, top - bottom
    if page.rotation in (90, 270):
        across, down = down, across
    numbers = (place[0] * scale, place[1] * scale, across * scale, down * scale)
    return MarkInfo(page.index + 1, *numbers, field)


_MOST_PAIRS = 100_000


def dates_meet(earlier: Sequence[MarkInfo], later: Sequence[MarkInfo]) -> bool:
    """Is a date put over a date? Two that are printed over each other can be read as a third."""
    return any(_meet(one, other) for one in earlier for other in later if one.date and other.date)


def overlaps(marks: Iterable[MarkInfo]) -> dict[str, set[str]]:
    """Field → the fields of the other *marks* that lie over some part of its own. Of more pairs
    than can be looked at, each counts as lying over all."""
    ordered = sorted(marks, key=lambda mark: (mark.page, mark.left_mm))
    found: dict[str, set[str]] = {}
    pairs = 0
    for at, mark in enumerate(ordered):
        for other in islice(ordered, at + 1, None):
            if other.page != mark.page or other.left_mm >= mark.left_mm + mark.width_mm:
                break
            pairs += 1
            if pairs > _MOST_PAIRS:
                everything = {each.field for each in ordered}
                return dict.fromkeys(everything, everything)
            if _meet(mark, other):
                found.setdefault(mark.field, set()).add(other.field)
                found.setdefault(other.field, set()).add(mark.field)
    return found


def _meet(one: MarkInfo, other: MarkInfo) -> bool:
    return (
        one.page == other.page
        and one.left_mm < other.left_mm + other.width_mm
        and other.left_mm < one.left_mm + one.width_mm
        and one.top_mm < other.top_mm + other.height_mm
        and other.top_mm < one.top_mm + one.height_mm
    )
