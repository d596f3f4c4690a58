"""Does a picture or a drawn outline look like a seal's impression? Geometry and colours only.

    seals_in(picture, width_mm, height_mm)   where in a picture something looks like one
    is_ring(points)                          is a drawn outline an ellipse?

An impression is red on paper, as large as seals are, has a frame (round, oval or square) that is
closed for the most part, something in it, and paper between its strokes. That leaves out red
letters, rules, stars, circles, discs and grounds, and red things in photographs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from crypto.frozen import frozen

if TYPE_CHECKING:
    from PIL.Image import Image

SMALLEST_MM, LARGEST_MM = 12.0, 65.0
LONGEST = 1.7
"""How much longer one side may be than the other: an oval seal measures 45 by 30 mm."""

_CELL_MM, _FINE_CELL_MM = 1.4, 0.8
"""Scans are looked at in cells over which stamped ink, broken by text, still holds together."""
_PIXELS = 4
"""Of a cell, each way."""
_MAX_CELLS = 320
_MAX_RED = 0.2
"""More of a large picture than that is no page with a seal on it."""
_RED, _DARK, _HUE = 40, 110, 0.4
"""How much redder than the other colours, how bright, and how much these may differ of that: skin
and orange have more green than blue."""
_WHITE, _GREY = 165, 45
_INKED = 0.15
_MOST_INK = {"round": 0.5, "square": 0.75}
"""A seal has more paper than ink; only small square ones may be cut the other way round."""
_LETTER_MM = 26.0
_DIRECTIONS = [
    (math.cos(2 * math.pi * step / 32), math.sin(2 * math.pi * step / 32)) for step in range(32)
]


@frozen
class Patch:
    """A part of a picture, in millimetres from its top left."""

    left: float
    top: float
    width: float
    height: float


def has_size_of_seal(width_mm: float, height_mm: float) -> bool:
    """Could something this large be the impression of a seal?"""
    small, large = min(width_mm, height_mm), max(width_mm, height_mm)
    return small >= SMALLEST_MM and large <= LARGEST_MM and large <= LONGEST * small


def is_red(red: float, green: float, blue: float) -> bool:
    """Is this colour (each 0–1) the red of seals, strong or faint?"""
    return (
        (red - max(green, blue)) * 255 > _RED
        and red * 255 > _DARK
        and abs(green - blue) <= _HUE * (red - max(green, blue))
    )


def is_ring(points: Sequence[tuple[float, float]]) -> bool:
    """Do all of *points* (at least four) lie on the ellipse that their bounding box holds?"""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    half_width, half_height = (max(xs) - min(xs)) / 2, (max(ys) - min(ys)) / 2
    if len(points) < 4 or half_width <= 0 or half_height <= 0:
        return False
    x0, y0 = (max(xs) + min(xs)) / 2, (max(ys) + min(ys)) / 2
    return all(
        0.85 <= ((x - x0) / half_width) ** 2 + ((y - y0) / half_height) ** 2 <= 1.15
        for x, y in points
    )


def seals_in(picture: Image, width_mm: float, height_mm: float) -> list[Patch]:
    """The parts of *picture* (RGB, on white paper) that look like a seal's impression.

    *width_mm*, *height_mm*: as large as it is shown."""
    from PIL import Image as Pillow

    cell = _FINE_CELL_MM if max(width_mm, height_mm) <= LARGEST_MM else _CELL_MM
    columns, rows = round(width_mm / cell), round(height_mm / cell)
    if not (0 < columns <= _MAX_CELLS and 0 < rows <= _MAX_CELLS):
        return []
    fine = picture.resize((columns * _PIXELS, rows * _PIXELS), Pillow.Resampling.BOX)
    red, paper, strange = _masks(fine)
    is_page = max(width_mm, height_mm) > LARGEST_MM
    if not red.getbbox() or (is_page and _share(red) > _MAX_RED):
        return []
    inked = red.resize((columns, rows), Pillow.Resampling.BOX).tobytes()
    cells = {
        (place % columns, place // columns)
        for place, value in enumerate(inked)
        if value > 255 * _INKED
    }
    blobs = [_Blob.of(group) for group in _connected(cells)]
    scale = (width_mm / columns, height_mm / rows)
    found = []
    for blob in blobs:
        patch = blob.patch(*scale)
        if not has_size_of_seal(patch.width, patch.height):
            continue
        frame = blob.frame()
        if not frame or not blob.holds(cells) or _is_letter(blob, blobs, patch.height):
            continue
        corners = (blob.x0, blob.y0, blob.x1, blob.y1)
        left, top, right, bottom = (_PIXELS * corner for corner in corners)
        ink, ground, other = (
            _share(mask.crop((left, top, right, bottom))) for mask in (red, paper, strange)
        )
        if 0.06 <= ink <= _MOST_INK[frame] and ground >= 0.15 and other <= 0.1:
            found.append(patch)
    return found


def _masks(picture: Image) -> tuple[Image, Image, Image]:
    """What of *picture* is red, what is paper, and what is neither these nor black or grey ink."""
    from PIL import ImageChops

    red, green, blue = picture.split()
    most = ImageChops.lighter(green, blue)
    least = ImageChops.darker(green, blue)
    redder = ImageChops.subtract(red, most)
    allowed = redder.point([round(value * _HUE) for value in range(256)])
    hue = ImageChops.subtract(ImageChops.subtract(most, least), allowed).point(_above(0))
    ink = ImageChops.multiply(red.point(_above(_DARK)), redder.point(_above(_RED)))
    ink = ImageChops.subtract(ink, hue)
    darkest, lightest = ImageChops.darker(red, least), ImageChops.lighter(red, most)
    coloured = ImageChops.subtract(lightest, darkest).point(_above(_GREY))
    paper = ImageChops.subtract(darkest.point(_above(_WHITE)), ink)
    pinkish = redder.point(_above(_RED // 4))  # the edges of strokes
    strange = ImageChops.subtract(coloured, ImageChops.lighter(ink, pinkish))
    return ink, paper, strange


def _above(limit: int) -> list[int]:
    return [255 if value > limit else 0 for value in range(256)]


def _share(mask: Image) -> float:
    """The part of *mask* that is set."""
    return mask.histogram()[255] / max(1, mask.width * mask.height)


@frozen
class _Blob:
    """Inked cells that hold together; the box is half-open."""

    cells: frozenset[tuple[int, int]]
    x0: int
    y0: int
    x1: int
    y1: int

    @classmethod
    def of(cls, cells: set[tuple[int, int]]) -> _Blob:
        xs, ys = [x for x, _ in cells], [y for _, y in cells]
        return cls(frozenset(cells), min(xs), min(ys), max(xs) + 1, max(ys) + 1)

    def patch(self, across: float, down: float) -> Patch:
        """Where it is; *across* and *down*: millimetres of a cell."""
        size = ((self.x1 - self.x0) * across, (self.y1 - self.y0) * down)
        return Patch(self.x0 * across, self.y0 * down, *size)

    def frame(self) -> str:
        """ "round" or "square" if there is ink all along such a frame, else ""."""
        middle = ((self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2)
        half = ((self.x1 - self.x0) / 2, (self.y1 - self.y0) / 2)
        round_hits = square_hits = 0
        for dx, dy in _DIRECTIONS:
            round_hits += self._meets(middle, (dx * half[0], dy * half[1]))
            stretch = 1 / max(abs(dx), abs(dy))
            square_hits += self._meets(middle, (dx * half[0] * stretch, dy * half[1] * stretch))
        if max(round_hits, square_hits) < 0.8 * len(_DIRECTIONS):
            return ""
        return "round" if round_hits >= square_hits else "square"

    def holds(self, cells: set[tuple[int, int]]) -> bool:
        """Is there ink within the frame, in the middle half? (a ring alone is no seal)"""
        columns = range(self.x0 + (self.x1 - self.x0) // 4, self.x1 - (self.x1 - self.x0) // 4)
        rows = range(self.y0 + (self.y1 - self.y0) // 4, self.y1 - (self.y1 - self.y0) // 4)
        return sum((x, y) in cells for x in columns for y in rows) >= 0.03 * len(columns) * len(
            rows
        )

    def _meets(self, middle: tuple[float, float], edge: tuple[float, float]) -> bool:
        """Is there ink within the outer fifth of the way from *middle* to its *edge*?"""
        return any(
            (int(middle[0] + edge[0] * part), int(middle[1] + edge[1] * part)) in self.cells
            for part in (0.98, 0.93, 0.88, 0.82)
        )


def _connected(cells: set[tuple[int, int]]) -> Iterable[set[tuple[int, int]]]:
    """The groups of neighbouring cells."""
    left = set(cells)
    while left:
        group = {left.pop()}
        edge = list(group)
        while edge:
            x, y = edge.pop()
            for near in ((x + dx, y + dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)):
                if near in left:
                    left.remove(near)
                    group.add(near)
                    edge.append(near)
        yield group


def _is_letter(blob: _Blob, blobs: Sequence[_Blob], height_mm: float) -> bool:
    """Is it one of a line of red letters, as in the head of an official document?"""
    height = blob.y1 - blob.y0
    if height_mm > _LETTER_MM:
        return False
    neighbours = 0
    for other in blobs:
        overlap = min(blob.y1, other.y1) - max(blob.y0, other.y0)
        apart = max(blob.x0, other.x0) - min(blob.x1, other.x1)
        if other is not blob and overlap > 0.5 * height and apart < 2 * height:
            neighbours += other.y1 - other.y0 <= 1.6 * height
    return neighbours >= 2
