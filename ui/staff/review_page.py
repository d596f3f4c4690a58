"""审核: the queue, who waits longest first, and one application at a time."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.publishing import check_output
from ui import theme
from ui.choice import Choice
from ui.files import ask_where
from ui.flow import flow
from ui.language import tr
from ui.rows import Column, Rows
from ui.seal_card import subtype_name
from ui.staff import words
from ui.staff.agree_dialog import AgreeDialog, file_name, purpose
from ui.staff.loss_dialogs import LossCallsDialog
from ui.staff.review_detail import ReviewDetail
from ui.staff.staff_page import StaffPage
from ui.widgets import button, fit_columns, label, moment, table

if TYPE_CHECKING:
    from app.remote.staff.reviewing import Queued, QueuePage, Review
    from ui.shell.interface import Shell

WIDTHS = (84, 0, 150, 92, 190, 110)
FITTED = {2: (80, 210), 3: (70, 130), 4: (80, 300), 5: (70, 160)}
"""Columns that are as wide as their texts."""
VERDICT = 4
"""The column of what the neighbours say."""


def _model() -> Rows[Queued]:
    columns: list[Column[Queued]] = [
        (tr("已等"), lambda item: words.age(item.since)),
        (tr("企业"), lambda item: words.plain(item.enterprise) or tr("（个人）")),
        (tr("所用印章"), lambda item: subtype_name(item.subtype)),
        (tr("业务"), lambda item: words.kind_of(item.kind)),
        (tr("核对结果"), lambda item: verdict(item)[1]),
        (tr("审核人"), lambda item: item.reviewer + (tr("，待第二人") if item.second else "")),
    ]
    return Rows(columns, _tip, _colour)


def _tip(item: Queued, _column: int) -> str:
    said = words.reason(item.assessment.reason) if item.assessment else ""
    parts = (words.plain(item.enterprise), moment(item.since), said)
    return "\n".join(part for part in parts if part)


def _colour(item: Queued, column: int) -> QColor | None:
    return theme.colour(verdict(item)[0]) if column == VERDICT else None


def verdict(item: Queued) -> tuple[str, str]:
    """Colour and words of what the neighbours say."""
    if item.assessment is None:
        return "muted", tr("还没有答复")
    if item.assessment.passed:
        return "good", tr("相符")
    return "bad", words.reason(item.assessment.reason) or tr("不符")


def _alarm(page: QueuePage) -> str:
    """What must not wait, in words; "" if nothing does."""
    said = []
    if page.dead_filings:
        count = page.dead_filings
        said.append(
            tr("有 {count} 份备案没有送达公安机关，请通知平台管理员重新发送。", count=count)
        )
    if page.loss_calls:
        count = page.loss_calls
        said.append(tr("有 {count} 个挂失来电等第二人确认，请点“挂失来电…”。", count=count))
    return " ".join(said)


class ReviewPage(StaffPage):
    """The page behind 审核."""

    def __init__(self, shell: Shell) -> None:
        about = tr("登录后可以看到等待审核的申请。每一个决定都用 Ukey 签名，连同所审内容留存。")
        super().__init__(shell, "reviewer", "file-check", tr("审核"), about)
        self.model = _model()
        self.table = table(self.model, tr("等待审核的申请"), WIDTHS, self.open)
        self.table.selectionModel().selectionChanged.connect(lambda: self._chosen())
        self.state = Choice()
        self.state.setAccessibleName(tr("哪些申请"))
        for text, name in (
            (tr("等待审核"), "submitted"),
            (tr("正在审核"), "in_review"),
            (tr("已退回"), "returned"),
            (tr("已办结"), "fulfilled"),
            (tr("不予核准"), "rejected"),
        ):
            self.state.addItem(text, name)
        self.state.currentIndexChanged.connect(lambda _: self.refresh())
        self.count = label("", "muted")
        self.again = button(tr("刷新"), self.refresh, icon="refresh-cw")
        self.look = button(tr("打开"), self.open, icon="file-text")
        self.calls = button(tr("挂失来电…"), self.lost, icon="shield-alert")
        self.agree_button = button(tr("同意恢复或注销…"), self.agree, icon="file-check")
        self._agreeing: dict[str, str] = {}
        """What was typed of an agreement that is not signed yet."""
        self.more = button(tr("再看后面的"), self._more, role="link")
        self._next = ""
        page = QWidget()
        whole = QVBoxLayout(page)
        whole.setContentsMargins(24, 20, 24, 20)
        whole.setSpacing(12)
        whole.addWidget(label(tr("审核"), "title"))
        bar = (self.state, self.again, self.look, self.calls, self.agree_button, self.count)
        whole.addLayout(flow(*bar, stretch=self.count))
        self.alarm = label("", "bad", wrap=True)
        self.alarm.hide()
        whole.addWidget(self.alarm)
        whole.addWidget(self.table, 1)
        whole.addLayout(flow(self.more))
        self.empty = label(tr("没有这样的申请。"), "muted")
        over = QVBoxLayout(self.table)
        over.addWidget(self.empty, 0, Qt.AlignmentFlag.AlignCenter)
        self.stack.addWidget(page)
        self.detail = ReviewDetail(shell, self)
        self.stack.addWidget(self.detail)
        self._chosen()

    def panes(self) -> list[QWidget]:
        shown = self.stack.currentIndex()
        if shown == 1:
            return [self.state, self.table]
        return self.detail.panes() if shown == 2 else super().panes()

    def closing(self) -> None:
        self.detail.clear()

    # --- the queue -------------------------------------------------------------------------------

    def entered(self) -> None:
        if self.stack.currentIndex() == 0:
            self.stack.setCurrentIndex(2 if self.detail.review is not None else 1)
        self.refresh()

    def refresh(self) -> None:
        """Read the queue anew."""
        self._ask("", fresh=True)

    def _more(self) -> None:
        self._ask(self._next, fresh=False)

    def _ask(self, after: str, *, fresh: bool) -> None:
        staff, state = self._shell.context.staff, str(self.state.currentData())
        self.work(staff.queue, state, after, done=partial(self._take, fresh, state))

    def _take(self, fresh: bool, state: str, page: QueuePage) -> None:
        if state != self.state.currentData():
            return  # another list was chosen meanwhile
        chosen = self._item()
        items = [*([] if fresh else self.model.items), *page.items]
        self.model.show_items(items)
        fit_columns(self.table, FITTED)
        for number, item in enumerate(items):
            if chosen is not None and item.id == chosen.id:
                self.table.selectRow(number)
        self._next = page.next
        self.more.setVisible(bool(page.next))
        count = f"{len(items)}+" if page.next else str(len(items))
        self.count.setText(tr("{count} 个申请", count=count))
        self.alarm.setText(_alarm(page))
        self.alarm.setVisible(bool(self.alarm.text()))
        self.empty.setVisible(not items)
        self._chosen()

    def _item(self) -> Queued | None:
        rows = self.table.selectionModel().selectedRows()
        return self.model.items[rows[0].row()] if rows else None

    def _chosen(self) -> None:
        self.look.setEnabled(self._item() is not None)

    # --- lost keys -------------------------------------------------------------------------------

    def lost(self) -> None:
        """Calls about lost keys: write one down, confirm another's."""
        dialog = LossCallsDialog(self._shell, self, self.window())
        dialog.exec()
        self.activated()

    # --- the operator's second person ---------------------------------------------------------

    def agree(self) -> None:
        """Sign that the operator lifts a suspension or cancels a seal, into a file for him."""
        dialog = AgreeDialog(self._agreeing, self.window())
        accepted = dialog.exec()
        self._agreeing = told = dialog.typed()
        dialog.deleteLater()
        if not accepted:
            return
        what = (told["verb"], told["code"])
        suggested = self._shell.folder() / file_name(*what)
        path = ask_where(self, tr("保存"), suggested, "JSON (*.json)")
        if path is None:
            return

        def saved_as(saved: Path) -> None:
            self._agreeing = {}
            said = tr("{path}：交给平台管理员，24 小时内有效，印章状态再变化即作废。", path=saved)
            self._shell.notices.show_notice("agreed", "good", said)

        def sign(_: object) -> None:
            agree = self._shell.context.staff.agree
            self.with_key(purpose(*what), agree, *(*what, told["reason"], path), done=saved_as)

        # Before the PIN: can the file be written?
        self._shell.tasks.work(check_output, path, 0, done=sign, failed=self._shell.complain)

    # --- one application -------------------------------------------------------------------------

    def open(self) -> None:
        """Read the chosen application."""
        item = self._item()
        if item is not None:
            self.read(item.id)

    def read(self, identity: str) -> None:
        """Read an application, or read it again."""
        self._shell.notices.clear_notice("review")  # said of the one before
        self.work(self._shell.context.staff.review, identity, done=self._show)

    def _show(self, review: Review) -> None:
        self.detail.show_review(review)
        self.stack.setCurrentIndex(2)

    def back(self) -> None:
        """To the queue."""
        self.detail.clear()
        self.stack.setCurrentIndex(1)
        self.refresh()
        self.table.setFocus()
