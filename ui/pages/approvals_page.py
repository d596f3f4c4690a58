"""审批: what waits for one's decision, what one has asked for, and what came of it.

Above stands what is to be done, then the policies of the seals here, below the history and what
else this machine knows of uses. What is shown is what the platform last told; asking, deciding,
withdrawing and setting a policy are signed with the Ukey. A request is read once it was shown here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import QDialog, QFrame, QLayout, QVBoxLayout, QWidget

from app.errors import messages
from crypto.frozen import frozen
from ui.approvers import named
from ui.flow import flow
from ui.language import language, tr
from ui.pages.approval_dialogs import AskDialog, DecideDialog, request_facts
from ui.pages.phone_link_dialog import PhoneLinkDialog
from ui.pages.policy_dialog import PolicyDialog
from ui.seal_card import kind_name, seal_title, state_of
from ui.shell.pin_dialog import with_key
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
    from app.remote.approval.client import Candidate
    from app.remote.approval.deciding import Shown
    from app.store.cabinet import SealRecord
    from app.store.use_requests import PolicyRecord, UseRequestRecord
    from app.store.uses import WaitingUse
    from ui.shell.interface import Shell

LISTED = 8
"""Waiting uses that are shown one by one."""
HISTORY = 20
"""Requests that are over and are shown, the newest first."""
OPEN = ("pending", "approved")
"""States of a request of which something can still come."""
_ROLES = {"pending": "unknown", "approved": "good", "used": "good", "rejected": "bad"}


@frozen
class _Known:
    """What the cabinet knows."""

    waiting: int
    uses: tuple[WaitingUse, ...]
    """The first of those that wait."""
    seals: list[tuple[SealRecord, datetime | None]]
    """With the time of the platform's last word on each."""
    requests: tuple[UseRequestRecord, ...]
    policies: dict[str, PolicyRecord]
    """By the platform's identifier of the seal."""


