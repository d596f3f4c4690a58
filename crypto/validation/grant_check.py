"""What follows where a seal is a grantee's copy (授权): who allowed what, and was it kept to?

Person and term are in the seal itself and are checked there, in every verifier. Here: is the grant
inside the grantor's, and is there the platform's leave for just this use — this document, this
grant, within its number and scope? A copy without leave proves no authorised use. What a withdrawal
does cannot be told from the file: :func:`after_the_end`.
"""

from __future__ import annotations

from datetime import datetime

from crypto.algorithms.gm import sm3
from crypto.pki.chain import build_chain
from crypto.pki.holder_name import holder_of
from crypto.seal.grant import Grant, GrantError, SignedGrant, grant_of, is_copy
from crypto.seal.statement import Leave, SignedStatement, StatementError
from crypto.seal.structure import Seal
from crypto.validation.revocation import CLOCK_SKEW
from crypto.validation.trust import Trust, speaks_for_somebody, was_revoked
from crypto.verdict import Finding, Times, beijing

WITHDRAWN = ("grant_withdrawn", "keeper_ended", "legal_rep_changed")
"""Reasons for which a copy ends at once, whatever leaves were given before."""

_OUTSIDE = {
    "kind": "grant_outside_kind",
    "counterparty": "grant_outside_counterparty",
    "hours": "grant_outside_hours",
}


def check_grant(
    seal: Seal,
    ticket: SignedStatement | None,
    token: bytes,
    trust: Trust,
    times: Times,
    status: list[Finding],
) -> list[Finding]:
    """What the grant in *seal* and the leave for this use say; nothing for a seal that is no copy.

    *ticket*: the stapled statement, if it holds for this document; *token*: what is stapled, b"" if
    nothing; *status*: what was found of the copy's state."""
    if not is_copy(seal):
        return []
    try:
        signed = grant_of(seal)
    except GrantError as error:
        return [Finding("grant_invalid", {"reason": str(error)})]
    if signed is None or seal.valid_until > signed.grant.valid_until:
        return [Finding("grant_invalid", {"reason": "the copy outlives its grant"})]
    if other := _foreign(seal, signed.grant):
        return [other]
    grantor = holder_of(signed.certificate.subject, signed.certificate.issuer).name
    if "".join(grantor.split()) != "".join(signed.grant.holder.split()):
        shown = {"grantor": grantor, "holder": signed.grant.holder}
        return [Finding("grant_foreign_grantor", shown)]
    chain = build_chain(signed.certificate, trust.pool, trust.signers, signed.signed_at)
    if was_revoked(signed.certificate, chain, trust, signed.signed_at):
        return [Finding("grant_invalid", {"reason": "the grantor's certificate was revoked"})]
    proved = chain.sound and speaks_for_somebody(signed.certificate, trust)
    findings = [_shown(signed, grantor, proved)]
    leave, more, at = _leave(seal, signed, ticket, token, trust, times)
    findings += more
    if leave is None or at is None:
        return findings
    if signed.signed_at > at + CLOCK_SKEW:
        return [Finding("grant_invalid", {"reason": "it was signed after the use"})]
    findings += _kept_to(signed.grant, leave, at)
    if leave.lease:
        findings += _of_lease(leave, at, status)
    return findings


def _foreign(seal: Seal, grant: Grant) -> Finding | None:
    """Is the grant one of another seal, or for another certificate?"""
    if grant.seal_name != seal.name or grant.seal_code == seal.es_id:
        shown = {"granted": grant.seal_name, "seal": seal.name, "seal_code": grant.seal_code}
        return Finding("grant_foreign_seal", shown)
    named = {*seal.certificate_digests, *map(sm3, seal.certificates)}
    if grant.grantee_by == "certificate" and named != {bytes.fromhex(grant.grantee_sm3)}:
        return Finding("grant_foreign_grantee", {"grantee": grant.grantee})
    return None


def _shown(signed: SignedGrant, grantor: str, proved: bool) -> Finding:
    """Who allowed whom to use what, until when: *proved* if the grantor's certificate is."""
    grant = signed.grant
    details = {
        "grantee": grant.grantee,
        "holder": grant.holder,
        "seal": grant.seal_name,
        "seal_code": grant.seal_code,
        "grantor": grantor,
        "certificate": f"{signed.certificate.serial:x}",
        "granted": beijing(signed.signed_at),
        "from": beijing(grant.valid_from),
        "until": beijing(grant.valid_until),
        "max_uses": str(grant.max_uses) if grant.max_uses else "",
        "kinds": "、".join(grant.scope.kinds),
        "counterparties": "、".join(grant.scope.counterparties),
        "hours": grant.scope.hours,
        "grant": grant.id,
    }
    return Finding("grant_holds" if proved else "grant_unproved", details)


