"""What the forms of the placing panel consist of."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDoubleSpinBox,
    QGridLayout,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from ui.choice import Choice
from ui.language import tr
from ui.widgets import calm, column, label, row


def form() -> tuple[QWidget, QVBoxLayout]:
    """A form, and where its parts go."""
    made = QWidget()
    inner = column(spacing=8)
    made.setLayout(inner)
    inner.setAlignment(Qt.AlignmentFlag.AlignTop)
    return made, inner


def grid(fields: tuple[tuple[str, QWidget], ...]) -> QGridLayout:
    """Names at the left, fields at the right."""
    made = QGridLayout()
    made.setHorizontalSpacing(10)
    made.setVerticalSpacing(6)
    for number, (name, field) in enumerate(fields):
        made.addWidget(label(name, "muted"), number, 0)
        made.addWidget(field, number, 1)
    made.setColumnStretch(1, 1)
    return made


def millimetres(name: str, least: float, most: float) -> QDoubleSpinBox:
    made = calm(QDoubleSpinBox())
    made.setRange(least, most)
    made.setDecimals(1)
    made.setSuffix(tr(" 毫米"))
    made.setAccessibleName(name)
    return made


class PagesField(QWidget):
    """Which pages: all, odd, even, or a range that the person writes."""

    def __init__(self) -> None:
        super().__init__()
        self.range = QLineEdit()
        self.range.setAccessibleName(tr("页码范围"))
        self.range.setPlaceholderText("1,3-5")
        self.range.setToolTip(tr("例如 1,3-5 或 2-；-1 是最后一页"))
        self.choice = calm(Choice())
        self.choice.setAccessibleName(tr("哪些页"))
        for text, value in (
            (tr("全部页"), "all"),
            (tr("单数页"), "odd"),
            (tr("双数页"), "even"),
            (tr("指定页"), ""),
        ):
            self.choice.addItem(text, value)
        self.choice.currentIndexChanged.connect(self._chosen)
        self.range.hide()
        self.setLayout(row(self.choice, self.range))

    @property
    def pages(self) -> str:
        """As :func:`app.placing.written.parse_pages` reads it; "" if no range is written yet."""
        chosen: str = self.choice.currentData()
        return chosen or self.range.text().strip()

    def _chosen(self) -> None:
        own = self.choice.currentData() == ""
        self.range.setVisible(own)
        if own:
            self.range.setFocus()
