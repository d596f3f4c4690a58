"""What the window needs before it shows: not what verifies documents or talks to a platform."""

import os
import subprocess
import sys
from pathlib import Path

LATE = (
    *("pyhanko", "pymupdf", "httpx", "pkcs11", "PIL", "cryptography", "PySide6.QtPrintSupport"),
    "PySide6.QtNetwork",
    *("crypto.verdict", "crypto.algorithms.gm", "crypto.rendering", "ui.verify"),
)
SHOWN = """
import enum, sys
made, new = [], enum.EnumType.__new__
def note(*given, **more):
    made.append(given[1])
    return new(*given, **more)
enum.EnumType.__new__ = note
from app.desk import Desk
from ui import theme
from ui.desk.desk_context import DeskContext
from ui.shell.window import MainWindow
with Desk.open() as desk:
    application = theme.new_application()
    theme.apply(application, "light")
    window = MainWindow(DeskContext(desk))
    window.go("stamp")
    window.resize(1366, 768)
    window.show()
    application.processEvents()
    looked_through = "WizardButton" in made  # of a class that nothing of ours imports
    application.setStyleSheet("")
    print(looked_through, application.style().name())
    sys.stdout.flush()
    __import__("os")._exit(0)
"""


def test_the_window_shows_before_anything_heavy_is_imported() -> None:
    """Importing them took longer than everything else about a cold start."""
    program = (
        "import sys, app.__main__, app.desk\n"
        "import ui.desk.desk_context, ui.shell.starting, ui.stamp.stamp_page\n"
        f"print([name for name in {LATE!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=True
    )
    assert done.stdout.strip() == "[]"


def test_the_window_shows_before_pyside_has_looked_through_all_classes(tmp_path: Path) -> None:
    """It does so when it is handed a widget that Qt has made: that took a tenth of the start."""
    done = subprocess.run(
        [sys.executable, "-c", SHOWN],
        env={**os.environ, "SEALDESK_HOME": str(tmp_path), "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert done.stdout.strip() == "False fusion"
