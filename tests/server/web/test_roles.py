"""Every route for every role, over HTTP: who may, who is told no, for whom a thing is not there.

The table is written down here a second time, by routes and not by verbs: it is what the people who
run a platform are promised (docs/platform.md).
"""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from crypto.algorithms import gm
from crypto.algorithms.keys import SoftKey
from crypto.pki.certificate_making import make_request
from crypto.pki.names_and_algorithms import Name
from server_stub.records import blobs, store
from server_stub.records.ledger import Transaction
from server_stub.staff import asking
from server_stub.web.serving import RunningServer
from tests.world.applicant import Applicant, b64, citizen_number
from tests.world.lending import Lending
from tests.world.staff import employ

ROLES = ("applicant", "keeper", "legal_rep", "reviewer", "auditor")
EVERYBODY = set(ROLES)
HOLDERS = {"keeper", "legal_rep"}
COMPANY = {"applicant", *HOLDERS}
OWN_APPLICATION = "/v1/applications/{application}"
OWN_SEAL = "/v1/seals/{seal}"
FINDINGS = dict.fromkeys(("lawful", "complete", "authentic", "reasonable"), True)
SIGNATURE = {"signature": "AAAA"}
WRAPPED = {"certificate_sn": "1", "kind": "sm2", "key_id": "0" * 64, "wrapped": "AAAA"}
LETTER = b"%PDF-1.7 a letter of authority"

