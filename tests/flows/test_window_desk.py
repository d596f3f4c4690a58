"""The window around the two stories: settings, ledger, seals, a second start, the first run."""

import json
import re
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QFileDialog,
    QLabel,
    QPushButton,
)
from pytestqt.qtbot import QtBot

from app.errors import CabinetLocked, ServiceUnavailable
from app.remote.syncing import Synced
from app.settings import Origin, Source
from app.store.anchors import add, own
from app.store.cabinet import PlatformRecord, RegistryRecord
from crypto.algorithms import merkle
from crypto.pki.certificate import Certificate
from tests.ui.conftest import *  # noqa: F403 - the window's fixtures
from tests.world.desk import PIN, StandIn, stamped
from tests.world.documents import classic_pdf
from ui import language
from ui.dialogs import Question
from ui.pages import journal_page
from ui.shell.guide import Guide
from ui.shell.single_instance import claim, hand_over
from ui.shell.window import MainWindow
from ui.verify.add_anchor import AddAnchorDialog

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
    assert fields["platform_url"].toolTip() == "由管理员设置\npolicy.toml"
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


def test_an_anchor_is_trusted_after_a_look_and_taken_away_again(
    qtbot: QtBot,
    window: MainWindow,
    context: StandIn,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root = Certificate.parse(context.company.authorities.root)
    file = tmp_path / "root.crt"
    file.write_bytes(root.der)
    window.go("settings")
    section = window.page("settings").trust
    digits = " ".join(re.findall("....", root.fingerprint.hex()))
    shown: list[str] = []

    def look_at(dialog: AddAnchorDialog) -> int:
        shown.extend(each.text() for each in dialog.findChildren(QLabel))
        assert not dialog.accept_button.isEnabled()
        assert dialog.purposes == ("signers", "timestamps"), "makers only when chosen"
        dialog.choose("makers")
        dialog.sure.setChecked(True)
        dialog.accept_button.click()
        return dialog.result()

    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(file), ""))
    monkeypatch.setattr(AddAnchorDialog, "exec", look_at)
    section.add()
    qtbot.waitUntil(lambda: len(own(context.settings)) == 1, timeout=20_000)
    assert digits in shown
    assert any("请先向颁发机构核对" in text for text in shown)

    def listed() -> list[str]:
        names = [each.accessibleName() for each in section.findChildren(QPushButton)]
        return [name for name in names if "自己添加" in name]

    qtbot.waitUntil(lambda: len(listed()) == 1, timeout=20_000)
    assert listed()[0].startswith("企业电子印章演示根证书 · 制章者")
    monkeypatch.setattr(Question, "exec", lambda box: box.buttons["不再信任"].click())
    next(b for b in section.findChildren(QPushButton) if b.text() == "不再信任…").click()
    qtbot.waitUntil(lambda: own(context.settings) == [] and listed() == [], timeout=20_000)


def test_own_anchors_are_greyed_where_policy_forbids_them(
    qtbot: QtBot, open_window: Callable[[StandIn], MainWindow], context: StandIn
) -> None:
    add(context.settings, Certificate.parse(context.company.authorities.root), "makers")
    context.settings = replace(context.settings, allow_own_trust=False)
    window = open_window(context)
    window.go("settings")
    section = window.page("settings").trust
    qtbot.waitUntil(lambda: section._lock.isVisibleTo(window.page("settings")), timeout=20_000)
    assert not section.add_button.isEnabled()
    buttons = [each.text() for each in section.findChildren(QPushButton)]
    assert any("已被管理员停用" in text for text in buttons)
    assert "不再信任…" not in buttons


