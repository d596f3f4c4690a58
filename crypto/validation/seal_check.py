"""What follows from a seal and from a seal signature: the checks of GB/T 38540 as findings.

The order is that of the standards' verification procedures (GM/T 0031-2014 §6.1.2 and §6.2.3,
docs/design/standards.md §1.5 and §1.7), but nothing stops at the first failure: a report lists all
it found.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from crypto.frozen import frozen
from crypto.pki.certificate import Certificate
from crypto.pki.chain import Chain
from crypto.pki.holder_name import holder_of
from crypto.pki.names_and_algorithms import CertificateError
from crypto.pki.weakness import refused, weaknesses
from crypto.seal.grant import GRANT, GrantError, grant_of, is_copy
from crypto.seal.statement import STAPLE, SignedStatement, StatementError
from crypto.seal.structure import Extension, Seal, SealSignature
from crypto.validation.anchor_rules import Whose, by_rules, told_weak
from crypto.validation.grant_check import after_the_end, check_grant
from crypto.validation.revocation import CLOCK_SKEW
from crypto.validation.trust import TICKET_LIFE, Trust, check_maker, check_signer, check_status
from crypto.verdict import (
    CertificateInfo,
    Finding,
    PlatformLine,
    SealInfo,
    Times,
    beijing,
    beijing_day,
)

if TYPE_CHECKING:
    from crypto.seal.use_approval import UseRequest

DEMO_VENDOR = "SEALDESK-DEMO"
"""Vendor in the header of seals that the demo's platform makes."""
_SEAL_CODE = re.compile(r"\d{13,14}")
_SHA1_BYTES = 20
_ORIGIN = re.compile(
    r"https?://(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?(?=/|\Z)", re.IGNORECASE
)
_UNDERSTOOD = {GRANT, STAPLE}
"""Extensions of seals and signatures that are read here."""
_OF_THE_SEAL = {
    "timestamp_good": "seal_timestamp_good",
    "timestamp_invalid": "seal_timestamp_invalid",
    "timestamp_unproven": "seal_timestamp_unproven",
}
"""What is found of a time stamp, where it is the one inside the seal."""


@frozen
class SealCheck:
    """What was found about a seal by itself."""

    info: SealInfo
    signature_valid: bool | None
    """None: its digest is one that is never computed."""
    chain: tuple[CertificateInfo, ...]
    findings: tuple[Finding, ...]
    anchor: Certificate | None = None
    """To which the maker's certificate leads."""


@frozen
class SignatureCheck:
    """What was found about a seal signature and the seal in it."""

    seal: SealCheck
    signer: CertificateInfo | None
    chain: tuple[CertificateInfo, ...]
    signature_valid: bool | None
    """None: its digest is one that is never computed."""
    digest_matches: bool | None
    signer_in_seal_list: bool
    times: Times
    platform: PlatformLine | None
    findings: tuple[Finding, ...]
    """Includes those of the seal."""
    origin: str
    """Where the document says that its platform lives; "" if it does not say."""
    approved: UseRequest | None = None
    """The request that was approved, if one was; whether the document is the one that it is about
    is yet to be seen (:mod:`crypto.pdf.approved`)."""


def check_seal(seal: Seal, trust: Trust, now: datetime) -> SealCheck:
    """Check a seal by itself, as it is collected or inspected (GM/T 0031-2014 §6.1.2): format
    (by having parsed), the maker's signature, the maker's certificate at the time of making,
    validity now."""
    findings, chain, info, valid = _check_making(seal, trust, Times(), now)
    period = _period(seal)
    if now > seal.valid_until:
        findings.append(Finding("seal_expired", period))
    elif now < seal.valid_from:
        findings.append(Finding("seal_not_yet_valid", period))
    else:
        findings.append(Finding("seal_valid_now", period))
    anchor = chain.anchor if chain else None
    # as if it were used now
    findings = by_rules(findings, trust.rules, None, anchor, Times(now), now)
    return SealCheck(info, valid, _infos(chain), tuple(findings), anchor)


