"""印章: my seals, their state and validity; apply, collect, synchronise."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QFrame, QGridLayout, QVBoxLayout, QWidget

from crypto.seal.kinds import KINDS, PERSONAL
from ui import theme
from ui.document.viewer import show_seal
from ui.flow import flow
from ui.language import tr
from ui.pages.applications_panel import ApplicationsPanel
from ui.pages.keepers import KeepersDialog
from ui.pages.seal_state import SealStateDialog, may_resume, may_stop
from ui.seal_card import Imprint, imprint, kind_name, state_of, who_lifts
from ui.shell.pin_dialog import ask_pin
from ui.widgets import (
    Expander,
    button,
    clear_layout,
    column,
    copy_text,
    day,
    facts,
    framed,
    label,
    moment,
    picture,
    row,
    scrolled,
)

if TYPE_CHECKING:
    from app.remote.syncing import Synced
    from app.store.applications import ApplicationRecord
    from app.store.cabinet import SealRecord
    from crypto.seal.release import Release
    from ui.shell.context.values import TokenView
    from ui.shell.interface import Shell

    _Card = tuple[SealRecord, datetime | None, tuple[str, str], int]
    _Kept = tuple[list[tuple[SealRecord, datetime | None]], tuple[ApplicationRecord, ...]]


class SealsPage(QWidget):
    """The page behind 印章."""

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self._shell = shell
        self.setAccessibleName(tr("印章"))
        self._sync = button(tr("同步"), self.synchronise, icon="refresh-cw")
        self._apply = button(tr("申请印章…"), self.apply, icon="plus")
        self._state = label("", "muted")
        self._set_up = button(tr("看引导"), shell.show_guide, role="link")
        self._set_up.hide()
        head = column(margins=(24, 20, 24, 8), spacing=4)
        title = label(tr("我的印章"), "title")
        head.addLayout(flow(title, self._sync, self._apply, stretch=title))
        state = row(self._state, self._set_up)
        state.setStretch(0, 1)
        head.addLayout(state)
        content = QWidget()
        inner = column(margins=(24, 8, 24, 24), spacing=8)
        self.applications = ApplicationsPanel(shell, self._pin, self._busy)
        self.applications.changed.connect(self.activated)
        inner.addWidget(self.applications)
        self._grid = QGridLayout()
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(14)
        inner.addLayout(self._grid, 1)
        content.setLayout(inner)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addLayout(head)
        whole.addWidget(scrolled(content, tr("我的印章")), 1)
        self._cards: list[_Card] | None = None
        """What the cards say that are shown."""
        shell.seals_changed.connect(self.activated)
        shell.tokens_changed.connect(self._update_buttons)

    def panes(self) -> list[QWidget]:
        return [self._sync, self._apply]

    def activated(self) -> None:
        """Read the cabinet."""

        def read() -> _Kept:
            context = self._shell.context
            seals = [(seal, context.statement_of(seal)) for seal in context.seals()]
            return seals, context.applications.all()

        self._shell.tasks.work(read, done=self._show, failed=self._shell.complain)
        self._update_buttons()

    def _token(self) -> TokenView | None:
        return self._shell.token

    def _update_buttons(self) -> None:
        token = self._token()
        missing = _missing(token)
        usable = not missing
        platform = self._shell.context.settings.platform_url
        self._apply.setEnabled(usable)
        self._sync.setEnabled(usable and bool(platform))
        said = tr("平台：{url}", url=platform)
        if not platform:
            said = tr("还没有连接平台。申请第一枚印章时填写平台地址，或在“设置”里填写。")
        self._state.setText(" ".join(part for part in (missing, said) if part))
        for control in (self._apply, self._sync):
            control.setToolTip(missing)
        self._set_up.setVisible(bool(missing))
        self.applications.set_usable(usable)

    def _show(self, kept: _Kept) -> None:
        seals, applications = kept
        self.applications.show_records(applications)
        now = datetime.now(UTC)
        cards = [(seal, told, state_of(seal, now), _days(seal, now)) for seal, told in seals]
        if cards == self._cards:
            return  # what is open on a card stays open
        self._cards = cards
        clear_layout(self._grid)
        for number, (seal, confirmed) in enumerate(seals):
            self._grid.addWidget(self._card(seal, confirmed), number // 2, number % 2)
        if not seals:
            self._grid.addWidget(self._nothing(), 0, 0, 1, 2)
        self._grid.setColumnStretch(0, 1)
        self._grid.setColumnStretch(1, 1)
        self._grid.setRowStretch(max(1, (len(seals) + 1) // 2), 1)

    def _card(self, seal: SealRecord, confirmed: datetime | None) -> QFrame:
        now = datetime.now(UTC)
        role, state = state_of(seal, now)
        text = column(spacing=3)
        text.addWidget(label(kind_name(seal), "title", wrap=True))
        text.addWidget(label(seal.name, wrap=True))
        text.addWidget(label(tr("编码 {code}", code=seal.code), "small", wrap=True, select=True))
        text.addWidget(label(state, role, wrap=True))
        if seal.state == "suspended":
            text.addWidget(label(who_lifts(seal.reason).strip(), "small", wrap=True))
        left = _days(seal, now)
        if left >= 0:
            text.addWidget(label(tr("还有 {days} 天", days=left), "small"))
        text.addStretch()
        head = row(Imprint(imprint(seal), 104, seal.name), spacing=16)
        head.addLayout(text, 1)
        inner = column(margins=(16, 16, 16, 10), spacing=8)
        inner.addLayout(head)
        inner.addWidget(Expander(tr("详细信息"), partial(_details, seal, confirmed)))
        look = button(tr("证书链和导出…"), partial(show_seal, self._shell, seal, self), role="link")
        look.setAccessibleName(tr("，").join((tr("证书链和导出…"), kind_name(seal), seal.code)))
        copy = button(tr("复制编码"), lambda: copy_text(seal.code), role="link")
        keepers = button(tr("保管人…"), partial(self._keepers, seal), role="link")
        keepers.setAccessibleName(tr("，").join((tr("保管人…"), kind_name(seal), seal.code)))
        change = button(tr("换领、续期、注销…"), partial(self._change, seal), role="link")
        change.setAccessibleName(
            tr("，").join((tr("换领、续期、注销…"), kind_name(seal), seal.code))
        )
        resume = button(tr("恢复…"), partial(self._stop, seal, stops=False), role="link")
        resume.setAccessibleName(tr("，").join((tr("恢复…"), kind_name(seal), seal.code)))
        words = tr("挂失…") if may_resume(seal) else tr("停用、挂失…")
        stop = button(words, partial(self._stop, seal, stops=True), role="link")
        stop.setAccessibleName(tr("，").join((words, kind_name(seal), seal.code)))
        inner.addLayout(flow(look, keepers, change, resume, stop, copy))
        inner.addStretch()
        made = framed("card", inner)  # what is shown before it stands in something is a window
        kind = KINDS.get(seal.subtype)
        keepers.setVisible(kind is None or kind.family != PERSONAL)  # the person keeps her own
        change.setVisible(seal.state != "cancelled")
        resume.setVisible(may_resume(seal))
        stop.setVisible(may_stop(seal))
        made.setAccessibleName(tr("，").join((kind_name(seal), seal.name, state)))
        theme.set_role(made, "card")
        return made

    def _nothing(self) -> QFrame:
        inner = column(margins=(24, 28, 24, 28), spacing=8)
        inner.addLayout(row(None, picture("layers", "muted", 40), None))
        for text, role in (
            (tr("这台电脑上还没有印章"), "title"),
            (tr("插入 Ukey，填写企业信息，平台核验后即可领取。"), "muted"),
            (tr("在别的电脑上领取过的：插入那把 Ukey，点“同步”取回。"), "muted"),
        ):
            said = label(text, role)
            inner.addLayout(row(None, said, None))
        return framed("card", inner)

    def _keepers(self, seal: SealRecord) -> None:
        """Who keeps *seal*, for its legal representative."""
        dialog = KeepersDialog(self._shell, seal, self._pin, self)
        dialog.exec()
        dialog.deleteLater()

    def _change(self, seal: SealRecord) -> None:
        """Ask for a reissue, a renewal or a cancellation."""
        self.applications.change_seal(seal)

    def _stop(self, seal: SealRecord, *, stops: bool) -> None:
        """Suspend it, report it lost, or resume it."""
        dialog = SealStateDialog(self._shell, seal, self._pin, self, stops=stops)
        dialog.exec()
        if dialog.changed:
            self._shell.reload_seals()
        dialog.deleteLater()

    # --- synchronising ---------------------------------------------------------------------------

    def _pin(self, purpose: str) -> tuple[str, str]:
        """Serial number and PIN; empty if cancelled."""
        token = self._token()
        if token is None:
            return "", ""
        return token.serial, ask_pin(self._shell, token, purpose, self)

    @property
    def can_synchronise(self) -> bool:
        """Is there a key, a platform, and nothing else going on?"""
        return self._sync.isEnabled()

    def synchronise(self) -> None:
        """Fetch the seals' states and send what was stamped offline."""
        if not self.can_synchronise:
            return  # the line above the seals says what is missing
        serial, pin = self._pin(tr("登录平台，同步印章状态和用印记录"))
        if not pin:
            return
        self._busy(True)
        # the page that is shown may be another one
        self._shell.notices.show_notice("sync", "info", tr("正在与平台通信…"))

        def done(synced: Synced) -> None:
            self._busy(False)
            said = tr(
                "已同步：{seals} 枚印章，上报 {records} 条记录。",
                seals=synced.seals,
                records=synced.records,
            )
            if synced.doubled:
                names = tr("、").join(synced.doubled)
                warned = tr(
                    "{names}离线使用时，同一次数用了两次，可能有电脑恢复过旧的数据，请核对台账。",
                    names=names,
                )
                self._shell.notices.show_notice("doubled", "error", warned)
            if synced.restored:
                names = tr("、").join(f"{seal.name} {seal.code}" for seal in synced.restored)
                said = tr("已取回 {names}。", names=names) + said
            self._shell.notices.show_notice("sync", "good", said)
            self.applications.tell(synced.applications, away=True)
            self._shell.reload_seals()
            self._look_for_update()

        self._shell.tasks.device(
            self._shell.context.synchronise, serial, pin, done=done, failed=self._not_synchronised
        )

    def _not_synchronised(self, error: BaseException) -> None:
        self._shell.notices.clear_notice("sync")
        self._failed(error)

    def _look_for_update(self) -> None:
        """The platform answers just now: is there a newer version of the program?"""
        shell = self._shell
        if shell.context.settings.auto_update == "off":
            return
        updates = shell.context.updates

        def found(release: Release | None) -> None:
            if release is None:
                return
            said = tr("有新版本 {version}。", version=release.version)
            shell.notices.show_notice("update", "info", said, (tr("查看"), shell.show_help))
            if shell.context.settings.auto_update == "on":
                shell.tasks.work(updates.fetch, release, failed=_quiet, progress=_quiet)

        shell.tasks.work(updates.offered, done=found, failed=_quiet)

    def _failed(self, error: BaseException) -> None:
        self._busy(False)
        self._shell.complain(error)

    def _busy(self, on: bool) -> None:
        self._shell.hold_polling(on)
        self._sync.setEnabled(not on)
        self._apply.setEnabled(not on)
        self.applications.set_usable(not on)
        if on:
            self._state.setText(tr("正在与平台通信…"))
        else:
            self._update_buttons()

    # --- applying --------------------------------------------------------------------------------

    def apply(self) -> None:
        """Fill in the form of a new application, or go on with a draft that was not sent."""
        known = {"url": self._shell.context.settings.platform_url}
        for seal in self._shell.seals[:1]:
            known |= {"enterprise": seal.enterprise, "uscc": seal.uscc}
        if any(seal.subtype == "official" for seal in self._shell.seals):
            known["kind"] = "contract"

        def begin(records: tuple[ApplicationRecord, ...]) -> None:
            self.applications.show_records(records)
            self.applications.begin(known)

        read = self._shell.context.applications.all
        self._shell.tasks.work(read, done=begin, failed=self._shell.complain)


