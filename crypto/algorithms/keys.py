"""Who can sign: the one protocol that a Ukey, a server key and a test key all satisfy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field, fields, replace
from functools import cached_property
from typing import Protocol

from crypto.algorithms import gm
from crypto.asn1 import der
from crypto.frozen import frozen

EC_PUBLIC_KEY = "1.2.840.10045.2.1"
SM2_CURVE = "1.2.156.10197.1.301"
SM2_WITH_SM3 = "1.2.156.10197.1.501"


class SigningKey(Protocol):
    """A private key, wherever it is, with its certificate."""

    @property
    def certificate(self) -> bytes:
        """The signer's certificate, DER."""

    def sign(self, message: bytes) -> bytes:
        """The signature over *message*: SM2 with SM3 and the default user id as DER ``{r, s}``;
        ECDSA with SHA-256 as DER; RSA PKCS#1 v1.5 with SHA-256 as modulus-sized bytes.

        It takes the message, not a digest, because some tokens insist on hashing themselves."""


def sm2_spki(public: bytes) -> bytes:
    """SubjectPublicKeyInfo (DER) of a 64-byte SM2 public key X‖Y (GB/T 20518)."""
    algorithm = der.sequence(der.oid(EC_PUBLIC_KEY), der.oid(SM2_CURVE))
    return der.sequence(algorithm, der.bit_string(b"\x04" + public))


@frozen
class SoftKey:
    """An SM2 key in memory: for the platform's own keys and for tests, never for a company's
    seal."""

    private: bytes = field(repr=False)
    """32 bytes."""

    public: bytes
    """64 bytes X‖Y."""

    certificate: bytes = b""
    """DER; empty until one was issued."""

    @classmethod
    def generate(cls) -> SoftKey:
        """A fresh key without a certificate."""
        return cls.load(gm.generate_private_key())

    @classmethod
    def load(cls, private: bytes, certificate: bytes = b"") -> SoftKey:
        """The key of 32 private bytes; raises :class:`crypto.algorithms.gm.GmError` out of
        range."""
        return cls(private, gm.public_key_of(private), certificate)

    @property
    def spki(self) -> bytes:
        """SubjectPublicKeyInfo, DER."""
        return sm2_spki(self.public)

    def with_certificate(self, certificate: bytes) -> SoftKey:
        """The same key with *certificate* (DER)."""
        return replace(self, certificate=certificate)

    def sign(self, message: bytes) -> bytes:
        """DER signature over *message* with the default user id."""
        return self._signer(gm.sm2_e(self.public, message))

    @cached_property
    def _signer(self) -> Callable[[bytes], bytes]:
        return gm.sm2_signer(self.private)

    def __getstate__(self) -> dict[str, object]:
        """What goes into another process, or a copy: not what libcrypto holds of it."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def decrypt(self, ciphertext: bytes) -> bytes:
        """The plaintext of an SM2Cipher (GM/T 0009, DER); raises
        :class:`crypto.algorithms.gm.GmError` for what is none, or for another key."""
        return gm.sm2_decrypt(self.private, ciphertext)
