"""What can be done about a proof that is missing: 信任这个平台…, 联网查询, 从文件添加….

Trusting a platform: its host is shown large, its name and qualifications as its own claims. The
fingerprint is never shown; the person has it from elsewhere and enters the digits that the program
picks, 16 of 64.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from PySide6.QtWidgets import (
    QDialog,
    QLineEdit,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from app.errors import phrase
from crypto.pki.holder_name import without_credit_code
from crypto.verdict import Report, one_line
from ui.dialogs import Dialog, ask
from ui.language import language, tr
from ui.verify.add_anchor import add_from_file
from ui.widgets import button, column, copy_text, facts, label, picture, row

if TYPE_CHECKING:
    from ui.shell.context.values import PlatformClaim
    from ui.shell.context.whole import Context
    from ui.shell.interface import Shell

_RUN = 4
"""Digits in one field."""


def _people(organizations: Iterable[str]) -> str:
    """Organisations as people call them, on one line."""
    names = (without_credit_code(name) for name in organizations)
    return one_line(tr("、").join(names)) or "—"


class TrustPlatformDialog(Dialog):
    """Accepted: the root was compared, and :attr:`whole` says for whose seals."""

    def __init__(
        self,
        claim: PlatformClaim,
        places: Callable[[], Sequence[int]],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._claim, self._pick = claim, places
        self.setWindowTitle(tr("信任这个平台"))
        self.setMinimumWidth(580)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(24, 20, 24, 20)
        whole.setSpacing(12)
        whole.addWidget(label(tr("信任这个平台"), "heading"))
        parts = urlsplit(claim.origin)
        whole.addWidget(label(one_line(parts.netloc), "title", wrap=True, select=True))
        claims = [
            (tr("自称的名称"), one_line(claim.name) or "—"),
            (tr("自称的资质"), one_line(tr("、").join(claim.qualifications)) or "—"),
            (tr("文件的签章单位"), _people(claim.holders)),
        ]
        whole.addWidget(facts(claims))
        whole.addWidget(
            label(
                tr("以上由平台和文件自己说明，没有经过核实。网址请逐字看清。"), "small", wrap=True
            )
        )
        self._company = QRadioButton(tr("只信任这家单位的印章"))
        self._platform = QRadioButton(tr("信任这个平台的全部印章"))
        self._company.setChecked(True)
        whole.addWidget(self._company)
        whole.addWidget(self._platform)
        warning = row(picture("triangle-alert", "unknown", 18), spacing=10)
        said = tr(
            "请从别的途径（平台公告、合同、电话）取得它的根证书 SM3，共 64 位，按下面的位置填写。"
            "不要向发来这份文件的人索取。"
        )
        warning.addWidget(label(said, wrap=True), 1)
        whole.addLayout(warning)
        self._fields = [QLineEdit() for _ in range(4)]
        self._labels = [label("", "small") for _ in self._fields]
        entry = row(spacing=16)
        for name, field in zip(self._labels, self._fields, strict=True):
            field.setMaxLength(_RUN)
            field.textChanged.connect(self._typed)
            one = column(spacing=4)
            one.addWidget(name)
            one.addWidget(field)
            entry.addLayout(one, 1)
        whole.addLayout(entry)
        self.problem = label("", "bad", wrap=True)
        whole.addWidget(self.problem)
        self.accept_button = button(tr("信任"), self._compare, role="default")
        whole.addLayout(row(None, button(tr("取消"), self.reject), self.accept_button))
        self._ask()

    @property
    def whole(self) -> bool:
        """For all seals of the platform, not for this company's alone."""
        return self._platform.isChecked()

    @property
    def places(self) -> tuple[int, ...]:
        """Where in the 64 digits those stand that are asked for, from 0."""
        return self._places

    def enter(self, digits: str) -> None:
        """Fill in *digits*, in the order of :attr:`places`."""
        for number, field in enumerate(self._fields):
            field.setText(digits[_RUN * number : _RUN * (number + 1)])

    def _ask(self) -> None:
        self._places = tuple(self._pick())
        for number, (name, field) in enumerate(zip(self._labels, self._fields, strict=True)):
            first = self._places[_RUN * number] + 1
            words = tr("第 {first}–{last} 位", first=first, last=first + _RUN - 1)
            name.setText(words)
            field.setAccessibleName(words)
            field.clear()
        self._typed()

    def _typed(self) -> None:
        entered = "".join(field.text() for field in self._fields)
        good = len(entered) == _RUN * 4 and all(c in "0123456789abcdefABCDEF" for c in entered)
        self.accept_button.setEnabled(good)

    def _compare(self) -> None:
        entered = "".join(field.text() for field in self._fields)
        if self._claim.fits(self._places, entered):
            self.accept()
            return
        self._ask()
        self.problem.setText(
            tr(
                "与这个平台的根证书不一致。请检查有没有抄错；"
                "没有抄错，它就可能不是您要找的平台，请停下来核实。"
            )
        )


