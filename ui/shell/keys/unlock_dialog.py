"""解锁: a new PIN for a Ukey whose PIN is locked or forgotten.

The platform's permission is asked for here, followed, and used; or the administrator's PIN unlocks
it at once. Nothing of a PIN is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import (
    QFileDialog,
    QFormLayout,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from app.errors import explain, platform_reason
from ui.choice import Choice
from ui.dialogs import Dialog
from ui.language import language, pair, tr
from ui.shell.context.values import TokenView, UnlockView
from ui.shell.pin_field import PinAids, PinField
from ui.shell.token_strip import token_name
from ui.widgets import button, calm, column, day, facts, label, picture, row

if TYPE_CHECKING:
    from app.store.applications import ApplicationRecord
    from ui.shell.interface import Shell

READY = "fulfilled"


def reset_state(record: ApplicationRecord) -> str:
    """How far the application for the platform's permission is."""
    said = {
        "draft": tr("申请还没有提交。"),
        "drafted": tr("申请还没有提交。"),
        "submitted": tr("申请已提交，等待平台审核。口令重置由两名审核员核准。"),
        "in_review": tr("平台正在审核。口令重置由两名审核员核准。"),
        "returned": tr("申请退回补正，请按说明改好再提交。"),
        "approved": tr("平台已核准，正在签发解锁许可。"),
        READY: tr("平台已同意。请在 24 小时之内设新口令，许可只能用一次。"),
        "rejected": tr("平台没有同意。"),
        "lapsed": tr("没有在 24 小时之内解锁，许可已失效，请重新申请。"),
        "withdrawn": tr("申请已撤回。"),
        "done": tr("口令已重新设置。"),
    }.get(record.state, record.state)
    if record.next == "consent":
        said = tr("等法定代表人在电子营业执照上同意，然后由两名审核员核准。")
    if record.look_at and record.next in ("consent", "review"):
        said += tr("平台通常在 {date} 前答复。", date=day(record.look_at))
    return said


