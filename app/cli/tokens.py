"""``sealdesk token``: the smart keys (Ukey) that are plugged in."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.grammar import Commands, output_file, pin_option, token_options
from app.cli.terminal import asked, enter_pin, read_pins, tell
from app.errors import TokenWithoutSeal, phrase
from app.publishing import save_new
from crypto.beijing import in_beijing
from crypto.pki.certificate_making import make_request

if TYPE_CHECKING:
    from app.desk import Desk
    from app.store.applications import ApplicationRecord
    from app.store.cabinet import SealRecord
    from device.token import Token

_LABEL = "SealDesk"


def add_commands(commands: Commands) -> None:
    """``token list``, ``info``, ``init``, ``change-pin``, ``unlock``, ``request``, ``put``."""
    tokens = commands.group("token", "smart keys (Ukey)")
    token_options(tokens.add("list", token_list, "the keys plugged in"))
    token_options(tokens.add("info", token_info, "one key: PIN state, certificates"))
    made = tokens.add("init", token_init, "erase a key and set label and PINs")
    token_options(made)
    made.add_argument("--label", default="SealDesk", help="name of the key")
    made.add_argument("--virtual", action="store_true", help="make a virtual key (for training)")
    made.add_argument("--pin-stdin", action="store_true", help="SO PIN and PIN, a line each")
    made = tokens.add("change-pin", token_change_pin, "change the PIN")
    token_options(made)
    made.add_argument("--pin-stdin", action="store_true", help="old and new PIN, a line each")
    made = tokens.add(
        "unlock", token_unlock, "a new PIN for a key that is locked, with the platform's permission"
    )
    token_options(made)
    made.add_argument(
        "--pin-stdin", action="store_true", help="new PIN, with --officer SO PIN first"
    )
    made.add_argument("--officer", action="store_true", help="with the SO PIN instead")
    made.add_argument("--seal", metavar="ID", help="seal code, where the key holds several")
    made.add_argument("--legal-rep", help="legal representative (asked for if not given)")
    made.add_argument("--handler", help="name of the person applying")
    made.add_argument("--handler-id", help="citizen identity number of that person")
    made.add_argument("--phone", help="mobile number of that person")
    made.add_argument("--letter", default="", metavar="FILE", help="letter of authority")
    made.add_argument("--wait", type=float, default=10.0, help="seconds to wait for the review")
    made = tokens.add("request", token_request, "a key pair and its certificate request")
    token_options(made)
    pin_option(made)
    made.add_argument("--name", required=True, help="whose certificate it is to be")
    made.add_argument(
        "-o", "--output", type=output_file, required=True, help="where the request goes"
    )
    made = tokens.add("put", token_put, "put a certificate onto the key that asked for it")
    token_options(made)
    pin_option(made)
    made.add_argument("certificate", type=Path, metavar="FILE", help="the certificate")


def token_list(desk: Desk, options: argparse.Namespace) -> int:
    found = desk.tokens(options.module)
    for token in found:
        info = token.info
        kind = phrase("cli.virtual", desk.settings.language) if info.is_virtual else ""
        tell("\t".join((info.serial, info.label, info.manufacturer, info.model, kind)).rstrip())
    if not found:
        tell(phrase("cli.no_token", desk.settings.language))
    return 0


def token_info(desk: Desk, options: argparse.Namespace) -> int:
    from crypto.pki.certificate import Certificate

    token = desk.token(options.token, options.module)
    state = token.pin_state()
    language = desk.settings.language
    with token.open() as session:
        certificates = [Certificate.parse(certificate) for certificate in session.certificates()]
    rows = {
        "serial": token.info.serial,
        "label": token.info.label,
        "manufacturer": token.info.manufacturer,
        "model": token.info.model,
        "module": token.info.module,
        "profile": token.info.profile,
        "tries_left": phrase("cli.not_told", language)
        if state.tries_left is None
        else str(state.tries_left),
        "locked": phrase("cli.yes" if state.locked else "cli.no", language),
        "pin_since": f"{in_beijing(desk.pin_ages.since(token.info.serial)):%Y-%m-%d}",
    }
    if sys.platform == "win32":
        signer = desk.driver_signer(token.info.module)
        rows["driver_signer"] = signer or phrase("cli.token_unsigned", language)
    for key, text in rows.items():
        tell(f"{phrase(f'cli.token_{key}', language)}: {text}")
    for certificate in certificates:
        tell(f"- {certificate.subject} ({certificate.not_after:%Y-%m-%d})")
    return 0


def token_init(desk: Desk, options: argparse.Namespace) -> int:
    if options.virtual:
        with desk.new_virtual_token() as token:
            return _initialised(desk, options, token)
    return _initialised(desk, options, desk.token(options.token, options.module, blank=True))


def _initialised(desk: Desk, options: argparse.Namespace, token: Token) -> int:
    language = desk.settings.language
    so_pin, pin = read_pins(
        options, token, phrase("cli.so_pin", language), phrase("cli.new_pin", language)
    )
    token.initialise(options.label, so_pin, pin)
    desk.pin_ages.changed(token.info.serial)
    tell(phrase("cli.token_ready", language))
    return 0


def token_change_pin(desk: Desk, options: argparse.Namespace) -> int:
    token = desk.token(options.token, options.module)
    language = desk.settings.language
    old, new = read_pins(
        options, token, phrase("cli.pin", language), phrase("cli.new_pin", language)
    )
    token.change_pin(old, new)
    desk.pin_ages.changed(token.info.serial)
    tell(phrase("cli.pin_changed", language))
    return 0


def token_unlock(desk: Desk, options: argparse.Namespace) -> int:
    from app.cli.applications import describe
    from app.pins import unlocking
    from app.remote import applications

    token = desk.token(options.token, options.module)
    language = desk.settings.language
    new = phrase("cli.new_pin", language)
    if options.officer:
        so_pin, pin = read_pins(options, token, phrase("cli.so_pin", language), new)
        token.unblock(so_pin, pin)
        desk.pin_ages.changed(token.info.serial)
        tell(phrase("cli.unlocked", language))
        return 0
    record = unlocking.under_way(token.info.serial, desk.cabinet)
    if record is None or record.editable:
        record = _applied_for_unlocking(desk, options, token)
    platform = desk.platform(record.platform)
    record = applications.wait(record.id, None, platform, desk.cabinet, options.wait)
    if record.state != unlocking.READY:
        describe(desk, desk.cabinet.applications.mark_told(record.id))
        return 0
    (pin,) = read_pins(options, token, new, variables=("SEALDESK_NEW_PIN",))
    done = unlocking.unlock(record.id, token, pin, platform, desk.cabinet)
    if done.by_vendor:
        tool = unlocking.vendor_tool(token) or phrase("cli.vendor_tool", language)
        tell(phrase("cli.unlock_by_vendor", language).format(tool=tool))
    else:
        desk.pin_ages.changed(token.info.serial)
        tell(phrase("cli.unlocked", language))
    return 0


def _applied_for_unlocking(
    desk: Desk, options: argparse.Namespace, token: Token
) -> ApplicationRecord:
    """The application that the platform's permission needs, handed in."""
    from app.cli.applications import kept_letter
    from app.pins import unlocking

    seal = _seal_on(desk, options, token)
    fields = {
        "handler": asked(options.handler, "--handler", desk),
        "handler_id": asked(options.handler_id, "--handler-id", desk).upper(),
        "phone": asked(options.phone, "--phone", desk),
        "proof": "letter" if options.letter else "",
    }
    if seal.enterprise:
        fields["legal_rep"] = asked(options.legal_rep, "--legal-rep", desk)
    record = unlocking.draft(token, seal, fields, desk.cabinet)
    if options.letter:
        record = kept_letter(desk, record, Path(options.letter))
    tell(phrase("cli.application_kept", desk.settings.language).format(id=record.id))
    return unlocking.hand_in(record.id, desk.platform(record.platform), desk.cabinet)


