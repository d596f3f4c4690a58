"""帮助: the keys, the version, where the manual is and whom to ask."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtWidgets import QVBoxLayout, QWidget

from ui.dialogs import Dialog
from ui.files import open_outside
from ui.language import tr
from ui.widgets import button, facts, label, row

MANUAL = Path(__file__).parents[2] / "docs" / "manual.zh-CN.md"
"""Beside the program where it runs from its sources or was installed with its documents."""


class HelpDialog(Dialog):
    """Closed by Esc, × and its button."""

    def __init__(self, platform: str, guide: Callable[[], None], parent: QWidget) -> None:
        """*platform*: address of the platform in use, "" if none; *guide* opens the first steps."""
        from app.diagnosing import version_of

        super().__init__(parent)
        self.setWindowTitle(tr("帮助"))
        self.setMinimumWidth(520)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(24, 20, 24, 20)
        whole.setSpacing(10)
        whole.addWidget(label(tr("键盘操作"), "title"))
        for keys in (
            tr("Ctrl+O　打开文件　　Ctrl+V　粘贴文件　　Ctrl+Shift+O　最近的文件"),
            tr("Ctrl+1 … Ctrl+7　换页面　　F6　换区域"),
            tr("PgUp PgDn　翻页　　Ctrl+滚轮　缩放　　Ctrl+R　旋转"),
            tr("Ctrl+F　查找　　Ctrl+C　复制选中的文字　　Ctrl+S　另存为　　Ctrl+P　打印"),
            tr("方向键　移动印章 1 毫米（加 Shift 为 5 毫米）"),
            tr("Ctrl+Z Ctrl+Y　撤销、重做　　Delete　删除印章"),
            tr("Ctrl+Enter　盖章　　Esc　取消"),
        ):
            whole.addWidget(label(keys, wrap=True))
        whole.addSpacing(6)
        manual = str(MANUAL) if MANUAL.is_file() else tr("没有随程序安装，请向管理员索取")
        support = tr("印章和 Ukey 的问题请联系平台；报告问题时附上“设置”里的诊断信息。")
        rows = [
            (tr("版本"), version_of("sealdesk")),
            (tr("手册"), manual),
            (tr("平台"), platform or "—"),
            (tr("支持"), support),
        ]
        whole.addWidget(facts(rows))
        self.problem = label("", "bad", wrap=True)
        self.problem.hide()
        whole.addWidget(self.problem)

        def begin() -> None:
            self.accept()
            guide()

        close = button(tr("关闭"), self.reject, role="default")
        close.setDefault(True)
        foot = row(button(tr("开始使用…"), begin), spacing=8)
        if MANUAL.is_file():
            foot.addWidget(button(tr("打开手册"), self._manual))
        foot.addStretch()
        foot.addWidget(close)
        whole.addLayout(foot)
        close.setFocus()

    def _manual(self) -> None:
        open_outside(MANUAL, self._tell)

    def _tell(self, problem: str) -> None:
        self.problem.setText(problem)
        self.problem.show()
