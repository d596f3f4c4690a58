"""Making CMS SignedData: one signer, DER, attributes signed (RFC 5652, RFC 5035, GB/T 35275).

The algorithm follows from the key's certificate: SM2 with SM3, RSA PKCS#1 v1.5 or ECDSA with
SHA-256. What is made is read back and checked before it is returned.

    value = make_signed_data(key=key, digest=digest)    # ETSI.CAdES.detached, B-B
    value = add_timestamp(value, token)                 # over signature_value(value): B-T
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from crypto.algorithms.keys import SM2_WITH_SM3, SigningKey
from crypto.asn1 import der
from crypto.frozen import frozen
from crypto.pki.certificate import Certificate
from crypto.pki.cms import (
    ALGORITHM_PROTECTION,
    CONTENT_TYPE,
    DATA,
    GB_DATA,
    GB_SIGNED_DATA,
    MESSAGE_DIGEST,
    SEAL,
    SIGNED_DATA,
    SIGNING_CERTIFICATE_V2,
    SIGNING_TIME,
    TIME_STAMP,
    Attribute,
    CmsError,
    ContentDigest,
    SignedData,
    hash_bytes,
)
from crypto.pki.cms_facts import signer_facts
from crypto.pki.names_and_algorithms import HASHES, CertificateError

_HASH_OIDS = {name: oid for oid, name in HASHES.items()}
_RSA_WITH_SHA256 = "1.2.840.113549.1.1.11"
_ECDSA_WITH_SHA256 = "1.2.840.10045.4.3.2"


@frozen
class _Suite:
    """The algorithms that go with one kind of key."""

    hash_name: str
    algorithm: bytes
    """AlgorithmIdentifier of the signature, DER."""
    largest_signature: int
    """Bytes."""


def _suite(certificate: Certificate) -> _Suite:
    key = certificate.public_key
    if key.kind == "sm2":
        return _Suite("sm3", der.sequence(der.oid(SM2_WITH_SM3)), 72)
    if key.kind == "rsa":
        return _Suite(
            "sha256", der.sequence(der.oid(_RSA_WITH_SHA256), der.null()), (key.bits + 7) // 8
        )
    if key.kind == "ec":
        largest = 2 * ((key.bits + 7) // 8 + 3) + 3
        return _Suite("sha256", der.sequence(der.oid(_ECDSA_WITH_SHA256)), largest)
    raise CmsError(f"no signature is made with a key of kind {key.kind}")


def hash_name_for(certificate: bytes) -> str:
    """The digest that goes with the key of a DER certificate: "sm3" or "sha256".

    Raises :class:`CmsError` if no signature can be made with it."""
    return _suite(_parsed(certificate)).hash_name


def make_signed_data(
    *,
    key: SigningKey,
    digest: bytes,
    seal: bytes | None = None,
    signing_time: datetime | None = None,
    certificates: Sequence[bytes] = (),
    attributes: Sequence[Attribute] = (),
    gb_types: bool = False,
) -> bytes:
    """A detached SignedData over *digest* (by :func:`hash_name_for` of the key's certificate).

    Signed attributes: content type, signing-certificate-v2, the two algorithms (RFC 6211),
    *attributes*, the *seal* (SESeal DER) as :data:`crypto.pki.cms.SEAL`, and *signing_time*, which
    PAdES leaves to the PDF's /M. *certificates*: further DER certificates to embed, the chain. With
    *gb_types* the identifiers of GB/T 35275 are written (variant A), else those of RFC 5652.

    Raises :class:`CmsError` if the key does not fit its certificate."""
    signed = (*attributes, *_optional(seal, signing_time))
    data = GB_DATA if gb_types else DATA
    value = _assemble(key, data, None, digest, signed, certificates, gb_types=gb_types)
    _check(value, lambda name, prefix=b"": digest)
    return value


def make_signed_content(
    *,
    key: SigningKey,
    content: bytes,
    content_type: str,
    certificates: Sequence[bytes] = (),
    include_certificate: bool = True,
    gb_types: bool = False,
) -> bytes:
    """A SignedData with its *content* inside, of *content_type* (dotted OID): time-stamp tokens.

    Arguments as for :func:`make_signed_data`; without *include_certificate* no certificate at all
    is embedded. Raises :class:`CmsError` if the key does not fit its certificate."""
    certificate = _parsed(key.certificate)
    value = _assemble(
        key,
        content_type,
        content,
        hash_bytes(_suite(certificate).hash_name, content),
        (),
        certificates,
        include_certificate=include_certificate,
        gb_types=gb_types,
    )
    _check(value, None, (certificate,))
    return value


def signed_data_size(
    certificate: bytes,
    *,
    seal: bytes | None = None,
    signing_time: datetime | None = None,
    certificates: Sequence[bytes] = (),
    attributes: Sequence[Attribute] = (),
    gb_types: bool = False,
) -> int:
    """Bytes of the largest value that :func:`make_signed_data` gives for these arguments."""
    suite = _suite(_parsed(certificate))
    blank = _Blank(certificate, suite.largest_signature)
    signed = (*attributes, *_optional(seal, signing_time))
    data = GB_DATA if gb_types else DATA
    return len(_assemble(blank, data, None, bytes(32), signed, certificates, gb_types=gb_types))


def _optional(seal: bytes | None, signing_time: datetime | None) -> Iterator[Attribute]:
    if signing_time is not None:
        if signing_time.tzinfo is None:
            raise CmsError("a naive datetime has no place in a signed structure")
        yield Attribute(SIGNING_TIME, (der.time(signing_time),))
    if seal is not None:
        yield Attribute(SEAL, (seal,))


@frozen
class _Blank:
    """Stands in for a key where only the size counts."""

    certificate: bytes
    size: int

    def sign(self, message: bytes) -> bytes:
        return bytes(self.size)


def _assemble(
    key: SigningKey,
    content_type: str,
    content: bytes | None,
    digest: bytes,
    attributes: Iterable[Attribute],
    certificates: Sequence[bytes],
    *,
    include_certificate: bool = True,
    gb_types: bool = False,
) -> bytes:
    certificate = _parsed(key.certificate)
    suite = _suite(certificate)
    if len(digest) != 32:
        raise CmsError(f"a digest by {suite.hash_name} has 32 bytes")
    digest_algorithm = der.sequence(der.oid(_HASH_OIDS[suite.hash_name]))
    signed = [
        Attribute(CONTENT_TYPE, (der.oid(content_type),)),
        Attribute(MESSAGE_DIGEST, (der.octet_string(digest),)),
        Attribute(SIGNING_CERTIFICATE_V2, (_signing_certificate(certificate, suite),)),
        Attribute(ALGORITHM_PROTECTION, (_protection(digest_algorithm, suite),)),
        *attributes,
    ]
    signed_attributes = der.set_of(*map(_attribute, signed))
    signer = der.sequence(
        der.integer(1),
        der.sequence(certificate.issuer.raw, _serial(certificate)),
        digest_algorithm,
        b"\xa0" + signed_attributes[1:],
        suite.algorithm,
        der.octet_string(key.sign(signed_attributes)),
    )
    embedded = dict.fromkeys((certificate.der, *certificates) if include_certificate else ())
    inside = b"" if content is None else der.context(0, der.octet_string(content))
    # RFC 5652 §5.1: version 3 where the content is of a type other than data
    version = 1 if content_type in (DATA, GB_DATA) else 3
    signed_data = der.sequence(
        der.integer(version),
        der.set_of(digest_algorithm),
        der.sequence(der.oid(content_type), inside),
        der.context(0, *sorted(embedded)) if embedded else b"",
        der.set_of(signer),
    )
    outer = GB_SIGNED_DATA if gb_types else SIGNED_DATA
    return der.sequence(der.oid(outer), der.context(0, signed_data))


def _attribute(attribute: Attribute) -> bytes:
    return der.sequence(der.oid(attribute.kind), der.set_of(*attribute.values))


def _signing_certificate(certificate: Certificate, suite: _Suite) -> bytes:
    """SigningCertificateV2 with one ESSCertIDv2, its hash that of the signature (RFC 5035 §3)."""
    algorithm = b""  # SHA-256 is the default, which DER leaves out
    if suite.hash_name != "sha256":
        algorithm = der.sequence(der.oid(_HASH_OIDS[suite.hash_name]))
    issuer = der.sequence(der.context(4, certificate.issuer.raw))
    identifier = der.sequence(
        algorithm,
        der.octet_string(hash_bytes(suite.hash_name, certificate.der)),
        der.sequence(issuer, _serial(certificate)),
    )
    return der.sequence(der.sequence(identifier))


def _protection(digest_algorithm: bytes, suite: _Suite) -> bytes:
    """CMSAlgorithmProtection: the signature algorithm as [1] IMPLICIT (RFC 6211)."""
    return der.sequence(digest_algorithm, b"\xa1" + suite.algorithm[1:])


def _serial(certificate: Certificate) -> bytes:
    return der.integer(certificate.serial)


def _parsed(certificate: bytes) -> Certificate:
    try:
        return Certificate.parse(certificate)
    except CertificateError as error:
        raise CmsError(f"the key has no readable certificate: {error}") from error


def _check(
    value: bytes, content_digest: ContentDigest | None, pool: Iterable[Certificate] = ()
) -> None:
    data = SignedData.parse(value)
    if not signer_facts(data, data.signers[0], content_digest, pool).intact:
        raise CmsError("the key's signature does not fit its certificate")


# --- afterwards --------------------------------------------------------------------------------


def signature_value(value: bytes) -> bytes:
    """The bytes of the only signer's signature: what a time stamp is asked for.

    Raises :class:`CmsError` unless there is exactly one signer."""
    signers = SignedData.parse(value).signers
    if len(signers) != 1:
        raise CmsError(f"{len(signers)} signers instead of one")
    return signers[0].signature


def add_timestamp(value: bytes, token: bytes) -> bytes:
    """The same SignedData with *token* (TimeStampToken DER) as an unsigned attribute of its only
    signer (RFC 3161 appendix A). Nothing signed changes. Raises :class:`CmsError`."""
    signature_value(value)
    stamp = _attribute(Attribute(TIME_STAMP, (token,)))
    try:
        der.parse(token)
        info = der.parse(value).children()
        outer, wrapped = info.next(), info.next()
        parts = list(wrapped.children().next().children())
        fields = list(parts[-1].children().next().children())
    except der.DerError as error:
        raise CmsError(f"cannot add a time stamp: {error}") from error
    earlier: list[bytes] = []
    if fields[-1].tag == 0xA1:
        earlier = [part.raw for part in fields.pop().children()]
    unsigned = b"\xa1" + der.set_of(*earlier, stamp)[1:]
    signer = der.sequence(*(part.raw for part in fields), unsigned)
    signed_data = der.sequence(*(part.raw for part in parts[:-1]), der.set_of(signer))
    return der.sequence(outer.raw, der.context(0, signed_data))
