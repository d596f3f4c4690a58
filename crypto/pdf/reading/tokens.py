"""pyHanko's reading of the smallest parts of a file, in steps instead of byte by byte.

Names, hexadecimal strings and cross-reference tables make up most of the time it takes to open a
document. What is plain is read here; everything else but odd names is left to the pinned library's
own code, so that both always read the same (tests hold them to each other). Importing this module
changes the library process-wide.
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterable, Iterator
from typing import Any

from pyhanko.pdf_utils import generic, misc, xref
from pyhanko.pdf_utils.decode_limits import DecodePurpose

from crypto import deadline
from crypto.pdf.reading.plain import read_plain, string

_DELIMITER = re.compile(rb"[ \n\r\t\f\0()<>\[\]{}/%]")
_PLAIN_NAME = re.compile(rb"[A-Za-z0-9_.+:*-]*")
_STEP, _LONGEST_STEP = 64, 1 << 16


def _read_until_delimiter(stream: Any) -> bytes:
    """What stands before the next delimiter, which stays to be read."""
    parts: list[bytes] = []
    while chunk := stream.read(_STEP):
        found = _DELIMITER.search(chunk)
        if found:
            stream.seek(found.start() - len(chunk), io.SEEK_CUR)
            parts.append(chunk[: found.start()])
            break
        parts.append(chunk)
    return b"".join(parts)


_library_blanks = misc.read_non_whitespace
_BLANKS = frozenset(misc.PDF_WHITESPACE[index : index + 1] for index in range(6))


def _read_non_whitespace(stream: Any, seek_back: bool = False, allow_eof: bool = False) -> bytes:
    """The next byte that is no blank; comments and the end are the library's."""
    byte: bytes = stream.read(1)
    while byte in _BLANKS:
        byte = stream.read(1)
    if not byte or byte == b"%":
        stream.seek(-len(byte), io.SEEK_CUR)
        found: bytes = _library_blanks(stream, seek_back, allow_eof)  # type: ignore[no-untyped-call]
        return found
    if seek_back:
        stream.seek(-1, io.SEEK_CUR)
    return byte


_library_name = generic._decode_name
_ASCII_NAME = re.compile(rb"[\x21-\x22\x24-\x7e]*")
_ESCAPE = re.compile(rb"#([0-9A-Fa-f]{2})")
_PLAIN_IN_NAME = frozenset(range(0x21, 0x7F)) - {0x23}
_REGULAR = _PLAIN_IN_NAME - frozenset(b"()<>[]{}/%")


def _decode_name(name_bytes: bytes) -> generic.NameObject:
    """A name with its escapes (ISO 32000-1 §7.3.5). Bytes that should be escaped and are not are
    taken as they stand, as every reader does. pyHanko takes #AE and #C2#AE for one name; here what
    is no UTF-8, or has a # in it, keeps its escapes, so that different bytes stay different."""
    if _PLAIN_NAME.fullmatch(name_bytes):
        return generic.NameObject(f"/{name_bytes.decode('ascii')}")
    if _ASCII_NAME.fullmatch(name_bytes):
        return _library_name(name_bytes)
    if name_bytes.count(b"#") != len(_ESCAPE.findall(name_bytes)):
        raise misc.PdfReadError("an escape in a name needs two hexadecimal digits")
    raw = _ESCAPE.sub(lambda found: bytes.fromhex(found[1].decode("ascii")), name_bytes)
    with contextlib.suppress(UnicodeDecodeError):
        if b"#" not in raw:
            return generic.NameObject("/" + raw.decode("utf-8"))
    parts = (chr(each) if each in _PLAIN_IN_NAME else f"#{each:02X}" for each in raw)
    return generic.NameObject("/" + "".join(parts))


def _write_name(
    self: generic.NameObject, stream: Any, handler: Any = None, container_ref: Any = None
) -> None:
    """As :func:`_decode_name` reads it: the library writes one digit for bytes below 16."""
    if "#" in self:
        stream.write(self.encode("ascii"))  # its escapes were kept
    else:
        raw = self[1:].encode("utf-8")
        parts = (b"%c" % each if each in _REGULAR else b"#%02X" % each for each in raw)
        stream.write(b"/" + b"".join(parts))


def _read_hex_string(stream: Any) -> Any:
    """/Contents of a seal signature has hundreds of thousands of digits."""
    stream.read(1)
    parts: list[bytes] = []
    step = _STEP
    while True:
        chunk = stream.read(step)
        end = chunk.find(b">")
        if end >= 0:
            parts.append(chunk[:end])
            stream.seek(end + 1 - len(chunk), io.SEEK_CUR)
            break
        if not chunk:
            raise misc.PdfStreamError("a hexadecimal string does not end")
        parts.append(chunk)
        step = min(2 * step, _LONGEST_STEP)
    digits = b"".join(parts).translate(None, misc.PDF_WHITESPACE)
    try:
        return string(bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode("ascii")))
    except ValueError as error:
        raise misc.PdfStreamError("not a hexadecimal string") from error


# ---------------------------------------------------------------- tables

_ROW = re.compile(rb"(\d{10}) (\d{5}) ([nf])(?: \r| \n|\r\n)")
_ROW_SIZE = 20
_MOST_ROWS = 1_000_000


class _Rows(list[tuple[int, int, int, bool]]):
    """A table as plain as the standard asks for: (object, offset, generation, in use) each; the
    offset of a free one is 0."""


_library_table = xref.parse_xref_table


