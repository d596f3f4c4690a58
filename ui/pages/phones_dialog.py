"""配对手机: which phones stand in for the Ukey, another one by a QR code, and the end of one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.errors import explain
from crypto.seal.purpose_text import read_time
from ui.dialogs import Dialog
from ui.language import language, tr
from ui.pages.qr_code import QrCode
from ui.shell.pin_dialog import ask_pin
from ui.widgets import button, clear_layout, column, day, label, row

if TYPE_CHECKING:
    from app.remote.approval.phones import Answered, Pairing, Phone
    from ui.shell.interface import Shell

Pin = Callable[[str], tuple[str, str]]
"""Asks for the PIN of the key in use, for a purpose: serial number and PIN, empty if cancelled."""
_LOOK_MS = 1000


class PhonesDialog(Dialog):
    """Nothing is asked of the platform before the PIN of the key in use is given."""

    def __init__(self, shell: Shell, parent: QWidget, pin: Pin | None = None) -> None:
        super().__init__(parent)
        self._shell, self._pin = shell, pin or self._ask
        self._pairing: Pairing | None = None
        self.answered: Answered | None = None
        """The phone that has come, until it is bound."""
        self.setWindowTitle(tr("配对手机"))
        self.setMinimumWidth(580)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(24, 20, 24, 20)
        whole.setSpacing(10)
        whole.addWidget(label(tr("配对手机"), "title"))
        lead = tr(
            "配对的手机可以代替这把 Ukey 审批用印，Ukey 丢失时也可以用它挂失。"
            "手机要有锁屏密码或指纹。Ukey 的证书换发（续期、换领）以后要重新配对。"
        )
        whole.addWidget(label(lead, "muted", wrap=True))
        self.content = column(spacing=8)
        whole.addLayout(self.content)
        self.problem = label("", "bad", wrap=True, select=True)
        self.problem.hide()
        whole.addWidget(self.problem)
        whole.addStretch()
        self.show_phones = button(tr("查看已配对的手机"), self._list)
        self.pair = button(tr("配对一部手机…"), self._begin, role="default")
        self.confirm = button(tr("数字相同，绑定"), self._bind, role="default")
        self.back = button(tr("取消配对"), self._give_up)
        self.close_button = button(tr("关闭"), self.reject)
        whole.addLayout(
            row(self.show_phones, None, self.close_button, self.back, self.pair, self.confirm)
        )
        self._timer = QTimer(self)
        self._timer.setInterval(_LOOK_MS)
        self._timer.timeout.connect(self._look)
        self._looking = False
        self._update()

    def _update(self) -> None:
        pairing = self._pairing is not None
        key = self._shell.token is not None
        for each in (self.show_phones, self.pair):
            each.setVisible(not pairing)
            each.setEnabled(key)
        self.back.setVisible(pairing)
        self.confirm.setVisible(self.answered is not None)

    # --- pairing ---------------------------------------------------------------------------------

    def _begin(self) -> None:
        purpose = tr("配对手机：登录平台")
        self._with_key(purpose, self._shell.context.phones.begin, self._begun)

    def _begun(self, pairing: Pairing) -> None:
        from app.remote.approval.phones import qr_matrix

        self._pairing, self.answered = pairing, None
        clear_layout(self.content)
        who = tr("，").join(each for each in (pairing.person, pairing.enterprise) if each)
        self.content.addWidget(label(who, "heading", wrap=True))
        said = tr(
            "用手机扫描二维码，在手机上完成配对。二维码五分钟内有效，只能用一次，不要发给别人。"
        )
        self.content.addWidget(label(said, wrap=True))
        self.code = QrCode(qr_matrix(pairing.url), tr("配对手机的二维码"))
        self.content.addWidget(self.code, 0, Qt.AlignmentFlag.AlignHCenter)
        self._update()
        self._timer.start()

    def _look(self) -> None:
        if not self._looking:
            self._looking = True
            look = self._shell.context.phones.look
            self._shell.tasks.work(look, done=self._looked, failed=self._lost)

    def _looked(self, answered: Answered | None) -> None:
        self._looking = False
        if answered is None or self._pairing is None or self.answered is not None:
            return
        self._timer.stop()
        self.answered = answered
        clear_layout(self.content)
        name = answered.proof.phone
        said = tr("手机“{name}”已应答。请看手机：两边的六位数字相同，才绑定。", name=name)
        self.content.addWidget(label(said, wrap=True))
        self.content.addWidget(
            label(answered.digits, "digits", select=True), 0, Qt.AlignmentFlag.AlignHCenter
        )
        copies = {
            "synced": tr("这个通行密钥会同步到手机账号的其他设备。"),
            "eligible": tr("这个通行密钥可能会同步到手机账号的其他设备。"),
        }.get(answered.proof.backup)
        if copies:
            self.content.addWidget(label(copies, "small", wrap=True))
        self._update()
        self.confirm.setFocus()

    def _lost(self, error: BaseException) -> None:
        self._looking = False
        if self._pairing is not None:
            self._give_up()
            self._failed(error)

    def _bind(self) -> None:
        answered = self.answered
        if answered is None:
            return
        name, digits = answered.proof.phone, answered.digits
        purpose = tr("绑定手机“{name}”，数字 {digits}", name=name, digits=digits)
        act = partial(self._shell.context.phones.bind, answered)
        self._with_key(purpose, act, self._show)

    def _give_up(self) -> None:
        self._timer.stop()
        self._pairing = self.answered = None
        self._shell.context.phones.give_up()
        clear_layout(self.content)
        self._update()

    # --- those that there are --------------------------------------------------------------------

    def _list(self) -> None:
        purpose = tr("查看已配对的手机")
        self._with_key(purpose, self._shell.context.phones.listed, self._show)

    def _show(self, phones: Sequence[Phone]) -> None:
        self._timer.stop()
        self._pairing = self.answered = None
        clear_layout(self.content)
        used = [phone for phone in phones if phone.in_use]
        for each in used:
            said = tr(
                "{name}，{date} 配对，{until} 到期",
                name=each.binding.phone,
                date=day(each.bound_at),
                until=day(read_time(each.binding.until)),
            )
            ending = button(tr("解除…"), partial(self._revoke, each), role="link")
            ending.setAccessibleName(tr("，").join((tr("解除…"), each.binding.phone)))
            line = row()
            line.addWidget(label(said, wrap=True), 1)
            line.addWidget(ending)
            self.content.addLayout(line)
        if not used:
            self.content.addWidget(label(tr("现在没有配对的手机。"), "muted"))
        self._update()

    def _revoke(self, phone: Phone) -> None:
        purpose = tr("解除手机“{name}”，立即生效", name=phone.binding.phone)
        self._with_key(purpose, partial(self._shell.context.phones.revoke, phone), self._show)

    # --- with the key ----------------------------------------------------------------------------

    def _with_key(
        self, purpose: str, act: Callable[[str, str], Any], done: Callable[[Any], None]
    ) -> None:
        serial, pin = self._pin(purpose)
        if not pin:
            return
        self.problem.hide()
        self.setEnabled(False)
        self._shell.hold_polling(True)

        def ended(result: Any) -> None:
            self._again()
            done(result)

        def failed(error: BaseException) -> None:
            self._again()
            self._failed(error)

        self._shell.tasks.device(act, serial, pin, done=ended, failed=failed)

    def _ask(self, purpose: str) -> tuple[str, str]:
        token = self._shell.token
        if token is None:
            return "", ""
        return token.serial, ask_pin(self._shell, token, purpose, self)

    def _again(self) -> None:
        self._shell.hold_polling(False)
        self.setEnabled(True)

    def _failed(self, error: BaseException) -> None:
        message = explain(error, language())
        self.problem.setText(tr("{cause}（{code}）", cause=message.cause, code=message.code))
        self.problem.show()

    def done(self, result: int) -> None:
        if self._pairing is not None:
            self._give_up()
        super().done(result)

    def closeEvent(self, event: QCloseEvent) -> None:
        self.reject()
        event.accept()
