"""A version of the program that the platform has released, signed by the platform's status key.

A token is a :mod:`crypto.pki.signed_body`: canonical JSON in UTF-8, and a certificate of the status
key.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from crypto.algorithms.keys import SigningKey
from crypto.frozen import frozen
from crypto.pki.certificate import Certificate
from crypto.pki.signed_body import SignedBody, SignedBodyError, sign_body

PREFIX = b"SEALDESK-RELEASE-V1\x00"
PRODUCT = "sealdesk"
SYSTEMS = ("windows-x64", "linux-amd64")
"""For which a package may be: an MSI, a Debian package."""
SUFFIXES = {"windows-x64": ".msi", "linux-amd64": ".deb"}
MAX_SIZE = 32 * 1024
MAX_PACKAGE = 512 * 1024 * 1024
"""Bytes of a package."""
_MAX_NOTES = 4000
_MAX_TEXT = 200
_VERSION = re.compile(r"(0|[1-9]\d{0,4})(\.(0|[1-9]\d{0,4})){1,3}")
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


class ReleaseError(ValueError):
    """The bytes are no record of a release, or its signature does not hold."""


def numbers(version: str) -> tuple[int, ...]:
    """Of a version like ``0.2.0``, for comparing: zeros at the end count for nothing.

    Raises ValueError."""
    if not _VERSION.fullmatch(version):
        raise ValueError("not a version")
    found = [int(part) for part in version.split(".")]
    while found and not found[-1]:
        found.pop()
    return tuple(found)


@frozen(kw_only=True)
class Release:
    """What the platform vouches for."""

    origin: str
    """Of the platform that says so, as it knows itself; no proof of it: its key is."""
    version: str
    system: str
    """One of :data:`SYSTEMS`."""
    file: str
    """Name of the package: letters, digits, ``.``, ``_`` and ``-``."""
    size: int
    sha256: str
    """Hex."""
    sm3: str
    publisher: str
    """Common name in the certificate that the package is signed with (Authenticode); "" for one
    that bears no signature."""
    notes: Mapping[str, str]
    """What is new, by language."""
    not_before: datetime
    """Nobody is told before."""
    issued_at: datetime

    def encode(self, key: SigningKey) -> bytes:
        """The signed token, DER."""
        body = json.dumps(
            {
                "product": PRODUCT,
                "origin": self.origin,
                "version": self.version,
                "system": self.system,
                "file": self.file,
                "size": self.size,
                "sha256": self.sha256,
                "sm3": self.sm3,
                "publisher": self.publisher,
                "notes": dict(self.notes),
                "not_before": self.not_before.astimezone(UTC).isoformat(timespec="seconds"),
                "issued_at": self.issued_at.astimezone(UTC).isoformat(timespec="seconds"),
            },
            ensure_ascii=False,
            separators=(",", ":"),
            sort_keys=True,
        ).encode()
        return sign_body(PREFIX, body, key)

    def is_newer_than(self, version: str) -> bool:
        """Is it higher than *version*, which may be "" or none of ours ("unknown")?"""
        try:
            return numbers(self.version) > numbers(version)
        except ValueError:
            return False


@frozen
class SignedRelease:
    """A token whose signature fits the certificate inside; the certificate is yet to be trusted."""

    token: bytes
    release: Release
    certificate: Certificate

    @classmethod
    def parse(cls, token: bytes) -> SignedRelease:
        """Read a token and check its signature. Raises :class:`ReleaseError`."""
        try:
            signed = SignedBody.parse(token, MAX_SIZE)
        except SignedBodyError as error:
            raise ReleaseError(f"not a record of a release: {error}") from error
        if not signed.holds(PREFIX):
            raise ReleaseError("the record's signature is wrong")
        return cls(token, _read(signed.body), signed.certificate)


def _read(body: bytes) -> Release:
    try:
        fields = json.loads(body)
        if fields["product"] != PRODUCT:
            raise ValueError("another product")
        size, notes = fields["size"], fields["notes"]
        if not isinstance(size, int) or isinstance(size, bool) or not 0 < size <= MAX_PACKAGE:
            raise ValueError("size")
        if not isinstance(notes, dict) or len(notes) > 8:
            raise ValueError("notes")
        for language, text in notes.items():
            _text({language: text}, language, _MAX_NOTES)
        system, file = _text(fields, "system"), _text(fields, "file")
        if system not in SYSTEMS or not _FILE.fullmatch(file):
            raise ValueError("system or file")
        if not file.lower().endswith(SUFFIXES[system]):
            raise ValueError("a file of another kind")
        numbers(_text(fields, "version"))
        return Release(
            origin=_text(fields, "origin"),
            version=_text(fields, "version"),
            system=system,
            file=file,
            size=size,
            sha256=_digest(fields, "sha256"),
            sm3=_digest(fields, "sm3"),
            publisher=_text(fields, "publisher"),
            notes=notes,
            not_before=_time(fields, "not_before"),
            issued_at=_time(fields, "issued_at"),
        )
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise ReleaseError(f"the record's body is malformed: {error}") from error


def _text(fields: Mapping[str, object], name: str, most: int = _MAX_TEXT) -> str:
    value = fields[name]
    if not isinstance(value, str) or len(value) > most:
        raise ValueError(name)
    return value


def _digest(fields: Mapping[str, object], name: str) -> str:
    value = _text(fields, name)
    if not _DIGEST.fullmatch(value):
        raise ValueError(name)
    return value


def _time(fields: Mapping[str, object], name: str) -> datetime:
    moment = datetime.fromisoformat(_text(fields, name))
    if moment.tzinfo is None:
        raise ValueError(name)
    return moment.astimezone(UTC)
