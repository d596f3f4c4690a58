"""用印审批 through the real client: asked, seen, approved by k of n, proved by the file alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app.remote.approval.asking import POLL
from app.remote.approval.deciding import decide
from app.remote.approval.following import follow
from app.signing import find_key
from server_stub.records.store import UseRequestRow
from server_stub.web.serving import RunningServer
from tests.world.applicant import citizen_number, credit_code
from tests.world.clerk import PIN, Clerk, enrolled, excerpt, pem
from tests.world.systems import PATIENCE

ROOT = Path(__file__).parents[2]


class Office:
    """A company whose seal is used with approvals, and two who approve."""

    def __init__(self, clerk: Clerk, first: Clerk, second: Clerk) -> None:
        self.clerk, self.first, self.second = clerk, first, second

    def rule(self, *more: str) -> dict[str, Any]:
        made = self.clerk("approval", "policy", *more, "--json")
        assert made.code == 0, made.err
        for each in (self.first, self.second):
            assert each("sync").code == 0
        facts: dict[str, Any] = made.json
        return facts

    def two_of_two(self, *more: str) -> dict[str, Any]:
        certificates = [
            f"{own_certificate(clerk)}={name}/负责人"
            for clerk, name in ((self.first, "沈立"), (self.second, "韩雪"))
        ]
        return self.rule("--approver", certificates[0], "--approver", certificates[1], *more)

    def asked(self, *more: str, name: str = "采购合同.pdf") -> tuple[Path, str]:
        source = contract(self.clerk.folder, name)
        made = self.clerk("approval", "request", source, "--purpose", "签采购合同", *more, "--json")
        assert made.code == 0, made.err
        return source, made.json["id"]

    def says(self, by: Clerk, request: str, word: str = "approve", *more: str) -> Any:
        assert by("sync").code == 0
        return by("approval", word, request, *more, "--json")

    def stamp(self, source: Path, *more: str) -> Any:
        return self.clerk("stamp", source, "--at", "1:100,100", "--again", *more)


def own_certificate(clerk: Clerk) -> Path:
    path = clerk.folder / "own.pem"
    if not path.exists():
        with clerk.desk() as desk:
            path.write_text(pem(desk.cabinet.seals()[0].certificate), encoding="ascii")
    return path


def contract(folder: Path, name: str) -> Path:
    """A document of its own: requests go by digest."""
    path = folder / name
    path.write_bytes(excerpt(2) + b"\n" * (1 + sum(name.encode()) % 100))
    return path


@pytest.fixture(scope="module")
def approvers(city: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> tuple[Clerk, ...]:
    """Two people with keys of their own."""
    made = []
    for number, name in enumerate(("沈立", "韩雪"), 701):
        folder = tmp_path_factory.mktemp("approver")
        company = (credit_code(), f"宿迁市审批{number}有限公司")
        made.append(enrolled(folder, city.url, *company, name, citizen_number(number)).clerk)
    return tuple(made)


@pytest.fixture(scope="module")
def office(
    city: RunningServer, approvers: tuple[Clerk, ...], tmp_path_factory: pytest.TempPathFactory
) -> Office:
    """The seal is kept by the legal representative, who alone can loosen its policy."""
    folder = tmp_path_factory.mktemp("asks")
    person = ("王建国", citizen_number(703))
    own = enrolled(folder, city.url, credit_code(), "宿迁市用印有限公司", *person)
    made = Office(own.clerk, *approvers)
    made.two_of_two()
    return made


def test_two_approve_and_a_stranger_sees_who_allowed_it(
    office: Office, stranger: Clerk, root_pem: Path, tmp_path: Path
) -> None:
    refused = office.stamp(contract(office.clerk.folder, "采购合同.pdf"))
    assert refused.code == 17
    assert "E-312" in refused.err
    assert "沈立（负责人）" in refused.err
    source, request = office.asked("--amount", "壹拾万元整")
    pending = office.stamp(source)
    assert (pending.code, "还在等待审批" in pending.err) == (17, True)

    listed = office.first("sync")
    assert listed.code == 0
    pages = tmp_path / "pages"
    seen = office.first("approval", "show", request, "--pages", pages)
    assert seen.code == 0, seen.err
    assert "壹拾万元整" in seen.out
    assert len(list(pages.glob("*.webp"))) == int(page_count(source))
    first = office.first("approval", "approve", request, "--json")
    assert first.json["state"] == "pending"
    assert office.says(office.second, request, "approve", "--reason", "已核对").code == 0
    made = office.stamp(source, "-o", tmp_path / "合同.pdf")
    assert made.code == 0, made.err

    told = stranger("verify", tmp_path / "合同.pdf", "--trust", root_pem, "--offline")
    assert told.code == 0, told.out
    for word in ("本次用印经过审批", "王建国", "采购合同.pdf", "沈立（负责人）", "韩雪（负责人）"):
        assert word in told.out
    again = office.stamp(source, "-o", tmp_path / "第二份.pdf")
    assert again.code == 17


def page_count(source: Path) -> int:
    from app.stamping import page_boxes

    return len(page_boxes(source))


def test_stamping_waits_and_goes_on_by_itself(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = contract(office.clerk.folder, "补充协议.pdf")
    people, pauses = [office.first, office.second], []

    def meanwhile(seconds: float) -> None:
        pauses.append(seconds)
        if people:
            approve_what_waits(people.pop(0))

    monkeypatch.setattr("app.remote.approval.asking.pause", meanwhile)
    made = office.stamp(source, "-o", tmp_path / "y.pdf", "--wait", "300", "--purpose", "补充协议")
    assert made.code == 0, made.err
    assert pauses == [POLL, POLL]
    assert "正在等待审批（0/2）" in made.err
    assert "正在等待审批（1/2）" in made.err


def test_of_many_files_all_are_asked_for_before_the_first_is_waited_for(
    office: Office, city: RunningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More of them than are stamped at a time: the approvers see them all at once."""
    files = [tmp_path / f"报价单 {number}.pdf" for number in range(5)]
    for number, file in enumerate(files):
        file.write_bytes(excerpt(1) + b"\n" * number)
    waiting: list[int] = []

    def asked_so_far(_: float) -> None:
        with city.platform.reading() as session:
            newest = select(UseRequestRow.id).order_by(UseRequestRow.created_at.desc()).limit(5)
            pending = UseRequestRow.state == "pending"
            shown = UseRequestRow.copies == 1
            chosen = select(UseRequestRow.id).where(UseRequestRow.id.in_(newest), pending, shown)
            waiting.append(len(session.scalars(chosen).all()))

    monkeypatch.setattr("app.remote.approval.asking.pause", asked_so_far)
    made = office.clerk("stamp", *files, "--at", "1:100,100", "--wait", "1")
    assert made.code == 17, made.err
    assert waiting[0] == 5
    assert made.err.count("正在等待审批（0/2）") == 5