TABLE: dict[tuple[str, str], tuple[Any, set[str]]] = {
    ("GET", "/v1/applications"): (None, EVERYBODY),
    ("GET", OWN_APPLICATION): (None, COMPANY | {"reviewer"}),
    ("GET", f"{OWN_APPLICATION}/form"): (None, COMPANY),
    ("GET", f"{OWN_APPLICATION}/request"): (None, set()),  # only a cancellation has one
    ("PATCH", OWN_APPLICATION): ("application", COMPANY),
    ("POST", f"{OWN_APPLICATION}/submit"): (SIGNATURE, COMPANY),
    ("POST", f"{OWN_APPLICATION}/withdraw"): ({}, COMPANY),
    ("GET", "/v1/reviews"): (None, {"reviewer"}),
    ("GET", "/v1/reviews/{application}"): (None, {"reviewer"}),
    ("GET", "/v1/reviews/{application}/imprint"): (None, {"reviewer"}),
    ("POST", f"{OWN_APPLICATION}/claim"): ({}, {"reviewer"}),
    ("POST", f"{OWN_APPLICATION}/return"): ({"reason": "x"}, {"reviewer"}),
    ("POST", f"{OWN_APPLICATION}/reject"): ({"reason": "x"}, {"reviewer"}),
    ("POST", f"{OWN_APPLICATION}/approve"): (FINDINGS, {"reviewer"}),
    ("POST", f"{OWN_APPLICATION}/unlock"): ({}, COMPANY),
    ("GET", "/v1/losses"): (None, {"reviewer"}),
    ("POST", "/v1/losses"): ({"seal_code": "0" * 14, "caller": "x", "shown": "y"}, set()),
    ("POST", "/v1/losses/none/confirm"): ({}, set()),
    ("POST", "/v1/losses/none/refuse"): ({"reason": "x"}, set()),
    ("PUT", f"{OWN_APPLICATION}/materials/letter"): ("letter", COMPANY),
    ("GET", f"{OWN_APPLICATION}/materials/letter"): (None, {"reviewer"}),
    ("GET", "/v1/seals"): (None, COMPANY | {"reviewer"}),
    ("GET", OWN_SEAL): (None, COMPANY | {"reviewer"}),
    ("GET", f"{OWN_SEAL}/history"): (None, COMPANY | {"reviewer"}),
    ("GET", "/v1/blobs/{blob}"): (None, COMPANY | {"reviewer"}),
    ("POST", f"{OWN_SEAL}/collection"): (SIGNATURE, COMPANY),
    ("POST", "/v1/tickets"): ("ticket", HOLDERS),
    ("GET", "/v1/grants"): (None, HOLDERS),
    ("POST", "/v1/grants"): ("grant", HOLDERS),
    ("POST", "/v1/grants/none/withdrawal"): (SIGNATURE, set()),
    ("POST", "/v1/leases"): ("lease", HOLDERS),
    ("GET", f"{OWN_SEAL}/use-policy"): (None, HOLDERS),
    ("POST", f"{OWN_SEAL}/use-policy"): ({"terms": "AAAA", "at": "now", **SIGNATURE}, HOLDERS),
    ("GET", f"{OWN_SEAL}/approver-candidates"): (None, HOLDERS),
    ("POST", "/v1/approver-keys"): ({"token": "AAAA"}, set()),  # none of these is an approver
    ("GET", "/v1/use-requests"): (None, HOLDERS),
    ("POST", "/v1/use-requests"): ("request", HOLDERS),
    ("GET", "/v1/use-requests/none"): (None, set()),
    ("POST", "/v1/use-requests/none/keys"): ({"keys": [WRAPPED]}, set()),
    ("PUT", "/v1/use-requests/none/pages/0"): ("page", set()),
    ("GET", "/v1/use-requests/none/pages/0"): (None, set()),
    ("POST", "/v1/use-requests/none/decision"): ({"token": "AAAA"}, set()),
    ("POST", "/v1/use-requests/none/withdrawal"): ({"at": "now", **SIGNATURE}, set()),
    ("POST", "/v1/refresh-tokens"): (None, HOLDERS),
    ("DELETE", "/v1/refresh-tokens"): (None, HOLDERS),
    ("POST", "/v1/phone-pairings"): ({}, HOLDERS),
    ("GET", "/v1/phone-pairings/none"): (None, set()),
    ("GET", "/v1/phones"): (None, HOLDERS),
    ("POST", "/v1/phones"): ({"pairing": "none", "text": "AAAA", **SIGNATURE}, set()),
    ("POST", "/v1/phones/none/revocation"): (SIGNATURE, set()),
    ("GET", "/v1/sync"): (None, HOLDERS),
    ("POST", "/v1/usage-records"): ("usage", HOLDERS),
    ("GET", "/v1/usage-records"): (None, HOLDERS | {"auditor"}),
    ("POST", f"{OWN_SEAL}/suspend"): ({"reason": "holder_request"}, HOLDERS | {"reviewer"}),
    ("POST", f"{OWN_SEAL}/resume"): ({}, {"legal_rep", "reviewer"}),
    ("GET", "/audit/checkpoint"): (None, {"auditor"}),
    ("GET", "/audit/entries?from=0&to=1"): (None, {"auditor"}),
    ("GET", "/audit/search?person=x"): (None, {"auditor"}),
    ("POST", "/audit/proofs"): ({"size": 1, "indices": [0]}, {"auditor"}),
    ("POST", "/audit/cosignatures"): ({"size": 1, "root": "ab" * 32}, {"auditor"}),
    ("GET", "/audit/proofs/inclusion?index=0&size=1"): (None, {"auditor"}),
    ("GET", "/audit/proofs/consistency?from=0&to=1"): (None, {"auditor"}),
    ("DELETE", "/v1/sessions/current"): (None, EVERYBODY),
}
OPEN = {
    *("/healthz", "/readyz", "/v1/service", "/pki/{name}.crt", "/pki/crl/{issuer}/0.crl"),
    *("/v1/seals/{seal_code}/status", "/registry/checkpoint", "/registry/entries"),
    *("/registry/proofs/inclusion", "/registry/proofs/consistency", "/v1/verifications"),
    *("/ledger/checkpoint", "/ledger/proofs/consistency"),
    *("/v1/verifications/{identity}", "/tsa", "/tsa/rsa", "/ocsp", "/ocsp/{encoded}"),
    *("/v1/notices", "/v1/challenges", "/v1/sessions", "/v1/disputes", "/v1/disputes/{identity}"),
    *("/v1/disputes/{identity}/enclosure", "/v1/disputes/{identity}/evidence.zip"),
    *("/registry/tile/entries/{name}", "/registry/tile/{level}/{name}", "/registry/epoch"),
    *("/registry/seals/{seal_code}", "/registry/shards/{epoch}/{name}"),
    *("/v1/grant-offers", "/v1/grant-acceptances"),
    # signed by the legal representative's Ukey, each by itself
    *("/v1/appointments", "/v1/appointments/query", "/v1/appointments/{identity}/end"),
    *("/v1/representatives/seals/{code}/suspend", "/v1/representatives/seals/{code}/resume"),
    *("/v1/refreshed-sessions", "/v1/releases/{system}", "/v1/releases/{system}/{sm3}"),
}
"""Without signing in. ``POST /v1/applications`` is open as well: its request is signed."""
CLOSED = {"session_invalid", "forbidden", "not_found"}


def with_letter(tx: Transaction, server: RunningServer, application: str) -> None:
    letter = server.platform.blobs.seal(LETTER)
    blobs.keep(tx.session, letter)
    place = {"application_id": application, "kind": "letter", "media_type": "application/pdf"}
    tx.session.add(store.Material(**place, blob_sm3=letter.address, received_at=tx.now))


