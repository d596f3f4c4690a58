"""The package of an OFD document (GB/T 33190): a zip, read strictly and within bounds.

For the one-page documents that seals bring as their picture; nothing is ever written to disk.
"""

from __future__ import annotations

import io
import posixpath
import struct
import zipfile
import zlib

MAX_ENTRIES = 200
MAX_ENTRY, MAX_ALL = 4 << 20, 16 << 20
"""Bytes unpacked, of one entry and of all."""
MAX_RATIO = 200
"""How many times larger an entry may be than it is packed; real ones reach 29."""
_SMALL = 64 << 10
"""Bytes up to which the ratio says nothing."""
_FAILURES = (
    *(zipfile.BadZipFile, zlib.error, struct.error),
    *(EOFError, NotImplementedError, OSError, RuntimeError, ValueError),
)
"""What zipfile raises for a damaged file."""
_UTF8, _ENCRYPTED = 0x800, 0x1


class PackageError(ValueError):
    """Not a package, or one that is not read here."""


class Package:
    """The entries of a package."""

    def __init__(self, data: bytes) -> None:
        """Raises :class:`PackageError`; nothing has been unpacked then."""
        if data[:4] != b"PK\x03\x04":
            raise PackageError("not a zip")
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
            infos = self._zip.infolist()
        except _FAILURES as error:
            raise PackageError(f"not a zip: {error}") from error
        if len(infos) > MAX_ENTRIES or sum(info.file_size for info in infos) > MAX_ALL:
            raise PackageError("too large")
        self._entries: dict[str, zipfile.ZipInfo] = {}
        names: set[str] = set()
        for info in infos:
            if info.filename.endswith("/"):
                continue  # a folder
            name = _name(info)
            if name.casefold() in names:
                raise PackageError("two entries of one name")
            names.add(name.casefold())
            if info.flag_bits & _ENCRYPTED or info.compress_type not in (0, 8):
                raise PackageError("an entry packed in another way")
            ratio = info.file_size / max(1, info.compress_size)
            if info.file_size > MAX_ENTRY or (info.file_size > _SMALL and ratio > MAX_RATIO):
                raise PackageError("too large an entry")
            self._entries[name] = info

    def has(self, name: str) -> bool:
        """Is there an entry of that *name*?"""
        return name in self._entries

    def read(self, name: str) -> bytes:
        """The bytes of an entry. Raises :class:`PackageError`."""
        info = self._entries.get(name)
        if info is None:
            raise PackageError("an entry is missing")
        try:
            with self._zip.open(info) as stream:
                data = stream.read(info.file_size + 1)
        except _FAILURES as error:
            raise PackageError(f"a damaged entry: {error}") from error
        if len(data) != info.file_size:
            raise PackageError("an entry of another size")
        return data


def resolve(base: str, path: str) -> str:
    """The entry that *path* means, written in the entry *base*: ``/x`` counts from the root, all
    else from the folder of *base*. Raises :class:`PackageError` for what leads outside."""
    if not path or "\\" in path or "\0" in path:
        raise PackageError("a path of another form")
    whole = path if path.startswith("/") else posixpath.join(posixpath.dirname(base), path)
    made = posixpath.normpath(whole.lstrip("/"))
    if not made or made == "." or made.startswith(".."):
        raise PackageError("a path that leads outside")
    return made


def _name(info: zipfile.ZipInfo) -> str:
    name = info.orig_filename  # on Windows a backslash in filename has become a slash
    if not info.flag_bits & _UTF8:
        raw = name.encode("cp437")
        try:
            name = raw.decode("utf-8")
        except UnicodeDecodeError:
            name = raw.decode("gb18030", "replace")
    if (
        name.startswith("/")
        or "\\" in name
        or "\0" in name
        or any(part in ("", ".", "..") for part in name.split("/"))
    ):
        raise PackageError("an entry's name leads elsewhere")
    return name
