"""X.509 certificates, chains and CRLs — SM2, RSA and ECDSA alike (GB/T 20518, RFC 5280).

Real government certificates break the general parsers, so these are read by :mod:`crypto.asn1.der`:
the public key comes from the SubjectPublicKeyInfo, extensions are read one by one, and neither a
name nor a broken extension ends a verification; what could not be read is said in
``Certificate.remarks``. Certificates, requests and CRLs are written by :mod:`crypto.pki.x509_make`.

All times are aware UTC datetimes. Malformed input raises :class:`CertificateError`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any

from crypto import deadline
from crypto.algorithms import gm
from crypto.algorithms.keys import EC_PUBLIC_KEY, SM2_CURVE, SM2_WITH_SM3
from crypto.asn1 import der
from crypto.asn1.der import Tlv

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
REPORT_SEALING = "2.25.303161599367330856794524257159649722693"
"""Our own purpose: only the seal with which a platform seals its reports (an OID from a UUID)."""
OCSP_ACCESS, ISSUER_ACCESS = "1.3.6.1.5.5.7.48.1", "1.3.6.1.5.5.7.48.2"
"""Access methods of authorityInfoAccess (RFC 5280 §4.2.2.1)."""
MAX_CHAIN = 8
MAX_CRL_ELEMENTS = 2_000_000
"""Enough for some 280,000 revoked certificates; the largest public lists hold fewer."""

_ATTRIBUTES = {
    "2.5.4.3": "CN",
    "2.5.4.4": "SN",
    "2.5.4.5": "serialNumber",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.9": "street",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "2.5.4.12": "title",
    "2.5.4.42": "GN",
    "2.5.4.97": "organizationIdentifier",
    "1.2.840.113549.1.9.1": "emailAddress",
}
ATTRIBUTE_OIDS = {short: dotted for dotted, short in _ATTRIBUTES.items()}

RSA_SIGNATURES = {
    "1.2.840.113549.1.1.5": "sha1",
    "1.2.840.113549.1.1.11": "sha256",
    "1.2.840.113549.1.1.12": "sha384",
    "1.2.840.113549.1.1.13": "sha512",
    "1.2.840.113549.1.1.14": "sha224",
    "2.16.840.1.101.3.4.3.13": "sha3_224",
    "2.16.840.1.101.3.4.3.14": "sha3_256",
    "2.16.840.1.101.3.4.3.15": "sha3_384",
    "2.16.840.1.101.3.4.3.16": "sha3_512",
}
"""RSASSA-PKCS1-v1_5 signature algorithms → hashlib names."""
ECDSA_SIGNATURES = {
    "1.2.840.10045.4.1": "sha1",
    "1.2.840.10045.4.3.1": "sha224",
    "1.2.840.10045.4.3.2": "sha256",
    "1.2.840.10045.4.3.3": "sha384",
    "1.2.840.10045.4.3.4": "sha512",
    "2.16.840.1.101.3.4.3.9": "sha3_224",
    "2.16.840.1.101.3.4.3.10": "sha3_256",
    "2.16.840.1.101.3.4.3.11": "sha3_384",
    "2.16.840.1.101.3.4.3.12": "sha3_512",
}
"""ECDSA signature algorithms → hashlib names."""
_USUAL = 8192
"""Bytes of a certificate that may be remembered."""
PLAIN_ECDSA_SIGNATURES = {
    "0.4.0.127.0.7.1.1.4.1.1": "sha1",
    "0.4.0.127.0.7.1.1.4.1.2": "sha224",
    "0.4.0.127.0.7.1.1.4.1.3": "sha256",
    "0.4.0.127.0.7.1.1.4.1.4": "sha384",
    "0.4.0.127.0.7.1.1.4.1.5": "sha512",
}
"""ECDSA whose value is r ‖ s (BSI TR-03111 §5.2.1) → hashlib names."""
DSA_SIGNATURES = {
    "1.2.840.10040.4.3": "sha1",
    "2.16.840.1.101.3.4.3.1": "sha224",
    "2.16.840.1.101.3.4.3.2": "sha256",
    "2.16.840.1.101.3.4.3.3": "sha384",
    "2.16.840.1.101.3.4.3.4": "sha512",
}
"""DSA signature algorithms → hashlib names."""
_ISSUERS = 16
"""Issuers that a certificate remembers having been compared with."""
RSA_PSS = "1.2.840.113549.1.1.10"
ED25519 = "1.3.101.112"
ED448 = "1.3.101.113"
EDWARDS_DIGESTS = {ED25519: "sha512", ED448: "shake256"}
"""EdDSA → the digest of the content that goes with it (RFC 8419 §2.3)."""
HASHES = {
    "1.3.14.3.2.26": "sha1",
    "2.16.840.1.101.3.4.2.4": "sha224",
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
    "2.16.840.1.101.3.4.2.7": "sha3_224",
    "2.16.840.1.101.3.4.2.8": "sha3_256",
    "2.16.840.1.101.3.4.2.9": "sha3_384",
    "2.16.840.1.101.3.4.2.10": "sha3_512",
    "2.16.840.1.101.3.4.2.12": "shake256",
    "2.16.840.1.101.3.4.2.18": "shake256",  # with its length said, which is to be 512 (RFC 8419)
    "1.2.156.10197.1.401": "sm3",
}
"""Digest algorithm identifiers → hashlib names; "shake256" gives 64 bytes."""


class CertificateError(ValueError):
    """The bytes are not a certificate, request or CRL that can be read."""


@dataclass(frozen=True)
class Name:
    """A distinguished name as found."""

    raw: bytes
    """DER, for comparisons."""

    attributes: tuple[tuple[str, str], ...]
    """(attribute type as dotted OID, text) in the order of the encoding."""

    @classmethod
    def parse(cls, element: der.Tlv) -> Name:
        """Read a Name; attribute values that are no strings are shown as hex."""
        found: list[tuple[str, str]] = []
        for relative in element.children(der.SEQUENCE):
            for attribute in relative.children(der.SET):
                fields = attribute.children(der.SEQUENCE)
                kind, value = fields.oid(), fields.next()
                try:
                    found.append((kind, der.text_value(value)))
                except der.DerError:
                    found.append((kind, value.content.hex()))
        return cls(element.raw, tuple(found))

    @classmethod
    def build(cls, attributes: Iterable[tuple[str, str]]) -> Name:
        """A name from ("C", "CN"), ("O", …), ("CN", …) pairs: UTF8String, country printable."""
        relatives = []
        for short, text in attributes:
            value = der.printable(text) if short == "C" else der.utf8(text)
            relatives.append(der.set_of(der.sequence(der.oid(ATTRIBUTE_OIDS[short]), value)))
        return cls.parse(der.parse(der.sequence(*relatives)))

    def get(self, short: str) -> str:
        """The first attribute of that short name ("CN", "O", …), "" if there is none."""
        wanted = ATTRIBUTE_OIDS[short]
        return next((text for kind, text in self.attributes if kind == wanted), "")

    @property
    def common_name(self) -> str:
        return self.get("CN")

    @property
    def organization(self) -> str:
        return self.get("O")

    def matches(self, other: Name) -> bool:
        """Same name: same DER, or the same texts in other string types (RFC 5280 §7.1)."""
        return self.raw == other.raw or self._folded == other._folded

    @cached_property
    def _folded(self) -> tuple[tuple[str, str], ...]:
        return tuple((kind, " ".join(text.split()).casefold()) for kind, text in self.attributes)

    def __str__(self) -> str:
        return ", ".join(f"{_ATTRIBUTES.get(k, k)}={text}" for k, text in self.attributes)


_KEY_KINDS = {
    "1.2.840.113549.1.1.1": "rsa",
    RSA_PSS: "rsa",
    ED25519: "ed25519",
    ED448: "ed448",
    "1.2.840.10040.4.1": "dsa",
}


@dataclass(frozen=True)
class PublicKey:
    """A subject's public key."""

    spki: bytes
    """SubjectPublicKeyInfo, DER."""

    kind: str
    """"sm2", "rsa", "ec" (another curve), "ed25519", "ed448", "dsa" or "unknown"."""

    point: bytes
    """SM2: 64 bytes X‖Y; otherwise empty."""

    key_id: bytes
    """SHA-1 of the key bits: the usual subject key identifier (RFC 5280 §4.2.1.2 (1))."""

    @classmethod
    def parse(cls, element: der.Tlv) -> PublicKey:
        """Read a SubjectPublicKeyInfo."""
        import hashlib

        fields = element.children(der.SEQUENCE)
        algorithm = fields.sequence()
        kind_oid, bits = algorithm.oid(), fields.bits()
        kind, point = "unknown", b""
        if kind_oid == EC_PUBLIC_KEY:
            curve = algorithm.optional(der.OID)
            kind = "ec"
            if curve is not None and der.oid_value(curve) == SM2_CURVE:
                kind = "sm2"
                if len(bits) == 65 and bits[0] == 4:
                    point = bits[1:]
        else:
            kind = _KEY_KINDS.get(kind_oid, "unknown")
        key_id = hashlib.sha1(bits, usedforsecurity=False).digest()
        return cls(element.raw, kind, point, key_id)

    def __reduce__(self) -> tuple[Any, ...]:
        """For another process, without what `cryptography` has made of it: that cannot travel."""
        return PublicKey, (self.spki, self.kind, self.point, self.key_id)

    @cached_property
    def bits(self) -> int:
        """Size of the modulus or of the curve's field; 0 if the key cannot be read."""
        if self.kind == "sm2":
            return 256
        if self._key is None:
            return 0
        return int(getattr(self._key, "key_size", 256))  # Ed25519 does not name its own

    @cached_property
    def _key(self) -> Any:
        """The key as `cryptography` has it; None if it can make nothing of it."""
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives import serialization

        try:
            return serialization.load_der_public_key(self.spki)
        except (ValueError, UnsupportedAlgorithm):
            return self._sloppy_rsa_key() if self.kind == "rsa" else None

    def _sloppy_rsa_key(self) -> Any:
        """An RSA key whose numbers are written without their leading zero byte, as on identity
        cards of some years: what stands there is meant as positive."""
        from cryptography.hazmat.primitives.asymmetric import rsa

        try:
            fields = der.parse(self.spki).children(der.SEQUENCE)
            fields.sequence()
            numbers = der.parse(fields.bits()).children(der.SEQUENCE)
            modulus, exponent = (
                int.from_bytes(numbers.next(der.INTEGER).content, "big") for _ in range(2)
            )
            return rsa.RSAPublicNumbers(exponent, modulus).public_key()
        except ValueError:
            return None

    def supports(self, algorithm: str) -> bool:
        """Can :meth:`verify` judge a signature under *algorithm* (dotted OID) by this key?"""
        known: dict[str, Iterable[str]] = {
            "sm2": (SM2_WITH_SM3,),
            "rsa": (*RSA_SIGNATURES, RSA_PSS),
            "ec": (*ECDSA_SIGNATURES, *PLAIN_ECDSA_SIGNATURES),
            "ed25519": (ED25519,),
            "ed448": (ED448,),
            "dsa": DSA_SIGNATURES,
        }
        return algorithm in known.get(self.kind, ()) and self.bits > 0

    def verify(
        self,
        algorithm: str,
        message: bytes,
        signature: bytes,
        *,
        parameters: bytes = b"",
        prehashed: bool = False,
    ) -> bool:
        """Is *signature* over *message* right under the signature *algorithm* (dotted OID)?

        SM2 with SM3 and the default user id binds only to a key on the SM2 curve. *parameters* is
        the DER after the algorithm OID (RSA-PSS needs it). With *prehashed* the message is the
        digest already (RSA, ECDSA and DSA; for SM2 it is e). Unknown algorithms give False."""
        deadline.check()
        if algorithm == SM2_WITH_SM3:
            check = gm.sm2_verify_e if prehashed else gm.sm2_verify
            return self.kind == "sm2" and check(self.point, message, signature)
        try:
            return self._verify_international(algorithm, message, signature, parameters, prehashed)
        except ValueError:
            return False

    def _verify_international(
        self, algorithm: str, message: bytes, signature: bytes, parameters: bytes, prehashed: bool
    ) -> bool:
        from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import (
            dsa,
            ec,
            ed448,
            ed25519,
            padding,
            rsa,
            utils,
        )

        def plain(name: str) -> hashes.HashAlgorithm:
            algorithm_class: type[hashes.HashAlgorithm] = getattr(hashes, name.upper())
            return algorithm_class()

        def hashed(name: str) -> hashes.HashAlgorithm | utils.Prehashed:
            return utils.Prehashed(plain(name)) if prehashed else plain(name)

        try:
            key = self._key
            if isinstance(key, rsa.RSAPublicKey) and algorithm in RSA_SIGNATURES:
                digest = RSA_SIGNATURES[algorithm]
                key.verify(signature, message, padding.PKCS1v15(), hashed(digest))
            elif isinstance(key, rsa.RSAPublicKey) and algorithm == RSA_PSS:
                digest, mask_digest, salt = pss_parameters(parameters)
                mask = padding.MGF1(plain(mask_digest))
                key.verify(signature, message, padding.PSS(mask, salt), hashed(digest))
            elif isinstance(key, ec.EllipticCurvePublicKey) and algorithm in ECDSA_SIGNATURES:
                key.verify(signature, message, ec.ECDSA(hashed(ECDSA_SIGNATURES[algorithm])))
            elif isinstance(key, ec.EllipticCurvePublicKey) and algorithm in PLAIN_ECDSA_SIGNATURES:
                half = (key.curve.key_size + 7) // 8
                if len(signature) != 2 * half:
                    return False
                r, s = (
                    int.from_bytes(part, "big") for part in (signature[:half], signature[half:])
                )
                digest = PLAIN_ECDSA_SIGNATURES[algorithm]
                key.verify(utils.encode_dss_signature(r, s), message, ec.ECDSA(hashed(digest)))
            elif isinstance(key, dsa.DSAPublicKey) and algorithm in DSA_SIGNATURES:
                key.verify(signature, message, hashed(DSA_SIGNATURES[algorithm]))
            elif isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
                wanted = ED25519 if isinstance(key, ed25519.Ed25519PublicKey) else ED448
                if prehashed or algorithm != wanted:
                    return False
                key.verify(signature, message)
            else:
                return False
        except (InvalidSignature, UnsupportedAlgorithm):
            return False
        return True


