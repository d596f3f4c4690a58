"""A seal and the certificates behind it, each with its chain; what is there can be exported.

What is told of a document's certificates comes from its report, which holds their facts; they
themselves are read from the document once more, in a bounded process, and are those of the report
because their digests are.
"""

from __future__ import annotations

import base64
import textwrap
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QListWidget,
    QListWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.publishing import save_new
from crypto.frozen import frozen
from ui import theme
from ui.dialogs import Dialog
from ui.files import ask_where
from ui.language import pair, tr
from ui.room import room, room_within
from ui.seal_card import Imprint, imprint, kind_name
from ui.widgets import (
    ROW_HEIGHT,
    button,
    clear_layout,
    column,
    copy_text,
    facts,
    in_fours,
    label,
    moment,
    row,
    scrolled,
)

if TYPE_CHECKING:
    from app.store.cabinet import SealRecord
    from crypto.pki.certificate import Certificate
    from crypto.pki.chain import Chain
    from crypto.verdict import CertificateInfo, Report, SignatureReport
    from ui.shell.interface import Shell


@frozen
class Entry:
    """One thing that can be looked at."""

    title: str
    rows: tuple[tuple[str, str], ...]
    depth: int = 0
    """How far it stands below its root."""
    seal: SealRecord | None = None
    """Its imprint is shown."""
    name: str = ""
    """Of the file it is exported to, without a suffix."""
    data: bytes = b""
    """DER; empty: it cannot be exported."""


