"""``sealdesk application``: applications for seals that take days — begin, follow, correct,
withdraw, collect."""

from __future__ import annotations

import argparse
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli.grammar import (
    Commands,
    Parser,
    applicant_options,
    json_option,
    pin_option,
    token_options,
)
from app.cli.terminal import enter_pin, tell, tell_json
from app.errors import (
    ApplicationFieldWrong,
    FileNotReadable,
    FileProblem,
    UsageError,
    messages,
    phrase,
    platform_reason,
)
from app.remote import application_form as form
from app.remote import applications
from app.store.applications import LETTER
from crypto.beijing import in_beijing
from crypto.seal.application_form import PIN_RESET

if TYPE_CHECKING:
    from app.desk import Desk
    from app.remote.platform_account import PlatformClient
    from app.store.applications import ApplicationRecord
    from device.token import Session, Token

_OPTIONS = {
    "enterprise": "name",
    "uscc": "uscc",
    "legal_rep": "legal_rep",
    "handler": "handler",
    "handler_id": "handler_id",
    "phone": "phone",
    "seal": "kind",
    "physical_code": "physical_code",
    "proof": "proof",
    "department": "department",
    "holder": "holder",
    "shape": "shape",
}
"""Field → the option that gives it."""


def add_commands(commands: Commands) -> None:
    """``application new``, ``list``, ``show``, ``continue``, ``sign``, ``withdraw``, ``collect``,
    ``remove``."""
    group = commands.group("application", "applications for seals: begin, follow, correct, collect")
    made = group.add("new", new, "fill in an application and submit it")
    _form_options(made)
    made.add_argument("--draft", action="store_true", help="only keep it, submit nothing")

    made = group.add("list", every, "all applications, newest first")
    json_option(made)

    made = group.add("show", show, "one application; with --ask, as the platform says now")
    _which(made)
    made.add_argument("--ask", action="store_true", help="ask the platform (needs the PIN)")
    token_options(made)
    pin_option(made)
    json_option(made)

    made = group.add("continue", go_on, "correct an application and submit it (again)")
    _which(made)
    _form_options(made)

    made = group.add("sign", sign, "the legal representative signs with a key of his own")
    _which(made)
    token_options(made)
    pin_option(made)

    made = group.add("withdraw", withdraw, "take an application back")
    _which(made)
    token_options(made)
    pin_option(made)

    made = group.add("collect", collect, "collect the seal that was made")
    _which(made)
    token_options(made)
    pin_option(made)

    made = group.add("remove", remove, "remove an application that is over, or a draft")
    _which(made)


def _which(made: Parser) -> None:
    made.add_argument("application", metavar="ID", help="identifier, or its beginning")


def _form_options(made: Parser) -> None:
    token_options(made)
    pin_option(made)
    applicant_options(made)
    made.add_argument(
        "--proof",
        choices=("licence", "legal_rep", "letter", "personal"),
        help="how the legal representative agrees: on the electronic licence, with a key of his"
        " own, in a letter of authority",
    )


# --- filling in ----------------------------------------------------------------------------------


def new(desk: Desk, options: argparse.Namespace) -> int:
    fields = dict.fromkeys(_OPTIONS, "")
    fields |= {"seal": "official", "proof": form.LICENCE}
    for seal in desk.cabinet.seals()[:1]:
        fields |= {"enterprise": seal.enterprise, "uscc": seal.uscc}
    platform = desk.platform_to_join(options.platform or "") if not options.draft else None
    origin = platform.origin if platform else (options.platform or desk.settings.platform_url)
    record = desk.cabinet.applications.new("issue", fields, origin.rstrip("/"))
    tell(phrase("cli.application_kept", desk.settings.language).format(id=record.id))
    record = _filled(desk, record, options)
    if platform is None:
        return _tell_problems(desk, record)
    return _send(desk, record, platform, options)


