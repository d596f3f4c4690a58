"""Secrets at rest."""

from pathlib import Path

import pytest

from crypto.algorithms import gm
from crypto.owner_only import exposed
from server_stub.records.vault import SoftKeyStore, Vault, VaultError, hmac_sm3
from tests.world.access import open_to_others

VAULT = Vault(bytes(range(16)))


def test_hmac_sm3_gives_the_published_value() -> None:
    # OpenSSL agrees: dgst -sm3 -mac HMAC -macopt hexkey:…
    key = bytes.fromhex("0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20")
    message = b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq" * 2
    expected = "ca05e144ed05d1857840d1f318a4a8669e559fc8391f414485bfdf7bb408963a"
    assert hmac_sm3(key, message).hex() == expected


def test_a_sealed_value_opens_only_in_its_place_and_unaltered() -> None:
    sealed = VAULT.seal("person.id_no:p1", b"secret")
    assert VAULT.open("person.id_no:p1", sealed) == b"secret"
    assert VAULT.seal("person.id_no:p1", b"secret") != sealed
    for place, value in (
        ("person.id_no:p2", sealed),
        ("person.phone:p1", sealed),
        ("person.id_no:p1", sealed[:-1] + bytes([sealed[-1] ^ 1])),
        ("person.id_no:p1", b""),
    ):
        with pytest.raises(VaultError):
            VAULT.open(place, value)
    with pytest.raises(VaultError):
        Vault(bytes(16)).open("person.id_no:p1", sealed)


def test_the_master_key_file_is_made_once_and_private(tmp_path: Path) -> None:
    file = tmp_path / "master.key"
    first = Vault.load("", file)
    assert Vault.load("", file) == first
    assert not exposed(file)
    open_to_others(file)
    with pytest.raises(VaultError, match="others"):
        Vault.load("", file)
    assert Vault.load("00" * 16, file).master == bytes(16)
    with pytest.raises(VaultError):
        Vault.load("short", file)
    assert first.master.hex() not in repr(first)


def test_keys_rest_sealed_and_sign_when_opened(tmp_path: Path) -> None:
    keys = SoftKeyStore(VAULT, tmp_path / "keys")
    reference = keys.generate()
    key = keys.open(reference, b"certificate")
    assert gm.sm2_verify(key.public, b"m", key.sign(b"m"))
    assert key.certificate == b"certificate"
    (file,) = (tmp_path / "keys").iterdir()
    assert len(file.read_bytes()) == 12 + 32 + 16
    with pytest.raises(VaultError):
        SoftKeyStore(Vault(bytes(16)), tmp_path / "keys").open(reference)
    keys.destroy(reference)
    for gone in (reference, "../../etc/passwd"):
        with pytest.raises(VaultError):
            keys.open(gone)
