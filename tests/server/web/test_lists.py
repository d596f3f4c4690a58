"""Lists come a page at a time and lose nothing, whatever shares a time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from crypto.algorithms import gm
from server_stub.records.ledger import Transaction
from server_stub.records.store import Application
from server_stub.settings import Settings
from server_stub.web import paging
from server_stub.web.serving import RunningServer, start_in_thread
from tests.world.applicant import Applicant
from tests.world.staff import employ


def whole(person: Applicant, path: str, cursor: str, **query: str) -> Iterator[dict[str, Any]]:
    """Everything of a list, page after page."""
    following: dict[str, str] = {}
    while True:
        answer = person.http.get(
            path, params={**query, **following}, headers={"Authorization": f"Bearer {person.token}"}
        )
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert len(page["items"]) <= paging.SIZE
        yield from page["items"]
        assert page["more"] == bool(page["next"])
        if not page["more"]:
            return
        following = {cursor: page["next"]}


def test_of_a_hundred_and_fifty_uses_reported_together_none_is_lost(
    holder: Callable[..., Applicant],
) -> None:
    person = holder()
    person.enrol()
    sent = []
    for number in range(150):
        fields = {
            "type": "usage-v1",
            "seal_id": person.seal_id,
            "document_sm3": gm.sm3(str(number).encode()).hex(),
            "at": datetime.now(UTC).isoformat(),
        }
        text = json.dumps(fields)
        sent.append({"id": gm.sm3(text.encode()).hex(), "record": text})
    for part in (sent[:100], sent[100:]):
        answer = person.call("POST", "/v1/usage-records", {"records": part})
        assert answer.status_code == 200, answer.text
    listed = [each["id"] for each in whole(person, "/v1/usage-records", "before")]
    assert sorted(listed) == sorted(each["id"] for each in sent)


@pytest.mark.parametrize("cursor", ["7", "x.y", "1.", ".a", "1.a b", "9" * 40 + ".a"])
def test_a_cursor_that_is_none_is_refused(enrolled: Applicant, cursor: str) -> None:
    answer = enrolled.call("GET", f"/v1/usage-records?before={cursor}")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_body")


@pytest.fixture
def reviewed(open_settings: Callable[..., Settings]) -> Iterator[RunningServer]:
    with start_in_thread(open_settings(auto_review=False)) as running:
        yield running


def test_applications_of_one_moment_are_all_listed_for_applicant_and_reviewer(
    reviewed: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "SIZE", 3)
    people = []
    for _ in range(7):
        person = Applicant(reviewed.url)
        assert person.draft().status_code == 201
        person.sign_in(application_id=person.application_id)
        assert person.submit().status_code == 200
        people.append(person)

    def at_one_moment(tx: Transaction) -> None:
        for row in tx.session.scalars(select(Application)):
            row.created_at = 1_800_000_000_000_000

    reviewed.platform.ledger.write(at_one_moment).result()
    reviewer = employ(reviewed, "reviewer")
    waiting = [each["id"] for each in whole(reviewer, "/v1/reviews", "after")]
    assert sorted(waiting) == sorted(each.application_id for each in people)
    own = list(whole(people[0], "/v1/applications", "before"))
    assert [each["id"] for each in own] == [people[0].application_id]
    assert httpx.get(f"{reviewed.url}/v1/reviews").status_code == 401
    for each in (*people, reviewer):
        each.http.close()
