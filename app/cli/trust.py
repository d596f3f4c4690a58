"""``sealdesk trust``: look at the trust anchors, add one, take one away."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from app.cli.grammar import Commands
from app.cli.terminal import tell
from app.desk import Desk
from app.errors import Cancelled, SettingLocked, UsageError, phrase
from app.store import anchors
from app.store.anchors import read_certificates
from crypto.pki.certificate import Certificate


def add_commands(commands: Commands) -> None:
    """``trust list``, ``add``, ``remove``."""
    trusted = commands.group("trust", "the certificates that verification rests on")
    trusted.add("list", show, "all trust anchors")
    made = trusted.add("add", add, "trust a certificate from now on")
    made.add_argument("file", type=Path, metavar="FILE", help="certificate, PEM or DER")
    made.add_argument(
        "--for",
        dest="purpose",
        default="all",
        choices=anchors.PURPOSES,
        help="what it is trusted for (default: all three)",
    )
    made.add_argument("--yes", action="store_true", help="do not ask")
    made = trusted.add("remove", remove, "trust one no more")
    made.add_argument("sm3", metavar="SM3", help="its SM3, 8 digits at least")


def show(desk: Desk, options: argparse.Namespace) -> int:
    """All anchors but the pinned platforms', which ``sealdesk seal list`` names."""
    language = desk.settings.language
    found = anchors.listed(desk.settings)
    for each in found:
        purpose = phrase(f"trust.{each.purpose}", language)
        origin = phrase(f"trust.{each.origin}", language)
        until = f"{each.certificate.not_after:%Y-%m-%d}"
        tell(f"{each.sm3[:16]}  {purpose}  {origin}  {until}  {each.certificate.subject}")
    if not found:
        tell(phrase("trust.none", language))
    return 0


def add(desk: Desk, options: argparse.Namespace) -> int:
    """Show what is in a file and what trusting it means; trust it if the person says yes."""
    settings = desk.settings
    if not settings.allow_own_trust:
        raise SettingLocked("allow_own_trust")
    certificates = read_certificates(options.file)
    for certificate in certificates:
        _describe(certificate, settings.language)
    tell(phrase("trust.warning", settings.language))
    if not options.yes:
        _confirm(settings.language)
    for certificate in certificates:
        anchor = anchors.add(settings, certificate, options.purpose)
        said = phrase("trust.added", settings.language)
        tell(said.format(purpose=phrase(f"trust.{anchor.purpose}", settings.language)))
    return 0


def remove(desk: Desk, options: argparse.Namespace) -> int:
    """Take one's own anchor away."""
    for each in anchors.remove(desk.settings, options.sm3):
        said = phrase("trust.removed", desk.settings.language)
        tell(said.format(subject=each.certificate.subject))
    return 0


def _describe(certificate: Certificate, language: str) -> None:
    now = datetime.now(UTC)
    tell(f"{phrase('trust.subject', language)}: {certificate.subject}")
    tell(f"{phrase('trust.issuer', language)}: {certificate.issuer}")
    period = f"{certificate.not_before:%Y-%m-%d} – {certificate.not_after:%Y-%m-%d}"
    if not certificate.valid_at(now):
        period += f" ({phrase('trust.not_valid', language)})"
    tell(f"{phrase('trust.validity', language)}: {period}")
    tell(f"SM3: {certificate.fingerprint.hex()}")
    if not certificate.is_ca:
        tell(phrase("trust.no_authority", language))


def _confirm(language: str) -> None:
    """Raises :class:`app.errors.Cancelled` unless the person types yes."""
    sys.stdout.write(f"{phrase('trust.question', language)} ")
    sys.stdout.flush()
    answer = sys.stdin.readline()
    if not answer:
        raise UsageError("nobody is there to answer; see --yes")
    if answer.strip().lower() not in ("yes", "y", phrase("cli.yes", language)):
        raise Cancelled
