"""The bounded processes that look: draw revisions of one document and say where they differ.

    process = begin(names)    → a process that loads the renderers, says {"ready": true} and waits
                                for an :class:`Order`. Then one message for each page, and
                                {"done": true, "left": [pages]}

The two renderers take about as long for a page, and hold each other up in one process: each has its
own. Loading takes as long as judging a short document, so it may begin before anything is known. An
order without seconds says what will probably be asked for: its pages are drawn while the document
is judged, and nothing is said of them.

Three words stand for what a page gave: "differs" (boxes), "failed" (an engine could not draw it),
or nothing at all.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, field, replace
from typing import TYPE_CHECKING, Any

from crypto.frozen import frozen
from crypto.late_modules import OF_RENDERERS, put_off
from crypto.rendering.compare import Place, Unequal, unequal
from crypto.rendering.drawing import MarkEngine, Raster, Undrawable
from crypto.rendering.engines import load, opened

if TYPE_CHECKING:
    from crypto.bounded import BoundedProcess, Channel

GROUPS = (("MuPDF", "MuPDF print"), ("PDFium",))
"""The engines (:data:`crypto.rendering.engines.ENGINES`) of each process."""
DPI, DPI_OF_MANY, MANY_PAGES = 100.0, 72.0, 100
"""Up to and beyond so many pages; 50 dpi gives false alarms."""
SECONDS = 15.0
"""Of the processor, for one document."""
MAX_BOXES = 50
"""Told of one page."""
MAX_AHEAD = 128 << 20
"""Bytes of what one process keeps before it is asked for."""
_SMALL = 80_000.0
"""Square points, a hundred millimetres by as many: no page is looked at smaller."""
_SAME_SIZE = 0.01
"""Points."""


@frozen
class Sealed:
    """One earlier revision to be compared with the whole file."""

    end: int
    """Its length in bytes."""
    places: tuple[Place, ...]
    """Where additions since are explained."""
    pages: tuple[int, ...]
    """To be looked at, 0-based, the most urgent first."""


@frozen
class Order:
    """What a process is to look at."""

    data: bytes
    """The whole file."""
    password: str | None
    sealed: tuple[Sealed, ...]
    seconds: float | None
    """Of the processor, that it may take; None: another order follows, probably about the same."""
    units: Mapping[int, float] = field(default_factory=dict)
    """The UserUnit of those of its pages (0-based) that have one."""


def begin(names: Sequence[str]) -> BoundedProcess:
    """Start the process of these engines. Raises :class:`crypto.bounded.BoundedError`."""
    from crypto.bounded import BoundedProcess

    return BoundedProcess(look_when_told, names, name="sealdesk-look")


def begin_early() -> tuple[BoundedProcess, ...]:
    """One for each of :data:`GROUPS` where nothing depends on them yet, a step behind who judges
    meanwhile; none if one did not start."""
    from crypto.bounded import BoundedError

    begun: list[BoundedProcess] = []
    try:
        for names in GROUPS:
            begun.append(begin(names))
            begun[-1].step_back()
    except BoundedError:
        for process in begun:
            process.end()
        return ()
    return tuple(begun)


def look_when_told(channel: Channel, names: Sequence[str]) -> None:
    """Load what draws and compares for the engines *names*, and wait."""
    put_off(OF_RENDERERS)
    from PIL import Image, ImageChops  # noqa: F401 - for what compares

    for name in names:
        load(name)
    channel.send({"ready": list(names)})
    order: Order = channel.receive()
    ahead: _Revisions | None = None
    if order.seconds is None:
        ahead = _drawn_ahead(channel, names, order)
        order = channel.receive()
    look(channel, names, order, ahead)


def _drawn_ahead(channel: Channel, names: Sequence[str], order: Order) -> _Revisions | None:
    """The pages of *order*, as far as they are drawn by the time that somebody asks for them. What
    cannot be drawn is left to be told by who is asked for it."""
    with suppress(Undrawable, MemoryError):
        revisions = _Revisions(names, order)
        revisions.compare_ahead(order.sealed, channel)
        return revisions
    return None


def look(
    channel: Channel, names: Sequence[str], order: Order, ahead: _Revisions | None = None
) -> None:
    """Compare each revision of *order* with the whole file, page by page, by the engines *names*;
    *ahead* may have some of it drawn."""
    until = time.process_time() + (order.seconds or 0.0)
    try:
        revisions = ahead if ahead and ahead.serve(order) else _Revisions(names, order)
    except _NotOpened as error:
        channel.send({"page": None, "failed": error.engine, "reason": str(error)})
        channel.send({"done": True, "left": []})
        return
    for name in names:
        for revision in order.sealed:
            if revisions.count(name, revision.end) != revisions.count(name):
                channel.send({"page": None, "differs": name, "end": revision.end, "boxes": []})
    left = []
    for page, wanted in _pages(order.sealed):
        if time.process_time() > until:
            left.append(page)
            continue
        for name in names:
            for message in _said_of(revisions, name, page, wanted):
                channel.send(message)
        revisions.forget(page)
        channel.send({"looked": page})
    channel.send({"done": True, "left": left})


class _NotOpened(Undrawable):
    """That engine refuses the document."""

    def __init__(self, engine: str, reason: str) -> None:
        super().__init__(reason)
        self.engine = engine


class _Revisions:
    """The whole file and its earlier revisions, opened by the engines of this process, and what was
    drawn of them ahead. *end* is a revision's length, None: the whole file."""

    def __init__(self, names: Sequence[str], order: Order) -> None:
        """Raises :class:`Undrawable`, :class:`_NotOpened`."""
        self._names, self._data, self._password = names, order.data, order.password
        self._units = order.units
        self._documents: dict[int, dict[str, MarkEngine]] = {}
        self._drawn: tuple[str, int, Raster] | None = None
        self._larger: dict[tuple[str, int], float] = {}
        self._ahead: dict[tuple[str, int, int], Unequal | None] = {}
        for end in self._ends(order):
            there = self._documents.setdefault(end, {})
            for name in names:
                try:
                    there[name] = opened(name, order.data[:end], order.password, there, order.units)
                except Undrawable as error:
                    raise _NotOpened(name, str(error)) from error
        self._dpi = DPI if max(map(self.count, names)) <= MANY_PAGES else DPI_OF_MANY

    @staticmethod
    def _ends(order: Order) -> tuple[int, ...]:
        return (len(order.data), *(revision.end for revision in order.sealed))

    def serve(self, order: Order) -> bool:
        """Are they those that *order* is about?"""
        return (
            order.data == self._data
            and order.password == self._password
            and order.units == self._units
            and self._documents.keys() >= set(self._ends(order))
        )

    def of(self, name: str, end: int | None = None) -> MarkEngine:
        """A revision, by that engine."""
        return self._documents[len(self._data) if end is None else end][name]

    def count(self, name: str, end: int | None = None) -> int:
        """How many pages it has. Raises :class:`Undrawable`."""
        return self.of(name, end).pages()

    def there(self, name: str, page: int, wanted: Sequence[Sealed]) -> list[int]:
        """Which of *wanted* are to be compared on that page, by their length: it is in them and in
        the whole file, and shows what earlier engines do not draw. Raises :class:`Undrawable`."""
        if page >= self.count(name):
            return []
        ends = [each.end for each in wanted if page < self.count(name, each.end)]
        special = (self.of(name, end).is_special(page) for end in (None, *ends))
        return ends if ends and any(special) else []

    def unequal(self, name: str, page: int, end: int) -> Unequal | None:
        """In what part a page of that revision is not equal to the whole file's, as large as it is
        looked at, unless that was found ahead. Raises :class:`Undrawable`."""
        if (name, page, end) in self._ahead:
            return self._ahead[name, page, end]
        now, then = self._now(name, page), self.of(name, end)
        sizes = zip(then.size(page), self.of(name).size(page), strict=True)
        if any(abs(a - b) > _SAME_SIZE for a, b in sizes):
            return Unequal(now.width, now.height, now.mm)
        return unequal(self._draw(name, page, end), now)

    def _now(self, name: str, page: int) -> Raster:
        """A page of the whole file, drawn once for all revisions."""
        if self._drawn is None or self._drawn[:2] != (name, page):
            self._drawn = name, page, self._draw(name, page)
        return self._drawn[2]

    def _draw(self, name: str, page: int, end: int | None = None) -> Raster:
        larger = self.larger(name, page)
        drawn = self.of(name, end).draw(page, self._dpi * larger)
        return replace(drawn, mm=drawn.mm / larger) if larger != 1 else drawn

    def larger(self, name: str, page: int) -> float:
        """How many times as large as it is a page is looked at: a small one is shown as large as
        others by those who look closely, and by viewers that know of no UserUnit. Raises
        :class:`Undrawable`."""
        if (name, page) not in self._larger:
            width, height = self.of(name).size(page)
            times = math.sqrt(_SMALL / max(width * height, sys.float_info.min))
            self._larger[name, page] = max(1.0, times)
        return self._larger[name, page]

    def forget(self, page: int) -> None:
        """What was found of that page is not needed any more."""
        for key in [key for key in self._ahead if key[1] == page]:
            del self._ahead[key]

    def compare_ahead(self, sealed: tuple[Sealed, ...], channel: Channel) -> None:
        """Draw and compare what :func:`look` will need of *sealed*, until somebody asks for it or
        it is too much to be kept. Raises :class:`Undrawable`."""
        kept = 0
        for page, wanted in _pages(sealed):
            for name in self._names:
                for end in self.there(name, page, wanted):
                    if kept > MAX_AHEAD or channel.waiting():
                        return
                    self._now(name, page)
                    if channel.waiting():
                        return
                    part = self._ahead[name, page, end] = self.unequal(name, page, end)
                    kept += part.size if part else 0


