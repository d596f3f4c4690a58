"""Platforms that start sooner: what each makes anew for itself is made once for many."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from server_stub import background
from server_stub.records import store
from server_stub.records.vault import RsaKey
from server_stub.settings import Settings

RSA_KEYS = 4
"""A platform makes two; so many that those of one test are not the same."""
TICK_S = 4.0
"""Seconds between two looks of a platform at what is due, unless it is woken: many are open in each
process for the whole run, and all look."""


def platform_settings(directory: Path, **changes: Any) -> Settings:
    """Of a platform at a free port that decides by itself and lets everybody ask often."""
    usual: dict[str, Any] = {
        "port": 0,
        "auto_review": True,
        "open_register": True,
        "imprint_dpi": 300,
        "requests_per_minute": 100_000,
        "open_per_address": 100_000,
    }
    return Settings(directory=directory, **usual | changes)


def folder_of_the_run(temporary: pytest.TempPathFactory) -> Path:
    """A folder that all processes of one run of the tests share."""
    base = temporary.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "platforms"
    folder.mkdir(exist_ok=True)
    return folder


@contextmanager
def quick_platforms(folder: Path) -> Iterator[None]:
    """Meanwhile the platforms of this process begin with a copy of an SQLite database that
    :func:`server_stub.records.store.upgrade` made in *folder* (any that is there already, it
    migrates), take their RSA keys in turn from a few in *folder*, share compiled statements
    and look less often at what is due."""
    if store.upgrade.__module__ == __name__:  # they are already: flows and server in one process
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "upgrade", _copying(folder / "new.sqlite"))
        patch.setattr(store, "open_engine", _sharing_statements())
        for dialect in (SQLiteDialect_pysqlite, PGDialect_psycopg):
            # the key of a compiled statement contains the dialect, one object for each engine
            patch.setattr(dialect, "__eq__", lambda one, other: type(one) is type(other))
            patch.setattr(dialect, "__hash__", lambda one: hash(type(one)))
        patch.setattr(RsaKey, "generate", _taking_turns(folder))
        patch.setattr(background, "_TICK", TICK_S)
        yield


def _made_once(file: Path, make: Callable[[Path], object]) -> Path:
    """*file*, made by whoever comes first. Two that come at once both make it, and either will do:
    nobody waits for a lock that somebody may have died with."""
    if not file.exists():
        begun = file.with_suffix(f".{secrets.token_hex(4)}")
        make(begun)
        try:
            begun.replace(file)
        except PermissionError:  # on Windows, while another's is being read
            if not file.exists():
                raise
            begun.unlink()
    return file


def _copying(template: Path) -> object:
    migrate = store.upgrade

    def make(file: Path) -> None:
        engine = store.open_engine(f"sqlite:///{file}")
        migrate(engine)
        engine.dispose()  # closed by its last user, SQLite's log goes into the file

    def upgrade(engine: Engine) -> None:
        place = engine.url.database
        if engine.dialect.name != "sqlite" or not place or Path(place).exists():
            migrate(engine)
        else:
            shutil.copyfile(_made_once(template, make), place)

    return upgrade


def _sharing_statements() -> object:
    open_engine = store.open_engine
    compiled: dict[str, dict[Any, Any]] = {}

    def opened(url: str) -> Engine:
        engine = open_engine(url)
        known = compiled.setdefault(engine.dialect.name, {})
        engine.update_execution_options(compiled_cache=known)
        return engine

    return opened


def _taking_turns(folder: Path) -> object:
    generate = RsaKey.generate
    files = [folder / f"rsa-{number}.key" for number in range(RSA_KEYS)]
    turns = cycle(files)

    def take() -> RsaKey:
        file = _made_once(next(turns), lambda new: new.write_bytes(generate().private))
        return RsaKey(file.read_bytes())

    return take
