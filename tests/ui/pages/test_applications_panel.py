"""我的申请: what is typed is kept at once, cards say how far it is, each button does its part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QDialog, QFileDialog, QLabel, QPushButton
from pytestqt.qtbot import QtBot

from app.settings import Origin, Source
from app.store.applications import ApplicationRecord
from tests.world.desk import PIN, StandIn
from ui.dialogs import Question
from ui.pages.applications_panel import ApplicationsPanel
from ui.pages.apply_dialog import ApplyDialog
from ui.shell.window import MainWindow

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")

FIELDS = {"enterprise": "宿迁云帆贸易有限公司", "seal": "contract", "proof": "licence"}


@pytest.fixture
def panel(window: MainWindow, qtbot: QtBot) -> ApplicationsPanel:
    made: ApplicationsPanel = window.page("seals").applications
    made._pin = lambda _: ("UK", PIN)  # type: ignore[assignment]
    window.go("seals")
    qtbot.waitUntil(lambda: not window.tasks.busy)
    return made


def known(context: StandIn, **values: Any) -> ApplicationRecord:
    kept = context._cabinet.applications
    record = kept.new("issue", FIELDS, "https://seal.example.gov.cn")
    return kept.change(record.id, lambda each: replace(each, **values))


def shown(panel: ApplicationsPanel, qtbot: QtBot) -> str:
    """All that the cards say, once they say what the cabinet has."""
    panel.changed.emit()
    here = panel._shell.context.applications
    qtbot.waitUntil(lambda: panel.records == here.all() and not panel._shell.tasks.busy)
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)  # the cards of before
    return "\n".join(each.text() for each in panel.findChildren(QLabel))


def press(panel: ApplicationsPanel, text: str) -> None:
    (found,) = (b for b in panel.findChildren(QPushButton) if b.text().strip() == text)
    found.click()


def in_form(monkeypatch: pytest.MonkeyPatch, act: Callable[[ApplyDialog], int]) -> None:
    monkeypatch.setattr(ApplyDialog, "exec", act)


def test_a_draft_is_in_the_cabinet_while_it_is_typed(
    panel: ApplicationsPanel, context: StandIn, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def type_and_cancel(form: ApplyDialog) -> int:
        qtbot.keyClicks(form.fields["handler"], "Li Xiaomei")
        qtbot.waitUntil(lambda: bool(context.applications.all()))
        (kept,) = context.applications.all()
        assert kept.fields["handler"] == "Li Xiaomei", "a crash now would lose nothing"
        qtbot.keyClicks(form.fields["phone"], "138")
        return QDialog.DialogCode.Rejected

    in_form(monkeypatch, type_and_cancel)
    panel.begin({"enterprise": "甲公司"})
    qtbot.waitUntil(lambda: context.applications.all()[0].fields["phone"] == "138")
    assert "草稿，还没有提交" in shown(panel, qtbot)
    seen: list[str] = []
    in_form(monkeypatch, lambda form: seen.append(form.fields["handler"].text()) or 0)  # type: ignore[func-returns-value]
    panel.begin({})
    assert seen == ["Li Xiaomei"], "the next application goes on with it"
    assert len(context.applications.all()) == 1


def test_a_form_that_nobody_touched_leaves_no_draft(
    panel: ApplicationsPanel, context: StandIn, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_form(monkeypatch, lambda form: int(QDialog.DialogCode.Rejected))
    panel.begin({"enterprise": "甲公司"})
    qtbot.waitUntil(lambda: not panel._shell.tasks.busy)
    assert context.applications.all() == ()


def test_after_submitting_it_says_what_is_next_and_when_to_look(
    panel: ApplicationsPanel, context: StandIn, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = known(context, key=b"k")
    assert "草稿" in shown(panel, qtbot)
    in_form(monkeypatch, lambda form: int(QDialog.DialogCode.Accepted))
    press(panel, "继续填写…")
    qtbot.waitUntil(lambda: context.applications.all()[0].state == "submitted")
    said = shown(panel, qtbot)
    assert "已提交，等待审核，今天开始" in said
    assert "下一步：平台审核。 平台通常在" in said
    assert any("等待审核" in text for text in panel._shell.notices.texts)
    assert context.applications.all()[0].told == "submitted"
    assert context.applications.all()[0].id == record.id


def test_a_reviewers_remarks_stand_at_their_fields_until_they_are_changed(
    panel: ApplicationsPanel, context: StandIn, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    known(
        context,
        state="returned",
        next="correct",
        server_id="app_1",
        reason="请补正",
        reasons={"legal_rep": "与登记不符"},
        created_at=datetime.now(UTC) - timedelta(days=3),
    )
    said = shown(panel, qtbot)
    assert "退回补正，3 天前开始" in said
    assert "法定代表人：与登记不符" in said
    hints: list[str] = []

    def look(form: ApplyDialog) -> int:
        hints.append(form.hints["legal_rep"].text())
        qtbot.keyClicks(form.fields["legal_rep"], "x")
        hints.append(form.hints["legal_rep"].text())
        assert form.problem.text() == "请补正"
        assert form.fields["url"].isReadOnly(), "it was sent there"
        return int(QDialog.DialogCode.Rejected)

    in_form(monkeypatch, look)
    press(panel, "继续填写…")
    assert hints == ["审核意见：与登记不符", ""]


def test_the_news_of_a_sync_stay_until_they_are_acted_on_and_collecting_is_one_click(
    panel: ApplicationsPanel, context: StandIn, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(panel._shell.away, "tell", told.append)
    record = known(context, state="fulfilled", next="collect", server_id="app_1", told="submitted")
    panel.tell([record], away=True)
    assert told == ["印章申请有新的进展。"]
    panel._shell.notices.clear_passing()
    assert any("等待领取" in text for text in panel._shell.notices.texts)
    qtbot.waitUntil(lambda: context.applications.all()[0].told == "fulfilled")
    shown(panel, qtbot)
    press(panel, "领取")
    qtbot.waitUntil(lambda: context.applications.all()[0].state == "collected")
    qtbot.waitUntil(lambda: any("已领取" in text for text in panel._shell.notices.texts))
    assert not any("等待领取" in text for text in panel._shell.notices.texts)


def test_withdrawing_and_removing_are_asked_for_once_more(
    panel: ApplicationsPanel, context: StandIn, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    known(context, state="submitted", next="review", server_id="app_1", key=b"k")
    answers = ["不撤回", "撤回", "不删除", "删除"]

    def answer(question: Question) -> int:
        question.answer = answers.pop(0)
        return 0

    monkeypatch.setattr(Question, "exec", answer)
    shown(panel, qtbot)
    press(panel, "撤回…")
    assert context.applications.all()[0].state == "submitted"
    press(panel, "撤回…")
    qtbot.waitUntil(lambda: context.applications.all()[0].state == "withdrawn")
    shown(panel, qtbot)
    press(panel, "从列表删除…")
    press(panel, "从列表删除…")
    qtbot.waitUntil(lambda: context.applications.all() == ())
    shown(panel, qtbot)
    assert not panel.isVisible()


def test_a_letter_that_cannot_be_taken_is_told_in_the_form(
    panel: ApplicationsPanel,
    context: StandIn,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    wrong, right = tmp_path / "授权书.docx", tmp_path / "授权书.pdf"
    wrong.write_bytes(b"PK\3\4")
    right.write_bytes(b"%PDF-1.7")
    chosen = [wrong, right]
    choose = staticmethod(lambda *_: (str(chosen.pop(0)), ""))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", choose)
    said: list[str] = []

    def fill(form: ApplyDialog) -> int:
        form.proof.setCurrentIndex(form.proof.findData("letter"))
        form.letter_row.choose.click()
        qtbot.waitUntil(lambda: bool(form.hints["letter"].text()))
        said.append(form.hints["letter"].text())
        form.letter_row.choose.click()
        qtbot.waitUntil(lambda: form.letter_row.name.text() == "授权书.pdf")
        said.append(form.hints["letter"].text())
        return int(QDialog.DialogCode.Rejected)

    in_form(monkeypatch, fill)
    panel.begin({})
    assert "应为 PDF 文件或图片" in said[0]
    assert said[1] == ""
    qtbot.waitUntil(lambda: not panel._shell.tasks.busy)
    (kept,) = context.applications.all()
    assert context._cabinet.applications.letter(kept.id) == b"%PDF-1.7"


def test_where_the_representative_signs_himself_the_card_leads_through_it(
    panel: ApplicationsPanel, context: StandIn, qtbot: QtBot
) -> None:
    known(context, key=b"k", fields={**FIELDS, "proof": "legal_rep"})
    assert "法定代表人插入自己的 Ukey" in shown(panel, qtbot)
    context.applications.answers = [{"state": "draft", "proof_signature": b"s", "server_id": ""}]
    press(panel, "法定代表人签名…")
    qtbot.waitUntil(lambda: bool(context.applications.all()[0].proof_signature))
    assert "插着申请用的 Ukey" in shown(panel, qtbot)


def test_without_a_key_nothing_is_asked_of_the_platform(
    panel: ApplicationsPanel, window: MainWindow, context: StandIn, qtbot: QtBot
) -> None:
    known(context, state="submitted", next="review", server_id="app_1", key=b"k")
    shown(panel, qtbot)
    window.plugged._settle(())
    enabled = {b.text().strip(): b.isEnabled() for b in panel.findChildren(QPushButton)}
    assert enabled == {"查询进度": False, "撤回…": False}


def test_who_has_seen_to_an_application_has_read_its_notice(
    panel: ApplicationsPanel, context: StandIn, qtbot: QtBot
) -> None:
    record = known(context, state="submitted", server_id="app_1", key=b"k")
    context.keep_notice(
        record.platform, "application_returned", {"application": record.id}, datetime.now(UTC)
    )
    context.keep_notice(
        record.platform, "application_returned", {"application": "other"}, datetime.now(UTC)
    )
    panel._done(record)
    qtbot.waitUntil(lambda: [each.read for each in context.notices()].count(True) == 1)
    assert {each.facts["application"] for each in context.notices() if not each.read} == {"other"}


def test_under_a_policy_an_application_goes_to_its_platform_alone(
    panel: ApplicationsPanel, context: StandIn, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    context.settings = replace(
        context.settings,
        platform_url="https://ours.example.gov.cn",
        sources={"platform_url": Source(Origin.POLICY)},
    )
    known(context)
    assert "草稿" in shown(panel, qtbot)
    seen: list[tuple[str, bool]] = []

    def look(form: ApplyDialog) -> int:
        seen.append((form.fields["url"].text(), form.fields["url"].isReadOnly()))
        return int(QDialog.DialogCode.Rejected)

    in_form(monkeypatch, look)
    press(panel, "继续填写…")
    assert seen == [("https://ours.example.gov.cn", True)]
