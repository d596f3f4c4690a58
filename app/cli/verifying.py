"""The commands around verifying that leave something to file: many documents at once, and the
evidence package. One document alone is :func:`app.cli.commands.verify`.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
from collections import Counter
from dataclasses import replace
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.bulk import NOT_CHECKED, UNREADABLE, Order, Outcome, Run, find, verify_all
from app.cli.terminal import pdf_password, tell, worst_exit
from app.errors import (
    ExitCode,
    FileProblem,
    OutputExists,
    OutputNotWritable,
    UsageError,
    phrase,
)
from crypto.verdict import Finding, Level, Report, beijing, one_line, say
from crypto.wording import told as sentences

if TYPE_CHECKING:
    from app.desk import Desk
    from app.verifying import StatusService
    from crypto.validation.trust import Trust

COLUMNS = ("file", "verdict", "signatures", "seals", "signers", "signed_at", "findings")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_TOLD = (Level.INVALID, Level.UNKNOWN, Level.CHANGED)
"""Levels that the summary names; what is in order is in the reports."""


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
            _save(folder / f"{index + 1:04d}-{outcome.path.stem[:60]}.pdf", outcome.pdf)

    order = Order(trust, language, password, options.at_time, with_pdf=bool(folder))
    run = verify_all(
        files,
        replace(order, alone=options.isolate),
        jobs=options.jobs or 0,
        seconds=options.timeout,
        platform=platform,
        done=done,
    )
    if options.csv:
        _save(options.csv, summary_csv(run, language))
    if options.json:
        answers = [{"path": str(each.path), **each.answer} for each in run.outcomes]
        tell(json.dumps(answers, ensure_ascii=False, indent=2))
    else:
        for each in run.outcomes:
            tell(f"{one_line(str(each.path))}: {verdict_word(each, language)}")
            for text in told(each, language):
                tell(f"  {text}")
        tell(totals(run, language))
    if run.interrupted:
        left = sum(each.verdict == NOT_CHECKED for each in run.outcomes)
        sys.stderr.write(phrase("bulk.stopped", language).format(left=left) + "\n")
        return int(ExitCode.CANCELLED)
    return worst_exit(each.verdict for each in run.outcomes)


def verdict_word(outcome: Outcome, language: str) -> str:
    """The verdict in words, for a document that could be judged or not."""
    own = {UNREADABLE: "bulk.unreadable", NOT_CHECKED: "bulk.not_checked"}
    if outcome.verdict in own:
        return phrase(own[outcome.verdict], language)
    return say("verdicts", outcome.verdict, language)


def told(outcome: Outcome, language: str) -> list[str]:
    """What is not in order, in sentences: the error, or the findings that cost the verdict."""
    answer = outcome.answer
    if "error" in answer:
        error = answer["error"]
        return [f"[{error['code']}] {error['title']}：{error['cause']}"]
    everything = [*answer.get("findings", ())]
    for signature in answer.get("signatures", ()):
        everything += signature["findings"]
    found = [Finding(each["code"], each["details"]) for each in everything]
    return [
        f"[{say('levels', sentence.level.value, language)}] {sentence.text}"
        for sentence in sentences(found, language)
        if sentence.level in _TOLD
    ]


def totals(run: Run, language: str) -> str:
    """One line: how many of which verdict."""
    counts = Counter(verdict_word(each, language) for each in run.outcomes)
    text = say("report", "comma", language).join(f"{word} {n}" for word, n in counts.items())
    return phrase("bulk.total", language).format(total=len(run.outcomes), counts=text)


def summary_csv(run: Run, language: str) -> bytes:
    """The summary: UTF-8 with a byte order mark, so that Excel shows Chinese; a text that a
    spreadsheet would run as a formula gets an apostrophe before it."""
    text = io.StringIO(newline="")
    rows = csv.writer(text)
    rows.writerow(phrase(f"bulk.column_{each}", language) for each in COLUMNS)
    for outcome in run.outcomes:
        signatures = outcome.answer.get("signatures", ())
        cells = (
            str(outcome.path),
            f"{outcome.verdict} {verdict_word(outcome, language)}",
            str(len(signatures)) if "signatures" in outcome.answer else "",
            "; ".join(f"{s['seal']['name']} {s['seal']['code']}" for s in signatures if s["seal"]),
            "; ".join(s["signer"]["holder"] for s in signatures if s["signer"]),
            "; ".join(_signed_at(s["times"], language) for s in signatures),
            " ".join(told(outcome, language)),
        )
        rows.writerow(_harmless(each) for each in cells)
    return text.getvalue().encode("utf-8-sig", "replace")


def _harmless(text: str) -> str:
    shown = one_line(text)
    return f"'{shown}" if shown.lstrip().startswith(_FORMULA) else shown


def _signed_at(times: dict[str, Any], language: str) -> str:
    """Never a claimed time for a trusted one."""
    for kind in ("trusted", "claimed"):
        if times[kind]:
            moment = beijing(datetime.fromisoformat(times[kind]))
            return phrase(f"bulk.{kind}", language).format(time=moment)
    return "—"


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputNotWritable(str(folder), FileProblem.of(error)) from error


def _save(path: Path, data: bytes) -> None:
    """Write a new file, whole or not at all; where the name is taken, under the next free one."""
    from app.publishing import free_name, publish, unpublished

    target = path if not path.exists() else free_name(path, "")
    with unpublished(target) as (temporary, output):
        output.write(data)
        output.flush()
        publish(temporary, output, target, path, "")


# --- the report on one document ------------------------------------------------------------------


def report_on(desk: Desk, options: argparse.Namespace, report: Report) -> dict[str, str]:
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

        _save(path, render(report, language))
        verdict, words = report.verdict, "bulk.report_saved"
    said = say("verdicts", verdict.value, language)
    text = phrase(words, language).format(path=path, verdict=said)
    return {"path": str(path), "verdict": verdict.value, "text": text}


# --- the evidence package ------------------------------------------------------------------------


def evidence(desk: Desk, options: argparse.Namespace) -> int:
    """``sealdesk evidence``: make a package, or with --check judge one."""
    if options.check:
        if options.output:
            raise UsageError("evidence: --check writes nothing")
        return _check_evidence(desk, options)
    if not options.output:
        raise UsageError("evidence: -o OUT.zip is needed")
    from app.evidence import make

    language = desk.settings.language
    report = make(
        options.file,
        options.output,
        trust=desk.trust(options.trust),
        platform=None if options.offline else desk.status_service(),
        password=pdf_password(options),
        at=options.at_time,
        language=language,
    )
    tell(report.summary(language))
    tell(phrase("evidence.made", language).format(path=options.output))
    return worst_exit([report.verdict.value])


def _check_evidence(desk: Desk, options: argparse.Namespace) -> int:
    """What a package proves and what it does not; the exit code is that of the verdict by this
    machine's own trust, and 1 for a package that does not hold."""
    from app.evidence import check

    language = desk.settings.language
    own = desk.trust(options.trust)
    checked = check(options.file, own=own, password=pdf_password(options))
    for problem in checked.problems:
        kind, _, member = problem.partition(":")
        tell(f"✘ {phrase(f'evidence_problem.{kind}', language)}: {one_line(member)}")
    if checked.report is None or checked.own is None:
        return worst_exit(["INVALID"])
    if checked.holds:
        tell(f"✔ {phrase('evidence.hashes_hold', language)}")
    for key, report in (("packed_verdict", checked.report), ("own_verdict", checked.own)):
        verdict = say("verdicts", report.verdict.value, language)
        tell(phrase(f"evidence.{key}", language).format(verdict=verdict))
    words = phrase("evidence.anchor", language)
    for anchor in checked.anchors:
        subject = one_line(str(anchor.subject))
        tell(words.format(subject=subject, sm3=anchor.fingerprint.hex()))
    tell(phrase("evidence.anchor_note", language))
    tell(phrase("evidence.check_limits", language))
    return worst_exit([checked.own.verdict.value if checked.holds else "INVALID"])
