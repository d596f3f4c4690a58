"""The installed programs hold what the client imports."""

from __future__ import annotations

import re
from pathlib import Path

from PIL import features

from installer.collected import PACKAGES, UNUSED, is_wanted

ROOT = Path(__file__).parents[2]
_IMPORT = re.compile(r"^\s*(?:from|import) ([\w.]+)", re.MULTILINE)


def imported() -> set[str]:
    """Every module that a module of the client imports, wherever it does."""
    files = (path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    texts = (path.read_text(encoding="utf-8") for path in files)
    return {name for text in texts for name in _IMPORT.findall(text)}


def test_nothing_that_the_client_imports_is_left_out() -> None:
    assert {"PIL", "PySide6.QtDBus", "qrcode.main"} <= imported()
    left_out = [
        name
        for name in imported()
        if any(name == unused or name.startswith(f"{unused}.") for unused in UNUSED)
    ]
    assert left_out == []


def test_the_pictures_of_an_approval_can_be_written_and_read() -> None:
    """They are WebP, which Pillow has in a library of its own and the bundles once left out."""
    assert features.check("webp")
    for name in ("PIL/_webp.cp311-win_amd64.pyd", "PIL/_webp.cpython-311-x86_64-linux-gnu.so"):
        assert is_wanted(name)
    debian = (ROOT / "installer" / "debian" / "sealdesk.spec").read_text(encoding="utf-8")
    assert "_webp" not in debian
