"""Tests in several copies of one process (tests/world/workers.py), tried on small suites."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.world import typing_check
from tests.world.systems import PATIENCE

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.wants("posix")

ALL_KINDS = {
    "conftest.py": """
import os, pathlib, pytest

@pytest.fixture(scope="session")
def of_the_run():
    with open("ends.txt", "a") as ends:
        yield
        ends.write(os.environ["PYTEST_XDIST_WORKER"] + "\\n")
""",
    "test_fine.py": """
import os, warnings

def test_passes(of_the_run, tmp_path):
    assert tmp_path.parent.name == "popen-" + os.environ["PYTEST_XDIST_WORKER"]

def test_warns():
    warnings.warn("look out")

def test_has_a_home():
    open("homes.txt", "a").write(os.environ["HOME"] + "\\n")
""",
    "test_other.py": """
import os, pytest

def test_fails(of_the_run):
    print("said before")
    assert 1 == 2

@pytest.mark.skip(reason="why not")
def test_skipped(): pass

def test_has_a_home():
    open("homes.txt", "a").write(os.environ["HOME"] + "\\n")
""",
}


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., tuple[int, str]]:
    """Writes files and runs them in two workers; gives pytest's exit code and what it printed."""

    def run(files: dict[str, str], *options: str) -> tuple[int, str]:
        for name, text in files.items():
            (tmp_path / name).write_text(text, encoding="utf-8")
        plugins = ("-p", "xdist", "-p", "tests.world.workers", "-p", "no:cacheprovider")
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *plugins, "-n2", "--dist=loadfile", *options],
            cwd=tmp_path,
            env={
                **os.environ,
                "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
                "PYTHONPATH": str(ROOT),
                "TMPDIR": str(tmp_path),
            },
            capture_output=True,
            text=True,
            timeout=60 * PATIENCE,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    return run


def test_outcomes_output_and_warnings_are_those_of_the_workers(
    run: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    code, said = run(ALL_KINDS, "-rfs")
    assert code == pytest.ExitCode.TESTS_FAILED
    assert "1 failed, 4 passed, 1 skipped, 1 warning in" in said
    assert "said before" in said
    assert "assert 1 == 2" in said
    assert "FAILED test_other.py::test_fails - assert 1 == 2" in said
    assert "why not" in said
    assert "look out" in said
    assert sorted((tmp_path / "ends.txt").read_text().split()) == ["gw0", "gw1"]
    homes = (tmp_path / "homes.txt").read_text().split()
    assert len(set(homes)) == 2
    assert not any(Path(home).exists() for home in homes)


def test_a_worker_that_dies_fails_its_test_and_no_other(
    run: Callable[..., tuple[int, str]],
) -> None:
    dying = "import os\ndef test_one(): pass\ndef test_dies(): os._exit(0)\ndef test_three(): pass"
    code, said = run({"test_dying.py": dying, **ALL_KINDS}, "-v")
    assert code == pytest.ExitCode.TESTS_FAILED
    assert "2 failed, 6 passed, 1 skipped" in said
    assert "FAILED test_dying.py::test_dies" in said
    assert "[gw2]" in said
    assert "test_dying.py::test_three" in said


def test_a_run_that_is_to_stop_at_the_first_failure_ends_what_it_began(
    run: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    many = "import pytest\n@pytest.mark.parametrize('n', range(300))\ndef test_n(n): pass"
    code, said = run({"test_many.py": many, **ALL_KINDS}, "-x")
    assert code == pytest.ExitCode.TESTS_FAILED
    assert "stopping after 1 failures" in said
    assert "1 failed" in said
    assert (tmp_path / "ends.txt").exists()


def test_what_cannot_be_collected_is_told_and_nothing_runs(
    run: Callable[..., tuple[int, str]],
) -> None:
    code, said = run({"test_broken.py": "import no_such_module", **ALL_KINDS})
    assert code == pytest.ExitCode.INTERRUPTED
    assert "1 error in" in said
    assert "no_such_module" in said


def test_the_check_of_types_that_began_early_is_the_one_that_is_heard(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(typing_check, "_begun", None)
    monkeypatch.setattr(typing_check, "COMMAND", ("sh", "-c", "echo one; echo two >&2; exit 3"))
    assert typing_check.result() == (3, "one\ntwo\n"), "begun when it is wanted"
    typing_check.begin()
    monkeypatch.setattr(typing_check, "COMMAND", ("sh", "-c", "echo another"))
    assert typing_check.result() == (3, "one\ntwo")
    typing_check.stop()


def test_a_check_of_types_that_nobody_waits_for_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typing_check, "_begun", None)
    monkeypatch.setattr(typing_check, "COMMAND", ("sleep", "1000"))
    typing_check.begin()
    begun = typing_check._begun
    typing_check.stop()
    assert begun
    assert begun.returncode
