"""Who may apply for a seal of an enterprise, and keep it: three proofs (第十二条、第十九条).

A company's or an office seal is applied for with one of

- ``licence``: the legal representative consented on the electronic licence. The platform asks its
  neighbour, whose SM2-signed statement names the handler, the purpose and the hour;
- ``legal_rep``: the legal representative signed with a Ukey of his own. Whose it is, is told by the
  authority that certified it, and compared with the register by the digest of the identity number —
  a name proves nothing;
- ``letter``: a letter of authority, which a human reviewer opens before deciding.

Only the first two are ever decided automatically. Instead of them serve, where the form of the
application says so (:mod:`crypto.seal.application_form`):

- ``personal``, for a person's own seal: a certificate of the applicant's own signs;
- ``seal``: the key of the seal's present certificate signs, which its holder has in hands;
- ``request``: a request to cancel under the enterprise's own seal, which the platform verified when
  it came (:mod:`server_stub.changing.cancelling`), and two reviewers read.

What was proved is what the handler becomes:
handler of that application, keeper of that seal. Legal representative is who the register says.
Apart from an application he appoints others, and ends that, by statements that his Ukey signs.

One module, because each proof is looked at by the same rule: who is it, and of which enterprise?
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from crypto.algorithms import gm
from crypto.algorithms.keys import SM2_WITH_SM3
from crypto.frozen import frozen
from crypto.pki.certificate import Certificate as X509Certificate
from crypto.pki.names_and_algorithms import CertificateError
from crypto.seal.application_form import ISSUE
from server_stub import policy, signin
from server_stub.applying import OPEN, person_of
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
from server_stub.records.store import (
    Application,
    Appointment,
    Certificate,
    Enterprise,
    Material,
    Person,
    Seal,
)
from server_stub.records.vault import Vault
from server_stub.seals import lifecycle

LICENCE, LEGAL_REP, LETTER = "licence", "legal_rep", "letter"
KINDS = (LICENCE, LEGAL_REP, LETTER)

_HOUR = 3600 * signin.SECOND
CONSENT_LIFE = 72 * _HOUR
"""How long a consent on the electronic licence is good."""
PROOF_LIFE = 30 * 24 * _HOUR
"""How long before it is handed in the proof of an application may have been signed."""


def purpose(subtype: str, spki: bytes, kind: str = ISSUE, code: str = "") -> str:
    """What is consented to: that the key *spki* gets a seal of that kind; or that *kind* of
    application for the seal with that *code*."""
    what = "apply-for-and-keep" if kind == ISSUE else f"{kind} {code}"
    return f"{what} {subtype} {gm.sm3(spki).hex()}"


def purpose_of(session: Session, application: Application) -> str:
    """:func:`purpose` of an application."""
    target = session.get(Seal, application.target_id) if application.target_id else None
    code = target.seal_code if target else ""
    return purpose(application.subtype, application.spki, application.kind, code)


def proof_text(origin: str, verb: str, thing: str, purposed: str, at: str) -> str:
    """What a Ukey signs as a proof for an application with that purpose, *at* a time (RFC 3339):
    ``appoint`` *uscc handler* by a legal representative, ``apply`` *handler* by a person, ``keep``
    *seal code* by a seal's holder. The handler is named as by :func:`handler_digest`."""
    digest = gm.sm3(purposed.encode()).hex()
    return signin.DECISION.format(
        origin=origin, verb=verb, object=thing, digest=digest, reason="", at=at
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
        purpose_of(session, application),
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
    proof: Mapping[str, Any] = application.payload.get("proof", {})
    case = _Case(session, neighbours, origin, application, proof)
    case.handler_sm3 = handler_digest(session, vault, application)
    match proof.get("kind"):
        case "licence":
            return case.why_no_consent()
        case "legal_rep":
            return case.why_not_representative()
        case "letter":
            letter = session.get(Material, (application.id, LETTER))
            return "" if letter is not None else "未提交授权书"
        case "personal":
            return case.why_not_oneself()
        case "seal":
            return case.why_not_holder()
        case "request":
            return str(
                application.payload.get("request", {"problem": "未提交注销申请书"})["problem"]
            )
        case "own":
            return ""
    return "没有法定代表人的授权"


@dataclass
class _Case:
    """One proof, and what it is compared with."""

    session: Session
    neighbours: Neighbours
    origin: str
    application: Application
    proof: Mapping[str, Any]
    handler_sm3: str = ""

    @property
    def purpose(self) -> str:
        return purpose_of(self.session, self.application)

    @property
    def code(self) -> str:
        return self.session.get_one(Enterprise, self.application.enterprise_id).uscc

    def signer(self, verb: str, thing: str) -> bytes | None:
        """The certificate (DER) that signed the proof; None if it did not."""
        try:
            text = proof_text(self.origin, verb, thing, self.purpose, self.proof["at"])
            certificate = base64.b64decode(self.proof["certificate"], validate=True)
            key = X509Certificate.parse(certificate).public_key
            signature = base64.b64decode(self.proof["signature"], validate=True)
        except (KeyError, ValueError, CertificateError):
            return None
        return certificate if key.verify(SM2_WITH_SM3, text.encode(), signature) else None

    def why_not_now(self) -> str:
        """Is what was signed old, or was it good for another application already? It must not
        bring back what was ended since."""
        try:
            at = canonical.parse_timestamp(self.proof["at"])
        except ValueError:
            return "授权的签名时间不正确"
        handed_in = self.application.submitted_at or canonical.now()
        if not handed_in - PROOF_LIFE <= at <= handed_in + signin.DECISION_SLACK:
            return "授权的签名已过期，请重新签名"
        return "这份授权已用于另一份申请，请重新签名" if self.signed_before() else ""

    def why_no_consent(self) -> str:
        if "refused" in self.proof:
            return f"法定代表人未在电子营业执照上同意：{self.proof['refused']}"
        if "text" not in self.proof:
            return "法定代表人尚未在电子营业执照上同意"
        consent = SignedConsent(self.proof["text"], bytes.fromhex(self.proof["signature"]))
        key = self.neighbours.licences.public_key
        if not gm.sm2_verify(key, consent.text.encode(), consent.signature):
            return "电子营业执照的同意书签名不正确"
        try:
            wanted = ConsentRequest(self.code, "", self.handler_sm3, self.purpose)
            given_at = consent.given_at(wanted)
        except ValueError:
            return "电子营业执照的同意书不是给本次申请的"
        now = canonical.now()
        if not now - CONSENT_LIFE <= given_at <= now + _HOUR:
            return "电子营业执照的同意书已过期"
        return ""

    def why_not_representative(self) -> str:
        signer = self.signer("appoint", f"{self.code} {self.handler_sm3}")
        if signer is None:
            return "法定代表人的签名不正确"
        entry = self.neighbours.market.enterprise(self.code)
        certified = self.neighbours.identity.certified_as(signer)
        if entry is None or not entry.legal_rep_sm3 or certified != entry.legal_rep_sm3:
            return "签名人不是登记的法定代表人（按身份证件号码核对）"
        return self.why_not_now()

    def signed_before(self) -> bool:
        """Has another application come to its end by the same text?"""
        own = self.application
        others = select(Application).where(
            Application.id != own.id,
            Application.spki == own.spki,
            Application.kind == own.kind,
            Application.subtype == own.subtype,
            Application.enterprise_id == own.enterprise_id,
            Application.state == "fulfilled",
        )
        proofs = (other.payload.get("proof", {}) for other in self.session.scalars(others))
        same = self.proof["kind"], self.proof["at"]
        return any((proof.get("kind"), proof.get("at")) == same for proof in proofs)

    def why_not_oneself(self) -> str:
        signer = self.signer("apply", self.handler_sm3)
        if signer is None:
            return "本人的证书或签名不正确"
        if self.neighbours.identity.certified_as(signer) != self.handler_sm3:
            return "签名人不是申请人本人（按身份证件号码核对）"
        return self.why_not_now()

    def why_not_holder(self) -> str:
        target = self.session.get(Seal, self.application.target_id or "")
        signer = self.signer("keep", target.seal_code if target else "")
        held = self.session.get(Certificate, target.certificate_sn) if target else None
        if held is None or signer is None or signer != held.der:
            return "该印章现用证书的签名不正确"
        now = canonical.now()
        if held.state != "active" or not held.not_before <= now <= held.not_after:
            return "该印章现用的证书已失效，请由法定代表人授权"
        if held.person_id != self.application.handler_id:
            return "经办人不是该印章的持有人"
        return self.why_not_now()


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
    if application.enterprise_id is None:
        return  # a person's own: its holder is its owner
    if not own and legal_rep_sm3 == handler_digest(tx.session, vault, application):
        known = tx.session.scalars(
            select(Appointment).where(
                Appointment.enterprise_id == application.enterprise_id,
                Appointment.role == "legal_rep",
                Appointment.until.is_(None),
            )
        ).all()
        for appointment in known:
            if appointment.person_id != application.handler_id:
                appointment.until = tx.now
                tx.session.flush()
                lifecycle.end_grants_of(tx, appointment)
        if all(appointment.person_id != application.handler_id for appointment in known):
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


# --- apart from an application -----------------------------------------------------------------


@frozen
class Statement:
    """What a representative's own Ukey says about the people of an enterprise, as received."""

    uscc: str
    verb: str
    """appoint, end-appointment, list-appointments, suspend or resume."""
    object: str
    digest: str
    """Of the person that is appointed (:func:`identity_digest`); "-" otherwise."""
    certificate: bytes
    """DER: of a seal of the enterprise that he holds, or his personal one."""
    decision: signin.Decision
    reason: str = ""
    """Of a suspension."""

    def text(self, origin: str) -> str:
        """What was signed."""
        return signin.DECISION.format(
            origin=origin,
            verb=self.verb,
            object=f"{self.uscc} {self.object}",
            digest=self.digest,
            reason=self.reason,
            at=self.decision.at,
        )


@frozen
class Representative:
    """Who made a :class:`Statement`, found to be the enterprise's legal representative."""

    who: policy.Who
    intent: Mapping[str, str | None]
    """For the ledger."""
    sm3: str
    """Of the text: the same statement twice is one act."""


def representative(platform: Platform, said: Statement) -> Representative:
    """Who signed *said*, if that is whom the register has as legal representative now, by the
    digest of the identity number.

    Raises :class:`server_stub.policy.Forbidden`, :class:`.signin.SignatureInvalid`."""
    try:
        at = canonical.parse_timestamp(said.decision.at)
        key = X509Certificate.parse(said.certificate).public_key
    except (ValueError, CertificateError) as error:
        raise signin.SignatureInvalid("the certificate or the time cannot be read") from error
    if abs(at - canonical.now()) > signin.DECISION_SLACK:
        raise signin.SignatureInvalid("the statement is of another time: look at the clock")
    text = said.text(platform.origin)
    signed = said.decision.signature
    signin.signed_by(key, text, signed)
    entry = platform.neighbours.market.enterprise(said.uscc)
    person, digest, sn = _known_holder(platform, said.certificate, said.uscc)
    digest = digest or platform.neighbours.identity.certified_as(said.certificate)
    if entry is None or not entry.legal_rep_sm3 or digest != entry.legal_rep_sm3:
        raise policy.Forbidden("only the registered legal representative may say this")
    spki = None if sn else key.spki
    return Representative(
        policy.Who(sn or "legal representative", person, sn),
        signin.intent(text, signed, certificate=sn, spki=spki),
        gm.sm3(text.encode()).hex(),
    )


def _known_holder(
    platform: Platform, certificate: bytes, uscc: str
) -> tuple[str | None, str | None, str | None]:
    """Person, identity digest and serial number of whoever holds a *certificate* of ours that is in
    force; None of them for another's.

    Only a seal of the enterprise *uscc* or a personal one counts: whom another enterprise names as
    its handler, and who took up the offer of a seal, has not proved to be that person."""
    with platform.reading() as session:
        try:
            row = signin.usable(session, certificate, canonical.now())
        except signin.CertificateNotValid:
            return None, None, None
        person = session.get(Person, row.person_id) if row.person_id else None
        if person is None or person.id_no_enc is None:
            return None, None, None
        if row.enterprise_id is None:
            proved = person.identity_index is not None  # else see lending.accepting
        else:
            proved = session.get_one(Enterprise, row.enterprise_id).uscc == uscc
        if not proved:
            return None, None, None
        number = platform.vault.open(f"person.id_no:{person.id}", person.id_no_enc).decode()
        return person.id, identity_digest(number), row.sn


def give(
    tx: Transaction,
    vault: Vault,
    by: Representative,
    uscc: str,
    role: str,
    about: str,
    name: str,
    id_no: str,
) -> Appointment:
    """Appoint somebody keeper of the seal, or handler of the application, that *about* names (a
    seal by its code). Who is it already stays it; the same statement again changes nothing.

    Raises :class:`server_stub.policy.NotFound`."""
    tx.act(by.who)
    enterprise = tx.session.scalar(select(Enterprise).where(Enterprise.uscc == uscc))
    if enterprise is None:
        raise policy.NotFound
    seal = application = None
    if role == "keeper":
        row = tx.session.scalar(select(Seal).where(Seal.seal_code == about))
        if row is None or row.enterprise_id != enterprise.id or row.state == "cancelled":
            raise policy.NotFound
        seal = row.id
    else:
        found = tx.session.get(Application, about)
        if found is None or found.enterprise_id != enterprise.id or found.state not in OPEN:
            raise policy.NotFound
        application = found.id
    person = person_of(tx, vault, name, id_no, "")
    for known in tx.session.scalars(_appointments(enterprise.id)):
        same = (known.role, known.seal_id, known.application_id) == (role, seal, application)
        if known.proof.get("statement_sm3") == by.sm3 or (
            same and known.person_id == person.id and known.until is None
        ):
            return known
    made = Appointment(
        id=f"appointment_{secrets.token_hex(8)}",
        enterprise_id=enterprise.id,
        person_id=person.id,
        role=role,
        seal_id=seal,
        application_id=application,
        since=tx.now,
        proof={"kind": "statement", "statement_sm3": by.sm3},
    )
    tx.session.add(made)
    _record_appointment(tx, made, "give", by)
    return made


def end(tx: Transaction, by: Representative, uscc: str, identity: str) -> Appointment:
    """End an appointment of a keeper or handler now; one that is over stays as it is.

    Raises :class:`server_stub.policy.NotFound`, :class:`server_stub.policy.Forbidden`."""
    tx.act(by.who)
    row = tx.session.get(Appointment, identity)
    if row is None or tx.session.get_one(Enterprise, row.enterprise_id).uscc != uscc:
        raise policy.NotFound
    if row.role == "legal_rep":
        raise policy.Forbidden("who is legal representative is said by the register")
    if row.until is None:
        row.until = tx.now
        _record_appointment(tx, row, "end", by)
        lifecycle.end_grants_of(tx, row)
    return row


def of_enterprise(session: Session, uscc: str) -> Sequence[Appointment]:
    """The appointments of an enterprise, newest first."""
    found = session.scalar(select(Enterprise.id).where(Enterprise.uscc == uscc))
    return session.scalars(_appointments(found or "")).all()


def _appointments(enterprise_id: str) -> Select[Appointment]:
    rows = select(Appointment).where(Appointment.enterprise_id == enterprise_id)
    return rows.order_by(Appointment.since.desc(), Appointment.id)


def _record_appointment(tx: Transaction, row: Appointment, event: str, by: Representative) -> None:
    tx.session.flush()
    fields = {"appointment": row.id, "event": event, "role": row.role, "intent": dict(by.intent)}
    about = ("appointment", row.id)
    tx.record(LEDGER, "appointment-v1", fields, about=about, audience=(row.enterprise_id,))
