"""What follows where the platform's leave carries approvals (用印审批, 第十九条): who allowed this
use, as what, when, and is it proved?

Everything is in the ticket: the keeper's policy, the request, the approvals, each signed. Whether
the document that was approved is the one that was sealed, only a reader of the document knows:
:mod:`crypto.pdf.approved`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from crypto.frozen import frozen
from crypto.pki.certificate import Certificate
from crypto.pki.chain import build_chain
from crypto.pki.holder_name import is_held_by, without_credit_code
from crypto.seal.purpose_text import read_time
from crypto.seal.statement import Leave, SignedStatement
from crypto.seal.use_approval import (
    CLOCK_SKEW,
    SALTED,
    ApprovalError,
    SignedApproval,
    UseEvidence,
    UseRequest,
)
from crypto.seal.use_policy import Approver
from crypto.validation.trust import Trust, speaks_for_somebody, was_revoked
from crypto.verdict import Finding, beijing

OF_APPROVALS = frozenset(("use_approved", "approved_by", "approved_by_phone", "approval_unproved"))
"""Findings that hold only if what was approved is this document and this use."""


@frozen
class Used:
    """Which seal was used, and by whom."""

    name: str
    """The seal's, as it says itself."""
    original_code: str
    """Code of the seal, or of the one that it is a copy of."""
    holder: str
    """Whose that is."""
    signer: bytes
    """The certificate that sealed, DER."""


def check_approvals(
    ticket: SignedStatement | None, used: Used, trust: Trust
) -> tuple[list[Finding], UseRequest | None]:
    """What the approvals in *ticket* say of this use, and the request if they allow it; nothing for
    a ticket without any.

    *ticket*: the stapled statement, if it holds for this document."""
    leave = ticket.statement.leave if ticket is not None else None
    if ticket is None or leave is None or not leave.evidence:
        return [], None
    try:
        evidence = UseEvidence.parse(leave.evidence)
    except ApprovalError as error:
        return [Finding("approval_invalid", {"why": "unreadable", "reason": str(error)})], None
    why = (
        evidence.why_not(ticket.statement.seal_code, used.original_code, used.signer)
        or _why_not_now(evidence, leave, ticket.statement.issued_at)
        or _why_not_this(evidence, used)
        or _why_revoked(evidence, trust)
    )
    if why:
        return [Finding("approval_invalid", {"why": why})], None
    return _shown(evidence, trust), evidence.request.request


def _why_not_now(evidence: UseEvidence, leave: Leave, issued_at: datetime) -> str:
    """Was all that decided when the platform gave its leave, for this grant?"""
    request = evidence.request.request
    other_side = leave.counterparty and request.counterparty
    if leave.grant_sm3 != request.grant or leave.approval != request.request:
        return "request"
    if other_side and leave.counterparty != request.counterparty:
        return "request"
    late = max(approval.approval.at for approval in evidence.approvals) > issued_at + CLOCK_SKEW
    over = issued_at > request.open_until + CLOCK_SKEW
    early = evidence.policy.signed_at > issued_at + CLOCK_SKEW
    return "time" if late or over or early else ""


def _why_not_this(evidence: UseEvidence, used: Used) -> str:
    """Did whose seal it is set the policy, and do policy and request call seal and holder as they
    are called? Approvers saw those names."""
    policy, request, keeper = (
        evidence.policy.policy,
        evidence.request.request,
        evidence.policy.certificate,
    )
    if not is_held_by(keeper.subject, keeper.issuer, used.holder):
        return "keeper"
    names = (policy.seal_name, request.seal_name)
    right = policy.holder == request.enterprise and evidence.policy.by_holder
    return "" if right and all(name == used.name for name in names) else "names"


def _why_revoked(evidence: UseEvidence, trust: Trust) -> str:
    """Had anybody's certificate been revoked when they signed?"""
    return "revoked" if any(signer.revoked for signer in _signers(evidence, trust)) else ""


@frozen
class _Signer:
    """Who signed a part of the evidence."""

    name: str
    trusted: bool
    revoked: bool
    """When they signed, by what is known here."""


def _signers(evidence: UseEvidence, trust: Trust) -> list[_Signer]:
    """The keeper, then the approvers in the order of their approvals."""
    policy = evidence.policy
    signed: Sequence[tuple[str, Certificate, datetime]] = [
        (policy.policy.holder, policy.certificate, policy.signed_at),
        *(
            (a.name if a else "—", approval.certificate, approval.approval.at)
            for a, approval in evidence.approvers
        ),
    ]
    return [_signer(name, certificate, at, trust) for name, certificate, at in signed]


def _signer(name: str, certificate: Certificate, at: datetime, trust: Trust) -> _Signer:
    chain = build_chain(certificate, trust.pool, trust.signers, at)
    return _Signer(
        without_credit_code(name),
        chain.sound and speaks_for_somebody(certificate, trust),
        was_revoked(certificate, chain, trust, at),
    )


def _shown(evidence: UseEvidence, trust: Trust) -> list[Finding]:
    """Who asked and who agreed, as far as their certificates are trusted."""
    policy, request = evidence.policy.policy, evidence.request.request
    name = request.document_name
    details = {
        "requester": request.requester,
        "seal": request.seal_name,
        "document": "" if name.startswith(SALTED) else name,
        "requested": beijing(read_time(request.created)),
        "count": str(len(evidence.approvals)),
        "needed": str(policy.needed),
        "of": str(len(policy.approvers)),
        "copies": request.copies,
        "pages": request.pages,
        "counterparty": request.counterparty,
        "amount": request.amount,
        "purpose": request.purpose,
        "request": request.request,
        "document_sm3": request.document_sm3,
    }
    signers = _signers(evidence, trust)
    unproved = "、".join(dict.fromkeys(each.name for each in signers if not each.trusted))
    if unproved:
        findings = [Finding("approval_unproved", {**details, "who": unproved})]
    else:
        findings = [Finding("use_approved", details)]
    for (approver, each), signer in zip(evidence.approvers, signers[1:], strict=True):
        # name and role are the keeper's words
        if approver is not None and signer.trusted and signers[0].trusted:
            findings.append(_of_approver(approver, each))
    return findings


def _of_approver(approver: Approver, each: SignedApproval) -> Finding:
    shown = {
        "name": approver.name,
        "role": approver.role,
        "when": beijing(each.approval.at),
        "certificate": f"{each.certificate.serial:x}",
        "reason": each.approval.reason,
    }
    return Finding("approved_by_phone" if each.phone else "approved_by", shown)
