"""Work off the main thread: one thread for the Ukey, a small pool for everything else.

    task = tasks.work(verify, path, done=show, failed=complain)
    task = tasks.device(sign, done=…, progress=…)      # the only thread that touches PKCS#11

A function that takes a ``step`` argument gets a callable: calling it reports progress and raises
:class:`app.errors.Cancelled` once the task was cancelled; one that takes ``stopped`` can ask
whether it was. Results, errors and progress arrive on the main thread, in order, and never after
:meth:`Task.drop` or after the window has closed.
A worker never waits for a person.
"""

from __future__ import annotations

import inspect
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal, Slot

from app.errors import Cancelled
from crypto import deadline
from ui.going_first import pause

GIVE_WAY_S = 0.0002
"""Seconds after which a computing worker lets the main thread run; a 25th of Python's default."""

Done = Callable[[Any], None]
Failed = Callable[[BaseException], None]
Progress = Callable[..., None]


class Task:
    """One piece of work under way."""

    def __init__(self, done: Done | None, failed: Failed | None, progress: Progress | None) -> None:
        self.done, self.failed, self.progress = done, failed, progress
        self.future: Future[None] | None = None
        self._stopped = threading.Event()
        self._silent = False
        self.finished = False

    @property
    def cancelled(self) -> bool:
        """Has somebody asked it to stop?"""
        return self._stopped.is_set()

    def cancel(self) -> None:
        """Ask it to stop at its next step; ``failed`` then gets :class:`Cancelled`."""
        self._stopped.set()

    def drop(self) -> None:
        """Cancel it; nothing of it is delivered any more."""
        self._silent = True
        self.cancel()
        self.forget()

    def forget(self) -> None:
        """Let go of the callbacks. A worker may be the last to hold the task, and a widget must not
        be destroyed in its thread."""
        self.done = self.failed = self.progress = None

    @property
    def silent(self) -> bool:
        return self._silent


class Tasks(QObject):
    """The two executors of a window."""

    _report = Signal(object, str, object)

    def __init__(self, parent: QObject | None = None, *, workers: int = 3) -> None:
        super().__init__(parent)
        sys.setswitchinterval(GIVE_WAY_S)
        deadline.between = pause
        self._device = ThreadPoolExecutor(1, "ukey")
        self._work = ThreadPoolExecutor(workers, "work")
        self._open: set[Task] = set()
        self._closed = False
        self._report.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def work(
        self,
        function: Callable[..., Any],
        *arguments: Any,
        done: Done | None = None,
        failed: Failed | None = None,
        progress: Progress | None = None,
    ) -> Task:
        """Run ``function(*arguments)`` in the pool."""
        return self._start(self._work, function, arguments, Task(done, failed, progress))

    def device(
        self,
        function: Callable[..., Any],
        *arguments: Any,
        done: Done | None = None,
        failed: Failed | None = None,
        progress: Progress | None = None,
    ) -> Task:
        """Run ``function(*arguments)`` on the one thread that may touch a Ukey."""
        return self._start(self._device, function, arguments, Task(done, failed, progress))

    @property
    def busy(self) -> bool:
        """Is anything under way?"""
        return bool(self._open)

    def drop_all(self) -> None:
        """Hear nothing more of what is under way, and have it stop at its next step."""
        for task in list(self._open):
            task.drop()

    def close(self) -> None:
        """Cancel everything and wait for it; nothing is delivered afterwards."""
        self._closed = True
        self.drop_all()
        self._device.shutdown(wait=True, cancel_futures=True)
        self._work.shutdown(wait=True, cancel_futures=True)
        self._open.clear()

    def _start(
        self,
        executor: ThreadPoolExecutor,
        function: Callable[..., Any],
        arguments: tuple[Any, ...],
        task: Task,
    ) -> Task:
        if self._closed:
            task.drop()
            return task
        extra: dict[str, Any] = {}
        takes = inspect.signature(function).parameters
        if "stopped" in takes:
            extra["stopped"] = lambda: task.cancelled
        if "step" in takes:

            def step(*words: object) -> None:
                if task.cancelled:
                    raise Cancelled
                self._report.emit(task, "progress", words)

            extra["step"] = step

        def run() -> None:
            if task.cancelled:
                outcome: tuple[str, object] = ("failed", Cancelled())
            else:
                try:
                    outcome = ("done", function(*arguments, **extra))
                except Exception as error:  # noqa: BLE001 - shown to the person by `failed`
                    outcome = ("failed", error)
            self._report.emit(task, *outcome)

        self._open.add(task)
        task.future = executor.submit(run)
        return task

    @Slot(object, str, object)
    def _deliver(self, task: Task, kind: str, value: Any) -> None:
        if kind == "progress":
            if task.progress and not task.silent and not self._closed:
                task.progress(*value)
            return
        task.finished = True
        self._open.discard(task)
        hear = task.done if kind == "done" else task.failed
        task.forget()
        if hear and not task.silent and not self._closed:
            hear(value)


def on_device_thread() -> bool:
    """Is this the thread that owns the Ukey? Code that touches one asserts it."""
    return threading.current_thread().name.startswith("ukey")
