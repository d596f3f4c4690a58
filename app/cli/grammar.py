"""The grammar of the command line: how commands are added, and the options that many of them take.

Each module of commands has ``add_commands(commands)``, which stands beside what they do.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from app.cli.translation import said
from app.errors import UsageError
from app.publishing import check_name, check_output
from crypto.beijing import BEIJING

if TYPE_CHECKING:
    from app.desk import Desk

Run = Callable[["Desk", argparse.Namespace], int]
"""Does a command at a desk and returns the exit code."""


class Parser(argparse.ArgumentParser):
    """argparse that raises our own error instead of leaving by itself."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.prog}: {message}")


class Commands:
    """The commands of ``sealdesk``, or the actions of one of them, to be added to."""

    def __init__(self, parser: Parser, dest: str, metavar: str) -> None:
        self._subparsers: Any = parser.add_subparsers(dest=dest, required=True, metavar=metavar)

    def add(self, name: str, run: Run, text: str) -> Parser:
        """A command that does *run*; *text*, in English, explains it."""
        made = self._parser(name, text)
        made.set_defaults(run=run)
        return made

    def group(self, name: str, text: str) -> Commands:
        """A command that only has actions, which are added to what is returned."""
        return Commands(self._parser(name, text), "action", "ACTION")

    def _parser(self, name: str, text: str) -> Parser:
        made: Parser = self._subparsers.add_parser(
            name, help=text, description=text, allow_abbrev=False
        )
        return made


# --- options that many commands take -----------------------------------------------------------


def token_options(made: Parser) -> None:
    made.add_argument("--module", type=Path, help="driver library (PKCS#11) of the key")
    made.add_argument("--token", help="serial number or label of the key")


def pin_option(made: Parser) -> None:
    made.add_argument("--pin-stdin", action="store_true", help="read the PIN from standard input")


def trust_option(made: Parser) -> None:
    made.add_argument(
        "--trust",
        nargs="+",
        action="extend",
        default=[],
        type=Path,
        metavar="CERT.pem",
        help="trust these certificates as anchors",
    )


def trust_options(made: Parser) -> None:
    trust_option(made)
    made.add_argument("--at-time", type=moment, metavar="ISO", help="judge as of this moment")


def timestamp_options(made: Parser) -> None:
    made.add_argument(
        "--timestamp", metavar="URL|platform|none", help="time-stamping authority (RFC 3161)"
    )
    made.add_argument(
        "--long-term",
        action="store_true",
        help="enclose certificates and revocation data (PAdES B-LT)",
    )


def output_option(made: Parser, metavar: str) -> None:
    made.add_argument(
        "-o", "--output", type=output_file, metavar=metavar, help="where the result goes"
    )


def json_option(made: Parser) -> None:
    made.add_argument("--json", action="store_true", help="the answer as JSON")


def offline_option(made: Parser) -> None:
    made.add_argument("--offline", action="store_true", help="do not ask the platform")


def password_option(made: Parser) -> None:
    made.add_argument("--password-stdin", action="store_true", help="the PDF's password")


# --- values ------------------------------------------------------------------------------------


def refused(problem: str, value: str) -> argparse.ArgumentTypeError:
    """What argparse is to say of *value*: *problem* in the person's language."""
    return argparse.ArgumentTypeError(f"{said(problem)}: {value}")


def output_path(text: str) -> Path:
    """A folder that a command writes into or makes, or a file of its choice, for argparse. Raises
    :class:`app.errors.OutputNotWritable` for a name that some system does not keep."""
    path = Path(text)
    check_name(path)
    return path


def output_file(text: str) -> Path:
    """The one file that a command writes, for argparse: whether it can is told before a PIN is
    asked for. Raises :class:`app.errors.OutputNotWritable`."""
    path = Path(text)
    check_output(path, 0)
    return path


def positive(text: str) -> int:
    """A number from 1 to 99,999, for argparse."""
    number = int(text) if text.isdecimal() else 0
    if not 0 < number < 100_000:
        raise refused("not a number above 0", text)
    return number


def moment(text: str) -> datetime:
    """An ISO 8601 time, for argparse; Beijing's where it names no zone, as all that are shown."""
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=BEIJING)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise refused("not an ISO 8601 time", text) from error


def end(text: str) -> datetime:
    """The same of an end: a day alone means the end of that day."""
    day = text.replace("-", "").isdecimal()
    return moment(text) + timedelta(days=1 if day else 0)


def applicant_options(made: Parser, *, needed: bool = False) -> None:
    """Who asks for which seal; *needed*: enterprise and code must be given."""
    from crypto.seal.application_form import subtypes
    from crypto.seal.kinds import SHAPES

    made.add_argument("--platform", metavar="URL", help="of the platform (default: the set one)")
    made.add_argument("--uscc", required=needed, help="unified social credit code, 18 characters")
    made.add_argument("--name", required=needed, help="name of the enterprise")
    made.add_argument("--legal-rep", help="legal representative (asked for if not given)")
    made.add_argument("--handler", help="name of the person applying")
    made.add_argument("--handler-id", help="citizen identity number of that person")
    made.add_argument("--phone", help="mobile number of that person")
    made.add_argument(
        "--kind",
        default="official" if needed else None,
        choices=tuple(subtypes()),
        help="which seal (default: official)",
    )
    made.add_argument("--physical-code", help="13-digit code of the physical seal")
    if not needed:
        made.add_argument("--department", help="name of the department or branch on the seal")
        made.add_argument("--holder", help="name of the person on an office seal")
        made.add_argument("--shape", choices=SHAPES, help="shape of a personal seal")
    made.add_argument(
        "--letter", default="", metavar="FILE", help="letter of authority, read by a reviewer"
    )