class UnlockDialog(Dialog):
    """Of one Ukey. It stays open until the PIN is set or the person leaves; what was typed for the
    application is kept in the cabinet once it was handed in."""

    def __init__(self, shell: Shell, token: TokenView, parent: QWidget) -> None:
        super().__init__(parent)
        self._shell, self._token = shell, token
        self._view = UnlockView()
        self._letter: Path | None = None
        self.unlocked = False
        self.setWindowTitle(tr("解锁 Ukey"))
        self.setMinimumWidth(520)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(24, 20, 24, 20)
        whole.setSpacing(10)
        head = row(picture("key-round", "text", 24), spacing=12)
        head.addWidget(label(tr("解锁 Ukey"), "title"), 1)
        whole.addLayout(head)
        whole.addWidget(facts([("Ukey", token_name(token)), (tr("序列号"), token.serial)]))
        self.said = label(tr("正在查看…"), wrap=True)
        whole.addWidget(self.said)
        self.form = self._make_form()
        self.pins, self.new, self.again = self._make_pins()
        self.officer = PinField(tr("管理员口令"))
        self.officer.setPlaceholderText(tr("管理员口令"))
        self.officer.textChanged.connect(self._update)
        whole.addWidget(self.form)
        whole.addWidget(self.officer)
        whole.addWidget(self.pins)
        self.missing = label("", "small", wrap=True)
        self.problem = label("", "bad", wrap=True, select=True)
        whole.addWidget(self.missing)
        whole.addWidget(self.problem)
        whole.addStretch()
        self.other = button(tr("用管理员口令解锁…"), self._switch, role="link")
        self.accept_button = button("", self._submit, role="default")
        self.accept_button.setDefault(True)
        close = button(tr("关闭"), self.reject)
        whole.addLayout(row(self.other, None, close, self.accept_button))
        self._by_officer = False
        self._show()
        self.look()

    def _make_form(self) -> QWidget:
        made = QWidget()
        form = QFormLayout(made)
        form.setContentsMargins(0, 0, 0, 0)
        form.setHorizontalSpacing(16)
        self.fields: dict[str, QLineEdit] = {}
        for name, title in (
            ("legal_rep", tr("法定代表人")),
            ("handler", tr("经办人")),
            ("handler_id", tr("经办人身份证号")),
            ("phone", tr("经办人手机")),
        ):
            field = QLineEdit()
            field.setAccessibleName(title)
            field.textChanged.connect(self._update)
            form.addRow(label(title, "muted"), field)
            self.fields[name] = field
        self.proof = calm(Choice())
        self.proof.setAccessibleName(tr("授权方式"))
        self.proof.addItem(tr("在电子营业执照上同意"), "licence")
        self.proof.addItem(tr("提交授权书，由平台人员审核"), "letter")
        self.proof.currentIndexChanged.connect(self._update)
        self.choose = button(tr("选择授权书…"), self._choose)
        both = column(spacing=4)
        both.addWidget(self.proof)
        both.addWidget(self.choose)
        form.addRow(label(tr("授权方式"), "muted"), both)
        self._form_layout = form
        return made

    def _make_pins(self) -> tuple[QWidget, PinField, PinField]:
        made = QWidget()
        inner = column(spacing=6)
        made.setLayout(inner)
        fields = PinField(tr("新口令")), PinField(tr("再输一次新口令"))
        for field in fields:
            field.setPlaceholderText(field.accessibleName())
            field.textChanged.connect(self._update)
            inner.addWidget(field)
        inner.addWidget(PinAids(*fields))
        inner.addWidget(label(tr("6 至 32 位，不要用 123456 这样的口令。"), "small", wrap=True))
        return made, *fields

    # --- what is there ---------------------------------------------------------------------------

    def look(self) -> None:
        """Ask the Ukey, the cabinet and the platform how far it is."""
        self._busy(True)
        state = self._shell.context.unlocking.state
        self._shell.tasks.device(state, self._token.serial, done=self._seen, failed=self._failed)

    def _seen(self, view: UnlockView) -> None:
        self._busy(False)
        self._view = view
        if view.record is not None:
            for name, field in self.fields.items():
                field.setText(field.text() or view.record.fields.get(name, ""))
        self._show()

    @property
    def _step(self) -> str:
        """officer, nothing, apply, wait, set or vendor."""
        record = self._view.record
        if self._by_officer:
            return "officer"
        if record is not None and record.state == READY:
            return "set" if self._view.by_statement else "vendor"
        if record is not None and record.open and not record.editable:
            return "wait"
        return "apply" if self._view.seal is not None else "nothing"

    def _show(self) -> None:
        step, record, seal = self._step, self._view.record, self._view.seal
        self.form.setVisible(step == "apply")
        self.officer.setVisible(step == "officer")
        self.pins.setVisible(step in ("officer", "set"))
        company = seal is not None and bool(seal.enterprise)
        self._form_layout.setRowVisible(self.fields["legal_rep"], company)
        other = tr("向平台申请…") if self._by_officer else tr("用管理员口令解锁…")
        self.other.setText(other)
        self.accept_button.setText(
            {
                "apply": tr("提交申请"),
                "wait": tr("查询进度"),
                "vendor": tr("已经设好"),
            }.get(step, tr("解锁"))
        )
        self.accept_button.setVisible(step != "nothing")
        tool = self._view.tool or tr("厂商随 Ukey 提供的管理工具")
        words = {
            "officer": tr("用初始化时设的管理员口令解锁，不经过平台。密钥和印章都不受影响。"),
            "vendor": tr(
                "平台已同意。这种 Ukey 用{tool}设新口令，设好以后点“已经设好”。", tool=tool
            ),
            "nothing": tr(
                "这台电脑上没有这把 Ukey 的印章，不能向平台申请。"
                "请在领取过印章的电脑上办理，或者用管理员口令，或者到发放 Ukey 的机构办理。"
            ),
            "apply": tr(
                "口令锁定或者忘记了，要向平台提出口令重置申请，由两名审核员核准。"
                "密钥和印章都不受影响；平台不会知道口令。"
            ),
        }
        said = words.get(step, "")
        if record is not None and not self._by_officer:
            told = reset_state(record)
            said = said if step == "vendor" else told if step != "apply" else f"{told}{said}"
            if record.reason:
                said += "\n" + tr(
                    "平台的说明：{text}", text=platform_reason(record.reason, language())
                )
        self.said.setText(said)
        self._update()

    def _update(self) -> None:
        step, problem = self._step, ""
        ready, empty = True, list[str]()
        if step == "apply":
            shown = [field for field in self.fields.values() if field.isVisibleTo(self)]
            empty = [field.accessibleName() for field in shown if not field.text().strip()]
            letter = self.proof.currentData() == "letter"
            self.choose.setVisible(letter)
            self.choose.setText(self._letter.name if self._letter else tr("选择授权书…"))
            if letter and self._letter is None:
                empty.append(tr("授权书"))
            ready = not empty
        elif step in ("officer", "set"):
            problem = self._pin_problem()
            ready = bool(self.new.text()) and self.new.text() == self.again.text() and not problem
            ready = ready and (step == "set" or bool(self.officer.text()))
        if problem or step in ("officer", "set"):
            self._tell(problem)
        self.missing.setText(tr("还没有填：{names}", names=tr("、").join(empty)))
        self.missing.setVisible(bool(empty))
        self.accept_button.setEnabled(ready)

    def _pin_problem(self) -> str:
        from device.token import PinNotAllowed, check_new_pin

        if not self.new.text():
            return ""
        try:
            check_new_pin(self.new.text())
        except PinNotAllowed as error:
            return pair(self.new.accessibleName(), explain(error, language()).cause)
        if self.again.text() and self.again.text() != self.new.text():
            return tr("两次输入的新口令不一样。")
        return ""

    def _tell(self, text: str) -> None:
        self.problem.setText(text)
        self.problem.setVisible(bool(text))

    # --- acting ----------------------------------------------------------------------------------

    def _switch(self) -> None:
        self._by_officer = not self._by_officer
        self._forget()
        self._show()
        (self.officer if self._by_officer else self.accept_button).setFocus()

    def _choose(self) -> None:
        kinds = tr("PDF 或图片 (*.pdf *.png *.jpg *.jpeg)")
        name, _ = QFileDialog.getOpenFileName(self, tr("选择授权书"), "", kinds)
        if name:
            self._letter = Path(name)
            self._update()

    def _submit(self) -> None:
        desk, serial, record = self._shell.context.unlocking, self._token.serial, self._view.record
        acts: dict[str, Callable[[], object]] = {
            "apply": partial(desk.apply, serial, self._typed(), self._chosen_letter()),
            "wait": partial(desk.state, serial),
            "officer": partial(desk.by_officer, serial, self.officer.text(), self.new.text()),
        }
        act = acts.get(self._step)
        if self._step in ("set", "vendor") and record is not None:
            act = partial(desk.unlock, record.id, serial, self.new.text())
        if act is None:
            return
        done = self._done if self._step in ("set", "vendor", "officer") else self._seen
        self._forget()
        self._busy(True)
        self._shell.tasks.device(act, done=done, failed=self._failed)

    def _typed(self) -> dict[str, str]:
        typed = {name: field.text().strip() for name, field in self.fields.items()}
        typed["handler_id"] = typed["handler_id"].upper()
        return {**typed, "proof": str(self.proof.currentData())}

    def _chosen_letter(self) -> Path | None:
        return self._letter if self.proof.currentData() == "letter" else None

    def _done(self, _: object) -> None:
        self._busy(False)
        self.unlocked = True
        self._shell.notices.show_notice("setup", "good", tr("口令已重新设置，Ukey 可以使用了。"))
        self.accept()

    def _failed(self, error: BaseException) -> None:
        self._busy(False)
        message = explain(error, language())
        self._show()
        self._tell(
            tr("{cause}（{code}）", cause=f"{message.cause}{message.remedy}", code=message.code)
        )

    def _busy(self, busy: bool) -> None:
        self._shell.hold_polling(busy)
        self.setEnabled(not busy)
        if busy:
            self._tell("")

    def _forget(self) -> None:
        for field in (self.officer, self.new, self.again):
            field.clear()

    def reject(self) -> None:
        self._forget()
        super().reject()


def unlock(shell: Shell, token: TokenView, parent: QWidget) -> None:
    """Show the dialog for *token*."""
    dialog = UnlockDialog(shell, token, parent)
    dialog.exec()
    dialog.deleteLater()
