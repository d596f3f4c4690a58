"""A seal is stopped, reported lost and used again from its card."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.qtbot import QtBot

from app.cli import seals as command_line
from app.errors import SealChangeRefused
from app.store.cabinet import SealRecord
from server_stub.seals.stopping import HOLDER_REASONS
from tests.world.desk import PIN, StandIn
from ui.pages.seal_state import REASONS, SealStateDialog
from ui.pages.seals_page import SealsPage
from ui.shell.window import MainWindow
from ui.widgets import Expander

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@pytest.fixture
def seal(context: StandIn) -> SealRecord:
    return context.company.seals[0]


@pytest.fixture
def asked() -> list[str]:
    """What the PIN was asked for."""
    return []


@pytest.fixture
def page(
    window: MainWindow, qtbot: QtBot, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> SealsPage:
    made: SealsPage = window.page("seals")

    def pin(purpose: str) -> tuple[str, str]:
        asked.append(purpose)
        return "UK", PIN

    monkeypatch.setattr(made, "_pin", pin)
    window.go("seals")
    qtbot.waitUntil(lambda: not window.tasks.busy)
    return made


def on_card(page: SealsPage, seal: SealRecord, words: str) -> QPushButton | None:
    """The button with those words on the card of *seal*, if it is there."""
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)  # the cards of before
    for each in page.findChildren(QPushButton):
        if each.text() == words and each.accessibleName().endswith(seal.code) and each.isVisible():
            return each
    return None


def test_what_is_open_on_a_card_stays_open_while_nothing_changes(
    page: SealsPage, window: MainWindow, qtbot: QtBot, seal: SealRecord
) -> None:
    details = page.findChildren(Expander)[0]
    assert seal.uscc not in texts(page).splitlines()
    details.open()
    assert seal.uscc in texts(page).splitlines()
    window.reload_seals()
    qtbot.waitUntil(lambda: not window.tasks.busy)
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert details in page.findChildren(Expander)
    assert seal.uscc in texts(page).splitlines()
    window.context._cabinet.keep_seal(replace(seal, name="改名的公司"))
    window.reload_seals()
    qtbot.waitUntil(lambda: "改名的公司" in texts(page))
    assert seal.uscc not in texts(page).splitlines()


def in_dialog(monkeypatch: pytest.MonkeyPatch, act: Callable[[SealStateDialog], None]) -> None:
    def shown(dialog: SealStateDialog) -> int:
        dialog.show()
        act(dialog)
        return dialog.result()

    monkeypatch.setattr(SealStateDialog, "exec", shown)


def texts(page: SealsPage | SealStateDialog) -> str:
    return "\n".join(each.text() for each in page.findChildren(QLabel) if each.isVisible())


def test_the_window_offers_the_reasons_that_command_line_and_platform_take() -> None:
    assert REASONS == command_line.REASONS == HOLDER_REASONS


def test_a_seal_is_paused_from_its_card_and_resumed_there(
    page: SealsPage,
    window: MainWindow,
    context: StandIn,
    seal: SealRecord,
    asked: list[str],
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def pause(dialog: SealStateDialog) -> None:
        assert not dialog.accept_button.isEnabled()  # no reason, no suspension
        dialog.choices["holder_request"].setChecked(True)
        assert "法定代表人随时可以在这里恢复" in dialog.said.text()
        dialog.accept_button.click()
        qtbot.waitUntil(lambda: dialog.changed)

    in_dialog(monkeypatch, pause)
    stop = on_card(page, seal, "停用、挂失…")
    assert stop is not None
    stop.click()
    qtbot.waitUntil(lambda: on_card(page, seal, "恢复…") is not None)
    kept = context._cabinet.seal(seal.code)
    assert (kept.state, kept.reason) == ("suspended", "holder_request")
    assert "由本单位暂停，法定代表人可以恢复" in texts(page)
    assert on_card(page, seal, "停用、挂失…") is None
    assert on_card(page, seal, "挂失…") is not None  # the Ukey may be lost meanwhile

    def resume(dialog: SealStateDialog) -> None:
        assert not dialog.choices
        assert "停用期间盖的章仍然无效" in dialog.said.text()
        dialog.accept_button.click()
        qtbot.waitUntil(lambda: dialog.changed)

    in_dialog(monkeypatch, resume)
    again = on_card(page, seal, "恢复…")
    assert again is not None
    again.click()
    qtbot.waitUntil(lambda: on_card(page, seal, "停用、挂失…") is not None)
    assert context._cabinet.seal(seal.code).state == "active"
    assert asked == ["立即停用 合同专用章", "恢复使用 合同专用章"]


@pytest.mark.parametrize("reason", ["lost", "key_compromised"])
def test_what_is_reported_lost_is_not_offered_to_be_resumed(
    reason: str,
    page: SealsPage,
    context: StandIn,
    seal: SealRecord,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def report(dialog: SealStateDialog) -> None:
        dialog.choices[reason].setChecked(True)
        assert "证书同时冻结" in dialog.said.text()
        assert "本单位不能自己恢复" in dialog.said.text()
        assert "停用之前盖好、带时间戳的仍然有效" in texts(dialog)
        dialog.accept_button.click()
        qtbot.waitUntil(lambda: dialog.changed)

    in_dialog(monkeypatch, report)
    stop = on_card(page, seal, "停用、挂失…")
    assert stop is not None
    stop.click()
    qtbot.waitUntil(lambda: "在这枚印章上办理换领" in texts(page))
    assert context._cabinet.seal(seal.code).reason == reason
    assert on_card(page, seal, "恢复…") is None
    assert on_card(page, seal, "停用、挂失…") is None


def test_a_refusal_says_who_may_and_the_dialog_stays(
    window: MainWindow, context: StandIn, seal: SealRecord, qtbot: QtBot
) -> None:
    stopped = replace(seal, state="suspended", reason="holder_request")
    dialog = SealStateDialog(window, stopped, lambda _: ("UK", PIN), window, stops=False)
    dialog.show()
    context.applications.answers = [SealChangeRefused(seal.name, "representative")]
    dialog.accept_button.click()
    qtbot.waitUntil(lambda: bool(dialog.problem.text()))
    assert "只有法定代表人可以恢复" in dialog.problem.text()
    assert dialog.isEnabled()
    assert dialog.isVisible()
    assert dialog.changed  # the card shows how the platform says that it stands


def test_without_a_pin_or_a_key_nothing_is_stopped(
    window: MainWindow, context: StandIn, seal: SealRecord, qtbot: QtBot
) -> None:
    dialog = SealStateDialog(window, seal, lambda _: ("", ""), window, stops=True)
    dialog.show()
    dialog.choices["lost"].setChecked(True)
    dialog.accept_button.click()
    assert dialog.isEnabled()
    wrong = SealStateDialog(window, seal, lambda _: ("UK", "wrong"), window, stops=True)
    wrong.show()
    wrong.choices["lost"].setChecked(True)
    wrong.accept_button.click()
    qtbot.waitUntil(lambda: bool(wrong.problem.text()))
    assert "口令" in wrong.problem.text()
    context.plugged = ()
    qtbot.waitUntil(lambda: window.token is None)
    dialog.accept_button.click()
    assert "没有插入 Ukey" in dialog.problem.text()
    assert context._cabinet.seal(seal.code).state == "active"
    assert not dialog.changed
    assert not wrong.changed


def test_a_seal_of_ones_own_is_kept_by_nobody_else(page: SealsPage, seal: SealRecord) -> None:
    for subtype, offered in (("personal", False), ("contract", True)):
        card = page._card(replace(seal, subtype=subtype), None)
        (keepers,) = (b for b in card.findChildren(QPushButton) if b.text() == "保管人…")
        assert keepers.isHidden() is not offered
        card.deleteLater()
