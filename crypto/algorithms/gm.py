"""SM2, SM3 and SM4 behind one small interface (GB/T 32918, 32905, 32907; GM/T 0009).

Shapes: private keys are 32 bytes big-endian, public keys 64 bytes X‖Y, digests 32 bytes,
signatures DER ``SEQUENCE { r, s }``. Reading is lenient where real seals need it (raw r‖s,
non-minimal integers: docs/design/standards.md §1.4), writing is minimal DER.

>>> private = generate_private_key()
>>> signature = sm2_sign(private, b"contract")
>>> sm2_verify(public_key_of(private), b"contract", signature)
True

The engine is chosen at import: libcrypto (OpenSSL 3, which CPython ships) or, without SM2 there,
the portable ``gmssl``. Whichever it is must reproduce the standards' vectors first, or this module
refuses to load. SM3 of documents is hashlib's or cryptography's; ``gmssl`` never hashes a file.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from functools import cache
from typing import Protocol

from crypto.algorithms.gm_libcrypto import EngineUnavailable, LibcryptoEngine
from crypto.asn1 import der

DEFAULT_ID = b"1234567812345678"
"""The user id that GM/T 0009 §10 prescribes where nothing else is agreed."""

P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
_CURVE = bytes.fromhex(
    "FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFC"
    "28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93"
    "32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7"
    "BC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0"
)  # a ‖ b ‖ xG ‖ yG


class GmError(ValueError):
    """A key, signature or ciphertext is malformed, or a decryption failed its check."""


class Hasher(Protocol):
    """A running digest, as hashlib gives it."""

    def update(self, data: bytes | memoryview, /) -> None: ...
    def digest(self) -> bytes: ...


class Engine(Protocol):
    """The SM2 operations an engine supplies; everything else is written once, here."""

    @property
    def name(self) -> str: ...
    def multiply(self, scalar: bytes, point: bytes | None) -> bytes: ...
    def on_curve(self, point: bytes) -> bool: ...
    def sign(self, private: bytes, e: bytes) -> bytes: ...
    def signer(self, private: bytes) -> Callable[[bytes], bytes]: ...
    def verify(self, public: bytes, e: bytes, signature: bytes) -> bool: ...


# --- SM3 ---------------------------------------------------------------------------------------


def sm3_hasher() -> Hasher:
    """A running SM3: ``update(data)``, ``digest()`` → 32 bytes."""
    try:
        return _empty_sm3().copy()
    except ValueError:  # an OpenSSL without SM3
        return _CryptographySm3()


@cache
def _empty_sm3() -> hashlib._Hash:
    """Never updated: a copy costs less than looking the algorithm up each time."""
    return hashlib.new("sm3")


class _CryptographySm3:
    def __init__(self) -> None:
        from cryptography.hazmat.primitives import hashes

        self._hash = hashes.Hash(hashes.SM3())

    def update(self, data: bytes | memoryview, /) -> None:
        self._hash.update(bytes(data))

    def digest(self) -> bytes:
        return self._hash.copy().finalize()


def sm3(data: bytes) -> bytes:
    """SM3 of *data*: 32 bytes (GB/T 32905-2016)."""
    hasher = sm3_hasher()
    hasher.update(data)
    return hasher.digest()


# --- SM2 ---------------------------------------------------------------------------------------


def generate_private_key() -> bytes:
    """A fresh private key in [1, n−2] (GB/T 32918.1 §6.1)."""
    return (secrets.randbelow(N - 2) + 1).to_bytes(32, "big")


def public_key_of(private: bytes) -> bytes:
    """The public key X‖Y of a private key. Raises :class:`GmError` on one out of range."""
    _check_private(private)
    return _engine.multiply(private, None)


def is_public_key(public: bytes) -> bool:
    """Is *public* (64 bytes X‖Y) a point of the SM2 curve?"""
    return len(public) == 64 and _engine.on_curve(public)


def sm2_z(public: bytes, user_id: bytes = DEFAULT_ID) -> bytes:
    """Z, the 32 bytes hashed before the message: signer's id, curve and key (GM/T 0009 §8)."""
    if len(public) != 64 or len(user_id) >= 8192:
        raise GmError("a public key has 64 bytes, a user id fewer than 8192")
    return sm3((8 * len(user_id)).to_bytes(2, "big") + user_id + _CURVE + public)


def sm2_e(public: bytes, message: bytes, user_id: bytes = DEFAULT_ID) -> bytes:
    """e = SM3(Z ‖ message), the 32 bytes that SM2 signs (GM/T 0009 §8)."""
    return sm3(sm2_z(public, user_id) + message)


