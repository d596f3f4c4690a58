"""One revision of a document compared with the one before: what it wrote, in words.

The rules stand in :mod:`crypto.pdf.changes.review`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pyhanko.pdf_utils import generic, misc
from pyhanko.pdf_utils.reader import HistoricalResolver

from crypto.pdf.changes.references import TRAILER, References
from crypto.pdf.changes.repainting import paints_over
from crypto.pdf.changes.structure import element_grew, is_element, tree_grew
from crypto.pdf.marks.appearance import HIDDEN, NO_VIEW, PRINT, drawing_of, has_area
from crypto.pdf.reading.access import entry, follow, key_of
from crypto.pdf.reading.enclosed_evidence import evidence_of
from crypto.pdf.reading.failures import PARSER_FAILURES, PdfTooComplex
from crypto.pdf.reading.objects import (
    Known,
    KnownField,
    added_items,
    contains,
    differing_keys,
    form_of,
    is_empty,
    own_value,
    same,
    same_entry,
    walk_fields,
)
from crypto.verdict import Change

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
_PRIVATE = frozenset(("/ITXT",))
"""Entries that mean nothing to anybody: iText writes its version into the page tree."""


@dataclass
class Step:
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


def compare(
    references: References, known: Known, old: HistoricalResolver, new: HistoricalResolver
) -> Step:
    """What the revision *new* did to the one before it, *old*, up to which *references* are noted;
    the new fields become *known*. Never raises for what they contain but
    :class:`PdfTooComplex`."""
    comparison = _Comparison(references, known, old, new)
    try:
        comparison.run()
    except PdfTooComplex:
        raise
    except misc.PdfStrictReadError as error:  # readers go on, each as it likes
        comparison._say("suspicious", None, str(error)[:200])
    except PARSER_FAILURES as error:
        comparison.forbid(None, f"{type(error).__name__}: {error}"[:200])
    known.placed.update(comparison.placed())
    return comparison.step


class _Comparison:
    """Two neighbouring revisions."""

    def __init__(
        self, references: References, known: Known, old: HistoricalResolver, new: HistoricalResolver
    ) -> None:
        self._references, self._known, self._old, self._new = references, known, old, new
        self.step = Step()
        self._new_widgets: dict[tuple[int, int], int | None] = {}
        """Widgets of new signature fields → the page whose /Annots gained them."""
        self._placed: dict[tuple[int, int], int] = {}
        """Widgets of empty signature fields that stood on no page → the page they were put on."""

    def placed(self) -> dict[tuple[int, int], int]:
        """Widgets → the pages on which they were put."""
        new = {key: page for key, page in self._new_widgets.items() if page is not None}
        return {**new, **self._placed}

    def _say(self, kind: str, page: int | None, what: str) -> None:
        self.step.changes.append(Change(self._new.revision + 1, kind, page, what))

    def forbid(self, page: int | None, what: str) -> None:
        if sum(each.kind == "forbidden" for each in self.step.changes) < _LISTED:
            self._say("forbidden", page, what)

    def run(self) -> None:
        references, old, new = self._references, self._old, self._new
        rewritten = []
        for reference in sorted(new.explicit_refs_in_revision(), key=key_of):
            before = references.place(reference, old.revision)
            after = references.place(reference, new.revision)
            if before is None and after is None:
                if self._references.exists(reference.idnum):
                    # freed under another generation: some viewers do not look at that
                    self.forbid(*self._where(reference, "deleted"))
                continue
            if before is None:
                self._check_new(reference)
            elif after is None:
                users = self._references.users(reference.idnum)
                if not all(self._is_evidence(*user) for user in users):
                    self.forbid(*self._where(reference, "deleted"))
            else:
                rewritten.append(reference)
        self._compare_trailers()
        fields = self._compare_forms()
        # pages before fields: where a field stands decides what its signature means
        for reference in sorted(rewritten, key=lambda each: key_of(each) in self._known.fields):
            if not self._explained(reference):
                self.forbid(*self._where(reference))
        self._say_fields(fields)
        if not self.step.changes:
            self._say("unused_objects", None, "")

    def _check_new(self, reference: generic.Reference) -> None:
        """An object number that was free: nothing sealed may refer to it."""
        if self._references.exists(reference.idnum):
            self.forbid(None, f"{reference.idnum} {reference.generation} obj: second generation")
        elif users := self._references.users(reference.idnum):
            container = generic.Reference(min(users)[0], 0)
            page, _ = self._where(container)
            self.forbid(page, f"{reference.idnum} 0 obj: was missing when sealed")

    def _where(self, reference: generic.Reference, remark: str = "") -> tuple[int | None, str]:
        """Page and role of an object that existed, for a person."""
        found = self._known.places.get(key_of(reference), (None, ""))
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
        if not self._references.plays(self._old.root_ref.idnum, "/Root"):
            self._say("suspicious", None, "/Root")
        if isinstance(raw, generic.IndirectObject) and not self._references.plays(
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
        other_fields = any(each.kind != "/Sig" for each in self._known.fields.values())
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
        for each in walk_fields(added, self._new):
            titled = "/T" in self._new(each.reference)
            if each.leaf and each.kind != "/Sig":
                self.forbid(None, f"{each.name}: new form field")
            elif strange := self._is_more_than_a_field(each):
                self.forbid(None, f"{each.name}: {strange}")
            elif titled and each.name in self._known.names:
                self.forbid(None, f"{each.name}: a field of this name exists")
            elif self._references.place(each.reference, self._old.revision) is not None:
                self.forbid(None, f"{each.name}: made from an object that existed")
            elif each.leaf:
                self._new_widgets[key_of(each.reference)] = None
                yield each
            self._known.add(each)

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
        shared = isinstance(raw, generic.IndirectObject) and self._references.place(
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
        key = key_of(reference)
        before, after = self._old(reference), self._new(reference)
        if same(before, after):
            return True
        users = self._references.users(reference.idnum)
        root = self._old.root_ref
        if reference == root and self._new.root_ref == root:
            return True  # compared already
        if key in self._known.pages:
            return self._compare_pages(key, before, after)
        if page := self._listing_page(key, users):
            return self._compare_annotations(before, after, page)
        if key in self._known.fields and not isinstance(after, generic.StreamObject):
            return self._compare_field(self._known.fields[key], before, after)
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
            if users == {(TRAILER, "/Info")}:
                self._say("metadata", None, "/Info")
                return True
            if users and all(self._is_evidence(*user) for user in users):
                self._say("validation_data", None, "")
                return True
        if reference in self._new.reader.xrefs.xref_stream_refs and not users:
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
        users = {user for each in found for user in self._references.users(each)}
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
        plays = self._references.plays
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
        known = self._known.fields.get((container, 0))
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
        page = self._known.pages[key]
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
        page = self._known.pages.get((container, 0))
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
                    self._say("suspicious", page, self._known.fields[key].name)
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
        known = self._known.fields.get(key)
        return (
            known is not None
            and known.kind == "/Sig"
            and key not in self._new_widgets
            and key not in self._placed
            and self._references.place(known.reference, self._old.revision) is not None
            and is_empty(own_value(self._old(known.reference)))
            and self._page_of(known.reference) is None
        )

    def _compare_field(self, known: KnownField, before: Any, after: Any) -> bool:
        """A field that existed: an empty one may be filled in."""
        if not isinstance(after, generic.DictionaryObject):
            return False
        differing = differing_keys(before, after)
        page = self._page_of(known.reference)
        if not self._references.plays(known.reference.idnum, *_FIELD_ROLES):
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
        key = key_of(reference)
        for placed in (self._placed, self._known.placed):
            if key in placed:
                return placed[key]
        return self._known.shown.get(key)


def _says_only_words(node: generic.DictionaryObject) -> bool:
    """Are the private entries strings, which show nothing, whatever dictionary this is?"""
    words = (generic.TextStringObject, generic.ByteStringObject)
    return all(isinstance(node.raw_get(key), words) for key in _PRIVATE if key in node)
