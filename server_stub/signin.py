"""Sign-in with the Ukey: challenge, signature, opaque token (docs/design/platform.md §2.5).

Every text a Ukey signs for the platform begins with its own fixed line and names the platform's
origin, so that a signature given to one server, or for one purpose, is good for nothing else.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import replace

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from crypto.algorithms import gm
from crypto.algorithms.keys import SM2_WITH_SM3
from crypto.asn1 import der
from crypto.frozen import frozen
from crypto.pki.certificate import Certificate as X509Certificate
from crypto.pki.names_and_algorithms import CertificateError
from crypto.pki.public_key import PublicKey
from server_stub import policy
from server_stub.policy import Actor
from server_stub.records.canonical import parse_timestamp
from server_stub.records.ledger import LEDGER, Transaction
from server_stub.records.store import (
    Application,
    Appointment,
    Certificate,
    Challenge,
    PolicyApprover,
    Seal,
    SealChange,
    SealCopy,
    SealGrant,
    SignIn,
    Staff,
)
from server_stub.settings import Settings

LOGIN = "SUQIAN-SEAL-LOGIN-V1\n{origin}\nlogin\n{nonce}\n{subject}\n{expires}\n"
DECISION = "SUQIAN-SEAL-INTENT-V2\n{origin}\n{verb}\n{object}\n{digest}\n{reason}\n{at}\n"
INTENT = "SUQIAN-SEAL-INTENT-V1\n{origin}\n{verb}\n{object}\n{payload_sm3}\n"
COLLECT = "SUQIAN-SEAL-COLLECT-V1\n{origin}\n{seal}\n{seal_sm3}\n{certificate}\n"

SECOND = 1_000_000
REPORTER = "reporter"
"""The only role of a session that was opened to report uses (:mod:`server_stub.lending`)."""
KEY_IN_DOUBT = ("lost", "key_compromised")
"""Reasons why a seal is stopped: its Ukey may be in wrong hands, and must not lift that."""
_STAMPING = frozenset({"keeper", "legal_rep", "owner"})
_TOUCH = 60 * SECOND
"""How often the time of last use is written back."""
LATE = 366 * 86_400 * SECOND
"""For how long what was used within a term is reported after it."""
DECISION_SLACK = 600 * SECOND
"""How far the time in a signed decision may be from ours."""


class ChallengeInvalid(Exception):
    """Unknown, used or expired challenge."""


class SignatureInvalid(Exception):
    """The signature does not fit the text and the key."""


class CertificateNotValid(Exception):
    """The certificate is unknown, held, revoked or expired."""


class SessionInvalid(Exception):
    """No such session, or it has ended."""


@frozen
class OfferedChallenge:
    """What the client must sign; see :data:`LOGIN`."""

    id: str
    nonce: str
    subject: str
    expires: int
    """Unix seconds."""


@frozen
class Opened:
    token: str
    expires_at: int
    actor: Actor


def intent(
    text: str, signature: bytes, *, certificate: str | None = None, spki: bytes | None = None
) -> dict[str, str | None]:
    """What the ledger keeps of something signed, for :mod:`server_stub.records.intents`: the text
    itself, the signature, and whose it is — a *certificate* of ours by serial number, or a bare
    key."""
    key = base64.b64encode(spki).decode() if spki is not None else None
    return {"text": text, "signature": signature.hex(), "certificate": certificate, "spki": key}


@frozen
class Decision:
    """What somebody decided, signed: the platform makes the text itself, from what it is about."""

    at: str
    """When, RFC 3339, as signed."""
    signature: bytes


def decided(
    tx: Transaction,
    actor: Actor,
    origin: str,
    verb: str,
    identity: str,
    digest: str,
    reason: str,
    decision: Decision | None,
) -> dict[str, str | None] | None:
    """What goes on record as signed. Whoever signed in with a certificate must sign each decision;
    the platform itself and the operator at its console cannot, their account is on record.

    Raises :class:`SignatureInvalid`."""
    if actor.certificate_sn is None:
        return None
    if decision is None:
        raise SignatureInvalid("a decision is signed")
    try:
        at = parse_timestamp(decision.at)
    except ValueError as error:
        raise SignatureInvalid("the time of the decision cannot be read") from error
    if abs(at - tx.now) > DECISION_SLACK:
        raise SignatureInvalid("the decision is of another time: look at the clock")
    text = DECISION.format(
        origin=origin, verb=verb, object=identity, digest=digest, reason=reason, at=decision.at
    )
    row = tx.session.get_one(Certificate, actor.certificate_sn)
    signed_by(X509Certificate.parse(row.der).public_key, text, decision.signature)
    return intent(text, decision.signature, certificate=row.sn)


def signed_by(key: PublicKey, text: str, signature: bytes) -> None:
    """Return if *signature* over *text* (UTF-8) is *key*'s. Raises :class:`SignatureInvalid`."""
    if not key.verify(SM2_WITH_SM3, text.encode(), signature):
        raise SignatureInvalid("the signature does not fit")


