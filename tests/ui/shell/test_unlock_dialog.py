"""A locked Ukey leads to the platform's permission, or to the administrator's PIN."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.qtbot import QtBot

from device.token import UnlockProblem, UnlockRefused
from tests.world.desk import StandIn
from ui.pages.seals_page import SealsPage
from ui.shell.context.values import UnlockView
from ui.shell.keys.unlock_dialog import UnlockDialog
from ui.shell.pin_dialog import PinDialog
from ui.shell.window import MainWindow

NEW_PIN = "new-pin-5173"
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@pytest.fixture
def context(tmp_path: Path) -> StandIn:
    made = StandIn(tmp_path / "home")
    made.plugged = (made.company.token(locked=True, tries_left=0),)
    made.tries = 0
    return made


@pytest.fixture
def window(
    qtbot: QtBot, open_window: Callable[[StandIn], MainWindow], context: StandIn
) -> MainWindow:
    made = open_window(context)
    qtbot.waitUntil(lambda: made.token is not None)
    return made


def shown(window: MainWindow, qtbot: QtBot) -> UnlockDialog:
    assert window.token is not None
    dialog = UnlockDialog(window, window.token, window)
    dialog.show()
    qtbot.waitUntil(dialog.isEnabled)
    return dialog


def words(dialog: UnlockDialog) -> str:
    return " ".join(each.text() for each in dialog.findChildren(QLabel) if each.isVisible())


def test_the_strip_and_a_locked_pin_dialog_lead_to_it(
    window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(UnlockDialog, "exec", lambda dialog: asked.append("strip") or 0)
    assert window.strip.unlock.isVisibleTo(window.strip)
    window.strip.unlock.click()
    assert asked == ["strip"]
    window.go("seals")
    page = window._pages["seals"]
    assert isinstance(page, SealsPage)

    def answered(dialog: PinDialog) -> int:
        assert not dialog.field.isEnabled()
        assert dialog.forgot.text() == "解锁…"
        dialog.forgot.click()
        return dialog.result()

    monkeypatch.setattr(PinDialog, "exec", answered)
    assert page._pin("盖章")[1] == ""
    assert asked == ["strip", "strip"]


def test_an_application_is_handed_in_followed_and_used(
    window: MainWindow, context: StandIn, qtbot: QtBot
) -> None:
    dialog = shown(window, qtbot)
    assert "由两名审核员核准" in words(dialog)
    assert not dialog.accept_button.isEnabled()
    for name, text in (
        ("legal_rep", "王建国"),
        ("handler", "李晓梅"),
        ("handler_id", "32130219900307001x"),
        ("phone", "13800000000"),
    ):
        dialog.fields[name].setText(text)
    dialog.accept_button.click()
    qtbot.waitUntil(lambda: "等待平台审核" in dialog.said.text())
    assert context.unlocking.applied["handler_id"] == "32130219900307001X"
    assert dialog.accept_button.text() == "查询进度"
    fields = context.unlocking.applied
    ready = context.unlocking.record("fulfilled", fields)
    context.unlocking.view = replace(context.unlocking.view, record=ready, by_statement=True)
    dialog.accept_button.click()
    qtbot.waitUntil(lambda: "24 小时之内" in dialog.said.text())
    dialog.new.setText("12345678")
    assert "太容易猜到" in dialog.problem.text()
    dialog.new.setText(NEW_PIN)
    dialog.again.setText("other-pin-1")
    assert "不一样" in dialog.problem.text()
    assert not dialog.accept_button.isEnabled()
    dialog.again.setText(NEW_PIN)
    dialog.accept_button.click()
    qtbot.waitUntil(lambda: dialog.unlocked)
    assert context.unlocking.set == ["platform"]
    assert (dialog.new.text(), dialog.again.text()) == ("", "")
    qtbot.waitUntil(lambda: window.token is not None and not window.token.locked)
    assert not window.strip.unlock.isVisibleTo(window.strip)


def test_a_refused_permission_is_explained_and_the_dialog_stays(
    window: MainWindow, context: StandIn, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = context.unlocking.record("fulfilled", {})
    context.unlocking.view = replace(context.unlocking.view, record=ready, by_statement=True)
    dialog = shown(window, qtbot)

    def used(*_: str) -> None:
        raise UnlockRefused(UnlockProblem.USED)

    monkeypatch.setattr(context.unlocking, "unlock", used)
    dialog.new.setText(NEW_PIN)
    dialog.again.setText(NEW_PIN)
    dialog.accept_button.click()
    qtbot.waitUntil(lambda: "已经用过一次" in dialog.problem.text())
    assert dialog.isVisible()
    assert not dialog.unlocked


def test_the_officers_pin_unlocks_without_the_platform(
    window: MainWindow, context: StandIn, qtbot: QtBot
) -> None:
    context.unlocking.view = UnlockView()
    dialog = shown(window, qtbot)
    assert "不能向平台申请" in dialog.said.text()
    assert not dialog.accept_button.isVisible()
    dialog.other.click()
    dialog.officer.setText("so-pin-7391")
    dialog.new.setText(NEW_PIN)
    dialog.again.setText(NEW_PIN)
    dialog.accept_button.click()
    qtbot.waitUntil(lambda: dialog.unlocked)
    assert context.unlocking.set == ["officer"]


def test_another_makers_key_names_its_makers_tool(
    window: MainWindow, context: StandIn, qtbot: QtBot
) -> None:
    ready = context.unlocking.record("fulfilled", {})
    context.unlocking.view = replace(context.unlocking.view, record=ready, tool="某某管理工具")
    dialog = shown(window, qtbot)
    assert "用某某管理工具设新口令" in dialog.said.text()
    assert not dialog.new.isVisible()
    buttons = [each.text() for each in dialog.findChildren(QPushButton) if each.isVisible()]
    assert "已经设好" in buttons


def test_what_is_missing_is_said_and_one_can_go_back_to_the_platform(
    window: MainWindow, context: StandIn, qtbot: QtBot
) -> None:
    dialog = shown(window, qtbot)
    assert "法定代表人" in dialog.missing.text()
    assert not dialog.accept_button.isEnabled()
    for field in dialog.fields.values():
        field.setText("1")
    assert not dialog.missing.isVisible()
    assert dialog.accept_button.isEnabled()
    dialog.other.click()
    assert dialog.officer.isVisible()
    dialog.other.click()
    assert not dialog.officer.isVisible()
    assert dialog.fields["handler"].isVisible()
