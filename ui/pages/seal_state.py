"""停用、挂失、恢复: a seal is stopped at once, or used again, with one PIN.

Each choice says beforehand what it does, what it leaves alone and who undoes it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QButtonGroup, QRadioButton, QVBoxLayout, QWidget

from app.errors import SealChangeRefused, explain
from ui.dialogs import Dialog
from ui.language import language, tr
from ui.seal_card import kind_name
from ui.widgets import button, label, row, when_chosen

if TYPE_CHECKING:
    from app.store.cabinet import SealRecord
    from ui.shell.interface import Shell

Pin = Callable[[str], tuple[str, str]]
"""Asks for the PIN of the key in use, for a purpose: serial number and PIN, empty if cancelled."""

REASONS = ("holder_request", "lost", "key_compromised")
"""What a holder may say, the mildest first."""


def may_resume(seal: SealRecord) -> bool:
    """May somebody of the company use it again, as far as is known here?"""
    return seal.state == "suspended" and seal.reason == "holder_request" and seal.grant is None


def may_stop(seal: SealRecord) -> bool:
    """Is it a seal of one's own that is in use, or paused and can be reported lost?"""
    return (seal.state == "active" or may_resume(seal)) and seal.grant is None


def _reason_title(reason: str) -> str:
    return {
        "holder_request": tr("暂停使用"),
        "lost": tr("挂失：Ukey 丢失或被盗"),
        "key_compromised": tr("口令被别人知道，或密钥可能泄露"),
    }[reason]


def _consequences(reason: str) -> str:
    """What a stop for that reason does, and how it ends."""
    if reason == "holder_request":
        return tr(
            "用 Ukey 签名以后立即停用：从这一刻起，用它盖的章无效，授权给别人的也不能用。"
            "法定代表人随时可以在这里恢复。"
        )
    return tr(
        "用 Ukey 签名以后立即停用，证书同时冻结：从这一刻起，用它盖的章无效，授权给别人的也不能用。"
        "本单位不能自己恢复，要由平台核实，或者办理换领。"
    )


class SealStateDialog(Dialog):
    """Stops a seal that is in use, resumes one that is stopped. It stays open until the platform
    has taken it, or the person gives up."""

    def __init__(
        self, shell: Shell, seal: SealRecord, pin: Pin, parent: QWidget, *, stops: bool
    ) -> None:
        """*stops*: to be stopped, else resumed."""
        super().__init__(parent)
        self._shell, self._seal, self._pin = shell, seal, pin
        self._stops = stops
        self.changed = False
        """Is there news of the seal? Also where the platform refused: it has told how it stands."""
        title = tr("停用、挂失") if self._stops else tr("恢复使用")
        self.setWindowTitle(title)
        self.setMinimumWidth(540)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(24, 20, 24, 20)
        whole.setSpacing(10)
        whole.addWidget(label(title, "title"))
        owner = seal.enterprise or seal.name
        name = tr("{seal} · {company}", seal=kind_name(seal), company=owner)
        whole.addWidget(label(tr("，").join((name, seal.code)), wrap=True))
        self.choices: dict[str, QRadioButton] = {}
        self.said = label("", wrap=True)
        self._group = QButtonGroup(self)
        self.accept_button = button(
            tr("立即停用") if self._stops else title, self._submit, role="default"
        )
        if self._stops:
            for reason in REASONS if seal.state == "active" else REASONS[1:]:
                choice = QRadioButton(_reason_title(reason))
                when_chosen(choice, partial(self._chosen, reason))
                self._group.addButton(choice)
                whole.addWidget(choice)
                self.choices[reason] = choice
            self.accept_button.setEnabled(False)
            self.said.hide()
        else:
            self.said.setText(
                tr(
                    "由法定代表人办理，用他自己的 Ukey：领取本单位印章的，或者他的个人证书。"
                    "用 Ukey 签名以后立即恢复使用；停用期间盖的章仍然无效。"
                )
            )
        whole.addWidget(self.said)
        if self._stops:
            stays = tr(
                "停用不影响以前的文件：停用之前盖好、带时间戳的仍然有效；"
                "没有时间戳的，以后无法证明是停用之前盖的。实物印章丢失的，要另外向公安机关报失。"
            )
            whole.addWidget(label(stays, "muted", wrap=True))
            away = tr(
                "这枚印章的 Ukey 不在手边的，法定代表人可以用他自己的另一把 Ukey 办理，"
                "个人证书的也可以；都没有的，打电话给平台，由两名工作人员核实后立即停用。"
            )
            whole.addWidget(label(away, "muted", wrap=True))
        self.problem = label("", "bad", wrap=True, select=True)
        self.problem.hide()
        whole.addWidget(self.problem)
        whole.addStretch()
        self.cancel = button(tr("取消"), self.reject)
        whole.addLayout(row(None, self.cancel, self.accept_button))

    @property
    def reason(self) -> str:
        """The one that is chosen; "" while none is."""
        return next((choice for choice, box in self.choices.items() if box.isChecked()), "")

    def _chosen(self, reason: str) -> None:
        self.said.setText(_consequences(reason))
        self.said.show()
        self.accept_button.setText(tr("立即挂失") if reason == "lost" else tr("立即停用"))
        self.accept_button.setEnabled(True)

    # --- with the key ----------------------------------------------------------------------------

    def _submit(self) -> None:
        if self._shell.token is None:
            self._tell(tr("没有插入 Ukey。"))
            return
        act = self._shell.context.applications
        change = (
            partial(act.suspend, self._seal, self.reason)
            if self._stops
            else partial(act.resume, self._seal)
        )
        what = self.accept_button.text()
        serial, pin = self._pin(tr("{what} {seal}", what=what, seal=kind_name(self._seal)))
        if not pin:
            return
        self.problem.hide()
        self.setEnabled(False)
        self._shell.hold_polling(True)
        self._shell.tasks.device(change, serial, pin, done=self._done, failed=self._failed)

    def _done(self, _: SealRecord) -> None:
        self._again()
        self.changed = True
        self.accept()

    def _failed(self, error: BaseException) -> None:
        self._again()
        if isinstance(error, SealChangeRefused):
            self.changed = True  # the platform has told how it stands
        message = explain(error, language())
        self._tell(tr("{cause}（{code}）", cause=message.cause, code=message.code))

    def _tell(self, text: str) -> None:
        self.problem.setText(text)
        self.problem.show()

    def _again(self) -> None:
        self._shell.hold_polling(False)
        self.setEnabled(True)
