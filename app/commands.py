"""What each command of ``sealdesk`` does: fetch what it needs, call the story, say the answer.

Every function takes the desk and the parsed options and returns the exit code. Heavy modules are
imported where they are used, so that ``sealdesk verify`` starts quickly.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from app.errors import (
    FileProblem,
    LocalDataError,
    OutputExists,
    OutputNotWritable,
    UsageError,
    exit_code,
    explain,
    phrase,
)

if TYPE_CHECKING:
    from app.cabinet import SealRecord
    from app.countersigning import CountersignedFile
    from app.desk import Desk
    from app.placement import PageBox
    from app.timestamping import Timestamper
    from crypto.date_mark import DateMark, Style
    from crypto.pdf_marks import Mark
    from crypto.verdict import Report
    from device.token import Token

_UNREADABLE = 4
_EXITS = {
    **{"VALID": 0, "INVALID": 1, "UNKNOWN": 2, "VALID_CHANGED_LATER": 2, "UNSIGNED": 3},
    "UNREADABLE": _UNREADABLE,
}
_WORST_FIRST = (1, _UNREADABLE, 2, 3, 0)


def worst_exit(verdicts: Iterable[str]) -> int:
    """The exit code of ``sealdesk verify`` for these verdicts: that of the worst."""
    codes = {_EXITS[each] for each in verdicts}
    return next(code for code in _WORST_FIRST if code in codes)


def complain(error: BaseException, language: str) -> None:
    """Explain *error* on stderr: title and code, cause, remedy."""
    message = explain(error, language)
    sys.stderr.write(f"{message.title} [{message.code}]\n")
    sys.stderr.write(f"  {message.cause}\n  {message.remedy}\n")


def _say(text: str = "") -> None:
    sys.stdout.write(text + "\n")


def _say_json(data: Any) -> None:
    _say(json.dumps(data, ensure_ascii=False, indent=2))


# --- PINs --------------------------------------------------------------------------------------


def _read_pins(
    options: argparse.Namespace,
    token: Token,
    *prompts: str,
    variables: tuple[str, ...] = ("SEALDESK_PIN", "SEALDESK_NEW_PIN"),
) -> list[str]:
    """One PIN per prompt, from standard input, the environment or a person."""
    if options.pin_stdin:
        lines = [sys.stdin.readline().rstrip("\r\n") for _ in prompts]
        if not all(lines):
            raise UsageError("standard input ended before the PIN")
        return lines
    names = variables[: len(prompts)]
    from_environment = [os.environ[name] for name in names if name in os.environ]
    if len(from_environment) == len(prompts):
        return from_environment
    import getpass

    name = f"{token.info.label} {token.info.serial}".strip()
    try:
        return [getpass.getpass(f"{prompt} [{name}]: ") for prompt in prompts]
    except EOFError as error:
        raise UsageError("nobody is there to enter the PIN; see --pin-stdin") from error


def enter_pin(
    desk: Desk, options: argparse.Namespace, token: Token, variable: str = "SEALDESK_PIN"
) -> str:
    """The PIN of *token*, asked for as the options say."""
    language = desk.settings.language
    prompt, left = phrase("cli.pin", language), token.pin_state().tries_left
    if left is not None:
        prompt += f" ({phrase('cli.token_tries_left', language)}: {left})"
    return _read_pins(options, token, prompt, variables=(variable,))[0]


def pdf_password(options: argparse.Namespace) -> str | None:
    """The PDF's own password, if it is to come from standard input."""
    return sys.stdin.readline().rstrip("\r\n") if options.password_stdin else None


# --- tokens ------------------------------------------------------------------------------------


def token_list(desk: Desk, options: argparse.Namespace) -> int:
    found = desk.tokens(options.module)
    for token in found:
        info = token.info
        kind = phrase("cli.virtual", desk.settings.language) if info.is_virtual else ""
        _say("\t".join((info.serial, info.label, info.manufacturer, info.model, kind)).rstrip())
    if not found:
        _say(phrase("cli.no_token", desk.settings.language))
    return 0


def token_info(desk: Desk, options: argparse.Namespace) -> int:
    from crypto.x509 import Certificate

    token = desk.token(options.token, options.module)
    state = token.pin_state()
    say = desk.settings.language
    with token.open() as session:
        certificates = [Certificate.parse(each) for each in session.certificates()]
    rows = {
        "serial": token.info.serial,
        "label": token.info.label,
        "manufacturer": token.info.manufacturer,
        "model": token.info.model,
        "module": token.info.module,
        "profile": token.info.profile,
        "tries_left": phrase("cli.not_told", say)
        if state.tries_left is None
        else str(state.tries_left),
        "locked": phrase("cli.yes" if state.locked else "cli.no", say),
    }
    for key, text in rows.items():
        _say(f"{phrase(f'cli.token_{key}', say)}: {text}")
    for certificate in certificates:
        _say(f"- {certificate.subject} ({certificate.not_after:%Y-%m-%d})")
    return 0


