"""Settings below a key of the Windows registry, as the MSI and group policy write them."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Any


def registry_name(name: str) -> str:
    """``platform_url`` → ``PlatformUrl``."""
    return "".join(word.capitalize() for word in name.split("_"))


def registry_values(hive: str, key: str, names: Iterable[str]) -> dict[str, object]:
    """The values of *names* below a registry key; none if it does not exist or may not be read."""
    winreg = importlib.import_module("winreg")
    root = getattr(winreg, hive)
    values: dict[str, object] = {}
    for name in names:
        try:
            with winreg.OpenKey(root, key) as opened:
                values[name] = winreg.QueryValueEx(opened, registry_name(name))[0]
        except OSError:
            items = _items(winreg, root, f"{key}\\{registry_name(name)}")
            if items:
                values[name] = items
    return values


def _items(winreg: Any, root: Any, key: str) -> list[object]:
    """The values of a key that stands for a list, as group policy writes one."""
    items: list[object] = []
    try:
        with winreg.OpenKey(root, key) as opened:
            while True:
                items.append(winreg.EnumValue(opened, len(items))[1])
    except OSError:  # no such key, or no more values
        return items
