"""提出异议: object to a seal of the document being shown, and follow an objection with its receipt.

The platform gets the document's digest, the seal's code and the person's words; the document itself
only where the person encloses it. No Ukey is needed; a person who has one may sign.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFileDialog,
    QFormLayout,
    QLineEdit,
    QPlainTextEdit,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.errors import phrase
from app.publishing import free_name
from app.remote.objection import MAX_CONTACT, MAX_NAME, MAX_REASON, Objection
from crypto.verdict import Report
from ui.choice import Choice
from ui.dialogs import Dialog, ask
from ui.files import ask_where
from ui.language import language, tr
from ui.shell.pin_dialog import ask_pin
from ui.verify import verdicts
from ui.widgets import button, facts, label, picture, row

if TYPE_CHECKING:
    from app.remote.disputes import DisputeEvidence, DisputeReceipt, DisputeState
    from ui.shell.context.values import TokenView
    from ui.shell.interface import Shell


class DisputeDialog(Dialog):
    """Which seal, why, and whom the platform may answer."""

    def __init__(
        self,
        report: Report,
        platform_url: str,
        token: TokenView | None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("提出异议"))
        self.setMinimumWidth(540)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(24, 20, 24, 20)
        whole.setSpacing(12)
        whole.addWidget(label(tr("提出异议"), "title"))
        whole.addWidget(
            facts([(tr("文件"), report.file.name), (tr("平台"), platform_url)]),
        )
        sends = tr("平台收到文件摘要、印章编码和下面填写的内容；不附证据包，就不会收到文件本身。")
        whole.addWidget(label(sends, "muted", wrap=True))
        self.seal = Choice()
        self.seal.setAccessibleName(tr("对哪枚印章"))
        self.seal.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.seal.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        for signature in report.signatures:
            if signature.seal:
                title = f"{signature.seal.code} {verdicts.seal_name(signature)}"
                self.seal.addItem(title, signature.seal.code)
        self.reason = QPlainTextEdit()
        self.reason.setAccessibleName(tr("理由"))
        self.reason.setPlaceholderText(tr("例如：本单位没有盖过这枚章；文件内容与约定不符。"))
        self.reason.setFixedHeight(110)
        self.reason.setTabChangesFocus(True)
        self.name, self.contact = QLineEdit(), QLineEdit()
        self.name.setAccessibleName(tr("姓名或单位"))
        self.name.setPlaceholderText(tr("可不填"))
        self.name.setMaxLength(MAX_NAME)
        self.contact.setAccessibleName(tr("联系方式"))
        self.contact.setPlaceholderText(tr("电话或邮箱"))
        self.contact.setMaxLength(MAX_CONTACT)
        form = QFormLayout()
        form.setHorizontalSpacing(16)
        form.setVerticalSpacing(10)
        for field_ in (self.seal, self.reason, self.name, self.contact):
            form.addRow(label(field_.accessibleName(), "muted"), field_)
        whole.addLayout(form)
        self.enclosed = QCheckBox(tr("附上证据包（里面有文件本身，会发给平台）"))
        self.signed = QCheckBox(tr("用插着的 Ukey 签名（须是这个平台签发的证书）"))
        usable = token is not None and token.initialised and not token.locked
        self.signed.setVisible(usable and bool(token and token.certificates))
        for box in (self.enclosed, self.signed):
            whole.addWidget(box)
        note = row(picture("info", "muted", 16), spacing=8)
        said = tr("提交后得到一份回执。凭回执查询进度、取回平台的证据，请妥善保管，不要公开。")
        note.addWidget(label(said, "small", wrap=True), 1)
        whole.addLayout(note)
        self.accept_button = button(tr("选择回执保存位置并提交…"), self.accept, role="default")
        whole.addLayout(row(None, button(tr("取消"), self.reject), self.accept_button))
        self.reason.textChanged.connect(self._update_buttons)
        self.contact.textChanged.connect(self._update_buttons)
        self._update_buttons()

    def _update_buttons(self) -> None:
        reason = self.reason.toPlainText().strip()
        filled = 0 < len(reason) <= MAX_REASON and bool(self.contact.text().strip())
        self.accept_button.setEnabled(filled and self.seal.count() > 0)

    def objection(self, document: Path, report: Report, password: str | None) -> Objection:
        """What was filled in, about *document* and its *report*."""
        return Objection(
            document,
            report.file.sm3,
            str(self.seal.currentData()),
            self.reason.toPlainText().strip(),
            self.contact.text().strip(),
            self.name.text().strip(),
            self.enclosed.isChecked(),
            password,
        )


class Disputes:
    """Opens and follows objections for a page."""

    def __init__(self, shell: Shell, parent: QWidget) -> None:
        self._shell, self._parent = shell, parent

    def open(self, document: Path, report: Report, password: str | None) -> None:
        """Ask what is objected to and where the receipt goes, and tell the platform."""
        token = self._shell.token
        url = self._shell.context.settings.platform_url
        dialog = DisputeDialog(report, url, token, self._parent)
        accepted = dialog.exec() == QDialog.DialogCode.Accepted
        objection = dialog.objection(document, report, password)
        signed = dialog.signed.isChecked()
        dialog.deleteLater()
        receipt = self._ask_receipt(document) if accepted else None
        if receipt is None:
            return
        pin = ""
        if signed and token is not None:
            pin = ask_pin(self._shell, token, tr("给异议签名"), self._parent)
        if signed and not pin:
            return
        self._send(objection, receipt, token if signed else None, pin)

    def _send(self, objection: Objection, receipt: Path, token: TokenView | None, pin: str) -> None:
        shell = self._shell
        shell.notices.show_notice("dispute", "info", tr("正在提交异议…"), lasting=True)

        def settled() -> None:
            shell.notices.clear_notice("dispute")
            if token is not None:
                shell.hold_polling(False)

        def done(made: DisputeReceipt) -> None:
            settled()
            said = tr(
                "异议已提交，编号 {id}。回执已保存到 {path}，请妥善保管。", id=made.id, path=receipt
            )
            shell.notices.show_notice("dispute", "good", said)

        def failed(error: BaseException) -> None:
            settled()
            shell.complain(error)

        if token is None:
            shell.tasks.work(
                shell.context.open_dispute, objection, receipt, "", "", done=done, failed=failed
            )
            return
        shell.hold_polling(True)
        shell.tasks.device(
            shell.context.open_dispute,
            objection,
            receipt,
            token.serial,
            pin,
            done=done,
            failed=failed,
        )

    def _ask_receipt(self, document: Path) -> Path | None:
        """A new file: a receipt holds the only key to an objection and is never replaced."""
        suffix = phrase("dispute.suffix", language())
        suggested = free_name(document.with_suffix(".json"), suffix)
        return ask_where(self._parent, tr("保存异议回执"), suggested, "JSON (*.json)")

    # --- following -------------------------------------------------------------------------------

    def follow(self) -> None:
        """How far an objection is, by its receipt; what the platform gathered, if it is ready."""
        name, _ = QFileDialog.getOpenFileName(
            self._parent, tr("选择异议回执"), str(self._shell.folder()), "JSON (*.json)"
        )
        if name:
            self._shell.tasks.work(
                self._shell.context.dispute_state,
                Path(name),
                done=lambda state: self._tell(Path(name), state),
                failed=self._shell.complain,
            )

    def _tell(self, receipt: Path, state: DisputeState) -> None:
        words = {
            "opened": tr("平台已受理，正在收集证据。"),
            "evidence_ready": tr("平台的证据已经备好。"),
            "handed_over": tr("平台已移交处理。"),
            "closed": tr("平台已办结。"),
        }
        fetch = tr("取回证据…")
        answer = ask(
            self._parent,
            tr("异议进度"),
            words.get(state.state, state.state),
            *([fetch] if state.evidence_ready else []),
            tr("关闭"),
            details=state.note,
        )
        if answer == fetch:
            self._fetch(receipt)

    def _fetch(self, receipt: Path) -> None:
        suggested = receipt.with_name(f"{receipt.stem}_{tr('平台证据')}.zip")
        path = ask_where(self._parent, tr("保存平台证据"), suggested, "ZIP (*.zip)")
        if path is None:
            return

        def done(evidence: DisputeEvidence) -> None:
            said = tr(
                "平台的证据核对无误，已保存到 {path}。这枚印章的公开记录有 {count} 条。",
                path=evidence.path,
                count=len(evidence.events),
            )
            opened = (tr("打开"), lambda: self._shell.open_outside(evidence.path))
            self._shell.notices.show_notice("dispute", "good", said, opened)

        self._shell.tasks.work(
            self._shell.context.dispute_evidence,
            receipt,
            path,
            done=done,
            failed=self._shell.complain,
        )


def can_be_disputed(report: Report | None) -> bool:
    """Is there a seal to object to?"""
    return report is not None and any(signature.seal for signature in report.signatures)
