"""A screen reader for tests: the real window in a process of its own under Xvfb, and what AT-SPI
says of it (tests/ui/spoken.py)."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tests.ui.screenshots import screen
from tests.world.waiting import until
from ui.shell.single_instance import hand_over

ROOT = Path(__file__).parents[2]
PYTHON = Path("/usr/bin/python3")
"""The system's own, which has the bindings."""
PATIENCE = 60.0
"""Seconds within which a busy machine has done anything."""
PAUSE = 0.1
"""Seconds between the first two looks: each is dozens of questions."""
TEXTS = ("text", "password text", "entry", "paragraph")
OPERATED = (
    *("push button", "check box", "radio button", "toggle button", "combo box", "spin button"),
    *("list item", "table cell", "menu item", "check menu item", "page tab", "slider", "link"),
    *TEXTS,
)
"""Roles of what a person operates."""


def missing() -> str:
    """What is needed and not there; "" if all is."""
    programs = [name for name in ("Xvfb", "dbus-daemon", "xdotool") if shutil.which(name) is None]
    if not Path("/usr/libexec/at-spi-bus-launcher").exists():
        programs.append("at-spi2-core")
    asked = [str(PYTHON), "-c", "import gi; from gi.repository import Gio"]
    if sys.platform == "win32":  # Wine shows the files of Linux, and cannot run them
        programs.append("AT-SPI")
    elif not PYTHON.exists() or subprocess.run(asked, check=False, capture_output=True).returncode:
        programs.append("python3-gi")
    return ", ".join(programs)


@dataclass(frozen=True)
class Node:
    """What a screen reader knows of one thing on the screen."""

    role: str
    name: str
    states: frozenset[str]
    actions: tuple[str, ...]
    text: str
    at: str
    """By which it can be named again."""
    children: tuple[Node, ...]

    @classmethod
    def of(cls, found: dict[str, Any]) -> Node:
        return cls(
            found["role"],
            found["name"],
            frozenset(found["states"]),
            tuple(found["actions"]),
            found["text"],
            found["at"],
            tuple(map(cls.of, found["children"])),
        )

    def all(self) -> Iterator[Node]:
        """It and everything in it."""
        yield self
        for child in self.children:
            yield from child.all()

    def find(self, name: str, *roles: str) -> Node | None:
        """The first of that name or beginning, and of one of the roles."""
        for node in self.all():
            if node.name.strip().startswith(name) and (not roles or node.role in roles):
                return node
        return None

    @property
    def names(self) -> list[str]:
        """All that is read out, in order."""
        return [node.name for node in self.all() if node.name]


def mute(tree: Node) -> list[str]:
    """What is shown to be operated, and is not named or cannot be operated."""
    found = []
    for node in tree.all():
        if node.role in ("unknown", "invalid") and node.actions:
            found.append(f"no role: {node.name!r}")
        if node.role not in OPERATED:
            continue
        inside = f"{node.role} {node.name!r} {node.at}"
        if not node.name.strip() and not (node.role in TEXTS and node.text):
            found.append(f"no name: {inside}")
        operable = node.actions or "focusable" in node.states or "selectable" in node.states
        if "enabled" in node.states and not operable:
            found.append(f"nothing can be done: {inside}")
    return found


