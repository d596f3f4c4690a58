"""盖章: thumbnails, canvas, and a panel with seals, placing, checklist and the one red button.

What is placed where is :mod:`ui.stamp.placing`'s, the run from the PIN to the result
:mod:`ui.stamp.run`'s. With several files the panel's lower half says for which of them the placing
counts. One module, though long: the page is where all parts of stamping meet.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.placing.stamp_plan import Plan
from ui.canvas.document_pane import DocumentPane
from ui.document.tools import DocumentTools
from ui.language import tr
from ui.room import room
from ui.shell import file_password
from ui.shell.recent import with_recent
from ui.stamp.before_pin import BeforePin
from ui.stamp.checklist import (
    Check,
    approval_checks,
    document_checks,
    holding,
    lent_checks,
    seal_checks,
    token_checks,
)
from ui.stamp.documents import StampDocument
from ui.stamp.job_files import JobFiles
from ui.stamp.placing import Placing
from ui.stamp.prepared import PreparedJob
from ui.stamp.run import StampRun
from ui.stamp.side_panel import SidePanel
from ui.stamp.work import Checked, StampOutcome
from ui.widgets import (
    DropArea,
    Split,
    centred,
    row,
    shortcut,
    tool,
)

if TYPE_CHECKING:
    from app.store.cabinet import SealRecord
    from app.store.lending import GrantRecord
    from app.store.use_requests import PolicyRecord
    from ui.shell.interface import Shell

PANEL_WIDTH = 346
WIDE = 1040
"""Pixels that files, thumbnails, page and panel need beside each other."""
NARROW = 760
"""Fewer have room for the page and the panel only."""


class StampPage(QWidget):
    """The page behind 盖章."""

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self._shell = shell
        self.setAccessibleName(tr("盖章"))
        self.prepared = PreparedJob(shell, self)
        self._took_over = False
        self.prepared.wanted.connect(self.resume)
        self.before_pin = BeforePin(shell, self)
        self.before_pin.changed.connect(lambda: self._check())
        self.before_pin.told.connect(lambda text: self._tell(text))
        self.before_pin.repaired.connect(self._repaired)
        self.before_pin.ready.connect(self._checked)
        self._drop = DropArea(
            "stamp",
            tr("把要盖章的 PDF 拖到这里"),
            tr("可以拖入多个文件或整个文件夹。原文件不会改动，结果另存为新文件。"),
            tr("选择文件…"),
        )
        self._drop.chosen.connect(self.choose)
        self.files = JobFiles(shell, lambda: self.run.busy, self)
        self.files.about_to_change.connect(self.before_pin.cancel)
        self.files.changed.connect(self._listed)
        self.files.chosen.connect(self._chosen)
        self.files.kept.connect(lambda: self._shown())
        self.files.copied.connect(self._copied)
        self.list = self.files.list
        self.pane = DocumentPane(shell.renderer, "stamp")
        self._tools()
        self.tools = DocumentTools(shell, self.pane, self)
        self.pane.loaded.connect(self._loaded)
        self.pane.view.shown.connect(self._shows)
        self.pane.broken.connect(self._broken)
        side = SidePanel(
            get_seals=lambda: shell.go("seals"),
            ask_password=self.ask_password,
            repair=lambda: self.before_pin.repair(self.document),
            accept=lambda: self.before_pin.accept(self.document),
            stencil=self._use_stencil,
            skip_small=lambda: self.placing.skip_small(),
            next_file=self.files.next,
            all_alike=self.files.all_alike,
            stamp=self.stamp,
            choose_use=self._choose_use,
        )
        self._lent_use = side.lent_use
        self._grants: dict[str, GrantRecord] = {}
        self._rules: dict[str, PolicyRecord] = {}
        """What seals that others lent are used under, by identifier of the copy."""
        self.rack, self.panel, self.checklist = side.rack, side.placing, side.checklist
        self._problem, self._password = side.problem, side.password
        self._repair, self._accept = side.repair, side.accept
        self._stencil, self._skip = side.stencil, side.skip_small
        self._folder: Path | None = None
        """Where outputs go because they cannot be where they should."""
        self._batch_note, self._choices = side.batch_note, side.choices
        self._next, self._all_alike = side.next, side.all_alike
        self.stamp_button, self._panel = side.stamp_button, side.frame
        self._reveal_checks, self._reveal_top = side.reveal_checks, side.reveal_top
        self.placing = Placing(self.pane, self.panel, self.rack, shell, self)
        self.placing.refused.connect(self._tell)
        self.placing.changed.connect(self._changed)
        self.placing.shown.connect(self._shown)
        self.rack.chosen.connect(self._chose_seal)
        self.run = StampRun(self, shell)
        self.run.seen.connect(self._show_run)
        self.run.ended.connect(self._ended)
        self.run.finished.connect(self._finished)
        self.run.closed.connect(self._close_run)
        self.run.retry.connect(self._retry)
        self.run.looked_at.connect(self.files.look_at)
        self.run.folder_chosen.connect(self._retry_in)
        self._side = QStackedWidget()
        self._side.addWidget(self._panel)
        self._side.addWidget(self.run)
        work = QWidget()
        self._across = row(self.list, spacing=0)
        self._across.addWidget(self.pane, 1)
        work.setLayout(self._across)
        self._stack = QStackedWidget()
        self._stack.addWidget(centred(with_recent(self._drop, shell.recent)))
        self._stack.addWidget(Split(work, self._side, PANEL_WIDTH, shell.state, "stamp panel"))
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self._stack)
        view = self.pane.view
        for keys, called in (
            ("Ctrl+Z", self.undo),
            ("Ctrl+Y", self.redo),
            ("Ctrl+Shift+Z", self.redo),
            ("Ctrl+Return", self.stamp),
            ("Ctrl+Enter", self.stamp),
            ("Ctrl+PgDown", self.files.next),
            ("Esc", self._escape),
            ("Ctrl++", lambda: view.set_zoom(view.zoom * 1.2)),
            ("Ctrl+=", lambda: view.set_zoom(view.zoom * 1.2)),
            ("Ctrl+-", lambda: view.set_zoom(view.zoom / 1.2)),
            ("Ctrl+0", lambda: view.fit("page")),
        ):
            shortcut(self, keys, called)
        shell.seals_changed.connect(self._show_seals)
        shell.tokens_changed.connect(self._check)
        self._show_seals()
        QTimer.singleShot(0, self._offer)

    def _tools(self) -> None:
        self._undo = tool("undo-2", tr("撤销"), self.undo, "Ctrl+Z")
        self._redo = tool("redo-2", tr("重做"), self.redo, "Ctrl+Y")
        self.pane.toolbar.insertWidget(0, self.files.opener)
        self.pane.toolbar.insertWidget(1, self._undo)
        self.pane.toolbar.insertWidget(2, self._redo)

    # --- what the shell calls --------------------------------------------------------------------

    def activated(self) -> None:
        self._read_grants()
        self._check()

    def panes(self) -> list[QWidget]:
        """Where F6 goes."""
        if self._stack.currentIndex() == 0:
            return [self._drop.button]
        cards = list(self.rack.cards.values())[:1]
        files = [self.list] if self.list.isVisible() else []
        return [*files, self.pane.thumbnails, self.pane.view, *cards, self.stamp_button]

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._make_room()

    def _make_room(self) -> None:
        """Where columns have no room the thumbnails give way, then the files stand above."""
        narrow = self.width() < room(NARROW)
        tight = narrow or (self.files.several and self.width() < room(WIDE))
        self.pane.make_room(thumbnails=not tight, narrow=narrow)
        self.files.make_room(narrow=narrow, tight=tight)
        direction = QBoxLayout.Direction.TopToBottom if narrow else QBoxLayout.Direction.LeftToRight
        self._across.setDirection(direction)

    def light_up(self, over: bool) -> None:
        self._drop.light_up(over)

    def closing(self) -> None:
        """The window is about to close: a prepared job is kept."""
        self.prepared.flush()

    def choose(self) -> None:
        """Let the person pick files."""
        self.files.choose()

    def open_files(self, paths: Sequence[Path]) -> None:
        """Add *paths* to the files to be stamped; a list that is stamped whole gives way."""
        self.files.add(paths)

    def _listed(self) -> None:
        """The list is another."""
        documents = self.documents
        if not documents:
            self._folder = None
        self._side.setCurrentIndex(0)
        self._choices.setVisible(self.files.several)
        self._batch_note.setVisible(self.files.several)
        self._stack.setCurrentIndex(1 if documents else 0)
        self._make_room()
        self.prepared.keep(documents)

    def undo(self) -> None:
        """Take back what was done last: a placing, or a change of the list."""
        placing = self._plan_can("undo")
        if not self.run.busy and not self.files.undo(placing=placing) and placing:
            self.placing.undo()
            self.files.unplaced()

    def redo(self) -> None:
        """Do again what was undone last."""
        placing = self._plan_can("redo")
        if not self.run.busy and not self.files.redo(placing=placing) and placing:
            self.placing.redo()

    def _plan_can(self, what: Literal["undo", "redo"]) -> bool:
        """Can a placing on the document being shown be undone or redone?"""
        if self.document is None or self.document.stamped:
            return False
        return self.plan.can_undo if what == "undo" else self.plan.can_redo

    def close_documents(self) -> None:
        """Back to the empty page; what is placed and not stamped is asked about."""
        self.files.close_all()

    # --- the document ----------------------------------------------------------------------------

    @property
    def documents(self) -> list[StampDocument]:
        """The files of the job."""
        return self.files.documents

    @property
    def document(self) -> StampDocument | None:
        """The one being shown."""
        return self.placing.document

    @property
    def ready(self) -> bool:
        """Are the pages of the document there, and is it known what may be done with it?"""
        document = self.document
        return bool(self.placing.boxes) and document is not None and document.facts is not None

    @property
    def plan(self) -> Plan:
        """Of the document being shown."""
        return self.placing.plan

    def _chosen(self, document: StampDocument | None) -> None:
        """Another document is to be shown."""
        if document is not None:
            self._show_document(document)
            return
        self.placing.take(None)
        self.pane.close_document()

    def _show_document(self, document: StampDocument) -> None:
        """On the canvas; once it is stamped, as it is then, and where the seal is in view."""
        same = document is self.document
        self.placing.take(document)
        self.pane.open(document.file, password=document.password, stay=same)
        self.before_pin.examine_later(document)

    def _shows(self) -> None:
        """The first page is there, and the processor is free for what takes longer."""
        self.before_pin.examine_waiting()
        self.placing.look_for_fields()

    def _loaded(self) -> None:
        self.placing.loaded()

    def _broken(self, reason: str) -> None:
        self.before_pin.examine_waiting()
        if reason == "password":
            self.ask_password()

    def ask_password(self) -> None:
        """The password that opens the document being shown."""
        document = self.document
        if document is None:
            return
        again = document.password is not None
        text = file_password.ask_file_password(self, document.path, again=again)
        if text:
            document.password, document.facts, document.error = text, None, None
            self._show_document(document)
            self.pane.view.setFocus(Qt.FocusReason.OtherFocusReason)
        else:
            self._password.setFocus(Qt.FocusReason.OtherFocusReason)

    def _use_stencil(self) -> None:
        """The document being shown gets its seals without transparency."""
        if self.document is not None:
            self.document.stencil = True
            self._check()

    def _repaired(self, document: StampDocument) -> None:
        """The document is its repaired copy now."""
        self.files.replaced(document)
        said = tr("已另存修复的副本：{name}", name=document.path.name)
        self._shell.notices.show_notice("repaired", "info", said)

    # --- seals and marks -------------------------------------------------------------------------

    def _show_seals(self) -> None:
        seals: Sequence[SealRecord] = self._shell.seals
        self.rack.show_seals(seals, self._shell.state.get("seal", ""))
        self.placing.show()
        self._read_grants()

    def _chose_seal(self, code: str) -> None:
        self._shell.state.put("seal", code)
        self.placing.show()
        self._show_lent_use()

    def _read_grants(self) -> None:
        """What lent seals may be used for, and what was chosen; whose approval seals need."""
        context = self._shell.context
        if not self.rack.seals:
            return

        def read() -> tuple[Sequence[GrantRecord], Sequence[PolicyRecord]]:
            return context.grants(), context.use_policies()

        self._shell.tasks.work(read, done=self._take_grants, failed=self._shell.complain)

    def _take_grants(self, known: tuple[Sequence[GrantRecord], Sequence[PolicyRecord]]) -> None:
        grants, rules = known
        self._grants = {grant.seal_id: grant for grant in grants if grant.side == "received"}
        self._rules = {rule.seal_id: rule for rule in rules}
        self._show_lent_use()

    def _show_lent_use(self) -> None:
        seal = self.rack.seals.get(self.rack.code)
        self._lent_use.show_grant(self._grants.get(seal.id) if seal is not None else None)
        self._check()

    def _choose_use(self, grant: GrantRecord, name: str, value: str) -> None:
        """Keep what the next uses are for."""
        choose = self._shell.context.choose_use
        self._shell.tasks.work(
            partial(choose, grant.side, grant.id, name, value),
            done=lambda _: self._read_grants(),
            failed=self._shell.complain,
        )

    def _changed(self) -> None:
        self.files.placed()
        self.prepared.keep(self.documents)

    def _copied(self) -> None:
        self._changed()
        self._check()

    def _shown(self) -> None:
        self._undo.setEnabled(self._plan_can("undo") or self.files.can_undo)
        self._redo.setEnabled(self._plan_can("redo") or self.files.can_redo)
        self._check()

    def _tell(self, problem: str) -> None:
        self._problem.setText(problem)
        self._problem.setVisible(bool(problem))
        self._skip.setVisible(bool(problem) and self.placing.can_skip)

    # --- the checklist ---------------------------------------------------------------------------

    def _used_codes(self) -> list[str]:
        placed = [p.seal_code for d in self.documents for p in d.plan.placed]
        return list(dict.fromkeys(placed)) or ([self.rack.code] if self.rack.code else [])

    def _serials(self) -> dict[str, str]:
        return holding(self._used_codes(), self.rack.seals, self._shell.tokens)

    def checks(self) -> list[Check]:
        """What must hold before the red button works; and what is good to know."""
        return [*self._general_checks(), *self._checks_of_shown()]

    def _general_checks(self) -> list[Check]:
        """Of seals and keys, whichever document it is."""
        codes = self._used_codes()
        return [
            *seal_checks(codes, self.rack.seals, datetime.now(UTC)),
            *lent_checks(codes, self.rack.seals, self._grants),
            *approval_checks(codes, self.rack.seals, self._rules),
            *token_checks(codes, self._serials(), self._shell.tokens),
        ]

    def _checks_of_shown(self) -> list[Check]:
        shown = self.document
        if shown is None:
            return []
        dated = any(placed.date for placed in shown.plan.placed)
        return document_checks(shown.facts, shown.error, stencil=shown.stencil, dated=dated)

    def _possible(self, waiting: Sequence[StampDocument]) -> bool:
        """May the red button be pressed? One file that is refused does not hold up the others:
        each is checked before the PIN."""
        others = any(not document.refused for document in waiting if document is not self.document)
        asked = self._general_checks() if others else self.checks()
        return bool(waiting) and all(check.good for check in asked)

    def _check(self) -> None:
        """Refresh the checklist and what may be pressed."""
        made = self.checks()
        waiting, several = self.files.waiting, self.files.several
        marks = [laid_mark.mark for laid_mark in self.placing.marks.values()]
        if self.documents and not waiting:
            made.append(Check(False, tr("还没有放置印章"), todo=True))
        elif marks and not several:
            pages = len({mark.page for mark in marks})
            made.append(
                Check(True, tr("{marks} 处印迹，{pages} 页", marks=len(marks), pages=pages))
            )
        self.checklist.show_checks(made)
        shown = self.document
        self._password.setVisible(shown is not None and shown.wants_password)
        self._repair.setVisible(shown is not None and shown.repairable)
        asked = shown is not None and shown.facts is not None and bool(shown.facts.asked)
        self._accept.setVisible(asked)
        self._stencil.setVisible(shown is not None and shown.loses_pdfa)
        possible = self._possible(waiting)
        checking = self.before_pin.busy
        self.stamp_button.setEnabled(possible and not self.run.busy and not checking)
        ready = sum(not document.refused for document in waiting)
        said = tr("盖章") if not several else tr("盖章（{count} 个文件）", count=ready)
        said = tr("正在检查…") if checking else said
        self.stamp_button.setText(f" {said}")
        self.stamp_button.setAccessibleName(said)
        if several:
            self._batch_note.setText(
                tr(
                    "{ready} / {count} 个文件已放置印章。逐份查看，或把这一份的放置用于全部。",
                    ready=ready,
                    count=sum(not document.stamped for document in self.documents),
                )
            )
            self._all_alike.setEnabled(bool(self.plan.placed))
            self._next.setEnabled(self.list.currentRow() < len(self.documents) - 1)
        self.list.refresh()

    # --- stamping --------------------------------------------------------------------------------

    def stamp(self) -> None:
        """The red button: everything is checked, then the PIN is asked."""
        self._check()
        if not self.stamp_button.isEnabled():
            return
        self._shell.notices.clear_passing()
        waiting = self.files.waiting
        for document in waiting:
            document.folder = self._folder or document.folder
        orders = [document.order for document in waiting]
        self.before_pin.start(self.documents, orders, self.rack.sizes)

    def _checked(self, found: list[Checked]) -> None:
        """Ask for the PIN of what may be stamped; what would fail is not begun."""
        refused = [
            StampOutcome(each.order, error=each.error, at=datetime.now(UTC))
            for each in found
            if each.error is not None
        ]
        orders = [checked.order for checked in found if checked.error is None]
        self.prepared.keep(self.documents)
        self.prepared.flush()  # what the run will do is on disk before it is done
        before = [
            document.outcome for document in self.documents if document.outcome and document.stamped
        ]
        if not orders:
            self.run.refuse(refused, self.rack.seals, before)
            return
        serial = next(iter(self._serials().values()), "")
        done = [*before, *refused]
        if not self.run.begin(orders, self.rack.sizes, serial, self.rack.seals, done):
            self._check()
            self.stamp_button.setFocus()
            return
        self.placing.remember()
        for outcome in refused:
            self._ended(outcome)

    def _show_run(self, run: bool) -> None:
        """What came of it, or (while the PIN is asked) what was checked."""
        self._side.setCurrentIndex(1 if run else 0)
        if run:
            self._reveal_top()  # for the next document
        else:
            self._reveal_checks()

    def _escape(self) -> None:
        """Stop what runs; else put the suggestions away."""
        if self.before_pin.busy:
            self.before_pin.cancel()
        elif self.run.busy:
            self.run.cancel()
        else:
            self.placing.forget_hits()

    def _ended(self, outcome: StampOutcome) -> None:
        """One file of a run is through."""
        for document in self.documents:
            if document.act == outcome.order.act:
                document.outcome = outcome
        self.prepared.keep(self.documents)
        self.list.refresh()

    def _finished(self, outcomes: list[StampOutcome]) -> None:
        by_act = {outcome.order.act: outcome for outcome in outcomes}
        for document in self.documents:
            document.outcome = by_act.get(document.act, document.outcome)
        self.list.refresh()
        self.prepared.keep(self.documents)
        if self.document is not None and self.document.stamped:
            self._show_document(self.document)

    def _retry(self) -> None:
        """What was not stamped, as it is placed now."""
        self._forget_failures(told=False)
        self._check()
        if self.stamp_button.isEnabled():
            self.stamp()
        elif self.run.result is not None:
            self.run.result.say(next((c.text for c in self.checks() if not c.good), ""))

    def _retry_in(self, folder: Path) -> None:
        """另存到…: the same once more, saved in another folder; no PIN was asked for it yet."""
        self._folder = folder
        self._retry()

    def _forget_failures(self, *, told: bool) -> None:
        """Of the run that has ended; *told*: what it has refused is not offered again."""
        for document in self.documents:
            if not document.stamped and document.outcome is not None:
                document.told = told
                document.outcome = None

    def _close_run(self, again: bool) -> None:
        """Back from the result: *again* begins with the same file anew."""
        self._side.setCurrentIndex(0)
        stamped = [document for document in self.documents if document.stamped]
        self._forget_failures(told=True)
        if again and stamped:
            self._folder = None
            self.files.begin([d.anew() if d.stamped else d for d in self.documents])
        elif stamped and len(stamped) == len(self.documents):
            self.close_documents()
        else:
            if stamped:  # what is done leaves: the next contract must not join it
                self.files.finish()
            self.placing.show()
            self.pane.view.setFocus(Qt.FocusReason.OtherFocusReason)

    # --- a prepared job survives a crash ---------------------------------------------------------

    def _offer(self) -> None:
        if not self._took_over:  # else the job on disk is the one that goes on
            self.prepared.offer()

    def take_over(self, before: StampPage) -> None:
        """Go on with the job of a page that was made in another language."""
        self._took_over = True
        self.prepared.take_over(before.prepared)
        for document in before.documents:
            document.facts = None  # said in that language
        self.files.show(before.documents, before.document)

    def resume(self) -> None:
        """Go on with the files of an interrupted session, as they were placed; what is done is
        shown."""
        if self.run.busy:
            return
        self._shell.notices.clear_notice("session")
        self._shell.go("stamp")
        documents = [*self.prepared.take_up(), *self.documents]
        first = next((document for document in documents if document.waiting), None)
        self.files.show(documents, first or self.document)
        self.pane.view.setFocus(Qt.FocusReason.OtherFocusReason)  # Ctrl+Enter stamps them
