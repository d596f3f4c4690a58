"""What a crash has published and not entered: entered once, and only if it is there as it was."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from app.store import unfinished as module
from app.store.journal import Journal
from app.store.unfinished import Entry, Unfinished, kept, take_up
from crypto.algorithms.gm import sm3
from crypto.bounded import Message, ProcessDied, run

CONTENT = b"a stamped file"


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    made = Journal(tmp_path / "data" / "journal.jsonl")
    made.append("stamp-begun", document="a.pdf")
    return made


@pytest.fixture
def left(tmp_path: Path) -> Unfinished:
    """An output in a folder of its own."""
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "a_out.pdf").write_bytes(CONTENT)
    entry = Entry({"usage_record": sm3(b"use").hex(), "act": "x"}, "use")
    return Unfinished("stamped", 1, "a.pdf", sm3(CONTENT).hex(), len(CONTENT), str(folder), entry)


def crash(journal: Journal, left: Unfinished) -> None:
    """The process dies between the output's name and its entry."""
    with pytest.raises(ProcessDied, match="exit code 9"):
        run(die_in_between, journal.path, left, seconds=30)


def die_in_between(path: Path, left: Unfinished) -> Message:
    with kept(Journal(path), left):
        os._exit(9)


def taken(journal: Journal) -> tuple[int, list[tuple[str, ...]]]:
    queued: list[tuple[str, ...]] = []
    return take_up(journal, lambda *record: queued.append(record)), queued


def waiting(journal: Journal) -> list[Path]:
    return list((journal.path.parent / "unfinished").iterdir())


def test_it_is_entered_once_and_its_use_queued(journal: Journal, left: Unfinished) -> None:
    crash(journal, left)
    assert taken(journal) == (1, [(sm3(b"use").hex(), "use")])
    entry = journal.entries()[-1]
    assert (entry.event, entry.details["output"], entry.details["begun"]) == (
        *("stamped", "a_out.pdf"),
        1,
    )
    assert taken(journal) == (0, [])
    assert waiting(journal) == []
    assert journal.check().intact


def test_one_that_was_entered_is_only_queued(journal: Journal, left: Unfinished) -> None:
    journal.append("stamped", **left.details(Path("a_out.pdf")))
    crash(journal, left)
    assert taken(journal) == (0, [(sm3(b"use").hex(), "use")])
    assert len(journal.entries()) == 2


def test_it_is_found_by_its_content_whatever_it_is_called(
    journal: Journal, left: Unfinished
) -> None:
    folder = Path(left.folder)
    (folder / "a_out.pdf").rename(folder / "renamed.pdf")
    (folder / "another.pdf").write_bytes(CONTENT[::-1])
    crash(journal, left)
    assert taken(journal)[0] == 1
    assert journal.entries()[-1].details["output"] == "renamed.pdf"


def test_what_was_not_published_or_was_taken_back_is_not_entered(
    journal: Journal, left: Unfinished
) -> None:
    output = Path(left.folder) / "a_out.pdf"
    output.rename(output.with_name(".a_out.pdf.0123456789ab.sealdesk"))
    crash(journal, left)
    assert taken(journal) == (0, [])
    output.write_bytes(CONTENT)
    journal.append("stamp-failed", begun=1)
    crash(journal, left)
    assert taken(journal) == (0, [])
    assert waiting(journal) == []


def test_a_drive_that_is_not_connected_is_waited_for(
    journal: Journal, left: Unfinished, monkeypatch: pytest.MonkeyPatch
) -> None:
    crash(journal, replace(left, folder=f"{left.folder}/unplugged"))
    assert taken(journal) == (0, [])
    assert len(waiting(journal)) == 1
    monkeypatch.setattr(module, "WAITING_S", -1)
    assert taken(journal) == (0, [])
    assert waiting(journal) == []


def test_one_whose_process_lives_is_left_to_it(journal: Journal, left: Unfinished) -> None:
    with kept(journal, left):
        assert taken(journal) == (0, [])
        assert len(waiting(journal)) == 1
    assert waiting(journal) == []


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"event": "stamped"}', b"\xff"])
def test_a_torn_record_means_that_nothing_was_published(journal: Journal, content: bytes) -> None:
    folder = journal.path.parent / "unfinished"
    folder.mkdir()
    (folder / "torn.json").write_bytes(content)
    assert taken(journal) == (0, [])
    assert waiting(journal) == []
