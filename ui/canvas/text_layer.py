"""The text of the pages as far as the mouse selects it and the search finds it.

A page's letters are asked for when the mouse goes down on it or a selection comes to it, from the
process that draws; nothing is read in the window's process.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from PySide6.QtCore import QObject, QPointF, QRectF, Signal
from PySide6.QtGui import QColor, QPainter

from crypto.lengths import MM
from ui import theme
from ui.canvas.page_text import Box, PageText
from ui.canvas.renderer import Renderer, TextRequest

KEPT = 8
"""Pages whose letters are kept, beside those of the selection."""
MOST_PAGES = 50
"""Of one selection: the letters of a page and their boxes take half a megabyte."""
STRENGTH, CURRENT = 70, 130
"""Opacity of what is marked, of 255; of the hit being looked at."""

Hit = tuple[int, QRectF]
"""Page (0-based) and place on it in millimetres."""
Spot = tuple[int, int]
"""Page (0-based) and letter on it; beside a page without letters, -1 or 0."""


class TextLayer(QObject):
    """Selection and found places of one view."""

    changed = Signal()

    def __init__(self, renderer: Renderer, owner: str, parent: QObject) -> None:
        super().__init__(parent)
        self._renderer, self._owner = renderer, owner
        self._document: int | None = None
        self._texts: OrderedDict[int, PageText] = OrderedDict()
        self._start: tuple[int, float, float] | None = None
        """Where the mouse went down, page and points; None: nothing is being selected."""
        self._end: tuple[int, float, float] | None = None
        self._down = False
        """Is the mouse still down?"""
        self._range: tuple[Spot, Spot] | None = None
        """What is selected, the first and the last letter of it."""
        self._whole: int | None = None
        """A page of which everything is to be selected once its letters are there."""
        self._hits: Sequence[Hit] = ()
        self._current = -1
        renderer.read.connect(self._take)

    def show_document(self, document: int | None) -> None:
        """Another document: nothing is selected and nothing found in it."""
        self._document = document
        self._texts.clear()
        self._start = self._end = self._range = self._whole = None
        self._hits, self._current = (), -1
        self._renderer.want(self._owner, [])
        self.changed.emit()

    # --- selecting -------------------------------------------------------------------------------

    @property
    def selected(self) -> str:
        """The text that is selected."""
        parts = [self._selected_on(page).strip("\n") for page in self._pages]
        return "\n".join(part for part in parts if part)

    @property
    def complete(self) -> bool:
        """Were the letters of all that is selected read?"""
        return all(page in self._texts for page in self._pages)

    @property
    def _pages(self) -> range:
        """Those of the selection."""
        if self._range is None:
            return range(0)
        (first, _), (last, _) = self._range
        return range(first, last + 1)

    def _letters_on(self, page: int) -> tuple[int, int] | None:
        """The first and the last letter of the selection on a page; None if there is none."""
        text = self._texts.get(page)
        if self._range is None or text is None or page not in self._pages:
            return None
        (first_page, first), (last_page, last) = self._range
        found = (
            first if page == first_page else 0,
            last if page == last_page else len(text.letters) - 1,
        )
        return found if found[0] <= found[1] < len(text.letters) else None

    def _selected_on(self, page: int) -> str:
        part = self._letters_on(page)
        return self._texts[page].letters[part[0] : part[1] + 1] if part else ""

    def press(self, page: int, x: float, y: float) -> None:
        """The mouse goes down at a place in millimetres: what was selected is not any more."""
        had, self._range, self._whole = self._range, None, None
        self._start, self._end, self._down = (page, x * MM, y * MM), None, True
        self._ask(range(page, page + 1))
        if had is not None:
            self.changed.emit()

    def drag(self, page: int, x: float, y: float) -> None:
        """The mouse, down, has come to a place, on the page where it went down or another."""
        if not self._down or self._start is None or abs(page - self._start[0]) >= MOST_PAGES:
            return
        self._end = page, x * MM, y * MM
        self._ask(range(min(page, self._start[0]), max(page, self._start[0]) + 1))
        self._select()

    def release(self) -> bool:
        """The mouse goes up; was anything selected, or is it once another page was read?"""
        self._down = False
        late = self._start is not None and self._end is not None and self._start[0] != self._end[0]
        if not late or self._ends_are_read:
            self._start = self._end = None
        return late or self._range is not None

    @property
    def _ends_are_read(self) -> bool:
        ends = (self._start, self._end)
        return all(end is None or end[0] in self._texts for end in ends)

    def select_page(self, page: int) -> None:
        """Everything on a page, as soon as its letters are there."""
        self._whole, self._range = page, None
        self._ask(range(page, page + 1))
        self._select_whole()

    def _select_whole(self) -> None:
        page = self._whole
        text = self._texts.get(page) if page is not None else None
        if page is not None and text is not None:
            self._whole = None
            if text.letters:
                self._range = ((page, 0), (page, len(text.letters) - 1))
            self.changed.emit()

    def _select(self) -> None:
        if self._start is None or self._end is None:
            return
        if not self._ends_are_read:
            return
        ends = sorted((self._start, self._end), key=lambda end: end[0])
        (first_page, *above), (last_page, *below) = ends
        first = self._texts[first_page].nearest(*above)
        last = self._texts[last_page].nearest(*below)
        if first_page == last_page:
            if first is None or last is None:
                return
            first, last = sorted((first, last))
        # past the end of a page without letters, and before its beginning, there is nothing
        self._range = (
            (first_page, 0 if first is None else first),
            (last_page, -1 if last is None else last),
        )
        self.changed.emit()

    def _ask(self, pages: range) -> None:
        missing = [page for page in pages if page not in self._texts]
        if self._document is not None and missing:
            document = self._document
            self._renderer.want(self._owner, [TextRequest(document, page) for page in missing])

    def _take(self, request: TextRequest, text: PageText) -> None:
        if request.document != self._document:
            return
        self._texts[request.page] = text
        self._select()
        if not self._down and self._ends_are_read:
            self._start = self._end = None
        self._select_whole()
        spare = [page for page in self._texts if page not in self._needed]
        for page in spare[: max(0, len(spare) - KEPT)]:
            del self._texts[page]
        if request.page in self._pages:
            self.changed.emit()

    @property
    def _needed(self) -> range:
        """The pages of the selection as it is, or as it will be once all of them were read."""
        if self._start is None or self._end is None:
            return self._pages
        first, last = sorted((self._start[0], self._end[0]))
        return range(first, last + 1)

    # --- what was found --------------------------------------------------------------------------

    def show_hits(self, hits: Sequence[Hit], current: int) -> None:
        """Mark the places where a text was found, and the one of them that is looked at."""
        self._hits, self._current = hits, current
        self.changed.emit()

    # --- painting --------------------------------------------------------------------------------

    def paint(self, painter: QPainter, page: int, corner: QPointF, scale: float) -> None:
        """On a page that is not turned, its top left at *corner*, *scale* pixels to a
        millimetre."""
        for number, (where, box) in enumerate(self._hits):
            if where == page:
                strength = CURRENT if number == self._current else STRENGTH
                place = QRectF(box.topLeft() * scale + corner, box.size() * scale)
                painter.fillRect(place, _marking("unknown", strength))
        part = self._letters_on(page)
        if part is None:
            return
        for line in self._texts[page].lines(*part):
            painter.fillRect(_pixels(line, corner, scale), _marking("focus", STRENGTH))


def _pixels(box: Box, corner: QPointF, scale: float) -> QRectF:
    left, top, right, bottom = (value / MM * scale for value in box)
    return QRectF(left, top, right - left, bottom - top).translated(corner)


def _marking(role: str, strength: int) -> QColor:
    made = QColor(theme.colour(role))
    made.setAlpha(strength)
    return made
