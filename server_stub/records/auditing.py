"""Independent audit (第二十四条): logs re-computed from the stored bytes, tables from the logs.

Uses the tables and :mod:`crypto.algorithms.merkle`, not the writer; so it also works on a log that
the writer refuses to touch.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from crypto.algorithms import gm, merkle
from crypto.frozen import frozen
from crypto.seal.registry_files import EPOCH_EVENT
from server_stub.records import blobs, canonical, intents, meanings
from server_stub.records.ledger import LEDGER, REGISTRY
from server_stub.records.projections import TAKEN_OVER, Projection
from server_stub.records.store import LedgerAudience, LedgerEntry, LedgerNode, LogCheckpoint
from server_stub.records.vault import Vault
from server_stub.records.witness import Witness, WitnessLost, compare


@frozen
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
    signature (*public*: X‖Y of the log's key) and root, that times never go back, and the witnessed
    checkpoint."""
    tree, damaged, problems = merkle.Tree(), [], []
    times: dict[int, int] = {}
    last = 0
    stored = {
        (level, number): value
        for level, number, value in session.execute(
            select(LedgerNode.level, LedgerNode.number, LedgerNode.hash).where(
                LedgerNode.log == log
            )
        )
    }
    nodes = len(stored)
    notes = session.execute(
        select(LogCheckpoint.size, LogCheckpoint.note, LogCheckpoint.created_at)
        .where(LogCheckpoint.log == log)
        .order_by(LogCheckpoint.size)
    ).all()
    ends = {size for size, _, _ in notes}
    computed = 0
    for number, record in _records(session, log):
        while tree.size < number:  # a gap: name each missing entry, keep the count
            damaged.append(tree.size)
            computed += len(tree.append(b""))
        for level, place, value in tree.append(record):
            computed += 1
            if stored.get((level, place)) == value:
                continue
            if level == 0:
                damaged.append(number)
                continue
            below = range(place << level, (place + 1) << level)
            if not any(d in below for d in damaged):
                problems.append(f"node ({level}, {place}) is not the hash of what is below it")
        at = _time(record)
        if at is None:
            problems.append(f"entry {number} cannot be read")
        elif at < last:
            problems.append(f"entry {number} is back-dated: it is older than the one before")
        last = max(last, at or 0)
        if number + 1 in ends:
            times[number + 1] = last
    if nodes != computed:
        problems.append(f"{nodes} nodes are stored for a tree that has {computed}")
    for size, note, created_at in notes:
        problems += _checkpoint_problems(f"checkpoint {size}", note, public, tree, size)
        if size in times and created_at != times[size]:
            problems.append(f"checkpoint {size}: created_at is not the time of its last entry")
    newest = notes[-1].note if notes else None
    if not notes or notes[-1].size != tree.size:
        problems.append("the newest entries have no checkpoint")
    problems += _witness_problems(log, tree, newest, witness, public)
    return AuditReport(log, tree.size, tuple(damaged), tuple(problems))


def _records(session: Session, log: str) -> Iterator[tuple[int, bytes]]:
    rows = session.execute(
        select(LedgerEntry.number, LedgerEntry.record)
        .where(LedgerEntry.log == log)
        .order_by(LedgerEntry.number)
    )
    return ((number, record) for number, record in rows.yield_per(1000))


def _time(record: bytes) -> int | None:
    try:
        return canonical.parse_timestamp(json.loads(record)["recorded_at"])
    except (ValueError, KeyError, TypeError):
        return None


def _witness_problems(
    log: str, tree: merkle.Tree, newest: str | None, witness: Witness, public: bytes
) -> list[str]:
    seen = witness.last(log)
    try:
        ahead = max((merkle.open_checkpoint(note, public).size for note in seen or ()), default=0)
        if ahead > tree.size and newest not in (seen or ()):
            left = f"{tree.size} are left: a tail was cut"
            return [f"the witnessed checkpoint is about {ahead} entries, {left}"]
    except merkle.MerkleError as error:
        return [f"the witnessed checkpoint: {error}"]
    try:
        compare(log, tree, newest, seen, public)
    except (WitnessLost, merkle.MerkleError) as error:
        return [str(error)]
    found = []
    for note in seen or ():
        checkpoint = merkle.open_checkpoint(note, public)
        if checkpoint.size <= tree.size and tree.root(checkpoint.size) != checkpoint.root:
            found.append(f"the witnessed checkpoint {checkpoint.size} has another root")
    return found


