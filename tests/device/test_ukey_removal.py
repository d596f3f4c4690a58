"""The key pulled out, plugged in, exchanged, broken: each at the worst moment."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from device.pkcs11 import Module
from device.token import (
    BadSignature,
    DeviceFault,
    NotLoggedIn,
    PinIncorrect,
    Token,
    TokenNotPresent,
    TokenRemoved,
)
from device.virtual import (
    make_token,
    plug_in,
    pull_out,
    set_faults,
    token_path,
)
from device.watch import TokenWatch
from tests.device.ukey_bench import SO_PIN, USER_PIN, der_signature

E = bytes(range(32))


def test_a_pulled_out_key_is_not_present(token: Token, folder: Path, module: Module) -> None:
    pull_out(folder)
    assert module.tokens() == []
    for use in (token.pin_state, token.open, lambda: token.login(USER_PIN)):
        with pytest.raises(TokenNotPresent):
            use()
    with pytest.raises(TokenNotPresent):
        token.change_pin(USER_PIN, "new-pin-5173")
    with pytest.raises(TokenNotPresent):
        token.unblock(SO_PIN, "new-pin-5173")


def test_a_session_dies_with_the_removal_and_stays_dead(token: Token, folder: Path) -> None:
    session = token.login(USER_PIN)
    key = session.generate_key("sm2", "k")
    pull_out(folder)
    with pytest.raises(TokenRemoved):
        key.sign(E)
    with pytest.raises(TokenRemoved):
        session.certificates()
    plug_in(folder)
    for use in (session.keys, session.certificates, lambda: key.sign(E)):
        with pytest.raises(TokenRemoved):
            use()
    session.close()
    with token.login(USER_PIN) as again:
        assert len(again.keys()[0].sign(E)) == 64


def test_pulled_out_in_the_middle_of_a_signature(token: Token, folder: Path) -> None:
    with token.login(USER_PIN) as session:
        key = session.generate_key("sm2", "k")
        set_faults(folder, sign="pull_out", sign_after=2)
        key.sign(E)
        key.sign(E)
        with pytest.raises(TokenRemoved):
            key.sign(E)
    set_faults(folder)
    plug_in(folder)
    with token.login(USER_PIN) as session:
        assert len(session.keys()[0].sign(E)) == 64


def test_closing_never_hides_the_real_error(token: Token, folder: Path) -> None:
    def work_that_fails() -> None:
        with token.login(USER_PIN):
            pull_out(folder)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work_that_fails()
    plug_in(folder)
    session = token.login(USER_PIN)
    session.close()
    session.close()
    with pytest.raises(NotLoggedIn):
        session.certificates()


def test_a_key_in_another_slot_is_the_same_key(token: Token, folder: Path) -> None:
    with token.login(USER_PIN) as session:
        session.generate_key("sm2", "k")
    token_path(folder, 0).rename(token_path(folder, 3))
    with token.login(USER_PIN) as session:
        assert len(session.keys()) == 1
    assert token.info.slot == 3


def test_another_key_in_the_slot_is_not_taken_for_the_first(
    token: Token, folder: Path, module: Module
) -> None:
    session = token.login(USER_PIN)
    token_path(folder, 0).rename(folder / "in the drawer")
    make_token(folder, 0, label="乙公司", so_pin=SO_PIN, user_pin=USER_PIN)
    with pytest.raises(TokenRemoved):
        session.certificates()
    with pytest.raises(TokenNotPresent):
        token.login(USER_PIN)
    [other] = module.tokens()
    assert other.info.label == "乙公司"
    assert other.info.serial != token.info.serial


def test_a_key_initialised_elsewhere_ends_the_session(
    token: Token, in_another_process: Callable[..., object]
) -> None:
    with token.login(USER_PIN) as session:
        in_another_process(f"token.initialise('新', {SO_PIN!r}, {USER_PIN!r})")
        with pytest.raises(TokenRemoved):
            session.keys()


def test_a_device_error_keeps_the_session(token: Token, folder: Path) -> None:
    with token.login(USER_PIN) as session:
        key = session.generate_key("sm2", "k")
        set_faults(folder, sign="device_error")
        with pytest.raises(DeviceFault) as fault:
            key.sign(E)
        assert "DeviceError" in fault.value.code
        set_faults(folder)
        assert len(key.sign(E)) == 64


def test_a_garbage_signature_is_well_formed_and_does_not_verify(
    token: Token, folder: Path, judge: Callable[..., bool]
) -> None:
    """The shape is right, so only verifying finds it: that is the caller's duty."""
    with token.login(USER_PIN) as session:
        key = session.generate_key("sm2", "k")
        set_faults(folder, sign="garbage")
        value = key.sign(E)
    assert not judge(key.public_key, b"", der_signature(value), sm2_id="1234567812345678")


