"""The real window at a real desk, timed from inside; and what Qt and PyMuPDF alone take.

    python window.py start               prints "usable" once the window has painted and answers
    python window.py floor-start         the same of a bare QWidget
    python window.py first-page FILE N   opens FILE N times: seconds until page 1 is painted
    python window.py floor-page FILE N   PyMuPDF opens FILE and draws that page, as large
    python window.py scroll FILE         through all pages: seconds of each frame

All but the first two print JSON. SEALDESK_HOME says where the desk is.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

SETTLED_MS = 500
FRAME_S = 1 / 60
PAGE_WIDTH = 766
"""Pixels of a page in a window of 1366×768."""
LONGEST_S = 60.0


def usable() -> None:
    """Told by the event loop when it has nothing more to do."""
    print("usable", flush=True)
    os._exit(0)  # what closing takes is not part of the start


def start() -> None:
    """``sealdesk`` without arguments."""
    from app import __main__ as program

    opened = program.open_window

    def open_window(*arguments: Any) -> int:
        from PySide6.QtCore import QTimer

        from ui.shell.window import MainWindow

        begin = MainWindow.begin

        def begun(window: MainWindow) -> None:
            begin(window)
            QTimer.singleShot(0, lambda: QTimer.singleShot(0, usable))

        MainWindow.begin = begun
        return opened(*arguments)

    program.open_window = open_window
    sys.argv = ["sealdesk"]
    program.main()


def floor_start() -> None:
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QApplication, QWidget

    application = QApplication([])
    window = QWidget()
    window.resize(1366, 768)
    window.show()
    QTimer.singleShot(0, lambda: QTimer.singleShot(0, usable))
    application.exec()


def memory_mb(process: int | str | None) -> float | None:
    """What a process holds now, its share of what it shares with others; MB (10⁶ bytes)."""
    told = Path(f"/proc/{process}/smaps_rollup")
    if not told.exists():
        return None
    fields = dict(line.split(":", 1) for line in told.read_text("utf-8").splitlines()[1:])
    return int(fields["Pss"].split()[0]) * 1024 / 1e6


class Bench:
    """A window on the screen, and the page for stamping in it."""

    def __init__(self) -> None:
        from PySide6.QtWidgets import QApplication

        from app.desk import Desk
        from ui import language, theme
        from ui.desk.desk_context import DeskContext
        from ui.garbage import Collector
        from ui.shell.window import MainWindow

        self.application = QApplication([])
        context = DeskContext(Desk.open())
        language.use(context.settings.language)
        self.window = MainWindow(context)
        self.window.state.put("guided", True)  # nothing in front of the pages
        theme.apply(self.application, "light")
        self.window.go("stamp")
        self.window.show()
        Collector(self.application)  # as when it is started
        self.window.begin()
        self.view = self.window.page("stamp").pane.view
        self.wait(lambda: False, SETTLED_MS / 1000)

    def wait(self, done: Callable[[], bool], seconds: float = LONGEST_S) -> bool:
        """Let the window live until *done*, at most *seconds*."""
        end = time.perf_counter() + seconds
        while not done() and time.perf_counter() < end:
            self.application.processEvents()
            time.sleep(0.0005)
        return done()

    def rest(self) -> None:
        """Wait for events as a window does, for a millisecond."""
        from PySide6.QtCore import QEventLoop, QTimer

        QTimer.singleShot(1, lambda: None)
        self.application.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)

    def open(self, path: Path) -> float:
        """Seconds until the first page is on the screen as it should be."""
        started = time.perf_counter()
        self.window.go("stamp", [path])
        if not self.wait(lambda: self.view.complete):
            raise SystemExit("the first page did not come")
        self.view.viewport().repaint()
        return time.perf_counter() - started

    def end(self, **told: Any) -> None:
        drawing = self.window.renderer.process_id
        memory = {"window": memory_mb("self"), "drawing": memory_mb(drawing)}
        self.window.close()
        print(json.dumps({**told, "memory": memory}), flush=True)
        os._exit(0)


def first_page(path: str, times: str) -> None:
    bench = Bench()
    taken = []
    for _ in range(int(times) + 1):
        taken.append(bench.open(Path(path)))
        bench.wait(lambda: False, SETTLED_MS / 1000)
        bench.window.page("stamp").close_documents()
    bench.end(seconds=taken[1:], zoom=bench.view.zoom)


def floor_page(path: str, times: str) -> None:
    import pymupdf

    taken = []
    for _ in range(int(times) + 1):
        started = time.perf_counter()
        with pymupdf.open(path) as document:
            scale = PAGE_WIDTH / document[0].rect.width
            document[0].get_pixmap(matrix=pymupdf.Matrix(scale, scale), alpha=False)
        taken.append(time.perf_counter() - started)
    print(json.dumps({"seconds": taken[1:]}))


def scroll(path: str) -> None:
    """One page further each sixtieth of a second, as somebody does who drags the bar."""
    from PySide6.QtCore import QTimer

    bench = Bench()
    bench.open(Path(path))
    frames, busy = [], []
    for page in range(bench.view.page_count):
        next_frame = time.perf_counter() + FRAME_S
        wall, own = time.perf_counter(), time.thread_time()
        QTimer.singleShot(0, partial(bench.view.go_to, page))  # in an event, as the bar would
        bench.application.processEvents()
        frames.append(time.perf_counter() - wall)
        busy.append(time.thread_time() - own)
        while time.perf_counter() < next_frame:
            wall, own = time.perf_counter(), time.thread_time()
            bench.application.processEvents()
            frames.append(time.perf_counter() - wall)
            busy.append(time.thread_time() - own)
            bench.rest()
    bench.wait(lambda: bench.view.complete)
    bench.wait(lambda: False, SETTLED_MS / 1000)  # what it holds when the person looks at a page
    bench.end(seconds=frames, busy=busy, pages=bench.view.page_count)


if __name__ == "__main__":
    jobs: dict[str, Callable[..., None]] = {
        "start": start,
        "floor-start": floor_start,
        "first-page": first_page,
        "floor-page": floor_page,
        "scroll": scroll,
    }
    jobs[sys.argv[1]](*sys.argv[2:])
