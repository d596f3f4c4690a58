"""What is removed or replaced waits for whoever reads it: Windows would refuse."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from app import durable
from app.durable import discard, discard_folder, temporary_folder
from app.many.begun import begun_order
from app.stamping import EVENTS
from app.store.journal import Journal
from app.store.unfinished import Entry, Unfinished, kept, take_up
from app.updates import offered
from crypto.algorithms.gm import sm3
from crypto.seal.release import Release
from tests.world.authorities import NOW
from tests.world.holding import HELD, held
from tests.world.office import Office

TIMES = 3


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited, without waiting."""
    made: list[float] = []
    monkeypatch.setattr(durable.time, "sleep", made.append)
    return made


def reader(monkeypatch: pytest.MonkeyPatch) -> list[OSError]:
    """Somebody reads what is to be removed."""
    return held(monkeypatch, os, "unlink", TIMES)


def test_a_file_goes_when_its_reader_lets_go_and_else_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    discard(path)
    path.write_bytes(b"x")
    with monkeypatch.context() as patch:
        reader(patch)
        discard(path)
    assert not path.exists()
    path.write_bytes(b"x")
    monkeypatch.setattr(durable, "PATIENCE_S", 0.0)
    reader(monkeypatch)
    discard(path)
    assert path.exists()


def test_a_folder_goes_when_its_readers_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "folder"
    discard_folder(folder)
    (folder / "in it").mkdir(parents=True)
    for name in ("a", "in it/b"):
        (folder / name).write_bytes(b"x")
    left = reader(monkeypatch)
    discard_folder(folder)
    assert not folder.exists()
    assert left == []


def test_of_a_folder_that_is_read_for_long_only_that_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("a", "b", "c"):
        (folder / name).write_bytes(b"x")
    remove = os.unlink

    def unlink(path: str, *arguments: object, **options: int) -> None:
        if Path(path).name == "b":
            raise HELD
        remove(path, **options)

    monkeypatch.setattr(durable, "PATIENCE_S", 0.0)
    monkeypatch.setattr(os, "unlink", unlink)
    discard_folder(folder)
    assert [each.name for each in folder.iterdir()] == ["b"]


def test_a_reader_of_what_lay_in_a_temporary_folder_spoils_no_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with temporary_folder() as folder:
        (folder / "request.pdf").write_bytes(b"x")
        reader(monkeypatch)
    assert not folder.exists()
    monkeypatch.setattr(durable, "PATIENCE_S", 0.0)
    with temporary_folder() as folder:
        (folder / "request.pdf").write_bytes(b"x")
        held(monkeypatch, os, "unlink", 1000)
    monkeypatch.undo()
    discard_folder(folder)


def test_an_output_that_is_not_in_the_journal_goes_although_it_is_read(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = Journal.append

    def fail(journal: Journal, event: str, **details: object) -> int:
        if event == EVENTS.done:
            reader(monkeypatch)
            raise OSError(errno.ENOSPC, "no space")
        return append(journal, event, **details)

    monkeypatch.setattr(Journal, "append", fail)
    with pytest.raises(OSError, match="no space"):
        office.stamp(office.document())
    assert office.in_documents() == {"合同.pdf"}


def test_an_order_that_is_done_is_forgotten_although_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with begun_order(tmp_path, "order") as begun:
        begun.finished = True
        reader(monkeypatch)
    with begun_order(tmp_path, "order") as again:
        assert not again.resumed


@pytest.mark.parametrize("crashed", [False, True])
def test_what_was_kept_for_a_crash_goes_although_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, crashed: bool
) -> None:
    journal = Journal(tmp_path / "data" / "journal.jsonl")
    journal.append("stamp-begun", document="a.pdf")
    (tmp_path / "a.pdf").write_bytes(b"x")
    what = Unfinished("stamped", 1, "a.pdf", sm3(b"x").hex(), 1, str(tmp_path), Entry({}, ""))
    with kept(journal, what):
        (path,) = (tmp_path / "data" / "unfinished").iterdir()
        content = path.read_bytes()
        reader(monkeypatch)
    assert not path.exists()
    if crashed:
        path.write_bytes(content)
        left = reader(monkeypatch)
        assert take_up(journal, lambda *_: None) == 1
        assert left == []
        assert not path.exists()


@pytest.mark.parametrize("reads", ["its head", "it"])
def test_a_damaged_journal_is_put_away_although_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reads: str
) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    journal.append("stamp-begun", document="a.pdf")
    journal.path.write_bytes(b"damaged")
    move, left = Path.replace, [HELD] * TIMES

    def replace(path: Path, target: Path) -> Path:
        if left and (path == journal.path) == (reads == "it"):
            raise left.pop()
        return move(path, target)

    monkeypatch.setattr(Path, "replace", replace)
    assert journal.seal_off().read_bytes() == b"damaged"
    assert left == []
    assert journal.check().intact


class Packages:
    """A platform that has one package."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def package(self, _system: str, _sm3: str, target: Callable[[bytes], None]) -> None:
        target(self._data)


@pytest.mark.parametrize("times", [TIMES, 1000])
def test_an_earlier_package_that_somebody_reads_stops_no_update(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    """It goes when its reader lets go, and else the next time."""
    data = b"!<arch>\n"
    release = Release(
        origin="https://seals.example",
        version="9.0.0",
        system="linux-amd64",
        file="sealdesk_9.0.0_amd64.deb",
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        sm3=sm3(data).hex(),
        publisher="",
        notes={"zh_CN": "快", "en": "quick"},
        not_before=NOW,
        issued_at=NOW,
    )
    folder = tmp_path / "updates"
    folder.mkdir(mode=0o700)
    earlier = folder / "sealdesk_8.0.0_amd64.deb"
    earlier.write_bytes(b"earlier")
    if times > TIMES:
        monkeypatch.setattr(durable, "PATIENCE_S", 0.0)
    held(monkeypatch, os, "unlink", times)
    path = offered.fetch(Packages(data), release, folder)  # type: ignore[arg-type]
    assert path.read_bytes() == data
    assert earlier.exists() == (times > TIMES)
