"""Paths of Windows in the window: they wrap like others, and are copied as they are; counts stay
beside their words, and what is narrow shows what it should."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QFont, QFontMetrics, QGuiApplication
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from crypto.verdict import Finding
from tests.world.reports import SIGNATURE, report
from ui import language, theme
from ui.stamp.marks_table import SEAL, MarksTable, X
from ui.verify.verdicts import tally
from ui.widgets import label

PATH = r"C:\Users\lixiaomei\Documents\Contracts\2026\November\Suqian\Signed"


def test_a_path_of_windows_wraps(qtbot: QtBot) -> None:
    whole = QLabel(PATH)
    wrapped = label(PATH, wrap=True)
    for each in (whole, wrapped):
        qtbot.addWidget(each)
    assert wrapped.minimumSizeHint().width() < whole.sizeHint().width() / 2
    assert wrapped.text() == PATH


def test_what_is_selected_is_copied_without_the_breaks(qtbot: QtBot) -> None:
    wrapped = label(PATH, wrap=True, select=True)
    qtbot.addWidget(wrapped)
    wrapped.setSelection(0, len(PATH) + PATH.count("\\"))
    qtbot.keyClick(wrapped, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == PATH


@pytest.fixture
def english(qapp: QApplication) -> Iterator[None]:
    theme.apply(qapp, "light")
    language.use("en")
    yield
    language.use("zh_CN")


@pytest.mark.usefixtures("english")
def test_how_many_of_which_verdict_never_stands_apart_from_the_verdict() -> None:
    unsigned = report()
    invalid = report(replace(SIGNATURE, findings=(Finding("digest_mismatch"),)))
    said = tally([unsigned, invalid, invalid, None])
    assert [part.replace("\u00a0", " ") for part in said.split(" · ")] == [
        "Invalid 2",
        "Not sealed 1",
        "No answer 1",
    ]
    assert said.count(" ") == 2 * 2


@pytest.mark.qt_log_ignore("This plugin does not support")
@pytest.mark.usefixtures("english")
def test_the_table_of_marks_shows_the_kind_of_seal_and_the_largest_places(qtbot: QtBot) -> None:
    made = MarksTable()
    qtbot.addWidget(made)
    made.resize(303, 300)  # as in the panel of the page
    made.show()
    bold = QFont(made.table.font())
    bold.setBold(True)  # as of a mark that was moved by itself
    beside = 2 * (8 + 3)
    for text, column, taken in (("Contract seal", SEAL, 10), ("1189.0", X, 0)):
        wide = QFontMetrics(bold).horizontalAdvance(text) + beside
        assert wide <= made.table.columnWidth(column) - taken, "10: the scroll bar"
