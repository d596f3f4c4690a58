"""Electronic seals and seal signatures as they are read: GB/T 38540-2020, GM/T 0031-2014 and -2025.

``SESeal`` is the seal (印章): imprint, name, validity and the certificates that may use it, signed
by the seal maker. ``SES_Signature`` is one use of it (签章): the seal, the SM3 of the document and
the time, signed by the holder's key. Which bytes are signed, per generation
(docs/design/standards.md §1):

===========  =========================================  =========================
generation   seal                                       signature
===========  =========================================  =========================
v1 (0031)    SEQUENCE { sealInfo, cert, algorithm }     TBS_Sign
v4 (38540)   SES_SealInfo                               TBS_Sign
v5 (0031)    SES_SealInfo                               TBS_Sign
===========  =========================================  =========================

Signed bytes are always sliced from the value as found, never encoded again. The parser accepts
what real vendors write (docs/design/standards.md §1.4) and nothing else; :mod:`crypto.seal.making`
writes the standard. :mod:`crypto.validation.seal_check` says what follows from a parsed value.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import Literal

from crypto.algorithms import gm
from crypto.asn1 import der
from crypto.frozen import frozen
from crypto.pki.certificate import Certificate
from crypto.pki.names_and_algorithms import CertificateError

Generation = Literal["v1", "v4", "v5"]

_USUAL = 256 * 1024
"""Bytes of a seal that may be remembered."""
MAX_SIZE = 16 * 1024 * 1024
"""Bytes of the largest seal or signature that is looked at; real ones are below 1 MiB."""
MAX_CERTIFICATES = 1000
MAX_EXTENSIONS = 100


class SealError(ValueError):
    """The bytes are not a seal or a seal signature of any known generation."""


@frozen
class Extension:
    """ExtData: manufacturer's or platform's own data."""

    kind: str
    """Dotted OID."""
    critical: bool
    value: bytes


@frozen
class Seal:
    """A parsed SESeal (电子印章)."""

    der: bytes
    signed: bytes
    """The bytes the maker signed."""
    generation: Generation
    version: int
    vendor: str
    es_id: str
    """Seal identifier; in government practice the 14-digit seal code."""
    seal_type: int
    """1 法定名称 2 财务 3 发票 4 合同 5 名章 6 业务 99 其他; used loosely: display only."""
    name: str
    certificates: tuple[bytes, ...]
    """certListType 1: DER certificates of the allowed signers."""
    certificate_digests: tuple[bytes, ...]
    """certListType 2: SM3 of their DER."""
    created: datetime
    valid_from: datetime
    valid_until: datetime
    picture_type: str
    picture: bytes
    width_mm: int
    height_mm: int
    extensions: tuple[Extension, ...]
    maker_certificate: bytes
    """DER certificate of the seal maker (制章者)."""
    signature_algorithm: str
    signature: bytes
    timestamp: bytes | None
    """v5: DER TimeStampToken over the bytes of `signature`."""

    @classmethod
    def parse(cls, data: bytes) -> Seal:
        """Read a DER SESeal. Raises :class:`SealError`."""
        _check_size(data)
        try:
            return _known_seal(data) if len(data) <= _USUAL else _parse_seal(der.parse(data))
        except der.DerError as error:
            raise SealError(f"not an electronic seal: {error}") from error

    @cached_property
    def maker(self) -> Certificate:
        """The seal maker's certificate, parsed. Raises :class:`CertificateError`."""
        return Certificate.parse(self.maker_certificate)

    @cached_property
    def picture_sm3(self) -> bytes:
        """SM3 of `picture`."""
        return gm.sm3(self.picture)

    def allows(self, certificate: bytes) -> bool:
        """Is this DER certificate in the seal's list (byte for byte, or by its SM3)?"""
        if self.certificate_digests:
            return gm.sm3(certificate) in self.certificate_digests
        return certificate in self.certificates

    def signature_valid(self) -> bool:
        """Did the maker's key sign this seal?"""
        return self._signature_valid

    @cached_property
    def _signature_valid(self) -> bool:
        try:
            return self.maker.public_key.verify(
                self.signature_algorithm, self.signed, self.signature
            )
        except CertificateError:
            return False


@frozen
class SealSignature:
    """A parsed SES_Signature (电子签章数据)."""

    der: bytes
    signed: bytes
    """TBS_Sign, the bytes the holder signed."""
    generation: Generation
    version: int
    seal: Seal
    signed_at: datetime | None
    """Claimed time of signing; None where a v1 file holds no readable time."""
    digest: bytes
    """Digest of the protected original: plain SM3 of 32 bytes (no Z)."""
    property_info: str
    """What is protected; for PDF ``PDF;ByteRange=[…]``, for OFD the path of Signature.xml."""
    extensions: tuple[Extension, ...]
    certificate: bytes
    """DER certificate of the signer (签章者)."""
    signature_algorithm: str
    signature: bytes
    timestamp: bytes | None
    """DER TimeStampToken over the bytes of `signature`."""

    @classmethod
    def parse(cls, data: bytes, *, padded: bool = False) -> SealSignature:
        """Read a DER SES_Signature; *padded* permits bytes after it (a PDF's /Contents).

        Raises :class:`SealError`."""
        _check_size(data)
        try:
            return _parse_signature(der.parse(data, trailing=padded))
        except der.DerError as error:
            raise SealError(f"not a seal signature: {error}") from error

    @cached_property
    def signer(self) -> Certificate:
        """The signer's certificate, parsed. Raises :class:`CertificateError`."""
        return Certificate.parse(self.certificate)

    def signature_valid(self) -> bool:
        """Did the key of `certificate` sign TBS_Sign?"""
        try:
            return self.signer.public_key.verify(
                self.signature_algorithm, self.signed, self.signature
            )
        except CertificateError:
            return False


