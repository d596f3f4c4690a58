"""What a later revision may add or set beside the pages: files, links, labels of pages, entries.

    kind_of_setting(key, before, after)  → "view", "metadata", or "" for everything else
    attached(old, new)      → the names of files that were attached, None if more has changed
    labels_are_plain(tree)  → are these labels of pages and nothing else?
    judge_link(annotation)  → (kind of change, where it leads)

None of it shows on a page. An attached file is no part of what was sealed and is told; a link that
leaves the document leads wherever whoever added it likes, under words that others have sealed.
From entries of the catalog and of pages viewers take how a file is first displayed, in which
language it is read aloud, or what another program noted for itself (ISO 32000-1 §7.7.2, §12.2,
§14.5, §14.9.2).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from pyhanko.pdf_utils import generic

from crypto.pdf.changes.additions import is_place_action
from crypto.pdf.changes.looks import value_text
from crypto.pdf.reading.access import entry, follow, items_of, key_of
from crypto.pdf.reading.document import MAX_TREE_DEPTH
from crypto.pdf.reading.failures import PdfTooComplex
from crypto.pdf.reading.objects import differing_keys, same

NAME_ROLES = ("/Names", "/EmbeddedFiles", "/Kids")
_FILE = frozenset(("/Type", "/F", "/UF", "/EF", "/Desc", "/AFRelationship", "/ID", "/CI"))
_LABEL = frozenset(("/Type", "/S", "/P", "/St"))
_LINK = frozenset(
    (
        *("/Type", "/Subtype", "/Rect", "/QuadPoints", "/F", "/H", "/Border", "/BS", "/C", "/M"),
        *("/NM", "/P", "/A", "/Dest", "/StructParent", "/Contents"),
    )
)
_URI_ACTION = frozenset(("/Type", "/S", "/URI", "/IsMap"))
_ADDRESS = re.compile(
    r"(?:(?ai:https?)://[^\x00-\x20@/?#\\\x7f-\U0010ffff]{1,253}(?:[/?#][\x21-\x7e]{0,2000})?"
    r"|(?ai:mailto):[\x21-\x7e]{1,2000})\Z"
)
"""No name and password before the host, which would be taken for the host. The case of a host's
letters counts: without it i, k and s would be İ, K and ſ, which may not stand there."""
_MOST = 2000
_TEXTS = (generic.TextStringObject, generic.ByteStringObject)


def attached(
    old: generic.DictionaryObject, new: generic.DictionaryObject
) -> tuple[list[str], set[tuple[int, int]]] | None:
    """The names of the files that the catalog *new* has and *old* has not, and the objects of *old*
    that list files, by number and generation; None where other names were changed, but for those of
    places (:func:`names_places_anew`). Raises :class:`PdfTooComplex`."""
    then, now = (entry(root, "/Names") for root in (old, new))
    before, after = (generic.DictionaryObject() if each is None else each for each in (then, now))
    if not all(_is_plain(each) for each in (before, after)):
        return None
    if differing_keys(before, after) - {"/EmbeddedFiles", "/Dests"}:
        return None
    listing: set[tuple[int, int]] = set()
    known = _files(_raw(before, "/EmbeddedFiles"), listing)
    if "/Names" in old and isinstance(raw := old.raw_get("/Names"), generic.IndirectObject):
        listing.add(key_of(raw))
    found = _files(_raw(after, "/EmbeddedFiles"), set())
    if found.misread and not known.misread:
        return None
    for name, raws in known.named.items():
        left = found.named.get(name, [])
        for each in raws:
            at = next((at for at, other in enumerate(left) if same(each, other)), None)
            if at is None:
                return None
            del left[at]
    added = [follow(each) for raws in found.named.values() for each in raws]
    if not all(map(_is_file, added)) or (added and ("/Collection" in old or "/Collection" in new)):
        return None  # a portfolio shows its files instead of a page
    return [" / ".join(_called(each)) for each in added], listing


def names_places_anew(old: generic.DictionaryObject, new: generic.DictionaryObject) -> bool:
    """Has the catalog *new* other names of places (ISO 32000-1 §12.3.2.3) than *old*? Links that
    were sealed may lead elsewhere by them."""
    then, now = (entry(root, "/Names", _NOTHING) for root in (old, new))
    if not all(_is_plain(each) for each in (then, now)):
        return True
    return "/Dests" in differing_keys(then, now) or "/Dests" in differing_keys(old, new)


def associates_attached(old: generic.DictionaryObject, new: generic.DictionaryObject) -> bool:
    """Does the catalog *new* name all files that *old* associates with the document (/AF, ISO
    32000-2 §14.13), and beside them only such as are attached, and so told? Raises
    :class:`PdfTooComplex`."""
    then, now = ([*items_of(entry(root, "/AF"))] for root in (old, new))
    names = entry(new, "/Names", _NOTHING)
    files = _files(_raw(names, "/EmbeddedFiles"), set()) if _is_plain(names) else _Files({})
    listed = {
        key_of(raw)
        for raws in files.named.values()
        for raw in raws
        if isinstance(raw, generic.IndirectObject)
    }
    for raw in then:
        at = next((at for at, each in enumerate(now) if same(raw, each)), None)
        if at is None:
            return False
        del now[at]
    return isinstance(entry(new, "/AF"), generic.ArrayObject) and all(
        isinstance(raw, generic.IndirectObject) and key_of(raw) in listed for raw in now
    )


def _called(file: generic.DictionaryObject) -> list[str]:
    """By which names viewers may show or save it: by one of them, or by either."""
    names = [value_text(entry(file, key, _EMPTY)).strip() for key in ("/UF", "/F")]
    return list(dict.fromkeys(name for name in names if name))


def _raw(node: generic.DictionaryObject, key: str) -> Any:
    return node.raw_get(key) if key in node else None


def _is_plain(node: Any) -> bool:
    return isinstance(node, generic.DictionaryObject) and not isinstance(node, generic.StreamObject)


@dataclass
class _Files:
    """A name tree (ISO 32000-1 §7.9.6) laid flat."""

    named: dict[bytes, list[Any]]
    """Under each name all values: some viewers list them all, where the standard has one."""
    misread: bool = False
    """A node has names and other nodes below it: viewers read either or both."""


def _files(root: Any, listing: set[tuple[int, int]]) -> _Files:
    """The objects that the tree *root* is made of join *listing*."""
    found, count = _Files({}), 0
    stack: list[tuple[Any, int]] = [] if root is None else [(root, 0)]
    while stack:
        raw, depth = stack.pop()
        if isinstance(raw, generic.IndirectObject):
            if key_of(raw) in listing:
                continue
            listing.add(key_of(raw))
        node = follow(raw)
        names = items_of(entry(node, "/Names")) if _is_plain(node) else []
        for name, value in zip(names[::2], names[1::2], strict=False):
            found.named.setdefault(value_text(follow(name)).encode(), []).append(value)
            count += 1
        kids = items_of(entry(node, "/Kids")) if _is_plain(node) else []
        found.misread = found.misread or bool(names and kids)
        stack += [(kid, depth + 1) for kid in kids]
        if depth > MAX_TREE_DEPTH or count + len(stack) > _MOST:
            raise PdfTooComplex("too many attached files")
    return found


def _is_file(node: Any) -> bool:
    """Does this name one file that is inside the document?"""
    return (
        _is_plain(node)
        and set(node) <= _FILE
        and all(isinstance(entry(node, key, _EMPTY), _TEXTS) for key in ("/F", "/UF"))
        and _is_plain(entry(node, "/EF"))
        and bool(_called(node))
    )


_EMPTY = generic.TextStringObject("")
_NOTHING = generic.DictionaryObject()


def labels_are_plain(tree: Any, depth: int = 0) -> bool:
    """Is this a number tree of page labels (ISO 32000-1 §12.4.2), or nothing?"""
    if tree is None:
        return True
    if not _is_plain(tree) or depth > 4 or set(tree) - {"/Nums", "/Kids", "/Limits"}:
        return False
    numbers, kids = items_of(entry(tree, "/Nums")), items_of(entry(tree, "/Kids"))
    if len(numbers) + len(kids) > _MOST:
        return False
    labels = map(follow, numbers[1::2])
    return all(map(_is_label, labels)) and all(
        labels_are_plain(follow(kid), depth + 1) for kid in kids
    )


def _is_label(node: Any) -> bool:
    simple = (generic.NameObject, generic.NumberObject, *_TEXTS)
    return (
        _is_plain(node)
        and set(node) <= _LABEL
        and all(isinstance(entry(node, key), simple) for key in node)
    )


def judge_link(annotation: generic.DictionaryObject) -> tuple[str, str]:
    """``link_added`` with the address, ``link_inside`` for one that stays in the document,
    ``drawing_added`` for one with a visible frame, or ``forbidden``."""
    if set(annotation) - _LINK:
        return "forbidden", ""
    action = entry(annotation, "/A")
    inside = is_place_action(annotation)
    address = ""
    if not inside:
        if "/Dest" in annotation or not _is_plain(action) or set(action) - _URI_ACTION:
            return "forbidden", ""
        address = value_text(entry(action, "/URI"))
        if entry(action, "/S") != "/URI" or not _ADDRESS.match(address):
            return "forbidden", ""
        return "link_added", address
    return ("drawing_added" if _has_frame(annotation) else "link_inside"), ""


def _has_frame(annotation: generic.DictionaryObject) -> bool:
    """Is a line drawn around it? One of one point if nothing is said (ISO 32000-1 §12.5.4)."""
    border = items_of(entry(annotation, "/Border"))
    wide = bool(follow(border[2])) if len(border) > 2 else "/Border" in annotation
    style = entry(annotation, "/BS")
    if isinstance(style, generic.DictionaryObject):  # some viewers go by the other
        return wide or bool(entry(style, "/W", 1))
    return wide or "/Border" not in annotation


# --- entries of the catalog and of pages ---------------------------------------------------------

_NAMED = {
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
_PREFERENCES = frozenset(
    (
        *("/HideToolbar", "/HideMenubar", "/HideWindowUI", "/FitWindow", "/CenterWindow"),
        *("/DisplayDocTitle", "/NonFullScreenPageMode", "/Direction", "/PrintScaling", "/Duplex"),
        *("/PickTrayByPDFSize", "/NumCopies"),
    )
)
"""Of /ViewerPreferences; others choose which part of a page is shown or printed."""
_SIMPLE = (generic.BooleanObject, generic.NameObject, generic.NumberObject)


def kind_of_setting(key: str, before: Any, after: Any) -> str:
    """What it means that the entry *key* of a catalog or a page was *before* and is *after*, None
    where it is missing."""
    if key in _NAMED:
        return "view" if after is None or after in _NAMED[key] else ""
    if key == "/ViewerPreferences":
        return "view" if _are_harmless(before, after) else ""
    if key == "/OpenAction":
        return "view" if _leads_to_a_place(before) and _leads_to_a_place(after) else ""
    if key in ("/Lang", "/LastModified"):
        return "metadata" if after is None or isinstance(after, _TEXTS) else ""
    if key == "/PieceInfo":
        is_plain = isinstance(after, generic.DictionaryObject) and not isinstance(
            after, generic.StreamObject
        )
        return "metadata" if after is None or is_plain else ""
    return ""


def _leads_to_a_place(opened: Any) -> bool:
    """Is /OpenAction missing, or a place in the document and nothing else?"""
    key = "/Dest" if isinstance(opened, generic.ArrayObject) else "/A"
    return opened is None or is_place_action(
        generic.DictionaryObject({generic.pdf_name(key): opened})
    )


def _are_harmless(before: Any, after: Any) -> bool:
    empty = generic.DictionaryObject()
    old, new = (empty if each is None else each for each in (before, after))
    if not all(isinstance(each, generic.DictionaryObject) for each in (old, new)):
        return False
    return all(
        key in _PREFERENCES and (key not in new or isinstance(entry(new, key), _SIMPLE))
        for key in differing_keys(old, new)
    )
