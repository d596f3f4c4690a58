"""The files of the job: which there are, in which order, and which is shown.

What is removed or moved can be undone, in step with what is placed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QFileDialog, QMenu, QToolButton, QWidget

from app.placing.stamp_plan import Plan
from ui import theme
from ui.files import pdf_files
from ui.language import tr
from ui.stamp.documents import FileList, StampDocument
from ui.stamp.file_changes import Change, FileChanges, Moved, Removed, may_close
from ui.widgets import opens

if TYPE_CHECKING:
    from ui.shell.interface import Shell


class JobFiles(QObject):
    """See the module."""

    about_to_change = Signal()
    changed = Signal()
    """There are other files, or the same in another order."""
    chosen = Signal(object)
    """The :class:`StampDocument` that is to be shown; None: there is none."""
    copied = Signal()
    """What is placed on the file being shown is placed on others, too."""
    kept = Signal()
    """The list has changed, and the document that was shown is shown still."""

    def __init__(self, shell: Shell, busy: Callable[[], bool], parent: QWidget) -> None:
        """*busy* tells whether a key is signing: then the list stays as it is."""
        super().__init__(parent)
        self._shell, self._busy, self._page = shell, busy, parent
        self._changes = FileChanges()
        self.documents: list[StampDocument] = []
        self.current: StampDocument | None = None
        """The one being shown."""
        self.list = FileList()
        self.list.currentRowChanged.connect(self._select)
        self.list.removed.connect(self.remove)
        self.list.moved.connect(self.move)
        self.opener = self._opener()

    @property
    def several(self) -> bool:
        return len(self.documents) > 1

    @property
    def waiting(self) -> list[StampDocument]:
        """Those on which something is to be stamped."""
        return [document for document in self.documents if document.waiting]

    # --- which files -----------------------------------------------------------------------------

    def add(self, paths: Sequence[Path]) -> None:
        """Add *paths* to the list; what was stamped in this session gives way."""
        if self._hindered():
            return
        self._shell.recent.add(paths)
        self.finish()
        here = {document.path.resolve(): document for document in self.documents}
        new = {path.resolve(): StampDocument(path) for path in paths}
        added = [document for path, document in new.items() if path not in here]
        known = [here[path] for path in new if path in here]
        if known:
            said = tr("{count} 个文件已经在列表里。", count=len(known))
            self._shell.notices.show_notice("files", "info", said)
        if added or known:
            self.show([*self.documents, *added], (added or known)[0])

    def begin(self, documents: list[StampDocument]) -> None:
        """Another job: nothing of the one before is needed any more."""
        self._changes.forget()
        self.show(documents, documents[0] if documents else None)

    def finish(self) -> None:
        """What is done leaves the list, and the sample that the program has opened; what an earlier
        session has done, while its job waits for the rest, is part of the job's report and
        stays."""
        going_on = any(document.waiting for document in self.documents)
        samples = self._shell.context.settings.folders.cache
        left = [
            document
            for document in self.documents
            if not (document.stamped and not (going_on and document.done_earlier))
            and not (document.path.parent == samples and not document.plan.placed)
        ]
        if len(left) == len(self.documents):
            return
        self._changes.forget()
        shown = next((document for document in left if document is self.current), None)
        self.show(left, shown or next(iter(left), None))

    def show(self, documents: list[StampDocument], current: StampDocument | None) -> None:
        """The list is *documents* now, and *current* of them is shown."""
        self.about_to_change.emit()
        shown, self.documents = self.current, documents
        self.list.show_documents(documents)
        self.list.setVisible(self.several)
        self.changed.emit()
        if current is None:
            self.current = None
            self.chosen.emit(None)
            return
        if current is shown:  # its pages are there
            self.list.blockSignals(True)
        self.list.setCurrentRow(self.row_of(current))
        self.list.blockSignals(False)
        self.kept.emit()

    def row_of(self, document: StampDocument) -> int:
        return next(number for number, each in enumerate(self.documents) if each is document)

    def close_all(self) -> None:
        """No files any more; what is placed and not stamped is asked about."""
        waiting = len(self.waiting)
        if not self._hindered() and (not waiting or may_close(waiting, self._page)):
            self.begin([])

    def _hindered(self) -> bool:
        if self._busy():
            said = tr("正在盖章，盖完以后再改动文件列表。")
            self._shell.notices.show_notice("files", "info", said)
        else:
            self._shell.notices.clear_notice("files")
        return self._busy()

    def choose(self) -> None:
        """Let the person pick files."""
        names, _ = QFileDialog.getOpenFileNames(
            self._page, tr("选择要盖章的文件"), str(self._shell.folder()), "PDF (*.pdf)"
        )
        if names:
            self._shell.remember_folder(Path(names[0]).parent)
            self.add([Path(name) for name in names])

    def choose_folder(self) -> None:
        """Let the person pick a folder; all PDF files in it join the list."""
        name = QFileDialog.getExistingDirectory(
            self._page, tr("选择文件夹"), str(self._shell.folder())
        )
        if name:
            self._shell.remember_folder(Path(name))
            self.add(pdf_files([Path(name)]))

    def make_room(self, *, narrow: bool, tight: bool) -> None:
        """A *narrow* page has the files above it; on a *tight* one the button is its icon alone."""
        icon, both = (
            Qt.ToolButtonStyle.ToolButtonIconOnly,
            Qt.ToolButtonStyle.ToolButtonTextBesideIcon,
        )
        self.opener.setToolButtonStyle(icon if tight else both)
        self.list.make_room(narrow)

    def _opener(self) -> QToolButton:
        """The button of the toolbar under which all this is found."""
        made = QToolButton()
        made.setText(f" {tr('打开')}")  # Qt leaves little room after an icon
        theme.set_icon(made, "folder-open")
        made.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        made.setAccessibleName(tr("打开"))
        menu = QMenu(made)
        menu.addAction(tr("选择文件…"), self.choose)
        menu.addAction(tr("选择文件夹…"), self.choose_folder)
        menu.addSeparator()
        menu.addAction(tr("移除这个文件"), self.list.remove_chosen)
        menu.addAction(tr("上移"), lambda: self.list.move_current(-1))
        menu.addAction(tr("下移"), lambda: self.list.move_current(1))
        menu.addAction(tr("关闭全部文件"), self.close_all)
        opens(made, menu)
        return made

    # --- which is shown --------------------------------------------------------------------------

    def _select(self, row: int) -> None:
        if 0 <= row < len(self.documents):
            self.current = self.documents[row]
            self.chosen.emit(self.current)

    def look_at(self, path: Path) -> None:
        """Show the file of that path."""
        for number, document in enumerate(self.documents):
            if document.path == path:
                self.list.setCurrentRow(number)

    def replaced(self, document: StampDocument) -> None:
        """*document* has become another file: its line says so, and it is shown."""
        self.list.show_documents(self.documents)
        self.list.setCurrentRow(self.row_of(document))

    def next(self) -> None:
        """逐份查看: the next file, with the seals of this one if it has none yet."""
        row = self.list.currentRow() + 1
        if self.current is None or not 0 < row < len(self.documents):
            return
        document = self.documents[row]
        if not document.plan.placed and not document.own:
            document.plan = Plan(self.current.plan.placed)
            self.copied.emit()
        self.list.setCurrentRow(row)

    def all_alike(self) -> None:
        """Place the seals of this file on every file that was not placed by hand."""
        if self.current is None:
            return
        pattern = self.current.plan.placed
        for document in self.documents:
            if document is not self.current and not document.own:
                document.plan = Plan(pattern)
        self.copied.emit()

    # --- changes that can be undone --------------------------------------------------------------

    def remove(self, rows: Sequence[int]) -> None:
        """Take files from the list, with what is placed on them; undo brings them back."""
        rows = [row for row in rows if 0 <= row < len(self.documents)]
        if rows and not self._hindered():
            self._change(Removed.of(self.documents, rows), min(rows))

    def move(self, rows: Sequence[int], to: int) -> None:
        """Move files within the list: the first of them is in line *to* then."""
        rows = [row for row in rows if 0 <= row < len(self.documents)]
        if rows and not self._hindered():
            self._change(Moved.of(self.documents, rows, to), to)

    def placed(self) -> None:
        """Something was placed on a file, or a placing was done again."""
        self._changes.placed += 1

    def unplaced(self) -> None:
        """A placing was undone, which has itself counted as one."""
        self._changes.placed -= 2

    @property
    def can_undo(self) -> bool:
        return self._changes.can_undo

    @property
    def can_redo(self) -> bool:
        return self._changes.can_redo

    def undo(self, *, placing: bool) -> bool:
        """Take back the last change of the list, unless a *placing* can be undone that is newer;
        False: it is that."""
        if not (self._changes.undo_is_next or (self.can_undo and not placing)):
            return False
        before = self.documents
        after = self._changes.undo(before)
        back = [n for n, each in enumerate(after) if not any(each is was for was in before)]
        self._again(after, back[0] if back else 0)
        if back:
            self.list.setCurrentRow(back[0])
        return True

    def redo(self, *, placing: bool) -> bool:
        """Do again the change of the list that was undone last, unless it is a *placing*'s turn."""
        if not (self._changes.redo_is_next or (self.can_redo and not placing)):
            return False
        self._again(self._changes.redo(self.documents), self.list.currentRow())
        return True

    def _change(self, change: Change, row: int) -> None:
        """Change the list; then the file in line *row* is shown, unless the one that was is there
        still."""
        self._again(self._changes.do(change, self.documents), row)

    def _again(self, documents: list[StampDocument], row: int) -> None:
        shown = next((document for document in documents if document is self.current), None)
        fallback = documents[min(max(row, 0), len(documents) - 1)] if documents else None
        self.show(documents, shown or fallback)
        if self.list.isVisible():
            self.list.setFocus()
