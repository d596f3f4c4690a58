"""Who rewrites the database of a real platform, its ledger or its witness, is found, and what was
rewritten is named: table, row and column."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import JSON, Boolean, Column, Integer, LargeBinary

from crypto.algorithms import gm, merkle
from crypto.algorithms.keys import SoftKey
from server_stub import background, epochs
from server_stub.__main__ import main
from server_stub.console.account import operator
from server_stub.context import Platform
from server_stub.records import canonical, cosigning, logbook, projections, store
from server_stub.records.ledger import LOGS, LedgerError
from server_stub.seals import stopping
from server_stub.settings import Settings
from server_stub.staff import agreeing, asking, losing
from server_stub.web.serving import RunningServer, start_in_thread
from tests.world.applicant import Applicant, b64
from tests.world.approving import Approving, Somebody, approver_key
from tests.world.lending import Lending
from tests.world.objections import hand_in, statement
from tests.world.pairing import Paired
from tests.world.staff import agreement, employ


@dataclass(frozen=True)
class Copy:
    """A copy of the stopped platform, to be tampered with."""

    settings: Settings
    capsys: pytest.CaptureFixture[str]

    @property
    def database(self) -> Path:
        return self.settings.directory / "platform.db"

    def run(self, *statements: str) -> None:
        with sqlite3.connect(self.database) as connection:
            for each in statements:
                assert connection.execute(each).rowcount >= 1, each
        connection.close()

    def value(self, query: str) -> str:
        with sqlite3.connect(self.database) as connection:
            (found,) = connection.execute(query).fetchone()
        connection.close()
        return str(found)

    def audit(self) -> list[str]:
        """What ``audit verify`` names."""
        self.capsys.readouterr()
        code = main(["audit", "verify", "--dir", str(self.settings.directory)])
        reports = [json.loads(line) for line in self.capsys.readouterr().out.splitlines()]
        problems = [problem for report in reports for problem in report["problems"]]
        problems += [f"damaged {number}" for report in reports for number in report["damaged"]]
        assert code == (1 if problems else 0)
        return problems


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory, light_font: Path) -> Settings:
    """The folder of a platform that has done everything once: issued, used, suspended, objected to,
    published — and whose auditors found nothing wrong."""
    logbook.configure("error")
    directory = tmp_path_factory.mktemp("original") / "platform"
    settings = Settings(
        directory=directory,
        host="localhost",
        port=0,
        auto_review=True,
        open_register=True,
        imprint_dpi=300,
        imprint_font=light_font,
    )
    with start_in_thread(settings) as server:
        person = Applicant(server.url)
        seal = person.enrol()
        records = []
        for number in range(4):
            text = json.dumps(
                {
                    "type": "usage-v1",
                    "seal_id": person.seal_id,
                    "document_sm3": f"{number:02x}" * 32,
                    "at": canonical.timestamp(canonical.now()),
                }
            )
            records.append({"id": gm.sm3(text.encode()).hex(), "record": text})
        assert person.call("POST", "/v1/usage-records", {"records": records}).status_code == 200
        path = f"/v1/seals/{person.seal_id}"
        person.call("POST", f"{path}/suspend", {"reason": "holder_request"})
        assert person.call("POST", f"{path}/resume", {}).status_code == 200
        lift_with_a_reviewer(server, person.seal_id, directory.with_name("agreed.json"))
        assert hand_in(server.url, statement(seal["seal_code"])).status_code == 201
        assert Lending(person).offer().status_code == 201
        assert person.call("POST", "/v1/leases", {"seal_id": person.seal_id}).status_code == 201
        assert person.call("POST", "/v1/refresh-tokens").status_code == 201
        Paired(person).pair()
        approve_once(person, server.url)
        platform, caller = server.platform, ("王建国 0527-84350000", "回拨登记电话")
        told = (operator(), platform.origin, seal["seal_code"], *caller)
        platform.ledger.write(losing.report, *told).result()
        with server.platform.reading() as session:
            row = session.get_one(store.Application, person.application_id)
            asking.ask(server.platform, session, row)
        background.work(server.platform)
        epochs.publish(server.platform)
        person.http.close()
    return settings


def lift_with_a_reviewer(server: RunningServer, seal_id: str, file: Path) -> None:
    """The operator stops the seal, and a reviewer agrees that it is resumed."""
    ledger, about = server.platform.ledger, (operator(), server.platform.origin, seal_id)
    code = ledger.write(stopping.suspend, *about, "false_material").result().answer.seal_code
    reviewer = employ(server, "reviewer")
    file.write_bytes(agreement(reviewer, "resume", code, "材料属实"))
    ledger.write(agreeing.resume, *about, agreeing.Agreement.read(file)).result()
    reviewer.http.close()


def approve_once(person: Applicant, url: str) -> None:
    """A use of *person*'s seal is asked for, seen and approved."""
    other = Somebody(url, legal_rep="王建国")
    other.enrol()
    asking = Approving(person, (other,))
    assert asking.rule(asking.terms(1)).status_code == 201
    _, key = approver_key(other)
    assert other.call("POST", "/v1/approver-keys", {"token": b64(key.token)}).status_code == 201
    wrapped = {
        **{"certificate_sn": key.key.certificate, "kind": "sm2", "key_id": key.key_id},
        "wrapped": b64(b"wrapped"),
    }
    preview = {"pages": 2, "keys": [wrapped]}
    request = asking.ask(asking.request(preview_sha256="0" * 64), **preview).json()
    headers = {
        "Content-Type": "application/octet-stream",
        "Authorization": f"Bearer {person.token}",
    }
    path = f"/v1/use-requests/{request['id']}/pages/0"
    put = person.http.put(path, content=b"ciphertext of a page", headers=headers)
    assert put.status_code == 204
    assert asking.decide(other, request).json()["state"] == "approved"
    assert asking.ticket(request["id"]).status_code == 201
    other.http.close()


