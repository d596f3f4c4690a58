"""The operator of a trust list: draft, sign, show, withdraw."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from crypto.validation.trust_list import TrustList
from server_stub.__main__ import main
from tests.world.authority import make_root


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    def command(*arguments: str | Path) -> tuple[int, str]:
        code = main(["trust-list", *map(str, arguments), "--dir", str(tmp_path / "home")])
        said = capsys.readouterr()
        return code, said.out + said.err

    return command


def test_an_operator_drafts_signs_and_withdraws(run: Any, tmp_path: Path) -> None:
    root = make_root("平台根")
    file = tmp_path / "root.crt"
    file.write_bytes(root.certificate.der)
    draft, first, second = (tmp_path / name for name in ("draft.json", "1.stl", "2.stl"))
    added = ("--name", "宿迁市平台", "--region", "321300", "--origin", "https://seals.example")
    anchors = ("--root", file, "--maker", file)
    assert run("make", "--operator", "江苏省", *added, *anchors, "--out", draft)[0] == 0
    code, said = run("sign", draft, "--out", first, "--days", "7")
    assert code == 0
    one = TrustList.parse(first.read_bytes())
    assert (one.operator, one.sequence) == ("江苏省", 1)
    assert one.certificate.fingerprint.hex() in said
    assert timedelta(days=6) < one.next_update - datetime.now(UTC) <= timedelta(days=7)
    assert one.trust(datetime.now(UTC)).signers == (root.certificate,)

    assert run("make", draft, "--withdraw", "宿迁市平台", "--out", draft)[0] == 0
    assert run("sign", draft, "--out", second)[0] == 0
    two = TrustList.parse(second.read_bytes())
    assert two.sequence == 2
    assert two.certificate == one.certificate, "the operator's key stays"
    assert two.trust(datetime.now(UTC)).signers == ()
    code, said = run("show", second)
    assert code == 0
    assert "withdrawn" in said
    assert "宿迁市平台" in said


@pytest.mark.parametrize(
    "arguments",
    [
        ("sign", "{tmp}/none.json", "--out", "{tmp}/x"),
        ("sign", "{tmp}/bad.json", "--out", "{tmp}/x"),
        ("sign", "{tmp}/unnamed.json", "--out", "{tmp}/x"),
        ("make", "--name", "X", "--root", "{tmp}/bad.json", "--out", "{tmp}/x"),
        ("make", "{tmp}/unnamed.json", "--withdraw", "X", "--out", "{tmp}/x"),
        ("make",),
        ("show", "{tmp}/bad.json"),
        ("show",),
    ],
)
def test_what_cannot_be_used_is_refused(
    run: Any, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    (tmp_path / "bad.json").write_text("[1]")
    (tmp_path / "unnamed.json").write_text(json.dumps({"operator": "", "platforms": []}))
    code, said = run(*(each.format(tmp=tmp_path) for each in arguments))
    assert code == 1
    assert said.startswith("refused: ")
    assert not (tmp_path / "x").exists()
