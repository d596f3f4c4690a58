"""A PDF that readers open although its table is off, put in order byte for byte where that is sure.

    mend(data) -> Mended(fault, data, signed), or None: nothing is wrong, or too much

Three accidents are undone exactly: what stands before ``%PDF`` or behind the end is cut off, line
ends that a transfer in text mode has converted are converted back, and the number that says where
the table begins is set right. What comes out is read strictly, or it is not offered. A file with
other faults is one for a program that writes it anew.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from enum import StrEnum

from crypto.frozen import frozen
from crypto.pdf.reading.document import Document
from crypto.pdf.reading.failures import PdfEncrypted, PdfError, PdfPasswordWrong
from crypto.pdf.reading.surroundings import without_surroundings

MAX_SIZE = 256 << 20
"""Bytes; larger files are not mended."""
_HEADER_WITHIN = 1024
_START = re.compile(rb"startxref\s+(\d+)\s+%%EOF")
_TABLE = re.compile(rb"(?<![a-z])xref\b|\d+\s+\d+\s+obj\s*<<(?=[^>]{0,400}/Type\s*/XRef)")
_SIGNED = re.compile(rb"/ByteRange\b")


class Fault(StrEnum):
    """What was wrong with a file."""

    BEFORE = "before"
    """Something stands before ``%PDF``."""
    BEHIND = "behind"
    """Something stands behind the end."""
    LINE_ENDS = "line_ends"
    """A transfer in text mode has converted its line ends."""
    TABLE = "table"
    """The table of its objects is not where it is said to be, or wrong."""


@frozen
class Mended:
    """A file put in order."""

    fault: str
    """One of :class:`Fault`, or what another way of mending says."""
    data: bytes
    signed: bool
    """It holds signatures, which cover the file as it was sent."""


def is_signed(data: bytes) -> bool:
    """Does the file hold, or seem to hold, a signature?"""
    return bool(_SIGNED.search(data))


def mend(data: bytes, password: str | None = None) -> Mended | None:
    """The file of the bytes *data* without its fault; None where none of the known faults, undone,
    gives a file that is read strictly."""
    stream = io.BytesIO(data)
    _, around = without_surroundings(stream)
    if not around and _is_sound(data, password):
        return None
    for fault, candidate in _candidates(data):
        if candidate != data and _is_sound(candidate, password):
            return Mended(fault, candidate, is_signed(candidate))
    return None


def _candidates(data: bytes) -> Iterator[tuple[Fault, bytes]]:
    begin = data.find(b"%PDF-", 0, _HEADER_WITHIN)
    within, around = without_surroundings(io.BytesIO(data))
    core = within.read() if around else data
    first = Fault.BEFORE if begin > 0 else Fault.BEHIND
    yield first, core
    if begin > 0:
        yield first, data[begin:]
    for each in (core, data):
        yield Fault.LINE_ENDS, each.replace(b"\r\n", b"\n")
    for each in (core, core.replace(b"\r\n", b"\n")):
        yield from ((Fault.TABLE, pointed) for pointed in _pointed(each))


def _pointed(data: bytes) -> Iterator[bytes]:
    """*data* with the last table that it has as the one that counts."""
    ends = list(_START.finditer(data))
    tables = [match.start() for match in _TABLE.finditer(data)]
    if ends and tables:
        start, end = ends[-1].span(1)
        yield data[:start] + b"%d" % tables[-1] + data[end:]


def _is_sound(data: bytes, password: str | None) -> bool:
    try:
        document = Document(io.BytesIO(data), password)
        document.pages()
        document.signature_fields()
    except (PdfEncrypted, PdfPasswordWrong):
        return True
    except PdfError:
        return False
    return not document.repaired
