"""PDF objects compared between two revisions of a file, and the fields of one revision."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import HistoricalResolver

from crypto.frozen import frozen
from crypto.pdf.reading.access import entry, follow, items_of, key_of
from crypto.pdf.reading.document import MAX_FIELDS, MAX_TREE_DEPTH, Document
from crypto.pdf.reading.failures import PdfTooComplex
from crypto.pdf.reading.page import Page

_MOST_UNPACKED = 16 << 20
_SAID_OTHERWISE = ("/DecodeParms", "/DP", "/F", "/FFilter")
"""How else the data of a stream are packed, or where they are: some viewers read the short names of
inline images in every stream."""


@frozen
class KnownField:
    """One field of the form, or a widget of one."""

    name: str
    kind: str
    reference: generic.Reference
    value: Any
    """/V as found or inherited."""
    leaf: bool


def form_of(view: HistoricalResolver) -> generic.DictionaryObject:
    """The AcroForm; one without fields if there is none."""
    form = entry(view.root, "/AcroForm")
    if not isinstance(form, generic.DictionaryObject) or "/Fields" not in form:
        return generic.DictionaryObject({generic.pdf_name("/Fields"): generic.ArrayObject()})
    return form


def walk_fields(fields: Any, view: HistoricalResolver) -> Iterator[KnownField]:
    """All fields and widgets below the list *fields*, parents included."""
    listed = follow(fields)
    if not isinstance(listed, generic.ArrayObject):
        return
    stack: list[tuple[Any, str, str, Any, int]] = [(field, "", "", None, 0) for field in listed]
    seen: set[tuple[int, int]] = set()
    while stack:
        raw, prefix, kind, value, depth = stack.pop()
        if not isinstance(raw, generic.IndirectObject) or key_of(raw) in seen:
            continue
        seen.add(key_of(raw))
        if len(seen) > MAX_FIELDS or depth > MAX_TREE_DEPTH:
            raise PdfTooComplex("too many form fields")
        reference = generic.Reference(raw.idnum, raw.generation, view)
        node = view(reference)
        if not isinstance(node, generic.DictionaryObject):
            continue
        title = entry(node, "/T")
        name = f"{prefix}.{title}" if prefix and title is not None else str(title or prefix)
        kind = str(entry(node, "/FT", kind))
        value = node.raw_get("/V") if "/V" in node else value
        kids = entry(node, "/Kids")
        leaf = not isinstance(kids, generic.ArrayObject) or not len(kids)
        yield KnownField(name, kind, reference, value, leaf)
        if not leaf:
            stack += [(kid, name, kind, value, depth + 1) for kid in kids]


class Known:
    """What a document shows as the earliest signature covers it, and the fields that came since."""

    def __init__(self, base: Document) -> None:
        """Raises what :meth:`Document.pages` raises."""
        self._base = base
        self.pages = {key_of(page.reference): page.index + 1 for page in base.pages()}
        """Page → its 1-based number."""
        self.fields: dict[tuple[int, int], KnownField] = {}
        self.names: set[str] = set()
        self.placed: dict[tuple[int, int], int] = {}
        """Widgets → the pages on which later revisions put them."""

    def sheet(self, number: int) -> Page:
        """The page of this 1-based number."""
        return self._base.pages()[number - 1]

    def add(self, known: KnownField) -> None:
        self.fields[key_of(known.reference)] = known
        self.names.add(known.name)

    @cached_property
    def shown(self) -> dict[tuple[int, int], int]:
        """Annotation → the first 1-based page that lists it."""
        return {key: pages[0] for key, pages in self.listed.items()}

    @cached_property
    def listed(self) -> dict[tuple[int, int], list[int]]:
        """Annotation → the 1-based pages that list it."""
        found: dict[tuple[int, int], list[int]] = {}
        for annotation in self._base.annotations():
            if annotation.reference:
                pages = found.setdefault(key_of(annotation.reference), [])
                if annotation.page.index + 1 not in pages:
                    pages.append(annotation.page.index + 1)
        return found

    @cached_property
    def strays(self) -> dict[tuple[int, int], int]:
        """Field → a 1-based page with an annotation that names it, or a field below it, as its
        /Parent and is no part of the form: viewers may show the field's value there."""
        found: dict[tuple[int, int], int] = {}
        for annotation in self._base.annotations():
            if annotation.reference and key_of(annotation.reference) in self.fields:
                continue
            node: Any = annotation.dictionary
            for _ in range(MAX_TREE_DEPTH):
                raw = node.raw_get("/Parent") if "/Parent" in node else None
                node = follow(raw)
                if not isinstance(node, generic.DictionaryObject):
                    break
                if isinstance(raw, generic.IndirectObject):
                    found.setdefault(key_of(raw), annotation.page.index + 1)
        return found

    @cached_property
    def places(self) -> dict[tuple[int, int], tuple[int, str]]:
        """Object → (1-based page, what it is there): pages, contents, resources, annotations."""
        found: dict[tuple[int, int], tuple[int, str]] = {}
        for page in self._base.pages():
            node, number = follow(page.reference), page.index + 1
            found.setdefault(key_of(page.reference), (number, "/Page"))
            for key in ("/Contents", "/Annots", "/Resources"):
                raw = node.raw_get(key) if key in node else None
                for item in (raw, *items_of(follow(raw))):
                    if isinstance(item, generic.IndirectObject) and self._base.is_there(item):
                        subtype = (
                            entry(follow(item), "/Subtype", "")
                            if key == "/Annots" and item is not raw
                            else ""
                        )
                        found.setdefault(key_of(item), (number, str(subtype) or key))
        return found


