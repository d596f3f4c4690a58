"""The witness: what remembers, outside the database, the last checkpoint of each log.

It is written **before** a batch is committed and names both the checkpoint that the batch begins
with and the one that it ends with. So after a crash at any instant the newest checkpoint of the
database is one of the two; if it is neither, something was cut off, put back or lost.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from crypto.algorithms import merkle
from crypto.frozen import frozen
from server_stub.records.vault import write_private

_BETWEEN = "~\n"  # in no base64, and no name of a log ends with it


class WitnessLost(Exception):
    """The witness has lost checkpoints that it must have."""


class Witness(Protocol):
    """Remembers checkpoints outside the database."""

    def last(self, log: str) -> tuple[str, ...] | None:
        """The notes between which the log stands; None: nothing is known."""

    def remember(self, log: str, before: str | None, note: str) -> None:
        """The log is about to go from the note *before* (None: there was none) to *note*."""


@frozen
class FileWitness:
    """A folder with one file per log. Put it on another disk than the database, or better, another
    machine."""

    directory: Path

    def last(self, log: str) -> tuple[str, ...] | None:
        try:
            text = self._file(log).read_text("utf-8")
        except FileNotFoundError:
            return None
        except UnicodeDecodeError:
            return ("",)
        return tuple(note for note in text.split(_BETWEEN) if note) or ("",)

    def remember(self, log: str, before: str | None, note: str) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        write_private(self._file(log), f"{before or ''}{_BETWEEN}{note}".encode())

    def is_beside(self, database: Path) -> bool:
        """Is it on the disk of *database*? Who loses or rewinds one then loses both."""
        self.directory.mkdir(parents=True, exist_ok=True)
        return os.stat(self.directory).st_dev == os.stat(database).st_dev

    def _file(self, log: str) -> Path:
        return self.directory / f"{log}.note"


def compare(
    log: str,
    tree: merkle.Tree,
    newest: str | None,
    seen: tuple[str, ...] | None,
    public: bytes,
) -> None:
    """Return if the *newest* checkpoint of *log*, whose entries make *tree*, is one of those that
    were *seen* outside.

    Raises :class:`WitnessLost`; :class:`crypto.algorithms.merkle.MerkleError` if *tree* is shorter
    or other than what was seen."""
    if seen is None:
        if tree.size or newest is not None:
            raise WitnessLost(f"the witness of {log} is lost: it remembers nothing")
        return
    if newest is not None and newest in seen:
        return
    try:
        known = [merkle.open_checkpoint(note, public) for note in seen]
    except merkle.MerkleError as error:
        raise WitnessLost(f"the witness of {log} was overwritten: {error}") from error
    last = max(known, key=lambda checkpoint: checkpoint.size)
    if last.size > tree.size:
        raise merkle.MerkleError(
            f"{log} has {tree.size} entries, but {last.size} were witnessed: a part was cut off or"
            " an old database restored"
        )
    for checkpoint in known:
        if tree.root(checkpoint.size) != checkpoint.root:
            raise merkle.MerkleError(
                f"{log} is not the log that was witnessed at {checkpoint.size} entries"
            )
    if last.size < tree.size:
        raise WitnessLost(
            f"the witness of {log} was put back: it remembers {last.size} of {tree.size} entries"
        )
