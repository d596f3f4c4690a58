"""The menu of a document at the end of its toolbar, and the keys for what is in it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QLabel,
    QMenu,
    QWidget,
)

from app.publishing import copy_to
from ui.dialogs import ask
from ui.document.drag_out import make_draggable
from ui.document.find_bar import FindBar
from ui.files import ask_where, reveal
from ui.language import tr
from ui.widgets import copy_text, opens, pop_up, tool

if TYPE_CHECKING:
    from ui.canvas.document_pane import DocumentPane
    from ui.document.printing import PrintJob
    from ui.shell.interface import Shell


class DocumentTools(QObject):
    """For one :class:`DocumentPane` of a page."""

    def __init__(self, shell: Shell, pane: DocumentPane, page: QWidget) -> None:
        """*page*: while it is shown the keys work, wherever in the window the focus is."""
        super().__init__(page)
        self._shell, self._pane, self._page = shell, pane, page
        self._printing: PrintJob | None = None
        self._copying = False
        """The selection is to be copied as soon as all its pages were read."""
        pane.view.text.changed.connect(self._copy_when_read)
        self.find = FindBar(shell, pane)
        pane.add_strip(self.find)
        self.button = tool("ellipsis", tr("文件操作"), lambda: None)
        menu = QMenu(self.button)
        opens(self.button, menu)
        self._actions: dict[str, QAction] = {}
        view = pane.view
        self._add(menu, "find", tr("查找…"), "Ctrl+F", self.find.open_bar)
        self._add(menu, "copy", tr("复制选中的文字"), "Ctrl+C", self.copy)
        self._add(menu, "all", tr("选中这一页的文字"), "Ctrl+A", self.select_page)
        menu.addSeparator()
        menu.addAction(tr("最近的文件"), partial(shell.recent.pop_up, page))
        menu.addSeparator()
        self._add(menu, "page", tr("整页"), "", partial(view.fit, "page"))
        self._add(menu, "right", tr("向右转"), "Ctrl+R", partial(view.rotate, 1))
        self._add(menu, "left", tr("向左转"), "Ctrl+Shift+R", partial(view.rotate, -1))
        menu.addSeparator()
        self._add(menu, "save", tr("另存为…"), "Ctrl+S", self.save_as)
        self._add(menu, "print", tr("打印…"), "Ctrl+P", self.print_out)
        self._add(menu, "reveal", tr("打开所在文件夹"), "", self.reveal)
        pane.toolbar.addWidget(self.button)
        make_draggable(pane.title, lambda: [pane.path] if pane.path and pane.end is None else [])
        menu.aboutToShow.connect(self._update)
        for keys, by in (("F3", 1), ("Shift+F3", -1)):
            again = QAction(page)
            again.setShortcut(QKeySequence(keys))
            again.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
            again.triggered.connect(partial(self._find_again, by))
            page.addAction(again)
        view.menu_asked.connect(partial(pop_up, menu))

    def _add(
        self, menu: QMenu, name: str, text: str, keys: str, called: Callable[[], object]
    ) -> None:
        action = QAction(text, menu)
        if keys:
            action.setShortcut(QKeySequence(keys))
            action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
        action.triggered.connect(lambda: called() if self._pane.view.page_count else None)
        menu.addAction(action)
        self._page.addAction(action)
        self._actions[name] = action

    def _update(self) -> None:
        there = self._pane.view.page_count > 0
        for action in self._actions.values():
            action.setEnabled(there)
        self._actions["copy"].setEnabled(bool(self._pane.view.text.selected))

    # --- text ------------------------------------------------------------------------------------

    def copy(self) -> None:
        """What is selected on the pages, or in the text that has the focus, to the clipboard."""
        focus = QApplication.focusWidget()
        layer = self._pane.view.text
        if isinstance(focus, QLabel) and focus.hasSelectedText():
            copy_text(focus.selectedText())
        elif not layer.complete:  # the last pages are being read
            self._copying = True
        elif layer.selected:
            copy_text(layer.selected)

    def _copy_when_read(self) -> None:
        if self._copying and self._pane.view.text.complete:
            self._copying = False
            self.copy()

    def select_page(self) -> None:
        """All the text of the page in view."""
        self._pane.view.text.select_page(self._pane.view.page)

    def _find_again(self, by: int) -> None:
        if self.find.isVisible():
            self.find.step(by)
        elif self._pane.view.page_count:
            self.find.open_bar()

    # --- the file --------------------------------------------------------------------------------

    def save_as(self) -> None:
        """A copy of what is shown, byte for byte, under another name."""
        path, end = self._pane.path, self._pane.end
        if path is None:
            return
        suggested = self._shell.folder() / path.name
        target = ask_where(self._page, tr("另存为"), suggested, "PDF (*.pdf)")
        if target is None:
            return
        self._shell.remember_folder(target.parent)
        self._shell.tasks.work(
            copy_to, path, target, end, done=self._saved, failed=self._shell.complain
        )

    def _saved(self, path: Path) -> None:
        notices = self._shell.notices
        show = (tr("打开所在文件夹"), partial(reveal, path, self._say))
        notices.show_notice("saved", "good", tr("已另存为 {path}", path=path), show)

    def print_out(self) -> None:
        """What is shown, on paper."""
        from ui.document import printing

        pane, path = self._pane, self._pane.path
        unstamped = any(item.movable for item in pane.view.items)
        if path is None or self._printing is not None:
            return
        asked = printing.PrintDialog(path.name, unstamped, self._page)
        accepted, exact = asked.exec() == QDialog.DialogCode.Accepted, asked.exact.isChecked()
        asked.deleteLater()
        view = pane.view
        chosen = (
            printing.choose_printer(view.page_count, view.page, self._page) if accepted else None
        )
        if chosen is None:
            return
        printer, pages = chosen
        lost = printing.larger_than_paper([view.page_size(page) for page in pages], printer)
        if exact and lost:
            smaller, cut = tr("缩到纸张以内"), tr("照实际大小，边缘会裁掉")
            said = tr("有 {count} 页比纸大。", count=lost)
            answer = ask(self._page, tr("打印"), said, smaller, cut, tr("取消"))
            if answer == tr("取消"):
                return
            exact = answer == cut
        self._printing = job = printing.PrintJob(
            self._shell.renderer, printer, pages, exact=exact, parent=self
        )
        job.ended.connect(partial(self._printed, len(pages)))
        stop = (tr("取消"), job.cancel)
        self._shell.notices.show_notice("print", "info", tr("正在打印…"), stop)
        job.start(path, pane.end, pane.password)

    def _printed(self, wanted: int, sent: int, reason: str) -> None:
        job, self._printing = self._printing, None
        if job is not None:
            job.deleteLater()
        if not reason:
            said = tr("已送到打印机：{count} 页。打印件没有电子签名，不能验证。", count=sent)
            self._shell.notices.show_notice("print", "good", said)
            return
        words = {
            "cancelled": tr("已取消打印"),
            "printer": tr("打印机没有接受"),
            "page": tr("有一页无法显示"),
        }
        why = words.get(reason, tr("文件无法打开"))
        said = tr("{why}；{count} 页中送出了 {sent} 页。", why=why, count=wanted, sent=sent)
        self._shell.notices.show_notice("print", "warning", said)

    def reveal(self) -> None:
        """The file, in the system's file manager."""
        if self._pane.path is not None:
            reveal(self._pane.path, self._say)

    def _say(self, text: str) -> None:
        self._shell.notices.show_notice("saved", "warning", text)
