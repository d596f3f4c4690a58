"""What reviewers do (第十三条)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import Field
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from server_stub import applying, issuing, policy
from server_stub.changing import assessing
from server_stub.context import Platform
from server_stub.neighbours import filing
from server_stub.policy import Actor
from server_stub.records.ledger import Transaction
from server_stub.records.store import Application
from server_stub.staff import losing, review_queue
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
    time, identity = Application.updated_at, Application.id
    with platform.reading() as session:
        rows = review_queue.waiting(state)
        found = page(session, rows, time, identity, after, newest_first=False)
        items = listed(session, found.rows)
        alarms = {"dead_filings": filing.dead(session), "loss_calls": losing.count(session)}
    return {"items": items, "next": found.next, "more": found.more, **alarms}


def listed(session: Session, rows: Sequence[Application]) -> list[dict[str, Any]]:
    """Applications as a reviewer's list shows them, with a fixed number of queries."""
    known = review_queue.beside(session, rows)
    return [
        {
            **views.application(session, row, known.materials.get(row.id, ())),
            **review_queue.answers(row, known.assessments.get(row.id)),
            "reviewer": known.staff.get(row.reviewer or "", row.reviewer),
            "second": applying.needs_second(row),
        }
        for row in rows
    ]


@router.get("/v1/reviews/{identity}")
def review(platform: Running, actor: SignedIn, identity: str) -> dict[str, Any]:
    """One application with the body as it was submitted, documents and history; that it was read
    goes on record, because it holds people's data."""
    platform.ledger.write(review_queue.look, actor, identity).result()
    with platform.reading() as session:
        (item,) = listed(session, [session.get_one(Application, identity)])
        return {**item, **review_queue.detail(platform, session, actor, identity)}


@router.get("/v1/reviews/{identity}/imprint")
def filed_imprint(platform: Running, actor: SignedIn, identity: str) -> Response:
    """The imprint that the police have on file for it, as fetched when they were asked, PNG."""
    with platform.reading() as session:
        content = review_queue.imprint(platform, session, actor, identity)
    return Response(content, media_type="image/png")


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
        return assessing.assess(issuing.SealMaking.of(platform), session, row)


# --- a lost Ukey, told by a call -----------------------------------------------------------------

Line = Annotated[str, Field(min_length=1, max_length=300, pattern=_LINE)]


class LossBody(Decided):
    """*caller*: who called, and from which number; *shown*: what proved it."""

    seal_code: str = Field(pattern=r"^[0-9]{14}$")
    caller: Line
    shown: Line


@router.get("/v1/losses")
def losses(platform: Running, actor: SignedIn) -> dict[str, Any]:
    """The calls that wait for a second person."""
    with platform.reading() as session:
        found = losing.waiting(session, actor)
        return {"items": [losing.view(session, actor, call, seal) for call, seal in found]}


@router.post("/v1/losses", status_code=201)
async def report_loss(platform: Running, actor: SignedIn, body: LossBody) -> dict[str, Any]:
    """Write down a call about a lost Ukey."""
    told = (body.seal_code, body.caller, body.shown, body.decision)
    return await _loss(platform, losing.report, actor, *told)


@router.post("/v1/losses/{identity}/confirm")
async def confirm_loss(
    platform: Running, actor: SignedIn, identity: str, body: Decided
) -> dict[str, Any]:
    """A second person agrees: the seal is out of use."""
    return await _loss(platform, losing.confirm, actor, identity, body.decision)


@router.post("/v1/losses/{identity}/refuse")
async def refuse_loss(
    platform: Running, actor: SignedIn, identity: str, body: ReasonBody
) -> dict[str, Any]:
    """A second person does not believe it."""
    return await _loss(platform, losing.refuse, actor, identity, body.reason, body.decision)


async def _loss(platform: Platform, command: Any, actor: Actor, *args: Any) -> dict[str, Any]:
    def then_show(tx: Transaction) -> dict[str, Any]:
        call = command(tx, actor, platform.origin, *args)
        return dict(losing.view(tx.session, actor, call, losing.seal_of(tx.session, call)))

    return await written(platform.ledger.write(then_show))


async def _reviewed(platform: Platform, command: Any, actor: Actor, *args: Any) -> dict[str, Any]:
    def then_show(tx: Transaction) -> dict[str, Any]:
        return views.application(tx.session, command(tx, actor, *args))

    return await written(platform.ledger.write(then_show))
