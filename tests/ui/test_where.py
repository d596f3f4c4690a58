"""Where a file is saved: one way to ask, and nothing is replaced that nobody was asked about."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtWidgets import QFileDialog, QWidget
from pytestqt.qtbot import QtBot

from ui.files import ask_where

KINDS = "报告 (*.pdf);;数据 (*.json)"
Ask = Callable[..., Path | None]


@pytest.fixture
def ask(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """``ask(name, kind, replaces=…)``: what comes of it when the person names *name*."""
    parent = QWidget()
    qtbot.addWidget(parent)

    def asked(name: Path | str, kind: str = "", *, replaces: bool = False) -> Path | None:
        given: dict[str, QFileDialog.Option] = {}

        def choose(*_: object, options: QFileDialog.Option) -> tuple[str, str]:
            given["options"] = options
            return str(name), kind

        monkeypatch.setattr(QFileDialog, "getSaveFileName", choose)
        found = ask_where(parent, "保存", Path("合同.pdf"), KINDS, replaces=replaces)
        asks = not given["options"] & QFileDialog.Option.DontConfirmOverwrite
        assert asks == replaces
        return found

    return asked


@pytest.mark.parametrize("replaces", [True, False])
def test_a_name_gets_the_ending_of_its_kind(ask: Ask, tmp_path: Path, replaces: bool) -> None:
    for name, kind, saved in (
        ("报告.pdf", "", "报告.pdf"),
        ("报告.JSON", "报告 (*.pdf)", "报告.JSON"),
        ("报告", "", "报告.pdf"),
        ("报告", "数据 (*.json)", "报告.json"),
        ("第3.1版", "数据 (*.json)", "第3.1版.json"),
        ("报告.", "", "报告..pdf"),
    ):
        assert ask(tmp_path / name, kind, replaces=replaces) == tmp_path / saved
    assert ask("", replaces=replaces) is None


def test_only_a_file_that_the_person_was_asked_about_is_replaced(ask: Ask, tmp_path: Path) -> None:
    there = tmp_path / "报告.pdf"
    there.write_bytes(b"old")
    assert ask(there, replaces=True) == there
    assert ask(there, replaces=False) == tmp_path / "报告(2).pdf"
    # The system asked about 报告, which is not there.
    assert ask(tmp_path / "报告", replaces=True) == tmp_path / "报告(2).pdf"


def test_every_page_asks_in_this_way() -> None:
    ui = Path(__file__).resolve().parents[2] / "ui"
    asking = [
        path.relative_to(ui).as_posix()
        for path in ui.rglob("*.py")
        if re.search(r"getSaveFileName|AcceptSave", path.read_text(encoding="utf-8"))
    ]
    assert asking == ["files.py"]
