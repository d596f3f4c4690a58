"""A database of version 0.2 (a dump of one, made by that version) taken over by this one."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from server_stub import issuing
from server_stub.__main__ import main
from server_stub.context import Platform
from server_stub.records import store
from server_stub.records.auditing import table_problems
from server_stub.records.ledger import LedgerError
from server_stub.settings import Settings

OLD: dict[str, Any] = json.loads(
    (Path(__file__).parent / "data" / "platform_0002.json").read_bytes()
)


@pytest.fixture
def database_kind() -> str:
    """The dump is SQLite's."""
    return "sqlite"


@pytest.fixture
def old(open_settings: Callable[..., Settings]) -> Settings:
    """Settings for the folder of a platform as version 0.2 left it: a company with a seal that was
    suspended and resumed, three uses, a dispute, a published registry."""
    settings = open_settings(public_url=OLD["url"])
    for name, content in OLD["files"].items():
        file = settings.directory / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(base64.b64decode(content))
        file.chmod(0o600)
    with sqlite3.connect(settings.directory / "platform.db") as connection:
        connection.executescript("\n".join(OLD["sql"]))
    connection.close()
    return settings


def tamper(settings: Settings, *statements: str) -> None:
    with sqlite3.connect(settings.directory / "platform.db") as connection:
        for statement in statements:
            assert connection.execute(statement).rowcount >= 1, statement
    connection.close()


def counts(path: Path) -> dict[str, int]:
    with sqlite3.connect(path) as connection:
        names = [
            name
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        found = {
            name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0]  # noqa: S608
            for name in names
        }
    connection.close()
    return found


def test_everything_is_taken_over_and_the_audit_finds_nothing_wrong(
    old: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    before = counts(old.directory / "platform.db")
    platform = Platform.open(old)
    after = counts(old.directory / "platform.db")
    for table in ("seal", "seal_change", "certificate", "usage_record", "dispute", "session"):
        assert after[table] == before[table] > 0, table
    assert after["appointment"] == before["membership"] == 3
    assert after["seal_copy"] == before["seal"]
    assert after["blob"] == sum(name.startswith("blobs/") for name in OLD["files"])
    assert not (old.directory / "blobs").exists()
    with platform.reading() as session:
        seal = session.get_one(store.Seal, OLD["seal"])
        assert (seal.state, seal.person_id) == ("active", None)
        assert platform.blobs.get(seal.seal_sm3)[:1] == b"\x30"
        roles = session.scalars(select(store.Appointment.role).order_by(store.Appointment.role))
        assert list(roles) == ["handler", "keeper", "legal_rep"]
        assert table_problems(session, platform.vault) == []
    platform.close()
    Platform.open(old).close()  # once is enough
    assert main(["audit", "verify", "--dir", str(old.directory)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(json.loads(line)["ok"] for line in lines)


def test_life_goes_on_after_the_takeover(old: Settings) -> None:
    platform = Platform.open(old)
    with platform.reading() as session:
        taken = session.scalars(
            select(store.LedgerEntry.record).where(store.LedgerEntry.object_kind == "takeover")
        ).all()
    assert len(taken) == 1
    with platform.reading() as session:
        application = session.scalars(select(store.Application)).one()
        making = issuing.SealMaking.of(platform)
        uscc = session.get_one(store.Enterprise, application.enterprise_id).uscc
        look = issuing.form_of_enterprise(making, uscc, "invoice")
        made = issuing.build(making, look, "invoice", application.spki)
    assert made.data.address
    platform.close()


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE seal SET state = 'cancelled'", "seal {seal}: state is 'cancelled'"),
        ("DELETE FROM usage_record WHERE document_sm3 LIKE '01%'", "the row is missing"),
        ("UPDATE application SET state = 'approved'", "state is 'approved'"),
        (
            "INSERT INTO staff (id, name, role) VALUES ('s', 'n', 'reviewer')",
            "staff s: no record speaks of this row",
        ),
        pytest.param(
            "UPDATE seal SET recorded_at = recorded_at - 1",
            "seal {seal}: recorded_at",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "UPDATE seal_change SET actor = 'x' WHERE number = 1",
            "seal_change {seal} 1: actor",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "DELETE FROM seal_change WHERE number = 2",
            "seal_change {seal} 2: the row is missing",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "UPDATE usage_record SET document_sm3 = 'ff'",
            "document_sm3 is 'ff'",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "UPDATE certificate SET state = 'revoked'", "state is 'revoked'", marks=pytest.mark.slow
        ),
        pytest.param(
            "UPDATE filing SET receipt = 'BA2'", "receipt is 'BA2'", marks=pytest.mark.slow
        ),
        pytest.param(
            "UPDATE dispute SET state = 'closed'", "state is 'closed'", marks=pytest.mark.slow
        ),
    ],
)
def test_what_was_rewritten_before_is_not_confirmed_by_the_takeover(
    old: Settings, statement: str, named: str
) -> None:
    tamper(old, statement)
    for _ in range(2):  # a second try does not confirm it either
        with pytest.raises(LedgerError, match="contradict its ledger") as refused:
            Platform.open(old)
        assert named.format(seal=OLD["seal"]) in str(refused.value)


def test_the_old_witness_counts_until_the_new_one_is_written(old: Settings) -> None:
    (old.directory / "witness" / "ledger.note").unlink()
    with pytest.raises(LedgerError, match="witness of ledger is lost"):
        Platform.open(old)
    platform = Platform.open(old, accept_lost_witness="the disk broke")
    with Session(platform.engine) as session:
        records = session.scalars(select(store.LedgerEntry.record)).all()
        assert any(b"the disk broke" in record for record in records)
        assert table_problems(session) == []
    platform.close()