def challenge(
    tx: Transaction,
    settings: Settings,
    origin: str,
    *,
    certificate: bytes | None = None,
    application_id: str | None = None,
    spki: bytes | None = None,
    to_report: bool = False,
) -> OfferedChallenge:
    """Offer a nonce to whoever holds the key of *certificate* (DER), of the application, or the
    bare key *spki* (DER), which signs in for the newest application that was made for it;
    *to_report*: uses of a certificate that may be over, and nothing else."""
    sn = None
    if spki is not None:
        application_id = _newest_of(tx.session, spki)
    if certificate is not None:
        row = usable(tx.session, certificate, tx.now, to_report=to_report)
        spki, sn = X509Certificate.parse(row.der).public_key.spki, row.sn
    else:
        application = tx.session.get(Application, application_id or "")
        if application is None:
            raise policy.NotFound
        spki = application.spki
    expires = tx.now // SECOND + settings.challenge_seconds
    offer = OfferedChallenge(
        secrets.token_hex(8), secrets.token_hex(32), sn or application_id or "", expires
    )
    tx.session.add(
        Challenge(
            id=offer.id,
            text=LOGIN.format(
                origin=origin, nonce=offer.nonce, subject=offer.subject, expires=expires
            ),
            spki=spki,
            certificate_sn=sn,
            application_id=application_id if sn is None else None,
            expires_at=expires * SECOND,
        )
    )
    return offer


def _newest_of(session: Session, spki: bytes) -> str | None:
    newest = Application.created_at.desc(), Application.id.desc()
    own = select(Application.id).where(Application.spki == spki).order_by(*newest)
    return session.scalar(own.limit(1))


def take_challenge(tx: Transaction, challenge_id: str) -> Challenge:
    """Use up a challenge. Raises :class:`ChallengeInvalid` if there is none."""
    row = tx.session.get(Challenge, challenge_id)
    if row is None:
        raise ChallengeInvalid("unknown or used")
    tx.session.delete(row)
    tx.session.flush()
    return row


def open_session(
    tx: Transaction,
    settings: Settings,
    challenge_id: str,
    signature: bytes,
    to_report: bool = False,
) -> Opened | Exception:
    """A session for whoever signed the challenge; the certificate is looked at again.

    The challenge is used up, whatever comes of it: so what is wrong with the signature or its
    certificate is given back, for what is raised in a command undoes all of it."""
    taken = take_challenge(tx, challenge_id)
    try:
        key, actor, scope = _who_signed(tx, taken, signature, to_report)
    except Exception as error:  # noqa: BLE001 - raised by the caller
        return error
    tx.act(actor.who)
    token = secrets.token_urlsafe(32)
    expires_at = tx.now + settings.session_seconds * SECOND
    tx.session.add(
        SignIn(
            token_sm3=gm.sm3(token.encode()),
            certificate_sn=taken.certificate_sn,
            application_id=taken.application_id,
            used_at=tx.now,
            expires_at=expires_at,
            scope=scope,
        )
    )
    signed = intent(taken.text, signature, certificate=taken.certificate_sn, spki=key)
    fields = {"subject": actor.subject, "kind": actor.kind, "intent": signed}
    tx.record(LEDGER, "sign-in-v1", fields)
    return Opened(token, expires_at, actor)


def _who_signed(
    tx: Transaction, taken: Challenge, signature: bytes, to_report: bool
) -> tuple[bytes, Actor, str | None]:
    """The key, its actor, and what the session is for. Changes nothing."""
    if taken.expires_at < tx.now:
        raise ChallengeInvalid("expired")
    key = _key_of(tx.session, taken)  # not the challenge's own word for it
    signed_by(PublicKey.parse(der.parse(key)), taken.text, signature)
    if to_report and taken.certificate_sn is not None:
        return key, reporter(tx.session, taken.certificate_sn, tx.now), "report"
    return key, _actor(tx.session, taken.certificate_sn, taken.application_id, tx.now), None


