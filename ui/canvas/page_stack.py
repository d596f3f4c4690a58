"""Where the pages of a document lie on the canvas, under one another: numbers only, no widget.

Two systems: millimetres from the top left of a page as displayed when it is not turned, and pixels
from the top left of the whole stack, which is at least as wide as the view that shows it. Turning
the view changes the second only.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from PySide6.QtCore import QPointF, QRectF, QSizeF
from PySide6.QtGui import QTransform

SCREEN = 96 / 25.4
"""Pixels in a millimetre at 100 %."""
SMALLEST, LARGEST = 0.25, 4.0
"""Bounds of the zoom."""
GAP = 16
"""Pixels between pages and around them."""


class PageStack:
    """The pages at one zoom, centred."""

    def __init__(self, sizes: Sequence[tuple[float, float]] = ()) -> None:
        """*sizes* of the pages in millimetres."""
        self.sizes = tuple(sizes)
        self.zoom = 1.0
        """1.0 shows a millimetre as the screen's 96 dpi have it."""
        self.turn = 0
        """Quarter turns clockwise in which every page is shown."""
        self.width = self.height = 0
        """Pixels, margins included."""
        self.needed_width = 0
        """Pixels that the widest page needs with its margins."""
        self._tops: list[int] = []

    def __len__(self) -> int:
        return len(self.sizes)

    @property
    def scale(self) -> float:
        """Pixels per millimetre."""
        return self.zoom * SCREEN

    def lay_out(self, view_width: int) -> None:
        """Compute every place anew, for a view of that width in pixels."""
        scale, across, down = self.scale, self.turn % 2, 1 - self.turn % 2
        heights = (math.ceil(size[down] * scale) + GAP for size in self.sizes)
        *self._tops, self.height = accumulate(heights, initial=GAP)
        widest = max((size[across] for size in self.sizes), default=0.0)
        self.needed_width = math.ceil(widest * scale) + 2 * GAP
        self.width = max(self.needed_width, view_width)

    def fitting_zoom(self, what: str, page: int, width: int, height: int) -> float:
        """The zoom at which the "width" of *page*, or the whole "page", fits a view of *width* by
        *height* pixels."""
        if not self.sizes:
            return 1.0
        page_width, page_height = self._shown(min(page, len(self.sizes) - 1))
        zoom = (width - 2 * GAP) / (page_width * SCREEN)
        if what == "page":
            return min(zoom, (height - GAP) / (page_height * SCREEN))
        return min(zoom, 1.5)

    def top(self, page: int) -> int:
        """Upper edge of a page, in pixels."""
        return self._tops[page]

    def paper(self, page: int) -> QRectF:
        """A page in pixels, its corner on a whole pixel."""
        width, height = self._shown(page)
        width, height = width * self.scale, height * self.scale
        return QRectF(round((self.width - width) / 2), self._tops[page], width, height)

    def page_above(self, y: float) -> int:
        """The last page that begins at or above *y*; the first one above all pages."""
        return max(0, bisect_right(self._tops, y) - 1)

    def visible(self, start: int, end: int) -> range:
        """The pages between two heights in pixels."""
        if not self.sizes:
            return range(0)
        first = self.page_above(start)
        return range(first, max(self.page_above(end), first) + 1)

    def locate(self, point: QPointF) -> tuple[int, float, float] | None:
        """The page nearest to a point in pixels, and the place on it in millimetres."""
        if not self.sizes:
            return None
        page = self.page_above(point.y() + GAP / 2)
        inside = point - self.paper(page).topLeft()
        return page, *self._unturned(page, inside.x() / self.scale, inside.y() / self.scale)

    def placed(self, page: int, box: QRectF) -> QRectF:
        """A box on a page (mm) in pixels."""
        ends = [self._turned(page, end.x(), end.y()) for end in (box.topLeft(), box.bottomRight())]
        (x0, y0), (x1, y1) = ends
        left, top = min(x0, x1) * self.scale, min(y0, y1) * self.scale
        size = QSizeF(abs(x1 - x0), abs(y1 - y0)) * self.scale
        return QRectF(self.paper(page).topLeft() + QPointF(left, top), size)

    def inside(self, page: int, area: QRectF) -> QRectF:
        """The part of a page (mm) that an area of the stack shows."""
        part = area.intersected(self.paper(page)).translated(-self.paper(page).topLeft())
        ends = [
            self._unturned(page, end.x() / self.scale, end.y() / self.scale)
            for end in (part.topLeft(), part.bottomRight())
        ]
        (x0, y0), (x1, y1) = ends
        return QRectF(min(x0, x1), min(y0, y1), abs(x1 - x0), abs(y1 - y0))

    def upright(self, page: int) -> QTransform:
        """Draws a page that is not turned, its corner at that of :meth:`paper`, as it is shown."""
        corner, size = self.paper(page).topLeft(), self.paper(page).size()
        moved = {
            0: QPointF(0, 0),
            1: QPointF(size.width(), 0),
            2: QPointF(size.width(), size.height()),
            3: QPointF(0, size.height()),
        }[self.turn]
        made = QTransform()
        made.translate(corner.x() + moved.x(), corner.y() + moved.y())
        made.rotate(90 * self.turn)
        made.translate(-corner.x(), -corner.y())
        return made

    def on_page(self, right: float, down: float) -> tuple[float, float]:
        """A step on the screen as a step on a page."""
        steps = ((right, down), (down, -right), (-right, -down), (-down, right))
        return steps[self.turn]

    def _shown(self, page: int) -> tuple[float, float]:
        """Width and height as turned, mm."""
        width, height = self.sizes[page]
        return (height, width) if self.turn % 2 else (width, height)

    def _turned(self, page: int, x: float, y: float) -> tuple[float, float]:
        width, height = self.sizes[page]
        return ((x, y), (height - y, x), (width - x, height - y), (y, width - x))[self.turn]

    def _unturned(self, page: int, x: float, y: float) -> tuple[float, float]:
        width, height = self.sizes[page]
        return ((x, y), (y, height - x), (width - x, height - y), (width - y, x))[self.turn]

    def clamp(
        self, page: int, left: float, top: float, width: float, height: float
    ) -> tuple[float, float]:
        """The nearest place (mm) at which a thing of that size lies wholly on the page."""
        page_width, page_height = self.sizes[page]
        return (
            min(max(left, 0.0), max(page_width - width, 0.0)),
            min(max(top, 0.0), max(page_height - height, 0.0)),
        )
