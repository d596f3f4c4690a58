"""app.__main__: what the program makes of the words it is started with."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import app.__main__ as start
from app import desk
from app.errors import ExitCode


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Sequence[Path], str]]:
    """Files and page of every window that was opened; none really is."""
    windows: list[tuple[Sequence[Path], str]] = []

    def window(desk: Any, files: Sequence[Path], page: str = "", faults: Any = ()) -> int:
        windows.append((files, page))
        return 0

    monkeypatch.setattr(start, "open_window", window)
    monkeypatch.setattr(start, "has_screen", lambda: True)
    return windows


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["sealdesk", *arguments])
    return start.main()


@pytest.mark.parametrize(
    ("word", "page"), [("--stamp", "stamp"), ("--verify", "verify"), (None, "")]
)
def test_a_files_menu_leads_to_its_page(
    word: str | None,
    page: str,
    opened: list[tuple[Sequence[Path], str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SEALDESK_HOME", str(tmp_path))
    words = [word] if word else []
    assert run(monkeypatch, *words, "合同 一.pdf") == 0
    assert opened == [([Path("合同 一.pdf")], page)]


def test_a_folder_opens_in_the_window_unless_it_is_named_like_a_command(
    opened: list[tuple[Sequence[Path], str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEALDESK_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    for name in ("十一月", "journal"):
        (tmp_path / name).mkdir()
    assert run(monkeypatch, "十一月") == 0
    assert run(monkeypatch, "--stamp", "十一月") == 0
    assert opened == [([Path("十一月")], ""), ([Path("十一月")], "stamp")]
    assert run(monkeypatch, "journal") == ExitCode.USAGE
    assert run(monkeypatch, "./journal") == 0
    assert len(opened) == 3


@pytest.mark.parametrize("address", ["sealdesk:sign?id=1", "SEALDESK://open/合同.pdf", "sealdesk:"])
def test_an_address_from_a_web_page_opens_and_reads_nothing(
    address: str,
    opened: list[tuple[Sequence[Path], str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    told: list[object] = []
    monkeypatch.setattr("ui.shell.start_problems.tell_failure", lambda *words: told.append(words))
    for name in ("__init__", "open"):
        monkeypatch.setattr(desk.Desk, name, lambda *_, **__: pytest.fail("a desk was opened"))
    assert run(monkeypatch, address) == ExitCode.USAGE
    said = capsys.readouterr().err
    assert "未启用" in said
    assert "E-004" in said
    assert "sign" not in said  # nothing of the address is repeated
    assert opened == []
    assert len(told) == 1


def test_processes_that_the_program_starts_do_not_import_it_again(tmp_path: Path) -> None:
    script = tmp_path / "sealdesk.py"  # as the one that an installation makes
    script.write_text(
        """
import contextlib, sys
from multiprocessing import get_context
from app.__main__ import main

if __name__ == "__main__":
    sys.argv = ["sealdesk", "--version"]
    with contextlib.suppress(SystemExit):
        main()
    with get_context("spawn").Pool(1) as pool:
        print(pool.apply(eval, ("'app.__main__' in __import__('sys').modules",)))
""",
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, script],
        env={**os.environ, "PYTHONPATH": str(Path(start.__file__).parents[1])},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert done.stdout.split()[-1] == "False", done
