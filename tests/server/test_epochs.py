"""The registry as static files: tiles, epochs on record, what an audit makes of them, and a client
that begins with one."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import httpx
import pytest

from app.errors import PlatformUntrusted
from app.remote import registry
from app.remote.platform_account import PlatformClient
from app.store.cabinet import Cabinet
from crypto.algorithms import merkle
from crypto.algorithms.gm import sm3
from crypto.seal.registry_files import Manifest, decode_shard, shard_of, unpack_entries
from server_stub import background, epochs
from server_stub.__main__ import main
from server_stub.policy import Actor
from server_stub.records import canonical
from server_stub.records.ledger import REGISTRY, Transaction
from server_stub.seals import stopping
from server_stub.settings import Settings
from server_stub.web.serving import RunningServer, start_in_thread
from tests.world.applicant import Applicant
from tests.world.staff import moved

OPERATOR = Actor("operator", "operator test", frozenset({"operator"}))


@pytest.fixture
def busy(
    open_settings: Callable[..., Settings], holder: Callable[..., Applicant]
) -> Iterator[tuple[RunningServer, Applicant]]:
    """A platform on which one seal was suspended and resumed, and 300 entries say nothing new."""
    with start_in_thread(open_settings(auto_review=True)) as server:
        person = holder(url=server.url)
        person.enrol()
        ledger = server.platform.ledger
        ledger.write(stopping.suspend, OPERATOR, "o", person.seal_id, "lost").result()
        moved(server, person.seal_id, "resume")
        ledger.write(_say_nothing_new).result()
        yield server, person


def _say_nothing_new(tx: Transaction) -> None:
    for number in range(300):
        tx.record(REGISTRY, "test-v1", {"n": number})


@pytest.fixture
def get(busy: tuple[RunningServer, Applicant]) -> Iterator[Callable[..., httpx.Response]]:
    """Asks the platform of :func:`busy`."""
    with httpx.Client(base_url=busy[0].url) as client:
        yield client.get


def code_of(server: RunningServer, person: Applicant) -> str:
    code: str = person.call("GET", f"/v1/seals/{person.seal_id}").json()["seal_code"]
    return code


def test_tiles_are_the_log_and_its_tree_and_may_be_kept_for_ever(
    get: Callable[..., httpx.Response],
) -> None:
    note = get("/registry/checkpoint").text
    size = int(note.split("\n")[1])
    assert size == 304
    full = get("/registry/tile/entries/000")
    partial = get(f"/registry/tile/entries/001.p/{size - 256}")
    entries = [*unpack_entries(full.content), *unpack_entries(partial.content)]
    page = get("/registry/entries", params={"from": 0, "to": size}).json()["entries"]
    assert [each["record"].encode() for each in page] == entries
    tree = merkle.Tree()
    for each in entries:
        tree.append(each)
    low = get("/registry/tile/0/000").content + get(f"/registry/tile/0/001.p/{size - 256}").content
    assert low == b"".join(tree.node(0, n) for n in range(size))
    assert get("/registry/tile/1/000.p/1").content == tree.node(8, 0)
    for answer in (full, partial, get("/registry/tile/0/000")):
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    plain = get("/registry/tile/entries/000", headers={"accept-encoding": "identity"})
    assert plain.content == full.content
    assert "content-encoding" not in plain.headers
    assert full.headers["content-encoding"] == "gzip"
    assert len(gzip.compress(full.content)) < len(full.content) / 3


def test_what_is_not_there_yet_is_not_found(get: Callable[..., httpx.Response]) -> None:
    for path in (
        *("tile/entries/002", "tile/entries/001", "tile/entries/001.p/49", "tile/entries/1"),
        *("tile/entries/../../healthz", "tile/0/x999/999/999/999", "tile/1/000.p/2"),
        *("tile/7/000.p/1", "epoch", "shards/1/manifest"),
    ):
        answer = get(f"/registry/{path}")
        assert answer.status_code == 404, path
        assert "immutable" not in answer.headers.get("cache-control", "")


def test_an_epoch_tells_what_the_log_tells_and_is_on_record(
    busy: tuple[RunningServer, Applicant], get: Callable[..., httpx.Response]
) -> None:
    server, person = busy
    code = code_of(server, person)
    made = epochs.publish(server.platform)
    newest = get("/registry/epoch")
    assert newest.headers["cache-control"] == "public, max-age=60"
    assert Manifest.parse(newest.content) == made
    assert get("/registry/shards/1/manifest").content == newest.content
    assert (made.epoch, made.size, set(made.shards)) == (1, 304, {shard_of(code)})
    shard = get(f"/registry/shards/1/{shard_of(code)}")
    assert sm3(shard.content).hex() == made.shards[shard_of(code)].sm3
    assert "immutable" in shard.headers["cache-control"]
    rows = decode_shard(shard.content, shard_of(code))
    assert [(each.state, each.reason) for each in rows[code]] == [
        ("suspended", "lost"),
        ("active", ""),
    ]
    last = get("/registry/entries", params={"from": 304, "to": 305}).json()["entries"][0]
    assert json.loads(last["record"])["manifest_sm3"] == sm3(newest.content).hex()
    for path in ("2/manifest", f"1/{shard_of('99999900000000')}", "1/..%2Fmanifest", "0/manifest"):
        assert get(f"/registry/shards/{path}").status_code in (404, 422)


def test_a_client_begins_with_an_epoch_and_names_what_is_not_its_own(
    busy: tuple[RunningServer, Applicant], tmp_path: Path
) -> None:
    server, person = busy
    code = code_of(server, person)
    made = epochs.publish(server.platform)
    person.call("POST", f"/v1/seals/{person.seal_id}/suspend", {"reason": "holder_request"})
    with PlatformClient(server.url) as platform:
        cabinet, whole = Cabinet.in_memory(), Cabinet.in_memory()
        assert registry.follow(platform, cabinet, far=100) == 2
        assert registry.follow(platform, whole) == 306
        assert len(registry.look_up(platform, cabinet, [code])) == 2
        by_shard, by_log = registry.changes(cabinet), registry.changes(whole)
        told = [(each.seal_code, each.state, each.reason) for each in by_log]
        assert [(each.seal_code, each.state, each.reason) for each in by_shard] == told
        assert told == [
            (code, "suspended", "lost"),
            (code, "active", ""),
            (code, "suspended", "holder_request"),
        ]
        folder = server.platform.settings.directory / "registry" / f"{made.epoch:08d}"
        (folder / shard_of(code)).write_bytes(b"another")
        fresh = Cabinet.in_memory()
        registry.follow(platform, fresh, far=100)
        with pytest.raises(PlatformUntrusted) as raised:
            registry.look_up(platform, fresh, [code])
        assert raised.value.reason == "registry_shard"
        for each in (cabinet, whole, fresh):
            each.close()


def test_an_audit_names_an_epoch_that_does_not_tell_what_the_log_tells(
    busy: tuple[RunningServer, Applicant], capsys: pytest.CaptureFixture[str]
) -> None:
    server, person = busy
    directory = server.platform.settings.directory
    assert main(["registry", "publish", "--dir", str(directory)]) == 0
    assert "epoch 1: 304 entries, 1 shards" in capsys.readouterr().out
    assert main(["audit", "verify", "--dir", str(directory)]) == 0
    folder = directory / "registry" / "00000001"
    shard = folder / shard_of(code_of(server, person))
    for file in (shard, folder / "manifest"):
        data = file.read_bytes()
        file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        capsys.readouterr()
        assert main(["audit", "verify", "--dir", str(directory)]) == 1
        said = json.loads(capsys.readouterr().out.splitlines()[0])
        assert "epoch 1" in said["problems"][0]
        file.write_bytes(data)
    assert main(["audit", "verify", "--dir", str(directory)]) == 0


def test_epochs_come_when_they_are_due_and_old_ones_go(
    busy: tuple[RunningServer, Applicant], monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = busy[0].platform
    busy[0].worker.stop()
    week = 7 * 86_400 * 1_000_000

    def due(now: int) -> bool:
        with platform.reading() as session:
            return epochs.is_due(session, 7, now)

    assert not due(canonical.now())
    assert due(canonical.now() + week)
    for number in range(1, 7):
        assert epochs.publish(platform).epoch == number
        assert not due(canonical.now() + week)  # nothing happened since
        platform.ledger.write(lambda tx: tx.record(REGISTRY, "test-v1", {})).result()
        assert due(canonical.now() + week)
    kept = sorted(int(each.name) for each in (platform.settings.directory / "registry").iterdir())
    assert kept == [3, 4, 5, 6]
    before = datetime.now().timestamp()
    monkeypatch.setattr(epochs.canonical, "now", lambda: int(before * 1e6) + week)
    background.work(platform)
    with platform.reading() as session:
        assert epochs.problems(session, platform.settings.directory) == []
    assert Manifest.parse(epochs.newest(platform)).epoch == 7


def test_two_processes_do_not_publish_the_same_epoch(
    busy: tuple[RunningServer, Applicant],
) -> None:
    platform = busy[0].platform
    made = epochs.publish(platform)
    with pytest.raises(RuntimeError, match="another process"):
        platform.ledger.write(epochs._announce, made).result()


def test_an_empty_registry_has_an_empty_epoch(open_settings: Callable[..., Settings]) -> None:
    with start_in_thread(open_settings()) as server:
        made = epochs.publish(server.platform)
        assert (made.size, made.edge, made.shards) == (0, (), {})
        with PlatformClient(server.url) as platform:
            cabinet = Cabinet.in_memory()
            assert registry.follow(platform, cabinet, anew=True) == 1
            cabinet.close()
