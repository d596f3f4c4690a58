"""``sealdesk enroll``, ``seal``, ``sync``: how seals come into the cabinet, and what is in it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.choosing import chosen_seal
from app.cli.grammar import Commands, json_option, pin_option, token_options, trust_options
from app.cli.terminal import enter_pin, tell, tell_json, worst_exit
from app.errors import UsageError, phrase
from crypto.verdict import say

if TYPE_CHECKING:
    from app.desk import Desk


def add_commands(commands: Commands) -> None:
    """``enroll``, ``seal list``, ``show`` and ``inspect``, ``sync``."""
    made = commands.add("enroll", enroll, "key pair, certificate and seal from the platform")
    token_options(made)
    pin_option(made)
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

    seals = commands.group("seal", "the seals in the cabinet")
    made = seals.add("list", seal_list, "all seals")
    json_option(made)
    made = seals.add("show", seal_show, "one seal")
    made.add_argument("seal", metavar="ID", help="seal code or name")
    json_option(made)
    made = seals.add("inspect", seal_inspect, "any seal or signature file, offline")
    made.add_argument("file", type=Path, help="the seal or signature file")
    json_option(made)
    trust_options(made)

    made = commands.add("sync", sync, "fetch seals and status, send usage records")
    token_options(made)
    pin_option(made)


def enroll(desk: Desk, options: argparse.Namespace) -> int:
    from app.remote.enrolling import Applicant, enrol

    token = desk.token(options.token, options.module)
    applicant = Applicant(
        uscc=options.uscc,
        enterprise=options.name,
        legal_rep=_asked(options.legal_rep, "--legal-rep", desk),
        handler=_asked(options.handler, "--handler", desk),
        handler_id=_asked(options.handler_id, "--handler-id", desk),
        phone=_asked(options.phone, "--phone", desk),
        kind=options.kind,
        physical_code=options.physical_code,
    )
    platform = desk.platform(options.platform)
    with token.login(enter_pin(desk, options, token)) as session:
        seal = enrol(applicant, session, platform, desk.cabinet, wait_s=options.wait)
    desk.remember_platform(options.platform)
    tell(f"{phrase('cli.collected', desk.settings.language)} {seal.code} {seal.name}")
    return 0


def _asked(value: str | None, option: str, desk: Desk) -> str:
    if value:
        return value
    if not sys.stdin.isatty():
        raise UsageError(f"{option} is needed")
    return input(f"{phrase('cli.ask.' + option[2:].replace('-', '_'), desk.settings.language)}: ")


def seal_list(desk: Desk, options: argparse.Namespace) -> int:
    seals = desk.cabinet.seals()
    if options.json:
        tell_json([desk.seal_facts(seal) for seal in seals])
        return 0
    for seal in seals:
        tell("\t".join((seal.code, seal.name, seal.state, f"{seal.parsed.valid_until:%Y-%m-%d}")))
    if not seals:
        tell(phrase("cli.no_seal", desk.settings.language))
    return 0


def seal_show(desk: Desk, options: argparse.Namespace) -> int:
    facts = desk.seal_facts(chosen_seal(desk, options.seal))
    if options.json:
        tell_json(facts)
    else:
        tell("\n".join(f"{key}: {value}" for key, value in facts.items()))
    return 0


def seal_inspect(desk: Desk, options: argparse.Namespace) -> int:
    from app.inspecting import inspect

    language = desk.settings.language
    answer = inspect(options.file, desk.trust(options.trust), options.at_time, language)
    if options.json:
        tell_json(answer)
    else:
        seal = answer["seal"]
        tell(f"{answer['verdict_text']}  {seal['code']} {seal['name']} ({answer['format']})")
        for finding in answer["findings"]:
            tell(f"  [{say('levels', finding['level'], language)}] {finding['text']}")
    return worst_exit([answer["verdict"]])


def sync(desk: Desk, options: argparse.Namespace) -> int:
    from app.remote.syncing import synchronise

    desk.enter_unfinished()
    token = desk.token(options.token, options.module)
    with token.login(enter_pin(desk, options, token)) as session:
        done = synchronise(desk.platform(), desk.cabinet, desk.holder_key(session))
    words = phrase("cli.synced", desk.settings.language)
    tell(words.format(seals=done.seals, records=done.records))
    return 0
