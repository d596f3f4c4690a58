"""A notice of the system: only for who is elsewhere, only what anybody may read."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QProcess
from PySide6.QtWidgets import QCheckBox
from pytestqt.qtbot import QtBot

from app.placing.stamp_plan import At
from tests.world.desk import COMPANY, PIN, StandIn
from ui import away
from ui.shell.window import MainWindow

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


class Told:
    """What the system was asked to show."""

    def __init__(self, window: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
        self.texts: list[str] = []
        self.active = False
        monkeypatch.setattr(window, "isActiveWindow", lambda: self.active)
        monkeypatch.setattr(window.away, "_show", self.texts.append)


@pytest.fixture
def told(window: MainWindow, monkeypatch: pytest.MonkeyPatch) -> Told:
    return Told(window, monkeypatch)


def test_a_key_that_is_plugged_in_is_told_and_those_of_the_start_are_not(
    qtbot: QtBot, window: MainWindow, context: StandIn, told: Told
) -> None:
    assert told.texts == []
    context.plugged = ()
    window.plugged.poll()
    qtbot.waitUntil(lambda: window.tokens == ())
    context.plugged = (context.company.token(),)
    window.plugged.poll()
    qtbot.waitUntil(lambda: window.tokens != ())
    assert told.texts == ["Ukey 已插入，可以盖章。"]


def test_who_looks_at_the_window_needs_no_notice(
    qtbot: QtBot, window: MainWindow, told: Told
) -> None:
    told.active = True
    window.away.tell("x")
    assert told.texts == []


def test_a_batch_that_ends_is_told_without_a_name(
    qtbot: QtBot, window: MainWindow, told: Told, make_pdf: Callable[..., Path]
) -> None:
    window.go("stamp", [make_pdf(name="机密合同.pdf"), make_pdf(name="b.pdf")])
    page = window.page("stamp")
    qtbot.waitUntil(lambda: page.ready, timeout=30_000)
    page.placing.place(At("1", 100, 100))
    page.files.all_alike()
    page.run.ask_pin = lambda *_: PIN
    page.stamp()
    qtbot.waitUntil(lambda: bool(told.texts), timeout=60_000)
    assert told.texts == ["盖章已结束：2 / 2 个文件已盖章。"]
    window.go("verify", [page.run.outcomes[0].file.path])
    qtbot.waitUntil(lambda: len(told.texts) == 2, timeout=60_000)
    assert told.texts[1] == "验证已结束：1 个文件。"
    assert not any(COMPANY in text or "机密" in text for text in told.texts)


def test_it_can_be_switched_off_in_the_settings(
    qtbot: QtBot, window: MainWindow, told: Told
) -> None:
    window.go("settings")
    page = window.page("settings")
    box = next(b for b in page.findChildren(QCheckBox) if "系统通知" in b.text())
    assert box.isChecked()
    box.setChecked(False)
    window.away.tell("x")
    assert told.texts == []
    box.setChecked(True)
    window.away.tell("x")
    assert told.texts == ["x"]


def test_the_text_is_no_option_of_the_program_that_shows_it(
    window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr(away.sys, "platform", "linux")
    monkeypatch.setattr(away.shutil, "which", lambda _: "/usr/bin/notify-send")
    monkeypatch.setattr(
        QProcess, "startDetached", lambda _, arguments: bool(started.append(arguments))
    )
    window.away._show("--help")
    (arguments,) = started
    assert arguments[arguments.index("--") + 1 :] == ["印台", "--help"]
