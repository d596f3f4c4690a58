"""What the window tells and asks before the PIN, and what becomes of a place that fails."""

import errno
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pymupdf
import pytest
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from app import publishing
from app.errors import OutputNotWritable, SealWouldHarm
from app.placing.stamp_plan import At
from tests.ui.conftest import *  # noqa: F403 - the window's fixtures
from tests.ui.stamping import answer, opened_to_stamp, stamp_all, stamp_one
from tests.world.desk import PIN, StandIn, stamped
from tests.world.documents import annotate, classic_pdf, update
from ui.shell.window import MainWindow
from ui.stamp.results import BatchResult, Failure, Success
from ui.stamp.stamp_page import StampPage

# The offscreen platform cannot raise windows or hint at sizes, and says so.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


def file(folder: Path, data: bytes, name: str = "合同.pdf") -> Path:
    path = folder / "文件" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    return path


def texts(page: StampPage) -> str:
    return "\n".join(check.text for check in page.checklist.checks)


def altered(data: bytes) -> bytes:
    """A later revision that puts something over what was sealed."""

    def change(writer: object) -> None:
        from pyhanko.pdf_utils import generic

        node = generic.DictionaryObject()
        for key, value in (("/Type", "/Annot"), ("/Subtype", "/Stamp")):
            node[generic.pdf_name(key)] = generic.pdf_name(value)
        edges = map(generic.NumberObject, (50, 650, 400, 750))
        node[generic.pdf_name("/Rect")] = generic.ArrayObject(edges)
        annotate(writer, writer.add_object(node))  # type: ignore[attr-defined]

    return update(data, change)


