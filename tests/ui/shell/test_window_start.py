"""What the window needs before it shows: not what verifies documents or talks to a platform."""

import subprocess
import sys

LATE = ("pyhanko", "pymupdf", "httpx", "pkcs11", "PIL", "cryptography")


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
