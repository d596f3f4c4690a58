"""``sealdesk evidence``: make the package with which anybody verifies again, or judge one."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.grammar import (
    Commands,
    offline_option,
    output_option,
    password_option,
    trust_options,
)
from app.cli.terminal import pdf_password, tell, worst_exit
from app.errors import UsageError, phrase
from app.evidence.readme import told
from crypto.verdict import beijing, one_line, say

if TYPE_CHECKING:
    from app.desk import Desk


def add_commands(commands: Commands) -> None:
    """``evidence``."""
    made = commands.add("evidence", evidence, "a package with all that is needed to verify again")
    made.add_argument(
        "file",
        type=Path,
        metavar="FILE.pdf|PACKAGE.zip",
        help="the document, or the package to check",
    )
    output_option(made, "OUT.zip")
    made.add_argument("--check", action="store_true", help="judge a package, offline")
    offline_option(made)
    password_option(made)
    trust_options(made)


def evidence(desk: Desk, options: argparse.Namespace) -> int:
    """``sealdesk evidence``: make a package, or with --check judge one."""
    if options.check:
        if options.output:
            raise UsageError("writes_nothing", "--check")
        return _check_evidence(desk, options)
    if not options.output:
        raise UsageError("needed", "-o")
    from app.evidence.making import make

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
    from app.evidence.checking import check

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
    for proof in checked.proofs:
        words = phrase("evidence.history", language)
        tell(words.format(seal=proof.seal_code, at=beijing(proof.issued_at)))
        for entry in proof.entries:
            tell(phrase("evidence.history_entry", language).format(**told(entry, language)))
    words = phrase("evidence.anchor", language)
    for anchor in checked.anchors:
        subject = one_line(str(anchor.subject))
        tell(words.format(subject=subject, sm3=anchor.fingerprint.hex()))
    tell(phrase("evidence.anchor_note", language))
    tell(phrase("evidence.check_limits", language))
    return worst_exit([checked.own.verdict.value if checked.holds else "INVALID"])
