"""The colours of a content stream as red, green and blue, as far as they can be told."""

from __future__ import annotations

import re
from typing import Any

from pyhanko.pdf_utils import generic

from crypto.pdf.reading.access import entry, follow

Colour = tuple[float, float, float]
"""Red, green and blue, 0 to 1."""

_SPACES = {
    **dict.fromkeys(("/DeviceGray", "/G", "/CalGray"), 1),
    **dict.fromkeys(("/DeviceRGB", "/RGB", "/CalRGB"), 3),
    **dict.fromkeys(("/DeviceCMYK", "/CMYK"), 4),
}
_OWN_NAMES = re.compile(r"/(?:Default|Device)(?:Gray|RGB|CMYK)\Z")


def parts_of(space: Any, found: Any) -> int:
    """How many numbers name a colour of the space of this name, which *found* describes; 0 for one
    that is not followed."""
    if space in _SPACES:
        return _SPACES[space]
    if isinstance(found, generic.ArrayObject) and found:
        kind = follow(found[0])
        if kind in _SPACES:
            return _SPACES[kind]
        if kind == "/ICCBased" and len(found) > 1:
            return int(entry(follow(found[1]), "/N", 0))
    return _SPACES.get(found, 0) if isinstance(found, generic.NameObject) else 0


def colour_of(values: list[Any], parts: int) -> Colour | None:
    """The colour that these numbers name; None if that is not known."""
    if len(values) != parts or not all(isinstance(value, float) for value in values):
        return None
    bounded = [min(1.0, max(0.0, value)) for value in values]
    if parts == 1:
        return (bounded[0],) * 3
    if parts == 3:
        return (bounded[0], bounded[1], bounded[2])
    if parts == 4:
        cyan, magenta, yellow, black = bounded
        return tuple(max(0.0, 1 - each - black) for each in (cyan, magenta, yellow))
    return None


def redefines_devices(resources: Any) -> bool:
    """Do these give the names of the devices' colours another meaning (ISO 32000-1 §8.6.5.6)?"""
    if not isinstance(resources, generic.DictionaryObject):
        return False
    spaces = entry(resources, "/ColorSpace")
    return isinstance(spaces, generic.DictionaryObject) and any(map(_OWN_NAMES.match, spaces))
