"""Paths of Windows in the window: they wrap like others, and are copied as they are."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from ui.widgets import label

PATH = r"C:\Users\lixiaomei\Documents\Contracts\2026\November\Suqian\Signed"


def test_a_path_of_windows_wraps(qtbot: QtBot) -> None:
    whole = QLabel(PATH)
    wrapped = label(PATH, wrap=True)
    for each in (whole, wrapped):
        qtbot.addWidget(each)
    assert wrapped.minimumSizeHint().width() < whole.sizeHint().width() / 2
    assert wrapped.text() == PATH


def test_what_is_selected_is_copied_without_the_breaks(qtbot: QtBot) -> None:
    wrapped = label(PATH, wrap=True, select=True)
    qtbot.addWidget(wrapped)
    wrapped.setSelection(0, len(PATH) + PATH.count("\\"))
    qtbot.keyClick(wrapped, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == PATH
