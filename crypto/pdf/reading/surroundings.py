"""What stands before a PDF and behind it in a file, and does not belong to it.

Readers open a file with some bytes before ``%PDF`` (a byte order mark, blank lines, the head of a
mail) and count all places from there; and one with bytes behind its end (zeros of a disk block,
the page of a web server). So the document between them is verified by itself, and the report says
how many bytes surround it.

    within, surroundings = without_surroundings(stream)
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import Any, BinaryIO

HEADER_WITHIN = 1024
"""Where readers look for ``%PDF``."""
MAX_BEHIND = 1 << 20
"""Bytes behind the end that are looked at; more is not taken for an accident."""
NEAR = 900
"""With more bytes behind the end some readers do not find it and look for objects instead."""
_TAIL = NEAR + 60
_END = re.compile(rb"startxref[\s\0]+\d+[\s\0]+%%EOF(?:\r\n|\r|\n)?")
_END_AND_BLANKS = re.compile(_END.pattern + rb"[\s\0]{0,%d}\Z" % NEAR)
_PART_OF_A_PDF = re.compile(rb"\d[\s\0]+obj|startxref|trailer[\s\0]*<<|endstream|%PDF-")


@dataclass(frozen=True)
class Surroundings:
    """What does not belong to the document, in bytes."""

    before: int = 0
    behind: int = 0

    def __bool__(self) -> bool:
        return bool(self.before or self.behind)

    @property
    def far(self) -> bool:
        """Is the document's end so far off that some readers repair the file?"""
        return self.behind > NEAR


class Window(io.RawIOBase):
    """The bytes from *begin* to *end* of a stream, as a stream of its own."""

    def __init__(self, stream: BinaryIO, end: int, begin: int = 0) -> None:
        super().__init__()
        self._stream, self._begin, self._size = stream, begin, end - begin
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError("before the start")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        left = max(0, min(len(buffer), self._size - self._position))
        self._stream.seek(self._begin + self._position)
        data = self._stream.read(left)
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)


def without_surroundings(stream: BinaryIO) -> tuple[BinaryIO, Surroundings]:
    """The document in *stream* (seekable, binary), and what stands around it. Bytes behind the end
    that could be part of a PDF, and a few blanks there, are left to the reader of the document.

    Raises OSError."""
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    begin = max(0, stream.read(HEADER_WITHIN).find(b"%PDF-"))
    end = _end(stream, begin, size)
    if (begin, end) == (0, size):
        return stream, Surroundings()
    within = io.BufferedReader(Window(stream, end, begin))
    return within, Surroundings(begin, size - end)


def _end(stream: BinaryIO, begin: int, size: int) -> int:
    """One past the last byte of the document."""
    stream.seek(max(begin, size - _TAIL))
    if _END_AND_BLANKS.search(stream.read(_TAIL)):
        return size
    start = max(begin, size - MAX_BEHIND)
    stream.seek(start)
    tail = stream.read(size - start)
    marks = list(_END.finditer(tail))
    if not marks or _PART_OF_A_PDF.search(tail, marks[-1].end()):
        return size
    return start + marks[-1].end()
