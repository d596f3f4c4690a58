"""The public registry followed: rollbacks, forks and forged entries are noticed; suspensions that
were lifted again are not forgotten."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import PlatformAnswerInvalid, PlatformUntrusted
from app.remote.registry import RegistryStatus, changes, follow, look_up, root
from app.store.cabinet import Cabinet, PlatformRecord
from crypto.algorithms import merkle
from crypto.algorithms.gm import sm3
from crypto.seal.registry_files import Manifest, ShardInfo, encode_shard
from crypto.seal.statement import SealChange
from crypto.validation.trust import Trust, check_status
from crypto.verdict import Times
from server_stub.epochs import shards

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = timedelta(days=1)
CODE = "32130000000017"


def event(
    number: int,
    before: str,
    after: str,
    at: datetime = NOW,
    reason: str | None = None,
    code: str = CODE,
) -> str:
    return json.dumps(
        {
            "type": "seal-event-v1",
            "seal_code": code,
            "event": str(number),
            "from": before,
            "to": after,
            "reason": reason,
            "effective_at": at.isoformat(),
            "recorded_at": at.isoformat(),
        }
    )


@dataclass
class Log:
    """A platform's registry; its tests may cut, change and forge."""

    records: list[str] = field(default_factory=list)
    origin: str = "https://platform"
    name: str = "platform/registry"
    root: bytes = b""
    epochs: list[tuple[bytes, dict[str, bytes]]] = field(default_factory=list)
    """Manifest and shards of each."""
    read: list[str] = field(default_factory=list)
    """What was asked for."""
    pruned: set[int] = field(default_factory=set)

    def tree(self) -> merkle.Tree:
        tree = merkle.Tree()
        for each in self.records:
            tree.append(each.encode())
        return tree

    def publish(self, at: datetime = NOW) -> None:
        """An epoch of all there is, put into the log."""
        tree = self.tree()
        files = shards(each.encode() for each in self.records)
        infos = {n: ShardInfo(sm3(d).hex(), len(d), c) for n, (d, c) in files.items()}
        edge = tuple(tree.node(*place) for place in merkle.edge_places(tree.size))
        number = len(self.epochs) + 1
        data = Manifest(self.name, number, tree.size, edge, at.isoformat(), infos).encode()
        self.epochs.append((data, {name: file for name, (file, _) in files.items()}))
        entry = {
            "type": "registry-epoch-v1",
            "epoch": number,
            "size": tree.size,
            "manifest_sm3": sm3(data).hex(),
            "recorded_at": at.isoformat(),
        }
        self.records.append(json.dumps(entry))

    def registry_checkpoint(self) -> merkle.Checkpoint:
        tree = self.tree()
        return merkle.Checkpoint(self.name, tree.size, self.root or tree.root())

    def registry_tile(self, index: int, width: int) -> list[bytes]:
        self.read.append(f"tile {index} {width}")
        found = self.records[index * 256 : index * 256 + width]
        if len(found) < width:
            raise PlatformAnswerInvalid(self.origin, "registry")
        return [each.encode() for each in found]

    def registry_consistency(self, old: int, new: int) -> list[bytes]:
        return self.tree().consistency_proof(old, new)

    def registry_epoch(self) -> bytes | None:
        return self.epochs[-1][0] if self.epochs else None

    def registry_shard(self, epoch: int, name: str) -> bytes | None:
        self.read.append(f"shard {epoch} {name}")
        return None if epoch in self.pruned else self.epochs[epoch - 1][1][name]


@pytest.fixture
def cabinet() -> Cabinet:
    return Cabinet.in_memory()


@pytest.fixture
def log(cabinet: Cabinet) -> Log:
    """A registry of seven entries that was followed."""
    made = Log([event(n, "start", "made") for n in range(7)])
    assert follow(made, cabinet) == 7  # type: ignore[arg-type]
    return made


def test_it_is_followed_from_where_we_were(log: Log, cabinet: Cabinet) -> None:
    for size in range(8, 30):
        log.records.append(event(size, "start", "made"))
        assert follow(log, cabinet) == 1  # type: ignore[arg-type]
    assert follow(log, cabinet) == 0  # type: ignore[arg-type]
    known = cabinet.registry(log.origin)
    assert known is not None
    assert (known.size, len(known.edge)) == (29, 4)
    assert root(known) == log.registry_checkpoint().root
    assert known.seen_at is not None
    assert datetime.now(UTC) - known.seen_at < DAY


