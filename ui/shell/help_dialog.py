"""帮助: the keys, the version, where the manual is and whom to ask."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from app.errors import Cancelled, explain
from ui.dialogs import Dialog
from ui.files import open_outside
from ui.language import language, tr
from ui.widgets import button, column, facts, label, row

if TYPE_CHECKING:
    from crypto.seal.release import Release
    from ui.shell.interface import Shell

MANUAL = Path(__file__).parents[2] / "docs" / "manual.zh-CN.md"
"""Beside the program where it runs from its sources or was installed with its documents."""


def _keys() -> QGridLayout:
    """What each key does, in two columns."""
    known = [
        ("Ctrl+O", tr("打开文件")),
        ("Ctrl+V", tr("粘贴文件")),
        ("Ctrl+Shift+O", tr("最近的文件")),
        ("Ctrl+S", tr("另存为")),
        ("Ctrl+P", tr("打印")),
        ("Ctrl+1 … 7", tr("换页面")),
        ("F6", tr("换区域")),
        ("Ctrl+Enter", tr("盖章")),
        ("Esc", tr("取消")),
        ("PgUp PgDn", tr("翻页")),
        (tr("Ctrl+滚轮"), tr("缩放")),
        ("Ctrl+R", tr("旋转")),
        ("Ctrl+F", tr("查找")),
        ("Ctrl+C", tr("复制选中的文字")),
        ("Ctrl+Z", tr("撤销")),
        ("Ctrl+Y", tr("重做")),
        ("Delete", tr("删除印章")),
        (tr("方向键"), tr("移动印章 1 毫米（加 Shift 为 5 毫米）")),
    ]
    half = (len(known) + 1) // 2
    grid = QGridLayout()
    grid.setHorizontalSpacing(12)
    grid.setVerticalSpacing(5)
    for at, (key, what) in enumerate(known):
        right, down = divmod(at, half)
        grid.addWidget(label(key, "muted"), down, 3 * right)
        grid.addWidget(label(what, wrap=at + 1 == len(known)), down, 3 * right + 1)
    grid.setColumnMinimumWidth(2, 12)
    grid.setColumnStretch(4, 1)
    return grid


class HelpDialog(Dialog):
    """Closed by Esc, × and its button."""

    def __init__(self, shell: Shell, parent: QWidget) -> None:
        from app.diagnosing import version_of

        super().__init__(parent)
        self.setWindowTitle(tr("帮助"))
        self.setMinimumWidth(520)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(24, 20, 24, 20)
        whole.setSpacing(10)
        whole.addWidget(label(tr("键盘操作"), "title"))
        whole.addLayout(_keys())
        whole.addSpacing(6)
        manual = str(MANUAL) if MANUAL.is_file() else tr("没有随程序安装，请向管理员索取")
        support = tr("印章和 Ukey 的问题请联系平台；报告问题时附上“设置”里的诊断信息。")
        rows = [
            (tr("版本"), version_of("sealdesk")),
            (tr("手册"), manual),
            (tr("平台"), shell.context.settings.platform_url or "—"),
            (tr("支持"), support),
        ]
        whole.addWidget(facts(rows))
        whole.addWidget(UpdateLine(shell))
        self.problem = label("", "bad", wrap=True)
        self.problem.hide()
        whole.addWidget(self.problem)

        def begin() -> None:
            self.accept()
            shell.show_guide()

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


class UpdateLine(QWidget):
    """检查更新: whether there is a newer version, then its package, then its installation; each
    only when the person says so."""

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self._shell = shell
        self._release: Release | None = None
        self._path: Path | None = None
        """Its package, once it was fetched."""
        lines = column(spacing=6)
        self.setLayout(lines)
        self.said = label("", "muted", wrap=True, select=True)
        self.check = button(tr("检查更新"), self._check, icon="refresh-cw")
        self.fetch = button(tr("下载"), self._fetch, icon="download")
        self.install = button(tr("安装…"), self._install)
        lines.addLayout(row(self.check, self.fetch, self.install, None))
        lines.addWidget(self.said)
        self._show()
        settings = shell.context.settings
        if settings.auto_update == "off":
            self.check.hide()
            by = tr("管理员已停用检查更新。") if settings.locked("auto_update") else ""
            self._tell(by or tr("设置里停用了检查更新。"))
        elif not settings.platform_url:
            self.check.hide()
            self._tell(tr("连接平台以后可以检查更新。"))

    def _tell(self, text: str) -> None:
        self.said.setText(text)
        self.said.setVisible(bool(text))

    def _show(self) -> None:
        """What may be done now."""
        installable = self._path is not None and self._shell.context.updates.installable
        self.fetch.setVisible(self._release is not None and self._path is None)
        self.install.setVisible(installable)
        self.check.setVisible(self._release is None)
        self.said.setVisible(bool(self.said.text()))

    def _failed(self, error: BaseException) -> None:
        for each in (self.check, self.fetch, self.install):
            each.setEnabled(True)
        if not isinstance(error, Cancelled):
            message = explain(error, language())
            parts = (f"{message.title} {message.code}", message.cause, message.remedy)
            self._tell("\n".join(parts))

    def _check(self) -> None:
        self.check.setEnabled(False)
        self._tell(tr("正在询问平台…"))
        work = self._shell.tasks.work
        work(self._shell.context.updates.offered, done=self._found, failed=self._failed)

    def _found(self, release: Release | None) -> None:
        self.check.setEnabled(True)
        self._release = release
        if release is None:
            self._tell(tr("没有更新的版本。"))
        else:
            lines = [tr("有新版本 {version}。", version=release.version)]
            notes = release.notes.get(language(), "")
            lines += ["".join(c if c.isprintable() else " " for c in n) for n in notes.splitlines()]
            self._tell("\n".join(lines))
        self._show()

    def _fetch(self) -> None:
        release = self._release
        if release is None:
            return
        self.fetch.setEnabled(False)

        def progress(done: int) -> None:
            share = min(100, done * 100 // release.size)
            self._tell(tr("正在下载… {share} %", share=share))

        self._shell.tasks.work(
            self._shell.context.updates.fetch,
            release,
            done=self._fetched,
            failed=self._failed,
            progress=progress,
        )

    def _fetched(self, path: Path) -> None:
        self._path = path
        if self._shell.context.updates.installable:
            said = tr("已下载并核对。安装前核对发布者的签名；安装时会关闭印台。")
        else:
            said = tr("已下载并核对：{path}。本程序不安装软件包，请管理员执行：", path=path)
            said += f"sudo apt install {path}"
        self._tell(said)
        self._show()

    def _install(self) -> None:
        if self._path is None or self._release is None:
            return
        self.install.setEnabled(False)
        self._shell.tasks.work(
            self._shell.context.updates.install,
            self._path,
            self._release,
            done=lambda _: self._tell(tr("安装程序已经启动。")),
            failed=self._failed,
        )
