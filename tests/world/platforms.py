"""Platforms that start sooner: what each makes anew for itself is made once for many."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

import pytest
from sqlalchemy import Engine

from server_stub.records import store
from server_stub.records.vault import RsaKey

RSA_KEYS = 8
"""A platform makes two; so many that those of one test are not the same."""


@contextmanager
def quick_platforms(folder: Path) -> Iterator[None]:
    """Meanwhile the platforms of this process begin with a copy of an SQLite database that
    :func:`server_stub.records.store.upgrade` made in *folder* (any that is there already, it
    migrates), and take their RSA keys in turn from a few."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "upgrade", _copying(folder / "new.sqlite"))
        patch.setattr(RsaKey, "generate", _taking_turns())
        yield


def _copying(template: Path) -> object:
    migrate = store.upgrade

    def upgrade(engine: Engine) -> None:
        place = engine.url.database
        if engine.dialect.name != "sqlite" or not place or Path(place).exists():
            migrate(engine)
            return
        if not template.exists():
            made = store.open_engine(f"sqlite:///{template}")
            migrate(made)
            made.dispose()  # closed by its last user, SQLite's log goes into the file
        shutil.copyfile(template, place)

    return upgrade


def _taking_turns() -> object:
    generate = RsaKey.generate

    def keys() -> Iterator[RsaKey]:
        made = []
        for _ in range(RSA_KEYS):
            made.append(generate())
            yield made[-1]
        for key in cycle(made):
            yield RsaKey(key.private)

    known = keys()
    return lambda: next(known)
