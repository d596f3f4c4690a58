"""What follows when the register names another legal representative (第二十二条).

Who it was is nothing any more for the enterprise: his appointments end, and every grant. Seals
whose key he holds, and the representative's own, are held under the register's word until they are
replaced. What somebody applies for on his word is asked for anew: consent on the licence by the new
one, documents opened again, reviewers' agreement given again.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from server_stub import issuing
from server_stub.applying import OPEN
from server_stub.appointing import LICENCE
from server_stub.neighbours.adapters import identity_digest
from server_stub.policy import Who
from server_stub.records.ledger import LEDGER, Transaction
from server_stub.records.store import (
    Application,
    Appointment,
    Certificate,
    Enterprise,
    Person,
    Seal,
)
from server_stub.records.vault import Vault
from server_stub.seals import lifecycle, stopping

REASON = "legal_rep_changed"
_SAID = "登记的法定代表人已变更"
_HIS_OWN = "legal_representative"
"""Subtype of the seal that goes with the office."""
_RESTING_ON_HIM = ("proof", "opened", "approvals")


def compare(tx: Transaction, vault: Vault, enterprise_id: str, digest: str) -> bool:
    """Has the register's representative of an enterprise changed since it was last looked at, or
    is he not who acts as such here? *digest*: as the register gives it, "" where it does not know.
    What follows is done, and on record."""
    if not digest:
        return False
    enterprise = tx.session.get_one(Enterprise, enterprise_id)
    known, now = enterprise.legal_rep_index, issuing.representative_index(vault, digest)
    acting = _open(tx.session, enterprise_id, Appointment.role == "legal_rep")
    gone = {row.person_id for row in acting if _digest(tx.session, vault, row) != digest}
    if known == now and not gone:
        return False
    enterprise.legal_rep_index = now
    if known is None and not gone:
        return False  # looked at for the first time
    tx.act(Who("market"))
    enterprise.legal_rep_id = None
    ended = _open(tx.session, enterprise_id, Appointment.person_id.in_(gone))
    for row in ended:
        row.until = tx.now
    held = [seal.seal_code for seal in _seals(tx.session, enterprise_id, gone) if _hold(tx, seal)]
    grants = lifecycle.end_grants(tx, enterprise_id, REASON)
    asked_again = [row.id for row in _applications(tx.session, enterprise_id)]
    fields = {
        "enterprise": enterprise_id,
        "appointments": [row.id for row in ended],
        "seals": held,
        "grants": grants,
        "applications": asked_again,
    }
    audience = (enterprise_id, *sorted(gone))
    about = ("enterprise", enterprise_id)
    tx.record(LEDGER, "legal-representative-changed-v1", fields, about=about, audience=audience)
    for application in _applications(tx.session, enterprise_id):
        _ask_again(tx, application)
    return True


def _open(session: Session, enterprise_id: str, which: object) -> list[Appointment]:
    rows = select(Appointment).where(
        Appointment.enterprise_id == enterprise_id,
        Appointment.until.is_(None),
        which,  # type: ignore[arg-type]
    )
    return list(session.scalars(rows.order_by(Appointment.id)))


def _digest(session: Session, vault: Vault, row: Appointment) -> str:
    person = session.get_one(Person, row.person_id)
    if person.id_no_enc is None:
        return ""
    number = vault.open(f"person.id_no:{person.id}", person.id_no_enc).decode()
    return identity_digest(number)


def _seals(session: Session, enterprise_id: str, gone: set[str]) -> list[Seal]:
    """Those that *gone* can stamp with, and that of the office itself."""
    rows = (
        select(Seal)
        .join(Certificate, Certificate.sn == Seal.certificate_sn)
        .where(
            Seal.enterprise_id == enterprise_id,
            Seal.grant_id.is_(None),
            Seal.state.in_(("made", "active", "suspended")),
            Certificate.person_id.in_(gone) | (Seal.subtype == _HIS_OWN),
        )
    )
    return list(session.scalars(rows.order_by(Seal.id)))


def _hold(tx: Transaction, seal: Seal) -> bool:
    return stopping.suspend_by_authority(tx, seal, "market", REASON, tx.now)


def _applications(session: Session, enterprise_id: str) -> list[Application]:
    rows = select(Application).where(
        Application.enterprise_id == enterprise_id, Application.state.in_(OPEN)
    )
    return list(session.scalars(rows.order_by(Application.id)))


def _ask_again(tx: Transaction, application: Application) -> None:
    """Consents of the former representative do not count any more."""
    kept = {k: v for k, v in application.payload.items() if k not in _RESTING_ON_HIM}
    proof = application.payload.get("proof", {})
    if proof.get("kind") == LICENCE:
        proof = {"kind": LICENCE}
        if application.state in ("submitted", "in_review", "approved"):
            application.awaiting = LICENCE
    application.payload = {"proof": proof, **kept}
    if application.state == "approved":
        issuing.fail(tx, application.id, _SAID)
