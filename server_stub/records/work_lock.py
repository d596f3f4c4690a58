"""One process at a time does what the platform does without being asked.

Several may serve one database, and an operator's command works beside them: two that look at once
would both make the seal, and both report it to the police. The lock ends with its process: on
PostgreSQL a transaction's advisory lock, beside SQLite a file of SQLite's own.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import Engine, text

_WORK_LOCK = 0x5EA1DE5D
_AGAIN = 0.1
"""Seconds between two tries."""


@contextmanager
def held(engine: Engine, directory: Path, wait: float) -> Iterator[bool]:
    """Hold the lock of the platform in *directory*, *wait* seconds at most for it; gives whether it
    is held."""
    if engine.dialect.name == "sqlite":
        with closing(sqlite3.connect(directory / "work.lock", timeout=wait)) as file:
            file.isolation_level = None
            try:
                file.execute("BEGIN EXCLUSIVE")
            except sqlite3.OperationalError:
                yield False
            else:
                yield True
        return
    with engine.connect() as connection:
        deadline = time.monotonic() + wait
        chosen = text("SELECT pg_try_advisory_xact_lock(:lock)")
        got = bool(connection.scalar(chosen, {"lock": _WORK_LOCK}))
        while not got and time.monotonic() < deadline:
            time.sleep(_AGAIN)
            got = bool(connection.scalar(chosen, {"lock": _WORK_LOCK}))
        yield got
