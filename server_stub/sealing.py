"""The life of a seal after it was made: every change of state goes through :func:`change`.

One change is one row, one entry in the public registry and one in the private ledger, all in the
same transaction; the certificate follows the seal (第十七条、第二十二条、第二十三条).

    change                a change of state, and what follows for certificates, copies and grants
    collect … cancel      what holders, staff, the operator and authorities do to a seal
    sweep                 what time does to seals and grants
    ticket, attested      leave to use a seal now
    state_of, changes_of  what is told of a seal

One module, because whoever changes a seal has to see all that follows from it.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, false, func, select, true
from sqlalchemy.orm import Session

from crypto.algorithms import gm
from crypto.pki.certificate import Certificate as X509Certificate
from crypto.seal.statement import Leave, SealStatement
from crypto.seal.statement import SealChange as RegistryChange
from server_stub import policy, states
from server_stub.authority import Authority
from server_stub.neighbours import filing
from server_stub.policy import Actor, Owner
from server_stub.records import canonical
from server_stub.records.blobs import SealedBlob
from server_stub.records.identity import persons_of_staff
from server_stub.records.ledger import LEDGER, REGISTRY, Transaction
from server_stub.records.store import (
    Application,
    Appointment,
    Certificate,
    Lease,
    LedgerEntry,
    PhysicalSeal,
    Seal,
    SealChange,
    SealCopy,
    SealGrant,
    UsageRecord,
    UsePolicyRow,
)
from server_stub.signin import (
    COLLECT,
    DECISION_SLACK,
    KEY_IN_DOUBT,
    Decision,
    SignatureInvalid,
    decided,
    intent,
    signed_by,
)

HOLDER_REASONS = ("holder_request", "lost", "key_compromised")

Owned = Application | Certificate | PhysicalSeal | Seal | UsageRecord
"""Rows that belong to an enterprise or a person."""


def key_in_doubt(seal: Seal) -> bool:
    """May the Ukey with the key of *seal* be in wrong hands?"""
    return seal.state == "suspended" and seal.reason in KEY_IN_DOUBT


@dataclass(frozen=True, kw_only=True)
class Making:
    """What comes of one making of the seal data, before it is on record."""

    seal_code: str
    certificate: bytes
    """Of whoever may stamp with it, DER."""
    data: SealedBlob
    """The seal data."""
    valid_from: int
    """Microseconds since 1970, as :attr:`valid_until`."""
    valid_until: int


class SealNotActive(Exception):
    """The seal may not be used now."""


def change(
    tx: Transaction,
    seal: Seal,
    event: str,
    actor: str,
    *,
    reason: str | None = None,
    effective_at: int | None = None,
    intent: Mapping[str, object] | None = None,
    by_phone: Mapping[str, object] | None = None,
    agreed: Mapping[str, object] | None = None,
    successor: str = "",
) -> None:
    """Move *seal* by *event* and put that on record, publicly and privately.

    *effective_at* is what a notice says (default: now); `recorded_at` is always now;
    *intent*: what somebody signed for it, *by_phone*: with a phone; *agreed*: what a second person
    signed; *successor*: code of the seal that takes its place.
    Raises :class:`server_stub.states.IllegalTransition`."""
    before = states.START if event == "make" else seal.state
    after = states.advance(states.SEAL, before, event)
    seal.state, seal.reason = after, None if after == "active" else reason
    seal.effective_at = tx.now if effective_at is None else effective_at
    seal.recorded_at = tx.now
    seal.suspended_by = actor if after == "suspended" else None
    numbers = select(func.count()).where(SealChange.seal_id == seal.id)
    tx.session.add(
        SealChange(
            seal_id=seal.id,
            number=tx.session.scalar(numbers) or 0,
            event=event,
            from_state=before,
            to_state=after,
            reason=reason,
            effective_at=seal.effective_at,
            recorded_at=tx.now,
            actor=actor,
        )
    )
    said = {
        "seal_code": seal.seal_code,
        "es_id": seal.seal_code,
        "event": event,
        "from": before,
        "to": after,
        "reason": reason,
        "effective_at": canonical.timestamp(seal.effective_at),
        **({"successor": successor} if successor else {}),
    }
    about = ("seal", seal.id)
    tx.record(REGISTRY, "seal-event-v1", said, about=about)
    private: dict[str, object] = {
        **said,
        "seal": seal.id,
        "actor": actor,
        "seal_sm3": seal.seal_sm3,
    }
    if intent is not None:
        private["intent"] = intent
    if by_phone is not None:
        private["by_phone"] = by_phone
    if agreed is not None:
        private["agreed"] = agreed
    audience = policy.owner_of(seal).audience
    tx.record(LEDGER, "seal-change-v1", private, about=about, audience=audience)
    if seal.grant_id is None:
        if seal.physical_code is not None:
            tx.session.flush()
            filing.enqueue(tx, seal, event)
        _follow(tx, seal, event, reason)
        _follow_with_copies(tx, seal, event, actor, reason)
    elif event == "expire":
        grant = tx.session.get_one(SealGrant, seal.grant_id)
        if grant.state == "active":
            end_grant(tx, grant, "expire", "expired")


_ENDING = {"cancel": "revoke", "replace": "revoke", "expire": "revoke", "lapse": "revoke"}


def _follow_with_copies(
    tx: Transaction, seal: Seal, event: str, actor: str, reason: str | None
) -> None:
    """What becomes of a seal becomes of its copies at once, in force since the same time; offers
    end with the seal, too."""
    since = None if seal.effective_at == tx.now else seal.effective_at
    if event in _ENDING:
        for grant in grants_of(tx.session, SealGrant.seal_id == seal.id):
            why = reason or "replaced"
            end_grant(tx, grant, _ENDING[event], why, actor, effective_at=since)
    elif event in ("suspend", "resume"):
        wanted = "active" if event == "suspend" else "suspended"
        copies = select(Seal).where(Seal.original_id == seal.id, Seal.state == wanted)
        for copy in tx.session.scalars(copies.order_by(Seal.id)).all():
            change(tx, copy, event, actor, reason=reason, effective_at=since)


# --- grants --------------------------------------------------------------------------------------


def grants_of(session: Session, *which: ColumnElement[bool]) -> Sequence[SealGrant]:
    """The grants that are offered or in force, of those that are meant."""
    chosen = select(SealGrant).where(SealGrant.state.in_(("offered", "active")), *which)
    return session.scalars(chosen.order_by(SealGrant.id)).all()


def end_grant(
    tx: Transaction,
    grant: SealGrant,
    event: str,
    reason: str,
    actor: str = "clock",
    intent: Mapping[str, object] | None = None,
    effective_at: int | None = None,
) -> None:
    """End *grant* by *event* of :data:`server_stub.states.AUTHORIZATION`, and its copy with it:
    on record, and in the public registry (第十二条), there as of *effective_at* (default: now).

    Raises :class:`server_stub.states.IllegalTransition`."""
    grant.state = states.advance(states.AUTHORIZATION, grant.state, event)
    grant.reason, grant.ended_at = reason, tx.now
    fields: dict[str, object] = {"grant": grant.id, "event": event, "to": grant.state}
    fields |= {"reason": reason, "actor": actor}
    if intent is not None:
        fields["intent"] = intent
    audience = (grant.enterprise_id, grant.grantee_id)
    tx.record(LEDGER, "grant-change-v1", fields, about=("seal_grant", grant.id), audience=audience)
    copies = select(Seal).where(
        Seal.grant_id == grant.id, Seal.state.in_(("made", "active", "suspended"))
    )
    for copy in tx.session.scalars(copies).all():
        change(tx, copy, "cancel", actor, reason=reason, effective_at=effective_at)


def end_grants(tx: Transaction, enterprise_id: str, reason: str) -> int:
    """End every grant of an enterprise: who speaks for it has changed. Gives how many."""
    found = grants_of(tx.session, SealGrant.enterprise_id == enterprise_id)
    for grant in found:
        end_grant(tx, grant, "revoke", reason, "platform")
    return len(found)


def end_grants_of(tx: Transaction, over: Appointment) -> None:
    """End the grants of somebody whose appointment is *over* (its row says so already), for seals
    that he may lend under no other one: nobody's word outlasts his office."""
    left = select(Appointment).where(
        Appointment.enterprise_id == over.enterprise_id,
        Appointment.person_id == over.person_id,
        Appointment.role.in_(("keeper", "legal_rep")),
        Appointment.until.is_(None),
    )
    still = tx.session.scalars(left).all()
    kept = {appointment.seal_id for appointment in still if appointment.role == "keeper"}
    if None in kept or any(appointment.role == "legal_rep" for appointment in still):
        return
    mine = SealGrant.enterprise_id == over.enterprise_id, SealGrant.grantor_id == over.person_id
    for grant in grants_of(tx.session, *mine):
        if grant.seal_id not in kept:
            end_grant(tx, grant, "revoke", "keeper_ended", "platform")


