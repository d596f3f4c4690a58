"""The format of an archive package, which making and checking share: a zip with

    README.txt            how to check it without the program, in Chinese and English
    index.csv             the list: what was taken in and what was not, and why
    manifest.json         the same for programs
    SHA256SUMS, SM3SUMS   digests of every member but these two, as ``sha256sum`` writes them
    0001/                 for each document a whole evidence package (:mod:`app.evidence`), with
                          metadata.xml (:mod:`app.archiving.metadata`)
    0002/package.zip      or a package that was archived: of archives or of evidence

All names in it are ASCII and of its own making; what files were called stands in the list. That
unpacks everywhere and passes through every shell.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from crypto.frozen import frozen

FORMAT = "sealdesk-archive/1"
README, INDEX, MANIFEST = "README.txt", "index.csv", "manifest.json"
SHA256_SUMS, SM3_SUMS = "SHA256SUMS", "SM3SUMS"
SUMS = (SHA256_SUMS, SM3_SUMS)
NESTED = "package.zip"
METADATA = "metadata.xml"
MAX_ITEMS = 5000
"""Files in one package: those of more months go into more packages."""
MAX_DEPTH = 3
"""Packages within packages."""
REASONS = (
    *("missing", "changed", "invalid", "changed_later", "unsigned", "unreadable", "not_checked"),
    *("no_package", "package_damaged", "too_deep"),
)
"""Why a file was not taken in: keys of phrases.archive_refused."""


@frozen
class Item:
    """A file that was taken in."""

    number: int
    """From 1."""
    kind: str
    """"document", "evidence" or "archive": the latter two are packages."""
    name: str
    """What it was called, as :attr:`app.archiving.sources.Source.name` has it."""
    size: int
    sm3: str
    """Hexadecimal."""
    sha256: str
    verdict: str
    """Of the document when it was archived; "" for a package."""
    seals: str = ""
    """Which seals, with their codes, separated by ``; ``."""
    holders: str = ""
    sealed_at: str = ""
    """When the last seal was used, RFC 3339: proved, or as the signature says."""
    pages: int = 0
    journal: Mapping[str, Any] | None = None
    """What the journal says of the use; nothing proves that."""

    @property
    def folder(self) -> str:
        """In the package, with a slash at its end."""
        return f"{self.number:04d}/"

    def to_json(self) -> dict[str, Any]:
        return {"folder": self.folder, **asdict(self)}


@frozen
class Refused:
    """A file that was not."""

    name: str
    reason: str
    """One of :data:`REASONS`."""
    detail: str = ""
    """In the language of the package."""
    journal: Mapping[str, Any] | None = None


def sums_line(digest: str, name: str) -> bytes:
    """A line of SHA256SUMS or SM3SUMS; the same as ``openssl dgst -r`` prints."""
    return f"{digest} *{name}\n".encode("ascii")


def read_sums(data: bytes) -> dict[str, str]:
    """Name → digest (hex). Raises ValueError, also for a name that is there twice."""
    found: dict[str, str] = {}
    for line in _lines(data):
        digest, mark, name = line[:64], line[64:66], line[66:]
        plain = len(digest) == 64 and set(digest) <= set("0123456789abcdef")
        if not plain or mark not in (" *", "  ") or not name or name in found:
            raise ValueError("not a list of digests")
        found[name] = digest
    return found


def _lines(data: bytes) -> Iterable[str]:
    try:
        return data.decode("ascii").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError("not a list of digests") from error


def by_folder(names: Iterable[str]) -> dict[str, list[str]]:
    """Names by their first folder (with its slash; "" for none), each without it."""
    found: dict[str, list[str]] = {}
    for name in names:
        folder, slash, rest = name.partition("/")
        found.setdefault(folder + slash if slash else "", []).append(rest if slash else name)
    return found
