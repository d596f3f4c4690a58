"""A registry as static files: tiles of entries and hashes, and the shards of an epoch.

Platform and client share this. Everything here is immutable and proves itself against a signed
checkpoint (:mod:`crypto.algorithms.merkle`), so that any cache or CDN may serve it.

*Tiles* have the layout of C2SP's *tlog-tiles*: 256 entries, or 256 hashes of one level, each; a
tile that is not full yet has its width in its name (``x001/067.p/5``).

*Shards* (docs/design/platform.md §3) spare a client the log from its beginning. From time to time —
an epoch — the platform writes down what became of every seal so far, in one file for each 65,536
seal codes, and puts the digest of the epoch's manifest into the log. A seal's shard follows from
its 14-digit code, which the maker has signed with the seal. Shard, before zlib; numbers are LEB128,
columns follow one another::

    reasons   count, then each as length and UTF-8
    seals     count, then for each the gap from the seal code before
    changes   for each seal how many
    kinds     for each change  reason × 5 + state
    times     for each change  seconds from the effective time before it, zigzag
    lags      for each change  seconds from effective to recorded, zigzag
    micros    for each change to "active"  microseconds of its effective and of its recorded time

Other changes have whole seconds, effective rounded down and recorded up, so that a seal
never counts as in force a moment too long; when one came into force again is exact.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from crypto.algorithms import merkle
from crypto.frozen import frozen
from crypto.seal.statement import STATES, SealChange

TILE = 256
"""Entries or hashes in a full tile."""
SHARD = 65_536
"""Seal codes in a shard."""
EPOCH_EVENT = "registry-epoch-v1"
"""Type of the log entry that holds a manifest's digest."""
FORMAT = "sealdesk-epoch/1"
MAX_FILE = 8 * 1024 * 1024
"""Bytes of a manifest or a compressed shard; real ones have some 100,000."""
_MAX_SHARD = 32 * 1024 * 1024
_MAX_CHANGES = 1_000_000
_SHARD_HEAD = b"SEALDESK-SHARD-V1\n"
_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_TILE_NAME = re.compile(r"((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")
_MAX_ENTRY = 0xFFFF
_NOT_A_MANIFEST = (
    *(ValueError, KeyError, TypeError, AttributeError),
    *(OverflowError, RecursionError),  # 1e999 as a number, brackets by the thousand
)


class RegistryFileError(ValueError):
    """A file of a registry is malformed."""


# --- tiles -------------------------------------------------------------------------------------


def tile_name(index: int, width: int = TILE) -> str:
    """``x001/x234/067`` for tile 1,234,067; with ``.p/5`` if it has only five of 256."""
    groups = [f"{index % 1000:03d}"]
    while index := index // 1000:
        groups.insert(0, f"x{index % 1000:03d}")
    return "/".join(groups) + ("" if width == TILE else f".p/{width}")


def parse_tile_name(name: str) -> tuple[int, int]:
    """(index, width). Raises :class:`RegistryFileError` for any other spelling."""
    found = _TILE_NAME.fullmatch(name)
    if found is None or len(name) > 40:
        raise RegistryFileError("not the name of a tile")
    index, width = int(found[1].replace("x", "").replace("/", "")), int(found[2] or TILE)
    if tile_name(index, width) != name:
        raise RegistryFileError("not the one name of that tile")
    return index, width


def pack_entries(entries: Iterable[bytes]) -> bytes:
    """A tile of entries: each after its length in two bytes. Raises ValueError above 65,535."""
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in _short(entries))


def _short(entries: Iterable[bytes]) -> Iterator[bytes]:
    for entry in entries:
        if len(entry) > _MAX_ENTRY:
            raise ValueError("an entry is too long for a tile")
        yield entry


def unpack_entries(data: bytes) -> list[bytes]:
    """The entries of a tile. Raises :class:`RegistryFileError`."""
    found: list[bytes] = []
    at = 0
    while at < len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if end > len(data) or at + 2 > len(data) or len(found) == TILE:
            raise RegistryFileError("not a tile of entries")
        found.append(data[at + 2 : end])
        at = end
    return found


# --- shards ------------------------------------------------------------------------------------


def shard_of(seal_code: str) -> str:
    """The shard of a seal: its region and the number of its 65,536 codes, ``321302-0``; "" for what
    is no code of 14 digits."""
    if not re.fullmatch(r"[0-9]{14}", seal_code):
        return ""
    return f"{seal_code[:6]}-{int(seal_code[6:]) // SHARD}"


