"""Which tests a system can run. On Windows, what a test wants and the system has not is named at
the end of the run, with the number of tests; elsewhere a missing tool fails its tests."""

import ctypes
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from _pytest.outcomes import Skipped

WINE = sys.platform == "win32" and hasattr(ctypes.WinDLL("ntdll"), "wine_get_version")
"""Is this Windows one of Wine's? It accepts limits that it does not keep."""
PATIENCE = 6 if WINE else 1
"""How many times longer than elsewhere a test waits for what must come. One rule for all: under
Wine a process of Python takes seconds to start, and more beside another."""
TOOLS = frozenset(
    {
        *("cc", "gcc", "git", "nm", "openssl", "pdfimages", "pdfsig", "pdftoppm", "pdftotext"),
        *("qpdf", "sh", "Xvfb", "chromium", "dbus-daemon", "initdb", "pg_ctl", "xdotool"),
    }
)
"""Programs that tests run as judges or surroundings, and that a Windows need not have."""
_BY_FIXTURE = {"softhsm": "softhsm2"}
_left_out: Counter[str] = Counter()
"""What tests want that were not begun; every process of pytest sees them all."""
_missed: Counter[str] = Counter()
"""What tests want that were left in the middle."""


def _is_here(wanted: str) -> bool:
    if wanted == "posix":
        return False
    if wanted == "memory limits":
        return not WINE
    return shutil.which(wanted) is not None


def pytest_configure() -> None:
    """Under Wine, Qt's waiting has patience, too (tests/world/waiting.py has it)."""
    if not WINE:
        return
    from pytestqt.qtbot import QtBot

    for name in ("waitUntil", "waitSignal", "waitSignals", "waitCallback"):
        setattr(QtBot, name, _patient(getattr(QtBot, name)))


def _patient(wait: Callable[..., object]) -> Callable[..., object]:
    """*wait* of a QtBot, whose *timeout* (milliseconds, 5000 where it is not given) is longer."""

    def patient(*arguments: object, timeout: int = 5000, **options: object) -> object:
        return wait(*arguments, timeout=timeout * PATIENCE, **options)

    return patient


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On Windows, leave out what it cannot run."""
    if sys.platform != "win32":
        return
    kept, left = [], []
    for item in items:
        wanted = {name for mark in item.iter_markers("wants") for name in mark.args}
        names = set(getattr(item, "fixturenames", ()))
        wanted |= {_BY_FIXTURE[name] for name in names if name in _BY_FIXTURE}
        missing = sorted(name for name in wanted if not _is_here(name))
        (left if missing else kept).append(item)
        _left_out.update(missing)
    items[:] = kept
    config.hook.pytest_deselected(items=left)


def _tool_is_missing(event: str, arguments: tuple[object, ...]) -> None:
    """A test that starts one of the tools is left in the middle, whoever starts it for the test."""
    if event != "subprocess.Popen":
        return
    command = arguments[1]
    words = command.split() if isinstance(command, str) else command
    name = Path(str(words[0])).name if isinstance(words, Sequence) and words else ""
    if name in TOOLS and shutil.which(name) is None:
        _missed[name] += 1
        raise Skipped(f"not on this system: {name}")


if sys.platform == "win32":
    sys.addaudithook(_tool_is_missing)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """One of several processes tells the first what it has missed."""
    told = getattr(session.config, "workeroutput", None)
    if told is not None:
        told["missed"] = [dict(_left_out), dict(_missed)]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """The first process hears of it."""
    left_out, missed = getattr(node, "workeroutput", {}).get("missed", ({}, {}))
    _left_out.update(Counter(left_out) - _left_out)
    _missed.update(missed)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What was left out, by name."""
    for name, count in sorted((_left_out + _missed).items()):
        terminalreporter.write_line(f"not on this system: {name} ({count} tests)")
