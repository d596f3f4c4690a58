"""What the cabinet keeps of grants and leases: as the platform last told them, and what was used.

:class:`LeaseBook` hands out the leaves of a lease, each once. How many were used is written down
twice, in the cabinet and in the secret store, and the latest time that was ever seen with it: a
folder that was put back, or a clock, shows by that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Protocol

from app.errors import LeaseRefused
from crypto.frozen import frozen
from crypto.seal.grant import SignedGrant
from crypto.seal.statement import Leave, SignedStatement

_TOLERANCE = timedelta(minutes=2)
"""How far a clock may be put right backwards."""


ENDED = {"exhausted": "uses", "expired": "term", "revoked": "withdrawn"}
"""State of a grant that is over → reason of :class:`app.errors.NotAuthorised`."""


@frozen
class GrantRecord:
    """A grant as the platform last told of it."""

    id: str
    side: str
    """"given" or "received"."""
    platform: str
    """Origin."""
    token: bytes
    """As its grantor signed it (:class:`crypto.seal.grant.SignedGrant`)."""
    state: str
    """"offered", "active", "declined", "lapsed", "exhausted", "expired" or "revoked"."""
    reason: str
    used: int
    """Uses that leave was given for, reserved ones among them."""
    doubled: int
    """Uses that bear a number which another use has, too."""
    seal_id: str
    """The platform's identifier of the copy; "" before it is accepted."""
    seal_state: str
    """State of the copy; "" before it is accepted."""
    told_at: datetime
    code: str = ""
    """What the grantee accepts with, where this computer made the offer."""
    kind: str = ""
    """For what the copy is used next, where the grant allows several."""
    counterparty: str = ""

    @cached_property
    def signed(self) -> SignedGrant:
        """Raises :class:`crypto.seal.grant.GrantError`."""
        return SignedGrant.parse(self.token)

    @property
    def left(self) -> int | None:
        """Uses that are left; None: as many as wanted."""
        most = self.signed.grant.max_uses
        return max(0, most - self.used) if most else None

    def state_at(self, now: datetime) -> str:
        """A key of ``grant_state``: its state, or what has become of it since it was told."""
        terms = self.signed.grant
        if self.state == "active" and now > terms.valid_until:
            return "expired"
        if self.state == "active" and self.seal_state == "suspended":
            return "suspended"
        if self.state == "active" and now < terms.valid_from:
            return "waiting"
        return self.state

    @property
    def open(self) -> bool:
        """Is it offered or in force?"""
        return self.state in ("offered", "active")


@frozen
class LeaseRecord:
    """A lease: leaves that may be used without the platform until a certain time."""

    seal_id: str
    lease: str
    until: datetime
    leaves: Mapping[str, bytes]
    """Number of the use → token."""
    used: tuple[str, ...]
    """Numbers that were used."""
    seen_at: datetime
    """The latest time that was seen when something was done with it."""

    @property
    def left(self) -> int:
        return len(self.leaves) - len(self.used)


@frozen
class Leaf:
    """One use of a lease, taken out of it."""

    token: bytes
    lease: str
    number: int


class _Leases(Protocol):
    def lease(self, seal_id: str) -> LeaseRecord | None: ...
    def keep_lease(self, lease: LeaseRecord) -> None: ...


class _Secrets(Protocol):
    def get(self, name: str) -> bytes | None: ...
    def put(self, name: str, secret: bytes) -> None: ...


class _Lent(Protocol):
    @property
    def grant(self) -> SignedGrant | None: ...


def use_of(seal: _Lent, grant: GrantRecord | None) -> tuple[str, str]:
    """(kind, counterparty) of a use, where a grant allows one alone or one was chosen; else ""."""
    if seal.grant is None:
        return "", ""
    scope = seal.grant.grant.scope
    kind = scope.kinds[0] if len(scope.kinds) == 1 else ""
    party = scope.counterparties[0] if len(scope.counterparties) == 1 else ""
    if grant is not None:
        kind, party = kind or grant.kind, party or grant.counterparty
    return kind, party


class LeaseBook:
    """The leases of one cabinet."""

    def __init__(self, leases: _Leases, secrets: _Secrets) -> None:
        self._leases, self._secrets = leases, secrets

    def keep(self, lease: LeaseRecord) -> None:
        """A new lease in the place of the one before."""
        self._secrets.put(_name(lease.seal_id), _tally(lease))
        self._leases.keep_lease(lease)

    def of(self, seal_id: str) -> LeaseRecord | None:
        """The lease of a seal as it stands."""
        return self._leases.lease(seal_id)

    def agrees(self, lease: LeaseRecord) -> bool:
        """Does the secret store tell the same of it as the cabinet?"""
        return self._secrets.get(_name(lease.seal_id)) == _tally(lease)

    def spent(self, seal_id: str) -> tuple[str, tuple[int, ...]] | None:
        """What the platform is told of it when another is taken: (lease, numbers used); None where
        this computer does not know any more."""
        known = self.of(seal_id)
        if known is not None and not self.agrees(known):
            return None
        return (known.lease, tuple(map(int, known.used))) if known else None

    def take(
        self, seal_id: str, name: str, now: datetime, kind: str = "", counterparty: str = ""
    ) -> Leaf:
        """The next leaf for a use of the seal called *name*, as grant and use want it. It is
        written down as used before it is given: the secret store first, so that a folder that is
        put back falls behind it.

        Raises :class:`app.errors.LeaseRefused`."""
        known = self.check(seal_id, name, now)
        number = next(leaf for leaf in known.leaves if leaf not in known.used)
        token = known.leaves[number]
        leave = SignedStatement.parse(token).statement.leave or Leave()
        if (leave.kind, leave.counterparty) != (kind, counterparty):
            raise LeaseRefused(name, "other_use")
        after = replace(known, used=(*known.used, number), seen_at=max(now, known.seen_at))
        self._secrets.put(_name(seal_id), _tally(after))
        self._leases.keep_lease(after)
        return Leaf(token, known.lease, int(number))

    def check(self, seal_id: str, name: str, now: datetime) -> LeaseRecord:
        """The lease, if there is something left of it that may be used. Raises as
        :meth:`take`."""
        known = self.of(seal_id)
        if known is None:
            raise LeaseRefused(name, "none")
        if not self.agrees(known):
            raise LeaseRefused(name, "disagrees")
        if now < known.seen_at - _TOLERANCE:
            raise LeaseRefused(name, "clock")
        if now > known.until:
            raise LeaseRefused(name, "over")
        if not known.left:
            raise LeaseRefused(name, "spent")
        return known


def _name(seal_id: str) -> str:
    return f"lease-{seal_id}"


def _tally(lease: LeaseRecord) -> bytes:
    return f"{lease.lease} {len(lease.used)} {lease.seen_at.isoformat()}".encode()
