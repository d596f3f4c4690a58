"""Which pages have to be looked at: those that later revisions can have changed.

A page whose objects, and all that they refer to, are those that were sealed is drawn from the same
bytes and needs no look. A document of three hundred scanned pages is looked at where it was sealed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pyhanko.pdf_utils import generic

from crypto import deadline
from crypto.pdf.reading.access import entry, follow, key_of
from crypto.pdf.reading.document import MAX_TREE_DEPTH, Document
from crypto.pdf.reading.failures import PARSER_FAILURES
from crypto.pdf.reading.objects import form_of, same_entry

_Key = tuple[int, int]
_ELSEWHERE = frozenset(("/Parent", "/P", "/B", "/Dest", "/A", "/AA", "/StructParent", "/Popup"))
"""Entries of pages and annotations that lead to other pages, or show nothing by themselves."""
_FORM_LOOK = ("/DR", "/DA", "/Q", "/NeedAppearances", "/XFA")
_MAX_OBJECTS = 200_000


def touched_pages(document: Document, base: int | None) -> list[int]:
    """The pages (0-based) of the whole *document* that differ, in any object they are made of, from
    its revision *base* (from 0), those with annotations first; all of them if that cannot be told
    or *base* is None."""
    pages = document.pages()
    try:
        noted = {annotation.page.index for annotation in document.annotations()}
        found = set(range(len(pages))) if base is None else _touched(document, base, noted)
    except PARSER_FAILURES:
        noted, found = set(), set(range(len(pages)))
    return sorted(found, key=lambda page: (page not in noted, page))


def _touched(document: Document, base: int, noted: set[int]) -> set[int]:
    reader, pages = document.reader, document.pages()
    rewritten: set[_Key] = set()
    for number in range(base + 1, reader.total_revisions):
        view = reader.get_historical_resolver(number)
        rewritten |= {key_of(reference) for reference in view.explicit_refs_in_revision()}
    walk = _Walk(rewritten)
    then = reader.get_historical_resolver(base)
    everything = set(range(len(pages)))
    before, after = then.root, document.root
    for key in ("/Pages", "/OCProperties"):
        if not same_entry(before, after, key):
            return everything
    if walk.reaches(_raw(after, "/OCProperties")):
        return everything
    found: set[int] = set()
    old, new = form_of(then), entry(document.root, "/AcroForm", generic.DictionaryObject())
    if any(not same_entry(old, new, key) or walk.reaches(_raw(new, key)) for key in _FORM_LOOK):
        found |= noted
    found |= {page.index for page in pages if walk.page_changed(page.reference)}
    return found


def _raw(node: generic.DictionaryObject, key: str) -> Any:
    return node.raw_get(key) if key in node else None


class _Walk:
    """Goes through objects until it meets one that was rewritten."""

    def __init__(self, rewritten: set[_Key]) -> None:
        self._rewritten = rewritten
        self._clean: set[_Key] = set()
        """Objects that lead to none."""
        self._met = 0

    def page_changed(self, reference: generic.Reference) -> bool:
        """Does the page, or one of the page tree's nodes above it, lead to one?"""
        if key_of(reference) in self._rewritten:
            return True
        page = follow(reference)
        above: Any = page.raw_get("/Parent") if "/Parent" in page else None
        for _ in range(MAX_TREE_DEPTH):
            if not isinstance(above, generic.IndirectObject):
                break
            if key_of(above) in self._rewritten:
                return True
            node = follow(above)
            inherited = node.raw_get("/Resources") if "/Resources" in node else None
            if self.reaches(inherited):
                return True
            above = node.raw_get("/Parent") if "/Parent" in node else None
        return self.reaches(page)

    def reaches(self, start: Any) -> bool:
        """Does *start* lead to one?"""
        seen: set[_Key] = set()
        stack: list[tuple[Any, bool]] = [(start, False)]
        while stack:
            value, inherits = stack.pop()
            if isinstance(value, generic.IndirectObject):
                key = key_of(value)
                if key in self._rewritten:
                    return True
                if key in seen or key in self._clean:
                    continue
                seen.add(key)
                deadline.check()
                self._met += 1
                if self._met > _MAX_OBJECTS:
                    return True
                value = follow(value)
            if isinstance(value, generic.DictionaryObject):
                stack += _below(value, inherits)
            elif isinstance(value, generic.ArrayObject):
                stack += [(value.raw_get(index), False) for index in range(len(value))]
        self._clean |= seen
        return False


def _is_structural(node: generic.DictionaryObject) -> bool:
    """Is this a page, an annotation or a field, whose entries lead to others of them?"""
    named = isinstance(entry(node, "/Subtype"), generic.NameObject) and "/Rect" in node
    is_field = isinstance(entry(node, "/FT"), generic.NameObject) or isinstance(
        entry(node, "/T"), generic.TextStringObject | generic.ByteStringObject
    )
    return named or is_field or entry(node, "/Type") in ("/Page", "/Pages", "/Annot")


def _below(node: generic.DictionaryObject, inherits: bool) -> Iterator[tuple[Any, bool]]:
    """What *node* is drawn from, and whether it is the field above a widget."""
    widget = inherits or entry(node, "/Subtype") == "/Widget"
    # other dictionaries may have entries of these names, as a font that is called /A
    elsewhere = _ELSEWHERE if _is_structural(node) else frozenset()
    for key in node:
        if key == "/Parent" and widget:
            yield node.raw_get(key), True
        elif key not in elsewhere and not (inherits and key == "/Kids"):
            yield node.raw_get(key), False
