"""用印规则: which uses of a seal need whose approval; set by a signed intent of who keeps it.

A policy in force stays until another takes its place; the requests that were made under it lapse
then. Whoever keeps a seal can tighten its policy; to loosen it takes the legal representative, for
who stamps must not do away with approvals. A seal that took the place of one with approvers has
none until somebody signs a policy for it, and cannot be used till then: a reissue must not do away
with approvals either.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from crypto.algorithms import gm
from crypto.frozen import frozen
from crypto.pki.certificate import Certificate as X509Certificate
from crypto.seal.approver_key import ApproverKeyError, SignedApproverKey
from crypto.seal.use_policy import VERB, PolicyError, SignedPolicy, UsePolicy, masked
from server_stub import policy, signin, states
from server_stub.policy import Actor
from server_stub.records.blobs import let_go_all
from server_stub.records.ledger import LEDGER, Transaction
from server_stub.records.store import (
    ApproverKey,
    Certificate,
    Enterprise,
    Lease,
    Person,
    PolicyApprover,
    Seal,
    UsePage,
    UsePolicyRow,
    UseRequestRow,
)
from server_stub.records.vault import Vault
from server_stub.ruling.same_people import People
from server_stub.seals import access
from server_stub.signin import Decision, decided

MAX_KEYS = 5
"""Of one certificate, the newest: computers at which an approver works."""


_FRUITLESS = ("reject", "withdraw", "lapse")
"""Events after which nobody has to see a request's pages any more."""


class PolicyInvalid(Exception):
    """The terms are not in order, or name somebody who cannot approve."""


class PolicySigner(PolicyInvalid):
    """The certificate that signed is not in the name of whose seal it is."""


class PolicyWeaker(PolicyInvalid):
    """The terms allow more than those in force, and not the legal representative has signed."""


class ApprovalNeeded(Exception):
    """The seal's policy does not allow this use as it is."""


def original_of(session: Session, seal: Seal) -> Seal:
    """The seal itself, or the one that it is a copy of."""
    return session.get_one(Seal, seal.original_id) if seal.original_id else seal


def current(session: Session, seal: Seal) -> UsePolicyRow | None:
    """The policy that *seal*, or the seal that it is a copy of, is under; None: none was set."""
    row: UsePolicyRow | None = session.scalar(
        select(UsePolicyRow).where(
            UsePolicyRow.seal_id == original_of(session, seal).id, UsePolicyRow.ended_at.is_(None)
        )
    )
    return row


def terms_of(row: UsePolicyRow) -> UsePolicy:
    """What a policy says."""
    return SignedPolicy.parse(row.token).policy


def in_force(session: Session, seal: Seal) -> UsePolicyRow | None:
    """:func:`current`, or where none was set for *seal* that of the seal whose place it took."""
    seen, known = original_of(session, seal), set[str]()
    while seen.id not in known:
        known.add(seen.id)
        row = current(session, seen)
        if row is not None:
            return row
        before = session.scalar(select(Seal).where(Seal.successor_id == seen.id).limit(1))
        if before is None:
            return None
        seen = before
    return None


def ruled(session: Session, seal: Seal) -> UsePolicyRow | None:
    """:func:`in_force`, for who wants to use the seal. Raises :class:`ApprovalNeeded` where a seal
    before this one had approvers, and nobody has said what is to be with this one."""
    row = in_force(session, seal)
    if row is not None and row.needed and row.seal_id != original_of(session, seal).id:
        raise ApprovalNeeded("policy")
    return row


def check_offline(session: Session, seal: Seal) -> None:
    """Return if uses may be reserved. Raises :class:`ApprovalNeeded`."""
    row = ruled(session, seal)
    if row is not None and (row.needed or not row.offline):
        raise ApprovalNeeded("offline")


def approvers_of(session: Session, row: UsePolicyRow) -> Sequence[PolicyApprover]:
    """Whom a policy names."""
    chosen = select(PolicyApprover).where(PolicyApprover.policy_id == row.id)
    return session.scalars(chosen.order_by(PolicyApprover.certificate_sn)).all()


