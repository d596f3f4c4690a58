"""What one running platform is made of. It knows none of the rules that work on it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from server_stub.authority import Authority, announce_keys
from server_stub.neighbours.adapters import Neighbours, SimulatedCity
from server_stub.records import blobs, cosigning, store, taking_over
from server_stub.records.blobs import Blobs
from server_stub.records.ledger import LOGS, Ledger
from server_stub.records.vault import KeyStore, SoftKeyStore, Vault
from server_stub.records.witness import FileWitness, Witness
from server_stub.settings import Settings

_SWEEP = 3600 * 1_000_000


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
    warnings: tuple[str, ...] = ()
    """What the operator should know at the start."""
    _swept_at: int = 0

    @classmethod
    def open(
        cls, settings: Settings, origin: str = "", *, accept_lost_witness: str = ""
    ) -> Platform:
        """Open what is in `settings.directory`; what is missing is made (so this is also *init*).
        *accept_lost_witness*: why the witness may begin anew; it goes on record.

        Raises :class:`server_stub.records.ledger.LedgerError` when the logs are not those that were
        witnessed or cosigned, or the witness is lost."""
        directory = settings.directory
        directory.mkdir(parents=True, exist_ok=True)
        vault = Vault.load(settings.master_key.get_secret_value(), directory / "master.key")
        with ExitStack() as failed:
            engine = store.open_engine(settings.url)
            failed.callback(engine.dispose)
            store.upgrade(engine)
            blobs.move_in(engine, directory / "blobs")
            keys = SoftKeyStore(vault, directory / "keys")
            here = settings.public_url or origin or f"http://{settings.host}:{settings.port}"
            authority = Authority.establish(engine, settings, keys, here)
            failed.callback(authority.forget_made, engine, keys)
            witness = FileWitness(settings.witness_directory)
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
                here,
                engine,
                vault,
                Blobs(vault, engine),
                authority,
                ledger,
                witness,
                Neighbours.simulated(city),
                city,
                keys,
            )
            failed.callback(ledger.stop)
            platform.warnings = (
                *_about_witness(settings, witness),
                *cosigning.compare_all(settings.cosigners, engine, platform.log_keys),
            )
            ledger.start(accept_lost_witness)
            with platform.reading() as session:
                due = taking_over.is_due(session)
            if due:
                ledger.write(taking_over.take_over, authority.made).result()
            ledger.write(announce_keys, authority.made).result()
            failed.pop_all()
            return platform

    def close(self) -> None:
        """Finish writing and close the database."""
        self.ledger.stop()
        self.engine.dispose()

    @property
    def log_keys(self) -> dict[str, bytes]:
        """Public key of each log, X‖Y."""
        return {log: self.authority.key(log).public for log in LOGS}

    def sweep_due(self, now: int) -> bool:
        """Is the work due that reads whole tables? True once an hour, and whoever gets that does
        it. *now*: microseconds."""
        if now - self._swept_at < _SWEEP:
            return False
        self._swept_at = now
        return True

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session on one unchanging view of the database."""
        with Session(self.engine) as session:
            yield session


def _about_witness(settings: Settings, witness: FileWitness) -> Iterator[str]:
    if settings.database_url or settings.cosigners:
        return
    if witness.is_beside(settings.directory / "platform.db"):
        yield (
            f"the witness {witness.directory} is on the disk of the database: who rewinds one"
            " rewinds both. Set SEALDESK_SERVER_WITNESS to another disk, or have a cosigner"
        )


def readiness(platform: Platform) -> bool:
    """Can this platform write?"""
    return platform.ledger.write(lambda tx: True).result(timeout=5).answer
