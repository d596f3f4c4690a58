"""What follows from a CMS signature in a PDF: the facts of :mod:`crypto.pki.cms_facts` as findings.

Certificates are checked as for seals, at the time of signing and now. A plain digital signature
says who signed, not that a company's seal was put on the document. Profile ``cms`` has a seal as a
signed attribute; then the seal is checked as well.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from crypto.frozen import frozen
from crypto.pki.certificate import Certificate
from crypto.pki.cms import TST_INFO, CmsError, ContentDigest, SignedData, SignerInfo, digest_of
from crypto.pki.cms_facts import SignerFacts, signer_facts, verify_rsa_value
from crypto.pki.names_and_algorithms import CertificateError
from crypto.seal.statement import STAPLE, SignedStatement
from crypto.seal.structure import Seal, SealError
from crypto.validation.anchor_rules import by_rules, told_weak
from crypto.validation.seal_check import (
    SealCheck,
    check_seal_use,
    check_times,
    claimed_origin,
    covers,
    stapled,
)
from crypto.validation.trust import Trust, check_signer
from crypto.validation.trusted_time import check_timestamp
from crypto.verdict import CertificateInfo, Finding, PlatformLine, Times

if TYPE_CHECKING:
    from crypto.seal.use_approval import UseRequest


@frozen
class CmsCheck:
    """What was found about one CMS signature."""

    signer: CertificateInfo | None
    chain: tuple[CertificateInfo, ...]
    signature_valid: bool | None
    digest_matches: bool | None
    times: Times
    seal: SealCheck | None
    """Only where a seal is a signed attribute."""
    signer_in_seal_list: bool | None
    platform: PlatformLine | None
    findings: tuple[Finding, ...]
    is_sm2: bool = False
    """The signer's key is an SM2 key."""
    origin: str = ""
    """Where the document says that its platform lives; "" if it does not say."""
    approved: UseRequest | None = None
    """As in :class:`crypto.validation.seal_check.SignatureCheck`."""


def is_timestamp(data: SignedData) -> bool:
    """Is this SignedData a time-stamp token (a document time stamp)?"""
    return data.content_type == TST_INFO


def check_cms(
    data: SignedData,
    content_digest: ContentDigest,
    trust: Trust,
    now: datetime,
    extra: Sequence[Certificate] = (),
    claimed: datetime | None = None,
) -> CmsCheck:
    """Check a SignedData over the bytes that *content_digest* digests.

    *extra* are certificates that came with the document (DSS), *claimed* is the time the document
    states (/M), used where the signature itself claims none (PAdES). A PDF signature has one
    signer; of several the first is checked and a finding says that the rest is not supported."""
    findings: list[Finding] = []
    if not data.signers:
        findings.append(Finding("value_unreadable", {"reason": "no signer"}))
        return CmsCheck(None, (), None, None, Times(), None, None, None, tuple(findings))
    if len(data.signers) > 1:
        reason = {"reason": f"{len(data.signers)} signers"}
        findings.append(Finding("value_unsupported", reason))
    signer = data.signers[0]
    facts = signer_facts(data, signer, content_digest, (*extra, *trust.pool))
    findings += _facts_as_findings(facts)
    trust = trust.enclosing(
        (*data.crls, *signer.archived_crls),
        (*data.ocsp_responses, *signer.archived_ocsp_responses),
    )
    came_along = (*data.certificates, *extra)
    own_seal = _seal(signer, findings)
    ticket, token = None, signer.get(STAPLE) or b""
    trust = trust.for_use(facts.certificate, own_seal, signer.signing_time or claimed or now)
    if own_seal is not None and facts.certificate is not None:
        holder = facts.certificate.der
        ticket = stapled(token, signer.message_digest, own_seal, holder, trust)
    times, more = _times(signer, claimed, ticket, trust, came_along, now)
    findings += more
    info: CertificateInfo | None = None
    chain_info: tuple[CertificateInfo, ...] = ()
    anchor: Certificate | None = None
    if facts.certificate is not None:
        covered = own_seal is not None and covers(
            facts.certificate, own_seal, ticket, trust, times, now
        )
        more, chain = check_signer(facts.certificate, came_along, trust, times, now, covered)
        findings += more
        info, anchor = CertificateInfo.of(facts.certificate), chain.anchor
        chain_info = tuple(CertificateInfo.of(certificate) for certificate in chain.path)
    seal, listed, platform, approved = None, None, None, None
    if own_seal is not None and facts.certificate is not None:
        holder = facts.certificate.der
        used = check_seal_use(own_seal, holder, trust, times, now, ticket, token)
        seal, listed, platform, approved = used.seal, used.listed, used.platform, used.approved
        findings += used.findings
    maker_anchor = seal.anchor if seal else None
    findings = by_rules(findings, trust.rules, anchor, maker_anchor, times, now)
    return CmsCheck(
        info,
        chain_info,
        facts.signature_valid,
        facts.digest_matches,
        times,
        seal,
        listed,
        platform,
        tuple(findings),
        facts.certificate is not None and facts.certificate.public_key.kind == "sm2",
        claimed_origin(token, facts.certificate),
        approved,
    )


