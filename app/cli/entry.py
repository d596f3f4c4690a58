"""``sealdesk``: the command line.

    sealdesk token list|info|init|change-pin
    sealdesk enroll  --platform URL --uscc … --name …
    sealdesk seal list|show ID|inspect FILE
    sealdesk sync
    sealdesk stamp IN.pdf [-o OUT.pdf] --seal ID (--at … | --keyword … | --riding …)
                   [--date [cn|iso]]
    sealdesk stamp IN.pdf --profile pades [--pades-key NAME]
    sealdesk timestamp FILE.pdf [--timestamp URL] [--long-term]
    sealdesk verify FILE.pdf|FOLDER… [--jobs N] [--csv SUMMARY.csv] [--report-dir FOLDER]
    sealdesk verify FILE.pdf --report OUT.pdf [--sealed]
    sealdesk evidence FILE.pdf -o OUT.zip | --check OUT.zip
    sealdesk dispute FILE.pdf --seal CODE --reason … --contact … | RECEIPT.json --status|--fetch ZIP
    sealdesk journal list|check|export|seal-off
    sealdesk diagnose [-o OUT.json]
    sealdesk trust list|add FILE [--for makers|signers|timestamps|all]|remove SM3
    sealdesk demo [FILE.pdf]

A PIN comes from a prompt, from ``--pin-stdin`` (its first line) or, for tests, from SEALDESK_PIN;
never from the command line. ``verify`` exits with 0 all valid, 1 something invalid, 2 unknown or
changed later, 3 not signed, 4 unreadable; errors have exit codes of their own
(:class:`app.errors.ExitCode`).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from app.cli import commands, stamping, translation, trust
from app.cli.terminal import complain
from app.errors import SettingsInvalid, UsageError, exit_code
from app.store.anchors import PURPOSES

if TYPE_CHECKING:
    from app.desk import Desk


def main(
    arguments: Sequence[str], window: Callable[[Desk, Sequence[Path]], int] | None = None
) -> int:
    """Run one command; returns the process's exit code. Errors are explained on stderr.

    *window* shows the window, where there is a screen."""
    # a console of another code page must not end in a UnicodeEncodeError
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError):
            stream.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    language = _language()
    try:
        options = parser(language).parse_args(_with_negatives(arguments))
        from app.desk import Desk

        with Desk.open() as desk:
            desk.window = window
            language = desk.settings.language
            code = int(options.run(desk, options))
            sys.stdout.flush()
            return code
    except BrokenPipeError:
        # the reader (head, less) has gone: nothing more to say, and nothing to flush at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (Exception, KeyboardInterrupt) as error:
        if os.environ.get("SEALDESK_TRACEBACK"):
            raise
        complain(error, language)
        return exit_code(error)


def _language() -> str:
    """The person's, before the settings are known to be right."""
    from app.settings import load

    try:
        return load().language
    except SettingsInvalid:
        return os.environ.get("SEALDESK_LANGUAGE", "zh_CN")


# --- the grammar -------------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    """argparse that raises our own error instead of leaving by itself."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.prog}: {message}")


_MAY_BE_NEGATIVE = ("--at", "--date-at", "--pages")


def _with_negatives(arguments: Sequence[str]) -> list[str]:
    """``--at -1:30,40`` (the last page) as ``--at=-1:30,40``: argparse takes the former for an
    option."""
    joined: list[str] = []
    for each in arguments:
        if joined and joined[-1] in _MAY_BE_NEGATIVE and each[:1] == "-" and each[1:2].isdigit():
            joined[-1] += f"={each}"
        else:
            joined.append(each)
    return joined


