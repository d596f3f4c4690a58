"""A PIN that is older than the settings allow is told, with a way to change it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from tests.world.desk import StandIn
from ui.shell.pin_dialog import ChangePinDialog
from ui.shell.window import MainWindow

NEW_PIN = "new-pin-5173"


def said(window: MainWindow) -> str:
    return " ".join(each.accessibleName() for each in window.notices._notices.values())


def test_an_old_pin_is_told_and_changed_from_the_notice(
    qtbot: QtBot,
    open_window: Callable[[StandIn], MainWindow],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    context = StandIn(tmp_path / "home")
    set_at = datetime.now(UTC) - timedelta(days=200)
    context.plugged = (context.company.token(pin_since=set_at),)
    window = open_window(context)
    qtbot.waitUntil(lambda: window.token is not None)
    assert "已经 200 天没有修改" in said(window)
    asked: list[ChangePinDialog] = []

    def answered(dialog: ChangePinDialog) -> int:
        asked.append(dialog)
        dialog.old.setText(context.pin)
        dialog.new.setText(NEW_PIN)
        dialog.again.setText(NEW_PIN)
        dialog.accept_button.click()
        return dialog.result()

    monkeypatch.setattr(ChangePinDialog, "exec", answered)

    def shown() -> list[QPushButton]:  # one that is told again is gone a moment later
        found = window.notices.findChildren(QPushButton)
        return [each for each in found if each.text() == "修改口令" and each.isVisible()]

    qtbot.waitUntil(lambda: len(shown()) == 1)
    (change,) = shown()
    change.click()
    qtbot.waitUntil(lambda: "口令已修改" in said(window))
    assert len(asked) == 1


def test_a_younger_pin_and_a_setting_of_no_days_say_nothing(
    qtbot: QtBot, open_window: Callable[[StandIn], MainWindow], tmp_path: Path
) -> None:
    context = StandIn(tmp_path / "home")
    set_at = datetime.now(UTC) - timedelta(days=100)
    context.plugged = (context.company.token(pin_since=set_at),)
    window = open_window(context)
    qtbot.waitUntil(lambda: window.token is not None)
    assert "没有修改" not in said(window)
