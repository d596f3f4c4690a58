"""What is chosen is cut visibly where it is too long, and all of it is in the tooltip."""

import pytest
from PySide6.QtCore import QEvent, QPoint
from PySide6.QtGui import QHelpEvent
from PySide6.QtWidgets import QApplication, QToolTip
from pytestqt.qtbot import QtBot

from ui.choice import Choice

# The offscreen platform cannot raise windows or hint at sizes, and says so.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")

LONG = "合同专用章 32130200010012 江苏宿迁市宿豫区云帆国际供应链管理股份有限公司"


def tip_of(choice: Choice) -> str:
    QToolTip.hideText()
    at = QPoint(5, 5)
    QApplication.sendEvent(choice, QHelpEvent(QEvent.Type.ToolTip, at, choice.mapToGlobal(at)))
    return QToolTip.text()


def test_a_long_entry_is_cut_with_an_ellipsis_and_told_in_the_tooltip(
    qtbot: QtBot, look: None
) -> None:
    choice = Choice()
    qtbot.addWidget(choice)
    choice.addItems([LONG, "无"])
    choice.resize(260, 32)
    choice.show()
    assert choice.shown_text.endswith("…")
    assert LONG.startswith(choice.shown_text[:-1])
    assert tip_of(choice) == LONG
    choice.setCurrentIndex(1)
    assert choice.shown_text == "无"
    assert tip_of(choice) != "无", "what is seen needs no tooltip"
