"""No request, and no look of the clock, reads a whole table that grows with the city."""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from crypto.algorithms import gm
from server_stub import background, revocation
from server_stub.records import store
from server_stub.web.serving import RunningServer
from tests.world.applicant import Applicant
from tests.world.lending import Lending
from tests.world.objections import hand_in, statement
from tests.world.staff import employ

SMALL = ("key", "staff", "sqlite_master", "use_page")
"""Tables that stay small: pages of documents go soon after their request."""
HOURLY = "WHERE (blob.address NOT IN"
"""Blobs that nothing names are looked for once an hour."""
READ_IN_ORDER = ("USING INDEX usage_record_by_time",)
"""A page of a list of everything: from its newest end, and no further than the page."""


@pytest.fixture
def server(shared_platforms: Callable[[str], RunningServer]) -> RunningServer:
    """Only SQLite tells how it looks for few rows as it would for many."""
    return shared_platforms("sqlite")


@pytest.fixture
def asked(server: RunningServer) -> Iterator[dict[str, Any]]:
    """Statement → the values of its first use, of all that the platform asks its database."""
    found: dict[str, Any] = {}

    def note(_c: Any, _cursor: Any, sql: str, values: Any, _context: Any, many: bool) -> None:
        if sql.startswith("SELECT"):
            found.setdefault(sql, values[0] if many else values)

    event.listen(server.platform.engine, "before_cursor_execute", note)
    yield found
    event.remove(server.platform.engine, "before_cursor_execute", note)


def live(server: RunningServer) -> None:
    """A bit of everything."""
    company, other = Applicant(server.url), Applicant(server.url, name="宿迁市青松贸易有限公司")
    with contextlib.closing(company.http), contextlib.closing(other.http):
        seal = company.enrol()
        other.enrol()
        lending = Lending(company)
        certificate = gm.sm3(other.key.certificate).hex()
        lending.offer(lending.terms(grantee_by="certificate", grantee_sm3=certificate))
        grant = lending.accept(other.key, lending.offer().json()).json()
        use = {"seal_id": grant["copy"]["id"], "kind": "合同"}
        assert other.call("POST", "/v1/tickets", use | {"document_sm3": "ab" * 32}).is_success
        assert other.call("POST", "/v1/leases", use).is_success
        at = datetime.now(UTC).isoformat()
        record = {"type": "usage-v1", "seal_id": company.seal_id, "document_sm3": "ab" * 32}
        text = json.dumps(record | {"at": at})
        body = {"records": [{"id": gm.sm3(text.encode()).hex(), "record": text}]}
        assert company.call("POST", "/v1/usage-records", body).is_success
        assert hand_in(server.url, statement(seal["seal_code"])).is_success
        assert company.call("POST", "/v1/refresh-tokens").is_success
        assert company.call("DELETE", "/v1/refresh-tokens").is_success
        path = f"/v1/seals/{company.seal_id}"
        for suffix in ("", "/history"):
            assert company.call("GET", path + suffix).is_success
        for lists in ("seals", "grants", "sync", "usage-records", "applications"):
            assert company.call("GET", f"/v1/{lists}").is_success
        assert company.call("GET", f"/v1/blobs/{seal['seal_sm3']}").is_success
        assert company.call("POST", f"{path}/suspend", {"reason": "holder_request"}).is_success
        reviewer, auditor = employ(server, "reviewer"), employ(server, "auditor")
        with contextlib.closing(reviewer.http), contextlib.closing(auditor.http):
            assert reviewer.call("GET", "/v1/reviews").is_success
            assert reviewer.call("GET", f"/v1/reviews/{company.application_id}").is_success
            assert auditor.call("GET", "/v1/usage-records").is_success
            for named in ("person=x", f"enterprise={company.uscc}", f"seal={seal['seal_code']}"):
                assert auditor.call("GET", f"/audit/search?{named}").is_success
    with server.platform.reading() as session:
        revocation.revoked(session)


def test_whatever_is_asked_is_found_by_an_index(
    server: RunningServer, asked: dict[str, Any], tmp_path: Path
) -> None:
    live(server)
    background.work(server.platform)
    assert len(asked) > 100
    engine = store.open_engine(f"sqlite:///{tmp_path / 'empty.db'}")
    store.upgrade(engine)
    engine.dispose()
    whole = []
    with contextlib.closing(sqlite3.connect(tmp_path / "empty.db")) as connection:
        for sql, values in asked.items():
            if HOURLY in sql:
                continue
            for *_, step in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values):
                table = re.match(r"SCAN (\w+)(.*)", step)
                if table is None or table[1] in (*SMALL, "CONSTANT") or step.startswith("SCAN ("):
                    continue
                if not any(known in step for known in READ_IN_ORDER):
                    whole.append(f"{step}: {sql}")
    assert whole == []
