"""Starts the installation of a package that was fetched: on Windows alone, and never against
policy."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from app.errors import UpdateForbidden, UpdateRejected
from app.publishers.authenticode import Judge, publisher_of, require_publisher
from app.publishers.system_trust import SystemTrust
from app.settings import Settings
from app.updates.offered import check_package, refuse_if_off
from crypto.seal.release import Release
from device.loading import system_folder


def installable() -> bool:
    """Does this program start installations here?"""
    return sys.platform == "win32"


def _begin(command: Sequence[str]) -> None:
    subprocess.Popen(list(command), close_fds=True)  # noqa: S603 - from System32, on a checked file


def check(path: Path, release: Release, settings: Settings, judge: Judge, program: Path) -> None:
    """All that must hold before *path* is installed over *program*: it is what the record names,
    and signed by the publisher that policy names, or else by the one of *program*; the record must
    name the same. Raises :class:`UpdateRejected`, OSError."""
    check_package(path, release)
    publisher = settings.update_publisher or publisher_of(program, judge)
    if not publisher:
        raise UpdateRejected(path.name, "own")
    if release.publisher != publisher:
        raise UpdateRejected(path.name, "publisher")
    require_publisher(path, publisher, judge)


def install(
    path: Path,
    release: Release,
    settings: Settings,
    *,
    judge: Judge | None = None,
    program: Path | None = None,
    begin: Callable[[Sequence[str]], None] = _begin,
) -> None:
    """Check *path* once more and hand it to Windows' installer, which asks for what it needs and
    closes this program. Raises :class:`UpdateForbidden`, :class:`UpdateRejected`, OSError."""
    refuse_if_off(settings)
    if not installable():
        raise UpdateForbidden(False)
    check(path, release, settings, judge or SystemTrust(), program or Path(sys.executable))
    begin([str(system_folder() / "msiexec.exe"), "/i", str(path), "/passive", "/norestart"])
