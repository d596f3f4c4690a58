"""Somebody changes a seal at the platform: the person is told until it was read, also after a
restart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from tests.world.desk import StandIn
from ui.shell.token_notices import _tell_of_expiry
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


def test_who_uses_a_lent_seal_is_told_to_ask_for_another_grant_and_not_to_renew() -> None:
    now, told = datetime.now(UTC), dict[str, str]()

    def shown(days: dict[bytes, int], lent: set[bytes]) -> str:
        told.clear()
        certificates = [
            SimpleNamespace(der=der, not_after=now + timedelta(days=left, hours=1))
            for der, left in days.items()
        ]
        notices = SimpleNamespace(
            show_notice=lambda topic, _, text, *__, **___: told.update({topic: text}),
            clear_notice=lambda topic: told.pop(topic, None),
        )
        seals = [SimpleNamespace(certificate=der, grant=der in lent or None) for der in days]
        shell: Any = SimpleNamespace(notices=notices, seals=seals)
        token: Any = SimpleNamespace(certificates=certificates)
        _tell_of_expiry(shell, token)
        return told.get("expiry", "")

    assert shown({b"own": 4}, set()) == "证书 4 天后到期，请及时办理续期。"
    assert shown({b"lent": 4}, {b"lent"}).startswith("受托使用的印章 4 天后到期。")
    assert shown({b"lent": 40}, {b"lent"}) == ""
    assert shown({b"lent": -4}, {b"lent"}) == ""  # that the grant is over is told elsewhere
    assert shown({b"own": 40, b"lent": 4}, {b"lent"}) == "证书 40 天后到期，请及时办理续期。"
