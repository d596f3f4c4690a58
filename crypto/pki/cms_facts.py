"""The facts about each signer of a SignedData: digest, value, certificate, oddities. No verdict.

RSA (PKCS#1 v1.5 and PSS), ECDSA, EdDSA, DSA and SM2, and the bare PKCS#1 value of
adbe.x509.rsa_sha1. The three shapes in which SM2 is met (docs/design/standards.md §2):

=======  ==========  ==========================================================================
variant  outer OID   signed bytes
=======  ==========  ==========================================================================
A        GB/T        the signed attributes, as SET OF; messageDigest is the plain SM3, no Z
B        either      no attributes: the content is the 32-byte SM3 of the document (or its
                     Base64 text), and those 32 bytes are signed
C        RFC         as A
=======  ==========  ==========================================================================
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from crypto.algorithms import gm
from crypto.algorithms.keys import EC_PUBLIC_KEY, SM2_CURVE, SM2_WITH_SM3
from crypto.asn1 import der
from crypto.frozen import frozen
from crypto.pki.certificate import Certificate
from crypto.pki.cms import (
    ALGORITHM_PROTECTION,
    CONTENT_TYPE,
    GB_SIGNED_DATA,
    MESSAGE_DIGEST,
    SEAL,
    SIGNING_CERTIFICATE_V2,
    SIGNING_TIME,
    CmsError,
    ContentDigest,
    SignedData,
    SignerInfo,
    hash_bytes,
    read_value,
    same_type,
)
from crypto.pki.names_and_algorithms import (
    DSA_SIGNATURES,
    ECDSA_SIGNATURES,
    ED448,
    ED25519,
    HASHES,
    RSA_SIGNATURES,
    CertificateError,
    read_algorithm,
)
from crypto.pki.public_key import PublicKey
from crypto.pki.weakness import BROKEN, signature_hash, weaknesses

RSA_ENCRYPTION, DSA_KEY = "1.2.840.113549.1.1.1", "1.2.840.10040.4.1"
_SM2_ALGORITHMS = {SM2_WITH_SM3, f"{SM2_CURVE}.1", SM2_CURVE}
_MAX_CANDIDATES = 4

Form = Literal["attributes", "digest", "direct"]


@frozen
class SignerFacts:
    """What is so about one signer."""

    signer: SignerInfo
    certificate: Certificate | None
    """The signer's certificate; None if none that fits was found."""
    form: Form
    """What the value was computed over: signed attributes, a digest that is the content, or the
    content itself."""
    variant: Literal["A", "B", "C", ""]
    """SM2 only: which of the three shapes; otherwise empty."""
    digest_name: str
    """hashlib's name, "" if unknown."""
    digest_matches: bool | None
    """The covered bytes have the digest that was signed. None: it cannot be computed. Where the
    value was computed over the content directly, this is `signature_valid`."""
    signature_valid: bool | None
    """The value fits certificate and signed bytes. None: no certificate, or an algorithm that is
    unknown or refused."""
    certificate_bound: bool | None
    """The signed attributes name this certificate by hash; None where they name none."""
    problems: tuple[str, ...]
    """What RFC 5652 forbids: content_type_missing, content_type_differs, message_digest_missing,
    attribute_repeated, algorithms_differ, content_is_no_digest, certificate_missing; and
    hashes_differ: the value was made with another digest than the signer names."""
    weaknesses: tuple[str, ...]
    """As :func:`crypto.pki.weakness.weaknesses` names them; digests also where they are refused."""

    @property
    def intact(self) -> bool:
        """The covered bytes are those that were signed, by the key of `certificate`."""
        return (
            self.digest_matches is True
            and self.signature_valid is True
            and self.certificate_bound is not False
            and not self.problems
        )


