"""Applications: 申请 and 审核 (第十二条、第十三条).

An applicant drafts, corrects, signs and hands in; a reviewer who is not the handler claims and
decides with four recorded findings. What follows an approval is in :mod:`server_stub.issuing`.

One module, because both sides move the same application along the same table.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, field
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from crypto.algorithms import gm
from crypto.asn1 import der
from crypto.frozen import frozen
from crypto.pki.certificate_making import Request
from crypto.pki.names_and_algorithms import CertificateError
from crypto.pki.public_key import PublicKey
from server_stub import policy, states
from server_stub.policy import Actor
from server_stub.records.blobs import SealedBlob, keep, let_go
from server_stub.records.identity import (
    identity_index,
    known_by,
    persons_of_staff,
    tidy_name,
)
from server_stub.records.ledger import LEDGER, Transaction
from server_stub.records.store import (
    Application,
    Enterprise,
    Material,
    Person,
    Seal,
    Staff,
)
from server_stub.records.vault import Vault
from server_stub.signin import INTENT, Decision, decided, intent, signed_by

_ANSWERED = ("reasons", "approvals")
"""What of a payload is about the submission before."""
TWO_REVIEWERS = frozenset({"cancel", "pin_reset"})
"""Kinds of applications that one reviewer does not approve alone."""

READ_BY_PEOPLE = ("letter", "request")
"""Proofs that are documents: whoever approves has opened them."""
_CALLED = {"letter": "letter of authority", "request": "sealed request"}

OPEN = ("drafted", "submitted", "in_review", "returned", "approved")
"""States of an application that is not over."""


class RequestInvalid(Exception):
    """The PKCS#10 request cannot be used."""


class IdentityInvalid(Exception):
    """A citizen number does not check."""


class MaterialMissing(Exception):
    """A document that the proof needs was not uploaded."""


class TooManyOpen(Exception):
    """So many applications of one address, or for one enterprise, are open already."""


@frozen
class Draft:
    """An application as received, syntax checked."""

    uscc: str
    """"": a person's own seal; so are the next three then."""
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
    proof: Mapping[str, str] = field(default_factory=lambda: {"kind": "licence"})
    """Of who may act for the owner: see :mod:`server_stub.appointing`."""
    kind: str = "issue"
    """One of :data:`crypto.seal.application_form.APPLICATIONS`."""
    target: str = ""
    """14-digit code of the seal that it is about; "": one that is yet to be made."""
    cause: str | None = None
    details: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """What else the form of its kind has: ``seal`` and ``token``."""
    address: str = ""
    """Where it came from, as limits count it."""


@frozen
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


@frozen
class Limits:
    """How many applications may be open at once."""

    of_address: int
    for_enterprise: int
    """Of one address: a stranger must not use up what the enterprise may have."""


