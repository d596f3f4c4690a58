"""Leases: uses that are reserved so that they can be made for a while without the platform.

A lease is a number of leaves (:class:`crypto.seal.statement.Leave`), each for one use by its number
and signed like a ticket, but about no document; they are good for 24 hours, at most 72. Under a
grant the numbers are the grant's own, taken out of what it allows. Whoever takes the next lease
says which uses were made; what was not used is reserved anew, and the old lease is closed. Two uses
with one number are the mark of a computer that was put back to an earlier state.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crypto.frozen import frozen
from crypto.seal.grant import Grant
from crypto.seal.statement import Leave
from server_stub import policy
from server_stub.authority import Authority
from server_stub.lending import granting
from server_stub.policy import Actor
from server_stub.records import canonical
from server_stub.records.ledger import LEDGER, Transaction
from server_stub.records.store import Lease, Seal, SealGrant, UsageRecord
from server_stub.ruling import use_policies
from server_stub.seals import statements
from server_stub.settings import Settings

HOUR = 3600 * 1_000_000
MOST_USES = 200
"""Of one lease, whatever its grant allows: each is a signature that everybody else waits for."""


@frozen
class Spent:
    """What a client says of the lease that it had."""

    lease: str
    uses: frozenset[int]
    """Numbers of the uses made under it."""


@frozen
class Leased:
    """A lease as it is handed out."""

    id: str
    until: int
    leaves: tuple[bytes, ...]
    """Tokens, in the order of their numbers."""
    doubled: tuple[int, ...]
    """Uses of the lease before that are on record and that the client knows nothing of, or more
    than once: the computer was put back to an earlier state."""


def lease(
    tx: Transaction,
    actor: Actor,
    authority: Authority,
    settings: Settings,
    seal_id: str,
    use: granting.Use,
    spent: Spent | None,
) -> Leased:
    """Reserve uses. Raises :class:`server_stub.seals.statements.SealNotActive`,
    :class:`server_stub.ruling.use_policies.ApprovalNeeded`, :class:`.granting.OutsideGrant`, and of
    :mod:`server_stub.policy`."""
    tx.act(actor.who)
    seal, grant = _whose(tx, actor, seal_id)
    use_policies.check_offline(tx.session, seal)
    before, doubled = _closed(tx, seal, actor, spent)
    wanted = settings.lease_uses
    if grant is not None:
        wanted = _allowed(tx, grant, use)
        numbers = _carried(tx.session, seal, before, spent)[:wanted]
        left = grant.max_uses - grant.used if grant.max_uses else wanted
        out = _outstanding(tx, seal) - set(numbers)
        fresh = max(0, min(wanted - len(numbers) - len(out), left))
        numbers += granting.take_numbers(tx, grant, fresh) if fresh else []
    else:
        numbers = list(range(1, wanted + 1))
    row = Lease(
        id=f"lease_{secrets.token_hex(8)}",
        seal_id=seal.id,
        certificate_sn=seal.certificate_sn,
        numbers={"numbers": numbers},
        issued_at=tx.now,
        until=tx.now + settings.lease_hours * HOUR,
    )
    tx.session.add(row)
    life = timedelta(hours=settings.lease_hours)
    leaves = tuple(_leave(tx, authority, seal, grant, row, number, use, life) for number in numbers)
    fields = {"lease": row.id, "seal": seal.id, "numbers": numbers}
    fields |= {"until": canonical.timestamp(row.until), "doubled": list(doubled)}
    audience = (*policy.owner_of(seal).audience, grant.grantee_id if grant else None)
    tx.record(LEDGER, "lease-v1", fields, about=("lease", row.id), audience=audience)
    return Leased(row.id, row.until, leaves, doubled)


def _whose(tx: Transaction, actor: Actor, seal_id: str) -> tuple[Seal, SealGrant | None]:
    seal, grant = granting.find_own_or_copy(tx, actor, "lease.take", seal_id)
    if seal.certificate_sn != actor.certificate_sn:
        raise policy.Forbidden("a lease is for the key that stamps")
    return seal, grant


def _allowed(tx: Transaction, grant: SealGrant, use: granting.Use) -> int:
    terms = Grant.parse(grant.terms.encode())
    outside = terms.scope.why_not(use.kind, use.counterparty, canonical.moment(tx.now))
    if outside not in ("", "hours"):  # the hour of use counts, not this one
        raise granting.OutsideGrant(outside)
    if terms.approval:
        raise granting.OutsideGrant("approval")
    return min(grant.offline_quota, MOST_USES)


def _closed(
    tx: Transaction, seal: Seal, actor: Actor, spent: Spent | None
) -> tuple[Lease | None, tuple[int, ...]]:
    """The lease that is replaced, closed now, and what of it was used twice or unknown to the
    client."""
    chosen = select(Lease).where(
        Lease.seal_id == seal.id,
        Lease.certificate_sn == actor.certificate_sn,
        Lease.closed_at.is_(None),
    )
    last: Lease | None = None
    doubled: list[int] = []
    for row in tx.session.scalars(chosen.order_by(Lease.issued_at)).all():
        row.closed_at = tx.now
        last = row
        known = spent.uses if spent is not None and spent.lease == row.id else None
        for number, count in reported(tx.session, row).items():
            if count > 1 or (known is not None and number not in known):
                doubled.append(number)
    return last, tuple(sorted(doubled))


def _carried(session: Session, seal: Seal, before: Lease | None, spent: Spent | None) -> list[int]:
    """Numbers of the lease *before* that are still unused. They cannot be known unless the client
    says what it used: else they stay reserved."""
    if before is None or spent is None or spent.lease != before.id:
        return []
    gone = spent.uses | {number for _, number in told_of(session, seal, before.id)}
    return [number for number in before.numbers["numbers"] if number not in gone]


def _outstanding(tx: Transaction, seal: Seal) -> set[int]:
    """Numbers of a copy that were reserved, may still be used and were not reported: the quota is
    how many there are of them at one time, however often a lease is taken."""
    leases = select(Lease).where(Lease.seal_id == seal.id, Lease.until > tx.now)
    numbers = {number for row in tx.session.scalars(leases) for number in row.numbers["numbers"]}
    return numbers - {number for _, number in told_of(tx.session, seal, "")}


def slot(seal: Seal, lease_id: str, number: int) -> tuple[str, int]:
    """What there is only one use of. The numbers of a copy are its grant's, over all its leases: a
    number that was carried into the next lease was not used in the one before."""
    return (seal.id if seal.grant_id is not None else lease_id), number


def told_of(session: Session, seal: Seal, lease_id: str) -> dict[tuple[str, int], str]:
    """:func:`slot` → a record that tells of a use in it, for the lease; for a copy, all of them.

    Records of other seals do not count, whatever lease they name: the name of one is in every
    document that was stamped under it."""
    leases = select(Lease.id).where(Lease.seal_id == seal.id)
    if seal.grant_id is None:
        leases = leases.where(Lease.id == lease_id)
    rows = select(UsageRecord.lease_use, UsageRecord.id).where(
        UsageRecord.seal_id == seal.id, UsageRecord.lease_id.in_(leases)
    )
    return {slot(seal, lease_id, use or 0): each for use, each in session.execute(rows)}


def reported(session: Session, lease: Lease) -> dict[int, int]:
    """Number of a use → how many records of its seal tell of it under *lease*."""
    rows = (
        select(UsageRecord.lease_use, func.count())
        .where(UsageRecord.lease_id == lease.id, UsageRecord.seal_id == lease.seal_id)
        .where(UsageRecord.lease_use.is_not(None))
        .group_by(UsageRecord.lease_use)
    )
    told = session.execute(rows).all()
    return {number: count for number, count in told if number is not None}


def doubled_of(session: Session, seal_ids: Sequence[str]) -> dict[str, int]:
    """Copy → how many of its uses bear a number that another use has, too."""
    rows = (
        select(UsageRecord.seal_id, UsageRecord.lease_use)
        .join(Lease, Lease.id == UsageRecord.lease_id)
        .where(UsageRecord.seal_id.in_(seal_ids), Lease.seal_id == UsageRecord.seal_id)
        .group_by(UsageRecord.seal_id, UsageRecord.lease_use)
        .having(func.count() > 1)
    )
    found: dict[str, int] = {}
    for seal_id, _ in session.execute(rows):
        found[seal_id] = found.get(seal_id, 0) + 1
    return found


def _leave(
    tx: Transaction,
    authority: Authority,
    seal: Seal,
    grant: SealGrant | None,
    row: Lease,
    number: int,
    use: granting.Use,
    life: timedelta,
) -> bytes:
    leave = Leave(
        grant_sm3=grant.terms_sm3 if grant else "",
        use=number,
        kind=use.kind,
        counterparty=use.counterparty,
        lease=row.id,
        until=canonical.moment(row.until),
    )
    return statements.attested(tx, authority, seal, life, None, leave)
