"""What later revisions did to a document after it was sealed, in words, with page and object.

Every object that a later revision writes must be explained, or the change is ``forbidden``:

* an object that existed may be written again only if it is the catalog, the form, a list of fields,
  a page or its list of annotations, a field, document properties or validation data, and only in
  the entries that sealing, filling in and archiving need;
* a new object may be reached only through those entries: a number that the sealed revision already
  refers to, though nothing stood there, cannot be filled in later;
* a new field must be a signature field of a new name with a value of its own.

What is explained gets one of the kinds of :class:`crypto.verdict.Change`. Compared are neighbouring
revisions, each pair once for all signatures of the file, in time linear in its size. This is our
own rule and not pyHanko's: that one passes empty signature fields that hide text, values that
replace values, hidden fields made visible and references filled in later, needs time exponential in
crafted files, and costs three quarters of a second to load (docs/verification.md).

Where that finds something bad, what counts is what is left of it: the last revision is compared
with the sealed one in one step (:mod:`crypto.pdf.changes.at_once`), by the same rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cached_property

from pyhanko.pdf_utils import generic, misc

from crypto.frozen import frozen
from crypto.pdf.changes.at_once import compared_at_once
from crypto.pdf.changes.ground import PagesRead
from crypto.pdf.changes.pair import Step
from crypto.pdf.changes.references import References
from crypto.pdf.changes.step import compare
from crypto.pdf.changes.unlisted import unlisted_objects
from crypto.pdf.reading.access import entry, follow, items_of
from crypto.pdf.reading.document import Document
from crypto.pdf.reading.enclosed_evidence import evidence_of
from crypto.pdf.reading.failures import PARSER_FAILURES, PdfTooComplex
from crypto.pdf.reading.objects import Known, form_of, walk_fields
from crypto.verdict import LEVELS, Change, Level

_MOST_AT_ONCE, _MOST_READ = 8, 20_000
"""Signatures of one file for which all that came later is compared once more; more of them where no
more objects than that are read for it."""
_FILLINGS = ("field_filled", "filling_unclear", "filling_over_content")
_REPLACED = ("value_replaced", "look_replaced")


class History:
    """The later revisions of a document, reviewed once for all of its signatures."""

    def __init__(self, document: Document, first: Document) -> None:
        """*first* is the file up to the end of what the earliest signature covers."""
        self._document = document
        self._first = first.reader.total_revisions - 1
        self._first_end = first.stream.seek(0, 2)
        self._xrefs = document.reader.xrefs
        self._known = Known(first)
        self._references = References(document)
        self._pages = PagesRead(self._references.place)
        self._at_once = 0
        """How often the whole was compared in one step."""
        self._steps: dict[int, Step] | Exception | None = None
        """By number of the later revision; or why there are none."""

    def changes(
        self,
        signature: generic.DictionaryObject,
        base: int,
        end: int,
        signed: Document | None,
        reopen: Callable[[], Document | None] = lambda: None,
    ) -> list[Change]:
        """The changes between revision *base* (from 0), sealed up to byte *end*, and the whole.

        *signature* is the signature dictionary, for its DocMDP and FieldMDP limits; *signed* the
        file up to *end*, None if that is known to be revision *base*; *reopen* gives it even then,
        to see what is left of changes that later ones have undone: without it they all count.
        Never raises for what a file contains: what cannot be analysed is a ``forbidden`` change.
        Raises :class:`PdfTooComplex` for more objects than are reviewed."""
        total = self._document.reader.total_revisions
        try:
            if signed and not self._continues(signed, base):
                return [Change(base + 2, "forbidden", None, "/Prev")]
            steps = self._reviewed()
            if self.reach(base) > end:
                # its length was wrong when it was sealed, and is right now
                return [Change(base + 2, "forbidden", None, "a stream that was not at its end")]
            limits = _Limits.of(signature)
            found = [
                limits.judge(change, steps[number])
                for number in range(base + 1, total)
                for change in steps[number].changes
            ]
            beside = (
                self._compare_sizes(base)
                + self._references.unreadable
                + (self._unlisted_objects if base + 1 < total else [])
            )
            if self._may_be_undone(found, base):
                found = self._left(found, limits, base, signed or reopen())
            found = _as_sealed(found) + beside
        except PdfTooComplex:
            raise
        except misc.PdfStrictReadError as error:  # readers go on, each as it likes
            return [Change(total, "suspicious", None, str(error)[:200])]
        except PARSER_FAILURES as error:
            return [Change(total, "forbidden", None, f"{type(error).__name__}: {error}"[:200])]
        once: dict[tuple[str, int | None, str], Change] = {}
        for each in found:
            once.setdefault((each.kind, each.page, each.what), each)
        return list(once.values())

    def _may_be_undone(self, found: Iterable[Change], base: int) -> bool:
        """Did a revision in which something bad was *found* write an object that another one since
        *base* has written as well?"""
        bad = {each.revision - 1 for each in found if _ORDER.index(LEVELS[each.code]) > _FINE}
        writers: dict[int, set[int]] = {}
        for number in range(base + 1, self._document.reader.total_revisions) if bad else ():
            for reference in self._xrefs.explicit_refs_in_revision(number):
                writers.setdefault(reference.idnum, set()).add(number)
        return any(len(each) > 1 and each & bad for each in writers.values())

    def _left(
        self, found: list[Change], limits: _Limits, base: int, sealed: Document | None
    ) -> list[Change]:
        """What is left in the last revision of the changes *found* one after the other, unless that
        is worse. *sealed*: revision *base* as a file of its own."""
        self._at_once += 1
        is_large = self._at_once * self._written > _MOST_READ
        if sealed is None or (self._at_once > _MOST_AT_ONCE and is_large):
            return found
        try:
            watched = self._references.watched
            step = compared_at_once(self._document, sealed, base, watched, self._pages)
        except PARSER_FAILURES:
            return found
        if step is None:
            return found
        writers = {change.what: change.revision for change in found}  # the last one of each
        left = [
            limits.judge(replace(each, revision=writers.get(each.what, each.revision)), step)
            for each in step.changes
        ]
        return left if _worst(left) <= _worst(found) else found

    @cached_property
    def _written(self) -> int:
        """How many objects all revisions write."""
        numbers = range(self._document.reader.total_revisions)
        return sum(len(self._xrefs.explicit_refs_in_revision(number)) for number in numbers)

    def reach(self, base: int) -> int:
        """One past the last byte of all objects of the revisions up to *base*. Raises as
        :meth:`additions_until`."""
        self._reviewed()
        return max(self._references.reach[: base + 1])

    def additions_until(self, base: int) -> int:
        """The latest revision from *base* on up to which every step did nothing but add: what was
        there stayed what it was, save for empty fields that were filled in. Raises what reviewing
        the file raises, :class:`PdfTooComplex` among it."""
        steps, number = self._reviewed(), base
        while number + 1 in steps and steps[number + 1].only_adds:
            number += 1
        return number

    def _continues(self, signed: Document, base: int) -> bool:
        """Does the whole file continue from the very revisions that were signed, and did those
        lie wholly inside the signed bytes?"""
        end = signed.stream.seek(0, 2)
        for number in range(base + 1):
            part = signed.reader.xrefs
            if self._xrefs.get_startxref_for_revision(number) != part.get_startxref_for_revision(
                number
            ):
                return False
            data = self._xrefs.get_xref_data(number)
            for each in (data, data.hybrid.xref_data if data.hybrid else None):
                # an entry that pointed behind the end was empty when it was signed
                if each and any(at >= end for _, at in each.standard_xrefs.values()):
                    return False
        return True

    def _compare_sizes(self, base: int) -> list[Change]:
        """/Size decides up to which number objects are there: neither fewer nor more of those that
        were sealed may be there later. What it was in between is seen by nobody."""
        reader = self._document.reader
        last = reader.total_revisions - 1
        then, now = (
            int(entry(reader.get_historical_resolver(number).trailer_view, "/Size", 0))
            for number in (base, last)
        )
        if now < then:
            # PDFBox states the highest number that it wrote; some readers repair the file then
            return [Change(last + 1, "suspicious", None, "trailer /Size")]
        if then <= max(self._highest[: base + 1]) and then < now:
            return [Change(last + 1, "suspicious", None, "trailer /Size")]
        return []

    @cached_property
    def _highest(self) -> list[int]:
        """The highest number of an object that each revision writes."""
        return [
            max(
                (
                    reference.idnum
                    for reference in self._xrefs.explicit_refs_in_revision(number)
                    if self._references.place(reference, number) is not None
                ),
                default=0,
            )
            for number in range(self._document.reader.total_revisions)
        ]

    @cached_property
    def _unlisted_objects(self) -> list[Change]:
        return unlisted_objects(self._document, self._first_end)

    # --- the pairs of revisions ---

    def _reviewed(self) -> dict[int, Step]:
        """Every step, compared once; what that raised, it raises again."""
        if self._steps is None:
            try:
                self._steps = self._review()
            except PARSER_FAILURES as error:
                self._steps = error
        if isinstance(self._steps, Exception):
            raise self._steps
        return self._steps

    def _review(self) -> dict[int, Step]:
        reader, references = self._document.reader, self._references
        references.watched |= self._rewritten()
        for number in range(self._first + 1):
            references.note(number)
        old = reader.get_historical_resolver(self._first)
        references.note_trailer(old)
        for field in walk_fields(form_of(old).raw_get("/Fields"), old):
            self._known.add(field)
        steps = {}
        for number in range(self._first + 1, reader.total_revisions):
            new = reader.get_historical_resolver(number)
            steps[number] = compare(references, self._known, self._pages, old, new)
            references.note(number)
            references.note_trailer(new)
            old = new
        return steps

    def _rewritten(self) -> set[int]:
        """The numbers of the objects that later revisions write, or in whose place they may put
        others, as the form."""
        found: set[int] = set()
        for number in range(self._first, self._document.reader.total_revisions):
            view = self._document.reader.get_historical_resolver(number)
            if number > self._first:
                found |= {reference.idnum for reference in view.explicit_refs_in_revision()}
            found |= {view.root_ref.idnum, *evidence_of(view.root)}
            form = form_of(view)
            within = [(view.root, "/AcroForm"), (view.root, "/StructTreeRoot"), (form, "/DR")]
            for node, key in within:
                raw = node.raw_get(key) if key in node else None
                if isinstance(raw, generic.IndirectObject):
                    found.add(raw.idnum)
        return found


_ORDER = (Level.OK, Level.NOTICE, Level.CHANGED, Level.UNKNOWN, Level.INVALID)
_FINE = _ORDER.index(Level.CHANGED)


def _worst(changes: Iterable[Change]) -> int:
    """The place in :data:`_ORDER` of the worst of *changes*, 0 without any."""
    return max((_ORDER.index(LEVELS[change.code]) for change in changes), default=0)


def _as_sealed(found: list[Change]) -> list[Change]:
    """*found*, revision by revision, where what replaced a value that came after sealing is no
    change of what was sealed: of such a field, which was empty then, one change is told."""
    of: dict[tuple[str, int | None], list[Change]] = {}
    for each in found:
        of.setdefault((each.what, each.page), []).append(each)
    made = []
    for changes in of.values():
        first, last = changes[0], changes[-1]
        begun = [each for each in changes if each.revision == first.revision]
        came_later = all(each.kind in _FILLINGS and not each.before for each in begun)
        if came_later and any(each.kind in _REPLACED for each in changes):
            made.append(replace(last, kind="value_rewritten", before=first.after))
        else:
            made += changes
    return sorted(made, key=lambda each: each.revision)


_OF_FIELDS = frozenset(
    (
        "field_filled",
        "field_added",
        "seal_added",
        "suspicious",
        "value_differs",
        "filling_unclear",
        "filling_over_content",
    )
)


_BESIDE_THE_PAGES = ("attachment_added", "page_labels")
"""No certification permits these."""


@frozen
class _Limits:
    """What a signature itself forbids later: DocMDP and FieldMDP (ISO 32000-1 §12.8.2)."""

    permission: int | None
    """DocMDP: 1 nothing, 2 fill in and sign, 3 annotate as well; None: no certification."""
    action: str = ""
    """FieldMDP: /All, /Include or /Exclude; "" without one."""
    fields: frozenset[str] = frozenset()

    @classmethod
    def of(cls, signature: generic.DictionaryObject) -> _Limits:
        limits = cls(None)
        for raw in items_of(entry(signature, "/Reference")):
            reference = follow(raw)
            parameters = entry(reference, "/TransformParams")
            if not isinstance(parameters, generic.DictionaryObject):
                continue
            method = entry(reference, "/TransformMethod")
            if method == "/DocMDP":
                limits = replace(limits, permission=int(entry(parameters, "/P", 2)))
            elif method == "/FieldMDP":
                names = frozenset(
                    str(follow(field)) for field in items_of(entry(parameters, "/Fields"))
                )
                limits = replace(limits, action=str(entry(parameters, "/Action")), fields=names)
        return limits

    def judge(self, change: Change, step: Step) -> Change:
        """*change*, or its forbidden twin."""
        if change.kind in _BESIDE_THE_PAGES and self.permission is not None:
            return replace(change, kind="forbidden")
        if change.what in step.annotations:
            if self.permission in (1, 2):
                return replace(change, kind="forbidden")
            if self.permission == 3 and change.kind == "forbidden":
                return replace(change, kind="suspicious")  # it can hide what stands beneath
            return change
        if change.kind not in _OF_FIELDS:
            return change
        if self.permission in (2, 3) and change.what in step.new_fields:
            # "signing" is permitted; whether in a new field that shows something is disputed
            change = replace(change, kind="suspicious")
        if self.permission == 1 or (change.kind != "field_added" and self._locked(change.what)):
            return replace(change, kind="forbidden")
        return change

    def _locked(self, name: str) -> bool:
        listed = any(name == field or name.startswith(f"{field}.") for field in self.fields)
        return (
            self.action == "/All"
            or (self.action == "/Include" and listed)
            or (self.action == "/Exclude" and not listed)
        )
