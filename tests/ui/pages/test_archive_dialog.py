"""归档 in the window: from the ledger to a package, and what is told about it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QFileDialog, QLabel

from app.archiving import checking
from tests.world.desk import StandIn, stamped
from tests.world.documents import classic_pdf
from ui.pages.archive_dialog import ArchiveDialog
from ui.shell.window import MainWindow

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@pytest.fixture
def page(qtbot: Any, tmp_path: Path) -> Any:
    """A ledger with two files of this month; one was changed since."""
    context = StandIn(tmp_path / "home")
    for name in ("一.pdf", "二.pdf"):
        (tmp_path / name).write_bytes(classic_pdf())
        stamped(context, tmp_path / name)
    changed = tmp_path / "二_已盖章.pdf"
    changed.write_bytes(changed.read_bytes() + b"\n")
    window = MainWindow(context)
    qtbot.addWidget(window)
    window.begin()
    window.go("journal")
    window.show()
    made = window.page("journal")
    qtbot.waitUntil(lambda: len(made.model.items) == 2 and len(window.seals) == 3)
    return made


def opened(qtbot: Any, page: Any) -> ArchiveDialog:
    page.archive()
    dialog: ArchiveDialog = page.findChild(ArchiveDialog)
    qtbot.waitUntil(lambda: dialog.month.count() == 1)
    return dialog


def said(dialog: ArchiveDialog) -> str:
    return "\n".join(each.text() for each in dialog.findChildren(QLabel) if each.isVisible())


def saved_as(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(path), ""))


def test_a_month_is_archived_and_what_is_left_out_is_told(
    qtbot: Any, page: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialog = opened(qtbot, page)
    assert dialog.month.currentText().endswith("（2 个文件）")
    assert dialog.unit.text() == "宿迁云帆贸易有限公司"
    saved_as(monkeypatch, tmp_path / "归档")
    dialog.start()
    qtbot.waitUntil(lambda: dialog.made is not None, timeout=30_000)
    made = dialog.made
    assert made is not None
    assert made.path == tmp_path / "归档.zip"
    assert checking.check(made.path, own=None).holds
    text = said(dialog)
    assert "已归档 1 个文件" in text
    assert "二_已盖章.pdf：盖章之后文件被改动过" in text
    assert made.sm3 in text.replace(" ", "")
    dialog.reject()
    qtbot.waitUntil(lambda: len(page.model.items) == 3)
    page.table.selectRow(0)
    assert (page._look.isEnabled(), page._reveal.isEnabled()) == (False, True)


def test_a_folder_is_archived_and_a_taken_name_is_left_alone(
    qtbot: Any, page: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialog = opened(qtbot, page)
    taken = tmp_path / "taken.zip"
    taken.write_bytes(b"somebody's")
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_, **__: str(tmp_path))
    dialog.choose_folder()
    assert dialog.by_folder.isChecked()
    saved_as(monkeypatch, taken)
    dialog.start()
    qtbot.waitUntil(lambda: dialog.made is not None, timeout=30_000)
    assert dialog.made
    assert dialog.made.path == tmp_path / "taken(2).zip"
    assert taken.read_bytes() == b"somebody's"


def test_it_stops_when_it_is_closed_and_says_why_it_cannot(
    qtbot: Any, page: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialog = opened(qtbot, page)
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_, **__: str(empty))
    dialog.choose_folder()
    saved_as(monkeypatch, tmp_path / "x.zip")
    dialog.start()
    qtbot.waitUntil(lambda: dialog._task is None)
    assert "E-101" in said(dialog)
    dialog.by_month.setChecked(True)
    dialog.start()
    dialog.reject()  # stops it
    qtbot.waitUntil(lambda: page.findChild(ArchiveDialog) is None, timeout=30_000)
    assert not (tmp_path / "x.zip").exists()
