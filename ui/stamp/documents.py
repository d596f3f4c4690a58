"""The files to be stamped: what is known of each, their list, and the prepared job on disk."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PySide6.QtCore import QObject, QSize, Qt, QTimer
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QListWidget, QListWidgetItem

from app.durable import replace_file
from app.errors import FileRepairable, explain
from app.placing.stamp_plan import Placed, Plan, to_json
from ui import theme
from ui.language import language, tr
from ui.shell.context import DocumentFacts
from ui.stamp.work import StampOutcome
from ui.tasks import Task, Tasks

NAME_WIDTH = 140
"""Pixels for a name in the list, beside its icon."""
SOON_MS = 300
"""How long after a change the prepared job is written down."""


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

    @property
    def stamped(self) -> bool:
        return self.outcome is not None and self.outcome.file is not None

    @property
    def waiting(self) -> bool:
        """Is there something to be stamped on it?"""
        return bool(self.plan.placed) and not self.stamped

    @property
    def wants_password(self) -> bool:
        """Is it closed by a password that is missing or wrong?"""
        if self.error is None:
            return False
        from crypto.pdf.reading.failures import PdfEncrypted, PdfPasswordWrong

        return isinstance(self.error, PdfEncrypted | PdfPasswordWrong)

    @property
    def repairable(self) -> bool:
        """Can a copy of it be repaired?"""
        return isinstance(self.error, FileRepairable)

    @property
    def state(self) -> tuple[str, str, str]:
        """Icon, colour role and words: how far it is."""
        if self.outcome is not None:
            if self.outcome.file is not None:
                return "circle-check", "good", tr("已盖章")
            if self.outcome.error is not None:
                return "circle-x", "bad", explain(self.outcome.error, language()).title
            return "clock", "muted", tr("未处理")
        if self.error is not None:
            return "circle-alert", "bad", explain(self.error, language()).title
        if self.facts is not None and self.facts.obstacle is not None:
            return "circle-alert", "bad", explain(self.facts.obstacle, language()).title
        if self.facts is not None and self.facts.asked:
            return "circle-alert", "bad", tr("需要您确认")
        if self.plan.placed and self.facts is not None and self.facts.notices:
            return "triangle-alert", "unknown", tr("已放置印章，请看检查结果")
        if self.plan.placed:
            return "stamp", "accent", tr("已放置印章")
        return "file-text", "muted", tr("未放置印章")


class FileList(QListWidget):
    """The files of a batch, a line on each. Only lines that changed are written anew."""

    def __init__(self) -> None:
        super().__init__()
        self._documents: Sequence[StampDocument] = ()
        self._said: list[tuple[str, str, str]] = []
        self.setAccessibleName(tr("要盖章的文件"))
        self.setFixedWidth(200)
        theme.set_role(self, "files")
        self.setUniformItemSizes(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)

    def show_documents(self, documents: Sequence[StampDocument]) -> None:
        """Replace the list; nothing is chosen then."""
        self._documents = documents
        self._said = [("", "", "")] * len(documents)
        size = QSize(0, 3 * self.fontMetrics().lineSpacing() + 16)  # the name may take two lines
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
            name = document.path.name
            item.setText(f"{_two_lines(name, self.fontMetrics())}\n{words}")
            item.setData(Qt.ItemDataRole.AccessibleTextRole, tr("，").join((name, words)))


def _two_lines(name: str, metrics: QFontMetrics) -> str:
    """*name* in two lines where one is too short for it: what tells files of a month apart stands
    in the middle as often as at the end."""
    first = len(name)
    while metrics.horizontalAdvance(name, first) > NAME_WIDTH:
        first -= 1
    rest = metrics.elidedText(name[first:], Qt.TextElideMode.ElideMiddle, NAME_WIDTH)
    return f"{name[:first]}\n{rest}" if rest else name


class PreparedJob(QObject):
    """The prepared job on disk: written in the pool, a moment after the last change."""

    def __init__(self, path: Path, tasks: Tasks, parent: QObject) -> None:
        super().__init__(parent)
        self._path, self._tasks = path, tasks
        self._documents: Sequence[StampDocument] = ()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(SOON_MS)
        self._timer.timeout.connect(self._write)
        self._writing: Task | None = None

    def keep(self, documents: Sequence[StampDocument]) -> None:
        """Remember what is placed on those that are not stamped yet."""
        self._documents = documents
        if not self._timer.isActive():
            self._timer.start()

    def _write(self) -> None:
        if self._writing is not None and not self._writing.finished:
            self._timer.start()  # one after the other
            return
        self._writing = self._tasks.work(_write, self._path, self._kept())

    def flush(self) -> None:
        """Write now what still waits to be written."""
        if self._timer.isActive():
            self._timer.stop()
            _write(self._path, self._kept())

    def read(self) -> list[tuple[Path, Plan]]:
        """The files of an interrupted session that are still there, with what was placed."""
        found = []
        try:
            kept = json.loads(self._path.read_text(encoding="utf-8"))
            for entry in kept:
                path = Path(entry["path"])
                if path.is_file():
                    found.append((path, Plan.from_json(entry["plan"])))
        except (OSError, ValueError, KeyError, TypeError):
            return []  # none, or written by another version
        return found

    def _kept(self) -> list[tuple[Path, tuple[Placed, ...]]]:
        """What is to be written, as it is now."""
        return [
            (document.path, document.plan.placed)
            for document in self._documents
            if document.waiting
        ]


def _write(path: Path, kept: Sequence[tuple[Path, tuple[Placed, ...]]]) -> None:
    content = [{"path": str(source), "plan": to_json(placed)} for source, placed in kept]
    try:
        replace_file(path, json.dumps(content, ensure_ascii=False).encode())
    except OSError:
        return  # the job on disk is a convenience: go on without it
