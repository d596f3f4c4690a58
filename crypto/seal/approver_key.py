"""A key that pages are encrypted for, which an approver's Ukey has signed.

Drivers of Ukeys offer no decryption. So each of an approver's computers makes an SM2 key, keeps
the private half in the system's keyring, and the Ukey signs the public half. Whoever encrypts
checks that signature, so that the platform cannot insert a key of its own.

    SEQUENCE { text OCTET STRING, certificate OCTET STRING, signature BIT STRING }
"""

from __future__ import annotations

import re
from typing import ClassVar

from crypto.algorithms.gm import is_public_key, sm3
from crypto.algorithms.keys import SigningKey
from crypto.frozen import frozen
from crypto.pki.certificate import Certificate
from crypto.pki.signed_body import SignedBody, SignedBodyError, sign_body
from crypto.seal.purpose_text import PurposeText, PurposeTextError, read_time

MAX_SIZE = 8 * 1024


class ApproverKeyError(ValueError):
    """The bytes are no key that a Ukey has signed."""


@frozen
class ApproverKey(PurposeText):
    """What the Ukey signs."""

    PURPOSE: ClassVar = "SUQIAN-SEAL-APPROVER-KEY-V1"

    origin: str
    certificate: str
    """Serial number of the Ukey's certificate, hex."""
    key_sm2: str
    """Public key X‖Y, hex."""
    created: str
    nonce: str

    @property
    def problem(self) -> str:
        if not re.fullmatch("[0-9a-f]{128}", self.key_sm2):
            return "no key"
        try:
            read_time(self.created)
        except PurposeTextError as error:
            return str(error)
        return "" if is_public_key(bytes.fromhex(self.key_sm2)) else "no key"


@frozen
class SignedApproverKey:
    """A key that the certificate's key has signed; the certificate is yet to be trusted."""

    token: bytes
    key: ApproverKey
    certificate: Certificate

    @property
    def public(self) -> bytes:
        """X‖Y."""
        return bytes.fromhex(self.key.key_sm2)

    @property
    def key_id(self) -> str:
        """SM3 of the public key, hex."""
        return sm3(self.public).hex()

    @classmethod
    def make(cls, key: ApproverKey, ukey: SigningKey) -> SignedApproverKey:
        """Sign *key*. Raises what the Ukey raises."""
        text = key.encode()
        return cls.parse(sign_body(b"", text, ukey))

    @classmethod
    def parse(cls, token: bytes) -> SignedApproverKey:
        """Raises :class:`ApproverKeyError`."""
        try:
            signed = SignedBody.parse(token, MAX_SIZE)
            key = ApproverKey.parse(signed.body)
        except (SignedBodyError, PurposeTextError) as error:
            raise ApproverKeyError(f"no key of an approver: {error}") from error
        if key.certificate != f"{signed.certificate.serial:x}":
            raise ApproverKeyError("the key names another certificate")
        if not signed.holds(b""):  # its first line says what it is
            raise ApproverKeyError("the signature of the key is wrong")
        return cls(token, key, signed.certificate)
