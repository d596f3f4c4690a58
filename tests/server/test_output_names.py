"""No command of the platform's writes to a name that some system does not keep."""

from __future__ import annotations

from pathlib import Path

import pytest

from server_stub.__main__ import _parser, main
from server_stub.settings import output_path
from tests.world.grammar import options

NAMES = ("CON", "aux.der", "Lpt1 .zip", "证书.", "证书 ", "证书:1.der", "a?.der", "nul", "x" * 251)
READ = {
    *("release file", "seal agreed", "staff request"),
    *("trust-list file", "trust-list maker", "trust-list root"),
}
WRITTEN = {
    *("dispute out", "review out", "staff out", "trust-list out", "cosign state"),
}


def named(type_: object) -> set[str]:
    found = [(words, each) for words, each in options(_parser()) if each.type is type_]
    return {f"{words[0]} {each.dest}" for words, each in found if each.dest != "dir"}


def test_every_option_with_a_path_is_known_as_read_or_as_written() -> None:
    assert named(Path) == READ
    assert named(output_path) == WRITTEN


def test_the_platforms_folder_has_a_name_that_every_system_keeps() -> None:
    kinds = {each.type for _, each in options(_parser()) if each.dest == "dir"}
    assert kinds == {output_path}


@pytest.mark.parametrize("name", NAMES)
def test_no_command_writes_to_a_name_that_some_system_does_not_keep(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words, action in options(_parser()):
        if action.type is output_path:
            with pytest.raises(SystemExit) as ended:
                main([*words, *action.option_strings[-1:], str(tmp_path / name)])
            assert ended.value.code == 2, words
            assert "not every system keeps a file of that name" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", [".", "..", "platform", "证书.der", "/"])
def test_other_names_are_taken(name: str) -> None:
    assert output_path(name) == Path(name)
