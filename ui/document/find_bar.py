"""Ctrl+F: where a text stands in the document being shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QRectF, Qt, QTimer
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QLineEdit

from app.errors import explain
from ui import theme
from ui.language import language, tr
from ui.room import room
from ui.shell.notice import announce
from ui.widgets import OneLine, row, shortcut, tool

if TYPE_CHECKING:
    from app.placing.placement import TextHit
    from ui.canvas.document_pane import DocumentPane
    from ui.shell.interface import Shell
    from ui.tasks import Task

WAIT_MS = 250
"""After the last letter typed, before the search begins."""


class FindBar(QFrame):
    """A strip below the toolbar; hidden until it is asked for."""

    def __init__(self, shell: Shell, pane: DocumentPane) -> None:
        super().__init__()
        self._shell, self._pane = shell, pane
        self._task: Task | None = None
        self._hits: tuple[TextHit, ...] = ()
        self._current = -1
        self._searched = ""
        theme.set_role(self, "toolbar")
        self.field = QLineEdit()
        self.field.setAccessibleName(tr("在文件里查找"))
        self.field.setPlaceholderText(tr("在文件里查找"))
        self.field.setToolTip(tr("在文件里查找"))
        self.field.setMinimumWidth(room(50))
        self.field.setMaximumWidth(room(280))
        self.field.returnPressed.connect(lambda: self.step(1))
        self._wait = QTimer(self)
        self._wait.setSingleShot(True)
        self._wait.setInterval(WAIT_MS)
        self._wait.timeout.connect(self.search)
        self.field.textChanged.connect(lambda _: self._wait.start())
        self.said = OneLine("", "muted")
        self._before = tool("chevron-up", tr("上一处"), lambda: self.step(-1), "Shift+F3")
        self._after = tool("chevron-down", tr("下一处"), lambda: self.step(1), "F3")
        close = tool("x", tr("关闭查找"), self.close_bar, "Esc")
        inner = row(self.field, self._before, self._after, spacing=6)
        inner.setStretch(0, 3)  # before what was found, up to its own limit
        inner.addWidget(self.said, 1)
        inner.addWidget(close)
        inner.setContentsMargins(12, 4, 12, 4)
        self.setLayout(inner)
        self.hide()
        shortcut(self, "Shift+Return", lambda: self.step(-1))
        pane.loaded.connect(self._another)

    def event(self, event: QEvent) -> bool:
        """Esc here closes the bar, whatever it does on the page."""
        if isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape:
            if event.type() == QEvent.Type.ShortcutOverride:
                event.accept()
                return True
            if event.type() == QEvent.Type.KeyPress:
                self.close_bar()
                return True
        return super().event(event)

    def open_bar(self) -> None:
        """Show the bar with the focus in it."""
        self.show()
        self.field.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.field.selectAll()
        if self.field.text():
            self.search()

    def close_bar(self) -> None:
        """Nothing is marked any more; the focus is back on the page."""
        self._forget()
        self.hide()
        self._pane.view.setFocus(Qt.FocusReason.OtherFocusReason)

    def _another(self) -> None:
        """Another document, or another state of it."""
        self._searched = ""
        if self.isVisible():
            self.search()

    def _forget(self) -> None:
        if self._task is not None:
            self._task.drop()
            self._task = None
        self._hits, self._current, self._searched = (), -1, ""
        self._pane.view.text.show_hits((), -1)

    def search(self) -> None:
        """Look for what the field says."""
        self._wait.stop()
        text = self.field.text().strip()
        if text == self._searched:
            return
        self._forget()
        self._searched = text
        path = self._pane.path
        if not text or path is None:
            self._tell("")
            return
        if self._pane.end is not None:
            self._tell(tr("看以前的版本时不能查找"))
            return
        self._tell(tr("正在查找…"))
        self._task = self._shell.tasks.work(
            self._shell.context.find,
            path,
            text,
            self._pane.password,
            done=self._take,
            failed=lambda error: self._tell(explain(error, language()).title),
        )

    def _take(self, hits: tuple[TextHit, ...]) -> None:
        self._task = None
        count = self._pane.view.page_count
        self._hits = tuple(hit for hit in hits if 0 <= hit.page < count)
        if not self._hits:
            self._tell(tr("没有找到；图片里的字找不到"))
            return
        here = self._pane.view.page
        first = next((n for n, hit in enumerate(self._hits) if hit.page >= here), 0)
        self._look_at(first)

    def step(self, by: int) -> None:
        """To the next place (1) or the one before (-1), around the end."""
        if self.field.text().strip() != self._searched:
            self.search()
        elif self._hits:
            self._look_at((self._current + by) % len(self._hits))

    def _look_at(self, number: int) -> None:
        self._current, hit = number, self._hits[number]
        boxes = [
            (each.page, QRectF(each.left_mm, each.top_mm, each.width_mm, each.height_mm))
            for each in self._hits
        ]
        self._pane.view.text.show_hits(boxes, number)
        self._pane.view.go_to(hit.page, hit.top_mm + hit.height_mm / 2)
        place = tr("{number} / {count}", number=number + 1, count=len(self._hits))
        self._tell(tr("{place}，第 {page} 页", place=place, page=hit.page + 1))

    def _tell(self, text: str) -> None:
        self.said.setText(text)
        self.said.setAccessibleName(text)
        for step in (self._before, self._after):
            step.setEnabled(bool(self._hits))
        if text:
            announce(self.said)
