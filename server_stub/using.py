"""Usage records: what clients say they stamped, kept so that it cannot be changed (第二十四条).

A record is the client's own text, byte for byte, under its SM3: sending it again changes nothing
and gives a receipt for the first. A record that breaks a rule is taken in and flagged, never
refused — the stamp already exists.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from crypto.algorithms import gm
from crypto.frozen import frozen
from server_stub import policy, signin
from server_stub.lending import granting, leasing
from server_stub.policy import Actor
from server_stub.records import canonical
from server_stub.records.ledger import LEDGER, EntryReceipt, Transaction, latest_note, stored_tree
from server_stub.records.store import (
    Lease,
    LedgerEntry,
    Seal,
    SealChange,
    SealGrant,
    UsageRecord,
)
from server_stub.seals import access
from server_stub.settings import Settings

_REFUSALS = (
    *(signin.SessionInvalid, signin.CertificateNotValid),
    *(policy.Forbidden, policy.NotFound),
)
MAX_BATCH = 100
MAX_RECORD = 8192
_MINUTE = 60 * signin.SECOND


class RecordInvalid(Exception):
    """A usage record is malformed, or about a seal that is not the sender's."""


@frozen
class Report:
    """The uses that one request reports."""

    token: str
    """Of the session that reports them."""
    texts: Sequence[tuple[str, str]]
    """(id, text)"""


@frozen
class Taken:
    """A usage record that is on record."""

    id: str
    flags: tuple[str, ...]
    new: bool
    """Was it taken in now? Then the writer's next receipt is about it; else see :func:`receipt`."""


@frozen
class _Read:
    """A record, read."""

    id: str
    text: str
    seal_id: str
    document: str
    at: int
    lease: tuple[str, int] | None
    """Of a use without the platform: the lease, and which of its uses."""


@dataclass
class _Known:
    """What a command has looked up for all its reports, so that each costs one row and no query."""

    records: dict[str, UsageRecord]
    seals: dict[str, Seal]
    changes: dict[str, list[SealChange]]
    """By seal, the newest first."""
    actors: dict[str, Actor | Exception]
    """By token."""
    grants: dict[str, SealGrant]
    leases: dict[str, Lease]
    leased: dict[tuple[str, int], str]
    """:func:`server_stub.lending.leasing.slot` → the record that tells of it."""


def take_in(
    tx: Transaction, settings: Settings, reports: Sequence[Report]
) -> list[list[Taken] | Exception]:
    """Take in many reports, each whole or not at all: what was taken in, or why it was refused
    (:class:`RecordInvalid`, :class:`server_stub.signin.SessionInvalid`, or of
    :mod:`server_stub.policy`)."""
    read: list[list[_Read] | Exception] = []
    for report in reports:
        try:
            read.append([_read(each, text) for each, text in report.texts])
        except RecordInvalid as error:
            read.append(error)
    sound = [use for uses in read if isinstance(uses, list) for use in uses]
    known = _look_up(tx, settings, {r.token for r in reports}, sound)
    outcomes: list[list[Taken] | Exception] = []
    made: list[tuple[Actor, UsageRecord, str]] = []
    for report, uses in zip(reports, read, strict=True):
        try:
            outcomes.append(_take_in_one(tx, known, report.token, uses, made))
        except (RecordInvalid, *_REFUSALS) as error:
            outcomes.append(error)
    tx.session.add_all(row for _, row, _ in made)
    tx.session.flush()  # all at once
    for actor, row, text in made:
        _put_on_record(tx, actor, row, text)
    return outcomes


def _look_up(
    tx: Transaction,
    settings: Settings,
    tokens: Iterable[str],
    uses: Sequence[_Read],
) -> _Known:
    session = tx.session
    ids, seal_ids = {use.id for use in uses}, {use.seal_id for use in uses}
    changes: dict[str, list[SealChange]] = {}
    ordered = select(SealChange).order_by(SealChange.number.desc())
    for change in session.scalars(ordered.where(SealChange.seal_id.in_(seal_ids))):
        changes.setdefault(change.seal_id, []).append(change)
    records = session.scalars(select(UsageRecord).where(UsageRecord.id.in_(ids)))
    seals = {row.id: row for row in session.scalars(select(Seal).where(Seal.id.in_(seal_ids)))}
    return _Known(
        {row.id: row for row in records},
        seals,
        changes,
        {token: _who(tx, settings, token) for token in tokens},
        _grants(session, seals.values()),
        *_leases(session, uses, seals),
    )


def _grants(session: Session, seals: Iterable[Seal]) -> dict[str, SealGrant]:
    ids = {seal.grant_id for seal in seals if seal.grant_id is not None}
    if not ids:
        return {}
    rows = session.scalars(select(SealGrant).where(SealGrant.id.in_(ids)))
    return {row.id: row for row in rows}


def _leases(
    session: Session, uses: Sequence[_Read], seals: Mapping[str, Seal]
) -> tuple[dict[str, Lease], dict[tuple[str, int], str]]:
    ids = {use.lease[0] for use in uses if use.lease is not None}
    if not ids:
        return {}, {}
    rows = {row.id: row for row in session.scalars(select(Lease).where(Lease.id.in_(ids)))}
    told: dict[tuple[str, int], str] = {}
    for lease in rows.values():
        seal = seals.get(lease.seal_id)
        if seal is not None:
            told |= leasing.told_of(session, seal, lease.id)
    return rows, told


