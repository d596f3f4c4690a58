"""A Ukey comes to a new computer: its seals come after it, and nobody else's."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from server_stub.web.serving import RunningServer
from tests.flows.conftest import OTHER_COMPANY
from tests.world.applicant import citizen_number, credit_code
from tests.world.clerk import PIN, SO_PIN, Clerk, Enrolled, enrolled, excerpt


def moved(clerk: Clerk, folder: Path) -> Clerk:
    """The same key at a computer that has nothing else of the clerk's."""
    shutil.copytree(clerk.hub, folder / "hub")
    return replace(clerk, folder=folder)


def test_a_new_computer_needs_only_the_key(
    clerk: Clerk, city: RunningServer, tmp_path: Path
) -> None:
    there = moved(clerk, tmp_path / "new")
    assert there("seal", "list", "--json").json == []
    answer = there("sync", "--platform", city.url)
    assert answer.code == 0, answer.err
    assert answer.out.startswith(f"已取回印章： {clerk.seal} ")
    old = clerk("seal", "list", "--json").json
    new = there("seal", "list", "--json").json
    told = ("code", "name", "kind", "enterprise", "uscc", "state")
    assert [[seal.get(k) for k in told] for seal in new] == [
        [seal.get(k) for k in told] for seal in old
    ]

    contract = tmp_path / "合同.pdf"
    contract.write_bytes(excerpt(2))
    assert there("stamp", contract, "--at", "1:100,100").code == 0
    stamped = tmp_path / "合同_已盖章.pdf"
    for offline in ((), ("--offline",)):
        assert there("verify", stamped, *offline).code == 0
    assert clerk("verify", stamped).code == 0


def test_the_second_sync_brings_nothing_back(
    clerk: Clerk, city: RunningServer, tmp_path: Path
) -> None:
    there = moved(clerk, tmp_path / "new")
    assert there("sync", "--platform", city.url).code == 0
    again = there("sync")  # the platform is remembered
    assert again.code == 0
    assert "取回" not in again.out
    assert len(there("seal", "list", "--json").json) == 1


def test_both_seals_of_a_key_come_with_one_pin(city: RunningServer, tmp_path: Path) -> None:
    clerk = enrolled(tmp_path / "old", city.url, credit_code(), "宿迁市骆马湖船舶有限公司").clerk
    facts = clerk("seal", "list", "--json").json[0]
    made = clerk(
        *("enroll", "--uscc", facts["uscc"], "--name", facts["enterprise"]),
        *("--legal-rep", "王建国", "--handler", "李晓梅", "--handler-id", citizen_number()),
        *("--phone", "13800000000", "--kind", "contract"),
    )
    assert made.code == 0, made.err
    there = moved(clerk, tmp_path / "new")
    assert there("sync", "--platform", city.url).out.count("已取回印章：") == 2
    codes = [sorted(s["code"] for s in c("seal", "list", "--json").json) for c in (clerk, there)]
    assert codes[0] == codes[1]


@pytest.mark.usefixtures("company")
def test_a_key_without_a_seal_gets_none_and_is_told_so(city: RunningServer, tmp_path: Path) -> None:
    stranger = Clerk(tmp_path / "stranger")
    made = stranger("token", "init", "--virtual", "--pin-stdin", stdin=f"{SO_PIN}\n{PIN}\n")
    assert made.code == 0
    answer = stranger("sync", "--platform", city.url)
    assert answer.code == 10
    assert "E-306" in answer.err
    assert stranger("seal", "list", "--json").json == []


def test_a_key_gets_its_own_seal_and_not_anothers(
    clerk: Clerk, other_company: Enrolled, city: RunningServer, tmp_path: Path
) -> None:
    there = moved(other_company.clerk, tmp_path / "new")
    assert there("sync", "--platform", city.url).code == 0
    # other tests of this process may have applied for more with the other company's key, or lent it
    assert other_company.clerk("sync", "--platform", city.url).code == 0
    own, found = (
        {(seal["code"], seal["enterprise"]) for seal in computer("seal", "list", "--json").json}
        for computer in (other_company.clerk, there)
    )
    assert (other_company.clerk.seal, OTHER_COMPANY) in found
    assert found == own
    assert clerk.seal not in {code for code, _ in found}
