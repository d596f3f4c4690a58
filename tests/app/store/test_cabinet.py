"""The cabinet: what is put in comes out by value, encrypted on disk, and is never thrown away."""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import keyring
import keyring.backends.fail
import pytest

from app.errors import (
    CabinetDamaged,
    CabinetLocked,
    CabinetTooNew,
    PlatformUntrusted,
    SealNotFound,
    messages,
)
from app.settings import load
from app.store import cabinet as module
from app.store.cabinet import MIGRATIONS, Cabinet, PlatformRecord, SealRecord
from app.store.encrypted_file import EncryptedFile
from app.store.secret_store import Kind, SecretStore, SystemStores
from crypto.algorithms.gm import sm3
from crypto.algorithms.keys import SoftKey
from crypto.owner_only import exposed
from crypto.pki.certificate import OCSP_SIGNING, Certificate
from crypto.pki.certificate_making import make_certificate, make_crl
from crypto.pki.names_and_algorithms import Name
from crypto.seal.making import make_seal
from crypto.seal.statement import SealStatement, SignedStatement

NOW = datetime(2026, 11, 23, 14, tzinfo=UTC)
YEAR = timedelta(days=365)


class Lasting(SecretStore):
    """A store that outlives its cabinet."""

    def __init__(self) -> None:
        session = SecretStore.session()
        super().__init__(Kind.KEYRING, session._place)


def certified(name: str, **options: object) -> SoftKey:
    key = SoftKey.generate()
    values: dict[str, object] = {
        "subject": Name.build([("C", "CN"), ("CN", name)]),
        "public_key": key.spki,
        "issuer": Name.build([("C", "CN"), ("CN", name)]),
        "issuer_key": key,
        "serial": 7,
        "not_before": NOW - YEAR,
        "not_after": NOW + 2 * YEAR,
        "key_usage": ["digitalSignature"],
        "authority_spki": key.spki,
        **options,
    }
    return key.with_certificate(make_certificate(**values))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def record() -> SealRecord:
    holder, maker = certified("32130000000001"), certified("maker")
    seal = make_seal(
        es_id="32130000000001",
        vendor="TEST",
        seal_type=1,
        name="测试公章",
        signer_certificates=[holder.certificate],
        created=NOW - timedelta(days=1),
        valid_from=NOW - timedelta(days=1),
        valid_until=NOW + YEAR,
        picture=b"\x89PNG not looked at here",
        width_mm=40,
        height_mm=40,
        maker=maker,
    )
    return SealRecord(
        id="s-1",
        code="32130000000001",
        name="测试公章",
        kind="company",
        subtype="official",
        state="active",
        reason="",
        enterprise="宿迁测试有限公司",
        uscc="91321302MA27DEMO2X",
        platform="https://platform.example",
        data=seal,
        certificate=holder.certificate,
        certificate_state="active",
        collected_at=NOW,
        updated_at=NOW,
    )


@pytest.fixture
def store() -> SecretStore:
    return Lasting()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "数据" / "cabinet.db"


def usage(number: int) -> tuple[str, str]:
    text = json.dumps({"type": "usage-v1", "document": f"合同{number}"}, ensure_ascii=False)
    return sm3(text.encode()).hex(), text


# ---------------------------------------------------------------- seals


def test_a_seal_comes_out_as_it_went_in(path: Path, store: SecretStore, record: SealRecord) -> None:
    with Cabinet.open(path, store) as cabinet:
        cabinet.keep_seal(record)
        assert not cabinet.session_only
    with Cabinet.open(path, store) as cabinet:
        assert cabinet.seals() == [record]
        for which in (record.code, record.id, record.name):
            assert cabinet.seal(which) == record


def test_a_seal_that_is_not_there_is_not_guessed(store: SecretStore, record: SealRecord) -> None:
    cabinet = Cabinet.in_memory()
    cabinet.keep_seal(record)
    for which in ("", "3213", "测试"):
        with pytest.raises(SealNotFound):
            cabinet.seal(which)


def test_of_two_seals_with_one_name_the_one_in_force_is_meant(record: SealRecord) -> None:
    cabinet = Cabinet.in_memory()
    cabinet.keep_seal(replace(record, id="old", code="1", state="cancelled"))
    cabinet.keep_seal(record)
    assert cabinet.seal(record.name).id == record.id
    cabinet.keep_seal(replace(record, id="twin", code="2"))
    with pytest.raises(SealNotFound):
        cabinet.seal(record.name)


