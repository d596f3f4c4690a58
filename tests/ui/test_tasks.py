"""Work off the main thread: where it runs, where its results arrive, how it ends."""

import itertools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.errors import Cancelled
from ui.tasks import Tasks, on_device_thread


@pytest.fixture
def tasks(qtbot: QtBot) -> Tasks:
    return Tasks()


def test_device_work_runs_on_one_thread_and_results_arrive_on_the_main_one(
    qtbot: QtBot, tasks: Tasks
) -> None:
    seen: list[tuple[str, bool]] = []
    arrived: list[threading.Thread] = []

    def work() -> None:
        seen.append((threading.current_thread().name, on_device_thread()))

    for _ in range(5):
        tasks.device(work, done=lambda _: arrived.append(threading.current_thread()))
    qtbot.waitUntil(lambda: len(arrived) == 5)
    assert len(set(seen)) == 1
    assert seen[0][1]
    assert set(arrived) == {threading.main_thread()}
    tasks.work(lambda: seen.append(("pool", on_device_thread())))
    qtbot.waitUntil(lambda: seen[-1] == ("pool", False))
    tasks.close()


def test_progress_comes_in_order_and_a_cancel_ends_the_work_at_its_next_step(
    qtbot: QtBot, tasks: Tasks
) -> None:
    told: list[int] = []
    errors: list[BaseException] = []

    cancelled = threading.Event()

    def count(step: Callable[..., None]) -> None:
        for number in itertools.count():
            step(number)
            if number == 3:
                cancelled.wait()

    task = tasks.work(count, failed=errors.append, progress=told.append)
    qtbot.waitUntil(lambda: len(told) >= 3)
    task.cancel()
    cancelled.set()
    qtbot.waitUntil(lambda: bool(errors))
    assert isinstance(errors[0], Cancelled)
    assert told == list(range(len(told)))
    tasks.close()


def test_an_error_reaches_the_main_thread_as_it_is(qtbot: QtBot, tasks: Tasks) -> None:
    errors: list[BaseException] = []

    def fail() -> None:
        raise OSError("full")

    tasks.work(fail, failed=errors.append)
    qtbot.waitUntil(lambda: bool(errors))
    assert isinstance(errors[0], OSError)
    tasks.close()


def test_closing_waits_for_what_runs_and_delivers_nothing_more(
    qapp: QApplication, tasks: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[bool] = []
    delivered: list[object] = []
    started, closing = threading.Event(), threading.Event()

    def slow() -> None:
        started.set()
        closing.wait()
        ended.append(True)

    def close_of(executor: ThreadPoolExecutor) -> None:
        """Closing has come as far as waiting for the work: only now may it end."""
        shutdown = executor.shutdown

        def told(**options: bool) -> None:
            assert options["wait"]
            closing.set()
            shutdown(**options)

        monkeypatch.setattr(executor, "shutdown", told)

    task = tasks.work(slow, done=delivered.append)
    close_of(tasks._work)
    started.wait()
    assert not task.finished
    tasks.close()
    qapp.processEvents()
    assert ended == [True]
    assert delivered == []
    assert tasks.work(slow).silent


def test_what_was_dropped_is_never_heard_of_again(qtbot: QtBot, tasks: Tasks) -> None:
    delivered: list[object] = []
    go = threading.Event()
    task = tasks.work(lambda: go.wait(5), done=delivered.append, failed=delivered.append)
    task.drop()
    go.set()
    qtbot.waitUntil(lambda: not tasks.busy)
    assert delivered == []
    tasks.close()
