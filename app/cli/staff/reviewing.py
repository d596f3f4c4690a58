"""``sealdesk review``: the queue, one application, its documents, and the signed decision."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

from app.cli.grammar import Commands, output_file
from app.cli.staff.signing_in import add, signed_in
from app.cli.terminal import tell, tell_json
from app.errors import UsageError, phrase, platform_reason
from app.publishing import save_new
from crypto.beijing import in_beijing

if TYPE_CHECKING:
    from app.desk import Desk
    from app.remote.staff.reviewing import LossCall, Queued, Review

STATES = ("submitted", "in_review", "returned", "rejected", "fulfilled")


def add_commands(commands: Commands) -> None:
    """``review list``, ``show``, ``open``, ``claim``, ``approve``, ``return``, ``reject``,
    ``losses``, ``report-loss``, ``confirm-loss``, ``agree``."""
    group = commands.group("review", "review applications (for the platform's reviewers)")
    made = add(group, "list", review_list, "the queue, who waits longest first", json=True)
    made.add_argument("--state", default="submitted", choices=STATES, help="which applications")
    made = add(group, "show", review_show, "one application as it was submitted", json=True)
    _which(made)
    made = add(group, "open", review_open, "save a document of an application; it is on record")
    _which(made)
    made.add_argument("document", metavar="KIND", help="which document, as show lists them")
    made.add_argument("-o", "--output", type=output_file, required=True, help="where it is saved")
    _which(add(group, "claim", review_claim, "take an application, so that nobody else does"))
    made = add(group, "approve", review_approve, "approve it, signed with the key")
    _which(made)
    made.add_argument(
        "--against",
        metavar="REASON",
        default="",
        help="why what the records say is wrong; a second reviewer must agree",
    )
    made = add(group, "return", review_return, "send it back to be corrected, signed")
    _which(made)
    made.add_argument("--reason", required=True, help="what the applicant reads")
    made.add_argument(
        "--field",
        action="append",
        default=[],
        metavar="NAME=REASON",
        help="what is wrong with one field, as show names them",
    )
    made = add(group, "reject", review_reject, "refuse it for good, signed")
    _which(made)
    made.add_argument("--reason", required=True, help="what the applicant reads")
    add(group, "losses", losses, "calls about lost keys that wait for a second person", json=True)
    made = add(group, "report-loss", report_loss, "write down a call about a lost key, signed")
    made.add_argument("seal", metavar="CODE", help="14-digit code of the seal")
    made.add_argument("--caller", required=True, help="who called, and from which number")
    made.add_argument("--shown", required=True, help="what proved who it was")
    made = add(
        group, "confirm-loss", confirm_loss, "confirm the call that another has taken, signed"
    )
    made.add_argument("call", metavar="ID", help="as losses names it")
    made.add_argument("--refuse", metavar="REASON", default="", help="do not confirm it, and why")
    made = add(
        group, "agree", agree, "agree that an operator lifts a suspension or cancels a seal, signed"
    )
    made.add_argument("verb", choices=("resume", "cancel"), help="what is to be done")
    made.add_argument("seal", metavar="CODE", help="14-digit code of the seal")
    made.add_argument("--reason", required=True, help="why; cancel: the platform's word for it")
    made.add_argument(
        "-o", "--output", type=output_file, required=True, help="the file for the operator"
    )


def _which(made: argparse.ArgumentParser) -> None:
    made.add_argument("application", metavar="ID", help="identifier of the application")


def review_list(desk: Desk, options: argparse.Namespace) -> int:
    from app.remote.staff.reviewing import ReviewerClient

    language = desk.settings.language
    with signed_in(desk, options, ReviewerClient, "reviewer") as (platform, _):
        items: list[Queued] = []
        after = ""
        while True:
            page = platform.queue(options.state, after)
            items += page.items
            after = page.next
            if not after:
                break
    if options.json:
        tell_json([_plain(asdict(each)) for each in items])
        return 0
    for item in items:
        judged = item.assessment
        said = phrase("review.unasked", language)
        if judged is not None:
            said = platform_reason(judged.reason, language)
            said = said or phrase("review.nothing_against", language)
        kind = phrase(f"application_kind.{item.kind}", language)
        since = f"{in_beijing(item.since):%Y-%m-%d %H:%M}"
        by = item.reviewer + (phrase("review.second", language) if item.second else "")
        tell("\t".join((item.id, since, kind, item.enterprise, item.subtype, by, said)))
    if not items:
        tell(phrase("review.nothing_waits", language))
    return 0


def review_show(desk: Desk, options: argparse.Namespace) -> int:
    from app.remote.staff.reviewing import ReviewerClient

    with signed_in(desk, options, ReviewerClient, "reviewer") as (platform, _):
        found = platform.review(options.application)
    if options.json:
        tell_json(_plain(asdict(found)))
    else:
        _describe(found, desk.settings.language)
    return 0


def _describe(found: Review, language: str) -> None:
    for path, text in found.form.items():
        tell(f"{path}: {text}")
    judged = found.queued.assessment
    reason = platform_reason(judged.reason, language) if judged else ""
    against = reason if judged else found.unanswered or phrase("review.unasked", language)
    tell(against or phrase("review.nothing_against", language))
    for document in found.documents:
        tell(f"- {document.kind} {document.media_type} {document.sm3}")
    for event in found.history:
        why = platform_reason(event.reason, language)
        tell(f"{in_beijing(event.at):%Y-%m-%d %H:%M} {event.event} {event.by} {why}")


def review_open(desk: Desk, options: argparse.Namespace) -> int:
    from app.remote.staff.reviewing import ReviewerClient

    with signed_in(desk, options, ReviewerClient, "reviewer") as (platform, _):
        found = platform.review(options.application)
        wanted = next((e for e in found.documents if e.kind == options.document), None)
        if wanted is None:
            raise UsageError("no_document", options.document)
        saved = save_new(options.output, platform.document(found, wanted))
    tell(f"{saved} ({wanted.media_type})")
    return 0


def review_claim(desk: Desk, options: argparse.Namespace) -> int:
    from app.remote.staff.reviewing import ReviewerClient

    with signed_in(desk, options, ReviewerClient, "reviewer") as (platform, _):
        platform.claim(options.application)
    tell(phrase("review.claimed", desk.settings.language))
    return 0


def review_approve(desk: Desk, options: argparse.Namespace) -> int:
    return _decide(desk, options, "approve", options.against)


def review_return(desk: Desk, options: argparse.Namespace) -> int:
    return _decide(desk, options, "return", options.reason, options.field)


def review_reject(desk: Desk, options: argparse.Namespace) -> int:
    return _decide(desk, options, "reject", options.reason)


def _decide(
    desk: Desk, options: argparse.Namespace, verb: str, reason: str, fields: list[str] | None = None
) -> int:
    from app.remote.staff.reviewing import ReviewerClient, Verdict

    wrong = {}
    for field in fields or ():
        name, mark, text = field.partition("=")
        if not mark or not text:
            raise UsageError("field_reason", field)
        wrong[name] = text
    with signed_in(desk, options, ReviewerClient, "reviewer") as (platform, key):
        found = platform.review(options.application)
        state = platform.decide(found, Verdict(verb, reason, wrong), key)
    language = desk.settings.language
    tell(phrase(f"application_state.{state}", language))
    return 0


def _plain(value: object) -> object:
    """What JSON can hold."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value.isoformat() if isinstance(value, datetime) else value


