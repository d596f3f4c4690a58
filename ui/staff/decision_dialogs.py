"""核准, 退回补正, 不予核准: what the reviewer says before the PIN is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import (
    QCheckBox,
    QFormLayout,
    QLineEdit,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from ui.dialogs import Dialog
from ui.language import tr
from ui.staff import words
from ui.widgets import button, facts, label, row

if TYPE_CHECKING:
    from app.remote.staff.reviewing import Review, Verdict

_MAX_REASON = 500
_MAX_FIELD = 200


class DecisionDialog(Dialog):
    """What all three have: whom it is about, a reason, and the way to the PIN."""

    verb = ""

    def __init__(self, review: Review, title: str, prompt: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.review = review
        self.setWindowTitle(title)
        self.setMinimumWidth(520)
        self.whole = QVBoxLayout(self)
        self.whole.setContentsMargins(24, 20, 24, 20)
        self.whole.setSpacing(12)
        self.whole.addWidget(label(title, "title"))
        name = review.queued.enterprise or review.form.get("handler.name", "")
        self.whole.addWidget(facts([(tr("申请"), words.broken(name))]))
        self.reason = QPlainTextEdit()
        self.reason.setAccessibleName(prompt)
        self.reason.setPlaceholderText(prompt)
        self.reason.setFixedHeight(76)
        self.reason.setTabChangesFocus(True)
        self.accept_button = button(tr("用 Ukey 签名…"), self.accept, role="default")

    def finish(self) -> None:
        """The last rows, below what a dialog of its own has."""
        self.whole.addWidget(self.reason)
        said = tr("签名的是申请原文、每份材料的摘要和这里的理由，平台留存，不能抵赖。")
        self.whole.addWidget(label(said, "small", wrap=True))
        self.whole.addLayout(row(None, button(tr("取消"), self.reject), self.accept_button))
        self.reason.textChanged.connect(self.update_button)
        self.update_button()

    @property
    def said(self) -> str:
        """The reason on one line."""
        return " ".join(self.reason.toPlainText().split())

    def update_button(self) -> None:
        self.accept_button.setEnabled(self.complete())

    def complete(self) -> bool:
        """Is all said that must be said?"""
        return 0 < len(self.said) <= _MAX_REASON

    def verdict(self) -> Verdict:
        """What was decided."""
        from app.remote.staff.reviewing import Verdict

        return Verdict(self.verb, self.said)


class RejectDialog(DecisionDialog):
    """不予核准: final."""

    verb = "reject"

    def __init__(self, review: Review, parent: QWidget) -> None:
        super().__init__(review, tr("不予核准"), tr("理由（申请人会看到）"), parent)
        said = tr("不予核准以后，申请就结束了；材料有误的，请退回补正。")
        self.whole.addWidget(label(said, "bad", wrap=True))
        self.finish()


class ReturnDialog(DecisionDialog):
    """退回补正, with what is wrong in which field."""

    verb = "return"

    def __init__(self, review: Review, parent: QWidget) -> None:
        super().__init__(review, tr("退回申请"), tr("要怎样补正（申请人会看到）"), parent)
        self.fields: dict[str, QLineEdit] = {}
        form = QFormLayout()
        form.setHorizontalSpacing(16)
        form.setVerticalSpacing(6)
        known = words.correctable(dict(review.form), [each.kind for each in review.documents])
        for path, name in known.items():
            field = QLineEdit()
            field.setMaxLength(_MAX_FIELD)
            field.setAccessibleName(name)
            field.setPlaceholderText(tr("没有问题就空着"))
            self.fields[path] = field
            form.addRow(label(name, "muted"), field)
        self.whole.addLayout(form)
        self.finish()

    def verdict(self) -> Verdict:
        from app.remote.staff.reviewing import Verdict

        said = {path: " ".join(field.text().split()) for path, field in self.fields.items()}
        return Verdict(self.verb, self.said, {path: text for path, text in said.items() if text})


class ApproveDialog(DecisionDialog):
    """核准: the four findings, each by its own tick; against the records with a reason."""

    verb = "approve"

    def __init__(self, review: Review, parent: QWidget) -> None:
        judged = review.queued.assessment
        self._against = judged is None or not judged.passed
        super().__init__(review, tr("核准"), tr("与登记信息不符，仍然核准的理由"), parent)
        self.findings = [
            QCheckBox(text)
            for text in (
                tr("合法性：企业依法登记，执照有效"),
                tr("完整性：材料齐全，申请人已签名"),
                tr("真实性：企业、法定代表人、经办人属实"),
                tr("合理性：有备案的实物印章，没有重复制作"),
            )
        ]
        for box in self.findings:
            box.toggled.connect(lambda _: self.update_button())
            self.whole.addWidget(box)
        if self._against:
            said = judged.reason if judged else tr("登记、公安和身份核验还没有答复。")
            self.whole.addWidget(label(words.reason(said), "bad", wrap=True))
            more = tr("与登记信息不符的核准要写明理由，还要第二名审核员同意。")
            self.whole.addWidget(label(more, "muted", wrap=True))
        self.finish()
        self.reason.setVisible(self._against)

    def complete(self) -> bool:
        ticked = all(box.isChecked() for box in self.findings)
        return ticked and (not self._against or super().complete())
