"""``sealdesk stamp`` and ``sealdesk timestamp``: from options to the story, and what it says."""

from __future__ import annotations

import argparse
import os
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.grammar import (
    Commands,
    Parser,
    json_option,
    offline_option,
    output_option,
    output_path,
    password_option,
    pin_option,
    timestamp_options,
    token_options,
)
from app.cli.stamp.approving import approvals_for, waiting_options
from app.cli.stamp.choosing import chosen_seal
from app.cli.stamp.order import (
    Order,
    described,
    earlier_facts,
    said_earlier,
    stamped_facts,
    tell_of_timestamp,
)
from app.cli.stamp.placing import placed, placing_options, wanted
from app.cli.stamp.preparing import check_seal, preparing_options, tell_before
from app.cli.terminal import complain, enter_pin, pdf_password, print_report, tell, tell_json
from app.errors import UsageError, exit_code, phrase
from app.many.begun import BegunOrder, begun_order

if TYPE_CHECKING:
    from app.augmentation import AugmentedFile
    from app.desk import Desk


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
    made.add_argument(
        "files",
        nargs="+",
        type=Path,
        metavar="IN.pdf|FOLDER",
        help="the PDFs to stamp, or folders with PDFs",
    )
    made.add_argument(
        "-o",
        "--output",
        type=output_path,
        metavar="OUT.pdf|FOLDER",
        help="where the result goes; a folder for several files",
    )
    made.add_argument(
        "--csv",
        type=output_path,
        metavar="TABLE.csv|TABLE.xlsx",
        help="what came of several files, as a table",
    )
    made.add_argument(
        "--seal",
        metavar="SEAL",
        help="code or name of the seal, as the window shows it; not needed if there is only one",
    )
    placing_options(made)
    made.add_argument(
        "--again",
        action="store_true",
        help="stamp anew what an earlier run of the same order has stamped",
    )
    made.add_argument(
        "--kind", default="", help="kind of document, for a seal that is used under a grant"
    )
    made.add_argument(
        "--counterparty", default="", help="other party, for a seal that is used under a grant"
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
    waiting_options(made)
    json_option(made)
    made.add_argument(
        "--password-stdin", action="store_true", help="the PDF's password, a line before the PIN"
    )
    token_options(made)
    pin_option(made)


def stamp(desk: Desk, options: argparse.Namespace) -> int:
    """One file, or many with one PIN (:mod:`app.cli.stamp.many`)."""
    from app.cli import augmentation

    profile = options.profile or desk.settings.profile
    augmentation.refuse_nonsense(options, profile)
    several = len(options.files) > 1 or options.files[0].is_dir()
    if profile == "pades":
        if several or options.csv:
            raise UsageError("one_file", "--profile pades")
        return _sign_without_seal(desk, options)
    order = _order(desk, options, profile)
    if several or options.csv:
        from app.cli.stamp.many import stamp_many

        return stamp_many(desk, options, order)
    return _stamp_one(desk, options, order)


def _order(desk: Desk, options: argparse.Namespace, profile: str) -> Order:
    desk.enter_unfinished()
    rules, template = wanted(desk, options)
    which = options.seal or (template.seal_code if template else None)
    seal = chosen_seal(desk, which)
    check_seal(desk, options, seal)  # before anybody is asked for a PIN
    several = len(options.files) > 1 or options.files[0].is_dir()
    output, folder = options.output, desk.settings.output_folder
    if output is not None and (several or os.path.isdir(output)):
        output, folder = None, output
    plan = tuple(placed(options, rules, template, seal.code))
    return Order(seal, plan, profile, pdf_password(options), output, folder)


def _stamp_one(desk: Desk, options: argparse.Namespace, order: Order) -> int:
    remembered = desk.begun_orders, described(options, order)
    with begun_order(*remembered, again=options.again) as begun:
        earlier = order.done_earlier(desk, begun, options.files[0])
        if earlier is None:
            code = _stamp_now(desk, options, order, begun)
        elif options.json:
            code = 0
            tell_json(earlier_facts(earlier))
        else:
            code = 0
            tell(said_earlier(earlier, desk.settings.language))
        begun.finished = True
        return code


def _stamp_now(desk: Desk, options: argparse.Namespace, order: Order, begun: BegunOrder) -> int:
    from app.cli import augmentation
    from app.placing.finder import Finder
    from app.signing import find_key
    from app.stamping import stamp as stamp_file

    seal = order.seal
    with Finder() as finder:
        job, prepared = order.job(desk, options, options.files[0], finder, begun)
    stamper = desk.timestamper(options.timestamp, () if options.offline else (seal,))
    token = desk.token(options.token, options.module, holding=seal.signer)
    tell_before(desk, options, prepared)
    with ExitStack() as opened:
        session = opened.enter_context(token.login(enter_pin(desk, options, token)))
        key = find_key(session, seal.signer.der)
        signer = None
        if order.profile == "dual":
            ask = partial(enter_pin, desk, options, variable="SEALDESK_PADES_PIN")
            signer = augmentation.foreign_signer(desk, options, ask, opened, (token, session))
        service = None if options.offline else desk.ticket_service(key)
        done = stamp_file(
            job,
            key=key,
            cabinet=desk.cabinet,
            journal=desk.journal,
            trust=desk.trust(),
            platform=service,
            timestamp=stamper,
            leases=desk.lending.book,
            approvals=approvals_for(desk, options, service),
            afterwards=augmentation.afterwards(desk, options, stamper, signer),
            offline_limit=desk.offline_limit,
        )
        desk.settle(service, key.certificate)
    if options.json:
        tell_json(stamped_facts(done, prepared, desk.settings.language))
    else:
        tell(f"{phrase('cli.stamped', desk.settings.language)} {done.path}")
        if not done.ticketed:
            tell(phrase("cli.stamped_offline", desk.settings.language))
        print_report(done.report, desk.settings.language)
    tell_of_timestamp(desk, stamper)
    if done.misplaced is not None:
        complain(done.misplaced, desk.settings.language)
        return exit_code(done.misplaced)
    return 0


def _sign_without_seal(desk: Desk, options: argparse.Namespace) -> int:
    from app.cli.augmentation import sign_without_seal
    from app.preparing import check_unseen

    (source,), password = options.files, pdf_password(options)
    check_unseen(source, password, options.output, desk.settings.output_suffix)
    ask = partial(enter_pin, desk, options, variable="SEALDESK_PADES_PIN")
    done, stamper = sign_without_seal(desk, options, ask, password)
    _say_augmented(desk, options, done)
    tell_of_timestamp(desk, stamper)
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
