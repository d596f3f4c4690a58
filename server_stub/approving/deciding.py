"""同意、不同意、撤回、过期: how a request ends.

The first decision of each approver counts and is never changed; a request is approved with as many
approvals as its policy wants, and rejected by the first rejection.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import ColumnElement, select

from crypto.seal.use_approval import APPROVE, ApprovalError, SignedApproval, join
from server_stub import policy, signin
from server_stub.approving import requesting
from server_stub.phones import pairing
from server_stub.policy import Actor
from server_stub.records import canonical
from server_stub.records.ledger import LEDGER, Transaction
from server_stub.records.store import Certificate, UseApprover, UsePage, UsePolicyRow, UseRequestRow
from server_stub.records.vault import Vault
from server_stub.ruling import use_policies
from server_stub.ruling.same_people import People
from server_stub.signin import Decision, decided

WITHDRAW = "withdraw-use-request"
_SLACK = 600 * 1_000_000
_FORGOTTEN = int(timedelta(days=7) / timedelta(microseconds=1))
"""After a request was used its pages are still there for so long."""


class DecisionInvalid(Exception):
    """The decision is not about this request, or not by somebody who was asked."""


class AlreadyDecided(Exception):
    """This approver has decided, or the request is over: what was decided first counts."""


def decide(
    tx: Transaction, vault: Vault, identity: str, token: bytes, only: str | None = None
) -> UseRequestRow:
    """Take in a :class:`crypto.seal.use_approval.SignedApproval`, signed by a Ukey or by a phone
    that one has bound: whose it is, the token proves. *only*: the serial number of the certificate
    that it must be of; None: whoever was asked.

    Raises :class:`DecisionInvalid`, :class:`AlreadyDecided`,
    :class:`server_stub.policy.NotFound`."""
    row = tx.session.get(UseRequestRow, identity)
    if row is None:
        raise policy.NotFound
    try:
        signed = SignedApproval.parse(token)
    except ApprovalError as error:
        raise DecisionInvalid(str(error)) from error
    people = People(tx.session, vault)
    asked = _asked(tx, people, row, signed)
    if only is not None and asked.certificate_sn != only:
        raise DecisionInvalid("the decision is somebody else's")
    tx.act(policy.Who(asked.certificate_sn, asked.person_id, asked.certificate_sn))
    said = signed.approval
    if not said.repeats(requesting.request_of(row)):
        raise DecisionInvalid("the decision is about something else")
    if abs(canonical.microseconds(said.at) - tx.now) > _SLACK:
        raise DecisionInvalid("the decision is of another time: look at the clock")
    if asked.decision is not None or row.state != "pending" or row.until < tx.now:
        raise AlreadyDecided(asked.decision or ("lapsed" if row.until < tx.now else row.state))
    rule = tx.session.get_one(UsePolicyRow, row.policy_id)
    if signed.phone and not rule.phone:
        raise DecisionInvalid("this seal's policy does not take approvals by phone")
    if signed.phone and pairing.bound(tx.session, said.binding, tx.now).certificate_sn != (
        asked.certificate_sn
    ):
        raise DecisionInvalid("the phone is somebody else's")
    if said.decision == APPROVE:
        _check_room(tx, row, rule, token)
    asked.decision, asked.token, asked.phone = said.decision, token, signed.phone
    asked.decided_at = tx.now
    fields = {
        "request": row.id,
        "approver": asked.certificate_sn,
        "decision": said.decision,
        "phone": signed.phone,
        "text": said.encode().decode(),
    }
    audience = (row.enterprise_id, row.requester_id, asked.person_id)
    about = ("use_approver", row.id)
    tx.record(LEDGER, "use-decision-v1", fields, about=about, audience=audience)
    if said.decision != APPROVE:
        use_policies.change(tx, row, "reject", "rejected")
    elif people.count(approval.person_id for approval in approvals(tx, row)) >= rule.needed:
        use_policies.change(tx, row, "approve")
    return row


def _check_room(tx: Transaction, row: UseRequestRow, rule: UsePolicyRow, token: bytes) -> None:
    """Return if a ticket has room for the approvals so far and *token*. Raises
    :class:`DecisionInvalid`."""
    given = [approval.token or b"" for approval in approvals(tx, row)]
    try:
        join(rule.token, row.token, [*given, token])
    except ApprovalError as error:
        raise DecisionInvalid("the approvals are too large for a ticket together") from error


def _asked(
    tx: Transaction, people: People, row: UseRequestRow, signed: SignedApproval
) -> UseApprover:
    sn = f"{signed.certificate.serial:x}"
    asked = tx.session.get(UseApprover, (row.id, sn))
    own = tx.session.get(Certificate, sn)
    if asked is None or own is None or own.der != signed.certificate.der:
        raise policy.NotFound
    if sn == row.certificate_sn or people.same(asked.person_id, row.requester_id):
        raise DecisionInvalid("nobody approves what they asked for themselves")
    try:
        signin.usable(tx.session, own.der, tx.now)
    except signin.CertificateNotValid as error:
        raise DecisionInvalid("the approver's certificate is not in force") from error
    return asked


def approvals(tx: Transaction, row: UseRequestRow) -> list[UseApprover]:
    """Who has approved, the first first."""
    tx.session.flush()
    chosen = select(UseApprover).where(
        UseApprover.request_id == row.id, UseApprover.decision == APPROVE
    )
    return list(
        tx.session.scalars(chosen.order_by(UseApprover.decided_at, UseApprover.certificate_sn))
    )


def withdraw(
    tx: Transaction, actor: Actor, origin: str, identity: str, decision: Decision
) -> UseRequestRow:
    """撤回 by the requester. Raises :class:`server_stub.states.IllegalTransition`, of
    :mod:`server_stub.policy` and :mod:`server_stub.signin`."""
    tx.act(actor.who)
    row = requesting.own_request(tx.session, actor, identity)
    digest = requesting.request_of(row).sha256
    signed = decided(tx, actor, origin, WITHDRAW, row.id, digest, "", decision)
    use_policies.change(tx, row, "withdraw", "withdrawn", signed)
    return row


def by_lost_key() -> ColumnElement[bool]:
    """Has a request an approval by a key that may be in other hands? Nobody knows who gave it, and
    when the Ukey was lost is known no better: it is asked for again."""
    given = (
        select(UseApprover.request_id)
        .join(Certificate, Certificate.sn == UseApprover.certificate_sn)
        .where(UseApprover.request_id == UseRequestRow.id, UseApprover.decision == APPROVE)
        .where(
            Certificate.state.in_(("held", "revoked")),
            Certificate.reason.in_(signin.KEY_IN_DOUBT),
        )
    )
    return given.exists()


def sweep(tx: Transaction) -> int:
    """Requests whose time is over lapse, and those that a lost key has approved; the pages of old
    ones go. Gives how many changed."""
    over = select(UseRequestRow).where(
        UseRequestRow.state.in_(("pending", "approved")), UseRequestRow.until < tx.now
    )
    ended = tx.session.scalars(over.order_by(UseRequestRow.id)).all()
    for row in ended:
        use_policies.change(tx, row, "lapse", "expired")
    lost = select(UseRequestRow).where(
        UseRequestRow.state.in_(("pending", "approved")), by_lost_key()
    )
    doubtful = tx.session.scalars(lost.order_by(UseRequestRow.id)).all()
    for row in doubtful:
        use_policies.change(tx, row, "lapse", "key_lost")
    done = select(UseRequestRow).where(
        UseRequestRow.id.in_(select(UsePage.request_id)),
        UseRequestRow.state.not_in(("pending", "approved")),
        UseRequestRow.changed_at < tx.now - _FORGOTTEN,
    )
    for row in tx.session.scalars(done).all():
        use_policies.remove_pages(tx.session, row)
    return len(ended) + len(doubtful)
