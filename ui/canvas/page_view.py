"""The document canvas: pages under one another, drawn on demand, with seals and outlines on top.

Everything on a page is given in millimetres from the top left of the page as displayed, as
:class:`crypto.pdf.marks.drawing.Mark` has it. Pages are white in the dark theme too. Bitmaps are
made for the screen's own pixels, whole pages up to a size and tiles beyond it, and kept within a
fixed number of bytes. Where the pages lie is :mod:`ui.canvas.page_stack`'s, what lies on them
:mod:`ui.canvas.page_items`'s. One module, though long: zoom, place and bitmaps are
one state.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from PySide6.QtCore import QPoint, QPointF, QRectF, QSizeF, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QDragEnterEvent,
    QDragMoveEvent,
    QDropEvent,
    QFocusEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QApplication, QFrame

from crypto.frozen import frozen
from crypto.lengths import MM
from ui import theme
from ui.canvas.bitmap_cache import BitmapCache
from ui.canvas.page_items import Handle, Imprints, Item
from ui.canvas.page_stack import GAP, LARGEST, SMALLEST, PageStack
from ui.canvas.renderer import BitmapRequest, Renderer
from ui.canvas.text_layer import TextLayer
from ui.canvas.tiles import bitmaps_of, drawing_scale
from ui.going_first import frame
from ui.language import tr
from ui.widgets import own_viewport

RING = 2
"""Width in pixels of the ring that shows that the canvas has the keyboard focus."""
_KEYS = (
    Qt.FocusReason.TabFocusReason,
    Qt.FocusReason.BacktabFocusReason,
    Qt.FocusReason.ShortcutFocusReason,
)
SELECTING_MS = 40
SEAL_MIME = "application/x-sealdesk-seal"


@frozen
class Place:
    """What a view shows of a document."""

    page: int
    x: float
    y: float
    """The view's top left corner, in millimetres from the page's."""
    zoom: float
    fit: str
    """"width" or "page" as long as the zoom follows the window, else ""."""
    turn: int = 0
    """Quarter turns clockwise."""


class PageView(QAbstractScrollArea):
    """Shows one document of a :class:`ui.canvas.renderer.Renderer`."""

    shown = Signal()
    """All that is in view of a document that has been opened is drawn, or cannot be: once for
    each document, and after the window had its turn to paint."""
    page_changed = Signal(int)
    zoom_changed = Signal(float)
    item_clicked = Signal(str)
    item_focused = Signal(str)
    item_nudged = Signal(str, float, float)
    item_removed = Signal(str)
    item_moved = Signal(str, int, float, float)
    """Key, new page, new left and top in millimetres."""
    page_clicked = Signal(int, float, float)
    menu_asked = Signal(QPoint, bool)
    """Where on the screen, and whether by keyboard."""
    seal_dropped = Signal(str, int, float, float)
    """A seal card was dropped on a page: its code, the page, the point in millimetres."""

    def __init__(self, renderer: Renderer, owner: str = "canvas") -> None:
        super().__init__()
        own_viewport(self)
        self._renderer, self._owner = renderer, owner
        self.cache = BitmapCache()
        self.document: int | None = None
        self._told = True
        """Was :attr:`shown` sent for the document?"""
        self._pages = PageStack()
        self._fit = "width"
        self._page = 0
        self._items: dict[str, Item] = {}
        self._handles: dict[str, Handle] = {}
        self._dragged: Item | None = None
        self._pressed: QPointF | None = None
        """Where the mouse went down."""
        self._imprints = Imprints()
        self._undrawable: set[int] = set()
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._by_keyboard = False
        self.setAccessibleName(tr("文件页面"))
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.viewport().setAcceptDrops(True)
        self.setAcceptDrops(True)
        self.verticalScrollBar().setSingleStep(48)
        self.verticalScrollBar().setAccessibleName(tr("上下滚动"))
        self.horizontalScrollBar().setAccessibleName(tr("左右滚动"))
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        renderer.drawn.connect(self._take)
        renderer.undrawable.connect(self._give_up)
        self.text = TextLayer(renderer, f"{owner} text", self)
        self.text.changed.connect(self.viewport().update)
        self._selecting = QTimer(self)
        """Runs while the mouse, selecting, is above or below what is shown."""
        self._selecting.setInterval(SELECTING_MS)
        self._selecting.timeout.connect(self._select_on)
        self._mouse = QPointF()

    # --- the document ----------------------------------------------------------------------------

    def show_document(self, document: int, sizes: Sequence[tuple[float, float]]) -> None:
        """Show the renderer's *document* from its first page, as wide as the view; *sizes* in
        points."""
        self.cache.clear()
        self._undrawable.clear()
        self.document, self._told = document, False
        self.text.show_document(document)
        self._replace_pages([(width / MM, height / MM) for width, height in sizes])
        self._page = 0
        self.set_items(())
        self._fit = "width"
        self._pages.zoom = min(max(self._fitting(), SMALLEST), LARGEST)
        self._lay_out()
        self.verticalScrollBar().setValue(0)
        self.page_changed.emit(0)
        self.zoom_changed.emit(self.zoom)

    def clear(self) -> None:
        """Show nothing."""
        self.document, self._told = None, True
        self.text.show_document(None)
        self._replace_pages(())
        self.cache.clear()
        self.set_items(())
        self._renderer.want(self._owner, [])
        self._lay_out()

    def _replace_pages(self, sizes: Sequence[tuple[float, float]]) -> None:
        zoom, self._pages = self._pages.zoom, PageStack(sizes)
        self._pages.zoom = zoom

    @property
    def page_count(self) -> int:
        return len(self._pages)

    @property
    def page(self) -> int:
        """The page in the middle of the view, 0-based."""
        return self._page

    def page_size(self, page: int) -> tuple[float, float]:
        """Width and height in millimetres."""
        return self._pages.sizes[page]

    def go_to(self, page: int, top_mm: float | None = None) -> None:
        """Scroll *page* to the top, or the place *top_mm* down on it to the middle."""
        if not 0 <= page < len(self._pages):
            return
        value = self._pages.top(page) - GAP // 2
        if top_mm is not None:
            across = self._pages.sizes[page][0] / 2
            there = self._pages.placed(page, QRectF(across, top_mm, 0, 0)).top()
            value = round(there) - self.viewport().height() // 2
        self.verticalScrollBar().setValue(value)
        if top_mm is None:
            self._set_page(page)

    @property
    def place(self) -> Place | None:
        """What is shown; None without a document."""
        corner = self._locate(QPointF(0, 0))
        return Place(*corner, self.zoom, self._fit, self.turn) if corner is not None else None

    def return_to(self, place: Place) -> None:
        """Show that place of the document, if it has the page."""
        if not place.page < len(self._pages):
            return
        self._fit, self._pages.turn = place.fit, place.turn
        self._rescale(self._fitting() if place.fit else place.zoom)
        there = self._pages.placed(place.page, QRectF(place.x, place.y, 0, 0)).topLeft().toPoint()
        self.verticalScrollBar().setValue(there.y())
        self.horizontalScrollBar().setValue(there.x())

    @property
    def turn(self) -> int:
        """Quarter turns clockwise in which the pages are shown."""
        return self._pages.turn

    def rotate(self, quarters: int) -> None:
        """Turn what is shown clockwise; the document stays as it is."""
        if not len(self._pages):
            return
        page, self._pages.turn = self._page, (self._pages.turn + quarters) % 4
        self._rescale(self._fitting() if self._fit else self.zoom)
        self.go_to(page)

    # --- zoom ------------------------------------------------------------------------------------

    @property
    def zoom(self) -> float:
        """1.0 shows a millimetre as the screen's 96 dpi have it."""
        return self._pages.zoom

    def set_zoom(self, zoom: float, anchor: QPoint | None = None) -> None:
        """Zoom around *anchor*, in pixels of the viewport; default: its middle."""
        self._fit = ""
        self._rescale(zoom, anchor)

    def fit(self, what: str) -> None:
        """Keep the page's "width" or the whole "page" in view while the window changes."""
        self._fit = what
        self._rescale(self._fitting())

    def _fitting(self) -> float:
        view = self.viewport()
        return self._pages.fitting_zoom(self._fit, self._page, view.width(), view.height())

    def _rescale(self, zoom: float, anchor: QPoint | None = None) -> None:
        zoom = min(max(zoom, SMALLEST), LARGEST)
        point = anchor or QPoint(self.viewport().width() // 2, self.viewport().height() // 2)
        place = self._locate(QPointF(point))
        self._pages.zoom = zoom
        self._imprints.clear()
        self._lay_out()
        if place is not None:
            page, x, y = place
            wanted = self._pages.placed(page, QRectF(x, y, 0, 0)).topLeft().toPoint() - point
            self.verticalScrollBar().setValue(wanted.y())
            self.horizontalScrollBar().setValue(wanted.x())
        self.zoom_changed.emit(zoom)

    # --- things on the pages ---------------------------------------------------------------------

    def set_items(self, items: Iterable[Item]) -> None:
        """Show these things and no others."""
        self._items = {item.key: item for item in items}
        self._imprints.clear()
        self._place_handles()
        self.viewport().update()

    def item(self, key: str) -> Item | None:
        """The thing of that name, if it is there."""
        return self._items.get(key)

    @property
    def items(self) -> tuple[Item, ...]:
        return tuple(self._items.values())

    def focus_item(self, key: str) -> None:
        """Bring the thing into view and give it the focus."""
        item = self._items.get(key)
        if item is None:
            return
        self.look_at(key)
        self._place_handles()
        if key in self._handles:
            self._handles[key].setFocus(Qt.FocusReason.OtherFocusReason)

    def look_at(self, key: str) -> None:
        """Bring the thing into view."""
        item = self._items.get(key)
        if item is not None:
            self.go_to(item.page, item.top_mm + item.height_mm / 2)

    def _drag(self, key: str, corner: QPointF) -> None:
        """Show an item while it is dragged with its top left at *corner* (viewport pixels)."""
        item = self._items[key]
        size = self._rectangle(item).size()
        place = self._locate(corner + QPointF(size.width() / 2, size.height() / 2))
        if place is None:
            return
        page, x, y = place
        left, top = self.clamp(
            page, x - item.width_mm / 2, y - item.height_mm / 2, item.width_mm, item.height_mm
        )
        self._dragged = replace(item, page=page, left_mm=left, top_mm=top)
        if key in self._handles:
            self._handles[key].setGeometry(self._rectangle(self._dragged).toAlignedRect())
        self.viewport().update()

    def _drop(self, key: str) -> None:
        dragged, self._dragged = self._dragged, None
        if dragged is not None:
            self.item_moved.emit(key, dragged.page, dragged.left_mm, dragged.top_mm)
        self.viewport().update()

    def clamp(
        self, page: int, left: float, top: float, width: float, height: float
    ) -> tuple[float, float]:
        """The nearest place (mm) at which a thing of that size lies wholly on the page."""
        return self._pages.clamp(page, left, top, width, height)

    # --- geometry --------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        bar, view, pages = self.verticalScrollBar(), self.viewport(), self._pages
        pages.lay_out(view.width())
        bar.setRange(0, max(0, pages.height - view.height()))
        bar.setPageStep(view.height())
        self.horizontalScrollBar().setRange(0, max(0, pages.needed_width - view.width()))
        self.horizontalScrollBar().setPageStep(view.width())
        self._scrolled()

    @property
    def _scroll(self) -> QPointF:
        """What the viewport's top left shows, in pixels of the stack."""
        return QPointF(self.horizontalScrollBar().value(), self.verticalScrollBar().value())

    def _paper(self, page: int) -> QRectF:
        """The page in viewport pixels."""
        return self._pages.paper(page).translated(-self._scroll)

    def _rectangle(self, item: Item) -> QRectF:
        box = QRectF(item.left_mm, item.top_mm, item.width_mm, item.height_mm)
        return self._pages.placed(item.page, box).translated(-self._scroll)

    def _visible(self) -> range:
        start = self.verticalScrollBar().value()
        return self._pages.visible(start, start + self.viewport().height())

    def _locate(self, point: QPointF) -> tuple[int, float, float] | None:
        """The page nearest to a point of the viewport and the place on it in millimetres."""
        return self._pages.locate(point + self._scroll)

    # --- asking for bitmaps ----------------------------------------------------------------------

    def _pieces(self, page: int, only: QRectF | None = None) -> list[tuple[BitmapRequest, QPointF]]:
        """The bitmaps that make up a page now, with their corners on it in pixels."""
        if self.document is None or page in self._undrawable:
            return []
        size, ratio = self._pages.sizes[page], self.devicePixelRatioF()
        return bitmaps_of(self.document, page, size, self.zoom, ratio, only)

    def _ask(self) -> None:
        visible = self._visible()
        if self.document is None or not visible:
            return
        wanted: list[BitmapRequest] = []
        for page in visible:
            wanted += [request for request, _ in self._pieces(page, self._seen(page))]
        for page in (visible.stop, visible.start - 1):
            if 0 <= page < len(self._pages):
                pieces = self._pieces(page)
                if len(pieces) == 1:
                    wanted.append(pieces[0][0])
        wanted = [request for request in wanted if self.cache.get(request) is None]
        self._renderer.want(self._owner, wanted)

    def _seen(self, page: int) -> QRectF:
        """The part of a page that is in view, in pixels from its corner."""
        view = QRectF(self.viewport().rect()).translated(self._scroll)
        part, scale = self._pages.inside(page, view), self._pages.scale
        return QRectF(part.topLeft() * scale, part.size() * scale)

    def _take(self, request: BitmapRequest, picture: QImage) -> None:
        if request.document != self.document:
            return
        ratio = self.devicePixelRatioF()
        if abs(request.scale - drawing_scale(self.zoom, ratio)) > 1e-9:
            return
        pixmap = QPixmap.fromImage(picture)
        pixmap.setDevicePixelRatio(ratio)
        self.cache.put(request, pixmap)
        if request.page in self._visible():
            self.viewport().update()
            self._tell()

    def _give_up(self, request: BitmapRequest) -> None:
        if request.document == self.document:
            self._undrawable.add(request.page)
            self.viewport().update()
            self._tell()

    def _tell(self) -> None:
        if not self._told and self.complete:
            self._told = True
            QTimer.singleShot(0, self, self.shown.emit)  # painting comes first

    @property
    def complete(self) -> bool:
        """Is everything in view drawn as it should be?"""
        return self.document is not None and all(
            self.cache.get(request) is not None
            for page in self._visible()
            for request, _ in self._pieces(page, self._seen(page))
        )

    # --- painting --------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        painter.fillRect(event.rect(), theme.colour("canvas"))
        for page in self._visible():
            self._paint_page(painter, page)
        if self._by_keyboard and self.hasFocus():
            painter.setPen(QPen(theme.colour("focus"), RING))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            inside = RING / 2
            edge = QRectF(self.viewport().rect()).adjusted(inside, inside, -inside, -inside)
            painter.drawRect(edge)
        painter.end()

    def focusInEvent(self, event: QFocusEvent) -> None:
        reason = event.reason()
        if reason in _KEYS or reason is Qt.FocusReason.MouseFocusReason:  # else what it was before
            self._by_keyboard = reason in _KEYS
        self.viewport().update()
        super().focusInEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self.viewport().update()
        super().focusOutEvent(event)

    def _paint_page(self, painter: QPainter, page: int) -> None:
        paper = self._paper(page)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        edge = QColor(0, 0, 0, 36)
        painter.setPen(QPen(edge, 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(paper.adjusted(-0.5, -0.5, 0.5, 0.5))
        painter.fillRect(paper, QColor("white"))
        painter.save()
        painter.setClipRect(paper)
        width, height = (edge * self._pages.scale for edge in self._pages.sizes[page])
        paper = QRectF(paper.topLeft(), QSizeF(width, height))  # drawn as if it were not turned
        if self.turn:
            scroll = self._scroll
            painter.translate(-scroll)
            painter.setTransform(self._pages.upright(page), True)
            painter.translate(scroll)
        if page in self._undrawable:
            painter.setPen(QColor("#5b6470"))
            painter.drawText(paper, Qt.AlignmentFlag.AlignCenter, tr("这一页无法显示"))
        pieces = self._pieces(page, self._seen(page))
        have = [(self.cache.get(request), corner) for request, corner in pieces]
        if any(pixmap is None for pixmap, _ in have) and self.document is not None:
            rough = self.cache.any_of(self.document, page)
            if rough is not None:
                painter.drawPixmap(paper, rough, QRectF(rough.rect()))
        for pixmap, corner in have:
            if pixmap is not None:
                painter.drawPixmap(paper.topLeft() + corner, pixmap)
        for item in self._items.values():
            shown = item
            if self._dragged is not None and self._dragged.key == item.key:
                shown = self._dragged
            if shown.page == page:
                corner = paper.topLeft() + QPointF(shown.left_mm, shown.top_mm) * self._pages.scale
                size = QSizeF(shown.width_mm, shown.height_mm) * self._pages.scale
                where, ratio = QRectF(corner, size), self.devicePixelRatioF()
                self._imprints.paint(painter, shown, where, ratio)
        self.text.paint(painter, page, paper.topLeft(), self._pages.scale)
        painter.restore()

    # --- scrolling, keys, mouse ------------------------------------------------------------------

    def _scrolled(self) -> None:
        if len(self._pages):
            middle = self.verticalScrollBar().value() + self.viewport().height() // 3
            self._set_page(self._pages.page_above(middle))
        self._place_handles()
        self._ask()
        self.viewport().update()

    def _set_page(self, page: int) -> None:
        if page != self._page:
            self._page = page
            self.page_changed.emit(page)

    def _place_handles(self) -> None:
        visible = set(self._visible())
        for key, handle in list(self._handles.items()):
            item = self._items.get(key)
            if item is None or (item.page not in visible and not handle.hasFocus()):
                del self._handles[key]
                handle.hide()
                handle.deleteLater()
        for key, item in self._items.items():
            if item.look == "cover" or (item.page not in visible and key not in self._handles):
                continue
            if key not in self._handles:
                self._handles[key] = self._new_handle(item)
            handle = self._handles[key]
            handle.show_item(item)
            grow = 4 if item.look == "outline" else 0
            handle.setGeometry(
                self._rectangle(item).toAlignedRect().adjusted(-grow, -grow, grow, grow)
            )

    def _new_handle(self, item: Item) -> Handle:
        key, handle = item.key, Handle(item, self.viewport())
        handle.clicked.connect(lambda: self.item_clicked.emit(key))
        handle.focused.connect(lambda: self.item_focused.emit(key))
        handle.nudged.connect(
            lambda right, down: self.item_nudged.emit(key, *self._pages.on_page(right, down))
        )
        handle.removed.connect(lambda: self.item_removed.emit(key))
        handle.dragged.connect(lambda corner: self._drag(key, corner))
        handle.dropped.connect(lambda: self._drop(key))
        handle.show()
        return handle

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        frame()
        self._scrolled()

    def resizeEvent(self, event: QResizeEvent) -> None:
        view, ratio = self.viewport(), self.devicePixelRatioF()
        self.cache.fit(view.width() * view.height() * ratio**2)
        if self._fit:
            self._rescale(self._fitting(), QPoint(self.viewport().width() // 2, 0))
        else:
            self._lay_out()

    def wheelEvent(self, event: QWheelEvent) -> None:
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            steps = event.angleDelta().y() / 120
            self.set_zoom(self.zoom * 1.2**steps, event.position().toPoint())
            event.accept()
            return
        super().wheelEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        by_keyboard = event.reason() == QContextMenuEvent.Reason.Keyboard
        self.menu_asked.emit(event.globalPos(), by_keyboard)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, bar = event.key(), self.verticalScrollBar()
        if key == Qt.Key.Key_PageDown:
            self.go_to(min(self._page + 1, len(self._pages) - 1))
        elif key == Qt.Key.Key_PageUp:
            self.go_to(max(self._page - 1, 0))
        elif key == Qt.Key.Key_Home:
            bar.setValue(0)
        elif key == Qt.Key.Key_End:
            bar.setValue(bar.maximum())
        elif key == Qt.Key.Key_Up:
            bar.setValue(bar.value() - bar.singleStep())
        elif key == Qt.Key.Key_Down:
            bar.setValue(bar.value() + bar.singleStep())
        else:
            super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        place = self._on_paper(event.position())
        if event.button() is Qt.MouseButton.LeftButton and place is not None:
            self._pressed = event.position()
            self.text.press(*place)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        far = QApplication.startDragDistance()
        if self._pressed is None or (event.position() - self._pressed).manhattanLength() < far:
            return
        self._mouse = event.position()
        self._select_here()
        if self._beyond() and not self._selecting.isActive():
            self._selecting.start()

    def _select_here(self) -> None:
        place = self._locate(self._mouse)
        if place is not None:
            self.text.drag(*place)

    def _beyond(self) -> int:
        """How many pixels the mouse is below what is shown, or above it (negative)."""
        down = round(self._mouse.y())
        return min(down, 0) + max(down - self.viewport().height(), 0)

    def _select_on(self) -> None:
        """Scroll after the mouse, the further out the quicker, and select what comes."""
        beyond = self._beyond()
        if self._pressed is None or not beyond:
            self._selecting.stop()
            return
        bar, most = self.verticalScrollBar(), self.viewport().height() // 4
        bar.setValue(bar.value() + max(-most, min(beyond, most)))
        self._select_here()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._pressed = None
        self._selecting.stop()
        if self.text.release():
            return  # text was selected: that is no click
        place = self._on_paper(event.position())
        if event.button() is Qt.MouseButton.LeftButton and place is not None:
            self.page_clicked.emit(*place)

    def _on_paper(self, point: QPointF) -> tuple[int, float, float] | None:
        place = self._locate(point)
        if place is None or not self._paper(place[0]).contains(point):
            return None
        return place

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasFormat(SEAL_MIME):
            event.acceptProposedAction()
        else:
            event.ignore()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        if event.mimeData().hasFormat(SEAL_MIME) and self._on_paper(event.position()):
            event.acceptProposedAction()
        else:
            event.ignore()

    def dropEvent(self, event: QDropEvent) -> None:
        place = self._on_paper(event.position())
        if place is None or not event.mimeData().hasFormat(SEAL_MIME):
            event.ignore()
            return
        code = bytes(event.mimeData().data(SEAL_MIME).data()).decode()
        event.acceptProposedAction()
        self.seal_dropped.emit(code, *place)
