"""Files leave the window as copies: by mouse, and by keyboard through the clipboard."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, Qt
from PySide6.QtGui import QDrag, QGuiApplication
from PySide6.QtWidgets import QPushButton, QWidget
from pytestqt.qtbot import QtBot

from app.placing.stamp_plan import At
from tests.world.desk import PIN, StandIn
from ui.document.drag_out import FilesOut
from ui.files import dropped
from ui.shell.window import MainWindow

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


class Dragged:
    """What was offered to be dropped, and how."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.files: list[list[Path]] = []
        self.actions: list[Qt.DropAction] = []

        def offered(drag: QDrag, actions: Qt.DropAction) -> Qt.DropAction:
            self.files.append(dropped(drag.mimeData()))
            self.actions.append(actions)
            return actions

        monkeypatch.setattr(QDrag, "exec", offered)


@pytest.fixture
def dragged(monkeypatch: pytest.MonkeyPatch) -> Dragged:
    return Dragged(monkeypatch)


def pull(qtbot: QtBot, widget: QWidget) -> None:
    start = widget.rect().center()
    qtbot.mousePress(widget, Qt.MouseButton.LeftButton, pos=start)
    qtbot.mouseMove(widget, start + QPoint(3, 0))
    qtbot.mouseMove(widget, start + QPoint(40, 10))
    qtbot.mouseRelease(widget, Qt.MouseButton.LeftButton, pos=start + QPoint(40, 10))


def stamped_in_window(qtbot: QtBot, window: MainWindow, *paths: Path) -> tuple[QWidget, list[Path]]:
    window.go("stamp", list(paths))
    page = window.page("stamp")
    qtbot.waitUntil(lambda: page.ready, timeout=30_000)
    page.placing.place(At("1", 100, 100))
    if len(paths) > 1:
        page.files.all_alike()
    page.run.ask_pin = lambda *_: PIN
    page.stamp()
    qtbot.waitUntil(lambda: len(page.run.outcomes) == len(paths), timeout=60_000)
    return page.run, [outcome.file.path for outcome in page.run.outcomes]


def test_the_result_is_pulled_out_of_the_window_as_a_copy(
    qtbot: QtBot, window: MainWindow, dragged: Dragged, make_pdf: Callable[..., Path]
) -> None:
    run, (result,) = stamped_in_window(qtbot, window, make_pdf(name="合同 100%.pdf"))
    out = run.findChild(FilesOut)
    assert out is not None
    pull(qtbot, out)
    assert dragged.files == [[result]]
    assert dragged.actions == [Qt.DropAction.CopyAction]


def test_all_results_of_a_batch_leave_together(
    qtbot: QtBot, window: MainWindow, dragged: Dragged, make_pdf: Callable[..., Path]
) -> None:
    run, results = stamped_in_window(qtbot, window, make_pdf(name="a.pdf"), make_pdf(name="b.pdf"))
    out = run.findChild(FilesOut)
    assert out is not None
    assert "2" in out.text()
    pull(qtbot, out)
    assert sorted(dragged.files[0]) == sorted(results)


def test_by_keyboard_the_files_are_copied_to_be_pasted(
    qtbot: QtBot, window: MainWindow, dragged: Dragged, make_pdf: Callable[..., Path]
) -> None:
    run, (result,) = stamped_in_window(qtbot, window, make_pdf(name="合同 100%.pdf"))
    out = run.findChild(FilesOut)
    assert isinstance(out, QPushButton)
    assert out.accessibleName() == "拖出或复制文件"
    qtbot.keyClick(out, Qt.Key.Key_Space)
    data: QMimeData = QGuiApplication.clipboard().mimeData()
    assert dropped(data) == [result]
    told = bytes(data.data("x-special/gnome-copied-files").data()).decode().splitlines()
    assert told[0] == "copy"
    assert told[1].startswith("file:///")
    assert "100%25" in told[1]
    assert "已复制" in out.text()
    assert dragged.files == []


def test_a_document_is_pulled_out_by_its_title_and_an_earlier_version_is_not(
    qtbot: QtBot, window: MainWindow, context: StandIn, dragged: Dragged, demo_pdf: Path
) -> None:
    window.go("verify", [demo_pdf])
    page = window.page("verify")
    qtbot.waitUntil(lambda: page.report is not None, timeout=30_000)
    pull(qtbot, page.pane.title)
    assert dragged.files == [[demo_pdf]]
    page.show_version(1000, "那时")
    pull(qtbot, page.pane.title)
    assert len(dragged.files) == 1
