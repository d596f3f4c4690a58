"""What a document may show elsewhere, on paper or to somebody else than to whoever stamps it now.

    shown_elsewhere(document) -> [Elsewhere(kind, pages), …]

Rendering it twice tells little: viewers differ on honest files. What can make a page change is
written in the file, and is read here: scripts and actions, layers, annotations for the screen or
for print alone, looks that each viewer makes for itself, pictures from outside the file
(ISO 32000-1 §8.11, §12.5, §12.6, §12.7). Nothing is judged: a person is told before the PIN.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

from pyhanko.pdf_utils import generic

from crypto import deadline
from crypto.frozen import frozen
from crypto.pdf.changes.filling import shows_another_value
from crypto.pdf.changes.looks import inherited
from crypto.pdf.reading.access import entry, follow, items_of, key_of
from crypto.pdf.reading.document import Document
from crypto.pdf.reading.failures import PARSER_FAILURES
from crypto.pdf.reading.raw import REFERENCE, raw_dictionary

MAX_OBJECTS = 200_000
"""Objects walked through in search of actions and pictures; more are left out, and said so."""


class Kind(StrEnum):
    """Why something else may be shown."""

    SCRIPT = "script"
    """A script runs when the document is opened, printed, or a field is used."""
    HIDING = "hiding"
    """An action hides or shows annotations or layers."""
    LAYERS = "layers"
    """Layers are off, or differ between screen and print."""
    REDRAWN = "redrawn"
    """Each viewer draws the form's fields anew (/NeedAppearances)."""
    XFA = "xfa"
    """A second form (XFA) that some viewers show instead of the pages."""
    PORTFOLIO = "portfolio"
    """A collection of files; the page is its cover only."""
    OTHER_PICTURE = "other_picture"
    """A picture has an alternate, for print or another resolution."""
    OUTSIDE = "outside"
    """A picture or other content is fetched from outside the file."""
    SCREEN_ONLY = "screen_only"
    """Something on the page is not printed."""
    PRINT_ONLY = "print_only"
    """Something on the page is printed and not seen on the screen."""
    NO_LOOK = "no_look"
    """An annotation or field has no look of its own: each viewer makes one."""
    VALUE_DIFFERS = "value_differs"
    """A field shows something else than its value, which others print or pass on."""
    LEFT_OUT = "left_out"
    """The document is too large to be searched whole."""


@frozen
class Elsewhere:
    """One way in which a document may show something else."""

    kind: Kind
    pages: tuple[int, ...] = ()
    """1-based; empty where it concerns the document as a whole."""


_INVISIBLE, _HIDDEN, _PRINT, _NO_VIEW, _TOGGLE_NO_VIEW = 1, 2, 4, 32, 256
_NEVER_SHOWN = {"/Link", "/Popup", "/Movie", "/Sound", "/Screen", "/3D", "/RichMedia"}
"""Annotations whose place on the page shows nothing, or not the same in two viewers."""
_DRAWN_BY_VIEWERS = {
    *("/Text", "/FreeText", "/Line", "/Square", "/Circle", "/Polygon", "/PolyLine", "/Stamp"),
    *("/Caret", "/Ink", "/FileAttachment", "/Redact", "/Watermark"),
}
"""Annotations that most viewers show even where they have no look."""
_HIDING_ACTIONS = {"/Hide", "/SetOCGState"}
_SCRIPT_ACTIONS = {"/JavaScript", "/Rendition"}


_BACK = {"/Parent", "/P", "/Dest"}
"""Entries that lead back, or to another page."""


def shown_elsewhere(document: Document) -> list[Elsewhere]:
    """Each kind once, with the pages that it concerns, in the order of :class:`Kind`.

    Raises :class:`crypto.pdf.reading.failures.PdfError` for a document whose pages cannot be
    walked; what else cannot be read is passed over, as viewers do."""
    found: dict[Kind, set[int]] = {}
    for kind, page in (
        *_in_catalog(document),
        *_in_annotations(document),
        *_in_objects(document),
    ):
        pages = found.setdefault(kind, set())
        if page:
            pages.add(page)
    return [Elsewhere(kind, tuple(sorted(found[kind]))) for kind in Kind if kind in found]


# --- the document as a whole -------------------------------------------------------------------


def _in_catalog(document: Document) -> list[tuple[Kind, int]]:
    root, found = document.root, list[tuple[Kind, int]]()
    form = _dictionary(root, "/AcroForm")
    if form is not None:
        if entry(form, "/XFA") is not None:
            found.append((Kind.XFA, 0))
        if entry(form, "/NeedAppearances") and items_of(entry(form, "/Fields")):
            found += [(Kind.REDRAWN, page) for page in (0, *_pages_with_fields(document))]
    if "/Collection" in root:
        found.append((Kind.PORTFOLIO, 0))
    names = _dictionary(root, "/Names")
    if names is not None and _names_anything(entry(names, "/JavaScript")):
        found.append((Kind.SCRIPT, 0))
    if _layers_differ(_dictionary(root, "/OCProperties")):
        found += [(Kind.LAYERS, page) for page in (0, *_pages_with_layers(document))]
    return found


