"""From the red button to the result: the PIN, the progress, what came of it.

Shown where the panel was. A wrong PIN asks again with the tries that are left; nothing is retried
by itself. The results are :mod:`ui.stamp.results`'s.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QProgressBar, QPushButton, QVBoxLayout, QWidget

from app.durable import discard
from app.errors import explain
from app.publishing import move_to
from app.steps import ApprovalWait, StampStep
from ui import theme
from ui.approvers import named
from ui.language import language, tr
from ui.seal_card import kind_name
from ui.shell.pin_dialog import ask_pin
from ui.stamp.results import BatchResult, Failure, Result, Success
from ui.stamp.work import StampOrder, StampOutcome, stamp_orders
from ui.widgets import button, clear_layout, column, label, row, scrolled

if TYPE_CHECKING:
    from app.placing.placement import SealSize
    from app.store.cabinet import SealRecord
    from ui.shell.context.values import TokenView
    from ui.shell.interface import Shell
    from ui.tasks import Task

STEPS = tuple(StampStep)


def step_titles() -> dict[StampStep, str]:
    """What the person reads of a step of :func:`app.stamping.stamp`."""
    return {
        StampStep.CHECK: tr("检查印章和授权"),
        StampStep.DRAW: tr("绘制印迹"),
        StampStep.COPY: tr("计算文件摘要"),
        StampStep.SIGN: tr("Ukey 正在签名"),
        StampStep.APPEND: tr("写入签名"),
        StampStep.SYNC: tr("保存到磁盘"),
        StampStep.VERIFY: tr("验证结果"),
        StampStep.PUBLISH: tr("生成文件"),
        StampStep.JOURNAL: tr("记入台账"),
        StampStep.DONE: tr("完成"),
    }


class StampRun(QFrame):
    """One run over one or many files."""

    seen = Signal(bool)
    """True: the run is to be seen; False: the checks, because the PIN is asked."""
    ended = Signal(object)
    """The outcome of one file, while the run goes on."""
    finished = Signal(list)
    """The outcomes, when the run has ended however it did."""
    closed = Signal(bool)
    """The person is done with the result; True: once more."""
    retry = Signal()
    """What was not stamped is to be tried again."""
    looked_at = Signal(object)
    """Path of a document that the person wants to see."""
    folder_chosen = Signal(object)
    """What was not stamped is to be tried again and saved in this folder."""

    def __init__(self, page: QWidget, shell: Shell) -> None:
        super().__init__()
        self._page, self._shell = page, shell
        theme.set_role(self, "panel")
        self._task: Task | None = None
        self._orders: list[StampOrder] = []
        self._sizes: Mapping[str, SealSize] = {}
        self._seals: Mapping[str, SealRecord] = {}
        self._serial = ""
        self._before: Sequence[StampOutcome] = ()
        self._began = 0.0
        self._waited = False
        """Has approval been waited for?"""
        self._steps: list[int] = []
        """How many steps each file has behind it."""
        self.outcomes: list[StampOutcome] = []
        self.result: Result | None = None
        content = QWidget()
        self._lines = QVBoxLayout(content)
        self._lines.setContentsMargins(20, 20, 20, 20)
        self._lines.setSpacing(10)
        whole = column(spacing=0)
        self.setLayout(whole)
        whole.addWidget(scrolled(content, tr("盖章进度和结果")))
        self.setAccessibleName(tr("盖章进度和结果"))

    @property
    def busy(self) -> bool:
        """Is a key signing?"""
        return self._task is not None and not self._task.finished

    # --- beginning -------------------------------------------------------------------------------

    def begin(
        self,
        orders: Sequence[StampOrder],
        sizes: Mapping[str, SealSize],
        serial: str,
        seals: Mapping[str, SealRecord],
        before: Sequence[StampOutcome] = (),
    ) -> bool:
        """Ask for the PIN of the key *serial* and start; False if the person would rather not.

        *before*: what the same batch has come to already, when it goes on."""
        self._orders, self._sizes, self._serial, self._seals = list(orders), sizes, serial, seals
        self._before = before
        token = next((plugged for plugged in self._shell.tokens if plugged.serial == serial), None)
        if token is None:
            return False
        self.seen.emit(False)
        pin = self.ask_pin(token, self._purpose(), "")
        if not pin:
            return False
        self._start(pin)
        return True

    def refuse(
        self,
        outcomes: Sequence[StampOutcome],
        seals: Mapping[str, SealRecord],
        before: Sequence[StampOutcome] = (),
    ) -> None:
        """Show what nothing was begun for, because it would have failed."""
        self._orders, self._seals = [outcome.order for outcome in outcomes], seals
        self._before = before
        self._conclude(list(outcomes))

    def _purpose(self) -> str:
        codes = dict.fromkeys(p.seal_code for order in self._orders for p in order.placed)
        names = tr("、").join(dict.fromkeys(kind_name(self._seals[code]) for code in codes))
        what = self._orders[0].path.name
        if len(self._orders) > 1:
            what = tr("{count} 个文件", count=len(self._orders))
        said = tr("用 {seals} 给 {what} 盖章", seals=names, what=what)
        refused = sum(outcome.error is not None for outcome in self._before)
        said += self._approval(codes)
        if refused:
            said += tr("（另有 {count} 个不能盖，结果里写明原因）", count=refused)
        return said

    def _approval(self, codes: Iterable[str]) -> str:
        """That these seals are used with approvals, and whose."""
        rules = {each.seal_id: each for each in self._shell.context.use_policies()}
        seals = (self._seals[code] for code in codes if code in self._seals)
        wanted = [rule.policy for seal in seals if (rule := rules.get(seal.id)) is not None]
        for policy in wanted:
            if policy is not None and policy.needed:
                who = named(policy.approvers)
                return tr(
                    "。用印需要审批：{who}，{needed} 人同意。"
                    "没有申请的先提出申请，同意后自动接着盖章",
                    who=who,
                    needed=policy.needed,
                )
        return ""

    def ask_pin(self, token: TokenView, purpose: str, problem: str) -> str:
        """The PIN dialog; "" if it was cancelled."""
        beside = self.parentWidget()
        return ask_pin(self._shell, token, purpose, self._page, problem=problem, beside=beside)

    def _start(self, pin: str) -> None:
        self._shell.hold_polling(True)
        self._began = time.monotonic()
        self._waited = False
        self._steps = [0] * len(self._orders)
        self._show_progress()
        self._task = self._shell.tasks.device(
            stamp_orders,
            self._shell.context,
            self._orders,
            self._sizes,
            self._serial,
            pin,
            False,
            done=self._done,
            failed=self._failed,
            progress=self._progress,
        )

    # --- progress --------------------------------------------------------------------------------

    def _show_progress(self) -> None:
        self.result = None
        self.seen.emit(True)
        clear_layout(self._lines)
        self._file = label("", wrap=True)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setRange(0, len(self._orders) * len(STEPS))
        self._bar.setAccessibleName(tr("盖章进度"))
        self._step = label("", "muted", wrap=True)
        self._left = label("", "small")
        self._stop = button(tr("取消"), self.cancel)
        title = label(tr("正在盖章…"), "title", wrap=True)
        for widget in (title, self._file, self._bar, self._step, self._left):
            self._lines.addWidget(widget)
        self._lines.addLayout(row(self._stop, None))
        self._lines.addWidget(label(tr("请不要拔出 Ukey。原文件不会改动。"), "small", wrap=True))
        self._lines.addStretch()
        self._file.setText(self._orders[0].path.name)
        if len(self._orders) > 1:
            self._count(0)
        self._stop.setFocus()

    def cancel(self) -> None:
        """Stop: what the key has signed is finished, nothing else is begun."""
        if self._task is not None:
            self._task.cancel()
            self._stop.setEnabled(False)
            self._step.setText(tr("正在停下来…"))

    def _progress(self, kind: str, number: int, value: object = None) -> None:
        several = len(self._orders) > 1
        if kind == "step" and isinstance(value, StampStep):
            self._steps[number] = STEPS.index(value)
            if not several:
                self._step.setText(step_titles()[value])
            elif value is StampStep.SIGN:
                self._step.setText(self._orders[number].path.name)
        elif kind == "step" and isinstance(value, ApprovalWait):
            self._waited = True
            self._step.setText(
                tr(
                    "正在等待审批（已有 {count} 人同意，需要 {needed} 人）：{who}。"
                    "同意后自动接着盖章。",
                    **asdict(value),
                )
            )
        elif kind == "done" and isinstance(value, StampOutcome):
            self._steps[number] = len(STEPS)
            if several:
                self._count(sum(steps == len(STEPS) for steps in self._steps))
        self._bar.setValue(sum(self._steps))
        if kind == "done":
            self.ended.emit(value)

    def _count(self, ended: int) -> None:
        """How many files are through, and how long the others will take."""
        count = len(self._orders)
        self._file.setText(tr("已处理 {ended} / {count} 个文件", ended=ended, count=count))
        if ended and ended < count:
            seconds = (time.monotonic() - self._began) / ended * (count - ended)
            self._left.setText(tr("大约还要 {time}", time=_duration(seconds)))
        else:
            self._left.setText("")

    # --- the end ---------------------------------------------------------------------------------

    def _done(self, outcomes: list[StampOutcome]) -> None:
        self._task = None
        self._shell.hold_polling(False)
        good = sum(outcome.result is not None for outcome in outcomes)
        said = tr("盖章已结束：{good} / {count} 个文件已盖章。", good=good, count=len(outcomes))
        self._shell.away.tell(said)
        self._conclude(outcomes)

    def _conclude(self, outcomes: list[StampOutcome]) -> None:
        self.finished.emit(outcomes)
        outcomes = [*self._before, *outcomes]
        self.outcomes = outcomes
        if len(outcomes) > 1:
            self._show(BatchResult(self._shell, outcomes, self.save_report))
        elif outcomes[0].result is not None:
            self._show(Success(self._shell, outcomes[0]))
        else:
            self._show(Failure(self._shell, outcomes[0].error, self._waited))

    def _failed(self, error: BaseException) -> None:
        """The key could not be opened: nothing was begun."""
        if self._task is not None:
            self._task = None
            self._shell.hold_polling(False)
        from device.token import PinIncorrect

        if isinstance(error, PinIncorrect):
            message = explain(error, language())
            self._shell.tasks.device(
                self._shell.context.tokens,
                done=lambda tokens: self._ask_again(tokens, message.cause),
                failed=self._failed,
            )
            return
        self.finished.emit([StampOutcome(order, error=error) for order in self._orders])
        self._show(Failure(self._shell, error))

    def _ask_again(self, tokens: tuple[TokenView, ...], problem: str) -> None:
        """After a wrong PIN: the key's state as it is now, and the person decides."""
        token = next((plugged for plugged in tokens if plugged.serial == self._serial), None)
        if token is None or token.locked:
            from device.token import PinLocked, TokenRemoved

            self._failed(PinLocked("locked") if token else TokenRemoved("gone"))
            return
        self.seen.emit(False)
        pin = self.ask_pin(token, self._purpose(), problem)
        if pin:
            self._start(pin)
        else:
            self.closed.emit(False)

    def _show(self, result: Result) -> None:
        self.seen.emit(True)
        clear_layout(self._lines)
        self.result = result
        result.closed.connect(self.closed)
        result.retry.connect(self.retry)
        result.looked_at.connect(self.looked_at)
        result.folder_chosen.connect(self.folder_chosen)
        result.moved.connect(self._move)
        self._lines.addWidget(result, 1)
        each: QPushButton
        for each in result.findChildren(QPushButton):
            each.setAutoDefault(True)  # Enter presses it, not the space bar alone
        result.first.setFocus()

    def _move(self, target: Path) -> None:
        """Put the one stamped file where the person wants it."""
        (outcome,) = self.outcomes
        file = outcome.file
        if file is None:
            return

        def moved(path: Path) -> None:
            there = replace(outcome, file=replace(file, path=path, misplaced=None))
            self.outcomes = [there]
            self.finished.emit([there])
            self._show(Success(self._shell, there))
            self._shell.tasks.work(discard, file.path)  # the page has shown it until now

        def failed(error: BaseException) -> None:
            if self.result is not None:
                self.result.say(explain(error, language()).cause)

        self._shell.tasks.work(move_to, file.path, target, done=moved, failed=failed)

    def save_report(self, path: Path) -> None:
        """The results as a table: XLSX by its suffix, else CSV."""
        from app.many.batch_report import BatchLine, save_report

        def names(order: StampOrder) -> tuple[str, ...]:
            codes = dict.fromkeys(placed.seal_code for placed in order.placed)
            seals = [self._seals[code] for code in codes if code in self._seals]
            return tuple(f"{kind_name(seal)} {seal.code}" for seal in seals)

        lines = [
            BatchLine(
                outcome.order.path,
                names(outcome.order),
                outcome.file,
                outcome.error,
                outcome.at,
                outcome.earlier,
            )
            for outcome in self.outcomes
        ]
        self._shell.tasks.work(
            save_report,
            path,
            lines,
            language(),
            done=lambda _: self._shell.notices.show_notice(
                "report", "good", tr("清单已保存：{name}", name=path.name)
            ),
            failed=self._shell.complain,
        )


def _duration(seconds: float) -> str:
    if seconds < 60:
        return tr("{count} 秒", count=max(1, round(seconds)))
    return tr("{count} 分钟", count=round(seconds / 60))
