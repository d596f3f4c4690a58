"""Thumbnails, canvas and the small toolbar above it: how every page shows a document."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QImage, QPainter, QPen, QPixmap
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QListView,
    QSpinBox,
    QStyledItemDelegate,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from crypto.lengths import MM
from ui import theme
from ui.canvas.bitmap_cache import BitmapCache
from ui.canvas.page_items import Item, paint_date, scaled_part
from ui.canvas.page_stack import LARGEST
from ui.canvas.page_view import PageView, Place
from ui.canvas.renderer import BitmapRequest, Renderer
from ui.language import tr
from ui.room import in_field, room
from ui.widgets import OneLine, label, own_viewport, tool

if TYPE_CHECKING:
    from PySide6.QtWidgets import QStyleOptionViewItem

Index = QModelIndex | QPersistentModelIndex

SPARE = "spare"
"""Property of a button of the toolbar without which a narrow one can do."""
THUMB_WIDTH = 104
THUMB_HEIGHT = 140
STRIP_WIDTH = 150


class _Pages(QAbstractListModel):
    """Row n is page n; the pictures come when they are looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[tuple[float, float]] = []

    def show_sizes(self, sizes: Sequence[tuple[float, float]]) -> None:
        self.beginResetModel()
        self.sizes = list(sizes)
        self.endResetModel()

    def rowCount(self, parent: Index | None = None) -> int:
        return len(self.sizes)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return tr("第 {page} 页", page=index.row() + 1)
        return None


class _Painter(QStyledItemDelegate):
    def __init__(self, strip: Thumbnails) -> None:
        super().__init__(strip)
        self._strip = strip

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(STRIP_WIDTH - 14, self._strip.paper_size(index.row()).height() + 34)

    def paint(self, painter: QPainter, option: Any, index: Index) -> None:
        page = index.row()
        size = self._strip.paper_size(page)
        area: QRect = option.rect
        paper = QRect(
            area.left() + (area.width() - size.width()) // 2,
            area.top() + 8,
            size.width(),
            size.height(),
        )
        painter.save()
        chosen = self._strip.selectionModel().isSelected(index)
        painter.fillRect(paper, QColor("white"))
        picture = self._strip.picture(page)
        if picture is not None:
            painter.drawPixmap(paper, picture)
        self._strip.paint_items(painter, page, paper)
        painter.setPen(QPen(theme.colour("focus" if chosen else "line"), 2 if chosen else 1))
        painter.drawRect(paper.adjusted(-1, -1, 0, 0))
        painter.setPen(theme.colour("text" if chosen else "muted"))
        below = QRect(area.left(), paper.bottom() + 3, area.width(), 20)
        painter.drawText(below, Qt.AlignmentFlag.AlignCenter, str(page + 1))
        painter.restore()


