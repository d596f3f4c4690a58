"""Whom we trust, and what follows for a certificate, a seal's status and a time.

Everything is judged twice (docs/design/standards.md §1.8): at the time of signing and now. What was
good then and ended since is a notice where the time of signing is proved, and UNKNOWN where it is
only claimed. Not led to a trusted anchor is UNKNOWN; a rule broken on the way to one is INVALID.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from crypto.frozen import frozen
from crypto.pki.certificate import (
    CODE_SIGNING,
    DOCUMENT_SIGNING,
    OCSP_SIGNING,
    SEAL_MAKING,
    SERVER_AUTH,
    TIME_STAMPING,
    Certificate,
)
from crypto.pki.chain import Chain, build_chain
from crypto.pki.names_and_algorithms import CertificateError
from crypto.pki.revocation_list import Crl
from crypto.seal.registry_proof import RegistryProof
from crypto.seal.statement import SealChange, SignedStatement, StatementError
from crypto.validation.anchor_rules import AnchorRule, outside, told_weak_chain
from crypto.validation.revocation import Evidence, check_revocation, told_weak_holds
from crypto.verdict import Finding, PlatformLine, Times, beijing, beijing_day

if TYPE_CHECKING:
    from crypto.pki.ocsp import OcspResponse
    from crypto.seal.structure import Seal

TICKET_LIFE = timedelta(hours=24)
"""How long after a ticket its signature may claim to be made."""

_NO_MAKER = {DOCUMENT_SIGNING, TIME_STAMPING, OCSP_SIGNING}
_MACHINES = {SERVER_AUTH, CODE_SIGNING}
_PEOPLE = {
    DOCUMENT_SIGNING,
    "1.3.6.1.5.5.7.3.4",  # e-mail
    "1.2.840.113583.1.1.5",  # Adobe's authentic documents
    "1.3.6.1.4.1.311.10.3.12",  # Microsoft's document signing
    "2.5.29.37.0",  # any
}
"""Purposes beside which those of :data:`_MACHINES` do no harm to a signer."""
_BROKEN = {"not_a_ca", "path_too_long"}


@frozen
class Trust:
    """Anchors per purpose, and the evidence at hand."""

    seal_makers: tuple[Certificate, ...] = ()
    signers: tuple[Certificate, ...] = ()
    timestamps: tuple[Certificate, ...] = ()
    platforms: tuple[Certificate, ...] = ()
    """Whose statements about seals are believed."""
    pool: tuple[Certificate, ...] = ()
    """Intermediate certificates: known, not trusted."""
    crls: tuple[Crl, ...] = ()
    ocsp: tuple[OcspResponse, ...] = ()
    """Like `crls`, each proves itself by its issuer's signature."""
    statements: tuple[SignedStatement, ...] = ()
    """Asked for or cached; each is checked against `platforms` before it counts."""
    changes: tuple[SealChange, ...] = ()
    """From registries that were followed and proved; these are believed as they are."""
    rules: tuple[AnchorRule, ...] = ()
    """What is special about some of the anchors."""
    status_life: timedelta = timedelta(hours=24)
    """How old a statement may be to prove a seal's state now."""

    @classmethod
    def in_all(cls, anchors: Iterable[Certificate]) -> Trust:
        """*anchors* for every purpose: what ``--trust`` means."""
        trusted = tuple(anchors)
        return cls(seal_makers=trusted, signers=trusted, timestamps=trusted, platforms=trusted)

    @property
    def evidence(self) -> Evidence:
        """The evidence about revocation."""
        return Evidence(self.crls, self.ocsp)

    def enclosing(
        self,
        crls: Iterable[bytes],
        responses: Iterable[bytes],
        certificates: Iterable[Certificate] = (),
    ) -> Trust:
        """With what came with a document (lists and OCSP responses as DER): evidence and
        intermediate certificates, within bounds; never an anchor."""
        found = Evidence.read(crls, responses)
        return replace(
            self,
            pool=(*self.pool, *certificates),
            crls=(*self.crls, *found.crls),
            ocsp=(*self.ocsp, *found.ocsp),
        )

    def merged(self, other: Trust) -> Trust:
        """Both together; `status_life` stays this one's. An anchor that one of them trusts for
        everybody counts for everybody."""
        joined: dict[str, Any] = {
            name: (*getattr(self, name), *getattr(other, name))
            for name in self.__dataclass_fields__
            if name != "status_life"
        }
        for_all = self._for_everybody | other._for_everybody
        joined["rules"] = tuple(
            replace(rule, holders=frozenset()) if rule.anchor in for_all else rule
            for rule in joined["rules"]
        )
        return replace(self, **joined)

    @property
    def _anchors(self) -> tuple[Certificate, ...]:
        return (*self.seal_makers, *self.signers, *self.timestamps, *self.platforms)

    @property
    def _for_everybody(self) -> frozenset[bytes]:
        """The anchors (SM3) that no rule limits to some holders."""
        limited = {rule.anchor for rule in self.rules if rule.holders}
        return frozenset(anchor.fingerprint for anchor in self._anchors) - limited

    def for_use(self, signer: Certificate | None, seal: Seal | None, moment: datetime) -> Trust:
        """What counts where *signer* uses *seal*: anchors for this holder; and of the platforms
        that make seals themselves, the one that made this one speaks about it, no other, neither
        by statements nor by its registry."""
        trust = self._limited(signer, seal, moment)
        heard = {platform.fingerprint for platform in trust.platforms}
        changes = tuple(c for c in trust.changes if not c.platform or c.platform in heard)
        return replace(trust, changes=changes)

    def _limited(self, signer: Certificate | None, seal: Seal | None, moment: datetime) -> Trust:
        """The anchors and platforms that count there."""
        trust = self
        limited = outside(self.rules, signer.subject.organization if signer else "")
        if limited:

            def kept(anchors: tuple[Certificate, ...]) -> tuple[Certificate, ...]:
                return tuple(anchor for anchor in anchors if anchor.fingerprint not in limited)

            trust = replace(
                self,
                seal_makers=kept(self.seal_makers),
                signers=kept(self.signers),
                timestamps=kept(self.timestamps),
                platforms=kept(self.platforms),
            )
        if seal is None or len(trust.platforms) < 2:
            return trust
        try:
            chain = build_chain(seal.maker, trust.pool, trust.seal_makers, moment)
        except CertificateError:
            return trust
        if not chain.anchored:
            return trust
        others = {maker.der for maker in trust.seal_makers} - {
            certificate.der for certificate in chain.path
        }
        platforms = tuple(platform for platform in trust.platforms if platform.der not in others)
        return replace(trust, platforms=platforms)

    def believes(self, statement: SignedStatement) -> bool:
        """Does a platform we trust stand behind *statement*? Not any more if the key that signed
        it, or an authority above it, was revoked by then, or is known to be compromised; nor if a
        certificate on the way can be forged."""
        said = statement.statement.issued_at
        chain = build_chain(statement.certificate, self.pool, self.platforms, said)
        purpose_right = OCSP_SIGNING in statement.certificate.extended_key_usage
        return chain.sound and purpose_right and not self.gave_up(chain, said)

    def weak_ticket(self, token: bytes, seal_code: str) -> list[Finding]:
        """Is there a ticket for this seal that counts for nothing only because a certificate behind
        it can be forged, and so the ticket?"""
        try:
            signed = SignedStatement.parse(token)
        except StatementError:
            return []
        said = signed.statement.issued_at
        chain = build_chain(signed.certificate, self.pool, self.platforms, said)
        if signed.statement.seal_code != seal_code or not chain.trusted or not chain.weaknesses:
            return []
        certificate, weakness = chain.weaknesses[0]
        shown = {"algorithm": weakness, "subject": str(certificate.subject)}
        return [Finding("ticket_weak", shown)]

    def vouches(self, proof: RegistryProof) -> bool:
        """Does a platform we trust stand behind *proof*?"""
        return bool(self.voucher(proof))

    def voucher(self, proof: RegistryProof) -> bytes:
        """SM3 of the root of the platform that stands behind *proof*; b"" if we trust none."""
        signer = Certificate.parse(proof.certificate)
        chain = build_chain(signer, self.pool, self.platforms, proof.issued_at)
        believed = chain.sound and not self.gave_up(chain, proof.issued_at)
        return chain.path[-1].fingerprint if believed else b""

    def gave_up(self, chain: Chain, said: datetime) -> bool:
        """Is *chain* known to prove nothing of what its first key signed, and itself dated *said*?
        A stolen key also makes things of yesterday, so after a compromise none of them counts,
        whatever its date (RFC 3161 §4)."""
        found = (self.evidence.revocation(each, chain.path) for each in chain.path[:-1])
        return any(revoked and (revoked.compromised or revoked.at <= said) for revoked in found)


