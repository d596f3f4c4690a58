"""A document that is not shown leaves no empty column for its pages."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from ui.canvas.document_pane import DocumentPane
from ui.canvas.renderer import Renderer

# The offscreen platform cannot hint at sizes, and says so.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


def test_thumbnails_are_there_when_there_are_pages(
    qtbot: QtBot, renderer: Renderer, make_pdf: Callable[..., Path], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(b"%PDF-1.7 broken")
    good = make_pdf(text="")
    pane = DocumentPane(renderer, "pane")
    qtbot.addWidget(pane)
    pane.show()
    for _ in range(2):
        with qtbot.waitSignal(pane.loaded, timeout=10_000):
            pane.open(good)
        assert pane.thumbnails.isVisible()
        with qtbot.waitSignal(pane.broken, timeout=10_000):
            pane.open(broken)
        assert pane.thumbnails.isHidden()
    with qtbot.waitSignal(pane.loaded, timeout=10_000):
        pane.open(good)
    pane.close_document()
    assert pane.thumbnails.isHidden()
    pane.make_room(thumbnails=True, narrow=False)
    assert pane.thumbnails.isHidden()
    pane.make_room(thumbnails=False, narrow=True)
    with qtbot.waitSignal(pane.loaded, timeout=10_000):
        pane.open(good)
    assert pane.thumbnails.isHidden(), "the window is too narrow for them"
