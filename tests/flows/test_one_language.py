"""What the commands of a day say is in one language, and ``seal show`` speaks to people."""

from __future__ import annotations

from pathlib import Path

from tests.flows.conftest import COMPANY
from tests.world.applicant import citizen_number, credit_code
from tests.world.clerk import Clerk
from tests.world.one_language import chinese, english

SUBJECTS = ("宿迁市企业电子印章公共服务平台（参考实现）", "根证书")
"""What the certificates of the platform are called."""


def test_stamping_and_verifying_speak_one_language(
    clerk: Clerk, contract: Path, tmp_path: Path
) -> None:
    own = [str(tmp_path), contract.name, COMPANY, clerk.seal, *SUBJECTS]
    for language, foreign in (("zh_CN", english), ("en", chinese)):
        stamped, package = tmp_path / f"{language}.pdf", tmp_path / f"{language}.zip"
        for command in (
            ("stamp", contract, "-o", stamped, "--at", "1:150,240", "--date"),
            ("stamp", contract, "-o", stamped, "--at", "1:150,240"),
            ("stamp", contract, "--at", "9:150,240"),
            ("stamp", contract, "--keyword", "〇〇"),
            ("stamp", contract, "--field", "〇〇"),
            ("verify", stamped),
            ("verify", contract),
            ("evidence", stamped, "-o", package),
            ("evidence", "--check", package),
            ("seal", "list"),
            ("seal", "show", clerk.seal),
            ("sync",),
            ("journal", "list"),
            ("journal", "check"),
        ):
            answer = clerk(*command, LANGUAGE=language)
            said = answer.out + answer.err
            assert said
            assert foreign(said, *own, "〇〇") == set(), (command, said)


def test_a_seal_is_shown_in_words(clerk: Clerk) -> None:
    said = clerk("seal", "show", clerk.seal).out
    for line in (f"名称: {COMPANY}", f"编码: {clerk.seal}", "状态: 可用", "现在能盖章: 是"):
        assert line in said.splitlines()
    assert "kind: company seal" in clerk("seal", "show", clerk.seal, LANGUAGE="en").out


def test_an_application_goes_to_the_platform_that_is_set(clerk: Clerk) -> None:
    facts = ("--uscc", credit_code(), "--name", "宿迁市银杏软件有限公司", "--legal-rep", "王建国")
    person = ("--handler", "李晓梅", "--handler-id", citizen_number(), "--phone", "13800000000")
    answer = clerk("enroll", *facts, *person)
    assert answer.code == 0, answer.err
    assert answer.out.startswith("已领取印章")


def test_without_a_platform_an_application_says_so_before_the_key(tmp_path: Path) -> None:
    answer = Clerk(tmp_path / "new", pin=None)("enroll", "--uscc", "1", "--name", "甲")
    assert answer.code == 13
    assert "E-501" in answer.err or "平台" in answer.err
