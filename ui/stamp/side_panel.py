"""The panel at the right of the stamp page: seals, where they go, what is checked, the red button.

It shows what it is given and tells what was pressed; :mod:`ui.stamp.stamp_page` decides.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QFrame, QWidget

from ui.language import tr
from ui.lent_use import Choose, LentUse
from ui.stamp.checklist import Checklist
from ui.stamp.placing_panel import PlacingPanel
from ui.stamp.seal_rack import SealRack
from ui.widgets import button, column, framed, label, line, row, scrolled


class SidePanel:
    """The panel's parts; :attr:`frame` holds them all."""

    def __init__(
        self,
        *,
        get_seals: Callable[[], None],
        ask_password: Callable[[], None],
        repair: Callable[[], None],
        accept: Callable[[], None],
        stencil: Callable[[], None],
        skip_small: Callable[[], None],
        next_file: Callable[[], None],
        all_alike: Callable[[], None],
        stamp: Callable[[], None],
        choose_use: Choose,
    ) -> None:
        self.rack = SealRack(get_seals)
        self.lent_use = LentUse(choose_use)
        self.placing = PlacingPanel(self.rack.name)
        self.problem = label("", "bad", wrap=True)
        """Why something was not placed."""
        self.problem.hide()
        self.checklist = Checklist()
        self.password = button(tr("输入文件密码…"), ask_password, icon="lock")
        self.password.hide()
        self.repair = button(tr("修复后盖章"), repair, icon="file-check")
        self.repair.setToolTip(tr("在原文件旁边另存一份修复的副本，盖章盖在副本上"))
        self.repair.hide()
        self.accept = button(tr("仍然盖章"), accept)
        self.accept.setToolTip(tr("作者同意盖章时才选；对这个文件不再询问"))
        self.accept.hide()
        self.stencil = button(tr("不用透明，保持 PDF/A-1"), stencil)
        self.stencil.setToolTip(tr("印章图片不用透明效果；下面的字在笔画之间仍然看得见"))
        self.stencil.hide()
        self.skip_small = button(tr("跳过放不下的页"), skip_small)
        self.skip_small.hide()
        self.batch_note = label("", "small", wrap=True)
        self.next = button(tr("看下一份"), next_file)
        self.next.setToolTip(tr("没有放过印章的文件会照这一份放好，看过再看下一份（Ctrl+PgDn）"))
        self.all_alike = button(tr("用于全部文件"), all_alike)
        self.choices = QWidget()
        """What concerns several files: the two buttons above."""
        self.choices.setLayout(row(self.next, self.all_alike))
        self.stamp_button = button(
            tr("盖章"), stamp, role="primary", icon="stamp", tint="on_accent"
        )
        self.stamp_button.setToolTip("Ctrl+Enter")
        self.frame = self._framed()

    def reveal_checks(self) -> None:
        """Bring what was checked into view."""
        self._area.ensureWidgetVisible(self.checklist)

    def reveal_top(self) -> None:
        """Back to the seal: another document begins."""
        self._area.verticalScrollBar().setValue(0)

    def _framed(self) -> QFrame:
        inner = QWidget()
        content = column(margins=(16, 14, 16, 14), spacing=8)
        inner.setLayout(content)
        content.addWidget(label(tr("印章"), "section"))
        content.addWidget(self.rack)
        content.addWidget(self.lent_use)
        content.addSpacing(6)
        content.addWidget(label(tr("盖在哪里"), "section"))
        content.addWidget(self.placing)
        content.addWidget(self.problem)
        content.addWidget(self.skip_small)
        content.addSpacing(4)
        content.addWidget(line())
        content.addSpacing(2)
        content.addWidget(label(tr("盖章前检查"), "section"))
        for action in (self.password, self.repair, self.accept, self.stencil):
            content.addWidget(action)
        content.addWidget(self.checklist)
        content.addStretch()
        foot = column(margins=(16, 12, 16, 14), spacing=8)
        foot.addWidget(self.batch_note)
        foot.addWidget(self.choices)
        foot.addWidget(self.stamp_button)
        whole = column(spacing=0)
        self._area = scrolled(inner, tr("印章和位置"))
        whole.addWidget(self._area, 1)
        whole.addWidget(framed("footer", foot))
        return framed("panel", whole)
