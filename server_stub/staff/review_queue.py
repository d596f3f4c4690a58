"""The reviewer's queue and what he sees of one application (第十三条).

The queue is a page of one query each for applications, enterprises, answers and documents, however
long it is; nobody is asked (:mod:`server_stub.staff.asking`). Who waits longest comes first: an
application's `updated_at` is the time of its submission while it is submitted, of its claim while
it is in review.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from crypto.frozen import frozen
from server_stub import applying, policy
from server_stub.context import Platform
from server_stub.policy import Actor
from server_stub.records.canonical import timestamp
from server_stub.records.ledger import LEDGER, Transaction
from server_stub.records.store import (
    Application,
    Assessment,
    Enterprise,
    LedgerEntry,
    Material,
    Person,
    Staff,
)


def waiting(state: str) -> Select[Any]:
    """Applications in *state*, to be ordered by `updated_at` and id."""
    return select(Application).where(Application.state == state)


@frozen
class Beside:
    """What stands beside some applications, loaded with one query for each kind."""

    enterprises: Sequence[Enterprise]
    """Held, so that the session finds them again without asking."""
    assessments: dict[str, Assessment]
    materials: dict[str, list[Material]]
    staff: dict[str, str]
    """Name by id."""


def beside(session: Session, rows: Sequence[Application]) -> Beside:
    """Load what belongs to *rows*."""
    ids = [row.id for row in rows]
    units = {row.enterprise_id for row in rows}
    enterprises = session.scalars(select(Enterprise).where(Enterprise.id.in_(units))).all()
    answers = session.scalars(select(Assessment).where(Assessment.application_id.in_(ids)))
    documents: dict[str, list[Material]] = {}
    chosen = select(Material).where(Material.application_id.in_(ids)).order_by(Material.kind)
    for material in session.scalars(chosen):
        documents.setdefault(material.application_id, []).append(material)
    names = staff_names(session, {row.reviewer for row in rows if row.reviewer})
    return Beside(enterprises, {row.application_id: row for row in answers}, documents, names)


def staff_names(session: Session, ids: Iterable[str]) -> dict[str, str]:
    """Name by id, of those *ids* that are members of staff."""
    return {row.id: row.name for row in session.scalars(select(Staff).where(Staff.id.in_(ids)))}


def answers(row: Application, assessment: Assessment | None) -> dict[str, Any]:
    """What the neighbours said, for a list and for one application."""
    current = assessment is not None and assessment.payload_sm3 == row.payload_sm3
    if assessment is None or not current:
        return {"assessment": None, "asked_at": None, "answers": None}
    return {
        "assessment": assessment.said.get("findings"),
        "asked_at": timestamp(assessment.asked_at),
        "answers": {k: v for k, v in assessment.said.items() if k != "findings"}
        | {"imprint": assessment.imprint_sm3},
    }


# --- one application ---------------------------------------------------------------------------


def look(tx: Transaction, actor: Actor, identity: str) -> Application:
    """A reviewer opens an application: on record, because people's data are read."""
    tx.act(actor.who)
    application = applying.find(tx.session, actor, "application.review", identity)
    fields = {"application": identity, "payload_sm3": application.payload_sm3}
    tx.record(LEDGER, "application-read-v1", fields, about=("application", identity))
    return application


def detail(platform: Platform, session: Session, actor: Actor, identity: str) -> dict[str, Any]:
    """What is not in the list: the exact body as it was submitted, the documents, who decides, and
    what has happened so far."""
    row = session.get_one(Application, identity)
    body = platform.blobs.get(row.payload_sm3)
    opened = row.payload.get("opened", {})
    documents = applying.materials(session, identity)
    against = row.payload.get("approvals") or []
    names = staff_names(
        session,
        {row.reviewer or "", *(decision["reviewer"] for decision in against), actor.subject},
    )
    return {
        "body": base64.b64encode(body).decode(),
        "documents": [
            {
                "kind": document.kind,
                "sm3": document.blob_sm3,
                "media_type": document.media_type,
                "received_at": timestamp(document.received_at),
                "opened": opened.get(f"{actor.subject} {document.kind}") == document.blob_sm3,
            }
            for document in documents
        ],
        "reviewer": _named(row.reviewer, names),
        "mine": row.reviewer == actor.subject,
        "own": applying.is_own(session, actor, row),
        "second": applying.needs_second(row),
        "against": [
            {"reviewer": _named(decision["reviewer"], names), "reason": decision["reason"]}
            for decision in against
        ],
        "history": history(session, identity),
    }


def imprint(platform: Platform, session: Session, actor: Actor, identity: str) -> bytes:
    """The imprint that the police have on file, PNG. Raises :class:`policy.NotFound`."""
    applying.find(session, actor, "application.review", identity)
    row = session.get(Assessment, identity)
    if row is None or row.imprint_sm3 is None:
        raise policy.NotFound
    return platform.blobs.get(row.imprint_sm3)


_TOLD = ("application-v1", "approval-against-v1", "first-approval-v1")


def history(session: Session, identity: str) -> list[dict[str, Any]]:
    """What happened to an application, oldest first, by whom."""
    rows = session.scalars(
        select(LedgerEntry.record)
        .where(
            LedgerEntry.log == LEDGER,
            LedgerEntry.object_kind == "application",
            LedgerEntry.object_id == identity,
        )
        .order_by(LedgerEntry.number)
    )
    told = [json.loads(record) for record in rows]
    told = [each for each in told if each.get("type") in _TOLD]
    people = {str(by["person"]) for each in told if (by := each.get("by") or {}).get("person")}
    names = staff_names(session, people)
    names |= {
        each.id: each.name for each in session.scalars(select(Person).where(Person.id.in_(people)))
    }
    return [
        {
            "event": each.get("event", "first_approval"),
            "at": each["recorded_at"],
            "by": _named(by.get("person") or by.get("account"), names),
            "reason": each.get("reason") or each.get("against"),
        }
        for each in told
        for by in [each.get("by") or {}]
    ]


def _named(identity: str | None, names: dict[str, str]) -> str | None:
    return names.get(identity, identity) if identity else None