def pss_parameters(parameters: bytes) -> tuple[str, str, int]:
    """(digest, MGF1 digest, salt length) of RSASSA-PSS-params (RFC 8017 A.2.3)."""
    digest, mask_digest, salt = "sha1", "sha1", 20
    if parameters:
        for field in der.parse(parameters).children(der.SEQUENCE):
            inner = field.children()
            if field.tag == 0xA0:
                digest = HASHES.get(inner.sequence().oid(), "")
            elif field.tag == 0xA1:
                mask = inner.sequence()
                mask.oid()
                mask_digest = HASHES.get(mask.sequence().oid(), "")
            elif field.tag == 0xA2:
                salt = inner.integer()
    if not digest or not mask_digest or not 0 <= salt <= 512:
        raise CertificateError("unusable RSA-PSS parameters")
    return digest, mask_digest, salt


class _Signed:
    """What certificates and revocation lists have in common: bytes with an issuer's signature."""

    tbs: bytes
    signature: bytes
    signature_algorithm: str
    signature_parameters: bytes

    def _is_signed_by(self, issuer: Certificate) -> bool:
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


@dataclass(frozen=True)
class Certificate(_Signed):
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
        return self._is_signed_by(issuer)


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
        fields = extension.children(der.SEQUENCE)
        kind = fields.oid()
        critical = fields.boolean() if fields.peek() == der.BOOLEAN else False
        value = fields.octets()
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


