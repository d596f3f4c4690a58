"""用印规则 of a seal: who approves its uses, how many of them, and what else is allowed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.errors import AppError, explain
from crypto.pki.holder_name import holder_of, without_credit_code
from ui.dialogs import Dialog
from ui.language import language, tr
from ui.seal_card import seal_title
from ui.widgets import button, calm, column, label, row

if TYPE_CHECKING:
    from app.remote.approval.client import Candidate
    from app.remote.approval.setting import PolicyWish
    from app.store.cabinet import SealRecord
    from crypto.seal.use_policy import UsePolicy


def _role(names: Sequence[str]) -> str:
    """As what somebody acts for the enterprise, in words."""
    known = {"legal_rep": tr("法定代表人"), "keeper": tr("保管人"), "handler": tr("经办人")}
    return tr("、").join(known[name] for name in names if name in known)


class PolicyDialog(Dialog):
    """Everybody who can approve, with a box to tick and a role to write."""

    def __init__(
        self,
        seal: SealRecord,
        candidates: Sequence[Candidate],
        before: UsePolicy | None,
        folder: Path,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("用印规则"))
        self.setMinimumWidth(600)
        self._folder = folder
        self._people: list[tuple[QCheckBox, QLineEdit, bytes, QLineEdit]] = []
        whole = QVBoxLayout(self)
        whole.setContentsMargins(24, 20, 24, 20)
        whole.setSpacing(10)
        whole.addWidget(label(tr("用印规则"), "title"))
        whole.addWidget(label(seal_title(seal), wrap=True))
        lead = tr(
            "勾选的人审批每一次用印；申请人不能审批自己的申请。"
            "规则由您的 Ukey 签署，立即生效，正在进行的申请随之失效。"
        )
        whole.addWidget(label(lead, "muted", wrap=True))
        self._listed = column(spacing=6)
        whole.addLayout(self._listed)
        for candidate in candidates:
            role = _role(candidate.roles)
            known = before.approver(candidate.certificate) if before else None
            self._add(
                candidate.certificate,
                candidate.name,
                known.role if known else role,
                known is not None,
            )
        self._add_file = button(tr("添加证书文件…"), self._choose, role="link")
        whole.addLayout(row(self._add_file, None))
        self.needed = calm(QSpinBox())
        self.needed.setRange(0, 9)
        self.needed.setSpecialValueText(tr("不需要审批"))
        self.needed.setValue(before.needed if before else 0)
        self.keeper = QLineEdit(before.keeper if before else "")
        form = QFormLayout()
        form.setHorizontalSpacing(16)
        for title, field in ((tr("需要几人同意"), self.needed), (tr("印章由谁保管"), self.keeper)):
            field.setAccessibleName(title)
            form.addRow(label(title, "muted"), field)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        whole.addLayout(form)
        self.offline = QCheckBox(tr("允许离线使用（不需要审批时）"))
        self.phone = QCheckBox(tr("接受手机审批"))
        self.masked = QCheckBox(tr("对核验的人隐去姓名和文件名"))
        for box, on in (
            (self.offline, before.offline if before else False),
            (self.phone, before.phone if before else True),
            (self.masked, before.masked if before else False),
        ):
            box.setChecked(on)
            whole.addWidget(box)
        self._problem = label("", "bad", wrap=True)
        whole.addWidget(self._problem)
        self.agree = button(tr("签署规则"), self.accept, role="default")
        whole.addLayout(row(None, button(tr("取消"), self.reject), self.agree))
        self.needed.valueChanged.connect(self._update)
        self._update()

    def _add(
        self, certificate: bytes, name: str, role: str, ticked: bool, *, named: bool = True
    ) -> None:
        """*named*: the platform knows the name; else it is a person's to write."""
        box, field, own = QCheckBox(name if named else ""), QLineEdit(role), QLineEdit(name)
        box.setAccessibleName(name)
        box.setChecked(ticked)
        field.setPlaceholderText(tr("职务"))
        field.setAccessibleName(tr("{name}的职务", name=name))
        own.setAccessibleName(tr("审批人的姓名"))
        own.setPlaceholderText(tr("姓名"))
        own.setCursorPosition(0)
        box.toggled.connect(self._ticked)
        for each in (field, own):
            each.textChanged.connect(self._update)
        who, line = QHBoxLayout(), QHBoxLayout()
        who.addWidget(box, 1 if named else 0)
        if not named:
            who.addWidget(own, 1)
        line.addLayout(who, 1)
        line.addWidget(field, 1)
        self._listed.addLayout(line)
        self._people.append((box, field, certificate, own))

    def _choose(self) -> None:
        name, _ = QFileDialog.getOpenFileName(
            self, tr("审批人的证书"), str(self._folder), tr("证书文件 (*.cer *.crt *.pem *.der)")
        )
        if name:
            self.take(Path(name))

    def take(self, path: Path) -> None:
        """Somebody of another company, or with another key: by a certificate file."""
        from app.store.anchors import read_certificates

        try:
            certificate = read_certificates(path)[0]
        except AppError as error:
            self._problem.setText(explain(error, language()).cause)
            return
        name = without_credit_code(holder_of(certificate.subject, certificate.issuer).name)
        self._add(certificate.der, name, "", True, named=False)
        self._ticked()

    def _ticked(self) -> None:
        """Whoever ticks somebody wants approvals: what is ticked must not be dropped in silence."""
        chosen = len(self._chosen())
        if chosen and not self.needed.value():
            self.needed.setValue(1)
        elif not chosen:
            self.needed.setValue(0)
        self._update()

    def _chosen(self) -> list[tuple[bytes, str, str]]:
        return [
            (certificate, field.text().strip(), own.text().strip())
            for box, field, certificate, own in self._people
            if box.isChecked()
        ]

    def _update(self) -> None:
        chosen, needed = self._chosen(), self.needed.value()
        said = ""
        if needed > len(chosen):
            said = tr("要 {count} 人同意，请至少勾选 {count} 人。", count=needed)
        elif chosen and not needed:
            said = tr("勾选了审批人：请写要几人同意；不需要审批的，去掉勾选。")
        elif needed and not all(role for _, role, _ in chosen):
            said = tr("请写上每位审批人的职务，验章的人会看到。")
        elif needed and not all(name for _, _, name in chosen):
            said = tr("请写上每位审批人的姓名，验章的人会看到。")
        # offline nobody can be asked
        self.offline.setEnabled(not needed)
        if needed:
            self.offline.setChecked(False)
        self._problem.setText(said)
        self.agree.setEnabled(not said)

    def wish(self) -> PolicyWish:
        """What the keeper wants."""
        from app.remote.approval.setting import Named, PolicyWish

        needed = self.needed.value()
        named: tuple[Named, ...] = ()
        if needed:
            named = tuple(Named(data, role, name) for data, role, name in self._chosen())
        return PolicyWish(
            approvers=named,
            needed=needed,
            offline=self.offline.isChecked(),
            phone=self.phone.isChecked(),
            masked=self.masked.isChecked(),
            keeper=self.keeper.text().strip(),
        )
