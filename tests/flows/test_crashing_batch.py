"""A batch of twenty is killed again and again, at every step: nothing is done twice or lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

from app.steps import StampStep
from tests.world.clerk import Enrolled, excerpt, temporary_files

ROOT = Path(__file__).parents[2]
COUNT = 20
LINKED, ENTERED = "linked", "entered"
"""The output has its name; the journal has its entry, and the usage record is not queued."""
FATAL = (*(str(step) for step in StampStep), LINKED, ENTERED, "")
"""Where each run ends; the last one does not."""

# As in test_crash: each run is a fork that dies without cleaning up, at the second occurrence.
PROGRAM = """
import json, os, sys, threading
from pathlib import Path
import app.store.cabinet, app.remote.platform_account, app.store.secret_store, app.store.journal
import crypto.pdf.verify, device.pkcs11
from app.desk import Desk
from app.placing.placement import SealSize
from app.placing.stamp_plan import At, Placed
from ui.desk.desk_context import DeskContext
from ui.stamp.work import StampOrder, stamp_orders

def attempt(orders, fatal, seal, pin):
    threading.current_thread().name = "ukey"
    seen, lock = [], threading.Lock()
    def fate(name):
        with lock:
            seen.append(name)
            if name == fatal and seen.count(name) == 2:
                os._exit(9)
    def step(kind, number, value=None):
        if kind == "step":
            fate(str(value))
    link, append = os.link, app.store.journal.Journal.append
    def linked(source, target):
        link(source, target)
        fate("linked")
    def entered(self, event, /, **details):
        number = append(self, event, **details)
        if event == "stamped":
            fate("entered")
        return number
    os.link, app.store.journal.Journal.append = linked, entered
    with Desk.open() as desk:
        context = DeskContext(desk)
        try:
            sizes = {seal: SealSize(40, 40)}
            serial = desk.token().info.serial
            todo = [StampOrder(Path(path), (Placed("p1", seal, At("1", 80, 80)),), act=act)
                    for path, act in orders]
            done = stamp_orders(context, todo, sizes, serial, pin, False, step=step)
            print(json.dumps([[each.file is not None, each.earlier is not None,
                               str(each.result and each.result.path), str(each.error)]
                              for each in done]), flush=True)
        finally:
            context.close()

plan = json.load(sys.stdin)
for fatal in plan["fatal"]:
    child = os.fork()
    if child == 0:
        try:
            attempt(plan["orders"], fatal, plan["seal"], plan["pin"])
            os._exit(0)
        finally:
            os._exit(1)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def test_a_batch_killed_at_every_step_comes_to_one_output_for_each_document(
    company: Enrolled, tmp_path: Path
) -> None:
    clerk = company.clerk.copied(tmp_path / "clerk")
    folder = tmp_path / "月末"
    folder.mkdir()
    original = excerpt(1)
    sources = [folder / f"发票{number:02}.pdf" for number in range(COUNT)]
    for source in sources:
        source.write_bytes(original)
    plan = {
        "fatal": FATAL,
        "orders": [[str(source), f"act-{source.stem}"] for source in sources],
        "seal": clerk.seal,
        "pin": clerk.pin,
    }
    variables = {k: v for k, v in clerk.variables.items() if v is not None and k != "SEALDESK_PIN"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, **variables, "PYTHONPATH": str(ROOT)},
        input=json.dumps(plan),
        capture_output=True,
        text=True,
        check=False,
    )
    *killed, told, last = done.stdout.splitlines()
    assert (set(killed), last) == ({"9"}, "0"), (done.stdout, done.stderr)
    assert len(killed) == len(FATAL) - 1
    outcomes = json.loads(told)
    assert all(file or earlier for file, earlier, *_ in outcomes), outcomes
    assert any(earlier for _, earlier, *_ in outcomes), "what was done is told as done"
    assert {path for *_, path, _ in outcomes} == {
        str(source.with_name(f"{source.stem}_已盖章.pdf")) for source in sources
    }

    expected = {f"{source.stem}{end}.pdf" for source in sources for end in ("", "_已盖章")}
    assert {each.name for each in folder.iterdir()} == expected, "none twice, nothing left behind"
    assert temporary_files(folder) == []
    assert list((clerk.home / "data" / "unfinished").iterdir()) == []
    assert all(source.read_bytes() == original for source in sources)
    assert clerk("journal", "check").code == 0
    stamped = Counter(e["act"] for e in clerk.journal() if e["event"] == "stamped")
    assert stamped == {f"act-{source.stem}": 1 for source in sources}
    assert f" {COUNT} usage records" in clerk("sync", LANGUAGE="en").out
    outputs = [source.with_name(f"{source.stem}_已盖章.pdf") for source in sources]
    assert clerk("verify", *outputs, "--offline").code == 0