# --- certificates, and the seal data made for them -----------------------------------------------


def _follow(tx: Transaction, seal: Seal, event: str, reason: str | None) -> None:
    """What a change of the seal does to its certificate.

    A holder who suspends a seal for a while keeps a certificate to sign in and resume with; one who
    reports the token lost, and any authority, takes it out of use."""
    taken = tx.session.get_one(Certificate, seal.certificate_sn)
    if event in ("collect", "renew"):
        move_certificate(tx, taken, "activate")
        return
    holder = seal.suspended_by == "holder"
    step = {
        "resume": "release",
        "suspend": None if holder and reason not in KEY_IN_DOUBT else "hold",
        "cancel": "revoke",
        "replace": "revoke",
        "lapse": "revoke",
    }.get(event)
    for certificate in _certificates(tx.session, seal, taken):
        if step is not None and (certificate.state, step) in states.CERTIFICATE.moves:
            move_certificate(tx, certificate, step, reason)


def _certificates(session: Session, seal: Seal, taken: Certificate) -> list[Certificate]:
    """Of its holder: the one in force, those of renewals before and of one yet to be taken."""
    made = select(SealCopy.certificate_sn).where(
        SealCopy.seal_id == seal.id, SealCopy.kind == "original"
    )
    others = select(Certificate).where(Certificate.sn.in_(made), Certificate.sn != taken.sn)
    return [taken, *session.scalars(others.order_by(Certificate.sn))]


