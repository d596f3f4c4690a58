"""The review queue: what the neighbours said is stored, and a list asks nobody and stays short."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import event, insert, text

from crypto.algorithms import gm
from server_stub import applying
from server_stub.changing import assessing
from server_stub.neighbours.adapters import NeighbourError, SimulatedCity
from server_stub.records import store
from server_stub.records.auditing import table_problems
from server_stub.records.ledger import Transaction
from server_stub.settings import Settings
from server_stub.staff import asking, review_queue
from server_stub.web.routes.staff import listed
from server_stub.web.serving import RunningServer, start_in_thread
from tests.world.applicant import Applicant, number_of
from tests.world.staff import employ
from tests.world.waiting import until

GOOD = dict.fromkeys(("lawful", "complete", "authentic", "reasonable"), True)


@pytest.fixture(scope="module")
def reviewed(tmp_path_factory: pytest.TempPathFactory, light_font: Any) -> Iterator[RunningServer]:
    settings = Settings(
        directory=tmp_path_factory.mktemp("reviewed"),
        port=0,
        open_register=True,
        imprint_dpi=300,
        imprint_font=light_font,
        open_per_address=1000,
    )
    with start_in_thread(settings) as running:
        yield running


@pytest.fixture(scope="module")
def reviewer(reviewed: RunningServer) -> Iterator[Applicant]:
    made = employ(reviewed, "reviewer")
    yield made
    made.http.close()


@pytest.fixture
def submitted(reviewed: RunningServer) -> Iterator[Callable[..., Applicant]]:
    """Somebody whose application waits, and of whom the neighbours have been asked."""
    made: list[Applicant] = []

    def make(**facts: Any) -> Applicant:
        person = Applicant(reviewed.url, **facts)
        made.append(person)
        assert person.draft().status_code == 201
        person.sign_in(application_id=person.application_id)
        assert person.submit().status_code == 200
        until(lambda: assessed(reviewed, person), "nobody was asked")
        return person

    yield make
    for each in made:
        each.http.close()


def assessed(server: RunningServer, person: Applicant) -> store.Assessment | None:
    with server.platform.reading() as session:
        return session.get(store.Assessment, person.application_id)


def item(reviewer: Applicant, person: Applicant) -> dict[str, Any]:
    for state in ("submitted", "in_review"):
        for each in reviewer.call("GET", f"/v1/reviews?state={state}").json()["items"]:
            if each["id"] == person.application_id:
                found: dict[str, Any] = each
                return found
    raise AssertionError("not in the queue")


def test_the_list_shows_what_was_said_and_asks_nobody(
    reviewer: Applicant, submitted: Callable[..., Applicant], monkeypatch: pytest.MonkeyPatch
) -> None:
    person = submitted(name="宿迁市云杉软件有限公司")

    def silent(*_: object) -> Any:
        raise NeighbourError("asked for a list")

    for name in ("enterprise", "filed_seal", "matches", "valid_until"):
        monkeypatch.setattr(SimulatedCity, name, silent)
    shown = item(reviewer, person)
    assert shown["assessment"]["reason"] == ""
    assert shown["answers"]["register"]["legal_rep"] == "李晓梅"
    assert shown["answers"]["police"]["status"] == "delivered"
    assert shown["answers"]["identity"] is True
    assert shown["reviewer"] is None


def test_what_is_read_of_one_application_is_what_was_submitted(
    reviewed: RunningServer, reviewer: Applicant, submitted: Callable[..., Applicant]
) -> None:
    person = submitted()
    path = f"/v1/reviews/{person.application_id}"
    shown = reviewer.call("GET", path).json()
    body = base64.b64decode(shown["body"])
    assert gm.sm3(body).hex() == shown["payload_sm3"] == person.payload_sm3
    assert json.loads(body)["handler"]["id_no"] == number_of("李晓梅")
    assert (shown["own"], shown["mine"], shown["second"]) == (False, False, False)
    assert [each["event"] for each in shown["history"]] == ["draft", "submit"]
    picture = reviewer.call("GET", f"{path}/imprint").content
    assert gm.sm3(picture).hex() == shown["answers"]["police"]["imprint_sm3"]
    assert person.call("GET", path).json()["code"] == "forbidden"
    assert person.call("GET", f"{path}/imprint").json()["code"] == "forbidden"
    with reviewed.platform.reading() as session:
        read = session.scalars(
            text("SELECT count(*) FROM ledger_entry WHERE CAST(record AS TEXT) LIKE :like"),
            {"like": "%application-read-v1%"},
        ).one()
        assert read == 1
        assert table_problems(session, reviewed.platform.vault) == []


def test_neighbours_that_do_not_answer_are_told_and_asked_again(
    reviewed: RunningServer,
    reviewer: Applicant,
    submitted: Callable[..., Applicant],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def silent(*_: object) -> Any:
        raise NeighbourError("the register is closed")

    with monkeypatch.context() as closed:
        closed.setattr(SimulatedCity, "enterprise", silent)
        person = submitted()
        shown = item(reviewer, person)
        assert shown["assessment"] is None
        assert shown["answers"]["unanswered"] == "the register is closed"
    with reviewed.platform.reading() as session:
        row = session.get_one(store.Application, person.application_id)
        kept = session.get_one(store.Assessment, person.application_id)
        assert kept.due_at - kept.asked_at < 10 * 60_000_000
        asking.ask(reviewed.platform, session, row)
    assert item(reviewer, person)["assessment"]["lawful"] is True


def test_nobody_reviews_an_application_of_his_own(
    reviewed: RunningServer, submitted: Callable[..., Applicant]
) -> None:
    person = submitted()
    platform = reviewed.platform
    mine = platform.vault.blind_index("person.identity", f"李晓梅\n{number_of('李晓梅')}")
    own = employ(reviewed, "reviewer")

    def is_the_handler(tx: Transaction) -> None:
        certificate = tx.session.get_one(store.Certificate, f"{serial(own):x}")
        tx.session.get_one(store.Staff, certificate.staff_id).identity_index = mine

    platform.ledger.write(is_the_handler).result()
    path = f"/v1/applications/{person.application_id}"
    answer = own.call("POST", f"{path}/claim", {})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert own.call("GET", f"/v1/reviews/{person.application_id}").json()["own"] is True
    own.http.close()


def serial(person: Applicant) -> int:
    from crypto.pki.certificate import Certificate

    return Certificate.parse(person.key.certificate).serial


def test_two_reviewers_decide_on_a_new_pin_whatever_the_records_say(
    reviewed: RunningServer,
    reviewer: Applicant,
    submitted: Callable[..., Applicant],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fine = applying.Findings(lawful=True, complete=True, authentic=True, reasonable=True)
    monkeypatch.setattr(assessing, "assess", lambda *_: fine)
    person = submitted()

    def to_reset(tx: Transaction) -> None:
        tx.session.get_one(store.Application, person.application_id).kind = "pin_reset"

    reviewed.platform.ledger.write(to_reset).result()
    second = employ(reviewed, "reviewer")
    path = f"/v1/applications/{person.application_id}"
    reviewer.call("POST", f"{path}/claim", {})
    assert reviewer.call("POST", f"{path}/approve", GOOD).json()["state"] == "in_review"
    assert reviewer.call("POST", f"{path}/approve", GOOD).json()["code"] == "forbidden"
    shown = second.call("GET", f"/v1/reviews/{person.application_id}").json()
    assert shown["second"] is True
    assert shown["against"] == [{"reviewer": "reviewer-01", "reason": ""}]
    assert second.call("POST", f"{path}/reject", {"reason": "no"}).json()["state"] == "rejected"
    second.http.close()


# --- ten thousand ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def crowded(
    tmp_path_factory: pytest.TempPathFactory, reviewed: RunningServer
) -> Iterator[RunningServer]:
    """The same platform with many applications more, put there past the ledger."""
    rows = [
        {
            "id": f"app_crowd{number:05d}",
            "kind": "issue",
            "payload": {"proof": {"kind": "licence"}},
            "state": "submitted" if number % 2 else "fulfilled",
            "enterprise_id": "ent_crowd",
            "enterprise_name": "宿迁市云杉软件有限公司",
            "handler_id": "person_crowd",
            "subtype": "official",
            "payload_sm3": "ab" * 32,
            "spki": b"",
            "created_at": 1 + number // 7,
            "updated_at": 1 + number // 7,
            "salt": b"",
        }
        for number in range(2_000)
    ]
    engine = reviewed.platform.engine
    with engine.begin() as connection:
        unit = {"id": "ent_crowd", "uscc": "x", "name": "x", "state": "registered"}
        connection.execute(insert(store.Enterprise), [unit])
        connection.execute(insert(store.Person), [{"id": "person_crowd", "name": "x", "salt": b""}])
        connection.execute(insert(store.Application), rows)
    yield reviewed
    with engine.begin() as connection:
        for table in ("application", "enterprise", "person"):
            connection.execute(text(f"DELETE FROM {table} WHERE id LIKE '%_crowd%'"))  # noqa: S608


def statements(server: RunningServer, rows: int) -> list[str]:
    """What is asked of the database for a list of so many rows."""
    said: list[str] = []

    def note(*arguments: Any) -> None:
        said.append(arguments[2])

    with server.platform.reading() as session:
        chosen = review_queue.waiting("submitted").limit(rows)
        found = session.scalars(chosen).all()
        assert len(found) == rows
        event.listen(server.platform.engine, "before_cursor_execute", note)
        try:
            listed(session, found)
        finally:
            event.remove(server.platform.engine, "before_cursor_execute", note)
    return said


def test_a_list_takes_as_many_queries_for_a_hundred_rows_as_for_two(
    crowded: RunningServer,
) -> None:
    assert len(statements(crowded, 100)) == len(statements(crowded, 2)) <= 4


def test_the_first_page_is_found_through_the_index(crowded: RunningServer) -> None:
    chosen = review_queue.waiting("submitted")
    chosen = chosen.order_by(store.Application.updated_at, store.Application.id).limit(101)
    written = chosen.compile(crowded.platform.engine, compile_kwargs={"literal_binds": True})
    with crowded.platform.reading() as session:
        plan = [row[3] for row in session.execute(text(f"EXPLAIN QUERY PLAN {written}"))]
    assert plan == ["SEARCH application USING INDEX application_by_wait (state=?)"]


def test_every_page_of_the_crowd_comes_once_and_oldest_first(
    crowded: RunningServer, reviewer: Applicant
) -> None:
    after, seen = "", []
    while True:
        answer = reviewer.call("GET", f"/v1/reviews?after={after}").json()
        seen += [(each["updated_at"], each["id"]) for each in answer["items"]]
        after = answer["next"]
        if not answer["more"]:
            break
    crowd = [each for each in seen if "crowd" in each[1]]
    assert len(crowd) == len(set(crowd)) == 1000
    assert seen == sorted(seen)
