"""What the person is told about the key in use: blank, factory PIN, certificates that end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ui.language import tr

if TYPE_CHECKING:
    from ui.shell.context import TokenView
    from ui.shell.interface import Shell

EXPIRY_STEPS = (7, 30, 90)
"""Days before a certificate ends at which the person is told."""


def tell_of_token(shell: Shell) -> None:
    """Show the notices that hold for the key in use, and take back those that do not."""
    token, notices = shell.token, shell.notices
    if token is None:
        for topic in ("pin", "blank", "expiry"):
            notices.clear_notice(topic)
        return
    if token.initialised:
        notices.clear_notice("blank")
    else:
        notices.show_notice(
            "blank",
            "info",
            tr("插入的 Ukey 是空白的，设好口令后才能使用。"),
            (tr("初始化…"), shell.initialise_token),
            lasting=True,
        )
    if token.must_change:
        notices.show_notice(
            "pin",
            "warning",
            tr("Ukey 还在使用出厂口令，请先修改。"),
            (tr("修改口令"), lambda: shell.go("settings")),
            lasting=True,
        )
    else:
        notices.clear_notice("pin")
    _tell_of_expiry(shell, token)


def _tell_of_expiry(shell: Shell, token: TokenView) -> None:
    notices = shell.notices
    ends = [certificate.not_after for certificate in token.certificates]
    left = min(ends) - datetime.now(UTC) if ends else timedelta(days=999)
    if left < timedelta(0):
        text = tr("Ukey 里有证书已经过期，不能再用它盖章。")
        notices.show_notice("expiry", "error", text, lasting=True)
    elif left < timedelta(days=max(EXPIRY_STEPS)):
        kind = "warning" if left < timedelta(days=30) else "info"
        text = tr("证书 {days} 天后到期，请及时办理延期。", days=left.days)
        action = (tr("查看印章"), lambda: shell.go("seals"))
        notices.show_notice("expiry", kind, text, action, lasting=True)
    else:
        notices.clear_notice("expiry")
