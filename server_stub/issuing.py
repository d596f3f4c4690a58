"""From application to seal: 申请 → 审核 → 制作 → 备案 → 领取 (第十二条 to 第十五条).

Commands (functions that take a ``Transaction``) change state; :func:`assess` and :func:`make` ask
the neighbours first, outside any transaction, because the one writer waits for nobody.
"""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from crypto import der, gm, x509
from crypto.seal import make_seal
from crypto.x509_make import Request
from server_stub import policy, records, sealing, states, uscc
from server_stub.adapters import FiledSeal, NeighbourError, Neighbours, RegisteredEnterprise
from server_stub.authority import HOLDER_LIFE, SEAL_MAKER, Authority, holder_subject
from server_stub.ledger import LEDGER, Ledger, Transaction
from server_stub.policy import Actor
from server_stub.settings import Settings
from server_stub.signin import INTENT, signed_by
from server_stub.store import (
    Application,
    Certificate,
    Enterprise,
    Filing,
    Membership,
    Person,
    PhysicalSeal,
    Seal,
)
from server_stub.vault import Blobs, Vault

REVIEWER = "自动审核（模拟）"


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
    payload_sm3: str
    """Blob address of the exact body."""


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
    except x509.CertificateError as error:
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
        enterprise=application.enterprise_id,
    )
    return application


def submit(
    tx: Transaction, actor: Actor, origin: str, identity: str, signature: bytes
) -> Application:
    """提交, with the applicant's signature over exactly what was drafted (第十二条 电子签名)."""
    application = find(tx.session, actor, "application.submit", identity)
    states.advance(states.APPLICATION, application.state, "submit")
    text = INTENT.format(
        origin=origin, verb="submit", object=identity, payload_sm3=application.payload_sm3
    )
    signed_by(x509.PublicKey.parse(der.parse(application.spki)), text, signature)
    application.signature, application.reason = signature, None
    _move(tx, application, "submit", signature=signature.hex(), signed_text=text)
    return application


def withdraw(tx: Transaction, actor: Actor, identity: str) -> Application:
    """撤回."""
    application = find(tx.session, actor, "application.withdraw", identity)
    _move(tx, application, "withdraw")
    return application


# --- the reviewer's commands -------------------------------------------------------------------


def claim(tx: Transaction, actor: Actor, identity: str) -> Application:
    """A reviewer takes an application; never its own handler (checked by roles)."""
    application = find(tx.session, actor, "application.review", identity)
    application.reviewer = actor.subject
    _move(tx, application, "claim", reviewer=actor.subject)
    return application


def send_back(tx: Transaction, actor: Actor, identity: str, reason: str) -> Application:
    """退回补正, with what is missing."""
    application = _claimed(tx.session, actor, identity)
    application.reason = reason
    _move(tx, application, "return", reason=reason, reviewer=actor.subject)
    return application


def reject(tx: Transaction, actor: Actor, identity: str, reason: str) -> Application:
    """不予核准: final."""
    application = _claimed(tx.session, actor, identity)
    application.reason = reason
    _move(tx, application, "reject", reason=reason, reviewer=actor.subject)
    return application


def approve(tx: Transaction, actor: Actor, identity: str, findings: Findings) -> Application:
    """核准: only with all four findings."""
    application = _claimed(tx.session, actor, identity)
    if not findings.passed:
        raise policy.Forbidden("an application is approved only when all four findings hold")
    application.findings = _four(findings)
    application.reason = None
    _move(tx, application, "approve", findings=_four(findings), reviewer=actor.subject)
    return application


def _claimed(session: Session, actor: Actor, identity: str) -> Application:
    application = find(session, actor, "application.review", identity)
    if application.state == "in_review" and application.reviewer != actor.subject:
        raise policy.Forbidden("another reviewer has claimed this application")
    return application


def _four(findings: Findings) -> dict[str, Any]:
    return {name: value for name, value in asdict(findings).items() if name != "reason"}


# --- what needs the neighbours -----------------------------------------------------------------


