"""The cosigner: another person's machine that remembers how long the platform's logs were.

It keeps a key of its own and, for each log, the last checkpoint that it cosigned. Each time, it
checks that the log of now begins with the log of then; a log that is shorter or forked is refused,
and what it saw stays. Somebody who rewinds the platform's database *and* its witness cannot rewind
this one, and a platform that knows its cosigners (`settings.cosigners`) does not start on less than
they saw.

State, in a folder: ``cosigner.key`` (64 hex digits, mode 0600), ``platform.json`` (the logs' names
and keys, pinned at the first time), ``<log>.note`` (the checkpoint with the platform's and our
signature: what the platform reads, from the folder or from an address that serves it).
"""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from crypto.algorithms import gm, merkle
from crypto.algorithms.keys import SoftKey
from crypto.frozen import frozen
from server_stub.records import store
from server_stub.records.ledger import LOGS, LedgerError, latest_note, log_size, stored_tree
from server_stub.records.vault import write_private

_TIMEOUT_S = 10
_MAX_ANSWER = 1 << 20


class CosigningRefused(Exception):
    """The log is not a continuation of what was cosigned."""


class Source(Protocol):
    """Where a platform's logs are read."""

    def logs(self) -> dict[str, dict[str, str]]:
        """log → {"origin": its name, "key": X‖Y in hex}"""

    def note(self, log: str) -> str:
        """The newest checkpoint."""

    def consistency(self, log: str, first: int, to: int) -> list[bytes]:
        """Proof that the log of *first* entries is a beginning of that of *to*."""


@frozen
class DatabaseSource:
    """The database itself, or a copy of it. Raises :class:`CosigningRefused` when it holds less
    than is asked for."""

    engine: Engine

    def logs(self) -> dict[str, dict[str, str]]:
        with Session(self.engine) as session:
            rows = session.scalars(
                select(store.Key).where(store.Key.purpose.in_(LOGS), store.Key.state == "active")
            ).all()
            return {
                row.purpose: {"origin": _origin(session, row.purpose), "key": row.public.hex()}
                for row in rows
            }

    def note(self, log: str) -> str:
        with Session(self.engine) as session:
            return latest_note(session, log)

    def consistency(self, log: str, first: int, to: int) -> list[bytes]:
        with Session(self.engine) as session:
            try:
                return stored_tree(session, log).consistency_proof(first, to)
            except (merkle.MerkleError, KeyError) as error:
                raise CosigningRefused(f"{log}: {error}") from error


def _origin(session: Session, log: str) -> str:
    return latest_note(session, log).partition("\n")[0]


@frozen
class HttpSource:
    """A running platform."""

    url: str

    def logs(self) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = self._json("/v1/service")["logs"]
        return found

    def note(self, log: str) -> str:
        return _fetch(f"{self.url}/{log}/checkpoint").decode()

    def consistency(self, log: str, first: int, to: int) -> list[bytes]:
        proof = self._json(f"/{log}/proofs/consistency?from={first}&to={to}")["proof"]
        return [bytes.fromhex(step) for step in proof]

    def _json(self, path: str) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(_fetch(self.url + path))
        return answer


def _fetch(url: str) -> bytes:
    if not url.startswith(("http://", "https://")):
        raise OSError(f"{url} is no http address")
    with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - checked above
        data: bytes = answer.read(_MAX_ANSWER)
        return data


# --- the cosigner ------------------------------------------------------------------------------


