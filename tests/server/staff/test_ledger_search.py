"""The auditor's search: by person, seal, enterprise and time, with proofs, and his signature."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text

from crypto.algorithms import gm, merkle
from server_stub.__main__ import main
from server_stub.console.account import operator
from server_stub.records import canonical
from server_stub.records.auditing import table_problems
from server_stub.staff import ledger_search
from server_stub.web.serving import RunningServer
from tests.world.applicant import Applicant, decision
from tests.world.staff import employ


@pytest.fixture(scope="module")
def auditor(server: RunningServer) -> Iterator[Applicant]:
    made = employ(server, "auditor")
    yield made
    made.http.close()


@pytest.fixture(scope="module")
def company(server: RunningServer) -> Iterator[Applicant]:
    """With an active seal that was used twice."""
    person = Applicant(server.url, name="宿迁市骆马湖酒业有限公司")
    person.enrol()
    for number in range(2):
        fields = {"type": "usage-v1", "seal_id": person.seal_id, "document_sm3": f"{number:064x}"}
        said = json.dumps(fields | {"at": datetime.now(UTC).isoformat()})
        record = {"id": gm.sm3(said.encode()).hex(), "record": said}
        assert person.call("POST", "/v1/usage-records", {"records": [record]}).status_code == 200
    yield person
    person.http.close()


def found(auditor: Applicant, **wanted: str) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """All records, newest first, and the names in them."""
    entries: list[dict[str, Any]] = []
    names: dict[str, str] = {}
    before: dict[str, str] = {}
    while True:
        answer = auditor.http.get(
            "/audit/search",
            params={**wanted, **before},
            headers={"Authorization": f"Bearer {auditor.token}"},
        )
        assert answer.status_code == 200, answer.text
        page = answer.json()
        entries += [{**json.loads(e["record"]), "index": e["index"]} for e in page["items"]]
        names |= page["names"]
        if not page["more"]:
            indices = [each["index"] for each in entries]
            assert indices == sorted(set(indices), reverse=True)
            return entries, names
        before = {"before": page["next"]}


def test_a_seal_is_found_with_all_that_became_of_it(auditor: Applicant, company: Applicant) -> None:
    code = company.call("GET", f"/v1/seals/{company.seal_id}").json()["seal_code"]
    by_code, names = found(auditor, seal=code)
    kinds = [each["type"] for each in by_code]
    assert kinds.count("usage-record-v1") == 2
    assert {"application-v1", "seal-change-v1", "certificate-change-v1", "filing-v1"} <= set(kinds)
    assert [each["index"] for each in found(auditor, seal=company.seal_id)[0]] == [
        each["index"] for each in by_code
    ]
    assert "李晓梅" in names.values()
    assert found(auditor, seal="99999999999999")[0] == []


def test_an_enterprise_is_found_by_code_and_by_name(auditor: Applicant, company: Applicant) -> None:
    by_code = found(auditor, enterprise=company.uscc)[0]
    assert by_code == found(auditor, enterprise=company.name)[0]
    assert all("audience" in each for each in by_code)
    assert found(auditor, enterprise=company.uscc, seal="99999999999999")[0] == []


def test_a_person_is_found_by_name_with_what_he_did(auditor: Applicant, company: Applicant) -> None:
    entries, names = found(auditor, person="李晓梅", enterprise=company.uscc)
    did = {each["type"] for each in entries if names.get(each["by"]["person"]) == "李晓梅"}
    assert "usage-record-v1" in did
    own, _ = found(auditor, person="auditor-01")
    assert {each["type"] for each in own} >= {"audit-read-v1"}


def test_time_and_pages_lose_nothing(
    auditor: Applicant, company: Applicant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_search, "SIZE", 3)
    everything = found(auditor, enterprise=company.uscc)[0]
    assert len(everything) > 8
    middle = everything[4]["recorded_at"]
    later = found(auditor, enterprise=company.uscc, since=middle)[0]
    earlier = found(auditor, enterprise=company.uscc, until=middle)[0]
    assert later + earlier == everything
    assert all(each["recorded_at"] >= middle for each in later)
    answer = auditor.call("GET", "/audit/search?since=yesterday")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_body")


def test_the_auditor_sees_the_uses_of_everybody_and_leaves_a_trace(
    auditor: Applicant, company: Applicant
) -> None:
    uses = auditor.call("GET", "/v1/usage-records").json()["items"]
    assert [each["seal_id"] for each in uses].count(company.seal_id) == 2
    read, _ = found(auditor, person="auditor-01")
    assert "usage records" in [each.get("what") for each in read]


def test_many_entries_are_proved_at_once(
    server: RunningServer, auditor: Applicant, company: Applicant
) -> None:
    entries = auditor.call("GET", f"/audit/search?enterprise={company.uscc}").json()["items"]
    note = auditor.call("GET", "/audit/checkpoint").text
    checkpoint = merkle.open_checkpoint(note, server.platform.authority.key("ledger").public)
    indices = [each["index"] for each in entries]
    answer = auditor.call("POST", "/audit/proofs", {"size": checkpoint.size, "indices": indices})
    for entry, proof in zip(entries, answer.json()["proofs"], strict=True):
        steps = [bytes.fromhex(step) for step in proof["proof"]]
        leaf = merkle.leaf_hash(entry["record"].encode())
        assert merkle.verify_inclusion(
            leaf, entry["index"], checkpoint.size, steps, checkpoint.root
        )


def test_the_auditor_cosigns_what_he_has_checked_and_nothing_else(
    server: RunningServer, auditor: Applicant
) -> None:
    note = auditor.call("GET", "/audit/checkpoint").text
    public = server.platform.authority.key("ledger").public
    checkpoint = merkle.open_checkpoint(note, public)

    def cosign(root: str, size: int, signed_size: int) -> Any:
        said = decision(auditor.url, auditor.key, "cosign", "ledger", root, str(signed_size))
        return auditor.call("POST", "/audit/cosignatures", {"size": size, "root": root} | said)

    good, size = checkpoint.root.hex(), checkpoint.size
    assert cosign(good, size, size + 1).json()["code"] == "signature_invalid"
    assert cosign("ab" * 32, size, size).json()["code"] == "other_root"
    assert cosign(good, 10**9, 10**9).json()["code"] == "other_root"
    assert cosign(good, size, size).json() == {"log": "ledger", "size": size, "root": good}
    with server.platform.reading() as session:
        assert table_problems(session, server.platform.vault) == []


def test_an_entry_filed_under_somebody_else_is_found_by_the_audit(
    server: RunningServer, auditor: Applicant
) -> None:
    found(auditor, person="auditor-01")
    by = "SELECT number, done_by FROM ledger_entry WHERE log = 'ledger' AND done_by IS NOT NULL"
    with server.platform.engine.begin() as connection:
        number, before = connection.execute(text(f"{by} ORDER BY number DESC LIMIT 1")).one()
        change = text("UPDATE ledger_entry SET done_by = :by WHERE log = 'ledger' AND number = :at")
        connection.execute(change, {"by": "somebody", "at": number})
    with server.platform.reading() as session:
        assert any(f"ledger {number}:" in each for each in table_problems(session))
    with server.platform.engine.begin() as connection:
        connection.execute(change, {"by": before, "at": number})


def test_the_operator_searches_on_the_command_line(
    server: RunningServer,
    auditor: Applicant,
    company: Applicant,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = server.platform.settings
    monkeypatch.setenv("SEALDESK_SERVER_DATABASE_URL", settings.database_url)
    arguments = ("audit", "search", "--enterprise", company.uscc, "--dir", str(settings.directory))
    assert main([*arguments, "--log-level", "error"]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {"usage-record-v1", "seal-change-v1"} <= {each["record"]["type"] for each in told}
    assert canonical.parse_timestamp(told[0]["record"]["recorded_at"])
    read, _ = found(auditor, person=operator().subject)
    assert any(company.uscc in each.get("what", "") for each in read)