def assess(
    session: Session, vault: Vault, neighbours: Neighbours, application: Application
) -> Findings:
    """What the records of register, identity check and police say about *application*: the
    recorded decisions that the simulated reviewer takes, and the list a human reviewer sees."""
    enterprise = session.get_one(Enterprise, application.enterprise_id)
    entry = neighbours.market.enterprise(enterprise.uscc)
    until = neighbours.licences.valid_until(enterprise.uscc)
    seal = neighbours.police.filed_seal(enterprise.uscc, application.subtype)
    now = records.now()
    why: list[str] = []

    def holds(fact: bool, otherwise: str) -> bool:
        if not fact:
            why.append(otherwise)
        return fact

    lawful = holds(
        entry is not None and entry.status == "active" and (until is None or until > now),
        "市场主体登记中查无此企业，或其营业执照已失效",
    )
    complete = holds(application.signature is not None, "申请未经电子签名")
    authentic = holds(
        _is_who_it_says(session, vault, neighbours, application, entry),
        "企业名称、法定代表人或经办人身份与登记信息不一致",
    )
    reasonable = holds(
        seal is not None
        and seal.status in ("filed", "delivered")
        and (application.physical_code in (None, seal.code))
        and not _has_twin(session, seal),
        "公安机关无可用的备案实物印章，或该印章已制作电子印章",
    )
    return Findings(lawful, complete, authentic, reasonable, "；".join(why))


def _is_who_it_says(
    session: Session,
    vault: Vault,
    neighbours: Neighbours,
    application: Application,
    entry: RegisteredEnterprise | None,
) -> bool:
    if entry is None:
        return False
    handler = session.get_one(Person, application.handler_id)
    number = vault.open(f"person.id_no:{handler.id}", handler.id_no_enc or b"").decode()
    legal_rep = session.get(Person, application.legal_rep_id)
    return (
        entry.name == application.enterprise_name
        and legal_rep is not None
        and entry.legal_rep == legal_rep.name
        and neighbours.identity.matches(handler.name, number)
    )


def _has_twin(session: Session, filed: FiledSeal) -> bool:
    twins = select(Seal.id).where(
        Seal.physical_code == filed.code, Seal.state.not_in(("cancelled", "expired"))
    )
    return session.scalar(twins.limit(1)) is not None


@dataclass(frozen=True)
class Workshop:
    """What making a seal needs."""

    settings: Settings
    ledger: Ledger
    authority: Authority
    neighbours: Neighbours
    blobs: Blobs


def make(shop: Workshop, session: Session, application: Application) -> None:
    """制作: fetch the filed imprint, certify the applicant's key, sign the seal data, and put all
    of it on record in one step. What the police's file contradicts goes back into review."""
    try:
        made = _make(shop, session, application)
    except (NeighbourError, ValueError) as error:
        shop.ledger.write(fail, application.id, str(error)).result()
        return
    shop.ledger.write(fulfil, application.id, made).result()


@dataclass(frozen=True)
class Made:
    """All that one made seal consists of."""

    entry: RegisteredEnterprise
    filed: FiledSeal
    seal_code: str
    certificate: bytes
    seal_sm3: str
    valid_from: int
    valid_until: int


def _make(shop: Workshop, session: Session, application: Application) -> Made:
    enterprise = session.get_one(Enterprise, application.enterprise_id)
    entry = shop.neighbours.market.enterprise(enterprise.uscc)
    filed = shop.neighbours.police.filed_seal(enterprise.uscc, application.subtype)
    if entry is None or filed is None:
        raise NeighbourError("the register or the police no longer know it")
    picture = shop.neighbours.police.imprint(filed.code)
    if gm.sm3(picture).hex() != filed.imprint_sm3:  # 同章同模 (第十四条)
        raise NeighbourError("the imprint is not the one that was filed")
    _check_picture(picture, filed)

    region = uscc.region_of(enterprise.uscc)
    region = region if region in uscc.REGIONS else shop.settings.region
    seal_code = shop.neighbours.national.assign_code(region)
    now = records.moment(records.now()).replace(microsecond=0)
    ends = [filed.valid_until, shop.neighbours.licences.valid_until(enterprise.uscc)]
    limits = [records.moment(end) for end in ends if end is not None]
    until = min([now + HOLDER_LIFE, *limits])  # 第十七条
    subject = holder_subject(seal_code, enterprise.uscc, entry.name)
    certificate = shop.authority.issue(subject, application.spki, now, until)
    until = min(until, x509.Certificate.parse(certificate).not_after)
    data = make_seal(
        es_id=seal_code,
        vendor=shop.settings.vendor_id,
        seal_type=sealing.KINDS[application.subtype][1],
        name=filed.name,
        signer_certificates=[certificate],
        created=now,
        valid_from=now,
        valid_until=until,
        picture=picture,
        width_mm=filed.width_mm,
        height_mm=filed.height_mm,
        maker=shop.authority.key(SEAL_MAKER),
    )
    shop.blobs.put(picture)
    return Made(
        entry,
        filed,
        seal_code,
        certificate,
        shop.blobs.put(data),
        records.microseconds(now),
        records.microseconds(until),
    )