def was_revoked(certificate: Certificate, chain: Chain, trust: Trust, at: datetime) -> bool:
    """Is it known that *certificate*, the first of *chain*, or an authority above it was revoked at
    that moment?"""
    known = chain.path[:-1] if chain.anchored else ()
    found = (trust.evidence.revocation(each, chain.path) for each in known)
    return any(revoked and revoked.at <= at for revoked in found)


def check_signer(
    signer: Certificate,
    extra: Sequence[Certificate],
    trust: Trust,
    times: Times,
    now: datetime,
    covered: bool,
) -> tuple[list[Finding], Chain]:
    """The signer's certificate: usage, chain, validity and revocation, then and now.

    *extra* are certificates that came with the signature; *covered* says that a ticket already
    proves
    the certificate good at the time of signing (GM/T 0031-2014 §6.2.3 c, d)."""
    findings = []
    if not signer.may_sign():
        findings.append(Finding("signer_usage_wrong", {"subject": str(signer.subject)}))
    elif signer.key_usage and "keyCertSign" in signer.key_usage:
        findings.append(Finding("signer_may_issue"))
    moment = times.best or now
    chain = build_chain(signer, (*trust.pool, *extra), trust.signers, moment)
    findings.append(_anchoring("signer", chain))
    findings += told_weak_chain("signer_certificate", chain)
    if _is_a_machines(signer, trust):
        findings.append(Finding("signer_purpose_other", {"subject": str(signer.subject)}))
    period = {"from": beijing_day(signer.not_before), "until": beijing_day(signer.not_after)}
    if not signer.valid_at(moment):
        findings.append(Finding("signer_not_valid_at_signing", period))
    elif now <= signer.not_after:  # a clock that is behind makes nothing expired
        findings.append(Finding("signer_valid_at_signing", period))
    else:
        proved = times.trusted is not None
        code = "signer_expired_since" if proved else "signer_expired_unproven"
        findings.append(Finding(code, period))
    if chain.anchored:
        findings += check_revocation(chain, trust.evidence, times, now, covered)
    return findings, chain