def _pages_with_fields(document: Document) -> Iterator[int]:
    for annotation in document.annotations():
        node = annotation.dictionary
        if entry(node, "/Subtype") == "/Widget" and inherited(node, "/FT") != "/Sig":
            yield annotation.page.index + 1


def _pages_with_layers(document: Document) -> Iterator[int]:
    """Pages whose content, pictures or annotations stand in a layer, forms within forms apart."""
    for annotation in document.annotations():
        if "/OC" in annotation.dictionary:
            yield annotation.page.index + 1
    for page in document.pages():
        deadline.check()
        try:
            node: Any = follow(page.reference)
            resources = inherited(node, "/Resources")
            if not isinstance(resources, generic.DictionaryObject):
                continue
            named = _values(resources, "/Properties")
            drawn = _values(resources, "/XObject")
            if any(entry(each, "/Type") in ("/OCG", "/OCMD") for each in named) or any(
                "/OC" in each for each in drawn
            ):
                yield page.index + 1
        except PARSER_FAILURES:
            continue


def _values(resources: generic.DictionaryObject, key: str) -> list[generic.DictionaryObject]:
    """The dictionaries and streams of one category of resources."""
    listed = _dictionary(resources, key)
    found = [follow(listed.raw_get(name)) for name in listed] if listed is not None else []
    return [each for each in found if isinstance(each, generic.DictionaryObject)]


def _names_anything(tree: Any) -> bool:
    if not isinstance(tree, generic.DictionaryObject):
        return False
    return bool(items_of(entry(tree, "/Names")) or items_of(entry(tree, "/Kids")))


def _layers_differ(properties: generic.DictionaryObject | None) -> bool:
    """Is any layer off, or on for some purposes only?"""
    if properties is None:
        return False
    default = _dictionary(properties, "/D")
    if default is not None:
        if entry(default, "/BaseState", "/ON") not in ("/ON", "/Unchanged"):
            return True
        if items_of(entry(default, "/OFF")) or _automatic(entry(default, "/AS")):
            return True
    return any(
        isinstance(layer, generic.DictionaryObject) and _is_off(_dictionary(layer, "/Usage"))
        for layer in map(follow, items_of(entry(properties, "/OCGs")))
    )


def _automatic(listed: Any) -> bool:
    """Does anything switch layers by itself when the document is viewed or printed?"""
    return any(
        isinstance(rule, generic.DictionaryObject) and items_of(entry(rule, "/OCGs"))
        for rule in map(follow, items_of(listed))
    )


def _is_off(usage: generic.DictionaryObject | None) -> bool:
    if usage is None:
        return False
    states = {
        str(entry(part, state))
        for name, state in (("/View", "/ViewState"), ("/Print", "/PrintState"))
        if (part := _dictionary(usage, name)) is not None
    }
    return "/OFF" in states


# --- annotations -------------------------------------------------------------------------------


def _in_annotations(document: Document) -> Iterator[tuple[Kind, int]]:
    for annotation in document.annotations():
        deadline.check()
        node, page = annotation.dictionary, annotation.page.index + 1
        try:
            subtype = str(entry(node, "/Subtype", ""))
            flags = entry(node, "/F", 0)
            flags = int(flags) if isinstance(flags, int) else 0
            if subtype in _NEVER_SHOWN or not _has_area(node):
                continue
            look = _has_look(node)
            if not look and subtype not in _DRAWN_BY_VIEWERS and subtype != "/Widget":
                continue
            if not look and subtype == "/Widget" and not _has_value(node):
                continue
            hidden = bool(flags & _HIDDEN)
            if hidden:
                continue  # what shows it again is an action or a script, and is told as such
            seen = not flags & _NO_VIEW
            printed = bool(flags & _PRINT)
            if seen and not printed and subtype != "/Text":
                yield Kind.SCREEN_ONLY, page
            if printed and (not seen or flags & _TOGGLE_NO_VIEW):
                yield Kind.PRINT_ONLY, page
            if not look and (seen or printed):
                yield Kind.NO_LOOK, page
            if look and subtype == "/Widget" and shows_another_value(node):
                yield Kind.VALUE_DIFFERS, page
        except PARSER_FAILURES:
            continue


def _has_area(node: generic.DictionaryObject) -> bool:
    numbers = [float(follow(edge)) for edge in items_of(entry(node, "/Rect"))]
    if len(numbers) != 4:
        return False
    return abs(numbers[0] - numbers[2]) > 0 and abs(numbers[1] - numbers[3]) > 0


def _has_look(node: generic.DictionaryObject) -> bool:
    looks = _dictionary(node, "/AP")
    return looks is not None and isinstance(entry(looks, "/N"), generic.DictionaryObject)