def test_a_signature_that_is_broken_already_is_told_and_never_called_good(
    qtbot: QtBot,
    window: MainWindow,
    context: StandIn,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    signed = stamped(context, file(tmp_path, classic_pdf()))
    changed = file(tmp_path, altered(signed.read_bytes()), "改过.pdf")
    page = opened_to_stamp(qtbot, window, changed)
    assert "在盖章之前就已经无效" in texts(page)
    assert "都有效" not in texts(page)
    assert "保持有效" not in texts(page)
    page.placing.place(At("1", 40, 250))
    stamp_one(qtbot, page, monkeypatch)


def test_a_file_with_a_small_fault_goes_on_as_its_repaired_copy(
    qtbot: QtBot,
    window: MainWindow,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = file(tmp_path, b"X-Mailer: oa\r\n\r\n" + classic_pdf())
    window.take_files([path])
    page: StampPage = window.page("stamp")
    qtbot.waitUntil(lambda: page._repair.isVisibleTo(page), timeout=20_000)
    assert "修复后可以盖章" in texts(page)
    assert not page.stamp_button.isEnabled()
    page._repair.click()
    qtbot.waitUntil(lambda: page.ready, timeout=20_000)
    assert not page._repair.isVisibleTo(page)
    page.placing.place(At("1", 100, 100))
    done = stamp_one(qtbot, page, monkeypatch)
    assert done.path.name == "合同_已修复_已盖章.pdf"


def test_an_authors_prohibition_is_asked_about_once(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    with pymupdf.open(stream=classic_pdf(), filetype="pdf") as document:
        data = document.tobytes(
            encryption=pymupdf.PDF_ENCRYPT_AES_256, owner_pw="owner", permissions=0
        )
    path = file(tmp_path, data)
    page = opened_to_stamp(qtbot, window, path)
    page.placing.place(At("1", 100, 100))
    assert not page.stamp_button.isEnabled()
    page._accept.click()
    qtbot.waitUntil(lambda: page.stamp_button.isEnabled(), timeout=20_000)
    assert "不允许修改" in texts(page)
    page.open_files([path])
    qtbot.waitUntil(lambda: page.ready, timeout=20_000)
    page.placing.place(At("1", 100, 100))
    assert page.stamp_button.isEnabled()
    assert not page._accept.isVisibleTo(page)


def fails(monkeypatch: pytest.MonkeyPatch, folder: Path, function: str) -> None:
    """*folder* takes no files, or no names, any more."""
    before = getattr(publishing, function)

    def refuse(*arguments: Any) -> object:
        if arguments[-1].parent == folder:
            raise OSError(errno.EACCES, "denied")
        return before(*arguments)

    monkeypatch.setattr(publishing, function, refuse)


def test_a_folder_that_takes_no_files_is_told_before_the_pin_and_another_one_chosen(
    qtbot: QtBot,
    window: MainWindow,
    context: StandIn,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = file(tmp_path, classic_pdf())
    other = tmp_path / "别处"
    other.mkdir()
    fails(monkeypatch, path.parent, "_new")
    page = opened_to_stamp(qtbot, window, path)
    page.placing.place(At("1", 100, 100))
    asked = stamp_all(qtbot, page, monkeypatch, PIN)
    assert isinstance(page.run.outcomes[0].error, OutputNotWritable)
    assert isinstance(page.run.result, Failure)
    assert (asked, context.asked) == ([], [])
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(other))
    page.run.outcomes = []
    page.run.result.first.click()  # type: ignore[attr-defined]
    qtbot.waitUntil(lambda: bool(page.run.outcomes), timeout=30_000)
    done = page.run.outcomes[0].file
    assert done is not None
    assert done.path == other / "合同_已盖章.pdf"
    assert context.asked == [PIN]


def test_a_signed_file_whose_folder_fails_is_saved_elsewhere_without_another_pin(
    qtbot: QtBot,
    window: MainWindow,
    context: StandIn,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = file(tmp_path, classic_pdf())
    fails(monkeypatch, path.parent, "_give_name")
    page = opened_to_stamp(qtbot, window, path)
    page.placing.place(At("1", 100, 100))
    done = stamp_one(qtbot, page, monkeypatch)
    assert done.misplaced is not None
    assert isinstance(page.run.result, Success)
    target = tmp_path / "想要的.pdf"
    page.run.result.moved.emit(target)
    qtbot.waitUntil(target.exists, timeout=20_000)
    qtbot.waitUntil(lambda: page.run.outcomes[0].file.path == target, timeout=20_000)  # type: ignore[union-attr]
    qtbot.waitUntil(lambda: not done.path.exists(), timeout=20_000)
    assert context.signed == 1
    assert [entry.event for entry in context.journal.entries()] == ["stamp-begun", "stamped"]


def test_in_a_batch_what_would_fail_is_left_out_and_news_is_told_before_the_pin(
    qtbot: QtBot,
    window: MainWindow,
    context: StandIn,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    certified = classic_pdf(
        catalog=b"/Perms<</DocMDP 6 0 R>>",
        extra=[b"<</Type/Sig/Reference[<</TransformParams<</P 2>>>>]>>"],
    )
    paths = [
        file(tmp_path, classic_pdf(), "一.pdf"),
        file(tmp_path, certified, "二.pdf"),
        file(tmp_path, classic_pdf(catalog=b"/OpenAction<</S/JavaScript/JS(1)>>"), "三.pdf"),
    ]
    page = opened_to_stamp(qtbot, window, *paths)
    page.placing.place(At("1", 100, 100))
    page.files.all_alike()
    asked = answer(page, monkeypatch, PIN)
    page.stamp()
    qtbot.waitUntil(lambda: not page.before_pin.busy, timeout=30_000)
    assert asked == []
    assert "1 个文件有需要先知道的情况" in page._problem.text()
    page.stamp()
    qtbot.waitUntil(lambda: len(page.run.outcomes) == 3, timeout=30_000)
    assert isinstance(page.run.result, BatchResult)
    by_name = {outcome.order.path.name: outcome for outcome in page.run.outcomes}
    assert by_name["二.pdf"].error is not None
    assert by_name["一.pdf"].file is not None
    assert by_name["三.pdf"].file is not None
    assert context.signed == 2


def test_a_clock_that_is_not_the_platforms_is_told(
    qtbot: QtBot, window: MainWindow, context: StandIn, tmp_path: Path
) -> None:
    context.time_there = datetime.now(UTC) - timedelta(hours=3)
    page = opened_to_stamp(qtbot, window, file(tmp_path, classic_pdf()))
    first, *others = page.checklist.checks
    assert "校准电脑的时钟" in first.text
    assert any(not check.good for check in others), "what fails stands below it"


def test_a_date_that_would_harm_the_seal_beside_it_is_told_before_the_pin(
    qtbot: QtBot,
    window: MainWindow,
    context: StandIn,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain = opened_to_stamp(qtbot, window, file(tmp_path, classic_pdf()))
    plain.placing.place(At("1", 60, 100))
    field = plain.panel.date_field
    field.setCurrentIndex(field.findData("cn"))
    field.activated.emit(field.findData("cn"))
    answer(plain, monkeypatch, PIN, PIN)
    plain.stamp()
    qtbot.waitUntil(lambda: bool(plain.run.outcomes), timeout=30_000)
    first = plain.run.outcomes[0].file
    assert first is not None
    plain.run.outcomes = []
    plain.open_files([first.path])
    qtbot.waitUntil(lambda: plain.ready, timeout=20_000)
    plain.placing.place(At("1", 66, 101))
    field.setCurrentIndex(field.findData("cn"))
    field.activated.emit(field.findData("cn"))
    plain.stamp()
    qtbot.waitUntil(lambda: bool(plain.run.outcomes), timeout=30_000)
    assert isinstance(plain.run.outcomes[0].error, SealWouldHarm)
    assert context.asked == [PIN]


def test_a_file_that_claims_pdfa1_can_keep_it(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packet = b"<pdfaid:part>1</pdfaid:part>"
    stream = b"<</Type/Metadata/Subtype/XML/Length %d>>stream\n%s\nendstream" % (
        len(packet),
        packet,
    )
    page = opened_to_stamp(
        qtbot, window, file(tmp_path, classic_pdf(catalog=b"/Metadata 6 0 R", extra=[stream]))
    )
    assert "PDF/A-1 不允许" in texts(page)
    page._stencil.click()
    assert "PDF/A-1 不允许" not in texts(page)
    assert not page._stencil.isVisibleTo(page)
    page.placing.place(At("1", 100, 100))
    done = stamp_one(qtbot, page, monkeypatch)
    assert b"/SMask" not in done.path.read_bytes()


def test_pages_that_are_too_small_can_be_skipped(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    document = pymupdf.open()
    for width, height in ((595, 842), (60, 60), (595, 842)):
        document.new_page(width=width, height=height)
    page = opened_to_stamp(qtbot, window, file(tmp_path, document.tobytes()))
    page.placing.place(At("all", 60, 60))
    assert page.plan.placed == ()
    assert page._skip.isVisibleTo(page)
    page._skip.click()
    assert sorted(each.mark.page for each in page.placing.marks.values()) == [0, 2]
    assert not page._skip.isVisibleTo(page)
    page.placing.undo()
    assert page.plan.placed == ()
