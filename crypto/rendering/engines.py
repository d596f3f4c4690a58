# mypy: allow-untyped-calls
# (PyMuPDF says it is typed, but its functions are not.)
"""The two renderers, alike: MuPDF as it shows and as it prints, and PDFium.

Imported by a bounded process only (:mod:`crypto.bounded`): both are C, and a file may crash them.
Pages are drawn on white, RGB, 8 bits each, as displayed, annotations and form fields included.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import pymupdf
import pypdfium2
from pymupdf import mupdf

from crypto.bounded import Message
from crypto.lengths import MM
from crypto.rendering.compare import Box
from crypto.rendering.mupdf_page import STORE, draw_page

MAX_PIXELS = 6_000_000
"""Of one page; a larger one is drawn at a lower resolution."""
_SAME_RECT = 0.01
"""Points."""
MAX_TEXT = 20_000
"""Characters of one page."""
Rect = tuple[float, float, float, float]
"""Left, bottom, right, top in a page's own space."""


class Undrawable(Exception):
    """The engine refuses the document or a page."""


@dataclass(frozen=True)
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


class _MuPdf:
    """MuPDF, for one of its usages."""

    usage = "View"

    def __init__(self, data: bytes, password: str | None) -> None:
        with _undrawable():
            self._document: Any = pymupdf.open(stream=data, filetype="pdf")
            if self._document.needs_pass and not self._document.authenticate(password or ""):
                raise Undrawable("password")

    def pages(self) -> int:
        with _undrawable():
            return int(self._document.page_count)

    def size(self, page: int) -> tuple[float, float]:
        with _undrawable():
            box = self._document.load_page(page).rect
            return float(box.width), float(box.height)

    def is_special(self, page: int) -> bool:
        return True

    def draw(self, page: int, dpi: float) -> Raster:
        with _undrawable():
            loaded = self._document.load_page(page)
            scale = _scale(loaded.rect.width, loaded.rect.height, dpi)
            pixels = draw_page(loaded, scale, usage=self.usage)
            return Raster(pixels.width, pixels.height, bytes(pixels.samples), scale * MM)

    def draw_widget(self, page: int, rect: Rect, box: Box, dpi: float, ground: int) -> Raster:
        with _undrawable():
            loaded = self._document.load_page(page)
            widget = mupdf.pdf_first_widget(mupdf.pdf_page_from_fz_page(loaded.this))
            while widget.m_internal:
                own = mupdf.pdf_dict_get_rect(mupdf.pdf_annot_obj(widget), _name("Rect"))
                if not _is_at(rect, (own.x0, own.y0, own.x1, own.y1)):
                    mupdf.pdf_set_annot_hidden_for_editing(widget, 1)
                widget = mupdf.pdf_next_widget(widget)
            return self._part(loaded, box, dpi, ground, mupdf.pdf_run_page_widgets_with_usage)

    def draw_part(self, page: int, box: Box, dpi: float) -> Raster:
        with _undrawable():
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


class _MuPdfPrinted(_MuPdf):
    usage = "Print"

    def __init__(self, data: bytes, password: str | None, shown: _MuPdf | None = None) -> None:
        """*shown* has the same document open: its fonts are loaded once."""
        if shown is None:
            super().__init__(data, password)
        else:
            self._document = shown._document

    def is_special(self, page: int) -> bool:
        """Only layers and some annotations are printed otherwise than they are shown."""
        with _undrawable():
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


