"""How much of many combinations a run goes through: all of them in `dev.py check-slow`."""

import os
from collections.abc import Sequence
from typing import Generic, TypeVar

Value = TypeVar("Value")
THOROUGH = os.environ.get("SEALDESK_TEST_PROFILE") == "thorough"


class Turns(Generic[Value]):
    """Gives a few of many values, the next few each time, so that over a run every one has its
    turn; thorough, it gives all of them every time."""

    def __init__(self, values: Sequence[Value], few: int) -> None:
        self._values, self._few, self._given = values, few, 0

    def take(self) -> list[Value]:
        few, begin = (len(self._values) if THOROUGH else self._few), self._given
        self._given += few
        return [self._values[each % len(self._values)] for each in range(begin, begin + few)]

    @property
    def gone_through(self) -> bool:
        """Has every value had its turn?"""
        return self._given >= len(self._values)
