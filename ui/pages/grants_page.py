"""授权: seals that were lent to others, and seals that others lent; each with what is left of it.

What is shown is what the platform last told; the time that is left runs on by itself. Giving,
accepting and withdrawing are signed with the Ukey.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QDialog, QFrame, QLabel, QVBoxLayout, QWidget

from app.errors import AppError, messages
from ui.flow import flow
from ui.language import language, tr
from ui.lent_use import LentUse
from ui.pages.grants_dialogs import (
    AcceptDialog,
    OfferDialog,
    TermsDialog,
    remaining,
    terms_rows,
)
from ui.shell.pin_dialog import with_key
from ui.widgets import (
    button,
    clear_layout,
    column,
    copy_text,
    facts,
    framed,
    in_fours,
    label,
    row,
    scrolled,
)

if TYPE_CHECKING:
    from app.remote.lending import Offered
    from app.store.cabinet import SealRecord
    from app.store.lending import GrantRecord
    from crypto.seal.grant import SignedGrant
    from ui.shell.interface import Shell

_ROLES = {"active": "good", "offered": "unknown", "waiting": "unknown", "suspended": "unknown"}


@dataclass
class _Running:
    """A label with the time that is left of a grant."""

    shown: QLabel
    until: datetime


class GrantsPage(QWidget):
    """The page behind 授权."""

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self._shell = shell
        self._running: list[_Running] = []
        self.setAccessibleName(tr("授权"))
        self._offer = button(tr("授权他人…"), self.offer, icon="plus")
        self._accept = button(tr("接受授权…"), self.accept, icon="inbox")
        self._sync = button(tr("同步"), shell.synchronise, icon="refresh-cw")
        title = label(tr("授权"), "title")
        head = column(margins=(24, 20, 24, 8), spacing=4)
        head.addLayout(flow(title, self._offer, self._accept, self._sync, stretch=title))
        self._state = label("", "muted", wrap=True)
        head.addWidget(self._state)
        content = QWidget()
        self._column = column(margins=(24, 8, 24, 24), spacing=12)
        content.setLayout(self._column)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addLayout(head)
        whole.addWidget(scrolled(content, tr("授权")), 1)
        self._clock = QTimer(self)
        self._clock.setInterval(1000)
        self._clock.timeout.connect(self._tick)
        shell.seals_changed.connect(self.activated)
        shell.tokens_changed.connect(self._update_buttons)

    def panes(self) -> list[QWidget]:
        return [self._offer, self._accept, self._sync]

    def activated(self) -> None:
        """Read the cabinet."""
        self._shell.tasks.work(
            self._shell.context.grants, done=self._show, failed=self._shell.complain
        )
        self._update_buttons()

    def showEvent(self, event: Any) -> None:
        self._clock.start()
        super().showEvent(event)

    def hideEvent(self, event: Any) -> None:
        self._clock.stop()
        super().hideEvent(event)

    def _update_buttons(self) -> None:
        token = self._shell.token
        ready = token is not None and not token.locked and not token.must_change
        platform = bool(self._shell.context.settings.platform_url)
        own = bool(self._own_seals())
        self._offer.setEnabled(ready and platform and own)
        self._accept.setEnabled(ready)
        self._sync.setEnabled(ready and platform)
        said = tr("授权和接受都要插入 Ukey。") if not ready else ""
        if not platform:
            said += tr("还没有连接平台。接受授权时填写平台地址，或在“设置”里填写。")
        self._state.setText(said)
        self._state.setVisible(bool(said))

    def _own_seals(self) -> list[SealRecord]:
        seals = self._shell.seals
        return [seal for seal in seals if seal.grant is None and seal.state == "active"]

    # --- what is shown -----------------------------------------------------------------------

    def _show(self, grants: tuple[GrantRecord, ...]) -> None:
        clear_layout(self._column)
        self._running = []
        for side, title, nothing in (
            ("received", tr("我可以使用的"), tr("还没有人授权您使用印章。")),
            ("given", tr("我授权出去的"), tr("还没有授权他人使用印章。")),
        ):
            own = [grant for grant in grants if grant.side == side]
            self._column.addWidget(label(title, "heading"))
            for each in sorted(own, key=_rank):
                self._column.addWidget(self._card(each))
            if not own:
                self._column.addWidget(label(nothing, "muted", wrap=True))
        self._column.addStretch()

    def _card(self, grant: GrantRecord) -> QFrame:
        now = datetime.now(UTC)
        terms = grant.signed.grant
        state = grant.state_at(now)
        who = terms.grantee if grant.side == "given" else terms.holder
        inner = column(margins=(16, 14, 16, 12), spacing=8)
        named = terms.seal_name if who == terms.seal_name else f"{terms.seal_name} · {who}"
        head = row(label(named, "heading", wrap=True), spacing=10)
        head.setStretch(0, 1)
        head.addWidget(label(state_words(grant, now), _ROLES.get(state, "muted"), wrap=True))
        inner.addLayout(head)
        if grant.open:
            running = label(remaining(terms.valid_until, now), "good")
            self._running.append(_Running(running, terms.valid_until))
            inner.addLayout(flow(running, label(_uses(grant))))
        else:
            inner.addWidget(label(_uses(grant), "muted"))
        number = (tr("编号"), in_fours(grant.id.removeprefix("grant_")))
        inner.addWidget(facts([*terms_rows(terms), number]))
        if grant.doubled:
            said = tr(
                "有 {count} 次离线用印的编号重复，可能有电脑恢复过旧的数据，请核对台账。",
                count=grant.doubled,
            )
            inner.addWidget(label(said, "bad", wrap=True))
        inner.addWidget(LentUse(self._choose, grant))
        inner.addLayout(self._actions(grant))
        card = framed("card", inner)
        card.setAccessibleName(tr("，").join((terms.seal_name, who, state_words(grant, now))))
        return card

    def _choose(self, grant: GrantRecord, name: str, value: str) -> None:
        context = self._shell.context
        self._shell.tasks.work(
            partial(context.choose_use, grant.side, grant.id, name, value),
            done=lambda _: None,
            failed=self._shell.complain,
        )

    def _actions(self, grant: GrantRecord) -> Any:
        parts: list[QWidget] = []
        who = grant.signed.grant.grantee
        if grant.code and grant.state == "offered":
            copy = button(tr("复制授权码"), partial(copy_text, grant.code), role="link")
            copy.setAccessibleName(tr("，").join((tr("复制授权码"), who)))
            parts.append(copy)
        if grant.open:
            given = grant.side == "given"
            name = tr("收回…") if given else tr("退回…")
            end = button(name, partial(self.withdraw, grant), role="link")
            end.setAccessibleName(tr("，").join((name, grant.signed.grant.seal_name, who)))
            end.setEnabled(self._accept.isEnabled())
            parts.append(end)
        return flow(*parts)

    def _tick(self) -> None:
        now = datetime.now(UTC)
        for each in self._running:
            said = remaining(each.until, now)
            if each.shown.text() != said:
                each.shown.setText(said)

    # --- what is done ------------------------------------------------------------------------

    def offer(self) -> None:
        """Lend a seal."""
        rules = {policy.seal_id: policy for policy in self._shell.context.use_policies()}
        own = self._own_seals()
        approved = [s.code for s in own if s.id in rules and rules[s.id].needs_approval]
        dialog = OfferDialog(own, self, approved)
        accepted = dialog.exec() == QDialog.DialogCode.Accepted
        code, wish = dialog.seal_code, dialog.wish() if accepted else None
        dialog.deleteLater()
        if wish is None:
            return

        def done(offered: Offered) -> None:
            said = tr("授权已签署。请把授权码单独告诉对方：{code}", code=offered.code)
            self._shell.notices.show_notice("grants", "good", said)
            self.activated()

        self._with_key(tr("签署授权书"), partial(self._shell.context.offer_grant, code, wish), done)

    def accept(self) -> None:
        """Accept a seal that somebody lends."""
        url = self._shell.context.settings.platform_url
        dialog = AcceptDialog(self, url)
        accepted = dialog.exec() == QDialog.DialogCode.Accepted
        code, person = dialog.answer() if accepted else ("", None)
        given = dialog.url.text().strip()
        dialog.deleteLater()
        if not code:
            return
        if not url:
            try:
                self._shell.context.save_settings({"platform_url": given})
            except AppError as error:
                self._shell.complain(error)
                return
            self._update_buttons()

        def look(offered: SignedGrant) -> None:
            terms = TermsDialog(offered.grant, person, self)
            agreed = terms.exec() == QDialog.DialogCode.Accepted
            terms.deleteLater()
            if agreed:
                work = partial(self._shell.context.accept_grant, code, person, offered)
                self._with_key(tr("接受授权"), work, done)

        def done(seal: SealRecord) -> None:
            said = tr("已接受授权，可以使用 {name}（{code}）。", name=seal.name, code=seal.code)
            self._shell.notices.show_notice("grants", "good", said)
            self._shell.reload_seals()
            self.activated()

        self._shell.tasks.work(
            partial(self._shell.context.look_at_offer, code),
            done=look,
            failed=self._shell.complain,
        )

    def withdraw(self, grant: GrantRecord) -> None:
        """End a grant at once."""
        given = grant.side == "given"
        purpose = tr("收回授权，立即生效") if given else tr("退回授权，立即生效")

        def done(ended: GrantRecord) -> None:
            said = tr("授权已结束：{name}", name=ended.signed.grant.seal_name)
            self._shell.notices.show_notice("grants", "good", said)
            self._shell.reload_seals()
            self.activated()

        self._with_key(purpose, partial(self._shell.context.withdraw_grant, grant), done)

    def _with_key(
        self,
        purpose: str,
        work: Callable[[str, str], Any],
        done: Callable[[Any], None],
    ) -> None:
        with_key(self._shell, purpose, work, self, done=done)


def _rank(grant: GrantRecord) -> tuple[bool, str]:
    """Those in force first, the next to end before the others."""
    return not grant.open, grant.signed.grant.valid_until.isoformat()


def _uses(grant: GrantRecord) -> str:
    left, most = grant.left, grant.signed.grant.max_uses
    if left is None:
        return tr("次数不限，已用 {used} 次", used=grant.used)
    return tr("还可用 {left} 次，共 {most} 次", left=left, most=most)


def state_words(grant: GrantRecord, now: datetime) -> str:
    """How it stands, and why it ended."""
    words = messages(language())["phrases"]
    state = words["grant_state"][grant.state_at(now)]
    reasons: dict[str, str] = words["grant_reason"]
    why = reasons.get(grant.reason, reasons["other"]) if grant.reason else ""
    return f"{state}{why}"