def test_a_malformed_signature_is_refused(token: Token, folder: Path) -> None:
    with token.login(USER_PIN) as session:
        key = session.generate_key("sm2", "k")
        set_faults(folder, sign="malformed")
        with pytest.raises(BadSignature):
            key.sign(E)


def test_faults_strike_the_ordered_slot_only(token: Token, folder: Path, module: Module) -> None:
    make_token(folder, 1, label="乙公司", so_pin=SO_PIN, user_pin=USER_PIN)
    tokens = {found.info.slot: found for found in module.tokens()}
    set_faults(folder, sign="device_error", slot=1)
    with tokens[0].login(USER_PIN) as session:
        assert len(session.generate_key("sm2", "k").sign(E)) == 64
    with tokens[1].login(USER_PIN) as session:
        key = session.generate_key("sm2", "k")
        with pytest.raises(DeviceFault):
            key.sign(E)


def test_a_slow_key_is_slow(token: Token, folder: Path) -> None:
    with token.login(USER_PIN) as session:
        key = session.generate_key("sm2", "k")
        set_faults(folder, sign_latency_ms=120)
        start = time.monotonic()
        key.sign(E)
        assert time.monotonic() - start >= 0.12


def test_unknown_faults_are_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match="no such fault"):
        set_faults(folder, sign="explode")
    with pytest.raises(ValueError, match="no such crash"):
        set_faults(folder, crash="now")


def test_two_keys_work_side_by_side(token: Token, folder: Path, module: Module) -> None:
    make_token(folder, 2, label="乙公司", so_pin=SO_PIN, user_pin="other-pin-77")
    one, two = module.tokens()
    with one.login(USER_PIN) as first, two.login("other-pin-77") as second:
        keys = [first.generate_key("sm2", "一"), second.generate_key("sm2", "二")]
        for _ in range(3):
            assert {len(key.sign(E)) for key in keys} == {64}
        pull_out(folder, 0)
        with pytest.raises(TokenRemoved):
            keys[0].sign(E)
        assert len(keys[1].sign(E)) == 64
        with pytest.raises(PinIncorrect):
            two.login(USER_PIN)


def test_a_damaged_file_is_no_key(token: Token, folder: Path, module: Module) -> None:
    session = token.login(USER_PIN)
    path = token_path(folder, 0)
    good = path.read_bytes()
    for bad in (good[:-1], good[:60], b"x", good[:200] + b"\xff" + good[201:], good * 2000):
        path.unlink()
        assert module.tokens() == []
        path.write_bytes(bad)
        assert module.tokens() == []
        with pytest.raises(TokenNotPresent):
            token.pin_state()
    path.write_bytes(good)
    with pytest.raises(TokenRemoved):
        session.certificates()
    token.login(USER_PIN).close()


def test_the_watch_tells_what_came_and_went(token: Token, folder: Path, module: Module) -> None:
    watch = TokenWatch([module])
    change = watch.poll()
    assert [found.info.serial for found in change.added] == [token.info.serial]
    assert not change.removed
    assert not watch.poll()
    make_token(folder, 1, label="乙公司", so_pin=SO_PIN, user_pin=USER_PIN)
    pull_out(folder, 0)
    change = watch.poll()
    assert [found.info.label for found in change.added] == ["乙公司"]
    assert [info.label for info in change.removed] == ["甲公司"]
    plug_in(folder, 0)
    assert {found.info.slot for found in watch.poll().added} == {0}
    assert {found.info.slot for found in watch.tokens} == {0, 1}


def test_a_blank_key_that_is_initialised_shows_as_a_new_one(folder: Path, module: Module) -> None:
    token_path(folder, 0).touch()
    watch = TokenWatch([module])
    [blank] = watch.poll().added
    blank.initialise("甲公司", SO_PIN, USER_PIN)
    change = watch.poll()
    assert [found.info.label for found in change.added] == ["甲公司"]


def test_a_failing_driver_does_not_hide_the_other_keys(token: Token, module: Module) -> None:
    class Failing:
        def tokens(self) -> list[Token]:
            raise DeviceFault("GeneralError")

    change = TokenWatch([Failing(), module]).poll()
    assert len(change.added) == 1
    assert [failure.args for failure in change.failures] == [DeviceFault("GeneralError").args]


def test_polling_in_the_middle_of_a_session_disturbs_nothing(token: Token, module: Module) -> None:
    watch = TokenWatch([module])
    with token.login(USER_PIN) as session:
        key = session.generate_key("sm2", "k")
        for _ in range(5):
            watch.poll()
            assert len(key.sign(E)) == 64
