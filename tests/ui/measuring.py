"""Measures a window as it is on the screen: texts that are cut, widgets outside their parents."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QRect, Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractScrollArea,
    QCheckBox,
    QComboBox,
    QHeaderView,
    QLabel,
    QLineEdit,
    QListView,
    QPushButton,
    QScrollArea,
    QScrollBar,
    QStyle,
    QStyleOptionComboBox,
    QTableView,
    QToolButton,
    QWidget,
)

from ui.choice import Choice

FIELD_MARGINS = 20
"""Pixels beside the text of a field, of both sides together."""
ROW_MARGINS = 20
"""The same of a row of a list."""


def faults(root: QWidget) -> list[str]:
    """A line for each text that is cut and each widget that lies outside its parent."""
    found = []
    for widget in (root, *root.findChildren(QWidget)):
        if not widget.isVisibleTo(root) or widget.objectName().startswith("qt_"):
            continue
        told = _cut(widget) or _outside(widget)
        if told:
            found.append(f"{told}: {_place(widget, root)}")
    return found


def _place(widget: QWidget, root: QWidget) -> str:
    names = []
    above: QWidget | None = widget
    while above is not None and above is not root:
        names.append(type(above).__name__)
        above = above.parentWidget()
    text = widget.text() if isinstance(widget, QLabel | QAbstractButton) else ""
    return f"{text[:40]!r} {' < '.join(names[:5])}"


def _cut(widget: QWidget) -> str:
    if isinstance(widget, QLabel) and widget.text():
        return _cut_label(widget)
    if isinstance(widget, QPushButton | QToolButton | QCheckBox) and widget.text():
        if isinstance(widget, QToolButton) and (
            widget.toolButtonStyle() == Qt.ToolButtonStyle.ToolButtonIconOnly
        ):
            return ""
        wanted, has = widget.minimumSizeHint(), widget.size()
        if has.width() < wanted.width() or has.height() < wanted.height():
            return f"button {has.width()}×{has.height()}, wants {wanted.width()}×{wanted.height()}"
    if isinstance(widget, QComboBox) and not widget.isEditable():
        return _cut_choice(widget)
    if isinstance(widget, QLineEdit) and not widget.text() and not widget.toolTip():
        wanted_width = widget.fontMetrics().horizontalAdvance(widget.placeholderText())
        has_width = widget.contentsRect().width() - FIELD_MARGINS
        if wanted_width > has_width and not isinstance(widget.parentWidget(), QComboBox):
            return f"hint {widget.placeholderText()!r} {has_width}, wants {wanted_width}"
    if isinstance(widget, QTableView):
        head = widget.horizontalHeader()
        for n in range(head.count()):
            if head.sectionSize(n) < head.sectionSizeHint(n):
                return f"heading {n} {head.sectionSize(n)}, wants {head.sectionSizeHint(n)}"
    if isinstance(widget, QListView) and not isinstance(widget, QTableView):
        return _cut_rows(widget)
    if isinstance(widget, QScrollArea) and widget.widget() is not None:
        over = widget.widget().minimumSizeHint().width() - widget.viewport().width()
        if over > 0:
            return f"{over} pixels wider than its panel, because of {_widest(widget.widget())}"
    return ""


def _cut_rows(shown: QListView) -> str:
    """Rows that lie over each other."""
    model = shown.model()
    count = model.rowCount() if model is not None else 0
    rows = [shown.visualRect(model.index(n, 0)) for n in range(count)]
    over = next((n for n in range(1, count) if rows[n].intersects(rows[n - 1])), None)
    if over is not None:
        return f"row {over} lies over the one before"
    for number in range(count):
        told = _cut_row(shown, model.index(number, 0))
        if told:
            return told
    return ""


def _cut_row(shown: QListView, index: QModelIndex) -> str:
    """The last line of a row says how it stands: all of it is there, or in the tooltip."""
    text = str(index.data(Qt.ItemDataRole.DisplayRole) or "")
    last = text.splitlines()[-1].strip() if text else ""
    tip = str(index.data(Qt.ItemDataRole.ToolTipRole) or "")
    if shown.wordWrap() or last in tip:
        return ""
    icon = 0 if index.data(Qt.ItemDataRole.DecorationRole) is None else shown.iconSize().width()
    room = shown.visualRect(index).width() - max(icon, 0) - ROW_MARGINS
    wanted = shown.fontMetrics().horizontalAdvance(last)
    return f"row {last!r} {room}, wants {wanted}, without a tooltip" if wanted > room else ""


def _cut_choice(choice: QComboBox) -> str:
    option = QStyleOptionComboBox()
    choice.initStyleOption(option)
    control, part = QStyle.ComplexControl.CC_ComboBox, QStyle.SubControl.SC_ComboBoxEditField
    room = choice.style().subControlRect(control, option, part, choice).width()
    wanted = choice.fontMetrics().horizontalAdvance(choice.currentText())
    if wanted <= room or isinstance(choice, Choice):  # which is cut visibly, with a tooltip
        return ""
    return f"choice {choice.currentText()!r} {room}, wants {wanted}"


def _widest(content: QWidget) -> str:
    """What takes the most room."""
    shown = [each for each in content.findChildren(QWidget) if each.isVisibleTo(content)]
    leaves = [each for each in shown if not each.findChildren(QWidget)]
    widest = max(leaves or [content], key=lambda each: each.minimumSizeHint().width())
    return f"{_place(widest, content)} {widest.minimumSizeHint().width()}"


def _cut_label(label: QLabel) -> str:
    if getattr(label, "elides", False):  # shortened visibly; all of it in the tooltip
        return "" if label.toolTip() else "shortened without a tooltip"
    room = label.contentsRect()
    flags = int(label.alignment())
    if label.wordWrap():
        flags |= int(Qt.TextFlag.TextWordWrap)
    wanted = label.fontMetrics().boundingRect(
        QRect(0, 0, room.width(), 100_000),
        flags,
        QLabel.text(label),  # as it is drawn
    )
    if wanted.width() > room.width() + 1 or wanted.height() > room.height() + 1:
        return f"text {room.width()}×{room.height()}, wants {wanted.width()}×{wanted.height()}"
    return ""


def _outside(widget: QWidget) -> str:
    parent = widget.parentWidget()
    if parent is None or widget.isWindow() or isinstance(widget, QScrollBar):
        return ""
    area = parent.parentWidget()
    if isinstance(area, QAbstractScrollArea) and parent is area.viewport():
        if isinstance(area, QScrollArea) and widget.width() > parent.width():
            return f"{widget.width() - parent.width()} pixels wider than its scroll area"
        return ""  # what scrolls may be longer than what is seen
    if isinstance(parent, QAbstractScrollArea | QAbstractItemView | QHeaderView | QTableView):
        return ""
    if not parent.rect().contains(widget.geometry()):
        return f"outside its parent: {_text(widget.geometry())} in {_text(parent.rect())}"
    return ""


def _text(area: QRect) -> str:
    return f"{area.x()},{area.y()} {area.width()}×{area.height()}"
