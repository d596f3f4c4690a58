"""Tiles and shards: what is written is read again, nothing else is, and rounding is cautious."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crypto.algorithms import merkle
from crypto.seal.registry_files import (
    SHARD,
    TILE,
    Manifest,
    RegistryFileError,
    ShardInfo,
    decode_shard,
    encode_shard,
    pack_entries,
    parse_tile_name,
    shard_of,
    tile_name,
    unpack_entries,
)
from crypto.seal.statement import STATES, SealChange
from crypto.validation.trust import Trust, check_status
from crypto.verdict import Times
from tests.world.bombs import inflating

NOW = datetime(2026, 11, 25, 12, 0, 0, 250_000, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@given(st.integers(0, 10**12), st.integers(1, TILE))
@example(1_234_067, 256)
def test_a_tile_has_one_name(index: int, width: int) -> None:
    assert parse_tile_name(tile_name(index, width)) == (index, width)


def test_tile_names_are_those_of_c2sp() -> None:
    assert tile_name(1_234_067) == "x001/x234/067"
    assert tile_name(0, 5) == "000.p/5"
    for name in ("", "0", "67", "x000/067", "000.p/256", "000.p/0", "000.p/05", "x1/067", "../000"):
        with pytest.raises(RegistryFileError):
            parse_tile_name(name)


@given(st.lists(st.binary(max_size=400), max_size=TILE))
def test_a_tile_of_entries_is_read_as_written(entries: list[bytes]) -> None:
    assert unpack_entries(pack_entries(entries)) == entries


@given(st.binary(max_size=300))
def test_any_other_bytes_are_no_tile_or_give_entries_again(data: bytes) -> None:
    try:
        found = unpack_entries(data)
    except RegistryFileError:
        return
    assert pack_entries(found) == data


def test_a_tile_with_too_many_or_too_long_entries_is_refused() -> None:
    with pytest.raises(RegistryFileError):
        unpack_entries(bytes(2) * (TILE + 1))
    with pytest.raises(ValueError, match="too long"):
        pack_entries([bytes(65_536)])


# --- shards --------------------------------------------------------------------------------------

moments = st.datetimes(datetime(2020, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC))
reasons = st.sampled_from(["", "lost", "expired", "注销", "x" * 60])
codes = st.integers(3, 5).flatmap(
    lambda shard: (
        st.integers(shard * SHARD, (shard + 1) * SHARD - 1) if shard == 4 else st.just(4 * SHARD)
    )
)


@st.composite
def histories(draw: st.DrawFn) -> dict[str, list[SealChange]]:
    found = {}
    for number in draw(st.sets(codes, max_size=30)):
        code = f"321302{number:08d}"
        found[code] = [
            SealChange(code, draw(st.sampled_from(STATES)), draw(reasons), draw(moments), at)
            for at in sorted(draw(st.lists(moments, max_size=4)))
        ]
    return found


@given(histories())
def test_a_shard_is_read_as_written_on_the_cautious_side(
    written: dict[str, list[SealChange]],
) -> None:
    data = encode_shard(written)
    read = decode_shard(data, "321302-4")
    assert set(read) == set(written)
    for code, row in written.items():
        assert [(e.state, e.reason) for e in read[code]] == [(e.state, e.reason) for e in row]
        for before, after in zip(row, read[code], strict=True):
            if before.state == "active":
                assert after == before
            else:
                assert after.effective_at == before.effective_at.replace(microsecond=0)
                assert abs(after.recorded_at - before.recorded_at) < SECOND
        assert list(read[code]) == sorted(read[code], key=lambda each: each.recorded_at)
        assert decode_shard(data, "321302-4", [code]) == {code: read[code]}
    assert decode_shard(data, "321302-4", ["32130299999999"]) == {}


@given(
    st.lists(st.tuples(st.sampled_from(STATES), st.integers(0, 4_000_000)), max_size=5),
    st.integers(0, 4_000_000),
    st.booleans(),
)
def test_what_a_shard_tells_never_makes_a_seal_better_than_the_log_does(
    events: list[tuple[str, int]], micros: int, whole: bool
) -> None:
    code, start = "32130200262144", NOW.replace(microsecond=0)
    times = sorted(start + timedelta(microseconds=each) for _, each in events)
    row = [
        SealChange(code, state, "", at, at) for (state, _), at in zip(events, times, strict=True)
    ]
    moment = start + timedelta(microseconds=micros)
    moment = moment.replace(microsecond=0) if whole else moment
    read = decode_shard(encode_shard({code: row}), "321302-4")[code]

    def judged(changes: Iterable[SealChange]) -> str:
        times = Times(moment, moment, "timestamp")
        (finding,), _ = check_status(code, None, Trust(changes=tuple(changes)), times, NOW)
        return finding.code

    by_log, by_shard = judged(row), judged(read)
    out_of_force = {"status_not_active", "status_pending"}
    if by_log in out_of_force:
        assert by_shard in out_of_force
    if by_log == "status_changed_since":
        assert by_shard != "status_unknown"


@given(histories(), st.integers(0, 400), st.integers(1, 255))
def test_a_changed_shard_is_refused_or_stays_in_bounds(
    written: dict[str, list[SealChange]], at: int, mask: int
) -> None:
    data = encode_shard(written)
    head = data.index(b"\n") + 1
    body = bytearray(zlib.decompress(data[head:]))
    if body:
        body[at % len(body)] ^= mask
    for spoiled in (data[:head] + zlib.compress(bytes(body)), data[:-1], data + b"\0", data[1:]):
        try:
            read = decode_shard(spoiled, "321302-4")
        except RegistryFileError:
            continue
        assert all(shard_of(code) == "321302-4" for code in read)


def test_a_shard_has_codes_of_its_own_only() -> None:
    row = [SealChange("", "suspended", "", NOW, NOW)]
    for mixed in (["32130200000000", "32130300000000"], ["32130200000000", "x"], ["x"]):
        with pytest.raises(ValueError, match="one shard"):
            encode_shard(dict.fromkeys(mixed, row))
    data = encode_shard({f"321302{SHARD - 1:08d}": row})
    assert set(decode_shard(data, "321302-0")) == {f"321302{SHARD - 1:08d}"}
    for name in ("321302-00", "321302-", "x", "321302-12345"):
        with pytest.raises(RegistryFileError):
            decode_shard(data, name)


def test_a_shard_that_would_fill_the_memory_is_refused() -> None:
    bomb = b"SEALDESK-SHARD-V1\n" + inflating(67)
    with pytest.raises(RegistryFileError):
        decode_shard(bomb, "321302-0")


def test_a_seals_shard_follows_from_its_code() -> None:
    assert shard_of("32130200000001") == "321302-0"
    assert shard_of("32130200065536") == "321302-1"
    assert shard_of("32132299999999") == "321322-1525"
    for other in (
        "",
        "3213020000001",
        "321302000000017",
        "３２１３０２０００００００１",
        "3213020000000x",
    ):
        assert shard_of(other) == ""


# --- manifests -----------------------------------------------------------------------------------


def manifest() -> Manifest:
    tree = merkle.Tree()
    for number in range(11):
        tree.append(b"%d" % number)
    edge = tuple(tree.node(*place) for place in merkle.edge_places(11))
    shards = {"321302-0": ShardInfo("ab" * 32, 100, 7)}
    return Manifest("log", 3, 11, edge, "2026-11-25T12:00:00.000000Z", shards)


def test_a_manifest_is_read_as_written() -> None:
    made = manifest()
    assert Manifest.parse(made.encode()) == made
    assert len(made.edge) == 3
    assert merkle.edge_places(0) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"epoch":3', b'"epoch":0'),
        (b'"size":11', b'"size":12'),
        (b'"size":11', b'"size":-1'),
        (b'"size":11', b'"size":1e999'),
        (b'"made_at":"', b'"made_at":"\\ud800'),
        (b"sealdesk-epoch/1", b"sealdesk-epoch/2"),
        (b'"shards":{', b'"shards":[{'),
        (b'"log"', b'"lag"'),
        (b"abab", b"zzzz"),
        (b"{", b""),
    ],
)
def test_a_manifest_with_other_fields_is_refused(old: bytes, new: bytes) -> None:
    data = manifest().encode()
    assert old in data
    with pytest.raises(RegistryFileError):
        Manifest.parse(data.replace(old, new, 1))


@given(st.integers(0, 3000))
def test_the_edge_of_a_tree_gives_its_root(size: int) -> None:
    tree = merkle.Tree()
    for number in range(size):
        tree.append(number.to_bytes(2, "big"))
    places = merkle.edge_places(size)
    assert sum(1 << level for level, _ in places) == size
    edge = {place: tree.node(*place) for place in places}
    again = merkle.Tree(edge, size)
    assert again.root() == tree.root()
    again.append(b"next")
    tree.append(b"next")
    assert again.root() == tree.root()
