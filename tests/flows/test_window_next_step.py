"""After each step the next one is at hand: focus, place on the page, notices, language, widths."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pymupdf
import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import QApplication, QDialog, QLabel, QPushButton, QToolButton
from pytestqt.qtbot import QtBot

from app.placing.stamp_plan import At
from tests.ui.conftest import *  # noqa: F403 - the window's fixtures
from tests.world.desk import PIN, StandIn
from ui.shell import file_password
from ui.shell.file_password import FilePasswordDialog
from ui.shell.pin_dialog import PinDialog
from ui.shell.window import MainWindow
from ui.stamp.stamp_page import StampPage

# The offscreen platform cannot raise windows or hint at sizes, and says so.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")

HERE = At("3", 100, 200)


def opened(qtbot: QtBot, window: MainWindow, *paths: Path) -> StampPage:
    window.take_files(paths)
    page: StampPage = window.page("stamp")
    qtbot.waitUntil(lambda: page.ready, timeout=20_000)
    window.activateWindow()
    return page


def test_the_pin_is_asked_beside_the_checks_and_the_page_stays_at_the_seal(
    qtbot: QtBot, window: MainWindow, make_pdf: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = opened(qtbot, window, make_pdf(pages=4, text=""))
    page.placing.place(HERE)
    view = page.pane.view
    view.set_zoom(1.3)
    view.focus_item(next(iter(page.placing.marks)))
    before = view.place
    assert before is not None
    assert view.page == 2
    asked: list[bool] = []

    def enter(dialog: PinDialog) -> int:
        asked.append(page.checklist.isVisible() and not page.run.isVisible())
        assert dialog.beside is page._side
        dialog.field.setText(PIN)
        dialog.accept_button.click()
        return dialog.result()

    monkeypatch.setattr(PinDialog, "exec", enter)
    page.stamp()
    qtbot.waitUntil(lambda: bool(page.run.outcomes), timeout=20_000)
    assert asked == [True]
    assert page.run.isVisible()
    qtbot.waitUntil(lambda: view.page_count == 4 and view.complete, timeout=20_000)
    after = view.place
    assert after is not None
    assert (after.page, after.zoom, after.fit) == (before.page, before.zoom, before.fit)
    assert after.y == pytest.approx(before.y, abs=1)
    assert after.x == pytest.approx(before.x, abs=1)
    assert page.pane.path == page.run.outcomes[0].file.path  # type: ignore[union-attr]


def test_a_pin_that_was_not_given_leads_back_to_the_button(
    qtbot: QtBot, window: MainWindow, make_pdf: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = opened(qtbot, window, make_pdf(pages=4, text=""))
    page.placing.place(HERE)
    monkeypatch.setattr(PinDialog, "exec", lambda _: QDialog.DialogCode.Rejected)
    page.stamp()
    qtbot.waitUntil(lambda: window.focusWidget() is page.stamp_button, timeout=20_000)
    assert page.checklist.isVisible()
    assert page.stamp_button.isEnabled()


def test_after_a_wrong_pin_the_checks_are_seen_again(
    qtbot: QtBot, window: MainWindow, make_pdf: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = opened(qtbot, window, make_pdf(pages=4, text=""))
    page.placing.place(HERE)
    pins = ["wrong-0000", PIN]
    asked: list[tuple[bool, str, bool]] = []

    def enter(dialog: PinDialog) -> int:
        in_field = dialog.focusWidget() is dialog.field
        asked.append((page.checklist.isVisible(), dialog.problem.text(), in_field))
        dialog.field.setText(pins.pop(0))
        dialog.accept_button.click()
        return dialog.result()

    monkeypatch.setattr(PinDialog, "exec", enter)
    page.stamp()
    qtbot.waitUntil(lambda: bool(page.run.outcomes), timeout=20_000)
    (first_seen, nothing, focus), (seen, problem, focus_again) = asked
    assert first_seen
    assert seen
    assert nothing == ""
    assert problem != ""
    assert focus
    assert focus_again


def test_what_was_interrupted_goes_on_from_any_page_and_ctrl_enter_stamps_it(
    qtbot: QtBot,
    open_window: Callable[[StandIn], MainWindow],
    context: StandIn,
    make_pdf: Callable[..., Path],
) -> None:
    first = open_window(context)
    page = opened(qtbot, first, make_pdf(pages=4, text=""))
    page.placing.place(HERE)
    first.close()
    window = open_window(StandIn(context.settings.folders.config.parent, holder=context.company))
    qtbot.waitUntil(lambda: any("上次有 1 个文件" in text for text in window.notices.texts))
    window.go("journal")
    assert any("上次有 1 个文件" in text for text in window.notices.texts), "its matter is not over"
    button = next(b for b in window.notices.findChildren(QPushButton) if b.text() == "继续")
    button.click()
    page = window.page("stamp")
    assert window.current == "stamp"
    assert not any("上次有" in text for text in window.notices.texts)
    window.activateWindow()
    qtbot.waitUntil(lambda: page.stamp_button.isEnabled(), timeout=20_000)
    focus = window.focusWidget()
    assert focus is page.pane.view
    page.run.ask_pin = lambda *_: PIN  # type: ignore[method-assign]
    qtbot.keyClick(focus, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: bool(page.run.outcomes), timeout=20_000)
    assert page.run.outcomes[0].result is not None


def test_a_wrong_file_password_is_asked_for_again_and_the_right_one_leads_to_the_page(
    qtbot: QtBot, window: MainWindow, make_pdf: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = make_pdf(
        text="", encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="right", owner_pw="owner"
    )
    answers = ["", "wrong", "right"]
    asked: list[tuple[bool, bool]] = []

    def enter(dialog: FilePasswordDialog) -> int:
        asked.append((not dialog.problem.isHidden(), dialog.focusWidget() is dialog.field))
        dialog.field.setText(answers.pop(0))
        return int(
            QDialog.DialogCode.Accepted if dialog.field.text() else QDialog.DialogCode.Rejected
        )

    monkeypatch.setattr(file_password.FilePasswordDialog, "exec", enter)
    window.take_files([closed])
    page = window.page("stamp")
    qtbot.waitUntil(lambda: page._password.isVisible(), timeout=20_000)
    window.activateWindow()
    qtbot.waitUntil(lambda: window.focusWidget() is page._password)
    page._password.click()
    qtbot.waitUntil(lambda: page.ready, timeout=20_000)
    assert asked == [(False, True), (False, True), (True, True)]
    assert window.focusWidget() is page.pane.view


def test_a_row_of_the_list_names_the_output_and_its_tooltip_both_files(
    qtbot: QtBot, window: MainWindow, make_pdf: Callable[..., Path]
) -> None:
    long = "宿迁市宿豫区2026年第三季度工业厂房租赁及配套设施维修保养服务补充协议终稿.pdf"
    paths = [make_pdf(text="", name=long), make_pdf(text="")]
    page = opened(qtbot, window, *paths)
    page.placing.place(At("1", 100, 200))
    heights = {page.list.visualItemRect(page.list.item(row)).height() for row in range(2)}
    assert len(heights) == 1
    assert page.list.item(0).toolTip().splitlines() == [str(paths[0]), "已放置印章"]
    page.run.ask_pin = lambda *_: PIN  # type: ignore[method-assign]
    page.stamp()
    qtbot.waitUntil(lambda: bool(page.run.outcomes), timeout=20_000)
    output = page.documents[0].file
    assert output != paths[0]
    assert output.name[-8:] in page.list.item(0).text().replace("\n", "")
    assert set(page.list.item(0).toolTip().splitlines()) == {
        f"盖章后的文件：{output}",
        f"原文件：{paths[0]}",
    }
    assert {page.list.visualItemRect(page.list.item(row)).height() for row in range(2)} == heights


def test_a_notice_goes_with_the_page_or_the_act_that_it_was_about(
    qtbot: QtBot, window: MainWindow, make_pdf: Callable[..., Path]
) -> None:
    first = make_pdf(text="")
    opened(qtbot, window, first)
    window.take_files([first])
    assert any("已经在列表里" in text for text in window.notices.texts)
    window.go("stamp", [make_pdf(text="")])
    assert not any("已经在列表里" in text for text in window.notices.texts)
    window.notices.show_notice("export", "good", "saved")
    window.notices.show_notice("expiry", "info", "ends soon", lasting=True)
    window.go("stamp")
    assert {"saved", "ends soon"} <= set(window.notices.texts)
    window.go("journal")
    assert "saved" not in window.notices.texts
    assert "ends soon" in window.notices.texts
    (notice,) = (n for n in window.notices._notices.values() if n.accessibleName() == "ends soon")
    notice.findChild(QToolButton).click()  # type: ignore[union-attr]
    assert "ends soon" not in window.notices.texts


def test_another_language_is_used_at_once_and_the_job_goes_on(
    qtbot: QtBot,
    window: MainWindow,
    context: StandIn,
    make_pdf: Callable[..., Path],
) -> None:
    page = opened(qtbot, window, make_pdf(pages=4, text=""), make_pdf(text=""))
    page.placing.place(HERE)
    documents = list(page.documents)
    window.go("settings")
    tongue = window.page("settings").fields["language"]
    tongue.setCurrentIndex(tongue.findData("en"))
    qtbot.waitUntil(lambda: window.navigation.buttons["stamp"].text() == "Stamp", timeout=20_000)
    assert window.current == "settings"
    assert window.strip.help.text().strip() == "Help"
    chinese = [
        label.text()
        for label in window.page("settings").findChildren(QLabel)
        if label.text() in ("外观和语言", "保存位置", "设置")
    ]
    assert chinese == []
    window.go("stamp")
    page = window.page("stamp")
    assert page.documents == documents
    assert [one.rule for one in page.plan.placed] == [HERE]
    qtbot.waitUntil(lambda: page.ready, timeout=20_000)
    assert not any("继续" in text for text in window.notices.texts)
    page.prepared.flush()
    kept = json.loads(page.prepared._path.read_text("utf-8"))
    assert [each["act"] for each in kept] == [each.act for each in documents]
    window.go("settings")
    tongue = window.page("settings").fields["language"]
    tongue.setCurrentIndex(tongue.findData("zh_CN"))
    qtbot.waitUntil(lambda: window.navigation.buttons["stamp"].text() == "盖章", timeout=20_000)


def test_the_language_waits_for_the_key(qtbot: QtBot, window: MainWindow, context: StandIn) -> None:
    window.hold_polling(True)
    context.save_settings({"language": "en"})
    window.change_language()
    QApplication.processEvents()
    assert window.navigation.buttons["stamp"].text() == "盖章"
    window.hold_polling(False)
    qtbot.waitUntil(lambda: window.navigation.buttons["stamp"].text() == "Stamp", timeout=20_000)
    assert QApplication.applicationDisplayName() == "SealDesk", "stands in the titles"


def test_the_width_of_a_panel_is_remembered(
    qtbot: QtBot,
    open_window: Callable[[StandIn], MainWindow],
    context: StandIn,
    make_pdf: Callable[..., Path],
) -> None:
    window = open_window(context)
    page = opened(qtbot, window, make_pdf(text=""))
    split = page._stack.widget(1)
    narrow = split.sizes()[1]
    split.setSizes([split.width() - narrow - 90, narrow + 90])
    split.splitterMoved.emit(0, 1)
    wide = split.sizes()[1]
    assert wide > narrow
    qtbot.waitUntil(lambda: window.state.get("stamp panel", 0) == wide)
    window.close()
    again = open_window(context)
    page = opened(qtbot, again, make_pdf(text=""))
    QApplication.sendEvent(again, QEvent(QEvent.Type.LayoutRequest))
    assert page._stack.widget(1).sizes()[1] == wide
