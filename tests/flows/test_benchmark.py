"""The benchmark runs and measures what it says; its numbers are read by people, not judged here."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BENCH = Path(__file__).parents[2] / "benchmarks" / "bench.py"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def measured(section: str, out: Path) -> dict[str, Any]:
    """What the benchmark writes about one section, measured once."""
    done = subprocess.run(
        [sys.executable, BENCH, "--quick", "--only", section, "--out", out],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told: dict[str, Any] = json.loads(out.read_text("utf-8"))
    return told


def jobs(told: dict[str, Any]) -> dict[str, Any]:
    return {each["job"]: each for each in told["timings"]}


def test_the_benchmark_measures_every_job_of_a_document(tmp_path: Path) -> None:
    timings = jobs(measured("10 pages", tmp_path / "bench.json"))
    assert {"floor", "sign", "verify", "sealdesk verify", "pyhanko validate"} <= set(timings)
    assert all(each["seconds"] > 0 for each in timings.values())
    assert timings["floor"]["seconds"] < timings["sign"]["seconds"]


def test_the_benchmark_verifies_what_was_filled_in_after_sealing(tmp_path: Path) -> None:
    """Its last revision shows something new on every page, or on one: the benchmark ends with an
    error where that is not looked at."""
    told = measured("later", tmp_path / "bench.json")
    assert {"floor", "sealdesk verify", "compare", "search", "unpack"} == set(jobs(told))
    documents = {each["document"] for each in told["timings"]}
    for pages in (10, 250):
        assert {
            f"{pages} pages, filled later",
            f"{pages} pages, one field filled later",
        } < documents


def test_the_benchmark_verifies_a_folder_beside_pyhanko(tmp_path: Path) -> None:
    """Every contract is judged by both: the benchmark ends with an error if one is not."""
    told = measured("bulk", tmp_path / "bench.json")
    timings = jobs(told)
    assert {"floor", "sealdesk verify", "pyhanko"} == set(timings)
    assert timings["floor"]["cpu"] < timings["sealdesk verify"]["cpu"]
    assert [each["met"] for each in told["targets"]] == [
        each["value"] <= each["limit"] for each in told["targets"]
    ]


def test_the_benchmark_opens_the_real_window(tmp_path: Path) -> None:
    timings = jobs(measured("window", tmp_path / "bench.json"))
    assert {"floor-start", "start", "floor-page", "first-page", "scroll"} == set(timings)
    assert timings["floor-start"]["cpu"] < timings["start"]["cpu"]
    assert 0 < timings["first-page"]["seconds"] < 60


def test_the_benchmark_stamps_a_batch_with_a_slow_key(tmp_path: Path) -> None:
    """A signature cannot be had before the key gives it: less would mean that it was not asked."""
    batch = measured("batch", tmp_path / "bench.json")["batch"]
    assert batch["seconds"] > batch["key"] > 0


def test_the_benchmark_puts_the_platform_under_load(tmp_path: Path) -> None:
    told = measured("server", tmp_path / "bench.json")["server"]
    rates = {each["job"]: each["per_second"] for each in told["rates"]}
    assert {"answer", "status", "one row, SQLite", "usage, SQLite"} <= set(rates)
    assert all(rate > 0 for rate in rates.values())
    crowd = told["crowd"]
    assert set(crowd["answers"]["statuses"]) <= {"200", "429", "503"}
    assert crowd["answers"]["without_time"] == 0
    assert crowd["healthz_ms"]
    assert crowd["sign_in_ms"]
