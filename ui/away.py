"""A word through the system for who works in another window: a key was plugged in, a batch ended.

It never names a company, a file or a seal: a notice is seen by whoever passes the screen.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable

from PySide6.QtCore import QObject, QProcess, QTimer
from PySide6.QtWidgets import QApplication, QSystemTrayIcon, QWidget

from ui import theme
from ui.language import tr

SHOWN_MS = 10_000


class AwayNotices(QObject):
    """For one window; says nothing while it is the active one."""

    def __init__(self, window: QWidget, wanted: Callable[[], bool]) -> None:
        """*wanted*: has the person not switched it off?"""
        super().__init__(window)
        self._window, self._wanted = window, wanted
        self._tray: QSystemTrayIcon | None = None
        self._serials: frozenset[str] | None = None

    def tell(self, text: str) -> None:
        """Say *text*, if the person is elsewhere."""
        if self._window.isActiveWindow() or not self._wanted():
            return
        QApplication.alert(self._window)
        self._show(text)

    def keys_are(self, serials: frozenset[str]) -> None:
        """These keys are plugged in now; a new one is told of, but not those of the beginning."""
        before, self._serials = self._serials, serials
        if before is not None and serials - before:
            self.tell(tr("Ukey 已插入，可以盖章。"))

    def begin_anew(self) -> None:
        """Other keys follow, which nobody has just plugged in."""
        self._serials = None

    def _show(self, text: str) -> None:
        program = "" if sys.platform == "win32" else shutil.which("notify-send")
        if program:
            icon, title = "--icon=sealdesk", "--app-name=SealDesk"
            QProcess.startDetached(program, [icon, title, "--", tr("印台"), text])
        elif QSystemTrayIcon.isSystemTrayAvailable():
            self._through_tray(text)

    def _through_tray(self, text: str) -> None:
        if self._tray is None:
            self._tray = QSystemTrayIcon(theme.icon("stamp", "accent", 64), self)
            self._tray.messageClicked.connect(self._come_forward)
            self._tray.activated.connect(lambda _: self._come_forward())
        self._tray.show()
        self._tray.showMessage(tr("印台"), text, self._tray.icon(), SHOWN_MS)
        QTimer.singleShot(2 * SHOWN_MS, self, self._tray.hide)

    def _come_forward(self) -> None:
        self._window.show()
        self._window.raise_()
        self._window.activateWindow()
