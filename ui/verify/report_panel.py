"""What is said of one document: the verdict's card, a card for each signature with its evidence,
the marks nobody signed, and the versions the file went through.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QProgressBar, QScrollArea, QVBoxLayout, QWidget

from app.errors import Message, explain
from crypto.pdf.reading.failures import PdfEncrypted, PdfPasswordWrong
from crypto.verdict import Finding, MarkInfo, Report, SignatureReport, Verdict, proof_text, say
from crypto.wording import as_sentences, conclusion
from ui import theme
from ui.language import language, tr
from ui.shell.notice import ErrorView, announce
from ui.verify import verdicts
from ui.verify.changes import changes_card
from ui.widgets import (
    Expander,
    button,
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
)


class ReportPanel(QWidget):
    """Shows one document at a time; knows nothing of files and how they are checked."""

    mark_wanted = Signal(str)
    """Key of the outline to be looked at: "<signature>/<mark>" or "u/<mark>"."""
    version_wanted = Signal(int, str)
    """Bytes of the version to be looked at, and what to call it."""
    change_wanted = Signal(object)
    """The :class:`ui.verify.changes.Listed` whose page is to be looked at."""
    proof_wanted = Signal(str)
    """The action of one of the four lines (:mod:`crypto.proofs`)."""
    password_wanted = Signal()
    check_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.column = column(margins=(16, 16, 16, 16), spacing=12)
        holder = QWidget()
        holder.setLayout(self.column)
        self._area: QScrollArea = scrolled(holder, tr("结论和依据"))
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self._area)

    def clear(self) -> None:
        """Say nothing."""
        clear_layout(self.column)

    def show_checking(self) -> None:
        """正在验证…, and nothing that could be taken for an answer."""
        self._only(_checking())

    def show_unchecked(self) -> None:
        """Somebody stopped the checking before this document's turn was over."""
        inner = column(margins=(16, 14, 16, 14), spacing=8)
        head = row(picture("circle-help", "muted", 24), spacing=12)
        head.addWidget(label(tr("没有验证"), "title"), 1)
        inner.addLayout(head)
        inner.addWidget(
            label(tr("验证在完成前停止了，对这个文件没有任何结论。"), "muted", wrap=True)
        )
        inner.addLayout(
            row(button(tr("现在验证"), self.check_wanted.emit, icon="refresh-cw"), None)
        )
        self._only(framed("card", inner))

    def show_problem(self, problem: Message) -> None:
        """Why there is no report."""
        self.clear()
        card = ErrorView(problem)
        theme.set_role(card, "card")
        self.column.addWidget(card)
        if problem.code in wants_password():
            ask = button(tr("输入文件密码…"), self.password_wanted.emit, icon="lock")
            self.column.addWidget(ask)
        self.column.addStretch()
        announce(card)

    def show_report(self, report: Report) -> None:
        """The verdict and all it rests on."""
        self.clear()
        card = _verdict_card(report)
        self.column.addWidget(card)
        changes = changes_card(report, self.change_wanted.emit)
        if changes is not None:
            self.column.addWidget(changes)
        for number in range(len(report.signatures)):
            self.column.addWidget(self._signature_card(report, number))
        for place, mark in enumerate(report.unsigned_marks):
            self.column.addWidget(self._unsigned_card(place, mark))
        if report.findings:
            body = QWidget()
            body.setLayout(_findings(report.findings))
            self.column.addWidget(Expander(tr("关于整个文件"), body))
        amiss = verdicts.amiss(report)
        if amiss:
            self.column.addWidget(
                Expander(say("report", "technical", language()), _technical(amiss))
            )
        versions = verdicts.versions(report)
        if len(versions) > 1:
            self.column.addWidget(Expander(tr("这个文件的各个版本"), self._versions(versions)))
        self.column.addStretch()
        announce(card)

    def go_to_card(self, name: str) -> None:
        """Bring a card into view: "signature-<number>" or "changes"."""
        card = self.findChild(QFrame, name)
        if card is not None:
            card.setFocus(Qt.FocusReason.OtherFocusReason)
            self._area.ensureWidgetVisible(card)

    def _only(self, widget: QWidget) -> None:
        self.clear()
        self.column.addWidget(widget)
        self.column.addStretch()

    # --- cards -----------------------------------------------------------------------------------

    def _signature_card(self, report: Report, number: int) -> QFrame:
        signature, alone = report.signatures[number], len(report.signatures) == 1
        look = verdicts.VERDICTS[signature.verdict]
        title = verdicts.seal_name(signature)
        inner = column(margins=(14, 12, 14, 10), spacing=6)
        head = row(picture(look.icon, look.role, 20), spacing=8)
        head.addWidget(label(title, "heading", wrap=True), 1)
        inner.addLayout(head)
        inner.addWidget(label(verdicts.word(signature.verdict), look.role))
        if signature.seal:
            code = tr("编码 {code}", code=signature.seal.code)
            inner.addWidget(label(code, "small", select=True))
        when = verdicts.time_line(signature)
        inner.addWidget(label(when, "small"))
        inner.addWidget(label(verdicts.platform_line(signature), "small", wrap=True))
        inner.addWidget(self._proofs(signature))
        for text, look in () if alone else verdicts.later_changes(signature):
            line = row(picture(look.icon, look.role, 14), spacing=6)
            line.addWidget(label(text, look.role, wrap=True), 1)
            inner.addLayout(line)
        inner.addWidget(_evidence(signature, opened=alone))
        shown = row(spacing=2)
        if signature.marks:
            see = button(
                tr("看印迹"),
                lambda: self.mark_wanted.emit(f"{number}/0"),
                role="link",
                tip=tr("第 {page} 页", page=signature.marks[0].page),
            )
            shown.addWidget(see)
        end = verdicts.end_of(report, signature)
        if signature.coverage == "revision" and end:
            see = button(
                tr("查看签章时的版本"),
                lambda: self.version_wanted.emit(end, tr("{name}签章时", name=title)),
                role="link",
            )
            shown.addWidget(see)
        shown.addStretch()
        shown.addWidget(
            button(tr("复制"), lambda: copy_text(verdicts.as_text(signature)), role="link")
        )
        inner.addLayout(shown)
        card = framed("card", inner)
        card.setObjectName(f"signature-{number}")
        card.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        card.setAccessibleName(tr("，").join((title, verdicts.word(signature.verdict), when)))
        return card

    def _proofs(self, signature: SignatureReport) -> QWidget:
        """The four lines, how each stands; the action for what is missing stands at the first
        line that it would help."""
        made = QWidget()
        lines = column(margins=(0, 4, 0, 4), spacing=4)
        made.setLayout(lines)
        offered: set[str] = set()
        for proof in signature.proofs:
            look = verdicts.PROOFS[proof.state]
            name = say("proofs", proof.what, language())
            state = say("proofs", proof.state, language())
            image = picture(look.icon, look.role, 15)
            image.setToolTip(proof_text(signature, proof, language()))
            line = row(image, spacing=8)
            line.addWidget(label(tr("{name}：{state}", name=name, state=state), "small"), 1)
            if proof.action and proof.action not in offered:
                offered.add(proof.action)
                words = say("actions", proof.action, language())
                wanted = partial(self.proof_wanted.emit, proof.action)
                line.addWidget(button(words, wanted, role="link"))
            lines.addLayout(line)
        return made

    def _unsigned_card(self, place: int, mark: MarkInfo) -> QFrame:
        inner = column(margins=(14, 12, 14, 12), spacing=6)
        head = row(picture("shield-x", "bad", 20), spacing=8)
        head.addWidget(label(tr("此印迹不受任何签名保护"), "heading", wrap=True), 1)
        inner.addLayout(head)
        inner.addWidget(label(tr("第 {page} 页。它只是画上去的图案。", page=mark.page), "small"))
        see = button(tr("看印迹"), lambda: self.mark_wanted.emit(f"u/{place}"), role="link")
        inner.addLayout(row(see, None))
        return framed("card", inner)

    def _versions(self, versions: Sequence[verdicts.Version]) -> QWidget:
        made = QWidget()
        inner = column(spacing=8)
        made.setLayout(inner)
        for version in versions:
            see = button(
                tr("查看"),
                partial(self.version_wanted.emit, version.end, version.title),
                role="link",
            )
            see.setAccessibleName(tr("查看{title}", title=version.title))
            head = row(spacing=6)
            head.addWidget(label(version.title, wrap=True), 1)
            head.addWidget(see, 0, Qt.AlignmentFlag.AlignTop)
            inner.addLayout(head)
            for text in version.changes:
                inner.addWidget(label(text, "small", wrap=True))
        return made


