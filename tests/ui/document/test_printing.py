"""Printing: at the exact size, from the process that draws, and never passed off as signed."""

from collections.abc import Callable
from pathlib import Path

import pymupdf
import pytest
from PIL import Image
from PySide6.QtGui import QPageSize
from PySide6.QtPrintSupport import QPrinter
from PySide6.QtWidgets import QDialog, QLabel
from pytestqt.qtbot import QtBot

from app.placing.stamp_plan import At
from crypto.lengths import MM
from tests.world.desk import StandIn
from tests.world.processes import kill as end_process
from ui.canvas.renderer import Renderer
from ui.document import printing
from ui.document.printing import PrintDialog, PrintJob, larger_than_paper
from ui.shell.window import MainWindow

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")
BAR = (30.0, 40.0, 130.0, 50.0)
"""A black bar on every page: left, top, right, bottom in millimetres."""


def barred(folder: Path, *sizes: tuple[float, float]) -> Path:
    path = folder / "barred.pdf"
    with pymupdf.open() as document:
        for width, height in sizes:
            page = document.new_page(width=width * MM, height=height * MM)
            page.draw_rect(pymupdf.Rect(*(v * MM for v in BAR)), color=None, fill=(0, 0, 0))
        document.save(path)
    return path


def pdf_printer(target: Path) -> QPrinter:
    made = QPrinter(QPrinter.PrinterMode.HighResolution)
    made.setOutputFormat(QPrinter.OutputFormat.PdfFormat)
    made.setOutputFileName(str(target))
    made.setPageSize(QPageSize(QPageSize.PageSizeId.A4))
    return made


def printed(
    qtbot: QtBot, renderer: Renderer, path: Path, target: Path, pages: list[int], *, exact: bool
) -> tuple[int, str]:
    job = PrintJob(renderer, pdf_printer(target), pages, exact=exact, parent=renderer)
    with qtbot.waitSignal(job.ended, timeout=30_000) as told:
        job.start(path, None, None)
    job.deleteLater()
    sent, reason = told.args
    return sent, reason


def bar_on(page: pymupdf.Page) -> tuple[float, ...]:
    """Where the bar lies on a page, millimetres."""
    pixels = page.get_pixmap(dpi=127)  # 5 to a millimetre
    picture = Image.frombytes("RGB", (pixels.width, pixels.height), pixels.samples).convert("L")
    box = picture.point(lambda value: 255 * (value < 128)).getbbox()
    assert box is not None
    return tuple(value / 5 for value in box)


def test_a_page_of_a4_is_printed_at_its_exact_size(
    qtbot: QtBot, renderer: Renderer, tmp_path: Path
) -> None:
    target = tmp_path / "out.pdf"
    path = barred(tmp_path, (210, 297), (297, 210), (210, 297))
    assert printed(qtbot, renderer, path, target, [0, 1], exact=True) == (2, "")
    with pymupdf.open(target) as document:
        assert document.page_count == 2
        upright, landscape = document[0], document[1]
        assert landscape.rect.width > landscape.rect.height
        for page in (upright, landscape):
            assert bar_on(page) == pytest.approx(BAR, abs=0.5)


def test_a_smaller_page_is_centred_and_not_enlarged(
    qtbot: QtBot, renderer: Renderer, tmp_path: Path
) -> None:
    target = tmp_path / "out.pdf"
    path = barred(tmp_path, (150, 200))
    for exact in (True, False):
        assert printed(qtbot, renderer, path, target, [0], exact=exact) == (1, "")
        with pymupdf.open(target) as document:
            left, top, right, bottom = bar_on(document[0])
        assert (right - left, bottom - top) == pytest.approx((100, 10), abs=0.5)
        assert left == pytest.approx(30 + (210 - 150) / 2, abs=0.7)


def test_a_larger_page_is_shrunk_only_where_that_is_wished(
    qtbot: QtBot, renderer: Renderer, tmp_path: Path
) -> None:
    target = tmp_path / "out.pdf"
    path = barred(tmp_path, (420, 594))
    assert larger_than_paper([(420, 594), (210, 297), (297, 210)], pdf_printer(target)) == 1
    for exact, width in ((True, 100.0), (False, 50.0)):
        printed(qtbot, renderer, path, target, [0], exact=exact)
        with pymupdf.open(target) as document:
            page = document[0]
            shown = bar_on(page) if not exact else None
        if shown is not None:
            assert shown[2] - shown[0] == pytest.approx(width, abs=0.5)


def test_a_renderer_that_dies_ends_the_job_and_not_the_window(
    qtbot: QtBot, renderer: Renderer, tmp_path: Path
) -> None:
    path = barred(tmp_path, *[(210, 297)] * 3)
    job = PrintJob(renderer, pdf_printer(tmp_path / "out.pdf"), [0, 1], exact=True, parent=renderer)

    def kill(request: object, _: object) -> None:
        process = renderer.process_id
        if process is not None:
            end_process(process)

    with qtbot.waitSignal(job.ended, timeout=30_000) as told:
        renderer.drawn.connect(kill)
        job.start(path, None, None)
    renderer.drawn.disconnect(kill)
    assert told.args == [1, "page"]
    job.deleteLater()


def test_a_job_can_be_cancelled(qtbot: QtBot, renderer: Renderer, tmp_path: Path) -> None:
    path = barred(tmp_path, *[(210, 297)] * 30)
    job = PrintJob(
        renderer, pdf_printer(tmp_path / "out.pdf"), range(30), exact=True, parent=renderer
    )
    with qtbot.waitSignal(job.ended, timeout=30_000) as told:
        renderer.drawn.connect(lambda *_: job.cancel())
        job.start(path, None, None)
    sent, reason = told.args
    assert reason == "cancelled"
    assert sent < 30
    job.deleteLater()


def test_the_window_says_before_and_after_that_a_print_has_no_signature(
    qtbot: QtBot,
    window: MainWindow,
    context: StandIn,
    make_pdf: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: list[str] = []

    def accept(dialog: PrintDialog) -> int:
        said.extend(each.text() for each in dialog.findChildren(QLabel))
        assert dialog.exact.isChecked()
        return int(QDialog.DialogCode.Accepted)

    monkeypatch.setattr(PrintDialog, "exec", accept)
    target = tmp_path / "printed.pdf"
    monkeypatch.setattr(
        printing, "choose_printer", lambda pages, *_: (pdf_printer(target), list(range(pages)))
    )
    window.go("stamp", [make_pdf(pages=2)])
    page = window.page("stamp")
    qtbot.waitUntil(lambda: page.ready, timeout=30_000)
    page.placing.place(At("1", 100, 100))
    page.tools.print_out()
    qtbot.waitUntil(
        lambda: any("已送到打印机：2 页" in text for text in window.notices.texts), timeout=30_000
    )
    assert any("没有电子签名" in text for text in said)
    assert any("还没有盖的印章" in text for text in said)
    assert any("没有电子签名" in text for text in window.notices.texts)
    with pymupdf.open(target) as document:
        assert document.page_count == 2


def test_nothing_is_printed_when_the_person_would_rather_not(
    qtbot: QtBot,
    window: MainWindow,
    make_pdf: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(PrintDialog, "exec", lambda _: int(QDialog.DialogCode.Rejected))
    window.go("verify", [make_pdf()])
    page = window.page("verify")
    qtbot.waitUntil(lambda: page.pane.view.page_count == 1, timeout=30_000)
    page.tools.print_out()
    assert not any("打印" in text for text in window.notices.texts)
