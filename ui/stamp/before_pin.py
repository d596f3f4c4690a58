"""What happens to documents before the PIN: examined, repaired, said yes to, and checked at last.

All of it is work for the pool (:class:`ui.shell.context.parts.Preparer`); what was found out is
kept in the documents. Nothing here shows anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from ui.language import tr
from ui.shell.context.values import DocumentFacts
from ui.stamp.documents import StampDocument
from ui.stamp.work import Checked, StampOrder, check_orders

if TYPE_CHECKING:
    from app.placing.placement import SealSize
    from ui.shell.interface import Shell
    from ui.tasks import Task

LONGEST_MS = 1000
"""How long the examination of a document waits for its first page."""


class BeforePin(QObject):
    """The checks of one stamp page."""

    changed = Signal()
    """Something is known that was not, or a check has begun or ended."""
    told = Signal(str)
    """What a person should read; "" for nothing any more."""
    repaired = Signal(object)
    """A document that has become its repaired copy."""
    ready = Signal(list)
    """The orders, each :class:`ui.stamp.work.Checked`, of which the person knows all there is."""

    def __init__(self, shell: Shell, parent: QObject) -> None:
        super().__init__(parent)
        self._shell = shell
        self._task: Task | None = None
        self._documents: Sequence[StampDocument] = ()
        self._waiting: StampDocument | None = None
        """Is examined when its first page has been painted."""
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(LONGEST_MS)
        self._patience.timeout.connect(self.examine_waiting)

    @property
    def busy(self) -> bool:
        """Are orders being checked?"""
        return self._task is not None

    def examine_later(self, document: StampDocument) -> None:
        """Examine a document that is being opened, but let its first page come first: both want the
        processor. :meth:`examine_waiting` says that it is there, or that none will come."""
        self.examine_waiting()
        self._waiting = document
        self._patience.start()

    def examine_waiting(self) -> None:
        """Examine the document that waits, if any does."""
        self._patience.stop()
        document, self._waiting = self._waiting, None
        if document is not None:
            self.examine(document)

    def examine(self, document: StampDocument) -> None:
        """Find out what must be known of a document, unless that is known."""

        def done(facts: DocumentFacts) -> None:
            document.facts, document.error = facts, None
            self.changed.emit()

        def failed(error: BaseException) -> None:
            document.error = error
            self.changed.emit()

        if document.facts is None:
            self._shell.tasks.work(
                self._shell.context.preparer.examine,
                document.path,
                document.password,
                done=done,
                failed=failed,
            )

    def repair(self, document: StampDocument | None) -> None:
        """修复后盖章: the document becomes a repaired copy, saved beside the original."""
        if document is None or not document.repairable:
            return

        def done(path: Path) -> None:
            document.path, document.facts, document.error = path, None, None
            self.repaired.emit(document)

        self._shell.tasks.work(
            self._shell.context.preparer.repair,
            document.path,
            document.password,
            done=done,
            failed=self._shell.complain,
        )

    def accept(self, document: StampDocument | None) -> None:
        """仍然盖章: the person says yes to what is asked of the document."""
        if document is None or document.facts is None:
            return

        def done(facts: DocumentFacts) -> None:
            document.facts = facts
            self.changed.emit()

        self._shell.tasks.work(
            self._shell.context.preparer.accept,
            document.facts,
            done=done,
            failed=self._shell.complain,
        )

    def start(
        self,
        documents: Sequence[StampDocument],
        orders: Sequence[StampOrder],
        sizes: Mapping[str, SealSize],
    ) -> None:
        """Check *orders*, which are for some of *documents*."""
        self._documents = documents
        self.told.emit("")
        self._task = self._shell.tasks.work(
            check_orders,
            self._shell.context,
            orders,
            sizes,
            done=self._done,
            failed=self._failed,
            progress=self._progress,
        )
        self.changed.emit()

    def cancel(self) -> None:
        """Stop checking; nothing has been begun."""
        if self._task is not None:
            self._task.drop()
            self._task = None
            self.told.emit("")
            self.changed.emit()

    def _progress(self, number: int) -> None:
        if len(self._documents) > 1:
            self.told.emit(tr("正在检查第 {number} 个文件…", number=number + 1))

    def _failed(self, error: BaseException) -> None:
        self._task = None
        self.told.emit("")
        self.changed.emit()
        self._shell.complain(error)

    def _done(self, found: list[Checked]) -> None:
        self._task = None
        news = self._keep(found)
        self.told.emit(
            tr("{count} 个文件有需要先知道的情况，见列表。看过后请再按一次盖章。", count=news)
            if news
            else ""
        )
        self.changed.emit()
        if not news:
            self.ready.emit(found)

    def _keep(self, found: Sequence[Checked]) -> int:
        """Keep the facts; of how many documents has the person not heard all of them?"""
        facts = {each.order.path: each.facts for each in found if each.facts is not None}
        news = 0
        broken = {checked.order.path: checked.error for checked in found if checked.facts is None}
        for document in self._documents:
            document.error = broken.get(document.path, document.error)
            known = facts.get(document.path)
            if known is None:
                continue
            document.error = None
            news += len(known.notices) > (len(document.facts.notices) if document.facts else 0)
            document.facts = known
        return news
