"""What follows when an application was approved, kind by kind.

Each kind asks the neighbours first and then changes everything in one command: a replaced seal ends
in the same transaction in which the new one is made (第二十二条).
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from crypto.seal.application_form import CANCEL, ISSUE, REISSUE, RENEW
from server_stub import issuing, states
from server_stub.applying import agreed_against, move
from server_stub.changing import assessing, unlocking
from server_stub.issuing import Form, Made, SealMaking, TwinExists
from server_stub.neighbours.adapters import NeighbourError
from server_stub.records.blobs import keep
from server_stub.records.ledger import LEDGER, Transaction
from server_stub.records.store import (
    Application,
    Appointment,
    Enterprise,
    Person,
    Seal,
    SealCopy,
)
from server_stub.records.vault import Vault
from server_stub.seals import lifecycle


def make(making: SealMaking, session: Session, application: Application) -> None:
    """Assess once more, and do what was asked for. What the records contradict by now goes back
    into review, unless two reviewers went against just that."""
    assessed = assessing.assess(making, session, application)
    write = making.ledger.write
    if not assessed.passed and not agreed_against(application):
        write(issuing.fail, application.id, assessed.reason).result()
        return
    try:
        if application.kind == CANCEL:
            write(cancel, application.id).result()
        elif application.kind == RENEW:
            write(renew, application.id, _build(making, session, application)).result()
        elif application.kind in (ISSUE, REISSUE):
            made = _build(making, session, application)
            write(issue, application.id, made, making.vault).result()
        else:
            write(unlocking.permit, application.id, making.authority).result()
    except (NeighbourError, TwinExists, ValueError) as error:
        write(issuing.fail, application.id, str(error)).result()


def _build(making: SealMaking, session: Session, application: Application) -> Made:
    target = session.get(Seal, application.target_id) if application.target_id else None
    again = target if target is not None and application.kind == RENEW else None
    code = again.seal_code if again else ""
    form = _form(making, session, application, again)
    return issuing.build(making, form, application.subtype, application.spki, seal_code=code)


def _form(
    making: SealMaking, session: Session, application: Application, again: Seal | None
) -> Form:
    source = session.get_one(Application, again.application_id) if again else application
    if application.enterprise_id is None:
        name = session.get_one(Person, application.handler_id).name
        shape = again.shape if again else application.payload["seal"]["shape"]
        return issuing.form_of_person(making, name, shape or "square")
    code = session.get_one(Enterprise, application.enterprise_id).uscc
    subtype, whose = application.subtype, assessing.whose(source)
    form = issuing.form_of_enterprise(making, code, subtype, whose)
    if again is not None and form.filed and form.filed.code != again.physical_code:
        raise NeighbourError("the filed physical seal is another one: replace the electronic one")
    return form


def issue(tx: Transaction, identity: str, made: Made, vault: Vault) -> None:
    """制作, or 换领: the old seal ends in the same moment."""
    seal = issuing.fulfil(tx, identity, made, vault)
    application = tx.session.get_one(Application, identity)
    if application.kind != REISSUE:
        return
    old = tx.session.get_one(Seal, application.target_id)
    _end(tx, old)
    if old.state == "made":  # never taken: there is nothing to replace
        lifecycle.change(tx, old, "cancel", "platform", reason=application.cause)
    else:
        by = seal.seal_code
        lifecycle.change(tx, old, "replace", "platform", reason="replaced", successor=by)
    old.successor_id = seal.id


def cancel(tx: Transaction, identity: str) -> None:
    """注销, as the enterprise itself asked (第二十三条)."""
    application = tx.session.get_one(Application, identity)
    states.advance(states.APPLICATION, application.state, "fulfil")
    seal = tx.session.get_one(Seal, application.target_id)
    _end(tx, seal)
    lifecycle.change(tx, seal, "cancel", "application", reason=application.cause)
    move(tx, application, "fulfil", seal=seal.id, seal_code=seal.seal_code)


def renew(tx: Transaction, identity: str, made: Made) -> None:
    """续期: a new certificate and new seal data for the same seal. What was in force stays so until
    the holder takes them (:func:`server_stub.seals.collecting.collect`)."""
    application = tx.session.get_one(Application, identity)
    states.advance(states.APPLICATION, application.state, "fulfil")
    seal = tx.session.get_one(Seal, application.target_id)
    if seal.state not in ("active", "expired"):
        raise ValueError("所涉电子印章尚未领取或已停用，不能续期")
    certificate = issuing.certify(tx, application, made.certificate)
    keep(tx.session, made.data, made.picture)
    tx.session.flush()
    lifecycle.add_original(tx, application, seal, certificate.sn, made)
    fields = {"seal": seal.id, "certificate": certificate.sn, "seal_sm3": made.data.address}
    tx.record(LEDGER, "seal-renewed-v1", fields, about=("seal", seal.id))
    application.seal_id = seal.id
    move(tx, application, "fulfil", seal=seal.id, seal_code=seal.seal_code)


def _end(tx: Transaction, seal: Seal) -> None:
    """End the appointments of its keepers, and its copies."""
    kept = select(Appointment).where(Appointment.seal_id == seal.id, Appointment.until.is_(None))
    for appointment in tx.session.scalars(kept):
        appointment.until = tx.now
    copies = select(SealCopy).where(SealCopy.seal_id == seal.id, SealCopy.ended_at.is_(None))
    for copy in tx.session.scalars(copies):
        copy.ended_at, copy.end_reason = tx.now, "ended"
