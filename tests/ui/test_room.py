"""What holds a text takes its width from the font: letters that are wider are not cut."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

import ui
from tests.ui.measuring import faults
from ui import language
from ui.canvas.document_pane import DocumentPane
from ui.canvas.renderer import Renderer
from ui.room import room
from ui.shell.navigation import Navigation
from ui.stamp.stamp_page import PANEL_WIDTH

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")

UI = Path(ui.__path__[0])
FIXED = {"setFixedWidth", "setMaximumWidth", "resizeSection", "setColumnWidth"}
"""Calls that leave a widget no more room than they name."""
ICON = 24
"""Pixels of the largest icon beside a text; such a picture does not grow with the letters."""
PICTURES = {"STRIP_WIDTH"}
"""Of thumbnails; below them stands a number."""


@pytest.mark.wants("posix")  # on a Windows without a screen Qt draws with the first font it finds
def test_pixels_are_those_of_the_font_that_the_window_was_drawn_with(stretch: int) -> None:
    assert abs(room(100) - stretch) <= 1
    assert abs(room(PANEL_WIDTH) - PANEL_WIDTH * stretch / 100) <= 2


@pytest.mark.wants("posix")
def test_a_narrow_font_makes_nothing_narrower(look: None, qapp: QApplication) -> None:
    before = qapp.font()
    narrow = QFont(before)
    narrow.setStretch(75)
    qapp.setFont(narrow)
    assert room(100) == 100
    qapp.setFont(before)


@pytest.mark.usefixtures("stretch")
def test_the_number_of_the_last_page_is_seen_whole(qtbot: QtBot, renderer: Renderer) -> None:
    pane = DocumentPane(renderer, "stamp")
    qtbot.addWidget(pane)
    pane.show()
    for count in (9, 500, 99_999):
        for narrow in (False, True):
            pane.make_room(thumbnails=True, narrow=narrow)
            pane._count_pages(count)
            pane._number.setValue(count)
            QApplication.processEvents()
            field = pane._number.lineEdit()
            wanted = pane._number.fontMetrics().horizontalAdvance(str(count))
            assert wanted + 5 <= field.width(), "Qt's own margins and the cursor"
    pane._percent.setText("400%")
    assert faults(pane._percent) == []


@pytest.mark.usefixtures("stretch")
@pytest.mark.parametrize("tongue", ["zh_CN", "en"])
def test_the_names_of_the_pages_are_seen_whole(qtbot: QtBot, tongue: str) -> None:
    language.use(tongue)
    made = Navigation()
    qtbot.addWidget(made)
    made.show_roles(frozenset({"reviewer", "auditor"}))
    made.resize(made.width(), 760)
    made.show()
    QApplication.processEvents()
    assert faults(made) == []


def widths(source: str) -> Iterator[str]:
    """Calls that fix a width without asking how wide the letters are, as the file has them."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if node.func.attr in FIXED and node.args and not _asks(node.args[-1]):
            yield ast.unparse(node)


def _asks(given: ast.expr) -> bool:
    parts = list(ast.walk(given))
    called = {
        part.func.id
        for part in parts
        if isinstance(part, ast.Call) and isinstance(part.func, ast.Name)
    }
    if called & {"room", "room_within", "in_cell", "in_field"}:
        return True
    numbers = [part.value for part in parts if isinstance(part, ast.Constant)]
    names = [part.id for part in parts if isinstance(part, ast.Name)]
    in_pixels = [name for name in names if name.isupper() and name not in PICTURES]
    return not in_pixels and all(isinstance(each, int) and each <= ICON for each in numbers)


def test_no_width_of_a_text_is_fixed_in_pixels() -> None:
    found = {
        path.relative_to(UI).as_posix(): told
        for path in sorted(UI.rglob("*.py"))
        if (told := list(widths(path.read_text(encoding="utf-8"))))
    }
    assert found == {}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("head.resizeSection(at, 65)", True),
        ("self.setFixedWidth(PANEL_WIDTH)", True),
        ("self.setMaximumWidth(most if narrow else 200)", True),
        ("self.setMaximumWidth(most if narrow else room(200))", False),
        ("sign.setFixedWidth(24)", False),
        ("field.setFixedWidth(in_field(field, last))", False),
        ("made.setFixedWidth(room(76) - 1)", False),
    ],
)
def test_the_rule_finds_widths_in_pixels(source: str, found: bool) -> None:
    assert bool(list(widths(source))) is found
