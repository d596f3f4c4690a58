"""申请印章: what the platform wants to know of an enterprise and the person who acts for it.

Codes are checked while they are typed: a slip is told before anything is sent. What is typed is
kept (:mod:`ui.pages.applications_panel`), and a reviewer's remarks stand at their fields.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import partial
from itertools import chain, pairwise
from pathlib import Path

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QFormLayout,
    QLabel,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from app.errors import SettingsInvalid, messages
from app.settings import read
from crypto.pki.unit_codes import CodeError, check_citizen_number, check_credit_code
from crypto.seal.application_form import ISSUE
from crypto.seal.kinds import COMPANY, KINDS, PERSONAL
from ui import theme
from ui.choice import Choice
from ui.dialogs import Dialog
from ui.language import language, tr
from ui.widgets import OneLine, button, calm, column, label, row

CODE_LENGTH = 18
"""Of a unified social credit code and of a citizen number."""
_CODES = ("uscc", "handler_id")
_PHONE = re.compile(r"\+?[0-9][0-9 -]{4,19}")


def normal(text: str) -> str:
    """*text* as it is meant: half width, without blanks, in capitals."""
    return "".join(unicodedata.normalize("NFKC", text).split()).upper()


def seal_kinds() -> tuple[tuple[str, str], ...]:
    """Kinds of seals that can be applied for, with their names."""
    return (
        ("official", tr("法定名称章")),
        ("contract", tr("合同专用章")),
        ("finance", tr("财务专用章")),
        ("invoice", tr("发票专用章")),
        ("legal_representative", tr("法定代表人名章")),
        ("department", tr("内设机构章")),
        ("branch", tr("分支机构章")),
        ("inspection", tr("审验专用章")),
        ("customs", tr("报关专用章")),
        ("operator", tr("经营者名章")),
        ("person_in_charge", tr("主要负责人名章")),
        ("finance_head", tr("财务负责人名章")),
        ("authorised_representative", tr("授权代表人名章")),
        ("personal", tr("个人名章")),
    )


_OPTIONAL = ("physical_code",)
_LEFT_FIRST = ("phone", "physical_code")
"""Fields that are judged once they were left: begun, they look wrong."""


def choices(name: str) -> tuple[tuple[str, str], ...]:
    """Values of a field that is chosen, with their names."""
    return {
        "shape": (
            ("square", tr("方形")),
            ("round", tr("圆形")),
            ("ellipse", tr("椭圆形")),
        ),
        "proof": (
            ("licence", tr("在电子营业执照上同意")),
            ("legal_rep", tr("用法定代表人自己的 Ukey 签名")),
            ("letter", tr("提交授权书，由平台人员审核")),
            ("personal", tr("用本人的个人证书签名")),
            ("seal", tr("用这枚印章现在的 Ukey 签名")),
            ("request", tr("提交盖了章的注销申请书")),
        ),
    }[name]


def about_proof(proof: str) -> str:
    """What a way to prove means for the applicant."""
    return {
        "licence": tr("提交后，平台请法定代表人在电子营业执照上同意。"),
        "legal_rep": tr("先生成密钥；然后法定代表人插入自己的 Ukey 签名，最后提交。"),
        "letter": tr("PDF 文件或图片，不超过 10 MB。授权书由平台人员阅读，审核要久一些。"),
        "personal": tr("先生成密钥；然后插入本人的个人证书 Ukey 签名，最后提交。"),
        "seal": tr("插着的 Ukey 就是这枚印章的，现在签名即可。"),
    }.get(proof, "")


class LetterLine(QWidget):
    """A button to choose the letter of authority, and the name of the one that was chosen."""

    def __init__(self, choose: Callable[[], object]) -> None:
        super().__init__()
        self.choose = button(tr("选择文件…"), choose)
        self.choose.setAccessibleName(tr("选择授权书文件…"))
        self.name = OneLine("")
        line = row(self.choose, self.name)
        line.setStretch(1, 1)
        self.setLayout(line)

    def show_name(self, name: str) -> None:
        self.name.setText(name or tr("还没有选择文件"))


def ask_letter(parent: QWidget) -> Path | None:
    """Have a letter of authority chosen."""
    kinds = tr("PDF 或图片 (*.pdf *.png *.jpg *.jpeg)")
    name, _ = QFileDialog.getOpenFileName(parent, tr("选择授权书"), "", kinds)
    return Path(name) if name else None


def seal_title(fields: Mapping[str, str]) -> str:
    """The name of the kind of seal that an application's fields ask for."""
    kind = fields.get("seal", "")
    return dict(seal_kinds()).get(kind, kind)


