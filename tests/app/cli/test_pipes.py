"""What a shell pipes in is read in any code page; what goes out is the same everywhere."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.cli.terminal import read_line

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("raw", "line"),
    [
        ("口令-2026\r\n".encode(), "口令-2026"),
        ("口令-2026\n".encode("cp936"), "口令-2026"),
        (b"\xef\xbb\xbf" + "口令".encode() + b"\r\n", "口令"),  # as PowerShell writes it
        (b"pin-2846", "pin-2846"),
        (b"", ""),
        (b"\n", ""),
    ],
)
def test_a_line_from_a_pipe_is_read_in_utf8_and_in_chinese_windows_code_page(
    raw: bytes, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw + b"second\n"), "ascii"))
    if raw.endswith(b"\n"):
        assert (read_line(), read_line()) == (line, "second")
    else:
        assert read_line() == line + "second"


def test_a_windowed_program_has_no_line_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert read_line() == ""


@pytest.mark.parametrize("encoding", ["cp936", "utf-8"])
def test_json_goes_out_in_utf8_with_unix_line_ends(encoding: str) -> None:
    """Whatever Python makes of the shell's code page."""
    program = "import sys; from app.cli.entry import main; sys.exit(main(['diagnose']))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": encoding},
        check=True,
    )
    assert b"\r" not in done.stdout
    assert done.stdout.decode().startswith("{\n")
