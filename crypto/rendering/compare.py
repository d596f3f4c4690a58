"""Two drawings of one page compared: what differs and is not explained, as boxes.

Lengths are millimetres from the top left of the page as displayed. Both drawings come from the same
engine: one draws two revisions alike to the pixel, two never agree on one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from crypto.frozen import frozen

if TYPE_CHECKING:
    from PIL.Image import Image


LEVELS = 3
"""Differences of a colour (0 to 255) that are ignored."""
Area = tuple[int, int, int, int]
"""Left, top, right and bottom, in pixels."""
_ROWS = 16
"""Compared at once."""
_TOO_MUCH = [0] * (LEVELS + 1) + [255] * (255 - LEVELS)
AROUND_MM = 1.0
"""An explained place reaches so far beyond its box, and its frame so far inside."""
SHIFT_MM = 0.5
"""How far ink may move in the frame of a field."""
GROUP_MM = 2.0
"""What differs is told in cells of this size."""
MERGE_MM = 3.0
"""Boxes that are this near are told as one."""
_MOST_CELLS = 20_000
"""Of one page: a larger one, of which a pixel shows more, is told in larger cells."""
_LOSS_SEAL, _LOSS_FILL, _LOSS_FRAME = 64, 24, 110
"""How much lighter (0 to 255) ink may become: under a signature's look, inside a filled field or a
note, at its frame."""
_CONTRAST, _TOUCHING = 64, 10
"""Of a colour (0 to 255), what stands out; and so many pixels of it may be written over."""


class Drawing(Protocol):
    """A page's pixels, RGB; :class:`crypto.rendering.drawing.Raster` is one."""

    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def rgb(self) -> bytes: ...
    @property
    def mm(self) -> float: ...


class Kind(StrEnum):
    """Why something may have been added at a place."""

    SEAL = "seal"
    """A signature's look."""
    FILL = "fill"
    """A field was filled, or a note was added."""
    TICK = "tick"
    """A button was ticked, whose box may be close around the tick."""
    ARROW = "arrow"
    """A viewer's own sign, or the lines of a comb, which are no longer drawn: anything may differ
    there."""


@frozen
class Box:
    """A part of a page, millimetres."""

    left: float
    top: float
    width: float
    height: float

    def near(self, other: Box, distance: float) -> bool:
        """Are they closer than *distance* to each other?"""
        return (
            self.left - distance <= other.left + other.width
            and other.left - distance <= self.left + self.width
            and self.top - distance <= other.top + other.height
            and other.top - distance <= self.top + self.height
        )

    def joined(self, other: Box) -> Box:
        """The smallest box around both."""
        left, top = min(self.left, other.left), min(self.top, other.top)
        right = max(self.left + self.width, other.left + other.width)
        bottom = max(self.top + self.height, other.top + other.height)
        return Box(left, top, right - left, bottom - top)

    def times(self, factor: float) -> Box:
        """The box on a page that is so many times as large."""
        return Box(*(factor * side for side in (self.left, self.top, self.width, self.height)))


@frozen
class Place:
    """Where the static review has accepted that something was added."""

    page: int
    """0-based."""
    box: Box
    kind: Kind


def differences(then: Drawing, now: Drawing, places: Iterable[Place]) -> list[Box]:
    """Where *now* differs from *then*, except for ink added in *places* of that page. Drawings of
    different size differ everywhere."""
    part = unequal(then, now)
    return part.differences(places) if part else []


def unequal(then: Drawing, now: Drawing) -> Unequal | None:
    """The part of two drawings in which they are not equal; None if they are."""
    if (then.width, then.height) != (now.width, now.height):
        return Unequal(max(then.width, now.width), max(then.height, now.height), now.mm)
    if then.rgb == now.rgb:
        return None
    around = max(1, round(SHIFT_MM * now.mm))  # rows beside a pixel that are asked about it
    first, last = _unequal_rows(then, now)
    top, bottom = max(0, first - around), min(last + around, now.height)
    rows = slice(3 * now.width * top, 3 * now.width * bottom)
    return Unequal(now.width, now.height, now.mm, top, (then.rgb[rows], now.rgb[rows]))


