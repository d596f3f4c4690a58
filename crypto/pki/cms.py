"""CMS SignedData as it is found in PDF files: RFC 5652, PKCS#7 1.5 and GB/T 35275 (GM/T 0010).

Both families of object identifiers are read, in DER or in BER within bounds. What follows from a
parsed value is said by :mod:`crypto.pki.cms_facts`; values are written by
:mod:`crypto.pki.cms_make`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Protocol, TypeVar

from crypto.algorithms import gm
from crypto.asn1 import ber, der
from crypto.frozen import frozen
from crypto.pki.certificate import Certificate
from crypto.pki.names_and_algorithms import (
    ECDSA_SIGNATURES,
    HASHES,
    RSA_SIGNATURES,
    CertificateError,
    Name,
    read_algorithm,
)
from crypto.pki.weakness import BROKEN

DATA, SIGNED_DATA = "1.2.840.113549.1.7.1", "1.2.840.113549.1.7.2"
GB_DATA, GB_SIGNED_DATA = "1.2.156.10197.6.1.4.2.1", "1.2.156.10197.6.1.4.2.2"
TST_INFO = "1.2.840.113549.1.9.16.1.4"

CONTENT_TYPE = "1.2.840.113549.1.9.3"
MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
SIGNING_TIME = "1.2.840.113549.1.9.5"
ALGORITHM_PROTECTION = "1.2.840.113549.1.9.52"
SIGNING_CERTIFICATE = "1.2.840.113549.1.9.16.2.12"
SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47"
TIME_STAMP = "1.2.840.113549.1.9.16.2.14"
REVOCATION_ARCHIVE = "1.2.840.113583.1.1.8"
SEAL = "2.25.11214360144460719066066584520224983587"
"""Our signed attribute: the SESeal (GB/T 38540) with which the signature was made, as its DER. No
published identifier exists for it; this one comes from a UUID (X.667)."""

MAX_SIZE = 32 * 1024 * 1024
MAX_SIGNERS = 16
MAX_CERTIFICATES = 256

_T = TypeVar("_T")


class CmsError(ValueError):
    """The bytes are not a SignedData that can be read, or one that cannot be made."""


class ContentDigest(Protocol):
    """Digest of the covered bytes: of a PDF's byte ranges, for example."""

    def __call__(self, hash_name: str, prefix: bytes = b"", /) -> bytes:
        """The digest, by hashlib's name or "sm3", over *prefix* ‖ the covered bytes. A prefix is
        asked for only by SM2 without attributes, where it is Z."""


def hash_bytes(hash_name: str, data: bytes) -> bytes:
    """Digest of *data*: "sm3", "shake256" (64 bytes) or a name that hashlib knows."""
    if hash_name == "sm3":
        return gm.sm3(data)
    if hash_name == "shake256":
        return hashlib.shake_256(data).digest(64)
    return hashlib.new(hash_name, data, usedforsecurity=False).digest()


def digest_of(content: bytes) -> ContentDigest:
    """The :class:`ContentDigest` of bytes in memory."""
    return lambda hash_name, prefix=b"": hash_bytes(hash_name, prefix + content)


@frozen
class Attribute:
    """One attribute of a signer."""

    kind: str
    """Dotted OID."""
    values: tuple[bytes, ...]
    """DER of each value."""


@frozen
class SignerInfo:
    """One signer as found."""

    issuer: Name | None
    serial: int | None
    subject_key_id: bytes
    """Names the certificate where issuer and serial do not; else empty."""
    digest_algorithm: str
    """Dotted OID."""
    signature_algorithm: str
    """Dotted OID."""
    signature_parameters: bytes
    signature: bytes
    attributes: tuple[Attribute, ...] | None
    """Signed attributes; None where there are none."""
    signed_attributes: bytes
    """Their bytes as SET OF (tag 31), as found; empty where there are none."""
    unsigned_attributes: tuple[Attribute, ...]
    message_digest: bytes | None
    content_type: str | None
    signing_time: datetime | None
    """As claimed by the signer."""
    certificate_ids: tuple[tuple[str, bytes], ...]
    """(hash name, hash of the certificate) of signing-certificate and its v2 (RFC 5035)."""
    seal: bytes | None
    """The SESeal among the signed attributes (:data:`SEAL`)."""
    archived_crls: tuple[bytes, ...]
    archived_ocsp_responses: tuple[bytes, ...]
    """DER of each in adbe-revocationInfoArchival (ISO 32000-1 §12.8.3.3.2)."""
    timestamps: tuple[bytes, ...]
    """Unsigned time-stamp tokens over `signature`, DER."""

    @property
    def digest_name(self) -> str:
        """hashlib's name of the digest, "md5" and the like included; "" if unknown.

        Some signers name here the signature algorithm whose digest they mean."""
        named = self.digest_algorithm
        known = HASHES.get(named) or RSA_SIGNATURES.get(named) or ECDSA_SIGNATURES.get(named)
        return known or BROKEN.get(named, "")

    def get(self, kind: str) -> bytes | None:
        """DER of the first value of a signed attribute, None if it is not there."""
        found = (attribute for attribute in self.attributes or () if attribute.kind == kind)
        return next((attribute.values[0] for attribute in found if attribute.values), None)

    def names(self, certificate: Certificate) -> bool:
        """Is *certificate* the one this signer refers to?"""
        if self.issuer is not None:
            same_serial = certificate.serial == self.serial
            return same_serial and certificate.issuer.matches(self.issuer)
        own = certificate.subject_key_id or certificate.public_key.key_id
        return own == self.subject_key_id

    def binds(self, certificate: Certificate) -> bool | None:
        """Do the signed attributes name exactly this certificate by hash? None: they name none."""
        if not self.certificate_ids:
            return None
        return all(
            hash_bytes(name, certificate.der) == value for name, value in self.certificate_ids
        )


