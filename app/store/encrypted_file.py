"""An SQLite file whose records only its key opens: what the cabinet is kept in.

Every table has a column ``id`` and one ``body``, encrypted with SM4-GCM under the file's key and
with ``table.body:id`` as additional data. The key lies in the :mod:`app.store.secret_store` under
the file's own name, so that two files of one user have two keys, and a key is never made for a file
that has content already. The file says which store has its key, and no other is asked.
"""

from __future__ import annotations

import errno
import os
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from app.durable import locked
from app.errors import CabinetDamaged, CabinetLocked, CabinetTooNew
from app.store.secret_store import Kind, SecretStore, Stores
from crypto.algorithms.gm import GmError, sm4_gcm_decrypt, sm4_gcm_encrypt
from crypto.owner_only import protect

Migrations = Sequence[Sequence[str]]
"""Statements from each schema version to the next; PRAGMA user_version counts those applied."""

_CHECK = b"SealDesk cabinet"
"""What the key must decrypt to be the right one."""
_META = "CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL)"


class EncryptedFile:
    """One open file (or memory) and its key. Safe between threads and processes."""

    def __init__(self, connection: sqlite3.Connection, key: bytes, path: Path | None) -> None:
        self.path = path
        """None: in memory."""
        self._connection = connection
        self._key = key
        self._lock = threading.RLock()

    @classmethod
    def open(cls, path: Path, stores: Stores, migrations: Migrations) -> EncryptedFile:
        """The file at *path*, made if there is none and one of *stores* will keep its key.

        Raises :class:`app.errors.CabinetLocked`, :class:`app.errors.CabinetDamaged`,
        :class:`app.errors.CabinetTooNew`, OSError; a file that was there is left as it was."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with _readable(path):
            settled = _open_settled(path, stores, migrations)
        if settled:
            return cls(*settled, path)
        with locked(path.with_name(f"{path.name}.lock")), _readable(path):
            new = not path.exists()
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            if new:
                with suppress(OSError):  # a stick knows no owners; what is in it is encrypted
                    protect(path)
            connection = _connect(str(path))
            try:
                key = _unlock(connection, path, stores, migrations)
            except BaseException:
                connection.close()
                raise
        return cls(connection, key, path)

    @classmethod
    def in_memory(cls, migrations: Migrations) -> EncryptedFile:
        """The same, gone when it is closed."""
        connection = _connect(":memory:")
        _migrate(connection, migrations)
        return cls(connection, secrets.token_bytes(16), None)

    def close(self) -> None:
        """Close the file; nothing else may be called afterwards."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[Callable[[str, Iterable[Any]], sqlite3.Cursor]]:
        """A function that runs one statement with its values; all take effect, or none."""
        with self._lock, _readable(self.path), _transaction(self._connection):
            yield lambda statement, values: self._connection.execute(statement, tuple(values))

    def sealed(self, table: str, identity: str, body: bytes) -> bytes:
        """*body* encrypted for the record *identity* of *table*: nonce ‖ ciphertext ‖ tag."""
        nonce = secrets.token_bytes(12)
        return nonce + sm4_gcm_encrypt(self._key, nonce, body, _place(table, identity))

    def unsealed(self, table: str, identity: str, body: bytes) -> bytes:
        """The content of a ``body``. Raises :class:`app.errors.CabinetDamaged` if it was changed or
        belongs to another record."""
        try:
            return sm4_gcm_decrypt(self._key, body[:12], body[12:], _place(table, identity))
        except (GmError, TypeError) as error:
            raise CabinetDamaged(str(self.path), f"{table} {identity}: {error}") from error


def _place(table: str, identity: str) -> bytes:
    return f"{table}.body:{identity}".encode()