def test_pinned_platforms_and_what_was_seen_of_their_registries_are_shown(
    qtbot: QtBot, window: MainWindow, context: StandIn
) -> None:
    root = context.company.authorities.root
    url, now = "https://platform.example", datetime.now(UTC)
    context._cabinet.pin(PlatformRecord(url, "市平台", {"root": root}, now))
    tree = merkle.Tree()
    tree.append(b"{}")
    record = RegistryRecord(url, "log", 1, {"0/0": tree.node(0, 0)}, (), now)
    context._cabinet.keep_registry(record)
    window.go("settings")
    section = window.page("settings").trust

    def texts() -> str:
        return "\n".join(each.text() for each in section.findChildren(QLabel))

    qtbot.waitUntil(lambda: "1 条" in texts(), timeout=20_000)
    head = tree.root().hex()[:16]
    assert " ".join(re.findall("....", head)) in texts()
    buttons = [
        each for each in section.findChildren(QPushButton) if each.text() == "复制根证书 SM3"
    ]
    buttons[-1].click()
    assert QApplication.clipboard().text() == Certificate.parse(root).fingerprint.hex()


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
    qtbot.waitUntil(lambda: page.model.rowCount() == 1)  # beginning and end are one use
    assert page.model.data(page.model.index(0, 3)) == "管理办法_已盖章.pdf"
    assert page.model.data(page.model.index(0, 2)) == "盖章"
    assert page.model.data(page.model.index(0, 4)) == "法定名称章 宿迁云帆贸易有限公司"
    page.filter.setText("没有这个")
    qtbot.waitUntil(lambda: page.model.rowCount() == 0)
    page.filter.setText("")
    qtbot.waitUntil(lambda: page.model.rowCount() == 1)
    for name in ("台账.csv", "台账.xlsx"):
        monkeypatch.setattr(
            QFileDialog, "getSaveFileName", lambda *_, name=name, **__: (str(tmp_path / name), "")
        )
        page.export()
        qtbot.waitUntil((tmp_path / name).exists)
    exported = (tmp_path / "台账.csv").read_text("utf-8-sig")
    assert "开始盖章" in exported, "an export keeps every entry of the chain"
    assert str(demo_pdf.parent) in exported
    page.check()
    qtbot.waitUntil(lambda: "台账完整" in page.state.text())
    file = context.journal.path
    file.write_bytes(file.read_bytes().replace("管理办法".encode(), "管理方法".encode(), 1))
    page.check()
    qtbot.waitUntil(lambda: "不能采信" in page.state.text())


