"""What holders do with their seals: look, collect, suspend, use, sync, report use."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, Field
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from server_stub import policy, states, sync, using
from server_stub.approving import spending
from server_stub.context import Platform
from server_stub.lending import granting
from server_stub.policy import Actor
from server_stub.records.canonical import timestamp
from server_stub.records.ledger import EntryReceipt, Transaction
from server_stub.records.store import Enterprise, Seal, SealCopy, UsageRecord
from server_stub.seals import access, collecting, statements, stopping
from server_stub.staff.ledger_search import note_read
from server_stub.web import views
from server_stub.web.handling import (
    Body,
    Decided,
    Digest,
    Line,
    Running,
    Signed,
    SignedIn,
    Token,
    Waking,
    unbase64,
    written,
)
from server_stub.web.paging import Cursor, page
from server_stub.web.usage_line import UsageLine

router = APIRouter(prefix="/v1")


def _reason(value: str) -> str:
    if value not in states.SEAL_REASONS:
        raise ValueError("no such reason")
    return value


class SuspendBody(Decided):
    reason: Annotated[str, AfterValidator(_reason)]
    """A holder has few of them to choose from (server_stub.seals.stopping.HOLDER_REASONS)."""


class TicketBody(Body):
    seal_id: str = Field(max_length=64)
    document_sm3: Digest
    kind: Line = ""
    """Of the document, where a grant asks for it."""
    counterparty: Line = ""
    request: str = Field(default="", pattern="^(request_[0-9a-f]{24})?$")
    """The approved request that it is a use of, where the seal's policy asks for one."""


@router.get("/seals")
def seals(
    platform: Running,
    actor: SignedIn,
    code: Annotated[str, Query(pattern="^[0-9]{0,14}$")] = "",
    enterprise: Annotated[str, Query(pattern="^[0-9A-Z]{0,18}$")] = "",
) -> dict[str, Any]:
    """The seals of one's enterprise, one's own, or the one that came from one's application; for
    a reviewer those of the *enterprise* with that credit code, or the one of that *code*."""
    policy.allow(actor, "seal.read")
    with platform.reading() as session:
        rows = select(Seal).where(Seal.grant_id.is_(None)).order_by(Seal.seal_code)
        if actor.application_id is not None:
            rows = rows.where(Seal.id.in_(access.of_application(actor.application_id)))
        elif "reviewer" in actor.roles:
            unit = select(Enterprise.id).where(Enterprise.uscc == enterprise)
            rows = rows.where((Seal.seal_code == code) | Seal.enterprise_id.in_(unit))
        else:
            rows = rows.where(access.owned_by(actor.owner, Seal))
            if not actor.sees_all:
                rows = rows.where(access.visible(actor))
        return {"items": [views.seal(session, row) for row in session.scalars(rows)]}


@router.get("/seals/{identity}")
def seal(platform: Running, actor: SignedIn, identity: str) -> dict[str, Any]:
    with platform.reading() as session:
        return views.seal(session, access.find(session, actor, "seal.read", identity))


@router.get("/seals/{identity}/history")
def history(platform: Running, actor: SignedIn, identity: str) -> dict[str, Any]:
    """Every change, oldest first."""
    with platform.reading() as session:
        found = access.find(session, actor, "seal.read", identity)
        return {"items": views.history(session, found.id)}


@router.post("/seals/{identity}/collection")
async def collect(
    platform: Running, worker: Waking, actor: SignedIn, identity: str, body: Signed
) -> dict[str, Any]:
    """领取: take the seal, with proof that the certified key is in one's hands."""
    signature = unbase64(body.signature)
    answer = await _seal(platform, collecting.collect, actor, platform.origin, identity, signature)
    worker.wake()
    return answer


@router.post("/seals/{identity}/suspend")
async def suspend(
    platform: Running, actor: SignedIn, identity: str, body: SuspendBody
) -> dict[str, Any]:
    """停用."""
    where = platform.origin
    return await _seal(
        platform, stopping.suspend, actor, where, identity, body.reason, body.decision
    )


@router.post("/seals/{identity}/resume")
async def resume(
    platform: Running, actor: SignedIn, identity: str, body: Decided
) -> dict[str, Any]:
    """恢复."""
    return await _seal(platform, stopping.resume, actor, platform.origin, identity, body.decision)


async def _seal(platform: Platform, command: Any, *args: Any) -> dict[str, Any]:
    def then_show(tx: Any) -> dict[str, Any]:
        return views.seal(tx.session, command(tx, *args))

    return await written(platform.ledger.write(then_show))


