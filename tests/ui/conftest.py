"""What the window's tests share: a renderer whose process ends with the test."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QTranslator
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.world.desk import StandIn
from ui import language, theme
from ui.canvas.renderer import Renderer
from ui.shell.window import MainWindow


def _chosen(application: QApplication) -> tuple[object, ...]:
    return (
        language.language(),
        len(application.findChildren(QTranslator)),
        theme.colours(),
        application.styleSheet(),
        application.font().toString(),
        application.palette().cacheKey(),
    )


_usual: tuple[object, ...] = ()


@pytest.fixture
def look(qapp: QApplication) -> Iterator[None]:
    """The application's own look and language, whatever a test before has chosen. Where that is
    nothing, all stays: to give every widget the same look again takes a third of a second."""
    global _usual
    if _chosen(qapp) != _usual:
        language.use("zh_CN")
        theme.apply(qapp, "light")
        _usual = _chosen(qapp)
    yield
    if language.language() != "zh_CN":
        language.use("zh_CN")


@pytest.fixture(params=[100, 150], ids=["usual font", "font half as wide again"])
def stretch(request: pytest.FixtureRequest, qapp: QApplication, look: None) -> Iterator[int]:
    """Fonts differ in the width of their letters by half."""
    before = qapp.font()
    wide = QFont(before)
    wide.setStretch(request.param)
    qapp.setFont(wide)
    yield request.param
    qapp.setFont(before)


@pytest.fixture(scope="module")
def renderer_of_module(qapp: QApplication) -> Iterator[Renderer]:
    made = Renderer()
    yield made
    made.shutdown()


@pytest.fixture
def renderer(renderer_of_module: Renderer, look: None) -> Iterator[Renderer]:
    """A renderer without documents; its process is shared by the tests of a module."""
    yield renderer_of_module
    for document in list(renderer_of_module._sources):
        renderer_of_module.close_document(document)


@pytest.fixture
def context(tmp_path: Path) -> StandIn:
    """A made-up company with three seals and its key plugged in."""
    return StandIn(tmp_path / "home")


@pytest.fixture
def first_page() -> str:
    """What the window shows first."""
    return "stamp"


@pytest.fixture
def open_window(
    qtbot: QtBot, look: None, tmp_path: Path, first_page: str
) -> Iterator[Callable[[StandIn], MainWindow]]:
    """Opens the real window on a context; closed, with its process, when the test ends."""
    opened: list[MainWindow] = []

    def make(context: StandIn) -> MainWindow:
        window = MainWindow(context)
        opened.append(window)
        window.resize(1366, 768)
        window.go(first_page)
        window.show()
        window.begin()
        expected = len(context.seals())
        qtbot.waitUntil(
            lambda: len(window.seals) == expected and window.tokens == context.plugged,
            timeout=20_000,
        )
        return window

    yield make
    for window in opened:
        window.close()
        window.deleteLater()
    # at once: the next test would give a thousand widgets that nobody sees another look
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.fixture
def window(open_window: Callable[[StandIn], MainWindow], context: StandIn) -> MainWindow:
    return open_window(context)
