"""A body that somebody vouches for, in one token with who and the signature. DER::

    SEQUENCE { body OCTET STRING,
               certificate OCTET STRING,   -- of the signer, DER
               signature BIT STRING }      -- SM2 with SM3 over prefix ‖ body

What the body says, and the prefix that keeps it from passing for anything else, is the business of
whoever uses it: statements, releases, trust lists, proofs of the registry, keys of approvers.
"""

from __future__ import annotations

from crypto.algorithms.keys import SM2_WITH_SM3, SigningKey
from crypto.asn1 import der
from crypto.frozen import frozen
from crypto.pki.certificate import Certificate
from crypto.pki.names_and_algorithms import CertificateError


class SignedBodyError(ValueError):
    """The bytes are no such token, or larger than it may be."""


@frozen
class SignedBody:
    """A token taken apart; neither the signature nor whose the certificate is was checked."""

    body: bytes
    certificate: Certificate
    signature: bytes

    @classmethod
    def parse(cls, token: bytes, most: int) -> SignedBody:
        """Read a token of at most *most* bytes. Raises :class:`SignedBodyError`."""
        if len(token) > most:
            raise SignedBodyError(f"larger than {most} bytes")
        try:
            fields = der.parse(token).children(der.SEQUENCE)
            body, certificate, signature = fields.octets(), fields.octets(), fields.bits()
            fields.finish()
            return cls(body, Certificate.parse(certificate), signature)
        except (der.DerError, CertificateError) as error:
            raise SignedBodyError(str(error)) from error

    def holds(self, prefix: bytes) -> bool:
        """Has the certificate's key signed *prefix* ‖ body?"""
        signed = prefix + self.body
        return self.certificate.public_key.verify(SM2_WITH_SM3, signed, self.signature)


def sign_body(prefix: bytes, body: bytes, key: SigningKey) -> bytes:
    """The token of *body*, DER. Raises what the key raises."""
    return der.sequence(
        der.octet_string(body),
        der.octet_string(key.certificate),
        der.bit_string(key.sign(prefix + body)),
    )
