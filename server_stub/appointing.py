"""Who may apply for a seal of an enterprise, and keep it: three proofs (第十二条、第十九条).

A company's or an office seal is applied for with one of

- ``licence``: the legal representative consented on the electronic licence. The platform asks its
  neighbour, whose SM2-signed statement names the handler, the purpose and the hour;
- ``legal_rep``: the legal representative signed with a Ukey of his own. Whose it is, is told by the
  authority that certified it, and compared with the register by the digest of the identity number —
  a name proves nothing;
- ``letter``: a letter of authority, which a human reviewer opens before deciding.

Only the first two are ever decided automatically. What was proved is what the handler becomes:
handler of that application, keeper of that seal. Legal representative is who the register says.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from crypto.algorithms import gm
from crypto.algorithms.keys import SM2_WITH_SM3
from crypto.pki.certificate import Certificate as X509Certificate
from crypto.pki.names_and_algorithms import CertificateError
from server_stub import policy, signin
from server_stub.context import Platform
from server_stub.neighbours.adapters import (
    ConsentRefused,
    ConsentRequest,
    NeighbourError,
    Neighbours,
    SignedConsent,
    identity_digest,
)
from server_stub.records import canonical
from server_stub.records.ledger import LEDGER, Transaction
from server_stub.records.store import Application, Appointment, Enterprise, Material, Person
from server_stub.records.vault import Vault

LICENCE, LEGAL_REP, LETTER = "licence", "legal_rep", "letter"
KINDS = (LICENCE, LEGAL_REP, LETTER)

_HOUR = 3600 * signin.SECOND
CONSENT_LIFE = 72 * _HOUR
"""How long a consent on the electronic licence is good."""


def purpose(subtype: str, spki: bytes) -> str:
    """What a representative consents to: that the key *spki* gets a seal of that kind."""
    return f"apply-for-and-keep {subtype} {gm.sm3(spki).hex()}"


def legal_rep_text(origin: str, uscc: str, handler_sm3: str, subtype: str, spki: bytes) -> str:
    """What a representative's own Ukey signs, for the proof ``legal_rep``."""
    return signin.INTENT.format(
        origin=origin,
        verb="appoint",
        object=f"{uscc} {handler_sm3}",
        payload_sm3=gm.sm3(purpose(subtype, spki).encode()).hex(),
    )


def handler_digest(session: Session, vault: Vault, application: Application) -> str:
    """How the handler is named in consents and signed texts."""
    handler = session.get_one(Person, application.handler_id)
    number = vault.open(f"person.id_no:{handler.id}", handler.id_no_enc or b"").decode()
    return identity_digest(number)


# --- the electronic licence --------------------------------------------------------------------


def ask(platform: Platform, session: Session, application: Application) -> None:
    """Ask the electronic licence for the consent that *application* waits for."""
    enterprise = session.get_one(Enterprise, application.enterprise_id)
    handler = session.get_one(Person, application.handler_id)
    request = ConsentRequest(
        enterprise.uscc,
        handler.name,
        handler_digest(session, platform.vault, application),
        purpose(application.subtype, application.spki),
    )
    try:
        consent = platform.neighbours.licences.consent(request)
    except ConsentRefused as error:
        platform.ledger.write(_refused, application.id, str(error)).result()
        return
    except NeighbourError:
        return  # asked again at the next look
    if consent is not None:
        platform.ledger.write(_consented, application.id, consent).result()


def _consented(tx: Transaction, identity: str, consent: SignedConsent) -> None:
    proof = {"text": consent.text, "signature": consent.signature.hex()}
    _answered(tx, identity, proof)


def _refused(tx: Transaction, identity: str, reason: str) -> None:
    _answered(tx, identity, {"refused": reason})


def _answered(tx: Transaction, identity: str, answer: Mapping[str, str]) -> None:
    application = tx.session.get_one(Application, identity)
    if application.awaiting != LICENCE:
        return
    application.awaiting = None
    application.payload = {**application.payload, "proof": {"kind": LICENCE, **answer}}
    said = "".join(answer.values()).encode()
    fields = {"application": identity, "kind": LICENCE, "sm3": gm.sm3(said).hex()}
    about = ("application", identity)
    tx.record(
        LEDGER, "proof-v1", fields, about=about, audience=policy.owner_of(application).audience
    )


# --- judging -----------------------------------------------------------------------------------


