"""领取: the holder takes a seal that was made, or made again, for the key in its Ukey."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from crypto.pki.certificate import Certificate as X509Certificate
from server_stub import states
from server_stub.policy import Actor
from server_stub.records.ledger import Transaction
from server_stub.records.store import Certificate, Seal, SealCopy
from server_stub.seals.access import authority_of, find
from server_stub.seals.lifecycle import change
from server_stub.signin import COLLECT, intent, signed_by


def collect(tx: Transaction, actor: Actor, origin: str, seal_id: str, signature: bytes) -> Seal:
    """The holder takes the seal: *signature* by the certified key over :data:`COLLECT` proves that
    the key is in the holder's hands (第十二条 领取)."""
    tx.act(actor.who)
    seal = find(tx.session, actor, "seal.collect", seal_id)
    waiting = waiting_for(tx.session, seal)
    event = "collect" if waiting is None or seal.state == "made" else "renew"
    states.advance(states.SEAL, seal.state, event)  # refuse before looking at the signature
    certificate = tx.session.get_one(
        Certificate, waiting.certificate_sn if waiting else seal.certificate_sn
    )
    seal_sm3 = waiting.seal_sm3 if waiting else seal.seal_sm3
    text = COLLECT.format(
        origin=origin, seal=seal.id, seal_sm3=seal_sm3, certificate=certificate.sn
    )
    signed_by(X509Certificate.parse(certificate.der).public_key, text, signature)
    signed = intent(text, signature, certificate=certificate.sn)
    if waiting is not None and event == "renew":
        _renewed(tx, seal, waiting)
    if waiting is not None:
        waiting.collected_at = tx.now
    change(tx, seal, event, authority_of(actor), intent=signed)
    return seal


def waiting_for(session: Session, seal: Seal) -> SealCopy | None:
    """The newest making of the seal data that its holder has yet to take; None: there is none (or
    it was made before 0.3)."""
    newest = select(SealCopy).where(
        SealCopy.seal_id == seal.id,
        SealCopy.kind == "original",
        SealCopy.application_id.is_not(None),
        SealCopy.collected_at.is_(None),
        SealCopy.ended_at.is_(None),
    )
    return session.scalar(newest.order_by(SealCopy.made_at.desc(), SealCopy.id).limit(1))


def _renewed(tx: Transaction, seal: Seal, taken: SealCopy) -> None:
    """The making *taken* is in force from here on; the one before is over, its certificate ends by
    itself, or with the seal."""
    before = select(SealCopy).where(
        SealCopy.seal_id == seal.id, SealCopy.certificate_sn == seal.certificate_sn
    )
    for copy in tx.session.scalars(before):
        if copy.kind == "original" and copy.ended_at is None:
            copy.ended_at, copy.end_reason = tx.now, "renewed"
    seal.certificate_sn, seal.seal_sm3 = taken.certificate_sn, taken.seal_sm3
    seal.valid_from, seal.valid_until = taken.valid_from, taken.valid_until
