"""``sealdesk verify`` for many documents: worker processes, a report of each, a summary."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.clock import tell_clock
from app.cli.terminal import tell, worst_exit
from app.errors import ExitCode, FileProblem, OutputExists, OutputNotWritable, phrase
from app.many.bulk import NOT_CHECKED, Order, Outcome, find, verify_all
from app.many.bulk_summary import summary_csv, told, totals, verdict_word
from app.publishing import save_new
from crypto.report.reading import read_report
from crypto.verdict import one_line

if TYPE_CHECKING:
    from app.desk import Desk
    from app.verifying import StatusService
    from crypto.validation.trust import Trust


def verify_many(
    desk: Desk,
    options: argparse.Namespace,
    trust: Trust,
    platform: StatusService | None,
    password: str | None,
) -> int:
    """Verify files and folders with worker processes.

    Progress goes to stderr, a report on A4 of each document to --report-dir, a summary to --csv.
    Raises :class:`app.errors.AppError`."""
    language, folder = desk.settings.language, options.report_dir
    files = find(options.files)
    if options.csv and options.csv.exists():
        raise OutputExists(str(options.csv))
    if folder:
        _make_folder(folder)
    told_of = count(1)

    def done(index: int, outcome: Outcome) -> None:
        name, verdict = one_line(str(outcome.path)), verdict_word(outcome, language)
        words = phrase("bulk.progress", language)
        line = words.format(done=next(told_of), total=len(files), name=name, verdict=verdict)
        sys.stderr.write(line + "\n")
        if folder and outcome.pdf:
            save_new(folder / f"{index + 1:04d}-{outcome.path.stem[:60]}.pdf", outcome.pdf)

    order = Order(trust, language, password, options.at_time, with_pdf=bool(folder))
    run = verify_all(
        files,
        replace(order, alone=options.isolate, command_line=True),
        jobs=options.jobs or 0,
        seconds=options.timeout,
        platform=platform,
        done=done,
    )
    if platform is not None and not options.at_time and any(map(_hangs, run.outcomes)):
        tell_clock(desk)
    if options.csv:
        save_new(options.csv, summary_csv(run, language))
    if options.json:
        answers = [{"path": str(outcome.path), **outcome.answer} for outcome in run.outcomes]
        tell(json.dumps(answers, ensure_ascii=False, indent=2))
    else:
        for outcome in run.outcomes:
            tell(f"{one_line(str(outcome.path))}: {verdict_word(outcome, language)}")
            for text in told(outcome, language):
                tell(f"  {text}")
        tell(totals(run, language))
    if run.interrupted:
        left = sum(outcome.verdict == NOT_CHECKED for outcome in run.outcomes)
        sys.stderr.write(phrase("bulk.stopped", language).format(left=left) + "\n")
        return int(ExitCode.CANCELLED)
    return worst_exit(outcome.verdict for outcome in run.outcomes)


def _hangs(outcome: Outcome) -> bool:
    try:
        return read_report(outcome.answer).hangs_on_the_clock
    except ValueError:  # it could not be read, or its worker was taken over
        return False


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputNotWritable(str(folder), FileProblem.of(error)) from error
