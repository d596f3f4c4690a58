"""验章: drop one file or many; nothing is concluded before checking is done.

Left the files (if there are several), in the middle the document with each seal outlined in its
verdict's colour, right the verdict and its evidence.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QFileDialog,
    QFrame,
    QInputDialog,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QProgressBar,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.durable import replace_file
from app.errors import explain
from crypto.pdf_document import PdfEncrypted, PdfPasswordWrong
from crypto.verdict import Finding, MarkInfo, Report, SignatureReport, Verdict
from ui import theme, verdicts
from ui.document_pane import DocumentPane
from ui.language import language, tr
from ui.notice import ErrorView, announce
from ui.page_view import Item
from ui.widgets import (
    DropArea,
    Expander,
    button,
    centred,
    clear_layout,
    column,
    copy_text,
    facts,
    framed,
    label,
    moment,
    picture,
    row,
    scrolled,
    tool,
)

if TYPE_CHECKING:
    from ui.main_window import Shell
    from ui.tasks import Task

PANEL_WIDTH = 372


@dataclass
class _File:
    """One file of the list and how far it is."""

    path: Path
    report: Report | None = None
    error: BaseException | None = None
    task: Task | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def checking(self) -> bool:
        return self.report is None and self.error is None


class VerifyPage(QWidget):
    """The page behind 验章."""

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self._shell = shell
        self._files: list[_File] = []
        self._current: _File | None = None
        self._revision: SignatureReport | None = None
        """Whose signed version the canvas shows; None: the file as it is."""
        self.setAccessibleName(tr("验章"))

        self._drop = DropArea(
            "shield-check",
            tr("把要验的 PDF 拖到这里"),
            tr("可以一次拖入多个文件。只读取，不改动；内容不离开这台电脑。"),
            tr("选择文件…"),
        )
        self._drop.chosen.connect(self.choose)

        self.list = QListWidget()
        self.list.setAccessibleName(tr("待验文件"))
        self.list.setFixedWidth(208)
        theme.set_role(self.list, "files")
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.list.currentRowChanged.connect(self._select)
        self.pane = DocumentPane(shell.renderer, "verify")
        self.pane.loaded.connect(self._outline)
        self.pane.broken.connect(self._not_shown)
        self.pane.view.item_clicked.connect(self._item_clicked)
        self.pane.toolbar.insertWidget(
            0, button(tr("打开"), self.choose, role="quiet", icon="folder-open")
        )
        self._back = button(tr("回到当前文件"), self._show_current, icon="arrow-left")
        self._back.hide()
        self.pane.toolbar.insertWidget(2, self._back)

        self._panel = column(margins=(16, 16, 16, 16), spacing=12)
        holder = QWidget()
        holder.setLayout(self._panel)
        self._foot = column(margins=(16, 10, 16, 10))
        self._export = button(tr("导出报告…"), self.export, icon="download")
        self._evidence_button = button(tr("证据包…"), self.export_evidence, icon="layers")
        self._again = tool("refresh-cw", tr("重新验证"), self.again)
        self._foot.addLayout(row(self._export, self._evidence_button, None, self._again))
        side = column(spacing=0)
        side.addWidget(scrolled(holder, tr("结论和依据")), 1)
        side.addWidget(framed("footer", self._foot))
        panel = framed("panel", side)
        panel.setFixedWidth(PANEL_WIDTH)

        work = QWidget()
        across = row(self.list, spacing=0)
        across.addWidget(self.pane, 1)
        across.addWidget(panel)
        work.setLayout(across)
        self._stack = QStackedWidget()
        self._stack.addWidget(centred(self._drop))
        self._stack.addWidget(work)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self._stack)

    # --- what the shell calls --------------------------------------------------------------------

    def activated(self) -> None:
        """The page was chosen."""

    def panes(self) -> list[QWidget]:
        """Where F6 goes."""
        if self._stack.currentIndex() == 0:
            return [self._drop.button]
        return [*([self.list] if self.list.isVisible() else []), self.pane.view, self._export]

    def light_up(self, over: bool) -> None:
        self._drop.light_up(over)

    def open_files(self, paths: Sequence[Path]) -> None:
        """Verify *paths*; what was there before gives way."""
        for each in self._files:
            if each.task:
                each.task.drop()
        self._files = [_File(path) for path in paths]
        self._current = None
        self.list.blockSignals(True)
        self.list.clear()
        for each in self._files:
            self.list.addItem(QListWidgetItem(each.path.name))
        self.list.blockSignals(False)
        self.list.setVisible(len(self._files) > 1)
        self._stack.setCurrentIndex(1 if self._files else 0)
        for number, each in enumerate(self._files):
            self._describe(number)
            self._check(each)
        if self._files:
            self.list.setCurrentRow(0)

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

    def _check(self, file: _File) -> None:
        def done(report: Report) -> None:
            file.report = report
            self._settled(file)

        def failed(error: BaseException) -> None:
            file.error = error
            self._settled(file)

        file.report = file.error = None
        file.task = self._shell.tasks.work(
            self._shell.context.verify, file.path, file.password, done=done, failed=failed
        )

    def again(self) -> None:
        """Verify the file being shown anew."""
        if self._current and not self._current.checking:
            self._check(self._current)
            self._describe(self._files.index(self._current))
            self._show_panel()
            self.pane.set_items(())

    def _settled(self, file: _File) -> None:
        if file not in self._files:
            return
        self._describe(self._files.index(file))
        if file is self._current:
            self._show_panel()
            self._outline()

    def _describe(self, number: int) -> None:
        """The row of a file in the list: icon, name, word."""
        file, item = self._files[number], self.list.item(number)
        if file.checking:
            look, said = verdicts.Look("muted", "hourglass"), tr("正在验证…")
        elif file.report is not None:
            look = verdicts.VERDICTS[file.report.verdict]
            said = verdicts.word(file.report.verdict)
        else:
            look = verdicts.Look("bad", "circle-alert")
            said = explain(file.error or Exception(), language()).title
        item.setIcon(theme.icon(look.icon, look.role))
        item.setText(f"{file.path.name}\n{said}")
        item.setToolTip(str(file.path))
        item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{file.path.name}，{said}")

    # --- showing ---------------------------------------------------------------------------------

    def _select(self, number: int) -> None:
        if not 0 <= number < len(self._files):
            return
        self._current = self._files[number]
        self._revision = None
        self._back.hide()
        self.pane.open(self._current.path, password=self._current.password)
        self._show_panel()

    def _show_current(self) -> None:
        if self._current:
            self._revision = None
            self._back.hide()
            self.pane.open(self._current.path, password=self._current.password)

    def show_revision(self, signature: SignatureReport) -> None:
        """The document as it was when *signature* was made: the bytes up to its range's end."""
        if self._current and len(signature.byte_range) == 4:
            self._revision = signature
            self._back.show()
            end = signature.byte_range[2] + signature.byte_range[3]
            self.pane.open(self._current.path, end=end, password=self._current.password)
            self.pane.title.setText(tr("签章时的版本 · {name}", name=verdicts.seal_name(signature)))

    def _not_shown(self, reason: str) -> None:
        if self._current and reason == "password" and not self._current.password:
            return  # verification says the same and asks
        self._shell.notices.show_notice(
            "page", "warning", tr("这个文件的页面无法显示；验证结论不受影响。")
        )

    def _outline(self) -> None:
        """Outlines on the page, each in its verdict's colour; none before the verdict is there."""
        report = self.report
        if report is None or not self.pane.view.page_count:
            return
        items = []
        for number, signature in enumerate(report.signatures):
            if self._revision is not None and not _present(signature, self._revision):
                continue
            look = verdicts.VERDICTS[signature.verdict]
            name = f"{verdicts.seal_name(signature)}，{verdicts.word(signature.verdict)}"
            for place, mark in enumerate(signature.marks):
                items.append(_outline(f"{number}/{place}", mark, name, look.role))
        for place, mark in enumerate(report.unsigned_marks):
            name = tr("此印迹不受任何签名保护")
            items.append(_outline(f"u/{place}", mark, name, "bad"))
        count = self.pane.view.page_count
        self.pane.set_items([each for each in items if 0 <= each.page < count])

    def _item_clicked(self, key: str) -> None:
        number = key.partition("/")[0]
        card = self.findChild(QFrame, f"signature-{number}")
        if card is not None:
            card.setFocus(Qt.FocusReason.OtherFocusReason)

    def _show_panel(self) -> None:
        clear_layout(self._panel)
        file = self._current
        settled = file is not None and file.report is not None
        self._export.setEnabled(settled)
        self._evidence_button.setEnabled(settled)
        self._again.setEnabled(file is not None and not file.checking)
        if file is None:
            return
        if file.checking:
            self._panel.addWidget(_checking())
        elif file.report is not None:
            self._show_report(file.report)
        elif file.error is not None:
            self._show_error(file, file.error)
        self._panel.addStretch()

    def _show_error(self, file: _File, error: BaseException) -> None:
        card = ErrorView(error)
        theme.set_role(card, "card")
        self._panel.addWidget(card)
        if isinstance(error, PdfEncrypted | PdfPasswordWrong):
            self._panel.addWidget(button(tr("输入文件密码…"), self._ask_password, icon="lock"))

    def _ask_password(self) -> None:
        text, sure = QInputDialog.getText(
            self, tr("文件密码"), tr("这个 PDF 的打开密码："), QLineEdit.EchoMode.Password
        )
        if sure and text and self._current:
            self._current.password = text
            self._check(self._current)
            self._show_panel()
            self.pane.open(self._current.path, password=text)

    def _show_report(self, report: Report) -> None:
        card = _verdict_card(report)
        self._panel.addWidget(card)
        announce(card)
        for number, signature in enumerate(report.signatures):
            self._panel.addWidget(
                self._signature_card(number, signature, alone=len(report.signatures) == 1)
            )
        for place, mark in enumerate(report.unsigned_marks):
            self._panel.addWidget(self._unsigned_card(place, mark))
        if report.findings:
            body = QWidget()
            inner = column(spacing=4)
            body.setLayout(inner)
            for finding in report.findings:
                inner.addWidget(_finding(finding))
            self._panel.addWidget(Expander(tr("关于整个文件"), body))

    def _signature_card(self, number: int, signature: SignatureReport, *, alone: bool) -> QFrame:
        look = verdicts.VERDICTS[signature.verdict]
        inner = column(margins=(14, 12, 14, 10), spacing=6)
        name = label(verdicts.seal_name(signature), "heading", wrap=True)
        head = row(picture(look.icon, look.role, 20), spacing=8)
        head.addWidget(name, 1)
        inner.addLayout(head)
        said = label(verdicts.word(signature.verdict), look.role)
        inner.addWidget(said)
        if signature.seal:
            inner.addWidget(
                label(tr("编码 {code}", code=signature.seal.code), "small", select=True)
            )
        best = signature.times.best
        when = tr("签章时间 {time}", time=moment(best))
        if not signature.times.trusted:
            when = tr("签章时间 {time}（自称）", time=moment(best))
        inner.addWidget(label(when, "small"))
        inner.addWidget(label(verdicts.platform_line(signature), "small", wrap=True))
        for text in verdicts.later_changes(signature):
            line = row(picture("history", "changed", 14), spacing=6)
            line.addWidget(label(text, "changed", wrap=True), 1)
            inner.addLayout(line)
        inner.addWidget(self._evidence(signature, opened=alone))
        shown = row(spacing=2)
        if signature.marks:
            mark = signature.marks[0]
            shown.addWidget(
                button(
                    tr("看印迹"),
                    lambda: self.pane.view.focus_item(f"{number}/0"),
                    role="link",
                    tip=tr("第 {page} 页", page=mark.page),
                )
            )
        if signature.coverage == "revision" and len(signature.byte_range) == 4:
            shown.addWidget(
                button(tr("查看签章时的版本"), lambda: self.show_revision(signature), role="link")
            )
        shown.addStretch()
        shown.addWidget(
            button(tr("复制"), lambda: copy_text(verdicts.as_text(signature)), role="link")
        )
        inner.addLayout(shown)
        card = framed("card", inner)
        card.setObjectName(f"signature-{number}")
        card.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        card.setAccessibleName(
            f"{verdicts.seal_name(signature)}，{verdicts.word(signature.verdict)}，{when}"
        )
        return card

    def _evidence(self, signature: SignatureReport, *, opened: bool) -> QWidget:
        made = QWidget()
        inner = column(spacing=0)
        made.setLayout(inner)
        details = {
            "signer": verdicts.signer_rows(signature),
            "seal": verdicts.seal_rows(signature),
            "time": verdicts.time_rows(signature),
        }
        for group, found in verdicts.grouped(signature.findings).items():
            body = QWidget()
            lines = column(spacing=5)
            body.setLayout(lines)
            for finding in found:
                lines.addWidget(_finding(finding))
            if details.get(group):
                lines.addSpacing(4)
                lines.addWidget(facts(details[group]))
            worst = verdicts.LEVELS[found[0].level]
            bad = worst.role not in ("good", "muted")
            inner.addWidget(
                Expander(
                    verdicts.headings()[group],
                    body,
                    opened=opened and bad,
                    sign=picture(worst.icon, worst.role, 16),
                )
            )
        return made

    def _unsigned_card(self, place: int, mark: MarkInfo) -> QFrame:
        inner = column(margins=(14, 12, 14, 12), spacing=6)
        head = row(picture("shield-x", "bad", 20), spacing=8)
        head.addWidget(label(tr("此印迹不受任何签名保护"), "heading", wrap=True), 1)
        inner.addLayout(head)
        inner.addWidget(label(tr("第 {page} 页。它只是画上去的图案。", page=mark.page), "small"))
        inner.addLayout(
            row(
                button(tr("看印迹"), lambda: self.pane.view.focus_item(f"u/{place}"), role="link"),
                None,
            )
        )
        return framed("card", inner)

    # --- the report ------------------------------------------------------------------------------

    def export(self) -> None:
        """Save the report of the file being shown: on A4 or as JSON (docs/report-schema.md)."""
        file = self._current
        if file is None or file.report is None:
            return
        report, context = file.report, self._shell.context
        name = tr("{name}_验章报告", name=file.path.stem)
        path = self._ask_where(file.path.with_name(f"{name}.pdf"), "PDF (*.pdf);;JSON (*.json)")
        if path is None:
            return

        def write() -> None:
            if path.suffix.lower() == ".json":
                text = json.dumps(report.to_json(language()), ensure_ascii=False, indent=2)
                replace_file(path, text.encode())
            else:
                replace_file(path, context.report_pdf(report, language()))

        self._save(write, path)

    def export_evidence(self) -> None:
        """Save document, report, chain and status together, with how to check them again."""
        file = self._current
        if file is None or file.report is None:
            return
        source, password, context = file.path, file.password, self._shell.context
        name = tr("{name}_证据包", name=source.stem)
        path = self._ask_where(source.with_name(f"{name}.zip"), "ZIP (*.zip)")
        if path is None:
            return
        path.unlink(missing_ok=True)  # the dialog has asked whether to replace it
        self._save(lambda: context.evidence(source, path, password, language()), path)

    def _ask_where(self, suggested: Path, kinds: str) -> Path | None:
        name, chosen = QFileDialog.getSaveFileName(self, tr("保存"), str(suggested), kinds)
        if not name:
            return None
        path = Path(name)
        return path if path.suffix else path.with_suffix(chosen[chosen.rfind(".") : -1] or ".pdf")

    def _save(self, write: Callable[[], None], path: Path) -> None:
        self._shell.tasks.work(
            write,
            done=lambda _: self._shell.notices.show_notice(
                "export", "good", tr("已保存到 {path}", path=path)
            ),
            failed=self._shell.complain,
        )


