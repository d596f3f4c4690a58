"""What is due to be asked about again is found by its day, not by reading the city's seals."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, bindparam, create_engine, insert, select, update
from sqlalchemy.orm import Session

from server_stub.authorities import rechecking
from server_stub.records import canonical, store

SEALS = 10_000
DAY = 86_400_000_000


@pytest.fixture(scope="module")
def city() -> Iterator[Engine]:
    """Seals in use, each with the day on which it is due; none is yet. Of companies that are not
    here: SQLite looks for no owners unless it is told to."""
    engine = create_engine("sqlite://")
    store.Base.metadata.create_all(engine)
    now = canonical.now()
    seals = [
        {
            "id": f"seal_{number:05}",
            "seal_code": f"3213{number:010}",
            "kind": "unit",
            "subtype": "official",
            "name": "x",
            "enterprise_id": "ent",
            "application_id": "app",
            "certificate_sn": "1",
            "state": "active",
            "effective_at": now,
            "recorded_at": now,
            "valid_from": now,
            "valid_until": now + 365 * DAY,
            "seal_sm3": "",
            "imprint_sm3": "",
            "salt": b"",
        }
        for number in range(SEALS)
    ]
    days = [
        {"seal_id": each["id"], "asked_at": now, "due_at": now + DAY + number}
        for number, each in enumerate(seals)
    ]
    with engine.begin() as connection:
        connection.execute(insert(store.Seal.__table__), seals)
        connection.execute(insert(store.Recheck.__table__), days)
    yield engine
    engine.dispose()


def steps(engine: Engine) -> tuple[int, list[str]]:
    """Of SQLite's machine, and what is found, for one look at what is due."""
    count = 0

    def one() -> None:
        nonlocal count
        count += 1

    with Session(engine) as session:
        raw = session.connection().connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)
        raw.set_progress_handler(one, 1)
        try:
            found = [each.id for each in session.scalars(rechecking.due())]
        finally:
            raw.set_progress_handler(None, 1)
    return count, found


def test_a_look_at_nothing_due_costs_the_same_for_ten_thousand_seals_as_for_one(
    city: Engine,
) -> None:
    small = create_engine("sqlite://")
    store.Base.metadata.create_all(small)
    with city.connect() as everything, small.begin() as one:
        for table in (store.Seal, store.Recheck):
            row = everything.execute(select(table.__table__).limit(1)).one()
            one.execute(insert(table), [dict(row._mapping)])
    few, nothing = steps(small)
    small.dispose()
    assert (nothing, steps(city)) == ([], (few, []))


def test_a_look_reads_those_that_are_due_oldest_first_and_no_more_than_fit(city: Engine) -> None:
    past = canonical.now() - DAY
    idle, _ = steps(city)
    late = [f"seal_{number:05}" for number in range(9_000, 8_000, -1)]
    days = [{"which": seal, "day": past + number} for number, seal in enumerate(late)]
    table = store.Recheck.__table__
    with city.begin() as connection:
        chosen = update(table).where(table.c.seal_id == bindparam("which"))
        connection.execute(chosen.values(due_at=bindparam("day")), days)
    count, found = steps(city)
    assert found == late[: rechecking.AT_ONCE]
    assert count - idle < 100 * rechecking.AT_ONCE  # of the machine's steps, for each of these
