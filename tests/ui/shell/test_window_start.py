"""What the window needs before it shows: not what verifies documents or talks to a platform."""

import os
import subprocess
import sys
from collections.abc import Callable
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

SCROLLED = """
import os, sys, threading, time
from pathlib import Path
from app.desk import Desk
from ui import ahead, theme
from ui.desk.desk_context import DeskContext
from ui.shell import window as shell

def wait(done):
    end = time.monotonic() + 60
    while not done():
        assert time.monotonic() < end
        application.processEvents()
        time.sleep(0.002)

imported, ready, import_all = [], threading.Event(), ahead.import_all
def note():
    import_all()
    ready.set()
ahead.import_all, shell.AHEAD_MS, shell.IDLE_MS = note, 0, 0
with Desk.open() as desk:
    application = theme.new_application()
    window = shell.MainWindow(DeskContext(desk))
    window.go("stamp")
    window.show()
    window.begin()
    wait(lambda: ready.is_set() and not window.tasks.busy)
    window.go("stamp", [Path(sys.argv[1])])
    view = window.page("stamp").pane.view
    wait(lambda: view.complete)
    sys.addaudithook(lambda event, given: event == "import" and imported.append(given[0]))
    for page in range(view.page_count):
        view.go_to(page)
        application.processEvents()
    wait(lambda: view.complete and not window.tasks.busy)
    print(imported)
    sys.stdout.flush()
    os._exit(0)
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


def test_nothing_is_imported_once_a_page_is_shown(
    tmp_path: Path, make_pdf: Callable[..., Path]
) -> None:
    """Workers that imported modules took the interpreter from the window: frames of 40 ms."""
    done = subprocess.run(
        [sys.executable, "-c", SCROLLED, str(make_pdf(pages=12))],
        env={**os.environ, "SEALDESK_HOME": str(tmp_path), "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert done.stdout.strip() == "[]"
