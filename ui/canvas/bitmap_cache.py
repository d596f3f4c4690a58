"""Drawn pages, kept within a fixed number of bytes."""

from __future__ import annotations

from collections import OrderedDict

from PySide6.QtGui import QPixmap

from ui.canvas.renderer import BitmapRequest

CACHE_BYTES = 48 * 1024 * 1024
"""In a small window: a dozen pages."""
VIEWS = 3
"""Times as much as the view shows is kept at least: tiles reach beyond it, and what lies above and
below is drawn ahead."""


class BitmapCache:
    """Bitmaps within a fixed number of bytes; the one not used for longest goes first."""

    def __init__(self, limit: int = CACHE_BYTES) -> None:
        self.limit = limit
        self.bytes = 0
        self._kept: OrderedDict[BitmapRequest, QPixmap] = OrderedDict()

    def fit(self, pixels: float) -> None:
        """Make room for a view of so many device pixels."""
        self.limit = max(CACHE_BYTES, round(4 * VIEWS * pixels))

    def get(self, request: BitmapRequest) -> QPixmap | None:
        found = self._kept.get(request)
        if found is not None:
            self._kept.move_to_end(request)
        return found

    def put(self, request: BitmapRequest, pixmap: QPixmap) -> None:
        old = self._kept.pop(request, None)
        if old is not None:
            self.bytes -= _weight(old)
        self._kept[request] = pixmap
        self.bytes += _weight(pixmap)
        while self.bytes > self.limit and len(self._kept) > 1:
            _, gone = self._kept.popitem(last=False)
            self.bytes -= _weight(gone)

    def any_of(self, document: int, page: int) -> QPixmap | None:
        """A whole picture of the page at any scale, to show until the right one is there."""
        for request in reversed(self._kept):
            if (request.document, request.page, request.clip) == (document, page, None):
                return self._kept[request]
        return None

    def clear(self) -> None:
        self._kept.clear()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._kept)


def _weight(pixmap: QPixmap) -> int:
    return pixmap.width() * pixmap.height() * 4
