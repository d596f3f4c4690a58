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
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from pyhanko.pdf_utils import generic, misc
from pyhanko.pdf_utils.reader import HistoricalResolver

from crypto import effort
from crypto.pdf_appearance import HIDDEN, NO_VIEW, PRINT, drawing_of, has_area
from crypto.pdf_document import (
    PARSER_FAILURES,
    Document,
    PdfTooComplex,
    entry,
    follow,
)
from crypto.pdf_objects import (
    KnownField,
    added_items,
    contains,
    differing_keys,
    form_of,
    is_empty,
    items_of,
    key_of,
    own_value,
    paints_over,
    same,
    same_entry,
    walk_fields,
)
from crypto.pdf_structure import element_grew, is_element, tree_grew
from crypto.verdict import Change

MAX_OBJECTS = 200_000
_LISTED = 20
_LISTS = (generic.ArrayObject, generic.NullObject)

_CATALOG = frozenset(("/AcroForm", "/DSS", "/Extensions", "/Metadata", "/Version", "/MarkInfo"))
_FORM = frozenset(("/Fields", "/SigFlags", "/DR", "/DA", "/Q", "/NeedAppearances"))
_FIELD = frozenset(("/V", "/AP", "/AS", "/F", "/Ff", "/DA", "/Q", "/M", "/Type", "/I", "/TI"))
_FIELD_ROLES = frozenset(
    (
        "/Annots",
        "/Fields",
        "/Kids",
        "/Parent",
        "/Obj",
        "/CO",
        "/T",
        "/A",
        "/AA",
        "/P",
        "/K",
        "/Data",
    )
)
"""The entries that refer to fields; none has entries whose names a document chooses."""
_DSS = frozenset(("/Type", "/Certs", "/OCSPs", "/CRLs", "/VRI"))
_DSS_ENTRIES = re.compile(r"/(?:Type|Certs|OCSPs|CRLs|VRI)\Z")
_VRI_NAMES = re.compile(r"/(?:[0-9A-Fa-f]{40}|Type)\Z")
_VRI_ENTRIES = re.compile(r"/(?:Type|Cert|CRL|OCSP|TU|TS)\Z")
_ELEMENTS = re.compile(r"\Z")
_PRIVATE = frozenset(("/ITXT",))
"""Entries that mean nothing to anybody: iText writes its version into the page tree."""
_GLANCE = 4096
_PLAIN = re.compile(
    rb"\s*\d+\s+\d+\s+obj\b[^(%]*?(?:>>\s*(?:stream|endobj)|\]\s*endobj)", re.DOTALL
)
_REFERENCE = re.compile(rb"(\d+)[\s\0]+\d+[\s\0]+R")
_LENGTH = re.compile(rb"/Length[\s\0]+(\d{1,10})(?:[\s\0]+(\d{1,5})[\s\0]+R)?(?![\d.])")
_NUMBER = re.compile(rb"\s*\d+\s+\d+\s+obj\s+(\d{1,10})\s+endobj")
_IN_A_LIST = ""
"""Stands for the entry where an array by itself refers to an object."""
_TRAILER = 0
"""Stands for the trailer where containers are named by object number."""


@dataclass
class _Step:
    """One revision compared with the one before."""

    changes: list[Change] = field(default_factory=list)
    new_fields: set[str] = field(default_factory=set)
    """Names of visible fields that were not there before."""
    annotations: set[str] = field(default_factory=set)
    """Forbidden changes that are an annotation more, which a certification may permit."""

    @property
    def only_adds(self) -> bool:
        """Did it do nothing but add to what was there, and fill in what was empty?"""
        return all(each.kind not in ("forbidden", "suspicious") for each in self.changes)


