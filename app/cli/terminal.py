"""The person at the terminal: what is said, and what is asked for.

A PIN or password comes from a prompt, from standard input or, for tests, from the environment;
never from the command line.
"""

from __future__ import annotations

import argparse
import codecs
import getpass
import json
import os
import shlex
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from app.errors import UsageError, explain, phrase
from crypto import verdict
from crypto.wording import as_sentences, conclusion

if TYPE_CHECKING:
    from app.desk import Desk
    from crypto.proofs import Proof
    from crypto.verdict import Report, SignatureReport
    from device.token import Token

UNREADABLE = 4
_EXITS = {
    **{"VALID": 0, "INVALID": 1, "UNKNOWN": 2, "VALID_CHANGED_LATER": 5, "UNSIGNED": 3},
    "UNREADABLE": UNREADABLE,
}
_WORST_FIRST = (1, UNREADABLE, 2, 5, 3, 0)


def worst_exit(verdicts: Iterable[str]) -> int:
    """The exit code of ``sealdesk verify`` for these verdicts: that of the worst."""
    codes = {_EXITS[verdict] for verdict in verdicts}
    return next(code for code in _WORST_FIRST if code in codes)


def complain(error: BaseException, language: str) -> None:
    """Explain *error* on stderr, if there is one: title and code, cause, remedy."""
    message = explain(error, language, command_line=True)
    if sys.stderr is None:  # a windowed program
        return
    sys.stderr.write(f"{message.title} [{message.code}]\n")
    sys.stderr.write(f"  {message.cause}\n  {message.remedy}\n")


def tell(text: str = "") -> None:
    """A line on standard output."""
    sys.stdout.write(text + "\n")


def tell_json(data: Any) -> None:
    """*data* as JSON on standard output."""
    tell(json.dumps(data, ensure_ascii=False, indent=2))


def read_line() -> str:
    """The next line of standard input without its end: UTF-8, or else the code page of Chinese
    Windows, in which its shells write into a pipe."""
    source = getattr(sys.stdin, "buffer", None)
    if source is None:  # a windowed program has no standard input
        return sys.stdin.readline().rstrip("\r\n") if sys.stdin else ""
    raw = source.readline().removeprefix(codecs.BOM_UTF8).rstrip(b"\r\n")
    try:
        return str(raw.decode("utf-8"))
    except UnicodeDecodeError:
        return str(raw.decode("gb18030", errors="replace"))


def read_pins(
    options: argparse.Namespace,
    token: Token,
    *prompts: str,
    variables: tuple[str, ...] = ("SEALDESK_PIN", "SEALDESK_NEW_PIN"),
) -> list[str]:
    """One PIN per prompt, from standard input, the environment or a person."""
    if options.pin_stdin:
        lines = [read_line() for _ in prompts]
        if not all(lines):
            raise UsageError("input_ended")
        return lines
    names = variables[: len(prompts)]
    from_environment = [os.environ[name] for name in names if name in os.environ]
    if len(from_environment) == len(prompts):
        return from_environment
    name = f"{token.info.label} {token.info.serial}".strip()
    try:
        return [getpass.getpass(f"{prompt} [{name}]: ") for prompt in prompts]
    except EOFError as error:
        raise UsageError("nobody_enters_pin", "--pin-stdin") from error


def enter_pin(
    desk: Desk, options: argparse.Namespace, token: Token, variable: str = "SEALDESK_PIN"
) -> str:
    """The PIN of *token*, asked for as the options say."""
    language = desk.settings.language
    prompt, left = phrase("cli.pin", language), token.pin_state().tries_left
    if left is not None:
        prompt += f" ({phrase('cli.token_tries_left', language)}: {left})"
    return read_pins(options, token, prompt, variables=(variable,))[0]


def pdf_password(options: argparse.Namespace) -> str | None:
    """The PDF's own password, if it is to come from standard input."""
    return read_line() if options.password_stdin else None


def print_report(report: Report, language: str) -> None:
    """*report* in words: a verdict, and what each signature rests on."""
    tell(f"{report.file.name}: {verdict.say('verdicts', report.verdict.value, language)}")
    first = conclusion(report, language)
    tell(f"  {first.sentence}")
    tell(f"  {first.action}")
    for signature in report.signatures:
        word = verdict.say("verdicts", signature.verdict.value, language)
        tell(f"  {word}  {signature.called(language)}")
        for line in _four_lines(report, signature, language):
            tell(f"    {line}")
        for sentence in as_sentences(signature.findings, language):
            level = verdict.say("levels", sentence.level.value, language)
            tell(f"    [{level}] {sentence.text}")
    for sentence in as_sentences(report.findings, language):
        tell(f"  [{verdict.say('levels', sentence.level.value, language)}] {sentence.text}")


def _four_lines(report: Report, signature: SignatureReport, language: str) -> Iterator[str]:
    """谁颁发, 印章状态, 证书是否吊销, 时间: how each stands, and what could
    still prove it, told once."""
    told: set[str] = set()
    for proof in signature.proofs:
        name = verdict.say("proofs", proof.what, language)
        state = verdict.say("proofs", proof.state, language)
        line = f"{name}: {state}"
        if proof.state in ("missing", "failed"):
            line += f" · {verdict.proof_text(signature, proof, language)}"
        if proof.action in told:
            line += f" → {verdict.say('proofs', 'same', language)}"
        elif proof.action:
            told.add(proof.action)
            line += f"\n      → {_command(proof, report, signature, language)}"
        yield line


def _command(proof: Proof, report: Report, signature: SignatureReport, language: str) -> str:
    """What to type. Whoever signs without a seal need not be trusted to make seals."""
    plain = proof.action == "add_file" and signature.seal is None
    words = phrase("trust.do_add_signer" if plain else f"trust.do_{proof.action}", language)
    return words.format(
        origin=verdict.one_line(signature.origin),
        file=shlex.quote(verdict.one_line(report.file.name)),
    )


def says_yes(answer: str, language: str) -> bool:
    """Is *answer*, a line that somebody has typed, a yes?"""
    return answer.strip().casefold() in ("yes", "y", phrase("cli.yes", language))


def asked(value: str | None, option: str, desk: Desk) -> str:
    """*value*, or what a person at the terminal answers instead of giving the *option*."""
    if value:
        return value
    if not sys.stdin.isatty():
        raise UsageError("needed", option)
    return input(f"{phrase('cli.ask.' + option[2:].replace('-', '_'), desk.settings.language)}: ")
