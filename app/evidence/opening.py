"""Opening a zip that comes from a stranger."""

from __future__ import annotations

import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Packages have no others, and the others' decoders raise errors of their own."""
MALFORMED = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
    *(EOFError, RuntimeError, NotImplementedError, MemoryError, OverflowError),
    *(ValueError, KeyError, TypeError, AttributeError),  # JSON of another shape
)
"""What a damaged or hostile zip, or JSON in it, can raise."""


class Unsafe(ValueError):
    """A zip that is not read; its text is a word for the problem: ``method``."""


@contextmanager
def opened_zip(stream: BinaryIO) -> Iterator[zipfile.ZipFile]:
    """The zip in *stream*, if it is one that a package can be.

    Raises :class:`Unsafe` and other errors of :data:`MALFORMED`, OSError."""
    with zipfile.ZipFile(stream) as opened:
        if any(member.compress_type not in _METHODS for member in opened.infolist()):
            raise Unsafe("method")
        yield opened


def problem_of(error: BaseException) -> str:
    """A word for an error of :data:`MALFORMED`."""
    return str(error) if isinstance(error, Unsafe) else type(error).__name__
