"""Time stamps: RFC 3161 with ESSCertIDv2 (RFC 5816) and, for SM2 with SM3, GM/T 0033 §7.

The client's side asks (:func:`make_request`), opens the answer (:func:`open_response`) and states
the facts about a token (:meth:`TimestampToken.facts`); the authority's side answers
(:func:`make_response`).
Over HTTP a request is application/timestamp-query, an answer application/timestamp-reply.

What is stamped: the signature value — the bytes of SES_Signature's `signature`, the OCTET STRING
of a CMS signer, or, for a document time stamp (ETSI.RFC3161), the PDF's byte ranges.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from crypto.algorithms.keys import SigningKey
from crypto.asn1 import der
from crypto.frozen import frozen
from crypto.pki.certificate import TIME_STAMPING, Certificate
from crypto.pki.cms import TST_INFO, CmsError, ContentDigest, SignedData
from crypto.pki.cms_facts import SignerFacts, signer_facts
from crypto.pki.cms_make import make_signed_content
from crypto.pki.names_and_algorithms import HASHES, read_algorithm
from crypto.pki.weakness import BROKEN, weaknesses

MAX_SIZE = 1024 * 1024
_EXTENDED_KEY_USAGE = "2.5.29.37"
_HASH_OIDS = {name: oid for oid, name in HASHES.items()}
_SIZES = {"sm3": 32, "sha256": 32, "sha384": 48, "sha512": 64}
"""Digests we ask for and stamp, with their bytes; weaker ones are read only."""

GRANTED, GRANTED_WITH_MODS, REJECTION = 0, 1, 2
BAD_ALGORITHM, BAD_FORMAT = 0, 5
TIME_NOT_AVAILABLE, UNACCEPTED_POLICY, UNACCEPTED_EXTENSION = 14, 15, 16
"""PKIFailureInfo bits of RFC 3161 §2.4.2."""


class TimestampError(ValueError):
    """The bytes are no time-stamp request, response or token, or none can be made."""


class TimestampRefused(TimestampError):
    """The authority answered, and refused."""

    def __init__(self, status: int, text: str, failures: frozenset[int]) -> None:
        super().__init__(f"refused with status {status}: {text or sorted(failures)}")
        self.status = status
        self.text = text
        """The authority's own words, perhaps empty."""
        self.failures = failures
        """Bits of PKIFailureInfo."""


# --- asking ------------------------------------------------------------------------------------


@frozen
class Request:
    """A TimeStampReq."""

    der: bytes
    hash_name: str
    """hashlib's name or "sm3"; "" if unknown."""
    digest: bytes
    policy: str | None
    nonce: int | None
    wants_certificate: bool
    has_extensions: bool

    @classmethod
    def parse(cls, data: bytes) -> Request:
        """Read a DER request. Raises :class:`TimestampError`."""
        try:
            _check_size(data)
            fields = der.parse(data).children(der.SEQUENCE)
            if fields.integer() != 1:
                raise der.DerError("the version is not 1")
            hash_name, digest = _imprint(fields)
            policy = fields.oid() if fields.peek() == der.OID else None
            nonce = fields.integer() if fields.peek() == der.INTEGER else None
            wants = fields.boolean() if fields.peek() == der.BOOLEAN else False
            extensions = fields.optional(0xA0)
            fields.finish()
        except der.DerError as error:
            raise TimestampError(f"not a time-stamp request: {error}") from error
        return cls(data, hash_name, digest, policy, nonce, wants, extensions is not None)


def make_request(
    digest: bytes, hash_name: str = "sm3", *, policy: str | None = None, nonce: int | None = None
) -> Request:
    """Ask for a stamp on *digest* (by "sm3", "sha256", "sha384" or "sha512"), with the authority's
    certificate and a fresh 64-bit nonce. Raises :class:`TimestampError` on a digest of wrong
    size."""
    if _SIZES.get(hash_name) != len(digest):
        raise TimestampError(f"no digest by {hash_name}")
    encoded = der.sequence(
        der.integer(1),
        _encode_imprint(hash_name, digest),
        b"" if policy is None else der.oid(policy),
        der.integer(secrets.randbits(64) if nonce is None else nonce),
        der.boolean(True),
    )
    return Request.parse(encoded)


