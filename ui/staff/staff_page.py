"""What both pages have: signing in with the key, the PIN, and what happens when the session ends.

A session ends at the platform after a quarter of an hour without use; then the page says so and
shows the button again. A decision asks for the PIN each time: it is a signature.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from app.errors import PlatformRefused
from ui.language import tr
from ui.room import room
from ui.shell.pin_dialog import ask_pin
from ui.widgets import button, centred, column, framed, label, picture, row

if TYPE_CHECKING:
    from ui.shell.context.values import TokenView
    from ui.shell.interface import Shell


class StaffPage(QWidget):
    """See the module. A page says its *role* and what it shows once signed in."""

    def __init__(self, shell: Shell, role: str, icon: str, title: str, about: str) -> None:
        super().__init__()
        self._shell, self._role = shell, role
        self.setAccessibleName(title)
        self.stack = QStackedWidget()
        self.sign_in_button = button(tr("用 Ukey 登录"), self.sign_in, role="default")
        self.note = label("", "bad", wrap=True)
        self.note.hide()
        inner = column(margins=(28, 28, 28, 28), spacing=10)
        inner.addLayout(row(None, picture(icon, "muted", 40), None))
        for text, look in ((title, "title"), (about, "muted")):
            said = label(text, look, wrap=True)
            inner.addWidget(said)
        inner.addWidget(self.note)
        inner.addLayout(row(None, self.sign_in_button, None))
        card = framed("card", inner)
        card.setMaximumWidth(room(560))
        self.stack.addWidget(centred(card))
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self.stack)

    # --- the key ---------------------------------------------------------------------------------

    def token(self) -> TokenView | None:
        """The key of the role that is plugged in; the one in use first."""
        seen = [self._shell.token, *self._shell.tokens]
        return next((t for t in seen if t is not None and self._role in t.roles), None)

    def ask_pin(self, token: TokenView, purpose: str) -> str:
        """The PIN; "" if it was not given."""
        return ask_pin(self._shell, token, purpose, self)

    def with_key(
        self,
        purpose: str,
        act: Callable[..., Any],
        *given: Any,
        done: Callable[[Any], None],
        failed: Callable[[BaseException], None] | None = None,
    ) -> bool:
        """*act*(*given*, serial, pin) on the key's thread after asking for the PIN; False if it was
        not given. *failed*: where a failure is told, if not in the window."""
        token = self.token()
        if token is None:
            return False
        pin = self.ask_pin(token, purpose)
        if not pin:
            return False
        self._shell.hold_polling(True)

        def settled(answer: Any) -> None:
            self._shell.hold_polling(False)
            done(answer)

        def fell(error: BaseException) -> None:
            self._shell.hold_polling(False)
            (failed or self.failed)(error)

        self._shell.tasks.device(act, *given, token.serial, pin, done=settled, failed=fell)
        return True

    # --- the session -----------------------------------------------------------------------------

    def sign_in(self) -> None:
        """Ask for the PIN and sign in."""
        purpose = tr("登录平台")
        self.with_key(purpose, self._shell.context.staff.sign_in, self._role, done=self._signed_in)

    def _signed_in(self, _answer: object) -> None:
        self.note.hide()
        self.entered()

    def entered(self) -> None:
        """Show what there is once somebody is signed in; each page has its own."""

    def failed(self, error: BaseException) -> None:
        """Tell it; a session that has ended leads back to the button."""
        if isinstance(error, PlatformRefused) and error.problem == "session_invalid":
            self._shell.context.staff.sign_out(self._role)
            self.note.setText(tr("登录已过期，请重新登录。没有提交的内容不会丢。"))
            self.note.show()
            self.stack.setCurrentIndex(0)
            self.sign_in_button.setFocus()
            return
        self._shell.complain(error)

    def work(
        self,
        act: Callable[..., Any],
        *given: Any,
        done: Callable[[Any], None],
        failed: Callable[[BaseException], None] | None = None,
    ) -> None:
        """Ask the platform in the pool."""
        self._shell.tasks.work(act, *given, done=done, failed=failed or self.failed)

    def activated(self) -> None:
        if self._shell.context.staff.signed_in(self._role):
            self.entered()
        else:
            self.stack.setCurrentIndex(0)

    def panes(self) -> list[QWidget]:
        return [self.sign_in_button]