class Thumbnails(QListView):
    """The pages, small; drawn as they come into view."""

    page_chosen = Signal(int)

    def __init__(self, renderer: Renderer, owner: str) -> None:
        super().__init__()
        own_viewport(self)
        self._renderer, self._owner = renderer, owner
        self._document: int | None = None
        self._cache = BitmapCache(12 * 1024 * 1024)
        self._items: tuple[Item, ...] = ()
        self._imprints: dict[tuple[Any, ...], QPixmap] = {}
        self._pages = _Pages()
        self.setModel(self._pages)
        self.setItemDelegate(_Painter(self))
        self.setFixedWidth(STRIP_WIDTH)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName(tr("页面缩略图"))
        self.selectionModel().currentChanged.connect(self._current)
        self.verticalScrollBar().valueChanged.connect(self._ask)
        renderer.drawn.connect(self._take)
        self._following = False

    def show_document(self, document: int | None, sizes: Sequence[tuple[float, float]]) -> None:
        self._cache.clear()
        self._document = document
        self._pages.show_sizes(sizes)
        self.set_items(())
        self._ask()

    def set_items(self, items: Iterable[Item]) -> None:
        self._items = tuple(items)
        self._imprints.clear()
        self.viewport().update()

    def follow(self, page: int) -> None:
        """Select *page* because the canvas turned to it."""
        if 0 <= page < len(self._pages.sizes):
            self._following = True
            self.setCurrentIndex(self._pages.index(page, 0))
            self._following = False

    def paper_size(self, page: int) -> QSize:
        width, height = self._pages.sizes[page]
        factor = min(THUMB_WIDTH / width, THUMB_HEIGHT / height)
        return QSize(max(8, round(width * factor)), max(8, round(height * factor)))

    def picture(self, page: int) -> QPixmap | None:
        return self._cache.get(self._request(page))

    def paint_items(self, painter: QPainter, page: int, paper: QRect) -> None:
        for item in self._items:
            if item.page != page or item.look in ("ghost", "cover"):
                continue
            scale = paper.width() / self._pages.sizes[page][0] * MM
            area = QRectF(
                paper.left() + item.left_mm * scale,
                paper.top() + item.top_mm * scale,
                item.width_mm * scale,
                item.height_mm * scale,
            )
            painter.save()
            if item.text:
                paint_date(painter, item, area)
            elif item.picture is not None:
                small = self._small(item, area.size().toSize() * self.devicePixelRatioF())
                painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_Multiply)
                painter.drawPixmap(area, small, QRectF(small.rect()))
            else:
                painter.setPen(QPen(theme.colour(item.tint), 1.5))
                painter.drawRect(area)
            painter.restore()

    def _small(self, item: Item, size: QSize) -> QPixmap:
        if item.picture is None:
            return QPixmap()
        key = (item.picture.cacheKey(), item.part, size.width(), size.height())
        if key not in self._imprints:
            self._imprints[key] = scaled_part(item.picture, item.part, size)
        return self._imprints[key]

    def resizeEvent(self, event: Any) -> None:
        super().resizeEvent(event)
        self._ask()

    def _request(self, page: int) -> BitmapRequest:
        width = self._pages.sizes[page][0]
        scale = self.paper_size(page).width() / width * self.devicePixelRatioF()
        return BitmapRequest(self._document or 0, page, scale)

    def _ask(self) -> None:
        if self._document is None:
            return
        first = self.indexAt(self.viewport().rect().topLeft())
        start = first.row() if first.isValid() else 0
        wanted: list[BitmapRequest] = []
        page = max(0, start)
        bottom = self.viewport().height()
        while page < len(self._pages.sizes):
            if self.visualRect(self._pages.index(page, 0)).top() > bottom:
                break
            wanted.append(self._request(page))
            page += 1
        self._renderer.want(
            self._owner, [request for request in wanted if self._cache.get(request) is None]
        )

    def _take(self, request: BitmapRequest, picture: QImage) -> None:
        if request.document != self._document or request.clip is not None:
            return
        if request != self._request(request.page):
            return
        pixmap = QPixmap.fromImage(picture)
        pixmap.setDevicePixelRatio(self.devicePixelRatioF())
        self._cache.put(request, pixmap)
        self.viewport().update()

    def _current(self, index: QModelIndex) -> None:
        if index.isValid() and not self._following:
            self.page_chosen.emit(index.row())


