"""What a holder's cabinet has to know, in ledger order, so that replaying is safe.

A cursor is "size of the ledger when asked, and whose": everything of that owner that changed
at or after it is sent again with its present body. A cursor of another account, or ahead of the
log, is gone: 410, start afresh (docs/design/platform.md §3.1).
"""

from __future__ import annotations

import base64

from sqlalchemy import select
from sqlalchemy.orm import Session

from crypto.algorithms import gm
from crypto.frozen import frozen
from server_stub import policy
from server_stub.policy import Actor
from server_stub.records.ledger import LEDGER, log_size
from server_stub.records.store import Certificate, LedgerAudience, LedgerEntry, Notice, Seal
from server_stub.seals import access

KINDS = ("seal", "certificate", "notice")


class CursorGone(Exception):
    """Start again with an empty cursor."""


@frozen
class Changed:
    """One thing of the owner that changed."""

    kind: str
    """One of :data:`KINDS`."""
    id: str
    version: int
    """Number of the ledger's entry about its last change."""
    row: Seal | Certificate | Notice
    """As it is now."""


@frozen
class Part:
    """A part of the answer, in ledger order."""

    changes: tuple[Changed, ...]
    next: str
    """The cursor of what follows."""
    more: bool
    """Is there more now?"""


def page(session: Session, actor: Actor, cursor: str, limit: int) -> Part:
    """The next *limit* changes for *actor*'s owner after *cursor* ("" = from the start)."""
    policy.allow(actor, "sync")
    size = log_size(session, LEDGER)
    start = _read(cursor, actor, size)
    chosen = (
        select(LedgerEntry.number, LedgerEntry.object_kind, LedgerEntry.object_id)
        .join(
            LedgerAudience,
            (LedgerAudience.log == LedgerEntry.log) & (LedgerAudience.number == LedgerEntry.number),
        )
        .where(
            LedgerEntry.log == LEDGER,
            LedgerAudience.audience.in_(actor.owner.audience),
            LedgerEntry.object_kind.in_(KINDS),
            LedgerEntry.number >= start,
            LedgerEntry.number < size,
        )
        .order_by(LedgerEntry.number)
        .limit(limit + 1)
    )
    if not actor.sees_all:
        seals = select(Seal).where(access.owned_by(actor.owner, Seal), access.visible(actor))
        own = select(Certificate.sn).where(Certificate.person_id == actor.person_id)
        chosen = chosen.where(
            LedgerEntry.object_id.in_(seals.with_only_columns(Seal.id))
            | LedgerEntry.object_id.in_(seals.with_only_columns(Seal.certificate_sn))
            | LedgerEntry.object_id.in_(own)
            | (LedgerEntry.object_kind == "notice")
        )
    rows = session.execute(chosen).all()
    more = len(rows) > limit
    newest = {(row.object_kind, row.object_id): row.number for row in rows[:limit]}
    found = (
        Changed(kind, identity, number, _row(session, kind, identity))
        for (kind, identity), number in sorted(newest.items(), key=lambda item: item[1])
    )
    changes = tuple(each for each in found if _told(session, actor, each.row))
    end = rows[limit].number if more else size
    return Part(changes, _write(end, actor), more)


def _told(session: Session, actor: Actor, row: Seal | Certificate | Notice) -> bool:
    """A notice is for who sees a seal that it changed."""
    if not isinstance(row, Notice):
        return True
    own = select(Seal.id).where(Seal.id.in_(row.seals.values()), access.owned_by(actor.owner, Seal))
    if not actor.sees_all:
        own = own.where(access.visible(actor))
    return session.scalar(own.limit(1)) is not None


def _row(session: Session, kind: str, identity: str) -> Seal | Certificate | Notice:
    if kind == "seal":
        return session.get_one(Seal, identity)
    if kind == "notice":
        return session.get_one(Notice, identity)
    return session.get_one(Certificate, identity)


def _owner(actor: Actor) -> str:
    (whose,) = actor.owner.audience
    return gm.sm3(f"cursor {whose}".encode()).hex()[:16]


def _write(number: int, actor: Actor) -> str:
    text = f"{number}.{_owner(actor)}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read(cursor: str, actor: Actor, size: int) -> int:
    if not cursor:
        return 0
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        number, _, owner = base64.urlsafe_b64decode(padded).decode("ascii").partition(".")
        start = int(number)
    except ValueError as error:
        raise CursorGone from error
    if owner != _owner(actor) or not 0 <= start <= size:
        raise CursorGone
    return start