@pytest.mark.parametrize(
    "spoil",
    [
        lambda log: log.records.pop(),
        lambda log: log.records.__setitem__(6, event(99, "start", "made")),
        lambda log: log.records.__setitem__(0, event(99, "start", "made")),
        lambda log: [log.records.__setitem__(2, "{}"), log.records.append("{}")],
        lambda log: setattr(log, "name", "another/registry"),
        lambda log: setattr(log, "root", bytes(32)),
    ],
    ids=["shorter", "last changed", "first changed", "fork", "another log", "another root"],
)
def test_a_registry_that_takes_something_back_is_not_believed(
    log: Log, cabinet: Cabinet, spoil
) -> None:
    before = cabinet.registry(log.origin)
    spoil(log)
    with pytest.raises(PlatformUntrusted) as raised:
        follow(log, cabinet)  # type: ignore[arg-type]
    assert raised.value.reason == "registry"
    assert cabinet.registry(log.origin) == before


def test_a_long_log_is_read_tile_by_tile_and_the_last_one_again(cabinet: Cabinet) -> None:
    log = Log([event(n, "start", "made") for n in range(600)])
    assert follow(log, cabinet) == 600  # type: ignore[arg-type]
    log.records.append("{}")
    assert follow(log, cabinet) == 1  # type: ignore[arg-type]
    assert log.read == ["tile 0 256", "tile 1 256", "tile 2 88", "tile 2 89"]


def test_another_process_that_came_further_is_not_set_back(log: Log, cabinet: Cabinet) -> None:
    known = cabinet.registry(log.origin)
    assert known is not None
    cabinet.keep_registry(replace(known, size=3))
    assert cabinet.registry(log.origin) == known


# --- what follows for a seal -------------------------------------------------------------------


def found(changed: tuple[SealChange, ...], times: Times) -> str:
    (finding,), _ = check_status(CODE, None, Trust(changes=changed), times, NOW)
    return finding.code


def test_a_suspension_that_was_lifted_again_is_not_forgotten(log: Log, cabinet: Cabinet) -> None:
    log.records += [
        event(8, "made", "active", NOW - 9 * DAY),
        event(9, "active", "suspended", NOW - 6 * DAY, "lost"),
        event(10, "suspended", "active", NOW - 4 * DAY),
        "no event at all",
    ]
    follow(log, cabinet)  # type: ignore[arg-type]
    told = changes(cabinet)
    assert [each.state for each in told] == ["suspended", "active"]

    def at(days: int) -> str:
        moment = NOW - days * DAY
        return found(told, Times(moment, moment, "timestamp"))

    assert [at(7), at(5), at(3)] == ["status_unknown", "status_not_active", "status_unknown"]


def test_a_time_without_a_zone_or_out_of_the_calendar_is_no_entry_and_stops_nothing(
    log: Log, cabinet: Cabinet
) -> None:
    for number, time in enumerate(("2026-11-01T00:00:00", "0001-01-01T00:00:00+14:00")):
        fields = json.loads(event(8 + number, "active", "suspended", NOW - 6 * DAY, "lost"))
        log.records.append(json.dumps(fields | {"effective_at": time, "recorded_at": time}))
    log.records.append(event(10, "active", "suspended", NOW - 4 * DAY, "lost"))
    follow(log, cabinet)  # type: ignore[arg-type]
    assert [each.effective_at for each in changes(cabinet)] == [NOW - 4 * DAY]


def test_a_cancellation_nobody_has_asked_about_is_known(log: Log, cabinet: Cabinet) -> None:
    log.records.append(event(8, "active", "cancelled", NOW - 2 * DAY, "deregistered"))
    follow(log, cabinet)  # type: ignore[arg-type]
    told, moment = changes(cabinet), NOW - 3 * DAY
    assert found(told, Times(moment, moment, "timestamp")) == "status_changed_since"
    assert found(told, Times(moment)) == "status_changed_unproven"
    assert found(told, Times(NOW - DAY)) == "status_not_active"


