"""What an operator may not do alone: a reviewer agrees that a suspension is lifted or a seal is
cancelled, with a signature that goes to the operator as a file (decision 96)."""

from __future__ import annotations

from PySide6.QtWidgets import QFormLayout, QPlainTextEdit, QVBoxLayout, QWidget

from ui.choice import Choice
from ui.dialogs import Dialog
from ui.language import tr
from ui.staff import words
from ui.staff.seal_code_field import SealCodeField
from ui.widgets import button, label, row

_MAX_REASON = 500
CANCELLING = (
    *("enterprise_deregistered", "licence_revoked", "physical_seal_cancelled", "merged"),
    *("holder_request", "false_material", "key_compromised", "lost", "damaged"),
)
"""Reasons for which the console cancels a seal; the file counts for the one that was signed."""


def purpose(verb: str, code: str) -> str:
    """What the PIN is asked for."""
    if verb == "cancel":
        return tr("同意平台管理员注销印章 {code}", code=code)
    return tr("同意平台管理员恢复印章 {code}", code=code)


def file_name(verb: str, code: str) -> str:
    """What the file is called if nobody thinks of another name."""
    if verb == "cancel":
        return tr("同意注销_{code}.json", code=code)
    return tr("同意恢复_{code}.json", code=code)


class AgreeDialog(Dialog):
    """What is to be done with which seal, and why."""

    def __init__(self, typed: dict[str, str], parent: QWidget) -> None:
        """*typed*: what :meth:`typed` gave when it did not come to a signature."""
        super().__init__(parent)
        self.setWindowTitle(tr("同意恢复或注销印章"))
        self.setMinimumWidth(560)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(24, 20, 24, 20)
        whole.setSpacing(12)
        whole.addWidget(label(self.windowTitle(), "title"))
        lead = tr(
            "平台管理员可以单独停用印章；恢复和注销还要一名审核员同意。"
            "签名存成一个文件，交给平台管理员：24 小时内有效，印章状态再变化即作废。"
        )
        whole.addWidget(label(lead, "muted", wrap=True))
        self.verb, self.cause = Choice(), Choice()
        self.verb.addItem(tr("恢复使用"), "resume")
        self.verb.addItem(tr("注销"), "cancel")
        for cause in CANCELLING:
            self.cause.addItem(words.cause_of(cause), cause)
        self.code, self.reason = SealCodeField(), QPlainTextEdit()
        self.reason.setFixedHeight(76)
        self.reason.setTabChangesFocus(True)
        self.reason.setPlaceholderText(tr("核实了什么、凭什么恢复（平台留存）"))
        self._form = QFormLayout()
        self._form.setHorizontalSpacing(16)
        self._form.setVerticalSpacing(8)
        named = (
            (tr("要做什么"), self.verb),
            (tr("印章编码"), self.code),
            (tr("原因"), self.cause),
            (tr("理由"), self.reason),
        )
        for name, field in named:
            field.setAccessibleName(name)
            self._form.addRow(label(name, "muted"), field)
        whole.addLayout(self._form)
        self.warning = label("", "bad", wrap=True)
        whole.addWidget(self.warning)
        self.wrong = label("", "bad", wrap=True)
        whole.addWidget(self.wrong)
        whole.addStretch()
        self.accept_button = button(tr("用 Ukey 签名…"), self.accept, role="default")
        whole.addLayout(row(None, button(tr("取消"), self.reject), self.accept_button))
        self.verb.setCurrentIndex(max(0, self.verb.findData(typed.get("verb", ""))))
        self.cause.setCurrentIndex(max(0, self.cause.findData(typed.get("cause", ""))))
        self.code.setText(typed.get("code", ""))
        self.reason.setPlainText(typed.get("said", ""))
        self.verb.currentIndexChanged.connect(self._update)
        self.code.textChanged.connect(self._update)
        self.reason.textChanged.connect(self._update)
        self._update()

    def typed(self) -> dict[str, str]:
        """All that the form holds; the code without spaces, the reason on one line."""
        verb, cause = str(self.verb.currentData()), str(self.cause.currentData())
        said = " ".join(self.reason.toPlainText().split())
        return {
            "verb": verb,
            "code": self.code.code,
            "cause": cause,
            "said": said,
            "reason": cause if verb == "cancel" else said,
        }

    def _update(self, *_: object) -> None:
        told = self.typed()
        cancels = told["verb"] == "cancel"
        self._form.setRowVisible(self.cause, cancels)
        self._form.setRowVisible(self.reason, not cancels)
        long = len(told["reason"]) > _MAX_REASON
        problem = self.code.problem
        if long:
            problem = tr("理由最多 {count} 个字。", count=_MAX_REASON)
        self.wrong.setText(problem)
        self.wrong.setVisible(bool(problem))
        self.warning.setText(
            tr("注销不能恢复。原因要与平台管理员注销时写的一致。")
            if cancels
            else tr("签名以前，请自己核实停用的原因已经消除。")
        )
        self.accept_button.setEnabled(self.code.is_right and not long and bool(told["reason"]))
