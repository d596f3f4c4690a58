"""审批: what this machine knows of who may use which seal, and what the platform is still to hear.

Requests for approval live on the platform. What is shown here is the cabinet's own: seals held, the
platform's last word on each, and uses of a seal that were made offline and wait to be reported.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QVBoxLayout, QWidget

from ui.language import tr
from ui.seal_card import kind_name
from ui.widgets import (
    button,
    clear_layout,
    column,
    facts,
    framed,
    label,
    moment,
    picture,
    row,
    scrolled,
)

if TYPE_CHECKING:
    from app.cabinet import SealRecord
    from ui.main_window import Shell


class ApprovalsPage(QWidget):
    """The page behind 审批."""

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self._shell = shell
        self.setAccessibleName(tr("审批"))
        content = QWidget()
        self._column = column(margins=(24, 20, 24, 20), spacing=12)
        content.setLayout(self._column)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(scrolled(content, tr("审批和授权")))
        self._more = button(tr("到“印章”页同步"), lambda: shell.go("seals"), icon="refresh-cw")
        shell.seals_changed.connect(self.activated)

    def panes(self) -> list[QWidget]:
        return [self._more]

    def activated(self) -> None:
        """Read the cabinet."""

        def read() -> tuple[int, list[tuple[SealRecord, datetime | None]]]:
            context = self._shell.context
            seals = [(seal, context.statement_of(seal.code)) for seal in context.seals()]
            return context.waiting_records(), seals

        self._shell.tasks.work(
            read, done=lambda found: self._show(*found), failed=self._shell.complain
        )

    def _show(self, waiting: int, seals: list[tuple[SealRecord, datetime | None]]) -> None:
        self._more.setParent(None)
        clear_layout(self._column)
        self._column.addWidget(label(tr("审批和授权"), "title"))
        self._column.addWidget(
            label(
                tr("用印审批在平台上办理。这里只列出本机掌握的情况，不代替平台的记录。"),
                "muted",
                wrap=True,
            )
        )
        inner = column(margins=(16, 14, 16, 14), spacing=8)
        icon, role = ("circle-check", "good") if not waiting else ("clock", "unknown")
        said = tr("所有用印记录都已上报平台。")
        if waiting:
            said = tr("有 {count} 次用印还没有上报平台，联网同步后补报。", count=waiting)
        inner.addLayout(row(picture(icon, role, 20), label(said, "heading"), None, spacing=10))
        inner.addLayout(row(self._more, None))
        self._column.addWidget(framed("card", inner))
        for seal, confirmed in seals:
            inner = column(margins=(16, 14, 16, 14), spacing=8)
            inner.addWidget(label(f"{seal.name} {kind_name(seal)}", "heading", wrap=True))
            inner.addWidget(
                facts(
                    [
                        (tr("使用人"), tr("持有人本人（Ukey 证书）")),
                        (tr("平台确认"), moment(confirmed)),
                    ]
                )
            )
            self._column.addWidget(framed("card", inner))
        if not seals:
            self._column.addWidget(label(tr("这台电脑上还没有印章。"), "muted"))
        self._column.addStretch()
