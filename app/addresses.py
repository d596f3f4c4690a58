"""Removes logins from addresses before they are shown: some time stamp services take them there."""

from __future__ import annotations

import re

_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)(\S*)")


def without_login(text: str) -> str:
    """*text* with every address in it told without user name, password and query."""
    return _ADDRESS.sub(lambda found: found[1] + _bare(found[2]), text)


def _bare(rest: str) -> str:
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if "@" in authority:
        rest = rest[authority.rindex("@") + 1 :]
    elif "@" in rest and ":" in authority and not authority.rpartition(":")[2].isdecimal():
        rest = rest[rest.rindex("@") + 1 :]  # a password with a slash in it: never show half of it
    path, mark, _ = rest.partition("?")
    return path + (f"{mark}…" if mark else "")
