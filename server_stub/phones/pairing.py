"""Pairing a phone: the computer asks, the phone answers, the Ukey signs.

The secret that proves the phone's answer to the computer goes from screen to camera; it never comes
here. So this platform can refuse a pairing, but not put another phone into it, as long as its page
is the one that it says it is (docs/design/platform.md §4).
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from crypto.frozen import frozen
from crypto.pki.certificate import Certificate as X509Certificate
from crypto.seal.phone import (
    Binding,
    NewPasskey,
    PairingProof,
    PhoneError,
    check_client_data,
    checked_binding,
    host_of,
    write_base64url,
)
from crypto.seal.purpose_text import PurposeTextError, read_time
from server_stub import policy, signin
from server_stub.policy import Actor
from server_stub.records import canonical
from server_stub.records.ledger import LEDGER, Transaction
from server_stub.records.store import Certificate, Enterprise, Person, Phone, PhonePairing
from server_stub.signin import SECOND, Decision, decided

REVOKE = "revoke-phone"
LIFE = 300 * SECOND
"""How long the QR code is good, and then how long the computer may wait with its signature."""
LONGEST = timedelta(days=400)
"""Of a binding."""
MAX_PHONES = 5
"""In use, of one certificate."""
MAX_NAME = 60
"""Characters of what a phone calls itself."""


class PhoneInvalid(Exception):
    """What the phone or the computer sent is no answer to this pairing."""


class NoPasskeys(Exception):
    """At this platform's address no passkey can be had."""


def rp_id(origin: str) -> str:
    """The relying party of all passkeys here. Raises :class:`NoPasskeys`."""
    try:
        return host_of(origin)
    except PhoneError as error:
        raise NoPasskeys(str(error)) from error


def begin(tx: Transaction, actor: Actor, origin: str) -> PhonePairing:
    """Open a pairing for the certificate that is signed in; another one of it ends.

    Raises :class:`NoPasskeys`, and of :mod:`server_stub.policy`."""
    policy.allow(actor, "phone.pair")
    rp_id(origin)
    if actor.certificate_sn is None or actor.person_id is None:
        raise policy.Forbidden("a phone is paired by a person with a certificate")
    if len(in_use(tx.session, actor.certificate_sn, tx.now)) >= MAX_PHONES:
        raise PhoneInvalid("so many phones are paired already")
    others = PhonePairing.certificate_sn == actor.certificate_sn
    tx.session.execute(delete(PhonePairing).where(others))
    row = PhonePairing(
        id=f"pairing_{secrets.token_hex(12)}",
        certificate_sn=actor.certificate_sn,
        nonce=secrets.token_hex(32),
        expires_at=tx.now + LIFE,
    )
    tx.session.add(row)
    return row


def waiting(session: Session, identity: str, now: int) -> PhonePairing:
    """The pairing of that id, if it is not over. Raises :class:`server_stub.policy.NotFound`."""
    row = session.get(PhonePairing, identity)
    if row is None or row.expires_at < now:
        raise policy.NotFound
    return row


def own(session: Session, actor: Actor, identity: str, now: int) -> PhonePairing:
    """The same for who began it. Raises :class:`server_stub.policy.NotFound`."""
    row = waiting(session, identity, now)
    if row.certificate_sn != actor.certificate_sn:
        raise policy.NotFound
    return row


@frozen
class Answer:
    """What the phone's page sent."""

    proof: bytes
    """:class:`crypto.seal.phone.PairingProof`."""
    mac: bytes
    client_data: bytes
    authenticator_data: bytes


def answer(tx: Transaction, origin: str, identity: str, given: Answer) -> PhonePairing:
    """Take the phone's answer, the first alone. Raises :class:`PhoneInvalid`,
    :class:`server_stub.policy.NotFound`."""
    row = waiting(tx.session, identity, tx.now)
    if row.proof is not None:
        raise PhoneInvalid("a phone has answered already")
    try:
        challenge = bytes.fromhex(row.nonce)
        check_client_data(given.client_data, "webauthn.create", origin, challenge)
        made = NewPasskey.parse(given.authenticator_data, rp_id(origin))
        proof = PairingProof.parse(given.proof)
    except (PhoneError, PurposeTextError) as error:
        raise PhoneInvalid(str(error)) from error
    told = (proof.credential, proof.key_es256, proof.aaguid, proof.backup)
    found = (write_base64url(made.credential), made.key.hex(), made.aaguid.hex(), made.backup)
    if told != found or (proof.origin, proof.pairing, proof.nonce) != (origin, row.id, row.nonce):
        raise PhoneInvalid("the phone says something else than its passkey")
    if len(given.mac) != 32 or not 1 <= len(proof.phone) <= MAX_NAME:
        raise PhoneInvalid("no proof of the secret, or no name of a phone")
    row.proof, row.mac = given.proof.decode(), given.mac
    row.expires_at = tx.now + LIFE
    return row


