"""What a reviewer has to say before the PIN is asked, and how strangers' words are shown."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.remote.staff.reviewing import Verdict
from tests.world.staff_desk import AGAINST, queued, review
from ui.staff import words
from ui.staff.decision_dialogs import ApproveDialog, RejectDialog, ReturnDialog


@pytest.fixture
def parent(qtbot: QtBot, look: None) -> QWidget:
    made = QWidget()
    qtbot.addWidget(made)
    return made


def test_all_four_findings_are_ticked_before_an_approval(parent: QWidget) -> None:
    dialog = ApproveDialog(replace(review(), queued=queued(0)), parent)
    for box in dialog.findings:
        assert not dialog.accept_button.isEnabled()
        box.setChecked(True)
    assert dialog.accept_button.isEnabled()
    assert dialog.verdict() == Verdict("approve", "")


@pytest.mark.parametrize("number", [1, 2])
def test_against_the_records_or_without_an_answer_a_reason_is_needed(
    parent: QWidget, number: int
) -> None:
    dialog = ApproveDialog(replace(review(), queued=queued(number)), parent)
    for box in dialog.findings:
        box.setChecked(True)
    assert not dialog.accept_button.isEnabled()
    dialog.reason.setPlainText("执照\n已核对")
    assert dialog.accept_button.isEnabled()
    assert dialog.verdict() == Verdict("approve", "执照 已核对")


def test_a_return_says_which_field(parent: QWidget) -> None:
    dialog = ReturnDialog(review(), parent)
    assert {"handler.phone", "enterprise.name", "materials.letter"} <= dialog.fields.keys()
    assert "strange" not in dialog.fields
    dialog.fields["materials.letter"].setText(" 看不清 ")
    assert not dialog.accept_button.isEnabled()
    dialog.reason.setPlainText("请补正")
    assert dialog.verdict() == Verdict("return", "请补正", {"materials.letter": "看不清"})
    assert dialog.verdict().signed_reason == "请补正; materials.letter: 看不清"


def test_a_refusal_needs_a_reason_and_not_a_novel(parent: QWidget) -> None:
    dialog = RejectDialog(review(), parent)
    assert not dialog.accept_button.isEnabled()
    dialog.reason.setPlainText("长" * 501)
    assert not dialog.accept_button.isEnabled()
    dialog.reason.setPlainText(AGAINST)
    assert dialog.verdict() == Verdict("reject", AGAINST)


def test_what_turns_or_hides_letters_is_shown_as_such() -> None:
    assert words.plain("有限公司\u202emoc.elpmaxe\t\x00") == "有限公司�moc.elpmaxe��"
    assert "\u200b" in words.broken("W" * 40)
    assert words.broken("W" * 40).replace("\u200b", "") == "W" * 40