class History:
    """The later revisions of a document, reviewed once for all of its signatures."""

    def __init__(self, document: Document, first: Document) -> None:
        """*first* is the file up to the end of what the earliest signature covers."""
        self._document, self._base = document, first
        self._first = first.reader.total_revisions - 1
        self._xrefs = document.reader.xrefs
        self._written = {
            reference.idnum
            for number in range(self._first + 1, document.reader.total_revisions)
            for reference in self._xrefs.explicit_refs_in_revision(number)
        }
        self._users: dict[int, set[tuple[int, str]]] = {}
        """Of the objects in `_written`: who refers to them (object number, entry)."""
        self._roles: dict[int, set[str]] = {}
        """Of the same: the entries, innermost, that refer to them."""
        self._objects: set[int] = set()
        self._fields: dict[tuple[int, int], KnownField] = {}
        self._names: set[str] = set()
        self._pages = {key_of(page.reference): page.index + 1 for page in first.pages()}
        self._reach = [0] * document.reader.total_revisions
        """How far the objects that each revision writes reach into the file."""
        self._unreadable: list[Change] = []
        """Objects that cannot be read, and so might refer to anything."""
        self._steps: dict[int, _Step] | Exception | None = None
        """By number of the later revision; or why there are none."""

    def changes(
        self, signature: generic.DictionaryObject, base: int, end: int, signed: Document | None
    ) -> list[Change]:
        """The changes between revision *base* (from 0), sealed up to octet *end*, and the whole.

        *signature* is the signature dictionary, for its DocMDP and FieldMDP limits; *signed* the
        file up to *end*, None if that is known to be revision *base*. Never raises for what a file
        contains: what cannot be analysed is a ``forbidden`` change. Raises :class:`PdfTooComplex`
        for more objects than are reviewed."""
        total = self._document.reader.total_revisions
        try:
            if signed and not self._continues(signed, base):
                return [Change(base + 2, "forbidden", None, "/Prev")]
            steps = self._reviewed()
            if self.reach(base) > end:
                # its length was wrong when it was sealed, and is right now
                return [Change(base + 2, "forbidden", None, "a stream that was not at its end")]
            limits = _Limits.of(signature)
            found = (
                self._compare_sizes(base)
                + [
                    limits.judge(change, steps[number])
                    for number in range(base + 1, total)
                    for change in steps[number].changes
                ]
                + self._unreadable
            )
        except PdfTooComplex:
            raise
        except PARSER_FAILURES as error:
            return [Change(total, "forbidden", None, f"{type(error).__name__}: {error}"[:200])]
        once: dict[tuple[str, int | None, str], Change] = {}
        for each in found:
            once.setdefault((each.kind, each.page, each.what), each)
        return list(once.values())

    def reach(self, base: int) -> int:
        """One past the last octet of all objects of the revisions up to *base*. Raises as
        :meth:`additions_until`."""
        self._reviewed()
        return max(self._reach[: base + 1])

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
        lie wholly inside the signed octets?"""
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
            return [Change(last + 1, "forbidden", None, "trailer /Size")]
        if then <= max(self._highest[: base + 1]) and then < now:
            return [Change(last + 1, "suspicious", None, "trailer /Size")]
        return []

    @cached_property
    def _highest(self) -> list[int]:
        """The highest number of an object that each revision writes."""
        return [
            max(
                (
                    each.idnum
                    for each in self._xrefs.explicit_refs_in_revision(number)
                    if self._place(each, number) is not None
                ),
                default=0,
            )
            for number in range(self._document.reader.total_revisions)
        ]

    # --- the pairs of revisions ---

    def _reviewed(self) -> dict[int, _Step]:
        """Every step, compared once; what that raised, it raises again."""
        if self._steps is None:
            try:
                self._steps = self._review()
            except PARSER_FAILURES as error:
                self._steps = error
        if isinstance(self._steps, Exception):
            raise self._steps
        return self._steps

    def _review(self) -> dict[int, _Step]:
        total = self._document.reader.total_revisions
        for number in range(self._first, total):  # entries of these may be rewritten, so who else
            view = self._document.reader.get_historical_resolver(number)  # reads them matters
            self._written |= {view.root_ref.idnum, *evidence_of(view.root)}
            for key in {"/AcroForm", "/StructTreeRoot"} & set(view.root):
                raw = view.root.raw_get(key)
                if isinstance(raw, generic.IndirectObject):
                    self._written.add(raw.idnum)
        for number in range(self._first + 1):
            self._note_references(number)
        old = self._document.reader.get_historical_resolver(self._first)
        self._note_trailer(old)
        for each in walk_fields(form_of(old).raw_get("/Fields"), old):
            self._fields[key_of(each.reference)] = each
            self._names.add(each.name)
        steps = {}
        for number in range(self._first + 1, total):
            new = self._document.reader.get_historical_resolver(number)
            steps[number] = self._compare(old, new)
            self._note_references(number)
            self._note_trailer(new)
            old = new
        return steps

    def _note_references(self, number: int) -> None:
        """Remember which objects the objects written in revision *number* refer to, and from which
        entry of which object."""
        for reference in self._xrefs.explicit_refs_in_revision(number):
            effort.check()
            place = self._place(reference, number)
            if place is None:
                self._objects.discard(reference.idnum)
                continue
            self._objects.add(reference.idnum)
            if len(self._objects) > MAX_OBJECTS:
                raise PdfTooComplex("too many objects")
            if isinstance(place, int) and self._is_passed_over(place, number):
                continue
            try:
                found, end = self._document.reader.read_at(reference, number)
            except PARSER_FAILURES:
                self._unreadable.append(
                    Change(number + 1, "suspicious", None, f"{reference.idnum} 0 obj")
                )
                continue
            self._note_reach(number, end)
            if isinstance(found, generic.StreamObject) and entry(found, "/Type") == "/XRef":
                self._note(found, _TRAILER)  # its dictionary is the trailer
            else:
                self._note(found, reference.idnum)

    def _note_reach(self, number: int, end: int) -> None:
        self._reach[number] = max(self._reach[number], end)

    def _is_passed_over(self, place: int, number: int) -> bool:
        """Does the object at this offset refer to none that is written later?

        Told from its octets where these leave no doubt (no strings, no comments): parsing every
        object of a large file would take longer than hashing it. Its end is noted."""
        found = self._glance(_PLAIN, place)
        if found is None or any(
            int(other) in self._written for other in _REFERENCE.findall(found[0])
        ):
            return False
        end = place + found.end()
        if found[0].endswith(b"stream"):
            lengths = _LENGTH.findall(found[0])
            if len(lengths) != 1 or found[0].count(b"/Length") != 1:
                return False
            size, generation = lengths[0]
            if generation:
                at = self._place(generic.Reference(int(size), int(generation)), number)
                stated = self._glance(_NUMBER, at) if isinstance(at, int) else None
                if stated is None:
                    return False
                size = stated[1]
            end += int(size)
        self._note_reach(number, end)
        return True

    def _glance(self, pattern: re.Pattern[bytes], place: int) -> re.Match[bytes] | None:
        self._document.stream.seek(place)
        return pattern.match(self._document.stream.read(_GLANCE))

    def _note_trailer(self, view: HistoricalResolver) -> None:
        for name, value in view.trailer_view.items():
            if isinstance(value, generic.IndirectObject):
                self._users.setdefault(value.idnum, set()).add((_TRAILER, name))
                self._roles.setdefault(value.idnum, set()).add(name)

    def _note(self, found: Any, container: int) -> None:
        stack: list[tuple[Any, str, str]] = [(found, "", "")]
        while stack:
            value, name, inner = stack.pop()
            if isinstance(value, generic.IndirectObject):
                self._users.setdefault(value.idnum, set()).add((container, name))
                self._roles.setdefault(value.idnum, set()).add(inner)
            elif isinstance(value, generic.DictionaryObject):
                stack += [(each, name or key, key) for key, each in value.items()]
            elif isinstance(value, generic.ArrayObject):
                stack += [(each, name, inner) for each in value]

    def plays(self, number: int, *roles: str) -> bool:
        """Is object *number* referred to only from these entries? A dictionary that is read as
        something else as well, as one of fonts, would show what is rewritten in it."""
        return self._roles.get(number, set()) <= {_IN_A_LIST, *roles}

    def _place(self, reference: generic.Reference, number: int) -> Any:
        """Where the object stood in revision *number*; None if there was none."""
        return self._xrefs.get_historical_ref(reference, number)

    @cached_property
    def _shown(self) -> dict[tuple[int, int], int]:
        """Annotation → the 1-based page that lists it."""
        found: dict[tuple[int, int], int] = {}
        for each in self._base.annotations():
            if each.reference:
                found.setdefault(key_of(each.reference), each.page.index + 1)
        return found

    @cached_property
    def _places(self) -> dict[tuple[int, int], tuple[int, str]]:
        """Object → (1-based page, what it is there): pages, contents, resources, annotations."""
        found: dict[tuple[int, int], tuple[int, str]] = {}
        for page in self._base.pages():
            node, number = follow(page.reference), page.index + 1
            found.setdefault(key_of(page.reference), (number, "/Page"))
            for key in ("/Contents", "/Annots", "/Resources"):
                raw = node.raw_get(key) if key in node else None
                for each in (raw, *items_of(follow(raw))):
                    if isinstance(each, generic.IndirectObject) and self._base.is_there(each):
                        subtype = (
                            entry(follow(each), "/Subtype", "")
                            if key == "/Annots" and each is not raw
                            else ""
                        )
                        found.setdefault(key_of(each), (number, str(subtype) or key))
        return found

    def _compare(self, old: HistoricalResolver, new: HistoricalResolver) -> _Step:
        comparison = _Comparison(self, old, new)
        try:
            comparison.run()
        except PdfTooComplex:
            raise
        except misc.PdfStrictReadError as error:  # readers go on, each as it likes
            comparison._say("suspicious", None, str(error)[:200])
        except PARSER_FAILURES as error:
            comparison.forbid(None, f"{type(error).__name__}: {error}"[:200])
        return comparison.step


class _Comparison:
    """Two neighbouring revisions."""

    def __init__(self, history: History, old: HistoricalResolver, new: HistoricalResolver) -> None:
        self._history, self._old, self._new = history, old, new
        self.step = _Step()
        self._new_widgets: dict[tuple[int, int], int | None] = {}
        """Widgets of new signature fields → the page whose /Annots gained them."""
        self._placed: dict[tuple[int, int], int] = {}
        """Widgets of empty signature fields that stood on no page → the page they were put on."""

    def _say(self, kind: str, page: int | None, what: str) -> None:
        self.step.changes.append(Change(self._new.revision + 1, kind, page, what))

    def forbid(self, page: int | None, what: str) -> None:
        if sum(each.kind == "forbidden" for each in self.step.changes) < _LISTED:
            self._say("forbidden", page, what)

    def run(self) -> None:
        history, old, new = self._history, self._old, self._new
        rewritten = []
        for reference in sorted(new.explicit_refs_in_revision(), key=key_of):
            before = history._place(reference, old.revision)
            after = history._place(reference, new.revision)
            if before is None and after is None:
                if reference.idnum in history._objects:
                    # freed under another generation: some viewers do not look at that
                    self.forbid(*self._where(reference, "deleted"))
                continue
            if before is None:
                self._check_new(reference)
            elif after is None:
                users = history._users.get(reference.idnum, set())
                if not all(self._is_evidence(*user) for user in users):
                    self.forbid(*self._where(reference, "deleted"))
            else:
                rewritten.append(reference)
        self._compare_trailers()
        fields = self._compare_forms()
        # pages before fields: where a field stands decides what its signature means
        for reference in sorted(rewritten, key=lambda each: key_of(each) in history._fields):
            if not self._explained(reference):
                self.forbid(*self._where(reference))
        self._say_fields(fields)
        if not self.step.changes:
            self._say("unused_objects", None, "")

    def _check_new(self, reference: generic.Reference) -> None:
        """An object number that was free: nothing sealed may refer to it."""
        history = self._history
        if reference.idnum in history._objects:
            self.forbid(None, f"{reference.idnum} {reference.generation} obj: second generation")
        elif users := history._users.get(reference.idnum):
            container = generic.Reference(min(users)[0], 0)
            page, _ = self._where(container)
            self.forbid(page, f"{reference.idnum} 0 obj: was missing when sealed")

    def _where(self, reference: generic.Reference, remark: str = "") -> tuple[int | None, str]:
        """Page and role of an object that existed, for a person."""
        found = self._history._places.get(key_of(reference), (None, ""))
        parts = (found[1], f"({reference.idnum} {reference.generation} obj)", remark)
        return found[0], " ".join(part for part in parts if part)

    # --- trailer, catalog, form ---

    def _compare_trailers(self) -> None:
        before, after = self._old.trailer_view, self._new.trailer_view
        if not same_entry(before, after, "/Encrypt"):
            self.forbid(None, "trailer /Encrypt")
        if not same_entry(before, after, "/Info"):
            self._say("metadata", None, "/Info")

    def _compare_forms(self) -> list[KnownField]:
        """Compare catalog and form; returns the new fields."""
        old_root, new_root = self._old.root, self._new.root
        raw = old_root.raw_get("/AcroForm") if "/AcroForm" in old_root else None
        if not self._history.plays(self._old.root_ref.idnum, "/Root"):
            self._say("suspicious", None, "/Root")
        if isinstance(raw, generic.IndirectObject) and not self._history.plays(
            raw.idnum, "/AcroForm"
        ):
            self._say("suspicious", None, "/AcroForm")
        for key in differing_keys(old_root, new_root):
            if key == "/StructTreeRoot":
                self._say_structure(tree_grew(entry(old_root, key), entry(new_root, key)))
            elif key == "/Perms" and key not in old_root:
                self._say("suspicious", None, f"/Root {key}")  # certified, though not first
            elif key not in _CATALOG:
                self.forbid(None, f"/Root {key}")
        if not same_entry(old_root, new_root, "/Metadata"):
            self._check_metadata()
        self._compare_evidence(entry(old_root, "/DSS"), entry(new_root, "/DSS"))
        before, after = form_of(self._old), form_of(self._new)
        other_fields = any(each.kind != "/Sig" for each in self._history._fields.values())
        for key in differing_keys(before, after):
            if key not in _FORM:
                self.forbid(None, f"/AcroForm {key}")
            elif key == "/NeedAppearances" and entry(after, key):
                self._say("suspicious", None, f"/AcroForm {key}")  # seals would be drawn anew
            elif other_fields and not (
                key == "/SigFlags"
                or key == "/Fields"
                or (key == "/DR" and contains(entry(after, key), entry(before, key)))
            ):  # how filled-in text looks
                self._say("suspicious", None, f"/AcroForm {key}")
        old_list, new_list = entry(before, "/Fields"), entry(after, "/Fields")
        added = added_items(old_list, new_list)
        if added is None:
            self.forbid(None, "/AcroForm /Fields")
            return []
        return list(self._new_fields(generic.ArrayObject(added)))

    def _new_fields(self, added: generic.ArrayObject) -> Iterator[KnownField]:
        """Allow the new fields that are signature fields, and remember all."""
        history = self._history
        for each in walk_fields(added, self._new):
            titled = "/T" in self._new(each.reference)
            if each.leaf and each.kind != "/Sig":
                self.forbid(None, f"{each.name}: new form field")
            elif strange := self._is_more_than_a_field(each):
                self.forbid(None, f"{each.name}: {strange}")
            elif titled and each.name in history._names:
                self.forbid(None, f"{each.name}: a field of this name exists")
            elif history._place(each.reference, self._old.revision) is not None:
                self.forbid(None, f"{each.name}: made from an object that existed")
            elif each.leaf:
                self._new_widgets[key_of(each.reference)] = None
                yield each
            history._names.add(each.name)
            history._fields[key_of(each.reference)] = each

    def _is_more_than_a_field(self, known: KnownField) -> str:
        """What makes a new signature field act or draw beyond its appearance; "" if nothing does.

        An annotation of another kind is drawn by viewers even without an appearance, and an action
        can do anything to the document when the page is opened."""
        node = self._new(known.reference)
        subtype = entry(node, "/Subtype", "/Widget")
        if subtype != "/Widget":
            return str(subtype)
        return next((key for key in ("/A", "/AA", "/PA") if key in node), "")

    def _say_fields(self, fields: list[KnownField]) -> None:
        """Report the new signature fields, once it is known on which pages they stand."""
        for each in fields:
            page = self._new_widgets[key_of(each.reference)]
            self._say_signature(each.name, each.reference, each.value, page, new=True)

    def _say_signature(
        self, name: str, reference: generic.Reference, value: Any, page: int | None, *, new: bool
    ) -> None:
        widget = self._new(reference)
        visible = page is not None and has_area(widget) and not drawing_of(widget).empty
        if visible and new:
            self.step.new_fields.add(name)
        signature = follow(value)
        if not isinstance(signature, generic.DictionaryObject):
            self._say("suspicious" if visible else "field_added", page, name)
            return
        raw = widget.raw_get("/V") if "/V" in widget else value
        shared = isinstance(raw, generic.IndirectObject) and self._history._place(
            generic.Reference(raw.idnum, raw.generation), self._old.revision
        )
        if shared:
            self.forbid(page, f"{name}: shares an earlier signature")
        elif entry(signature, "/SubFilter") == "/ETSI.RFC3161" and not visible:
            self._say("timestamp_added", None, name)
        else:
            self._say("seal_added", page, name)

    # --- objects written again ---

    def _explained(self, reference: generic.Reference) -> bool:
        """Is it understood what became of this object? What it means is said on the way."""
        history, key = self._history, key_of(reference)
        before, after = self._old(reference), self._new(reference)
        if same(before, after):
            return True
        users = history._users.get(reference.idnum, set())
        root = self._old.root_ref
        if reference == root and self._new.root_ref == root:
            return True  # compared already
        if key in history._pages:
            return self._compare_pages(key, before, after)
        if page := self._listing_page(key, users):
            return self._compare_annotations(before, after, page)
        if key in history._fields and not isinstance(after, generic.StreamObject):
            return self._compare_field(history._fields[key], before, after)
        if isinstance(after, generic.StreamObject) != isinstance(before, generic.StreamObject):
            return False
        if isinstance(after, generic.DictionaryObject) and not isinstance(
            after, generic.StreamObject
        ):
            if isinstance(before, generic.DictionaryObject) and (
                differing_keys(before, after) <= _PRIVATE
                and all(_says_only_words(each) for each in (before, after))
            ):
                self._say("metadata", None, ", ".join(sorted(_PRIVATE)))
                return True
            if self._is_structure(reference, before, after, users):
                return True
        form = self._old.root.raw_get("/AcroForm") if "/AcroForm" in self._old.root else None
        form_number = form.idnum if isinstance(form, generic.IndirectObject) else None
        if users == {(root.idnum, "/Metadata")}:
            self._check_metadata()
            return True
        if not isinstance(after, generic.StreamObject):
            if users in ({(root.idnum, "/AcroForm")}, {(form_number, "/Fields")}):
                return True  # compared already
            if users in ({(root.idnum, "/Extensions")}, {(root.idnum, "/MarkInfo")}):
                return True  # as if written in the catalog
            if users == {(form_number, "/DR")}:
                return contains(after, before)
            if users == {(_TRAILER, "/Info")}:
                self._say("metadata", None, "/Info")
                return True
            if users and all(self._is_evidence(*user) for user in users):
                self._say("validation_data", None, "")
                return True
        if reference in history._xrefs.xref_stream_refs and not users:
            return True
        return self._is_appearance(reference, users)

    def _is_evidence(self, container: int, name: str) -> bool:
        """Is this entry the catalog's /DSS or one inside the validation data?"""
        if container == self._old.root_ref.idnum:
            return name == "/DSS"
        role = self._evidence.get(container)
        return bool(role and role.match(name))

    @cached_property
    def _evidence(self) -> dict[int, re.Pattern[str]]:
        """The objects of the validation data that hold others; none if anything else reads them."""
        found = evidence_of(self._old.root)
        root = self._old.root_ref.idnum
        users = {user for each in found for user in self._history._users.get(each, ())}
        alone = all(
            (container == root and name == "/DSS")
            or (container in found and found[container].match(name))
            for container, name in users
        )
        return found if alone else {}

    def _is_structure(
        self, reference: generic.Reference, before: Any, after: Any, users: set[tuple[int, str]]
    ) -> bool:
        """A part of the structure tree that grew: its root, its parent tree or an element."""
        root = self._old.root
        raw = root.raw_get("/StructTreeRoot") if "/StructTreeRoot" in root else None
        if not isinstance(raw, generic.IndirectObject):
            return False
        plays = self._history.plays
        if not plays(raw.idnum, "/StructTreeRoot", "/P") or (
            is_element(before) and not plays(reference.idnum, "/P", "/K", "/Nums", "/Names")
        ):
            return False
        if users == {(raw.idnum, "/ParentTree")} and raw.idnum != reference.idnum:
            self._say_structure(tree_grew(follow(raw), entry(self._new.root, "/StructTreeRoot")))
        elif key_of(raw) == key_of(reference):
            self._say_structure(tree_grew(before, after))
        elif is_element(before) and is_element(after) and differing_keys(before, after) == {"/K"}:
            self._say_structure(element_grew(before, after))
        else:
            return False
        return True

    def _say_structure(self, grew: bool) -> None:
        self._say("metadata" if grew else "suspicious", None, "/StructTreeRoot")

    def _is_appearance(self, reference: generic.Reference, users: set[tuple[int, str]]) -> bool:
        """An appearance written over in place, used by one field alone: as if the field had a new
        one, so that an unsigned field is not filled in behind its sealed value."""
        if len(users) != 1:
            return False
        ((container, name),) = users
        known = self._history._fields.get((container, 0))
        if known is None or name != "/AP":
            return False
        if not isinstance(self._new(reference), generic.StreamObject):
            return False
        if known.kind == "/Sig":
            # drawn anew in place as it was signed: the field itself says so
            return is_empty(own_value(self._old(known.reference))) and isinstance(
                own_value(self._new(known.reference)), generic.DictionaryObject
            )
        # the field itself, if its value changed, says so; without a new value this is a replacement
        widget_before, widget_after = self._old(known.reference), self._new(known.reference)
        if same_entry(widget_before, widget_after, "/V"):
            self._say("suspicious", self._page_of(known.reference), known.name)
        return True

    def _check_metadata(self) -> None:
        value = entry(self._new.root, "/Metadata")
        if (
            isinstance(value, generic.StreamObject)
            and value.data.lstrip(b"\xef\xbb\xbf \r\n\t")[:1] == b"<"
        ):
            self._say("metadata", None, "/Metadata")
        else:
            self.forbid(None, "/Root /Metadata")

    def _compare_evidence(self, before: Any, after: Any) -> None:
        """Validation data (ISO 32000-2 §12.8.4.3): it shows nothing, whatever it holds."""
        if after is None and before is None:
            return
        if not isinstance(after, generic.DictionaryObject):
            self.forbid(None, "/Root /DSS")
        elif not before or differing_keys(before, after) or self._rewrites(after):
            if set(after) <= _DSS:
                self._say("validation_data", None, "")
            else:
                self.forbid(None, "/Root /DSS")

    def _rewrites(self, container: generic.DictionaryObject) -> bool:
        """Does this revision write one of the objects that *container* refers to?"""
        written = {key_of(each) for each in self._new.explicit_refs_in_revision()}
        raws = [container.raw_get(key) for key in container]
        return any(
            key_of(raw) in written for raw in raws if isinstance(raw, generic.IndirectObject)
        )

    def _compare_pages(self, key: tuple[int, int], before: Any, after: Any) -> bool:
        page = self._history._pages[key]
        if not isinstance(after, generic.DictionaryObject) or isinstance(
            after, generic.StreamObject
        ):
            return False
        differing = differing_keys(before, after)
        for name in differing - {"/Annots"}:
            if same(entry(before, name), entry(after, name)):
                continue  # the same in an object of its own
            if name in ("/Tabs", "/StructParents") and isinstance(
                entry(after, name), generic.NameObject | generic.NumberObject
            ):  # the order of fields, the way to the structure
                kind = "metadata" if name not in before else "suspicious"
                self._say(kind, page, f"{name} ({key[0]} {key[1]} obj)")
            else:
                self.forbid(page, f"{name} ({key[0]} {key[1]} obj)")
        if "/Annots" in differing and not self._compare_annotations(
            entry(before, "/Annots"), entry(after, "/Annots"), page
        ):
            self.forbid(page, f"/Annots ({key[0]} {key[1]} obj)")
        return True

    def _listing_page(self, key: tuple[int, int], users: set[tuple[int, str]]) -> int | None:
        """The page whose /Annots this object is, if it is nothing else."""
        if len(users) != 1:
            return None
        ((container, name),) = users
        page = self._history._pages.get((container, 0))
        if page is None or name != "/Annots":
            return None
        node = self._old(generic.Reference(container, 0, self._old))
        raw = node.raw_get(name)
        return page if isinstance(raw, generic.IndirectObject) and key_of(raw) == key else None

    def _compare_annotations(self, before: Any, after: Any, page: int) -> bool:
        """Only widgets of new signature fields may be added, nothing taken away or moved."""
        if not all(isinstance(each, _LISTS) for each in (before, after) if each is not None):
            return False  # who knows what reads it then
        added = added_items(before, after)
        if added is None:
            return False
        for raw in added:
            key = key_of(raw) if isinstance(raw, generic.IndirectObject) else None
            if key and self._is_unplaced(key):
                self._placed[key] = page
                if is_empty(own_value(follow(raw))) and not drawing_of(follow(raw)).empty:
                    self._say("suspicious", page, self._history._fields[key].name)
            elif key is None or key not in self._new_widgets or self._new_widgets[key] is not None:
                subtype = entry(follow(raw), "/Subtype", "")
                number = f" ({key[0]} {key[1]} obj)" if key else ""
                self.step.annotations.add(f"{subtype}{number}")
                self.forbid(page, f"{subtype}{number}")
            else:
                self._new_widgets[key] = page
        return True

    def _is_unplaced(self, key: tuple[int, int]) -> bool:
        """Is this an empty signature field that stood on no page?"""
        known = self._history._fields.get(key)
        return (
            known is not None
            and known.kind == "/Sig"
            and key not in self._new_widgets
            and key not in self._placed
            and self._history._place(known.reference, self._old.revision) is not None
            and is_empty(own_value(self._old(known.reference)))
            and self._page_of(known.reference) is None
        )

    def _compare_field(self, known: KnownField, before: Any, after: Any) -> bool:
        """A field that existed: an empty one may be filled in."""
        if not isinstance(after, generic.DictionaryObject):
            return False
        differing = differing_keys(before, after)
        page = self._page_of(known.reference)
        if not self._history.plays(known.reference.idnum, *_FIELD_ROLES):
            self._say("suspicious", page, known.name)
        if differing - _FIELD:
            self.forbid(page, f"{known.name}: {', '.join(sorted(differing - _FIELD))}")
            return True
        was_empty = is_empty(own_value(before))
        if known.kind == "/Sig":
            if not was_empty:
                self.forbid(page, f"{known.name}: a signed field was changed")
            elif "/V" in differing:
                value = after.raw_get("/V") if "/V" in after else None
                placed = key_of(known.reference) in self._placed
                self._say_signature(known.name, known.reference, value, page, new=placed)
            elif differing & {"/AP", "/AS", "/F"}:
                self._say("suspicious", page, known.name)
            return True
        hiding = HIDDEN | NO_VIEW | PRINT
        flags = int(entry(before, "/F", 0)) ^ int(entry(after, "/F", 0))
        filled = was_empty and not is_empty(own_value(after))
        switched_on = "/AS" in differing and str(entry(before, "/AS", "/Off")) == "/Off"
        if flags & hiding & ~PRINT or not (filled or switched_on) or paints_over(before, after):
            self._say("suspicious", page, known.name)
        else:
            self._say("field_filled", page, known.name)
        return True

    def _page_of(self, reference: generic.Reference) -> int | None:
        if key_of(reference) in self._placed:
            return self._placed[key_of(reference)]
        return self._history._shown.get(key_of(reference))


