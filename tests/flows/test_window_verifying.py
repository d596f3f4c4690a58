"""The recipient's story: drop a file and learn in one prefilter, and never before checking is
done."""

import json
import multiprocessing
import os
import signal
import subprocess
import threading
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QFileDialog, QPushButton
from pytestqt.qtbot import QtBot

from crypto.verdict import Report, Verdict
from tests.ui.checking import checked, press, words
from tests.ui.conftest import *  # noqa: F403 - the window's fixtures
from tests.world.desk import Company, StandIn, authorities, stamped
from ui.shell import file_password
from ui.shell.window import MainWindow
from ui.verify.verdicts import versions
from ui.verify.verify_page import VerifyPage

OFFICIAL, CONTRACT = "32130200010001", "32130200010002"

# The offscreen platform cannot raise windows or hint at sizes, and says so.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


def test_a_good_file(qtbot: QtBot, window: MainWindow, context: StandIn, demo_pdf: Path) -> None:
    page = checked(qtbot, window, stamped(context, demo_pdf))
    assert page.report is not None
    assert page.report.verdict is Verdict.VALID
    assert "有效" in words(page)
    assert "平台：正常" in words(page)
    (outline,) = page.pane.view.items
    assert (outline.look, outline.tint, outline.page) == ("outline", "good", 0)
    assert (outline.left_mm, outline.top_mm) == pytest.approx((100, 100), abs=0.3)


