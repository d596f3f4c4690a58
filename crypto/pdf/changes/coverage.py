"""What the byte range of each signature covers, and what came after it.

Covered bytes must be the whole file, or a whole PDF by themselves in which that very signature
stands; then the later revisions are reviewed.

A file of many signatures would be opened and walked once for each of them. Where the covered bytes
are to the byte a revision of the whole file, and everything that came later only added, they are
not opened: what stands in the file now stood there then (:meth:`Coverage._stood`). Wherever
anything is in doubt they are opened and read as a file of their own.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import HistoricalResolver, process_data_at_eof
from pyhanko.pdf_utils.xref import XRefSection, XRefSectionType

from crypto import deadline
from crypto.frozen import frozen
from crypto.pdf.reading.access import entry, follow, items_of, key_of
from crypto.pdf.reading.document import MAX_TREE_DEPTH, Document, Field
from crypto.pdf.reading.failures import PARSER_FAILURES, PdfTooComplex, PdfUnreadable
from crypto.pdf.reading.objects import form_of, same_entry
from crypto.pdf.reading.signatures import EmbeddedSignature, stands_in
from crypto.pdf.reading.surroundings import Window
from crypto.verdict import Change, Finding

_SPACE = b" \t\r\n\x0c\x00"
_MAX_SPACE = 900
"""Behind more blanks than that some readers no longer see the end of the file, and repair it."""
_WITH_TRAILER = (XRefSectionType.STANDARD, XRefSectionType.HYBRID_MAIN)


@frozen
class _Opened:
    """Covered bytes, opened as a file of their own."""

    document: Document

    @property
    def number(self) -> int:
        """Of the last revision in it, from 0."""
        return self.document.reader.total_revisions - 1

    @cached_property
    def fields(self) -> list[Field]:
        """Raises what :meth:`Document.signature_fields` raises."""
        return self.document.signature_fields()


class Coverage:
    """What the byte ranges of a file's signatures cover."""

    def __init__(
        self,
        document: Document,
        size: int,
        password: str | None,
        embedded: Sequence[EmbeddedSignature],
    ) -> None:
        """*size*: of the file, in bytes; *password*: what opened *document*; *embedded*: all of
        its signatures."""
        self._document, self._size, self._password = document, size, password
        self._ends = {
            signature.end: None
            for signature in embedded
            if signature.covered and not self._is_all(signature.end)
        }
        """Where those end that do not cover all, in the order of *embedded*."""
        self._opened: dict[int, _Opened | str] = {}

    def check(self, signature: EmbeddedSignature) -> tuple[str, list[Change], list[Finding]]:
        """("file", "revision" or "unclear", later changes, findings)."""
        if self._is_all(signature.end):
            return "file", [], [Finding("covers_file")]
        opened: _Opened | None = None
        number = self._numbers[signature.end]
        if number is not None and self._stood(signature, number):
            strangers: list[str] = []
        else:
            signed = self._open(signature.end)
            if isinstance(signed, str):
                return "unclear", [], [Finding("byte_range_malformed", {"reason": signed})]
            present = {field.name for field in signed.fields if stands_in(signature, field)}
            if not present:
                reason = "the signature is not part of what it covers"
                return "unclear", [], [Finding("byte_range_malformed", {"reason": reason})]
            strangers = [field.name for field in signature.fields if field.name not in present]
            opened, number = signed, signed.number
        findings = [Finding("covers_revision")]
        try:
            apart = opened.document if opened else None
            changes = self._history.changes(
                signature.dictionary,
                number,
                signature.end,
                apart,
                lambda: self._part(signature.end),
            )
        except PdfTooComplex as error:
            return "revision", [], [*findings, Finding("not_reviewed", {"reason": str(error)})]
        if self._document.repaired and opened and not opened.document.repaired:
            # a table that readers understand differently, written after sealing
            last = self._document.reader.total_revisions
            changes = [*changes, Change(last, "suspicious", None, "xref")]
        if not changes:
            findings.append(Finding("bytes_after_end", {"count": str(self._size - signature.end)}))
            findings.append(Finding("range_incomplete"))
        # what a later signature means is known when that signature has been checked
        findings += [change.finding for change in changes if change.kind != "seal_added"]
        findings += [Finding("mark_foreign", {"field": stranger}) for stranger in strangers]
        return "revision", changes, findings

    def revision(self, signature: EmbeddedSignature) -> int | None:
        """The number (from 0) of the revision of the whole file that *signature* covers; None if it
        covers all, or that is not certain."""
        return self._numbers.get(signature.end)

    def revisions(self) -> list[tuple[int, int | None]]:
        """For each signature that covers less than all: where that ends, and its number as
        :meth:`revision` gives it."""
        return list(self._numbers.items())

    def _is_all(self, end: int) -> bool:
        return not self._rest(end).strip(_SPACE) and self._size - end <= _MAX_SPACE

    def _rest(self, end: int) -> bytes:
        self._document.stream.seek(end)
        return self._document.stream.read(min(self._size - end, _MAX_SPACE))

    def _open(self, end: int) -> _Opened | str:
        """The first *end* bytes as a file of their own; why not, if they are none."""
        if end not in self._opened:
            try:
                window = io.BufferedReader(Window(self._document.stream, end))
                self._opened[end] = _Opened(Document(window, self._password))
            except PARSER_FAILURES as error:
                self._opened[end] = str(error)[:200]
        return self._opened[end]

    def _part(self, end: int) -> Document | None:
        """The first *end* bytes as a file of their own, None if they are none."""
        opened = self._open(end)
        return opened.document if isinstance(opened, _Opened) else None

    @cached_property
    def _numbers(self) -> dict[int, int | None]:
        """End → the number of the revision of the whole file (from 0) that the bytes up to there
        are, as a file of their own; None where that is not certain."""
        revisions = _Revisions(self._document)
        return {end: revisions.ending_at(end) for end in self._ends}

    @cached_property
    def _first(self) -> _Opened:
        """What the earliest of the signatures covers that do not cover all. Raises StopIteration if
        none of it can be opened."""

        def number(end: int) -> int:
            known = self._numbers[end]
            opened = self._open(end) if known is None else None
            return known or (opened.number if isinstance(opened, _Opened) else 0)

        opened = (self._open(end) for end in sorted(self._ends, key=number))
        return next(each for each in opened if isinstance(each, _Opened))

    @cached_property
    def _history(self) -> Any:
        from crypto.pdf.changes.review import History  # only files with later revisions need it

        return History(self._document, self._first.document)

    # --- what is proved without opening ---

    def _stood(self, signature: EmbeddedSignature, number: int) -> bool:
        """Is it proved, without opening them, that every field of *signature* stands with this very
        signature in the bytes it covers, which are revision *number*?

        From there on until a revision whose fields were walked in full, every step only added. What
        that walk met is then what a walk of the covered bytes would meet, less what was not there
        yet: a way to a field that existed can neither have been opened nor barred. Left to be seen
        is that the field was there, and signed."""
        try:
            if self._history.reach(number) >= signature.end or not self._opens_alike:
                return False
            names = self._names_at(number, self._history.additions_until(number))
            view = self._document.reader.get_historical_resolver(number)
            listed = _references(entry(form_of(view), "/Fields"))
            return all(
                field.reference is not None
                and (names is None or names.get(key_of(field.reference)) == field.name)
                and _stands(signature, field.reference, view, listed)
                for field in signature.fields
            )
        except PARSER_FAILURES:
            return False

    @cached_property
    def _opens_alike(self) -> bool:
        """Would every revision open as strictly as the whole file does? One that has to be read
        leniently makes every later one so."""
        first = self._first.document
        return not self._document.repaired or (
            first.repaired and self._numbers[first.stream.seek(0, io.SEEK_END)] is not None
        )

    def _names_at(self, number: int, until: int) -> dict[tuple[int, int], str] | None:
        """The names of all signature fields in the latest revision after *number*, none after
        *until*, whose fields are walked in full; None: that is the file itself.

        Raises what opening and walking it raises, StopIteration if there is none."""
        if until == self._document.reader.total_revisions - 1:
            return None
        ends = {self._numbers[end]: end for end in sorted(self._ends)}
        latest = max(end for end in ends if end is not None and number < end <= until)
        opened = self._open(ends[latest])
        if isinstance(opened, str):
            raise PdfUnreadable(opened)
        return {key_of(field.reference): field.name for field in opened.fields if field.reference}


