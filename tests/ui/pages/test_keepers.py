"""Who keeps a seal: shown, appointed and ended with the representative's PIN."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.qtbot import QtBot

from tests.world.applicant import citizen_number
from tests.world.desk import PIN, StandIn
from ui.pages.keepers import KeepersDialog
from ui.shell.window import MainWindow

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


def texts(dialog: KeepersDialog) -> str:
    shown = (each for each in dialog.findChildren(QLabel) if not each.isHidden())
    return "\n".join(each.text() for each in shown)


def test_a_keeper_is_appointed_shown_and_ended(
    qtbot: QtBot, window: MainWindow, context: StandIn
) -> None:
    asked: list[str] = []

    def pin(purpose: str) -> tuple[str, str]:
        asked.append(purpose)
        return "UK", PIN

    dialog = KeepersDialog(window, context.company.seals[0], pin, window)
    dialog.show()
    assert not dialog.give.isEnabled()
    qtbot.keyClicks(dialog.name, "Zhao Min")
    qtbot.keyClicks(dialog.number, citizen_number())
    dialog.give.click()
    qtbot.waitUntil(lambda: "Zhao Min，" in texts(dialog))
    assert (dialog.name.text(), dialog.number.text()) == ("", "")
    dialog.ask.click()
    qtbot.waitUntil(dialog.isEnabled)
    next(b for b in dialog.findChildren(QPushButton) if b.text() == "结束…").click()
    qtbot.waitUntil(lambda: "现在没有保管人" in texts(dialog))
    assert asked == [
        "法定代表人指定 Zhao Min 保管印章",
        "查看印章的保管人",
        "法定代表人结束 Zhao Min 的保管",
    ]


def test_what_went_wrong_is_told_in_the_dialog_and_what_was_typed_stays(
    qtbot: QtBot, window: MainWindow, context: StandIn
) -> None:
    seal = context.company.seals[0]
    dialog = KeepersDialog(window, seal, lambda _: ("UK", "wrong"), window)
    dialog.show()
    dialog.name.setText("赵敏")
    dialog.number.setText(citizen_number())
    dialog.give.click()
    qtbot.waitUntil(lambda: bool(dialog.problem.text()))
    assert "口令" in dialog.problem.text()
    assert dialog.name.text() == "赵敏"
    assert dialog.isEnabled()