def _checkpoint_problems(
    what: str, note: str, public: bytes, tree: merkle.Tree, size: int
) -> list[str]:
    try:
        checkpoint = merkle.open_checkpoint(note, public)
    except merkle.MerkleError as error:
        return [f"{what}: {error}"]
    if checkpoint.size != size:
        return [f"{what} is about {checkpoint.size} entries"]
    if checkpoint.size > tree.size:
        return [f"{what} is about {checkpoint.size} entries, {tree.size} are left: a tail was cut"]
    if tree.root(checkpoint.size) != checkpoint.root:
        return [f"{what} has another root than the entries"]
    return []


# --- tables ------------------------------------------------------------------------------------


def table_problems(session: Session, vault: Vault | None = None) -> list[str]:
    """Everything in which the tables are not what the ledger says: every column of every projected
    table, what finds entries again, what was signed, blobs (opened with the *vault*), and the
    public log against the private one."""
    projection, found, seen_before = Projection(), [], {REGISTRY: 0, LEDGER: 0}
    index, elsewhere, agreements = _index(session, LEDGER), [], set[str | None]()
    for number, record in _records(session, LEDGER):
        try:
            told = json.loads(record)
        except ValueError:
            continue  # named as damaged by the audit of the log
        if told.get("type") == TAKEN_OVER and "entries" in told:
            seen_before = told["entries"]
            found += _index_problems(session, told)
        projection.apply(number, told)
        found += _signed_problems(number, told, projection)
        agreed = (told.get("agreed") or {}).get("text")
        if agreed in agreements:
            found.append(f"entry {number}: what a second person agreed to was used before")
        agreements |= {agreed} - {None}
        by = told.get("by") or {}
        said = (
            *(told.get("about") or (None, None)),
            by.get("person") or by.get("account"),
            tuple(told.get("audience", ())),
        )
        if index.pop(number, None) != said:
            elsewhere.append(number)
    found += [
        f"ledger_entry ledger {number}: it is filed under something else"
        for number in elsewhere
        if number >= seen_before[LEDGER]  # those before do not say it themselves
    ]
    found += projection.problems
    found += projection.differences(session)
    found += _audience_problems(session)
    found += _registry_problems(session, projection, seen_before[REGISTRY])
    found += blobs.problems(session, vault)
    return found


def _signed_problems(number: int, told: Mapping[str, Any], projection: Projection) -> list[str]:
    def certificate(serial: str) -> bytes | None:
        row = projection.values("certificate", serial)
        return base64.b64decode(row["der"]) if row else None

    wrong = []
    if (intent := told.get("intent")) is not None:
        unsigned = intents.problem(intent, certificate)
        wrong.append(unsigned or meanings.problem(intent["text"], told))
    if (agreed := told.get("agreed")) is not None:
        unsigned = intents.problem(agreed, certificate)
        wrong.append(unsigned or meanings.agreement_problem(agreed["text"], told))
        if not unsigned and not _by_a_reviewer(agreed["certificate"], projection):
            wrong.append("who agreed is no reviewer")
    if (said := told.get("by_phone")) is not None:
        at = canonical.moment(canonical.parse_timestamp(told["recorded_at"]))
        wrong.append(intents.phone_problem(said, at, certificate))
    return [f"entry {number}: {problem}" for problem in wrong if problem]


Filed = tuple[str | None, str | None, str | None, tuple[str, ...]]
"""(object kind, object id, who did it, audience) of an entry"""


def _by_a_reviewer(serial: str, projection: Projection) -> bool:
    held = projection.values("certificate", serial) or {}
    staff = projection.values("staff", held.get("staff_id")) or {}
    return staff.get("role") == "reviewer"


