"""What applicants and holders do: apply, sign in, collect, look, suspend, sync, report use."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Query, Response
from pydantic import AfterValidator, Field, model_validator
from sqlalchemy import select

from crypto import gm
from server_stub import issuing, policy, sealing, signin, sync, uscc, using, views
from server_stub.context import Platform
from server_stub.handling import (
    Base64,
    Body,
    Digest,
    ExactBody,
    Running,
    SignedIn,
    Token,
    Waking,
    idempotent,
    limited,
    unbase64,
)
from server_stub.records import timestamp
from server_stub.store import Application, Seal, UsageRecord

router = APIRouter(prefix="/v1")


def _text(value: str) -> str:
    """No line breaks or other control characters: the value goes into signed texts and names."""
    stripped = value.strip()
    if not stripped or any(ord(c) < 32 or ord(c) == 127 for c in stripped):
        raise ValueError("empty or with control characters")
    return stripped


Name = Annotated[str, Field(max_length=60), AfterValidator(_text)]


class LegalRep(Body):
    name: Name
    id_no: str = ""
    """Given when the handler is the legal representative: it makes them one person."""


class EnterpriseBody(Body):
    uscc: str = Field(max_length=18)
    name: Name
    legal_rep: LegalRep


class Handler(Body):
    name: Name
    id_no: str = Field(max_length=18)
    phone: str = Field(default="", pattern=r"^\+?[0-9 -]{0,20}$")


class SealBody(Body):
    subtype: Literal["official", "contract", "finance", "invoice", "legal_representative"]
    physical_code: str | None = Field(default=None, pattern=r"^[0-9]{13}$")


class ApplicationBody(Body):
    """第十二条: who asks, for whom, for which seal, and the key it is for."""

    kind: Literal["issue"]
    enterprise: EnterpriseBody
    handler: Handler
    seal: SealBody
    certificate_request: Base64

    @model_validator(mode="after")
    def _not_longer_than_a_seal(self) -> ApplicationBody:
        if len(self.enterprise.name) > 40:
            raise ValueError("the name does not fit on a seal")
        return self


class Signed(Body):
    signature: Base64


class Nothing(Body):
    """An empty object."""


# --- applications ------------------------------------------------------------------------------


@router.post("/applications", status_code=201, dependencies=[Depends(limited)])
def apply(
    platform: Running,
    body: ApplicationBody,
    exact: ExactBody,
    idempotency_key: Annotated[str, Header()] = "",
) -> Response:
    """Draft an application. No sign-in yet: the request inside proves who holds the key."""
    form = _form(platform, body, exact)
    if platform.settings.open_register:
        platform.city.register(form.uscc, form.enterprise_name, form.legal_rep)
    scope = f"/v1/applications:{gm.sm3(form.spki).hex()}"

    def command(tx: Any) -> dict[str, Any]:
        return views.application(tx.session, issuing.draft(tx, platform.vault, form))

    return idempotent(platform, scope, idempotency_key, exact, command)


def _form(platform: Platform, body: ApplicationBody, exact: bytes) -> issuing.Draft:
    enterprise, handler = body.enterprise, body.handler
    uscc.check_credit_code(enterprise.uscc)
    for number in filter(None, (handler.id_no, enterprise.legal_rep.id_no)):
        try:
            uscc.check_citizen_number(number)
        except uscc.CodeError as error:
            raise issuing.IdentityInvalid(str(error)) from error
    if not handler.id_no:
        raise issuing.IdentityInvalid("the handler's number is needed")
    spki = issuing.read_request(unbase64(body.certificate_request))
    return issuing.Draft(
        uscc=enterprise.uscc,
        enterprise_name=enterprise.name,
        legal_rep=enterprise.legal_rep.name,
        legal_rep_id_no=enterprise.legal_rep.id_no,
        handler=handler.name,
        id_no=handler.id_no,
        phone=handler.phone,
        subtype=body.seal.subtype,
        physical_code=body.seal.physical_code,
        spki=spki,
        payload_sm3=platform.blobs.put(exact),
    )


@router.get("/applications")
def applications(platform: Running, actor: SignedIn) -> dict[str, Any]:
    """One's own applications, or the enterprise's, newest first."""
    with platform.reading() as session:
        rows = select(Application).order_by(Application.created_at.desc()).limit(200)
        if actor.application_id is not None:
            rows = rows.where(Application.id == actor.application_id)
        else:
            rows = rows.where(Application.enterprise_id == actor.enterprise_id)
        return {"items": [views.application(session, row) for row in session.scalars(rows)]}


@router.get("/applications/{identity}")
def application(platform: Running, actor: SignedIn, identity: str) -> dict[str, Any]:
    """How far it is."""
    with platform.reading() as session:
        row = issuing.find(session, actor, "application.read", identity)
        return views.application(session, row)


@router.patch("/applications/{identity}")
def amend(
    platform: Running, actor: SignedIn, identity: str, body: ApplicationBody, exact: ExactBody
) -> dict[str, Any]:
    """Correct a draft or a returned application."""
    form = _form(platform, body, exact)
    return _application(platform, issuing.amend, platform.vault, actor, identity, form)


@router.post("/applications/{identity}/submit")
def submit(
    platform: Running, worker: Waking, actor: SignedIn, identity: str, body: Signed
) -> dict[str, Any]:
    """Hand it in, signed."""
    signature = unbase64(body.signature)
    answer = _application(platform, issuing.submit, actor, platform.origin, identity, signature)
    worker.wake()
    return answer


@router.post("/applications/{identity}/withdraw")
def withdraw(platform: Running, actor: SignedIn, identity: str, body: Nothing) -> dict[str, Any]:
    """Take it back."""
    return _application(platform, issuing.withdraw, actor, identity)


def _application(platform: Platform, command: Any, *args: Any) -> dict[str, Any]:
    def then_show(tx: Any) -> dict[str, Any]:
        return views.application(tx.session, command(tx, *args))

    return platform.ledger.write(then_show).result().answer


# --- sign-in -----------------------------------------------------------------------------------


class ChallengeBody(Body):
    certificate: Base64 | None = None
    application_id: str | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> ChallengeBody:
        if (self.certificate is None) == (self.application_id is None):
            raise ValueError("either certificate or application_id")
        return self


class SessionBody(Body):
    challenge_id: str = Field(max_length=64)
    signature: Base64


@router.post("/challenges", status_code=201, dependencies=[Depends(limited)])
def challenge(platform: Running, body: ChallengeBody) -> dict[str, Any]:
    """A nonce to sign."""
    offer = (
        platform.ledger.write(
            signin.challenge,
            platform.settings,
            platform.origin,
            certificate=unbase64(body.certificate) if body.certificate is not None else None,
            application_id=body.application_id,
        )
        .result()
        .answer
    )
    return {
        "id": offer.id,
        "origin": platform.origin,
        "purpose": "login",
        "nonce": offer.nonce,
        "subject": offer.subject,
        "expires": offer.expires,
    }


@router.post("/sessions", status_code=201, dependencies=[Depends(limited)])
def open_session(platform: Running, body: SessionBody) -> dict[str, Any]:
    """Sign in with a signed challenge. The challenge is used up, whatever comes of it."""
    taken = platform.ledger.write(signin.take_challenge, body.challenge_id).result().answer
    signature = unbase64(body.signature)
    opened = (
        platform.ledger.write(signin.open_session, platform.settings, taken, signature)
        .result()
        .answer
    )
    return {
        "token": opened.token,
        "expires_at": timestamp(opened.expires_at),
        "idle_seconds": platform.settings.session_idle_seconds,
        "actor": {
            "kind": opened.actor.kind,
            "roles": sorted(opened.actor.roles),
            "subject": opened.actor.subject,
        },
    }


@router.delete("/sessions/current", status_code=204)
def close_session(platform: Running, actor: SignedIn, token: Token) -> Response:
    """Sign out."""
    platform.ledger.write(signin.close, token).result()
    return Response(status_code=204)


# --- seals -------------------------------------------------------------------------------------


class SuspendBody(Body):
    reason: Literal["holder_request", "lost", "key_compromised"]


class TicketBody(Body):
    seal_id: str = Field(max_length=64)
    document_sm3: Digest


@router.get("/seals")
def seals(platform: Running, actor: SignedIn) -> dict[str, Any]:
    """The seals of one's enterprise, or the one that came from one's application."""
    policy.allow(actor, "seal.read")
    with platform.reading() as session:
        rows = select(Seal).order_by(Seal.seal_code)
        if actor.application_id is not None:
            rows = rows.where(Seal.application_id == actor.application_id)
        else:
            rows = rows.where(Seal.enterprise_id == actor.enterprise_id)
        return {"items": [views.seal(session, row) for row in session.scalars(rows)]}


@router.get("/seals/{identity}")
def seal(platform: Running, actor: SignedIn, identity: str) -> dict[str, Any]:
    with platform.reading() as session:
        return views.seal(session, sealing.find(session, actor, "seal.read", identity))


@router.get("/seals/{identity}/history")
def history(platform: Running, actor: SignedIn, identity: str) -> dict[str, Any]:
    """Every change, oldest first."""
    with platform.reading() as session:
        found = sealing.find(session, actor, "seal.read", identity)
        return {"items": views.history(session, found.id)}


@router.post("/seals/{identity}/collection")
def collect(
    platform: Running, worker: Waking, actor: SignedIn, identity: str, body: Signed
) -> dict[str, Any]:
    """领取: take the seal, with proof that the certified key is in one's hands."""
    signature = unbase64(body.signature)
    answer = _seal(platform, sealing.collect, actor, platform.origin, identity, signature)
    worker.wake()
    return answer


