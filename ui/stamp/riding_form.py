"""骑缝: sides, pages, how many of them share one seal, and how far from the edge."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QSpinBox, QWidget

from app.placing.placement import MAX_SLICES, Side
from app.placing.stamp_plan import Riding
from ui.choice import Choice
from ui.language import tr
from ui.stamp.form_parts import PagesField, grid, millimetres
from ui.widgets import button, calm, column, label


class RidingForm(QWidget):
    """The seams of one seal: the ones chosen replace those that it had."""

    place = Signal(object)
    """The rules, a tuple of :class:`Riding`."""

    def __init__(self) -> None:
        super().__init__()
        inner = column(spacing=8)
        self.setLayout(inner)
        inner.addWidget(label(tr("印章分到各页的边上，合起来是一枚整章。"), "small", wrap=True))
        self.side_field = calm(Choice())
        self.side_field.setAccessibleName(tr("骑缝的边"))
        sides: tuple[tuple[str, tuple[Side, ...]], ...] = (
            (tr("右边"), ("right",)),
            (tr("左边"), ("left",)),
            (tr("上边"), ("top",)),
            (tr("下边"), ("bottom",)),
            (tr("左右两边"), ("right", "left")),
            (tr("上下两边"), ("top", "bottom")),
        )
        for text, value in sides:
            self.side_field.addItem(text, value)
        self.pages = PagesField()
        self.pages.choice.setToolTip(tr("双面打印时选单数页，只盖在每张纸的正面"))
        self.most_field = calm(QSpinBox())
        self.most_field.setRange(2, 999)
        self.most_field.setValue(MAX_SLICES)
        self.most_field.setSuffix(tr(" 页"))
        self.most_field.setAccessibleName(tr("每枚章最多分到几页"))
        self.whole_field = QCheckBox(tr("全部页合用一枚"))
        self.whole_field.toggled.connect(self.most_field.setDisabled)
        self.margin_field = millimetres(tr("离纸边"), 0, 15)
        inner.addLayout(
            grid(
                (
                    (tr("位置"), self.side_field),
                    (tr("盖在"), self.pages),
                    (tr("每枚最多"), self.most_field),
                    ("", self.whole_field),
                    (tr("离纸边"), self.margin_field),
                )
            )
        )
        self._alone = label(tr("这个文件只有一页，没有骑缝。"), "unknown", wrap=True)
        self._alone.hide()
        inner.addWidget(self._alone)
        self._ride = button(tr("放置骑缝章"), self._place)
        inner.addWidget(self._ride)

    def show_count(self, count: int) -> None:
        """How many pages the document has."""
        self._ride.setEnabled(count > 1)
        self._alone.setVisible(count == 1)

    def _place(self) -> None:
        most = None if self.whole_field.isChecked() else self.most_field.value()
        margin, pages = self.margin_field.value(), self.pages.pages
        sides: tuple[Side, ...] = self.side_field.currentData()
        self.place.emit(tuple(Riding(side, 0.5, margin, pages, most) for side in sides))