def open_response(data: bytes, request: Request) -> TimestampToken:
    """The token of a TimeStampResp, if it answers *request*: same imprint, nonce and policy.

    Raises :class:`TimestampRefused` if the authority refused, :class:`TimestampError` otherwise.
    Whether the token is good, :meth:`TimestampToken.facts` says."""
    try:
        _check_size(data)
        fields = der.parse(data).children(der.SEQUENCE)
        status = fields.sequence()
        code = status.integer()
        words = status.optional(der.SEQUENCE)
        text = "; ".join(map(der.text_value, words.children())) if words else ""
        failures = status.optional(der.BIT_STRING)
        if code not in (GRANTED, GRANTED_WITH_MODS):
            raise TimestampRefused(
                code, text, der.named_bits(failures) if failures else frozenset()
            )
        token = TimestampToken.parse(fields.next(der.SEQUENCE).raw)
        fields.finish()
    except der.DerError as error:
        raise TimestampError(f"not a time-stamp response: {error}") from error
    if (token.hash_name, token.digest) != (request.hash_name, request.digest):
        raise TimestampError("the token is for other bytes")
    if token.nonce != request.nonce:
        raise TimestampError("the token does not repeat the nonce")
    if request.policy is not None and token.policy != request.policy:
        raise TimestampError("the token is under another policy")
    return token


# --- tokens ------------------------------------------------------------------------------------


@frozen
class TimestampFacts:
    """What is so about one token; no verdict, and nothing about its chain."""

    imprint_matches: bool | None
    """It stamps the bytes in question; None: its digest is unknown or refused."""
    purpose_right: bool
    """Its certificate is for time stamping, critically and for nothing else (RFC 3161 §2.3)."""
    certificate_valid_then: bool
    """The certificate was inside its validity period when the token was made."""
    extensions_understood: bool
    """No extension that it marks critical is unknown to us."""
    signer: SignerFacts
    """Who made it; `certificate_bound` is a must here (RFC 3161 §2.4.2)."""
    weaknesses: tuple[str, ...]
    """As of the signer, and "sha1" or the like for the imprint."""

    @property
    def intact(self) -> bool:
        """The token fits the bytes and was made by a key that may make such tokens."""
        return (
            self.imprint_matches is True
            and self.purpose_right
            and self.certificate_valid_then
            and self.extensions_understood
            and self.signer.intact
            and self.signer.certificate_bound is True
        )


@frozen
class TimestampToken:
    """A TimeStampToken: SignedData around a TSTInfo."""

    der: bytes
    signed: SignedData
    policy: str
    hash_name: str
    """hashlib's name or "sm3" or, refused, "md5"; "" if unknown."""
    digest: bytes
    serial: int
    generated: datetime
    """genTime, to microseconds."""
    accuracy: timedelta | None
    """The true time is within this of `generated`; None: not stated."""
    ordering: bool
    nonce: int | None
    unknown_critical: bool
    """TSTInfo has a critical extension; none is known to us."""

    @classmethod
    def parse(cls, data: bytes, *, padded: bool = False) -> TimestampToken:
        """Read a token; *padded* permits bytes after it (a PDF's /Contents).

        Raises :class:`TimestampError`."""
        try:
            signed = SignedData.parse(data, padded=padded)
            if signed.content_type != TST_INFO or signed.content is None:
                raise TimestampError(f"content of type {signed.content_type} is no time stamp")
            if len(signed.signers) != 1:
                raise TimestampError(f"{len(signed.signers)} signers of a time stamp")
            return _parse_info(signed, der.parse(signed.content).children(der.SEQUENCE))
        except (der.DerError, CmsError) as error:
            raise TimestampError(f"not a time-stamp token: {error}") from error

    def facts(
        self, content_digest: ContentDigest, pool: Iterable[Certificate] = ()
    ) -> TimestampFacts:
        """The facts, where *content_digest* gives digests of the bytes that should be stamped.

        *pool*: more certificates among which the authority's may be."""
        signer = signer_facts(self.signed, self.signed.signers[0], None, pool)
        matches = None
        if self.hash_name in _HASH_OIDS:
            matches = content_digest(self.hash_name) == self.digest
        certificate = signer.certificate
        return TimestampFacts(
            imprint_matches=matches,
            purpose_right=certificate is not None and may_stamp(certificate),
            certificate_valid_then=certificate is not None and certificate.valid_at(self.generated),
            extensions_understood=not self.unknown_critical,
            signer=signer,
            weaknesses=tuple(
                dict.fromkeys((*signer.weaknesses, *weaknesses(None, "", b"", self.hash_name)))
            ),
        )


