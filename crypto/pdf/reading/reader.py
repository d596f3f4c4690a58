"""pyHanko's reader with an index per object stream and one of the tables.

For every object pyHanko walks through the header of its object stream, which takes minutes for
streams of many objects, and through the tables of all revisions.
"""

from __future__ import annotations

import io
import re
from bisect import bisect_right
from functools import cached_property
from typing import Any, BinaryIO

from pyhanko.pdf_utils import generic, misc
from pyhanko.pdf_utils.decode_limits import DecodePurpose
from pyhanko.pdf_utils.reader import HistoricalResolver, PdfFileReader
from pyhanko.pdf_utils.xref import ObjStreamRef, XRefCache, XRefSection

from crypto import deadline
from crypto.pdf.reading.pyhanko_patches import LeanView, ReaderWithHooks


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


class Reader(ReaderWithHooks):
    """Opens a file and reads its objects; every way it fails is in
    :data:`crypto.pdf.reading.failures.PARSER_FAILURES`."""

    def __init__(self, stream: BinaryIO, strict: bool = True) -> None:
        self._indexes: dict[int, _ObjectStream] = {}
        self._object_ends: dict[int, int] = {}
        self._views: dict[int, HistoricalResolver] = {}
        super().__init__(Policed(stream), strict=strict)
        self.xrefs = _Sections(self, self.xrefs)

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
        if revision not in self._views:
            self._views[revision] = LeanView(self, revision)
        return self._views[revision]

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

    def object_was_read(self, place: int | ObjStreamRef) -> None:
        if isinstance(place, int):
            self._object_ends[place] = self.stream.tell()

    def read_from_object_stream(
        self, number: int, stream_number: int, position: int
    ) -> generic.PdfObject:
        index = self._indexes.get(stream_number)
        if index is None:
            stream = generic.Reference(stream_number, 0, self).get_object()
            if not isinstance(stream, generic.StreamObject) or stream["/Type"] != "/ObjStm":
                raise misc.PdfReadError("a compressed object is not in an object stream")
            index = self._indexes[stream_number] = _ObjectStream(stream)
        found = index.read_object(number, position, self)
        if isinstance(found, generic.StreamObject | generic.IndirectObject):
            raise misc.PdfReadError("an object stream holds a stream or a bare reference")
        return found


class _Sections(XRefCache):
    """pyHanko's cross-reference sections, oldest first, with an index: an object is looked for in
    the sections that name it, not in those of all revisions. A test holds the answers to pyHanko's
    own."""

    def __init__(self, reader: PdfFileReader, found: XRefCache) -> None:
        sections = [
            XRefSection(found.get_xref_container_info(number), found.get_xref_data(number))
            for number in range(found.total_revisions)
        ]
        super().__init__(reader, sections)
        self._by_revision = sections
        self._naming: dict[int, list[int]] = {}
        """Object number → the revisions but the first that name it, in order."""
        for number, section in enumerate(sections):
            data = section.xref_data
            parts = (data, data.hybrid.xref_data) if data.hybrid else (data,)
            named = {idnum for part in parts for idnum, _ in part.explicit_refs_in_revision}
            for idnum in named if number else ():
                self._naming.setdefault(idnum, []).append(number)

    def get_historical_ref(self, ref: Any, revision: int) -> int | ObjStreamRef | None:
        """Where the object stood in this revision; None if there was none."""
        return self._resolve(ref, revision)[1]

    def get_last_change(self, ref: generic.Reference) -> int:
        """The revision that wrote or freed the object last. Raises KeyError if none ever did."""
        number, _ = self._resolve(ref, len(self._by_revision) - 1)
        if number is None:
            raise KeyError(ref)
        return number

    def _resolve(self, ref: Any, revision: int) -> tuple[int | None, int | ObjStreamRef | None]:
        naming = self._naming.get(ref.idnum, [])
        for at in reversed(range(-1, bisect_right(naming, revision))):
            number = naming[at] if at >= 0 else 0
            try:
                return number, self._by_revision[number].xref_data.try_resolve(ref)
            except KeyError:
                continue
        return None, None


_COMMENT = re.compile(rb"%[^\r\n]*")


class _ObjectStream:
    """A decoded object stream: where each of its objects begins."""

    def __init__(self, stream: generic.StreamObject) -> None:
        data = stream.read_data(DecodePurpose.OBJECT_STREAM)
        first, count = int(stream["/First"]), int(stream["/N"])
        header = [int(word) for word in _COMMENT.sub(b"", data[:first]).split()]
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
