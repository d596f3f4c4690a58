"""Platforms that are trusted for verifying, without a seal from them: pinned by their root.

By the person (信任这个平台…, ``sealdesk trust platform``), after comparing the root's fingerprint,
for some companies' seals or for all; or by the administrator, who names the platform's address in a
policy or the machine's settings. One file each in ``<config>/trust/platforms/``.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from app.durable import patiently, replace_file
from app.errors import SettingLocked
from app.settings import Origin, Settings
from crypto.frozen import frozen
from crypto.pki.certificate import Certificate
from crypto.pki.names_and_algorithms import CertificateError
from crypto.validation.anchor_rules import AnchorRule
from crypto.validation.trust import Trust

By = Literal["person", "policy"]
_MAX = 500


@frozen
class TrustedPlatform:
    """One platform, pinned by its root."""

    origin: str
    name: str
    """Its own claim."""
    root: Certificate
    pool: tuple[Certificate, ...]
    """Its other certificates."""
    holders: tuple[str, ...]
    """Organisations for whose seals alone it is trusted; empty: for all."""
    by: By
    since: datetime

    @property
    def root_sm3(self) -> str:
        """SM3 of the root, hex."""
        return self.root.fingerprint.hex()

    @property
    def trust(self) -> Trust:
        """What follows from it."""
        root = (self.root,)
        rule = AnchorRule(self.root.fingerprint, frozenset(self.holders), origin=self.origin)
        return Trust(
            seal_makers=root,
            signers=root,
            timestamps=root,
            platforms=root,
            pool=self.pool,
            rules=(rule,),
        )


def set_by_administrator(settings: Settings) -> bool:
    """Does the platform's address come from a policy or the machine's settings (MSI)?"""
    return bool(settings.platform_url) and settings.source("platform_url").origin in (
        Origin.POLICY,
        Origin.MACHINE,
    )


def trusted_platforms(settings: Settings) -> list[TrustedPlatform]:
    """Those that count now: a person's only where the policy lets people trust, the
    administrator's only while its address is still named."""
    found = []
    for path in sorted(_folder(settings).glob("*.json"))[:_MAX]:
        known = _read(path)
        if known is None:
            continue
        named = set_by_administrator(settings) and known.origin == settings.platform_url
        wrong_root = settings.platform_root and known.root_sm3 != settings.platform_root
        if known.by == "policy" and (not named or wrong_root):
            continue
        if known.by == "person" and not settings.allow_own_trust:
            continue
        found.append(known)
    return found


def keep(settings: Settings, platform: TrustedPlatform) -> TrustedPlatform:
    """Trust *platform* from now on; companies add up, and all its seals are more than some.

    Raises :class:`app.errors.SettingLocked` where a person may not, OSError."""
    if platform.by == "person" and not settings.allow_own_trust:
        raise SettingLocked("allow_own_trust")
    path = _folder(settings) / f"{platform.by}-{platform.root_sm3}.json"
    known = _read(path)
    if known is not None and platform.holders:
        both = (*known.holders, *platform.holders) if known.holders else ()
        platform = replace(platform, holders=tuple(dict.fromkeys(both)))
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, _text(platform).encode())
    return platform


def remove(settings: Settings, sm3: str) -> list[TrustedPlatform]:
    """Trust no more what a person has trusted, whose root's SM3 begins with *sm3* (8 digits)."""
    gone = []
    for path in sorted(_folder(settings).glob("person-*.json")):
        known = _read(path)
        if known is not None and len(sm3) >= 8 and known.root_sm3.startswith(sm3.lower()):
            patiently(path.unlink)
            gone.append(known)
    return gone


def trust_of(platforms: Iterable[TrustedPlatform]) -> Trust:
    """What follows from all of them."""
    trust = Trust()
    for platform in platforms:
        trust = trust.merged(platform.trust)
    return trust


def _folder(settings: Settings) -> Path:
    return settings.folders.config / "trust" / "platforms"


def _text(platform: TrustedPlatform) -> str:
    def b64(certificate: Certificate) -> str:
        return base64.b64encode(certificate.der).decode()

    fields = {
        "origin": platform.origin,
        "name": platform.name,
        "root": b64(platform.root),
        "pool": [b64(certificate) for certificate in platform.pool],
        "holders": list(platform.holders),
        "by": platform.by,
        "since": platform.since.astimezone(UTC).isoformat(),
    }
    return json.dumps(fields, ensure_ascii=False, indent=1) + "\n"


def _read(path: Path) -> TrustedPlatform | None:
    """None for a file that is none of ours: it makes nobody trusted."""
    try:
        fields = json.loads(path.read_text("utf-8"))
        known = TrustedPlatform(
            origin=str(fields["origin"]),
            name=str(fields["name"]),
            root=_certificate(fields["root"]),
            pool=tuple(map(_certificate, fields["pool"])),
            holders=tuple(map(str, fields["holders"])),
            by="policy" if fields["by"] == "policy" else "person",
            since=datetime.fromisoformat(fields["since"]),
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return known if path.name == f"{known.by}-{known.root_sm3}.json" else None


def _certificate(text: str) -> Certificate:
    try:
        return Certificate.parse(base64.b64decode(text, validate=True))
    except (binascii.Error, CertificateError) as error:
        raise ValueError(str(error)) from error
