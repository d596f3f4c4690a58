"""The password that opens a document: asked in the program's own dialog."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QDialog, QLineEdit, QVBoxLayout, QWidget

from ui.dialogs import Dialog
from ui.language import tr
from ui.shell.notice import announce
from ui.widgets import button, label, picture, row


class FilePasswordDialog(Dialog):
    """Asks once for the password of *path*; *again*: the one before was wrong."""

    def __init__(self, path: Path, *, again: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("文件密码"))
        self.setMinimumWidth(460)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(24, 20, 24, 20)
        whole.setSpacing(12)
        head = row(picture("lock", "text", 24), spacing=12)
        head.addWidget(label(tr("文件密码"), "title"), 1)
        whole.addLayout(head)
        wanted = tr("“{name}”的打开密码（不是 Ukey 口令）：", name=path.name)
        whole.addWidget(label(wanted, wrap=True))
        self.problem = label(tr("密码不对，请再试一次。"), "bad", wrap=True)
        self.problem.setVisible(again)
        whole.addWidget(self.problem)
        self.field = QLineEdit()
        self.field.setEchoMode(QLineEdit.EchoMode.Password)
        self.field.setAccessibleName(tr("文件密码"))
        whole.addWidget(self.field)
        sure = button(tr("确定"), self.accept, role="default")
        sure.setDefault(True)
        sure.setEnabled(False)
        self.field.textChanged.connect(lambda text: sure.setEnabled(bool(text)))
        whole.addLayout(row(None, button(tr("取消"), self.reject), sure))
        self.field.setFocus()
        if again:
            announce(self.problem)


def ask_file_password(parent: QWidget, path: Path, *, again: bool = False) -> str:
    """What the person typed; "" if they would rather not."""
    dialog = FilePasswordDialog(path, again=again, parent=parent)
    accepted = dialog.exec() == QDialog.DialogCode.Accepted
    text = dialog.field.text() if accepted else ""
    dialog.field.clear()
    dialog.deleteLater()
    return text