def test_between_effect_and_record_nothing_is_certain() -> None:
    change = SealChange(CODE, "cancelled", "", NOW - 3 * DAY, NOW - DAY)
    assert found((change,), Times(NOW - 2 * DAY)) == "status_pending"
    other = replace(change, seal_code="32130000000025")
    assert found((other,), Times(NOW - 2 * DAY)) == "status_unknown"


def test_the_second_of_a_resumption_belongs_to_the_seal_in_force() -> None:
    """Tickets and signing times are told in whole seconds, the registry in microseconds."""
    second = NOW - DAY
    lost = SealChange(CODE, "suspended", "lost", second - DAY, second - DAY)
    again = second + timedelta(milliseconds=400)
    resumed = SealChange(CODE, "active", "", again, again)
    assert found((lost, resumed), Times(second, second, "ticket")) == "status_unknown"
    before = second - timedelta(seconds=1)
    assert found((lost, resumed), Times(before, before, "ticket")) == "status_not_active"
    finer = second + timedelta(milliseconds=100)
    assert found((lost, resumed), Times(finer, finer, "timestamp")) == "status_not_active"


# --- epochs --------------------------------------------------------------------------------------

OTHER = "32130000000009"
FAR_OFF = "32130300000001"


def city() -> Log:
    """Thirty-three events, an epoch, and two since then: one suspended before, resumed after."""
    log = Log([event(n, "start", "made") for n in range(30)])
    log.records += [
        event(30, "active", "suspended", NOW - 9 * DAY, "lost"),
        event(31, "active", "cancelled", NOW - 8 * DAY, "replaced", OTHER),
        event(32, "active", "expired", NOW - 8 * DAY, "expired", FAR_OFF),
    ]
    log.publish(NOW - 7 * DAY)
    log.records += [
        event(34, "suspended", "active", NOW - 5 * DAY),
        event(35, "active", "cancelled", NOW - 2 * DAY, "damaged", "32130000000010"),
    ]
    return log


def told(cabinet: Cabinet) -> set[tuple[str, str]]:
    return {(each.seal_code, each.state) for each in changes(cabinet)}


SINCE = {(CODE, "active"), ("32130000000010", "cancelled")}


def test_a_new_desk_begins_with_the_epoch_and_looks_up_the_seals_it_needs(
    cabinet: Cabinet,
) -> None:
    log = city()
    assert follow(log, cabinet, far=10) == 3  # type: ignore[arg-type]
    assert told(cabinet) == SINCE
    (looked_up,) = look_up(log, cabinet, [CODE])  # type: ignore[arg-type]
    assert (looked_up.seal_code, looked_up.state, looked_up.reason) == (CODE, "suspended", "lost")
    assert told(cabinet) == SINCE | {(CODE, "suspended")}
    assert look_up(log, cabinet, [CODE, "no code"]) == ()  # type: ignore[arg-type]
    assert look_up(log, cabinet, ["32139900000000"]) == ()  # type: ignore[arg-type]
    assert [each for each in log.read if "shard" in each] == ["shard 1 321300-0"]
    known, full = cabinet.registry(log.origin), Cabinet.in_memory()
    assert follow(Log(log.records), full) == len(log.records)  # type: ignore[arg-type]
    whole = full.registry(log.origin)
    assert known
    assert whole
    assert (known.size, known.edge) == (whole.size, whole.edge)


def test_what_a_registry_tells_bears_the_root_of_its_platform(cabinet: Cabinet) -> None:
    """By that it counts for the seals of this platform alone."""
    log = city()
    follow(log, cabinet, far=10)  # type: ignore[arg-type]
    (unpinned,) = {each.platform for each in changes(cabinet)}
    assert unpinned not in (b"", sm3(b"root"))
    cabinet.pin(PlatformRecord(log.origin, "平台", {"root": b"root"}, NOW))
    (looked_up,) = look_up(log, cabinet, [CODE])  # type: ignore[arg-type]
    assert looked_up.platform == sm3(b"root")
    assert {each.platform for each in changes(cabinet)} == {sm3(b"root")}


def test_a_short_way_is_walked_and_no_epoch_asked_for(cabinet: Cabinet) -> None:
    log = city()
    assert follow(log, cabinet) == len(log.records)  # type: ignore[arg-type]
    assert look_up(log, cabinet, [CODE, OTHER]) == ()  # type: ignore[arg-type]
    assert not any("shard" in each for each in log.read)
    assert (OTHER, "cancelled") in told(cabinet)


