"""Which known vendors' driver libraries are installed on this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

from device.profiles import all_profiles


def installed_modules() -> list[Path]:
    """PKCS#11 libraries in the system's folders whose file name a vendor profile knows.

    A library elsewhere is named in the settings (``pkcs11_modules``); so is a software token such
    as SoftHSM, which must not be offered unasked."""
    patterns = [
        pattern.lower()
        for profile in all_profiles()
        if not profile.virtual
        for pattern in profile.modules
    ]
    found: dict[Path, Path] = {}
    for folder in _folders():
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if any(fnmatch(path.name.lower(), pattern) for pattern in patterns):
                found.setdefault(path.resolve(), path)
    return list(found.values())


def _folders() -> Iterator[Path]:
    if sys.platform == "win32":
        yield Path(os.environ.get("SYSTEMROOT", r"C:\Windows")) / "System32"
        return
    for base in (Path("/usr/lib"), Path("/usr/lib64"), Path("/usr/local/lib")):
        yield base / "pkcs11"
        for triplet in sorted(base.glob("*-linux-gnu*")):
            yield triplet / "pkcs11"