@pytest.fixture(scope="module")
def people(server: RunningServer) -> Iterator[dict[str, Applicant]]:
    """One for each role, and a stranger: the legal representative of another enterprise."""
    made = {
        "applicant": Applicant(server.url),
        "keeper": Applicant(server.url, legal_rep="王建国"),
        "legal_rep": Applicant(server.url),
        "stranger": Applicant(server.url),
    }
    made["applicant"].apply()
    for name in ("keeper", "legal_rep", "stranger"):
        made[name].enrol()
    made |= {role: employ(server, role) for role in ("reviewer", "auditor")}
    server.platform.ledger.write(with_letter, server, made["stranger"].application_id).result()
    with server.platform.reading() as session:
        application = session.get_one(store.Application, made["stranger"].application_id)
        asking.ask(server.platform, session, application)
    yield made
    for each in made.values():
        each.http.close()


def blob_of(owner: Applicant) -> str:
    seal: dict[str, str] = owner.call("GET", f"/v1/seals/{owner.seal_id}").json()
    return seal["seal_sm3"]


def asked(
    person: Applicant, owner: Applicant, blob: str, method: str, path: str, body: Any
) -> httpx.Response:
    """*person* asks for what is *owner*'s."""
    if body == "application":
        body = owner.body()
    elif body == "ticket":
        body = {"seal_id": owner.seal_id, "document_sm3": "ab" * 32}
    elif body == "grant":
        body = {"seal_id": owner.seal_id, "terms": "AAAA", "at": "now", **SIGNATURE}
    elif body == "lease":
        body = {"seal_id": owner.seal_id}
    elif body == "request":
        body = {"seal_id": owner.seal_id, "token": "AAAA"}
    elif body == "usage":
        fields = {
            "type": "usage-v1",
            "seal_id": owner.seal_id,
            "document_sm3": "ab" * 32,
            "at": datetime.now(UTC).isoformat(),
        }
        text = json.dumps(fields)
        body = {"records": [{"id": gm.sm3(text.encode()).hex(), "record": text}]}
    where = path.format(application=owner.application_id, seal=owner.seal_id, blob=blob)
    if body in ("letter", "page"):
        kind = "application/pdf" if body == "letter" else "application/octet-stream"
        headers = {"Content-Type": kind}
        if person.token:
            headers["Authorization"] = f"Bearer {person.token}"
        return person.http.request(method, where, content=LETTER, headers=headers)
    return person.call(method, where, body)


def closed(answer: httpx.Response) -> bool:
    """Was it the role, or whose it is, that was refused?"""
    assert answer.status_code < 500, answer.text
    refused = answer.status_code >= 400 and answer.json()["code"] in CLOSED
    if refused:
        assert answer.status_code in (401, 403, 404)
    return refused


def test_the_table_has_every_route(server: RunningServer) -> None:
    paths = httpx.get(f"{server.url}/v1/openapi.json").json()["paths"]
    known = {(method.upper(), path) for path, ops in paths.items() for method in ops}
    listed = {("POST", "/v1/applications")}
    for method, path in TABLE:
        plain = path.partition("?")[0].replace("{blob}", "{address}")
        plain = plain.replace("{application}", "{identity}").replace("{seal}", "{identity}")
        plain = plain.replace("grants/none", "grants/{identity}")
        plain = re.sub(r"(phones|phone-pairings|losses)/none", r"\1/{identity}", plain)
        plain = plain.replace("materials/letter", "materials/{kind}")
        plain = plain.replace("use-requests/none", "use-requests/{identity}")
        plain = plain.replace("pages/0", "pages/{number}")
        listed.add((method, plain))
    assert {(m, p) for m, p in known if p not in OPEN} == listed


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_do_what_the_table_says_and_nothing_else(
    people: dict[str, Applicant], role: str
) -> None:
    person = people[role]
    owner = person if role in COMPANY else people["stranger"]
    blob = blob_of(owner)
    wrong = [
        f"{method} {path}: {answer.status_code} {answer.text[:200]}"
        for (method, path), (body, allowed) in TABLE.items()
        if closed(answer := asked(person, owner, blob, method, path, body)) == (role in allowed)
    ]
    if role == "applicant":
        person.sign_in(application_id=person.application_id)
    else:
        person.sign_in()
    assert wrong == []


