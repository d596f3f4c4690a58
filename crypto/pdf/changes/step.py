"""One revision of a document compared with the one before: what it wrote, in words.

The rules stand in :mod:`crypto.pdf.changes.review`.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import Any

from pyhanko.pdf_utils import generic, misc
from pyhanko.pdf_utils.reader import HistoricalResolver

from crypto.pdf.changes import additions
from crypto.pdf.changes.extras import (
    NAME_ROLES,
    associates_attached,
    attached,
    kind_of_setting,
    labels_are_plain,
    names_places_anew,
)
from crypto.pdf.changes.fields import Fields
from crypto.pdf.changes.ground import PagesRead, is_drawn_by_form
from crypto.pdf.changes.pages import Pages, is_rounded_node
from crypto.pdf.changes.pair import Pair, Step, told
from crypto.pdf.changes.references import TRAILER, References
from crypto.pdf.changes.structure import element_grew, is_element, tree_grew
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
    same_unpacked,
)

_CATALOG = frozenset(("/AcroForm", "/DSS", "/Extensions", "/Metadata", "/Version", "/MarkInfo"))
_FORM = frozenset(("/Fields", "/SigFlags", "/DR", "/DA", "/Q", "/NeedAppearances"))
_DSS = frozenset(("/Type", "/Certs", "/OCSPs", "/CRLs", "/VRI"))
_ELEMENT_ROLES = ("/P", "/K", "/Nums", "/Names", "/SE")
"""Who refers to an element of the structure tree: others, the trees of numbers and names, and the
bookmarks of what it stands for."""
_PRIVATE = frozenset(("/ITXT",))
"""Entries that mean nothing to anybody: iText writes its version into the page tree."""


def compare(
    references: References,
    known: Known,
    pages: PagesRead,
    old: HistoricalResolver,
    new: HistoricalResolver,
) -> Step:
    """What the revision *new* did to the one before it, *old*, up to which *references* are noted;
    the new fields become *known*, and *pages* are read as far as is needed. Never raises for what
    they contain but :class:`PdfTooComplex`."""
    pair = Pair(references, known, pages, old, new)
    comparison = _Comparison(pair)
    try:
        comparison.run()
    except PdfTooComplex:
        raise
    except misc.PdfStrictReadError as error:  # readers go on, each as it likes
        pair.say("suspicious", None, str(error)[:200])
    except PARSER_FAILURES as error:
        pair.forbid(None, f"{type(error).__name__}: {error}"[:200])
    known.placed.update(comparison.fields.pages())
    return pair.step


class _Comparison:
    """Two neighbouring revisions."""

    def __init__(self, pair: Pair) -> None:
        self._pair, self._references, self._known = pair, pair.references, pair.known
        self._old, self._new = pair.old, pair.new
        self.fields = Fields(pair)
        self._pages = Pages(pair, self.fields)

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
                    self._pair.forbid(*self._pair.where(reference, "deleted"))
                continue
            if before is None:
                self._check_new(reference)
            elif after is None:
                users = self._references.users(reference.idnum)
                is_bookmark = key_of(reference) in self._bookmarks
                is_wanted = not all(self._is_evidence(*user) for user in users)
                if not is_bookmark and is_wanted and not self._is_former_look(reference):
                    self._pair.forbid(*self._pair.where(reference, "deleted"))
            else:
                rewritten.append(reference)
        self._compare_trailers()
        fields = self._compare_forms()
        # pages before fields: where a field stands decides what its signature means
        for reference in sorted(rewritten, key=lambda each: key_of(each) in self._known.fields):
            if not self._explained(reference):
                self._pair.forbid(*self._pair.where(reference, self._remark(reference)))
        self.fields.say_fillings()
        self.fields.say_added(fields)
        if not self._pair.step.changes:
            self._pair.say("unused_objects", None, "")

    def _remark(self, reference: generic.Reference) -> str:
        """/Count for a page tree of another number of pages than before."""
        nodes = self._old(reference), self._new(reference)
        if not all(isinstance(each, generic.DictionaryObject) for each in nodes):
            return ""
        if any(entry(each, "/Type") != "/Pages" for each in nodes):
            return ""
        return "" if same_entry(*nodes, "/Count") else "/Count"

    def _check_new(self, reference: generic.Reference) -> None:
        """An object number that was free: nothing sealed may refer to it."""
        if self._references.exists(reference.idnum):
            if not self._is_former_look(reference):
                self._pair.forbid(
                    None, f"{reference.idnum} {reference.generation} obj: second generation"
                )
        elif users := self._references.users(reference.idnum):
            container = generic.Reference(min(users)[0], 0)
            page, _ = self._pair.where(container)
            self._pair.forbid(page, f"{reference.idnum} 0 obj: was missing when sealed")

    def _is_former_look(self, reference: generic.Reference) -> bool:
        """The look of one field, which has another one now, once more under the next generation, or
        freed where viewers draw fields themselves, and nothing leads to it any more: so Poppler
        (Evince, Okular) fills in a field."""
        users = self._references.users(reference.idnum)
        chain = [reference.idnum]
        if len(users) == 1 and {name for _, name in users} == {"/N"}:  # /AP is an object (borb)
            chain.append(min(users)[0])
            users = self._references.users_until(chain[-1], self._old.revision)
        is_gone = self._references.place(reference, self._new.revision) is None
        known = [self._known.fields.get((container, 0)) for container, _ in users]
        return (
            len(users) == 1
            and {name for _, name in users} == {"/AP"}
            and known[0] is not None
            and known[0].kind != "/Sig"
            and (is_gone or isinstance(self._new(reference), generic.StreamObject))
            and known[0].reference in self._new.explicit_refs_in_revision()
            and all(self._references.is_left_alone(each, self._old.revision) for each in chain)
        )

    # --- trailer, catalog, form ---

    def _compare_trailers(self) -> None:
        before, after = self._old.trailer_view, self._new.trailer_view
        if not same_entry(before, after, "/Encrypt"):
            self._pair.forbid(None, "trailer /Encrypt")
        if self._new.root_ref != self._old.root_ref and not same(self._old.root, self._new.root):
            self._pair.forbid(None, "trailer /Root")
        if not same_entry(before, after, "/Info"):
            self._pair.say("metadata", None, "/Info")

    def _compare_forms(self) -> list[KnownField]:
        """Compare catalog and form; returns the new fields."""
        old_root, new_root = self._old.root, self._new.root
        raw = old_root.raw_get("/AcroForm") if "/AcroForm" in old_root else None
        if not self._references.is_only_the_catalog(self._old.root_ref.idnum):
            self._pair.say("suspicious", None, "/Root")
        if isinstance(raw, generic.IndirectObject) and not self._references.plays(
            raw.idnum, "/AcroForm"
        ):
            self._pair.say("suspicious", None, "/AcroForm")
        for key in differing_keys(old_root, new_root):
            if key == "/StructTreeRoot":
                self._say_structure(tree_grew(entry(old_root, key), entry(new_root, key)))
            elif key == "/Perms" and key not in old_root:
                self._pair.say("suspicious", None, f"/Root {key}")  # certified, though not first
            elif key == "/Outlines":
                self._check_bookmarks()
            elif key == "/PageLabels":
                self._check_labels()
            elif key in ("/Names", "/Dests") or (
                key == "/AF" and associates_attached(old_root, new_root)
            ):
                pass  # below, wherever they are written
            elif kind := kind_of_setting(key, entry(old_root, key), entry(new_root, key)):
                self._pair.say(kind, None, f"/Root {key}")
            elif key not in _CATALOG:
                self._pair.forbid(None, f"/Root {key}")
        self._check_names()
        if not same_entry(old_root, new_root, "/Metadata"):
            self._check_metadata()
        self._compare_evidence(entry(old_root, "/DSS"), entry(new_root, "/DSS"))
        before, after = form_of(self._old), form_of(self._new)
        other_fields = any(field.kind != "/Sig" for field in self._known.fields.values())
        for key in differing_keys(before, after):
            if key not in _FORM:
                self._pair.forbid(None, f"/AcroForm {key}")
            elif key == "/NeedAppearances":
                if _as_bool(entry(after, key)) or _as_bool(entry(before, key)):
                    self._pair.say(
                        "suspicious", None, f"/AcroForm {key}"
                    )  # looks would be drawn anew
            elif (key in ("/DR", "/DA", "/Q") and self._is_drawn_by_form) or (
                other_fields
                and not (
                    key in ("/SigFlags", "/Fields")
                    or (key in ("/DA", "/Q") and key not in before)
                    or (key == "/DR" and contains(entry(after, key), entry(before, key)))
                )
            ):
                self._pair.say("suspicious", None, f"/AcroForm {key}")
            elif key in ("/DA", "/Q") and other_fields:  # every field has a look of its own
                self._pair.say("unused_objects", None, f"/AcroForm {key}")
        old_list, new_list = entry(before, "/Fields"), entry(after, "/Fields")
        added = added_items(old_list, new_list)
        if added is None:
            self._pair.forbid(None, "/AcroForm /Fields")
            return []
        return list(self.fields.added(generic.ArrayObject(added)))

    @cached_property
    def _is_drawn_by_form(self) -> bool:
        """Was anything drawn through the form, and not through an appearance of its own?"""
        form = form_of(self._old)
        pages = [self._known.sheet(number) for number in self._known.pages.values()]
        return _as_bool(entry(form, "/NeedAppearances")) or is_drawn_by_form(self._old, pages)

    def _check_bookmarks(self) -> None:
        plain, _ = additions.bookmarks(entry(self._new.root, "/Outlines"))
        self._pair.say("bookmarks" if plain else "suspicious", None, "/Outlines")

    def _check_labels(self) -> None:
        if labels_are_plain(entry(self._new.root, "/PageLabels")):
            self._pair.say("page_labels", None, "/PageLabels")
        else:
            self._pair.forbid(None, "/Root /PageLabels")

    def _check_names(self) -> None:
        """Files may be attached; those that are there, and all other names, stay as they are."""
        if self._attached is None:
            self._pair.forbid(None, "/Root /Names")
            return
        if names_places_anew(self._old.root, self._new.root):
            self._pair.say("suspicious", None, "/Dests")
        for title in self._attached[0]:
            self._pair.say("attachment_added", None, f"/EmbeddedFiles {title}", after=told(title))

    @cached_property
    def _attached(self) -> tuple[list[str], set[tuple[int, int]]] | None:
        """The files attached in this revision, and the objects that listed the files before; no
        objects if anything else reads them."""
        old, new = self._old.root, self._new.root
        if "/Names" not in old and "/Names" not in new:
            return [], set()
        found = attached(old, new)
        if found and not self._are_alone(found[1], "/Names", *NAME_ROLES):
            return found[0], set()
        return found

    @cached_property
    def _bookmarks(self) -> set[tuple[int, int]]:
        """The objects of the bookmarks that were there, if nothing else reads them."""
        raw = self._old.root.raw_get("/Outlines") if "/Outlines" in self._old.root else None
        found = additions.bookmarks(follow(raw))[1]
        if isinstance(raw, generic.IndirectObject):
            found.add(key_of(raw))
        return found if self._are_alone(found, "/Outlines", *additions.BOOKMARK_ROLES) else set()

    def _are_alone(self, found: set[tuple[int, int]], entrance: str, *roles: str) -> bool:
        """Are these objects read in these *roles* alone, and by nothing but each other and the
        catalog's entry *entrance*? The node of another tree, as that of the pages, would show what
        is rewritten in it."""
        numbers, root = {number for number, _ in found}, self._old.root_ref.idnum
        return all(
            self._references.plays(number, *roles)
            and all(
                container in numbers or (container, name) == (root, entrance)
                for container, name in self._references.users(number)
            )
            for number in numbers
        )

    # --- objects written again ---

    def _explained(self, reference: generic.Reference) -> bool:
        """Is it understood what became of this object? What it means is said on the way."""
        key = key_of(reference)
        before, after = self._old(reference), self._new(reference)
        if same(before, after) or same_unpacked(before, after):
            return True
        if key in self._bookmarks and not isinstance(after, generic.StreamObject):
            self._check_bookmarks()
            return True
        users = self._references.users(reference.idnum)
        if self._attached and key in self._attached[1]:
            return not isinstance(after, generic.StreamObject)  # compared already
        root = self._old.root_ref
        if users == {(root.idnum, "/PageLabels")}:
            self._check_labels()
            return True
        if reference == root and self._new.root_ref == root:
            return True  # compared already
        if key in self._known.pages:
            return self._pages.compare(key, before, after)
        if page := self._pages.listing(key, users):
            return self._pages.compare_annotations(before, after, page)
        if key in self._known.fields and not isinstance(after, generic.StreamObject):
            return self.fields.compare(self._known.fields[key], before, after)
        if isinstance(after, generic.StreamObject) != isinstance(before, generic.StreamObject):
            return False
        if isinstance(after, generic.DictionaryObject) and not isinstance(
            after, generic.StreamObject
        ):
            if isinstance(before, generic.DictionaryObject) and (
                differing_keys(before, after) <= _PRIVATE
                and all(_says_only_words(each) for each in (before, after))
            ):
                self._pair.say("metadata", None, ", ".join(sorted(_PRIVATE)))
                return True
            if self._is_structure(reference, before, after, users):
                return True
            if is_rounded_node(before, after):
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
            if users == {(form_number, "/DR")} or self._is_part_of_defaults(users, form_number):
                if self._is_drawn_by_form:
                    self._pair.say("suspicious", None, "/AcroForm /DR")
                return contains(after, before)
            if users == {(TRAILER, "/Info")} and not self._references.are_tables_read():
                self._pair.say("metadata", None, "/Info")
                return True
            if users and all(self._is_evidence(*user) for user in users):
                self._pair.say("validation_data", None, "")
                return True
        if reference in self._new.reader.xrefs.xref_stream_refs and not users:
            return True
        return self._is_appearance(reference, users)

    def _is_part_of_defaults(self, users: set[tuple[int, str]], form: int | None) -> bool:
        """Is this the list of the fonts in the form's /DR, read as nothing else? PDFBox adds
        ZapfDingbats to it."""
        fields = form_of(self._old)
        raw = fields.raw_get("/DR") if "/DR" in fields else None
        if not isinstance(raw, generic.IndirectObject) or users != {(raw.idnum, "/Font")}:
            return False
        whole = ({(form, "/DR")}, {(self._old.root_ref.idnum, "/AcroForm")})
        return self._references.users(raw.idnum) in whole and self._references.plays(
            raw.idnum, "/DR"
        )

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
            is_element(before) and not plays(reference.idnum, *_ELEMENT_ROLES)
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
        self._pair.say("metadata" if grew else "suspicious", None, "/StructTreeRoot")

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
        self.fields.touched[key_of(known.reference)] = known
        return True

    def _check_metadata(self) -> None:
        value = entry(self._new.root, "/Metadata")
        if (
            isinstance(value, generic.StreamObject)
            and value.data.lstrip(b"\xef\xbb\xbf \r\n\t")[:1] == b"<"
        ):
            self._pair.say("metadata", None, "/Metadata")
        else:
            self._pair.forbid(None, "/Root /Metadata")

    def _compare_evidence(self, before: Any, after: Any) -> None:
        """Validation data (ISO 32000-2 §12.8.4.3): it shows nothing, whatever it holds."""
        if after is None and before is None:
            return
        if not isinstance(after, generic.DictionaryObject):
            self._pair.forbid(None, "/Root /DSS")
        elif not before or differing_keys(before, after) or self._rewrites(after):
            if set(after) <= _DSS:
                self._pair.say("validation_data", None, "")
            else:
                self._pair.forbid(None, "/Root /DSS")

    def _rewrites(self, container: generic.DictionaryObject) -> bool:
        """Does this revision write one of the objects that *container* refers to?"""
        written = {key_of(reference) for reference in self._new.explicit_refs_in_revision()}
        raws = [container.raw_get(key) for key in container]
        return any(
            key_of(raw) in written for raw in raws if isinstance(raw, generic.IndirectObject)
        )


def _says_only_words(node: generic.DictionaryObject) -> bool:
    """Are the private entries strings, which show nothing, whatever dictionary this is?"""
    words = (generic.TextStringObject, generic.ByteStringObject)
    return all(isinstance(node.raw_get(key), words) for key in _PRIVATE if key in node)


def _as_bool(value: Any) -> bool:
    return isinstance(value, generic.BooleanObject) and bool(value)
