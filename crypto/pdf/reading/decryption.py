"""Opens encrypted documents that pyHanko does not open.

:mod:`crypto.pdf.reading.pyhanko_patches` installs what is here in the place of its functions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from pyhanko.pdf_utils.crypt import StandardSecuritySettingsRevision

REVISION_5 = 5
"""AES-256 as Acrobat 9 wrote it (Adobe Supplement to ISO 32000, extension level 3): as revision 6
(ISO 32000-2 §7.6.4), but a password is hashed once."""
_UNKNOWN = StandardSecuritySettingsRevision.OTHER
"""What pyHanko calls it, and every other that it does not know."""
_hash_once: ContextVar[bool] = ContextVar("hash a password once", default=False)


def is_known(handler: Any, revision: Any) -> bool:
    """Can this *revision*, as the document states it, be opened by pyHanko's *handler*?"""
    return handler.revision is not _UNKNOWN or revision == REVISION_5


def authenticator(library: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Tries a password by *library*, which derives a key and proves the permissions with it."""

    def authenticate(self: Any, password: str | bytes) -> Any:
        token = _hash_once.set(self.revision is _UNKNOWN)
        try:
            return library(self, password)
        finally:
            _hash_once.reset(token)

    return authenticate


def password_hash(library: Callable[..., bytes]) -> Callable[..., bytes]:
    """The hash of a password with a salt and the user's entry: once in revision 5, else by
    *library*."""

    def hashed(password: bytes, salt: bytes, user_entry: bytes | None = None) -> bytes:
        if _hash_once.get():
            return hashlib.sha256(password + salt + (user_entry or b"")).digest()
        return library(password, salt, user_entry)

    return hashed


def aes_decrypter(upstream: Callable[..., bytes]) -> Callable[..., bytes]:
    """*upstream*, a method that decrypts by AES, for which nothing is empty, too."""

    def decrypt(self: Any, key: Any, ciphertext: bytes, params: Any = None) -> bytes:
        return upstream(self, key, ciphertext, params) if ciphertext else b""

    return decrypt
