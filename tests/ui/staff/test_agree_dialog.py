"""审核 → 同意恢复或注销…: what a reviewer signs for the operator, and nothing typed is lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QFileDialog, QWidget
from pytestqt.qtbot import QtBot

from app.errors import OutputNotWritable
from server_stub.states import SEAL_REASONS
from tests.world.desk import StandIn
from ui.shell.window import MainWindow
from ui.staff.agree_dialog import CANCELLING, AgreeDialog
from ui.staff.review_page import ReviewPage

CODE = "32130200000001"


@pytest.fixture
def form(qtbot: QtBot, look: None) -> Callable[..., AgreeDialog]:
    parent = QWidget()
    qtbot.addWidget(parent)
    return lambda **typed: AgreeDialog(typed, parent)


def test_a_suspension_is_lifted_for_a_reason_in_words(form: Callable[..., AgreeDialog]) -> None:
    dialog = form()
    assert not dialog.cause.isVisibleTo(dialog)
    dialog.reason.setPlainText("材料\n已核实")
    for code in ("", CODE[:13], CODE + "1", "３２１３０２００００００１１"):
        dialog.code.setText(code)
        assert not dialog.accept_button.isEnabled(), code
    dialog.code.setText(" 3213 0200 0000 01 ")
    assert dialog.accept_button.isEnabled()
    assert dialog.typed()["reason"] == "材料 已核实"
    dialog.reason.setPlainText("长" * 501)
    assert not dialog.accept_button.isEnabled()
    assert "500" in dialog.wrong.text()


def test_a_seal_is_cancelled_for_a_reason_that_the_console_knows(
    form: Callable[..., AgreeDialog],
) -> None:
    assert set(CANCELLING) <= set(SEAL_REASONS)
    dialog = form(verb="cancel", code=CODE)
    assert not dialog.reason.isVisibleTo(dialog)
    assert dialog.accept_button.isEnabled()
    assert dialog.typed()["reason"] == "enterprise_deregistered"
    assert dialog.cause.currentText() == "企业已注销登记"
    assert "不能恢复" in dialog.warning.text()


def test_the_signature_is_saved_for_the_operator_and_a_failure_loses_nothing(
    qtbot: QtBot,
    window: MainWindow,
    context: StandIn,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page: Any = window.page("review")
    assert isinstance(page, ReviewPage)
    opened: list[dict[str, str]] = []

    def fill(dialog: AgreeDialog) -> int:
        opened.append(dialog.typed())
        dialog.code.setText(CODE)
        dialog.reason.setPlainText("材料已核实")
        return 1

    purposes: list[str] = []
    given = False

    def with_key(purpose: str, act: Any, *what: Any, done: Any) -> bool:
        purposes.append(purpose)
        if given:
            done(act(*what, "VK1", "135790"))
        return given

    monkeypatch.setattr(AgreeDialog, "exec", fill)
    monkeypatch.setattr(page, "with_key", with_key)
    chosen = tmp_path / "同意"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(chosen), ""))
    page.agree_button.click()
    qtbot.waitUntil(lambda: len(purposes) == 1)
    assert context.staff.agreed == []
    given = True
    page.agree_button.click()
    qtbot.waitUntil(lambda: len(purposes) == 2)
    assert context.staff.agreed == [("resume", CODE, "材料已核实")]
    assert purposes == [f"同意平台管理员恢复印章 {CODE}"] * 2
    assert [each["code"] for each in opened] == ["", CODE], "the PIN was not given"
    assert any("同意.json" in text and "24 小时" in text for text in window.notices.texts)
    page.agree_button.click()
    assert opened[2]["code"] == ""


def test_a_place_that_takes_no_file_is_told_before_the_pin(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page: Any = window.page("review")
    nowhere = tmp_path / "没有这个文件夹" / "同意.json"
    asked: list[object] = []
    told: list[BaseException] = []
    monkeypatch.setattr(AgreeDialog, "exec", lambda _: 1)
    monkeypatch.setattr(page, "with_key", lambda *given, **_: asked.append(given))
    monkeypatch.setattr(window, "complain", told.append)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(nowhere), ""))
    page.agree_button.click()
    qtbot.waitUntil(lambda: bool(told))
    assert isinstance(told[0], OutputNotWritable)
    assert asked == []
