"""Who may do what: roles × verbs in one table, deny by default (第二十六条).

A role comes from membership and certificate, never from what a request says. An object of another
enterprise does not exist for a holder: 404, not 403.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from crypto.frozen import frozen


class Forbidden(Exception):
    """The actor's roles do not include this verb."""


class NotFound(Exception):
    """There is no such object, or none that this actor may know of."""


@frozen
class Who:
    """Who did what is on record."""

    account: str
    """platform, or the account, application or certificate that acted."""
    person: str | None = None
    """Id of the person or member of staff."""
    certificate: str | None = None
    """Serial number of the certificate that was signed in with, hex."""


PLATFORM = Who("platform")
"""The platform by itself: its clock, its rules."""


@frozen
class Owner:
    """Whose an object is: an enterprise's, or else a person's own. One of neither is nobody's, and
    only those whom the whole platform is open to get near it."""

    enterprise_id: str | None = None
    person_id: str | None = None

    @property
    def audience(self) -> tuple[str, ...]:
        """Who hears of it when they sync: what an enterprise owns is not its people's own."""
        either = self.enterprise_id or self.person_id
        return (either,) if either else ()


class Owned(Protocol):
    """A row that belongs to somebody."""

    @property
    def enterprise_id(self) -> str | None: ...
    @property
    def person_id(self) -> str | None: ...


def owner_of(row: Owned) -> Owner:
    """Whose *row* is."""
    return Owner(row.enterprise_id, None if row.enterprise_id else row.person_id)


@frozen
class Actor:
    """Who is asking."""

    kind: str
    """holder, applicant, staff or operator (a person at the server's own command line)."""
    subject: str
    """Certificate serial number, application or staff id, or account: as the ledger says it."""
    roles: frozenset[str]
    enterprise_id: str | None = None
    person_id: str | None = None
    application_id: str | None = None
    certificate_sn: str | None = None
    """Of the certificate that was signed in with."""
    seals: frozenset[str] | None = None
    """The seals that a keeper keeps, or a session may report uses of; None: every one of the
    enterprise."""
    applications: frozenset[str] | None = None
    """The applications that a handler handles; None: every one of the enterprise."""
    terms: Mapping[str, Sequence[tuple[int, int]]] | None = None
    """Of a session that reports what is over: when each of its seals was its to use, from and until
    (microseconds). None: nothing is over."""

    @property
    def owner(self) -> Owner:
        """Whose objects it may get near: its enterprise's; its own, if it signed in for none."""
        return Owner(self.enterprise_id, None if self.enterprise_id else self.person_id)

    @property
    def sees_all(self) -> bool:
        """May it see every seal of its owner?"""
        own = {"legal_rep", "owner"} & self.roles or EVERYWHERE & self.roles
        return bool(own) or ("keeper" in self.roles and self.seals is None)

    def acts_as(self, seal_id: str | None, application_id: str | None) -> frozenset[str]:
        """Its roles towards one seal and the application that it came from."""
        roles = self.roles
        if seal_id is not None and self.seals is not None and seal_id not in self.seals:
            roles -= {"keeper", "reporter"}
        handled = self.applications
        if application_id is not None and handled is not None and application_id not in handled:
            roles -= {"handler"}
        return roles

    @property
    def who(self) -> Who:
        """As the ledger names it."""
        return Who(self.subject, self.person_id, self.certificate_sn)


VERBS: dict[str, frozenset[str]] = {
    verb: frozenset(roles.split())
    for verb, roles in {
        "application.read": "applicant handler legal_rep owner reviewer operator",
        "application.amend": "applicant handler legal_rep owner",
        "application.submit": "applicant handler legal_rep owner",
        "application.withdraw": "applicant handler legal_rep owner",
        "application.review": "reviewer operator",
        "seal.read": "applicant handler keeper legal_rep owner reviewer operator",
        "grant.offer": "keeper legal_rep",
        "grant.withdraw": "keeper legal_rep",
        "grant.read": "keeper legal_rep handler owner grantee",
        "grant.use": "grantee",
        "policy.set": "keeper legal_rep",
        "policy.read": "keeper legal_rep owner handler grantee approver",
        "approval.request": "keeper legal_rep owner grantee",
        "approval.decide": "approver",
        "approval.read": "keeper legal_rep owner handler grantee approver",
        "lease.take": "keeper legal_rep owner grantee",
        "report.later": "keeper legal_rep handler owner grantee",
        "seal.collect": "applicant keeper legal_rep owner",
        "seal.suspend": "keeper legal_rep owner reviewer operator",
        "seal.resume": "legal_rep owner reviewer operator",
        "seal.cancel": "operator",
        "seal.use": "keeper legal_rep owner",
        "usage.record": "keeper legal_rep owner handler grantee reporter",
        "usage.read": "keeper legal_rep owner auditor",
        "phone.pair": "keeper legal_rep owner handler grantee approver",
        "sync": "keeper legal_rep owner handler grantee approver",
        "loss.report": "reviewer operator",
        "dispute.handle": "reviewer operator",
        "audit": "auditor",
    }.items()
}

EVERYWHERE = frozenset({"reviewer", "auditor", "operator"})
"""Roles whose verbs are not bound to one enterprise."""

INCOMPATIBLE = (
    frozenset({"reviewer", "auditor"}),
    frozenset({"reviewer", "handler"}),
    frozenset({"operator", "auditor"}),
)
"""管理, 使用 and 审计 are separate: no actor holds both of a pair."""


def allow(
    actor: Actor,
    verb: str,
    owner: Owner | None = None,
    *,
    application_id: str | None = None,
    seal_id: str | None = None,
) -> None:
    """Return if *actor* may *verb* an object of *owner* that came from that application; *seal_id*:
    the seal that it is, or is about. Without an owner: may it do so at all?

    Raises :class:`NotFound` for what belongs to others or to nobody, else :class:`Forbidden`."""
    if any(pair <= actor.roles for pair in INCOMPATIBLE):
        raise Forbidden("these roles may not be held together")
    roles = VERBS[verb] & actor.acts_as(seal_id, application_id)
    if owner is not None and not actor.roles & EVERYWHERE:
        own = owner == actor.owner and owner != Owner()
        if actor.application_id is not None:
            own = actor.application_id == application_id
        if not own:
            raise NotFound
    if not roles:
        raise Forbidden(f"{verb} is not for {', '.join(sorted(actor.roles)) or 'nobody'}")
