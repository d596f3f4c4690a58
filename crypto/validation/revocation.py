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
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from crypto.pki.certificate import Certificate
from crypto.pki.names_and_algorithms import CertificateError
from crypto.pki.revocation_list import Crl
from crypto.verdict import Times

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


@dataclass(frozen=True)
class Revocation:
    """A certificate was revoked or put on hold."""

    at: datetime
    reason: int | None

    @property
    def compromised(self) -> bool:
        """Its key may have been in other hands before `at` already (RFC 3161 §4)."""
        return self.reason in (None, UNSPECIFIED, KEY_COMPROMISE, CA_COMPROMISE)


@dataclass(frozen=True)
class _Word:
    """What one list or response says of one certificate."""

    this_update: datetime
    next_update: datetime | None
    revocation: Revocation | None
    """None: good."""


@dataclass(frozen=True)
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
        return words[-1].revocation if words else None

    def clears(
        self,
        certificate: Certificate,
        path: Sequence[Certificate],
        times: Times,
        now: datetime,
    ) -> bool:
        """Is it proved that *certificate* was not revoked when it signed?"""
        proved = times.trusted
        return any(
            (word.next_update is not None and word.next_update >= now)
            or (proved is not None and word.this_update >= proved)
            for word in self._words(certificate, path)
            if word.revocation is None and word.this_update <= now + CLOCK_SKEW
        )

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
            yield _Word(crl.this_update, crl.next_update, revocation)

    def _answered(self, certificate: Certificate, issuer: Certificate) -> Iterator[_Word]:
        for response in self.ocsp:
            said = response.answer(certificate, issuer)
            if said is None or said.state == "unknown" or self._revoked_responder(response, issuer):
                continue
            revocation = None
            if said.revoked_at is not None:
                revocation = Revocation(said.revoked_at, said.reason)
            yield _Word(said.this_update, said.next_update, revocation)

    def _revoked_responder(self, response: OcspResponse, issuer: Certificate) -> bool:
        """A list of the same issuer names the responder: its answers, whatever their date, prove
        nothing any more."""
        responder = response.responder(issuer)
        if responder is None or responder.der == issuer.der:
            return responder is None
        return any(word.revocation for word in self._listed(responder, issuer))


def _weight(word: _Word) -> tuple[datetime, bool]:
    """Newer things last; of two of the same moment the one that says revoked."""
    return word.this_update, word.revocation is not None
