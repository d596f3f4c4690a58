"""What the person is told about the key in use (blank, factory PIN, certificates that end), and
about seals whose state somebody has changed: until it was read, also after a restart."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from app.pins.age import days_over
from ui.language import tr
from ui.seal_card import kind_name, who_lifts

if TYPE_CHECKING:
    from app.store.cabinet import SealRecord
    from ui.shell.context.values import TokenView
    from ui.shell.interface import Shell

_TOLD = "told_seals"
"""Under which the states are kept that the person has read: [state, reason] by code."""
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
            (tr("修改口令"), shell.change_pin),
            lasting=True,
        )
    else:
        _tell_of_age(shell, token)
    _tell_of_expiry(shell, token)


def _tell_of_age(shell: Shell, token: TokenView) -> None:
    """That the PIN is older than the settings allow (第二十一条 定期修改)."""
    allowed = shell.context.settings.pin_days
    old = None
    if token.pin_since is not None and not token.locked:
        old = days_over(token.pin_since, allowed, datetime.now(UTC))
    if old is None:
        shell.notices.clear_notice("pin")
        return
    text = tr("Ukey 的口令已经 {days} 天没有修改，请换一个新口令。", days=old)
    action = (tr("修改口令"), shell.change_pin)
    shell.notices.show_notice("pin", "warning", text, action, lasting=True)


def _tell_of_expiry(shell: Shell, token: TokenView) -> None:
    """A certificate that a seal is lent with ends with the grant, and nobody renews it."""
    notices, now = shell.notices, datetime.now(UTC)
    lent = {seal.certificate for seal in shell.seals if seal.grant is not None}
    lent -= {seal.certificate for seal in shell.seals if seal.grant is None}
    ends = [each.not_after for each in token.certificates if each.der not in lent]
    left = min(ends) - now if ends else timedelta(days=999)
    lent_ends = [each.not_after for each in token.certificates if each.der in lent]
    lent_left = min((end - now for end in lent_ends if end > now), default=timedelta(days=999))
    if left < timedelta(0):
        text = tr("Ukey 里有证书已经过期，不能再用它盖章。")
        notices.show_notice("expiry", "error", text, lasting=True)
    elif left < timedelta(days=max(EXPIRY_STEPS)):
        kind = "warning" if left < timedelta(days=30) else "info"
        text = tr("证书 {days} 天后到期，请及时办理续期。", days=left.days)
        action = (tr("查看印章"), lambda: shell.go("seals"))
        notices.show_notice("expiry", kind, text, action, lasting=True)
    elif lent_left < timedelta(days=min(EXPIRY_STEPS)):
        text = tr(
            "受托使用的印章 {days} 天后到期。还要使用的，请授权人再授权一次。", days=lent_left.days
        )
        action = (tr("查看授权"), lambda: shell.go("grants"))
        notices.show_notice("expiry", "info", text, action, lasting=True)
    else:
        notices.clear_notice("expiry")


def tell_of_seals(shell: Shell, seals: Sequence[SealRecord]) -> None:
    """Show what was changed at the platform since the person read of it, with what to do."""
    told: dict[str, list[str]] = dict(shell.state.get(_TOLD, {}))
    for seal in seals:
        now = [seal.state, seal.reason]
        topic = f"seal-{seal.code}"
        if seal.code not in told:
            told[seal.code] = now  # it has just come: its card says how it is
        if told[seal.code] == now:
            shell.notices.clear_notice(topic)
            continue
        kind, text = _changed(seal)
        read = partial(_mark_read, shell, seal.code, now)
        shell.notices.show_notice(topic, kind, text, (tr("知道了"), read), lasting=True)
    shell.state.put(_TOLD, told)


def mark_seals_read(shell: Shell, codes: Collection[str]) -> None:
    """The person has read how the seals of those codes stand."""
    for seal in shell.seals:
        if seal.code in codes:
            _mark_told(shell, seal.code, [seal.state, seal.reason])


def _mark_told(shell: Shell, code: str, now: list[str]) -> None:
    shell.state.put(_TOLD, {**shell.state.get(_TOLD, {}), code: now})
    shell.notices.clear_notice(f"seal-{code}")


def read_about(shell: Shell, fact: str, value: str) -> None:
    """The person has seen to what the notices with that *fact* tell of."""
    context = shell.context

    def read() -> None:
        about = (notice for notice in context.notices() if notice.facts.get(fact) == value)
        context.notices_read([notice.id for notice in about if not notice.read])

    shell.tasks.work(read, done=lambda _: shell.count_notices(), failed=shell.complain)


def _mark_read(shell: Shell, code: str, now: list[str]) -> None:
    """Here, and among the notices of the cabinet."""
    _mark_told(shell, code, now)
    context = shell.context

    def read() -> None:
        about = (notice for notice in context.notices() if notice.facts.get("seal_code") == code)
        kinds = ("seal_", "authority")
        context.notices_read([notice.id for notice in about if notice.kind.startswith(kinds)])

    shell.tasks.work(read, done=lambda _: shell.count_notices(), failed=shell.complain)


def _changed(seal: SealRecord) -> tuple[str, str]:
    """How bad it is, and what to say."""
    name = f"{kind_name(seal)} {seal.code}"
    if seal.state == "active":
        return "good", tr("{seal}已恢复使用。", seal=name)
    if seal.state == "expired":
        return "warning", tr("{seal}已到期，请办理续期。", seal=name)
    if seal.state == "cancelled":
        return "error", tr("{seal}已注销，不能再用；需要时请重新申请。", seal=name)
    words = tr("{seal}已停用，现在盖的章无效。", seal=name)
    return "error", words + who_lifts(seal.reason)