@frozen
class Unequal:
    """The rows in which two drawings are not equal, and a few around them: all that is needed to
    tell where they differ, and mostly a small part of the page."""

    width: int
    height: int
    """Of the page, pixels."""
    mm: float
    """Pixels per millimetre."""
    top: int = 0
    """The first of these rows."""
    rgb: tuple[bytes, bytes] | None = None
    """Their pixels then and now; None: the page has another size, and differs everywhere."""

    @property
    def size(self) -> int:
        """Bytes of it."""
        return 2 * len(self.rgb[0]) if self.rgb else 0

    def differences(self, places: Iterable[Place]) -> list[Box]:
        """Where they differ, except for ink added in *places* of that page."""
        if self.rgb is None:
            return [Box(0, 0, self.width / self.mm, self.height / self.mm)]
        before, after = map(self._image, self.rgb)
        changed = _differing(before, after)
        for place in places:
            outer = self._own(_pixels(place.box, AROUND_MM, self.mm, (self.width, self.height)))
            inner = self._own(_pixels(place.box, -AROUND_MM, self.mm, (self.width, self.height)))
            _allow(changed, before, after, place.kind, outer, inner, self.mm)
        return boxes(changed, self.mm, self.top)

    def _image(self, rgb: bytes) -> Image:
        from PIL import Image as Pillow

        return Pillow.frombytes("RGB", (self.width, len(rgb) // (3 * self.width)), rgb)

    def _own(self, area: Area | None) -> Area | None:
        """What of an area of the page is in these rows, counted from the first of them."""
        if area is None or self.rgb is None:
            return None
        last = self.top + len(self.rgb[0]) // (3 * self.width)
        top, bottom = max(area[1], self.top), min(area[3], last)
        return (area[0], top - self.top, area[2], bottom - self.top) if top < bottom else None


def _unequal_rows(then: Drawing, now: Drawing) -> tuple[int, int]:
    """Rows of two drawings that are not equal, some more on either side: comparing bytes takes a
    tenth of what Pillow takes for the whole page, and most of a page is as it was."""
    rows = range(0, now.height, _ROWS)
    before, after, row = then.rgb, now.rgb, 3 * now.width

    def unequal(start: int) -> bool:
        part = slice(start * row, (start + _ROWS) * row)
        return before[part] != after[part]

    first = next(filter(unequal, rows), 0)
    last = next(filter(unequal, reversed(rows)), 0)
    return first, min(last + _ROWS, now.height)


def picture(drawing: Drawing) -> Image:
    """A drawing as a Pillow image, RGB."""
    from PIL import Image as Pillow

    return Pillow.frombytes("RGB", (drawing.width, drawing.height), drawing.rgb)


def _differing(before: Image, after: Image) -> Image:
    """255 where any colour differs by more than :data:`LEVELS`, else 0."""
    from PIL import ImageChops

    red, green, blue = ImageChops.difference(before, after).split()
    most = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    return most.point(_TOO_MUCH)


def ink(image: Image) -> Image:
    """The least of red, green and blue: the darker, the more ink."""
    from PIL import ImageChops

    red, green, blue = image.split()
    return ImageChops.darker(ImageChops.darker(red, green), blue)


def _allow(
    changed: Image,
    before: Image,
    after: Image,
    kind: Kind,
    outer: Area | None,
    inner: Area | None,
    mm: float,
) -> None:
    """Take out of *changed* where a place of that *kind* explains it: nothing there has lost ink.
    *outer* and *inner* are the place with its frame, and without."""
    if outer is None:
        return
    if kind is Kind.ARROW:
        changed.paste(0, outer)
        return
    if kind is Kind.SEAL:
        _allow_in(changed, before, after, outer, _LOSS_SEAL, 0)
        return
    kept = changed.crop(inner) if inner else None
    _allow_in(changed, before, after, outer, _LOSS_FRAME, round(SHIFT_MM * mm))
    if inner and kept:  # stricter inside than at the frame
        changed.paste(kept, inner[:2])
        over = _written_over(changed, before, after, inner) if kind is Kind.FILL else None
        _allow_in(changed, before, after, inner, _LOSS_FILL, 0)
        if over:
            changed.paste(over, inner[:2])


def _written_over(changed: Image, before: Image, after: Image, area: Area) -> Image | None:
    """Where something was added on what stood in *area* or touching it, as ink on ink; None if that
    is no more than rounding. A colour as dark may cover text and lose none of its ink."""
    from PIL import ImageChops

    then, now = before.crop(area), after.crop(area)
    edges = ImageChops.subtract(lightest_nearby(then, 1), darkest_nearby(then, 1))
    both = ImageChops.darker(_strong(edges), _strong(ImageChops.difference(then, now)))
    both = ImageChops.darker(both, changed.crop(area))
    return both if both.histogram()[255] >= _TOUCHING else None


def _strong(image: Image) -> Image:
    """255 where any channel is more than :data:`_CONTRAST`."""
    from PIL import ImageChops

    red, green, blue = image.split()
    most = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    return most.point([0] * (_CONTRAST + 1) + [255] * (255 - _CONTRAST))


def _allow_in(
    changed: Image,
    before: Image,
    after: Image,
    area: Area,
    limit: int,
    shift: int,
) -> None:
    from PIL import ImageChops

    then = ink(before.crop(area))
    now = ink(after.crop(area))
    if shift:
        now = darkest_nearby(now, shift)
    lost = ImageChops.subtract(now, then).point([0] * (limit + 1) + [255] * (255 - limit))
    changed.paste(ImageChops.darker(changed.crop(area), lost), area[:2])


def darkest_nearby(picture: Image, reach: int) -> Image:
    """In each channel, each pixel is the least of those up to *reach* pixels from it, across and
    down: Pillow's MinFilter, which takes five times as long."""
    from PIL import ImageChops

    return _chosen_nearby(picture, reach, ImageChops.darker)


def lightest_nearby(picture: Image, reach: int) -> Image:
    """The greatest of them, as Pillow's MaxFilter."""
    from PIL import ImageChops

    return _chosen_nearby(picture, reach, ImageChops.lighter)


def _chosen_nearby(picture: Image, reach: int, choose: Callable[[Image, Image], Image]) -> Image:
    width, height = picture.size
    for across, down in ((1, 0), (0, 1)):
        found = picture.copy()
        for step in range(1, min(reach + 1, width if across else height)):
            x, y = step * across, step * down
            first, last = (0, 0, width - x, height - y), (x, y, width, height)
            found.paste(choose(found.crop(first), picture.crop(last)), first)
            found.paste(choose(found.crop(last), picture.crop(first)), last)
        picture = found
    return picture


def _pixels(box: Box, around: float, mm: float, size: tuple[int, int]) -> Area | None:
    """*box*, made larger by *around*, in whole pixels inside the page; None if nothing is left."""
    left, top = (box.left - around) * mm, (box.top - around) * mm
    right = (box.left + box.width + around) * mm
    bottom = (box.top + box.height + around) * mm
    area = (
        max(0, int(left)),
        max(0, int(top)),
        min(size[0], int(right) + 1),
        min(size[1], int(bottom) + 1),
    )
    return area if area[0] < area[2] and area[1] < area[3] else None


# --- boxes ---------------------------------------------------------------------------------------


def boxes(changed: Image, mm: float, above: int = 0) -> list[Box]:
    """Boxes around what is not 0 in *changed*, grouped and merged, the largest first; the page has
    so many rows *above* it."""
    bounds = changed.getbbox()
    if bounds is None:
        return []
    part = changed.crop(bounds)
    cell = max(round(GROUP_MM * mm), math.ceil(math.sqrt(part.width * part.height / _MOST_CELLS)))
    coarse = part.reduce(cell)  # which cells have anything at all
    found = []
    for number, value in enumerate(coarse.tobytes()):
        if value:
            row, column = divmod(number, coarse.width)
            x, y = column * cell, row * cell
            inside = part.crop((x, y, min(x + cell, part.width), min(y + cell, part.height)))
            x0, y0, x1, y1 = inside.getbbox() or (0, 0, 0, 0)
            left, top = bounds[0] + x, above + bounds[1] + y
            found.append((left + x0, top + y0, left + x1, top + y1))
    made = [Box(x0 / mm, y0 / mm, (x1 - x0) / mm, (y1 - y0) / mm) for x0, y0, x1, y1 in found]
    near = max(MERGE_MM, MERGE_MM / GROUP_MM * cell / mm)
    return sorted(merged(made, near), key=lambda box: -box.width * box.height)


def merged(found: Sequence[Box], distance: float = MERGE_MM) -> list[Box]:
    """*found* with those joined that are within *distance* of each other, millimetres."""
    done: list[Box] = []
    for box in found:
        joined, changing = box, True
        while changing:
            near = [other for other in done if other.near(joined, distance)]
            changing = bool(near)
            for other in near:
                done.remove(other)
                joined = joined.joined(other)
        done.append(joined)
    return done
