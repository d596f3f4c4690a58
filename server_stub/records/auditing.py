"""Independent audit of a log (第二十四条): everything re-computed from the stored bytes.

Uses the tables and :mod:`crypto.algorithms.merkle`, not the writer; so it also works on a log that
the writer refuses to touch.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from crypto.algorithms import merkle
from server_stub.records.ledger import Witness
from server_stub.records.store import LedgerEntry, LedgerNode, LogCheckpoint


@dataclass(frozen=True)
class AuditReport:
    """What re-computing a whole log from its stored bytes showed."""

    log: str
    size: int
    damaged: tuple[int, ...]
    """Indices of entries that are missing or whose bytes are not those that were hashed."""
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return not self.damaged and not self.problems


def audit(session: Session, log: str, public: bytes, witness: Witness) -> AuditReport:
    """Verify *log* from the stored record bytes: every leaf, every inner node, every checkpoint's
    signature (*public*: X‖Y of the log's key) and root, and the witnessed checkpoint."""
    tree, damaged, problems = merkle.Tree(), [], []
    stored = {
        (level, number): value
        for level, number, value in session.execute(
            select(LedgerNode.level, LedgerNode.number, LedgerNode.hash).where(
                LedgerNode.log == log
            )
        )
    }
    nodes = len(stored)
    rows = session.execute(
        select(LedgerEntry.number, LedgerEntry.record)
        .where(LedgerEntry.log == log)
        .order_by(LedgerEntry.number)
    )
    computed = 0
    for number, record in rows.yield_per(1000):
        while tree.size < number:  # a gap: name each missing entry, keep the count
            damaged.append(tree.size)
            computed += len(tree.append(b""))
        if stored.get((0, number)) != merkle.leaf_hash(record):
            damaged.append(number)
        for level, place, value in tree.append(record):
            computed += 1
            below = range(place << level, (place + 1) << level)
            if stored.get((level, place)) != value and not any(d in below for d in damaged):
                problems.append(f"node ({level}, {place}) is not the hash of what is below it")
    if nodes != computed:
        problems.append(f"{nodes} nodes are stored for a tree that has {computed}")
    notes = session.execute(
        select(LogCheckpoint.size, LogCheckpoint.note)
        .where(LogCheckpoint.log == log)
        .order_by(LogCheckpoint.size)
    ).all()
    for size, note in notes:
        problems += _checkpoint_problems(f"checkpoint {size}", note, public, tree, size)
    if not notes or notes[-1][0] != tree.size:
        problems.append("the newest entries have no checkpoint")
    seen = witness.last(log)
    if seen is not None:
        problems += _checkpoint_problems("the witnessed checkpoint", seen, public, tree)
    return AuditReport(log, tree.size, tuple(damaged), tuple(problems))


def _checkpoint_problems(
    what: str, note: str, public: bytes, tree: merkle.Tree, size: int | None = None
) -> list[str]:
    try:
        checkpoint = merkle.open_checkpoint(note, public)
    except merkle.MerkleError as error:
        return [f"{what}: {error}"]
    if size is not None and checkpoint.size != size:
        return [f"{what} is about {checkpoint.size} entries"]
    if checkpoint.size > tree.size:
        return [f"{what} is about {checkpoint.size} entries, {tree.size} are left: a tail was cut"]
    if tree.root(checkpoint.size) != checkpoint.root:
        return [f"{what} has another root than the entries"]
    return []
