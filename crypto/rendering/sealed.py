"""Pages as they were when they were sealed, and the marks on them, drawn for people.

Runs in a bounded process (:mod:`crypto.bounded`); :mod:`crypto.report.pictures` asks for it.
"""

from __future__ import annotations

from crypto.bounded import Message
from crypto.lengths import MM
from crypto.rendering.compare import Box, picture
from crypto.rendering.drawing import MarkEngine, Raster, Undrawable, png, scale_of
from crypto.rendering.engines import opened

_ENGINE = "MuPDF"
PAGE_DPI, MARK_DPI = 72.0, 200.0


Wish = tuple[int, int, Box | None]
"""Length of the revision in bytes, page (0-based), and a part of it in millimetres from the top
left as displayed; None: the whole page."""


def draw(data: bytes, password: str | None, wishes: tuple[Wish, ...]) -> Message:
    """A PNG for each of *wishes* that can be drawn, and in the head which they are and how large
    they are in millimetres."""
    documents: dict[int, MarkEngine] = {}
    told, parts = [], []
    for number, (end, page, box) in enumerate(wishes):
        try:
            if end not in documents:
                documents[end] = opened(_ENGINE, data[:end], password)
            engine = documents[end]
            drawn = _part(engine, page, box) if box else engine.draw(page, PAGE_DPI)
        except Undrawable:
            continue
        shown, mm = picture(drawn), drawn.mm
        size = [shown.width / mm, shown.height / mm]
        told.append({"wish": number, "size_mm": size})
        parts.append(png(shown))
    return Message({"drawn": told}, tuple(parts))


def _part(engine: MarkEngine, page: int, box: Box) -> Raster:
    """What of *box* is on the page, at a resolution of its own: of a page of metres a few dots
    would be left of it otherwise. Raises :class:`Undrawable`."""
    across, down = (side / MM for side in engine.size(page))
    left, top = max(0.0, box.left), max(0.0, box.top)
    width = min(across, box.left + box.width) - left
    height = min(down, box.top + box.height) - top
    if width <= 0 or height <= 0:
        raise Undrawable("nothing of it is on the page")
    dpi = 72 * scale_of(width * MM, height * MM, MARK_DPI)
    return engine.draw_part(page, Box(left, top, width, height), dpi)
