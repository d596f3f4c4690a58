"""Names and algorithm identifiers of X.509 structures (RFC 5280 §4.1.1.2, §4.1.2.4).

Tables say which digest goes with which signature algorithm. Malformed input raises
:class:`CertificateError`, or :class:`crypto.asn1.der.DerError` where the caller reads on.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from crypto.asn1 import der
from crypto.frozen import frozen

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


@frozen
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


def read_algorithm(fields: der.Reader) -> tuple[str, bytes]:
    """The next AlgorithmIdentifier: (dotted OID, DER of its parameters; NULL and absent are "")."""
    algorithm = fields.sequence()
    kind, parameters = algorithm.oid(), algorithm.rest
    return kind, b"" if parameters == der.null() else parameters


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
