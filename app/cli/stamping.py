"""``sealdesk stamp`` and ``sealdesk timestamp``: from options to the story, and what it says."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.grammar import (
    Commands,
    Parser,
    json_option,
    offline_option,
    output_option,
    password_option,
    pin_option,
    timestamp_options,
    token_options,
)
from app.cli.preparing import look_before, preparing_options, tell_before
from app.cli.terminal import complain, enter_pin, pdf_password, print_report, tell, tell_json
from app.errors import UsageError, exit_code, explain, phrase
from app.publishing import free_name

if TYPE_CHECKING:
    from app.augmentation import AugmentedFile
    from app.desk import Desk
    from app.placing.placement import PageBox
    from app.remote.timestamping import Timestamper
    from app.store.cabinet import SealRecord
    from crypto.pdf.marks.drawing import Mark
    from crypto.seal.date_mark import DateMark, Style


def add_commands(commands: Commands) -> None:
    """``stamp`` and ``timestamp``."""
    _stamp_options(commands.add("stamp", stamp, "put a seal on a PDF"))

    made = commands.add("timestamp", timestamp, "a time stamp over a whole PDF")
    made.add_argument("file", type=Path, metavar="FILE.pdf", help="the PDF to time-stamp")
    output_option(made, "OUT.pdf")
    timestamp_options(made)
    json_option(made)
    password_option(made)


def _stamp_options(made: Parser) -> None:
    made.add_argument("file", type=Path, metavar="IN.pdf", help="the PDF to stamp")
    output_option(made, "OUT.pdf")
    made.add_argument("--seal", metavar="ID", help="seal code or name")
    made.add_argument(
        "--at",
        action="append",
        metavar="[PAGE:]X,Y",
        help="centre of the seal in millimetres from the page's top left; may be repeated",
    )
    made.add_argument("--pages", help="pages for --at X,Y: 1,3-5,-1,all,odd,even")
    made.add_argument("--keyword", metavar="TEXT[:N]", help="on the N-th occurrence of TEXT")
    made.add_argument(
        "--riding",
        choices=("right", "left", "top", "bottom"),
        help="a riding seam over the pages' edge",
    )
    made.add_argument(
        "--date",
        nargs="?",
        const="cn",
        choices=("cn", "iso"),
        help="the day of stamping (Beijing) beside each seal: 2024年10月18日 or 2024-10-18",
    )
    made.add_argument(
        "--date-at",
        action="append",
        metavar="PAGE:X,Y",
        help="the date there instead, its centre in mm, on a page with a seal (repeatable)",
    )
    made.add_argument("--reason", default="", help="why it is sealed; written into the signature")
    made.add_argument(
        "--profile",
        choices=("ses", "ses-adobe", "cms", "pades", "dual"),
        help="kind of signature; pades: no seal, for readers abroad; dual: a seal and pades",
    )
    made.add_argument(
        "--pades-key",
        metavar="NAME",
        help="RSA or P-256 key for pades: its certificate's name or number, or its token's",
    )
    made.add_argument("--pades-module", type=Path, help="driver library (PKCS#11) of that key")
    preparing_options(made)
    timestamp_options(made)
    offline_option(made)
    json_option(made)
    made.add_argument(
        "--password-stdin", action="store_true", help="the PDF's password, a line before the PIN"
    )
    token_options(made)
    pin_option(made)


def stamp(desk: Desk, options: argparse.Namespace) -> int:
    from app.cli import augmentation
    from app.preparing import check_job
    from app.signing import find_key
    from app.stamping import StampJob, check_usable, page_boxes
    from app.stamping import stamp as stamp_file

    profile = options.profile or desk.settings.profile
    augmentation.refuse_nonsense(options, profile)
    if profile == "pades":
        return _sign_without_seal(desk, options)
    seal = desk.cabinet.seal(options.seal)
    check_usable(seal, datetime.now(UTC))  # before anybody is asked for a PIN
    password = pdf_password(options)
    prepared = look_before(desk, options, password)
    source = prepared.source
    output = options.output
    if output is None and desk.settings.output_folder is not None:
        name = desk.settings.output_folder / source.name
        output = free_name(name, desk.settings.output_suffix)
    boxes = page_boxes(source, password)
    marks = _marks(options, source, seal, boxes, password)
    job = StampJob(
        source=source,
        seal_code=seal.code,
        marks=tuple(marks),
        dates=tuple(_dates(options, boxes, marks)),
        output=output,
        suffix=desk.settings.output_suffix,
        spare=desk.spare_folder,
        profile="ses" if profile == "dual" else profile,
        separate=desk.settings.marks == "separate",
        reason=options.reason,
        password=password,
    )
    check_job(job, seal, desk.trust(), datetime.now(UTC))
    stamper = desk.timestamper(options.timestamp)
    token = desk.token(options.token, options.module, holding=seal.signer)
    tell_before(desk, options, prepared)
    with ExitStack() as opened:
        session = opened.enter_context(token.login(enter_pin(desk, options, token)))
        key = find_key(session, seal.signer.der)
        signer = None
        if profile == "dual":
            ask = partial(enter_pin, desk, options, variable="SEALDESK_PADES_PIN")
            signer = augmentation.foreign_signer(desk, options, ask, opened, (token, session))
        done = stamp_file(
            job,
            key=key,
            cabinet=desk.cabinet,
            journal=desk.journal,
            trust=desk.trust(),
            platform=None if options.offline else desk.ticket_service(key),
            timestamp=stamper,
            afterwards=augmentation.afterwards(desk, options, stamper, signer),
            offline_limit=desk.offline_limit,
        )
    if options.json:
        tell_json(
            {
                "output": str(done.path),
                "ticketed": done.ticketed,
                "journal_entry": done.journal_entry,
                "notices": prepared.to_json(desk.settings.language),
                "report": done.report.to_json(desk.settings.language),
            }
        )
    else:
        tell(f"{phrase('cli.stamped', desk.settings.language)} {done.path}")
        if not done.ticketed:
            tell(phrase("cli.stamped_offline", desk.settings.language))
        print_report(done.report, desk.settings.language)
    _tell_missing_timestamp(desk, stamper)
    if done.misplaced is not None:
        complain(done.misplaced, desk.settings.language)
        return exit_code(done.misplaced)
    return 0


def _sign_without_seal(desk: Desk, options: argparse.Namespace) -> int:
    from app.cli.augmentation import sign_without_seal

    ask = partial(enter_pin, desk, options, variable="SEALDESK_PADES_PIN")
    done, stamper = sign_without_seal(desk, options, ask, pdf_password(options))
    _say_augmented(desk, options, done)
    _tell_missing_timestamp(desk, stamper)
    return 0


def timestamp(desk: Desk, options: argparse.Namespace) -> int:
    from app.cli.augmentation import timestamp as stamp_time

    _say_augmented(desk, options, stamp_time(desk, options, pdf_password(options)))
    return 0


def _say_augmented(desk: Desk, options: argparse.Namespace, done: AugmentedFile) -> None:
    from app.cli.augmentation import facts

    language = desk.settings.language
    if options.json:
        tell_json(facts(done, language))
    else:
        tell(f"{phrase('cli.countersigned', language)} {done.path}")
        print_report(done.report, language)


def _tell_missing_timestamp(desk: Desk, stamper: Timestamper | None) -> None:
    """Say on stderr that an optional time stamp is missing; the file is valid without it."""
    if stamper is not None and stamper.failure is not None:
        language = desk.settings.language
        reason = explain(stamper.failure, language).title
        sys.stderr.write(phrase("cli.no_timestamp", language).format(reason=reason) + "\n")


def _dates(
    options: argparse.Namespace, boxes: Sequence[PageBox], marks: Sequence[Mark]
) -> list[DateMark]:
    """Where the options want the date: beside each seal, or at the places that --date-at names."""
    from app.placing import placement

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
    options: argparse.Namespace,
    source: Path,
    seal: SealRecord,
    boxes: Sequence[PageBox],
    password: str | None,
) -> list[Mark]:
    """Where the options want the seal: any of --at, --keyword and --riding, together one job."""
    from app.placing import placement

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
        from app.placing.finder import Finder

        text, which = placement.parse_keyword(options.keyword)
        with Finder() as finder:
            hits = finder.find(source, text, password)
        marks += placement.keyword(boxes, hits, size, text, which)
    if options.riding:
        marks += placement.riding_seam(boxes, size, options.riding)
    if not marks:  # a riding seam alone on a single page
        raise UsageError("stamp: a single page has no riding seam")
    return marks