def draft(tx: Transaction, vault: Vault, form: Draft, limits: Limits | None = None) -> Application:
    """起草: the application exists, nobody looks at it yet. Raises :class:`TooManyOpen`."""
    if limits is not None:
        _check_limits(tx, vault, form, limits)
    application = Application(
        id=f"app_{secrets.token_hex(8)}",
        kind=form.kind,
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
    if (form.spki, form.kind) != (application.spki, application.kind):
        raise RequestInvalid("another key or kind: make another application")
    before = application.payload_sm3
    _fill(tx, vault, application, form)
    application.updated_at = tx.now
    let_go(tx.session, before)
    tx.record(
        LEDGER,
        "application-amended-v1",
        {"application": application.id, "payload_sm3": application.payload_sm3},
        about=("application", application.id),
        audience=policy.owner_of(application).audience,
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
    if application.payload["proof"]["kind"] == "letter" and not _material(
        tx, application, "letter"
    ):
        raise MaterialMissing("the letter of authority is missing")
    if application.payload["proof"]["kind"] == "request":
        asked = _material(tx, application, "request")
        if asked is None or asked != application.payload.get("request", {}).get("sm3"):
            raise MaterialMissing("the sealed request is missing")
    application.signature, application.reason = signature, None
    application.submitted_at = tx.now
    application.payload = {k: v for k, v in application.payload.items() if k not in _ANSWERED}
    if application.payload["proof"]["kind"] == "licence":
        application.awaiting = "licence"
    move(tx, application, "submit", intent=intent(text, signature, spki=application.spki))
    return application


def withdraw(tx: Transaction, actor: Actor, identity: str) -> Application:
    """撤回."""
    tx.act(actor.who)
    application = find(tx.session, actor, "application.withdraw", identity)
    move(tx, application, "withdraw")
    return application


# --- the reviewer's commands -------------------------------------------------------------------


def put_material(
    tx: Transaction,
    actor: Actor,
    identity: str,
    kind: str,
    media_type: str,
    blob: SealedBlob,
    seen: Mapping[str, str] | None = None,
) -> Application:
    """A document that goes with a draft; another one takes its place. *seen*: what the platform saw
    when it verified the sealed request to cancel, and of which body. Raises
    :class:`MaterialMissing`."""
    tx.act(actor.who)
    application = find(tx.session, actor, "application.amend", identity)
    if application.state not in ("drafted", "returned"):
        raise states.IllegalTransition("application", application.state, "add material")
    if seen is not None and seen["payload_sm3"] != application.payload_sm3:  # amended meanwhile
        raise MaterialMissing("the sealed request is of what the application said before")
    row = tx.session.get(Material, (identity, kind))
    if row is None:
        row = Material(application_id=identity, kind=kind)
        tx.session.add(row)
    before = row.blob_sm3
    row.blob_sm3, row.media_type, row.received_at = blob.address, media_type, tx.now
    application.updated_at = tx.now
    if seen is not None:
        application.payload = {**application.payload, kind: {**seen, "sm3": blob.address}}
    keep(tx.session, blob)
    if before is not None and before != blob.address:
        let_go(tx.session, before)
    fields = {"application": identity, "kind": kind, "blob_sm3": blob.address}
    about = ("application", identity)
    tx.record(
        LEDGER, "material-v1", fields, about=about, audience=policy.owner_of(application).audience
    )
    return application


def open_material(tx: Transaction, actor: Actor, identity: str, kind: str) -> Material:
    """A reviewer opens a document: on record, because a letter must be read before it counts."""
    tx.act(actor.who)
    application = find(tx.session, actor, "application.review", identity)
    row = tx.session.get(Material, (identity, kind))
    if row is None:
        raise policy.NotFound
    opened = {**application.payload.get("opened", {})}
    opened[f"{actor.subject} {kind}"] = row.blob_sm3
    application.payload = {**application.payload, "opened": opened}
    fields = {"application": identity, "kind": kind, "blob_sm3": row.blob_sm3}
    tx.record(LEDGER, "material-opened-v1", fields, about=("application", identity))
    return row


def materials(session: Session, identity: str) -> Sequence[Material]:
    """The documents that go with an application."""
    rows = select(Material).where(Material.application_id == identity).order_by(Material.kind)
    return session.scalars(rows).all()


def _material(tx: Transaction, application: Application, kind: str) -> str | None:
    """SM3 of that document, if there is one."""
    found = tx.session.get(Material, (application.id, kind))
    return found.blob_sm3 if found else None


def decision_digest(session: Session, application: Application) -> str:
    """What a reviewer's signature names besides the application: the SM3 of its exact body and of
    each document, apart by spaces."""
    rows = materials(session, application.id)
    return " ".join((application.payload_sm3, *(row.blob_sm3 for row in rows)))


def claim(tx: Transaction, actor: Actor, identity: str) -> Application:
    """A reviewer takes an application; never its own handler (checked by roles)."""
    tx.act(actor.who)
    application = find(tx.session, actor, "application.review", identity)
    if is_own(tx.session, actor, application):
        raise policy.Forbidden(_OWN)
    application.reviewer = actor.subject
    move(tx, application, "claim", reviewer=actor.subject)
    return application


@frozen
class Signed:
    """A reviewer's decision as it was sent."""

    origin: str
    decision: Decision | None


AUTOMATIC = Signed("", None)
"""By the platform's own rules, or the operator at its console: an account, no signature."""


def send_back(
    tx: Transaction,
    actor: Actor,
    identity: str,
    reason: str,
    signed: Signed = AUTOMATIC,
    reasons: Mapping[str, str] | None = None,
) -> Application:
    """退回补正, with what is missing; *reasons*: by field, a path in the application's body. They
    stand in what is signed and on record after the reason (:func:`with_fields`)."""
    return _decide(tx, actor, identity, "return", reason, signed, reasons or {})


def with_fields(reason: str, reasons: Mapping[str, str]) -> str:
    """A reason and those by field in one line, as a reviewer signs them."""
    return "; ".join((reason, *(f"{name}: {reasons[name]}" for name in sorted(reasons))))


def reject(
    tx: Transaction, actor: Actor, identity: str, reason: str, signed: Signed = AUTOMATIC
) -> Application:
    """不予核准: final."""
    return _decide(tx, actor, identity, "reject", reason, signed, {})


def _decide(
    tx: Transaction,
    actor: Actor,
    identity: str,
    event: str,
    reason: str,
    signed: Signed,
    reasons: Mapping[str, str],
) -> Application:
    application = _claimed(tx, actor, identity)
    states.advance(states.APPLICATION, application.state, event)
    kept = _intent(tx, actor, application, event, with_fields(reason, reasons), signed)
    application.reason = reason
    application.payload = {**application.payload, "reasons": dict(reasons)}
    said = {"reason": reason, "reasons": dict(reasons)}
    move(tx, application, event, **said, reviewer=actor.subject, intent=kept)
    return application


def _intent(
    tx: Transaction,
    actor: Actor,
    application: Application,
    verb: str,
    reason: str,
    signed: Signed,
) -> dict[str, str | None] | None:
    digest = decision_digest(tx.session, application)
    return decided(tx, actor, signed.origin, verb, application.id, digest, reason, signed.decision)


def approve(
    tx: Transaction,
    actor: Actor,
    identity: str,
    findings: Findings,
    assessed: Findings,
    signed: Signed = AUTOMATIC,
    against: str = "",
) -> Application:
    """核准: only with all four findings, by whoever has opened the documents that a person must
    read. Two reviewers agree to what ends or unlocks a seal (:data:`TWO_REVIEWERS`), and to what
    the records contradict (*assessed*), then with a reason (*against*) each: after the first one,
    the application waits for another."""
    application = _claimed(tx, actor, identity)
    states.advance(states.APPLICATION, application.state, "approve")
    if not findings.passed:
        raise policy.Forbidden("an application is approved only when all four findings hold")
    proof = application.payload["proof"]["kind"]
    if proof in READ_BY_PEOPLE:
        document = _material(tx, application, proof)
        opened = application.payload.get("opened", {}).get(f"{actor.subject} {proof}")
        if not document or opened != document:
            raise policy.Forbidden(f"the {_CALLED[proof]} was not opened")
    if not assessed.passed and (not against or actor.kind not in ("staff", "operator")):
        raise policy.Forbidden(assessed.reason)
    against = "" if assessed.passed else against
    kept = _intent(tx, actor, application, "approve", against, signed)
    fields: dict[str, object] = {"findings": _four(findings), "assessed": _four(assessed)}
    fields |= {"reviewer": actor.subject, "against": against or None, "intent": kept}
    if not assessed.passed or application.kind in TWO_REVIEWERS:
        one = {"reviewer": actor.subject, "reason": against, "kind": actor.kind}
        earlier = _approvals(application, not assessed.passed)
        application.payload = {**application.payload, "approvals": [*earlier, one]}
        if not earlier:
            wait = "等待第二名审核人"
            application.reason = wait if assessed.passed else f"{assessed.reason}；{wait}"
            body = {"application": identity, **fields}
            type_ = "first-approval-v1" if assessed.passed else "approval-against-v1"
            tx.record(LEDGER, type_, body, about=("application", identity))
            return application
        if one_person(tx.session, earlier[0]["reviewer"], actor.subject):
            raise policy.Forbidden("this takes two reviewers")
        if earlier[0]["kind"] == actor.kind == "operator":
            raise policy.Forbidden("two accounts of one console may be one person")
        application.second_reviewer = actor.subject
    application.findings = _four(findings)
    application.reason = None
    move(tx, application, "approve", **fields)
    return application


def _approvals(application: Application, against: bool) -> list[dict[str, str]]:
    """Who approved before; *against* the records: only those who did so against them, too."""
    given: list[dict[str, str]] = application.payload.get("approvals", [])
    return [each for each in given if each["reason"] or not against]


def agreed_against(application: Application) -> bool:
    """Did two reviewers go against what the records say?"""
    return len(_approvals(application, against=True)) >= 2


def _claimed(tx: Transaction, actor: Actor, identity: str) -> Application:
    tx.act(actor.who)
    application = find(tx.session, actor, "application.review", identity)
    another = application.state == "in_review" and application.reviewer != actor.subject
    if another and not needs_second(application):
        raise policy.Forbidden("another reviewer has claimed this application")
    if is_own(tx.session, actor, application):
        raise policy.Forbidden(_OWN)
    return application


_OWN = "nobody reviews an application of his own"


def one_person(session: Session, first: str, second: str) -> bool:
    """Are two accounts of the platform's people one, or of one person by the identity number that
    both were certified with? Where one has none, only the operator knows."""
    rows = [session.get(Staff, each) for each in (first, second)]
    known = [row.identity_index for row in rows if row is not None]
    return first == second or (len(known) == 2 and None not in known and known[0] == known[1])


def is_own(session: Session, actor: Actor, application: Application) -> bool:
    """Is the reviewer the application's handler or legal representative? Who works for the platform
    is a person, too, and known by the same index of the identity number."""
    people = {application.handler_id, application.legal_rep_id} - {None}
    if actor.person_id in people:
        return True
    return bool(people & persons_of_staff(session, actor.person_id or ""))


def needs_second(application: Application) -> bool:
    """Does it wait for a second reviewer, after a first has approved?"""
    return bool(application.payload.get("approvals")) and application.state == "in_review"


def _four(findings: Findings) -> dict[str, Any]:
    return {name: value for name, value in asdict(findings).items() if name != "reason"}


# --- shared ------------------------------------------------------------------------------------


def find(session: Session, actor: Actor, verb: str, identity: str) -> Application:
    """The application, if *actor* may *verb* it. Raises NotFound or Forbidden."""
    application = session.get(Application, identity)
    if application is None:
        raise policy.NotFound
    policy.allow(actor, verb, policy.owner_of(application), application_id=identity)
    return application


def lapse(tx: Transaction, days: int) -> int:
    """End drafts that were not submitted, and submissions that nobody looked at, in time. Gives how
    many."""
    oldest = tx.now - int(timedelta(days=days) / timedelta(microseconds=1))
    left = tx.session.scalars(
        select(Application).where(
            Application.state.in_(("drafted", "submitted", "returned")),
            Application.updated_at < oldest,
        )
    ).all()
    for application in left:
        move(tx, application, "lapse")
    return len(left)


def _fill(tx: Transaction, vault: Vault, application: Application, form: Draft) -> None:
    handler = person_of(tx, vault, form.handler, form.id_no, form.phone)
    application.handler_id = handler.id
    if form.uscc:
        if (form.legal_rep, form.legal_rep_id_no) == (form.handler, form.id_no):
            legal_rep = handler
        else:
            legal_rep = person_of(tx, vault, form.legal_rep, form.legal_rep_id_no, "")
        application.enterprise_id, application.person_id = _enterprise(tx, form).id, None
        application.legal_rep_id = legal_rep.id
    else:
        application.enterprise_id, application.person_id = None, handler.id
        application.legal_rep_id = None
    application.enterprise_name = form.enterprise_name
    application.subtype, application.physical_code = form.subtype, form.physical_code
    application.target_id = _target(tx, application, form.target)
    application.cause = form.cause
    application.spki, application.payload_sm3 = form.spki, form.payload.address
    keep(tx.session, form.payload)
    application.signature = None
    details = {name: dict(told) for name, told in form.details.items() if told}
    application.payload = {"proof": dict(form.proof), **details}
    application.awaiting = None
    if form.address:  # a correction does not make it another's
        application.address_index = _address_index(vault, form.address)


def _enterprise(tx: Transaction, form: Draft) -> Enterprise:
    known = tx.session.scalar(select(Enterprise).where(Enterprise.uscc == form.uscc))
    if known is not None:
        return known
    enterprise = Enterprise(
        id=f"ent_{secrets.token_hex(8)}",
        uscc=form.uscc,
        name=form.enterprise_name,
        state="claimed",
    )
    tx.session.add(enterprise)
    return enterprise


def _target(tx: Transaction, application: Application, code: str) -> str | None:
    """The seal with that code, of the owner and of the kind that the application says."""
    if not code:
        return None
    seal = tx.session.scalar(select(Seal).where(Seal.seal_code == code))
    if seal is None or policy.owner_of(seal) != policy.owner_of(application):
        raise policy.NotFound
    if seal.subtype != application.subtype or seal.grant_id is not None:
        raise policy.NotFound
    return seal.id


def _address_index(vault: Vault, address: str) -> bytes | None:
    return vault.blind_index("application.address", address) if address else None


def _check_limits(tx: Transaction, vault: Vault, form: Draft, limits: Limits) -> None:
    index = _address_index(vault, form.address)
    if index is None:
        return
    chosen = (
        select(Enterprise.uscc)
        .select_from(Application)
        .outerjoin(Enterprise, Application.enterprise_id == Enterprise.id)
        .where(Application.address_index == index, Application.state.in_(OPEN))
    )
    open_now = tx.session.scalars(chosen).all()
    if len(open_now) >= limits.of_address:
        raise TooManyOpen("of this address")
    if sum((code or "") == form.uscc for code in open_now) >= limits.for_enterprise:
        raise TooManyOpen("for this enterprise")


def person_of(tx: Transaction, vault: Vault, name: str, id_no: str, phone: str) -> Person:
    """The person of that name and number, however spelled, known already or from now on."""
    index = None
    if id_no:
        index = identity_index(vault, name, id_no)
        rows = select(Person).where(Person.identity_index.in_(known_by(vault, name, id_no)))
        found = {row.identity_index: row for row in tx.session.scalars(rows)}
        if found:
            return found.get(index) or next(iter(found.values()))
    identity = f"person_{secrets.token_hex(8)}"
    person = Person(
        id=identity,
        name=tidy_name(name),
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
    tx.record(
        LEDGER, "application-v1", body, about=about, audience=policy.owner_of(application).audience
    )
