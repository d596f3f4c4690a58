"""What an auditor exports proves itself, and what was changed in it is found."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from app.cli.staff.reviewing import STATES
from app.errors import LANGUAGES, phrase
from app.remote.staff.auditing import LedgerRecord, Proved
from app.remote.staff.exporting import COLUMNS, check, write
from crypto.algorithms import merkle
from crypto.algorithms.keys import SoftKey

ORIGIN = "seal.example/ledger"
RECORDS = tuple(
    json.dumps(
        {
            "type": "application-v1",
            "event": event,
            "reason": "=1+1",
            "by": {"person": "staff_1", "account": "staff_1"},
            "about": ["application", "app_1"],
            "recorded_at": "2026-11-30T08:00:00.000000Z",
        },
        ensure_ascii=False,
    )
    for event in ("submit", "claim", "approve")
)


@pytest.fixture(scope="module")
def key() -> SoftKey:
    return SoftKey.generate()


@pytest.fixture(scope="module")
def proved(key: SoftKey) -> Proved:
    tree = merkle.Tree()
    for record in RECORDS:
        tree.append(record.encode())
    note = merkle.sign_checkpoint(merkle.Checkpoint(ORIGIN, tree.size, tree.root()), key)
    items = tuple(LedgerRecord(number, text) for number, text in enumerate(RECORDS))
    proofs = tuple(tuple(step.hex() for step in tree.inclusion_proof(n)) for n in range(3))
    return Proved(items, proofs, note, {"staff_1": "赵审核"})


def test_a_table_has_names_and_no_formulas_and_its_proof_beside_it(
    proved: Proved, key: SoftKey, tmp_path: Path
) -> None:
    table, proof = write(proved, tmp_path / "审计.csv")
    rows = list(csv.reader(table.read_text("utf-8-sig").splitlines()))
    assert tuple(rows[0]) == COLUMNS
    assert rows[1][3:6] == ["赵审核", "application app_1", "submit =1+1"]
    assert rows[1][6] == RECORDS[0]
    assert check(proof, key.public, ORIGIN) == 3
    assert write(proved, tmp_path / "b.json") == (tmp_path / "b.json",)
    before = proof.read_bytes()
    _, anew = write(proved, tmp_path / "审计.csv")
    assert anew == tmp_path / "审计(2).json"
    assert proof.read_bytes() == before, "nobody was asked about the file beside the table"


@pytest.mark.parametrize("what", ["record", "index", "checkpoint", "entries", "another key"])
def test_what_was_changed_is_found(proved: Proved, key: SoftKey, tmp_path: Path, what: str) -> None:
    (file,) = write(proved, tmp_path / "a.json")
    whole = json.loads(file.read_text("utf-8"))
    if what in ("record", "index"):
        whole["entries"][1][what] = "{}" if what == "record" else 2
    elif what != "another key":
        whole[what] = [1] if what == "entries" else whole[what].replace("\n3\n", "\n4\n")
    file.write_text(json.dumps(whole), encoding="utf-8")
    public = SoftKey.generate().public if what == "another key" else key.public
    with pytest.raises(ValueError):  # noqa: PT011 - of the many kinds each is right
        check(file, public, ORIGIN)


def test_the_states_that_can_be_listed_have_words() -> None:
    for language in LANGUAGES:
        assert all(phrase(f"application_state.{state}", language) for state in STATES)
