"""通知 in the window: how many are unread, what each says, and what reading them does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.qtbot import QtBot

from tests.world.desk import StandIn
from ui.pages.notices_dialog import NoticesDialog
from ui.shell.window import MainWindow

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")

AT = datetime(2026, 11, 30, 3, 0, tzinfo=UTC)


def keep(context: StandIn, kind: str = "seal_suspended", origin: str = "https://a.example") -> None:
    facts = {"seal_code": min(seal.code for seal in context.seals()), "subtype": "official"}
    context.keep_notice(origin, kind, {**facts, "reason": "lost"}, AT)


@pytest.fixture
def dialog(window: MainWindow, context: StandIn, qtbot: QtBot) -> NoticesDialog:
    keep(context)
    keep(context, "seal_ends", "https://b.example")
    window.count_notices()
    qtbot.waitUntil(lambda: "2" in window.strip.news.text())
    window.strip.news.click()
    (made,) = window.findChildren(NoticesDialog)
    qtbot.waitUntil(lambda: len(made.records) == 2)
    return made


def shown(dialog: NoticesDialog) -> list[str]:
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    return [each.text() for each in dialog.findChildren(QLabel)]


def press(dialog: NoticesDialog, text: str) -> None:
    next(b for b in dialog.findChildren(QPushButton) if b.text() == text).click()


def test_each_says_what_happened_and_what_to_do_by_platform(dialog: NoticesDialog) -> None:
    text = "\n".join(shown(dialog))
    for word in (
        "https://a.example",
        "https://b.example",
        "已停用，现在盖的章无效（已挂失）",
        "请用新的 Ukey 办理换领。",
        "2 条未读",
    ):
        assert word in text, word


def test_what_was_read_is_read_here_in_the_bar_and_after_a_restart(
    dialog: NoticesDialog, window: MainWindow, context: StandIn, qtbot: QtBot
) -> None:
    press(dialog, "标为已读")
    qtbot.waitUntil(lambda: [each.read for each in dialog.records].count(True) == 1)
    assert dialog.all_read.isEnabled()
    dialog.all_read.click()
    qtbot.waitUntil(lambda: window.strip.news.text().strip() == "通知")
    qtbot.waitUntil(lambda: all(each.read for each in dialog.records))
    assert not dialog.all_read.isEnabled()
    assert "还没有" not in "\n".join(shown(dialog)), "they stay on the list"
    assert [each.read for each in context.notices()] == [True, True]


def test_who_goes_where_it_is_done_has_read_it(
    dialog: NoticesDialog, window: MainWindow, context: StandIn, qtbot: QtBot
) -> None:
    press(dialog, "办理续期")
    qtbot.waitUntil(lambda: "1" in window.strip.news.text())
    assert window.current == "seals"
    assert dialog._over


def test_what_is_read_in_the_bar_is_read_in_the_list(
    qtbot: QtBot, open_window: Callable[[StandIn], MainWindow], tmp_path: Path
) -> None:
    context = StandIn(tmp_path / "home")
    window = open_window(context)
    seal = min(context.seals(), key=lambda each: each.code)
    context._cabinet.keep_seal(replace(seal, state="suspended", reason="lost"))
    keep(context)
    window.reload_seals()
    topic = f"seal-{seal.code}"
    qtbot.waitUntil(lambda: topic in window.notices._notices)
    qtbot.waitUntil(lambda: "1" in window.strip.news.text())
    (read,) = (b for b in window.notices.findChildren(QPushButton) if b.text() == "知道了")
    read.click()
    qtbot.waitUntil(lambda: window.strip.news.text().strip() == "通知")
    assert [each.read for each in context.notices()] == [True]


def test_without_any_it_says_when_they_come(window: MainWindow, qtbot: QtBot) -> None:
    made = NoticesDialog(window, window)
    qtbot.addWidget(made)
    qtbot.waitUntil(lambda: "还没有通知" in "\n".join(shown(made)))
