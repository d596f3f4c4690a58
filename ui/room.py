"""How much room texts need, by the metrics of their font: what holds a text takes its width here.

Fonts differ by half in the width of their letters, so a number of pixels that holds a text in one
of them cuts it in another.
"""

from __future__ import annotations

from math import ceil

from PySide6.QtCore import QSize
from PySide6.QtGui import QFont, QFontMetrics, QFontMetricsF, QGuiApplication
from PySide6.QtWidgets import (
    QAbstractItemView,
    QAbstractSpinBox,
    QStyle,
    QStyleOptionSpinBox,
    QStyleOptionViewItem,
)

_SAMPLE = "印章 Seal 0123456789"
_USUAL = 129.5625
"""Pixels of it in the font that the window was drawn with (Noto Sans CJK SC, 10 points)."""
_BESIDE = 5
"""Pixels that Qt keeps free in a field: two on each side of the text, one for the cursor."""


def room(pixels: int) -> int:
    """*pixels* in the font that the window was drawn with; more where the letters are wider."""
    wide = QFontMetricsF(QGuiApplication.font()).horizontalAdvance(_SAMPLE)
    return ceil(pixels * max(1.0, wide / _USUAL))


def room_within(pixels: int, most: int) -> int:
    """The same beside something else: what a wide font asks beyond *pixels* ends at *most*."""
    return max(pixels, min(room(pixels), most))


def in_button(text: str, pixels: int) -> int:
    """Width of a tool button that shows all of *text*, bold, in letters *pixels* high."""
    font = QFont(QGuiApplication.font())
    font.setPixelSize(pixels)
    font.setBold(True)
    metrics = QFontMetrics(font)
    return metrics.horizontalAdvance(text) + 2 * metrics.horizontalAdvance(" ") + 8


def in_cell(view: QAbstractItemView, text: str, *, bold: bool = False) -> int:
    """Width of a cell of *view* that shows all of *text*, with its margins."""
    option = QStyleOptionViewItem()
    view.initViewItemOption(option)
    font = QFont(view.font())
    font.setBold(bold)
    option.font, option.fontMetrics = font, QFontMetrics(font)  # type: ignore[attr-defined]
    option.text = text  # type: ignore[attr-defined]
    option.features |= QStyleOptionViewItem.ViewItemFeature.HasDisplay  # type: ignore[attr-defined]
    kind = QStyle.ContentsType.CT_ItemViewItem
    return view.style().sizeFromContents(kind, option, QSize(), view).width()


def in_field(field: QAbstractSpinBox, text: str) -> int:
    """Width of *field* that shows all of *text*, with its margins."""
    field.ensurePolished()  # by its style sheet, where it was not yet shown
    option = QStyleOptionSpinBox()
    field.initStyleOption(option)
    control, part = QStyle.ComplexControl.CC_SpinBox, QStyle.SubControl.SC_SpinBoxEditField
    inner = field.style().subControlRect(control, option, part, field).width()
    return field.fontMetrics().horizontalAdvance(text) + field.width() - inner + _BESIDE
