"""Recent files: what was opened comes back with one click or key, after the next start too."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMenu, QPushButton
from pytestqt.qtbot import QtBot

from tests.world.desk import StandIn
from tests.world.real_data import LONG_NAME
from ui.shell.recent import MOST
from ui.shell.window import MainWindow

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


def offered(window: MainWindow) -> list[QPushButton]:
    page = window.page(window.current)
    return [b for b in page.findChildren(QPushButton) if b.accessibleName().startswith("打开 ")]


def test_what_was_opened_is_offered_on_the_empty_page_after_the_next_start(
    qtbot: QtBot,
    open_window: Callable[[StandIn], MainWindow],
    context: StandIn,
    make_pdf: Callable[..., Path],
) -> None:
    first, second = make_pdf(name="甲 & 乙.pdf"), make_pdf(name=LONG_NAME)
    window = open_window(context)
    assert offered(window) == []
    window.take_files([first])
    window.go("verify", [second])
    window.close()
    again = open_window(context)
    assert [b.toolTip() for b in offered(again)] == [str(second), str(first)]
    assert offered(again)[1].text().strip() == "甲 && 乙.pdf"
    page = again.page("stamp")
    qtbot.mouseClick(offered(again)[1], Qt.MouseButton.LeftButton)
    assert [document.path for document in page.documents] == [first]


def test_by_keyboard_the_menu_opens_the_newest(
    qtbot: QtBot, window: MainWindow, make_pdf: Callable[..., Path]
) -> None:
    path = make_pdf(name="a.pdf")
    window.go("verify", [path])
    window.go("stamp")
    window.activateWindow()
    qtbot.keyClick(
        window,
        Qt.Key.Key_O,
        Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier,
    )
    menu = next(m for m in window.findChildren(QMenu) if m.isVisible())
    assert menu.accessibleName() == "最近的文件"
    qtbot.keyClick(menu, Qt.Key.Key_Return)
    assert [document.path for document in window.page("stamp").documents] == [path]


def test_one_that_is_gone_is_told_and_leaves_the_list(
    qtbot: QtBot, window: MainWindow, make_pdf: Callable[..., Path]
) -> None:
    path = make_pdf(name="a.pdf")
    window.recent.add([path])
    path.unlink()
    window.recent.open(path)
    assert any("已经不在原来的位置" in text for text in window.notices.texts)
    assert window.recent.paths == []


def test_the_list_is_short_without_doubles_and_can_be_cleared(
    window: MainWindow, tmp_path: Path
) -> None:
    paths = [tmp_path / f"{number}.pdf" for number in range(MOST + 5)]
    for path in paths:
        window.recent.add([path])
    window.recent.add([paths[-2]])
    assert window.recent.paths[:2] == [paths[-2], paths[-1]]
    assert len(window.recent.paths) == MOST
    window.recent.clear()
    assert window.recent.paths == []
    menu = window.recent.menu(window)
    assert [action.isEnabled() for action in menu.actions()] == [False]
    menu.deleteLater()


def test_nonsense_in_the_state_file_is_no_file(window: MainWindow) -> None:
    window.state.put("recent", [5, None, "/a.pdf"])
    assert window.recent.paths == [Path("/a.pdf")]
