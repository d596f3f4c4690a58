"""``sealdesk appointment``: the legal representative says with a key of his own who keeps a seal
and who handles an application."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from app.cli.grammar import Commands, Parser, json_option, pin_option, token_options
from app.cli.terminal import asked, enter_pin, tell, tell_json
from app.errors import UsageError, phrase
from app.remote import appointments
from crypto.beijing import in_beijing

if TYPE_CHECKING:
    from app.desk import Desk
    from app.remote.platform_account import Appointed, PlatformClient
    from device.token import Session


def add_commands(commands: Commands) -> None:
    """``appointment give``, ``list`` and ``end``."""
    group = commands.group(
        "appointment", "who keeps a seal or handles an application, said by the representative"
    )
    made = group.add("give", give, "appoint a keeper of a seal or a handler of an application")
    _options(made)
    made.add_argument("--role", required=True, choices=appointments.ROLES, help="as what")
    made.add_argument("--seal", metavar="CODE", help="the seal that is kept")
    made.add_argument("--application", metavar="ID", help="the application that is handled")
    made.add_argument("--handler", metavar="NAME", help="name of the person appointed")
    made.add_argument("--handler-id", metavar="NUMBER", help="citizen number of the person")
    json_option(made)

    made = group.add("list", every, "all appointments of the enterprise")
    _options(made)
    json_option(made)

    made = group.add("end", end, "end an appointment now")
    made.add_argument("appointment", metavar="ID", help="identifier, as list shows it")
    _options(made)
    json_option(made)


def _options(made: Parser) -> None:
    token_options(made)
    pin_option(made)
    made.add_argument("--platform", metavar="URL", help="of the platform (default: the set one)")
    made.add_argument("--uscc", help="of the enterprise (default: that of the seal in the cabinet)")


@contextmanager
def _representative(
    desk: Desk, options: argparse.Namespace
) -> Iterator[tuple[str, Session, PlatformClient]]:
    """The enterprise's code, and the representative's token, logged in."""
    known = {seal.uscc for seal in desk.cabinet.seals()}
    if not options.uscc and len(known) != 1:
        raise UsageError("needed", "--uscc")
    platform = desk.platform(options.platform or "")
    token = desk.token(options.token, options.module)
    with token.login(enter_pin(desk, options, token)) as session:
        yield options.uscc or known.pop(), session, platform


def give(desk: Desk, options: argparse.Namespace) -> int:
    about = options.seal if options.role == "keeper" else options.application
    if not about:
        raise UsageError("needed", "--seal" if options.role == "keeper" else "--application")
    if options.role == "handler":
        mine = [each for each in desk.cabinet.applications.all() if about in (each.id,)]
        about = mine[0].server_id if mine else about
    name = asked(options.handler, "--handler", desk)
    number = asked(options.handler_id, "--handler-id", desk).upper()
    with _representative(desk, options) as (uscc, session, platform):
        made = appointments.give(uscc, options.role, about, name, number, session, platform)
    _tell(desk, [made], options)
    return 0


def every(desk: Desk, options: argparse.Namespace) -> int:
    with _representative(desk, options) as (uscc, session, platform):
        found = appointments.every(uscc, session, platform)
    _tell(desk, found, options)
    return 0


def end(desk: Desk, options: argparse.Namespace) -> int:
    with _representative(desk, options) as (uscc, session, platform):
        ended = appointments.end(uscc, options.appointment, session, platform)
    _tell(desk, [ended], options)
    return 0


def _tell(desk: Desk, found: list[Appointed], options: argparse.Namespace) -> None:
    if options.json:
        tell_json(
            [
                {
                    **{name: getattr(each, name) for name in ("id", "role", "name", "about")},
                    "since": each.since.isoformat(),
                    "until": each.until and each.until.isoformat(),
                }
                for each in found
            ]
        )
        return
    language = desk.settings.language
    for each in found:
        role = phrase(f"appointment_role.{each.role}", language)
        since = f"{in_beijing(each.since):%Y-%m-%d}"
        until = f"{in_beijing(each.until):%Y-%m-%d}" if each.until else ""
        tell("\t".join((each.id, role, each.name, each.about, f"{since} – {until}")))