def field_title(name: str, *, own: bool = False) -> str:
    """What a field of an application is called. *own*: whoever applies does so for themselves."""
    if own and name in ("handler", "handler_id", "phone", "proof"):
        return {
            "handler": tr("姓名"),
            "handler_id": tr("身份证号"),
            "phone": tr("手机"),
            "proof": tr("证明方式"),
        }[name]
    return {
        "enterprise": tr("企业名称"),
        "uscc": tr("统一社会信用代码"),
        "legal_rep": tr("法定代表人"),
        "handler": tr("经办人"),
        "handler_id": tr("经办人身份证号"),
        "phone": tr("经办人手机"),
        "url": tr("平台地址"),
        "seal": tr("印章种类"),
        "physical_code": tr("实物印章编码"),
        "proof": tr("授权方式"),
        "letter": tr("授权书"),
        "department": tr("机构名称"),
        "holder": tr("名章上的姓名"),
        "shape": tr("形状"),
    }.get(name, name)


_TYPED = (
    *("enterprise", "uscc", "legal_rep", "handler", "handler_id", "phone"),
    *("department", "holder", "physical_code", "url"),
)
"""Fields that are typed, as they stand in the form."""


def placeholder(name: str) -> str:
    """What stands in a field while it is empty; "" for nothing."""
    return {
        "enterprise": tr("与营业执照一致"),
        "uscc": tr("营业执照上的 18 位代码"),
        "handler_id": tr("18 位，加密保存在本机，只发给平台"),
        "department": tr("与备案的实物印章一致"),
        "physical_code": tr("13 位，可以不填"),
        "url": tr("由企业电子印章平台提供"),
    }.get(name, "")


