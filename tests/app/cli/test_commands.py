"""Where a command gets what it is not told: PINs and the facts of an applicant."""

from __future__ import annotations

import builtins
import getpass
import io
from pathlib import Path

import pytest

from app.errors import ExitCode
from device import virtual
from tests.world.applicant import citizen_number
from tests.world.clerk import PIN, SO_PIN, Clerk, excerpt

FACTS = ("--uscc", "91321300MA27DEM14U", "--name", "甲公司")


@pytest.fixture
def user(tmp_path: Path) -> Clerk:
    """Somebody with a ready key and no platform."""
    made = Clerk(tmp_path, pin=None)
    with made.desk():
        virtual.make_token(made.hub, so_pin=SO_PIN, user_pin=PIN)
    return made


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The prompts for PINs, each answered with the next of :data:`ANSWERS`."""
    prompts: list[str] = []

    def ask(prompt: str) -> str:
        prompts.append(prompt)
        return ANSWERS[len(prompts) - 1]

    monkeypatch.setattr(getpass, "getpass", ask)
    return prompts


ANSWERS = (PIN, "new-pin-5173")


def right(user: Clerk, pin: str) -> bool:
    with user.desk() as desk, desk.token().login(pin) as session:
        return session.keys() == []


def test_a_change_of_the_pin_asks_for_both(user: Clerk, asked: list[str]) -> None:
    assert user("token", "change-pin", LANGUAGE="en").out == "The PIN is changed.\n"
    assert [prompt.split(" [")[0] for prompt in asked] == ["PIN", "new PIN"]
    assert right(user, "new-pin-5173")


def test_standard_input_goes_before_the_environment(user: Clerk, asked: list[str]) -> None:
    given = {"PIN": "wrong-pin", "NEW_PIN": "other-pin-1"}
    lines = f"{PIN}\nnew-pin-5173\n"
    assert user("token", "change-pin", "--pin-stdin", stdin=lines, **given).code == 0
    assert asked == []
    assert right(user, "new-pin-5173")


def test_half_of_what_is_needed_in_the_environment_is_nothing(
    user: Clerk, asked: list[str]
) -> None:
    assert user("token", "change-pin", PIN="wrong-pin").code == 0
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (f"12345678\n{PIN}\n", "这个管理员口令不能使用：太容易猜到"),
        (f"{SO_PIN}\n12345678\n", "这个口令不能使用：太容易猜到"),
        (f"12\n{PIN}\n", "这个管理员口令不能使用：太短"),
        ("", "标准输入里没有口令"),
    ],
)
def test_of_a_virtual_key_that_could_not_be_initialised_nothing_stays(
    user: Clerk, lines: str, said: str
) -> None:
    """Nameless and without a PIN it stood in the list, and each try added one."""
    before = user("token", "list").out
    answer = user("token", "init", "--virtual", "--pin-stdin", stdin=lines)
    assert answer.code != 0
    assert said in answer.err
    assert user("token", "list").out == before


def test_without_any_seal_none_is_named_that_is_missing(user: Clerk, tmp_path: Path) -> None:
    source = tmp_path / "in.pdf"
    source.write_bytes(excerpt(1))
    answer = user("stamp", source, "--at", "1:50,50")
    assert "印章柜里还没有印章。" in answer.err
    assert "—" not in answer.err


@pytest.mark.parametrize("lines", ["", f"{PIN}\n", f"\n{PIN}\n"])
def test_an_input_that_ends_early_spends_no_try(user: Clerk, lines: str) -> None:
    assert user("token", "change-pin", "--pin-stdin", stdin=lines).code == ExitCode.USAGE
    assert right(user, PIN)


def test_a_used_key_is_initialised_with_its_present_so_pin_only(user: Clerk) -> None:
    command = ("token", "init", "--pin-stdin")
    assert user(*command, stdin=f"wrong-so-1\n{PIN}\n").code == ExitCode.PIN
    assert right(user, PIN)
    assert user(*command, "--label", "乙", stdin=f"{SO_PIN}\nnew-pin-5173\n").code == 0
    assert "\t乙\t" in user("token", "list").out
    assert right(user, "new-pin-5173")


def test_what_an_application_lacks_is_asked_of_a_person(
    user: Clerk, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    questions: list[str] = []

    def answered(question: str) -> str:
        questions.append(question)
        return citizen_number() if "号" in question else "某人"

    monkeypatch.setattr(io, "StringIO", Terminal)
    monkeypatch.setattr(builtins, "input", answered)
    phone = ("--phone", "13800000000")
    answer = user("enroll", "--platform", "http://127.0.0.1:9", *FACTS, *phone, PIN=PIN)
    assert [each.rstrip(": ") for each in questions] == [
        "法定代表人姓名", "经办人姓名", "经办人身份证号",
    ]  # fmt: skip
    assert answer.code == ExitCode.PLATFORM, "nobody is there"


def test_where_nobody_can_be_asked_the_option_is_named(user: Clerk) -> None:
    answer = user("enroll", "--platform", "http://127.0.0.1:9", *FACTS)
    assert answer.code == ExitCode.USAGE
    assert "--legal-rep" in answer.err