@router.post("/seals/{identity}/suspend")
def suspend(platform: Running, actor: SignedIn, identity: str, body: SuspendBody) -> dict[str, Any]:
    """停用."""
    return _seal(platform, sealing.suspend, actor, identity, body.reason)


@router.post("/seals/{identity}/resume")
def resume(platform: Running, actor: SignedIn, identity: str, body: Nothing) -> dict[str, Any]:
    """恢复."""
    return _seal(platform, sealing.resume, actor, identity)


def _seal(platform: Platform, command: Any, *args: Any) -> dict[str, Any]:
    def then_show(tx: Any) -> dict[str, Any]:
        return views.seal(tx.session, command(tx, *args))

    return platform.ledger.write(then_show).result().answer


@router.post("/tickets", status_code=201)
def ticket(platform: Running, actor: SignedIn, body: TicketBody) -> dict[str, Any]:
    """用印凭据 for exactly this document, to be stapled into its signature."""
    life = timedelta(seconds=platform.settings.status_seconds)
    written = platform.ledger.write(
        sealing.ticket,
        actor,
        platform.authority,
        body.seal_id,
        bytes.fromhex(body.document_sm3),
        life,
    )
    return {"token": views.b64(written.result().answer)}


@router.get("/blobs/{address}")
def blob(platform: Running, actor: SignedIn, address: str) -> Response:
    """Seal data or imprint of a seal that one may see, by its SM3."""
    with platform.reading() as session:
        rows = select(Seal).where((Seal.seal_sm3 == address) | (Seal.imprint_sm3 == address))
        for row in session.scalars(rows):
            try:
                policy.allow(
                    actor,
                    "seal.read",
                    enterprise_id=row.enterprise_id,
                    application_id=row.application_id,
                )
            except policy.NotFound:
                continue
            kind = "image/png" if row.imprint_sm3 == address else "application/octet-stream"
            headers = {"etag": f'"{address}"', "cache-control": "private, immutable"}
            return Response(platform.blobs.get(address), 200, headers, media_type=kind)
    raise policy.NotFound


