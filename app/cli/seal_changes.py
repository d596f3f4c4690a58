"""``sealdesk seal reissue``, ``renew``, ``cancel``: 换领, 续期, 注销 of a seal in the cabinet."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.grammar import Commands, Parser, output_file, pin_option, token_options
from app.cli.stamp.choosing import chosen_seal
from app.cli.terminal import asked, enter_pin, tell
from app.errors import phrase
from crypto.seal.application_form import CANCEL, CAUSES, REISSUE, RENEW
from crypto.seal.kinds import SHAPES

if TYPE_CHECKING:
    from app.desk import Desk
    from app.remote.lending_client import LendingClient
    from app.store.applications import ApplicationRecord
    from device.token import Session


def add_to(seals: Commands) -> None:
    """The commands that change a seal."""
    made = seals.add("reissue", reissue, "replace a seal: the old one ends, a new one is made")
    _options(made)
    made.add_argument("--cause", required=True, choices=CAUSES[REISSUE], help="why it is replaced")
    made.add_argument("--physical-code", default="", help="13-digit code of the physical seal")
    made.add_argument(
        "--department", default="", help="name of the department or branch on the seal"
    )
    made.add_argument("--holder", default="", help="name of the person on an office seal")
    made.add_argument("--shape", choices=SHAPES, help="shape of a personal seal")
    _proof_options(made, ("licence", "legal_rep", "letter", "personal"))
    made = seals.add("renew", renew, "a new certificate and validity for a seal")
    _options(made)
    _proof_options(made, ("seal", "licence", "legal_rep", "letter", "personal"))
    made = seals.add("cancel", cancel, "cancel a seal, with a request under that seal")
    _options(made)
    made.add_argument("--cause", required=True, choices=CAUSES[CANCEL], help="why it is cancelled")
    _proof_options(made, ("request", "seal", "personal"), letter=False)
    made.add_argument(
        "--out", type=output_file, metavar="FILE", help="where the sealed request is kept"
    )


def _proof_options(made: Parser, ways: tuple[str, ...], *, letter: bool = True) -> None:
    if letter:
        made.add_argument("--letter", default="", metavar="FILE", help="letter of authority")
    made.add_argument(
        "--proof",
        choices=ways,
        help="how it is proved that this may be asked for, one of those named above: the seal's"
        " present key, the electronic licence, the representative's or the person's own key, a"
        " letter of authority, a request under the seal",
    )


def _options(made: Parser) -> None:
    made.add_argument("seal", metavar="ID", help="seal code or name")
    token_options(made)
    pin_option(made)
    made.add_argument("--name", help="name of the enterprise")
    made.add_argument("--legal-rep", help="legal representative (asked for if not given)")
    made.add_argument("--handler", help="name of the person applying")
    made.add_argument("--handler-id", help="citizen identity number of that person")
    made.add_argument("--phone", help="mobile number of that person")
    made.add_argument("--wait", type=float, default=60.0, help="seconds to wait for the review")


def reissue(desk: Desk, options: argparse.Namespace) -> int:
    return _apply(desk, REISSUE, options)


def renew(desk: Desk, options: argparse.Namespace) -> int:
    return _apply(desk, RENEW, options)


def cancel(desk: Desk, options: argparse.Namespace) -> int:
    return _apply(desk, CANCEL, options)


def _apply(desk: Desk, kind: str, options: argparse.Namespace) -> int:
    from app.cli.applications import kept_letter
    from app.remote import application_form as form
    from app.remote import applications

    record = _draft(desk, kind, options)
    if getattr(options, "letter", ""):
        record = kept_letter(desk, record, Path(options.letter))
    if record.editable and record.fields["proof"] != form.REQUEST:
        form.check(record)
    platform = desk.platform(record.platform)
    token = desk.token(options.token, options.module)
    with token.login(enter_pin(desk, options, token)) as session:
        if form.by_another(record):
            applications.prepare(record.id, session, desk.cabinet)
            words = phrase("cli.application_sign", desk.settings.language)
            tell(words.format(id=record.id))
            return 0
        if record.fields["proof"] == form.REQUEST:
            record = _cancelled(desk, record, session, platform, options.out)
        else:
            record = applications.send(record.id, session, platform, desk.cabinet)
        return _wait(desk, record, session, platform, options.wait)


def _draft(desk: Desk, kind: str, options: argparse.Namespace) -> ApplicationRecord:
    """The application for that seal that is under way, or a new one, as the options say."""
    from app.remote.applications import for_seal

    seal = chosen_seal(desk, options.seal)
    fields = {
        "enterprise": options.name or "",
        "handler": asked(options.handler, "--handler", desk),
        "handler_id": asked(options.handler_id, "--handler-id", desk).upper(),
        "phone": asked(options.phone, "--phone", desk),
        "cause": getattr(options, "cause", ""),
        "proof": "letter" if getattr(options, "letter", "") else getattr(options, "proof", None),
        **{
            name: getattr(options, name, None) or ""
            for name in ("physical_code", "department", "holder", "shape")
        },
    }
    if seal.enterprise:
        fields["legal_rep"] = asked(options.legal_rep, "--legal-rep", desk)
    given = {name: text for name, text in fields.items() if text}
    record = for_seal(kind, seal, given, desk.cabinet)
    tell(phrase("cli.application_kept", desk.settings.language).format(id=record.id))
    return record


def _cancelled(
    desk: Desk,
    record: ApplicationRecord,
    session: Session,
    platform: LendingClient,
    out: Path | None,
) -> ApplicationRecord:
    from app.remote import applications

    seal = desk.cabinet.seal(record.fields["code"])
    name = phrase("cli.request_name", desk.settings.language).format(code=seal.code)
    output = (out or Path(name)).absolute()
    sealed = partial(desk.sealed_request, session, platform, seal, output)
    return applications.cancel(record.id, session, platform, desk.cabinet, sealed)


def _wait(
    desk: Desk,
    record: ApplicationRecord,
    session: Session,
    platform: LendingClient,
    seconds: float,
) -> int:
    """Wait for the review; take what was made; say how far it is."""
    from app.cli.applications import describe
    from app.remote import applications

    steps = (record.id, session, platform, desk.cabinet)
    record = applications.wait(*steps, seconds)
    language = desk.settings.language
    if record.state == "fulfilled":
        seal = applications.collect(*steps)
        tell(f"{phrase('cli.collected', language)} {seal.code} {seal.name}")
        return 0
    describe(desk, desk.cabinet.applications.mark_told(record.id))
    return 0