def _key_of(session: Session, taken: Challenge) -> bytes:
    if taken.certificate_sn is not None:
        row = session.get_one(Certificate, taken.certificate_sn)
        return X509Certificate.parse(row.der).public_key.spki
    return session.get_one(Application, taken.application_id).spki


def who(session: Session, settings: Settings, token: str, now: int) -> tuple[Actor, bool]:
    """The actor behind *token*, and whether :func:`touch` is due. Certificate status, idle and
    absolute expiry are looked at on every use. Raises :class:`SessionInvalid`,
    :class:`CertificateNotValid` if it is the certificate that may no longer sign in."""
    row = session.get(SignIn, gm.sm3(token.encode()))
    idle = settings.session_idle_seconds * SECOND
    if row is None or row.expires_at < now or row.used_at + idle < now:
        raise SessionInvalid
    if row.scope is not None and row.certificate_sn is not None:
        actor = reporter(session, row.certificate_sn, now)
    else:
        actor = _actor(session, row.certificate_sn, row.application_id, now)
    return actor, now - row.used_at > min(_TOUCH, idle // 2)


def reporter(session: Session, certificate_sn: str, now: int) -> Actor:
    """Whoever reports uses with that certificate: of the seals that it stamps with. What its holder
    no longer keeps, represents, owns or was lent is reported for a year, and each use is compared
    with the term (`Actor.terms`).

    Raises :class:`SessionInvalid` where there is no such seal, :class:`CertificateNotValid`."""
    stamped = _stamped(session, certificate_sn)
    try:
        actor = _actor(session, certificate_sn, None, now)
    except CertificateNotValid:
        return _late_reporter(session, certificate_sn, stamped, now)
    own = frozenset(
        seal.id
        for seal in stamped
        if actor.acts_as(seal.id, None) & ({"grantee"} if seal.grant_id else _STAMPING)
    )
    if not own:
        return _late_reporter(session, certificate_sn, stamped, now)
    return replace(actor, roles=frozenset({REPORTER}), seals=own)


def _stamped(session: Session, certificate_sn: str) -> Sequence[Seal]:
    made = select(SealCopy.seal_id).where(
        SealCopy.certificate_sn == certificate_sn, SealCopy.kind == "original"
    )
    which = (Seal.certificate_sn == certificate_sn) | Seal.id.in_(made)
    return session.scalars(select(Seal).where(which)).all()


def _late_reporter(
    session: Session, certificate_sn: str, stamped: Sequence[Seal], now: int
) -> Actor:
    """Not with a key that may be in other hands: the seal's history tells."""
    row = session.get(Certificate, certificate_sn)
    if row is None or row.staff_id is not None:
        raise CertificateNotValid("not a holder's certificate")
    doubt = select(SealChange.seal_id).where(
        SealChange.seal_id.in_([seal.id for seal in stamped]),
        SealChange.reason.in_(KEY_IN_DOUBT),
    )
    if row.reason in KEY_IN_DOUBT or session.scalar(doubt.limit(1)) is not None:
        raise CertificateNotValid("its key may be known to others")
    terms = {seal.id: _terms(session, row, seal) for seal in stamped}
    own = {seal: spans for seal, spans in terms.items() if spans}
    if not own:
        raise SessionInvalid
    if max(until for spans in own.values() for _, until in spans) < now - LATE:
        raise CertificateNotValid("it was over a year ago")
    return Actor(
        "holder",
        certificate_sn,
        frozenset({REPORTER}),
        enterprise_id=row.enterprise_id,
        person_id=row.person_id,
        certificate_sn=certificate_sn,
        seals=frozenset(own),
        terms=own,
    )


def _terms(session: Session, row: Certificate, seal: Seal) -> list[tuple[int, int]]:
    """When *seal* was its holder's to use with that certificate."""
    first, last = row.not_before, row.not_after
    if seal.grant_id is not None:
        grant = session.get_one(SealGrant, seal.grant_id)
        spans = [(grant.valid_from, min(grant.valid_until, grant.ended_at or last))]
    elif row.enterprise_id is None:
        spans = [(first, last)]
    else:
        held = select(Appointment).where(
            Appointment.enterprise_id == row.enterprise_id,
            Appointment.person_id == row.person_id,
            Appointment.role.in_(_STAMPING),
            Appointment.seal_id.is_(None) | (Appointment.seal_id == seal.id),
        )
        spans = [(each.since, each.until or last) for each in session.scalars(held)]
    return [(max(first, since), min(last, until)) for since, until in spans]


def touch(tx: Transaction, token: str) -> None:
    """Note that a session was used."""
    row = tx.session.get(SignIn, gm.sm3(token.encode()))
    if row is not None:
        row.used_at = tx.now


def close(tx: Transaction, token: str) -> None:
    """Sign out."""
    row = tx.session.get(SignIn, gm.sm3(token.encode()))
    if row is not None:
        tx.session.delete(row)


def clean(tx: Transaction, settings: Settings) -> None:
    """Forget what can no longer be used."""
    idle = settings.session_idle_seconds * SECOND
    tx.session.execute(delete(Challenge).where(Challenge.expires_at < tx.now))
    over = (SignIn.expires_at < tx.now) | (SignIn.used_at < tx.now - idle)
    for row in tx.session.scalars(select(SignIn).where(over)):
        tx.session.delete(row)


def usable(
    session: Session, certificate: bytes, now: int, *, to_report: bool = False
) -> Certificate:
    """The row of *certificate* (DER), if it was issued here and may sign in now, *to_report*: also
    one that is over, as far as :func:`reporter` goes.

    Raises :class:`CertificateNotValid`, :class:`SessionInvalid`."""
    sn = _serial(certificate)
    if to_report:
        reporter(session, sn, now)
        row = session.get_one(Certificate, sn)
    else:
        row = _usable(session, sn, now)
    if row.der != certificate:
        raise CertificateNotValid("not the certificate that was issued")
    return row


def _serial(certificate: bytes) -> str:
    try:
        return f"{X509Certificate.parse(certificate).serial:x}"
    except CertificateError as error:
        raise CertificateNotValid(str(error)) from error


def _usable(session: Session, sn: str, now: int) -> Certificate:
    row = session.get(Certificate, sn)
    if row is None:
        raise CertificateNotValid("not issued here")
    if row.state not in ("issued", "active"):
        raise CertificateNotValid(f"the certificate is {row.state}")
    if not row.not_before <= now <= row.not_after:
        raise CertificateNotValid("the certificate is outside its validity")
    return row


def _actor(
    session: Session, certificate_sn: str | None, application_id: str | None, now: int
) -> Actor:
    if certificate_sn is None:
        roles = frozenset({"applicant"})
        return Actor("applicant", application_id or "", roles, application_id=application_id)
    certificate = _usable(session, certificate_sn, now)
    if certificate.staff_id is not None:
        staff = session.get_one(Staff, certificate.staff_id)
        role = frozenset({staff.role})
        return Actor("staff", staff.id, role, person_id=staff.id, certificate_sn=certificate_sn)
    granted = select(SealGrant.id).where(
        SealGrant.grantee_id == certificate.person_id, SealGrant.grantee_id.is_not(None)
    )
    lent = {"grantee"} if session.scalar(granted.limit(1)) is not None else set()
    asked = select(PolicyApprover.policy_id).where(PolicyApprover.certificate_sn == certificate_sn)
    if session.scalar(asked.limit(1)) is not None:
        lent.add("approver")
    if certificate.enterprise_id is None:  # a person's own: nobody appoints anybody
        return Actor(
            "holder",
            certificate_sn,
            frozenset({"owner"} if certificate.person_id else ()) | lent,
            person_id=certificate.person_id,
            certificate_sn=certificate_sn,
        )
    held = select(Appointment).where(
        Appointment.enterprise_id == certificate.enterprise_id,
        Appointment.person_id == certificate.person_id,
        Appointment.since <= now,
        (Appointment.until.is_(None)) | (Appointment.until > now),
    )
    appointments = session.scalars(held).all()
    return Actor(
        "holder",
        certificate_sn,
        frozenset(appointment.role for appointment in appointments) | lent,
        enterprise_id=certificate.enterprise_id,
        person_id=certificate.person_id,
        certificate_sn=certificate_sn,
        seals=_bound(each.seal_id for each in appointments if each.role == "keeper"),
        applications=_bound(each.application_id for each in appointments if each.role == "handler"),
    )


def holder_of(session: Session, certificate_sn: str, now: int) -> Actor:
    """Whom a certificate of ours stands for, without a session: for what its Ukey has let somebody
    do in its place. Raises :class:`CertificateNotValid`."""
    return _actor(session, certificate_sn, None, now)


def _bound(places: Iterable[str | None]) -> frozenset[str] | None:
    """What appointments are bound to; None if one of them is bound to nothing."""
    found = list(places)
    return None if None in found else frozenset(each for each in found if each is not None)
