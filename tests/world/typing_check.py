"""mypy over the whole product: twenty seconds of the processor in a process of its own.

Where all tests run in copies of one process (tests/world/workers.py), it begins before that one
collects them, for until then the other processors have nothing to do.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
# In CI a clone is clean and thrown away: to write down what was learned takes three seconds.
_ONCE = ("--no-incremental",) if os.environ.get("CI") == "true" else ()
COMMAND = (sys.executable, "-m", "mypy", "--no-color-output", *_ONCE)

_begun: subprocess.Popen[str] | None = None


def begin() -> None:
    """Begin it; whoever is a copy of this process hears its end, too."""
    global _begun
    _begun = subprocess.Popen(
        ("sh", "-c", '"$@" 2>&1; echo $?', "sh", *COMMAND),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,
    )


def result() -> tuple[int, str]:
    """The exit code and what it said: of the one that was begun, else of a new one."""
    if _begun and _begun.stdout and (said := _begun.stdout.read()):
        text, _, code = said.strip().rpartition("\n")
        return int(code), text
    done = subprocess.run(COMMAND, cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
    return done.returncode, done.stdout + done.stderr


def stop() -> None:
    """End the one that was begun, if nobody waited for it."""
    if _begun is None:
        return
    if _begun.poll() is None:
        os.killpg(_begun.pid, signal.SIGTERM)
        _begun.wait()
    if _begun.stdout:
        _begun.stdout.close()