@frozen
class Cosigner:
    """What one cosigner keeps, in *directory*."""

    directory: Path
    key: SoftKey

    @classmethod
    def open(cls, directory: Path) -> Cosigner:
        """The cosigner of *directory*; its key is made the first time."""
        directory.mkdir(parents=True, exist_ok=True)
        file = directory / "cosigner.key"
        if not file.exists():
            write_private(file, SoftKey.generate().private.hex().encode(), exclusive=True)
        return cls(directory, SoftKey.load(bytes.fromhex(file.read_text("ascii").strip())))

    @property
    def public(self) -> bytes:
        """X‖Y."""
        return self.key.public

    def last(self, log: str) -> str | None:
        """The last checkpoint that was cosigned."""
        try:
            return (self.directory / f"{log}.note").read_text("utf-8")
        except FileNotFoundError:
            return None

    def cosign(self, source: Source) -> Iterator[merkle.Checkpoint]:
        """Cosign the newest checkpoint of each log.

        Raises :class:`CosigningRefused`; OSError when the platform is out of reach."""
        known = self._pinned(source)
        for log in LOGS:
            yield self._one(source, log, bytes.fromhex(known[log]["key"]), known[log]["origin"])

    def _pinned(self, source: Source) -> Mapping[str, Mapping[str, str]]:
        file = self.directory / "platform.json"
        if not file.exists():
            found = source.logs()
            if set(found) != set(LOGS):
                raise CosigningRefused("this is no platform: it has no logs")
            write_private(file, json.dumps(found, indent=1).encode())
        known: Mapping[str, Mapping[str, str]] = json.loads(file.read_bytes())
        return known

    def _one(self, source: Source, log: str, public: bytes, origin: str) -> merkle.Checkpoint:
        note, before = source.note(log), self.last(log)
        try:
            new = merkle.open_checkpoint(note, public)
            if new.origin != origin:
                raise CosigningRefused(f"{log} is called {new.origin}, it was {origin}")
            if before is not None:
                old = merkle.open_checkpoint(before, public)
                self._continues(source, log, old, new)
        except merkle.MerkleError as error:
            raise CosigningRefused(f"{log}: {error}") from error
        made = merkle.cosign_checkpoint(note, name_of(self.public), self.key)
        write_private(self.directory / f"{log}.note", made.encode())
        return new

    @staticmethod
    def _continues(
        source: Source, log: str, old: merkle.Checkpoint, new: merkle.Checkpoint
    ) -> None:
        if new.size < old.size:
            raise CosigningRefused(
                f"{log} has {new.size} entries, but {old.size} were cosigned: a part was cut off"
            )
        same = new.root == old.root
        if new.size > old.size:
            proof = source.consistency(log, old.size, new.size)
            same = merkle.verify_consistency(old.size, new.size, proof, old.root, new.root)
        if not same:
            raise CosigningRefused(
                f"{log} is not the log that was cosigned at {old.size} entries: it was forked"
            )


def name_of(public: bytes) -> str:
    """How a cosigner with that key (X‖Y) signs."""
    return f"cosigner-{gm.sm3(public).hex()[:16]}"


@contextmanager
def told_over_http(keeper: Cosigner, place: str) -> Iterator[str]:
    """Answer with what *keeper* cosigned at *place* (``host:port``); gives the address."""
    names = {f"/{log}.note": log for log in LOGS}

    class Teller(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            note = keeper.last(names[self.path]) if self.path in names else None
            self.send_response(404 if note is None else 200)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.end_headers()
            self.wfile.write((note or "").encode())

        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads it."""

    host, _, port = place.rpartition(":")
    with ThreadingHTTPServer((host, int(port)), Teller) as server:
        thread = threading.Thread(target=server.serve_forever, name="cosigner", daemon=True)
        thread.start()
        yield f"http://{host}:{server.server_port}"
        server.shutdown()


# --- the platform ------------------------------------------------------------------------------


def compare_all(
    cosigners: Sequence[str], engine: Engine, log_keys: Mapping[str, bytes]
) -> list[str]:
    """Compare the logs in *engine* with what every one of *cosigners* (`settings.cosigners`) saw.
    Gives what the operator should know: who could not be asked.

    Raises :class:`LedgerError` when one of them saw more, or another log."""
    told, reached = [], 0
    for cosigner in cosigners:
        try:
            if _compare(cosigner, engine, log_keys):
                reached += 1
            else:
                told.append(f"the cosigner {_place(cosigner)} has cosigned nothing yet")
        except (OSError, ValueError) as error:
            told.append(f"the cosigner {_place(cosigner)} cannot be asked: {error}")
    if cosigners and not reached:
        told.append("no cosigner could be asked: nobody vouches that the logs are whole")
    return told


def _place(cosigner: str) -> str:
    return cosigner.partition("@")[2]


def _compare(cosigner: str, engine: Engine, log_keys: Mapping[str, bytes]) -> bool:
    key, _, place = cosigner.partition("@")
    public = bytes.fromhex(key)
    notes = {log: note for log in LOGS if (note := _cosigned(place, log)) is not None}
    for log, note in notes.items():
        seen = merkle.open_checkpoint(note, public, name_of(public))
        merkle.open_checkpoint(note, log_keys[log])
        with Session(engine) as session:
            size = log_size(session, log)
            if seen.size > size:
                raise LedgerError(
                    f"{log} has {size} entries, but the cosigner {place} saw {seen.size}: a part"
                    " was cut off or an old database restored"
                )
            if stored_tree(session, log).root(seen.size) != seen.root:
                raise LedgerError(
                    f"{log} is not the log that the cosigner {place} saw at {seen.size} entries"
                )
    return bool(notes)


def _cosigned(place: str, log: str) -> str | None:
    if place.startswith(("http://", "https://")):
        try:
            return _fetch(f"{place.rstrip('/')}/{log}.note").decode()
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise
    folder = Path(place)
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {place}")
    file = folder / f"{log}.note"
    return file.read_text("utf-8") if file.exists() else None
