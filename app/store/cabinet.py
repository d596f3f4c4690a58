"""印章柜: the seals, what the platform says of them, applications for seals, usage records. SQLite.

Every record's content is encrypted (:mod:`app.store.encrypted_file`), so that it can be neither
read, changed nor put in another's place; in the clear beside it stand only the identifiers that it
is found by. Without its key the cabinet stays locked, and where no secret store outlives the
process, neither does the cabinet (:attr:`Cabinet.session_only`).

Not protected against: an older copy of the whole file put back. The platform's statements carry
their time, so an old one ends the lease for offline use.

A file that cannot be read raises :class:`app.errors.CabinetDamaged` and is left as it is.

One module, though long: all tables are in one file, and are opened, changed and closed alike.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field, replace
from datetime import UTC, datetime
from functools import cached_property
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from app.errors import CabinetDamaged, PlatformUntrusted, SealNotFound
from app.store.encrypted_file import EncryptedFile
from app.store.record_bytes import R, pack, unpack
from app.store.secret_store import Stores
from crypto.algorithms.gm import sm3
from crypto.frozen import frozen
from crypto.pki.certificate import Certificate
from crypto.pki.names_and_algorithms import CertificateError
from crypto.pki.revocation_list import Crl
from crypto.pki.weakness import weaknesses
from crypto.seal.statement import SignedStatement, StatementError
from crypto.seal.structure import Seal

if TYPE_CHECKING:
    # verifying opens the cabinet and asks for none of these
    from app.store.applications import Applications
    from app.store.lending import GrantRecord, LeaseRecord
    from app.store.notices import Notices
    from app.store.use_requests import PolicyRecord, UseRequestRecord
    from crypto.seal.grant import SignedGrant

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE seals (id TEXT PRIMARY KEY, code TEXT NOT NULL, body BLOB NOT NULL)",
        "CREATE INDEX seals_by_code ON seals (code)",
        "CREATE TABLE statements (id TEXT PRIMARY KEY, body BLOB NOT NULL)",
        "CREATE TABLE platforms (id TEXT PRIMARY KEY, body BLOB NOT NULL)",
        "CREATE TABLE usage (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,"
        " body BLOB NOT NULL, sent INTEGER NOT NULL DEFAULT 0)",
    ),
    ("CREATE TABLE registries (id TEXT PRIMARY KEY, body BLOB NOT NULL)",),
    (
        "CREATE TABLE applications (number INTEGER PRIMARY KEY AUTOINCREMENT,"
        " id TEXT NOT NULL UNIQUE, body BLOB NOT NULL)",
        "CREATE TABLE materials (id TEXT PRIMARY KEY, body BLOB NOT NULL)",
    ),
    (
        "CREATE TABLE grants (id TEXT PRIMARY KEY, body BLOB NOT NULL)",
        "CREATE TABLE leases (id TEXT PRIMARY KEY, body BLOB NOT NULL)",
    ),
    (
        "CREATE TABLE notices (number INTEGER PRIMARY KEY AUTOINCREMENT,"
        " id TEXT NOT NULL UNIQUE, body BLOB NOT NULL)",
    ),
    (
        "CREATE TABLE use_policies (id TEXT PRIMARY KEY, body BLOB NOT NULL)",
        "CREATE TABLE use_requests (id TEXT PRIMARY KEY, body BLOB NOT NULL)",
    ),
)
"""The schema, from each version to the next."""


def _statement_id(seal_code: str, origin: str) -> str:
    """The row of a platform's statement; the code alone in cabinets of before."""
    return f"{seal_code} {origin}".rstrip()


def _of(identity: str) -> str:
    """The origin in a statement's row."""
    return identity.partition(" ")[2]


_STATES = {
    "made": "not_collected",
    "suspended": "suspended",
    "expired": "expired",
    "cancelled": "cancelled",
}


