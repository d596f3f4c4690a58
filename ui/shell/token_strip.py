"""The top of the window: which key is in use, how many tries are left, what expires first; and,
while a demo runs, a banner below it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QMenu, QToolButton

from crypto.pki.holder_name import without_credit_code
from ui import theme
from ui.language import tr
from ui.shell.context.values import TokenView
from ui.widgets import OneLine, button, day, label, opens, picture, row

if TYPE_CHECKING:
    from app.store.cabinet import SealRecord

SEPARATOR = " · "
_MENU_NAME = 300
"""Pixels of a name in the menu of keys."""


class TokenStrip(QFrame):
    """Always says which key, how many tries, what expires first."""

    chosen = Signal(str)
    unlock_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        theme.set_role(self, "strip")
        self.setFixedHeight(46)
        self._icon = QLabel()
        self._icon.setFixedWidth(20)
        self._name = OneLine()
        """May be shortened; what is left of the tries may not."""
        self._rest = label("")
        self._demo = label(tr("虚拟 Ukey · 仅供演示"), "unknown")
        self.unlock = button(tr("解锁…"), self.unlock_asked.emit, role="link")
        self.unlock.setAccessibleName(tr("解锁 Ukey"))
        self._more = QToolButton()
        theme.set_icon(self._more, "chevron-down", "muted", 16)
        self._more.setAccessibleName(tr("换一把 Ukey"))
        self._more.setToolTip(tr("换一把 Ukey"))
        opens(self._more, QMenu(self._more))
        self.news = QToolButton()
        self.news.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.help = QToolButton()
        self.help.setText(f" {tr('帮助')}")  # Qt leaves little room after an icon
        self.help.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        theme.set_icon(self.help, "circle-help", "muted", 16)
        self.help.setAccessibleName(tr("帮助"))
        inner = QHBoxLayout(self)
        inner.setContentsMargins(16, 0, 8, 0)
        inner.setSpacing(8)
        for widget in (self._icon, self._demo):
            inner.addWidget(widget)
        inner.insertWidget(1, self._name, 1000)
        inner.insertWidget(2, self._rest)
        inner.insertStretch(3, 1)
        inner.insertWidget(3, self.unlock)
        inner.addWidget(self._more)
        inner.addWidget(self.news)
        inner.addWidget(self.help)
        self.show_unread(0)
        self.show_tokens((), None, ())

    def show_unread(self, count: int) -> None:
        """How many notices nobody has read."""
        said = tr("通知 {count}", count=count) if count else tr("通知")
        self.news.setText(f" {said}")
        spoken = tr("通知，{count} 条未读", count=count) if count else tr("通知")
        self.news.setAccessibleName(spoken)
        theme.set_icon(self.news, "bell", "unknown" if count else "muted", 16)

    def show_tokens(
        self, tokens: Sequence[TokenView], token: TokenView | None, seals: Sequence[SealRecord]
    ) -> None:
        """Describe *token*, the one in use of *tokens*."""
        role, said = describe_token(token, seals)
        theme.set_icon(self._icon, "usb", role, 20)
        name, dot, rest = said.partition(SEPARATOR)
        self._name.setText(name)
        self._name.setMaximumWidth(self._name.fontMetrics().horizontalAdvance(name) + 2)
        self._rest.setText((dot + rest).strip())
        self.setAccessibleName(said)
        self.unlock.setVisible(token is not None and token.locked)
        self._demo.setVisible(token is not None and token.is_virtual)
        self._more.setVisible(len(tokens) > 1)
        menu = self._more.menu()
        menu.clear()
        for plugged in tokens:
            # two keys of one company differ in what stands last: only the name is shortened
            name = menu.fontMetrics().elidedText(
                token_name(plugged), Qt.TextElideMode.ElideMiddle, _MENU_NAME
            )
            action = QAction(f"{name}  {plugged.serial}", menu)
            action.triggered.connect(
                lambda _=False, serial=plugged.serial: self.chosen.emit(serial)
            )
            menu.addAction(action)


def token_name(token: TokenView) -> str:
    """What a person calls a key: the company of its certificate, else its label. Of a platform's
    staff each has a key of the same organisation: the person's name stands beside it."""
    organizations = [
        f"{certificate.organization} {certificate.name}"
        if certificate.role
        else without_credit_code(certificate.organization)
        for certificate in token.certificates
        if certificate.organization
    ]
    return organizations[0] if organizations else token.label or token.serial or tr("空白 Ukey")


def describe_token(token: TokenView | None, seals: Sequence[SealRecord]) -> tuple[str, str]:
    """Colour role and sentence of the strip."""
    if token is None:
        return "muted", tr("没有插入 Ukey。验章不需要 Ukey；盖章请先插入。")
    if not token.initialised:
        return "unknown", tr("Ukey 是空白的，需要先初始化")
    parts = [token_name(token)]
    role = "good"
    if token.locked:
        role = "bad"
        parts.append(tr("口令已锁定"))
    elif token.tries_left is None:
        parts.append(tr("口令剩余次数未知"))
    else:
        parts.append(tr("口令剩余 {count} 次", count=token.tries_left))
        role = "unknown" if token.final_try or token.tries_left <= 3 else role
    ends = [certificate.not_after for certificate in token.certificates]
    ends += [s.valid_until for s in seals if any(c.sm3 == _sm3(s) for c in token.certificates)]
    if ends:
        parts.append(tr("{date} 到期", date=day(min(ends))))
    return role, SEPARATOR.join(parts)


def _sm3(seal: SealRecord) -> str:
    return seal.signer.fingerprint.hex()


class DemoBanner(QFrame):
    """Says, while a demo runs, that nothing here is real."""

    def __init__(self, leave: Callable[[], None]) -> None:
        super().__init__()
        theme.set_role(self, "notice-warning")
        self._said = label("", wrap=True)
        inner = row(picture("triangle-alert", "unknown", 18), spacing=10)
        inner.setContentsMargins(16, 6, 8, 6)
        inner.addWidget(self._said, 1)
        inner.addWidget(button(tr("退出演示"), leave))
        self.setLayout(inner)
        self.hide()

    def tell(self, pin: str) -> None:
        """Show the banner of a demo whose key has *pin*; hide it if *pin* is ""."""
        said = tr(
            "演示：平台、Ukey 和印章都只供演示，不能证明任何事情。演示 Ukey 的口令是 {pin}。",
            pin=pin,
        )
        self._said.setText(said)
        self.setAccessibleName(said)
        self.setVisible(bool(pin))
