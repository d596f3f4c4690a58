"""An approved request becomes part of a ticket: at most as often as it says, and by nobody else."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from crypto.frozen import frozen
from crypto.seal.statement import Leave
from crypto.seal.use_approval import ApprovalError, join
from server_stub import policy
from server_stub.approving import deciding, requesting
from server_stub.policy import Actor
from server_stub.records.ledger import Transaction
from server_stub.records.store import Seal, UsePolicyRow, UseRequestRow
from server_stub.ruling import use_policies
from server_stub.ruling.use_policies import ApprovalNeeded


@frozen
class Approved:
    """What allows one use."""

    request: str = ""
    """"": nobody has to approve."""
    evidence: bytes = b""
    """:class:`crypto.seal.use_approval.UseEvidence`, DER."""
    counterparty: str = ""
    """As the request says."""

    def fits(self, counterparty: str) -> bool:
        """May a ticket under a grant name that *counterparty*? None but the one that was approved:
        who approved a use without any has not approved one with whomever the grant allows."""
        return not (counterparty and self.request) or counterparty == self.counterparty

    @property
    def leave(self) -> Leave | None:
        """What a ticket for the holder's own seal says of it."""
        return Leave(approval=self.request, evidence=self.evidence) if self.request else None


def take(tx: Transaction, actor: Actor, seal: Seal, request: str) -> Approved:
    """One use of the approved *request* for *seal*, on behalf of *actor*, who may use it.

    Raises :class:`ApprovalNeeded` where the seal's policy asks for another, or for one at all;
    :class:`.requesting.RequestInvalid` where a ticket has no room for its evidence."""
    tx.act(actor.who)
    rule = use_policies.ruled(tx.session, seal)
    if not request:
        if rule is not None and rule.needed:
            raise ApprovalNeeded("request")
        return Approved()
    row = tx.session.get(UseRequestRow, request)
    if row is None or row.certificate_sn != actor.certificate_sn or row.seal_id != seal.id:
        raise policy.NotFound
    if rule is None or row.policy_id != rule.id:
        raise ApprovalNeeded("policy")
    if row.state != "approved" or row.until < tx.now:
        raise ApprovalNeeded("lapsed" if row.until < tx.now else row.state)
    doubtful = select(UseRequestRow.id).where(UseRequestRow.id == row.id, deciding.by_lost_key())
    if tx.session.scalar(doubtful) is not None:
        raise ApprovalNeeded("lapsed")  # the next sweep puts it on record
    given = [approval.token or b"" for approval in deciding.approvals(tx, row)]
    try:
        evidence = join(rule.token, row.token, given)
    except ApprovalError as error:
        raise requesting.RequestInvalid(str(error)) from error
    row.used += 1
    if row.used >= row.copies:
        use_policies.change(tx, row, "use", "used")
    return Approved(row.id, evidence, requesting.request_of(row).counterparty)


def size_of_evidence(session: Session, row: UseRequestRow) -> int:
    """How many bytes its evidence has, about: what a client reserves."""
    rule = session.get_one(UsePolicyRow, row.policy_id)
    tokens = (approver.token or b"" for approver in requesting.asked_of(session, row))
    return len(rule.token) + len(row.token) + sum(len(token) + 8 for token in tokens) + 64