def _seal(signer: SignerInfo, findings: list[Finding]) -> Seal | None:
    """The seal among the signed attributes; why there is none goes to *findings*."""
    if signer.seal is None:
        findings.append(Finding("no_seal"))
        return None
    try:
        return Seal.parse(signer.seal)
    except SealError as error:
        findings.append(Finding("value_unreadable", {"reason": str(error)}))
        return None


def check_rsa_value(
    contents: bytes,
    certificates: Sequence[bytes],
    content_digest: ContentDigest,
    claimed: datetime | None,
    trust: Trust,
    now: datetime,
) -> CmsCheck:
    """Check a bare PKCS#1 value (adbe.x509.rsa_sha1): recognised, and as weak as its hash."""
    try:
        facts = verify_rsa_value(contents, certificates, content_digest)
    except CmsError as error:
        unreadable = Finding("value_unreadable", {"reason": str(error)[:200]})
        return CmsCheck(None, (), None, None, Times(), None, None, None, (unreadable,))
    findings = told_weak("value", facts.weaknesses)
    if facts.signature_valid is None:
        findings.append(Finding("value_unsupported", {"reason": facts.digest_name or "RSA"}))
    else:
        good = facts.signature_valid
        findings.append(Finding("signature_valid" if good else "signature_invalid"))
    times = Times(claimed)
    findings += check_times(times, now)
    came_along = []
    for candidate in certificates:
        with contextlib.suppress(CertificateError):
            came_along.append(Certificate.parse(candidate))
    trust = trust.for_use(facts.certificate, None, times.best or now)
    more, chain = check_signer(facts.certificate, came_along, trust, times, now, False)
    found = [*findings, *more, Finding("no_seal")]
    return CmsCheck(
        CertificateInfo.of(facts.certificate),
        tuple(CertificateInfo.of(certificate) for certificate in chain.path),
        facts.signature_valid,
        facts.signature_valid,
        times,
        None,
        None,
        None,
        tuple(by_rules(found, trust.rules, chain.anchor, None, times, now)),
        origin=claimed_origin(b"", facts.certificate),
    )


def check_document_timestamp(
    token: bytes,
    content_digest: ContentDigest,
    trust: Trust,
    extra: Sequence[Certificate] = (),
) -> CmsCheck:
    """Check a document time stamp (ETSI.RFC3161) over the covered bytes."""
    moment, findings, chain = check_timestamp(token, content_digest, trust, extra)
    path = chain.path if chain else ()
    wrong = any(finding.code == "timestamp_invalid" for finding in findings)
    weak = [each for finding in findings if (each := finding.details.get("algorithm"))]
    if weak:
        findings += told_weak("timestamp", weak)
    unfit = any(finding.details.get("why") == "unfit" for finding in findings)
    if unfit:
        findings = [Finding("timestamp_unfit", finding.details) for finding in findings]
    if chain and chain.anchor and (moment or unfit):
        findings.append(Finding("signer_trusted", {"anchor": str(chain.anchor.subject)}))
    elif path and not weak:
        findings.append(Finding("signer_untrusted", {"issuer": str(path[-1].issuer)}))
    return CmsCheck(
        CertificateInfo.of(path[0]) if path else None,
        tuple(CertificateInfo.of(certificate) for certificate in path),
        not wrong,
        not wrong,
        Times(None, moment, "timestamp" if moment else None),
        None,
        None,
        None,
        tuple(findings),
    )


def _facts_as_findings(facts: SignerFacts) -> list[Finding]:
    findings = []
    for problem in facts.problems:
        if problem == "certificate_missing":
            findings.append(Finding("certificate_missing"))
        elif problem == "hashes_differ":  # not as it should be, and yet nothing is disproved
            findings.append(Finding("value_unsupported", {"reason": problem}))
        else:
            findings.append(Finding("attributes_wrong", {"reason": problem}))
    if facts.certificate_bound is False:
        findings.append(Finding("attributes_wrong", {"reason": "signing_certificate"}))
    findings += told_weak("value", facts.weaknesses)
    if facts.digest_matches is None:
        reason = {"reason": facts.digest_name or facts.signer.digest_algorithm}
        findings.append(Finding("value_unsupported", reason))
    else:
        good = facts.digest_matches
        findings.append(Finding("digest_matches" if good else "digest_mismatch"))
    if facts.signature_valid is None:
        if facts.certificate is not None:
            reason = {"reason": facts.signer.signature_algorithm}
            findings.append(Finding("value_unsupported", reason))
    else:
        good = facts.signature_valid
        findings.append(Finding("signature_valid" if good else "signature_invalid"))
    return findings


def _times(
    signer: SignerInfo,
    claimed: datetime | None,
    ticket: SignedStatement | None,
    trust: Trust,
    extra: Sequence[Certificate],
    now: datetime,
) -> tuple[Times, list[Finding]]:
    """The claimed time, and the earliest trusted one of the time stamps over the value; without
    any, the ticket's."""
    findings: list[Finding] = []
    proved: list[datetime] = []
    for token in signer.timestamps:
        moment, more, _ = check_timestamp(token, digest_of(signer.signature), trust, extra)
        findings += more
        if moment:
            proved.append(moment)
    trusted = min(proved, default=None)
    times = Times(signer.signing_time or claimed, trusted, "timestamp" if trusted else None)
    if ticket is not None and trusted is None:
        times = Times(times.claimed, ticket.statement.issued_at, "ticket")
    return times, [*findings, *check_times(times, now)]
