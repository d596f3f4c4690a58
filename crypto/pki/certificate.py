"""X.509 certificates as they are met: SM2, RSA and ECDSA alike (GB/T 20518, RFC 5280 §4).

Real government certificates break the general parsers, so these are read by :mod:`crypto.asn1.der`:
the public key comes from the SubjectPublicKeyInfo, extensions are read one by one, and neither a
name nor a broken extension ends a verification; ``Certificate.remarks`` says what could not be
read. :mod:`crypto.pki.certificate_making` writes certificates, requests and revocation lists.

All times are aware UTC datetimes. Malformed input raises
:class:`crypto.pki.names_and_algorithms.CertificateError`.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cached_property, lru_cache

from crypto.algorithms import gm
from crypto.asn1 import der
from crypto.frozen import frozen
from crypto.pki.names_and_algorithms import CertificateError, Name, read_algorithm
from crypto.pki.public_key import PublicKey

KEY_USAGES = (
    "digitalSignature",
    "nonRepudiation",
    "keyEncipherment",
    "dataEncipherment",
    "keyAgreement",
    "keyCertSign",
    "cRLSign",
    "encipherOnly",
    "decipherOnly",
)
"""Names of the key-usage bits, in bit order (RFC 5280 §4.2.1.3)."""

DOCUMENT_SIGNING = "1.3.6.1.5.5.7.3.36"
TIME_STAMPING = "1.3.6.1.5.5.7.3.8"
OCSP_SIGNING = "1.3.6.1.5.5.7.3.9"
SERVER_AUTH, CODE_SIGNING = "1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.3"
SEAL_MAKING = "2.25.145864452253813435578649448165892654243"
"""Our own purpose: makes seals, for whomever (an OID from a UUID). The standards name none."""
REPORT_SEALING = "2.25.303161599367330856794524257159649722693"
"""Our own purpose: only the seal with which a platform seals its reports (an OID from a UUID)."""
OCSP_ACCESS, ISSUER_ACCESS = "1.3.6.1.5.5.7.48.1", "1.3.6.1.5.5.7.48.2"
"""Access methods of authorityInfoAccess (RFC 5280 §4.2.2.1)."""

_USUAL = 8192
"""Bytes of a certificate that may be remembered."""
_ISSUERS = 16
"""Issuers that a certificate remembers having been compared with."""


class IssuerSigned:
    """What certificates and revocation lists have in common: bytes with an issuer's signature."""

    tbs: bytes
    signature: bytes
    signature_algorithm: str
    signature_parameters: bytes

    def is_signed_by(self, issuer: Certificate) -> bool:
        """Is the signature right by *issuer*'s key? Verified once: both serve many documents."""
        known = self._signed_by.get(issuer.der)
        if known is None:
            known = issuer.public_key.verify(
                self.signature_algorithm,
                self.tbs,
                self.signature,
                parameters=self.signature_parameters,
            )
            if len(self._signed_by) >= _ISSUERS:  # a document can enclose any number
                self._signed_by.clear()
            self._signed_by[issuer.der] = known
        return known

    @cached_property
    def _signed_by(self) -> dict[bytes, bool]:
        """Issuer's certificate → whether the signature is right."""
        return {}


