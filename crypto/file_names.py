"""Names of files that every system keeps: client and platform write to no other.

Windows writes to a device where a name means one, behind another file where it has a colon, and
drops a dot or blank at the end of a name.
"""

from __future__ import annotations

import re

MAX_NAME = 250
"""Bytes of a file's name: nearly every system keeps 255, and some programs add to it."""
NOT_PORTABLE = re.compile(r'[<>:"/\\|?*\x00-\x1f]')
"""Characters that Windows does not keep in a name; a colon hides the file behind another."""
_RESERVED = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³]) *(?:\..*)?",
    re.IGNORECASE | re.DOTALL,
)
"""Names that mean a device on Windows, whatever follows a dot."""


def is_device(name: str) -> bool:
    """Does *name* mean a device on Windows, whatever follows a dot?"""
    return _RESERVED.fullmatch(name) is not None


def name_size(name: str) -> int:
    """Bytes of *name* in UTF-8, as Linux counts them."""
    return len(name.encode("utf-8", "surrogateescape"))


def is_kept(name: str) -> bool:
    """Does every system keep a file or folder of that name, however long it is?"""
    if NOT_PORTABLE.search(name) or is_device(name):
        return False
    return name in ("..", name.rstrip(" ."))
