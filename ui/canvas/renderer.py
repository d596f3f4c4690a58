"""The window's side of :mod:`ui.canvas.render_process`: asks for pages, drops what nobody looks at.

Views say what they want now (:meth:`Renderer.want`); the whole list replaces the one before, so a
page scrolled past is never drawn. A few requests are on their way at any time. When the process
dies (a hostile page) or hangs, it alone is lost: it is started afresh, the documents are opened
again, and the request it died of is reported as not drawable and never sent again.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import threading
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QImage

from ui.canvas import render_process

IN_FLIGHT = 2
PATIENCE_MS = 20_000
"""A page that takes longer is given up and the process replaced."""


@dataclass(frozen=True)
class Request:
    """One picture of a page, or of a part of it."""

    document: int
    page: int
    """0-based."""
    scale: float
    """Device pixels per point."""
    clip: tuple[float, float, float, float] | None = None
    """In points of the page as displayed: left, top, right, bottom. None: the whole page."""


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
    undrawable = Signal(object)
    """A request that cannot be drawn and will not be tried again."""

    _answered = Signal(int, object, object)
    _ended = Signal(int)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._next = 0
        self._life = 0
        self._process: Any = None
        self._pipe: Connection | None = None
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
            self._wanted[owner] = [each for each in requests if each.document != document]
        self._send(("close", self._number(), document))

    def close_all(self) -> None:
        """Forget every document."""
        for document in list(self._sources):
            self.close_document(document)

    def want(self, owner: str, requests: list[Request]) -> None:
        """What *owner* needs now, most urgent first; replaces what it wanted before.

        Owners are served in the alphabetical order of their names."""
        flying = set(self._flying.values())
        self._wanted[owner] = [
            each for each in requests if each not in flying and each not in self._poison
        ]
        # not at once: what is wanted while a document is being laid out is not what is wanted then
        if not self._pumping:
            self._pumping = True
            QTimer.singleShot(0, self, self.serve)

    def shutdown(self) -> None:
        """End the process; the renderer is of no use afterwards."""
        self._sources.clear()
        self._wanted.clear()
        self._patience.stop()
        life, self._life = self._life, -1
        if self._pipe is not None and life >= 0:
            with contextlib.suppress(OSError):
                self._pipe.close()
            self._pipe = None
        if self._process is not None:
            self._process.join(1)
            if self._process.is_alive():
                self._process.kill()
                self._process.join(5)
            self._process.close()
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
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        self._process = context.Process(
            target=render_process.main, args=(theirs,), name="sealdesk-pages", daemon=True
        )
        self._process.start()
        theirs.close()
        self._pipe = ours
        self._life += 1
        threading.Thread(
            target=self._listen, args=(ours, self._life), name="pages", daemon=True
        ).start()

    def _send_open(self, number: int) -> None:
        source = self._sources[number]
        self._opening.add(number)
        self._send(("open", number, str(source.path), source.end, source.password))
        self._patience.start()

    def _send(self, message: tuple[Any, ...]) -> None:
        if self._pipe is not None:
            with contextlib.suppress(OSError):  # it has just died: _bury follows
                self._pipe.send(message)

    @Slot()
    def serve(self) -> None:
        """Send for what is wanted now, instead of when the present event is over."""
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
            self._send(
                ("render", number, request.document, request.page, request.scale, request.clip)
            )
            self._patience.start()

    def _listen(self, pipe: Connection, life: int) -> None:
        """The reading thread: turns what comes into images and hands them to the main thread."""
        try:
            while True:
                answer = pipe.recv()
                picture = None
                if answer[0] == "drawn":
                    _, _, width, height, stride = answer
                    pixels = pipe.recv_bytes()
                    raw = QImage(pixels, width, height, stride, QImage.Format.Format_RGB888)
                    picture = raw.convertToFormat(QImage.Format.Format_RGB32)
                self._answered.emit(life, answer, picture)
        except (EOFError, OSError, TypeError):  # TypeError: closed under our hands
            pass
        with contextlib.suppress(RuntimeError):  # the window is gone
            self._ended.emit(life)

    @Slot(int, object, object)
    def _take(self, life: int, answer: tuple[Any, ...], picture: QImage | None) -> None:
        if life != self._life:
            return
        word, number = answer[0], answer[1]
        request = self._flying.pop(number, None)
        reopening = number in self._opening
        self._opening.discard(number)
        if not self._flying and not self._opening:
            self._patience.stop()
        if word == "opened" and number in self._sources:
            self.opened.emit(number, answer[2])
        elif word == "drawn" and request is not None and picture is not None:
            if request.document in self._sources:
                self.drawn.emit(request, picture)
        elif word == "failed":
            if request is not None:
                self._poison.add(request)
                self.undrawable.emit(request)
            elif reopening:
                self._sources.pop(number, None)
                self.failed.emit(number, answer[2])
        self.serve()

    @Slot()
    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()

    @Slot(int)
    def _bury(self, life: int) -> None:
        """The process is dead: what it was drawing is to blame, everything else is asked again."""
        if life != self._life or self._process is None:
            return
        self._process.join(5)
        self._process.close()
        self._process = None
        self._pipe = None
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
            self._poison.add(request)
            self.undrawable.emit(request)
        for number in lost:
            self.failed.emit(number, "crashed")
        self.serve()
