"""A batch is killed again and again, at every step: nothing is done twice or lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from server_stub.web.serving import RunningServer
from tests.world.applicant import citizen_number, credit_code
from tests.world.clerk import Clerk, Enrolled, enrolled, excerpt, temporary_files
from tests.world.fate import ENTERED, LINKED, deaths
from tests.world.thoroughness import THOROUGH

pytestmark = pytest.mark.wants("posix")
ROOT = Path(__file__).parents[2]
COUNT = 20 if THOROUGH else 12
FATAL = deaths(0)
"""Where each run ends; the last one does not. The other steps: test_crashing_command."""

# As in test_crash: each run is a fork that dies without cleaning up, at the second occurrence.
PROGRAM = """
import json, os, sys, threading
from pathlib import Path
import app.store.cabinet, app.remote.platform_account, app.store.secret_store, app.store.journal
import crypto.pdf.verify, device.pkcs11
from app.desk import Desk
from app.placing.placement import SealSize
from app.placing.stamp_plan import At, Placed
from tests.world.fate import ends_at
from ui.desk.desk_context import DeskContext
from ui.stamp.work import StampOrder, stamp_orders

def attempt(orders, fatal, seals, pin):
    threading.current_thread().name = "ukey"
    fate = ends_at(fatal, 2)
    def step(kind, number, value=None):
        if kind == "step":
            fate(str(value))
    with Desk.open() as desk:
        context = DeskContext(desk)
        try:
            sizes = {seal: SealSize(40, 40) for seal in seals}
            placed = tuple(Placed(f"p{number}", seal, At("1", 60 + 50 * number, 80))
                           for number, seal in enumerate(seals))
            serial = desk.token().info.serial
            todo = [StampOrder(Path(path), placed, act=act)
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
            attempt(plan["orders"], fatal, plan["seals"], plan["pin"])
            os._exit(0)
        finally:
            os._exit(1)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def killed(
    clerk: Clerk, sources: Sequence[Path], seals: Sequence[str], fatal: Sequence[str]
) -> list[Any]:
    """Stamp *sources* with *seals*, killed at each of *fatal*; what the last run says of each."""
    plan = {
        "fatal": fatal,
        "orders": [[str(source), f"act-{source.stem}"] for source in sources],
        "seals": seals,
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
    *ends, told, last = done.stdout.splitlines()
    assert (set(ends), last) == ({"9"}, "0"), (done.stdout, done.stderr)
    assert len(ends) == len(fatal) - 1
    outcomes: list[Any] = json.loads(told)
    assert all(file or earlier for file, earlier, *_ in outcomes), outcomes
    assert {path for *_, path, _ in outcomes} == {
        str(source.with_name(f"{source.stem}_已盖章.pdf")) for source in sources
    }
    return outcomes


def written(folder: Path, count: int) -> list[Path]:
    folder.mkdir()
    sources = [folder / f"发票{number:02}.pdf" for number in range(count)]
    original = excerpt(1)
    for source in sources:
        source.write_bytes(original)
    return sources


def test_a_batch_killed_at_every_step_comes_to_one_output_for_each_document(
    company: Enrolled, tmp_path: Path
) -> None:
    clerk = company.clerk.copied(tmp_path / "clerk")
    folder = tmp_path / "月末"
    sources = written(folder, COUNT)
    original = sources[0].read_bytes()
    outcomes = killed(clerk, sources, [clerk.seal], FATAL)
    assert any(earlier for _, earlier, *_ in outcomes), "what was done is told as done"

    expected = {f"{source.stem}{end}.pdf" for source in sources for end in ("", "_已盖章")}
    assert {each.name for each in folder.iterdir()} == expected, "none twice, nothing left behind"
    assert temporary_files(folder) == []
    assert list((clerk.home / "data" / "unfinished").iterdir()) == []
    assert all(source.read_bytes() == original for source in sources)
    assert clerk("journal", "check").code == 0
    stamped = Counter(e["act"] for e in clerk.journal() if e["event"] == "stamped")
    assert stamped == {f"act-{source.stem}": 1 for source in sources}
    assert clerk.reported() == COUNT
    outputs = [source.with_name(f"{source.stem}_已盖章.pdf") for source in sources]
    assert clerk("verify", *outputs, "--offline").code == 0


def test_of_two_seals_on_a_document_neither_is_used_twice(
    city: RunningServer, tmp_path: Path
) -> None:
    company = "宿迁市骆马湖船舶有限公司"
    uscc = credit_code()
    clerk = enrolled(tmp_path / "clerk", city.url, uscc, company).clerk
    second = clerk(
        *("enroll", "--uscc", uscc, "--name", company, "--legal-rep", "王建国"),
        *("--handler", "李晓梅", "--handler-id", citizen_number(), "--phone", "13800000000"),
        *("--kind", "contract"),
    )
    assert second.code == 0, second.err
    seals = [seal["code"] for seal in clerk("seal", "list", "--json").json]
    assert len(seals) == 2
    sources = written(tmp_path / "合同", 9)
    steps = ["draw", "sign", "verify", "publish", LINKED, ENTERED, "done"]
    killed(clerk, sources, seals, [*steps, ""])

    outputs = [source.with_name(f"{source.stem}_已盖章.pdf") for source in sources]
    assert {each.name for each in sources[0].parent.iterdir()} == {
        path.name for path in (*sources, *outputs)
    }
    assert list((clerk.home / "data" / "between").iterdir()) == []
    entries = [e for e in clerk.journal() if e["event"] == "stamped"]
    used = Counter((e["document"], e["seal_code"]) for e in entries)
    assert used == {(source.name, seal): 1 for source in sources for seal in seals}
    for output in outputs:
        report = clerk("verify", output, "--offline", "--json")
        assert report.code == 0
        assert len(report.json["signatures"]) == 2
