"""What one running platform is made of, and the work it does by itself."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, Select, delete, select
from sqlalchemy.orm import Session

from server_stub import applying, disputes, epochs, issuing, sealing, signin
from server_stub.authority import Authority, announce_keys
from server_stub.neighbours import filing
from server_stub.neighbours.adapters import Neighbours, SimulatedCity
from server_stub.policy import Actor
from server_stub.records import canonical, store
from server_stub.records.ledger import LOGS, FileWitness, Ledger, Transaction, Witness
from server_stub.records.logbook import logbook
from server_stub.records.vault import Blobs, KeyStore, SoftKeyStore, Vault
from server_stub.settings import Settings

_DAY = 86_400 * signin.SECOND
_TICK = 2.0
"""Seconds between two looks at what is due."""


@dataclass
class Platform:
    """Everything a request handler may need. Made by :meth:`open`, ended by :meth:`close`."""

    settings: Settings
    origin: str
    """How the world addresses us: in every text that a Ukey signs for us."""
    engine: Engine
    vault: Vault
    blobs: Blobs
    authority: Authority
    ledger: Ledger
    witness: Witness
    neighbours: Neighbours
    city: SimulatedCity
    keys: KeyStore
    making_seal: threading.Lock = field(default_factory=threading.Lock)
    """Held while the platform's own seal is looked for or made (:mod:`server_stub.report_seal`)."""

    @classmethod
    def open(cls, settings: Settings, origin: str = "") -> Platform:
        """Open what is in `settings.directory`; what is missing is made (so this is also *init*).

        Raises :class:`server_stub.records.ledger.LedgerError` when the logs are not those that were
        witnessed."""
        directory = settings.directory
        directory.mkdir(parents=True, exist_ok=True)
        vault = Vault.load(settings.master_key.get_secret_value(), directory / "master.key")
        with ExitStack() as failed:
            engine = store.open_engine(settings.url)
            failed.callback(engine.dispose)
            store.upgrade(engine)
            keys = SoftKeyStore(vault, directory / "keys")
            authority = Authority.establish(engine, settings, keys)
            witness = FileWitness(directory / "witness")
            root = settings.public_url.partition("://")[2] or "sealdesk.local"
            ledger = Ledger(
                engine,
                {log: f"{root}/{log}" for log in LOGS},
                {log: authority.key(log) for log in LOGS},
                witness,
            )
            city = SimulatedCity(
                directory / "simulated-city", settings.imprint_font, settings.imprint_dpi
            )
            platform = cls(
                settings,
                settings.public_url or origin or f"http://{settings.host}:{settings.port}",
                engine,
                vault,
                Blobs(vault, directory / "blobs"),
                authority,
                ledger,
                witness,
                Neighbours.simulated(city),
                city,
                keys,
            )
            failed.callback(ledger.stop)
            ledger.start()
            ledger.write(announce_keys).result()
            failed.pop_all()
            return platform

    def close(self) -> None:
        """Finish writing and let go of the database."""
        self.ledger.stop()
        self.engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session on one unchanging view of the database."""
        with Session(self.engine) as session:
            yield session

    @property
    def making(self) -> issuing.SealMaking:
        return issuing.SealMaking(
            self.settings, self.ledger, self.authority, self.neighbours, self.blobs
        )

    # --- what is done without being asked ---

    def work(self) -> None:
        """Do all that is due: simulated reviews, seals to make, reports to the police, the clock.

        Every step stands in the database, so a step lost in a crash is done at the next look."""
        if self.settings.auto_review:
            self._each(_applications("submitted"), self._review)
            self._each(_applications("in_review"), self._decide)
        self._each(_applications("approved"), lambda s, a: issuing.make(self.making, s, a))
        self._each(
            select(store.Dispute).where(store.Dispute.state == "opened"),
            lambda session, row: disputes.gather(self, session, row),
        )
        due = select(store.Filing).where(
            store.Filing.state == "queued", store.Filing.due_at <= canonical.now()
        )
        self._each(
            due,
            lambda session, row: filing.deliver(self.ledger, self.neighbours.police, session, row),
        )
        self.ledger.write(self._tidy).result()
        with self.reading() as session:
            due_now = epochs.is_due(session, self.settings.epoch_days, canonical.now())
        if due_now:
            epochs.publish(self)

    def _each(self, rows: Select[Any], action: Callable[[Session, Any], None]) -> None:
        with self.reading() as session:
            for row in session.scalars(rows).all():
                try:
                    action(session, row)
                except Exception:  # noqa: BLE001 - what is wrong with one must not hold up others
                    logbook().exception("step_failed", row=row.id)

    def _review(self, session: Session, application: store.Application) -> None:
        self.ledger.write(applying.claim, _AUTOMATON, application.id).result()

    def _decide(self, session: Session, application: store.Application) -> None:
        if application.reviewer != _AUTOMATON.subject:
            return
        if application.reason:  # making it failed: a person has to look, not the automaton again
            reason = application.reason
            self.ledger.write(applying.send_back, _AUTOMATON, application.id, reason).result()
            return
        findings = issuing.assess(session, self.vault, self.neighbours, application)
        if findings.passed:
            self.ledger.write(applying.approve, _AUTOMATON, application.id, findings).result()
        else:
            self.ledger.write(
                applying.send_back, _AUTOMATON, application.id, findings.reason
            ).result()

    def _tidy(self, tx: Transaction) -> None:
        sealing.sweep(tx, self.settings.collect_days)
        applying.lapse(tx, self.settings.collect_days)
        disputes.remove_enclosures(tx, self.blobs, self.settings.dispute_enclosure_days)
        signin.clean(tx, self.settings)
        oldest = tx.now - self.settings.idempotency_days * _DAY
        tx.session.execute(delete(store.Idempotency).where(store.Idempotency.created_at < oldest))


def _applications(state: str) -> Select[Any]:
    return select(store.Application).where(store.Application.state == state)


_AUTOMATON = Actor("reviewer", issuing.REVIEWER, frozenset({"reviewer"}))


class Worker:
    """The thread that calls :meth:`Platform.work`, at once when told of something, else now and
    then."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._wake = threading.Event()
        self._ending = False
        self._thread = threading.Thread(target=self._run, name="worker", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Something is due now."""
        self._wake.set()

    def stop(self) -> None:
        self._ending = True
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        log = logbook()
        while not self._ending:
            try:
                self._platform.work()
            except Exception:
                log.exception("work_failed")
            self._wake.wait(_TICK)
            self._wake.clear()


def readiness(platform: Platform) -> bool:
    """Can this platform write?"""
    return platform.ledger.write(lambda tx: True).result(timeout=5).answer
