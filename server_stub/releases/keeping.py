"""What is released: packages in ``releases/`` of the platform's folder, with signed records.

    publish   a package: kept, signed, on record
    current   what is released for a system now, as signed
    package   its file
    problems  for the audit

Desks ask without signing in; what they get proves itself (:mod:`crypto.seal.release`).
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from crypto.algorithms.gm import sm3_hasher
from crypto.seal.release import (
    MAX_PACKAGE,
    SUFFIXES,
    SYSTEMS,
    Release,
    ReleaseError,
    SignedRelease,
    numbers,
)
from server_stub.authority import STATUS
from server_stub.context import Platform
from server_stub.policy import Actor, NotFound
from server_stub.records import canonical
from server_stub.records.ledger import LEDGER, Transaction
from server_stub.records.store import LedgerEntry
from server_stub.settings import Settings

_CHUNK = 1 << 20


class ReleaseRefused(Exception):
    """The package is not released: it is none, or not newer than what is."""


def publish(
    platform: Platform,
    who: Actor,
    path: Path,
    *,
    version: str,
    publisher: str,
    notes: Mapping[str, str],
    not_before: datetime,
) -> SignedRelease:
    """Keep a copy of *path*, sign what it is, and put that on record; from then on it is what desks
    are told. Raises :class:`ReleaseRefused`, OSError."""
    system = next((known for known in SYSTEMS if path.suffix.lower() == SUFFIXES[known]), "")
    if not system:
        raise ReleaseRefused("neither an MSI nor a Debian package")
    if system.startswith("windows") and not publisher:
        raise ReleaseRefused("--publisher is needed: desks install no MSI of anybody else")
    folder = _folder(platform.settings)
    folder.mkdir(mode=0o700, exist_ok=True)
    before = current(platform.settings, system)
    copy = folder / f".{secrets.token_hex(8)}"
    try:
        size, sha256, sm3 = _copied(path, copy)
        try:
            newer = before is None or (
                numbers(version) > numbers(SignedRelease.parse(before).release.version)
            )
        except ValueError as error:
            raise ReleaseRefused(f"{version} is no version") from error
        if not newer:
            raise ReleaseRefused(f"{version} is not newer than what is released")
        release = Release(
            origin=platform.origin,
            version=version,
            system=system,
            file=path.name,
            size=size,
            sha256=sha256,
            sm3=sm3,
            publisher=publisher,
            notes=notes,
            not_before=not_before,
            issued_at=datetime.now(UTC),
        )
        token = release.encode(platform.authority.key(STATUS))
        try:
            signed = SignedRelease.parse(token)
        except ReleaseError as error:
            raise ReleaseRefused(str(error)) from error
        os.replace(copy, folder / sm3)
        platform.ledger.write(_record, who, release).result()
        _put(folder / f"{system}.release", token)
    finally:
        copy.unlink(missing_ok=True)
    return signed


def _record(tx: Transaction, who: Actor, release: Release) -> None:
    tx.act(who.who)
    fields = {
        "version": release.version,
        "system": release.system,
        "file": release.file,
        "size": release.size,
        "sha256": release.sha256,
        "sm3": release.sm3,
        "publisher": release.publisher,
        "not_before": canonical.timestamp(int(release.not_before.timestamp() * 1_000_000)),
    }
    tx.record(LEDGER, "release-published-v1", fields, about=("release", release.sm3))


def current(settings: Settings, system: str) -> bytes | None:
    """The signed record of what is released for *system*; None if nothing is."""
    if system not in SYSTEMS:
        return None
    try:
        return (_folder(settings) / f"{system}.release").read_bytes()
    except FileNotFoundError:
        return None


def problems(session: Session, settings: Settings) -> Iterator[str]:
    """What is released that is not the last release on record for its system: an older record that
    was put back, or one that nobody has released. One that was taken away is none."""
    chosen = select(LedgerEntry.record).where(
        LedgerEntry.object_kind == "release", LedgerEntry.log == LEDGER
    )
    told = [json.loads(each) for each in session.scalars(chosen.order_by(LedgerEntry.number))]
    last = {each["system"]: (each["version"], each["sm3"]) for each in told}
    for system in SYSTEMS:
        token = current(settings, system)
        if token is None:
            continue
        try:
            release = SignedRelease.parse(token).release
        except ReleaseError as error:
            yield f"release {system}: {error}"
            continue
        if (release.version, release.sm3) != last.get(system):
            version = last.get(system, ("none",))[0]
            yield f"release {system}: {release.version} is offered, the last on record is {version}"


def package(settings: Settings, system: str) -> tuple[Path, Release]:
    """The file of what is released for *system*. Raises :class:`NotFound`."""
    token = current(settings, system)
    if token is None:
        raise NotFound
    release = SignedRelease.parse(token).release
    path = _folder(settings) / release.sm3
    if not path.is_file():
        raise NotFound
    return path, release


def _folder(settings: Settings) -> Path:
    return settings.directory / "releases"


def _copied(path: Path, copy: Path) -> tuple[int, str, str]:
    """Copy a file, with its size, SHA-256 and SM3 (hex) as copied."""
    size, sha256, sm3 = 0, hashlib.sha256(), sm3_hasher()
    with path.open("rb") as source, copy.open("xb") as target:
        while chunk := source.read(_CHUNK):
            size += len(chunk)
            if size > MAX_PACKAGE:
                raise ReleaseRefused(f"larger than {MAX_PACKAGE} bytes")
            sha256.update(chunk)
            sm3.update(chunk)
            target.write(chunk)
        target.flush()
        os.fsync(target.fileno())
    return size, sha256.hexdigest(), sm3.digest().hex()


def _put(path: Path, data: bytes) -> None:
    """Replace a small file as a whole."""
    fresh = path.with_name(f".{secrets.token_hex(8)}")
    with fresh.open("xb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(fresh, path)