def signer_facts(
    data: SignedData,
    signer: SignerInfo,
    content_digest: ContentDigest | None = None,
    pool: Iterable[Certificate] = (),
) -> SignerFacts:
    """The facts about *signer*, one of ``data.signers``.

    *content_digest* gives digests of what is covered; without it the content inside is judged. With
    both, the content must itself be a digest of what is covered (adbe.pkcs7.sha1, variant B).
    *pool*: more certificates among which the signer's may be. Raises nothing of its own."""
    return _SignerReading(data, signer, content_digest).facts((*data.certificates, *pool))


class _SignerReading:
    """Finds the facts about one signer of one SignedData."""

    def __init__(self, data: SignedData, signer: SignerInfo, covered: ContentDigest | None) -> None:
        self._data, self._signer, self._covered = data, signer, covered
        self._problems: list[str] = []
        # refused digests are not computed
        self._name = "" if signer.digest_name in BROKEN.values() else signer.digest_name

    def facts(self, certificates: Iterable[Certificate]) -> SignerFacts:
        signer = self._signer
        digest_matches = self._digest_matches()
        certificate, valid = self._find(certificates)
        if certificate is None:
            self._problems.append("certificate_missing")
        if digest_matches is None and self._form() == "direct":
            digest_matches = valid
        if signer.attributes is not None:
            self._check_attributes()
        self._check_algorithms(certificate)
        return SignerFacts(
            signer=signer,
            certificate=certificate,
            form=self._form(),
            variant=self._variant(certificate),
            digest_name=signer.digest_name,
            digest_matches=digest_matches,
            signature_valid=valid,
            certificate_bound=None if certificate is None else signer.binds(certificate),
            problems=tuple(dict.fromkeys(self._problems)),
            weaknesses=self._weaknesses(certificate),
        )

    def _form(self) -> Form:
        if self._signer.attributes is not None:
            return "attributes"
        detached = self._data.content is None
        return "direct" if detached or self._covered is None else "digest"

    def _variant(self, certificate: Certificate | None) -> Literal["A", "B", "C", ""]:
        algorithm = self._signer.signature_algorithm
        kind = certificate.public_key.kind if certificate else ""
        if kind != "sm2" and (kind or algorithm not in _SM2_ALGORITHMS):
            return ""
        if self._signer.attributes is None:
            return "B"
        return "A" if self._data.outer_type == GB_SIGNED_DATA else "C"

    # the digest

    def _digest_matches(self) -> bool | None:
        """Are the covered bytes those that were digested? None where that cannot be decided, or
        where only the signature itself decides it."""
        content, signer = self._data.content, self._signer
        if content is not None and self._covered is not None and not self._is_digest(content):
            self._problems.append("content_is_no_digest")
            return False
        if signer.attributes is None:
            return True if content is not None and self._covered is not None else None
        if signer.message_digest is None:
            self._problems.append("message_digest_missing")
            return False
        if not self._name:
            return None
        if content is not None:
            return hash_bytes(self._name, content) == signer.message_digest
        if self._covered is None:
            return None
        return self._covered(self._name) == signer.message_digest

    def _is_digest(self, content: bytes) -> bool:
        """Is the content inside a digest of what is covered: plain, or as Base64 text?"""
        assert self._covered is not None  # noqa: S101 - callers have asked
        raw = _base64_digest(content) or content
        by_size = {20: ("sha1",), 32: ("sm3", "sha256"), 48: ("sha384",), 64: ("sha512",)}
        names = by_size.get(len(raw), ())
        return any(self._covered(name) == raw for name in names)

    # the signature value

    def _find(self, certificates: Iterable[Certificate]) -> tuple[Certificate | None, bool | None]:
        """The signer's certificate and whether its key made the value. Several certificates may
        carry the same name and number; the one bound by hash, then the one that fits, counts."""
        named = {
            certificate.der: certificate
            for certificate in certificates
            if self._signer.names(certificate)
        }
        ordered = sorted(
            named.values(), key=lambda candidate: self._signer.binds(candidate) is not True
        )
        judged = [
            (candidate, self._made_by(candidate.public_key))
            for candidate in ordered[:_MAX_CANDIDATES]
        ]
        if not judged:
            return None, None
        return next((pair for pair in judged if pair[1]), judged[0])

    def _made_by(self, key: PublicKey) -> bool | None:
        algorithm = self._algorithm(key)
        if algorithm is None:
            return None
        messages = list(self._messages(key, algorithm))
        if not messages:
            return None
        return any(
            key.verify(
                name,
                message,
                self._signer.signature,
                parameters=self._signer.signature_parameters,
                prehashed=prehashed,
            )
            for name in (algorithm, *self._renamed(algorithm))
            for message, prehashed in messages
        )

    def _renamed(self, algorithm: str) -> Iterator[str]:
        """Some signers name one hash for the value and use that of the content; a PKCS#1 value
        says itself which it is."""
        if self._signer.attributes is not None and algorithm in RSA_SIGNATURES:
            yield from (
                oid
                for oid, name in RSA_SIGNATURES.items()
                if name == self._name != RSA_SIGNATURES[algorithm]
            )

    def _algorithm(self, key: PublicKey) -> str | None:
        """What *key* has to verify by; None if that is unknown or does not go with the key."""
        named = self._signer.signature_algorithm
        if key.kind == "sm2":
            return SM2_WITH_SM3 if named in _SM2_ALGORITHMS else None
        # PKCS#7 names the bare key algorithm and leaves the digest to digestAlgorithm
        bare = {
            RSA_ENCRYPTION: RSA_SIGNATURES,
            EC_PUBLIC_KEY: ECDSA_SIGNATURES,
            DSA_KEY: DSA_SIGNATURES,
        }.get(named)
        if bare is not None:
            named = next((oid for oid, name in bare.items() if name == self._name), "")
        return named if key.supports(named) else None

    def _messages(self, key: PublicKey, algorithm: str) -> Iterator[tuple[bytes, bool]]:
        """What the value may have been computed over: (bytes, are they the digest already)."""
        signer, content = self._signer, self._data.content
        if signer.attributes is not None:
            yield signer.signed_attributes, False
            ordered = der.set_of(
                *(attribute.raw for attribute in der.parse(signer.signed_attributes).children())
            )
            if ordered != signer.signed_attributes:  # signed in DER order, written in another
                yield ordered, False
        elif content is not None:
            yield content, False
            decoded = _base64_digest(content)
            if decoded:
                yield decoded, False
        elif self._covered is not None and key.kind == "sm2":
            if key.point:
                yield self._covered("sm3", gm.sm2_z(key.point)), True
            yield self._covered("sm3"), False  # variant B with its content left out
        elif self._covered is not None and algorithm not in (ED25519, ED448):
            name = signature_hash(algorithm, signer.signature_parameters)
            if name:
                yield self._covered(name), True

    # what is odd, and what is weak

    def _check_attributes(self) -> None:
        signer = self._signer
        kinds = [attribute.kind for attribute in signer.attributes or ()]
        single = {CONTENT_TYPE, MESSAGE_DIGEST, SIGNING_TIME, SIGNING_CERTIFICATE_V2, SEAL}
        for attribute in signer.attributes or ():
            several = kinds.count(attribute.kind) > 1 or len(attribute.values) != 1
            if attribute.kind in single and several:
                self._problems.append("attribute_repeated")
        if CONTENT_TYPE not in kinds:
            self._problems.append("content_type_missing")
        elif not same_type(signer.content_type, self._data.content_type):
            self._problems.append("content_type_differs")
        if ALGORITHM_PROTECTION in kinds and not read_value(
            signer, ALGORITHM_PROTECTION, self._protection_matches
        ):
            self._problems.append("algorithms_differ")

    def _protection_matches(self, fields: der.Reader) -> bool:
        """CMSAlgorithmProtection repeats the two algorithms (RFC 6211)."""
        parts = fields.sequence()
        digest, _ = read_algorithm(parts)
        signature = parts.next(0xA1).children().oid()
        named = (self._signer.digest_algorithm, self._signer.signature_algorithm)
        return (digest, signature) == named

    def _check_algorithms(self, certificate: Certificate | None) -> None:
        """The digest of the content and the digest under the signature must be the same."""
        if certificate is None:
            return
        used = self._signature_hash(certificate.public_key)
        if used and self._name and used != self._name:
            # SM2 goes with SM3 alone (GB/T 35275); of the others RFC 5652 §5.4 only expects it
            gm_alone = "sm3" in (used, self._name)
            self._problems.append("algorithms_differ" if gm_alone else "hashes_differ")

    def _signature_hash(self, key: PublicKey) -> str:
        algorithm = self._algorithm(key)
        parameters = self._signer.signature_parameters
        return signature_hash(algorithm, parameters) if algorithm else ""

    def _weaknesses(self, certificate: Certificate | None) -> tuple[str, ...]:
        signer, content = self._signer, ""
        if self._covered is not None and self._data.content is not None:
            raw = _base64_digest(self._data.content) or self._data.content
            content = "sha1" if len(raw) == 20 else ""
        return weaknesses(
            certificate.public_key if certificate else None,
            signer.signature_algorithm,
            signer.signature_parameters,
            signer.digest_name,
            content,
        )


