"""The legal representative says who keeps a seal and who handles an application, with a Ukey of his
own; nobody else can."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from crypto.algorithms.gm import sm3
from crypto.algorithms.keys import SoftKey
from crypto.pki.certificate import Certificate as X509Certificate
from crypto.pki.certificate_making import make_request
from crypto.pki.names_and_algorithms import Name
from server_stub.neighbours.adapters import SimulatedCity, identity_digest
from server_stub.records.auditing import table_problems
from server_stub.records.store import Certificate
from server_stub.web.serving import RunningServer
from tests.world.applicant import Applicant, b64, citizen_number, number_of
from tests.world.lending import Lending
from tests.world.staff import moved

HELPER = ("赵敏", number_of("赵敏"))


@pytest.fixture
def city(server: RunningServer) -> SimulatedCity:
    server.platform.city.take_in_person(*HELPER)
    return server.platform.city


@pytest.fixture
def company(holder: Callable[..., Applicant]) -> Applicant:
    """A company whose representative, 李晓梅, has collected its seal herself."""
    person = holder()
    person.enrol()
    return person


def code_of(company: Applicant) -> str:
    code: str = company.call("GET", f"/v1/seals/{company.seal_id}").json()["seal_code"]
    return code


def stated(
    company: Applicant, key: SoftKey, verb: str, what: str, digest: str = "-", **changes: str
) -> dict[str, str]:
    at = changes.get("at", datetime.now(UTC).isoformat())
    uscc, why = changes.get("uscc", company.uscc), changes.get("reason", "")
    lines = ("SUQIAN-SEAL-INTENT-V2", company.url, verb, f"{uscc} {what}", digest, why, at, "")
    signature = b64(key.sign("\n".join(lines).encode()))
    certificate = b64(key.certificate)
    return {"uscc": uscc, "certificate": certificate, "at": at, "signature": signature}


def give(company: Applicant, key: SoftKey, role: str, about: str, **changes: Any) -> httpx.Response:
    name, number = changes.pop("person", HELPER)
    body = stated(company, key, "appoint", f"{role} {about}", identity_digest(number), **changes)
    person = {"name": name, "id_no": number}
    return company.http.post(
        "/v1/appointments", json=body | {"role": role, "about": about, "person": person}
    )


def listed(company: Applicant, key: SoftKey) -> list[dict[str, Any]]:
    body = stated(company, key, "list-appointments", "all")
    items: list[dict[str, Any]] = company.http.post("/v1/appointments/query", json=body).json()[
        "items"
    ]
    return items


def personal_key(city: SimulatedCity, name: str, number: str) -> SoftKey:
    key = SoftKey.generate()
    return key.with_certificate(city.certify_person(name, number, key.spki))


def test_a_keeper_is_given_told_of_and_ended(
    company: Applicant, city: SimulatedCity, server: RunningServer
) -> None:
    answer = give(company, company.key, "keeper", code_of(company))
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (made["role"], made["name"], made["until"]) == ("keeper", HELPER[0], None)
    assert made in listed(company, company.key)
    again = give(company, company.key, "keeper", code_of(company))
    assert again.json()["id"] == made["id"], "who is it already stays it"
    ending = stated(company, company.key, "end-appointment", made["id"])
    ended = company.http.post(f"/v1/appointments/{made['id']}/end", json=ending)
    assert ended.json()["until"]
    anew = give(company, company.key, "keeper", code_of(company))
    assert anew.json()["id"] != made["id"]
    with server.platform.reading() as session:
        assert list(table_problems(session)) == []


def test_the_same_statement_does_not_bring_back_what_was_ended(
    company: Applicant, city: SimulatedCity
) -> None:
    at = datetime.now(UTC).isoformat()
    made = give(company, company.key, "keeper", code_of(company), at=at).json()
    ending = stated(company, company.key, "end-appointment", made["id"])
    company.http.post(f"/v1/appointments/{made['id']}/end", json=ending)
    replayed = give(company, company.key, "keeper", code_of(company), at=at).json()
    assert (replayed["id"], bool(replayed["until"])) == (made["id"], True)


def test_a_handler_is_given_for_one_application(company: Applicant, city: SimulatedCity) -> None:
    company.subtype = "finance"
    company.draft()
    personal = personal_key(city, company.legal_rep, number_of(company.legal_rep))
    answer = give(company, personal, "handler", company.application_id)
    assert answer.status_code == 201, answer.text
    assert answer.json()["application"] == company.application_id
    assert give(company, personal, "handler", "app_nothing").status_code == 404


def test_nobody_else_appoints(
    company: Applicant, city: SimulatedCity, holder: Callable[..., Applicant]
) -> None:
    code = code_of(company)
    namesake = citizen_number(803)
    city.take_in_person(company.legal_rep, namesake)
    keeper = holder(legal_rep="王建国")
    keeper.enrol()
    for key, uscc in (
        (personal_key(city, company.legal_rep, namesake), company.uscc),
        (personal_key(city, *HELPER), company.uscc),
        (SoftKey.generate().with_certificate(company.key.certificate), company.uscc),
        (keeper.key, keeper.uscc),  # keeps that seal, and is not the representative
    ):
        refused = give(company, key, "keeper", code, uscc=uscc)
        assert refused.json()["code"] in ("forbidden", "signature_invalid"), refused.text
        listing = stated(company, key, "list-appointments", "all", uscc=uscc)
        assert company.http.post("/v1/appointments/query", json=listing).status_code == 403
    other = give(company, company.key, "keeper", code_of(keeper))
    assert other.json()["code"] == "not_found", "a seal of somebody else's"
    late = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    assert give(company, company.key, "keeper", code, at=late).status_code == 403
    unknown = give(company, company.key, "keeper", code, person=("无此人", citizen_number(804)))
    assert unknown.json()["code"] == "identity_invalid"


def test_a_name_and_number_in_another_companys_hands_appoint_nobody(
    company: Applicant,
    server: RunningServer,
    city: SimulatedCity,
    holder: Callable[..., Applicant],
) -> None:
    """Another company knows name and number of our representative: it names her as the handler of
    its own application, or lends its seal to "her". Neither key speaks for our company, nor opens
    what is hers."""
    other = holder(legal_rep="王建国")
    other.enrol()  # its handler, by name and number: our representative
    name, number, key = company.legal_rep, number_of(company.legal_rep), SoftKey.generate()
    city.take_in_person(name, number)
    lending = Lending(other)
    offered = lending.offer(lending.terms(grantee=name)).json()
    subject = Name.build([("C", "CN"), ("CN", name)])
    request = b64(make_request(subject, key.spki, key.sign))
    newcomer = {"name": name, "id_no": number, "certificate_request": request}
    accepted = lending.accept(key, offered, newcomer=newcomer)
    assert accepted.status_code == 201, accepted.text
    lent = key.with_certificate(base64.b64decode(accepted.json()["copy"]["certificate"]))
    for foreign in (other.key, lent):
        refused = give(company, foreign, "keeper", code_of(company))
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
        listing = stated(company, foreign, "list-appointments", "all")
        assert company.http.post("/v1/appointments/query", json=listing).status_code == 403
    with server.platform.reading() as session:
        own = session.get_one(Certificate, serial_of(company.key))
        assert session.get_one(Certificate, serial_of(lent)).person_id != own.person_id


def serial_of(key: SoftKey) -> str:
    return f"{X509Certificate.parse(key.certificate).serial:x}"


def test_what_a_keeper_lent_ends_with_the_keeper_and_what_he_used_is_still_told(
    company: Applicant,
    server: RunningServer,
    city: SimulatedCity,
    holder: Callable[..., Applicant],
) -> None:
    keeper = holder(legal_rep="王建国", name="宿迁市青松贸易有限公司")
    keeper.enrol()
    lending = Lending(keeper)
    terms = lending.terms(grantee=company.name)
    grant = lending.accept(company.key, lending.offer(terms).json()).json()
    token = keeper.call("POST", "/v1/refresh-tokens").json()["token"]
    opened = keeper.http.post("/v1/refreshed-sessions", json={"token": token})
    reporting = holder(token=opened.json()["token"])
    assert reporting.call("POST", "/v1/usage-records", used(keeper)).status_code == 200
    # of another seal of the same company, which he keeps as well, the key reports nothing
    second = holder(legal_rep="王建国", uscc=keeper.uscc, name=keeper.name, subtype="contract")
    second.enrol()
    assert reporting.call("POST", "/v1/usage-records", used(second)).status_code == 403

    before, prompt = used(keeper), used(keeper)
    representative = personal_key(city, "王建国", number_of("王建国"))
    (row,) = (
        each
        for each in listed(keeper, representative)
        if each["role"] == "keeper" and each["seal_code"] == code_of(keeper)
    )
    ending = stated(keeper, representative, "end-appointment", row["id"])
    assert keeper.http.post(f"/v1/appointments/{row['id']}/end", json=ending).status_code == 200
    (seen,) = company.call("GET", "/v1/grants").json()["received"]
    assert (seen["id"], seen["state"], seen["reason"]) == (grant["id"], "revoked", "keeper_ended")
    assert seen["seal_state"] == "cancelled"
    # what he used in his term he tells later, without and with the PIN, and gets a receipt
    assert flags(reporting, before) == []
    again = keeper.http.post("/v1/refreshed-sessions", json={"token": token})
    assert again.status_code == 201
    late = holder(token=again.json()["token"])
    assert flags(late, before) == []
    assert late.call("GET", "/v1/seals").json()["code"] == "forbidden"
    keeper.sign_in(to_report=True)
    assert flags(keeper, prompt) == []
    # what he uses after it is told, too, and marked
    assert flags(keeper, used(keeper)) == ["outside_term"]
    assert flags(late, used(keeper)) == ["outside_term"]
    for path in ("/v1/seals", "/v1/usage-records", "/v1/sync"):
        assert keeper.call("GET", path).json()["code"] == "forbidden"
    assert keeper.call("POST", "/v1/refresh-tokens").json()["code"] == "forbidden"
    assert reporting.call("POST", "/v1/usage-records", used(second)).status_code == 403
    # a seal whose key may be in other hands hears nothing more from that key
    moved(server, keeper.seal_id, "suspend", "lost")
    assert late.call("POST", "/v1/usage-records", used(keeper)).json()["code"] == (
        "certificate_not_valid"
    )
    who = {"certificate": b64(keeper.key.certificate), "to_report": True}
    assert keeper.http.post("/v1/challenges", json=who).json()["code"] == "certificate_not_valid"
    with server.platform.reading() as session:
        assert list(table_problems(session)) == []


def flags(person: Applicant, body: dict[str, Any]) -> list[str]:
    """What the platform's receipt says of a use."""
    answer = person.call("POST", "/v1/usage-records", body)
    assert answer.status_code == 200, answer.text
    (receipt,) = answer.json()["receipts"]
    found: list[str] = receipt["flags"]
    return found