class Reader:
    """Reads the window and operates it, by AT-SPI alone."""

    def __init__(self, home: Path, process: subprocess.Popen[str], display: str) -> None:
        self.home, self._process, self._display = home, process, display

    def _ask(self, **request: Any) -> Any:
        into, answer = self._process.stdin, self._process.stdout
        assert into is not None
        assert answer is not None
        into.write(json.dumps(request) + "\n")
        into.flush()
        return json.loads(answer.readline())

    def tree(self, of: Node | None = None) -> Node:
        """What is shown now: all, or what is in *of*."""
        answer = self._ask(do="tree", **({"at": of.at} if of else {}))
        if not isinstance(answer, dict):  # something went away while it was read
            return Node("", "", frozenset(), (), "", "", ())
        return Node.of(answer)

    def ask_beyond(self) -> int:
        """Ask everything that is shown for children that it has not; how many were asked."""
        answer = self._ask(do="beyond")
        assert isinstance(answer, int), answer
        return answer

    def find(self, name: str, *roles: str, operate: bool = False) -> Node | None:
        """The first that is shown of that name or beginning, and of one of the roles, without what
        is in it. *operate*: a modal window hides what is behind it."""
        answer = self._ask(do="find", name=name, roles=roles, operate=operate)
        return Node.of(answer) if isinstance(answer, dict) else None

    def _until(self, true: Callable[[], object], what: str, patience: float = PATIENCE) -> None:
        try:
            until(true, what, patience, pause=PAUSE)
        except AssertionError as error:
            raise AssertionError(f"{what}; read: {self.tree().names}") from error

    def wait(self, name: str, *roles: str, patience: float = PATIENCE) -> Node:
        """What is found by that name and those roles, as soon as it is."""
        found: list[Node | None] = []

        def there() -> bool:
            found[:] = [self.find(name, *roles)]
            return found[0] is not None

        self._until(there, f"no {name!r}", patience)
        assert found[0] is not None
        return found[0]

    def wait_until_gone(self, name: str, *roles: str) -> None:
        """Return when nothing is found by that name and those roles."""
        self._until(lambda: self.find(name, *roles) is None, f"{name!r} stays")

    def hear(self, words: str) -> None:
        """Return when something that is read out holds *words*."""
        self._until(lambda: self._ask(do="hear", words=words) is True, f"no {words!r}")

    def press(self, name: str, *roles: str) -> None:
        """Do what the thing of that name does first."""
        self._do(name, roles, do="press")

    def menu(self) -> Node | None:
        """The menu that is open and whose entry has the focus."""
        answer = self._ask(do="menu")
        return Node.of(answer) if isinstance(answer, dict) else None

    def wait_for_menu(self) -> Node:
        """The menu that is open, once an entry of it has the focus."""
        found: list[Node] = []

        def there() -> bool:
            menu = self.menu()
            found[:] = [menu] if menu else []
            return bool(found)

        self._until(there, "no menu")
        return found[0]

    def open_menu(self, name: str) -> Node:
        """Press the button of that name, and wait until its menu is open, whose first entry is
        chosen then. To go there by a key is not possible: the key is pressed before the menu is
        open, or again before the reader is told of the entry, and then it is the second."""
        self._do(name, ("button with drop down",), do="press", wait=False)
        return self.wait_for_menu()

    def close_all(self) -> None:
        """Close what is open in front of the window: what one test has left there would be in the
        way of the next."""

        def closed() -> bool:
            if self.menu() is None and self.find("", "dialog") is None:
                return True
            self.key("Escape")
            return False

        self._until(closed, "something stays open")

    def key(self, name: str) -> None:
        """Press a key, as xdotool calls it."""
        command = ["xdotool", "key", name]
        subprocess.run(command, check=True, env={**os.environ, "DISPLAY": self._display})

    def write(self, name: str, text: str) -> None:
        """Put *text* into the field of that name."""
        self._do(name, TEXTS, do="write", text=text)

    def _do(self, name: str, roles: tuple[str, ...], **request: Any) -> None:
        problem: list[str] = []

        def done() -> bool:
            node = self.find(name, *roles, operate=True)
            if node is None or "enabled" not in node.states:
                problem[:] = ["it is not there, or not enabled"]
                return False
            answer = self._ask(at=node.at, **request)
            problem[:] = [str(answer)]
            return answer is None

        try:
            self._until(done, name)
        except AssertionError as error:
            raise AssertionError(f"{problem}: {error}") from None

    def give(self, *files: Path) -> None:
        """Open *files* in the window, as a second start of the program does."""
        assert hand_over(self.home / "config", files)


@contextlib.contextmanager
def listening(home: Path, *arguments: str) -> Iterator[Reader]:
    """The window with real data, whose files and settings lie in *home*, and a reader. *arguments*:
    of :mod:`tests.ui.live_window`."""
    with contextlib.ExitStack() as stack:
        display = stack.enter_context(screen())
        environment = {**os.environ, "DISPLAY": display, "PYTHONPATH": str(ROOT)}

        def start(command: list[str], **more: Any) -> subprocess.Popen[str]:
            process = subprocess.Popen(command, env=environment, text=True, cwd=ROOT, **more)
            stack.enter_context(process)  # waits for it, and closes what leads to it
            stack.callback(process.terminate)
            return process

        said: IO[str] = stack.enter_context((home / "said.txt").open("w", encoding="utf-8"))
        bus = start(
            ["dbus-daemon", "--session", "--nofork", "--print-address=1"],
            stdout=subprocess.PIPE,
            stderr=said,
        )
        assert bus.stdout is not None
        environment |= {
            "DBUS_SESSION_BUS_ADDRESS": bus.stdout.readline().strip(),
            "QT_QPA_PLATFORM": "xcb",
            "QT_LINUX_ACCESSIBILITY_ALWAYS_ON": "1",
            "PYTHONFAULTHANDLER": "1",
        }
        reader = start(
            [str(PYTHON), str(ROOT / "tests" / "ui" / "spoken.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
        )
        start(
            [sys.executable, "-m", "tests.ui.live_window", str(home), *arguments],
            stdout=said,
            stderr=said,
        )
        made = Reader(home, reader, display)
        made.wait("", "frame", patience=3 * PATIENCE)
        yield made
