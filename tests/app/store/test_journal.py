"""The usage journal: what was recorded is there, unchanged, or it is said where it is not."""

import csv
import json
import multiprocessing
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import JournalDamaged
from app.store.journal import COLUMNS, GENESIS, Journal
from crypto.algorithms.gm import sm3
from tests.world.systems import PATIENCE

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "台账" / "journal.jsonl"


@pytest.fixture
def journal(path: Path) -> Journal:
    """A journal with four entries, an hour apart."""
    times = iter([NOON + timedelta(hours=hour) for hour in range(100)])
    made = Journal(path, lambda: next(times))
    made.append("stamp-begun", document="合同.pdf", seal_code="32130000000001")
    made.append("stamped", document="合同.pdf", seal_code="32130000000001", pages=[1, 2])
    made.append("stamped", document="Invoice 发票.pdf", seal_code="32130000000002")
    made.append("stamp-failed", reason="PinIncorrect")
    return made


def lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def test_each_entry_carries_the_hash_of_the_line_before(journal: Journal, path: Path) -> None:
    previous = GENESIS
    for number, line in enumerate(lines(path), 1):
        fields = json.loads(line)
        assert (fields["previous"], fields["sequence"]) == (previous, number)
        previous = sm3(line.rstrip(b"\n")).hex()
    check = journal.check()
    assert check.intact
    assert (check.entries, check.line, check.torn_bytes) == (4, 0, 0)


def test_an_empty_journal_is_intact(path: Path) -> None:
    assert Journal(path).check().intact
    assert Journal(path).entries() == []


def test_an_append_gives_its_number_and_what_was_said(journal: Journal) -> None:
    assert journal.append("stamped", document="第五.pdf", ticketed=True, marks={"n": 1}) == 5
    entry = journal.entries()[-1]
    assert (entry.sequence, entry.event, entry.at) == (5, "stamped", NOON + timedelta(hours=4))
    assert dict(entry.details) == {"document": "第五.pdf", "ticketed": True, "marks": {"n": 1}}


def test_entries_are_filtered(journal: Journal) -> None:
    def found(**wanted: object) -> list[int]:
        return [entry.sequence for entry in journal.entries(**wanted)]

    assert found(events=frozenset({"stamped"})) == [2, 3]
    assert found(seal_code="32130000000001") == [1, 2]
    assert found(since=NOON + timedelta(hours=1), until=NOON + timedelta(hours=3)) == [2, 3]
    assert found(text="invoice 发票") == [3]


@pytest.mark.parametrize("damaged", [1, 2, 3, 4])
def test_a_changed_line_is_named(journal: Journal, path: Path, damaged: int) -> None:
    content = lines(path)
    content[damaged - 1] = content[damaged - 1].replace(b"2026", b"2025")
    path.write_bytes(b"".join(content))
    check = journal.check()
    assert (check.intact, check.problem, check.line) == (False, "altered", damaged)


def test_a_removed_line_is_named(journal: Journal, path: Path) -> None:
    content = lines(path)
    del content[1]
    path.write_bytes(b"".join(content))
    assert (journal.check().problem, journal.check().line) == ("sequence", 2)


def test_lines_in_another_order_are_named(journal: Journal, path: Path) -> None:
    first, second, *rest = lines(path)
    path.write_bytes(b"".join([second, first, *rest]))
    assert journal.check().line == 1


@pytest.mark.parametrize("kept", [0, 1, 3])
def test_a_cut_tail_is_named_and_appending_refuses(journal: Journal, path: Path, kept: int) -> None:
    path.write_bytes(b"".join(lines(path)[:kept]))
    before = path.read_bytes()
    assert (journal.check().problem, journal.check().line) == ("cut", kept + 1)
    with pytest.raises(JournalDamaged) as caught:
        journal.append("stamped")
    assert caught.value.line == kept + 1
    assert path.read_bytes() == before


def test_a_missing_file_with_a_head_is_a_cut(journal: Journal, path: Path) -> None:
    path.unlink()
    assert journal.check().problem == "cut"
    with pytest.raises(JournalDamaged):
        journal.append("stamped")


def test_a_missing_head_is_damage(journal: Journal, path: Path) -> None:
    path.with_suffix(".head").unlink()
    assert journal.check().problem == "head"
    with pytest.raises(JournalDamaged):
        journal.append("stamped")


@pytest.mark.parametrize("head", [b"{}", b"", b'{"count":-1,"size":-1,"hash":""}', b"\x00" * 80])
def test_an_unreadable_head_is_damage(journal: Journal, path: Path, head: bytes) -> None:
    path.with_suffix(".head").write_bytes(head)
    assert journal.check().problem == "head"
    with pytest.raises(JournalDamaged):
        journal.append("stamped")


def test_a_line_written_by_hand_is_damage(journal: Journal, path: Path) -> None:
    with path.open("ab") as file:
        file.write(b'{"event":"forged"}\n')
    assert (journal.check().problem, journal.check().line) == ("malformed", 5)
    with pytest.raises(JournalDamaged) as caught:
        journal.append("stamped")
    assert caught.value.line == 5


