"""Pages as they were when they were sealed, and the marks on them, drawn for people.

Runs in a bounded process (:mod:`crypto.bounded`); :mod:`crypto.report.pictures` asks for it.
"""

from __future__ import annotations

from crypto.bounded import Message
from crypto.rendering.compare import Box, picture
from crypto.rendering.drawing import Engine, Undrawable, png
from crypto.rendering.engines import opened

_ENGINE = "MuPDF"
PAGE_DPI, MARK_DPI = 72.0, 200.0


Wish = tuple[int, int, Box | None]
"""Length of the revision in bytes, page (0-based), and a part of it in millimetres from the top
left as displayed; None: the whole page."""


def draw(data: bytes, password: str | None, wishes: tuple[Wish, ...]) -> Message:
    """A PNG for each of *wishes* that can be drawn, and in the head which they are and how large
    they are in millimetres."""
    documents: dict[int, Engine] = {}
    told, parts = [], []
    for number, (end, page, box) in enumerate(wishes):
        try:
            if end not in documents:
                documents[end] = opened(_ENGINE, data[:end], password)
            drawn = documents[end].draw(page, MARK_DPI if box else PAGE_DPI)
        except Undrawable:
            continue
        shown, mm = picture(drawn), drawn.mm
        if box:
            shown = shown.crop(
                (
                    max(0, round(box.left * mm)),
                    max(0, round(box.top * mm)),
                    min(drawn.width, round((box.left + box.width) * mm)),
                    min(drawn.height, round((box.top + box.height) * mm)),
                )
            )
        if not (shown.width and shown.height):
            continue
        size = [shown.width / mm, shown.height / mm]
        told.append({"wish": number, "size_mm": size})
        parts.append(png(shown))
    return Message({"drawn": told}, tuple(parts))