def _said_of(
    revisions: _Revisions, name: str, page: int, wanted: Sequence[Sealed]
) -> list[dict[str, Any]]:
    """The messages of the engine *name* about a page: of the revisions *wanted* those that
    differ."""
    told: list[dict[str, Any]] = []
    try:
        ends = revisions.there(name, page, wanted)
        larger = revisions.larger(name, page) if ends else 1.0
        for revision in wanted:
            part = revisions.unequal(name, page, revision.end) if revision.end in ends else None
            places = (
                replace(place, box=place.box.times(larger))
                for place in revision.places
                if place.page == page
            )
            found = part.differences(places) if part else []
            if found:
                boxes = [asdict(box.times(1 / larger)) for box in found[:MAX_BOXES]]
                told.append({"page": page, "differs": name, "end": revision.end, "boxes": boxes})
    except Undrawable as error:
        told.append({"page": page, "failed": name, "reason": str(error)})
    return told


def _pages(sealed: tuple[Sealed, ...]) -> Iterator[tuple[int, list[Sealed]]]:
    """Every page that any of *sealed* wants looked at, in the order of urgency."""
    order: dict[int, None] = {}
    for revision in sealed:
        order.update(dict.fromkeys(revision.pages))
    wanted = {revision.end: frozenset(revision.pages) for revision in sealed}
    for page in order:
        yield page, [revision for revision in sealed if page in wanted[revision.end]]
