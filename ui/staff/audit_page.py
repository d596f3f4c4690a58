"""审计: is the ledger the one of last time, who did what, export with proofs, cosign."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import (
    QLineEdit,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from crypto.beijing import BEIJING, in_beijing
from ui.choice import Choice
from ui.dialogs import Dialog
from ui.files import ask_where
from ui.flow import flow
from ui.language import tr
from ui.room import room
from ui.rows import Column, Rows
from ui.staff import words
from ui.staff.staff_page import StaffPage
from ui.widgets import (
    button,
    column,
    fit_columns,
    framed,
    in_fours,
    label,
    moment,
    row,
    scrolled,
    table,
)

if TYPE_CHECKING:
    from app.remote.staff.auditing import LedgerRecord, SearchPage, Wanted
    from app.store.audited_ledgers import AuditedLedger
    from ui.shell.interface import Shell

WIDTHS = (66, 150, 140, 190, 0)
WHO, RECORD, WHAT = 2, 3, 4
"""Columns whose texts are of any length."""


def record_name(kind: str) -> str:
    """What a kind of record is called; its own name where there is none."""
    return {
        "application-v1": tr("申请的办理"),
        "application-read-v1": tr("阅读申请"),
        "application-amended-v1": tr("修改申请"),
        "approval-against-v1": tr("与登记不符的核准"),
        "first-approval-v1": tr("第一名审核员核准"),
        "material-v1": tr("上传材料"),
        "material-opened-v1": tr("打开材料"),
        "seal-change-v1": tr("印章状态变化"),
        "certificate-change-v1": tr("证书状态变化"),
        "usage-record-v1": tr("用印"),
        "ticket-v1": tr("用印凭据"),
        "filing-v1": tr("公安备案"),
        "sign-in-v1": tr("登录"),
        "audit-read-v1": tr("审计查询"),
        "cosigned-v1": tr("审计联署"),
        "staff-added-v1": tr("增加工作人员"),
        "proof-v1": tr("授权证明"),
        "rows-v1": tr("数据变化"),
    }.get(kind, kind)


class RecordDialog(Dialog):
    """The exact text of an entry."""

    def __init__(self, record: LedgerRecord, parent: QWidget) -> None:
        super().__init__(parent)
        title = tr("第 {index} 条：{name}", index=record.index, name=record_name(record.type))
        self.setWindowTitle(title)
        self.setMinimumWidth(560)
        self.text = QPlainTextEdit(record.text)
        self.text.setReadOnly(True)
        self.text.setAccessibleName(title)
        self.text.setMinimumHeight(200)
        self.text.setTabChangesFocus(True)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(24, 20, 24, 20)
        whole.setSpacing(12)
        whole.addWidget(label(title, "title", wrap=True))
        said = tr("登记簿里的原文，摘要和证明都是对它算的。")
        whole.addWidget(label(said, "muted", wrap=True))
        whole.addWidget(self.text, 1)
        whole.addLayout(row(None, button(tr("关闭"), self.accept)))


class AuditPage(StaffPage):
    """The page behind 审计."""

    def __init__(self, shell: Shell) -> None:
        about = tr("登录后可以核对平台的登记簿有没有被删改，查谁做了什么。每次查询平台都有记录。")
        super().__init__(shell, "auditor", "search", tr("审计"), about)
        self.ledger = label("", "heading", wrap=True)
        self.root = label("", "small", wrap=True, select=True)
        self.check_button = button(tr("检查登记簿"), self.check, icon="shield-check")
        self.cosign_button = button(tr("联署…"), self.cosign, icon="key-round")
        inner = column(margins=(16, 14, 16, 14), spacing=6)
        inner.addWidget(self.ledger)
        inner.addWidget(self.root)
        inner.addLayout(flow(self.check_button, self.cosign_button))
        self.person, self.seal, self.enterprise = QLineEdit(), QLineEdit(), QLineEdit()
        for field, name in (
            (self.person, tr("姓名或账号")),
            (self.seal, tr("印章编码")),
            (self.enterprise, tr("企业全称或信用代码")),
        ):
            field.setPlaceholderText(name)
            field.setAccessibleName(name)
            wide = field.fontMetrics().horizontalAdvance(name)
            field.setMinimumWidth(max(room(150), wide + 30))
            field.setMaxLength(100)
            field.returnPressed.connect(self.search)
        self.period = Choice()
        self.period.setAccessibleName(tr("时间范围"))
        for text, days in (
            (tr("全部时间"), 0),
            (tr("最近 7 天"), 7),
            (tr("最近 30 天"), 30),
            (tr("最近一年"), 365),
        ):
            self.period.addItem(text, days)
        self.find_button = button(tr("查询"), self.search, icon="search")
        self._names: dict[str, str] = {}
        self.model = self._model()
        self.table = table(self.model, tr("登记簿的记录"), WIDTHS, self.look)
        self.count = label("", "muted")
        self.more = button(tr("再看前面的"), self._more, role="link")
        self.export_button = button(tr("导出…"), self.export, icon="download")
        self.look_button = button(tr("看原文"), self.look, icon="file-text")
        page = QWidget()
        whole = QVBoxLayout(page)
        whole.setContentsMargins(24, 20, 24, 20)
        whole.setSpacing(10)
        whole.addWidget(label(tr("审计"), "title"))
        whole.addWidget(framed("card", inner))
        whole.addLayout(
            flow(self.person, self.seal, self.enterprise, self.period, self.find_button)
        )
        whole.addWidget(self.table, 1)
        self.table.setMinimumHeight(150)
        foot = (self.look_button, self.export_button, self.more, self.count)
        whole.addLayout(flow(*foot, stretch=self.count))
        self.stack.addWidget(scrolled(page, tr("审计")))
        self._next, self._wanted = "", None
        self._take([], {}, "")

    _wanted: Wanted | None
    _first = False
    """Nothing was checked on this computer before."""

    def _model(self) -> Rows[LedgerRecord]:
        """The records found, newest first."""
        columns: list[Column[LedgerRecord]] = [
            (tr("序号"), lambda record: str(record.index)),
            (tr("时间"), lambda record: f"{in_beijing(record.at):%Y-%m-%d %H:%M:%S}"),
            (
                tr("谁"),
                lambda record: words.who(self._names.get(record.by, record.by)) or tr("平台"),
            ),
            (tr("记录"), lambda record: record_name(record.type)),
            (tr("内容"), lambda record: words.happened(record.told)),
        ]

        def tip(record: LedgerRecord, column: int) -> str | None:
            return columns[column][1](record) if column in (WHO, WHAT) else None

        return Rows(columns, tip)

    def _who(self, record: LedgerRecord) -> str:
        return words.who(self._names.get(record.by, record.by)) or tr("平台")

    def panes(self) -> list[QWidget]:
        if self.stack.currentIndex() == 0:
            return super().panes()
        return [self.check_button, self.person, self.table]

    def entered(self) -> None:
        self.stack.setCurrentIndex(1)
        self._shell.tasks.work(
            self._shell.context.staff.seen, done=self._show_seen, failed=self.failed
        )

    # --- the ledger ------------------------------------------------------------------------------

    def _show_seen(self, seen: AuditedLedger | None) -> None:
        if seen is None:
            self._first = True
            self.ledger.setText(tr("这台电脑还没有检查过这个平台的登记簿。"))
            self.root.setText("")
            return
        said = tr("上次检查：{time}，登记簿 {size} 条", time=moment(seen.seen_at), size=seen.size)
        if seen.cosigned_at is not None:
            at, size = moment(seen.cosigned_at), seen.cosigned
            said += tr("；上次联署：{time}，{size} 条", time=at, size=size)
        self.ledger.setText(said)
        self.root.setText(tr("校验值 {root}", root=in_fours(seen.root)))

    def check(self) -> None:
        """Check that the ledger goes on from what was seen last."""
        self.work(self._shell.context.staff.check, done=self._checked)

    def _checked(self, seen: AuditedLedger) -> None:
        self._show_seen(seen)
        said = tr("登记簿与上次检查的前后一致，没有删改。")
        if self._first:
            said = tr("第一次检查：已核对平台对登记簿的签名并记下这一份，以后都与它比较。")
        self._first = False
        self._shell.notices.show_notice("audit", "good", said)

    def cosign(self) -> None:
        """Check, then sign with the key."""

        def done(seen: AuditedLedger) -> None:
            self._show_seen(seen)
            said = tr("已联署 {size} 条的校验点。", size=seen.cosigned)
            self._shell.notices.show_notice("audit", "good", said)

        self.with_key(tr("联署登记簿的校验点"), self._shell.context.staff.cosign, done=done)

    # --- searching -------------------------------------------------------------------------------

    def search(self) -> None:
        """Read the first page of what is wanted."""
        from app.remote.staff.auditing import Wanted

        days = int(self.period.currentData())
        since = datetime.now(BEIJING) - timedelta(days=days) if days else None
        person, seal = self.person.text().strip(), self.seal.text().strip()
        self._wanted = Wanted(person, seal, self.enterprise.text().strip(), since)
        self._ask("", fresh=True)

    def _more(self) -> None:
        self._ask(self._next, fresh=False)

    def _ask(self, before: str, *, fresh: bool) -> None:
        wanted = self._wanted
        if wanted is not None:
            self.work(
                self._shell.context.staff.search,
                wanted,
                before,
                done=partial(self._found, fresh, wanted),
            )

    def _found(self, fresh: bool, wanted: Wanted, page: SearchPage) -> None:
        if wanted is not self._wanted:
            return
        items = [*([] if fresh else self.model.items), *page.items]
        names = {**({} if fresh else self._names), **page.names}
        self._take(items, names, page.next)
        if not items:
            self.count.setText(tr("没有符合条件的记录。"))

    def _take(self, items: list[LedgerRecord], names: Mapping[str, str], following: str) -> None:
        self._names = dict(names)
        self.model.show_items(items)
        fit_columns(self.table, {WHO: (80, 260), RECORD: (80, 220)})
        self._next = following
        self.more.setVisible(bool(following))
        self.export_button.setEnabled(bool(items))
        self.look_button.setEnabled(bool(items))
        count = f"{len(items)}+" if following else str(len(items))
        self.count.setText(tr("{count} 条", count=count) if items else "")

    def look(self) -> None:
        """Show the text of the chosen entry, or of the first."""
        rows = self.table.selectionModel().selectedRows()
        if not self.model.items:
            return
        dialog = RecordDialog(self.model.items[rows[0].row() if rows else 0], self)
        dialog.exec()
        dialog.deleteLater()

    def export(self) -> None:
        """Save what is shown, proved: CSV with a JSON beside it, or the JSON alone."""
        suggested = self._shell.folder() / tr("审计.csv")
        kinds = "CSV (*.csv);;JSON (*.json)"
        path = ask_where(self, tr("导出"), suggested, kinds, replaces=True)
        if path is None:
            return

        def done(files: tuple[Path, ...]) -> None:
            said = tr(
                "已导出 {count} 条，每条都有证明：{path}",
                count=len(self.model.items),
                path=tr("、").join(file.name for file in files),
            )
            self._shell.notices.show_notice("audit", "good", said)

        self.work(
            self._shell.context.staff.export,
            list(self.model.items),
            dict(self._names),
            path,
            done=done,
        )
