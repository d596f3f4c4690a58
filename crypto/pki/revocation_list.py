"""Certificate revocation lists (RFC 5280 §5).

:mod:`crypto.pki.certificate_making` writes them. All times are aware UTC datetimes. Malformed input
raises :class:`crypto.pki.names_and_algorithms.CertificateError`.
"""

from __future__ import annotations

import dataclasses
from datetime import datetime
from functools import cached_property, lru_cache

from crypto.asn1 import der
from crypto.asn1.der import Tlv
from crypto.frozen import frozen
from crypto.pki.certificate import Certificate, IssuerSigned, read_extension
from crypto.pki.names_and_algorithms import CertificateError, Name, read_algorithm

MAX_CRL_ELEMENTS = 2_000_000
"""Enough for some 280,000 revoked certificates; the largest public lists hold fewer."""


@frozen
class Crl(IssuerSigned):
    """A certificate revocation list (RFC 5280 §5)."""

    der: bytes
    tbs: bytes
    issuer: Name
    this_update: datetime
    next_update: datetime | None
    signature_algorithm: str
    signature_parameters: bytes
    signature: bytes
    entries: Tlv | None = dataclasses.field(compare=False, repr=False)
    """revokedCertificates as found."""
    _unknown_critical: bool

    @classmethod
    def parse(cls, data: bytes) -> Crl:
        """Read a DER CRL, its entries when they are asked for: of lists that come with a document
        many are of no use, and long. Raises :class:`CertificateError`."""
        try:
            return _parse_crl(data)
        except der.DerError as error:
            raise CertificateError(f"not a CRL: {error}") from error

    @property
    def revoked(self) -> dict[int, tuple[datetime, int | None]]:
        """Serial → (revocation time, reason code). Raises :class:`CertificateError`."""
        return self._read_entries[0]

    @property
    def unknown_critical(self) -> bool:
        """It has a critical extension we do not understand. Raises :class:`CertificateError`."""
        return self._unknown_critical or self._read_entries[1]

    @cached_property
    def _read_entries(self) -> tuple[dict[int, tuple[datetime, int | None]], bool]:
        try:
            return _crl_entries(self.entries)
        except der.DerError as error:
            raise CertificateError(f"not a CRL: {error}") from error

    def issued_by(self, issuer: Certificate) -> bool:
        """Is this list signed by *issuer*'s key, which may sign CRLs? (Verified once: a list serves
        many signatures.)"""
        usage = issuer.key_usage
        if not self.issuer.matches(issuer.subject) or not (usage is None or "cRLSign" in usage):
            return False
        return self.is_signed_by(issuer)


@lru_cache(maxsize=4)  # signature after signature brings the same list
def _parse_crl(data: bytes) -> Crl:
    whole = der.parse(data, elements=MAX_CRL_ELEMENTS).children(der.SEQUENCE)
    tbs = whole.next(der.SEQUENCE)
    algorithm, parameters = read_algorithm(whole)
    signature = whole.bits()
    whole.finish()
    fields = tbs.children()
    fields.optional(der.INTEGER)
    read_algorithm(fields)
    issuer = Name.parse(fields.next())
    this_update = fields.time()
    next_update = None
    if fields.peek() in (der.UTC_TIME, der.GENERALIZED_TIME):
        next_update = fields.time()
    entries = fields.optional(der.SEQUENCE)
    unknown_critical = False
    for field in fields:
        if field.tag == 0xA0:
            for extension in field.children().next(der.SEQUENCE).children():
                kind, critical, _ = read_extension(extension)
                unknown_critical |= critical and kind not in ("2.5.29.20", "2.5.29.35")
    return Crl(
        data,
        tbs.raw,
        issuer,
        this_update,
        next_update,
        algorithm,
        parameters,
        signature,
        entries,
        unknown_critical,
    )


def _crl_entries(
    entries: der.Tlv | None,
) -> tuple[dict[int, tuple[datetime, int | None]], bool]:
    """revokedCertificates: (serial → time and reason, is an unknown extension critical?)."""
    revoked: dict[int, tuple[datetime, int | None]] = {}
    unknown_critical = False
    for entry in entries.children() if entries else ():
        parts = entry.children(der.SEQUENCE)
        serial = int.from_bytes(parts.next(der.INTEGER).content, "big", signed=True)
        moment, reason = parts.time(), None
        extensions = parts.optional(der.SEQUENCE)
        for extension in extensions.children() if extensions else ():
            kind, critical, value = read_extension(extension)
            if kind == "2.5.29.21":
                reason = int.from_bytes(der.parse(value).content, "big")
            unknown_critical |= critical and kind != "2.5.29.21"
        revoked[serial] = (moment, reason)
    return revoked, unknown_critical
