"""Police and market supervision suspend, resume and cancel by signed notices; rank counts."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from server_stub.__main__ import main
from server_stub.authorities import rechecking
from server_stub.neighbours.adapters import NeighbourError, SimulatedCity
from server_stub.records import store
from server_stub.records.auditing import table_problems
from server_stub.records.ledger import Transaction
from server_stub.web.serving import RunningServer
from tests.world.applicant import Applicant
from tests.world.lending import Lending
from tests.world.notices import notice
from tests.world.staff import employ
from tests.world.waiting import until

Make = Callable[..., Applicant]


def active(holder: Make) -> tuple[Applicant, dict[str, Any]]:
    person = holder()
    return person, person.enrol()


def seal_of(server: RunningServer, code: str) -> store.Seal:
    with server.platform.reading() as session:
        return session.query(store.Seal).filter_by(seal_code=code).one()


def test_a_notice_takes_effect_when_it_says_and_is_on_record_when_it_came(
    server: RunningServer, holder: Make
) -> None:
    _, seal = active(holder)
    code, then = seal["seal_code"], datetime.now(UTC) - timedelta(hours=3)
    answer = notice(server, "market", "suspend", code, effective_at=then.isoformat())
    assert (answer.status_code, answer.json()["seals"]) == (201, [code])
    told = httpx.get(f"{server.url}/v1/seals/{code}/status").json()
    assert (told["state"], told["reason"]) == ("suspended", "licence_revoked")
    assert told["effective_at"][:19] == then.isoformat()[:19]
    assert told["recorded_at"] > told["effective_at"]
    with server.platform.reading() as session:
        assert table_problems(session, server.platform.vault) == []


def test_a_seal_that_nobody_has_collected_is_not_to_be_had_after_a_notice(
    server: RunningServer, holder: Make
) -> None:
    person = holder()
    code = person.apply()["seal_code"]
    assert notice(server, "market", "suspend", person.uscc).json()["seals"] == [code]
    refused = person.collect()
    assert refused.status_code in (403, 409), refused.text
    assert seal_of(server, code).state == "cancelled"
    with server.platform.reading() as session:
        assert table_problems(session, server.platform.vault) == []


@pytest.mark.parametrize("what", ["physical_code", "uscc"])
def test_a_notice_names_a_physical_seal_or_an_enterprise(
    server: RunningServer, holder: Make, what: str
) -> None:
    person, seal = active(holder)
    named = seal["physical_code"] if what == "physical_code" else person.uscc
    assert notice(server, "police", "cancel", named, "physical_seal_cancelled").json()["seals"]
    assert seal_of(server, seal["seal_code"]).state == "cancelled"


def test_the_same_notice_again_changes_nothing_and_another_under_its_number_is_refused(
    server: RunningServer, holder: Make
) -> None:
    _, seal = active(holder)
    same = {"number": "A-1", "effective_at": datetime.now(UTC).isoformat()}
    first = notice(server, "police", "suspend", seal["seal_code"], "lost", **same)
    again = notice(server, "police", "suspend", seal["seal_code"], "lost", **same)
    assert first.json() == again.json()
    other = notice(server, "police", "cancel", seal["seal_code"], "lost", **same)
    assert (other.status_code, other.json()["code"]) == (422, "notice_invalid")
    assert seal_of(server, seal["seal_code"]).state == "suspended"


def test_the_holder_is_told_by_sync_and_nobody_else(server: RunningServer, holder: Make) -> None:
    person, seal = active(holder)
    other, _ = active(holder)
    notice(server, "market", "suspend", seal["seal_code"])
    notice(server, "market", "resume", seal["seal_code"])

    def told(who: Applicant) -> list[tuple[str, list[str]]]:
        items = who.call("GET", "/v1/sync").json()["items"]
        bodies = [each["body"] for each in items if each["kind"] == "notice"]
        return [(each["action"], each["seals"]) for each in bodies]

    code = seal["seal_code"]
    assert told(person) == [("suspend", [code]), ("resume", [code])]
    assert told(other) == []


def test_nobody_elses_signature_and_no_impossible_notice_counts(
    server: RunningServer, holder: Make
) -> None:
    _, seal = active(holder)
    code = seal["seal_code"]
    forged = notice(server, "police", "suspend", code, signed_by="market")
    assert forged.json()["code"] == "signature_invalid"
    later = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    assert notice(server, "police", "suspend", code, effective_at=later).status_code == 422
    assert notice(server, "police", "suspend", code, reason="because").status_code == 422
    assert notice(server, "police", "suspend", code, effective_at="now-ish").status_code == 422
    nobody = notice(server, "police", "suspend", "99999999999999").json()
    assert (nobody["state"], nobody["seals"]) == ("refused", [])
    assert seal_of(server, code).state == "active"


def test_who_suspended_or_a_higher_authority_resumes(server: RunningServer, holder: Make) -> None:
    person, seal = active(holder)
    path, code = f"/v1/seals/{person.seal_id}", seal["seal_code"]
    reviewer = employ(server, "reviewer")
    # the holder's own; the police's word makes it theirs
    assert person.call("POST", f"{path}/suspend", {"reason": "holder_request"}).status_code == 200
    assert notice(server, "police", "suspend", code, "lost").json()["seals"] == [code]
    for who in (person, reviewer):
        assert who.call("POST", f"{path}/resume", {}).status_code == 403
    assert notice(server, "market", "resume", code).json()["state"] == "refused"
    assert notice(server, "police", "resume", code).json()["seals"] == [code]
    # the platform's: the holder may not, an authority may
    assert reviewer.call("POST", f"{path}/suspend", {"reason": "false_material"}).status_code == 200
    assert person.call("POST", f"{path}/resume", {}).status_code == 403
    assert notice(server, "market", "resume", code).json()["seals"] == [code]
    # the holder's alone
    assert person.call("POST", f"{path}/suspend", {"reason": "holder_request"}).status_code == 200
    assert reviewer.call("POST", f"{path}/resume", {}).status_code == 200
    with server.platform.reading() as session:
        assert table_problems(session, server.platform.vault) == []
    reviewer.http.close()


def test_a_resumption_that_is_older_than_the_suspension_lifts_nothing(
    server: RunningServer, holder: Make
) -> None:
    """It was sent for the suspension before, and was held back on its way."""
    _, seal = active(holder)
    code = seal["seal_code"]
    late = (datetime.now(UTC) - timedelta(minutes=30)).isoformat()
    assert notice(server, "police", "suspend", code, "lost").json()["seals"] == [code]
    assert notice(server, "police", "resume", code, effective_at=late).json()["state"] == "refused"
    assert seal_of(server, code).state == "suspended"
    assert notice(server, "police", "resume", code).json()["seals"] == [code]


def test_nor_one_that_is_older_than_the_word_that_made_a_pause_the_authoritys(
    server: RunningServer, holder: Make
) -> None:
    person, seal = active(holder)
    path, code = f"/v1/seals/{person.seal_id}", seal["seal_code"]
    assert person.call("POST", f"{path}/suspend", {"reason": "holder_request"}).status_code == 200
    late = datetime.now(UTC).isoformat()
    assert notice(server, "police", "suspend", code, "lost").json()["seals"] == [code]
    assert notice(server, "police", "resume", code, effective_at=late).json()["state"] == "refused"
    assert seal_of(server, code).state == "suspended"
    assert notice(server, "police", "resume", code).json()["seals"] == [code]


def test_a_lent_seal_is_out_of_force_since_its_original_is(
    server: RunningServer, holder: Make
) -> None:
    person, seal = active(holder)
    guest = holder(name="宿迁市青松贸易有限公司")
    guest.enrol()
    lending, copies = Lending(person), []
    for _ in range(2):
        lending.code = secrets.token_hex(10)
        offered = lending.offer().json()
        copies.append(lending.accept(guest.key, offered).json()["copy"]["seal_code"])
    then = (datetime.now(UTC) - timedelta(hours=3)).isoformat()
    for action, reason in (("suspend", "licence_revoked"), ("cancel", "enterprise_deregistered")):
        done = notice(server, "market", action, seal["seal_code"], reason, effective_at=then)
        assert done.json()["seals"] == [seal["seal_code"]]
        for code in (seal["seal_code"], *copies):
            assert (
                httpx.get(f"{server.url}/v1/seals/{code}/status").json()["effective_at"][:19]
                == (then[:19])
            )
    with server.platform.reading() as session:
        assert table_problems(session, server.platform.vault) == []


def test_every_change_is_filed_and_what_was_given_up_is_sent_again(
    server: RunningServer,
    holder: Make,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, seal = active(holder)
    code = seal["seal_code"]
    assert notice(server, "police", "suspend", code, "lost").status_code == 201
    identity = seal_of(server, code).id

    def filed() -> dict[str, str]:
        with server.platform.reading() as session:
            rows = session.query(store.Filing).filter_by(seal_id=identity)
            return {row.event: row.state for row in rows}

    wanted = dict.fromkeys(("make", "collect", "suspend"), "receipted")
    until(lambda: filed() == wanted, "not all changes were filed")

    def closed(*_: object) -> str:
        raise NeighbourError("closed")

    with monkeypatch.context() as office:
        office.setattr(SimulatedCity, "file", closed)
        assert notice(server, "police", "resume", code).status_code == 201

        def give_up(tx: Transaction) -> None:
            for row in tx.session.query(store.Filing).filter_by(seal_id=identity, event="resume"):
                row.state = "dead"

        server.platform.ledger.write(give_up).result()
    settings = server.platform.settings
    monkeypatch.setenv("SEALDESK_SERVER_DATABASE_URL", settings.database_url)
    where = ("--dir", str(settings.directory), "--log-level", "error")
    capsys.readouterr()
    assert main(["filing", "list", *where]) == 0
    (dead,) = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (dead["seal_code"], dead["event"]) == (code, "resume")
    assert main(["filing", "send-again", dead["id"], *where]) == 0
    assert "receipted BA" in capsys.readouterr().out
    assert main(["filing", "send-again", dead["id"], *where]) == 1
    assert filed()["resume"] == "receipted"


@pytest.mark.parametrize(
    ("what", "by", "reason"),
    [
        ("licence", "market", "licence_revoked"),
        ("physical seal", "police", "physical_seal_cancelled"),
        ("nothing", None, None),
        ("silence", None, None),
    ],
)
def test_register_and_police_are_asked_again(
    server: RunningServer,
    holder: Make,
    monkeypatch: pytest.MonkeyPatch,
    what: str,
    by: str | None,
    reason: str | None,
) -> None:
    person, seal = active(holder)
    row = seal_of(server, seal["seal_code"])
    platform = server.platform
    rechecking.plan(platform)
    assert _due_at(server, row.id) - row.recorded_at > 13 * 24 * 3_600_000_000
    if what == "licence":
        platform.city.change(person.uscc, status="revoked")
    elif what == "physical seal":
        platform.city.change_seal(seal["physical_code"], status="cancelled")
    elif what == "silence":

        def silent(*_: object) -> None:
            raise NeighbourError("closed")

        monkeypatch.setattr(SimulatedCity, "enterprise", silent)
    with platform.reading() as session:
        rechecking.ask(platform, session, session.get_one(store.Seal, row.id))
    now = seal_of(server, seal["seal_code"])
    assert (now.suspended_by, now.reason) == (by, reason)
    hours = (_due_at(server, row.id) - now.recorded_at) / 3_600_000_000
    assert hours < 2 if what == "silence" else hours > 13 * 24
    assert row.id not in {each.id for each in _due(server)}


def test_a_seal_that_is_over_is_not_asked_about_again(
    server: RunningServer, holder: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, seal = active(holder)
    row = seal_of(server, seal["seal_code"])
    monkeypatch.setattr(rechecking, "_NEW_AT_ONCE", 1)  # every seal that is new, one by one
    rechecking.plan(server.platform)
    with server.platform.reading() as session:
        before = session.get_one(store.Seal, row.id)  # as the clock saw it
        told = notice(server, "police", "cancel", seal["seal_code"], "physical_seal_cancelled")
        assert told.is_success
        assert _due_at(server, row.id)
        rechecking.ask(server.platform, session, before)
    assert seal_of(server, seal["seal_code"]).state == "cancelled"
    with server.platform.reading() as session:
        rechecking.ask(server.platform, session, session.get_one(store.Seal, row.id))
    rechecking.plan(server.platform)
    assert not _due_at(server, row.id)


def _due_at(server: RunningServer, seal_id: str) -> int:
    with server.platform.reading() as session:
        row = session.get(store.Recheck, seal_id)
        return row.due_at if row else 0


def _due(server: RunningServer) -> list[store.Seal]:
    with server.platform.reading() as session:
        return list(session.scalars(rechecking.due()).all())
