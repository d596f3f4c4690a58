"""A lost Ukey that is told by a call: two people sign, and the seal is out of use at once."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from crypto.algorithms import gm
from server_stub import policy
from server_stub.__main__ import main
from server_stub.policy import Actor
from server_stub.records import auditing, store
from server_stub.records.identity import identity_index
from server_stub.records.ledger import LEDGER, Transaction
from server_stub.staff import agreeing, losing
from server_stub.web.serving import RunningServer, start_in_thread
from tests.world.applicant import Applicant, b64, decision, number_of
from tests.world.platforms import platform_settings
from tests.world.staff import agreement, employ

CALLER = "王建国 0527-84350000"
SHOWN = "回拨登记电话，核对身份证号码和最近一次用印"


class Desk:
    """A platform with two reviewers and the operator at its console."""

    def __init__(self, server: RunningServer) -> None:
        self.server = server
        self.first, self.second = employ(server, "reviewer"), employ(server, "reviewer")
        self.auditor = employ(server, "auditor")
        self.everybody = [self.first, self.second, self.auditor]

    def holder(self, **facts: Any) -> Applicant:
        person = Applicant(self.server.url, **facts)
        self.everybody.append(person)
        person.enrol()
        return person

    def code(self, person: Applicant) -> str:
        found: str = person.call("GET", f"/v1/seals/{person.seal_id}").json()["seal_code"]
        return found

    def state(self, code: str) -> tuple[str, str]:
        said = httpx.get(f"{self.server.url}/v1/seals/{code}/status").json()
        return said["state"], said["reason"] or ""

    def report(self, who: Applicant, code: str) -> httpx.Response:
        told = told_sm3(code)
        signed = decision(self.server.url, who.key, "report-loss", code, told, "")
        body = {"seal_code": code, "caller": CALLER, "shown": SHOWN, **signed}
        return who.call("POST", "/v1/losses", body)

    def decide(self, who: Applicant, call: str, code: str, reason: str = "") -> httpx.Response:
        verb = "refuse" if reason else "confirm"
        told = told_sm3(code)
        signed = decision(self.server.url, who.key, f"{verb}-loss", call, told, reason)
        body = signed | ({"reason": reason} if reason else {})
        return who.call("POST", f"/v1/losses/{call}/{verb}", body)

    def change(self, who: Applicant, person: Applicant, verb: str, reason: str = "") -> str:
        """Suspend or resume the seal of *person*. Gives the code of the refusal, "" for none."""
        with self.server.platform.reading() as session:
            digest = session.get_one(store.Seal, person.seal_id).seal_sm3
        signed = decision(self.server.url, who.key, verb, person.seal_id, digest, reason)
        body = signed | ({"reason": reason} if reason else {})
        answer = who.call("POST", f"/v1/seals/{person.seal_id}/{verb}", body)
        return str(answer.json().get("code", ""))

    def console(self, *words: str) -> int:
        where = ("--dir", str(self.server.platform.settings.directory), "--log-level", "error")
        return main(["loss", *words, *where])


def told_sm3(code: str) -> str:
    return gm.sm3(f"{code}\n{CALLER}\n{SHOWN}\n".encode()).hex()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, light_font: Path) -> Iterator[Desk]:
    settings = platform_settings(tmp_path_factory.mktemp("platform"), imprint_font=light_font)
    with start_in_thread(settings) as running:
        made = Desk(running)
        yield made
        for person in made.everybody:
            person.http.close()


def test_two_people_stop_the_seal_of_a_caller_and_both_signatures_are_on_record(
    desk: Desk,
) -> None:
    person = desk.holder()
    code = desk.code(person)
    call = desk.report(desk.first, code)
    assert call.status_code == 201, call.text
    identity = call.json()["id"]
    assert desk.state(code)[0] == "active"  # one person stops nothing
    assert desk.report(desk.second, code).json()["code"] == "illegal_transition"  # is open
    assert desk.decide(desk.first, identity, code).json()["code"] == "forbidden"
    (waits,) = desk.second.call("GET", "/v1/losses").json()["items"]
    assert (waits["caller"], waits["shown"], waits["seal_code"]) == (CALLER, SHOWN, code)
    done = desk.decide(desk.second, identity, code)
    assert (done.status_code, done.json()["state"]) == (200, "confirmed")
    assert desk.state(code) == ("suspended", "lost")
    refused = person.http.post("/v1/challenges", json={"certificate": b64(person.key.certificate)})
    assert refused.json()["code"] == "certificate_not_valid"  # whoever has the Ukey now
    assert desk.decide(desk.second, identity, code).json()["code"] == "illegal_transition"
    platform = desk.server.platform
    with platform.reading() as session:
        assert auditing.table_problems(session, platform.vault) == []
        rows = session.scalars(select(store.LedgerEntry.record)).all()
    told = [each for row in rows if (each := json.loads(row))["type"] == "loss-call-v1"]
    signed = {each["event"]: each["intent"]["text"].split("\n")[2] for each in told}
    assert signed == {"report": "report-loss", "confirm": "confirm-loss"}
    assert len({each["by"]["person"] for each in told}) == 2


def test_two_keys_of_one_person_are_one_person(desk: Desk) -> None:
    one, again, other = (employ(desk.server, "reviewer", each) for each in (b"1", b"1", b"2"))
    desk.everybody += [one, again, other]
    code = desk.code(desk.holder())
    identity = desk.report(one, code).json()["id"]
    assert desk.decide(again, identity, code).json()["code"] == "forbidden"
    assert desk.state(code)[0] == "active"
    assert desk.decide(other, identity, code).status_code == 200


def test_an_altered_call_a_strangers_signature_and_another_role_stop_nothing(desk: Desk) -> None:
    person = desk.holder()
    code = desk.code(person)
    identity = desk.report(desk.first, code).json()["id"]
    url = desk.server.url
    for digest, verb in ((told_sm3(code)[::-1], "confirm-loss"), (told_sm3(code), "report-loss")):
        signed = decision(url, desk.second.key, verb, identity, digest, "")
        answer = desk.second.call("POST", f"/v1/losses/{identity}/confirm", signed)
        assert answer.json()["code"] == "signature_invalid"
    unsigned = desk.second.call("POST", f"/v1/losses/{identity}/confirm", {})
    assert unsigned.json()["code"] == "signature_invalid"
    for other in (person, desk.auditor):
        assert desk.report(other, code).json()["code"] == "forbidden"
        assert desk.decide(other, identity, code).json()["code"] == "forbidden"
        assert other.call("GET", "/v1/losses").json()["code"] == "forbidden"
    assert desk.state(code)[0] == "active"
    refused = desk.decide(desk.second, identity, code, reason="回拨无人接听")
    assert refused.json()["state"] == "refused"
    assert desk.decide(desk.second, identity, code).json()["code"] == "illegal_transition"
    assert desk.state(code)[0] == "active"


def test_the_console_is_one_person_whatever_its_accounts(
    desk: Desk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    person = desk.holder()
    code = desk.code(person)
    assert desk.console("report", code) == 1
    assert "--caller and --shown" in capsys.readouterr().err
    assert desk.console("report", code, "--caller", CALLER, "--shown", SHOWN) == 0
    identity = json.loads(capsys.readouterr().out)["id"]
    assert desk.console("list") == 0
    assert identity in capsys.readouterr().out
    monkeypatch.setattr("getpass.getuser", lambda: "another account")
    assert desk.console("confirm", identity) == 1
    assert "one person" in capsys.readouterr().err
    assert desk.state(code)[0] == "active"
    assert desk.decide(desk.first, identity, code).status_code == 200
    assert desk.state(code) == ("suspended", "lost")
    other = desk.code(desk.holder())
    taken = desk.report(desk.first, other).json()["id"]
    assert desk.console("confirm", taken) == 0
    assert desk.state(other) == ("suspended", "lost")


def test_one_reviewer_neither_says_that_a_key_is_lost_nor_puts_it_back_in_use(
    desk: Desk, tmp_path: Path
) -> None:
    person = desk.holder()
    code = desk.code(person)
    for reason in ("lost", "key_compromised"):
        assert desk.change(desk.first, person, "suspend", reason) == "forbidden"
    assert desk.change(desk.first, person, "suspend", "licence_revoked") == ""
    assert desk.change(desk.second, person, "resume") == ""
    identity = desk.report(desk.first, code).json()["id"]
    assert desk.decide(desk.second, identity, code).status_code == 200
    for one in (desk.first, desk.second):
        assert desk.change(one, person, "resume") == "forbidden"
    assert desk.state(code) == ("suspended", "lost")
    by_holder = desk.holder()
    assert desk.change(by_holder, by_holder, "suspend", "lost") == ""
    assert desk.change(desk.second, by_holder, "resume") == "forbidden"
    ledger = desk.server.platform.ledger
    operator = Actor("operator", "op_1", frozenset({"operator"}))
    about = (operator, desk.server.url, person.seal_id)
    with pytest.raises(policy.Forbidden, match="an operator stops a seal alone"):
        ledger.write(agreeing.resume, *about, None).result()
    written = tmp_path / "agreed.json"
    written.write_bytes(agreement(desk.second, "resume", code, "Ukey 找到了"))
    ledger.write(agreeing.resume, *about, agreeing.Agreement.read(written)).result()
    assert desk.state(code)[0] == "active"


def test_no_reviewer_decides_about_a_seal_of_his_own(desk: Desk, tmp_path: Path) -> None:
    """Nor agrees that an operator does; and none refuses the call about the Ukey that he has."""
    person = desk.holder()
    code, platform = desk.code(person), desk.server.platform
    himself = employ(
        desk.server, "reviewer", identity_index(platform.vault, "李晓梅", number_of("李晓梅"))
    )
    desk.everybody.append(himself)
    identity = desk.report(desk.first, code).json()["id"]
    for reason in ("本人就是持有人", ""):
        assert desk.decide(himself, identity, code, reason).json()["code"] == "forbidden"
    assert desk.change(desk.first, person, "suspend", "false_material") == ""
    assert desk.change(himself, person, "resume") == "forbidden"
    about = (Actor("operator", "op_1", frozenset({"operator"})), desk.server.url, person.seal_id)
    written = tmp_path / "agreed.json"
    for who, works in ((himself, False), (desk.second, True)):
        written.write_bytes(agreement(who, "resume", code, "查清了"))
        writing = platform.ledger.write(agreeing.resume, *about, agreeing.Agreement.read(written))
        with contextlib.nullcontext() if works else pytest.raises(policy.Forbidden, match="own"):
            writing.result()


def test_an_agreement_of_a_time_to_come_is_not_there_for_the_next_suspension(
    desk: Desk, tmp_path: Path
) -> None:
    person = desk.holder()
    code, ahead = desk.code(person), (datetime.now(UTC) + timedelta(minutes=5)).isoformat()
    assert desk.change(desk.first, person, "suspend", "false_material") == ""
    written = tmp_path / "agreed.json"
    written.write_bytes(agreement(desk.second, "resume", code, "查清了", ahead))
    operator = Actor("operator", "op_1", frozenset({"operator"}))
    about = (operator, desk.server.url, person.seal_id, agreeing.Agreement.read(written))
    with pytest.raises(policy.Forbidden, match="time to come"):
        desk.server.platform.ledger.write(agreeing.resume, *about).result()


@pytest.mark.parametrize("written", [b"", b"[]", b"[" * 9_000, b'{"certificate": 1}', b"\xff"])
def test_a_file_that_is_no_agreement_is_refused(tmp_path: Path, written: bytes) -> None:
    file = tmp_path / "agreed.json"
    file.write_bytes(written)
    with pytest.raises(ValueError, match="not what a reviewer has agreed to"):
        agreeing.Agreement.read(file)


def test_what_was_agreed_about_a_pause_lifts_no_loss(desk: Desk, tmp_path: Path) -> None:
    person = desk.holder()
    code = desk.code(person)
    assert desk.change(person, person, "suspend", "holder_request") == ""
    written = tmp_path / "agreed.json"
    written.write_bytes(agreement(desk.second, "resume", code, "持有人要求恢复"))
    identity = desk.report(desk.first, code).json()["id"]
    assert desk.decide(desk.second, identity, code).status_code == 200
    operator = Actor("operator", "op_1", frozenset({"operator"}))
    about = (operator, desk.server.url, person.seal_id, agreeing.Agreement.read(written))
    with pytest.raises(policy.Forbidden, match="graver"):
        desk.server.platform.ledger.write(agreeing.resume, *about).result()
    assert desk.state(code) == ("suspended", "lost")


def test_a_decision_counts_once(desk: Desk) -> None:
    """Whoever has the session sends none of the holder's decisions again."""
    person, url = desk.holder(), desk.server.url
    with desk.server.platform.reading() as session:
        digest = session.get_one(store.Seal, person.seal_id).seal_sm3
    path = f"/v1/seals/{person.seal_id}"
    stop = {"reason": "holder_request"}
    stop |= decision(url, person.key, "suspend", person.seal_id, digest, "holder_request")
    again = decision(url, person.key, "resume", person.seal_id, digest, "")
    assert person.call("POST", f"{path}/suspend", stop).status_code == 200
    assert person.call("POST", f"{path}/resume", again).status_code == 200
    assert person.call("POST", f"{path}/suspend", stop).json()["code"] == "signature_invalid"
    assert desk.change(person, person, "suspend", "holder_request") == ""
    assert person.call("POST", f"{path}/resume", again).json()["code"] == "signature_invalid"
    assert desk.change(person, person, "resume") == ""


