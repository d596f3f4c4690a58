"""Reports of use that are taken in together, each with its own answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime

import httpx
import pytest

from crypto.algorithms import gm
from server_stub import policy, using
from server_stub.records import canonical
from server_stub.records.ledger import LEDGER, log_size
from server_stub.signin import SessionInvalid
from server_stub.web.serving import RunningServer
from server_stub.web.usage_line import UsageLine
from tests.world.applicant import Applicant


def use(person: Applicant, document: str) -> tuple[str, str]:
    fields = {
        "type": "usage-v1",
        "seal_id": person.seal_id,
        "document_sm3": gm.sm3(document.encode()).hex(),
        "at": datetime.now(UTC).isoformat(),
    }
    text = json.dumps(fields)
    return gm.sm3(text.encode()).hex(), text


def test_what_is_refused_in_a_command_leaves_its_neighbours_alone(
    server: RunningServer, enrolled: Applicant, holder: Callable[..., Applicant]
) -> None:
    other = holder()
    other.enrol()
    mine, twice = use(enrolled, "one"), use(enrolled, "two")
    reports = [
        using.Report(enrolled.token, [mine, twice]),
        using.Report(enrolled.token, [use(enrolled, "never"), use(other, "not mine")]),
        using.Report("no token", [use(enrolled, "never")]),
        using.Report(other.token, [use(other, "theirs")]),
        using.Report(enrolled.token, [twice]),
        using.Report(other.token, [twice]),
        using.Report(enrolled.token, [(mine[0], "another text")]),
    ]
    platform = server.platform
    with platform.reading() as session:
        before = log_size(session, LEDGER)
    written = platform.ledger.write(using.take_in, platform.settings, reports).result()
    kinds = [each if isinstance(each, list) else type(each) for each in written.answer]
    assert [[taken.new for taken in each] for each in kinds if isinstance(each, list)] == [
        [True, True],
        [True],
        [False],
    ]
    assert [each for each in kinds if not isinstance(each, list)] == [
        using.RecordInvalid,
        SessionInvalid,
        policy.NotFound,  # what another enterprise reported is not there for this one
        using.RecordInvalid,
    ]
    ours = [json.loads(receipt.record)["id"] for receipt in written.receipts]
    assert ours == [mine[0], twice[0], reports[3].texts[0][0]]
    with platform.reading() as session:
        assert log_size(session, LEDGER) >= before + 3
        assert session.get(using.UsageRecord, use(enrolled, "never")[0]) is None


def test_the_same_use_from_many_callers_at_once_is_one_record(
    server: RunningServer, enrolled: Applicant
) -> None:
    identity, text = use(enrolled, "at once")
    body = {"records": [{"id": identity, "record": text}]}

    async def all_at_once() -> list[httpx.Response]:
        headers = {"Authorization": f"Bearer {enrolled.token}"}
        async with httpx.AsyncClient(base_url=server.url, headers=headers, timeout=60) as client:
            asking = [client.post("/v1/usage-records", json=body) for _ in range(20)]
            return await asyncio.gather(*asking)

    receipts = [answer.json()["receipts"][0] for answer in asyncio.run(all_at_once())]
    assert len({(each["id"], each["index"], each["record"]) for each in receipts}) == 1


def test_a_command_holds_so_many_records_and_one_report_is_never_torn(
    server: RunningServer, enrolled: Applicant, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[list[int]] = []
    take_in = using.take_in

    def counted(tx, settings, reports):  # type: ignore[no-untyped-def]
        sizes.append([len(report.texts) for report in reports])
        return take_in(tx, settings, reports)

    monkeypatch.setattr(using, "take_in", counted)
    now = canonical.now()

    async def report() -> None:
        line = UsageLine(server.platform)
        many = [[use(enrolled, f"{now} {n} {k}") for k in range(90)] for n in range(7)]
        done = await asyncio.gather(*(line.take_in(enrolled.token, texts) for texts in many))
        for texts, outcome in zip(many, done, strict=True):
            assert [taken.id for taken, _ in outcome] == [identity for identity, _ in texts]
            assert all(receipt is not None for _, receipt in outcome)

    asyncio.run(report())
    assert [size for each in sizes for size in each] == [90] * 7
    assert all(sum(each) <= 256 for each in sizes)
