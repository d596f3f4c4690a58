"""Who sees which seals, and acts on them in whose name."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Select, false, select, true
from sqlalchemy.orm import Session

from server_stub import policy
from server_stub.policy import Actor, Owner
from server_stub.records.store import (
    Application,
    Certificate,
    PhysicalSeal,
    Seal,
    SealCopy,
    UsageRecord,
)

Owned = Application | Certificate | PhysicalSeal | Seal | UsageRecord
"""Rows that belong to an enterprise or a person."""


def find(session: Session, actor: Actor, verb: str, seal_id: str) -> Seal:
    """The seal, if *actor* may *verb* it. Raises NotFound or Forbidden."""
    seal = session.get(Seal, seal_id)
    if seal is None:
        raise policy.NotFound
    policy.allow(
        actor,
        verb,
        policy.owner_of(seal),
        application_id=asked_by(session, actor, seal),
        seal_id=seal.id,
    )
    return seal


def asked_by(session: Session, actor: Actor, seal: Seal) -> str:
    """The application that it came from; for the applicant of a renewal, that one."""
    own = actor.application_id
    if own is not None and session.scalar(of_application(own).where(Seal.id == seal.id)):
        return own
    return seal.application_id


def of_application(identity: str) -> Select[Any]:
    """Ids of the seals that were made, or made again, for an application."""
    again = select(SealCopy.seal_id).where(SealCopy.application_id == identity)
    return select(Seal.id).where((Seal.application_id == identity) | Seal.id.in_(again))


def owned_by(owner: Owner, table: type[Owned]) -> ColumnElement[bool]:
    """Which rows of *table* are *owner*'s; none are nobody's."""
    if owner.enterprise_id is not None:
        return table.enterprise_id == owner.enterprise_id
    if owner.person_id is not None:
        return table.enterprise_id.is_(None) & (table.person_id == owner.person_id)
    return false()


def visible(actor: Actor) -> ColumnElement[bool]:
    """Which of its enterprise's seals *actor* sees who does not see all: those that it keeps, and
    those from applications that it handled."""
    kept = actor.seals if "keeper" in actor.roles else frozenset()
    handled = actor.applications if "handler" in actor.roles else frozenset()
    if handled is None or kept is None:
        return true()
    return Seal.id.in_(kept) | Seal.application_id.in_(handled)


def authority_of(actor: Actor) -> str:
    """Under which authority *actor* acts: what a suspension remembers."""
    return "holder" if actor.kind in ("holder", "applicant") else actor.kind
