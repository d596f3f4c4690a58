"""Which objects of a file refer to which, from revision to revision.

An object may be written again only in the role that it had, and a number at which nothing stood may
be filled only if nothing pointed there: both are told from all references of all revisions so far.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cached_property
from typing import Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import HistoricalResolver

from crypto import deadline
from crypto.pdf.reading.access import entry, key_of
from crypto.pdf.reading.document import Document
from crypto.pdf.reading.failures import PARSER_FAILURES, PdfTooComplex
from crypto.verdict import Change

MAX_OBJECTS = 200_000
_GLANCE = 4096
_TAIL = 64
_BLANK = rb"[ \t\r\n\f\0]"
_END = rb"(?=[ \t\r\n\f\0/<>\[\]])"
_HEADER = rb"%b*+(\d{1,10})%b++(\d{1,5})%b++obj" % (_BLANK, _BLANK, _BLANK)
_PLAIN = re.compile(
    _HEADER + rb"(?=" + _BLANK + rb"*+(?:<<|\[))"
    rb"((?:" + _BLANK + rb"*+(?:/[A-Za-z0-9_.+:*-]*+" + _END + rb"|"
    rb"\d{1,10}%b++\d{1,5}%b++R" % (_BLANK, _BLANK) + _END + rb"|"
    rb"[+-]?(?:\d++\.?\d*+|\.\d++)" + _END + rb"|"
    rb"<<|>>|\[|\]|<[0-9A-Fa-f]*+>|(?:true|false|null)" + _END + rb"))++)"
    rb"%b*+(stream\r?\n|endobj\b)" % _BLANK
)
"""An object that every reader understands alike: no strings, comments or escaped names, no R but
behind two whole numbers, nothing that is no token."""
_MARK = re.compile(rb"<<|>>|\[|\]|<[^<>]*>")
_CLOSES = {b">>": b"<<", b"]": b"["}
_MISTAKABLE = re.compile(rb"/(?:XRef|ObjStm)\b")
_AFTER_STREAM = re.compile(rb"\s*endstream\s*endobj\b")
_REFERENCE = re.compile(rb"(\d+)[\s\0]+\d+[\s\0]+R")
_LENGTH = re.compile(rb"/Length[\s\0]+(\d{1,10})(?:[\s\0]+(\d{1,5})[\s\0]+R)?(?![\d.])")
_NUMBER = re.compile(_HEADER + rb"\s+(\d{1,10})\s+endobj")
_IN_A_LIST = ""
"""Stands for the entry where an array by itself refers to an object."""
_SIGNED_OVER = "signed over"
"""Stands for /Data in one of the dictionaries that a signature's /Reference lists (ISO 32000-1
table 253)."""
_IN_REFERENCE = "in /Reference"
"""Such a dictionary, on the way there."""
_NAMED_BY_CONTENT = frozenset(
    (
        *("/ExtGState", "/ColorSpace", "/Pattern", "/Shading", "/XObject", "/Font", "/Properties"),
        *("/CharProcs", "/Colorants"),
    )
)
"""Entries whose value is a dictionary of names (ISO 32000-1 table 33, §8.6.6.5, §9.6.5)."""
TRAILER = 0
"""Stands for the trailer where containers are named by object number."""


class References:
    """The references of a document's revisions, as far as they have been noted."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self.watched: set[int] = set()
        """The numbers of the objects of which it matters who refers to them: of others not every
        reference is noted."""
        self._users: dict[int, set[tuple[int, str]]] = {}
        self._roles: dict[int, set[str]] = {}
        """Object number → the entries, innermost, that refer to it."""
        self._objects: set[int] = set()
        self._tables: set[int] = set()
        """The numbers of the tables that are streams."""
        self._noted = -1
        """The last revision that was noted."""
        self.reach = [0] * document.reader.total_revisions
        """How far the objects that each revision writes reach into the file."""
        self.unreadable: list[Change] = []
        """Objects that cannot be read, and so might refer to anything."""

    def exists(self, number: int) -> bool:
        """Is there an object of this number, of whatever generation?"""
        return number in self._objects

    def users(self, number: int) -> set[tuple[int, str]]:
        """Who refers to the object of this number: (object number, outermost entry);
        :data:`TRAILER` stands for the trailer, an array by itself has no entry."""
        return self._users.get(number, set())

    def plays(self, number: int, *roles: str) -> bool:
        """Is object *number* referred to only from these entries? A dictionary that is read as
        something else as well, as one of fonts, would show what is rewritten in it."""
        return self._roles.get(number, set()) <= {_IN_A_LIST, *roles}

    def is_only_the_catalog(self, number: int) -> bool:
        """Is object *number* read as the catalog alone? A signature may name it, too, as what it
        was made over, or a field as its page (borb): nothing that is drawn is looked up there."""
        return self.plays(number, "/Root", "/P", _SIGNED_OVER)

    def are_tables_read(self) -> bool:
        """Does an object refer to what calls itself a table? Content could look names up in it."""
        again = References(self._document)
        again.watched = set(self._tables)
        for number in range(self._noted + 1 if self._tables else 0):
            again.note(number)
        return any(map(again.users, self._tables))

    def is_left_alone(self, number: int, since: int) -> bool:
        """Does nothing that is written after revision *since* (from 0) refer to object *number*, of
        whatever generation? Many readers do not look at it."""
        later = References(self._document)
        later.watched = {number}
        for each in range(since + 1, self._document.reader.total_revisions):
            later.note(each)
            later.note_trailer(self._document.reader.get_historical_resolver(each))
        return not later.users(number) and not later.unreadable

    def users_until(self, number: int, last: int) -> set[tuple[int, str]]:
        """Who refers to object *number* in the revisions up to *last* (from 0); nobody, where that
        cannot be told. For an object that is not watched."""
        early = References(self._document)
        early.watched = {number}
        for each in range(last + 1):
            early.note(each)
            early.note_trailer(self._document.reader.get_historical_resolver(each))
        return set() if early.unreadable else early.users(number)

    def is_former_look(self, number: int, base: int, since: int) -> bool:
        """Was object *number* unknown in revision *base*, then the look of one annotation that was
        written again, and does nothing refer to it that is in force since revision *since*?"""
        if self.users(number) or self.exists(number):
            return False
        between = References(self._document)
        between.watched = {number}
        for each in range(base + 1, since):
            between.note(each)
            between.note_trailer(self._document.reader.get_historical_resolver(each))
        last = self._document.reader.total_revisions
        again = {
            reference.idnum
            for each in range(since, last)
            for reference in self._document.reader.xrefs.explicit_refs_in_revision(each)
        }
        users = between.users(number)
        return (
            len(users) == 1
            and all(container in again and name == "/AP" for container, name in users)
            and not between.unreadable
            and self.is_left_alone(number, since - 1)
        )

    def names_resources(self, number: int) -> bool:
        """Is object *number* read as a list of resources, in which content looks up whatever names
        a document chooses?"""
        return bool(self._roles.get(number, set()) & _NAMED_BY_CONTENT)

    def place(self, reference: generic.Reference, number: int) -> Any:
        """Where the object stood in revision *number*; None if there was none."""
        return self._document.reader.xrefs.get_historical_ref(reference, number)

    def note(self, number: int) -> None:
        """Remember which objects the objects written in revision *number* refer to, and from which
        entry of which object. To be called for one revision after the other, from the first.
        Raises :class:`PdfTooComplex`."""
        self._noted = number
        for reference in self._document.reader.xrefs.explicit_refs_in_revision(number):
            deadline.check()
            place = self.place(reference, number)
            if place is None:
                self._objects.discard(reference.idnum)
                continue
            self._objects.add(reference.idnum)
            if len(self._objects) > MAX_OBJECTS:
                raise PdfTooComplex("too many objects")
            if isinstance(place, int) and self._is_passed_over(reference, place, number):
                continue
            try:
                found, end = self._document.reader.read_at(reference, number)
            except PARSER_FAILURES:
                self.unreadable.append(
                    Change(number + 1, "suspicious", None, f"{reference.idnum} 0 obj")
                )
                continue
            self._note_reach(number, end)
            if isinstance(found, generic.StreamObject) and self._is_mistakable(found, reference):
                self.unreadable.append(
                    Change(number + 1, "suspicious", None, f"{reference.idnum} 0 obj")
                )
            if isinstance(found, generic.StreamObject) and entry(found, "/Type") == "/XRef":
                self._tables.add(reference.idnum)
                self._note_object(found, TRAILER)  # its dictionary is the trailer
            else:
                self._note_object(found, reference.idnum)

    def _is_mistakable(self, found: generic.StreamObject, reference: generic.Reference) -> bool:
        """Is this a table that names another catalog than the file's (PDFBox writes such that
        nobody reads, with the same), or does it hold objects that no table names? Readers that
        repair a file take what is in it."""
        kind, reader = entry(found, "/Type"), self._document.reader
        if kind == "/XRef" and reference not in reader.xrefs.xref_stream_refs:
            root = found.raw_get("/Root") if "/Root" in found else reader.root_ref
            return bool(key_of(root) != key_of(reader.root_ref))
        return bool(kind == "/ObjStm" and entry(found, "/N") != self._held[reference.idnum])

    @cached_property
    def _held(self) -> Counter[int]:
        """Object stream → how many objects of it the tables name."""
        xrefs = self._document.reader.xrefs
        named: set[tuple[int, int]] = set()
        for number in range(xrefs.total_revisions):
            data = xrefs.get_xref_data(number)
            for each in (data, data.hybrid.xref_data if data.hybrid else None):
                places = each.xrefs_in_objstm.values() if each else ()
                named |= {(place.obj_stream_id, place.ix_in_stream) for place in places}
        return Counter(stream for stream, _ in named)

    def _note_reach(self, number: int, end: int) -> None:
        self.reach[number] = max(self.reach[number], end)

    def _is_passed_over(self, reference: generic.Reference, place: int, number: int) -> bool:
        """Does the object at this offset refer to none that is written later?

        Told from its bytes where these leave no doubt: parsing every object of a large file would
        take longer than hashing it. Its end is noted."""
        found = self._prefilter(_PLAIN, place, reference)
        if found is None or not _is_one(found[3]) or _MISTAKABLE.search(found[3]):
            return False
        if any(int(other) in self.watched for other in _REFERENCE.findall(found[3])):
            return False
        end = place + found.end()
        if found[4] != b"endobj":
            lengths = _LENGTH.findall(found[3])
            if len(lengths) != 1 or found[3].count(b"/Length") != 1:
                return False
            size, generation = lengths[0]
            if generation:
                length = generic.Reference(int(size), int(generation))
                at = self.place(length, number)
                stated = self._prefilter(_NUMBER, at, length) if isinstance(at, int) else None
                if stated is None:
                    return False
                size = stated[3]
            end += int(size)
            self._document.stream.seek(end)
            after = _AFTER_STREAM.match(self._document.stream.read(_TAIL))
            if after is None:
                return False  # readers look for its end, each in its own way
            end += after.end()
        self._note_reach(number, end)
        return True

    def _prefilter(
        self, pattern: re.Pattern[bytes], place: int, reference: generic.Reference
    ) -> re.Match[bytes] | None:
        """What stands at *place*, if it is an object of this number and fits the *pattern*."""
        self._document.stream.seek(place)
        found = pattern.match(self._document.stream.read(_GLANCE))
        stated = found and (int(found[1]), int(found[2]))
        return found if stated == key_of(reference) else None

    def note_trailer(self, view: HistoricalResolver) -> None:
        """Remember what the trailer of this revision refers to."""
        for name, value in view.trailer_view.items():
            if isinstance(value, generic.IndirectObject):
                self._users.setdefault(value.idnum, set()).add((TRAILER, name))
                self._roles.setdefault(value.idnum, set()).add(name)

    def _note_object(self, found: Any, container: int) -> None:
        stack: list[tuple[Any, str, str]] = [(found, "", "")]
        while stack:
            value, name, inner = stack.pop()
            if isinstance(value, generic.IndirectObject):
                role = "/Reference" if inner == _IN_REFERENCE else inner
                self._users.setdefault(value.idnum, set()).add((container, name))
                self._roles.setdefault(value.idnum, set()).add(role)
            elif isinstance(value, generic.DictionaryObject):
                signed = inner == _IN_REFERENCE
                stack += [
                    (each, name or key, _SIGNED_OVER if signed and key == "/Data" else key)
                    for key, each in value.items()
                ]
            elif isinstance(value, generic.ArrayObject):
                if name == inner == "/Reference":
                    inner = _IN_REFERENCE
                stack += [(each, name, inner) for each in value]


def _is_one(body: bytes) -> bool:
    """Is this one dictionary or list, all parts of which are closed? Some readers look for what is
    not behind the end of the object."""
    opened: list[bytes] = []
    for place, mark in enumerate(_MARK.findall(body)):
        if place and not opened:
            return False
        if mark in _CLOSES:
            if not opened or opened.pop() != _CLOSES[mark]:
                return False
        elif mark in _CLOSES.values():
            opened.append(mark)
    return not opened
