"""The clerk's story: drop a contract, place the seal, give the PIN, and have a stamped file."""

import csv
import json
import re
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pymupdf
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import (
    QAbstractButton,
    QComboBox,
    QDoubleSpinBox,
    QLabel,
    QListWidget,
    QPushButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

import ui.stamp.prepared
from app.placing.stamp_plan import At, Keyword, Riding
from app.steps import ApprovalWait
from crypto.algorithms.gm import sm3
from crypto.verdict import Verdict
from device.token import TokenRemoved
from tests.ui.conftest import *  # noqa: F403 - the window's fixtures
from tests.ui.stamping import answer, opened, stamp_all
from tests.world.desk import PIN, StandIn
from tests.world.documents import classic_pdf
from ui import language
from ui.shell import file_password
from ui.shell.window import MainWindow
from ui.stamp.results import BatchResult, Failure
from ui.stamp.stamp_page import StampPage
from ui.stamp.work import StampOrder, StampOutcome

OFFICIAL, CONTRACT = "32130200010001", "32130200010002"

# The offscreen platform cannot raise windows or hint at sizes, and says so.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


def test_first_stamp(
    qtbot: QtBot,
    window: MainWindow,
    context: StandIn,
    demo_pdf: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = demo_pdf.read_bytes()
    page = opened(qtbot, window, demo_pdf)
    assert not page.stamp_button.isEnabled()
    page.rack.cards[CONTRACT].click()
    page.placing.place(At("1", 150, 200))
    page.placing.place(Riding("right"))
    qtbot.waitUntil(lambda: page.stamp_button.isEnabled())
    answer(page, monkeypatch, PIN)
    qtbot.mouseClick(page.stamp_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(page.run.outcomes), timeout=30_000)
    file = page.run.outcomes[0].file
    assert file is not None
    assert file.path == demo_pdf.with_name("管理办法_已盖章.pdf")
    assert file.report.verdict is Verdict.VALID
    assert demo_pdf.read_bytes() == before
    assert len(file.report.signatures[0].marks) == 10
    assert [entry.event for entry in context.journal.entries()] == ["stamp-begun", "stamped"]


@pytest.mark.parametrize("style", [None, "cn", "iso"])
def test_what_the_canvas_shows_is_what_the_file_holds(
    qtbot: QtBot,
    window: MainWindow,
    demo_pdf: Path,
    monkeypatch: pytest.MonkeyPatch,
    style: str | None,
) -> None:
    page = opened(qtbot, window, demo_pdf)
    view = page.pane.view
    page.rack.cards[OFFICIAL].click()
    choose_date(page, style)
    page.placing.place(At("1", 120.3, 150.7))
    page.placing.place(Riding("right", margin_mm=3))
    dates = [item for item in view.items if item.text]
    assert len(dates) == (1 if style else 0)
    page.pane.view.set_zoom(1.25)
    view.go_to(0, 150)
    view.setFocus()
    qtbot.waitUntil(lambda: view.complete, timeout=20_000)
    place = view.verticalScrollBar().value()
    preview = paper(view)
    answer(page, monkeypatch, PIN)
    page.stamp()
    qtbot.waitUntil(lambda: bool(page.run.outcomes) and bool(page.placing.boxes), timeout=30_000)
    assert view.items == ()
    view.set_zoom(1.25)
    view.verticalScrollBar().setValue(place)
    qtbot.waitUntil(lambda: view.complete, timeout=20_000)
    stamped = paper(view)
    assert preview.size() == stamped.size()
    red = sum(map(is_red, points(stamped)))
    assert red > 2000  # the seal and its slices are in the picture
    # Two programs smooth an edge differently within a pixel, not over 4 × 4 of them.
    assert differing(coarse(preview), coarse(stamped), tolerance=64) == 0


def choose_date(page: StampPage, style: str | None) -> None:
    """As a person does, in the box beside 日期."""
    field = page.panel.date_field
    number = field.findData(style)
    field.setCurrentIndex(number)
    field.activated.emit(number)


def paper(view: object) -> QImage:
    image: QImage = view.viewport().grab().toImage()  # type: ignore[attr-defined]
    return image.convertToFormat(QImage.Format.Format_RGB32)


def coarse(image: QImage) -> QImage:
    """Each 4 × 4 pixels as one, their mean."""
    size = image.size() / 4
    return image.scaled(
        size, Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation
    )


def points(image: QImage) -> Iterator[tuple[int, int, int]]:
    """Red, green and blue of every second pixel of every second line."""
    for y in range(0, image.height(), 2):
        line = bytes(image.constScanLine(y))[: image.width() * 4]
        blue, green, red = (line[part::8] for part in range(3))
        yield from zip(red, green, blue, strict=True)


def is_red(point: tuple[int, int, int]) -> bool:
    red, green, blue = point
    return red > 150 and green < 100 and blue < 100


def differing(one: QImage, other: QImage, tolerance: int) -> int:
    pairs = zip(points(one), points(other), strict=True)
    return sum(
        max(abs(x - y) for x, y in zip(a, b, strict=True)) > tolerance for a, b in pairs if a != b
    )


def test_a_riding_seam_on_mixed_pages_follows_each_pages_own_size(
    qtbot: QtBot,
    window: MainWindow,
    make_pdf: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mixed = pymupdf.open(make_pdf())
    for other in (
        make_pdf(rotation=90),
        make_pdf(size_mm=(148, 210)),
        make_pdf(size_mm=(297, 420)),
    ):
        mixed.insert_pdf(pymupdf.open(other))
    path = tmp_path / "mixed.pdf"
    mixed.save(path)
    page = opened(qtbot, window, path)
    page.placing.place(Riding("right"))
    shown = {item.page: item for item in page.pane.view.items}
    widths = {number: page.pane.view.page_size(number)[0] for number in range(4)}
    assert widths == pytest.approx({0: 210, 1: 297, 2: 148, 3: 297}, abs=0.3)
    for number, item in shown.items():
        assert item.left_mm + item.width_mm == pytest.approx(widths[number], abs=0.05)
    stamp_all(qtbot, page, monkeypatch, PIN)
    file = page.run.outcomes[0].file
    assert file is not None
    for mark in file.report.signatures[0].marks:
        item = shown[mark.page - 1]
        assert (mark.left_mm, mark.top_mm) == pytest.approx((item.left_mm, item.top_mm), abs=0.3)


def test_a_wrong_pin_asks_again_with_what_is_left_and_three_wrong_ones_stamp_nothing(
    qtbot: QtBot,
    window: MainWindow,
    context: StandIn,
    demo_pdf: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = opened(qtbot, window, demo_pdf)
    page.placing.place(At("1", 100, 100))
    problems = answer(page, monkeypatch, "wrong-1", "wrong-2", "wrong-3")
    page.stamp()
    qtbot.waitUntil(lambda: len(problems) == 4, timeout=20_000)
    qtbot.waitUntil(lambda: page._side.currentIndex() == 0)
    assert problems[0] == ""
    assert ["9" in problems[1], "8" in problems[2], "7" in problems[3]] == [True] * 3
    assert context.asked == ["wrong-1", "wrong-2", "wrong-3"]
    assert list(demo_pdf.parent.iterdir()) == [demo_pdf]
    qtbot.waitUntil(lambda: window.token is not None and window.token.tries_left == 7)
    kept = (context.settings.folders.config / "window.json").read_text("utf-8")
    assert "wrong-1" not in kept


def test_a_batch_of_fifty_asks_once_and_gives_a_result_for_each(
    qtbot: QtBot,
    window: MainWindow,
    context: StandIn,
    make_pdf: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "月末"
    folder.mkdir()
    content = make_pdf(pages=2, text="").read_bytes()
    for number in range(49):
        (folder / f"发票{number:02}.pdf").write_bytes(content)
    (folder / "坏的.pdf").write_bytes(b"%PDF-1.7 broken")
    page = opened(qtbot, window, folder)
    assert len(page.documents) == 50
    page.placing.place(At("-1", 150, 240))
    page.files.all_alike()
    problems = answer(page, monkeypatch, PIN)
    page.stamp()
    qtbot.waitUntil(lambda: bool(page.run.outcomes), timeout=60_000)
    assert problems == [""]
    assert context.asked == [PIN]
    good = [outcome for outcome in page.run.outcomes if outcome.file is not None]
    bad = [outcome for outcome in page.run.outcomes if outcome.error is not None]
    assert (len(good), len(bad)) == (49, 1)
    assert bad[0].order.path.name == "坏的.pdf"
    assert len(list(folder.glob("*_已盖章.pdf"))) == 49
    assert all(mark.page == 2 for o in good for mark in o.file.report.signatures[0].marks)  # type: ignore[union-attr]


def test_the_key_pulled_out_in_a_batch_ends_it_cleanly_and_the_rest_can_go_on(
    qtbot: QtBot,
    window: MainWindow,
    context: StandIn,
    make_pdf: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    paths = [make_pdf(text="") for _ in range(5)]
    page = opened(qtbot, window, *paths)
    page.placing.place(At("1", 100, 100))
    page.files.all_alike()
    context.pull_out_before = 2
    stamp_all(qtbot, page, monkeypatch, PIN, PIN)
    outcomes = page.run.outcomes
    assert sum(o.file is not None for o in outcomes) == 2
    assert [type(o.error) for o in outcomes if o.error is not None] == [TokenRemoved]
    folder = paths[0].parent
    assert len(list(folder.glob("*_已盖章.pdf"))) == 2
    assert not list(folder.glob(".*.sealdesk"))
    result = page.run.result
    assert isinstance(result, BatchResult)
    go_on = pressable(result, "继续其余 3 个")
    qtbot.waitUntil(lambda: not window.tokens)
    qtbot.mouseClick(go_on, Qt.MouseButton.LeftButton)
    assert result._problem.text() == "请插入持有印章的 Ukey"  # still out: said, nothing begun
    context.pull_out_before, context.plugged = None, (context.company.token(),)
    window.plugged.poll()
    qtbot.waitUntil(lambda: bool(window.tokens))
    qtbot.mouseClick(go_on, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: all(each.stamped for each in page.documents), timeout=30_000)
    assert len(list(folder.glob("*_已盖章.pdf"))) == 5
    qtbot.waitUntil(lambda: page.run.result is not None)
    assert page.run.result.accessibleName() == "5 / 5 个文件已盖章"  # type: ignore[union-attr]
    assert len(page.run.outcomes) == 5  # the list of the whole batch, not of its second half


def pressable(widget: QWidget, text: str) -> QPushButton:
    return next(b for b in widget.findChildren(QPushButton) if b.text().strip() == text)


def test_a_batch_is_kept_as_a_list(
    qtbot: QtBot,
    window: MainWindow,
    make_pdf: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bad = tmp_path / "=坏的.pdf"
    bad.write_bytes(b"%PDF-1.7 broken")
    paths = [make_pdf(pages=2, text=""), make_pdf(text=""), bad]
    page = opened(qtbot, window, *paths)
    page.placing.place(At("-1", 100, 100))
    page.files.all_alike()
    stamp_all(qtbot, page, monkeypatch, PIN)
    result = page.run.result
    assert isinstance(result, BatchResult)
    first = result.list.item(0)
    assert first.text().startswith("=坏的.pdf\n")  # what needs a look comes first
    target = tmp_path / "清单"
    monkeypatch.setattr(
        "ui.stamp.results.QFileDialog.getSaveFileName",
        lambda *_, **__: (str(target), "CSV (*.csv)"),
    )
    pressable(result, "保存清单…").click()
    kept = target.with_name("清单.csv")
    qtbot.waitUntil(kept.is_file)
    head, *rows = csv.reader(kept.read_text("utf-8-sig").splitlines())
    assert head[:6] == ["文件", "盖章后的文件", "印章", "页码", "结果", "原因"]
    by_name = {each[0]: each for each in rows}
    assert set(by_name) == {paths[0].name, paths[1].name, "'=坏的.pdf"}
    stamped = by_name[paths[0].name]
    assert stamped[1] == f"{paths[0].stem}_已盖章.pdf"
    assert stamped[2] == f"法定名称章 {OFFICIAL}"
    assert stamped[3:6] == ["2", "已盖章", ""]
    assert stamped[6] == sm3(paths[0].with_name(stamped[1]).read_bytes()).hex()
    assert by_name["'=坏的.pdf"][4] == "未盖章"
    assert "E-" in by_name["'=坏的.pdf"][5]
    page.run.save_report(tmp_path / "清单.xlsx")
    qtbot.waitUntil((tmp_path / "清单.xlsx").is_file)
    with zipfile.ZipFile(tmp_path / "清单.xlsx") as book:
        assert paths[0].name in book.read("xl/sharedStrings.xml").decode()
    result.list.setCurrentRow(1)
    qtbot.waitUntil(lambda: page.pane.path is not None and "_已盖章" in page.pane.path.name)


def test_five_hundred_files_cost_lines_and_no_widgets_and_nothing_is_written_by_the_main_thread(
    qtbot: QtBot,
    window: MainWindow,
    make_pdf: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = make_pdf(text="").read_bytes()
    paths = [tmp_path / f"对账单{number:03}.pdf" for number in range(500)]
    for path in paths:
        path.write_bytes(content)
    page = opened(qtbot, window, *paths[:2])
    few = len(page.findChildren(QWidget))
    page = opened(qtbot, window, *paths)
    page.placing.place(At("1", 100, 100))
    writers: set[int] = set()
    kept = ui.stamp.prepared.replace_file

    def noted(path: Path, data: bytes) -> None:
        writers.add(threading.get_ident())
        kept(path, data)

    monkeypatch.setattr("ui.stamp.prepared.replace_file", noted)
    page.files.all_alike()
    changed: list[object] = []
    page.list.itemChanged.connect(changed.append)
    for _ in range(20):
        page.pane.view.item_nudged.emit("p1/0/0", 1.0, 0.0)
    assert changed == []  # a nudge rewrites no line of the list
    page._ended(StampOutcome(page.documents[7].order, error=TokenRemoved("gone")))
    assert {page.list.row(each) for each in changed} == {7}  # type: ignore[call-overload]
    qtbot.waitUntil(lambda: bool(writers))
    assert threading.get_ident() not in writers
    assert len(page.findChildren(QWidget)) <= few + 10
    result = BatchResult(
        window, [StampOutcome(StampOrder(path, ())) for path in paths], lambda path: None
    )
    qtbot.addWidget(result)
    assert result.list.count() == 500
    assert len(result.findChildren(QWidget)) < 40


def test_files_are_looked_at_one_after_the_other(
    qtbot: QtBot, window: MainWindow, make_pdf: Callable[..., Path]
) -> None:
    paths = [make_pdf(text="") for _ in range(3)]
    page = opened(qtbot, window, *paths)
    page.placing.place(At("1", 100, 100))
    qtbot.mouseClick(page._next, Qt.MouseButton.LeftButton)
    assert page.document is page.documents[1]
    assert page.plan.placed[0].rule == At("1", 100, 100)  # as the one before has it
    qtbot.waitUntil(lambda: len(page.pane.view.items) == 1, timeout=20_000)
    page.placing.put_at("p1/0/0", 10, 10)
    qtbot.mouseClick(page._next, Qt.MouseButton.LeftButton)
    assert page.plan.placed[0].rule == At("1", 30, 30)
    assert page.documents[0].plan.placed[0].rule == At("1", 100, 100)
    assert not page._next.isEnabled()
    assert page.stamp_button.text().strip() == "盖章（3 个文件）"


def test_a_cancelled_batch_finishes_what_is_signed_and_leaves_the_rest(
    qtbot: QtBot,
    window: MainWindow,
    context: StandIn,
    make_pdf: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    paths = [make_pdf(text="") for _ in range(8)]
    page = opened(qtbot, window, *paths)
    page.placing.place(At("1", 100, 100))
    page.files.all_alike()
    answer(page, monkeypatch, PIN)
    page.run.ended.connect(lambda _: page.run.cancel())
    page.stamp()
    qtbot.waitUntil(lambda: bool(page.run.outcomes), timeout=30_000)
    done = [each for each in page.run.outcomes if each.file is not None]
    assert 1 <= len(done) == context.signed < 8
    assert all(each.error is None for each in page.run.outcomes)
    folder = paths[0].parent
    assert len(list(folder.glob("*_已盖章.pdf"))) == len(done)
    assert not list(folder.glob(".*.sealdesk"))
    assert page.list.item(7).text().endswith("未处理")


def test_several_seals_go_on_one_document_and_are_saved_once(
    qtbot: QtBot,
    window: MainWindow,
    context: StandIn,
    demo_pdf: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    context.approved_seals = {OFFICIAL, CONTRACT}
    page = opened(qtbot, window, demo_pdf)
    page.rack.cards[OFFICIAL].click()
    page.placing.place(At("1", 60, 100))
    page.rack.cards[CONTRACT].click()
    page.placing.place(At("1", 150, 100))
    stamp_all(qtbot, page, monkeypatch, PIN)
    file = page.run.outcomes[0].file
    assert file is not None
    assert [s.seal.code for s in file.report.signatures if s.seal] == [OFFICIAL, CONTRACT]
    assert len(list(demo_pdf.parent.iterdir())) == 2
    # both approvals were asked for about the document as it was, before anything was signed
    assert context.asked_ahead == [(demo_pdf.name, 0)] * 2


def test_keyword_hits_are_ghosts_until_they_are_clicked(
    qtbot: QtBot, window: MainWindow, make_pdf: Callable[..., Path]
) -> None:
    path = make_pdf(pages=3, text="第{page}页 甲方（盖章）")
    page = opened(qtbot, window, path)
    page.rack.cards[OFFICIAL].click()
    page.panel.choose("keyword")
    page.panel.search.emit("甲方")
    qtbot.waitUntil(lambda: len(page.pane.view.items) == 3, timeout=20_000)
    assert {item.look for item in page.pane.view.items} == {"ghost"}
    assert not page.stamp_button.isEnabled()
    page.pane.view.item_clicked.emit("ghost/1")
    looks = sorted((item.look, item.page) for item in page.pane.view.items)
    assert looks == [("ghost", 0), ("ghost", 2), ("seal", 1)]
    assert page.plan.placed[0].rule == Keyword("甲方", 2)


def test_dragging_nudging_undo_and_redo(qtbot: QtBot, window: MainWindow, demo_pdf: Path) -> None:
    page = opened(qtbot, window, demo_pdf)
    page.placing.place(At("1", 100, 100))
    handle = page.pane.view._handles["p1/0/0"]
    qtbot.mousePress(handle, Qt.MouseButton.LeftButton, pos=QPoint(20, 20))
    qtbot.mouseMove(handle, QPoint(60, 20))
    qtbot.mouseRelease(handle, Qt.MouseButton.LeftButton, pos=QPoint(60, 20))
    rule = page.plan.placed[0].rule
    assert isinstance(rule, At)
    assert rule.x_mm > 105
    assert rule.y_mm == pytest.approx(100, abs=0.5)
    handle = page.pane.view._handles["p1/0/0"]
    for _ in range(3):
        qtbot.keyClick(handle, Qt.Key.Key_Down)
    nudged = page.plan.placed[0].rule
    assert isinstance(nudged, At)
    assert nudged.y_mm == pytest.approx(rule.y_mm + 3, abs=0.01)
    page.placing.undo()
    assert page.plan.placed[0].rule == rule
    page.placing.undo()
    assert page.plan.placed[0].rule == At("1", 100, 100)
    page.placing.redo()
    assert page.plan.placed[0].rule == rule
    handle = page.pane.view._handles["p1/0/0"]
    qtbot.keyClick(handle, Qt.Key.Key_Delete)
    assert page.plan.placed == ()


def test_a_date_is_moved_undone_and_removed_and_the_file_holds_it_where_it_was(
    qtbot: QtBot, window: MainWindow, demo_pdf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = opened(qtbot, window, demo_pdf)
    view = page.pane.view
    page.placing.place(At("1", 100, 100))
    assert [item.text for item in view.items] == [""]
    choose_date(page, "cn")
    date = view.item("p1/0/0/date")
    assert date is not None
    assert re.fullmatch(r"20[0-9]{2}年[0-9]{1,2}月[0-9]{1,2}日", date.text)
    handle = view._handles["p1/0/0/date"]
    assert date.text in handle.accessibleName()
    for _ in range(4):
        qtbot.keyClick(handle, Qt.Key.Key_Right)
    moved = view.item("p1/0/0/date")
    assert moved is not None
    assert moved.left_mm == pytest.approx(date.left_mm + 4, abs=0.05)
    page.placing.undo()  # the nudges are one step
    assert view.item("p1/0/0/date") == date
    page.placing.redo()
    qtbot.keyClick(view._handles["p1/0/0"], Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    followed = view.item("p1/0/0/date")
    assert followed is not None
    assert followed.top_mm == pytest.approx(date.top_mm + 5, abs=0.05)
    qtbot.keyClick(view._handles["p1/0/0/date"], Qt.Key.Key_Delete)
    assert view.item("p1/0/0/date") is None
    assert page.panel.date is None
    page.placing.undo()
    assert page.panel.date == "cn"
    stamp_all(qtbot, page, monkeypatch, PIN)
    file = page.run.outcomes[0].file
    assert file is not None
    assert file.report.verdict is Verdict.VALID
    assert len(file.field_names) == 2  # the seal and its date


def test_single_pages_are_adjusted_in_a_table(
    qtbot: QtBot,
    window: MainWindow,
    make_pdf: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = opened(qtbot, window, make_pdf(pages=4, text=""))
    page.placing.place(At("all", 100, 100))
    marks = page.panel.marks
    pressable(page.panel, "逐页调整（4 处）").click()
    assert marks.isVisible()
    assert [marks.model.index(n, 0).data() for n in range(4)] == ["1", "2", "3", "4"]
    marks.table.selectRow(1)
    marks.table.setCurrentIndex(marks.model.index(1, 2))
    qtbot.waitUntil(lambda: page.pane.view.page == 1)  # what is chosen is shown
    marks.table.edit(marks.model.index(1, 2))
    editor = marks.table.findChild(QDoubleSpinBox)
    assert editor is not None
    editor.setValue(60)
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: marks.model.lines[1].moved)
    assert [(line.x, line.y) for line in marks.model.lines] == [(100, 100), (60, 100)] + [
        (100, 100)
    ] * 2
    marks.table.selectRow(3)
    qtbot.mouseClick(marks._away, Qt.MouseButton.LeftButton)
    assert len(marks.model.lines) == 3
    marks.model.setData(marks.model.index(0, 2), 500.0)  # beyond the page: refused with words
    assert marks.model.lines[0].x == 100
    assert page._problem.text()
    stamp_all(qtbot, page, monkeypatch, PIN)
    file = page.run.outcomes[0].file
    assert file is not None
    found = [(m.page, round(m.left_mm), round(m.top_mm)) for m in file.report.signatures[0].marks]
    assert sorted(found) == [(1, 80, 80), (2, 40, 80), (3, 80, 80)]


def test_the_table_undoes_and_puts_everything_back(
    qtbot: QtBot, window: MainWindow, make_pdf: Callable[..., Path]
) -> None:
    page = opened(qtbot, window, make_pdf(pages=4, text=""))
    page.placing.place(Riding("right"))
    marks = page.panel.marks
    first = marks.model.index(0, 2)
    assert not marks.model.flags(first) & Qt.ItemFlag.ItemIsEditable  # a slice keeps its edge
    assert marks.model.flags(marks.model.index(0, 3)) & Qt.ItemFlag.ItemIsEditable
    marks.model.setData(marks.model.index(0, 3), 50.0)
    assert [round(line.y, 1) for line in marks.model.lines] == [50, 148.5, 148.5, 148.5]
    marks.table.selectRow(2)
    qtbot.keyClick(marks.table, Qt.Key.Key_Delete)
    assert [line.laid.mark.page for line in marks.model.lines] == [0, 1, 3]
    assert [line.laid.mark.part[2] for line in marks.model.lines][-1] == 1  # cut anew, whole
    page.placing.undo()
    assert len(marks.model.lines) == 4
    page.placing.redo()
    marks._all.click()
    assert [round(line.y, 1) for line in marks.model.lines] == [148.5] * 4
    page.placing.undo()
    assert len(marks.model.lines) == 3
    assert all(line.spoken for line in marks.model.lines)


def test_a_seal_that_does_not_fit_is_refused_with_words(
    qtbot: QtBot, window: MainWindow, demo_pdf: Path
) -> None:
    page = opened(qtbot, window, demo_pdf)
    page.placing.place(At("1", 5, 5))
    assert page.plan.placed == ()
    assert not page._problem.isHidden()
    assert page._problem.text()
    page.placing.place(At("99", 100, 100))
    assert page.plan.placed == ()


def test_a_file_with_a_password_is_stamped_when_the_password_is_given(
    qtbot: QtBot,
    window: MainWindow,
    make_pdf: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = make_pdf(encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="leaf", owner_pw="tree")
    given, asked = ["", "wrong", "leaf"], []

    def ask(parent: QWidget, path: Path, *, again: bool = False) -> str:
        asked.append(again)
        return given.pop(0)

    monkeypatch.setattr(file_password, "ask_file_password", ask)
    window.take_files([path])
    page: StampPage = window.page("stamp")
    qtbot.waitUntil(page._password.isVisible, timeout=20_000)  # it was not given at first
    assert not page.stamp_button.isEnabled()
    qtbot.mouseClick(page._password, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.ready, timeout=20_000)
    assert asked == [False, False, True]  # the last time: the one before was wrong
    assert not page._password.isVisible()
    page.placing.place(At("1", 100, 100))
    stamp_all(qtbot, page, monkeypatch, PIN)
    file = page.run.outcomes[0].file
    assert file is not None
    with pymupdf.open(file.path) as document:
        assert document.needs_pass
    written = page.prepared._path.read_text("utf-8") if page.prepared._path.exists() else ""
    assert "leaf" not in written


def test_what_the_author_has_locked_cannot_be_stamped_and_says_whom_to_ask(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    path = tmp_path / "认证过的合同.pdf"
    path.write_bytes(
        classic_pdf(
            catalog=b"/Perms<</DocMDP 6 0 R>>",
            extra=[b"<</Type/Sig/Reference[<</TransformParams<</P 2>>>>]>>"],
        )
    )
    page = opened(qtbot, window, path)
    page.placing.place(At("1", 100, 100))
    assert not page.stamp_button.isEnabled()
    first = page.checklist.checks[0]
    assert not first.good
    assert first.text.startswith("已有的签名不允许再盖章 E-115\n作者签名时锁定了这个文件")


def test_a_stamped_file_gets_a_second_seal_and_the_first_stays_good(
    qtbot: QtBot, window: MainWindow, demo_pdf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = opened(qtbot, window, demo_pdf)
    page.placing.place(At("1", 60, 100))
    stamp_all(qtbot, page, monkeypatch, PIN, PIN)
    first = page.run.outcomes[0].file
    assert first is not None
    page.run.outcomes = []
    page.open_files([first.path])
    qtbot.waitUntil(lambda: page.ready, timeout=20_000)
    assert "文件上已有 1 个签名，现在都有效" in [each.text for each in page.checklist.checks]
    page.rack.cards[CONTRACT].click()
    page.placing.place(At("1", 150, 100))
    page.stamp()
    qtbot.waitUntil(lambda: bool(page.run.outcomes), timeout=30_000)
    second = page.run.outcomes[0].file
    assert second is not None
    assert len(second.report.signatures) == 2
    assert all(each.intact for each in second.report.signatures)
    assert second.path.name == "管理办法_已盖章_已盖章.pdf"


def test_a_contract_is_stamped_in_english(
    qtbot: QtBot,
    context: StandIn,
    open_window: Callable[[StandIn], MainWindow],
    make_pdf: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    language.use("en")
    window = open_window(context)
    page = opened(qtbot, window, make_pdf(pages=3, text=""), make_pdf(text=""))
    choose_date(page, "iso")
    page.placing.place(At("all", 100, 100))
    qtbot.mouseClick(pressable(page, "Use for all files"), Qt.MouseButton.LeftButton)
    said = texts_of(page)
    assert {"Seals", "Where", "Date", "Before stamping"} <= said
    answer(page, monkeypatch, "wrong-1", PIN)
    qtbot.mouseClick(pressable(page, "Stamp (2 files)"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(page.run.outcomes), timeout=30_000)
    assert page.run.result is not None
    assert page.run.result.accessibleName() == "2 of 2 files stamped"
    chinese = re.compile(r"[\u3000-\u30ff\u4e00-\u9fff\uff00-\uffef]")
    data = ("宿迁", "王建国", "_已盖章")  # the company, its representative, the suffix of names
    strange = {
        each
        for each in said | texts_of(page)
        if chinese.search(each) and not any(name in each for name in data)
    }
    style = page.panel.date_field.itemText(1)  # a date as it is written in Chinese
    assert strange <= {style}


def texts_of(widget: QWidget) -> set[str]:
    """Everything that is written on *widget* or said of it."""
    found = {each.accessibleName() for each in widget.findChildren(QWidget)}
    found |= {each.toolTip() for each in widget.findChildren(QWidget)}
    found |= {each.text() for each in widget.findChildren(QLabel)}
    found |= {each.text() for each in widget.findChildren(QAbstractButton)}
    for box in widget.findChildren(QComboBox):
        found |= {box.itemText(number) for number in range(box.count())}
    for files in widget.findChildren(QListWidget):
        found |= {files.item(number).text() for number in range(files.count())}
    return {each.strip() for each in found}


def test_without_the_key_the_red_button_stays_off_and_says_why(
    qtbot: QtBot, window: MainWindow, context: StandIn, demo_pdf: Path
) -> None:
    page = opened(qtbot, window, demo_pdf)
    page.placing.place(At("1", 100, 100))
    qtbot.waitUntil(lambda: page.stamp_button.isEnabled())
    context.plugged = ()
    window.plugged.poll()
    qtbot.waitUntil(lambda: not page.stamp_button.isEnabled())
    assert page.checklist.checks[0].text == "请插入持有印章的 Ukey"


def test_a_prepared_job_is_there_after_a_crash(
    qtbot: QtBot,
    open_window: Callable[[StandIn], MainWindow],
    context: StandIn,
    demo_pdf: Path,
) -> None:
    first = open_window(context)
    page = opened(qtbot, first, demo_pdf)
    page.placing.place(At("2", 100, 100))
    written = context.settings.folders.config / "session.json"
    qtbot.waitUntil(lambda: written.is_file())
    assert json.loads(written.read_text("utf-8"))[0]["path"] == str(demo_pdf)
    again = open_window(context)  # as if the first had died: nothing was closed
    qtbot.waitUntil(
        lambda: any("没有盖" in text or "还没有盖" in text for text in again.notices.texts)
    )
    restored: StampPage = again.page("stamp")
    restored.resume()
    qtbot.waitUntil(lambda: len(restored.pane.view.items) == 1, timeout=20_000)
    assert restored.plan.placed[0].rule == At("2", 100, 100)


def test_a_batch_that_was_killed_goes_on_with_what_is_missing_and_shows_what_is_done(
    qtbot: QtBot,
    open_window: Callable[[StandIn], MainWindow],
    context: StandIn,
    make_pdf: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    paths = [make_pdf(text="") for _ in range(4)]
    page = opened(qtbot, open_window(context), *paths)
    page.placing.place(At("1", 100, 100))
    page.files.all_alike()
    written = page.prepared._path
    before = b""

    def noted(outcome: StampOutcome) -> None:
        nonlocal before
        before = before or written.read_bytes()

    page.run.ended.connect(noted)
    context.pull_out_before = 2
    stamp_all(qtbot, page, monkeypatch, PIN)
    done = [each.path for each in page.documents if each.stamped]
    assert len(done) == 2
    qtbot.waitUntil(lambda: page.prepared._writing is not None and page.prepared._writing.finished)
    written.write_bytes(before)  # as it was when the run began: nothing of it was written down

    context.pull_out_before, context.plugged = None, (context.company.token(),)
    again = open_window(context)
    restored: StampPage = again.page("stamp")
    qtbot.waitUntil(lambda: any("2 个文件" in text for text in again.notices.texts))
    qtbot.mouseClick(link(again, "继续"), Qt.MouseButton.LeftButton)
    assert [each.path for each in restored.documents if each.stamped] == done
    assert not restored.document or restored.document.waiting  # the first that is missing
    qtbot.waitUntil(lambda: restored.stamp_button.isEnabled(), timeout=20_000)
    assert "2" in restored.stamp_button.text()
    answer(restored, monkeypatch, PIN)
    restored.stamp()
    qtbot.waitUntil(lambda: bool(restored.run.outcomes), timeout=30_000)
    assert len(restored.run.outcomes) == 4
    assert sorted(p.name for p in paths[0].parent.glob("*_已盖章*")) == sorted(
        f"{path.stem}_已盖章.pdf" for path in paths
    )
    report = paths[0].parent / "清单.csv"
    restored.run.save_report(report)
    qtbot.waitUntil(lambda: report.exists())
    qtbot.waitUntil(lambda: any("清单已保存" in text for text in again.notices.texts))
    with report.open(encoding="utf-8-sig", newline="") as table:
        lines = list(csv.reader(table))
    assert len(lines) == 5
    assert all(line[1].endswith("_已盖章.pdf") and line[3] for line in lines[1:])
    qtbot.waitUntil(lambda: json.loads(written.read_bytes()) == [])


def test_what_an_earlier_run_left_is_kept_until_it_is_taken_up(
    qtbot: QtBot,
    open_window: Callable[[StandIn], MainWindow],
    context: StandIn,
    make_pdf: Callable[..., Path],
) -> None:
    left, other = make_pdf(text=""), make_pdf(text="")
    page = opened(qtbot, open_window(context), left)
    page.placing.place(At("1", 100, 100))
    written = page.prepared._path
    qtbot.waitUntil(lambda: written.is_file() and left.name in written.read_text("utf-8"))
    again = open_window(context)
    page = opened(qtbot, again, other)  # in a hurry, before anything is answered
    qtbot.waitUntil(lambda: any("还没有盖" in text for text in again.notices.texts))
    page.placing.place(At("1", 50, 50))
    qtbot.waitUntil(lambda: other.name in written.read_text("utf-8"))
    assert left.name in written.read_text("utf-8")
    qtbot.mouseClick(link(again, "继续"), Qt.MouseButton.LeftButton)
    assert {each.path: each.plan.placed[0].rule for each in page.documents} == {
        left: At("1", 100, 100),
        other: At("1", 50, 50),
    }


def test_an_interrupted_job_goes_on_in_the_demo_too(
    qtbot: QtBot,
    window: MainWindow,
    make_pdf: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own, left, demo = make_pdf(text=""), make_pdf(text=""), StandIn(tmp_path / "demo")
    page = opened(qtbot, window, own)
    page.placing.place(At("1", 50, 50))
    window.enter_demo(demo)
    page = window.page("stamp")
    qtbot.waitUntil(lambda: page.ready and len(window.seals) == 3, timeout=20_000)
    window.take_files([left])
    qtbot.waitUntil(lambda: page.document.path == left and page.ready, timeout=20_000)
    page.placing.place(At("1", 100, 100))
    qtbot.waitUntil(lambda: page.prepared._path.is_file())
    window.leave_demo()
    qtbot.waitUntil(lambda: any("还没有盖" in text for text in window.notices.texts))
    qtbot.mouseClick(link(window, "继续"), Qt.MouseButton.LeftButton)
    assert [each.path for each in window.page("stamp").documents] == [own]

    window.enter_demo(StandIn(tmp_path / "demo"))
    qtbot.waitUntil(lambda: any("1 个文件" in text for text in window.notices.texts))
    page = window.page("stamp")
    qtbot.mouseClick(link(window, "继续"), Qt.MouseButton.LeftButton)
    assert page.document.path == left
    qtbot.waitUntil(lambda: page.stamp_button.isEnabled(), timeout=20_000)
    stamp_all(qtbot, page, monkeypatch, PIN)
    assert left.with_name(f"{left.stem}_已盖章.pdf").is_file()


def test_after_a_crash_in_the_demo_one_click_leads_back_to_its_job(
    qtbot: QtBot,
    open_window: Callable[[StandIn], MainWindow],
    context: StandIn,
    make_pdf: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    context.demo_possible = True
    left, home = make_pdf(text=""), context.settings.folders.demo.config.parent
    demo = StandIn(home)
    window = open_window(context)
    window.enter_demo(demo)
    page = window.page("stamp")
    qtbot.waitUntil(lambda: page.ready and len(window.seals) == 3, timeout=20_000)
    window.take_files([left])
    qtbot.waitUntil(lambda: page.document.path == left and page.ready, timeout=20_000)
    page.placing.place(At("1", 100, 100))
    qtbot.waitUntil(lambda: page.prepared._path.is_file())
    kept = page.prepared._path.read_bytes()
    window.close()
    page.prepared._path.write_bytes(kept)  # as a crash leaves it

    again = StandIn(tmp_path / "home")
    again.demo_possible = True
    monkeypatch.setattr(again, "start_demo", lambda step: StandIn(home), raising=False)
    second = open_window(again)
    qtbot.waitUntil(lambda: any("上次在演示里" in text for text in second.notices.texts))
    qtbot.mouseClick(link(second, "继续"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(
        lambda: (
            second.page("stamp").document is not None and second.page("stamp").document.path == left
        ),
        timeout=20_000,
    )
    page = second.page("stamp")
    assert page.document.plan.placed
    assert second.notices.texts == ()


def link(window: MainWindow, text: str) -> QPushButton:
    """The action of a notice."""
    buttons = window.notices.findChildren(QPushButton)
    return next(each for each in buttons if each.text() == text)


def test_a_use_that_needs_approvals_says_so_before_the_pin_and_while_it_waits(
    qtbot: QtBot,
    window: MainWindow,
    context: StandIn,
    demo_pdf: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    context.approvals.fill()
    page = opened(qtbot, window, demo_pdf)
    page.rack.cards[OFFICIAL].click()
    page.placing.place(At("1", 150, 200))
    qtbot.waitUntil(lambda: page.stamp_button.isEnabled())
    checks = [check.text for check in page.checklist.checks if check.warning]
    assert any("用印需要审批，沈立（法定代表人）、" in text for text in checks)
    purposes: list[str] = []

    def ask(token: object, purpose: str, problem: str) -> str:
        purposes.append(purpose)
        return PIN

    monkeypatch.setattr(page.run, "ask_pin", ask)
    qtbot.mouseClick(page.stamp_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(purposes))
    assert "用印需要审批：沈立（法定代表人）、韩雪（财务负责人）" in purposes[0]
    page.run._progress("step", 0, ApprovalWait("沈立（法定代表人）", 1, 2))
    assert "正在等待审批（已有 1 人同意，需要 2 人）" in page.run._step.text()
    stopped = Failure(window, None, page.run._waited)
    qtbot.addWidget(stopped)
    assert any("提出的用印申请还在" in each.text() for each in stopped.findChildren(QLabel))
    qtbot.waitUntil(lambda: bool(page.run.outcomes), timeout=30_000)
