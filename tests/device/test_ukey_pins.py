"""PINs of the virtual Ukey: counted down, locked, changed, unblocked, never given away."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from device.pkcs11 import Module
from device.token import (
    NotLoggedIn,
    PinIncorrect,
    PinLocked,
    PinNotAllowed,
    PinNotInitialised,
    PinRule,
    PinState,
    Token,
    TokenNotInitialised,
    check_new_pin,
    is_weak_pin,
)
from device.virtual import make_blank_token, make_token
from tests.device.ukey_bench import SO_PIN, USER_PIN, Raw, session_count, ulong

NEW_PIN = "new-pin-5173"
WRONG = "wrong-pin"


def spend_all_tries(token: Token) -> None:
    for left in range(9, 0, -1):
        with pytest.raises(PinIncorrect) as wrong:
            token.login(WRONG)
        assert wrong.value.tries_left == left
    with pytest.raises(PinLocked):
        token.login(WRONG)


def test_a_fresh_key_has_ten_tries(token: Token) -> None:
    assert token.pin_state() == PinState(
        initialised=True, count_low=False, final_try=False, locked=False, must_change=False,
        tries_left=10,
    )  # fmt: skip


def test_wrong_pins_count_down_and_the_flags_follow(token: Token) -> None:
    seen = []
    for _ in range(10):
        with pytest.raises((PinIncorrect, PinLocked)):
            token.login(WRONG)
        state = token.pin_state()
        seen.append((state.tries_left, state.count_low, state.final_try, state.locked))
    assert seen[:8] == [(left, True, False, False) for left in range(9, 1, -1)]
    assert seen[8:] == [(1, True, True, False), (0, True, False, True)]


def test_the_right_pin_gives_all_tries_back(token: Token) -> None:
    with pytest.raises(PinIncorrect):
        token.login(WRONG)
    token.login(USER_PIN).close()
    assert token.pin_state().tries_left == 10


def test_a_locked_key_refuses_the_right_pin(token: Token) -> None:
    spend_all_tries(token)
    with pytest.raises(PinLocked):
        token.login(USER_PIN)
    with pytest.raises(PinLocked):
        token.change_pin(USER_PIN, NEW_PIN)


def test_unblocking_keeps_the_keys_and_data(token: Token) -> None:
    with token.login(USER_PIN) as session:
        made = session.generate_key("sm2", "k")
        session.write_data("seal", b"kept")
    spend_all_tries(token)
    token.unblock(SO_PIN, NEW_PIN)
    with pytest.raises(PinIncorrect):
        token.login(USER_PIN)
    with token.login(NEW_PIN) as session:
        [found] = session.keys()
        assert found.public_key == made.public_key
        assert len(found.sign(bytes(32))) == 64
        assert session.read_data("seal") == b"kept"
    assert token.pin_state().tries_left == 10


def test_the_officers_pin_counts_and_locks_on_its_own(token: Token) -> None:
    for left in range(9, 0, -1):
        with pytest.raises(PinIncorrect) as wrong:
            token.unblock("wrong-so-pin", NEW_PIN)
        assert wrong.value.tries_left == left
    with pytest.raises(PinLocked):
        token.unblock("wrong-so-pin", NEW_PIN)
    with pytest.raises(PinLocked):
        token.unblock(SO_PIN, NEW_PIN)
    with pytest.raises(PinLocked):
        token.initialise("anew", SO_PIN, NEW_PIN)
    assert token.pin_state().tries_left == 10
    token.login(USER_PIN).close()


def test_the_pin_is_changed(token: Token) -> None:
    with token.login(USER_PIN) as session:
        session.generate_key("sm2", "k")
    token.change_pin(USER_PIN, NEW_PIN)
    with pytest.raises(PinIncorrect):
        token.login(USER_PIN)
    with token.login(NEW_PIN) as session:
        assert len(session.keys()) == 1


def test_changing_with_a_wrong_old_pin_costs_a_try(token: Token) -> None:
    with pytest.raises(PinIncorrect) as wrong:
        token.change_pin(WRONG, NEW_PIN)
    assert wrong.value.tries_left == 9
    token.login(USER_PIN).close()


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        ("short", PinRule.TOO_SHORT),
        ("", PinRule.TOO_SHORT),
        ("x" * 33, PinRule.TOO_LONG),
        ("口令" * 6, PinRule.TOO_LONG),  # 36 bytes
        ("12345678", PinRule.WEAK),
        ("111111", PinRule.WEAK),
        ("98765432", PinRule.WEAK),
        ("aaaaaaaaaa", PinRule.WEAK),
        ("PASSWORD", PinRule.WEAK),
        (USER_PIN, PinRule.UNCHANGED),
    ],
)
def test_a_bad_new_pin_is_refused_and_costs_no_try(token: Token, new: str, reason: PinRule) -> None:
    with pytest.raises(PinNotAllowed) as refused:
        token.change_pin(USER_PIN, new)
    assert refused.value.reason is reason
    assert token.pin_state().tries_left == 10
    token.login(USER_PIN).close()


def test_decent_pins_are_not_called_weak() -> None:
    for pin in ("135792", "20261123", "口令口令", "pin-2846"):
        assert not is_weak_pin(pin)
        check_new_pin(pin)


def test_unblocking_checks_the_new_pin_too(token: Token) -> None:
    with pytest.raises(PinNotAllowed):
        token.unblock(SO_PIN, "12345678")


def test_a_chinese_pin_works(token: Token) -> None:
    token.change_pin(USER_PIN, "我的口令八")
    token.login("我的口令八").close()


def test_initialising_again_wants_the_officers_pin_and_erases_all(token: Token) -> None:
    serial = token.info.serial
    with token.login(USER_PIN) as session:
        session.generate_key("sm2", "k")
        session.write_data("seal", b"x")
    with pytest.raises(PinIncorrect) as wrong:
        token.initialise("乙公司", "not-the-so-pin", NEW_PIN)
    assert wrong.value.tries_left == 9
    token.initialise("乙公司", SO_PIN, NEW_PIN)
    assert (token.info.label, token.info.serial) == ("乙公司", serial)
    with token.login(NEW_PIN) as session:
        assert session.keys() == []
        assert session.read_data("seal") is None


def test_a_label_that_does_not_fit_is_refused_before_anything_is_erased(token: Token) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        token.initialise("很长很长很长的公司名称有限公司", SO_PIN, NEW_PIN)
    token.login(USER_PIN).close()


def test_a_blank_key_must_be_initialised_first(folder: Path, module: Module) -> None:
    make_blank_token(folder, 2)
    [blank] = module.tokens()
    assert not blank.initialised
    assert blank.info.serial == ""
    assert not blank.pin_state().initialised
    assert blank.pin_state().tries_left is None
    with pytest.raises(TokenNotInitialised):
        blank.login(USER_PIN)
    with pytest.raises(TokenNotInitialised):
        blank.open()
    blank.initialise("新", SO_PIN, USER_PIN)
    assert blank.initialised
    assert len(blank.info.serial) == 16
    blank.login(USER_PIN).close()


def test_a_key_without_user_pin_says_so(folder: Path, raw: Raw, module: Module) -> None:
    make_blank_token(folder, 0)
    assert raw.InitToken(ulong(0), SO_PIN.encode(), ulong(len(SO_PIN)), b"x".ljust(32)) == 0
    [token] = module.tokens()
    assert not token.pin_state().initialised
    with pytest.raises(PinNotInitialised):
        token.login(USER_PIN)
    token.unblock(SO_PIN, USER_PIN)
    token.login(USER_PIN).close()


def test_a_second_login_checks_the_pin_and_ends_the_first(token: Token) -> None:
    first = token.login(USER_PIN)
    first.generate_key("sm2", "k")
    with pytest.raises(PinIncorrect):  # though a session is logged in already
        token.login(WRONG)
    second = token.login(USER_PIN)
    assert len(second.keys()) == 1
    with pytest.raises(NotLoggedIn):
        first.keys()
    first.close()
    assert len(second.keys()) == 1
    second.close()


def test_failed_logins_leave_no_session_behind(token: Token, module: Module) -> None:
    raw = Raw(module.path)
    for _ in range(5):
        with pytest.raises(PinIncorrect):
            token.login(WRONG)
    assert session_count(raw) == 0
    with token.login(USER_PIN), token.open():
        assert session_count(raw) == 2
    assert session_count(raw) == 0


def test_neither_errors_nor_logs_nor_files_hold_a_pin(
    token: Token, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secrets = (USER_PIN, SO_PIN, WRONG, NEW_PIN)
    with pytest.raises(PinIncorrect) as wrong:
        token.login(WRONG)
    token.change_pin(USER_PIN, NEW_PIN)
    said = caplog.text + repr(wrong.value) + repr(token) + repr(token.info)
    assert not any(secret in said for secret in secrets)
    content = b"".join(path.read_bytes() for path in folder.iterdir())
    assert not any(secret.encode() in content for secret in secrets)


def test_making_a_token_with_a_bad_pin_leaves_no_key(folder: Path) -> None:
    with pytest.raises(PinNotAllowed):
        make_token(folder, 1, so_pin=SO_PIN, user_pin="123456")
    assert not list(folder.glob("*.vukey"))
