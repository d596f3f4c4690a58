"""The two renderers, alike: MuPDF as it shows and as it prints, and PDFium.

Imported by a bounded process only (:mod:`crypto.bounded`): both are C, and a file may crash them.
Each has a module of its own, loaded for its first document: a process that looks uses one of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from crypto.rendering.drawing import Engine, MarkEngine

ENGINES = ("MuPDF", "MuPDF print", "PDFium")
"""In the order in which they tell what they see."""


def load(name: str) -> None:
    """The module of the engine of that *name*, before there is a document for it."""
    import_module(f"crypto.rendering.{'pdfium' if name == 'PDFium' else 'mupdf'}_engine")


def opened(
    name: str,
    data: bytes,
    password: str | None,
    others: Mapping[str, Engine] = {},
    units: Mapping[int, float] = {},
) -> MarkEngine:
    """The document *data*, by the engine of that *name*; *others* have it open already. *units*:
    the UserUnit of pages (0-based) that have one, for PDFium, which draws as if there were none.
    Raises :class:`Undrawable`."""
    if name == "PDFium":
        from crypto.rendering.pdfium_engine import Pdfium

        return Pdfium(data, password, units)
    from crypto.rendering.mupdf_engine import MuPdf, MuPdfPrinted

    if name == "MuPDF":
        return MuPdf(data, password)
    shown = others.get("MuPDF")
    return MuPdfPrinted(data, password, shown if isinstance(shown, MuPdf) else None)
