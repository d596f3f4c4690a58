"""What a file holds besides what its tables name, and what makes readers look for it.

Readers that find a file damaged look for objects and trailers in its bytes and take the last of
each; one that is told of by no table, or by none any more, would then be shown. So nothing of that
kind may stand in a file that was sealed and continued (``what`` of the changes: where it stands).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.xref import ObjStreamRef

from crypto import deadline
from crypto.pdf.reading.document import Document
from crypto.verdict import Change

_CHUNK, _OVERLAP, _NEAR, _TAIL = 1 << 20, 512, 24, 1000
_MOST = 20
_HEAD = 1 << 20
_ESCAPED = re.compile(rb"#([0-9A-Fa-f]{2})")
_BLANK = rb"(?:[\s\0]|%[^\r\n]*[\r\n])"
_WORD = re.compile(rb"(?<=[\s\0\d])obj[A-Za-z]?|trailer" + _BLANK + rb"{0,64}(?=<<)")
_NUMBERS = re.compile(rb"(\d{1,10})" + _BLANK + rb"+(\d{1,10})" + _BLANK + rb"*\Z")
_END = re.compile(rb"startxref[\s\0]+\d+[\s\0]+%%EOF[\s\0]*\Z")


def read_alike(document: Document) -> bool:
    """Do readers that pass over the tables and look for objects read the same document?"""
    if [*_at_the_end(document), *_named_twice(document), *_tables_for_objects(document, 0)]:
        return False
    size = document.stream.seek(0, 2)
    behind = _unlisted(document, 0)
    instead = _unlisted(document, size, and_freed=True)
    return next(behind, None) is None and next(instead, None) is None


def unlisted_objects(document: Document, end: int) -> list[Change]:
    """Objects and trailers that no table names, behind byte *end* or instead of others; objects
    that two tables name; an end of the file, or a last trailer, with which readers do not content
    themselves; and a head that fits only now. Each is a ``suspicious`` change."""
    found = [*_at_the_end(document), *_named_twice(document), *_linearized_now(document)]
    found += _tables_for_objects(document, end)
    for place in _unlisted(document, end):
        found.append(f"octet {place}")
        if len(found) == _MOST:
            break
    last = document.reader.total_revisions
    return [Change(last, "suspicious", None, each) for each in found]


def _at_the_end(document: Document) -> Iterator[str]:
    stream = document.stream
    size = stream.seek(0, 2)
    stream.seek(max(0, size - _TAIL))
    tail = stream.read(_TAIL)
    if not _END.match(tail, max(0, tail.rfind(b"startxref"))):
        yield "startxref"
    newest = document.reader.newest_trailer
    missing = {"/Root", "/Encrypt"} & set(document.reader.trailer_view) - set(newest)
    yield from (f"trailer {each}" for each in sorted(missing))


def _linearized_now(document: Document) -> Iterator[str]:
    """Browsers begin to read a file at its head, by the table there, if the length that is stated
    there (ISO 32000-1 annex F) is that of the file: so it was not when an earlier revision was
    sealed. A name or a number can be written in many ways, and no file says its own length in its
    first part for another reason."""
    size = document.stream.seek(0, 2)
    document.stream.seek(0)
    head = document.stream.read(_HEAD)
    if b"Linearized" not in head:
        head = _ESCAPED.sub(lambda found: bytes.fromhex(found[1].decode()), head)
    if b"Linearized" in head and re.search(rb"(?<!\d)0*%d(?!\d)" % size, head):
        yield "/Linearized"


def _named_twice(document: Document) -> Iterator[str]:
    """Objects that both tables of a hybrid revision name, on which readers disagree; the one of the
    revision before may be named as well, as PDFBox does."""
    xrefs = document.reader.xrefs
    for number in range(xrefs.total_revisions):
        data = xrefs.get_xref_data(number)
        if not data.hybrid:
            continue
        hidden = data.hybrid.xref_data
        for reference, place in data.standard_xrefs.items():
            other: object = hidden.standard_xrefs.get(reference, place)
            other = hidden.xrefs_in_objstm.get(reference, other)
            if other != place and not (
                number
                and isinstance(other, tuple)
                and other[1]
                == xrefs.get_historical_ref(generic.Reference(reference, 0), number - 1)
            ):
                yield f"{reference} 0 obj"


def _tables_for_objects(document: Document, end: int) -> Iterator[str]:
    """Tables behind byte *end* that are streams and bear the number of another object: MuPDF takes
    the table itself for that object, whatever stands in it."""
    xrefs = document.reader.xrefs
    for number in range(xrefs.total_revisions):
        hybrid = xrefs.get_xref_data(number).hybrid
        table = hybrid.meta_info if hybrid else xrefs.get_xref_container_info(number)
        if table.stream_ref and table.start_location >= end:
            place = xrefs.get_historical_ref(table.stream_ref, number)
            if place not in (None, table.start_location):
                yield f"{table.stream_ref.idnum} {table.stream_ref.generation} obj"


def _unlisted(document: Document, end: int, *, and_freed: bool = False) -> Iterator[int]:
    """Where objects and trailers begin that no table names, or not any more; *and_freed*: also
    those that a table has freed."""
    xrefs = document.reader.xrefs
    listed: set[int] = set()
    newest: dict[int, int] = {}
    trailers: set[int] = set()
    for number in range(xrefs.total_revisions):
        info, data = xrefs.get_xref_container_info(number), xrefs.get_xref_data(number)
        trailers.add(info.end_location)
        listed.add(info.start_location)
        parts = [data]
        if data.hybrid:
            parts.append(data.hybrid.xref_data)
            listed.add(data.hybrid.meta_info.start_location)
        for part in parts:
            listed.update(place for _, place in part.standard_xrefs.values())
            newest.update({each: place for each, (_, place) in part.standard_xrefs.items()})
    for place, word, before in _words(document):
        if word.startswith(b"trailer"):
            if place >= end and place + len(word) not in trailers:
                yield place
            continue
        near = before[-_NEAR:]
        numbers = _NUMBERS.search(near)
        if numbers is None or numbers.start() == 0:
            near, numbers = before, _NUMBERS.search(before)
        if numbers is None:
            if place >= end and word == b"obj":
                yield place  # its numbers are far off, behind a remark
            continue
        begin = place - len(near) + numbers.start()
        if newest.get(int(numbers[1])) == begin:
            continue
        # a table may point to the blanks before an object
        is_listed = any(at in listed for at in range(begin - 4, begin + 1))
        if begin >= end:
            if not is_listed:
                yield begin
            continue
        now = _place_now(document, int(numbers[1]), int(numbers[2]))
        if now is None and is_listed and not and_freed:
            continue  # freed
        if now is None or now + 4 < begin:
            yield begin


def _place_now(document: Document, number: int, generation: int) -> int | None:
    """Where the object stands in the whole file, or the stream that holds it; None: nowhere."""
    xrefs = document.reader.xrefs
    try:
        place = xrefs[generic.Reference(number, generation, document.reader)]
        if isinstance(place, ObjStreamRef):
            place = xrefs[generic.Reference(place.obj_stream_id, 0, document.reader)]
    except KeyError:
        starts = {
            info.stream_ref.idnum: info.start_location
            for each in range(xrefs.total_revisions)
            if (info := xrefs.get_xref_container_info(each)).stream_ref
        }
        place = starts.get(number)
    return place if isinstance(place, int) else None


def _words(document: Document) -> Iterator[tuple[int, bytes, bytes]]:
    """Every ``obj``, and every ``trailer`` with the blanks before its dictionary: where it begins,
    itself, and the bytes before it."""
    stream = document.stream
    start, raw, done = 0, b"", 0
    while True:
        deadline.check()
        stream.seek(start + len(raw))
        read = stream.read(_CHUNK)
        raw += read
        # what is near the end is looked at together with what follows
        enough = len(raw) - _OVERLAP if read else len(raw)
        for found in _WORD.finditer(raw):
            if done <= start + found.start() < start + enough:
                before = raw[max(0, found.start() - _OVERLAP) : found.start()]
                yield start + found.start(), found.group(), before
        if not read:
            return
        done = max(done, start + enough)
        left_out = max(0, len(raw) - 2 * _OVERLAP)
        start, raw = start + left_out, raw[left_out:]
