"""The bounded processes that look: draw revisions of one document and say where they differ.

    process = begin(names)    → a process that loads the renderers, says {"ready": true} and waits
                                for what it is to look at: the arguments of :func:`look` but the
                                first two. Then one message for each page, and
                                {"done": true, "left": [pages]}

The two renderers take about as long for a page, and hold each other up in one process: each has its
own. Loading takes as long as judging a short document, so it may begin before anything is known.

Three words stand for what a page gave: "differs" (boxes), "failed" (an engine could not draw it),
or nothing at all.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from crypto.rendering.compare import Box, Place, differences
from crypto.rendering.drawing import Undrawable
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
_SAME_SIZE = 0.01
"""Points."""


@dataclass(frozen=True)
class Sealed:
    """One earlier revision to be compared with the whole file."""

    end: int
    """Its length in bytes."""
    places: tuple[Place, ...]
    """Where additions since are explained."""
    pages: tuple[int, ...]
    """To be looked at, 0-based, the most urgent first."""


def begin(names: Sequence[str]) -> BoundedProcess:
    """Start the process of these engines. Raises :class:`crypto.bounded.BoundedError`."""
    from crypto.bounded import BoundedProcess

    return BoundedProcess(look_when_told, names, name="sealdesk-look")


def begin_early() -> tuple[BoundedProcess, ...]:
    """One for each of :data:`GROUPS` where nothing depends on them yet; none if one did not
    start."""
    from crypto.bounded import BoundedError

    begun: list[BoundedProcess] = []
    try:
        begun.extend(begin(names) for names in GROUPS)
    except BoundedError:
        for process in begun:
            process.end()
        return ()
    return tuple(begun)


def look_when_told(channel: Channel, names: Sequence[str]) -> None:
    """Load what draws and compares for the engines *names*, and wait."""
    from PIL import Image, ImageChops, ImageFilter  # noqa: F401 - for what compares

    for name in names:
        load(name)
    channel.send({"ready": list(names)})
    look(channel, names, *channel.receive())


def look(
    channel: Channel,
    names: Sequence[str],
    data: bytes,
    password: str | None,
    sealed: tuple[Sealed, ...],
    seconds: float,
) -> None:
    """Compare each of *sealed* with the whole of *data*, page by page, by the engines *names*."""
    until = time.process_time() + seconds
    documents: dict[int, dict[str, Any]] = {}
    try:
        for end in (len(data), *(revision.end for revision in sealed)):
            open_there = documents.setdefault(end, {})
            for name in names:
                open_there[name] = opened(name, data[:end], password, open_there)
    except Undrawable as error:
        channel.send({"page": None, "failed": name, "reason": str(error)})
        channel.send({"done": True, "left": []})
        return
    whole = {name: documents[len(data)][name] for name in names}
    counts = {
        (name, revision.end): (documents[revision.end][name].pages(), whole[name].pages())
        for name in names
        for revision in sealed
    }
    for (name, end), (then, now) in counts.items():
        if then != now:
            channel.send({"page": None, "differs": name, "end": end, "boxes": []})
    total = max((now for _, now in counts.values()), default=0)
    dpi = DPI if total <= MANY_PAGES else DPI_OF_MANY
    left = []
    for page, wanted in _pages(sealed):
        if time.process_time() > until:
            left.append(page)
            continue
        view = _View(documents, whole, page, dpi)
        for name in names:
            there = [revision for revision in wanted if page < min(counts[name, revision.end])]
            for message in view.said_by(name, there):
                channel.send(message)
        channel.send({"looked": page})
    channel.send({"done": True, "left": left})


@dataclass(frozen=True)
class _View:
    """One page, in all revisions and by all engines."""

    documents: Mapping[int, Mapping[str, Any]]
    whole: Mapping[str, Any]
    page: int
    dpi: float

    def said_by(self, name: str, wanted: Sequence[Sealed]) -> list[dict[str, Any]]:
        """The messages of the engine *name*; of the revisions *wanted* those that differ."""
        page, now_by, told = self.page, self.whole[name], []
        then_by = [self.documents[revision.end][name] for revision in wanted]
        try:
            if not wanted or not any(document.is_special(page) for document in (now_by, *then_by)):
                return []
            now, size = now_by.draw(page, self.dpi), now_by.size(page)
            for revision, document in zip(wanted, then_by, strict=True):
                places = [place for place in revision.places if place.page == page]
                found = _differences(document, size, page, self.dpi, now, places)
                if found:
                    boxes = [asdict(box) for box in found[:MAX_BOXES]]
                    told.append(
                        {"page": page, "differs": name, "end": revision.end, "boxes": boxes}
                    )
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


def _differences(
    document: Any,
    size: tuple[float, float],
    page: int,
    dpi: float,
    now: Any,
    places: list[Place],
) -> list[Box]:
    before = document.size(page)
    if any(abs(a - b) > _SAME_SIZE for a, b in zip(before, size, strict=True)):
        return [Box(0, 0, now.width / now.mm, now.height / now.mm)]
    return differences(document.draw(page, dpi), now, places)
