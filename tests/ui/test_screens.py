"""Every page and dialog with real data at 1366×768: no text is cut, nothing lies outside."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QLabel, QWidget
from pytestqt.qtbot import QtBot

import ui
from app.diagnosing import version_of
from app.settings import Origin, Source
from crypto.seal.release import Release
from tests.ui.measuring import faults
from tests.ui.screens import COUNT, SCALES, Seen, look_at
from tests.ui.screens import LOOKS as SCREEN_LOOKS
from tests.world.desk import StandIn
from tests.world.real_data import Files, files, long_company
from ui.language import tr
from ui.shell.help_dialog import HelpDialog, UpdateLine
from ui.shell.navigation import PAGES
from ui.shell.window import MainWindow

# The offscreen platform cannot raise windows or hint at sizes, and says so.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


LOOKS = {1: "zh-light", 2: "en-dark"}
"""By what the screen is set to; ``dev.py check-screens`` looks at every one."""


UI = Path(ui.__path__[0])
MENUS = {
    "document/tools.py": 2,
    "shell/recent.py": 1,
    "shell/token_strip.py": 2,
    "stamp/documents.py": 1,
    "stamp/job_files.py": 1,
    "verify/verify_page.py": 1,
}
"""Where menus are made, and how many screens show them."""


@pytest.fixture
def context(tmp_path: Path) -> StandIn:
    """The company with the long name."""
    return StandIn(tmp_path / "home", holder=long_company())


@pytest.fixture
def sent(context: StandIn, tmp_path: Path) -> Files:
    """What people send."""
    return files(context, tmp_path / "合同")


@cache
def seen_at(scale: int) -> Seen:
    """All screens in one look, walked through once."""
    return look_at(scale, [LOOKS[scale]])


@pytest.mark.wants("posix")  # on a Windows without a screen Qt draws with the first font it finds
@pytest.mark.timeout(300)
@pytest.mark.parametrize("scale", LOOKS, ids=["100 %", "200 %"])
def test_every_screen_shows_all_of_its_texts(scale: int) -> None:
    assert seen_at(scale).faults == ""
    assert seen_at(scale).screens == COUNT


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("scale", SCALES)
def test_every_screen_shows_all_of_its_texts_in_every_look(scale: int) -> None:
    seen = look_at(scale, SCREEN_LOOKS)
    assert seen.faults == ""
    assert seen.screens == COUNT * len(SCREEN_LOOKS)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_screen_shows_all_of_its_texts_in_a_font_that_is_half_as_wide_again() -> None:
    """Every run holds the rule (tests/ui/test_room.py), this one what comes of it."""
    seen = look_at(1, SCREEN_LOOKS[::2], stretch=150)
    assert seen.faults == ""
    assert seen.screens == COUNT * 2


@pytest.mark.timeout(300)
def test_there_is_a_screen_with_each_page_dialog_and_widget_of_the_program() -> None:
    for module in pkgutil.walk_packages(ui.__path__, "ui."):
        importlib.import_module(module.name)
    made = widgets_of_the_program(QWidget)
    assert made >= {entry.kind for entry in PAGES}
    assert made - set(seen_at(1).kinds) == set()
    with_menu = {path for path in UI.rglob("*.py") if "QMenu(" in path.read_text("utf-8")}
    assert {path.relative_to(UI).as_posix() for path in with_menu} == set(MENUS)
    opened = [name for name in seen_at(1).names if name.startswith("menu-")]
    assert sum(MENUS.values()) == len(opened), opened


def widgets_of_the_program(kind: type) -> set[str]:
    """Those of :mod:`ui` that no other one of its is made from."""
    found = set()
    for each in kind.__subclasses__():
        deeper = widgets_of_the_program(each)
        own = each.__module__.startswith("ui.")
        found |= deeper or ({each.__name__} if own else set())
    return found


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


def test_help_shows_the_keys_in_columns(qtbot: QtBot, window: MainWindow) -> None:
    window.show_help()
    box = window.findChild(HelpDialog)
    assert box is not None
    qtbot.waitUntil(box.isVisible)
    places = {label.text(): label.mapTo(box, label.rect().topLeft()) for label in
              box.findChildren(QLabel)}  # fmt: skip
    for column in (("Ctrl+O", "Ctrl+Enter", "F6"), ("Ctrl+F", "Delete", "方向键")):
        assert len({places[key].x() for key in column}) == 1
    for beside in (("Ctrl+O", "打开文件"), ("Delete", "删除印章")):
        assert len({places[each].y() for each in beside}) == 1


def a_release(version: str = "9.0.0") -> Release:
    now = datetime.now(UTC)
    return Release(
        origin="https://seal.example.cn",
        version=version,
        system="linux-amd64",
        file="sealdesk.deb",
        size=100,
        sha256="ab" * 32,
        sm3="cd" * 32,
        publisher="",
        notes={"zh_CN": "批量更快"},
        not_before=now,
        issued_at=now,
    )


@pytest.mark.parametrize("installable", [False, True])
def test_a_new_version_is_found_fetched_and_installed_only_step_by_step(
    qtbot: QtBot, window: MainWindow, context: StandIn, tmp_path: Path, installable: bool
) -> None:
    updates = context.updates
    updates.installable, updates.package = installable, tmp_path / "sealdesk.deb"
    window.show_help()
    line = window.findChild(HelpDialog).findChild(UpdateLine)  # type: ignore[union-attr]
    assert line is not None
    assert [line.check.isVisible(), line.fetch.isVisible()] == [True, False]
    line.check.click()
    qtbot.waitUntil(lambda: "没有更新的版本" in line.said.text())
    updates.newer = a_release()
    line.check.click()
    qtbot.waitUntil(line.fetch.isVisible)
    assert line.said.text() == "有新版本 9.0.0。\n批量更快"
    line.fetch.click()
    qtbot.waitUntil(lambda: "已下载并核对" in line.said.text())
    assert line.install.isVisible() is installable
    assert ("sudo apt install" in line.said.text()) is not installable
    assert updates.installed == []
    if installable:
        line.install.click()
        qtbot.waitUntil(lambda: updates.installed == [updates.package])


def test_where_updates_are_switched_off_nothing_is_offered(
    window: MainWindow, context: StandIn
) -> None:
    context.settings = replace(
        context.settings,
        auto_update="off",
        sources={"auto_update": Source(Origin.POLICY)},
    )
    window.show_help()
    line = window.findChild(HelpDialog).findChild(UpdateLine)  # type: ignore[union-attr]
    assert line is not None
    assert not line.check.isVisible()
    assert "管理员已停用" in line.said.text()


def test_the_settings_say_whether_new_versions_are_told(
    window: MainWindow, context: StandIn
) -> None:
    window.go("settings")
    boxes = window.page("settings").findChildren(QComboBox)
    choice = next(box for box in boxes if box.findData("on") >= 0)
    assert choice.currentData() == "ask"
    choice.setCurrentIndex(choice.findData("off"))
    assert context.settings.auto_update == "off"


def test_after_a_synchronisation_a_new_version_is_told(
    qtbot: QtBot, window: MainWindow, context: StandIn
) -> None:
    context.updates.newer = a_release()
    window.page("seals")._look_for_update()
    qtbot.waitUntil(lambda: any("有新版本 9.0.0" in text for text in window.notices.texts))


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
