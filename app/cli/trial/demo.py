"""``sealdesk demo``: everything once, with a platform and a Ukey of its own."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.grammar import Commands, output_path
from app.cli.terminal import print_report, tell, worst_exit
from app.errors import UsageError, phrase
from crypto.wording import is_of_a_demo

if TYPE_CHECKING:
    from app.desk import Desk


def add_commands(commands: Commands) -> None:
    """``demo``."""
    made = commands.add("demo", demo, "platform, virtual Ukey, a stamped and verified PDF")
    made.add_argument(
        "file",
        nargs="?",
        type=Path,
        metavar="FILE.pdf",
        help="the PDF to stamp instead of the sample",
    )
    made.add_argument(
        "--output",
        type=output_path,
        default=Path("demo-out"),
        metavar="FOLDER",
        help="folder for the results (default: demo-out)",
    )
    made.add_argument(
        "--verify",
        action="store_true",
        help="verify FILE.pdf with the demo's platform, which alone knows its seals",
    )
    made.add_argument(
        "--tour",
        action="store_true",
        help="walk through a company's life: apply, stamp, lend, suspend, replace, archive",
    )
    made.add_argument("--no-window", action="store_true", help="do not open the window at the end")


def demo(desk: Desk, options: argparse.Namespace) -> int:
    from app.demo import knows_itself, run, verify_in_demo

    if options.verify:
        language = desk.settings.language
        if options.file is None:
            raise UsageError("demo_of_what", "--verify")
        report = verify_in_demo(desk.settings, options.file)
        print_report(report, language)
        if is_of_a_demo(report):
            words = "demo.other" if knows_itself(desk.settings) else "demo.none"
            tell(phrase(words, language))
        return worst_exit([report.verdict.value])
    window = None if options.no_window else desk.window
    if options.tour:
        from app.cli.trial.tour import run as tour

        if options.file is not None:
            raise UsageError("tour_of_its_own", "--tour")
        return tour(desk.settings, options.output, window)
    return run(desk.settings, options.file, options.output, window)
