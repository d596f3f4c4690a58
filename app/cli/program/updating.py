"""``sealdesk update``: what the platform has released, and its package."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from app.cli.grammar import Commands, json_option
from app.cli.terminal import tell, tell_json
from app.errors import PlatformError, UpdateForbidden, phrase

if TYPE_CHECKING:
    from app.desk import Desk
    from crypto.seal.release import Release


def add_commands(commands: Commands) -> None:
    """``update check`` and ``update download``."""
    group = commands.group("update", "new versions that the platform has released")
    check = group.add("check", _check, "is there a newer version?")
    json_option(check)
    download = group.add("download", _download, "fetch its package and check it")
    json_option(download)


def _offered(desk: Desk) -> Release | None:
    from app.remote.public_services import PublicPlatform
    from app.updates.offered import offered, refuse_if_off

    refuse_if_off(desk.settings)
    with desk.client(PublicPlatform) as platform:
        return offered(platform)


def _check(desk: Desk, options: argparse.Namespace) -> int:
    language, found = desk.settings.language, _offered(desk)
    if options.json:
        tell_json({"newer": found is not None, **(_facts(found, language) if found else {})})
    elif found is None:
        tell(phrase("update.none", language))
    else:
        _tell_release(found, language)
        tell(phrase("update.how", language))
    return 0


def _download(desk: Desk, options: argparse.Namespace) -> int:
    from app.remote.public_services import PublicPlatform
    from app.updates.offered import fetch, offered, refuse_if_off

    language = desk.settings.language
    refuse_if_off(desk.settings)
    with desk.client(PublicPlatform) as platform:
        found = offered(platform)
        if found is None:
            tell(phrase("update.none", language))
            return 0
        path = fetch(platform, found, desk.settings.folders.cache / "updates")
    if options.json:
        tell_json({"newer": True, **_facts(found, language), "path": str(path)})
        return 0
    _tell_release(found, language)
    tell(phrase("update.fetched", language).format(path=path))
    kind = "msi" if path.suffix == ".msi" else "deb"
    tell(phrase(f"update.install_{kind}", language).format(path=path))
    return 0


def mention(desk: Desk) -> None:
    """After an exchange with the platform: say on stderr that there is a newer version."""
    try:
        found = _offered(desk)
    except (PlatformError, UpdateForbidden):
        return  # nobody asked
    if found is not None:
        said = phrase("update.newer", desk.settings.language).format(version=found.version)
        sys.stderr.write(f"{said} {phrase('update.how', desk.settings.language)}\n")


def _tell_release(found: Release, language: str) -> None:
    tell(phrase("update.newer", language).format(version=found.version))
    notes = found.notes.get(language, "")
    for line in notes.splitlines():
        tell("  " + "".join(char if char.isprintable() else "�" for char in line))


def _facts(found: Release, language: str) -> dict[str, object]:
    return {
        "version": found.version,
        "file": found.file,
        "size": found.size,
        "sha256": found.sha256,
        "sm3": found.sm3,
        "publisher": found.publisher,
        "notes": found.notes.get(language, ""),
    }
