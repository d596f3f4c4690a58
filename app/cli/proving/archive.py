"""``sealdesk archive``: a month's or a folder's files as a package, and its check."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.grammar import Commands, json_option, offline_option, output_file, trust_option
from app.cli.terminal import tell, tell_json, worst_exit
from app.errors import UsageError, phrase
from crypto.verdict import one_line, say

if TYPE_CHECKING:
    from app.archiving.checking import CheckedArchive
    from app.archiving.making import Made
    from app.archiving.sources import Record, Source
    from app.desk import Desk

_MONTH = re.compile(r"(20\d\d)-(0[1-9]|1[0-2])")


def add_commands(commands: Commands) -> None:
    """``archive make`` and ``archive check``."""
    archives = commands.group(
        "archive", "a month's or a folder's stamped files as a package for the archives"
    )
    made = archives.add(
        "make", _make, "make the package; what changed since it was stamped is left out and listed"
    )
    made.add_argument(
        "files",
        nargs="*",
        type=Path,
        metavar="FOLDER|FILE",
        help="folders and files to archive, packages included",
    )
    made.add_argument(
        "--month",
        metavar="MONTH",
        help="what was stamped on this computer in that month, for example 2026-11",
    )
    made.add_argument(
        "-o",
        "--output",
        type=output_file,
        required=True,
        metavar="OUT.zip",
        help="where the result goes",
    )
    for name, text in (
        ("--unit", "whose archives these are"),
        ("--fonds", "number of the fonds"),
        ("--department", "department or matter"),
        ("--retention", "how long they are kept, for example 10 years"),
        ("--classification", "classification"),
    ):
        made.add_argument(name, default="", help=text)
    offline_option(made)
    json_option(made)
    made = archives.add("check", _check, "check a package, offline")
    made.add_argument("package", type=Path, metavar="PACKAGE.zip", help="the package")
    json_option(made)
    trust_option(made)


def _make(desk: Desk, options: argparse.Namespace) -> int:
    from app.archiving.making import make
    from app.archiving.metadata import About
    from app.archiving.sources import Record

    desk.enter_unfinished()  # what a crash has published belongs to its month
    record = Record(desk.journal.entries())
    done = make(
        _sources(record, options),
        options.output,
        record=record,
        trust=desk.trust(),
        journal=desk.journal,
        about=About(
            options.unit,
            options.fonds,
            options.department,
            options.retention,
            options.classification,
        ),
        platform=None if options.offline else desk.status_service(),
        language=desk.settings.language,
        step=_Progress(desk.settings.language),
    )
    if options.json:
        tell_json(
            {
                "path": str(done.path),
                "sm3": done.sm3,
                "items": [item.to_json() for item in done.items],
                "refused": [vars(refusal) for refusal in done.refused],
            }
        )
    else:
        _tell(done, desk.settings.language)
    return 0


def _sources(record: Record, options: argparse.Namespace) -> list[Source]:
    from app.archiving.sources import of_month, of_paths

    if bool(options.month) == bool(options.files):
        raise UsageError("month_or_files")
    if not options.month:
        return of_paths(record, options.files)
    return of_month(record, *month(options.month))


def month(text: str) -> tuple[int, int]:
    """Year and month of ``2026-11``. Raises :class:`app.errors.UsageError` for another form."""
    found = _MONTH.fullmatch(text)
    if found is None:
        raise UsageError("no_such_month", text)
    return int(found[1]), int(found[2])


class _Progress:
    """A line on a terminal that counts."""

    def __init__(self, language: str) -> None:
        self._language = language
        self._shown = sys.stderr is not None and sys.stderr.isatty()

    def __call__(self, what: str, done: int, total: int) -> None:
        if self._shown:
            words = phrase(f"archive.progress_{what}", self._language)
            end = "\n" if done + 1 == total else ""
            sys.stderr.write(f"\r{words.format(done=done + 1, total=total)}{end}")
            sys.stderr.flush()


def _tell(done: Made, language: str) -> None:
    from app.archiving.readme import reason

    words = phrase("archive.made", language)
    tell(words.format(taken=len(done.items), path=done.path))
    tell(phrase("archive.digest", language).format(sm3=done.sm3))
    if done.refused:
        tell(phrase("archive.left_out_count", language).format(count=len(done.refused)))
    for refusal in done.refused:
        tell(f"  ✘ {refusal.name}: {reason(refusal, language)}")


def _check(desk: Desk, options: argparse.Namespace) -> int:
    from app.archiving.checking import check

    language = desk.settings.language
    own = desk.trust(options.trust)
    checked = check(options.package, own=own, step=_Progress(language))
    if options.json:
        tell_json(
            {
                "holds": checked.holds,
                "problems": list(checked.problems),
                "judged": [vars(judged) for judged in checked.judged],
                "refused": [vars(refusal) for refusal in checked.refused],
            }
        )
    else:
        _tell_checked(checked, language)
    if not checked.holds:
        return worst_exit(["INVALID"])
    verdicts = [judged.own for judged in checked.judged]
    return worst_exit(verdicts) if verdicts else 0


def _tell_checked(checked: CheckedArchive, language: str) -> None:
    if checked.problems:
        tell(f"✘ {phrase('archive.broken', language)}")
    for problem in checked.problems:
        kind, _, member = problem.partition(":")
        words = phrase(f"archive_problem.{kind}", language)
        tell(f"  {one_line(member)}: {words}" if member else f"  {words}")
    if checked.holds:
        words = phrase("archive.holds", language)
        tell(f"✔ {words.format(count=len(checked.items))}")
    for each in checked.judged:
        packed, own = (say("verdicts", word, language) for word in (each.packed, each.own))
        words = phrase("archive.own", language)
        tell(
            "  " + words.format(name=f"{each.place} {one_line(each.name)}", packed=packed, own=own)
        )
    for anchor in checked.anchors:
        subject = one_line(str(anchor.subject))
        words = phrase("evidence.anchor", language)
        tell(words.format(subject=subject, sm3=anchor.fingerprint.hex()))
    if checked.anchors:
        tell(phrase("evidence.anchor_note", language))
    tell(phrase("archive.limits", language))
