"""pyHanko's reader with an index per object stream and one of the tables.

pyHanko walks through an object stream's header again for every object in it, which takes minutes
for streams of many objects, and through the tables of all revisions. What is here overrides
internal methods of the pinned version; tests notice if they are no longer called. Importing this
module also changes two of its functions process-wide that a file could keep busy for minutes.
"""

from __future__ import annotations

import io
import re
from bisect import bisect_right
from collections.abc import Iterator
from functools import cached_property
from typing import Any, BinaryIO

from pyhanko.pdf_utils import generic, misc, reader, xref
from pyhanko.pdf_utils.decode_limits import DecodePurpose
from pyhanko.pdf_utils.reader import HistoricalResolver, PdfFileReader
from pyhanko.pdf_utils.xref import ObjStreamRef, XRefCache, XRefSection

from crypto import deadline
from crypto.pdf.reading import filters as filters  # changes how pyHanko decodes
from crypto.pdf.reading import tokens as tokens  # changes how pyHanko reads


class Policed:
    """A stream for the library, which asks at each read whether the document may still cost more:
    the library's own loops go on as long as there are bytes."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.seek, self.tell = stream.seek, stream.tell

    def read(self, size: int = -1) -> bytes:
        deadline.check()
        return self._stream.read(size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Reader(PdfFileReader):
    """Opens a file and reads its objects; every way it fails is in
    :data:`crypto.pdf.reading.document.PARSER_FAILURES`."""

    def __init__(self, stream: BinaryIO, strict: bool = True) -> None:
        self._indexes: dict[int, _ObjectStream] = {}
        self._object_ends: dict[int, int] = {}
        super().__init__(Policed(stream), strict=strict)
        self.xrefs = _Sections(self, self.xrefs._xref_sections)

    @property
    def strict(self) -> bool:
        """Objects and trailers are always read strictly: of two entries of one name viewers take
        the other one. What is read leniently are the tables."""
        return True

    @strict.setter
    def strict(self, value: bool) -> None:
        """What pyHanko's constructor asks for is for the tables alone."""

    @cached_property
    def encrypt_dict(self) -> generic.DictionaryObject | None:
        """How the file is encrypted. pyHanko insists on a reference (ISO 32000-2 §7.6.2 does not);
        MuPDF, for one, writes the dictionary into the trailer. And it asks once per object, looking
        through the trailers of all revisions."""
        direct = self.trailer.raw_get("/Encrypt") if "/Encrypt" in self.trailer else None
        if isinstance(direct, generic.DictionaryObject):
            return direct
        found: generic.DictionaryObject | None = super().encrypt_dict
        return found

    def get_historical_resolver(self, revision: int) -> HistoricalResolver:
        """A view of the file as of this revision (from 0)."""
        if revision not in self._historical_resolver_cache:
            self._historical_resolver_cache[revision] = _View(self, revision)
        return self._historical_resolver_cache[revision]

    def read_at(self, ref: generic.Reference, revision: int) -> tuple[generic.PdfObject, int]:
        """The object as of this revision, as it stands there, undecrypted; and one past its last
        byte, 0 in an object stream. One that was read before is not read again, none is kept."""
        place = self.xrefs.get_historical_ref(ref, revision)
        found = None
        if not self.encrypted and self.xrefs[ref] == place:
            found = self.resolved_objects.get((ref.generation, ref.idnum))
        if found is None:
            found = self.get_object(ref, revision, never_decrypt=True, transparent_decrypt=False)  # type: ignore[no-untyped-call]
        return found, self._object_ends[place] if isinstance(place, int) else 0

    def _read_object(self, ref: generic.Reference, marker: Any, *args: Any, **named: Any) -> Any:
        found = super()._read_object(ref, marker, *args, **named)
        if isinstance(marker, int):
            self._object_ends[marker] = self.stream.tell()
        return found

    def _get_object_from_stream(self, idnum: int, stmnum: int, idx: int) -> generic.PdfObject:
        index = self._indexes.get(stmnum)
        if index is None:
            stream = generic.Reference(stmnum, 0, self).get_object()
            if not isinstance(stream, generic.StreamObject) or stream["/Type"] != "/ObjStm":
                raise misc.PdfReadError("a compressed object is not in an object stream")
            index = self._indexes[stmnum] = _ObjectStream(stream)
        found = index.read_object(idnum, idx, self)
        if isinstance(found, generic.StreamObject | generic.IndirectObject):
            raise misc.PdfReadError("an object stream holds a stream or a bare reference")
        return found


