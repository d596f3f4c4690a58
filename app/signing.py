"""From a key on a token to the :class:`crypto.algorithms.keys.SigningKey` that the stories sign
with.

Every value a token returns is verified with the certificate before anybody uses it: a wrong vendor
profile, a faulty key or the wrong slot is found here and not by the recipient.
"""

from __future__ import annotations

from crypto.algorithms import gm
from crypto.algorithms.keys import SM2_WITH_SM3
from crypto.asn1 import der
from crypto.pki.certificate import Certificate
from crypto.pki.names_and_algorithms import CertificateError
from crypto.pki.public_key import PublicKey
from device.token import BadSignature, Input, Key, KeyNotFound, Session, UnsupportedKey

_RSA_SHA256 = "1.2.840.113549.1.1.11"
_ECDSA_SHA256 = "1.2.840.10045.4.3.2"


class TokenKey:
    """A key on a token together with the certificate that vouches for it."""

    def __init__(self, key: Key, certificate: bytes = b"") -> None:
        """*certificate* (DER) must be for this key; empty only while one is being requested.

        Raises :class:`device.token.BadSignature` if it is for another key."""
        self._key = key
        self._public = PublicKey.parse(der.parse(key.public_key))
        if certificate:
            vouched = Certificate.parse(certificate).public_key
            if (vouched.kind, vouched.key_id) != (self._public.kind, self._public.key_id):
                raise BadSignature("the certificate is for another key")
        self.certificate = certificate

    @property
    def public_key(self) -> PublicKey:
        """The public half, as the token gives it."""
        return self._public

    def sign(self, message: bytes) -> bytes:
        """The signature over *message* (see :class:`crypto.algorithms.keys.SigningKey`), verified.

        Raises :class:`device.token.TokenError`'s subclasses; BadSignature if what the token
        returned
        does not verify."""
        algorithm = self._key.algorithm
        data = message
        if algorithm == "sm2" and self._key.input == Input.SM2_E:
            data = gm.sm2_e(self._public.point, message)
        raw = self._key.sign(data)
        if algorithm == "sm2":
            name = SM2_WITH_SM3
        elif algorithm == "rsa":
            name = _RSA_SHA256
        elif algorithm == "ec-p256":
            name = _ECDSA_SHA256
        else:
            raise UnsupportedKey(f"the key is of a kind that is not used here: {algorithm}")
        value = raw if algorithm == "rsa" else _as_der(raw, algorithm)
        if not self._public.verify(name, message, value):
            raise BadSignature("what the token returned does not verify")
        return value


def _as_der(raw: bytes, algorithm: str) -> bytes:
    if algorithm == "sm2":
        try:
            return gm.signature_der(*gm.signature_values(raw))
        except gm.GmError as error:
            raise BadSignature(str(error)) from error
    half = len(raw) // 2
    r, s = int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big")
    return der.sequence(der.integer(r), der.integer(s))


def find_key(session: Session, certificate: bytes) -> TokenKey:
    """The key on the token that *certificate* (DER) vouches for.

    Raises :class:`device.token.KeyNotFound`."""
    return TokenKey(key_of(session, Certificate.parse(certificate)), certificate)


def key_of(session: Session, certificate: Certificate) -> Key:
    """The key pair on the token that *certificate* is for.

    Raises :class:`device.token.KeyNotFound`."""
    wanted = certificate.public_key
    keys = session.keys()
    for key in keys:
        public = PublicKey.parse(der.parse(key.public_key))
        if (public.kind, public.key_id) == (wanted.kind, wanted.key_id):
            return key
    raise KeyNotFound("the key of this certificate is not on the token")


def keys_of(session: Session) -> list[TokenKey]:
    """The SM2 keys on the token that can sign, one for each of their certificates."""
    held = session.keys()
    return [
        TokenKey(key, certificate)
        for key in held
        if key.algorithm == "sm2"
        for certificate in key.certificates
        if _signs(certificate)
    ]


def _signs(data: bytes) -> bool:
    try:
        certificate = Certificate.parse(data)
    except CertificateError:
        return False
    return certificate.may_sign() and not certificate.is_ca
