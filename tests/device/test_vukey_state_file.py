"""The token's file: whole at every moment, shared by processes, its try counter never cheated."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from device.pkcs11 import Module
from device.token import PinIncorrect, PinLocked, Token, TokenError, TokenRemoved
from device.virtual import set_faults, token_path
from tests.device.ukey_bench import USER_PIN

Run = Callable[..., subprocess.CompletedProcess[str]]
NEW_PIN = "new-pin-5173"
CRASHED = 86

CHANGES = {
    "data": f"token.login({USER_PIN!r}).write_data('seal', b'new')",
    "key": f"token.login({USER_PIN!r}).generate_key('sm2', 'new')",
    "pin": f"token.change_pin({USER_PIN!r}, {NEW_PIN!r})",
}


@pytest.fixture
def filled(token: Token) -> Token:
    with token.login(USER_PIN) as session:
        session.generate_key("sm2", "old")
        session.write_data("seal", b"old")
    return token


def check_old(token: Token) -> None:
    with token.login(USER_PIN) as session:
        [key] = session.keys()
        assert key.label == "old"
        assert len(key.sign(bytes(32))) == 64
        assert session.read_data("seal") == b"old"


@pytest.mark.parametrize("moment", ["mid_write", "before_rename"])
def test_a_crash_while_writing_leaves_the_old_state(
    filled: Token, folder: Path, in_another_process: Run, moment: str
) -> None:
    """The first write of every operation is the try counter's: struck there, nothing is tested."""
    for change in CHANGES.values():
        set_faults(folder, crash=moment)
        assert in_another_process(change).returncode == CRASHED
        set_faults(folder)
        assert filled.pin_state().tries_left == 10
        check_old(filled)


@pytest.mark.parametrize("moment", ["mid_write", "before_rename"])
@pytest.mark.parametrize("change", ["data", "key"])
def test_a_crash_after_login_leaves_the_old_state(
    filled: Token, folder: Path, in_another_process: Run, moment: str, change: str
) -> None:
    work = CHANGES[change].replace(f"token.login({USER_PIN!r})", "session")
    code = (
        "from pathlib import Path\n"
        f"session = token.login({USER_PIN!r})\n"
        f"set_faults(Path({str(folder)!r}), crash={moment!r})\n{work}\n"
    )
    assert in_another_process(code).returncode == CRASHED
    set_faults(folder)
    check_old(filled)


@pytest.mark.parametrize("change", CHANGES)
def test_without_a_crash_the_new_state_is_there(
    filled: Token, in_another_process: Run, change: str
) -> None:
    result = in_another_process(CHANGES[change])
    assert result.returncode == 0, result.stderr
    with filled.login(NEW_PIN if change == "pin" else USER_PIN) as session:
        keys = session.keys()
        assert [key.label for key in keys] == (["old", "new"] if change == "key" else ["old"])
        assert session.read_data("seal") == (b"new" if change == "data" else b"old")


def test_killed_at_any_moment_the_file_is_whole(filled: Token, folder: Path) -> None:
    code = (
        "from device.virtual import *\n"
        "[token] = open_virtual_module().tokens()\n"
        f"session = token.login({USER_PIN!r})\n"
        "print('ready', flush=True)\n"
        "while True:\n"
        "    for value in (b'a' * 20000, b'b' * 3):\n"
        "        session.write_data('seal', value)\n"
        "        print('written', flush=True)\n"
    )
    for writes in (0, 1, 4, 7):
        with subprocess.Popen(
            [sys.executable, "-c", code], cwd=Path(__file__).parents[2], stdout=subprocess.PIPE
        ) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline().strip() == b"ready"
            for _ in range(writes):
                assert writer.stdout.readline().strip() == b"written"
            writer.kill()
        with filled.login(USER_PIN) as session:
            assert session.read_data("seal") in {b"a" * 20000, b"b" * 3, b"old"}
            assert len(session.keys()) == 1


def test_forged_files_crash_nothing(filled: Token, folder: Path, module: Module) -> None:
    """With a right checksum, so that the parser sees them: lengths, counts and types gone wrong."""
    path = token_path(folder, 0)
    good = path.read_bytes()[:-32]
    chance = random.Random(20261123)
    listed = 0
    for _ in range(300):
        forged = bytearray(good)
        place = chance.randrange(8, len(forged) - 4)
        if chance.random() < 0.5:
            forged[place] = chance.randrange(256)
        else:
            forged[place : place + chance.choice((0, 4, 9))] = chance.choice(
                (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\0\0\0\x80", b"")
            )
        forged[8:24] = chance.randbytes(16)  # a new state id: it must be read again
        path.write_bytes(forged + hashlib.sha256(forged).digest())
        for token in module.tokens():
            listed += 1
            with suppress(TokenError), token.open() as session:
                session.certificates()
                session.read_data("seal")
    assert 0 < listed < 300
    forged = bytearray(good)
    forged[8:24] = chance.randbytes(16)
    path.write_bytes(forged + hashlib.sha256(forged).digest())
    check_old(filled)


def test_an_open_session_sees_what_another_process_changed(
    filled: Token, in_another_process: Run
) -> None:
    with filled.login(USER_PIN) as session:
        key = session.keys()[0]
        assert in_another_process(CHANGES["data"]).returncode == 0
        assert session.read_data("seal") == b"new"
        assert in_another_process(CHANGES["key"]).returncode == 0
        found = session.keys()
        assert {one.label for one in found} == {"old", "new"}
        assert len(key.sign(bytes(32))) == 64  # the handle still holds


def test_wrong_pins_of_another_process_count_here(token: Token, in_another_process: Run) -> None:
    wrong = (
        "try:\n    token.login('wrong-pin')\n"
        "except PinIncorrect as error:\n    print(error.tries_left)"
    )
    assert in_another_process(wrong).stdout == "9\n"
    assert token.pin_state().tries_left == 9
    with pytest.raises(PinIncorrect) as here:
        token.login("wrong-pin")
    assert here.value.tries_left == 8


def test_racing_processes_get_no_extra_tries(token: Token, in_another_process: Run) -> None:
    guess = (
        "for _ in range(4):\n"
        "    try:\n        token.login('wrong-pin')\n"
        "    except TokenError as error:\n        print(type(error).__name__)\n"
    )
    with ThreadPoolExecutor(3) as pool:
        said = [result.stdout.split() for result in pool.map(in_another_process, [guess] * 3)]
    answers = [word for words in said for word in words]
    assert len(answers) == 12
    # Nine at most: who is wrong while another takes the last try hears that the key is locked.
    assert answers.count("PinIncorrect") in {7, 8, 9}
    assert token.pin_state().tries_left == 0
    with pytest.raises(PinLocked):
        token.login(USER_PIN)


def test_files_are_for_the_owner_only_and_nothing_is_left_over(filled: Token, folder: Path) -> None:
    check_old(filled)
    if sys.platform != "win32":  # where the folder that the desk makes is for the owner only
        assert token_path(folder, 0).stat().st_mode & 0o077 == 0
    assert {path.name for path in folder.iterdir()} == {"slot0.vukey", "slot0.lock"}


def test_a_token_is_not_put_back_by_a_write_after_removal(
    filled: Token, folder: Path, module: Module
) -> None:
    session = filled.login(USER_PIN)
    token_path(folder, 0).unlink()
    with pytest.raises(TokenRemoved):
        session.write_data("seal", b"new")
    assert not token_path(folder, 0).exists()
    assert module.tokens() == []
