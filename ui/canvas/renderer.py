"""The window's side of :mod:`ui.canvas.render_process`: asks for pages, drops what is out of view.

Views say what they want now (:meth:`Renderer.want`); the whole list replaces the one before, so a
page scrolled past is never drawn. A few requests are on their way at any time. When the process
dies (a hostile page) or hangs, it is started again, the documents are opened again, and the request
that it was serving is reported as not drawable and never sent again.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QImage

from crypto.bounded import BoundedError, BoundedProcess, Message
from crypto.frozen import frozen
from ui.canvas import page_text, render_process
from ui.picture_memory import REST_S, give_back

IN_FLIGHT = 2
_MAX_PIXELS = 512 << 20
"""Bytes of one picture."""
_ANSWERS = ("opened", "drawn", "read", "refused")
PATIENCE_MS = 20_000
"""A page that takes longer is given up and the process replaced."""


@frozen
class BitmapRequest:
    """One picture of a page, or of a part of it."""

    document: int
    page: int
    """0-based."""
    scale: float
    """Device pixels per point."""
    clip: tuple[float, float, float, float] | None = None
    """In points of the page as displayed: left, top, right, bottom. None: the whole page."""


@frozen
class TextRequest:
    """The letters of a page."""

    document: int
    page: int
    """0-based."""


Request = BitmapRequest | TextRequest


@dataclass
class _Source:
    path: Path
    end: int | None
    password: str | None = field(repr=False)


class Renderer(QObject):
    """Owns the process. One for a window, shared by its views."""

    opened = Signal(int, object)
    """Document number, list of page sizes (width, height) in points."""
    failed = Signal(int, str)
    """Document number, "password", "crashed" or the kind of error."""
    drawn = Signal(object, QImage)
    """The request, its pixels."""
    read = Signal(object, object)
    """The :class:`TextRequest`, the :class:`ui.canvas.page_text.PageText`."""
    undrawable = Signal(object)
    """A request that cannot be drawn and will not be tried again."""

    _answered = Signal(int, object, object)
    _ended = Signal(int)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._next = 0
        self._life = 0
        self._process: BoundedProcess | None = None
        self._listener: threading.Thread | None = None
        self._said: SimpleQueue[tuple[Any, ...] | None] = SimpleQueue()
        """What the speaking thread still has to send; None ends it."""
        self._sources: dict[int, _Source] = {}
        self._opening: set[int] = set()
        self._wanted: dict[str, list[Request]] = {}
        self._flying: dict[int, Request] = {}
        self._poison: set[Request] = set()
        self._pumping = False
        self._answered.connect(self._take, Qt.ConnectionType.QueuedConnection)
        self._ended.connect(self._bury, Qt.ConnectionType.QueuedConnection)
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(PATIENCE_MS)
        self._patience.timeout.connect(self._kill)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(round(1000 * REST_S))
        self._rest.timeout.connect(give_back)

    # --- what views ask -------------------------------------------------------------------------

    def warm_up(self) -> None:
        """Start the process before the first document is chosen."""
        self._ensure()

    def open(self, path: Path, *, end: int | None = None, password: str | None = None) -> int:
        """Open a document, or its revision of the first *end* bytes; gives its number at once.

        :attr:`opened` or :attr:`failed` follow."""
        number = self._number()
        self._sources[number] = _Source(path, end, password)
        self._ensure()
        self._send_open(number)
        return number

    def close_document(self, document: int) -> None:
        """Forget a document and everything wanted of it."""
        self._sources.pop(document, None)
        for owner, requests in self._wanted.items():
            self._wanted[owner] = [request for request in requests if request.document != document]
        self._send(("close", self._number(), document))

    def close_all(self) -> None:
        """Forget every document."""
        for document in list(self._sources):
            self.close_document(document)

    def want(self, owner: str, requests: Sequence[Request]) -> None:
        """What *owner* needs now, most urgent first; replaces what it wanted before.

        Owners are served in the alphabetical order of their names."""
        flying = set(self._flying.values())
        self._wanted[owner] = [
            request for request in requests if request not in flying and request not in self._poison
        ]
        # not at once: what is wanted while a document is being laid out is not what is wanted then
        if not self._pumping:
            self._pumping = True
            QTimer.singleShot(0, self, self.serve)

    def shutdown(self) -> None:
        """End the process; the renderer cannot be used afterwards."""
        self._sources.clear()
        self._wanted.clear()
        self._patience.stop()
        self._rest.stop()
        self._life = -1
        if self._process is not None:
            self._process.kill()
            self._said.put(None)
            if self._listener is not None:
                self._listener.join(5)
            self._process.end()
            self._process = None

    @property
    def process_id(self) -> int | None:
        """Of the process that draws, for the diagnosis page and for tests."""
        return self._process.pid if self._process is not None else None

    # --- the process ----------------------------------------------------------------------------

    def _number(self) -> int:
        self._next += 1
        return self._next

    def _ensure(self) -> None:
        if self._process is not None or self._life < 0:
            return
        self._process = BoundedProcess(
            render_process.main, answer=_MAX_PIXELS, name="sealdesk-pages"
        )
        self._life += 1
        self._said = SimpleQueue()
        threading.Thread(
            target=_speak, args=(self._process, self._said), name="pages-asked", daemon=True
        ).start()
        self._listener = threading.Thread(
            target=self._listen, args=(self._process, self._life), name="pages", daemon=True
        )
        self._listener.start()

    def _send_open(self, number: int) -> None:
        source = self._sources[number]
        self._opening.add(number)
        self._send(("open", number, str(source.path), source.end, source.password))
        self._patience.start()

    def _send(self, message: tuple[Any, ...]) -> None:
        self._said.put(message)

    @Slot()
    def serve(self) -> None:
        """Send requests now; without this call they are sent after the current event."""
        self._pumping = False
        while len(self._flying) < IN_FLIGHT and not self._opening:
            request = next(
                (queue.pop(0) for _, queue in sorted(self._wanted.items()) if queue), None
            )
            if request is None:
                return
            if request.document not in self._sources:
                continue
            number = self._number()
            self._flying[number] = request
            if isinstance(request, TextRequest):
                self._send(("text", number, request.document, request.page))
            else:
                self._send(
                    ("render", number, request.document, request.page, request.scale, request.clip)
                )
            self._patience.start()

    def _listen(self, process: BoundedProcess, life: int) -> None:
        """The reading thread: turns what comes into images and hands them to the main thread."""
        with contextlib.suppress(BoundedError, RuntimeError):  # RuntimeError: the window is gone
            while True:
                answer = process.receive(None)
                self._answered.emit(life, answer, _picture(answer))
        with contextlib.suppress(RuntimeError):
            self._ended.emit(life)

    @Slot(int, object, object)
    def _take(self, life: int, answer: Message, picture: QImage | None) -> None:
        if life != self._life:
            return
        said = answer.head
        number = next((said[word] for word in _ANSWERS if said.get(word)), None)
        if not isinstance(number, int):
            self._kill()  # only a process that a file has taken over answers so
            return
        request = self._flying.pop(number, None)
        opening = number in self._opening
        self._opening.discard(number)
        if not self._flying and not self._opening:
            self._patience.stop()
        pages = _sizes(said.get("pages"))
        if opening and number in self._sources and pages is not None:
            self.opened.emit(number, pages)
        elif isinstance(request, TextRequest) and (text := page_text.parse(answer)) is not None:
            if request.document in self._sources:
                self.read.emit(request, text)
        elif isinstance(request, BitmapRequest) and picture is not None:
            if request.document in self._sources:
                self.drawn.emit(request, picture)
            self._rest.start()
        elif request is not None:
            self._give_up(request)
        elif opening:
            self._sources.pop(number, None)
            self.failed.emit(number, str(said.get("reason", "malformed")))
        self.serve()

    def _give_up(self, request: Request) -> None:
        """It is never asked again; a page without letters can still be drawn."""
        self._poison.add(request)
        if isinstance(request, BitmapRequest):
            self.undrawable.emit(request)

    @Slot()
    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()

    @Slot(int)
    def _bury(self, life: int) -> None:
        """The process has ended: what it was drawing is given up, all else is asked again."""
        if life != self._life or self._process is None:
            return
        self._said.put(None)
        self._process.end()
        self._process = None
        self._patience.stop()
        blamed, self._flying = list(self._flying.values())[:1], {}
        lost, self._opening = set(self._opening), set()
        for number in lost:
            self._sources.pop(number, None)
        if self._sources:
            self._ensure()
            for number in self._sources:
                source = self._sources[number]
                self._send(("open", number, str(source.path), source.end, source.password))
        for request in blamed:
            self._give_up(request)
        for number in lost:
            self.failed.emit(number, "crashed")
        self.serve()


def _speak(process: BoundedProcess, said: SimpleQueue[tuple[Any, ...] | None]) -> None:
    """The speaking thread. Writing to the process takes the main thread as long as it takes the
    other threads to give way: milliseconds while they compute."""
    with contextlib.suppress(BoundedError):  # it has died: Renderer._bury follows
        while (message := said.get()) is not None:
            process.send(message)


def _picture(answer: Message) -> QImage | None:
    """The pixels of a page; None if there are none."""
    try:
        width, height, stride = (int(answer.head[name]) for name in ("width", "height", "stride"))
        (pixels,) = answer.parts
    except (KeyError, TypeError, ValueError):
        return None
    if not (width > 0 and height > 0 and 3 * width <= stride and len(pixels) == stride * height):
        return None
    raw = QImage(pixels, width, height, stride, QImage.Format.Format_RGB888)
    return raw.convertToFormat(QImage.Format.Format_RGB32)


def _sizes(told: object) -> list[tuple[float, float]] | None:
    """The sizes of pages, points; None for anything else."""
    try:
        return [(float(width), float(height)) for width, height in told]  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        return None
