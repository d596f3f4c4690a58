"""A subject's public key, and whether a signature is right by it: SM2, RSA, ECDSA, EdDSA, DSA.

SM2 is verified by :mod:`crypto.algorithms.gm`, everything else by the package `cryptography`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cached_property
from typing import Any

from crypto import deadline
from crypto.algorithms import gm
from crypto.algorithms.keys import EC_PUBLIC_KEY, SM2_CURVE, SM2_WITH_SM3
from crypto.asn1 import der
from crypto.frozen import frozen
from crypto.pki.names_and_algorithms import (
    DSA_SIGNATURES,
    ECDSA_SIGNATURES,
    ED448,
    ED25519,
    PLAIN_ECDSA_SIGNATURES,
    RSA_PSS,
    RSA_SIGNATURES,
    pss_parameters,
)

_KEY_KINDS = {
    "1.2.840.113549.1.1.1": "rsa",
    RSA_PSS: "rsa",
    ED25519: "ed25519",
    ED448: "ed448",
    "1.2.840.10040.4.1": "dsa",
}


@frozen
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
        """For another process, without the key object of `cryptography`, which cannot be
        pickled."""
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
            return self._rsa_key_without_sign() if self.kind == "rsa" else None

    def _rsa_key_without_sign(self) -> Any:
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