@frozen
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
        """The seal's structure. Raises :class:`crypto.seal.structure.SealError`."""
        return Seal.parse(self.data)

    @cached_property
    def signer(self) -> Certificate:
        """The holder's certificate. Raises :class:`.names_and_algorithms.CertificateError`."""
        return Certificate.parse(self.certificate)

    @cached_property
    def grant(self) -> SignedGrant | None:
        """What it is used under, if it is a grantee's copy. Raises
        :class:`crypto.seal.grant.GrantError`."""
        from crypto.seal.grant import grant_of

        return grant_of(self.parsed)

    @property
    def valid_until(self) -> datetime:
        """When it ends by itself: the seal or the certificate, whichever is earlier."""
        return min(self.parsed.valid_until, self.signer.not_after)

    def usable(self, at: datetime) -> str | None:
        """Why it cannot stamp at that moment, None if it can.

        One of the reasons in ``[SealNotUsable.words.reason]`` of the messages. Authorisation and
        the platform's latest statement are checked by :mod:`app.stamping`."""
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
        return "weak_algorithm" if self._weak else None

    @cached_property
    def _weak(self) -> bool:
        """Can the seal or its holder's certificate be forged, as they were signed? The one that
        stamps is then as little believed."""
        seal, signer = self.parsed, self.signer
        try:
            maker = seal.maker.public_key
        except CertificateError:
            maker = None
        return bool(
            weaknesses(maker, seal.signature_algorithm)
            or weaknesses(None, signer.signature_algorithm, signer.signature_parameters)
        )


@frozen
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


@frozen
class RegistryRecord:
    """How far a platform's public registry was followed (:mod:`app.remote.registry`)."""

    platform: str
    """Its origin."""
    log: str
    """The registry's own name."""
    size: int
    edge: Mapping[str, bytes]
    """The hashes of which the root consists: "level/index" → 32 bytes."""
    changes: tuple[str, ...]
    """The entries about seals that were in use, exact texts, oldest first: of the log from the
    first entry, or from the epoch on."""
    seen_at: datetime | None = None
    """When it was followed last."""
    manifest: bytes = b""
    """Of the epoch that following began with; b"": it began with the first entry."""
    earlier: tuple[str, ...] = ()
    """Like :attr:`changes`, from before that epoch: from its shards, or told back then."""
    looked_up: tuple[str, ...] = ()
    """Codes of seals whose whole history before the epoch is in :attr:`earlier`."""


@frozen
class UsageRecord:
    """A use of a seal, reported to the platform or still to be."""

    id: str
    """SM3 of :attr:`record`'s UTF-8, hex."""
    record: str
    """Canonical JSON, exactly as it is sent."""
    queued_at: datetime
    receipt: str = ""
    """The platform's receipt, JSON; "" while it is still to be sent."""


