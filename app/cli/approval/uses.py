"""``sealdesk approval``: whom a seal's uses are asked of, requests, and what approvers say."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli.approval.phones import show_code
from app.cli.grammar import (
    Commands,
    json_option,
    output_path,
    password_option,
    pin_option,
    positive,
    token_options,
)
from app.cli.stamp.choosing import chosen_seal
from app.cli.terminal import enter_pin, pdf_password, tell, tell_json
from app.errors import (
    DecisionRefused,
    FileProblem,
    OutputNotWritable,
    UsageError,
    UseRequestNotFound,
    phrase,
)
from crypto.verdict import beijing

if TYPE_CHECKING:
    from app.desk import Desk
    from app.remote.approval.client import ApprovalClient
    from app.remote.approval.setting import Named
    from app.signing import TokenKey
    from app.store.use_requests import PolicyRecord, UseRequestRecord


def add_commands(commands: Commands) -> None:
    """``approval policy``, ``request``, ``list``, ``show``, ``approve``, ``reject`` and
    ``withdraw``."""
    approvals = commands.group("approval", "ask for uses of a seal, and approve them")
    made = approvals.add("policy", policy, "whose approval the uses of a seal need")
    made.add_argument("--seal", metavar="SEAL", help="code or name of the seal")
    made.add_argument(
        "--approver",
        action="append",
        default=[],
        metavar="CERTIFICATE.cer=NAME/ROLE",
        help="who approves: a certificate file, name and role, or NAME=ROLE; may be repeated",
    )
    made.add_argument("--needed", type=positive, default=0, help="how many of them must approve")
    made.add_argument("--none", action="store_true", help="from now on nobody needs to approve")
    made.add_argument(
        "--offline",
        action="store_true",
        help="with --none: the seal may be used without the platform for a time",
    )
    made.add_argument("--no-phone", action="store_true", help="no approvals by phone")
    made.add_argument("--mask-names", action="store_true", help="verifiers see no names")
    made.add_argument("--keeper", default="", help="who keeps the seal, in words")
    _with_key(made)

    made = approvals.add("request", request, "ask for a use of a seal on one PDF")
    made.add_argument("file", type=Path, metavar="FILE.pdf", help="the PDF that is to be stamped")
    made.add_argument("--seal", metavar="SEAL", help="code or name of the seal")
    made.add_argument("--purpose", default="", help="what for")
    made.add_argument("--counterparty", default="", help="the other party")
    made.add_argument("--amount", default="", help="amount in words")
    made.add_argument("--copies", type=positive, default=1, help="how many signatures")
    made.add_argument("--days", type=positive, default=3, help="for how long it is open")
    password_option(made)
    _with_key(made)

    made = approvals.add("list", list_requests, "requests made and requests to decide on")
    made.add_argument("--open", action="store_true", help="only those that are still open")
    json_option(made)
    made = approvals.add("show", show, "one request; with --pages, what its document looks like")
    made.add_argument("request", metavar="ID", help="number of the request")
    made.add_argument("--pages", type=output_path, metavar="FOLDER", help="where to put its pages")
    _with_key(made)
    made = approvals.add("phone", on_phone, "a code to decide on a request with your phone")
    made.add_argument("request", metavar="ID", help="number of the request")
    _with_key(made)
    for name, what in (("approve", "approve a request"), ("reject", "reject a request")):
        made = approvals.add(name, decide, what)
        made.set_defaults(decision=name)
        made.add_argument("request", metavar="ID", help="number of the request")
        made.add_argument("--reason", default="", help="why; required to reject")
        made.add_argument(
            "--document",
            type=Path,
            metavar="FILE.pdf",
            help="the document, if it was sent to you otherwise: it is compared",
        )
        _with_key(made)
    made = approvals.add("withdraw", withdraw, "withdraw a request of your own")
    made.add_argument("request", metavar="ID", help="number of the request")
    _with_key(made)


def _with_key(made: Any) -> None:
    token_options(made)
    pin_option(made)
    json_option(made)


@contextmanager
def _signed_in(
    desk: Desk, options: argparse.Namespace, certificate: bytes, url: str
) -> Iterator[tuple[ApprovalClient, TokenKey]]:
    """The platform, signed in with the key of *certificate* (DER)."""
    from app.signing import find_key
    from crypto.pki.certificate import Certificate

    token = desk.token(options.token, options.module, holding=Certificate.parse(certificate))
    with token.login(enter_pin(desk, options, token)) as session:
        key = find_key(session, certificate)
        client = desk.platform(url)
        client.sign_in(key)
        yield client, key


# --- policies ------------------------------------------------------------------------------------


def policy(desk: Desk, options: argparse.Namespace) -> int:
    from app.remote.approval.setting import PolicyWish, keep_policy, set_policy

    seal = chosen_seal(desk, options.seal)
    setting = bool(options.approver or options.none)
    if options.none and options.approver:
        raise UsageError("contradict", "--none --approver")
    with _signed_in(desk, options, seal.certificate, seal.platform) as (client, key):
        if setting:
            named = _named(client, seal.id, options.approver)
            wish = PolicyWish(
                approvers=named,
                needed=options.needed or len(named),
                offline=options.offline,
                phone=not options.no_phone,
                masked=options.mask_names,
                keeper=options.keeper,
            )
            record = set_policy(client, desk.cabinet, seal, wish, key)
        else:
            told = client.use_policy(seal.id)
            record = keep_policy(client, desk.cabinet, seal, told, datetime.now(UTC))
    if options.json:
        tell_json(policy_facts(record))
    else:
        _describe_policy(record, desk.settings.language)
    return 0


def _named(client: ApprovalClient, seal_id: str, given: list[str]) -> tuple[Named, ...]:
    from app.remote.approval.setting import Named
    from app.store.anchors import read_certificates

    known = {each.name: each.certificate for each in client.approver_candidates(seal_id)}
    found = []
    for each in given:
        who, _, role = each.rpartition("=")
        if not who:
            raise UsageError("needed", "--approver CERTIFICATE.cer=NAME/ROLE")
        if who in known:
            found.append(Named(known[who], role, who))
            continue
        name, _, role = role.rpartition("/")
        found.append(Named(read_certificates(Path(who))[0].der, role, name))
    return tuple(found)


def policy_facts(record: PolicyRecord) -> dict[str, Any]:
    """A policy as JSON-ready data."""
    said = record.policy
    if said is None:
        return {"set": False, "needed": 0, "offline": True, "approvers": []}
    return {
        "set": True,
        "seal_code": said.seal_code,
        "needed": said.needed,
        "approvers": [{"name": each.name, "role": each.role} for each in said.approvers],
        "offline": said.offline,
        "phone": said.phone,
        "masked": said.masked,
        "keeper": said.keeper,
    }


def _describe_policy(record: PolicyRecord, language: str) -> None:
    said = record.policy
    if said is None or not said.needed:
        tell(phrase("approval.policy_none", language))
    else:
        who = "、".join(f"{approver.name}（{approver.role}）" for approver in said.approvers)
        text = phrase("approval.policy", language)
        tell(text.format(who=who, needed=said.needed, of=len(said.approvers)))
    if said is not None:
        for name, holds in (("offline", said.offline), ("phone", said.phone)):
            tell(phrase(f"approval.{name}_{'yes' if holds else 'no'}", language))


# --- requests ------------------------------------------------------------------------------------


def request(desk: Desk, options: argparse.Namespace) -> int:
    from app.placing.finder import Finder
    from app.remote.approval.asking import UseWish, ask, pictured
    from app.stamping import page_boxes

    seal = chosen_seal(desk, options.seal)
    password = pdf_password(options)
    wish = UseWish(
        options.purpose,
        options.counterparty,
        options.amount,
        options.copies,
        timedelta(days=options.days),
    )
    pages = len(page_boxes(options.file, password))
    with Finder() as finder:
        document = pictured(options.file, password, finder, pages)
    with _signed_in(desk, options, seal.certificate, seal.platform) as (client, key):
        record = ask(client, desk.cabinet, seal, document, wish, key)
    return _told(desk, options, record)


def list_requests(desk: Desk, options: argparse.Namespace) -> int:
    from app.store.use_requests import OPEN

    now, language = datetime.now(UTC), desk.settings.language
    found = [
        request
        for request in desk.cabinet.use_requests()
        if not options.open or request.state_at(now) in OPEN
    ]
    if options.json:
        tell_json([facts(each) for each in found])
        return 0
    for each in found:
        row = (
            phrase(f"approval.{each.side}", language),
            each.id,
            each.request.seal_name,
            shown_name(each, language),
            phrase(f"approval_state.{each.state_at(now)}", language),
            f"{each.approvals}/{each.policy.needed}",
            beijing(each.created_at)[:16],
        )
        tell("\t".join(row))
    if not found:
        tell(phrase("approval.no_requests", language))
    return 0


def show(desk: Desk, options: argparse.Namespace) -> int:
    record = _chosen(desk, options.request)
    if options.pages:
        record = _with_pages(desk, options, record)
    return _told(desk, options, record)


def _with_pages(
    desk: Desk, options: argparse.Namespace, record: UseRequestRecord
) -> UseRequestRecord:
    from app.remote.approval.deciding import make_known, see

    with _signed_in(desk, options, record.certificate, record.platform) as (client, key):
        if record.side == "asked":
            make_known(client, desk.lending.store, key, datetime.now(UTC))
        shown = see(client, desk.lending.store, _fresh(client, desk, record))
    if shown is None:
        raise DecisionRefused("unseen")
    try:
        options.pages.mkdir(parents=True, exist_ok=True)
        for number, picture in enumerate(shown.pictures, 1):
            (options.pages / f"{number:03}.webp").write_bytes(picture)
    except OSError as error:
        raise OutputNotWritable(str(options.pages), FileProblem.of(error)) from error
    return record


def _fresh(client: ApprovalClient, desk: Desk, record: UseRequestRecord) -> UseRequestRecord:
    from app.remote.approval.asking import told_anew

    told = told_anew(record, client.use_request(record.id))
    desk.cabinet.keep_use_request(told)
    return told


def on_phone(desk: Desk, options: argparse.Namespace) -> int:
    from app.remote.approval.phone_links import phone_link

    record = _chosen(desk, options.request, side="asked")
    with _signed_in(desk, options, record.certificate, record.platform) as (client, _):
        url = phone_link(client, desk.cabinet, desk.lending.store, record)
    if options.json:
        tell_json({"url": url})
        return 0
    show_code(phrase("approval.on_phone", desk.settings.language), url)
    return 0


def decide(desk: Desk, options: argparse.Namespace) -> int:
    from app.remote.approval.deciding import decide as say
    from app.remote.approval.deciding import is_document, see

    record = _chosen(desk, options.request, side="asked")
    if options.decision == "reject" and not options.reason.strip():
        raise UsageError("needed", "--reason")
    if options.document is not None and not is_document(record, options.document):
        raise DecisionRefused("document")
    with _signed_in(desk, options, record.certificate, record.platform) as (client, key):
        record = _fresh(client, desk, record)
        approving = options.decision == "approve" and options.document is None
        if approving and record.state == "pending":  # else the platform says what was decided
            shown = see(client, desk.lending.store, record)
            if shown is None or not shown.pictures:
                raise DecisionRefused("unseen")
            if not shown.drawn().whole:
                raise DecisionRefused("pictures")
        record = say(client, desk.cabinet, record, options.decision, options.reason, key)
    return _told(desk, options, record)


def withdraw(desk: Desk, options: argparse.Namespace) -> int:
    from app.remote.approval.asking import withdraw as take_back

    record = _chosen(desk, options.request, side="mine")
    with _signed_in(desk, options, record.certificate, record.platform) as (client, key):
        record = take_back(client, desk.cabinet, record, key)
    return _told(desk, options, record)


def _chosen(desk: Desk, which: str, side: str = "") -> UseRequestRecord:
    """The request of that number, or whose number begins so; one that is to be decided first.

    Raises :class:`app.errors.UseRequestNotFound`."""
    found = [
        request
        for request in desk.cabinet.use_requests()
        if (
            request.id == which
            or (
                len(which) >= 4
                and request.id.removeprefix("request_").startswith(which.removeprefix("request_"))
            )
        )
        and side in ("", request.side)
    ]
    found.sort(key=lambda each: each.side != "asked")
    if not found or len({each.id for each in found}) > 1:
        raise UseRequestNotFound(which)
    return found[0]


def _told(desk: Desk, options: argparse.Namespace, record: UseRequestRecord) -> int:
    if options.json:
        tell_json(facts(record))
    else:
        _describe(record, desk.settings.language)
    return 0


def shown_name(record: UseRequestRecord, language: str) -> str:
    """The document's name, or that the policy hides it."""
    name = record.request.document_name
    return phrase("approval.hidden", language) if name.startswith("salted-sm3 ") else name


