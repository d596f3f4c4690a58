"""Approvals while stamping, where a seal's policy asks for them: for how long to wait, and for
what."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from app.cli.grammar import Parser, positive
from app.errors import phrase

if TYPE_CHECKING:
    from app.desk import Desk
    from app.remote.approval.asking import Approvals
    from app.remote.approval.client import ApprovalClient
    from app.store.use_requests import UseRequestRecord

LONGEST_S = 7 * 24 * 3600


def waiting_options(made: Parser) -> None:
    """``--wait`` and ``--purpose``."""
    made.add_argument(
        "--wait",
        type=positive,
        default=0,
        metavar="SECONDS",
        help="ask for the approvals that the seal's policy wants, and wait for them so long",
    )
    made.add_argument("--purpose", default="", help="what for, as the approvers see it")
    made.add_argument("--amount", default="", help="amount in words, as the approvers see it")


def approvals_for(
    desk: Desk, options: argparse.Namespace, client: ApprovalClient | None
) -> Approvals | None:
    """What stamping asks; says on the side what it waits for."""
    from app.remote.approval.asking import UseWish, whom

    found = desk.approvals(client, float(min(options.wait, LONGEST_S)))
    if found is None:
        return None
    found.wish = UseWish(options.purpose, options.counterparty, options.amount)
    told: set[tuple[str, int]] = set()

    def tell(record: UseRequestRecord) -> None:
        if (record.id, record.approvals) in told or record.state != "pending":
            return
        told.add((record.id, record.approvals))
        said = phrase("approval.waiting", desk.settings.language)
        who = whom(record.policy, record.certificate)
        needed = record.policy.needed
        sys.stderr.write(
            said.format(who=who, count=record.approvals, needed=needed, id=record.id) + "\n"
        )

    found.tell = tell
    return found