def _index(session: Session, log: str) -> dict[int, Filed]:
    heard: dict[int, list[str]] = {}
    chosen = select(LedgerAudience).where(LedgerAudience.log == log)
    for row in session.scalars(chosen.order_by(LedgerAudience.number, LedgerAudience.audience)):
        heard.setdefault(row.number, []).append(row.audience)
    rows = session.execute(
        select(
            LedgerEntry.number,
            LedgerEntry.object_kind,
            LedgerEntry.object_id,
            LedgerEntry.done_by,
        )
        .where(LedgerEntry.log == log)
        .order_by(LedgerEntry.number)
    )
    return {n: (kind, identity, by, tuple(heard.get(n, ()))) for n, kind, identity, by in rows}


def index_digest(session: Session, log: str, size: int) -> str:
    """SM3, hex, of what the first *size* entries of *log* are filed under: of entries that do not
    say it themselves."""
    lines = [
        json.dumps([number, kind, identity, heard], ensure_ascii=False)
        for number, (kind, identity, _, heard) in sorted(_index(session, log).items())
        if number < size
    ]
    return gm.sm3("\n".join(lines).encode()).hex()


def _index_problems(session: Session, told: Mapping[str, Any]) -> list[str]:
    return [
        f"ledger_entry {log}: entries before {size} are filed under something else"
        for log, size in told["entries"].items()
        if index_digest(session, log, size) != told["index_sm3"][log]
    ]


def _audience_problems(session: Session) -> Iterator[str]:
    """Audience of entries that do not exist: whoever it names would be shown a later one."""
    rows = session.execute(
        select(LedgerAudience.log, LedgerAudience.number)
        .outerjoin(
            LedgerEntry,
            (LedgerEntry.log == LedgerAudience.log) & (LedgerEntry.number == LedgerAudience.number),
        )
        .where(LedgerEntry.log.is_(None))
    )
    for log, number in rows:
        yield f"ledger_audience {log} {number}: there is no such entry"


def _registry_problems(session: Session, projection: Projection, before: int) -> Iterator[str]:
    """The public log must tell exactly the changes that the private one tells."""
    index = _index(session, REGISTRY)
    seals = {row.values["seal_code"]: key[0] for (t, key), row in _rows(projection, "seal")}
    codes = {identity: code for code, identity in seals.items()}
    told: dict[str, list[tuple[Any, ...]]] = {}
    for number, record in _records(session, REGISTRY):
        try:
            said = json.loads(record)
        except ValueError:
            continue
        if said.get("type") == "seal-event-v1":
            seal = seals.get(said["seal_code"])
            told.setdefault(seal or said["seal_code"], []).append(
                (
                    *(said[name] for name in ("event", "from", "to", "reason")),
                    said.get("successor"),
                    canonical.parse_timestamp(said["effective_at"]),
                    canonical.parse_timestamp(said["recorded_at"]),
                )
            )
            filed: Filed = ("seal", seal, None, ())
        elif said.get("type") == EPOCH_EVENT:
            filed = ("epoch", f"{said['epoch']:08d}", None, ())
        else:
            filed = (None, None, None, ())
        if number >= before and index[number] != filed:
            yield f"ledger_entry registry {number}: it is filed under something else"
    changes: dict[str, list[tuple[Any, ...]]] = {}
    for (_, key), row in sorted(_rows(projection, "seal_change"), key=lambda item: item[0]):
        names = ("event", "from_state", "to_state", "reason")
        times = (row.values["effective_at"], row.values["recorded_at"])
        after = None
        if row.values["event"] == "replace":
            replaced = projection.values("seal", key[0]) or {}
            after = codes.get(replaced.get("successor_id"))
        told_here = (*(row.values[name] for name in names), after, *times)
        changes.setdefault(key[0], []).append(told_here)
    for seal in sorted(told.keys() | changes.keys()):
        if told.get(seal) != changes.get(seal):
            yield f"seal {seal}: the registry tells another history than the ledger"


def _rows(projection: Projection, table: str) -> list[tuple[tuple[str, tuple[Any, ...]], Any]]:
    return [(place, row) for place, row in projection.rows.items() if place[0] == table]
