"""Reads cross-reference tables in steps instead of entry by entry, and within bounds.

Each function here takes pyHanko's own function and returns the one to install in its place
(:mod:`crypto.pdf.reading.pyhanko_patches`). A table written as the standard asks for is read by one
pattern; any other is left to pyHanko. What a file could make endless asks its deadline.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pyhanko.pdf_utils import generic, misc, xref
from pyhanko.pdf_utils.decode_limits import DecodePurpose

from crypto import deadline

_ROW = re.compile(rb"(\d{10}) (\d{5}) ([nf])(?: \r| \n|\r\n)")
_ROW_SIZE = 20
_MOST_ROWS = 1_000_000


class _Rows(list[tuple[int, int, int, bool]]):
    """The entries of a table written as the standard asks for: (object, offset, generation, in
    use); the offset of a free object is 0."""


def table_parser(library: Callable[..., Any]) -> Callable[..., Any]:
    """Parses a cross-reference table: a plain one here, any other by *library*."""

    def parse_table(stream: Any, strict: bool) -> Iterable[Any]:
        start = stream.tell()
        rows = _plain_rows(stream)
        if rows is not None:
            return rows
        stream.seek(start)
        found: Iterable[Any] = library(stream, strict)
        return found

    return parse_table


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


def entry_processor(library: Callable[..., Any]) -> Callable[..., int]:
    """Takes over the entries of one table, none of which may be named twice: pyHanko takes the last
    of them, other readers the first."""

    def process_entries(
        section: xref.XRefSectionData, entries: Iterable[xref.XRefEntry] | _Rows, strict: bool
    ) -> int:
        if not isinstance(entries, _Rows):
            return int(library(section, _unique(entries), strict))
        seen: dict[int, tuple[int, int, int, bool]] = {}
        highest = 0
        for row in entries:
            number, offset, generation, in_use = row
            if number and seen.setdefault(number, row) != row:
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

    return process_entries


def _unique(entries: Iterable[xref.XRefEntry]) -> Iterator[xref.XRefEntry]:
    seen: dict[int, xref.XRefEntry] = {}
    for entry in entries:
        if entry.idnum and seen.setdefault(entry.idnum, entry) != entry:
            raise misc.PdfReadError(f"a table names object {entry.idnum} twice")
        yield entry


_SHORT_OF = 100
"""Entries that a table in a stream may lack; careless writers miscount."""


def stream_table_parser(library: Callable[..., Any]) -> Callable[..., Any]:
    """Parses a cross-reference table that is a stream.

    pyHanko passes over entries of an unknown type; for other readers these objects are null
    (ISO 32000-1 §7.5.8.3)."""

    def parse_stream_table(
        xref_stream: generic.StreamObject, strict: bool = True
    ) -> Iterator[xref.XRefEntry]:
        index = xref_stream["/Index"] if "/Index" in xref_stream else (0, xref_stream["/Size"])
        pairs = [int(number) for number in index]
        widths = [int(width) for width in xref_stream["/W"]]
        missing = sum(pairs[1::2])
        # pyHanko's own bound: a byte before each row names its predictor; it refuses odd pairs
        size = missing * (sum(widths) + 1) if len(pairs) % 2 == 0 else None
        data = xref_stream.read_data(DecodePurpose.XREF_STREAM, expected_size=size)
        # read leniently, entries that are not there count as zeros: there is no end to these
        if min(pairs + widths) < 0 or missing > len(data) // max(1, sum(widths)) + _SHORT_OF:
            raise misc.PdfReadError("a table has more entries than bytes for them")
        for entry in library(xref_stream, strict):
            missing -= 1
            yield entry
        if missing:
            raise misc.PdfReadError("a table has entries of an unknown type")

    return parse_stream_table


# ---------------------------------------------------------------- what a file could make endless

_STEP = 1 << 16


def line_reader(library: Callable[[Any], Any]) -> Callable[[Any], bytes]:
    """Reads backwards the line that ends at the stream's position; the stream then stands before
    it. In steps, because the line may be as long as the file."""

    def read_line_backwards(stream: Any) -> bytes:
        last = stream.tell()
        start = last + 1
        parts: list[bytes] = []
        while start > 1:  # at the first byte of a file pyHanko looks for nothing
            deadline.check()
            stop, start = start, max(1, start - _STEP)
            stream.seek(start)
            chunk = stream.read(stop - start)
            if start + len(chunk) <= last and not parts:
                stream.seek(last)  # behind the end of the file
                break
            found = max(chunk.rfind(b"\n"), chunk.rfind(b"\r"))
            parts.append(chunk[found + 1 :])
            if found >= 0:
                stream.seek(start + found)
                library(stream)  # passes over the end of the line before
                return b"".join(reversed(parts))
            stream.seek(0)
        return bytes(library(stream))

    return read_line_backwards


class _Freed(dict[int, int]):
    """The objects freed in one table. pyHanko looks for them in every other table."""

    over: frozenset[int] = frozenset()
    """Numbers of objects in use, over which the table puts the next generation."""

    def items(self) -> Iterator[tuple[int, int]]:  # type: ignore[override]
        for item in super().items():
            deadline.check()
            yield item

    def __missing__(self, number: int) -> int:
        deadline.check()
        raise KeyError(number)


def consistency_checker(library: Callable[[Any], None]) -> Callable[[Any], None]:
    """Checks the tables of all revisions against each other by *library*, within bounds."""

    def check_consistency(sections: list[xref.XRefSection]) -> None:
        for section in sections:
            section.xref_data.freed = _Freed(section.xref_data.freed)
            if section.xref_data.hybrid:
                data = section.xref_data.hybrid.xref_data
                data.freed = _Freed(data.freed)
        if any(each for section in sections for each in section.xref_data.higher_generation_refs()):
            _note_overwritten(sections)
        library(sections)

    return check_consistency


def _note_overwritten(sections: Iterable[xref.XRefSection]) -> None:
    """Poppler writes the next generation of an object that is in use without freeing the one there
    is. For every reader that is gone then, whether it looks at generations or at numbers alone."""
    in_use: dict[int, int] = {}
    for section in sections:
        data = section.xref_data
        if data.hybrid is None and isinstance(data.freed, _Freed):
            data.freed.over = frozenset(
                number
                for number, next_one in data.higher_generation_refs()
                if in_use.get(number) == next_one - 1
            )
        for number in data.freed:
            in_use.pop(number, None)
        in_use.update(dict.fromkeys(data.xrefs_in_objstm, 0))
        in_use.update({number: place[0] for number, place in data.standard_xrefs.items()})


def generation_lister(library: Callable[[Any], Iterator[tuple[int, int]]]) -> Callable[..., Any]:
    """Lists the objects of a table that have a generation by *library*, without those that are
    put over objects in use: pyHanko asks that they were freed first."""

    def higher_generation_refs(self: xref.XRefSectionData) -> Iterator[tuple[int, int]]:
        return (each for each in library(self) if each[0] not in getattr(self.freed, "over", ()))

    return higher_generation_refs


def resolver(library: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Says by *library* where an object stands by a table; None for a generation that is gone."""

    def try_resolve(self: xref.XRefSectionData, ref: Any) -> Any:
        over = getattr(self.freed, "over", ())
        if over and ref.idnum in over and ref.generation < self.standard_xrefs[ref.idnum][0]:
            return None
        return library(self, ref)

    return try_resolve
