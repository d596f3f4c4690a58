"""Somebody changes a seal at the platform: the person is told until it was read, also after a
restart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from tests.world.desk import StandIn
from ui.shell.window import MainWindow


def said(window: MainWindow) -> str:
    return " ".join(each.accessibleName() for each in window.notices._notices.values())


def change(qtbot: QtBot, window: MainWindow, context: StandIn, state: str, reason: str) -> None:
    seal = min(context.seals(), key=lambda each: each.code)
    context._cabinet.keep_seal(replace(seal, state=state, reason=reason))
    window.reload_seals()

    def taken() -> bool:
        return any((s.code, s.state) == (seal.code, state) for s in window.seals)

    qtbot.waitUntil(taken)


def test_a_change_is_told_until_it_was_read(
    qtbot: QtBot, open_window: Callable[[StandIn], MainWindow], tmp_path: Path
) -> None:
    context = StandIn(tmp_path / "home")
    window = open_window(context)
    assert "已停用" not in said(window)  # as it came
    change(qtbot, window, context, "suspended", "licence_revoked")
    assert "已停用，现在盖的章无效。营业执照已失效" in said(window)
    window.go("verify")
    assert "已停用" in said(window)
    again = open_window(context)
    assert "已停用" in said(again)
    (read,) = (b for b in again.notices.findChildren(QPushButton) if b.text() == "知道了")
    read.click()
    assert "已停用" not in said(again)
    again.reload_seals()
    qtbot.waitUntil(lambda: not again.tasks.busy)
    assert "已停用" not in said(again)
    change(qtbot, again, context, "active", "")
    assert "已恢复使用" in said(again)