class MissingProofs:
    """Carries out the action of one of the four lines; *again* verifies the file anew, *fetch* with
    what its addresses lead to."""

    def __init__(
        self, shell: Shell, parent: QWidget, again: Callable[[], None], fetch: Callable[[], None]
    ) -> None:
        self._shell, self._parent = shell, parent
        self._again, self._fetch = again, fetch

    def act(self, action: str, path: Path, password: str | None, report: Report) -> None:
        """What the line's button says."""
        if action == "trust_platform":
            self._trust_platform(path, password, report)
        elif action == "add_file":
            add_from_file(self._shell, self._parent, self._again)
        elif action == "fetch":
            self._fetch()
        elif action == "open_in_demo":
            self._open_in_demo(path)
        elif action == "set_clock":
            said = tr("请在系统设置里校准这台电脑的日期和时间，然后重新验证。")
            self._shell.notices.show_notice("trust", "warning", said)

    # --- the demo --------------------------------------------------------------------------------

    def _open_in_demo(self, path: Path) -> None:
        """Work in the demo of this computer, with the file verified there."""
        shell = self._shell
        if shell.context.demo_pin or not shell.context.demo_possible:
            said = (
                tr("这枚演示印章不是这里的演示做的，只有做它的那台电脑能验证。")
                if shell.context.demo_pin
                else tr("这台电脑上不能运行演示。演示印章没有任何效力。")
            )
            shell.notices.show_notice("trust", "warning", said)
            return

        def done(demo: Context) -> None:
            shell.hold_polling(False)
            shell.notices.clear_notice("trust")
            shell.enter_demo(demo, path)

        def failed(error: BaseException) -> None:
            shell.hold_polling(False)
            shell.notices.clear_notice("trust")
            shell.complain(error)

        shell.notices.show_notice("trust", "info", tr("正在准备演示…"))
        shell.hold_polling(True)  # the virtual Ukeys of the demo are not one's own
        shell.tasks.device(shell.context.start_demo, done=done, failed=failed)

    # --- a platform ------------------------------------------------------------------------------

    def _trust_platform(self, path: Path, password: str | None, report: Report) -> None:
        if not self._shell.context.settings.allow_own_trust:
            self._tell_whom_to_ask(report)
            return
        self._shell.tasks.work(
            self._shell.context.platform_claim,
            path,
            password,
            done=self._ask,
            failed=self._shell.complain,
        )

    def _ask(self, claim: PlatformClaim) -> None:
        from app.trust.platforms import places

        dialog = TrustPlatformDialog(claim, places, self._parent)
        accepted = dialog.exec() == QDialog.DialogCode.Accepted
        whole = dialog.whole
        dialog.deleteLater()
        if accepted:
            self._shell.tasks.work(
                self._shell.context.trust_platform,
                claim,
                whole,
                done=lambda _: self._again(),
                failed=self._shell.complain,
            )

    def _tell_whom_to_ask(self, report: Report) -> None:
        origins = [signature.origin for signature in report.signatures if signature.origin]
        signers = [signature.signer for signature in report.signatures if signature.signer]
        text = phrase("trust.ask_text", language()).format(
            origin=one_line(origins[0]) if origins else "—",
            holders=_people(dict.fromkeys(signer.organization for signer in signers)),
        )
        title, whom, copy = tr("信任这个平台"), phrase("trust.ask_whom", language()), tr("复制")
        if ask(self._parent, title, whom, copy, tr("关闭"), details=text) == copy:
            copy_text(text)
