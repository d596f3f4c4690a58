"""OCSP: is a certificate good right now? Asked and answered (RFC 6960), SM2 included.

    request = make_request(certificate, issuer)          # application/ocsp-request
    response = OcspResponse.parse(answer)                # application/ocsp-response
    said = response.answer(certificate, issuer)          # proven by a signature, or None

An answer counts only if the issuer itself signed it, or a responder to whom that issuer gave a
certificate for the purpose OCSPSigning (§4.2.2.2). Malformed input raises
:class:`crypto.pki.names_and_algorithms.CertificateError`. All times are aware UTC datetimes.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cached_property
from typing import Literal

from crypto.algorithms.keys import SigningKey
from crypto.asn1 import der
from crypto.frozen import frozen
from crypto.pki.certificate import OCSP_SIGNING, Certificate
from crypto.pki.certificate_making import signature_algorithm
from crypto.pki.cms import hash_bytes
from crypto.pki.names_and_algorithms import HASHES, CertificateError, Name, read_algorithm
from crypto.pki.public_key import PublicKey

MAX_SIZE = 256 * 1024
MAX_ANSWERS = 1000
MAX_CERTIFICATES = 16
MAX_NONCE = 128
"""Bytes (RFC 8954 asks for 32 at most; older clients send more)."""

SUCCESSFUL, MALFORMED_REQUEST, UNAUTHORIZED = 0, 1, 6
"""OCSPResponseStatus (§4.2.1)."""

_BASIC = "1.3.6.1.5.5.7.48.1.1"
_NONCE = "1.3.6.1.5.5.7.48.1.2"
_HASH_OIDS = {name: oid for oid, name in HASHES.items()}
_ENUMERATED = 0x0A


@frozen
class CertificateId:
    """CertID: names a certificate by its issuer's name and key, hashed, and its serial number."""

    hash_name: str
    """hashlib's name or "sm3"; "" if unknown."""
    issuer_name_hash: bytes
    issuer_key_hash: bytes
    serial: int

    @classmethod
    def of(
        cls, certificate: Certificate, issuer: Certificate, hash_name: str = ""
    ) -> CertificateId:
        """Of *certificate*; by default with SM3 where its issuer has an SM2 key, else SHA-1, which
        every responder understands (it names here, it does not protect)."""
        name = hash_name or ("sm3" if issuer.public_key.kind == "sm2" else "sha1")
        return cls(
            name,
            hash_bytes(name, certificate.issuer.raw),
            hash_bytes(name, _key_bits(issuer.public_key)),
            certificate.serial,
        )

    def names(self, certificate: Certificate, issuer: Certificate) -> bool:
        """Is it *certificate*, issued by *issuer*, that is meant?"""
        if not self.hash_name or self.serial != certificate.serial:
            return False
        return self == self.of(certificate, issuer, self.hash_name)

    def is_by(self, issuer: Certificate) -> bool:
        """Is a certificate of *issuer* meant?"""
        if not self.hash_name:
            return False
        name = hash_bytes(self.hash_name, issuer.subject.raw)
        key = hash_bytes(self.hash_name, _key_bits(issuer.public_key))
        return (name, key) == (self.issuer_name_hash, self.issuer_key_hash)

    @classmethod
    def parse(cls, fields: der.Reader) -> CertificateId:
        """The next element."""
        parts = fields.sequence()
        algorithm, _ = read_algorithm(parts)
        name_hash, key_hash = parts.octets(), parts.octets()
        serial = int.from_bytes(parts.next(der.INTEGER).content, "big", signed=True)
        parts.finish()
        return cls(HASHES.get(algorithm, ""), name_hash, key_hash, serial)

    def encode(self) -> bytes:
        """DER."""
        return der.sequence(
            der.sequence(der.oid(_HASH_OIDS[self.hash_name]), der.null()),
            der.octet_string(self.issuer_name_hash),
            der.octet_string(self.issuer_key_hash),
            der.integer(self.serial),
        )


