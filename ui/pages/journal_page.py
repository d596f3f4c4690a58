"""台账: every use of a seal on this machine; filter, chain check, export, and the files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, Qt, QTimer
from PySide6.QtGui import QAction, QColor
from PySide6.QtWidgets import (
    QLineEdit,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from app.errors import phrase
from crypto.beijing import BEIJING, in_beijing
from ui import theme
from ui.choice import Choice
from ui.files import ask_where, open_outside, reveal
from ui.flow import flow
from ui.language import language, pair, tr
from ui.pages.archive_dialog import ArchiveDialog
from ui.room import room
from ui.rows import Column, Rows
from ui.seal_card import kind_name
from ui.widgets import button, fit_columns, label, scrolled, table

if TYPE_CHECKING:
    from app.store.cabinet import SealRecord
    from app.store.journal import JournalCheck
    from app.store.uses import Use
    from ui.shell.interface import Shell

Index = QModelIndex | QPersistentModelIndex
WIDTHS = (60, 150, 116, 0, 232, 116)
SEAL = 4
"""Its column."""


class _Middle(QStyledItemDelegate):
    """Leaves out the middle of a long name: files differ at their ends."""

    def initStyleOption(self, option: QStyleOptionViewItem, index: Index) -> None:
        super().initStyleOption(option, index)
        option.textElideMode = Qt.TextElideMode.ElideMiddle  # type: ignore[attr-defined]


class JournalPage(QWidget):
    """The page behind 台账."""

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self._shell = shell
        self.setAccessibleName(tr("台账"))
        self.filter = QLineEdit()
        self.filter.setPlaceholderText(tr("按文件、印章、摘要查找"))
        self.filter.setToolTip(self.filter.placeholderText())
        self.filter.setAccessibleName(tr("查找台账"))
        self.filter.setClearButtonEnabled(True)
        self.filter.setMaximumWidth(room(320))
        child: QWidget
        for child in self.filter.findChildren(QWidget):
            child.setAccessibleName(tr("清除"))
        self.period = Choice()
        self.period.setAccessibleName(tr("时间范围"))
        for text, days in (
            (tr("全部时间"), 0),
            (tr("今天"), 1),
            (tr("最近 7 天"), 7),
            (tr("最近 30 天"), 30),
            (tr("最近一年"), 365),
        ):
            self.period.addItem(text, days)
        self._wait = QTimer(self)
        self._wait.setSingleShot(True)
        self._wait.setInterval(200)
        self._wait.timeout.connect(self.refresh)
        self.filter.textChanged.connect(lambda _: self._wait.start())
        self.period.currentIndexChanged.connect(lambda _: self.refresh())
        self._kinds: dict[str, str] = {}
        """What the seal of a code is called."""
        self.model = self._model()
        self.table = table(self.model, tr("用印记录"), WIDTHS, self.look)
        self.table.setItemDelegateForColumn(3, _Middle(self.table))
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        self.table.selectionModel().selectionChanged.connect(lambda: self._chosen())
        self._look = button(tr("在“验章”里打开"), self.look, icon="shield-check")
        self._open = button(tr("用其他程序打开"), self.open_file, icon="external-link")
        self._reveal = button(tr("打开所在文件夹"), self.reveal, icon="folder-open")
        for control in (self._look, self._open, self._reveal):
            action = QAction(control.text().strip(), self.table)
            action.triggered.connect(control.click)
            self.table.addAction(action)
        self.state = label("", "muted")
        self._check = button(tr("检查完整性"), self.check, icon="shield-check")
        self._export = button(tr("导出…"), self.export, icon="download")
        self._archive = button(tr("归档…"), self.archive, icon="layers")
        self.empty = label("", "muted")
        self.empty.hide()
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        content = QWidget()
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scrolled(content, tr("用印台账")))
        whole = QVBoxLayout(content)
        whole.setContentsMargins(24, 20, 24, 20)
        whole.setSpacing(12)
        whole.addWidget(label(tr("用印台账"), "title"))
        whole.addWidget(
            label(
                tr("本机每次用印都记在这里，前后相连，改动或删去任何一条都能查出来。"),
                "muted",
                wrap=True,
            )
        )
        tools = (self.filter, self.period, self._check, self._export, self._archive)
        whole.addLayout(flow(*tools, stretch=self.filter))
        whole.addWidget(self.table, 1)
        self.table.setMinimumHeight(150)
        foot = (self._look, self._open, self._reveal, self.state)
        whole.addLayout(flow(*foot, stretch=self.state))
        over = QVBoxLayout(self.table)
        over.addWidget(self.empty, 0, Qt.AlignmentFlag.AlignCenter)

    def _model(self) -> Rows[Use]:
        """Uses, newest first."""
        columns: list[Column[Use]] = [
            (tr("序号"), lambda use: str(use.sequence)),
            (tr("时间"), lambda use: f"{in_beijing(use.at):%Y-%m-%d %H:%M:%S}"),
            (tr("事项"), _what),
            (tr("文件"), _file_name),
            (tr("所用印章"), self._seal),
            (tr("页码"), _on_pages),
        ]
        return Rows(columns, _tip, _colour)

    def _seal(self, use: Use) -> str:
        """The kind first: a company's seals all bear its name."""
        name, code = (str(use.details.get(key, "")) for key in ("seal_name", "seal_code"))
        kind = self._kinds.get(code, code)
        return " ".join(part for part in (kind, name) if part)

    def activated(self) -> None:
        self.refresh()

    def panes(self) -> list[QWidget]:
        return [self.filter, self.table, self._export]

    # --- reading ---------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Read what matches the filter."""
        days = self.period.currentData()
        since = datetime.now(BEIJING) - timedelta(days=days) if days else None
        if days == 1 and since is not None:
            since = datetime.now(BEIJING).replace(hour=0, minute=0, second=0, microsecond=0)
        text = self.filter.text().strip() or None

        from app.store.uses import uses

        context = self._shell.context

        def read() -> tuple[list[Use], dict[str, str]]:
            everything = context.journal_entries(since=None, until=None, text=None)
            found = uses(everything)
            if since is not None or text is not None:
                matching = context.journal_entries(since=since, until=None, text=text)
                wanted = {entry.sequence for entry in matching}
                found = [u for u in found if any(e.sequence in wanted for e in u.entries)]
            return found, _kinds(context.seals())

        self._shell.tasks.work(
            read, done=lambda read: self._take(*read), failed=self._shell.complain
        )

    def _take(self, found: list[Use], kinds: dict[str, str]) -> None:
        kept = self._use()
        self._kinds = kinds
        self.model.show_items(reversed(found))
        fit_columns(self.table, {SEAL: (120, 340)})
        for number, use in enumerate(self.model.items):
            if kept is not None and use.sequence == kept.sequence:
                self.table.selectRow(number)
        self._chosen()
        self.empty.setVisible(not found)
        if self.filter.text().strip() or self.period.currentData():
            self.empty.setText(tr("没有符合条件的记录。"))
        else:
            self.empty.setText(tr("还没有用印记录。盖章后会自动记在这里。"))
        self._export.setEnabled(bool(found))
        self.state.setText(tr("{count} 条", count=len(found)))
        theme.set_role(self.state, "muted")

    # --- the files -------------------------------------------------------------------------------

    def _use(self) -> Use | None:
        """The row that is chosen."""
        rows = self.table.selectionModel().selectedRows()
        return self.model.items[rows[0].row()] if rows else None

    def _chosen(self) -> None:
        use = self._use()
        there = use is not None and use.output is not None
        for control in (self._look, self._open, self._reveal):
            control.setEnabled(there)
        if use is not None and use.last.event == "archived":
            self._look.setEnabled(False)  # a package, which 验章 does not open
        tip = tr("这一条没有记下文件在哪里") if use is not None and not there else ""
        for control in (self._look, self._open, self._reveal):
            control.setToolTip(tip)

    def _file(self) -> Path | None:
        """The file of the chosen row, if it is where it was put; else say that it is not."""
        use = self._use()
        if use is None or use.output is None:
            return None
        if use.output.is_file():
            self._shell.notices.clear_notice("ledger-file")
            return use.output
        self._say(tr("文件不在“{path}”，可能已经移走、改名或删除。", path=use.output))
        return None

    def _say(self, text: str) -> None:
        self._shell.notices.show_notice("ledger-file", "warning", text)

    def look(self) -> None:
        """Show the chosen file on the page 验章."""
        path = self._file() if self._look.isEnabled() else None
        if path is not None:
            self._shell.go("verify", [path])

    def open_file(self) -> None:
        """Open the chosen file with the system's program."""
        path = self._file()
        if path is not None:
            open_outside(path, self._say)

    def reveal(self) -> None:
        """Show the chosen file in its folder; where it is gone, the folder alone."""
        use = self._use()
        path = self._file()
        if path is not None:
            reveal(path, self._say)
        elif use is not None and use.output is not None and use.output.parent.is_dir():
            open_outside(use.output.parent, self._say)

    # --- the whole journal -----------------------------------------------------------------------

    def check(self) -> None:
        """Verify the whole chain."""
        self._shell.tasks.work(
            self._shell.context.journal_check, done=self._checked, failed=self._shell.complain
        )

    def _checked(self, check: JournalCheck) -> None:
        if check.intact:
            text = tr("台账完整：{count} 条记录前后相连，没有改动。", count=check.entries)
        else:
            text = tr("台账被改动或截断：从第 {line} 条起不能采信。", line=check.line)
        self.state.setText(text)
        theme.set_role(self.state, "good" if check.intact else "bad")
        kind = "good" if check.intact else "error"
        self._shell.notices.show_notice("journal", kind, text)

    def export(self) -> None:
        """Save what is shown, as XLSX or CSV by the chosen name."""
        suggested = self._shell.folder() / tr("用印台账.xlsx")
        kinds = "Excel (*.xlsx);;CSV (*.csv)"
        path = ask_where(self, tr("导出台账"), suggested, kinds, replaces=True)
        if path is None:
            return
        self._shell.tasks.work(
            self._shell.context.journal_export,
            path,
            sorted(
                (entry for use in self.model.items for entry in use.entries),
                key=lambda entry: entry.sequence,
            ),
            language(),
            done=lambda count: self._shell.notices.show_notice(
                "export", "good", tr("已导出 {count} 条到 {path}", count=count, path=path)
            ),
            failed=self._shell.complain,
        )

    def archive(self) -> None:
        """Archive a month's files, or a folder's."""
        dialog = ArchiveDialog(self._shell, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.finished.connect(lambda _: self.refresh())
        dialog.open()


def _what(use: Use) -> str:
    return tr("盖章没有做完") if use.unfinished else _event(use.last.event)


def _file_name(use: Use) -> str:
    told = use.details
    return str(told.get("output") or told.get("document") or told.get("file") or "")


def _on_pages(use: Use) -> str:
    pages = use.details.get("pages", "")
    return _pages(pages) if isinstance(pages, list) else str(pages)


def _tip(use: Use, _column_number: int) -> str:
    return "\n".join(pair(_column(name), value) for name, value in use.details.items())


def _colour(use: Use, _column_number: int) -> QColor | None:
    return theme.colour("bad") if use.last.event == "stamp-failed" else None


def _kinds(seals: Sequence[SealRecord]) -> dict[str, str]:
    """By code: the kind, with the code where others of one company are of the same kind."""
    alike = Counter((seal.name, seal.subtype) for seal in seals)
    return {
        seal.code: kind_name(seal) + (f" {seal.code}" if alike[seal.name, seal.subtype] > 1 else "")
        for seal in seals
    }


def _event(event: str) -> str:
    try:
        return phrase(f"journal_event.{event}", language())
    except KeyError:
        return event


def _column(name: str) -> str:
    try:
        return phrase(f"journal.{name}", language())
    except KeyError:
        return name


def _pages(pages: list[Any]) -> str:
    """1,2,3,7 → "1-3, 7"."""
    runs: list[list[int]] = []
    for page in sorted({int(number) for number in pages}):
        if runs and page == runs[-1][-1] + 1:
            runs[-1].append(page)
        else:
            runs.append([page])
    return ", ".join(str(r[0]) if len(r) == 1 else f"{r[0]}-{r[-1]}" for r in runs)