def test_a_file_is_opened_and_revealed_from_the_ledger(
    qtbot: QtBot,
    window: MainWindow,
    context: StandIn,
    demo_pdf: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = stamped(context, demo_pdf)
    context.journal.append("stamped", output="老版本.pdf", seal_code="x")  # without a folder
    shown: list[Path] = []
    monkeypatch.setattr(journal_page, "reveal", lambda path, tell: shown.append(path))
    monkeypatch.setattr(journal_page, "open_outside", lambda path, tell: shown.append(path))
    window.go("journal")
    page = window.page("journal")
    qtbot.waitUntil(lambda: page.model.rowCount() == 2)
    buttons = (page._look, page._open, page._reveal)
    assert not any(each.isEnabled() for each in buttons)
    page.table.selectRow(0)
    assert not any(each.isEnabled() for each in buttons), "the entry does not say where it is"
    page.table.selectRow(1)
    assert all(each.isEnabled() for each in buttons)
    page._open.click()
    page._reveal.click()
    assert shown == [path, path]
    page.table.setFocus()
    qtbot.keyClick(page.table, Qt.Key.Key_Return)
    assert window.current == "verify"
    assert window.page("verify")._files[0].path == path
    window.go("journal")
    path.rename(path.with_name("moved.pdf"))
    page._open.click()
    assert shown == [path, path]
    assert any("可能已经移走" in text for text in window.notices.texts)
    page._reveal.click()
    assert shown[-1] == path.parent


def test_what_a_sync_brings_back_is_named(
    qtbot: QtBot, window: MainWindow, context: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    (seal, *_) = context.seals()
    monkeypatch.setattr(context, "synchronise", lambda *_: Synced(1, 0, (seal,)))
    page = window.page("seals")
    window.go("seals")
    qtbot.waitUntil(lambda: page._sync.isEnabled())
    monkeypatch.setattr(page, "_pin", lambda purpose: ("UK", PIN))
    page.synchronise()
    qtbot.waitUntil(lambda: any("已取回" in text for text in window.notices.texts))
    (said,) = [text for text in window.notices.texts if "已取回" in text]
    assert seal.name in said
    assert seal.code in said


def test_seals_are_shown_and_synchronised_with_one_pin(
    qtbot: QtBot,
    window: MainWindow,
    context: StandIn,
    demo_pdf: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stamped(context, demo_pdf)
    page = window.page("seals")
    window.go("seals")
    qtbot.waitUntil(lambda: page._sync.isEnabled())
    monkeypatch.setattr(page, "_pin", lambda purpose: ("UK", PIN))
    window.go("approvals")
    approvals = window.page("approvals")

    def buttons() -> dict[str, QPushButton]:
        return {each.text().strip(): each for each in approvals.findChildren(QPushButton)}

    qtbot.waitUntil(lambda: "现在同步" in buttons(), timeout=20_000)
    texts = [each.text() for each in approvals.findChildren(QLabel)]
    assert any(text.startswith("法定名称章 · ") and text.endswith(".pdf") for text in texts), texts
    assert any(text.startswith("可以用到") for text in texts)
    buttons()["现在同步"].click()
    assert window.current == "approvals"  # whoever is busy here stays here
    qtbot.waitUntil(lambda: any("已同步：3 枚印章，上报 1 条" in t for t in window.notices.texts))
    assert context.waiting_records() == 0


def test_the_page_of_approvals_leads_to_the_platform_or_to_where_it_is_named(
    qtbot: QtBot, window: MainWindow, context: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    visited: list[str] = []
    monkeypatch.setattr(
        QDesktopServices, "openUrl", lambda url: visited.append(url.toString()) or True
    )
    window.go("approvals")
    page = window.page("approvals")

    def press(name: str) -> None:
        def found() -> list[QPushButton]:
            return [b for b in page.findChildren(QPushButton) if b.text().strip() == name]

        qtbot.waitUntil(lambda: bool(found()), timeout=20_000)
        found()[0].click()

    press("打开平台网站")
    assert visited == [context.settings.platform_url]
    context.settings = replace(context.settings, platform_url="")
    page.activated()
    press("填写平台地址")
    assert window.current == "settings"


def test_a_time_stamp_that_was_not_to_be_had_is_told(window: MainWindow, context: StandIn) -> None:
    window.hold_polling(True)
    context.no_timestamp = ServiceUnavailable("http://127.0.0.1:9", "refused")
    window.hold_polling(False)
    assert any("没有取到时间戳（" in text for text in window.notices.texts)
    window.notices.clear_all()
    window.hold_polling(True)
    window.hold_polling(False)
    assert window.notices.texts == ()


def test_a_clock_that_the_time_stamp_contradicts_is_told_in_the_window(
    window: MainWindow, context: StandIn
) -> None:
    here = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
    for minutes, told in ((4, False), (12, True)):
        window.hold_polling(True)
        context.stamped_at = here, here + timedelta(minutes=minutes)
        window.hold_polling(False)
        said = [text for text in window.notices.texts if "时间戳服务" in text]
        assert bool(said) is told
    assert "17:12" in said[0]


def test_the_diagnosis_holds_no_secret(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "diagnosis.json"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(target), ""))
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


def test_a_busy_window_takes_its_files_late_and_no_second_one_opens(
    qtbot: QtBot, window: MainWindow, context: StandIn, demo_pdf: Path
) -> None:
    folder = context.settings.folders.config
    first = claim(folder)
    assert first is not None
    assert claim(folder) is None
    given: list[bool] = []

    def start() -> None:
        given.append(hand_over(folder, [demo_pdf]))

    second = threading.Thread(target=start)
    second.start()  # the window does not listen yet, and then does not look
    window.listen(folder)
    assert second.is_alive()
    qtbot.waitUntil(lambda: bool(given), timeout=10_000)
    second.join()
    assert given == [True]
    page = window.page("stamp")
    qtbot.waitUntil(lambda: [d.path for d in page.documents] == [demo_pdf], timeout=10_000)
    assert not window.isMinimized()
    first.close()
    again = claim(folder)
    assert again is not None
    again.close()


@pytest.mark.parametrize(("place", "word"), [("share", "网络共享"), ("stick", "U 盘")])
def test_data_on_a_share_or_a_stick_are_warned_of(
    qtbot: QtBot, window: MainWindow, monkeypatch: pytest.MonkeyPatch, place: str, word: str
) -> None:
    assert word not in "".join(window.notices.texts)
    monkeypatch.setattr("app.store.data_place.place_of", lambda folder: place)
    window.begin()
    qtbot.waitUntil(lambda: word in "".join(window.notices.texts), timeout=10_000)


def test_a_window_that_never_answers_is_told_of(context: StandIn, demo_pdf: Path) -> None:
    folder = context.settings.folders.config
    first = claim(folder)
    assert first is not None
    assert not hand_over(folder, [demo_pdf], seconds=0.2)
    first.close()
    assert not hand_over(folder, [demo_pdf]), "it has gone meanwhile: nobody is waited for"


def drag(window: MainWindow, *paths: Path) -> QMimeData:
    """Drop *paths* on the window, as a file manager does."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    middle, copy = QPoint(600, 400), Qt.DropAction.CopyAction
    left, plain = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(middle, copy, data, left, plain)
    QApplication.sendEvent(window, enter)
    assert enter.isAccepted()
    drop = QDropEvent(QPointF(middle), copy, data, left, plain)
    QApplication.sendEvent(window, drop)
    return data


def test_files_and_folders_are_dropped_on_the_window(
    qtbot: QtBot, window: MainWindow, context: StandIn, demo_pdf: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "月末"
    (folder / "下级").mkdir(parents=True)
    for name in ("乙.pdf", "下级/甲.PDF", "说明.txt"):
        (folder / name).write_bytes(demo_pdf.read_bytes())
    window.go("verify")
    page = window.page("verify")
    drag(window, demo_pdf)
    qtbot.waitUntil(lambda: [f.path for f in page._files] == [demo_pdf], timeout=20_000)
    drag(window, folder, demo_pdf)
    expected = ["甲.PDF", "乙.pdf", demo_pdf.name]
    qtbot.waitUntil(lambda: [f.path.name for f in page._files] == expected, timeout=20_000)
    (tmp_path / "空文件夹").mkdir()
    other = {
        "说明.txt": "导出为 PDF",
        "扫描.PNG": "盖了电子印章的原文件",
        "公文.ofd": "不要把它转换成",
    }
    for name in other:
        (folder / name).touch()
    for path, words in (
        *((folder / name, words) for name, words in other.items()),
        (tmp_path / "移走了.pdf", "找不到“移走了.pdf”"),
        (tmp_path / "空文件夹", "没有 PDF"),
    ):
        drag(window, path)
        qtbot.waitUntil(lambda words=words: any(words in said for said in window.notices.texts))


def test_the_window_comes_back_as_it_was_left(
    qtbot: QtBot, open_window: Callable[[StandIn], MainWindow], context: StandIn
) -> None:
    window = open_window(context)
    window.resize(1111, 555)
    window.go("journal")
    window.close()
    again = MainWindow(context)
    qtbot.addWidget(again)
    assert again.height() == 555  # its width is more than the test's screen has
    assert again.state.get("page", "") == "journal"
    again.close()


def test_a_file_with_seals_is_asked_about_once(
    qtbot: QtBot, window: MainWindow, context: StandIn, demo_pdf: Path
) -> None:
    path = stamped(context, demo_pdf)
    window.take_files([path])
    qtbot.waitUntil(lambda: window.findChild(Question) is not None)
    box = window.findChild(Question)
    assert box is not None
    assert "已经盖有印章" in box.text
    box.buttons["验章"].click()
    assert window.current == "verify"


def test_the_guide_sends_staff_to_their_work(
    qtbot: QtBot, open_window: Callable[[StandIn], MainWindow], tmp_path: Path
) -> None:
    fresh = StandIn(tmp_path / "fresh", seals=())
    (held,) = fresh.company.token().certificates
    fresh.plugged = (
        replace(fresh.company.token(), certificates=(replace(held, role="reviewer"),)),
    )
    window = open_window(fresh)
    qtbot.waitUntil(lambda: window.findChild(Guide) is not None and bool(window.tokens))
    guide = window.findChild(Guide)
    assert isinstance(guide, QDialog)
    texts = [label.text() for label in guide.findChildren(QLabel)]
    assert any("平台工作人员" in text for text in texts)
    # What was shown before the Ukey was known goes with the next turn of events.
    qtbot.waitUntil(
        lambda: "申请印章…" not in [made.text() for made in guide.findChildren(QPushButton)]
    )
    guide.accept()


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
    window.plugged.poll()
    qtbot.waitUntil(lambda: window.token is not None)
    names = [label.text() for label in guide.findChildren(QLabel)]
    assert any("已找到" in name for name in names)
    guide.accept()


def test_whoever_opens_a_sealed_document_is_not_told_how_to_get_a_seal(
    qtbot: QtBot, open_window: Callable[[StandIn], MainWindow], tmp_path: Path, context: StandIn
) -> None:
    fresh = StandIn(tmp_path / "fresh", seals=())
    fresh.plugged = ()
    contract = tmp_path / "contract.pdf"
    contract.write_bytes(classic_pdf())
    received = stamped(context, contract)
    window = MainWindow(fresh)
    try:
        window.show()
        window.begin()
        window.take_files([received])
        qtbot.waitUntil(lambda: window.current == "verify")
        assert window.findChild(Question) is None, "who has no seal is not asked what for"
        qtbot.waitUntil(lambda: not window.tasks.busy)
        assert window.findChild(Guide) is None
        window.show_guide()
        guide = window.findChild(Guide)
        assert guide is not None
        window.go("stamp")
        guide.verify_button.click()
        assert window.current == "verify"
    finally:
        window.close()
        window.deleteLater()


def test_the_window_speaks_english(
    qtbot: QtBot, qapp: QApplication, context: StandIn, open_window: Callable[..., MainWindow]
) -> None:
    language.use("en")
    window = open_window(context)
    assert window.navigation.buttons["verify"].text() == "Verify"
    assert "PIN tries left" in window.strip.accessibleName()
    for name in ("verify", "seals", "approvals", "journal", "settings"):
        window.go(name)
    qtbot.waitUntil(lambda: not window.tasks.busy)
    chinese = [
        each.text()
        for each in window.page("settings").findChildren(QLabel)
        if any("\u4e00" <= char <= "\u9fff" for char in each.text())
    ]
    data = ("云帆", "演示")  # names of the made-up company and its authority
    assert [text for text in chinese if not any(name in text for name in data)] == []


def test_the_state_file_survives_nonsense(tmp_path: Path) -> None:
    from ui.shell.state import WindowState

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


def test_a_keyring_that_does_not_answer_is_told_and_can_be_asked_again(
    qtbot: QtBot, look: None, context: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked() -> None:
        raise CabinetLocked("timeout")

    with monkeypatch.context() as slow:
        slow.setattr(context, "seals", locked)
        window = MainWindow(context)
        qtbot.addWidget(window)
        window.go("stamp")
        window.begin()
        qtbot.waitUntil(lambda: any("E-606" in text for text in window.notices.texts))
    again = next(
        each
        for each in window.notices.findChildren(QPushButton)
        if each.text() == "再试一次" and not each.isHidden()
    )
    again.click()
    qtbot.waitUntil(lambda: len(window.seals) == 3, timeout=20_000)
    assert not any("E-606" in text for text in window.notices.texts)
    window.close()


def test_what_had_the_focus_and_goes_leaves_it_to_the_page(
    qtbot: QtBot, window: MainWindow
) -> None:
    window.activateWindow()
    window.go("seals")
    page = window.page("seals")
    page._apply.setFocus()
    qtbot.waitUntil(page._apply.hasFocus)
    page._busy(True)  # as while the platform is asked
    qtbot.waitUntil(lambda: not window.strip.isAncestorOf(QApplication.focusWidget() or window))
    page._busy(False)
    page._apply.setFocus()
    page._apply.hide()
    qtbot.waitUntil(lambda: page.isAncestorOf(QApplication.focusWidget() or window))
    qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_F6)
