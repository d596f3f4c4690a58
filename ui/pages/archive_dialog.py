"""归档: what is archived and where to; then how far it is; then what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QButtonGroup,
    QFileDialog,
    QFormLayout,
    QLineEdit,
    QProgressBar,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from app.errors import Cancelled, explain
from app.publishing import free_name
from ui.choice import Choice
from ui.dialogs import Dialog
from ui.files import ask_where
from ui.language import language, pair, tr
from ui.room import room
from ui.widgets import (
    OneLine,
    button,
    calm,
    column,
    copy_text,
    in_fours,
    label,
    row,
    scrolled,
    when_chosen,
)

if TYPE_CHECKING:
    from app.archiving.making import Made
    from app.archiving.metadata import About
    from ui.shell.context.parts import Step
    from ui.shell.interface import Shell
    from ui.tasks import Task

MOST_REASONS = 200
"""Files that were left out, as far as the dialog lists them; index.csv has all."""


class ArchiveDialog(Dialog):
    """Asks, works, tells; closed while it works, it stops."""

    def __init__(self, shell: Shell, parent: QWidget) -> None:
        super().__init__(parent)
        self._shell = shell
        self._task: Task | None = None
        self.folder: Path | None = None
        self.made: Made | None = None
        """What came of it."""
        self.setWindowTitle(tr("归档"))
        self.setMinimumWidth(600)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(24, 20, 24, 20)
        whole.setSpacing(12)
        whole.addWidget(label(tr("归档"), "title"))
        lead = tr(
            "把盖了章的文件连同验章报告、归档元数据和摘要做成一个归档包，不用本程序也能复核。"
            "盖章以后改动过的不收，在清单里写明。"
        )
        whole.addWidget(label(lead, "muted", wrap=True))
        self._close = button(tr("取消"), self.reject)
        self._start = button(tr("制作归档包…"), self.start, role="default")
        self._start.setDefault(True)
        self._asking = self._form()
        self._working = self._progress()
        self._told = QWidget()
        self._result = column(spacing=8)
        self._told.setLayout(self._result)
        for part in (self._asking, self._working, self._told):
            whole.addWidget(part)
        whole.addStretch(1)
        whole.addLayout(row(None, self._close, self._start))
        self._working.hide()
        self._told.hide()
        self._update()
        shell.tasks.work(
            shell.context.archives.months, done=self._take_months, failed=shell.complain
        )

    # --- asking ----------------------------------------------------------------------------------

    def _form(self) -> QWidget:
        self.by_month = QRadioButton(tr("这台电脑某个月盖的文件"))
        self.by_folder = QRadioButton(tr("一个文件夹，连同里面以前的归档包、证据包"))
        self._kinds = QButtonGroup(self)
        self.month = calm(Choice())
        self.month.setAccessibleName(tr("月份"))
        self.month.setMinimumWidth(room(240))
        self._folder_name = OneLine(tr("还没有选文件夹"), "muted")
        self._choose = button(tr("选择文件夹…"), self.choose_folder, icon="folder-open")
        for choice in (self.by_month, self.by_folder):
            self._kinds.addButton(choice)
            when_chosen(choice, self._update)
        self.by_month.setChecked(True)
        self.unit, self.fonds, self.department = QLineEdit(), QLineEdit(), QLineEdit()
        self.unit.setText(next((seal.enterprise for seal in self._shell.seals), ""))
        self.unit.setCursorPosition(0)
        self.fonds.setPlaceholderText(tr("档案部门给的，没有就不填"))
        self.department.setPlaceholderText(tr("例如：采购部、销售合同"))
        self.retention = calm(Choice())
        self.retention.setEditable(True)
        typed = self.retention.lineEdit()
        if typed is not None:  # for screen readers a field of its own
            typed.setAccessibleName(tr("保管期限"))
        self.retention.addItems(["", tr("10年"), tr("30年"), tr("永久")])
        form = QFormLayout()
        form.setHorizontalSpacing(16)
        form.setVerticalSpacing(8)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        for title, field in (
            (tr("立档单位"), self.unit),
            (tr("保管期限"), self.retention),
            (tr("全宗号"), self.fonds),
            (tr("机构或问题"), self.department),
        ):
            field.setAccessibleName(title)
            form.addRow(label(title, "muted"), field)
        made = QWidget()
        parts = column(spacing=8)
        parts.addWidget(self.by_month)
        parts.addLayout(row(24, self.month, None))
        parts.addWidget(self.by_folder)
        folder = row(24, self._choose)
        folder.addWidget(self._folder_name, 1)
        parts.addLayout(folder)
        parts.addSpacing(4)
        parts.addLayout(form)
        made.setLayout(parts)
        return made

    def _take_months(self, months: Mapping[str, int]) -> None:
        for name, count in months.items():
            year, _, month = name.partition("-")
            words = tr(
                "{year}年{month}月（{count} 个文件）", year=year, month=int(month), count=count
            )
            self.month.addItem(words, name)
        if not months:
            self.month.addItem(tr("还没有盖过章"), "")
            self.by_folder.setChecked(True)
        self._update()

    def choose_folder(self) -> None:
        """Ask for the folder."""
        name = QFileDialog.getExistingDirectory(
            self, tr("选择要归档的文件夹"), str(self._shell.folder())
        )
        if name:
            self.folder = Path(name)
            self._folder_name.setText(name)
            self.by_folder.setChecked(True)
            self._update()

    def _update(self) -> None:
        monthly = self.by_month.isChecked()
        self.month.setEnabled(monthly)
        self._choose.setEnabled(not monthly)
        ready = bool(self.month.currentData()) if monthly else self.folder is not None
        self._start.setEnabled(ready)

    # --- working ---------------------------------------------------------------------------------

    def _progress(self) -> QWidget:
        made = QWidget()
        self._doing = label("", wrap=True)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName(tr("进度"))
        parts = column(spacing=8)
        parts.addWidget(self._doing)
        parts.addWidget(self._bar)
        made.setLayout(parts)
        return made

    def start(self) -> None:
        """Ask where to, then make the package."""
        from app.archiving.metadata import About

        what = self.folder if self.by_folder.isChecked() else str(self.month.currentData())
        if not what:
            return
        name = what.name if isinstance(what, Path) else what
        suggested = self._shell.folder() / tr("{name}_归档.zip", name=name)
        suggested = free_name(suggested, "")
        output = ask_where(self, tr("归档包保存到"), suggested, "ZIP (*.zip)")
        if output is None:
            return
        self._shell.remember_folder(output.parent)
        about = About(
            self.unit.text().strip(),
            self.fonds.text().strip(),
            self.department.text().strip(),
            self.retention.currentText().strip(),
        )
        self._asking.hide()
        self._told.hide()
        self._bar.show()
        self._working.show()
        self._start.hide()
        self._close.setText(tr("停止"))
        self._say("verify", 0, 0)
        self._task = self._shell.tasks.work(
            self._make,
            what,
            output,
            about,
            done=self._done,
            failed=self._failed,
            progress=self._say,
        )

    def _make(
        self,
        what: str | Path,
        output: Path,
        about: About,
        step: Step,
        stopped: Callable[[], bool],
    ) -> Made:
        archives = self._shell.context.archives
        return archives.make(what, output, about, language(), step, stopped)

    def _say(self, what: str, done: int, total: int) -> None:
        words = tr("正在验章…") if what == "verify" else tr("正在复核归档包…")
        self._doing.setText(words)
        self._bar.setRange(0, total)
        self._bar.setValue(done)

    # --- telling ---------------------------------------------------------------------------------

    def _done(self, made: Made) -> None:
        from app.archiving.readme import reason

        self._task, self.made = None, made
        self._working.hide()
        result = self._result
        taken = tr("已归档 {count} 个文件", count=len(made.items))
        result.addWidget(label(taken, "heading", wrap=True))
        where = OneLine(str(made.path), "muted")
        result.addWidget(where)
        digest = label(in_fours(made.sm3), "small", wrap=True, select=True)
        result.addWidget(label(tr("归档包的 SM3（抄在移交清单上，以后凭它核对）："), wrap=True))
        result.addWidget(digest)
        copied = button(tr("复制 SM3"), lambda: copy_text(made.sm3), icon="copy")
        opened = button(
            tr("打开所在文件夹"),
            lambda: self._shell.open_outside(made.path.parent),
            icon="folder-open",
        )
        result.addLayout(row(copied, opened, None))
        if made.refused:
            left = tr("没有归档的 {count} 个（包内 index.csv 也有）：", count=len(made.refused))
            result.addWidget(label(left, "heading", wrap=True))
            inner, lines = QWidget(), column(spacing=4)
            for refusal in made.refused[:MOST_REASONS]:
                lines.addWidget(label(pair(refusal.name, reason(refusal, language())), wrap=True))
            lines.addStretch()
            inner.setLayout(lines)
            area = scrolled(inner, left)
            area.setMinimumHeight(min(200, 40 * len(made.refused) + 20))
            result.addWidget(area)
        self._told.show()
        self._close.setText(tr("关闭"))
        self._close.setFocus(Qt.FocusReason.OtherFocusReason)

    def _failed(self, error: BaseException) -> None:
        self._task = None
        if isinstance(error, Cancelled):
            super().reject()
            return
        self._working.hide()
        message = explain(error, language())
        self._doing.setText(f"{message.title} [{message.code}]\n{message.cause}\n{message.remedy}")
        self._bar.hide()
        self._working.show()
        self._asking.show()
        self._start.show()
        self._close.setText(tr("取消"))

    def reject(self) -> None:
        """Close; while it works, stop it first."""
        if self._task is not None:
            self._task.cancel()
            self._doing.setText(tr("正在停止…"))
            return
        super().reject()
