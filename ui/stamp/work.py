"""Stamping off the main thread: one PIN, any number of documents, one result each.

Begun on the device thread, which does nothing but sign (:mod:`app.many.batch`); a cancel leaves
nothing half done, and what the key has signed is finished.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from app.durable import discard_folder, patiently
from app.errors import Cancelled, ChangesForbidden, NoSeam
from app.many.batch import Batch
from app.placing.stamp_plan import Laid, Placed, lay_out
from app.steps import ApprovalWait, StampStep
from crypto.frozen import frozen
from ui.shell.context.parts import Stamper, Step
from ui.shell.context.values import DocumentFacts
from ui.shell.context.whole import Context

if TYPE_CHECKING:
    from app.many.resuming import StampedEarlier
    from app.placing.placement import SealSize, TextHit
    from app.stamping import StampedFile, StampJob

_SIGNED = frozenset(StampStep) - {StampStep.CHECK, StampStep.DRAW, StampStep.COPY, StampStep.SIGN}
"""Steps after the key has signed: a cancel comes too late for this document."""


@frozen
class StampOrder:
    """One document and what goes on it."""

    path: Path
    placed: tuple[Placed, ...]
    password: str | None = field(default=None, repr=False)
    folder: Path | None = None
    """Where the output goes instead of where it usually goes."""
    act: str = ""
    """See :attr:`app.stamping.StampJob.act`."""
    stencil: bool = False
    """The seals without transparency: for PDF/A-1."""

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where the output may lie, beside where outputs usually go."""
        return (self.path.parent,) if self.folder is None else (self.folder, self.path.parent)


@frozen
class Checked:
    """An order, checked before the PIN."""

    order: StampOrder
    facts: DocumentFacts | None = None
    error: BaseException | None = None
    """What it would fail for."""


def check_orders(
    context: Context, orders: Sequence[StampOrder], sizes: Mapping[str, SealSize], step: Step
) -> list[Checked]:
    """Look at every order as it will be stamped; nothing is written and no key is touched.

    Tells ``step(number)`` before each."""
    found = []
    for number, order in enumerate(orders):
        step(number)
        facts = None
        try:
            facts = context.preparer.examine(order.path, order.password)
            if facts.obstacle is not None:
                raise facts.obstacle
            if facts.asked:
                raise ChangesForbidden(str(order.path))
            context.preparer.check(_jobs(context, order, sizes))
        except Exception as error:  # noqa: BLE001 - it concerns this document alone
            found.append(Checked(order, facts, error))
        else:
            found.append(Checked(order, facts))
    return found


@frozen
class StampOutcome:
    """What became of an order: a file, now or in an earlier run, an error, or none of these if it
    was not reached."""

    order: StampOrder
    file: StampedFile | None = None
    error: BaseException | None = None
    at: datetime | None = None
    """When it ended."""
    earlier: StampedEarlier | None = None

    @property
    def result(self) -> StampedFile | StampedEarlier | None:
        """The stamped file."""
        return self.file or self.earlier

    @classmethod
    def done_earlier(cls, order: StampOrder, earlier: StampedEarlier) -> StampOutcome:
        """Of an order that the journal says is done."""
        return cls(order, at=earlier.at, earlier=earlier)


def stamp_orders(
    context: Context,
    orders: Sequence[StampOrder],
    sizes: Mapping[str, SealSize],
    serial: str,
    pin: str,
    offline: bool,
    step: Step,
) -> list[StampOutcome]:
    """Stamp every order; *sizes* by seal code; all seals are on the key *serial*: one PIN.

    What the journal says is done already is not done again. Tells ``step("file", number)`` before a
    file, ``step("step", number, step)`` in between and ``step("done", number, outcome)`` after it.
    Raises only what the journal and opening the key raise."""
    outcomes = [StampOutcome(order) for order in orders]
    earlier = context.stamped_earlier({order.act: order.folders for order in orders if order.act})
    todo = []
    for number, order in enumerate(orders):
        if order.act in earlier:
            outcomes[number] = StampOutcome.done_earlier(order, earlier[order.act])
            discard_folder(between_folder(context) / order.act)
            step("done", number, outcomes[number])
        else:
            todo.append(number)
    codes = list(dict.fromkeys(p.seal_code for order in orders for p in order.placed))
    batch: Batch[StampedFile | None] = Batch()

    def ask(number: int, key: Stamper) -> None:
        for job in _jobs(context, orders[number], sizes):
            step("step", number, StampStep.CHECK)
            if key.needs_approval(job.seal_code):
                key.ask_ahead(job)

    def one(number: int, key: Stamper) -> StampedFile:
        def within(now: StampStep | ApprovalWait) -> None:
            with suppress(*((Cancelled,) if now in _SIGNED else ())):
                step("step", number, now)

        step("file", number)
        order = orders[number]
        return _stamp(context, key, order, _jobs(context, order, sizes), within)

    def ended(number: int, file: StampedFile | None, error: BaseException | None) -> None:
        number = todo[number]
        outcomes[number] = StampOutcome(orders[number], file, error, datetime.now(UTC))
        with suppress(Cancelled):  # the file is done
            step("done", number, outcomes[number])

    if not todo:
        return outcomes
    with context.stamping(codes, serial, pin, offline=offline, lend=batch.lend) as key:
        if any(map(key.needs_approval, codes)):  # all are asked for, and then waited for
            asks = [partial(ask, number, key) for number in todo]
            batch.run(asks, may_sign=partial(step, "key", -1))
        works = [partial(one, number, key) for number in todo]
        batch.run(works, may_sign=partial(step, "key", -1), ended=ended)
    return outcomes


