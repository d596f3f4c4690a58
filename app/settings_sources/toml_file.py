"""A settings file in TOML: its values, and of what is wrong with it as much as can be used.

A line that cannot be read is told with its number and left out; the lines around it still count.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path

from app.errors import SettingsInvalid
from crypto.frozen import frozen

_MOST_FAULTS = 20
"""In one file; with more of them nothing in it is believed."""
_ASSIGNMENT = re.compile(r"\s*\"?([A-Za-z0-9_-]+)\"?\s*=")


@frozen
class SettingsFile:
    """What a file says."""

    path: Path
    values: Mapping[str, object] = field(default_factory=dict)
    faults: tuple[SettingsInvalid, ...] = ()
    """What could not be read of it."""
    lines: Mapping[str, int] = field(default_factory=dict)
    """On which line a value stands, from 1."""

    def fault(self, name: str, problem: str) -> SettingsInvalid:
        """That the value of *name* in this file is wrong."""
        return SettingsInvalid(str(self.path), name, problem, self.lines.get(name, 0))


def read_file(path: Path) -> SettingsFile:
    """The values in the TOML file at *path*; none if it does not exist."""
    try:
        text = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except FileNotFoundError:
        return SettingsFile(path)
    except OSError:
        return SettingsFile(path, faults=(SettingsInvalid(str(path), "", "unreadable"),))
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        return SettingsFile(path, faults=(SettingsInvalid(str(path), "", "encoding", line),))
    lines = text.split("\n")
    faults: list[SettingsInvalid] = []
    while len(faults) <= _MOST_FAULTS:
        try:
            values = tomllib.loads("\n".join(lines))
        except tomllib.TOMLDecodeError as error:
            wrong = _line_of(error, lines)
            faults.append(SettingsInvalid(str(path), "", "syntax", wrong))
            if not 0 < wrong <= len(lines):
                break
            lines[wrong - 1] = ""
        except RecursionError:
            faults.append(SettingsInvalid(str(path), "", "syntax"))
            break
        else:
            return SettingsFile(path, values, tuple(faults), _places(text.split("\n")))
    return SettingsFile(path, faults=tuple(faults))


def _line_of(error: tomllib.TOMLDecodeError, lines: list[str]) -> int:
    """Where the file stops making sense; what is never closed began at the last assignment."""
    told = re.search(r"at line (\d+)", str(error))
    if told:
        return int(told[1])
    began = [n for n, line in enumerate(lines, 1) if _ASSIGNMENT.match(line)]
    written = [n for n, line in enumerate(lines, 1) if line.strip()]
    return (began or written or [0])[-1]


def _places(lines: list[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        name = _ASSIGNMENT.match(line)
        if name:
            found.setdefault(name[1], number)
    return found
