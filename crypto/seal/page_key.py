"""The key of a document's pages, wrapped for a phone: only that phone's browser can take it out.

An ephemeral P-256 key, ECDH with the key that the phone's binding names, HKDF-SHA256, AES-256-GCM::

    wrapped = 0x04 ‖ X ‖ Y (ephemeral) ‖ AES-256-GCM(key, nonce = 12 zero bytes, page key)
    key     = HKDF-SHA256(X of ECDH, salt = "", info = :data:`INFO` ‖ SHA-256 of the request's text)

Each wrapping has a key of its own, so the fixed nonce is used once.
"""

from __future__ import annotations

from crypto.seal.phone import PhoneError, spki

INFO = b"SUQIAN-SEAL-PAGE-KEY-V1"
PAGE_KEY_SIZE = 32
WRAPPED_SIZE = 65 + PAGE_KEY_SIZE + 16


def wrap_for(phone_key: bytes, page_key: bytes, request_sha256: bytes) -> bytes:
    """*page_key* (32 bytes) for the phone whose ECDH key is *phone_key* (X‖Y), for one request.

    Raises :class:`crypto.seal.phone.PhoneError` if that is no point of P-256."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        PublicFormat,
        load_der_public_key,
    )

    if len(page_key) != PAGE_KEY_SIZE:
        raise ValueError("no key of pages")
    try:
        theirs = load_der_public_key(spki(phone_key))
    except ValueError as error:
        raise PhoneError("not a key of a phone") from error
    if not isinstance(theirs, ec.EllipticCurvePublicKey):
        raise PhoneError("not a key of a phone")
    own = ec.generate_private_key(ec.SECP256R1())
    shared = own.exchange(ec.ECDH(), theirs)
    info = INFO + request_sha256
    key = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=info).derive(shared)
    point = own.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return point + AESGCM(key).encrypt(bytes(12), page_key, None)