def read_algorithm(fields: der.Reader) -> tuple[str, bytes]:
    """The next AlgorithmIdentifier: (dotted OID, DER of its parameters; NULL and absent are "")."""
    algorithm = fields.sequence()
    kind, parameters = algorithm.oid(), algorithm.rest
    return kind, b"" if parameters == der.null() else parameters


def load_certificates(data: bytes) -> list[Certificate]:
    """The certificates of a PEM bundle or of one DER file. Raises :class:`CertificateError`."""
    if b"-----BEGIN" not in data:
        return [Certificate.parse(data)]
    import base64
    import re

    blocks = re.findall(
        rb"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----", data
    )
    if not blocks:
        raise CertificateError("no certificate in this PEM file")
    try:
        return [Certificate.parse(base64.b64decode(block)) for block in blocks]
    except ValueError as error:
        raise CertificateError(f"damaged PEM: {error}") from error


# --- chains ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ChainProblem:
    """One reason why a chain does not hold."""

    code: str
    """untrusted, expired, not_yet_valid, not_a_ca, path_too_long, critical_extension."""

    subject: str
    """The certificate it is about."""


@dataclass(frozen=True)
class Chain:
    """The best path found from a certificate towards a trust anchor."""

    path: tuple[Certificate, ...]
    """Leaf first; ends at the anchor when `trusted`."""

    anchored: bool
    """The path ends at a trust anchor and every signature on it verifies."""

    problems: tuple[ChainProblem, ...]

    @property
    def trusted(self) -> bool:
        """Anchored, and nothing speaks against any certificate of the path."""
        return self.anchored and not self.problems


