"""Which bitmaps a page is drawn from: one for all of it, or tiles where that were too large."""

from __future__ import annotations

import math

from PySide6.QtCore import QPointF, QRectF

from crypto.lengths import MM
from ui.canvas.renderer import BitmapRequest

WHOLE_PAGE = 4_000_000
"""Device pixels up to which a page is drawn as one bitmap."""
TILE = 1024
"""Edge of a tile in device pixels."""


def drawing_scale(zoom: float, ratio: float) -> float:
    """Device pixels per point at *zoom*, with *ratio* device pixels to one of Qt's."""
    return zoom * 96 / 72 * ratio


def bitmaps_of(
    document: int,
    page: int,
    size: tuple[float, float],
    zoom: float,
    ratio: float,
    only: QRectF | None = None,
) -> list[tuple[BitmapRequest, QPointF]]:
    """The bitmaps that make up a page of that *size* (mm), each with its corner on the page in
    Qt's pixels; with *only*, the tiles that meet this part of the page."""
    scale = drawing_scale(zoom, ratio)
    width, height = (edge * MM * scale for edge in size)
    if width * height <= WHOLE_PAGE:
        return [(BitmapRequest(document, page, scale), QPointF(0, 0))]
    edge, made = TILE / ratio, []
    for row in range(math.ceil(height / TILE)):
        for column in range(math.ceil(width / TILE)):
            corner = QPointF(column * edge, row * edge)
            if only is not None and not only.intersects(QRectF(corner.x(), corner.y(), edge, edge)):
                continue
            clip = (
                column * TILE / scale,
                row * TILE / scale,
                min((column + 1) * TILE, width) / scale,
                min((row + 1) * TILE, height) / scale,
            )
            made.append((BitmapRequest(document, page, scale, clip), corner))
    return made
