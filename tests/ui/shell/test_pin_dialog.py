"""The PIN: what is said before it is asked, and where it goes."""

import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QKeySequence
from PySide6.QtWidgets import QLabel, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from tests.world.desk import company
from ui.shell import pin_field
from ui.shell.pin_dialog import ChangePinDialog, PinDialog, ask_pin

# The offscreen platform cannot hint at sizes, and says so.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


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


def test_what_was_typed_can_be_seen_and_still_not_be_copied(qtbot: QtBot, look: None) -> None:
    dialog = PinDialog(company().token(), "k", "p")
    qtbot.addWidget(dialog)
    dialog.show()
    clipboard = QGuiApplication.clipboard()
    clipboard.setText("before")
    qtbot.keyClicks(dialog.field, "secret-1")
    dialog.aids.show_pins.setChecked(True)
    assert dialog.field.displayText() == "secret-1"
    for keys in (QKeySequence.StandardKey.SelectAll, QKeySequence.StandardKey.Copy):
        qtbot.keySequence(dialog.field, QKeySequence(keys))
    qtbot.keySequence(dialog.field, QKeySequence(QKeySequence.StandardKey.Cut))
    qtbot.mouseDClick(dialog.field, Qt.MouseButton.LeftButton)
    assert not dialog.field.hasSelectedText()
    assert clipboard.text() == "before"
    assert dialog.field.text() == "secret-1"
    dialog.hide()
    assert dialog.field.echoMode() is QLineEdit.EchoMode.Password


def test_all_fields_of_a_new_pin_are_shown_together(qtbot: QtBot, look: None) -> None:
    dialog = ChangePinDialog(company().token(), "k")
    qtbot.addWidget(dialog)
    dialog.aids.show_pins.setChecked(True)
    for field in (dialog.old, dialog.new, dialog.again):
        assert field.echoMode() is QLineEdit.EchoMode.Normal


def test_caps_lock_is_told_from_the_letters_that_come(qtbot: QtBot, look: None) -> None:
    dialog = PinDialog(company().token(), "k", "p")
    qtbot.addWidget(dialog)
    none, shift = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier
    for typed, held, warned in (
        ("1", none, False),
        ("A", shift, False),
        ("A", none, True),
        ("1", none, True),
        ("a", shift, True),
        ("a", none, False),
    ):
        qtbot.keyClick(dialog.field, typed, held)
        assert dialog.aids.warning.isVisibleTo(dialog) is warned, (typed, held)


def test_caps_lock_pressed_again_takes_the_warning_back(qtbot: QtBot, look: None) -> None:
    dialog = PinDialog(company().token(), "k", "p")
    qtbot.addWidget(dialog)
    qtbot.keyClick(dialog.field, "A")
    assert dialog.aids.warning.isVisibleTo(dialog)
    qtbot.keyClick(dialog.field, Qt.Key.Key_CapsLock)
    assert not dialog.aids.warning.isVisibleTo(dialog)


def test_where_the_system_tells_the_warning_comes_before_the_first_letter(
    qtbot: QtBot, look: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pin_field, "caps_lock_of_system", lambda: True)
    dialog = PinDialog(company().token(), "k", "p")
    qtbot.addWidget(dialog)
    dialog.show()
    qtbot.waitUntil(dialog.aids.warning.isVisible)


def test_wherever_a_pin_is_asked_for_that_key_can_be_unlocked(
    qtbot: QtBot, look: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked, unlocked = company().token(locked=True, tries_left=0), []
    shell: Any = SimpleNamespace(unlock_token=unlocked.append)
    parent = QWidget()
    qtbot.addWidget(parent)

    def answered(dialog: PinDialog) -> int:
        dialog.forgot.click()
        return dialog.result()

    monkeypatch.setattr(PinDialog, "exec", answered)
    assert ask_pin(shell, locked, "配对手机", parent) == ""
    assert unlocked == [locked]


def test_only_one_place_of_the_window_asks_for_a_pin() -> None:
    window = Path(__file__).parents[3] / "ui"
    makers = [
        path.relative_to(window).as_posix()
        for path in window.rglob("*.py")
        if re.search(r"(?<!class )\bPinDialog\b", path.read_text("utf-8"))
    ]
    assert makers == ["shell/pin_dialog.py"]


def test_of_a_locked_key_only_the_way_to_unlock_it_can_be_taken(qtbot: QtBot, look: None) -> None:
    locked = company().token(tries_left=0, locked=True)
    dialog = PinDialog(locked, "k", "p", unlock=lambda: None)
    qtbot.addWidget(dialog)
    dialog.show()
    assert not dialog.aids.isVisible()
    assert not dialog.field.isEnabled()
    qtbot.waitUntil(dialog.forgot.hasFocus)
