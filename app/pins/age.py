"""When the PIN of each Ukey was last changed, as far as this computer knows (办法 第二十一条).

By the Ukey's serial number; nothing of the PIN is kept. No Ukey tells the age of its PIN, so a Ukey
that was never seen before counts from the day on which it is seen first. In the clear in a small
file: losing it costs one reminder.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from app.durable import locked, replace_file

MOST = 1000
"""Ukeys that are remembered; the ones changed longest ago are forgotten first."""


class PinAges:
    """What one user's file says. OSError is never raised: a reminder must not stop a stamp."""

    def __init__(self, file: Path, clock: Callable[[], datetime]) -> None:
        self._file, self._clock = file, clock
        self._known: dict[str, datetime] = {}
        self._stamp: tuple[int, int] | None = None

    def since(self, serial: str) -> datetime:
        """Since when that Ukey has had its PIN, at the latest; its first sight is noted."""
        self._read()
        found = self._known.get(serial)
        if found is None:
            return self._note(serial, only_if_new=True)
        return min(found, self._clock())  # a clock that was ahead must not put it off

    def changed(self, serial: str) -> None:
        """The PIN of that Ukey was set just now."""
        self._note(serial, only_if_new=False)

    def _note(self, serial: str, *, only_if_new: bool) -> datetime:
        now = self._clock()
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with locked(self._file.with_suffix(".lock")):
                self._read()
                if only_if_new and serial in self._known:
                    return self._known[serial]
                self._known[serial] = now
                newest = sorted(self._known.items(), key=lambda each: each[1])[-MOST:]
                said = {name: moment.isoformat() for name, moment in newest}
                replace_file(self._file, json.dumps(said, indent=1).encode())
        except OSError:
            self._known[serial] = now  # for this run
        return now

    def _read(self) -> None:
        """Again if it was written meanwhile; what cannot be read is left out."""
        try:
            state = self._file.stat()
            if self._stamp == (state.st_mtime_ns, state.st_size):
                return
            said = json.loads(self._file.read_bytes())
            self._stamp = (state.st_mtime_ns, state.st_size)
            self._known = {str(name): _moment(text) for name, text in said.items()}
        except (OSError, ValueError, TypeError, AttributeError, RecursionError):
            return


def _moment(text: object) -> datetime:
    moment = datetime.fromisoformat(str(text))
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def days_over(since: datetime, allowed: int, now: datetime) -> int | None:
    """How many days old a PIN is that is older than *allowed* days; None: it is not, or 0 days say
    that none is."""
    old = (now - since).days
    return old if allowed and old >= allowed else None
