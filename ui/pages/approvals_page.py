"""审批: which seals this machine may use and until when, which uses are still to be
reported to the platform, and the way to the platform's page.

Approvals of single uses are not built. What is shown here is the cabinet's own: seals held, the
platform's last word on each, until when they may be used without it, and uses that were made
offline and wait to be reported.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QFrame, QLayout, QVBoxLayout, QWidget

from ui.flow import flow
from ui.language import tr
from ui.seal_card import kind_name, state_of
from ui.verify.dispute import Disputes
from ui.widgets import (
    button,
    clear_layout,
    column,
    copy_text,
    facts,
    framed,
    in_fours,
    label,
    moment,
    picture,
    row,
    scrolled,
)

if TYPE_CHECKING:
    from app.store.cabinet import SealRecord
    from app.store.uses import WaitingUse
    from ui.shell.interface import Shell

LISTED = 8
"""Waiting uses that are shown one by one."""


@dataclass(frozen=True)
class _Known:
    """What the cabinet knows."""

    waiting: int
    uses: tuple[WaitingUse, ...]
    """The first of those that wait."""
    seals: list[tuple[SealRecord, datetime | None]]
    """With the time of the platform's last word on each."""


class ApprovalsPage(QWidget):
    """The page behind 审批."""

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self._shell = shell
        self.setAccessibleName(tr("审批"))
        content = QWidget()
        self._column = column(margins=(24, 20, 24, 20), spacing=12)
        content.setLayout(self._column)
        content.setMaximumWidth(960)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(scrolled(content, tr("审批和授权")))
        shell.seals_changed.connect(self.activated)

    def panes(self) -> list[QWidget]:
        name = "approvals-first"
        first = self.findChild(QWidget, name)
        return [first] if first is not None else []

    def activated(self) -> None:
        """Read the cabinet."""

        def read() -> _Known:
            context = self._shell.context
            seals = [(seal, context.statement_of(seal.code)) for seal in context.seals()]
            return _Known(context.waiting_records(), context.waiting_uses(LISTED), seals)

        self._shell.tasks.work(read, done=self._show, failed=self._shell.complain)

    def _show(self, known: _Known) -> None:
        clear_layout(self._column)
        self._column.addWidget(label(tr("审批和授权"), "title"))
        self._column.addWidget(
            label(
                tr("这个版本不办理逐次用印的审批。这里列出本机掌握的情况，不代替平台的记录。"),
                "muted",
                wrap=True,
            )
        )
        self._column.addWidget(self._platform())
        self._column.addWidget(self._waiting(known))
        limit = timedelta(hours=self._shell.context.settings.offline_hours)
        for seal, confirmed in known.seals:
            self._column.addWidget(_seal(seal, confirmed, limit))
        if not known.seals:
            inner = column(margins=(16, 14, 16, 14), spacing=8)
            inner.addWidget(label(tr("这台电脑上还没有印章。"), "heading"))
            apply = button(tr("申请印章…"), lambda: self._shell.go("seals"), icon="plus")
            inner.addLayout(row(apply, None))
            self._column.addWidget(framed("card", inner))
        self._column.addStretch()

    def _platform(self) -> QFrame:
        """The platform's address, and how to get there."""
        url = self._shell.context.settings.platform_url
        inner = column(margins=(16, 14, 16, 14), spacing=8)
        inner.addWidget(label(tr("平台"), "heading"))
        if url:
            inner.addWidget(label(url, select=True))
            first = button(
                tr("打开平台网站"), lambda: self._shell.open_outside(url), icon="external-link"
            )
            second = button(tr("复制地址"), lambda: copy_text(url), role="link")
            disputes = Disputes(self._shell, self)
            third = button(tr("查询已提出的异议…"), disputes.follow, role="link")
            actions: QLayout = flow(first, second, third)
        else:
            said = tr("还没有连接平台。申请第一枚印章时填写平台地址，或在“设置”里填写。")
            inner.addWidget(label(said, "muted", wrap=True))
            first = button(tr("填写平台地址"), lambda: self._shell.go("settings"), icon="settings")
            actions = row(first, None)
        first.setObjectName("approvals-first")
        inner.addLayout(actions)
        return framed("card", inner)

    def _waiting(self, known: _Known) -> QFrame:
        inner = column(margins=(16, 14, 16, 14), spacing=8)
        icon, role = ("circle-check", "good") if not known.waiting else ("clock", "unknown")
        said = tr("所有用印记录都已上报平台。")
        if known.waiting:
            said = tr("有 {count} 次用印还没有上报平台，联网同步后补报。", count=known.waiting)
        head = row(picture(icon, role, 20), spacing=10)
        head.addWidget(label(said, "heading", wrap=True), 1)
        inner.addLayout(head)
        if known.waiting:
            seals = {seal.code: seal for seal, _ in known.seals}
            inner.addWidget(facts([_use(use, seals) for use in known.uses]))
            if known.waiting > LISTED:
                more = tr("还有 {count} 次", count=known.waiting - LISTED)
                inner.addWidget(label(more, "small"))
            sync = button(tr("现在同步"), self._shell.synchronise, icon="refresh-cw")
            ledger = button(tr("看台账"), lambda: self._shell.go("journal"), role="link")
            inner.addLayout(row(sync, ledger, None))
        return framed("card", inner)


def _use(use: WaitingUse, seals: dict[str, SealRecord]) -> tuple[str, str]:
    """When, and which seal on which file; by its digest where the ledger has no name."""
    seal = seals.get(use.seal_code)
    name = kind_name(seal) if seal else use.seal_code
    digest = in_fours(use.document_sm3[:16])
    file = use.file or tr("文件摘要 {digest}…", digest=digest)
    return moment(use.at), tr("{seal} · {company}", seal=name, company=file)


def _seal(seal: SealRecord, confirmed: datetime | None, limit: timedelta) -> QFrame:
    now = datetime.now(UTC)
    inner = column(margins=(16, 14, 16, 14), spacing=8)
    role, state = state_of(seal, now)
    head = row(label(f"{seal.name} {kind_name(seal)}", "heading", wrap=True), spacing=10)
    head.addStretch()
    head.addWidget(label(state, role))
    inner.addLayout(head)
    until = (confirmed or seal.collected_at) + limit
    left = int((until - now).total_seconds() // 3600)
    offline = tr("已到期限，联网同步后才能离线使用")
    if until > now:
        offline = tr("可以用到 {time}（还有 {hours} 小时）", time=moment(until), hours=left)
    inner.addWidget(
        facts(
            [
                (tr("使用人"), tr("持有人本人（Ukey 证书）")),
                (tr("平台确认"), moment(confirmed)),
                (tr("离线使用"), offline),
            ]
        )
    )
    return framed("card", inner)