@frozen
class Answer:
    """SingleResponse: what is said of one certificate."""

    certificate_id: CertificateId
    state: Literal["good", "revoked", "unknown"]
    revoked_at: datetime | None
    reason: int | None
    """RFC 5280 §5.3.1; None: not said."""
    this_update: datetime
    """At this moment it was known to be so."""
    next_update: datetime | None
    """When something newer will be known; None: newer information may be had at any time."""
    understood: bool = True
    """It has no critical extension."""


# --- asking ------------------------------------------------------------------------------------


@frozen
class OcspRequest:
    """An OCSPRequest; a requestor's signature is not looked at."""

    ids: tuple[CertificateId, ...]
    nonce: bytes | None
    """The extension's value as found, to be repeated."""
    understood: bool
    """It has no critical extension besides the nonce."""

    @classmethod
    def parse(cls, data: bytes) -> OcspRequest:
        """Read DER. Raises :class:`crypto.pki.names_and_algorithms.CertificateError`."""
        try:
            _check_size(data)
            whole = der.parse(data).children(der.SEQUENCE)
            fields = whole.sequence()
            whole.optional(0xA0)
            whole.finish()
            fields.optional(0xA0)  # version
            fields.optional(0xA1)  # requestorName
            ids, understood = [], True
            for number, element in enumerate(fields.next(der.SEQUENCE).children()):
                if number >= MAX_ANSWERS:
                    raise der.DerError(f"more than {MAX_ANSWERS} certificates asked for")
                parts = element.children(der.SEQUENCE)
                ids.append(CertificateId.parse(parts))
                understood &= not _extensions(parts.optional(0xA0))[1]
                parts.finish()
            nonce, strange = _extensions(fields.optional(0xA2))
            fields.finish()
        except der.DerError as error:
            raise CertificateError(f"not an OCSP request: {error}") from error
        return cls(tuple(ids), nonce, understood and not strange)


def make_request(
    certificate: Certificate,
    issuer: Certificate,
    *,
    hash_name: str = "",
    nonce: bytes | None = None,
) -> bytes:
    """OCSPRequest DER for one certificate, with a fresh 32-byte nonce unless one is given."""
    value = der.octet_string(secrets.token_bytes(32) if nonce is None else nonce)
    wanted = der.sequence(CertificateId.of(certificate, issuer, hash_name).encode())
    return der.sequence(der.sequence(der.sequence(wanted), der.context(2, _nonce_list(value))))


# --- answers -----------------------------------------------------------------------------------


