"""Somebody signs out or shuts down while the window is open."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import SIGNAL
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.placing.stamp_plan import At
from tests.ui.stamping import answer, opened
from tests.world.desk import PIN, StandIn
from ui.shell.session_end import SessionEnd
from ui.shell.window import MainWindow
from ui.stamp.prepared import SESSION_FILE, read_job

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


class Session:
    """In the place of Qt's QSessionManager."""

    def __init__(self) -> None:
        self.cancelled = 0

    def cancel(self) -> None:
        self.cancelled += 1


@pytest.fixture
def end(qapp: QApplication, window: MainWindow) -> SessionEnd:
    return SessionEnd(qapp, window)


def test_what_is_prepared_is_on_disk_when_the_session_ends(
    qtbot: QtBot,
    window: MainWindow,
    context: StandIn,
    end: SessionEnd,
    make_pdf: Callable[..., Path],
) -> None:
    path = make_pdf(text="")
    page = opened(qtbot, window, path)
    page.placing.place(At("1", 100, 100))
    session = Session()
    end.answer(session)  # Windows ends the program as soon as it has answered
    (kept,) = read_job(context.settings.folders.config / SESSION_FILE)
    assert kept.path == path
    assert kept.plan.placed
    assert session.cancelled == 0
    assert not end.waiting


def test_while_the_key_stamps_the_session_does_not_end(
    qtbot: QtBot,
    window: MainWindow,
    end: SessionEnd,
    make_pdf: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = opened(qtbot, window, *(make_pdf(text="") for _ in range(3)))
    page.placing.place(At("1", 100, 100))
    page.files.all_alike()
    answer(page, monkeypatch, PIN)
    session = Session()
    page.run.ended.connect(lambda _: end.answer(session))
    page.stamp()
    qtbot.waitUntil(lambda: bool(page.run.outcomes), timeout=30_000)
    assert session.cancelled == 3
    assert all(document.stamped for document in page.documents)
    qtbot.waitUntil(lambda: not end.waiting)
    end.answer(session)
    assert session.cancelled == 3


def test_the_system_is_answered_before_it_goes_on(qapp: QApplication, window: MainWindow) -> None:
    signal = SIGNAL("commitDataRequest(QSessionManager&)")
    before = qapp.receivers(signal)
    SessionEnd(qapp, window)
    assert qapp.receivers(signal) == before + 1