class Cabinet:
    """The cabinet in one file; open it with :meth:`open`. Safe between threads and processes."""

    def __init__(self, file: EncryptedFile, clock: Callable[[], datetime]) -> None:
        self._file = file
        self._clock = clock

    @classmethod
    def open(
        cls,
        path: Path,
        stores: Stores,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> Cabinet:
        """The cabinet at *path*, made if there is none; in memory if its key could not be kept.

        Raises :class:`app.errors.CabinetLocked`, :class:`app.errors.CabinetDamaged`,
        :class:`app.errors.CabinetTooNew`, OSError."""
        if not path.exists() and not stores.best().lasting:
            return cls.in_memory(clock)
        return cls(EncryptedFile.open(path, stores, MIGRATIONS), clock)

    @classmethod
    def in_memory(cls, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Cabinet:
        """A cabinet in memory, for this process only."""
        return cls(EncryptedFile.in_memory(MIGRATIONS), clock)

    @property
    def session_only(self) -> bool:
        """Is everything in it gone when the program ends? Then the user must be told."""
        return self._file.path is None

    def close(self) -> None:
        """Close the file; nothing else may be called afterwards."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def applications(self) -> Applications:
        """The applications for seals."""
        from app.store.applications import Applications

        return Applications(self._file, self._clock)

    @property
    def notices(self) -> Notices:
        """What has happened that the person must know of."""
        from app.store.notices import Notices

        return Notices(self._file, self._clock)

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
        with self._file.transaction() as run:
            run(
                "INSERT INTO seals (id, code, body) VALUES (?, ?, ?) ON CONFLICT (id)"
                " DO UPDATE SET code = excluded.code, body = excluded.body",
                (seal.id, seal.code, self._file.sealed("seals", seal.id, pack(seal))),
            )

    # --- statements --------------------------------------------------------------------------

    def statement(self, seal_code: str, origin: str = "") -> SignedStatement | None:
        """What the platform *origin* last said of a seal, as it was kept; without an origin, what
        any said."""
        with self._file.transaction() as run:
            query = "SELECT id, body FROM statements WHERE id = ?"
            row = run(query, (_statement_id(seal_code, origin),)).fetchone() if origin else None
        if row is not None:
            return self._statement(row)
        same = [s for s in self.statements(origin) if s.statement.seal_code == seal_code]
        return max(same, key=lambda signed: signed.statement.issued_at, default=None)

    def statements(self, origin: str = "") -> list[SignedStatement]:
        """Each platform's last statement of each seal; with an *origin*, its own and those of
        before platforms were told apart."""
        with self._file.transaction() as run:
            rows = run("SELECT id, body FROM statements ORDER BY id", ()).fetchall()
        others = (row for row in rows if not origin or _of(row[0]) in ("", origin))
        return [self._statement(row) for row in others]

    def keep_statement(self, statement: SignedStatement, origin: str = "") -> None:
        """Keep a statement of the platform *origin* that has been checked, unless a later one of it
        is kept already: no platform's word replaces another's."""
        said = statement.statement
        identity = _statement_id(said.seal_code, origin)
        with self._file.transaction() as run:
            query = "SELECT id, body FROM statements WHERE id = ?"
            row = run(query, (identity,)).fetchone()
            if row is not None and self._statement(row).statement.issued_at > said.issued_at:
                return
            body = self._file.sealed("statements", identity, statement.token)
            run(
                "INSERT INTO statements (id, body) VALUES (?, ?) ON CONFLICT (id)"
                " DO UPDATE SET body = excluded.body",
                (identity, body),
            )

    def _statement(self, row: tuple[str, bytes]) -> SignedStatement:
        try:
            return SignedStatement.parse(self._file.unsealed("statements", *row))
        except StatementError as error:
            raise CabinetDamaged(str(self._file.path), str(error)) from error

    # --- platforms ---------------------------------------------------------------------------

    def platforms(self) -> list[PlatformRecord]:
        """The platforms whose roots are pinned."""
        return self._all(PlatformRecord, "platforms", "SELECT id, body FROM platforms ORDER BY id")

    def platform(self, url: str) -> PlatformRecord | None:
        """The pinned platform of that origin."""
        return next((platform for platform in self.platforms() if platform.url == url), None)

    def pin(self, platform: PlatformRecord) -> None:
        """Pin a platform, or renew its record; of each revocation list the newer one is kept, so
        that nobody on the way can bring back a time before a revocation.

        Raises :class:`app.errors.PlatformUntrusted` if another root is pinned for that origin: only
        a person may decide to forget the old one."""
        with self._file.transaction() as run:
            query = "SELECT id, body FROM platforms WHERE id = ?"
            row = run(query, (platform.url,)).fetchone()
            if row is not None:
                known = unpack(PlatformRecord, self._file.unsealed("platforms", *row))
                if known.root_sm3 != platform.root_sm3:
                    raise PlatformUntrusted(platform.url, "root")
                platform = replace(platform, crls=_newest(known.crls, platform.crls))
            body = self._file.sealed("platforms", platform.url, pack(platform))
            run(
                "INSERT INTO platforms (id, body) VALUES (?, ?) ON CONFLICT (id)"
                " DO UPDATE SET body = excluded.body",
                (platform.url, body),
            )

    # --- registries --------------------------------------------------------------------------

    def registries(self) -> list[RegistryRecord]:
        """How far each platform's registry was followed."""
        query = "SELECT id, body FROM registries ORDER BY id"
        return self._all(RegistryRecord, "registries", query)

    def registry(self, platform: str) -> RegistryRecord | None:
        """That of the platform with this origin."""
        return next(
            (registry for registry in self.registries() if registry.platform == platform), None
        )

    def keep_registry(self, registry: RegistryRecord) -> None:
        """Remember how far it was followed, unless another process has come further meanwhile."""
        with self._file.transaction() as run:
            query = "SELECT id, body FROM registries WHERE id = ?"
            row = run(query, (registry.platform,)).fetchone()
            if row is not None:
                known = unpack(RegistryRecord, self._file.unsealed("registries", *row))
                if known.size > registry.size:
                    return
            body = self._file.sealed("registries", registry.platform, pack(registry))
            run(
                "INSERT INTO registries (id, body) VALUES (?, ?) ON CONFLICT (id)"
                " DO UPDATE SET body = excluded.body",
                (registry.platform, body),
            )

    # --- grants and leases -------------------------------------------------------------------

    def grants(self) -> list[GrantRecord]:
        """The grants that were given and received, as the platforms last told of them."""
        from app.store.lending import GrantRecord

        return self._all(GrantRecord, "grants", "SELECT id, body FROM grants ORDER BY id")

    def keep_grant(self, grant: GrantRecord) -> None:
        """Add or replace a grant."""
        self._put("grants", f"{grant.side} {grant.id}", pack(grant))

    def lease(self, seal_id: str) -> LeaseRecord | None:
        """The lease of a seal."""
        from app.store.lending import LeaseRecord

        query = "SELECT id, body FROM leases WHERE id = ?"
        return next(iter(self._all(LeaseRecord, "leases", query, (seal_id,))), None)

    def keep_lease(self, lease: LeaseRecord) -> None:
        """A lease in the place of the one before."""
        self._put("leases", lease.seal_id, pack(lease))

    def _put(self, table: str, identity: str, body: bytes) -> None:
        with self._file.transaction() as run:
            run(
                f"INSERT INTO {table} (id, body) VALUES (?, ?) ON CONFLICT (id)"  # noqa: S608 - ours
                " DO UPDATE SET body = excluded.body",
                (identity, self._file.sealed(table, identity, body)),
            )

    # --- approvals -----------------------------------------------------------------------------

    def policies(self) -> list[PolicyRecord]:
        """The policies of use of the seals here, and of those for which somebody here approves, as
        the platforms last told of them."""
        from app.store.use_requests import PolicyRecord

        query = "SELECT id, body FROM use_policies ORDER BY id"
        return self._all(PolicyRecord, "use_policies", query)

    def policy(self, seal_id: str) -> PolicyRecord | None:
        """That of one seal; None: the platform has not told of it."""
        return next((policy for policy in self.policies() if policy.seal_id == seal_id), None)

    def keep_policy(self, policy: PolicyRecord) -> None:
        """Add or replace a policy."""
        self._put("use_policies", policy.seal_id, pack(policy))

    def forget_policy(self, seal_id: str) -> None:
        """Remove a policy, if there is one."""
        with self._file.transaction() as run:
            run("DELETE FROM use_policies WHERE id = ?", (seal_id,))

    def use_requests(self) -> list[UseRequestRecord]:
        """Requests of this computer's people, and those that they are asked about, the newest
        first."""
        from app.store.use_requests import UseRequestRecord

        query = "SELECT id, body FROM use_requests"
        found = self._all(UseRequestRecord, "use_requests", query)
        return sorted(found, key=lambda request: request.created_at, reverse=True)

    def keep_use_request(self, request: UseRequestRecord) -> None:
        """Add or replace a request."""
        whose = sm3(request.certificate).hex()[:16]
        self._put("use_requests", f"{request.side} {request.id} {whose}", pack(request))

    # --- usage records -----------------------------------------------------------------------

    def queue_usage(self, record_id: str, record: str) -> None:
        """Queue a usage record for upload; one that is queued already is left as it is.

        Raises ValueError if *record_id* is not the SM3 of *record*, hex."""
        if sm3(record.encode()).hex() != record_id:
            raise ValueError("the identifier of a usage record is its SM3")
        usage = UsageRecord(record_id, record, self._clock())
        with self._file.transaction() as run:
            body = self._file.sealed("usage", record_id, pack(usage))
            run("INSERT OR IGNORE INTO usage (id, body) VALUES (?, ?)", (record_id, body))

    def pending_usage(
        self, limit: int = 100, platform: str = "", seal: str = ""
    ) -> list[UsageRecord]:
        """The oldest records still to be sent; *platform*: those that it is to get, for no platform
        hears of the uses of another one's seals; *seal*: those of the seal with that identifier."""
        query = "SELECT id, body FROM usage WHERE sent = 0 ORDER BY number LIMIT ?"
        waiting = self._all(UsageRecord, "usage", query, (-1 if platform else limit,))
        if not (platform and waiting):
            return waiting
        whose = {seal.id: seal.platform for seal in self.seals()}
        alone = set(whose.values()) | {known.url for known in self.platforms()} <= {platform}
        other = platform if alone else ""  # of a seal that is not here
        own = (
            usage
            for usage in waiting
            if whose.get(_seal_of(usage), other) == platform and seal in ("", _seal_of(usage))
        )
        return list(islice(own, limit))

    def waiting_usage(self) -> int:
        """How many records are still to be sent."""
        query = "SELECT count(*) FROM usage WHERE sent = 0"
        with self._file.transaction() as run:
            return int(run(query, ()).fetchone()[0])

    def usage(self, record_id: str) -> UsageRecord | None:
        """One record, sent or not, with its receipt."""
        found = self._all(
            UsageRecord, "usage", "SELECT id, body FROM usage WHERE id = ?", (record_id,)
        )
        return found[0] if found else None

    def keep_receipts(self, receipts: Mapping[str, str]) -> None:
        """Note that records were taken: record id → the platform's receipt (JSON), checked."""
        with self._file.transaction() as run:
            for record_id, receipt in receipts.items():
                row = run("SELECT id, body FROM usage WHERE id = ?", (record_id,)).fetchone()
                if row is None:
                    continue
                known = unpack(UsageRecord, self._file.unsealed("usage", *row))
                told = UsageRecord(known.id, known.record, known.queued_at, receipt)
                body = self._file.sealed("usage", record_id, pack(told))
                run("UPDATE usage SET body = ?, sent = 1 WHERE id = ?", (body, record_id))

    # --- inside ------------------------------------------------------------------------------

    def _all(self, kind: type[R], table: str, query: str, values: Iterable[Any] = ()) -> list[R]:
        with self._file.transaction() as run:
            rows = run(query, values).fetchall()
        return [unpack(kind, self._file.unsealed(table, *row)) for row in rows]


def _seal_of(usage: UsageRecord) -> str:
    """The id of the seal that was used; "" if the record does not say it."""
    try:
        return str(json.loads(usage.record)["seal_id"])
    except (ValueError, KeyError, TypeError):
        return ""


def _newest(kept: Mapping[str, bytes], given: Mapping[str, bytes]) -> dict[str, bytes]:
    """Of each issuer's lists (DER) the one made last."""
    newest = {**given}
    for name, data in kept.items():
        if name not in given or Crl.parse(data).this_update > Crl.parse(given[name]).this_update:
            newest[name] = data
    return newest
