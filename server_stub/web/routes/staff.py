"""What the platform's own people do: review, and audit."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import Field
from sqlalchemy import select
from starlette.concurrency import run_in_threadpool

from server_stub import applying, issuing, policy
from server_stub.context import Platform
from server_stub.policy import Actor
from server_stub.records.ledger import LEDGER, Transaction
from server_stub.records.store import Application
from server_stub.web import views
from server_stub.web.handling import (
    Decided,
    Kind,
    Nothing,
    Running,
    SignedIn,
    Waking,
    written,
)
from server_stub.web.paging import Cursor, page
from server_stub.web.routes import public
from server_stub.web.routes.public import From, Number, To

router = APIRouter()


_LINE = r"^[^\x00-\x1f\x7f]*$"


class ReasonBody(Decided):
    reason: str = Field(min_length=1, max_length=500, pattern=_LINE)


Fields = Annotated[str, Field(pattern=r"^[a-z_]{1,30}(\.[a-z_]{1,30}){0,2}$")]
Remark = Annotated[str, Field(min_length=1, max_length=200, pattern=_LINE)]


class ReturnBody(ReasonBody):
    """*reasons*: by field, a path in the application's body or ``materials.letter``."""

    reasons: dict[Fields, Remark] = Field(default_factory=dict, max_length=20)


class FindingsBody(Decided):
    """The four findings of 第十三条, each recorded; *against*: why what the records say is wrong,
    which takes two reviewers."""

    against: str = Field(default="", max_length=500, pattern=_LINE)
    lawful: bool
    complete: bool
    authentic: bool
    reasonable: bool


@router.get("/v1/reviews")
def reviews(
    platform: Running, actor: SignedIn, state: str = "submitted", after: Cursor = ""
) -> dict[str, Any]:
    """Applications in *state*, oldest first, a page at a time, each with what the neighbours'
    records say; `next` goes into `after`."""
    policy.allow(actor, "application.review")
    rows = select(Application).where(Application.state == state)
    time, identity = Application.created_at, Application.id
    with platform.reading() as session:
        found = page(session, rows, time, identity, after, newest_first=False)
        items = [show(platform, session, row) for row in found.rows]
    return {"items": items, "next": found.next, "more": found.more}


def show(platform: Platform, session: Any, row: Application) -> dict[str, Any]:
    """An application as a reviewer sees it."""
    found = issuing.assess(issuing.SealMaking.of(platform), session, row)
    return {**views.application(session, row), "assessment": found.__dict__}


@router.get("/v1/applications/{identity}/materials/{kind}")
def open_material(platform: Running, actor: SignedIn, identity: str, kind: Kind) -> Response:
    """A document of an application, for its reviewer; that it was opened goes on record."""
    row = platform.ledger.write(applying.open_material, actor, identity, kind).result().answer
    return Response(platform.blobs.get(row.blob_sm3), media_type=row.media_type)


@router.post("/v1/applications/{identity}/claim")
async def claim(platform: Running, actor: SignedIn, identity: str, body: Nothing) -> dict[str, Any]:
    """Take it for review."""
    return await _reviewed(platform, applying.claim, actor, identity)


@router.post("/v1/applications/{identity}/return")
async def send_back(
    platform: Running, actor: SignedIn, identity: str, body: ReturnBody
) -> dict[str, Any]:
    """退回补正, with what is wrong in which field."""
    signed = applying.Signed(platform.origin, body.decision)
    more = (body.reason, signed, body.reasons)
    return await _reviewed(platform, applying.send_back, actor, identity, *more)


@router.post("/v1/applications/{identity}/reject")
async def reject(
    platform: Running, actor: SignedIn, identity: str, body: ReasonBody
) -> dict[str, Any]:
    """不予核准."""
    signed = applying.Signed(platform.origin, body.decision)
    return await _reviewed(platform, applying.reject, actor, identity, body.reason, signed)


@router.post("/v1/applications/{identity}/approve")
async def approve(
    platform: Running, worker: Waking, actor: SignedIn, identity: str, body: FindingsBody
) -> dict[str, Any]:
    """核准; the seal is then made by itself."""
    names = ("lawful", "complete", "authentic", "reasonable")
    findings = applying.Findings(*(getattr(body, name) for name in names))
    assessed = await run_in_threadpool(_assessed, platform, actor, identity)
    signed = applying.Signed(platform.origin, body.decision)
    more = (findings, assessed, signed, body.against)
    answer = await _reviewed(platform, applying.approve, actor, identity, *more)
    worker.wake()
    return answer


def _assessed(platform: Platform, actor: Actor, identity: str) -> applying.Findings:
    with platform.reading() as session:
        row = applying.find(session, actor, "application.review", identity)
        return issuing.assess(issuing.SealMaking.of(platform), session, row)


async def _reviewed(platform: Platform, command: Any, actor: Actor, *args: Any) -> dict[str, Any]:
    def then_show(tx: Transaction) -> dict[str, Any]:
        return views.application(tx.session, command(tx, actor, *args))

    return await written(platform.ledger.write(then_show))


# --- audit (第二十四条): read-only, and every read is itself on record -------------------------


@router.get("/audit/checkpoint")
def audit_checkpoint(platform: Running, actor: SignedIn) -> Response:
    """The newest signed checkpoint of the private ledger."""
    _audited(platform, actor, "checkpoint")
    with platform.reading() as session:
        return public.checkpoint(session, LEDGER)


@router.get("/audit/entries")
def audit_entries(platform: Running, actor: SignedIn, first: From, to: To) -> dict[str, Any]:
    """Entries of the private ledger."""
    _audited(platform, actor, f"entries {first} to {to}")
    with platform.reading() as session:
        return public.entries(session, LEDGER, first, to)


@router.get("/audit/proofs/inclusion")
def audit_inclusion(
    platform: Running, actor: SignedIn, index: Number, size: Number
) -> dict[str, Any]:
    _audited(platform, actor, f"inclusion of {index}")
    with platform.reading() as session:
        return public.inclusion(session, LEDGER, index, size)


@router.get("/audit/proofs/consistency")
def audit_consistency(platform: Running, actor: SignedIn, first: From, to: To) -> dict[str, Any]:
    _audited(platform, actor, f"consistency of {first} and {to}")
    with platform.reading() as session:
        return public.consistency(session, LEDGER, first, to)


def _audited(platform: Platform, actor: Actor, what: str) -> None:
    policy.allow(actor, "audit")
    platform.ledger.write(_note_audit, actor.subject, what).result()


def _note_audit(tx: Transaction, who: str, what: str) -> None:
    tx.record(LEDGER, "audit-read-v1", {"actor": who, "what": what})
