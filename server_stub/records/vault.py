"""Secrets at rest: the master key, sealed fields, and where private keys live.

Everything sealed is SM4-GCM with a random 96-bit nonce in front and the place it belongs to as
authenticated data, so that a ciphertext moved to another row does not open. Each purpose has its
own key, derived from the master key with HMAC-SM3: one key, one purpose (第十六条、第二十五条).

:class:`SoftKeyStore` is for demonstration and tests. In production a cipher machine or a signature
server stands behind the same :class:`KeyStore` protocol.
"""

from __future__ import annotations

import os
import re
import secrets
import sys
import time
from dataclasses import field
from functools import cached_property
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from crypto.algorithms import gm
from crypto.algorithms.keys import SoftKey
from crypto.frozen import frozen
from crypto.owner_only import exposed, protect

_NONCE = 12
_PATIENCE_S = 5.0
"""How long a reader may hold a file that is to be replaced."""


class VaultError(Exception):
    """A master key is unusable, or something sealed is missing or does not open."""


class ServerKey(Protocol):
    """A private key of the platform, wherever it lives."""

    @property
    def public(self) -> bytes:
        """SM2: 64 bytes X‖Y; RSA: the same as `spki`."""

    @property
    def spki(self) -> bytes:
        """SubjectPublicKeyInfo, DER."""

    @property
    def certificate(self) -> bytes:
        """DER; empty before one was issued."""

    def sign(self, message: bytes) -> bytes:
        """As :class:`crypto.algorithms.keys.SigningKey` says: SM2 with SM3, or RSA with SHA-256."""

    def decrypt(self, ciphertext: bytes) -> bytes:
        """The plaintext of an SM2Cipher (GM/T 0009, DER). Raises
        :class:`crypto.algorithms.gm.GmError` for what is none, or for another key."""


class KeyStore(Protocol):
    """Keeps private keys; they never leave it."""

    def generate(self, algorithm: str = "SM2") -> str:
        """Make a key pair, "SM2" or "RSA"; gives its reference."""

    def open(self, reference: str, certificate: bytes = b"") -> ServerKey:
        """The key of *reference*. Raises :class:`VaultError`."""

    def destroy(self, reference: str) -> None:
        """Remove the key for ever (GB/T 17901.1: destruction)."""


def hmac_sm3(key: bytes, message: bytes) -> bytes:
    """HMAC with SM3 (RFC 2104; block 64 bytes): 32 bytes."""
    block = (gm.sm3(key) if len(key) > 64 else key).ljust(64, b"\0")
    inner = gm.sm3(bytes(b ^ 0x36 for b in block) + message)
    return gm.sm3(bytes(b ^ 0x5C for b in block) + inner)


@frozen
class Vault:
    """Seals and opens under keys derived from one master key."""

    master: bytes = field(repr=False)
    """16 bytes."""

    @classmethod
    def load(cls, given: str, file: Path) -> Vault:
        """From 32 hex digits, or else from *file*, which is made (mode 0600) if it is missing."""
        if not given:
            file.parent.mkdir(parents=True, exist_ok=True)
            try:
                write_private(file, secrets.token_hex(16).encode(), exclusive=True)
            except FileExistsError:
                if exposed(file):
                    raise VaultError(f"{file} can be read by others: make it its owner's") from None
            given = file.read_text("ascii").strip()
        if not re.fullmatch(r"[0-9a-fA-F]{32}", given):
            raise VaultError("the master key is 32 hex digits")
        return cls(bytes.fromhex(given))

    def seal(self, place: str, plaintext: bytes) -> bytes:
        """nonce ‖ ciphertext ‖ tag. *place* is "table.column:id"; its part before the colon selects
        the key, all of it is authenticated."""
        nonce = secrets.token_bytes(_NONCE)
        return nonce + gm.sm4_gcm_encrypt(self._key(place), nonce, plaintext, place.encode())

    def open(self, place: str, sealed: bytes) -> bytes:
        """The plaintext. Raises :class:`VaultError` if anything was altered or moved."""
        try:
            nonce, value = sealed[:_NONCE], sealed[_NONCE:]
            return gm.sm4_gcm_decrypt(self._key(place), nonce, value, place.encode())
        except gm.GmError as error:
            raise VaultError(f"{place} does not open: altered, or another master key") from error

    def blind_index(self, column: str, value: str) -> bytes:
        """32 bytes by which equal values find each other without being read."""
        return hmac_sm3(hmac_sm3(self.master, f"index {column}".encode()), value.encode())

    def _key(self, place: str) -> bytes:
        return hmac_sm3(self.master, f"seal {place.partition(':')[0]}".encode())[:16]