def test_what_hangs_on_the_clock_is_told_with_the_clock(
    qtbot: QtBot,
    window: MainWindow,
    context: StandIn,
    demo_pdf: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = stamped(context, demo_pdf)
    context.time_there = datetime.now(UTC) - timedelta(hours=3)
    checked(qtbot, window, path)
    assert not any("校准" in text for text in window.notices.texts)
    monkeypatch.setattr(Report, "hangs_on_the_clock", True)
    window.page("verify").again()
    qtbot.waitUntil(lambda: any("校准电脑的时钟" in text for text in window.notices.texts))


def test_a_file_changed_after_signing(
    qtbot: QtBot, window: MainWindow, context: StandIn, demo_pdf: Path
) -> None:
    path = stamped(context, demo_pdf)
    data = bytearray(path.read_bytes())
    data[2000] ^= 1
    path.write_bytes(data)
    page = checked(qtbot, window, path)
    assert page.report is not None
    assert page.report.verdict is Verdict.INVALID
    assert "无效" in words(page)
    assert "不要采信" in words(page)
    assert {item.tint for item in page.pane.view.items} == {"bad"}


def test_a_seal_of_a_stranger_is_neither_good_nor_bad(
    qtbot: QtBot, window: MainWindow, context: StandIn, demo_pdf: Path, tmp_path: Path
) -> None:
    stranger = StandIn(tmp_path / "stranger", seals=())
    stranger.company = Company(authorities(), "陌生贸易有限公司")
    for seal in stranger.company.seals:
        stranger._cabinet.keep_seal(seal)
    page = checked(qtbot, window, stamped(stranger, demo_pdf))
    assert page.report is not None
    assert page.report.verdict is Verdict.UNKNOWN
    assert {item.tint for item in page.pane.view.items} == {"unknown"}
    assert "无法确认" in words(page)


def test_an_unsigned_file_says_so(qtbot: QtBot, window: MainWindow, demo_pdf: Path) -> None:
    page = checked(qtbot, window, demo_pdf)
    assert page.report is not None
    assert page.report.verdict is Verdict.UNSIGNED
    assert "没有电子印章" in words(page)
    assert page.pane.view.items == ()


def test_nothing_is_concluded_while_checking_runs(
    qtbot: QtBot,
    window: MainWindow,
    context: StandIn,
    demo_pdf: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path, go, real = stamped(context, demo_pdf), threading.Event(), context.verify

    def slow(*arguments: Any, step: Any, stopped: Any) -> tuple[BaseException, ...]:
        go.wait(20)
        return real(*arguments, step, stopped)

    monkeypatch.setattr(context, "verify", slow)
    window.go("verify")
    window.take_files([path])
    page: VerifyPage = window.page("verify")
    qtbot.waitUntil(lambda: page.pane.view.page_count > 0, timeout=20_000)
    qtbot.waitUntil(lambda: "正在验证…" in words(page))
    shown = words(page)
    assert not any(word in shown for word in ("有效", "无效", "无法确认", "未签章"))
    assert page.pane.view.items == ()
    assert not page._export.isEnabled()
    go.set()
    qtbot.waitUntil(lambda: page.report is not None, timeout=20_000)
    assert "正在验证…" not in words(page)


def test_two_signers_and_the_document_as_the_first_one_signed_it(
    qtbot: QtBot, window: MainWindow, context: StandIn, demo_pdf: Path
) -> None:
    first = stamped(context, demo_pdf)
    both = stamped(context, first, CONTRACT, 170)
    page = checked(qtbot, window, both)
    assert page.report is not None
    assert [s.verdict for s in page.report.signatures] == [
        Verdict.VALID,
        Verdict.VALID,
    ] or page.report.verdict is Verdict.VALID
    assert len(page.pane.view.items) == 2
    press(page, "查看签章时的版本")
    qtbot.waitUntil(lambda: len(page.pane.view.items) == 1, timeout=20_000)
    assert page.pane.title.text() == "宿迁云帆贸易有限公司 法定名称章签章时"
    page._back.click()
    qtbot.waitUntil(lambda: len(page.pane.view.items) == 2, timeout=20_000)


def test_many_files_each_get_their_word_and_a_broken_one_its_reason(
    qtbot: QtBot, window: MainWindow, context: StandIn, demo_pdf: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(b"%PDF-1.7\nnothing")
    page = checked(qtbot, window, stamped(context, demo_pdf), demo_pdf, broken)
    rows = [page.list.item(number).text().split("\n") for number in range(3)]
    assert [row[1] for row in rows] == ["有效", "未签章", "PDF 文件已损坏"]
    page.list.setCurrentRow(2)
    qtbot.waitUntil(lambda: "重新下载" in words(page))


def test_the_report_and_the_evidence_are_saved(
    qtbot: QtBot,
    window: MainWindow,
    context: StandIn,
    demo_pdf: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = checked(qtbot, window, stamped(context, demo_pdf))
    target = tmp_path / "报告.json"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(target), ""))
    page.export()
    qtbot.waitUntil(lambda: target.exists() and bool(window.notices.texts))
    assert json.loads(target.read_text("utf-8"))["verdict"] == "VALID"
    target = tmp_path / "报告.pdf"
    page.export()
    qtbot.waitUntil(target.exists, timeout=20_000)
    assert target.read_bytes().startswith(b"%PDF-")
    target = tmp_path / "证据.zip"
    page.export_evidence()
    qtbot.waitUntil(target.exists, timeout=20_000)
    assert "document.pdf" in zipfile.ZipFile(target).namelist()
    qtbot.waitUntil(lambda: not window.tasks.busy)


def test_an_encrypted_file_is_verified_with_its_password(
    qtbot: QtBot,
    window: MainWindow,
    make_pdf: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "locked.pdf"
    command = ["qpdf", "--encrypt", "leaf", "tree", "256", "--", str(make_pdf()), str(path)]
    subprocess.run(command, check=True)
    page = checked(qtbot, window, path)
    assert "打开密码" in words(page)
    monkeypatch.setattr(file_password, "ask_file_password", lambda *_, **__: "leaf")
    page._ask_password()
    qtbot.waitUntil(lambda: page.report is not None, timeout=20_000)
    assert page.report is not None
    assert page.report.verdict is Verdict.UNSIGNED


def copies(source: Path, folder: Path, *names: str) -> list[Path]:
    paths = [folder / f"{name}.pdf" for name in names]
    for path in paths:
        path.write_bytes(source.read_bytes())
    return paths


@pytest.mark.usefixtures("choking")
def test_a_hostile_file_costs_its_own_result_and_nothing_else(
    qtbot: QtBot,
    window: MainWindow,
    context: StandIn,
    demo_pdf: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ui.checking.SECONDS", 3.0)
    monkeypatch.setattr("app.many.bulk.BY_THE_CLOCK", 1)
    names = ("die", "hang", "eat", "loud", "good")
    page = checked(qtbot, window, *copies(stamped(context, demo_pdf), tmp_path, *names))
    said = [page.list.item(number).text().split("\n")[1] for number in range(len(names))]
    assert said == [
        "文件结构异常",
        "文件结构异常",
        "文件结构异常",
        "程序遇到没有预料到的问题",
        "有效",
    ]
    assert "异常退出" in words(page)
    page.list.setCurrentRow(1)
    qtbot.waitUntil(lambda: "3 秒" in words(page), timeout=20_000)
    page.list.setCurrentRow(4)
    qtbot.waitUntil(lambda: "可以采信" in words(page), timeout=20_000)
    assert page._count.text() == "有效\u00a01 · 没有结论\u00a04"  # no line ends inside


@pytest.mark.usefixtures("choking")
def test_checking_can_be_stopped_and_says_nothing_of_what_it_left(
    qtbot: QtBot, window: MainWindow, context: StandIn, demo_pdf: Path, tmp_path: Path
) -> None:
    paths = copies(stamped(context, demo_pdf), tmp_path, "hang", "good")
    before = {child.pid for child in multiprocessing.active_children()}  # of tests before this
    window.go("verify", paths)
    page: VerifyPage = window.page("verify")
    qtbot.waitUntil(lambda: page._files[1].report is not None, timeout=30_000)
    assert page._stop.isVisible()
    page._stop.click()
    qtbot.waitUntil(lambda: not page._files[0].checking, timeout=30_000)
    assert page.list.item(0).text().endswith("没有验证")
    qtbot.waitUntil(lambda: "没有任何结论" in words(page), timeout=20_000)
    assert page._files[1].report is not None
    assert not page._export.isEnabled()
    left = [
        child
        for child in multiprocessing.active_children()
        if child.name != "sealdesk-pages" and child.pid not in before
    ]
    assert left == []


def test_every_version_of_a_file_can_be_looked_at(
    qtbot: QtBot, window: MainWindow, context: StandIn, demo_pdf: Path
) -> None:
    both = stamped(context, stamped(context, demo_pdf), CONTRACT, 170)
    page = checked(qtbot, window, both)
    assert page.report is not None
    listed = versions(page.report)
    assert [each.title for each in listed] == [
        "版本 1：最初的文件",
        "版本 2：宿迁云帆贸易有限公司 法定名称章签章",
        "版本 3：宿迁云帆贸易有限公司 合同专用章签章（当前）",
    ]
    assert [bool(each.changes) for each in listed] == [False, False, True]
    see = [each for each in page.findChildren(QPushButton) if each.text() == "查看"]
    for button, seals in zip(see, (0, 1, 2), strict=True):
        button.click()
        qtbot.waitUntil(lambda n=seals: len(page.pane.view.items) == n, timeout=20_000)
    assert demo_pdf.read_bytes() == both.read_bytes()[: listed[0].end]


def test_versions_are_right_where_something_stands_before_the_document(
    qtbot: QtBot, window: MainWindow, context: StandIn, demo_pdf: Path, tmp_path: Path
) -> None:
    """A byte range counts from the beginning of the document, a version from that of the file."""
    sealed = stamped(context, stamped(context, demo_pdf), CONTRACT, 170).read_bytes()
    path = tmp_path / "mail.pdf"
    path.write_bytes(b"Content-Type: application/pdf\r\n\r\n" + sealed)
    page = checked(qtbot, window, path)
    assert page.report is not None
    first, second, third = versions(page.report)
    assert (first.title, third.end) == ("版本 1：最初的文件", path.stat().st_size)
    assert "法定名称章签章" in second.title
    see = [each for each in page.findChildren(QPushButton) if each.text() == "查看"]
    for button, seals in zip(see, (0, 1, 2), strict=True):
        button.click()
        qtbot.waitUntil(lambda n=seals: len(page.pane.view.items) == n, timeout=20_000)


@pytest.mark.wants("posix")
def test_a_page_that_kills_its_process_is_told_and_costs_no_verdict(
    qtbot: QtBot, window: MainWindow, context: StandIn, demo_pdf: Path
) -> None:
    path = stamped(context, demo_pdf)
    process = window.renderer.process_id
    assert process
    os.kill(process, signal.SIGSTOP)  # it hangs
    window.go("verify", [path])
    window.renderer._kill()  # its time is up
    page: VerifyPage = window.page("verify")
    restarted = "已经重新启动"
    qtbot.waitUntil(lambda: any(restarted in t for t in window.notices.texts), timeout=30_000)
    qtbot.waitUntil(lambda: page.report is not None, timeout=30_000)
    qtbot.waitUntil(lambda: "可以采信" in words(page), timeout=20_000)
    page._show_current()
    qtbot.waitUntil(lambda: page.pane.view.page_count > 0, timeout=20_000)


def test_many_answers_are_filed_in_one_table(
    qtbot: QtBot,
    window: MainWindow,
    context: StandIn,
    demo_pdf: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = checked(qtbot, window, stamped(context, demo_pdf), demo_pdf)
    target = tmp_path / "汇总.csv"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(target), ""))
    page.export_summary()
    qtbot.waitUntil(target.exists, timeout=20_000)
    rows = target.read_text("utf-8-sig").splitlines()
    assert len(rows) == 3
    assert "VALID 有效" in rows[1]
    assert "UNSIGNED" in rows[2]
