"""Two keepers of one seal, each in a process of its own, at the same moment against one running
platform: it is done once, and both are told how it stands."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from crypto.seal.registry_proof import RegistryProof
from server_stub.web.serving import RunningServer
from tests.flows.conftest import OTHER_COMPANY
from tests.world.applicant import citizen_number, credit_code, number_of
from tests.world.clerk import PIN, SO_PIN, Clerk, enrolled, excerpt

ROOT = Path(__file__).parents[2]
COMPANY = "宿迁市双人保管仓储有限公司"


@pytest.fixture(scope="module")
def keepers(city: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> tuple[Clerk, Clerk]:
    """Who keeps the official seal, and the legal representative with a Ukey of his own."""
    folder = tmp_path_factory.mktemp("keepers")
    uscc, number = credit_code(), number_of("王建国")
    city.platform.city.register(
        *(uscc, COMPANY, "王建国"),
        legal_rep_id=number,
        trusts=[("李晓梅", citizen_number())],
    )
    keeper = enrolled(folder / "keeper", city.url, uscc, COMPANY).clerk
    his = Clerk(folder / "his")
    assert not his("token", "init", "--virtual", "--pin-stdin", stdin=f"{SO_PIN}\n{PIN}\n").code
    got = his(
        *("enroll", "--platform", city.url, "--uscc", uscc, "--name", COMPANY),
        *("--legal-rep", "王建国", "--handler", "王建国", "--handler-id", number),
        *("--phone", "13800000000", "--kind", "contract"),
    )
    assert got.code == 0, got.err
    return keeper, his


def at_once(*orders: tuple[Clerk, Sequence[str | Path]]) -> list[subprocess.CompletedProcess[str]]:
    """Each clerk's command, all begun before any has ended."""
    started = []
    for clerk, words in orders:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        for name, value in clerk.variables.items():
            environment.pop(name, None)
            if value is not None:
                environment[name] = value
        started.append(
            subprocess.Popen(
                [sys.executable, "-P", "-m", "app", *map(str, words)],
                env=environment,
                cwd=clerk.folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                encoding="utf-8",
            )
        )
    done = []
    for process in started:
        out, err = process.communicate(timeout=120)
        done.append(subprocess.CompletedProcess(process.args, process.returncode, out, err))
    return done


def became(city: RunningServer, code: str) -> list[str]:
    """What the registry has of a seal, in order."""
    data = httpx.get(f"{city.url}/registry/seals/{code}").content
    return [str(entry.fields["to"]) for entry in RegistryProof.parse(data).entries]


def test_both_withdraw_a_grant_and_it_ends_once(
    keepers: tuple[Clerk, Clerk], other_clerk: Clerk, city: RunningServer
) -> None:
    keeper, his = keepers
    end = (datetime.now(UTC) + timedelta(days=5)).isoformat()
    offer = keeper("grant", "offer", "--to", OTHER_COMPANY, "--until", end, "--json").json
    assert other_clerk("grant", "accept", offer["code"], "--yes").code == 0
    with other_clerk.desk() as desk:
        lent = (s for s in desk.cabinet.seals() if s.grant and s.grant.grant.id == offer["id"])
        copy = next(lent).code
    assert his("sync").code == 0
    order = ("grant", "withdraw", offer["id"], "--json")
    told = at_once((keeper, order), (his, order))
    assert [each.returncode for each in told] == [0, 0], told
    assert became(city, copy).count("cancelled") == 1
    for clerk in (keeper, his):
        assert clerk("grant", "show", offer["id"], "--json").json["state"] == "revoked"


def test_a_seal_is_suspended_once_and_nothing_is_stamped_after_it(
    keepers: tuple[Clerk, Clerk], city: RunningServer, tmp_path: Path
) -> None:
    """The same key on two computers: one suspends while the other stamps, again and again."""
    keeper = keepers[0].copied(tmp_path / "here")
    there = keepers[0].copied(tmp_path / "there")
    (tmp_path / "合同.pdf").write_bytes(excerpt(1))
    output = tmp_path / "合同_已盖章.pdf"
    suspend = ("seal", "suspend", keeper.seal, "--reason", "holder_request")
    stamp = ("stamp", tmp_path / "合同.pdf", "-o", output, "--seal", keeper.seal)
    first, second, stamped = at_once(
        (keeper, suspend), (there, suspend), (keeper, (*stamp, "--at", "1:100,100"))
    )
    assert 0 in (first.returncode, second.returncode), (first.stderr, second.stderr)
    for each in (first, second):
        assert each.returncode == 0 or "已经停用" in each.stderr, each.stderr
    assert became(city, keeper.seal).count("suspended") == 1
    # it came before, or there is no file; a use in that very second is the registry's to judge
    assert output.exists() == (stamped.returncode == 0), stamped.stderr
    assert [each["event"] for each in keeper.journal()].count("stamped") == output.exists()
    late = there("stamp", tmp_path / "合同.pdf", "--seal", keeper.seal, "--at", "1:100,100")
    assert late.code != 0
