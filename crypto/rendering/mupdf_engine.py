# mypy: allow-untyped-calls
# (PyMuPDF says it is typed, but its functions are not.)
"""Documents opened by MuPDF, as it shows and as it prints them.

Imported by a bounded process only (:mod:`crypto.bounded`): it is C, and a file may crash it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import pymupdf
from pymupdf import mupdf

from crypto.lengths import MM
from crypto.rendering.compare import Box
from crypto.rendering.drawing import Raster, Rect, Undrawable, is_at, scale_of, undrawable
from crypto.rendering.mupdf_page import STORE, draw_page


class MuPdf:
    """MuPDF, for one of its usages."""

    usage = "View"

    def __init__(self, data: bytes, password: str | None) -> None:
        with undrawable():
            self._document: Any = pymupdf.open(stream=data, filetype="pdf")
            if self._document.needs_pass and not self._document.authenticate(password or ""):
                raise Undrawable("password")

    def pages(self) -> int:
        with undrawable():
            return int(self._document.page_count)

    def size(self, page: int) -> tuple[float, float]:
        with undrawable():
            box = self._document.load_page(page).rect
            return float(box.width), float(box.height)

    def is_special(self, page: int) -> bool:
        return True

    def draw(self, page: int, dpi: float) -> Raster:
        with undrawable():
            loaded = self._document.load_page(page)
            scale = scale_of(loaded.rect.width, loaded.rect.height, dpi)
            pixels = draw_page(loaded, scale, usage=self.usage)
            return Raster(pixels.width, pixels.height, bytes(pixels.samples), scale * MM)

    def draw_widget(self, page: int, rect: Rect, box: Box, dpi: float, ground: int) -> Raster:
        with undrawable():
            loaded = self._document.load_page(page)
            widget = mupdf.pdf_first_widget(mupdf.pdf_page_from_fz_page(loaded.this))
            while widget.m_internal:
                own = mupdf.pdf_dict_get_rect(mupdf.pdf_annot_obj(widget), _name("Rect"))
                if not is_at(rect, (own.x0, own.y0, own.x1, own.y1)):
                    mupdf.pdf_set_annot_hidden_for_editing(widget, 1)
                widget = mupdf.pdf_next_widget(widget)
            return self._part(loaded, box, dpi, ground, mupdf.pdf_run_page_widgets_with_usage)

    def draw_part(self, page: int, box: Box, dpi: float) -> Raster:
        with undrawable():
            loaded = self._document.load_page(page)
            return self._part(loaded, box, dpi, 255, mupdf.pdf_run_page_with_usage)

    def _part(
        self, loaded: Any, box: Box, dpi: float, ground: int, run: Callable[..., None]
    ) -> Raster:
        clip = [edge * MM for edge in (box.left, box.top)]
        clip += [(box.left + box.width) * MM, (box.top + box.height) * MM]
        pixels = draw_page(loaded, dpi / 72, clip, self.usage, ground, run)
        return Raster(pixels.width, pixels.height, bytes(pixels.samples), dpi / 25.4)

    def close(self) -> None:
        self._document.close()
        STORE.empty()


class MuPdfPrinted(MuPdf):
    usage = "Print"

    def __init__(self, data: bytes, password: str | None, shown: MuPdf | None = None) -> None:
        """*shown* has the same document open: its fonts are loaded once."""
        if shown is None:
            super().__init__(data, password)
        else:
            self._document = shown._document

    def is_special(self, page: int) -> bool:
        """Only layers and some annotations are printed otherwise than they are shown."""
        with undrawable():
            root = mupdf.pdf_dict_get(mupdf.pdf_trailer(self._pdf), _name("Root"))
            if mupdf.pdf_dict_get(root, _name("OCProperties")).m_internal:
                return True
            own = mupdf.pdf_lookup_page_obj(self._pdf, page)
            listed = mupdf.pdf_dict_get(own, _name("Annots"))
            noted = (mupdf.pdf_array_get(listed, i) for i in range(mupdf.pdf_array_len(listed)))
            return any(map(_prints_otherwise, noted))

    @cached_property
    def _pdf(self) -> Any:
        return mupdf.pdf_document_from_fz_document(self._document.this)


_INVISIBLE_OR_HIDDEN, _PRINT, _ON_SCREEN_SOMETIMES = 1 | 2, 4, 32 | 256


def _prints_otherwise(annotation: Any) -> bool:
    """May MuPDF draw this annotation on the screen only, or on paper only (ISO 32000-1 §12.5.3)?"""
    if mupdf.pdf_dict_get(annotation, _name("OC")).m_internal:
        return True
    flags = mupdf.pdf_dict_get_int(annotation, _name("F"))
    if flags & _INVISIBLE_OR_HIDDEN:
        return False
    return not flags & _PRINT or bool(flags & _ON_SCREEN_SOMETIMES)


def _name(text: str) -> Any:
    return mupdf.pdf_new_name(text)


def glyphs_of(font: bytes) -> Callable[[int], int]:
    """Which glyph of *font* shows a character, 0 for none. Raises :class:`Undrawable`."""
    with undrawable():
        read = pymupdf.Font(fontbuffer=font)
        return lambda code: int(read.has_glyph(code) or 0)


def svg_as_pdf(data: bytes) -> bytes:
    """A checked SVG as a PDF of one page. Raises :class:`Undrawable`."""
    with undrawable(), pymupdf.open(stream=data, filetype="svg") as document:
        return bytes(document.convert_to_pdf())
