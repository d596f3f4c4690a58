"""授权 over HTTP: offered, accepted, used, withdrawn; leases; reports without a PIN."""

from __future__ import annotations

import base64
import contextlib
import json
import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from crypto.algorithms.gm import sm3
from crypto.algorithms.keys import SoftKey
from crypto.pki.certificate import Certificate
from crypto.pki.certificate_making import make_request
from crypto.pki.names_and_algorithms import Name
from crypto.seal.grant import grant_of
from crypto.seal.statement import SignedStatement
from crypto.seal.structure import Seal
from server_stub.lending import granting, leasing
from server_stub.neighbours.adapters import identity_digest
from server_stub.records import auditing
from server_stub.web.serving import RunningServer
from tests.world.applicant import Applicant, b64, citizen_number, decision, number_of
from tests.world.lending import DAY, Lending
from tests.world.waiting import until

Make = Callable[..., Applicant]


class Somebody(Applicant):
    """Not the handler of all the other tests."""

    def body(self, **changes: Any) -> dict[str, Any]:
        handler = {"name": self.legal_rep, "id_no": number_of(self.legal_rep), "phone": ""}
        return super().body(**{"handler": handler} | changes)


def enrolled_one(url: str, **facts: str) -> Iterator[Applicant]:
    person = Somebody(url, **facts)  # type: ignore[arg-type]
    with contextlib.closing(person.http):
        person.enrol()
        yield person


@pytest.fixture(scope="session")
def company(server: RunningServer) -> Iterator[Applicant]:
    """Who lends the seal."""
    yield from enrolled_one(server.url, legal_rep="陈思远")


@pytest.fixture(scope="session")
def other(server: RunningServer) -> Iterator[Applicant]:
    """A holder of another enterprise."""
    yield from enrolled_one(server.url, name="宿迁市青松贸易有限公司", legal_rep="王建国")


@pytest.fixture
def lent(company: Applicant, other: Applicant) -> tuple[Lending, dict[str, Any]]:
    """A grant that *other* has accepted."""
    lending = Lending(company)
    offered = lending.offer()
    assert offered.status_code == 201, offered.text
    accepted = lending.accept(other.key, offered.json())
    assert accepted.status_code == 201, accepted.text
    return lending, accepted.json()


def ticket(person: Applicant, grant: dict[str, Any], **said: str) -> httpx.Response:
    body = {"seal_id": grant["copy"]["id"], "document_sm3": secrets.token_hex(32)}
    return person.call("POST", "/v1/tickets", body | ({"kind": "合同"} | said))


def status(url: str, grant: dict[str, Any]) -> dict[str, Any]:
    answer = httpx.get(f"{url}/v1/seals/{grant['copy']['seal_code']}/status").json()
    return dict(answer)


def test_the_grantee_has_a_copy_of_its_own(
    company: Applicant, other: Applicant, lent: tuple[Lending, dict[str, Any]]
) -> None:
    _, grant = lent
    data = other.call("GET", f"/v1/blobs/{grant['copy']['seal_sm3']}").content
    seal = Seal.parse(data)
    assert seal.certificates == (other.key.certificate,)
    assert seal.es_id == grant["copy"]["seal_code"]
    inside = grant_of(seal)
    assert inside is not None
    assert inside.certificate.der == company.key.certificate
    assert seal.valid_until == inside.grant.valid_until
    assert status(company.url, grant)["state"] == "active"
    # nobody else gets it, and the company's own list does not mix it in
    assert company.call("GET", "/v1/seals").json()["items"][0]["id"] == company.seal_id
    assert len(company.call("GET", "/v1/seals").json()["items"]) == 1


