"""Ways in which a desk gets its anchors: an administrator's policy, a trust list."""

import json
from pathlib import Path

import pytest

from server_stub.__main__ import main as server_main
from server_stub.web.serving import RunningServer


def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **values: str | bool) -> None:
    """What an administrator has set on this computer."""
    folder = tmp_path / "etc"
    folder.mkdir()
    rows = [f"{name} = {json.dumps(value)}" for name, value in values.items()]
    (folder / "policy.toml").write_text("\n".join(rows), "utf-8")
    monkeypatch.setattr("app.settings.MACHINE_FOLDER", folder)
    monkeypatch.setattr("app.settings.load.__kwdefaults__", {"machine_folder": folder})


def trust_list(city: RunningServer, folder: Path, *options: str) -> Path:
    """A list with the platform on it, signed by an operator."""
    folder.mkdir(exist_ok=True)
    certificates = folder / "root.crt"
    certificates.write_bytes(city.platform.authority.certificate("root"))
    draft, made = folder / "draft.json", folder / "list.stl"
    run = ("trust-list", "--dir", str(folder / "home"))
    if not draft.exists():
        anchors = ("--root", str(certificates), "--maker", str(certificates))
        named = ("--operator", "江苏省", "--name", "平台", "--origin", city.url, *anchors)
        assert server_main([*run, "make", *named, "--out", str(draft)]) == 0
    if options:
        assert server_main([*run, "make", str(draft), *options, "--out", str(draft)]) == 0
    assert server_main([*run, "sign", str(draft), "--out", str(made)]) == 0
    return made