def test_where_there_is_no_epoch_the_whole_log_is_read(cabinet: Cabinet) -> None:
    log = Log([event(n, "active", "cancelled") for n in range(30)])
    assert follow(log, cabinet, far=10) == 30  # type: ignore[arg-type]
    assert told(cabinet) == {(CODE, "cancelled")}


def test_a_suspension_told_by_a_shard_counts_as_one_told_by_the_log(cabinet: Cabinet) -> None:
    log = city()
    follow(log, cabinet, far=10)  # type: ignore[arg-type]
    look_up(log, cabinet, [CODE])  # type: ignore[arg-type]

    def at(days: float) -> str:
        moment = NOW - days * DAY
        return found(changes(cabinet), Times(moment, moment, "timestamp"))

    assert [at(10), at(7), at(4)] == ["status_unknown", "status_not_active", "status_unknown"]


def test_a_desk_that_was_away_for_long_jumps_and_keeps_what_it_knew(cabinet: Cabinet) -> None:
    log = Log([event(n, "start", "made") for n in range(5)])
    log.records.append(event(5, "active", "suspended", NOW - 20 * DAY, "lost"))
    follow(log, cabinet)  # type: ignore[arg-type]
    log.records += [event(n, "start", "made") for n in range(40)]
    log.publish(NOW - 7 * DAY)
    log.records.append("{}")
    assert follow(log, cabinet, far=10) == 2  # type: ignore[arg-type]
    assert told(cabinet) == {(CODE, "suspended")}
    look_up(log, cabinet, [CODE])  # type: ignore[arg-type]
    assert [each.state for each in changes(cabinet)] == ["suspended"]  # once, not twice


def test_an_epoch_that_is_no_longer_kept_is_followed_by_the_newest(cabinet: Cabinet) -> None:
    log = city()
    follow(log, cabinet, far=10)  # type: ignore[arg-type]
    log.publish(NOW - DAY / 2)
    log.records.append("{}")
    log.pruned.add(1)
    known = look_up(log, cabinet, [CODE, OTHER])  # type: ignore[arg-type]
    assert {each.seal_code for each in known} == {CODE, OTHER}
    assert "shard 2 321300-0" in log.read
    log.pruned.add(2)
    with pytest.raises(PlatformAnswerInvalid):
        look_up(log, cabinet, [FAR_OFF])  # type: ignore[arg-type]


def reason_of(log: Log, cabinet: Cabinet, *wanted: str) -> str:
    """Why the platform is not believed; nothing of it may stay."""
    before = cabinet.registry(log.origin)

    def ask() -> None:
        nonlocal before
        follow(log, cabinet, far=10)  # type: ignore[arg-type]
        before = cabinet.registry(log.origin)
        look_up(log, cabinet, wanted)  # type: ignore[arg-type]

    with pytest.raises(PlatformUntrusted) as raised:
        ask()
    assert cabinet.registry(log.origin) == before
    return raised.value.reason


def other_history(code: str) -> bytes:
    return encode_shard({code: [SealChange(code, "cancelled", "", NOW, NOW)]})


@pytest.mark.parametrize("shard", [other_history(CODE), b"", b"no shard"])
def test_another_shard_than_the_epochs_is_named(cabinet: Cabinet, shard: bytes) -> None:
    log = city()
    log.epochs[0][1]["321300-0"] = shard
    assert reason_of(log, cabinet, CODE) == "registry_shard"


def test_a_manifest_that_the_log_does_not_hold_is_named(cabinet: Cabinet) -> None:
    log = city()
    manifest = Manifest.parse(log.epochs[0][0])
    data = other_history(CODE)
    lying = replace(manifest, shards={"321300-0": ShardInfo(sm3(data).hex(), len(data), 1)})
    log.epochs[0] = (lying.encode(), {"321300-0": data})
    assert reason_of(log, cabinet, CODE) == "registry_manifest"
    for nonsense in (b"", b"{}", manifest.encode() + b" "):
        log.epochs[0] = (nonsense, {})
        assert reason_of(log, cabinet) == "registry_manifest"


