"""The one writer: no gap, no fork, no receipt for what could be lost, and damage has an address."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.orm import Session

from crypto.algorithms import merkle
from crypto.algorithms.keys import SoftKey
from server_stub.records import store
from server_stub.records.auditing import audit
from server_stub.records.ledger import (
    LEDGER,
    LOGS,
    REGISTRY,
    EntryReceipt,
    Ledger,
    LedgerError,
    Transaction,
    log_size,
    stored_tree,
)
from server_stub.records.witness import FileWitness
from server_stub.settings import Settings

KEY = SoftKey.load(bytes(31) + b"\x07")
ORIGINS = {log: f"test.example/{log}" for log in LOGS}


def note_down(tx: Transaction, text: str, log: str = LEDGER) -> str:
    tx.record(log, "test", {"text": text})
    return text.upper()


@pytest.fixture(autouse=True)
def _database(database_of: Callable[[Path], str], tmp_path: Path) -> None:
    database_of(tmp_path)


def open_database(directory: Path) -> Engine:
    """The one of *directory*, or that the environment names."""
    return store.open_engine(Settings(directory=directory).url)


def open_ledger(directory: Path) -> tuple[Engine, Ledger]:
    engine = open_database(directory)
    store.upgrade(engine)
    ledger = Ledger(engine, ORIGINS, dict.fromkeys(LOGS, KEY), FileWitness(directory / "witness"))
    return engine, ledger


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[Engine, Ledger]]:
    engine, ledger = open_ledger(tmp_path)
    ledger.start()
    yield engine, ledger
    ledger.stop()
    engine.dispose()


def proves(receipt: EntryReceipt) -> bool:
    checkpoint = merkle.open_checkpoint(receipt.checkpoint, KEY.public)
    assert (checkpoint.size, checkpoint.origin) == (receipt.size, ORIGINS[receipt.log])
    leaf = merkle.leaf_hash(receipt.record)
    return merkle.verify_inclusion(
        leaf, receipt.index, receipt.size, receipt.proof, checkpoint.root
    )


def test_a_command_answers_with_a_receipt_that_proves_its_record(
    running: tuple[Engine, Ledger],
) -> None:
    written = running[1].write(note_down, "first").result()
    assert written.answer == "FIRST"
    (receipt,) = written.receipts
    assert proves(receipt)
    assert json.loads(receipt.record)["text"] == "first"


def test_a_failing_command_leaves_nothing_and_its_neighbours_stand(
    running: tuple[Engine, Ledger],
) -> None:
    engine, ledger = running

    def fails(tx: Transaction) -> None:
        tx.record(LEDGER, "test", {"text": "never"})
        tx.session.add(store.Staff(id="s", name="n", role="reviewer"))
        tx.session.flush()
        raise KeyError("no")

    futures = [ledger.write(note_down, "a"), ledger.write(fails), ledger.write(note_down, "b")]
    assert futures[0].result().answer == "A"
    with pytest.raises(KeyError):
        futures[1].result()
    assert futures[2].result().answer == "B"
    with Session(engine) as session:
        assert log_size(session, LEDGER) == 2
        assert session.get(store.Staff, "s") is None


def test_what_may_be_lost_does_not_wait_for_the_disk_and_all_else_does(
    running: tuple[Engine, Ledger],
) -> None:
    engine, ledger = running
    said: list[str] = []

    def listen(*arguments: object) -> None:
        said.append(str(arguments[2]))

    def nothing(tx: Transaction) -> str:
        return "done"

    event.listen(engine, "before_cursor_execute", listen)
    assert ledger.write_unsynced(nothing).result().answer == "done"
    sqlite = engine.dialect.name == "sqlite"
    relaxed = "PRAGMA synchronous=NORMAL" if sqlite else "SET LOCAL synchronous_commit TO OFF"
    assert relaxed in said
    said.clear()
    ledger.write(note_down, "kept").result()
    event.remove(engine, "before_cursor_execute", listen)
    assert relaxed not in said
    assert not sqlite or "PRAGMA synchronous=FULL" in said


def test_a_record_always_waits_for_the_disk(running: tuple[Engine, Ledger]) -> None:
    engine, ledger = running
    with pytest.raises(LedgerError, match="waits for the disk"):
        ledger.write_unsynced(note_down, "never").result()
    with Session(engine) as session:
        assert log_size(session, LEDGER) == 0


def test_sixteen_threads_append_without_a_gap(
    running: tuple[Engine, Ledger], tmp_path: Path
) -> None:
    engine, ledger = running
    receipts: list[EntryReceipt] = []

    def append(who: int) -> None:
        futures = [ledger.write(note_down, f"{who}/{i}", LOGS[(who + i) % 2]) for i in range(60)]
        receipts.extend(future.result().receipts[0] for future in futures)

    threads = [threading.Thread(target=append, args=(who,)) for who in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for log in LOGS:
        assert sorted(r.index for r in receipts if r.log == log) == list(range(480))
    assert all(proves(receipt) for receipt in receipts[::37])
    with Session(engine) as session:
        for log in LOGS:
            report = audit(session, log, KEY.public, FileWitness(tmp_path / "witness"))
            assert (report.ok, report.size) == (True, 480)
        last = stored_tree(session, LEDGER)
        old = min((r for r in receipts if r.log == LEDGER), key=lambda r: r.size)
        proof = last.consistency_proof(old.size)
        root = merkle.open_checkpoint(old.checkpoint, KEY.public).root
        assert merkle.verify_consistency(old.size, last.size, proof, root, last.root())


def filled(directory: Path, count: int = 20) -> Path:
    """A stopped ledger with *count* entries; gives its directory again."""
    engine, ledger = open_ledger(directory)
    ledger.start()
    for number in range(count):
        ledger.write(note_down, f"entry {number}").result()
    ledger.stop()
    engine.dispose()
    return directory


def audited(directory: Path) -> "tuple[tuple[int, ...], tuple[str, ...]]":
    engine = open_database(directory)
    with Session(engine) as session:
        report = audit(session, LEDGER, KEY.public, FileWitness(directory / "witness"))
    engine.dispose()
    assert report.ok == (not report.damaged and not report.problems)
    return report.damaged, report.problems


def tamper(directory: Path, statement: str, **values: object) -> None:
    engine = open_database(directory)
    with engine.begin() as connection:
        assert connection.execute(text(statement), values).rowcount >= 1
    engine.dispose()


@pytest.mark.parametrize("index", [0, 7, 19])
def test_one_flipped_byte_is_named_by_its_index(tmp_path: Path, index: int) -> None:
    directory = filled(tmp_path)
    assert audited(tmp_path) == ((), ())
    engine = open_database(directory)
    with Session(engine) as session:
        bent = bytearray(session.get_one(store.LedgerEntry, (LEDGER, index)).record)
    engine.dispose()
    bent[len(bent) // 2] ^= 1
    change = "UPDATE ledger_entry SET record = :record WHERE number = :number"
    tamper(directory, change, record=bytes(bent), number=index)
    assert audited(tmp_path)[0] == (index,)


def test_a_removed_entry_is_named(tmp_path: Path) -> None:
    tamper(filled(tmp_path), "DELETE FROM ledger_entry WHERE number = 5")
    assert audited(tmp_path)[0] == (5,)


def test_a_record_rewritten_with_its_leaf_hash_contradicts_the_signed_roots(tmp_path: Path) -> None:
    directory = filled(tmp_path)
    forged = b'{"text":"forged"}'
    change = "UPDATE ledger_entry SET record = :record WHERE number = 3"
    tamper(directory, change, record=forged)
    tamper(
        directory,
        "UPDATE ledger_node SET hash = :hash WHERE level = 0 AND number = 3 AND log = 'ledger'",
        hash=merkle.leaf_hash(forged),
    )
    damaged, problems = audited(tmp_path)
    assert not damaged
    assert any("node (1, 1)" in problem for problem in problems)
    assert any("checkpoint 4 has another root" in problem for problem in problems)
    assert not any("checkpoint 3 has" in problem for problem in problems)


def cut_tail(directory: Path, size: int) -> None:
    """What an attacker with the whole database leaves: consistent, only shorter."""
    for statement in (
        "DELETE FROM ledger_entry WHERE number >= :size",
        "DELETE FROM ledger_node WHERE ((number + 1) << CAST(level AS INTEGER)) > :size",
        "DELETE FROM checkpoint WHERE log = 'ledger' AND size > :size",
    ):
        tamper(directory, statement, size=size)


def test_a_cut_tail_is_seen_by_the_audit_and_the_writer_refuses_to_go_on(tmp_path: Path) -> None:
    cut_tail(filled(tmp_path), 12)
    damaged, problems = audited(tmp_path)
    assert not damaged
    assert problems == (
        "the witnessed checkpoint is about 20 entries, 12 are left: a tail was cut",
    )
    engine, ledger = open_ledger(tmp_path)
    with pytest.raises(LedgerError, match="20 were witnessed"):
        ledger.start()
    engine.dispose()


def test_an_old_database_put_back_under_a_running_writer_is_refused(tmp_path: Path) -> None:
    engine, ledger = open_ledger(tmp_path)
    ledger.start()
    for number in range(6):
        ledger.write(note_down, str(number)).result()
    cut_tail(tmp_path, 4)
    with pytest.raises(LedgerError, match="6 were witnessed"):
        ledger.write(note_down, "more").result()
    ledger.stop()
    engine.dispose()


def test_another_history_of_the_same_length_is_refused(
    tmp_path: Path, database_of: Callable[[Path], str]
) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    for directory in (first, second):
        directory.mkdir()
        database_of(directory)
        filled(directory, 8)
    (first / "witness" / "ledger.note").replace(second / "witness" / "ledger.note")
    engine, ledger = open_ledger(second)
    with pytest.raises(LedgerError, match="not the log that was witnessed"):
        ledger.start()
    engine.dispose()


def test_two_writers_on_one_database_do_not_fork_the_log(tmp_path: Path) -> None:
    engines, ledgers = zip(*(open_ledger(tmp_path) for _ in range(2)), strict=True)
    for ledger in ledgers:
        ledger.start()
    futures = [ledgers[i % 2].write(note_down, str(i), REGISTRY) for i in range(120)]
    numbers = sorted(future.result().receipts[0].index for future in futures)
    for ledger in ledgers:
        ledger.stop()
    assert numbers == list(range(120))
    with Session(engines[0]) as session:
        assert audit(session, REGISTRY, KEY.public, FileWitness(tmp_path / "witness")).ok
    for engine in engines:
        engine.dispose()


def test_a_stopped_ledger_takes_nothing(tmp_path: Path) -> None:
    engine, ledger = open_ledger(tmp_path)
    with pytest.raises(LedgerError, match="not open"):
        ledger.write(note_down, "early")
    ledger.start()
    ledger.stop()
    with pytest.raises(LedgerError, match="not open"):
        ledger.write(note_down, "late")
    engine.dispose()


LOAD = """
import sys
from pathlib import Path
sys.path[:0] = {path!r}
from test_ledger import note_down, open_ledger
engine, ledger = open_ledger(Path(sys.argv[1]))
ledger.start()
def tell(future):
    r = future.result().receipts[0]
    line = "|".join([str(r.index), str(r.size), r.record.hex(), ",".join(p.hex() for p in r.proof),
                     r.checkpoint.encode().hex()])
    sys.stdout.write(line + "\\n"); sys.stdout.flush()
