"""What the builds need from Debian, and where they keep what need not be made again.

Standard library only: dev.py reads it before there is an environment.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

WINDOWS: Mapping[str, str] = {
    "wine": "wine",
    "wine64": "/usr/lib/x86_64-linux-gnu/wine/x86_64-windows/ntdll.dll",
    "wixl": "wixl",
    "msitools": "msibuild",
    "osslsigncode": "osslsigncode",
    "gcc-mingw-w64-x86-64": "x86_64-w64-mingw32-gcc",
    "libssl-dev": "/usr/include/openssl/evp.h",
    "ca-certificates": "/etc/ssl/certs/ca-certificates.crt",
}
"""Packages of the builds for Windows, and how to see that each is there (as in dev.py)."""


SIGNING: Mapping[str, str] = {
    **WINDOWS,
    "openssl": "openssl",
    "softhsm2": "softhsm2-util",
    "libengine-pkcs11-openssl": "/usr/lib/x86_64-linux-gnu/engines-3/pkcs11.so",
}
"""What signing needs besides."""


DEBIAN: Mapping[str, str] = {
    "binutils": "objdump",
    "debootstrap": "debootstrap",
    "lintian": "lintian",
    "xvfb": "Xvfb",
    "xdotool": "xdotool",
}
"""What the Debian package and its check need."""


class BuildFailed(Exception):
    """A build cannot go on; the text says why, in English, with the tool's own words."""


def cache() -> Path:
    """Where downloads and runtimes are kept; may be deleted at any time.

    ``SEALDESK_BUILD_CACHE`` moves it.
    """
    named = os.environ.get("SEALDESK_BUILD_CACHE")
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = Path(named) if named else base / "sealdesk-build"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def run(
    command: Sequence[str | Path], *, cwd: Path = ROOT, environment: Mapping[str, str] | None = None
) -> str:
    """Run a tool and return what it printed. Raises :class:`BuildFailed` when it fails."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=environment,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    if done.returncode:
        raise BuildFailed(f"{command[0]} failed ({done.returncode}):\n{done.stdout[-6000:]}")
    return done.stdout


def say(text: str) -> None:
    """Tell the person at the terminal how far the build is."""
    print(f"» {text}", flush=True)  # noqa: T201 - the build speaks to a terminal