def token_init(desk: Desk, options: argparse.Namespace) -> int:
    if options.virtual:
        token = desk.new_virtual_token()
    else:
        token = desk.token(options.token, options.module, blank=True)
    say = desk.settings.language
    so_pin, pin = _read_pins(options, token, phrase("cli.so_pin", say), phrase("cli.new_pin", say))
    token.initialise(options.label, so_pin, pin)
    _say(phrase("cli.token_ready", say))
    return 0


def token_change_pin(desk: Desk, options: argparse.Namespace) -> int:
    token = desk.token(options.token, options.module)
    say = desk.settings.language
    old, new = _read_pins(options, token, phrase("cli.pin", say), phrase("cli.new_pin", say))
    token.change_pin(old, new)
    _say(phrase("cli.pin_changed", say))
    return 0


# --- seals -------------------------------------------------------------------------------------


def enroll(desk: Desk, options: argparse.Namespace) -> int:
    from app.enrolling import Applicant, enrol

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
    _say(f"{phrase('cli.collected', desk.settings.language)} {seal.code} {seal.name}")
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
        _say_json([desk.seal_facts(seal) for seal in seals])
        return 0
    for seal in seals:
        _say("\t".join((seal.code, seal.name, seal.state, f"{seal.parsed.valid_until:%Y-%m-%d}")))
    if not seals:
        _say(phrase("cli.no_seal", desk.settings.language))
    return 0


def seal_show(desk: Desk, options: argparse.Namespace) -> int:
    facts = desk.seal_facts(desk.cabinet.seal(options.seal))
    if options.json:
        _say_json(facts)
    else:
        _say("\n".join(f"{key}: {value}" for key, value in facts.items()))
    return 0


def seal_inspect(desk: Desk, options: argparse.Namespace) -> int:
    from app.inspecting import inspect

    answer = inspect(
        options.file, desk.trust(options.trust), options.at_time, desk.settings.language
    )
    if options.json:
        _say_json(answer)
    else:
        seal = answer["seal"]
        _say(f"{answer['verdict_text']}  {seal['code']} {seal['name']} ({answer['format']})")
        for finding in answer["findings"]:
            _say(f"  [{finding['level']}] {finding['text']}")
    return _EXITS[answer["verdict"]]


def sync(desk: Desk, options: argparse.Namespace) -> int:
    from app.syncing import synchronise

    token = desk.token(options.token, options.module)
    with token.login(enter_pin(desk, options, token)) as session:
        done = synchronise(desk.platform(), desk.cabinet, desk.holder_key(session))
    words = phrase("cli.synced", desk.settings.language)
    _say(words.format(seals=done.seals, records=done.records))
    return 0


# --- stamping and verifying --------------------------------------------------------------------


def stamp(desk: Desk, options: argparse.Namespace) -> int:
    from app import countersign_commands as abroad
    from app.publishing import free_name
    from app.signing import find_key
    from app.stamping import StampJob, check_usable, page_boxes
    from app.stamping import stamp as stamp_file

    profile = options.profile or desk.settings.profile
    abroad.refuse_nonsense(options, profile)
    if profile == "pades":
        return _sign_abroad(desk, options)
    seal = desk.cabinet.seal(options.seal)
    check_usable(seal, datetime.now(UTC))  # before anybody is asked for a PIN
    password = pdf_password(options)
    output = options.output
    if output is None and desk.settings.output_folder is not None:
        name = desk.settings.output_folder / options.file.name
        output = free_name(name, desk.settings.output_suffix)
    boxes = page_boxes(options.file, password)
    marks = _marks(options, seal, boxes, password)
    job = StampJob(
        source=options.file,
        seal_code=seal.code,
        marks=tuple(marks),
        dates=tuple(_dates(options, boxes, marks)),
        output=output,
        suffix=desk.settings.output_suffix,
        profile="ses" if profile == "dual" else profile,
        separate=desk.settings.marks == "separate",
        reason=options.reason,
        password=password,
    )
    stamper = desk.timestamper(options.timestamp)
    token = desk.token(options.token, options.module, holding=seal.signer)
    with ExitStack() as opened:
        session = opened.enter_context(token.login(enter_pin(desk, options, token)))
        key = find_key(session, seal.signer.der)
        signer = None
        if profile == "dual":
            ask = partial(enter_pin, desk, options, variable="SEALDESK_PADES_PIN")
            signer = abroad.signer_abroad(desk, options, ask, opened, (token, session))
        done = stamp_file(
            job,
            key=key,
            cabinet=desk.cabinet,
            journal=desk.journal,
            trust=desk.trust(),
            platform=None if options.offline else desk.ticket_office(key),
            timestamp=stamper,
            afterwards=abroad.afterwards(desk, options, stamper, signer),
            offline_limit=desk.offline_limit,
        )
    if options.json:
        _say_json(
            {
                "output": str(done.path),
                "ticketed": done.ticketed,
                "journal_entry": done.journal_entry,
                "report": done.report.to_json(desk.settings.language),
            }
        )
    else:
        _say(f"{phrase('cli.stamped', desk.settings.language)} {done.path}")
        if not done.ticketed:
            _say(phrase("cli.stamped_offline", desk.settings.language))
        _print_report(done.report, desk.settings.language)
    _tell_missing_timestamp(desk, stamper)
    return 0


