"""The first run: find the key, set its PIN, get a seal; or look around with a demo or a sample.

Three steps, each ticked once it is done; the user is asked only what must be decided. It can be
opened again from the help.
"""

from __future__ import annotations

import shutil
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QProgressBar, QVBoxLayout, QWidget

from ui.dialogs import Dialog
from ui.language import tr
from ui.widgets import button, clear_layout, column, framed, label, line, picture, row

if TYPE_CHECKING:
    from ui.shell.context.values import TokenView
    from ui.shell.context.whole import Context
    from ui.shell.interface import Shell
    from ui.tasks import Task


class Guide(Dialog):
    """See the module."""

    def __init__(self, shell: Shell, parent: QWidget) -> None:
        super().__init__(parent)
        self._shell = shell
        self._starting: Task | None = None
        self.setWindowTitle(tr("开始使用印台"))
        self.setMinimumWidth(580)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(28, 24, 28, 20)
        whole.setSpacing(14)
        head = row(picture("stamp", "accent", 36), spacing=14)
        words = column(spacing=2)
        words.addWidget(label(tr("开始使用印台"), "title"))
        words.addWidget(label(tr("验章不需要任何准备；要盖章，先做下面三步。"), "muted", wrap=True))
        head.addLayout(words, 1)
        whole.addLayout(head)
        whole.addWidget(self._received())
        self._steps = column(spacing=0)
        whole.addWidget(framed("card", self._steps))
        self._demo_card = self._demo()
        self._demo_card.setVisible(shell.context.demo_possible)
        whole.addWidget(self._demo_card)
        foot = row(spacing=8)
        self._sample_button = button(tr("先用示例文件看看"), self._sample, icon="file-text")
        foot.addWidget(self._sample_button)
        foot.addStretch()
        self.close_button = button(tr("完成"), self.accept, role="default")
        self.close_button.setDefault(True)
        foot.addWidget(self.close_button)
        whole.addLayout(foot)
        shell.tokens_changed.connect(self.refresh)
        shell.seals_changed.connect(self.refresh)
        self.refresh()

    def _received(self) -> QWidget:
        """For whoever was sent a sealed document: there is nothing to set up."""
        words = column(spacing=1)
        words.addWidget(label(tr("收到了盖章的文件？"), "heading"))
        words.addWidget(label(tr("验章不需要 Ukey，也不需要登录。"), "muted", wrap=True))
        self.verify_button = button(tr("去验章"), lambda: self._go("verify"))
        inner = row(picture("shield-check", "text", 24), spacing=14)
        inner.setContentsMargins(16, 12, 16, 12)
        inner.addLayout(words, 1)
        inner.addWidget(self.verify_button)
        return framed("card", inner)

    # --- the three steps -------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show how far things are."""
        clear_layout(self._steps)
        shell = self._shell
        shell.notices.clear_notice("guide")
        token = shell.token
        self._add(
            1,
            token is not None,
            tr("插入 Ukey"),
            tr("已找到 {name}。", name=token.label or token.serial or tr("一把空白的 Ukey"))
            if token
            else tr("插上后会自动找到。找不到时请安装厂商的驱动程序。"),
            None if token else button(tr("驱动设置"), lambda: self._away("settings")),
        )
        ready, title, said = _pin_step(token)
        self._add(2, ready, title, said, self._pin_action(token))
        seals = len(shell.seals)
        if token is not None and token.roles and not seals:
            said = tr("这是平台工作人员的 Ukey，不用领取印章：在窗口左边的“审核”或“审计”里工作。")
            self._add(3, True, tr("登录平台"), said, None)
            return
        self._add(
            3,
            seals > 0,
            tr("领取印章"),
            tr("已有 {count} 枚印章。", count=seals)
            if seals
            else tr("连接企业电子印章平台，核验后领取。别人授权您使用印章的，填授权码接受。"),
            None if seals else self._seal_actions(ready),
        )

    def _pin_action(self, token: TokenView | None) -> QWidget | None:
        if token is None or (token.initialised and not token.must_change):
            return None
        if not token.initialised:
            return button(tr("初始化…"), self._shell.initialise_token)
        return button(tr("修改口令"), lambda: self._away("settings"))

    def _seal_actions(self, ready: bool) -> QWidget:
        """Apply for a seal, or accept one that is lent. Not before the steps above are done: the
        pages could only say so, too."""
        both, inner = QWidget(), column(spacing=6)
        inner.setContentsMargins(0, 0, 0, 0)
        apply, accept = tr("申请印章…"), tr("接受授权…")
        first = tr("申请印章…，先做上面两步"), tr("接受授权…，先做上面两步")
        for made, name in zip(
            (button(apply, self._apply), button(accept, lambda: self._away("grants"))),
            first,
            strict=True,
        ):
            made.setEnabled(ready)
            if not ready:
                made.setToolTip(tr("先做上面两步"))
                made.setAccessibleName(name)
            inner.addWidget(made)
        both.setLayout(inner)
        return both

    def _apply(self) -> None:
        self._away("seals")
        self._shell.apply_for_seal()

    def _away(self, page: str) -> None:
        """To a page, with a way back: the steps are not done yet."""
        shell = self._shell
        self._go(page)
        again = (tr("回到引导"), shell.show_guide)
        shell.notices.show_notice("guide", "info", tr("引导还没有做完。"), again)

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
        self._shell.go(page)

    # --- looking around --------------------------------------------------------------------------

    def _demo(self) -> QWidget:
        words = column(spacing=1)
        words.addWidget(label(tr("没有 Ukey 和平台？从演示开始"), "heading"))
        self._demo_text = label(
            tr("在这台电脑上启动演示平台和虚拟 Ukey，领取一枚演示印章，亲手盖一次。不联网。"),
            "muted",
            wrap=True,
        )
        words.addWidget(self._demo_text)
        self._demo_bar = QProgressBar()
        self._demo_bar.setRange(0, 0)
        self._demo_bar.setTextVisible(False)
        self._demo_bar.setAccessibleName(tr("正在准备演示…"))
        self._demo_bar.hide()
        words.addSpacing(3)
        words.addWidget(self._demo_bar)
        self.demo_button = button(tr("从演示开始"), self.start_demo)
        inner = row(picture("eye", "text", 24), spacing=14)
        inner.setContentsMargins(16, 12, 16, 12)
        inner.addLayout(words, 1)
        inner.addWidget(self.demo_button)
        return framed("card", inner)

    def start_demo(self) -> None:
        """One click: platform, key and seal of the demo, and the sample on the stamp page."""
        shell = self._shell
        self._busy(True)

        def done(demo: Context) -> None:
            shell.hold_polling(False)
            if task.cancelled:  # too late to be stopped; the guide is gone
                shell.tasks.device(demo.close)
                return
            self._starting = None
            self.accept()
            shell.enter_demo(demo)

        def failed(error: BaseException) -> None:
            shell.hold_polling(False)
            if not task.cancelled:
                self._starting = None
                self._busy(False)
                shell.complain(error)

        def told(text: str) -> None:
            if not task.cancelled:
                self._demo_text.setText(text)

        shell.hold_polling(True)  # the virtual Ukeys of the demo are not one's own
        self._starting = task = shell.tasks.device(
            shell.context.start_demo, done=done, failed=failed, progress=told
        )

    def _busy(self, on: bool) -> None:
        self._demo_bar.setVisible(on)
        self.demo_button.setEnabled(not on)
        self._sample_button.setEnabled(not on)
        self.close_button.setText(tr("取消") if on else tr("完成"))
        if on:
            self._demo_text.setText(tr("正在准备演示…"))

    def done(self, result: int) -> None:
        """However it is closed, a demo being started is given up."""
        if self._starting is not None:
            self._starting.cancel()
        super().done(result)

    def _sample(self) -> None:
        self.accept()
        self._shell.go("stamp", [sample_document(self._shell.context.settings.folders.cache)])


def _pin_step(token: TokenView | None) -> tuple[bool, str, str]:
    """Is it done, its title, what is said of it."""
    title = tr("设好自己的口令")
    if token is not None and not token.initialised:
        return False, title, tr("这把 Ukey 是空白的，先起名并设口令。")
    ready = token is not None and not token.must_change
    said = tr("口令已经设好。") if ready else tr("还在使用出厂口令的 Ukey 不能盖章。")
    return ready, title, said


def sample_document(folder: Path) -> Path:
    """A copy of the bundled regulation that may be stamped."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / tr("示例文件.pdf")
    if not target.exists():
        with resources.as_file(resources.files("resources") / "demo" / "regulation.pdf") as source:
            shutil.copyfile(source, target)
    return target
