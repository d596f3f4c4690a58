"""Many documents verified in worker processes: a hostile file costs one result, never the run.

    find(paths) → the PDFs, folders walked        verify_all(files, …) → one Outcome each, in order

A worker is a bounded process (:mod:`crypto.bounded`); it gets paths, with what the platform has
said meanwhile. One that takes too long is killed, one that dies is replaced. A file that takes its
worker over could falsify the answers for the files after it: :attr:`Order.alone` gives each a
worker of its own, which costs a quarter of a second. Workers have no network: the platform is asked
here, once for each seal whose status they could not tell, and the documents are judged again.

One module, though long: both ends of a worker's pipe are read together.
"""

from __future__ import annotations

import contextlib
import os
import stat
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import field, replace
from datetime import datetime
from multiprocessing import connection
from pathlib import Path
from typing import Any

from app.errors import FileNotReadable, FileProblem, PlatformError, explain, phrase
from app.verifying import (
    UNKNOWN_STATE,
    StatusService,
    history,
    state_of,
    verify,
    whom_to_ask,
)
from crypto.bounded import (
    MEMORY,
    BoundedError,
    BoundedProcess,
    Channel,
    Message,
    ProcessOutOfMemory,
    ProcessTimedOut,
)
from crypto.frozen import frozen
from crypto.report.reading import read_report
from crypto.seal.statement import SealChange, SignedStatement
from crypto.validation.trust import Trust
from crypto.verdict import SCHEMA

SECONDS = 30.0
"""Of the processor, for one document; the longest honest ones take about two."""
BY_THE_CLOCK = 10
"""So many times as long by the clock: a busy machine leaves nothing out that an idle one judges."""
UNREADABLE = "UNREADABLE"
NOT_CHECKED = "NOT_CHECKED"
_UNREADABLE = {"schema", "verdict", "file", "error"}
_PICTURE_SECONDS = SECONDS / 4
"""For those of the seals, and for those of what changed: a report does not fail for them."""
_START_SECONDS = 60.0
_MESSAGE_SECONDS = 5.0
"""For a whole message once it has begun; an honest worker writes it in one go."""
_AHEAD = 2
"""Documents that a worker has at a time: it need not wait until its answer was read."""
_LOOK_UP = 0.2
"""Seconds between two looks whether the run was stopped."""
_MAX_SEEN = 1 << 20
"""Characters of what a worker has seen of one document."""
_MAX_ANSWER = 256 << 20
"""Bytes of a report in JSON and on A4."""


@frozen
class Order:
    """What holds for every document of a run."""

    trust: Trust
    language: str = "zh_CN"
    password: str | None = None
    at: datetime | None = None
    with_pdf: bool = False
    """Also set the report on A4."""
    memory: int = MEMORY
    alone: bool = False
    """Each document in a process of its own, which nobody else's document has been in."""
    command_line: bool = False
    """What cannot be read is told with options of the command line, not with buttons."""


@frozen
class Told:
    """What the platform has said since the run began."""

    statements: tuple[SignedStatement, ...] = ()
    changes: tuple[SealChange, ...] = ()


NOTHING = Told()


@frozen
class Outcome:
    """What became of one document."""

    path: Path
    answer: dict[str, Any]
    """As ``sealdesk verify --json`` gives it; verdict UNREADABLE with its error."""
    pdf: bytes = b""
    """The report on A4, if it was ordered and there is one."""
    seen: str = field(default="", repr=False)
    """What its pages showed, for a worker that judges it again; nobody here reads it."""
    late: bool = False
    """It was not judged in time, which says nothing about it."""

    @property
    def verdict(self) -> str:
        return str(self.answer["verdict"])


@frozen
class Run:
    """All outcomes, in the order of the files."""

    outcomes: tuple[Outcome, ...]
    interrupted: bool
    """Somebody pressed Ctrl+C or stopped it: the rest is NOT_CHECKED."""


def find(paths: Iterable[Path], suffixes: tuple[str, ...] = (".pdf",)) -> list[Path]:
    """Files as they are named, folders walked for *suffixes* in order of name; links to folders are
    not followed. Raises :class:`app.errors.FileNotReadable` for a folder that cannot be entered or
    holds no such file."""
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        inside = list(_walk(path, suffixes))
        if not inside:
            raise FileNotReadable(str(path), FileProblem.FOLDER)
        found += inside
    return found


