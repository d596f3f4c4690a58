"""kill -9 at any instant of a client that stamps and syncs: no seal that is not on record, no use
twice, and the platform's audit passes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import select

from server_stub.__main__ import main
from server_stub.records.store import Seal, UsageRecord
from server_stub.web.serving import RunningServer
from tests.world.clerk import Clerk, excerpt, temporary_files

pytestmark = [pytest.mark.wants("posix"), pytest.mark.slow, pytest.mark.timeout(1200)]

ROUNDS, INSTANTS = 20, 10
"""200 times in all."""
SECONDS = (0.2, 5.0)
"""Between which it is killed: in the middle of its work on any machine, after it on a quick one."""
PROGRAM = """
import sys
from app.cli.entry import main
code = main(sys.argv[1:])
print("stamped", flush=True)
sys.exit(code or main(["sync"]))
"""


def uses_of(city: RunningServer, seal_code: str) -> list[str]:
    """The documents of the uses that the platform has of that seal."""
    with city.platform.reading() as session:
        rows = select(UsageRecord.document_sm3).join(Seal, Seal.id == UsageRecord.seal_id)
        return list(session.scalars(rows.where(Seal.seal_code == seal_code)))


def start(clerk: Clerk, *words: str | Path) -> subprocess.Popen[str]:
    """``sealdesk`` with these *words*, then ``sync``, in a process group of its own."""
    variables = {name: value for name, value in clerk.variables.items() if value is not None}
    return subprocess.Popen(
        [sys.executable, "-P", "-c", PROGRAM, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **variables, "PYTHONPATH": str(Path(__file__).parents[2])},
        start_new_session=True,
    )


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_a_client_that_is_killed(
    seed: int, city: RunningServer, clerk: Clerk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chance, source = random.Random(seed), tmp_path / "contract.pdf"
    source.write_bytes(excerpt(1))
    before = len(uses_of(city, clerk.seal))
    words = ("--seal", clerk.seal, "--at", "1:60,60")
    first = start(clerk, "stamp", source, "-o", tmp_path / "0.pdf", *words)
    assert first.communicate()[0].startswith("stamped") or first.returncode == 0
    assert first.returncode == 0
    for number in range(1, INSTANTS + 1):
        output = tmp_path / f"{number}.pdf"
        process = start(clerk, "stamp", source, "-o", output, *words)
        try:
            process.wait(chance.uniform(*SECONDS))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        if output.exists():
            assert clerk("verify", output, "--json").json["verdict"] == "VALID"
    last = clerk("stamp", source, "-o", tmp_path / "last.pdf", *words)
    assert last.code == 0, last.err  # what a crash has left is entered first
    assert clerk("sync").code == 0
    assert "上报了 0 条用印记录" in clerk("sync").out
    outputs = [each for each in tmp_path.glob("*.pdf") if each != source]
    documents = uses_of(city, clerk.seal)[before:]
    assert len(documents) == len(set(documents)) == len(outputs)
    assert temporary_files(tmp_path) == []
    capsys.readouterr()
    directory = city.platform.settings.directory
    assert main(["audit", "verify", "--dir", str(directory)]) == 0, capsys.readouterr().out