def _who(tx: Transaction, settings: Settings, token: str) -> Actor | Exception:
    try:
        actor, due = signin.who(tx.session, settings, token, tx.now)
        if due:
            signin.touch(tx, token)
        policy.allow(actor, "usage.record")
    except _REFUSALS as error:
        return error
    return actor


def _take_in_one(
    tx: Transaction,
    known: _Known,
    token: str,
    uses: list[_Read] | Exception,
    made: list[tuple[Actor, UsageRecord, str]],
) -> list[Taken]:
    """Refuse the whole report, or add to *made* what is new in it."""
    actor = known.actors[token]
    if isinstance(actor, Exception):
        raise actor
    if isinstance(uses, Exception):
        raise uses
    for use in uses:
        seal, before = known.seals.get(use.seal_id), known.records.get(use.id)
        own = seal is not None and _own(tx.session, known, actor, seal)
        if before is not None and not own:
            policy.allow(actor, "usage.record", policy.owner_of(before))
        elif not own:
            raise RecordInvalid(f"record {use.id[:8]}: no such seal")
    taken = []
    for use in uses:
        row = known.records.get(use.id)
        new = row is None  # else it came long ago, or in this command
        if row is None:
            row = _row(known, actor, use, tx.now)
            made.append((actor, row, use.text))
        taken.append(Taken(use.id, tuple(row.flags["flags"]), new))
    return taken


def _own(session: Session, known: _Known, actor: Actor, seal: Seal) -> bool:
    if seal.grant_id is not None:  # its uses are the grantee's to tell, nobody else's
        grant = known.grants[seal.grant_id]
        return bool(actor.acts_as(seal.id, None)) and granting.is_grantee(session, actor, grant)
    try:
        access.find(session, actor, "usage.record", seal.id)
    except policy.NotFound:
        return False
    acts = actor.acts_as(seal.id, access.asked_by(session, actor, seal))
    return bool(acts & (policy.VERBS["usage.record"] - {"grantee"}))  # that one is for copies


def _row(known: _Known, actor: Actor, use: _Read, now: int) -> UsageRecord:
    seal = known.seals[use.seal_id]
    flags = _flags(known.changes.get(seal.id, ()), seal, use.at, now)
    flags += _lease_flags(known, use)
    if actor.terms is not None and not _within(actor.terms[seal.id], use.at):
        flags.append("outside_term")
    lease, number = use.lease or (None, None)
    known.records[use.id] = UsageRecord(
        id=use.id,
        seal_id=seal.id,
        enterprise_id=seal.enterprise_id,
        person_id=seal.person_id,
        document_sm3=use.document,
        at=use.at,
        received_at=now,
        flags={"flags": flags},
        lease_id=lease,
        lease_use=number,
    )
    return known.records[use.id]


def _lease_flags(known: _Known, use: _Read) -> list[str]:
    """What is wrong with a use under a lease. A number that was used before is the mark of a
    computer that was put back to an earlier state."""
    if use.lease is None:
        return []
    lease = known.leases.get(use.lease[0])
    if lease is None or lease.seal_id != use.seal_id:
        return ["lease_unknown"]
    flags = []
    if use.lease[1] not in lease.numbers["numbers"]:
        flags.append("lease_number_unknown")
    place = leasing.slot(known.seals[use.seal_id], *use.lease)
    if known.leased.setdefault(place, use.id) != use.id:
        flags.append("lease_number_doubled")
    if not lease.issued_at - _MINUTE <= use.at <= lease.until:
        flags.append("outside_lease")
    return flags


def _within(terms: Sequence[tuple[int, int]], at: int) -> bool:
    """Was the seal the reporter's to use then?"""
    return any(since - _MINUTE <= at <= until for since, until in terms)


def _put_on_record(tx: Transaction, actor: Actor, row: UsageRecord, text: str) -> None:
    tx.act(actor.who)
    flags = row.flags["flags"]
    fields = {"id": row.id, "usage": text, "flags": flags, "actor": actor.subject}
    about, audience = ("usage", row.id), policy.owner_of(row).audience
    tx.record(LEDGER, "usage-record-v1", fields, about=about, audience=audience)


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


def _read(identity: str, text: str) -> _Read:
    data = text.encode()
    if gm.sm3(data).hex() != identity:
        raise RecordInvalid(f"record {identity[:8]}: the id is not the SM3 of the record")
    try:
        body = json.loads(data)
        if body["type"] != "usage-v1" or not re.fullmatch("[0-9a-f]{64}", body["document_sm3"]):
            raise ValueError
        if not re.fullmatch("[A-Za-z0-9_]{1,64}", body["seal_id"]):
            raise ValueError
        at, lease = canonical.parse_timestamp(body["at"]), None
        if "lease" in body:
            lease = body["lease"], body["lease_use"]
            if not re.fullmatch("[a-z0-9_]{1,40}", lease[0]) or type(lease[1]) is not int:
                raise ValueError
            if not 0 < lease[1] < 2**31:
                raise ValueError
        return _Read(identity, text, body["seal_id"], body["document_sm3"], at, lease)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise RecordInvalid(f"record {identity[:8]}: not a usage-v1 record") from error


def _flags(changes: Sequence[SealChange], seal: Seal, at: int, now: int) -> list[str]:
    """What a reader should know of a use at *at*; the seal's history decides, not its present."""
    flags = []
    last = next((change.to_state for change in changes if change.effective_at <= at), None)
    if last != "active":
        flags.append("seal_not_active")
    if at > now + 10 * 60 * 1_000_000:
        flags.append("in_the_future")
    if not seal.valid_from <= at <= seal.valid_until:
        flags.append("outside_validity")
    return flags
