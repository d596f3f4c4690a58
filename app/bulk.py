"""Many documents verified in worker processes: a hostile file costs one result, never the run.

    find(paths) → the PDFs, folders walked        verify_all(files, …) → one Outcome each, in order

A worker is a fresh interpreter with bounded memory; it gets one path at a time and answers in JSON
(never in pickles: what has parsed a hostile file is not believed more than the file). One that
takes too long is killed, one that dies is replaced. Workers do not speak to the network: seals
whose status they could not tell are asked for here, once each, and their documents judged again.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import stat
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from multiprocessing import connection, get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from app.errors import FileNotReadable, FileProblem, PlatformError, explain, phrase
from app.verifying import StatusDesk
from crypto.pdf_document import PdfTooComplex
from crypto.trust import Trust
from crypto.verdict import SCHEMA

SECONDS = 30.0
"""For one document; the longest honest ones take about two."""
MEMORY = 2 << 30
"""Octets of address space of one worker, where the system can bound it."""
UNREADABLE = "UNREADABLE"
NOT_CHECKED = "NOT_CHECKED"
_START_SECONDS = 60.0
_MAX_ANSWER = 256 << 20


@dataclass(frozen=True)
class Order:
    """What holds for every document of a run."""

    trust: Trust
    language: str = "zh_CN"
    password: str | None = None
    at: datetime | None = None
    with_pdf: bool = False
    """Also set the report on A4."""
    memory: int = MEMORY


@dataclass(frozen=True)
class Outcome:
    """What became of one document."""

    path: Path
    answer: dict[str, Any]
    """As ``sealdesk verify --json`` gives it; verdict UNREADABLE with its error."""
    pdf: bytes = b""
    """The report on A4, if it was ordered and there is one."""

    @property
    def verdict(self) -> str:
        return str(self.answer["verdict"])


@dataclass(frozen=True)
class Run:
    """All outcomes, in the order of the files."""

    outcomes: tuple[Outcome, ...]
    interrupted: bool
    """Somebody pressed Ctrl+C: the rest is NOT_CHECKED."""


def find(paths: Iterable[Path]) -> list[Path]:
    """Files as they are named, folders walked for ``*.pdf`` in order of name; links to folders are
    not followed. Raises :class:`app.errors.FileNotReadable` for a folder that cannot be entered or
    holds no PDF."""
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        inside = list(_walk(path))
        if not inside:
            raise FileNotReadable(str(path), FileProblem.FOLDER)
        found += inside
    return found


def _walk(folder: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise FileNotReadable(str(error.filename), FileProblem.of(error)) from error

    for place, folders, names in os.walk(folder, onerror=refuse):
        folders.sort()
        for name in sorted(names):
            path = Path(place, name)
            if path.suffix.lower() == ".pdf" and not name.startswith("."):
                with contextlib.suppress(OSError):
                    if stat.S_ISREG(path.stat().st_mode):
                        yield path


def verify_all(
    files: Sequence[Path],
    order: Order,
    *,
    jobs: int = 0,
    seconds: float = SECONDS,
    platform: StatusDesk | None = None,
    done: Callable[[int, Outcome], None] = lambda index, outcome: None,
) -> Run:
    """Verify *files* with *jobs* workers (0: one per processor) and *seconds* for each.

    *done* is told each final outcome and its place as it comes; its pdf is not kept afterwards."""
    outcomes: list[Outcome | None] = [None] * len(files)
    waiting: list[int] = []
    codes: set[str] = set()

    def first(index: int, outcome: Outcome) -> None:
        unknown = _unknown_seals(outcome.answer) if platform else set()
        if unknown:
            waiting.append(index)
            codes.update(unknown)
            outcomes[index] = outcome
        else:
            final(index, outcome)

    def final(index: int, outcome: Outcome) -> None:
        done(index, outcome)
        outcomes[index] = replace(outcome, pdf=b"")

    jobs = min(jobs or os.cpu_count() or 1, len(files), 60)
    interrupted = _work(files, range(len(files)), order, jobs, seconds, first)
    if waiting and platform and not interrupted:
        statements = []
        for code in sorted(codes):
            with contextlib.suppress(PlatformError):
                statements.append(platform.status(code))
        if statements:
            trust = replace(order.trust, statements=(*order.trust.statements, *statements))
            again = replace(order, trust=trust)
            interrupted = _work(files, sorted(waiting), again, jobs, seconds, final)
        else:
            for index in sorted(waiting):
                final(index, outcomes[index] or _not_checked(files[index]))
    return Run(
        tuple(each or _not_checked(path) for path, each in zip(files, outcomes, strict=True)),
        interrupted,
    )


def _unknown_seals(answer: dict[str, Any]) -> set[str]:
    return {
        signature["seal"]["code"]
        for signature in answer.get("signatures", ())
        if signature["seal"]
        and any(f["code"] in ("status_unknown", "status_stale") for f in signature["findings"])
    }


# --- this side of the pipe -----------------------------------------------------------------------


class _Gone(Exception):
    """A worker took too long ("timeout") or died ("crashed")."""


class _Worker:
    """A process, and what it is at."""

    def __init__(self, order: Order) -> None:
        context = get_context("spawn")
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=_serve, args=(other, order), daemon=True)
        with _deaf_to_interrupts():
            self.process.start()
        other.close()
        self.ready = False
        self.index: int | None = None
        """The document it has now."""
        self._deadline = time.monotonic() + _START_SECONDS

    @property
    def idle(self) -> bool:
        return self.ready and self.index is None

    @property
    def left(self) -> float | None:
        """Seconds until it is late; None: it has nothing to do."""
        return None if self.idle else max(0.0, self._deadline - time.monotonic())

    def give(self, index: int, path: Path, seconds: float) -> None:
        self.index, self._deadline = index, time.monotonic() + seconds
        with contextlib.suppress(OSError):  # it died: seen when its answer is awaited
            self.pipe.send_bytes(os.fsencode(path))

    def hear(self, speaking: bool) -> tuple[dict[str, Any], bytes] | None:
        """Its answer and the report on A4; None if there is none yet. Raises :class:`_Gone`."""
        if not speaking:
            if self.left == 0.0:
                raise _Gone("timeout")
            return None
        try:
            head = self.pipe.recv_bytes(_MAX_ANSWER)
            if not self.ready:
                self.ready = True
                return None
            return json.loads(head), self.pipe.recv_bytes(_MAX_ANSWER)
        except (OSError, EOFError, ValueError, RecursionError) as error:
            raise _Gone("crashed") from error

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.process.close()
        self.pipe.close()


def _work(
    files: Sequence[Path],
    indices: Iterable[int],
    order: Order,
    jobs: int,
    seconds: float,
    done: Callable[[int, Outcome], None],
) -> bool:
    """Have *indices* of *files* verified; True if it was interrupted."""
    todo = deque(indices)
    workers: list[_Worker] = []
    never_ready = 0
    try:
        while todo or any(each.index is not None for each in workers):
            busy = sum(each.index is not None for each in workers)
            while len(workers) < min(jobs, busy + len(todo)):
                workers.append(_Worker(order))
            for worker in workers:
                if worker.idle and todo:
                    index = todo.popleft()
                    worker.give(index, files[index], seconds)
            times = [each.left for each in workers if each.left is not None]
            speaking = connection.wait([each.pipe for each in workers], min(times, default=None))
            for worker in list(workers):
                try:
                    heard = worker.hear(worker.pipe in speaking)
                except _Gone as gone:
                    workers.remove(worker)
                    worker.end()
                    never_ready += not worker.ready
                    if never_ready > jobs:
                        raise RuntimeError("the verifying processes do not start") from gone
                    if worker.index is None:
                        continue
                    heard = _left_out(files[worker.index], str(gone), seconds, order.language), b""
                if heard and worker.index is not None:
                    index, worker.index = worker.index, None
                    done(index, Outcome(files[index], *heard))
    except KeyboardInterrupt:
        return True
    finally:
        for worker in workers:
            worker.end()
    return False


@contextlib.contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """What is started here inherits that Ctrl+C is not meant for it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def unreadable(path: Path, error: BaseException, language: str) -> dict[str, Any]:
    """A document that cannot be judged, as ``--json`` gives it."""
    message = explain(error, language)
    return {
        "schema": SCHEMA,
        "verdict": UNREADABLE,
        "file": {"name": path.name},
        "error": {
            "code": message.code,
            "title": message.title,
            "cause": message.cause,
            "remedy": message.remedy,
        },
    }


