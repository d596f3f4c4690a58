"""A reviewer and an auditor at their own computers, by commands: from the blank key to decisions
and exports that prove themselves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from server_stub.__main__ import main
from server_stub.records import store
from server_stub.records.auditing import table_problems
from server_stub.web.serving import RunningServer
from tests.world.applicant import Applicant, credit_code
from tests.world.clerk import Clerk, excerpt
from tests.world.offices import employee, hand_in, hand_in_with_letter, office


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with office(tmp_path_factory.mktemp("office")) as running:
        yield running


@pytest.fixture(scope="module")
def reviewer(platform: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Clerk:
    return employee(tmp_path_factory.mktemp("r") / "home", platform, "reviewer", "赵审核")


@pytest.fixture(scope="module")
def second(platform: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Clerk:
    return employee(tmp_path_factory.mktemp("s") / "home", platform, "reviewer", "钱复核")


@pytest.fixture(scope="module")
def auditor(platform: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Clerk:
    return employee(tmp_path_factory.mktemp("a") / "home", platform, "auditor", "孙审计")


def state(person: Applicant) -> str:
    found = person.call("GET", f"/v1/applications/{person.application_id}").json()
    return str(found["state"])


def test_an_application_is_returned_by_field_corrected_and_approved(
    platform: RunningServer, reviewer: Clerk
) -> None:
    person = hand_in(platform, name="宿迁市骆马湖酒业有限公司", uscc=credit_code())
    listed = reviewer("review", "list")
    assert person.application_id in listed.out, listed.err
    assert "相符" in listed.out
    shown = reviewer("review", "show", person.application_id)
    assert "handler.name: 李晓梅" in shown.out
    assert reviewer("review", "claim", person.application_id).code == 0
    said = ("--reason", "请补正", "--field", "handler.phone=号码不完整")
    returned = reviewer("review", "return", person.application_id, *said)
    assert "退回补正" in returned.out, returned.err
    told = person.call("GET", f"/v1/applications/{person.application_id}").json()
    assert (told["reason"], told["reasons"]) == ("请补正", {"handler.phone": "号码不完整"})
    assert person.submit().status_code == 200
    assert reviewer("review", "claim", person.application_id).code == 0
    approved = reviewer("review", "approve", person.application_id)
    assert approved.code == 0, approved.err
    assert person.wait("fulfilled")["seal_id"]
    person.http.close()


def test_a_letter_is_opened_before_it_counts(
    platform: RunningServer, reviewer: Clerk, tmp_path: Path
) -> None:
    letter = excerpt(1)
    person = hand_in_with_letter(platform, letter)
    reviewer("review", "claim", person.application_id)
    early = reviewer("review", "approve", person.application_id)
    assert (early.code, "E-503" in early.err) == (13, True)
    out = tmp_path / "letter.pdf"
    opened = reviewer("review", "open", person.application_id, "letter", "-o", out)
    assert opened.code == 0, opened.err
    assert out.read_bytes() == letter
    missing = reviewer("review", "open", person.application_id, "licence", "-o", out)
    assert missing.code == 64
    assert reviewer("review", "approve", person.application_id).code == 0
    person.wait("fulfilled")
    person.http.close()


def test_against_the_records_it_takes_a_second_reviewer(
    platform: RunningServer, reviewer: Clerk, second: Clerk
) -> None:
    person = hand_in(platform)
    platform.platform.city.change(person.uscc, name="改名后的公司")
    reviewer("review", "claim", person.application_id)
    assert reviewer("review", "approve", person.application_id).code == 13
    why = ("--against", "变更登记已办，新执照已核对")
    assert reviewer("review", "approve", person.application_id, *why).code == 0
    assert state(person) == "in_review"
    assert reviewer("review", "approve", person.application_id, *why).code == 13
    assert second("review", "reject", person.application_id, "--reason", "名称不符").code == 0
    assert state(person) == "rejected"
    person.http.close()


def test_an_operator_lifts_a_suspension_with_what_a_reviewer_has_signed(
    platform: RunningServer,
    reviewer: Clerk,
    auditor: Clerk,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    person = hand_in(platform)
    reviewer("review", "claim", person.application_id)
    assert reviewer("review", "approve", person.application_id).code == 0
    person.seal_id = person.wait("fulfilled")["seal_id"]
    code, file = person.collect().json()["seal_code"], tmp_path / "同意.json"
    where = ("--dir", str(platform.platform.settings.directory), "--log-level", "error")
    assert main(["seal", "suspend", code, "--reason", "false_material", *where]) == 0
    wish = ("review", "agree", "resume", code, "--reason", "材料已核实", "-o", file)
    assert auditor(*wish).code == 13
    assert not file.exists()
    agreed = reviewer(*wish)
    assert "24 小时内有效" in agreed.out, agreed.err
    assert main(["seal", "resume", code, *where]) == 1
    assert main(["seal", "resume", code, "--agreed", str(file), *where]) == 0
    assert person.call("GET", f"/v1/seals/{person.seal_id}").json()["state"] == "active"
    assert main(["audit", "verify", *where]) == 0
    person.http.close()


def test_one_role_has_not_the_others_key(reviewer: Clerk, auditor: Clerk) -> None:
    for clerk, command in ((auditor, ("review", "list")), (reviewer, ("audit", "check"))):
        answer = clerk(*command)
        assert (answer.code, "E-515" in answer.err) == (13, True)


def test_the_auditor_checks_searches_exports_and_cosigns(
    platform: RunningServer, auditor: Clerk, reviewer: Clerk, tmp_path: Path
) -> None:
    person = hand_in(platform)
    reviewer("review", "claim", person.application_id)
    first = auditor("audit", "check")
    assert "第一次检查" in first.out, first.err
    assert "没有删改" in auditor("audit", "check").out
    found = auditor("audit", "search", "--person", "赵审核", "--json")
    events = [each["record"].get("event") for each in found.json]
    assert {"claim", "approve", "return"} <= set(events)
    table = tmp_path / "赵审核.csv"
    exported = auditor("audit", "search", "--person", "赵审核", "-o", table)
    assert exported.code == 0, exported.err
    assert "赵审核" in table.read_text("utf-8-sig")
    proofs = table.with_suffix(".json")
    assert "核对无误" in auditor("audit", "verify", proofs).out
    whole = json.loads(proofs.read_text("utf-8"))
    whole["entries"][3]["record"] = whole["entries"][3]["record"].replace("claim", "clain")
    whole["entries"][2]["record"] += " "
    proofs.write_text(json.dumps(whole), encoding="utf-8")
    forged = auditor("audit", "verify", proofs)
    assert (forged.code, "不可信" in forged.out) == (1, True)
    signed = auditor("audit", "cosign")
    assert "联署" in signed.out, signed.err
    with platform.platform.reading() as session:
        assert table_problems(session, platform.platform.vault) == []
    person.http.close()


def test_a_ledger_that_was_rewritten_is_told_and_not_signed(
    platform: RunningServer, auditor: Clerk
) -> None:
    assert auditor("audit", "check").code == 0
    kept = next((auditor.home / "data" / "audit").iterdir())
    before = kept.read_bytes()
    for change, told in (
        ({"size": 10**6}, "比上次检查时短"),
        ({"root": "ab" * 32}, "不是同一份"),
    ):
        kept.write_text(json.dumps(json.loads(before) | change), encoding="utf-8")
        answer = auditor("audit", "cosign")
        assert (answer.code, told in answer.err) == (13, True), answer.err
    kept.write_bytes(b"{")
    damaged = auditor("audit", "check")
    assert (damaged.code, "E-615" in damaged.err) == (16, True)
    kept.write_bytes(before)
    with platform.platform.reading() as session:
        rows = session.scalars(
            text("SELECT count(*) FROM ledger_entry WHERE object_kind = 'cosignature'")
        )
        assert rows.one() == 1


def test_staff_certificates_say_what_they_are_for(platform: RunningServer, auditor: Clerk) -> None:
    with platform.platform.reading() as session:
        subjects = [row.subject for row in session.query(store.Certificate) if row.staff_id]
    assert any("OU=审计员" in each and "孙审计" in each for each in subjects)
    assert "审计员" in auditor("token", "info").out
