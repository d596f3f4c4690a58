"""Waiting for something to be so. No other file of the tests sleeps (tests/test_house.py)."""

import time
from collections.abc import Callable

from tests.world.systems import PATIENCE

PAUSE_S = 0.02
LONGEST_PAUSE_S = 0.25


def until(
    true: Callable[[], object], what: str, seconds: float = 30, *, pause: float = PAUSE_S
) -> None:
    """Return when *true()* is; fail with *what* if it is not so in time. *pause*: seconds between
    the first two looks; then a tenth of the time that it has taken, up to a quarter of a second,
    for many a look is a question to a platform that has enough to do."""
    begun = time.monotonic()
    while not true():
        waited = time.monotonic() - begun
        assert waited < seconds * PATIENCE, what
        time.sleep(max(pause, min(waited / 10, LONGEST_PAUSE_S)))


def next_second() -> None:
    """Return when the clock shows another second: signatures and statements tell whole seconds,
    and two events in one second are neither before nor after each other."""
    now = int(time.time())
    until(lambda: int(time.time()) > now, "the clock stands still")
