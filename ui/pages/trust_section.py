"""设置 → 信任: whose seals, signatures and time stamps this machine believes, and since when; the
pinned platforms and how far their public registries were followed.

One's own anchors are added from a file, with the fingerprint to compare and what trusting means.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtWidgets import (
    QWidget,
)

from app.errors import explain, phrase
from crypto.pki.holder_name import without_credit_code
from crypto.verdict import one_line
from ui.dialogs import confirm
from ui.language import language, pair, tr
from ui.verify.add_anchor import add_from_file, certificate_rows
from ui.widgets import (
    Expander,
    button,
    clear_layout,
    column,
    copy_text,
    day,
    facts,
    in_fours,
    label,
    line,
    moment,
    picture,
    row,
)

if TYPE_CHECKING:
    from app.store.anchors import Anchor
    from app.store.cabinet import PlatformRecord
    from app.store.trusted_platforms import TrustedPlatform
    from ui.shell.context.values import RegistryView, TrustView
    from ui.shell.interface import Shell

_SHORT = 16
"""Hexadecimal digits that are shown of a digest where the whole has no room."""


class TrustSection(QWidget):
    """The inside of the card."""

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self._shell = shell
        whole = column(spacing=10)
        self.setLayout(whole)
        whole.addWidget(
            label(
                tr("验章时相信谁。签发者不在这里的印章，结论是“无法确认”，不是“无效”。"),
                "small",
                wrap=True,
            )
        )
        self._anchors = column(spacing=4)
        whole.addLayout(self._anchors)
        self.add_button = button(tr("从文件添加…"), self.add, icon="plus")
        self._lock = QWidget()
        fixed = row(picture("lock", "muted", 14), label(tr("由管理员设置"), "small"), spacing=4)
        self._lock.setLayout(fixed)
        whole.addLayout(row(self.add_button, self._lock, None))
        self._platforms = column(spacing=6)
        whole.addLayout(self._platforms)
        self._lock.hide()

    def reload(self) -> None:
        """Read everything again."""
        self._shell.tasks.work(
            self._shell.context.trust_state, done=self._show, failed=self._unreadable
        )

    def _unreadable(self, error: BaseException) -> None:
        clear_layout(self._anchors)
        message = explain(error, language())
        said = label(pair(message.title, message.cause), "bad", wrap=True)
        self._anchors.addWidget(said)

    def _show(self, state: TrustView) -> None:
        clear_layout(self._anchors)
        clear_layout(self._platforms)
        self.add_button.setEnabled(not state.own_locked)
        self._lock.setVisible(state.own_locked)
        for anchor in state.anchors:
            self._anchors.addWidget(self._anchor(anchor, state.own_locked))
        for trusted in state.trusted:
            self._anchors.addWidget(self._trusted(trusted))
        if state.trust_list:
            self._anchors.addWidget(label(state.trust_list, "small", wrap=True))
        if not (state.anchors or state.trusted or state.trust_list):
            self._anchors.addWidget(label(tr("没有另外信任的证书。"), "muted"))
        self._platforms.addWidget(line())
        self._platforms.addWidget(label(tr("已记住的平台"), "section"))
        registries = {registry.platform: registry for registry in state.registries}
        for platform in state.platforms:
            self._platforms.addWidget(_platform(platform, registries.get(platform.url)))
        if not state.platforms:
            said = tr("还没有。第一次申请印章时，记住平台的根证书，以后只认它。")
            self._platforms.addWidget(label(said, "muted", wrap=True))

    def _anchor(self, anchor: Anchor, locked: bool) -> QWidget:
        certificate = anchor.certificate
        rows = [
            (tr("用途"), phrase(f"trust.{anchor.purpose}", language())),
            *certificate_rows(certificate),
        ]
        if anchor.path is not None:
            rows.append((tr("文件"), str(anchor.path)))
        body = QWidget()
        inner = column(spacing=4)
        body.setLayout(inner)
        inner.addWidget(facts(rows))
        actions = row(spacing=2)
        actions.addWidget(button(tr("复制 SM3 指纹"), lambda: copy_text(anchor.sm3), role="link"))
        if anchor.origin == "own" and not locked:
            away = button(tr("不再信任…"), lambda: self.remove(anchor), role="link")
            actions.addWidget(away)
        actions.addStretch()
        inner.addLayout(actions)
        name = certificate.subject.common_name or str(certificate.subject)
        origin = phrase(f"trust.{anchor.origin}", language())
        if anchor.origin == "own" and locked:
            origin = tr("自己添加，已被管理员停用")
        title = tr("{name} · {purpose} · {origin}", name=name, purpose=rows[0][1], origin=origin)
        sign = None
        if anchor.origin != "own" or locked:
            sign = picture("lock", "muted", 14)
        made = Expander(title, body, sign=sign)
        if anchor.origin == "own" and locked:
            body.setEnabled(False)
        return made

    def _trusted(self, platform: TrustedPlatform) -> QWidget:
        """A platform that is trusted for verifying; the administrator's cannot be taken away."""
        names = map(without_credit_code, platform.holders)
        holders = one_line(tr("、").join(names)) or phrase("trust.whole_platform", language())
        body = QWidget()
        inner = column(spacing=4)
        body.setLayout(inner)
        rows = [
            (tr("名称"), one_line(platform.name)),
            (tr("文件的签章单位"), holders),
            (tr("记住于"), moment(platform.since)),
        ]
        inner.addWidget(facts(rows))
        if platform.by == "person":
            away = partial(self.remove_platform, platform)
            inner.addLayout(row(button(tr("不再信任…"), away, role="link"), None))
        kind = "trust.platforms_own" if platform.by == "person" else "trust.platforms_policy"
        title = tr(
            "{name} · {purpose} · {origin}",
            name=one_line(platform.origin),
            purpose=phrase(kind, language()),
            origin=holders,
        )
        lock = None if platform.by == "person" else picture("lock", "muted", 14)
        return Expander(title, body, sign=lock)

    # --- adding and removing ---------------------------------------------------------------------

    def add(self) -> None:
        """Choose a file, look at what is in it, decide."""
        said = tr("已信任。重新验证文件后按新的信任判断。")
        add_from_file(self._shell, self, lambda: self._changed(said))

    def remove(self, anchor: Anchor) -> None:
        """Ask once more, then trust it no longer."""
        name = anchor.certificate.subject.common_name or str(anchor.certificate.subject)
        if self._sure(name):
            self._shell.tasks.work(
                self._shell.context.remove_anchor,
                anchor.sm3,
                done=lambda _: self._changed(tr("不再信任“{name}”。", name=name)),
                failed=self._shell.complain,
            )

    def remove_platform(self, platform: TrustedPlatform) -> None:
        """Ask once more, then trust it no longer."""
        name = one_line(platform.origin)
        if self._sure(name):
            self._shell.tasks.work(
                self._shell.context.remove_anchor,
                platform.root_sm3,
                done=lambda _: self._changed(tr("不再信任“{name}”。", name=name)),
                failed=self._shell.complain,
            )

    def _sure(self, name: str) -> bool:
        text = tr("不再信任“{name}”？它签发的印章以后会是“无法确认”。", name=name)
        return confirm(self, tr("不再信任"), text, tr("不再信任"))

    def _changed(self, said: str) -> None:
        self._shell.notices.show_notice("trust", "good", said)
        self.reload()


