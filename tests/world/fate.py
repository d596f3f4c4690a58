"""Where a stamping program ends, for tests that start one and kill it at every step."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

from app.steps import StampStep
from app.store.journal import Journal
from tests.world.thoroughness import THOROUGH

LINKED, ENTERED = "linked", "entered"
"""The output has its name; the journal has its entry, and the usage record is not queued."""


def deaths(first: int) -> tuple[str, ...]:
    """At which steps a program that goes through all of them is killed: every second one from
    *first* on, and where a name and an entry are there already; thorough, at every step. The last
    run, "", is not killed. Those from 0 and from 1 are all."""
    steps = tuple(str(step) for step in StampStep)
    return (*(steps if THOROUGH else steps[first::2]), LINKED, ENTERED, "")


def ends_at(fatal: str, times: int) -> Callable[[str], None]:
    """End this process without cleaning up when it comes to *fatal* so many *times*.

    What is returned takes the names of the steps; :data:`LINKED` and :data:`ENTERED` come by
    themselves."""
    seen: list[str] = []
    lock = threading.Lock()
    link, append = os.link, Journal.append

    def fate(name: str) -> None:
        with lock:
            seen.append(name)
            if name == fatal and seen.count(name) == times:
                os._exit(9)

    def linked(source: Any, target: Any) -> None:
        link(source, target)
        fate(LINKED)

    def entered(self: Journal, event: str, /, **details: Any) -> int:
        number = append(self, event, **details)
        if event == "stamped":
            fate(ENTERED)
        return number

    os.link, Journal.append = linked, entered  # type: ignore[assignment,method-assign]
    return fate
