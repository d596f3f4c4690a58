"""Terms that the keeper of a seal sets and signs: what grants and policies have in common, DER::

    SignedTerms ::= SEQUENCE {
        terms        OCTET STRING,     -- canonical JSON, UTF-8
        intent       OCTET STRING,     -- the text that was signed, UTF-8
        certificate  OCTET STRING,     -- the signer's, DER
        signature    BIT STRING }      -- SM2 with SM3 over intent

The intent names the SM3 of the terms.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from crypto.algorithms.gm import sm3
from crypto.algorithms.keys import SM2_WITH_SM3
from crypto.asn1 import der
from crypto.frozen import frozen
from crypto.pki.certificate import Certificate
from crypto.pki.names_and_algorithms import CertificateError

MAX_SIZE = 16 * 1024
"""Bytes of terms, and of signed terms."""
YEARS = range(1900, 9999)
"""Of times that people sign: a month and a clock's error earlier or later is still a time."""


class TermsError(ValueError):
    """The bytes are no terms, or not signed by the certificate's key."""


def write_json(body: Mapping[str, object]) -> bytes:
    """The one form of terms: keys sorted, no spaces, UTF-8."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def read_json(terms: bytes, kind: str) -> dict[str, Any]:
    """The members of terms of the type *kind*, not yet checked. Raises :class:`TermsError`."""
    if len(terms) > MAX_SIZE:
        raise TermsError("larger than any terms")
    try:
        body = json.loads(terms)
    except (ValueError, RecursionError) as error:
        raise TermsError(f"no JSON: {error}") from error
    if not isinstance(body, dict) or body.get("type") != kind:
        raise TermsError("of another type")
    return body


def put_together(terms: bytes, intent: str, certificate: bytes, signature: bytes) -> bytes:
    """Signed terms, DER, not yet checked."""
    return der.sequence(
        der.octet_string(terms),
        der.octet_string(intent.encode()),
        der.octet_string(certificate),
        der.bit_string(signature),
    )


@frozen
class SignedTerms:
    """Terms whose signature fits the certificate inside, which is yet to be trusted."""

    terms: bytes
    subject: str
    """What the intent is about: the identifier of a grant, the code of a seal."""
    origin: str
    """Of the platform for which it was signed."""
    signed_at: datetime
    """As the signer says."""
    certificate: Certificate
    """The signer's."""

    @classmethod
    def parse(cls, token: bytes, intent: re.Pattern[str]) -> SignedTerms:
        """Read signed terms; check the signature, and that the intent names these terms.

        *intent* has the groups ``origin``, ``subject``, ``digest`` (SM3, hex) and ``at``. Raises
        :class:`TermsError`."""
        if len(token) > MAX_SIZE:
            raise TermsError("larger than any signed terms")
        try:
            fields = der.parse(token).children(der.SEQUENCE)
            terms, signed = fields.octets(), fields.octets()
            certificate_der, signature = fields.octets(), fields.bits()
            fields.finish()
            certificate = Certificate.parse(certificate_der)
            said = intent.fullmatch(signed.decode())
        except (der.DerError, CertificateError, UnicodeDecodeError) as error:
            raise TermsError(str(error)) from error
        if said is None or said["digest"] != sm3(terms).hex():
            raise TermsError("other terms were signed")
        if not certificate.public_key.verify(SM2_WITH_SM3, signed, signature):
            raise TermsError("the signature is wrong")
        at = _time(said["at"])
        return cls(terms, said["subject"], said["origin"], at, certificate)


def _time(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None or moment.year not in YEARS:
            raise ValueError("without a zone, or in no year")
    except ValueError as error:
        raise TermsError("signed at no time") from error
    return moment.astimezone(UTC)
