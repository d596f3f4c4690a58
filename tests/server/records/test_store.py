"""The database: migrations equal the models, and it is opened so that a commit is a commit."""

from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from server_stub.records import store
from server_stub.settings import Settings


def test_models_and_migrations_agree(open_settings: Callable[..., Settings]) -> None:
    settings = open_settings()
    settings.directory.mkdir()
    engine = store.open_engine(settings.url)
    store.upgrade(engine)
    store.upgrade(engine)  # a second start changes nothing
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, store.Base.metadata) == []
    engine.dispose()


def test_sqlite_is_opened_durable_and_checked(tmp_path: Path) -> None:
    engine = store.open_engine(f"sqlite:///{tmp_path}/t.db")
    with engine.connect() as connection:
        values = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    engine.dispose()
    assert values == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 5000,
    }


def test_a_writer_holds_the_lock_from_its_first_moment(tmp_path: Path) -> None:
    engine = store.open_engine(f"sqlite:///{tmp_path}/t.db")
    other = store.open_engine(f"sqlite:///{tmp_path}/t.db")
    with engine.execution_options(**store.WRITER).connect() as first, first.begin():
        with other.connect() as reader:
            reader.execute(text("SELECT 1"))  # readers are not held up
        with other.execution_options(**store.WRITER).connect() as second:
            second.connection.driver_connection.execute("PRAGMA busy_timeout=0")  # type: ignore[union-attr]
            with pytest.raises(OperationalError, match="locked"):
                second.begin()
    engine.dispose()
    other.dispose()


def test_a_row_without_its_parent_is_refused(open_settings: Callable[..., Settings]) -> None:
    settings = open_settings()
    settings.directory.mkdir()
    engine = store.open_engine(settings.url)
    store.upgrade(engine)
    with Session(engine) as session:
        facts = {"id": "a", "enterprise_id": "x", "person_id": "y", "role": "keeper"}
        session.add(store.Appointment(**facts, since=1, proof={}))
        with pytest.raises(IntegrityError):
            session.commit()
    engine.dispose()
