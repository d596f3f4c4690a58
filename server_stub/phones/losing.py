"""挂失 by a bound phone, where the Ukey itself is lost: one signature suspends the seals at once.

Only the platform or an authority lifts such a suspension, as with every report of a lost key.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from crypto.pki.certificate import Certificate as X509Certificate
from crypto.seal.phone import (
    Assertion,
    Binding,
    LossQuestion,
    LossReport,
    PhoneError,
    PhoneSignature,
    check_assertion,
)
from crypto.seal.purpose_text import PurposeTextError, read_time
from server_stub import policy, signin
from server_stub.phones.pairing import PhoneInvalid, usable
from server_stub.policy import Actor
from server_stub.records import canonical
from server_stub.records.ledger import Transaction
from server_stub.records.store import Certificate, Challenge, Phone, Seal
from server_stub.seals import access, lifecycle

LIFE = 600 * signin.SECOND
"""How long a report that was begun may be sent."""


def begin(tx: Transaction, identity: str) -> Challenge:
    """A nonce for the question which seals the phone may report. Raises as
    :func:`server_stub.phones.pairing.usable`."""
    phone, _ = usable(tx.session, identity, tx.now)
    return _challenge(tx, phone, "loss-list")


def listed(
    tx: Transaction, origin: str, identity: str, text: bytes, assertion: Assertion
) -> tuple[Challenge, Sequence[Seal]]:
    """A nonce for one report, and the seals that the phone may report, for its passkey alone:
    whoever knows a phone's address learns of no seal. Raises as :func:`report`."""
    phone, actor = usable(tx.session, identity, tx.now)
    _signed(tx, origin, phone, LossQuestion, "loss-list", text, assertion)
    return _challenge(tx, phone, "loss"), reportable(tx.session, phone, actor)


def _challenge(tx: Transaction, phone: Phone, what: str) -> Challenge:
    row = Challenge(
        id=secrets.token_hex(32),
        text=f"{what} {phone.id}",
        spki=b"",
        certificate_sn=phone.certificate_sn,
        application_id=None,
        expires_at=tx.now + LIFE,
    )
    tx.session.add(row)
    return row


_Said = TypeVar("_Said", LossQuestion, LossReport)


def _signed(
    tx: Transaction,
    origin: str,
    phone: Phone,
    kind: type[_Said],
    what: str,
    text: bytes,
    assertion: Assertion,
) -> _Said:
    """What the passkey of *phone* has signed, once, for the nonce that was begun here."""
    try:
        said = kind.parse(text)
        check_assertion(Binding.parse(phone.binding.encode()), assertion, text)
    except (PurposeTextError, PhoneError) as error:
        raise PhoneInvalid(str(error)) from error
    if (said.origin, said.binding) != (origin, phone.binding_sha256):
        raise PhoneInvalid("what was signed is for another platform or phone")
    taken = signin.take_challenge(tx, said.nonce)
    now = canonical.moment(tx.now)
    longest = now + 2 * timedelta(microseconds=LIFE)
    if taken.text != f"{what} {phone.id}" or taken.expires_at < tx.now:
        raise PhoneInvalid("what was signed is not what was begun here")
    if not now < read_time(said.until) <= longest:
        raise PhoneInvalid("what was signed is over")
    return said


def reportable(session: Session, phone: Phone, actor: Actor) -> Sequence[Seal]:
    """The seals in use that *phone* may speak about, and whose holder may suspend them."""
    binding = Binding.parse(phone.binding.encode())
    chosen = select(Seal).where(
        access.owned_by(actor.owner, Seal), Seal.state == "active", Seal.grant_id.is_(None)
    )
    return [
        row
        for row in session.scalars(chosen.order_by(Seal.seal_code))
        if binding.is_for(row.seal_code) and _may(session, actor, row)
    ]


def _may(session: Session, actor: Actor, row: Seal) -> bool:
    try:
        access.find(session, actor, "seal.suspend", row.id)
    except (policy.Forbidden, policy.NotFound):
        return False
    return True


def report(
    tx: Transaction, origin: str, identity: str, text: bytes, assertion: Assertion
) -> Sequence[Seal]:
    """Suspend what the report names. Raises :class:`PhoneInvalid`,
    :class:`server_stub.signin.ChallengeInvalid` (sent twice), and as :func:`begin`."""
    phone, actor = usable(tx.session, identity, tx.now)
    tx.act(actor.who)
    said = _signed(tx, origin, phone, LossReport, "loss", text, assertion)
    named = {row.seal_code: row for row in reportable(tx.session, phone, actor)}
    codes = said.seals.split()
    if len(set(codes)) != len(codes) or not set(codes) <= named.keys():
        raise PhoneInvalid("a seal that this phone may not report")
    held = tx.session.get_one(Certificate, phone.certificate_sn)
    binding = Binding.parse(phone.binding.encode())
    evidence = PhoneSignature(
        binding, phone.signature, X509Certificate.parse(held.der), assertion
    ).encode()
    by_phone: Mapping[str, object] = {
        "phone": phone.id,
        "text": text.decode(),
        "evidence": base64.b64encode(evidence).decode(),
    }
    for code in codes:
        lifecycle.change(
            tx, named[code], "suspend", "holder", reason=said.reason, by_phone=by_phone
        )
    return [named[code] for code in codes]