@frozen
class SignedData:
    """A parsed SignedData."""

    der: bytes
    """The whole ContentInfo without padding; normalised where it was BER."""
    was_ber: bool
    outer_type: str
    """:data:`SIGNED_DATA` or :data:`GB_SIGNED_DATA`."""
    content_type: str
    """Type of the content, as found."""
    content: bytes | None
    """The content that is inside; None where it is detached. An empty one counts as none: some
    signers write it where they should leave it out."""
    certificates: tuple[Certificate, ...]
    crls: tuple[bytes, ...]
    """DER of each CRL."""
    ocsp_responses: tuple[bytes, ...]
    """DER of each OCSPResponse among the revocation data (RFC 5940)."""
    signers: tuple[SignerInfo, ...]
    remarks: tuple[str, ...]
    """What could not be read, in English."""

    @classmethod
    def parse(cls, data: bytes, *, padded: bool = False) -> SignedData:
        """Read a ContentInfo with SignedData in DER, or in BER within bounds; *padded* permits
        bytes after it (a PDF's /Contents). Raises :class:`CmsError`."""
        if len(data) > MAX_SIZE:
            raise CmsError(f"larger than {MAX_SIZE} bytes")
        try:
            return _parse(der.parse(data, trailing=padded), was_ber=False)
        except der.DerError as error:
            try:
                normal = ber.to_der(data, trailing=padded)
                if normal == data[: len(normal)]:
                    raise error  # it was DER: reading it again changes nothing
                return _parse(der.parse(normal), was_ber=True)
            except der.DerError as second:
                raise CmsError(f"not a SignedData: {second}") from second


def looks_like_cms(data: bytes) -> bool:
    """Does *data* begin like a ContentInfo (a SEQUENCE that begins with an OID)? A SES_Signature
    begins with two SEQUENCEs (docs/design/standards.md §3)."""
    if len(data) < 4 or data[0] != der.SEQUENCE:
        return False
    length_size = data[1] & 0x7F if data[1] & 0x80 else 0
    return data[2 + length_size : 3 + length_size] == bytes((der.OID,))


# --- reading -----------------------------------------------------------------------------------


def same_type(left: str | None, right: str) -> bool:
    """Are two content types the same, whichever family of identifiers each is from?"""

    def international(kind: str) -> str:
        return kind.replace("1.2.156.10197.6.1.4.2.", "1.2.840.113549.1.7.")

    return left is not None and international(left) == international(right)


def _parse(whole: der.Tlv, *, was_ber: bool) -> SignedData:
    info = whole.children(der.SEQUENCE)
    outer_type = info.oid()
    if outer_type not in (SIGNED_DATA, GB_SIGNED_DATA):
        raise der.DerError(f"content type {outer_type}")
    fields = info.next(0xA0).children().sequence()
    info.finish()
    fields.integer()
    fields.next(der.SET)  # the digest algorithms, which each signer names again
    content_info = fields.sequence()
    content_type = content_info.oid()
    content = None
    if not content_info.at_end:
        content = content_info.next(0xA0).children().octets() or None
    remarks: list[str] = []
    certificates = tuple(_certificates(fields.optional(0xA0), remarks))
    crls, responses = _revocation(fields.optional(0xA1), remarks)
    signers = tuple(map(_signer, _bounded(fields.next(der.SET), MAX_SIGNERS, "signers")))
    fields.finish()
    return SignedData(
        der=whole.raw,
        was_ber=was_ber,
        outer_type=outer_type,
        content_type=content_type,
        content=content,
        certificates=certificates,
        crls=crls,
        ocsp_responses=responses,
        signers=signers,
        remarks=tuple(remarks),
    )


def _bounded(element: der.Tlv, limit: int, what: str) -> Iterator[der.Tlv]:
    for number, child in enumerate(element.children()):
        if number >= limit:
            raise der.DerError(f"more than {limit} {what}")
        yield child


