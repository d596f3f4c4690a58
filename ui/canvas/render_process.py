"""The process that draws pages: it owns the document, so that the window never waits for it.

PyMuPDF holds the interpreter for a whole page and is not made for threads; a hostile file may
crash it or eat all memory. So it lives in a bounded process of its own, spoken to over a pipe, one
request at a time. No Qt is imported here.

Requests are tuples beginning with a word and a number that the answer repeats:

    ("open", n, path, end, password)            → ("opened", n, pages) | ("failed", n, reason)
    ("render", n, document, page, scale, clip)  → ("drawn", n, width, height, stride, pixels)
    ("close", n, document)                      (no answer)

*n* of "open" names the document from then on; *end* cuts the file to its first bytes (an earlier
revision), None: all. Pages are (width, height) and clips rectangles in points of the page as
displayed. Pixels are RGB, 8 bits each.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from app.bounds import bound_memory

STORE_PERCENT = 100
"""How much of MuPDF's resource store is thrown away after a page: a scanned page fills it."""


def main(connection: Connection) -> None:
    """Answer requests until the other side closes the pipe."""
    bound_memory()
    import pymupdf

    pymupdf.TOOLS.mupdf_display_errors(False)
    pymupdf.TOOLS.mupdf_display_warnings(False)
    documents: dict[int, Any] = {}
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError, KeyboardInterrupt):
        while True:
            word, number, *rest = connection.recv()
            try:
                answer = _ANSWERS[word](documents, number, *rest)
            except Exception as error:  # noqa: BLE001 - a damaged file raises nearly anything
                answer = [("failed", number, type(error).__name__)]
            for part in answer:
                if isinstance(part, bytes):
                    connection.send_bytes(part)
                else:
                    connection.send(part)


class _Password(Exception):
    """The document wants one, or another one."""


def _open(
    documents: dict[int, Any], number: int, path: str, end: int | None, password: str | None
) -> list[Any]:
    import pymupdf

    if end is None:
        document = pymupdf.open(path, filetype="pdf")
    else:
        with open(path, "rb") as file:
            document = pymupdf.open(stream=file.read(end), filetype="pdf")
    if document.needs_pass and not (password and document.authenticate(password)):
        document.close()
        return [("failed", number, "password")]
    documents[number] = document
    pages = []
    for page in range(document.page_count):
        # a page loaded only for its size costs 0.02 ms; rect honours CropBox, /Rotate and UserUnit
        box = document.load_page(page).rect
        pages.append((box.width, box.height))
    return [("opened", number, pages)]


def _render(
    documents: dict[int, Any],
    number: int,
    document: int,
    page: int,
    scale: float,
    clip: tuple[float, float, float, float] | None,
) -> list[Any]:
    import pymupdf

    loaded = documents[document].load_page(page)
    area = pymupdf.Rect(*clip) if clip else None
    made = loaded.get_pixmap(matrix=pymupdf.Matrix(scale, scale), clip=area, alpha=False)
    pymupdf.TOOLS.store_shrink(STORE_PERCENT)
    head = ("drawn", number, made.width, made.height, made.stride)
    return [head, made.samples]


def _close(documents: dict[int, Any], number: int, document: int) -> list[Any]:
    opened = documents.pop(document, None)
    if opened is not None:
        opened.close()
    return []


_ANSWERS: dict[str, Callable[..., list[Any]]] = {
    "open": _open,
    "render": _render,
    "close": _close,
}