def _check_picture(picture: bytes, filed: FiledSeal) -> None:
    """PNG, and as wide to high as the seal is in millimetres (to 2 %), 300 to 1200 dpi."""
    if picture[:8] != b"\x89PNG\r\n\x1a\n" or picture[12:16] != b"IHDR":
        raise NeighbourError("the filed imprint is not a PNG")
    width, height = (int.from_bytes(picture[at : at + 4], "big") for at in (16, 20))
    dpi = width / filed.width_mm * 25.4
    if (
        not 290 <= dpi <= 1220
        or abs(height * filed.width_mm / (width * filed.height_mm) - 1) > 0.02
    ):
        raise NeighbourError("the filed imprint does not have the filed size")


def fail(tx: Transaction, identity: str, reason: str) -> None:
    """Making was not possible: back to the reviewer, with the reason."""
    application = tx.session.get_one(Application, identity)
    application.reason = reason
    _move(tx, application, "fail", reason=reason)


def fulfil(tx: Transaction, identity: str, made: Made) -> None:
    """Everything about a made seal at once: enterprise as registered, members, physical seal,
    certificate, seal, the filing for the police (第十五条), the application's end."""
    application = tx.session.get_one(Application, identity)
    states.advance(states.APPLICATION, application.state, "fulfil")
    enterprise = tx.session.get_one(Enterprise, application.enterprise_id)
    enterprise.name, enterprise.state = made.entry.name, "registered"
    enterprise.licence_until = made.entry.licence_until
    enterprise.legal_rep_id = application.legal_rep_id
    roles = {"handler", "keeper"}
    if application.handler_id == application.legal_rep_id:
        roles.add("legal_rep")
    for role in sorted(roles):
        place = (enterprise.id, application.handler_id, role)
        if tx.session.get(Membership, place) is None:
            member = dict(zip(("enterprise_id", "person_id", "role"), place, strict=True))
            tx.session.add(Membership(**member, since=tx.now, until=None))
    filed = made.filed
    tx.session.merge(
        PhysicalSeal(
            code=filed.code,
            enterprise_id=enterprise.id,
            subtype=filed.subtype,
            name=filed.name,
            shape=filed.shape,
            width_mm=filed.width_mm,
            height_mm=filed.height_mm,
            imprint_sm3=filed.imprint_sm3,
            status=filed.status,
            valid_until=filed.valid_until,
        )
    )
    certificate = _certificate(tx, made.certificate)
    certificate.enterprise_id, certificate.person_id = enterprise.id, application.handler_id
    seal = Seal(
        id=f"seal_{secrets.token_hex(8)}",
        seal_code=made.seal_code,
        kind=sealing.KINDS[application.subtype][0],
        subtype=application.subtype,
        name=filed.name,
        enterprise_id=enterprise.id,
        application_id=application.id,
        physical_code=filed.code,
        certificate_sn=certificate.sn,
        valid_from=made.valid_from,
        valid_until=made.valid_until,
        seal_sm3=made.seal_sm3,
        imprint_sm3=filed.imprint_sm3,
    )
    tx.session.flush()  # the certificate, before the change looks at it
    with tx.session.no_autoflush:  # the seal's state is set by its first change
        tx.session.add(seal)
        sealing.change(tx, seal, "make", "platform")
    tx.session.flush()
    queue_filing(tx, seal, "make")
    application.seal_id = seal.id
    _move(tx, application, "fulfil", seal=seal.id, seal_code=seal.seal_code)


def certify_staff(
    tx: Transaction, authority: Authority, identity: str, name: str, request: bytes
) -> bytes:
    """A certificate for a member of staff (who signs in as a holder does), DER."""
    subject = x509.Name.build([("C", "CN"), ("O", "平台工作人员"), ("CN", name)])
    now = records.moment(tx.now).replace(microsecond=0)
    issued = authority.issue(subject, read_request(request), now, now + timedelta(days=365))
    row = _certificate(tx, issued)
    row.staff_id = identity
    sealing.move_certificate(tx, row, "activate")
    return issued