def _describe(record: UseRequestRecord, language: str) -> None:
    said, now = record.request, datetime.now(UTC)
    rows = {
        "id": record.id,
        "state": phrase(f"approval_state.{record.state_at(now)}", language),
        "seal": f"{said.seal_name} ({said.seal})",
        "requester": record.requester,
        "document": shown_name(record, language),
        "document_sm3": said.document_sm3,
        "pages": said.pages,
        "copies": f"{record.used}/{said.copies}",
        "purpose": said.purpose,
        "counterparty": said.counterparty,
        "amount": said.amount,
        "until": beijing(said.open_until)[:16],
        "needed": f"{record.approvals}/{record.policy.needed}",
    }
    for key, value in rows.items():
        if value:
            tell(f"{phrase(f'approval_show.{key}', language)}: {value}")
    for answer in record.answers:
        word = phrase(f"approval_answer.{answer.decision or 'none'}", language)
        on = phrase("approval.by_phone", language) if answer.phone else ""
        at = beijing(datetime.fromisoformat(answer.at))[:16] if answer.at else ""
        tell("  " + " ".join(part for part in (answer.name, word, at, on, answer.reason) if part))
        if answer.link and record.side == "mine" and not answer.decision and said.open_until > now:
            link = f"{record.platform}/m/a/{answer.link}"
            tell("    " + phrase("approval.link", language).format(link=link))


def facts(record: UseRequestRecord) -> dict[str, Any]:
    """A request as JSON-ready data."""
    said, now = record.request, datetime.now(UTC)
    return {
        "id": record.id,
        "side": record.side,
        "platform": record.platform,
        "state": record.state_at(now),
        "seal_code": said.seal,
        "seal_name": said.seal_name,
        "requester": record.requester,
        "document_name": said.document_name,
        "document_sm3": said.document_sm3,
        "pages": int(said.pages),
        "copies": int(said.copies),
        "used": record.used,
        "purpose": said.purpose,
        "counterparty": said.counterparty,
        "amount": said.amount,
        "created_at": record.created_at.isoformat(),
        "until": said.open_until.isoformat(),
        "needed": record.policy.needed,
        "approvals": record.approvals,
        "waits_for_me": record.waits_for_me(now),
        "answers": [
            {
                "name": answer.name,
                "decision": answer.decision,
                "phone": answer.phone,
                "at": answer.at,
                "reason": answer.reason,
                "link": f"{record.platform}/m/a/{answer.link}" if answer.link else "",
            }
            for answer in record.answers
        ],
    }
