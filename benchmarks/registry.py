"""How much a city's registry costs a client, beside the figures of the design.

    .venv/bin/python benchmarks/registry.py [--seals 200000] [--years 5]

A simulated city: so many seals, so many years, 12 % cancelled and 0.5 % suspended (and mostly
resumed) a year. The log's entries are those the platform writes, tiles and shards those it serves,
and the client is the real one; only HTTP is left out. Times are the processor's, sizes bytes on
the wire (tiles with gzip). The design's figures: 65,536 seals in a shard, five years, entries of
30 bytes in place of JSON, nothing encrypted at the client.
"""

import argparse
import gzip
import json
import random
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from app.remote import registry
from app.store.cabinet import Cabinet
from crypto.algorithms import merkle
from crypto.algorithms.gm import sm3
from crypto.seal.registry_files import (
    EPOCH_EVENT,
    TILE,
    Manifest,
    ShardInfo,
    decode_shard,
    pack_entries,
)
from server_stub import epochs
from server_stub.records import canonical

START = datetime(2022, 1, 1, tzinfo=UTC)
REGIONS = ("321302", "321311", "321322", "321323", "321324")
REASONS = ("holder_request", "name_changed", "replaced", "lost", "enterprise_deregistered")
DESIGN = {
    "shard, raw": 140_000,
    "per changed seal, raw": 4.4,
    "feed, bytes per event": 30,
    "day's events checked, ms per 1,036": 3.1,
}


def city(seals: int, years: float) -> Iterator[bytes]:
    """The entries of the log, oldest first."""
    chance = random.Random(1)
    span = timedelta(days=365 * years)
    events = []
    counters = dict.fromkeys(REGIONS, 0)
    for _ in range(seals):
        region = chance.choice(REGIONS)
        counters[region] += 1
        code = f"{region}{counters[region]:08d}"
        made = START + span * (counters[region] * len(REGIONS) / seals) * 0.2
        events += [(made, code, "make", "", "made", None)]
        events += [(made + timedelta(hours=5), code, "collect", "made", "active", None)]
        left = (START + span - made) / timedelta(days=365)
        if chance.random() < 0.005 * left:
            at = made + timedelta(days=1) + (START + span - made) * chance.random() * 0.9
            events.append((at, code, "suspend", "active", "suspended", "holder_request"))
            if chance.random() < 0.8:
                later = at + timedelta(days=3 * chance.random())
                events.append((later, code, "resume", "suspended", "active", None))
        elif chance.random() < 1 - 0.88**left:
            at = made + timedelta(days=1) + (START + span - made) * chance.random() * 0.99
            events.append((at, code, "cancel", "active", "cancelled", chance.choice(REASONS)))
    events.sort()
    for at, code, event, before, after, reason in events:
        micros = canonical.microseconds(at) + chance.randrange(1_000_000)
        yield canonical.canonical(
            {
                "seal_code": code,
                "es_id": code,
                "event": event,
                "from": before,
                "to": after,
                "reason": reason,
                "effective_at": canonical.timestamp(micros),
                "type": "seal-event-v1",
                "recorded_at": canonical.timestamp(micros),
            }
        )


class Served:
    """The platform's static files in memory, and how much of them went over the wire."""

    origin, log = "https://city", "city/registry"

    def __init__(self, entries: list[bytes]) -> None:
        self.entries, self.tree, self.sent = entries, merkle.Tree(), 0
        for each in entries:
            self.tree.append(each)
        self.manifest, self.shards, self.tiles = b"", {}, []

    def publish(self, size: int) -> float:
        """An epoch of the first *size* entries; seconds it took the processor."""
        began = time.process_time()
        files = epochs.shards(self.entries[:size])
        infos = {n: ShardInfo(sm3(d).hex(), len(d), c) for n, (d, c) in files.items()}
        edge = tuple(self.tree.node(*place) for place in merkle.edge_places(size))
        self.manifest = Manifest(self.log, 1, size, edge, "2026-11-25T00:00:00Z", infos).encode()
        took = time.process_time() - began
        self.shards = {name: data for name, (data, _) in files.items()}
        note = {"type": EPOCH_EVENT, "epoch": 1, "manifest_sm3": sm3(self.manifest).hex()}
        self.entries.insert(size, json.dumps(note).encode())
        self.tree = merkle.Tree()
        for each in self.entries:
            self.tree.append(each)
        return took

    def registry_checkpoint(self) -> merkle.Checkpoint:
        self.sent += 219
        return merkle.Checkpoint(self.log, self.tree.size, self.tree.root())

    def registry_tile(self, index: int, width: int) -> list[bytes]:
        found = self.entries[index * TILE : index * TILE + width]
        self.tiles.append(found)
        return found

    def weigh(self) -> int:
        """Bytes on the wire since the last time; compressing is the platform's time, not ours."""
        self.sent += sum(len(gzip.compress(pack_entries(each), 6)) for each in self.tiles)
        total, self.sent, self.tiles = self.sent, 0, []
        return total

    def registry_epoch(self) -> bytes:
        self.sent += len(self.manifest)
        return self.manifest

    def registry_shard(self, epoch: int, name: str) -> bytes:
        self.sent += len(self.shards[name])
        return self.shards[name]