def add_certificate(tx: Transaction, der: bytes) -> Certificate:
    """A row for a certificate just issued, not yet in force."""
    parsed = X509Certificate.parse(der)
    state = states.advance(states.CERTIFICATE, states.START, "request")
    row = Certificate(
        sn=f"{parsed.serial:x}",
        subject=str(parsed.subject),
        der=der,
        state=states.advance(states.CERTIFICATE, state, "issue"),
        since=tx.now,
        not_before=canonical.microseconds(parsed.not_before),
        not_after=canonical.microseconds(parsed.not_after),
    )
    tx.session.add(row)
    return row


def add_original(
    tx: Transaction, application: Application, seal: Seal, sn: str, made: Making
) -> None:
    """A making of the seal data for the holder, yet to be collected."""
    copy = _seal_copy(tx, seal, "original", sn, made)
    copy.holder_id, copy.application_id = application.handler_id, application.id


def add_copy(tx: Transaction, grant: SealGrant, original: Seal, sn: str, made: Making) -> None:
    """A making of the seal data for a grantee, already collected."""
    copy = _seal_copy(tx, original, "copy", sn, made)
    copy.holder_id, copy.grant_id, copy.collected_at = grant.grantee_id, grant.id, tx.now


def _seal_copy(tx: Transaction, seal: Seal, kind: str, sn: str, made: Making) -> SealCopy:
    copy = SealCopy(
        id=f"copy_{secrets.token_hex(8)}",
        seal_id=seal.id,
        kind=kind,
        certificate_sn=sn,
        es_id=made.seal_code,
        seal_sm3=made.data.address,
        valid_from=made.valid_from,
        valid_until=made.valid_until,
        made_at=tx.now,
    )
    tx.session.add(copy)
    return copy


