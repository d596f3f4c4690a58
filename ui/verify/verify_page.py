"""验章: drop one file or many; nothing is concluded before checking is done.

Left the files (if there are several), in the middle the document with each seal outlined in its
verdict's colour, right the verdict and its evidence (:mod:`ui.verify.report_panel`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QFileDialog,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.errors import Cancelled, Message, explain
from crypto.verdict import MarkInfo, Report
from ui import theme
from ui.canvas.document_pane import DocumentPane
from ui.canvas.page_items import Item
from ui.document.tools import DocumentTools
from ui.document.viewer import show_signatures
from ui.language import language, tr
from ui.room import room
from ui.shell import file_password
from ui.shell.recent import with_recent
from ui.verify import verdicts
from ui.verify.changes import Listed
from ui.verify.compare import CompareBar
from ui.verify.dispute import Disputes, can_be_disputed
from ui.verify.filing import ReportSaver
from ui.verify.report_panel import ReportPanel
from ui.verify.trusting import MissingProofs
from ui.widgets import (
    DropArea,
    Split,
    button,
    centred,
    column,
    framed,
    label,
    opens,
    row,
    shortcut,
    tool,
)

if TYPE_CHECKING:
    from app.many.bulk import Outcome
    from app.preparing import Notice
    from ui.checking import Conclusion
    from ui.shell.interface import Shell
    from ui.tasks import Task

PANEL_WIDTH = 372
WIDE = 1040
"""Pixels that files, thumbnails, page and panel need beside each other."""
NARROW = 760
"""Fewer have room for the page and the panel only."""


@dataclass
class _File:
    """One file of the list and how far it is."""

    path: Path
    report: Report | None = None
    problem: Message | None = None
    """Why there is no report."""
    outcome: Outcome | None = None
    task: Task | None = None
    """Under way; None: settled, or stopped before that."""
    password: str | None = field(default=None, repr=False)

    @property
    def checking(self) -> bool:
        return self.task is not None


class VerifyPage(QWidget):
    """The page behind 验章."""

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self._shell = shell
        self._files: list[_File] = []
        self._current: _File | None = None
        self._version: int | None = None
        """Length of the earlier version the canvas shows; None: the file as it is."""
        self._saver, self._disputes = ReportSaver(shell, self), Disputes(shell, self)
        self._missing = MissingProofs(shell, self, self.again, lambda: self.again(fetch=True))
        self.setAccessibleName(tr("验章"))

        self._drop = DropArea(
            "shield-check",
            tr("把要验的 PDF 拖到这里"),
            tr("可以一次拖入多个文件。只读取，不改动；内容不离开这台电脑。"),
            tr("选择文件…"),
        )
        self._drop.chosen.connect(self.choose)

        self.pane = DocumentPane(shell.renderer, "verify")
        self.tools = DocumentTools(shell, self.pane, self)
        self.pane.loaded.connect(self._outline)
        self.pane.broken.connect(self._not_shown)
        self.pane.view.item_clicked.connect(self._item_clicked)
        self._open = button(tr("打开"), self.choose, role="quiet", icon="folder-open")
        self._open.setToolTip("Ctrl+O")
        self.pane.toolbar.insertWidget(0, self._open)
        self._back = button(tr("回到当前文件"), self._show_current, icon="arrow-left")
        self._back.hide()
        self.pane.toolbar.insertWidget(2, self._back)
        self.compare = CompareBar(shell)
        self.pane.add_strip(self.compare)
        self.compare.redraw.connect(self._compare)
        self.compare.place_wanted.connect(self._go_to)
        self.pane.view.page_changed.connect(self._turned)

        self.panel = ReportPanel()
        self.panel.mark_wanted.connect(self.pane.view.focus_item)
        self.panel.version_wanted.connect(self.show_version)
        self.panel.change_wanted.connect(self._look_at)
        self.panel.password_wanted.connect(self._ask_password)
        self.panel.check_wanted.connect(self.again)
        self.panel.proof_wanted.connect(self._prove)
        foot = column(margins=(16, 10, 16, 10))
        self._export = button(tr("导出报告…"), self.export, icon="download")
        self._evidence_button = button(tr("证据包…"), self.export_evidence, icon="layers")
        self._again = tool("refresh-cw", tr("重新验证"), self.again)
        self._more = self._more_button()
        foot.addLayout(row(self._export, self._evidence_button, self._more, None, self._again))
        side = column(spacing=0)
        side.addWidget(self.panel, 1)
        side.addWidget(framed("footer", foot))
        panel = framed("panel", side)

        self._left = self._list_column()
        work = QWidget()
        self._across = row(self._left, spacing=0)
        self._across.addWidget(self.pane, 1)
        work.setLayout(self._across)
        self._stack = QStackedWidget()
        self._stack.addWidget(centred(with_recent(self._drop, shell.recent)))
        self._stack.addWidget(Split(work, panel, PANEL_WIDTH, shell.state, "verify panel"))
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self._stack)
        self._make_room()
        shortcut(self, "Esc", self.stop)

    def _list_column(self) -> QWidget:
        """The files, how many are done, and what is for all of them."""
        self.list = QListWidget()
        self.list.setAccessibleName(tr("待验文件"))
        theme.set_role(self.list, "files")
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.list.currentRowChanged.connect(self._select)
        self._count = label("", "small", wrap=True)
        self._stop = button(tr("停止验证"), self.stop, icon="x")
        self._summary = button(tr("导出汇总表…"), self.export_summary, icon="download")
        self._left_foot = foot = column(margins=(10, 8, 10, 10), spacing=6)
        for widget in (self._count, self._stop, self._summary):
            foot.addWidget(widget)
        whole = column(spacing=0)
        whole.addWidget(self.list, 1)
        whole.addWidget(framed("list-foot", foot))
        made = QWidget()
        made.setLayout(whole)
        return made

    def _more_button(self) -> QToolButton:
        """What is done less often, and with the platform."""
        made = tool("chevron-down", tr("更多"), lambda: None)
        menu = QMenu(made)
        menu.addAction(tr("查看印章、导出证书…"), self._look_at_certificates)
        self._sealed = menu.addAction(tr("平台盖章的报告…"), self.sealed_report)
        self._object = menu.addAction(tr("提出异议…"), self.dispute)
        menu.addSeparator()
        self._follow = menu.addAction(tr("查询已提出的异议…"), self._disputes.follow)
        opens(made, menu)
        return made

    def _look_at_certificates(self) -> None:
        file = self._current
        if file and file.report:
            show_signatures(self._shell, file.path, file.password, file.report, self)

    # --- what the shell calls --------------------------------------------------------------------

    def activated(self) -> None:
        """The page was chosen."""

    def panes(self) -> list[QWidget]:
        """Where F6 goes."""
        if self._stack.currentIndex() == 0:
            return [self._drop.button]
        return [*([self.list] if self.list.isVisible() else []), self.pane.view, self._export]

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._make_room()

    def _make_room(self) -> None:
        """Where the columns have no room the thumbnails give way to the files."""
        narrow = self.width() < room(NARROW)
        tight = narrow or (len(self._files) > 1 and self.width() < room(WIDE))
        self.pane.make_room(thumbnails=not tight, narrow=narrow)
        self._open.setText("" if tight else f" {tr('打开')}")
        self._back.setText("" if narrow else f" {tr('回到当前文件')}")
        self._summary.setText("" if narrow else f" {tr('导出汇总表…')}")
        theme.set_role(self._open, "icon" if tight else "quiet")
        theme.set_role(self._back, "icon" if narrow else "")
        across, below = QBoxLayout.Direction.LeftToRight, QBoxLayout.Direction.TopToBottom
        self._across.setDirection(below if narrow else across)
        self._left_foot.setDirection(across if narrow else below)
        most = 16_777_215
        width = most if narrow else room(176 if tight else 208)
        self._left.setMinimumWidth(0 if narrow else width)
        self._left.setMaximumWidth(width)
        self.list.setMaximumHeight(50 if narrow else most)

    def light_up(self, over: bool) -> None:
        self._drop.light_up(over)

    def open_files(self, paths: Sequence[Path]) -> None:
        """Verify *paths*; what was there before gives way."""
        self._shell.recent.add(paths)
        for file in self._files:
            if file.task:
                file.task.drop()
        self._files = [_File(path) for path in paths]
        self._current = None
        self.list.blockSignals(True)
        self.list.clear()
        for file in self._files:
            self.list.addItem(QListWidgetItem(file.path.name))
        self.list.blockSignals(False)
        self._left.setVisible(len(self._files) > 1)
        self._make_room()
        self._stack.setCurrentIndex(1 if self._files else 0)
        if self._files:
            self._check(self._files)
            self.list.setCurrentRow(0)
            self.pane.view.setFocus(Qt.FocusReason.OtherFocusReason)

    def take_over(self, before: VerifyPage) -> None:
        """Go on with the files of a page that was made in another language."""
        if before._files:
            self.open_files([file.path for file in before._files])
            self.list.setCurrentRow(before.list.currentRow())

    def choose(self) -> None:
        """Let the person pick files."""
        names, _ = QFileDialog.getOpenFileNames(
            self, tr("选择要验的文件"), str(self._shell.folder()), "PDF (*.pdf)"
        )
        if names:
            self._shell.remember_folder(Path(names[0]).parent)
            self.open_files([Path(name) for name in names])

    @property
    def report(self) -> Report | None:
        """Of the file being shown, once there is one."""
        return self._current.report if self._current else None

    # --- checking --------------------------------------------------------------------------------

    def _check(self, files: Sequence[_File], *, fetch: bool = False) -> None:
        """Verify *files*, which share a password, in worker processes."""
        files = list(files)

        def found(index: int, outcome: Outcome, conclusion: Conclusion) -> None:
            file = files[index]
            file.task, file.outcome = None, outcome
            if isinstance(conclusion, Report):
                file.report = conclusion
            else:
                file.problem = conclusion
            self._settled(file)

        def ended(error: BaseException | None) -> None:
            for file in files:
                if file.task is task:  # it was stopped, or nothing could be checked at all
                    file.task = None
                    if error is not None and not isinstance(error, Cancelled):
                        file.problem = explain(error, language())
                    self._settled(file)

        def checked(problems: Sequence[BaseException]) -> None:
            ended(None)
            self._shell.away.tell(tr("验证已结束：{count} 个文件。", count=len(files)))
            for problem in problems:
                self._shell.complain(problem)

        task = self._shell.tasks.work(
            self._shell.context.verify,
            [file.path for file in files],
            files[0].password,
            fetch,
            done=checked,
            failed=ended,
            progress=found,
        )
        for file in files:
            file.report = file.problem = file.outcome = None
            file.task = task
            self._describe(file)
        self._tell_count()

    def stop(self) -> None:
        """End the checking; what is settled stays."""
        for task in {id(file.task): file.task for file in self._files if file.task}.values():
            task.cancel()

    def again(self, *, fetch: bool = False) -> None:
        """Verify the file being shown anew; *fetch*: with what its addresses lead to."""
        if self._current and not self._current.checking:
            self._check([self._current], fetch=fetch)
            self._show_panel()
            self.pane.set_items(())

    def _settled(self, file: _File) -> None:
        if file not in self._files:
            return
        self._describe(file)
        self._tell_count()
        if file is self._current:
            self._show_panel()
            self._outline()
        if file.report is not None and file.report.hangs_on_the_clock:
            self._shell.tasks.work(self._shell.context.preparer.clock, done=self._tell_clock)

    def _tell_clock(self, notice: Notice | None) -> None:
        if notice is not None:
            self._shell.notices.show_notice("clock", "warning", notice.text(language()))

    def _tell_count(self) -> None:
        left = sum(file.checking for file in self._files)
        done = len(self._files) - left
        said = tr("已验 {done} / {total}", done=done, total=len(self._files))
        self._count.setText(said if left else verdicts.tally(self._reports()))
        self._stop.setVisible(left > 0)
        self._summary.setVisible(not left)

    def _reports(self) -> list[Report | None]:
        return [file.report for file in self._files]

    def _describe(self, file: _File) -> None:
        """The row of a file in the list: icon, name, word."""
        item = self.list.item(self._files.index(file))
        if file.checking:
            look, said = verdicts.Appearance("muted", "hourglass"), tr("正在验证…")
        elif file.report is not None:
            look = verdicts.VERDICTS[file.report.verdict]
            said = verdicts.word(file.report.verdict)
        elif file.problem is not None:
            look, said = verdicts.Appearance("bad", "circle-alert"), file.problem.title
        else:
            look, said = verdicts.Appearance("muted", "circle-help"), tr("没有验证")
        item.setIcon(theme.icon(look.icon, look.role))
        item.setText(f"{file.path.name}\n{said}")
        item.setToolTip(str(file.path))
        item.setData(Qt.ItemDataRole.AccessibleTextRole, tr("，").join((file.path.name, said)))

    def _prove(self, action: str) -> None:
        """Do what could prove what is missing in the file being shown."""
        file = self._current
        if file and file.report:
            self._missing.act(action, file.path, file.password, file.report)

    # --- showing ---------------------------------------------------------------------------------

    def _select(self, number: int) -> None:
        if not 0 <= number < len(self._files):
            return
        self._current = self._files[number]
        self._show_current()
        self._show_panel()

    def _show_current(self) -> None:
        if self._current:
            self._version = None
            self._back.hide()
            self._shell.notices.clear_notice("page")
            self.pane.open(self._current.path, password=self._current.password)

    def show_version(self, end: int, title: str) -> None:
        """The document as it was when it had *end* bytes."""
        if self._current:
            self.compare.turn_off()
            self._version = end
            self._back.show()
            self.pane.open(self._current.path, end=end, password=self._current.password)
            self.pane.title.setText(title)
            self.pane.title.setToolTip(title)

    def _not_shown(self, reason: str) -> None:
        if reason == "password":
            return  # verification says the same and asks
        said = tr("这个文件的页面无法显示；验证结论不受影响。")
        if reason == "crashed":
            said = tr("显示页面的进程异常退出或超时，已经重新启动；验证结论不受影响。")
        self._shell.notices.show_notice("page", "warning", said)

    def _outline(self) -> None:
        """Outlines on the page, each in its verdict's colour; none before the verdict is there."""
        report = self.report
        if report is None or not self.pane.view.page_count:
            return
        if self.compare.active and self._version is None:
            view = self.pane.view
            sizes = [view.page_size(page) for page in range(view.page_count)]
            self.pane.set_items(self.compare.items(view.page, sizes))
            return
        items = []
        for number, signature in enumerate(report.signatures):
            if self._version is not None and verdicts.end_of(report, signature) > self._version:
                continue  # it was not there yet
            look = verdicts.VERDICTS[signature.verdict]
            name = tr("，").join((verdicts.seal_name(signature), verdicts.word(signature.verdict)))
            for place, mark in enumerate(signature.marks):
                items.append(_outline(f"{number}/{place}", mark, name, look.role))
        if self._version is None:
            for place, mark in enumerate(report.unsigned_marks):
                name = tr("此印迹不受任何签名保护")
                items.append(_outline(f"u/{place}", mark, name, "bad"))
        for place, mark in enumerate(report.lookalikes):
            name = tr("形似印章的图案，不是电子印章")
            items.append(_outline(f"l/{place}", mark, name, "unknown"))
        count = self.pane.view.page_count
        self.pane.set_items([item for item in items if 0 <= item.page < count])

    def _item_clicked(self, key: str) -> None:
        name = key.partition("/")[0]
        self.panel.go_to_card("changes" if name == "change" else f"signature-{name}")

    # --- what changed ----------------------------------------------------------------------------

    def _offer_compare(self) -> None:
        file = self._current
        if file and file.report:
            self.compare.offer(file.path, file.report, file.password)
        else:
            self.compare.offer(None)

    def _compare(self) -> None:
        """Show the pages, or what changed on them."""
        if self.compare.toggle.isChecked() and self._version is not None:
            self._show_current()
        self._outline()

    def _turned(self) -> None:
        if self.compare.active:
            self._outline()

    def _look_at(self, change: Listed) -> None:
        """Show what changed, there."""
        self.compare.turn_on()
        if change.page is not None:
            self.pane.view.go_to(change.page, change.down_mm)

    def _go_to(self, page: int, down_mm: float) -> None:
        self.pane.view.go_to(page, down_mm)

    def _show_panel(self) -> None:
        self._offer_compare()
        file = self._current
        settled = file is not None and file.report is not None
        self._export.setEnabled(settled)
        self._evidence_button.setEnabled(settled)
        platform = bool(self._shell.context.settings.platform_url)
        self._sealed.setEnabled(settled and platform)
        self._object.setEnabled(platform and can_be_disputed(self.report))
        self._follow.setEnabled(platform)
        self._again.setEnabled(file is not None and not file.checking)
        if file is None:
            self.panel.clear()
        elif file.checking:
            self.panel.show_checking()
        elif file.report is not None:
            self.panel.show_report(file.report)
        elif file.problem is not None:
            self.panel.show_problem(file.problem)
        else:
            self.panel.show_unchecked()

    def _ask_password(self) -> None:
        if self._current is None:
            return
        again = self._current.password is not None
        text = file_password.ask_file_password(self, self._current.path, again=again)
        if text and self._current:
            self._current.password = text
            self._check([self._current])
            self._show_panel()
            self._show_current()

    # --- what is filed ---------------------------------------------------------------------------

    def export(self) -> None:
        """Save the report of the file being shown."""
        file = self._current
        if file and file.report:
            self._saver.report(file.path, file.report, file.password)

    def export_evidence(self) -> None:
        """Save all that is needed to check the file being shown again."""
        if self._current and self._current.report:
            self._saver.evidence(self._current.path, self._current.password)

    def export_summary(self) -> None:
        """Save a table of all files."""
        from app.many.bulk import NOT_CHECKED, Outcome

        missing = {"verdict": NOT_CHECKED}
        outcomes = [file.outcome or Outcome(file.path, missing) for file in self._files]
        self._saver.summary(self._files[0].path.parent, outcomes)

    def dispute(self) -> None:
        """Object to a seal of the file being shown."""
        file = self._current
        if file and file.report:
            self._disputes.open(file.path, file.report, file.password)

    def sealed_report(self) -> None:
        """Have the platform verify the file being shown and seal its report."""
        if self._current and self._current.report:
            self._saver.sealed_report(self._current.path)


def _outline(key: str, mark: MarkInfo, name: str, role: str) -> Item:
    return Item(
        key,
        mark.page - 1,
        mark.left_mm,
        mark.top_mm,
        mark.width_mm,
        mark.height_mm,
        name,
        look="outline",
        tint=role,
    )
