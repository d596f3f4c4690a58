"""What an applicant sees of his own applications, at any computer: state, what is next, what a
reviewer wants corrected, and the form as it was sent."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from server_stub.records.auditing import table_problems
from server_stub.records.identity import identity_index
from server_stub.records.store import Person
from server_stub.settings import Settings
from server_stub.web.serving import RunningServer, start_in_thread
from tests.world.applicant import Applicant, b64, citizen_number
from tests.world.staff import employ
from tests.world.waiting import until

REASONS = {"handler.phone": "无法接通", "enterprise.name": "与营业执照不一致"}


@pytest.fixture(scope="module")
def reviewed(tmp_path_factory: pytest.TempPathFactory, light_font: Path) -> Iterator[RunningServer]:
    """A platform where people review."""
    settings = Settings(
        directory=tmp_path_factory.mktemp("reviewed"),
        port=0,
        auto_review=False,
        open_register=True,
        imprint_dpi=300,
        imprint_font=light_font,
    )
    with start_in_thread(settings) as running:
        yield running


@pytest.fixture
def reviewer(reviewed: RunningServer) -> Iterator[Applicant]:
    person = employ(reviewed, "reviewer")
    yield person
    person.http.close()


@pytest.fixture
def person(reviewed: RunningServer) -> Iterator[Applicant]:
    made = Applicant(reviewed.url)
    yield made
    made.http.close()


def submitted(person: Applicant) -> str:
    person.draft()
    person.sign_in(application_id=person.application_id)
    assert person.submit().json()["next"] in ("consent", "review")
    path = f"/v1/applications/{person.application_id}"
    until(lambda: person.call("GET", path).json()["next"] == "review", "nobody consented")
    return path


def test_reasons_by_field_are_signed_shown_and_gone_once_it_is_handed_in_again(
    reviewed: RunningServer, reviewer: Applicant, person: Applicant
) -> None:
    path = submitted(person)
    reviewer.call("POST", f"{path}/claim", {})
    body = {"reason": "请补正", "reasons": REASONS}
    returned = reviewer.call("POST", f"{path}/return", body).json()
    assert (returned["state"], returned["reason"]) == ("returned", "请补正")
    seen = person.call("GET", path).json()
    assert (seen["reasons"], seen["next"]) == (REASONS, "correct")
    content = json.dumps(person.body(), ensure_ascii=False).encode()
    amended = person.http.patch(
        path,
        content=content,
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {person.token}"},
    ).json()
    person.payload_sm3 = amended["payload_sm3"]
    assert amended["reasons"] == {}
    again = person.submit().json()
    assert (again["state"], again["reason"], again["reasons"]) == ("submitted", None, {})
    assert person.call("GET", f"{path}/form").content == content
    with reviewed.platform.reading() as session:
        assert list(table_problems(session)) == []


def test_a_name_with_spaces_and_other_dots_is_the_same_person(reviewed: RunningServer) -> None:
    """Who spells his own name in another way neither reviews his own application, nor becomes a
    second person."""
    number, vault = citizen_number(733), reviewed.platform.vault
    reviewed.platform.city.take_in_person("买买提·艾合买提", number)
    index = identity_index(vault, "买买提·艾合买提", number)
    himself = employ(reviewed, "reviewer", index)
    with contextlib.ExitStack() as closing:
        closing.callback(himself.http.close)
        for typed in ("买买提 • 艾合买提", "买买提．艾合买提"):
            person = Applicant(reviewed.url, legal_rep="马代表")
            closing.callback(person.http.close)
            handler = {"name": typed, "id_no": number, "phone": "13800000000"}
            assert person.draft(handler=handler).status_code == 201
            person.sign_in(application_id=person.application_id)
            person.submit()
            path = f"/v1/applications/{person.application_id}"
            until(lambda p=person, w=path: p.call("GET", w).json()["next"] == "review", "consent")
            own = himself.call("POST", f"{path}/claim", {})
            assert (own.status_code, own.json()["code"]) == (403, "forbidden")
    with reviewed.platform.reading() as session:
        known = select(Person.name).where(Person.identity_index == index)
        assert session.scalars(known).all() == ["买买提·艾合买提"]
        assert list(table_problems(session, vault)) == []


@pytest.mark.parametrize(
    "reasons", [{"Handler": "x"}, {"handler.name": "a\nb"}, {"a.b.c.d": "x"}, {"handler.name": ""}]
)
def test_reasons_are_short_lines_on_fields(
    reviewer: Applicant, person: Applicant, reasons: dict[str, str]
) -> None:
    person.draft()
    path = f"/v1/applications/{person.application_id}/return"
    answer = reviewer.call("POST", path, {"reason": "x", "reasons": reasons})
    assert answer.json()["code"] == "invalid_body"


def test_the_bare_key_signs_in_at_another_computer_and_sees_all_that_was_asked_for_with_it(
    person: Applicant, reviewed: RunningServer
) -> None:
    known = []
    for subtype in ("official", "finance"):
        person.subtype = subtype
        person.draft()
        known.append(person.application_id)
    elsewhere = Applicant(reviewed.url, key=person.key)
    opened = elsewhere.sign_in(key=b64(person.key.spki))
    assert opened["actor"]["subject"] == known[-1]
    items = elsewhere.call("GET", "/v1/applications").json()["items"]
    assert [item["id"] for item in items] == known[::-1]
    assert {item["next"] for item in items} == {"submit"}
    elsewhere.sign_in(application_id=known[0])
    form = elsewhere.call("GET", f"/v1/applications/{known[0]}/form").json()
    assert form["seal"] == {"subtype": "official"}
    elsewhere.http.close()


def test_a_key_of_no_application_signs_in_nowhere(person: Applicant) -> None:
    answer = person.http.post("/v1/challenges", json={"key": b64(person.key.spki)})
    assert answer.json()["code"] == "not_found"
    both = {"key": b64(person.key.spki), "application_id": "x"}
    assert person.http.post("/v1/challenges", json=both).json()["code"] == "invalid_body"


def test_who_holds_another_key_cannot_use_it(person: Applicant, reviewed: RunningServer) -> None:
    person.draft()
    thief = Applicant(reviewed.url)
    offer = thief.challenge(key=b64(person.key.spki))
    answer = thief.http.post(
        "/v1/sessions", json={"challenge_id": offer["id"], "signature": thief.answer(offer)}
    )
    assert answer.json()["code"] == "signature_invalid"
    thief.http.close()