def why_not(
    session: Session,
    vault: Vault,
    neighbours: Neighbours,
    origin: str,
    application: Application,
) -> str:
    """Why the applicant may not act for the enterprise, in words for a reviewer; "" if it may."""
    code = session.get_one(Enterprise, application.enterprise_id).uscc
    handler_sm3 = handler_digest(session, vault, application)
    proof: Mapping[str, Any] = application.payload.get("proof", {})
    match proof.get("kind"):
        case "licence":
            return _why_no_consent(neighbours, application, proof, code, handler_sm3)
        case "legal_rep":
            return _why_not_representative(
                neighbours, origin, application, proof, code, handler_sm3
            )
        case "letter":
            letter = session.get(Material, (application.id, LETTER))
            return "" if letter is not None else "未提交授权书"
        case "own":
            return ""
    return "没有法定代表人的授权"


def _why_no_consent(
    neighbours: Neighbours,
    application: Application,
    proof: Mapping[str, Any],
    code: str,
    handler_sm3: str,
) -> str:
    if "refused" in proof:
        return f"法定代表人未在电子营业执照上同意：{proof['refused']}"
    if "text" not in proof:
        return "法定代表人尚未在电子营业执照上同意"
    consent = SignedConsent(proof["text"], bytes.fromhex(proof["signature"]))
    if not gm.sm2_verify(neighbours.licences.public_key, consent.text.encode(), consent.signature):
        return "电子营业执照的同意书签名不正确"
    wanted = ConsentRequest(code, "", handler_sm3, purpose(application.subtype, application.spki))
    try:
        given_at = consent.given_at(wanted)
    except ValueError:
        return "电子营业执照的同意书不是给本次申请的"
    now = canonical.now()
    if not now - CONSENT_LIFE <= given_at <= now + _HOUR:
        return "电子营业执照的同意书已过期"
    return ""


def _why_not_representative(
    neighbours: Neighbours,
    origin: str,
    application: Application,
    proof: Mapping[str, Any],
    code: str,
    handler_sm3: str,
) -> str:
    entry = neighbours.market.enterprise(code)
    text = legal_rep_text(origin, code, handler_sm3, application.subtype, application.spki)
    try:
        certificate = base64.b64decode(proof["certificate"], validate=True)
        key = X509Certificate.parse(certificate).public_key
        signature = base64.b64decode(proof["signature"], validate=True)
    except (KeyError, ValueError, CertificateError):
        return "法定代表人的证书或签名无法读取"
    if not key.verify(SM2_WITH_SM3, text.encode(), signature):
        return "法定代表人的签名不正确"
    certified = neighbours.identity.certified_as(certificate)
    if entry is None or not entry.legal_rep_sm3 or certified != entry.legal_rep_sm3:
        return "签名人不是登记的法定代表人（按身份证件号码核对）"
    return ""


# --- appointing --------------------------------------------------------------------------------


def appoint(
    tx: Transaction,
    vault: Vault,
    application: Application,
    seal_id: str,
    legal_rep_sm3: str,
) -> None:
    """What the proof of a fulfilled application makes its handler: keeper of the seal, handler of
    the application; legal representative if that is who the register says (*legal_rep_sm3*), and
    then nobody else is."""
    proof = {"kind": application.payload.get("proof", {}).get("kind", "own")}
    places: list[tuple[str, str | None, str | None]] = [
        ("handler", None, application.id),
        ("keeper", seal_id, None),
    ]
    own = proof["kind"] == "own"  # the platform's: nobody's number
    if not own and legal_rep_sm3 == handler_digest(tx.session, vault, application):
        known = tx.session.scalars(
            select(Appointment).where(
                Appointment.enterprise_id == application.enterprise_id,
                Appointment.role == "legal_rep",
                Appointment.until.is_(None),
            )
        ).all()
        for each in known:
            if each.person_id != application.handler_id:
                each.until = tx.now
        if all(each.person_id != application.handler_id for each in known):
            places.append(("legal_rep", None, None))
    for role, seal, handled in places:
        tx.session.add(
            Appointment(
                id=f"appointment_{secrets.token_hex(8)}",
                enterprise_id=application.enterprise_id,
                person_id=application.handler_id,
                role=role,
                seal_id=seal,
                application_id=handled,
                since=tx.now,
                proof={**proof, "application": application.id},
            )
        )
