"""挂失来电: calls about lost Ukeys. One reviewer writes down who called and what proved it, another
confirms, and the seal is out of use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFormLayout, QLineEdit, QPlainTextEdit, QVBoxLayout, QWidget

from app.errors import PlatformRefused, explain
from ui.dialogs import Dialog
from ui.language import language, tr
from ui.rows import Column, Rows
from ui.staff import words
from ui.staff.seal_code_field import SealCodeField
from ui.widgets import button, clear_layout, column, facts, fit_columns, label, moment, row, table

if TYPE_CHECKING:
    from app.remote.staff.reviewing import LossCall
    from ui.shell.interface import Shell
    from ui.staff.staff_page import StaffPage

WIDTHS = (84, 0, 130, 150, 100)
FITTED = {0: (60, 90), 2: (110, 150), 3: (90, 220), 4: (70, 130)}
_MAX_LINE = 300
_MAX_REASON = 500


def _model() -> Rows[LossCall]:
    columns: list[Column[LossCall]] = [
        (tr("已等"), lambda call: words.age(call.reported_at)),
        (tr("挂失的印章"), lambda call: words.plain(call.seal)),
        (tr("编码"), lambda call: words.plain(call.seal_code)),
        (tr("来电人"), lambda call: words.plain(call.caller)),
        (tr("登记人"), lambda call: words.plain(call.reported_by)),
    ]
    return Rows(columns, tip=lambda call, column: columns[column][1](call))


class LossCallsDialog(Dialog):
    """Those that wait for a second person, and another one to be written down."""

    def __init__(self, shell: Shell, page: StaffPage, parent: QWidget) -> None:
        super().__init__(parent)
        self._shell, self._page = shell, page
        self._typed: dict[str, str] = {}
        """What was typed about a call that the platform has not taken yet."""
        self.setWindowTitle(tr("挂失来电"))
        self.setMinimumSize(780, 520)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(24, 20, 24, 20)
        whole.setSpacing(10)
        whole.addWidget(label(tr("挂失来电"), "title"))
        lead = tr(
            "Ukey 丢了的人不能签名，只能来电。一名审核员登记来电人和核对情况，另一名确认，"
            "印章立即停用；24 小时内没有人确认的作废。"
        )
        whole.addWidget(label(lead, "muted", wrap=True))
        self.model = _model()
        self.table = table(self.model, tr("等第二人确认的来电"), WIDTHS, self.confirm)
        self.table.selectionModel().selectionChanged.connect(lambda *_: self._chosen())
        self.empty = label(tr("没有等待确认的挂失来电。"), "muted")
        over = QVBoxLayout(self.table)
        over.addWidget(self.empty, 0, Qt.AlignmentFlag.AlignCenter)
        whole.addWidget(self.table, 1)
        self.content = column(spacing=6)
        whole.addLayout(self.content)
        self.note = label("", wrap=True)
        whole.addWidget(self.note)
        self.problem = label("", "bad", wrap=True, select=True)
        self.problem.hide()
        whole.addWidget(self.problem)
        self.take_button = button(tr("登记来电…"), self.take)
        self.refuse_button = button(tr("不予确认…"), self.refuse)
        self.confirm_button = button(tr("确认挂失…"), self.confirm, role="default")
        self.close_button = button(tr("关闭"), self.reject)
        whole.addLayout(
            row(
                self.take_button,
                None,
                self.close_button,
                self.refuse_button,
                self.confirm_button,
            )
        )
        self._chosen()
        self.refresh()

    # --- the list --------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Ask anew."""
        self._page.work(self._shell.context.staff.losses, done=self._take, failed=self._failed)

    def _take(self, calls: Sequence[LossCall]) -> None:
        before = self.call
        self.model.show_items(calls)
        fit_columns(self.table, FITTED)
        self.empty.setVisible(not calls)
        known = [call.id for call in calls]
        if calls:
            again = before is not None and before.id in known
            self.table.selectRow(known.index(before.id) if before is not None and again else 0)
        self._chosen()

    @property
    def call(self) -> LossCall | None:
        """The chosen one."""
        rows = self.table.selectionModel().selectedRows()
        return self.model.items[rows[0].row()] if rows else None

    def _chosen(self) -> None:
        call = self.call
        clear_layout(self.content)
        if call is not None:
            self.content.addWidget(facts(_facts(call)))
        self.note.setText(_what_to_do(call) if call is not None else "")
        self.note.setVisible(call is not None)
        others = call is not None and not call.mine
        self.refuse_button.setEnabled(others)
        self.confirm_button.setEnabled(others and call is not None and _in_use(call))

    # --- what a reviewer does --------------------------------------------------------------------

    def take(self) -> None:
        """Write down a call."""
        dialog = TakeCallDialog(self._typed, self)
        if not dialog.exec():
            self._typed = dialog.typed()
            return
        self._typed = told = dialog.typed()
        staff = self._shell.context.staff
        self._sign(
            tr("登记挂失来电：印章 {code}", code=told["code"]),
            staff.take_loss_call,
            *(told["code"], told["caller"], told["shown"]),
            done=self._taken,
        )

    def _taken(self, _call: LossCall) -> None:
        self._typed = {}
        self.refresh()

    def confirm(self) -> None:
        """Agree with the one who took it: the seal is out of use."""
        call = self.call
        if call is None or not self.confirm_button.isEnabled():
            return
        if AnswerDialog(call, self, refuses=False).exec():
            self._answer(call, "", tr("确认挂失：印章 {code}", code=call.seal_code))

    def refuse(self) -> None:
        """Do not believe it."""
        call = self.call
        if call is None or not self.refuse_button.isEnabled():
            return
        dialog = AnswerDialog(call, self, refuses=True)
        if dialog.exec():
            self._answer(call, dialog.said, tr("不予确认：印章 {code}", code=call.seal_code))

    def _answer(self, call: LossCall, reason: str, purpose: str) -> None:
        decide = self._shell.context.staff.decide_loss
        self._sign(purpose, decide, call, reason, done=lambda _: self.refresh())

    def _sign(self, purpose: str, act: Any, *given: Any, done: Any) -> None:
        self.problem.hide()

        def settled(answer: Any) -> None:
            self.setEnabled(True)
            done(answer)

        self.setEnabled(False)
        if not self._page.with_key(purpose, act, *given, done=settled, failed=self._failed):
            self.setEnabled(True)

    def _failed(self, error: BaseException) -> None:
        self.setEnabled(True)
        if isinstance(error, PlatformRefused) and error.problem == "session_invalid":
            self.reject()
            self._page.failed(error)
            return
        message = explain(error, language())
        said = tr("{cause}（{code}）", cause=message.cause, code=message.code)
        self.problem.setText(said)
        self.problem.show()
        if isinstance(error, PlatformRefused):
            self.refresh()  # somebody else was quicker, perhaps


