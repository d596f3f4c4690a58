"""Making certificates, certificate requests and CRLs for the platform (GB/T 20518, RFC 5280, 2986).

Whoever signs is anything with ``sign(message) -> DER signature`` — an SM2 key, soft or in a device.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Protocol

from crypto.algorithms.keys import SM2_WITH_SM3
from crypto.asn1 import der
from crypto.frozen import frozen
from crypto.pki.certificate import ISSUER_ACCESS, KEY_USAGES, OCSP_ACCESS
from crypto.pki.names_and_algorithms import CertificateError, Name, read_algorithm
from crypto.pki.public_key import PublicKey


class MessageSigner(Protocol):
    """A private key: signs a message as :class:`crypto.algorithms.keys.SigningKey` says."""

    def sign(self, message: bytes) -> bytes: ...


def make_certificate(
    *,
    subject: Name,
    public_key: bytes,
    issuer: Name,
    issuer_key: MessageSigner,
    authority_spki: bytes,
    serial: int,
    not_before: datetime,
    not_after: datetime,
    key_usage: Iterable[str],
    ca: bool = False,
    path_length: int | None = None,
    extended_key_usage: Iterable[str] = (),
    crl_urls: Iterable[str] = (),
    ocsp_urls: Iterable[str] = (),
    issuer_urls: Iterable[str] = (),
) -> bytes:
    """A version 3 certificate, DER.

    *public_key* and *authority_spki* are SubjectPublicKeyInfo DER of the subject and of the issuer,
    whose kind of key decides the signature algorithm (:func:`signature_algorithm`);
    *issuer_urls* say where the issuer's certificate is to be had (RFC 5280 §4.2.2.1, caIssuers);
    *key_usage* takes the names of :data:`crypto.pki.certificate.KEY_USAGES`,
    *extended_key_usage* dotted OIDs."""
    usage = frozenset(KEY_USAGES.index(name) for name in key_usage)
    extensions = [
        _extension("2.5.29.14", der.octet_string(_key_id(public_key))),
        _extension("2.5.29.35", _authority_key_id(authority_spki)),
        _extension("2.5.29.15", der.bit_flags(usage), critical=True),
    ]
    if ca:
        limit = b"" if path_length is None else der.integer(path_length)
        value = der.sequence(der.boolean(True), limit)
        extensions.append(_extension("2.5.29.19", value, critical=True))
    else:
        extensions.append(_extension("2.5.29.19", der.sequence(), critical=True))
    purposes = [der.oid(dotted) for dotted in extended_key_usage]
    if purposes:  # RFC 3161 §2.3 wants the time-stamping purpose critical and alone
        extensions.append(_extension("2.5.29.37", der.sequence(*purposes), critical=True))
    points = [
        der.sequence(der.context(0, der.context(0, der.encode(0x86, url.encode("ascii")))))
        for url in crl_urls
    ]
    if points:
        extensions.append(_extension("2.5.29.31", der.sequence(*points)))
    access = [(OCSP_ACCESS, url) for url in ocsp_urls]
    access += [(ISSUER_ACCESS, url) for url in issuer_urls]
    descriptions = [
        der.sequence(der.oid(method), der.encode(0x86, url.encode("ascii")))
        for method, url in access
    ]
    if descriptions:
        extensions.append(_extension("1.3.6.1.5.5.7.1.1", der.sequence(*descriptions)))
    algorithm = signature_algorithm(PublicKey.parse(der.parse(authority_spki)))
    tbs = der.sequence(
        der.context(0, der.integer(2)),
        der.integer(serial),
        algorithm,
        issuer.raw,
        der.sequence(der.time(not_before), der.time(not_after)),
        subject.raw,
        public_key,
        der.context(3, der.sequence(*extensions)),
    )
    return _signed(tbs, algorithm, issuer_key)


@frozen
class Request:
    """A PKCS#10 certificate request."""

    der: bytes
    subject: Name
    public_key: PublicKey
    signature_valid: bool
    """The request is signed by the key it names: proof of possession."""

    @classmethod
    def parse(cls, data: bytes) -> Request:
        """Read a DER request and check its signature. Raises :class:`CertificateError`."""
        try:
            whole = der.parse(data).children(der.SEQUENCE)
            info = whole.next(der.SEQUENCE)
            algorithm, parameters = read_algorithm(whole)
            signature = whole.bits()
            whole.finish()
            fields = info.children()
            fields.integer()
            subject = Name.parse(fields.next())
            public_key = PublicKey.parse(fields.next())
        except der.DerError as error:
            raise CertificateError(f"not a certificate request: {error}") from error
        valid = public_key.verify(algorithm, info.raw, signature, parameters=parameters)
        return cls(data, subject, public_key, valid)