@frozen
class Certificate(IssuerSigned):
    """One X.509 certificate."""

    der: bytes
    tbs: bytes
    """The signed bytes, as found."""
    serial: int
    signature_algorithm: str
    """Dotted OID."""
    signature_parameters: bytes
    """DER of the algorithm's parameters, "" if absent."""
    signature: bytes
    issuer: Name
    subject: Name
    not_before: datetime
    not_after: datetime
    public_key: PublicKey
    key_usage: frozenset[str] | None
    """None: the extension is absent."""
    is_ca: bool
    path_length: int | None
    extended_key_usage: frozenset[str]
    """Dotted OIDs; empty if the extension is absent."""
    subject_key_id: bytes
    authority_key_id: bytes
    crl_urls: tuple[str, ...]
    ocsp_urls: tuple[str, ...]
    issuer_urls: tuple[str, ...]
    """Where its issuer's certificate is to be had (caIssuers)."""
    unknown_critical: tuple[str, ...]
    """Critical extensions we do not understand: no chain may rest on such a certificate."""
    critical: frozenset[str]
    """Dotted OIDs of all extensions marked critical."""
    remarks: tuple[str, ...]
    """What could not be read, in English, for the report's details."""

    @classmethod
    def parse(cls, data: bytes) -> Certificate:
        """Read a DER certificate. Raises :class:`CertificateError`."""
        try:
            return _known_certificate(data) if len(data) <= _USUAL else _parse_certificate(data)
        except der.DerError as error:
            raise CertificateError(f"not a certificate: {error}") from error

    @property
    def fingerprint(self) -> bytes:
        """SM3 of the DER, 32 bytes."""
        return gm.sm3(self.der)

    @property
    def self_issued(self) -> bool:
        return self.subject.raw == self.issuer.raw

    def valid_at(self, moment: datetime) -> bool:
        """Is *moment* inside the validity period?"""
        return self.not_before <= moment <= self.not_after

    def may_sign(self) -> bool:
        """Does key usage permit signing documents? (absent: not restricted)"""
        usage = self.key_usage
        return usage is None or bool(usage & {"digitalSignature", "nonRepudiation"})

    def issued_by(self, issuer: Certificate) -> bool:
        """Did *issuer*'s key sign this certificate? (Verified once: it serves many documents.)"""
        return self.is_signed_by(issuer)


class _Extensions:
    """Collects the extensions one at a time; a broken one becomes a remark."""

    def __init__(self) -> None:
        self.key_usage: frozenset[str] | None = None
        self.is_ca = False
        self.path_length: int | None = None
        self.extended: frozenset[str] = frozenset()
        self.subject_key_id = b""
        self.authority_key_id = b""
        self.crl_urls: tuple[str, ...] = ()
        self.ocsp_urls: tuple[str, ...] = ()
        self.issuer_urls: tuple[str, ...] = ()
        self.unknown_critical: list[str] = []
        self.remarks: list[str] = []
        self.critical: set[str] = set()
        self._seen: set[str] = set()

    def read(self, extension: der.Tlv) -> None:
        kind, critical, value = read_extension(extension)
        if critical:
            self.critical.add(kind)
        reader = self._READERS.get(kind)
        if kind in self._seen:  # which one counts differs between readers: RFC 5280 §4.2 forbids it
            self.remarks.append(f"extension {kind}: repeated")
            self.unknown_critical.append(kind)
            return
        self._seen.add(kind)
        if reader is None:
            if critical:
                self.unknown_critical.append(kind)
            return
        try:
            reader(self, der.parse(value))
        except der.DerError as error:
            self.remarks.append(f"extension {kind}: {error}")
            if critical:
                self.unknown_critical.append(kind)

    def _key_usage(self, value: der.Tlv) -> None:
        bits = der.named_bits(value)
        self.key_usage = frozenset(KEY_USAGES[bit] for bit in bits if bit < len(KEY_USAGES))

    def _basic_constraints(self, value: der.Tlv) -> None:
        fields = value.children(der.SEQUENCE)
        self.is_ca = fields.boolean() if fields.peek() == der.BOOLEAN else False
        self.path_length = None if fields.at_end else fields.integer()

    def _extended(self, value: der.Tlv) -> None:
        fields = value.children(der.SEQUENCE)
        self.extended = frozenset(der.oid_value(element) for element in fields)

    def _subject_key_id(self, value: der.Tlv) -> None:
        self.subject_key_id = value.content

    def _authority_key_id(self, value: der.Tlv) -> None:
        for field in value.children(der.SEQUENCE):
            if field.tag == 0x80:
                self.authority_key_id = field.content

    def _crl_urls(self, value: der.Tlv) -> None:
        self.crl_urls = tuple(_urls(value))

    def _access(self, value: der.Tlv) -> None:
        for description in value.children(der.SEQUENCE):
            fields = description.children(der.SEQUENCE)
            method = fields.oid()
            if fields.peek() != 0x86:
                continue
            url = (fields.next().content.decode("latin-1"),)
            if method == OCSP_ACCESS:
                self.ocsp_urls += url
            elif method == ISSUER_ACCESS:
                self.issuer_urls += url

    def _accept(self, value: der.Tlv) -> None:
        """Understood as far as we need: policies, alternative names and what is stated of a
        qualified certificate restrict nothing that is judged here."""

    _READERS: dict[str, Callable[[_Extensions, der.Tlv], None]] = {  # noqa: RUF012
        "2.5.29.15": _key_usage,
        "2.5.29.19": _basic_constraints,
        "2.5.29.37": _extended,
        "2.5.29.14": _subject_key_id,
        "2.5.29.35": _authority_key_id,
        "2.5.29.31": _crl_urls,
        "1.3.6.1.5.5.7.1.1": _access,
        "2.5.29.17": _accept,
        "2.5.29.18": _accept,
        "2.5.29.32": _accept,
        "1.3.6.1.5.5.7.1.3": _accept,
    }