def _says_only_words(node: generic.DictionaryObject) -> bool:
    """Are the private entries strings, which show nothing, whatever dictionary this is?"""
    words = (generic.TextStringObject, generic.ByteStringObject)
    return all(isinstance(node.raw_get(key), words) for key in _PRIVATE if key in node)


def evidence_of(root: generic.DictionaryObject) -> dict[int, re.Pattern[str]]:
    """The objects of the validation data that hold others, and the entries in which they do
    (ISO 32000-2 §12.8.4.3): the DSS, its /VRI, the records that lists, and arrays."""
    found: dict[int, re.Pattern[str]] = {}

    def note(node: Any, key: str, role: re.Pattern[str]) -> Any:
        raw = node.raw_get(key)
        value = follow(raw)
        if isinstance(raw, generic.IndirectObject):
            found[raw.idnum] = _ELEMENTS if isinstance(value, generic.ArrayObject) else role
        return value if isinstance(value, generic.DictionaryObject) else {}

    store = note(root, "/DSS", _DSS_ENTRIES) if "/DSS" in root else {}
    for key in set(store) & _DSS - {"/VRI"}:
        note(store, key, _ELEMENTS)
    records = note(store, "/VRI", _VRI_NAMES) if "/VRI" in store else {}
    for name in records:
        record = note(records, name, _VRI_ENTRIES)
        for key in record:
            note(record, key, _ELEMENTS)
    return found