def move_certificate(
    tx: Transaction, certificate: Certificate, event: str, reason: str | None = None
) -> None:
    """Move *certificate* by *event*, on record."""
    certificate.state = states.advance(states.CERTIFICATE, certificate.state, event)
    certificate.since, certificate.reason = tx.now, reason
    fields = {"sn": certificate.sn, "event": event, "to": certificate.state, "reason": reason}
    tx.record(
        LEDGER,
        "certificate-change-v1",
        fields,
        about=("certificate", certificate.sn),
        audience=policy.owner_of(certificate).audience,
    )


# --- who sees which seals ------------------------------------------------------------------------


def find(session: Session, actor: Actor, verb: str, seal_id: str) -> Seal:
    """The seal, if *actor* may *verb* it. Raises NotFound or Forbidden."""
    seal = session.get(Seal, seal_id)
    if seal is None:
        raise policy.NotFound
    policy.allow(
        actor,
        verb,
        policy.owner_of(seal),
        application_id=asked_by(session, actor, seal),
        seal_id=seal.id,
    )
    return seal


def asked_by(session: Session, actor: Actor, seal: Seal) -> str:
    """The application that it came from; for the applicant of a renewal, that one."""
    own = actor.application_id
    if own is not None and session.scalar(of_application(own).where(Seal.id == seal.id)):
        return own
    return seal.application_id


def of_application(identity: str) -> Select[Any]:
    """Ids of the seals that were made, or made again, for an application."""
    again = select(SealCopy.seal_id).where(SealCopy.application_id == identity)
    return select(Seal.id).where((Seal.application_id == identity) | Seal.id.in_(again))


def owned_by(owner: Owner, table: type[Owned]) -> ColumnElement[bool]:
    """Which rows of *table* are *owner*'s; none are nobody's."""
    if owner.enterprise_id is not None:
        return table.enterprise_id == owner.enterprise_id
    if owner.person_id is not None:
        return table.enterprise_id.is_(None) & (table.person_id == owner.person_id)
    return false()


def visible(actor: Actor) -> ColumnElement[bool]:
    """Which of its enterprise's seals *actor* sees who does not see all: those that it keeps, and
    those from applications that it handled."""
    kept = actor.seals if "keeper" in actor.roles else frozenset()
    handled = actor.applications if "handler" in actor.roles else frozenset()
    if handled is None or kept is None:
        return true()
    return Seal.id.in_(kept) | Seal.application_id.in_(handled)


# --- commands ----------------------------------------------------------------------------------


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
    change(tx, seal, event, _authority(actor), intent=signed)
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
    who = _authority(actor)
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
    who = _authority(actor)
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


def use_up(tx: Transaction, seal: Seal, signed: Mapping[str, str | None] | None) -> None:
    """Return if what was *signed* has not changed *seal* before: whoever has read it on its way, or
    has the session, could send it again while its time still counts. What has changed the seal
    stands on the ledger.

    Raises :class:`server_stub.signin.SignatureInvalid`."""
    if signed is None:
        return
    about = (
        select(LedgerEntry.record)
        .where(LedgerEntry.object_kind == "seal", LedgerEntry.object_id == seal.id)
        .where(LedgerEntry.log == LEDGER)
        .order_by(LedgerEntry.number.desc())
    )
    oldest = tx.now - 2 * DECISION_SLACK  # what was used before has a time that counts no more
    for record in tx.session.scalars(about.execution_options(yield_per=20)):
        said = json.loads(record)
        if canonical.parse_timestamp(said["recorded_at"]) < oldest:
            return
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
    for certificate in _certificates(tx.session, seal, taken):
        if certificate.state == "active":
            move_certificate(tx, certificate, "hold", reason)
    fields: dict[str, object] = {"seal": seal.id, "from": before, "to": who, "reason": reason}
    fields |= {"seal_code": seal.seal_code, "seal_sm3": seal.seal_sm3}
    if signed is not None:
        fields["intent"] = signed
    about, audience = ("seal", seal.id), policy.owner_of(seal).audience
    tx.record(LEDGER, "suspension-raised-v1", fields, about=about, audience=audience)


