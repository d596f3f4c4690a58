"""The auditor's search of the private ledger: who did what, about whom, about which seal, when.

Every way to search has an index of its own; times are found through the checkpoints, because times
in the ledger never go back. Answers are the very texts that were hashed, newest first.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from crypto.frozen import frozen
from server_stub import policy
from server_stub.policy import Actor
from server_stub.records.identity import tidy_name
from server_stub.records.ledger import LEDGER, Transaction, stored_tree
from server_stub.records.store import (
    Enterprise,
    Filing,
    LedgerAudience,
    LedgerEntry,
    LogCheckpoint,
    Person,
    Seal,
    Staff,
    UsageRecord,
)
from server_stub.signin import Decision, decided

SIZE = 100
"""Entries of a page."""
MOST_PEOPLE = 200
"""Of one name."""


@frozen
class Wanted:
    """What is looked for; all that is given must hold."""

    person: str = ""
    """Name or id of somebody who did it, or whom it is about; or an account."""
    seal: str = ""
    """Its code or id."""
    enterprise: str = ""
    """Its credit code, id or whole name."""
    since: int | None = None
    until: int | None = None
    """Microseconds."""


@frozen
class Found:
    entries: tuple[tuple[int, str], ...]
    """(index, record), newest first."""
    next: str
    """Of the page after; "" if this is the last."""
    names: dict[str, str]
    """Name by id, of persons and staff in the entries."""


def search(session: Session, wanted: Wanted, before: int | None) -> Found:
    """A page of the entries that are *wanted*, those before index *before*."""
    rows = select(LedgerEntry.number, LedgerEntry.record, LedgerEntry.done_by).where(
        LedgerEntry.log == LEDGER, *_conditions(session, wanted)
    )
    if before is not None:
        rows = rows.where(LedgerEntry.number < before)
    found = session.execute(rows.order_by(LedgerEntry.number.desc()).limit(SIZE + 1)).all()
    shown = found[:SIZE]
    following = str(shown[-1][0]) if len(found) > SIZE else ""
    entries = tuple((number, record.decode()) for number, record, _ in shown)
    ids = {by for _, _, by in shown if by} | _named_in(record for _, record in entries)
    return Found(entries, following, names(session, ids))


def names(session: Session, ids: Iterable[str]) -> dict[str, str]:
    """Name by id, of persons and staff."""
    wanted = sorted(set(ids))
    found: dict[str, str] = {}
    for table in (Person, Staff):
        chosen = select(table.id, table.name).where(table.id.in_(wanted))
        found |= {row.id: row.name for row in session.execute(chosen)}
    return found


def _named_in(records: Iterable[str]) -> set[str]:
    """Ids of staff that records name elsewhere than in `by`: reviewers, those who were added."""
    found = set()
    for record in records:
        told = json.loads(record)
        found |= {str(told[key]) for key in ("reviewer", "staff") if told.get(key)}
    return found


def _conditions(session: Session, wanted: Wanted) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.person:
        people = _people(session, wanted.person)
        conditions.append(or_(LedgerEntry.done_by.in_(people), _heard_by(people)))
    if wanted.seal:
        conditions.append(_about_seal(session, wanted.seal))
    if wanted.enterprise:
        of = Enterprise.uscc == wanted.enterprise, Enterprise.id == wanted.enterprise
        chosen = select(Enterprise.id).where(or_(*of, Enterprise.name == wanted.enterprise))
        conditions.append(_heard_by(session.scalars(chosen).all()))
    if wanted.since is not None:
        conditions.append(LedgerEntry.number >= _size_before(session, wanted.since))
    if wanted.until is not None:
        conditions.append(LedgerEntry.number < _size_before(session, wanted.until))
    return conditions


def _people(session: Session, text: str) -> list[str]:
    """Ids of those who are called *text*, and the text itself: an id or an account."""
    found = [text]
    for table in (Person, Staff):
        found += session.scalars(
            select(table.id).where(table.name.in_({text, tidy_name(text)})).limit(MOST_PEOPLE)
        )
    return found


def _heard_by(ids: Sequence[str]) -> ColumnElement[bool]:
    heard = select(LedgerAudience.number).where(
        LedgerAudience.log == LEDGER, LedgerAudience.audience.in_(ids)
    )
    return LedgerEntry.number.in_(heard)


def _about_seal(session: Session, text: str) -> ColumnElement[bool]:
    chosen = select(Seal).where(or_(Seal.seal_code == text, Seal.id == text))
    seal = session.scalars(chosen).first()
    if seal is None:
        return LedgerEntry.number < 0
    kind, identity = LedgerEntry.object_kind, LedgerEntry.object_id
    uses = select(UsageRecord.id).where(UsageRecord.seal_id == seal.id)
    filings = select(Filing.id).where(Filing.seal_id == seal.id)
    return or_(
        and_(kind == "seal", identity == seal.id),
        and_(kind == "application", identity == seal.application_id),
        and_(kind == "certificate", identity == seal.certificate_sn),
        and_(kind == "usage", identity.in_(uses)),
        and_(kind == "filing", identity.in_(filings)),
    )


def _size_before(session: Session, moment: int) -> int:
    """How many entries are older than *moment*."""
    size = select(func.max(LogCheckpoint.size)).where(
        LogCheckpoint.log == LEDGER, LogCheckpoint.created_at < moment
    )
    return session.scalar(size) or 0


def note_read(tx: Transaction, actor: Actor, what: str) -> None:
    """An auditor's reading is itself on record."""
    tx.act(actor.who)
    tx.record(LEDGER, "audit-read-v1", {"actor": actor.subject, "what": what})


# --- cosigning ---------------------------------------------------------------------------------


class OtherRoot(Exception):
    """What was cosigned is not a checkpoint of this ledger."""


def cosign(
    tx: Transaction,
    actor: Actor,
    origin: str,
    size: int,
    root: str,
    decision: Decision | None,
) -> dict[str, str | int]:
    """An auditor has checked that the ledger of *size* continues what he saw before, and signs its
    *root* (hex) with his Ukey. Raises :class:`OtherRoot`."""
    policy.allow(actor, "audit")
    tx.act(actor.who)
    if tx.session.get(LogCheckpoint, (LEDGER, size)) is None:
        raise OtherRoot(f"no checkpoint has {size} entries")
    if stored_tree(tx.session, LEDGER).root(size).hex() != root:
        raise OtherRoot(f"the ledger of {size} entries has another root")
    kept = decided(tx, actor, origin, "cosign", LEDGER, root, str(size), decision)
    fields = {"log": LEDGER, "size": size, "root": root, "intent": kept}
    tx.record(LEDGER, "cosigned-v1", fields, about=("cosignature", actor.subject))
    return {"log": LEDGER, "size": size, "root": root}
