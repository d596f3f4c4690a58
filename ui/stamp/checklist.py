"""盖章前检查: one line per condition, with an icon and words; the first that fails comes first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.errors import FileError, FileRepairable, SealNotUsable, explain
from crypto.frozen import frozen
from ui.approvers import named
from ui.language import language, tr
from ui.lent_use import missing
from ui.seal_card import kind_name
from ui.shell.context.values import DocumentFacts, TokenView
from ui.widgets import clear_layout, day, label, picture, row

if TYPE_CHECKING:
    from app.store.cabinet import SealRecord
    from app.store.lending import GrantRecord
    from app.store.use_requests import PolicyRecord


@frozen
class Check:
    """One condition."""

    good: bool
    text: str
    warning: bool = False
    """Good, but worth a look."""
    pending: bool = False
    """Not known yet."""
    first: bool = False
    """Stands on top of what fails, because that may follow from it."""
    todo: bool = False
    """Not wrong, only not done yet: nobody is greeted in red."""


class Checklist(QWidget):
    """Shows conditions: what fails stands on top, then what is worth a look."""

    def __init__(self) -> None:
        super().__init__()
        self._checks: tuple[Check, ...] = ()
        self._lines = QVBoxLayout(self)
        self._lines.setContentsMargins(0, 0, 0, 0)
        self._lines.setSpacing(5)

    @property
    def checks(self) -> tuple[Check, ...]:
        return self._checks

    def show_checks(self, checks: Sequence[Check]) -> None:
        """Replace what is shown."""
        ordered = tuple(sorted(checks, key=_rank))
        if ordered == self._checks:
            return
        self._checks = ordered
        clear_layout(self._lines)
        for check in ordered:
            name, role = ("circle-check", "good") if check.good else ("circle-x", "bad")
            if check.pending:
                name, role = "hourglass", "muted"
            elif check.todo:
                name, role = "info", "muted"
            elif check.warning:
                name, role = "triangle-alert", "unknown"
            text = label(check.text, "" if check.good else role, wrap=True)
            image = picture(name, role, 15)
            inner = row(spacing=8)
            image.setContentsMargins(0, 3, 0, 0)
            inner.addWidget(image, 0, Qt.AlignmentFlag.AlignTop)
            inner.addWidget(text, 1)
            holder = QWidget()
            holder.setLayout(inner)
            holder.setAccessibleName(check.text)
            self._lines.addWidget(holder)


def holding(
    codes: Sequence[str], seals: Mapping[str, SealRecord], tokens: Sequence[TokenView]
) -> dict[str, str]:
    """Which plugged-in key holds which seal: serial number by seal code, as far as there is one."""
    found = {}
    for code in codes:
        mark = seals[code].signer.fingerprint.hex() if code in seals else ""
        for token in tokens:
            if any(certificate.sm3 == mark for certificate in token.certificates):
                found[code] = token.serial
    return found


def seal_checks(
    codes: Sequence[str], seals: Mapping[str, SealRecord], now: datetime
) -> list[Check]:
    """Is each seal in force?"""
    if not codes:
        return [Check(False, tr("先选一枚印章"))]
    made = []
    for code in codes:
        seal = seals.get(code)
        if seal is None:
            made.append(Check(False, tr("印章 {code} 不在这台电脑上", code=code)))
            continue
        reason = seal.usable(now)
        if reason:
            made.append(Check(False, explain(SealNotUsable(seal.name, reason), language()).cause))
        else:
            ends = day(seal.valid_until)
            said = tr("{kind}有效，{date} 到期", kind=kind_name(seal), date=ends)
            made.append(Check(True, said))
    return made


def lent_checks(
    codes: Sequence[str], seals: Mapping[str, SealRecord], grants: Mapping[str, GrantRecord]
) -> list[Check]:
    """Is it said what seals under a grant are used for, where the grant asks for it? *grants*: by
    identifier of the copy."""
    made = []
    for code in codes:
        seal = seals.get(code)
        grant = grants.get(seal.id) if seal is not None else None
        if seal is None or grant is None or not grant.open:
            continue
        name = kind_name(seal)
        asked = {
            "kind": tr("{kind}：先在印章下面选文件种类，授权书要求写明", kind=name),
            "counterparty": tr("{kind}：先在印章下面选相对方，授权书要求写明", kind=name),
        }
        made += [Check(False, asked[each]) for each in missing(grant)]
    return made


def approval_checks(
    codes: Sequence[str], seals: Mapping[str, SealRecord], rules: Mapping[str, PolicyRecord]
) -> list[Check]:
    """Whose approval the seals need, as far as is known here; *rules*: by identifier of the seal.
    It is waited for after the PIN, and the person should know before."""
    made = []
    for code in codes:
        seal = seals.get(code)
        rule = rules.get(seal.id) if seal is not None else None
        if seal is None or rule is None or rule.policy is None or not rule.policy.needed:
            continue
        who, needed = named(rule.policy.approvers), rule.policy.needed
        said = tr(
            "{kind}：用印需要审批，{who}，{needed} 人同意后才盖章",
            kind=kind_name(seal),
            who=who,
            needed=needed,
        )
        made.append(Check(True, said, warning=True))
    return made


def token_checks(
    codes: Sequence[str], serials: Mapping[str, str], tokens: Sequence[TokenView]
) -> list[Check]:
    """Are the keys of these seals plugged in, and may they be used?"""
    if not tokens:
        return [Check(False, tr("请插入持有印章的 Ukey"))]
    if any(code not in serials for code in codes):
        return [Check(False, tr("插着的 Ukey 里没有这枚印章的密钥"))]
    if len(set(serials.values())) > 1:  # one PIN is asked, and must not be tried on another key
        return [Check(False, tr("这些印章在不同的 Ukey 里，请分几次盖章"))]
    made = []
    for serial in dict.fromkeys(serials.values()):
        token = next(token for token in tokens if token.serial == serial)
        if token.locked:
            made.append(Check(False, tr("Ukey 口令已锁定")))
        elif token.must_change:
            made.append(Check(False, tr("Ukey 还在使用出厂口令，请先修改")))
        elif token.tries_left is None:
            made.append(Check(True, tr("Ukey 已插入")))
        else:
            said = tr("Ukey 已插入，口令剩余 {count} 次", count=token.tries_left)
            made.append(Check(True, said, warning=token.tries_left <= 3))
    return made


def document_checks(
    facts: DocumentFacts | None,
    error: BaseException | None,
    *,
    stencil: bool = False,
    dated: bool = False,
) -> list[Check]:
    """May a seal be put on the document, and what must be known of it? *stencil*: its seals have no
    transparency; *dated*: there are dates beside them."""
    if error is not None:
        return [Check(False, _in_full(error))]
    if facts is None:
        return [Check(False, tr("正在检查文件…"), pending=True)]
    if facts.obstacle is not None:
        return [Check(False, _in_full(facts.obstacle))]
    asked = facts.asked
    notices = list(facts.notices)
    if stencil:
        from app.preparing import without_transparency

        notices = without_transparency(notices, dated=dated)
    made = [
        Check(
            notice not in asked,
            notice.text(language()),
            warning=True,
            first=notice.code in ("clock", "clock_proved"),
        )
        for notice in notices
    ]
    if stencil and not dated:
        made.append(Check(True, tr("印章不用透明效果，文件仍可以符合 PDF/A-1")))
    if not facts.signatures:
        made.append(Check(True, tr("文件没有签名，可以盖章")))
    elif all(notice.signature is None for notice in facts.notices):
        said = tr("文件上已有 {count} 个签名，现在都有效", count=facts.signatures)
        made.append(Check(True, said))
    return made


def _rank(check: Check) -> tuple[bool, bool, bool]:
    return (not check.first, check.good, not check.warning)


def _in_full(error: BaseException) -> str:
    """Title, code, cause and what to do, unless a button says that; the file by its name alone."""
    message = explain(error, language())
    lines = [f"{message.title} {message.code}", message.cause]
    if isinstance(error, FileError):
        lines[1] = message.cause.replace(error.path, Path(error.path).name)
    if not isinstance(error, FileRepairable):
        lines.append(message.remedy)
    return "\n".join(lines)