def cancel(
    tx: Transaction, actor: Actor, seal_id: str, reason: str, agreed: Mapping[str, object]
) -> Seal:
    """注销 at the console: final, and by two people (:mod:`server_stub.staff.agreeing`)."""
    tx.act(actor.who)
    seal = find(tx.session, actor, "seal.cancel", seal_id)
    change(tx, seal, "cancel", _authority(actor), reason=reason, agreed=agreed)
    return seal


# --- lost --------------------------------------------------------------------------------------


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


# --- time ----------------------------------------------------------------------------------------


def sweep(tx: Transaction, collect_days: int) -> int:
    """What becomes due with time: seals expire, uncollected ones lapse. Gives how many changed."""
    ended = tx.session.scalars(
        select(Seal).where(Seal.state.in_(("active", "suspended")), Seal.valid_until < tx.now)
    ).all()
    for seal in ended:
        until = seal.valid_until
        change(tx, seal, "expire", "clock", reason="expired", effective_at=until)
    oldest = tx.now - int(timedelta(days=collect_days) / timedelta(microseconds=1))
    left = tx.session.scalars(
        select(Seal).where(Seal.state == "made", Seal.recorded_at < oldest)
    ).all()
    for seal in left:
        change(tx, seal, "lapse", "clock", reason="not_collected")
    return len(ended) + len(left) + _sweep_grants(tx)


OFFER_LIFE = timedelta(days=7)
_SETTLES = 2_000_000
"""Microseconds: statements have whole seconds, and the leave for the last use comes first."""


def _sweep_grants(tx: Transaction) -> int:
    """Offers that nobody took lapse; grants end with their number and their term."""
    oldest = tx.now - int(OFFER_LIFE / timedelta(microseconds=1))
    ended = 0
    over = SealGrant.valid_until < tx.now
    used_up = (SealGrant.max_uses > 0) & (SealGrant.used >= SealGrant.max_uses)
    old = (SealGrant.state == "offered") & (SealGrant.offered_at < oldest)
    for grant in grants_of(tx.session, over | old | used_up):
        if grant.state == "offered" and (grant.offered_at < oldest or grant.valid_until < tx.now):
            end_grant(tx, grant, "lapse", "not_accepted")
        elif grant.state == "active" and grant.valid_until < tx.now:
            end_grant(tx, grant, "expire", "expired")
        elif (
            grant.state == "active"
            and 0 < grant.max_uses <= grant.used
            and (grant.last_used_at or 0) < tx.now - _SETTLES
            and not _leased(tx.session, grant, tx.now)
        ):
            end_grant(tx, grant, "exhaust", "grant_exhausted")
        else:
            continue
        ended += 1
    return ended


def _leased(session: Session, grant: SealGrant, now: int) -> bool:
    """May a use that was reserved still be made?"""
    open_now = (
        select(Lease.id)
        .join(Seal, Seal.id == Lease.seal_id)
        .where(Seal.grant_id == grant.id, Lease.closed_at.is_(None), Lease.until > now)
    )
    return session.scalar(open_now.limit(1)) is not None


# --- leave to use --------------------------------------------------------------------------------


def ticket(
    tx: Transaction,
    actor: Actor,
    authority: Authority,
    seal_id: str,
    document_sm3: bytes,
    life: timedelta,
    leave: Leave | None = None,
) -> bytes:
    """用印凭据: a signed statement that the seal is in force, about exactly this document, to be
    stapled into its signature, with *leave* for a use that was approved; on record before it is
    handed out."""
    tx.act(actor.who)
    seal = find(tx.session, actor, "seal.use", seal_id)
    if seal.grant_id is not None:
        raise policy.NotFound  # a copy is used under its grant
    token = attested(tx, authority, seal, life, document_sm3, leave)
    fields = {
        "ticket": secrets.token_hex(8),
        "seal": seal.id,
        "approval": leave.approval if leave else "",
        "document_sm3": document_sm3.hex(),
        "token_sm3": gm.sm3(token).hex(),
        "actor": actor.subject,
    }
    about = ("seal", seal.id)
    tx.record(LEDGER, "ticket-v1", fields, about=about, audience=policy.owner_of(seal).audience)
    return token