def make_request(subject: Name, public_key: bytes, sign: Callable[[bytes], bytes]) -> bytes:
    """PKCS#10 request, DER: *public_key* is SubjectPublicKeyInfo DER, *sign* its SM2 private
    key."""
    info = der.sequence(der.integer(0), subject.raw, public_key, der.context(0))
    return der.sequence(info, _SM2_ALGORITHM, der.bit_string(sign(info)))


def make_crl(
    *,
    issuer: Name,
    issuer_key: MessageSigner,
    authority_spki: bytes,
    number: int,
    this_update: datetime,
    next_update: datetime,
    entries: Iterable[tuple[int, datetime, int | None]],
) -> bytes:
    """A version 2 CRL, DER: *entries* are (serial, revocation time, RFC 5280 reason or None)."""
    rows = []
    for serial, moment, reason in entries:
        detail = b""
        if reason is not None:
            code = der.encode(0x0A, bytes((reason,)))
            detail = der.sequence(_extension("2.5.29.21", code))
        rows.append(der.sequence(der.integer(serial), der.time(moment), detail))
    extensions = der.sequence(
        _extension("2.5.29.35", _authority_key_id(authority_spki)),
        _extension("2.5.29.20", der.integer(number)),
    )
    algorithm = signature_algorithm(PublicKey.parse(der.parse(authority_spki)))
    tbs = der.sequence(
        der.integer(1),
        algorithm,
        issuer.raw,
        der.time(this_update),
        der.time(next_update),
        der.sequence(*rows) if rows else b"",
        der.context(0, extensions),
    )
    return _signed(tbs, algorithm, issuer_key)


_SM2_ALGORITHM = der.sequence(der.oid(SM2_WITH_SM3))


_ALGORITHMS = {
    "sm2": _SM2_ALGORITHM,
    "rsa": der.sequence(der.oid("1.2.840.113549.1.1.11"), der.null()),
    "ec": der.sequence(der.oid("1.2.840.10045.4.3.2")),
}


def signature_algorithm(key: PublicKey) -> bytes:
    """AlgorithmIdentifier DER of what *key* signs with: SM2 with SM3, RSA PKCS#1 v1.5 or ECDSA with
    SHA-256. Raises :class:`.names_and_algorithms.CertificateError` for other kinds of key."""
    try:
        return _ALGORITHMS[key.kind]
    except KeyError:
        raise CertificateError(f"nothing is signed with a key of kind {key.kind}") from None


def _signed(tbs: bytes, algorithm: bytes, key: MessageSigner) -> bytes:
    return der.sequence(tbs, algorithm, der.bit_string(key.sign(tbs)))


def _extension(kind: str, value: bytes, *, critical: bool = False) -> bytes:
    flag = der.boolean(True) if critical else b""
    return der.sequence(der.oid(kind), flag, der.octet_string(value))


def _key_id(spki: bytes) -> bytes:
    return PublicKey.parse(der.parse(spki)).key_id


def _authority_key_id(spki: bytes) -> bytes:
    return der.sequence(der.context(0, _key_id(spki), primitive=True))