def _stamp(
    context: Context, key: Stamper, order: StampOrder, jobs: Sequence[StampJob], within: Step
) -> StampedFile:
    """Several seals on one document: each signs what the one before has left, saved once.

    What lies between is kept until all are on it, and the journal knows each by an act of its own:
    after a crash or a failure no seal is used twice."""
    *before, last = jobs
    if not before:
        return key.stamp(last, within)
    source = last.source
    with _kept_between(context, order) as folder:
        acts = [_act_between(order, jobs[: place + 1]) for place in range(len(before))]
        places = {act: (folder / act,) for act in acts}
        earlier = context.stamped_earlier(places) if any(folder.iterdir()) else {}
        for act, job in zip(acts, before, strict=True):
            between = folder / act / order.path.name
            done = earlier.get(act)
            if done is not None and done.intact:
                source = done.path
                continue
            between.parent.mkdir(exist_ok=True)
            patiently(partial(between.unlink, missing_ok=True))
            job = replace(job, source=source, output=between, act=act, approved=order.path)
            source = key.stamp(job, within).path
        folder_of_output = last.folder or order.path.parent
        last = replace(last, source=source, folder=folder_of_output, approved=order.path)
        return key.stamp(last, within)


@contextmanager
def _kept_between(context: Context, order: StampOrder) -> Iterator[Path]:
    """A folder for what lies between the seals of *order*; removed if the block ends well, or
    before any seal was used."""
    folder = between_folder(context) / (order.act or secrets.token_hex(8))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield folder
    except BaseException:
        if not any(path.is_file() for path in folder.rglob("*")):
            discard_folder(folder)
        raise
    discard_folder(folder)


def between_folder(context: Context) -> Path:
    """Where documents lie on which not all seals are yet: a folder for each act."""
    return context.settings.folders.data / "between"


def sweep_between(context: Context, acts: Collection[str]) -> None:
    """Remove what was left of other acts than these, with which nobody will go on."""
    with suppress(OSError):
        for folder in between_folder(context).iterdir():
            if folder.name not in acts:
                discard_folder(folder)


def _act_between(order: StampOrder, jobs: Sequence[StampJob]) -> str:
    """The name of the act that puts the last of *jobs* on what those before it have left; another
    one when the document or a place is another."""
    found = order.path.stat()
    marks = [(job.seal_code, job.marks, job.dates, job.stencil, job.profile) for job in jobs]
    told = f"{order.act}\n{found.st_size}\n{found.st_mtime_ns}\n{marks}"
    from crypto.algorithms.gm import sm3  # noqa: PLC0415 - the window opens without it

    return sm3(told.encode()).hex()[:16]


def _jobs(context: Context, order: StampOrder, sizes: Mapping[str, SealSize]) -> list[StampJob]:
    """A job for each seal, in the order in which the seals were placed."""
    from app.stamping import StampJob, read_places

    settings = context.settings
    places = read_places(order.path, order.password)
    boxes = places.boxes
    found: dict[str, tuple[TextHit, ...]] = {}

    def find(text: str) -> tuple[TextHit, ...]:
        if text not in found:
            found[text] = context.find(order.path, text, order.password)
        return found[text]

    laid: dict[str, list[Laid]] = {}
    for laid_mark in lay_out(order.placed, boxes, sizes, find, places.fields):
        laid.setdefault(laid_mark.placed.seal_code, []).append(laid_mark)
    if not laid:  # a riding seam alone on a document of one page
        raise NoSeam(str(order.path))
    return [
        StampJob(
            source=order.path,
            seal_code=code,
            marks=tuple(laid_mark.mark for laid_mark in own),
            dates=tuple(laid_mark.date for laid_mark in own if laid_mark.date is not None),
            folder=order.folder or settings.output_folder,
            suffix=settings.output_suffix,
            spare=settings.folders.data / "unsaved",
            profile=settings.profile,
            separate=settings.marks == "separate",
            password=order.password,
            stencil=order.stencil,
            act=order.act,
        )
        for code, own in laid.items()
    ]


def empty_fields(path: Path, password: str | None) -> Mapping[str, TextHit]:
    """The empty signature fields of a document: name → where.

    Raises :class:`app.errors.FileError`, :class:`crypto.pdf.reading.failures.PdfError`."""
    from app.stamping import read_places

    return read_places(path, password).fields