def check_signature(
    value: SealSignature, digest: bytes | None, trust: Trust, now: datetime
) -> SignatureCheck:
    """Check a seal signature over the original whose digest is *digest* (GM/T 0031-2014 §6.2.3).

    *digest* None: the original is not at hand, and nothing is concluded about it."""
    try:
        signer: Certificate | None = value.signer
        unreadable: list[Finding] = []
    except CertificateError as error:
        signer = None
        unreadable = [Finding("value_unreadable", {"reason": str(error)})]
    digest_name = "sha1" if len(value.digest) == _SHA1_BYTES else ""
    findings = _weaknesses("value", signer, value.signature_algorithm, digest_name)
    signature_valid = None
    if signer and refused(signer.public_key, value.signature_algorithm):
        findings.append(Finding("value_unsupported", {"reason": value.signature_algorithm}))
    else:
        signature_valid = value.signature_valid()
        findings.append(Finding("signature_valid" if signature_valid else "signature_invalid"))
    matches = None if digest is None else value.digest == digest
    if matches is not None:
        findings.append(Finding("digest_matches" if matches else "digest_mismatch"))
    if value.version != value.seal.version:
        shown = {"seal": str(value.seal.version), "value": str(value.version)}
        findings.append(Finding("version_differs", shown))
    findings += [*_not_understood(value.extensions), *unreadable]
    trust = trust.for_use(signer, value.seal, value.signed_at or now)
    ticket = _ticket(value, trust)
    times, more = _times(value, ticket, trust)
    findings += more
    findings += check_times(times, now)
    token = _staple(value)
    use = check_seal_use(value.seal, value.certificate, trust, times, now, ticket, token)
    findings += use.findings

    signer_info: CertificateInfo | None = None
    chain_info: tuple[CertificateInfo, ...] = ()
    anchor: Certificate | None = None
    if signer is not None:
        covered = covers(signer, value.seal, ticket, trust, times, now)
        more, chain = check_signer(signer, (), trust, times, now, covered)
        findings += more
        signer_info, chain_info = CertificateInfo.of(signer), _infos(chain)
        anchor = chain.anchor
    findings = by_rules(findings, trust.rules, anchor, use.seal.anchor, times, now)
    return SignatureCheck(
        use.seal,
        signer_info,
        chain_info,
        signature_valid,
        matches,
        use.listed,
        times,
        use.platform,
        tuple(findings),
        claimed_origin(token, signer),
        use.approved,
    )


@frozen
class SealUse:
    """What was found about one use of a seal by one certificate."""

    seal: SealCheck
    listed: bool
    platform: PlatformLine | None
    findings: tuple[Finding, ...]
    """Includes those of the seal."""
    approved: UseRequest | None = None
    """As in :class:`SignatureCheck`."""


