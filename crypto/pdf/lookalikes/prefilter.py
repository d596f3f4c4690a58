"""A prefilter for pages: do their bytes prove that they draw nothing red and no colour picture?

Parsing the pages of a document costs more than all the rest of a verification. Most pages are black
text, and their bytes show it: plain dictionaries, content that zlib unpacks, no red colour or no
outline, no image but grey ones. Any other page is left to be parsed.
"""

from __future__ import annotations

import re
import time
import zlib
from collections.abc import Sequence
from typing import Any

from pyhanko.pdf_utils import generic

from crypto.pdf.lookalikes.images import is_colourless
from crypto.pdf.lookalikes.red_shapes import is_red
from crypto.pdf.reading.access import entry, follow, key_of
from crypto.pdf.reading.content import COLOURS, DRAWINGS, DRAWN_NAMES, INLINE_BEGIN, has_shapes
from crypto.pdf.reading.document import Document
from crypto.pdf.reading.failures import PARSER_FAILURES
from crypto.pdf.reading.page import Page
from crypto.pdf.reading.raw import REFERENCE, only_entry, raw_body, raw_dictionary, raw_object

MAX_CONTENT = 4 << 20
"""Bytes of content, decoded, of one page."""

_SMALL, _TAIL = 2048, 11
_PACKED = re.compile(
    rb"\s*<<\s*(?:/Length\s+(\d{1,9})\s*/Filter\s*/FlateDecode"
    rb"|/Filter\s*/FlateDecode\s*/Length\s+(\d{1,9}))\s*>>\s*stream\r?\n"
)
"""A stream as nearly every program writes it."""
_CONTENTS = re.compile(rb"/Contents\s*(?:(\d+\s+\d+\s+R)|\[([\d\sR]*)\])")
_RESOURCES = re.compile(rb"/Resources\s*(?:(\d+)\s+(\d+)\s+R|<<)")
_XOBJECTS = re.compile(rb"/XObject\s*<<([^<>]*)>>")
_LENGTH = re.compile(rb"/Length\s+(\d{1,9})(?!\d|\s+\d+\s+R)")
_STREAM = re.compile(rb"stream\r?\n")
_END = re.compile(rb"\s{0,2}endstream")
_FILTER = re.compile(rb"/Filter\s*(?:/FlateDecode\b|\[\s*/FlateDecode\s*\])")
_SPACE = re.compile(rb"/ColorSpace\s*(?:/(DeviceGray|CalGray)\b|(\d+)\s+(\d+)\s+R)")
_WINDOW = 64
_BLANKS = b" \t\r\n\x0b\f\0"
_NUMERIC = b"-+.0123456789" + _BLANKS


class Spent(Exception):
    """A page has used up what may be spent on it."""


class Budget:
    """The processor's time that searching a document may take, and each of its pages."""

    def __init__(self, seconds: float, page_seconds: float) -> None:
        self._until = time.thread_time() + seconds
        self._of_page = page_seconds
        self._page_until = self._until

    @property
    def is_over(self) -> bool:
        """Is there no time for another page?"""
        return time.thread_time() > self._until

    def begin_page(self) -> None:
        """The time of a page begins."""
        self._page_until = min(self._until, time.thread_time() + self._of_page)

    def check(self) -> None:
        """Raises :class:`Spent` when the time of the page is over."""
        if time.thread_time() > self._page_until:
            raise Spent


def colour_of(numbers: Sequence[float]) -> bool:
    """Is this red, in DeviceRGB or DeviceCMYK, by how many numbers there are?"""
    if len(numbers) == 4:
        cyan, magenta, yellow, black = numbers
        return is_red(*((1 - ink) * (1 - black) for ink in (cyan, magenta, yellow)))
    return len(numbers) == 3 and is_red(*numbers)


def has_red(content: bytes) -> bool:
    """Does this content stream choose a red colour?"""
    seen = {
        content[max(0, chosen.start() - 1 - _WINDOW) : chosen.start() - 1]
        for operator in COLOURS
        for chosen in operator.finditer(content)
    }
    return any(map(_is_red, seen))


def _is_red(before: bytes) -> bool:
    """Do the last three or four numbers make a red? They may, where they are too long."""
    numbers = before[len(before.rstrip(_NUMERIC)) :]
    words = numbers.replace(b"\0", b" ").split()[-5:]
    if len(words) < 5 and len(numbers) == _WINDOW:
        return True
    return _make_red(words[-4:]) or _make_red(words[-3:])


def _make_red(words: Sequence[bytes]) -> bool:
    try:
        return colour_of([float(word) for word in words])
    except ValueError:
        return False


def draws_red(content: bytes, colours: Sequence[bool] = ()) -> bool:
    """Is there a red colour, if none of *colours* is red from the beginning, and are there curves,
    rectangles or polygons that may be painted with it?"""
    return has_shapes(content) and (any(colours) or has_red(content))


