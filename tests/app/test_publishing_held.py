"""Other programs hold files for a while, and other stampings work in the same folder."""

from __future__ import annotations

import errno
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app import durable, publishing
from app.durable import replace_file
from app.errors import OutputNotWritable
from app.publishing import publish, save_new, unpublished
from tests.world.holding import HELD, held
from tests.world.office import Office

NO_LINKS = OSError(
    errno.EINVAL if sys.platform == "win32" else errno.EPERM, "this file system has no hard links"
)


@pytest.fixture(params=[pytest.param("locks", marks=pytest.mark.wants("posix")), "no locks"])
def system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A system whose locks tell what is in use, and one, like Windows, without."""
    monkeypatch.setattr(publishing, "_LOCKS", request.param == "locks")
    name: str = request.param
    return name


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited, without waiting."""
    made: list[float] = []
    monkeypatch.setattr(durable.time, "sleep", made.append)
    return made


def failing(error: OSError) -> Callable[..., None]:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    return fail


@pytest.mark.usefixtures("system")
@pytest.mark.parametrize("links", [True, False])
def test_a_scanner_that_holds_the_file_for_a_while_costs_no_signature(
    office: Office, monkeypatch: pytest.MonkeyPatch, pauses: list[float], links: bool
) -> None:
    source = office.document()
    if links:
        held(monkeypatch, os, "link", 6)
    else:
        monkeypatch.setattr(os, "link", failing(NO_LINKS))
        held(monkeypatch, os, "rename", 6)
    held(monkeypatch, Path, "unlink", 3)
    done = office.stamp(source)
    assert done.path == source.with_name("合同_已盖章.pdf")
    assert done.misplaced is None
    assert office.in_documents() == {"合同.pdf", "合同_已盖章.pdf"}, "nothing is left behind"
    assert len(office.platform.tickets) == 1
    assert len(pauses) >= 6
    assert pauses[:6] == sorted(pauses[:6])
    assert pauses[5] > pauses[0]


@pytest.mark.usefixtures("system")
def test_one_that_never_lets_go_is_told_and_the_signed_file_kept(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durable, "PATIENCE_S", 0.0)
    link, folder = os.link, office.folder / "documents"

    def refuse(source: Path, target: Path) -> None:
        if target.parent == folder:
            raise HELD
        link(source, target)

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(os, "rename", failing(HELD))
    with pytest.raises(OutputNotWritable):
        office.stamp(office.document())
    done = office.stamp(office.document(), spare=office.folder / "unsaved")
    assert done.misplaced is not None
    assert done.path.parent == office.folder / "unsaved"


@pytest.mark.wants("posix")  # Windows says the same of what is held
def test_what_is_not_permitted_is_told_at_once(
    office: Office, monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    denied = OSError(errno.EACCES, "denied")
    monkeypatch.setattr(os, "link", failing(denied))
    monkeypatch.setattr(os, "rename", failing(denied))
    with pytest.raises(OutputNotWritable):
        office.stamp(office.document())
    assert pauses == []


def test_a_small_file_is_replaced_when_its_reader_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    path = tmp_path / "journal.head"
    replace_file(path, b"old")
    held(monkeypatch, Path, "replace", 4)
    replace_file(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]
    assert len(pauses) == 4


@pytest.mark.usefixtures("system")
@pytest.mark.parametrize("links", [True, False])
def test_stampings_at_once_in_one_folder_lose_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    if not links:
        monkeypatch.setattr(os, "link", failing(NO_LINKS))
    each, failures = 50, []

    def work(worker: int) -> None:
        for number in range(each):
            try:
                save_new(tmp_path / f"{worker}-{number}.pdf", b"%d %d" % (worker, number))
            except Exception as error:  # noqa: BLE001 - told below
                failures.append(error)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    expected = {f"{w}-{n}.pdf": b"%d %d" % (w, n) for w in range(8) for n in range(each)}
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == expected
    assert publishing._in_use == set()


@pytest.mark.usefixtures("system")
def test_two_who_want_one_name_get_one_each(tmp_path: Path) -> None:
    """Two windows of two users on one folder."""
    both, names = threading.Barrier(2), []

    def work(content: bytes) -> None:
        for _ in range(25):
            with unpublished(tmp_path / "合同.pdf") as (temporary, output):
                output.write(content)
                output.flush()
                both.wait(20)
                names.append(
                    publish(temporary, output, tmp_path / "合同.pdf", tmp_path / "合同.pdf", "")
                )

    threads = [threading.Thread(target=work, args=(content,)) for content in (b"one", b"two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names) == len(set(names)) == 50
    assert set(tmp_path.iterdir()) == set(names)
    contents = [name.read_bytes() for name in names]
    assert contents.count(b"one") == contents.count(b"two") == 25


def test_only_what_is_provably_abandoned_is_swept(tmp_path: Path, system: str) -> None:
    left = tmp_path / ".合同.pdf.0123456789ab.sealdesk"
    left.write_bytes(b"left by a crash")
    stranger = tmp_path / ".合同.pdf.sealdesk"
    stranger.write_bytes(b"not ours")
    with unpublished(tmp_path / "a.pdf") as (temporary, output):
        # the lock is gone; without locks, only time tells
        assert left.exists() == (system == "no locks")
        output.write(b"content")
        publish(temporary, output, tmp_path / "a.pdf", None, "")
    if left.exists():
        past = left.stat().st_mtime - publishing.ABANDONED_S - 60
        os.utime(left, (past, past))
        save_new(tmp_path / "b.pdf", b"content")
    assert not left.exists()
    assert stranger.exists()


def test_a_file_that_another_process_has_locked_is_not_swept(tmp_path: Path) -> None:
    with unpublished(tmp_path / "a.pdf") as (temporary, _):
        publishing._in_use.discard(temporary)  # as if it were another process's
        save_new(tmp_path / "b.pdf", b"content")
        assert temporary.exists()


def test_the_handle_is_open_until_the_file_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str
) -> None:
    link, states = os.link, []

    def linked(source: Path, target: Path) -> None:
        states.append(handle.closed)
        link(source, target)

    with unpublished(tmp_path / "a.pdf") as (temporary, handle):
        monkeypatch.setattr(os, "link", linked)
        publish(temporary, handle, tmp_path / "a.pdf", None, "")
        assert not handle.closed
    assert states == [False]