def parser(language: str = "en") -> argparse.ArgumentParser:
    """The whole grammar, explained in *language*."""
    translation.speak(language)
    top = _Parser(
        prog="sealdesk",
        description="印台 SealDesk: stamp and verify PDF documents with an electronic seal",
        allow_abbrev=False,
    )
    verbs = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, run: Any, text: str, parent: Any = verbs) -> _Parser:
        made: _Parser = parent.add_parser(name, help=text, description=text, allow_abbrev=False)
        made.set_defaults(run=run)
        return made

    def group(name: str, text: str) -> Any:
        made = verbs.add_parser(name, help=text, description=text, allow_abbrev=False)
        return made.add_subparsers(dest="action", required=True, metavar="ACTION")

    tokens = group("token", "smart keys (Ukey)")
    _token_options(command("list", commands.token_list, "the keys plugged in", tokens))
    _token_options(command("info", commands.token_info, "one key: PIN state, certificates", tokens))
    made = command("init", commands.token_init, "erase a key and set label and PINs", tokens)
    _token_options(made)
    made.add_argument("--label", default="SealDesk", help="name of the key")
    made.add_argument("--virtual", action="store_true", help="make a virtual key (for training)")
    made.add_argument("--pin-stdin", action="store_true", help="SO PIN and PIN, a line each")
    made = command("change-pin", commands.token_change_pin, "change the PIN", tokens)
    _token_options(made)
    made.add_argument("--pin-stdin", action="store_true", help="old and new PIN, a line each")

    made = command("enroll", commands.enroll, "key pair, certificate and seal from the platform")
    _token_options(made)
    _pin_option(made)
    made.add_argument("--platform", required=True, metavar="URL", help="of the platform")
    made.add_argument("--uscc", required=True, help="unified social credit code, 18 characters")
    made.add_argument("--name", required=True, help="name of the enterprise")
    made.add_argument("--legal-rep", help="legal representative (asked for if not given)")
    made.add_argument("--handler", help="name of the person applying")
    made.add_argument("--handler-id", help="citizen identity number of that person")
    made.add_argument("--phone", help="mobile number of that person")
    made.add_argument(
        "--kind",
        default="official",
        choices=("official", "contract", "finance", "invoice", "legal_representative"),
        help="which seal (default: official)",
    )
    made.add_argument("--physical-code", help="13-digit code of the physical seal")
    made.add_argument("--wait", type=float, default=60.0, help="seconds to wait for the review")

    seals = group("seal", "the seals in the cabinet")
    made = command("list", commands.seal_list, "all seals", seals)
    made.add_argument("--json", action="store_true", help="the answer as JSON")
    made = command("show", commands.seal_show, "one seal", seals)
    made.add_argument("seal", metavar="ID", help="seal code or name")
    made.add_argument("--json", action="store_true", help="the answer as JSON")
    made = command("inspect", commands.seal_inspect, "any seal or signature file, offline", seals)
    made.add_argument("file", type=Path, help="the seal or signature file")
    made.add_argument("--json", action="store_true", help="the answer as JSON")
    _trust_options(made)

    made = command("sync", commands.sync, "fetch seals and status, send usage records")
    _token_options(made)
    _pin_option(made)

    _stamp_options(command("stamp", stamping.stamp, "put a seal on a PDF"))

    made = command("timestamp", stamping.timestamp, "a time stamp over a whole PDF")
    made.add_argument("file", type=Path, metavar="FILE.pdf", help="the PDF to time-stamp")
    made.add_argument("-o", "--output", type=Path, metavar="OUT.pdf", help="where the result goes")
    _timestamp_options(made)
    made.add_argument("--json", action="store_true", help="the answer as JSON")
    made.add_argument("--password-stdin", action="store_true", help="the PDF's password")

    made = command("verify", commands.verify, "judge the seals and signatures of PDF files")
    made.add_argument(
        "files",
        nargs="+",
        type=Path,
        metavar="FILE.pdf|FOLDER",
        help="the PDF to verify, or a folder of them",
    )
    made.add_argument("--json", action="store_true", help="docs/report-schema.md")
    made.add_argument("--jobs", type=_positive, metavar="N", help="worker processes")
    made.add_argument("--timeout", type=_positive, default=30, metavar="S", help="for one file")
    made.add_argument(
        "--isolate",
        action="store_true",
        help="every file in a process that no other file has been in: slower",
    )
    made.add_argument("--csv", type=Path, metavar="SUMMARY.csv", help="one row per file")
    made.add_argument("--report-dir", type=Path, metavar="FOLDER", help="a report (PDF) per file")
    made.add_argument("--report", type=Path, metavar="OUT.pdf", help="the report on one file")
    made.add_argument(
        "--sealed",
        action="store_true",
        help="with --report: SEND THE FILE TO THE PLATFORM, which verifies it and seals the report;"
        " it keeps nothing of the file",
    )
    made.add_argument("--offline", action="store_true", help="do not ask the platform")
    made.add_argument("--password-stdin", action="store_true", help="the PDF's password")
    _trust_options(made)

    made = command("evidence", _evidence, "a package with all that is needed to verify again")
    made.add_argument(
        "file",
        type=Path,
        metavar="FILE.pdf|PACKAGE.zip",
        help="the document, or the package to check",
    )
    made.add_argument("-o", "--output", type=Path, metavar="OUT.zip", help="where the result goes")
    made.add_argument("--check", action="store_true", help="judge a package, offline")
    made.add_argument("--offline", action="store_true", help="do not ask the platform")
    made.add_argument("--password-stdin", action="store_true", help="the PDF's password")
    _trust_options(made)

    made = command("dispute", _dispute, "object to a seal on a document, and follow the dispute")
    made.add_argument(
        "file", type=Path, metavar="FILE.pdf|RECEIPT.json", help="the document, or a receipt"
    )
    made.add_argument("--seal", metavar="CODE", help="code of the seal that is objected to")
    made.add_argument("--reason", metavar="TEXT", help="what is wrong, in your words")
    made.add_argument("--contact", metavar="TEXT", help="how to reach you: telephone, e-mail")
    made.add_argument("--name", default="", metavar="TEXT", help="your name or your company's")
    made.add_argument("--signed", action="store_true", help="sign the statement with the smart key")
    made.add_argument(
        "--package",
        type=Path,
        metavar="EVIDENCE.zip",
        help="SEND this evidence package along; it contains the document",
    )
    made.add_argument(
        "-o", "--output", type=Path, metavar="RECEIPT.json", help="where the receipt goes"
    )
    made.add_argument("--status", action="store_true", help="how far it is (with a receipt)")
    made.add_argument(
        "--fetch",
        type=Path,
        metavar="OUT.zip",
        help="fetch and check the platform's evidence package (with a receipt)",
    )
    made.add_argument("--json", action="store_true", help="the answer as JSON")
    made.add_argument("--password-stdin", action="store_true", help="the PDF's password")
    _token_options(made)
    _pin_option(made)

    journals = group("journal", "the usage journal")
    made = command("list", commands.journal_list, "its entries", journals)
    made.add_argument("--json", action="store_true", help="the answer as JSON")
    command("check", commands.journal_check, "prove that nothing was changed or cut", journals)
    made = command("export", commands.journal_export, "write it as CSV or XLSX", journals)
    made.add_argument(
        "output",
        type=Path,
        metavar="FILE.csv|FILE.xlsx",
        help="where the journal is written to",
    )
    command("seal-off", commands.journal_seal_off, "put a damaged journal away", journals)

    made = command("diagnose", _diagnose, "facts for support, without secrets")
    made.add_argument("-o", "--output", type=Path, metavar="OUT.json", help="where the result goes")

    trusted = group("trust", "the certificates that verification rests on")
    command("list", trust.show, "all trust anchors", trusted)
    made = command("add", trust.add, "trust a certificate from now on", trusted)
    made.add_argument("file", type=Path, metavar="FILE", help="certificate, PEM or DER")
    made.add_argument(
        "--for",
        dest="purpose",
        default="all",
        choices=PURPOSES,
        help="what it is trusted for (default: all three)",
    )
    made.add_argument("--yes", action="store_true", help="do not ask")
    made = command("remove", trust.remove, "trust one no more", trusted)
    made.add_argument("sm3", metavar="SM3", help="its SM3, 8 digits at least")

    made = command("demo", commands.demo, "platform, virtual Ukey, a stamped and verified PDF")
    made.add_argument(
        "file",
        nargs="?",
        type=Path,
        metavar="FILE.pdf",
        help="the PDF to stamp instead of the sample",
    )
    made.add_argument(
        "--output",
        type=Path,
        default=Path("demo-out"),
        metavar="FOLDER",
        help="folder for the results (default: demo-out)",
    )
    made.add_argument("--no-window", action="store_true", help="do not open the window at the end")
    if language == "zh_CN":
        translation.translate(top)
    return top