def _has_value(node: generic.DictionaryObject) -> bool:
    """Does the field of a widget hold anything that a viewer would draw?"""
    holder: Any = node
    for _ in range(32):
        if not isinstance(holder, generic.DictionaryObject):
            return False
        if "/V" in holder:
            value = entry(holder, "/V")
            return (
                not (value is None or str(value) in ("", "/Off")) and entry(holder, "/FT") != "/Sig"
            )
        holder = entry(holder, "/Parent")
    return False


# --- everything that the pages reach -----------------------------------------------------------


def _in_objects(document: Document) -> Iterator[tuple[Kind, int]]:
    """Actions and pictures in whatever the catalog and the pages lead to. What several pages share
    is told of the first of them."""
    seen = {key_of(page.reference) for page in document.pages()}
    roots: list[tuple[Any, int]] = [(page.reference, page.index + 1) for page in document.pages()]
    for key in ("/OpenAction", "/AA", "/AcroForm", "/Outlines"):
        if key in document.root:
            roots.append((document.root.raw_get(key), 0))
    for root, number in roots:
        stack = _unseen([root], seen)
        while stack:
            raw = stack.pop()
            deadline.check()
            if len(seen) > MAX_OBJECTS:
                yield Kind.LEFT_OUT, 0
                return
            plain = _plain_references(document, raw)
            if plain is not None:
                new = [key for key in dict.fromkeys(plain) if key not in seen]
                seen.update(new)
                stack += [generic.IndirectObject(*key, document.reader) for key in new]
                continue
            try:
                node = follow(raw)
            except PARSER_FAILURES:
                continue
            if isinstance(node, generic.ArrayObject):
                stack += _unseen(items_of(node), seen)
            elif isinstance(node, generic.DictionaryObject):
                for kind in _of_dictionary(node):
                    yield kind, number
                stack += _unseen(_entries(node), seen)


_LEAVES = (
    *(generic.NumberObject, generic.FloatObject, generic.NameObject, generic.TextStringObject),
    *(generic.ByteStringObject, generic.BooleanObject, generic.NullObject),
)
"""What leads nowhere: a font lists the widths of thousands of characters."""


def _entries(node: generic.DictionaryObject) -> list[Any]:
    """The values of a dictionary that do not lead back. One that cannot be decrypted is left out: a
    signature's /Contents is not encrypted (ISO 32000-1 §7.6.2), and is not told apart here."""
    found = []
    for key in node:
        if key not in _BACK:
            with contextlib.suppress(*PARSER_FAILURES):
                found.append(node.raw_get(key))
    return found


def _unseen(listed: list[Any], seen: set[tuple[int, int]]) -> list[Any]:
    """Those of *listed* that lead somewhere and are no references to what was *seen* before; now
    they are."""
    found = []
    for raw in listed:
        if isinstance(raw, _LEAVES):
            continue
        if isinstance(raw, generic.IndirectObject):
            if key_of(raw) in seen:
                continue
            seen.add(key_of(raw))
        found.append(raw)
    return found


_RAW_BACK = re.compile(rb"/(?:Parent|P|Dest)(?![^\s\0()<>\[\]{}/%])")
_RAW_BACK_REFERENCE = re.compile(_RAW_BACK.pattern + rb"\s*" + REFERENCE.pattern)
_RAW_TOLD = re.compile(
    rb"/S\s*(?:/(?:JavaScript|Rendition|Hide|SetOCGState)|\d)"
    rb"|/(?:JS|F|Alternates|OPI|Ref)(?![^\s\0()<>\[\]{}/%])"
)


def _plain_references(document: Document, raw: Any) -> list[tuple[int, int]] | None:
    """What an object refers to, if its bytes show that there is nothing to tell of it: most have
    not to be parsed. None for any other."""
    reader = document.reader
    if not isinstance(raw, generic.IndirectObject | generic.Reference):
        return None
    try:
        body = raw_dictionary(reader, *key_of(raw))
    except PARSER_FAILURES:
        return None
    if not body or _RAW_TOLD.search(body):
        return None
    body = _RAW_BACK_REFERENCE.sub(b"", body)
    if _RAW_BACK.search(body):
        return None
    return [(int(number), int(generation)) for number, generation in REFERENCE.findall(body)]


def _of_dictionary(node: generic.DictionaryObject) -> Iterator[Kind]:
    action = node.get("/S")
    if action in _SCRIPT_ACTIONS or "/JS" in node:
        yield Kind.SCRIPT
    if action in _HIDING_ACTIONS:
        yield Kind.HIDING
    if isinstance(node, generic.StreamObject):
        if "/F" in node:
            yield Kind.OUTSIDE
        if items_of(entry(node, "/Alternates")):
            yield Kind.OTHER_PICTURE
        if "/OPI" in node:
            yield Kind.OUTSIDE
        if entry(node, "/Subtype") == "/Form" and "/Ref" in node:
            yield Kind.OUTSIDE


def _dictionary(node: generic.DictionaryObject, key: str) -> generic.DictionaryObject | None:
    try:
        found = entry(node, key)
    except PARSER_FAILURES:
        return None
    return found if isinstance(found, generic.DictionaryObject) else None
