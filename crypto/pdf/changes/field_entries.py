"""Entries of a field, and what of them is written otherwise and means the same."""

from __future__ import annotations

from typing import Any

from pyhanko.pdf_utils import generic

from crypto.pdf.changes.looks import generic_text, inherited
from crypto.pdf.reading.access import entry, follow
from crypto.pdf.reading.objects import differing_keys

_ROUNDED = 0.0045
"""Colours that one program writes to 1/255 and another to two or three digits."""


def area(rectangle: tuple[float, float, float, float]) -> float:
    left, bottom, right, top = rectangle
    return (right - left) * (top - bottom)


def label_of(widget: generic.DictionaryObject) -> str:
    """What the document calls this field, for people (/TU)."""
    value = inherited(widget, "/TU")
    if isinstance(value, generic.ByteStringObject):
        return generic_text(bytes(value))
    return str(value) if isinstance(value, generic.TextStringObject) else ""


def differing_entries(
    before: generic.DictionaryObject, after: generic.DictionaryObject
) -> set[str]:
    """The entries whose meaning differs."""
    found = differing_keys(before, after)
    if "/MK" in found and _same_colours(entry(before, "/MK"), entry(after, "/MK")):
        found.discard("/MK")
    if "/BS" in found and _border(before) == _border(after):
        found.discard("/BS")
    return found


def _same_colours(before: Any, after: Any) -> bool:
    """Do the characteristics differ in the rounding of their colours only?"""
    if not all(isinstance(each, generic.DictionaryObject) for each in (before, after)):
        return False
    return all(
        key in ("/BC", "/BG") and _nearly(entry(before, key), entry(after, key))
        for key in differing_keys(before, after)
    )


def _nearly(before: Any, after: Any) -> bool:
    lists = [each for each in (before, after) if isinstance(each, generic.ArrayObject)]
    if len(lists) != 2 or len(lists[0]) != len(lists[1]):
        return False
    pairs = zip(*([float(follow(each)) for each in one] for one in lists), strict=True)
    return all(abs(one - other) <= _ROUNDED for one, other in pairs)


def _border(widget: generic.DictionaryObject) -> tuple[Any, ...]:
    """What /BS means (ISO 32000-1 table 166): nothing where no colour is named for a border, and
    without /BS a solid line of one point."""
    if not entry(entry(widget, "/MK", {}), "/BC"):
        return ()
    style = entry(widget, "/BS")
    if not isinstance(style, generic.DictionaryObject):
        style = generic.DictionaryObject()
    kind, width = str(entry(style, "/S", "/S")), float(entry(style, "/W", 1))
    dash = entry(style, "/D")
    dashes = [float(follow(each)) for each in dash] if isinstance(dash, generic.ArrayObject) else []
    known = set(style) <= {"/Type", "/S", "/W", "/D"}
    return (known, kind, width, tuple(dashes or [3.0]) if kind == "/D" else ())
