"""THE STORY of 信任这个平台: from a file nobody vouches for to a platform that is trusted.

    the file, or a person, names the platform's address
    → its description is fetched under the rules for addresses in documents
    → its root is the one whose fingerprint the person got elsewhere
    → the file's seals lead to that root
    → trusted for these companies' seals, or for all; the journal says so

Nothing is trusted because the file or the platform says so: what decides is the fingerprint, which
is entered and never shown.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from app.errors import (
    PlatformNotNamed,
    PlatformUnreachable,
    PlatformUntrusted,
    ServiceUnavailable,
    SettingLocked,
    UsageError,
)
from app.remote.http_client import fetch
from app.remote.platform_connection import PlatformConnection, Service
from app.settings import Settings
from app.store.journal import Journal
from app.store.trusted_platforms import TrustedPlatform, keep
from app.verifying import verify
from crypto.frozen import frozen
from crypto.validation.trust import Trust
from crypto.verdict import Report

DIGITS = 16
"""Hexadecimal digits of the root's SM3 that a person enters in the window: 64 bits."""


@frozen
class Claim:
    """What a file says of itself; nobody has checked it."""

    origin: str
    holders: tuple[str, ...]
    """Organisations in its signers' certificates."""


def claim_of(path: Path, password: str | None = None) -> Claim:
    """Which platform the file at *path* names. Raises :class:`app.errors.PlatformNotNamed`,
    and what :func:`app.verifying.verify` raises."""
    report = verify(path, trust=Trust(), password=password)
    origins = [signature.origin for signature in report.signatures if signature.origin]
    if not origins:
        raise PlatformNotNamed(str(path))
    return Claim(origins[0], _holders(report, origins[0]))


def describe(settings: Settings, origin: str) -> Service:
    """What the platform at *origin* says of itself, consistent and yet to be compared.

    Raises :class:`app.errors.PlatformUnreachable`, :class:`app.errors.PlatformUntrusted`,
    :class:`app.errors.PlatformAnswerInvalid`."""
    with PlatformConnection(origin, proxy=settings.proxy) as connection:
        url = f"{connection.origin}/v1/service"
        try:
            data = fetch(url, proxy=settings.proxy, inside=settings.fetch_hosts)
        except ServiceUnavailable as error:
            raise PlatformUnreachable(origin, error.reason) from error
        return connection.read_service(data)


def check_root(service: Service, root_sm3: str) -> None:
    """Raise :class:`app.errors.PlatformUntrusted` unless *root_sm3*, all 64 digits, is that of the
    platform's root; :class:`app.errors.UsageError` for fewer."""
    digits = _digits(root_sm3)
    if len(digits) != 64:
        raise UsageError("all_digits", "--root-sm3")
    if not secrets.compare_digest(digits, service.root.fingerprint.hex()):
        raise PlatformUntrusted(service.origin, "fingerprint")


def places(pick: Callable[[int], int] = secrets.randbelow) -> tuple[int, ...]:
    """Where in the 64 digits the :data:`DIGITS` stand that are asked for: four runs of four, which
    nobody can foresee."""
    runs = list(range(16))
    chosen = sorted(runs.pop(pick(len(runs))) for _ in range(DIGITS // 4))
    return tuple(4 * run + at for run in chosen for at in range(4))


def fits(service: Service, at: Sequence[int], entered: str) -> bool:
    """Are *entered* the digits of the root's SM3 that stand *at* these places?"""
    digits = _digits(entered)
    wanted = "".join(service.root.fingerprint.hex()[place] for place in at)
    return len(at) >= DIGITS and secrets.compare_digest(digits.encode(), wanted.encode())


@frozen
class CheckedClaim:
    """A file's platform, described by itself, with its root yet to be compared."""

    service: Service
    holders: tuple[str, ...]
    """Organisations whose seals or signatures in the file lead to its root."""

    @property
    def origin(self) -> str:
        return self.service.origin

    @property
    def name(self) -> str:
        return self.service.name

    @property
    def qualifications(self) -> tuple[str, ...]:
        return self.service.qualifications

    def fits(self, places: Sequence[int], entered: str) -> bool:
        """Are *entered* the digits of the root's SM3 at these *places*?"""
        return fits(self.service, places, entered)


def checked_claim(settings: Settings, path: Path, password: str | None = None) -> CheckedClaim:
    """Fetch what the file's platform says, and see whether the file leads to its root.

    Raises as :func:`claim_of`, :func:`describe` and :func:`holders_under` do."""
    service = describe(settings, claim_of(path, password).origin)
    return CheckedClaim(service, holders_under(path, service, password))


def holders_under(path: Path, service: Service, password: str | None = None) -> tuple[str, ...]:
    """The organisations whose seals or signatures in the file lead to the platform's root.

    Raises :class:`app.errors.PlatformUntrusted` "chain" if none does."""
    report = verify(path, trust=service.trust, password=password)
    found = _holders(report, service.origin, proved=True)
    if not found:
        raise PlatformUntrusted(service.origin, "chain")
    return found


def trust_platform(
    settings: Settings, journal: Journal, service: Service, holders: Sequence[str]
) -> TrustedPlatform:
    """Trust it from now on, for *holders* or, if there are none, for all its seals; the root has
    been compared. Raises :class:`app.errors.SettingLocked`, OSError."""
    if not settings.allow_own_trust:
        raise SettingLocked("allow_own_trust")
    pool = tuple(
        certificate for name, certificate in service.certificates.items() if name != "root"
    )
    made = TrustedPlatform(
        service.origin,
        service.name,
        service.root,
        pool,
        tuple(holders),
        "person",
        datetime.now(UTC),
    )
    kept = keep(settings, made)
    journal.append(
        "platform-trusted",
        origin=service.origin,
        root_sm3=made.root_sm3,
        holders=list(kept.holders),
        by="person",
    )
    return kept


def _holders(report: Report, origin: str, *, proved: bool = False) -> tuple[str, ...]:
    found = []
    for signature in report.signatures:
        codes = {finding.code for finding in signature.findings}
        trusted = "signer_trusted" in codes and (signature.seal is None or "maker_trusted" in codes)
        if signature.signer and (trusted if proved else signature.origin == origin):
            found.append(signature.signer.organization)
    return tuple(dict.fromkeys(name for name in found if name))


def _digits(text: str) -> str:
    return re.sub(r"[\s:·-]", "", text).lower()
