"""The process that draws pages: it owns the documents, so that the window never waits for them.

PyMuPDF holds the interpreter for a whole page and is not made for threads; a hostile file may crash
it or use up all memory. So it lives in a bounded process (:mod:`crypto.bounded`), one request at a
time. No Qt is imported here.

Requests are tuples beginning with a word and a number that the answer repeats:

    ("open", n, path, end, password)            → {"opened": n, "pages": [[width, height], …]}
                                                  | {"refused": n, "reason": text}
    ("render", n, document, page, scale, clip)  → {"drawn": n, "width", "height", "stride"}, pixels
                                                  | {"refused": n, "reason": text}
    ("text", n, document, page)                 → {"read": n, "letters": text}, boxes
                                                  | {"refused": n, "reason": text}
    ("close", n, document)                      (no answer)

*n* of "open" names the document from then on; *end* cuts the file to its first bytes (an earlier
revision), None: all. Pages are (width, height) and clips rectangles in points of the page as
displayed. Pixels are RGB, 8 bits each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from crypto.bounded import Channel, Message
from ui.canvas import page_text
from ui.picture_memory import REST_S, give_back


def main(channel: Channel) -> None:
    """Answer requests until the window's end of the pipe is closed."""
    documents: dict[int, Any] = {}
    rested = True
    while True:
        if not rested and not channel.pipe.poll(REST_S):
            rested = True
            give_back()
        word, number, *rest = channel.receive()
        try:
            answer = _ANSWERS[word](documents, number, *rest)
        except Exception as error:  # noqa: BLE001 - a damaged file raises nearly anything
            answer = _refused(number, type(error).__name__)
        if answer is not None:
            channel.send(answer.head, *answer.parts)
            rested = False
            del answer


def _refused(number: int, reason: str) -> Message:
    return Message({"refused": number, "reason": reason})


def _open(
    documents: dict[int, Any], number: int, path: str, end: int | None, password: str | None
) -> Message:
    import pymupdf

    if end is None:
        kind = _kind(path)
        document = pymupdf.open(path, filetype=kind)
        if kind != "pdf":  # pages are drawn as PDF, and as nothing else
            document = pymupdf.open(stream=document.convert_to_pdf(), filetype="pdf")
    else:
        with open(path, "rb") as file:
            document = pymupdf.open(stream=file.read(end), filetype="pdf")
    if document.needs_pass and not (password and document.authenticate(password)):
        document.close()
        return _refused(number, "password")
    documents[number] = document
    pages = []
    for page in range(document.page_count):
        # a page loaded only for its size costs 0.02 ms; rect honours CropBox, /Rotate and UserUnit
        box = document.load_page(page).rect
        pages.append((box.width, box.height))
    return Message({"opened": number, "pages": pages})


def _kind(path: str) -> str:
    """A picture by its first bytes; everything else is a PDF, or none."""
    with open(path, "rb") as file:
        begin = file.read(4)
    if begin == b"\x89PNG":
        return "png"
    return "jpeg" if begin.startswith(b"\xff\xd8\xff") else "pdf"


def _render(
    documents: dict[int, Any],
    number: int,
    document: int,
    page: int,
    scale: float,
    clip: tuple[float, float, float, float] | None,
) -> Message:
    from crypto.rendering.mupdf_page import draw_page

    made = draw_page(documents[document].load_page(page), scale, clip)
    head = {"drawn": number, "width": made.width, "height": made.height, "stride": made.stride}
    return Message(head, (made.samples,))


def _text(documents: dict[int, Any], number: int, document: int, page: int) -> Message:
    from crypto.rendering.mupdf_page import page_letters

    found = page_text.encoded(page_letters(documents[document].load_page(page))["blocks"])
    return Message({"read": number, **found.head}, found.parts)


def _close(documents: dict[int, Any], number: int, document: int) -> None:
    opened = documents.pop(document, None)
    if opened is not None:
        opened.close()


_ANSWERS: dict[str, Callable[..., Message | None]] = {
    "open": _open,
    "render": _render,
    "text": _text,
    "close": _close,
}