@router.post("/tickets", status_code=201)
async def ticket(platform: Running, actor: SignedIn, body: TicketBody) -> dict[str, Any]:
    """用印凭据 for exactly this document, to be stapled into its signature."""
    life = timedelta(seconds=platform.settings.status_seconds)
    document = bytes.fromhex(body.document_sm3)

    def give(tx: Transaction) -> bytes:
        about = (actor, platform.authority, body.seal_id, document)
        seal = tx.session.get(Seal, body.seal_id)
        if seal is not None and seal.grant_id is not None:
            seal, _ = granting.find_copy(tx.session, actor, "grant.use", body.seal_id)
            approved = spending.take(tx, actor, seal, body.request)
            if not approved.fits(body.counterparty):
                raise granting.OutsideGrant("counterparty")
            use = granting.Use(body.kind, body.counterparty, approved.request, approved.evidence)
            return granting.ticket(tx, *about, use, life)
        seal = access.find(tx.session, actor, "seal.use", body.seal_id)
        return statements.ticket(
            tx, *about, life, spending.take(tx, actor, seal, body.request).leave
        )

    writing = platform.ledger.write(give)
    return {"token": views.b64(await written(writing))}


@router.get("/blobs/{address}")
def blob(platform: Running, actor: SignedIn, address: str) -> Response:
    """Seal data or imprint of a seal that one may see, by its SM3."""
    with platform.reading() as session:
        made = select(SealCopy.seal_id).where(
            SealCopy.seal_sm3 == address, SealCopy.kind == "original"
        )
        own = (Seal.seal_sm3 == address) | (Seal.imprint_sm3 == address)
        rows = select(Seal).where(own | Seal.id.in_(made))
        for row in session.scalars(rows):
            try:
                policy.allow(
                    actor,
                    "seal.read",
                    policy.owner_of(row),
                    application_id=access.asked_by(session, actor, row),
                    seal_id=row.id,
                )
            except (policy.NotFound, policy.Forbidden):
                if not _lent(session, actor, row):
                    continue
            kind = "image/png" if row.imprint_sm3 == address else "application/octet-stream"
            headers = {"etag": f'"{address}"', "cache-control": "private, immutable"}
            return Response(platform.blobs.get(address), 200, headers, media_type=kind)
    raise policy.NotFound


def _lent(session: Session, actor: Actor, row: Seal) -> bool:
    """Is it the copy of a grant to *actor*?"""
    try:
        granting.find_copy(session, actor, "grant.read", row.id)
    except (policy.NotFound, policy.Forbidden):
        return False
    return True


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
        part = sync.page(session, actor, cursor, limit)
        items = [views.change(session, changed) for changed in part.changes]
    return {"items": items, "next": part.next, "more": part.more}


class UsageBody(Body):
    id: Digest
    record: str = Field(max_length=using.MAX_RECORD)


class UsageRecordsBody(Body):
    records: list[UsageBody] = Field(min_length=1, max_length=using.MAX_BATCH)


@router.post("/usage-records", response_model=None)
async def report_usage(
    request: Request, platform: Running, token: Token, body: UsageRecordsBody
) -> Response:
    """Put uses on record; a receipt with proof for each."""
    line: UsageLine = request.app.state.usage_line
    texts = [(record.id, record.record) for record in body.records]
    receipts = []
    for taken, receipt in await line.take_in(token, texts):
        if receipt is None:
            receipt = await run_in_threadpool(_known, platform, taken.id)
        receipts.append({"id": taken.id, "flags": taken.flags, **views.receipt(receipt)})
    return JSONResponse({"receipts": receipts})


def _known(platform: Platform, identity: str) -> EntryReceipt:
    with platform.reading() as session:
        return using.receipt(session, identity)


@router.get("/usage-records")
def usage_records(platform: Running, actor: SignedIn, before: Cursor = "") -> dict[str, Any]:
    """The enterprise's uses or one's own, or for an auditor everybody's (on record), newest first,
    a page at a time; `next` goes into `before`."""
    policy.allow(actor, "usage.read")
    rows = select(UsageRecord)
    if "auditor" in actor.roles:
        platform.ledger.write(note_read, actor, "usage records").result()
    else:
        rows = rows.where(access.owned_by(actor.owner, UsageRecord))
    if not actor.sees_all:
        rows = rows.where(UsageRecord.seal_id.in_(select(Seal.id).where(access.visible(actor))))
    time, identity = UsageRecord.received_at, UsageRecord.id
    with platform.reading() as session:
        found = page(session, rows, time, identity, before, newest_first=True)
    items = [
        {
            "id": row.id,
            "seal_id": row.seal_id,
            "document_sm3": row.document_sm3,
            "lease_use": row.lease_use,
            "at": timestamp(row.at),
            "received_at": timestamp(row.received_at),
            "flags": row.flags["flags"],
        }
        for row in found.rows
    ]
    return {"items": items, "next": found.next, "more": found.more}
