"""The one writer, and the two tamper-evident logs it feeds (第十八条、第二十四条).

Whatever changes the platform's state is a *command*: a function ``command(tx, …)`` handed to
:meth:`Ledger.write`. One thread takes up to :data:`BATCH` of them into one database transaction,
each in its own savepoint, appends the records they made as Merkle leaves, signs **one** checkpoint
per log, commits, and only then answers every caller with receipts. So a receipt is never handed out
for something that could be lost, and the log cannot fork: the writer begins IMMEDIATE (or holds
PostgreSQL's advisory lock) and reads the log's size from the database in that same transaction.

Two logs: ``registry`` — public, seal status events only — and ``ledger`` — private, everything:
each of its records says who did it, whom it is about, and which rows of the tables it changed
(:mod:`server_stub.records.projections`).
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Concatenate, Generic, NamedTuple, ParamSpec, Protocol, TypeVar, cast

from sqlalchemy import Engine, bindparam, func, insert, select
from sqlalchemy.orm import Session

from crypto.algorithms import merkle
from crypto.frozen import frozen
from server_stub.policy import PLATFORM, Who
from server_stub.records import canonical, projections
from server_stub.records.store import (
    UNSYNCED,
    WRITER,
    LedgerAudience,
    LedgerEntry,
    LedgerNode,
    LogCheckpoint,
)
from server_stub.records.witness import Witness, WitnessLost, compare

BATCH = 128
REGISTRY, LEDGER = "registry", "ledger"
LOGS = (REGISTRY, LEDGER)

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


CLOCK_SLACK = 300 * 1_000_000
"""Microseconds by which the clock may go back; times in the logs never do."""


class LedgerError(Exception):
    """Nothing may be appended: the stored log contradicts what was already handed out."""


@frozen
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


@frozen
class Written(Generic[Answer]):
    """What a command answered, with a receipt for each record it made, in order."""

    answer: Answer
    receipts: tuple[EntryReceipt, ...]


@frozen
class _Entry:
    log: str
    record: bytes
    object_kind: str | None
    object_id: str | None
    done_by: str | None
    audience: tuple[str, ...]


@dataclass
class Transaction:
    """What a command works with."""

    session: Session
    now: int
    """The one time of this batch: `recorded_at` of all it records, microseconds."""
    by: Who = PLATFORM
    """On whose behalf: a command for somebody says so first (:meth:`act`)."""

    _entries: list[_Entry] = field(default_factory=list)

    def act(self, who: Who) -> None:
        """What follows in this command is done by *who*."""
        self.by = who

    def record(
        self,
        log: str,
        type_: str,
        fields: Mapping[str, object],
        *,
        about: tuple[str, str] | None = None,
        audience: Sequence[str | None] = (),
        named: bool = True,
    ) -> None:
        """Put a record into *log*. *about*: the (kind, id) it changes; *audience*: the enterprises
        and persons who get it when they sync. What changed in the rows of *about* goes with it.
        *named*: does it say that, and who did it? Not where it is shown to strangers."""
        body = {**fields, "type": type_, "recorded_at": canonical.timestamp(self.now)}
        heard = tuple(sorted({each for each in audience if each is not None}))
        if log == LEDGER:
            if named:
                by = {"account": self.by.account, "person": self.by.person}
                body["by"] = {**by, "certificate": self.by.certificate}
            if heard:
                body["audience"] = list(heard)
            if about is not None:
                body["about"] = list(about)
            if about is not None and named:
                self.session.flush()
                rows = projections.taken(self.session, about)
                if rows:
                    body["rows"] = rows
        kind, identity = about or (None, None)
        done_by = (self.by.person or self.by.account) if "by" in body else None
        self._entries.append(_Entry(log, canonical.canonical(body), kind, identity, done_by, heard))

    def put_on_record(self, row: object) -> None:
        """Have the next record repeat all of *row*, which the ledger does not know yet."""
        projections.put_on_record(self.session, row)

    def _take(self) -> list[_Entry]:
        """The command is done: its entries, one more for rows that none of them carries."""
        self.session.flush()
        rows = projections.taken(self.session)
        if rows:
            self.record(LEDGER, "rows-v1", {"rows": rows})
        taken, self._entries, self.by = self._entries, [], PLATFORM
        return taken

    def _forget(self) -> None:
        """The command failed."""
        projections.forget(self.session)
        self._entries, self.by = [], PLATFORM


class LogSigner(merkle.NoteKey, Protocol):
    """The key of a log."""


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
    number = session.connection().scalar(_SIZE, {"of": log})
    return 0 if number is None else number + 1


def stored_tree(session: Session, log: str) -> merkle.Tree:
    """The tree of *log* as stored, for proofs."""
    return merkle.Tree(StoredNodes(session, log, {}), log_size(session, log))


# What every batch asks is put together once: that takes as long as to ask it.
_SIZE = select(func.max(LedgerEntry.number)).where(LedgerEntry.log == bindparam("of"))
_NEWEST = (
    select(LogCheckpoint.note, LogCheckpoint.created_at)
    .where(LogCheckpoint.log == bindparam("of"))
    .order_by(LogCheckpoint.size.desc())
    .limit(1)
)


class _Newest(NamedTuple):
    """The newest checkpoint of a log."""

    note: str
    created_at: int


class _Job(NamedTuple):
    command: Callable[[Transaction], Any]
    future: Future[Written[Any]]
    durable: bool = True


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
        self._unsynced = engine.execution_options(**WRITER, **UNSYNCED)
        self._origins, self._signers, self._witness = origins, signers, witness
        self._clock = clock
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._kept: dict[str, dict[tuple[int, int], bytes]] = {log: {} for log in LOGS}
        self._seen: dict[str, str] = {}
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
        self._closing = threading.Lock()
        self._stopped = True

    def origin(self, log: str) -> str:
        """The name under which *log*'s checkpoints are signed."""
        return self._origins[log]

    def start(self, accept_lost_witness: str = "") -> None:
        """Begin to write; signs a checkpoint for logs that have none yet.

        Raises :class:`LedgerError` if a log is shorter or other than what was witnessed, or the
        witness was lost or put back to an older state — unless *accept_lost_witness* says why it is
        to begin anew, which goes on record."""
        try:
            self._commit([])
        except WitnessLost as error:
            if not accept_lost_witness:
                raise LedgerError(str(error)) from error
            again = _Job(_accepting(accept_lost_witness, str(error)), Future())
            self._commit([again], accept=True)
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
        return self._hand_in(lambda tx: command(tx, *args, **kwargs), durable=True)

    def write_unsynced(
        self,
        command: Callable[Concatenate[Transaction, Arguments], Answer],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Future[Written[Answer]]:
        """As :meth:`write`, without waiting for the disk: for what may be gone when the machine has
        lost its power, and what makes no record."""
        return self._hand_in(lambda tx: command(tx, *args, **kwargs), durable=False)

    def _hand_in(
        self, command: Callable[[Transaction], Answer], *, durable: bool
    ) -> Future[Written[Answer]]:
        future: Future[Written[Any]] = Future()
        with self._closing:
            if self._stopped:
                raise LedgerError("the ledger is not open for writing")
            self._jobs.put(_Job(command, future, durable))
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
                for each in batch:
                    if not each.future.done():
                        each.future.set_exception(error)
            if last:
                return

    def _commit(self, batch: list[_Job], *, accept: bool = False) -> None:
        done: list[tuple[Future[Written[Any]], Any, list[tuple[_Entry, int]]]] = []
        failed: list[tuple[Future[Written[Any]], Exception]] = []
        durable = not batch or any(each.durable for each in batch)
        engine = self._engine if durable else self._unsynced
        with (
            projections.WriterSession(engine, expire_on_commit=False) as session,
            session.begin(),
        ):
            newest = {log: _newest(session, log) for log in LOGS}
            trees = {log: self._tree(session, log, newest[log], accept=accept) for log in LOGS}
            start = {log: tree.size for log, tree in trees.items()}
            tx = Transaction(session, self._time(newest.values()))
            added: dict[str, list[tuple[int, int, bytes]]] = {log: [] for log in LOGS}
            entries: list[dict[str, object]] = []
            audience: list[dict[str, object]] = []
            for command, future, to_keep in batch:
                try:
                    with session.begin_nested():
                        answer = command(tx)
                        taken = tx._take()
                        if taken and not to_keep:
                            raise LedgerError("a record waits for the disk")
                except Exception as error:  # noqa: BLE001 - it belongs to the caller
                    tx._forget()
                    failed.append((future, error))
                    continue
                placed = []
                for entry in taken:
                    number = trees[entry.log].size
                    added[entry.log] += trees[entry.log].append(entry.record)
                    row = {"number": number, **entry.__dict__}
                    place = {"log": entry.log, "number": number}
                    audience += [{**place, "audience": each} for each in row.pop("audience")]
                    entries.append(row)
                    placed.append((entry, number))
                done.append((future, answer, placed))
            for table, rows in ((LedgerEntry, entries), (LedgerAudience, audience)):
                if rows:
                    session.execute(insert(table), rows)
            notes: dict[str, str] = {}
            for log, tree in trees.items():
                if added[log]:
                    nodes = [
                        {"log": log, "level": level, "number": number, "hash": value}
                        for level, number, value in added[log]
                    ]
                    session.execute(insert(LedgerNode), nodes)
                if tree.size > start[log] or newest[log] is None or accept:
                    checkpoint = merkle.Checkpoint(self._origins[log], tree.size, tree.root())
                    notes[log] = merkle.sign_checkpoint(checkpoint, self._signers[log])
                    if tree.size > start[log] or newest[log] is None:
                        session.add(
                            LogCheckpoint(
                                log=log, size=tree.size, note=notes[log], created_at=tx.now
                            )
                        )
                    else:  # the witness begins anew with what is there
                        notes[log] = newest[log].note  # type: ignore[union-attr]
            results = [
                (future, Written(answer, tuple(self._receipt(e, n, trees, notes) for e, n in made)))
                for future, answer, made in done
            ]
            session.flush()
            for log, note in notes.items():  # before the commit: it may be ahead, never behind
                last = newest[log]
                self._witness.remember(log, last.note if last else None, note)
        for log, made_nodes in added.items():  # committed: from here on they are there to be read
            self._kept[log].update({(level, number): value for level, number, value in made_nodes})
        self._seen.update(notes)
        for future, result in results:
            future.set_result(result)
        for future, failure in failed:
            future.set_exception(failure)

    def _time(self, newest: Iterable[_Newest | None]) -> int:
        """The time of a batch: times in the logs never go back."""
        now = self._clock()
        last = max((each.created_at for each in newest if each is not None), default=0)
        if last - now > CLOCK_SLACK:
            raise LedgerError(
                f"the clock says {canonical.timestamp(now)}, but there are records of"
                f" {canonical.timestamp(last)}"
            )
        return max(now, last)

    def _tree(
        self, session: Session, log: str, newest: _Newest | None, *, accept: bool
    ) -> merkle.Tree:
        """The tree to append to, after comparing it with its checkpoint and with what was last seen
        outside."""
        tree = merkle.Tree(StoredNodes(session, log, self._kept[log]), log_size(session, log))
        public = self._signers[log].public
        try:
            compare(log, tree, newest.note if newest else None, self._witness.last(log), public)
        except WitnessLost:
            if not accept:
                raise
        except merkle.MerkleError as error:
            raise LedgerError(str(error)) from error
        if newest is not None and self._seen.get(log) != newest.note:  # one check per note
            self._agree(log, tree, newest.note)
            self._seen[log] = newest.note
        return tree

    def _agree(self, log: str, tree: merkle.Tree, note: str) -> None:
        try:
            checkpoint = merkle.open_checkpoint(note, self._signers[log].public)
        except merkle.MerkleError as error:
            raise LedgerError(f"the newest checkpoint of {log}: {error}") from error
        if (checkpoint.size, checkpoint.root) != (tree.size, tree.root()):
            raise LedgerError(f"{log} is not what its newest checkpoint says")

    @staticmethod
    def _receipt(
        entry: _Entry, number: int, trees: Mapping[str, merkle.Tree], notes: Mapping[str, str]
    ) -> EntryReceipt:
        tree = trees[entry.log]
        proof = tuple(tree.inclusion_proof(number))
        return EntryReceipt(entry.log, entry.record, number, tree.size, proof, notes[entry.log])


def _accepting(reason: str, found: str) -> Callable[[Transaction], None]:
    def command(tx: Transaction) -> None:
        tx.record(LEDGER, "witness-lost-v1", {"found": found, "reason": reason})

    return command


def _newest(session: Session, log: str) -> _Newest | None:
    row = session.connection().execute(_NEWEST, {"of": log}).first()
    return None if row is None else _Newest(*row)


def latest_note(session: Session, log: str) -> str:
    """The newest checkpoint of *log*."""
    newest = _newest(session, log)
    if newest is None:
        raise LedgerError(f"{log} has no checkpoint yet")
    return newest.note
