"""Which known vendors' driver libraries are installed on this machine."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path

from device.loading import driver_folders
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
    for folder in driver_folders():
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if any(fnmatch(path.name.lower(), pattern) for pattern in patterns):
                found.setdefault(path.resolve(), path)
    return list(found.values())
