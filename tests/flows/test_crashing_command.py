"""``sealdesk stamp FOLDER`` is killed at every step: nothing is done twice or lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.world.clerk import Clerk, Enrolled, excerpt, temporary_files
from tests.world.fate import ENTERED, LINKED, deaths
from tests.world.thoroughness import THOROUGH

pytestmark = pytest.mark.wants("posix")
ROOT = Path(__file__).parents[2]
COUNT = 12 if THOROUGH else 9
FATAL = deaths(1)
"""Where each run ends: at the second occurrence of that; the last one does not. The other steps:
test_crashing_batch."""

PROGRAM = """
import json, os, sys
import app.cli.stamp.many as many, app.store.journal, app.cli.stamping
import app.store.cabinet, app.remote.platform_account, app.store.secret_store
import crypto.pdf.verify, device.pkcs11
from app.cli.entry import main
from tests.world.fate import ends_at

def attempt(command, fatal):
    fate, stamp = ends_at(fatal, 2), many.stamp_file
    many.stamp_file = lambda job, **rest: stamp(job, **rest, step=lambda now: fate(str(now)))
    return main(command)

plan = json.load(sys.stdin)
for fatal in plan["fatal"]:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = attempt(plan["command"], fatal)
            sys.stdout.flush()
        finally:
            os._exit(code)
    print("ended", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def folder_of(tmp_path: Path, count: int) -> list[Path]:
    folder = tmp_path / "月末"
    folder.mkdir()
    sources = [folder / f"发票{number:02}.pdf" for number in range(count)]
    for source in sources:
        source.write_bytes(excerpt(1))
    return sources


def killed(clerk: Clerk, command: list[str], fatal: tuple[str, ...]) -> list[str]:
    """The lines that ``command``, killed at each of *fatal*, writes."""
    variables = {k: v for k, v in clerk.variables.items() if v is not None}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, **variables, "PYTHONPATH": str(ROOT)},
        input=json.dumps({"fatal": fatal, "command": command}),
        capture_output=True,
        text=True,
        check=False,
    )
    ends = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("ended")]
    assert ends == ["9"] * (len(fatal) - 1) + ["0"], (done.stdout, done.stderr)
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("elsewhere", "fatal"),
    [(False, FATAL), (True, ("sign", LINKED, ENTERED, ""))],
    ids=["beside", "in another folder"],
)
def test_a_folder_killed_at_every_step_comes_to_one_output_for_each_document(
    company: Enrolled, tmp_path: Path, fatal: tuple[str, ...], *, elsewhere: bool
) -> None:
    clerk = company.clerk.copied(tmp_path / "clerk")
    sources = folder_of(tmp_path, COUNT if fatal is FATAL else 5)
    folder = sources[0].parent
    target = tmp_path / "已盖章" if elsewhere else folder
    target.mkdir(exist_ok=True)
    more = ["-o", str(target)] if elsewhere else []
    lines = killed(clerk, ["stamp", str(folder), "--at", "1:80,80", *more], fatal)
    assert any("没有再盖" in line for line in lines), "what is done is told"

    expected = {f"{source.stem}_已盖章.pdf" for source in sources}
    found = {each.name for each in target.iterdir()}
    assert found == expected | (set() if elsewhere else {source.name for source in sources})
    assert temporary_files(target) == []
    assert list((clerk.home / "data" / "unfinished").iterdir()) == []
    assert list((clerk.home / "data" / "orders").iterdir()) == [], "the order is done"
    stamped = Counter(e["document"] for e in clerk.journal() if e["event"] == "stamped")
    assert stamped == {source.name: 1 for source in sources}
    assert clerk.reported() == len(sources)
    assert clerk("verify", *(target / name for name in expected), "--offline").code == 0


def test_what_could_not_be_stamped_is_stamped_later_and_the_rest_not_again(
    clerk: Clerk, tmp_path: Path
) -> None:
    good, bad, other = folder_of(tmp_path, 3)
    whole = bad.read_bytes()
    bad.write_bytes(whole[:2000])
    command = ("stamp", good.parent, "--at", "1:80,80")
    assert clerk(*command).code == 4 or clerk.journal()
    bad.write_bytes(whole)
    table = tmp_path / "清单.csv"
    again = clerk(*command, "--csv", table, "--json")
    assert again.code == 0
    results = {Path(each["path"]).name: each.get("earlier", False) for each in again.json}
    assert results == {good.name: True, bad.name: False, other.name: True}
    assert [each["result"] for each in again.json] == ["stamped"] * 3
    assert table.read_text("utf-8-sig").count("已盖章.pdf") == 3
    assert len(list(good.parent.iterdir())) == 6


def test_an_order_that_is_done_may_be_given_anew(clerk: Clerk, tmp_path: Path) -> None:
    sources = folder_of(tmp_path, 2)
    for _ in range(2):
        assert clerk("stamp", sources[0].parent, "--at", "1:80,80").code == 0
    assert len(list(sources[0].parent.iterdir())) == 6


def test_a_document_that_changed_is_another_one_and_again_means_again(
    clerk: Clerk, tmp_path: Path
) -> None:
    first, second, empty = folder_of(tmp_path, 3)
    empty.write_bytes(b"")
    command = ("stamp", first.parent, "--at", "1:80,80", "--json")
    clerk(*command)
    second.write_bytes(excerpt(2))
    told = {Path(each["path"]).name: each for each in clerk(*command).json}
    assert told[first.name]["earlier"]
    assert "earlier" not in told[second.name]
    told = {Path(each["path"]).name: each for each in clerk(*command, "--again").json}
    assert "earlier" not in told[first.name]


def test_one_file_whose_run_was_killed_after_its_name_is_not_stamped_again(
    company: Enrolled, tmp_path: Path
) -> None:
    clerk = company.clerk.copied(tmp_path / "clerk")
    (source,) = folder_of(tmp_path, 1)
    program = PROGRAM.replace("ends_at(fatal, 2)", "ends_at(fatal, 1)")
    for module, fatal in (("linked", "9"), ("", "0")):
        variables = {k: v for k, v in clerk.variables.items() if v is not None}
        command = ["stamp", str(source), "--at", "1:80,80", "-o", str(tmp_path / "结果.pdf")]
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, **variables, "PYTHONPATH": str(ROOT)},
            input=json.dumps({"fatal": [module], "command": command}),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout.splitlines()[-1] == f"ended {fatal}", done.stderr
    assert "没有再盖" in done.stdout
    assert [e["event"] for e in clerk.journal()].count("stamped") == 1
