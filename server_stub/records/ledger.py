"""The one writer, and the two tamper-evident logs it feeds (第十八条、第二十四条).

Whatever changes the platform's state is a *command*: a function ``command(tx, …)`` handed to
:meth:`Ledger.write`. One thread takes up to :data:`BATCH` of them into one database transaction,
each in its own savepoint, appends the records they made as Merkle leaves, signs **one** checkpoint
per log, commits, and only then answers every caller with receipts. So a receipt is never handed out
for something that could be lost, and the log cannot fork: the writer begins IMMEDIATE (or holds
PostgreSQL's advisory lock) and reads the log's size from the database in that same transaction.

Two logs: ``registry`` — public, seal status events only — and ``ledger`` — private, everything.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, cast

from sqlalchemy import Engine, func, insert, select
from sqlalchemy.orm import Session

from crypto.algorithms import merkle
from server_stub.records import canonical
from server_stub.records.store import WRITER, LedgerEntry, LedgerNode, LogCheckpoint

BATCH = 128
REGISTRY, LEDGER = "registry", "ledger"
LOGS = (REGISTRY, LEDGER)

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


class LedgerError(Exception):
    """Nothing may be appended: the stored log contradicts what was already handed out."""


@dataclass(frozen=True)
class EntryReceipt:
    """Proof that a record is in a log."""

    log: str
    record: bytes
    """The canonical bytes; their leaf hash is what the proof is about."""
    index: int
    size: int
    proof: tuple[bytes, ...]
    """For :func:`crypto.algorithms.merkle.verify_inclusion` in the tree of `size`."""
    checkpoint: str
    """Signed note over `size` and the root."""


@dataclass(frozen=True)
class Written(Generic[Answer]):
    """What a command answered, with a receipt for each record it made, in order."""

    answer: Answer
    receipts: tuple[EntryReceipt, ...]


@dataclass(frozen=True)
class _Entry:
    log: str
    record: bytes
    object_kind: str | None
    object_id: str | None
    enterprise_id: str | None


@dataclass
class Transaction:
    """What a command works with."""

    session: Session
    now: int
    """The one time of this batch: `recorded_at` of all it records, microseconds."""

    _entries: list[_Entry] = field(default_factory=list)

    def record(
        self,
        log: str,
        type_: str,
        fields: Mapping[str, object],
        *,
        about: tuple[str, str] | None = None,
        enterprise: str | None = None,
    ) -> None:
        """Put a record into *log*. *about* is the (kind, id) it changes, *enterprise* whose it is:
        both only for finding it again (:mod:`server_stub.sync`)."""
        body = {**fields, "type": type_, "recorded_at": canonical.timestamp(self.now)}
        kind, identity = about or (None, None)
        self._entries.append(_Entry(log, canonical.canonical(body), kind, identity, enterprise))

    def _take(self) -> list[_Entry]:
        taken, self._entries = self._entries, []
        return taken


class LogSigner(merkle.NoteKey, Protocol):
    """The key of a log."""


class Witness(Protocol):
    """Remembers, outside the database, the last checkpoint that left this machine."""

    def last(self, log: str) -> str | None: ...
    def remember(self, log: str, note: str) -> None: ...


@dataclass(frozen=True)
class FileWitness:
    """A folder with one note per log. Put it on another disk than the database, or better, another
    machine: it is what a cut or restored log is compared with."""

    directory: Path

    def last(self, log: str) -> str | None:
        try:
            return (self.directory / f"{log}.note").read_text("utf-8")
        except FileNotFoundError:
            return None

    def remember(self, log: str, note: str) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        partial = self.directory / f"{log}.note.new"
        partial.write_text(note, "utf-8")
        partial.replace(self.directory / f"{log}.note")


class StoredNodes(Mapping[tuple[int, int], bytes]):
    """The nodes of one log's tree, from the table; what was read once is kept."""

    KEEP = 100_000

    def __init__(self, session: Session, log: str, kept: dict[tuple[int, int], bytes]) -> None:
        self._session, self._log, self._kept = session, log, kept

    def __getitem__(self, place: tuple[int, int]) -> bytes:
        value = self._kept.get(place)
        if value is None:
            stored = self._session.scalar(
                select(LedgerNode.hash).where(
                    LedgerNode.log == self._log,
                    LedgerNode.level == place[0],
                    LedgerNode.number == place[1],
                )
            )
            if stored is None:
                raise KeyError(place)
            if len(self._kept) >= self.KEEP:
                self._kept.clear()
            value = self._kept[place] = stored
        return value

    def __iter__(self) -> Iterator[tuple[int, int]]:
        rows = self._session.execute(
            select(LedgerNode.level, LedgerNode.number).where(LedgerNode.log == self._log)
        )
        return iter([(level, number) for level, number in rows])

    def __len__(self) -> int:
        count = select(func.count()).where(LedgerNode.log == self._log)
        return self._session.scalar(count) or 0


