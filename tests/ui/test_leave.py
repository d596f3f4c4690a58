"""Who allowed a use: a heading of its own in the verdict, open from the start."""

from dataclasses import replace

from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from crypto.verdict import Finding
from tests.world.reports import SIGNATURE
from ui.verify.report_panel import _evidence
from ui.verify.verdicts import grouped

ALLOWED = (
    Finding("grant_use", {"use": "3", "most": "9"}),
    Finding("approved_by", {"name": "沈立", "role": "法定代表人", "when": "2026-11-30 15:29"}),
)


def test_grants_and_approvals_stand_under_a_heading_of_their_own() -> None:
    found = grouped((*SIGNATURE.findings, *ALLOWED))
    assert {each.code for each in found["leave"]} == {"grant_use", "approved_by"}
    assert "leave" not in grouped(SIGNATURE.findings)


def test_a_receiver_reads_who_allowed_it_without_opening_anything(qtbot: QtBot, look: None) -> None:
    signature = replace(SIGNATURE, findings=(*SIGNATURE.findings, *ALLOWED))
    shown = _evidence(signature, opened=True)
    qtbot.addWidget(shown)
    texts = [each.text() for each in shown.findChildren(QLabel) if each.isVisibleTo(shown)]
    assert any("沈立" in text and "法定代表人" in text for text in texts)