def seal_for_all(session: Session, actor: Actor, seal_id: str) -> Seal:
    """A seal whose policy *actor* may read: whoever uses it, keeps it, or approves for it.

    Raises :class:`server_stub.policy.NotFound`, :class:`server_stub.policy.Forbidden`."""
    seal = session.get(Seal, seal_id)
    if seal is None:
        raise policy.NotFound
    policy.allow(actor, "policy.read")
    row = current(session, seal)
    if row is not None:
        for approver in approvers_of(session, row):
            if approver.certificate_sn == actor.certificate_sn:
                return seal
    if seal.grant_id is not None and seal.certificate_sn == actor.certificate_sn:
        return seal
    return access.find(session, actor, "policy.read", seal_id)


# --- setting -------------------------------------------------------------------------------------


def set_policy(
    tx: Transaction,
    vault: Vault,
    actor: Actor,
    origin: str,
    seal_id: str,
    terms: bytes,
    decision: Decision,
) -> UsePolicyRow:
    """Put a seal under the policy *terms*, which *decision* signs.

    Raises :class:`PolicyInvalid`, :class:`PolicySigner`, :class:`PolicyWeaker`,
    :class:`server_stub.signin.SignatureInvalid`, and of :mod:`server_stub.policy`."""
    tx.act(actor.who)
    seal = access.find(tx.session, actor, "policy.set", seal_id)
    said, enterprise = _terms_for(tx.session, seal, terms)
    people = _approvers(tx, vault, said)
    signed = decided(tx, actor, origin, VERB, said.seal_code, said.sm3, "", decision)
    own = tx.session.get(Certificate, actor.certificate_sn or "")
    if signed is None or own is None:
        raise policy.Forbidden("a policy is signed by somebody who keeps the seal")
    made = SignedPolicy.make(terms, str(signed["text"]), own.der, decision.signature)
    if not made.by_holder:
        raise PolicySigner("a policy is signed by a certificate in the holder's name")
    ruling = in_force(tx.session, seal)
    former = approvers_of(tx.session, ruling) if ruling else ()
    weaker = ruling is not None and _weaker(tx.session, ruling, former, said, people)
    if weaker and "legal_rep" not in actor.acts_as(seal.id, seal.application_id):
        raise PolicyWeaker("only the legal representative allows more than the policy before")
    before = current(tx.session, seal)
    if before is not None:
        before.ended_at = tx.now
        _lapse_requests(tx, before)
    row = UsePolicyRow(
        id=said.sm3,
        seal_id=seal.id,
        enterprise_id=enterprise.id,
        token=made.token,
        needed=said.needed,
        offline=said.offline,
        phone=said.phone,
        set_at=tx.now,
    )
    tx.session.add(row)
    tx.session.flush()
    for certificate in people:
        tx.session.add(
            PolicyApprover(
                policy_id=row.id,
                certificate_sn=certificate.sn,
                person_id=str(certificate.person_id),
            )
        )
    if not said.offline:
        _close_leases(tx, seal)
    fields = {
        "policy": row.id,
        "seal": seal.id,
        "before": before.id if before else None,
        "needed": said.needed,
        "intent": signed,
    }
    told = {each.person_id for each in former} | {str(person.person_id) for person in people}
    audience = (enterprise.id, *sorted(told))
    tx.record(LEDGER, "use-policy-v1", fields, about=("use_policy", row.id), audience=audience)
    return row


def _terms_for(session: Session, seal: Seal, terms: bytes) -> tuple[UsePolicy, Enterprise]:
    """What *terms* say, and whose *seal* is. Raises :class:`PolicyInvalid` if they are not about
    that seal, or were set before."""
    try:
        said = UsePolicy.parse(terms)
    except PolicyError as error:
        raise PolicyInvalid(str(error)) from error
    enterprise = session.get(Enterprise, seal.enterprise_id) if seal.enterprise_id else None
    if seal.grant_id is not None or enterprise is None:
        raise PolicyInvalid("not a seal that has a policy of its own")
    if (said.seal_code, said.seal_name, said.holder) != (
        seal.seal_code,
        seal.name,
        enterprise.name,
    ):
        raise PolicyInvalid("the policy names another seal or holder")
    if session.get(UsePolicyRow, said.sm3) is not None:
        raise PolicyInvalid("this policy was set before: make it anew")
    return said, enterprise