def speaks_for_somebody(certificate: Certificate, trust: Trust) -> bool:
    """May a decision that is signed with *certificate* be somebody's? One for servers, for
    encrypting or for issuing alone says nothing of what people want."""
    return certificate.may_sign() and not _is_a_machines(certificate, trust)


def _is_a_machines(certificate: Certificate, trust: Trust) -> bool:
    purposes = certificate.extended_key_usage
    for_machines = purposes & _MACHINES and not purposes & _PEOPLE
    return bool(for_machines) and certificate not in trust.signers


def check_maker(
    maker: Certificate,
    trust: Trust,
    created: datetime,
    used: datetime,
    now: datetime,
    existed: datetime | None = None,
) -> tuple[list[Finding], Chain]:
    """The seal maker's certificate, at the time the seal was made (GM/T 0031-2025's reading).

    Real seals are met that were prepared some days before their maker's certificate: valid when the
    seal was *used* counts too, and is reported. *created* is what the maker states; *existed* is a
    moment at which the seal is proved to have been there, if any. Who stole the maker's key can
    put any date into a seal, so after a compromise only that counts."""
    findings = []
    if not maker.may_sign():
        findings.append(Finding("maker_usage_wrong", {"subject": str(maker.subject)}))
    elif maker.key_usage and "keyCertSign" in maker.key_usage and not maker.is_ca:
        findings.append(Finding("maker_may_issue"))
    if maker.extended_key_usage and maker.extended_key_usage <= _NO_MAKER:
        # a holder, a time stamper or a status desk of the same authority must not make seals
        findings.append(Finding("maker_purpose_wrong", {"subject": str(maker.subject)}))
    moment = created if maker.valid_at(created) else used
    chain = build_chain(maker, trust.pool, trust.seal_makers, moment)
    findings.append(_anchoring("maker", chain))
    findings += told_weak_chain("maker_certificate", chain)
    stated = SEAL_MAKING in maker.extended_key_usage
    if chain.anchored and not stated and _by_a_general_authority(chain, trust):
        findings.append(Finding("maker_purpose_unstated", {"subject": str(maker.subject)}))
    if not maker.valid_at(created):
        late = maker.valid_at(used)
        findings.append(Finding("maker_valid_at_use" if late else "maker_not_valid_at_making"))
    elif now <= maker.not_after:
        findings.append(Finding("maker_valid_at_making"))
    else:
        findings.append(Finding("maker_expired_since", {"until": beijing_day(maker.not_after)}))
    if chain.anchored:
        revoked = trust.evidence.revocation(maker, chain.path)
        if revoked:
            if revoked.at <= created:
                code = "maker_revoked_before"
            elif revoked.compromised and (existed is None or existed >= revoked.at):
                code = "maker_revoked_unproven"
            else:
                code = "maker_revoked_since"
            findings.append(Finding(code, {"when": beijing_day(revoked.at)}))
        findings += _makers_authorities(chain, trust.evidence, created, existed)
    return findings, chain