def _base64_digest(content: bytes) -> bytes:
    """The digest whose Base64 text *content* is; empty if it is no such text."""
    if len(content) > 100:
        return b""
    try:
        raw = base64.b64decode(content.strip(), validate=True)
    except (binascii.Error, ValueError):
        return b""
    return raw if len(raw) in (20, 32, 48, 64) else b""


# --- x509.rsa_sha1 -----------------------------------------------------------------------------


@frozen
class RsaFacts:
    """What is so about a bare PKCS#1 value (ISO 32000-1 §12.8.3.2)."""

    certificate: Certificate
    digest_name: str
    """hashlib's name, "" if it is not known."""
    signature_valid: bool | None
    """None: the key is not RSA or the digest is unknown or refused."""
    weaknesses: tuple[str, ...]


def verify_rsa_value(
    contents: bytes, certificates: Sequence[bytes], content_digest: ContentDigest
) -> RsaFacts:
    """The facts about adbe.x509.rsa_sha1: *contents* is /Contents, an OCTET STRING (padding may
    follow) holding the PKCS#1 v1.5 value; *certificates* are the DER of /Cert, the signer's first.

    Raises :class:`CmsError` if either cannot be read."""
    try:
        value = der.parse(contents, trailing=True)
        if value.tag != der.OCTET_STRING:
            raise CmsError("a PKCS#1 value is an OCTET STRING")
        certificate = Certificate.parse(certificates[0] if certificates else b"")
    except (der.DerError, CertificateError) as error:
        raise CmsError(f"not a PKCS#1 value with its certificate: {error}") from error
    kind = _recovered_digest(certificate.public_key, value.content)
    name, valid = HASHES.get(kind, ""), None
    algorithm = next((oid for oid, hash_name in RSA_SIGNATURES.items() if hash_name == name), "")
    if certificate.public_key.kind == "rsa" and (algorithm or not kind):
        valid = bool(algorithm) and certificate.public_key.verify(
            algorithm, content_digest(name), value.content, prehashed=True
        )
    named = name or BROKEN.get(kind, "")
    weak = weaknesses(certificate.public_key, algorithm, b"", named)
    return RsaFacts(certificate, named, valid, weak)


def _recovered_digest(key: PublicKey, signature: bytes) -> str:
    """The digest algorithm named inside a PKCS#1 v1.5 value, as OID; "" if it does not fit."""
    try:
        public = serialization.load_der_public_key(key.spki)
        if not isinstance(public, rsa.RSAPublicKey):
            return ""
        info = public.recover_data_from_signature(signature, padding.PKCS1v15(), None)
        return read_algorithm(der.parse(info).children(der.SEQUENCE))[0]
    except (ValueError, InvalidSignature, UnsupportedAlgorithm):
        return ""
