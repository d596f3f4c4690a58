"""``sealdesk-server loss``: a call about a lost Ukey, and the second person who confirms it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable

from server_stub.console.account import operator
from server_stub.context import Platform
from server_stub.records.ledger import Transaction
from server_stub.records.store import LossCall
from server_stub.settings import Settings
from server_stub.staff import losing


def add_arguments(losses: argparse.ArgumentParser) -> None:
    losses.add_argument("action", choices=["list", "report", "confirm", "refuse"])
    losses.add_argument("which", nargs="?", help="report: the seal's code; else the call's id")
    losses.add_argument("--caller", default="", help="report: who called, and from which number")
    losses.add_argument("--shown", default="", help="report: what proved it")
    losses.add_argument("--reason", default="", help="refuse: why")


def run(settings: Settings, options: argparse.Namespace) -> int:
    platform = Platform.open(settings)
    try:
        if options.action == "list":
            with platform.reading() as session:
                for call, seal in losing.waiting(session, operator()):
                    _tell(losing.view(session, operator(), call, seal))
            return 0
        needed = {"report": ("caller", "shown"), "refuse": ("reason",)}.get(options.action, ())
        missing = [f"--{name}" for name in needed if not getattr(options, name).strip()]
        if missing or not options.which:
            print(f"refused: {' and '.join(missing) or 'which one?'}", file=sys.stderr)
            return 1
        told = tuple(" ".join(getattr(options, name).split()) for name in needed)
        commands: dict[str, Callable[..., LossCall]] = {
            "report": losing.report,
            "confirm": losing.confirm,
            "refuse": losing.refuse,
        }
        command = commands[options.action]

        def then_show(tx: Transaction) -> dict[str, str | bool | None]:
            call = command(tx, operator(), platform.origin, options.which, *told)
            return losing.view(tx.session, operator(), call, losing.seal_of(tx.session, call))

        _tell(platform.ledger.write(then_show).result().answer)
        return 0
    finally:
        platform.close()


def _tell(said: dict[str, str | bool | None]) -> None:
    print(json.dumps(said, ensure_ascii=False, indent=1))