def sm2_sign(private: bytes, message: bytes, user_id: bytes = DEFAULT_ID) -> bytes:
    """DER signature over *message*."""
    return sm2_sign_e(private, sm2_e(public_key_of(private), message, user_id))


def sm2_sign_e(private: bytes, e: bytes) -> bytes:
    """DER signature over the 32-byte *e* of :func:`sm2_e`."""
    _check_private(private)
    if len(e) != 32:
        raise GmError("e has 32 bytes")
    return _engine.sign(private, e)


def sm2_signer(private: bytes) -> Callable[[bytes], bytes]:
    """What makes :func:`sm2_sign_e` of one key, for who signs again and again; it keeps the key."""
    _check_private(private)
    return _engine.signer(private)


def sm2_verify(
    public: bytes, message: bytes, signature: bytes, user_id: bytes = DEFAULT_ID
) -> bool:
    """Is *signature* (DER or raw r‖s) right for *message*? False for every malformed input."""
    return len(public) == 64 and sm2_verify_e(public, sm2_e(public, message, user_id), signature)


def sm2_verify_e(public: bytes, e: bytes, signature: bytes) -> bool:
    """As :func:`sm2_verify`, for a given 32-byte *e*."""
    try:
        if len(e) != 32 or not is_public_key(public):
            return False
        return _engine.verify(public, e, signature_der(*signature_values(signature)))
    except ValueError:
        return False


def signature_values(signature: bytes) -> tuple[int, int]:
    """(r, s) of a signature in DER or as raw 64 bytes r‖s.

    Integers may be non-minimal or lack the sign byte (koal's seals): they are read as unsigned and
    must lie in [1, n−1]. Raises :class:`GmError`."""
    try:
        values = der.parse(signature).children(der.SEQUENCE)
        r, s = (int.from_bytes(values.next(der.INTEGER).content, "big") for _ in "rs")
        values.finish()
    except der.DerError as error:
        if len(signature) != 64:  # raw values may begin like a SEQUENCE, so DER is tried first
            raise GmError(f"not an SM2 signature: {error}") from error
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    if not (1 <= r < N and 1 <= s < N):
        raise GmError("r or s is out of range")
    return r, s


def signature_der(r: int, s: int) -> bytes:
    """Minimal DER ``SEQUENCE { r, s }``; raises :class:`GmError` out of [1, n−1]."""
    if not (1 <= r < N and 1 <= s < N):
        raise GmError("r or s is out of range")
    return der.sequence(der.integer(r), der.integer(s))


def sm2_encrypt(public: bytes, plaintext: bytes) -> bytes:
    """DER ``SM2Cipher { X, Y, HASH, CipherText }`` (C1 C3 C2; GM/T 0009 §7.2)."""
    if not is_public_key(public) or not plaintext:
        raise GmError("SM2 encrypts at least one byte to a point of the curve")
    while True:
        nonce = generate_private_key()
        shared = _engine.multiply(nonce, public)
        mask = _kdf(shared, len(plaintext))
        if any(mask):  # an all-zero mask must be drawn again (GB/T 32918.4 §6.1 A5)
            break
    point = _engine.multiply(nonce, None)
    return der.sequence(
        der.integer(int.from_bytes(point[:32], "big")),
        der.integer(int.from_bytes(point[32:], "big")),
        der.octet_string(sm3(shared[:32] + plaintext + shared[32:])),
        der.octet_string(_xor(plaintext, mask)),
    )


def sm2_decrypt(private: bytes, ciphertext: bytes) -> bytes:
    """The plaintext of an ``SM2Cipher``; :class:`GmError` if it is malformed or C3 differs."""
    _check_private(private)
    try:
        fields = der.parse(ciphertext).children(der.SEQUENCE)
        x, y = fields.integer(), fields.integer()
        check, masked = fields.octets(), fields.octets()
        fields.finish()
        point = x.to_bytes(32, "big") + y.to_bytes(32, "big")
        shared = _engine.multiply(private, point)
    except (ValueError, OverflowError) as error:
        raise GmError("not an SM2 ciphertext") from error
    plaintext = _xor(masked, _kdf(shared, len(masked)))
    if not secrets.compare_digest(check, sm3(shared[:32] + plaintext + shared[32:])):
        raise GmError("the ciphertext was altered or is for another key")
    return plaintext