def wants_password() -> tuple[str, ...]:
    """The codes of the errors that a password may overcome."""
    return tuple(explain(error).code for error in (PdfEncrypted(), PdfPasswordWrong()))


# --- parts ---------------------------------------------------------------------------------------


def _evidence(signature: SignatureReport, *, opened: bool) -> QWidget:
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
        lines = _findings(found)
        body.setLayout(lines)
        rows = details.get(group)
        if rows:
            lines.addSpacing(4)
            lines.addWidget(facts(rows))
            text = verdicts.rows_text(rows)
            copy = button(tr("复制这些信息"), partial(copy_text, text), role="link")
            lines.addLayout(row(copy, None))
        worst = verdicts.LEVELS[found[0].level]
        bad = worst.role not in ("good", "muted")
        inner.addWidget(
            Expander(
                verdicts.headings()[group],
                body,
                opened=opened and (bad or group == "leave"),
                sign=picture(worst.icon, worst.role, 16),
            )
        )
    return made


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
    first = conclusion(report, language())
    for text in (first.sentence, first.action):
        inner.addWidget(label(text, wrap=True, select=True))
    if len(report.signatures) > 1:
        inner.addWidget(label(verdicts.summary(report), "small", wrap=True))
    inner.addWidget(
        label(tr("验证于 {time}（北京时间）", time=moment(report.verified_at)), "small")
    )
    role = "card" if verdict is Verdict.UNSIGNED else f"verdict-{look.role}"
    made = framed(role, inner)
    made.setAccessibleName("\n".join((verdicts.word(verdict), first.sentence, first.action)))
    return made


def _findings(found: Sequence[Finding]) -> QVBoxLayout:
    """A line for each matter: its level's icon and its sentence."""
    lines = column(spacing=5)
    for sentence in as_sentences(found, language()):
        look = verdicts.LEVELS[sentence.level]
        image = picture(look.icon, look.role, 15)
        image.setAlignment(Qt.AlignmentFlag.AlignTop)
        line = row(spacing=8)
        line.addWidget(image, 0, Qt.AlignmentFlag.AlignTop)
        text = sentence.text
        if sentence.count > 1:
            text += say("report", "times", language()).format(count=sentence.count)
        line.addWidget(label(text, wrap=True, select=True), 1)
        lines.addLayout(line)
    return lines


def _technical(found: Sequence[Finding]) -> QWidget:
    """Codes and details, for support; can be selected and copied whole."""
    text = "\n".join(finding.technical() for finding in found)
    made = QWidget()
    inner = column(spacing=4)
    inner.addWidget(label(text, "small", wrap=True, select=True))
    copy = button(tr("复制这些信息"), partial(copy_text, text), role="link")
    inner.addLayout(row(copy, None))
    made.setLayout(inner)
    return made