def _left_out(path: Path, reason: str, seconds: float, language: str) -> dict[str, Any]:
    answer = unreadable(path, PdfTooComplex(reason), language)
    cause = phrase(f"bulk.{reason}", language).replace("{seconds}", f"{seconds:g}")
    return answer | {"error": {**answer["error"], "cause": cause}}


def _not_checked(path: Path) -> Outcome:
    answer = {"schema": SCHEMA, "verdict": NOT_CHECKED, "file": {"name": path.name}}
    return Outcome(path, answer)


# --- the other side ------------------------------------------------------------------------------


def _serve(pipe: Connection, order: Order) -> None:
    """A worker's life: a path comes, an answer goes, until the pipe is closed."""
    _bound_memory(order.memory)
    from app.verifying import verify

    pipe.send_bytes(b"ready")
    while True:
        try:
            path = Path(os.fsdecode(pipe.recv_bytes()))
        except (EOFError, OSError):
            return
        pdf = b""
        try:
            report = verify(path, trust=order.trust, password=order.password, at=order.at)
            answer = report.to_json(order.language)
            if order.with_pdf:
                from crypto.report_pdf import render

                pdf = render(report, order.language)
        except (MemoryError, RecursionError):
            answer, pdf = unreadable(path, PdfTooComplex("memory"), order.language), b""
        except Exception as error:  # noqa: BLE001 - one document's failure is one result
            answer, pdf = unreadable(path, error, order.language), b""
        pipe.send_bytes(json.dumps(answer).encode())
        pipe.send_bytes(pdf)


def _bound_memory(octets: int) -> None:
    if sys.platform == "win32":
        return  # no such limit there; time alone bounds a worker
    import resource

    with contextlib.suppress(OSError, ValueError):  # macOS knows the limit but not every value
        resource.setrlimit(resource.RLIMIT_AS, (octets, octets))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