def test_nobody_is_asked_to_sign_in(people: dict[str, Applicant]) -> None:
    owner, nobody = people["stranger"], Applicant(people["stranger"].url)
    blob = blob_of(owner)
    for (method, path), (body, _) in TABLE.items():
        answer = asked(nobody, owner, blob, method, path, body)
        assert (answer.status_code, answer.json()["code"]) == (401, "session_invalid"), path
    nobody.http.close()


@pytest.mark.parametrize("role", ["applicant", "keeper", "legal_rep"])
def test_what_is_another_enterprises_does_not_exist(
    people: dict[str, Applicant], role: str
) -> None:
    person, owner = people[role], people["stranger"]
    blob = blob_of(owner)
    for (method, path), (body, allowed) in TABLE.items():
        if "{" not in path and body not in (
            *("ticket", "usage", "grant", "lease"),
            "request",
        ):
            continue
        answer = asked(person, owner, blob, method, path, body)
        if body == "usage" and role in allowed:
            assert answer.json()["code"] == "record_invalid"
            assert answer.json()["detail"].endswith("no such seal")
            continue
        assert (answer.status_code, answer.json()["code"]) in {
            (404, "not_found"),
            # a verb that the role never has is told so, whatever it is about
            *({(403, "forbidden")} if role not in allowed else set()),
        }, f"{method} {path}: {answer.text}"
    assert owner.call("GET", f"/v1/seals/{owner.seal_id}").json()["state"] == "active"
    assert owner.call("GET", "/v1/usage-records").json()["items"] == []


# --- who is lent a seal, and a computer that reports uses -----------------------------------------

REPORTS = {("POST", "/v1/usage-records"), ("DELETE", "/v1/sessions/current")}
"""All that a session opened by a refresh token may do."""
ABOUT_THE_SEAL = {
    *(("POST", "/v1/tickets"), ("POST", "/v1/leases"), ("POST", "/v1/usage-records")),
    *(("GET", f"{OWN_SEAL}/use-policy"), ("POST", "/v1/use-requests")),
}
LISTS = ("applications", "seals", "grants", "sync", "usage-records", "use-requests", "phones")
LENT = {
    *REPORTS,
    *ABOUT_THE_SEAL,
    *(("GET", f"/v1/{lists}") for lists in LISTS),
    *(("POST", "/v1/refresh-tokens"), ("DELETE", "/v1/refresh-tokens")),
    ("POST", "/v1/phone-pairings"),
}
"""What a newcomer may do who holds a copy of a seal: use it, and look at what is his own."""


def beyond(
    person: Applicant, owner: Applicant, allowed: set[tuple[str, str]]
) -> list[tuple[str, str, int]]:
    """Where *person* gets further, or less far, with *owner*'s things than is *allowed*."""
    blob, found = "ab" * 32, []
    for (method, path), (body, _) in TABLE.items():
        answer = asked(person, owner, blob, method, path, body)
        if closed(answer) == ((method, path) in allowed):
            found.append((method, path, answer.status_code))
    return found


def test_a_session_that_reports_uses_does_nothing_else(people: dict[str, Applicant]) -> None:
    keeper = people["keeper"]
    keeper.sign_in()
    token = keeper.call("POST", "/v1/refresh-tokens").json()["token"]
    opened = keeper.http.post("/v1/refreshed-sessions", json={"token": token})
    own, keeper.token = keeper.token, opened.json()["token"]
    try:
        assert beyond(keeper, keeper, REPORTS) == []
    finally:
        keeper.token = own


def test_who_is_lent_a_seal_uses_it_and_nothing_else_of_the_company(
    people: dict[str, Applicant],
) -> None:
    company = people["legal_rep"]
    company.sign_in()
    lending, key = Lending(company), SoftKey.generate()
    name, number = "孔乙己", citizen_number(731)
    subject = Name.build([("C", "CN"), ("CN", name)])
    request = b64(make_request(subject, key.spki, key.sign))
    newcomer = {"name": name, "id_no": number, "certificate_request": request}
    offered = lending.offer(lending.terms(grantee=name)).json()
    grant = lending.accept(key, offered, newcomer=newcomer).json()
    lent = Applicant(company.url, key=key.with_certificate(b64decode(grant["copy"]["certificate"])))
    lent.seal_id, lent.application_id = grant["copy"]["id"], company.application_id
    lent.sign_in()
    lent.http.close()
    lent.http = company.http
    assert beyond(lent, lent, LENT) == []
    lent.sign_in()
    # reports of another's uses are refused by what they say: 422
    assert beyond(lent, company, LENT - ABOUT_THE_SEAL | REPORTS) == []
