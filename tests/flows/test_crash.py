"""The power fails in the middle of a stamping: nothing is lost, nothing is half."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.steps import StampStep
from tests.world.clerk import Clerk, Enrolled, excerpt, temporary_files

pytestmark = pytest.mark.wants("posix")
ROOT = Path(__file__).parents[2]
LINKED = "linked"
_told = [str(step) for step in StampStep]
_journal = _told.index(StampStep.JOURNAL)
STEPS = (*_told[:_journal], LINKED, *_told[_journal:])
"""Those that ``stamp`` tells of, and the instant at which the file has both its names."""
KEPT = (LINKED, StampStep.JOURNAL, StampStep.DONE)
"""From here on the whole output is there."""
WITHOUT_TEMPORARY = (StampStep.CHECK, StampStep.JOURNAL, StampStep.DONE)

# Everything is imported once; each stamping is a fork that dies without cleaning up, as by SIGKILL.
PROGRAM = """
import json, os, sys
from pathlib import Path
import app.store.cabinet, app.remote.platform_account, app.store.secret_store
import crypto.pdf.verify, device.pkcs11
from app.desk import Desk
from app.signing import find_key
from app.stamping import StampJob, stamp
from crypto.pdf.marks.drawing import Mark

def attempt(document, fatal, seal, pin):
    def step(name):
        if name == fatal:
            os._exit(9)
    if fatal == "linked":
        link = os.link
        def link_and_die(source, target):
            link(source, target)
            os._exit(9)
        os.link = link_and_die
    with Desk.open() as desk:
        record = desk.cabinet.seal(seal)
        with desk.token().login(pin) as session:
            key = find_key(session, record.certificate)
            job = StampJob(Path(document), seal, (Mark(0, 60.0, 60.0, 40.0, 40.0),))
            stamp(job, key=key, cabinet=desk.cabinet, journal=desk.journal, trust=desk.trust(),
                  platform=desk.ticket_service(key), step=step)

for document, fatal, seal, pin in json.load(sys.stdin):
    child = os.fork()
    if child == 0:
        try:
            attempt(document, fatal, seal, pin)
        finally:
            os._exit(1)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@dataclass(frozen=True)
class Wreck:
    """What the crashes left."""

    clerk: Clerk
    folder: Path
    original: bytes

    def source(self, step: str) -> Path:
        return self.folder / step / f"{step}.pdf"

    def output(self, step: str) -> Path:
        return self.folder / step / f"{step}_已盖章.pdf"


@pytest.fixture(scope="module")
def wreck(company: Enrolled, tmp_path_factory: pytest.TempPathFactory) -> Wreck:
    """One crash at each step, each stamping a document of its own."""
    folder = tmp_path_factory.mktemp("crash")
    left = Wreck(company.clerk.copied(folder), folder, excerpt(1))
    for step in STEPS:
        left.source(step).parent.mkdir()
        left.source(step).write_bytes(left.original)
    clerk = left.clerk
    plan = [(str(left.source(step)), step, clerk.seal, clerk.pin) for step in STEPS]
    variables = {k: v for k, v in clerk.variables.items() if v is not None and k != "SEALDESK_PIN"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, **variables, "PYTHONPATH": str(ROOT)},
        input=json.dumps(plan),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["9"] * len(STEPS), done.stderr
    return left


@pytest.mark.parametrize("step", STEPS)
def test_a_crash_leaves_the_original_and_nothing_or_the_whole(wreck: Wreck, step: str) -> None:
    clerk, source, output = wreck.clerk, wreck.source(step), wreck.output(step)
    assert source.read_bytes() == wreck.original
    assert output.exists() == (step in KEPT)
    if output.exists():
        assert clerk("verify", output, "--offline").code == 0, "whole, and good"
    hidden = temporary_files(source.parent)
    assert len(hidden) == (0 if step in WITHOUT_TEMPORARY else 1)
    assert all(name.startswith(f".{output.name}.") for name in hidden), "recognisably ours"

    again = clerk("stamp", source, "--seal", clerk.seal, "--at", "1:80,80")
    assert again.code == 0, again.err
    assert temporary_files(source.parent) == [], "what the dead one left is gone"
    expected = {source.name, output.name} | ({f"{step}_已盖章(2).pdf"} if step in KEPT else set())
    assert {each.name for each in source.parent.iterdir()} == expected
    assert source.read_bytes() == wreck.original


def test_the_journal_holds_together_and_shows_what_was_under_way(wreck: Wreck) -> None:
    assert wreck.clerk("journal", "check").code == 0
    entries = wreck.clerk.journal()
    for step in STEPS:
        about = [each for each in entries if each.get("document") == f"{step}.pdf"]
        first = [each["event"] for each in about][:2]
        if step == StampStep.CHECK:
            assert first in ([], ["stamp-begun", "stamped"]), "before the beginning"
        elif step in KEPT:
            assert first == ["stamp-begun", "stamped"], "entered by the next stamping, if need be"
            assert about[0]["sequence"] == about[1]["begun"]
        else:
            begun = about[0]
            assert begun["event"] == "stamp-begun"
            ended = {each.get("begun") for each in entries}
            assert begun["sequence"] not in ended, "begun, and never said to have ended"


def test_the_usage_records_of_what_was_completed_reach_the_platform(wreck: Wreck) -> None:
    assert wreck.clerk("sync").code == 0
    with wreck.clerk.desk() as desk:
        entered = [each for each in desk.journal.entries() if each.event == "stamped"]
        recorded = len(entered)
        uses = [desk.cabinet.usage(each.details["usage_record"]) for each in entered]
        assert [use for use in uses if use is None or not use.receipt] == []
        assert desk.cabinet.waiting_usage() == 0
    outputs = list(wreck.folder.glob("*/*_已盖章*.pdf"))
    assert recorded == len(outputs), "every stamped file is entered and reported"
