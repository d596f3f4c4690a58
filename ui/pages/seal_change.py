"""换领、续期、注销: what is to become of a seal, and who asks for it.

The form stays open until the platform has taken the application; what is wrong is told in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import (
    QComboBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from app.errors import explain, messages, platform_reason
from app.publishing import check_output
from crypto.seal.application_form import CANCEL, PIN_RESET, REISSUE, RENEW
from ui import theme
from ui.choice import Choice
from ui.dialogs import Dialog
from ui.files import ask_where
from ui.language import language, tr
from ui.pages.apply_dialog import (
    LetterLine,
    about_proof,
    ask_letter,
    choices,
    field_title,
    normal,
    placeholder,
)
from ui.seal_card import kind_name
from ui.widgets import button, calm, column, label, row

if TYPE_CHECKING:
    from app.store.applications import ApplicationRecord
    from app.store.cabinet import SealRecord
    from ui.shell.interface import Shell

Pin = Callable[[str], tuple[str, str]]
"""Asks for the PIN of the key in use, for a purpose: serial number and PIN, empty if cancelled."""


_TYPED = (
    *("enterprise", "legal_rep", "department", "holder", "physical_code"),
    *("handler", "handler_id", "phone"),
)
"""Fields that are typed, as they stand in the form."""


def change_title(kind: str) -> str:
    """What a kind of application for a seal that is there is called; "" for an issue."""
    names = {REISSUE: tr("换领"), RENEW: tr("续期"), CANCEL: tr("注销"), PIN_RESET: tr("口令重置")}
    return names.get(kind, "")


def _cause_title(cause: str) -> str:
    return {
        "name_changed": tr("企业名称变更"),
        "legal_rep_changed": tr("法定代表人变更"),
        "damaged": tr("印章损坏"),
        "lost": tr("Ukey 丢失，已挂失"),
        "physical_seal_changed": tr("实物印章变更"),
        "holder_request": tr("不再使用"),
        "merged": tr("企业撤并"),
        "enterprise_deregistered": tr("企业注销"),
    }.get(cause, cause)


class SealChangeDialog(Dialog):
    """Of one seal; :attr:`taken` is what the platform then has, or what the representative has yet
    to sign. What was typed is kept as a draft where the dialog is left."""

    def __init__(
        self,
        shell: Shell,
        seal: SealRecord,
        pin: Pin,
        parent: QWidget,
        known: ApplicationRecord | None = None,
    ) -> None:
        """*known*: an application that is to be corrected."""
        super().__init__(parent)
        self._shell, self._seal, self._pin = shell, seal, pin
        self.taken: ApplicationRecord | None = None
        self.touched = False
        """Has anybody typed or chosen anything?"""
        self._letter: Path | None = None
        self._kept_letter = known.letter_name if known else ""
        fields: Mapping[str, str] = known.fields if known else {}
        self._proof = fields.get("proof", "")
        self._left: set[str] = set()
        self.setWindowTitle(tr("换领、续期、注销"))
        self.setMinimumWidth(580)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(24, 20, 24, 20)
        whole.setSpacing(10)
        whole.addWidget(label(tr("换领、续期、注销"), "title"))
        owner = seal.enterprise or seal.name
        name = tr("{seal} · {company}", seal=kind_name(seal), company=owner)
        whole.addWidget(label(tr("，").join((name, seal.code)), wrap=True))
        self._form = form = QFormLayout()
        form.setHorizontalSpacing(16)
        form.setVerticalSpacing(4)
        self._rows: dict[str, QVBoxLayout] = {}
        self.hints: dict[str, QLabel] = {}
        self.kind, self.cause = calm(Choice()), calm(QComboBox())
        self.shape, self.proof = calm(Choice()), calm(QComboBox())
        for kind in (REISSUE, RENEW, CANCEL):
            self.kind.addItem(change_title(kind), kind)
        self._row("kind", tr("办理"), self.kind)
        self._row("cause", tr("原因"), self.cause)
        self.fields: dict[str, QLineEdit] = {}
        for field in _TYPED:
            given = seal.enterprise if field == "enterprise" else ""
            made = QLineEdit(fields.get(field, given))
            made.setCursorPosition(0)
            made.setPlaceholderText(placeholder(field))
            made.setToolTip(placeholder(field))
            made.textEdited.connect(self._touch)
            made.textChanged.connect(self._update)
            made.editingFinished.connect(partial(self._leave, field))
            self._row(field, field_title(field), made)
            self.fields[field] = made
        for value, title in choices("shape"):
            self.shape.addItem(title, value)
        self.shape.setCurrentIndex(max(0, self.shape.findData(fields.get("shape", ""))))
        self._row("shape", field_title("shape"), self.shape)
        self._row("proof", field_title("proof"), self.proof)
        self.letter = LetterLine(self._choose_letter)
        self._rows["proof"].addWidget(self.letter)
        whole.addLayout(form)
        self.missing = label("", "small", wrap=True)
        whole.addWidget(self.missing)
        self.said = label("", "muted", wrap=True)
        whole.addWidget(self.said)
        said = platform_reason(known.reason, language()) if known else ""
        self.problem = label(said, "bad", wrap=True, select=True)
        self.problem.setVisible(bool(self.problem.text()))
        whole.addWidget(self.problem)
        whole.addStretch()
        self.accept_button = button(tr("提交申请"), self._submit, role="default")
        whole.addLayout(row(None, button(tr("取消"), self.reject), self.accept_button))
        self.kind.currentIndexChanged.connect(self._kind_chosen)
        self.proof.currentIndexChanged.connect(self._proof_chosen)
        for each in (self.kind, self.cause, self.shape, self.proof):
            each.activated.connect(self._touch)
        if known is not None:
            self.kind.setCurrentIndex(self.kind.findData(known.kind))
            self.kind.setEnabled(False)
        self._kind_chosen()
        if fields.get("cause"):
            self.cause.setCurrentIndex(max(0, self.cause.findData(fields["cause"])))

    def _row(self, name: str, title: str, widget: QWidget) -> None:
        """*widget* in the form, with room for a hint below."""
        widget.setAccessibleName(title)
        both = column(spacing=1)
        both.addWidget(widget)
        self.hints[name] = label("", "small", wrap=True)
        self.hints[name].hide()
        both.addWidget(self.hints[name])
        self._form.addRow(label(title, "muted"), both)
        self._rows[name] = both

    @property
    def _kind(self) -> str:
        return str(self.kind.currentData())

    def _kind_chosen(self) -> None:
        from app.remote import application_form

        self.cause.clear()
        causes = application_form.choices("cause", self._kind, self._seal.subtype)
        for cause in causes:
            self.cause.addItem(_cause_title(cause), cause)
        asked = application_form.asked(self._kind, self._seal.subtype)
        self._asked = {field.name: field for field in asked}
        ways = application_form.usable_proofs(self._kind, self._seal)
        for name, both in self._rows.items():
            shown = name == "kind" or name in self._asked
            self._form.setRowVisible(both, shown and (name != "proof" or len(ways) > 1))
        names = dict(choices("proof"))
        self.proof.blockSignals(True)  # nobody has chosen another
        self.proof.clear()
        for way in ways:
            self.proof.addItem(names.get(way, way), way)
        self.proof.setCurrentIndex(max(0, self.proof.findData(self._proof)))
        self.proof.blockSignals(False)
        self.said.setText(
            {
                REISSUE: tr(
                    "先在登记机关和公安机关办好变更。旧印章在制作新印章的同时注销，它盖过的文件不受影响。"
                ),
                RENEW: tr("印章编码不变；新的证书和有效期领取以后生效，领取之前照旧使用。"),
                CANCEL: tr(
                    "平台开具注销申请书，用这枚印章盖好后提交，由两名审核员核准。注销不能恢复，"
                    "之前盖的文件不受影响。"
                ),
            }[self._kind]
        )
        self._update()

    def _proof_chosen(self) -> None:
        self._proof = str(self.proof.currentData())
        self._update()

    def _touch(self, *_: object) -> None:
        self.touched = True

    def _leave(self, name: str) -> None:
        if self.fields[name].text().strip():
            self._left.add(name)
        self._update()

    def _choose_letter(self) -> None:
        path = ask_letter(self)
        if path is not None:
            self._touch()
            self._letter = path
            self._update()

    def _update(self) -> None:
        for hint in self.hints.values():  # showing a row shows all that is in it
            hint.setVisible(bool(hint.text()))
        good = True
        for name in (field for field in self.fields if field in self._asked):
            said = self._wrong(name)
            good &= not said
            shown = said if name in self._left else ""
            theme.set_role(self.hints[name], "bad")
            self.hints[name].setText(shown)
            self.hints[name].setVisible(bool(shown))
            self.fields[name].setAccessibleDescription(shown)
        proof = str(self.proof.currentData())
        letter = proof == "letter"
        self.letter.setVisible(letter)
        self.letter.show_name(self._letter.name if self._letter else self._kept_letter)
        about = about_proof(proof)
        self.hints["proof"].setText(about)
        self.hints["proof"].setVisible(bool(about) and self.proof.count() > 1)
        empty = [
            field_title(name)
            for name, edit in self.fields.items()
            if name in self._asked and self._asked[name].required and not edit.text().strip()
        ]
        self.missing.setText(tr("还没有填：{names}", names=tr("、").join(empty)) if empty else "")
        self.missing.setVisible(bool(empty))
        named = self._letter is not None or bool(self._kept_letter)
        self.accept_button.setEnabled(good and (named or not letter))

    def _wrong(self, name: str) -> str:
        """What is wrong with what was typed, in words; "" if nothing."""
        from app.remote import application_form

        text = self._typed(name)
        found = application_form.problem(name, text, self._kind, self._seal.subtype)
        words = messages(language())["ApplicationFieldWrong"]["words"]["problem"]
        return str(words[found]) if found else ""

    def _typed(self, name: str) -> str:
        text = self.fields[name].text().strip()
        return normal(text) if name == "handler_id" else text

    def answer(self) -> dict[str, str]:
        """What was typed, as an application's fields."""
        typed = {name: self._typed(name) for name in self.fields if name in self._asked}
        for name, chooser in (("cause", self.cause), ("shape", self.shape), ("proof", self.proof)):
            if name in self._asked and chooser.count():
                typed[name] = str(chooser.currentData())
        return typed

    def reject(self) -> None:
        """What was typed is kept as a draft, and found under 我的申请."""
        if self.touched:
            keep = self._shell.context.applications.keep_change
            act = partial(keep, self._kind, self._seal, self.answer(), self._letter)
            shell = self._shell
            shell.tasks.work(act, done=lambda _: shell.reload_seals(), failed=shell.complain)
        super().reject()

    # --- with the key ----------------------------------------------------------------------------

    def _submit(self) -> None:
        if self._kind == CANCEL and self._seal.kind != "personal":
            proposed = tr("注销申请书_{code}", code=self._seal.code) + ".pdf"
            title = tr("盖了章的注销申请书存到")
            output = ask_where(self, title, self._shell.folder() / proposed, "PDF (*.pdf)")
            if output is not None:  # before the PIN: can it be written?
                sign = partial(self._sign, output)
                self._shell.tasks.work(
                    check_output, output, 0, done=lambda _: sign(), failed=self._tell
                )
        else:
            self._sign(None)

    def _sign(self, output: Path | None) -> None:
        purpose = tr("{what} {seal}", what=change_title(self._kind), seal=kind_name(self._seal))
        serial, pin = self._pin(purpose)
        if not pin:
            return
        self.problem.hide()
        self.setEnabled(False)
        self._shell.hold_polling(True)
        applications = self._shell.context.applications
        given = (self._kind, self._seal, self.answer(), self._letter, output)
        act = partial(applications.change_seal, *given)
        self._shell.tasks.device(act, serial, pin, done=self._done, failed=self._failed)

    def _done(self, record: ApplicationRecord) -> None:
        self._again()
        self.taken = record
        self.accept()

    def _failed(self, error: BaseException) -> None:
        self._again()
        self._tell(error)

    def _tell(self, error: BaseException) -> None:
        message = explain(error, language())
        self.problem.setText(tr("{cause}（{code}）", cause=message.cause, code=message.code))
        self.problem.show()

    def _again(self) -> None:
        self._shell.hold_polling(False)
        self.setEnabled(True)
