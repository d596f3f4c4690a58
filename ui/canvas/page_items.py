"""What lies on a page of the canvas: seals, suggestions, outlines, and how they are painted.

Over each of them lies a :class:`Handle`, a small widget that takes the focus, the arrow keys and
the mouse and that a screen reader finds.
"""

from __future__ import annotations

import math
from typing import Any

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QPixmap,
)
from PySide6.QtWidgets import QWidget

from crypto.frozen import frozen
from crypto.seal.date_mark import RED, shapes
from ui import theme
from ui.language import tr

WHOLE = (0.0, 0.0, 1.0, 1.0)


@frozen
class Item:
    """Something lying on a page."""

    key: str
    """Its own name within the view."""
    page: int
    """0-based."""
    left_mm: float
    top_mm: float
    width_mm: float
    height_mm: float
    name: str
    """What a screen reader says of it, without the place."""
    picture: QImage | None = None
    """The imprint, whole."""
    part: tuple[float, float, float, float] = WHOLE
    """Which part of the imprint, as in :class:`crypto.pdf.marks.drawing.Mark`."""
    text: str = ""
    """A date to draw instead of a picture, as the file will hold it."""
    look: str = "seal"
    """"seal" (as it will be printed), "ghost" (a suggestion), "outline" (around what is there),
    "cover" (another picture of the whole page, which nothing can be done with)."""
    tint: str = "focus"
    """Role of the outline's colour."""
    movable: bool = False

    @property
    def spoken(self) -> str:
        """ "合同专用章，第3页，距左 120 毫米，距上 240 毫米"."""
        return tr(
            "{name}，第 {page} 页，距左 {left} 毫米，距上 {top} 毫米",
            name=self.name,
            page=self.page + 1,
            left=f"{self.left_mm:.0f}",
            top=f"{self.top_mm:.0f}",
        )


def scaled_part(whole: QImage, part: tuple[float, float, float, float], size: QSize) -> QPixmap:
    """A part of an imprint (fractions from its top left) in *size* pixels, smoothly."""
    x0, y0, x1, y1 = part
    cut = QRect(
        round(x0 * whole.width()),
        round(y0 * whole.height()),
        max(1, round((x1 - x0) * whole.width())),
        max(1, round((y1 - y0) * whole.height())),
    )
    image = whole.copy(cut).scaled(
        max(1, size.width()),
        max(1, size.height()),
        Qt.AspectRatioMode.IgnoreAspectRatio,
        Qt.TransformationMode.SmoothTransformation,
    )
    return QPixmap.fromImage(image)


def paint_date(painter: QPainter, item: Item, target: QRectF) -> None:
    """The outlines of the item's date in *target*, as :mod:`crypto.pdf.marks.date` writes them."""
    scale = target.height() / item.height_mm
    path = QPainterPath()
    path.setFillRule(Qt.FillRule.WindingFill)
    for operator, numbers in shapes(item.text, item.height_mm):
        at = [number * scale for number in numbers]
        if operator == "m":
            path.moveTo(at[0], at[1])
        elif operator == "l":
            path.lineTo(at[0], at[1])
        elif operator == "c":
            path.cubicTo(*at)
        else:
            path.closeSubpath()
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_Multiply)
    painter.fillPath(path.translated(target.topLeft()), QColor.fromRgbF(*RED))
    painter.restore()


