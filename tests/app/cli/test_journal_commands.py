"""``sealdesk journal``: what it says of a sound journal, a cut one and one sealed off."""

from pathlib import Path

import pytest

from app.cli.entry import main
from app.errors import ExitCode
from app.store.journal import Journal


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A journal of three entries in a home of its own."""
    monkeypatch.setenv("SEALDESK_HOME", str(tmp_path))
    path = tmp_path / "data" / "journal.jsonl"
    for number in range(3):
        Journal(path).append("stamped", document=f"合同{number}.pdf", seal_name="公章")
    return path


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])


def test_a_sound_journal_is_said_to_be_sound(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["journal", "check"]) == 0
    assert "共 3 条" in capsys.readouterr().out


def test_a_cut_journal_is_named_and_can_be_sealed_off(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cut(path)
    assert main(["journal", "check"]) == 1
    said = capsys.readouterr().out
    assert "第 2 行" in said
    assert "末尾缺失" in said
    assert main(["journal", "seal-off"]) == 0
    assert "新台账" in capsys.readouterr().out
    assert main(["journal", "check"]) == 0
    said = capsys.readouterr().out
    assert "共 1 条" in said
    assert "journal.sealed-" in said, "what was sealed off is not forgotten"


def test_a_sound_journal_is_not_sealed_off(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = path.read_bytes()
    assert main(["journal", "seal-off"]) == ExitCode.USAGE
    assert path.read_bytes() == before
    assert "不需要封存" in capsys.readouterr().err


def test_an_unfinished_entry_is_mentioned(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with path.open("ab") as file:
        file.write(b'{"at":')
    assert main(["journal", "check"]) == 0
    assert "6 字节" in capsys.readouterr().out


@pytest.mark.parametrize(("name", "magic"), [("a.csv", b"\xef\xbb\xbf"), ("a.xlsx", b"PK")])
def test_it_is_exported_as_the_name_says(
    path: Path, tmp_path: Path, name: str, magic: bytes
) -> None:
    target = tmp_path / name
    assert main(["journal", "export", str(target)]) == 0
    assert target.read_bytes().startswith(magic)
