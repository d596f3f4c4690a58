"""用手机审批: the code that opens one request on the approver's own phone."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QVBoxLayout, QWidget

from ui.dialogs import Dialog
from ui.language import tr
from ui.pages.qr_code import QrCode
from ui.widgets import button, label, row


class PhoneLinkDialog(Dialog):
    """Shows the code until it is closed. The address holds the pages' key: it is not copied."""

    def __init__(self, name: str, url: str, parent: QWidget | None = None) -> None:
        from app.remote.approval.phones import qr_matrix

        super().__init__(parent)
        self.setWindowTitle(tr("用手机审批"))
        self.setMinimumWidth(460)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(24, 20, 24, 20)
        whole.setSpacing(10)
        whole.addWidget(label(tr("用手机审批"), "title"))
        whole.addWidget(label(name, "heading", wrap=True))
        said = tr("用已配对的手机扫描。二维码里有这份文件页面的密钥，不要拍照发给别人。")
        whole.addWidget(label(said, wrap=True))
        self.code = QrCode(qr_matrix(url), tr("用手机审批的二维码"))
        whole.addWidget(self.code, 0, Qt.AlignmentFlag.AlignHCenter)
        after = tr("在手机上审批以后，同步一次，这里就会显示结果。")
        whole.addWidget(label(after, "small", wrap=True))
        whole.addStretch()
        whole.addLayout(row(None, button(tr("关闭"), self.reject, role="default")))
