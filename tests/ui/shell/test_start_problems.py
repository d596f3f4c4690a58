"""A start that fails, or succeeds with a part of the settings only, says so in a window."""

import os
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QAbstractButton, QFrame, QLabel
from pytestqt.qtbot import QtBot

from app import __main__ as program
from app.errors import SettingsInvalid
from app.settings import load_sound, policy_is_doubtful
from tests.ui.measuring import faults as measured
from tests.world.desk import StandIn
from ui.shell import start_problems, starting
from ui.shell.guide import Guide
from ui.shell.start_problems import StartProblems
from ui.shell.window import MainWindow

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


def test_the_window_opens_and_names_reason_file_and_line(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    path = tmp_path / "config" / "settings.toml"
    path.parent.mkdir()
    path.write_text('language = "zh_CN"\nmarks = both\n', "utf-8")
    settings, faults = load_sound({"SEALDESK_HOME": str(tmp_path)}, machine_folder=tmp_path)
    assert not policy_is_doubtful(settings, faults)
    starting.tell_faults(window, faults)
    box = window.findChild(StartProblems)
    assert box is not None
    (told,) = box.told
    for part in (str(path), "第 2 行", "TOML", "E-601"):
        assert part in told
    assert told in box.accessibleName()
    assert "其余的设置照常有效" in box.accessibleName()
    qtbot.keyClick(box, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: window.findChild(StartProblems) is None)


@pytest.mark.wants("posix")  # Windows has its registry
def test_a_doubtful_policy_says_what_is_forbidden_meanwhile(
    qtbot: QtBot, window: MainWindow, context: StandIn, tmp_path: Path
) -> None:
    (tmp_path / "policy.toml").write_text("allow_own_trsut = false\n", "utf-8")
    context.settings, faults = load_sound({"SEALDESK_HOME": str(tmp_path)}, machine_folder=tmp_path)
    starting.tell_faults(window, faults)
    box = window.findChild(StartProblems)
    assert box is not None
    assert "最谨慎" in box.accessibleName()


def test_few_wrong_lines_leave_no_empty_room(qtbot: QtBot, look: None, tmp_path: Path) -> None:
    faults = [SettingsInvalid(str(tmp_path / "settings.toml"), "marks", "choice", 12)] * 3
    box = StartProblems(faults, True)
    qtbot.addWidget(box)
    box.show()
    cards = [each for each in box.findChildren(QFrame) if each.property("role") == "card"]
    last = max(each.mapTo(box, each.rect().bottomLeft()).y() for each in cards)
    (remedy,) = (each for each in box.findChildren(QLabel) if each.text().startswith("请改正"))
    assert 0 < remedy.mapTo(box, QPoint()).y() - last < 30


@pytest.mark.parametrize("folder", ["很长的文件夹名" * 12, "C:" + r"\long-name" * 12])
def test_many_wrong_lines_still_fit_the_screen(
    qtbot: QtBot, look: None, tmp_path: Path, folder: str
) -> None:
    path = tmp_path / folder / "settings.toml"
    faults = [SettingsInvalid(str(path), f"name_{n}", "unknown", n) for n in range(1, 15)]
    box = StartProblems(faults, False)
    qtbot.addWidget(box)
    box.show()
    assert measured(box) == []
    assert box.height() <= 720
    assert all(b.text() or b.accessibleName() for b in box.findChildren(QAbstractButton))


def test_a_start_that_fails_without_a_terminal_still_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shown: list[BaseException] = []
    monkeypatch.setenv("SEALDESK_HOME", str(tmp_path))
    monkeypatch.setattr(start_problems, "tell_failure", lambda error, _: shown.append(error))
    monkeypatch.setattr(program.sys, "argv", ["sealdesk"])
    monkeypatch.setattr(program, "has_screen", lambda: True)

    def broken(*_: object, **__: object) -> int:
        raise PermissionError("no folder")

    monkeypatch.setattr(program, "open_window", broken)
    monkeypatch.setattr(program.sys, "stderr", None)
    monkeypatch.setattr(program.sys, "stdout", None)
    assert program.main() != 0
    with program.sys.stdout as nowhere:
        assert nowhere.name == os.devnull
    assert [type(error) for error in shown] == [PermissionError]


def test_a_wrong_setting_does_not_keep_the_window_shut(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told: list[SettingsInvalid] = []
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "settings.toml").write_text("marks =", "utf-8")
    monkeypatch.setenv("SEALDESK_HOME", str(tmp_path))
    monkeypatch.setattr(program.sys, "argv", ["sealdesk"])
    monkeypatch.setattr(program, "has_screen", lambda: True)

    def opened(desk: object, files: object, page: str = "", faults: object = ()) -> int:
        told.extend(faults)  # type: ignore[arg-type]
        return 0

    monkeypatch.setattr(program, "open_window", opened)
    assert program.main() == 0
    assert [(fault.problem, fault.line) for fault in told] == [("syntax", 1)]


def test_the_guide_of_a_first_start_waits_until_the_faults_are_read(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    starting.tell_faults(window, [SettingsInvalid(str(tmp_path / "s.toml"), "marks", "choice", 2)])
    window._take_seals(())
    assert window.findChild(Guide) is None, "it would cover what is wrong"
    window.findChild(StartProblems).accept()  # type: ignore[union-attr]
    qtbot.waitUntil(lambda: window.findChild(Guide) is not None)
