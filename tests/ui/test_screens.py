"""Every page and dialog with real data at 1366×768: no text is cut, nothing lies outside."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QWidget
from pytestqt.qtbot import QtBot

from app.diagnosing import version_of
from tests.ui.measuring import faults
from tests.ui.screens import look_at
from tests.world.desk import StandIn
from tests.world.real_data import Files, files, long_company
from ui.language import tr
from ui.shell.help_dialog import HelpDialog
from ui.shell.navigation import PAGES
from ui.shell.window import MainWindow

# The offscreen platform cannot raise windows or hint at sizes, and says so.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


LOOKS = {1: ("zh-light", "en-dark"), 2: ("zh-dark", "en-light")}
"""By what the screen is set to; ``dev.py check-screens`` looks at every one."""


@pytest.fixture
def context(tmp_path: Path) -> StandIn:
    """The company with the long name."""
    return StandIn(tmp_path / "home", holder=long_company())


@pytest.fixture
def sent(context: StandIn, tmp_path: Path) -> Files:
    """What people send."""
    return files(context, tmp_path / "合同")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("scale", LOOKS, ids=["100 %", "200 %"])
def test_every_screen_shows_all_of_its_texts(scale: int) -> None:
    seen = look_at(scale, LOOKS[scale])
    assert seen.faults == ""
    assert seen.screens == 2 * 44


def test_a_text_that_is_cut_and_a_widget_outside_are_found(qtbot: QtBot) -> None:
    whole = QWidget()
    qtbot.addWidget(whole)
    whole.resize(200, 60)
    cut = QLabel("a text that has no room in so little", whole)
    cut.setGeometry(0, 0, 40, 12)
    outside = QLabel("here", whole)
    outside.setGeometry(190, 0, 60, 30)
    whole.show()
    told = faults(whole)
    assert [line.partition(" ")[0] for line in told] == ["text", "outside"]


def test_help_closes_by_esc_and_shows_the_version(qtbot: QtBot, window: MainWindow) -> None:
    window.show_help()
    box = window.findChild(HelpDialog)
    assert box is not None
    assert version_of("sealdesk") in [label.text() for label in box.findChildren(QLabel)]
    qtbot.keyClick(box, Qt.Key.Key_Escape)
    assert not box.isVisible()


def test_a_file_without_marks_is_not_greeted_in_red(
    qtbot: QtBot, window: MainWindow, sent: Files
) -> None:
    window.go("stamp", [sent.contract])
    page = window.page("stamp")
    qtbot.waitUntil(lambda: page.ready, timeout=30_000)
    (missing,) = [check for check in page.checklist.checks if not check.good and check.todo]
    assert missing.text == tr("还没有放置印章")


def test_nothing_greets_in_red(
    qtbot: QtBot, open_window: Callable[[StandIn], MainWindow], tmp_path: Path
) -> None:
    """A new computer: no key, no seal, no file."""
    fresh = StandIn(tmp_path / "fresh", seals=())
    fresh.plugged = ()
    window = open_window(fresh)
    red = []
    for entry in PAGES:
        window.go(entry.name)
        qtbot.waitUntil(lambda: not window.tasks.busy)
        for each in window.findChildren(QWidget):
            role = str(each.property("role") or "")
            if each.isVisible() and (role == "bad" or role.endswith(("-bad", "-error"))):
                red.append(f"{entry.name}: {each.accessibleName()}")
    assert red == []


def test_the_first_window_leaves_room_for_its_title_bar(context: StandIn, qtbot: QtBot) -> None:
    window = MainWindow(context)
    room = window.screen().availableGeometry()
    assert window.height() <= max(room.height() - 40, window.minimumHeight())
    window.close()
