"""What the renderers have in common: what an opened document can do, and what it gives.

Pages are drawn on white, RGB, 8 bits each, as displayed, annotations and form fields included.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from crypto.frozen import frozen
from crypto.png_file import png_file
from crypto.rendering.compare import Box

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PIXELS = 6_000_000
"""Of one page; a larger one is drawn at a lower resolution."""
_LARGEST = 2e9
"""Points of a side; MuPDF draws no more of a page, and Acrobat knows of half as much."""
_SAME_RECT = 0.01
"""Points."""
MAX_TEXT = 20_000
"""Characters of one page."""
Rect = tuple[float, float, float, float]
"""Left, bottom, right, top in a page's own space."""


class Undrawable(Exception):
    """The engine refuses the document or a page."""


@frozen
class Raster:
    """A page's pixels."""

    width: int
    height: int
    rgb: bytes
    mm: float
    """Pixels per millimetre."""


class Engine(Protocol):
    """A document opened by one renderer."""

    def pages(self) -> int:
        """How many there are."""

    def size(self, page: int) -> tuple[float, float]:
        """Of page *page* (0-based) as displayed, points. Raises :class:`Undrawable`."""

    def is_special(self, page: int) -> bool:
        """Can page *page* (0-based) show anything that the engines before this do not draw? Raises
        :class:`Undrawable`."""

    def draw(self, page: int, dpi: float) -> Raster:
        """Page *page* (0-based). Raises :class:`Undrawable`."""

    def close(self) -> None:
        """Let go of it."""


class MarkEngine(Engine, Protocol):
    """One that can also draw what a form field of a page shows, by itself."""

    def draw_widget(self, page: int, rect: Rect, box: Box, dpi: float, ground: int) -> Raster:
        """What the form field of page *page* (0-based) whose /Rect is *rect* shows inside *box*,
        millimetres from the top left as displayed, on a grey *ground* (0 to 255). Raises
        :class:`Undrawable`."""

    def draw_part(self, page: int, box: Box, dpi: float) -> Raster:
        """Everything that page *page* (0-based) shows inside *box*. Raises :class:`Undrawable`."""


def png(image: Image) -> bytes:
    """An RGB picture as PNG, without loss.

    Pillow tries five filters on each row, which takes longer than to compress it. Drawn pages come
    out smaller with none; and here other threads go on meanwhile."""
    rgb, row = image.tobytes(), 3 * image.width
    rows = b"".join(b"\0" + rgb[start : start + row] for start in range(0, len(rgb), row))
    return png_file(image.size, "RGB", 8, zlib.compress(rows, 1))


def scale_of(width: float, height: float, dpi: float) -> float:
    """Pixels per point."""
    area = width * height
    if not (0 < area < math.inf and max(width, height) < _LARGEST):
        raise Undrawable("a page without a size")
    return min(dpi / 72, math.sqrt(MAX_PIXELS / area))


@contextmanager
def undrawable() -> Iterator[None]:
    """Whatever a renderer raises about a file becomes Undrawable; more memory than there is does
    not."""
    try:
        yield
    except (Undrawable, MemoryError):
        raise
    except Exception as error:
        raise Undrawable(f"{type(error).__name__}: {error}"[:200]) from error


def is_at(one: Rect, other: Rect) -> bool:
    """Are both the same rectangle, whichever corners they name?"""
    sides = [sorted((rect[at], rect[at + 2])) for rect in (one, other) for at in (0, 1)]
    pairs = zip(sides[0] + sides[1], sides[2] + sides[3], strict=True)
    return all(abs(a - b) <= _SAME_RECT for a, b in pairs)