def _in_use(call: LossCall) -> bool:
    """Can it be reported lost still?"""
    return call.seal_state in ("active", "suspended")


def _facts(call: LossCall) -> list[tuple[str, str]]:
    state = words.seal_state_of(call.seal_state)
    return [
        (tr("挂失的印章"), tr("{seal}，{state}", seal=words.broken(call.seal), state=state)),
        (tr("编码"), words.plain(call.seal_code)),
        (tr("来电人"), words.broken(call.caller)),
        (tr("核对了什么"), words.broken(call.shown)),
        (
            tr("登记"),
            tr("{who}，{at}", who=words.broken(call.reported_by), at=moment(call.reported_at)),
        ),
    ]


def _what_to_do(call: LossCall) -> str:
    if call.mine:
        return tr("这个来电是您登记的，要由另一名审核员确认。")
    if not _in_use(call):
        return tr("这枚印章已经不能用了，不必再挂失；请不予确认，写明情况。")
    return tr(
        "确认以前，请自己再核实来电人，例如回拨企业登记的电话。"
        "确认以后印章立即停用、证书冻结，企业不能自己恢复，只能换领，或者由平台两人核实后恢复。"
    )


class TakeCallDialog(Dialog):
    """Who called about which seal, and what proved it."""

    def __init__(self, typed: dict[str, str], parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("登记来电"))
        self.setMinimumWidth(560)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(24, 20, 24, 20)
        whole.setSpacing(12)
        whole.addWidget(label(tr("登记来电"), "title"))
        self.code, self.caller = SealCodeField(), QLineEdit()
        self.caller.setMaxLength(_MAX_LINE)
        self.caller.setPlaceholderText(tr("姓名、职务，从哪个号码打来"))
        self.shown = QPlainTextEdit()
        self.shown.setFixedHeight(76)
        self.shown.setTabChangesFocus(True)
        self.shown.setPlaceholderText(tr("例如：回拨了登记的电话，说对了法定代表人证件号后四位"))
        form = QFormLayout()
        form.setHorizontalSpacing(16)
        form.setVerticalSpacing(8)
        named = (
            (tr("印章编码"), self.code),
            (tr("来电人"), self.caller),
            (tr("核对了什么"), self.shown),
        )
        for name, field in named:
            field.setAccessibleName(name)
            form.addRow(label(name, "muted"), field)
        whole.addLayout(form)
        said = tr("签名的是这三项，平台留存。登记以后印章还没有停用：要等另一名审核员确认。")
        whole.addWidget(label(said, "small", wrap=True))
        self.wrong = label("", "bad", wrap=True)
        whole.addWidget(self.wrong)
        self.accept_button = button(tr("用 Ukey 签名…"), self.accept, role="default")
        whole.addLayout(row(None, button(tr("取消"), self.reject), self.accept_button))
        self.code.setText(typed.get("code", ""))
        self.caller.setText(typed.get("caller", ""))
        self.shown.setPlainText(typed.get("shown", ""))
        for changed in (self.code.textChanged, self.caller.textChanged, self.shown.textChanged):
            changed.connect(self._update)
        self._update()

    def typed(self) -> dict[str, str]:
        """On one line each; the code without spaces."""
        return {
            "code": self.code.code,
            "caller": " ".join(self.caller.text().split()),
            "shown": " ".join(self.shown.toPlainText().split()),
        }

    def _update(self) -> None:
        told = self.typed()
        long = len(told["shown"]) > _MAX_LINE
        problem = self.code.problem
        if long:
            problem = tr("“核对了什么”最多 {count} 个字。", count=_MAX_LINE)
        self.wrong.setText(problem)
        self.wrong.setVisible(bool(problem))
        self.accept_button.setEnabled(self.code.is_right and not long and all(told.values()))


