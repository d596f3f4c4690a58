"""The structure tree of a tagged document (ISO 32000-1 §14.7), compared between two revisions.

Whoever adds a signature field to a tagged document adds an element for it to the tree. Viewers draw
nothing of the tree, but what is read aloud, copied or searched comes from it: so it may only grow,
and by elements that say nothing but "here is a form field".
"""

from __future__ import annotations

from typing import Any

from pyhanko.pdf_utils import generic

from crypto.pdf.reading.access import entry, follow, items_of, key_of
from crypto.pdf.reading.document import MAX_TREE_DEPTH
from crypto.pdf.reading.failures import PdfTooComplex
from crypto.pdf.reading.objects import added_items, differing_keys, same

_ROOT_GROWS = {"/K", "/ParentTree", "/ParentTreeNextKey", "/Type"}
_ELEMENT = {"/Type", "/S", "/P", "/Pg", "/K"}
_REFERENCE = {"/Type", "/Obj", "/Pg"}
_MAX_NODES = 50_000


def is_element(node: Any) -> bool:
    """Is this dictionary a structure element?"""
    return (
        isinstance(node, generic.DictionaryObject)
        and not isinstance(node, generic.StreamObject)
        and entry(node, "/Type", "/StructElem") == "/StructElem"
        and isinstance(entry(node, "/S"), generic.NameObject)
        and "/P" in node
    )


def tree_grew(before: Any, after: Any) -> bool:
    """Does the structure tree root *after* hold all that *before* held, and for the rest only
    elements for form fields? Raises :class:`PdfTooComplex`."""
    if not isinstance(after, generic.DictionaryObject):
        return False
    if not isinstance(before, generic.DictionaryObject):
        before = generic.DictionaryObject()
    if differing_keys(before, after) - _ROOT_GROWS:
        return False
    known, now = (_parent_tree(entry(each, "/ParentTree")) for each in (before, after))
    kept = all(number in now and _unchanged(known[number], now[number]) for number in known)
    # by a number readers find what a page's content belongs to, be it in the tree or not
    fields = all(_is_field_element(now[number], 0) for number in now if number not in known)
    return kept and fields and element_grew(before, after)


def element_grew(before: Any, after: Any) -> bool:
    """Has an element (or the root) the kids it had, in order, and more only for form fields?"""
    added = added_items(_kids(before), _kids(after))
    return added is not None and all(_is_field_element(each, 0) for each in added)


def _kids(node: Any) -> generic.ArrayObject:
    """/K as a list: it may stand alone."""
    kids = entry(node, "/K")
    if isinstance(kids, generic.ArrayObject):
        return kids
    return generic.ArrayObject([node.raw_get("/K")] if kids is not None else [])


def _is_field_element(raw: Any, depth: int) -> bool:
    node = follow(raw)
    if depth > 4 or not isinstance(node, generic.DictionaryObject):
        return False
    if entry(node, "/Type") == "/OBJR":
        return set(node) <= _REFERENCE
    kids = items_of(_kids(node))
    return (
        is_element(node)
        and set(node) <= _ELEMENT
        and len(kids) <= 16
        and all(_is_field_element(kid, depth + 1) for kid in kids)
    )


def _unchanged(before: Any, after: Any) -> bool:
    """The same value, perhaps in an object of its own now."""
    return same(before, after) or same(follow(before), follow(after))


def _parent_tree(root: Any) -> dict[int, Any]:
    """A number tree (ISO 32000-1 §7.9.7) laid flat: number → value as found."""
    found: dict[int, Any] = {}
    stack: list[tuple[Any, int]] = [(root, 0)]
    seen: set[tuple[int, int]] = set()
    while stack:
        raw, depth = stack.pop()
        if isinstance(raw, generic.IndirectObject):
            if key_of(raw) in seen:
                continue
            seen.add(key_of(raw))
        node = follow(raw)
        if not isinstance(node, generic.DictionaryObject):
            continue
        numbers = items_of(entry(node, "/Nums"))
        for number, value in zip(numbers[::2], numbers[1::2], strict=False):
            at = int(follow(number))
            twice = at in found and not same(found[at], value)
            found[at] = None if twice else value  # readers take one or the other
        stack += [(kid, depth + 1) for kid in items_of(entry(node, "/Kids"))]
        if depth > MAX_TREE_DEPTH or len(found) + len(stack) > _MAX_NODES:
            raise PdfTooComplex("the structure tree is too large")
    return found