# --- sync and usage records --------------------------------------------------------------------


@router.get("/sync")
def changes(
    platform: Running,
    actor: SignedIn,
    cursor: Annotated[str, Query(max_length=200)] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 500,
) -> dict[str, Any]:
    """What changed since *cursor*."""
    with platform.reading() as session:
        page = sync.page(session, actor, cursor, limit)
    return {"items": page.items, "next": page.next, "more": page.more}


class UsageBody(Body):
    id: Digest
    record: str = Field(max_length=using.MAX_RECORD)


class UsageRecordsBody(Body):
    records: list[UsageBody] = Field(min_length=1, max_length=using.MAX_BATCH)


@router.post("/usage-records")
def report_usage(platform: Running, actor: SignedIn, body: UsageRecordsBody) -> dict[str, Any]:
    """Put uses on record; a receipt with proof for each."""
    policy.allow(actor, "usage.record", enterprise_id=actor.enterprise_id)
    pairs = [(each.id, each.record) for each in body.records]
    platform.ledger.write(using.take_in, actor, pairs).result()
    with platform.reading() as session:
        found = using.receipts(session, [identity for identity, _ in pairs])
    return {
        "receipts": [
            {"id": identity, "flags": flags, **views.receipt(receipt)}
            for (identity, _), (flags, receipt) in zip(pairs, found, strict=True)
        ]
    }


@router.get("/usage-records")
def usage_records(
    platform: Running,
    actor: SignedIn,
    before: Annotated[str, Query(pattern="^([0-9]{1,18})?$")] = "",
) -> dict[str, Any]:
    """The enterprise's uses, newest first, 100 at a time; `next` goes into `before`."""
    policy.allow(actor, "usage.read", enterprise_id=actor.enterprise_id)
    rows = (
        select(UsageRecord)
        .where(UsageRecord.enterprise_id == actor.enterprise_id)
        .order_by(UsageRecord.received_at.desc(), UsageRecord.id)
        .limit(100)
    )
    if before:
        rows = rows.where(UsageRecord.received_at < int(before))
    with platform.reading() as session:
        found = session.scalars(rows).all()
    items = [
        {
            "id": row.id,
            "seal_id": row.seal_id,
            "document_sm3": row.document_sm3,
            "at": timestamp(row.at),
            "received_at": timestamp(row.received_at),
            "flags": row.flags["flags"],
        }
        for row in found
    ]
    return {
        "items": items,
        "next": str(found[-1].received_at) if len(found) == 100 else "",
        "more": len(found) == 100,
    }
