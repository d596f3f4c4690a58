"""The benchmark runs and measures what it says; its numbers are read by people, not judged here."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "benchmarks" / "bench.py"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_benchmark_measures_every_job_of_a_document(tmp_path: Path) -> None:
    out = tmp_path / "bench.json"
    done = subprocess.run(
        [sys.executable, BENCH, "--runs", "1", "--only", "10 pages", "--out", out],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(out.read_text("utf-8"))
    timings = {each["job"]: each for each in told["timings"]}
    assert {"floor", "sign", "verify", "sealdesk verify", "pyhanko validate"} <= set(timings)
    assert all(each["seconds"] > 0 for each in timings.values())
    assert timings["floor"]["seconds"] < timings["sign"]["seconds"]
    # A signature cannot be had before the key gives it: less would mean that it was not asked.
    assert told["batch"]["seconds"] > told["batch"]["key"] > 0