def _urls(element: der.Tlv) -> Iterator[str]:
    """Every [6] uniformResourceIdentifier below *element*."""
    for child in element.children():
        if child.tag == 0x86:
            yield child.content.decode("latin-1")
        elif child.tag & 0x20:
            yield from _urls(child)


@lru_cache(maxsize=256)
def _known_certificate(data: bytes) -> Certificate:
    """The same certificates come with every document of a company: each is read once."""
    return _parse_certificate(data)


def _parse_certificate(data: bytes) -> Certificate:
    whole = der.parse(data).children(der.SEQUENCE)
    tbs = whole.next(der.SEQUENCE)
    algorithm, parameters = read_algorithm(whole)
    signature = whole.bits()
    whole.finish()

    fields = tbs.children()
    if fields.peek() == 0xA0:
        fields.next()  # version: what counts is what is there
    serial = int.from_bytes(fields.next(der.INTEGER).content, "big", signed=True)
    inner_algorithm, inner_parameters = read_algorithm(fields)
    issuer = Name.parse(fields.next())
    validity = fields.sequence()
    not_before, not_after = validity.time(), validity.time()
    subject = Name.parse(fields.next())
    public_key = PublicKey.parse(fields.next())
    extensions = _Extensions()
    for field in fields:
        if field.tag == 0xA3:
            for extension in field.children().next(der.SEQUENCE).children():
                extensions.read(extension)
    if (inner_algorithm, inner_parameters) != (algorithm, parameters):
        # RFC 5280 §4.1.1.2 asks for equality; only the OID carries a meaning we rely on
        if inner_algorithm != algorithm:
            raise CertificateError("the two signature algorithms of a certificate differ")
        extensions.remarks.append("signature algorithm parameters differ inside and outside")
    return Certificate(
        der=data,
        tbs=tbs.raw,
        serial=serial,
        signature_algorithm=algorithm,
        signature_parameters=parameters,
        signature=signature,
        issuer=issuer,
        subject=subject,
        not_before=not_before,
        not_after=not_after,
        public_key=public_key,
        key_usage=extensions.key_usage,
        is_ca=extensions.is_ca,
        path_length=extensions.path_length,
        extended_key_usage=extensions.extended,
        subject_key_id=extensions.subject_key_id,
        authority_key_id=extensions.authority_key_id,
        crl_urls=extensions.crl_urls,
        ocsp_urls=extensions.ocsp_urls,
        issuer_urls=extensions.issuer_urls,
        unknown_critical=tuple(extensions.unknown_critical),
        critical=frozenset(extensions.critical),
        remarks=tuple(extensions.remarks),
    )


def read_extension(element: der.Tlv) -> tuple[str, bool, bytes]:
    """One Extension: (dotted OID, is it critical?, the DER in its value)."""
    fields = element.children(der.SEQUENCE)
    kind = fields.oid()
    critical = fields.boolean() if fields.peek() == der.BOOLEAN else False
    return kind, critical, fields.octets()


def load_certificates(data: bytes) -> list[Certificate]:
    """The certificates of a PEM bundle or of one DER file. Raises :class:`CertificateError`."""
    if b"-----BEGIN" not in data:
        return [Certificate.parse(data)]
    blocks = re.findall(
        rb"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----", data
    )
    if not blocks:
        raise CertificateError("no certificate in this PEM file")
    try:
        return [Certificate.parse(base64.b64decode(block)) for block in blocks]
    except ValueError as error:
        raise CertificateError(f"damaged PEM: {error}") from error
