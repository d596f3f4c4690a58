"""``sealdesk stamp`` for several files and folders: one PIN, a result for each, a table.

Each file is looked at before the PIN is asked for; one that cannot be stamped is told then and left
out, and the others are stamped.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli import augmentation
from app.cli.stamp.approving import approvals_for
from app.cli.stamp.choosing import kind_name
from app.cli.stamp.order import (
    Order,
    described,
    earlier_facts,
    said_earlier,
    stamped_facts,
    tell_of_timestamp,
)
from app.cli.stamp.preparing import Prepared, tell_before
from app.cli.terminal import enter_pin, tell, tell_json
from app.errors import (
    ExitCode,
    FileProblem,
    OutputExists,
    OutputNotWritable,
    exit_code,
    explain,
    phrase,
    stops_batch,
)
from app.many.batch import Batch
from app.many.batch_report import BatchLine, save_report
from app.many.begun import BegunOrder, begun_order
from app.many.bulk import find
from app.many.one_at_a_time import OneAtATime
from app.placing.finder import Finder
from app.publishing import check_output
from app.signing import find_key
from app.stamping import StampedFile, StampJob, ask_ahead
from app.stamping import stamp as stamp_file
from crypto.frozen import frozen
from crypto.verdict import one_line, say

if TYPE_CHECKING:
    from app.desk import Desk
    from app.many.resuming import StampedEarlier


def stamp_many(desk: Desk, options: argparse.Namespace, order: Order) -> int:
    """Stamp all files with the seal of *order*; the exit code is that of the first failure.

    Raises what concerns all of them: :class:`app.errors.AppError`,
    :class:`device.token.TokenError`."""
    language = desk.settings.language
    files, passed = _to_stamp(options.files, desk.settings.output_suffix)
    if passed:
        words = phrase("cli.already_stamped", language).format(count=passed)
        sys.stderr.write(words + "\n")
    if options.csv:
        _check_table(options.csv)
    if order.folder is not None:
        _make_folder(order.folder)
    results = _Results(files, language)
    interrupted = False
    remembered = desk.begun_orders, described(options, order)
    with begun_order(*remembered, again=options.again) as begun:
        jobs = _prepare(desk, options, order, files, begun, results)
        if jobs:
            interrupted = _stamp(desk, options, order, jobs, results)
        lines = results.lines(f"{kind_name(order.seal, language)} {order.seal.code}")
        begun.finished = all(line.stamped is not None for line in lines)
    if options.csv:
        save_report(options.csv, lines, language)
    if options.json:
        looked_at = {job.number: job.prepared for job in jobs}
        tell_json([_facts(line, looked_at.get(n), language) for n, line in enumerate(lines)])
    else:
        for line in lines:
            tell(_in_words(line, language))
        tell(_total(lines, language))
    if interrupted:
        return int(ExitCode.CANCELLED)
    problems = (line.file.misplaced if line.file else line.error for line in lines)
    return next((exit_code(problem) for problem in problems if problem is not None), 0)


def _to_stamp(paths: Sequence[Path], suffix: str) -> tuple[list[Path], int]:
    """The files, folders walked; and how many in the folders were passed over because they are the
    results of earlier stamping, beside their originals."""
    found: list[Path] = []
    passed = 0
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        inside = find([path])
        originals = set(inside)
        for each in inside:
            result = re.fullmatch(rf"(.+){re.escape(suffix)}(?:\([0-9]+\))?", each.stem, re.DOTALL)
            if result and suffix and each.with_stem(result[1]) in originals:
                passed += 1
            else:
                found.append(each)
    return list(dict.fromkeys(found)), passed


def _check_table(path: Path) -> None:
    if os.path.lexists(path):
        raise OutputExists(str(path))
    check_output(path, 0)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputNotWritable(str(folder), FileProblem.of(error)) from error


# --- what came of each ---------------------------------------------------------------------------


@frozen
class _Ready:
    """A file that can be stamped."""

    number: int
    job: StampJob
    prepared: Prepared


@frozen
class _Result:
    file: StampedFile | None
    error: BaseException | None
    at: datetime
    earlier: StampedEarlier | None = None


class _Results:
    """Told one by one on stderr; kept for the table."""

    def __init__(self, files: Sequence[Path], language: str) -> None:
        self._files, self._language = files, language
        self._kept: dict[int, _Result] = {}
        self._told = count(1)

    def add(self, number: int, file: StampedFile | None, error: BaseException | None) -> None:
        """The document *number* has ended."""
        self._kept[number] = _Result(file, error, datetime.now(UTC))
        what = phrase("batch.stamped", self._language)
        if error is not None:
            message = explain(error, self._language, command_line=True)
            what = f"{message.title} [{message.code}]"
        self._tell(number, what)

    def done_earlier(self, number: int, earlier: StampedEarlier) -> None:
        """An earlier run has stamped the document *number*."""
        self._kept[number] = _Result(None, None, earlier.at, earlier)
        self._tell(number, phrase("batch.stamped_earlier", self._language))

    def _tell(self, number: int, what: str) -> None:
        path, language = self._files[number], self._language
        line = phrase("bulk.progress", language).format(
            done=next(self._told),
            total=len(self._files),
            name=one_line(str(path)),
            verdict=what,
        )
        sys.stderr.write(line + "\n")

    def lines(self, seal: str) -> list[BatchLine]:
        """For the table, in the order of the files."""
        made = []
        for number, path in enumerate(self._files):
            kept = self._kept.get(number)
            if kept is None:
                made.append(BatchLine(path, (seal,), None, None, None))
            else:
                made.append(BatchLine(path, (seal,), kept.file, kept.error, kept.at, kept.earlier))
        return made


def _in_words(line: BatchLine, language: str) -> str:
    name = one_line(str(line.source))
    if line.earlier is not None:
        return f"{name}: {one_line(said_earlier(line.earlier, language))}"
    if line.file is not None:
        verdict = say("verdicts", line.file.report.verdict.value, language)
        told = f"{name} → {one_line(str(line.file.path))}: {verdict}"
        if line.file.misplaced is not None:
            told += f"\n  {explain(line.file.misplaced, language).cause}"
        return told
    if line.error is None:
        return f"{name}: {phrase('batch.not_reached', language)}"
    message = explain(line.error, language, command_line=True)
    return f"{name}: {message.title} [{message.code}]\n  {message.cause}\n  {message.remedy}"


def _total(lines: Sequence[BatchLine], language: str) -> str:
    results = [line.result for line in lines]
    comma = say("report", "comma", language)
    words = comma.join(
        f"{phrase(f'batch.{result}', language)} {results.count(result)}"
        for result in dict.fromkeys(results)
    )
    return phrase("bulk.total", language).format(total=len(lines), counts=words)


def _facts(line: BatchLine, prepared: Prepared | None, language: str) -> dict[str, Any]:
    facts: dict[str, Any] = {"path": str(line.source), "result": line.result}
    if line.file is not None and prepared is not None:
        facts |= stamped_facts(line.file, prepared, language)
    if line.earlier is not None:
        facts |= earlier_facts(line.earlier)
    if line.error is not None:
        message = explain(line.error, language, command_line=True)
        facts["error"] = {
            "code": message.code,
            "title": message.title,
            "cause": message.cause,
            "remedy": message.remedy,
        }
    return facts


# --- before the PIN, and after -------------------------------------------------------------------


def _prepare(
    desk: Desk,
    options: argparse.Namespace,
    order: Order,
    files: Sequence[Path],
    begun: BegunOrder,
    results: _Results,
) -> list[_Ready]:
    """The job for each file that can be stamped; the others are told now, and what is done."""
    jobs = []
    with Finder() as finder:
        for number, path in enumerate(files):
            try:
                earlier = order.done_earlier(desk, begun, path)
                if earlier is not None:
                    results.done_earlier(number, earlier)
                    continue
                job, prepared = order.job(desk, options, path, finder, begun)
                if prepared.repaired or prepared.notices:
                    sys.stderr.write(f"{one_line(str(path))}\n")
                tell_before(desk, options, prepared)
                jobs.append(_Ready(number, job, prepared))
            except Exception as error:  # noqa: BLE001 - one bad file costs one result
                results.add(number, None, error)
    return jobs


def _stamp(
    desk: Desk,
    options: argparse.Namespace,
    order: Order,
    jobs: Sequence[_Ready],
    results: _Results,
) -> bool:
    """Stamp *jobs* with one PIN; True if somebody pressed Ctrl+C. What the key has signed by then
    is finished."""
    stamper = desk.timestamper(options.timestamp, () if options.offline else (order.seal,))
    token = desk.token(options.token, options.module, holding=order.seal.signer)
    batch: Batch[StampedFile] = Batch()
    with ExitStack() as opened:
        session = opened.enter_context(token.login(enter_pin(desk, options, token)))
        key = find_key(session, order.seal.signer.der)
        signer = None
        if order.profile == "dual":
            ask = partial(enter_pin, desk, options, variable="SEALDESK_PADES_PIN")
            signer = augmentation.foreign_signer(desk, options, ask, opened, (token, session))
        steps = augmentation.afterwards(desk, options, stamper, signer)
        service = None if options.offline else desk.ticket_service(key)
        one_at_a_time = OneAtATime(service) if service is not None else None
        approvals = approvals_for(desk, options, service)
        if approvals is not None and one_at_a_time is not None:
            approvals.lock = one_at_a_time.lock
        with_key = partial(
            stamp_file,
            cabinet=desk.cabinet,
            journal=desk.journal,
            trust=desk.trust(),
            platform=one_at_a_time,
            approvals=approvals,
            timestamp=stamper,
            leases=desk.lending.book,
            afterwards=steps,
            offline_limit=desk.offline_limit,
        )
        try:
            if approvals is not None and approvals.needed_for(order.seal):
                for ready in jobs:  # all are asked for, and then waited for
                    with suppress(Exception):  # told when the file's turn comes
                        ask_ahead(ready.job, key=key, cabinet=desk.cabinet, approvals=approvals)
            if steps:  # what follows the seal needs keys and services of its own: one by one
                _one_by_one([partial(with_key, each.job, key=key) for each in jobs], jobs, results)
            else:
                lent = batch.lend(key)
                batch.run(
                    [partial(with_key, each.job, key=lent) for each in jobs],
                    ended=lambda place, file, error: results.add(jobs[place].number, file, error),
                )
        except KeyboardInterrupt:
            return True
        finally:
            desk.settle(service, key.certificate)
    tell_of_timestamp(desk, stamper)
    return False


def _one_by_one(
    works: Sequence[Callable[[], StampedFile]],
    jobs: Sequence[_Ready],
    results: _Results,
) -> None:
    for work, ready in zip(works, jobs, strict=True):
        try:
            results.add(ready.number, work(), None)
        except Exception as error:  # noqa: BLE001 - one bad file costs one result
            results.add(ready.number, None, error)
            if stops_batch(error):
                return
