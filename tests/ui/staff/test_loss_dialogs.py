"""挂失来电 in the window: who takes a call does not confirm it, and nothing typed is lost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from PySide6.QtWidgets import QLabel, QWidget
from pytestqt.qtbot import QtBot

from app.errors import PlatformRefused
from tests.world.staff_desk import StandInStaff, loss_call
from ui.staff.loss_dialogs import AnswerDialog, LossCallsDialog, TakeCallDialog
from ui.staff.staff_page import StaffPage


class Page(QWidget):
    """A page that is signed in and is given every PIN; all is done at once."""

    def __init__(self) -> None:
        super().__init__()
        self.purposes: list[str] = []
        self.told: list[BaseException] = []

    def work(self, act: Any, *given: Any, done: Any, failed: Any) -> None:
        try:
            answer = act(*given)
        except PlatformRefused as error:
            failed(error)
        else:
            done(answer)

    def with_key(self, purpose: str, act: Any, *given: Any, done: Any, failed: Any) -> bool:
        self.purposes.append(purpose)
        self.work(act, *given, "VK1", "135790", done=done, failed=failed)
        return True

    def failed(self, error: BaseException) -> None:
        self.told.append(error)


@pytest.fixture
def staff(tmp_path: Path) -> StandInStaff:
    return StandInStaff(tmp_path)


@pytest.fixture
def page(qtbot: QtBot, look: None) -> Page:
    made = Page()
    qtbot.addWidget(made)
    return made


@pytest.fixture
def dialog(staff: StandInStaff, page: Page) -> LossCallsDialog:
    shell = SimpleNamespace(context=SimpleNamespace(staff=staff))
    return LossCallsDialog(cast(Any, shell), cast(StaffPage, page), page)


def choose(dialog: LossCallsDialog, number: int) -> None:
    dialog.table.selectRow(number)


def answered(monkeypatch: pytest.MonkeyPatch, reason: str = "") -> None:
    def fill(asked: AnswerDialog) -> int:
        asked.reason.setPlainText(reason)
        return 1

    monkeypatch.setattr(AnswerDialog, "exec", fill)


@pytest.mark.parametrize(
    ("number", "confirms", "refuses", "told"),
    [
        (0, True, True, "请自己再核实来电人"),
        (1, False, False, "要由另一名审核员确认"),
        (2, True, True, "请自己再核实来电人"),
        (3, False, True, "不必再挂失"),
    ],
)
def test_who_may_do_what_is_said_before_it_is_tried(
    dialog: LossCallsDialog, number: int, confirms: bool, refuses: bool, told: str
) -> None:
    choose(dialog, number)
    assert dialog.confirm_button.isEnabled() is confirms
    assert dialog.refuse_button.isEnabled() is refuses
    assert told in dialog.note.text()


def test_another_ones_call_is_confirmed_with_a_signature(
    dialog: LossCallsDialog, staff: StandInStaff, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered(monkeypatch)
    choose(dialog, 2)
    dialog.confirm_button.click()
    assert staff.decided == [("loss_0002", "")]
    assert page.purposes == ["确认挂失：印章 32130200000003"]
    assert [each.id for each in dialog.model.items] == ["loss_0000", "loss_0001", "loss_0003"]


def test_a_refusal_takes_a_reason(
    dialog: LossCallsDialog, staff: StandInStaff, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = AnswerDialog(loss_call(0), dialog, refuses=True)
    assert not asked.accept_button.isEnabled()
    asked.reason.setPlainText("长" * 501)
    assert not asked.accept_button.isEnabled()
    answered(monkeypatch, "回拨后\n企业否认")
    choose(dialog, 3)
    dialog.refuse_button.click()
    assert staff.decided == [("loss_0003", "回拨后 企业否认")]


def test_ones_own_call_is_not_confirmed_by_a_double_click(
    dialog: LossCallsDialog, staff: StandInStaff, page: Page
) -> None:
    choose(dialog, 1)
    dialog.table.activated.emit(dialog.model.index(1, 0))
    assert (staff.decided, page.purposes) == ([], [])


def test_a_call_is_complete_before_it_can_be_signed(page: Page) -> None:
    dialog = TakeCallDialog({}, page)
    dialog.caller.setText("王建国，13905270000")
    dialog.shown.setPlainText("回拨\n登记电话")
    for code in ("", "3213020000000", "3213020000000x", "３２１３０２００００００１１"):
        dialog.code.setText(code)
        assert not dialog.accept_button.isEnabled(), code
    dialog.code.setText(" 3213 0200 0000 01 ")
    assert dialog.accept_button.isEnabled()
    assert dialog.typed() == {
        "code": "32130200000001",
        "caller": "王建国，13905270000",
        "shown": "回拨 登记电话",
    }
    dialog.shown.setPlainText("长" * 301)
    assert not dialog.accept_button.isEnabled()
    assert "300" in dialog.wrong.text()


def test_what_the_platform_did_not_take_is_there_when_the_call_is_opened_again(
    dialog: LossCallsDialog, staff: StandInStaff, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[dict[str, str]] = []
    told = {"code": "32130200000099", "caller": "王建国", "shown": "回拨"}

    def fill(asked: TakeCallDialog) -> int:
        opened.append(asked.typed())
        for name, text in told.items():
            field = getattr(asked, name)
            (field.setPlainText if name == "shown" else field.setText)(text)
        return 1

    monkeypatch.setattr(TakeCallDialog, "exec", fill)
    staff.fails = PlatformRefused("not_found", "", 404)
    dialog.take_button.click()
    assert dialog.problem.isVisibleTo(dialog)
    assert dialog.problem.text()
    dialog.take_button.click()
    assert opened == [dict.fromkeys(told, ""), told]
    assert not dialog.problem.isVisibleTo(dialog)
    assert [call.seal_code for call in staff.calls][-1] == "32130200000099"
    dialog.take_button.click()
    assert opened[2] == dict.fromkeys(told, ""), "it was taken"


def test_an_ended_session_leads_back_to_the_page(
    dialog: LossCallsDialog, staff: StandInStaff, page: Page
) -> None:
    dialog.open()
    staff.fails = ended = PlatformRefused("session_invalid", "", 401)
    dialog.refresh()
    assert page.told == [ended]
    assert not dialog.isVisible()


def test_strangers_words_are_shown_as_such(dialog: LossCallsDialog, staff: StandInStaff) -> None:
    choose(dialog, 2)
    shown = " ".join(each.text() for each in dialog.findChildren(QLabel))
    assert "\u202e" not in shown
    assert "\t" not in shown
    staff.calls = [replace(loss_call(0), seal_state="strange-v9", seal="\u202egpj")]
    dialog.refresh()
    assert "strange-v9" in " ".join(each.text() for each in dialog.findChildren(QLabel))


def test_nothing_waits(dialog: LossCallsDialog, staff: StandInStaff) -> None:
    staff.calls = []
    dialog.refresh()
    assert dialog.empty.isVisibleTo(dialog)
    assert not dialog.confirm_button.isEnabled()
    assert not dialog.refuse_button.isEnabled()
