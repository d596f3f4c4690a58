"""授权, tried by somebody who means no good: guessed numbers, shared codes, others' copies."""

from __future__ import annotations

import base64
import contextlib
import json
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import event

from crypto.algorithms.gm import sm3
from crypto.algorithms.keys import SoftKey
from crypto.pki.certificate import Certificate
from crypto.pki.certificate_making import make_request
from crypto.pki.names_and_algorithms import Name
from server_stub.lending import accepting
from server_stub.records import store
from server_stub.records.auditing import table_problems
from server_stub.records.ledger import Transaction
from server_stub.web.serving import RunningServer
from tests.world.applicant import Applicant, b64, citizen_number, number_of
from tests.world.lending import Lending


class _Company(Applicant):
    """Whose handler is somebody else than the representative."""

    def body(self, **changes: Any) -> dict[str, Any]:
        handler = {"name": self.handler, "id_no": number_of(self.handler), "phone": ""}
        return super().body(**{"handler": handler} | changes)

    handler = "郑经办"


@pytest.fixture(scope="module")
def company(server: RunningServer) -> Iterator[Applicant]:
    """Who lends the seal; its keeper is not its representative."""
    person = _Company(server.url, legal_rep="马代表")
    with contextlib.closing(person.http):
        person.enrol()
        yield person


@pytest.fixture(scope="module")
def other(server: RunningServer) -> Iterator[Applicant]:
    person = Applicant(server.url, name="宿迁市青松贸易有限公司")
    with contextlib.closing(person.http):
        person.enrol()
        yield person


def come(
    lending: Lending, offered: dict[str, Any], name: str, number: str, secret: str = ""
) -> httpx.Response:
    """A newcomer accepts."""
    key = SoftKey.generate()
    subject = Name.build([("C", "CN"), ("CN", "to be named by the platform")])
    request = b64(make_request(subject, key.spki, key.sign))
    newcomer = {"name": name, "id_no": number, "certificate_request": request}
    return lending.accept(key, offered, secret=secret, newcomer=newcomer)