def _approvers(tx: Transaction, vault: Vault, said: UsePolicy) -> list[Certificate]:
    """The certificates that *said* names. Raises :class:`PolicyInvalid` if one cannot approve, or
    two are of one person."""
    people = [_approver(tx.session, said, each.certificate_sm3, tx.now) for each in said.approvers]
    if People(tx.session, vault).count(row.person_id for row in people) != len(people):
        raise PolicyInvalid("two of the approvers are one person")
    return people


def _weaker(
    session: Session,
    ruling: UsePolicyRow,
    former: Sequence[PolicyApprover],
    said: UsePolicy,
    people: Sequence[Certificate],
) -> bool:
    """Does *said* allow a use that the policy in force does not, or hide more of it? Another
    certificate of the same approver, from the same enterprise, does not. One from elsewhere does:
    whoever knows a name and a number can have a certificate in that name by the offer of a seal."""
    was = terms_of(ruling)
    if said.offline and not was.offline:
        return True
    if not was.needed:
        return False
    if said.needed < was.needed or (said.phone and not was.phone):
        return True
    if said.masked and not was.masked:
        return True
    held = (session.get_one(Certificate, approver.certificate_sn) for approver in former)
    before, after = (
        {(row.person_id, row.enterprise_id) for row in rows} for rows in (held, people)
    )
    return before != after


def _approver(session: Session, said: UsePolicy, digest: str, now: int) -> Certificate:
    """The certificate of ours with that SM3, if its person can approve under that name."""
    name = next(approver.name for approver in said.approvers if approver.certificate_sm3 == digest)
    rows = session.scalars(
        select(Certificate).where(
            Certificate.person_id.is_not(None), Certificate.staff_id.is_(None)
        )
    )
    row = next((each for each in rows if gm.sm3(each.der).hex() == digest), None)
    if row is None:
        raise PolicyInvalid("an approver's certificate is not of this platform")
    try:
        signin.usable(session, row.der, now)
    except signin.CertificateNotValid as error:
        raise PolicyInvalid(f"the certificate of {name} may not sign now") from error
    person = session.get_one(Person, row.person_id)
    known = {person.name}
    if row.enterprise_id is not None:
        known.add(session.get_one(Enterprise, row.enterprise_id).name)
    if name not in {masked(each) if said.masked else each for each in known}:
        raise PolicyInvalid(f"the certificate is not that of {name}")
    if said.masked and person.name in str(X509Certificate.parse(row.der).subject):
        raise PolicyInvalid(f"the certificate of {name} shows the name that is to be hidden")
    return row


def _lapse_requests(tx: Transaction, before: UsePolicyRow) -> None:
    open_now = select(UseRequestRow).where(
        UseRequestRow.policy_id == before.id, UseRequestRow.state.in_(("pending", "approved"))
    )
    for request in tx.session.scalars(open_now.order_by(UseRequestRow.id)).all():
        change(tx, request, "lapse", "policy_changed")


def change(
    tx: Transaction,
    row: UseRequestRow,
    event: str,
    reason: str = "",
    intent: object = None,
) -> None:
    """Move a request by *event*, on record. The pages of one that allows no use go at once.

    Raises :class:`server_stub.states.IllegalTransition`."""
    row.state = states.advance(states.USAGE_REQUEST, row.state, event)
    row.reason, row.changed_at = reason or None, tx.now
    if event in _FRUITLESS:
        remove_pages(tx.session, row)
    fields: dict[str, object] = {"request": row.id, "event": event, "to": row.state}
    fields |= {"reason": reason, **({"intent": intent} if intent else {})}
    about, audience = ("use_request", row.id), (row.enterprise_id, row.requester_id)
    tx.record(LEDGER, "use-request-change-v1", fields, about=about, audience=audience)


def remove_pages(session: Session, row: UseRequestRow) -> None:
    """Remove the encrypted pages of a request."""
    pages = session.scalars(select(UsePage).where(UsePage.request_id == row.id)).all()
    for page in pages:
        session.delete(page)
    if pages:
        let_go_all(session, [each.blob_sm3 for each in pages])


def _close_leases(tx: Transaction, seal: Seal) -> None:
    """No more is carried over from a lease that the policy no longer allows; what was reserved
    stays good until its end, for nobody can call it back."""
    seals = select(Seal.id).where((Seal.id == seal.id) | (Seal.original_id == seal.id))
    open_now = select(Lease).where(Lease.seal_id.in_(seals), Lease.closed_at.is_(None))
    for lease in tx.session.scalars(open_now).all():
        lease.closed_at = tx.now