def numbers(*values: float) -> generic.ArrayObject:
    """These numbers as an array, to four decimals."""
    return generic.ArrayObject([generic.FloatObject(f"{value:.4f}") for value in values])


def same(left: Any, right: Any) -> bool:
    """Equal as written, references by number."""
    if isinstance(left, generic.IndirectObject) or isinstance(right, generic.IndirectObject):
        both = isinstance(left, generic.IndirectObject) and isinstance(
            right, generic.IndirectObject
        )
        return both and key_of(left) == key_of(right)
    if isinstance(left, generic.DictionaryObject):
        if not isinstance(right, generic.DictionaryObject) or differing_keys(left, right):
            return False
        if isinstance(left, generic.StreamObject) or isinstance(right, generic.StreamObject):
            return (
                isinstance(left, generic.StreamObject)
                and isinstance(right, generic.StreamObject)
                and left.encoded_data == right.encoded_data
            )
        return True
    if isinstance(left, generic.ArrayObject):
        return (
            isinstance(right, generic.ArrayObject)
            and len(left) == len(right)
            and all(same(left.raw_get(i), right.raw_get(i)) for i in range(len(left)))
        )
    strings = (generic.TextStringObject, generic.ByteStringObject)
    if isinstance(left, strings) and isinstance(right, strings):
        return bool(left.original_bytes == right.original_bytes)
    numeric = (generic.NumberObject, generic.FloatObject)
    if isinstance(left, numeric) and isinstance(right, numeric):
        return bool(left == right)  # a writer may put 0 for 0.0 when it repeats a page
    return type(left) is type(right) and bool(left == right)


def same_unpacked(left: Any, right: Any) -> bool:
    """Are these streams equal but for whether they are compressed (PDFium packs what it writes)?"""
    both = [each for each in (left, right) if isinstance(each, generic.StreamObject)]
    if len(both) != 2 or entry(both[0], "/Type") in ("/XRef", "/ObjStm"):
        return False
    if not differing_keys(*both) <= {"/Filter", "/Length"}:
        return False
    if any(key in each for each in both for key in _SAID_OTHERWISE):
        return False
    data = [_unpacked(each) for each in both]
    return data[0] is not None and data[0] == data[1]


def _unpacked(stream: generic.StreamObject) -> bytes | None:
    """The data of a stream that every reader unpacks alike; None for any other. Not by pyHanko's
    decoder, be it with our changes: it reads on where readers differ, and passes over what is
    behind the end."""
    packed, filters = bytes(stream.encoded_data), entry(stream, "/Filter")
    if filters is None:
        return packed
    if filters != "/FlateDecode":
        return None
    unpacker = zlib.decompressobj()
    try:
        data = unpacker.decompress(packed, _MOST_UNPACKED)
    except zlib.error:
        return None
    return data if unpacker.eof and not unpacker.unused_data else None


def differing_keys(before: generic.DictionaryObject, after: generic.DictionaryObject) -> set[str]:
    """The keys whose values differ as written."""
    return {str(key) for key in {*before, *after} if not same_entry(before, after, key)}


def same_entry(before: generic.DictionaryObject, after: generic.DictionaryObject, key: str) -> bool:
    if key not in before or key not in after:
        return key not in before and key not in after
    return same(before.raw_get(key), after.raw_get(key))


def added_items(before: Any, after: Any) -> list[Any] | None:
    """What the list *after* has beyond *before*, which it must hold in the same order; None if it
    does not."""
    old = items_of(before)
    added = []
    position = 0
    for raw in items_of(after):
        if position < len(old) and same(old[position], raw):
            position += 1
        else:
            added.append(raw)
    return added if position == len(old) else None


def contains(after: Any, before: Any, depth: int = 0) -> bool:
    """Does the resource dictionary *after* still hold all that *before* held?"""
    if before is None:
        return True
    if depth < 2 and isinstance(before, generic.DictionaryObject):
        return isinstance(after, generic.DictionaryObject) and all(
            same(before.raw_get(key), after.raw_get(key) if key in after else None)
            or contains(entry(after, key), entry(before, key), depth + 1)
            for key in before
        )
    return same(before, after)


def own_value(node: generic.DictionaryObject) -> Any:
    """/V of a field, or for a widget without one that of its parent."""
    if "/V" in node or "/T" in node:
        return entry(node, "/V")
    parent = entry(node, "/Parent")
    return entry(parent, "/V") if isinstance(parent, generic.DictionaryObject) else None


def is_empty(value: Any) -> bool:
    if value is None or isinstance(value, generic.NullObject):
        return True
    return str(value) in ("", "/Off") or (isinstance(value, generic.ArrayObject) and not len(value))
