"""保管人: who keeps a seal, said by the legal representative with a key of his own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QFormLayout, QLineEdit, QVBoxLayout, QWidget

from app.errors import explain
from ui.dialogs import Dialog
from ui.language import language, tr
from ui.pages.apply_dialog import normal
from ui.seal_card import kind_name
from ui.widgets import button, clear_layout, column, day, label, row

if TYPE_CHECKING:
    from app.remote.platform_account import Appointed
    from app.store.cabinet import SealRecord
    from ui.shell.interface import Shell

Pin = Callable[[str], tuple[str, str]]
"""Asks for the PIN of the key in use, for a purpose: serial number and PIN, empty if cancelled."""


class KeepersDialog(Dialog):
    """Of one seal. Nothing is asked of the platform before the representative's PIN is given."""

    def __init__(self, shell: Shell, seal: SealRecord, pin: Pin, parent: QWidget) -> None:
        super().__init__(parent)
        self._shell, self._seal, self._pin = shell, seal, pin
        self.setWindowTitle(tr("保管人"))
        self.setMinimumWidth(520)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(24, 20, 24, 20)
        whole.setSpacing(10)
        whole.addWidget(label(tr("保管人"), "title"))
        name = tr("{seal} · {company}", seal=kind_name(seal), company=seal.enterprise)
        whole.addWidget(label(tr("，").join((name, seal.code)), wrap=True))
        lead = tr(
            "由法定代表人指定：请插入法定代表人自己的 Ukey。平台按身份证件号码核对，姓名不作数。"
        )
        whole.addWidget(label(lead, "muted", wrap=True))
        self.listed = column(spacing=4)
        whole.addLayout(self.listed)
        self.ask = button(tr("查看现在的保管人"), self._list)
        whole.addLayout(row(self.ask, None))
        form = QFormLayout()
        form.setHorizontalSpacing(16)
        self.name, self.number = QLineEdit(), QLineEdit()
        for field, title in ((self.name, tr("姓名")), (self.number, tr("身份证号"))):
            field.setAccessibleName(title)
            field.textChanged.connect(self._update)
            form.addRow(label(title, "muted"), field)
        whole.addLayout(form)
        self.problem = label("", "bad", wrap=True, select=True)
        self.problem.hide()
        whole.addWidget(self.problem)
        whole.addStretch()
        self.give = button(tr("指定为保管人"), self._give, role="default")
        self.close_button = button(tr("关闭"), self.reject)
        whole.addLayout(row(None, self.close_button, self.give))
        self._update()

    def _update(self) -> None:
        self.give.setEnabled(bool(self.name.text().strip() and self.number.text().strip()))

    # --- with the key ----------------------------------------------------------------------------

    def _list(self) -> None:
        act = self._shell.context.applications.keepers
        self._with_key(tr("查看印章的保管人"), partial(act, self._seal), self._show)

    def _give(self) -> None:
        person = (self.name.text().strip(), normal(self.number.text()))
        purpose = tr("法定代表人指定 {name} 保管印章", name=person[0])
        act = self._shell.context.applications.give_keeper
        self._with_key(purpose, partial(act, self._seal, *person), self._given)

    def _end(self, appointed: Appointed) -> None:
        purpose = tr("法定代表人结束 {name} 的保管", name=appointed.name)
        act = self._shell.context.applications.end_keeper
        self._with_key(purpose, partial(act, self._seal, appointed.id), self._show)

    def _with_key(
        self,
        purpose: str,
        act: Callable[[str, str], Sequence[Appointed]],
        done: Callable[[Sequence[Appointed]], None],
    ) -> None:
        serial, pin = self._pin(purpose)
        if not pin:
            return
        self.problem.hide()
        self.setEnabled(False)
        self._shell.hold_polling(True)
        self._shell.tasks.device(act, serial, pin, done=done, failed=self._failed)

    def _given(self, keepers: Sequence[Appointed]) -> None:
        self.name.clear()
        self.number.clear()
        self._show(keepers)

    def _show(self, keepers: Sequence[Appointed]) -> None:
        self._again()
        clear_layout(self.listed)
        for keeper in keepers:
            said = tr("{name}，{date} 起", name=keeper.name, date=day(keeper.since))
            ending = button(tr("结束…"), partial(self._end, keeper), role="link")
            ending.setAccessibleName(tr("，").join((tr("结束…"), keeper.name)))
            self.listed.addLayout(row(label(said), None, ending))
        if not keepers:
            self.listed.addWidget(label(tr("现在没有保管人。"), "muted"))

    def _failed(self, error: BaseException) -> None:
        self._again()
        message = explain(error, language())
        self.problem.setText(tr("{cause}（{code}）", cause=message.cause, code=message.code))
        self.problem.show()

    def _again(self) -> None:
        self._shell.hold_polling(False)
        self.setEnabled(True)
