"""From the red button to the result: the PIN, the progress, what came of it.

Shown where the panel was. A wrong PIN asks again with the tries that are left; nothing is retried
by itself. A batch lists its files and their results; those that failed can be tried again.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QFrame, QProgressBar, QVBoxLayout, QWidget

from app.errors import Cancelled, explain
from ui import theme
from ui.language import language, tr
from ui.notice import ErrorView, announce
from ui.pin_dialog import PinDialog
from ui.seal_card import kind_name
from ui.stamp_work import Order, Outcome, stamp_orders
from ui.widgets import button, clear_layout, column, label, line, picture, row, scrolled

if TYPE_CHECKING:
    from app.cabinet import SealRecord
    from app.placement import SealSize
    from ui.context import TokenView
    from ui.main_window import Shell
    from ui.tasks import Task

STEPS = ("check", "draw", "copy", "sign", "append", "sync", "verify", "publish", "journal", "done")


def step_titles() -> dict[str, str]:
    """What the person reads of a step of :func:`app.stamping.stamp`."""
    return {
        "check": tr("检查印章和授权"),
        "draw": tr("绘制印迹"),
        "copy": tr("计算文件摘要"),
        "sign": tr("Ukey 正在签名"),
        "append": tr("写入签名"),
        "sync": tr("保存到磁盘"),
        "verify": tr("验证结果"),
        "publish": tr("生成文件"),
        "journal": tr("记入台账"),
        "done": tr("完成"),
    }


class StampRun(QFrame):
    """One run over one or many files."""

    finished = Signal(list)
    """The outcomes, when the run has ended however it did."""
    closed = Signal(bool)
    """The person is done with the result; True: once more."""

    def __init__(self, page: QWidget, shell: Shell) -> None:
        super().__init__()
        self._page, self._shell = page, shell
        theme.set_role(self, "panel")
        self._task: Task | None = None
        self._orders: list[Order] = []
        self._sizes: Mapping[str, SealSize] = {}
        self._serials: Mapping[str, str] = {}
        self._seals: Mapping[str, SealRecord] = {}
        self._began = 0.0
        self._ended = 0
        self.outcomes: list[Outcome] = []
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
        orders: Sequence[Order],
        sizes: Mapping[str, SealSize],
        serials: Mapping[str, str],
        seals: Mapping[str, SealRecord],
        problem: str = "",
    ) -> bool:
        """Ask for the PIN and start; False if the person would rather not."""
        codes = list(dict.fromkeys(p.seal_code for order in orders for p in order.placed))
        self._orders, self._sizes, self._seals = list(orders), sizes, seals
        self._serials = {code: serials[code] for code in codes}
        token = self._token(next(iter(self._serials.values())))
        if token is None:
            return False
        names = "、".join(kind_name(seals[code]) for code in codes)
        what = orders[0].path.name
        if len(orders) > 1:
            what = tr("{count} 个文件", count=len(orders))
        purpose = tr("用 {seals} 给 {what} 盖章", seals=names, what=what)
        pin = self.ask_pin(token, purpose, problem)
        if not pin:
            return False
        self._start(pin)
        return True

    def ask_pin(self, token: TokenView, purpose: str, problem: str) -> str:
        """The PIN dialog; "" if it was cancelled."""
        from ui.main_window import token_name

        dialog = PinDialog(token, token_name(token), purpose, problem=problem, parent=self._page)
        accepted = dialog.exec() == QDialog.DialogCode.Accepted
        pin = dialog.take() if accepted else ""
        dialog.deleteLater()
        return pin

    def _token(self, serial: str) -> TokenView | None:
        return next((each for each in self._shell.tokens if each.serial == serial), None)

    def _start(self, pin: str) -> None:
        self._shell.hold_polling(True)
        self._began, self._ended = time.monotonic(), 0
        self._show_progress()
        self._task = self._shell.tasks.device(
            stamp_orders,
            self._shell.context,
            self._orders,
            self._sizes,
            self._serials,
            pin,
            False,
            done=self._done,
            failed=self._failed,
            progress=self._progress,
        )

    # --- progress --------------------------------------------------------------------------------

    def _show_progress(self) -> None:
        clear_layout(self._lines)
        self._title = label(tr("正在盖章…"), "title", wrap=True)
        self._file = label("", wrap=True)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setRange(0, len(self._orders) * len(STEPS))
        self._bar.setAccessibleName(tr("盖章进度"))
        self._step = label("", "muted", wrap=True)
        self._left = label("", "small")
        self._stop = button(tr("取消"), self.cancel)
        for widget in (self._title, self._file, self._bar, self._step, self._left):
            self._lines.addWidget(widget)
        self._lines.addLayout(row(self._stop, None))
        self._lines.addWidget(label(tr("请不要拔出 Ukey。原文件不会改动。"), "small", wrap=True))
        self._lines.addStretch()
        self._stop.setFocus()

    def cancel(self) -> None:
        """Stop after the step that is under way."""
        if self._task is not None:
            self._task.cancel()
            self._stop.setEnabled(False)
            self._step.setText(tr("正在停下来…"))

    def _progress(self, kind: str, number: int, value: object = None) -> None:
        if kind == "file":
            path = self._orders[number].path
            count = len(self._orders)
            place = tr("（第 {number} / {count} 个）", number=number + 1, count=count)
            self._file.setText(path.name + (place if count > 1 else ""))
        elif kind == "step" and isinstance(value, str):
            self._step.setText(step_titles().get(value, value))
            at = STEPS.index(value) if value in STEPS else 0
            self._bar.setValue(number * len(STEPS) + at)
        elif kind == "done":
            self._ended += 1
            self._bar.setValue((number + 1) * len(STEPS))
            rest = len(self._orders) - self._ended
            if rest and self._ended:
                seconds = (time.monotonic() - self._began) / self._ended * rest
                self._left.setText(tr("大约还要 {time}", time=_duration(seconds)))

    # --- the end ---------------------------------------------------------------------------------

    def _done(self, outcomes: list[Outcome]) -> None:
        self._task = None
        self._shell.hold_polling(False)
        self.outcomes = outcomes
        wrong = _pin_error(outcomes)
        if wrong is not None:
            self._failed(wrong)
            return
        self.finished.emit(outcomes)
        if len(outcomes) == 1 and outcomes[0].file is not None:
            self._show_success(outcomes[0])
        elif len(outcomes) == 1 and outcomes[0].error is not None:
            self._show_error(outcomes[0].error)
        else:
            self._show_results(outcomes)

    def _failed(self, error: BaseException) -> None:
        if self._task is not None:
            self._task = None
            self._shell.hold_polling(False)
        from device.token import PinIncorrect

        if isinstance(error, PinIncorrect):
            message = explain(error, language())
            self._shell.tasks.device(
                self._shell.context.tokens,
                done=lambda tokens: self._ask_again(tokens, message.cause),
                failed=self._show_error,
            )
            return
        self.finished.emit([Outcome(order, error=error) for order in self._orders])
        self._show_error(error)

    def _ask_again(self, tokens: tuple[TokenView, ...], problem: str) -> None:
        """After a wrong PIN: the key's state as it is now, and the person decides."""
        serial = next(iter(self._serials.values()))
        token = next((each for each in tokens if each.serial == serial), None)
        if token is None or token.locked:
            from device.token import PinLocked, TokenRemoved

            gone = PinLocked("locked") if token else TokenRemoved("gone")
            self._show_error(gone)
            return
        names = "、".join(kind_name(self._seals[code]) for code in self._serials)
        pin = self.ask_pin(token, tr("用 {seals} 盖章", seals=names), problem)
        if pin:
            self._start(pin)
        else:
            self.closed.emit(False)

    def _show_error(self, error: BaseException) -> None:
        clear_layout(self._lines)
        if isinstance(error, Cancelled):
            head = row(picture("circle-minus", "muted", 24), spacing=12)
            head.addWidget(label(tr("已取消"), "title"), 1)
            self._lines.addLayout(head)
            self._lines.addWidget(label(tr("没有生成任何文件。"), wrap=True))
        else:
            view = ErrorView(error)
            layout = view.layout()
            if layout is not None:
                layout.setContentsMargins(0, 0, 0, 0)
            self._lines.addWidget(view)
            announce(view)
        again = button(tr("再试一次"), self._retry)
        back = button(tr("返回"), lambda: self.closed.emit(False))
        self._lines.addLayout(row(back, again, None))
        self._lines.addStretch()

    def _retry(self) -> None:
        orders = [o.order for o in self.outcomes if o.file is None] or self._orders
        if not self.begin(orders, self._sizes, self._serials, self._seals):
            self.closed.emit(False)

    def _show_success(self, outcome: Outcome) -> None:
        from ui.main_window import open_outside

        file = outcome.file
        if file is None:
            return
        clear_layout(self._lines)
        head = row(picture("circle-check", "good", 32), spacing=12)
        head.addWidget(label(tr("已盖章"), "title"), 1)
        self._lines.addLayout(head)
        name = label(file.path.name, "heading", wrap=True, select=True)
        name.setToolTip(str(file.path))
        self._lines.addWidget(name)
        self._lines.addWidget(label(str(file.path.parent), "small", wrap=True, select=True))
        known = tr("平台已出具用印凭据。") if file.ticketed else tr("离线盖章，联网后上报平台。")
        self._lines.addWidget(label(tr("文件已重新读出并验证。{known}", known=known), wrap=True))
        self._lines.addWidget(label(tr("台账第 {number} 条", number=file.journal_entry), "small"))
        self._lines.addSpacing(6)
        first = button(tr("打开"), lambda: open_outside(file.path), icon="external-link")
        for widget in (
            first,
            button(
                tr("打开所在文件夹"), lambda: open_outside(file.path.parent), icon="folder-open"
            ),
            button(tr("验章"), lambda: self._shell.go("verify", [file.path]), icon="shield-check"),
            button(tr("再盖一份"), lambda: self.closed.emit(True), icon="stamp"),
            button(tr("完成"), lambda: self.closed.emit(False)),
        ):
            self._lines.addWidget(widget)
        self._lines.addStretch()
        self.setAccessibleName(tr("已盖章：{name}", name=file.path.name))
        announce(self)
        first.setFocus()

    def _show_results(self, outcomes: Sequence[Outcome]) -> None:
        from ui.main_window import open_outside

        clear_layout(self._lines)
        good = [each for each in outcomes if each.file is not None]
        whole = len(good) == len(outcomes)
        head = row(
            picture(
                "circle-check" if whole else "triangle-alert", "good" if whole else "unknown", 32
            ),
            spacing=12,
        )
        said = tr("{good} / {count} 个文件已盖章", good=len(good), count=len(outcomes))
        head.addWidget(label(said, "title", wrap=True), 1)
        self._lines.addLayout(head)
        actions = row(spacing=6)
        if not whole:
            rest = len(outcomes) - len(good)
            actions.addWidget(button(tr("重试其余 {count} 个", count=rest), self._retry))
        if good and good[0].file is not None:
            folder = good[0].file.path.parent
            actions.addWidget(button(tr("打开所在文件夹"), lambda: open_outside(folder)))
        actions.addStretch()
        self._lines.addLayout(actions)
        self._lines.addLayout(row(button(tr("完成"), lambda: self.closed.emit(False)), None))
        self._lines.addWidget(line())
        for outcome in outcomes:
            self._lines.addWidget(_result(outcome))
        self._lines.addStretch()
        self.setAccessibleName(said)
        announce(self)


def _result(outcome: Outcome) -> QWidget:
    if outcome.file is not None:
        look, said = ("circle-check", "good"), outcome.file.path.name
    elif outcome.error is not None:
        message = explain(outcome.error, language())
        look, said = ("circle-x", "bad"), f"{message.title}（{message.code}）{message.cause}"
    else:
        look, said = ("clock", "muted"), tr("未处理")
    text = column(spacing=0)
    text.addWidget(label(outcome.order.path.name, wrap=True))
    text.addWidget(label(said, "small", wrap=True))
    inner = row(spacing=8)
    inner.addWidget(picture(*look, 16), 0, Qt.AlignmentFlag.AlignTop)
    inner.addLayout(text, 1)
    made = QWidget()
    made.setLayout(inner)
    made.setAccessibleName(f"{outcome.order.path.name}，{said}")
    return made


def _pin_error(outcomes: Sequence[Outcome]) -> BaseException | None:
    from device.token import PinIncorrect

    return next((o.error for o in outcomes if isinstance(o.error, PinIncorrect)), None)


def _duration(seconds: float) -> str:
    if seconds < 60:
        return tr("{count} 秒", count=max(1, round(seconds)))
    return tr("{count} 分钟", count=round(seconds / 60))
