"""Blobs: sealed, by content, in the transaction of the row that names them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from crypto.algorithms import gm
from server_stub.records import blobs, store
from server_stub.records.blobs import Blobs
from server_stub.records.vault import Vault, VaultError, write_private

VAULT = Vault(bytes(range(16)))


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = store.open_engine(f"sqlite:///{tmp_path}/t.db")
    store.upgrade(engine)
    yield engine
    engine.dispose()


def kept(engine: Engine, content: bytes) -> str:
    blob = Blobs(VAULT, engine).seal(content)
    with Session(engine) as session, session.begin():
        blobs.keep(session, blob)
        blobs.keep(session, blob)  # twice changes nothing
    return blob.address


def test_a_blob_is_found_by_its_sm3_and_unreadable_in_the_database(engine: Engine) -> None:
    address = kept(engine, b"the seal data")
    assert address == gm.sm3(b"the seal data").hex()
    assert Blobs(VAULT, engine).get(address) == b"the seal data"
    with Session(engine) as session:
        (row,) = session.scalars(select(store.Blob))
        assert b"seal data" not in row.sealed
    for missing in ("00" * 32, "../x"):
        with pytest.raises(VaultError):
            Blobs(VAULT, engine).get(missing)


def test_what_no_row_names_is_named_by_the_audit_and_swept(engine: Engine) -> None:
    address = kept(engine, b"left over")
    with Session(engine) as session, session.begin():
        assert list(blobs.problems(session, VAULT)) == [f"blob {address}: no row names it"]
        assert blobs.sweep(session) == 1
        assert blobs.sweep(session) == 0
        assert list(blobs.problems(session, VAULT)) == []


def test_a_blob_with_another_content_or_seal_is_named(engine: Engine) -> None:
    address = kept(engine, b"first")
    other = VAULT.seal(f"blob:{address}", b"second")
    for sealed, wrong in ((other, "its content is another"), (b"x" * 40, "it does not open")):
        with Session(engine) as session, session.begin():
            session.get_one(store.Blob, address).sealed = sealed
        with Session(engine) as session:
            assert f"blob {address}: {wrong}" in list(blobs.problems(session, VAULT))


def test_blob_files_of_earlier_versions_move_in_and_the_folder_goes(
    engine: Engine, tmp_path: Path
) -> None:
    folder = tmp_path / "blobs"
    contents = [f"file {number}".encode() for number in range(5)]
    for content in contents:
        address = gm.sm3(content).hex()
        (folder / address[:2]).mkdir(parents=True, exist_ok=True)
        write_private(folder / address[:2] / address, VAULT.seal(f"blob:{address}", content))
    (folder / "left.offer").write_bytes(b"half")
    blobs.move_in(engine, folder)
    blobs.move_in(engine, folder)
    assert not folder.exists()
    for content in contents:
        assert Blobs(VAULT, engine).get(gm.sm3(content).hex()) == content
