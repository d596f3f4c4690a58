"""从文件添加: what is in a certificate file, for what it would be trusted, and was its fingerprint
compared?

Signers and time stamps are ticked; seal makers are not, because that means that whoever it is may
make anybody's seal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QCheckBox, QDialog, QFileDialog, QVBoxLayout, QWidget

from app.errors import phrase
from ui.dialogs import Dialog
from ui.language import language, tr
from ui.widgets import (
    button,
    column,
    day,
    facts,
    framed,
    in_fours,
    label,
    picture,
    row,
    scrolled,
)

if TYPE_CHECKING:
    from app.store.anchors import Purpose
    from crypto.pki.certificate import Certificate
    from ui.shell.interface import Shell

MOST_SHOWN = 2
"""Certificates of one file that have room without scrolling."""
_PURPOSES: tuple[Purpose, ...] = ("signers", "timestamps", "makers")


def add_from_file(shell: Shell, parent: QWidget, done: Callable[[], None]) -> None:
    """Choose a file, look at what is in it, decide; *done* is called once it is trusted."""
    name, _ = QFileDialog.getOpenFileName(
        parent,
        tr("选择证书文件"),
        str(shell.folder()),
        tr("证书 (*.crt *.cer *.pem *.der);;所有文件 (*)"),
    )

    def ask(certificates: Sequence[Certificate]) -> None:
        dialog = AddAnchorDialog(certificates, parent)
        accepted = dialog.exec() == QDialog.DialogCode.Accepted
        purposes = dialog.purposes
        dialog.deleteLater()
        if accepted:
            add = shell.context.add_anchors
            shell.tasks.work(
                add, certificates, purposes, done=lambda _: done(), failed=shell.complain
            )

    if name:
        read = shell.context.read_anchors
        shell.tasks.work(read, Path(name), done=ask, failed=shell.complain)


class AddAnchorDialog(Dialog):
    """Accepted: to be trusted for :attr:`purposes`."""

    def __init__(self, certificates: Sequence[Certificate], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("添加信任的证书"))
        self.setMinimumWidth(560)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(24, 20, 24, 20)
        whole.setSpacing(12)
        whole.addWidget(label(tr("添加信任的证书"), "title"))
        found = column(spacing=10)
        for certificate in certificates:
            inner = column(margins=(14, 12, 14, 12), spacing=6)
            inner.addWidget(facts(certificate_rows(certificate)))
            if not certificate.is_ca:
                inner.addWidget(
                    label(phrase("trust.no_authority", language()), "unknown", wrap=True)
                )
            found.addWidget(framed("card", inner))
        if len(certificates) <= MOST_SHOWN:
            whole.addLayout(found)
        else:
            found.addStretch()
            holder = QWidget()
            holder.setLayout(found)
            area = scrolled(holder, tr("文件里的证书"))
            area.setMinimumHeight(300)
            whole.addWidget(area, 1)
        whole.addWidget(label(tr("信任它做什么"), "muted"))
        self._boxes = {each: QCheckBox(phrase(f"trust.{each}", language())) for each in _PURPOSES}
        for purpose, box in self._boxes.items():
            box.setChecked(purpose != "makers")
            box.toggled.connect(self._changed)
            whole.addWidget(box)
        makers = label(tr("选“制章者”表示：它可以制作任何单位的印章。"), "small", wrap=True)
        whole.addWidget(makers)
        warning = row(picture("triangle-alert", "unknown", 18), spacing=10)
        warning.addWidget(label(phrase("trust.warning", language()), wrap=True), 1)
        whole.addLayout(warning)
        self.sure = QCheckBox(tr("我已向颁发机构核对了上面的 SM3 指纹"))
        whole.addWidget(self.sure)
        self.accept_button = button(tr("信任"), self.accept, role="default")
        self.accept_button.setEnabled(False)
        self.sure.toggled.connect(self._changed)
        whole.addLayout(row(None, button(tr("取消"), self.reject), self.accept_button))

    @property
    def purposes(self) -> tuple[Purpose, ...]:
        """What was ticked."""
        return tuple(purpose for purpose, box in self._boxes.items() if box.isChecked())

    def choose(self, *purposes: Purpose) -> None:
        """Tick these and no others."""
        for purpose, box in self._boxes.items():
            box.setChecked(purpose in purposes)

    def _changed(self) -> None:
        self.accept_button.setEnabled(self.sure.isChecked() and bool(self.purposes))


def certificate_rows(certificate: Certificate) -> list[tuple[str, str]]:
    """A certificate as a person compares it."""
    period = tr(
        "{start} 至 {end}", start=day(certificate.not_before), end=day(certificate.not_after)
    )
    if not certificate.valid_at(datetime.now(UTC)):
        period += tr("（{remark}）", remark=phrase("trust.not_valid", language()))
    return [
        (tr("证书名称"), str(certificate.subject)),
        (tr("签发者"), str(certificate.issuer)),
        (tr("有效期"), period),
        (tr("SM3 指纹"), in_fours(certificate.fingerprint.hex())),
    ]