def _walk(folder: Path, suffixes: tuple[str, ...]) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise FileNotReadable(str(error.filename), FileProblem.of(error)) from error

    for place, folders, names in os.walk(folder, onerror=refuse):
        folders.sort()
        for name in sorted(names):
            path = Path(place, name)
            if path.suffix.lower() in suffixes and not name.startswith("."):
                with contextlib.suppress(OSError):
                    if stat.S_ISREG(path.stat().st_mode):
                        yield path


def verify_all(
    files: Sequence[Path],
    order: Order,
    *,
    jobs: int = 0,
    seconds: float = SECONDS,
    clock: float = 0.0,
    platform: StatusService | None = None,
    done: Callable[[int, Outcome], None] = lambda index, outcome: None,
    stopped: Callable[[], bool] = lambda: False,
) -> Run:
    """Verify *files* with *jobs* workers (0: one per processor), *seconds* of the processor for
    each, and *clock* seconds (0: :data:`BY_THE_CLOCK` times as many).

    *done* is told each final outcome and its place as it comes; its pdf is not kept afterwards.
    Once *stopped* says so (asked several times a second) the workers are ended where they are."""
    outcomes: list[Outcome | None] = [None] * len(files)
    waiting: list[int] = []
    questions: set[tuple[str, str]] = set()
    changes: list[SealChange] = []

    def first(index: int, outcome: Outcome) -> None:
        own, unknown = _asked(outcome.answer, platform, order.trust) if platform else (set(), set())
        if platform is not None:
            changes.extend(history(platform, own))
        earlier = {change.seal_code for change in changes} & own
        if unknown or earlier:
            waiting.append(index)
            questions.update(unknown)
            outcomes[index] = outcome
        else:
            final(index, outcome)

    def final(index: int, outcome: Outcome) -> None:
        done(index, outcome)
        outcomes[index] = replace(outcome, pdf=b"", seen="")

    jobs = min(jobs or os.cpu_count() or 1, len(files), 60)
    bounds = (seconds, clock or BY_THE_CLOCK * seconds)
    with _Crew(files, order, jobs, bounds, stopped) as crew:
        interrupted = crew.work(range(len(files)), first)
        if waiting and platform and not interrupted:
            statements = []
            for whom, code in sorted(questions):
                with contextlib.suppress(PlatformError):
                    statements.append(state_of(platform, whom, code))
            if statements or changes:
                told = Told(tuple(statements), tuple(changes))
                for index in waiting:
                    crew.seen[index] = (outcomes[index] or _not_checked(files[index])).seen
                interrupted = crew.work(sorted(waiting), final, told)
            else:
                for index in sorted(waiting):
                    final(index, outcomes[index] or _not_checked(files[index]))
    return Run(
        tuple(each or _not_checked(path) for path, each in zip(files, outcomes, strict=True)),
        interrupted,
    )


def _asked(
    answer: dict[str, Any], platform: StatusService, trust: Trust
) -> tuple[set[str], set[tuple[str, str]]]:
    """The seals that are the desk's own platform's business, and (whom to ask, seal code) of those
    whose state the worker could not tell."""
    own, unknown = set(), set()
    for signature in answer.get("signatures", ()):
        codes = {finding["code"] for finding in signature["findings"]}
        chain = signature["seal_chain"] if "maker_trusted" in codes else ()
        anchor = chain[-1]["sm3"] if chain else ""
        whom = whom_to_ask(platform, trust, anchor, signature["origin"])
        if signature["seal"] is None or whom is None:
            continue
        if not whom:
            own.add(signature["seal"]["code"])
        if codes & UNKNOWN_STATE:
            unknown.add((whom, signature["seal"]["code"]))
    return own, unknown


# --- this side of the pipe -----------------------------------------------------------------------


class _Gone(Exception):
    """A worker took too long ("timeout") or died ("crashed")."""


