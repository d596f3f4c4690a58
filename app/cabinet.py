"""印章柜: the seals, what the platform says of them, and what it is still to be told. SQLite.

Every record's content is one encrypted column, ``body``: SM4-GCM under the cabinet's key, with
``table.body:id`` as additional data, so that a record can be neither read, changed nor put in
another's place. Beside it stand in the clear only the identifiers that it is found by. The key is
in the :mod:`app.secret_store`; without it the cabinet stays locked, and where no store outlives the
process, so does none of the cabinet (:attr:`Cabinet.session_only`).

Not protected against: an older copy of the whole file put back. The platform's statements carry
their time, so an old one ends the lease for offline use.

A file that cannot be read raises :class:`app.errors.CabinetDamaged` and is left as it is.
"""

from __future__ import annotations

import base64
import errno
import json
import os
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from app.durable import locked
from app.errors import (
    CabinetDamaged,
    CabinetLocked,
    CabinetTooNew,
    PlatformUntrusted,
    SealNotFound,
)
from app.secret_store import SecretStore
from crypto.gm import GmError, sm3, sm4_gcm_decrypt, sm4_gcm_encrypt

if TYPE_CHECKING:
    from crypto.seal import Seal
    from crypto.statement import SignedStatement
    from crypto.x509 import Certificate

R = TypeVar("R")

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL)",
        "CREATE TABLE seals (id TEXT PRIMARY KEY, code TEXT NOT NULL, body BLOB NOT NULL)",
        "CREATE INDEX seals_by_code ON seals (code)",
        "CREATE TABLE statements (id TEXT PRIMARY KEY, body BLOB NOT NULL)",
        "CREATE TABLE platforms (id TEXT PRIMARY KEY, body BLOB NOT NULL)",
        "CREATE TABLE usage (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,"
        " body BLOB NOT NULL, sent INTEGER NOT NULL DEFAULT 0)",
    ),
)
"""Statements from each schema version to the next; PRAGMA user_version counts those applied."""

_CHECK = b"SealDesk cabinet"
_STATES = {
    "made": "not_collected",
    "suspended": "suspended",
    "expired": "expired",
    "cancelled": "cancelled",
}


@dataclass(frozen=True)
class SealRecord:
    """One seal as the cabinet last knew it."""

    id: str
    """The platform's identifier."""
    code: str
    """14-digit seal code."""
    name: str
    kind: str
    """"company", "office" or "personal"."""
    subtype: str
    """"official", "contract", "finance", "invoice", "legal_representative", …"""
    state: str
    """"made", "active", "suspended", "expired" or "cancelled"."""
    reason: str
    """Why it left "active"; "" otherwise."""
    enterprise: str
    uscc: str
    """Unified social credit code of the enterprise."""
    platform: str
    """Origin of the platform it came from."""
    data: bytes
    """The seal, SESeal DER."""
    certificate: bytes
    """The holder's certificate, DER."""
    certificate_state: str
    """"issued", "active", "held", "revoked" or "expired"."""
    collected_at: datetime
    """When it was put into this cabinet."""
    updated_at: datetime
    """When the platform last told of it."""

    @cached_property
    def parsed(self) -> Seal:
        """The seal's structure. Raises :class:`crypto.seal.SealError`."""
        from crypto.seal import Seal

        return Seal.parse(self.data)

    @cached_property
    def signer(self) -> Certificate:
        """The holder's certificate. Raises :class:`crypto.x509.CertificateError`."""
        from crypto.x509 import Certificate

        return Certificate.parse(self.certificate)

    @property
    def valid_until(self) -> datetime:
        """When it ends by itself: the seal or the certificate, whichever is earlier."""
        return min(self.parsed.valid_until, self.signer.not_after)

    def usable(self, at: datetime) -> str | None:
        """Why it cannot stamp at that moment, None if it can.

        One of the reasons in ``[SealNotUsable.words.reason]`` of the messages. Authorisation and
        the platform's latest statement are the stamping story's to ask."""
        if self.state != "active":
            return _STATES.get(self.state, self.state)
        if self.certificate_state in ("held", "revoked"):
            return "certificate_revoked"
        if at < self.parsed.valid_from:
            return "not_yet_valid"
        if at > self.parsed.valid_until:
            return "expired"
        if at < self.signer.not_before:
            return "certificate_not_yet_valid"
        if at > self.signer.not_after or self.certificate_state == "expired":
            return "certificate_expired"
        return None


