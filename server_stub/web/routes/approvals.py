"""用印审批: policies of use, requests, encrypted pages, decisions."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from pydantic import Field
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from server_stub import policy, signin
from server_stub.approving import deciding, requesting, spending
from server_stub.phones import pairing
from server_stub.policy import Actor
from server_stub.records import canonical
from server_stub.records.canonical import timestamp
from server_stub.records.ledger import Transaction
from server_stub.records.store import (
    Certificate,
    Person,
    UseApprover,
    UsePolicyRow,
    UseRequestRow,
)
from server_stub.ruling import use_policies
from server_stub.web import views
from server_stub.web.handling import (
    Base64,
    Body,
    Decided,
    Digest,
    ExactBody,
    Running,
    SignedIn,
    unbase64,
    written,
)

router = APIRouter(prefix="/v1")

RequestId = Annotated[str, Path(pattern="^[A-Za-z0-9_]{1,64}$")]


class PolicyBody(Decided):
    terms: Base64


class KeyBody(Body):
    token: Base64


class WrappedBody(Body):
    certificate_sn: str = Field(pattern="^[0-9a-f]{1,40}$")
    kind: str = Field(pattern="^(sm2|ecdh-p256)$")
    key_id: Digest
    wrapped: Base64


class WrapBody(Body):
    keys: list[WrappedBody] = Field(min_length=1, max_length=requesting.MAX_KEYS)


class RequestBody(Body):
    seal_id: str = Field(max_length=64)
    token: Base64
    pages: int = Field(default=0, ge=0, le=requesting.MAX_PAGES)
    keys: list[WrappedBody] = Field(default=[], max_length=requesting.MAX_KEYS)


class DecisionBody(Body):
    token: Base64


# --- policies ------------------------------------------------------------------------------------


@router.get("/seals/{identity}/use-policy")
def use_policy(platform: Running, actor: SignedIn, identity: str) -> dict[str, Any]:
    """The policy in force, and the keys of its approvers; `token` null: none was set."""
    with platform.reading() as session:
        seal = use_policies.seal_for_all(session, actor, identity)
        you = session.get(Person, actor.person_id) if actor.person_id else None
        told = _policy(session, use_policies.current(session, seal))
        return {**told, "you": you.name if you else None}


def _policy(session: Session, row: UsePolicyRow | None) -> dict[str, Any]:
    if row is None:
        return {"token": None, "approvers": []}
    approvers = []
    for approver in use_policies.approvers_of(session, row):
        certificate = session.get_one(Certificate, approver.certificate_sn)
        approvers.append(
            {
                "certificate": views.b64(certificate.der),
                "certificate_sn": certificate.sn,
                "state": certificate.state,
                "phones": [
                    {
                        "binding": views.b64(phone.binding.encode()),
                        "signature": views.b64(phone.signature),
                    }
                    for phone in pairing.in_use(session, certificate.sn, canonical.now())
                ],
                "keys": [
                    views.b64(key.token)
                    for key in use_policies.keys_of(session, certificate.sn)[
                        : use_policies.MAX_KEYS
                    ]
                ],
            }
        )
    return {
        "id": row.id,
        "token": views.b64(row.token),
        "set_at": timestamp(row.set_at),
        "approvers": approvers,
    }


@router.post("/seals/{identity}/use-policy", status_code=201)
async def set_use_policy(
    platform: Running, actor: SignedIn, identity: str, body: PolicyBody
) -> dict[str, Any]:
    """用印规则: set by who keeps the seal, signed."""
    if body.decision is None:
        raise signin.SignatureInvalid("a policy is signed")
    decision, terms = body.decision, unbase64(body.terms)

    def then_show(tx: Transaction) -> dict[str, Any]:
        row = use_policies.set_policy(
            tx, platform.vault, actor, platform.origin, identity, terms, decision
        )
        tx.session.flush()
        return _policy(tx.session, row)

    return await written(platform.ledger.write(then_show))


@router.get("/seals/{identity}/approver-candidates")
def approver_candidates(platform: Running, actor: SignedIn, identity: str) -> dict[str, Any]:
    """Whom the keeper can name as an approver."""
    with platform.reading() as session:
        found = use_policies.candidates(session, actor, identity, canonical.now())
    return {
        "items": [
            {
                "name": each.name,
                "roles": list(each.roles),
                "certificate": views.b64(each.certificate),
            }
            for each in found
        ]
    }


@router.post("/approver-keys", status_code=201)
async def add_approver_key(platform: Running, actor: SignedIn, body: KeyBody) -> dict[str, Any]:
    """A key that pages are to be encrypted for, signed by the approver's Ukey."""
    writing = platform.ledger.write(
        use_policies.add_key, actor, platform.origin, unbase64(body.token)
    )
    return {"id": (await written(writing)).id}


# --- requests ------------------------------------------------------------------------------------


def shown(session: Session, actor: Actor, row: UseRequestRow) -> dict[str, Any]:
    """A request as its requester and its approvers see it."""
    rule = session.get_one(UsePolicyRow, row.policy_id)
    asked = requesting.asked_of(session, row)
    own = actor.certificate_sn
    return {
        "id": row.id,
        "token": views.b64(row.token),
        "policy": views.b64(rule.token),
        "seal_id": row.seal_id,
        "state": row.state,
        "reason": row.reason,
        "needed": rule.needed,
        "used": row.used,
        "pages": row.pages,
        "created_at": timestamp(row.created_at),
        "changed_at": timestamp(row.changed_at),
        "evidence_size": spending.size_of_evidence(session, row),
        "requester": session.get_one(Person, row.requester_id).name,
        "mine": row.certificate_sn == own,
        "asked": [
            _asked(session, each, told=own in (row.certificate_sn, each.certificate_sn))
            for each in asked
        ],
        "keys": [
            {"key_id": key.key_id, "kind": key.kind, "wrapped": views.b64(key.wrapped)}
            for key in requesting.keys_of(session, row)
            if key.certificate_sn == own
        ],
        "wrapped_for": [each.key_id for each in requesting.keys_of(session, row)]
        if row.certificate_sn == own
        else [],
    }


