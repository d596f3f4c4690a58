"""``sealdesk-server review``: the queue, one application, its documents, and the decision."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from typing import Any

from server_stub import applying, background, issuing
from server_stub.applying import Findings
from server_stub.changing import assessing
from server_stub.console.account import operator
from server_stub.context import Platform
from server_stub.records import store
from server_stub.settings import Settings, output_path
from server_stub.staff import asking, review_queue
from server_stub.web import views
from server_stub.web.paging import page
from server_stub.web.routes.staff import listed


def add_arguments(review: argparse.ArgumentParser) -> None:
    review.add_argument("action", choices=["list", "show", "open", "approve", "return", "reject"])
    review.add_argument("application", nargs="?")
    review.add_argument("--reason", default="")
    review.add_argument("--document", default="letter", help="open: which one (default: letter)")
    review.add_argument("--out", type=output_path, help="open: the document, to be read")
    review.add_argument(
        "--against",
        metavar="REASON",
        default="",
        help="approve against what the records say: two reviewers, each with a reason",
    )


def run(settings: Settings, options: argparse.Namespace) -> int:
    platform = Platform.open(settings)
    try:
        if options.action == "list":
            for item in _waiting(platform):
                _tell(item)
            return 0
        if not options.application:
            return _refused("which application?")
        if options.action == "show":
            _tell(_shown(platform, options.application))
            return 0
        if options.action == "open":
            return _open(platform, options)
        _decide(platform, options)
        return 0
    finally:
        platform.close()


def _refused(why: str) -> int:
    print(f"refused: {why}", file=sys.stderr)
    return 1


def _tell(item: dict[str, Any]) -> None:
    print(json.dumps(item, ensure_ascii=False, indent=1))


def _waiting(platform: Platform) -> Iterator[dict[str, Any]]:
    """All that wait, those that somebody has taken after the others, oldest first."""
    time, identity = store.Application.updated_at, store.Application.id
    for state in asking.REVIEWED:
        after = ""
        while True:
            with platform.reading() as session:
                rows = review_queue.waiting(state)
                found = page(session, rows, time, identity, after, newest_first=False)
                items = listed(session, found.rows)
            yield from items
            after = found.next
            if not found.more:
                break


def _shown(platform: Platform, identity: str) -> dict[str, Any]:
    who = operator()
    platform.ledger.write(review_queue.look, who, identity).result()
    with platform.reading() as session:
        (item,) = listed(session, [session.get_one(store.Application, identity)])
        return {**item, **review_queue.detail(platform, session, who, identity)}


def _open(platform: Platform, options: argparse.Namespace) -> int:
    if options.out is None:
        return _refused("--out is needed: the letter goes there")
    row = (
        platform.ledger.write(
            applying.open_material, operator(), options.application, options.document
        )
        .result()
        .answer
    )
    with options.out.open("xb") as stream:
        stream.write(platform.blobs.get(row.blob_sm3))
    print(f"{options.application}: {options.out} ({row.media_type})")
    return 0


def _decide(platform: Platform, options: argparse.Namespace) -> None:
    identity, who = options.application, operator()
    with platform.reading() as session:
        row = applying.find(session, who, "application.review", identity)
        findings: Findings = assessing.assess(issuing.SealMaking.of(platform), session, row)
        state = row.state
    if state == "submitted":
        platform.ledger.write(applying.claim, who, identity).result()
    if options.action == "approve":
        agreed = Findings(True, True, True, True)
        platform.ledger.write(
            applying.approve,
            who,
            identity,
            agreed,
            findings,
            against=options.against,
        ).result()
        background.work(platform)  # makes the seal now, unless a running server is at it
    else:
        command = applying.send_back if options.action == "return" else applying.reject
        reason = options.reason or findings.reason or "材料不符合要求"
        platform.ledger.write(command, who, identity, reason).result()
    with platform.reading() as session:
        after = session.get_one(store.Application, identity)
        _tell(views.application(session, after))
