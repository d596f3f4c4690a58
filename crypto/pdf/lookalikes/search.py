"""Pictures in the pages that look like a seal's impression and are none.

Anybody can paste the picture of a seal into a page, or scan a paper that bears one. That is no
electronic seal, whatever it looks like, and a person has to be warned. :mod:`.walk` looks for red
pictures and outlines of that size; stamp annotations are pointed out as well.

The search is a help and no proof: whoever wants to can hide a picture from it. It costs little on
ordinary documents, because a page that :mod:`crypto.pdf.lookalikes.prefilter` shows to be black is
not even parsed, and it is bounded: :attr:`Search.left_out` counts what was left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pyhanko.pdf_utils import generic

from crypto.pdf.lookalikes.prefilter import Prefilter, Spent
from crypto.pdf.lookalikes.walk import Box, Walker
from crypto.pdf.marks.place import place_of
from crypto.pdf.reading.access import entry
from crypto.pdf.reading.document import Document
from crypto.pdf.reading.failures import PARSER_FAILURES
from crypto.pdf.reading.page import Page
from crypto.verdict import Finding, MarkInfo

MAX_PAGES = 64
READS = 256
"""Content streams that are looked at in a document of no more pages than that."""
MAX_FOUND = 20


@dataclass
class Search:
    """What was found, and what was not looked at."""

    found: list[tuple[Page, Box]] = field(default_factory=list)
    left_out: int = 0
    """Pages that were not searched, or not to the end."""


def look_alikes(document: Document, first: Sequence[Page] = ()) -> Search:
    """Search the pages of *document*; where they are too many, those in *first* are among those
    that are searched.

    Never raises for what a document contains."""
    search = Search()
    try:
        pages = document.pages()
        annotated = _annotated(document)
    except PARSER_FAILURES:
        return search
    ends = (*pages[:1], *pages[-1:])
    chosen = list({page.index: page for page in (*first, *ends, *pages)}.values())[:MAX_PAGES]
    # a long document costs its hash and little more, as all the rest of verification
    walker = Walker(Prefilter(document, READS if len(pages) <= MAX_PAGES else READS // 4))
    search.left_out = len(pages)
    for page in chosen:
        try:
            search.left_out -= walker.search(page, annotated.get(page.index, ()))
            search.found += [(page, box) for box in walker.found()]
        except Spent:
            search.found += [(page, box) for box in walker.found()]
            break
        except PARSER_FAILURES:
            continue
    search.found = sorted(search.found, key=lambda hit: (hit[0].index, -hit[1][3]))[:MAX_FOUND]
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
    document: Document, first: Sequence[Page]
) -> tuple[list[MarkInfo], list[Finding]]:
    """Where something in the page content looks like a seal, and the findings about it: a picture
    of a seal proves nothing. Pages in *first* are searched first."""
    search = look_alikes(document, first)
    places = [place_of(box, page, "") for page, box in search.found]
    findings = []
    for place in places:
        where = {
            "page": str(place.page),
            "left": f"{place.left_mm:.0f}",
            "top": f"{place.top_mm:.0f}",
        }
        where |= {"width": f"{place.width_mm:.0f}", "height": f"{place.height_mm:.0f}"}
        findings.append(Finding("lookalike_seal", where))
    if search.left_out:
        findings.append(Finding("lookalikes_not_searched", {"count": str(search.left_out)}))
    return places, findings


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
