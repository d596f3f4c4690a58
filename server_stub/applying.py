"""Applications: 申请 and 审核 (第十二条、第十三条).

An applicant drafts, corrects, signs and hands in; a reviewer who is not the handler claims and
decides with four recorded findings. What follows an approval is in :mod:`server_stub.issuing`.
"""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from crypto.algorithms import gm
from crypto.asn1 import der
from crypto.pki.certificate_making import Request
from crypto.pki.names_and_algorithms import CertificateError
from crypto.pki.public_key import PublicKey
from server_stub import policy, states
from server_stub.policy import Actor
from server_stub.records.blobs import SealedBlob, keep
from server_stub.records.ledger import LEDGER, Transaction
from server_stub.records.store import Application, Enterprise, Person
from server_stub.records.vault import Vault
from server_stub.signin import INTENT, intent, signed_by


class RequestInvalid(Exception):
    """The PKCS#10 request cannot be used."""


class IdentityInvalid(Exception):
    """A citizen number does not check."""


@dataclass(frozen=True)
class Draft:
    """An application as received, syntax checked."""

    uscc: str
    enterprise_name: str
    legal_rep: str
    legal_rep_id_no: str
    handler: str
    id_no: str
    phone: str
    subtype: str
    physical_code: str | None
    spki: bytes
    """The applicant's key, DER."""
    payload: SealedBlob
    """The exact body."""


@dataclass(frozen=True)
class Findings:
    """The four that 第十三条 asks for, and why one is missing."""

    lawful: bool
    """合法性: the enterprise is in the register, and its licence is in force."""
    complete: bool
    """完整性: all that is needed was given or shared, and the applicant signed."""
    authentic: bool
    """真实性: name, legal representative and handler are who they are said to be."""
    reasonable: bool
    """合理性: a physical seal of that kind is filed, and has no electronic twin yet."""
    reason: str = ""

    @property
    def passed(self) -> bool:
        return self.lawful and self.complete and self.authentic and self.reasonable


def read_request(request: bytes) -> bytes:
    """The SubjectPublicKeyInfo of a PKCS#10 request that its own key signed: proof of possession.

    Raises :class:`RequestInvalid`."""
    try:
        parsed = Request.parse(request)
    except CertificateError as error:
        raise RequestInvalid(str(error)) from error
    if parsed.public_key.kind != "sm2" or not gm.is_public_key(parsed.public_key.point):
        raise RequestInvalid("the request is not for an SM2 key")
    if not parsed.signature_valid:
        raise RequestInvalid("the request is not signed by its own key")
    return parsed.public_key.spki


# --- the applicant's commands ------------------------------------------------------------------


def draft(tx: Transaction, vault: Vault, form: Draft) -> Application:
    """起草: the application exists, nobody looks at it yet."""
    application = Application(
        id=f"app_{secrets.token_hex(8)}",
        kind="issue",
        payload={},
        state=states.advance(states.APPLICATION, states.START, "draft"),
        created_at=tx.now,
        updated_at=tx.now,
    )
    _fill(tx, vault, application, form)
    tx.session.add(application)
    _record(tx, application, "draft")
    return application


def amend(tx: Transaction, vault: Vault, actor: Actor, identity: str, form: Draft) -> Application:
    """Correct a draft or a returned application; the key stays the same."""
    tx.act(actor.who)
    application = find(tx.session, actor, "application.amend", identity)
    if application.state not in ("drafted", "returned"):
        raise states.IllegalTransition("application", application.state, "amend")
    if form.spki != application.spki:
        raise RequestInvalid("another key: make another application")
    _fill(tx, vault, application, form)
    application.updated_at = tx.now
    tx.record(
        LEDGER,
        "application-amended-v1",
        {"application": application.id, "payload_sm3": application.payload_sm3},
        about=("application", application.id),
        audience=(application.enterprise_id,),
    )
    return application


def submit(
    tx: Transaction, actor: Actor, origin: str, identity: str, signature: bytes
) -> Application:
    """提交, with the applicant's signature over exactly what was drafted (第十二条 电子签名)."""
    tx.act(actor.who)
    application = find(tx.session, actor, "application.submit", identity)
    states.advance(states.APPLICATION, application.state, "submit")
    text = INTENT.format(
        origin=origin, verb="submit", object=identity, payload_sm3=application.payload_sm3
    )
    signed_by(PublicKey.parse(der.parse(application.spki)), text, signature)
    application.signature, application.reason = signature, None
    move(tx, application, "submit", intent=intent(text, signature, spki=application.spki))
    return application


def withdraw(tx: Transaction, actor: Actor, identity: str) -> Application:
    """撤回."""
    tx.act(actor.who)
    application = find(tx.session, actor, "application.withdraw", identity)
    move(tx, application, "withdraw")
    return application


# --- the reviewer's commands -------------------------------------------------------------------