class ApplyDialog(Dialog):
    """See the module."""

    typed = Signal()
    """What the form holds is different now."""
    letter_chosen = Signal(object)
    """A file (Path) was chosen as letter of authority."""

    def __init__(
        self,
        known: Mapping[str, str],
        problem: str = "",
        parent: QWidget | None = None,
        *,
        remarks: Mapping[str, str] | None = None,
        letter: str = "",
        fixed_platform: bool = False,
        by_policy: bool = False,
    ) -> None:
        """*known*: what the fields hold at first; *problem*: what came of it the last time;
        *remarks*: what a reviewer wants corrected, by field; *letter*: name of the letter of
        authority that is kept; *fixed_platform*: it was sent there already; *by_policy*: the
        administrator chose the platform."""
        super().__init__(parent)
        self._remarks = dict(remarks or {})
        self._letter, self._letter_problem = letter, ""
        self._by_policy = by_policy
        self._proof = known.get("proof", "")
        """The way to prove that somebody has chosen."""
        self._asked: frozenset[str] = frozenset()
        """Fields of such an application for such a seal."""
        self._fitted = self._asked
        """Those that the dialog's height was made for."""
        self.touched = False
        """Has anybody typed or chosen anything?"""
        self.setWindowTitle(tr("申请印章"))
        self.setMinimumWidth(560)
        self._form = form = QFormLayout()
        form.setHorizontalSpacing(16)
        form.setVerticalSpacing(4)
        self.fields: dict[str, QLineEdit] = {}
        self.hints: dict[str, QLabel] = {}
        self._rows: dict[str, QVBoxLayout] = {}
        self._left: set[str] = set()
        """Fields that were typed in and left: what is missing in them is a mistake now."""
        for name in _TYPED:
            title = field_title(name)
            field = QLineEdit(known.get(name, ""))
            field.setCursorPosition(0)  # of a long name the beginning is shown
            field.setAccessibleName(title)
            field.setPlaceholderText("https://" if name == "url" else placeholder(name))
            field.textEdited.connect(partial(self._edited, name))
            field.textChanged.connect(self._update)
            field.setReadOnly(name == "url" and (fixed_platform or by_policy))
            field.editingFinished.connect(lambda name=name: self._leave(name))
            said = label("", "small", wrap=True)
            both = column(spacing=1)
            both.addWidget(field)
            both.addWidget(said)
            form.addRow(label(title, "muted"), both)
            self.fields[name], self.hints[name], self._rows[name] = field, said, both
        self.kind = calm(Choice())
        self.kind.setAccessibleName(tr("印章种类"))
        for value, title in seal_kinds():
            self.kind.addItem(title, value)
        self.kind.setCurrentIndex(max(0, self.kind.findData(known.get("kind", "official"))))
        self.kind.currentIndexChanged.connect(partial(self._edited, "seal"))
        self.kind.currentIndexChanged.connect(self._ask)
        form.insertRow(0, label(tr("印章种类"), "muted"), self._under(self.kind, "seal"))
        self.chosen = {name: self._chooser(name, known) for name in ("shape",)}
        for number, (name, chooser) in enumerate(self.chosen.items(), start=1):
            self._rows[name] = self._under(chooser, name)
            form.insertRow(number, label(field_title(name), "muted"), self._rows[name])
        self._proof_row = self._proofs(known)
        form.addRow(label(field_title("proof"), "muted"), self._proof_row)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(24, 20, 24, 20)
        whole.setSpacing(10)
        whole.addWidget(label(self.windowTitle(), "title"))
        lead = tr("密钥在 Ukey 里生成，不会离开 Ukey。信息只发给这里填写的平台。")
        whole.addWidget(label(lead, "muted", wrap=True))
        self.problem = label(problem, "bad", wrap=True, select=True)
        self.problem.setVisible(bool(problem))
        whole.addWidget(self.problem)
        whole.addLayout(form)
        self.missing = label("", "small", wrap=True)
        whole.addWidget(self.missing)
        whole.addStretch()
        self.accept_button = button(tr("提交申请"), self.accept, role="default")
        self.accept_button.setDefault(True)
        whole.addLayout(row(None, button(tr("取消"), self.reject), self.accept_button))
        chain_of = (self.kind, *self.chosen.values(), *self.fields.values(), self.proof)
        for before, after in pairwise(chain_of):  # as they stand in the form
            QWidget.setTabOrder(before, after)
        self._ask()
        shown = {name: field for name, field in self.fields.items() if name in self._asked}
        marked = (f for n, f in shown.items() if n in self._remarks)
        empty = (f for n, f in shown.items() if not (f.text().strip() or n in _OPTIONAL))
        next(chain(marked, empty), self.kind).setFocus()

    def _under(self, widget: QWidget, name: str) -> QVBoxLayout:
        """*widget* with a hint below."""
        both = column(spacing=1)
        both.addWidget(widget)
        self.hints[name] = label("", "small", wrap=True)
        both.addWidget(self.hints[name])
        return both

    def _chooser(self, name: str, known: Mapping[str, str]) -> QComboBox:
        made = calm(Choice())
        made.setAccessibleName(field_title(name))
        for value, title in choices(name):
            made.addItem(title, value)
        made.setCurrentIndex(max(0, made.findData(known.get(name, ""))))
        made.currentIndexChanged.connect(partial(self._edited, name))
        return made

    def _prove(self, *_: object) -> None:
        self._proof = str(self.proof.currentData())
        self._update()

    def _ask(self, *_: object) -> None:
        """Show the fields that the chosen kind of seal asks for, and its ways to prove."""
        from app.remote import application_form

        kind = str(self.kind.currentData())
        asked = application_form.asked(ISSUE, kind)
        self._asked = frozenset({*(field.name for field in asked), "url"})
        for name, both in self._rows.items():
            self._form.setRowVisible(both, name in self._asked)
        own = KINDS[kind].family == PERSONAL
        for name, field in self.fields.items():
            title = field_title(name, own=own)
            field.setAccessibleName(title)
            self._name_row(self._rows[name], title)
        proof = field_title("proof", own=own)
        self.proof.setAccessibleName(proof)
        self._name_row(self._proof_row, proof)
        names = dict(choices("proof"))
        self.proof.blockSignals(True)  # nobody has chosen another
        self.proof.clear()
        for value in application_form.proofs(ISSUE, kind):
            self.proof.addItem(names.get(value, value), value)
        self.proof.setCurrentIndex(max(0, self.proof.findData(self._proof)))
        self.proof.blockSignals(False)
        self._update()

    def _name_row(self, both: QVBoxLayout, title: str) -> None:
        named = self._form.labelForField(both)
        if isinstance(named, QLabel):
            named.setText(title)

    def _proofs(self, known: Mapping[str, str]) -> QVBoxLayout:
        self.proof = self._chooser("proof", known)
        self.proof.currentIndexChanged.connect(self._prove)
        whole = self._under(self.proof, "proof")
        self.letter_row = LetterLine(self._choose)
        whole.addWidget(self.letter_row)
        self.hints["letter"] = label("", "small", wrap=True)
        whole.addWidget(self.hints["letter"])
        return whole

    def _choose(self) -> None:
        path = ask_letter(self)
        if path is not None:
            self.touched = True
            self._remarks.pop("letter", None)
            self.letter_chosen.emit(path)

    def show_letter(self, name: str, problem: str = "") -> None:
        """The letter of authority that is kept now, and why the last one was not taken."""
        self._letter = name
        self._letter_problem = problem
        self._update()

    def _edited(self, name: str, *_: object) -> None:
        self.touched = True
        self._remarks.pop(name, None)
        self.typed.emit()

    def _leave(self, name: str) -> None:
        field = self.fields[name]
        if name in _CODES and field.text() != normal(field.text()):
            field.setText(normal(field.text()))
        if field.text().strip():
            self._left.add(name)
        self._update()

    def _update(self) -> None:
        wrong = False
        for name, field in self.fields.items():
            if name not in self._asked:
                continue
            said, role = self._judge(name, field.text().strip())
            wrong |= role == "bad"
            said, role = self._with_remark(name, said, role)
            self._hint(name, said, role)
            title = field.accessibleName()
            field.setAccessibleDescription(said)
            field.setToolTip(placeholder(name) if role != "bad" else f"{title} {said}")
        needed = {n: f for n, f in self.fields.items() if n in self._asked and n not in _OPTIONAL}
        empty = [f.accessibleName() for f in needed.values() if not f.text().strip()]
        short = [n for n in _CODES if n in needed and len(normal(needed[n].text())) < CODE_LENGTH]
        self.missing.setText(tr("还没有填：{names}", names=tr("、").join(empty)) if empty else "")
        self.missing.setVisible(bool(empty))
        letter = self.proof.currentData() == "letter"
        self.letter_row.setVisible(letter)
        self.letter_row.show_name(self._letter)
        self._hint("seal", *self._with_remark("seal", self._imprint(), "small"))
        for name in self.chosen:
            self._hint(name, *self._with_remark(name, "", "small"), shown=name in self._asked)
        self._hint(
            "proof",
            *self._with_remark("proof", about_proof(str(self.proof.currentData())), "small"),
        )
        about = (self._letter_problem, "bad") if self._letter_problem else ("", "small")
        self._hint("letter", *self._with_remark("letter", *about), shown=letter)
        missing = letter and not self._letter
        self.accept_button.setEnabled(not (wrong or empty or short or missing))
        QTimer.singleShot(0, self, self._grow)

    def _imprint(self) -> str:
        """What a company's seal will say: it must be what stands on the filed one."""
        found = KINDS[str(self.kind.currentData())]
        unit = self.fields["enterprise"].text().strip()
        if found.family != COMPANY or found.names_unit or not unit:
            return ""
        return tr("印章名称：{name}，应与备案的实物印章一致", name=unit + found.title)

    def _with_remark(self, name: str, said: str, role: str) -> tuple[str, str]:
        """What a reviewer wants corrected comes first, until the field is changed."""
        remark = self._remarks.get(name)
        if not remark or role == "bad":
            return said, role
        return tr("审核意见：{text}", text=remark), "unknown"

    def _hint(self, name: str, said: str, role: str, *, shown: bool = True) -> None:
        theme.set_role(self.hints[name], role)
        self.hints[name].setText(said)
        self.hints[name].setVisible(bool(said) and shown)

    def _grow(self) -> None:
        """Make room for hints that have come, and none for fields that have gone."""
        inner = self.layout()
        if inner is not None and not self._scrolls:
            needed = max(inner.totalHeightForWidth(self.width()), inner.totalMinimumSize().height())
            fewer = self._asked != self._fitted
            self._fitted = self._asked
            self.resize(self.width(), needed if fewer else max(self.height(), needed))

    def _judge(self, name: str, text: str) -> tuple[str, str]:
        """What is said of a field, and in which role."""
        if not text:
            return "", "small"
        if name in _CODES:
            return self._judge_code(name, normal(text))
        if name == "phone" and name in self._left and not _PHONE.fullmatch(normal(text)):
            return tr("电话号码只有数字，可以带区号"), "bad"
        if name == "physical_code" and name in self._left and not re.fullmatch("[0-9]{13}", text):
            return tr("应为 13 位数字"), "bad"
        if name == "url" and self._by_policy:
            return tr("由管理员设置"), "small"
        if name == "url" and name in self._left:
            try:
                read("platform_url", text, tr("平台地址"))
            except SettingsInvalid:
                return tr("应为 https:// 开头的网址，只写到主机名"), "bad"
        return (
            (said, "bad")
            if name != "url" and (said := self._as_sent(name, text))
            else ("", "small")
        )

    def _as_sent(self, name: str, text: str) -> str:
        """What is wrong with a name as the application is checked before it is sent: a name that no
        seal holds, letters that nobody sees. "" if nothing, or while it is typed."""
        from app.remote import application_form

        if name in _LEFT_FIRST and name not in self._left:
            return ""
        found = application_form.problem(name, text, ISSUE, str(self.kind.currentData()))
        words = messages(language())["ApplicationFieldWrong"]["words"]["problem"]
        return str(words[found]) if found else ""

    def _judge_code(self, name: str, code: str) -> tuple[str, str]:
        check = check_credit_code if name == "uscc" else check_citizen_number
        try:
            check(code)
        except CodeError as error:
            left = CODE_LENGTH - len(code)
            if error.problem == "length" and left > 0 and name not in self._left:
                return tr("还差 {count} 位", count=left), "small"
            return _problem(error.problem, name, left), "bad"
        return tr("校验码正确"), "good"

    def draft(self) -> Mapping[str, str]:
        """What the form holds."""
        typed = {name: field.text() for name, field in self.fields.items()}
        chosen = {"kind": str(self.kind.currentData()), "proof": str(self.proof.currentData())}
        more = {name: str(box.currentData()) for name, box in self.chosen.items()}
        return {**typed, **more, **chosen}

    def answer(self) -> Mapping[str, str]:
        """The same as it is meant: without blanks at the ends, codes in half width and capitals."""
        said = {name: value.strip() for name, value in self.draft().items()}
        return said | {name: normal(said[name]) for name in _CODES}


def _problem(word: str, name: str, left: int) -> str:
    """A :class:`crypto.pki.unit_codes.CodeError` in words."""
    if word == "length":
        return tr("少了 {count} 位", count=left) if left > 0 else tr("多了 {count} 位", count=-left)
    if word == "characters":
        if name == "uscc":
            return tr("只有数字和大写字母，没有 I、O、S、V、Z")
        return tr("前 17 位是数字，最后一位是数字或 X")
    return {
        "authority": tr("第 1 位不是登记管理部门的代码"),
        "region": tr("行政区划的几位不对"),
        "date": tr("出生日期的几位不对"),
        "organisation": tr("第 17 位与前面不符，请对照营业执照"),
    }.get(word, tr("最后一位校验码与前面不符，请逐位核对"))