def _makers_authorities(
    chain: Chain, evidence: Evidence, created: datetime, existed: datetime | None
) -> list[Finding]:
    """Whoever has the key of an authority makes makers of any date with it: once it is revoked,
    whatever the reason, only a seal that is proved to have been there before counts."""
    findings = []
    for authority in chain.path[1:-1]:
        revoked = evidence.revocation(authority, chain.path)
        if revoked and revoked.at <= created:
            findings.append(Finding("ca_revoked", {"subject": str(authority.subject)}))
        elif revoked and (existed is None or existed >= revoked.at):
            findings.append(Finding("maker_untrusted", {"issuer": str(authority.subject)}))
    return findings + told_weak_holds("maker_hold", chain, evidence)


def _by_a_general_authority(chain: Chain, trust: Trust) -> bool:
    """Could anybody have such a certificate: one that does not say that it is for making seals?

    Not if this very certificate is an anchor for makers, nor under an anchor that is trusted for
    makers and not for signers, nor if the authority certified itself: its name of an organisation
    is not given to others."""
    if len(chain.path) == 1 or chain.path[-1] not in trust.signers:
        return False
    maker = chain.path[0]
    own = maker.subject.organization
    return not own or own != maker.issuer.organization


def _anchoring(who: Literal["signer", "maker"], chain: Chain) -> Finding:
    if not chain.anchored:
        return Finding(f"{who}_untrusted", {"issuer": str(chain.path[-1].issuer)})
    broken = [problem for problem in chain.problems if problem.code in _BROKEN]
    if broken:
        return Finding(f"{who}_chain_broken", {"subject": broken[0].subject})
    # an extension that is not understood may forbid what is wanted, or not: nothing is disproved
    unproved = [
        problem
        for problem in chain.problems
        if problem.code == "critical_extension" or problem.above
    ]
    if unproved:
        return Finding(f"{who}_untrusted", {"issuer": unproved[0].subject})
    return Finding(f"{who}_trusted", {"anchor": str(chain.path[-1].subject)})