def _certificate(tx: Transaction, data: bytes) -> Certificate:
    parsed = x509.Certificate.parse(data)
    state = states.advance(states.CERTIFICATE, states.START, "request")
    row = Certificate(
        sn=f"{parsed.serial:x}",
        subject=str(parsed.subject),
        der=data,
        state=states.advance(states.CERTIFICATE, state, "issue"),
        since=tx.now,
        not_before=records.microseconds(parsed.not_before),
        not_after=records.microseconds(parsed.not_after),
    )
    tx.session.add(row)
    return row


# --- filing with the police --------------------------------------------------------------------


def queue_filing(tx: Transaction, seal: Seal, event: str) -> None:
    """Put a report about *seal* into the outbox (第十五条 备案存证)."""
    state = states.advance(states.FILING, states.START, "queue")
    filing = Filing(
        id=f"filing_{secrets.token_hex(8)}",
        seal_id=seal.id,
        event=event,
        state=state,
        attempts=0,
        due_at=tx.now,
    )
    tx.session.add(filing)
    _record_filing(tx, filing, seal)


MAX_ATTEMPTS = 12
_MINUTE = 60_000_000


def deliver(shop: Workshop, session: Session, filing: Filing) -> None:
    """Send one report; after a failure it is due again in 2^attempts minutes, at most 12 times."""
    seal = session.get_one(Seal, filing.seal_id)
    report = records.canonical(
        {
            "filing": filing.id,
            "event": filing.event,
            "seal_code": seal.seal_code,
            "physical_code": seal.physical_code,
            "name": seal.name,
            "seal_sm3": seal.seal_sm3,
            "imprint_sm3": seal.imprint_sm3,
        }
    )
    try:
        receipt = shop.neighbours.police.file(report)
    except NeighbourError:
        shop.ledger.write(filing_failed, filing.id).result()
        return
    shop.ledger.write(filing_receipted, filing.id, receipt).result()


def filing_receipted(tx: Transaction, identity: str, receipt: str) -> None:
    """The police took it."""
    filing = tx.session.get_one(Filing, identity)
    for event in ("send", "receipt"):
        filing.state = states.advance(states.FILING, filing.state, event)
    filing.receipt = receipt
    filing.attempts += 1
    _record_filing(tx, filing, tx.session.get_one(Seal, filing.seal_id))


def filing_failed(tx: Transaction, identity: str) -> None:
    """The police did not take it; later again, or an operator must look."""
    filing = tx.session.get_one(Filing, identity)
    filing.attempts += 1
    last = filing.attempts >= MAX_ATTEMPTS
    for event in ("send", "fail", "give_up" if last else "retry"):
        filing.state = states.advance(states.FILING, filing.state, event)
    filing.due_at = tx.now + (_MINUTE << filing.attempts)
    _record_filing(tx, filing, tx.session.get_one(Seal, filing.seal_id))


def _record_filing(tx: Transaction, filing: Filing, seal: Seal) -> None:
    fields = {
        "filing": filing.id,
        "seal": seal.id,
        "event": filing.event,
        "state": filing.state,
        "receipt": filing.receipt,
        "attempts": filing.attempts,
    }
    about = ("filing", filing.id)
    tx.record(LEDGER, "filing-v1", fields, about=about, enterprise=seal.enterprise_id)


# --- shared ------------------------------------------------------------------------------------


def find(session: Session, actor: Actor, verb: str, identity: str) -> Application:
    """The application, if *actor* may *verb* it. Raises NotFound or Forbidden."""
    application = session.get(Application, identity)
    if application is None:
        raise policy.NotFound
    policy.allow(actor, verb, enterprise_id=application.enterprise_id, application_id=identity)
    return application


def lapse(tx: Transaction, days: int) -> int:
    """Drafts that nobody went on with end. Gives how many."""
    oldest = tx.now - int(timedelta(days=days) / timedelta(microseconds=1))
    left = tx.session.scalars(
        select(Application).where(
            Application.state.in_(("drafted", "returned")), Application.updated_at < oldest
        )
    ).all()
    for application in left:
        _move(tx, application, "lapse")
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
    application.spki, application.payload_sm3 = form.spki, form.payload_sm3
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


def _move(tx: Transaction, application: Application, event: str, **fields: object) -> None:
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
    tx.record(LEDGER, "application-v1", body, about=about, enterprise=application.enterprise_id)
