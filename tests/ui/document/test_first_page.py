"""The first page of a document comes before everything else that is done with the document."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.ui.conftest import *  # noqa: F403 - the window's fixtures
from tests.ui.stamping import opened
from ui.canvas.page_view import PageView
from ui.canvas.renderer import BitmapRequest, Renderer
from ui.shell.window import MainWindow
from ui.stamp import placing
from ui.tasks import Tasks

# The offscreen platform cannot raise windows or hint at sizes, and says so.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


def told(renderer: Renderer, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What the process that draws is asked from now on."""
    asked: list[tuple[Any, ...]] = []
    send = renderer._send

    def note(message: tuple[Any, ...]) -> None:
        asked.append(message)
        send(message)

    monkeypatch.setattr(renderer, "_send", note)
    return asked


def test_nothing_reads_the_file_in_the_window_before_its_first_page_is_there(
    qtbot: QtBot,
    window: MainWindow,
    make_pdf: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Reading 500 pages takes the processor as long as drawing one, and the window waited."""
    page = window.page("stamp")
    view = page.pane.view
    page.before_pin._patience.setInterval(3_600_000)
    path, work, begun = make_pdf(pages=20), Tasks.work, []

    def note(tasks: Tasks, function: Callable[..., Any], *arguments: Any, **rest: Any) -> Any:
        if path in arguments:
            begun.append((function.__name__, view.complete))
        return work(tasks, function, *arguments, **rest)

    monkeypatch.setattr(Tasks, "work", note)
    asked = told(window.renderer, monkeypatch)
    with qtbot.waitSignal(view.shown, timeout=20_000):
        window.take_files([path])
    first = [message[0] for message in asked[:3]], [message[3] for message in asked[1:3]]
    assert first == (["open", "render", "render"], [0, 1])
    opened(qtbot, window, path)
    assert begun == [("examine", True), (placing.empty_fields.__name__, True)]


def test_a_document_without_a_first_page_is_examined_all_the_same(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    window.page("stamp").before_pin._patience.setInterval(3_600_000)
    path = tmp_path / "坏.pdf"
    path.write_bytes(b"%PDF-1.7\nno document\n%%EOF\n")
    window.take_files([path])
    page = window.page("stamp")
    qtbot.waitUntil(lambda: bool(page.document and page.document.error), timeout=20_000)


def test_a_document_is_shown_once_and_a_page_that_cannot_be_drawn_counts(
    qtbot: QtBot, renderer: Renderer, make_pdf: Callable[..., Path]
) -> None:
    view = PageView(renderer)
    qtbot.addWidget(view)
    view.resize(800, 600)
    view.show()
    shows: list[bool] = []
    view.shown.connect(lambda: shows.append(view.complete))
    for drawable in (True, False):
        with qtbot.waitSignal(renderer.opened, timeout=10_000) as answered:
            document = renderer.open(make_pdf(pages=5))
        with qtbot.waitSignal(view.shown, timeout=20_000):
            view.show_document(*answered.args)
            if not drawable:
                renderer.undrawable.emit(BitmapRequest(document, 0, 1.0))
        view.set_zoom(2.0)
        qtbot.waitUntil(lambda: view.complete, timeout=20_000)
        renderer.close_document(document)
    assert shows == [True, True]


def test_letters_are_not_asked_for_while_scrolling(
    qapp: QApplication,
    qtbot: QtBot,
    window: MainWindow,
    make_pdf: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = opened(qtbot, window, make_pdf(pages=40))
    asked = told(window.renderer, monkeypatch)
    for number in range(40):
        page.pane.view.go_to(number)
        qapp.processEvents()
    qtbot.waitUntil(lambda: page.pane.view.complete, timeout=20_000)
    assert {message[0] for message in asked} == {"render"}
