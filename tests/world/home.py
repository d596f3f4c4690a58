"""A home of their own for the tests of a process: fresh and empty."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

import certifi

_FONTS = {"QT_QPA_FONTDIR": os.environ.get("QT_QPA_FONTDIR", r"C:\Windows\Fonts")}
"""On Windows without a screen Qt looks for them beside itself, and warns that it has none."""

_FEW_ROUNDS = "-DITERATIONS=500"
"""For device/virtual/store.c."""


def move_in() -> Path:
    """Point everything that a program looks up about its user into a fresh, empty folder; give
    the folder."""
    home = Path(tempfile.mkdtemp(prefix="sealdesk-tests-"))
    for name in [name for name in os.environ if name.startswith(("SEALDESK_", "XDG_"))]:
        if name != "SEALDESK_TEST_PROFILE":
            del os.environ[name]
    os.environ.update(
        HOME=str(home),
        USERPROFILE=str(home),
        APPDATA=str(home / "AppData" / "Roaming"),
        LOCALAPPDATA=str(home / "AppData" / "Local"),
        SEALDESK_HOME=str(home / "sealdesk"),
        QT_QPA_PLATFORM="offscreen",
        **(_FONTS if sys.platform == "win32" else {}),
        # What a program started by a test finds: no keyring, as on a server without a desktop.
        PYTHON_KEYRING_BACKEND="keyring.backends.fail.Keyring",
        TZ="UTC",
        SSL_CERT_FILE=str(_one_authority(home)),
        **_compiler(),
    )
    for proxy in ("http_proxy", "https_proxy", "all_proxy"):
        os.environ.pop(proxy, None)
        os.environ.pop(proxy.upper(), None)
    return home


def move_out(home: Path) -> None:
    """Remove the folder."""
    shutil.rmtree(home, ignore_errors=True)


def _compiler() -> dict[str, str]:
    """One that makes virtual Ukeys whose PINs are cheap to try: with the program's 50,000 rounds
    each login of a test takes 13 ms of the processor, each key that is made 40."""
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")
    if compiler is None or sys.platform == "win32" or _FEW_ROUNDS in compiler:
        return {}  # the last: the process that started this one has chosen it
    return {"CC": f"{compiler} {_FEW_ROUNDS}"}


def _one_authority(home: Path) -> Path:
    """A file with one authority of the web: to read all of them takes httpx some 20 ms for each
    connection, and no test talks to the web."""
    first, end, _ = Path(certifi.where()).read_text("ascii").partition("-----END CERTIFICATE-----")
    file = home / "authority.pem"
    file.write_text(first + end + "\n", encoding="ascii")
    return file
