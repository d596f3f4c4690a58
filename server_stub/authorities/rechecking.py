"""Register and police, asked again on a clock about seals in use: what nobody sent a notice about.

Every `settings.recheck_days` a seal's enterprise and physical seal are looked up. A licence that is
no longer in force, or a physical seal that was lost or cancelled, suspends the seal under the
authority whose record says so; only that one, or a notice of it, lifts it again. So does another
legal representative (:mod:`server_stub.authorities.representatives`).

Every seal in use has a day on which it is due, which an hourly look gives to new ones. So what is
due now is found by that day, however many seals the city has.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, select
from sqlalchemy.orm import Session

from server_stub.authorities import representatives
from server_stub.context import Platform
from server_stub.neighbours.adapters import NeighbourError, RegisteredEnterprise
from server_stub.policy import Who
from server_stub.records import canonical
from server_stub.records.ledger import Transaction
from server_stub.records.store import Application, Enterprise, Recheck, Seal
from server_stub.records.vault import Vault
from server_stub.seals import stopping

AT_ONCE = 50
_NEW_AT_ONCE = 2_000
"""Seals that are given their day in one transaction: others write, too."""
_DAY = 86_400_000_000
_LATER = 3_600_000_000
"""After which a neighbour that did not answer is asked again."""
IN_USE = ("active", "suspended")


def plan(platform: Platform) -> None:
    """Give each seal in use that has none the day on which it is due. Reads every seal in use, so
    not for each look of the clock."""
    planned = select(Recheck.seal_id).where(Recheck.seal_id == Seal.id).exists()
    unplanned = select(Seal.id).where(_asked_about(), ~planned).order_by(Seal.id)
    wait, last = platform.settings.recheck_days * _DAY, ""
    while True:
        with platform.reading() as session:
            seals = session.scalars(unplanned.where(Seal.id > last).limit(_NEW_AT_ONCE)).all()
        if not seals:
            return
        platform.ledger.write(_plan, seals, wait).result()
        last = seals[-1]


def _plan(tx: Transaction, seals: Sequence[str], wait: int) -> None:
    for seal_id in seals:
        if tx.session.get(Recheck, seal_id) is None:
            tx.session.add(Recheck(seal_id=seal_id, asked_at=tx.now, due_at=tx.now + wait))


def due() -> Select[Any]:
    """Seals whose day has come; some are no longer in use."""
    come = select(Seal).join(Recheck, Recheck.seal_id == Seal.id)
    return come.where(Recheck.due_at <= canonical.now()).order_by(Recheck.due_at).limit(AT_ONCE)


def _asked_about() -> ColumnElement[bool]:
    """Seals in use of enterprises; a lent one goes with its original."""
    return and_(
        Seal.state.in_(IN_USE),
        Seal.enterprise_id.is_not(None),
        Seal.grant_id.is_(None),
        Seal.subtype != "verification",
    )


def ask(platform: Platform, session: Session, seal: Seal) -> None:
    """Ask about one seal, and set the next day; one that is over is not asked about again."""
    if seal.state not in IN_USE:
        platform.ledger.write(_forget, seal.id).result()
        return
    wait = platform.settings.recheck_days * _DAY
    found, representative = None, ""
    try:
        code = session.get_one(Enterprise, seal.enterprise_id).uscc
        entry = platform.neighbours.market.enterprise(code)
        representative = entry.legal_rep_sm3 if entry else ""
        found = _against(platform, session, seal, code, entry)
    except NeighbourError:
        wait = _LATER
    more = (platform.vault, found, representative)
    platform.ledger.write(_note, seal.id, wait, *more).result()


def _against(
    platform: Platform,
    session: Session,
    seal: Seal,
    code: str,
    entry: RegisteredEnterprise | None,
) -> tuple[str, str] | None:
    """Whose record speaks against the seal's use, and why."""
    if entry is None or entry.status == "deregistered":
        return "market", "enterprise_deregistered"
    if entry.status != "active":
        return "market", "licence_revoked"
    application = session.get_one(Application, seal.application_id)
    whose = application.payload.get("seal", {})
    named = whose.get("department") or whose.get("holder") or ""
    filed = platform.neighbours.police.filed_seal(code, seal.subtype, named)
    if filed is not None and filed.code == seal.physical_code:
        if filed.status == "lost":
            return "police", "lost"
        if filed.status == "cancelled":
            return "police", "physical_seal_cancelled"
    return None


def _forget(tx: Transaction, seal_id: str) -> None:
    row, seal = tx.session.get(Recheck, seal_id), tx.session.get_one(Seal, seal_id)
    if row is not None and seal.state not in IN_USE:
        tx.session.delete(row)


def _note(
    tx: Transaction,
    seal_id: str,
    wait: int,
    vault: Vault,
    found: tuple[str, str] | None,
    representative: str,
) -> None:
    row = tx.session.get(Recheck, seal_id)
    if row is None:
        row = Recheck(seal_id=seal_id)
        tx.session.add(row)
    row.asked_at, row.due_at = tx.now, tx.now + wait
    seal = tx.session.get_one(Seal, seal_id)
    if seal.enterprise_id is not None:
        representatives.compare(tx, vault, seal.enterprise_id, representative)
    if found is not None and seal.state in IN_USE:
        who, reason = found
        tx.act(Who(who))
        stopping.suspend_by_authority(tx, seal, who, reason, tx.now)
