"""What a screen reader finds in a window, through AT-SPI. Run by the system's own Python, which has
GLib's bindings (Debian: python3-gi); standard library otherwise.

A request a line in JSON on the standard input, an answer a line on the standard output:

    {"do": "tree"}                                what is shown, from the desktop down
    {"do": "press", "at": "…"}                    the first action of what is there
    {"do": "write", "at": "…", "text": "…"}       another text in a field
    {"do": "menu"}                                the menu whose entry has the focus, or null

A node is {role, name, states, actions, text, at, children}. The answer to press and write is null,
or why it was not possible. A menu hangs on nothing in the tree: it is known from the focus,
which is told; a press that opens one is answered when the menu is closed, so nobody waits for it.

Children are asked for all at once: Qt reads beyond the end of a scroll area's where one that was
counted is gone when it is asked for.
"""

import json
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

DEEPEST = 40
PATIENCE_MS = 20_000
STATES = {
    4: "checked",
    7: "editable",
    8: "enabled",
    11: "focusable",
    12: "focused",
    22: "selectable",
    25: "showing",
}
"""Those that are of interest, by their numbers in atspi-constants.h."""
REGISTRY = ("org.a11y.atspi.Registry", "/org/a11y/atspi/accessible/root")
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
        """The menu that has the focus, with all its entries."""
        while self._glib.MainContext.default().iteration(False):
            pass
        if self._focus is None or "menu item" not in self.ask(
            self._focus, "Accessible", "GetRoleName"
        ):
            return None
        return self.tree(self.get(self._focus, "Accessible", "Parent"))

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
        role = self.ask(place, "Accessible", "GetRoleName")
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
        inside = role != "label" and depth < DEEPEST
        for child in self.ask(place, "Accessible", "GetChildren") if inside else ():
            try:
                known = self.states(child)
                if depth == 0 or "showing" in known:
                    children.append(self.tree(child, known, depth + 1))
            except Gone:
                continue
        return {
            "role": role,
            "name": self.get(place, "Accessible", "Name"),
            "states": states,
            "actions": actions,
            "text": text,
            "at": " ".join(place),
            "children": children,
        }

    def _interfaces(self, place: Place) -> list[str]:
        interfaces: list[str] = self.ask(place, "Accessible", "GetInterfaces")
        return interfaces

    def states(self, place: Place) -> list[str]:
        low, high = self.ask(place, "Accessible", "GetState")
        bits = low | high << 32
        return [name for number, name in STATES.items() if bits >> number & 1]

    def beyond(self, tree: dict[str, Any]) -> int:
        """Ask everything in *tree* for children that it has not; how many were asked."""
        asked = 0
        for child in tree["children"]:
            program, _, path = child["at"].partition(" ")
            for number in (-1, 99, 100_000):
                self.ask((program, path), "Accessible", "GetChildAtIndex", "i", number)
            asked += 1 + self.beyond(child)
        return asked

    def answer(self, asked: dict[str, Any]) -> Any:
        if asked["do"] == "tree":
            return self.tree(REGISTRY)
        if asked["do"] == "beyond":
            return self.beyond(self.tree(REGISTRY))
        if asked["do"] == "menu":
            return self.menu()
        program, _, path = asked["at"].partition(" ")
        place = (program, path)
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