def encode_shard(changes: Mapping[str, Sequence[SealChange]]) -> bytes:
    """The file of one shard: seal code → its changes, oldest first; all codes of that shard.

    Raises ValueError."""
    codes = sorted(changes)
    if len({shard_of(code) for code in codes} | {""}) > 2 or not all(map(shard_of, codes)):
        raise ValueError("codes of more than one shard")
    rows = [changes[code] for code in codes]
    reasons = sorted({change.reason for row in rows for change in row})
    number = {reason: at for at, reason in enumerate(reasons)}
    out = bytearray()
    _put(out, len(reasons))
    for reason in reasons:
        text = reason.encode()
        _put(out, len(text))
        out += text
    _put(out, len(codes))
    before = _first(shard_of(codes[0])) if codes else 0
    for code in codes:
        _put(out, int(code) - before)
        before = int(code)
    for row in rows:
        _put(out, len(row))
    flat = [change for row in rows for change in row]
    for change in flat:
        _put(out, number[change.reason] * len(STATES) + STATES.index(change.state))
    times = [pair for row in rows for pair in _seconds(row)]
    last = 0
    for effective, _ in times:
        _put(out, _zigzag(effective - last))
        last = effective
    for effective, recorded in times:
        _put(out, _zigzag(recorded - effective))
    for change in flat:
        if change.state == "active":
            _put(out, change.effective_at.microsecond)
            _put(out, change.recorded_at.microsecond)
    return _SHARD_HEAD + zlib.compress(bytes(out), 9)


