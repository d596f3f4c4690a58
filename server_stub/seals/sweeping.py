"""What time does to seals and grants."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from server_stub.records.ledger import Transaction
from server_stub.records.store import Lease, Seal, SealGrant
from server_stub.seals.lifecycle import change, end_grant, grants_of


def sweep(tx: Transaction, collect_days: int) -> int:
    """What becomes due with time: seals expire, uncollected ones lapse. Gives how many changed."""
    ended = tx.session.scalars(
        select(Seal).where(Seal.state.in_(("active", "suspended")), Seal.valid_until < tx.now)
    ).all()
    for seal in ended:
        until = seal.valid_until
        change(tx, seal, "expire", "clock", reason="expired", effective_at=until)
    oldest = tx.now - int(timedelta(days=collect_days) / timedelta(microseconds=1))
    left = tx.session.scalars(
        select(Seal).where(Seal.state == "made", Seal.recorded_at < oldest)
    ).all()
    for seal in left:
        change(tx, seal, "lapse", "clock", reason="not_collected")
    return len(ended) + len(left) + _sweep_grants(tx)


OFFER_LIFE = timedelta(days=7)

_SETTLES = 2_000_000
"""Microseconds: statements have whole seconds, and the leave for the last use comes first."""


def _sweep_grants(tx: Transaction) -> int:
    """Offers that nobody took lapse; grants end with their number and their term."""
    oldest = tx.now - int(OFFER_LIFE / timedelta(microseconds=1))
    ended = 0
    over = SealGrant.valid_until < tx.now
    used_up = (SealGrant.max_uses > 0) & (SealGrant.used >= SealGrant.max_uses)
    old = (SealGrant.state == "offered") & (SealGrant.offered_at < oldest)
    for grant in grants_of(tx.session, over | old | used_up):
        if grant.state == "offered" and (grant.offered_at < oldest or grant.valid_until < tx.now):
            end_grant(tx, grant, "lapse", "not_accepted")
        elif grant.state == "active" and grant.valid_until < tx.now:
            end_grant(tx, grant, "expire", "expired")
        elif (
            grant.state == "active"
            and 0 < grant.max_uses <= grant.used
            and (grant.last_used_at or 0) < tx.now - _SETTLES
            and not _leased(tx.session, grant, tx.now)
        ):
            end_grant(tx, grant, "exhaust", "grant_exhausted")
        else:
            continue
        ended += 1
    return ended


def _leased(session: Session, grant: SealGrant, now: int) -> bool:
    """May a use that was reserved still be made?"""
    open_now = (
        select(Lease.id)
        .join(Seal, Seal.id == Lease.seal_id)
        .where(Seal.grant_id == grant.id, Lease.closed_at.is_(None), Lease.until > now)
    )
    return session.scalar(open_now.limit(1)) is not None