@frozen
class OcspResponse:
    """A successful OCSPResponse; :meth:`answer` proves which issuer it may answer for."""

    der: bytes
    tbs: bytes
    """The signed bytes, as found."""
    signature_algorithm: str
    signature_parameters: bytes
    signature: bytes
    responder_name: Name | None
    responder_key_hash: bytes
    """SHA-1 of the responder's key; empty where it is named by `responder_name`."""
    produced_at: datetime
    answers: tuple[Answer, ...]
    nonce: bytes | None
    """The extension's value (DER OCTET STRING), to be compared with the request's."""
    certificates: tuple[Certificate, ...]
    """Sent with the answer: among them the delegated responder's."""
    understood: bool
    """It has no critical extension besides the nonce."""

    @classmethod
    def parse(cls, data: bytes) -> OcspResponse:
        """Read DER. Raises :class:`.names_and_algorithms.CertificateError`, also for a refusal."""
        try:
            _check_size(data)
            return _parse_response(data)
        except der.DerError as error:
            raise CertificateError(f"not an OCSP response: {error}") from error

    def answer(self, certificate: Certificate, issuer: Certificate) -> Answer | None:
        """The answer about *certificate*, if its responder may answer for *issuer*; else None.

        Several answers about the same certificate: the one with the newest `this_update`."""
        found = [
            single
            for single in self.answers
            if single.understood and single.certificate_id.names(certificate, issuer)
        ]
        if not found or not self.understood or self.responder(issuer) is None:
            return None
        return max(found, key=lambda single: single.this_update)

    def responder(self, issuer: Certificate) -> Certificate | None:
        """Whose key signed it, if that may answer for *issuer* (§4.2.2.2): *issuer* itself, or a
        holder of its certificate for OCSPSigning, valid when the answer was produced."""
        for candidate in (issuer, *self.certificates):
            if self._named(candidate) and self._may_answer(candidate, issuer):
                verified = candidate.public_key.verify(
                    self.signature_algorithm,
                    self.tbs,
                    self.signature,
                    parameters=self.signature_parameters,
                )
                if verified:
                    return candidate
        return None

    def _named(self, candidate: Certificate) -> bool:
        if self.responder_name is not None:
            return candidate.subject.matches(self.responder_name)
        return candidate.public_key.key_id == self.responder_key_hash

    def _may_answer(self, candidate: Certificate, issuer: Certificate) -> bool:
        if candidate.der == issuer.der:
            return True
        return (
            OCSP_SIGNING in candidate.extended_key_usage
            and candidate.may_sign()
            and not candidate.unknown_critical
            and candidate.valid_at(self.produced_at)
            and candidate.issuer.matches(issuer.subject)
            and candidate.issued_by(issuer)
        )

    @cached_property
    def digest(self) -> bytes:
        """SM3 of the response: its name in logs and caches."""
        return hash_bytes("sm3", self.der)


def _parse_response(data: bytes) -> OcspResponse:
    outer = der.parse(data).children(der.SEQUENCE)
    status = int.from_bytes(outer.next(_ENUMERATED).content, "big")
    if status != SUCCESSFUL:
        raise der.DerError(f"the responder refused with status {status}")
    wrapped = outer.next(0xA0).children().sequence()
    outer.finish()
    if wrapped.oid() != _BASIC:
        raise der.DerError("not a basic response")
    basic = der.parse(wrapped.octets()).children(der.SEQUENCE)
    wrapped.finish()
    tbs = basic.next(der.SEQUENCE)
    algorithm, parameters = read_algorithm(basic)
    signature = basic.bits()
    listed = basic.optional(0xA0)
    basic.finish()
    fields = tbs.children()
    fields.optional(0xA0)  # version
    named = fields.next(0xA1, 0xA2).children()
    name, key_hash = None, b""
    if named.peek() == der.OCTET_STRING:
        key_hash = named.octets()
    else:
        name = Name.parse(named.next())
    produced_at = der.time_value(fields.next(der.GENERALIZED_TIME))
    answers: list[Answer] = []
    for element in fields.next(der.SEQUENCE).children():
        if len(answers) >= MAX_ANSWERS:
            raise der.DerError(f"more than {MAX_ANSWERS} answers")
        answers.append(_parse_answer(element))
    nonce, strange = _extensions(fields.optional(0xA1))
    fields.finish()
    return OcspResponse(
        data,
        tbs.raw,
        algorithm,
        parameters,
        signature,
        name,
        key_hash,
        produced_at,
        tuple(answers),
        nonce,
        tuple(_certificates(listed)),
        not strange,
    )


def _parse_answer(element: der.Tlv) -> Answer:
    fields = element.children(der.SEQUENCE)
    identifier = CertificateId.parse(fields)
    status = fields.next(0x80, 0xA1, 0x82)
    revoked_at, reason = None, None
    if status.tag == 0xA1:
        details = status.children()
        revoked_at = der.time_value(details.next(der.GENERALIZED_TIME))
        stated = details.optional(0xA0)
        if stated is not None:
            reason = int.from_bytes(stated.children().next(_ENUMERATED).content, "big")
        details.finish()
    this_update = der.time_value(fields.next(der.GENERALIZED_TIME))
    later = fields.optional(0xA0)
    next_update = later.children().time() if later else None
    _, strange = _extensions(fields.optional(0xA1))
    fields.finish()
    states: dict[int, Literal["good", "revoked", "unknown"]] = {
        0x80: "good",
        0xA1: "revoked",
        0x82: "unknown",
    }
    return Answer(
        identifier,
        states[status.tag],
        revoked_at,
        reason,
        this_update,
        next_update,
        not strange,
    )


