"""``sealdesk verify``: one document here, many in :mod:`app.cli.bulk`; and the report on one."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.clock import tell_clock
from app.cli.grammar import (
    Commands,
    offline_option,
    output_file,
    output_path,
    password_option,
    positive,
    trust_options,
)
from app.cli.terminal import (
    UNREADABLE,
    complain,
    pdf_password,
    print_report,
    tell,
    tell_json,
    worst_exit,
)
from app.errors import LocalDataError, OutputExists, UsageError, exit_code, phrase
from app.publishing import save_new
from app.verifying import verify as verify_file
from crypto.rendering.early import begin_looking, end_unused
from crypto.verdict import say

if TYPE_CHECKING:
    from app.desk import Desk
    from crypto.verdict import Report


def add_commands(commands: Commands) -> None:
    """``verify``."""
    made = commands.add("verify", verify, "judge the seals and signatures of PDF files")
    made.add_argument(
        "files",
        nargs="+",
        type=Path,
        metavar="FILE.pdf|FOLDER",
        help="the PDF to verify, or a folder of them",
    )
    made.add_argument("--json", action="store_true", help="docs/report-schema.md")
    made.add_argument("--jobs", type=positive, metavar="N", help="worker processes")
    made.add_argument("--timeout", type=positive, default=30, metavar="S", help="for one file")
    made.add_argument(
        "--isolate",
        action="store_true",
        help="every file in a process that no other file has been in: slower",
    )
    made.add_argument("--csv", type=output_file, metavar="SUMMARY.csv", help="one row per file")
    made.add_argument(
        "--report-dir", type=output_path, metavar="FOLDER", help="a report (PDF) per file"
    )
    made.add_argument(
        "--report", type=output_file, metavar="OUT.pdf", help="the report on one file"
    )
    made.add_argument(
        "--sealed",
        action="store_true",
        help="with --report: SEND THE FILE TO THE PLATFORM, which verifies it and seals the report;"
        " it keeps nothing of the file",
    )
    made.add_argument(
        "--fetch",
        action="store_true",
        help="fetch what the file does not carry from the addresses in it, which learn that"
        " somebody looks",
    )
    offline_option(made)
    password_option(made)
    trust_options(made)


def _refuse_nonsense(options: argparse.Namespace, many: bool) -> None:
    """Raise :class:`app.errors.UsageError` for --report and --sealed where they mean nothing."""
    if options.sealed and not options.report:
        raise UsageError("sealed_report", "--sealed")
    if options.fetch and options.offline:
        raise UsageError("contradict", "--fetch, --offline")
    if options.report and many:
        raise UsageError("report_of_one", "--report")
    if options.sealed and (options.offline or options.at_time or options.password_stdin):
        raise UsageError("sealed_now", "--sealed")
    if options.report and os.path.lexists(options.report):
        raise OutputExists(str(options.report))


def verify(desk: Desk, options: argparse.Namespace) -> int:
    wishes = (options.jobs, options.csv, options.report_dir)
    many = len(options.files) > 1 or options.files[0].is_dir() or any(wishes)
    started = () if many else begin_looking(options.files[0])
    end_unused()
    password = pdf_password(options)
    language = desk.settings.language
    for problem in desk.refresh_trust(online=not options.offline):
        complain(problem, language)
    try:
        trust = desk.trust(options.trust)
        platform = None if options.offline else desk.status_service()
    except LocalDataError as error:
        # what was received can be verified even if the cabinet cannot be opened
        complain(error, language)
        trust, platform = desk.anchors(options.trust), None
    _refuse_nonsense(options, many)
    if many:
        from app.cli.bulk import verify_many

        if options.fetch:
            from app.many.bulk import find
            from app.trust.fetching import fetched_for_all

            trust = fetched_for_all(find(options.files), trust, desk.settings, password)
        return verify_many(desk, options, trust, platform, password)
    path = options.files[0]  # a single document starts faster without worker processes
    try:
        report = verify_file(
            path,
            trust=trust,
            platform=platform,
            password=password,
            at=options.at_time,
            started=started,
        )
        if options.fetch:
            from app.trust.fetching import Fetcher, fetched

            found = fetched(path, trust, Fetcher(desk.settings), password)
            report = verify_file(
                path, trust=found, platform=platform, password=password, at=options.at_time
            )
    except Exception as error:
        if exit_code(error) != UNREADABLE:
            raise
        if options.json:
            from app.many.bulk import unreadable

            tell_json(unreadable(path, error, language, command_line=True))
        else:
            complain(error, language)
        return UNREADABLE
    verdicts, answer = [report.verdict.value], report.to_json(language)
    if platform is not None and not options.at_time and report.hangs_on_the_clock:
        tell_clock(desk)
    if not options.json:
        print_report(report, language)
    if options.report:
        done = _report_on(desk, options, report, password)
        verdicts.append(done["verdict"])
        answer["report"] = done
        if not options.json:
            tell(done["text"])
    if options.json:
        tell_json(answer)
    return worst_exit(verdicts)


def _report_on(
    desk: Desk, options: argparse.Namespace, report: Report, password: str | None
) -> dict[str, str]:
    """Write the report on one file to --report: our own, or with --sealed the platform's.

    Gives path, verdict and the sentence that says so. Raises :class:`app.errors.AppError`."""
    language, path = desk.settings.language, options.report
    if options.sealed:
        from app.remote.sealed_report import fetch_sealed_report

        done = fetch_sealed_report(
            options.files[0], path, platform=desk.platform(), language=language
        )
        verdict, words = done.verdict, "bulk.report_sealed"
    else:
        from crypto.report.pdf import render
        from crypto.report.pictures import pictures_for

        shown = pictures_for(options.files[0], report, password)
        save_new(path, render(report, language, shown=shown))
        verdict, words = report.verdict, "bulk.report_saved"
    said = say("verdicts", verdict.value, language)
    text = phrase(words, language).format(path=path, verdict=said)
    return {"path": str(path), "verdict": verdict.value, "text": text}