def _certificates(element: der.Tlv | None, remarks: list[str]) -> Iterator[Certificate]:
    if element is None:
        return
    for child in _bounded(element, MAX_CERTIFICATES, "certificates"):
        try:
            yield Certificate.parse(child.raw)
        except CertificateError as error:  # an attribute certificate, or a broken one
            remarks.append(f"certificate: {error}")


def _revocation(
    element: der.Tlv | None, remarks: list[str]
) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    crls: list[bytes] = []
    responses: list[bytes] = []
    for child in element.children() if element else ():
        if child.tag == der.SEQUENCE:
            crls.append(child.raw)
            continue
        try:
            other = child.children()
            kind, value = other.oid(), other.next()
        except der.DerError as error:
            remarks.append(f"revocation data: {error}")
            continue
        if kind == "1.3.6.1.5.5.7.16.2":
            responses.append(value.raw)
        else:
            remarks.append(f"revocation data of type {kind}")
    return tuple(crls), tuple(responses)


def _signer(element: der.Tlv) -> SignerInfo:
    fields = element.children(der.SEQUENCE)
    fields.integer()
    named = fields.next(der.SEQUENCE, 0x80, 0xA0)
    issuer, serial, key_id = None, None, b""
    if named.tag == der.SEQUENCE:
        parts = named.children()
        issuer = Name.parse(parts.next())
        serial = int.from_bytes(parts.next(der.INTEGER).content, "big", signed=True)
    else:
        key_id = named.content if named.tag == 0x80 else named.children().octets()
    digest_algorithm, _ = read_algorithm(fields)
    signed = fields.optional(0xA0)
    signature_algorithm, parameters = read_algorithm(fields)
    signature = fields.octets()
    unsigned = fields.optional(0xA1)
    fields.finish()
    attributes = None if signed is None else tuple(map(_attribute, signed.children()))
    unsigned_attributes = tuple(map(_attribute, unsigned.children())) if unsigned else ()
    found = SignerInfo(
        issuer=issuer,
        serial=serial,
        subject_key_id=key_id,
        digest_algorithm=digest_algorithm,
        signature_algorithm=signature_algorithm,
        signature_parameters=parameters,
        signature=signature,
        attributes=attributes,
        signed_attributes=b"\x31" + signed.raw[1:] if signed else b"",
        unsigned_attributes=unsigned_attributes,
        message_digest=None,
        content_type=None,
        signing_time=None,
        certificate_ids=(),
        seal=None,
        archived_crls=(),
        archived_ocsp_responses=(),
        timestamps=tuple(
            value
            for attribute in unsigned_attributes
            if attribute.kind == TIME_STAMP
            for value in attribute.values
        ),
    )
    crls, responses = read_value(found, REVOCATION_ARCHIVE, _archive) or ((), ())
    return replace(
        found,
        archived_crls=crls,
        archived_ocsp_responses=responses,
        message_digest=read_value(found, MESSAGE_DIGEST, der.Reader.octets),
        content_type=read_value(found, CONTENT_TYPE, der.Reader.oid),
        signing_time=read_value(found, SIGNING_TIME, der.Reader.time),
        certificate_ids=tuple(_certificate_ids(found)),
        seal=read_value(found, SEAL, lambda fields: fields.next(der.SEQUENCE).raw),
    )


def _attribute(element: der.Tlv) -> Attribute:
    fields = element.children(der.SEQUENCE)
    kind, values = fields.oid(), fields.next(der.SET)
    fields.finish()
    return Attribute(kind, tuple(value.raw for value in values.children()))


def read_value(signer: SignerInfo, kind: str, read: Callable[[der.Reader], _T]) -> _T | None:
    """The value of a signed attribute; None if it is absent or not of its type."""
    value = signer.get(kind)
    try:
        return None if value is None else read(der.Reader(value))
    except der.DerError:
        return None


def _archive(fields: der.Reader) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """RevocationInfoArchival: [0] SEQUENCE OF CRL, [1] SEQUENCE OF OCSPResponse, each optional."""
    archive = fields.sequence()

    def listed(tag: int) -> tuple[bytes, ...]:
        element = archive.optional(tag)
        values = element.children().sequence() if element else ()
        return tuple(value.raw for value in values)

    return listed(0xA0), listed(0xA1)


def _certificate_ids(signer: SignerInfo) -> Iterator[tuple[str, bytes]]:
    """The first ESSCertID of each kind: the signer's own certificate (RFC 5035 §5)."""

    def first(fields: der.Reader) -> der.Reader:
        return fields.sequence().sequence().sequence()

    def second_version(fields: der.Reader) -> tuple[str, bytes]:
        identifier = first(fields)
        name = "sha256"
        if identifier.peek() == der.SEQUENCE:
            name = HASHES.get(read_algorithm(identifier)[0], "")
        return name, identifier.octets()

    old = read_value(signer, SIGNING_CERTIFICATE, lambda fields: first(fields).octets())
    new = read_value(signer, SIGNING_CERTIFICATE_V2, second_version)
    if old is not None:
        yield "sha1", old
    if new is not None and new[0]:
        yield new
