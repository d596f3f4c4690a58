"""The second layer of verifying: after the static review, the pages themselves are looked at.

    with_looks(document, password, revisions, reports, look)   → the reports with its findings
    look_with_engines(Task)                                    → Seen, from bounded processes
    foresee(document, password, revisions, processes)          they draw while it is judged

Where a signature covers an earlier revision and is found good, that revision is drawn beside the
whole file, by two renderers (:mod:`crypto.rendering.engines`). Whatever differs and is not
explained by what the static review has accepted, and whatever could not be drawn or not in time,
leaves the signature's verdict unknown. Nothing is ever made better. Where the static review has
found something bad already, the pages it names are looked at to tell the place, and nothing else
follows from that.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import field, replace
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from crypto.frozen import frozen
from crypto.lengths import MM
from crypto.pdf.looking.explained import explained
from crypto.pdf.looking.touched import touched_pages
from crypto.pdf.reading.document import Document
from crypto.pdf.reading.failures import PdfUnreadable
from crypto.rendering.compare import Box
from crypto.rendering.looker import GROUPS, SECONDS, Order, Sealed, begin
from crypto.verdict import Finding, Level, ShownChange, SignatureReport, Verdict, ranges

if TYPE_CHECKING:
    from crypto.bounded import BoundedProcess

_GOOD = (Verdict.VALID, Verdict.VALID_CHANGED_LATER)
_FINE = (Level.OK, Level.NOTICE, Level.CHANGED)
_ANYWHERE = {"suspicious", "forbidden"}
"""Kinds of change that may show on other pages than the one they are told of."""
_PAGE_SECONDS = 20.0
"""Of the processor, for loading and for one page: the process is ended then."""
_CLOCK, _PLACING_CLOCK = 150.0, 20.0
"""Seconds by the clock for a document, ten times what it may use of the processor: what an idle
machine sees a busy one sees, too, and past that it says that it was busy."""
_PLACING_SECONDS = 3.0
_MAX_DATA = 512 << 20
"""Bytes of all revisions that are drawn at once."""
_EDGE = 1.5
"""Millimetres around a field, for its frame."""
_MAX_TOLD = 10
"""Pages with a finding of their own for each signature."""
_EVERYWHERE = 1e9
"""Millimetres; no page is larger. (The largest UserUnit that Acrobat knows is 75,000.)"""


@frozen
class Task:
    """What is to be looked at."""

    data: bytes
    """The whole file."""
    password: str | None
    sealed: tuple[Sealed, ...]
    placing: bool = False
    """Only to tell the place of what is bad already: no verdict waits for it."""
    units: Mapping[int, float] = field(default_factory=dict)
    """The UserUnit of those of its pages (0-based) that have one."""

    @property
    def seconds(self) -> float:
        """Of the processor."""
        return _PLACING_SECONDS if self.placing else SECONDS

    @property
    def clock(self) -> float:
        """Seconds by the clock."""
        return _PLACING_CLOCK if self.placing else _CLOCK


@frozen
class Difference:
    """Something shows otherwise than it was sealed."""

    end: int
    """Which revision it was sealed in, by its length in bytes."""
    page: int | None
    """0-based; None: the number of pages differs."""
    engine: str
    boxes: tuple[Box, ...] = ()
    """The largest first."""


@frozen
class Seen:
    """What looking gave."""

    differences: tuple[Difference, ...] = ()
    left_out: tuple[int, ...] = ()
    """Pages (0-based) that nobody has looked at, because there was no time for them."""
    failed: tuple[tuple[int | None, str], ...] = ()
    """Pages (0-based; None: the document) that could not be drawn, and what refused or why."""
    held_up: tuple[int, ...] = ()
    """Pages (0-based) that nobody has looked at, because the machine was busy."""


Look = Callable[[Task], Seen]
"""Does what a :class:`Task` says; :func:`look_with_engines` is the one there is."""


def with_looks(
    document: Document,
    password: str | None,
    revisions: Sequence[tuple[int, int | None]],
    reports: Sequence[SignatureReport],
    look: Look,
) -> tuple[SignatureReport, ...]:
    """*reports* with what looking adds. *revisions*: for each of them where its covered bytes end,
    and the number (from 0) of the revision that they are, None if that is not certain."""
    good: dict[int, Sealed] = {}
    bad: dict[int, Sealed] = {}
    for (end, base), report in zip(revisions, reports, strict=True):
        if report.coverage != "revision":
            continue
        if report.verdict in _GOOD:
            wanted, pages = good, tuple(touched_pages(document, base))
        elif report.intact:
            wanted, pages = bad, _to_be_placed(touched_pages(document, base), report)
        else:
            continue
        if end not in wanted:
            wanted[end] = Sealed(end, explained(document, report.changed_later, base), pages)
    seen = _looked_at(document, password, good, look, placing=False)
    places = _looked_at(document, password, bad, look, placing=True)
    if seen is None and places is None:
        return tuple(reports)
    made = []
    for (end, _), report in zip(revisions, reports, strict=True):
        if seen and report.coverage == "revision" and report.verdict in _GOOD:
            made.append(_told(report, seen, end))
        elif places and report.coverage == "revision" and report.intact:
            made.append(replace(report, shown_changes=_shown(places, end)))
        else:
            made.append(report)
    return tuple(made)


def _looked_at(
    document: Document,
    password: str | None,
    wanted: Mapping[int, Sealed],
    look: Look,
    *,
    placing: bool,
) -> Seen | None:
    """None where there is nothing to be looked at."""
    if not any(each.pages for each in wanted.values()):
        return None
    document.stream.seek(0)
    sealed = tuple(wanted.values())
    units = _units(document, sealed)
    return look(Task(document.stream.read(), password, sealed, placing, units))


def _units(document: Document, sealed: Sequence[Sealed]) -> dict[int, float]:
    """The UserUnit of those pages of *sealed* that have one."""
    pages, units = document.pages(), {}
    for number in {number for each in sealed for number in each.pages}:
        with suppress(PdfUnreadable):  # what it shows is looked at as if it had none
            units[number] = pages[number].unit
    return {number: unit for number, unit in units.items() if unit != 1.0}


def _to_be_placed(touched: Sequence[int], report: SignatureReport) -> tuple[int, ...]:
    """The pages on which what is bad in *report* may show: few, those that it names first."""
    kinds = {change.kind for change in report.changed_later if change.finding.level not in _FINE}
    if not kinds:
        return ()
    named = {change.page - 1 for change in report.changed_later if change.page}
    if not kinds & _ANYWHERE:
        touched = [page for page in touched if page in named]
    return tuple(sorted(touched, key=lambda page: page not in named)[:_MAX_TOLD])


def _shown(seen: Seen, end: int) -> tuple[ShownChange, ...]:
    """What *seen* has of the revision of that length; of a page what the first engine saw that saw
    anything."""
    first: dict[int, Difference] = {}
    for difference in seen.differences:
        if difference.end == end and difference.page is not None:
            first.setdefault(difference.page, difference)
    return tuple(
        ShownChange(page + 1, first[page].engine, millimetres, tuple(n * MM for n in millimetres))
        for page in sorted(first)
        for box in first[page].boxes
        for millimetres in [(box.left, box.top, box.width, box.height)]
    )


def _told(report: SignatureReport, seen: Seen, end: int) -> SignatureReport:
    findings = []
    by_page: dict[int | None, list[Difference]] = {}
    for difference in seen.differences:
        if difference.end == end:
            by_page.setdefault(difference.page, []).append(difference)
    for page, found in list(by_page.items())[:_MAX_TOLD]:
        details = {"engine": ", ".join(dict.fromkeys(each.engine for each in found))}
        if page is None:
            findings.append(Finding("look_pages_differ", details))
            continue
        boxes = [box for each in found for box in each.boxes]
        fillings = [_filling_around(report, page, box) for box in boxes]
        if not all(fillings):
            fillings = [{}]
        for filled in dict.fromkeys(tuple(each.items()) for each in fillings):
            own = [
                box
                for box in boxes
                if not filled or _filling_around(report, page, box) == dict(filled)
            ]
            box = max(own, key=lambda b: b.width * b.height)
            findings.append(Finding("look_differs", details | dict(filled) | _where(page, box)))
    if len(by_page) > _MAX_TOLD:
        findings.append(Finding("look_differs_more", {"count": str(len(by_page) - _MAX_TOLD)}))
    if seen.left_out:
        findings.append(Finding("look_incomplete", {"pages": ranges(seen.left_out)}))
    if seen.held_up:
        findings.append(Finding("look_held_up", {"pages": ranges(seen.held_up)}))
    for page, engine in seen.failed[:_MAX_TOLD]:
        where = {} if page is None else {"pages": str(page + 1)}
        findings.append(Finding("look_failed", {"engine": engine} | where))
    shown = _shown(seen, end)
    if not findings and not shown:
        return report
    return replace(report, findings=(*report.findings, *findings), shown_changes=shown)


def _filling_around(report: SignatureReport, page: int, box: Box) -> dict[str, str]:
    """What is to be told of the field around *box*, if it was filled in: what differs there is what
    surrounds the value, for the value has been read. Nothing, where there is none."""
    for change in report.changed_later:
        if change.kind == "field_filled" and change.page == page + 1 and change.box_mm:
            left, top, width, height = change.box_mm
            if (
                left - _EDGE <= box.left
                and top - _EDGE <= box.top
                and box.left + box.width <= left + width + _EDGE
                and box.top + box.height <= top + height + _EDGE
            ):
                told = {"why": "in_field", "label": change.label, "after": change.after}
                return {key: value for key, value in told.items() if value}
    return {}


def _where(page: int, box: Box) -> dict[str, str]:
    numbers = {"left": box.left, "top": box.top, "width": box.width, "height": box.height}
    return {"page": str(page + 1)} | {key: f"{number:.0f}" for key, number in numbers.items()}


# --- the bounded processes, from outside ---------------------------------------------------------


def foresee(
    document: Document,
    password: str | None,
    revisions: Sequence[tuple[int, int | None]],
    processes: Sequence[BoundedProcess],
) -> None:
    """Let *processes*, which :func:`look_with_engines` will be given, draw what it will want if the
    signatures of *revisions* (as for :func:`with_looks`) are found good.

    Raises :data:`crypto.pdf.reading.failures.PARSER_FAILURES`."""
    sealed = tuple(
        Sealed(end, (), tuple(touched_pages(document, base)))
        for end, base in revisions
        if base is not None
    )
    if not any(each.pages for each in sealed):
        return
    document.stream.seek(0)
    task = Task(document.stream.read(), password, sealed, units=_units(document, sealed))
    order = Order(task.data, password, next(_groups(task)), None, task.units)
    for process in processes:
        process.send_meanwhile(order)


def look_with_engines(task: Task, started: Sequence[BoundedProcess] = ()) -> Seen:
    """Look at *task* in bounded processes, *started* by
    :func:`crypto.rendering.looker.begin_early` or here. Never raises for what the file contains."""
    seen = Seen()
    until = time.monotonic() + task.clock
    for group in _groups(task):
        part = replace(task, sealed=group)
        seen = merged(seen, _together(_looked_by_all(part, until, started), part))
        started = ()
    return seen


@frozen
class _Share:
    """What the engines of one process do of a task."""

    task: Task
    engines: Sequence[str]
    until: float
    """When the time for it is over, by :func:`time.monotonic`."""
    begun: list[BoundedProcess]
    """Where their process is put, for whoever has to end it."""


def _looked_by_all(task: Task, until: float, started: Sequence[BoundedProcess]) -> list[Seen]:
    begun: list[BoundedProcess] = []
    with ThreadPoolExecutor(len(GROUPS)) as threads:
        all_of = [
            threads.submit(_looked_again, _Share(task, names, until, begun), process)
            for names, process in zip_longest(GROUPS, started)
        ]
        try:
            return [running.result() for running in all_of]
        except BaseException:  # Ctrl+C: nobody waits for the pages that are left
            for process in begun:
                process.end()
            raise


def _together(all_of: Sequence[Seen], task: Task) -> Seen:
    """What the processes have seen of the same pages, in the order of the pages and the engines."""
    order = {None: -1} | {page: at for at, page in enumerate(_pages(task))}
    engines = {name: at for at, name in enumerate(name for names in GROUPS for name in names)}
    last = len(order), len(engines)

    def by_page(found: tuple[int | None, str]) -> tuple[int, int]:
        return order.get(found[0], last[0]), engines.get(found[1], last[1])

    differences = [difference for seen in all_of for difference in seen.differences]
    left = {page for seen in all_of for page in seen.left_out}
    held_up = {page for seen in all_of for page in seen.held_up}
    failed = dict.fromkeys(each for seen in all_of for each in seen.failed)
    return Seen(
        tuple(sorted(differences, key=lambda each: by_page((each.page, each.engine)))),
        tuple(page for page in _pages(task) if page in left),
        tuple(sorted(failed, key=by_page)),
        tuple(page for page in _pages(task) if page in held_up),
    )


def _pages(task: Task) -> list[int]:
    """All that are to be looked at, the most urgent first."""
    return list(dict.fromkeys(page for revision in task.sealed for page in revision.pages))


def _groups(task: Task) -> Iterator[tuple[Sealed, ...]]:
    """As many revisions at a time as fit into memory."""
    group: list[Sealed] = []
    for revision in task.sealed:
        if group and len(task.data) + sum(s.end for s in (*group, revision)) > _MAX_DATA:
            yield tuple(group)
            group = []
        group.append(revision)
    yield tuple(group)


def merged(one: Seen, other: Seen) -> Seen:
    """What both have seen of one document."""
    return Seen(
        one.differences + other.differences,
        one.left_out + other.left_out,
        one.failed + other.failed,
        one.held_up + other.held_up,
    )


def _looked_again(share: _Share, started: BoundedProcess | None) -> Seen:
    """As :func:`_looked`, once more where the process died: on some files MuPDF frees what it has
    freed already, which ends the process at times and not at others."""
    seen = _looked(share, started)
    if any(why == "ProcessDied" for _, why in seen.failed):
        return _looked(share, None)
    return seen


def _looked(share: _Share, started: BoundedProcess | None) -> Seen:
    """What the engines of *share* see, in the process *started* or a new one."""
    from crypto.bounded import BoundedError, ProcessFailed, ProcessHeldUp

    task, until = share.task, share.until
    pages = _pages(task)
    differences: list[Difference] = []
    failed: list[tuple[int | None, str]] = []
    try:
        with started or begin(share.engines) as process:
            share.begun.append(process)
            process.receive_working(_PAGE_SECONDS, until - time.monotonic())
            with suppress(BoundedError):  # what it says next tells why
                order = Order(task.data, task.password, task.sealed, task.seconds, task.units)
                process.send(order, task.clock)
            while True:
                said = process.receive_working(_PAGE_SECONDS, until - time.monotonic()).head
                if "done" in said:
                    left = [page_of(page) for page in said["left"]]
                    return Seen(tuple(differences), tuple(left), tuple(failed))
                if "looked" in said:
                    pages.remove(page_of(said["looked"]))
                elif "differs" in said:
                    differences.append(_difference(said, task))
                else:
                    place = None if said["page"] is None else page_of(said["page"])
                    failed.append((place, str(said["failed"])[:100]))
    except ProcessHeldUp:
        return Seen(tuple(differences), failed=tuple(failed), held_up=tuple(pages))
    except ProcessFailed as error:
        failed.append((pages[0] if pages else None, str(error)))
    except BoundedError as error:
        failed.append((pages[0] if pages else None, type(error).__name__))
    except (KeyError, TypeError, ValueError):
        failed.append((None, "malformed"))
    return Seen(tuple(differences), tuple(pages[1:]), tuple(failed))


def _difference(said: dict[str, Any], task: Task) -> Difference:
    """Raises KeyError, TypeError, ValueError for what an honest process would not say."""
    end = said["end"]
    if end not in {revision.end for revision in task.sealed}:
        raise ValueError("another revision")
    boxes = tuple(box_of(box) for box in said["boxes"])
    page = None if said["page"] is None else page_of(said["page"])
    if page is not None and not boxes:
        raise ValueError("no place")
    return Difference(end, page, str(said["differs"])[:100], boxes)


def box_of(told: dict[str, Any]) -> Box:
    """A box as the process tells it. Raises KeyError, TypeError, ValueError."""
    numbers = [float(told[name]) for name in ("left", "top", "width", "height")]
    if not all(math.isfinite(number) and abs(number) < _EVERYWHERE for number in numbers):
        raise ValueError("beyond any page")
    return Box(*numbers)


def page_of(told: Any) -> int:
    """A page's number (from 0) as the process tells it. Raises ValueError."""
    if type(told) is not int or told < 0:
        raise ValueError("no page")
    return told
