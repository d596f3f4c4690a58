"""What revocation lists and OCSP responses prove about one certificate.

Both say the same kind of thing — at this moment the certificate was good, or revoked since then —
and both count only by the signature of the certificate's issuer (or whom it appointed for OCSP).

* A revocation is for ever, whatever a list with another date says: an old list put beside a new one
  cannot undo it, and a list made after the certificate expired may have dropped it. Only a hold
  (reason 6) is lifted, by something newer.
* "Good" counts if it is still in force now; or, where the time of signing is *proved*, if it was
  said after that. For a time only claimed, yesterday's good list proves nothing: a thief would
  claim a time before it. Nothing counts as good that is dated in the future or was said when the
  certificate had expired.
* What is signed with a weak algorithm may be forged: "revoked" counts all the same, "good" is told
  with that weakness, also where it lifts a hold, and lifts none that is signed better.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from crypto.frozen import frozen
from crypto.pki.certificate import Certificate
from crypto.pki.chain import Chain
from crypto.pki.names_and_algorithms import CertificateError
from crypto.pki.revocation_list import Crl
from crypto.pki.weakness import weaknesses
from crypto.validation.anchor_rules import told_weak
from crypto.verdict import Finding, Times, beijing_day

if TYPE_CHECKING:
    from crypto.pki.ocsp import OcspResponse

CLOCK_SKEW = timedelta(minutes=10)
"""How far two honest clocks may differ."""

MAX_ENCLOSED = 100
"""Lists, and responses, that are read of what came with a document; more are passed over."""
MAX_ENCLOSED_OCTETS = 4 * 1024 * 1024
"""Of all of them together: a list of 80,000 entries, read in about a second."""

UNSPECIFIED, KEY_COMPROMISE, CA_COMPROMISE, HOLD, REMOVED = 0, 1, 2, 6, 8
"""Reason codes (RFC 5280 §5.3.1)."""


@frozen
class Revocation:
    """A certificate was revoked or put on hold."""

    at: datetime
    reason: int | None

    @property
    def compromised(self) -> bool:
        """Its key may have been in other hands before `at` already (RFC 3161 §4)."""
        return self.reason in (None, UNSPECIFIED, KEY_COMPROMISE, CA_COMPROMISE)


@frozen
class _Word:
    """What one list or response says of one certificate."""

    this_update: datetime
    next_update: datetime | None
    revocation: Revocation | None
    """None: good."""
    weaknesses: tuple[str, ...]
    """Of its signature (:func:`crypto.pki.weakness.weaknesses`)."""


@frozen
class Evidence:
    """The lists and responses at hand, yet to be proved."""

    crls: Sequence[Crl] = ()
    ocsp: Sequence[OcspResponse] = ()

    @classmethod
    def read(cls, crls: Iterable[bytes], responses: Iterable[bytes]) -> Evidence:
        """From DER that came with a document: what cannot be read, or exceeds the bounds, is passed
        over, because it proves nothing either way."""
        from crypto.pki.ocsp import OcspResponse  # late: most documents have none

        lists: list[Crl] = []
        answers: list[OcspResponse] = []
        left = MAX_ENCLOSED_OCTETS
        for data in list(crls)[:MAX_ENCLOSED]:
            if len(data) <= left:
                left -= len(data)
                with contextlib.suppress(CertificateError):
                    lists.append(Crl.parse(data))
        for data in list(responses)[:MAX_ENCLOSED]:
            if len(data) <= left:
                left -= len(data)
                with contextlib.suppress(CertificateError):
                    answers.append(OcspResponse.parse(data))
        return cls(tuple(lists), tuple(answers))

    def revocation(
        self, certificate: Certificate, path: Sequence[Certificate]
    ) -> Revocation | None:
        """Since when *certificate* is revoked, by all that is proved; None if nothing says so.

        *path* is a chain with it, leaf first."""
        words = sorted(self._words(certificate, path), key=_weight)
        final = [w.revocation for w in words if w.revocation and w.revocation.reason != HOLD]
        if final:
            return final[-1]
        held = [w for at, w in enumerate(words) if w.revocation and not _lifted(w, words[at + 1 :])]
        return held[-1].revocation if held else None

    def lifted_by(self, certificate: Certificate, path: Sequence[Certificate]) -> tuple[str, ...]:
        """What is weak about the best of what lifts a hold of *certificate*; () where something
        lifts it that is not weak, and where there is no hold, or one in force."""
        words = sorted(self._words(certificate, path), key=_weight)
        holds = [at for at, word in enumerate(words) if word.revocation]
        if not holds or self.revocation(certificate, path):
            return ()
        return min((word.weaknesses for word in words[holds[-1] + 1 :]), key=len, default=())

    def clears(
        self,
        certificate: Certificate,
        path: Sequence[Certificate],
        times: Times,
        now: datetime,
    ) -> bool:
        """Is it proved that *certificate* was not revoked when it signed?"""
        return self.proof_of_good(certificate, path, times, now) == ()

    def proof_of_good(
        self,
        certificate: Certificate,
        path: Sequence[Certificate],
        times: Times,
        now: datetime,
    ) -> tuple[str, ...] | None:
        """What is weak about the proof that *certificate* was not revoked when it signed: () where
        there is one without any weakness, None where there is no proof."""
        proved = times.trusted
        words = sorted(self._words(certificate, path), key=_weight)
        holds = [number for number, word in enumerate(words) if word.revocation]
        found = (
            word.weaknesses
            for word in words[holds[-1] + 1 if holds else 0 :]  # what lifts a hold must prove it
            if word.revocation is None
            and word.this_update <= now + CLOCK_SKEW
            and (
                (word.next_update is not None and word.next_update >= now)
                or (proved is not None and word.this_update >= proved)
            )
        )
        return min(found, key=len, default=None)

    def _words(self, certificate: Certificate, path: Sequence[Certificate]) -> Iterator[_Word]:
        index = path.index(certificate)
        if index + 1 >= len(path):
            return
        issuer = path[index + 1]
        for word in (*self._listed(certificate, issuer), *self._answered(certificate, issuer)):
            if word.revocation or word.this_update <= certificate.not_after:
                yield word

    def _listed(self, certificate: Certificate, issuer: Certificate) -> Iterator[_Word]:
        for crl in self.crls:
            try:
                if not crl.issued_by(issuer) or crl.unknown_critical:
                    continue  # also lists of changes only, and of a part of the certificates
                moment, reason = crl.revoked.get(certificate.serial, (None, None))
            except CertificateError:
                continue
            revocation = None
            if moment is not None and reason != REMOVED:
                revocation = Revocation(moment, reason)
            weak = weaknesses(issuer.public_key, crl.signature_algorithm, crl.signature_parameters)
            yield _Word(crl.this_update, crl.next_update, revocation, weak)

    def _answered(self, certificate: Certificate, issuer: Certificate) -> Iterator[_Word]:
        for response in self.ocsp:
            said = response.answer(certificate, issuer)
            if said is None or said.state == "unknown":
                continue
            responder = response.responder(issuer)
            if responder is None or self._is_revoked(responder, issuer):
                continue
            revocation = None
            if said.revoked_at is not None:
                revocation = Revocation(said.revoked_at, said.reason)
            weak = weaknesses(
                responder.public_key, response.signature_algorithm, response.signature_parameters
            )
            if responder.der != issuer.der:
                weak += weaknesses(
                    issuer.public_key, responder.signature_algorithm, responder.signature_parameters
                )
            yield _Word(said.this_update, said.next_update, revocation, tuple(dict.fromkeys(weak)))

    def _is_revoked(self, responder: Certificate, issuer: Certificate) -> bool:
        """A list of the same issuer names the responder: its answers, whatever their date, prove
        nothing any more."""
        if responder.der == issuer.der:
            return False
        return any(word.revocation for word in self._listed(responder, issuer))


def _weight(word: _Word) -> tuple[datetime, bool]:
    """Newer things last; of two of the same moment the one that says revoked."""
    return word.this_update, word.revocation is not None


def _lifted(hold: _Word, newer: Iterable[_Word]) -> bool:
    """Does one of the *newer* words say good, signed no worse than *hold* is?"""
    return any(w.revocation is None and {*w.weaknesses} <= {*hold.weaknesses} for w in newer)


def told_weak_holds(
    whose: Literal["hold", "maker_hold"], chain: Chain, evidence: Evidence, first: int = 0
) -> list[Finding]:
    """Which certificates of *chain*, from number *first* on, were on hold and no longer are as far
    as weak proofs say, and nothing better: whoever can forge these would lift a hold himself."""
    return [
        finding
        for certificate in chain.path[first:-1]
        for finding in told_weak(
            whose, evidence.lifted_by(certificate, chain.path), str(certificate.subject)
        )
    ]


def check_revocation(
    chain: Chain, evidence: Evidence, times: Times, now: datetime, covered: bool
) -> list[Finding]:
    """The certificates of *chain* below its anchor, as of the time of signing; *covered* says that
    a ticket already proves the signer's good."""
    findings = []
    moment, proved = times.best or now, times.trusted is not None
    for certificate in chain.path[1:-1]:
        revoked = evidence.revocation(certificate, chain.path)
        subject = {"subject": str(certificate.subject)}
        if revoked and revoked.at <= moment:
            findings.append(Finding("ca_revoked", subject))
        elif revoked and not proved:
            findings.append(Finding("signer_untrusted", {"issuer": str(certificate.subject)}))
        elif not revoked and not evidence.clears(certificate, chain.path, times, now):
            findings.append(Finding("ca_revocation_unknown", subject))
    signer = chain.path[0]
    revoked = evidence.revocation(signer, chain.path)
    if revoked:
        when = {"when": beijing_day(revoked.at)}
        if revoked.at <= moment:
            findings.append(Finding("signer_revoked_before", when))
        else:
            findings.append(
                Finding("signer_revoked_since" if proved else "signer_revoked_unproven", when)
            )
    elif covered or len(chain.path) == 1:
        # a ticket vouches for the signer, and lifts no hold
        findings.append(Finding("signer_not_revoked"))
        findings += told_weak_holds("hold", chain, evidence, 0)
        return findings
    else:
        weak = evidence.proof_of_good(signer, chain.path, times, now)
        findings.append(Finding("revocation_unknown" if weak is None else "signer_not_revoked"))
        findings += told_weak("revocation", weak or ())
    return findings + told_weak_holds("hold", chain, evidence, 1)