def test_two_well_formed_lines_beyond_the_head_are_damage(journal: Journal, path: Path) -> None:
    head = path.with_suffix(".head").read_bytes()
    journal.append("stamped")
    journal.append("stamped")
    path.with_suffix(".head").write_bytes(head)
    assert (journal.check().problem, journal.check().line) == ("added", 5)


def test_a_crash_between_line_and_head_loses_nothing(journal: Journal, path: Path) -> None:
    head = path.with_suffix(".head").read_bytes()
    journal.append("stamped", document="五.pdf")
    path.with_suffix(".head").write_bytes(head)
    assert journal.check().intact
    assert journal.append("stamped", document="六.pdf") == 6
    assert journal.check().intact
    assert journal.check().entries == 6


def test_a_crash_within_a_line_is_set_aside_and_reported(journal: Journal, path: Path) -> None:
    before, head = path.read_bytes(), path.with_suffix(".head").read_bytes()
    journal.append("stamped", document="断电.pdf")
    line = path.read_bytes()[len(before) :]
    for length in (*range(1, 12), *range(12, len(line) - 3, 23), *range(len(line) - 3, len(line))):
        for old in path.parent.glob("*.torn-*"):
            old.unlink()
        path.write_bytes(before + line[:length])
        path.with_suffix(".head").write_bytes(head)
        check = journal.check()
        assert check.intact
        assert check.torn_bytes == length
        assert len(journal.entries()) == 4
        assert Journal(path).append("stamped", document="之后.pdf") == 6
        reported = journal.entries()[4]
        assert reported.event == "journal-torn-line"
        side = path.parent / reported.details["file"]
        assert side.read_bytes() == line[:length]
        assert sm3(line[:length]).hex() == reported.details["file_sm3"]
        assert journal.check().intact
        assert journal.check().set_aside == (side,)


def test_a_full_disk_leaves_no_half_line(
    journal: Journal, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    before = path.read_bytes()

    def fail(handle: int) -> None:
        raise OSError(28, "no space")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="no space"):
        journal.append("stamped")
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert journal.append("stamped") == 5


def test_a_damaged_journal_is_sealed_off_whole(journal: Journal, path: Path) -> None:
    path.write_bytes(b"".join(lines(path)[:2]))
    damaged = path.read_bytes()
    away = journal.seal_off()
    assert away.read_bytes() == damaged
    entry = journal.entries()[0]
    assert (entry.event, entry.details["file"]) == ("journal-sealed-off", away.name)
    assert entry.details["file_sm3"] == sm3(damaged).hex()
    assert journal.append("stamped") == 2
    assert journal.check().intact
    assert journal.check().set_aside == (away,)


def test_names_of_our_own_are_not_for_details(journal: Journal, path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(ValueError, match="sequence"):
        journal.append("stamped", sequence=1)
    with pytest.raises(TypeError):
        journal.append("stamped", document=path)
    assert path.read_bytes() == before


def _append_many(path: Path, name: str) -> None:
    for number in range(5):
        Journal(path).append("stamped", document=f"{name}-{number}")


def test_processes_take_turns(path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_append_many, args=(path, f"p{n}")) for n in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60 * PATIENCE)
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert journal_numbers(path) == list(range(1, 11))
    assert Journal(path).check().intact


def journal_numbers(path: Path) -> list[int]:
    return [entry.sequence for entry in Journal(path).entries()]


def test_the_csv_opens_in_excel_and_runs_nothing(journal: Journal, tmp_path: Path) -> None:
    journal.append("stamped", document='=HYPERLINK("x")', operator="李,晓梅\n", ticketed=True)
    target = tmp_path / "台账.csv"
    assert journal.export(target) == 5
    data = target.read_bytes()
    assert data.startswith(b"\xef\xbb\xbf")
    header, *rows = csv.reader(data.decode("utf-8-sig").splitlines())
    assert header[1] == "日期"
    assert len(header) == len(COLUMNS)
    last = dict(zip(COLUMNS, rows[-1], strict=True))
    assert last["document"].startswith("'=")
    assert last["event"] == "盖章"
    assert last["operator"] == "李,晓梅�"
    assert json.loads(last["remark"]) == {"ticketed": True}
    assert dict(zip(COLUMNS, rows[1], strict=True))["pages"] == "1, 2"


def test_the_workbook_holds_texts_only(journal: Journal, tmp_path: Path) -> None:
    target = tmp_path / "台账.xlsx"
    journal.append("stamped", document="=1+1")
    assert journal.export(target, journal.entries(text="=1+1"), "en") == 1
    with zipfile.ZipFile(target) as workbook:
        sheet = workbook.read("xl/worksheets/sheet1.xml")
        texts = workbook.read("xl/sharedStrings.xml").decode()
    assert b"<f>" not in sheet
    assert "Seal code" in texts
    assert "'=1+1" in texts


_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=20)  # each one waits for the disk
@given(details=st.dictionaries(st.text(min_size=1, max_size=8).map(lambda t: f"x{t}"), _json))
def test_any_details_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, details: dict[str, object]
) -> None:
    journal = Journal(tmp_path_factory.mktemp("journal") / "journal.jsonl")
    journal.append("event", **details)
    assert dict(journal.entries()[0].details) == details
    assert journal.check().intact