def test_number_and_scope_are_held_to(
    other: Applicant, company: Applicant, lent: tuple[Lending, dict[str, Any]]
) -> None:
    _, grant = lent
    refused = ticket(other, grant, kind="保函")
    assert (refused.status_code, refused.json()["code"]) == (409, "outside_grant")
    for number in (1, 2, 3):
        answer = ticket(other, grant)
        assert answer.status_code == 201, answer.text
        said = SignedStatement.parse(base64.b64decode(answer.json()["token"])).statement
        assert said.leave is not None
        assert (said.leave.use, said.leave.kind) == (number, "合同")
    assert ticket(other, grant).json()["detail"] == "number"
    until(lambda: status(company.url, grant)["state"] == "cancelled", "it is exhausted", 15)
    assert status(company.url, grant)["reason"] == "grant_exhausted"
    (shown,) = [
        each
        for each in company.call("GET", "/v1/grants").json()["given"]
        if each["id"] == grant["id"]
    ]
    assert (shown["state"], shown["used"]) == ("exhausted", 3)


def test_nobody_else_uses_it(company: Applicant, lent: tuple[Lending, dict[str, Any]]) -> None:
    _, grant = lent
    assert ticket(company, grant).status_code == 404
    assert company.call("POST", "/v1/leases", {"seal_id": grant["copy"]["id"]}).status_code == 404


def test_a_company_that_names_the_grantee_as_its_handler_has_nothing_of_the_grants(
    company: Applicant, other: Applicant, lent: tuple[Lending, dict[str, Any]], holder: Make
) -> None:
    """Name and number are enough for that; the grant is to a certificate."""
    lending, grant = lent
    copy = grant["copy"]["id"]
    certificate = sm3(other.key.certificate).hex()
    named = Lending(company)
    offered = named.offer(named.terms(grantee_by="certificate", grantee_sm3=certificate)).json()
    imitator = holder(name="宿迁市假冒商行", legal_rep="赵德柱")
    body = imitator.body()
    person = {"name": other.legal_rep, "id_no": number_of(other.legal_rep), "phone": ""}
    imitator.body = lambda **_: {**body, "handler": person}  # type: ignore[method-assign]
    imitator.enrol()
    assert imitator.call("GET", "/v1/grants").json()["received"] == []
    assert lending.withdraw(imitator, grant).status_code == 404
    assert lending.withdraw(imitator, offered).status_code == 404
    assert imitator.call("GET", f"/v1/blobs/{grant['copy']['seal_sm3']}").status_code == 404
    assert imitator.call("POST", "/v1/leases", {"seal_id": copy}).status_code == 404
    assert ticket(imitator, grant).status_code == 404
    assert report(imitator, copy, "lease_none", 1).status_code == 422
    assert offered["id"] in [g["id"] for g in other.call("GET", "/v1/grants").json()["received"]]
    assert lending.withdraw(other, offered).json()["state"] == "declined"


def test_withdrawn_at_once_by_who_keeps_the_seal(
    company: Applicant, other: Applicant, lent: tuple[Lending, dict[str, Any]]
) -> None:
    lending, grant = lent
    assert lending.withdraw(company, grant).json()["state"] == "revoked"
    assert ticket(other, grant).json()["code"] == "seal_not_active"
    said = status(company.url, grant)
    assert (said["state"], said["reason"]) == ("cancelled", "grant_withdrawn")
    again = lending.withdraw(company, grant)
    assert again.json()["code"] == "illegal_transition"


def test_the_grantee_gives_it_back(
    company: Applicant, other: Applicant, lent: tuple[Lending, dict[str, Any]]
) -> None:
    lending, grant = lent
    assert lending.withdraw(other, grant).json()["reason"] == "grant_returned"


def test_suspended_with_its_original(company: Applicant, other: Applicant) -> None:
    lending = Lending(company)
    grant = lending.accept(other.key, lending.offer().json()).json()
    path = f"/v1/seals/{company.seal_id}"
    assert company.call("POST", f"{path}/suspend", {"reason": "holder_request"}).status_code == 200
    assert status(company.url, grant)["state"] == "suspended"
    assert ticket(other, grant).json()["code"] == "seal_not_active"
    assert company.call("POST", f"{path}/resume", {}).status_code == 200
    assert status(company.url, grant)["state"] == "active"
    assert ticket(other, grant).status_code == 201
    # the grantee's own certificate is not touched by what happens to the copy
    assert other.call("GET", "/v1/seals").status_code == 200


