"""What of a dispute is kept: nothing of a refused one, no enclosure for ever, and nowhere in the
objector's sight who of the staff handled it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from crypto.algorithms import gm
from server_stub import background, disputes, states
from server_stub.policy import Actor
from server_stub.records import canonical, store
from server_stub.records.ledger import LEDGER, Transaction
from server_stub.settings import Settings
from server_stub.web.serving import RunningServer, start_in_thread
from tests.world.applicant import Applicant
from tests.world.objections import SECRET, hand_in, statement

ZIP = b"PK\x03\x04 what the objector has"
REVIEWER = Actor("staff", "staff_1a2b3c", frozenset({"reviewer"}))
DAY = 86_400_000_000


@pytest.fixture
def running(
    open_settings: Callable[..., Settings], holder: Callable[..., Applicant]
) -> Iterator[tuple[RunningServer, str]]:
    """A platform of the test's own, which does only what it is told, and the code of a seal."""
    with start_in_thread(open_settings(auto_review=True)) as server:
        code = holder(url=server.url).enrol()["seal_code"]
        server.worker.stop()
        background.work(server.platform)
        yield server, code


def blobs(server: RunningServer) -> list[str]:
    """Addresses of what is kept."""
    with server.platform.reading() as session:
        return sorted(session.scalars(select(store.Blob.address)))


def opened(server: RunningServer, code: str) -> str:
    identity: str = hand_in(server.url, statement(code)).json()["id"]
    return identity


def enclose(server: RunningServer, identity: str, data: bytes = ZIP) -> httpx.Response:
    path = f"{server.url}/v1/disputes/{identity}/enclosure"
    return httpx.put(path, content=data, headers={"Dispute-Secret": SECRET})


def close(server: RunningServer, identity: str) -> None:
    server.platform.ledger.write(disputes.close, REVIEWER, identity, "确系本人使用").result()


def seen(server: RunningServer, identity: str) -> dict[str, Any]:
    path = f"{server.url}/v1/disputes/{identity}"
    answer: dict[str, Any] = httpx.get(path, headers={"Dispute-Secret": SECRET}).json()
    return answer


def test_of_a_refused_dispute_nothing_is_kept(running: tuple[RunningServer, str]) -> None:
    server, code = running
    before, key = blobs(server), secrets.token_hex(8)
    assert hand_in(server.url, statement("99999999999999")).status_code == 404
    nobody = {"certificate": "MAA=", "signature": "MAA="}
    assert hand_in(server.url, statement(code), **nobody).status_code == 403
    assert hand_in(server.url, statement(code), "short").status_code == 400
    assert blobs(server) == before
    assert hand_in(server.url, statement(code), key).status_code == 201
    (kept,) = set(blobs(server)) - set(before)
    assert hand_in(server.url, statement(code, name="x"), key).status_code == 422
    assert hand_in(server.url, statement(code), key).status_code == 201
    assert set(blobs(server)) - set(before) == {kept}


def test_of_a_refused_enclosure_nothing_is_kept(
    running: tuple[RunningServer, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, code = running
    identity = opened(server, code)
    before = blobs(server)

    def late(tx: Transaction, *_: object) -> None:
        raise states.IllegalTransition("dispute", "closed", "enclose")

    with monkeypatch.context() as patched:  # somebody closes it between the look and the writing
        patched.setattr(disputes, "enclose", late)
        assert enclose(server, identity).status_code == 409
    assert blobs(server) == before
    assert enclose(server, identity).status_code == 204
    assert len(blobs(server)) == len(before) + 1
    assert enclose(server, identity, ZIP + b"another").status_code == 409
    assert len(blobs(server)) == len(before) + 1


def test_a_package_gathered_too_late_is_not_kept(running: tuple[RunningServer, str]) -> None:
    server, code = running
    identity = opened(server, code)
    before = blobs(server)
    with server.platform.reading() as session:
        row = session.get_one(store.Dispute, identity)
        close(server, identity)
        with pytest.raises(states.IllegalTransition):
            disputes.gather(server.platform, session, row)
    assert blobs(server) == before


def test_an_enclosure_goes_when_its_dispute_is_long_over_and_that_is_on_record(
    running: tuple[RunningServer, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, code = running
    before = blobs(server)
    first, second, third = (opened(server, code) for _ in range(3))
    with_statements = blobs(server)
    for each, data in ((first, ZIP), (second, ZIP), (third, ZIP + b"3")):
        assert enclose(server, each, data).status_code == 204
    assert len(blobs(server)) == len(with_statements) + 2  # the same bytes are kept once
    close(server, first)
    close(server, third)
    days, true = server.platform.settings.dispute_enclosure_days, canonical.now
    monkeypatch.setattr(server.platform.ledger, "_clock", lambda: true() + (days - 1) * DAY)
    background.work(server.platform)
    kept = set(blobs(server))
    monkeypatch.setattr(server.platform.ledger, "_clock", lambda: true() + (days + 1) * DAY)
    background.work(server.platform)
    gone = kept - set(blobs(server))
    assert gone == {gm.sm3(ZIP + b"3").hex()}  # the second is still open
    told = [json.loads(entry["record"]) for entry in seen(server, first)["ledger"]["entries"]]
    assert [each["event"] for each in told] == ["open", "enclose", "close", "remove_enclosure"]
    assert told[-1]["enclosure_sm3"] == gm.sm3(ZIP).hex()
    assert seen(server, first)["enclosure_sm3"] is None
    close(server, second)
    monkeypatch.setattr(server.platform.ledger, "_clock", lambda: true() + (2 * days + 3) * DAY)
    background.work(server.platform)
    assert gm.sm3(ZIP).hex() not in blobs(server)
    assert set(before) <= set(blobs(server))
    with server.platform.reading() as session:  # staff can still look
        row = session.get_one(store.Dispute, first)
        assert disputes.full_package(server.platform, session, row)[:2] == b"PK"


def test_the_objector_reads_the_role_and_only_the_ledger_who_it_was(
    running: tuple[RunningServer, str],
) -> None:
    server, code = running
    closed, handed = opened(server, code), opened(server, code)
    background.work(server.platform)
    close(server, closed)
    command = disputes.hand_over
    server.platform.ledger.write(command, REVIEWER, handed, "公安机关", "00" * 32).result()
    for identity in (closed, handed):
        view = seen(server, identity)
        assert json.loads(view["ledger"]["entries"][-1]["record"])["role"] == "reviewer"
        assert REVIEWER.subject not in json.dumps(view)
        with server.platform.reading() as session:
            row = session.get_one(store.Dispute, identity)
            about = disputes.public_package(server.platform, session, row)
            assert REVIEWER.subject.encode() not in about
            (record,) = session.scalars(
                select(store.LedgerEntry.record).where(
                    store.LedgerEntry.log == LEDGER,
                    store.LedgerEntry.object_kind == "dispute_handling",
                    store.LedgerEntry.object_id == identity,
                )
            )
        assert json.loads(record)["actor"] == REVIEWER.subject
