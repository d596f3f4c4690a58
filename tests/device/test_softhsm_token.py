"""The same device layer over a second real module: SoftHSM with RSA and P-256."""

from __future__ import annotations

from collections.abc import Callable

import pkcs11
import pytest
from pkcs11.util.ec import encode_named_curve_parameters

from device.encoding import SM2_CURVE
from device.pkcs11 import Module
from device.token import (
    Input,
    PinIncorrect,
    Token,
    UnsupportedKey,
)
from tests.device.ukey_bench import SO_PIN, USER_PIN, Raw, der_signature, ulong

MESSAGE = "服务合同".encode()


def test_rsa_signatures_verify(soft_token: Token, judge: Callable[..., bool]) -> None:
    with soft_token.login(USER_PIN) as session:
        key = session.generate_key("rsa", "RSA 密钥")
        value = key.sign(MESSAGE)
    assert (key.algorithm, key.input, key.label) == ("rsa", Input.MESSAGE, "RSA 密钥")
    assert len(value) == 256
    assert judge(key.public_key, MESSAGE, value)
    assert not judge(key.public_key, MESSAGE + b".", value)


def test_p256_signatures_verify(soft_token: Token, judge: Callable[..., bool]) -> None:
    with soft_token.login(USER_PIN) as session:
        key = session.generate_key("ec-p256", "k")
        values = [key.sign(MESSAGE) for _ in range(5)]
    assert (key.algorithm, key.input) == ("ec-p256", Input.MESSAGE)
    for value in values:
        assert len(value) == 64
        assert judge(key.public_key, MESSAGE, der_signature(value))


def test_certificates_and_data_are_kept(
    soft_token: Token, certify: Callable[[bytes, str], bytes]
) -> None:
    with soft_token.login(USER_PIN) as session:
        key = session.generate_key("rsa", "k")
        der = certify(key.public_key, "company")
        session.store_certificate(der, "certificate", key.key_id)
        assert session.keys()[0].certificates == (der,)
        session.write_data("seal", b"one")
        session.write_data("seal", b"two" * 1000)
    with soft_token.open() as session:
        assert session.certificates() == [der]
        assert session.read_data("seal") == b"two" * 1000
    with soft_token.login(USER_PIN) as session:
        session.delete_data("seal")
        assert session.read_data("seal") is None
        session.delete_key(key.key_id)
        assert session.keys() == []


def test_sm2_is_refused(soft_token: Token) -> None:
    with soft_token.login(USER_PIN) as session, pytest.raises(UnsupportedKey):
        session.generate_key("sm2", "k")


def test_an_sm2_curve_key_is_not_signed_with_ecdsa(soft_token: Token, softhsm: Module) -> None:
    """SoftHSM would sign, well-formed, and it would not be SM2."""
    inner = next(t for t in softhsm.present() if t.slot.slot_id == soft_token.info.slot)
    with inner.open(rw=True, user_pin=USER_PIN) as session:
        parameters = session.create_domain_parameters(
            pkcs11.KeyType.EC, {pkcs11.Attribute.EC_PARAMS: SM2_CURVE}, local=True
        )
        parameters.generate_keypair(store=True, id=b"1", label="SM2 curve")
    with soft_token.login(USER_PIN) as session:
        with pytest.raises(UnsupportedKey):
            session.keys()
        good = session.generate_key("ec-p256", "P-256")
        [found] = session.keys()
        assert found.key_id == good.key_id


def test_another_curve_is_not_taken_for_p256(soft_token: Token, softhsm: Module) -> None:
    inner = next(t for t in softhsm.present() if t.slot.slot_id == soft_token.info.slot)
    curve = encode_named_curve_parameters("secp384r1")
    with inner.open(rw=True, user_pin=USER_PIN) as session:
        parameters = session.create_domain_parameters(
            pkcs11.KeyType.EC, {pkcs11.Attribute.EC_PARAMS: curve}, local=True
        )
        parameters.generate_keypair(store=True, id=b"1", label="P-384")
    with soft_token.login(USER_PIN) as session, pytest.raises(UnsupportedKey):
        session.keys()


def test_a_key_without_public_object_is_found_by_its_certificate(
    soft_token: Token, softhsm: Module, certify: Callable[[bytes, str], bytes]
) -> None:
    with soft_token.login(USER_PIN) as session:
        key = session.generate_key("ec-p256", "k")
    der = certify(key.public_key, "company")
    inner = next(t for t in softhsm.present() if t.slot.slot_id == soft_token.info.slot)
    with inner.open(rw=True, user_pin=USER_PIN) as bare:
        for item in list(bare.get_objects({pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PUBLIC_KEY})):
            item.destroy()
    with soft_token.login(USER_PIN) as session:
        with pytest.raises(UnsupportedKey):
            session.keys()
        session.store_certificate(der, "c", key.key_id)
        [found] = session.keys()
        assert (found.public_key[-64:], found.certificate) == (key.public_key[-64:], der)


def test_pins_work_as_on_any_key(soft_token: Token) -> None:
    with pytest.raises(PinIncorrect) as wrong:
        soft_token.login("wrong-pin")
    assert wrong.value.tries_left is None  # SoftHSM does not tell: no guess
    state = soft_token.pin_state()
    assert (state.count_low, state.locked, state.tries_left) == (True, False, None)
    soft_token.change_pin(USER_PIN, "new-pin-5173")
    soft_token.unblock(SO_PIN, USER_PIN)
    with pytest.raises(PinIncorrect):
        soft_token.unblock("wrong-so-pin", USER_PIN)
    soft_token.login(USER_PIN).close()
    assert not soft_token.pin_state().count_low


def test_failed_logins_leak_no_session(soft_token: Token, softhsm: Module) -> None:
    for _ in range(3):
        with pytest.raises(PinIncorrect):
            soft_token.login("wrong-pin")
    session_exists, pin_incorrect = 0xB6, 0xA0
    raw, slot = Raw(softhsm.path), ulong(soft_token.info.slot)
    wrong, label = b"wrong-so-pin", b"x".ljust(32)
    assert raw.InitToken(slot, wrong, ulong(len(wrong)), label) == pin_incorrect
    with soft_token.open():
        assert raw.InitToken(slot, wrong, ulong(len(wrong)), label) == session_exists


def test_a_leaked_login_does_not_let_a_wrong_pin_in(soft_token: Token, softhsm: Module) -> None:
    """Somebody else in this process is logged in; the library would not look at our PIN."""
    inner = next(t for t in softhsm.present() if t.slot.slot_id == soft_token.info.slot)
    inner.open(user_pin=USER_PIN)
    with pytest.raises(PinIncorrect):
        soft_token.login("wrong-pin")
    soft_token.login(USER_PIN).close()


def test_softhsm_is_known_by_its_profile(soft_token: Token) -> None:
    assert soft_token.info.profile == "softhsm2"
    assert not soft_token.info.is_virtual
    assert soft_token.info.label == "SoftHSM 测试"
