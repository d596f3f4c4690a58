"""The grammar of the command line, and what every command has in common."""

from __future__ import annotations

import argparse
import io
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import pytest

from app.cli import journal, seals, stamping
from app.cli.entry import MODULES, main, parser
from app.cli.translation import texts
from app.errors import ExitCode, UsageError
from tests.world.grammar import commands, options


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SEALDESK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SEALDESK_LANGUAGE", "en")
    return tmp_path / "home"


def leaves(made: argparse.ArgumentParser) -> list[tuple[str, ...]]:
    """Every command with its sub-command."""
    found = [words for words, _ in commands(made)]
    above = {words[:-1] for words in found if words}
    return [words for words in found if words not in above]


def test_the_commands_are_those_that_are_promised() -> None:
    promised = {
        *(("token", each) for each in ("list", "info", "init", "change-pin")),
        *(("seal", each) for each in ("list", "show", "inspect")),
        *(("journal", each) for each in ("list", "check", "export")),
        *((each,) for each in ("enroll", "sync", "stamp", "verify", "demo")),
    }
    assert promised <= set(leaves(parser()))


@pytest.mark.parametrize("command", leaves(parser()))
def test_every_command_explains_itself(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main([*command, "--help"])
    assert left.value.code == 0
    said = capsys.readouterr().out
    assert said.startswith(f"usage: sealdesk {' '.join(command)}")


def english(made: argparse.ArgumentParser) -> set[str]:
    """Every text of the grammar that a person reads."""
    found = {text or "" for _, each in commands(made) for text in (each.description, each.epilog)}
    for words, option in options(made):
        assert option.help, f"{' '.join(words)} {option.dest}"
        found.add(option.help)
    return found - {""}


def test_every_text_of_the_grammar_has_its_chinese_and_no_other() -> None:
    needed = english(parser("en"))
    assert needed <= set(texts())
    words_of_argparse = Path(argparse.__file__).read_text("utf-8")
    assert {each for each in set(texts()) - needed if each not in words_of_argparse} == set()
    assert english(parser("zh_CN")) == {texts()[each] for each in needed}


def test_help_and_usage_errors_are_chinese_for_chinese_readers(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEALDESK_LANGUAGE", "zh_CN")
    with pytest.raises(SystemExit):
        main(["stamp", "--help"])
    said = capsys.readouterr().out
    assert said.startswith("用法：sealdesk stamp")
    assert "给 PDF 盖章" in said
    for foreign in ("usage", "options", "show this help"):
        assert foreign not in said
    assert main(["verify"]) == ExitCode.USAGE
    assert "缺少参数" in capsys.readouterr().err


def test_help_is_there_whatever_the_settings_say(
    capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    (home / "config").mkdir(parents=True)
    (home / "config" / "settings.toml").write_text("not toml", encoding="utf-8")
    with pytest.raises(SystemExit) as left:
        main(["--help"])
    assert left.value.code == 0
    assert capsys.readouterr().out.startswith("usage: sealdesk")


@pytest.mark.parametrize(
    "arguments",
    [
        ["stamp"],
        ["stamp", "a.pdf"],
        ["frobnicate"],
        ["stamp", "a.pdf", "--seal", "x", "--riding", "middle"],
        ["verify"],
        ["verify", "a.pdf", "--at-time", "yesterday"],
        ["verify", "a.pdf", "--at-time", "0001-01-01T00:00:00+23:59"],
        ["verify", "a.pdf", "--off"],
        ["seal"],
        ["journal", "export"],
    ],
)
def test_a_command_that_makes_no_sense_is_a_usage_error_of_our_own(
    arguments: list[str], capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    assert main(arguments) == ExitCode.USAGE
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("The command is not right [E-002]\n  ")
    assert not home.exists()


@pytest.mark.parametrize(
    ("arguments", "at", "pages"),
    [
        (["--at", "-1:30,40"], ["-1:30,40"], None),
        (["--at", "1:2,3", "--at", "-2:4,5"], ["1:2,3", "-2:4,5"], None),
        (["--pages", "-1", "--at", "3,4"], ["3,4"], "-1"),
        (["--pages", "-2,1", "--at=3,4"], ["3,4"], "-2,1"),
    ],
)
def test_pages_count_from_the_end_too(
    arguments: list[str], at: list[str], pages: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[argparse.Namespace] = []
    monkeypatch.setattr(stamping, "stamp", lambda _, options: seen.append(options) or 0)
    assert main(["stamp", "in.pdf", "--seal", "x", *arguments]) == 0
    assert (seen[0].at, seen[0].pages) == (at, pages)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-23", datetime(2026, 11, 22, 16, tzinfo=UTC)),
        ("2026-11-23T12:00", datetime(2026, 11, 23, 4, tzinfo=UTC)),
        ("2026-11-23T12:00:00+08:00", datetime(2026, 11, 23, 4, tzinfo=UTC)),
        ("2026-11-23T12:00Z", datetime(2026, 11, 23, 12, tzinfo=UTC)),
    ],
)
def test_a_time_without_zone_is_beijings_as_all_times_that_are_shown(
    text: str, moment: datetime
) -> None:
    assert parser().parse_args(["verify", "x.pdf", "--at-time", text]).at_time == moment


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-12-24", datetime(2026, 12, 24, 16, tzinfo=UTC)),
        ("20261224", datetime(2026, 12, 24, 16, tzinfo=UTC)),
        ("2026-12-24T00:00", datetime(2026, 12, 23, 16, tzinfo=UTC)),
        ("2026-12-24T18:00", datetime(2026, 12, 24, 10, tzinfo=UTC)),
    ],
)
def test_a_grant_until_a_day_lasts_to_the_end_of_that_day(text: str, moment: datetime) -> None:
    options = parser().parse_args(["grant", "offer", "--to", "某人", "--until", text])
    assert options.until == moment


@pytest.mark.parametrize("text", ["0001-01-01", "tomorrow", "2026-02-30"])
def test_no_day_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parser().parse_args(["grant", "offer", "--to", "某人", "--until", text])


def test_a_defect_is_told_without_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def defect(*_: object) -> NoReturn:
        raise ZeroDivisionError("deep inside")

    monkeypatch.setattr(seals, "seal_list", defect)
    assert main(["seal", "list"]) == ExitCode.UNKNOWN
    said = capsys.readouterr().err
    assert "[E-999]" in said
    assert "Traceback" not in said
    monkeypatch.setenv("SEALDESK_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        main(["seal", "list"])


def test_an_interrupt_is_told_and_has_its_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(journal, "journal_check", interrupted)
    assert main(["journal", "check"]) == ExitCode.CANCELLED
    assert "[E-123]" in capsys.readouterr().err


def test_chinese_comes_out_on_a_console_of_another_code_page(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SEALDESK_LANGUAGE", "zh_CN")
    data = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(data, encoding="cp1252"))
    assert main(["seal", "list"]) == 0
    sys.stdout.flush()
    assert data.getvalue().decode("utf-8") == "印章柜里还没有印章。\n"


def test_the_language_of_wrong_settings_is_that_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SEALDESK_OFFLINE_HOURS", "never")
    assert main(["seal", "list"]) == ExitCode.LOCAL_DATA
    assert "A setting is wrong" in capsys.readouterr().err
    monkeypatch.setenv("SEALDESK_LANGUAGE", "zh_CN")
    main(["seal", "list"])
    assert "[E-601]" in capsys.readouterr().err


@pytest.mark.parametrize("command", sorted(MODULES))
def test_a_command_alone_is_explained_as_among_all(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    told = []
    for only in ("", command):
        with pytest.raises(SystemExit):
            parser("zh_CN", only).parse_args([command, "--help"])
        told.append(capsys.readouterr().out)
    assert told[0] == told[1]
    assert command in told[0]


@pytest.mark.wants("sealdesk")
def test_the_version_is_told_and_is_that_of_the_project(
    capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--version"])
    assert left.value.code == 0
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text("utf-8"))
    assert capsys.readouterr().out == f"sealdesk {project['project']['version']}\n"
    assert not home.exists()


def test_the_help_says_how_the_window_opens() -> None:
    assert "the window opens" in parser("en").format_help()
    assert "打开窗口" in parser("zh_CN").format_help()
