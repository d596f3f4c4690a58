"""Screen readers ask for children that have just gone.

Of a scroll area Qt takes the child by its number without looking how many there are: a reader that
has counted a scroll bar, and asks for it when it is hidden again, ends the program
(``QAccessibleAbstractScrollArea::child``, Qt 6.8). Qt's plain interface of a widget answers that
there is none.
"""

from __future__ import annotations

from PySide6.QtCore import QObject
from PySide6.QtGui import QAccessible, QAccessibleInterface
from PySide6.QtWidgets import QAbstractScrollArea, QAccessibleWidget

_CLASSES = (QAbstractScrollArea.__name__, "QScrollArea")
"""Those for which Qt has the interface that does not look."""


def answer_for_scroll_areas() -> None:
    """From now on: after the application is made, whose own answers would come first, and before
    any widget, for Qt keeps what it has answered once."""
    QAccessible.installFactory(_interface)


def _interface(class_name: str, widget: QObject) -> QAccessibleInterface | None:
    if class_name in _CLASSES and isinstance(widget, QAbstractScrollArea):
        return QAccessibleWidget(widget, QAccessible.Role.Client)
    return None
