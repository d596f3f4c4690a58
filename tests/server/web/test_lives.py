"""Any life of an application and its seal over HTTP, legal moves and illegal ones.

The model is written down here by itself, not read from the platform's tables: what it says of a
move is what the platform has to answer, and in the end the audit finds nothing.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import Phase
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from crypto.algorithms import gm
from server_stub.__main__ import main
from server_stub.settings import Settings
from server_stub.web.serving import RunningServer, start_in_thread
from tests.world.applicant import Applicant
from tests.world.staff import employ
from tests.world.waiting import until

FINDINGS = dict.fromkeys(("lawful", "complete", "authentic", "reasonable"), True)
CONFLICT, HELD = (409, "illegal_transition"), (403, "certificate_not_valid")
FORBIDDEN = (403, "forbidden")
MOVES = {
    "submit": ({"drafted", "returned"}, "submitted"),
    "withdraw": ({"drafted", "submitted", "returned"}, "withdrawn"),
    "claim": ({"submitted"}, "in_review"),
    "return": ({"in_review"}, "returned"),
    "reject": ({"in_review"}, "rejected"),
    "approve": ({"in_review"}, "fulfilled"),
}
"""Verb → from which states of an application, to which."""


def told(answer: httpx.Response) -> tuple[int, str]:
    """The refusal of *answer*; (2xx, "") if it is none."""
    if answer.status_code < 300:
        return answer.status_code, ""
    return answer.status_code, answer.json()["code"]


class Life(RuleBasedStateMachine):
    """One enterprise, one application, its seal."""

    server: RunningServer
    reviewer: Applicant

    @initialize(in_use=st.booleans())
    def draft(self, in_use: bool) -> None:
        self.person = Applicant(self.server.url)
        assert self.person.draft().status_code == 201
        self.person.sign_in(application_id=self.person.application_id)
        self.application, self.seal = "drafted", ""
        self.held = self.lost = False
        self.changes = 0
        self.uses: set[str] = set()
        if in_use:  # half of the lives begin where the seal's begins
            self.the_applicant_moves("submit")
            self.the_reviewer_moves("claim")
            self.the_reviewer_moves("approve")
            self.the_seal_is_collected()

    def teardown(self) -> None:
        if hasattr(self, "person"):
            self.person.http.close()

    # --- an application -----------------------------------------------------------------------

    @property
    def path(self) -> str:
        return f"/v1/applications/{self.person.application_id}"

    @precondition(lambda self: not self.seal)
    @rule(verb=st.sampled_from(["submit", "withdraw"]))
    def the_applicant_moves(self, verb: str) -> None:
        if verb == "submit":
            answer = self.person.submit()
        else:
            answer = self.person.call("POST", f"{self.path}/withdraw", {})
        self._moved(verb, answer)
        if answer.status_code == 200 and verb == "submit":  # the platform asks for consent itself
            until(lambda: self._awaited() is None, "the representative did not consent", 60)

    def _awaited(self) -> Any:
        return self.person.call("GET", self.path).json()["awaiting"]

    @precondition(lambda self: not self.seal)
    @rule()
    def the_applicant_amends(self) -> None:
        content = json.dumps(self.person.body(), ensure_ascii=False).encode()
        kind = {"Content-Type": "application/json"}
        headers = {"Authorization": f"Bearer {self.person.token}", **kind}
        answer = self.person.http.patch(self.path, content=content, headers=headers)
        if self.application in ("drafted", "returned"):
            assert answer.status_code == 200, answer.text
            self.person.payload_sm3 = answer.json()["payload_sm3"]
        else:
            assert told(answer) == CONFLICT

    @rule(verb=st.sampled_from(["claim", "return", "reject", "approve", "approve", "claim"]))
    def the_reviewer_moves(self, verb: str) -> None:
        body = {"claim": {}, "approve": FINDINGS}.get(verb, {"reason": "材料不清楚"})
        self._moved(verb, self.reviewer.call("POST", f"{self.path}/{verb}", body))
        if self.application == "fulfilled" and not self.seal:
            self.person.seal_id = self.person.wait("fulfilled", seconds=60)["seal_id"]
            row = self.person.call("GET", f"/v1/seals/{self.person.seal_id}").json()
            self.person.key = self.person.key.with_certificate(base64.b64decode(row["certificate"]))
            self.seal, self.changes = "made", 1

    def _moved(self, verb: str, answer: httpx.Response) -> None:
        before, after = MOVES[verb]
        if self.application in before:
            assert answer.status_code == 200, answer.text
            self.application = after
        else:
            assert told(answer) == CONFLICT

    # --- a seal -------------------------------------------------------------------------------

    @precondition(lambda self: self.seal)
    @rule()
    def the_seal_is_collected(self) -> None:
        if self.held:  # it would look at the seal first
            path = f"/v1/seals/{self.person.seal_id}/collection"
            assert told(self.person.call("POST", path, {"signature": "AAAA"})) == HELD
            return
        answer = self.person.collect()
        if self.seal == "made":
            assert answer.status_code == 200, answer.text
            self.seal, self.changes = "active", self.changes + 1
            self.person.sign_in()
        else:
            assert told(answer) == CONFLICT

    @precondition(lambda self: self.seal)
    @rule(staff=st.booleans(), reason=st.sampled_from(["holder_request", "lost"]))
    def it_is_suspended(self, staff: bool, reason: str) -> None:
        if not staff and self.seal == "made":
            return  # the applicant may not; the roles are another test's matter
        who = self.reviewer if staff else self.person
        path = f"/v1/seals/{self.person.seal_id}/suspend"
        answer = told(who.call("POST", path, {"reason": reason}))
        if staff and reason == "lost":
            assert answer == FORBIDDEN  # it takes two people
        elif not staff and self.held:
            assert answer == HELD
        elif self.seal == "active":
            assert answer == (200, "")
            self.seal, self.changes = "suspended", self.changes + 1
            self.held, self.lost = staff or reason == "lost", reason == "lost"
        else:
            assert answer == CONFLICT

    @precondition(lambda self: self.seal)
    @rule(staff=st.booleans())
    def it_is_resumed(self, staff: bool) -> None:
        if not staff and self.seal == "made":
            return
        who = self.reviewer if staff else self.person
        answer = told(who.call("POST", f"/v1/seals/{self.person.seal_id}/resume", {}))
        if not staff and self.held:
            assert answer == HELD
        elif self.seal == "suspended" and self.lost:
            assert answer == FORBIDDEN  # no reviewer alone puts a lost key back in use
        elif self.seal == "suspended":
            assert answer == (200, "")
            self.seal, self.held, self.changes = "active", False, self.changes + 1
        else:
            assert answer == CONFLICT

    @precondition(lambda self: self.seal in ("active", "suspended"))
    @rule(number=st.integers(0, 3))
    def a_ticket_is_asked_for(self, number: int) -> None:
        body = {"seal_id": self.person.seal_id, "document_sm3": f"{number:064x}"}
        answer = told(self.person.call("POST", "/v1/tickets", body))
        usable = (201, "") if self.seal == "active" else (409, "seal_not_active")
        assert answer == (HELD if self.held else usable)

    @precondition(lambda self: self.seal in ("active", "suspended"))
    @rule(again=st.booleans())
    def a_use_is_reported(self, again: bool) -> None:
        fields: dict[str, Any] = {
            "type": "usage-v1",
            "seal_id": self.person.seal_id,
            "document_sm3": f"{len(self.uses):064x}",
            "at": datetime.now(UTC).isoformat(),
        }
        text = json.dumps(fields)
        record = {"id": gm.sm3(text.encode()).hex(), "record": text}
        for _ in range(1 + again):
            answer = self.person.call("POST", "/v1/usage-records", {"records": [record]})
            if self.held:
                assert told(answer) == HELD
                return
            (receipt,) = answer.json()["receipts"]
            assert ("seal_not_active" in receipt["flags"]) == (self.seal != "active")
        self.uses.add(record["id"])

    # --- replaced, renewed, cancelled -----------------------------------------------------------

    @precondition(lambda self: self.seal)
    @rule(kind=st.sampled_from(["reissue", "renew"]))
    def another_application_is_about_it(self, kind: str) -> None:
        """By the same people with another key, decided at once."""
        asks, seal = Applicant(self.server.url, uscc=self.person.uscc), self._row()
        cause = {"cause": "damaged"} if kind == "reissue" else {}
        about = {"subtype": "official", "code": seal["seal_code"]}
        assert asks.draft(kind=kind, seal=about, **cause).status_code == 201
        asks.sign_in(application_id=asks.application_id)
        assert asks.submit().status_code == 200
        path = f"/v1/applications/{asks.application_id}"
        until(lambda: asks.call("GET", path).json()["awaiting"] is None, "no consent", 60)
        self.reviewer.call("POST", f"{path}/claim", {})
        decided = told(self.reviewer.call("POST", f"{path}/approve", FINDINGS))
        possible = {"reissue": ("made", "active", "suspended"), "renew": ("active",)}
        if self.seal not in possible[kind]:
            assert decided == (403, "forbidden")
            refused = self.reviewer.call("POST", f"{path}/reject", {"reason": "不能办理"})
            assert refused.status_code == 200, refused.text
            asks.http.close()
            return
        assert decided == (200, "")
        asks.seal_id = asks.wait("fulfilled", seconds=60)["seal_id"]
        row = asks.call("GET", f"/v1/seals/{asks.seal_id}").json()
        row |= row["waiting"] or {}
        asks.key = asks.key.with_certificate(base64.b64decode(row["certificate"]))
        if kind == "reissue":
            assert self._row()["state"] == "cancelled"
            assert self._row()["successor"] == asks.seal_id != self.person.seal_id
            self.seal, self.held, self.changes, self.uses = "made", False, 1, set()
        else:
            assert asks.seal_id == self.person.seal_id
            text = asks.collection_text(row).encode()
            body = {"signature": base64.b64encode(asks.key.sign(text)).decode()}
            taken = asks.call("POST", f"/v1/seals/{asks.seal_id}/collection", body)
            assert taken.status_code == 200, taken.text
            asks.sign_in()
            self.changes += 1
        self.person.http.close()
        self.person = asks

    def _row(self) -> dict[str, Any]:
        row: dict[str, Any] = self.reviewer.call("GET", f"/v1/seals/{self.person.seal_id}").json()
        return row

    @precondition(lambda self: self.seal in ("active", "suspended") and not self.held)
    @rule()
    def nobody_cancels_it_without_a_sealed_request(self) -> None:
        asks = Applicant(self.server.url, uscc=self.person.uscc)
        about = {"subtype": "official", "code": self._row()["seal_code"]}
        handler = asks.body()["handler"]
        more = {"seal": about, "cause": "merged", "handler": handler, "proof": {"kind": "request"}}
        assert asks.draft(kind="cancel", **more).status_code == 201
        asks.sign_in(application_id=asks.application_id)
        assert told(asks.submit()) == (422, "material_missing")
        path = f"/v1/applications/{asks.application_id}"
        assert told(asks.call("POST", f"{path}/withdraw", {})) == (200, "")
        assert self._row()["state"] == self.seal
        asks.http.close()

    # --- what always holds --------------------------------------------------------------------

    @invariant()
    def everybody_sees_the_same_state(self) -> None:
        if not hasattr(self, "person"):
            return
        seen = self.reviewer.call("GET", self.path).json()
        assert seen["state"] == self.application
        if not self.seal:
            assert seen["seal_id"] is None
            return
        row = self.reviewer.call("GET", f"/v1/seals/{self.person.seal_id}").json()
        assert row["state"] == self.seal
        status = httpx.get(f"{self.server.url}/v1/seals/{row['seal_code']}/status").json()
        assert status["state"] == self.seal
        path = f"/v1/seals/{self.person.seal_id}/history"
        assert len(self.reviewer.call("GET", path).json()["items"]) == self.changes
        if self.seal != "made" and not self.held:
            items = self.person.call("GET", "/v1/usage-records").json()["items"]
            assert sorted(each["id"] for each in items) == sorted(self.uses)


@pytest.fixture
def reviewed(
    open_settings: Callable[..., Settings],
) -> Iterator[tuple[RunningServer, Applicant]]:
    many = {"requests_per_minute": 10**6}
    with start_in_thread(open_settings(auto_review=False, **many)) as running:
        reviewer = employ(running, "reviewer")
        yield running, reviewer
        reviewer.http.close()


@pytest.mark.timeout(1200)
def test_whatever_people_try_the_platform_answers_by_the_rules(
    reviewed: tuple[RunningServer, Applicant], capsys: pytest.CaptureFixture[str]
) -> None:
    server, reviewer = reviewed
    life = type("Life", (Life,), {"server": server, "reviewer": reviewer})
    examples = max(4, hypothesis_settings.default.max_examples // 15)
    run_state_machine_as_test(
        life,
        settings=hypothesis_settings(
            max_examples=examples,
            stateful_step_count=30,
            phases=[Phase.generate],  # a life takes seconds: to make it shorter takes minutes
        ),
    )
    capsys.readouterr()
    assert main(["audit", "verify", "--dir", str(server.platform.settings.directory)]) == 0
