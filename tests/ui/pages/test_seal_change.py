"""A seal is replaced, renewed or cancelled from its card."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtWidgets import QFileDialog, QLabel
from pytestqt.qtbot import QtBot

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

    def save(*args: object) -> tuple[str, str]:
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
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: ("", ""))
    filled(dialog, CANCEL)
    dialog.accept_button.click()
    assert dialog.isEnabled()
    assert context.applications.all() == ()


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
