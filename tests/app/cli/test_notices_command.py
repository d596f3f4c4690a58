"""``sealdesk notices``: what has happened, what to do, and that it was read."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.cli.entry import main
from app.store.cabinet import Cabinet


@pytest.fixture
def cabinet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cabinet:
    monkeypatch.setenv("SEALDESK_HOME", str(tmp_path))
    made = Cabinet.in_memory()
    monkeypatch.setattr("app.desk.Desk.cabinet", made)
    return made


def test_the_unread_are_told_by_platform_until_they_are_marked(
    cabinet: Cabinet, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["notices"]) == 0
    assert capsys.readouterr().out == "没有未读的通知。\n"
    at = datetime(2026, 11, 30, 3, 0, tzinfo=UTC)
    facts = {"seal_code": "32130200000001", "subtype": "contract", "reason": "lost"}
    for origin in ("https://a.example", "https://b.example"):
        cabinet.notices.keep(origin, "seal_suspended", facts, at)
    assert main(["notices", "--read"]) == 0
    out = capsys.readouterr().out
    for word in ("https://a.example\n", "合同专用章 32130200000001 已停用", "怎么办：", "2 条"):
        assert word in out, word
    assert main(["notices"]) == 0
    assert capsys.readouterr().out == "没有未读的通知。\n"
    assert main(["notices", "--all", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [(each["platform"], each["action"]) for each in told] == [
        ("https://b.example", "seals"),
        ("https://a.example", "seals"),
    ]
    assert all(each["read_at"] for each in told)
