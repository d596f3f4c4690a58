"""The tests of ``dev.py check-windows``: suites of tests on Windows' own CPython under Wine.

They run in a copy of the sources with the virtual Ukey's DLL: crypto, app, device and flows.

What a test wants and Wine has not is left out by name (tests/world/systems.py). The counts of each
file are told at the end.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

from installer.system import ROOT, BuildFailed, run, say
from installer.windows import vukey
from installer.windows.runtime import prepare
from installer.windows.wine import Wine, with_python, without_volumes

SUITES = ("tests/crypto", "tests/app", "tests/device", "tests/flows")
SOURCES = "sources"
"""The folder of the copy."""
PREFIX = "tests"
"""The folder of the prefix."""
LIMIT_S = 600
"""For one test: under Wine a process of Python alone takes seconds to start."""
_GOOD = re.compile(rb"\[gw\d+\] \[ *\d+%\] (PASSED|SKIPPED) |tests[\\/]\S*\.py::|\s*$")
"""What ``-v`` says of a test that begins, or ends well."""
PROCESSES = 2 * max(2, os.cpu_count() or 1)
"""Programs under Wine wait for its server again and again: one process for each processor leaves
processors idle."""


def sources(folder: Path) -> Path:
    """A copy of what git knows of, as it is now, with the virtual Ukey for Windows."""
    shutil.rmtree(folder, ignore_errors=True)
    for name in run(["git", "ls-files", "-z"]).split("\0"):
        if name and (ROOT / name).is_file():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target)
    vukey.build(prepare(), folder / "device" / "virtual" / vukey.NAME)
    return folder


def check(work: Path, wanted: Sequence[str] = SUITES, wine: Wine | None = None) -> None:
    """Run the suites, in *wine* where it is given. Raises :class:`BuildFailed` when one fails."""
    wine = wine or without_volumes(with_python(prepare(), work / PREFIX))
    say("tests under Wine")
    results = work / "suites.xml"
    results.unlink(missing_ok=True)
    folder = sources(work / SOURCES)
    code = _pytest(
        wine,
        folder,
        *("-v", "-p", "no:cacheprovider", "--timeout", str(LIMIT_S)),
        *("-n", str(PROCESSES), "--dist", "loadfile", "--durations", "15"),
        *("-o", "junit_family=xunit1", f"--junitxml={wine.windows_path(results)}"),
        *wanted,
    )
    if not results.exists():
        raise BuildFailed(f"pytest ended with {code} and no results")
    counted = counts(results.read_bytes())
    for name, number in counted.items():
        told = ", ".join(f"{count} {what}" for what, count in sorted(number.items()))
        say(f"{'✗' if number['failed'] else '✓'} {name}: {told}")
    whole: Counter[str] = sum(counted.values(), Counter())
    say(f"{whole['passed']} passed, {whole['failed']} failed, {whole['skipped']} skipped")
    if code or whole["failed"]:
        raise BuildFailed("tests failed under Wine")


def counts(results: bytes) -> dict[str, Counter[str]]:
    """File → how many tests passed, failed or were skipped, from pytest's results (JUnit XML).

    A test that fails and whose clearing up fails, too, is told as two cases: it counts once."""
    worst: dict[tuple[str, str, str], str] = {}
    for case in ET.fromstring(results).iter("testcase"):  # noqa: S314 - our own file
        kinds = {child.tag for child in case}
        outcome = "failed" if kinds & {"failure", "error"} else "passed"
        outcome = "skipped" if "skipped" in kinds else outcome
        name = case.get("file", "").replace("\\", "/")
        test = (name, case.get("classname", ""), case.get("name", ""))
        if worst.get(test) != "failed":
            worst[test] = outcome
    found: dict[str, Counter[str]] = {}
    for (name, _, _), outcome in sorted(worst.items()):
        found.setdefault(name, Counter())[outcome] += 1
    return found


def _pytest(wine: Wine, folder: Path, *arguments: str) -> int:
    """Run pytest in *folder*; the person sees as it comes what is told of anything but success."""
    server = wine.serve()
    # Through a pipe, see Wine.run.
    program = subprocess.Popen(
        [*wine.launcher, "wine", r"C:\py311\python.exe", "-m", "pytest", *arguments],
        cwd=folder,
        env=wine.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        assert program.stdout is not None  # noqa: S101 - asked for above
        for line in program.stdout:
            if not _GOOD.match(line):
                sys.stdout.buffer.write(line.replace(b"\r\n", b"\n"))
                sys.stdout.buffer.flush()
        return program.wait()
    finally:
        wine.stop()
        server.wait()
