"""打印: what is seen, at its exact size. The pages come as pictures from the process that draws.

A print has no signature, and the person is told so before and after.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QMarginsF, QObject, QPointF, QRectF, QSizeF, Signal
from PySide6.QtGui import QImage, QPageLayout, QPageSize, QPainter
from PySide6.QtPrintSupport import QPrintDialog, QPrinter
from PySide6.QtWidgets import QDialog, QRadioButton, QVBoxLayout, QWidget

from crypto.lengths import MM
from ui.canvas.renderer import BitmapRequest, Renderer
from ui.dialogs import Dialog
from ui.language import tr
from ui.widgets import button, label, row

DPI = 300
"""Of the pictures; printers draw no finer a scan, and a page of A4 takes 26 MB."""
MAX_PIXELS = 36_000_000
INCH_MM = 25.4
SLACK_MM = 2.0
"""By how much a page may be larger than the paper without anything being lost."""


class PrintDialog(Dialog):
    """What a print is worth, and in which size it is made; the printer is chosen after it."""

    def __init__(self, name: str, unstamped: bool, parent: QWidget) -> None:
        """*unstamped*: seals are placed that the file does not have yet."""
        super().__init__(parent)
        self.setWindowTitle(tr("打印"))
        self.setMinimumWidth(460)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(24, 20, 24, 20)
        whole.setSpacing(10)
        whole.addWidget(label(tr("打印"), "title"))
        whole.addWidget(label(name, "muted", wrap=True))
        note = tr(
            "打印件没有电子签名：纸上的印章只是图像，不能验证。需要对方能够验证时，请发电子文件。"
        )
        whole.addWidget(label(note, "unknown", wrap=True))
        if unstamped:
            said = tr("放好还没有盖的印章不在文件里，不会打印。")
            whole.addWidget(label(said, "unknown", wrap=True))
        self.exact = QRadioButton(tr("实际大小（印章和备案的一样大）"))
        self.exact.setChecked(True)
        self.fitting = QRadioButton(tr("缩到纸张以内"))
        whole.addWidget(self.exact)
        whole.addWidget(self.fitting)
        go_on = button(tr("选择打印机…"), self.accept, role="default")
        go_on.setDefault(True)
        whole.addLayout(row(None, button(tr("取消"), self.reject), go_on))
        self.setAccessibleName(note)


def choose_printer(pages: int, current: int, parent: QWidget) -> tuple[QPrinter, list[int]] | None:
    """The system's dialog: the printer and the pages (0-based); None if it was cancelled."""
    printer = QPrinter(QPrinter.PrinterMode.HighResolution)
    dialog = QPrintDialog(printer, parent)
    dialog.setMinMax(1, pages)
    dialog.setOption(QPrintDialog.PrintDialogOption.PrintPageRange)
    dialog.setOption(QPrintDialog.PrintDialogOption.PrintCurrentPage)
    accepted = dialog.exec() == QDialog.DialogCode.Accepted
    dialog.deleteLater()
    if not accepted:
        return None
    kind = printer.printRange()
    if kind == QPrinter.PrintRange.CurrentPage:
        return printer, [current]
    if kind == QPrinter.PrintRange.PageRange and printer.fromPage() > 0:
        return printer, list(range(printer.fromPage() - 1, min(printer.toPage(), pages)))
    return printer, list(range(pages))


def larger_than_paper(sizes: Sequence[tuple[float, float]], printer: QPrinter) -> int:
    """How many pages of these *sizes* (mm) lose something at their exact size."""
    paper = printer.pageLayout().pageSize().size(QPageSize.Unit.Millimeter)
    short, long = sorted((paper.width(), paper.height()))
    return sum(min(size) > short + SLACK_MM or max(size) > long + SLACK_MM for size in sizes)


class PrintJob(QObject):
    """One document on its way to one printer; opens it anew, so that the view may go on."""

    ended = Signal(int, str)
    """How many pages were sent, and why not all ("": all were; "cancelled": the person's wish)."""

    def __init__(
        self,
        renderer: Renderer,
        printer: QPrinter,
        pages: Sequence[int],
        *,
        exact: bool,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._renderer, self._printer, self._exact = renderer, printer, exact
        self._pages = list(pages)
        self._sizes: list[tuple[float, float]] = []
        self._document: int | None = None
        self._wanted: BitmapRequest | None = None
        self._painter: QPainter | None = None
        self._sent = 0
        renderer.opened.connect(self._opened)
        renderer.failed.connect(self._failed)
        renderer.drawn.connect(self._drawn)
        renderer.undrawable.connect(self._undrawable)

    def start(self, path: Path, end: int | None, password: str | None) -> None:
        """Begin; :attr:`ended` follows."""
        self._printer.setFullPage(True)
        self._printer.setPageMargins(QMarginsF(0, 0, 0, 0))
        self._printer.setDocName(path.name)
        self._document = self._renderer.open(path, end=end, password=password)

    def cancel(self) -> None:
        """Send no more pages."""
        self._end("cancelled")

    def _opened(self, document: int, sizes: list[tuple[float, float]]) -> None:
        if document == self._document:
            self._sizes = [(width / MM, height / MM) for width, height in sizes]
            self._pages = [page for page in self._pages if page < len(sizes)]
            self._ask()

    def _failed(self, document: int, reason: str) -> None:
        if document == self._document:
            self._end(reason)

    def _ask(self) -> None:
        if self._sent == len(self._pages):
            self._end("")
            return
        page = self._pages[self._sent]
        width, height = self._sizes[page]
        scale = min(DPI, self._printer.resolution()) / 72
        scale = min(scale, math.sqrt(MAX_PIXELS / max(1.0, width * height * MM * MM)))
        self._wanted = BitmapRequest(self._document or 0, page, scale)
        self._renderer.want("print", [self._wanted])

    def _drawn(self, request: BitmapRequest, picture: QImage) -> None:
        if request != self._wanted:
            return
        self._wanted = None
        size = self._sizes[request.page]
        landscape = size[0] > size[1]
        orientation = QPageLayout.Orientation
        self._printer.setPageOrientation(
            orientation.Landscape if landscape else orientation.Portrait
        )
        if self._painter is None:
            self._painter = QPainter()
            begun = self._painter.begin(self._printer)
        else:
            begun = self._printer.newPage()
        if not begun:
            self._end("printer")
            return
        self._painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        self._painter.drawImage(self._place(size), picture)
        self._sent += 1
        self._ask()

    def _place(self, size: tuple[float, float]) -> QRectF:
        """Where a page of that *size* (mm) lies on the paper, in the printer's dots."""
        dots = self._printer.resolution() / INCH_MM
        layout, resolution = self._printer.pageLayout(), self._printer.resolution()
        paper = QRectF(layout.fullRectPixels(resolution))
        wanted = QSizeF(size[0] * dots, size[1] * dots)
        if not self._exact:
            factor = min(1.0, paper.width() / wanted.width(), paper.height() / wanted.height())
            wanted *= factor
        room = paper.size() - wanted
        return QRectF(QPointF(room.width() / 2, room.height() / 2), wanted)

    def _undrawable(self, request: BitmapRequest) -> None:
        if request == self._wanted:
            self._end("page")

    def _end(self, reason: str) -> None:
        if self._document is None:
            return
        document, self._document, self._wanted = self._document, None, None
        self._renderer.close_document(document)
        if reason and self._painter is not None:
            self._printer.abort()
        if self._painter is not None and self._painter.isActive():
            self._painter.end()
        self._painter = None
        self.ended.emit(self._sent, reason)
