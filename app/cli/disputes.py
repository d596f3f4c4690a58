"""``sealdesk dispute``: object to a seal on a document, follow the dispute, fetch the evidence."""

from __future__ import annotations

import argparse
import json
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.grammar import (
    Commands,
    json_option,
    output_file,
    password_option,
    pin_option,
    token_options,
)
from app.cli.terminal import enter_pin, pdf_password, tell
from app.errors import UsageError, phrase
from app.publishing import free_name
from app.verifying import verify
from crypto.verdict import beijing, say

if TYPE_CHECKING:
    from app.desk import Desk


def add_commands(commands: Commands) -> None:
    """``dispute``."""
    made = commands.add(
        "dispute", dispute, "object to a seal on a document, and follow the dispute"
    )
    made.add_argument(
        "file", type=Path, metavar="FILE.pdf|RECEIPT.json", help="the document, or a receipt"
    )
    made.add_argument("--seal", metavar="CODE", help="code of the seal that is objected to")
    made.add_argument("--reason", metavar="TEXT", help="what is wrong, in your words")
    made.add_argument("--contact", metavar="TEXT", help="how to reach you: telephone, e-mail")
    made.add_argument("--name", default="", metavar="TEXT", help="your name or your company's")
    made.add_argument("--signed", action="store_true", help="sign the statement with the smart key")
    made.add_argument(
        "--package",
        type=Path,
        metavar="EVIDENCE.zip",
        help="SEND this evidence package along; it contains the document",
    )
    made.add_argument(
        "-o", "--output", type=output_file, metavar="RECEIPT.json", help="where the receipt goes"
    )
    made.add_argument("--status", action="store_true", help="how far it is (with a receipt)")
    made.add_argument(
        "--fetch",
        type=output_file,
        metavar="OUT.zip",
        help="fetch and check the platform's evidence package (with a receipt)",
    )
    json_option(made)
    password_option(made)
    token_options(made)
    pin_option(made)


def dispute(desk: Desk, options: argparse.Namespace) -> int:
    """With --status or --fetch the file is a receipt, else a document that is objected to."""
    opening = any((options.seal, options.reason, options.contact, options.signed, options.package))
    if options.status or options.fetch:
        if opening:
            raise UsageError("receipt_alone", "--status, --fetch")
        return _follow(desk, options)
    if not (options.seal and options.reason and options.contact):
        raise UsageError("needed", "--seal, --reason, --contact")
    return _open(desk, options)


def _open(desk: Desk, options: argparse.Namespace) -> int:
    from app.remote.disputes import open_dispute

    language = desk.settings.language
    report = verify(options.file, trust=desk.trust(), password=pdf_password(options))
    if options.seal not in {
        signature.seal.code for signature in report.signatures if signature.seal
    }:
        raise UsageError("not_that_seal", f"{options.file.name}, {options.seal}")
    beside = options.file.with_name(f"{options.file.stem}.json")
    target = options.output or free_name(beside, phrase("dispute.suffix", language))
    with ExitStack() as opened:
        key = None
        if options.signed:
            token = desk.token(options.token, options.module)
            session = opened.enter_context(token.login(enter_pin(desk, options, token)))
            key = desk.holder_key(session)
        made = open_dispute(
            report.file.sm3,
            options.seal,
            reason=options.reason,
            contact=options.contact,
            name=options.name,
            receipt=target,
            platform=desk.platform(),
            key=key,
            package=options.package,
        )
    if options.json:
        tell(json.dumps({"id": made.id, "receipt": str(target), "opened_at": made.opened_at}))
    else:
        tell(phrase("dispute.opened", language).format(id=made.id, path=target))
    return 0


def _follow(desk: Desk, options: argparse.Namespace) -> int:
    from app.remote.disputes import DisputeReceipt, fetch_evidence, state_of

    language = desk.settings.language
    receipt = DisputeReceipt.load(options.file)
    platform = desk.platform(receipt.platform)
    if options.fetch:
        done = fetch_evidence(receipt, options.fetch, platform=platform)
        if options.json:
            path, events = str(done.path), list(done.events)
            tell(json.dumps({"path": path, "events": events}, ensure_ascii=False, indent=2))
            return 0
        tell(phrase("dispute.fetched", language).format(path=done.path, events=len(done.events)))
        for event in done.events:
            moment = beijing(datetime.fromisoformat(event["effective_at"]))
            state = say("report", f"state_{event['to']}", language)
            tell(f"  {moment}  {state}  {event['reason'] or ''}".rstrip())
        return 0
    told = state_of(receipt, platform)
    if options.json:
        tell(json.dumps({"id": receipt.id, "state": told.state, "note": told.note}))
        return 0
    said = phrase(f"dispute_state.{told.state}", language)
    tell(f"{receipt.id}: {said}{f' — {told.note}' if told.note else ''}")
    return 0