def check_status(
    seal_code: str,
    ticket: SignedStatement | None,
    trust: Trust,
    times: Times,
    now: datetime,
) -> tuple[list[Finding], PlatformLine | None]:
    """The platform's line: was the seal in force when it was used, and what is known since?

    *ticket* is the stapled statement if it holds for this document. A change counts from when it
    was to take effect and from when it was recorded; between the two nothing is certain
    (docs/design/platform.md §1)."""
    known = [
        statement
        for statement in trust.statements
        if statement.statement.seal_code == seal_code and trust.believes(statement)
    ]
    latest = max(known, key=lambda statement: statement.statement.issued_at, default=None)
    moment = times.best or now
    changed = _changed(seal_code, trust, times, moment, latest)
    if changed is not None:
        findings, line = changed
        return findings + _replaced(seal_code, trust, latest), line
    if latest is None or (ticket and ticket.statement.issued_at >= latest.statement.issued_at):
        if ticket is None:
            return [Finding("status_unknown")], None
        return [_status_at(ticket, times, moment, fresh=True)], _line(ticket, "stapled")
    said = latest.statement.issued_at
    # for a time that is only claimed, an old answer proves nothing: a thief would claim one before
    fresh = now - said <= trust.status_life or (times.trusted is not None and said >= moment)
    finding = _status_at(latest, times, moment, fresh=fresh)
    if ticket and finding.code == "status_stale":
        return [_status_at(ticket, times, moment, fresh=True)], _line(ticket, "stapled")
    return [finding, *_replaced(seal_code, trust, latest)], _line(latest, "known")


def _replaced(seal_code: str, trust: Trust, latest: SignedStatement | None) -> list[Finding]:
    """By which seal, and when, if it was: what the *latest* statement says, or the registry."""
    said = latest.statement if latest else None
    if said and said.reason == "replaced" and said.effective_at:
        on = beijing_day(said.effective_at)
        if said.successor:
            return [Finding("seal_replaced", {"on": on, "by": said.successor})]
        return [Finding("seal_replaced_on", {"on": on})]
    for change in trust.changes:
        if (change.seal_code, change.reason) == (seal_code, "replaced"):
            return [Finding("seal_replaced_on", {"on": beijing_day(change.effective_at)})]
    return []


def _changed(
    seal_code: str,
    trust: Trust,
    times: Times,
    moment: datetime,
    latest: SignedStatement | None,
) -> tuple[list[Finding], PlatformLine] | None:
    """What the registry shows that the *latest* statement does not: the seal was out of force at
    *moment* (and perhaps resumed later), or has been since. None if it shows nothing more."""
    history = sorted(
        (entry for entry in trust.changes if entry.seal_code == seal_code),
        key=lambda entry: entry.recorded_at,
    )
    before = [entry for entry in history if _begins(entry, moment) <= moment]
    stated_at = latest.statement.issued_at if latest else None
    if before and before[-1].state != "active":
        change = before[-1]
        pending = moment < max(change.effective_at, change.recorded_at)
        code = "status_pending" if pending else "status_not_active"
    elif (
        history
        and history[-1].state != "active"
        and (not stated_at or history[-1].recorded_at > stated_at)
    ):
        change = history[-1]
        proved = times.trusted is not None
        code = "status_changed_since" if proved else "status_changed_unproven"
    else:
        return None
    details = {
        "state": change.state,
        "as_of": beijing(change.recorded_at),
        "reason": change.reason,
    }
    line = PlatformLine(change.state, change.reason, change.recorded_at, "known")
    return [Finding(code, details)], line


def _begins(change: SealChange, moment: datetime) -> datetime:
    """The first instant at which *change* may have been in force.

    Tickets and signing times have whole seconds, the registry is finer: a ticket that was
    given right after a resumption bears the second in which the seal was still suspended."""
    first = min(change.effective_at, change.recorded_at)
    if change.state == "active" and not moment.microsecond:
        return first.replace(microsecond=0)
    return first


def _status_at(signed: SignedStatement, times: Times, moment: datetime, *, fresh: bool) -> Finding:
    statement = signed.statement
    details = {
        "state": statement.state,
        "as_of": beijing(statement.issued_at),
        "reason": statement.reason,
    }
    if statement.state == "active":
        return Finding("status_active" if fresh else "status_stale", details)
    effective = statement.effective_at or statement.recorded_at
    recorded = statement.recorded_at or statement.effective_at
    if effective is None or recorded is None:
        return Finding("status_not_active", details)
    if moment < min(effective, recorded):
        proved = times.trusted is not None
        return Finding("status_changed_since" if proved else "status_changed_unproven", details)
    if moment < max(effective, recorded):
        return Finding("status_pending", details)
    return Finding("status_not_active", details)


def _line(signed: SignedStatement, source: str) -> PlatformLine:
    statement = signed.statement
    return PlatformLine(statement.state, statement.reason, statement.issued_at, source)
