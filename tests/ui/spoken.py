"""What a screen reader finds in a window, through AT-SPI. Run by the system's own Python, which has
GLib's bindings (Debian: python3-gi); standard library otherwise.

A request a line in JSON on the standard input, an answer a line on the standard output:

    {"do": "tree", "at": "…"}                     what is shown there; without "at" all
    {"do": "find", "name": "…", "roles": […], "operate": …}
                                                  the first of that name and one of the roles
    {"do": "hear", "words": "…"}                  whether something that is read out has the words
    {"do": "press", "at": "…"}                    the first action of what is there
    {"do": "write", "at": "…", "text": "…"}       another text in a field
    {"do": "menu"}                                the menu whose entry has the focus, or null
    {"do": "beyond"}                              everything is asked for children that it has not

A node is {role, name, states, actions, text, at, children}. What is found is told without actions,
text and children, and no more is asked than leads to it: a question costs the window as much as the
reader. With "operate": true nothing is found behind a modal window. The answer to press and write
is null, or why it was not possible. A menu hangs on nothing in the tree: it is known from the
focus, which is told; a press that opens one is answered when the menu is closed, so nobody waits
for it.

Children are asked for all at once: Qt reads beyond the end of a scroll area's where one that was
counted is gone when it is asked for.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any

DEEPEST = 40
PATIENCE_MS = 20_000
STATES = {
    1: "active",
    4: "checked",
    7: "editable",
    8: "enabled",
    11: "focusable",
    12: "focused",
    16: "modal",
    22: "selectable",
    25: "showing",
}
"""Those that are of interest, by their numbers in atspi-constants.h."""
REGISTRY = ("org.a11y.atspi.Registry", "/org/a11y/atspi/accessible/root")
WINDOWS = {"frame", "dialog"}
WINDOW_DEPTH = 2
"""Below the desktop, and a program."""
PROPERTIES = "org.freedesktop.DBus.Properties"

Place = tuple[str, str]
"""A program's name on the bus, and the path of a thing in it."""


class Gone(Exception):
    """What was there is there no more."""


