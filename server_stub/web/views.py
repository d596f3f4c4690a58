"""The JSON shapes that answers are made of."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from crypto.seal.application_form import PIN_RESET
from crypto.seal.kinds import KINDS
from crypto.seal.statement import SealStatement
from server_stub import applying, sync
from server_stub.changing import unlocking
from server_stub.records import store
from server_stub.records.canonical import microseconds, now, timestamp
from server_stub.records.ledger import EntryReceipt
from server_stub.seals import collecting


def b64(data: bytes) -> str:
    """Standard base64, for DER in JSON."""
    return base64.b64encode(data).decode()


def application(
    session: Session, row: store.Application, documents: Sequence[store.Material] | None = None
) -> dict[str, Any]:
    """An application, without anybody's personal data; *documents*: its own, where they are known
    already."""
    if documents is None:
        documents = applying.materials(session, row.id)
    enterprise = session.get(store.Enterprise, row.enterprise_id) if row.enterprise_id else None
    named = {"uscc": enterprise.uscc, "name": row.enterprise_name} if enterprise else None
    return {
        "id": row.id,
        "kind": row.kind,
        "state": row.state,
        "enterprise": named,
        "seal": {"subtype": row.subtype},
        "target": row.target_id,
        "cause": row.cause,
        "payload_sm3": row.payload_sm3,
        "materials": {document.kind: document.blob_sm3 for document in documents},
        "proof": row.payload.get("proof", {}).get("kind"),
        "awaiting": row.awaiting,
        "reason": row.reason,
        "reasons": row.payload.get("reasons", {}),
        "next": _next(session, row),
        "findings": row.findings,
        "approvals": len(row.payload.get("approvals", ())),
        "seal_id": row.seal_id,
        "created_at": timestamp(row.created_at),
        "updated_at": timestamp(row.updated_at),
        "submitted_at": row.submitted_at and timestamp(row.submitted_at),
    }


_NEXT = {
    "drafted": "submit",
    "submitted": "review",
    "in_review": "review",
    "returned": "correct",
    "approved": "make",
}


def _next(session: Session, row: store.Application) -> str | None:
    """What an application needs next; None if it is over."""
    if row.state == "fulfilled" and row.kind == PIN_RESET:
        return "unlock" if now() <= unlocking.until(row) else None
    if row.state == "fulfilled":
        made = session.get(store.Seal, row.seal_id) if row.seal_id else None
        waiting = collecting.waiting_for(session, made) if made is not None else None
        return "collect" if waiting is not None and waiting.application_id == row.id else None
    if row.awaiting is not None and row.state == "submitted":
        return "consent"
    return _NEXT.get(row.state)


def seal(session: Session, row: store.Seal) -> dict[str, Any]:
    """A seal as its holder sees it."""
    enterprise = session.get(store.Enterprise, row.enterprise_id) if row.enterprise_id else None
    physical = session.get(store.PhysicalSeal, row.physical_code) if row.physical_code else None
    held = session.get_one(store.Certificate, row.certificate_sn)
    form = row if row.width_mm is not None or physical is None else physical
    waiting = collecting.waiting_for(session, row) if row.state != "made" else None
    after = session.get(store.Seal, row.successor_id) if row.successor_id else None
    return {
        "id": row.id,
        "seal_code": row.seal_code,
        "es_id": row.seal_code,
        "kind": row.kind,
        "subtype": row.subtype,
        "type": KINDS[row.subtype].type_code,
        "name": row.name,
        "uscc": enterprise.uscc if enterprise else None,
        "enterprise_name": enterprise.name if enterprise else None,
        "state": row.state,
        "reason": row.reason,
        "effective_at": timestamp(row.effective_at),
        "recorded_at": timestamp(row.recorded_at),
        "valid_from": timestamp(row.valid_from),
        "valid_until": timestamp(row.valid_until),
        "width_mm": form.width_mm,
        "height_mm": form.height_mm,
        "shape": form.shape,
        "physical_code": row.physical_code,
        "seal_sm3": row.seal_sm3,
        "imprint_sm3": row.imprint_sm3,
        "certificate_sn": row.certificate_sn,
        "certificate": b64(held.der),
        "successor": row.successor_id,
        "successor_code": after.seal_code if after else None,
        "waiting": _waiting(session, waiting) if waiting else None,
    }


def _waiting(session: Session, copy: store.SealCopy) -> dict[str, Any]:
    """A renewal that its holder has yet to take: what :func:`seal` says once it is taken."""
    held = session.get_one(store.Certificate, copy.certificate_sn)
    return {
        "application_id": copy.application_id,
        "seal_sm3": copy.seal_sm3,
        "certificate_sn": copy.certificate_sn,
        "certificate": b64(held.der),
        "valid_from": timestamp(copy.valid_from),
        "valid_until": timestamp(copy.valid_until),
    }


def history(session: Session, seal_id: str) -> list[dict[str, Any]]:
    """Every change of a seal, oldest first."""
    changes = session.scalars(
        select(store.SealChange)
        .where(store.SealChange.seal_id == seal_id)
        .order_by(store.SealChange.number)
    )
    return [
        {
            "event": change.event,
            "from": change.from_state,
            "to": change.to_state,
            "reason": change.reason,
            "effective_at": timestamp(change.effective_at),
            "recorded_at": timestamp(change.recorded_at),
            "actor": change.actor,
        }
        for change in changes
    ]


def certificate(row: store.Certificate) -> dict[str, Any]:
    return {
        "sn": row.sn,
        "subject": row.subject,
        "state": row.state,
        "not_before": timestamp(row.not_before),
        "not_after": timestamp(row.not_after),
        "certificate": b64(row.der),
    }


def change(session: Session, changed: sync.Changed) -> dict[str, Any]:
    """A change as sync sends it: the whole thing, put in place of the one before."""
    row = changed.row
    if isinstance(row, store.Seal):
        body = seal(session, row)
    else:
        body = notice(row) if isinstance(row, store.Notice) else certificate(row)
    return {
        "kind": changed.kind,
        "id": changed.id,
        "version": changed.version,
        "op": "put",
        "body": body,
    }


def notice(row: store.Notice) -> dict[str, Any]:
    """What an authority told of seals."""
    return {
        "id": row.id,
        "sender": row.sender,
        "number": row.number,
        "action": row.action,
        "reason": row.reason,
        "seals": sorted(row.seals),
        "effective_at": timestamp(row.effective_at),
        "received_at": timestamp(row.received_at),
    }


def statement(token: bytes, said: SealStatement) -> dict[str, Any]:
    """A status answer. Programs verify the token; the rest is for people."""
    effective, recorded = said.effective_at, said.recorded_at
    return {
        "token": b64(token),
        "seal_code": said.seal_code,
        "state": said.state,
        "reason": said.reason,
        "successor": said.successor or None,
        "effective_at": effective and timestamp(microseconds(effective)),
        "recorded_at": recorded and timestamp(microseconds(recorded)),
        "issued_at": timestamp(microseconds(said.issued_at)),
        "next_update": timestamp(microseconds(said.next_update)),
    }


def receipt(row: EntryReceipt) -> dict[str, Any]:
    return {
        "record": row.record.decode(),
        "index": row.index,
        "size": row.size,
        "proof": proof(row.proof),
        "checkpoint": row.checkpoint,
    }


def proof(steps: Sequence[bytes]) -> list[str]:
    return [step.hex() for step in steps]
