"""Secrets go to the keyring, to a guarded file if allowed, or nowhere."""

import threading
from pathlib import Path
from typing import Any

import keyring
import keyring.backend
import keyring.backends.fail
import pytest

from app.errors import CabinetLocked
from app.settings import Settings, load
from app.store import secret_store
from app.store.secret_store import Kind, SecretStore, SystemStores
from crypto.owner_only import exposed
from tests.world.access import open_to_others


def settings(home: Path, **values: str) -> Settings:
    variables = {f"SEALDESK_{name.upper()}": value for name, value in values.items()}
    return load({"SEALDESK_HOME": str(home), **variables}, machine_folder=home / "etc")


def no_keyring() -> None:
    keyring.set_keyring(keyring.backends.fail.Keyring())


def test_the_systems_keyring_comes_first(tmp_path: Path, memory_keyring: Any) -> None:
    store = SystemStores(settings(tmp_path, allow_key_file="1")).best()
    store.put("cabinet", b"\x00\xff key")
    assert (store.kind, store.lasting, store.why) == (Kind.KEYRING, True, "")
    assert list(memory_keyring.passwords) == [("SealDesk", "cabinet")]
    assert SystemStores(settings(tmp_path)).best().get("cabinet") == b"\x00\xff key"
    store.remove("cabinet")
    store.remove("cabinet")
    assert store.get("cabinet") is None
    assert list(tmp_path.rglob("*")) == []


def test_without_a_keyring_and_a_key_file_nothing_is_written(tmp_path: Path) -> None:
    no_keyring()
    store = SystemStores(settings(tmp_path, allow_key_file="0")).best()
    assert (store.kind, store.lasting, store.why) == (Kind.SESSION, False, "none")
    store.put("cabinet", b"key")
    assert store.get("cabinet") == b"key"
    assert list(tmp_path.rglob("*")) == []
    assert SystemStores(settings(tmp_path, allow_key_file="0")).best().get("cabinet") is None


def test_a_key_file_must_be_allowed_and_is_private(tmp_path: Path) -> None:
    no_keyring()
    store = SystemStores(settings(tmp_path, allow_key_file="1")).best()
    assert store.kind is Kind.KEY_FILE
    store.put("cabinet", b"key")
    store.put("other", b"2")
    store.remove("other")
    path = tmp_path / "data" / "secrets.json"
    assert not exposed(path)
    again = SystemStores(settings(tmp_path, allow_key_file="1")).best()
    assert (again.get("cabinet"), again.get("other")) == (b"key", None)


def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    no_keyring()
    store = SystemStores(settings(tmp_path, allow_key_file="1")).best()
    store.put("cabinet", b"key")
    open_to_others(tmp_path / "data" / "secrets.json")
    with pytest.raises(CabinetLocked, match="exposed"):
        store.get("cabinet")


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b'{"cabinet":"***"}'])
def test_a_damaged_key_file_is_told_and_kept(tmp_path: Path, content: bytes) -> None:
    no_keyring()
    store = SystemStores(settings(tmp_path, allow_key_file="1")).best()
    store.put("cabinet", b"key")
    path = tmp_path / "data" / "secrets.json"
    path.write_bytes(content)
    with pytest.raises(CabinetLocked):
        store.get("cabinet")
    assert path.read_bytes() == content


def test_the_keyring_can_be_switched_off(tmp_path: Path) -> None:
    store = SystemStores(settings(tmp_path, keyring="0", allow_key_file="0")).best()
    assert (store.kind, store.why) == (Kind.SESSION, "off")


class Backend(keyring.backend.KeyringBackend):
    """A keyring whose reading does what a test says."""

    priority = 5

    def __init__(self, read: Any) -> None:
        super().__init__()
        self.read = read

    def get_password(self, service: str, username: str) -> str | None:
        answer: str | None = self.read(username)
        return answer

    def set_password(self, service: str, username: str, password: str) -> None:
        self.read(username)


def test_a_locked_keyring_does_not_hang_the_program_and_is_not_replaced(tmp_path: Path) -> None:
    release = threading.Event()
    keyring.set_keyring(Backend(lambda name: release.wait()))
    told: list[str] = []
    stores = SystemStores(
        settings(tmp_path, allow_key_file="1"), timeout=0.1, waiting=lambda: told.append("waiting")
    )
    with pytest.raises(CabinetLocked, match="timeout"):
        stores.best()
    assert not release.is_set()  # whoever waits for the answer waits for ever
    assert told == ["waiting"]
    release.set()
    assert list(tmp_path.rglob("secrets.json")) == []


def test_a_question_that_was_given_up_is_not_asked_twice(tmp_path: Path) -> None:
    """While the system shows its dialog, a second one must not come up."""
    unlocked, asked = threading.Event(), []

    def read(name: str) -> str | None:
        asked.append(name)
        unlocked.wait(20)
        return None

    keyring.set_keyring(Backend(read))
    stores = SystemStores(settings(tmp_path), timeout=0.05)
    for _ in range(2):
        with pytest.raises(CabinetLocked, match="timeout"):
            stores.best()
    unlocked.set()
    assert stores.best().kind is Kind.KEYRING
    assert asked == ["probe"]


def test_modules_that_import_slowly_are_no_answer_overdue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    allowed = threading.Event()
    usable, joined = secret_store._usable_backend, secret_store._Call.ended

    def slow() -> Any:
        allowed.wait(20)
        return usable()

    def ended(call: Any, within: float) -> bool:
        if within == secret_store.IMPORT_S:
            allowed.set()  # long after the time of an answer
        return joined(call, within)

    monkeypatch.setattr(secret_store, "_usable_backend", slow)
    monkeypatch.setattr(secret_store._Call, "ended", ended)
    assert SystemStores(settings(tmp_path), timeout=0.2).best().kind is Kind.KEYRING


def test_a_keyring_that_locks_later_is_an_error_and_no_empty_answer(tmp_path: Path) -> None:
    release = threading.Event()
    keyring.set_keyring(Backend(lambda name: None if name == "probe" else str(release.wait(20))))
    store = SystemStores(settings(tmp_path), timeout=0.2).best()
    assert store.kind is Kind.KEYRING
    with pytest.raises(CabinetLocked, match="timeout"):
        store.get("cabinet")
    release.set()


def test_a_keyring_that_fails_is_none(tmp_path: Path) -> None:
    def fail(name: str) -> None:
        raise RuntimeError("stub received bad data")

    keyring.set_keyring(Backend(fail))
    assert SystemStores(settings(tmp_path)).best().why == "error"


def test_a_keyring_of_plain_files_is_not_used(tmp_path: Path) -> None:
    backend = Backend(lambda name: None)
    backend.priority = 0.5  # type: ignore[assignment]
    keyring.set_keyring(backend)
    assert SystemStores(settings(tmp_path)).best().why == "insecure"


def test_a_secret_too_long_for_windows_is_refused() -> None:
    with pytest.raises(ValueError, match="too long"):
        SecretStore.session().put("x", b"0" * 901)
