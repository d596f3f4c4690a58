"""The journal as people read it: one row for each use of a seal, from its beginning to its end.

The journal itself has two entries for a use, one before the key signs and one after; both stay in
the chain, and an export has both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from app.store.journal import JournalEntry


@dataclass(frozen=True)
class Use:
    """Entries that belong together, oldest first."""

    entries: tuple[JournalEntry, ...]

    @property
    def last(self) -> JournalEntry:
        """The entry that tells how it stands."""
        return self.entries[-1]

    @property
    def at(self) -> datetime:
        return self.last.at

    @property
    def sequence(self) -> int:
        return self.last.sequence

    @property
    def unfinished(self) -> bool:
        """Was it begun, and nothing is known of its end?"""
        return self.last.event.endswith("-begun")

    @property
    def details(self) -> Mapping[str, Any]:
        """What all its entries say; of two, the later one."""
        return {key: value for entry in self.entries for key, value in entry.details.items()}

    @property
    def output(self) -> Path | None:
        """Where the file was put that came of it; None: none came, or the entry is of a version
        that did not tell the folder."""
        details = self.last.details
        name, folder = details.get("output"), details.get("folder")
        if not (isinstance(name, str) and isinstance(folder, str) and name and folder):
            return None
        return Path(folder) / name


def uses(entries: Iterable[JournalEntry]) -> list[Use]:
    """*entries* (oldest first) by the uses that they tell of, in the order of their ends."""
    begun: dict[int, JournalEntry] = {}
    found: list[Use] = []
    for entry in entries:
        if entry.event.endswith("-begun"):
            begun[entry.sequence] = entry
            continue
        number = entry.details.get("begun")
        first = begun.pop(number, None) if isinstance(number, int) else None
        found.append(Use((first, entry) if first is not None else (entry,)))
    found += [Use((entry,)) for entry in begun.values()]
    return sorted(found, key=lambda use: use.sequence)
