"""The values that go into /Contents, by profile (docs/design/standards.md §3.3).

Each may have a time stamp.

    ses, ses-adobe   SES_Signature of GB/T 38540-2020, the seal inside; time stamp in timeStamp [0]
    cms              SM2 SignedData, the seal a signed attribute; time stamp an unsigned attribute
    pades            SignedData by an RSA or P-256 key, no seal (EN 319 142-1: B-B, with time B-T)

A time stamp is always over the bytes of the signature, asked for when these are known.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from crypto.algorithms.keys import SigningKey
from crypto.frozen import frozen
from crypto.pdf.signing.sign import PROFILES, Profile, Revision, property_info
from crypto.pki import cms_make
from crypto.pki.cms import Attribute, CmsError
from crypto.pki.timestamp import TimestampError
from crypto.seal.making import add_timestamp, make_signature
from crypto.seal.statement import STAPLE
from crypto.seal.structure import Extension, SealSignature

SEALED = ("ses", "ses-adobe", "cms")
"""The profiles that carry a seal."""

TICKET_ROOM = 2048
"""Bytes reserved for the platform's ticket; real ones take about 1,100."""
TOKEN_ROOM = 12 * 1024
"""Bytes reserved for a time stamp: with three RSA-4096 certificates it takes about 8,000."""
_MARGIN = 600
"""Bytes of a seal signature besides the seal, the certificate and the ticket."""

TimestampSource = Callable[[bytes, str], bytes | None]
"""(bytes to stamp, digest that goes with the signature: "sm3" or "sha256") → a TimeStampToken,
DER; None: there is to be none. Raises if there is none and there should be."""


@frozen
class SignatureMaker:
    """Who signs, and how; :meth:`make` is what :func:`crypto.pdf.signing.sign.sign_revision` asks
    for."""

    profile: str
    """A name in :data:`crypto.pdf.signing.sign.PROFILES`."""
    key: SigningKey
    seal: bytes = b""
    """SESeal DER; b"" in profile pades."""
    certificates: tuple[bytes, ...] = ()
    """Further certificates to embed in a SignedData, DER: the signer's chain."""
    timestamp: TimestampSource | None = None
    room: int = 0
    """Bytes to reserve for what a ticket has of approvals."""

    def __post_init__(self) -> None:
        """Raises :class:`CmsError` if key, seal and profile do not go together."""
        if self.label.hash_name != cms_make.hash_name_for(self.key.certificate):
            raise CmsError(f"a key of another kind is needed for profile {self.profile}")
        if (self.profile in SEALED) != bool(self.seal):
            raise CmsError(f"profile {self.profile} and a seal do not go together")

    @property
    def label(self) -> Profile:
        """How the value is labelled in the PDF, and its digest."""
        return PROFILES[self.profile]

    @property
    def size(self) -> int:
        """Bytes to reserve: enough for any value, ticket and time stamp included."""
        room = (TOKEN_ROOM if self.timestamp else 0) + self.room
        if self.profile in ("ses", "ses-adobe"):
            return room + len(self.seal) + len(self.key.certificate) + TICKET_ROOM + _MARGIN
        largest = cms_make.signed_data_size(
            self.key.certificate, seal=self.seal or None, certificates=self.certificates
        )
        return room + largest + (TICKET_ROOM if self.seal else 0)

    def make(self, revision: Revision, signed_at: datetime, ticket: bytes = b"") -> bytes:
        """The value for *revision*, DER; *ticket*: the platform's statement on this document, which
        the value signs too. In a SignedData the claimed time is the PDF's /M (EN 319 142-1 §6.3),
        so *signed_at* counts for SES only.

        Raises what key and `timestamp` raise, :class:`crypto.seal.structure.SealError`,
        :class:`CmsError`."""
        if self.profile in ("ses", "ses-adobe"):
            return self._ses(revision, signed_at, ticket)
        value = cms_make.make_signed_data(
            key=self.key,
            digest=revision.digest,
            seal=self.seal or None,
            certificates=self.certificates,
            attributes=[Attribute(STAPLE, (ticket,))] if ticket else [],
        )
        token = self._token(cms_make.signature_value(value))
        return cms_make.add_timestamp(value, token) if token else value

    def _ses(self, revision: Revision, signed_at: datetime, ticket: bytes) -> bytes:
        value = make_signature(
            seal=self.seal,
            digest=revision.digest,
            property_info=property_info(revision.byte_range),
            signed_at=signed_at,
            key=self.key,
            extensions=[Extension(STAPLE, False, ticket)] if ticket else [],
        )
        token = self._token(SealSignature.parse(value).signature)
        return add_timestamp(value, token) if token else value

    def _token(self, signature: bytes) -> bytes | None:
        token = self.timestamp(signature, self.label.hash_name) if self.timestamp else None
        if token and len(token) > TOKEN_ROOM - 64:
            raise TimestampError(f"a token of {len(token)} bytes has no room")
        return token
