"""Is a time stamp (RFC 3161, GM/T 0033) a trusted time? Its facts are weighed with our anchors.

A token that fits and comes from an authority we trust gives a trusted time. One that is wrong is
INVALID evidence; one from somebody unknown proves nothing and harms nothing: the time stays
claimed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from crypto.pki.certificate import Certificate
from crypto.pki.chain import Chain, build_chain
from crypto.pki.cms import ContentDigest
from crypto.pki.timestamp import TimestampError, TimestampToken
from crypto.validation.trust import Trust
from crypto.verdict import Finding, beijing


def check_timestamp(
    token: bytes,
    stamped: ContentDigest,
    trust: Trust,
    extra: Sequence[Certificate] = (),
) -> tuple[datetime | None, list[Finding], Chain | None]:
    """(the trusted time or None, findings, the authority's chain) of a DER TimeStampToken.

    *stamped* gives digests of the bytes that should be stamped; *extra* are certificates that came
    with the document."""
    try:
        parsed = TimestampToken.parse(token, padded=True)
    except TimestampError as error:
        return None, [Finding("timestamp_invalid", {"reason": str(error)})], None
    pool = (*trust.pool, *extra, *parsed.signed.certificates)
    facts = parsed.facts(stamped, pool)
    shown = {"time": beijing(parsed.generated)}
    if facts.imprint_matches is False or facts.signer.signature_valid is False:
        reason = "imprint" if facts.imprint_matches is False else "signature"
        return None, [Finding("timestamp_invalid", {**shown, "reason": reason})], None
    certificate = facts.signer.certificate
    if certificate is None:
        return None, [Finding("timestamp_unproven", {**shown, "why": "unfit"})], None
    chain = build_chain(certificate, pool, trust.timestamps, parsed.generated)
    authority = {**shown, "authority": certificate.subject.common_name or str(certificate.subject)}
    if facts.weaknesses:
        authority["algorithm"] = facts.weaknesses[0]
    elif not facts.intact:
        authority["why"] = "unfit"
    elif chain.trusted and chain.weaknesses:
        authority["algorithm"] = chain.weaknesses[0][1]
    fit = facts.intact and not facts.weaknesses
    if not fit or not chain.sound or trust.gave_up(chain, parsed.generated):
        return None, [Finding("timestamp_unproven", authority)], chain
    return parsed.generated, [Finding("timestamp_good", authority)], chain
