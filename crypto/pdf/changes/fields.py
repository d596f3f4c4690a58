"""The fields of a form in two neighbouring revisions: added, signed, filled in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pyhanko.pdf_utils import generic

from crypto.pdf.changes.filling import judge, named_ground, uncovers
from crypto.pdf.changes.ground import Ground
from crypto.pdf.changes.ink import Ink
from crypto.pdf.changes.legible import is_same_said_richly
from crypto.pdf.changes.looks import PUSH_BUTTON, Look, generic_text, inherited
from crypto.pdf.changes.pair import Pair, told
from crypto.pdf.marks.appearance import OF_THE_VIEW, PRINT, box, drawing_of, has_area, share_shown
from crypto.pdf.reading.access import entry, follow, items_of, key_of
from crypto.pdf.reading.objects import (
    KnownField,
    differing_keys,
    form_of,
    is_empty,
    own_value,
    same,
    walk_fields,
)

_FIELD = frozenset(
    ("/V", "/AP", "/AS", "/F", "/Ff", "/DA", "/Q", "/M", "/Type", "/I", "/TI", "/NM")
)
_UNDISPLAYED = frozenset(("/DV", "/DS", "/MaxLen", "/Border", "/BS", "/DR"))
"""What a field returns to, how and in which fonts a text may be written into it, a frame that its
look has or has not: nothing of it shows where there is a look."""
_READ_ONLY = 1
_UNSEEN_FLAGS = 64 | 128 | 512
"""Of an annotation (ISO 32000-1 table 165): read only, locked, locked contents."""
_LARGEST_EMPTY = 0.04
"""Of the page: a larger place for a signature could cover what was sealed."""
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
_ROUNDED = 0.0045
"""Colours that one program writes to 1/255 and another to two or three digits."""


class Fields:
    """The fields of both revisions of *pair*."""

    def __init__(self, pair: Pair) -> None:
        self._pair = pair
        self.new_widgets: dict[tuple[int, int], int | None] = {}
        """Widgets of new signature fields → the page whose /Annots gained them."""
        self.placed: dict[tuple[int, int], int] = {}
        """Widgets of empty signature fields that stood on no page → the page they were put on."""
        self.touched: dict[tuple[int, int], KnownField] = {}
        """Fields that are no signature fields and were written again, or had their look redrawn."""

        self._filled: dict[int, list[tuple[Ink, ...]]] = {}
        """By page: what the fillings of this revision have painted."""

    def pages(self) -> dict[tuple[int, int], int]:
        """Widgets → the pages on which they were put."""
        new = {key: page for key, page in self.new_widgets.items() if page is not None}
        return {**new, **self.placed}

    # --- new signature fields ---

    def added(self, added: generic.ArrayObject) -> Iterator[KnownField]:
        """Allow the new fields that are signature fields, and remember all."""
        for field in walk_fields(added, self._pair.new):
            titled = "/T" in self._pair.new(field.reference)
            if field.leaf and field.kind != "/Sig":
                self._pair.forbid(None, f"{field.name}: new form field")
            elif strange := self._more_than_a_field(field):
                self._pair.forbid(None, f"{field.name}: {strange}")
            elif titled and field.name in self._pair.known.names:
                self._pair.forbid(None, f"{field.name}: a field of this name exists")
            elif self._pair.references.place(field.reference, self._pair.old.revision) is not None:
                self._pair.forbid(None, f"{field.name}: made from an object that existed")
            elif field.leaf:
                self.new_widgets[key_of(field.reference)] = None
                yield field
            self._pair.known.add(field)

    def _more_than_a_field(self, known: KnownField) -> str:
        """What makes a new signature field act or draw beyond its appearance; "" if nothing does.

        An annotation of another kind is drawn by viewers even without an appearance, and an action
        can do anything to the document when the page is opened."""
        node = self._pair.new(known.reference)
        subtype = entry(node, "/Subtype", "/Widget")
        if subtype != "/Widget":
            return str(subtype)
        return next((key for key in ("/A", "/AA", "/PA") if key in node), "")

    def say_added(self, fields: list[KnownField]) -> None:
        """Report the new signature fields, once it is known on which pages they stand."""
        for field in fields:
            page = self.new_widgets[key_of(field.reference)]
            self._say_signature(field.name, field.reference, field.value, page, new=True)

    def _say_signature(
        self, name: str, reference: generic.Reference, value: Any, page: int | None, *, new: bool
    ) -> None:
        widget = self._pair.new(reference)
        visible = page is not None and has_area(widget) and not drawing_of(widget).empty
        if visible and new:
            self._pair.step.new_fields.add(name)
        place = self._pair.place(widget, page)
        signature = follow(value)
        if not isinstance(signature, generic.DictionaryObject):
            sheet = self._pair.known.sheet(page) if page else None
            too_large = sheet is not None and area(box(widget)) > _LARGEST_EMPTY * area(sheet.box)
            self._pair.say(
                "suspicious" if visible or too_large else "field_added", page, name, **place
            )
            return
        raw = widget.raw_get("/V") if "/V" in widget else value
        shared = isinstance(raw, generic.IndirectObject) and self._pair.references.place(
            generic.Reference(raw.idnum, raw.generation), self._pair.old.revision
        )
        if shared:
            self._pair.forbid(page, f"{name}: shares an earlier signature")
        elif entry(signature, "/SubFilter") == "/ETSI.RFC3161" and not visible:
            self._pair.say("timestamp_added", None, name)
        elif page is not None and visible and share_shown(widget, self._pair.known.sheet(page)):
            ground = self._pair.grounds.under(self._pair.known.sheet(page), key_of(reference))
            moves = int(entry(widget, "/F", 0)) & OF_THE_VIEW
            under = "inked" if moves or ground.lies_under(box(widget)) else "blank"
            self._pair.say("seal_added", page, name, ground=under, **place)
        else:
            self._pair.say("seal_added", page, name)

    # --- fields that existed ---

    def is_unplaced(self, key: tuple[int, int]) -> bool:
        """Is this an empty signature field that stood on no page?"""
        known = self._pair.known.fields.get(key)
        return (
            known is not None
            and known.kind == "/Sig"
            and key not in self.new_widgets
            and key not in self.placed
            and self._pair.references.place(known.reference, self._pair.old.revision) is not None
            and is_empty(own_value(self._pair.old(known.reference)))
            and self.page_of(known.reference) is None
        )

    def compare(self, known: KnownField, before: Any, after: Any) -> bool:
        """A field that existed: an empty one may be filled in."""
        if not isinstance(after, generic.DictionaryObject):
            return False
        differing = differing_entries(before, after)
        page = self.page_of(known.reference)
        if not self._pair.references.plays(known.reference.idnum, *_FIELD_ROLES):
            self._pair.say("suspicious", page, known.name)
        if "/RV" in differing and is_same_said_richly(before, after):
            differing.discard("/RV")
        if "/BS" in differing and _names_a_thin_line(after) and Look.of(after).drawn:
            differing.discard("/BS")  # what the look has of it is judged as its frame
        types = {str(entry(each, "/Type", "/Annot")) for each in (before, after)}
        if types != {"/Annot"} and "/Type" in differing:  # a node of another tree as well
            self._pair.forbid(page, f"{known.name}: /Type")
        if differing & _UNDISPLAYED and known.kind != "/Sig":
            names = ", ".join(sorted(differing & _UNDISPLAYED))
            self._pair.say("suspicious", page, f"{known.name}: {names}")
            differing -= _UNDISPLAYED
        if differing - _FIELD:
            self._pair.forbid(page, f"{known.name}: {', '.join(sorted(differing - _FIELD))}")
            return True
        was_empty = is_empty(own_value(before))
        if known.kind == "/Sig":
            if not was_empty:
                self._pair.forbid(page, f"{known.name}: a signed field was changed")
            elif "/V" in differing:
                self._use_empty(known, before, after, page)
            elif differing & {"/AP", "/AS", "/F"}:
                self._pair.say("suspicious", page, known.name)
            return True
        flags = int(entry(before, "/F", 0)), int(entry(after, "/F", 0))
        bits = int(inherited(before, "/Ff") or 0) ^ int(inherited(after, "/Ff") or 0)
        filled = {"/V", "/AS"} & differing
        if (
            (flags[0] ^ flags[1]) & ~_UNSEEN_FLAGS & ~PRINT
            or flags[0] & PRINT & ~flags[1]
            or (flags[1] & PRINT & ~flags[0] and not filled)
            or bits & ~_READ_ONLY
        ):
            self._pair.say("suspicious", page, known.name)  # shown elsewhere, or read otherwise
        elif (
            differing & {"/DA", "/Q"}
            and "/AP" not in differing
            and same(inherited(before, "/V"), inherited(after, "/V"))
        ):
            self._pair.say("suspicious", page, known.name)
        self.touched[key_of(known.reference)] = known
        return True

    def _use_empty(self, known: KnownField, before: Any, after: Any, page: int | None) -> None:
        """An empty signature field was signed. What it showed when it was sealed must have been
        nothing: its look is now that of the signature."""
        value = after.raw_get("/V") if "/V" in after else None
        placed = key_of(known.reference) in self.placed
        if len(self._pair.known.listed.get(key_of(known.reference), ())) > 1:
            self._pair.say("suspicious", page, known.name)  # what it covers is told of one page
        look = Look.of(before)
        if page is not None and not placed and (look.ink or look.painted.strange):
            kind = "look_replaced" if look.ink else "suspicious"
            place = self._pair.place(before, page)
            self._pair.say(kind, page, known.name, label=label_of(before), **place)
        elif page is not None and not placed and (kind := self._uncovers(known, look, after, page)):
            place = self._pair.place(before, page)
            self._pair.say(kind, page, known.name, label=label_of(before), **place)
        self._say_signature(known.name, known.reference, value, page, new=placed)

    def _uncovers(self, known: KnownField, look: Look, after: Any, page: int) -> str:
        """What it means that the ground of a place for a signature is gone once it is signed: text
        that it hid when it was sealed is seen now. "" if it hid nothing."""
        ground = self._pair.grounds.under(self._pair.known.sheet(page), key_of(known.reference))
        found = uncovers(look, Look.of(after), ground)
        before = self._pair.old(known.reference)
        if not look.drawn and named_ground(before, look.box):  # some viewers draw it, others not
            found = found or ("filling_unclear" if ground.surely_lies_under(look.box) else "")
        return "suspicious" if found == "filling_unclear" else found

    def say_fillings(self) -> None:
        """Judge every widget of the fields that were touched: what stands in a field above it
        reaches it as well."""
        judged: set[tuple[int, int]] = set()
        for known in list(self.touched.values()):
            if page := self._pair.known.strays.get(key_of(known.reference)):
                self._pair.say("suspicious", page, known.name)
            fillings = 0
            for reference in self._widgets_of(known):
                if key_of(reference) not in judged:
                    judged.add(key_of(reference))
                    fillings += self._say_filling(known, reference)
            if not fillings and not any(self.page_of(widget) for widget in self._widgets_of(known)):
                self._pair.say("unused_objects", None, known.name)

    def _say_filling(self, known: KnownField, reference: generic.Reference) -> int:
        """What became of a widget, on each page that lists it; how much was said."""
        pages = self._pair.known.listed.get(key_of(reference), [self.page_of(reference)])
        return sum(self._say_filling_on(page, known, reference) for page in pages if page)

    def _say_filling_on(self, page: int, known: KnownField, reference: generic.Reference) -> int:
        before, after = self._pair.old(reference), self._pair.new(reference)
        sheet = self._pair.known.sheet(page)
        ground = self._pair.grounds.under(sheet, key_of(reference))
        found = judge(before, after, ground, sheet.box, form_of(self._pair.new), sheet.rotation)
        if found is None:
            return 0
        name = self._pair.known.fields[key_of(reference)].name or known.name
        if found.kind == "field_filled" and self._fills_over(page, after):
            found = replace(found, kind="filling_over_content")
        elif found.kind == "field_filled" and self._is_hidden(page, reference):
            found = replace(found, kind="filling_unclear")
        details = {"label": label_of(after), "before": found.before, "after": found.after}
        details |= {"why": found.why, "shown": found.shown}
        shown = {key: told(value) for key, value in details.items()}
        self._pair.say(found.kind, page, name, **shown, **self._pair.place(after, page))
        return 1

    def _is_hidden(self, page: int, reference: generic.Reference) -> bool:
        """Does something that is drawn later hide what was filled in, or some of it?"""
        above = self._pair.later_grounds.over(self._pair.known.sheet(page), key_of(reference))
        look = Look.of(self._pair.new(reference))
        is_button = inherited(self._pair.new(reference), "/FT") == "/Btn"
        boxes = [ink.box for ink in look.ink if ink.kind == "text" or is_button]
        return any(map(above.hides, boxes if look.drawn else [look.box]))

    def _fills_over(self, page: int, widget: generic.DictionaryObject) -> bool:
        """Does this filling touch another one of the same revision?"""
        look = Look.of(widget)
        inks = tuple(look.painted.inks) if look.drawn else (Ink("image", look.box),)
        boxes = [ink.box for ink in inks]
        others = self._filled.setdefault(page, [])
        over = any(Ground(other).surely_lies_under(each) for other in others for each in boxes)
        over = over or any(
            Ground(inks).surely_lies_under(each.box) for other in others for each in other
        )
        others.append(inks)
        return over

    def _widgets_of(self, known: KnownField) -> Iterator[generic.Reference]:
        """The field itself if it has no kids, or the widgets below it."""
        stack, seen = [known.reference], set[tuple[int, int]]()
        while stack:
            reference = stack.pop()
            if key_of(reference) in seen:
                continue
            seen.add(key_of(reference))
            field = self._pair.known.fields.get(key_of(reference))
            if field is None or field.leaf:
                yield reference
                continue
            kids = items_of(entry(self._pair.old(reference), "/Kids"))
            stack += [
                generic.Reference(*key_of(kid), self._pair.old)
                for kid in kids
                if isinstance(kid, generic.IndirectObject)
            ]

    def page_of(self, reference: generic.Reference) -> int | None:
        key = key_of(reference)
        for placed in (self.placed, self._pair.known.placed):
            if key in placed:
                return placed[key]
        return self._pair.known.shown.get(key)


# --- entries that are written otherwise and mean the same ---


def area(rectangle: tuple[float, float, float, float]) -> float:
    left, bottom, right, top = rectangle
    return (right - left) * (top - bottom)


def label_of(widget: generic.DictionaryObject) -> str:
    """What the document calls this field, for people (/TU)."""
    value = inherited(widget, "/TU")
    if isinstance(value, generic.ByteStringObject):
        return generic_text(bytes(value))
    return str(value) if isinstance(value, generic.TextStringObject) else ""


def differing_entries(
    before: generic.DictionaryObject, after: generic.DictionaryObject
) -> set[str]:
    """The entries whose meaning differs."""
    found = differing_keys(before, after)
    if "/MK" in found:
        both = entry(before, "/MK"), entry(after, "/MK")
        if _same_colours(*both, _unused(before, after)):
            found.discard("/MK")
    if "/BS" in found and _border(before) == _border(after):
        found.discard("/BS")
    return found


def _same_colours(before: Any, after: Any, unused: str) -> bool:
    """Do the characteristics differ in the rounding of their colours only? An entry that was
    *unused* may be missing, and a rotation by nothing."""
    if not all(isinstance(each, generic.DictionaryObject) for each in (before, after)):
        return False
    return all(
        (key in ("/BC", "/BG") and _nearly(entry(before, key), entry(after, key)))
        or (key == unused and key not in after)
        or (key == "/R" and [entry(each, key, 0) for each in (before, after)] == [0, 0])
        for key in differing_keys(before, after)
    )


def _unused(before: generic.DictionaryObject, after: generic.DictionaryObject) -> str:
    """/CA, the sign of a box to tick, where both states have looks of their own: Firefox leaves it
    out. "" for other fields."""
    looks = [entry(entry(each, "/AP", {}), "/N") for each in (before, after)]
    has_states = all(
        isinstance(each, generic.DictionaryObject) and not isinstance(each, generic.StreamObject)
        for each in looks
    )
    is_box = has_states and same(*looks) and inherited(after, "/FT") == "/Btn"
    return "/CA" if is_box and not int(inherited(after, "/Ff") or 0) & PUSH_BUTTON else ""


def _nearly(before: Any, after: Any) -> bool:
    lists = [each for each in (before, after) if isinstance(each, generic.ArrayObject)]
    if len(lists) != 2 or len(lists[0]) != len(lists[1]):
        return False
    pairs = zip(*([float(follow(each)) for each in items_of(one)] for one in lists), strict=True)
    return all(abs(one - other) <= _ROUNDED for one, other in pairs)


def _names_a_thin_line(widget: generic.DictionaryObject) -> bool:
    """Does /BS name a solid line of two points at most? Without one it is of one point."""
    style = entry(widget, "/BS")
    return style is None or (
        isinstance(style, generic.DictionaryObject)
        and set(style) <= {"/Type", "/S", "/W"}
        and entry(style, "/S", "/S") == "/S"
        and 0 <= float(entry(style, "/W", 1)) <= 2
    )


def _border(widget: generic.DictionaryObject) -> tuple[Any, ...]:
    """What /BS means (ISO 32000-1 table 166): nothing where no colour is named for a border, but
    for one that seems raised or sunk, and without /BS a solid line of one point."""
    style = entry(widget, "/BS")
    if not isinstance(style, generic.DictionaryObject):
        style = generic.DictionaryObject()
    kind, width = str(entry(style, "/S", "/S")), float(entry(style, "/W", 1))
    if not entry(entry(widget, "/MK", {}), "/BC") and kind not in ("/B", "/I"):
        return ()
    dash = entry(style, "/D")
    dashes = [float(follow(each)) for each in items_of(dash)]
    known = set(style) <= {"/Type", "/S", "/W", "/D"}
    return (known, kind, width, tuple(dashes or [3.0]) if kind == "/D" else ())
