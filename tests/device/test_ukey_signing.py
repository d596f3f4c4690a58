"""A key pair, its certificate and its signatures on the virtual Ukey, judged by openssl."""

from __future__ import annotations

from collections.abc import Callable

import pkcs11
import pytest

from device import cryptoki
from device.pkcs11 import Module, open_module
from device.token import Input, KeyNotFound, NotLoggedIn, Token, TokenFull, UnsupportedKey
from tests.device.ukey_bench import USER_PIN, der_signature, sm2_e

MESSAGE = "采购合同 2026-118".encode()


def test_openssl_accepts_a_signature_over_e(token: Token, judge: Callable[..., bool]) -> None:
    with token.login(USER_PIN) as session:
        key = session.generate_key("sm2", "签章密钥")
        value = key.sign(sm2_e(key.public_key, MESSAGE))
    assert (key.algorithm, key.input, key.label) == ("sm2", Input.SM2_E, "签章密钥")
    assert len(value) == 64
    spki, signature = key.public_key, der_signature(value)
    assert judge(spki, MESSAGE, signature, sm2_id="1234567812345678")
    assert not judge(spki, MESSAGE, signature, sm2_id="somebody else")
    assert not judge(spki, MESSAGE + b".", signature, sm2_id="1234567812345678")


def test_many_signatures_all_verify(token: Token, judge: Callable[..., bool]) -> None:
    with token.login(USER_PIN) as session:
        key = session.generate_key("sm2", "k")
        values = {key.sign(sm2_e(key.public_key, MESSAGE)) for _ in range(20)}
    assert len(values) == 20  # a fresh random number in each
    for value in values:
        assert judge(key.public_key, MESSAGE, der_signature(value), sm2_id="1234567812345678")


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_e_of_another_length_is_refused(token: Token, length: int) -> None:
    with token.login(USER_PIN) as session:
        key = session.generate_key("sm2", "k")
        with pytest.raises(ValueError, match="32 bytes"):
            key.sign(bytes(length))


def test_keys_are_found_again_after_the_next_login(token: Token) -> None:
    with token.login(USER_PIN) as session:
        made = [session.generate_key("sm2", name) for name in ("一", "二")]
    with token.login(USER_PIN) as session:
        found = session.keys()
    assert [(k.label, k.key_id, k.public_key) for k in found] == [
        (k.label, k.key_id, k.public_key) for k in made
    ]


def test_keys_need_a_login(token: Token) -> None:
    with token.open() as session:
        with pytest.raises(NotLoggedIn):
            session.keys()
        with pytest.raises(NotLoggedIn):
            session.generate_key("sm2", "k")


def test_a_deleted_key_is_gone(token: Token) -> None:
    with token.login(USER_PIN) as session:
        key = session.generate_key("sm2", "k")
        session.delete_key(key.key_id)
        assert session.keys() == []
        with pytest.raises(KeyNotFound):
            session.delete_key(key.key_id)


@pytest.mark.parametrize("algorithm", ["rsa", "ec-p256", "dsa"])
def test_the_virtual_key_makes_sm2_keys_only(token: Token, algorithm: str) -> None:
    with token.login(USER_PIN) as session, pytest.raises(UnsupportedKey):
        session.generate_key(algorithm, "k")


def test_a_certificate_is_found_by_its_public_key(
    token: Token, certify: Callable[[bytes, str], bytes]
) -> None:
    with token.login(USER_PIN) as session:
        one, two = session.generate_key("sm2", "一"), session.generate_key("sm2", "二")
        mine, other = certify(one.public_key, "one"), certify(two.public_key, "two")
        session.store_certificate(other, "two", one.key_id)  # the id lies, the public key does not
        session.store_certificate(mine, "one", one.key_id)
        found = session.keys()
    keys = {key.label: key for key in found}
    assert keys["一"].certificates == (mine,)
    assert keys["一"].certificate == mine
    assert keys["二"].certificate == other
    with token.open() as session:
        assert set(session.certificates()) == {mine, other}  # without PIN


def test_storing_a_certificate_again_replaces_it(
    token: Token, certify: Callable[[bytes, str], bytes]
) -> None:
    with token.login(USER_PIN) as session:
        key = session.generate_key("sm2", "k")
        assert key.certificate is None
        der = certify(key.public_key, "one")
        session.store_certificate(der, "a", key.key_id)
        session.store_certificate(der, "b", key.key_id)
        assert session.certificates() == [der]
        with pytest.raises(ValueError, match="DER"):
            session.store_certificate(b"no certificate", "c", key.key_id)


def test_data_objects_keep_a_seal(token: Token) -> None:
    seal = bytes(range(256)) * 100
    with token.login(USER_PIN) as session:
        assert session.read_data("seal") is None
        session.write_data("seal", b"old")
        session.write_data("seal", seal)
        session.write_data("印模", b"")
    with token.open() as session:
        assert session.read_data("seal") == seal
        assert session.read_data("印模") == b""
    with token.login(USER_PIN) as session:
        session.delete_data("seal")
        session.delete_data("seal")
        assert session.read_data("seal") is None


def test_a_full_token_says_so_and_keeps_what_it_has(token: Token) -> None:
    with token.login(USER_PIN) as session:
        key = session.generate_key("sm2", "k")
        session.write_data("a", b"x" * 150_000)
        with pytest.raises(TokenFull):
            session.write_data("b", b"y" * 150_000)
        assert session.read_data("a") == b"x" * 150_000
        assert session.read_data("b") is None
        assert len(key.sign(bytes(32))) == 64


def test_the_key_says_what_it_is(token: Token, module: Module) -> None:
    info = token.info
    assert (info.label, info.manufacturer, info.model) == ("甲公司", "SealDesk", "VIRTUAL-UKEY")
    assert info.is_virtual
    assert info.profile == "sealdesk-virtual"
    assert len(info.serial) == 16
    assert (info.slot, info.module) == (0, str(module.path))
    assert open_module(module.path) is module


def test_vendor_numbers_pass_through_python_pkcs11() -> None:
    """Fails when the library's enumerations change, on which `vendor_number` rests."""
    for kind in (pkcs11.Mechanism, pkcs11.KeyType):
        with pytest.raises(ValueError, match="is not a valid"):
            kind(0x80008105)
        member = cryptoki.vendor_number(kind, 0x80008105)
        assert isinstance(member, kind)
        assert member == int(member) == 0x80008105
        assert member.value == 0x80008105
        assert "0x80008105" in repr(member)
    ecdsa = pkcs11.Mechanism.ECDSA
    assert cryptoki.vendor_number(pkcs11.Mechanism, int(ecdsa)) is ecdsa