def test_a_changed_state_replaces_the_record(record: SealRecord) -> None:
    cabinet = Cabinet.in_memory()
    cabinet.keep_seal(record)
    cabinet.keep_seal(replace(record, state="suspended", reason="lost"))
    assert [seal.state for seal in cabinet.seals()] == ["suspended"]


@pytest.mark.parametrize(
    ("changes", "days", "reason"),
    [
        ({}, 0, None),
        ({"state": "made"}, 0, "not_collected"),
        ({"state": "suspended"}, 0, "suspended"),
        ({"state": "cancelled"}, 0, "cancelled"),
        ({"state": "expired"}, 0, "expired"),
        ({"certificate_state": "revoked"}, 0, "certificate_revoked"),
        ({"certificate_state": "held"}, 0, "certificate_revoked"),
        ({"certificate_state": "expired"}, 0, "certificate_expired"),
        ({}, -2, "not_yet_valid"),
        ({}, 366, "expired"),
    ],
)
def test_a_seal_says_why_it_cannot_stamp(
    record: SealRecord, changes: dict[str, str], days: int, reason: str | None
) -> None:
    given = replace(record, **changes)  # type: ignore[arg-type]
    assert given.usable(NOW + timedelta(days=days)) == reason
    if reason:
        assert reason in messages("zh_CN")["SealNotUsable"]["words"]["reason"]


def test_the_certificate_can_end_before_the_seal(record: SealRecord) -> None:
    short = certified("short", not_after=NOW + timedelta(days=3))
    given = replace(record, certificate=short.certificate)
    assert given.usable(NOW + timedelta(days=4)) == "certificate_expired"
    assert given.valid_until == NOW + timedelta(days=3)
    late = certified("late", not_before=NOW + timedelta(days=3))
    assert replace(record, certificate=late.certificate).usable(NOW) == "certificate_not_yet_valid"


# ---------------------------------------------------------------- on disk


def test_nothing_can_be_read_without_the_key(
    path: Path, store: SecretStore, record: SealRecord
) -> None:
    with Cabinet.open(path, store) as cabinet:
        cabinet.keep_seal(record)
        cabinet.queue_usage(*usage(1))
        content = b"".join(each.read_bytes() for each in path.parent.iterdir())
    assert record.data not in content
    assert record.enterprise.encode() not in content
    assert "合同1".encode() not in content
    assert not exposed(path)


def test_notices_outlive_the_program_and_are_encrypted(path: Path, store: SecretStore) -> None:
    with Cabinet.open(path, store) as cabinet:
        cabinet.notices.keep("https://platform.example", "seal_active", {"name": "云帆贸易"}, NOW)
    assert "云帆贸易".encode() not in path.read_bytes()
    with Cabinet.open(path, store) as cabinet:
        (notice,) = cabinet.notices.unread()
        assert (notice.facts["name"], notice.at) == ("云帆贸易", NOW)


@pytest.mark.parametrize("table", ["seals", "usage"])
def test_a_record_cannot_be_put_in_anothers_place(
    path: Path, store: SecretStore, record: SealRecord, table: str
) -> None:
    with Cabinet.open(path, store) as cabinet:
        for number in (1, 2):
            cabinet.keep_seal(replace(record, id=f"s-{number}", code=str(number)))
            cabinet.queue_usage(*usage(number))
    forged = sqlite3.connect(path)
    forged.execute(
        f"UPDATE {table} SET body = (SELECT body FROM {table} ORDER BY rowid LIMIT 1)"  # noqa: S608
    )
    forged.commit()
    forged.close()
    with Cabinet.open(path, store) as cabinet, pytest.raises(CabinetDamaged):
        cabinet.seals() if table == "seals" else cabinet.pending_usage()


