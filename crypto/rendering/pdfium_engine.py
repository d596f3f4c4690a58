"""Documents opened by PDFium, with their form fields.

Imported by a bounded process only (:mod:`crypto.bounded`): it is C, and a file may crash it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pypdfium2

from crypto.bounded import Message
from crypto.lengths import MM
from crypto.rendering.compare import Box
from crypto.rendering.drawing import (
    MAX_PIXELS,
    MAX_TEXT,
    Raster,
    Rect,
    Undrawable,
    is_at,
    scale_of,
    undrawable,
)


class Pdfium:
    """PDFium with its form fields."""

    def __init__(self, data: bytes, password: str | None, units: Mapping[int, float] = {}) -> None:
        """*units*: the UserUnit of pages (0-based) that have one. PDFium knows of none, so its own
        lengths are made those of the page as displayed here."""
        self._data, self._password, self._units = data, password, units
        with undrawable():
            self._document = pypdfium2.PdfDocument(data, password=password)
            self._document.init_forms()

    def pages(self) -> int:
        with undrawable():
            return len(self._document)

    def size(self, page: int) -> tuple[float, float]:
        with undrawable():
            width, height = self._document.get_page_size(page)
            unit = self._unit(page)
            return width * unit, height * unit

    def _unit(self, page: int) -> float:
        return self._units.get(page, 1.0)

    def is_special(self, page: int) -> bool:
        return True

    def draw(self, page: int, dpi: float) -> Raster:
        with undrawable():
            scale, unit = scale_of(*self.size(page), dpi), self._unit(page)
            loaded = self._document[page]
            try:
                made = loaded.render(scale=scale * unit, rev_byteorder=True, may_draw_forms=True)
                try:  # closed here: the collector may run in a thread that must not call PDFium
                    if made.n_channels != 3 or made.stride != 3 * made.width:
                        raise Undrawable("pixels of another kind")
                    return Raster(made.width, made.height, bytes(made.buffer), scale * MM)
                finally:
                    made.close()
            finally:
                loaded.close()

    def draw_widget(self, page: int, rect: Rect, box: Box, dpi: float, ground: int) -> Raster:
        with undrawable():
            alone = pypdfium2.PdfDocument(self._data, password=self._password)
            try:
                loaded = alone[page]
                _keep_one(loaded, rect)
                loaded.close()
                alone.init_forms()  # now it sees the one that is left
                return self._part(alone, page, box, dpi, ground, contents=False)
            finally:
                alone.close()

    def draw_part(self, page: int, box: Box, dpi: float) -> Raster:
        return self._part(self._document, page, box, dpi, 255, contents=True)

    def _part(
        self, document: Any, page: int, box: Box, dpi: float, ground: int, *, contents: bool
    ) -> Raster:
        with undrawable():
            loaded = document[page]
            try:
                scale, mm = dpi / 72 * self._unit(page), dpi / 25.4
                width, height = (round(side * scale) for side in loaded.get_size())
                left, top = math.floor(box.left * mm), math.floor(box.top * mm)
                across = math.ceil((box.left + box.width) * mm) - left
                down = math.ceil((box.top + box.height) * mm) - top
                if not (0 < across * down <= MAX_PIXELS):
                    raise Undrawable("a mark of such a size")
                made = pypdfium2.PdfBitmap.new_native(across, down, pypdfium2.raw.FPDFBitmap_BGR)
                made.fill_rect((ground, ground, ground, 255), 0, 0, across, down)
                place = (-left, -top, width, height, 0)
                if contents:
                    flags = pypdfium2.raw.FPDF_ANNOT
                    pypdfium2.raw.FPDF_RenderPageBitmap(made, loaded, *place, flags)
                forms = document.formenv
                if forms is not None:
                    pypdfium2.raw.FPDF_FFLDraw(forms, made, loaded, *place, 0)
                shown = made.to_pil().convert("RGB")
                made.close()
                return Raster(shown.width, shown.height, shown.tobytes(), mm)
            finally:
                loaded.close()

    def text(self, page: int) -> str:
        """Of page *page* (0-based), at most :data:`MAX_TEXT` characters. Raises
        :class:`Undrawable`."""
        with undrawable():
            loaded = self._document[page]
            try:
                found = loaded.get_textpage()
                try:
                    return str(found.get_text_range(0, min(MAX_TEXT, found.count_chars())))
                finally:
                    found.close()
            finally:
                loaded.close()

    def close(self) -> None:
        self._document.close()


def first_text(data: bytes, password: str | None, pages: int) -> Message:
    """The text of the first *pages* pages of *data*, "text" in the head; less where they cannot be
    read."""
    found = []
    with suppress(Undrawable):
        document = Pdfium(data, password)
        for page in range(min(pages, document.pages())):
            found.append(document.text(page))
    return Message({"text": "\n".join(found)})


def _keep_one(page: Any, rect: Rect) -> None:
    """Take all annotations but the one at *rect* from a page of pypdfium2's."""
    raw = pypdfium2.raw
    for number in reversed(range(raw.FPDFPage_GetAnnotCount(page))):
        annotation = raw.FPDFPage_GetAnnot(page, number)
        own = raw.FS_RECTF()
        known = raw.FPDFAnnot_GetRect(annotation, own)
        raw.FPDFPage_CloseAnnot(annotation)
        if not (known and is_at(rect, (own.left, own.bottom, own.right, own.top))):
            raw.FPDFPage_RemoveAnnot(page, number)
