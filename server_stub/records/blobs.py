"""Blobs: applications as received, imprints, seal data, evidence — sealed, by content address.

A blob comes in the transaction of the row that names it (:meth:`Blobs.seal` before, :func:`keep` in
the command) and goes when no row names it any more (:func:`sweep`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import field
from pathlib import Path

from sqlalchemy import Column, Engine, delete, insert, select
from sqlalchemy.orm import Session

from crypto.algorithms import gm
from crypto.frozen import frozen
from server_stub.records.store import Base, Blob
from server_stub.records.vault import Vault, VaultError

_ADDRESS = re.compile("[0-9a-f]{64}")
_MOVED_AT_ONCE = 200


@frozen
class SealedBlob:
    """A blob that is in no database yet."""

    address: str
    """SM3 of the content, hex."""
    sealed: bytes = field(repr=False)


def keep(session: Session, *blobs: SealedBlob) -> None:
    """Put *blobs* into the database of a command; one that is there already stays."""
    for blob in blobs:
        if session.get(Blob, blob.address) is None:
            session.add(Blob(address=blob.address, sealed=blob.sealed))


@frozen
class Blobs:
    """Seals what is to be kept, opens what is there."""

    vault: Vault
    engine: Engine

    def seal(self, content: bytes) -> SealedBlob:
        """*content* ready for :func:`keep`."""
        address = gm.sm3(content).hex()
        return SealedBlob(address, self.vault.seal(_place(address), content))

    def get(self, address: str) -> bytes:
        """The content of *address*. Raises :class:`VaultError`."""
        with Session(self.engine) as session:
            sealed = session.scalar(select(Blob.sealed).where(Blob.address == address))
        if sealed is None:
            raise VaultError(f"no blob {address}")
        return self.vault.open(_place(address), sealed)


def naming() -> Iterator[Column[str]]:
    """Every column that names blobs."""
    for table in Base.metadata.sorted_tables:
        for column in table.columns:
            if column.info.get("blob"):
                yield column


def let_go(session: Session, address: str) -> None:
    """Remove the blob of *address*, which a row named until now, unless another still does."""
    session.flush()
    for column in naming():
        if session.scalar(select(column).where(column == address).limit(1)) is not None:
            return
    session.execute(delete(Blob).where(Blob.address == address))


def let_go_all(session: Session, addresses: Sequence[str]) -> None:
    """:func:`let_go` of a few hundred at once."""
    session.flush()
    unnamed = [
        Blob.address.not_in(select(column).where(column.in_(addresses))) for column in naming()
    ]
    session.execute(delete(Blob).where(Blob.address.in_(addresses), *unnamed))


def sweep(session: Session) -> int:
    """Remove what no row names. Gives how many."""
    unnamed = [
        Blob.address.not_in(select(column).where(column.is_not(None))) for column in naming()
    ]
    gone = session.scalars(select(Blob.address).where(*unnamed)).all()
    for address in gone:
        session.execute(delete(Blob).where(Blob.address == address))
    return len(gone)


def problems(session: Session, vault: Vault | None) -> Iterator[str]:
    """Blobs that are missing, that no row names, or (with the *vault*) that do not open or hold
    something else than their address says."""
    known = set(session.scalars(select(Blob.address)))
    named: set[str] = set()
    for column in naming():
        key = next(iter(column.table.primary_key.columns))
        for identity, address in session.execute(
            select(key, column).where(column.is_not(None)).order_by(key)
        ):
            named.add(address)
            if address not in known:
                yield f"{column.table.name} {identity}: blob {address} ({column.name}) is missing"
    for address in sorted(known - named):
        yield f"blob {address}: no row names it"
    if vault is None:
        return
    for address, sealed in session.execute(
        select(Blob.address, Blob.sealed).order_by(Blob.address)
    ).yield_per(100):
        try:
            if gm.sm3(vault.open(_place(address), sealed)).hex() != address:
                yield f"blob {address}: its content is another"
        except VaultError:
            yield f"blob {address}: it does not open"


def move_in(engine: Engine, directory: Path) -> None:
    """Take the blob files of earlier versions into the database; the folder goes. What is stopped
    half-way goes on at the next start."""
    if not directory.is_dir():
        return
    files = [f for f in sorted(directory.glob("*/*")) if _ADDRESS.fullmatch(f.name)]
    for start in range(0, len(files), _MOVED_AT_ONCE):
        part = files[start : start + _MOVED_AT_ONCE]
        with Session(engine) as session, session.begin():
            known = set(
                session.scalars(select(Blob.address).where(Blob.address.in_(f.name for f in part)))
            )
            rows = [
                {"address": f.name, "sealed": f.read_bytes()} for f in part if f.name not in known
            ]
            if rows:
                session.execute(insert(Blob), rows)
        for file in part:
            file.unlink()
    for left in directory.glob("*.offer"):
        left.unlink()
    for folder in (*directory.iterdir(), directory):
        folder.rmdir()


def _place(address: str) -> str:
    if not _ADDRESS.fullmatch(address):
        raise VaultError("not a blob address")
    return f"blob:{address}"