@pytest.fixture
def copy(original: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Copy:
    shutil.copytree(original.directory, tmp_path / "copy")
    return Copy(original.model_copy(update={"directory": tmp_path / "copy"}), capsys)


def test_of_an_untouched_platform_nothing_is_named(copy: Copy) -> None:
    assert copy.audit() == []
    Platform.open(copy.settings).close()
    assert copy.audit() == []


TABLES: dict[str, tuple[str, str]] = {
    "a state": ("UPDATE seal SET state = 'suspended'", 'seal {seal}: state is "suspended"'),
    "a name": ("UPDATE enterprise SET name = '另一家公司'", "enterprise {enterprise}: name is"),
    "a sealed name": ("UPDATE seal SET name = '另一枚章'", "seal {seal}: name is"),
    "a person's name": ("UPDATE person SET name = '另一人'", 'name is {{"sm3"'),
    "a salt": ("UPDATE person SET salt = x'00'", "person {person}: name is"),
    "a validity": (
        "UPDATE seal SET valid_until = valid_until + 1",
        "seal {seal}: valid_until is",
    ),
    "the certificate of a seal": (
        "UPDATE seal_copy SET valid_until = 0",
        "seal_copy {copy}: valid_until is 0",
    ),
    "a certificate": ("UPDATE certificate SET der = x'3000'", "certificate {sn}: der is"),
    "a certificate's state": (
        "UPDATE certificate SET state = 'revoked'",
        "certificate {sn}: state is",
    ),
    "the owner of a certificate": (
        "UPDATE certificate SET person_id = NULL",
        "certificate {sn}: person_id is null",
    ),
    "a deleted use": (
        "DELETE FROM usage_record WHERE document_sm3 LIKE '02%'",
        "usage_record {use}: the row is missing",
    ),
    "a longer grant": (
        "UPDATE seal_grant SET valid_until = valid_until + 1",
        "valid_until is",
    ),
    "uses of a grant given back": ("UPDATE seal_grant SET used = -1", "used is -1"),
    "other terms of a grant": ("UPDATE seal_grant SET terms = '{}'", "terms is"),
    "fewer approvals needed": ("UPDATE use_policy SET needed = 0", "needed is 0"),
    "another policy": ("UPDATE use_policy SET token = x'00'", "token is"),
    "an approver put in": (
        "UPDATE policy_approver SET person_id = (SELECT requester_id FROM use_request)",
        "person_id is",
    ),
    "another key for pages": ("UPDATE approver_key SET token = x'00'", "token is"),
    "a request for another document": (
        "UPDATE use_request SET document_sm3 = 'ff'",
        "document_sm3 is",
    ),
    "a use given back": ("UPDATE use_request SET used = 0", "used is 0"),
    "more copies": ("UPDATE use_request SET copies = 9", "copies is 9"),
    "another decision": ("UPDATE use_approver SET decision = 'reject'", "decision is"),
    "a back-dated decision": (
        "UPDATE use_approver SET decided_at = decided_at - 1",
        "decided_at is",
    ),
    "a deleted decision": ("DELETE FROM use_approver", "the row is missing"),
    "another page": ("UPDATE use_page SET blob_sm3 = 'ff'", "blob_sm3 is"),
    "another wrapped key": ("UPDATE use_key SET wrapped = x'00'", "wrapped is"),
    "a longer lease": ("UPDATE lease SET until = until + 1", "until is"),
    "more uses of a lease": ("UPDATE lease SET numbers = '{}'", "numbers is"),
    "a longer refresh token": ("UPDATE refresh_token SET expires_at = 1", "expires_at is 1"),
    "a phone with another key": ("UPDATE phone SET binding = 'x'", "binding is"),
    "a phone for longer": ("UPDATE phone SET valid_until = valid_until + 1", "valid_until is"),
    "a phone that was revoked": ("UPDATE phone SET state = 'revoked'", 'state is "revoked"'),
    "another signature of a binding": ("UPDATE phone SET signature = x'00'", "signature is"),
    "a phone nobody bound": (
        "INSERT INTO phone SELECT 'mine', certificate_sn, person_id, enterprise_id, 'c', binding,"
        " binding_sha256, signature, state, bound_at, valid_until, ended_at, salt FROM phone",
        "phone mine: no record speaks of this row",
    ),
    "another caller": ("UPDATE loss_call SET caller = '贾仁'", "caller is"),
    "another proof of a call": ("UPDATE loss_call SET shown = '无'", "shown is"),
    "a call that nobody confirmed": (
        "UPDATE loss_call SET state = 'confirmed', decided_by = 'staff_1'",
        'state is "confirmed"',
    ),
    "a deleted call": ("DELETE FROM loss_call", "the row is missing"),
    "an inserted use": (
        "INSERT INTO usage_record SELECT 'ff', seal_id, enterprise_id, document_sm3, at,"
        " received_at, flags, person_id, NULL, NULL FROM usage_record LIMIT 1",
        "usage_record ff: no record speaks of this row",
    ),
    "a back-dated use": (
        "UPDATE usage_record SET received_at = received_at - 1",
        "usage_record {use}: received_at is",
    ),
    "a back-dated change": (
        "UPDATE seal_change SET effective_at = 1 WHERE number = 2",
        "seal_change {seal} 2: effective_at is 1",
    ),
    "a deleted change": (
        "DELETE FROM seal_change WHERE number = 2",
        "seal_change {seal} 2: the row is missing",
    ),
    "an inserted appointment": (
        "INSERT INTO appointment SELECT 'mine', enterprise_id, person_id, 'keeper', NULL, NULL, 0,"
        " NULL, '{}' FROM appointment LIMIT 1",
        "appointment mine: no record speaks of this row",
    ),
    "findings": ("UPDATE application SET findings = '{}'", "application {application}: findings"),
    "a reviewer": ("UPDATE application SET reviewer = 'me'", "application {application}: reviewer"),
    "a second reviewer": (
        "UPDATE application SET second_reviewer = 'me'",
        'application {application}: second_reviewer is "me"',
    ),
    "another owner": (
        "UPDATE application SET person_id = (SELECT id FROM person LIMIT 1)",
        "application {application}: person_id is",
    ),
    "the seal that it is about": (
        "UPDATE application SET target_id = (SELECT id FROM seal)",
        "application {application}: target_id is",
    ),
    "a cause": ("UPDATE application SET cause = 'lost'", "application {application}: cause is"),
    "since when it waited": (
        "UPDATE application SET submitted_at = submitted_at - 1",
        "application {application}: submitted_at is",
    ),
    "what the neighbours said": (
        "UPDATE assessment SET said = '{}'",
        "assessment {application}: said is",
    ),
    "when they said it": (
        "UPDATE assessment SET asked_at = 1",
        "assessment {application}: asked_at is 1",
    ),
    "the size of a seal": ("UPDATE seal SET width_mm = 41", "seal {seal}: width_mm is 41"),
    "the shape of a seal": ("UPDATE seal SET shape = 'square'", "seal {seal}: shape is"),
    "a collection": (
        "UPDATE seal_copy SET collected_at = 1",
        "seal_copy {copy}: collected_at is 1",
    ),
    "the end of a copy": (
        "UPDATE seal_copy SET ended_at = 1, end_reason = 'x'",
        "seal_copy {copy}: ended_at is 1",
    ),
    "an applicant's signature": (
        "UPDATE application SET signature = x'00'",
        "application {application}: signature",
    ),
    "a filing": ("UPDATE filing SET receipt = 'BA9'", 'receipt is "BA9"'),
    "a dispute": ("UPDATE dispute SET secret_sm3 = 'ab'", 'secret_sm3 is "ab"'),
    "an imprint": ("UPDATE physical_seal SET imprint_sm3 = 'ab'", 'imprint_sm3 is "ab"'),
    "a forged session": (
        "INSERT INTO session SELECT x'00', certificate_sn, application_id, used_at, expires_at,"
        " NULL FROM session LIMIT 1",
        "session AA==: no record speaks of this row",
    ),
    "a longer session": (
        "UPDATE session SET expires_at = expires_at + 1",
        "expires_at is",
    ),
    "a remembered answer": ("UPDATE idempotency SET answer = x'7b7d'", "answer is"),
    "a platform's key": ("UPDATE key SET public = x'00' WHERE purpose = 'status'", "public is"),
    "an inserted key": (
        "INSERT INTO key SELECT 'k', purpose, algorithm, state, public, certificate, store_ref,"
        " created_at FROM key WHERE purpose = 'status'",
        "key k: no record speaks of this row",
    ),
    "a new reviewer": (
        "INSERT INTO staff (id, name, role) VALUES ('s', 'n', 'reviewer')",
        "staff s: no record speaks of this row",
    ),
    "a lost blob": (
        "DELETE FROM blob WHERE address = (SELECT seal_sm3 FROM seal ORDER BY rowid)",
        "seal {seal}: blob",
    ),
    "another blob": (
        "UPDATE blob SET sealed = (SELECT sealed FROM blob WHERE address !="
        " (SELECT seal_sm3 FROM seal ORDER BY rowid) LIMIT 1)"
        " WHERE address = (SELECT seal_sm3 FROM seal ORDER BY rowid)",
        "it does not open",
    ),
    "the digest of a certificate": (
        "UPDATE certificate SET der_sm3 = 'ab'",
        "certificate {sn}: der_sm3 is not what its row gives",
    ),
    "tries at an offer": ("UPDATE seal_grant SET tries = 0", "tries is 0"),
    "the register's representative": (
        "UPDATE enterprise SET legal_rep_index = x'00'",
        "enterprise {enterprise}: legal_rep_index is",
    ),
    "an audience": (
        "DELETE FROM ledger_audience WHERE number ="
        " (SELECT max(number) FROM ledger_entry WHERE object_kind = 'seal' AND log = 'ledger')",
        "it is filed under something else",
    ),
    "what an entry is about": (
        "UPDATE ledger_entry SET object_id = 'x' WHERE log = 'registry' AND number = 1",
        "ledger_entry registry 1: it is filed under something else",
    ),
    "a checkpoint's time": (
        "UPDATE checkpoint SET created_at = created_at - 1 WHERE size > 0",
        "created_at is not the time of its last entry",
    ),
    "a checkpoint": (
        "UPDATE checkpoint SET note = replace(note, 'sealdesk.local', 'other.local')",
        "checkpoint",
    ),
    "a record": (
        "UPDATE ledger_entry SET record = x'7b7d' WHERE log = 'ledger' AND number = 12",
        "damaged 12",
    ),
    "a deleted record": (
        "DELETE FROM ledger_entry WHERE log = 'registry' AND number = 1",
        "damaged 1",
    ),
    "a node": (
        "UPDATE ledger_node SET hash = x'00' WHERE log = 'ledger' AND level = 2 AND number = 0",
        "node (2, 0)",
    ),
}


@pytest.mark.parametrize("what", TABLES)
def test_what_was_rewritten_in_the_database_is_named(copy: Copy, what: str) -> None:
    change, named = TABLES[what]
    facts = {
        "seal": copy.value("SELECT id FROM seal ORDER BY rowid"),
        "copy": copy.value("SELECT id FROM seal_copy ORDER BY rowid"),
        "enterprise": copy.value("SELECT id FROM enterprise ORDER BY rowid"),
        "person": copy.value("SELECT id FROM person ORDER BY rowid"),
        "application": copy.value("SELECT id FROM application ORDER BY rowid"),
        "sn": copy.value("SELECT sn FROM certificate ORDER BY rowid"),
        "use": copy.value("SELECT id FROM usage_record WHERE document_sm3 LIKE '02%'"),
    }
    copy.run(change)
    problems = copy.audit()
    wanted = named.format(**facts)
    assert any(wanted in problem for problem in problems), problems


def test_a_change_of_any_column_of_any_table_is_named(copy: Copy) -> None:
    """All of them, of one row of each table, in one audit: a column that a migration adds is in."""
    changed, empty = set[str](), set[str]()
    with sqlite3.connect(copy.database) as connection:
        for table in projections.tables():
            own = [column for column in table.columns if not column.primary_key]
            names = ", ".join(f'"{column.name}"' for column in own)
            row = connection.execute(f"SELECT rowid, {names} FROM {table.name}").fetchone()  # noqa: S608
            if row is None:
                empty.add(table.name)
                continue
            values = ", ".join(f'"{column.name}" = ?' for column in own)
            other = [_other(column, value) for column, value in zip(own, row[1:], strict=True)]
            change = f"UPDATE {table.name} SET {values} WHERE rowid = ?"  # noqa: S608
            connection.execute(change, (*other, row[0]))
            changed |= {f"{table.name} {column.name}" for column in own}
    connection.close()
    told = (re.match(r"(\w+) .*?: (\w+) is ", problem) for problem in copy.audit())
    named = {f"{found[1]} {found[2]}" for found in told if found}
    salts = {each for each in changed if each.endswith(" salt")}
    assert changed - named == {"session used_at", *salts}
    assert empty == {"notice", "material", "recheck"}


def _other(column: Column[Any], value: object) -> object:
    """What the column may hold, and not *value*."""
    if isinstance(column.type, Boolean):
        return 1 - int(bool(value))
    if isinstance(column.type, Integer):
        return 7
    others = {LargeBinary: b"another", JSON: '{"other": 1}'}
    return next((each for kind, each in others.items() if isinstance(column.type, kind)), "another")


def test_twenty_kinds_of_changes_and_more_are_tried() -> None:
    """In tables, ledger and witness; those of the ledger are further down."""
    assert len(TABLES) + len(WITNESS) + len(MEANT) > 60


def test_a_hundred_changes_are_all_named(copy: Copy) -> None:
    rows = [
        f"INSERT INTO staff (id, name, role) VALUES ('s{n}', 'n', 'auditor')"  # noqa: S608
        for n in range(100)
    ]
    copy.run(*rows)
    assert len(copy.audit()) == 100


# --- the ledger, by who has its key -------------------------------------------------------------


def rewrite(copy: Copy, log: str, number: int, record: bytes) -> None:
    """As an insider with the log's key: the record, its tree and every checkpoint of it."""
    platform = Platform.open(copy.settings)
    key, origin = platform.authority.key(log), platform.ledger.origin(log)
    platform.close()
    with sqlite3.connect(copy.database) as connection:
        connection.execute(
            "UPDATE ledger_entry SET record = ? WHERE log = ? AND number = ?", (record, log, number)
        )
        tree = merkle.Tree()
        connection.execute("DELETE FROM ledger_node WHERE log = ?", (log,))
        for (each,) in connection.execute(
            "SELECT record FROM ledger_entry WHERE log = ? ORDER BY number", (log,)
        ).fetchall():
            for level, place, value in tree.append(each):
                connection.execute(
                    "INSERT INTO ledger_node VALUES (?, ?, ?, ?)", (log, level, place, value)
                )
        for (size,) in connection.execute(
            "SELECT size FROM checkpoint WHERE log = ?", (log,)
        ).fetchall():
            note = merkle.sign_checkpoint(merkle.Checkpoint(origin, size, tree.root(size)), key)
            connection.execute(
                "UPDATE checkpoint SET note = ? WHERE log = ? AND size = ?", (note, log, size)
            )
    connection.close()


def entry(copy: Copy, where: str) -> tuple[int, dict[str, object]]:
    with sqlite3.connect(copy.database) as connection:
        number, record = connection.execute(
            f"SELECT number, record FROM ledger_entry WHERE log = 'ledger' AND {where}"  # noqa: S608
        ).fetchone()
    connection.close()
    return number, json.loads(record)


def test_a_back_dated_record_is_named_even_with_the_key_of_the_log(copy: Copy) -> None:
    number, told = entry(copy, "object_kind = 'usage'")
    told["recorded_at"] = "2020-01-01T00:00:00.000000Z"
    rewrite(copy, "ledger", number, canonical.canonical(told))
    problems = copy.audit()
    assert f"entry {number} is back-dated: it is older than the one before" in problems
    assert any("received_at is not the time of the record" in problem for problem in problems)


def test_another_signed_text_is_named_even_with_the_key_of_the_log(copy: Copy) -> None:
    number, told = entry(copy, "CAST(record AS TEXT) LIKE '%SUQIAN-SEAL-COLLECT%'")
    intent = told["intent"]
    assert isinstance(intent, dict)
    told["intent"] = {**intent, "text": str(intent["text"]).replace("seal_", "seal_0")}
    rewrite(copy, "ledger", number, canonical.canonical(told))
    assert f"entry {number}: the signature does not fit what was signed" in copy.audit()


def test_an_agreement_that_was_used_twice_is_named_even_with_the_key_of_the_log(
    copy: Copy,
) -> None:
    number, told = entry(copy, "CAST(record AS TEXT) LIKE '%agree-resume%'")
    earlier, before = entry(copy, 'CAST(record AS TEXT) LIKE \'%"event":"resume"%\'')
    assert earlier < number
    rewrite(copy, "ledger", earlier, canonical.canonical({**before, "agreed": told["agreed"]}))
    assert f"entry {number}: what a second person agreed to was used before" in copy.audit()


def test_an_agreement_of_no_reviewer_is_named_even_with_the_key_of_the_log(copy: Copy) -> None:
    number, _ = entry(copy, "CAST(record AS TEXT) LIKE '%agree-resume%'")
    added, staff = entry(copy, "CAST(record AS TEXT) LIKE '%staff-added-v1%'")
    other = canonical.canonical(staff).replace(b'"role":"reviewer"', b'"role":"auditor"')
    rewrite(copy, "ledger", added, other)
    assert f"entry {number}: who agreed is no reviewer" in copy.audit()


MEANT: dict[str, tuple[str, str, str]] = {
    "another verb": ('%"event":"suspend"%seal-change-v1%', "%\\nresume\\n%", "resume seal_"),
    "another object": ("%grant-offered-v1%", "%\\nsubmit\\n%", "submit app_"),
    "no verb at all": ('%"event":"resume"%seal-change-v1%', "%LOGIN%sign-in-v1%", "login"),
}


@pytest.mark.parametrize("what", MEANT)
def test_what_was_signed_for_something_else_is_named_even_with_the_key_of_the_log(
    copy: Copy, what: str
) -> None:
    """The signature is good, and over another text."""
    here, there, named = MEANT[what]
    number, told = entry(copy, f"CAST(record AS TEXT) LIKE '{here}'")
    _, other = entry(copy, f"CAST(record AS TEXT) LIKE '{there}'")
    told["intent"] = other["intent"]
    rewrite(copy, "ledger", number, canonical.canonical(told))
    said = [each for each in copy.audit() if each.startswith(f"entry {number}: what was signed is")]
    assert len(said) == 1
    assert named in said[0]


def test_another_digest_of_what_was_signed_is_named(copy: Copy) -> None:
    number, told = entry(copy, "CAST(record AS TEXT) LIKE '%grant-offered-v1%'")
    told["terms_sm3"] = "ab" * 32
    rewrite(copy, "ledger", number, canonical.canonical(told))
    assert any(f"entry {number}: what was signed is grant" in each for each in copy.audit())


@pytest.mark.parametrize("what", ["what was done", "what was agreed to"])
def test_what_a_second_person_agreed_to_is_compared_with_what_was_done(
    copy: Copy, what: str
) -> None:
    number, told = entry(copy, "CAST(record AS TEXT) LIKE '%agree-resume%'")
    if what == "what was done":
        told["event"], wrong = "cancel", "a second person agreed to agree-resume"
    else:
        agreed = told["agreed"]
        assert isinstance(agreed, dict)
        agreed["text"] = str(agreed["text"]).replace("agree-resume", "agree-cancel")
        wrong = "the signature does not fit what was signed"
    rewrite(copy, "ledger", number, canonical.canonical(told))
    assert any(each.startswith(f"entry {number}: {wrong}") for each in copy.audit())


def test_a_record_of_an_impossible_row_is_named(copy: Copy) -> None:
    number, told = entry(copy, "object_kind = 'usage'")
    told["rows"] = [["usage_record", ["x"], {"colour": "red"}], ["nowhere", ["x"], {}], ["x"]]
    rewrite(copy, "ledger", number, canonical.canonical(told))
    said = [p for p in copy.audit() if p.startswith(f"entry {number}: a row cannot be projected")]
    assert len(said) == 3


@pytest.mark.parametrize("changed", [{"reason": "lost"}, {"successor": "32130200000099"}])
def test_a_public_log_that_tells_another_history_is_named(
    copy: Copy, changed: dict[str, str]
) -> None:
    with sqlite3.connect(copy.database) as connection:
        number, record = connection.execute(
            "SELECT number, record FROM ledger_entry WHERE log = 'registry'"
            " AND CAST(record AS TEXT) LIKE '%suspend%'"
        ).fetchone()
    connection.close()
    told = json.loads(record) | changed
    rewrite(copy, "registry", number, canonical.canonical(told))
    seal = copy.value("SELECT id FROM seal ORDER BY rowid")
    assert f"seal {seal}: the registry tells another history than the ledger" in copy.audit()


# --- witness and cosigner -----------------------------------------------------------------------


def rewind(copy: Copy, size: int, log: str = "ledger") -> None:
    with sqlite3.connect(copy.database) as connection:
        for statement_ in (
            f"DELETE FROM ledger_entry WHERE log = '{log}' AND number >= {size}",  # noqa: S608
            f"DELETE FROM ledger_node WHERE log = '{log}' AND"  # noqa: S608
            f" ((number + 1) << level) > {size}",
            f"DELETE FROM checkpoint WHERE log = '{log}' AND size > {size}",  # noqa: S608
        ):
            connection.execute(statement_)
    connection.close()


def old_size(copy: Copy) -> tuple[int, str]:
    """An earlier checkpoint of the ledger."""
    with sqlite3.connect(copy.database) as connection:
        size, note = connection.execute(
            "SELECT size, note FROM checkpoint WHERE log = 'ledger' ORDER BY size DESC LIMIT 1"
            " OFFSET 5"
        ).fetchone()
    connection.close()
    return size, note


Change = Callable[[Copy], None]


def _witness(copy: Copy) -> Path:
    return copy.settings.directory / "witness" / "ledger.note"


WITNESS: dict[str, tuple[Change, str]] = {
    "lost": (lambda copy: _witness(copy).unlink(), "is lost"),
    "emptied": (lambda copy: _witness(copy).write_text(""), "witness"),
    "overwritten with anything": (lambda copy: _witness(copy).write_text("nothing\n"), "witness"),
    "overwritten with an older note": (
        lambda copy: _witness(copy).write_text(old_size(copy)[1], "utf-8") and None,
        "put back",
    ),
    "of another log": (
        lambda copy: (
            shutil.copy(_witness(copy).with_name("registry.note"), _witness(copy)) and None
        ),
        "witness",
    ),
    "signed by a stranger": (
        lambda copy: (
            _witness(copy).write_text(
                merkle.sign_checkpoint(
                    merkle.Checkpoint("sealdesk.local/ledger", 1, bytes(32)), SoftKey.generate()
                ),
                "utf-8",
            )
            and None
        ),
        "witness",
    ),
}


@pytest.mark.parametrize("what", WITNESS)
def test_a_witness_that_was_touched_is_named_and_nothing_starts(copy: Copy, what: str) -> None:
    change, named = WITNESS[what]
    change(copy)
    problems = copy.audit()
    assert any("witness" in problem for problem in problems), problems
    with pytest.raises(LedgerError, match=named):
        Platform.open(copy.settings)
    Platform.open(copy.settings, accept_lost_witness="seen and understood").close()
    assert copy.audit() == []
    _, told = entry(copy, "CAST(record AS TEXT) LIKE '%witness-lost-v1%'")
    assert told["reason"] == "seen and understood"
    assert named in str(told["found"])


def test_a_cut_log_is_named_and_no_reason_lets_it_start(copy: Copy) -> None:
    rewind(copy, old_size(copy)[0])
    assert any("a tail was cut" in problem for problem in copy.audit())
    for reason in ("", "we restored a backup"):
        with pytest.raises(LedgerError, match="were witnessed"):
            Platform.open(copy.settings, accept_lost_witness=reason)


def test_serve_takes_the_reason_on_the_command_line(
    copy: Copy, capsys: pytest.CaptureFixture[str]
) -> None:
    _witness(copy).unlink()
    assert main(["serve", "--port", "0", "--dir", str(copy.settings.directory)]) == 1
    assert "refused: the witness of ledger is lost" in capsys.readouterr().err


def cosign(platform: str | Path, state: Path) -> int:
    return main(["cosign", str(platform), "--state", str(state)])


def known(capsys: pytest.CaptureFixture[str]) -> str:
    """The cosigner as the settings name it."""
    out = capsys.readouterr().out
    return str(out.splitlines()[0].removeprefix("cosigner "))


def test_a_cosigner_finds_a_database_and_a_witness_that_were_rewound_together(
    copy: Copy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = tmp_path / "before"
    shutil.copytree(copy.settings.directory, before)
    platform = Platform.open(copy.settings)
    epochs.publish(platform)
    platform.close()
    assert cosign(copy.settings.directory, tmp_path / "cosigner") == 0
    who = known(capsys)
    # whoever has the machine puts all of it back to yesterday; the local audit finds nothing
    rewound = copy.settings.model_copy(update={"directory": before})
    assert Copy(rewound, capsys).audit() == []
    assert cosign(before, tmp_path / "cosigner") == 1
    assert "were cosigned: a part was cut off" in capsys.readouterr().err
    with pytest.raises(LedgerError, match=f"the cosigner {tmp_path / 'cosigner'} saw"):
        Platform.open(rewound.model_copy(update={"cosigners": (who,)}))
    Platform.open(copy.settings.model_copy(update={"cosigners": (who,)})).close()


def test_a_cosigner_finds_a_fork_of_the_same_length(
    copy: Copy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cosign(copy.settings.directory, tmp_path / "cosigner") == 0
    who = known(capsys)
    number, told = entry(copy, "object_kind = 'usage'")
    rewrite(copy, "ledger", number, canonical.canonical(told | {"actor": "somebody else"}))
    assert cosign(copy.settings.directory, tmp_path / "cosigner") == 1
    assert "it was forked" in capsys.readouterr().err
    shutil.rmtree(copy.settings.directory / "witness")
    with pytest.raises(LedgerError, match="is not the log that the cosigner"):
        Platform.open(
            copy.settings.model_copy(update={"cosigners": (who,)}), accept_lost_witness="lost"
        )


def test_a_cosigner_elsewhere_asks_and_is_asked_over_http(
    copy: Copy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keeper = cosigning.Cosigner.open(tmp_path / "cosigner")
    with start_in_thread(copy.settings) as server:
        sizes = [seen.size for seen in keeper.cosign(cosigning.HttpSource(server.url))]
        assert len(sizes) == len(LOGS)
        epochs.publish(server.platform)
        again = [seen.size for seen in keeper.cosign(cosigning.HttpSource(server.url))]
        assert again[0] > sizes[0]
    with cosigning.told_over_http(keeper, "127.0.0.1:0") as address:
        who = f"{keeper.public.hex()}@{address}"
        platform = Platform.open(copy.settings.model_copy(update={"cosigners": (who,)}))
        assert platform.warnings == ()
        platform.close()
        rewind(copy, old_size(copy)[0])
        shutil.rmtree(copy.settings.directory / "witness")
        with pytest.raises(LedgerError, match="saw"):
            Platform.open(
                copy.settings.model_copy(update={"cosigners": (who,)}), accept_lost_witness="x"
            )


def test_a_platform_says_when_no_cosigner_can_be_asked(copy: Copy, tmp_path: Path) -> None:
    key = SoftKey.generate().public.hex()
    nobody = (f"{key}@{tmp_path / 'gone'}", f"{key}@http://127.0.0.1:9")
    platform = Platform.open(copy.settings.model_copy(update={"cosigners": nobody}))
    told = "\n".join(platform.warnings)
    platform.close()
    assert told.count("cannot be asked") == 2
    assert "no cosigner could be asked" in told


def test_a_note_that_is_not_the_cosigners_vouches_for_nothing(
    copy: Copy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cosign(copy.settings.directory, tmp_path / "cosigner") == 0
    stranger = SoftKey.generate().public.hex()
    who = f"{stranger}@{tmp_path / 'cosigner'}"
    platform = Platform.open(copy.settings.model_copy(update={"cosigners": (who,)}))
    assert "is not signed by" in "\n".join(platform.warnings)
    platform.close()
