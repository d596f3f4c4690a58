"""A stranger's document or picture, drawn by the bounded process and by nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QImage, QPixmap
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from ui.canvas.document_pane import DocumentPane
from ui.canvas.renderer import BitmapRequest, Renderer
from ui.dialogs import Dialog
from ui.language import tr
from ui.widgets import button, label, row

if TYPE_CHECKING:
    from ui.shell.interface import Shell


class Picture(QLabel):
    """The first page of a file, as large as fits into *room* pixels."""

    def __init__(self, renderer: Renderer, name: str, room: QSize) -> None:
        super().__init__()
        self._renderer, self._room = renderer, room
        self._owner = f"picture-{id(self)}"
        self._document: int | None = None
        self.setAccessibleName(name)
        self.setFixedSize(room)
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setStyleSheet("background: white;")
        renderer.opened.connect(self._opened)
        renderer.failed.connect(self._failed)
        renderer.drawn.connect(self._drawn)
        renderer.undrawable.connect(self._undrawable)

    def show_file(self, path: Path) -> None:
        self.clear_file()
        self._document = self._renderer.open(path)

    def clear_file(self) -> None:
        """Forget the file; the process does, too."""
        if self._document is not None:
            self._renderer.close_document(self._document)
            self._document = None
        self.clear()

    def _opened(self, document: int, sizes: list[tuple[float, float]]) -> None:
        if document != self._document or not sizes:
            return
        width, height = sizes[0]
        fits = min(self._room.width() / width, self._room.height() / height)
        scale = fits * self.devicePixelRatioF()
        self._renderer.want(self._owner, [BitmapRequest(document, 0, scale)])

    def _drawn(self, request: BitmapRequest, image: QImage) -> None:
        if request.document == self._document and request.clip is None:
            image.setDevicePixelRatio(self.devicePixelRatioF())
            self.setPixmap(QPixmap.fromImage(image))

    def _failed(self, document: int, _reason: str) -> None:
        if document == self._document:
            self.setText(tr("无法显示"))

    def _undrawable(self, request: BitmapRequest) -> None:
        self._failed(request.document, "")


class PaperDialog(Dialog):
    """A document of an application, page by page."""

    def __init__(self, shell: Shell, path: Path, title: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setMinimumSize(900, 640)  # the layout alone would make it as low as it can be
        self.pane = DocumentPane(shell.renderer, f"paper-{id(self)}")
        whole = QVBoxLayout(self)
        whole.setContentsMargins(12, 12, 12, 12)
        whole.setSpacing(8)
        whole.addWidget(self.pane, 1)
        said = tr("材料由申请人上传，未经核实。平台已记下您打开过这份材料。")
        whole.addWidget(label(said, "small", wrap=True))
        whole.addLayout(row(None, button(tr("关闭"), self.accept)))
        self.pane.open(path)
        self.pane.title.setText(title)
        self.finished.connect(lambda _: self.pane.close_document())
