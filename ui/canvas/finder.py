"""Looking for a text in strangers' documents, in a bounded process of its own: MuPDF is C, and what
kills it may not take the window along.

    finder.find(path, text, password) -> hits

One process serves one request at a time and stays for the next. It answers in JSON; one that takes
too long or dies is replaced, and its document reported as too complex.
"""

from __future__ import annotations

import json
import threading
from dataclasses import asdict
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from app.bounds import bound_memory
from app.errors import FileNotReadable, FileProblem
from app.placement import TextHit

SECONDS = 60.0
"""For one document; 500 pages take about one."""
_MAX_ANSWER = 64 << 20
_ERRORS = ("PdfEncrypted", "PdfPasswordWrong", "PdfTooComplex")
"""What may be wrong with a document; all else is PdfUnreadable."""


class Finder:
    """Owns the process. Blocks; safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: Any = None
        self._pipe: Connection | None = None

    def find(self, path: Path, text: str, password: str | None) -> tuple[TextHit, ...]:
        """Where *text* occurs, in reading order.

        Raises :class:`app.errors.FileNotReadable`,
        :class:`crypto.pdf.reading.document.PdfError`."""
        from crypto.pdf.reading import document  # late: the window starts without a PDF library

        with self._lock:
            try:
                answer = self._ask(path, text, password)
            except (OSError, EOFError, ValueError) as error:
                self._end()
                raise document.PdfTooComplex(
                    "the process that searches died or took too long"
                ) from error
        if "problem" in answer:
            raise FileNotReadable(str(path), FileProblem(answer["problem"]))
        if "error" in answer:
            name = answer["error"] if answer["error"] in _ERRORS else "PdfUnreadable"
            raise getattr(document, name)(answer["error"])
        return tuple(TextHit(**hit) for hit in answer["hits"])

    def close(self) -> None:
        """End the process; a later search starts another."""
        with self._lock:
            self._end()

    def _ask(self, path: Path, text: str, password: str | None) -> Any:
        if self._pipe is None:
            context = get_context("spawn")
            self._pipe, other = context.Pipe()
            self._process = context.Process(target=_serve, args=(other,), daemon=True)
            self._process.start()
            other.close()
        self._pipe.send((str(path), text, password))
        if not self._pipe.poll(SECONDS):
            raise TimeoutError
        return json.loads(self._pipe.recv_bytes(_MAX_ANSWER))

    def _end(self) -> None:
        if self._pipe is not None:
            self._pipe.close()
            self._process.kill()
            self._process.join()
            self._process.close()
        self._pipe = self._process = None


def _serve(pipe: Connection) -> None:
    """The process's life: a document and a text come, an answer goes, until the pipe is closed."""
    bound_memory()
    from app.pages import Pages

    while True:
        try:
            path, text, password = pipe.recv()
        except (EOFError, OSError, KeyboardInterrupt):
            return
        try:
            with Pages(Path(path), password) as pages:
                answer: dict[str, Any] = {"hits": [asdict(hit) for hit in pages.find(text)]}
        except FileNotReadable as error:
            answer = {"problem": error.reason.value}
        except (MemoryError, RecursionError):
            answer = {"error": "PdfTooComplex"}
        except Exception as error:  # noqa: BLE001 - a damaged file raises nearly anything
            answer = {"error": type(error).__name__}
        pipe.send_bytes(json.dumps(answer).encode())
