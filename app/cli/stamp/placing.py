"""Where ``sealdesk stamp`` puts the seal: options → rules → marks and dates on each document."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.grammar import Parser, refused
from app.errors import NoSeam, PositionInvalid, UsageError, phrase
from app.placing.written import parse_keyword, parse_pages, parse_point, parse_riding

if TYPE_CHECKING:
    from app.desk import Desk
    from app.placing.finder import Finder
    from app.placing.placement import PageBox, SealSize, Side, TextHit
    from app.placing.stamp_plan import Placed, Rule
    from app.placing.templates import Template
    from crypto.pdf.marks.drawing import Mark
    from crypto.seal.date_mark import DateMark, Style


def placing_options(made: Parser) -> None:
    made.add_argument(
        "--at",
        action="append",
        metavar="[PAGE:]X,Y",
        help="centre of the seal in millimetres from the page's top left; may be repeated",
    )
    made.add_argument("--pages", help="pages for --at X,Y: 1,3-5,-1,all,odd,even")
    made.add_argument(
        "--keyword",
        action="append",
        metavar="TEXT[:N]",
        help="on the N-th occurrence of TEXT, the last by default; may be repeated",
    )
    made.add_argument(
        "--riding",
        action="append",
        type=seam,
        metavar="SIDE[:PAGES]",
        help="a riding seam over the edges of the pages: right, left, top or bottom; PAGES, "
        "all by default, for example odd for sheets printed on both sides; may be repeated",
    )
    made.add_argument(
        "--slices",
        type=slices,
        default=20,
        metavar="N|all",
        help="how many pages share one riding seal at most (default 20); all: one over all pages",
    )
    made.add_argument(
        "--field",
        action="append",
        nargs="?",
        const="",
        metavar="NAME",
        help="on an empty signature field, which may be left out if there is only one; "
        "may be repeated",
    )
    made.add_argument(
        "--skip-small",
        action="store_true",
        help="leave out pages that are too small for the seal where it should go",
    )
    made.add_argument(
        "--template", metavar="NAME", help="as kept in the window under this name (usual places)"
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


def seam(text: str) -> tuple[Side, str]:
    """For argparse, which says in the person's language that a seam is not one."""
    try:
        return parse_riding(text)
    except PositionInvalid as error:
        raise refused("not right, left, top or bottom, with pages after a colon", text) from error


def slices(text: str) -> int | None:
    """For argparse: a number from 2 on; None for "all"."""
    if text == "all":
        return None
    number = int(text) if text.isdecimal() else 0
    if not 2 <= number <= 9999:
        raise refused("not a number above 1", text)
    return number


def says_where(options: argparse.Namespace) -> bool:
    """Does any of the options say where a seal goes?"""
    named = (options.at, options.keyword, options.riding, options.field, options.template)
    return any(each is not None for each in named)


def wanted(desk: Desk, options: argparse.Namespace) -> tuple[list[Rule], Template | None]:
    """The rules that the options name, and the template. What makes no sense is told here, before
    a seal or a key is looked for.

    Raises :class:`UsageError`, :class:`app.errors.PlacementError`."""
    from app.placing.stamp_plan import At, InField, Keyword, Riding
    from app.placing.templates import Templates

    if not says_where(options):
        raise UsageError("no_place", "stamp")
    if options.pages and not options.at:
        raise UsageError("pages_with_at", "--pages")
    rules: list[Rule] = []
    for text in options.at or ():
        point = parse_point(text)
        pages = str(point.page) if point.page is not None else options.pages or ""
        rules.append(At(pages, point.x_mm, point.y_mm))
    rules += [Keyword(*parse_keyword(text)) for text in options.keyword or ()]
    rules += [
        Riding(side, pages=pages, most=options.slices) for side, pages in options.riding or ()
    ]
    rules += [InField(name) for name in options.field or ()]
    template = None
    if options.template is not None:
        template = Templates(desk.settings.folders.config).named(options.template)
    return list(dict.fromkeys(rules)), template


def placed(
    options: argparse.Namespace, rules: Sequence[Rule], template: Template | None, seal_code: str
) -> list[Placed]:
    """All of it for one seal; a date that the options name counts for the template, too."""
    from app.placing.stamp_plan import Placed

    date: Style | None = None if options.date_at else options.date
    made = [Placed(f"o{number}", seal_code, rule, date=date) for number, rule in enumerate(rules)]
    for each in template.placed if template else ():
        own = None if options.date_at else options.date or each.date
        made.append(replace(each, seal_code=seal_code, date=own))
    return made


def marks_and_dates(
    options: argparse.Namespace,
    plan: Sequence[Placed],
    source: Path,
    password: str | None,
    size: SealSize,
    finder: Finder,
    language: str,
) -> tuple[tuple[Mark, ...], tuple[DateMark, ...]]:
    """Where *plan* comes to lie on the document.

    Raises :class:`UsageError`, :class:`app.errors.PlacementError`, :class:`app.errors.FileError`,
    :class:`crypto.pdf.reading.failures.PdfError`."""
    from app.placing.stamp_plan import lay_out, on_pages_that_fit
    from app.stamping import read_places

    places = read_places(source, password)

    def find(text: str) -> tuple[TextHit, ...]:
        return finder.find(source, text, password)

    wanted = [_on_one_page(each, len(places.boxes)) for each in plan]
    if options.skip_small:
        wanted = [on_pages_that_fit(each, places.boxes, size, find) for each in wanted]
        _tell_skipped(wanted, language)
    laid = lay_out(
        wanted,
        places.boxes,
        {each.seal_code: size for each in plan},
        find,
        places.fields,
    )
    if not laid:
        raise NoSeam(str(source))
    marks = tuple(placed.mark for placed in laid)
    if options.date_at:
        return marks, tuple(_dates(options, places.boxes, marks))
    return marks, tuple(each.date for each in laid if each.date is not None)


def _tell_skipped(plan: Sequence[Placed], language: str) -> None:
    from crypto.wording import page_ranges

    pages = {page + 1 for placed in plan for page, _ in placed.without}
    if pages:
        said = phrase("cli.skipped_pages", language)
        sys.stderr.write(said.format(pages=page_ranges(pages, language)) + "\n")


def _on_one_page(placed: Placed, count: int) -> Placed:
    """``--at X,Y`` without pages means the only page."""
    from app.placing.stamp_plan import At

    if not isinstance(placed.rule, At) or placed.rule.pages:
        return placed
    if count > 1:
        raise UsageError("which_page", "--at")
    return replace(placed, rule=replace(placed.rule, pages="1"))


def _dates(
    options: argparse.Namespace, boxes: Sequence[PageBox], marks: Sequence[Mark]
) -> list[DateMark]:
    """The dates at the places that --date-at names."""
    from app.placing import placement

    style: Style = options.date or "cn"
    dates = []
    for text in options.date_at:
        point = parse_point(text)
        if point.page is None and len(boxes) > 1:
            raise UsageError("which_page", "--date-at")
        (page,) = parse_pages(str(point.page or 1), len(boxes))
        dates.append(placement.date_at(boxes, page, point.x_mm, point.y_mm, style))
    placement.dates_by_mark(marks, dates)  # before anybody is asked for a PIN
    return dates