def is_signature(data: bytes) -> bool:
    """Does this DER look like a SES_Signature rather than a bare SESeal?

    Both are SEQUENCEs whose first element is a SEQUENCE; TBS_Sign begins with an INTEGER,
    SES_SealInfo
    with the header SEQUENCE. Raises :class:`SealError` on anything else."""
    _check_size(data)
    try:
        first = der.parse(data).children(der.SEQUENCE).next(der.SEQUENCE).children()
        return first.next(der.SEQUENCE, der.INTEGER).tag == der.INTEGER
    except der.DerError as error:
        raise SealError(f"neither a seal nor a seal signature: {error}") from error


# --- reading -----------------------------------------------------------------------------------


def _check_size(data: bytes) -> None:
    if len(data) > MAX_SIZE:
        raise SealError(f"larger than {MAX_SIZE} bytes")


@lru_cache(maxsize=32)
def _known_seal(data: bytes) -> Seal:
    """A seal is read, and its maker's signature verified, once for all documents that bear it."""
    return _parse_seal(der.parse(data))


def _parse_seal(element: der.Tlv) -> Seal:
    parts = list(element.children(der.SEQUENCE))
    if len(parts) == 2:  # GM/T 0031-2014: sealInfo, signInfo
        info = parts[0]
        sign = parts[1].children(der.SEQUENCE)
        certificate, algorithm = sign.next(der.OCTET_STRING), sign.next(der.OID)
        signature = _value(sign.next())
        sign.finish()
        signed = der.sequence(info.raw, certificate.raw, algorithm.raw)
        timestamp = None
    elif len(parts) in (4, 5):
        info, certificate, algorithm = parts[0], parts[1], parts[2]
        if certificate.tag != der.OCTET_STRING or algorithm.tag != der.OID:
            raise der.DerError("certificate or algorithm of the seal has a wrong type")
        signature = _value(parts[3])
        signed = info.raw
        timestamp = _timestamp(parts[4]) if len(parts) == 5 else None
    else:
        raise der.DerError(f"{len(parts)} elements in a seal")

    fields = info.children(der.SEQUENCE)
    header = fields.sequence()
    if header.text(der.IA5, der.PRINTABLE, der.UTF8) != "ES":
        raise der.DerError("the header's ID is not ES")
    version, vendor = header.integer(), header.text()
    header.finish()
    generation: Generation = "v1" if len(parts) == 2 else "v5" if version == 5 else "v4"
    es_id = fields.text()
    properties = _Properties(fields.sequence(), generation)
    picture = fields.sequence()
    picture_type, picture_data = picture.text(), picture.octets()
    width, height = picture.integer(), picture.integer()
    picture.finish()
    extensions = _extensions(fields)
    fields.finish()
    if not (0 < width <= 10_000 and 0 < height <= 10_000):
        raise der.DerError("absurd picture size")
    return Seal(
        der=element.raw,
        signed=signed,
        generation=generation,
        version=version,
        vendor=vendor,
        es_id=es_id,
        seal_type=properties.seal_type,
        name=properties.name,
        certificates=properties.certificates,
        certificate_digests=properties.digests,
        created=properties.created,
        valid_from=properties.valid_from,
        valid_until=properties.valid_until,
        picture_type=picture_type,
        picture=picture_data,
        width_mm=width,
        height_mm=height,
        extensions=extensions,
        maker_certificate=certificate.content,
        signature_algorithm=der.oid_value(algorithm),
        signature=signature,
        timestamp=timestamp,
    )


class _Properties:
    """SES_ESPropertyInfo; v1 has no certListType and its list holds certificates."""

    def __init__(self, fields: der.Reader, generation: Generation) -> None:
        self.seal_type = fields.integer()
        self.name = fields.text()
        list_type = 1 if generation == "v1" else fields.integer()
        entries = fields.next(der.SEQUENCE).children()
        self.certificates: tuple[bytes, ...] = ()
        self.digests: tuple[bytes, ...] = ()
        if list_type == 1:
            # v1 files also carry identifiers as IA5String in this list
            tags = (der.OCTET_STRING, der.IA5) if generation == "v1" else (der.OCTET_STRING,)
            self.certificates = tuple(entry.content for entry in entries if _typed(entry, *tags))
        elif list_type == 2:
            self.digests = tuple(self._digest(entry) for entry in entries)
        else:
            raise der.DerError(f"certListType {list_type}")
        if len(self.certificates) + len(self.digests) > MAX_CERTIFICATES:
            raise der.DerError("too many certificates in a seal")
        self.created, self.valid_from, self.valid_until = (fields.time() for _ in range(3))
        fields.finish()
        if self.valid_from > self.valid_until:
            raise der.DerError("the seal's validity ends before it begins")

    @staticmethod
    def _digest(entry: der.Tlv) -> bytes:
        parts = entry.children(der.SEQUENCE)
        parts.text()
        value = parts.octets()
        parts.finish()
        return value