def test_a_pause_by_the_holder_becomes_a_loss_and_nobody_of_the_company_lifts_it(
    desk: Desk,
) -> None:
    person = desk.holder()
    code, path = desk.code(person), f"/v1/seals/{person.seal_id}"
    assert person.call("POST", f"{path}/suspend", {"reason": "holder_request"}).status_code == 200
    again = person.call("POST", f"{path}/suspend", {"reason": "holder_request"})
    assert again.json()["code"] == "illegal_transition"
    assert person.call("POST", f"{path}/suspend", {"reason": "lost"}).status_code == 200
    assert desk.state(code) == ("suspended", "lost")
    refused = person.http.post("/v1/challenges", json={"certificate": b64(person.key.certificate)})
    assert refused.json()["code"] == "certificate_not_valid"
    platform = desk.server.platform
    with platform.reading() as session:
        assert auditing.table_problems(session, platform.vault) == []
    paused = desk.holder()
    held = desk.code(paused)
    where = f"/v1/seals/{paused.seal_id}/suspend"
    assert paused.call("POST", where, {"reason": "holder_request"}).status_code == 200
    identity = desk.report(desk.first, held).json()["id"]
    assert desk.decide(desk.second, identity, held).status_code == 200
    assert desk.state(held) == ("suspended", "lost")