def _platform(platform: PlatformRecord, registry: RegistryView | None) -> QWidget:
    from crypto.pki.certificate import Certificate
    from crypto.pki.names_and_algorithms import CertificateError

    rows = [
        (tr("名称"), platform.name),
        (tr("记住于"), moment(platform.pinned_at)),
        (tr("根证书 SM3"), in_fours(platform.root_sm3)),
    ]
    uses = {
        "seal_maker": tr("制章证书"),
        "status": tr("状态证书"),
        "registry": tr("日志证书"),
        "timestamp": tr("时间戳证书"),
    }
    for use, title in uses.items():
        if use in platform.certificates:
            try:
                known = Certificate.parse(platform.certificates[use])
            except CertificateError:
                continue
            rows.append((title, tr("至 {date}", date=day(known.not_after))))
    if registry is not None:
        rows += [
            (
                tr("公开日志"),
                tr("{count} 条，看于 {time}", count=registry.size, time=moment(registry.seen_at)),
            ),
            (tr("日志根"), in_fours(registry.root[:_SHORT]) + " …"),
        ]
    else:
        rows.append((tr("公开日志"), tr("还没有看过；同步时会看。")))
    body = QWidget()
    inner = column(spacing=4)
    body.setLayout(inner)
    inner.addWidget(facts(rows))
    copies = row(spacing=2)
    copies.addWidget(
        button(tr("复制根证书 SM3"), lambda: copy_text(platform.root_sm3), role="link")
    )
    if registry is not None:
        copies.addWidget(button(tr("复制日志根"), lambda: copy_text(registry.root), role="link"))
    copies.addStretch()
    inner.addLayout(copies)
    return Expander(f"{platform.name or platform.url} · {platform.url}", body)
