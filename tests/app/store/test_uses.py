"""The journal as rows: one for each use of a seal, whatever stands between its two entries."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.store.cabinet import UsageRecord
from app.store.journal import Journal
from app.store.uses import uses, waiting_uses
from crypto.algorithms.gm import sm3


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.jsonl")


def test_beginning_and_end_are_one_row_also_in_a_batch(journal: Journal) -> None:
    first = journal.append("stamp-begun", document="a.pdf", seal_code="1", pages=[1])
    second = journal.append("stamp-begun", document="b.pdf", seal_code="1", pages=[2])
    journal.append("stamped", begun=second, output="b_out.pdf", folder="/合同")
    journal.append("stamp-failed", begun=first, reason="Cancelled")
    rows = uses(journal.entries())
    assert [(row.last.event, row.details["document"], row.sequence) for row in rows] == [
        ("stamped", "b.pdf", 3),
        ("stamp-failed", "a.pdf", 4),
    ]
    assert rows[0].output == Path("/合同/b_out.pdf")
    assert rows[1].output is None
    assert rows[1].details["pages"] == [1], "what only the beginning says is not lost"
    assert [len(row.entries) for row in rows] == [2, 2]


def test_a_beginning_without_an_end_is_a_row_that_says_so(journal: Journal) -> None:
    journal.append("stamp-begun", document="a.pdf")
    journal.append("platform-trusted", name="平台")
    rows = uses(journal.entries())
    assert [row.unfinished for row in rows] == [True, False]


def test_an_end_alone_and_nonsense_are_rows_of_their_own(journal: Journal) -> None:
    journal.append("stamped", begun=99, output="a.pdf")
    journal.append("stamped", begun="one", output=5, folder=None)
    assert [(len(row.entries), row.output) for row in uses(journal.entries())] == [
        (1, None),
        (1, None),
    ]


def test_every_entry_is_in_exactly_one_row(journal: Journal) -> None:
    for number in range(1, 8):
        journal.append("stamp-begun", document=f"{number}.pdf")
        if number % 3:
            journal.append("stamped", begun=2 * number - 1 - number // 4, output="x")
    entries = journal.entries()
    told = sorted(e.sequence for row in uses(entries) for e in row.entries)
    assert told == [entry.sequence for entry in entries]


def test_a_use_that_waits_has_the_name_of_its_file(journal: Journal) -> None:
    said = {"at": "2026-11-30T03:04:05Z", "seal_code": "32130200000001", "document_sm3": "ab" * 32}
    known, unknown = (json.dumps({**said, "marks": marks}) for marks in (1, 2))
    now = datetime(2026, 11, 30, tzinfo=UTC)
    records = [UsageRecord(sm3(text.encode()).hex(), text, now) for text in (known, unknown)]
    journal.append("stamp-begun", document="合同.pdf", usage_record=records[0].id)
    assert [use.file for use in waiting_uses(records, journal.entries())] == ["合同.pdf", ""]
    journal.append("stamped", begun=1, output="合同_已盖章.pdf", folder="/合同")
    (first, second) = waiting_uses(records, journal.entries())
    assert (first.file, first.seal_code) == ("合同_已盖章.pdf", "32130200000001")
    assert (second.file, second.document_sm3) == ("", "ab" * 32)
