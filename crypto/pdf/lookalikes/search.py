"""Pictures in the pages that look like a seal's impression and are none.

Anybody can paste the picture of a seal into a page, or scan a paper that bears one. That is no
electronic seal, whatever it looks like, and a person has to be warned. :mod:`.walk` looks for red
pictures and outlines of that size; stamp annotations are pointed out as well.

The search is a help and no proof: whoever wants to can hide a picture from it. It costs little on
ordinary documents, because a page that :mod:`crypto.pdf.lookalikes.prefilter` shows to be black is
not even parsed, and it is bounded by time: :attr:`LookalikeSearch.skipped` lists what was left
out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from pyhanko.pdf_utils import generic

from crypto.pdf.lookalikes.prefilter import Budget, Prefilter, Spent
from crypto.pdf.lookalikes.walk import Box, Walker
from crypto.pdf.marks.place import place_of
from crypto.pdf.reading.access import entry
from crypto.pdf.reading.document import Document
from crypto.pdf.reading.failures import PARSER_FAILURES
from crypto.pdf.reading.page import Page
from crypto.verdict import Finding, MarkInfo, ranges

SECONDS, PAGE_SECONDS = 3.0, 0.5
"""Of the processor, for a document and for one of its pages; 250 pages of text take 0.1."""
READS = 256
"""Content streams of one page that are looked at."""
MAX_FOUND = 20
"""On one page."""
MAX_TOLD = 20
"""Places with a finding of their own; beyond that pages are listed."""
_EDGE_MM = 1.0
_UNSEARCHED = (Spent, *PARSER_FAILURES)


@dataclass
class LookalikeSearch:
    """What was found, and what was not looked at."""

    found: list[tuple[Page, Box]] = field(default_factory=list)
    skipped: list[int] = field(default_factory=list)
    """Pages (0-based) that were not searched, or not to the end."""

    @property
    def left_out(self) -> int:
        """How many these are."""
        return len(self.skipped)


def look_alikes(document: Document, first: Sequence[Page] = ()) -> LookalikeSearch:
    """Search the pages of *document*, those in *first* before the others.

    Never raises for what a document contains."""
    search = LookalikeSearch()
    try:
        pages = document.pages()
        annotated = _annotated(document)
    except PARSER_FAILURES:
        return search
    ends = (*pages[:1], *pages[-1:])
    chosen = list({page.index: page for page in (*first, *ends, *pages)}.values())
    budget = Budget(SECONDS, PAGE_SECONDS)
    walker = Walker(Prefilter(document, READS), budget)
    for page in chosen:
        if budget.is_over:
            search.skipped.append(page.index)
            continue
        try:
            complete = walker.search(page, annotated.get(page.index, ()))
        except _UNSEARCHED:
            complete = False
        if not complete:
            search.skipped.append(page.index)
        if walker.found_any:
            with suppress(*PARSER_FAILURES):
                on_page = sorted(walker.found(), key=lambda box: -box[3])
                search.found += [(page, box) for box in on_page[:MAX_FOUND]]
    search.found.sort(key=lambda hit: hit[0].index)
    search.skipped.sort()
    return search


def _annotated(document: Document) -> dict[int, list[generic.DictionaryObject]]:
    """By page: annotations that are neither signature fields nor stamps, which have findings of
    their own."""
    found: dict[int, list[generic.DictionaryObject]] = {}
    for annotation in document.annotations():
        node = annotation.dictionary
        parent = entry(node, "/Parent")
        kind = entry(node, "/FT") or (
            entry(parent, "/FT") if isinstance(parent, generic.DictionaryObject) else None
        )
        if kind != "/Sig" and entry(node, "/Subtype") not in ("/Stamp", "/Popup", "/Link"):
            found.setdefault(annotation.page.index, []).append(node)
    return found


def lookalike_seals(
    search: LookalikeSearch, protected: Mapping[str, Sequence[MarkInfo]]
) -> tuple[list[MarkInfo], list[Finding]]:
    """Where something in the page content looks like a seal and is none, and the findings about
    it: a picture of a seal proves nothing.

    *protected*: by who signed, the rectangles of signatures under which nothing has changed. A
    picture in one of them is no stranger's: that signature covers it."""
    places: list[MarkInfo] = []
    findings = []
    for page, box in search.found:
        place = place_of(box, page, "")
        owner = next((who for who, marks in protected.items() if _is_in(place, marks)), None)
        if owner is not None:
            details = {"page": str(place.page), "who": owner}
            findings.append(Finding("lookalike_protected", details))
            continue
        places.append(place)
        if len(places) <= MAX_TOLD:
            where = {"page": str(place.page), "left": f"{place.left_mm:.0f}"}
            where |= {"top": f"{place.top_mm:.0f}", "width": f"{place.width_mm:.0f}"}
            findings.append(Finding("lookalike_seal", where | {"height": f"{place.height_mm:.0f}"}))
    if more := places[MAX_TOLD:]:
        listed = ranges([place.page - 1 for place in more])
        findings.append(Finding("lookalike_seals_more", {"count": str(len(more)), "pages": listed}))
    if search.skipped:
        details = {"count": str(search.left_out), "pages": ranges(search.skipped)}
        findings.append(Finding("lookalikes_not_searched", details))
    return places, findings


def _is_in(place: MarkInfo, marks: Sequence[MarkInfo]) -> bool:
    """Is *place* inside one of *marks*, to the millimetre?"""
    return any(
        mark.page == place.page
        and mark.left_mm - _EDGE_MM <= place.left_mm
        and mark.top_mm - _EDGE_MM <= place.top_mm
        and place.left_mm + place.width_mm <= mark.left_mm + mark.width_mm + _EDGE_MM
        and place.top_mm + place.height_mm <= mark.top_mm + mark.height_mm + _EDGE_MM
        for mark in marks
    )


def stamp_annotations(document: Document) -> list[Finding]:
    """Stamp annotations look like seals and are none: pointed out, once a page."""
    try:
        pages = {
            annotation.page.index + 1
            for annotation in document.annotations()
            if entry(annotation.dictionary, "/Subtype") == "/Stamp"
        }
    except PARSER_FAILURES:
        return []
    return [Finding("stamp_annotation", {"page": str(page)}) for page in sorted(pages)]