def _certificates(element: der.Tlv | None) -> Iterable[Certificate]:
    if element is None:
        return
    for number, child in enumerate(element.children().sequence()):
        if number >= MAX_CERTIFICATES:
            raise der.DerError(f"more than {MAX_CERTIFICATES} certificates")
        try:
            yield Certificate.parse(child.raw)
        except CertificateError:
            continue


def _extensions(element: der.Tlv | None) -> tuple[bytes | None, bool]:
    """(value of the nonce or None, whether there is another critical extension)."""
    nonce, strange = None, False
    for extension in element.children().sequence() if element else ():
        fields = extension.children(der.SEQUENCE)
        kind = fields.oid()
        critical = fields.boolean() if fields.peek() == der.BOOLEAN else False
        value = fields.octets()
        if kind == _NONCE and len(value) <= MAX_NONCE:
            nonce = value
        else:
            strange |= critical
    return nonce, strange


# --- answering ---------------------------------------------------------------------------------


def make_response(
    answers: Sequence[Answer],
    *,
    key: SigningKey,
    produced_at: datetime,
    nonce: bytes | None = None,
    certificates: Sequence[bytes] = (),
) -> bytes:
    """OCSPResponse DER with *answers*, signed by *key*: SM2 with SM3, or RSA or ECDSA with SHA-256.

    *certificates* (DER) are sent with it: the responder's own, unless it is the issuer. *nonce* is
    the request's. Raises :class:`.names_and_algorithms.CertificateError` if the key cannot be
    used."""
    own = Certificate.parse(key.certificate)
    tbs = der.sequence(
        der.context(2, der.octet_string(own.public_key.key_id)),
        der.generalized_time(produced_at),
        der.sequence(*map(_encode_answer, answers)),
        der.context(1, _nonce_list(nonce)) if nonce is not None else b"",
    )
    basic = der.sequence(
        tbs,
        signature_algorithm(own.public_key),
        der.bit_string(key.sign(tbs)),
        der.context(0, der.sequence(*certificates)) if certificates else b"",
    )
    content = der.sequence(der.oid(_BASIC), der.octet_string(basic))
    return der.sequence(der.encode(_ENUMERATED, b"\x00"), der.context(0, content))


def refusal(status: int) -> bytes:
    """OCSPResponse DER without an answer: :data:`MALFORMED_REQUEST`, :data:`UNAUTHORIZED`, …"""
    return der.sequence(der.encode(_ENUMERATED, bytes((status,))))


def _encode_answer(answer: Answer) -> bytes:
    if answer.state == "revoked":
        if answer.revoked_at is None:
            raise CertificateError("a revocation has a time")
        reason = b""
        if answer.reason is not None:
            reason = der.context(0, der.encode(_ENUMERATED, bytes((answer.reason,))))
        status = der.context(1, der.generalized_time(answer.revoked_at), reason)
    else:
        status = der.context({"good": 0, "unknown": 2}[answer.state], primitive=True)
    later = answer.next_update
    return der.sequence(
        answer.certificate_id.encode(),
        status,
        der.generalized_time(answer.this_update),
        b"" if later is None else der.context(0, der.generalized_time(later)),
    )


def _nonce_list(value: bytes) -> bytes:
    return der.sequence(der.sequence(der.oid(_NONCE), der.octet_string(value)))


def _key_bits(key: PublicKey) -> bytes:
    fields = der.parse(key.spki).children(der.SEQUENCE)
    fields.next()
    return fields.bits()


def _check_size(data: bytes) -> None:
    if len(data) > MAX_SIZE:
        raise der.DerError(f"larger than {MAX_SIZE} bytes")
