"""Scrolling past a list or a number sets nothing."""

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication, QComboBox, QSpinBox, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from ui.widgets import calm

# The offscreen platform cannot raise windows, and says so.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


def roll(widget: QWidget) -> bool:
    """Turn the wheel over *widget*; was it taken?"""
    middle = QPointF(widget.rect().center())
    event = QWheelEvent(
        middle,
        QPointF(widget.mapToGlobal(middle.toPoint())),
        QPoint(),
        QPoint(0, -120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(widget, event)
    return event.isAccepted()


def test_the_wheel_changes_nothing_that_was_not_clicked(qtbot: QtBot) -> None:
    holder = QWidget()
    qtbot.addWidget(holder)
    layout = QVBoxLayout(holder)
    choice, number = calm(QComboBox()), calm(QSpinBox())
    choice.addItems(["none", "optional", "required"])
    number.setValue(5)
    layout.addWidget(choice)
    layout.addWidget(number)
    holder.show()
    holder.setFocus()
    for widget in (choice, number):
        widget.clearFocus()
        roll(widget)
    assert (choice.currentIndex(), number.value()) == (0, 5)
    assert choice.focusPolicy() == Qt.FocusPolicy.StrongFocus, "the wheel gives no focus either"