def _parse_signature(element: der.Tlv) -> SealSignature:
    parts = list(element.children(der.SEQUENCE))
    if len(parts) not in (2, 4, 5):
        raise der.DerError(f"{len(parts)} elements in a seal signature")
    tbs = parts[0]
    fields = tbs.children(der.SEQUENCE)
    version = fields.integer()
    inner = fields.next(der.SEQUENCE)
    seal = _known_seal(inner.raw) if len(inner.raw) <= _USUAL else _parse_seal(inner)
    moment = fields.next(der.GENERALIZED_TIME, der.UTC_TIME, der.BIT_STRING, der.OCTET_STRING)
    digest = _value(fields.next())
    property_info = fields.text()
    timestamp = None
    if len(parts) == 2:  # GM/T 0031-2014 keeps certificate and algorithm inside
        certificate, algorithm = fields.next(der.OCTET_STRING), fields.next(der.OID)
        extensions: tuple[Extension, ...] = ()
        signature = _value(parts[1])
    else:
        certificate, algorithm = parts[1], parts[2]
        if certificate.tag != der.OCTET_STRING or algorithm.tag != der.OID:
            raise der.DerError("certificate or algorithm of the signature has a wrong type")
        extensions = _extensions(fields)
        signature = _value(parts[3])
        if len(parts) == 5:
            timestamp = _timestamp(parts[4])
    fields.finish()
    return SealSignature(
        der=element.raw,
        signed=tbs.raw,
        generation="v1" if len(parts) == 2 else "v5" if version == 5 else "v4",
        version=version,
        seal=seal,
        signed_at=_moment(moment),
        digest=digest,
        property_info=property_info,
        extensions=extensions,
        certificate=certificate.content,
        signature_algorithm=der.oid_value(algorithm),
        signature=signature,
        timestamp=timestamp,
    )


def _typed(entry: der.Tlv, *tags: int) -> bool:
    if entry.tag not in tags:
        raise der.DerError(f"unexpected tag {entry.tag:02x} in the certificate list")
    return entry.tag == tags[0]


def _value(element: der.Tlv) -> bytes:
    """A signature or digest: BIT STRING, or OCTET STRING as some vendors write it."""
    if element.tag == der.OCTET_STRING:
        return element.content
    if element.tag != der.BIT_STRING:
        raise der.DerError(f"tag {element.tag:02x} is neither BIT STRING nor OCTET STRING")
    return der.bit_string_value(element)


def _timestamp(element: der.Tlv) -> bytes:
    """timeStamp [0] EXPLICIT BIT STRING; [0] IMPLICIT is read too."""
    if element.tag == 0xA0:
        return _value(element.children().next())
    if element.tag == 0x80:
        return element.content[1:]
    raise der.DerError("the last element is not a time stamp")


def _extensions(fields: der.Reader) -> tuple[Extension, ...]:
    """ExtensionDatas OPTIONAL, untagged or [0] (both are met); criticality encoded or absent."""
    element = fields.optional(der.SEQUENCE, 0xA0)
    if element is None:
        return ()
    if element.tag == 0xA0:
        inner = element.children()
        # [0] EXPLICIT holds one SEQUENCE OF, perhaps empty; [0] IMPLICIT the ExtData themselves
        first = inner.next(der.SEQUENCE)
        if inner.at_end and first.content[:1] in (b"", b"\x30"):
            element = first
    found = []
    for entry in element.children():
        parts = entry.children(der.SEQUENCE)
        kind = parts.oid()
        critical = parts.boolean() if parts.peek() == der.BOOLEAN else False
        found.append(Extension(kind, critical, parts.octets()))
        parts.finish()
        if len(found) > MAX_EXTENSIONS:
            raise der.DerError("too many extensions")
    return tuple(found)


def _moment(element: der.Tlv) -> datetime | None:
    """A signing time: v4/v5 GeneralizedTime; v1 an ASN.1 time or ISO text inside a BIT STRING."""
    if element.tag in (der.GENERALIZED_TIME, der.UTC_TIME):
        return der.time_value(element)
    content = _value(element)
    try:
        inner = der.parse(content)
        if inner.tag in (der.UTC_TIME, der.GENERALIZED_TIME):
            return der.time_value(inner)
    except der.DerError:
        pass
    try:
        moment = datetime.fromisoformat(content.decode("ascii"))
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None  # e.g. a whole time-stamp token: a claimed time cannot be read from it
