"""What the pages of one revision show, for whatever a later one puts on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import HistoricalResolver

from crypto.frozen import frozen
from crypto.pdf.changes.fonts import Fonts
from crypto.pdf.changes.ink import (
    MAX_OPERATORS,
    SAME_OPACITY,
    Box,
    Ink,
    holds,
    overlaps,
    read_look,
    read_page,
)
from crypto.pdf.changes.legible import stood_on
from crypto.pdf.changes.looks import (
    Look,
    inherited,
    meets,
    same_colour,
    shown_stream,
    shrunk,
    value_text,
)
from crypto.pdf.marks.appearance import HIDDEN, NO_VIEW, PRINT, box, has_area
from crypto.pdf.reading.access import entry, follow, items_of, key_of
from crypto.pdf.reading.document import MAX_TREE_DEPTH
from crypto.pdf.reading.failures import PARSER_FAILURES, PdfTooComplex
from crypto.pdf.reading.page import Page

_MOST_CELLS = 100
"""Of a comb."""
_PAPER = Ink("fill", (0.0, 0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
_UNSEEN = ("/Link", "/Popup")
_HARMLESS = {"font", "faint", "layer", "mask", "clip", "transfer", "stack", "box", "overprint"}
"""What of a look need not be followed to know where its ink is."""
_MOST_PARTS = 20_000
"""Told of one page."""
_THIN = 2.0
"""Points: a line between cells."""
_SHEET = 400.0
"""Points, of the shorter side of a page that was scanned."""


@frozen
class Ground:
    """What a page shows beneath an annotation."""

    inks: tuple[Ink, ...]
    whole: bool = True
    """False: not everything that it shows could be followed."""

    def lies_under(self, box: Box) -> bool:
        """Is there anything, or anything that cannot be told, under *box*?"""
        return not self.whole or self.surely_lies_under(box)

    def surely_lies_under(self, box: Box) -> bool:
        """Is there anything under *box*?"""
        inner = shrunk(box)
        return any(self._is_under(at, ink, inner) for at, ink in enumerate(self.inks))

    def is_written_on(self, box: Box) -> bool:
        """Does more than lines between cells lie under *box*?"""
        inner = shrunk(box)
        return any(
            self._is_under(at, ink, inner) and not _is_divider(ink)
            for at, ink in enumerate(self.inks)
        )

    def surely_shows_under(self, box: Box) -> bool:
        """Is there anything under *box* that is seen for certain? Text in a font of the file's own
        may be a blank."""
        inner = shrunk(box)
        return any(
            self._is_under(at, ink, inner) and not (ink.kind == "text" and ink.text is None)
            for at, ink in enumerate(self.inks)
        )

    def surely_marked_under(self, box: Box) -> bool:
        """Is there anything under *box* but the picture of a page, which may be blank there?"""
        inner = shrunk(box)
        return any(
            self._is_under(at, ink, inner) and not _is_scan(ink) for at, ink in enumerate(self.inks)
        )

    def paper(self, box: Box) -> Ink | None:
        """What *box* stands on where that has one colour; None: the paper itself."""
        grounds: list[Ink] = []
        for ink in reversed(self.inks):
            if _is_even(ink) and holds(ink.box, box):
                grounds.insert(0, ink)
                if not ink.see_through and ink.opacity >= 1 - SAME_OPACITY:
                    break
        return stood_on(grounds, None)

    def hides(self, box: Box) -> bool:
        """Would some of *box* not be seen beneath all this?"""
        inner = shrunk(box)
        return any(
            ink.kind in ("fill", "image", "shading") and not ink.see_through and meets(ink, inner)
            for ink in self.inks
        )

    def _is_under(self, at: int, ink: Ink, box: Box) -> bool:
        """Does *ink*, which is painted as number *at*, show under *box*?"""
        if not overlaps(ink.box, box):
            return False
        if ink.kind == "text":
            return ink.text is None or bool(ink.text.strip())
        if ink.kind == "fill":
            if _is_even(ink) and holds(ink.box, box):
                return False  # a ground of one colour
            return not ink.is_white or ink.see_through or self._stands_out(at, ink)
        return meets(ink, box)

    def _stands_out(self, at: int, white: Ink) -> bool:
        """Is this white shape, painted as number *at*, painted on something that is not white?"""
        return any(
            other.kind in ("fill", "image", "shading")
            and not other.is_white
            and overlaps(other.box, white.box)
            for other in self.inks[:at]
        )


def _is_scan(ink: Ink) -> bool:
    """A picture as large as a sheet of A5."""
    left, bottom, right, top = ink.box
    return ink.kind == "image" and min(right - left, top - bottom) >= _SHEET


def _is_divider(ink: Ink) -> bool:
    """A thin upright or level line, as between the cells of a table or a comb."""
    across, up = ink.box[2] - ink.box[0], ink.box[3] - ink.box[1]
    return ink.kind in ("line", "fill") and not ink.curved and min(across, up) <= _THIN


def _is_even(ink: Ink) -> bool:
    return ink.kind == "fill" and ink.is_rectangle and ink.colour is not None


Place = Callable[[generic.Reference, int], Any]
"""Where an object stood in a revision: :meth:`crypto.pdf.changes.references.References.place`."""


class PagesRead:
    """What the contents of a document's pages paint: read once for all revisions in which they
    stand at the same places, and no more of them than can be waited for."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._known: dict[int, tuple[generic.DictionaryObject, int, Ground]] = {}
        self._left = MAX_OPERATORS

    def content(
        self, page: Page, node: generic.DictionaryObject, view: HistoricalResolver, fonts: Fonts
    ) -> Ground:
        """Of *page*, which is *node* in the revision *view*.

        Raises :class:`PdfTooComplex`; what else a page contains makes a ground that is not
        whole."""
        if page.index in self._known:  # most are asked for in one revision alone
            other, revision, ground = self._known[page.index]
            made_of = _Parts(self._place, view.revision).of(node)
            if made_of is not None and made_of == _Parts(self._place, revision).of(other):
                return ground
        painted = None
        try:
            painted = read_page(node, fonts, self._left)
            ground = Ground(tuple(painted.inks), not painted.strange - _HARMLESS)
        except PdfTooComplex:
            raise
        except PARSER_FAILURES:
            ground = Ground((), False)
        self._left -= painted.operators if painted else self._left
        self._known[page.index] = node, view.revision, ground
        return ground


