"""The PIN: what is said before it is asked, and where it goes."""

from dataclasses import replace

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QLineEdit
from pytestqt.qtbot import QtBot

from tests.world.desk import company
from ui.shell.pin_dialog import ChangePinDialog, PinDialog


def said(dialog: object) -> str:
    return "\n".join(label.text() for label in dialog.findChildren(QLabel))  # type: ignore[attr-defined]


def test_it_says_which_key_for_what_and_how_many_tries(qtbot: QtBot, look: None) -> None:
    dialog = PinDialog(company().token(tries_left=7), "云帆贸易", "用 合同专用章 给 合同.pdf 盖章")
    qtbot.addWidget(dialog)
    text = said(dialog)
    assert "云帆贸易（UK2026110042）" in text
    assert "用 合同专用章 给 合同.pdf 盖章" in text
    assert "7 次" in text


def test_unknown_tries_are_called_unknown(qtbot: QtBot, look: None) -> None:
    dialog = PinDialog(company().token(tries_left=None), "k", "p")
    qtbot.addWidget(dialog)
    assert "未知" in said(dialog)


def test_the_pin_is_hidden_taken_once_and_not_kept_in_the_field(qtbot: QtBot, look: None) -> None:
    dialog = PinDialog(company().token(), "k", "p")
    qtbot.addWidget(dialog)
    assert dialog.field.echoMode() is QLineEdit.EchoMode.Password
    assert not dialog.accept_button.isEnabled()
    qtbot.keyClicks(dialog.field, "secret-1")
    qtbot.mouseClick(dialog.accept_button, Qt.MouseButton.LeftButton)
    assert dialog.field.text() == ""
    assert dialog.take() == "secret-1"
    assert dialog.take() == ""


def test_the_last_try_must_be_confirmed_twice(qtbot: QtBot, look: None) -> None:
    dialog = PinDialog(company().token(tries_left=1, final_try=True), "k", "p")
    qtbot.addWidget(dialog)
    qtbot.keyClicks(dialog.field, "secret-1")
    assert not dialog.accept_button.isEnabled()
    dialog.sure.setChecked(True)
    qtbot.mouseClick(dialog.accept_button, Qt.MouseButton.LeftButton)
    assert dialog.result() == 0
    assert dialog.take() == ""
    qtbot.mouseClick(dialog.accept_button, Qt.MouseButton.LeftButton)
    assert dialog.take() == "secret-1"


def test_cancelling_forgets_what_was_typed(qtbot: QtBot, look: None) -> None:
    dialog = PinDialog(company().token(), "k", "p")
    qtbot.addWidget(dialog)
    qtbot.keyClicks(dialog.field, "secret-1")
    dialog.reject()
    assert dialog.field.text() == ""
    assert dialog.take() == ""


def test_a_new_pin_is_judged_before_a_try_is_spent(qtbot: QtBot, look: None) -> None:
    dialog = ChangePinDialog(replace(company().token()), "k")
    qtbot.addWidget(dialog)
    dialog.old.setText("old-pin-1")
    for new, again, possible in (
        ("123456", "123456", False),
        ("abc", "abc", False),
        ("new-pin-22", "new-pin-23", False),
        ("old-pin-1", "old-pin-1", False),
        ("new-pin-22", "new-pin-22", True),
    ):
        dialog.new.setText(new)
        dialog.again.setText(again)
        assert dialog.accept_button.isEnabled() is possible, new
    qtbot.mouseClick(dialog.accept_button, Qt.MouseButton.LeftButton)
    assert dialog.take() == ("old-pin-1", "new-pin-22")
    assert dialog.new.text() == ""
