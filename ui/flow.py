"""A layout like a line of text: widgets side by side, and on the next line where there is no room.

What is narrow stays usable so: no button is cut off, none lies outside.
"""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtWidgets import QLayout, QLayoutItem, QWidget


class Flow(QLayout):
    """Widgets keep the width they want; one for which a stretch is given takes what is left of its
    line."""

    def __init__(self, spacing: int = 8) -> None:
        super().__init__()
        self._items: list[QLayoutItem] = []
        self._stretched: set[QWidget] = set()
        self.setContentsMargins(0, 0, 0, 0)
        self.setSpacing(spacing)

    def stretch(self, widget: QWidget) -> None:
        """Let *widget* take what is left of its line."""
        self._stretched.add(widget)

    # --- what QLayout asks for -------------------------------------------------------------------

    def addItem(self, item: QLayoutItem) -> None:
        self._items.append(item)

    def count(self) -> int:
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:  # type: ignore[override]
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def expandingDirections(self) -> Qt.Orientation:
        return Qt.Orientation(0)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return self._place(QRect(0, 0, width, 0), move=False)

    def setGeometry(self, area: QRect) -> None:
        super().setGeometry(area)
        self._place(area, move=True)

    def sizeHint(self) -> QSize:
        shown = [item.sizeHint() for item in self._items if not item.isEmpty()]
        width = sum(size.width() for size in shown) + self.spacing() * max(0, len(shown) - 1)
        margins = self.contentsMargins()
        height = max((size.height() for size in shown), default=0)
        return QSize(
            width + margins.left() + margins.right(), height + margins.top() + margins.bottom()
        )

    def minimumSize(self) -> QSize:
        margins, size = self.contentsMargins(), QSize()
        for item in self._items:
            if not item.isEmpty():
                size = size.expandedTo(item.minimumSize())
        return size + QSize(margins.left() + margins.right(), margins.top() + margins.bottom())

    # --- lines -----------------------------------------------------------------------------------

    def _place(self, area: QRect, *, move: bool) -> int:
        """Put the widgets into *area*, or only reckon, as is asked for again and again; the height
        that they take."""
        margins, spacing = self.contentsMargins(), self.spacing()
        left, room = area.left() + margins.left(), area.width() - margins.left() - margins.right()
        y, used, height = area.top() + margins.top(), 0, 0
        line: list[QLayoutItem] = []
        for item in self._items:
            if item.isEmpty():
                continue
            size = item.sizeHint()
            width = size.width()
            if line and used + spacing + width > room:
                if move:
                    self._set_line(line, QRect(left, y, room, height))
                y += height + spacing
                line, used, height = [], 0, 0
            used += width + (spacing if line else 0)
            height = max(height, size.height())
            line.append(item)
        if move:
            self._set_line(line, QRect(left, y, room, height))
        return y + height - area.top() + margins.bottom()

    def _set_line(self, line: list[QLayoutItem], area: QRect) -> None:
        widths = [min(item.sizeHint().width(), area.width()) for item in line]
        left = area.width() - sum(widths) - self.spacing() * (len(line) - 1)
        x = area.left()
        for item, width in zip(line, widths, strict=True):
            if item.widget() in self._stretched:
                width, left = width + max(0, left), 0
            height = min(item.sizeHint().height(), area.height())
            y = area.top() + (area.height() - height) // 2
            item.setGeometry(QRect(QPoint(x, y), QSize(width, height)))
            x += width + self.spacing()


def flow(*widgets: QWidget, stretch: QWidget | None = None, spacing: int = 8) -> Flow:
    """*widgets* in lines; *stretch*, one of them, takes what is left of its line."""
    made = Flow(spacing)
    for widget in widgets:
        made.addWidget(widget)
    if stretch is not None:
        made.stretch(stretch)
    return made
