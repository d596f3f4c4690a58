"""Pages as a person sees them: sizes, text, pictures. The one module of app that uses PyMuPDF.

Only :mod:`app.placing.finder`'s bounded process imports it: a file may crash PyMuPDF. It must be
used from one thread at a time. What it shows is for looking at and for finding places: signing and
verifying read the file by themselves (:mod:`crypto.pdf.reading.document`), and a test holds both to
the same page sizes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from app.errors import FileNotReadable, FileProblem
from app.file_kind import require_pdf
from app.placing.placement import PageBox, TextHit  # noqa: TID253 - this module comes late itself
from app.placing.text_search import Box, Letter, folded, search
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
            from crypto.rendering.mupdf_page import draw_page

            return bytes(draw_page(loaded, dpi / 72).tobytes("png"))

    def rewritten(self) -> bytes:
        """The document written anew, its objects as they are, with a table that is right."""
        with _pdf_errors():
            return bytes(self._document.tobytes(garbage=0))

    def find(self, text: str) -> list[TextHit]:
        """Every place where *text* stands, in reading order (:mod:`app.placing.text_search`). What
        is part of a picture is not found."""
        wanted = folded(text)
        if not wanted:
            return []
        with _pdf_errors():
            return [
                TextHit(number, left / MM, top / MM, (right - left) / MM, (bottom - top) / MM)
                for number, page in enumerate(self._document)
                if set(wanted) <= set(folded(page.get_text()))  # most pages do not have the text
                for left, top, right, bottom in search(_pieces(page), wanted)
            ]


# --- text ----------------------------------------------------------------------------------------


def _pieces(page: Any) -> Iterator[tuple[list[Letter], int | None]]:
    """The page's runs of letters as displayed, in points, and how each is turned."""
    width, height = page.rect.width, page.rect.height
    matrix = page.rotation_matrix  # text comes in the unrotated page's space
    if matrix.e:  # by how much it moves is told as of a page without a UserUnit
        matrix.e = width
    if matrix.f:
        matrix.f = height
    for block in page.get_text("rawdict", flags=0)["blocks"]:
        for line in block.get("lines", ()):
            letters = [
                Letter(folded(char["c"]), _displayed(char["bbox"], matrix))
                for span in line["spans"]
                for char in span["chars"]
            ]
            x, y = line["dir"]
            along = matrix.a * x + matrix.c * y, matrix.b * x + matrix.d * y
            # text outside the visible page is no place for a seal
            yield [letter for letter in letters if _meets(letter.box, width, height)], _turn(*along)


def _turn(x: float, y: float) -> int | None:
    """Quarter turns clockwise of a direction on the page displayed; None if it is slanted."""
    for turn, (right, down) in enumerate(((1, 0), (0, 1), (-1, 0), (0, -1))):
        if abs(x * down - y * right) < 0.02 and x * right + y * down > 0:
            return turn
    return None


def _meets(box: Box, width: float, height: float) -> bool:
    return box[2] > 0 and box[0] < width and box[3] > 0 and box[1] < height


def _displayed(box: tuple[float, ...], matrix: Any) -> Box:
    """A box of the unrotated page as it lies on the page displayed."""
    if matrix.a == matrix.d == 1:  # not turned, as nearly always
        return box[0] + matrix.e, box[1] + matrix.f, box[2] + matrix.e, box[3] + matrix.f
    corners = [(x, y) for x in box[::2] for y in box[1::2]]
    xs = [matrix.a * x + matrix.c * y + matrix.e for x, y in corners]
    ys = [matrix.b * x + matrix.d * y + matrix.f for x, y in corners]
    return min(xs), min(ys), max(xs), max(ys)


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
