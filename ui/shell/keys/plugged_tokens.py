"""Which keys are plugged in, and which of them is in use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from app.errors import explain
from ui.language import language, pair
from ui.shell.context.values import TokenView

if TYPE_CHECKING:
    from ui.shell.interface import Shell
    from ui.tasks import Task

POLL_MS = 1500


class PluggedTokens(QObject):
    """Asks on the device thread every 1.5 seconds, except while somebody holds the keys."""

    changed = Signal()
    """Other keys are plugged in than before, or another one is in use."""

    def __init__(self, shell: Shell, parent: QObject) -> None:
        super().__init__(parent)
        self._shell = shell
        self.tokens: tuple[TokenView, ...] = ()
        self.token: TokenView | None = None
        """The one in use."""
        self._polling: Task | None = None
        self._held = 0
        self._failure_told = False
        self._timer = QTimer(self)
        self._timer.setInterval(POLL_MS)
        self._timer.timeout.connect(self.poll)

    def start(self) -> None:
        """Ask now, and from now on."""
        self.poll()
        self._timer.start()

    def stop(self) -> None:
        self._timer.stop()

    def restart(self) -> None:
        """The shell has another context: forget the keys of the one before."""
        self._held, self._polling, self._failure_told = 0, None, False
        self._settle(())
        self.poll()

    @property
    def held(self) -> bool:
        """Does somebody hold the keys?"""
        return self._held > 0

    def hold(self, held: bool) -> None:
        """While a key is signing nobody else asks for it. Calls nest."""
        self._held = max(0, self._held + (1 if held else -1))

    def choose(self, serial: str) -> None:
        """Use the key with this serial number, now and after the next start."""
        self._shell.state.put("token", serial)
        self._settle(self.tokens)

    def poll(self) -> None:
        """Ask now, unless an answer is awaited already."""
        if self.held or (self._polling is not None and not self._polling.finished):
            return
        self._polling = self._shell.tasks.device(
            self._shell.context.tokens, done=self._take, failed=self._fail
        )

    def _take(self, tokens: tuple[TokenView, ...]) -> None:
        self._shell.notices.clear_notice("driver")
        self._failure_told = False
        if tokens == self.tokens and (self.token is not None or not tokens):
            return
        self._settle(tokens)

    def _fail(self, error: BaseException) -> None:
        if not self._failure_told:
            self._failure_told = True
            message = explain(error, language())
            said = pair(message.title, message.remedy)
            self._shell.notices.show_notice("driver", "warning", said, lasting=True)
        self._settle(())

    def _settle(self, tokens: tuple[TokenView, ...]) -> None:
        """The key that was chosen, else the one that the settings name, else the first."""
        self.tokens = tokens
        wanted = self._shell.state.get("token", "") or self._shell.context.settings.token_serial
        usable = [token for token in tokens if token.initialised] or list(tokens)
        self.token = next(
            (token for token in usable if token.serial == wanted), usable[0] if usable else None
        )
        self.changed.emit()
