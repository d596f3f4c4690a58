"""Places in the window: duplex seams, ranges of pages, signature fields, usual places."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from app.placing.stamp_plan import At, InField, Keyword, Placed, Riding
from app.placing.templates import Template, Templates
from tests.ui.conftest import *  # noqa: F403 - the window's fixtures
from tests.world.desk import PIN, StandIn
from tests.world.documents import with_fields
from ui.shell.window import MainWindow
from ui.stamp.stamp_page import StampPage

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


OFFICIAL, CONTRACT = "32130200010001", "32130200010002"


def opened(qtbot: QtBot, window: MainWindow, path: Path) -> StampPage:
    window.take_files([path])
    page: StampPage = window.page("stamp")
    qtbot.waitUntil(lambda: page.ready and page.document.path == path, timeout=20_000)
    return page


def press(page: StampPage, text: str) -> None:
    """Click the one visible button of the panel that says *text*."""
    (one,) = [
        each
        for each in page.panel.findChildren(QPushButton)
        if each.text() == text and each.isVisibleTo(page.panel)
    ]
    one.click()


def rules(page: StampPage) -> list[object]:
    return [placed.rule for placed in page.plan.placed]


def test_seams_on_two_sides_and_on_odd_pages_replace_those_before(
    qtbot: QtBot, window: MainWindow, demo_pdf: Path
) -> None:
    page = opened(qtbot, window, demo_pdf)
    page.panel.choose("riding")
    form = page.panel.riding
    form.side_field.setCurrentIndex(form.side_field.findText("左右两边"))
    press(page, "放置骑缝章")
    assert rules(page) == [Riding("right"), Riding("left")]
    form.side_field.setCurrentIndex(0)
    form.pages.choice.setCurrentIndex(form.pages.choice.findText("单数页"))
    form.most_field.setValue(3)
    press(page, "放置骑缝章")
    assert rules(page) == [Riding("right", pages="odd", most=3)]
    assert {item.page % 2 for item in page.pane.view.items} == {0}
    form.whole_field.setChecked(True)
    assert not form.most_field.isEnabled()
    press(page, "放置骑缝章")
    assert rules(page) == [Riding("right", pages="odd", most=None)]
    for _ in range(3):
        page.placing.undo()
    assert rules(page) == []


def test_a_range_of_pages_is_written_with_chinese_punctuation(
    qtbot: QtBot, window: MainWindow, demo_pdf: Path
) -> None:
    page = opened(qtbot, window, demo_pdf)
    page.panel.choose("pages")
    field = page.panel.pages
    field.choice.setCurrentIndex(field.choice.findText("指定页"))
    field.range.setText("１，3－4")
    press(page, "放置")
    assert [item.page for item in page.pane.view.items] == [0, 2, 3]
    field.range.setText("九")
    press(page, "放置")
    assert not page._problem.isHidden()
    assert "九" in page._problem.text()
    assert len(page.pane.view.items) == 3


def test_an_empty_signature_field_is_offered_and_sealed(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = with_fields(
        tmp_path / "form.pdf", 甲方=(0, (40, 200, 100, 230)), 乙方=(1, (120, 200, 180, 230))
    )
    page = opened(qtbot, window, source)
    qtbot.waitUntil(lambda: page.panel.field_field.count() == 2, timeout=20_000)
    page.panel.field_field.setCurrentIndex(1)
    press(page, "盖在签名域上")
    assert rules(page) == [InField("乙方")]
    (item,) = page.pane.view.items
    assert (item.page, round(item.left_mm), round(item.top_mm)) == (1, 130, 195)
    monkeypatch.setattr(page.run, "ask_pin", lambda *_: PIN)
    page.stamp()
    qtbot.waitUntil(lambda: bool(page.run.outcomes), timeout=30_000)
    file = page.run.outcomes[0].file
    assert file is not None
    assert file.report.verdict.value == "VALID"
    (mark,) = file.report.signatures[0].marks
    assert (mark.page, round(mark.left_mm), round(mark.top_mm)) == (2, 130, 195)


def test_a_file_without_fields_offers_none(
    qtbot: QtBot, window: MainWindow, demo_pdf: Path, tmp_path: Path
) -> None:
    source = with_fields(tmp_path / "form.pdf", 甲方=(0, (40, 200, 100, 230)))
    page = opened(qtbot, window, source)
    qtbot.waitUntil(lambda: page.panel.field_field.count() == 1, timeout=20_000)
    page = opened(qtbot, window, demo_pdf)
    qtbot.waitUntil(lambda: page.placing._fields_of == demo_pdf, timeout=20_000)
    assert page.panel.field_field.count() == 0
    assert not page.panel.field_field.isVisibleTo(page.panel)


def test_a_usual_place_is_kept_and_offered_for_the_next_file(
    qtbot: QtBot, window: MainWindow, context: StandIn, demo_pdf: Path, tmp_path: Path
) -> None:
    page = opened(qtbot, window, demo_pdf)
    page.rack.choose(OFFICIAL)
    page.placing.place(At(str(len(page.placing.boxes)), 150, 250))
    page.placing.place(Riding("right", pages="odd"))
    page.panel.choose("usual")
    page.panel.usual.name_field.setText("合同末页")
    press(page, "保存为常用位置")
    kept = Templates(context.settings.folders.config)
    qtbot.waitUntil(lambda: [each.name for each in kept.all()] == ["合同末页"], timeout=10_000)
    page.panel.usual.name_field.setText("骑缝和末页")
    press(page, "保存为常用位置")
    qtbot.waitUntil(lambda: page.panel.usual.choice.count() == 2, timeout=10_000)
    assert page.panel.usual.choice.currentText() == "骑缝和末页", "what was just kept is shown"
    press(page, "删除")
    qtbot.waitUntil(lambda: page.panel.usual.choice.count() == 1, timeout=10_000)
    height = page.placing.boxes[-1].height_mm
    assert [each.rule for each in kept.named("合同末页").placed] == [
        At("-1", 60, round(height - 250, 2), "bottom right"),
        Riding("right", pages="odd"),
    ]
    other = with_fields(tmp_path / "other.pdf")
    page = opened(qtbot, window, other)
    press(page, "放置")
    assert {(item.page, item.part != (0, 0, 1, 1)) for item in page.pane.view.items} == {
        (1, False)
    }, "two pages have one odd page: no seam, and the seal on the last"
    press(page, "删除")
    qtbot.waitUntil(lambda: kept.all() == [], timeout=10_000)


def test_what_was_stamped_last_is_offered_first(
    qtbot: QtBot,
    window: MainWindow,
    context: StandIn,
    demo_pdf: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = opened(qtbot, window, demo_pdf)
    page.rack.choose(CONTRACT)
    page.placing.place(At("1", 60, 60))
    monkeypatch.setattr(page.run, "ask_pin", lambda *_: PIN)
    page.stamp()
    qtbot.waitUntil(lambda: bool(page.run.outcomes), timeout=30_000)
    qtbot.waitUntil(lambda: page.panel.usual.choice.count() == 1, timeout=10_000)
    assert page.panel.usual.choice.itemText(0) == "上次的位置"
    page = opened(qtbot, window, with_fields(tmp_path / "other.pdf"))
    page.panel.choose("usual")
    page.rack.choose(OFFICIAL)
    press(page, "放置")
    (placed,) = page.plan.placed
    assert (placed.seal_code, placed.rule) == (CONTRACT, At("1", 60, 60))


def test_a_place_whose_seal_is_gone_says_so(
    qtbot: QtBot, window: MainWindow, demo_pdf: Path
) -> None:
    page = opened(qtbot, window, demo_pdf)
    page.placing.place_usual((Placed("p1", "00000000000000", Keyword("甲方")),))
    assert "00000000000000" in page._problem.text()
    assert rules(page) == []


def test_usual_places_come_first_where_there_are_any(
    qtbot: QtBot, context: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    Templates(context.settings.folders.config).keep(
        Template("甲", (Placed("p1", OFFICIAL, At("-1", 60, 60)),))
    )
    made = MainWindow(context)
    qtbot.addWidget(made)
    page: StampPage = made.page("stamp")
    qtbot.waitUntil(lambda: page.panel.mode == "usual", timeout=10_000)
    assert page.panel.usual.choice.itemText(0) == "甲"
    made.close()


def test_by_keyboard_tab_finds_the_chosen_way_and_arrows_the_others(
    qtbot: QtBot, window: MainWindow, demo_pdf: Path
) -> None:
    page = opened(qtbot, window, demo_pdf)
    window.activateWindow()
    page.panel._buttons["single"].setFocus()
    qtbot.waitUntil(page.panel._buttons["single"].hasFocus)
    qtbot.keyClick(window.focusWidget(), Qt.Key.Key_Right)
    assert page.panel._buttons["pages"].hasFocus()
    assert page.panel.mode == "pages"
    qtbot.keyClick(window.focusWidget(), Qt.Key.Key_Left)
    assert page.panel.mode == "single"
