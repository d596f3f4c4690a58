"""Paths of Windows in the window: they wrap like others, and are copied as they are; counts stay
beside their words, and what is narrow shows what it should."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtGui import QFont, QFontMetrics, QGuiApplication
from PySide6.QtWidgets import (
    QApplication,
    QDoubleSpinBox,
    QLabel,
    QStyle,
    QStyleOptionViewItem,
    QTableView,
)
from pytestqt.qtbot import QtBot

from app.placing.stamp_plan import At, Laid, Placed
from crypto.seal.mark import Mark
from crypto.verdict import Finding
from tests.world.reports import SIGNATURE, report
from ui import language, theme
from ui.room import room
from ui.stamp.marks_table import PAGE, SEAL, Line, MarksTable, X, Y
from ui.stamp.stamp_page import PANEL_WIDTH
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


def line_at(x: float, y: float) -> Line:
    """A mark on page 1189 that was moved by itself."""
    placed = Placed("1", "32110000000001", At("all", 1, 1), moved=((1188, 0, x, y),))
    return Line(Laid(placed, (1188, 0), Mark(1188, x - 20, y - 20, 40, 40)), "Contract seal")


def seen_of(table: QTableView, at: QModelIndex) -> tuple[int, int]:
    """Of the text of a cell: what it wants and what it has, in pixels."""
    option = QStyleOptionViewItem()
    table.initViewItemOption(option)
    table.itemDelegate().initStyleOption(option, at)
    option.rect = table.visualRect(at)  # type: ignore[attr-defined]
    element = QStyle.SubElement.SE_ItemViewItemText
    has = table.style().subElementRect(element, option, table).width()
    font = QFont(at.data(Qt.ItemDataRole.FontRole) or table.font())
    beside = 2 * (table.style().pixelMetric(QStyle.PixelMetric.PM_FocusFrameHMargin) + 1)
    return QFontMetrics(font).horizontalAdvance(at.data()) + beside, has


@pytest.mark.qt_log_ignore("This plugin does not support")
@pytest.mark.usefixtures("english", "stretch")
@pytest.mark.parametrize("places", [(20.0, 20.0), (1189.0, 841.0), (2378.0, 4999.5)])
def test_the_table_of_marks_shows_the_kind_of_seal_and_the_largest_places(
    qtbot: QtBot, places: tuple[float, float]
) -> None:
    made = MarksTable()
    qtbot.addWidget(made)
    made.resize(room(PANEL_WIDTH) - 43, 300)  # as in the panel of the page
    made.show()
    made.show_lines([line_at(*places)] * 20, changed=True)  # more than it shows
    qtbot.waitUntil(made.table.verticalScrollBar().isVisible)
    for column in (PAGE, SEAL, X, Y):
        wanted, has = seen_of(made.table, made.model.index(0, column))
        assert wanted <= has, (column, made.table.columnWidth(column))
    assert made.table.horizontalHeader().length() <= made.table.viewport().width()


@pytest.mark.qt_log_ignore("This plugin does not support")
@pytest.mark.usefixtures("english", "stretch")
def test_a_place_that_is_edited_is_seen_whole(qtbot: QtBot) -> None:
    made = MarksTable()
    qtbot.addWidget(made)
    made.resize(room(PANEL_WIDTH) - 43, 300)
    made.show()
    made.show_lines([line_at(1189.0, 841.0)], changed=True)
    made.table.edit(made.model.index(0, X))
    (field,) = made.table.viewport().findChildren(QDoubleSpinBox)
    QApplication.processEvents()
    wanted = field.fontMetrics().horizontalAdvance("1189.0")
    assert wanted + 5 <= field.lineEdit().width(), "Qt's own margins and the cursor"


@pytest.mark.qt_log_ignore("This plugin does not support")
@pytest.mark.usefixtures("english", "stretch")
def test_in_a_table_that_is_too_narrow_the_seal_is_shortened_and_told_whole(qtbot: QtBot) -> None:
    made = MarksTable()
    qtbot.addWidget(made)
    made.resize(240, 300)
    made.show()
    made.show_lines([line_at(1189.0, 841.0)], changed=True)
    for column in (PAGE, X, Y):
        wanted, has = seen_of(made.table, made.model.index(0, column))
        assert wanted <= has, (column, made.table.columnWidth(column))
    assert made.table.property("textElideMode") == Qt.TextElideMode.ElideRight
    assert "Contract seal" in made.model.index(0, SEAL).data(Qt.ItemDataRole.ToolTipRole)
