"""Outputs about to be published, with their journal entries, so that a crash in between loses
neither.

A small file in ``unfinished`` beside the journal is written before an output gets its name and
removed once the journal has it. It is locked as long as its process lives; one that can be locked
was left by a crash (:func:`take_up`).
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from pathlib import Path
from typing import Any, BinaryIO

from app.durable import discard, sync_folder, try_lock
from app.publishing import is_temporary
from app.store.journal import Journal
from crypto.algorithms.gm import sm3_hasher
from crypto.frozen import frozen

WAITING_S = 90 * 24 * 3600
"""How long a folder that is not there, a drive that is not connected, is waited for."""


@frozen
class Entry:
    """What the journal will say of an output, beside what every entry says."""

    details: Mapping[str, Any] = field(default_factory=dict)
    usage: str = ""
    """The usage record to be queued (:meth:`app.store.cabinet.Cabinet.queue_usage`); "": none."""


@frozen
class Unfinished:
    """One output between its verification and its entry in the journal."""

    event: str
    """The entry's event."""
    begun: int
    """Sequence number of the entry with which the work began."""
    document: str
    output_sm3: str
    """SM3 of the whole output, hex."""
    size: int
    """Bytes of the output."""
    folder: str
    """Where it is to be. The name may be another one than was wished for."""
    entry: Entry

    def details(self, output: Path) -> dict[str, Any]:
        """The details of the entry for the output with that name."""
        return {
            **self.entry.details,
            "begun": self.begun,
            "document": self.document,
            "output": output.name,
            "folder": self.folder,
            "output_sm3": self.output_sm3,
        }


@contextlib.contextmanager
def kept(journal: Journal, unfinished: Unfinished) -> Iterator[None]:
    """Keep *unfinished* on disk for the block; an error in the block removes it, too. Raises
    OSError."""
    path, file = _new(_folder(journal))
    try:
        with file:
            file.write(json.dumps(_plain(unfinished), ensure_ascii=False).encode())
            file.flush()
            os.fsync(file.fileno())
            with contextlib.suppress(OSError):
                sync_folder(path.parent)
            yield
    finally:
        discard(path)


def take_up(journal: Journal, queue_usage: Callable[[str, str], None]) -> int:
    """Enter every output in the journal that was published and not entered when its process died,
    and queue its usage record; gives their number.

    *queue_usage* is given the record's SM3, hex, and the record. What is not on disk was not
    published; what lies in a folder that is not there now is left for later. Raises
    :class:`app.errors.LocalDataError`, OSError."""
    folder = _folder(journal)
    if not folder.is_dir():
        return 0
    entered = 0
    for path in sorted(folder.iterdir()):
        with contextlib.ExitStack() as opened:
            try:
                file = opened.enter_context(path.open("rb"))
                if not try_lock(file):
                    continue  # its process is at work
                content = file.read()
            except OSError:  # at work, on Windows; or gone meanwhile
                continue
            done = _take_up(journal, _parsed(content), queue_usage)
            if done is None and time.time() - path.stat().st_mtime > WAITING_S:
                done = 0
        if done is not None:
            entered += done
            discard(path)
    return entered


def _take_up(
    journal: Journal, left: Unfinished | None, queue_usage: Callable[[str, str], None]
) -> int | None:
    """How many entries were made; None: nothing can be said yet."""
    if left is None:
        return 0  # killed while writing it: nothing was published
    if not Path(left.folder).is_dir():
        return None
    output = _find(left)
    if output is None:
        return 0
    ends = [entry for entry in journal.entries() if entry.details.get("begun") == left.begun]
    same = [end for end in ends if end.details.get("output_sm3") == left.output_sm3]
    if ends and not same:
        return 0  # it was taken back, or the journal is a new one
    if not same:
        journal.append(left.event, **left.details(output))
    if left.entry.usage:
        queue_usage(str(left.entry.details["usage_record"]), left.entry.usage)
    return int(not same)


def _folder(journal: Journal) -> Path:
    return journal.path.parent / "unfinished"


def _new(folder: Path) -> tuple[Path, BinaryIO]:
    folder.mkdir(parents=True, exist_ok=True)
    while True:
        path = folder / f"{secrets.token_hex(8)}.json"
        file = path.open("x+b")
        try:
            ours = try_lock(file) and os.path.lexists(path)
        except OSError:
            ours = True  # no locks here: one user's own folder, and one program at a time
        if ours:
            return path, file
        file.close()  # somebody who looks for what a crash has left was quicker


def _plain(unfinished: Unfinished) -> dict[str, Any]:
    return {
        "event": unfinished.event,
        "begun": unfinished.begun,
        "document": unfinished.document,
        "output_sm3": unfinished.output_sm3,
        "size": unfinished.size,
        "folder": unfinished.folder,
        "details": dict(unfinished.entry.details),
        "usage": unfinished.entry.usage,
    }


def _parsed(content: bytes) -> Unfinished | None:
    try:
        plain = json.loads(content)
        return Unfinished(
            event=str(plain["event"]),
            begun=int(plain["begun"]),
            document=str(plain["document"]),
            output_sm3=str(plain["output_sm3"]),
            size=int(plain["size"]),
            folder=str(plain["folder"]),
            entry=Entry(dict(plain["details"]), str(plain["usage"])),
        )
    except (ValueError, KeyError, TypeError):
        return None


def _find(left: Unfinished) -> Path | None:
    """The output, whatever it is called now."""
    for path in sorted(Path(left.folder).iterdir()):
        with contextlib.suppress(OSError):
            same = path.is_file() and path.stat().st_size == left.size
            if same and not is_temporary(path) and _sm3(path) == left.output_sm3:
                return path
    return None


def _sm3(path: Path) -> str:
    digest = sm3_hasher()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.digest().hex()
