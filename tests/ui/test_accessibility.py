"""Everything that can be operated has a name and can be reached by keyboard."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtGui import QAccessible, QContextMenuEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QHeaderView,
    QLineEdit,
    QMenu,
    QPlainTextEdit,
    QScrollBar,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from app.placing.stamp_plan import At
from tests.world.desk import StandIn
from ui.canvas.page_items import Handle
from ui.canvas.page_view import PageView
from ui.shell.navigation import PAGES
from ui.shell.window import MainWindow

INTERACTIVE = (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    PageView,
    Handle,
)


def ancestors(widget: QWidget) -> list[QWidget]:
    above = widget.parentWidget()
    return [widget, *(ancestors(above) if above else [])]


def nameless(root: QWidget) -> list[str]:
    found = []
    for widget in root.findChildren(QWidget):
        if isinstance(widget, QHeaderView | QScrollBar | QAbstractSlider):
            continue
        if not isinstance(widget, INTERACTIVE) or widget.objectName().startswith("qt_"):
            continue
        if isinstance(widget.parent(), QAbstractSpinBox | QComboBox):
            continue  # the inside of a named field
        if isinstance(widget.parent() and widget.parent().parent(), QComboBox):
            continue
        if isinstance(widget.parent(), QAbstractItemView):
            continue
        said = widget.accessibleName()
        if not said and isinstance(widget, QAbstractButton):
            said = widget.text()
        if not said.strip():
            place = [type(each).__name__ for each in ancestors(widget)]
            found.append(" < ".join(place))
    return found


def test_every_interactive_widget_of_every_page_has_a_name(
    qtbot: QtBot, window: MainWindow, context: StandIn, make_pdf: Callable[..., Path]
) -> None:
    window.take_files([make_pdf(pages=2)])
    page = window.page("stamp")
    qtbot.waitUntil(lambda: len(page.placing.boxes) == 2, timeout=20_000)
    page.placing.place(At("1", 100, 100))
    for name in (entry.name for entry in PAGES):
        window.go(name)
    qtbot.waitUntil(lambda: not window.tasks.busy, timeout=20_000)
    assert nameless(window) == []


def test_f6_goes_round_the_panes_of_a_page(
    qtbot: QtBot, window: MainWindow, make_pdf: Callable[..., Path]
) -> None:
    window.go("journal")
    qtbot.waitUntil(lambda: not window.tasks.busy)
    names = []
    window.activateWindow()
    for _ in range(8):
        qtbot.keyClick(window, Qt.Key.Key_F6)
        focus = window.focusWidget()
        names.append(focus.accessibleName() if focus else "")
    assert {"查找台账", "用印记录", "帮助", "台账"} <= set(names)


def test_pages_and_ways_to_place_are_chosen_by_toggling_as_screen_readers_do(
    qtbot: QtBot, window: MainWindow, make_pdf: Callable[..., Path]
) -> None:
    window.take_files([make_pdf(pages=2)])
    page = window.page("stamp")
    page.panel._buttons["riding"].toggle()
    assert page.panel.mode == "riding"
    for name in ("verify", "journal", "stamp"):
        window.navigation.buttons[name].toggle()
        assert window.current == name
        assert window.navigation.buttons[name].isChecked()
    window.go("seals")
    assert window.navigation.buttons["seals"].isChecked()
    assert not window.navigation.buttons["stamp"].isChecked()


def test_the_strip_says_everything_in_one_sentence(window: MainWindow) -> None:
    said = window.strip.accessibleName()
    assert "宿迁云帆贸易有限公司" in said
    assert "口令剩余 10 次" in said
    assert "到期" in said


def test_by_keyboard_the_seals_come_before_where_they_are_put(
    qtbot: QtBot, window: MainWindow, make_pdf: Callable[..., Path]
) -> None:
    """The cards are made when the seals are known, long after what stands below them."""
    window.take_files([make_pdf(pages=2)])
    page = window.page("stamp")
    qtbot.waitUntil(lambda: len(page.placing.boxes) == 2, timeout=20_000)
    window.activateWindow()
    cards = list(page.rack.cards.values())
    cards[0].setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.waitUntil(cards[0].hasFocus)
    met: list[QWidget] = []
    while (focus := window.focusWidget()) and page._panel.isAncestorOf(focus) and len(met) < 60:
        met.append(focus)
        qtbot.keyClick(focus, Qt.Key.Key_Tab)
    heights = [each.mapTo(window, each.rect().topLeft()).y() for each in met]
    assert heights == sorted(heights)
    assert met[0] is cards[0]  # among them it is the arrows that lead on
    names = [getattr(each, "text", str)() for each in met]
    assert {"单页", "盖在最后一页"} <= set(names)


def chosen_when_open(button: QToolButton, opens: Callable[[], object]) -> str | None:
    """The entry that is chosen in the menu of *button* when *opens()*, which returns when the menu
    is closed, has opened it."""
    menu, seen = button.menu(), list[str | None]()

    def look() -> None:
        action = menu.activeAction()
        seen.append(action.text() if action else None)
        menu.close()

    # by then what was to be done when it opened is done
    menu.aboutToShow.connect(
        lambda: QTimer.singleShot(0, lambda: QTimer.singleShot(0, look)),
        Qt.ConnectionType.SingleShotConnection,
    )
    opens()
    (chosen,) = seen
    return chosen


@pytest.mark.parametrize("first_page", ["verify"])
@pytest.mark.qt_log_ignore("This plugin does not support")
def test_the_first_entry_of_a_menu_is_chosen_for_who_has_no_mouse(
    qtbot: QtBot, window: MainWindow, make_pdf: Callable[..., Path]
) -> None:
    """Qt chooses none: a screen reader says nothing then, and nobody knows whether the key that
    goes on has come before the menu or after it."""
    page = window.page("verify")
    page.open_files([make_pdf(text="")])
    window.activateWindow()
    qtbot.waitUntil(lambda: page.report is not None, timeout=20_000)
    buttons = {each.accessibleName(): each for each in page.findChildren(QToolButton)}
    more, tools = buttons["更多"], buttons["文件操作"]
    first = "查看印章、导出证书…"
    assert chosen_when_open(more, lambda: qtbot.keyClick(more, Qt.Key.Key_Space)) == first
    spoken = QAccessible.queryAccessibleInterface(more).actionInterface()
    by_reader = spoken.actionNames()[0]
    assert chosen_when_open(more, lambda: spoken.doAction(by_reader)) == first
    assert chosen_when_open(tools, lambda: qtbot.keyClick(tools, Qt.Key.Key_Space)) == "查找…"
    left, middle = Qt.MouseButton.LeftButton, more.mapTo(window, more.rect().center())
    none = Qt.KeyboardModifier.NoModifier
    by_mouse = chosen_when_open(
        more, lambda: QTest.mouseClick(window.windowHandle(), left, none, middle)
    )
    assert by_mouse is None


@pytest.mark.qt_log_ignore("This plugin does not support")
def test_a_menu_that_is_asked_for_by_its_key_begins_with_its_first_entry(
    qtbot: QtBot, window: MainWindow, make_pdf: Callable[..., Path]
) -> None:
    window.take_files([make_pdf(text=""), make_pdf(text="")])
    page = window.page("stamp")
    qtbot.waitUntil(lambda: page.ready, timeout=20_000)
    by_key, by_mouse = QContextMenuEvent.Reason.Keyboard, QContextMenuEvent.Reason.Mouse
    at = QPoint(20, 20)
    for widget, reason, chosen in (
        (page.list, by_key, "移除这个文件\tDelete"),
        (page.list.viewport(), by_mouse, None),
        (page.pane.view, by_key, "查找…"),
        (page.pane.view.viewport(), by_mouse, None),
    ):
        QApplication.sendEvent(widget, QContextMenuEvent(reason, at, widget.mapToGlobal(at)))
        menu = QApplication.activePopupWidget()
        assert isinstance(menu, QMenu)
        action = menu.activeAction()
        assert (action.text() if action else None) == chosen
        menu.close()
