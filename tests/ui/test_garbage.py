"""Nothing that belongs to Qt ends in a worker's thread."""

import gc
import threading
import weakref
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from ui import ahead, garbage, going_first
from ui.garbage import Collector
from ui.tasks import Tasks


@pytest.fixture
def collector(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One, and Python's own ways again afterwards. What another test's window is importing still
    is none of its business: at the end of that it would leave out all that is there, for good."""
    monkeypatch.setattr(ahead, "finished", threading.Event())
    owner = QObject()
    was = gc.isenabled()
    Collector(owner)
    assert not gc.isenabled()
    yield
    owner.deleteLater()
    qtbot.waitUntil(gc.isenabled)
    if not was:
        gc.disable()


class Circle(QObject):
    """A closed dialog whose own slot holds it."""

    def __init__(self, ended: list[str]) -> None:
        super().__init__()
        self.slot = lambda: self
        weakref.finalize(self, lambda: ended.append(threading.current_thread().name))


def make_much() -> None:
    """Enough for several collections, were they not turned off."""
    for _ in range(200):
        [[] for _ in range(1000)]
        kept = [[each] for each in range(1000)]
        del kept


def test_a_circle_ends_in_the_main_thread(qtbot: QtBot, collector: None) -> None:
    ended: list[str] = []
    Circle(ended)
    worker = threading.Thread(target=make_much)
    worker.start()
    worker.join()
    assert ended == []
    keep = [[each] for each in range(2 * gc.get_threshold()[0])]
    qtbot.waitUntil(lambda: bool(ended), timeout=20_000)
    assert ended == [threading.main_thread().name]
    assert keep


def test_a_full_collection_waits_while_pages_move_and_what_was_imported_stays(
    qtbot: QtBot, collector: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One takes as long as a few frames."""
    owner, asked, frozen = QObject(), list[object](), list[int]()
    one = Collector(owner)
    monkeypatch.setattr(gc, "get_count", lambda: (0, 0, 1000))
    monkeypatch.setattr(gc, "collect", lambda *which: asked.append(which))
    monkeypatch.setattr(gc, "freeze", lambda: frozen.append(len(asked)))
    monkeypatch.setattr(garbage, "OLDEST_S", 0.0)
    going_first.frame()
    one._collect()
    assert asked == []
    qtbot.waitUntil(lambda: not going_first.moving())
    one._collect()
    assert asked == [()]
    ahead.finished.set()
    one._collect()
    one._collect()
    assert frozen == [1]


def test_who_heard_of_a_task_does_not_end_with_the_worker_that_did_it(qtbot: QtBot) -> None:
    tasks, ended, go_on = Tasks(), [], threading.Event()
    listener = QObject()
    weakref.finalize(listener, lambda: ended.append(threading.current_thread().name))
    heard: list[object] = []

    def hear(value: object, listener: QObject = listener) -> None:
        heard.append(value)

    task = tasks.work(lambda: 7, done=hear)
    del hear, listener
    holder = threading.Thread(target=lambda held: go_on.wait(), args=(task,))  # as a worker does
    holder.start()
    del task
    qtbot.waitUntil(lambda: heard == [7])
    qtbot.waitUntil(lambda: bool(ended))
    assert ended == [threading.main_thread().name]
    go_on.set()
    holder.join()
    tasks.close()
