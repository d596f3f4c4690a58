"""The journal as people read it: one row for each use of a seal, from its beginning to its end.

The journal itself has two entries for a use, one before the key signs and one after; both stay in
the chain, and an export has both.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from app.store.cabinet import UsageRecord
from app.store.journal import JournalEntry
from crypto.frozen import frozen


@frozen
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
    """*entries* (oldest first) grouped by use, in the order in which the uses ended."""
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


@frozen
class WaitingUse:
    """A use that the platform has yet to be told of."""

    at: datetime
    seal_code: str
    document_sm3: str
    """Of the stamped file, hex."""
    file: str
    """Name of the stamped file, as the journal has it; "" where it does not."""


def waiting_uses(
    records: Iterable[UsageRecord], entries: Iterable[JournalEntry]
) -> tuple[WaitingUse, ...]:
    """*records* with the names of their files: a record itself has digests only."""
    names: dict[str, str] = {}
    for use in uses(entries):
        told = use.details
        name = told.get("output") or told.get("document") or ""
        names[str(told.get("usage_record", ""))] = str(name)
    found = []
    for record in records:
        said = json.loads(record.record)
        at, seal, digest = said["at"], said["seal_code"], said["document_sm3"]
        name = names.get(record.id, "")
        found.append(WaitingUse(datetime.fromisoformat(at), str(seal), str(digest), name))
    return tuple(found)
