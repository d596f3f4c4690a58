"""A whole round on both databases, and what is particular to PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy.orm import Session

from server_stub import background, disputes, epochs, report_seal
from server_stub.records import store
from server_stub.records.auditing import audit
from server_stub.records.ledger import LOGS
from server_stub.settings import Settings
from server_stub.web.serving import start_in_thread
from tests.world.applicant import Applicant
from tests.world.objections import hand_in, statement


def test_a_whole_round_is_audited(open_settings: Callable[..., Settings]) -> None:
    settings = open_settings(auto_review=True)
    with start_in_thread(settings) as server:
        platform = server.platform
        person = Applicant(server.url)
        code = person.enrol()["seal_code"]
        person.http.close()
        assert report_seal.ready(platform).data
        made = hand_in(server.url, statement(code))
        assert made.status_code == 201
        assert epochs.publish(platform).epoch == 1
        background.work(platform)
        with platform.reading() as session:
            row = session.get_one(store.Dispute, made.json()["id"])
            assert row.state == "evidence_ready"
            assert disputes.public_package(platform, session, row)[:2] == b"PK"
    engine = store.open_engine(settings.url)
    with Session(engine) as session:
        for log in LOGS:
            report = audit(session, log, platform.authority.key(log).public, platform.witness)
            assert report.ok, report.problems
        assert epochs.problems(session, settings.directory) == []
    engine.dispose()
