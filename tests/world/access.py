"""Who may read a file, changed as an administrator does it, on every system."""

import sys
from pathlib import Path

if sys.platform == "win32":
    import ctypes

    from crypto import owner_only

    def open_to_others(path: Path) -> None:
        """Everybody may read the file."""
        security = owner_only._Security()
        made = security.descriptor(f"D:P(A;;FA;;;{security.user()})(A;;FR;;;WD)")
        assert security.advapi.SetFileSecurityW(str(path), 4, made), ctypes.WinError()

else:

    def open_to_others(path: Path) -> None:
        """Everybody may read the file."""
        path.chmod(0o644)