@contextmanager
def _readable(path: Path | None) -> Iterator[None]:
    """Turns SQLite's errors into CabinetDamaged, or OSError if the system refused the file."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        system = {
            sqlite3.SQLITE_FULL: errno.ENOSPC,
            sqlite3.SQLITE_READONLY: errno.EACCES,
            sqlite3.SQLITE_CANTOPEN: errno.EACCES,
            sqlite3.SQLITE_PERM: errno.EACCES,
            sqlite3.SQLITE_BUSY: errno.EBUSY,
            sqlite3.SQLITE_IOERR: errno.EIO,
        }.get(code)
        if system is not None:
            raise OSError(system, str(error), str(path)) from error
        raise CabinetDamaged(str(path), str(error)) from error


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _connect(path: str) -> sqlite3.Connection:
    # this class begins transactions, and uses the connection only under its lock
    connection = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("PRAGMA trusted_schema = OFF")
    except BaseException:
        connection.close()
        raise
    return connection


def _open_settled(
    path: Path, stores: Stores, migrations: Migrations
) -> tuple[sqlite3.Connection, bytes] | None:
    """The file and its key, where opening it changes nothing: then nobody is kept out meanwhile.
    None if it is to be made or brought up to date, by one program at a time."""
    if not path.exists() or not path.stat().st_size:
        return None
    connection = _connect(str(path))
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version == len(migrations):  # so its tables are there, made in one transaction
            store = "SELECT 1 FROM meta WHERE name = 'store'"
            if connection.execute(store).fetchone():
                return connection, _unlock(connection, path, stores, migrations)
    except BaseException:
        connection.close()
        raise
    connection.close()
    return None


def _unlock(
    connection: sqlite3.Connection, path: Path, stores: Stores, migrations: Migrations
) -> bytes:
    """The file's key; a new one only for an empty file."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(migrations):
        raise CabinetTooNew(str(path))
    if version == 0 and not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
        return _initialise(connection, stores.best(), migrations)
    (sound,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if sound != "ok":
        raise CabinetDamaged(str(path), sound)
    meta = dict(connection.execute("SELECT name, value FROM meta").fetchall())
    if not {"id", "check"} <= set(meta):
        raise CabinetDamaged(str(path), "the file has lost its identity")
    kept_in, key = _kept_key(path, f"cabinet-{meta['id']}", meta.get("store"), stores)
    try:
        known = sm4_gcm_decrypt(key, meta["check"][:12], meta["check"][12:], b"meta.check")
    except GmError as error:
        raise CabinetLocked("wrong") from error
    if known != _CHECK:
        raise CabinetLocked("wrong")
    if "store" not in meta:  # a file of an earlier version
        connection.execute("INSERT INTO meta (name, value) VALUES ('store', ?)", (kept_in.value,))
    _migrate(connection, migrations)
    return key


def _kept_key(path: Path, name: str, kept_in: str | None, stores: Stores) -> tuple[Kind, bytes]:
    """The key of that *name*, from the store that the file names. A file that names none may have
    its key in any: a slow keyring was taken for none once."""
    if kept_in is not None:
        if kept_in not in set(Kind):
            raise CabinetDamaged(str(path), "the store of its key is unknown")
        candidates = [stores.of(Kind(kept_in))]
    else:
        candidates = []
        for kind in Kind:
            with suppress(CabinetLocked):
                candidates.append(stores.of(kind))
    problem = CabinetLocked("missing")
    for store in candidates:
        try:
            key = store.get(name)
        except CabinetLocked as error:
            problem = error
        else:
            if key is not None:
                return store.kind, key
    raise problem


def _initialise(
    connection: sqlite3.Connection, secret_store: SecretStore, migrations: Migrations
) -> bytes:
    """Make the tables and a key; the key is stored before anything is encrypted with it."""
    if not secret_store.lasting:
        raise CabinetLocked("missing")
    identity, key, nonce = secrets.token_hex(8), secrets.token_bytes(16), secrets.token_bytes(12)
    secret_store.put(f"cabinet-{identity}", key)
    check = nonce + sm4_gcm_encrypt(key, nonce, _CHECK, b"meta.check")
    store = secret_store.kind.value
    _migrate(connection, migrations, [("id", identity), ("check", check), ("store", store)])
    return key


def _migrate(
    connection: sqlite3.Connection,
    migrations: Migrations,
    meta: Iterable[tuple[str, object]] = (),
) -> None:
    """Bring the schema up to date, and add *meta*, in one transaction."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == len(migrations):
        return
    with _transaction(connection):
        if version == 0:
            connection.execute(_META)
        for statements in migrations[version:]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(migrations)}")
        connection.executemany("INSERT INTO meta (name, value) VALUES (?, ?)", meta)
