"""Dictionaries as the bytes in the file, where these can mean nothing else.

Parsing every page of a long document costs more than hashing it. Nearly every program writes its
objects plainly: "1 0 obj", one dictionary, then a stream or "endobj", and no string, comment or
escaped name in the dictionary. Whatever is written in another way has no raw dictionary, and is to
be parsed.
"""

from __future__ import annotations

import re

from pyhanko.pdf_utils import generic

from crypto.pdf.reading.reader import Reader

PREFIX = 4096
"""Bytes of an object that are read at once; most dictionaries are shorter, and many streams."""
REFERENCE = re.compile(rb"(\d{1,10})\s+(\d{1,5})\s+R(?![A-Za-z])")
_HEAD = re.compile(rb"\s*<<")
_UNPLAIN = re.compile(rb"[(%#]")
_BLANKS = b" \t\r\n\x0b\f\0"


def raw_object(reader: Reader, number: int, generation: int) -> tuple[bytes, int, int]:
    """(the first bytes of an object, where they go on behind "obj", its place in the file); b"" if
    it does not stand in the file by itself."""
    place = reader.xrefs[generic.Reference(number, generation, reader)]
    if not isinstance(place, int):
        return b"", 0, 0
    reader.stream.seek(place)
    read: bytes = reader.stream.read(PREFIX)
    begin = b"%d %d obj" % (number, generation)
    return (read, len(begin), place) if read.startswith(begin) else (b"", 0, 0)


def raw_body(read: bytes, begin: int) -> tuple[bytes, int]:
    """(what stands between << and >> in *read* from *begin*, where "stream" or "endobj" follows);
    b"" if it is not plain."""
    head = _HEAD.match(read, begin)
    if not head:
        return b"", 0
    end = read.find(b"stream")
    earlier = read.find(b"endobj", 0, end if end > 0 else len(read))
    end = earlier if earlier > 0 else end
    body = read[head.end() : max(end, 0)].rstrip(_BLANKS)
    if not body.endswith(b">>") or _UNPLAIN.search(body):
        return b"", 0
    return body[:-2], end


def raw_dictionary(reader: Reader, number: int, generation: int) -> bytes:
    """What stands between << and >> of an object that is a dictionary or a stream; b"" if it is
    not plain."""
    read, begin, _ = raw_object(reader, number, generation)
    return raw_body(read, begin)[0]


def raw_page(reader: Reader, number: int, generation: int) -> bytes:
    """The same of an object that is a dictionary, has neither annotations nor kids, and is
    surely no stream."""
    read, begin, _ = raw_object(reader, number, generation)
    body, end = raw_body(read, begin)
    if not read.startswith(b"endobj", end) or b"Annots" in body or b"Kids" in body:
        return b""
    return b"" if b"<" in body.replace(b"<<", b"") else body


def only_entry(key: bytes, pattern: re.Pattern[bytes], body: bytes) -> re.Match[bytes] | None:
    """The one entry with that key, found by *pattern*; None if there are two, or it stands in a
    dictionary inside."""
    found = pattern.search(body)
    if not found or body.count(key) != 1:
        return None
    place = found.start()
    return found if body.count(b"<<", 0, place) == body.count(b">>", 0, place) else None
