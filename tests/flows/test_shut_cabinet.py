"""A cabinet whose key is gone keeps nobody from verifying."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.cli.entry import main


def test_a_shut_cabinet_is_told_and_verifying_goes_on(
    tmp_path: Path,
    demo_pdf: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SEALDESK_HOME", str(tmp_path))
    monkeypatch.setenv("SEALDESK_KEYRING", "false")
    assert main(["seal", "list"]) == 0  # makes the cabinet and its key
    (tmp_path / "data" / "secrets.json").unlink()
    assert main(["verify", str(demo_pdf)]) == 3
    said = capsys.readouterr()
    assert "未签章" in said.out
    assert "E-6" in said.err
