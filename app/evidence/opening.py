"""Opening a zip that comes from a stranger: its directory, its names and all that is read of it are
bounded, and what it unpacks to is the same with every program.

    with opened_zip(stream, budget_for(stream)) as opened: …
"""

from __future__ import annotations

import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from crypto.file_names import is_device

MAX_DIRECTORY = 16 * 1024 * 1024
"""Bytes of a zip's directory: ten thousand members have one million."""
_TAIL = 0x10000 + 22
"""Bytes at the end of a zip in which its end is looked for."""
_GIB = 1 << 30
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Packages have no others, and the others' decoders raise errors of their own."""
_NO_FILE = 0x10 | 0x400
"""Attributes of Windows: a folder, a reparse point."""
_UNICODE_PATH = 0x7075
MALFORMED = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
    *(EOFError, RuntimeError, NotImplementedError, MemoryError, OverflowError),
    *(ValueError, KeyError, TypeError, AttributeError),  # JSON of another shape
)
"""What a damaged or hostile zip, or JSON in it, can raise."""


class Unsafe(ValueError):
    """A zip that is not read; its text is a word for the problem: ``directory``, ``method``,
    ``names``, ``size``."""


def problem_of(error: BaseException) -> str:
    """A word for an error of :data:`MALFORMED`."""
    return str(error) if isinstance(error, Unsafe) else type(error).__name__


@dataclass
class Budget:
    """How many bytes are read in one check, those of packages within packages included."""

    left: int

    def spend(self, size: int) -> None:
        """Raises :class:`Unsafe`."""
        self.left -= size
        if self.left < 0:
            raise Unsafe("size")


def budget_for(stream: BinaryIO) -> Budget:
    """Enough for every honest package: each byte is read three times at each depth. A small one
    cannot ask for days of work."""
    size = stream.seek(0, 2)
    stream.seek(0)
    return Budget(max(16 * size, min(8 * _GIB, 200 * size + _GIB)))


class Opened(zipfile.ZipFile):
    """With the budget for reading it."""

    budget: Budget


@contextmanager
def opened_zip(stream: BinaryIO, budget: Budget) -> Iterator[Opened]:
    """The zip in *stream*, if it is one that a package can be.

    Raises :class:`Unsafe` and other errors of :data:`MALFORMED`, OSError."""
    if _directory_size(stream) > MAX_DIRECTORY:
        raise Unsafe("directory")
    with Opened(stream) as opened:
        opened.budget = budget
        members = opened.infolist()
        if any(member.compress_type not in _METHODS for member in members):
            raise Unsafe("method")
        if not all(map(_plain, members)) or not _apart([member.filename for member in members]):
            raise Unsafe("names")
        yield opened


# --- names ---------------------------------------------------------------------------------------


def safe(name: str) -> bool:
    """Is *name* one that our packages have: ASCII, a file everywhere, and no way out of the
    folder?"""
    parts = name.split("/")
    return 0 < len(parts) <= 3 and all(_safe_part(part) for part in parts)


def _safe_part(part: str) -> bool:
    allowed = part.isascii() and all(char.isalnum() or char in "._-" for char in part)
    ends = not part.startswith((".", "-")) and not part.endswith(".")
    return bool(part) and allowed and ends and len(part) <= 80 and not is_device(part)


def _has_other_name(extra: bytes) -> bool:
    """Is there a field with another name, which some programs unpack to (APPNOTE 4.6.9)?"""
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        if kind == _UNICODE_PATH:
            return True
        extra = extra[4 + size :]
    return False


def _plain(member: zipfile.ZipInfo) -> bool:
    """A file, under the one name that stands in the zip."""
    if _has_other_name(member.extra):
        return False
    mode = stat.S_IFMT(member.external_attr >> 16)
    file = mode in (0, stat.S_IFREG) and not member.external_attr & _NO_FILE
    return file and member.filename == member.orig_filename and safe(member.filename)


def _apart(names: list[str]) -> bool:
    """Does none of them overwrite another where upper and lower case are one?"""
    files = {name.casefold() for name in names}
    folders = {name[:at] for name in files for at, char in enumerate(name) if char == "/"}
    return len(files) == len(names) and not files & folders


# --- the directory -------------------------------------------------------------------------------


def _directory_size(stream: BinaryIO) -> int:
    """Bytes of a zip's directory, as its end says, more than allowed if there is none: it is read
    into memory whole when the zip is opened. The end is looked for as :mod:`zipfile` does it."""
    size = stream.seek(0, 2)
    stream.seek(max(0, size - _TAIL))
    tail = stream.read(_TAIL)
    stream.seek(0)
    if tail[-22:-18] == b"PK\x05\x06" and tail[-2:] == b"\0\0":
        end = len(tail) - 22
    else:
        end = tail.rfind(b"PK\x05\x06")
    if end < 0 or end + 22 > len(tail):
        return MAX_DIRECTORY + 1
    said = int(struct.unpack_from("<I", tail, end + 12)[0])
    if end < 20 or tail[end - 20 : end - 16] != b"PK\x06\x07":
        return said
    # Zip64: the end before this locator counts, or the one that it names, by version of Python
    named = int(struct.unpack_from("<Q", tail, end - 12)[0])
    found = [_far_size(stream, place) for place in (size - len(tail) + end - 76, named)]
    return max((each for each in found if each is not None), default=MAX_DIRECTORY + 1)


def _far_size(stream: BinaryIO, place: int) -> int | None:
    """Bytes of the directory by the Zip64 end at *place*, if there is one."""
    if not 0 <= place < 1 << 62:
        return None
    stream.seek(place)
    end = stream.read(56)
    stream.seek(0)
    whole = len(end) == 56 and end.startswith(b"PK\x06\x06")
    return int(struct.unpack_from("<Q", end, 40)[0]) if whole else None
