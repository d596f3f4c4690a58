"""What follows where the platform's leave carries approvals (用印审批, 第十九条): who allowed this
use, as what, when, and is it proved?

Everything is in the ticket: the keeper's policy, the request, the approvals, each signed. Whether
the document that was approved is the one that was sealed, only a reader of the document knows:
:mod:`crypto.pdf.approved`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

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
from crypto.validation.trust import Trust
from crypto.verdict import Finding, beijing


def check_approvals(
    ticket: SignedStatement | None, original_code: str, holder: str, signer: bytes, trust: Trust
) -> tuple[list[Finding], UseRequest | None]:
    """What the approvals in *ticket* say of this use, and the request if they allow it; nothing for
    a ticket without any.

    *ticket*: the stapled statement, if it holds for this document; *original_code*, *holder*: of
    the seal, or of the one that a copy was made of; *signer*: the certificate that sealed, DER."""
    leave = ticket.statement.leave if ticket is not None else None
    if ticket is None or leave is None or not leave.evidence:
        return [], None
    try:
        evidence = UseEvidence.parse(leave.evidence)
    except ApprovalError as error:
        return [Finding("approval_invalid", {"why": "unreadable", "reason": str(error)})], None
    why = evidence.why_not(ticket.statement.seal_code, original_code, signer)
    why = why or _why_not_now(evidence, leave, ticket.statement.issued_at)
    if not why and not _same_holder(evidence.policy.certificate, holder):
        why = "keeper"
    if why:
        return [Finding("approval_invalid", {"why": why})], None
    return _shown(evidence, trust), evidence.request.request


def _why_not_now(evidence: UseEvidence, leave: Leave, issued_at: datetime) -> str:
    """Was all that decided when the platform gave its leave, for this grant?"""
    request = evidence.request.request
    if leave.grant_sm3 != request.grant or leave.approval != request.request:
        return "request"
    late = max(each.approval.at for each in evidence.approvals) > issued_at + CLOCK_SKEW
    over = issued_at > request.open_until + CLOCK_SKEW
    early = evidence.policy.signed_at > issued_at + CLOCK_SKEW
    return "time" if late or over or early else ""


def _same_holder(keeper: Certificate, holder: str) -> bool:
    """Does the certificate that set the policy belong to whose seal it is?"""
    return is_held_by(keeper.subject, keeper.issuer, holder)


def _shown(evidence: UseEvidence, trust: Trust) -> list[Finding]:
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
    findings = [Finding("use_approved", details)]
    for approver, each in evidence.approvers:
        if approver is not None:
            findings.append(_of_approver(approver, each))
    unproved = _unproved(evidence, trust)
    if unproved:
        findings.append(Finding("approval_unproved", {"who": "、".join(unproved)}))
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


def _unproved(evidence: UseEvidence, trust: Trust) -> list[str]:
    """Whose certificate leads to nobody who is trusted."""
    signed: Sequence[tuple[str, Certificate, datetime]] = [
        (evidence.policy.policy.holder, evidence.policy.certificate, evidence.policy.signed_at),
        *(
            (a.name if a else "—", each.certificate, each.approval.at)
            for a, each in evidence.approvers
        ),
    ]
    return [
        without_credit_code(name)
        for name, certificate, at in signed
        if not build_chain(certificate, trust.pool, trust.signers, at).trusted
    ]
