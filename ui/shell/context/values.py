"""What the window is given of keys, trust and documents: values of one moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from crypto.frozen import frozen

if TYPE_CHECKING:
    from app.preparing import Notice
    from app.store.anchors import Anchor
    from app.store.applications import ApplicationRecord
    from app.store.cabinet import PlatformRecord, SealRecord
    from app.store.trusted_platforms import TrustedPlatform


@frozen
class CertificateView:
    """A certificate on a key, as the settings page lists it."""

    name: str
    """Common name or, where there is none, the whole subject."""
    organization: str
    issuer: str
    serial: str
    """Hexadecimal."""
    not_before: datetime
    not_after: datetime
    sm3: str
    """Fingerprint, hexadecimal."""
    der: bytes = field(default=b"", repr=False)
    role: str = ""
    """What it lets its holder do for a platform: reviewer, auditor or ""."""


@frozen
class TokenView:
    """A plugged-in key at one moment."""

    serial: str
    label: str
    manufacturer: str
    model: str
    module: str
    is_virtual: bool
    initialised: bool
    locked: bool
    final_try: bool
    must_change: bool
    tries_left: int | None
    """None: the vendor does not tell."""
    certificates: tuple[CertificateView, ...] = ()
    pin_since: datetime | None = None
    """Since when it has had its PIN, at the latest; None: blank, or nobody looked."""
    slot: int = 0
    """Tells blank keys of one driver apart, which have no serial number yet."""
    driver_signer: str = ""
    """Who has signed the driver, by Windows' judgement; "" for nobody and on other systems."""

    @property
    def roles(self) -> frozenset[str]:
        """What its holder may do for a platform."""
        return frozenset(certificate.role for certificate in self.certificates if certificate.role)


@frozen
class RegistryView:
    """How far a platform's public registry was followed."""

    platform: str
    size: int
    root: str
    """Hexadecimal."""
    seen_at: datetime | None


@frozen
class TrustView:
    """Whom this machine believes."""

    anchors: tuple[Anchor, ...]
    own_locked: bool
    """A policy forbids anchors of one's own; those on disk are ignored."""
    platforms: tuple[PlatformRecord, ...]
    registries: tuple[RegistryView, ...]
    trusted: tuple[TrustedPlatform, ...] = ()
    """Platforms that are trusted for verifying alone."""
    trust_list: str = ""
    """The list that is followed, in one line; "" if none is."""


@frozen
class DocumentFacts:
    """What matters of a document before a seal is put on it."""

    pages: int
    signatures: int
    obstacle: BaseException | None = None
    """Why no seal may be added (:class:`crypto.pdf.reading.failures.PdfLocked`, …), if so."""
    notices: tuple[Notice, ...] = ()
    """What must be known of it."""
    digest: bytes = b""
    """SM3 of the file."""
    accepted: frozenset[str] = frozenset()
    """Codes of the notices that the person has said yes to."""

    @property
    def asked(self) -> tuple[Notice, ...]:
        """What the person must still say yes to."""
        return tuple(each for each in self.notices if each.asks and each.code not in self.accepted)


class PlatformClaim(Protocol):
    """What a file and its platform say of themselves; nobody has checked it."""

    @property
    def origin(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def qualifications(self) -> Sequence[str]: ...
    @property
    def holders(self) -> Sequence[str]:
        """Organisations whose seals in the file lead to the platform's root."""

    def fits(self, places: Sequence[int], entered: str) -> bool:
        """Are these the digits of the root's SM3 at these places?"""


@frozen
class UnlockView:
    """How far the unlocking of a Ukey is."""

    seal: SealRecord | None = None
    """One of those on it; None: this computer knows none."""
    record: ApplicationRecord | None = None
    """The application for the platform's permission that was made last."""
    by_statement: bool = False
    """The Ukey takes the platform's statement; else its maker's tool sets the PIN."""
    tool: str = ""
    """Name of that tool, where it is known."""