class _Worker:
    """A process, and the documents it has been given."""

    def __init__(self, order: Order) -> None:
        self.process = BoundedProcess(
            _serve, order, memory=order.memory, answer=_MAX_ANSWER, name="sealdesk-verify"
        )
        self.ready = False
        self.judged = 0
        self.files: deque[int] = deque()
        """The documents it has; it is at the first of them."""
        self._deadline = self._latest = time.monotonic() + _START_SECONDS
        self._spent, self._seconds = 0.0, 0.0

    @property
    def left(self) -> float | None:
        """Seconds until it is late; None: it has nothing to do."""
        if self.ready and not self.files:
            return None
        return max(0.0, self._deadline - time.monotonic())

    def _begin(self, seconds: float, clock: float) -> None:
        """It is at a document from now on."""
        now = time.monotonic()
        self._deadline, self._latest = now + seconds, now + clock
        self._spent, self._seconds = self.process.processor_seconds() or 0.0, seconds

    def _is_late(self) -> bool:
        """Its time by the clock is up: has it had its time of the processor, too? If not, it gets
        as much again as it lacks."""
        spent, now = self.process.processor_seconds(), time.monotonic()
        left = 0.0 if spent is None else self._seconds - (spent - self._spent)
        if not self.ready or left <= 0.0 or now >= self._latest:
            return True
        self._deadline = min(now + max(left, _LOOK_UP), self._latest)
        return False

    def give(
        self, index: int, path: Path, bounds: tuple[float, float], told: Told, seen: str
    ) -> None:
        if not self.files:
            self._begin(*bounds)
        self.files.append(index)
        with contextlib.suppress(BoundedError):  # if it died: seen when its answer is awaited
            self.process.send((path, told, seen), _MESSAGE_SECONDS)

    def hear(
        self, speaking: bool, bounds: tuple[float, float]
    ) -> tuple[int, dict[str, Any], bytes, str] | None:
        """Its answer about a document, and the report on A4; None if there is none yet. It then has
        the same *bounds* for the next. Raises :class:`_Gone`.

        A document may have taken the worker over: one that stops in the middle of a message is
        ended soon, and what it says is read as strictly as the document. While one message is
        awaited the others wait here: who has answered meanwhile was in time."""
        left = self.left
        if not speaking and not (left == 0.0 and self.process.waiting()):
            if left == 0.0 and self._is_late():
                raise _Gone("timeout")
            return None
        if left is None:
            raise _Gone("crashed")  # it has no document
        try:
            said = self.process.receive(_MESSAGE_SECONDS)
            if not self.ready:
                self.ready = True
                return None
            answer, pdf, seen = _answer(said)
        except ProcessOutOfMemory as error:
            raise _Gone("crashed") from error
        except (BoundedError, ValueError, RecursionError) as error:
            late = self.left == 0.0 or isinstance(error, ProcessTimedOut)
            raise _Gone("timeout" if late else "crashed") from error
        self.judged += 1
        self._begin(*bounds)
        return self.files.popleft(), answer, pdf, seen

    def end(self) -> None:
        self.process.end()


def _answer(said: Message) -> tuple[dict[str, Any], bytes, str]:
    """What a worker said of its document, the report on A4, and what it saw. Raises ValueError for
    what is neither a report with the verdict that its findings lead to, nor an error."""
    answer, parts = said.head, said.parts
    seen = answer.pop("seen", "")
    if not isinstance(seen, str) or len(seen) > _MAX_SEEN:
        raise ValueError("no text of what was seen")
    if len(parts) > 1:
        raise ValueError("more than one report")
    if answer.get("verdict") != UNREADABLE:
        if read_report(answer).verdict.value != answer.get("verdict"):
            raise ValueError("another verdict than its findings lead to")
    elif not isinstance(answer.get("error"), dict) or set(answer) != _UNREADABLE:
        raise ValueError("an error without its text")
    elif not all(isinstance(each, str) for each in answer["error"].values()):
        raise ValueError("an error that is no text")
    return answer, parts[0] if parts else b"", seen