class Viewer(Dialog):
    """See the module."""

    def __init__(self, shell: Shell, entries: Sequence[Entry], note: str, parent: QWidget) -> None:
        """*note*: what is said below, "" if nothing."""
        super().__init__(parent)
        self._shell, self._entries = shell, list(entries)
        self.setWindowTitle(tr("印章和证书"))
        self.list = QListWidget()
        self.list.setAccessibleName(tr("印章和证书"))
        theme.set_role(self.list, "results")
        self.resize(room(860), 560)
        self.list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        for entry in self._entries:
            item = QListWidgetItem("    " * entry.depth + entry.title)
            item.setToolTip(entry.title)
            item.setSizeHint(QSize(0, ROW_HEIGHT))  # asked for before the theme's own is known
            item.setData(Qt.ItemDataRole.AccessibleTextRole, entry.title)
            self.list.addItem(item)
        self._details = column(margins=(16, 4, 8, 8), spacing=10)
        content = QWidget()
        content.setLayout(self._details)
        across = row(self.list, scrolled(content, tr("详细信息")), spacing=8)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(20, 16, 20, 16)
        whole.setSpacing(12)
        whole.addWidget(label(tr("印章和证书"), "title"))
        whole.addLayout(across, 1)
        if note:
            whole.addWidget(label(note, "small", wrap=True))
        self.problem = label("", "muted", wrap=True)
        self.problem.hide()
        whole.addWidget(self.problem)
        self.export_button = button(tr("导出…"), self.export, icon="download")
        copy = button(tr("复制"), self.copy, icon="copy")
        close = button(tr("关闭"), self.reject, role="default")
        close.setDefault(True)
        whole.addLayout(row(self.export_button, copy, None, close))
        self.list.currentRowChanged.connect(self._show)
        self.list.setCurrentRow(0)
        self.list.setFocus()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.list.setFixedWidth(room_within(270, self.width() // 3))
        layout = self.layout()
        if layout is not None:
            layout.activate()  # at once: the details are laid out in what is left

    @property
    def entry(self) -> Entry:
        """The one being shown."""
        return self._entries[max(0, self.list.currentRow())]

    def _show(self) -> None:
        entry = self.entry
        clear_layout(self._details)
        head = label(entry.title, "heading", wrap=True)
        if entry.seal is not None:
            top = row(Imprint(imprint(entry.seal), 96, entry.seal.name), spacing=14)
            top.addWidget(head, 1)
            self._details.addLayout(top)
        else:
            self._details.addWidget(head)
        self._details.addWidget(facts(entry.rows))
        self._details.addStretch()
        self.export_button.setEnabled(bool(entry.data))

    def copy(self) -> None:
        """What is shown, as text."""
        lines = [self.entry.title, *(pair(name, value) for name, value in self.entry.rows)]
        copy_text("\n".join(lines))

    def export(self) -> None:
        """The certificate as DER or PEM, or the seal's data, to a new file."""
        entry = self.entry
        start, kinds = f"{entry.name}.esl", f"{tr('电子印章数据')} (*.esl)"
        if entry.seal is None:
            start = f"{entry.name}.cer"
            kinds = f"{tr('证书')} DER (*.cer);;{tr('证书')} PEM (*.pem)"
        path = ask_where(self, tr("导出"), self._shell.folder() / start, kinds)
        if path is None:
            return
        data = pem(entry.data) if path.suffix.lower() == ".pem" else entry.data
        self._shell.tasks.work(
            save_new,
            path,
            data,
            done=lambda saved: self._say(tr("已导出到 {path}", path=saved)),
            failed=self._shell.complain,
        )

    def _say(self, text: str) -> None:
        self.problem.setText(text)
        self.problem.show()


def pem(der: bytes) -> bytes:
    """A certificate as text (RFC 7468)."""
    body = "\n".join(textwrap.wrap(base64.b64encode(der).decode(), 64))
    return f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n".encode()


# --- what is shown -------------------------------------------------------------------------------


def seal_entries(seal: SealRecord, signer: Chain, maker: Chain) -> list[Entry]:
    """A seal of the cabinet, its holder's chain and its maker's."""
    parsed = seal.parsed
    rows = (
        (tr("名称"), parsed.name),
        (tr("种类"), kind_name(seal)),
        (tr("编码"), parsed.es_id),
        (tr("所属企业"), seal.enterprise),
        (tr("信用代码"), seal.uscc),
        (tr("有效期"), _period(parsed.valid_from, parsed.valid_until)),
        (tr("制作时间"), moment(parsed.created)),
        (tr("尺寸"), tr("{width} × {height} 毫米", width=parsed.width_mm, height=parsed.height_mm)),
        (tr("制章软件"), parsed.vendor),
        (tr("制章者签名"), tr("正确") if parsed.signature_valid() else tr("不正确")),
        (tr("印模 SM3"), in_fours(parsed.picture_sm3.hex())),
        (tr("平台"), seal.platform),
    )
    first = Entry(f"{kind_name(seal)} {seal.code}", rows, seal=seal, name=seal.code, data=seal.data)
    return [
        first,
        *chain_entries(tr("签章人证书"), signer),
        *chain_entries(tr("制章者证书"), maker),
    ]


def chain_entries(what: str, chain: Chain) -> list[Entry]:
    """From the root down to the certificate itself, which *what* names."""
    said = _trust_of(chain)
    entries = []
    for depth, certificate in enumerate(reversed(chain.path)):
        last = depth == len(chain.path) - 1
        called = certificate.subject.common_name or str(certificate.subject)
        title = pair(what, called) if last else called
        rows = _certificate_rows(certificate)
        if last:
            rows = (*rows, (tr("信任"), said))
        entries.append(Entry(title, rows, depth, name=_file_name(called), data=certificate.der))
    return entries


def _certificate_rows(certificate: Certificate) -> tuple[tuple[str, str], ...]:
    usage = certificate.key_usage
    kinds = {"sm2": "SM2", "rsa": "RSA", "ec": "ECDSA"}
    return (
        (tr("持有者"), str(certificate.subject)),
        (tr("签发者"), str(certificate.issuer)),
        (tr("序列号"), f"{certificate.serial:x}"),
        (tr("有效期"), _period(certificate.not_before, certificate.not_after)),
        (tr("公钥"), kinds.get(certificate.public_key.kind, certificate.public_key.kind)),
        (tr("密钥用途"), ", ".join(sorted(usage)) if usage else tr("没有限定")),
        (tr("签发证书"), tr("可以") if certificate.is_ca else tr("不可以")),
        (tr("SM3 指纹"), in_fours(certificate.fingerprint.hex())),
        (tr("状态查询"), "\n".join((*certificate.ocsp_urls, *certificate.crl_urls)) or "—"),
    )


def signature_entries(
    signatures: Sequence[SignatureReport], certificates: Mapping[str, bytes]
) -> list[Entry]:
    """What a report says of the seals and certificates of a document. *certificates*: DER by SM3
    in hexadecimal, as far as they are at hand."""
    entries: list[Entry] = []
    for signature in signatures:
        seal = signature.seal
        if seal is not None:
            rows = (
                (tr("名称"), seal.name),
                (tr("编码"), seal.code),
                (tr("有效期"), _period(seal.valid_from, seal.valid_until)),
                (tr("制作时间"), moment(seal.created)),
                (tr("尺寸"), "{} × {} mm".format(*seal.size_mm)),
                (tr("制章软件"), seal.vendor),
                (tr("印模 SM3"), in_fours(seal.picture_sm3)),
            )
            entries.append(Entry(pair(tr("印章"), seal.name), rows))
        entries += _info_entries(tr("签章人证书"), signature.chain, certificates)
        entries += _info_entries(tr("制章者证书"), signature.seal_chain, certificates)
    return entries


def _info_entries(
    what: str, chain: Sequence[CertificateInfo], certificates: Mapping[str, bytes]
) -> list[Entry]:
    entries = []
    for depth, info in enumerate(reversed(chain)):
        called = info.common_name or info.subject
        title = pair(what, called) if depth == len(chain) - 1 else called
        rows = (
            (tr("持有者"), info.subject),
            (tr("签发者"), info.issuer),
            (tr("序列号"), info.serial),
            (tr("有效期"), _period(info.not_before, info.not_after)),
            (tr("SM3 指纹"), in_fours(info.sm3)),
        )
        data = certificates.get(info.sm3, b"")
        entries.append(Entry(title, rows, depth, name=_file_name(called), data=data))
    return entries


def _period(start: datetime, end: datetime) -> str:
    return tr("{start} 至 {end}", start=moment(start), end=moment(end))


def _trust_of(chain: Chain) -> str:
    if chain.trusted:
        return tr("这台电脑信任它的根证书")
    words = {
        "untrusted": tr("签发者不在信任名单里"),
        "expired": tr("有证书已过期"),
        "not_yet_valid": tr("有证书未生效"),
        "not_a_ca": tr("签发者无权签发证书"),
        "path_too_long": tr("证书链太长"),
        "critical_extension": tr("有不认识的关键扩展"),
    }
    said = dict.fromkeys(words.get(problem.code, problem.code) for problem in chain.problems)
    return tr("；").join(said)


def _file_name(text: str) -> str:
    """Without what a file name cannot hold on Windows."""
    return "".join("_" if c in '<>:"/\\|?*' or not c.isprintable() else c for c in text)[:60]


# --- opening it ----------------------------------------------------------------------------------


def show_seal(shell: Shell, seal: SealRecord, parent: QWidget) -> None:
    """Look at a seal of the cabinet."""
    context = shell.context

    def read() -> list[Entry]:
        signer = context.chain_of(seal.certificate, "signers")
        maker = context.chain_of(seal.parsed.maker_certificate, "seal_makers")
        return seal_entries(seal, signer, maker)

    shell.tasks.work(read, done=partial(_open, shell, parent, ""), failed=shell.complain)


def show_certificate(shell: Shell, der: bytes, parent: QWidget) -> None:
    """Look at a certificate of a key."""
    context = shell.context

    def read() -> list[Entry]:
        return chain_entries(tr("签章人证书"), context.chain_of(der, "signers"))

    shell.tasks.work(read, done=partial(_open, shell, parent, ""), failed=shell.complain)


def show_signatures(
    shell: Shell, path: Path, password: str | None, report: Report, parent: QWidget
) -> None:
    """Look at what the *report* on the document at *path* says of seals and certificates."""
    note = tr("印章和证书是从文件里读出的；印章数据在“证据包”里。")

    def read() -> list[Entry]:
        certificates = shell.context.certificates_of(path, password)
        return signature_entries(report.signatures, certificates)

    shell.tasks.work(read, done=partial(_open, shell, parent, note), failed=shell.complain)


def _open(shell: Shell, parent: QWidget, note: str, entries: list[Entry]) -> None:
    if not entries:
        return
    viewer = Viewer(shell, entries, note, parent)
    viewer.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    viewer.open()