def approve_what_waits(clerk: Clerk) -> None:
    """With programs of their own: in this process the Ukey of who waits is plugged in."""
    assert started(clerk, "sync").returncode == 0
    listed = started(clerk, "approval", "list", "--open", "--json")
    (waiting,) = json.loads(listed.stdout)
    assert waiting["waits_for_me"]
    assert started(clerk, "approval", "approve", waiting["id"]).returncode == 0


def started(clerk: Clerk, *arguments: str) -> subprocess.CompletedProcess[str]:
    variables = {name: value for name, value in clerk.variables.items() if value is not None}
    return subprocess.run(
        [sys.executable, "-P", "-m", "app", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
        capture_output=True,
        encoding="utf-8",
        timeout=60 * PATIENCE,
        check=False,
    )


def test_a_rejection_is_told_with_its_reason(office: Office) -> None:
    source, request = office.asked(name="拒绝.pdf")
    assert office.says(office.first, request, "reject").code == 64  # without a reason
    said = office.says(office.first, request, "reject", "--reason", "金额与报价不符")
    assert said.json["state"] == "rejected"
    refused = office.stamp(source)
    assert refused.code == 17
    assert office.clerk("sync").code == 0
    shown = office.clerk("approval", "show", request)
    assert "不同意" in shown.out
    assert "金额与报价不符" in shown.out
    late = office.says(office.second, request)
    assert (late.code, "E-315" in late.err) == (17, True)


def test_of_two_who_decide_at_once_the_first_decisions_count(office: Office) -> None:
    source, request = office.asked(name="并发.pdf")

    def approve(clerk: Clerk) -> str:
        with clerk.desk() as desk:
            seal = desk.cabinet.seals()[0]
            with desk.token(holding=seal.signer).login(PIN) as session:
                key = find_key(session, seal.certificate)
                client = desk.platform()
                client.sign_in(key)
                follow(client, desk.cabinet, desk.lending.store, key)
                record = next(e for e in desk.cabinet.use_requests() if e.id == request)
                with ThreadPoolExecutor(4) as pool:
                    tries = [
                        pool.submit(decide, client, desk.cabinet, record, "approve", "", key)
                        for _ in range(2)
                    ]
                return " ".join(sorted("no" if t.exception() else "yes" for t in tries))

    assert [approve(each) for each in (office.first, office.second)] == ["no yes", "no yes"]
    assert office.clerk("sync").code == 0
    shown = office.clerk("approval", "show", request, "--json").json
    assert (shown["state"], shown["approvals"]) == ("approved", 2)
    source.write_bytes(source.read_bytes() + b"\n")  # another document needs another request
    other = office.stamp(source)
    assert (other.code, "还没有提出申请" in other.err) == (17, True)


def test_a_withdrawn_request_and_an_unseen_one(office: Office) -> None:
    source, request = office.asked(name="撤回.pdf")
    gone = office.clerk("approval", "withdraw", request, "--json")
    assert gone.json["state"] == "withdrawn"
    assert office.stamp(source).code == 17
    assert office.says(office.first, request).code == 17
    other = office.first(
        "approval", "approve", request, "--document", own_certificate(office.first)
    )
    assert "不是申请要盖章的文件" in other.err


def test_offline_is_refused_where_the_policy_says_so(office: Office) -> None:
    refused = office.stamp(contract(office.clerk.folder, "离线.pdf"), "--offline")
    assert (refused.code, "不允许离线使用。" in refused.err) == (17, True)
    office.rule("--none", "--offline")
    free = office.stamp(contract(office.clerk.folder, "自由.pdf"))
    assert free.code == 0, free.err
