"""What an auditor found, as a file: CSV to read, JSON with the proof that it is in the ledger.

The JSON holds the exact records, each with its inclusion proof, and the platform's signed
checkpoint: whoever has the platform's certificates checks it without the platform
(:func:`check`). A CSV comes with such a JSON beside it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from app.errors import FileNotReadable, FileProblem
from app.publishing import replace_output, save_new
from app.remote.staff.auditing import LedgerRecord, Proved
from app.spreadsheet import save_table
from crypto.algorithms import merkle

FORMAT = "sealdesk-audit-export/1"
COLUMNS = ("index", "at", "type", "by", "about", "what", "record")


def write(proved: Proved, path: Path) -> tuple[Path, ...]:
    """Write *proved* to *path*, by its suffix CSV or JSON; gives the files that were made.

    A file at *path* is replaced. The proofs beside a CSV go to a new file, for nobody was asked
    about their name. Raises :class:`app.errors.OutputNotWritable`, OSError."""
    if path.suffix.lower() != ".csv":
        replace_output(path, _json(proved))
        return (path,)
    beside = path.with_suffix(".json")
    rows = [COLUMNS, *(tuple(cells(item, proved.names)) for item in proved.items)]
    save_table(path, rows)
    return (path, save_new(beside, _json(proved)))


def _json(proved: Proved) -> bytes:
    entries = [
        {"index": item.index, "record": item.text, "proof": list(proof)}
        for item, proof in zip(proved.items, proved.proofs, strict=True)
    ]
    whole = {
        "format": FORMAT,
        "checkpoint": proved.note,
        "names": dict(proved.names),
        "entries": entries,
    }
    return json.dumps(whole, ensure_ascii=False, indent=1).encode()


def cells(record: LedgerRecord, names: Mapping[str, str]) -> Iterator[str]:
    """One entry as a row of a table: :data:`COLUMNS`."""
    told = record.told
    about = told.get("about") or ()
    yield str(record.index)
    yield record.at.isoformat()
    yield record.type
    yield names.get(record.by, record.by)
    yield " ".join(str(part) for part in about)
    yield what(record)
    yield record.text


def what(record: LedgerRecord) -> str:
    """What happened, in the record's own words: event and reason, or what was read."""
    told = record.told
    parts = (told.get("event"), told.get("to"), told.get("reason"), told.get("what"))
    return " ".join(str(part) for part in parts if part)


def check(path: Path, public: bytes, origin: str) -> int:
    """How many entries an exported JSON proves; *public* (X‖Y) and *origin*: of the ledger.

    Raises :class:`app.errors.FileNotReadable`, ValueError when it does not hold."""
    try:
        whole = json.loads(path.read_bytes())
    except OSError as error:
        raise FileNotReadable(str(path), FileProblem.of(error)) from error
    try:
        point = merkle.open_checkpoint(str(whole["checkpoint"]), public, origin)
        for entry in whole["entries"]:
            steps = [bytes.fromhex(step) for step in entry["proof"]]
            leaf = merkle.leaf_hash(str(entry["record"]).encode())
            if not merkle.verify_inclusion(
                leaf, int(entry["index"]), point.size, steps, point.root
            ):
                raise ValueError(f"entry {entry['index']} is not in the ledger")
        return len(whole["entries"])
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("not an export") from error