def _stands(
    signature: EmbeddedSignature,
    reference: generic.Reference,
    view: HistoricalResolver,
    listed: set[tuple[int, int]],
) -> bool:
    """Does the field *reference* hold *signature* in this *view* of the file, and is
    it one of those *listed* in the form, or a kid of one that is?"""
    node = view(generic.Reference(reference.idnum, reference.generation, view))
    if not stands_in(signature, Field("", reference, node, node.raw_get("/V"))):
        return False
    key = key_of(reference)
    for _ in range(MAX_TREE_DEPTH):
        if key in listed:
            return True
        parent = node.raw_get("/Parent")
        node = follow(parent)
        if key not in _references(entry(node, "/Kids")):
            return False
        key = key_of(parent)
    return False


def _references(listed: Any) -> set[tuple[int, int]]:
    """Number and generation of the objects that a list refers to."""
    return {key_of(item) for item in items_of(listed) if isinstance(item, generic.IndirectObject)}


class _Revisions:
    """Which bytes of a file are its revisions, for whoever has no more of it than these."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._xrefs = document.reader.xrefs
        numbers = range(document.reader.total_revisions)
        self._numbers = {self._xrefs.get_startxref_for_revision(each): each for each in numbers}
        self._reach: list[int] = []
        """One past the last byte that the tables up to each revision take up or point to."""
        reached = 0
        for number in numbers:
            deadline.check()
            reached = max(reached, *self._ends(number))
            self._reach.append(reached)

    def ending_at(self, end: int) -> int | None:
        """The number (from 0) of the revision that the first *end* bytes are: as a file of their
        own they would be read from the same tables, and thus show what it shows. None if that is
        not certain."""
        window = io.BufferedReader(Window(self._document.stream, end))
        try:
            window.seek(-1, io.SEEK_END)
            number = self._numbers.get(process_data_at_eof(window))
            if number is None or self._reach[number] > window.tell() + 1:
                return None  # the position is that of the byte before "startxref"
            return number if self._has_own_streams and self._is_locked_alike(number) else None
        except PARSER_FAILURES:
            return None

    def _ends(self, number: int) -> Iterator[int]:
        """Where the tables of a revision end, and where the objects that they name begin."""
        stream, reader = self._document.stream, self._document.reader
        for section in self._sections(number):
            end = section.meta_info.end_location
            if section.meta_info.xref_section_type in _WITH_TRAILER:
                stream.seek(end)
                generic.DictionaryObject.read_from_stream(stream, generic.TrailerReference(reader))
                end = stream.tell()
            yield end
            yield max((at for _, at in section.xref_data.standard_xrefs.values()), default=0)

    def _sections(self, number: int) -> list[XRefSection]:
        """The table of a revision, and the other one of a hybrid file."""
        info, data = self._xrefs.get_xref_container_info(number), self._xrefs.get_xref_data(number)
        return [XRefSection(info, data), *([data.hybrid] if data.hybrid else [])]

    @cached_property
    def _has_own_streams(self) -> bool:
        """Was no object stream written again? pyHanko would read the earlier revisions from the
        later one."""
        used: set[int] = set()
        for number in range(self._document.reader.total_revisions):
            tables = [section.xref_data for section in self._sections(number)]
            if any(each in used for data in tables for each, _ in data.explicit_refs_in_revision):
                return False
            used |= {each for data in tables for each in data.obj_streams_used}
        return True

    def _is_locked_alike(self, number: int) -> bool:
        """Is that revision encrypted as the whole file is, or neither?"""
        reader = self._document.reader
        if not reader.encrypted:
            return True
        then, now = reader.get_historical_resolver(number), reader.trailer_view
        raw = now.raw_get("/Encrypt")
        if isinstance(raw, generic.IndirectObject) and reader.xrefs[
            raw
        ] != reader.xrefs.get_historical_ref(raw, number):
            return False
        return same_entry(then.trailer_view, now, "/Encrypt") and (
            then.document_id[0] == reader.document_id[0]
        )