class ApprovalsPage(QWidget):
    """The page behind 审批."""

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self._shell = shell
        self.setAccessibleName(tr("审批"))
        self._ask = button(tr("申请用印…"), self.ask, icon="plus")
        self._ask.setObjectName("approvals-first")
        self._sync = button(tr("同步"), shell.synchronise, icon="refresh-cw")
        title = label(tr("审批"), "title")
        head = column(margins=(24, 20, 24, 8), spacing=4)
        head.addLayout(flow(title, self._ask, self._sync, stretch=title))
        self._state = label("", "muted", wrap=True)
        head.addWidget(self._state)
        content = QWidget()
        self._column = column(margins=(24, 8, 24, 20), spacing=12)
        content.setLayout(self._column)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addLayout(head)
        whole.addWidget(scrolled(content, tr("审批")), 1)
        shell.seals_changed.connect(self.activated)
        shell.tokens_changed.connect(self._update_buttons)

    def panes(self) -> list[QWidget]:
        return [self._ask, self._sync]

    @property
    def _ready(self) -> bool:
        token = self._shell.token
        plugged = token is not None and not token.locked and not token.must_change
        return plugged and bool(self._shell.context.settings.platform_url)

    def _update_buttons(self) -> None:
        url = self._shell.context.settings.platform_url
        said = "" if self._ready else tr("申请、审批和设定规则都要插入 Ukey。")
        if not url:
            said = tr("还没有连接平台，请先在“设置”里填写平台地址。")
        self._state.setText(said)
        self._state.setVisible(bool(said))
        own = any(seal.state == "active" for seal in self._shell.seals)
        self._ask.setEnabled(self._ready and own)
        self._sync.setEnabled(self._ready)

    def activated(self) -> None:
        """Read the cabinet."""

        def read() -> _Known:
            context = self._shell.context
            seals = [(seal, context.statement_of(seal)) for seal in context.seals()]
            rules = {policy.seal_id: policy for policy in context.approvals.policies()}
            requests = context.approvals.requests()
            waiting = (context.waiting_records(), context.waiting_uses(LISTED))
            return _Known(*waiting, seals, requests, rules)

        self._shell.tasks.work(read, done=self._show, failed=self._shell.complain)

    def _show(self, known: _Known) -> None:
        clear_layout(self._column)
        self._update_buttons()
        now = datetime.now(UTC)
        waiting = [request for request in known.requests if request.waits_for_me(now)]
        own = [
            each for each in known.requests if each.side == "mine" and each.state_at(now) in OPEN
        ]
        shown = {id(request) for request in (*waiting, *own)}
        over = [request for request in known.requests if id(request) not in shown]
        self._section(tr("等我审批"), waiting, tr("现在没有等您审批的申请。"))
        self._section(tr("我申请的"), own, tr("没有正在进行的申请。"))
        self._column.addWidget(label(tr("用印规则"), "heading"))
        for seal, _ in known.seals:
            if seal.grant is None and seal.state == "active":
                self._column.addWidget(self._rule(seal, known.policies.get(seal.id)))
        own_seals = {seal.id for seal, _ in known.seals}
        duties = [policy for policy in known.policies.values() if policy.seal_id not in own_seals]
        if duties:
            self._column.addWidget(label(tr("由我审批的印章"), "heading"))
        for duty in duties:
            self._column.addWidget(_duty(duty))
        if over:
            self._section(tr("历史"), over[:HISTORY], "")
            if len(over) > HISTORY:
                more = tr("更早的还有 {count} 份", count=len(over) - HISTORY)
                self._column.addWidget(label(more, "small"))
        self._column.addWidget(label(tr("本机的用印情况"), "heading"))
        unread = tuple(request for request in known.requests if request.unread)
        if unread and self.isVisible():
            self._shell.tasks.work(
                self._shell.context.approvals.seen,
                unread,
                done=lambda _: None,
                failed=self._shell.complain,
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

    # --- requests and policies -------------------------------------------------------------------

    def _section(self, title: str, requests: Sequence[UseRequestRecord], nothing: str) -> None:
        unread = sum(each.unread for each in requests)
        head = row(label(title, "heading"), spacing=10)
        if requests:
            said = tr("{count} 份", count=len(requests))
            if unread:
                said = tr("{count} 份，{unread} 份有新消息", count=len(requests), unread=unread)
            head.addWidget(label(said, "small"))
        head.addStretch()
        self._column.addLayout(head)
        for request in requests:
            self._column.addWidget(self._request(request))
        if not requests:
            self._column.addWidget(label(nothing, "muted", wrap=True))

    def _request(self, request: UseRequestRecord) -> QFrame:
        now = datetime.now(UTC)
        state = request.state_at(now)
        words = messages(language())["phrases"]
        inner = column(margins=(16, 14, 16, 12), spacing=8)
        name = document_name(request)
        head = row(label(name, "heading", wrap=True), spacing=10)
        head.setStretch(0, 1)
        if request.unread:
            head.addWidget(label(tr("新消息"), "changed"))
        head.addWidget(label(words["approval_state"][state], _ROLES.get(state, "muted")))
        inner.addLayout(head)
        rows = request_facts(request, name)
        if state not in OPEN:  # of what is over, who asked, for which seal, and what was said
            rows = [*rows[:2], (tr("申请时间"), moment(request.created_at))]
        inner.addWidget(facts([*rows, *_answers(request)]))
        inner.addLayout(self._actions(request, state))
        card = framed("card", inner)
        card.setAccessibleName(tr("，").join((name, words["approval_state"][state])))
        return card

    def _actions(self, request: UseRequestRecord, state: str) -> QLayout:
        parts: list[QWidget] = []
        name = document_name(request)
        if request.waits_for_me(datetime.now(UTC)):
            look = button(tr("看文件并审批…"), partial(self.look, request), role="default")
            look.setAccessibleName(tr("，").join((look.text(), name)))
            parts.append(look)
            if request.policy.phone:
                phone = button(tr("用手机审批…"), partial(self.on_phone, request), role="link")
                phone.setAccessibleName(tr("，").join((phone.text(), name)))
                parts.append(phone)
        if request.side == "mine" and state in OPEN:
            back = button(tr("撤回申请…"), partial(self.withdraw, request), role="link")
            back.setAccessibleName(tr("，").join((back.text(), name)))
            parts.append(back)
        links = phone_links(request) if request.side == "mine" and state == "pending" else ""
        if links:
            copy = button(tr("复制手机审批链接"), partial(copy_text, links), role="link")
            copy.setAccessibleName(tr("，").join((copy.text(), name)))
            parts.append(copy)
        for part in parts:
            part.setEnabled(self._ready)
        return flow(*parts)

    def _rule(self, seal: SealRecord, rule: PolicyRecord | None) -> QFrame:
        inner = column(margins=(16, 14, 16, 12), spacing=8)
        inner.addWidget(label(seal_title(seal), "heading", wrap=True))
        inner.addWidget(label(rule_words(rule), wrap=True))
        change = button(tr("设定规则…"), partial(self.set_policy, seal, rule), role="link")
        change.setAccessibleName(tr("，").join((change.text(), seal_title(seal))))
        change.setEnabled(self._ready)
        inner.addLayout(row(change, None))
        return framed("card", inner)

    # --- what is done ----------------------------------------------------------------------------

    def ask(self) -> None:
        """申请用印."""
        seals = [seal for seal in self._shell.seals if seal.state == "active"]
        dialog = AskDialog(seals, self._shell.folder(), self)
        accepted = dialog.exec() == QDialog.DialogCode.Accepted
        path, code, wish = dialog.path, dialog.seal_code, dialog.wish() if accepted else None
        dialog.deleteLater()
        if wish is None or path is None:
            return

        def done(_: UseRequestRecord) -> None:
            self._tell(tr("申请已提交，等待审批。"))

        work = partial(self._shell.context.approvals.ask, code, path, wish)
        self._with_key(tr("申请用印：{name}", name=path.name), work, done)

    def look(self, request: UseRequestRecord) -> None:
        """Fetch the pages, and show them with the two answers."""

        def done(shown: Shown | None) -> None:
            dialog = DecideDialog(request, shown, self)
            dialog.exec()
            decision, reason = dialog.decision, dialog.reason.text().strip()
            dialog.deleteLater()
            if not decision:
                return
            purpose = tr("同意用印") if decision == "approve" else tr("不同意用印")
            decide = self._shell.context.approvals.decide
            work = partial(decide, request, decision, reason)

            def decided(_: UseRequestRecord) -> None:
                self._tell(tr("已签署：{what}。", what=purpose))

            self._with_key(
                tr("{what}：{name}", what=purpose, name=request.requester), work, decided
            )

        work = partial(self._shell.context.approvals.see, request)
        self._with_key(tr("看申请用印的文件"), work, done)

    def on_phone(self, request: UseRequestRecord) -> None:
        """The code for one's own phone, with the pages' key in it."""

        def done(url: str) -> None:
            dialog = PhoneLinkDialog(document_name(request), url, self)
            dialog.exec()
            dialog.deleteLater()

        work = partial(self._shell.context.approvals.phone_link, request)
        self._with_key(tr("用手机审批：显示二维码"), work, done)

    def withdraw(self, request: UseRequestRecord) -> None:
        """撤回."""

        def done(_: UseRequestRecord) -> None:
            self._tell(tr("用印申请已撤回。"))

        work = partial(self._shell.context.approvals.withdraw, request)
        self._with_key(tr("撤回用印申请"), work, done)

    def set_policy(self, seal: SealRecord, rule: PolicyRecord | None) -> None:
        """用印规则: whom the keeper can name is asked first."""
        before = rule.policy if rule is not None else None

        def known(candidates: tuple[Candidate, ...]) -> None:
            dialog = PolicyDialog(seal, candidates, before, self._shell.folder(), self)
            accepted = dialog.exec() == QDialog.DialogCode.Accepted
            wish = dialog.wish() if accepted else None
            dialog.deleteLater()
            if wish is None:
                return

            def done(_: PolicyRecord) -> None:
                self._tell(tr("用印规则已生效。"))

            work = partial(self._shell.context.approvals.set_policy, seal.code, wish)
            self._with_key(tr("签署用印规则"), work, done)

        work = partial(self._shell.context.approvals.candidates, seal.code)
        self._with_key(tr("查看可以审批的人"), work, known)

    def _tell(self, said: str) -> None:
        self._shell.notices.show_notice("approvals", "good", said)
        self.activated()

    def _with_key(
        self, purpose: str, work: Callable[[str, str], Any], done: Callable[[Any], None]
    ) -> None:
        def failed(error: BaseException) -> None:
            self._shell.complain(error)
            self.activated()

        with_key(self._shell, purpose, work, self, done=done, failed=failed)


def document_name(request: UseRequestRecord) -> str:
    """The document's name, or that the policy hides it."""
    name = request.request.document_name
    return tr("（文件名不公开）") if name.startswith("salted-sm3 ") else name


def _answers(request: UseRequestRecord) -> list[tuple[str, str]]:
    """A line for each who was asked."""
    words = messages(language())["phrases"]["approval_answer"]
    found = []
    for answer in request.answers:
        at = moment(datetime.fromisoformat(answer.at)) if answer.at else ""
        on = tr("手机") if answer.phone else ""
        said = (words[answer.decision or "none"], at, on, answer.reason)
        found.append((answer.name, " · ".join(part for part in said if part)))
    return found


def rule_words(rule: PolicyRecord | None) -> str:
    """A policy in a sentence or two."""
    if rule is None or rule.unreadable:
        return tr("规则要同步后才知道。")
    policy = rule.policy
    if policy is None or not policy.needed:
        said = tr("使用这枚印章不需要审批。")
    else:
        who = named(policy.approvers)
        said = tr("每次使用都要审批：{who}，其中 {needed} 人同意。", who=who, needed=policy.needed)
    if policy is not None and not policy.offline:
        said += tr("不能离线使用。")
    if policy is not None and policy.keeper:
        said += tr("由{who}保管。", who=policy.keeper)
    return said


def _duty(rule: PolicyRecord) -> QFrame:
    """A seal of others for whose uses one is asked."""
    policy = rule.policy
    inner = column(margins=(16, 14, 16, 12), spacing=8)
    if policy is not None:
        names = dict.fromkeys((policy.holder, policy.seal_name))  # often the same
        inner.addWidget(label(" ".join((*names, policy.seal_code)), "heading", wrap=True))
    inner.addWidget(label(rule_words(rule), wrap=True))
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
    head = row(label(seal_title(seal), "heading", wrap=True), spacing=10)
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


def phone_links(request: UseRequestRecord) -> str:
    """Who is still to decide, each with the address for the phone; to be sent to each alone."""
    if not request.policy.phone:
        return ""
    waiting = (answer for answer in request.answers if answer.link and not answer.decision)
    return "\n".join(f"{answer.name} {request.platform}/m/a/{answer.link}" for answer in waiting)
