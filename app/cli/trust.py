"""``sealdesk trust``: look at the trust anchors, add one, take one away."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from app.cli.grammar import Commands
from app.cli.terminal import complain, says_yes, tell
from app.desk import Desk
from app.errors import Cancelled, SettingLocked, UsageError, phrase
from app.store import anchors, kept_trust_list, trusted_platforms
from app.store.anchors import read_certificates
from crypto.pki.certificate import Certificate
from crypto.pki.holder_name import without_credit_code
from crypto.verdict import one_line


def add_commands(commands: Commands) -> None:
    """``trust list``, ``add``, ``remove``."""
    trusted = commands.group("trust", "the certificates that verification rests on")
    trusted.add("list", show, "all trust anchors")
    made = trusted.add("add", add, "trust a certificate from now on")
    made.add_argument("file", type=Path, metavar="FILE", help="certificate, PEM or DER")
    made.add_argument(
        "--for",
        dest="purposes",
        nargs="+",
        action="extend",
        choices=anchors.PURPOSES,
        help="what it is trusted for (default: signers and timestamps); makers may make any seal",
    )
    made.add_argument("--yes", action="store_true", help="do not ask")
    made = trusted.add("platform", platform, "trust a platform, by its root's fingerprint")
    made.add_argument(
        "source", metavar="URL|FILE.pdf", help="its address, or a document that was sealed there"
    )
    made.add_argument(
        "--root-sm3",
        required=True,
        metavar="HEX",
        help="SM3 of its root certificate, 64 digits, from another source than the file",
    )
    made.add_argument(
        "--whole-platform",
        action="store_true",
        help="for all its seals, not for those of the document's company alone",
    )
    made = trusted.add("remove", remove, "trust one no more")
    made.add_argument("sm3", metavar="SM3", help="its SM3, 8 digits at least")


def show(desk: Desk, options: argparse.Namespace) -> int:
    """All anchors but the pinned platforms', which ``sealdesk seal list`` names."""
    language = desk.settings.language
    for problem in desk.refresh_trust(online=False):
        complain(problem, language)
    found = anchors.listed(desk.settings)
    for anchor in found:
        purpose = phrase(f"trust.{anchor.purpose}", language)
        origin = phrase(f"trust.{anchor.origin}", language)
        until = f"{anchor.certificate.not_after:%Y-%m-%d}"
        tell(f"{anchor.sm3[:16]}  {purpose}  {origin}  {until}  {anchor.certificate.subject}")
    platforms = trusted_platforms.trusted_platforms(desk.settings)
    for known in platforms:
        purpose = phrase(f"trust.platforms_{'policy' if known.by == 'policy' else 'own'}", language)
        only = phrase("trust.only", language)
        scope = only.format(holders=_people(known.holders)) if known.holders else ""
        line = f"{known.root_sm3[:16]}  {purpose}  {known.origin}  {scope or known.name}"
        tell(one_line(line).rstrip())
    made = kept_trust_list.kept(desk.settings)
    if made is not None:
        words = phrase("trust.list_line", language).format(
            sequence=made.sequence,
            operator=one_line(made.operator),
            until=f"{made.next_update:%Y-%m-%d}",
            count=len(made.platforms),
        )
        tell(words)
    if not found and not platforms and made is None:
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
        for purpose in dict.fromkeys(options.purposes or ("signers", "timestamps")):
            anchor = anchors.add(settings, certificate, purpose)
            said = phrase("trust.added", settings.language)
            tell(said.format(purpose=phrase(f"trust.{anchor.purpose}", settings.language)))
    if not options.purposes and any(certificate.is_ca for certificate in certificates):
        tell(phrase("trust.not_makers", settings.language))
    return 0


def platform(desk: Desk, options: argparse.Namespace) -> int:
    """Trust a platform: its root must be the one whose fingerprint was got elsewhere."""
    from app.trust.platforms import check_root, claim_of, describe, holders_under, trust_platform

    settings, language = desk.settings, desk.settings.language
    path = None if "://" in options.source else Path(options.source)
    claim = claim_of(path) if path else None
    origin = claim.origin if claim else options.source.rstrip("/")
    if not settings.allow_own_trust:
        words = phrase("trust.ask_text", language)
        tell(phrase("trust.ask_whom", language))
        holders = _people(claim.holders) if claim else "—"
        tell(words.format(origin=one_line(origin), holders=holders))
        raise SettingLocked("allow_own_trust")
    service = describe(settings, origin)
    claims = phrase("trust.platform_claims", language)
    tell(claims.format(origin=service.origin, name=one_line(service.name)))
    check_root(service, options.root_sm3)
    holders_there = holders_under(path, service) if path else ()
    whole = options.whole_platform or path is None
    kept = trust_platform(settings, desk.journal, service, () if whole else holders_there)
    scope = phrase("trust.whole_platform", language)
    if kept.holders:
        scope = phrase("trust.only", language).format(holders=_people(kept.holders))
    tell(phrase("trust.platform_added", language).format(origin=kept.origin, scope=scope))
    return 0


def remove(desk: Desk, options: argparse.Namespace) -> int:
    """Take one's own anchor away."""
    gone = trusted_platforms.remove(desk.settings, options.sm3)
    for known in gone:
        tell(phrase("trust.removed", desk.settings.language).format(subject=known.origin))
    if gone:
        return 0
    for anchor in anchors.remove(desk.settings, options.sm3):
        said = phrase("trust.removed", desk.settings.language)
        tell(said.format(subject=anchor.certificate.subject))
    return 0


def _people(holders: Iterable[str]) -> str:
    """Organisations as people call them, on one line."""
    return one_line(", ".join(without_credit_code(name) for name in holders))


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
        raise UsageError("nobody_answers", "--yes")
    if not says_yes(answer, language):
        raise Cancelled
