"""Usage records: what clients say they stamped, kept so that it cannot be changed (第二十四条).

A record is the client's own text, byte for byte, under its SM3: sending it again changes nothing
and gives a receipt for the first. A record that breaks a rule is taken in and flagged, never
refused — the stamp already exists.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from crypto.algorithms import gm
from server_stub import policy, sealing
from server_stub.policy import Actor
from server_stub.records import canonical
from server_stub.records.ledger import LEDGER, EntryReceipt, Transaction, latest_note, stored_tree
from server_stub.records.store import LedgerEntry, Seal, SealChange, UsageRecord

MAX_BATCH = 100
MAX_RECORD = 8192


class RecordInvalid(Exception):
    """A usage record is malformed, or about a seal that is not the sender's."""


@dataclass(frozen=True)
class Taken:
    """A usage record that is on record."""

    id: str
    flags: tuple[str, ...]
    new: bool
    """Was it taken in now? Then the writer's next receipt is about it; else see :func:`receipt`."""


def take_in(tx: Transaction, actor: Actor, texts: Sequence[tuple[str, str]]) -> list[Taken]:
    """Take in (id, text) pairs, all or none. Raises :class:`RecordInvalid`."""
    tx.act(actor.who)
    return [_take_in_one(tx, actor, identity, text) for identity, text in texts]


def _take_in_one(tx: Transaction, actor: Actor, identity: str, text: str) -> Taken:
    known = tx.session.get(UsageRecord, identity)
    if known is not None:
        policy.allow(actor, "usage.record", enterprise_id=known.enterprise_id)
        return Taken(identity, tuple(known.flags["flags"]), False)
    seal_id, document, at = _read(identity, text)
    try:
        seal = sealing.find(tx.session, actor, "usage.record", seal_id)
    except policy.NotFound as error:
        raise RecordInvalid(f"record {identity[:8]}: no such seal") from error
    flags = _flags(tx.session, seal, at, tx.now)
    tx.session.add(
        UsageRecord(
            id=identity,
            seal_id=seal.id,
            enterprise_id=seal.enterprise_id,
            person_id=seal.person_id,
            document_sm3=document,
            at=at,
            received_at=tx.now,
            flags={"flags": flags},
        )
    )
    fields = {"id": identity, "usage": text, "flags": flags, "actor": actor.subject}
    about, audience = ("usage", identity), (seal.enterprise_id, seal.person_id)
    tx.record(LEDGER, "usage-record-v1", fields, about=about, audience=audience)
    return Taken(identity, tuple(flags), True)


def receipt(session: Session, identity: str) -> EntryReceipt:
    """The receipt of a record that was taken in long ago, under the newest checkpoint."""
    note, tree = latest_note(session, LEDGER), stored_tree(session, LEDGER)
    entry = session.scalars(
        select(LedgerEntry).where(
            LedgerEntry.object_kind == "usage",
            LedgerEntry.object_id == identity,
            LedgerEntry.log == LEDGER,
        )
    ).one()
    proof = tuple(tree.inclusion_proof(entry.number))
    return EntryReceipt(LEDGER, entry.record, entry.number, tree.size, proof, note)


def _read(identity: str, text: str) -> tuple[str, str, int]:
    """(seal id, document SM3, time) of a record's text."""
    data = text.encode()
    if gm.sm3(data).hex() != identity:
        raise RecordInvalid(f"record {identity[:8]}: the id is not the SM3 of the record")
    try:
        body = json.loads(data)
        if body["type"] != "usage-v1" or not re.fullmatch("[0-9a-f]{64}", body["document_sm3"]):
            raise ValueError
        if not re.fullmatch("[A-Za-z0-9_]{1,64}", body["seal_id"]):
            raise ValueError
        return body["seal_id"], body["document_sm3"], canonical.parse_timestamp(body["at"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise RecordInvalid(f"record {identity[:8]}: not a usage-v1 record") from error


def _flags(session: Session, seal: Seal, at: int, now: int) -> list[str]:
    """What a reader should know of a use at *at*; the seal's history decides, not its present."""
    flags = []
    last = session.scalar(
        select(SealChange.to_state)
        .where(SealChange.seal_id == seal.id, SealChange.effective_at <= at)
        .order_by(SealChange.number.desc())
        .limit(1)
    )
    if last != "active":
        flags.append("seal_not_active")
    if at > now + 10 * 60 * 1_000_000:
        flags.append("in_the_future")
    if not seal.valid_from <= at <= seal.valid_until:
        flags.append("outside_validity")
    return flags