def _parse_table(stream: Any, strict: bool) -> Iterable[Any]:
    start = stream.tell()
    rows = _plain_rows(stream)
    if rows is not None:
        return rows
    stream.seek(start)
    return _library_table(stream, strict)


def _plain_rows(stream: Any) -> _Rows | None:
    """The rows of all sections up to the trailer, before which the stream then stands; None if
    anything about them is out of the ordinary."""
    rows = _Rows()
    try:
        misc.read_non_whitespace(stream, seek_back=True)
        while True:
            number = generic.NumberObject.read_from_stream(stream)
            misc.read_non_whitespace(stream, seek_back=True)
            size = generic.NumberObject.read_from_stream(stream)
            misc.read_non_whitespace(stream, seek_back=True)
            if not (isinstance(number, int) and isinstance(size, int) and number >= 0):
                return None
            if not 0 <= size <= _MOST_ROWS:
                return None
            data = stream.read(_ROW_SIZE * size)
            found = _ROW.findall(data)
            if len(found) != size or len(data) != _ROW_SIZE * size:
                return None
            for index, (offset, generation, kind) in enumerate(found, int(number)):
                used = kind == b"n"
                rows.append((index, int(offset) if used else 0, int(generation), used))
            misc.read_non_whitespace(stream, seek_back=True)
            tag = stream.read(7)
            if tag == b"trailer":
                misc.read_non_whitespace(stream, seek_back=True)
                return rows
            stream.seek(-len(tag), io.SEEK_CUR)
    except (misc.PdfError, ValueError, IndexError):
        return None


_library_entries = xref.XRefSectionData.process_entries


def _process_entries(
    section: xref.XRefSectionData, entries: Iterable[xref.XRefEntry] | _Rows, strict: bool
) -> int:
    """Take the entries of one table, none of which may be named twice: pyHanko takes the last of
    them, other readers the first."""
    if not isinstance(entries, _Rows):
        return int(_library_entries(section, _unique(entries), strict))
    seen: dict[int, tuple[int, int, int, bool]] = {}
    highest = 0
    for each in entries:
        number, offset, generation, in_use = each
        if number and seen.setdefault(number, each) != each:
            raise misc.PdfReadError(f"a table names object {number} twice")
        if number > highest:
            highest = number
        if generation > 0xFFFF:
            if strict:
                raise misc.PdfStrictReadError(f"object {number} has generation {generation}")
        elif number and in_use:
            section.standard_xrefs[number] = (generation, offset)
            section.explicit_refs_in_revision.add((number, generation))
        elif number:
            section.freed[number] = generation
            section.explicit_refs_in_revision.add((number, generation - 1))
    return highest


def _unique(entries: Iterable[xref.XRefEntry]) -> Iterator[xref.XRefEntry]:
    seen: dict[int, xref.XRefEntry] = {}
    for each in entries:
        if each.idnum and seen.setdefault(each.idnum, each) != each:
            raise misc.PdfReadError(f"a table names object {each.idnum} twice")
        yield each


_library_stream = xref.parse_xref_stream
_SHORT_OF = 100
"""Entries that a table in a stream may lack; careless writers miscount."""


def _parse_known_entries(
    xref_stream: generic.StreamObject, strict: bool = True
) -> Iterator[xref.XRefEntry]:
    """pyHanko's entries of a table that is a stream. It passes over entries of an unknown type;
    for other readers these objects are null (ISO 32000-1 §7.5.8.3)."""
    index = xref_stream["/Index"] if "/Index" in xref_stream else (0, xref_stream["/Size"])
    pairs = [int(each) for each in index]
    widths = [int(each) for each in xref_stream["/W"]]
    missing = sum(pairs[1::2])
    # read leniently, entries that are not there count as zeros: there is no end to these
    size = xref._expected_xref_stream_size(pairs, widths)
    data = xref_stream.read_data(DecodePurpose.XREF_STREAM, expected_size=size)
    if min(pairs + widths) < 0 or missing > len(data) // max(1, sum(widths)) + _SHORT_OF:
        raise misc.PdfReadError("a table has more entries than bytes for them")
    for each in _library_stream(xref_stream, strict):
        missing -= 1
        yield each
    if missing:
        raise misc.PdfReadError("a table has entries of an unknown type")


misc.read_non_whitespace = generic.read_non_whitespace = _read_non_whitespace  # type: ignore[attr-defined]
_library_object = generic.read_object


def _read_object(
    stream: Any,
    container_ref: Any,
    as_metadata_stream: bool = False,
    in_content_stream: generic.ContentOpReading = generic.ContentOpReading.NO,
) -> generic.PdfObject:
    deadline.check()
    if in_content_stream is generic.ContentOpReading.NO and not as_metadata_stream:
        found = read_plain(stream, container_ref)
        if found is not None:
            return found
    first = stream.read(1)
    stream.seek(-len(first), io.SEEK_CUR)
    if first == b"%":  # where no line follows the comment, the library would read on for ever
        misc.read_non_whitespace(stream, seek_back=True)
        return _read_object(stream, container_ref)
    return _library_object(stream, container_ref, as_metadata_stream, in_content_stream)


generic.read_object = _read_object
generic.read_until_delimiter = _read_until_delimiter  # type: ignore[attr-defined]
generic._decode_name = _decode_name
generic.NameObject.write_to_stream = _write_name  # type: ignore[method-assign]
generic.read_hex_string_from_stream = _read_hex_string
xref.parse_xref_table = _parse_table  # type: ignore[assignment]
xref.XRefSectionData.process_entries = _process_entries  # type: ignore[method-assign,assignment]
xref.parse_xref_stream = _parse_known_entries