class _View(HistoricalResolver):
    """pyHanko's view of an earlier revision. It copies every object so that references in it lead
    to that revision, and spends most of the time on what holds none."""

    def _subsume_object(self, obj: Any) -> Any:
        return super()._subsume_object(obj) if isinstance(obj, _HOLDERS) else obj  # type: ignore[no-untyped-call]


_HOLDERS = (
    generic.DictionaryObject,
    generic.ArrayObject,
    generic.IndirectObject,
    generic.DecryptedObjectProxy,
)


class _Sections(XRefCache):
    """pyHanko's cross-reference sections, oldest first, with an index: an object is looked for in
    the sections that name it, not in those of all revisions. A test holds the answers to the
    library's own."""

    def __init__(self, reader: PdfFileReader, sections: list[XRefSection]) -> None:
        super().__init__(reader, sections)
        self._naming: dict[int, list[int]] = {}
        """Object number → the revisions but the first that name it, in order."""
        for number, section in enumerate(sections):
            data = section.xref_data
            parts = (data, data.hybrid.xref_data) if data.hybrid else (data,)
            named = {each for part in parts for each, _ in part.explicit_refs_in_revision}
            for each in named if number else ():
                self._naming.setdefault(each, []).append(number)

    def get_historical_ref(self, ref: Any, revision: int) -> int | ObjStreamRef | None:
        """Where the object stood in this revision; None if there was none."""
        return self._resolve(ref, revision)[1]

    def get_last_change(self, ref: generic.Reference) -> int:
        """The revision that wrote or freed the object last. Raises KeyError if none ever did."""
        number, _ = self._resolve(ref, len(self._xref_sections) - 1)
        if number is None:
            raise KeyError(ref)
        return number

    def _resolve(self, ref: Any, revision: int) -> tuple[int | None, int | ObjStreamRef | None]:
        naming = self._naming.get(ref.idnum, [])
        for at in reversed(range(-1, bisect_right(naming, revision))):
            number = naming[at] if at >= 0 else 0
            try:
                return number, self._xref_sections[number].xref_data.try_resolve(ref)
            except KeyError:
                continue
        return None, None


_COMMENT = re.compile(rb"%[^\r\n]*")


class _ObjectStream:
    """A decoded object stream: where each of its objects begins."""

    def __init__(self, stream: generic.StreamObject) -> None:
        data = stream.read_data(DecodePurpose.OBJECT_STREAM)
        first, count = int(stream["/First"]), int(stream["/N"])
        header = [int(each) for each in _COMMENT.sub(b"", data[:first]).split()]
        if count < 0 or first < 0 or len(header) < 2 * count:
            raise misc.PdfReadError("an object stream's header is too short")
        self._data = Policed(io.BytesIO(data))
        self._places = [
            (number, first + offset)
            for number, offset in zip(
                header[: 2 * count : 2], header[1 : 2 * count : 2], strict=True
            )
        ]

    def read_object(self, number: int, position: int, reader: PdfFileReader) -> generic.PdfObject:
        if not 0 <= position < len(self._places) or self._places[position][0] != number:
            # readers disagree on which of the two counts, so neither does
            raise misc.PdfReadError(f"object {number} is not where the table says")
        self._data.seek(self._places[position][1])
        return generic.read_object(self._data, generic.Reference(number, 0, reader))


# ---------------------------------------------------------------- what a file could make endless

_STEP = 1 << 16
_library_line = reader.read_next_end_line


def _read_line_backwards(stream: Any) -> bytes:
    """The line that ends at *stream*'s position; the stream then stands before it. In steps: it may
    be as long as the file."""
    last = stream.tell()
    start = last + 1
    parts: list[bytes] = []
    while start > 1:  # at the first byte of a file the library looks for nothing
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
            _library_line(stream)  # type: ignore[no-untyped-call]  # passes over its end
            return b"".join(reversed(parts))
        stream.seek(0)
    return bytes(_library_line(stream))  # type: ignore[no-untyped-call]


class _Freed(dict[int, int]):
    """Objects freed in one table. They are looked for in every other one."""

    def items(self) -> Iterator[tuple[int, int]]:  # type: ignore[override]
        for each in super().items():
            deadline.check()
            yield each

    def __missing__(self, number: int) -> int:
        deadline.check()
        raise KeyError(number)


_library_consistency = xref._check_xref_consistency


def _check_consistency(sections: list[XRefSection]) -> None:
    for each in sections:
        each.xref_data.freed = _Freed(each.xref_data.freed)
        if each.xref_data.hybrid:
            data = each.xref_data.hybrid.xref_data
            data.freed = _Freed(data.freed)
    _library_consistency(sections)


reader.read_next_end_line = _read_line_backwards
xref._check_xref_consistency = _check_consistency  # type: ignore[assignment]