def _sign_abroad(desk: Desk, options: argparse.Namespace) -> int:
    from app.countersign_commands import sign_abroad

    ask = partial(enter_pin, desk, options, variable="SEALDESK_PADES_PIN")
    done, stamper = sign_abroad(desk, options, ask, pdf_password(options))
    _say_countersigned(desk, options, done)
    _tell_missing_timestamp(desk, stamper)
    return 0


def timestamp(desk: Desk, options: argparse.Namespace) -> int:
    from app.countersign_commands import timestamp as stamp_time

    _say_countersigned(desk, options, stamp_time(desk, options, pdf_password(options)))
    return 0


def _say_countersigned(desk: Desk, options: argparse.Namespace, done: CountersignedFile) -> None:
    from app.countersign_commands import facts

    language = desk.settings.language
    if options.json:
        _say_json(facts(done, language))
    else:
        _say(f"{phrase('cli.countersigned', language)} {done.path}")
        _print_report(done.report, language)


def _tell_missing_timestamp(desk: Desk, stamper: Timestamper | None) -> None:
    """A time stamp that was wished for and not had: said on stderr, the file is good without."""
    if stamper is not None and stamper.failure is not None:
        language = desk.settings.language
        reason = explain(stamper.failure, language).title
        sys.stderr.write(phrase("cli.no_timestamp", language).format(reason=reason) + "\n")


def _dates(
    options: argparse.Namespace, boxes: Sequence[PageBox], marks: Sequence[Mark]
) -> list[DateMark]:
    """Where the options want the date: beside each seal, or at the places that --date-at names."""
    from app import placement

    style: Style = options.date or "cn"
    if not options.date_at:
        return placement.dates_beside(boxes, marks, style) if options.date else []
    dates = []
    for text in options.date_at:
        point = placement.parse_point(text)
        if point.page is None and len(boxes) > 1:
            raise UsageError("stamp: --date-at PAGE:X,Y")
        (page,) = placement.parse_pages(str(point.page or 1), len(boxes))
        dates.append(placement.date_at(boxes, page, point.x_mm, point.y_mm, style))
    placement.dates_by_mark(marks, dates)  # before anybody is asked for a PIN
    return dates


def _marks(
    options: argparse.Namespace, seal: SealRecord, boxes: Sequence[PageBox], password: str | None
) -> list[Mark]:
    """Where the options want the seal: any of --at, --keyword and --riding, together one job."""
    from app import placement

    if not (options.at or options.keyword or options.riding):
        raise UsageError("stamp: one of --at, --keyword, --riding is needed")
    if options.pages and not options.at:
        raise UsageError("stamp: --pages goes with --at")
    size = placement.SealSize(seal.parsed.width_mm, seal.parsed.height_mm)
    marks: list[Mark] = []
    for text in options.at or ():
        point = placement.parse_point(text)
        if point.page is not None:
            pages = placement.parse_pages(str(point.page), len(boxes))
        elif options.pages or len(boxes) == 1:
            pages = placement.parse_pages(options.pages or "1", len(boxes))
        else:
            raise UsageError("stamp: --at PAGE:X,Y, or --pages with --at X,Y")
        marks += placement.at(boxes, pages, point.x_mm, point.y_mm, size)
    if options.keyword:
        from app.pages import Pages

        text, which = placement.parse_keyword(options.keyword)
        with Pages(options.file, password) as found:
            hits = found.find(text)
        marks += placement.keyword(boxes, hits, size, text, which)
    if options.riding:
        marks += placement.riding_seam(boxes, size, options.riding)
    if not marks:  # a riding seam alone on a single page
        raise UsageError("stamp: a single page has no riding seam")
    return marks


