"""逐页调整: every mark on the document with its page and place, each to be moved or taken away."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QFont, QKeyEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDoubleSpinBox,
    QHeaderView,
    QStyledItemDelegate,
    QTableView,
    QWidget,
)

from app.placing.stamp_plan import Laid, Riding
from crypto.frozen import frozen
from ui.language import tr
from ui.room import in_cell, in_field
from ui.widgets import button, column, label, row

Index = QModelIndex | QPersistentModelIndex
PAGE, SEAL, X, Y = range(4)
_FARTHEST = "1189.0"
"""Millimetres: the long side of A0."""


@frozen
class Line:
    """One mark as the table shows it; the middle in millimetres from the left and the top."""

    laid: Laid
    seal: str

    @property
    def x(self) -> float:
        return self.laid.mark.left_mm + self.laid.mark.width_mm / 2

    @property
    def y(self) -> float:
        return self.laid.mark.top_mm + self.laid.mark.height_mm / 2

    @property
    def moved(self) -> bool:
        return self.laid.placed.is_moved(self.laid.place)

    def may_change(self, column: int) -> bool:
        """A slice of a riding seam slides along its edge only."""
        rule = self.laid.placed.rule
        if isinstance(rule, Riding):
            return column == (Y if rule.upright else X)
        return column in (X, Y)

    @property
    def spoken(self) -> str:
        said = tr(
            "第 {page} 页，{seal}，中心距左 {x} 毫米，距上 {y} 毫米",
            page=self.laid.mark.page + 1,
            seal=self.seal,
            x=f"{self.x:.1f}",
            y=f"{self.y:.1f}",
        )
        return tr("，").join((said, tr("单独调整过"))) if self.moved else said


class MarksModel(QAbstractTableModel):
    """The marks by page; *put* is asked to move one: its key, new left and top."""

    def __init__(self, put: Callable[[str, float, float], object]) -> None:
        super().__init__()
        self.lines: list[Line] = []
        self._put = put

    def show_lines(self, lines: Sequence[Line]) -> bool:
        """Replace them; True if they are other marks than before, not only elsewhere."""
        ordered = sorted(lines, key=lambda line: line.laid.mark.page)
        same = [shown.laid.key for shown in ordered] == [shown.laid.key for shown in self.lines]
        if not same:
            self.beginResetModel()
        self.lines = ordered
        if not same:
            self.endResetModel()
        elif ordered:
            self.dataChanged.emit(self.index(0, 0), self.index(len(ordered) - 1, Y))
        return not same

    def rowCount(self, parent: Index | None = None) -> int:
        return len(self.lines)

    def columnCount(self, parent: Index | None = None) -> int:
        return 4

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if role == Qt.ItemDataRole.DisplayRole and orientation is Qt.Orientation.Horizontal:
            return (tr("页"), tr("所用印章"), tr("左"), tr("上"))[section]
        if role == Qt.ItemDataRole.TextAlignmentRole and section != SEAL:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        flags = Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsEnabled
        if self.lines[index.row()].may_change(index.column()):
            flags |= Qt.ItemFlag.ItemIsEditable
        return flags

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        line, at = self.lines[index.row()], index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            page = str(line.laid.mark.page + 1)
            return (page, line.seal, f"{line.x:.1f}", f"{line.y:.1f}")[at]
        if role == Qt.ItemDataRole.EditRole:
            return line.x if at == X else line.y
        if role in (Qt.ItemDataRole.AccessibleTextRole, Qt.ItemDataRole.ToolTipRole):
            return line.spoken
        if role == Qt.ItemDataRole.TextAlignmentRole and at != SEAL:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if role == Qt.ItemDataRole.FontRole and line.moved:
            font = QFont()
            font.setBold(True)
            return font
        return None

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        line = self.lines[index.row()]
        now = line.x if index.column() == X else line.y
        if role != Qt.ItemDataRole.EditRole or round(value, 1) == round(now, 1):
            return False
        mark = line.laid.mark
        x, y = (value, line.y) if index.column() == X else (line.x, value)
        return bool(self._put(line.laid.key, x - mark.width_mm / 2, y - mark.height_mm / 2))


def _field(parent: QWidget) -> QDoubleSpinBox:
    made = QDoubleSpinBox(parent)
    made.setRange(0, 5000)
    made.setDecimals(1)
    made.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
    return made


class _Millimetres(QStyledItemDelegate):
    def createEditor(self, parent: QWidget, option: Any, index: Index) -> QWidget:
        made = _field(parent)
        made.setAccessibleName(tr("距左") if index.column() == X else tr("距上"))
        return made

    def updateEditorGeometry(self, editor: QWidget, option: Any, index: Index) -> None:
        """The whole cell: the cell's own margins beside the field's would cut a number."""
        editor.setGeometry(option.rect)

    def setEditorData(self, editor: QWidget, index: Index) -> None:
        if isinstance(editor, QDoubleSpinBox):
            editor.setValue(index.data(Qt.ItemDataRole.EditRole))
            editor.selectAll()

    def setModelData(self, editor: QWidget, model: Any, index: Index) -> None:
        if isinstance(editor, QDoubleSpinBox):
            editor.interpretText()
            model.setData(index, editor.value(), Qt.ItemDataRole.EditRole)


class _Table(QTableView):
    delete = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._farthest = ("", 0)
        """The font, and the width that the farthest place wants in it."""

    def sizeHintForColumn(self, column: int) -> int:
        """A place has the room that it wants on A0, moved by itself or while it is edited: the
        columns keep their widths while marks are moved."""
        wide = super().sizeHintForColumn(column)
        if column not in (X, Y):
            return wide
        font = self.font().key()
        if self._farthest[0] != font:
            editor = _field(self)
            wanted = max(in_cell(self, _FARTHEST, bold=True), in_field(editor, _FARTHEST))
            self._farthest = (font, wanted)
            editor.deleteLater()
        return max(wide, self._farthest[1])

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.delete.emit()
        else:
            super().keyPressEvent(event)


class MarksTable(QWidget):
    """The table and what can be done with the chosen line."""

    put = Signal(str, float, float)
    """A mark's key, new left and top in millimetres."""
    take_away = Signal(str)
    put_back = Signal(str)
    put_all_back = Signal()
    looked_at = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.model = MarksModel(self._asked)
        self.table = _Table()
        self.table.setModel(self.model)
        self.table.setItemDelegate(_Millimetres(self.table))
        self.table.setAccessibleName(tr("逐页调整"))
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setTabKeyNavigation(False)
        self.table.setShowGrid(False)
        self.table.setMinimumHeight(190)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(30)
        self.table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        head = self.table.horizontalHeader()
        head.setSectionsClickable(False)
        head.setMinimumSectionSize(36)
        head.setResizeContentsPrecision(0)  # of the rows in sight
        for at in (PAGE, X, Y):
            head.setSectionResizeMode(at, QHeaderView.ResizeMode.ResizeToContents)
        head.setSectionResizeMode(SEAL, QHeaderView.ResizeMode.Stretch)
        self.table.selectionModel().currentRowChanged.connect(self._chosen)
        self._away = button(tr("移除"), lambda: self._tell(self.take_away))
        self._back = button(tr("恢复"), lambda: self._tell(self.put_back))
        self._all = button(tr("全部恢复"), self.put_all_back.emit)
        self._away.setToolTip(tr("去掉这一页的印迹（Delete）"))
        self._back.setToolTip(tr("放回统一的位置"))
        self._all.setToolTip(tr("全部放回统一的位置，去掉的也恢复"))
        inner = column(spacing=6)
        self.setLayout(inner)
        inner.addWidget(
            label(tr("印迹中心到页面左边和上边的毫米数，可以直接改。"), "small", wrap=True)
        )
        inner.addWidget(self.table)
        inner.addLayout(row(self._away, self._back, self._all, spacing=6))
        self.table.delete.connect(lambda: self._tell(self.take_away))
        self._following = False
        self.show_lines((), changed=False)

    def show_lines(self, lines: Sequence[Line], *, changed: bool) -> None:
        """The marks as they are now; *changed*: is any moved or taken away by itself?"""
        key = self.key
        if self.model.show_lines(lines):
            self.follow(key)
        self._all.setEnabled(changed)
        self._enable()

    @property
    def key(self) -> str:
        """Of the chosen line; "" if none is."""
        number = self.table.currentIndex().row()
        return self.model.lines[number].laid.key if 0 <= number < len(self.model.lines) else ""

    def follow(self, key: str) -> None:
        """Choose the line of a mark, because the canvas did."""
        for number, line in enumerate(self.model.lines):
            if line.laid.key == key and key != self.key:
                self._following = True
                self.table.selectRow(number)
                self._following = False
        self._enable()

    def _asked(self, key: str, left: float, top: float) -> bool:
        self.put.emit(key, left, top)
        return True

    def _chosen(self) -> None:
        self._enable()
        if self.key and not self._following:
            self.looked_at.emit(self.key)

    def _enable(self) -> None:
        number = self.table.currentIndex().row()
        here = 0 <= number < len(self.model.lines)
        self._away.setEnabled(here)
        self._back.setEnabled(here and self.model.lines[number].moved)

    def _tell(self, signal: Any) -> None:
        if self.key:
            signal.emit(self.key)
