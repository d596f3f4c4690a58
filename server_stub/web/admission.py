"""Who may hand in a file now, and whose file is verified next.

A file costs memory while it is under way and a processor while it is verified. So it has to find
room first, before a byte of it is read (:class:`Room`), and is then verified in turn, at most as
many at a time as there are processors (:class:`Turns`). Who waits holds no thread. Where there is
no room, the caller hears so at once, with a time to come again.

All of this lives on the event loop's thread; nothing here takes a lock.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

Answer = TypeVar("Answer")


class NoRoom(Exception):
    """There is no room for this file now; the text says whose share is used up: "address" or
    "all"."""


@dataclass
class Room:
    """For files under way, from their first byte to their answer."""

    files: int
    """At most so many in all."""
    per_address: int
    """At most so many of one address."""
    size: int
    """At most so many bytes in all."""
    _taken: int = 0
    _used: int = 0
    _by_address: Counter[str] = field(default_factory=Counter)

    def take(self, address: str, size: int) -> Place:
        """A place for *size* bytes from *address*, until it is left. Raises :class:`NoRoom`."""
        if self._by_address[address] >= self.per_address:
            raise NoRoom("address")
        if self._taken >= self.files or (self._used and self._used + size > self.size):
            raise NoRoom("all")
        self._taken += 1
        self._used += size
        self._by_address[address] += 1
        return Place(self, address, size)

    def leave(self, place: Place) -> None:
        self._taken -= 1
        self._used -= place.size
        self._by_address[place.address] -= 1
        if not self._by_address[place.address]:
            del self._by_address[place.address]


@dataclass
class Place:
    """Room for one file."""

    room: Room
    address: str
    size: int
    kept: bool = False
    """Somebody else than the request that took it will leave it."""
    _left: bool = False

    def leave(self) -> None:
        """Give it back; again does nothing."""
        if not self._left:
            self._left = True
            self.room.leave(self)


class Gone(Exception):
    """Nobody waits for the answer any more."""


class Turns:
    """Work that occupies a processor, in the order in which it came."""

    def __init__(self, at_a_time: int) -> None:
        """*at_a_time*: 0 for as many as there are processors."""
        self.at_a_time = at_a_time or _processors()
        self._free = asyncio.Semaphore(self.at_a_time)
        self._threads = ThreadPoolExecutor(self.at_a_time, thread_name_prefix="verification")

    async def take(
        self,
        work: Callable[[], Answer],
        *,
        gone: Callable[[], Awaitable[bool]] | None = None,
        begun: Callable[[], None] = lambda: None,
    ) -> Answer:
        """What *work* gives, done in a thread when it is its turn.

        *begun* is called then. Raises :class:`Gone` if *gone* says then that nobody waits."""
        async with self._free:
            if gone is not None and await gone():
                raise Gone
            begun()
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def close(self) -> None:
        """Finish what is being done and begin nothing new."""
        self._threads.shutdown(cancel_futures=True)


def _processors() -> int:
    """Those that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