def verify(desk: Desk, options: argparse.Namespace) -> int:
    from app.verify_commands import refuse_nonsense, report_on, verify_many
    from app.verifying import verify as verify_file

    password = pdf_password(options)
    language = desk.settings.language
    try:
        trust = desk.trust(options.trust)
        platform = None if options.offline else desk.status_desk()
    except LocalDataError as error:
        # a cabinet that stays shut must not keep anybody from verifying what they received
        complain(error, language)
        trust, platform = desk.anchors(options.trust), None
    wishes = (options.jobs, options.csv, options.report_dir)
    many = len(options.files) > 1 or options.files[0].is_dir() or any(wishes)
    refuse_nonsense(options, many)
    if many:
        return verify_many(desk, options, trust, platform, password)
    path = options.files[0]  # one document alone needs no workers and is there at once
    try:
        report = verify_file(
            path, trust=trust, platform=platform, password=password, at=options.at_time
        )
    except Exception as error:
        if exit_code(error) != _UNREADABLE:
            raise
        if options.json:
            from app.bulk import unreadable

            _say_json(unreadable(path, error, language))
        else:
            complain(error, language)
        return _UNREADABLE
    verdicts, answer = [report.verdict.value], report.to_json(language)
    if not options.json:
        _print_report(report, language)
    if options.report:
        done = report_on(desk, options, report)
        verdicts.append(done["verdict"])
        answer["report"] = done
        if not options.json:
            _say(done["text"])
    if options.json:
        _say_json(answer)
    return worst_exit(verdicts)


def _print_report(report: Report, language: str) -> None:
    from crypto.verdict import say

    _say(f"{report.file.name}: {say('verdicts', report.verdict.value, language)}")
    for signature in report.signatures:
        seal = signature.seal
        who = f"{seal.name} {seal.code}" if seal else ", ".join(signature.fields)
        _say(f"  {say('verdicts', signature.verdict.value, language)}  {who}")
        lines = (
            f"    [{say('levels', finding.level.value, language)}] {finding.text(language)}"
            for finding in signature.findings
        )
        for line in dict.fromkeys(lines):  # ten marks that match are said once
            _say(line)
    for finding in report.findings:
        _say(f"  [{say('levels', finding.level.value, language)}] {finding.text(language)}")


# --- journal and demo --------------------------------------------------------------------------


def journal_list(desk: Desk, options: argparse.Namespace) -> int:
    from app.journal import event_name

    entries = desk.journal.entries()
    if options.json:
        _say_json(
            [
                {
                    **each.details,
                    "sequence": each.sequence,
                    "at": f"{each.at:%Y-%m-%dT%H:%M:%SZ}",
                    "event": each.event,
                    "previous": each.previous,
                    "hash": each.hash,
                }
                for each in entries
            ]
        )
        return 0
    for each in entries:
        document, seal = each.details.get("document", ""), each.details.get("seal_name", "")
        local = each.at.astimezone()
        event = event_name(each.event, desk.settings.language)
        _say(f"{each.sequence}\t{local:%Y-%m-%d %H:%M:%S}\t{event}\t{document}\t{seal}")
    return 0


def journal_check(desk: Desk, options: argparse.Namespace) -> int:
    del options
    check = desk.journal.check()
    language = desk.settings.language
    if check.intact:
        _say(phrase("cli.journal_intact", language).format(entries=check.entries))
    else:
        problem = phrase(f"journal_problem.{check.problem}", language)
        words = phrase("cli.journal_damaged", language)
        _say(words.format(entries=check.entries, line=check.line, problem=problem))
    if check.torn_bytes:
        _say(phrase("cli.journal_torn", language).format(bytes=check.torn_bytes))
    for path in check.set_aside:
        _say(phrase("cli.journal_aside", language).format(path=path))
    return 0 if check.intact else 1


def journal_seal_off(desk: Desk, options: argparse.Namespace) -> int:
    del options
    language = desk.settings.language
    if desk.journal.check().intact:
        raise UsageError(phrase("cli.journal_not_damaged", language))
    _say(phrase("cli.journal_sealed_off", language).format(path=desk.journal.seal_off()))
    return 0


def journal_export(desk: Desk, options: argparse.Namespace) -> int:
    if os.path.lexists(options.output):
        raise OutputExists(str(options.output))
    try:
        count = desk.journal.export(options.output, language=desk.settings.language)
    except OSError as error:
        raise OutputNotWritable(str(options.output), FileProblem.of(error)) from error
    words = phrase("cli.exported", desk.settings.language)
    _say(words.format(entries=count, path=options.output))
    return 0


def demo(desk: Desk, options: argparse.Namespace) -> int:
    from app.demo import run

    window = None if options.no_window else desk.window
    return run(desk.settings, options.file, options.output, window)
