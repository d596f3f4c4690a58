"""授权: offer, look, accept, withdraw; leases; and tokens that report uses later."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Response
from pydantic import Field
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from server_stub import policy, signin
from server_stub.lending import accepting, granting, leasing, refreshing
from server_stub.records.canonical import timestamp
from server_stub.records.ledger import Transaction
from server_stub.records.store import Person, SealGrant
from server_stub.web import views
from server_stub.web.handling import (
    Base64,
    Body,
    Decided,
    Line,
    Running,
    SignedIn,
    limited,
    unbase64,
    written,
)

router = APIRouter(prefix="/v1")


class GranteeIdentity(Body):
    """For an offer to a person who is known by identity number: it stays here."""

    id_no: str = Field(max_length=18)
    salt: Base64


class OfferBody(Decided):
    seal_id: str = Field(max_length=64)
    terms: Base64
    identity: GranteeIdentity | None = None


class KeyBody(Body):
    key: str = Field(min_length=8, max_length=64, pattern="^[A-Za-z0-9_-]+$")
    """The code of an offer, or its id."""


class Newcomer(Body):
    """Somebody without a certificate of this platform."""

    name: str = Field(min_length=1, max_length=60, pattern=r"^[^\x00-\x1f\x7f]+$")
    id_no: str = Field(max_length=18)
    certificate_request: Base64


class AcceptanceBody(Decided):
    key: str = Field(min_length=8, max_length=64, pattern="^[A-Za-z0-9_-]+$")
    certificate: Base64 = ""
    newcomer: Newcomer | None = None


class WithdrawalBody(Decided):
    reason: Line = ""


class SpentBody(Body):
    lease: str = Field(max_length=64)
    uses: list[int] = Field(max_length=200)


class LeaseBody(Body):
    seal_id: str = Field(max_length=64)
    kind: Line = ""
    counterparty: Line = ""
    spent: SpentBody | None = None


class RefreshBody(Body):
    token: str = Field(min_length=20, max_length=100)


def shown(session: Session, row: SealGrant, doubled: int = 0) -> dict[str, Any]:
    """A grant as both sides see it."""
    copy = granting.copy_of(session, row)
    grantor = session.get(Person, row.grantor_id) if row.grantor_id else None
    return {
        "id": row.id,
        "grantor": grantor.name if grantor else None,
        "token": views.b64(row.token),
        "state": row.state,
        "reason": row.reason,
        "used": row.used,
        "doubled": doubled,
        "offered_at": timestamp(row.offered_at),
        "answered_at": row.answered_at and timestamp(row.answered_at),
        "ended_at": row.ended_at and timestamp(row.ended_at),
        "seal_state": copy.state if copy else None,
        "copy": views.seal(session, copy) if copy else None,
    }


def _list(session: Session, rows: Any) -> list[dict[str, Any]]:
    copies = {row.id: granting.copy_of(session, row) for row in rows}
    ids = [copy.id for copy in copies.values() if copy is not None]
    doubled = leasing.doubled_of(session, ids) if ids else {}
    return [
        shown(session, row, doubled.get(copy.id, 0) if (copy := copies[row.id]) else 0)
        for row in rows
    ]


@router.get("/grants")
def grants(platform: Running, actor: SignedIn) -> dict[str, Any]:
    """Those of the seals that one keeps, and those that one was given."""
    policy.allow(actor, "grant.read")
    with platform.reading() as session:
        given = granting.given_by(session, actor)
        received = granting.received_by(session, actor)
        return {"given": _list(session, given), "received": _list(session, received)}


@router.post("/grants", status_code=201)
async def offer(platform: Running, actor: SignedIn, body: OfferBody) -> dict[str, Any]:
    """授权: offer a seal on signed terms."""
    if body.decision is None:
        raise signin.SignatureInvalid("a grant is signed")
    identity = None
    if body.identity is not None:
        identity = (body.identity.id_no, unbase64(body.identity.salt))
    given = granting.Offer(unbase64(body.terms), body.decision, identity)

    def then_show(tx: Transaction) -> dict[str, Any]:
        row = granting.offer(tx, actor, platform.origin, body.seal_id, given)
        return shown(tx.session, row)

    return await written(platform.ledger.write(then_show))


@router.post("/grant-offers", dependencies=[Depends(limited)])
def look(platform: Running, body: KeyBody) -> dict[str, Any]:
    """What is offered to whoever has the code."""
    with platform.reading() as session:
        row = granting.offered(session, body.key)
        return {"id": row.id, "token": views.b64(row.token), "state": row.state}


@router.post("/grant-acceptances", status_code=201, dependencies=[Depends(limited)])
async def accept(platform: Running, body: AcceptanceBody) -> dict[str, Any]:
    """接受, with the grantee's own key: the copy of the seal, and a certificate for a newcomer."""
    if body.decision is None or bool(body.certificate) == bool(body.newcomer):
        raise signin.SignatureInvalid("accepted with one key, signed")
    come = body.newcomer
    given = accepting.Acceptance(
        body.key,
        body.decision,
        certificate=unbase64(body.certificate),
        request=unbase64(come.certificate_request) if come else b"",
        name=come.name if come else "",
        id_no=come.id_no if come else "",
    )
    if come and not await written(platform.ledger.write(accepting.count_try, body.key)):
        raise policy.NotFound
    if come and platform.settings.open_register:
        platform.city.take_in_person(come.name, come.id_no)
    made = await run_in_threadpool(accepting.make_copy, platform, given)

    def then_show(tx: Transaction) -> dict[str, Any]:
        row = accepting.accept(tx, platform.vault, platform.origin, given, made)
        tx.session.flush()
        return shown(tx.session, row)

    return await written(platform.ledger.write(then_show))