@dataclass(frozen=True)
class PlatformRecord:
    """A platform as it was pinned when the first seal was applied for."""

    url: str
    """Its origin."""
    name: str
    certificates: Mapping[str, bytes]
    """DER by use: root, issuing, seal_maker, timestamp, status, registry, ledger."""
    pinned_at: datetime
    cursor: str = ""
    """Where the next sync begins."""
    crls: Mapping[str, bytes] = field(default_factory=dict)
    """DER revocation lists by issuer: root, issuing."""

    @property
    def root_sm3(self) -> str:
        """SM3 of the root certificate, hex: what a policy pins."""
        return sm3(self.certificates["root"]).hex()


@dataclass(frozen=True)
class UsageRecord:
    """A use of a seal that the platform is told, or was told."""

    id: str
    """SM3 of :attr:`record`'s UTF-8, hex."""
    record: str
    """Canonical JSON, exactly as it is sent."""
    queued_at: datetime
    receipt: str = ""
    """The platform's receipt, JSON; "" while it is still to be sent."""


class Cabinet:
    """The cabinet in one file; open it with :meth:`open`. Safe between threads and processes."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        key: bytes,
        path: Path | None,
        clock: Callable[[], datetime],
    ) -> None:
        self._connection = connection
        self._key = key
        self._path = path
        self._clock = clock
        self._lock = threading.RLock()

    @classmethod
    def open(
        cls,
        path: Path,
        secret_store: SecretStore,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> Cabinet:
        """The cabinet at *path*, made if there is none; in memory if its key could not be kept.

        Raises :class:`CabinetLocked`, :class:`CabinetDamaged`, :class:`CabinetTooNew`, OSError."""
        if not path.exists() and not secret_store.lasting:
            return cls.in_memory(clock)
        path.parent.mkdir(parents=True, exist_ok=True)
        with locked(path.with_suffix(".lock")), _readable(path):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            connection = _connect(str(path))
            try:
                key = _unlock(connection, path, secret_store)
            except BaseException:
                connection.close()
                raise
        return cls(connection, key, path, clock)

    @classmethod
    def in_memory(cls, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Cabinet:
        """A cabinet that ends with the process."""
        connection = _connect(":memory:")
        _migrate(connection)
        return cls(connection, secrets.token_bytes(16), None, clock)

    @property
    def session_only(self) -> bool:
        """Is everything in it gone when the program ends? Then the user must be told."""
        return self._path is None

    def close(self) -> None:
        """Close the file; nothing else may be called afterwards."""
        with self._lock:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # --- seals -------------------------------------------------------------------------------

    def seals(self) -> list[SealRecord]:
        """All seals, by code."""
        return self._all(SealRecord, "seals", "SELECT id, body FROM seals ORDER BY code, id")

    def seal(self, which: str) -> SealRecord:
        """The seal of that code, id or unambiguous name. Raises
        :class:`app.errors.SealNotFound`."""
        every = self.seals()
        found = [seal for seal in every if which in (seal.code, seal.id)]
        found = found or [seal for seal in every if seal.name == which]
        # a renewed seal keeps its name and sometimes its code: the one in force is meant
        if len(found) > 1:
            found = [seal for seal in found if seal.state == "active"]
        if len(found) != 1:
            raise SealNotFound(which)
        return found[0]

    def keep_seal(self, seal: SealRecord) -> None:
        """Add or replace a seal."""
        with self._transaction() as run:
            run(
                "INSERT INTO seals (id, code, body) VALUES (?, ?, ?) ON CONFLICT (id)"
                " DO UPDATE SET code = excluded.code, body = excluded.body",
                (seal.id, seal.code, self._seal_up("seals", seal.id, _pack(seal))),
            )

    # --- statements --------------------------------------------------------------------------

    def statement(self, seal_code: str) -> SignedStatement | None:
        """What the platform last said of a seal, as it was kept."""
        return next((s for s in self.statements() if s.statement.seal_code == seal_code), None)

    def statements(self) -> list[SignedStatement]:
        """The last statement of each seal."""
        from crypto.statement import SignedStatement, StatementError

        with self._transaction() as run:
            rows = run("SELECT id, body FROM statements ORDER BY id", ()).fetchall()
        try:
            return [SignedStatement.parse(self._opened("statements", *row)) for row in rows]
        except StatementError as error:
            raise CabinetDamaged(str(self._path), str(error)) from error

    def keep_statement(self, statement: SignedStatement) -> None:
        """Keep a statement that has been checked, unless a later one is kept already."""
        said = statement.statement
        with self._lock:
            known = self.statement(said.seal_code)
            if known is not None and known.statement.issued_at > said.issued_at:
                return
            with self._transaction() as run:
                body = self._seal_up("statements", said.seal_code, statement.token)
                run(
                    "INSERT INTO statements (id, body) VALUES (?, ?) ON CONFLICT (id)"
                    " DO UPDATE SET body = excluded.body",
                    (said.seal_code, body),
                )

    # --- platforms ---------------------------------------------------------------------------

    def platforms(self) -> list[PlatformRecord]:
        """The platforms whose roots are pinned."""
        return self._all(PlatformRecord, "platforms", "SELECT id, body FROM platforms ORDER BY id")

    def platform(self, url: str) -> PlatformRecord | None:
        """The pinned platform of that origin."""
        return next((platform for platform in self.platforms() if platform.url == url), None)

    def pin(self, platform: PlatformRecord) -> None:
        """Pin a platform, or renew its record. Raises :class:`app.errors.PlatformUntrusted` if
        another root is pinned for that origin: only a person may decide to forget the old one."""
        with self._lock:
            known = self.platform(platform.url)
            if known is not None and known.root_sm3 != platform.root_sm3:
                raise PlatformUntrusted(platform.url, "root")
            with self._transaction() as run:
                body = self._seal_up("platforms", platform.url, _pack(platform))
                run(
                    "INSERT INTO platforms (id, body) VALUES (?, ?) ON CONFLICT (id)"
                    " DO UPDATE SET body = excluded.body",
                    (platform.url, body),
                )

    # --- usage records -----------------------------------------------------------------------

    def queue_usage(self, record_id: str, record: str) -> None:
        """Queue a usage record for upload; one that is queued already is left as it is.

        Raises ValueError if *record_id* is not the SM3 of *record*, hex."""
        if sm3(record.encode()).hex() != record_id:
            raise ValueError("the identifier of a usage record is its SM3")
        usage = UsageRecord(record_id, record, self._clock())
        with self._transaction() as run:
            body = self._seal_up("usage", record_id, _pack(usage))
            run("INSERT OR IGNORE INTO usage (id, body) VALUES (?, ?)", (record_id, body))

    def pending_usage(self, limit: int = 100) -> list[UsageRecord]:
        """The oldest records still to be sent."""
        query = f"SELECT id, body FROM usage WHERE sent = 0 ORDER BY number LIMIT {int(limit)}"  # noqa: S608
        return self._all(UsageRecord, "usage", query)

    def usage(self, record_id: str) -> UsageRecord | None:
        """One record, sent or not, with its receipt."""
        found = self._all(
            UsageRecord, "usage", "SELECT id, body FROM usage WHERE id = ?", (record_id,)
        )
        return found[0] if found else None

    def keep_receipts(self, receipts: Mapping[str, str]) -> None:
        """Note that records were taken: record id → the platform's receipt (JSON), checked."""
        with self._transaction() as run:
            for record_id, receipt in receipts.items():
                row = run("SELECT id, body FROM usage WHERE id = ?", (record_id,)).fetchone()
                if row is None:
                    continue
                known = _unpack(UsageRecord, self._opened("usage", *row))
                told = UsageRecord(known.id, known.record, known.queued_at, receipt)
                body = self._seal_up("usage", record_id, _pack(told))
                run("UPDATE usage SET body = ?, sent = 1 WHERE id = ?", (body, record_id))

    # --- inside ------------------------------------------------------------------------------

    @contextmanager
    def _transaction(self) -> Iterator[Callable[[str, Iterable[Any]], sqlite3.Cursor]]:
        with self._lock, _readable(self._path), _transaction(self._connection):
            yield lambda statement, values: self._connection.execute(statement, tuple(values))

    def _all(self, kind: type[R], table: str, query: str, values: Iterable[Any] = ()) -> list[R]:
        with self._transaction() as run:
            rows = run(query, values).fetchall()
        return [_unpack(kind, self._opened(table, *row)) for row in rows]

    def _seal_up(self, table: str, identity: str, body: bytes) -> bytes:
        nonce = secrets.token_bytes(12)
        aad = f"{table}.body:{identity}".encode()
        return nonce + sm4_gcm_encrypt(self._key, nonce, body, aad)

    def _opened(self, table: str, identity: str, body: bytes) -> bytes:
        aad = f"{table}.body:{identity}".encode()
        try:
            return sm4_gcm_decrypt(self._key, body[:12], body[12:], aad)
        except (GmError, TypeError) as error:
            raise CabinetDamaged(str(self._path), f"{table} {identity}: {error}") from error


