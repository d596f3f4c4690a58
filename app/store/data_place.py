"""Whether the folder of this user's data lies where it does not belong: on a share, where two
computers write one cabinet and everybody may read, or on a stick, which is lost or pulled out."""

from __future__ import annotations

import ctypes
import re
import sys
from pathlib import Path
from typing import Literal

Place = Literal["", "share", "stick"]
_SHARES = frozenset(
    {
        *("9p", "afs", "ceph", "cifs", "coda", "davfs", "ncpfs", "nfs", "nfs4", "smb3", "smbfs"),
        *("fuse.davfs2", "fuse.glusterfs", "fuse.sshfs"),
    }
)
_STICKS = frozenset({"exfat", "msdos", "vfat"})
_MOUNTS = Path("/proc/self/mountinfo")

if sys.platform == "win32":
    _REMOVABLE, _REMOTE = 2, 4

    def place_of(folder: Path) -> Place:
        """Of what kind the place of *folder* is; "" for an ordinary disk."""
        anchor = folder.absolute().anchor
        kind = ctypes.WinDLL("kernel32").GetDriveTypeW(ctypes.c_wchar_p(anchor))
        if kind == _REMOTE or anchor.startswith(("\\\\", "//")):
            return "share"
        return "stick" if kind == _REMOVABLE else ""

else:

    def place_of(folder: Path) -> Place:
        """Of what kind the place of *folder* is; "" for an ordinary disk, or if nobody knows."""
        try:
            return in_mounts(folder.resolve(), _MOUNTS.read_text("utf-8", "replace"))
        except OSError:
            return ""


def in_mounts(folder: Path, mounts: str) -> Place:
    """The same by the text of Linux' ``mountinfo`` (proc(5)): number, parent, device, root, mount
    point, options, …, a dash, type, source, options; blanks as ``\\\\040``."""
    best, kind = -1, ""
    for line in mounts.splitlines():
        front, _, back = line.partition(" - ")
        fields = front.split()
        if len(fields) < 5 or not back:
            continue
        text = re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), fields[4])
        point = Path(text)
        if len(point.parts) >= best and (point == folder or point in folder.parents):
            best, kind = len(point.parts), back.split()[0]
    if kind in _SHARES:
        return "share"
    return "stick" if kind in _STICKS else ""
