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

from crypto.pdf.changes import additions
from crypto.pdf.changes.filling import judge
from crypto.pdf.changes.ground import Grounds, is_drawn_by_form
from crypto.pdf.changes.looks import Look, generic_text, inherited
from crypto.pdf.changes.references import TRAILER, References
from crypto.pdf.changes.structure import element_grew, is_element, tree_grew
from crypto.pdf.marks.appearance import (
    PRINT,
    box,
    drawing_of,
    has_area,
    share_shown,
)
from crypto.pdf.marks.place import place_of
from crypto.pdf.reading.access import entry, follow, items_of, key_of
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
from crypto.verdict import LEVELS, Change, Level

_LISTED = 20
_LISTS = (generic.ArrayObject, generic.NullObject)

_CATALOG = frozenset(("/AcroForm", "/DSS", "/Extensions", "/Metadata", "/Version", "/MarkInfo"))
_VIEW = {
    "/PageMode": frozenset(
        ("/UseNone", "/UseOutlines", "/UseThumbs", "/FullScreen", "/UseOC", "/UseAttachments")
    ),
    "/PageLayout": frozenset(
        (
            *("/SinglePage", "/OneColumn", "/TwoColumnLeft"),
            *("/TwoColumnRight", "/TwoPageLeft", "/TwoPageRight"),
        )
    ),
}
"""Settings of the catalog that decide how the file is first displayed."""
_FORM = frozenset(("/Fields", "/SigFlags", "/DR", "/DA", "/Q", "/NeedAppearances"))
_FIELD = frozenset(
    ("/V", "/AP", "/AS", "/F", "/Ff", "/DA", "/Q", "/M", "/Type", "/I", "/TI", "/NM")
)
_READ_ONLY = 1
_UNSEEN_FLAGS = 64 | 128 | 512
"""Of an annotation (ISO 32000-1 table 165): read only, locked, locked contents."""
_LARGEST_EMPTY = 0.04
"""Of the page: a larger place for a signature could cover what was sealed."""
_ROUNDED = 0.0045
"""Colours that one program writes to 1/255 and another to two or three digits."""
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
        return all(LEVELS[each.code] in (Level.NOTICE, Level.CHANGED) for each in self.changes)


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
        self._grounds = Grounds(old)
        self._touched: dict[tuple[int, int], KnownField] = {}
        """Fields that are no signature fields and were written again, or had their look redrawn."""

    def placed(self) -> dict[tuple[int, int], int]:
        """Widgets → the pages on which they were put."""
        new = {key: page for key, page in self._new_widgets.items() if page is not None}
        return {**new, **self._placed}

    def _say(self, kind: str, page: int | None, what: str, **details: Any) -> None:
        self.step.changes.append(Change(self._new.revision + 1, kind, page, what, **details))

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
                numbers = {number for number, _ in self._bookmarks}
                if self._references.exists(reference.idnum) and reference.idnum not in numbers:
                    # freed under another generation: some viewers do not look at that
                    self.forbid(*self._where(reference, "deleted"))
                continue
            if before is None:
                self._check_new(reference)
            elif after is None:
                users = self._references.users(reference.idnum)
                is_bookmark = key_of(reference) in self._bookmarks
                if not is_bookmark and not all(self._is_evidence(*user) for user in users):
                    self.forbid(*self._where(reference, "deleted"))
            else:
                rewritten.append(reference)
        self._compare_trailers()
        fields = self._compare_forms()
        # pages before fields: where a field stands decides what its signature means
        for reference in sorted(rewritten, key=lambda each: key_of(each) in self._known.fields):
            if not self._explained(reference):
                self.forbid(*self._where(reference))
        self._say_fillings()
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
            elif key == "/Outlines":
                self._check_bookmarks()
            elif key in _VIEW and (key not in new_root or entry(new_root, key) in _VIEW[key]):
                self._say("view", None, f"/Root {key}")
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
            elif key == "/NeedAppearances":
                if _as_bool(entry(after, key)) or _as_bool(entry(before, key)):
                    self._say("suspicious", None, f"/AcroForm {key}")  # looks would be drawn anew
            elif (key in ("/DR", "/DA", "/Q") and self._is_drawn_by_form) or (
                other_fields
                and not (
                    key == "/SigFlags"
                    or key == "/Fields"
                    or (key == "/DR" and contains(entry(after, key), entry(before, key)))
                )
            ):
                self._say("suspicious", None, f"/AcroForm {key}")
        old_list, new_list = entry(before, "/Fields"), entry(after, "/Fields")
        added = added_items(old_list, new_list)
        if added is None:
            self.forbid(None, "/AcroForm /Fields")
            return []
        return list(self._new_fields(generic.ArrayObject(added)))

    @cached_property
    def _is_drawn_by_form(self) -> bool:
        """Was anything drawn through the form, and not through an appearance of its own?"""
        form = form_of(self._old)
        pages = [self._known.sheet(number) for number in self._known.pages.values()]
        return _as_bool(entry(form, "/NeedAppearances")) or is_drawn_by_form(self._old, pages)

    def _check_bookmarks(self) -> None:
        plain, _ = additions.bookmarks(entry(self._new.root, "/Outlines"))
        self._say("bookmarks" if plain else "suspicious", None, "/Outlines")

    @cached_property
    def _bookmarks(self) -> set[tuple[int, int]]:
        """The objects of the bookmarks that were there, if nothing else reads them."""
        raw = self._old.root.raw_get("/Outlines") if "/Outlines" in self._old.root else None
        found = additions.bookmarks(follow(raw))[1]
        if isinstance(raw, generic.IndirectObject):
            found.add(key_of(raw))
        return {
            each for each in found if self._references.plays(each[0], *additions.BOOKMARK_ROLES)
        }

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
        place = self._place(widget, page)
        signature = follow(value)
        if not isinstance(signature, generic.DictionaryObject):
            sheet = self._known.sheet(page) if page else None
            too_large = sheet is not None and _area(box(widget)) > _LARGEST_EMPTY * _area(sheet.box)
            self._say("suspicious" if visible or too_large else "field_added", page, name, **place)
            return
        raw = widget.raw_get("/V") if "/V" in widget else value
        shared = isinstance(raw, generic.IndirectObject) and self._references.place(
            generic.Reference(raw.idnum, raw.generation), self._old.revision
        )
        if shared:
            self.forbid(page, f"{name}: shares an earlier signature")
        elif entry(signature, "/SubFilter") == "/ETSI.RFC3161" and not visible:
            self._say("timestamp_added", None, name)
        elif page is not None and visible and share_shown(widget, self._known.sheet(page)):
            ground = self._grounds.under(self._known.sheet(page), key_of(reference))
            under = "inked" if ground.lies_under(box(widget)) else "blank"
            self._say("seal_added", page, name, ground=under, **place)
        else:
            self._say("seal_added", page, name)

    def _place(self, widget: generic.DictionaryObject, page: int | None) -> dict[str, Any]:
        if page is None or not has_area(widget):
            return {}
        mark = place_of(box(widget), self._known.sheet(page), "")
        return {"box_mm": (mark.left_mm, mark.top_mm, mark.width_mm, mark.height_mm)}

    # --- objects written again ---

    def _explained(self, reference: generic.Reference) -> bool:
        """Is it understood what became of this object? What it means is said on the way."""
        key = key_of(reference)
        before, after = self._old(reference), self._new(reference)
        if same(before, after):
            return True
        if key in self._bookmarks and not isinstance(after, generic.StreamObject):
            self._check_bookmarks()
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
                if self._is_drawn_by_form:
                    self._say("suspicious", None, "/AcroForm /DR")
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
        self._touched[key_of(known.reference)] = known
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
                self._check_annotation(raw, key, page)
            else:
                self._new_widgets[key] = page
        return True

    def _check_annotation(self, raw: Any, key: tuple[int, int] | None, page: int) -> None:
        """An annotation that is no new signature field: a note may be added."""
        node = follow(raw)
        subtype = entry(node, "/Subtype", "")
        what = f"{subtype}{f' ({key[0]} {key[1]} obj)' if key else ''}"
        self.step.annotations.add(what)
        is_new = key is None or not self._references.exists(key[0])
        sheet = self._known.sheet(page)
        kind = additions.judge(node, self._grounds.under(sheet)) if is_new else "forbidden"
        if kind == "forbidden":
            self.forbid(page, what)
            return
        note = entry(node, "/Contents", "")
        self._say(kind, page, what, after=str(note)[:200], **self._place(node, page))

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
        differing = _differing(before, after)
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
                self._use_empty(known, before, after, page)
            elif differing & {"/AP", "/AS", "/F"}:
                self._say("suspicious", page, known.name)
            return True
        flags = int(entry(before, "/F", 0)), int(entry(after, "/F", 0))
        bits = int(entry(before, "/Ff", 0)) ^ int(entry(after, "/Ff", 0))
        filled = {"/V", "/AS"} & differing
        if (
            (flags[0] ^ flags[1]) & ~_UNSEEN_FLAGS & ~PRINT
            or flags[0] & PRINT & ~flags[1]
            or (flags[1] & PRINT & ~flags[0] and not filled)
            or bits & ~_READ_ONLY
        ):
            self._say("suspicious", page, known.name)  # shown elsewhere, or read otherwise
        elif differing & {"/DA", "/Q"} and not ("/V" in differing or "/AP" in differing):
            self._say("suspicious", page, known.name)
        self._touched[key_of(known.reference)] = known
        return True

    def _use_empty(self, known: KnownField, before: Any, after: Any, page: int | None) -> None:
        """An empty signature field was signed. What it showed when it was sealed must have been
        nothing: its look is now that of the signature."""
        value = after.raw_get("/V") if "/V" in after else None
        placed = key_of(known.reference) in self._placed
        if page is not None and not placed and Look.of(before).ink:
            place = self._place(before, page)
            self._say("look_replaced", page, known.name, label=_label(before), **place)
        self._say_signature(known.name, known.reference, value, page, new=placed)

    def _say_fillings(self) -> None:
        """Judge every widget of the fields that were touched: what stands in a field above it
        reaches it as well."""
        resources = entry(form_of(self._new), "/DR")
        judged: set[tuple[int, int]] = set()
        for known in list(self._touched.values()):
            fillings = 0
            for reference in self._widgets_of(known):
                if key_of(reference) not in judged:
                    judged.add(key_of(reference))
                    fillings += self._say_filling(known, reference, resources)
            if not fillings and not any(self._page_of(each) for each in self._widgets_of(known)):
                self._say("unused_objects", None, known.name)

    def _say_filling(self, known: KnownField, reference: generic.Reference, resources: Any) -> int:
        page = self._page_of(reference)
        if page is None:
            return 0
        before, after = self._old(reference), self._new(reference)
        sheet = self._known.sheet(page)
        ground = self._grounds.under(sheet, key_of(reference))
        found = judge(before, after, ground, _area(sheet.box), resources)
        if found is None:
            return 0
        name = self._known.fields[key_of(reference)].name or known.name
        details = {"label": _label(after), "before": found.before, "after": found.after}
        shown = {key: value[:200] for key, value in details.items()}
        self._say(found.kind, page, name, **shown, **self._place(after, page))
        return 1

    def _widgets_of(self, known: KnownField) -> Iterator[generic.Reference]:
        """The field itself if it has no kids, or the widgets below it."""
        stack, seen = [known.reference], set[tuple[int, int]]()
        while stack:
            reference = stack.pop()
            if key_of(reference) in seen:
                continue
            seen.add(key_of(reference))
            field = self._known.fields.get(key_of(reference))
            if field is None or field.leaf:
                yield reference
                continue
            kids = items_of(entry(self._old(reference), "/Kids"))
            stack += [
                generic.Reference(*key_of(kid), self._old)
                for kid in kids
                if isinstance(kid, generic.IndirectObject)
            ]

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


