"""``sealdesk-server audit``: re-compute logs and tables, and look something up."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from server_stub import epochs
from server_stub.console.account import operator
from server_stub.context import Platform
from server_stub.records import canonical, store, vault
from server_stub.records.auditing import audit, table_problems
from server_stub.records.ledger import LOGS, REGISTRY
from server_stub.records.witness import FileWitness
from server_stub.releases import keeping
from server_stub.settings import Settings
from server_stub.staff import ledger_search


def add_arguments(checks: argparse.ArgumentParser) -> None:
    checks.add_argument("action", choices=["verify", "search"])
    checks.add_argument("--person", default="", help="search: name, id or account")
    checks.add_argument("--seal", default="", help="search: code or id of a seal")
    checks.add_argument("--enterprise", default="", help="search: credit code, id or name")
    checks.add_argument("--since", default="", metavar="TIME", help="search: RFC 3339")
    checks.add_argument("--until", default="", metavar="TIME", help="search: RFC 3339")


def run(settings: Settings, options: argparse.Namespace) -> int:
    return _search(settings, options) if options.action == "search" else _verify(settings)


def _verify(settings: Settings) -> int:
    """Opens the database only: a ledger that refuses to start must still be auditable."""
    engine = store.open_engine(settings.url)
    good = True
    try:
        witness = FileWitness(settings.witness_directory)
        for log in LOGS:
            with Session(engine) as session:
                row = session.scalars(
                    select(store.Key).where(store.Key.purpose == log, store.Key.state == "active")
                ).one()
                report = audit(session, log, row.public, witness)
                if log == REGISTRY:
                    wrong = tuple(epochs.problems(session, settings.directory))
                    report = replace(report, problems=(*report.problems, *wrong))
                else:
                    offered = keeping.problems(session, settings)
                    wrong = (*table_problems(session, _vault(settings)), *offered)
                    report = replace(report, problems=(*report.problems, *wrong))
            good = good and report.ok
            print(json.dumps({**report.__dict__, "ok": report.ok}, ensure_ascii=False))
    finally:
        engine.dispose()
    return 0 if good else 1


def _vault(settings: Settings) -> vault.Vault | None:
    """To open what is sealed, where the master key is at hand."""
    given, file = settings.master_key.get_secret_value(), settings.directory / "master.key"
    return vault.Vault.load(given, file) if given or file.exists() else None


def _search(settings: Settings, options: argparse.Namespace) -> int:
    """Every entry that is wanted, one a line, newest first: index and record."""
    times = [canonical.parse_timestamp(t) if t else None for t in (options.since, options.until)]
    wanted = ledger_search.Wanted(options.person, options.seal, options.enterprise, *times)
    platform = Platform.open(settings)
    try:
        told = f"search {wanted}"
        platform.ledger.write(ledger_search.note_read, operator(), told).result()
        before: int | None = None
        while True:
            with platform.reading() as session:
                found = ledger_search.search(session, wanted, before)
            for index, record in found.entries:
                print(
                    json.dumps({"index": index, "record": json.loads(record)}, ensure_ascii=False)
                )
            if not found.next:
                return 0
            before = int(found.next)
    finally:
        platform.close()