def decode_shard(
    data: bytes, name: str, wanted: Iterable[str] | None = None
) -> dict[str, tuple[SealChange, ...]]:
    """What became of the seals of the shard called *name*: of all that changed since they were put
    to use, or of those *wanted*. A seal that is not in it never changed.

    Raises :class:`RegistryFileError`."""
    if not data.startswith(_SHARD_HEAD) or len(data) > MAX_FILE:
        raise RegistryFileError("not a shard")
    unpacked = zlib.decompressobj()
    try:
        body = unpacked.decompress(data[len(_SHARD_HEAD) :], _MAX_SHARD)
    except zlib.error as error:
        raise RegistryFileError("not a shard") from error
    if not unpacked.eof or unpacked.unused_data:
        raise RegistryFileError("a shard that is cut off, too large, or goes on")
    reader = _Reader(body)
    reasons = [reader.text() for _ in range(reader.number(1000))]
    codes, before, first = [], _first(name), _first(name)
    for at in range(reader.number(SHARD)):
        gap = reader.number(SHARD)
        before += gap
        if (at and not gap) or before >= first + SHARD:
            raise RegistryFileError("seal codes out of order")
        codes.append(f"{before:014d}")
    counts = [reader.number(_MAX_CHANGES) for _ in codes]
    total = sum(counts)
    if total > _MAX_CHANGES:
        raise RegistryFileError("too many changes")
    if total and not reasons:
        raise RegistryFileError("changes without reasons")
    kinds = [reader.number(len(reasons) * len(STATES) - 1) for _ in range(total)]
    effective, last = [], 0
    for _ in range(total):
        last += _unzigzag(reader.number())
        effective.append(last)
    recorded = [moment + _unzigzag(reader.number()) for moment in effective]
    states = [STATES[kind % len(STATES)] for kind in kinds]
    micros = {
        at: (reader.number(999_999), reader.number(999_999))
        for at, state in enumerate(states)
        if state == "active"
    }
    reader.finish()
    chosen = None if wanted is None else set(wanted)
    found, at = {}, 0
    for code, count in zip(codes, counts, strict=True):
        if chosen is None or code in chosen:
            found[code] = tuple(
                SealChange(
                    code,
                    states[index],
                    reasons[kinds[index] // len(STATES)],
                    _moment(effective[index], micros.get(index, (0, 0))[0]),
                    _moment(recorded[index], micros.get(index, (0, 0))[1]),
                )
                for index in range(at, at + count)
            )
        at += count
    return found


def _first(name: str) -> int:
    """The smallest seal code of a shard, as a number."""
    found = re.fullmatch(r"([0-9]{6})-(0|[1-9][0-9]{0,3})", name)
    if found is None:
        raise RegistryFileError("not the name of a shard")
    return int(found[1]) * 100_000_000 + int(found[2]) * SHARD


def _seconds(row: Sequence[SealChange]) -> list[tuple[int, int]]:
    """(effective, recorded) of each change in seconds, as the columns have them: what ends the use
    of a seal is recorded in the next full second, unless the change after it was earlier."""
    found: list[tuple[int, int]] = []
    following: datetime | None = None
    for change in reversed(row):
        effective, recorded = (
            (t - _EPOCH) // _SECOND for t in (change.effective_at, change.recorded_at)
        )
        as_written = change.recorded_at
        if change.state != "active":
            up = -(-(change.recorded_at - _EPOCH) // _SECOND)
            if following is None or _EPOCH + up * _SECOND <= following:
                recorded = up
            as_written = _EPOCH + recorded * _SECOND
        found.append((effective, recorded))
        following = as_written
    return found[::-1]


def _moment(seconds: int, micros: int) -> datetime:
    try:
        return _EPOCH + timedelta(seconds=seconds, microseconds=micros)
    except OverflowError as error:
        raise RegistryFileError("an absurd time") from error


def _zigzag(value: int) -> int:
    return value << 1 if value >= 0 else (-value << 1) - 1


def _unzigzag(value: int) -> int:
    return value >> 1 if not value & 1 else -((value + 1) >> 1)


def _put(out: bytearray, value: int) -> None:
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def number(self, most: int = 1 << 48) -> int:
        value = shift = 0
        while True:
            if self._at >= len(self._data) or shift > 49:
                raise RegistryFileError("a number without an end")
            byte = self._data[self._at]
            self._at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
            shift += 7
        if value > most:
            raise RegistryFileError("a number out of bounds")
        return value

    def text(self) -> str:
        length = self.number(200)
        raw = self._data[self._at : self._at + length]
        self._at += length
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            raise RegistryFileError("a reason that is no text") from error

    def finish(self) -> None:
        if self._at != len(self._data):
            raise RegistryFileError("something follows the shard")


# --- manifests ---------------------------------------------------------------------------------


@frozen
class ShardInfo:
    """One shard as the manifest knows it."""

    sm3: str
    size: int
    """Bytes."""
    seals: int
    """Seals in it that have changed."""


@frozen
class Manifest:
    """An epoch: the registry up to :attr:`size`, written down as shards."""

    log: str
    """The log's origin."""
    epoch: int
    """From 1."""
    size: int
    """Entries of the log that the shards cover."""
    edge: tuple[bytes, ...]
    """The hashes that the tree of that size consists of
    (:func:`crypto.algorithms.merkle.edge_places`)."""
    made_at: str
    """RFC 3339."""
    shards: Mapping[str, ShardInfo]
    """By name; a shard that is not here has no seal that changed."""

    def encode(self) -> bytes:
        """Canonical JSON: its SM3 stands in the log."""
        body = {
            "format": FORMAT,
            "log": self.log,
            "epoch": self.epoch,
            "size": self.size,
            "edge": [node.hex() for node in self.edge],
            "made_at": self.made_at,
            "shards": {
                name: {"sm3": shard.sm3, "size": shard.size, "seals": shard.seals}
                for name, shard in self.shards.items()
            },
        }
        text = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return text.encode()

    @classmethod
    def parse(cls, data: bytes) -> Manifest:
        """Raises :class:`RegistryFileError`."""
        if len(data) > MAX_FILE:
            raise RegistryFileError("too large for a manifest")
        try:
            body: Any = json.loads(data)
            if body["format"] != FORMAT:
                raise ValueError("another format")
            found = cls(
                str(body["log"]),
                int(body["epoch"]),
                int(body["size"]),
                tuple(bytes.fromhex(node) for node in body["edge"]),
                str(body["made_at"]),
                {
                    str(name): ShardInfo(
                        bytes.fromhex(shard["sm3"]).hex(), int(shard["size"]), int(shard["seals"])
                    )
                    for name, shard in body["shards"].items()
                },
            )
            if found.epoch < 1 or not 0 <= found.size < 1 << 48:
                raise ValueError("absurd numbers")
            if len(found.edge) != len(merkle.edge_places(found.size)):
                raise ValueError("the edge of another size")
            found.encode()  # half a character pair cannot be written again
        except _NOT_A_MANIFEST as error:
            raise RegistryFileError(f"not a manifest: {error}") from error
        return found