def go_on(desk: Desk, options: argparse.Namespace) -> int:
    record = desk.cabinet.applications.get(options.application)
    if options.platform and not record.sent:
        origin = options.platform.rstrip("/")
        record = _changed(desk, record, platform=origin)
    platform = desk.platform if record.sent else desk.platform_to_join
    return _send(desk, _filled(desk, record, options), platform(record.platform), options)


def _filled(
    desk: Desk, record: ApplicationRecord, options: argparse.Namespace
) -> ApplicationRecord:
    """*record* with what the options say of its fields; what they do not mention stays."""
    given = {
        name: str(value).strip()
        for name, option in _OPTIONS.items()
        if (value := getattr(options, option)) is not None
    }
    for name in ("uscc", "handler_id"):
        if name in given:
            given[name] = given[name].upper()
    if options.letter:
        given["proof"] = LETTER
    record = _changed(desk, record, fields={**record.fields, **given})
    return kept_letter(desk, record, Path(options.letter)) if options.letter else record


def kept_letter(desk: Desk, record: ApplicationRecord, path: Path) -> ApplicationRecord:
    """*record* with the letter of authority in the file at *path*."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FileNotReadable(str(path), FileProblem.of(error)) from error
    wrong = form.letter_problem(content)
    if wrong:
        raise ApplicationFieldWrong(LETTER, wrong)
    return desk.cabinet.applications.keep_letter(record.id, path.name, content)


def _changed(desk: Desk, record: ApplicationRecord, **values: Any) -> ApplicationRecord:
    return desk.cabinet.applications.change(record.id, lambda known: replace(known, **values))


def _tell_problems(desk: Desk, record: ApplicationRecord) -> int:
    """Tell what is still wrong with a draft that is not submitted yet."""
    words = messages(desk.settings.language)["ApplicationFieldWrong"]["words"]
    for field, found in form.problems(record):
        tell(f"  {words['field'][field]}: {words['problem'][found]}")
    return 0


def _send(
    desk: Desk, record: ApplicationRecord, platform: PlatformClient, options: argparse.Namespace
) -> int:
    if record.editable:
        _tell_problems(desk, record)  # all of them, before the first one ends it
        form.check(record)
    token = _token(desk, options)
    with token.login(enter_pin(desk, options, token)) as session:
        if form.by_another(record):
            applications.prepare(record.id, session, desk.cabinet)
            words = phrase("cli.application_sign", desk.settings.language)
            tell(words.format(id=record.id))
            return 0
        record = applications.send(record.id, session, platform, desk.cabinet)
    if options.platform:
        desk.remember_platform(options.platform)
    describe(desk, record)
    return 0


def _token(desk: Desk, options: argparse.Namespace) -> Token:
    return desk.token(options.token, options.module)


def _opened(
    desk: Desk, record: ApplicationRecord, options: argparse.Namespace
) -> AbstractContextManager[Session | None]:
    """The token, logged in; none for an application that has a key of its own."""
    if record.private:
        return nullcontext()
    token = _token(desk, options)
    return token.login(enter_pin(desk, options, token))


# --- acting --------------------------------------------------------------------------------------


def sign(desk: Desk, options: argparse.Namespace) -> int:
    record = desk.cabinet.applications.get(options.application)
    platform = desk.platform(record.platform)
    token = _token(desk, options)
    with token.login(enter_pin(desk, options, token)) as session:
        applications.sign_as_representative(record.id, session, platform, desk.cabinet)
    tell(phrase("cli.application_signed", desk.settings.language).format(id=record.id))
    return 0


def withdraw(desk: Desk, options: argparse.Namespace) -> int:
    record = desk.cabinet.applications.get(options.application)
    platform = desk.platform(record.platform)
    with _opened(desk, record, options) as session:
        record = applications.withdraw(record.id, session, platform, desk.cabinet)
    describe(desk, desk.cabinet.applications.mark_told(record.id))
    return 0


def collect(desk: Desk, options: argparse.Namespace) -> int:
    record = desk.cabinet.applications.get(options.application)
    token = _token(desk, options)
    platform = desk.platform(record.platform)
    with token.login(enter_pin(desk, options, token)) as session:
        seal = applications.collect(record.id, session, platform, desk.cabinet)
        desk.settle_token(session, seal)
    tell(f"{phrase('cli.collected', desk.settings.language)} {seal.code} {seal.name}")
    return 0


def remove(desk: Desk, options: argparse.Namespace) -> int:
    record = desk.cabinet.applications.get(options.application)
    if record.open and record.sent:
        raise UsageError("still_open", record.id)
    desk.cabinet.applications.forget(record.id)
    return 0


# --- telling -------------------------------------------------------------------------------------


def every(desk: Desk, options: argparse.Namespace) -> int:
    records = desk.cabinet.applications.all()
    if options.json:
        tell_json([facts(each) for each in records])
        return 0
    language = desk.settings.language
    for record in records:
        days = (datetime.now(UTC) - record.created_at).days
        age = phrase(f"cli.application_{'age' if days else 'today'}", language).format(days=days)
        state, seal = _state(record, language), _seal(record, language)
        tell("\t".join((record.id, record.fields.get("enterprise", ""), seal, state, age)))
    if not records:
        tell(phrase("cli.no_application", language))
    return 0


def show(desk: Desk, options: argparse.Namespace) -> int:
    record = desk.cabinet.applications.get(options.application)
    if options.ask and record.sent:
        platform = desk.platform(record.platform)
        with _opened(desk, record, options) as session:
            applications.follow(record.id, session, platform, desk.cabinet)
    record = desk.cabinet.applications.mark_told(record.id)
    if options.json:
        tell_json(facts(record))
    else:
        describe(desk, record)
    return 0


def facts(record: ApplicationRecord) -> dict[str, Any]:
    """An application as JSON shows it: no citizen number, no phone number."""
    return {
        "id": record.id,
        "platform": record.platform,
        "platform_id": record.server_id,
        "kind": record.kind,
        "state": record.state,
        "next": record.next,
        "reason": record.reason,
        "reasons": dict(record.reasons),
        "fields": {k: v for k, v in record.fields.items() if k not in form.PERSONAL},
        "letter": record.letter_name,
        "created_at": record.created_at.isoformat(),
        "submitted_at": record.submitted_at and record.submitted_at.isoformat(),
        "look_at": record.look_at and record.look_at.isoformat(),
    }


def _state(record: ApplicationRecord, language: str) -> str:
    own = record.kind == PIN_RESET and record.state in ("approved", "fulfilled", "lapsed")
    return phrase(f"{'reset' if own else 'application'}_state.{record.state}", language)


def _seal(record: ApplicationRecord, language: str) -> str:
    kind = record.fields.get("seal", "")
    seal = phrase(f"seal_kind.{kind}", language) if kind else ""
    return f"{phrase(f'application_kind.{record.kind}', language)} {seal}".strip()


def describe(desk: Desk, record: ApplicationRecord) -> None:
    """An application for a person: its state, the next step, and when to look again."""
    language = desk.settings.language
    names = messages(language)["ApplicationFieldWrong"]["words"]["field"]
    tell(f"{record.id}  {record.fields.get('enterprise', '')}  {_seal(record, language)}")
    tell(f"  {_state(record, language)}")
    if record.reason:
        said = platform_reason(record.reason, language)
        tell(f"  {phrase('cli.application_reason', language)} {said}")
    for name, text in record.reasons.items():
        tell(f"    {names.get(name, name)}: {text}")
    if record.next:
        tell(f"  {phrase(f'application_next.{record.next}', language)}")
    if record.look_at and record.next in ("consent", "review"):
        when = f"{in_beijing(record.look_at):%Y-%m-%d}"
        words = "cli.reset_look" if record.kind == PIN_RESET else "cli.application_look"
        tell(f"  {phrase(words, language).format(date=when)}")
