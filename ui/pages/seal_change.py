"""换领、续期、注销: what is to become of a seal, and who asks for it.

The form stays open until the platform has taken the application; what is wrong is told in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QComboBox, QFileDialog, QFormLayout, QLineEdit, QVBoxLayout, QWidget

from app.errors import explain, platform_reason
from crypto.seal.application_form import CANCEL, CAUSES, REISSUE, RENEW
from ui.dialogs import Dialog
from ui.language import language, tr
from ui.pages.apply_dialog import field_title, normal
from ui.seal_card import kind_name
from ui.widgets import button, calm, label, row

if TYPE_CHECKING:
    from app.store.applications import ApplicationRecord
    from app.store.cabinet import SealRecord
    from ui.shell.interface import Shell

Pin = Callable[[str], tuple[str, str]]
"""Asks for the PIN of the key in use, for a purpose: serial number and PIN, empty if cancelled."""


def change_title(kind: str) -> str:
    """What a kind of application for a seal that is there is called; "" for an issue."""
    return {REISSUE: tr("换领"), RENEW: tr("续期"), CANCEL: tr("注销")}.get(kind, "")


def _cause_title(cause: str) -> str:
    return {
        "name_changed": tr("企业名称变更"),
        "legal_rep_changed": tr("法定代表人变更"),
        "damaged": tr("印章损坏"),
        "physical_seal_changed": tr("实物印章变更"),
        "holder_request": tr("不再使用"),
        "merged": tr("企业撤并"),
        "enterprise_deregistered": tr("企业注销"),
    }.get(cause, cause)


class SealChangeDialog(Dialog):
    """Of one seal; :attr:`taken` is what the platform then has."""

    def __init__(
        self,
        shell: Shell,
        seal: SealRecord,
        pin: Pin,
        parent: QWidget,
        known: ApplicationRecord | None = None,
    ) -> None:
        """*known*: an application that is to be corrected."""
        super().__init__(parent)
        self._shell, self._seal, self._pin = shell, seal, pin
        self.taken: ApplicationRecord | None = None
        fields: Mapping[str, str] = known.fields if known else {}
        self.setWindowTitle(tr("换领、续期、注销"))
        self.setMinimumWidth(560)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(24, 20, 24, 20)
        whole.setSpacing(10)
        whole.addWidget(label(tr("换领、续期、注销"), "title"))
        owner = seal.enterprise or seal.name
        name = tr("{seal} · {company}", seal=kind_name(seal), company=owner)
        whole.addWidget(label(tr("，").join((name, seal.code)), wrap=True))
        form = QFormLayout()
        form.setHorizontalSpacing(16)
        self.kind, self.cause = calm(QComboBox()), calm(QComboBox())
        for kind in (REISSUE, RENEW, CANCEL):
            self.kind.addItem(change_title(kind), kind)
        self.kind.setAccessibleName(tr("办理"))
        self.cause.setAccessibleName(tr("原因"))
        form.addRow(label(tr("办理"), "muted"), self.kind)
        self._cause_label = label(tr("原因"), "muted")
        form.addRow(self._cause_label, self.cause)
        self.fields: dict[str, QLineEdit] = {}
        unit = ("enterprise", "legal_rep") if seal.enterprise else ()
        for field in (*unit, "handler", "handler_id", "phone"):
            given = seal.enterprise if field == "enterprise" else ""
            made = QLineEdit(fields.get(field, given))
            made.setAccessibleName(field_title(field))
            made.textChanged.connect(self._update)
            form.addRow(label(field_title(field), "muted"), made)
            self.fields[field] = made
        whole.addLayout(form)
        self.said = label("", "muted", wrap=True)
        whole.addWidget(self.said)
        said = platform_reason(known.reason, language()) if known else ""
        self.problem = label(said, "bad", wrap=True, select=True)
        self.problem.setVisible(bool(self.problem.text()))
        whole.addWidget(self.problem)
        whole.addStretch()
        self.accept_button = button(tr("提交申请"), self._submit, role="default")
        whole.addLayout(row(None, button(tr("取消"), self.reject), self.accept_button))
        self.kind.currentIndexChanged.connect(self._kind_chosen)
        if known is not None:
            self.kind.setCurrentIndex(self.kind.findData(known.kind))
            self.kind.setEnabled(False)
        self._kind_chosen()
        if fields.get("cause"):
            self.cause.setCurrentIndex(max(0, self.cause.findData(fields["cause"])))

    @property
    def _kind(self) -> str:
        return str(self.kind.currentData())

    def _kind_chosen(self) -> None:
        self.cause.clear()
        for cause in CAUSES.get(self._kind, ()):
            self.cause.addItem(_cause_title(cause), cause)
        for each in (self.cause, self._cause_label):
            each.setVisible(self._kind in CAUSES)
        self.said.setText(
            {
                REISSUE: tr(
                    "先在登记机关和公安机关办好变更。旧印章在制作新印章的同时注销，它盖过的文件不受影响。"
                ),
                RENEW: tr("印章编码不变；新的证书和有效期领取以后生效，领取之前照旧使用。"),
                CANCEL: tr(
                    "平台开具注销申请书，用这枚印章盖好后提交，由两名审核员核准。注销不能恢复，"
                    "之前盖的文件不受影响。"
                ),
            }[self._kind]
        )
        self._update()

    def _update(self) -> None:
        filled = all(field.text().strip() for field in self.fields.values())
        self.accept_button.setEnabled(filled)

    def answer(self) -> dict[str, str]:
        """What was typed, as an application's fields."""
        typed = {name: field.text().strip() for name, field in self.fields.items()}
        typed["handler_id"] = normal(typed["handler_id"])
        cause = {"cause": str(self.cause.currentData())} if self._kind in CAUSES else {}
        return {**typed, **cause}

    # --- with the key ----------------------------------------------------------------------------

    def _submit(self) -> None:
        output = None
        if self._kind == CANCEL and self._seal.kind != "personal":
            proposed = tr("注销申请书_{code}", code=self._seal.code) + ".pdf"
            title = tr("盖了章的注销申请书存到")
            name, _ = QFileDialog.getSaveFileName(self, title, proposed, "PDF (*.pdf)")
            if not name:
                return
            output = Path(name)
        purpose = tr("{what} {seal}", what=change_title(self._kind), seal=kind_name(self._seal))
        serial, pin = self._pin(purpose)
        if not pin:
            return
        self.problem.hide()
        self.setEnabled(False)
        self._shell.hold_polling(True)
        change = self._shell.context.applications.change_seal
        act = partial(change, self._kind, self._seal, self.answer(), output)
        self._shell.tasks.device(act, serial, pin, done=self._done, failed=self._failed)

    def _done(self, record: ApplicationRecord) -> None:
        self._again()
        self.taken = record
        self.accept()

    def _failed(self, error: BaseException) -> None:
        self._again()
        message = explain(error, language())
        self.problem.setText(tr("{cause}（{code}）", cause=message.cause, code=message.code))
        self.problem.show()

    def _again(self) -> None:
        self._shell.hold_polling(False)
        self.setEnabled(True)
