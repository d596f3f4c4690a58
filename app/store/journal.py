"""用印台账: every use of a seal on this machine, append-only and chained by SM3.

``journal.jsonl`` holds one entry per line, canonical JSON in UTF-8 (sorted keys, no spaces)::

    {"at":"2026-11-23T14:00:00.000000Z","event":"stamped","previous":"<hex>","sequence":7, …}

``previous`` is the SM3 of the line before (without its newline; 64 zeros for the first), so a
changed, inserted or missing line breaks the chain at a line that can be named. ``journal.head``
holds the number of entries, the size of the file and the SM3 of its last line, and is replaced
atomically after each append: a tail cut off shows against it.

What a crash leaves: nothing; or the beginning of a line, which the next append moves to a side file
and reports in the chain; or a whole line that the head does not count yet, which it then counts.
Anything else is damage: appending refuses, nothing is repaired or deleted by itself.

What the chain cannot prove: that the owner of the machine did not write both files anew. That is
what the platform's receipts for usage records are for (docs/design/platform.md §5).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from app.durable import locked, patiently, replace_file, sync_folder
from app.errors import JournalDamaged, phrase
from app.spreadsheet import save_table
from crypto.algorithms.gm import sm3
from crypto.beijing import in_beijing
from crypto.frozen import frozen

GENESIS = "0" * 64
_OWN_KEYS = frozenset({"at", "event", "previous", "sequence"})
COLUMNS = (
    "sequence", "at", "event", "document", "output", "folder", "digest", "output_sm3",
    "counterparty", "copies", "seal_name", "seal_code", "pages", "approval", "operator",
    "certificate", "usage_record", "remark", "hash",
)  # fmt: skip
"""Columns of an export; details that have no column of their own stand in ``remark``."""


@frozen
class JournalEntry:
    """One line."""

    sequence: int
    """From 1."""
    at: datetime
    event: str
    """"stamp-begun", "stamped", "stamp-failed", …"""
    details: Mapping[str, Any]
    """What the event is about: document, seal_code, pages, …"""
    previous: str
    """SM3 of the line before, hex."""
    hash: str
    """SM3 of this line, hex."""


@frozen
class JournalCheck:
    """What a check of the whole journal found."""

    entries: int
    """Lines that belong to the chain."""
    problem: str
    """"", or "malformed", "sequence", "altered", "cut", "added" or "head" (missing, unreadable)."""
    line: int
    """The first damaged line from 1; 0 if there is none."""
    torn_bytes: int
    """Bytes of a line that a crash left unfinished; the next append sets them aside."""
    set_aside: tuple[Path, ...]
    """Files that hold unfinished lines and sealed-off journals."""

    @property
    def intact(self) -> bool:
        """Is every recorded entry there, unchanged?"""
        return not self.problem


@frozen
class _Head:
    count: int
    size: int
    hash: str


_UNREADABLE = _Head(-1, -1, "")


class Journal:
    """The journal in one file. Safe between threads and processes; holds nothing open."""

    def __init__(
        self, path: Path, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        """*path*: ``journal.jsonl``; its head and lock stand beside it. Nothing is made yet."""
        self.path = path
        self._head_path = path.with_suffix(".head")
        self._lock_path = path.with_suffix(".lock")
        self._clock = clock

    # --- writing -----------------------------------------------------------------------------

    def append(self, event: str, /, **details: object) -> int:
        """Record *event* durably and return its sequence number.

        *details* are JSON values; the names at, event, previous and sequence are taken. Raises
        :class:`JournalDamaged` (then nothing is written), ValueError for such a name, TypeError for
        a value that is not JSON, OSError."""
        if _OWN_KEYS & set(details):
            raise ValueError(f"details may not be called {sorted(_OWN_KEYS & set(details))}")
        json.dumps(details, allow_nan=False)  # before anything is touched
        with locked(self._lock_path):
            head = self._recovered_head()
            return self._write(head, event, details).count

    def seal_off(self) -> Path:
        """Put a damaged journal away, whole, and begin a new one that names it by its SM3.

        Returns where the old one is."""
        with locked(self._lock_path):
            content = self.path.read_bytes() if self.path.exists() else b""
            stamp = self._clock().strftime("%Y%m%dT%H%M%S")
            away = self._free(f"{self.path.stem}.sealed-{stamp}", ".jsonl")
            if self._head_path.exists():
                patiently(partial(self._head_path.replace, away.with_suffix(".head")))
            if self.path.exists():
                patiently(partial(self.path.replace, away))
            else:
                away.touch()
            sync_folder(self.path.parent)
            head = self._recovered_head()
            details = {"file": away.name, "file_sm3": sm3(content).hex(), "bytes": len(content)}
            self._write(head, "journal-sealed-off", details)
            return away

    def _write(self, head: _Head, event: str, details: Mapping[str, object]) -> _Head:
        line = _canonical(
            {
                **details,
                "at": self._clock().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                "event": event,
                "previous": head.hash,
                "sequence": head.count + 1,
            }
        )
        with patiently(lambda: self.path.open("r+b")) as file:
            file.seek(head.size)
            try:
                file.write(line + b"\n")
                file.flush()
                os.fsync(file.fileno())
            except OSError:  # a full disk: take back what was written of the line
                file.truncate(head.size)
                raise
        return self._save_head(_Head(head.count + 1, head.size + len(line) + 1, sm3(line).hex()))

    def _save_head(self, head: _Head) -> _Head:
        text = _canonical({"count": head.count, "size": head.size, "hash": head.hash})
        replace_file(self._head_path, text)
        return head

    def _recovered_head(self) -> _Head:
        """The head, after repairing what a crash can leave; raises :class:`JournalDamaged`."""
        head = self._read_head()
        if head is None:
            if self.path.exists() and self.path.stat().st_size:
                raise JournalDamaged(str(self.path), 1)
            replace_file(self.path, b"")
            return self._save_head(_Head(0, 0, GENESIS))
        if head is _UNREADABLE or not self.path.exists():
            raise JournalDamaged(str(self.path), 1)
        if self.path.stat().st_size == head.size:
            return head
        content = self.path.read_bytes()
        tail = content[head.size :]
        if len(content) < head.size:
            raise JournalDamaged(str(self.path), content.count(b"\n") + 1)
        if b"\n" not in tail:
            return self._set_aside(head, tail)
        line, rest = tail.split(b"\n", 1)
        entry = _parse(line)
        if rest or entry is None or (entry.sequence, entry.previous) != (head.count + 1, head.hash):
            raise JournalDamaged(str(self.path), head.count + 1)
        return self._save_head(_Head(entry.sequence, len(content), entry.hash))

    def _set_aside(self, head: _Head, torn: bytes) -> _Head:
        """Move an unfinished line to a file of its own and say so in the chain."""
        side = self._free(f"{self.path.stem}.torn-{head.count + 1}", ".bin")
        replace_file(side, torn)
        with patiently(lambda: self.path.open("r+b")) as file:
            file.truncate(head.size)
            os.fsync(file.fileno())
        details = {"file": side.name, "file_sm3": sm3(torn).hex(), "bytes": len(torn)}
        return self._write(head, "journal-torn-line", details)

    def _free(self, stem: str, suffix: str) -> Path:
        candidates = (
            f"{stem}{mark}{suffix}" for mark in ("", *(f"-{n}" for n in range(2, 10_000)))
        )
        return next(p for p in map(self.path.with_name, candidates) if not p.exists())

    # --- reading -----------------------------------------------------------------------------

    def entries(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        events: frozenset[str] | None = None,
        seal_code: str | None = None,
        text: str | None = None,
    ) -> list[JournalEntry]:
        """The entries, oldest first, that match all that is given.

        *since* ≤ at < *until*; *text* occurs anywhere in the details, whatever its case. An
        unfinished last line is no entry. Raises :class:`JournalDamaged` at a line that cannot be
        read."""

        def wanted(entry: JournalEntry) -> bool:
            return (
                (since is None or entry.at >= since)
                and (until is None or entry.at < until)
                and (events is None or entry.event in events)
                and (seal_code is None or entry.details.get("seal_code") == seal_code)
                and (text is None or text.casefold() in _searchable(entry))
            )

        return [entry for entry in self._read_all() if wanted(entry)]

    def by_detail(self, name: str, values: Collection[str]) -> dict[str, JournalEntry]:
        """The last entry for each of *values* that a detail *name* has; other lines are not
        parsed. Raises :class:`JournalDamaged` at a line that cannot be read."""
        if not values:
            return {}
        pattern = re.compile(rb'"%s":"([^"\\]*)"' % name.encode())
        found = {}
        for number, line in enumerate(self._lines()[0], 1):
            if any(value.decode("utf-8", "replace") in values for value in pattern.findall(line)):
                entry = _parse(line)
                if entry is None:
                    raise JournalDamaged(str(self.path), number)
                found[str(entry.details.get(name))] = entry
        return {value: entry for value, entry in found.items() if value in values}

    def check(self) -> JournalCheck:
        """Verify every line, the chain and the head; changes nothing."""
        lines, torn = self._lines()
        head = self._read_head()
        problem, line = _first_damage(lines, head, file_exists=self.path.exists())
        aside = re.compile(rf"{re.escape(self.path.stem)}\.(torn|sealed)-.*\.(bin|jsonl)")
        folder = self.path.parent
        found = sorted(folder.iterdir()) if folder.exists() else []
        return JournalCheck(
            entries=len(lines),
            problem=problem,
            line=line,
            torn_bytes=len(torn),
            set_aside=tuple(path for path in found if aside.fullmatch(path.name)),
        )

    def export(
        self, path: Path, entries: list[JournalEntry] | None = None, language: str = "zh_CN"
    ) -> int:
        """Write *entries* (default: all) to *path*, CSV or by its suffix XLSX; gives their number.

        See :func:`app.spreadsheet.save_table`. Raises OSError."""
        rows = [
            _row(entry, language) for entry in (self._read_all() if entries is None else entries)
        ]
        header = [phrase(f"journal.{column}", language) for column in COLUMNS]
        save_table(path, [header, *rows])
        return len(rows)

    def _lines(self) -> tuple[list[bytes], bytes]:
        """The finished lines, and what a crash left after them."""
        try:
            *lines, torn = patiently(self.path.read_bytes).split(b"\n")
        except FileNotFoundError:
            return [], b""
        return lines, torn

    def _read_all(self) -> Iterator[JournalEntry]:
        for number, line in enumerate(self._lines()[0], 1):
            entry = _parse(line)
            if entry is None:
                raise JournalDamaged(str(self.path), number)
            yield entry

    def _read_head(self) -> _Head | None:
        """The head; None if there is none, :data:`_UNREADABLE` if it makes no sense."""
        try:
            fields = json.loads(self._head_path.read_bytes())
            head = _Head(int(fields["count"]), int(fields["size"]), str(fields["hash"]))
            return head if head.count >= 0 and head.size >= 0 else _UNREADABLE
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            return _UNREADABLE


def _first_damage(lines: list[bytes], head: _Head | None, *, file_exists: bool) -> tuple[str, int]:
    """(problem, line) of the first damage, ("", 0) if there is none.

    The next line proves a line, the head proves the last; nothing proves a line after the head, but
    a crash can leave one."""
    if head is None:
        return ("head", 1) if file_exists and lines else ("", 0)
    if head is _UNREADABLE:
        return "head", 1
    entries = []
    for number, line in enumerate(lines, 1):
        entry = _parse(line)
        if entry is None:
            return "malformed", number
        if entry.sequence != number:
            return "sequence", number
        entries.append(entry)
    previous = [entry.previous for entry in entries]
    if previous and previous[0] != GENESIS:
        return "altered", 1
    for number, entry in enumerate(entries[:-1], 1):
        if previous[number] != entry.hash:
            return "altered", number
    if len(entries) < head.count:
        return "cut", len(entries) + 1
    if head.count and entries[head.count - 1].hash != head.hash:
        return "altered", head.count
    if len(entries) > head.count + 1:
        return "added", head.count + 1
    return "", 0


def _canonical(fields: Mapping[str, object]) -> bytes:
    return json.dumps(
        fields, ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True
    ).encode("utf-8", "surrogatepass")


def _parse(line: bytes) -> JournalEntry | None:
    """The entry of a line; None if it is none of ours (canonical form included)."""
    try:
        fields = json.loads(line.decode("utf-8", "surrogatepass"))
        if _canonical(fields) != line or not re.fullmatch(r"[0-9a-f]{64}", fields["previous"]):
            return None
        at = datetime.fromisoformat(fields["at"])
        return JournalEntry(
            sequence=int(fields["sequence"]),
            at=at.astimezone(UTC),
            event=str(fields["event"]),
            details=MappingProxyType({k: v for k, v in fields.items() if k not in _OWN_KEYS}),
            previous=fields["previous"],
            hash=sm3(line).hex(),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _searchable(entry: JournalEntry) -> str:
    return json.dumps(dict(entry.details), ensure_ascii=False).casefold()


# --- export --------------------------------------------------------------------------------------


def event_name(event: str, language: str = "zh_CN") -> str:
    """An event as people read it; itself where it has no name."""
    try:
        return phrase(f"journal_event.{event}", language)
    except KeyError:
        return event


def _row(entry: JournalEntry, language: str) -> list[object]:
    rest = {key: value for key, value in entry.details.items() if key not in COLUMNS}
    fields: dict[str, object] = {
        **entry.details,
        "sequence": entry.sequence,
        "at": in_beijing(entry.at).strftime("%Y-%m-%d %H:%M:%S"),
        "event": event_name(entry.event, language),
        "hash": entry.hash,
        "remark": json.dumps(rest, ensure_ascii=False) if rest else "",
    }
    return [fields.get(column, "") for column in COLUMNS]
