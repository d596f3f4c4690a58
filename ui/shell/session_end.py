"""When the system's session ends: somebody signs out or shuts down while the window is open.

Windows then ends programs without closing their windows. So what is prepared is written down at
once. While a key is at work the system is asked to wait, and shows why; who ends the session all
the same finds the rest of the batch at the next start.
"""

from __future__ import annotations

import ctypes
import sys
from typing import TYPE_CHECKING, Protocol

from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtGui import QGuiApplication

from ui.language import tr

if TYPE_CHECKING:
    from ui.shell.window import MainWindow

_LOOK_MS = 500

if sys.platform == "win32":

    def _show_reason(window: int, reason: str) -> None:
        """What Windows shows for as long as it waits; "": it need not wait any longer."""
        user = ctypes.WinDLL("user32")
        handle = ctypes.c_void_p(window)
        if reason:
            user.ShutdownBlockReasonCreate(handle, ctypes.c_wchar_p(reason))
        else:
            user.ShutdownBlockReasonDestroy(handle)

else:

    def _show_reason(window: int, reason: str) -> None:
        """Other systems show none."""


class Manager(Protocol):
    """What is needed of Qt's QSessionManager."""

    def cancel(self) -> None:
        """Do not end the session."""


class SessionEnd(QObject):
    """Answers for *window*."""

    def __init__(self, application: QGuiApplication, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._looking = QTimer(self)
        self._looking.setInterval(_LOOK_MS)
        self._looking.timeout.connect(self._look)
        application.commitDataRequest.connect(self.answer, Qt.ConnectionType.DirectConnection)

    def answer(self, manager: Manager) -> None:
        """The session is about to end: keep what is prepared, or ask the system to wait."""
        self._window.keep()
        if self._window.plugged.held:
            manager.cancel()
            reason = tr("Ukey 正在工作，请等它完成以后再注销或关机。")
            _show_reason(self._window.winId(), reason)
            self._looking.start()

    @property
    def waiting(self) -> bool:
        """Has the system been asked to wait?"""
        return self._looking.isActive()

    def _look(self) -> None:
        if not self._window.plugged.held:
            self._looking.stop()
            _show_reason(self._window.winId(), "")