def check_seal_use(
    seal: Seal,
    certificate: bytes,
    trust: Trust,
    times: Times,
    now: datetime,
    ticket: SignedStatement | None = None,
    token: bytes = b"",
) -> SealUse:
    """The seal itself, whether it allows *certificate* (DER), whether it was in force at the time
    of signing, what the platform says of it (GM/T 0031-2014 §6.2.3 f, 办法 第十七条), and, of a
    grantee's copy, whether this use was allowed. *token*: what is stapled, whatever it is."""
    findings, maker_chain, info, valid = _check_making(seal, trust, times, now)
    anchor = maker_chain.anchor if maker_chain else None
    checked = SealCheck(info, valid, _infos(maker_chain), tuple(findings), anchor)
    listed = seal.allows(certificate)
    findings.append(Finding("signer_listed" if listed else "signer_not_listed"))
    findings += _check_validity(times, seal, now)
    named = _common_name(certificate)
    # many certificates name the holder here and carry no code
    other = bool(seal.es_id) and named != seal.es_id and not is_copy(seal)
    if other and _SEAL_CODE.fullmatch(named):
        findings.append(Finding("seal_code_differs", {"seal": seal.es_id, "signer": named}))
    status, line = check_status(seal.es_id, ticket, trust, times, now)
    status = after_the_end(seal, trust, times, status)
    findings += check_grant(seal, ticket, token, trust, times, status)
    approved = None
    if ticket is not None and ticket.statement.leave and ticket.statement.leave.evidence:
        from crypto.validation.approval_check import Used, check_approvals

        original, holder = _original(seal, certificate)
        used = Used(seal.name, original, holder, certificate)
        more, approved = check_approvals(ticket, used, trust)
        findings += more
    weak = [] if ticket else trust.weak_ticket(token, seal.es_id)
    findings += weak
    if ticket is None:
        findings += _without_ticket(seal, token, trust, times, disproved=not weak)
    if anchor is None and seal.vendor == DEMO_VENDOR:
        issuer = info.maker.issuer if info.maker else "—"
        status.append(Finding("demo_seal", {"issuer": issuer}))
    if ticket is None and not weak and anchor in trust.platforms:
        status.append(Finding("sealed_offline"))
    return SealUse(checked, listed, line, (*findings, *status), approved)


def _without_ticket(
    seal: Seal, token: bytes, trust: Trust, times: Times, *, disproved: bool
) -> list[Finding]:
    """Does the seal's policy allow a use without the platform's ticket, as far as the platform has
    told? What was reserved before the policy came (a lease in *token*) is good until its end. A
    time that the signer only claims excuses nothing: whoever has the key can claim any."""
    told = [
        statement.statement.ticket_since
        for statement in trust.statements
        if statement.statement.seal_code == seal.es_id
        and statement.statement.ticket_since is not None
        and trust.believes(statement)
    ]
    moment, since = times.best, min(told, default=None)
    if since is None:
        return []
    until = _reserved_until(seal, token, trust)
    excused = moment is None or moment < since + CLOCK_SKEW or (until and moment <= until)
    if moment is not None and not excused and disproved:
        return [Finding("ticket_missing", {"since": beijing(since), "time": beijing(moment)})]
    if times.trusted is None or not excused:
        return [Finding("ticket_missing_unproven", {"since": beijing(since)})]
    return []


def _reserved_until(seal: Seal, token: bytes, trust: Trust) -> datetime | None:
    """The end of the lease in *token*, if a platform we trust gave one for this seal."""
    with contextlib.suppress(StatementError):
        reserved = SignedStatement.parse(token)
        leave = reserved.statement.leave
        if leave and reserved.statement.seal_code == seal.es_id and trust.believes(reserved):
            return leave.until
    return None


def _original(seal: Seal, certificate: bytes) -> tuple[str, str]:
    """Code and holder of the seal, or, for a grantee's copy, of the one that was lent."""
    try:
        signed = grant_of(seal)
        if signed is not None:
            return signed.grant.seal_code, signed.grant.holder
        own = Certificate.parse(certificate)
    except (GrantError, CertificateError):
        return seal.es_id, ""
    return seal.es_id, holder_of(own.subject, own.issuer).name


def _common_name(certificate: bytes) -> str:
    try:
        return Certificate.parse(certificate).subject.common_name
    except CertificateError:
        return ""


def _times(
    value: SealSignature, ticket: SignedStatement | None, trust: Trust
) -> tuple[Times, list[Finding]]:
    """The claimed time and the trusted one: a time stamp over the value, else the ticket."""
    if value.timestamp is not None:
        from crypto.pki.cms import digest_of
        from crypto.validation.trusted_time import check_timestamp

        moment, findings, _ = check_timestamp(
            value.timestamp, digest_of(value.signature), trust, ()
        )
        if moment is not None:
            return Times(value.signed_at, moment, "timestamp"), findings
    else:
        findings = []
    if ticket is not None:
        return Times(value.signed_at, ticket.statement.issued_at, "ticket"), findings
    return Times(value.signed_at), findings


