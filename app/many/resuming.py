"""Finds in the journal, by the names of the acts, what an interrupted batch has done already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from crypto.algorithms.gm import sm3_hasher
from crypto.frozen import frozen

if TYPE_CHECKING:
    from app.store.journal import Journal, JournalEntry


@frozen
class StampedEarlier:
    """A document that an earlier run has stamped, as its entry tells."""

    path: Path
    """Where the stamped file lies; where it should, if it is in none of the places."""
    sm3: str
    """Of the stamped file, hex."""
    pages: tuple[int, ...]
    """That bear the marks, as people count."""
    journal_entry: int
    at: datetime

    @property
    def intact(self) -> bool:
        """Does the stamped file still lie there, as it was entered? Reads the whole file."""
        digest = sm3_hasher()
        try:
            with self.path.open("rb") as file:
                while chunk := file.read(1 << 20):
                    digest.update(chunk)
        except OSError:
            return False
        return digest.digest().hex() == self.sm3


def stamped_earlier(
    journal: Journal, acts: Mapping[str, Sequence[Path]], folders: Sequence[Path]
) -> dict[str, StampedEarlier]:
    """Those of the *acts* (name → folders) that came to a stamped file, which lies in one of its
    own folders or of *folders*. Raises :class:`app.errors.JournalDamaged`, OSError."""
    return {
        act: _of(entry, (*acts[act], *folders))
        for act, entry in journal.by_detail("act", acts).items()
        if entry.event == "stamped"
    }


def _of(entry: JournalEntry, folders: tuple[Path, ...]) -> StampedEarlier:
    name = str(entry.details.get("output", ""))
    places = [folder / name for folder in folders]
    return StampedEarlier(
        path=next((place for place in places if place.is_file()), places[0]),
        sm3=str(entry.details.get("output_sm3", "")),
        pages=tuple(sorted({int(page) for page in entry.details.get("pages", ())})),
        journal_entry=entry.sequence,
        at=entry.at,
    )
