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
from server_stub.records import store
from server_stub.records.ledger import LOGS, FileWitness, Ledger, Witness
from server_stub.records.vault import Blobs, KeyStore, SoftKeyStore, Vault
from server_stub.settings import Settings


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
            here = settings.public_url or origin or f"http://{settings.host}:{settings.port}"
            authority = Authority.establish(engine, settings, keys, here)
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
                here,
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
        """Finish writing and close the database."""
        self.ledger.stop()
        self.engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session on one unchanging view of the database."""
        with Session(self.engine) as session:
            yield session


def readiness(platform: Platform) -> bool:
    """Can this platform write?"""
    return platform.ledger.write(lambda tx: True).result(timeout=5).answer