def _token_options(made: argparse.ArgumentParser) -> None:
    made.add_argument("--module", type=Path, help="driver library (PKCS#11) of the key")
    made.add_argument("--token", help="serial number or label of the key")


def _pin_option(made: argparse.ArgumentParser) -> None:
    made.add_argument("--pin-stdin", action="store_true", help="read the PIN from standard input")


def _trust_options(made: argparse.ArgumentParser) -> None:
    made.add_argument(
        "--trust",
        nargs="+",
        action="extend",
        default=[],
        type=Path,
        metavar="CERT.pem",
        help="trust these certificates as anchors",
    )
    made.add_argument("--at-time", type=_moment, metavar="ISO", help="judge as of this moment")


def _stamp_options(made: argparse.ArgumentParser) -> None:
    made.add_argument("file", type=Path, metavar="IN.pdf", help="the PDF to stamp")
    made.add_argument("-o", "--output", type=Path, metavar="OUT.pdf", help="where the result goes")
    made.add_argument("--seal", metavar="ID", help="seal code or name")
    made.add_argument(
        "--at",
        action="append",
        metavar="[PAGE:]X,Y",
        help="centre of the seal in millimetres from the page's top left; may be repeated",
    )
    made.add_argument("--pages", help="pages for --at X,Y: 1,3-5,-1,all,odd,even")
    made.add_argument("--keyword", metavar="TEXT[:N]", help="on the N-th occurrence of TEXT")
    made.add_argument(
        "--riding",
        choices=("right", "left", "top", "bottom"),
        help="a riding seam over the pages' edge",
    )
    made.add_argument(
        "--date",
        nargs="?",
        const="cn",
        choices=("cn", "iso"),
        help="the day of stamping (Beijing) beside each seal: 2024年10月18日 or 2024-10-18",
    )
    made.add_argument(
        "--date-at",
        action="append",
        metavar="PAGE:X,Y",
        help="the date there instead, its centre in mm, on a page with a seal (repeatable)",
    )
    made.add_argument("--reason", default="", help="why it is sealed; written into the signature")
    made.add_argument(
        "--profile",
        choices=("ses", "ses-adobe", "cms", "pades", "dual"),
        help="kind of signature; pades: no seal, for readers abroad; dual: a seal and pades",
    )
    made.add_argument(
        "--pades-key",
        metavar="NAME",
        help="RSA or P-256 key for pades: its certificate's name or number, or its token's",
    )
    made.add_argument("--pades-module", type=Path, help="driver library (PKCS#11) of that key")
    _timestamp_options(made)
    made.add_argument("--offline", action="store_true", help="do not ask the platform")
    made.add_argument("--json", action="store_true", help="the answer as JSON")
    made.add_argument(
        "--password-stdin", action="store_true", help="the PDF's password, a line before the PIN"
    )
    _token_options(made)
    _pin_option(made)


def _timestamp_options(made: argparse.ArgumentParser) -> None:
    made.add_argument(
        "--timestamp", metavar="URL|platform|none", help="time-stamping authority (RFC 3161)"
    )
    made.add_argument(
        "--long-term",
        action="store_true",
        help="enclose certificates and revocation data (PAdES B-LT)",
    )


def _evidence(desk: Desk, options: argparse.Namespace) -> int:
    from app.cli.verifying import evidence

    return evidence(desk, options)


def _dispute(desk: Desk, options: argparse.Namespace) -> int:
    from app.cli.disputes import dispute

    return dispute(desk, options)


def _diagnose(desk: Desk, options: argparse.Namespace) -> int:
    from app.diagnosing import diagnose

    return diagnose(desk, options)


def _positive(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if not 0 < number < 100_000:
        raise argparse.ArgumentTypeError(f"not a number above 0: {text}")
    return number


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise argparse.ArgumentTypeError(f"not an ISO 8601 time: {text}") from error