def write_private(file: Path, content: bytes, *, exclusive: bool = False) -> None:
    """Write *content* durably to *file*, readable by its owner only.

    Raises FileExistsError when *exclusive* and it exists."""
    target = file if exclusive else file.with_name(f"{file.name}.{secrets.token_hex(4)}.new")
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        protect(target)
        stream.write(content)
        stream.flush()
        os.fsync(descriptor)
    if not exclusive:
        _give_name(target, file)


def _give_name(fresh: Path, file: Path) -> None:
    """*fresh* takes the place of *file*. Windows refuses it while somebody reads *file*."""
    end = time.monotonic() + _PATIENCE_S
    while True:
        try:
            fresh.replace(file)
            return
        except PermissionError:
            held = sys.platform == "win32" and time.monotonic() < end
            if not held:
                raise
        time.sleep(0.01)


@frozen
class RsaKey:
    """An RSA key in memory, for what foreign readers must be able to verify."""

    private: bytes = field(repr=False)
    """PKCS#8, DER."""
    certificate: bytes = b""

    BITS = 3072

    @classmethod
    def generate(cls) -> RsaKey:
        """A fresh key without a certificate."""
        made = rsa.generate_private_key(65537, cls.BITS)
        encoding, plain = serialization.Encoding.DER, serialization.NoEncryption()
        return cls(made.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain))

    @cached_property
    def _opened(self) -> rsa.RSAPrivateKey:
        # Made here and kept under the vault's tag: it is what it was. To test its primes anew at
        # every start would take longer than the rest of the start.
        opened = serialization.load_der_private_key(
            self.private, None, unsafe_skip_rsa_key_validation=True
        )
        if not isinstance(opened, rsa.RSAPrivateKey):
            raise VaultError("not an RSA key")
        return opened

    @property
    def public(self) -> bytes:
        return self.spki

    @cached_property
    def spki(self) -> bytes:
        """SubjectPublicKeyInfo, DER."""
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self._opened.public_key().public_bytes(serialization.Encoding.DER, form)

    def sign(self, message: bytes) -> bytes:
        """RSASSA-PKCS1-v1_5 with SHA-256."""
        return self._opened.sign(message, padding.PKCS1v15(), hashes.SHA256())

    def decrypt(self, ciphertext: bytes) -> bytes:
        """Not for RSA: such a key signs for foreign readers only."""
        raise gm.GmError("an RSA key opens no SM2Cipher")


@frozen
class SoftKeyStore:
    """Keys in files, sealed by the vault; in memory while they sign."""

    vault: Vault
    directory: Path

    def generate(self, algorithm: str = "SM2") -> str:
        reference = secrets.token_hex(8)
        self.directory.mkdir(parents=True, exist_ok=True)
        key = RsaKey.generate() if algorithm == "RSA" else SoftKey.generate()
        write_private(self._file(reference), self.vault.seal(f"keystore:{reference}", key.private))
        return reference

    def open(self, reference: str, certificate: bytes = b"") -> ServerKey:
        try:
            sealed = self._file(reference).read_bytes()
        except FileNotFoundError as error:
            raise VaultError(f"the key {reference} is not in this store") from error
        private = self.vault.open(f"keystore:{reference}", sealed)
        if len(private) == 32:
            return SoftKey.load(private, certificate)
        return RsaKey(private, certificate)

    def destroy(self, reference: str) -> None:
        self._file(reference).unlink(missing_ok=True)

    def _file(self, reference: str) -> Path:
        if not re.fullmatch(r"[0-9a-f]{16}", reference):
            raise VaultError("not a key reference")
        return self.directory / f"{reference}.key"
