"""A file on its way out of the window: dragged into a mail or a folder, or copied to be pasted.

Always as a copy: after a move the program it was dropped on may delete the file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QEvent, QMimeData, QObject, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDrag, QGuiApplication, QMouseEvent
from PySide6.QtWidgets import QApplication, QPushButton, QWidget

from ui import theme
from ui.language import tr
from ui.shell.notice import announce

Paths = Callable[[], Sequence[Path]]


def mime_of(paths: Sequence[Path]) -> QMimeData:
    """The files, as file managers and mail programs take them."""
    made = QMimeData()
    urls = [QUrl.fromLocalFile(str(path)) for path in paths]
    made.setUrls(urls)
    lines = "\n".join(("copy", *(bytes(url.toEncoded().data()).decode() for url in urls)))
    made.setData("x-special/gnome-copied-files", lines.encode())
    return made


def start_drag(source: QWidget, paths: Sequence[Path]) -> None:
    """Let the person drop *paths* somewhere."""
    drag = QDrag(source)
    drag.setMimeData(mime_of(paths))
    drag.setPixmap(theme.icon("file-text", "text", 32).pixmap(32, 32))
    drag.setHotSpot(QPoint(8, 8))
    drag.exec(Qt.DropAction.CopyAction)


class _Grip(QObject):
    """Turns a pull at a widget into a drag of files."""

    def __init__(self, widget: QWidget, paths: Paths) -> None:
        super().__init__(widget)
        self._widget, self._paths = widget, paths
        self._start: QPointF | None = None
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if not isinstance(event, QMouseEvent):
            return False
        kind = event.type()
        if kind == QEvent.Type.MouseButtonPress and event.button() is Qt.MouseButton.LeftButton:
            self._start = event.position()
        elif kind == QEvent.Type.MouseButtonRelease:
            self._start = None
        elif kind == QEvent.Type.MouseMove and self._start is not None:
            far = (event.position() - self._start).manhattanLength()
            paths = list(self._paths())
            if far >= QApplication.startDragDistance() and paths:
                self._start = None
                if isinstance(self._widget, QPushButton):
                    self._widget.setDown(False)
                start_drag(self._widget, paths)
                return True
        return False


def make_draggable(widget: QWidget, paths: Paths) -> None:
    """Who pulls at *widget* pulls out *paths*."""
    _Grip(widget, paths)
    widget.setCursor(Qt.CursorShape.OpenHandCursor)


class FilesOut(QPushButton):
    """Dragged, it gives the files away; pressed, by keyboard too, it copies them."""

    def __init__(self, paths: Sequence[Path]) -> None:
        several = len(paths) > 1
        text = tr("拖出或复制全部 {count} 个文件", count=len(paths))
        super().__init__(f" {text if several else tr('拖出或复制文件')}")
        self._paths = list(paths)
        self.setAccessibleName(self.text().strip())
        self.setToolTip(tr("拖到邮件或文件夹里；点一下复制，再到那里粘贴"))
        theme.set_icon(self, "copy", "text")
        make_draggable(self, lambda: self._paths)
        self.clicked.connect(self.copy)

    def copy(self) -> None:
        """To the clipboard, as files."""
        QGuiApplication.clipboard().setMimeData(mime_of(self._paths))
        self.setText(f" {tr('已复制，可以到邮件或文件夹里粘贴')}")
        self.setAccessibleName(self.text().strip())
        announce(self)
