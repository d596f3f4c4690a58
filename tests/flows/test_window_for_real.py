"""The real program on a real screen: started, walked through by keyboard, killed, started again.

Under Xvfb, with xdotool as the hands. What the window shows is read from its title, its state file
and the pixels on the screen.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageGrab

from tests.ui.screenshots import screen
from tests.world.waiting import until
from ui.theme import LIGHT

PAGES = dict(enumerate(("盖章", "验章", "印章", "授权", "审批", "台账", "设置"), 1))
PATIENCE = 60.0
"""Seconds within which a busy machine has done anything."""

pytestmark = pytest.mark.skipif(
    not (shutil.which("Xvfb") and shutil.which("xdotool")), reason="needs Xvfb and xdotool"
)


def wait(true: Callable[[], object], what: str) -> None:
    until(true, what, PATIENCE)


class Desktop:
    """A screen, a user's home, and at most one program on it."""

    def __init__(self, display: str, home: Path) -> None:
        self.home = home
        self.environment = {
            **os.environ,
            "DISPLAY": display,
            "QT_QPA_PLATFORM": "xcb",
            "SEALDESK_HOME": str(home),
            "SEALDESK_KEYRING": "false",
        }
        self.display = display
        self.program: subprocess.Popen[bytes] | None = None

    def start(self, *files: Path) -> None:
        self.program = self.run(*files)
        wait(self.windows, "no window appeared")
        self.hands("windowfocus", self.windows()[-1])

    def run(self, *files: Path) -> subprocess.Popen[bytes]:
        program = Path(sys.executable).with_name("sealdesk")
        with (self.home / "said.txt").open("ab") as said:
            return subprocess.Popen(
                [program, *files], env=self.environment, stdout=said, stderr=said
            )

    def hands(self, *arguments: str) -> str:
        done = subprocess.run(
            ["xdotool", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        return done.stdout

    def windows(self) -> list[str]:
        return self.hands("search", "--onlyvisible", "--name", "印台").split()

    def titles(self) -> list[str]:
        return [self.hands("getwindowname", each).strip() for each in self.windows()]

    def go(self, number: int) -> None:
        """To a page, by its key."""
        title = f"{PAGES[number]} — 印台"

        def there() -> bool:
            return title in self.titles()

        def reached() -> bool:
            if there():
                return True
            self.hands("key", f"ctrl+{number}")  # a window without focus yet does not hear it
            with contextlib.suppress(AssertionError):
                until(there, title, 1)
            return there()

        wait(reached, f"{title} was not reached by keyboard")

    def shows(self, colour: str) -> bool:
        """Is a good part of the screen of this colour?"""
        wanted = tuple(bytes.fromhex(colour[1:]))
        picture: Image.Image = ImageGrab.grab(xdisplay=self.display)
        found = {value: count for count, value in picture.getcolors(1 << 24) or []}
        return found.get(wanted, 0) > 2000

    def kill(self) -> None:
        if self.program is not None:
            self.program.kill()
            self.program.wait(PATIENCE)
            self.program = None

    def said(self) -> str:
        return (self.home / "said.txt").read_text("utf-8")


@pytest.fixture
def desktop(tmp_path: Path) -> Iterator[Desktop]:
    home = tmp_path / "home"
    (home / "config").mkdir(parents=True)
    (home / "config" / "window.json").write_text('{"page": "verify", "guided": true}', "utf-8")
    with screen() as display:
        made = Desktop(display, home)
        yield made
        made.kill()


def test_the_program_is_started_walked_through_killed_and_started_again(
    desktop: Desktop, stamped: Path, contract: Path
) -> None:
    desktop.start(stamped)
    assert "验章 — 印台" in desktop.titles()
    wait(lambda: desktop.shows(LIGHT.unknown_ground), "no verdict: its platform is not known here")
    for number in (2, 3, 4, 5, 6, 7, 1):
        desktop.go(number)

    second = desktop.run(contract)
    assert second.wait(PATIENCE) == 0
    kept = desktop.home / "config" / "window.json"
    wait(
        lambda: json.loads(kept.read_text("utf-8")).get("folder") == str(contract.parent),
        "the second start's file did not reach the first",
    )
    assert len(desktop.windows()) == 1

    desktop.go(6)
    desktop.kill()
    desktop.start()
    assert desktop.titles() == ["台账 — 印台"]
    assert desktop.run(contract).wait(PATIENCE) == 0
    wait(lambda: "盖章 — 印台" in desktop.titles(), "files are no longer handed over after a crash")
    assert "Traceback" not in desktop.said()
    assert "QLayout" not in desktop.said()


def test_a_wrong_line_in_the_settings_opens_the_window_and_says_so(desktop: Desktop) -> None:
    settings = desktop.home / "config" / "settings.toml"
    settings.write_text('language = "zh_CN"\nofline_hours = 3\n', "utf-8")
    desktop.start()
    wait(lambda: sorted(desktop.titles()) == ["印台", "验章 — 印台"], "nothing was said of it")
    dialog = next(
        each for each in desktop.windows() if desktop.hands("getwindowname", each).strip() == "印台"
    )
    desktop.hands("windowfocus", dialog)

    def closed() -> bool:
        desktop.hands("key", "Return")
        return desktop.titles() == ["验章 — 印台"]

    wait(closed, "the dialog did not close")
    assert desktop.program is not None
    assert desktop.program.poll() is None
    assert "Traceback" not in desktop.said()
