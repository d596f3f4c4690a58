"""What a screen reader finds in a window, through AT-SPI. Run by the system's own Python, which has
the bindings (Debian: python3-gi, gir1.2-atspi-2.0); standard library otherwise.

A request a line in JSON on the standard input, an answer a line on the standard output:

    {"do": "tree"}                                       what is shown, from the application down
    {"do": "press", "path": [0, 1], "name": "…"}         the first action of what is there
    {"do": "write", "path": [0, 1], "name": "…", "text": "…"}

A node is {role, name, said (its description), states, actions, text, path, children}. The answer to
the last two is null, or why it was not possible.
"""

import json
import sys
from importlib import import_module
from typing import Any

MOST_CHILDREN = 200
DEEPEST = 40


def main() -> None:
    gi: Any = import_module("gi")
    gi.require_version("Atspi", "2.0")
    atspi: Any = import_module("gi.repository.Atspi")
    atspi.init()
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            answer = _answer(atspi, asked)
        except Exception as error:  # noqa: BLE001 - what is read may go away while it is read
            answer = f"{type(error).__name__}: {error}"
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _answer(atspi: Any, asked: dict[str, Any]) -> Any:
    desktop = atspi.get_desktop(0)
    desktop.clear_cache()
    if asked["do"] == "tree":
        return _tree(atspi, desktop, [])
    node = desktop
    for number in asked["path"]:
        node = node.get_child_at_index(number)
        if node is None:
            return "it is gone"
    if (node.get_name() or "") != asked["name"]:
        return f"{node.get_name()!r} is there now"
    if asked["do"] == "write":
        return None if node.set_text_contents(asked["text"]) else "it takes no text"
    if node.get_n_actions() < 1:
        return "nothing can be done with it"
    return None if node.do_action(0) else "the action was refused"


def _tree(atspi: Any, node: Any, path: list[int]) -> dict[str, Any]:
    states = [state.value_nick for state in node.get_state_set().get_states()]
    interfaces = set(node.get_interfaces())
    actions = []
    if "Action" in interfaces:
        actions = [node.get_action_name(number) for number in range(node.get_n_actions())]
    text = ""
    if "Text" in interfaces:
        text = atspi.Text.get_text(node, 0, min(400, node.get_character_count()))
    children = []
    if len(path) < DEEPEST:
        for number in range(min(node.get_child_count(), MOST_CHILDREN)):
            child = node.get_child_at_index(number)
            if child is not None and (len(path) < 1 or _shown(atspi, child)):
                children.append(_tree(atspi, child, [*path, number]))
    return {
        "role": node.get_role_name(),
        "name": node.get_name() or "",
        "said": node.get_description() or "",
        "states": states,
        "actions": actions,
        "text": text,
        "path": path,
        "children": children,
    }


def _shown(atspi: Any, node: Any) -> bool:
    return bool(node.get_state_set().contains(atspi.StateType.SHOWING))


if __name__ == "__main__":
    main()
