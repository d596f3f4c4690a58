"""``sealdesk diagnose``: what support is told, and what it is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.cli.entry import main
from app.errors import ExitCode


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SEALDESK_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_it_tells_versions_settings_and_states(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diagnose"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["seals"] == []
    assert told["waiting_usage_records"] == 0
    assert told["journal"]["problem"] == ""
    assert told["packages"]["pyhanko"].startswith("0.38")
    assert told["settings"]["language"] == "zh_CN"


def test_what_cannot_be_read_is_named_by_its_code(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["diagnose"]) == 0
    capsys.readouterr()
    (cabinet,) = home.rglob("cabinet*.db")
    cabinet.write_bytes(b"not a database at all" * 100)
    assert main(["diagnose"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["seals"]["error"].startswith("E-")
    assert told["journal"]["problem"] == ""


def test_it_never_replaces_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "diagnosis.json"
    assert main(["diagnose", "-o", str(target)]) == 0
    first = target.read_bytes()
    assert json.loads(first)["program"].startswith("SealDesk")
    assert main(["diagnose", "-o", str(target)]) == ExitCode.OUTPUT
    assert target.read_bytes() == first
    assert "[E-" in capsys.readouterr().err
