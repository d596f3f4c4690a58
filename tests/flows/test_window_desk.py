"""The window around the two stories: settings, ledger, seals, a second start, the first run."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication, QDialog, QFileDialog, QMessageBox
from pytestqt.qtbot import QtBot

from app.settings import Origin, Source
from tests.flows.test_window_verifying import stamped
from tests.ui.conftest import *  # noqa: F403 - the window's fixtures
from tests.ui.stand_in import PIN, StandIn
from ui import language
from ui.guide import Guide
from ui.main_window import MainWindow
from ui.single_instance import hand_over

# The offscreen platform cannot raise windows or hint at sizes, and says so.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


def test_a_setting_fixed_by_policy_is_shown_greyed_and_says_who(
    qtbot: QtBot, open_window: Callable[[StandIn], MainWindow], context: StandIn
) -> None:
    fixed = MappingProxyType({"platform_url": Source(Origin.POLICY, "policy.toml")})
    context.settings = replace(context.settings, sources=fixed)
    window = open_window(context)
    window.go("settings")
    fields = window.page("settings").fields
    assert not fields["platform_url"].isEnabled()
    assert fields["platform_url"].text() == "http://127.0.0.1:8081"
    assert fields["platform_url"].toolTip() == "由管理员设置"
    assert fields["output_suffix"].isEnabled()


def test_a_setting_is_saved_and_a_bad_one_refused_in_words(
    window: MainWindow, context: StandIn
) -> None:
    window.go("settings")
    page = window.page("settings")
    page._save("output_suffix", "_章")
    assert context.settings.output_suffix == "_章"
    page._save("platform_url", "http://example.org")
    assert context.settings.platform_url == "http://127.0.0.1:8081"
    assert any("：" in text for text in window.notices.texts)


def test_the_ledger_lists_filters_checks_and_exports(
    qtbot: QtBot,
    window: MainWindow,
    context: StandIn,
    demo_pdf: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stamped(context, demo_pdf)
    window.go("journal")
    page = window.page("journal")
    qtbot.waitUntil(lambda: page.model.rowCount() == 2)
    assert page.model.data(page.model.index(0, 3)) == "管理办法_已盖章.pdf"
    assert page.model.data(page.model.index(0, 2)) == "盖章"
    page.filter.setText("没有这个")
    qtbot.waitUntil(lambda: page.model.rowCount() == 0)
    page.filter.setText("")
    qtbot.waitUntil(lambda: page.model.rowCount() == 2)
    for name in ("台账.csv", "台账.xlsx"):
        monkeypatch.setattr(
            QFileDialog, "getSaveFileName", lambda *_, name=name: (str(tmp_path / name), "")
        )
        page.export()
        qtbot.waitUntil((tmp_path / name).exists)
    page.check()
    qtbot.waitUntil(lambda: "台账完整" in page.state.text())
    file = context.journal.path
    file.write_bytes(file.read_bytes().replace("管理办法".encode(), "管理方法".encode(), 1))
    page.check()
    qtbot.waitUntil(lambda: "不能采信" in page.state.text())


def test_seals_are_shown_and_synchronised_with_one_pin(
    qtbot: QtBot,
    window: MainWindow,
    context: StandIn,
    demo_pdf: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stamped(context, demo_pdf)
    window.go("approvals")
    window.go("seals")
    page = window.page("seals")
    qtbot.waitUntil(lambda: page._sync.isEnabled())
    monkeypatch.setattr(page, "_pin", lambda purpose: ("UK", PIN))
    page.synchronise()
    qtbot.waitUntil(lambda: any("已同步：3 枚印章，上报 1 条" in t for t in window.notices.texts))
    assert context.waiting_records() == 0


def test_the_diagnosis_holds_no_secret(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "diagnosis.json"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    window.go("settings")
    window.page("settings").export_diagnosis()
    qtbot.waitUntil(target.exists)
    text = target.read_text("utf-8")
    assert json.loads(text)["keys"][0]["tries_left"] == 10
    assert PIN not in text
    assert "UK2026110042" not in text


def test_a_second_start_hands_its_files_to_the_first(
    qtbot: QtBot, window: MainWindow, context: StandIn, demo_pdf: Path
) -> None:
    folder = context.settings.folders.config
    assert not hand_over(folder, [demo_pdf])
    window.listen(folder)
    assert hand_over(folder, [demo_pdf])
    page = window.page("stamp")
    qtbot.waitUntil(lambda: [d.path for d in page.documents] == [demo_pdf], timeout=10_000)


def test_a_file_with_seals_is_asked_about_once(
    qtbot: QtBot, window: MainWindow, context: StandIn, demo_pdf: Path
) -> None:
    path = stamped(context, demo_pdf)
    window.take_files([path])
    box = window.findChild(QMessageBox)
    assert box is not None
    assert "已经盖有印章" in box.text()
    next(b for b in box.buttons() if b.text() == "验章").click()
    assert window.current == "verify"


def test_the_first_run_shows_three_steps_that_tick_themselves_off(
    qtbot: QtBot, open_window: Callable[[StandIn], MainWindow], tmp_path: Path
) -> None:
    fresh = StandIn(tmp_path / "fresh", seals=())
    fresh.plugged = ()
    window = open_window(fresh)
    qtbot.waitUntil(lambda: window.findChild(Guide) is not None)
    guide = window.findChild(Guide)
    assert isinstance(guide, QDialog)
    fresh.plugged = (fresh.company.token(),)
    window._poll()
    qtbot.waitUntil(lambda: window.token is not None)
    names = [label.text() for label in guide.findChildren(type(window.strip._text))]
    assert any("已找到" in name for name in names)
    guide.accept()


def test_the_window_speaks_english(
    qtbot: QtBot, qapp: QApplication, context: StandIn, open_window: Callable[..., MainWindow]
) -> None:
    language.use("en")
    window = open_window(context)
    assert window._buttons["verify"].text() == "Verify"
    assert "PIN tries left" in window.strip.accessibleName()
    for name in ("verify", "seals", "approvals", "journal", "settings"):
        window.go(name)
    qtbot.waitUntil(lambda: not window.tasks.busy)
    chinese = [
        each.text()
        for each in window.page("settings").findChildren(type(window.strip._text))
        if any("\u4e00" <= char <= "\u9fff" for char in each.text())
    ]
    data = ("云帆", "演示")  # names of the made-up company and its authority
    assert [text for text in chinese if not any(name in text for name in data)] == []


def test_the_state_file_survives_nonsense(tmp_path: Path) -> None:
    from ui.state import WindowState

    path = tmp_path / "window.json"
    for nonsense in (b"", b"[1]", b"\xff", b'{"a":'):
        path.write_bytes(nonsense)
        state = WindowState(path)
        assert state.get("page", "stamp") == "stamp"
        value: Any = state.get("a")
        assert value is None
    state.put("page", "verify")
    assert WindowState(path).get("page", "stamp") == "verify"
    assert WindowState(path).get("page", 3) == 3