def test_accepted_once_and_only_with_the_code(company: Applicant, other: Applicant) -> None:
    lending = Lending(company)
    grant = lending.offer().json()
    assert lending.accept(other.key, grant, secret="another-code").status_code == 404
    assert lending.accept(other.key, grant, secret=grant["id"]).status_code == 404
    assert lending.accept(other.key, grant).status_code == 201
    assert lending.accept(other.key, grant).status_code == 404


def test_what_is_accepted_is_signed_by_the_key_that_will_stamp(
    company: Applicant, other: Applicant
) -> None:
    lending = Lending(company)
    grant = lending.offer().json()
    wrong = lending.accept(company.key, grant, certificate=b64(other.key.certificate))
    assert wrong.json()["code"] == "signature_invalid"


def test_who_is_named_must_be_who_accepts(company: Applicant, other: Applicant) -> None:
    lending = Lending(company)
    grant = lending.offer(lending.terms(grantee="别的公司")).json()
    assert lending.accept(other.key, grant).json()["code"] == "grantee_differs"


@pytest.mark.parametrize(
    "changes",
    [
        {"seal_name": "别的印章"},
        {"seal_code": "32130000009999"},
        {"valid_until": datetime(2099, 1, 1, tzinfo=UTC)},
        {"grantee_by": "certificate", "grantee_sm3": "0" * 64},
        {"grantee_by": "identity"},
        {"approval": True},
    ],
)
def test_an_offer_that_cannot_be(company: Applicant, changes: dict[str, Any]) -> None:
    lending = Lending(company)
    refused = lending.offer(lending.terms(**changes))
    assert (refused.status_code, refused.json()["code"]) == (422, "grant_invalid")


def test_an_offer_is_signed_for_its_own_terms(company: Applicant, other: Applicant) -> None:
    lending = Lending(company)
    grant = lending.terms()
    wrong = decision(company.url, company.key, "grant", grant.id, "0" * 64, "")
    body = {"seal_id": company.seal_id, "terms": b64(grant.encode()), **wrong}
    assert company.call("POST", "/v1/grants", body).json()["code"] == "signature_invalid"
    assert other.call("POST", "/v1/grants", body).status_code == 404


def request_of(key: SoftKey) -> str:
    subject = Name.build([("C", "CN"), ("CN", "to be named by the platform")])
    return b64(make_request(subject, key.spki, key.sign))


def test_somebody_known_by_identity_number_accepts_without_a_certificate(
    company: Applicant, server: RunningServer, holder: Make
) -> None:
    """The number is in no document: what stands in the copy cannot be guessed without the salt."""
    name, number, salt = "周文博", citizen_number(777), secrets.token_bytes(16)
    server.platform.city.take_in_person(name, number)
    lending = Lending(company)
    grant = lending.terms(
        grantee=name, grantee_by="identity", grantee_sm3=granting.commitment(number, salt)
    )
    offered = lending.offer(grant, identity={"id_no": number, "salt": b64(salt)})
    assert offered.status_code == 201, offered.text
    key = SoftKey.generate()

    def come(named: str, digits: str) -> httpx.Response:
        newcomer = {"name": named, "id_no": digits, "certificate_request": request_of(key)}
        return lending.accept(key, offered.json(), secret=grant.id, newcomer=newcomer)

    assert come("陌生人", number).json()["code"] == "grantee_differs"
    accepted = come(name, number)
    assert accepted.status_code == 201, accepted.text
    certificate = base64.b64decode(accepted.json()["copy"]["certificate"])
    assert Certificate.parse(certificate).subject.common_name == name
    person = holder(key=key.with_certificate(certificate))
    person.sign_in()
    assert ticket(person, accepted.json()).status_code == 201
    assert [g["id"] for g in person.call("GET", "/v1/grants").json()["received"]] == [grant.id]
    assert identity_digest(number) not in json.dumps(accepted.json())


# ---------------------------------------------------------------- leases


