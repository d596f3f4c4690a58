"""Pages as a person sees them: sizes, text, pictures. The one module of app that uses PyMuPDF.

Only :mod:`app.placing.finder`'s bounded process imports it: a file may crash PyMuPDF. It must be
used from one thread at a time. What it shows is for looking at and for finding places: signing and
verifying read the file by themselves (:mod:`crypto.pdf.reading.document`), and a test holds both to
the same page sizes.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from app.errors import FileNotReadable, FileProblem
from app.file_kind import require_pdf
from app.placing.placement import PageBox, TextHit  # noqa: TID253 - this module comes late itself
from crypto.lengths import MM
from crypto.pdf.reading.document import MAX_PAGES  # noqa: TID253 - this module comes late itself
from crypto.pdf.reading.failures import (  # noqa: TID253 - this module comes late itself
    PdfEncrypted,
    PdfError,
    PdfPasswordWrong,
    PdfTooComplex,
    PdfUnreadable,
)

"""Points per millimetre."""

MAX_PIXELS = 100_000_000
"""More would take 300 MB for one page."""


class Pages:
    """An opened document; a context manager."""

    def __init__(self, path: Path, password: str | None = None) -> None:
        """Open the PDF at *path*. Raises :class:`app.errors.FileNotReadable`,
        :class:`app.errors.NotAPdf`, :class:`crypto.pdf.reading.failures.PdfError`'s subclasses."""
        try:
            with path.open("rb") as file:
                require_pdf(file, path)
        except OSError as error:
            raise FileNotReadable(str(path), FileProblem.of(error)) from error
        pymupdf = _library()
        with _pdf_errors():
            self._document: Any = pymupdf.open(path, filetype="pdf")
        try:
            self._admit(password)
        except BaseException:
            self._document.close()
            raise

    def _admit(self, password: str | None) -> None:
        with _pdf_errors():
            if self._document.needs_pass and not self._document.authenticate(password or ""):
                if password is None:
                    raise PdfEncrypted("a password is needed")
                raise PdfPasswordWrong("the password does not open the file")
            if self._document.page_count > MAX_PAGES:
                raise PdfTooComplex("too many pages")
            if self._document.page_count == 0:
                raise PdfUnreadable("no pages")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._document.close()

    def __len__(self) -> int:
        return int(self._document.page_count)

    def boxes(self) -> list[PageBox]:
        """The size of every page as displayed: CropBox, /Rotate and UserUnit taken into account."""
        with _pdf_errors():
            rectangles = [page.rect for page in self._document]
        return [PageBox(rectangle.width / MM, rectangle.height / MM) for rectangle in rectangles]

    def render_png(self, page: int, dpi: float) -> bytes:
        """Page *page* (0-based) as displayed, annotations included: PNG, RGB.

        Raises IndexError for a page that is not there, :class:`PdfTooComplex` for a picture larger
        than :data:`MAX_PIXELS`."""
        if not 0 <= page < len(self):
            raise IndexError(page)
        with _pdf_errors():
            loaded = self._document[page]
            if loaded.rect.width * loaded.rect.height * (dpi / 72) ** 2 > MAX_PIXELS:
                raise PdfTooComplex("the page is too large for a picture at this resolution")
            from crypto.rendering.engines import draw_page

            return bytes(draw_page(loaded, dpi / 72).tobytes("png"))

    def rewritten(self) -> bytes:
        """The document written anew, its objects as they are, with a table that is right."""
        with _pdf_errors():
            return bytes(self._document.tobytes(garbage=0))

    def find(self, text: str) -> list[TextHit]:
        """Every place where *text* stands, in reading order.

        As people expect: case, full and half width forms, and spaces do not count, and it does not
        matter how the file has cut the line into pieces. A text that runs over the end of a line,
        or is part of a picture, is not found."""
        wanted = _folded(text)
        if not wanted:
            return []
        with _pdf_errors():
            return [
                hit
                for number, page in enumerate(self._document)
                if set(wanted)
                <= set(_folded(page.get_text()))  # quick: most pages do not have the text
                for line in _lines(page)
                for hit in _hits(number, line, wanted)
            ]


