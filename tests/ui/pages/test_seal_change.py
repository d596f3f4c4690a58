"""A seal is replaced, renewed or cancelled from its card."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtWidgets import QFileDialog, QLabel
from pytestqt.qtbot import QtBot

from app.remote.application_form import choices
from crypto.seal.application_form import CANCEL, CAUSES, REISSUE, RENEW
from tests.world.applicant import citizen_number
from tests.world.desk import PIN, StandIn
from ui.pages.seal_change import SealChangeDialog
from ui.shell.window import MainWindow

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")

TYPED = {
    "legal_rep": "王建国",
    "handler": "李晓梅",
    "handler_id": citizen_number().lower(),
    "phone": "13800000000",
}


@pytest.fixture
def dialog(window: MainWindow, context: StandIn) -> SealChangeDialog:
    seal = context.company.seals[0]
    made = SealChangeDialog(window, seal, lambda _: ("UK", PIN), window)
    made.show()
    return made


def filled(dialog: SealChangeDialog, kind: str) -> None:
    dialog.kind.setCurrentIndex(dialog.kind.findData(kind))
    for name, text in TYPED.items():
        dialog.fields[name].setText(text)


@pytest.mark.parametrize("kind", [REISSUE, RENEW, CANCEL])
def test_each_kind_asks_for_its_causes_and_keeps_what_was_typed(
    kind: str,
    dialog: SealChangeDialog,
    context: StandIn,
    qtbot: QtBot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def save(*args: object, **_: object) -> tuple[str, str]:
        asked.append(args)
        return str(tmp_path / "request.pdf"), ""

    monkeypatch.setattr(QFileDialog, "getSaveFileName", save)
    assert not dialog.accept_button.isEnabled()
    filled(dialog, kind)
    causes = [dialog.cause.itemData(n) for n in range(dialog.cause.count())]
    assert tuple(causes) == CAUSES.get(kind, ())
    assert dialog.cause.isVisible() == (kind in CAUSES)
    dialog.accept_button.click()
    qtbot.waitUntil(lambda: dialog.taken is not None)
    record = context.applications.all()[0]
    assert dialog.taken is not None
    assert (record.kind, record.id) == (kind, dialog.taken.id)
    assert record.fields["code"] == context.company.seals[0].code
    assert record.fields["handler_id"] == citizen_number()
    assert record.fields.get("cause", "") == (causes[0] if causes else "")
    assert len(asked) == (kind == CANCEL)


def test_without_a_place_for_the_request_nothing_is_cancelled(
    dialog: SealChangeDialog, context: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: ("", ""))
    filled(dialog, CANCEL)
    dialog.accept_button.click()
    assert dialog.isEnabled()
    assert context.applications.all() == ()


def test_a_place_that_takes_no_request_is_told_before_the_pin(
    window: MainWindow,
    context: StandIn,
    qtbot: QtBot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def pin(purpose: str) -> tuple[str, str]:
        raise AssertionError(purpose)

    dialog = SealChangeDialog(window, context.company.seals[0], pin, window)
    dialog.show()
    nowhere = tmp_path / "没有这个文件夹" / "注销申请书.pdf"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(nowhere), ""))
    filled(dialog, CANCEL)
    dialog.accept_button.click()
    qtbot.waitUntil(lambda: bool(dialog.problem.text()))
    assert "文件夹" in dialog.problem.text()
    assert dialog.isEnabled()
    assert dialog.fields["handler"].text() == "李晓梅"


def test_what_went_wrong_is_told_in_the_dialog_and_what_was_typed_stays(
    window: MainWindow, context: StandIn, qtbot: QtBot
) -> None:
    seal = context.company.seals[0]
    dialog = SealChangeDialog(window, seal, lambda _: ("UK", "wrong"), window)
    dialog.show()
    filled(dialog, RENEW)
    dialog.accept_button.click()
    qtbot.waitUntil(lambda: bool(dialog.problem.text()))
    assert "口令" in dialog.problem.text()
    assert dialog.fields["handler"].text() == "李晓梅"
    assert any("编码不变" in each.text() for each in dialog.findChildren(QLabel))


def ways(dialog: SealChangeDialog) -> list[str]:
    return [dialog.proof.itemData(n) for n in range(dialog.proof.count())]


def test_every_proof_that_the_rules_allow_is_offered(dialog: SealChangeDialog) -> None:
    filled(dialog, REISSUE)
    assert ways(dialog) == ["licence", "legal_rep", "letter"]
    assert dialog.proof.isVisible()
    filled(dialog, RENEW)
    assert ways(dialog) == ["seal", "licence", "legal_rep", "letter"]
    dialog.proof.setCurrentIndex(2)
    assert "法定代表人插入自己的 Ukey" in dialog.hints["proof"].text()
    filled(dialog, CANCEL)
    assert ways(dialog) == ["request"]
    assert not dialog.proof.isVisible()


def test_a_seal_that_is_over_is_renewed_with_another_proof(
    window: MainWindow, context: StandIn
) -> None:
    seal = replace(context.company.seals[0], state="expired", certificate_state="revoked")
    dialog = SealChangeDialog(window, seal, lambda _: ("UK", PIN), window)
    filled(dialog, RENEW)
    assert ways(dialog) == ["licence", "legal_rep", "letter"]
    assert dialog.answer()["proof"] == "licence"


def test_a_letter_is_chosen_and_kept(
    dialog: SealChangeDialog,
    context: StandIn,
    qtbot: QtBot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    letter = tmp_path / "授权书.pdf"
    letter.write_bytes(b"%PDF-1.7 letter")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(letter), ""))
    filled(dialog, REISSUE)
    dialog.proof.setCurrentIndex(dialog.proof.findData("letter"))
    assert not dialog.accept_button.isEnabled()
    dialog.letter.choose.click()
    assert dialog.letter.name.text() == "授权书.pdf"
    dialog.accept_button.click()
    qtbot.waitUntil(lambda: dialog.taken is not None)
    (record,) = context.applications.all()
    assert (record.fields["proof"], record.letter_name) == ("letter", "授权书.pdf")


def test_what_was_typed_is_kept_as_a_draft(
    dialog: SealChangeDialog, window: MainWindow, context: StandIn, qtbot: QtBot
) -> None:
    filled(dialog, RENEW)
    qtbot.keyClicks(dialog.fields["phone"], "1")
    dialog.reject()
    qtbot.waitUntil(lambda: len(context.applications.all()) == 1)
    (record,) = context.applications.all()
    assert (record.kind, record.state, record.fields["handler"]) == ("renew", "draft", "李晓梅")
    again = SealChangeDialog(
        window, context.company.seals[0], lambda _: ("UK", PIN), window, record
    )
    assert again.fields["legal_rep"].text() == "王建国"
    again.reject()
    assert len(context.applications.all()) == 1, "nobody has touched it"


def test_slips_are_told_at_the_field_once_it_was_left(
    dialog: SealChangeDialog,
) -> None:
    filled(dialog, RENEW)
    assert dialog.accept_button.isEnabled()
    number = dialog.fields["handler_id"]
    number.setText("321302199001011234"[:-1] + "0")
    assert not dialog.accept_button.isEnabled()
    assert dialog.hints["handler_id"].text() == ""
    number.editingFinished.emit()
    assert "校验码与前面不符" in dialog.hints["handler_id"].text()
    dialog.fields["phone"].setText("none")
    dialog.fields["phone"].editingFinished.emit()
    assert "电话号码只有数字" in dialog.hints["phone"].text()


def test_a_branchs_and_a_persons_seal_ask_for_what_is_on_them(
    window: MainWindow, context: StandIn
) -> None:
    seal = context.company.seals[0]
    for subtype, shown in (("department", "department"), ("finance_head", "holder")):
        dialog = SealChangeDialog(
            window, replace(seal, subtype=subtype), lambda _: ("UK", PIN), window
        )
        dialog.show()
        filled(dialog, REISSUE)
        assert dialog.fields[shown].isVisible()
        assert not dialog.accept_button.isEnabled()
        dialog.fields[shown].setText("研发部")
        assert dialog.accept_button.isEnabled()
        filled(dialog, RENEW)
        assert not dialog.fields[shown].isVisible()
    personal = replace(seal, subtype="personal", kind="personal", enterprise="")
    dialog = SealChangeDialog(window, personal, lambda _: ("UK", PIN), window)
    dialog.show()
    filled(dialog, REISSUE)
    assert dialog.shape.isVisible()
    assert not dialog.fields["enterprise"].isVisible()
    causes = tuple(dialog.cause.itemData(n) for n in range(dialog.cause.count()))
    assert causes == choices("cause", REISSUE, "personal")
    assert "legal_rep_changed" not in causes
