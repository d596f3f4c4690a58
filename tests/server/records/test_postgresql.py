"""The platform on PostgreSQL; skipped where its server programs or psycopg are missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.orm import Session

from server_stub import background, disputes, epochs, report_seal
from server_stub.records import store
from server_stub.records.auditing import audit
from server_stub.records.ledger import LOGS
from server_stub.settings import Settings
from server_stub.web.serving import start_in_thread
from tests.world.applicant import Applicant
from tests.world.objections import hand_in, statement


def programs() -> Path | None:
    """The folder of initdb: in the path, or where Debian puts it."""
    found = shutil.which("initdb")
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return Path(found).parent if found else places[-1].parent if places else None


def servant() -> str | None:
    """PostgreSQL refuses to run as root."""
    import pwd  # not on Windows

    if os.geteuid():
        return None
    names = {each.pw_name for each in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """The URL of an empty database in a cluster of its own that listens on a socket file only."""
    folder = programs()
    assert folder
    place, user = Path(tempfile.mkdtemp(prefix="sealdesk-pg-")), servant()
    if user:
        shutil.chown(place, user)

    def run(program: str, *words: str) -> None:
        command = [str(folder / program), "-D", str(place / "data"), *words]
        subprocess.run(command, check=True, user=user, cwd=place, stdout=subprocess.DEVNULL)

    try:
        run("initdb", "-U", "sealdesk", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        options = f"-c listen_addresses='' -c fsync=off -k {place}"
        run("pg_ctl", "-w", "-l", str(place / "log"), "-o", options, "start")
        try:
            yield f"postgresql+psycopg://sealdesk@/postgres?host={place}"
        finally:
            run("pg_ctl", "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(place)


@pytest.mark.skipif(
    programs() is None or find_spec("psycopg") is None,
    reason="PostgreSQL's server programs or psycopg are not installed",
)
def test_migrations_equal_the_models_and_a_whole_round_is_audited(
    database: str, open_settings: Callable[..., Settings]
) -> None:
    settings = open_settings(database_url=database, auto_review=True)
    with start_in_thread(settings) as server:
        platform = server.platform
        with platform.engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, store.Base.metadata) == []
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
    engine = store.open_engine(database)
    with Session(engine) as session:
        for log in LOGS:
            report = audit(session, log, platform.authority.key(log).public, platform.witness)
            assert report.ok, report.problems
        assert epochs.problems(session, settings.directory) == []
    engine.dispose()