def _days(seal: SealRecord, now: datetime) -> int:
    """How many are left to the seal."""
    return (seal.valid_until - now).days


def _details(seal: SealRecord, confirmed: datetime | None) -> QWidget:
    signer, parsed = seal.signer, seal.parsed
    size = tr("{width} × {height} 毫米", width=parsed.width_mm, height=parsed.height_mm)
    return facts(
        [
            (tr("所属企业"), seal.enterprise),
            (tr("信用代码"), seal.uscc),
            (tr("尺寸"), size),
            (tr("印章有效期"), tr("至 {date}", date=day(parsed.valid_until))),
            (tr("证书有效期"), tr("至 {date}", date=day(signer.not_after))),
            (tr("证书序列号"), f"{signer.serial:x}"),
            (tr("平台确认"), moment(confirmed)),
            (tr("领取时间"), moment(seal.collected_at)),
        ]
    )


def _missing(token: TokenView | None) -> str:
    """Why nothing can be asked of the platform with this key; "" if it can."""
    if token is None:
        return tr("同步和申请需要插入 Ukey。")
    if not token.initialised:
        return tr("这把 Ukey 是空白的，先要初始化。")
    if token.locked:
        return tr("Ukey 口令已锁定：点窗口上方的“解锁…”。")
    if token.must_change:
        return tr("Ukey 还在使用出厂口令，先要改成自己的。")
    return ""


def _quiet(_: object) -> None:
    """Nobody has asked for it: 帮助 tells, when somebody does."""
