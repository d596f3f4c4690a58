"""A screen without a monitor, for checks that open the window: Xvfb, xdotool, pictures."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from installer.system import BuildFailed, run


@contextlib.contextmanager
def screen(size: str = "1280x800") -> Iterator[str]:
    """An Xvfb of *size* pixels; its DISPLAY. Its abstract socket is seen from within a chroot."""
    receiving, sending = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(sending), "-screen", "0", f"{size}x24", "-nolisten", "tcp"],
        pass_fds=[sending],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(sending)
    try:
        with os.fdopen(receiving) as pipe:
            number = pipe.readline().strip()
        if not number:
            raise BuildFailed("Xvfb did not start")
        yield f":{number}"
    finally:
        server.terminate()
        server.wait()


def windows(display: str) -> list[str]:
    """The titles of the windows that are visible on *display*."""
    environment = {**os.environ, "DISPLAY": display}

    def ask(*words: str) -> str:
        return subprocess.run(
            ["xdotool", *words],
            env=environment,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        ).stdout

    numbers = ask("search", "--onlyvisible", "--name", ".").split()
    return [ask("getwindowname", number).strip() for number in numbers]


def wait_for_window(
    display: str, title: str, program: subprocess.Popen[bytes], seconds: float
) -> float:
    """Wait until a window with *title* in its name is visible; the seconds it took.

    Raises :class:`BuildFailed` when *program* ends before, or after *seconds*."""
    began = time.monotonic()
    while not any(title in name for name in windows(display)):
        took = time.monotonic() - began
        if program.poll() is not None or took > seconds:
            output = program.stdout.read(3000) if program.stdout and program.poll() else b""
            raise BuildFailed(f"no window came up in {took:.0f} s: {output!r}")
        time.sleep(0.2)
    return time.monotonic() - began


_PICTURE = """
import sys
from PySide6.QtGui import QGuiApplication
application = QGuiApplication(["picture", "-platform", "xcb"])
assert application.primaryScreen().grabWindow(0).save(sys.argv[1])
"""


def picture(display: str, target: Path) -> None:
    """Save what *display* shows as a PNG."""
    environment = {**os.environ, "DISPLAY": display}
    run([sys.executable, "-c", _PICTURE, target], environment=environment)
