"""Review by people, audit by others, and the command line of the operator."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from crypto.algorithms import merkle
from crypto.pki.certificate import Certificate
from crypto.pki.certificate_making import make_request
from crypto.pki.names_and_algorithms import Name
from server_stub.__main__ import main
from server_stub.records import store
from server_stub.records.store import LedgerEntry
from server_stub.settings import Settings
from server_stub.web.serving import RunningServer, start_in_thread
from tests.world.applicant import Applicant, citizen_number
from tests.world.staff import agreement
from tests.world.waiting import until


@pytest.fixture
def reviewed(open_settings: Callable[..., Settings]) -> Iterator[RunningServer]:
    """A platform where people review."""
    with start_in_thread(open_settings(auto_review=False)) as running:
        yield running


def command(server: RunningServer, *arguments: object) -> int:
    directory = server.platform.settings.directory
    return main([*map(str, arguments), "--dir", str(directory), "--log-level", "error"])


def employ(server: RunningServer, role: str, folder: Path) -> Applicant:
    """Certify a key for *role* on the command line and sign in with it over HTTP."""
    person = Applicant(server.url)
    name = Name.build([("CN", "whatever")])
    request, certificate = folder / f"{role}.csr", folder / f"{role}.crt"
    request.write_bytes(make_request(name, person.key.spki, person.key.sign))
    arguments = ("staff", "add", f"{role}-01", "--role", role, "--request", request)
    assert command(server, *arguments, "--out", certificate) == 0
    person.key = person.key.with_certificate(certificate.read_bytes())
    opened = person.sign_in()
    assert (opened["actor"]["kind"], opened["actor"]["roles"]) == ("staff", [role])
    return person


def test_nobody_is_reviewer_and_auditor(
    reviewed: RunningServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key, request = Applicant(reviewed.url), tmp_path / "r.csr"
    request.write_bytes(make_request(Name.build([("CN", "x")]), key.key.spki, key.key.sign))
    whose = ("--request", request, "--id-no", citizen_number(4711))
    for number, (role, code) in enumerate((("reviewer", 0), ("reviewer", 0), ("auditor", 1))):
        out = ("--out", tmp_path / f"{number}.crt")
        assert command(reviewed, "staff", "add", "张三", "--role", role, *whose, *out) == code
    assert "one each" in capsys.readouterr().err
    assert not (tmp_path / "2.crt").exists()
    key.http.close()


def submitted(server: RunningServer, **facts: Any) -> Applicant:
    person = Applicant(server.url, **facts)
    person.draft()
    person.sign_in(application_id=person.application_id)
    assert person.submit().status_code == 200
    path = f"/v1/applications/{person.application_id}"
    until(lambda: person.call("GET", path).json()["awaiting"] is None, "nobody consented")
    return person


GOOD = {"lawful": True, "complete": True, "authentic": True, "reasonable": True}


def test_a_reviewer_claims_decides_and_the_seal_is_made(
    reviewed: RunningServer, tmp_path: Path
) -> None:
    reviewer = employ(reviewed, "reviewer", tmp_path)
    person = submitted(reviewed)

    def waiting_now() -> Any:
        return reviewer.call("GET", "/v1/reviews").json()["items"][0]

    until(lambda: waiting_now()["assessment"], "nobody asked register and police")
    waiting = waiting_now()
    assert waiting["id"] == person.application_id
    assert waiting["assessment"]["authentic"] is True
    path = f"/v1/applications/{person.application_id}"
    early = reviewer.call("POST", f"{path}/approve", GOOD)
    assert early.json()["code"] == "illegal_transition"
    assert reviewer.call("POST", f"{path}/claim", {}).json()["state"] == "in_review"
    doubtful = reviewer.call("POST", f"{path}/approve", GOOD | {"lawful": False})
    assert doubtful.json()["code"] == "forbidden"
    approved = reviewer.call("POST", f"{path}/approve", GOOD).json()
    assert approved["findings"] == GOOD
    person.seal_id = person.wait("fulfilled")["seal_id"]
    assert person.collect().json()["state"] == "active"
    for each in (reviewer, person):
        each.http.close()


def test_an_applicant_cannot_review_and_another_reviewer_cannot_decide(
    reviewed: RunningServer, tmp_path: Path
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, second = (employ(reviewed, "reviewer", tmp_path / each) for each in "ab")
    person = submitted(reviewed)
    path = f"/v1/applications/{person.application_id}"
    assert person.call("POST", f"{path}/claim", {}).json()["code"] == "forbidden"
    first.call("POST", f"{path}/claim", {})
    assert second.call("POST", f"{path}/claim", {}).json()["code"] == "illegal_transition"
    assert second.call("POST", f"{path}/approve", GOOD).json()["code"] == "forbidden"
    rejected = first.call("POST", f"{path}/reject", {"reason": "材料虚假"}).json()
    assert (rejected["state"], rejected["reason"]) == ("rejected", "材料虚假")
    assert person.submit().json()["code"] == "illegal_transition"
    for each in (first, second, person):
        each.http.close()


def test_the_auditor_reads_the_ledger_proves_it_and_leaves_a_trace(
    reviewed: RunningServer, tmp_path: Path
) -> None:
    auditor = employ(reviewed, "auditor", tmp_path)
    submitted(reviewed).http.close()
    key = reviewed.platform.authority.key("ledger").public
    note = auditor.call("GET", "/audit/checkpoint").text
    checkpoint = merkle.open_checkpoint(note, key)
    entries = auditor.call("GET", f"/audit/entries?from=0&to={checkpoint.size}").json()["entries"]
    tree = merkle.Tree()
    for entry in entries:
        tree.append(entry["record"].encode())
    assert (tree.size, tree.root()) == (checkpoint.size, checkpoint.root)
    kinds = [json.loads(entry["record"])["type"] for entry in entries]
    assert kinds.count("key-v1") == 11  # two of them unlock Ukeys
    assert {"staff-added-v1", "application-v1", "sign-in-v1", "audit-read-v1"} <= set(kinds)
    proof = auditor.call("GET", f"/audit/proofs/consistency?from=3&to={checkpoint.size}").json()[
        "proof"
    ]
    steps = [bytes.fromhex(step) for step in proof]
    assert merkle.verify_consistency(3, tree.size, steps, tree.root(3), tree.root())
    found = auditor.call("GET", f"/audit/proofs/inclusion?index=2&size={checkpoint.size}").json()[
        "proof"
    ]
    leaf = merkle.leaf_hash(entries[2]["record"].encode())
    steps = [bytes.fromhex(step) for step in found]
    assert merkle.verify_inclusion(leaf, 2, tree.size, steps, tree.root())
    assert auditor.call("GET", "/v1/reviews").json()["code"] == "forbidden"
    auditor.http.close()


def test_an_unsigned_stranger_reads_no_audit(reviewed: RunningServer) -> None:
    assert httpx.get(f"{reviewed.url}/audit/entries?from=0&to=9").status_code == 401


def test_the_operator_reviews_and_stops_a_seal_beside_the_running_server(
    reviewed: RunningServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    person = submitted(reviewed)
    assert command(reviewed, "status") == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {"applications": {"submitted": 1}, "loss_calls": 0, "dead_filings": 0}
    assert command(reviewed, "review", "list") == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed["id"] == person.application_id
    assert command(reviewed, "review", "approve", person.application_id) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "fulfilled"
    person.seal_id = person.wait("fulfilled")["seal_id"]
    seal = person.collect().json()
    code = seal["seal_code"]
    assert command(reviewed, "seal", "suspend", code) == 1  # no reason, no suspension
    assert command(reviewed, "seal", "suspend", code, "--reason", "licence_revoked") == 0
    status = httpx.get(f"{reviewed.url}/v1/seals/{code}/status").json()
    assert (status["state"], status["reason"]) == ("suspended", "licence_revoked")
    ended = ("seal", "cancel", code, "--reason", "enterprise_deregistered")
    for alone in (("seal", "resume", code), ended):
        assert command(reviewed, *alone) == 1
        assert "an operator stops a seal alone" in capsys.readouterr().err
    file = tmp_path / "agreed.json"
    reviewer = employ(reviewed, "reviewer", tmp_path)
    file.write_bytes(agreement(reviewer, "resume", code, "执照已恢复"))
    assert command(reviewed, *ended, "--agreed", str(file)) == 1  # agreed to something else
    assert command(reviewed, "seal", "resume", code, "--agreed", str(file)) == 0
    assert command(reviewed, "seal", "suspend", code, "--reason", "licence_revoked") == 0
    assert command(reviewed, "seal", "resume", code, "--agreed", str(file)) == 1
    assert "is over" in capsys.readouterr().err  # it was for the suspension before
    file.write_bytes(agreement(reviewer, "cancel", code, "enterprise_deregistered"))
    assert command(reviewed, *ended, "--agreed", str(file)) == 0
    assert command(reviewed, "seal", "resume", code, "--agreed", str(file)) == 1
    assert command(reviewed, "audit", "verify") == 0
    reviewer.http.close()
    person.http.close()


def test_only_a_reviewers_fresh_signature_for_this_is_an_agreement(
    reviewed: RunningServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    person = submitted(reviewed)
    assert command(reviewed, "review", "approve", person.application_id) == 0
    person.seal_id = person.wait("fulfilled")["seal_id"]
    code = person.collect().json()["seal_code"]
    assert command(reviewed, "seal", "suspend", code, "--reason", "false_material") == 0
    reviewer, auditor = (employ(reviewed, role, tmp_path) for role in ("reviewer", "auditor"))
    file, now = tmp_path / "agreed.json", datetime.now(UTC)
    good = json.loads(agreement(reviewer, "resume", code, "查清了"))
    others = (
        agreement(auditor, "resume", code, "查清了"),
        agreement(reviewer, "resume", "32130299999999", "查清了"),
        agreement(reviewer, "suspend", code, "查清了"),
        agreement(reviewer, "resume", code, "x", (now - timedelta(days=1, hours=1)).isoformat()),
        agreement(reviewer, "resume", code, "x", (now + timedelta(hours=1)).isoformat()),
        agreement(reviewer, "resume", code, "x", "yesterday"),
        json.dumps(good | {"reason": "查清了，大概"}).encode(),
        json.dumps(good | {"certificate": "1" * 40}).encode(),
        json.dumps(good | {"signature": "好"}).encode(),
        json.dumps(good | {"at": 1}).encode(),
        json.dumps(good | {"origin": "https://elsewhere.example"}).encode(),
        json.dumps(good | {"reason": "查清了\nx"}).encode(),
        b"[]",
        b"{",
        b"\xff" * 20_000,
    )
    for other in others:
        file.write_bytes(other)
        capsys.readouterr()
        assert command(reviewed, "seal", "resume", code, "--agreed", str(file)) == 1, other
        said = capsys.readouterr().err
        assert said.startswith("refused: "), said
    assert command(reviewed, "seal", "resume", code, "--agreed", str(tmp_path / "none")) == 1
    for each in (person, reviewer, auditor):
        each.http.close()


def test_a_return_names_the_findings_and_unknown_things_are_refused(
    reviewed: RunningServer, capsys: pytest.CaptureFixture[str]
) -> None:
    first = submitted(reviewed)
    reviewed.platform.city.change(first.uscc, status="revoked")
    assert command(reviewed, "review", "approve", first.application_id) == 1
    assert "营业执照已失效" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        command(reviewed, "review", "frobnicate")
    assert command(reviewed, "review", "approve") == 1
    assert command(reviewed, "review", "approve", "app_unknown") == 1
    assert command(reviewed, "seal", "cancel", "32130299999999", "--reason", "damaged") == 1
    other = submitted(reviewed)
    reviewed.platform.city.change(other.uscc, status="revoked")
    assert command(reviewed, "review", "return", other.application_id) == 0
    assert "营业执照已失效" in other.wait("returned")["reason"]
    for each in (first, other):
        each.http.close()


def test_init_twice_keeps_everything_and_audit_names_damage(
    open_settings: Callable[..., Settings], capsys: pytest.CaptureFixture[str]
) -> None:
    settings = open_settings()
    directory = settings.directory
    assert main(["init", "--dir", str(directory)]) == 0
    root = (directory / "certificates" / "root.crt").read_bytes()
    assert main(["init", "--dir", str(directory)]) == 0
    assert (directory / "certificates" / "root.crt").read_bytes() == root
    assert Certificate.parse(root).is_ca
    capsys.readouterr()
    assert main(["audit", "verify", "--dir", str(directory)]) == 0
    reports = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(r["log"], r["size"], r["ok"]) for r in reports] == [
        ("registry", 2, True),  # the platform's own seal: made, collected
        # with the seal's two filings, and one more entry for rows that no other entry carries
        ("ledger", 23, True),
    ]
    engine = store.open_engine(settings.url)
    with engine.begin() as connection:
        change = update(LedgerEntry).where(LedgerEntry.number == 4).values(record=b"\0")
        connection.execute(change)
    engine.dispose()
    assert main(["audit", "verify", "--dir", str(directory)]) == 1
    damaged = json.loads(capsys.readouterr().out.splitlines()[1])
    assert damaged["damaged"] == [4]


def test_a_master_key_of_another_platform_opens_nothing(
    open_settings: Callable[..., Settings], capsys: pytest.CaptureFixture[str]
) -> None:
    directory = open_settings().directory
    assert main(["init", "--dir", str(directory)]) == 0
    (directory / "master.key").write_text("00" * 16)
    assert main(["init", "--dir", str(directory)]) == 1
    assert "another master key" in capsys.readouterr().err


def test_serve_prints_its_address_and_answers(open_settings: Callable[..., Settings]) -> None:
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "server_stub", "serve", "--demo", "--port", "0"),
            *("--dir", str(open_settings().directory)),
        ],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("SealDesk platform: http://127.0.0.1:")
        url = line.removeprefix("SealDesk platform: ").strip()
        said = httpx.get(f"{url}/v1/service").json()
        assert said["origin"] == url
        assert httpx.get(f"{url}/readyz").json() == {"status": "ready"}
    finally:
        process.terminate()
        process.communicate(timeout=20)
    assert process.returncode == 0
