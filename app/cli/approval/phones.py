"""``sealdesk phone``: phones that may approve in the place of the Ukey."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from app.cli.grammar import Commands, json_option, pin_option, token_options
from app.cli.terminal import enter_pin, tell, tell_json
from app.errors import Cancelled, PhoneNotProved, phrase
from crypto.verdict import beijing

if TYPE_CHECKING:
    from app.desk import Desk
    from app.remote.approval.phones import Answered, Pairing, Phone

_WHITE_ON_BLACK = "\x1b[97;40m{}\x1b[0m"


def add_commands(commands: Commands) -> None:
    """``phone pair``, ``list`` and ``revoke``."""
    phones = commands.group("phone", "phones that approve in place of the Ukey")
    made = phones.add("pair", pair, "pair a phone by a QR code, and bind it with the Ukey")
    _with_key(made)
    made = phones.add("list", list_phones, "phones that this Ukey has bound")
    _with_key(made)
    made = phones.add("revoke", revoke, "end a phone's binding at once")
    made.add_argument("phone", metavar="ID", help="number or name of the phone")
    _with_key(made)


def _with_key(made: Any) -> None:
    made.add_argument("--platform", metavar="URL", help="of the platform (default: the set one)")
    token_options(made)
    pin_option(made)
    json_option(made)


def pair(desk: Desk, options: argparse.Namespace) -> int:
    from app.remote.approval.phones import PhonesClient, wait_for_phone

    token = desk.token(options.token, options.module)
    client = desk.client(PhonesClient, options.platform or "")
    with client, token.login(enter_pin(desk, options, token)) as session:
        key = desk.holder_key(session)
        client.sign_in(key)
        begun = client.begin_pairing()
        _show(desk, begun)
        answered = wait_for_phone(client, begun)
        if answered is None or not _confirmed(desk, answered):
            raise Cancelled
        made = client.bind_phone(begun, answered, key, datetime.now(UTC))
    if options.json:
        tell_json(facts(made))
    else:
        tell(phrase("phone.bound", desk.settings.language).format(id=made.id))
    return 0


def _show(desk: Desk, begun: Pairing) -> None:
    language = desk.settings.language
    who = f"{begun.person} {begun.enterprise}".strip()
    show_code(phrase("phone.scan", language).format(who=who), begun.url)


def show_code(said: str, url: str) -> None:
    """The QR code where there is a terminal to show it, and always where it leads."""
    from app.remote.approval.phones import qr_lines

    sys.stderr.write(said + "\n")
    if sys.stderr.isatty():
        for line in qr_lines(url):
            sys.stderr.write(_WHITE_ON_BLACK.format(line) + "\n")
    sys.stderr.write(url + "\n")
    sys.stderr.flush()


def _confirmed(desk: Desk, answered: Answered) -> bool:
    """Has the person entered the six digits that the phone shows? Raises
    :class:`app.errors.PhoneNotProved` for others."""
    sys.stderr.write(phrase("phone.enter_digits", desk.settings.language) + " ")
    sys.stderr.flush()
    entered = "".join(sys.stdin.readline().split())
    if entered and entered != answered.digits:
        raise PhoneNotProved
    return bool(entered)


def list_phones(desk: Desk, options: argparse.Namespace) -> int:
    from app.remote.approval.phones import PhonesClient

    token = desk.token(options.token, options.module)
    client = desk.client(PhonesClient, options.platform or "")
    with client, token.login(enter_pin(desk, options, token)) as session:
        key = desk.holder_key(session)
        client.sign_in(key)
        found = client.phones(key.certificate)
    if options.json:
        tell_json([facts(each) for each in found])
        return 0
    for phone in found:
        _line(phone, desk.settings.language)
    if not found:
        tell(phrase("phone.none", desk.settings.language))
    return 0


def revoke(desk: Desk, options: argparse.Namespace) -> int:
    from app.remote.approval.phones import PhonesClient, chosen

    token = desk.token(options.token, options.module)
    client = desk.client(PhonesClient, options.platform or "")
    with client, token.login(enter_pin(desk, options, token)) as session:
        key = desk.holder_key(session)
        client.sign_in(key)
        phone = chosen(client.phones(key.certificate), options.phone)
        ended = client.revoke_phone(phone, key, datetime.now(UTC))
    if options.json:
        tell_json(facts(ended))
    else:
        _line(ended, desk.settings.language)
    return 0


def _line(phone: Phone, language: str) -> None:
    state = "in_use" if phone.in_use else "revoked" if phone.state == "revoked" else "over"
    until = facts(phone)["until"]
    columns = (
        phone.id,
        phone.binding.phone,
        phrase(f"phone_state.{state}", language),
        beijing(phone.bound_at)[:16],
        beijing(datetime.fromisoformat(until))[:16],
    )
    tell("\t".join(columns))


def facts(phone: Phone) -> dict[str, Any]:
    """A phone as JSON-ready data."""
    binding = phone.binding
    return {
        "id": phone.id,
        "state": phone.state,
        "phone": binding.phone,
        "person": binding.person,
        "enterprise": binding.enterprise,
        "seals": binding.seals,
        "backup": binding.backup,
        "from": binding.from_,
        "until": binding.until,
        "binding_sha256": binding.sha256,
        "bound_at": phone.bound_at.isoformat(),
    }