def lease(person: Applicant, seal_id: str, **body: Any) -> dict[str, Any]:
    answer = person.call("POST", "/v1/leases", {"seal_id": seal_id, **body})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def report(
    person: Applicant, seal_id: str, lease_id: str, number: int, **more: Any
) -> httpx.Response:
    record = {
        "type": "usage-v1",
        "seal_id": seal_id,
        "document_sm3": secrets.token_hex(32),
        "at": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        "lease": lease_id,
        "lease_use": number,
        **more,
    }
    text = json.dumps(record)
    body = {"records": [{"id": sm3(text.encode()).hex(), "record": text}]}
    return person.call("POST", "/v1/usage-records", body)


def used(person: Applicant, seal_id: str, lease_id: str, number: int, **more: Any) -> list[str]:
    """Report a use under a lease; the flags it gets."""
    answer = report(person, seal_id, lease_id, number, **more)
    assert answer.status_code == 200, answer.text
    flags: list[str] = answer.json()["receipts"][0]["flags"]
    return flags


def numbers(made: dict[str, Any]) -> list[int]:
    said = [SignedStatement.parse(base64.b64decode(each)).statement for each in made["leaves"]]
    assert all(each.document_digest is None and each.leave is not None for each in said)
    return [each.leave.use for each in said if each.leave is not None]


def test_a_lease_is_reserved_out_of_the_number(
    other: Applicant, lent: tuple[Lending, dict[str, Any]]
) -> None:
    _, grant = lent
    copy = grant["copy"]["id"]
    first = lease(other, copy, kind="合同")
    assert numbers(first) == [1, 2]
    assert ticket(other, grant).status_code == 201  # the third
    assert ticket(other, grant).json()["detail"] == "number"
    assert used(other, copy, first["id"], 1) == []
    # what is left of it is carried over, and no more can be had
    second = lease(other, copy, kind="合同", spent={"lease": first["id"], "uses": [1]})
    assert numbers(second) == [2]
    assert second["doubled"] == []
    # who does not say what it used gets nothing back
    assert numbers(lease(other, copy, kind="合同")) == []


def test_the_quota_is_for_all_leases_together(company: Applicant, other: Applicant) -> None:
    """Also where as many uses are allowed as wanted, and whatever is said of the lease before."""
    lending = Lending(company)
    grant = lending.accept(other.key, lending.offer(lending.terms(max_uses=0)).json()).json()
    copy = grant["copy"]["id"]
    first = lease(other, copy, kind="合同")
    assert numbers(first) == [1, 2]
    assert numbers(lease(other, copy, kind="合同")) == []
    claimed = {"lease": first["id"], "uses": [1, 2]}
    assert numbers(lease(other, copy, kind="合同", spent=claimed)) == []
    assert used(other, copy, first["id"], 1) == []  # what is reported is not out any more
    assert numbers(lease(other, copy, kind="合同")) == [3]


def test_one_lease_has_an_end_whatever_its_grant_allows(
    company: Applicant, other: Applicant
) -> None:
    lending = Lending(company)
    terms = lending.terms(max_uses=0, offline_quota=100_000)
    grant = lending.accept(other.key, lending.offer(terms).json()).json()
    made = lease(other, grant["copy"]["id"], kind="合同")
    assert len(made["leaves"]) == leasing.MOST_USES


def test_a_lease_for_one_kind_is_for_no_other(
    other: Applicant, lent: tuple[Lending, dict[str, Any]]
) -> None:
    _, grant = lent
    body = {"seal_id": grant["copy"]["id"], "kind": "保函"}
    assert other.call("POST", "/v1/leases", body).json()["code"] == "outside_grant"


def test_a_number_that_was_used_twice_is_found(company: Applicant) -> None:
    made = lease(company, company.seal_id)
    assert len(numbers(made)) == 20
    seal = company.seal_id
    assert used(company, seal, made["id"], 1) == []
    assert used(company, seal, made["id"], 1) == ["lease_number_doubled"]
    assert used(company, seal, made["id"], 99) == ["lease_number_unknown"]
    assert used(company, seal, "lease_none", 1) == ["lease_unknown"]
    late = (datetime.now(UTC) + 3 * DAY).isoformat().replace("+00:00", "Z")
    assert "outside_lease" in used(company, seal, made["id"], 2, at=late)
    renewed = lease(company, seal, spent={"lease": made["id"], "uses": []})
    assert renewed["doubled"] == [1, 2, 99]


