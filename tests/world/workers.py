"""Many tests at once on a system that copies processes: what ``-n N --dist loadfile`` does there.

pytest-xdist starts N interpreters, and each imports and collects everything: ten seconds of the
processor and more. Here one process collects, and its N workers are copies of it. Each takes the
next file when it begins the last test of the one before. On Windows, and for any other ``--dist``,
it is pytest-xdist as ever.
"""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from multiprocessing.connection import Connection, Pipe, wait
from types import SimpleNamespace
from typing import Any

import pytest

from tests.world import home, typing_check

_NUMBER = pytest.StashKey[int]()

Indexes = list[int]
"""Of tests, in ``session.items``."""


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Take what pytest-xdist was asked for, before it begins."""
    option = config.option
    number = getattr(option, "numprocesses", None)
    others = option.collectonly or option.basetemp or option.usepdb
    if not number or option.dist != "loadfile" or others or not hasattr(os, "fork"):
        return
    config.stash[_NUMBER] = number
    option.numprocesses, option.dist, option.tx = None, "no", []
    whole = config.args_source == pytest.Config.ArgsSource.TESTPATHS
    if whole and not option.keyword and not option.deselect:
        typing_check.begin()


def pytest_unconfigure() -> None:
    typing_check.stop()


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    number = session.config.stash.get(_NUMBER, 0)
    if not number or session.testsfailed:
        return None  # pytest's own loop: it runs them here, or tells what could not be collected
    Run(session).go(number)
    return True


# ---------------------------------------------------------------- the process that collected


@dataclass
class Worker:
    """What the first process knows of a copy of it."""

    id: str
    pid: int
    line: Connection
    given: Indexes = field(default_factory=list)
    """Which tests it has not begun."""
    running: int | None = None

    # What pytest reads of a report's ``node``: ``gateway.id`` and four words.

    @property
    def gateway(self) -> Worker:
        return self

    @property
    def workerinfo(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "sysplatform": sys.platform,
            "version_info": sys.version_info,
            "executable": sys.executable,
        }


class Run:
    """Of all tests of *session*, shared out by files."""

    def __init__(self, session: pytest.Session) -> None:
        self.session, self.config = session, session.config
        self.base = session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
        by_file = groupby(range(len(session.items)), key=lambda index: session.items[index].path)
        self.files = deque(list(indexes) for _, indexes in by_file)
        self.workers: dict[Connection, Worker] = {}
        self.begun = 0

    def go(self, number: int) -> None:
        """Begin *number* workers and hear them, until all tests have run or the run is to stop."""
        try:
            for _ in range(min(number, len(self.files))):
                self._begin()
            while self.workers:
                for line in wait(list(self.workers)):
                    assert isinstance(line, Connection)
                    self._hear(self.workers[line])
        finally:
            for worker in self.workers.values():
                worker.line.close()  # it ends after the test that it is at
            for worker in self.workers.values():
                os.waitpid(worker.pid, 0)

    def _begin(self) -> None:
        here, there = Pipe()
        name = f"gw{self.begun}"  # as pytest-xdist calls them
        self.begun += 1
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        pid = os.fork()
        if not pid:
            for line in (here, *self.workers):
                line.close()  # or nobody would hear that the first process has ended
            _Copy(self, name, there).end()
        there.close()
        worker = self.workers[here] = Worker(name, pid, here)
        self._give(worker)

    def _give(self, worker: Worker) -> None:
        file = self.files.popleft() if self.files else []
        worker.given += file
        worker.line.send(file)

    def _hear(self, worker: Worker) -> None:
        try:
            told = worker.line.recv()
        except (EOFError, ConnectionError):
            self._has_ended(worker)
            return
        match told:
            case None:
                self._give(worker)
            case int(index):
                worker.given.remove(index)
                worker.running = index
            case list(reports):
                worker.running = None
                self._report(worker, reports)
            case dict(warning):
                self.config.hook.pytest_warning_recorded.call_historic(kwargs=warning)

    def _report(self, worker: Worker, reports: list[Any]) -> None:
        hook, session = self.config.hook, self.session
        for data in reports:
            report = hook.pytest_report_from_serializable(config=self.config, data=data)
            report.node = worker
            hook.pytest_runtest_logreport(report=report)
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)

    def _has_ended(self, worker: Worker) -> None:
        del self.workers[worker.line]
        worker.line.close()
        _, status = os.waitpid(worker.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        if worker.running is None and not worker.given:
            assert not code, f"{worker.id} did not end well"  # and has written why
            return
        index = worker.given[0] if worker.running is None else worker.running
        failed = self.session.items[index]
        report = pytest.TestReport(
            nodeid=failed.nodeid,
            location=failed.location,
            keywords={},
            outcome="failed",
            longrepr=f"the worker {worker.id} ended here, or after it, by itself: {code}",
            when="call",
        )
        if worker.given:
            self.files.appendleft(worker.given)
            self._begin()
        self.config.hook.pytest_runtest_logreport(report=report)


# ---------------------------------------------------------------- a copy


class _Copy:
    """This process, which runs what the first one sends by *line*, and never returns."""

    def __init__(self, run: Run, name: str, line: Connection) -> None:
        self._run, self._name, self._line = run, name, line
        self._session, self._config = run.session, run.session.config
        self._reports: list[Any] = []

    def end(self) -> None:
        """Do everything and end."""
        code = 1
        try:
            code = self._work()
        except (EOFError, ConnectionError, KeyboardInterrupt):
            code = 2  # the first process wants no more
        except BaseException:  # noqa: BLE001 - what it was, nobody else could say
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)  # all that is alive need not be taken apart

    def _work(self) -> int:
        manager = self._config.pluginmanager
        self._write_nothing()
        os.environ["PYTEST_XDIST_WORKER"] = self._name
        here = home.move_in()
        factory = self._config._tmp_path_factory  # type: ignore[attr-defined]
        factory._basetemp = self._run.base / f"popen-{self._name}"
        factory._basetemp.mkdir(mode=0o700)
        manager.register(self, "worker")
        runner: Any = manager.getplugin("runner")
        try:
            self._run_all()
        finally:
            runner.pytest_sessionfinish(self._session)  # what lives as long as the run
            home.move_out(here)
        return 0

    def _write_nothing(self) -> None:
        manager = self._config.pluginmanager
        reporter: Any = manager.unregister(name="terminalreporter")
        # who asks for the terminal, as pytest-timeout does before it ends the process, may write
        manager.register(SimpleNamespace(_tw=reporter._tw), "terminalreporter")
        capture: Any = manager.getplugin("capturemanager")
        capture.stop_global_capturing()  # into files that it shares with the other copies
        capture.start_global_capturing()
        capture.suspend_global_capture(in_=True)

    def _run_all(self) -> None:
        items = self._session.items
        tests = self._tests()
        index = next(tests, None)
        while index is not None:
            following = next(tests, None)  # asked for before the last test of a file
            self._line.send(index)
            item, then = items[index], None if following is None else items[following]
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=then)
            self._line.send(self._reports)
            self._reports = []
            index = following

    def _tests(self) -> Iterator[int]:
        file = self._line.recv()
        while file:
            yield from file
            self._line.send(None)
            file = self._line.recv()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        hook = self._config.hook
        data = hook.pytest_report_to_serializable(config=self._config, report=report)
        self._reports.append(data)

    def pytest_warning_recorded(
        self,
        warning_message: warnings.WarningMessage,
        when: str,
        nodeid: str,
        location: tuple[str, int, str] | None,
    ) -> None:
        told = warning_message
        text = warnings.WarningMessage(str(told.message), told.category, told.filename, told.lineno)
        self._line.send(
            {"warning_message": text, "when": when, "nodeid": nodeid, "location": location}
        )
