"""Which tests a system can run. On Windows, what a test wants and the system has not is named at
the end of the run, with the number of tests; elsewhere a missing tool fails its tests."""

import ctypes
import shutil
import sys
from collections import Counter

import pytest

WINE = sys.platform == "win32" and hasattr(ctypes.WinDLL("ntdll"), "wine_get_version")
"""Is this Windows one of Wine's? It accepts limits that it does not keep."""
_BY_FIXTURE = {"judge": "openssl", "certify": "openssl", "softhsm": "softhsm2"}
"""Fixtures → the tool that they run."""


def _is_here(wanted: str) -> bool:
    if wanted == "posix":
        return False
    if wanted == "memory limits":
        return not WINE
    return shutil.which(wanted) is not None


_missed: Counter[str] = Counter()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On Windows, leave out what it cannot run."""
    if sys.platform != "win32":
        return
    kept, left = [], []
    for item in items:
        wanted = {name for mark in item.iter_markers("wants") for name in mark.args}
        wanted |= {
            _BY_FIXTURE[name] for name in getattr(item, "fixturenames", ()) if name in _BY_FIXTURE
        }
        missing = sorted(name for name in wanted if not _is_here(name))
        (left if missing else kept).append(item)
        _missed.update(missing)
    items[:] = kept
    config.hook.pytest_deselected(items=left)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What was left out, by name."""
    for name, count in sorted(_missed.items()):
        terminalreporter.write_line(f"not on this system: {name} ({count} tests)")