def test_an_edge_that_is_not_the_logs_is_named(cabinet: Cabinet) -> None:
    log = city()
    manifest = Manifest.parse(log.epochs[0][0])
    lying = replace(manifest, edge=(bytes(32), *manifest.edge[1:])).encode()
    log.records[33] = log.records[33].replace(sm3(log.epochs[0][0]).hex(), sm3(lying).hex())
    log.epochs[0] = (lying, {})
    assert reason_of(log, cabinet) == "registry"


def test_an_old_epoch_for_the_newest_is_named_unless_it_is_a_caches(cabinet: Cabinet) -> None:
    log = city()
    log.publish(datetime.now(UTC))
    log.records.append("{}")
    log.epochs.append(log.epochs[0])
    assert follow(log, cabinet, far=10) == 5  # type: ignore[arg-type]
    other = city()
    other.publish(datetime.now(UTC) - DAY)
    other.records.append("{}")
    other.epochs.append(other.epochs[0])
    assert reason_of(other, Cabinet.in_memory()) == "registry_epoch"


@pytest.mark.parametrize("spoiled", [0, 4, 20])
def test_jumping_ahead_does_not_hide_that_what_was_seen_has_changed(
    cabinet: Cabinet, spoiled: int
) -> None:
    log = Log([event(n, "start", "made") for n in range(25)])
    follow(log, cabinet)  # type: ignore[arg-type]
    log.records[spoiled] = event(99, "start", "made")
    log.records += [event(n, "start", "made") for n in range(40)]
    log.publish(NOW - 7 * DAY)
    log.records.append("{}")
    assert reason_of(log, cabinet) == "registry"


def test_a_changed_entry_since_the_epoch_is_named(
    cabinet: Cabinet, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = city()
    signed = log.registry_checkpoint()
    monkeypatch.setattr(log, "registry_checkpoint", lambda: signed)
    log.records[34] = event(34, "suspended", "active", NOW - 9 * DAY)
    assert reason_of(log, cabinet) == "registry"


def test_a_log_that_became_shorter_is_named_whatever_epochs_it_has(cabinet: Cabinet) -> None:
    log = city()
    follow(log, cabinet, far=10)  # type: ignore[arg-type]
    log.records = log.records[:-1]
    assert reason_of(log, cabinet) == "registry"


def test_verifying_asks_for_a_seals_history_once_and_takes_silence_for_an_answer(
    cabinet: Cabinet, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = city()
    informant = RegistryStatus(log, cabinet)  # type: ignore[arg-type]
    assert informant.history([CODE]) == ()  # never followed: nothing to compare a shard with
    follow(log, cabinet, far=10)  # type: ignore[arg-type]
    assert [each.state for each in informant.history([CODE])] == ["suspended"]
    assert informant.history([CODE]) == ()
    monkeypatch.setattr(log, "registry_shard", lambda *_: b"another")
    assert informant.history([OTHER, FAR_OFF]) == ()


@given(st.data())
def test_whatever_happens_a_desk_by_shards_knows_what_a_desk_by_the_log_knows(
    data: st.DataObject,
) -> None:
    """Events, epochs and visits in any order; at each visit both desks agree about all seals."""
    log, walks, jumps = Log(), Cabinet.in_memory(), Cabinet.in_memory()
    codes = [CODE, OTHER, FAR_OFF]
    state = dict.fromkeys(codes, "active")
    for step in range(data.draw(st.integers(1, 8))):
        for _ in range(data.draw(st.integers(0, 6))):
            code = data.draw(st.sampled_from(codes))
            after = "active" if state[code] == "suspended" else "suspended"
            moment = NOW - 30 * DAY + step * DAY + timedelta(seconds=len(log.records))
            log.records.append(event(step, state[code], after, moment, None, code))
            state[code] = after
        if log.records and data.draw(st.booleans()):
            log.publish(NOW - 30 * DAY + step * DAY + DAY / 2)
        if data.draw(st.booleans()):
            follow(log, walks)  # type: ignore[arg-type]
            follow(log, jumps, far=data.draw(st.integers(0, 12)))  # type: ignore[arg-type]
            look_up(log, jumps, codes)  # type: ignore[arg-type]
            one, other = walks.registry(log.origin), jumps.registry(log.origin)
            assert one
            assert other
            assert (one.size, one.edge) == (other.size, other.edge)
            assert sorted(map(str, changes(walks))) == sorted(map(str, changes(jumps)))
    walks.close()
    jumps.close()