def test_a_call_that_nobody_confirms_is_over_after_a_day(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = desk.code(desk.holder())
    identity = desk.report(desk.first, code).json()["id"]
    monkeypatch.setattr(losing, "OPEN_HOURS", -1)
    desk.server.platform.ledger.write(losing.lapse).result()  # or its own clock was quicker
    assert desk.decide(desk.second, identity, code).json()["code"] == "illegal_transition"
    assert desk.state(code)[0] == "active"


def test_given_up_reports_and_waiting_calls_are_told_to_operator_and_reviewer(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ("--dir", str(desk.server.platform.settings.directory), "--log-level", "error")
    desk.report(desk.first, desk.code(desk.holder()))
    assert main(["status", *where]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {"applications": {}, "loss_calls": 1, "dead_filings": 0}

    def give_up(tx: Transaction) -> str:
        filing = tx.session.scalars(select(store.Filing)).first()
        assert filing is not None
        filing.state = "dead"
        tx.record(LEDGER, "filing-v1", {"filing": filing.id}, about=("filing", filing.id))
        return filing.id

    identity = desk.server.platform.ledger.write(give_up).result().answer
    assert main(["status", *where]) == 3
    assert json.loads(capsys.readouterr().out)["dead_filings"] == 1
    listed = desk.first.call("GET", "/v1/reviews").json()
    assert (listed["dead_filings"], listed["loss_calls"]) == (1, 1)
    assert main(["filing", "send-again", identity, *where]) == 0
    capsys.readouterr()
    assert main(["status", *where]) == 0
    said = '{"applications": {}, "loss_calls": 1, "dead_filings": 0}\n'
    assert capsys.readouterr().out == said  # one line, for a program
