"""What the window's tests share: a renderer whose process ends with the test."""

from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QApplication

from ui import language, theme
from ui.renderer import Renderer


@pytest.fixture
def look(qapp: QApplication) -> Iterator[None]:
    """The application's own look and language, whatever a test before has chosen."""
    language.use("zh_CN")
    theme.apply(qapp, "light")
    yield
    language.use("zh_CN")


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