# --- a lost key, told by a call ------------------------------------------------------------------


def losses(desk: Desk, options: argparse.Namespace) -> int:
    from app.remote.staff.reviewing import ReviewerClient

    with signed_in(desk, options, ReviewerClient, "reviewer") as (platform, _):
        found = platform.losses()
    if options.json:
        tell_json([_plain(asdict(each)) for each in found])
        return 0
    for call in found:
        _tell_loss(call, desk.settings.language)
    if not found:
        tell(phrase("review.no_losses", desk.settings.language))
    return 0


def _tell_loss(call: LossCall, language: str) -> None:
    at = f"{in_beijing(call.reported_at):%Y-%m-%d %H:%M}"
    state = phrase(f"loss_state.{call.state}", language)
    tell("\t".join((call.id, state, at, call.reported_by, call.seal_code, call.seal)))
    tell(f"  {phrase('review.caller', language)}: {call.caller}")
    tell(f"  {phrase('review.shown', language)}: {call.shown}")


def report_loss(desk: Desk, options: argparse.Namespace) -> int:
    from app.remote.staff.reviewing import ReviewerClient

    caller, shown = (" ".join(text.split()) for text in (options.caller, options.shown))
    with signed_in(desk, options, ReviewerClient, "reviewer") as (platform, key):
        call = platform.take_loss_call(options.seal, caller, shown, key)
    _tell_loss(call, desk.settings.language)
    return 0


def confirm_loss(desk: Desk, options: argparse.Namespace) -> int:
    from app.remote.staff.reviewing import ReviewerClient

    with signed_in(desk, options, ReviewerClient, "reviewer") as (platform, key):
        wanted = next((loss for loss in platform.losses() if loss.id == options.call), None)
        if wanted is None:
            raise UsageError("no_loss", options.call)
        call = platform.decide_loss(wanted, options.refuse, key)
    _tell_loss(call, desk.settings.language)
    return 0


def agree(desk: Desk, options: argparse.Namespace) -> int:
    """What lifts or ends a seal at the console takes the operator and a reviewer."""
    from app.remote.staff.reviewing import ReviewerClient

    reason = " ".join(options.reason.split())
    with signed_in(desk, options, ReviewerClient, "reviewer") as (platform, key):
        said = platform.agree(options.verb, options.seal, reason, key)
    text = json.dumps(said, ensure_ascii=False, indent=1)
    saved = save_new(options.output, text.encode())
    tell(phrase("review.agreed", desk.settings.language).format(path=saved))
    return 0
