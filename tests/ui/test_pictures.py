"""The pictures of the documents: each is there, is shown somewhere, and is made by one command."""

from __future__ import annotations

import re
from pathlib import Path

from PySide6.QtWidgets import QLabel, QLineEdit, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from tests.ui.screenshots import PICTURES, ROOT, SHOWN_HOME, hide_home

DOCUMENTS = (*ROOT.glob("README*.md"), *(ROOT / "docs").glob("*.md"))


def shown() -> set[Path]:
    """Every picture of the window to which a document links."""
    found = set()
    for document in DOCUMENTS:
        for link in re.findall(r"!\[[^\]]*\]\(([^)]+\.png)\)", document.read_text("utf-8")):
            found.add((document.parent / link).resolve())
    return found


def test_each_picture_that_is_shown_is_there_and_made_by_the_command() -> None:
    made = {ROOT / "docs" / "images" / f"{name}.png" for name in PICTURES}
    assert shown() == made
    assert {path for path in made if not path.is_file()} == set()


def test_nothing_else_lies_beside_the_pictures() -> None:
    there = {path.stem for path in (ROOT / "docs" / "images").glob("*.png")}
    assert there == set(PICTURES)


def test_no_picture_names_the_folder_in_which_it_was_made(qtbot: QtBot, tmp_path: Path) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    lines = QVBoxLayout(window)
    label, field = QLabel(f"{tmp_path}/合同"), QLineEdit(str(tmp_path))
    for each in (label, field, QLabel("合同")):
        lines.addWidget(each)
    hide_home(window, tmp_path)
    assert (label.text(), field.text()) == (f"{SHOWN_HOME}/合同", SHOWN_HOME)