class Imprints:
    """Imprints scaled for the screen, made once for each size."""

    def __init__(self) -> None:
        self._made: dict[tuple[Any, ...], QPixmap] = {}

    def clear(self) -> None:
        self._made.clear()

    def paint(self, painter: QPainter, item: Item, target: QRectF, ratio: float) -> None:
        """A seal or a date in *target*; an outline is painted by its handle."""
        if item.text:
            paint_date(painter, item, target)
        elif item.picture is not None and item.look == "cover":
            painter.drawImage(target, item.picture)
        elif item.picture is not None:
            self._paint_seal(painter, item, target, ratio)

    def _paint_seal(self, painter: QPainter, item: Item, target: QRectF, ratio: float) -> None:
        """Multiply, as the file has it: black text shows through the red.

        The whole imprint is laid on whole device pixels (*ratio* to one of Qt's) and clipped to the
        mark, which is how the renderer draws the file: what is seen before and after stamping is
        the same."""
        x0, y0, x1, y1 = item.part
        width, height = target.width() / (x1 - x0), target.height() / (y1 - y0)
        whole = QRectF(target.left() - x0 * width, target.top() - y0 * height, width, height)
        left, top = math.floor(whole.left() * ratio), math.floor(whole.top() * ratio)
        size = QSize(
            math.ceil(whole.right() * ratio - 1e-3) - left,
            math.ceil(whole.bottom() * ratio - 1e-3) - top,
        )
        painter.save()
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_Multiply)
        if item.look == "ghost":
            painter.setOpacity(0.35)
        if item.part != WHOLE:
            painter.setClipRect(target, Qt.ClipOperation.IntersectClip)
        painter.drawPixmap(QPointF(left / ratio, top / ratio), self._scaled(item, size, ratio))
        painter.restore()

    def _scaled(self, item: Item, size: QSize, ratio: float) -> QPixmap:
        """The item's whole imprint in *size* device pixels."""
        picture = item.picture or QImage()
        key = (picture.cacheKey(), size.width(), size.height())
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = scaled_part(picture, WHOLE, size)
            made.setDevicePixelRatio(ratio)
        return made


class Handle(QWidget):
    """The part of an item that takes focus, keys and the mouse; it paints only its frame."""

    dragged = Signal(QPointF)
    """Where the mouse has taken the top left corner, in the parent's pixels."""
    dropped = Signal()
    """The mouse let go after dragging."""
    clicked = Signal()
    nudged = Signal(float, float)
    """By an arrow key: millimetres to the right and down."""
    removed = Signal()
    """By Delete or Backspace."""
    focused = Signal()

    def __init__(self, item: Item, parent: QWidget) -> None:
        super().__init__(parent)
        self._grip: QPointF | None = None
        self._moved = False
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.show_item(item)

    def show_item(self, item: Item) -> None:
        self.item = item
        self.setAccessibleName(item.spoken)
        self.setToolTip(item.name if item.look == "outline" else "")
        pointing = Qt.CursorShape.PointingHandCursor
        self.setCursor(Qt.CursorShape.SizeAllCursor if item.movable else pointing)

    def paintEvent(self, event: QPaintEvent) -> None:
        item, painter = self.item, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        role, width, style = item.tint, 1.5, Qt.PenStyle.DashLine
        if item.look == "outline":
            width, style = 2.5, Qt.PenStyle.SolidLine
        elif item.look == "seal" and not self.hasFocus():
            if not self.underMouse():
                return
            role = "muted"
        if self.hasFocus():
            role, style, width = "focus", Qt.PenStyle.SolidLine, 2.0
            if item.look == "outline":
                role, width = item.tint, 4.0
        pen = QPen(theme.colour(role), width, style)
        painter.setPen(pen)
        edge = width / 2
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(edge, edge, -edge, -edge), 4, 4)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton:
            self.setFocus(Qt.FocusReason.MouseFocusReason)
            self._grip, self._moved = event.position(), False
            event.accept()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._grip is None or not self.item.movable:
            return
        where = self.mapToParent(event.position().toPoint()) - self._grip.toPoint()
        self._moved = True
        self.dragged.emit(QPointF(where))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._grip is None:
            return
        self._grip = None
        if self._moved:
            self.dropped.emit()
        else:
            self.clicked.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = 5.0 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1.0
        key = event.key()
        moves = {
            Qt.Key.Key_Left: (-step, 0.0),
            Qt.Key.Key_Right: (step, 0.0),
            Qt.Key.Key_Up: (0.0, -step),
            Qt.Key.Key_Down: (0.0, step),
        }
        if self.item.movable and key in moves:
            self.nudged.emit(*moves[Qt.Key(key)])
        elif self.item.movable and key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.removed.emit()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.clicked.emit()
        else:
            event.ignore()

    def focusInEvent(self, event: QFocusEvent) -> None:
        self.update()
        self.focused.emit()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self.update()

    def enterEvent(self, event: Any) -> None:
        self.update()

    def leaveEvent(self, event: Any) -> None:
        self.update()