def build_chain(
    leaf: Certificate,
    pool: Iterable[Certificate],
    anchors: Sequence[Certificate],
    at: datetime,
) -> Chain:
    """Find the path from *leaf* through *pool* to one of *anchors*, judged at the moment *at*.

    Candidates are found by name and key identifier, then by signature; at most :data:`MAX_CHAIN`
    long and 64 signatures in all, so a hostile pool costs a bounded time. Checks validity, basic
    constraints, keyCertSign, path length and unknown critical extensions (RFC 5280 §6.1). Where
    authorities cross-sign, a path that nothing speaks against goes before one with problems."""
    trusted = {anchor.der for anchor in anchors}
    candidates = list({c.der: c for c in (*anchors, *pool)}.values())
    budget = 64
    best: list[Certificate] = [leaf]
    flawed: list[Certificate] | None = None  # the first path to an anchor that has problems

    def extend(path: list[Certificate]) -> list[Certificate] | None:
        nonlocal budget, best, flawed
        if len(path) > len(best):
            best = path
        last = path[-1]
        if last.der in trusted:
            if not any(_path_problems(tuple(path), at)):
                return path
            flawed = flawed or path
            return None
        if len(path) >= MAX_CHAIN or (last.self_issued and last.issued_by(last)):
            return None
        for candidate in candidates:
            if candidate in path or not _may_have_issued(candidate, last):
                continue
            budget -= 1
            if budget < 0:
                return None
            if last.issued_by(candidate):
                found = extend([*path, candidate])
                if found:
                    return found
        return None

    found = extend([leaf]) or flawed
    path = tuple(found or best)
    problems = list(_path_problems(path, at))
    if not found:
        problems.insert(0, ChainProblem("untrusted", str(path[-1].issuer)))
    return Chain(path, found is not None, tuple(problems))


