"""The files to be stamped: what is known of each, and their list."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PySide6.QtCore import QMimeData, QPoint, QSize, Qt, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QDrag,
    QDragEnterEvent,
    QDragMoveEvent,
    QDropEvent,
    QFontMetrics,
)
from PySide6.QtWidgets import QAbstractItemView, QListWidget, QListWidgetItem, QMenu

from app.errors import FileRepairable, explain
from app.placing.stamp_plan import Plan
from ui import theme
from ui.language import language, pair, tr
from ui.room import room
from ui.shell.context.values import DocumentFacts
from ui.stamp.work import StampOrder, StampOutcome
from ui.widgets import pop_up, shortcut

LINES_MIME = "application/x-sealdesk-lines"
WIDTH = 200
NAME_WIDTH = 140
"""For a name in the list, beside its icon; both as :func:`ui.room.room` has them."""


@dataclass
class StampDocument:
    """One file to be stamped, with what is placed on it."""

    path: Path
    plan: Plan = field(default_factory=Plan)
    own: bool = False
    """In a batch: placed by hand, not copied from another file."""
    facts: DocumentFacts | None = None
    error: BaseException | None = None
    password: str | None = field(default=None, repr=False)
    outcome: StampOutcome | None = None
    act: str = field(default_factory=lambda: secrets.token_hex(8))
    """By which the journal knows whether it is done (:attr:`app.stamping.StampJob.act`)."""

    folder: Path | None = None
    """Where the output goes instead of where it usually goes."""
    stencil: bool = False
    """Its seals are drawn without transparency."""
    told: bool = False
    """A result has said why it is refused: until it is mended it is offered no more."""

    @property
    def stamped(self) -> bool:
        return self.outcome is not None and self.outcome.result is not None

    @property
    def done_earlier(self) -> bool:
        """Did an earlier session stamp it?"""
        return self.outcome is not None and self.outcome.earlier is not None

    @property
    def file(self) -> Path:
        """What there is of it now: once it is stamped, the output."""
        result = self.outcome.result if self.outcome else None
        return result.path if result else self.path

    def anew(self) -> StampDocument:
        """The same file, to be stamped once more: another act."""
        return StampDocument(self.path, password=self.password)

    @property
    def order(self) -> StampOrder:
        """What is to be done with it."""
        return StampOrder(
            self.path, self.plan.placed, self.password, self.folder, self.act, self.stencil
        )

    @property
    def waiting(self) -> bool:
        """Is there something to be stamped on it?"""
        return bool(self.plan.placed) and not self.stamped and not (self.told and self.refused)

    @property
    def refused(self) -> bool:
        """Is it known that no seal can be put on it as it is?"""
        return self.error is not None or bool(self.facts and self.facts.obstacle)

    @property
    def refusal(self) -> BaseException | None:
        """Why no seal is put on it, or was not."""
        tried = self.outcome.error if self.outcome is not None else None
        return tried or self.error or (self.facts.obstacle if self.facts is not None else None)

    @property
    def wants_password(self) -> bool:
        """Is it closed by a password that is missing or wrong?"""
        if self.error is None:
            return False
        from crypto.pdf.reading.failures import PdfEncrypted, PdfPasswordWrong

        return isinstance(self.error, PdfEncrypted | PdfPasswordWrong)

    @property
    def loses_pdfa(self) -> bool:
        """Does it claim PDF/A-1, which a seal with transparency would end?"""
        told = self.facts.notices if self.facts else ()
        return not self.stencil and any(notice.code == "pdfa1" for notice in told)

    @property
    def repairable(self) -> bool:
        """Can a copy of it be repaired?"""
        return isinstance(self.error, FileRepairable)

    @property
    def state(self) -> tuple[str, str, str]:
        """Icon, colour role and words: how far it is."""
        if self.outcome is not None:
            if self.outcome.result is not None:
                return "circle-check", "good", tr("已盖章")
            if self.outcome.error is not None:
                return "circle-x", "bad", explain(self.outcome.error, language()).title
            return "clock", "muted", tr("未处理")
        if self.refusal is not None:
            return "circle-alert", "bad", explain(self.refusal, language()).title
        if self.facts is not None and self.facts.asked:
            return "triangle-alert", "unknown", tr("需要您确认")
        if self.plan.placed and self.facts is not None and self.facts.notices:
            return "triangle-alert", "unknown", tr("已放置印章，请看检查结果")
        if self.plan.placed:
            return "stamp", "accent", tr("已放置印章")
        return "file-text", "muted", tr("未放置印章")


class FileList(QListWidget):
    """The files of a batch, a line on each. Only lines that changed are written anew.

    Delete removes those that are chosen, Alt+Up and Alt+Down move one, as the menu says; the mouse
    drags those that are chosen."""

    removed = Signal(list)
    """Numbers of the lines that are to go."""
    moved = Signal(list, int)
    """Numbers of the lines that are to move; the first of them becomes the line of that number."""

    def __init__(self) -> None:
        super().__init__()
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        for keys, called in (
            ("Delete", self.remove_chosen),
            ("Alt+Up", lambda: self.move_current(-1)),
            ("Alt+Down", lambda: self.move_current(1)),
        ):
            shortcut(self, keys, called)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragDrop)
        self.setDragDropOverwriteMode(False)
        self._name = secrets.token_bytes(16)
        """By which it knows what was dragged from itself."""
        self._documents: Sequence[StampDocument] = ()
        self._said: list[tuple[str, str, str]] = []
        self.setAccessibleName(tr("要盖章的文件"))
        self.make_room(narrow=False)
        theme.set_role(self, "files")
        self.setUniformItemSizes(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)

    def make_room(self, narrow: bool) -> None:
        """A column beside the page; in a *narrow* window one line above it."""
        most = 16_777_215
        self.setMinimumSize(0 if narrow else room(WIDTH), 0)
        self.setMaximumWidth(most if narrow else room(WIDTH))
        self.setMaximumHeight(self._row_height + 4 if narrow else most)

    @property
    def _row_height(self) -> int:
        return 3 * self.fontMetrics().lineSpacing() + 16  # the name may take two lines

    def show_documents(self, documents: Sequence[StampDocument]) -> None:
        """Replace the list; nothing is chosen then."""
        self._documents = documents
        self._said = [("", "", "")] * len(documents)
        size = QSize(0, self._row_height)
        self.blockSignals(True)
        self.clear()
        for document in documents:
            item = QListWidgetItem()
            item.setData(Qt.ItemDataRole.AccessibleTextRole, document.path.name)
            item.setToolTip(str(document.path))
            item.setSizeHint(size)
            self.addItem(item)
        self.blockSignals(False)
        self.refresh()

    def remove_chosen(self) -> None:
        rows = [index.row() for index in self.selectedIndexes()]
        if rows:
            self.removed.emit(rows)

    def move_current(self, by: int) -> None:
        row = self.currentRow()
        if 0 <= row + by < self.count() and row >= 0:
            self.moved.emit([row], row + by)

    # --- dragged by the mouse --------------------------------------------------------------------

    def mimeTypes(self) -> list[str]:
        return [LINES_MIME]

    def dragged(self) -> QMimeData:
        """What is dragged: the lines that are chosen."""
        made = QMimeData()
        made.setData(LINES_MIME, self._name)
        return made

    def startDrag(self, actions: Qt.DropAction) -> None:
        drag = QDrag(self)
        drag.setMimeData(self.dragged())
        drag.exec(Qt.DropAction.CopyAction)

    def _is_own(self, data: QMimeData) -> bool:
        return bytes(data.data(LINES_MIME).data()) == self._name

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if self._is_own(event.mimeData()):
            super().dragEnterEvent(event)
        else:
            event.ignore()  # files from elsewhere are the window's

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        if self._is_own(event.mimeData()):
            super().dragMoveEvent(event)
            event.acceptProposedAction()
        else:
            event.ignore()

    def dropEvent(self, event: QDropEvent) -> None:
        self.setState(QAbstractItemView.State.NoState)  # else the line between the rows stays
        self.viewport().update()
        if not self._is_own(event.mimeData()):
            event.ignore()
            return
        event.setDropAction(Qt.DropAction.CopyAction)
        event.accept()
        rows = sorted(index.row() for index in self.selectedIndexes())
        below = self._line_at(event.position().toPoint())
        to = below - sum(row < below for row in rows)
        if rows and rows != list(range(to, to + len(rows))):
            self.moved.emit(rows, to)

    def _line_at(self, point: QPoint) -> int:
        """The number of lines above *point*, where a line counts from its middle on."""
        index = self.indexAt(point)
        if not index.isValid():
            return self.count()
        return index.row() + (point.y() > self.visualRect(index).center().y())

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        several = len(self.selectedIndexes()) > 1
        removing = tr("移除选中的文件") if several else tr("移除这个文件")
        for words, keys, called in (
            (removing, "Delete", self.remove_chosen),
            (tr("上移"), "Alt+Up", lambda: self.move_current(-1)),
            (tr("下移"), "Alt+Down", lambda: self.move_current(1)),
        ):
            # the keys are shown; they work by the list's own shortcuts
            menu.addAction(f"{words}\t{keys}", called)
        by_keyboard = event.reason() == QContextMenuEvent.Reason.Keyboard
        pop_up(menu, event.globalPos(), by_keyboard)

    def refresh(self) -> None:
        """Say anew how far each is."""
        for number, document in enumerate(self._documents):
            state = document.state
            if state == self._said[number]:
                continue
            self._said[number] = state
            item = self.item(number)
            icon, role, words = state
            item.setIcon(theme.icon(icon, role))
            name = document.file.name
            told = _whole(document)
            item.setToolTip(told)
            item.setData(Qt.ItemDataRole.AccessibleDescriptionRole, told)
            name_lines = _two_lines(name, self.fontMetrics(), ending=document.stamped)
            item.setText(f"{name_lines}\n{words}")
            item.setData(Qt.ItemDataRole.AccessibleTextRole, tr("，").join((name, words)))


def _whole(document: StampDocument) -> str:
    """Where the file is, and where its output; of one that is refused, why and what to do."""
    if not document.stamped:
        refusal = document.refusal
        if refusal is None:
            return "\n".join((str(document.path), document.state[2]))
        message = explain(refusal, language())
        head = f"{message.title} {message.code}"
        return "\n".join((str(document.path), head, message.cause, message.remedy))
    return "\n".join((pair(tr("盖章后的文件"), document.file), pair(tr("原文件"), document.path)))


def _two_lines(name: str, metrics: QFontMetrics, *, ending: bool) -> str:
    """*name* in two lines where one is too short for it: what tells files of a month apart stands
    in the middle as often as at the end. *ending*: all of the end, where an output's suffix is."""
    mode = Qt.TextElideMode.ElideLeft if ending else Qt.TextElideMode.ElideMiddle
    first, wide = len(name), room(NAME_WIDTH)
    while metrics.horizontalAdvance(name, first) > wide:
        first -= 1
    rest = metrics.elidedText(name[first:], mode, wide)
    return f"{name[:first]}\n{rest}" if rest else name
