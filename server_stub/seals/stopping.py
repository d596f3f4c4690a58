"""停用、恢复、注销: by holders, staff, the operator and authorities, and whose word counts more.

suspend, resume, cancel   of whoever signed in
suspend_by_authority      under a notice
stop                      what both, and reports of a lost Ukey, come to
may_lift, check_others    whose suspension it is, and who decides about it
use_up                    what was signed counts once
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from server_stub import policy, states
from server_stub.policy import Actor
from server_stub.records.identity import persons_of_staff
from server_stub.records.ledger import LEDGER, Transaction
from server_stub.records.store import Application, Appointment, Certificate, Seal
from server_stub.seals.access import authority_of, find
from server_stub.seals.lifecycle import certificates_of, change, move_certificate, records_since
from server_stub.signin import DECISION_SLACK, KEY_IN_DOUBT, Decision, SignatureInvalid, decided

HOLDER_REASONS = ("holder_request", "lost", "key_compromised")


def suspend(
    tx: Transaction,
    actor: Actor,
    origin: str,
    seal_id: str,
    reason: str,
    decision: Decision | None = None,
) -> Seal:
    """停用: by the holder for its own reasons, by the operator for any; by one reviewer for any
    but a key in doubt, which takes two people and a call (:mod:`server_stub.staff.losing`). What
    the holder has paused can be reported lost."""
    tx.act(actor.who)
    seal = find(tx.session, actor, "seal.suspend", seal_id)
    who = authority_of(actor)
    if who == "holder" and reason not in HOLDER_REASONS:
        raise policy.Forbidden(f"a holder may not suspend for {reason}")
    if who == "staff" and reason in KEY_IN_DOUBT:
        raise policy.Forbidden("a key in doubt takes two people: write down the call")
    if not (reason in KEY_IN_DOUBT and _paused(seal)):
        states.advance(states.SEAL, seal.state, "suspend")
    signed = decided(tx, actor, origin, "suspend", seal.id, seal.seal_sm3, reason, decision)
    use_up(tx, seal, signed)
    stop(tx, seal, who, reason, signed)
    return seal


def resume(
    tx: Transaction,
    actor: Actor,
    origin: str,
    seal_id: str,
    decision: Decision | None = None,
    agreed: Mapping[str, object] | None = None,
) -> Seal:
    """恢复: by the authority that suspended, or a higher one; a holder never lifts another's. An
    operator, who signs nothing, needs what a reviewer has *agreed* to
    (:mod:`server_stub.staff.agreeing`)."""
    tx.act(actor.who)
    seal = find(tx.session, actor, "seal.resume", seal_id)
    who = authority_of(actor)
    states.advance(states.SEAL, seal.state, "resume")
    if not may_lift(seal, who):
        raise policy.Forbidden(f"this suspension is not the {who}'s to lift")
    if who == "operator" and agreed is None:
        raise policy.Forbidden("an operator alone does not lift a suspension")
    if who == "staff":
        check_others(tx.session, str(actor.person_id), seal)
    signed = decided(tx, actor, origin, "resume", seal.id, seal.seal_sm3, "", decision)
    use_up(tx, seal, signed)
    change(tx, seal, "resume", who, intent=signed, agreed=agreed)
    return seal


def cancel(
    tx: Transaction, actor: Actor, seal_id: str, reason: str, agreed: Mapping[str, object]
) -> Seal:
    """注销 at the console: final, and by two people (:mod:`server_stub.staff.agreeing`)."""
    tx.act(actor.who)
    seal = find(tx.session, actor, "seal.cancel", seal_id)
    change(tx, seal, "cancel", authority_of(actor), reason=reason, agreed=agreed)
    return seal


def use_up(tx: Transaction, seal: Seal, signed: Mapping[str, str | None] | None) -> None:
    """Return if what was *signed* has not changed *seal* before: whoever has read it on its way, or
    has the session, could send it again while its time still counts. What has changed the seal
    stands on the ledger.

    Raises :class:`server_stub.signin.SignatureInvalid`."""
    if signed is None:
        return
    oldest = tx.now - 2 * DECISION_SLACK  # what was used before has a time that counts no more
    for said in records_since(tx.session, seal, oldest):
        before = said.get("intent")
        if before is not None and before["text"] == signed["text"]:
            raise SignatureInvalid("what was signed was used already: sign it anew")


def check_others(session: Session, staff: str, seal: Seal) -> None:
    """Return if the reviewer with the id *staff* has no part in *seal*: does not own or keep it,
    has not asked for it, does not hold its certificate or represent its enterprise.

    Raises :class:`server_stub.policy.Forbidden`."""
    application = session.get_one(Application, seal.application_id)
    certificate = session.get_one(Certificate, seal.certificate_sn)
    people = {seal.person_id, certificate.person_id}
    people |= {application.handler_id, application.legal_rep_id}
    appointed = select(Appointment.person_id).where(
        Appointment.enterprise_id == seal.enterprise_id,
        Appointment.role.in_(("keeper", "legal_rep")),
        Appointment.seal_id.is_(None) | (Appointment.seal_id == seal.id),
    )
    people |= set(session.scalars(appointed))
    if people & persons_of_staff(session, staff):
        raise policy.Forbidden("no reviewer decides about a seal of his own")


def stop(
    tx: Transaction, seal: Seal, who: str, reason: str, signed: Mapping[str, object] | None
) -> None:
    """Take *seal* out of use; where the key is in doubt, also one that its holder has paused, and
    then its certificates with it: no holder lifts that.

    Raises :class:`server_stub.states.IllegalTransition`."""
    if reason in KEY_IN_DOUBT and _paused(seal):
        _raise(tx, seal, who, reason, signed)
    else:
        change(tx, seal, "suspend", who, reason=reason, intent=signed)


# --- whose word counts more ----------------------------------------------------------------------


RANK = {"holder": 0, "staff": 1, "operator": 1, "police": 2, "market": 2}
"""Who suspended is outranked by whom: holder, platform, authorities."""

PLATFORM_OWN = ("staff", "operator")
"""One authority: what a reviewer has suspended, the operator may lift, and the other way round."""


def may_lift(seal: Seal, who: str) -> bool:
    """May *who* lift the suspension of *seal*: who suspended it, or a higher authority? Police and
    market supervision do not lift each other's. A key in doubt lifts nothing, and no reviewer alone
    lifts what it took two people to say."""
    by = seal.suspended_by or "operator"
    if who == "staff" and seal.reason in KEY_IN_DOUBT:
        return False
    if who == "holder":
        return by == "holder" and seal.reason not in KEY_IN_DOUBT
    same = who == by or {who, by} <= set(PLATFORM_OWN)
    return same or RANK[who] > RANK.get(by, 2)


def suspend_by_authority(
    tx: Transaction, seal: Seal, who: str, reason: str, effective_at: int
) -> bool:
    """Suspend *seal* under an authority's word; a suspension of a lower one becomes its own, so
    that the lower one cannot lift it. A seal that nobody has collected yet is cancelled: it can be
    applied for again once the matter is over. False where there is nothing to do."""
    if seal.state == "made":
        change(tx, seal, "cancel", who, reason=reason, effective_at=effective_at)
        return True
    if seal.state == "active":
        change(tx, seal, "suspend", who, reason=reason, effective_at=effective_at)
        return True
    if seal.state != "suspended" or RANK.get(seal.suspended_by or "", 2) >= RANK[who]:
        return False
    _raise(tx, seal, who, reason, None)
    return True


def _raise(
    tx: Transaction, seal: Seal, who: str, reason: str, signed: Mapping[str, object] | None
) -> None:
    """A suspension becomes one of *who* for *reason*, and takes the certificates out of use."""
    before, seal.suspended_by, seal.reason = seal.suspended_by, who, reason
    taken = tx.session.get_one(Certificate, seal.certificate_sn)
    for certificate in certificates_of(tx.session, seal, taken):
        if certificate.state == "active":
            move_certificate(tx, certificate, "hold", reason)
    fields: dict[str, object] = {"seal": seal.id, "from": before, "to": who, "reason": reason}
    fields |= {"seal_code": seal.seal_code, "seal_sm3": seal.seal_sm3}
    if signed is not None:
        fields["intent"] = signed
    about, audience = ("seal", seal.id), policy.owner_of(seal).audience
    tx.record(LEDGER, "suspension-raised-v1", fields, about=about, audience=audience)


# --- a key in doubt ------------------------------------------------------------------------------


def key_in_doubt(seal: Seal) -> bool:
    """May the Ukey with the key of *seal* be in wrong hands?"""
    return seal.state == "suspended" and seal.reason in KEY_IN_DOUBT


def can_be_lost(seal: Seal) -> bool:
    """Does a report of a lost Ukey change anything? A seal in use, or one that its holder has
    paused."""
    return seal.state == "active" or _paused(seal)


def _paused(seal: Seal) -> bool:
    """By its holder, who still has the Ukey?"""
    return (
        seal.state == "suspended"
        and seal.suspended_by == "holder"
        and seal.reason not in KEY_IN_DOUBT
    )
