"""Is a file a PDF? And if not: is it empty, or an OFD, which people take for one?"""

from __future__ import annotations

import io
from pathlib import Path
from typing import BinaryIO

from app.errors import FileEmpty, NotAPdf, OfdNotSupported

_HEADER_WITHIN = 1024
"""Where readers look for ``%PDF``."""
_DIRECTORY = 64 * 1024
"""Bytes from the end of a ZIP within which the directory of an OFD begins."""


def require_pdf(stream: BinaryIO, path: Path) -> None:
    """Raises :class:`app.errors.NotAPdf` or a subclass, naming *path*; OSError."""
    stream.seek(0)
    head = stream.read(_HEADER_WITHIN)
    if b"%PDF-" in head:
        return
    if not head:
        raise FileEmpty(str(path))
    if head.startswith(b"PK\x03\x04") and _is_ofd(stream):
        raise OfdNotSupported(str(path))
    raise NotAPdf(str(path))


def _is_ofd(stream: BinaryIO) -> bool:
    """Does this ZIP name OFD.xml, the entry of every OFD (GB/T 33190-2016 §7.1)?"""
    size = stream.seek(0, io.SEEK_END)
    stream.seek(max(0, size - _DIRECTORY))
    return b"OFD.xml" in stream.read(_DIRECTORY)
