"""``sealdesk audit``: is the ledger the one of last time, who did what, export, cosign."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.grammar import Commands, moment, output_file
from app.cli.staff.signing_in import add, signed_in
from app.cli.terminal import tell, tell_json
from app.errors import FileProblem, OutputNotWritable, phrase
from crypto.beijing import in_beijing

if TYPE_CHECKING:
    from app.desk import Desk

MOST = 100_000
"""Entries of one export."""


def add_commands(commands: Commands) -> None:
    """``audit check``, ``search``, ``cosign``, ``verify``."""
    group = commands.group("audit", "audit a platform's ledger (for its auditors)")
    add(group, "check", audit_check, "prove that the ledger goes on from what was seen last")
    made = add(group, "search", audit_search, "who did what, and export it with proofs", json=True)
    made.add_argument("--person", default="", help="name, identifier or account")
    made.add_argument("--seal", default="", help="code or identifier of a seal")
    made.add_argument("--enterprise", default="", help="credit code or whole name")
    made.add_argument("--since", type=moment, metavar="ISO", help="from this time")
    made.add_argument("--until", type=moment, metavar="ISO", help="before this time")
    made.add_argument(
        "-o", "--output", type=output_file, metavar="FILE.csv|FILE.json", help="export with proofs"
    )
    add(group, "cosign", audit_cosign, "check, then sign the checkpoint with the key")
    made = add(group, "verify", audit_verify, "does an exported JSON hold?")
    made.add_argument("file", type=Path, metavar="FILE.json", help="the exported JSON")


def audit_check(desk: Desk, options: argparse.Namespace) -> int:
    return _check(desk, options, cosign=False)


def audit_cosign(desk: Desk, options: argparse.Namespace) -> int:
    return _check(desk, options, cosign=True)


def _check(desk: Desk, options: argparse.Namespace, *, cosign: bool) -> int:
    from app.remote.staff.auditing import AuditorClient

    language, kept = desk.settings.language, desk.audited_ledgers
    with signed_in(desk, options, AuditorClient, "auditor") as (platform, key):
        before = kept.get(platform.origin)
        seen = platform.check(before)
        kept.keep(seen)
        name = "audit.first" if before is None else "audit.goes_on"
        said = {"size": seen.size, "before": before.size if before else 0, "root": seen.root}
        tell(phrase(name, language).format(**said))
        if seen.cosigned and not cosign:
            at = f"{seen.cosigned_at:%Y-%m-%d}"
            tell(phrase("audit.last_cosigned", language).format(size=seen.cosigned, at=at))
        if cosign:
            kept.keep(platform.cosign(seen, key))
            tell(phrase("audit.cosigned", language).format(**said))
    return 0


def audit_search(desk: Desk, options: argparse.Namespace) -> int:
    from app.remote.staff.auditing import AuditorClient, LedgerRecord, Wanted
    from app.remote.staff.exporting import what, write

    language = desk.settings.language
    wanted = Wanted(options.person, options.seal, options.enterprise, options.since, options.until)
    items: list[LedgerRecord] = []
    names: dict[str, str] = {}
    with signed_in(desk, options, AuditorClient, "auditor") as (platform, _):
        for page in platform.all_of(wanted, MOST):
            items += page.items
            names |= page.names
        if options.output:
            try:
                files = write(platform.prove(items, names), options.output)
            except OSError as error:
                raise OutputNotWritable(str(options.output), FileProblem.of(error)) from error
            listed = ", ".join(map(str, files))
            tell(phrase("audit.exported", language).format(count=len(items), path=listed))
            return 0
    if options.json:
        tell_json([{"index": each.index, "record": each.told} for each in items])
        return 0
    for item in items:
        time = f"{in_beijing(item.at):%Y-%m-%d %H:%M:%S}"
        tell("\t".join((str(item.index), time, names.get(item.by, item.by), item.type, what(item))))
    if not items:
        tell(phrase("audit.nothing", language))
    return 0


def audit_verify(desk: Desk, options: argparse.Namespace) -> int:
    from app.remote.staff.auditing import AuditorClient
    from app.remote.staff.exporting import check

    language = desk.settings.language
    with signed_in(desk, options, AuditorClient, "auditor") as (platform, _):
        service = platform.service()
    try:
        count = check(options.file, service.ledger_key, service.ledger_origin)
    except ValueError:
        tell(phrase("audit.export_wrong", language))
        return 1
    tell(phrase("audit.export_holds", language).format(count=count))
    return 0
