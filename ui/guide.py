"""The first run: find the key, change a factory PIN, get a seal; or look around with a sample file.

Three steps that tick themselves off as they come true; nothing is asked that the person need not
decide. It can be opened again from the help.
"""

from __future__ import annotations

import shutil
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QDialog, QVBoxLayout, QWidget

from ui.language import tr
from ui.widgets import button, clear_layout, column, framed, label, line, picture, row

if TYPE_CHECKING:
    from ui.main_window import MainWindow


class Guide(QDialog):
    """See the module."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self.setWindowTitle(tr("开始使用印台"))
        self.setMinimumWidth(560)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(28, 24, 28, 20)
        whole.setSpacing(14)
        head = row(picture("stamp", "accent", 36), spacing=14)
        words = column(spacing=2)
        words.addWidget(label(tr("开始使用印台"), "title"))
        words.addWidget(label(tr("三步之后就能盖章。验章不需要任何准备。"), "muted", wrap=True))
        head.addLayout(words, 1)
        whole.addLayout(head)
        self._steps = column(spacing=0)
        whole.addWidget(framed("card", self._steps))
        foot = row(spacing=8)
        foot.addWidget(button(tr("先用示例文件看看"), self._sample, icon="file-text"))
        foot.addStretch()
        self.close_button = button(tr("完成"), self.accept, role="default")
        self.close_button.setDefault(True)
        foot.addWidget(self.close_button)
        whole.addLayout(foot)
        window.tokens_changed.connect(self.refresh)
        window.seals_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show how far things are."""
        clear_layout(self._steps)
        window = self._window
        token = window.token
        self._add(
            1,
            token is not None,
            tr("插入 Ukey"),
            tr("已找到 {name}。", name=token.label or token.serial)
            if token
            else tr("插上后会自动找到。找不到时请安装厂商的驱动程序。"),
            None if token else button(tr("驱动设置"), lambda: self._go("settings")),
        )
        ready = token is not None and token.initialised and not token.must_change
        self._add(
            2,
            ready,
            tr("换掉出厂口令"),
            tr("口令已经设好。") if ready else tr("还在使用出厂口令的 Ukey 不能盖章。"),
            None
            if ready or token is None
            else button(tr("修改口令"), lambda: self._go("settings")),
        )
        seals = len(window.seals)
        self._add(
            3,
            seals > 0,
            tr("领取印章"),
            tr("已有 {count} 枚印章。", count=seals)
            if seals
            else tr("连接企业电子印章平台，核验后领取。"),
            None if seals else button(tr("申请印章…"), lambda: self._go("seals")),
        )

    def _add(self, number: int, done: bool, title: str, text: str, action: QWidget | None) -> None:
        if number > 1:
            self._steps.addWidget(line())
        holder = QWidget()
        inner = row(spacing=14)
        inner.setContentsMargins(16, 12, 16, 12)
        if done:
            inner.addWidget(picture("circle-check", "good", 24))
        else:
            sign = label(str(number), "title")
            sign.setFixedWidth(24)
            inner.addWidget(sign)
        words = column(spacing=1)
        words.addWidget(label(title, "heading"))
        words.addWidget(label(text, "muted", wrap=True))
        inner.addLayout(words, 1)
        if action is not None:
            inner.addWidget(action)
        holder.setLayout(inner)
        self._steps.addWidget(holder)

    def _go(self, page: str) -> None:
        self.accept()
        self._window.go(page)

    def _sample(self) -> None:
        self.accept()
        self._window.go("stamp", [sample_document(self._window.context.settings.folders.cache)])


def sample_document(folder: Path) -> Path:
    """A copy of the bundled regulation that may be stamped."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / tr("示例文件.pdf")
    if not target.exists():
        with resources.as_file(resources.files("resources") / "demo" / "regulation.pdf") as source:
            shutil.copyfile(source, target)
    return target