@frozen
class Duty:
    """A seal whose uses somebody approves, or did."""

    seal_id: str
    policy: UsePolicyRow
    """The last one that names the person."""

    @property
    def ended_at(self) -> int | None:
        """Since when another policy rules that does not; None: it is in force."""
        return self.policy.ended_at


def duties(session: Session, actor: Actor) -> list[Duty]:
    """The seals whose uses *actor* approves or approved under the certificate that is signed in:
    former approvers hear of it, too. Seals that are over are left out."""
    chosen = (
        select(UsePolicyRow)
        .join(PolicyApprover, PolicyApprover.policy_id == UsePolicyRow.id)
        .join(Seal, Seal.id == UsePolicyRow.seal_id)
        .where(
            PolicyApprover.certificate_sn == actor.certificate_sn,
            Seal.state.in_(("active", "suspended")),
        )
        .order_by(UsePolicyRow.ended_at.is_(None).desc(), UsePolicyRow.ended_at.desc())
    )
    last: dict[str, Duty] = {}
    for row in session.scalars(chosen):
        last.setdefault(row.seal_id, Duty(row.seal_id, row))
    return list(last.values())


# --- who can be named ----------------------------------------------------------------------------


@frozen
class Candidate:
    """Somebody of the enterprise who has a certificate to approve with."""

    name: str
    roles: tuple[str, ...]
    certificate: bytes


def candidates(session: Session, actor: Actor, seal_id: str, now: int) -> list[Candidate]:
    """Whom who keeps the seal can choose from: holders of the enterprise's certificates.

    Raises of :mod:`server_stub.policy`."""
    seal = access.find(session, actor, "policy.set", seal_id)
    rows = session.scalars(
        select(Certificate)
        .where(
            Certificate.enterprise_id == seal.enterprise_id,
            Certificate.person_id.is_not(None),
            Certificate.state.in_(("issued", "active")),
            Certificate.not_after > now,
        )
        .order_by(Certificate.sn)
    )
    found = []
    for row in rows:
        person = session.get_one(Person, row.person_id)
        roles = signin.holder_of(session, row.sn, now).roles
        found.append(Candidate(person.name, tuple(sorted(roles)), row.der))
    return found


# --- keys that pages are encrypted for -----------------------------------------------------------


def add_key(tx: Transaction, actor: Actor, origin: str, token: bytes) -> ApproverKey:
    """Keep a key that *actor*'s Ukey has signed; the same again changes nothing.

    Raises :class:`PolicyInvalid`, of :mod:`server_stub.policy`."""
    tx.act(actor.who)
    policy.allow(actor, "approval.decide")
    try:
        signed = SignedApproverKey.parse(token)
    except ApproverKeyError as error:
        raise PolicyInvalid(str(error)) from error
    own = tx.session.get(Certificate, actor.certificate_sn or "")
    if own is None or signed.certificate.der != own.der or signed.key.origin != origin:
        raise PolicyInvalid("the key is somebody else's")
    row = tx.session.get(ApproverKey, signed.key_id)
    if row is not None:
        if row.certificate_sn != own.sn:
            raise PolicyInvalid("the key is somebody else's")
        return row
    row = ApproverKey(id=signed.key_id, certificate_sn=own.sn, token=token, made_at=tx.now)
    tx.session.add(row)
    tx.session.flush()
    for old in keys_of(tx.session, own.sn)[MAX_KEYS:]:
        tx.session.delete(old)
    fields = {"key": row.id, "certificate": own.sn}
    about, audience = ("approver_key", row.id), (own.person_id,)
    tx.record(LEDGER, "approver-key-v1", fields, about=about, audience=audience)
    return row


def keys_of(session: Session, certificate_sn: str) -> Sequence[ApproverKey]:
    """The keys of a certificate, the newest first."""
    chosen = select(ApproverKey).where(ApproverKey.certificate_sn == certificate_sn)
    return session.scalars(chosen.order_by(ApproverKey.made_at.desc(), ApproverKey.id)).all()


def new_link() -> str:
    """The secret part of the address of a phone's page."""
    return secrets.token_urlsafe(16)
