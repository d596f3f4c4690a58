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
from typing import Any, BinaryIO

from crypto.frozen import frozen

HEADER_WITHIN = 1024
"""Where readers look for ``%PDF``."""
MAX_BEHIND = 1 << 20
"""Bytes behind the end that are looked at; more is not taken for an accident."""
NEAR = 900
"""With more bytes behind the end some readers do not find it and look for objects instead."""
_TAIL = NEAR + 60
_END = re.compile(rb"startxref[\s\0]+\d+[\s\0]+%%EOF(?:\r\n|\r|\n)?")
_END_AND_BLANKS = re.compile(_END.pattern + rb"[\s\0]{0,%d}\Z" % NEAR)
_STATED = re.compile(rb"startxref[\s\0]+(\d{1,12})")
_TABLE = re.compile(rb"[\s\0]*(?:xref|\d{1,10}[\s\0]+\d{1,5}[\s\0]+obj)\b")
_HEAD_OF_A_TABLE = 40
_OBJECT = re.compile(rb"(?<![A-Za-z])obj(?![a-z]{2})|startxref|trailer[\s\0]*<<")
_PART_OF_A_PDF = re.compile(rb"\d[\s\0]+obj|startxref|trailer[\s\0]*<<|endstream|%PDF-")


@frozen
class Surroundings:
    """What does not belong to the document, in bytes."""

    before: int = 0
    behind: int = 0
    repaired: bool = False
    """Before it stands another head, from which readers count in vain: they repair the file."""
    suspect: bool = False
    """What stands before it could be part of a document."""

    def __bool__(self) -> bool:
        return bool(self.before or self.behind)

    @property
    def far(self) -> bool:
        """Is the document's head or end so far off that some readers repair the file?"""
        return self.repaired or self.behind > NEAR


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
    head = stream.read(HEADER_WITHIN)
    begins = [found.start() for found in re.finditer(rb"%PDF-", head)] or [0]
    begin, end = begins[0], _end(stream, begins[0], size)
    if len(begins) > 1:
        fitting = (each for each in begins if _has_table(stream, each, end))
        begin = next(fitting, begin)
    if (begin, end) == (0, size):
        return stream, Surroundings()
    within = io.BufferedReader(Window(stream, end, begin))
    suspect = bool(_OBJECT.search(head, 0, begin))
    return within, Surroundings(begin, size - end, begin != begins[0], suspect)


def _has_table(stream: BinaryIO, begin: int, end: int) -> bool:
    """Does a document that begins there have a table where its last line says?"""
    tail = max(begin, end - _TAIL)
    stream.seek(tail)
    stated = _STATED.findall(stream.read(end - tail))
    if not stated:
        return False
    stream.seek(begin + int(stated[-1]))
    return bool(_TABLE.match(stream.read(_HEAD_OF_A_TABLE)))


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
