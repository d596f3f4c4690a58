"""Pages in two neighbouring revisions, and the lists of their annotations."""

from __future__ import annotations

import math
from typing import Any

from pyhanko.pdf_utils import generic

from crypto.pdf.changes import additions
from crypto.pdf.changes.extras import judge_link, kind_of_setting
from crypto.pdf.changes.fields import Fields
from crypto.pdf.changes.looks import value_text
from crypto.pdf.changes.pair import Pair, told
from crypto.pdf.marks.appearance import drawing_of
from crypto.pdf.reading.access import entry, follow, items_of, key_of
from crypto.pdf.reading.objects import added_items, differing_keys, is_empty, own_value, same

_SHAPE = ("/MediaBox", "/CropBox", "/Rotate", "/UserUnit")
_NOTED = ("/LastModified", "/PieceInfo")
"""What programs note on a page for themselves."""
_UNDISPLAYED = ("/ArtBox", "/BleedBox", "/TrimBox", "/Thumb", "/Group", "/Metadata")
"""A printer's boxes, a picture for lists of pages, how transparent parts are put together, what is
said of the page: hardly anybody sees a difference, and nobody can prove that there is none."""
_AREAS = ("/ViewArea", "/ViewClip", "/PrintArea", "/PrintClip")
"""Preferences by which a printer's box is what is shown."""
_ROUNDED = 0.001
"""Points by which a program may round the numbers of a box; the layer that looks compares sizes."""
_LISTS = (generic.ArrayObject, generic.NullObject)


class Pages:
    """The pages of both revisions of *pair*; *fields* learns where its widgets are put."""

    def __init__(self, pair: Pair, fields: Fields) -> None:
        self._pair, self._fields = pair, fields

    def compare(self, key: tuple[int, int], before: Any, after: Any) -> bool:
        page = self._pair.known.pages[key]
        if not isinstance(after, generic.DictionaryObject) or isinstance(
            after, generic.StreamObject
        ):
            return False
        differing = differing_keys(before, after)
        if differing and self._pair.references.names_resources(key[0]):
            self._pair.forbid(page, f"resources ({key[0]} {key[1]} obj)")
        for name in differing - {"/Annots"}:
            if same(entry(before, name), entry(after, name)):
                continue  # the same in an object of its own
            if name in ("/Tabs", "/StructParents") and isinstance(
                entry(after, name), generic.NameObject | generic.NumberObject
            ):  # the order of fields, the way to the structure
                kind = "metadata" if name not in before else "suspicious"
                self._pair.say(kind, page, f"{name} ({key[0]} {key[1]} obj)")
            elif name in _SHAPE and self._has_same_shape(page, before, after):
                continue
            elif name in _NOTED and kind_of_setting(name, entry(before, name), entry(after, name)):
                self._pair.say("metadata", page, f"{name} ({key[0]} {key[1]} obj)")
            elif name in _UNDISPLAYED and not self._shows_areas():
                self._pair.say("suspicious", page, f"{name} ({key[0]} {key[1]} obj)")
            else:
                self._pair.forbid(page, f"{name} ({key[0]} {key[1]} obj)")
        if "/Annots" in differing and not self.compare_annotations(
            entry(before, "/Annots"), entry(after, "/Annots"), page
        ):
            self._pair.forbid(page, f"/Annots ({key[0]} {key[1]} obj)")
        return True

    def _shows_areas(self) -> bool:
        """May a viewer show or print another box than the usual one?"""
        roots = (self._pair.old.root, self._pair.new.root)
        preferences = [entry(root, "/ViewerPreferences", ()) for root in roots]
        return any(key in each for each in preferences for key in _AREAS)

    def _has_same_shape(self, page: int, before: Any, after: Any) -> bool:
        """Do a page's size and rotation mean what they meant? Some programs write on the page what
        stood above it, or what goes without saying."""
        sheet = self._pair.known.sheet(page)
        then, now = sheet.meaning(before), sheet.meaning(after)
        if None in then or None in now or then[2:] != now[2:]:
            return False
        edges = zip((*then[0], *then[1]), (*now[0], *now[1]), strict=True)
        return all(map(math.isfinite, then[2:])) and all(abs(a - b) <= _ROUNDED for a, b in edges)

    def listing(self, key: tuple[int, int], users: set[tuple[int, str]]) -> int | None:
        """The page whose /Annots this object is, if it is nothing else."""
        if len(users) != 1:
            return None
        ((container, name),) = users
        page = self._pair.known.pages.get((container, 0))
        if page is None or name != "/Annots":
            return None
        node = self._pair.old(generic.Reference(container, 0, self._pair.old))
        raw = node.raw_get(name)
        return page if isinstance(raw, generic.IndirectObject) and key_of(raw) == key else None

    def compare_annotations(self, before: Any, after: Any, page: int) -> bool:
        """Only widgets of new signature fields may be added, nothing taken away or moved."""
        if not all(isinstance(each, _LISTS) for each in (before, after) if each is not None):
            return False  # who knows what reads it then
        added = added_items(before, after)
        if added is None:
            return False
        widgets = self._fields.new_widgets
        for raw in added:
            key = key_of(raw) if isinstance(raw, generic.IndirectObject) else None
            if key and self._fields.is_unplaced(key):
                self._fields.placed[key] = page
                if is_empty(own_value(follow(raw))) and not drawing_of(follow(raw)).empty:
                    self._pair.say("suspicious", page, self._pair.known.fields[key].name)
            elif key is not None and widgets.get(key, page) is None:
                widgets[key] = page
            else:
                self._check_annotation(raw, key, page, after)
        return True

    def _check_annotation(
        self, raw: Any, key: tuple[int, int] | None, page: int, listed: Any
    ) -> None:
        """An annotation that is no new signature field: a note may be added. *listed*: all
        annotations of the page."""
        node = follow(raw)
        subtype = entry(node, "/Subtype", "")
        what = f"{subtype}{f' ({key[0]} {key[1]} obj)' if key else ''}"
        self._pair.step.annotations.add(what)
        is_new = key is None or not self._pair.references.exists(key[0])
        sheet = self._pair.known.sheet(page)
        address = ""
        if not is_new:
            kind = "forbidden"
        elif subtype == "/Link" and isinstance(node, generic.DictionaryObject):
            kind, address = judge_link(node)
        else:
            kind = additions.judge(node, self._pair.grounds.under(sheet), sheet.rotation != 0)
            if kind == "note_added" and _speaks_for_another(node, listed):
                kind = "drawing_added"
            elif kind == "note_added" and subtype == "/Popup" and self._comes_with_note(node):
                return  # told with the note whose window this is
        if kind == "forbidden":
            self._pair.forbid(page, what)
            return
        if kind in ("drawing_added", "markup_added") and not additions.looks_like_its_kind(node):
            what += ", with a look of its own"
        words = dict.fromkeys(value_text(entry(node, key)) for key in ("/Subj", "/Contents"))
        note = address or ": ".join(filter(None, words))  # viewers show the subject above it
        sign = additions.shown_in(node) if kind == "note_added" else None
        self._pair.say(kind, page, what, after=told(note), **self._pair.place(node, page, sign))

    def _comes_with_note(self, window: generic.DictionaryObject) -> bool:
        """Is the note whose window this is as new?"""
        note = window.raw_get("/Parent") if "/Parent" in window else None
        return isinstance(note, generic.IndirectObject) and not self._pair.references.exists(
            note.idnum
        )