def _asked(session: Session, each: UseApprover, *, told: bool) -> dict[str, Any]:
    """*told*: the requester and the approver learn the link to the phone's page."""
    return {
        "link": each.link if told else None,
        "certificate_sn": each.certificate_sn,
        "name": session.get_one(Person, each.person_id).name,
        "decision": each.decision,
        "phone": each.phone,
        "token": views.b64(each.token) if each.token else None,
        "decided_at": each.decided_at and timestamp(each.decided_at),
    }


@router.get("/use-requests")
def use_requests(platform: Running, actor: SignedIn) -> dict[str, Any]:
    """What one asked for, what one was asked about, and for which seals one is or was asked."""
    policy.allow(actor, "approval.read")
    with platform.reading() as session:
        mine = [shown(session, actor, row) for row in requesting.made_by(session, actor)]
        to_me = [shown(session, actor, row) for row in requesting.asked_from(session, actor)]
        duties = [
            {
                "seal_id": duty.seal_id,
                "token": views.b64(duty.policy.token),
                "set_at": timestamp(duty.policy.set_at),
                "ended_at": timestamp(duty.ended_at) if duty.ended_at is not None else None,
            }
            for duty in use_policies.duties(session, actor)
        ]
    approver = "approver" in actor.roles
    return {"mine": mine, "to_me": to_me, "approver": approver, "duties": duties}


@router.get("/use-requests/{identity}")
def use_request(platform: Running, actor: SignedIn, identity: RequestId) -> dict[str, Any]:
    """One of them."""
    with platform.reading() as session:
        return shown(session, actor, requesting.seen_by(session, actor, identity))


@router.post("/use-requests", status_code=201)
async def ask(platform: Running, actor: SignedIn, body: RequestBody) -> dict[str, Any]:
    """用印申请, signed by the key that will stamp; the same again changes nothing."""
    given = requesting.Asked(unbase64(body.token), body.pages, _keys(body.keys))

    def then_show(tx: Transaction) -> dict[str, Any]:
        row = requesting.ask(tx, platform.vault, actor, platform.origin, body.seal_id, given)
        tx.session.flush()
        return shown(tx.session, actor, row)

    return await written(platform.ledger.write(then_show))


def _keys(bodies: list[WrappedBody]) -> list[requesting.Wrapped]:
    return [
        requesting.Wrapped(body.certificate_sn, body.kind, body.key_id, unbase64(body.wrapped))
        for body in bodies
    ]


@router.post("/use-requests/{identity}/keys")
async def wrap(
    platform: Running, actor: SignedIn, identity: RequestId, body: WrapBody
) -> dict[str, Any]:
    """Keys of approvers that were not known when the request was made."""

    def then_show(tx: Transaction) -> dict[str, Any]:
        row = requesting.wrap(tx, actor, identity, _keys(body.keys))
        tx.session.flush()
        return shown(tx.session, actor, row)

    return await written(platform.ledger.write(then_show))


Number = Annotated[int, Path(ge=0, lt=requesting.MAX_PAGES)]


@router.put("/use-requests/{identity}/pages/{number}", status_code=204)
async def put_page(
    platform: Running, actor: SignedIn, identity: RequestId, number: Number, body: ExactBody
) -> Response:
    """One encrypted page."""
    if not 16 < len(body) <= requesting.MAX_PAGE:
        raise requesting.RequestInvalid("a page of a size that cannot be")
    content = await run_in_threadpool(platform.blobs.seal, body)
    await written(platform.ledger.write(requesting.put_page, actor, identity, number, content))
    return Response(status_code=204)


@router.get("/use-requests/{identity}/pages/{number}")
def page(platform: Running, actor: SignedIn, identity: RequestId, number: Number) -> Response:
    """One encrypted page, for who made the request or was asked."""
    with platform.reading() as session:
        row = requesting.seen_by(session, actor, identity)
        address = requesting.pages_of(session, row).get(number)
    if address is None:
        raise policy.NotFound
    return Response(platform.blobs.get(address), media_type="application/octet-stream")


@router.post("/use-requests/{identity}/decision")
async def decide(
    platform: Running, actor: SignedIn, identity: RequestId, body: DecisionBody
) -> dict[str, Any]:
    """同意 or 不同意, signed by the approver's Ukey, or by a phone that it has bound."""
    policy.allow(actor, "approval.decide")

    def then_show(tx: Transaction) -> dict[str, Any]:
        requesting.seen_by(tx.session, actor, identity)
        token = unbase64(body.token)
        row = deciding.decide(tx, platform.vault, identity, token, actor.certificate_sn)
        tx.session.flush()
        return shown(tx.session, actor, row)

    return await written(platform.ledger.write(then_show))


@router.post("/use-requests/{identity}/withdrawal")
async def withdraw(
    platform: Running, actor: SignedIn, identity: RequestId, body: Decided
) -> dict[str, Any]:
    """撤回 by the requester, signed."""
    if body.decision is None:
        raise signin.SignatureInvalid("a withdrawal is signed")
    decision = body.decision

    def then_show(tx: Transaction) -> dict[str, Any]:
        row = deciding.withdraw(tx, actor, platform.origin, identity, decision)
        return shown(tx.session, actor, row)

    return await written(platform.ledger.write(then_show))