def bind(
    tx: Transaction, actor: Actor, origin: str, identity: str, text: bytes, signature: bytes
) -> Phone:
    """绑定: take the binding that the Ukey has signed. Raises :class:`PhoneInvalid`,
    :class:`server_stub.policy.NotFound`."""
    tx.act(actor.who)
    policy.allow(actor, "phone.pair")
    row = own(tx.session, actor, identity, tx.now)
    held = tx.session.get_one(Certificate, row.certificate_sn)
    if row.proof is None or row.phone_id is not None or held.person_id is None:
        raise PhoneInvalid("there is no phone to bind, or it is bound already")
    try:
        binding = checked_binding(text, X509Certificate.parse(held.der), signature)
    except PhoneError as error:
        raise PhoneInvalid(str(error)) from error
    _check(tx, binding, origin, PairingProof.parse(row.proof.encode()), held)
    known = select(Phone.id).where(Phone.credential == binding.credential)
    if tx.session.scalar(known.limit(1)) is not None:
        raise PhoneInvalid("this passkey was bound before")
    phone = Phone(
        id=f"phone_{secrets.token_hex(12)}",
        certificate_sn=held.sn,
        person_id=held.person_id,
        enterprise_id=held.enterprise_id,
        credential=binding.credential,
        binding=text.decode(),
        binding_sha256=binding.sha256,
        signature=signature,
        state="active",
        bound_at=tx.now,
        valid_until=canonical.microseconds(read_time(binding.until)),
        ended_at=None,
    )
    tx.session.add(phone)
    row.phone_id = phone.id
    _recorded(tx, "phone-bound-v1", phone, {"signature": signature.hex()})
    return phone


def _check(
    tx: Transaction, binding: Binding, origin: str, proof: PairingProof, held: Certificate
) -> None:
    person = tx.session.get_one(Person, held.person_id)
    unit = tx.session.get(Enterprise, held.enterprise_id) if held.enterprise_id else None
    if binding.origin != origin or not binding.takes_up(proof):
        raise PhoneInvalid("the binding is for another phone")
    if (binding.person, binding.enterprise) != (person.name, unit.uscc if unit else ""):
        raise PhoneInvalid("the binding names somebody else")
    begin, end = read_time(binding.from_), read_time(binding.until)
    now = canonical.moment(tx.now)
    slack = timedelta(microseconds=signin.DECISION_SLACK)
    if abs(begin - now) > slack or not now < end <= begin + LONGEST:
        raise PhoneInvalid("the binding's term is none")
    if end > canonical.moment(held.not_after):
        raise PhoneInvalid("the binding goes on for longer than the certificate")


def phones_of(session: Session, actor: Actor) -> Sequence[Phone]:
    """Every phone of the person who is signed in, of this certificate, the newest first."""
    chosen = select(Phone).where(Phone.certificate_sn == actor.certificate_sn)
    return session.scalars(chosen.order_by(Phone.bound_at.desc(), Phone.id)).all()


def in_use(session: Session, certificate_sn: str, now: int) -> Sequence[Phone]:
    """The phones that may speak now for the holder of that certificate."""
    chosen = select(Phone).where(
        Phone.certificate_sn == certificate_sn, Phone.state == "active", Phone.valid_until > now
    )
    return session.scalars(chosen.order_by(Phone.bound_at, Phone.id)).all()


def bound(session: Session, binding_sha256: str, now: int) -> Phone:
    """The phone of that binding, if it may speak now and its Ukey's certificate may sign in.

    Raises as :func:`usable`."""
    known = session.scalar(select(Phone.id).where(Phone.binding_sha256 == binding_sha256))
    return usable(session, known or "", now)[0]


def usable(session: Session, identity: str, now: int) -> tuple[Phone, Actor]:
    """The phone of that id and whom it speaks for, if its binding holds and its Ukey's certificate
    may sign in. Raises :class:`server_stub.policy.NotFound`,
    :class:`server_stub.signin.CertificateNotValid`."""
    row = session.get(Phone, identity)
    if row is None or row.state != "active" or row.valid_until <= now:
        raise policy.NotFound
    return row, signin.holder_of(session, row.certificate_sn, now)


def revoke(
    tx: Transaction, actor: Actor, origin: str, identity: str, decision: Decision | None
) -> Phone:
    """解除: the phone speaks for nobody any more, at once."""
    tx.act(actor.who)
    policy.allow(actor, "phone.pair")
    row = tx.session.get(Phone, identity)
    if row is None or row.certificate_sn != actor.certificate_sn:
        raise policy.NotFound
    if row.state != "active":
        raise PhoneInvalid("the phone is not bound any more")
    signed = decided(tx, actor, origin, REVOKE, row.id, row.binding_sha256, "", decision)
    row.state, row.ended_at = "revoked", tx.now
    _recorded(tx, "phone-revoked-v1", row, {"intent": signed})
    return row


def _recorded(tx: Transaction, type_: str, row: Phone, more: dict[str, object]) -> None:
    fields = {"phone": row.id, "certificate": row.certificate_sn, "binding": row.binding_sha256}
    audience = (row.enterprise_id or row.person_id,)
    tx.record(LEDGER, type_, fields | more, about=("phone", row.id), audience=audience)


def clean(tx: Transaction) -> None:
    """Forget pairings that are over."""
    tx.session.execute(delete(PhonePairing).where(PhonePairing.expires_at < tx.now))