class Bus:
    """The bus of what is accessible."""

    def __init__(self) -> None:
        gi: Any = import_module("gi")
        gi.require_version("Gio", "2.0")
        self._gio: Any = import_module("gi.repository.Gio")
        self._glib: Any = import_module("gi.repository.GLib")
        session = self._gio.bus_get_sync(self._gio.BusType.SESSION, None)
        where = ("org.a11y.Bus", "/org/a11y/bus")
        (address,) = self._call(session, where, "org.a11y.Bus", "GetAddress", None)
        flags = self._gio.DBusConnectionFlags
        self._connection = self._gio.DBusConnection.new_for_address_sync(
            address,
            flags.AUTHENTICATION_CLIENT | flags.MESSAGE_BUS_CONNECTION,
            None,
            None,
        )
        self._focus: Place | None = None
        self._connection.signal_subscribe(
            *(None, "org.a11y.atspi.Event.Object", "StateChanged", None, "focused"),
            *(self._gio.DBusSignalFlags.NONE, self._focused),
        )
        self.ask(
            *(("org.a11y.atspi.Registry", "/org/a11y/atspi/registry"), "Registry"),
            *("RegisterEvent", "sas", "object:state-changed:focused", []),
        )

    def _focused(self, _: Any, sender: str, path: str, *more: Any) -> None:
        if more[2].unpack()[1]:
            self._focus = (sender, path)

    def menu(self) -> dict[str, Any] | None:
        """The menu that is open and whose entry has the focus, with all its entries."""
        while self._glib.MainContext.default().iteration(False):
            pass
        if self._focus is None or "menu item" not in self.role(self._focus):
            return None
        menu = self.get(self._focus, "Accessible", "Parent")
        states = self.states(menu)
        return self.tree(menu, states) if "showing" in states else None

    def _call(self, bus: Any, place: Place, kind: str, method: str, given: Any) -> Any:
        try:
            return bus.call_sync(
                *(*place, kind, method, given, None),
                *(self._gio.DBusCallFlags.NONE, PATIENCE_MS, None),
            ).unpack()
        except self._glib.Error as error:
            raise Gone(error.message) from None

    def ask(self, place: Place, kind: str, method: str, signature: str = "", *given: Any) -> Any:
        """The answer of a method of ``org.a11y.atspi.<kind>``."""
        arguments = self._glib.Variant(f"({signature})", given) if signature else None
        answer = self._call(self._connection, place, f"org.a11y.atspi.{kind}", method, arguments)
        return answer[0] if answer else None

    def get(self, place: Place, kind: str, name: str) -> Any:
        """A property."""
        arguments = self._glib.Variant("(ss)", (f"org.a11y.atspi.{kind}", name))
        return self._call(self._connection, place, PROPERTIES, "Get", arguments)[0]

    def tree(self, place: Place, states: Sequence[str] = (), depth: int = 0) -> dict[str, Any]:
        """What is there, and all that is shown in it."""
        role = self.role(place)
        actions, text = [], ""
        if (
            not states
            or role == "menu item"
            or {"focusable", "selectable", "editable"} & set(states)
        ):
            interfaces = {name.rpartition(".")[2] for name in self._interfaces(place)}
            if "Action" in interfaces:
                actions = [each[0] for each in self.ask(place, "Action", "GetActions")]
            if "Text" in interfaces:
                length = self.get(place, "Text", "CharacterCount")
                text = self.ask(place, "Text", "GetText", "ii", 0, min(length, 400))
        children = []
        for child, known in self._shown_in(place, depth) if role != "label" else ():
            try:
                children.append(self.tree(child, known, depth + 1))
            except Gone:
                continue
        told = {"actions": actions, "text": text, "children": children}
        return self._told(place, role, self.name(place), states) | told

    @staticmethod
    def _told(place: Place, role: str, name: str, states: Sequence[str]) -> dict[str, Any]:
        at = " ".join(place)
        nothing = {"actions": [], "text": "", "children": []}
        return {"role": role, "name": name, "states": states, "at": at, **nothing}

    def _shown_in(self, place: Place, depth: int) -> Iterator[tuple[Place, list[str]]]:
        """Children that are shown, with their states; programs are, whatever they say."""
        for child in self.ask(place, "Accessible", "GetChildren") if depth < DEEPEST else ():
            try:
                known = self.states(child)
            except Gone:
                continue
            if depth == 0 or "showing" in known:
                yield child, known

    def shown(self, place: Place = REGISTRY, depth: int = 0) -> Iterator[tuple[Place, list[str]]]:
        """All that is shown in *place*, from above, with its states."""
        for child, states in self._shown_in(place, depth):
            yield child, states
            try:
                yield from self.shown(child, depth + 1)
            except Gone:
                continue

    def windows(self) -> Iterator[tuple[Place, list[str]]]:
        """All windows."""
        for program, _ in self._shown_in(REGISTRY, 0):
            try:
                yield from self._shown_in(program, 1)
            except Gone:
                continue

    def in_front(self) -> Iterator[tuple[Place, list[str]]]:
        """All that can be operated: what a modal window leaves behind itself cannot be."""
        windows = list(self.windows())
        modal = [each for each in windows if "modal" in each[1]]
        active = [each for each in modal if "active" in each[1]]
        for place, states in active or modal or windows:
            yield place, states
            yield from self.shown(place, WINDOW_DEPTH)

    def find(self, name: str, roles: Sequence[str], operate: bool) -> dict[str, Any] | None:
        """The first of that name or beginning, and of one of *roles*."""
        if operate:
            among = self.in_front()
        else:
            among = self.windows() if roles and set(roles) <= WINDOWS else self.shown()
        for place, states in among:
            try:
                whole = self.name(place)
                if whole.strip().startswith(name):
                    role = self.role(place)
                    if not roles or role in roles:
                        return self._told(place, role, whole, states)
            except Gone:
                continue
        return None

    def hear(self, words: str) -> bool:
        """Whether something that is read out has *words*."""
        for place, _ in self.shown():
            try:
                if words in self.name(place):
                    return True
            except Gone:
                continue
        return False

    def name(self, place: Place) -> str:
        name: str = self.get(place, "Accessible", "Name")
        return name

    def role(self, place: Place) -> str:
        role: str = self.ask(place, "Accessible", "GetRoleName")
        return role

    def _interfaces(self, place: Place) -> list[str]:
        interfaces: list[str] = self.ask(place, "Accessible", "GetInterfaces")
        return interfaces

    def states(self, place: Place) -> list[str]:
        low, high = self.ask(place, "Accessible", "GetState")
        bits = low | high << 32
        return [name for number, name in STATES.items() if bits >> number & 1]

    def beyond(self) -> int:
        """Ask everything that is shown for children that it has not; how many have answered."""
        answered = 0
        for place, _ in list(self.shown()):
            try:
                for number in (-1, 99, 100_000):
                    self.ask(place, "Accessible", "GetChildAtIndex", "i", number)
            except Gone:  # a page that is being made replaces what it showed
                continue
            answered += 1
        return answered

    def answer(self, asked: dict[str, Any]) -> Any:
        if asked["do"] == "find":
            return self.find(asked["name"], asked["roles"], asked["operate"])
        if asked["do"] == "hear":
            return self.hear(asked["words"])
        if asked["do"] == "beyond":
            return self.beyond()
        if asked["do"] == "menu":
            return self.menu()
        if "at" not in asked:
            return self.tree(REGISTRY)
        program, _, path = asked["at"].partition(" ")
        place = (program, path)
        if asked["do"] == "tree":
            return self.tree(place, self.states(place), WINDOW_DEPTH)
        if asked["do"] == "write":
            taken = self.ask(place, "EditableText", "SetTextContents", "s", asked["text"])
            return None if taken else "it takes no text"
        if asked.get("wait", True):
            done = self.ask(place, "Action", "DoAction", "i", 0)
            return None if done else "the action was refused"
        self._connection.call(
            *(*place, "org.a11y.atspi.Action", "DoAction", self._glib.Variant("(i)", (0,)), None),
            *(self._gio.DBusCallFlags.NONE, PATIENCE_MS, None, None),
        )
        return None


def main() -> None:
    bus = Bus()
    for line in sys.stdin:
        try:
            answer = bus.answer(json.loads(line))
        except Gone as error:
            answer = str(error)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