def used(person: Applicant) -> dict[str, Any]:
    """A report of a use of that person's seal."""
    record = {
        "type": "usage-v1",
        "seal_id": person.seal_id,
        "document_sm3": secrets.token_hex(32),
        "at": datetime.now(UTC).isoformat(),
    }
    text = json.dumps(record)
    return {"records": [{"id": sm3(text.encode()).hex(), "record": text}]}


def test_who_is_legal_representative_is_not_ended_by_a_statement(company: Applicant) -> None:
    (row,) = (row for row in listed(company, company.key) if row["role"] == "legal_rep")
    ending = stated(company, company.key, "end-appointment", row["id"])
    answer = company.http.post(f"/v1/appointments/{row['id']}/end", json=ending)
    assert answer.json()["code"] == "forbidden"


# --- stopped and used again ----------------------------------------------------------------------


def stop(company: Applicant, key: SoftKey, reason: str, **changes: str) -> httpx.Response:
    code = changes.pop("code", code_of(company))
    body = stated(company, key, "suspend", code, reason=changes.pop("signed", reason), **changes)
    where = f"/v1/representatives/seals/{code}/suspend"
    return company.http.post(where, json=body | {"reason": reason})


def go_on(company: Applicant, key: SoftKey, code: str) -> httpx.Response:
    where = f"/v1/representatives/seals/{code}/resume"
    return company.http.post(where, json=stated(company, key, "resume", code))


