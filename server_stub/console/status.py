"""``sealdesk-server status``: what waits for people and what has gone wrong, for whoever watches
the platform by a program."""

from __future__ import annotations

import argparse
import json

from sqlalchemy import func, select

from server_stub.context import Platform
from server_stub.neighbours import filing
from server_stub.records import store
from server_stub.settings import Settings
from server_stub.staff import losing

ALARM = 3
"""Exit code while something needs an operator; 0 otherwise."""


def add_arguments(status: argparse.ArgumentParser) -> None:
    status.epilog = "exit code 3: reports to the police were given up (see: filing list)"


def run(settings: Settings, options: argparse.Namespace) -> int:
    platform = Platform.open(settings)
    try:
        with platform.reading() as session:
            waiting = session.execute(
                select(store.Application.state, func.count().label("number"))
                .where(store.Application.state.in_(("submitted", "in_review")))
                .group_by(store.Application.state)
            )
            said = {
                "applications": {row.state: row.number for row in waiting},
                "loss_calls": losing.count(session),
                "dead_filings": filing.dead(session),
            }
    finally:
        platform.close()
    print(json.dumps(said, ensure_ascii=False))
    return ALARM if said["dead_filings"] else 0
