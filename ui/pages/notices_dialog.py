"""通知: what has happened, newest first, each with what to do and where; read or not, and each
platform's for itself."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from app.errors import phrase
from ui.dialogs import Dialog
from ui.flow import flow
from ui.language import language, tr
from ui.shell.token_notices import mark_seals_read
from ui.widgets import button, clear_layout, column, framed, label, moment, picture, row, scrolled

if TYPE_CHECKING:
    from app.store.notices import NoticeRecord
    from ui.shell.interface import Shell

SHOWN = 50
"""At first; more on request."""

_LOOKS = {
    "seal_active": ("circle-check", "good"),
    "application_fulfilled": ("circle-check", "good"),
    "application_done": ("circle-check", "good"),
    "grant_accepted": ("circle-check", "good"),
    "grant_received": ("circle-check", "good"),
    "approval_given": ("circle-check", "good"),
    "approval_wanted": ("clock", "unknown"),
    "approval_lapsed": ("info", "changed"),
    "approver_named": ("info", "changed"),
    "approver_ended": ("info", "changed"),
    "policy_refused": ("triangle-alert", "unknown"),
    "approval_unreadable": ("triangle-alert", "unknown"),
    "grant_over": ("info", "changed"),
    "seal_ends": ("clock", "unknown"),
    "application_returned": ("triangle-alert", "unknown"),
    "application_lapsed": ("triangle-alert", "unknown"),
    "grant_doubled": ("triangle-alert", "unknown"),
}
"""Icon and role of a kind of notice; of the others: something has stopped."""

_PAGES = {"application": "seals", "renew": "seals"}
"""Where an action is found, if not on the page of its own name."""


class NoticesDialog(Dialog):
    """Closed by Esc, × and its button; what is shown stays unread until the person says so."""

    def __init__(self, shell: Shell, parent: QWidget) -> None:
        super().__init__(parent)
        self._shell = shell
        self._most = SHOWN
        self._over = False
        """Was it closed?"""
        self.records: tuple[NoticeRecord, ...] = ()
        self.setWindowTitle(tr("通知"))
        self.setMinimumSize(640, 560)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(24, 20, 24, 20)
        whole.setSpacing(10)
        self.count = label("", "muted")
        head = row(label(tr("通知"), "title"), self.count, None)
        whole.addLayout(head)
        content = QWidget()
        self._column = column(spacing=8)
        content.setLayout(self._column)
        whole.addWidget(scrolled(content, tr("通知")), 1)
        self.all_read = button(tr("全部标为已读"), self._read_all)
        close = button(tr("关闭"), self.reject, role="default")
        close.setDefault(True)
        whole.addLayout(row(self.all_read, None, close))
        close.setFocus()
        self.refresh()

    def done(self, result: int) -> None:
        self._over = True  # answers that are on their way find nobody
        super().done(result)

    def refresh(self) -> None:
        """Read the cabinet."""

        def show(records: tuple[NoticeRecord, ...]) -> None:
            if not self._over:
                self.show_records(records)

        read = self._shell.context.notices
        self._shell.tasks.work(read, done=show, failed=self._shell.complain)

    def show_records(self, records: tuple[NoticeRecord, ...]) -> None:
        """Show them, newest first."""
        self.records = records
        clear_layout(self._column)
        unread = sum(not record.read for record in records)
        self.count.setText(tr("{count} 条未读", count=unread) if unread else "")
        self.all_read.setEnabled(bool(unread))
        shown = records[: self._most]
        origins = list(dict.fromkeys(record.platform for record in shown))
        for origin in origins:
            if len(origins) > 1:
                self._column.addWidget(label(origin, "heading", wrap=True))
            for each in (record for record in shown if record.platform == origin):
                self._column.addWidget(self._card(each))
        if not records:
            nothing = tr("还没有通知。同步以后，印章、申请和授权的变化都会列在这里。")
            self._column.addWidget(label(nothing, "muted", wrap=True))
        if len(records) > self._most:
            left = tr("再看更早的 {count} 条", count=len(records) - self._most)
            self._column.addLayout(flow(button(left, self._more, role="link")))
        self._column.addStretch()

    def _card(self, record: NoticeRecord) -> QFrame:
        from app.store.notices import said

        words = said(record, language())
        icon, role = _LOOKS.get(record.kind, ("circle-alert", "bad"))
        inner = column(margins=(14, 10, 14, 8), spacing=4)
        head = row(picture(icon, role, 18), spacing=10)
        head.addWidget(label(words.title, "" if record.read else "heading", wrap=True), 1)
        inner.addLayout(head)
        state = tr("已读") if record.read else tr("未读")
        inner.addWidget(label(" · ".join((moment(record.at), state)), "small"))
        if words.todo:
            inner.addWidget(label(words.todo, wrap=True))
        parts = []
        if words.action:
            name = phrase(f"notice_action.{words.action}", language())
            parts.append(button(name, partial(self._act, record, words.action), role="link"))
        if not record.read:
            parts.append(button(tr("标为已读"), partial(self._read, (record,)), role="link"))
        for part in parts:
            part.setAccessibleName(tr("，").join((part.text(), words.title)))
        if parts:
            inner.addLayout(flow(*parts))
        made = framed("card", inner)
        made.setAccessibleName(tr("，").join((state, words.title, words.todo)))
        return made

    # --- what is done ----------------------------------------------------------------------------

    def _more(self) -> None:
        self._most += 4 * SHOWN
        self.show_records(self.records)

    def _act(self, record: NoticeRecord, action: str) -> None:
        """Go where it is done; who goes there has read it."""
        self._read((record,))
        self.accept()
        self._shell.go(_PAGES.get(action, action))

    def _read_all(self) -> None:
        self._read(tuple(record for record in self.records if not record.read))

    def _read(self, records: tuple[NoticeRecord, ...]) -> None:
        identities = [record.id for record in records]

        def taken(_: object) -> None:
            mark_seals_read(self._shell, {record.facts.get("seal_code", "") for record in records})
            self._shell.count_notices()
            if not self._over:
                self.refresh()

        read = partial(self._shell.context.notices_read, identities)
        self._shell.tasks.work(read, done=taken, failed=self._shell.complain)
