"""Initialising a blank key: name, PIN and security officer's PIN, each PIN typed twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QDialog, QLineEdit, QVBoxLayout, QWidget

from app.errors import explain
from ui.dialogs import Dialog
from ui.language import language, pair, tr
from ui.shell.context.values import TokenView
from ui.shell.pin_field import PinAids, PinField
from ui.widgets import button, column, facts, label, picture, row

if TYPE_CHECKING:
    from ui.shell.interface import Shell

LABEL_OCTETS = 32
"""What PKCS#11 has room for."""


class InitialiseDialog(Dialog):
    """Asks for all that a blank key needs; rules are checked before anything is sent to it."""

    def __init__(self, token: TokenView, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("初始化 Ukey"))
        self.setMinimumWidth(480)
        self._answer = ("", "", "")
        whole = QVBoxLayout(self)
        whole.setContentsMargins(24, 20, 24, 20)
        whole.setSpacing(10)
        head = row(picture("key-round", "text", 24), spacing=12)
        head.addWidget(label(tr("初始化 Ukey"), "title"), 1)
        whole.addLayout(head)
        model = f"{token.manufacturer} {token.model}".strip() or "—"
        whole.addWidget(facts([("Ukey", token.serial or model), (tr("厂商型号"), model)]))
        whole.addWidget(
            label(tr("这把 Ukey 是空白的，里面没有密钥和证书。设好口令后才能使用。"), wrap=True)
        )
        self.name = QLineEdit("SealDesk")
        self.name.setAccessibleName(tr("Ukey 名称"))
        self.name.setPlaceholderText(tr("Ukey 名称"))
        self.name.textChanged.connect(self._update_buttons)
        self.pin, self.pin_again = PinField(tr("新口令")), PinField(tr("再输一次新口令"))
        self.officer = PinField(tr("管理员口令"))
        self.officer_again = PinField(tr("再输一次管理员口令"))
        self._group(
            whole,
            tr("名称"),
            tr("插着几把 Ukey 时靠它分辨，例如“财务部”。"),
            self.name,
        )
        self._group(
            whole,
            tr("口令"),
            tr("盖章时输入。6 至 32 位，不要用 123456 这样的口令。"),
            self.pin,
            self.pin_again,
        )
        self._group(
            whole,
            tr("管理员口令"),
            tr(
                "口令锁定后用它解锁，交给管理员保管，丢失后无法找回。"
                "厂商随 Ukey 提供了管理员口令的，填写那一个。"
            ),
            self.officer,
            self.officer_again,
        )
        self.aids = PinAids(self.pin, self.pin_again, self.officer, self.officer_again)
        whole.addWidget(self.aids)
        self.problem = label("", "bad", wrap=True)
        whole.addWidget(self.problem)
        self.accept_button = button(tr("初始化"), self._submit, role="default")
        self.accept_button.setDefault(True)
        whole.addLayout(row(None, button(tr("取消"), self.reject), self.accept_button))
        self._update_buttons()
        self.pin.setFocus()

    def _group(self, whole: QVBoxLayout, title: str, hint: str, *fields: QLineEdit) -> None:
        inner = column(spacing=5)
        inner.addWidget(label(title, "heading"))
        inner.addWidget(label(hint, "small", wrap=True))
        across = row(spacing=8)
        for field in fields:
            across.addWidget(field)
            if isinstance(field, PinField):
                field.setPlaceholderText(field.accessibleName())
                field.textChanged.connect(self._update_buttons)
        inner.addLayout(across)
        whole.addLayout(inner)

    def take(self) -> tuple[str, str, str]:
        """Name, officer's PIN and PIN; can be taken once."""
        answer, self._answer = self._answer, ("", "", "")
        return answer

    def _update_buttons(self) -> None:
        problem = self._problem()
        self.problem.setText(problem)
        self.problem.setVisible(bool(problem))
        filled = all((self.name.text().strip(), self.pin.text(), self.officer.text()))
        same = (
            self.pin.text() == self.pin_again.text()
            and self.officer.text() == self.officer_again.text()
        )
        self.accept_button.setEnabled(bool(filled and same and not problem))

    def _problem(self) -> str:
        """What is wrong with what was typed so far."""
        from device.token import PinNotAllowed, check_new_pin

        if len(self.name.text().strip().encode()) > LABEL_OCTETS:
            return tr("名称太长，请控制在 {count} 个汉字以内。", count=LABEL_OCTETS // 3)
        for field, again in ((self.pin, self.pin_again), (self.officer, self.officer_again)):
            if not field.text():
                continue
            try:
                check_new_pin(field.text())
            except PinNotAllowed as error:
                return pair(field.accessibleName(), explain(error, language()).cause)
            if again.text() and again.text() != field.text():
                return tr("两次输入的{name}不一样。", name=field.accessibleName())
        if self.pin.text() and self.pin.text() == self.officer.text():
            return tr("管理员口令不能与口令相同。")
        return ""

    def _submit(self) -> None:
        self._answer = (self.name.text().strip(), self.officer.take(), self.pin.take())
        self._forget()
        self.accept()

    def reject(self) -> None:
        self._forget()
        super().reject()

    def _forget(self) -> None:
        for field in (self.pin, self.pin_again, self.officer, self.officer_again):
            field.clear()


def initialise(shell: Shell, token: TokenView, parent: QWidget) -> None:
    """Ask for name and PINs of the blank *token* and set them; the window tells of the outcome."""
    dialog = InitialiseDialog(token, parent)
    accepted = dialog.exec() == QDialog.DialogCode.Accepted
    name, officer, pin = dialog.take()
    dialog.deleteLater()
    if not accepted:
        return

    def done(_: object) -> None:
        shell.hold_polling(False)
        said = tr("Ukey 已初始化，现在可以申请印章，或者接受授权。")
        shell.notices.show_notice("setup", "good", said, (tr("申请印章…"), shell.apply_for_seal))

    def failed(error: BaseException) -> None:
        shell.hold_polling(False)
        shell.complain(error)

    shell.hold_polling(True)
    shell.tasks.device(
        shell.context.initialise, token, name, officer, pin, done=done, failed=failed
    )
