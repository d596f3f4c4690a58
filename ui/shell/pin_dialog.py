"""The PIN: asked with the key's name, the purpose and the tries left; never kept or tried twice.

At the last try it must be confirmed twice, because a wrong one locks the key.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QCheckBox, QDialog, QVBoxLayout, QWidget

from app.errors import explain
from ui import theme
from ui.dialogs import Dialog
from ui.language import language, tr
from ui.shell.context.values import TokenView
from ui.shell.notice import announce
from ui.shell.pin_field import PinAids, PinField
from ui.shell.token_strip import token_name
from ui.widgets import button, facts, label, picture, row

if TYPE_CHECKING:
    from ui.shell.interface import Shell


class PinDialog(Dialog):
    """Asks once. ``pin`` holds what was typed until :meth:`take`."""

    def __init__(
        self,
        token: TokenView,
        key_name: str,
        purpose: str,
        *,
        problem: str = "",
        parent: QWidget | None = None,
        unlock: Callable[[], None] | None = None,
    ) -> None:
        """*unlock*: what a person may do about a PIN that is locked or forgotten."""
        super().__init__(parent)
        self._unlock = unlock
        self._locked = token.locked
        self.setWindowTitle(tr("输入 Ukey 口令"))
        self.setMinimumWidth(420)
        self._final = token.final_try or token.tries_left == 1
        self._asked_again = False
        self._pin = ""
        whole = QVBoxLayout(self)
        whole.setContentsMargins(24, 20, 24, 20)
        whole.setSpacing(12)
        head = row(picture("key-round", "text", 24), spacing=12)
        head.addWidget(label(tr("输入 Ukey 口令"), "title"), 1)
        whole.addLayout(head)
        tries = tr("未知（这种 Ukey 不提供）")
        if token.tries_left is not None:
            tries = tr("{count} 次", count=token.tries_left)
        serial = (
            tr("{name}（{keys}）", name=key_name, keys=token.serial) if token.serial else key_name
        )
        whole.addWidget(facts([("Ukey", serial), (tr("用途"), purpose), (tr("剩余次数"), tries)]))
        self.problem = label(problem, "bad", wrap=True)
        self.problem.setVisible(bool(problem))
        whole.addWidget(self.problem)
        self.field = PinField(tr("Ukey 口令"))
        self.field.setPlaceholderText(tr("口令"))
        self.field.textChanged.connect(self._update_buttons)
        whole.addWidget(self.field)
        self.aids = PinAids(self.field)
        whole.addWidget(self.aids)
        self.sure = QCheckBox(tr("我知道再输错一次 Ukey 就会锁定"))
        self.sure.setVisible(self._final)
        self.sure.toggled.connect(self._update_buttons)
        if self._final:
            warning = label(
                tr("只剩最后一次机会。输错后 Ukey 会锁定，要由平台解锁。"), "bad", wrap=True
            )
            whole.addWidget(warning)
        whole.addWidget(self.sure)
        if self._locked:
            self.field.setEnabled(False)
            self.aids.hide()
            said = tr("口令已锁定，密钥和印章没有丢失。要设新口令才能使用。")
            whole.addWidget(label(said, "bad", wrap=True))
        whole.addStretch()
        self.cancel = button(tr("取消"), self.reject)
        self.accept_button = button(tr("确定"), self._submit, role="default")
        self.accept_button.setDefault(True)
        words = tr("解锁…") if self._locked else tr("忘记口令…")
        self.forgot = button(words, self._leave_to_unlock, role="link")
        self.forgot.setVisible(unlock is not None)
        whole.addLayout(row(self.forgot, None, self.cancel, self.accept_button))
        self._update_buttons()
        (self.forgot if self._locked else self.field).setFocus()
        if problem:
            announce(self.problem)

    def take(self) -> str:
        """The PIN that was confirmed; "" if none was. Can be taken once."""
        pin, self._pin = self._pin, ""
        return pin

    def _leave_to_unlock(self) -> None:
        self.reject()
        if self._unlock is not None:
            self._unlock()

    def _update_buttons(self) -> None:
        self._asked_again = False
        self.accept_button.setText(tr("确定"))
        ready = bool(self.field.text()) and (not self._final or self.sure.isChecked())
        self.accept_button.setEnabled(ready)

    def _submit(self) -> None:
        if not self.accept_button.isEnabled():
            return
        if self._final and not self._asked_again:
            self._asked_again = True
            self.accept_button.setText(tr("最后一次，确实提交"))
            return
        self._pin = self.field.take()
        self.accept()

    def reject(self) -> None:
        self.field.clear()
        super().reject()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._submit()
            return
        super().keyPressEvent(event)


def ask_pin(
    shell: Shell,
    token: TokenView,
    purpose: str,
    parent: QWidget,
    *,
    problem: str = "",
    beside: QWidget | None = None,
) -> str:
    """Ask for the PIN of *token*; "" if it was not given. The one place that does, so that a locked
    or forgotten PIN can be unlocked wherever it is asked for. *problem*: why it is asked again;
    *beside*: what the dialog must not cover."""
    unlock = partial(shell.unlock_token, token)
    dialog = PinDialog(
        token, token_name(token), purpose, problem=problem, parent=parent, unlock=unlock
    )
    dialog.beside = beside
    accepted = dialog.exec() == QDialog.DialogCode.Accepted
    pin = dialog.take() if accepted else ""
    dialog.deleteLater()
    return pin


def with_key(
    shell: Shell,
    purpose: str,
    work: Callable[[str, str], Any],
    parent: QWidget,
    *,
    done: Callable[[Any], None],
    failed: Callable[[BaseException], None] | None = None,
) -> None:
    """Ask for the PIN of the token in use and do *work* (serial number, PIN) on the tokens' thread,
    where nothing polls meanwhile. Nothing happens without a token or a PIN. *failed*: what is done
    about an error; None: the window tells."""
    token = shell.token
    if token is None:
        return
    pin = ask_pin(shell, token, purpose, parent)
    if not pin:
        return
    shell.hold_polling(True)

    def ended(result: Any) -> None:
        shell.hold_polling(False)
        done(result)

    def fell(error: BaseException) -> None:
        shell.hold_polling(False)
        (failed or shell.complain)(error)

    shell.tasks.device(work, token.serial, pin, done=ended, failed=fell)


def change_pin(shell: Shell, token: TokenView, parent: QWidget) -> None:
    """Ask for the old and a new PIN of *token* and set it; the window tells of the outcome."""
    dialog = ChangePinDialog(token, token_name(token), parent)
    accepted = dialog.exec() == QDialog.DialogCode.Accepted
    old, new = dialog.take()
    dialog.deleteLater()
    if not accepted:
        return

    def done(_: object) -> None:
        shell.notices.clear_notice("pin")
        shell.notices.show_notice("setup", "good", tr("口令已修改。"))

    change = shell.context.change_pin
    shell.tasks.device(change, token.serial, old, new, done=done, failed=shell.complain)


class ChangePinDialog(Dialog):
    """Old PIN, new PIN twice; the rules are checked before a try is spent."""

    def __init__(self, token: TokenView, key_name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("修改 Ukey 口令"))
        self.setMinimumWidth(420)
        self._pins = ("", "")
        whole = QVBoxLayout(self)
        whole.setContentsMargins(24, 20, 24, 20)
        whole.setSpacing(12)
        whole.addWidget(label(tr("修改 Ukey 口令"), "title"))
        tries = tr("未知（这种 Ukey 不提供）")
        if token.tries_left is not None:
            tries = tr("{count} 次", count=token.tries_left)
        whole.addWidget(facts([("Ukey", key_name), (tr("剩余次数"), tries)]))
        self.old, self.new, self.again = (
            PinField(tr("现在的口令")),
            PinField(tr("新口令")),
            PinField(tr("再输一次新口令")),
        )
        for field in (self.old, self.new, self.again):
            field.setPlaceholderText(field.accessibleName())
            field.textChanged.connect(self._update_buttons)
            whole.addWidget(field)
        self.aids = PinAids(self.old, self.new, self.again)
        whole.addWidget(self.aids)
        self.problem = label(tr("6 至 32 位，不要用 123456 这样的口令。"), "small", wrap=True)
        whole.addWidget(self.problem)
        self.accept_button = button(tr("修改"), self._submit, role="default")
        self.accept_button.setDefault(True)
        whole.addLayout(row(None, button(tr("取消"), self.reject), self.accept_button))
        self._update_buttons()

    def take(self) -> tuple[str, str]:
        """Old and new PIN; can be taken once."""
        pins, self._pins = self._pins, ("", "")
        return pins

    def _update_buttons(self) -> None:
        from device.token import PinNotAllowed, check_new_pin

        problem = ""
        if self.new.text():
            try:
                check_new_pin(self.new.text(), old=self.old.text() or None)
            except PinNotAllowed as error:
                problem = explain(error, language()).cause
            if not problem and self.again.text() and self.again.text() != self.new.text():
                problem = tr("两次输入的新口令不一样。")
        theme.set_role(self.problem, "bad" if problem else "small")
        self.problem.setText(problem or tr("6 至 32 位，不要用 123456 这样的口令。"))
        ready = self.old.text() and self.new.text() and self.new.text() == self.again.text()
        self.accept_button.setEnabled(bool(ready) and not problem)

    def _submit(self) -> None:
        self._pins = (self.old.take(), self.new.take())
        self.again.clear()
        self.accept()
