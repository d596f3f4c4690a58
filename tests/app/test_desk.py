"""What one run works with is opened when it is needed, and no sooner."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.desk import Desk, with_settings
from app.errors import PlatformNotSet, SealNotFound, SettingLocked, TokenAmbiguous, UsageError
from app.publishers.system_trust import SystemTrust
from app.settings import Origin, Source, load
from app.signing import find_key
from crypto.pki.certificate import Certificate
from crypto.validation.trust import Trust
from device import virtual
from device.token import (
    ModuleNotFound,
    ModuleNotSigned,
    ModuleUnusable,
    Token,
    TokenNotInitialised,
    TokenNotPresent,
)
from tests.world.authorities import Authorities
from tests.world.clerk import PIN, SO_PIN, pem


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where virtual keys are plugged in."""
    monkeypatch.setenv("SEALDESK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv(virtual.FOLDER_VARIABLE, str(tmp_path / "hub"))
    return tmp_path / "hub"


@pytest.fixture
def desk(hub: Path) -> Iterator[Desk]:
    with Desk.open() as opened:
        yield opened


def plug(hub: Path, slot: int, label: str) -> str:
    """Plug in a ready key; gives its serial number."""
    virtual.make_token(hub, slot, label=label, so_pin=SO_PIN, user_pin=PIN)
    tokens = virtual.open_virtual_module().tokens()
    return next(token.info.serial for token in tokens if token.info.slot == slot)


def test_a_desk_that_is_only_looked_at_leaves_no_trace(desk: Desk, tmp_path: Path) -> None:
    assert desk.trust() == Trust()
    assert desk.tokens() == []
    assert desk.status_service() is None
    assert list(tmp_path.iterdir()) == []


def test_what_is_opened_is_opened_once_and_closed_with_the_desk(hub: Path) -> None:
    with Desk.open() as desk:
        cabinet = desk.cabinet
        assert desk.cabinet is cabinet
        assert desk.journal is desk.journal
        assert cabinet.seals() == []
    with pytest.raises(Exception, match="closed"):
        cabinet.seals()


def test_anchors_come_from_the_settings_and_from_the_command(
    desk: Desk, tmp_path: Path, authorities: Authorities
) -> None:
    (tmp_path / "a.pem").write_text(pem(authorities.root))
    (tmp_path / "b.cer").write_bytes(Authorities().root)
    configured = with_settings(desk, trust=(tmp_path / "a.pem",))
    assert configured.trust().signers == (Certificate.parse(authorities.root),)
    assert len(configured.trust([tmp_path / "b.cer"]).signers) == 2


def test_without_an_address_there_is_no_platform(desk: Desk) -> None:
    with pytest.raises(PlatformNotSet):
        desk.platform()


def test_the_platform_is_remembered_for_the_next_time(desk: Desk) -> None:
    desk.remember_platform("http://127.0.0.1:8081/")
    assert desk.settings.platform_url == "http://127.0.0.1:8081"
    assert load().platform_url == "http://127.0.0.1:8081"


# ---------------------------------------------------------------- which key


def test_the_only_key_is_the_one_that_is_meant(desk: Desk, hub: Path) -> None:
    with pytest.raises(TokenNotPresent):
        desk.token()
    serial = plug(hub, 0, "甲")
    assert desk.token().info.serial == serial
    assert desk.token("甲").info.serial == serial
    assert desk.token(serial).info.label == "甲"
    with pytest.raises(TokenNotPresent):
        desk.token("乙")


def test_a_blank_key_is_no_missing_key(desk: Desk, hub: Path) -> None:
    virtual.make_blank_token(hub)
    with pytest.raises(TokenNotInitialised):
        desk.token()
    assert not desk.token(blank=True).initialised
    with pytest.raises(TokenNotPresent):
        desk.token("no-such-key")


def test_of_two_keys_one_must_be_named_or_known(
    desk: Desk, hub: Path, authorities: Authorities
) -> None:
    first, second = plug(hub, 0, "甲"), plug(hub, 1, "乙")
    with pytest.raises(TokenAmbiguous) as caught:
        desk.token()
    assert first in caught.value.serials
    assert second in caught.value.serials
    assert desk.token("乙").info.serial == second
    assert with_settings(desk, token_serial=first).token().info.serial == first

    with desk.token("乙").login(PIN) as session:
        key = session.generate_key("sm2", "k")
        certificate = authorities.certified_for(key.public_key)
        session.store_certificate(certificate, "k", key.key_id)
    held = Certificate.parse(certificate)
    assert desk.token(holding=held).info.serial == second
    by_settings = with_settings(desk, token_serial=first)
    assert by_settings.token(holding=held).info.serial == second, "what it holds says more"
    with desk.token("乙").login(PIN) as session:
        assert find_key(session, certificate).certificate == certificate
        with pytest.raises(SealNotFound):
            desk.holder_key(session)


def test_a_named_driver_is_the_only_one(desk: Desk, hub: Path, tmp_path: Path) -> None:
    plug(hub, 0, "甲")
    assert len(desk.tokens(virtual.open_virtual_module().path)) == 1
    with pytest.raises(ModuleNotFound):
        desk.tokens(tmp_path / "missing.so")
    with pytest.raises(ModuleNotFound):
        with_settings(desk, pkcs11_modules=(str(tmp_path / "missing.so"),)).tokens()


def test_a_driver_that_policy_does_not_name_cannot_be_chosen(desk: Desk, hub: Path) -> None:
    plug(hub, 0, "甲")
    module = virtual.open_virtual_module().path
    fixed = {"pkcs11_modules": Source(Origin.POLICY)}
    elsewhere = with_settings(desk, pkcs11_modules=("/opt/vendor.so",), sources=fixed)
    with pytest.raises(SettingLocked):
        elsewhere.tokens(module)
    named = with_settings(desk, pkcs11_modules=(str(module),), sources=fixed)
    assert len(named.tokens(module)) == 1


def new_key(desk: Desk) -> Token:
    """A blank virtual Ukey, plugged in."""
    with desk.new_virtual_token() as token:
        return token


def test_a_virtual_key_is_gone_again_where_what_was_done_with_it_fails(
    desk: Desk, hub: Path
) -> None:
    with pytest.raises(ZeroDivisionError), desk.new_virtual_token():
        raise ZeroDivisionError
    assert not list(hub.glob("*.vukey"))
    assert new_key(desk).info.slot == virtual.SLOTS[0]


def test_where_policy_demands_signed_drivers_no_other_is_loaded(desk: Desk, hub: Path) -> None:
    plug(hub, 0, "甲")
    strict = with_settings(desk, signed_modules=True)
    for ask in (
        strict.tokens,
        lambda: strict.tokens(virtual.open_virtual_module().path),
        lambda: new_key(strict),
    ):
        with pytest.raises(ModuleNotSigned) as refused:
            ask()
        assert refused.value.signer == ""
    assert [path.name for path in hub.glob("*.vukey")] == ["slot0.vukey"], "no key is made either"
    assert isinstance(strict.judge, SystemTrust)
    assert strict.driver_signer(str(virtual.open_virtual_module().path)) == ""


if sys.platform == "win32":

    def test_windows_says_who_has_signed_a_driver(desk: Desk, tmp_path: Path) -> None:
        """CPython's own files are signed by the Python Software Foundation; they are no drivers,
        so they come past the signature and not further."""
        signed = Path(sys.base_prefix) / "DLLs" / "libcrypto-3.dll"
        strict = with_settings(desk, signed_modules=True)
        assert strict.driver_signer(str(signed)) == "Python Software Foundation"
        with pytest.raises(ModuleUnusable):
            strict.tokens(signed)
        code = bytearray(signed.read_bytes())
        code[5000] ^= 1
        changed = tmp_path / "changed.dll"
        changed.write_bytes(code)
        with pytest.raises(ModuleNotSigned) as refused:
            strict.tokens(changed)
        assert refused.value.signer == "Python Software Foundation"
        assert strict.driver_signer(str(changed)) == ""


def test_where_virtual_keys_are_not_allowed_none_is_offered_or_made(desk: Desk, hub: Path) -> None:
    plug(hub, 0, "甲")
    strict = with_settings(desk, allow_virtual_ukey=False)
    assert strict.tokens() == []
    with pytest.raises(UsageError):
        new_key(strict)


def test_a_program_that_comes_without_a_virtual_key_says_so(
    desk: Desk, hub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("device.virtual.build._SOURCES", hub / "none")
    with pytest.raises(UsageError) as refused:
        new_key(desk)
    assert refused.value.problem == "no_virtual_key"


def test_a_new_virtual_key_takes_the_next_free_slot(desk: Desk, hub: Path) -> None:
    slots = [new_key(desk).info.slot for _ in virtual.SLOTS]
    assert slots == list(virtual.SLOTS)
    with pytest.raises(UsageError):
        new_key(desk)


def test_trust_without_a_network_loads_nothing_that_speaks_http(tmp_path: Path) -> None:
    """It takes a fifth of the start of ``sealdesk verify``."""
    program = (
        "import sys\n"
        "from app.desk import Desk\n"
        "with Desk.open() as desk:\n"
        "    desk.refresh_trust(online=True)\n"
        "    desk.trust()\n"
        "print([name for name in ('httpx', 'keyring') if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        check=True,
        encoding="utf-8",
        env={**os.environ, "SEALDESK_HOME": str(tmp_path)},
    )
    assert done.stdout.strip() == "[]"


def test_where_the_administrator_chose_the_platform_nobody_joins_another(desk: Desk) -> None:
    ours = "https://ours.example.gov.cn"
    locked = with_settings(desk, platform_url=ours, sources={"platform_url": Source(Origin.POLICY)})
    assert locked.platform_to_join("").origin == ours
    assert locked.platform_to_join(f"{ours}/").origin == ours
    with pytest.raises(SettingLocked):
        locked.platform_to_join("https://theirs.example.com")
    assert desk.platform_to_join("https://theirs.example.com").origin.endswith("theirs.example.com")