def test_a_damaged_block_is_told_or_does_not_matter_and_the_file_stays(
    path: Path, store: SecretStore, record: SealRecord
) -> None:
    with Cabinet.open(path, store) as cabinet:
        cabinet.keep_seal(record)
    sound = path.read_bytes()
    damaged = 0
    for start in range(0, len(sound), 512):
        content = sound[:start] + b"\xa5" * 512 + sound[start + 512 :]
        path.write_bytes(content)
        try:
            with Cabinet.open(path, store) as cabinet:
                assert cabinet.seals() == [record]
        except (CabinetDamaged, CabinetLocked):
            damaged += 1
        assert path.read_bytes() == content
    assert damaged >= 3


def test_a_file_that_is_no_database_is_damage(path: Path, store: SecretStore) -> None:
    path.parent.mkdir()
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(CabinetDamaged):
        Cabinet.open(path, store)


def test_a_truncated_file_is_damage(path: Path, store: SecretStore, record: SealRecord) -> None:
    with Cabinet.open(path, store) as cabinet:
        cabinet.keep_seal(record)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(CabinetDamaged), Cabinet.open(path, store) as cabinet:
        cabinet.seals()


def test_only_a_cabinet_that_opening_changes_is_opened_by_one_program_at_a_time(
    path: Path, store: SecretStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[Path] = []

    @contextmanager
    def locked(lock: Path) -> Iterator[None]:
        waited.append(lock)
        yield

    monkeypatch.setattr("app.store.encrypted_file.locked", locked)
    for migrations in (MIGRATIONS[:2], MIGRATIONS):  # made, then brought up to date
        EncryptedFile.open(path, store, migrations).close()
        assert len(waited) == 1
        waited.clear()
        EncryptedFile.open(path, store, migrations).close()
        assert waited == []


def test_a_cabinet_whose_key_is_gone_stays_locked(path: Path, store: SecretStore) -> None:
    Cabinet.open(path, store).close()
    content = path.read_bytes()
    for other in (Lasting(), SecretStore.session()):
        with pytest.raises(CabinetLocked, match="missing"):
            Cabinet.open(path, other)
    assert path.read_bytes() == content


def test_a_wrong_key_is_told_apart_from_damage(path: Path, store: SecretStore) -> None:
    Cabinet.open(path, store).close()
    database = sqlite3.connect(path)
    (identity,) = database.execute("SELECT value FROM meta WHERE name = 'id'").fetchone()
    database.close()
    for wrong in (b"0" * 16, b"too short"):
        store.put(f"cabinet-{identity}", wrong)
        with pytest.raises(CabinetLocked, match="wrong"):
            Cabinet.open(path, store)


def test_where_no_key_can_be_kept_no_file_is_made(path: Path, record: SealRecord) -> None:
    with Cabinet.open(path, SecretStore.session()) as cabinet:
        assert cabinet.session_only
        cabinet.keep_seal(record)
        assert cabinet.seals() == [record]
    assert not path.exists()


def test_two_cabinets_of_one_user_have_keys_of_their_own(
    tmp_path: Path, store: SecretStore, record: SealRecord
) -> None:
    with Cabinet.open(tmp_path / "a.db", store) as first:
        first.keep_seal(record)
    with Cabinet.open(tmp_path / "b.db", store) as second:
        assert second.seals() == []
    with Cabinet.open(tmp_path / "a.db", store) as first:
        assert first.seals() == [record]


def test_a_cabinet_of_a_later_version_is_left_alone(path: Path, store: SecretStore) -> None:
    Cabinet.open(path, store).close()
    database = sqlite3.connect(path)
    database.execute(f"PRAGMA user_version = {len(module.MIGRATIONS) + 1}")
    database.close()
    with pytest.raises(CabinetTooNew):
        Cabinet.open(path, store)


def test_an_older_cabinet_is_brought_up_to_date(
    path: Path, store: SecretStore, record: SealRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Cabinet.open(path, store) as cabinet:
        cabinet.keep_seal(record)
    step = ("CREATE TABLE later (id TEXT)",)
    monkeypatch.setattr(module, "MIGRATIONS", (*module.MIGRATIONS, step))
    with Cabinet.open(path, store) as cabinet:
        assert cabinet.seals() == [record]
    database = sqlite3.connect(path)
    assert database.execute("PRAGMA user_version").fetchone() == (len(module.MIGRATIONS),)
    assert database.execute("SELECT count(*) FROM later").fetchone() == (0,)
    database.close()


def test_a_step_that_fails_changes_nothing(
    path: Path, store: SecretStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    Cabinet.open(path, store).close()
    before = len(module.MIGRATIONS)
    broken = ("CREATE TABLE half (id TEXT)", "CREATE TABLE half (id TEXT)")
    monkeypatch.setattr(module, "MIGRATIONS", (*module.MIGRATIONS, broken))
    with pytest.raises(CabinetDamaged):
        Cabinet.open(path, store)
    database = sqlite3.connect(path)
    assert database.execute("PRAGMA user_version").fetchone() == (before,)
    tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
    database.close()
    assert "half" not in tables


def test_two_threads_share_one_cabinet(path: Path, store: SecretStore) -> None:
    with Cabinet.open(path, store) as cabinet:
        threads = [
            threading.Thread(
                target=lambda first=first: [
                    cabinet.queue_usage(*usage(first + n)) for n in range(10)
                ]
            )
            for first in (0, 100)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(cabinet.pending_usage()) == 20


def test_two_openers_share_one_file(path: Path, store: SecretStore, record: SealRecord) -> None:
    with Cabinet.open(path, store) as first, Cabinet.open(path, store) as second:
        first.keep_seal(record)
        assert second.seals() == [record]


def test_it_opens_with_its_key_in_a_file(tmp_path: Path, record: SealRecord) -> None:
    settings = load(
        {"SEALDESK_HOME": str(tmp_path), "SEALDESK_KEYRING": "0", "SEALDESK_ALLOW_KEY_FILE": "1"},
        machine_folder=tmp_path / "etc",
    )
    for _ in range(2):
        path = settings.folders.data / "cabinet.db"
        with Cabinet.open(path, SystemStores(settings)) as cabinet:
            cabinet.keep_seal(record)
            assert cabinet.seals() == [record]


def slow(monkeypatch: pytest.MonkeyPatch, backend: Any) -> threading.Event:
    """The keyring answers nothing until the event is set."""
    awake = threading.Event()
    read, write = backend.get_password, backend.set_password

    def get(service: str, name: str) -> str | None:
        awake.wait(20)
        answer: str | None = read(service, name)
        return answer

    def put(service: str, name: str, text: str) -> None:
        awake.wait(20)
        write(service, name, text)

    monkeypatch.setattr(backend, "get_password", get)
    monkeypatch.setattr(backend, "set_password", put)
    return awake


def test_a_first_start_with_a_slow_keyring_does_not_part_the_cabinet_from_its_key(
    tmp_path: Path, record: SealRecord, memory_keyring: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load({"SEALDESK_HOME": str(tmp_path)}, machine_folder=tmp_path / "etc")
    path = settings.folders.data / "cabinet.db"
    awake = slow(monkeypatch, memory_keyring)
    with pytest.raises(CabinetLocked, match="timeout"):
        Cabinet.open(path, SystemStores(settings, timeout=0.05))
    awake.set()
    with Cabinet.open(path, SystemStores(settings)) as cabinet:
        cabinet.keep_seal(record)
    assert not (settings.folders.data / "secrets.json").exists()
    awake.clear()
    with pytest.raises(CabinetLocked, match="timeout"):
        Cabinet.open(path, SystemStores(settings, timeout=0.05))
    awake.set()
    with Cabinet.open(path, SystemStores(settings)) as cabinet:
        assert cabinet.seals() == [record]


def test_a_cabinet_is_opened_with_the_store_that_has_its_key(
    tmp_path: Path, record: SealRecord, memory_keyring: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = load(
        {"SEALDESK_HOME": str(tmp_path), "SEALDESK_KEYRING": "0"}, machine_folder=tmp_path / "etc"
    )
    path = without.folders.data / "cabinet.db"
    with Cabinet.open(path, SystemStores(without)) as cabinet:
        cabinet.keep_seal(record)
    settings = load({"SEALDESK_HOME": str(tmp_path)}, machine_folder=tmp_path / "etc")
    slow(monkeypatch, memory_keyring)  # it is not even asked
    with Cabinet.open(path, SystemStores(settings, timeout=0.05)) as cabinet:
        assert cabinet.seals() == [record]
    forbidding = {"SEALDESK_HOME": str(tmp_path), "SEALDESK_ALLOW_KEY_FILE": "0"}
    with pytest.raises(CabinetLocked, match="forbidden"):
        Cabinet.open(path, SystemStores(load(forbidding, machine_folder=tmp_path / "etc")))


def test_a_cabinet_whose_key_went_to_another_place_before_is_opened_again(
    tmp_path: Path, record: SealRecord, memory_keyring: Any
) -> None:
    """As versions that took a slow keyring for none have left it."""
    without = load(
        {"SEALDESK_HOME": str(tmp_path), "SEALDESK_KEYRING": "0"}, machine_folder=tmp_path / "etc"
    )
    path = without.folders.data / "cabinet.db"
    with Cabinet.open(path, SystemStores(without)) as cabinet:
        cabinet.keep_seal(record)
    database = sqlite3.connect(path)
    database.execute("DELETE FROM meta WHERE name = 'store'")
    database.commit()
    database.close()
    settings = load({"SEALDESK_HOME": str(tmp_path)}, machine_folder=tmp_path / "etc")
    with Cabinet.open(path, SystemStores(settings)) as cabinet:
        assert cabinet.seals() == [record]
    database = sqlite3.connect(path)
    query = "SELECT value FROM meta WHERE name = 'store'"
    assert database.execute(query).fetchone() == ("key-file",)
    database.close()


def test_a_key_in_a_keyring_that_is_switched_off_is_told_as_that(
    tmp_path: Path, memory_keyring: Any
) -> None:
    settings = load({"SEALDESK_HOME": str(tmp_path)}, machine_folder=tmp_path / "etc")
    path = settings.folders.data / "cabinet.db"
    Cabinet.open(path, SystemStores(settings)).close()
    off = {"SEALDESK_HOME": str(tmp_path), "SEALDESK_KEYRING": "0"}
    with pytest.raises(CabinetLocked, match="off"):
        Cabinet.open(path, SystemStores(load(off, machine_folder=tmp_path / "etc")))
    keyring.set_keyring(keyring.backends.fail.Keyring())
    with pytest.raises(CabinetLocked, match="none"):
        Cabinet.open(path, SystemStores(settings))


# ---------------------------------------------------------------- statements, platforms, usage


@pytest.fixture(scope="module")
def status_key() -> SoftKey:
    return certified("status", extended_key_usage=[OCSP_SIGNING])


def said(key: SoftKey, minutes: int, state: str = "active") -> SignedStatement:
    statement = SealStatement(
        seal_code="32130000000001",
        state=state,
        reason="",
        effective_at=None,
        recorded_at=None,
        certificate_serial=7,
        certificate_valid=True,
        issued_at=NOW + timedelta(minutes=minutes),
        next_update=NOW + timedelta(minutes=minutes + 60),
    )
    return SignedStatement.parse(statement.encode(key))


def test_the_latest_statement_is_kept_and_an_old_one_does_not_replace_it(
    path: Path, store: SecretStore, status_key: SoftKey
) -> None:
    with Cabinet.open(path, store) as cabinet:
        assert cabinet.statement("32130000000001") is None
        cabinet.keep_statement(said(status_key, 0))
        suspended = said(status_key, 10, "suspended")
        cabinet.keep_statement(suspended)
        cabinet.keep_statement(said(status_key, 5))
    with Cabinet.open(path, store) as cabinet:
        assert cabinet.statement("32130000000001") == suspended
        assert cabinet.statements() == [suspended]


def test_no_platforms_statement_replaces_anothers(
    path: Path, store: SecretStore, status_key: SoftKey
) -> None:
    """A platform may name the code of another one's seal."""
    code, lost = "32130000000001", said(status_key, 0, "suspended")
    old, new = said(status_key, -9), said(status_key, 10)
    with Cabinet.open(path, store) as cabinet:
        cabinet.keep_statement(old)  # as before platforms were told apart
        assert cabinet.statement(code, "https://b") == old
        cabinet.keep_statement(lost, "https://a")
        cabinet.keep_statement(new, "https://b")
        assert cabinet.statement(code, "https://a") == lost
        assert cabinet.statement(code, "https://b") == new
        assert lost in cabinet.statements()


def test_a_platform_is_pinned_by_its_root(path: Path, store: SecretStore) -> None:
    pinned = PlatformRecord("https://p.example", "平台", {"root": b"r", "status": b"s"}, NOW)
    with Cabinet.open(path, store) as cabinet:
        cabinet.pin(pinned)
        renewed = replace(
            pinned, certificates={"root": b"r", "status": b"s2"}, cursor="c9", crls={"root": b"l"}
        )
        cabinet.pin(renewed)
        with pytest.raises(PlatformUntrusted, match="root"):
            cabinet.pin(replace(pinned, certificates={"root": b"other"}))
    with Cabinet.open(path, store) as cabinet:
        assert cabinet.platform("https://p.example") == renewed
        assert cabinet.platform("https://other.example") is None
        assert renewed.root_sm3 == sm3(b"r").hex()


def test_usage_records_wait_in_order_until_their_receipt_came(
    path: Path, store: SecretStore
) -> None:
    records = [usage(number) for number in range(5)]
    with Cabinet.open(path, store, lambda: NOW) as cabinet:
        for each in [*records, records[0]]:
            cabinet.queue_usage(*each)
        assert [each.id for each in cabinet.pending_usage()] == [each for each, _ in records]
        assert [each.record for each in cabinet.pending_usage(2)] == [t for _, t in records[:2]]
        cabinet.keep_receipts({records[1][0]: '{"index":7}', "unknown": "{}"})
    with Cabinet.open(path, store) as cabinet:
        assert len(cabinet.pending_usage()) == 4
        told = cabinet.usage(records[1][0])
        assert told is not None
        assert (told.receipt, told.queued_at) == ('{"index":7}', NOW)
        cabinet.queue_usage(*records[1])
        assert len(cabinet.pending_usage()) == 4, "a record that was sent is not sent again"
        assert cabinet.usage("unknown") is None


def test_a_platform_gets_the_uses_of_its_own_seals_and_of_no_others(
    path: Path, store: SecretStore, record: SealRecord
) -> None:
    def use(seal_id: str) -> tuple[str, str]:
        text = json.dumps({"type": "usage-v1", "seal_id": seal_id})
        return sm3(text.encode()).hex(), text

    with Cabinet.open(path, store) as cabinet:
        cabinet.keep_seal(replace(record, id="s-1", code="1", platform="https://one"))
        for seal in ("s-1", "s-2", "s-gone"):
            cabinet.queue_usage(*use(seal))
        waiting = [use(seal)[0] for seal in ("s-1", "s-2", "s-gone")]
        alone = cabinet.pending_usage(platform="https://one")
        assert [each.id for each in alone] == waiting, "who else should hear of it?"
        cabinet.keep_seal(replace(record, id="s-2", code="2", platform="https://two"))
        for name, own in (("one", waiting[0]), ("two", waiting[1])):
            sent = cabinet.pending_usage(platform=f"https://{name}")
            assert [each.id for each in sent] == [own]
        assert cabinet.pending_usage(platform="https://three") == []
        assert cabinet.waiting_usage() == 3


def test_a_usage_record_bears_its_own_digest(path: Path) -> None:
    with pytest.raises(ValueError, match="SM3"):
        Cabinet.in_memory().queue_usage("00", "{}")


# ---------------------------------------------------------------- nothing is set back


def revocation_list(key: SoftKey, made: datetime) -> bytes:
    return make_crl(
        issuer=Certificate.parse(key.certificate).subject,
        issuer_key=key,
        authority_spki=key.spki,
        number=int(made.timestamp()),
        this_update=made,
        next_update=made + timedelta(days=1),
        entries=[],
    )


def test_an_older_revocation_list_never_replaces_a_newer_one() -> None:
    key = certified("root")
    old, new = (revocation_list(key, NOW - timedelta(hours=n)) for n in (2, 1))
    pinned = PlatformRecord("https://platform.example", "", {"root": key.certificate}, NOW)
    with Cabinet.in_memory() as cabinet:
        for given, kept in (({"root": old}, old), ({"root": new}, new), ({"root": old}, new)):
            cabinet.pin(replace(pinned, crls=given))
            found = cabinet.platform(pinned.url)
            assert found is not None
            assert found.crls == {"root": kept}
        cabinet.pin(replace(pinned, crls={}))
        found = cabinet.platform(pinned.url)
        assert found is not None
        assert found.crls == {"root": new}
