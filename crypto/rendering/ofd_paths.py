"""The outlines of OFD's paths (AbbreviatedData, GB/T 33190 §9.1), as operators of PDF."""

from __future__ import annotations

import math
from collections.abc import Iterator

from crypto.rendering.one_page import PictureError

MAX_POINTS = 200_000
"""Coordinates of one path."""
_NUMBERS = {"S": 2, "M": 2, "L": 2, "Q": 4, "B": 6, "A": 7, "C": 0}
_FARTHEST = 1e5
"""Millimetres."""

Point = tuple[float, float]


def outline(text: str) -> Iterator[str]:
    """The operators m, l, c and h of a path. Raises :class:`PictureError`."""
    words = text.split()
    if len(words) > MAX_POINTS:
        raise PictureError("a path that is too long")
    at = 0
    here: Point | None = None
    while at < len(words):
        command = words[at]
        if command not in _NUMBERS:
            raise PictureError("a path of another form")
        count = _NUMBERS[command]
        values = [number(word) for word in words[at + 1 : at + 1 + count]]
        at += 1 + count
        if len(values) != count or (here is None and command not in ("S", "M")):
            raise PictureError("a path of another form")
        if command == "C":
            yield "h"
            continue
        end = values[-2], values[-1]
        if command in ("S", "M"):
            yield f"{_told(end)} m"
        elif command == "L":
            yield f"{_told(end)} l"
        elif command == "B":
            yield f"{_told(values)} c"
        elif here is not None:
            yield from _quadratic(here, values) if command == "Q" else _arc(here, values)
        here = end


def number(word: str) -> float:
    """A number of OFD's XML. Raises :class:`PictureError`."""
    try:
        value = float(word)
    except ValueError as error:
        raise PictureError("not a number") from error
    if not abs(value) <= _FARTHEST or "_" in word:
        raise PictureError("a number beyond all bounds")
    return value


def numbers(text: str, count: int) -> list[float]:
    """So many numbers, parted by blanks. Raises :class:`PictureError`."""
    values = [number(word) for word in text.split()]
    if len(values) != count:
        raise PictureError("another number of numbers")
    return values


def told(*values: float) -> str:
    """Numbers as PDF writes them."""
    return " ".join(f"{value:.5f}" for value in values)


def _told(values: Iterator[float] | list[float] | Point) -> str:
    return told(*values)


def _quadratic(start: Point, values: list[float]) -> Iterator[str]:
    (x0, y0), (x1, y1, x2, y2) = start, values
    first = x0 + 2 / 3 * (x1 - x0), y0 + 2 / 3 * (y1 - y0)
    second = x2 + 2 / 3 * (x1 - x2), y2 + 2 / 3 * (y1 - y2)
    yield f"{told(*first, *second, x2, y2)} c"


def _arc(start: Point, values: list[float]) -> Iterator[str]:
    """An elliptical arc from *start*: two radii, the turn of the ellipse in degrees, whether it is
    the longer one and whether it runs clockwise on a page whose y grows downwards, and its end."""
    rx, ry, turned, large, sweep, x, y = values
    rx, ry = abs(rx), abs(ry)
    if not rx or not ry or (x, y) == start:
        yield f"{told(x, y)} l"
        return
    cos, sin = math.cos(math.radians(turned)), math.sin(math.radians(turned))
    dx, dy = (start[0] - x) / 2, (start[1] - y) / 2
    px, py = cos * dx + sin * dy, -sin * dx + cos * dy
    grown = math.hypot(px / rx, py / ry)
    if grown > 1:  # too small to reach the end
        rx, ry = rx * grown, ry * grown
    over = (rx * ry) ** 2 - (rx * py) ** 2 - (ry * px) ** 2
    under = (rx * py) ** 2 + (ry * px) ** 2
    factor = math.sqrt(max(0.0, over / under)) * (1 if bool(large) != bool(sweep) else -1)
    qx, qy = factor * rx * py / ry, -factor * ry * px / rx
    cx = cos * qx - sin * qy + (start[0] + x) / 2
    cy = sin * qx + cos * qy + (start[1] + y) / 2
    first = math.atan2((py - qy) / ry, (px - qx) / rx)
    last = math.atan2((-py - qy) / ry, (-px - qx) / rx)
    swept = last - first
    if sweep and swept < 0:
        swept += 2 * math.pi
    elif not sweep and swept > 0:
        swept -= 2 * math.pi
    pieces = max(1, math.ceil(abs(swept) / (math.pi / 2) - 1e-9))
    step = swept / pieces
    reach = 4 / 3 * math.tan(step / 4)

    def on_page(u: float, v: float) -> Point:
        return cx + rx * cos * u - ry * sin * v, cy + rx * sin * u + ry * cos * v

    for piece in range(pieces):
        a, b = first + piece * step, first + (piece + 1) * step
        one = on_page(math.cos(a) - reach * math.sin(a), math.sin(a) + reach * math.cos(a))
        two = on_page(math.cos(b) + reach * math.sin(b), math.sin(b) - reach * math.cos(b))
        end = (x, y) if piece == pieces - 1 else on_page(math.cos(b), math.sin(b))
        yield f"{told(*one, *two, *end)} c"