def _as_bool(value: Any) -> bool:
    return isinstance(value, generic.BooleanObject) and bool(value)


def _area(rectangle: tuple[float, float, float, float]) -> float:
    left, bottom, right, top = rectangle
    return (right - left) * (top - bottom)


def _label(widget: generic.DictionaryObject) -> str:
    """What the document calls this field, for people (/TU)."""
    value = inherited(widget, "/TU")
    if isinstance(value, generic.ByteStringObject):
        return generic_text(bytes(value))
    return str(value) if isinstance(value, generic.TextStringObject) else ""


# --- entries of a field that are written otherwise and mean the same ---------------------------


def _differing(before: generic.DictionaryObject, after: generic.DictionaryObject) -> set[str]:
    """The entries whose meaning differs."""
    found = differing_keys(before, after)
    if "/MK" in found and _same_colours(entry(before, "/MK"), entry(after, "/MK")):
        found.discard("/MK")
    if "/BS" in found and _border(before) == _border(after):
        found.discard("/BS")
    return found


def _same_colours(before: Any, after: Any) -> bool:
    """Do the characteristics differ in the rounding of their colours only?"""
    if not all(isinstance(each, generic.DictionaryObject) for each in (before, after)):
        return False
    return all(
        key in ("/BC", "/BG") and _nearly(entry(before, key), entry(after, key))
        for key in differing_keys(before, after)
    )


def _nearly(before: Any, after: Any) -> bool:
    lists = [each for each in (before, after) if isinstance(each, generic.ArrayObject)]
    if len(lists) != 2 or len(lists[0]) != len(lists[1]):
        return False
    pairs = zip(*([float(follow(each)) for each in one] for one in lists), strict=True)
    return all(abs(one - other) <= _ROUNDED for one, other in pairs)


def _border(widget: generic.DictionaryObject) -> tuple[Any, ...]:
    """What /BS means (ISO 32000-1 table 166): nothing where no colour is named for a border, and
    without /BS a solid line of one point."""
    if not entry(entry(widget, "/MK", {}), "/BC"):
        return ()
    style = entry(widget, "/BS")
    if not isinstance(style, generic.DictionaryObject):
        style = generic.DictionaryObject()
    kind, width = str(entry(style, "/S", "/S")), float(entry(style, "/W", 1))
    dash = entry(style, "/D")
    dashes = [float(follow(each)) for each in dash] if isinstance(dash, generic.ArrayObject) else []
    known = set(style) <= {"/Type", "/S", "/W", "/D"}
    return (known, kind, width, tuple(dashes or [3.0]) if kind == "/D" else ())