def may_stamp(certificate: Certificate) -> bool:
    """Is this certificate for time stamping, critically and for nothing else (RFC 3161 §2.3)?"""
    only = certificate.extended_key_usage == {TIME_STAMPING}
    return only and _EXTENDED_KEY_USAGE in certificate.critical and certificate.may_sign()


def _parse_info(signed: SignedData, fields: der.Reader) -> TimestampToken:
    if fields.integer() != 1:
        raise der.DerError("the version is not 1")
    policy = fields.oid()
    hash_name, digest = _imprint(fields)
    serial = int.from_bytes(fields.next(der.INTEGER).content, "big", signed=True)
    generated = der.time_value(fields.next(der.GENERALIZED_TIME))
    accuracy = fields.optional(der.SEQUENCE)
    ordering = fields.boolean() if fields.peek() == der.BOOLEAN else False
    nonce = fields.integer() if fields.peek() == der.INTEGER else None
    fields.optional(0xA0)  # tsa: a hint at the name; the certificate says who it was
    extensions = fields.optional(0xA1)
    fields.finish()
    return TimestampToken(
        der=signed.der,
        signed=signed,
        policy=policy,
        hash_name=hash_name,
        digest=digest,
        serial=serial,
        generated=generated,
        accuracy=None if accuracy is None else _accuracy(accuracy),
        ordering=ordering,
        nonce=nonce,
        unknown_critical=extensions is not None and any(map(_critical, extensions.children())),
    )


def _imprint(fields: der.Reader) -> tuple[str, bytes]:
    """MessageImprint: (hash name, digest)."""
    imprint = fields.sequence()
    kind, _ = read_algorithm(imprint)
    digest = imprint.octets()
    imprint.finish()
    return HASHES.get(kind) or BROKEN.get(kind, ""), digest


def _encode_imprint(hash_name: str, digest: bytes) -> bytes:
    algorithm = der.sequence(der.oid(_HASH_OIDS[hash_name]))
    return der.sequence(algorithm, der.octet_string(digest))


def _accuracy(element: der.Tlv) -> timedelta:
    """Accuracy: seconds INTEGER, millis [0] and micros [1], each optional (RFC 3161 §2.4.2)."""
    microseconds = 0
    units = {der.INTEGER: 1_000_000, 0x80: 1000, 0x81: 1}
    for field in element.children():
        amount = int.from_bytes(field.content, "big", signed=True)
        if field.tag not in units or not 0 <= amount < 1 << 31:
            raise der.DerError("absurd accuracy")
        microseconds += units[field.tag] * amount
    return timedelta(microseconds=microseconds)


def _critical(extension: der.Tlv) -> bool:
    fields = extension.children(der.SEQUENCE)
    fields.oid()
    return fields.peek() == der.BOOLEAN and fields.boolean()


def _check_size(data: bytes) -> None:
    if len(data) > MAX_SIZE:
        raise der.DerError(f"larger than {MAX_SIZE} bytes")


# --- answering ---------------------------------------------------------------------------------


