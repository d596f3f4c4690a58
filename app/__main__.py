"""The composition root: a command for the command line, nothing or files for the window.

The only module of ``app`` that knows ``ui``; the demo gets the window handed in from here.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from crypto.windows_process import keep_to_known_folders

if TYPE_CHECKING:
    from app.desk import Desk
    from app.errors import SettingsInvalid

PAGES = {"--stamp": "stamp", "--verify": "verify"}
"""What the system's menu of a file passes first → the page that the file opens on."""


_COLLECT_AFTER = 100_000
"""Objects after which Python looks for garbage. Importing makes tens of thousands that stay, and at
Python's own 700 it would look through them again and again; at 20,000 that still took a fortieth of
a short command."""


def main() -> int:
    """Entry point of ``sealdesk``."""
    _spare_workers()
    gc.set_threshold(_COLLECT_AFTER)
    atexit.register(gc.freeze)  # an ending Python looks through all else: a tenth of a command
    if getattr(
        sys, "frozen", False
    ):  # the installed program is its own worker, too (app.many.bulk)
        from multiprocessing import freeze_support  # noqa: PLC0415 - frozen programs alone

        freeze_support()
    keep_to_known_folders()
    if sys.argv[1:2] == ["verify"]:
        from crypto.rendering.early import begin_for  # noqa: PLC0415 - before all else

        begin_for(sys.argv[2:])
    if sys.stdout is None:  # a windowed program has no terminal; what is said there is lost
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - until it ends
    arguments = sys.argv[1:]
    if arguments and arguments[0].lower().startswith("sealdesk:"):
        return _refuse_link()
    window = open_window if has_screen() else None
    page = PAGES.get(arguments[0], "") if arguments else ""
    named = arguments[1 if page else 0 :]
    files = [Path(argument) for argument in named]
    if all(_is_for_the_window(argument) for argument in named):
        if window is not None:
            return _window_alone(files, page)
        arguments = arguments or ["--help"]
    # late: the window comes up without the grammar of the command line and what it imports
    from app.cli.entry import main as command_line

    return command_line(arguments, window)


def _spare_workers() -> None:
    """Processes that are started need not import the program again: what they run is elsewhere."""
    program = sys.modules["__main__"]
    if getattr(program, "main", None) is main:  # and no test
        program.__spec__ = program.__file__ = None


def _is_for_the_window(argument: str) -> bool:
    """A document, or a folder of them that is not written like a command."""
    path = Path(argument)
    if path.suffix.lower() in (".pdf", ".ofd"):
        return True
    if not path.is_dir():
        return False
    from app.cli.entry import MODULES

    return argument not in MODULES


def _refuse_link() -> int:
    """A web page calls by a ``sealdesk:`` address: nothing is opened, nothing read or sent."""
    from app.errors import LinkNotEnabled, exit_code  # noqa: PLC0415 - when it is called

    error = LinkNotEnabled()
    _tell(error, os.environ.get("SEALDESK_LANGUAGE", "zh_CN"))
    return exit_code(error)


def _window_alone(files: Sequence[Path], page: str = "") -> int:
    """The window with the settings that are right; of those that are not, it tells."""
    from app.desk import Desk
    from app.errors import exit_code  # noqa: PLC0415 - after what looks has begun
    from app.settings import load_sound  # noqa: PLC0415 - likewise

    tongue = os.environ.get("SEALDESK_LANGUAGE", "zh_CN")
    try:
        settings, faults = load_sound()
        tongue = settings.language
        with Desk(settings) as desk:
            return open_window(desk, files, page, faults)
    except Exception as error:  # noqa: BLE001 - whatever it is, the person gets words for it
        _tell(error, tongue)
        return exit_code(error)


def _tell(error: Exception, tongue: str) -> None:
    """In a window, and on the terminal if there is one: a windowed program has none."""
    from app.cli.terminal import complain  # noqa: PLC0415 - when there is something to say

    if sys.stderr is not None:
        complain(error, tongue)
    with suppress(Exception):  # what went wrong may be the window itself
        from ui.shell.start_problems import tell_failure

        tell_failure(error, tongue)


def open_window(
    desk: Desk, files: Sequence[Path], page: str = "", faults: Sequence[SettingsInvalid] = ()
) -> int:
    """Show the window at *desk* with *files* opened on *page*, until it is closed; its exit code.
    *faults* of the settings are told in it."""
    from ui.desk.desk_context import DeskContext
    from ui.shell.starting import run

    return run(DeskContext(desk), files, page, faults)


def has_screen() -> bool:
    """Is there somewhere to show a window?"""
    always = sys.platform in ("win32", "darwin")
    return always or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


if __name__ == "__main__":
    sys.exit(main())
