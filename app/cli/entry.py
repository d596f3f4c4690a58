"""``sealdesk``: the command line.

    sealdesk token list|info|init|change-pin|request|put
    sealdesk enroll  --platform URL --uscc … --name …
    sealdesk application new|list|show ID|continue ID|sign ID|withdraw ID|collect ID|remove ID
    sealdesk appointment give --role keeper|handler …|list|end ID
    sealdesk seal list|show ID|inspect FILE|suspend ID --reason …|resume ID
    sealdesk sync
    sealdesk stamp IN.pdf|FOLDER… [-o OUT.pdf|FOLDER] [--seal NAME] [--csv TABLE.csv]
                   (--at … | --keyword … | --riding … | --field … | --template …)…
                   [--date [cn|iso]]
    sealdesk stamp IN.pdf --profile pades [--pades-key NAME]
    sealdesk timestamp FILE.pdf [--timestamp URL] [--long-term]
    sealdesk verify FILE.pdf|FOLDER… [--jobs N] [--csv SUMMARY.csv] [--report-dir FOLDER]
    sealdesk verify FILE.pdf --report OUT.pdf [--sealed]
    sealdesk grant offer|list|show|accept|withdraw|use
    sealdesk evidence FILE.pdf -o OUT.zip | --check OUT.zip
    sealdesk archive make (--month 2026-11 | FOLDER|FILE…) -o OUT.zip | check OUT.zip
    sealdesk dispute FILE.pdf --seal CODE --reason … --contact … | RECEIPT.json --status|--fetch ZIP
    sealdesk notices [--all] [--read]
    sealdesk journal list|check|export|seal-off
    sealdesk diagnose [-o OUT.json]
    sealdesk update check|download
    sealdesk trust list|add FILE [--for makers|signers|timestamps|all]|remove SM3
    sealdesk review list|show|open|claim|approve|return|reject
    sealdesk audit check|search|cosign|verify
    sealdesk demo [FILE.pdf]
    sealdesk --version

Without arguments, or with PDF files alone, the window opens (:mod:`app.__main__`). A PIN comes from
a prompt, from ``--pin-stdin`` (its first line) or, for tests, from SEALDESK_PIN; never from the
command line. ``verify`` exits with 0 all valid, 1 something invalid, 2 not confirmed, 3 not signed,
4 unreadable, 5 valid with something added later; of several files the worst counts, in the order 1,
4, 2, 5, 3, 0. Errors have exit codes of their own (:class:`app.errors.ExitCode`).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from app.cli import translation
from app.cli.grammar import Commands, Parser
from app.cli.terminal import complain
from app.errors import SettingsInvalid, UsageError, exit_code, phrase
from app.settings import load

if TYPE_CHECKING:
    from app.desk import Desk

MODULES = {
    "token": "tokens",
    **dict.fromkeys(("enroll", "seal", "sync"), "seals"),
    "application": "applications",
    "appointment": "appointments",
    **dict.fromkeys(("stamp", "timestamp"), "stamping"),
    "verify": "verifying",
    "grant": "grants",
    "phone": "approval.phones",
    "approval": "approval.uses",
    "evidence": "proving.evidence",
    "archive": "proving.archive",
    "dispute": "disputes",
    "notices": "notices",
    "journal": "journal",
    "diagnose": "program.diagnosing",
    "update": "program.updating",
    "trust": "trust",
    "review": "staff.reviewing",
    "audit": "staff.auditing",
    "demo": "trial.demo",
}
"""Command → its module in app.cli, as the help lists them. Only the module of the command that was
given is imported: all of them take a tenth of the time of ``sealdesk verify``."""


def main(
    arguments: Sequence[str], window: Callable[[Desk, Sequence[Path], str], int] | None = None
) -> int:
    """Run one command; returns the process's exit code. Errors are explained on stderr.

    *window* shows the window, where there is a screen."""
    # a console of another code page must not end in a UnicodeEncodeError, and what a program reads
    # is the same on every system
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError):
            stream.reconfigure(encoding="utf-8", errors="replace", newline="\n")  # type: ignore[union-attr]
    language = _language()
    try:
        _refuse_a_file(arguments)
        options = parser(language, *arguments[:1]).parse_args(_with_negatives(arguments))
        from app.desk import Desk

        with Desk.open() as desk:
            desk.window = window
            language = desk.settings.language
            desk.keyring_waits = partial(_tell_waiting, language)
            code = int(options.run(desk, options))
            sys.stdout.flush()
            return code
    except BrokenPipeError:
        # the reader (head, less) has closed the pipe: write nothing more, flush nothing at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (Exception, KeyboardInterrupt) as error:
        if os.environ.get("SEALDESK_TRACEBACK"):
            raise
        complain(error, language)
        return exit_code(error)


def _tell_waiting(language: str) -> None:
    sys.stderr.write(phrase("cli.keyring_waits", language) + "\n")


def _language() -> str:
    """The person's, before the settings are known to be right."""
    try:
        return load().language
    except SettingsInvalid:
        return os.environ.get("SEALDESK_LANGUAGE", "zh_CN")


def _refuse_a_file(arguments: Sequence[str]) -> None:
    """Raise :class:`UsageError` where the command should be and a document is: somebody wrote
    ``sealdesk contract.pdf --report …``."""
    first = arguments[0] if arguments else "-"
    if first.startswith("-") or first in MODULES:
        return
    if Path(first).suffix.lower() in (".pdf", ".ofd") or os.path.exists(first):
        raise UsageError("a_file", first)


# --- the grammar -------------------------------------------------------------------------------


_MAY_BE_NEGATIVE = ("--at", "--date-at", "--pages")


def _with_negatives(arguments: Sequence[str]) -> list[str]:
    """``--at -1:30,40`` (the last page) as ``--at=-1:30,40``: argparse takes the former for an
    option."""
    joined: list[str] = []
    for argument in arguments:
        negative = argument[:1] == "-" and argument[1:2].isdigit()
        if negative and joined and joined[-1] in _MAY_BE_NEGATIVE:
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return joined


class _Version(argparse.Action):
    """Tells the program's version and leaves; it is looked up only when somebody asks."""

    def __call__(self, parser: argparse.ArgumentParser, *details: object) -> NoReturn:
        from app.diagnosing import version_of

        sys.stdout.write(f"sealdesk {version_of('sealdesk')}\n")
        parser.exit()


def parser(language: str = "en", command: str = "") -> Parser:
    """The grammar, explained in *language*: of *command* alone, or, where there is no such command,
    of all."""
    translation.speak(language)
    top = Parser(
        prog="sealdesk",
        description="印台 SealDesk: stamp and verify PDF documents with an electronic seal",
        epilog="without arguments, or with PDF files alone, the window opens",
        allow_abbrev=False,
    )
    top.add_argument("--version", action=_Version, nargs=0, help="the program's version")
    commands = Commands(top, "command", "COMMAND")
    for name in [MODULES[command]] if command in MODULES else dict.fromkeys(MODULES.values()):
        import_module(f"app.cli.{name}").add_commands(commands)
    if language == "zh_CN":
        translation.translate(top)
    return top
