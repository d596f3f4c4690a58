"""授权: offer, accept, withdraw, and the leave for each use (第十二条).

The grantor signs the terms (:mod:`crypto.seal.grant`). Whoever accepts with its own key has a copy
of the seal: the same picture and name, an own code, the grantee's certificate alone in its
list, the grant's term as its validity. A copy is a seal of its own in the tables and in the public
registry, so that it can end while the original goes on. Number, scope and approval are looked at
whenever the platform gives its leave.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import timedelta

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from crypto.algorithms import gm
from crypto.frozen import frozen
from crypto.seal.grant import Grant, GrantError, SignedGrant
from crypto.seal.statement import Leave
from server_stub import policy, states
from server_stub.authority import Authority
from server_stub.neighbours.adapters import identity_digest
from server_stub.policy import Actor
from server_stub.records import canonical
from server_stub.records.ledger import LEDGER, Transaction
from server_stub.records.store import (
    Certificate,
    Enterprise,
    Seal,
    SealGrant,
)
from server_stub.ruling import use_policies
from server_stub.seals import access, lifecycle, statements
from server_stub.signin import Decision, decided

WITHDRAW = "withdraw-grant"
MAX_LISTED = 200
"""Grants of one side in an answer, the newest first."""


class GrantInvalid(Exception):
    """The terms are not in order, or not about the seal as it is."""


class GranteeDiffers(Exception):
    """Whoever accepts is not whom the grant names."""


class OutsideGrant(Exception):
    """The use is outside what was granted: its number, its scope, or without approval."""


# --- offering ----------------------------------------------------------------------------------


@frozen
class Offer:
    """A grant as it was sent."""

    terms: bytes
    decision: Decision
    identity: tuple[str, bytes] | None = None
    """(the grantee's identity number, salt) where the terms name the grantee by it."""


def offer(tx: Transaction, actor: Actor, origin: str, seal_id: str, given: Offer) -> SealGrant:
    """Offer a seal to somebody. Raises :class:`GrantInvalid`,
    :class:`server_stub.signin.SignatureInvalid`, and of :mod:`server_stub.policy`."""
    tx.act(actor.who)
    seal = access.find(tx.session, actor, "grant.offer", seal_id)
    grant = _checked(tx, seal, given)
    if tx.session.get(SealGrant, grant.id) is not None:
        raise GrantInvalid("this grant is on record already")
    digest = gm.sm3(given.terms).hex()
    signed = decided(tx, actor, origin, "grant", grant.id, digest, "", given.decision)
    if signed is None or seal.enterprise_id is None:
        raise policy.Forbidden("a grant is signed by somebody who keeps the seal")
    own = tx.session.get_one(Certificate, actor.certificate_sn)
    token = SignedGrant.make(
        given.terms, str(signed["text"]), own.der, given.decision.signature
    ).token
    row = SealGrant(
        id=grant.id,
        seal_id=seal.id,
        enterprise_id=seal.enterprise_id,
        grantor_id=actor.person_id,
        grantee_by=grant.grantee_by,
        grantee_sm3=grant.grantee_sm3,
        grantee_salt=given.identity[1] if given.identity else None,
        grantee_id=_named(tx.session, grant),
        terms=given.terms.decode(),
        terms_sm3=digest,
        token=token,
        valid_from=canonical.microseconds(grant.valid_from),
        valid_until=canonical.microseconds(grant.valid_until),
        max_uses=grant.max_uses,
        offline_quota=grant.offline_quota,
        used=0,
        state=states.advance(states.AUTHORIZATION, states.START, "offer"),
        offered_at=tx.now,
    )
    tx.session.add(row)
    fields = {"grant": row.id, "seal": seal.id, "terms_sm3": digest, "intent": signed}
    recorded(tx, "grant-offered-v1", row, fields)
    return row


def _checked(tx: Transaction, seal: Seal, given: Offer) -> Grant:
    try:
        grant = Grant.parse(given.terms)
    except GrantError as error:
        raise GrantInvalid(str(error)) from error
    enterprise = tx.session.get(Enterprise, seal.enterprise_id) if seal.enterprise_id else None
    said = (grant.seal_code, grant.seal_name, grant.holder)
    if seal.grant_id is not None or enterprise is None:
        raise GrantInvalid("not a seal that can be lent")
    if said != (seal.seal_code, seal.name, enterprise.name):
        raise GrantInvalid("the grant names another seal or holder")
    if grant.approval:
        rule = use_policies.current(tx.session, seal)
        if rule is None or not rule.needed:
            raise GrantInvalid("nobody approves uses of this seal: set its policy first")
    if seal.state != "active":
        raise statements.SealNotActive(f"the seal is {seal.state}")
    begin, end = canonical.microseconds(grant.valid_from), canonical.microseconds(grant.valid_until)
    if end <= tx.now or end > seal.valid_until or begin < seal.valid_from:
        raise GrantInvalid("the term is over, or reaches beyond that of the seal")
    if grant.grantee_by == "identity":
        number, salt = given.identity or ("", b"")
        if len(salt) < 16 or grant.grantee_sm3 != commitment(number, salt):
            raise GrantInvalid("the identity number does not go with the terms")
    elif grant.grantee_by == "certificate" and _named(tx.session, grant) is None:
        raise GrantInvalid("the certificate of the grantee is not of this platform")
    elif grant.grantee_by == "code" and tx.session.scalar(_by_code(grant.grantee_sm3).limit(1)):
        raise GrantInvalid("another grant has this code")
    return grant


def _by_code(digest: str) -> Select[SealGrant]:
    """The grants, past ones too, whose code has that SM3 (hex): there is one, but for platforms
    from before codes were compared."""
    return (
        select(SealGrant)
        .where(SealGrant.grantee_by == "code", SealGrant.grantee_sm3 == digest)
        .order_by(SealGrant.offered_at.desc(), SealGrant.id)
    )


def commitment(id_no: str, salt: bytes) -> str:
    """How terms name a person by identity number, hex: nobody can guess the number from it, for
    the *salt* (16 bytes or more) is the platform's and the grantor's alone."""
    return gm.sm3(salt + identity_digest(id_no).encode()).hex()


def _named(session: Session, grant: Grant) -> str | None:
    """The person whose certificate the terms name."""
    if grant.grantee_by != "certificate":
        return None
    own = select(Certificate.person_id).where(Certificate.der_sm3 == grant.grantee_sm3)
    return session.scalar(own)


# --- finding -----------------------------------------------------------------------------------


def given_by(session: Session, actor: Actor) -> Sequence[SealGrant]:
    """Grants of the seals that *actor* keeps."""
    if actor.enterprise_id is None or not actor.roles & {"keeper", "legal_rep"}:
        return ()
    chosen = select(SealGrant).where(SealGrant.enterprise_id == actor.enterprise_id)
    if not actor.sees_all:
        chosen = chosen.where(SealGrant.seal_id.in_(actor.seals or ()))
    return _newest(session, chosen)


def received_by(session: Session, actor: Actor) -> Sequence[SealGrant]:
    """Grants to *actor*: accepted with its certificate, or offered to it."""
    if actor.person_id is None:
        return ()
    offered_to = Seal.id.is_(None) & (SealGrant.grantee_sm3 == _own_digest(session, actor))
    chosen = (
        select(SealGrant)
        .outerjoin(Seal, Seal.grant_id == SealGrant.id)
        .where(SealGrant.grantee_id == actor.person_id)
        .where(offered_to | (Seal.certificate_sn == actor.certificate_sn))
    )
    return _newest(session, chosen)


def _newest(session: Session, chosen: object) -> Sequence[SealGrant]:
    ordered = chosen.order_by(SealGrant.offered_at.desc(), SealGrant.id)  # type: ignore[attr-defined]
    found: Sequence[SealGrant] = session.scalars(ordered.limit(MAX_LISTED)).all()
    return found


def offered(session: Session, key: str) -> SealGrant:
    """The open offer that *key* is the code of, or, where the grantee is known otherwise, the id.

    Raises :class:`server_stub.policy.NotFound`."""
    row = session.scalars(_by_code(gm.sm3(key.encode()).hex()).limit(1)).first()
    if row is None:
        row = session.get(SealGrant, key)
        if row is None or row.grantee_by == "code":
            raise policy.NotFound
    if row.state != "offered":
        raise policy.NotFound
    return row


def copy_of(session: Session, grant: SealGrant) -> Seal | None:
    """The copy that was made for *grant*."""
    return session.scalar(select(Seal).where(Seal.grant_id == grant.id))


def is_grantee(session: Session, actor: Actor, grant: SealGrant) -> bool:
    """Is *grant* to *actor*? The person alone is not enough: anybody who knows a name and a number
    can have that person named in an application of another enterprise."""
    if grant.grantee_id is None or grant.grantee_id != actor.person_id:
        return False
    copy = copy_of(session, grant)
    if copy is None:
        return grant.grantee_sm3 == _own_digest(session, actor)
    held = session.get_one(Certificate, copy.certificate_sn)
    return (held.enterprise_id, held.person_id) == (actor.enterprise_id, actor.person_id)


def _own_digest(session: Session, actor: Actor) -> str:
    """SM3, hex, of the certificate that *actor* signed in with."""
    own = session.get(Certificate, actor.certificate_sn or "")
    return gm.sm3(own.der).hex() if own is not None else ""


# --- ending ------------------------------------------------------------------------------------


def withdraw(
    tx: Transaction, actor: Actor, origin: str, identity: str, reason: str, decision: Decision
) -> SealGrant:
    """收回 by whoever keeps the seal, 谢绝 or 退回 by the grantee: at once, in the registry too."""
    tx.act(actor.who)
    row = tx.session.get(SealGrant, identity)
    if row is None:
        raise policy.NotFound
    own = is_grantee(tx.session, actor, row)
    try:
        access.find(tx.session, actor, "grant.withdraw", row.seal_id)
        own = False  # whoever keeps the seal and was given it acts for the seal
    except (policy.NotFound, policy.Forbidden):
        if not own:
            raise
    event = "decline" if own and row.state == "offered" else "revoke"
    states.advance(states.AUTHORIZATION, row.state, event)
    signed = decided(tx, actor, origin, WITHDRAW, row.id, row.terms_sm3, reason, decision)
    why = "grant_returned" if own else "grant_withdrawn"
    lifecycle.end_grant(tx, row, event, why, "holder", signed)
    return row


# --- using -------------------------------------------------------------------------------------


def find_copy(session: Session, actor: Actor, verb: str, seal_id: str) -> tuple[Seal, SealGrant]:
    """The copy of that id and its grant, if they are *actor*'s. Raises of
    :mod:`server_stub.policy`."""
    seal = session.get(Seal, seal_id)
    if seal is None or seal.grant_id is None:
        raise policy.NotFound
    grant = session.get_one(SealGrant, seal.grant_id)
    if not is_grantee(session, actor, grant):
        raise policy.NotFound
    policy.allow(actor, verb)
    return seal, grant


def find_own_or_copy(
    tx: Transaction, actor: Actor, verb: str, seal_id: str
) -> tuple[Seal, SealGrant | None]:
    """The seal of that id that *actor* may use, and the grant if it is a copy, for which *verb* is
    asked. Raises :class:`server_stub.seals.statements.SealNotActive`, of
    :mod:`server_stub.policy`."""
    seal = tx.session.get(Seal, seal_id)
    if seal is None:
        raise policy.NotFound
    if seal.grant_id is None:
        return access.find(tx.session, actor, "seal.use", seal_id), None
    seal, grant = find_copy(tx.session, actor, verb, seal_id)
    usable(tx, seal, grant)
    return seal, grant


@frozen
class Use:
    """What a grantee says of a use, and what was approved of it."""

    kind: str = ""
    counterparty: str = ""
    approval: str = ""
    """The request that was approved; "" for none."""
    evidence: bytes = b""


def ticket(
    tx: Transaction,
    actor: Actor,
    authority: Authority,
    seal_id: str,
    document_sm3: bytes,
    use: Use,
    life: timedelta,
) -> bytes:
    """用印凭据 under a grant: leave for exactly this document, as the next use of the grant.

    Raises :class:`OutsideGrant`, :class:`server_stub.seals.statements.SealNotActive`."""
    tx.act(actor.who)
    seal, grant = find_copy(tx.session, actor, "grant.use", seal_id)
    if actor.certificate_sn != seal.certificate_sn:
        raise policy.Forbidden("the copy is for another certificate")
    usable(tx, seal, grant)
    terms = Grant.parse(grant.terms.encode())
    outside = terms.scope.why_not(use.kind, use.counterparty, canonical.moment(tx.now))
    if outside:
        raise OutsideGrant(outside)
    if terms.approval and not use.approval:
        raise OutsideGrant("approval")
    (number,) = take_numbers(tx, grant, 1)
    leave = Leave(
        grant_sm3=grant.terms_sm3,
        use=number,
        kind=use.kind,
        counterparty=use.counterparty,
        approval=use.approval,
        evidence=use.evidence,
    )
    token = statements.attested(tx, authority, seal, life, document_sm3, leave)
    fields = {
        "ticket": secrets.token_hex(8),
        "seal": seal.id,
        "grant": grant.id,
        "use": number,
        "approval": use.approval,
        "document_sm3": document_sm3.hex(),
        "token_sm3": gm.sm3(token).hex(),
        "actor": actor.subject,
    }
    audience = (grant.enterprise_id, grant.grantee_id)
    tx.record(LEDGER, "ticket-v1", fields, about=("seal_grant", grant.id), audience=audience)
    return token


def usable(tx: Transaction, seal: Seal, grant: SealGrant) -> None:
    """Return if leave may be given now.

    Raises :class:`server_stub.seals.statements.SealNotActive`."""
    original = tx.session.get_one(Seal, seal.original_id)
    over = grant.state != "active" or not grant.valid_from <= tx.now <= grant.valid_until
    if over or seal.state != "active" or original.state != "active":
        state = grant.state if grant.state != "active" else original.state
        raise statements.SealNotActive(f"the grant or its seal is {state}")


def take_numbers(tx: Transaction, grant: SealGrant, count: int) -> list[int]:
    """The next *count* numbers of uses of *grant*. Raises :class:`OutsideGrant`."""
    if grant.max_uses and grant.used + count > grant.max_uses:
        raise OutsideGrant("number")
    first = grant.used + 1
    grant.used += count
    grant.last_used_at = tx.now
    return list(range(first, first + count))


def recorded(tx: Transaction, type_: str, row: SealGrant, fields: Mapping[str, object]) -> None:
    audience = (row.enterprise_id, row.grantee_id)
    tx.record(LEDGER, type_, fields, about=("seal_grant", row.id), audience=audience)
