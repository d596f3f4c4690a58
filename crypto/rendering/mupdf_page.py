# mypy: allow-untyped-calls
# (PyMuPDF says it is typed, but its functions are not.)
"""One page drawn and read by MuPDF.

Apart from :mod:`crypto.rendering.mupdf_engine`: the process that draws for the window has no use
for that. Imported by a bounded process only (:mod:`crypto.bounded`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import pymupdf
from pymupdf import mupdf

_STORE_SECONDS = 0.25
"""Of the processor, spent on drawing since MuPDF's store was emptied last: it is emptied then. It
holds fonts, which take ten times as long to load as a page of text to draw; and pictures, of which
a quarter of a second unpacks some fifty megabytes."""

pymupdf.TOOLS.mupdf_display_errors(False)
pymupdf.TOOLS.mupdf_display_warnings(False)


def draw_page(
    page: Any,
    scale: float,
    clip: Sequence[float] | None = None,
    usage: str = "View",
    ground: int = 255,
    run: Callable[..., None] = mupdf.pdf_run_page_with_usage,
) -> Any:
    """A page of PyMuPDF's as its Pixmap, RGB on a grey *ground*, *scale* pixels per point; *clip*:
    a part of it (left, top, right, bottom in points as displayed); *run* draws it, or a part.

    Drawn past PyMuPDF's own way, which goes through the document's structure and aborts the process
    on some files, and which paints flags on unsigned fields."""
    begun = time.thread_time()
    own = mupdf.pdf_page_from_fz_page(page.this)
    _hide_unsigned(own)
    area = (pymupdf.Rect(*clip) if clip else page.rect) * pymupdf.Matrix(scale, scale)
    pixels = mupdf.FzPixmap(
        mupdf.FzColorspace(mupdf.FzColorspace.Fixed_RGB),
        mupdf.FzIrect(*area.irect),
        mupdf.FzSeparations(),
        0,
    )
    mupdf.fz_clear_pixmap_with_value(pixels, ground)
    device = mupdf.fz_new_draw_device(mupdf.FzMatrix(scale, 0, 0, scale, 0, 0), pixels)
    run(own, device, mupdf.FzMatrix(), usage, mupdf.FzCookie())
    mupdf.fz_close_device(device)
    STORE.spend(time.thread_time() - begun)
    return pymupdf.Pixmap("raw", pixels)


class _Store:
    """MuPDF's store, emptied now and then."""

    def __init__(self) -> None:
        self._spent = 0.0

    def spend(self, seconds: float) -> None:
        """So long a page has taken to draw."""
        self._spent += seconds
        if self._spent > _STORE_SECONDS:
            self.empty()

    def empty(self) -> None:
        self._spent = 0.0
        mupdf.fz_empty_store()


STORE = _Store()


def page_letters(page: Any) -> Any:
    """The letters of a page of PyMuPDF's as its "rawdict", in points of the page as displayed; read
    past the document's structure as :func:`draw_page` draws."""
    own = mupdf.pdf_page_from_fz_page(page.this)
    options = mupdf.FzStextOptions()
    options.flags = mupdf.FZ_STEXT_PRESERVE_WHITESPACE
    found = mupdf.FzStextPage(mupdf.FzRect(*page.rect))
    device = mupdf.fz_new_stext_device(found, options)
    mupdf.pdf_run_page_with_usage(own, device, mupdf.FzMatrix(), "View", mupdf.FzCookie())
    mupdf.fz_close_device(device)
    return pymupdf.TextPage(found).extractRAWDICT()


def _hide_unsigned(page: Any) -> None:
    """MuPDF paints a flag of its own on signature fields without a signature, whatever look they
    have; PDFium draws the look."""
    widget = mupdf.pdf_first_widget(page)
    while widget.m_internal:
        kind = mupdf.pdf_widget_type(widget)
        if kind == mupdf.PDF_WIDGET_TYPE_SIGNATURE and not mupdf.pdf_widget_is_signed(widget):
            mupdf.pdf_set_annot_hidden_for_editing(widget, 1)
        widget = mupdf.pdf_next_widget(widget)