def claim(tx: Transaction, actor: Actor, identity: str) -> Application:
    """A reviewer takes an application; never its own handler (checked by roles)."""
    tx.act(actor.who)
    application = find(tx.session, actor, "application.review", identity)
    application.reviewer = actor.subject
    move(tx, application, "claim", reviewer=actor.subject)
    return application


def send_back(tx: Transaction, actor: Actor, identity: str, reason: str) -> Application:
    """退回补正, with what is missing."""
    application = _claimed(tx, actor, identity)
    application.reason = reason
    move(tx, application, "return", reason=reason, reviewer=actor.subject)
    return application


def reject(tx: Transaction, actor: Actor, identity: str, reason: str) -> Application:
    """不予核准: final."""
    application = _claimed(tx, actor, identity)
    application.reason = reason
    move(tx, application, "reject", reason=reason, reviewer=actor.subject)
    return application


def approve(tx: Transaction, actor: Actor, identity: str, findings: Findings) -> Application:
    """核准: only with all four findings."""
    application = _claimed(tx, actor, identity)
    if not findings.passed:
        raise policy.Forbidden("an application is approved only when all four findings hold")
    application.findings = _four(findings)
    application.reason = None
    move(tx, application, "approve", findings=_four(findings), reviewer=actor.subject)
    return application


def _claimed(tx: Transaction, actor: Actor, identity: str) -> Application:
    tx.act(actor.who)
    application = find(tx.session, actor, "application.review", identity)
    if application.state == "in_review" and application.reviewer != actor.subject:
        raise policy.Forbidden("another reviewer has claimed this application")
    return application


def _four(findings: Findings) -> dict[str, Any]:
    return {name: value for name, value in asdict(findings).items() if name != "reason"}


# --- shared ------------------------------------------------------------------------------------


def find(session: Session, actor: Actor, verb: str, identity: str) -> Application:
    """The application, if *actor* may *verb* it. Raises NotFound or Forbidden."""
    application = session.get(Application, identity)
    if application is None:
        raise policy.NotFound
    policy.allow(actor, verb, enterprise_id=application.enterprise_id, application_id=identity)
    return application


def lapse(tx: Transaction, days: int) -> int:
    """End drafts that were not submitted in time. Gives how many."""
    oldest = tx.now - int(timedelta(days=days) / timedelta(microseconds=1))
    left = tx.session.scalars(
        select(Application).where(
            Application.state.in_(("drafted", "returned")), Application.updated_at < oldest
        )
    ).all()
    for application in left:
        move(tx, application, "lapse")
    return len(left)


def _fill(tx: Transaction, vault: Vault, application: Application, form: Draft) -> None:
    enterprise = tx.session.scalar(select(Enterprise).where(Enterprise.uscc == form.uscc))
    if enterprise is None:
        enterprise = Enterprise(
            id=f"ent_{secrets.token_hex(8)}",
            uscc=form.uscc,
            name=form.enterprise_name,
            state="claimed",
        )
        tx.session.add(enterprise)
    handler = _person(tx, vault, form.handler, form.id_no, form.phone)
    if (form.legal_rep, form.legal_rep_id_no) == (form.handler, form.id_no):
        legal_rep = handler
    else:
        legal_rep = _person(tx, vault, form.legal_rep, form.legal_rep_id_no, "")
    application.enterprise_id = enterprise.id
    application.enterprise_name = form.enterprise_name
    application.handler_id, application.legal_rep_id = handler.id, legal_rep.id
    application.subtype, application.physical_code = form.subtype, form.physical_code
    application.spki, application.payload_sm3 = form.spki, form.payload.address
    keep(tx.session, form.payload)
    application.signature = None


def _person(tx: Transaction, vault: Vault, name: str, id_no: str, phone: str) -> Person:
    index = vault.blind_index("person.identity", f"{name}\n{id_no}") if id_no else None
    if index is not None:
        known = tx.session.scalar(select(Person).where(Person.identity_index == index))
        if known is not None:
            return known
    identity = f"person_{secrets.token_hex(8)}"
    person = Person(
        id=identity,
        name=name,
        id_no_enc=vault.seal(f"person.id_no:{identity}", id_no.encode()) if id_no else None,
        identity_index=index,
        phone_enc=vault.seal(f"person.phone:{identity}", phone.encode()) if phone else None,
    )
    tx.session.add(person)
    tx.session.flush()
    return person


def move(tx: Transaction, application: Application, event: str, **fields: object) -> None:
    """Move *application* by *event*, on record with *fields*. Raises IllegalTransition."""
    application.state = states.advance(states.APPLICATION, application.state, event)
    application.updated_at = tx.now
    _record(tx, application, event, **fields)


def _record(tx: Transaction, application: Application, event: str, **fields: object) -> None:
    body = {
        "application": application.id,
        "event": event,
        "to": application.state,
        "payload_sm3": application.payload_sm3,
        **fields,
    }
    about = ("application", application.id)
    tx.record(LEDGER, "application-v1", body, about=about, audience=(application.enterprise_id,))
