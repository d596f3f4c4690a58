"""Texts and pictures of strangers' pages, from a bounded process (:mod:`crypto.bounded`).

    with Finder() as finder:
        finder.find(path, text, password)            → hits
        finder.picture(path, page, dpi, password)    → PNG
        finder.rewritten(path, password)             → the file with a table that is right

A file may crash PyMuPDF, which is written in C. One process serves one request at a time and stays
for the next; one that takes too long or dies is replaced, and its document reported as too complex.
"""

from __future__ import annotations

import threading
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from app.errors import (
    FileEmpty,
    FileNotReadable,
    FileProblem,
    MailAttachment,
    NotAPdf,
    OfdNotSupported,
    Packed,
    WebPage,
)
from app.placing.placement import TextHit  # noqa: TID253 - this module comes late itself

if TYPE_CHECKING:
    from crypto.bounded import BoundedProcess, Channel, Message

SECONDS = 60.0
"""For one document; 500 pages take about one."""
_OTHER_KINDS: dict[str, type[NotAPdf]] = {
    kind.__name__: kind
    for kind in (NotAPdf, FileEmpty, MailAttachment, OfdNotSupported, Packed, WebPage)
}
_ERRORS = ("PdfEncrypted", "PdfPasswordWrong", "PdfTooComplex")
"""What may be wrong with a document; all else is PdfUnreadable."""


class Finder:
    """Owns the process; a context manager that ends it. Blocks; safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: BoundedProcess | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def find(self, path: Path, text: str, password: str | None) -> tuple[TextHit, ...]:
        """Where *text* occurs, in reading order.

        Raises :class:`app.errors.FileNotReadable`, :class:`app.errors.NotAPdf`,
        :class:`crypto.pdf.reading.failures.PdfError`."""
        found = self._ask(path, ("find", str(path), password, text))
        try:
            return tuple(_hit(hit) for hit in found.head["hits"])
        except (KeyError, TypeError, ValueError) as error:
            raise _too_complex("a malformed answer") from error

    def picture(self, path: Path, page: int, dpi: float, password: str | None = None) -> bytes:
        """Page *page* (0-based) as displayed, PNG. Raises as :meth:`find`."""
        (picture,) = self._ask(path, ("picture", str(path), password, page, dpi)).parts
        return picture

    def rewritten(self, path: Path, password: str | None = None) -> bytes:
        """The document written anew, with a table that is right. Raises as :meth:`find`."""
        (whole,) = self._ask(path, ("rewrite", str(path), password)).parts
        return whole

    def close(self) -> None:
        """End the process; a later request starts another."""
        with self._lock:
            self._end()

    def _ask(self, path: Path, request: tuple[Any, ...]) -> Message:
        from crypto.bounded import BoundedError, BoundedProcess  # late: few stampings need it

        with self._lock:
            if self._process is None:
                self._process = BoundedProcess(_serve, name="sealdesk-find")
            try:
                self._process.send(request)
                answer = self._process.receive(SECONDS)
            except BoundedError as error:
                self._end()
                raise _too_complex(str(error)) from error
        if "problem" in answer.head:
            raise FileNotReadable(str(path), FileProblem(answer.head["problem"]))
        if "error" in answer.head:
            raise _named(path, answer.head["error"])
        return answer

    def _end(self) -> None:
        if self._process is not None:
            self._process.end()
        self._process = None


def _hit(told: dict[str, Any]) -> TextHit:
    page, *place = (told[name] for name in ("page", "left_mm", "top_mm", "width_mm", "height_mm"))
    return TextHit(int(page), *map(float, place))


def _too_complex(why: str) -> Exception:
    from crypto.pdf.reading.failures import PdfTooComplex  # late: it loads the PDF library

    return PdfTooComplex(f"the process that reads the pages: {why}")


def _named(path: Path, name: object) -> Exception:
    """The error that the process has named."""
    from crypto.pdf.reading import failures

    if name in _OTHER_KINDS:
        return _OTHER_KINDS[str(name)](str(path))
    error: Exception = getattr(failures, str(name) if name in _ERRORS else "PdfUnreadable")(name)
    return error


def _serve(channel: Channel) -> None:
    """The process: reads requests and writes answers until the other side is gone."""
    from app.placing.pages import Pages

    while True:
        word, path, password, *rest = channel.receive()
        answer: dict[str, Any] = {}
        parts: list[bytes] = []
        try:
            with Pages(Path(path), password) as pages:
                if word == "find":
                    answer = {"hits": [asdict(hit) for hit in pages.find(*rest)]}
                elif word == "rewrite":
                    parts = [pages.rewritten()]
                else:
                    parts = [pages.render_png(*rest)]
        except FileNotReadable as error:
            answer = {"problem": error.reason.value}
        except (MemoryError, RecursionError):
            answer = {"error": "PdfTooComplex"}
        except Exception as error:  # noqa: BLE001 - a damaged file raises nearly anything
            answer = {"error": type(error).__name__}
        channel.send(answer, *parts)