class _Parts:
    """Names what the content of a page is drawn from, so that two revisions can be told apart."""

    def __init__(self, place: Place, revision: int) -> None:
        self._place, self._revision = place, revision
        self._told: list[Any] = []
        self._seen: set[tuple[int, int]] = set()

    def of(self, page: generic.DictionaryObject) -> list[Any] | None:
        """None: of too many objects."""
        node: Any = page
        for _ in range(MAX_TREE_DEPTH):
            if not isinstance(node, generic.DictionaryObject) or "/Resources" in node:
                break
            node = entry(node, "/Parent")
        above = [node] if isinstance(node, generic.DictionaryObject) else []
        stack = [
            each.raw_get(key)
            for each, key in ((page, "/Contents"), *((each, "/Resources") for each in above))
            if key in each
        ]
        while stack:
            if len(self._told) > _MOST_PARTS:
                return None
            value = stack.pop()
            if isinstance(value, generic.IndirectObject):
                if key_of(value) in self._seen:
                    continue
                self._seen.add(key_of(value))
                self._tell_place(key_of(value))
                value = follow(value)
            if isinstance(value, generic.DictionaryObject):
                self._told.append(sorted(value))
                stack += [value.raw_get(key) for key in sorted(value)]
            elif isinstance(value, generic.ArrayObject):
                self._told.append(len(value))
                stack += [value.raw_get(index) for index in range(len(value))]
            else:
                self._told.append(value)
        return self._told

    def _tell_place(self, key: tuple[int, int]) -> None:
        place = self._place(generic.Reference(*key), self._revision)
        self._told.append((key, place))
        if place is not None and not isinstance(place, int):  # inside an object stream
            holder = generic.Reference(place.obj_stream_id, 0)
            self._told.append(self._place(holder, self._revision))