def visit(
    served: Served, cabinet: Cabinet, code: str = "", **how: object
) -> tuple[int, float, int]:
    """(entries read, seconds of the processor, bytes sent) of one visit."""
    began = time.process_time()
    read = registry.follow(served, cabinet, **how)
    if code:
        registry.look_up(served, cabinet, [code])
    return read, time.process_time() - began, served.weigh()


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seals", type=int, default=200_000)
    options.add_argument("--years", type=float, default=5)
    chosen = options.parse_args()
    entries = list(city(chosen.seals, chosen.years))
    last = json.loads(entries[-1])["recorded_at"]
    week = canonical.timestamp(canonical.parse_timestamp(last) - 7 * 86_400_000_000)
    size = next(n for n, e in enumerate(entries) if json.loads(e)["recorded_at"] > week)
    print(
        f"{chosen.seals:,} seals, {chosen.years:g} years: {len(entries):,} entries, "
        f"{sum(map(len, entries)) / 1e6:,.1f} MB of text; {len(entries) - size} in the last week"
    )
    served = Served(entries)
    took = served.publish(size)
    manifest = Manifest.parse(served.manifest)
    changed = sum(each.seals for each in manifest.shards.values())
    raw = sum(each.size for each in manifest.shards.values())
    name, largest = max(manifest.shards.items(), key=lambda each: each[1].size)
    print(
        f"epoch: {took:.1f} s, {len(manifest.shards)} shards with {changed:,} changed seals,"
        f" {raw:,} bytes; manifest {len(served.manifest):,}"
    )
    began = time.process_time()
    decode_shard(served.shards[name], name)
    decoded = time.process_time() - began
    code = next(iter(decode_shard(served.shards[name], name)))
    new, whole = Cabinet.in_memory(), Cabinet.in_memory()
    by_epoch = visit(served, new, code, far=0)
    by_log = visit(served, whole, far=1 << 40)
    for number in range(1036):
        text = entries[size - 1 - number]
        served.entries.append(text)
        served.tree.append(text)
    daily = visit(served, new)
    for text, (read, seconds, sent) in (
        ("new desk, by the epoch and one shard", by_epoch),
        ("new desk, by the whole log", by_log),
        ("1,036 new events", daily),
    ):
        print(f"{text}: {read:,} entries, {sent:,} bytes, {seconds * 1000:,.1f} ms")
    figures = {
        "shard, raw": largest.size * 65_536 / min(65_536, chosen.seals / len(REGIONS)),
        "per changed seal, raw": raw / changed,
        "feed, bytes per event": daily[2] / 1036,
        "day's events checked, ms per 1,036": daily[1] * 1000,
    }
    print(
        f"largest shard: {largest.size:,} bytes, {largest.seals:,} changed seals,"
        f" decoded in {decoded * 1000:.0f} ms"
    )
    for text, value in figures.items():
        print(f"{text}: {value:,.1f}, the design {DESIGN[text]:,.1f}: × {value / DESIGN[text]:.2f}")
    print(
        f"new desk: × {by_log[2] / by_epoch[2]:,.0f} less to load,"
        f" × {by_log[1] / by_epoch[1]:,.0f} less time than by the whole log"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