class Prefilter:
    """A document's objects as bytes, as far as these can mean nothing else."""

    def __init__(self, document: Document, reads: int) -> None:
        """*reads*: how many content streams of a page are read at most."""
        self._document, self._most = document, reads
        self._colourless: dict[tuple[int, int], bool] = {}
        self._bytes = self._reads = 0

    def shows_nothing_red(self, page: Page) -> bool:
        """Proved; False where it is not. Raises :class:`Spent`."""
        self._bytes = self._reads = 0
        try:
            return not self._document.reader.encrypted and self._is_black(page)
        except PARSER_FAILURES:
            return False

    def _is_black(self, page: Page) -> bool:
        body = page.raw or self._dictionary(*key_of(page.reference))
        contents = self._contents(page, body)
        parts = [self._content(*place) for place in contents]
        if not parts or None in parts:
            return False
        content = b"\n".join(part for part in parts if part)
        if INLINE_BEGIN.search(content) or draws_red(content):
            return False
        count = len(DRAWINGS.findall(content))
        drawn = DRAWN_NAMES.findall(content) if count else []
        if len(drawn) != count:
            return False
        places = self._xobjects(page, body) if drawn else {}
        return all(name in places and self._is_grey(*places[name]) for name in set(drawn))

    def _contents(self, page: Page, body: bytes) -> list[tuple[int, int]]:
        """The numbers of the page's content streams; none if they are not plain to see."""
        if page.bare:
            found = only_entry(b"/Contents", _CONTENTS, body)
            listed = REFERENCE.findall(found[1] or found[2]) if found else []
            return [(int(number), int(generation)) for number, generation in listed]
        node = follow(page.reference)  # has been parsed for its annotations
        raw = node.raw_get("/Contents") if "/Contents" in node else None
        if isinstance(raw, generic.ArrayObject):
            return [_numbers_of(raw.raw_get(index)) for index in range(len(raw))]
        return [_numbers_of(raw)]

    def _xobjects(self, page: Page, body: bytes) -> dict[bytes, tuple[int, int]]:
        """The numbers of the page's XObjects by name, as far as they are plain to see."""
        if not page.bare:
            raw = entry(follow(page.reference), "/Resources")
            named = entry(raw, "/XObject") if isinstance(raw, generic.DictionaryObject) else None
            if not isinstance(named, generic.DictionaryObject):
                return {}
            return {name[1:].encode("latin-1"): _numbers_of(named.raw_get(name)) for name in named}
        found = only_entry(b"/Resources", _RESOURCES, body)
        if not found:
            return {}
        inside = self._dictionary(int(found[1]), int(found[2])) if found[1] else body[found.end() :]
        listing = only_entry(b"/XObject", _XOBJECTS, inside)
        words = listing[1].replace(b"/", b" /").split() if listing else []
        return {
            words[index][1:]: (int(words[index + 1]), int(words[index + 2]))
            for index in range(0, len(words) - 3, 4)
        }

    def _is_grey(self, number: int, generation: int) -> bool:
        key = (number, generation)
        if key not in self._colourless:
            image = self._dictionary(*key)
            plain = b"/Image" in image and b"/ImageMask" not in image and b"/Indexed" not in image
            found = only_entry(b"/ColorSpace", _SPACE, image) if plain else None
            grey = bool(found and found[1])
            if found and found[2]:
                reader = self._document.reader
                reference = generic.Reference(int(found[2]), int(found[3]), reader)
                grey = is_colourless(follow(reference))
            self._colourless[key] = grey
        return self._colourless[key]

    def _dictionary(self, number: int, generation: int) -> bytes:
        return raw_dictionary(self._document.reader, number, generation)

    def _content(self, number: int, generation: int) -> bytes | None:
        """A content stream, decoded; None if that asks for more than zlib."""
        self._reads += 1
        if self._reads > self._most or self._bytes > MAX_CONTENT:
            raise Spent
        read, behind, place = raw_object(self._document.reader, number, generation)
        if found := _PACKED.match(read, behind):
            begin, length, packed = found.end(), int(found[1] or found[2]), True
        else:
            body, behind = raw_body(read, behind)
            stated = _LENGTH.search(body)
            word = _STREAM.match(read, behind)
            if not stated or not word or b"<" in body:
                return None
            begin, length, packed = word.end(), int(stated[1]), b"/Filter" in body
            if packed and (not _FILTER.search(body) or b"/DecodeParms" in body):
                return None
        size = min(length, MAX_CONTENT)
        raw = read[begin : begin + size + _TAIL]
        if len(raw) < size + _TAIL:
            self._document.stream.seek(place + begin)
            raw = self._document.stream.read(size + _TAIL)
        if not _END.match(raw, size):
            return None
        raw = raw[:size]
        if packed and len(raw) <= _SMALL:  # cannot become much, and is done in half the time
            raw = zlib.decompress(raw)
        elif packed:
            raw = zlib.decompressobj().decompress(raw, MAX_CONTENT - self._bytes + 1)
        self._bytes += len(raw)
        if self._bytes > MAX_CONTENT:
            raise Spent
        return raw


def _numbers_of(raw: Any) -> tuple[int, int]:
    """Of a reference; (0, 0), which is no object, for anything else."""
    return key_of(raw) if isinstance(raw, generic.IndirectObject) else (0, 0)
