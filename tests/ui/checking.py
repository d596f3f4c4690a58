"""A document taken to 验章 in the real window, and what stands there then."""

from pathlib import Path

from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.qtbot import QtBot

from ui.shell.window import MainWindow
from ui.verify.verify_page import VerifyPage


def checked(qtbot: QtBot, window: MainWindow, *paths: Path) -> VerifyPage:
    window.go("verify")
    window.take_files(paths)
    page: VerifyPage = window.page("verify")
    qtbot.waitUntil(lambda: len(page._files) == len(paths), timeout=20_000)
    qtbot.waitUntil(lambda: all(not file.checking for file in page._files), timeout=30_000)
    qtbot.waitUntil(lambda: page.pane.view.page_count > 0 or page.report is None, timeout=20_000)
    first = page.panel.column.itemAt(0)
    assert first is not None
    qtbot.waitUntil(lambda: bool(first.widget() and first.widget().isVisible()))
    return page


def press(page: VerifyPage, name: str) -> None:
    """Click the first button of that name, open or not."""
    buttons = [each for each in page.findChildren(QPushButton) if name in each.text()]
    buttons[0].click()


def words(page: VerifyPage) -> str:
    return "\n".join(label.text() for label in page.findChildren(QLabel) if label.isVisible())