class Grounds:
    """The pages of the revision *view*, each read when something is put on it."""

    def __init__(self, view: HistoricalResolver, read: PagesRead) -> None:
        self._view, self._pages_read = view, read
        self._fonts = Fonts()
        self._contents: dict[int, Ground] = {}
        self._annotations: dict[int, list[tuple[Any, Ground]]] = {}

    def under(self, page: Page, apart: tuple[int, int] | None = None) -> Ground:
        """What *page* shows, its annotations included, but for the annotation *apart*.

        Never raises for what a page contains but :class:`PdfTooComplex`."""
        if page.index not in self._contents:
            self._contents[page.index] = self._read_content(page)
        shown = [self._contents[page.index]]
        shown += [each for key, each in self._listed(page) if apart is None or key != apart]
        inks = tuple(ink for each in shown for ink in each.inks)
        return Ground(inks, all(each.whole for each in shown))

    def over(self, page: Page, widget: tuple[int, int]) -> Ground:
        """What the annotations show that are listed after *widget*, and so drawn over it."""
        annotations = self._listed(page)
        keys = [key for key, _ in annotations]
        above = annotations[keys.index(widget) + 1 :] if widget in keys else []
        return Ground(tuple(ink for key, each in above if key != widget for ink in each.inks))

    def _node(self, page: Page) -> Any:
        number, generation = key_of(page.reference)
        return self._view(generic.Reference(number, generation, self._view))

    def _read_content(self, page: Page) -> Ground:
        try:
            return self._pages_read.content(page, self._node(page), self._view, self._fonts)
        except PdfTooComplex:
            raise
        except PARSER_FAILURES:
            return Ground((), False)

    def _listed(self, page: Page) -> list[tuple[Any, Ground]]:
        """The annotations of *page*, by their objects; read once."""
        if page.index not in self._annotations:
            self._annotations[page.index] = self._read_annotations(page)
        return self._annotations[page.index]

    def _read_annotations(self, page: Page) -> list[tuple[Any, Ground]]:
        try:
            listed = items_of(entry(self._node(page), "/Annots"))
        except PdfTooComplex:
            raise
        except PARSER_FAILURES:
            return [(None, Ground((), False))]
        return [
            (
                key_of(raw) if isinstance(raw, generic.IndirectObject) else None,
                self._shown(follow(raw)),
            )
            for raw in listed
        ]

    def _shown(self, node: Any) -> Ground:
        """What one annotation shows; where viewers draw it themselves, all of its rectangle."""
        try:
            if not isinstance(node, generic.DictionaryObject) or not has_area(node):
                return Ground(())
            if int(entry(node, "/F", 0)) & HIDDEN or entry(node, "/Subtype") in _UNSEEN:
                return Ground(())
            stream = shown_stream(node)
            if stream is not None:
                painted = read_look(node, stream, self._fonts)
                return Ground(tuple(painted.inks), not painted.strange - _HARMLESS)
            is_widget = entry(node, "/Subtype") == "/Widget"
            is_empty = is_widget and (
                inherited(node, "/FT") == "/Sig" or not value_text(inherited(node, "/V"))
            )
            if is_empty and not entry(node, "/MK"):
                return Ground(())
            return Ground(() if is_empty else (Ink("image", box(node)),))
        except PdfTooComplex:
            raise
        except PARSER_FAILURES:
            return Ground((), False)


def is_drawn_by_form(view: HistoricalResolver, pages: Any) -> bool:
    """Does any page show a field, or text that was typed on it, that viewers draw through what the
    form says (/DR, /DA, /Q) and not through an appearance of its own?"""
    for page in pages:
        if page.bare:
            continue
        number, generation = key_of(page.reference)
        node = view(generic.Reference(number, generation, view))
        for raw in items_of(entry(node, "/Annots")):
            annotation = follow(raw)
            if isinstance(annotation, generic.DictionaryObject) and _leans_on_form(annotation):
                return True
    return False


def _leans_on_form(node: generic.DictionaryObject) -> bool:
    kind = entry(node, "/Subtype")
    if kind not in ("/Widget", "/FreeText") or inherited(node, "/FT") == "/Sig":
        return False
    if not has_area(node):
        return False
    look = Look.of(node)
    if look.drawn:
        return "font" in look.painted.strange or _looks_names_up(look)
    if kind == "/FreeText":
        return True
    if inherited(node, "/FT") != "/Btn":
        return bool(value_text(inherited(node, "/V")))
    return not isinstance(entry(entry(node, "/AP", {}), "/N"), generic.DictionaryObject)


def _looks_names_up(look: Look) -> bool:
    """Does a look without resources of its own name something that is nowhere? Some viewers look it
    up in the form's."""
    if look.stream is None or "/Resources" in look.stream:
        return False
    unknown = (ink.kind != "text" and ink.colour is None for ink in look.painted.inks)
    return bool({"unknown", "resources"} & look.painted.strange) or any(unknown)


# --- what a field has around its value ----------------------------------------------------------


def is_adorned_anew(after: generic.DictionaryObject, old: Look, new: Look, ground: Ground) -> bool:
    """Has it another ground, or a frame where there was none, or none where there was one?"""
    flags = int(entry(after, "/F", 0))
    if not (old.drawn and new.drawn) or flags & HIDDEN or (flags & NO_VIEW and not flags & PRINT):
        return False
    tints = [stood_on(look.grounds, ground.paper(look.box)) or _PAPER for look in (old, new)]
    framed = [
        any(not same_colour(replace(each, kind="fill"), tint) for each in look.frame)
        for look, tint in zip((old, new), tints, strict=True)
    ]
    return not same_colour(*tints) or framed[0] is not framed[1]


def has_lost_its_cells(
    after: generic.DictionaryObject, old: Look, new: Look, ground: Ground
) -> bool:
    """Are the lines between the cells of a comb no longer drawn, on blank ground, and all else that
    it was made of is?"""
    most = inherited(after, "/MaxLen")
    if not old.comb or not isinstance(most, generic.NumberObject):
        return False
    cells = old.cells(int(most)) if 0 < int(most) <= _MOST_CELLS else []
    return (
        bool(cells)
        and new.is_framed
        and not new.cells(int(most))
        and not any(map(ground.lies_under, cells))
    )
