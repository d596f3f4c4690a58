"""Dialogs: Esc and × close each, none is larger than the screen, questions are answered by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QRect, QSize, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QScreen
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
)
from pytestqt.qtbot import QtBot

from app.errors import OutputNotWritable
from tests.world.desk import StandIn
from ui.dialogs import FRAME, Dialog, Question
from ui.files import open_outside
from ui.pages.apply_dialog import ApplyDialog
from ui.pages.settings_page import AboutDialog
from ui.shell.file_password import FilePasswordDialog
from ui.shell.guide import Guide
from ui.shell.help_dialog import HelpDialog
from ui.shell.keys.token_setup import InitialiseDialog
from ui.shell.notice import ErrorBox
from ui.shell.pin_dialog import ChangePinDialog, PinDialog
from ui.shell.window import MainWindow

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


def dialogs(window: MainWindow, context: StandIn) -> dict[str, Callable[[], QDialog]]:
    token = window.token
    assert token is not None
    blank = context.company.token(initialised=False, serial="", certificates=())
    return {
        "pin": lambda: PinDialog(token, "key", "purpose", parent=window),
        "change pin": lambda: ChangePinDialog(token, "key", window),
        "guide": lambda: Guide(window, window),
        "apply": lambda: ApplyDialog({}, "", window),
        "initialise": lambda: InitialiseDialog(blank, window),
        "help": lambda: HelpDialog(window, window),
        "about": lambda: AboutDialog(window),
        "file password": lambda: FilePasswordDialog(Path("a.pdf"), parent=window),
        "error": lambda: ErrorBox(OutputNotWritable("a"), window),
        "question": lambda: Question(window, "title", "text", "yes", "no"),
    }


def test_every_dialog_is_closed_by_escape_and_by_its_cross(
    qtbot: QtBot, window: MainWindow, context: StandIn
) -> None:
    for name, make in dialogs(window, context).items():
        for close in (lambda box: qtbot.keyClick(box, Qt.Key.Key_Escape), QDialog.close):
            dialog = make()
            dialog.show()
            close(dialog)
            assert not dialog.isVisible(), name
            assert dialog.result() == QDialog.DialogCode.Rejected, name
            dialog.deleteLater()


def test_an_error_is_put_away_by_enter(qtbot: QtBot, window: MainWindow) -> None:
    box = ErrorBox(OutputNotWritable("a"), window)
    box.show()
    button = box.focusWidget()
    assert isinstance(button, QPushButton)
    assert button.text() == "知道了"
    qtbot.keyClick(button, Qt.Key.Key_Return)
    assert not box.isVisible()
    box.deleteLater()


def test_on_a_low_screen_a_dialog_scrolls_above_its_buttons(
    qtbot: QtBot, window: MainWindow, context: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    low = QRect(0, 0, 683, 384)
    monkeypatch.setattr(QScreen, "availableGeometry", lambda _: low)
    for name, make in dialogs(window, context).items():
        dialog = make()
        assert isinstance(dialog, Dialog), name
        dialog.show()
        QApplication.processEvents()
        assert dialog.height() <= low.height() - FRAME.height(), name
        assert dialog.width() <= low.width(), name
        for button in dialog.findChildren(QPushButton):
            if button.isDefault():
                seen = QRect(button.mapTo(dialog, button.rect().topLeft()), button.size())
                assert dialog.rect().contains(seen), name
        dialog.close()
        dialog.deleteLater()


def test_a_dialog_that_comes_to_say_more_scrolls_then(
    qtbot: QtBot, window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QScreen, "availableGeometry", lambda _: QRect(0, 0, 683, 384))
    box = FilePasswordDialog(Path("a.pdf"), again=True, parent=window)
    box.show()
    assert box.findChild(QScrollArea) is None
    box.problem.setText("nothing of this can be opened. " * 40)
    qtbot.waitUntil(lambda: box.findChild(QScrollArea) is not None)
    assert box.height() <= 384 - FRAME.height()
    box.close()
    box.deleteLater()


def test_a_question_gives_the_answer_by_name_and_the_last_one_unasked(
    qtbot: QtBot, window: MainWindow
) -> None:
    box = Question(window, "标题", "要删除吗？", "删除", "取消", details="不能恢复。", first=1)
    box.show()
    texts = [label.text() for label in box.findChildren(QLabel)]
    assert {"要删除吗？", "不能恢复。"} <= set(texts)
    assert box.buttons["取消"].isDefault()
    qtbot.keyClick(box, Qt.Key.Key_Escape)
    assert box.answer == "取消"
    box.show()
    box.buttons["删除"].click()
    assert box.answer == "删除"
    box.deleteLater()


def test_the_password_dialog_says_whose_password_it_wants(qtbot: QtBot, window: MainWindow) -> None:
    def texts(box: FilePasswordDialog) -> list[str]:
        return [label.text() for label in box.findChildren(QLabel) if label.text()]

    first = FilePasswordDialog(Path("合同.pdf"), parent=window)
    first.show()
    wanted = "“合同.pdf”的打开密码（不是 Ukey 口令）："
    assert texts(first) == ["文件密码", wanted, "密码不对，请再试一次。"]
    assert not first.problem.isVisible()
    assert first.focusWidget() is first.field
    again = FilePasswordDialog(Path("合同.pdf"), again=True, parent=window)
    again.show()
    assert again.problem.isVisible()
    assert again.focusWidget() is again.field
    assert [button.text() for button in again.findChildren(QPushButton)] == ["取消", "确定"]
    for box in (first, again):
        box.close()
        box.deleteLater()


def test_what_cannot_be_opened_outside_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[str] = []

    def nobody(url: QUrl) -> bool:
        asked.append(url.toString())
        return False

    monkeypatch.setattr(QDesktopServices, "openUrl", nobody)
    here = tmp_path / "合同.pdf"
    here.write_bytes(b"")
    told: list[str] = []
    open_outside(here, told.append)
    open_outside("https://platform.example/", told.append)
    open_outside(tmp_path / "gone.pdf", told.append)
    assert told == [
        "系统没有打开“合同.pdf”的程序。",
        "系统没有打开网址的程序。请自己打开：https://platform.example/",
        "“gone.pdf”已经不在原来的位置。",
    ]
    assert asked == [QUrl.fromLocalFile(str(here)).toString(), "https://platform.example/"]


def test_the_window_tells_it_in_a_notice(
    window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda _: False)
    window.open_outside("https://platform.example/")
    assert any("https://platform.example/" in text for text in window.notices.texts)


def test_nothing_else_asks_the_system_to_open_something() -> None:
    ui = Path(open_outside.__code__.co_filename).parent
    users = [
        path.relative_to(ui).as_posix()
        for path in ui.rglob("*.py")
        if "QDesktopServices" in path.read_text("utf-8") or "QMessageBox" in path.read_text("utf-8")
    ]
    assert users == ["files.py"]


def test_a_pin_dialog_stands_beside_what_must_stay_in_view(
    qtbot: QtBot, window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QScreen, "availableGeometry", lambda _: QRect(0, 0, 1366, 768))
    window.go("stamp")
    token = window.token
    assert token is not None
    panel = window.page("stamp")._side
    window.page("stamp")._stack.setCurrentIndex(1)
    QApplication.sendEvent(window, QEvent(QEvent.Type.LayoutRequest))
    dialog = PinDialog(token, "key", "purpose", parent=window)
    dialog.beside = panel
    dialog.show()
    left = panel.mapToGlobal(panel.rect().topLeft()).x()
    assert dialog.frameGeometry().right() < left
    assert dialog.size().boundedTo(QSize(1366, 768)) == dialog.size()
    dialog.close()
    dialog.deleteLater()


def test_a_dialog_that_grows_stays_on_the_screen(qtbot: QtBot, look: None) -> None:
    dialog = Dialog()
    whole = QVBoxLayout(dialog)
    qtbot.addWidget(dialog)
    dialog.show()
    screen = dialog.screen().availableGeometry()
    dialog.move(screen.left(), screen.bottom() - dialog.height())
    more = QLabel("more")
    more.setMinimumHeight(screen.height() // 2)
    whole.addWidget(more)
    qtbot.waitUntil(lambda: dialog.height() >= screen.height() // 2)
    qtbot.waitUntil(lambda: dialog.frameGeometry().bottom() <= screen.bottom())
    assert dialog.frameGeometry().top() >= screen.top()
