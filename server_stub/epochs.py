"""Epochs of the registry: from time to time the history of every seal so far, as static files. A
client that is new, or was away for long, takes the shards of the seals it needs and the log from
there on (:mod:`crypto.seal.registry_files`). An epoch is read from the log's own entries, written
to files, and then put on record in the log: the signed checkpoint vouches for it from then on.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from crypto.algorithms import gm, merkle
from crypto.seal.registry_files import EPOCH_EVENT, Manifest, ShardInfo, encode_shard, shard_of
from crypto.seal.statement import IN_USE, SealChange
from server_stub import policy
from server_stub.context import Platform
from server_stub.records import canonical
from server_stub.records.ledger import REGISTRY, Transaction, log_size, stored_tree
from server_stub.records.store import LedgerEntry
from server_stub.records.vault import write_private

KEPT = 4
"""Epochs whose files stay; a client that began with an older one begins anew."""
_DAY = 86_400_000_000


def is_due(session: Session, days: int, now: int) -> bool:
    """Has something happened since the last epoch, and was that *days* ago? The first epoch comes
    that long after the first entry."""
    last = _latest(session)
    first = last.number if last else 0
    since = last.record if last else _record(session, 0)
    if since is None or log_size(session, REGISTRY) <= first + 1:
        return False
    began = canonical.parse_timestamp(json.loads(since)["recorded_at"])
    return now - began >= days * _DAY


def publish(platform: Platform) -> Manifest:
    """Write down an epoch now, whether it is due or not; on record when this returns."""
    log = platform.ledger.origin(REGISTRY)
    with platform.reading() as session:
        size = log_size(session, REGISTRY)
        tree = stored_tree(session, REGISTRY)
        edge = tuple(tree.node(*place) for place in merkle.edge_places(size))
        last = _latest(session)
        number = 1 + (json.loads(last.record)["epoch"] if last else 0)
        files = shards(_entries(session, size))
    infos = {
        name: ShardInfo(gm.sm3(data).hex(), len(data), count)
        for name, (data, count) in files.items()
    }
    made = Manifest(log, number, size, edge, canonical.timestamp(canonical.now()), infos)
    folder = _folder(platform, number)
    folder.mkdir(parents=True, exist_ok=True)
    for name, (data, _) in files.items():
        write_private(folder / name, data)
    write_private(folder / "manifest", made.encode())
    platform.ledger.write(_announce, made).result()
    _prune(platform, number)
    return made


def _announce(tx: Transaction, made: Manifest) -> None:
    last = _latest(tx.session)
    if last is not None and json.loads(last.record)["epoch"] >= made.epoch:
        raise RuntimeError("another process has published this epoch")
    fields = {
        "epoch": made.epoch,
        "size": made.size,
        "manifest_sm3": gm.sm3(made.encode()).hex(),
    }
    tx.record(REGISTRY, EPOCH_EVENT, fields, about=("epoch", f"{made.epoch:08d}"))


def shards(entries: Iterable[bytes]) -> dict[str, tuple[bytes, int]]:
    """The shards with the changes in *entries* of the log: name → (file, seals in it)."""
    found: dict[str, dict[str, list[SealChange]]] = {}
    for entry in entries:
        change = _change(entry)
        if change is not None:
            rows = found.setdefault(shard_of(change.seal_code), {})
            rows.setdefault(change.seal_code, []).append(change)
    found.pop("", None)  # no client would look for it
    return {name: (encode_shard(rows), len(rows)) for name, rows in sorted(found.items())}


def _change(entry: bytes) -> SealChange | None:
    """The change that an entry records, if its seal was in use before."""
    fields = json.loads(entry)
    if fields["type"] != "seal-event-v1" or fields["from"] not in IN_USE:
        return None
    return SealChange(
        fields["seal_code"],
        fields["to"],
        fields["reason"] or "",
        datetime.fromisoformat(fields["effective_at"]),
        datetime.fromisoformat(fields["recorded_at"]),
    )


def problems(session: Session, directory: Path) -> list[str]:
    """What is wrong with the published epochs below *directory* (the platform's), re-computed from
    the log's entries: the independent audit of what clients take instead of the log."""
    found = []
    rows = session.execute(
        select(LedgerEntry.number, LedgerEntry.record)
        .where(LedgerEntry.log == REGISTRY, LedgerEntry.object_kind == "epoch")
        .order_by(LedgerEntry.number)
    ).all()
    for _, record in rows:
        told = json.loads(record)
        folder = directory / "registry" / f"{told['epoch']:08d}"
        if not folder.exists():
            continue  # an old one
        try:
            data = (folder / "manifest").read_bytes()
            manifest = Manifest.parse(data)
            files = {name: (folder / name).read_bytes() for name in manifest.shards}
        except (OSError, ValueError) as error:
            found.append(f"epoch {told['epoch']}: {error}")
            continue
        own = {name: data for name, (data, _) in shards(_entries(session, told["size"])).items()}
        digests = {name: shard.sm3 for name, shard in manifest.shards.items()}
        if gm.sm3(data).hex() != told["manifest_sm3"]:
            found.append(f"epoch {told['epoch']}: the manifest is not the one on record")
        elif files != own or digests != {name: gm.sm3(d).hex() for name, d in own.items()}:
            found.append(f"epoch {told['epoch']}: its shards do not tell what the log tells")
    return found


# --- what was published --------------------------------------------------------------------------


def newest(platform: Platform) -> bytes:
    """The manifest of the newest epoch that is on record. Raises NotFound before the first."""
    with platform.reading() as session:
        last = _latest(session)
    if last is None:
        raise policy.NotFound
    return file(platform, json.loads(last.record)["epoch"], "manifest")


def file(platform: Platform, epoch: int, name: str) -> bytes:
    """A shard or the manifest of *epoch*. Raises NotFound."""
    if not re.fullmatch(r"manifest|[0-9]{6}-[0-9]{1,4}", name):
        raise policy.NotFound
    try:
        return (_folder(platform, epoch) / name).read_bytes()
    except OSError as error:
        raise policy.NotFound from error


def _folder(platform: Platform, epoch: int) -> Path:
    return platform.settings.directory / "registry" / f"{epoch:08d}"


def _prune(platform: Platform, newest_epoch: int) -> None:
    for epoch in range(max(1, newest_epoch - 2 * KEPT), newest_epoch - KEPT + 1):
        with contextlib.suppress(OSError):
            shutil.rmtree(_folder(platform, epoch))


def _latest(session: Session) -> LedgerEntry | None:
    return session.scalar(
        select(LedgerEntry)
        .where(LedgerEntry.log == REGISTRY, LedgerEntry.object_kind == "epoch")
        .order_by(LedgerEntry.object_id.desc())
        .limit(1)
    )


def _record(session: Session, number: int) -> bytes | None:
    chosen = select(LedgerEntry.record).where(
        LedgerEntry.log == REGISTRY, LedgerEntry.number == number
    )
    return session.scalar(chosen)


def _entries(session: Session, size: int) -> Iterator[bytes]:
    rows = session.execute(
        select(LedgerEntry.record)
        .where(LedgerEntry.log == REGISTRY, LedgerEntry.number < size)
        .order_by(LedgerEntry.number)
    )
    for (record,) in rows.yield_per(1000):
        yield record