class _Crew:
    """The workers of one run, as many as there is work for; a context manager that ends them."""

    def __init__(
        self,
        files: Sequence[Path],
        order: Order,
        jobs: int,
        bounds: tuple[float, float],
        stopped: Callable[[], bool],
    ) -> None:
        self._files, self._order, self._jobs, self._bounds = files, order, jobs, bounds
        self._stopped = stopped
        self._workers: list[_Worker] = []
        self.seen: dict[int, str] = {}
        """What was seen of documents that are judged again."""
        self._never_ready = 0
        self._once_more: set[int] = set()
        self._late: set[int] = set()

    def __enter__(self) -> _Crew:
        return self

    def __exit__(self, *details: object) -> None:
        for worker in self._workers:
            worker.end()

    def work(
        self,
        indices: Iterable[int],
        done: Callable[[int, Outcome], None],
        told: Told = NOTHING,
    ) -> bool:
        """Have *indices* of the files verified, with what was *told* besides the order's trust;
        True if it was interrupted. Raises RuntimeError if no worker starts."""
        todo, workers = deque(indices), self._workers
        try:
            while todo or any(worker.files for worker in workers):
                if self._stopped():
                    return True
                self._share_out(todo, told)
                times = [worker.left for worker in workers if worker.left is not None]
                pipes = [worker.process.connection for worker in workers]
                speaking = connection.wait(pipes, min([*times, _LOOK_UP]))
                for worker in list(workers):
                    try:
                        heard = worker.hear(worker.process.connection in speaking, self._bounds)
                    except _Gone as gone:
                        heard = self._lose(worker, gone, todo)
                    if heard:
                        index, answer, pdf, seen = heard
                        late = index in self._late
                        if self._order.alone and worker in workers:
                            workers.remove(worker)
                            worker.end()
                        done(index, Outcome(self._files[index], answer, pdf, seen, late))
        except KeyboardInterrupt:
            return True
        return False

    def _share_out(self, todo: deque[int], told: Told) -> None:
        """Start the workers that there is work for, and give each a document to be at. As long as
        there is plenty to do each also gets one to go on with, no more than fits into its pipe,
        from which it does not read meanwhile: nobody waits behind a slow document while another
        worker has nothing to do."""
        workers = self._workers
        busy = sum(bool(worker.files) for worker in workers)
        while len(workers) < min(self._jobs, busy + len(todo)):
            workers.append(_Worker(self._order))
        ahead = 1 if self._order.alone or told is not NOTHING else _AHEAD
        for depth in range(1, ahead + 1):
            for worker in workers:
                enough = len(todo) >= (1 if depth == 1 else 2 * self._jobs)
                if enough and worker.ready and len(worker.files) < depth:
                    index = todo.popleft()
                    seen = self.seen.get(index, "")
                    worker.give(index, self._files[index], self._bounds, told, seen)

    def _lose(
        self, worker: _Worker, gone: _Gone, todo: deque[int]
    ) -> tuple[int, dict[str, Any], bytes, str] | None:
        """Replace a *worker* that is gone; what became of the document that it was at. The ones it
        had judged before may be to blame, so that document gets another worker, once."""
        self._workers.remove(worker)
        worker.end()
        self._never_ready += not worker.ready
        if self._never_ready > self._jobs:
            raise RuntimeError("the verifying processes do not start") from gone
        todo.extendleft(reversed(worker.files))
        if not worker.files:
            return None
        index = worker.files[0]
        if worker.judged and index not in self._once_more:
            self._once_more.add(index)
            return None
        todo.popleft()
        if str(gone) == "timeout":
            self._late.add(index)
        answer = _left_out(self._files[index], str(gone), self._bounds[0], self._order.language)
        return index, answer, b"", ""


def unreadable(
    path: Path, error: BaseException, language: str, *, command_line: bool = False
) -> dict[str, Any]:
    """A document that cannot be judged, as ``--json`` gives it."""
    message = explain(error, language, command_line=command_line)
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
    from crypto.pdf.reading.failures import PdfTooComplex

    answer = unreadable(path, PdfTooComplex(reason), language)
    cause = phrase(f"bulk.{reason}", language).replace("{seconds}", f"{seconds:g}")
    return answer | {"error": {**answer["error"], "cause": cause}}


def _not_checked(path: Path) -> Outcome:
    answer = {"schema": SCHEMA, "verdict": NOT_CHECKED, "file": {"name": path.name}}
    return Outcome(path, answer)


# --- the other side ------------------------------------------------------------------------------


def _serve(channel: Channel, order: Order) -> None:
    """The worker process: reads paths and writes answers until the other side is gone."""
    from crypto.pdf.reading.failures import PdfTooComplex

    channel.send({"ready": True})
    while True:
        path, told, before = channel.receive()
        pdf, seen = b"", [before]
        try:
            trust = order.trust.merged(Trust(statements=told.statements, changes=told.changes))
            report = verify(path, trust=trust, password=order.password, at=order.at, seen=seen)
            answer = report.to_json(order.language)
            if order.with_pdf:
                from crypto.report.pictures import pictures_for
                from crypto.report.setting import set_report

                shown = pictures_for(path, report, order.password, _PICTURE_SECONDS)
                pdf = set_report(report, order.language, {}, "", shown)
        except (MemoryError, RecursionError):
            answer, pdf = unreadable(path, PdfTooComplex("memory"), order.language), b""
        except Exception as error:  # noqa: BLE001 - one document's failure is one result
            told = unreadable(path, error, order.language, command_line=order.command_line)
            answer, pdf = told, b""
        if answer["verdict"] != UNREADABLE:
            answer["seen"] = "".join(seen)
        channel.send(answer, *([pdf] if pdf else []))
