"""日期章: the day of stamping beside a seal, as ``2024年10月18日`` or ``2024-10-18``.

It is drawn as outlines (resources/fonts/date-outlines.toml), so that no font is needed and the
preview paints the same shapes as the file holds. How it gets into a PDF, and how it is recognised
there, is in :mod:`crypto.pdf.marks.date`.

    DateMark             where a date goes, and how it is written
    text_of(style, day)  "2024年10月18日"
    day_of(text)         and back, strictly
    shapes(text)         its outlines in millimetres, for a preview
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from datetime import date, datetime
from functools import cache
from importlib import resources
from typing import Literal

from crypto.beijing import BEIJING
from crypto.frozen import frozen

Style = Literal["cn", "iso"]

MIN_HEIGHT_MM, MAX_HEIGHT_MM = 3.0, 10.0
"""Smaller is not legible in print, larger is no mark beside a seal."""
HEIGHT_MM = 5.0
"""The usual height: characters of size 4 (14 pt)."""
RED = (0.898, 0.0, 0.0)
"""The red of seals. Never black: multiplied onto the page, it then cannot be taken for text that
somebody else has sealed."""

_DATE = re.compile(
    r"([1-9][0-9]{3})(?:年([1-9]|1[0-2])月([1-9]|[12][0-9]|3[01])日|-([0-9]{2})-([0-9]{2}))"
)
_BASELINE = 0.12
"""Of the height, from below: a Chinese character's square reaches that far under the baseline."""


@frozen
class DateMark:
    """Where the day of stamping appears. Which day that is, is known when stamping begins."""

    page: int
    """0-based."""
    centre_mm: float
    """Its middle, from the left of the page as displayed."""
    top_mm: float
    height_mm: float = HEIGHT_MM
    style: Style = "cn"

    @property
    def room_mm(self) -> float:
        """The width of the widest date in this style."""
        widest = "9999年99月99日" if self.style == "cn" else "9999-99-99"
        return width_mm(widest, self.height_mm)


def signing_day(moment: datetime) -> date:
    """The day in Beijing: what a stamping that begins at *moment* shows."""
    return moment.astimezone(BEIJING).date()


def text_of(style: Style, day: date) -> str:
    """*day* as a date mark shows it."""
    return f"{day.year}年{day.month}月{day.day}日" if style == "cn" else day.isoformat()


def day_of(text: str) -> date:
    """The day that *text* names. Raises ValueError for all that :func:`text_of` does not write."""
    found = _DATE.fullmatch(text)
    if not found:
        raise ValueError("not a date as it is stamped")
    year, *rest = (int(group) for group in found.groups() if group is not None)
    return date(year, *rest)


def width_mm(text: str, height_mm: float) -> float:
    """How wide *text* is at this height."""
    return advance(text) * height_mm / 1000


def advance(text: str) -> int:
    """The width of *text* in thousandths of its height."""
    return sum(_glyphs()[character][0] for character in text)


def outline(text: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The outlines of *text* as operators of a PDF path (m, l, c, h) with their coordinates, in
    thousandths of the height, y upwards from the bottom of the text's box. To be filled by the
    nonzero winding rule."""
    left, up = 0, round(1000 * _BASELINE)
    for character in text:
        width, path = _glyphs()[character]
        for operator, numbers in path:
            shifted = (number + (left, up)[place % 2] for place, number in enumerate(numbers))
            yield operator, tuple(shifted)
        left += width


def shapes(text: str, height_mm: float) -> list[tuple[str, tuple[float, ...]]]:
    """The same in millimetres from the top left of the text's box, y downwards, for a preview: m
    moves, l draws a line and c a Bézier curve (two control points and the end), h closes."""
    scale = height_mm / 1000
    return [
        (
            operator,
            tuple(
                (1000 - number if place % 2 else number) * scale
                for place, number in enumerate(numbers)
            ),
        )
        for operator, numbers in outline(text)
    ]


@cache
def _glyphs() -> dict[str, tuple[int, list[tuple[str, tuple[int, ...]]]]]:
    """Of each character: its advance and its path."""
    source = resources.files("resources").joinpath("fonts/date-outlines.toml")
    table = tomllib.loads(source.read_text(encoding="utf-8"))
    return {
        character: (outline["advance"], _path(outline["path"]))
        for character, outline in table.items()
    }


def _path(text: str) -> list[tuple[str, tuple[int, ...]]]:
    path: list[tuple[str, tuple[int, ...]]] = []
    numbers: list[int] = []
    for word in text.split():
        if word.isalpha():
            path.append((word, tuple(numbers)))
            numbers = []
        else:
            numbers.append(int(word))
    return path
