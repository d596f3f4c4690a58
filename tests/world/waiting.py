"""Waiting for something to be so. No other file of the tests sleeps (tests/test_house.py)."""

import time
from collections.abc import Callable

from tests.world.systems import PATIENCE

PAUSE_S = 0.02


def until(
    true: Callable[[], object], what: str, seconds: float = 30, *, pause: float = PAUSE_S
) -> None:
    """Return when *true()* is; fail with *what* if it is not so in time. *pause*: seconds between
    two looks."""
    deadline = time.monotonic() + seconds * PATIENCE
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(pause)


def next_second() -> None:
    """Return when the clock shows another second: signatures and statements tell whole seconds,
    and two events in one second are neither before nor after each other."""
    now = int(time.time())
    until(lambda: int(time.time()) > now, "the clock stands still")