def _speaks_for_another(note: generic.DictionaryObject, listed: Any) -> bool:
    """Does the window of a note say what stands in a note that is not *listed* on its page, and so
    is told by nobody?"""
    windows = [note if entry(note, "/Subtype") == "/Popup" else entry(note, "/Popup")]
    parents = [
        each.raw_get("/Parent")
        for each in windows
        if isinstance(each, generic.DictionaryObject) and "/Parent" in each
    ]
    return not all(any(same(parent, each) for each in items_of(listed)) for parent in parents)


def is_rounded_node(before: Any, after: Any) -> bool:
    """Are these a node of the page tree, with the box that its pages inherit rounded a little?"""
    if not all(
        isinstance(each, generic.DictionaryObject) and entry(each, "/Type") == "/Pages"
        for each in (before, after)
    ):
        return False
    differing = differing_keys(before, after)
    return differing <= {"/MediaBox", "/CropBox"} and all(
        _are_near(entry(before, key), entry(after, key)) for key in differing
    )


def _are_near(before: Any, after: Any) -> bool:
    boxes = [
        [follow(each) for each in items_of(box)]
        for box in (before, after)
        if isinstance(box, generic.ArrayObject)
    ]
    numeric = (generic.NumberObject, generic.FloatObject)
    return (
        [len(each) for each in boxes] == [4, 4]
        and all(isinstance(number, numeric) for box in boxes for number in box)
        and all(abs(float(a) - float(b)) <= _ROUNDED for a, b in zip(*boxes, strict=True))
    )
