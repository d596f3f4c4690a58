"""The bounded process that looks: draws revisions of one document and says where they differ.

    BoundedProcess(look, …): one message for each page, then {"done": true, "left": [pages]}

Three words stand for what a page gave: "differs" (boxes), "failed" (an engine could not draw it),
or nothing at all.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from crypto.rendering.compare import Box, Place, differences

if TYPE_CHECKING:
    from crypto.bounded import Channel

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


def look(
    channel: Channel, data: bytes, password: str | None, sealed: tuple[Sealed, ...], seconds: float
) -> None:
    """Compare each of *sealed* with the whole of *data*, page by page."""
    from crypto.rendering.engines import ENGINES, Undrawable, opened

    until = time.process_time() + seconds
    channel.send({"ready": True})
    documents: dict[int, dict[str, Any]] = {}
    try:
        for end in (len(data), *(each.end for each in sealed)):
            open_there = documents.setdefault(end, {})
            for name in ENGINES:
                open_there[name] = opened(name, data[:end], password, open_there)
    except Undrawable as error:
        channel.send({"page": None, "failed": name, "reason": str(error)})
        channel.send({"done": True, "left": []})
        return
    whole = {name: documents[len(data)][name] for name in ENGINES}
    counts = {
        (name, each.end): (documents[each.end][name].pages(), whole[name].pages())
        for name in ENGINES
        for each in sealed
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
        for name in ENGINES:
            mine = [each for each in wanted if page < min(counts[name, each.end])]
            if not mine:
                continue
            try:
                drawn = (whole[name], *(documents[each.end][name] for each in mine))
                if not any(document.is_special(page) for document in drawn):
                    continue
                now, size = whole[name].draw(page, dpi), whole[name].size(page)
                for each in mine:
                    document = documents[each.end][name]
                    there = [place for place in each.places if place.page == page]
                    found = _differences(document, size, page, dpi, now, there)
                    if found:
                        told = [asdict(box) for box in found[:MAX_BOXES]]
                        channel.send(
                            {"page": page, "differs": name, "end": each.end, "boxes": told}
                        )
            except Undrawable as error:
                channel.send({"page": page, "failed": name, "reason": str(error)})
        channel.send({"looked": page})
    channel.send({"done": True, "left": left})


def _pages(sealed: tuple[Sealed, ...]) -> Iterator[tuple[int, list[Sealed]]]:
    """Every page that any of *sealed* wants looked at, in the order of urgency."""
    order: dict[int, None] = {}
    for each in sealed:
        order.update(dict.fromkeys(each.pages))
    wanted = {each.end: frozenset(each.pages) for each in sealed}
    for page in order:
        yield page, [each for each in sealed if page in wanted[each.end]]


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
