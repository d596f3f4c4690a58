"""What can be done with a document that is shown, by menu and by key."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from tests.world.desk import StandIn, stamped
from ui.document import tools
from ui.shell.window import MainWindow
from ui.verify.verify_page import VerifyPage

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")
CONTROL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def shown(
    qtbot: QtBot, window: MainWindow, context: StandIn, make_pdf: Callable[..., Path]
) -> VerifyPage:
    path = stamped(context, make_pdf(pages=3, name="合同.pdf"))
    window.go("verify", [path])
    page: VerifyPage = window.page("verify")
    qtbot.waitUntil(
        lambda: page.pane.view.page_count == 3 and page.report is not None, timeout=30_000
    )
    window.activateWindow()
    page.pane.view.setFocus()
    return page


def test_ctrl_f_finds_the_places_of_a_text_one_after_the_other(
    qtbot: QtBot, shown: VerifyPage
) -> None:
    view, bar = shown.pane.view, shown.tools.find
    qtbot.keyClick(view, Qt.Key.Key_F, CONTROL)
    qtbot.waitUntil(bar.field.hasFocus)
    bar.field.setText("盖章处")
    qtbot.waitUntil(lambda: "1 / 3" in bar.said.text(), timeout=20_000)
    assert [page for page, _ in view.text._hits] == [0, 1, 2]
    qtbot.keyClick(bar.field, Qt.Key.Key_Return)
    assert bar.said.text() == "2 / 3，第 2 页"
    assert 1 in view._visible()
    qtbot.keyClick(bar.field, Qt.Key.Key_Return, SHIFT)
    assert 0 in view._visible()
    qtbot.keyClick(bar.field, Qt.Key.Key_F3, SHIFT)
    assert bar.said.text() == "3 / 3，第 3 页"
    bar.field.setText("没有这几个字")
    qtbot.waitUntil(lambda: "没有找到" in bar.said.text(), timeout=20_000)
    assert view.text._hits == ()
    qtbot.keyClick(bar.field, Qt.Key.Key_Escape)
    assert not bar.isVisible()
    assert view.hasFocus()


def test_the_keys_work_wherever_in_the_window_the_focus_is(
    qtbot: QtBot, window: MainWindow, shown: VerifyPage
) -> None:
    """A document that the program was started with leaves the focus on the navigation."""
    button = window.navigation.buttons["verify"]
    button.setFocus()
    qtbot.keyClick(button, Qt.Key.Key_R, CONTROL)
    assert shown.pane.view.turn == 1
    window.go("settings")
    qtbot.keyClick(window.navigation.buttons["settings"], Qt.Key.Key_R, CONTROL)
    assert shown.pane.view.turn == 1, "another page is shown now"


def test_an_earlier_version_is_not_searched_in_the_file_of_today(
    qtbot: QtBot, shown: VerifyPage
) -> None:
    report = shown.report
    assert report is not None
    shown.tools.find.open_bar()
    shown.show_version(report.file.size - 1, "那时")
    shown.tools.find.field.setText("合同")
    qtbot.waitUntil(lambda: "以前的版本" in shown.tools.find.said.text(), timeout=20_000)


def test_text_is_selected_and_copied_by_keyboard(qtbot: QtBot, shown: VerifyPage) -> None:
    view = shown.pane.view
    QGuiApplication.clipboard().setText("before")
    qtbot.keyClick(view, Qt.Key.Key_C, CONTROL)
    assert QGuiApplication.clipboard().text() == "before", "nothing is selected yet"
    qtbot.keyClick(view, Qt.Key.Key_A, CONTROL)
    qtbot.waitUntil(lambda: view.text.selected != "", timeout=20_000)
    qtbot.keyClick(view, Qt.Key.Key_C, CONTROL)
    assert QGuiApplication.clipboard().text() == "合同第1页 盖章处"


def test_the_view_turns_and_turns_back(qtbot: QtBot, shown: VerifyPage) -> None:
    view = shown.pane.view
    qtbot.keyClick(view, Qt.Key.Key_R, CONTROL)
    assert view.turn == 1
    assert view._paper(0).width() > view._paper(0).height()
    qtbot.keyClick(view, Qt.Key.Key_R, CONTROL | SHIFT)
    assert view.turn == 0


def test_what_is_copied_before_its_last_page_was_read_is_whole(
    qtbot: QtBot, shown: VerifyPage
) -> None:
    layer = shown.pane.view.text
    QGuiApplication.clipboard().setText("before")
    layer.press(0, 1, 1)
    layer.release()
    qtbot.waitUntil(lambda: 0 in layer._texts, timeout=20_000)
    layer._range = ((0, 0), (1, 4))
    assert not layer.complete
    shown.tools.copy()
    assert QGuiApplication.clipboard().text() == "before"
    layer._ask(range(2))
    qtbot.waitUntil(lambda: QGuiApplication.clipboard().text() != "before", timeout=20_000)
    assert QGuiApplication.clipboard().text().split("\n") == ["合同第1页 盖章处", "合同第2页"]


def test_a_copy_is_the_file_byte_for_byte_and_takes_no_name_that_is_taken(
    qtbot: QtBot, window: MainWindow, shown: VerifyPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = shown.pane.path
    assert source is not None
    folder = source.parent / "副本"
    folder.mkdir()
    (folder / "给客户.pdf").write_bytes(b"another")
    monkeypatch.setattr(
        QFileDialog, "getSaveFileName", lambda *_, **__: (str(folder / "给客户"), "")
    )
    qtbot.keyClick(shown.pane.view, Qt.Key.Key_S, CONTROL)
    qtbot.waitUntil(lambda: any("已另存为" in text for text in window.notices.texts))
    assert (folder / "给客户.pdf").read_bytes() == b"another"
    (copy,) = [path for path in folder.iterdir() if path.name != "给客户.pdf"]
    assert copy.read_bytes() == source.read_bytes()


def test_a_copy_of_a_version_holds_that_version(
    qtbot: QtBot, window: MainWindow, shown: VerifyPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, report = shown.pane.path, shown.report
    assert source is not None
    assert report is not None
    end = report.file.size - 1
    shown.show_version(end, "那时")
    target = source.with_name("那时.pdf")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(target), ""))
    shown.tools.save_as()
    qtbot.waitUntil(target.exists)
    assert target.read_bytes() == source.read_bytes()[:end]


def test_a_folder_that_may_not_be_written_is_told(
    qtbot: QtBot, window: MainWindow, shown: VerifyPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[BaseException] = []
    monkeypatch.setattr(window, "complain", told.append)
    nowhere = str(Path("/proc/none/a.pdf"))
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (nowhere, ""))
    shown.tools.save_as()
    qtbot.waitUntil(lambda: len(told) == 1)
    assert type(told[0]).__name__ == "OutputNotWritable"


def test_the_menu_says_the_keys_and_what_is_not_possible_now(
    qtbot: QtBot, window: MainWindow, shown: VerifyPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    menu = shown.tools.button.menu()
    menu.aboutToShow.emit()
    keys = {each.text(): each.shortcut().toString() for each in menu.actions() if each.text()}
    assert keys["查找…"] == "Ctrl+F"
    assert keys["另存为…"] == "Ctrl+S"
    copy = next(each for each in menu.actions() if each.text() == "复制选中的文字")
    assert not copy.isEnabled()
    revealed: list[Path] = []
    monkeypatch.setattr(tools, "reveal", lambda path, _: revealed.append(path))
    next(each for each in menu.actions() if each.text() == "打开所在文件夹").trigger()
    assert revealed == [shown.pane.path]


def test_without_a_document_no_key_does_anything(qtbot: QtBot, window: MainWindow) -> None:
    page = window.page("stamp")
    window.go("stamp")
    for key in (Qt.Key.Key_F, Qt.Key.Key_S, Qt.Key.Key_R, Qt.Key.Key_A):
        qtbot.keyClick(page, key, CONTROL)
    assert not page.tools.find.isVisible()
