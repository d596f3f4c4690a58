"""Which files are to be archived, and what the journal knows of each.

of_month(record, 2026, 11) → what was stamped here in that month
of_paths(record, paths)    → files, and folders walked for PDF documents and packages
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from app.many.bulk import find
from app.store.journal import JournalEntry
from app.store.uses import Use, uses
from crypto.beijing import in_beijing
from crypto.frozen import frozen

_DONE = frozenset(("stamped", "countersigned"))
PACKAGE = ".zip"


@frozen
class Source:
    """One file that is to be archived."""

    path: Path
    name: str
    """As the list has it: below the folder that was named, with ``/`` between; never the place of
    that folder on this computer."""
    use: Use | None = None
    """What came of a seal's use here last, under this path; None: the journal has nothing."""

    @property
    def stamped_sm3(self) -> str:
        """SM3 (hex) of the file as it was stamped here; "" if it was not, or nobody knows."""
        return str(self.use.details.get("output_sm3", "")) if self.use else ""


class Record:
    """The journal, asked by file."""

    def __init__(self, entries: Iterable[JournalEntry]) -> None:
        self.uses = [use for use in uses(entries) if use.last.event in _DONE]
        self._by_path = {_normal(use.output): use for use in self.uses if use.output}
        self._by_digest = {str(use.details.get("output_sm3")): use for use in self.uses}

    def at(self, path: Path) -> Use | None:
        """The last use that put a file there."""
        return self._by_path.get(_normal(path))

    def of(self, sm3: str) -> Use | None:
        """The last use from which a file with that SM3 (hex) came, wherever it is now."""
        return self._by_digest.get(sm3)


def of_month(record: Record, year: int, month: int) -> list[Source]:
    """Every file that was stamped here in that month of this computer's time, once, in the order of
    the journal. A file that is gone is among them."""
    found: dict[str, Source] = {}
    for use in record.uses:
        local = in_beijing(use.at)
        if use.output is None or (local.year, local.month) != (year, month):
            continue
        last = record.at(use.output) or use
        found[_normal(use.output)] = Source(use.output, use.output.name, last)
    return list(found.values())


def of_paths(record: Record, paths: Sequence[Path]) -> list[Source]:
    """Files as they are named, folders walked for ``*.pdf`` and ``*.zip`` in order of name, each
    file once. Raises :class:`app.errors.FileNotReadable`."""
    found: dict[str, Source] = {}
    for path in paths:
        for file in find([path], (".pdf", PACKAGE)):
            name = file.relative_to(path).as_posix() if path.is_dir() else file.name
            found.setdefault(_normal(file), Source(file, name, record.at(file)))
    return list(found.values())


def _normal(path: Path) -> str:
    return os.path.normcase(path.absolute())
