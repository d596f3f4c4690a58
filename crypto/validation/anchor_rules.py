"""What is special about an anchor: for whom it counts, and which proofs cannot be had under it.

Decided by whoever keeps a trust list or by the person who trusted a platform, never by a file. Some
authorities publish no revocation at all, and old documents use algorithms of their time: where the
anchor's rule says so, the missing proof is a notice and not UNKNOWN.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal

from crypto.frozen import frozen
from crypto.pki.certificate import Certificate
from crypto.pki.chain import Chain
from crypto.verdict import Finding, Times, beijing_day

_NO_STATUS = {"status_unknown": "status_not_published"}
_NO_REVOCATION = {"revocation_unknown": "revocation_not_published"}
Whose = Literal[
    "value",
    "timestamp",
    "seal",
    "signer_certificate",
    "maker_certificate",
    "revocation",
    "hold",
    "maker_hold",
]
"""Whose algorithm is weak: that of the value of a signature, of a document time stamp or its
authority's certificates, of the seal as its maker signed it, of
a certificate on the way from signer or maker to an anchor, of a proof that a certificate was not
revoked, of what lifts a hold of one on the way from signer or maker."""
OF_THE_MAKER = ("seal", "maker_certificate", "maker_hold")


@frozen
class AnchorRule:
    """The rule of one anchor."""

    anchor: bytes
    """SM3 of its certificate, 32 bytes."""
    holders: frozenset[str] = frozenset()
    """Organisations, as in the subjects of their certificates, for whose seals and signatures
    alone it counts; empty: for all."""
    status: bool = True
    """Somebody tells the state of seals; False: nobody does."""
    revocation: bool = True
    """Revocation is published; False: it is not."""
    algorithms: tuple[tuple[str, datetime], ...] = ()
    """(weak algorithm, until when it is accepted): ``sha1``, ``rsa-1024`` …, as findings name
    them."""
    origin: str = ""
    """``https://host[:port]`` of the platform that tells the state of its seals; "": none that can
    be asked."""

    def accepts(self, algorithm: str, times: Times, now: datetime) -> datetime | None:
        """Until when *algorithm* is accepted, if it is for something of these *times*. Once that
        day is over, a time that is only claimed proves nothing: a forger claims one before it."""
        moment = times.best
        for name, until in self.algorithms:
            in_time = moment is not None and moment <= until
            if name == algorithm and in_time and (times.trusted is not None or now <= until):
                return until
        return None


def told_weak(whose: Whose, weaknesses: Iterable[str], subject: str = "") -> list[Finding]:
    """Each of the *weaknesses* (:func:`crypto.pki.weakness.weaknesses`); *subject*: of the
    certificate that it is about."""
    named = {"subject": subject} if subject else {}
    return [
        Finding("weak_algorithm", {"algorithm": weakness, "whose": whose, **named})
        for weakness in weaknesses
    ]


def told_weak_chain(
    whose: Literal["signer_certificate", "maker_certificate"], chain: Chain
) -> list[Finding]:
    """The same of the certificates of *chain*."""
    return [
        finding
        for certificate, weakness in chain.weaknesses
        for finding in told_weak(whose, (weakness,), str(certificate.subject))
    ]


def outside(rules: Iterable[AnchorRule], holder: str) -> frozenset[bytes]:
    """The anchors (SM3) that do not count for *holder*'s seals and signatures."""
    return frozenset(rule.anchor for rule in rules if rule.holders and holder not in rule.holders)


def teller_of(rules: Iterable[AnchorRule], anchor: str) -> str | None:
    """Where the state of seals under the *anchor* (SM3, hex) is told: an origin, "" if nowhere that
    can be asked, None if no rule speaks of it."""
    told = [rule.origin for rule in rules if rule.anchor.hex() == anchor]
    return max(told) if told else None


def by_rules(
    findings: Iterable[Finding],
    rules: Sequence[AnchorRule],
    signer_anchor: Certificate | None,
    maker_anchor: Certificate | None,
    times: Times,
    now: datetime,
) -> list[Finding]:
    """*findings* as the rules of the two anchors have them, each for what stands under it.

    Weak algorithms are accepted by the time of signing, also where a seal or a certificate is
    older: whoever can forge it writes any date into it."""
    by_anchor = {rule.anchor: rule for rule in rules}
    of_signer = by_anchor.get(signer_anchor.fingerprint) if signer_anchor else None
    of_maker = by_anchor.get(maker_anchor.fingerprint) if maker_anchor else None
    if of_signer is None and of_maker is None:
        return list(findings)
    settled = []
    for finding in findings:
        code = finding.code
        if of_maker and not of_maker.status:
            code = _NO_STATUS.get(code, code)
        if of_signer and not of_signer.revocation:
            code = _NO_REVOCATION.get(code, code)
        details = finding.details
        if code == "weak_algorithm":
            rule = of_maker if details.get("whose") in OF_THE_MAKER else of_signer
            until = rule.accepts(details.get("algorithm", ""), times, now) if rule else None
            if until is not None:
                code, details = "weak_algorithm_accepted", {**details, "until": beijing_day(until)}
        settled.append(Finding(code, details))
    return settled