# --- text ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Char:
    """One character as displayed, its box in points."""

    text: str
    """Folded: none, one or several characters."""
    x0: float
    y0: float
    x1: float
    y1: float


_Line = list[_Char]


@lru_cache(maxsize=8192)
def _folded(text: str) -> str:
    """Compatibility forms (full width, ligatures, radicals) and case made alike, no spaces."""
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())


def _lines(page: Any) -> list[_Line]:
    """The page's lines as a person sees them, from top to bottom.

    A file often cuts one visible line into several: pieces on the same height that follow each
    other closely are put together again. Only level text is; slanted and upright lines stay."""
    matrix = page.rotation_matrix  # text comes in the unrotated page's space
    width, height = page.rect.width, page.rect.height
    level: list[_Line] = []
    other: list[_Line] = []
    for block in page.get_text("rawdict", flags=0)["blocks"]:
        for line in block.get("lines", ()):
            chars = [
                _Char(_folded(char["c"]), *_displayed(char["bbox"], matrix))
                for span in line["spans"]
                for char in span["chars"]
            ]
            # text outside the visible page is no place for a seal
            chars = [c for c in chars if c.x1 > 0 and c.x0 < width and c.y1 > 0 and c.y0 < height]
            x, y = line["dir"]
            if chars:
                across = abs(matrix.b * x + matrix.d * y) < 0.02 and matrix.a * x + matrix.c * y > 0
                (level if across else other).append(chars)
    return sorted((*_joined(level), *other), key=lambda line: (line[0].y0, line[0].x0))


def _displayed(box: tuple[float, ...], matrix: Any) -> tuple[float, float, float, float]:
    """A box of the unrotated page as it lies on the page displayed."""
    if matrix.a == matrix.d == 1:  # not turned, as nearly always
        return box[0] + matrix.e, box[1] + matrix.f, box[2] + matrix.e, box[3] + matrix.f
    corners = [(x, y) for x in box[::2] for y in box[1::2]]
    xs = [matrix.a * x + matrix.c * y + matrix.e for x, y in corners]
    ys = [matrix.b * x + matrix.d * y + matrix.f for x, y in corners]
    return min(xs), min(ys), max(xs), max(ys)


def _joined(lines: list[_Line]) -> Iterator[_Line]:
    """Pieces of one visible line put together."""
    rest = sorted(lines, key=lambda line: line[0].x0)
    while rest:
        line = rest.pop(0)
        following = 0
        while following < len(rest):
            if _follows(line, rest[following]):
                line = line + rest.pop(following)
            else:
                following += 1
        yield line


def _follows(line: _Line, piece: _Line) -> bool:
    """Does *piece* stand on the same height, at most one and a half characters further on?"""
    last, first = line[-1], piece[0]
    height = max(last.y1 - last.y0, first.y1 - first.y0)
    shared = min(last.y1, first.y1) - max(last.y0, first.y0)
    return shared > height / 2 and -height / 2 < first.x0 - last.x1 < 1.5 * height


def _hits(page: int, line: _Line, wanted: str) -> Iterator[TextHit]:
    text = "".join(char.text for char in line)
    owner = [char for char in line for _ in char.text]  # whose box each folded character has
    start = text.find(wanted)
    while start >= 0:
        found = owner[start : start + len(wanted)]
        left, top = min(char.x0 for char in found), min(char.y0 for char in found)
        right, bottom = max(char.x1 for char in found), max(char.y1 for char in found)
        yield TextHit(page, left / MM, top / MM, (right - left) / MM, (bottom - top) / MM)
        start = text.find(wanted, start + len(wanted))


# --- the library ---------------------------------------------------------------------------------


def _library() -> Any:
    """PyMuPDF, silent: its complaints about files must not run into our output."""
    import pymupdf

    tools: Any = pymupdf.TOOLS
    tools.mupdf_display_errors(False)
    tools.mupdf_display_warnings(False)
    return pymupdf


@contextmanager
def _pdf_errors() -> Iterator[None]:
    """Whatever PyMuPDF raises about a file becomes PdfUnreadable."""
    import pymupdf

    try:
        yield
    except PdfError:
        raise
    except (RuntimeError, ValueError, AssertionError, pymupdf.mupdf.FzErrorBase) as error:
        raise PdfUnreadable(str(error)) from error
