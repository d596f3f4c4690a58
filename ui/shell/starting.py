"""Starting the window: once for each user; a second start hands its files to the first and ends.

run(context, files, page, faults) -> int
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QApplication

from app.errors import WindowBusy
from app.settings import policy_is_doubtful
from ui import accessible, language, theme
from ui.garbage import Collector
from ui.language import tr
from ui.shell.context.whole import Context
from ui.shell.navigation import page_titles
from ui.shell.session_end import SessionEnd
from ui.shell.state import STATE_FILE, WindowState
from ui.shell.window import MainWindow

if TYPE_CHECKING:
    from app.errors import SettingsInvalid

LISTEN_MS = 100
"""After the start: until the window has been painted."""


def run(
    context: Context,
    files: Sequence[Path] = (),
    page: str = "",
    faults: Sequence[SettingsInvalid] = (),
) -> int:
    """Show the window until it is closed; its exit code. *files* open in it, on *page* if it is
    named, else on the page that was open last; *faults* of the settings are told first.

    Raises :class:`app.errors.WindowBusy`."""
    os.environ.setdefault("QT_ACCESSIBILITY", "1")
    present = QApplication.instance()
    application = present if isinstance(present, QApplication) else theme.new_application()
    accessible.answer_for_scroll_areas()
    language.use(context.settings.language)
    application.setApplicationName("SealDesk")
    application.setApplicationDisplayName(tr("印台"))
    application.setDesktopFileName("cn.sealdesk.client")
    from ui.shell.single_instance import claim, hand_over

    folder = context.settings.folders.config
    first: BinaryIO | None = None
    with suppress(OSError):  # who cannot write there has a window all the same
        first = claim(folder)
        if first is None:
            if hand_over(folder, files):
                return 0
            first = claim(folder)  # the other one may have ended meanwhile
            if first is None:
                raise WindowBusy()
    kept = WindowState(folder / STATE_FILE)
    appearance = kept.get("appearance", "") or "system"
    theme.apply(application, appearance, bare=True)  # before any widget is made
    window = MainWindow(context)
    window.setWindowIcon(theme.icon("stamp", "accent", 64))
    start_page = page or window.state.get("page", "stamp")
    window.go(start_page if start_page in page_titles() else "stamp")
    theme.dress(application)
    window.show()
    # whoever starts the program meanwhile waits until somebody listens
    QTimer.singleShot(LISTEN_MS, window, lambda: window.listen(folder))
    Collector(application)
    SessionEnd(application, window)
    QTimer.singleShot(0, window.begin)
    if faults:
        QTimer.singleShot(0, lambda: tell_faults(window, faults))
    if files:
        QTimer.singleShot(0, lambda: window.take_files(list(files)))
    code = int(application.exec())
    if first is not None:
        first.close()
    return code


def tell_faults(window: MainWindow, faults: Sequence[SettingsInvalid]) -> None:
    """Say what of the settings is not in force."""
    from ui.shell.start_problems import StartProblems

    box = StartProblems(faults, policy_is_doubtful(window.context.settings, faults), window)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.open()
