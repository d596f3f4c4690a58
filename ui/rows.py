"""The model of a table that only shows: a row for each item, a column for each thing said of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, TypeVar

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt

Index = QModelIndex | QPersistentModelIndex
Item = TypeVar("Item")
Column = tuple[str, Callable[[Item], str]]
"""What stands at its head, and what it says of an item."""


class Rows(QAbstractTableModel, Generic[Item]):
    """*tip* and *colour* give the value of Qt's tool tip and foreground roles for an item and the
    number of a column; None: none."""

    def __init__(
        self,
        columns: Sequence[Column[Item]],
        tip: Callable[[Item, int], str | None],
        colour: Callable[[Item, int], Any] = lambda _item, _column: None,
    ) -> None:
        super().__init__()
        self.items: list[Item] = []
        self._columns, self._tip, self._colour = columns, tip, colour

    def show_items(self, items: Iterable[Item]) -> None:
        """These instead of those before."""
        self.beginResetModel()
        self.items = list(items)
        self.endResetModel()

    def rowCount(self, parent: Index | None = None) -> int:
        return len(self.items)

    def columnCount(self, parent: Index | None = None) -> int:
        return len(self._columns)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self._columns[section][0]
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        item, column = self.items[index.row()], index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return self._columns[column][1](item)
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._tip(item, column)
        if role == Qt.ItemDataRole.ForegroundRole:
            return self._colour(item, column)
        return None