number = 0
while True:
    futures = [ledger.write(note_down, str(number + i)) for i in range(20)]
    for future in futures: tell(future)
    number += 20
"""


def test_after_kill_minus_9_every_receipt_handed_out_is_provable(tmp_path: Path) -> None:
    root, here = Path(__file__).parents[3], Path(__file__).parent
    script = LOAD.format(path=[str(root), str(here)])
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(150)]
    process.send_signal(signal.SIGKILL)
    lines += process.stdout.read().splitlines(keepends=True)
    process.stdout.close()
    process.wait()
    assert len(lines) >= 150

    engine, ledger = open_ledger(tmp_path)
    ledger.start()  # starts: nothing that was witnessed is missing
    ledger.write(note_down, "after the crash").result()
    ledger.stop()
    with Session(engine) as session:
        tree = stored_tree(session, LEDGER)
        assert audit(session, LEDGER, KEY.public, FileWitness(tmp_path / "witness")).ok
        for line in (line for line in lines if line.endswith("\n")):
            index, size, record, proof, note = line.rstrip("\n").split("|")
            checkpoint = merkle.open_checkpoint(bytes.fromhex(note).decode(), KEY.public)
            assert checkpoint.size == int(size)
            steps = [bytes.fromhex(step) for step in proof.split(",") if step]
            leaf = merkle.leaf_hash(bytes.fromhex(record))
            assert merkle.verify_inclusion(leaf, int(index), int(size), steps, checkpoint.root)
            now = tree.inclusion_proof(int(index))
            assert merkle.verify_inclusion(leaf, int(index), tree.size, now, tree.root())
            assert tree.root(int(size)) == checkpoint.root
    engine.dispose()
