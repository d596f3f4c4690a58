"""What the platform says of a seal: leave to use it now, its state, what became of it.

ticket, attested      leave to use a seal now
state_of, changes_of  what is told of a seal
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from crypto.algorithms import gm
from crypto.seal.statement import Leave, SealStatement
from crypto.seal.statement import SealChange as RegistryChange
from server_stub import policy, states
from server_stub.authority import Authority
from server_stub.policy import Actor
from server_stub.records import canonical
from server_stub.records.ledger import LEDGER, Transaction
from server_stub.records.store import Certificate, Seal, SealChange, UsePolicyRow
from server_stub.seals.access import find


class SealNotActive(Exception):
    """The seal may not be used now."""


def ticket(
    tx: Transaction,
    actor: Actor,
    authority: Authority,
    seal_id: str,
    document_sm3: bytes,
    life: timedelta,
    leave: Leave | None = None,
) -> bytes:
    """用印凭据: a signed statement that the seal is in force, about exactly this document, to be
    stapled into its signature, with *leave* for a use that was approved; on record before it is
    handed out."""
    tx.act(actor.who)
    seal = find(tx.session, actor, "seal.use", seal_id)
    if seal.grant_id is not None:
        raise policy.NotFound  # a copy is used under its grant
    token = attested(tx, authority, seal, life, document_sm3, leave)
    fields = {
        "ticket": secrets.token_hex(8),
        "seal": seal.id,
        "approval": leave.approval if leave else "",
        "document_sm3": document_sm3.hex(),
        "token_sm3": gm.sm3(token).hex(),
        "actor": actor.subject,
    }
    about = ("seal", seal.id)
    tx.record(LEDGER, "ticket-v1", fields, about=about, audience=policy.owner_of(seal).audience)
    return token


def attested(
    tx: Transaction,
    authority: Authority,
    seal: Seal,
    life: timedelta,
    document_sm3: bytes | None,
    leave: Leave | None = None,
) -> bytes:
    """The signed statement that *seal* is in force now, with *leave* for a use of it; whoever calls
    puts it on record. Raises :class:`SealNotActive`."""
    statement = state_of(tx.session, seal, tx.now, life, document_sm3)
    if statement.state != "active" or not statement.certificate_valid:
        raise SealNotActive(f"the seal is {statement.state}")
    return authority.attest(replace(statement, leave=leave))


# --- answers -------------------------------------------------------------------------------------


def state_of(
    session: Session, seal: Seal, now: int, life: timedelta, document_sm3: bytes | None = None
) -> SealStatement:
    """What the platform vouches for about *seal* at this moment."""
    certificate = session.get_one(Certificate, seal.certificate_sn)
    state, reason, since = seal.state, seal.reason or "", seal.effective_at
    if state in ("active", "suspended") and seal.valid_until < now:
        state, reason, since = "expired", "expired", seal.valid_until  # the sweep is yet to come
    issued_at: datetime = canonical.moment(now)
    after = session.get(Seal, seal.successor_id) if seal.successor_id else None
    ruled_at = _ruled_since(session, seal.original_id or seal.id)
    return SealStatement(
        seal_code=seal.seal_code,
        state=state,
        reason=reason,
        effective_at=canonical.moment(since),
        recorded_at=canonical.moment(max(since, seal.recorded_at)),
        certificate_serial=int(certificate.sn, 16),
        certificate_valid=certificate.state in ("issued", "active") and certificate.not_after > now,
        issued_at=issued_at,
        next_update=issued_at + life,
        document_digest=document_sm3,
        successor=after.seal_code if after else "",
        ticket_since=None if ruled_at is None else canonical.moment(ruled_at),
    )


def _ruled_since(session: Session, seal_id: str) -> int | None:
    """Since when the policies, one after another, allow no use without a ticket: those of the seal,
    and before its first one those of the seal whose place it took, which rule it till then."""
    since: int | None = None
    known: set[str] = set()
    while seal_id not in known:
        known.add(seal_id)
        rows = session.execute(
            select(
                UsePolicyRow.set_at,
                UsePolicyRow.ended_at,
                UsePolicyRow.offline,
                UsePolicyRow.needed,
            )
            .where(UsePolicyRow.seal_id == seal_id)
            .order_by(
                UsePolicyRow.ended_at.is_(None).desc(),
                UsePolicyRow.set_at.desc(),
                UsePolicyRow.ended_at.desc(),
            )
        )
        after: int | None = None
        for set_at, ended_at, offline, needed in rows:
            if (offline and not needed) or ended_at != after:  # one that is in force has no end
                return since
            since = after = set_at
        before = session.scalar(select(Seal.id).where(Seal.successor_id == seal_id).limit(1))
        seal_id = before or seal_id
    return since


def changes_of(session: Session, seal_code: str) -> list[RegistryChange]:
    """What became of the seal once it was in use, oldest first: what the registry tells of it."""
    rows = session.scalars(
        select(SealChange)
        .join(Seal, Seal.id == SealChange.seal_id)
        .where(Seal.seal_code == seal_code, SealChange.from_state.not_in((states.START, "made")))
        .order_by(SealChange.number)
    )
    return [
        RegistryChange(
            seal_code,
            row.to_state,
            row.reason or "",
            canonical.moment(row.effective_at),
            canonical.moment(row.recorded_at),
        )
        for row in rows
    ]
