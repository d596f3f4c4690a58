"""Taking over a database from before 0.3, whose ledger does not carry the rows of its tables.

What the old records do say of the tables is compared first: who rewrote them before must not have
it confirmed now. Then all rows go on record, and what the old entries are filed under.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from server_stub.records import canonical, projections, store
from server_stub.records.auditing import index_digest
from server_stub.records.ledger import LEDGER, LOGS, LedgerError, Transaction, log_size

_SHOWN = 20

_Expected = dict[tuple[Any, ...], dict[str, Any]]
"""Primary key → columns as the old records tell them."""

_WHOLE = (
    store.Seal,
    store.SealChange,
    store.Application,
    store.UsageRecord,
    store.Filing,
    store.Dispute,
    store.Staff,
    store.Key,
)
"""Tables whose every row the old records speak of."""


def is_due(session: Session) -> bool:
    """Has the ledger entries, but none that carries rows?"""
    first = session.scalar(
        select(store.LedgerEntry.record).where(
            store.LedgerEntry.log == LEDGER, store.LedgerEntry.number == 0
        )
    )
    done = select(store.LedgerEntry.number).where(store.LedgerEntry.object_kind == "takeover")
    return (
        first is not None
        and "rows" not in json.loads(first)
        and session.scalar(done.limit(1)) is None
    )


def take_over(tx: Transaction, made: Collection[str] = ()) -> None:
    """Put all rows on record; *made*: ids of keys that this start has made, for purposes that
    earlier versions did not have. Raises :class:`server_stub.records.ledger.LedgerError` when the
    tables contradict the ledger."""
    wrong = list(contradictions(tx.session, made))
    if wrong:
        more = f" … and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        raise LedgerError(
            "the tables of this database contradict its ledger: " + "; ".join(wrong[:_SHOWN]) + more
        )
    sizes = {log: log_size(tx.session, log) for log in LOGS}
    fields: dict[str, object] = {
        "entries": sizes,
        "index_sm3": {log: index_digest(tx.session, log, size) for log, size in sizes.items()},
    }
    for rows in projections.everything(tx.session):
        about = ("takeover", "1") if "entries" in fields else None
        tx.record(LEDGER, projections.TAKEN_OVER, {**fields, "rows": rows}, about=about)
        fields = {}


def contradictions(session: Session, made: Collection[str] = ()) -> Iterator[str]:
    """What the tables say against the old records, each named by table, row and column; *made* as
    in :func:`take_over`."""
    expected: dict[type[store.Base], _Expected] = {table: {} for table in _WHOLE}
    expected[store.Certificate] = {}
    numbers: dict[str, int] = {}
    rows = session.scalars(
        select(store.LedgerEntry.record)
        .where(store.LedgerEntry.log == LEDGER)
        .order_by(store.LedgerEntry.number)
    )
    for record in rows.yield_per(1000):
        told = json.loads(record)
        for table, key, values in _meaning(told, numbers):
            expected[table].setdefault(key, {}).update(values)
    for table, wanted in expected.items():
        for key, values in wanted.items():
            name = f"{table.__tablename__} {' '.join(map(str, key))}"
            row: Any = session.get(table, key if len(key) > 1 else key[0])
            if row is None:
                yield f"{name}: the row is missing"
                continue
            for column, value in values.items():
                if getattr(row, column) != value:
                    yield f"{name}: {column} is {getattr(row, column)!r}, on record is {value!r}"
    for table in _WHOLE:
        keys = [getattr(table, c.name) for c in table.__table__.primary_key]
        for row in session.execute(select(*keys)):
            if tuple(row) not in expected[table] and not (table is store.Key and row[0] in made):
                name = f"{table.__tablename__} {' '.join(map(str, row))}"
                yield f"{name}: no record speaks of this row"


def _meaning(
    told: Mapping[str, Any], numbers: dict[str, int]
) -> Iterator[tuple[type[store.Base], tuple[Any, ...], dict[str, Any]]]:
    """What one old record says of rows; *numbers* counts each seal's changes."""
    at = canonical.parse_timestamp(told["recorded_at"])
    match told["type"]:
        case "seal-change-v1":
            seal, after = told["seal"], told["to"]
            effective = canonical.parse_timestamp(told["effective_at"])
            both = {"effective_at": effective, "recorded_at": at}
            number = numbers[seal] = numbers.get(seal, -1) + 1
            suspended = told["actor"] if after == "suspended" else None
            reason = None if after == "active" else told["reason"]
            now = {"state": after, "reason": reason, "suspended_by": suspended}
            fixed = {"seal_code": told["seal_code"], "seal_sm3": told["seal_sm3"]}
            yield store.Seal, (seal,), {**now, **fixed, **both}
            moved = {"from_state": told["from"], "to_state": after, "reason": told["reason"]}
            change = {"event": told["event"], **moved, "actor": told["actor"], **both}
            yield store.SealChange, (seal, number), change
        case "application-v1":
            values = {"state": told["to"], "payload_sm3": told["payload_sm3"], "updated_at": at}
            if told["event"] == "draft":
                values["created_at"] = at
            yield store.Application, (told["application"],), values
        case "application-amended-v1":
            values = {"payload_sm3": told["payload_sm3"], "updated_at": at}
            yield store.Application, (told["application"],), values
        case "certificate-change-v1":
            values = {"state": told["to"], "reason": told["reason"], "since": at}
            yield store.Certificate, (told["sn"],), values
        case "usage-record-v1":
            said = json.loads(told["usage"])
            values = {"seal_id": said["seal_id"], "document_sm3": said["document_sm3"]}
            values |= {"at": canonical.parse_timestamp(said["at"]), "received_at": at}
            yield store.UsageRecord, (told["id"],), {**values, "flags": {"flags": told["flags"]}}
        case "filing-v1":
            names = ("event", "state", "receipt", "attempts")
            values = {name: told[name] for name in names}
            yield store.Filing, (told["filing"],), {**values, "seal_id": told["seal"]}
        case "dispute-v1":
            values = {"seal_code": told["seal_code"], "statement_sm3": told["statement_sm3"]}
            values |= {"state": told["to"]}
            yield store.Dispute, (told["dispute"],), values
        case "staff-added-v1":
            yield store.Staff, (told["staff"],), {"role": told["role"]}
        case "key-v1":
            values = {"state": told["state"], "purpose": told["purpose"]}
            yield store.Key, (told["key"],), {**values, "public": bytes.fromhex(told["public"])}
