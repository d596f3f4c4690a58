"""``sealdesk enroll``, ``seal``, ``sync``: how seals come into the cabinet, and what is in it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli import seal_changes
from app.cli.grammar import (
    Commands,
    Parser,
    applicant_options,
    json_option,
    pin_option,
    token_options,
    trust_options,
)
from app.cli.program.updating import mention
from app.cli.stamp.choosing import chosen_seal
from app.cli.terminal import asked, enter_pin, tell, tell_json, worst_exit
from app.errors import SealNotUsable, explain, phrase, platform_reason
from crypto.beijing import in_beijing
from crypto.verdict import say

if TYPE_CHECKING:
    from app.desk import Desk
    from app.remote.lending_client import LendingClient
    from app.store.cabinet import SealRecord
    from device.token import Session


def add_commands(commands: Commands) -> None:
    """``enroll``, ``seal list``, ``show`` and ``inspect``, ``sync``."""
    made = commands.add("enroll", enroll, "key pair, certificate and seal from the platform")
    token_options(made)
    pin_option(made)
    applicant_options(made, needed=True)
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
    seal_changes.add_to(seals)

    made = seals.add("suspend", seal_suspend, "stop a seal at once; --reason lost reports it lost")
    _changing(made)
    made.add_argument("--reason", required=True, choices=REASONS, help="why it is stopped")
    _changing(seals.add("resume", seal_resume, "use a seal again that you have stopped"))

    made = commands.add("sync", sync, "fetch seals and status, send usage records")
    token_options(made)
    pin_option(made)
    made.add_argument("--platform", metavar="URL", help="of the platform (default: the set one)")


REASONS = ("holder_request", "lost", "key_compromised")


def _changing(made: Parser) -> None:
    made.add_argument("seal", metavar="ID", help="seal code or name")
    token_options(made)
    pin_option(made)


def enroll(desk: Desk, options: argparse.Namespace) -> int:
    from app.remote.enrolling import Applicant, enrol

    platform = desk.platform_to_join(options.platform or "")
    token = desk.token(options.token, options.module)
    applicant = Applicant(
        uscc=options.uscc,
        enterprise=options.name,
        legal_rep=asked(options.legal_rep, "--legal-rep", desk),
        handler=asked(options.handler, "--handler", desk),
        handler_id=asked(options.handler_id, "--handler-id", desk),
        phone=asked(options.phone, "--phone", desk),
        kind=options.kind,
        physical_code=options.physical_code,
        letter=options.letter,
    )
    with token.login(enter_pin(desk, options, token)) as session:
        seal = enrol(applicant, session, platform, desk.cabinet, wait_s=options.wait)
        desk.settle_token(session, seal)
    if options.platform:
        desk.remember_platform(options.platform)
    tell(f"{phrase('cli.collected', desk.settings.language)} {seal.code} {seal.name}")
    return 0


def seal_list(desk: Desk, options: argparse.Namespace) -> int:
    seals = desk.cabinet.seals()
    if options.json:
        tell_json([desk.seal_facts(seal) for seal in seals])
        return 0
    language = desk.settings.language
    for seal in seals:
        state = phrase(f"seal_state.{seal.state}", language)
        name = _marked(seal, seal.name, language)
        tell("\t".join((seal.code, name, state, f"{seal.parsed.valid_until:%Y-%m-%d}")))
    if not seals:
        tell(phrase("cli.no_seal", desk.settings.language))
    return 0


def seal_show(desk: Desk, options: argparse.Namespace) -> int:
    seal = chosen_seal(desk, options.seal)
    if options.json:
        tell_json(desk.seal_facts(seal))
    else:
        _describe(seal, desk)
    return 0


def _describe(seal: SealRecord, desk: Desk) -> None:
    """Facts about a seal, a line each."""
    language = desk.settings.language
    why_not = _unusable(seal, language)
    statement = desk.cabinet.statement(seal.code, seal.platform)
    parsed = seal.parsed
    rows = {
        "name": seal.name,
        "code": seal.code,
        "kind": _marked(seal, say("seal_types", str(parsed.seal_type), language), language),
        "enterprise": f"{seal.enterprise} {seal.uscc}",
        "state": phrase(f"seal_state.{seal.state}", language),
        "usable": why_not or phrase("cli.yes", language),
        "period": f"{parsed.valid_from:%Y-%m-%d} – {parsed.valid_until:%Y-%m-%d}",
        "certificate": f"{seal.signer.subject.common_name} ({seal.signer.not_after:%Y-%m-%d})",
        "size": f"{parsed.width_mm:g} × {parsed.height_mm:g} mm",
        "platform": seal.platform,
        "confirmed": f"{in_beijing(statement.statement.issued_at):%Y-%m-%d %H:%M}"
        if statement
        else phrase("cli.not_told", language),
    }
    for key, value in rows.items():
        tell(f"{phrase(f'seal_show.{key}', language)}: {value}")


def _marked(seal: SealRecord, what: str, language: str) -> str:
    """*what* is said of *seal*, and that it is lent, as the window says it."""
    return what if seal.grant is None else phrase("cli.lent", language).format(what=what)


def _unusable(seal: SealRecord, language: str) -> str:
    """Why *seal* cannot stamp now, as a sentence; "" if it can."""
    why = seal.usable(datetime.now(UTC))
    return explain(SealNotUsable(seal.name, why), language).cause if why else ""


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


def seal_suspend(desk: Desk, options: argparse.Namespace) -> int:
    from app.remote.collecting import suspend

    def change(seal: SealRecord, session: Session, platform: LendingClient) -> SealRecord:
        return suspend(seal, options.reason, session, platform, desk.cabinet)

    return _change(desk, options, change)


def seal_resume(desk: Desk, options: argparse.Namespace) -> int:
    from app.remote.collecting import resume

    def change(seal: SealRecord, session: Session, platform: LendingClient) -> SealRecord:
        return resume(seal, session, platform, desk.cabinet)

    return _change(desk, options, change)


def _change(
    desk: Desk,
    options: argparse.Namespace,
    change: Callable[[SealRecord, Session, LendingClient], SealRecord],
) -> int:
    seal = chosen_seal(desk, options.seal)
    platform = desk.platform(seal.platform)
    token = desk.token(options.token, options.module, holding=seal.signer)
    with token.login(enter_pin(desk, options, token)) as session:
        changed = change(seal, session, platform)
    state = phrase(f"seal_state.{changed.state}", desk.settings.language)
    tell(f"{seal.code} {seal.name}: {state}")
    return 0


def sync(desk: Desk, options: argparse.Namespace) -> int:
    from app.remote.syncing import synchronise_token

    desk.enter_unfinished()
    platform = desk.platform_to_join(options.platform or "")
    token = desk.token(options.token, options.module)
    with token.login(enter_pin(desk, options, token)) as session:
        done = synchronise_token(platform, desk.cabinet, session, lending=desk.lending)
    if options.platform:
        desk.remember_platform(options.platform)
    language = desk.settings.language
    for seal in done.restored:
        tell(f"{phrase('cli.restored', language)} {seal.code} {seal.name}")
    for application in done.applications:
        state = phrase(f"application_state.{application.state}", language)
        words = phrase("cli.application_moved", language)
        reason = platform_reason(application.reason, language)
        tell(words.format(id=application.id, state=state, reason=reason).rstrip())
        desk.cabinet.applications.mark_told(application.id)
    for name in done.doubled:
        tell(phrase("cli.lease_doubled", language).format(seal=name))
    tell(phrase("cli.synced", language).format(seals=done.seals, records=done.records))
    waiting = len(desk.cabinet.notices.unread())
    if waiting:
        tell(phrase("notices.waiting", language).format(count=waiting))
    mention(desk)
    return 0
