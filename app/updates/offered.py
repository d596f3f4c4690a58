"""What the platform offers, and its package.

    offered(platform, …)    what is newer than this program, by the platform's signed record
    fetch(platform, …)      the package, in a folder of this user's alone, and checked
    refuse_if_off(…)        policy comes first

A record counts only from the platform whose root this computer has pinned, by the key that also
signs its statements about seals.
"""

from __future__ import annotations

import hashlib
import os
import platform as computer
import secrets
import stat
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from app.diagnosing import version_of
from app.durable import discard, patiently
from app.errors import PlatformRefused, PlatformUntrusted, UpdateForbidden, UpdateRejected
from app.settings import Settings
from crypto.algorithms.gm import sm3_hasher
from crypto.seal.release import Release, ReleaseError, SignedRelease

if TYPE_CHECKING:
    from app.remote.public_services import PublicPlatform

_CHUNK = 1 << 20


def system() -> str:
    """For which of :data:`crypto.seal.release.SYSTEMS` this computer wants a package; "" for
    none."""
    if computer.machine().lower() not in ("amd64", "x86_64"):
        return ""
    return {"win32": "windows-x64", "linux": "linux-amd64"}.get(sys.platform, "")


def refuse_if_off(settings: Settings) -> None:
    """Raise :class:`app.errors.UpdateForbidden` where nobody wants to be told."""
    if settings.auto_update == "off":
        raise UpdateForbidden(settings.locked("auto_update"))


def offered(
    platform: PublicPlatform,
    *,
    wanted: str = "",
    installed: str = "",
    now: datetime | None = None,
) -> Release | None:
    """What is newer than the version *installed* (default: this program's), for the system *wanted*
    (default: this computer's); None if nothing is.

    Raises :class:`PlatformUntrusted` "release" for a record that the platform's key has not signed,
    or that is about something else; :class:`app.errors.PlatformError`."""
    wanted = wanted or system()
    if not wanted:
        return None
    try:
        token = platform.release(wanted)
    except PlatformRefused as error:
        if error.problem == "not_found":
            return None
        raise
    try:
        signed = SignedRelease.parse(token)
    except ReleaseError as error:
        raise PlatformUntrusted(platform.origin, "release") from error
    release = signed.release
    own = platform.service().certificates["status"]
    # the key says whose it is; the address may be another, where the operator's command is run
    # beside a platform whose public address is not set
    if signed.certificate.der != own.der or release.system != wanted:
        raise PlatformUntrusted(platform.origin, "release")
    if release.not_before > (now or datetime.now(UTC)):
        return None
    return release if release.is_newer_than(installed or version_of("sealdesk")) else None


def fetch(
    platform: PublicPlatform,
    release: Release,
    folder: Path,
    step: Callable[[int], None] = lambda done: None,
) -> Path:
    """The package of *release* in *folder*, which becomes this user's alone; one that is there
    already and is the same is not fetched again. *step* is told how many bytes are there.

    Raises :class:`UpdateRejected` "size" or "digest" for other bytes than the record names,
    :class:`app.errors.PlatformError`, OSError."""
    _make_private(folder)
    path = folder / release.file
    if is_package(path, release):
        return path
    for left in folder.iterdir():  # of earlier versions, and of what was broken off
        discard(left)
    part = folder / f"{secrets.token_hex(8)}.part"
    try:
        with part.open("xb") as target:
            platform.package(release.system, release.sm3, _Bounded(target, release, step))
            target.flush()
            os.fsync(target.fileno())
        check_package(part, release)
        patiently(partial(part.replace, path))
    except BaseException:
        discard(part)
        raise
    return path


def _make_private(folder: Path) -> None:
    """Raises :class:`UpdateRejected` "folder" if somebody else's lies there."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if sys.platform != "win32":  # there it lies in the user's profile: his alone
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            raise UpdateRejected(str(folder), "folder")
        folder.chmod(0o700)


def is_package(path: Path, release: Release) -> bool:
    """Does *path* hold what the record names?"""
    try:
        check_package(path, release)
    except (OSError, UpdateRejected):
        return False
    return True


def check_package(path: Path, release: Release) -> None:
    """Raise :class:`UpdateRejected` unless *path* holds what the record names; OSError."""
    size, sha256, sm3 = 0, hashlib.sha256(), sm3_hasher()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            size += len(chunk)
            sha256.update(chunk)
            sm3.update(chunk)
    if size != release.size:
        raise UpdateRejected(release.file, "size")
    if sha256.hexdigest() != release.sha256 or sm3.digest().hex() != release.sm3:
        raise UpdateRejected(release.file, "digest")


class _Bounded:
    """Takes what comes, up to the size that the record names."""

    def __init__(self, target: BinaryIO, release: Release, step: Callable[[int], None]) -> None:
        self._target, self._release, self._step = target, release, step
        self._taken = 0

    def __call__(self, chunk: bytes) -> None:
        self._taken += len(chunk)
        if self._taken > self._release.size:
            raise UpdateRejected(self._release.file, "size")
        self._target.write(chunk)
        self._step(self._taken)
