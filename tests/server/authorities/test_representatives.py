"""The register names another legal representative: what hung on the former one is over, or held."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from server_stub.authorities import representatives
from server_stub.neighbours.adapters import identity_digest
from server_stub.records import store
from server_stub.records.auditing import table_problems
from server_stub.web.serving import RunningServer
from tests.world.applicant import Applicant, citizen_number, number_of
from tests.world.lending import Lending

NEW = "孙明远"


class _Company(Applicant):
    """Whose handler is not its representative."""

    def body(self, **changes: Any) -> dict[str, Any]:
        handler = {"name": "郑经办", "id_no": number_of("郑经办"), "phone": ""}
        legal_rep = {"name": self.legal_rep, "id_no": number_of(self.legal_rep)}
        unit = {"uscc": self.uscc, "name": self.name, "legal_rep": legal_rep}
        return super().body(**{"handler": handler, "enterprise": unit} | changes)


@pytest.fixture
def closing() -> Iterator[contextlib.ExitStack]:
    with contextlib.ExitStack() as stack:
        yield stack


def replace(server: RunningServer, person: Applicant) -> None:
    """The register names another representative, and is asked."""
    digest = identity_digest(citizen_number(801))
    server.platform.city.change(person.uscc, legal_rep=NEW, legal_rep_sm3=digest)
    compare(server, person, digest)


def compare(server: RunningServer, person: Applicant, digest: str) -> bool:
    platform = server.platform
    with platform.reading() as session:
        enterprise = session.query(store.Enterprise).filter_by(uscc=person.uscc).one().id
    command = platform.ledger.write(representatives.compare, platform.vault, enterprise, digest)
    return command.result().answer


def sound(server: RunningServer) -> None:
    with server.platform.reading() as session:
        assert table_problems(session, server.platform.vault) == []


def test_the_former_representative_is_nobody_and_his_seal_is_held(
    server: RunningServer, closing: contextlib.ExitStack
) -> None:
    person = Applicant(server.url)
    closing.callback(person.http.close)
    seal = person.enrol()
    lending = Lending(person)
    offered = lending.offer().json()
    assert person.call("GET", "/v1/seals").status_code == 200
    replace(server, person)
    # signed in still, but the key is on hold, and no role is left
    assert person.call("GET", "/v1/seals").status_code in (401, 403)
    with server.platform.reading() as session:
        held = session.query(store.Seal).filter_by(seal_code=seal["seal_code"]).one()
        assert (held.state, held.suspended_by) == ("suspended", "market")
        assert held.reason == "legal_rep_changed"
        rows = session.query(store.Appointment).filter_by(enterprise_id=held.enterprise_id)
        assert {row.until is None for row in rows} == {False}
        grant = session.get_one(store.SealGrant, offered["id"])
        assert (grant.state, grant.reason) == ("revoked", "legal_rep_changed")
    sound(server)


def test_others_keep_what_they_keep_and_what_waits_is_asked_again(
    server: RunningServer, closing: contextlib.ExitStack
) -> None:
    keeper = _Company(server.url, legal_rep="马代表")
    closing.callback(keeper.http.close)
    keeper.enrol()
    lending = Lending(keeper)
    other = Applicant(server.url, name="宿迁市青松贸易有限公司")
    closing.callback(other.http.close)
    other.enrol()
    grant = lending.accept(other.key, lending.offer().json()).json()
    waiting = _Company(server.url, uscc=keeper.uscc, legal_rep="马代表", subtype="contract")
    closing.callback(waiting.http.close)
    assert waiting.draft().status_code == 201
    with server.platform.reading() as session:
        row = session.get_one(store.Application, waiting.application_id)
        before = {"proof": {"kind": "licence", "text": "x", "signature": "00"}, "approvals": [1]}

    def approve(tx: Any) -> None:
        row = tx.session.get_one(store.Application, waiting.application_id)
        row.payload, row.state = before, "in_review"

    server.platform.ledger.write(approve).result()
    replace(server, keeper)
    assert keeper.call("GET", f"/v1/seals/{keeper.seal_id}").json()["state"] == "active"
    (ended,) = (g for g in keeper.call("GET", "/v1/grants").json()["given"])
    assert (ended["state"], ended["reason"]) == ("revoked", "legal_rep_changed")
    assert ended["seal_state"] == "cancelled"
    refused = other.call(
        "POST", "/v1/tickets", {"seal_id": grant["copy"]["id"], "document_sm3": "ab" * 32}
    )
    assert refused.json()["code"] == "seal_not_active"
    with server.platform.reading() as session:
        row = session.get_one(store.Application, waiting.application_id)
        assert (row.awaiting, row.payload) == ("licence", {"proof": {"kind": "licence"}})
    sound(server)


def test_the_same_representative_and_one_of_whom_the_register_knows_no_number_change_nothing(
    server: RunningServer, closing: contextlib.ExitStack
) -> None:
    person = Applicant(server.url)
    closing.callback(person.http.close)
    person.enrol()
    assert not compare(server, person, identity_digest(number_of(person.legal_rep)))
    assert not compare(server, person, "")
    assert person.call("GET", "/v1/seals").status_code == 200


def test_the_clock_asks_for_the_representative(
    server: RunningServer, closing: contextlib.ExitStack
) -> None:
    from server_stub.authorities import rechecking

    person = Applicant(server.url)
    closing.callback(person.http.close)
    person.enrol()
    digest = identity_digest(citizen_number(801))
    server.platform.city.change(person.uscc, legal_rep=NEW, legal_rep_sm3=digest)
    with server.platform.reading() as session:
        row = session.get_one(store.Seal, person.seal_id)
        rechecking.ask(server.platform, session, row)
    with server.platform.reading() as session:
        assert session.get_one(store.Seal, person.seal_id).reason == "legal_rep_changed"