@pytest.fixture
def closed_register(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The identity check knows nobody by itself."""
    closed = server.platform.settings.model_copy(update={"open_register": False})
    monkeypatch.setattr(server.platform, "settings", closed)


@pytest.mark.usefixtures("closed_register")
def test_an_offer_lets_nobody_try_numbers_one_after_the_other(
    server: RunningServer, company: Applicant
) -> None:
    name = "孔乙己"
    server.platform.city.take_in_person(name, citizen_number(731))
    lending = Lending(company)
    offered = lending.offer(lending.terms(grantee=name)).json()
    asked = []
    for serial in range(accepting.MAX_TRIES):
        asked.append(come(lending, offered, name, citizen_number(100 + serial)).json()["code"])
    assert asked == ["grantee_differs"] * accepting.MAX_TRIES
    assert come(lending, offered, name, citizen_number(731)).status_code == 404
    listed = company.call("GET", "/v1/grants").json()["given"]
    shown = next(each for each in listed if each["id"] == offered["id"])
    assert (shown["state"], shown["reason"]) == ("lapsed", "too_many_tries")
    with server.platform.reading() as session:
        assert table_problems(session, server.platform.vault) == []


@pytest.mark.usefixtures("closed_register")
def test_only_whom_the_offer_names_is_looked_up(
    server: RunningServer, company: Applicant, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    city = type(server.platform.city)
    matches = city.matches

    def noted(self: Any, name: str, id_no: str) -> bool:
        looked.append(name)
        return matches(self, name, id_no)

    monkeypatch.setattr(city, "matches", noted)
    server.platform.city.take_in_person("陌生人", citizen_number(732))
    lending = Lending(company)
    offered = lending.offer(lending.terms(grantee="孔乙己")).json()
    refused = come(lending, offered, "陌生人", citizen_number(732))
    assert (refused.json()["code"], looked) == ("grantee_differs", [])


def test_a_newcomer_is_certified_for_the_term_of_the_grant(company: Applicant) -> None:
    lending = Lending(company)
    terms = lending.terms(grantee="孔乙己")
    made = come(lending, lending.offer(terms).json(), "孔乙己", citizen_number(731)).json()
    certificate = Certificate.parse(base64.b64decode(made["copy"]["certificate"]))
    assert certificate.not_after == terms.valid_until


def test_a_newcomer_tells_of_uses_after_the_term_that_were_made_within_it(
    server: RunningServer, company: Applicant
) -> None:
    lending, key = Lending(company), SoftKey.generate()
    offered = lending.offer(lending.terms(grantee="周文博")).json()
    request = make_request(Name.build([("CN", "x")]), key.spki, key.sign)
    newcomer = {"name": "周文博", "id_no": citizen_number(811)}
    newcomer["certificate_request"] = b64(request)
    copy = lending.accept(key, offered, newcomer=newcomer).json()["copy"]
    guest = Applicant(server.url, key=key.with_certificate(base64.b64decode(copy["certificate"])))
    with contextlib.closing(guest.http):
        began = datetime.now(UTC)

        def over(tx: Transaction, days: int) -> None:
            grant = tx.session.get_one(store.SealGrant, offered["id"])
            serial = Certificate.parse(guest.key.certificate).serial
            certificate = tx.session.get_one(store.Certificate, f"{serial:x}")
            end = int((began - timedelta(days=days)).timestamp()) * 1_000_000
            for row in (grant, certificate):
                begins = "valid_from" if row is grant else "not_before"
                setattr(row, begins, end - 5 * 86_400_000_000)
                setattr(row, "valid_until" if row is grant else "not_after", end)

        server.platform.ledger.write(over, 2).result()
        answer = guest.http.post("/v1/challenges", json={"certificate": b64(guest.key.certificate)})
        assert answer.json()["code"] == "certificate_not_valid"
        guest.sign_in(to_report=True)
        for days, outside in ((4, False), (2.5, False), (1, True), (9, True)):
            told = used(copy["id"], began - timedelta(days=days))
            answer = guest.call("POST", "/v1/usage-records", told)
            assert answer.status_code == 200, answer.text
            (receipt,) = answer.json()["receipts"]
            assert ("outside_term" in receipt["flags"]) is outside, days
            assert receipt["record"]
        server.platform.ledger.write(over, 400).result()
        late = guest.call("POST", "/v1/usage-records", used(copy["id"], began))
        assert late.json()["code"] == "certificate_not_valid"


def used(seal_id: str, at: datetime) -> dict[str, Any]:
    record = {"type": "usage-v1", "seal_id": seal_id, "document_sm3": secrets.token_hex(32)}
    text = json.dumps(record | {"at": at.isoformat().replace("+00:00", "Z")})
    return {"records": [{"id": sm3(text.encode()).hex(), "record": text}]}


def test_two_offers_do_not_share_a_code(company: Applicant, other: Applicant) -> None:
    """Whoever has the code of one would be shown the other."""
    lending = Lending(company)
    grant = lending.offer().json()
    again = lending.offer()
    assert (again.status_code, again.json()["code"]) == (422, "grant_invalid")
    assert lending.accept(other.key, grant).status_code == 201
    assert lending.offer().status_code == 422, "also after it was taken"


def test_only_the_grantee_reports_uses_of_the_copy(
    server: RunningServer, company: Applicant, other: Applicant
) -> None:
    lending = Lending(company)
    grant = lending.accept(other.key, lending.offer().json()).json()
    body = used(grant["copy"]["id"], datetime.now(UTC))
    refused = company.call("POST", "/v1/usage-records", body)
    assert (refused.status_code, refused.json()["code"]) == (422, "record_invalid")
    assert other.call("POST", "/v1/usage-records", body).status_code == 200


def test_a_grantee_is_found_by_certificate_without_reading_all_of_them(
    server: RunningServer, company: Applicant, other: Applicant
) -> None:
    run: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        run.append((statement, values))

    lending = Lending(company)
    digest = sm3(other.key.certificate).hex()
    terms = lending.terms(grantee_by="certificate", grantee_sm3=digest)
    event.listen(server.platform.engine, "before_cursor_execute", note)
    try:
        offered = lending.offer(terms)
    finally:
        event.remove(server.platform.engine, "before_cursor_execute", note)
    assert offered.status_code == 201, offered.text
    assert offered.json()["id"] in [
        each["id"] for each in other.call("GET", "/v1/grants").json()["received"]
    ]
    asked = [sql for sql, values in run if digest in str(values) and "FROM certificate" in sql]
    assert asked
    assert all("der_sm3 = " in sql for sql in asked)
