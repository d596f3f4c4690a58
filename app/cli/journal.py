"""``sealdesk journal``: what was done with the seals, and that nobody has changed the record."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from app.cli.grammar import Commands, json_option, output_file
from app.cli.terminal import tell, tell_json
from app.errors import FileProblem, OutputExists, OutputNotWritable, UsageError, phrase
from crypto.beijing import in_beijing

if TYPE_CHECKING:
    from app.desk import Desk


def add_commands(commands: Commands) -> None:
    """``journal list``, ``check``, ``export``, ``seal-off``."""
    journals = commands.group("journal", "the usage journal")
    made = journals.add("list", journal_list, "its entries")
    json_option(made)
    journals.add("check", journal_check, "prove that nothing was changed or cut")
    made = journals.add("export", journal_export, "write it as CSV or XLSX")
    made.add_argument(
        "output",
        type=output_file,
        metavar="FILE.csv|FILE.xlsx",
        help="where the journal is written to",
    )
    journals.add("seal-off", journal_seal_off, "put a damaged journal away")


def journal_list(desk: Desk, options: argparse.Namespace) -> int:
    from app.store.journal import event_name

    entries = desk.journal.entries()
    if options.json:
        tell_json(
            [
                {
                    **entry.details,
                    "sequence": entry.sequence,
                    "at": f"{entry.at:%Y-%m-%dT%H:%M:%SZ}",
                    "event": entry.event,
                    "previous": entry.previous,
                    "hash": entry.hash,
                }
                for entry in entries
            ]
        )
        return 0
    for each in entries:
        document, seal = each.details.get("document", ""), each.details.get("seal_name", "")
        local = in_beijing(each.at)
        event = event_name(each.event, desk.settings.language)
        tell(f"{each.sequence}\t{local:%Y-%m-%d %H:%M:%S}\t{event}\t{document}\t{seal}")
    return 0


def journal_check(desk: Desk, options: argparse.Namespace) -> int:
    del options
    check = desk.journal.check()
    language = desk.settings.language
    if check.intact:
        tell(phrase("cli.journal_intact", language).format(entries=check.entries))
    else:
        problem = phrase(f"journal_problem.{check.problem}", language)
        words = phrase("cli.journal_damaged", language)
        tell(words.format(entries=check.entries, line=check.line, problem=problem))
    if check.torn_bytes:
        tell(phrase("cli.journal_torn", language).format(bytes=check.torn_bytes))
    for path in check.set_aside:
        tell(phrase("cli.journal_aside", language).format(path=path))
    return 0 if check.intact else 1


def journal_seal_off(desk: Desk, options: argparse.Namespace) -> int:
    del options
    language = desk.settings.language
    if desk.journal.check().intact:
        raise UsageError("journal_intact")
    tell(phrase("cli.journal_sealed_off", language).format(path=desk.journal.seal_off()))
    return 0


def journal_export(desk: Desk, options: argparse.Namespace) -> int:
    if os.path.lexists(options.output):
        raise OutputExists(str(options.output))
    try:
        count = desk.journal.export(options.output, language=desk.settings.language)
    except OSError as error:
        raise OutputNotWritable(str(options.output), FileProblem.of(error)) from error
    words = phrase("cli.exported", desk.settings.language)
    tell(words.format(entries=count, path=options.output))
    return 0
