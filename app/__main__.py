"""The composition root: a command for the command line, nothing or files for the window.

The only module of ``app`` that knows ``ui``; the demo gets the window handed in from here.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from app.errors import exit_code

if TYPE_CHECKING:
    from app.desk import Desk


def main() -> int:
    """Entry point of ``sealdesk``."""
    if getattr(
        sys, "frozen", False
    ):  # the installed program is its own worker, too (app.many.bulk)
        from multiprocessing import freeze_support  # noqa: PLC0415 - frozen programs alone

        freeze_support()
    arguments = sys.argv[1:]
    window = open_window if has_screen() else None
    files = [Path(argument) for argument in arguments]
    if all(file.suffix.lower() in (".pdf", ".ofd") for file in files):
        if window is not None:
            return _window_alone(files)
        arguments = arguments or ["--help"]
    # late: the window comes up without the grammar of the command line and what it imports
    from app.cli.entry import main as command_line

    return command_line(arguments, window)


def _window_alone(files: Sequence[Path]) -> int:
    from app.desk import Desk

    try:
        with Desk.open() as desk:
            return open_window(desk, files)
    except Exception as error:  # noqa: BLE001 - whatever it is, the person gets words for it
        from app.cli.terminal import complain  # noqa: PLC0415 - when there is something to say

        complain(error, os.environ.get("SEALDESK_LANGUAGE", "zh_CN"))
        return exit_code(error)


def open_window(desk: Desk, files: Sequence[Path], page: str = "") -> int:
    """Show the window at *desk* with *files* opened on *page*, until it is closed; its exit
    code."""
    from ui.desk.desk_context import DeskContext
    from ui.shell.starting import run

    return run(DeskContext(desk), files, page)


def has_screen() -> bool:
    """Is there somewhere to show a window?"""
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


if __name__ == "__main__":
    sys.exit(main())
