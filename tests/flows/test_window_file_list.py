"""The list of files to be stamped: added to, never replaced; what is removed comes back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, QRect, Qt, QTimer, QUrl
from PySide6.QtGui import QContextMenuEvent, QDragEnterEvent, QDragMoveEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QMenu
from pytestqt.qtbot import QtBot

from app.errors import (
    FileNotReadable,
    FileProblem,
    NotAPdf,
    OutputNotWritable,
    PlatformUnreachable,
    SealWouldHarm,
)
from app.placing.stamp_plan import At
from crypto.pdf.reading.failures import PdfEncrypted, PdfUnreadable
from device.token import TokenRemoved
from tests.ui.conftest import *  # noqa: F403 - the window's fixtures
from tests.ui.stamping import opened
from tests.world.desk import PIN, StandIn
from ui.dialogs import Question
from ui.shell.guide import sample_document
from ui.shell.window import MainWindow
from ui.stamp.results import BatchResult, Failure
from ui.stamp.stamp_page import StampPage
from ui.stamp.work import StampOrder, StampOutcome

# The offscreen platform cannot raise windows or hint at sizes, and says so.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")

HERE = At("1", 100, 100)


def paths_of(page: StampPage) -> list[Path]:
    return [each.path for each in page.documents]


def test_more_files_join_the_list_and_what_is_placed_stays(
    qtbot: QtBot, window: MainWindow, make_pdf: Callable[..., Path]
) -> None:
    first, second, third = (make_pdf(text="") for _ in range(3))
    page = opened(qtbot, window, first)
    page.placing.place(HERE)
    window.take_files([second, first, third])
    assert paths_of(page) == [first, second, third]
    assert page.documents[0].plan.placed[0].rule == HERE
    assert page.document is page.documents[1], "the first of the new ones is shown"
    assert any("1 个文件已经在列表里" in text for text in window.notices.texts)
    assert page.list.isVisible()


def test_one_file_that_is_refused_does_not_hold_up_the_others(
    qtbot: QtBot,
    window: MainWindow,
    make_pdf: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    web_page = tmp_path / "其实是网页.pdf"
    web_page.write_bytes(b"<html>please log in</html>")
    good, other = make_pdf(text=""), make_pdf(text="")
    page = opened(qtbot, window, good, other, web_page)
    page.placing.place(HERE)
    page._all_alike.click()
    page.list.setCurrentRow(2)
    qtbot.waitUntil(lambda: page.documents[2].refused, timeout=20_000)
    qtbot.waitUntil(lambda: page.stamp_button.isEnabled(), timeout=20_000)
    assert page.stamp_button.text().strip() == "盖章（2 个文件）"
    assert "2 / 3 个文件" in page._batch_note.text()
    assert page._problem.text() == "", "no page of it is measured: it has none"
    purposes: list[str] = []

    def enter(token: object, purpose: str, problem: str) -> str:
        purposes.append(purpose)
        return PIN

    monkeypatch.setattr(page.run, "ask_pin", enter)
    page.stamp()
    qtbot.waitUntil(lambda: len(page.run.outcomes) == 3, timeout=30_000)
    assert "2 个文件" in purposes[0]
    assert "另有 1 个不能盖" in purposes[0]
    assert [d.stamped for d in page.documents] == [True, True, False]


def test_a_refused_file_alone_is_not_stamped(
    qtbot: QtBot, window: MainWindow, make_pdf: Callable[..., Path], tmp_path: Path
) -> None:
    empty = tmp_path / "空的.pdf"
    empty.write_bytes(b"")
    page = opened(qtbot, window, make_pdf(text=""), empty)
    page.list.setCurrentRow(1)
    qtbot.waitUntil(lambda: page.documents[1].refused, timeout=20_000)
    assert not page.stamp_button.isEnabled()


def test_files_are_removed_and_moved_by_keyboard_and_undo_brings_them_back(
    qtbot: QtBot, window: MainWindow, make_pdf: Callable[..., Path]
) -> None:
    first, second, third = (make_pdf(text="") for _ in range(3))
    page = opened(qtbot, window, first, second, third)
    page.placing.place(HERE)
    page.list.setFocus()
    qtbot.keyClick(page.list, Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
    assert paths_of(page) == [second, first, third]
    assert page.list.currentRow() == 1
    assert page.document is not None
    assert page.document.path == first
    qtbot.keyClick(page.list, Qt.Key.Key_Delete)
    assert paths_of(page) == [second, third]
    assert page.document is page.documents[1]
    page.undo()
    assert paths_of(page) == [second, first, third]
    assert page.document.path == first
    assert [one.rule for one in page.documents[1].plan.placed] == [HERE]
    page.undo()
    assert paths_of(page) == [first, second, third]
    qtbot.waitUntil(lambda: page.ready, timeout=20_000)
    page.undo()
    assert page.plan.placed == ()
    page.redo()
    assert [one.rule for one in page.plan.placed] == [HERE]
    page.redo()
    page.redo()
    assert paths_of(page) == [second, third]
    assert not page._redo.isEnabled()


def test_the_menu_offers_the_same(
    qtbot: QtBot, window: MainWindow, make_pdf: Callable[..., Path]
) -> None:
    first, second = make_pdf(text=""), make_pdf(text="")
    page = opened(qtbot, window, first, second)
    middle = QPoint(20, 20)
    event = QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, middle, QPoint(60, 60))
    QApplication.sendEvent(page.list.viewport(), event)
    menu = page.list.findChild(QMenu)
    assert menu is not None
    offered = {action.text().partition("\t")[0]: action for action in menu.actions()}
    assert set(offered) == {"移除这个文件", "上移", "下移"}
    offered["下移"].trigger()
    assert paths_of(page) == [second, first]
    menu.close()


def test_closing_asks_once_about_what_is_placed(
    qtbot: QtBot,
    window: MainWindow,
    make_pdf: Callable[..., Path],
) -> None:
    page = opened(qtbot, window, make_pdf(text=""))
    page.placing.place(HERE)
    said: list[str] = []

    def answer(wanted: str) -> None:
        box = next(each for each in page.findChildren(Question) if each.isVisible())
        said.append(box.text)
        box.buttons[wanted].click()

    QTimer.singleShot(0, lambda: answer("取消"))
    page.close_documents()
    assert len(page.documents) == 1
    QTimer.singleShot(0, lambda: answer("关闭"))
    page.close_documents()
    assert page.documents == []
    assert said == ["1 个文件放好了印章，还没有盖。"] * 2
    page = opened(qtbot, window, make_pdf(text=""))
    page.close_documents()  # nothing is placed: nothing to ask
    assert page.documents == []


def test_a_list_that_is_stamped_whole_gives_way(
    qtbot: QtBot,
    window: MainWindow,
    context: StandIn,
    make_pdf: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = make_pdf(text=""), make_pdf(text="")
    page = opened(qtbot, window, first)
    page.placing.place(HERE)
    monkeypatch.setattr(page.run, "ask_pin", lambda *_: PIN)
    page.stamp()
    qtbot.waitUntil(lambda: bool(page.run.outcomes), timeout=30_000)
    window.take_files([second])
    assert paths_of(page) == [second]
    qtbot.waitUntil(lambda: page.ready, timeout=20_000)
    page.placing.place(HERE)
    page.stamp()
    qtbot.waitUntil(lambda: page.documents[0].stamped, timeout=30_000)
    page._close_run(True)
    assert paths_of(page) == [second]
    assert not page.documents[0].stamped, "再盖一份: another act"


def test_of_a_batch_in_which_one_failed_the_row_says_why_and_the_finished_ones_leave(
    qtbot: QtBot,
    window: MainWindow,
    make_pdf: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken = tmp_path / "传坏了的.pdf"
    broken.write_bytes(b"%PDF-1.7 broken")
    good = [make_pdf(text=""), make_pdf(text="")]
    page = opened(qtbot, window, *good, broken)
    page.placing.place(HERE)
    page.files.all_alike()
    monkeypatch.setattr(page.run, "ask_pin", lambda *_: PIN)
    page.stamp()
    qtbot.waitUntil(lambda: bool(page.run.outcomes), timeout=30_000)
    result = page.run.result
    assert isinstance(result, BatchResult)
    row = result.list.item(0)
    for words in ("传坏了的.pdf", "PDF 文件已损坏 E-111", "无法读取", "重新索取"):
        assert words in row.text()
        assert words in row.data(Qt.ItemDataRole.AccessibleTextRole)
    assert str(tmp_path) not in row.text(), "the folder is in the tooltip"

    def all_of_it_is_seen() -> bool:
        high = [result.list.visualItemRect(result.list.item(n)).height() for n in range(3)]
        room = QRect(0, 0, result.list.viewport().width() - 48, 10_000)
        wrapped = Qt.TextFlag.TextWordWrap
        text = result.list.fontMetrics().boundingRect(room, wrapped, row.text())
        return high[0] >= text.height() + 14 and high[0] > high[1] == high[2]

    qtbot.waitUntil(all_of_it_is_seen)
    # to go on would fail the same way: Enter leads back to the file
    qtbot.keyClick(page.run.focusWidget(), Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: paths_of(page) == [broken])
    assert page.document is not None
    assert page.document.path == broken, "with the checks that say what can be done"
    new = make_pdf(text="")
    window.take_files([new])
    assert paths_of(page) == [broken, new]
    assert page.documents[0].state[2] == "PDF 文件已损坏"
    tip = page.list.item(0).toolTip()
    for words in (str(broken), "PDF 文件已损坏 E-111", "无法读取", "重新索取"):
        assert words in tip
    assert page.list.item(0).data(Qt.ItemDataRole.AccessibleDescriptionRole) == tip
    qtbot.waitUntil(lambda: page.document.path == new and page.ready, timeout=20_000)
    page.placing.place(HERE)
    assert page.files.waiting == [page.documents[1]], "what was refused is not offered again"
    assert page.stamp_button.text().strip() == "盖章（1 个文件）"
    page.run.outcomes = []
    page.stamp()
    qtbot.waitUntil(lambda: bool(page.run.outcomes), timeout=30_000)
    assert [outcome.order.path for outcome in page.run.outcomes] == [new]
    page._retry()
    page.run.cancel()
    assert page.documents[1].path == new
    assert not page.documents[1].told
    assert page.documents[0].told, "nor when another one is tried again"


def test_the_sample_gives_way_to_ones_own_files(
    qtbot: QtBot, window: MainWindow, make_pdf: Callable[..., Path]
) -> None:
    sample, first, second = (
        sample_document(window.context.settings.folders.cache),
        make_pdf(text=""),
        make_pdf(text=""),
    )
    page = opened(qtbot, window, sample)
    window.take_files([first])
    assert paths_of(page) == [first]
    window.take_files([sample])
    qtbot.waitUntil(lambda: page.document.path == sample and page.ready, timeout=20_000)
    page.placing.place(HERE)
    window.take_files([second])
    assert paths_of(page) == [first, sample, second], "a seal is placed on it: it is kept"


def test_finished_ones_leave_when_the_next_contract_comes_before_the_result_is_closed(
    qtbot: QtBot,
    window: MainWindow,
    make_pdf: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken = tmp_path / "传坏了的.pdf"
    broken.write_bytes(b"%PDF-1.7 broken")
    page = opened(qtbot, window, make_pdf(text=""), broken)
    page.placing.place(HERE)
    page.files.all_alike()
    monkeypatch.setattr(page.run, "ask_pin", lambda *_: PIN)
    page.stamp()
    qtbot.waitUntil(lambda: bool(page.run.outcomes), timeout=30_000)
    new = make_pdf(text="")
    window.take_files([new])
    assert paths_of(page) == [broken, new]


@pytest.mark.parametrize("proposed", [Qt.DropAction.MoveAction, Qt.DropAction.LinkAction])
def test_a_drop_is_taken_as_a_copy_whatever_the_source_proposes(
    window: MainWindow, demo_pdf: Path, proposed: Qt.DropAction
) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(demo_pdf))])
    middle = QPoint(600, 400)
    left, plain = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    every = Qt.DropAction.MoveAction | Qt.DropAction.CopyAction | Qt.DropAction.LinkAction
    events = (
        QDragEnterEvent(middle, every, data, left, plain),
        QDragMoveEvent(middle, every, data, left, plain),
        QDropEvent(QPointF(middle), every, data, left, plain),
    )
    for event in events:
        event.setDropAction(proposed)
        QApplication.sendEvent(window, event)
        assert event.isAccepted()
        assert event.dropAction() == Qt.DropAction.CopyAction


def dragged(page: StampPage, row: int, to: QPointF) -> QDropEvent:
    """The line *row* is dragged to a point of the list and let go there."""
    page.list.setCurrentRow(row)
    data = page.list.dragged()
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    copy = Qt.DropAction.CopyAction
    entered = QDragEnterEvent(to.toPoint(), copy, data, buttons, keys)
    QApplication.sendEvent(page.list.viewport(), entered)
    assert entered.isAccepted()
    over = QDragMoveEvent(to.toPoint(), copy, data, buttons, keys)
    QApplication.sendEvent(page.list.viewport(), over)
    assert over.isAccepted()
    let_go = QDropEvent(to, copy, data, buttons, keys)
    QApplication.sendEvent(page.list.viewport(), let_go)
    return let_go


def test_files_are_moved_by_mouse_and_undo_moves_them_back(
    qtbot: QtBot, window: MainWindow, make_pdf: Callable[..., Path]
) -> None:
    paths = [make_pdf(text="") for _ in range(4)]
    first, second, third, fourth = paths
    page = opened(qtbot, window, *paths)
    page.placing.place(HERE)
    rows = [page.list.visualItemRect(page.list.item(number)) for number in range(4)]
    dragged(page, 0, QPointF(rows[2].center().x(), rows[2].bottom() - 2))
    assert paths_of(page) == [second, third, first, fourth]
    assert page.document is page.documents[2]
    assert page.documents[2].plan.placed, "placements stay with their file"
    dragged(page, 3, QPointF(rows[0].center().x(), rows[0].top() + 2))
    assert paths_of(page) == [fourth, second, third, first]
    dragged(page, 1, QPointF(rows[1].center()))
    assert paths_of(page) == [fourth, second, third, first], "let go where it was"
    page.undo()
    page.undo()
    assert paths_of(page) == paths


def test_files_from_elsewhere_are_let_through_to_the_window(
    window: MainWindow, qtbot: QtBot, make_pdf: Callable[..., Path]
) -> None:
    page = opened(qtbot, window, make_pdf(text=""), make_pdf(text=""))
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(make_pdf()))])
    event = QDragEnterEvent(
        QPoint(5, 5),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    page.list.dragEnterEvent(event)
    assert not event.isAccepted()


BROKEN = (NotAPdf("a.pdf"), PdfUnreadable("broken"), PdfEncrypted("locked"))
HARMED = SealWouldHarm("a.pdf", "甲公司", "changed_forbidden")
UNWRITABLE = OutputNotWritable("a.pdf", FileProblem.DENIED)
OFFLINE, IN_USE = PlatformUnreachable("", "offline"), FileNotReadable("a.pdf", FileProblem.IN_USE)


@pytest.mark.parametrize(
    ("errors", "first", "alone"),
    [
        *(((error,), "完成", "返回") for error in (*BROKEN, HARMED)),
        ((*BROKEN, HARMED), "完成", ""),
        ((OFFLINE,), "继续其余 1 个", "再试一次"),
        ((IN_USE,), "继续其余 1 个", "再试一次"),
        ((TokenRemoved("gone"), None), "继续其余 2 个", ""),
        ((None,), "继续其余 1 个", "再试一次"),
        ((*BROKEN, OFFLINE), "继续其余 4 个", ""),
        ((UNWRITABLE,), "另存到…", "另存到…"),
        ((*BROKEN, UNWRITABLE), "另存到…", ""),
        ((OFFLINE, UNWRITABLE), "继续其余 2 个", ""),
    ],
)
def test_what_enter_does_after_a_run_is_not_to_fail_again(
    qtbot: QtBot, window: MainWindow, errors: tuple[Exception | None, ...], first: str, alone: str
) -> None:
    outcomes = [StampOutcome(StampOrder(Path("a.pdf"), ()), error=error) for error in errors]
    result = BatchResult(window, outcomes, lambda _: None)
    qtbot.addWidget(result)
    assert result.first.text().strip() == first  # type: ignore[attr-defined]
    if alone:
        failure = Failure(window, errors[0])
        qtbot.addWidget(failure)
        assert failure.first.text().strip() == alone  # type: ignore[attr-defined]