def test_a_representative_with_a_personal_certificate_stops_and_resumes(
    server: RunningServer, city: SimulatedCity, company: Applicant
) -> None:
    own, code = (
        personal_key(city, company.legal_rep, number_of(company.legal_rep)),
        code_of(company),
    )
    stopped = stop(company, own, "holder_request")
    assert stopped.status_code == 200, stopped.text
    assert stopped.json() == {"seal_code": code, "state": "suspended", "reason": "holder_request"}
    assert stop(company, own, "holder_request").json() == stopped.json(), "an answer may be lost"
    resumed = go_on(company, own, code)
    assert (resumed.status_code, resumed.json()["state"]) == (200, "active")
    assert go_on(company, own, code).status_code == 409
    assert stop(company, own, "holder_request").status_code == 200
    lost = stop(company, own, "lost")  # a pause may turn out to be a loss
    assert (lost.status_code, lost.json()["reason"]) == (200, "lost")
    assert go_on(company, own, code).status_code == 403, "a key in doubt lifts nothing"
    with server.platform.reading() as session:
        assert table_problems(session, server.platform.vault) == []


def test_a_captured_statement_counts_once(
    server: RunningServer, city: SimulatedCity, company: Applicant
) -> None:
    own = personal_key(city, company.legal_rep, number_of(company.legal_rep))
    code = code_of(company)
    where, first = f"/v1/representatives/seals/{code}", datetime.now(UTC).isoformat()
    assert stop(company, own, "holder_request", at=first).status_code == 200
    resumes = stated(company, own, "resume", code)
    assert company.http.post(f"{where}/resume", json=resumes).status_code == 200
    again = stop(company, own, "holder_request", at=first)
    assert again.json()["code"] == "signature_invalid"
    assert stop(company, own, "holder_request").status_code == 200
    again = company.http.post(f"{where}/resume", json=resumes)
    assert again.json()["code"] == "signature_invalid"
    assert go_on(company, own, code).status_code == 200


def test_nobody_else_stops_a_seal_by_a_statement(
    server: RunningServer, city: SimulatedCity, company: Applicant
) -> None:
    stranger = personal_key(city, *HELPER)
    own = personal_key(city, company.legal_rep, number_of(company.legal_rep))
    assert stop(company, stranger, "lost").status_code == 403
    assert stop(company, own, "lost", signed="holder_request").status_code in (401, 403, 422)
    assert stop(company, own, "licence_revoked").status_code == 422
    assert stop(company, own, "lost", code="32130299999999").status_code == 404
    old = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    assert stop(company, own, "lost", at=old).status_code in (401, 403, 422)
    state = company.http.get(f"/v1/seals/{code_of(company)}/status").json()
    assert state["state"] == "active"