def _present(signature: SignatureReport, shown: SignatureReport) -> bool:
    """Was *signature* there already in the version that *shown* signed?"""

    def end(each: SignatureReport) -> int:
        return each.byte_range[2] + each.byte_range[3] if len(each.byte_range) == 4 else 0

    return end(signature) <= end(shown)


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


def _checking() -> QFrame:
    inner = column(margins=(16, 16, 16, 16), spacing=12)
    head = row(picture("hourglass", "muted", 24), spacing=12)
    head.addWidget(label(tr("正在验证…"), "title"), 1)
    inner.addLayout(head)
    bar = QProgressBar()
    bar.setRange(0, 0)
    bar.setTextVisible(False)
    bar.setAccessibleName(tr("正在验证…"))
    inner.addWidget(bar)
    made = framed("card", inner)
    made.setAccessibleName(tr("正在验证…"))
    return made


def _verdict_card(report: Report) -> QFrame:
    verdict = report.verdict
    look = verdicts.VERDICTS[verdict]
    inner = column(margins=(16, 14, 16, 14), spacing=6)
    head = row(picture(look.icon, look.role, 32), spacing=12)
    head.addWidget(label(verdicts.word(verdict), "title", wrap=True), 1)
    inner.addLayout(head)
    inner.addWidget(label(verdicts.summary(report), wrap=True))
    inner.addWidget(label(verdicts.advice(verdict), wrap=True))
    inner.addWidget(label(tr("验证于 {time}", time=moment(report.verified_at)), "small"))
    role = "card" if verdict is Verdict.UNSIGNED else f"verdict-{look.role}"
    made = framed(role, inner)
    made.setAccessibleName(
        f"{verdicts.word(verdict)}。{verdicts.summary(report)}{verdicts.advice(verdict)}"
    )
    return made


def _finding(finding: Finding) -> QWidget:
    look = verdicts.LEVELS[finding.level]
    made = QWidget()
    inner = row(spacing=8)
    image = picture(look.icon, look.role, 15)
    image.setAlignment(Qt.AlignmentFlag.AlignTop)
    inner.addWidget(image, 0, Qt.AlignmentFlag.AlignTop)
    inner.addWidget(label(finding.text(language()), wrap=True, select=True), 1)
    made.setLayout(inner)
    return made
