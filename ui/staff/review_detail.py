"""One application: what was submitted, what register, police and identity check say, documents, the
filed imprint, what happened, and the decision."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from ui.flow import flow
from ui.language import tr
from ui.seal_card import subtype_name
from ui.staff import words
from ui.staff.decision_dialogs import ApproveDialog, DecisionDialog, RejectDialog, ReturnDialog
from ui.staff.preview import PaperDialog, Picture
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
    from app.remote.staff.reviewing import Document, Review, Verdict
    from ui.shell.interface import Shell

IMPRINT = QSize(150, 150)
_RAW = ("certificate_request", "proof.certificate", "proof.signature")
"""Of the form, what no person reads."""


class Around(Protocol):
    """What is asked of the page around."""

    def back(self) -> None:
        """Show the queue."""

    def read(self, identity: str) -> None:
        """Read that application again."""

    def work(self, act: Callable[..., Any], *given: Any, done: Callable[[Any], None]) -> None:
        """Ask the platform."""

    def with_key(
        self, purpose: str, act: Callable[..., Any], *given: Any, done: Callable[[Any], None]
    ) -> bool:
        """Ask for the PIN, then have the key do it."""


class ReviewDetail(QWidget):
    """See the module."""

    def __init__(self, shell: Shell, page: Around) -> None:
        super().__init__()
        self._shell, self._page = shell, page
        self.review: Review | None = None
        self._imprint: Picture | None = None
        self.setAccessibleName(tr("申请"))
        self.back_button = button(tr("回到列表"), page.back, icon="arrow-left")
        self._column = column(margins=(24, 8, 24, 20), spacing=12)
        content = QWidget()
        content.setLayout(self._column)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 12, 0, 12)
        whole.setSpacing(8)
        top = row(self.back_button, None)
        top.setContentsMargins(24, 0, 24, 0)
        whole.addLayout(top)
        whole.addWidget(scrolled(content, tr("申请")), 1)
        self._decisions = QWidget()
        self._decide = column(margins=(24, 0, 24, 0), spacing=6)
        self._decisions.setLayout(self._decide)
        whole.addWidget(self._decisions)

    def panes(self) -> list[QWidget]:
        return [self.back_button, self._decisions]

    def clear(self) -> None:
        """Show nothing, and have the process forget the imprint."""
        if self._imprint is not None:
            self._imprint.clear_file()
            self._imprint = None
        self.review = None
        clear_layout(self._column)
        clear_layout(self._decide)

    def show_review(self, review: Review) -> None:
        self.clear()
        self.review = review
        queued = review.queued
        title = queued.enterprise or review.form.get("handler.name", "")
        self._column.addWidget(label(words.broken(title), "title", wrap=True))
        about = (words.kind_of(queued.kind), subtype_name(queued.subtype))
        state = words.state_of(queued.state)
        waited = tr("已等 {age}", age=words.age(queued.since))
        self._column.addWidget(label(" · ".join((*about, state, waited)), "muted", wrap=True))
        for each in (self._records(review), self._form(review), self._papers(review)):
            self._column.addWidget(each)
        self._column.addWidget(self._history(review))
        self._column.addStretch()
        self._show_decisions(review)

    # --- the cards -------------------------------------------------------------------------------

    def _records(self, review: Review) -> QFrame:
        """What the neighbours say, beside the imprint that they have on file."""
        inner = column(margins=(16, 14, 16, 14), spacing=8)
        inner.addWidget(label(tr("登记、公安和身份核验"), "heading"))
        judged = review.queued.assessment
        if judged is None:
            said = review.unanswered or tr("还没有答复，稍后再打开。")
            inner.addWidget(label(words.broken(said), "unknown", wrap=True))
        else:
            names = (
                (tr("合法性"), judged.lawful),
                (tr("完整性"), judged.complete),
                (tr("真实性"), judged.authentic),
                (tr("合理性"), judged.reasonable),
            )
            for name, holds in names:
                icon, look = ("circle-check", "good") if holds else ("circle-x", "bad")
                text = tr("{name}：相符", name=name) if holds else tr("{name}：不符", name=name)
                inner.addLayout(row(picture(icon, look), label(text, look), None))
            if judged.reason:
                inner.addWidget(label(words.reason(judged.reason), "bad", wrap=True))
        side = column(spacing=6)
        side.addWidget(facts(self._compared(review)))
        side.addStretch()
        beside = QHBoxLayout()
        beside.addLayout(side, 1)
        if review.imprint_sm3:
            self._imprint = Picture(self._shell.renderer, tr("公安备案的印模"), IMPRINT)
            shown = column(spacing=4)
            shown.addWidget(self._imprint)
            shown.addWidget(label(tr("公安备案的印模"), "small"))
            shown.addStretch()
            beside.addLayout(shown)
            self._page.work(
                self._shell.context.staff.imprint, review, done=partial(self._drawn, review)
            )
        inner.addLayout(beside)
        asked = tr("查询时间 {time}", time=moment(review.queued.asked_at))
        inner.addWidget(label(asked, "small"))
        return framed("card", inner)

    def _drawn(self, review: Review, path: Path) -> None:
        if review is self.review and self._imprint is not None:
            self._imprint.show_file(path)

    def _compared(self, review: Review) -> list[tuple[str, str]]:
        """What is on record, beside what was applied for where that is another."""
        register, police, form = review.register, review.police, review.form
        statuses = {
            "active": tr("存续"),
            "revoked": tr("吊销"),
            "deregistered": tr("注销"),
            "filed": tr("已备案"),
            "delivered": tr("已交付"),
            "lost": tr("挂失"),
            "cancelled": tr("缴销"),
        }

        def beside(value: object, path: str) -> str:
            said, wanted = str(value), form.get(path, "")
            if not wanted or wanted == said:
                return words.broken(said)
            return tr("{said}（申请写的是 {wanted}）", said=said, wanted=words.broken(wanted))

        rows = []
        if register:
            until = str(register.get("licence_until") or "")[:10] or tr("长期")
            rows += [
                (tr("登记名称"), beside(register.get("name"), "enterprise.name")),
                (
                    tr("登记的法定代表人"),
                    beside(register.get("legal_rep"), "enterprise.legal_rep.name"),
                ),
                (tr("登记状态"), statuses.get(str(register.get("status")), "—")),
                (tr("执照有效期至"), until),
            ]
        elif review.queued.enterprise and not review.unanswered:
            rows.append((tr("登记名称"), tr("登记中查无此企业")))
        if police:
            size = f"{police.get('width_mm')} × {police.get('height_mm')}"
            rows += [
                (tr("备案印章"), words.broken(str(police.get("name")))),
                (tr("备案编码"), beside(police.get("code"), "seal.physical_code")),
                (tr("备案状态"), statuses.get(str(police.get("status")), "—")),
                (tr("备案尺寸"), tr("{size} 毫米", size=size)),
            ]
        elif review.queued.enterprise and not review.unanswered:
            rows.append((tr("备案印章"), tr("公安没有这枚印章的备案")))
        if review.identity is not None:
            known = tr("姓名和证件号一致") if review.identity else tr("姓名和证件号不一致")
            rows.append((tr("经办人身份"), known))
        return rows

    def _form(self, review: Review) -> QFrame:
        inner = column(margins=(16, 14, 16, 14), spacing=8)
        inner.addWidget(label(tr("提交的内容"), "heading"))
        names = words.fields()
        rows = [
            (names.get(path, path), words.value_of(path, value))
            for path, value in review.form.items()
            if path not in _RAW and value
        ]
        inner.addWidget(facts(rows))
        said = tr("原文摘要（SM3）{digest}…，已核对", digest=review.queued.payload_sm3[:16])
        inner.addWidget(label(said, "small", wrap=True))
        return framed("card", inner)

    def _papers(self, review: Review) -> QFrame:
        inner = column(margins=(16, 14, 16, 14), spacing=8)
        inner.addWidget(label(tr("材料"), "heading"))
        for paper in review.documents:
            name = words.document_name(paper.kind)
            icon, look = ("circle-check", "good") if paper.opened else ("eye", "unknown")
            state = tr("您已看过") if paper.opened else tr("还没有打开")
            opened = button(tr("打开"), partial(self.open_paper, review, paper), icon="file-text")
            opened.setAccessibleName(tr("，").join((tr("打开"), name)))
            inner.addLayout(row(picture(icon, look), label(name), label(state, look), None, opened))
        if not review.documents:
            inner.addWidget(label(tr("没有上传材料。"), "muted"))
        return framed("card", inner)

    def open_paper(self, review: Review, paper: Document) -> None:
        """Show a document; the platform puts on record that it was opened."""

        def show(path: Path) -> None:
            dialog = PaperDialog(self._shell, path, words.document_name(paper.kind), self)
            dialog.exec()
            dialog.deleteLater()
            if self.review is review:
                self._page.read(review.queued.id)  # it has been opened by now

        self._page.work(self._shell.context.staff.document, review, paper, done=show)

    def _history(self, review: Review) -> QFrame:
        inner = column(margins=(16, 14, 16, 14), spacing=8)
        inner.addWidget(label(tr("经过"), "heading"))
        rows = []
        for step in review.history:
            parts = (words.event_of(step.event), words.who(step.by), words.reason(step.reason))
            rows.append((moment(step.at), words.broken(" · ".join(p for p in parts if p))))
        inner.addWidget(facts(rows))
        return framed("card", inner)

    # --- the decision ----------------------------------------------------------------------------

    def _show_decisions(self, review: Review) -> None:
        """The buttons that make sense now, or why there are none."""
        state = review.queued.state
        parts: list[QWidget] = []
        said = ""
        if review.own:
            said = tr("这是您自己的申请，要由别的审核员审核。")
        elif state == "submitted":
            claim = button(tr("领走审核"), self.claim, role="default")
            parts = [claim]
            said = tr("领走以后别的审核员就不会同时审核。")
        elif state == "in_review" and not (review.mine or review.queued.second):
            said = tr("{name} 正在审核。", name=review.queued.reviewer)
        elif state == "in_review" and review.mine and review.queued.second:
            said = tr("您已核准，等待第二名审核员。")
        elif state == "in_review":
            approve = button(tr("核准…"), self.approve, role="default")
            if review.unread:
                approve.setEnabled(False)
                said = tr("先打开全部材料，才能核准。")
            if review.queued.second:
                first = tr("、").join(name for name, _ in review.approvals)
                said = said or tr("{name} 已核准，需要您作为第二名审核员决定。", name=first)
            send_back = button(tr("退回补正…"), self.send_back)
            parts = [approve, send_back, button(tr("不予核准…"), self.reject)]
        if said:
            self._decide.addWidget(label(words.broken(said), "muted", wrap=True))
        if parts:
            self._decide.addLayout(flow(*parts))

    def claim(self) -> None:
        review = self.review
        if review is not None:
            identity = review.queued.id

            def done(_: object) -> None:
                self._page.read(identity)

            self._page.work(self._shell.context.staff.claim, identity, done=done)

    def approve(self) -> None:
        if self.review is not None:
            self._run(self.review, ApproveDialog(self.review, self), tr("核准申请"))

    def send_back(self) -> None:
        if self.review is not None:
            self._run(self.review, ReturnDialog(self.review, self), tr("退回申请"))

    def reject(self) -> None:
        if self.review is not None:
            self._run(self.review, RejectDialog(self.review, self), tr("不予核准"))

    def _run(self, review: Review, dialog: DecisionDialog, purpose: str) -> None:
        accepted = dialog.exec() == dialog.DialogCode.Accepted
        verdict: Verdict = dialog.verdict()
        dialog.deleteLater()
        if not accepted:
            return

        def done(state: str) -> None:
            said = tr("已签名提交：{state}", state=words.state_of(state))
            if state == "in_review":
                said = tr("已签名提交，等待第二名审核员。")
            self._shell.notices.show_notice("review", "good", said)
            self._page.back()

        self._page.with_key(purpose, self._shell.context.staff.decide, review, verdict, done=done)
