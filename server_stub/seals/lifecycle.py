"""The life of a seal after it was made: every change of state goes through :func:`change`.

One change is one row, one entry in the public registry and one in the private ledger, all in the
same transaction; certificate, copies and grants follow the seal (第十七条、第二十二条、第二十三条).

    change           a change of state, and what follows from it
    records_since    what the ledger has of a seal
    end_grant        a grant and its copy end
    add_…, move_…    certificates, and the seal data made for them
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from crypto.frozen import frozen
from crypto.pki.certificate import Certificate as X509Certificate
from server_stub import policy, states
from server_stub.neighbours import filing
from server_stub.records import canonical
from server_stub.records.blobs import SealedBlob
from server_stub.records.ledger import LEDGER, REGISTRY, Transaction
from server_stub.records.store import (
    Application,
    Appointment,
    Certificate,
    LedgerEntry,
    Seal,
    SealChange,
    SealCopy,
    SealGrant,
)
from server_stub.signin import KEY_IN_DOUBT


@frozen(kw_only=True)
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


def records_since(session: Session, seal: Seal, since: int) -> Iterator[dict[str, Any]]:
    """What the private ledger has of *seal* since then (microseconds since 1970), newest first."""
    about = (
        select(LedgerEntry.record)
        .where(LedgerEntry.object_kind == "seal", LedgerEntry.object_id == seal.id)
        .where(LedgerEntry.log == LEDGER)
        .order_by(LedgerEntry.number.desc())
    )
    for record in session.scalars(about.execution_options(yield_per=20)):
        said: dict[str, Any] = json.loads(record)
        if canonical.parse_timestamp(said["recorded_at"]) < since:
            return
        yield said


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
    for certificate in certificates_of(tx.session, seal, taken):
        if step is not None and (certificate.state, step) in states.CERTIFICATE.moves:
            move_certificate(tx, certificate, step, reason)


def certificates_of(session: Session, seal: Seal, taken: Certificate) -> list[Certificate]:
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
