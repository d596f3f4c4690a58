"""What came of a run: one stamped file, one that failed, or the list of a batch and its report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFileDialog, QListWidget, QListWidgetItem, QPushButton, QWidget

from app.errors import OutputNotWritable, explain, lies_in_the_document, stops_batch
from crypto.beijing import BEIJING
from ui import theme
from ui.document.drag_out import FilesOut
from ui.files import ask_where, open_outside
from ui.language import language, tr
from ui.shell.notice import ErrorView, announce
from ui.stamp.work import StampOutcome
from ui.widgets import button, column, label, picture, row

if TYPE_CHECKING:
    from ui.shell.interface import Shell


class Result(QWidget):
    """The end of a run, in place of the panel."""

    closed = Signal(bool)
    """The person is done with it; True: the same file once more."""
    retry = Signal()
    """What was not stamped is to be tried again."""
    looked_at = Signal(object)
    """Path of a document of the batch that the person wants to see."""
    folder_chosen = Signal(object)
    """What was not stamped is to be tried again and saved in this folder."""
    moved = Signal(object)
    """The stamped file is to lie at this path."""

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self._shell = shell
        self._lines = column(spacing=10)
        self.setLayout(self._lines)
        self._problem = label("", "bad", wrap=True)
        self._problem.hide()
        self.first: QWidget = self
        """What gets the focus."""

    def say(self, problem: str) -> None:
        """Why it cannot be tried again just now."""
        self._problem.setText(problem)
        self._problem.setVisible(bool(problem))

    def _head(self, icon: str, role: str, text: str) -> None:
        head = row(picture(icon, role, 32), spacing=12)
        head.addWidget(label(text, "title", wrap=True), 1)
        self._lines.addLayout(head)
        self.setAccessibleName(text)

    def _close(self) -> None:
        self.closed.emit(False)

    def _open(self, path: Path) -> None:
        self.say("")
        open_outside(path, self.say)

    def _choose_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, tr("另存到"), str(self._shell.folder()))
        if name:
            self.folder_chosen.emit(Path(name))


class Failure(Result):
    """Nothing was stamped: *error*, or None if the person stopped it; *asked*: after approval was
    asked for."""

    def __init__(self, shell: Shell, error: BaseException | None, asked: bool = False) -> None:
        super().__init__(shell)
        if error is None:
            self._head("info", "muted", tr("已取消"))
            self._lines.addWidget(label(tr("没有生成任何文件。"), wrap=True))
            if asked:
                said = tr(
                    "提出的用印申请还在：同意以后再盖，不用重新申请；不要了的，到“审批”页撤回。"
                )
                self._lines.addWidget(label(said, wrap=True))
        else:
            view = ErrorView(error)
            layout = view.layout()
            if layout is not None:
                layout.setContentsMargins(0, 0, 0, 0)
            self._lines.addWidget(view)
            self.setAccessibleName(view.accessibleName())
        self._lines.addWidget(self._problem)
        self.first = again = button(tr("再试一次"), self.retry.emit)
        back = button(tr("返回"), self._close)
        self._lines.addLayout(row(back, again, None))
        if isinstance(error, OutputNotWritable):
            self.first = elsewhere = button(tr("另存到…"), self._choose_folder, icon="folder-open")
            self._lines.addLayout(row(elsewhere, None))
        elif error is not None and lies_in_the_document(error):
            self.first = back
        self._lines.addStretch()
        announce(self)


class Success(Result):
    """One file was stamped."""

    def __init__(self, shell: Shell, outcome: StampOutcome) -> None:
        super().__init__(shell)
        file = outcome.result
        if file is None:
            raise ValueError("no file came of this order")
        path = file.path
        self._head("circle-check", "good", tr("已盖章"))
        name = label(path.name, "heading", wrap=True, select=True)
        name.setToolTip(str(path))
        self._lines.addWidget(name)
        self._lines.addWidget(label(str(path.parent), "small", wrap=True, select=True))
        if outcome.file is None:
            said = tr("台账里已有这次用印，没有再盖一次。")
        else:
            ticketed = outcome.file.ticketed
            known = tr("平台已出具用印凭据。") if ticketed else tr("离线盖章，联网后上报平台。")
            said = tr("文件已重新读出并验证。{known}", known=known)
        self._lines.addWidget(label(said, wrap=True))
        self._lines.addWidget(label(tr("台账第 {number} 条", number=file.journal_entry), "small"))
        self._lines.addWidget(self._problem)
        misplaced = outcome.file.misplaced if outcome.file is not None else None
        if misplaced is not None:
            message = explain(misplaced, language())
            self._lines.addWidget(label(f"{message.title}\n{message.cause}", "bad", wrap=True))
            self._misplaced = misplaced
            save = button(tr("另存到…"), self._choose_place, role="default", icon="folder-open")
            self._lines.addWidget(save)
        self._lines.addSpacing(6)
        self.first = button(tr("打开"), lambda: self._open(path), icon="external-link")
        folder, verify = tr("打开所在文件夹"), tr("验章")
        for widget in (
            self.first,
            button(folder, lambda: self._open(path.parent), icon="folder-open"),
            FilesOut([path]),
            button(verify, lambda: self._shell.go("verify", [path]), icon="shield-check"),
            button(tr("再盖一份"), lambda: self.closed.emit(True), icon="stamp"),
            button(tr("完成"), self._close),
        ):
            self._lines.addWidget(widget)
        self._lines.addStretch()
        self.setAccessibleName(tr("已盖章：{name}", name=path.name))
        announce(self)

    def _choose_place(self) -> None:
        wanted = Path(self._misplaced.path)
        start = wanted.parent if wanted.parent.is_dir() else self._shell.folder()
        target = ask_where(self, tr("另存到"), start / wanted.name, "PDF (*.pdf)")
        if target is not None:
            self.moved.emit(target)


class BatchResult(Result):
    """A result for each file, those that were not stamped first and with why and what to do; the
    report; trying again."""

    def __init__(
        self, shell: Shell, outcomes: Sequence[StampOutcome], save: Callable[[Path], None]
    ) -> None:
        """*save* writes the report."""
        super().__init__(shell)
        self._save = save
        self._outcomes = sorted(outcomes, key=lambda outcome: outcome.result is not None)
        good = [outcome.result for outcome in outcomes if outcome.result is not None]
        failed = [outcome.error for outcome in outcomes if outcome.result is None]
        rest = len(failed)
        hopeful = [error for error in failed if error is None or not lies_in_the_document(error)]
        icon, role = ("triangle-alert", "unknown") if rest else ("circle-check", "good")
        said = tr("{good} / {count} 个文件已盖章", good=len(good), count=len(outcomes))
        self._head(icon, role, said)
        self._stopped(outcomes)
        self._lines.addWidget(self._problem)
        buttons: list[QPushButton] = []
        if rest:
            buttons.append(button(tr("继续其余 {count} 个", count=rest), self.retry.emit))
        if any(isinstance(outcome.error, OutputNotWritable) for outcome in outcomes):
            buttons.append(button(tr("另存到…"), self._choose_folder, icon="folder-open"))
        buttons.append(button(tr("保存清单…"), self._choose, icon="download"))
        if good:
            folder = good[0].path.parent
            opener = button(tr("打开所在文件夹"), lambda: self._open(folder), icon="folder-open")
            buttons.append(opener)
            buttons.append(FilesOut([file.path for file in good]))
        buttons.append(done := button(tr("完成"), self._close))
        for action in buttons:
            self._lines.addWidget(action)
        self.first = buttons[0]
        if failed and not hopeful:  # to go on would fail the same way
            self.first = done
        elif hopeful and all(isinstance(error, OutputNotWritable) for error in hopeful):
            self.first = buttons[1]
        self.list = _Rows()
        self.list.setAccessibleName(tr("每个文件的结果"))
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        theme.set_role(self.list, "results")
        self.list.setMinimumHeight(220)
        for outcome in self._outcomes:
            self.list.addItem(_line(outcome))
        self.list.currentRowChanged.connect(self._look)
        self.list.itemActivated.connect(lambda _: self._close())
        self._lines.addWidget(self.list, 1)
        announce(self)

    def _stopped(self, outcomes: Sequence[StampOutcome]) -> None:
        """What ended the batch before its end, and what to do about it."""
        error = next((o.error for o in outcomes if o.error and stops_batch(o.error)), None)
        if error is not None:
            message = explain(error, language())
            self._lines.addWidget(label(message.title, "bad", wrap=True))
            self._lines.addWidget(label(message.remedy, "small", wrap=True))
        elif any(outcome.result is None and outcome.error is None for outcome in outcomes):
            self._lines.addWidget(label(tr("已取消，其余文件没有处理。"), "muted", wrap=True))

    def _look(self, number: int) -> None:
        if 0 <= number < len(self._outcomes):
            self.looked_at.emit(self._outcomes[number].order.path)

    def _choose(self) -> None:
        file = next(
            (outcome.result for outcome in self._outcomes if outcome.result is not None), None
        )
        folder = file.path.parent if file else self._outcomes[0].order.path.parent
        moment = datetime.now(BEIJING).strftime("%Y%m%d-%H%M")
        name = tr("盖章清单 {moment}", moment=moment)
        kinds = f"{tr('Excel 工作簿')} (*.xlsx);;{tr('CSV 表格')} (*.csv)"
        path = ask_where(self, tr("保存清单"), folder / f"{name}.xlsx", kinds, replaces=True)
        if path is not None:
            self._save(path)


class _Rows(QListWidget):
    """Rows as high as their texts: Qt's own reckoning leaves out what the style sheet puts beside
    them, and the last line is cut."""

    BESIDE = 48
    """Pixels of the icon and of the room around the text."""
    ABOVE = 18
    """Pixels of the room above and below it, and of the line between two rows."""

    def __init__(self) -> None:
        super().__init__()
        self.setWordWrap(True)
        self.setTextElideMode(Qt.TextElideMode.ElideNone)
        self.setVerticalScrollMode(QListWidget.ScrollMode.ScrollPerPixel)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self.measure()
        super().resizeEvent(event)

    def measure(self) -> None:
        """Give every row its height."""
        wide = max(1, self.viewport().width() - self.BESIDE)
        room, wrapped = QRect(0, 0, wide, 1 << 20), Qt.TextFlag.TextWordWrap
        for number in range(self.count()):
            item = self.item(number)
            text = self.fontMetrics().boundingRect(room, wrapped, item.text())
            item.setSizeHint(QSize(0, text.height() + self.ABOVE))


def _line(outcome: StampOutcome) -> QListWidgetItem:
    file = outcome.result.path if outcome.result is not None else outcome.order.path
    if outcome.result is not None:
        look, said = ("circle-check", "good"), [tr("已盖章")]
        if outcome.file is not None and outcome.file.misplaced is not None:
            message = explain(outcome.file.misplaced, language())
            look, said = ("triangle-alert", "unknown"), [message.title, message.cause]
    elif outcome.error is not None:
        message = explain(outcome.error, language())
        cause = message.cause.replace(str(file), file.name)  # the folder is in the tooltip
        look, said = ("circle-x", "bad"), [f"{message.title} {message.code}", cause, message.remedy]
    else:
        look, said = ("clock", "muted"), [tr("未处理")]
    item = QListWidgetItem(theme.icon(*look), "\n".join((file.name, *said)))
    item.setToolTip(str(file))
    item.setData(Qt.ItemDataRole.AccessibleTextRole, tr("，").join((file.name, *said)))
    return item