def _kdf(shared: bytes, size: int) -> bytes:
    blocks = ((size + 31) // 32) + 1
    return b"".join(sm3(shared + i.to_bytes(4, "big")) for i in range(1, blocks))[:size]


def _xor(left: bytes, right: bytes) -> bytes:
    size = len(left)
    return (int.from_bytes(left, "big") ^ int.from_bytes(right, "big")).to_bytes(size, "big")


def _check_private(private: bytes) -> None:
    if len(private) != 32 or not 1 <= int.from_bytes(private, "big") <= N - 2:
        raise GmError("a private key has 32 bytes in [1, n-2]")


# --- SM4 ---------------------------------------------------------------------------------------


def sm4_gcm_encrypt(key: bytes, nonce: bytes, plaintext: bytes, aad: bytes = b"") -> bytes:
    """Ciphertext ‖ 16-byte tag. *key* 16 bytes, *nonce* 12 bytes and never used twice."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    _check_gcm(key, nonce)
    encryptor = Cipher(algorithms.SM4(key), modes.GCM(nonce)).encryptor()
    encryptor.authenticate_additional_data(aad)
    return encryptor.update(plaintext) + encryptor.finalize() + encryptor.tag


def sm4_gcm_decrypt(key: bytes, nonce: bytes, ciphertext: bytes, aad: bytes = b"") -> bytes:
    """The plaintext of ciphertext ‖ tag; :class:`GmError` if anything was altered."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    _check_gcm(key, nonce)
    if len(ciphertext) < 16:
        raise GmError("the ciphertext is shorter than its tag")
    mode = modes.GCM(nonce, ciphertext[-16:])
    decryptor = Cipher(algorithms.SM4(key), mode).decryptor()
    decryptor.authenticate_additional_data(aad)
    try:
        return decryptor.update(ciphertext[:-16]) + decryptor.finalize()
    except InvalidTag as error:
        raise GmError("the ciphertext was altered or the key is wrong") from error


def sm4_cbc_encrypt(key: bytes, iv: bytes, plaintext: bytes) -> bytes:
    """SM4-CBC with PKCS#7 padding; *key* and *iv* 16 bytes. No integrity: for foreign formats."""
    from cryptography.hazmat.primitives import padding
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    _check_cbc(key, iv)
    padder = padding.PKCS7(128).padder()
    padded = padder.update(plaintext) + padder.finalize()
    encryptor = Cipher(algorithms.SM4(key), modes.CBC(iv)).encryptor()
    return encryptor.update(padded) + encryptor.finalize()


def sm4_cbc_decrypt(key: bytes, iv: bytes, ciphertext: bytes) -> bytes:
    """The plaintext of :func:`sm4_cbc_encrypt`; :class:`GmError` on bad length or padding."""
    from cryptography.hazmat.primitives import padding
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    _check_cbc(key, iv)
    decryptor = Cipher(algorithms.SM4(key), modes.CBC(iv)).decryptor()
    unpadder = padding.PKCS7(128).unpadder()
    try:
        padded = decryptor.update(ciphertext) + decryptor.finalize()
        return unpadder.update(padded) + unpadder.finalize()
    except ValueError as error:
        raise GmError("the ciphertext is damaged or the key is wrong") from error


def _check_gcm(key: bytes, nonce: bytes) -> None:
    if len(key) != 16 or len(nonce) != 12:
        raise GmError("SM4-GCM takes a 16-byte key and a 12-byte nonce")


def _check_cbc(key: bytes, iv: bytes) -> None:
    if len(key) != 16 or len(iv) != 16:
        raise GmError("SM4-CBC takes a 16-byte key and a 16-byte IV")


# --- the engine --------------------------------------------------------------------------------


def choose_engine() -> Engine:
    """The native engine if this machine has one, else the portable one; self-tested."""
    try:
        engine: Engine = LibcryptoEngine()
    except EngineUnavailable:
        from crypto.algorithms.gm_portable import PortableEngine

        engine = PortableEngine()
    self_test(engine)
    return engine


def self_test(engine: Engine) -> None:
    """Hold *engine* and SM3 to GB/T 32905 A.1 and GB/T 32918.5 A.2; RuntimeError if they fail."""
    if sm3(b"abc").hex() != "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0":
        raise RuntimeError("SM3 on this machine does not compute GB/T 32905 A.1")
    private = bytes.fromhex("3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8")
    public = bytes.fromhex(
        "09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"
        "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
    )
    e = bytes.fromhex("F0B43E94BA45ACCAACE692ED534382EB17E6AB5A19CE7B31F4486FDFC0D28640")
    signature = signature_der(
        0xF5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3,
        0xB1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA,
    )
    own = engine.sign(private, e)
    checks = (
        sm2_e(public, b"message digest") == e,
        engine.multiply(private, None) == public,
        engine.verify(public, e, signature),
        engine.verify(public, e, own) and own != signature,
        not engine.verify(public, e[:31] + b"\x41", signature),
    )
    if not all(checks):
        raise RuntimeError(f"the SM2 engine {engine.name} fails the standard's vectors")


_engine: Engine = choose_engine()