def _seal_timestamp(seal: Seal, trust: Trust) -> tuple[datetime | None, list[Finding]]:
    """The time stamp inside a v5 seal, over the maker's signature value: when the seal was there
    already (GM/T 0031-2025; not later than its own date of making)."""
    if seal.timestamp is None:
        return None, []
    from crypto.pki.cms import digest_of
    from crypto.validation.trusted_time import check_timestamp

    moment, (finding,), _ = check_timestamp(seal.timestamp, digest_of(seal.signature), trust)
    findings = [Finding(_OF_THE_SEAL[finding.code], finding.details)]
    if moment is not None and seal.created > moment + CLOCK_SKEW:
        findings.append(Finding("seal_made_after_timestamp", {"created": beijing(seal.created)}))
    return moment, findings


def _check_making(
    seal: Seal, trust: Trust, times: Times, now: datetime
) -> tuple[list[Finding], Chain | None, SealInfo, bool | None]:
    """What the maker did: its signature, its time stamp, its certificate when the seal was made."""
    maker: Certificate | None = None
    chain: Chain | None = None
    valid = None
    unreadable: list[Finding] = []
    try:
        maker = seal.maker
    except CertificateError as error:
        unreadable = [Finding("value_unreadable", {"reason": str(error)})]
    findings = _weaknesses("seal", maker, seal.signature_algorithm)
    if maker and refused(maker.public_key, seal.signature_algorithm):
        findings.append(Finding("value_unsupported", {"reason": seal.signature_algorithm}))
    else:
        valid = seal.signature_valid()
        findings.append(Finding("seal_signature_valid" if valid else "seal_signature_invalid"))
    findings += _not_understood(seal.extensions)
    stamped, more = _seal_timestamp(seal, trust)
    findings += [*more, *unreadable]
    existed = min(filter(None, (stamped, times.trusted)), default=None)
    if maker is not None:
        more, chain = check_maker(maker, trust, seal.created, times.best or now, now, existed)
        findings += more
    return findings, chain, seal_info(seal, maker), valid


def _weaknesses(
    whose: Whose, certificate: Certificate | None, algorithm: str, digest_name: str = ""
) -> list[Finding]:
    """What is weak about a signature under *algorithm* by the key of *certificate*."""
    key = certificate.public_key if certificate else None
    return told_weak(whose, weaknesses(key, algorithm, b"", digest_name))


def _not_understood(extensions: Iterable[Extension]) -> list[Finding]:
    """What says of itself that nobody may rely on the whole who does not understand it."""
    kinds = [each.kind for each in extensions if each.critical and each.kind not in _UNDERSTOOD]
    return [Finding("extension_critical", {"kind": kind}) for kind in dict.fromkeys(kinds)]


def check_times(times: Times, now: datetime) -> list[Finding]:
    """What is known of the time of signing by itself (GM/T 0031-2014 §6.2.3 d)."""
    moment = times.best
    if moment is None:
        return [Finding("time_missing")]
    shown = {"time": beijing(moment), "source": times.trusted_source or ""}
    findings = [Finding("time_trusted" if times.trusted else "time_claimed", shown)]
    if moment > now + CLOCK_SKEW:
        code = "clock_contradicts" if times.trusted else "time_in_future"
        findings.append(Finding(code, {**shown, "now": beijing(now)}))
    if times.trusted and times.claimed:
        # a ticket comes before its signature, a time stamp after it
        late = times.claimed - times.trusted
        before, after = (TICKET_LIFE, CLOCK_SKEW)
        if times.trusted_source == "ticket":
            before, after = (CLOCK_SKEW, TICKET_LIFE)
        if not -before <= late <= after:
            findings.append(Finding("time_contradicts", shown))
    return findings


