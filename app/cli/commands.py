"""What each command of ``sealdesk`` does: fetch what it needs, call the story, say the answer.

Every function takes the desk and the parsed options and returns the exit code. Heavy modules are
imported where they are used, so that ``sealdesk verify`` starts quickly.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from app.cli.terminal import (
    UNREADABLE,
    complain,
    enter_pin,
    pdf_password,
    print_report,
    read_pins,
    tell,
    tell_json,
    worst_exit,
)
from app.errors import (
    FileProblem,
    LocalDataError,
    OutputExists,
    OutputNotWritable,
    UsageError,
    exit_code,
    phrase,
)

if TYPE_CHECKING:
    from app.desk import Desk

# --- tokens ------------------------------------------------------------------------------------


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
        certificates = [Certificate.parse(each) for each in session.certificates()]
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
    }
    for key, text in rows.items():
        tell(f"{phrase(f'cli.token_{key}', language)}: {text}")
    for certificate in certificates:
        tell(f"- {certificate.subject} ({certificate.not_after:%Y-%m-%d})")
    return 0


def token_init(desk: Desk, options: argparse.Namespace) -> int:
    if options.virtual:
        token = desk.new_virtual_token()
    else:
        token = desk.token(options.token, options.module, blank=True)
    language = desk.settings.language
    so_pin, pin = read_pins(
        options, token, phrase("cli.so_pin", language), phrase("cli.new_pin", language)
    )
    token.initialise(options.label, so_pin, pin)
    tell(phrase("cli.token_ready", language))
    return 0


def token_change_pin(desk: Desk, options: argparse.Namespace) -> int:
    token = desk.token(options.token, options.module)
    language = desk.settings.language
    old, new = read_pins(
        options, token, phrase("cli.pin", language), phrase("cli.new_pin", language)
    )
    token.change_pin(old, new)
    tell(phrase("cli.pin_changed", language))
    return 0


# --- seals -------------------------------------------------------------------------------------


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
    facts = desk.seal_facts(desk.cabinet.seal(options.seal))
    if options.json:
        tell_json(facts)
    else:
        tell("\n".join(f"{key}: {value}" for key, value in facts.items()))
    return 0


def seal_inspect(desk: Desk, options: argparse.Namespace) -> int:
    from app.inspecting import inspect
    from crypto.verdict import say

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

    token = desk.token(options.token, options.module)
    with token.login(enter_pin(desk, options, token)) as session:
        done = synchronise(desk.platform(), desk.cabinet, desk.holder_key(session))
    words = phrase("cli.synced", desk.settings.language)
    tell(words.format(seals=done.seals, records=done.records))
    return 0


# --- verifying ---------------------------------------------------------------------------------


def _refuse_nonsense(options: argparse.Namespace, many: bool) -> None:
    """Raise :class:`app.errors.UsageError` for --report and --sealed where they mean nothing."""
    if options.sealed and not options.report:
        raise UsageError("verify: --sealed goes with --report OUT.pdf")
    if options.report and many:
        raise UsageError("verify: --report is for one file alone; see --report-dir")
    if options.sealed and (options.offline or options.at_time or options.password_stdin):
        raise UsageError(
            "verify: --sealed asks the platform, as of now: not with --offline, --at-time or a"
            " password"
        )
    if options.report and os.path.lexists(options.report):
        raise OutputExists(str(options.report))


def verify(desk: Desk, options: argparse.Namespace) -> int:
    from app.verifying import verify as verify_file

    password = pdf_password(options)
    language = desk.settings.language
    try:
        trust = desk.trust(options.trust)
        platform = None if options.offline else desk.status_service()
    except LocalDataError as error:
        # a cabinet that stays shut must not keep anybody from verifying what they received
        complain(error, language)
        trust, platform = desk.anchors(options.trust), None
    wishes = (options.jobs, options.csv, options.report_dir)
    many = len(options.files) > 1 or options.files[0].is_dir() or any(wishes)
    _refuse_nonsense(options, many)
    if many:
        from app.cli.verifying import verify_many

        return verify_many(desk, options, trust, platform, password)
    path = options.files[0]  # one document alone needs no workers and is there at once
    try:
        report = verify_file(
            path, trust=trust, platform=platform, password=password, at=options.at_time
        )
    except Exception as error:
        if exit_code(error) != UNREADABLE:
            raise
        if options.json:
            from app.bulk import unreadable

            tell_json(unreadable(path, error, language))
        else:
            complain(error, language)
        return UNREADABLE
    verdicts, answer = [report.verdict.value], report.to_json(language)
    if not options.json:
        print_report(report, language)
    if options.report:
        from app.cli.verifying import report_on

        done = report_on(desk, options, report)
        verdicts.append(done["verdict"])
        answer["report"] = done
        if not options.json:
            tell(done["text"])
    if options.json:
        tell_json(answer)
    return worst_exit(verdicts)


# --- journal and demo --------------------------------------------------------------------------


def journal_list(desk: Desk, options: argparse.Namespace) -> int:
    from app.store.journal import event_name

    entries = desk.journal.entries()
    if options.json:
        tell_json(
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
        tell(f"{each.sequence}\t{local:%Y-%m-%d %H:%M:%S}\t{event}\t{document}\t{seal}")
    return 0


def journal_check(desk: Desk, options: argparse.Namespace) -> int:
    del options
    check = desk.journal.check()
    language = desk.settings.language
    if check.intact:
        tell(phrase("cli.journal_intact", language).format(entries=check.entries))
    else:
        problem = phrase(f"journal_problem.{check.problem}", language)
        words = phrase("cli.journal_damaged", language)
        tell(words.format(entries=check.entries, line=check.line, problem=problem))
    if check.torn_bytes:
        tell(phrase("cli.journal_torn", language).format(bytes=check.torn_bytes))
    for path in check.set_aside:
        tell(phrase("cli.journal_aside", language).format(path=path))
    return 0 if check.intact else 1


def journal_seal_off(desk: Desk, options: argparse.Namespace) -> int:
    del options
    language = desk.settings.language
    if desk.journal.check().intact:
        raise UsageError(phrase("cli.journal_not_damaged", language))
    tell(phrase("cli.journal_sealed_off", language).format(path=desk.journal.seal_off()))
    return 0


def journal_export(desk: Desk, options: argparse.Namespace) -> int:
    if os.path.lexists(options.output):
        raise OutputExists(str(options.output))
    try:
        count = desk.journal.export(options.output, language=desk.settings.language)
    except OSError as error:
        raise OutputNotWritable(str(options.output), FileProblem.of(error)) from error
    words = phrase("cli.exported", desk.settings.language)
    tell(words.format(entries=count, path=options.output))
    return 0


def demo(desk: Desk, options: argparse.Namespace) -> int:
    from app.demo import run

    window = None if options.no_window else desk.window
    return run(desk.settings, options.file, options.output, window)
