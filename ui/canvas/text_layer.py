"""The text of the pages as far as the mouse selects it and the search finds it.

A page's letters are asked for when the mouse goes down on it, from the process that draws; nothing
is read in the window's process.
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
"""Pages whose letters are kept."""
STRENGTH, CURRENT = 70, 130
"""Opacity of what is marked, of 255; of the hit being looked at."""

Hit = tuple[int, QRectF]
"""Page (0-based) and place on it in millimetres."""


class TextLayer(QObject):
    """Selection and found places of one view."""

    changed = Signal()

    def __init__(self, renderer: Renderer, owner: str, parent: QObject) -> None:
        super().__init__(parent)
        self._renderer, self._owner = renderer, owner
        self._document: int | None = None
        self._texts: OrderedDict[int, PageText] = OrderedDict()
        self._page = 0
        self._start: tuple[float, float] | None = None
        """Where the mouse went down, in points; None: it is up."""
        self._end: tuple[float, float] | None = None
        self._range: tuple[int, int] | None = None
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
        text = self._texts.get(self._page)
        if self._range is None or text is None:
            return ""
        return text.letters[self._range[0] : self._range[1] + 1].strip("\n")

    def press(self, page: int, x: float, y: float) -> None:
        """The mouse goes down at a place in millimetres: what was selected is not any more."""
        had, self._range, self._whole = self._range, None, None
        self._page, self._start, self._end = page, (x * MM, y * MM), None
        self._ask(page)
        if had is not None:
            self.changed.emit()

    def drag(self, page: int, x: float, y: float) -> None:
        """The mouse, down, has come to a place; a selection stays on the page where it began."""
        if self._start is None or page != self._page:
            return
        self._end = x * MM, y * MM
        self._select()

    def release(self) -> bool:
        """The mouse goes up; was anything selected?"""
        self._start = None
        return self._range is not None

    def select_page(self, page: int) -> None:
        """Everything on a page, as soon as its letters are there."""
        self._page, self._whole, self._range = page, page, None
        self._ask(page)
        self._select_whole()

    def _select_whole(self) -> None:
        text = self._texts.get(self._page)
        if text is not None and self._whole == self._page:
            self._whole = None
            if text.letters:
                self._range = (0, len(text.letters) - 1)
            self.changed.emit()

    def _select(self) -> None:
        text = self._texts.get(self._page)
        if text is None or self._start is None or self._end is None:
            return
        first, last = text.nearest(*self._start), text.nearest(*self._end)
        if first is not None and last is not None:
            self._range = (min(first, last), max(first, last))
            self.changed.emit()

    def _ask(self, page: int) -> None:
        if self._document is not None and page not in self._texts:
            self._renderer.want(self._owner, [TextRequest(self._document, page)])

    def _take(self, request: TextRequest, text: PageText) -> None:
        if request.document != self._document:
            return
        self._texts[request.page] = text
        while len(self._texts) > KEPT:
            self._texts.popitem(last=False)
        self._select()
        self._select_whole()

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
        text = self._texts.get(page)
        if self._range is None or page != self._page or text is None:
            return
        for line in text.lines(*self._range):
            painter.fillRect(_pixels(line, corner, scale), _marking("focus", STRENGTH))


def _pixels(box: Box, corner: QPointF, scale: float) -> QRectF:
    left, top, right, bottom = (value / MM * scale for value in box)
    return QRectF(left, top, right - left, bottom - top).translated(corner)


def _marking(role: str, strength: int) -> QColor:
    made = QColor(theme.colour(role))
    made.setAlpha(strength)
    return made
