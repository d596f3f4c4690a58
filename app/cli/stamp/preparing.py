"""What ``sealdesk stamp`` looks at, tells and asks before the PIN (:mod:`app.preparing`)."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli.clock import clock_told, tell_clock, tell_notice
from app.errors import ChangesForbidden, FileRepairable, SealNotUsable, phrase
from crypto.frozen import frozen

if TYPE_CHECKING:
    from app.cli.grammar import Parser
    from app.desk import Desk
    from app.placing.finder import Finder
    from app.preparing import Examined, Notice
    from app.store.cabinet import SealRecord


def preparing_options(made: Parser) -> None:
    """``--repair`` and ``--anyway``."""
    made.add_argument(
        "--repair",
        action="store_true",
        help="stamp a repaired copy of a file whose table is off, saved beside it",
    )
    made.add_argument(
        "--stencil",
        action="store_true",
        help="the seal's picture without transparency, for files that must stay PDF/A-1",
    )
    made.add_argument(
        "--anyway",
        action="store_true",
        help="stamp although the author does not allow changes; asked once for each file",
    )


@frozen
class Prepared:
    """The document that will be stamped, looked at."""

    source: Path
    """The file of the options, or its repaired copy."""
    examined: Examined
    repaired: bool

    @property
    def notices(self) -> Sequence[Notice]:
        return self.examined.notices

    def to_json(self, language: str) -> list[dict[str, Any]]:
        """The notices for ``--json``."""
        return [
            {
                "code": notice.code,
                "text": notice.text(language, command_line=True),
                "ways": [
                    {"kind": str(way.kind), "pages": list(way.pages)} for way in notice.elsewhere
                ],
            }
            for notice in self.notices
        ]


def check_seal(desk: Desk, options: argparse.Namespace, seal: SealRecord) -> None:
    """May the seal be used? Where its time says no, a clock that is off is told first.

    Raises :class:`app.errors.SealNotUsable`, :class:`app.errors.NotAuthorised`."""
    from app.stamping import check_usable, check_use

    now = datetime.now(UTC)
    try:
        check_use(seal, desk.cabinet, now, options.kind, options.counterparty)
        check_usable(seal, now)
    except SealNotUsable:
        if not options.offline:
            tell_clock(desk)
        raise


def look_before(
    desk: Desk, options: argparse.Namespace, source: Path, password: str | None, finder: Finder
) -> Prepared:
    """Open the document *source* and raise for what forbids a seal.

    Raises as :func:`app.preparing.examine` does, and what it calls an obstacle."""
    from app.preparing import examine
    from app.repairing import repair

    repaired = False
    trust, now = desk.trust(), datetime.now(UTC)
    try:
        examined = examine(source, password, trust, now, finder)
    except FileRepairable:
        if not options.repair:
            raise
        source, repaired = repair(source, finder, password), True
        examined = examine(source, password, trust, now, finder)
    if examined.obstacle is not None:
        raise examined.obstacle
    clock = None if options.offline else clock_told(desk)
    examined = replace(examined, notices=(*([clock] if clock else []), *examined.notices))
    return Prepared(source, examined, repaired)


def tell_before(desk: Desk, options: argparse.Namespace, prepared: Prepared) -> None:
    """Say on stderr what must be known of the document, and ask what must be asked.

    Raises :class:`app.errors.ChangesForbidden` where nobody says yes."""
    language = desk.settings.language
    if not options.json:
        if prepared.repaired:
            sys.stderr.write(f"{phrase('before.repaired', language)} {prepared.source}\n")
        for notice in prepared.notices:
            tell_notice(desk, notice)
    asking = [notice for notice in prepared.notices if notice.asks]
    for notice in asking:
        answers, digest = desk.answers, prepared.examined.digest
        if not answers.has(digest, notice.code):
            if not (options.anyway or _says_yes(options, language)):
                raise ChangesForbidden(str(prepared.source))
            answers.keep(digest, notice.code)


def _says_yes(options: argparse.Namespace, language: str) -> bool:
    """A person at the terminal says yes; nobody is asked where the input is a file or a pipe."""
    if options.pin_stdin or options.password_stdin or not sys.stdin.isatty():
        return False
    sys.stderr.write(phrase("before.restricted_ask", language))
    sys.stderr.flush()
    return sys.stdin.readline().strip().casefold() in ("y", "yes", "是")
