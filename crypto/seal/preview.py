"""What approvers see of a document: pictures of its pages, encrypted for them alone.

Each page is encrypted by AES-256-GCM under one key of the request; the nonce is the page's number
(12 bytes, big-endian), and authenticated with it are the SHA-256 of the request's text and that
number (4 bytes). Page 0 has the facts, JSON; the pictures, WebP, come after it. The key is wrapped
for each key of an approver: by SM2 encryption (GB/T 32918.4, C1‖C3‖C2), or for a phone as in
:mod:`crypto.seal.page_key`.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable

from crypto.algorithms import gm
from crypto.frozen import frozen
from crypto.seal.purpose_text import can_stand, is_blank

KEY_SIZE = 32
MAX_PAGE = 2 * 1024 * 1024
"""Bytes of a picture."""
MAX_PICTURES = 200
MAX_PIXELS = 4_000_000
"""Of a picture; a larger page is drawn smaller."""
MAX_ALL_PIXELS = 240_000_000
"""Of all pictures of a document."""
_MAX_FACTS = 4096


class PreviewError(ValueError):
    """A page does not open, or is not what the request says."""


def new_key() -> bytes:
    """A key for the pages of one request."""
    return secrets.token_bytes(KEY_SIZE)


def digest_of(pictures: Iterable[bytes]) -> str:
    """What a request says of the pictures: SHA-256, hex, over the SHA-256 of each in order."""
    whole = hashlib.sha256()
    for picture in pictures:
        whole.update(hashlib.sha256(picture).digest())
    return whole.hexdigest()


def encrypt_page(key: bytes, request_sha256: str, number: int, content: bytes) -> bytes:
    """Page *number* as it is uploaded."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key).encrypt(_nonce(number), content, _bound(request_sha256, number))


def decrypt_page(key: bytes, request_sha256: str, number: int, data: bytes) -> bytes:
    """The other way. Raises :class:`PreviewError`."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        return AESGCM(key).decrypt(_nonce(number), data, _bound(request_sha256, number))
    except InvalidTag as error:
        raise PreviewError(f"page {number} does not open") from error


def _nonce(number: int) -> bytes:
    return number.to_bytes(12, "big")


def _bound(request_sha256: str, number: int) -> bytes:
    return bytes.fromhex(request_sha256) + number.to_bytes(4, "big")


def wrap(public: bytes, key: bytes) -> bytes:
    """The pages' *key* for the SM2 key *public* (X‖Y)."""
    return gm.sm2_encrypt(public, key)


def unwrap(private: bytes, wrapped: bytes) -> bytes:
    """The other way. Raises :class:`PreviewError`."""
    try:
        key = gm.sm2_decrypt(private, wrapped)
    except gm.GmError as error:
        raise PreviewError("the key of the pages does not open") from error
    if len(key) != KEY_SIZE:
        raise PreviewError("no key of pages")
    return key


@frozen
class Facts:
    """Page 0: what the platform is not to know."""

    document_name: str
    salt: bytes
    """With which a request says a name that its policy hides."""

    def encode(self) -> bytes:
        """JSON, UTF-8."""
        body = {"document_name": self.document_name, "salt": self.salt.hex()}
        return json.dumps(body, ensure_ascii=False, sort_keys=True).encode()

    @classmethod
    def parse(cls, data: bytes) -> Facts:
        """Raises :class:`PreviewError`."""
        try:
            if len(data) > _MAX_FACTS:
                raise ValueError("too long")
            body = json.loads(data)
            name = body["document_name"]
            if not isinstance(name, str) or is_blank(name) or not can_stand(name):
                raise ValueError("a name that cannot be shown as it is")
            return cls(name, bytes.fromhex(body["salt"]))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise PreviewError(f"the facts cannot be read: {error}") from error

    def salted(self) -> str:
        """The name as a request says it where it is hidden."""
        return "salted-sm3 " + gm.sm3(self.salt + self.document_name.encode()).hex()

    def is_named(self, document_name: str) -> bool:
        """Is *document_name*, as a request says it, this name?"""
        salted = document_name.startswith("salted-sm3 ")
        return document_name == (self.salted() if salted else self.document_name)