def log_size(session: Session, log: str) -> int:
    """How many leaves *log* has."""
    last = select(func.max(LedgerEntry.number)).where(LedgerEntry.log == log)
    number = session.scalar(last)
    return 0 if number is None else number + 1


def stored_tree(session: Session, log: str) -> merkle.Tree:
    """The tree of *log* as stored, for proofs."""
    return merkle.Tree(StoredNodes(session, log, {}), log_size(session, log))


_Job = tuple[Callable[[Transaction], Any], "Future[Written[Any]]"]


class Ledger:
    """The writer. :meth:`start` before the first :meth:`write`, :meth:`stop` at the end."""

    def __init__(
        self,
        engine: Engine,
        origins: Mapping[str, str],
        signers: Mapping[str, LogSigner],
        witness: Witness,
        clock: Callable[[], int] = canonical.now,
    ) -> None:
        self._engine = engine.execution_options(**WRITER)
        self._origins, self._signers, self._witness = origins, signers, witness
        self._clock = clock
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._kept: dict[str, dict[tuple[int, int], bytes]] = {log: {} for log in LOGS}
        self._seen: dict[str, tuple[str, merkle.Checkpoint]] = {}
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
        self._closing = threading.Lock()
        self._stopped = True

    def origin(self, log: str) -> str:
        """The name under which *log*'s checkpoints are signed."""
        return self._origins[log]

    def start(self) -> None:
        """Begin to write. Raises :class:`LedgerError` if a log is shorter or other than what was
        witnessed; then signs a checkpoint for logs that have none yet."""
        self._commit([])
        self._stopped = False
        self._thread.start()

    def stop(self) -> None:
        """Finish what was handed in, then end."""
        with self._closing:
            if self._stopped:
                return
            self._stopped = True
            self._jobs.put(None)
        self._thread.join()

    def write(
        self,
        command: Callable[Concatenate[Transaction, Arguments], Answer],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Future[Written[Answer]]:
        """Have *command* done in the next batch. The future gives its answer once it is durable, or
        raises what it raised; then nothing of it was stored."""
        future: Future[Written[Any]] = Future()
        with self._closing:
            if self._stopped:
                raise LedgerError("the ledger is not open for writing")
            self._jobs.put((lambda tx: command(tx, *args, **kwargs), future))
        return cast("Future[Written[Answer]]", future)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            batch = [job]
            last = False
            while len(batch) < BATCH and not last:
                try:
                    more = self._jobs.get_nowait()
                except queue.Empty:
                    break
                if more is None:
                    last = True
                else:
                    batch.append(more)
            try:
                self._commit(batch)
            except Exception as error:  # noqa: BLE001 - the thread lives on, every caller is told
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
            if last:
                return

    def _commit(self, batch: list[_Job]) -> None:
        done: list[tuple[Future[Written[Any]], Any, list[tuple[_Entry, int]]]] = []
        failed: list[tuple[Future[Written[Any]], Exception]] = []
        with Session(self._engine, expire_on_commit=False) as session, session.begin():
            trees = {log: self._tree(session, log) for log in LOGS}
            start = {log: tree.size for log, tree in trees.items()}
            tx = Transaction(session, self._clock())
            added: dict[str, list[tuple[int, int, bytes]]] = {log: [] for log in LOGS}
            entries: list[dict[str, object]] = []
            for command, future in batch:
                try:
                    with session.begin_nested():
                        answer = command(tx)
                        session.flush()
                except Exception as error:  # noqa: BLE001 - it belongs to the caller
                    tx._take()
                    failed.append((future, error))
                    continue
                placed = []
                for entry in tx._take():
                    number = trees[entry.log].size
                    added[entry.log] += trees[entry.log].append(entry.record)
                    entries.append({"number": number, **entry.__dict__})
                    placed.append((entry, number))
                done.append((future, answer, placed))
            if entries:
                session.execute(insert(LedgerEntry), entries)
            notes: dict[str, str] = {}
            signed: dict[str, tuple[str, merkle.Checkpoint]] = {}
            for log, tree in trees.items():
                if added[log]:
                    rows = [
                        {"log": log, "level": level, "number": number, "hash": value}
                        for level, number, value in added[log]
                    ]
                    session.execute(insert(LedgerNode), rows)
                empty = tree.size == 0 and not self._has_checkpoint(session, log)
                if tree.size > start[log] or empty:
                    checkpoint = merkle.Checkpoint(self._origins[log], tree.size, tree.root())
                    notes[log] = merkle.sign_checkpoint(checkpoint, self._signers[log])
                    signed[log] = notes[log], checkpoint
                    session.add(
                        LogCheckpoint(log=log, size=tree.size, note=notes[log], created_at=tx.now)
                    )
            results = [
                (future, Written(answer, tuple(self._receipt(e, n, trees, notes) for e, n in made)))
                for future, answer, made in done
            ]
        for log, nodes in added.items():  # committed: from here on they are there to be read
            self._kept[log].update({(level, number): value for level, number, value in nodes})
        self._seen.update(signed)
        for log, note in notes.items():
            self._witness.remember(log, note)
        for future, result in results:
            future.set_result(result)
        for future, failure in failed:
            future.set_exception(failure)

    def _tree(self, session: Session, log: str) -> merkle.Tree:
        """The tree to append to, after comparing it with what was last seen outside."""
        tree = merkle.Tree(StoredNodes(session, log, self._kept[log]), log_size(session, log))
        note = self._witness.last(log)
        if note is not None:
            if self._seen.get(log, ("",))[0] != note:  # one check per note, not one per batch
                self._seen[log] = note, merkle.open_checkpoint(note, self._signers[log].public)
            seen = self._seen[log][1]
            if seen.size > tree.size:
                raise LedgerError(
                    f"{log} has {tree.size} entries, but {seen.size} were witnessed: a part was cut"
                    " off or an old database restored"
                )
            if tree.root(seen.size) != seen.root:
                raise LedgerError(f"{log} is not the log that was witnessed at {seen.size} entries")
        return tree

    @staticmethod
    def _has_checkpoint(session: Session, log: str) -> bool:
        found = select(LogCheckpoint.size).where(LogCheckpoint.log == log).limit(1)
        return session.scalar(found) is not None

    @staticmethod
    def _receipt(
        entry: _Entry, number: int, trees: Mapping[str, merkle.Tree], notes: Mapping[str, str]
    ) -> EntryReceipt:
        tree = trees[entry.log]
        proof = tuple(tree.inclusion_proof(number))
        return EntryReceipt(entry.log, entry.record, number, tree.size, proof, notes[entry.log])


def latest_note(session: Session, log: str) -> str:
    """The newest checkpoint of *log*."""
    newest = (
        select(LogCheckpoint.note)
        .where(LogCheckpoint.log == log)
        .order_by(LogCheckpoint.size.desc())
        .limit(1)
    )
    note = session.scalar(newest)
    if note is None:
        raise LedgerError(f"{log} has no checkpoint yet")
    return note