def _leave(
    seal: Seal,
    signed: SignedGrant,
    ticket: SignedStatement | None,
    token: bytes,
    trust: Trust,
    times: Times,
) -> tuple[Leave | None, list[Finding], datetime | None]:
    """The leave for this use and the moment at which its scope is judged."""
    if ticket is not None:
        leave = ticket.statement.leave
        if leave is not None and leave.grant_sm3 == signed.terms_sm3:
            return leave, [], ticket.statement.issued_at
        return None, [Finding("grant_leave_foreign")], None
    if not token:
        return None, [Finding("grant_no_leave")], None
    try:
        offline = SignedStatement.parse(token)
    except StatementError:
        return None, [Finding("grant_leave_foreign")], None
    said = offline.statement
    if not trust.believes(offline):
        return None, [Finding("grant_leave_unproved")], None
    fits = (
        said.document_digest is None
        and said.leave is not None
        and said.leave.lease
        and said.leave.grant_sm3 == signed.terms_sm3
        and said.seal_code == seal.es_id
    )
    if not fits or said.leave is None:
        return None, [Finding("grant_leave_foreign")], None
    moment = times.best
    if moment is not None and moment < said.issued_at - CLOCK_SKEW:
        shown = {"time": beijing(moment), "given": beijing(said.issued_at)}
        return None, [Finding("grant_before_lease", shown)], None
    return said.leave, [], moment


def _kept_to(grant: Grant, leave: Leave, at: datetime) -> list[Finding]:
    findings = []
    most = {"use": str(leave.use), "most": str(grant.max_uses)}
    if grant.max_uses and not 1 <= leave.use <= grant.max_uses:
        findings.append(Finding("grant_exceeded", most))
    elif grant.max_uses:
        findings.append(Finding("grant_use", most))
    if not grant.valid_from <= at <= grant.valid_until:
        until = beijing(grant.valid_until)
        findings.append(Finding("grant_term_over", {"time": beijing(at), "until": until}))
    scope = grant.scope
    used = {"kind": leave.kind, "counterparty": leave.counterparty}
    outside = scope.why_not(leave.kind, leave.counterparty, at)
    allowed = {
        "kind": "、".join(scope.kinds),
        "counterparty": "、".join(scope.counterparties),
        "hours": scope.hours,
    }
    if outside:
        shown = {**used, "hours": beijing(at)[11:16]}[outside]
        details = {"used": shown or "—", "allowed": allowed[outside]}
        findings.append(Finding(_OUTSIDE[outside], details))
    elif any(allowed.values()):
        findings.append(
            Finding(
                "grant_in_scope",
                {k: v for k, v in allowed.items() if v}
                | {f"used_{name}": text for name, text in used.items() if text},
            )
        )
    if grant.approval and not leave.approval:
        findings.append(Finding("grant_unapproved"))
    elif leave.approval and not leave.evidence:  # else the approvals speak for themselves
        findings.append(Finding("grant_approved", {"approval": leave.approval}))
    return findings


def _of_lease(leave: Leave, at: datetime, status: list[Finding]) -> list[Finding]:
    """A use without the platform: within the lease, and what the registry must confirm."""
    if leave.until is None or at > leave.until:
        until = beijing(leave.until) if leave.until else "—"
        return [Finding("grant_lease_over", {"time": beijing(at), "until": until})]
    known = {finding.code for finding in status}
    if known & {"status_active", "status_changed_since"}:
        return [Finding("grant_under_lease", {"until": beijing(leave.until)})]
    if known & {"status_not_active"}:
        return []
    return [Finding("grant_lease_unconfirmed", {"until": beijing(leave.until)})]


def after_the_end(seal: Seal, trust: Trust, times: Times, status: list[Finding]) -> list[Finding]:
    """*status* of a copy whose grant was withdrawn after the leave for this use was given: the
    signature may have been made later, and only a time stamp over it says that it was not."""
    if not is_copy(seal) or times.trusted_source != "ticket":
        return status
    found = []
    for finding in status:
        reason = finding.details.get("reason", "")
        if finding.code != "status_changed_since" or reason not in WITHDRAWN:
            found.append(finding)
            continue
        ended = _ended(seal.es_id, trust)
        shown = {"reason": reason, "when": beijing(ended) if ended else "—"}
        late = ended is not None and times.claimed is not None and times.claimed > ended
        found.append(Finding("grant_used_after_end" if late else "grant_end_unproven", shown))
    return found


def _ended(es_id: str, trust: Trust) -> datetime | None:
    """When the platform recorded that the copy is no longer in force."""
    told = [c.recorded_at for c in trust.changes if c.seal_code == es_id and c.state == "cancelled"]
    told += [
        statement.statement.recorded_at
        for statement in trust.statements
        if statement.statement.seal_code == es_id
        and statement.statement.state == "cancelled"
        and statement.statement.recorded_at is not None
        and trust.believes(statement)
    ]
    return min(told, default=None)