def test_others_cannot_use_up_or_double_a_lease(company: Applicant, other: Applicant) -> None:
    """The name of a lease is in every document that was stamped under it."""
    lending = Lending(company)
    grant = lending.accept(other.key, lending.offer().json()).json()
    copy = grant["copy"]["id"]
    made = lease(other, copy, kind="合同")
    own = other.call("GET", "/v1/seals").json()["items"][0]["id"]
    for _ in range(2):
        assert used(other, own, made["id"], 1) == ["lease_unknown"]
    assert used(other, copy, made["id"], 1) == []
    renewed = lease(other, copy, kind="合同", spent={"lease": made["id"], "uses": [1]})
    assert renewed["doubled"] == []
    assert numbers(renewed) == [2, 3]


def test_a_number_that_was_called_unused_is_found_when_it_was_used(
    company: Applicant, other: Applicant, lent: tuple[Lending, dict[str, Any]]
) -> None:
    """Carried into the next lease, and used under both."""
    _, grant = lent
    copy = grant["copy"]["id"]
    first = lease(other, copy, kind="合同")
    second = lease(other, copy, kind="合同", spent={"lease": first["id"], "uses": []})
    assert numbers(first) == numbers(second) == [1, 2]
    assert used(other, copy, second["id"], 1) == []
    assert used(other, copy, first["id"], 1) == ["lease_number_doubled"]
    listed = company.call("GET", "/v1/grants").json()["given"]
    assert {g["id"]: g["doubled"] for g in listed}[grant["id"]] == 1


def test_both_sides_are_told_of_doubled_numbers(
    company: Applicant, other: Applicant, lent: tuple[Lending, dict[str, Any]]
) -> None:
    _, grant = lent
    made = lease(other, grant["copy"]["id"], kind="合同")
    used(other, grant["copy"]["id"], made["id"], 1)
    assert used(other, grant["copy"]["id"], made["id"], 1) == ["lease_number_doubled"]
    for person, side in ((company, "given"), (other, "received")):
        listed = person.call("GET", "/v1/grants").json()[side]
        assert {g["id"]: g["doubled"] for g in listed}[grant["id"]] == 1


# ---------------------------------------------------------------- reports without a PIN


def test_a_refresh_token_reports_and_does_nothing_else(company: Applicant, holder: Make) -> None:
    token = company.call("POST", "/v1/refresh-tokens").json()["token"]
    session = httpx.post(f"{company.url}/v1/refreshed-sessions", json={"token": token}).json()
    later = holder(token=session["token"])
    record = {"type": "usage-v1", "seal_id": company.seal_id, "document_sm3": "0" * 64}
    text = json.dumps(record | {"at": datetime.now(UTC).isoformat().replace("+00:00", "Z")})
    body = {"records": [{"id": sm3(text.encode()).hex(), "record": text}]}
    assert later.call("POST", "/v1/usage-records", body).status_code == 200
    assert later.call("POST", "/v1/usage-records", body).status_code == 200
    for method, path, sent in (
        ("GET", "/v1/seals", None),
        ("GET", "/v1/grants", None),
        ("GET", "/v1/sync", None),
        ("GET", "/v1/applications", None),
        ("GET", "/v1/usage-records", None),
        ("POST", "/v1/refresh-tokens", None),
        ("POST", "/v1/tickets", {"seal_id": company.seal_id, "document_sm3": "0" * 64}),
        ("POST", "/v1/leases", {"seal_id": company.seal_id}),
    ):
        assert later.call(method, path, sent).status_code in (403, 404), path
    assert company.call("DELETE", "/v1/refresh-tokens").status_code == 204
    assert later.call("POST", "/v1/usage-records", body).status_code == 401
    again = httpx.post(f"{company.url}/v1/refreshed-sessions", json={"token": token})
    assert again.json()["code"] == "session_invalid"


def test_all_of_it_is_in_the_ledger(server: RunningServer, company: Applicant) -> None:
    """Last of all, after everything above."""
    with server.platform.reading() as session:
        assert auditing.table_problems(session, server.platform.vault) == []