def attested(
    tx: Transaction,
    authority: Authority,
    seal: Seal,
    life: timedelta,
    document_sm3: bytes | None,
    leave: Leave | None = None,
) -> bytes:
    """The signed statement that *seal* is in force now, with *leave* for a use of it; whoever calls
    puts it on record. Raises :class:`SealNotActive`."""
    statement = state_of(tx.session, seal, tx.now, life, document_sm3)
    if statement.state != "active" or not statement.certificate_valid:
        raise SealNotActive(f"the seal is {statement.state}")
    return authority.attest(replace(statement, leave=leave))


# --- answers -----------------------------------------------------------------------------------


def state_of(
    session: Session, seal: Seal, now: int, life: timedelta, document_sm3: bytes | None = None
) -> SealStatement:
    """What the platform vouches for about *seal* at this moment."""
    certificate = session.get_one(Certificate, seal.certificate_sn)
    state, reason, since = seal.state, seal.reason or "", seal.effective_at
    if state in ("active", "suspended") and seal.valid_until < now:
        state, reason, since = "expired", "expired", seal.valid_until  # the sweep is yet to come
    issued_at: datetime = canonical.moment(now)
    after = session.get(Seal, seal.successor_id) if seal.successor_id else None
    ruled_at = _ruled_since(session, seal.original_id or seal.id)
    return SealStatement(
        seal_code=seal.seal_code,
        state=state,
        reason=reason,
        effective_at=canonical.moment(since),
        recorded_at=canonical.moment(max(since, seal.recorded_at)),
        certificate_serial=int(certificate.sn, 16),
        certificate_valid=certificate.state in ("issued", "active") and certificate.not_after > now,
        issued_at=issued_at,
        next_update=issued_at + life,
        document_digest=document_sm3,
        successor=after.seal_code if after else "",
        ticket_since=None if ruled_at is None else canonical.moment(ruled_at),
    )


def _ruled_since(session: Session, seal_id: str) -> int | None:
    """Since when the policies, one after another, allow no use without a ticket: those of the seal,
    and before its first one those of the seal whose place it took, which rule it till then."""
    since: int | None = None
    known: set[str] = set()
    while seal_id not in known:
        known.add(seal_id)
        rows = session.execute(
            select(
                UsePolicyRow.set_at,
                UsePolicyRow.ended_at,
                UsePolicyRow.offline,
                UsePolicyRow.needed,
            )
            .where(UsePolicyRow.seal_id == seal_id)
            .order_by(
                UsePolicyRow.ended_at.is_(None).desc(),
                UsePolicyRow.set_at.desc(),
                UsePolicyRow.ended_at.desc(),
            )
        )
        after: int | None = None
        for set_at, ended_at, offline, needed in rows:
            if (offline and not needed) or ended_at != after:  # one that is in force has no end
                return since
            since = after = set_at
        before = session.scalar(select(Seal.id).where(Seal.successor_id == seal_id).limit(1))
        seal_id = before or seal_id
    return since


def changes_of(session: Session, seal_code: str) -> list[RegistryChange]:
    """What became of the seal once it was in use, oldest first: what the registry tells of it."""
    rows = session.scalars(
        select(SealChange)
        .join(Seal, Seal.id == SealChange.seal_id)
        .where(Seal.seal_code == seal_code, SealChange.from_state.not_in((states.START, "made")))
        .order_by(SealChange.number)
    )
    return [
        RegistryChange(
            seal_code,
            row.to_state,
            row.reason or "",
            canonical.moment(row.effective_at),
            canonical.moment(row.recorded_at),
        )
        for row in rows
    ]


def _authority(actor: Actor) -> str:
    """Under which authority *actor* acts: what a suspension remembers."""
    return "holder" if actor.kind in ("holder", "applicant") else actor.kind