@router.post("/grants/{identity}/withdrawal")
async def withdraw(
    platform: Running, actor: SignedIn, identity: str, body: WithdrawalBody
) -> dict[str, Any]:
    """收回 by who keeps the seal; 谢绝 or 退回 by the grantee."""
    if body.decision is None:
        raise signin.SignatureInvalid("a withdrawal is signed")
    decision = body.decision

    def then_show(tx: Transaction) -> dict[str, Any]:
        row = granting.withdraw(tx, actor, platform.origin, identity, body.reason, decision)
        return shown(tx.session, row)

    return await written(platform.ledger.write(then_show))


@router.post("/leases", status_code=201)
async def lease(platform: Running, actor: SignedIn, body: LeaseBody) -> dict[str, Any]:
    """离线预留: uses for a while without the platform."""
    spent = None
    if body.spent is not None:
        spent = leasing.Spent(body.spent.lease, frozenset(body.spent.uses))
    use = granting.Use(body.kind, body.counterparty)
    writing = platform.ledger.write(
        leasing.lease, actor, platform.authority, platform.settings, body.seal_id, use, spent
    )
    made = await written(writing)
    return {
        "id": made.id,
        "until": timestamp(made.until),
        "leaves": [views.b64(leaf) for leaf in made.leaves],
        "doubled": list(made.doubled),
    }


@router.post("/refresh-tokens", status_code=201)
async def refresh_token(platform: Running, actor: SignedIn) -> dict[str, Any]:
    """What lets this computer report uses later without the PIN."""
    made = await written(platform.ledger.write(refreshing.issue, actor, platform.settings))
    return {"token": made.token, "expires_at": timestamp(made.expires_at)}


@router.delete("/refresh-tokens", status_code=204)
async def forget_refresh_tokens(platform: Running, actor: SignedIn) -> Response:
    """No computer reports uses of this certificate without the PIN any more."""
    await written(platform.ledger.write(refreshing.revoke, actor))
    return Response(status_code=204)


@router.post("/refreshed-sessions", status_code=201, dependencies=[Depends(limited)])
async def refreshed(platform: Running, body: RefreshBody) -> dict[str, Any]:
    """A session that can report uses, and nothing else."""
    writing = platform.ledger.write(refreshing.open_session, platform.settings, body.token)
    made = await written(writing)
    return {"token": made.token, "expires_at": timestamp(made.expires_at)}