def _may_have_issued(candidate: Certificate, subject: Certificate) -> bool:
    if not candidate.subject.matches(subject.issuer):
        return False
    wanted, offered = subject.authority_key_id, candidate.subject_key_id
    return not (wanted and offered) or wanted == offered


def _path_problems(path: tuple[Certificate, ...], at: datetime) -> Iterator[ChainProblem]:
    below = 0  # intermediate certificates between this one and the leaf that are not self-issued
    for index, certificate in enumerate(path):
        subject = str(certificate.subject)
        if at > certificate.not_after:
            yield ChainProblem("expired", subject)
        elif at < certificate.not_before:
            yield ChainProblem("not_yet_valid", subject)
        if certificate.unknown_critical:
            yield ChainProblem("critical_extension", subject)
        if index == 0:
            continue
        usage = certificate.key_usage
        if not certificate.is_ca or (usage is not None and "keyCertSign" not in usage):
            yield ChainProblem("not_a_ca", subject)
        if certificate.path_length is not None and below > certificate.path_length:
            yield ChainProblem("path_too_long", subject)
        if not certificate.self_issued:
            below += 1


# --- revocation lists --------------------------------------------------------------------------


@dataclass(frozen=True)
class Crl(_Signed):
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
        return self._is_signed_by(issuer)


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
    for each in fields:
        if each.tag == 0xA0:
            for extension in each.children().next(der.SEQUENCE).children():
                kind, critical, _ = _extension(extension)
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
            kind, critical, value = _extension(extension)
            if kind == "2.5.29.21":
                reason = int.from_bytes(der.parse(value).content, "big")
            unknown_critical |= critical and kind != "2.5.29.21"
        revoked[serial] = (moment, reason)
    return revoked, unknown_critical


def _extension(element: der.Tlv) -> tuple[str, bool, bytes]:
    fields = element.children(der.SEQUENCE)
    kind = fields.oid()
    critical = fields.boolean() if fields.peek() == der.BOOLEAN else False
    return kind, critical, fields.octets()
