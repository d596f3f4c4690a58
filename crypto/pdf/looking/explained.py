"""Where the static review has accepted that something was added: as places on pages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pyhanko.pdf_utils import generic

from crypto.pdf.changes.looks import COMBO, inherited
from crypto.pdf.marks.appearance import box
from crypto.pdf.marks.place import place_of
from crypto.pdf.reading.access import entry, follow
from crypto.pdf.reading.document import MAX_TREE_DEPTH, Annotation, Document
from crypto.pdf.reading.failures import PARSER_FAILURES
from crypto.rendering.compare import Box, Kind, Place
from crypto.verdict import Change

_KINDS: Mapping[str, Kind] = {
    "seal_added": Kind.SEAL,
    "field_added": Kind.SEAL,
    "field_filled": Kind.FILL,
    "note_added": Kind.FILL,
}
"""Kinds of :class:`crypto.verdict.Change` that may show something, with good verdicts."""


_ARROW = 16.0
"""Points from the right edge."""
_LARGEST_TICK_MM = 14.2
"""Forty points, as a ticked box may be."""


def explained(
    document: Document, changes: Iterable[Change], base: int | None = None
) -> tuple[Place, ...]:
    """The places of *changes* on the pages of the whole *document*: where they say, and of all
    widgets of the fields that they name. *base*: the revision (from 0) that was sealed."""
    accepted = [change for change in changes if change.kind in _KINDS]
    kinds = {each.what: _KINDS[each.kind] for each in accepted}
    if not kinds:
        return ()
    told: list[Place] = []
    ticked = {each.what for each in accepted if _is_tick(each)}
    kinds |= {what: Kind.TICK for what in ticked if kinds[what] is Kind.FILL}
    try:
        turned = {page.index + 1 for page in document.pages() if page.rotation}
        told += [
            Place(each.page - 1, _where(each, each.page in turned), kinds[each.what])
            for each in accepted
            if each.page and len(each.box_mm) == 4
        ]
        told += _lines_between_cells(document, accepted, turned)
        return tuple(dict.fromkeys([*told, *_places(document, kinds, base)]))
    except PARSER_FAILURES:
        return tuple(told)


def _lines_between_cells(
    document: Document, accepted: Iterable[Change], turned: set[int]
) -> Iterator[Place]:
    """Where the lines between the cells of combs were that are no longer drawn: the static review
    has found them on blank ground."""
    lost = [each for each in accepted if each.why == "cells" and each.page not in turned]
    most = {
        _name(annotation.dictionary): inherited(annotation.dictionary, "/MaxLen")
        for annotation in (document.annotations() if lost else ())
        if entry(annotation.dictionary, "/Subtype") == "/Widget"
    }
    for change in lost:
        left, top, width, height = change.box_mm
        number = int(most[change.what])
        for line in range(1, number):
            area = Box(left + line * width / number, top, 0.0, height)
            yield Place((change.page or 1) - 1, area, Kind.ARROW)


def _is_tick(change: Change) -> bool:
    """Was a button ticked, as far as it is told?"""
    small = len(change.box_mm) == 4 and max(change.box_mm[2:]) <= _LARGEST_TICK_MM
    return change.kind == "field_filled" and change.after == "✓" and small


def _where(change: Change, turned: bool) -> Box:
    """The sign of a note stays upright on a page that is turned, as
    :func:`crypto.pdf.changes.additions.around` says."""
    left, top, width, height = change.box_mm
    side = max(width, height) if turned and change.kind == "note_added" else 0.0
    return Box(left - side, top - side, width + 2 * side, height + 2 * side)


def _places(document: Document, kinds: Mapping[str, Kind], base: int | None) -> Iterator[Place]:
    for annotation in document.annotations():
        name = _name(annotation.dictionary)
        if name in kinds and entry(annotation.dictionary, "/Subtype") == "/Widget":
            mark = place_of(box(annotation.dictionary), annotation.page, name)
            area = Box(mark.left_mm, mark.top_mm, mark.width_mm, mark.height_mm)
            yield Place(annotation.page.index, area, kinds[name])
            if base is not None and _had_an_arrow(document, annotation, base):
                left, bottom, right, top = box(annotation.dictionary)
                side = (max(left, right - _ARROW), bottom, right, top)
                mark = place_of(side, annotation.page, name)
                area = Box(mark.left_mm, mark.top_mm, mark.width_mm, mark.height_mm)
                yield Place(annotation.page.index, area, Kind.ARROW)


def _had_an_arrow(document: Document, annotation: Annotation, base: int) -> bool:
    """Is this a combination box that had no look of its own when it was sealed? PDFium draws one
    with an arrow at its right edge there, over what the static review has found to be blank."""
    if annotation.reference is None:
        return False
    before = document.reader.get_historical_resolver(base)(annotation.reference)
    flags = inherited(before, "/Ff")
    return (
        inherited(before, "/FT") == "/Ch"
        and isinstance(flags, generic.NumberObject)
        and bool(int(flags) & COMBO)
        and entry(before, "/AP") is None
    )


def _name(node: Any) -> str:
    """The fully qualified name of a widget's field (ISO 32000-1 §12.7.3.2)."""
    parts: list[str] = []
    for _ in range(MAX_TREE_DEPTH):
        if (title := entry(node, "/T")) is not None:
            parts.insert(0, str(title))
        if "/Parent" not in node:
            break
        node = follow(node.raw_get("/Parent"))
    return ".".join(parts)