def _seal_on(desk: Desk, options: argparse.Namespace, token: Token) -> SealRecord:
    """The seal whose certificate is on the key; any of several, for they share the PIN."""
    from app.cli.stamp.choosing import chosen_seal
    from app.pins import unlocking

    if options.seal:
        return chosen_seal(desk, options.seal)
    held = unlocking.seals_of(token, desk.cabinet)
    if not held:
        raise TokenWithoutSeal(desk.settings.platform_url)
    return held[0]


def token_request(desk: Desk, options: argparse.Namespace) -> int:
    from app.signing import TokenKey
    from crypto.pki.names_and_algorithms import Name

    token = desk.token(options.token, options.module)
    with token.login(enter_pin(desk, options, token)) as session:
        key = TokenKey(session.generate_key("sm2", _LABEL))
        subject = Name.build([("C", "CN"), ("CN", options.name)])
        request = make_request(subject, key.public_key.spki, key.sign)
    tell(str(save_new(options.output, request)))
    return 0


def token_put(desk: Desk, options: argparse.Namespace) -> int:
    from app.signing import key_of
    from app.store.anchors import read_certificates

    found = read_certificates(options.certificate)
    token = desk.token(options.token, options.module)
    with token.login(enter_pin(desk, options, token)) as session:
        for certificate in found:
            session.store_certificate(certificate.der, _LABEL, key_of(session, certificate).key_id)
            tell(str(certificate.subject))
    return 0
