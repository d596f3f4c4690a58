"""``sealdesk-server filing``: reports to the police that were given up, and sending them again."""

from __future__ import annotations

import argparse
import json
import sys

from sqlalchemy import select

from server_stub import background
from server_stub.console.account import operator
from server_stub.context import Platform
from server_stub.neighbours import filing
from server_stub.records import store
from server_stub.records.canonical import timestamp
from server_stub.settings import Settings


def add_arguments(filings: argparse.ArgumentParser) -> None:
    filings.add_argument("action", choices=["list", "send-again"])
    filings.add_argument("filing", nargs="?", help="its id; all that are dead where none is given")
    filings.add_argument(
        "--state",
        default="dead",
        choices=["queued", "dead", "receipted"],
        help="list: which ones (default: dead)",
    )


def run(settings: Settings, options: argparse.Namespace) -> int:
    platform = Platform.open(settings)
    try:
        chosen = select(store.Filing).where(store.Filing.state == options.state)
        if options.action == "list":
            with platform.reading() as session:
                for row in session.scalars(chosen.order_by(store.Filing.due_at, store.Filing.id)):
                    seal = session.get_one(store.Seal, row.seal_id)
                    said = {
                        "id": row.id,
                        "event": row.event,
                        "seal_code": seal.seal_code,
                        "state": row.state,
                        "receipt": row.receipt,
                        "attempts": row.attempts,
                        "due_at": timestamp(row.due_at),
                    }
                    print(json.dumps(said, ensure_ascii=False))
            return 0
        dead = select(store.Filing.id).where(store.Filing.state == "dead")
        if options.filing:
            dead = dead.where(store.Filing.id == options.filing)
        with platform.reading() as session:
            found = session.scalars(dead).all()
        if not found:
            print("refused: no such report was given up", file=sys.stderr)
            return 1
        for identity in found:
            platform.ledger.write(filing.revive, operator().who, identity).result()
        background.work(platform)
        with platform.reading() as session:
            for identity in found:
                row = session.get_one(store.Filing, identity)
                print(f"{row.id}: {row.state} {row.receipt or ''}".rstrip())
        return 0
    finally:
        platform.close()