class AnswerDialog(Dialog):
    """Confirm a call, or refuse it with a reason."""

    def __init__(self, call: LossCall, parent: QWidget, *, refuses: bool) -> None:
        super().__init__(parent)
        title = tr("不予确认") if refuses else tr("确认挂失")
        self.setWindowTitle(title)
        self.setMinimumWidth(560)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(24, 20, 24, 20)
        whole.setSpacing(12)
        whole.addWidget(label(title, "title"))
        whole.addWidget(facts(_facts(call)))
        self.reason = QPlainTextEdit()
        self.reason.setFixedHeight(76)
        self.reason.setTabChangesFocus(True)
        self.reason.setAccessibleName(tr("理由"))
        self.reason.setPlaceholderText(tr("理由（平台留存）"))
        self.accept_button = button(tr("用 Ukey 签名…"), self.accept, role="default")
        if refuses:
            whole.addWidget(self.reason)
            self.reason.textChanged.connect(self._update)
            self._update()
        else:
            self.reason.hide()
            said = tr("签名以后印章立即停用、证书冻结。核实过来电人，才签名。")
            whole.addWidget(label(said, "bad", wrap=True))
        whole.addLayout(row(None, button(tr("取消"), self.reject), self.accept_button))

    @property
    def said(self) -> str:
        """The reason on one line."""
        return " ".join(self.reason.toPlainText().split())

    def _update(self) -> None:
        self.accept_button.setEnabled(0 < len(self.said) <= _MAX_REASON)
