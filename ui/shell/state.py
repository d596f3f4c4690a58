"""What the window remembers between two runs: its place, the last choices, a half-prepared job.

A small JSON file beside the settings, written atomically; lost or damaged it is simply empty. It
never holds a PIN, a password or anything of a document but its path.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from app.durable import replace_file

STATE_FILE = "window.json"
"""Its name in the folder of the settings."""


class WindowState:
    """A dictionary on disk. Values are whatever JSON can hold."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            kept = {}
        self._values: dict[str, Any] = kept if isinstance(kept, dict) else {}

    def get(self, name: str, default: Any = None) -> Any:
        """The value kept under *name*; *default* if there is none or one of another kind."""
        value = self._values.get(name, default)
        if default is not None and not isinstance(value, type(default)):
            return default
        return value

    def put(self, name: str, value: Any) -> None:
        """Keep *value* (None: forget it); an error of the disk is ignored, the window works without
        it."""
        if self._values.get(name) == value:
            return
        if value is None:
            self._values.pop(name, None)
        else:
            self._values[name] = value
        try:
            replace_file(self._path, json.dumps(self._values, ensure_ascii=False).encode())
        except OSError:
            return