def make_token(
    *,
    key: SigningKey,
    hash_name: str,
    digest: bytes,
    policy: str,
    serial: int,
    generated: datetime,
    nonce: int | None = None,
    accuracy: timedelta | None = None,
    certificates: Sequence[bytes] = (),
    include_certificate: bool = True,
    gb_types: bool = False,
) -> bytes:
    """A TimeStampToken, DER: at *generated* the bytes with this *digest* existed.

    *serial* must never repeat. *certificates*: the chain to embed with the key's own certificate.
    Raises :class:`TimestampError` if the key may not stamp or does not fit its certificate."""
    if _SIZES.get(hash_name) != len(digest):
        raise TimestampError(f"no digest by {hash_name}")
    try:
        info = der.sequence(
            der.integer(1),
            der.oid(policy),
            _encode_imprint(hash_name, digest),
            der.integer(serial),
            _generated(generated),
            b"" if accuracy is None else _encode_accuracy(accuracy),
            b"" if nonce is None else der.integer(nonce),
        )
        certificate = Certificate.parse(key.certificate)
        if not may_stamp(certificate):
            raise TimestampError("this certificate is not for time stamping")
        if not certificate.valid_at(generated):
            raise TimestampError("this certificate is not valid at that time")
        return make_signed_content(
            key=key,
            content=info,
            content_type=TST_INFO,
            certificates=certificates,
            include_certificate=include_certificate,
            gb_types=gb_types,
        )
    except ValueError as error:
        raise TimestampError(f"no time stamp can be made: {error}") from error


def make_response(
    data: bytes,
    *,
    key: SigningKey,
    policy: str,
    serial: int,
    now: datetime,
    accuracy: timedelta | None = None,
    certificates: Sequence[bytes] = (),
    gb_types: bool = False,
) -> bytes:
    """The TimeStampResp to the request *data*, DER: a token, or a rejection that says why.

    Arguments as for :func:`make_token`; raises :class:`TimestampError` only for what is the
    authority's own fault (its key)."""
    try:
        request = Request.parse(data)
    except TimestampError as error:
        return rejection(BAD_FORMAT, str(error))
    if request.hash_name not in _SIZES:
        return rejection(BAD_ALGORITHM, "the digest algorithm is not accepted")
    if len(request.digest) != _SIZES[request.hash_name]:
        return rejection(BAD_FORMAT, "the digest has a wrong size")
    if request.policy not in (None, policy):
        return rejection(UNACCEPTED_POLICY, "the policy is not this authority's")
    if request.has_extensions:
        return rejection(UNACCEPTED_EXTENSION, "extensions are not supported")
    token = make_token(
        key=key,
        hash_name=request.hash_name,
        digest=request.digest,
        policy=policy,
        serial=serial,
        generated=now,
        nonce=request.nonce,
        accuracy=accuracy,
        certificates=certificates if request.wants_certificate else (),
        include_certificate=request.wants_certificate,
        gb_types=gb_types,
    )
    return der.sequence(der.sequence(der.integer(GRANTED)), token)


def rejection(failure: int, text: str) -> bytes:
    """A TimeStampResp that refuses, DER: *failure* is a PKIFailureInfo bit, *text* the reason."""
    status = der.sequence(
        der.integer(REJECTION), der.sequence(der.utf8(text)), der.bit_flags({failure})
    )
    return der.sequence(status)


def _generated(moment: datetime) -> bytes:
    """genTime with milliseconds, without trailing zeros as DER wants it (RFC 3161 §2.4.2)."""
    whole = der.generalized_time(moment)
    fraction = f"{moment.microsecond // 1000:03d}".rstrip("0")
    if not fraction:
        return whole
    text = der.parse(whole).content[:-1] + b"." + fraction.encode() + b"Z"
    return der.encode(der.GENERALIZED_TIME, text)


def _encode_accuracy(accuracy: timedelta) -> bytes:
    seconds, micros = divmod(accuracy // timedelta(microseconds=1), 1_000_000)
    millis, micros = divmod(micros, 1000)
    return der.sequence(
        der.integer(seconds) if seconds else b"",
        b"\x80" + der.integer(millis)[1:] if millis else b"",
        b"\x81" + der.integer(micros)[1:] if micros else b"",
    )