class _Pdfium:
    """PDFium with its form fields."""

    def __init__(self, data: bytes, password: str | None) -> None:
        self._data, self._password = data, password
        with _undrawable():
            self._document = pypdfium2.PdfDocument(data, password=password)
            self._document.init_forms()

    def pages(self) -> int:
        with _undrawable():
            return len(self._document)

    def size(self, page: int) -> tuple[float, float]:
        with _undrawable():
            width, height = self._document.get_page_size(page)
            return float(width), float(height)

    def is_special(self, page: int) -> bool:
        return True

    def draw(self, page: int, dpi: float) -> Raster:
        with _undrawable():
            loaded = self._document[page]
            try:
                width, height = loaded.get_size()
                scale = _scale(width, height, dpi)
                made = loaded.render(scale=scale, rev_byteorder=True, may_draw_forms=True)
                try:  # closed here: the collector may run in a thread that must not call PDFium
                    if made.n_channels != 3 or made.stride != 3 * made.width:
                        raise Undrawable("pixels of another kind")
                    return Raster(made.width, made.height, bytes(made.buffer), scale * MM)
                finally:
                    made.close()
            finally:
                loaded.close()

    def draw_widget(self, page: int, rect: Rect, box: Box, dpi: float, ground: int) -> Raster:
        with _undrawable():
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

    @staticmethod
    def _part(
        document: Any, page: int, box: Box, dpi: float, ground: int, *, contents: bool
    ) -> Raster:
        with _undrawable():
            loaded = document[page]
            try:
                scale, mm = dpi / 72, dpi / 25.4
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
        with _undrawable():
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
        document = _Pdfium(data, password)
        for page in range(min(pages, document.pages())):
            found.append(document.text(page))
    return Message({"text": "\n".join(found)})


def _scale(width: float, height: float, dpi: float) -> float:
    """Pixels per point."""
    area = width * height
    if not (math.isfinite(area) and area > 0):
        raise Undrawable("a page without a size")
    return min(dpi / 72, math.sqrt(MAX_PIXELS / area))


@contextmanager
def _undrawable() -> Iterator[None]:
    """Whatever a renderer raises about a file becomes Undrawable; more memory than there is does
    not."""
    try:
        yield
    except (Undrawable, MemoryError):
        raise
    except Exception as error:
        raise Undrawable(f"{type(error).__name__}: {error}"[:200]) from error


def _keep_one(page: Any, rect: Rect) -> None:
    """Take all annotations but the one at *rect* from a page of pypdfium2's."""
    raw = pypdfium2.raw
    for number in reversed(range(raw.FPDFPage_GetAnnotCount(page))):
        annotation = raw.FPDFPage_GetAnnot(page, number)
        own = raw.FS_RECTF()
        known = raw.FPDFAnnot_GetRect(annotation, own)
        raw.FPDFPage_CloseAnnot(annotation)
        if not (known and _is_at(rect, (own.left, own.bottom, own.right, own.top))):
            raw.FPDFPage_RemoveAnnot(page, number)


def _is_at(one: Rect, other: Rect) -> bool:
    """Are both the same rectangle, whichever corners they name?"""
    sides = [sorted((rect[at], rect[at + 2])) for rect in (one, other) for at in (0, 1)]
    pairs = zip(sides[0] + sides[1], sides[2] + sides[3], strict=True)
    return all(abs(a - b) <= _SAME_RECT for a, b in pairs)


def glyphs_of(font: bytes) -> Callable[[int], int]:
    """Which glyph of *font* shows a character, 0 for none. Raises :class:`Undrawable`."""
    with _undrawable():
        read = pymupdf.Font(fontbuffer=font)
        return lambda code: int(read.has_glyph(code) or 0)


def svg_as_pdf(data: bytes) -> bytes:
    """A checked SVG as a PDF of one page. Raises :class:`Undrawable`."""
    with _undrawable(), pymupdf.open(stream=data, filetype="svg") as document:
        return bytes(document.convert_to_pdf())


ENGINES = ("MuPDF", "MuPDF print", "PDFium")
"""In the order in which they tell what they see."""


def opened(
    name: str, data: bytes, password: str | None, others: Mapping[str, Engine] = {}
) -> Engine:
    """The document *data*, by the engine of that *name*; *others* have it open already. Raises
    :class:`Undrawable`."""
    if name == "PDFium":
        return _Pdfium(data, password)
    if name == "MuPDF":
        return _MuPdf(data, password)
    shown = others.get("MuPDF")
    return _MuPdfPrinted(data, password, shown if isinstance(shown, _MuPdf) else None)


MARK_ENGINES: Mapping[str, Callable[[bytes, str | None], MarkEngine]] = {
    "MuPDF": _MuPdf,
    "MuPDF print": _MuPdfPrinted,
    "PDFium": _Pdfium,
}
"""Those that draw marks: as shown, as printed, and as browsers show them."""