# --- the file ------------------------------------------------------------------------------------


@contextmanager
def _readable(path: Path | None) -> Iterator[None]:
    """SQLite's errors in our words: a damaged file, or one the system does not let us use."""
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
    # transactions are ours, and every use of the connection is under the cabinet's lock
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


def _unlock(connection: sqlite3.Connection, path: Path, secret_store: SecretStore) -> bytes:
    """The cabinet's key; a new one only for an empty file."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        raise CabinetTooNew(str(path))
    if version == 0 and not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
        return _furnish(connection, secret_store)
    (sound,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if sound != "ok":
        raise CabinetDamaged(str(path), sound)
    meta = dict(connection.execute("SELECT name, value FROM meta").fetchall())
    if not {"id", "check"} <= set(meta):
        raise CabinetDamaged(str(path), "the cabinet has lost its identity")
    key = secret_store.get(f"cabinet-{meta['id']}")
    if key is None:
        raise CabinetLocked("missing")
    try:
        known = sm4_gcm_decrypt(key, meta["check"][:12], meta["check"][12:], b"meta.check")
    except GmError as error:
        raise CabinetLocked("wrong") from error
    if known != _CHECK:
        raise CabinetLocked("wrong")
    _migrate(connection)
    return key


def _furnish(connection: sqlite3.Connection, secret_store: SecretStore) -> bytes:
    """Make the tables and a key; the key is kept before anything is locked with it."""
    if not secret_store.lasting:
        raise CabinetLocked("missing")
    identity, key, nonce = secrets.token_hex(8), secrets.token_bytes(16), secrets.token_bytes(12)
    secret_store.put(f"cabinet-{identity}", key)
    check = nonce + sm4_gcm_encrypt(key, nonce, _CHECK, b"meta.check")
    _migrate(connection, [("id", identity), ("check", check)])
    return key


def _migrate(connection: sqlite3.Connection, meta: Iterable[tuple[str, object]] = ()) -> None:
    """Bring the schema up to date, and add *meta*, in one transaction."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == len(MIGRATIONS):
        return
    with _transaction(connection):
        for statements in MIGRATIONS[version:]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.executemany("INSERT INTO meta (name, value) VALUES (?, ?)", meta)


# --- records as bytes ----------------------------------------------------------------------------


def _to_b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


_WRITE: dict[str, Callable[[Any], object]] = {
    "bytes": _to_b64,
    "datetime": lambda moment: moment.astimezone(UTC).isoformat(),
    "Mapping[str, bytes]": lambda each: {name: _to_b64(data) for name, data in each.items()},
}
_READ: dict[str, Callable[[Any], object]] = {
    "str": str,
    "bytes": base64.b64decode,
    "datetime": datetime.fromisoformat,
    "Mapping[str, bytes]": lambda each: {n: base64.b64decode(text) for n, text in each.items()},
}


def _pack(record: Any) -> bytes:
    """A record as JSON, by the declared types of its fields."""
    values = {
        each.name: _WRITE.get(str(each.type), str)(getattr(record, each.name))
        for each in fields(record)
    }
    return json.dumps(values, ensure_ascii=False).encode()


def _unpack(kind: type[R], body: bytes) -> R:
    values = json.loads(body)
    return kind(
        **{
            each.name: _READ[str(each.type)](values[each.name])
            for each in fields(kind)  # type: ignore[arg-type]
            if each.name in values
        }
    )