@dataclass(frozen=True)
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
        for raw in entry(signature, "/Reference", ()):
            reference = follow(raw)
            parameters = entry(reference, "/TransformParams")
            if not isinstance(parameters, generic.DictionaryObject):
                continue
            method = entry(reference, "/TransformMethod")
            if method == "/DocMDP":
                limits = replace(limits, permission=int(entry(parameters, "/P", 2)))
            elif method == "/FieldMDP":
                names = frozenset(str(follow(each)) for each in entry(parameters, "/Fields", ()))
                limits = replace(limits, action=str(entry(parameters, "/Action")), fields=names)
        return limits

    def judge(self, change: Change, step: _Step) -> Change:
        """*change*, or its forbidden twin."""
        if self.permission == 3 and change.what in step.annotations:
            return replace(change, kind="suspicious")  # it can hide what stands beneath
        if change.kind not in ("field_filled", "field_added", "seal_added", "suspicious"):
            return change
        if self.permission in (2, 3) and change.what in step.new_fields:
            # "signing" is permitted; whether in a new field that shows something is disputed
            change = replace(change, kind="suspicious")
        if self.permission == 1 or (change.kind != "field_added" and self._locked(change.what)):
            return replace(change, kind="forbidden")
        return change

    def _locked(self, name: str) -> bool:
        listed = any(name == each or name.startswith(f"{each}.") for each in self.fields)
        return (
            self.action == "/All"
            or (self.action == "/Include" and listed)
            or (self.action == "/Exclude" and not listed)
        )
