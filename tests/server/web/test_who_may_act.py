"""Who may apply for a company's seal, keep it and decide: a stranger with public facts fails at
every step, and every decision is signed."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from crypto.algorithms import gm
from crypto.algorithms.keys import SoftKey
from server_stub import background, issuing
from server_stub.__main__ import main
from server_stub.neighbours.adapters import SignedConsent, SimulatedCity, identity_digest
from server_stub.records import canonical, store
from server_stub.records.auditing import table_problems
from server_stub.settings import Settings
from server_stub.web.serving import RunningServer, start_in_thread
from tests.world.applicant import Applicant, b64, citizen_number, number_of
from tests.world.staff import employ, moved
from tests.world.waiting import until

FINDINGS = dict.fromkeys(("lawful", "complete", "authentic", "reasonable"), True)
STRANGER = ("陌生人", number_of("陌生人"))
LETTER = b"%PDF-1.7 a letter of authority, scanned"
Make = Callable[..., Applicant]


@pytest.fixture
def city(server: RunningServer) -> SimulatedCity:
    return server.platform.city


@pytest.fixture
def victim(enrolled: Applicant, city: SimulatedCity) -> Applicant:
    """A company with an official seal; its representative is 李晓梅."""
    city.take_in_person(*STRANGER)  # the stranger exists, nothing more
    return enrolled


def stranger_to(victim: Applicant, **changes: Any) -> Applicant:
    """Somebody who knows what everybody can look up of *victim*."""
    return Applicant(victim.url, uscc=victim.uscc, name=victim.name, subtype="contract", **changes)


def says(person: Applicant, **changes: Any) -> dict[str, Any]:
    """Its application, in its own name as the handler."""
    body = {"handler": {"name": STRANGER[0], "id_no": STRANGER[1], "phone": ""}}
    body["enterprise"] = {
        "uscc": person.uscc,
        "name": person.name,
        "legal_rep": {"name": person.legal_rep, "id_no": ""},
    }
    return body | changes


def refused(person: Applicant, **changes: Any) -> str:
    """Why its application came back."""
    assert person.draft(**says(person, **changes)).status_code == 201
    person.sign_in(application_id=person.application_id)
    assert person.submit().status_code == 200
    return str(person.wait("returned")["reason"])


def legal_rep_proof(
    person: Applicant, key: SoftKey, certificate: bytes, number: str = STRANGER[1], at: str = ""
) -> dict[str, str]:
    """The proof ``legal_rep`` for the handler with that *number*, as a client makes it."""
    at = at or datetime.now(UTC).isoformat()
    purpose = f"apply-for-and-keep {person.subtype} {gm.sm3(person.key.spki).hex()}"
    text = (
        f"SUQIAN-SEAL-INTENT-V2\n{person.url}\nappoint\n{person.uscc} {identity_digest(number)}\n"
        f"{gm.sm3(purpose.encode()).hex()}\n\n{at}\n"
    )
    signature = b64(key.sign(text.encode()))
    certified = b64(certificate)
    return {"kind": "legal_rep", "certificate": certified, "at": at, "signature": signature}


# --- applying ------------------------------------------------------------------------------------


def test_public_facts_and_any_citizen_number_are_not_enough(victim: Applicant) -> None:
    nobody = {"name": "无此人", "id_no": citizen_number(777), "phone": ""}
    with_nobody = stranger_to(victim)
    reason = refused(with_nobody, handler=nobody)
    assert "经办人身份" in reason
    assert "未在电子营业执照上同意" in reason
    with_nobody.http.close()


def test_a_real_person_whom_the_representative_does_not_know_is_not_enough(
    victim: Applicant,
) -> None:
    person = stranger_to(victim)
    assert "未在电子营业执照上同意：经办人不是法定代表人授权的人" in refused(person)
    assert person.call("GET", "/v1/seals").json()["items"] == []
    person.http.close()


def test_the_representatives_name_with_the_strangers_number_is_not_enough(
    victim: Applicant,
) -> None:
    person = stranger_to(victim)
    own = {"name": victim.legal_rep, "id_no": STRANGER[1], "phone": ""}
    legal_rep = {"uscc": victim.uscc, "name": victim.name}
    legal_rep["legal_rep"] = {"name": victim.legal_rep, "id_no": STRANGER[1]}
    reason = refused(person, handler=own, enterprise=legal_rep)
    assert "未在电子营业执照上同意" in reason
    person.http.close()


def test_a_personal_key_in_the_representatives_name_is_not_enough(
    victim: Applicant, city: SimulatedCity
) -> None:
    namesake = citizen_number(801)
    city.take_in_person(victim.legal_rep, namesake)
    key, person = SoftKey.generate(), stranger_to(victim)
    certificate = city.certify_person(victim.legal_rep, namesake, key.spki)
    reason = refused(person, proof=legal_rep_proof(person, key, certificate))
    assert "签名人不是登记的法定代表人（按身份证件号码核对）" in reason
    person.http.close()


@pytest.mark.parametrize("what", ["of another handler", "of another key", "not a certificate"])
def test_a_signature_of_the_representative_for_something_else_is_not_enough(
    victim: Applicant, city: SimulatedCity, what: str
) -> None:
    key, person = SoftKey.generate(), stranger_to(victim)
    certificate = city.certify_person(victim.legal_rep, number_of(victim.legal_rep), key.spki)
    proof = legal_rep_proof(person, key, certificate)
    if what == "of another handler":
        proof = legal_rep_proof(person, key, certificate, citizen_number(802))
    elif what == "of another key":
        proof["signature"] = legal_rep_proof(stranger_to(victim), key, certificate)["signature"]
    else:
        proof["certificate"] = b64(b"\x30\x00")
    assert "法定代表人的" in refused(person, proof=proof)
    person.http.close()


def test_a_certificate_that_no_authority_issued_is_not_enough(victim: Applicant) -> None:
    person = stranger_to(victim)
    mine = victim.key.certificate  # somebody else's, of another kind
    assert "法定代表人的签名不正确" in refused(
        person, proof=legal_rep_proof(person, SoftKey.generate(), mine)
    )
    person.http.close()


@pytest.mark.parametrize("what", ["forged", "old", "for another handler"])
def test_a_consent_that_is_forged_or_old_or_for_somebody_else_does_not_count(
    victim: Applicant, server: RunningServer, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    def consent(self: SimulatedCity, request: Any) -> SignedConsent:
        key = SoftKey.generate() if what == "forged" else self._signing_key("licence")
        hour = (
            "2020-01-01T00:00:00.000000Z" if what == "old" else canonical.timestamp(canonical.now())
        )
        text = request.text(hour)
        if what == "for another handler":
            text = text.replace(request.handler_sm3, "ab" * 32)
        return SignedConsent(text, key.sign(text.encode()))

    monkeypatch.setattr(SimulatedCity, "consent", consent)
    person = stranger_to(victim)
    assert "同意书" in refused(person)
    person.http.close()


# --- afterwards: collect, read uses, ticket, suspend, decide --------------------------------------


def test_nothing_of_the_victims_can_be_reached(victim: Applicant) -> None:
    person = stranger_to(victim)
    refused(person)
    seal, application = f"/v1/seals/{victim.seal_id}", f"/v1/applications/{victim.application_id}"
    signature = {"signature": b64(person.key.sign(b"anything"))}
    sealed = victim.call("GET", seal).json()["seal_sm3"]
    for method, path, body, code in (
        ("GET", seal, None, "not_found"),
        ("GET", f"{seal}/history", None, "not_found"),
        ("POST", f"{seal}/collection", signature, "not_found"),
        ("POST", f"{seal}/suspend", {"reason": "lost"}, "not_found"),
        ("POST", f"{seal}/resume", {}, "not_found"),
        ("POST", "/v1/tickets", {"seal_id": victim.seal_id, "document_sm3": "ab" * 32}, ""),
        ("GET", f"/v1/blobs/{sealed}", None, "not_found"),
        ("GET", "/v1/usage-records", None, "forbidden"),
        ("GET", "/v1/sync", None, "forbidden"),
        ("GET", application, None, "not_found"),
        ("POST", f"{application}/withdraw", {}, "not_found"),
        ("GET", "/v1/reviews", None, "forbidden"),
        ("POST", f"/v1/applications/{person.application_id}/claim", {}, "forbidden"),
        ("POST", f"/v1/applications/{person.application_id}/approve", FINDINGS, "forbidden"),
        ("GET", "/audit/entries?from=0&to=9", None, "forbidden"),
    ):
        answer = person.call(method, path, body)
        assert answer.status_code in (403, 404), path
        assert answer.json()["code"] == (code or "not_found"), path
    assert victim.call("GET", seal).json()["state"] == "active"
    person.http.close()


def test_the_applicants_key_signs_in_for_nobody_else(victim: Applicant) -> None:
    person = stranger_to(victim)
    offer = person.challenge(certificate=b64(victim.key.certificate))
    answer = person.http.post(
        "/v1/sessions", json={"challenge_id": offer["id"], "signature": person.answer(offer)}
    )
    assert answer.json()["code"] == "signature_invalid"
    person.http.close()


# --- who may -------------------------------------------------------------------------------------


def test_the_representatives_own_ukey_appoints_somebody_else(
    victim: Applicant, city: SimulatedCity
) -> None:
    key = SoftKey.generate()
    person = stranger_to(victim)
    person.subtype = "finance"
    certificate = city.certify_person(victim.legal_rep, number_of(victim.legal_rep), key.spki)
    assert (
        person.draft(**says(person, proof=legal_rep_proof(person, key, certificate))).status_code
        == 201
    )
    person.sign_in(application_id=person.application_id)
    person.submit()
    person.seal_id = person.wait("fulfilled")["seal_id"]
    seal = person.call("GET", f"/v1/seals/{person.seal_id}").json()
    person.key = person.key.with_certificate(base64.b64decode(seal["certificate"]))
    assert person.collect().status_code == 200
    opened = person.sign_in()
    assert opened["actor"]["roles"] == ["handler", "keeper"]
    # keeper of that seal and of no other
    (own,) = person.call("GET", "/v1/seals").json()["items"]
    assert own["id"] == person.seal_id
    other = f"/v1/seals/{victim.seal_id}"
    ticket = {"seal_id": victim.seal_id, "document_sm3": "ab" * 32}
    for method, path, body in (
        ("GET", other, None),
        ("POST", f"{other}/suspend", {"reason": "lost"}),
        ("POST", "/v1/tickets", ticket),
        ("GET", f"/v1/applications/{victim.application_id}", None),
    ):
        assert person.call(method, path, body).json()["code"] == "forbidden", path
    (handled,) = person.call("GET", "/v1/applications").json()["items"]
    assert handled["id"] == person.application_id
    ids = {item["id"] for item in person.call("GET", "/v1/sync").json()["items"]}
    assert person.seal_id in ids
    assert victim.seal_id not in ids
    ids = {item["id"] for item in victim.call("GET", "/v1/sync").json()["items"]}
    assert {person.seal_id, victim.seal_id} <= ids  # the representative sees all
    used = {"seal_id": person.seal_id, "document_sm3": "ab" * 32}
    assert person.call("POST", "/v1/tickets", used).status_code == 201
    person.http.close()


def test_one_signature_of_the_representative_makes_one_seal(
    victim: Applicant, city: SimulatedCity, server: RunningServer
) -> None:
    """Else a keeper whose seal was ended had another one made with what he had kept."""
    key, person = SoftKey.generate(), stranger_to(victim)
    certificate = city.certify_person(victim.legal_rep, number_of(victim.legal_rep), key.spki)
    once = says(person, proof=legal_rep_proof(person, key, certificate))
    assert person.draft(**once).status_code == 201
    person.sign_in(application_id=person.application_id)
    person.submit()
    made = person.wait("fulfilled")["seal_id"]
    moved(server, made, "cancel", "holder_request")
    assert person.draft(**once).status_code == 201
    person.sign_in(application_id=person.application_id)
    person.submit()
    assert "已用于另一份申请" in str(person.wait("returned", "fulfilled")["reason"])
    person.http.close()


def report(person: Applicant, seal_id: str) -> None:
    fields = {"type": "usage-v1", "seal_id": seal_id, "document_sm3": "cd" * 32}
    text = json.dumps(fields | {"at": canonical.timestamp(canonical.now())})
    body = {"records": [{"id": gm.sm3(text.encode()).hex(), "record": text}]}
    assert person.call("POST", "/v1/usage-records", body).status_code == 200


def test_a_keeper_reads_the_uses_of_its_own_seal_and_the_representative_all(
    holder: Make,
) -> None:
    boss = holder()
    boss.enrol()
    clerk = Applicant(boss.url, uscc=boss.uscc, name=boss.name, subtype="invoice")
    clerk.key = SoftKey.generate()
    clerk.enrol()
    report(boss, boss.seal_id)
    report(clerk, clerk.seal_id)
    # the same person handled both here: as keeper of one, somebody else would see one
    assert len(boss.call("GET", "/v1/usage-records").json()["items"]) == 2
    clerk.http.close()


# --- people decide, signed ------------------------------------------------------------------------


@pytest.fixture
def reviewed(open_settings: Callable[..., Settings]) -> Iterator[RunningServer]:
    with start_in_thread(open_settings(auto_review=False)) as running:
        yield running


def handed_in(server: RunningServer, **changes: Any) -> Applicant:
    person = Applicant(server.url)
    assert person.draft(**changes).status_code == 201
    person.sign_in(application_id=person.application_id)
    if "proof" not in changes:
        assert person.submit().status_code == 200
        path = f"/v1/applications/{person.application_id}"
        until(lambda: person.call("GET", path).json()["awaiting"] is None, "nobody consented")
    return person


def test_a_letter_is_read_by_a_person_before_it_counts(reviewed: RunningServer) -> None:
    person = handed_in(reviewed, proof={"kind": "letter"})
    path = f"/v1/applications/{person.application_id}"
    assert person.submit().json()["code"] == "material_missing"
    for wrong, kind in ((b"MZ", "application/pdf"), (LETTER, "text/html")):
        answer = person.http.put(
            f"{path}/materials/letter",
            content=wrong,
            headers={"Authorization": f"Bearer {person.token}", "Content-Type": kind},
        )
        assert answer.status_code == 415
    answer = person.http.put(
        f"{path}/materials/letter",
        content=LETTER,
        headers={"Authorization": f"Bearer {person.token}", "Content-Type": "application/pdf"},
    )
    assert answer.json()["materials"] == {"letter": gm.sm3(LETTER).hex()}
    assert person.submit().status_code == 200
    with reviewed.platform.reading() as session:  # what was refused left nothing behind
        assert len(session.scalars(select(store.Blob)).all()) == 2
    reviewer = employ(reviewed, "reviewer")
    reviewer.call("POST", f"{path}/claim", {})
    early = reviewer.call("POST", f"{path}/approve", FINDINGS)
    assert "was not opened" in early.json()["detail"]
    assert person.call("GET", f"{path}/materials/letter").json()["code"] == "forbidden"
    assert reviewer.call("GET", f"{path}/materials/letter").content == LETTER
    assert reviewer.call("POST", f"{path}/approve", FINDINGS).json()["state"] == "approved"
    with reviewed.platform.reading() as session:
        texts = [
            json.loads(record)["intent"]["text"]
            for record in session.scalars(select(store.LedgerEntry.record))
            if b'"event":"approve"' in record
        ]
    assert gm.sm3(LETTER).hex() in texts[0]
    person.wait("fulfilled")
    for each in (person, reviewer):
        each.http.close()


def test_rules_alone_never_decide_on_a_letter(open_settings: Callable[..., Settings]) -> None:
    with start_in_thread(open_settings(auto_review=True)) as server:
        person = handed_in(server, proof={"kind": "letter"})
        person.http.put(
            f"/v1/applications/{person.application_id}/materials/letter",
            content=LETTER,
            headers={"Authorization": f"Bearer {person.token}", "Content-Type": "application/pdf"},
        )
        assert person.submit().status_code == 200
        server.worker.stop()
        background.work(server.platform)
        assert person.wait("submitted")["reason"] is None
        person.http.close()


def test_an_unsigned_or_altered_decision_is_refused(reviewed: RunningServer) -> None:
    person, reviewer = handed_in(reviewed), employ(reviewed, "reviewer")
    path = f"/v1/applications/{person.application_id}"
    reviewer.call("POST", f"{path}/claim", {})
    signed = reviewer.decided(f"{path}/reject", {"reason": "材料虚假"})
    for body in (
        {"reason": "材料虚假", "signature": ""},
        signed | {"reason": "别的理由"},
        signed | {"at": "2020-01-01T00:00:00Z"},
        signed | {"at": "yesterday"},
        signed | {"signature": b64(SoftKey.generate().sign(b"x"))},
    ):
        answer = reviewer.call("POST", f"{path}/reject", body)
        assert (answer.status_code, answer.json()["code"]) == (403, "signature_invalid"), body
    assert reviewer.call("POST", f"{path}/approve", signed | FINDINGS).status_code in (403, 422)
    rejected = reviewer.call("POST", f"{path}/reject", signed)
    assert rejected.json()["state"] == "rejected"
    for each in (person, reviewer):
        each.http.close()


def test_what_the_records_contradict_takes_two_reviewers_with_a_reason_each(
    reviewed: RunningServer,
) -> None:
    person = handed_in(reviewed)
    first, second = employ(reviewed, "reviewer"), employ(reviewed, "reviewer")
    path = f"/v1/applications/{person.application_id}"
    # the register says something else by now
    reviewed.platform.city.change(person.uscc, legal_rep="王建国")
    first.call("POST", f"{path}/claim", {})
    alone = first.call("POST", f"{path}/approve", FINDINGS)
    assert alone.json()["code"] == "forbidden"
    assert "不一致" in alone.json()["detail"]
    against = FINDINGS | {"against": "登记机关正在更正，已电话核实"}
    waiting = first.call("POST", f"{path}/approve", against).json()
    assert waiting["state"] == "in_review"
    assert "等待第二名审核人" in waiting["reason"]
    again = first.call("POST", f"{path}/approve", against).json()
    assert "two reviewers" in again["detail"]
    assert second.call("POST", f"{path}/approve", FINDINGS).json()["code"] == "forbidden"
    assert second.call("POST", f"{path}/approve", against).json()["state"] == "approved"
    person.wait("fulfilled")
    for each in (person, first, second):
        each.http.close()


def test_findings_are_assessed_again_when_the_seal_is_made(reviewed: RunningServer) -> None:
    person, reviewer = handed_in(reviewed), employ(reviewed, "reviewer")
    path = f"/v1/applications/{person.application_id}"
    reviewed.worker.stop()
    reviewer.call("POST", f"{path}/claim", {})
    assert reviewer.call("POST", f"{path}/approve", FINDINGS).json()["state"] == "approved"
    reviewed.platform.city.change(person.uscc, status="revoked")
    background.work(reviewed.platform)
    back = person.wait("in_review")
    assert "营业执照已失效" in back["reason"]
    for each in (person, reviewer):
        each.http.close()


def test_two_applications_for_one_physical_seal_make_one(reviewed: RunningServer) -> None:
    first = handed_in(reviewed)
    second = Applicant(reviewed.url, uscc=first.uscc)
    assert second.draft().status_code == 201
    second.sign_in(application_id=second.application_id)
    second.submit()
    path = "/v1/applications/{}"
    until(
        lambda: second.call("GET", path.format(second.application_id)).json()["awaiting"] is None,
        "nobody consented",
    )
    reviewer = employ(reviewed, "reviewer")
    reviewed.worker.stop()
    for each in (first, second):
        where = path.format(each.application_id)
        reviewer.call("POST", f"{where}/claim", {})
        assert reviewer.call("POST", f"{where}/approve", FINDINGS).json()["state"] == "approved"
    background.work(reviewed.platform)
    states = sorted(each.wait("fulfilled", "in_review")["state"] for each in (first, second))
    assert states == ["fulfilled", "in_review"]
    # not even for somebody who stands between the look and the writing
    with reviewed.platform.reading() as session:
        rows = session.scalars(select(store.Application).where(store.Application.seal_id.is_(None)))
        (left,) = rows.all()
        making = issuing.SealMaking.of(reviewed.platform)
        look = issuing.form_of_enterprise(making, first.uscc, "official")
        made = issuing.build(making, look, "official", left.spki)
    write = reviewed.platform.ledger.write

    def approved(tx: Any) -> None:
        tx.session.get_one(store.Application, left.id).state = "approved"

    write(approved).result()
    with pytest.raises(issuing.TwinExists):
        write(issuing.fulfil, left.id, made, reviewed.platform.vault).result()
    for each in (first, second, reviewer):
        each.http.close()


def test_who_did_it_stands_in_every_record_and_the_audit_checks_what_was_signed(
    reviewed: RunningServer,
) -> None:
    person, reviewer = handed_in(reviewed), employ(reviewed, "reviewer")
    path = f"/v1/applications/{person.application_id}"
    reviewer.call("POST", f"{path}/claim", {})
    reviewer.call("POST", f"{path}/approve", FINDINGS)
    person.seal_id = person.wait("fulfilled")["seal_id"]
    seal = person.call("GET", f"/v1/seals/{person.seal_id}").json()
    person.key = person.key.with_certificate(base64.b64decode(seal["certificate"]))
    person.collect()
    person.sign_in()
    person.call("POST", f"/v1/seals/{person.seal_id}/suspend", {"reason": "holder_request"})
    person.call("POST", f"/v1/seals/{person.seal_id}/resume", {})
    with reviewed.platform.reading() as session:
        records = [
            json.loads(each) for each in session.scalars(select(store.LedgerEntry.record)).all()
        ]
        assert table_problems(session, reviewed.platform.vault) == []
    told = [each for each in records if "by" in each]
    by = {
        (each["type"], each.get("event")): (each["by"], "intent" in each and each["intent"])
        for each in told
    }
    for event in ("claim", "approve"):
        who, _ = by["application-v1", event]
        assert who["person"].startswith("staff_")
        assert who["certificate"]
    for event in ("suspend", "resume"):
        who, intent = by["seal-change-v1", event]
        assert who["person"].startswith("person_")
        assert who["certificate"] == seal["certificate_sn"]
        assert f"\n{event}\n{person.seal_id}\n" in intent["text"]
    assert by["application-v1", "approve"][1]
    for each in (person, reviewer):
        each.http.close()


# --- limits and lapses ----------------------------------------------------------------------------


def test_so_many_applications_of_one_address_are_open_at_once(
    open_settings: Callable[..., Settings],
) -> None:
    with start_in_thread(open_settings(open_per_address=8)) as server:
        first = Applicant(server.url)
        people = [first, *(Applicant(server.url, uscc=first.uscc) for _ in range(2))]
        assert [each.draft().status_code for each in people] == [201, 201, 429]
        more = [Applicant(server.url) for _ in range(7)]
        answers = [each.draft() for each in more]
        assert [each.status_code for each in answers] == [201] * 6 + [429]
        assert answers[-1].json()["code"] == "too_many_open"
        assert answers[-1].headers["retry-after"]
        first.sign_in(application_id=first.application_id)
        withdrawn = first.call("POST", f"/v1/applications/{first.application_id}/withdraw", {})
        assert withdrawn.json()["state"] == "withdrawn"
        assert more[-1].draft().status_code == 201
        # correcting one does not make room for another
        other = more[0]
        other.sign_in(application_id=other.application_id)
        where = f"/v1/applications/{other.application_id}"
        assert other.call("PATCH", where, other.body()).status_code == 200
        last = Applicant(server.url)
        assert last.draft().status_code == 429
        for each in (*people, *more, last):
            each.http.close()


def test_what_nobody_looked_at_lapses(reviewed: RunningServer, monkeypatch: Any) -> None:
    person = handed_in(reviewed)
    later = canonical.now() + 31 * 86_400 * 1_000_000
    reviewed.worker.stop()
    monkeypatch.setattr(reviewed.platform.ledger, "_clock", lambda: later)
    background.work(reviewed.platform)
    with reviewed.platform.reading() as session:
        row = session.get_one(store.Application, person.application_id)
        assert row.state == "lapsed"
    person.http.close()


def test_the_operator_reads_the_letter_and_does_not_go_against_a_finding_alone(
    reviewed: RunningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = handed_in(reviewed, proof={"kind": "letter"})
    path = f"/v1/applications/{person.application_id}"
    person.http.put(
        f"{path}/materials/letter",
        content=LETTER,
        headers={"Authorization": f"Bearer {person.token}", "Content-Type": "application/pdf"},
    )
    person.submit()
    reviewed.platform.city.change(person.uscc, legal_rep="王建国")

    def order(account: str, *words: str) -> int:
        monkeypatch.setenv("LOGNAME", account)
        directory = str(reviewed.platform.settings.directory)
        return main(["review", *words, "--dir", directory, "--log-level", "error"])

    identity = person.application_id
    against = ("approve", identity, "--against", "已电话核实")
    assert order("one", *against) == 1  # not opened
    for account in ("one", "two"):
        out = str(tmp_path / account)
        assert order(account, "open", identity, "--out", out) == 0
        assert Path(out).read_bytes() == LETTER
    assert order("one", "approve", identity) == 1
    assert order("one", *against) == 0
    assert order("one", *against) == 1
    assert order("two", *against) == 1  # another account is not another person
    reviewer = employ(reviewed, "reviewer")
    reviewer.call("GET", f"{path}/materials/letter")
    agreed = reviewer.call("POST", f"{path}/approve", FINDINGS | {"against": "已电话核实"})
    assert agreed.json()["state"] == "approved"
    person.wait("fulfilled")
    for each in (person, reviewer):
        each.http.close()
