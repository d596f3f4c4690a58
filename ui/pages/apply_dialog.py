"""申请印章: what the platform wants to know of an enterprise and the person who acts for it.

Codes are checked while they are typed: a slip is told before anything is sent, and what was typed
stays for the next try.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import (
    QComboBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from app.errors import SettingsInvalid
from app.settings import read
from crypto.pki.unit_codes import CodeError, check_citizen_number, check_credit_code
from ui import theme
from ui.dialogs import Dialog
from ui.language import tr
from ui.widgets import button, calm, column, label, row

if TYPE_CHECKING:
    from app.remote.enrolling import Applicant

CODE_LENGTH = 18
"""Of a unified social credit code and of a citizen number."""
_CODES = ("uscc", "handler_id")
_PHONE = re.compile(r"\+?[0-9][0-9 -]{4,19}")


def normal(text: str) -> str:
    """*text* as it is meant: half width, without blanks, in capitals."""
    return "".join(unicodedata.normalize("NFKC", text).split()).upper()


class ApplyDialog(Dialog):
    """See the module."""

    def __init__(
        self, known: Mapping[str, str], problem: str = "", parent: QWidget | None = None
    ) -> None:
        """*known*: what the fields hold at first; *problem*: what came of it the last time."""
        super().__init__(parent)
        self.setWindowTitle(tr("申请印章"))
        self.setMinimumWidth(560)
        form = QFormLayout()
        form.setHorizontalSpacing(16)
        form.setVerticalSpacing(4)
        self.fields: dict[str, QLineEdit] = {}
        self.hints: dict[str, QLabel] = {}
        self._left: set[str] = set()
        """Fields that were typed in and left: what is missing in them is a mistake now."""
        for name, title, hint in (
            ("enterprise", tr("企业名称"), tr("与营业执照一致")),
            ("uscc", tr("统一社会信用代码"), tr("营业执照上的 18 位代码")),
            ("legal_rep", tr("法定代表人"), ""),
            ("handler", tr("经办人"), ""),
            ("handler_id", tr("经办人身份证号"), tr("18 位，只发给平台，不保存在本机")),
            ("phone", tr("经办人手机"), ""),
            ("url", tr("平台地址"), tr("由企业电子印章平台提供")),
        ):
            field = QLineEdit(known.get(name, ""))
            field.setAccessibleName(title)
            field.setPlaceholderText("https://" if name == "url" else hint)
            field.textChanged.connect(self._update)
            field.editingFinished.connect(lambda name=name: self._leave(name))
            said = label("", "small")
            both = column(spacing=1)
            both.addWidget(field)
            both.addWidget(said)
            form.addRow(label(title, "muted"), both)
            self.fields[name], self.hints[name] = field, said
        self.kind = calm(QComboBox())
        self.kind.setAccessibleName(tr("印章种类"))
        for value, title in (
            ("official", tr("法定名称章")),
            ("contract", tr("合同专用章")),
            ("finance", tr("财务专用章")),
            ("invoice", tr("发票专用章")),
            ("legal_representative", tr("法定代表人名章")),
        ):
            self.kind.addItem(title, value)
        self.kind.setCurrentIndex(max(0, self.kind.findData(known.get("kind", "official"))))
        form.insertRow(0, label(tr("印章种类"), "muted"), self.kind)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(24, 20, 24, 20)
        whole.setSpacing(10)
        whole.addWidget(label(tr("申请印章"), "title"))
        lead = tr("密钥在 Ukey 里生成，不会离开 Ukey。信息只发给这里填写的平台。")
        whole.addWidget(label(lead, "muted", wrap=True))
        self.problem = label(problem, "bad", wrap=True, select=True)
        self.problem.setVisible(bool(problem))
        whole.addWidget(self.problem)
        whole.addLayout(form)
        self.missing = label("", "small", wrap=True)
        whole.addWidget(self.missing)
        self.accept_button = button(tr("提交申请"), self.accept, role="default")
        self.accept_button.setDefault(True)
        whole.addLayout(row(None, button(tr("取消"), self.reject), self.accept_button))
        self._update()
        first = next((f for f in self.fields.values() if not f.text().strip()), self.kind)
        first.setFocus()

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
            said, role = self._judge(name, field.text().strip())
            wrong |= role == "bad"
            theme.set_role(self.hints[name], role)
            self.hints[name].setText(said)
            self.hints[name].setVisible(bool(said))
            title = field.accessibleName()
            field.setAccessibleDescription(said)
            field.setToolTip("" if role != "bad" else f"{title} {said}")
        empty = [f.accessibleName() for f in self.fields.values() if not f.text().strip()]
        short = [n for n in _CODES if len(normal(self.fields[n].text())) < CODE_LENGTH]
        self.missing.setText(tr("还没有填：{names}", names=tr("、").join(empty)) if empty else "")
        self.missing.setVisible(bool(empty))
        self.accept_button.setEnabled(not (wrong or empty or short))
        QTimer.singleShot(0, self, self._grow)

    def _grow(self) -> None:
        """Make room for hints that have come."""
        inner = self.layout()
        if inner is not None and not self._scrolls:
            needed = max(inner.totalHeightForWidth(self.width()), inner.totalMinimumSize().height())
            self.resize(self.width(), max(self.height(), needed))

    def _judge(self, name: str, text: str) -> tuple[str, str]:
        """What is said of a field, and in which role."""
        if not text:
            return "", "small"
        if name in _CODES:
            return self._judge_code(name, normal(text))
        if name == "phone" and name in self._left and not _PHONE.fullmatch(normal(text)):
            return tr("电话号码只有数字，可以带区号"), "bad"
        if name == "url" and name in self._left:
            try:
                read("platform_url", text, tr("平台地址"))
            except SettingsInvalid:
                return tr("应为 https:// 开头的网址，只写到主机名"), "bad"
        return "", "small"

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
        """What the fields hold, for the next try."""
        typed = {name: field.text() for name, field in self.fields.items()}
        return {**typed, "kind": str(self.kind.currentData())}

    def answer(self) -> tuple[str, Applicant]:
        """The platform's address and who asks for which seal."""
        from app.remote.enrolling import Applicant

        said = {name: field.text().strip() for name, field in self.fields.items()}
        said |= {name: normal(said[name]) for name in _CODES}
        url = said.pop("url")
        return url, Applicant(**said, kind=self.kind.currentData())


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
