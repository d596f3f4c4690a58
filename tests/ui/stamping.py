"""The stamp page as a person uses it: files are given to the window, PINs when it asks."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.stamping import StampedFile
from tests.world.desk import PIN
from ui.shell.window import MainWindow
from ui.stamp.stamp_page import StampPage


def opened(qtbot: QtBot, window: MainWindow, *paths: Path) -> StampPage:
    """The stamp page with these files, once it can be used."""
    window.take_files(paths)
    return _ready(qtbot, window)


def opened_to_stamp(qtbot: QtBot, window: MainWindow, *paths: Path) -> StampPage:
    """The same for sealed files, which the window verifies unless the stamp page opens them."""
    window.page("stamp").open_files(paths)
    return _ready(qtbot, window)


def _ready(qtbot: QtBot, window: MainWindow) -> StampPage:
    page: StampPage = window.page("stamp")
    qtbot.waitUntil(lambda: page.ready, timeout=20_000)
    return page


def answer(page: StampPage, monkeypatch: pytest.MonkeyPatch, *pins: str) -> list[str]:
    """Give these PINs when asked, then cancel; what was said each time."""
    left, problems = list(pins), []

    def ask(token: object, purpose: str, problem: str) -> str:
        problems.append(problem)
        return left.pop(0) if left else ""

    monkeypatch.setattr(page.run, "ask_pin", ask)
    return problems


def stamp_all(
    qtbot: QtBot, page: StampPage, monkeypatch: pytest.MonkeyPatch, *pins: str
) -> list[str]:
    """Press the button, give these PINs and wait for the end; what was said with each question."""
    problems = answer(page, monkeypatch, *pins)
    page.stamp()
    qtbot.waitUntil(lambda: bool(page.run.outcomes), timeout=30_000)
    return problems


def stamp_one(qtbot: QtBot, page: StampPage, monkeypatch: pytest.MonkeyPatch) -> StampedFile:
    """Press the button and give the PIN; the one file, stamped."""
    stamp_all(qtbot, page, monkeypatch, PIN)
    (outcome,) = page.run.outcomes
    assert outcome.file is not None, outcome.error
    return outcome.file
