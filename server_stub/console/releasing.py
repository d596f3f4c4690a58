"""``sealdesk-server release``: publish a package, or show what is released."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

from crypto.beijing import BEIJING
from crypto.seal.release import SYSTEMS, Release, SignedRelease
from server_stub.console.account import operator
from server_stub.context import Platform
from server_stub.records import canonical
from server_stub.releases.keeping import ReleaseRefused, current, publish
from server_stub.settings import Settings


def add_arguments(command: argparse.ArgumentParser) -> None:
    """The options of ``release``."""
    command.add_argument("action", choices=["publish", "show"])
    command.add_argument("file", nargs="?", type=Path, help="publish: the MSI or Debian package")
    command.add_argument("--version", default="", help="publish: of the program, as in 0.2.0")
    command.add_argument(
        "--publisher", default="", help="publish: common name of the MSI's signature"
    )
    command.add_argument("--notes", default="", help="publish: what is new, in Chinese")
    command.add_argument("--notes-en", default="", help="publish: the same in English")
    command.add_argument(
        "--not-before", default="", metavar="TIME", help="publish: nobody is told before (ISO 8601)"
    )


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Carry out one action. Raises :class:`ReleaseRefused`, OSError."""
    platform = Platform.open(settings)
    try:
        if options.action == "publish":
            if options.file is None or not options.version:
                raise ReleaseRefused("a file and --version are needed")
            begins = _moment(options.not_before)
            notes = {"zh_CN": options.notes, "en": options.notes_en or options.notes}
            made = publish(
                platform,
                operator(),
                options.file,
                version=options.version,
                publisher=options.publisher,
                notes=notes,
                not_before=begins,
            )
            _show(made.release)
            return 0
        for system in SYSTEMS:
            token = current(settings, system)
            if token is not None:
                _show(SignedRelease.parse(token).release)
        return 0
    finally:
        platform.close()


def _show(release: Release) -> None:
    begins = canonical.timestamp(int(release.not_before.timestamp() * 1_000_000))
    print(f"{release.system} {release.version}: {release.file}, {release.size} bytes")
    print(f"  SHA-256 {release.sha256}\n  SM3 {release.sm3}\n  from {begins}")


def _moment(text: str) -> datetime:
    if not text:
        return datetime.now(UTC)
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise ReleaseRefused("--not-before is no time") from error
    return found if found.tzinfo else found.replace(tzinfo=BEIJING)
