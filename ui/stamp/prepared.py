"""The prepared job on disk: what is to be stamped, where, and by the name of which act."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from app.durable import replace_file
from app.placing.stamp_plan import Placed, Plan, to_json
from crypto.frozen import frozen
from ui.language import tr
from ui.stamp.documents import StampDocument
from ui.stamp.work import StampOutcome, sweep_between
from ui.tasks import Task

if TYPE_CHECKING:
    from app.many.resuming import StampedEarlier
    from ui.shell.context.whole import Context
    from ui.shell.interface import Shell

SESSION_FILE = "session.json"
"""In the folder of what a window remembers."""
DEMO_NOTICE = "demo session"
SOON_MS = 300
"""How long after a change the prepared job is written down."""


@frozen
class _Kept:
    """One document of the job, as it is written."""

    path: Path
    placed: tuple[Placed, ...]
    act: str
    own: bool
    folder: Path | None


class PreparedJob(QObject):
    """Written in the pool, a moment after the last change; before a run at once.

    What an earlier run left stays in it until somebody takes it up or puts it away."""

    wanted = Signal()
    """The person wants to go on with what an earlier run left."""

    def __init__(self, shell: Shell, parent: QObject) -> None:
        super().__init__(parent)
        self._shell, self._tasks = shell, shell.tasks
        self._path = shell.context.settings.folders.config / SESSION_FILE
        self.at_once = False
        """What an earlier run left is taken up without asking: the person has said so."""
        self._documents: Sequence[StampDocument] = ()
        self._left: list[StampDocument] = []
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(SOON_MS)
        self._timer.timeout.connect(self._write)
        self._writing: Task | None = None

    def keep(self, documents: Sequence[StampDocument]) -> None:
        """Remember *documents* and what is placed on them, while any is still to be stamped."""
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
            if self._writing is not None and self._writing.future is not None:
                self._writing.future.exception()  # an older state must not come after this one
            _write(self._path, self._kept())

    def read(self) -> list[StampDocument]:
        """The documents of an interrupted session, with what was placed on them."""
        found = read_job(self._path)
        if found:
            self._left = found
        return found

    def offer(self) -> None:
        """Ask the journal what of an interrupted job is done, and offer to go on with the rest."""
        left = self.read()
        acts = frozenset(document.act for document in left)
        self._tasks.work(sweep_between, self._shell.context, acts)
        if left:
            self._tasks.work(
                self._shell.context.stamped_earlier,
                {document.act: document.order.folders for document in left},
                done=partial(self._offer, left),
                failed=self._shell.complain,
            )

    def _offer(self, left: Sequence[StampDocument], earlier: Mapping[str, StampedEarlier]) -> None:
        for document in left:
            if document.act in earlier:
                document.outcome = StampOutcome.done_earlier(document.order, earlier[document.act])
        if any(document.waiting for document in left):
            if self.at_once:
                self.wanted.emit()
            else:
                self._tell(left)
        else:  # killed after the last one
            self.put_away()

    def _tell(self, left: Sequence[StampDocument]) -> None:
        missing = sum(document.waiting for document in left)
        done = sum(document.stamped for document in left)
        said = tr("上次有 {count} 个文件放好了印章，还没有盖。", count=missing)
        if done:
            said += tr("另外 {count} 个已经盖好，不会再盖。", count=done)
        action = (tr("继续"), self.wanted.emit)
        self._shell.notices.show_notice("session", "info", said, action, lasting=True)

    def take_over(self, before: PreparedJob) -> None:
        """What an earlier run left is offered by this page now."""
        self._left = before.take_up()
        if self._left:
            self._tell(self._left)

    def take_up(self) -> list[StampDocument]:
        """What an earlier run left, which now belongs to the list; it is kept as part of it."""
        left, self._left = self._left, []
        return left

    def put_away(self) -> None:
        """Nobody wants what an earlier run left."""
        self._left = []
        self.keep(self._documents)

    def _kept(self) -> list[_Kept]:
        """What is to be written, as it is now."""
        kept = []
        for job in (self._left, self._documents):
            if any(document.waiting for document in job):
                kept += [_Kept(d.path, d.plan.placed, d.act, d.own, d.folder) for d in job]
        return kept


class DemoJob(QObject):
    """A job that a crash has left in the demo: offered when the window opens, with one click back
    to it. Lives as long as the window."""

    def __init__(self, shell: Shell, parent: QObject) -> None:
        super().__init__(parent)
        self._shell = shell

    def offer(self) -> None:
        """Look for such a job, and offer to go on with it."""
        shell = self._shell
        shell.tasks.work(_is_left, shell.context, done=self._offer, failed=shell.complain)

    def _offer(self, left: bool) -> None:
        shell = self._shell
        if left and not shell.context.demo_pin:
            said = tr("上次在演示里放好了印章，还没有盖完。")
            shell.notices.show_notice(
                DEMO_NOTICE, "info", said, (tr("继续"), self.go_on), lasting=True
            )

    def go_on(self) -> None:
        """Into the demo, and on with its job."""
        shell = self._shell
        shell.notices.show_notice(DEMO_NOTICE, "info", tr("正在准备演示…"), lasting=True)

        def done(made: Context) -> None:
            shell.hold_polling(False)
            shell.enter_demo(made, go_on=True)

        def failed(error: BaseException) -> None:
            shell.hold_polling(False)
            shell.notices.clear_notice(DEMO_NOTICE)
            self._offer(True)
            shell.complain(error)

        shell.hold_polling(True)  # the virtual Ukeys of the demo are not one's own
        shell.tasks.device(shell.context.start_demo, done=done, failed=failed, progress=_quiet)


def _quiet(text: str) -> None:
    """The steps of the demo's start: the notice says enough."""


def _is_left(context: Context) -> bool:
    job = read_job(context.settings.folders.demo.config / SESSION_FILE)
    waiting = any(document.waiting for document in job)
    return waiting and not context.demo_pin and context.demo_possible


def read_job(path: Path) -> list[StampDocument]:
    """The documents of a job on disk, with what was placed on them; none if there is no job."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return [
            StampDocument(
                Path(each["path"]),
                Plan.from_json(each["plan"]),
                own=bool(each["own"]),
                act=str(each["act"]),
                folder=Path(each["folder"]) if each["folder"] else None,
            )
            for each in kept
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []  # none, or written by another version


def _write(path: Path, kept: Sequence[_Kept]) -> None:
    if not kept and not path.exists():
        return
    content = [
        {
            "path": str(each.path),
            "plan": to_json(each.placed),
            "act": each.act,
            "own": each.own,
            "folder": str(each.folder or ""),
        }
        for each in kept
    ]
    try:
        replace_file(path, json.dumps(content, ensure_ascii=False).encode())
    except OSError:
        return  # the job on disk is a convenience: go on without it
