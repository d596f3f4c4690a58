"""Which file a driver's name means, and how that file and no other is loaded.

A driver that is found by searching is found by whoever can write to a folder that is searched: the
working folder, one on PATH. So a driver is named by its full path; a bare name means the system's
own folder. On Windows its companions are looked for beside it and in System32, nowhere else.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from pathlib import Path

from device.token import ModuleNotFound, ModulePathIncomplete

BESIDE_OR_SYSTEM = 0x100 | 0x800
"""LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR | LOAD_LIBRARY_SEARCH_SYSTEM32."""
_PATH_SIZE = 32_768

if sys.platform == "win32":

    def system_folder() -> Path:
        """System32, as the system says and not the environment."""
        text = ctypes.create_unicode_buffer(_PATH_SIZE)
        ctypes.WinDLL("kernel32").GetSystemDirectoryW(text, _PATH_SIZE)
        return Path(text.value)

    def driver_folders() -> Iterator[Path]:
        """The system's folders in which drivers are installed."""
        yield system_folder()

    def load(path: Path) -> ctypes.CDLL:
        """Load the library of that full path. Raises OSError."""
        import _hashlib  # noqa: F401, PLC0415 - our virtual Ukey uses the libcrypto that it brings

        return ctypes.CDLL(str(path), winmode=BESIDE_OR_SYSTEM)

else:

    def system_folder() -> Path:
        """There is none. Raises OSError."""
        raise OSError("only Windows has System32")

    def driver_folders() -> Iterator[Path]:
        """The system's folders in which drivers are installed."""
        for base in (Path("/usr/lib"), Path("/usr/lib64"), Path("/usr/local/lib")):
            yield base / "pkcs11"
            for triplet in sorted(base.glob("*-linux-gnu*")):
                yield triplet / "pkcs11"

    def load(path: Path) -> ctypes.CDLL:
        """Load the library of that full path. Raises OSError."""
        return ctypes.CDLL(str(path))


def full_path(name: str | Path) -> Path:
    """The file that *name* means, links resolved: under two names one library would be initialised
    twice. Raises ModulePathIncomplete for a relative path, ModuleNotFound for a bare name that is
    in none of the system's folders."""
    path = Path(name)
    if path.is_absolute():
        return path.resolve()
    if path.name != str(name) or path.name in ("", ".."):
        raise ModulePathIncomplete(f"{name} is not a full path", str(name))
    for folder in driver_folders():
        if (folder / path).is_file():
            return (folder / path).resolve()
    raise ModuleNotFound(f"{name} is in none of the system's folders", str(name))
