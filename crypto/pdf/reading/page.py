"""One page: its visible box, rotation and unit (ISO 32000-1 §7.7.3.3, §14.11.2)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import field
from functools import cached_property
from typing import Any

from pyhanko.pdf_utils import generic

from crypto.frozen import frozen
from crypto.lengths import MM
from crypto.pdf.reading.access import entry, follow, key_of
from crypto.pdf.reading.failures import PARSER_FAILURES, PdfUnreadable
from crypto.pdf.reading.raw import only_entry, raw_dictionary
from crypto.pdf.reading.reader import Reader


@frozen
class Page:
    """One page as a person sees it. Its own dictionary is read when it is asked for: a document of
    five hundred pages is stamped on one."""

    index: int
    """0-based."""
    reference: generic.Reference
    inherited: Mapping[str, Any] = field(repr=False, compare=False)
    """Attributes of the page tree above it."""
    bare: bool = field(default=False, compare=False)
    """Its bytes show that it lists no annotations."""
    raw: bytes = field(default=b"", repr=False, compare=False)
    """The bytes of its dictionary, if it is bare and they are few."""

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Visible box in default user space: left, bottom, right, top (CropBox in MediaBox)."""
        return self._view[0]

    @property
    def rotation(self) -> int:
        """Clockwise, 0, 90, 180 or 270."""
        return self._view[1]

    @property
    def unit(self) -> float:
        """Points per unit of user space / 1 pt (UserUnit; 1.0 nearly always)."""
        return self._view[2]

    @property
    def size_mm(self) -> tuple[float, float]:
        """Width and height as displayed, in millimetres."""
        width = (self.box[2] - self.box[0]) * self.unit / MM
        height = (self.box[3] - self.box[1]) * self.unit / MM
        return (height, width) if self.rotation in (90, 270) else (width, height)

    def meaning(self, node: generic.DictionaryObject) -> tuple[Any, ...]:
        """What *node*, a dictionary of this page, says of media box, crop box, rotation and unit,
        be it said there or above: equal wherever it means the same. None for what is damaged."""
        media = _box(_attribute(node, self.inherited, "/MediaBox"))
        crop = _attribute(node, self.inherited, "/CropBox")
        turn, unit = _attribute(node, self.inherited, "/Rotate"), entry(node, "/UserUnit")
        numbers = (
            _number(turn, 0.0 if turn is None else math.inf),
            _number(unit, 1.0 if unit is None else math.inf),
        )
        return (media, media if crop is None else _box(crop), *numbers)

    @cached_property
    def _view(self) -> tuple[tuple[float, float, float, float], int, float]:
        try:
            return _raw_view(self) or _view(follow(self.reference), self.inherited)
        except PARSER_FAILURES as error:
            raise PdfUnreadable(f"page {self.index + 1} is damaged: {error}") from error


_NUMBER = rb"([-+]?(?:\d{1,9}\.?\d{0,9}|\.\d{1,9}))"
_BOX = [_NUMBER + rb"\s+"] * 3 + [_NUMBER]
_ENTRIES = {
    "/MediaBox": re.compile(rb"/MediaBox\s*\[\s*" + b"".join(_BOX) + rb"\s*\]"),
    "/CropBox": re.compile(rb"/CropBox\s*\[\s*" + b"".join(_BOX) + rb"\s*\]"),
    "/Rotate": re.compile(rb"/Rotate\s+(-?\d{1,9})(?=\s*/|\s*\Z)"),
}


def _raw_view(page: Page) -> tuple[tuple[float, float, float, float], int, float] | None:
    """The same as :func:`_view`, from the bytes of a bare page; None if these say it in an unusual
    way."""
    reader = page.reference.pdf
    if not page.bare or not isinstance(reader, Reader):
        return None
    body = page.raw or raw_dictionary(reader, *key_of(page.reference))
    if not body or b"/UserUnit" in body:
        return None
    node = generic.DictionaryObject()
    for name, pattern in _ENTRIES.items():
        key = name.encode()
        if key not in body:
            continue
        found = only_entry(key, pattern, body)
        if not found:
            return None
        numbers = [generic.FloatObject(number.decode()) for number in found.groups()]
        node[name] = numbers[0] if len(numbers) == 1 else generic.ArrayObject(numbers)
    return _view(node, page.inherited)


def _view(
    node: Any, inherited: Mapping[str, Any]
) -> tuple[tuple[float, float, float, float], int, float]:
    """(visible box, rotation, UserUnit) of a page's dictionary."""

    media = _box(_attribute(node, inherited, "/MediaBox")) or (0.0, 0.0, 595.276, 841.89)
    crop = _box(_attribute(node, inherited, "/CropBox"))
    box = media
    if crop:
        box = (
            max(media[0], crop[0]),
            max(media[1], crop[1]),
            min(media[2], crop[2]),
            min(media[3], crop[3]),
        )
        if box[0] >= box[2] or box[1] >= box[3]:
            box = media
    unit = _number(entry(node, "/UserUnit"), 1.0)
    rotation = int(_number(_attribute(node, inherited, "/Rotate"), 0.0)) % 360 // 90 * 90
    return box, rotation, unit if _UNITS[0] < unit < _UNITS[1] else 1.0


_UNITS = (1e-6, 1e9)
"""Between these a UserUnit is one; Acrobat knows none beyond 75,000."""
_NUMBERS = (generic.NumberObject, generic.FloatObject)


def _attribute(node: Any, inherited: Mapping[str, Any], key: str) -> Any:
    return entry(node, key) if key in node else follow(inherited.get(key))


def _number(value: Any, default: float) -> float:
    """A number as float (pyHanko's real numbers are no floats); *default* if it is none, or a text
    that could be read as one."""
    try:
        found = follow(value)
        number = float(found) if isinstance(found, _NUMBERS) else default
    except (TypeError, ValueError, ArithmeticError):
        return default
    return number if math.isfinite(number) else default


def _box(value: Any) -> tuple[float, float, float, float] | None:
    """A rectangle with its corners put in order; None if it is not one."""
    if not isinstance(value, generic.ArrayObject) or len(value) != 4:
        return None
    try:
        x0, y0, x1, y1 = (float(follow(edge)) for edge in value)
    except (TypeError, ValueError):
        return None
    left, right, bottom, top = min(x0, x1), max(x0, x1), min(y0, y1), max(y0, y1)
    return (left, bottom, right, top) if left < right and bottom < top else None