class DocumentPane(QWidget):
    """One document: thumbnails on the left, the canvas, a toolbar with page and zoom."""

    loaded = Signal()
    broken = Signal(str)
    """"password", "crashed" or the kind of error."""

    def __init__(self, renderer: Renderer, owner: str) -> None:
        super().__init__()
        self._renderer = renderer
        self.path: Path | None = None
        self.end: int | None = None
        """How much of the file is shown, bytes; None: all of it."""
        self.password: str | None = None
        self._document: int | None = None
        self._place: Place | None = None
        self._thumbnails_wanted = True
        """Where the document being opened is to be shown."""
        self.view = PageView(renderer, f"{owner} 1 canvas")
        self.thumbnails = Thumbnails(renderer, f"{owner} 2 thumbnails")
        self.toolbar = QHBoxLayout()
        self.toolbar.setContentsMargins(12, 6, 12, 6)
        self.toolbar.setSpacing(4)
        bar = QFrame()
        theme.set_role(bar, "toolbar")
        bar.setLayout(self.toolbar)
        self.title = OneLine()
        self.title.setMinimumWidth(32)
        self._number = QSpinBox()
        self._number.setAccessibleName(tr("页码"))
        self._narrow = False
        self._number.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._number.valueChanged.connect(self._typed)
        self._count = label("/ 0", "muted")
        self._percent = label("100%", "muted")
        largest = self._percent.fontMetrics().horizontalAdvance(f"{LARGEST:.0%}")
        self._percent.setFixedWidth(largest + 10)
        self._percent.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.toolbar.addWidget(self.title, 1)
        self.toolbar.addWidget(self._number)
        self.toolbar.addWidget(self._count)
        self.toolbar.addStretch()
        view = self.view
        whole_page = tool("maximize", tr("整页"), lambda: view.fit("page"), "Ctrl 0")
        whole_page.setProperty(SPARE, True)
        for widget in (
            tool("zoom-out", tr("缩小"), lambda: view.set_zoom(view.zoom / 1.2), "Ctrl -"),
            self._percent,
            tool("zoom-in", tr("放大"), lambda: view.set_zoom(view.zoom * 1.2), "Ctrl +"),
            whole_page,
        ):
            self.toolbar.addWidget(widget)
        body = QHBoxLayout()
        body.setContentsMargins(0, 0, 0, 0)
        body.setSpacing(0)
        body.addWidget(self.thumbnails)
        body.addWidget(self.view, 1)
        self._whole = whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(bar)
        whole.addLayout(body, 1)
        view.page_changed.connect(self._turned)
        view.zoom_changed.connect(lambda zoom: self._percent.setText(f"{zoom * 100:.0f}%"))
        self.thumbnails.page_chosen.connect(view.go_to)
        renderer.opened.connect(self._opened)
        renderer.failed.connect(self._failed)

    def make_room(self, *, thumbnails: bool, narrow: bool) -> None:
        """Without thumbnails, or with nothing in the toolbar that can be done without."""
        self._thumbnails_wanted = thumbnails
        self.thumbnails.setVisible(thumbnails and self._document is not None)
        self.title.setVisible(not narrow)
        self._percent.setVisible(not narrow)
        self._narrow = narrow
        self._fit_number()
        side = 4 if narrow else 12
        self.toolbar.setContentsMargins(side, 6, side, 6)
        self.toolbar.setSpacing(1 if narrow else 4)
        for number in range(self.toolbar.count()):
            item = self.toolbar.itemAt(number)
            part = item.widget() if item is not None else None
            if isinstance(part, QToolButton):
                theme.set_role(part, "narrow" if narrow else "")
                part.setVisible(not (narrow and part.property(SPARE)))

    def add_strip(self, strip: QWidget) -> None:
        """Put *strip* below the toolbar."""
        self._whole.insertWidget(1, strip)

    def open(
        self,
        path: Path,
        *,
        end: int | None = None,
        password: str | None = None,
        stay: bool = False,
    ) -> None:
        """Show *path* (its first *end* bytes); :attr:`loaded` or :attr:`broken` follow. *stay*: at
        the place and zoom of the document being shown, of which it is another state."""
        self._place = self.view.place if stay else None
        self._forget()
        self.path, self.end, self.password = path, end, password
        self._set_title(path.name)
        self.thumbnails.setVisible(self._thumbnails_wanted)
        self._document = self._renderer.open(path, end=end, password=password)

    def close_document(self) -> None:
        self._forget()
        self.thumbnails.hide()  # there are none: no empty column beside an empty page

    def _forget(self) -> None:
        if self._document is not None:
            self._renderer.close_document(self._document)
        self._document = None
        self.path = self.end = self.password = None
        self.view.clear()
        self.thumbnails.show_document(None, ())
        self._count_pages(0)

    def set_items(self, items: Sequence[Item]) -> None:
        """Put these things on canvas and thumbnails."""
        self.view.set_items(items)
        self.thumbnails.set_items(items)

    def _set_title(self, name: str) -> None:
        self.title.setText(name)
        self.title.setToolTip(str(self.path or ""))

    def _opened(self, document: int, sizes: list[tuple[float, float]]) -> None:
        if document != self._document:
            return
        self._count_pages(len(sizes))
        self.view.show_document(document, sizes)
        if self._place is not None:
            self.view.return_to(self._place)
        self._renderer.serve()  # the page is being drawn while the thumbnails are laid out
        self.thumbnails.show_document(document, sizes)
        self.thumbnails.follow(self.view.page)
        self.loaded.emit()

    def _count_pages(self, count: int) -> None:
        self._number.blockSignals(True)
        self._number.setRange(1, max(1, count))
        self._number.setValue(1)
        self._number.blockSignals(False)
        self._number.setEnabled(count > 0)
        self._fit_number()
        self._count.setText(f"/ {count}")

    def _fit_number(self) -> None:
        """Wide enough for the number of the last page."""
        least = room(44 if self._narrow else 52)
        last = str(self._number.maximum())
        self._number.setFixedWidth(max(least, in_field(self._number, last)))

    def _failed(self, document: int, reason: str) -> None:
        if document == self._document:
            self._document = None
            self.thumbnails.hide()
            self.broken.emit(reason)

    def _turned(self, page: int) -> None:
        self._number.blockSignals(True)
        self._number.setValue(page + 1)
        self._number.blockSignals(False)
        self.thumbnails.follow(page)

    def _typed(self, number: int) -> None:
        self.view.go_to(number - 1)
