"""Stamping off the main thread: one PIN, any number of documents, one result each.

Runs on the device thread. A file that fails stands alone unless its error says that the next would
fail the same way (:func:`app.errors.stops_batch`); a cancel ends it between two steps of a file and
leaves nothing half done.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from app.errors import Cancelled, PageOutOfRange, stops_batch
from ui.context import Context, Stamper, Step
from ui.stamp_plan import Placed, marks_of

if TYPE_CHECKING:
    from app.placement import SealSize, TextHit
    from app.stamping import StampedFile, StampJob
    from crypto.mark import Mark


@dataclass(frozen=True)
class Order:
    """One document and what goes on it."""

    path: Path
    placed: tuple[Placed, ...]
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Outcome:
    """What became of an order: a file, an error, or neither if it was not reached."""

    order: Order
    file: StampedFile | None = None
    error: BaseException | None = None


def stamp_orders(
    context: Context,
    orders: Sequence[Order],
    sizes: Mapping[str, SealSize],
    serials: Mapping[str, str],
    pin: str,
    offline: bool,
    step: Step,
) -> list[Outcome]:
    """Stamp every order; *sizes* and *serials* by seal code (all on one key: one PIN).

    Tells ``step("file", number)`` before a file, ``step("done", number, outcome)`` after it and
    ``step("step", number, name)`` in between. Raises only what opening the key raises."""
    outcomes = [Outcome(order) for order in orders]
    codes = list(dict.fromkeys(p.seal_code for order in orders for p in order.placed))
    with ExitStack() as opened:
        key: Stamper | None = None
        if len(codes) == 1:  # one login for the whole batch
            stamping = context.stamping(codes[0], serials[codes[0]], pin, offline=offline)
            key = opened.enter_context(stamping)
        for number, order in enumerate(orders):

            def within(name: str, number: int = number) -> None:
                step("step", number, name)

            try:
                step("file", number)
                jobs = _jobs(context, order, sizes)
                if key is not None:
                    done = key.stamp(next(iter(jobs.values())), within)
                else:
                    done = _stamp_several(context, jobs, serials, pin, offline, within)
            except Exception as error:  # noqa: BLE001 - every kind is shown beside its file
                outcomes[number] = Outcome(order, error=error)
            else:
                outcomes[number] = Outcome(order, file=done)
            failed = outcomes[number].error
            with suppress(Cancelled):  # the file is done; the next step("file") will stop
                step("done", number, outcomes[number])
            if isinstance(failed, Cancelled) or (failed is not None and stops_batch(failed)):
                break
    return outcomes


def _stamp_several(
    context: Context,
    jobs: Mapping[str, StampJob],
    serials: Mapping[str, str],
    pin: str,
    offline: bool,
    within: Step,
) -> StampedFile:
    """Several seals on one document: each signs what the one before has left, saved once."""
    from app.publishing import free_name

    *before, last = jobs.values()
    target = last.output or free_name(last.source, last.suffix)
    source = last.source
    with tempfile.TemporaryDirectory(prefix="sealdesk-") as folder:
        for place, job in enumerate(before):
            between = Path(folder) / f"{place}" / source.name
            between.parent.mkdir()
            with context.stamping(job.seal_code, serials[job.seal_code], pin, offline=offline) as k:
                source = k.stamp(replace(job, source=source, output=between), within).path
        with context.stamping(last.seal_code, serials[last.seal_code], pin, offline=offline) as k:
            return k.stamp(replace(last, source=source, output=target), within)


def _jobs(context: Context, order: Order, sizes: Mapping[str, SealSize]) -> dict[str, StampJob]:
    """A job per seal, in the order in which the seals were placed."""
    from app.publishing import free_name
    from app.stamping import StampJob, page_boxes

    settings = context.settings
    boxes = page_boxes(order.path, order.password)
    found: dict[str, tuple[TextHit, ...]] = {}

    def find(text: str) -> tuple[TextHit, ...]:
        if text not in found:
            found[text] = context.find(order.path, text, order.password)
        return found[text]

    marks: dict[str, list[Mark]] = {}
    for placed in order.placed:
        made = marks_of(placed, boxes, sizes[placed.seal_code], find)
        marks.setdefault(placed.seal_code, []).extend(made)
    if not any(marks.values()):  # a riding seam alone on a document of one page
        raise PageOutOfRange(2, len(boxes))
    output = None
    if settings.output_folder is not None:
        output = free_name(settings.output_folder / order.path.name, settings.output_suffix)
    return {
        code: StampJob(
            source=order.path,
            seal_code=code,
            marks=tuple(each),
            output=output,
            suffix=settings.output_suffix,
            profile=settings.profile,
            separate=settings.marks == "separate",
            password=order.password,
        )
        for code, each in marks.items()
        if each
    }