def _check_validity(times: Times, seal: Seal, now: datetime) -> list[Finding]:
    """Was the seal in its validity period when it was used (GM/T 0031-2014 §6.2.3 f)?"""
    moment = times.best
    if moment is None:
        return []
    findings = []
    shown = {"time": beijing(moment)}
    if moment < seal.created - CLOCK_SKEW:
        findings.append(Finding("time_before_seal", shown))
    period = _period(seal)
    if not seal.valid_from - CLOCK_SKEW <= moment <= seal.valid_until:
        findings.append(Finding("seal_not_valid_at_signing", period))
    elif now <= seal.valid_until:
        findings.append(Finding("seal_valid_at_signing", period))
    else:
        code = "seal_expired_since" if times.trusted else "seal_expired_unproven"
        findings.append(Finding(code, period))
    return findings


def _ticket(value: SealSignature, trust: Trust) -> SignedStatement | None:
    return stapled(_staple(value), value.digest, value.seal, value.certificate, trust)


def _staple(value: SealSignature) -> bytes:
    return next((item.value for item in value.extensions if item.kind == STAPLE), b"")


def claimed_origin(token: bytes, signer: Certificate | None) -> str:
    """``scheme://host[:port]`` of the platform that a document names in its ticket *token*, or in
    the addresses of *signer*'s certificate. Whoever made the document may have put it there."""
    named = []
    with contextlib.suppress(StatementError):
        named.append(SignedStatement.parse(token).statement.origin)
    if signer is not None:
        named += [*signer.issuer_urls, *signer.ocsp_urls, *signer.crl_urls]
    for address in named:
        found = _ORIGIN.match(address)
        if found:
            return found.group().lower()
    return ""


def stapled(
    token: bytes, digest: bytes | None, seal: Seal, certificate: bytes, trust: Trust
) -> SignedStatement | None:
    """The statement *token* stapled into a signature over *digest*, if it is about this seal, this
    *certificate* (DER) and this document, from a platform we trust; otherwise it is as if it were
    not there."""
    try:
        signed = SignedStatement.parse(token)
        serial = Certificate.parse(certificate).serial
    except (StatementError, CertificateError):
        return None
    statement = signed.statement
    fits = (
        statement.document_digest == digest
        and statement.seal_code == seal.es_id
        and statement.certificate_serial == serial
        and trust.believes(signed)
    )
    return signed if fits else None


def covers(
    signer: Certificate,
    seal: Seal,
    ticket: SignedStatement | None,
    trust: Trust,
    times: Times,
    now: datetime,
) -> bool:
    """Does a platform statement say that the signer's certificate was good when it signed?"""
    proved = times.trusted
    for signed in (*([ticket] if ticket else []), *trust.statements):
        statement = signed.statement
        if (
            statement.seal_code == seal.es_id
            and statement.certificate_serial == signer.serial
            and statement.certificate_valid
            and (
                signed is ticket
                or statement.next_update >= now
                # a thief would claim a time before an old answer: only a proved one counts
                or (proved is not None and statement.issued_at >= proved)
            )
            and (signed is ticket or trust.believes(signed))
        ):
            return True
    return False


def seal_info(seal: Seal, maker: Certificate | None) -> SealInfo:
    """The seal as the report shows it."""
    return SealInfo(
        code=seal.es_id,
        name=seal.name,
        type=seal.seal_type,
        vendor=seal.vendor,
        version=seal.version,
        maker=CertificateInfo.of(maker) if maker else None,
        created=seal.created,
        valid_from=seal.valid_from,
        valid_until=seal.valid_until,
        size_mm=(seal.width_mm, seal.height_mm),
        picture_type=seal.picture_type,
        picture_sm3=seal.picture_sm3.hex(),
    )


def _infos(chain: Chain | None) -> tuple[CertificateInfo, ...]:
    return tuple(CertificateInfo.of(certificate) for certificate in chain.path) if chain else ()


def _period(seal: Seal) -> dict[str, str]:
    return {"from": beijing_day(seal.valid_from), "until": beijing_day(seal.valid_until)}
