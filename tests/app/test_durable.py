"""Small files are replaced whole, and a lock keeps the second process waiting."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.durable import locked, replace_file
from crypto.owner_only import exposed


def test_a_file_is_replaced_and_private(tmp_path: Path) -> None:
    path = tmp_path / "新 文件夹" / "head"
    replace_file(path, b"one")
    replace_file(path, b"two", private=True)
    assert path.read_bytes() == b"two"
    assert not exposed(path)
    assert [each.name for each in path.parent.iterdir()] == ["head"]


def test_a_failed_write_leaves_the_old_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "head"
    replace_file(path, b"old")

    def fail(handle: int) -> None:
        raise OSError(28, "no space")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="no space"):
        replace_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


def test_on_windows_a_reader_only_delays_a_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.durable.sys.platform", "win32")
    monkeypatch.setattr("app.durable.time.sleep", lambda seconds: None)
    real, refusals = Path.replace, iter([True, True, False])

    def replace(self: Path, target: Path) -> Path:
        if next(refusals):
            raise PermissionError(13, "the file is open")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    replace_file(tmp_path / "head", b"new")
    assert (tmp_path / "head").read_bytes() == b"new"


def test_a_second_process_waits_for_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    program = (
        "import sys; from pathlib import Path; from app.durable import locked\n"
        "try:\n"
        "    with locked(Path(sys.argv[1]), timeout=0.1): print('in')\n"
        "except TimeoutError: print('held')\n"
    )

    def other() -> str:
        command = [sys.executable, "-c", program, str(path)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    with locked(path):
        assert other() == "held"
    assert other() == "in"
