"""A name that some system does not keep is refused wherever a command or the window writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.cli.entry import MODULES, main, parser
from app.cli.grammar import output_file, output_path
from app.errors import ExitCode, FileProblem, OutputNotWritable
from app.publishing import check_name
from app.remote.staff.auditing import Proved
from app.remote.staff.exporting import write
from app.spreadsheet import save_table
from tests.world.grammar import options

NAMES = ("CON", "aux.txt", "Lpt1 .pdf", "合同.", "合同 ", "合同:1.pdf", "a?.pdf", "nul")
READ = {
    *("archive make files", "archive check package", "audit verify file", "demo file"),
    *("approval approve document", "approval reject document", "approval request file"),
    *("dispute file", "dispute package", "evidence file", "grant offer certificate"),
    *(
        "seal inspect file",
        "stamp files",
        "stamp pades_module",
        "timestamp file",
        "token put certificate",
    ),
    *("trust add file", "verify files"),
}
"""Options with a path that is read: command, action, name."""
READ_EVERYWHERE = {"module", "trust"}


ALL = [found for found in options(parser()) if found[1].type in (Path, output_path, output_file)]
WRITING = [(words, action) for words, action in ALL if action.type in (output_path, output_file)]


def test_every_option_with_a_path_is_known_as_read_or_as_written() -> None:
    reading = {
        f"{' '.join(words)} {action.dest}"
        for words, action in ALL
        if action.type is Path and action.dest not in READ_EVERYWHERE
    }
    assert reading == READ
    assert {words[0] for words, _ in WRITING} <= set(MODULES)
    assert len(WRITING) == 19


@pytest.mark.parametrize("name", NAMES)
def test_no_command_writes_to_a_name_that_some_system_does_not_keep(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words, action in WRITING:
        option = action.option_strings[-1:]
        code = main([*words, *option, str(tmp_path / name)])
        assert code == ExitCode.OUTPUT, (words, option)
        assert name.strip() in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_is_told_before_anything_is_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [found for found in WRITING if found[1].type is output_file]
    assert len(files) == 14
    for words, action in files:
        nowhere = tmp_path / "没有这个文件夹" / "合同.pdf"
        code = main([*words, *action.option_strings[-1:], str(nowhere)])
        assert code == ExitCode.OUTPUT, (words, action.dest)
        assert "没有这个文件夹" in capsys.readouterr().err


@pytest.mark.parametrize("name", [".", "..", "folder", "合同_已盖章.pdf", "null", "console.pdf"])
def test_other_names_are_taken(name: str) -> None:
    check_name(Path(name))


def test_what_the_window_saves_is_not_given_such_a_name_either(tmp_path: Path) -> None:
    nothing = Proved((), (), "", {})
    for save in (
        lambda path: save_table(path, [["a"]]),
        lambda path: write(nothing, path),
    ):
        for name in ("AUX.csv", "合同:1.csv"):
            with pytest.raises(OutputNotWritable) as refused:
                save(tmp_path / name)
            assert refused.value.reason is FileProblem.NAME
    assert list(tmp_path.iterdir()) == []
