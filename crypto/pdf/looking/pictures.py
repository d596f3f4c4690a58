"""看看改了什么, from outside: pictures of what changed since a signature, by page.

    changes_in(stream, report)                  → ChangedPage for each page that shows changes
    changed_pages(data, password, end, pages)   → the same for pages that the caller names

For people: nothing is judged with them. The process that draws them may die of the file; then there
are no pictures.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

from crypto.frozen import frozen
from crypto.pdf.looking.layer import box_of, page_of  # noqa: TID253 - is imported late itself
from crypto.pdf.looking.since import changed_since
from crypto.pdf.reading.digests import digests
from crypto.pdf.reading.surroundings import without_surroundings
from crypto.rendering.compare import Box
from crypto.verdict import Report

if TYPE_CHECKING:
    from crypto.bounded import Message

MAX_PAGES = 40
"""Of which pictures are made at a time."""
SECONDS = 60.0
"""For all pictures of a file."""
_MAX_PICTURES = 256 << 20
"""Bytes."""


@frozen
class ChangedPage:
    """One page then and now."""

    page: int
    """0-based."""
    engine: str
    boxes: tuple[Box, ...]
    """Where it differs, millimetres from the top left as displayed; the largest first."""
    width_mm: float
    height_mm: float
    then: bytes
    now: bytes
    both: bytes
    """PNG, RGB; in the last what vanished is red, what is new green, all else pale."""


def changed_pages(
    data: bytes,
    password: str | None,
    end: int,
    pages: Sequence[int],
    seconds: float = SECONDS,
) -> tuple[ChangedPage, ...]:
    """Pictures of those of *pages* (0-based, at most :data:`MAX_PAGES`) that show something else
    than in the first *end* bytes of *data*; fewer if that takes longer than half of *seconds*, none
    if longer than *seconds*. Never raises for what the file contains."""
    from crypto.bounded import BoundedError, run

    asked = tuple(pages[:MAX_PAGES])
    try:
        said = run(
            _drawn, data, password, end, asked, seconds / 2, seconds=seconds, answer=_MAX_PICTURES
        )
        told = said.head["changed"]
        if len(said.parts) != 3 * len(told):
            raise ValueError("pictures that nobody has told of")
        pictures = zip(said.parts[::3], said.parts[1::3], said.parts[2::3], strict=True)
        return tuple(_changed(page, *shown) for page, shown in zip(told, pictures, strict=True))
    except (BoundedError, KeyError, TypeError, ValueError):
        return ()


def changes_in(
    stream: BinaryIO, report: Report, password: str | None = None, seconds: float = SECONDS
) -> tuple[ChangedPage, ...]:
    """Pictures of the pages that :func:`changed_since` names; none if the document in *stream* is
    not the one that *report* is about. Raises OSError."""
    first, pages = changed_since(report)
    if first is None or not pages:
        return ()
    file_sm3, _ = digests(stream, stream.seek(0, io.SEEK_END), ())
    if file_sm3.hex() != report.file.sm3:
        return ()
    within, _ = without_surroundings(stream)
    within.seek(0)
    numbers = [page - 1 for page in pages]
    return changed_pages(within.read(), password, sum(first.byte_range[2:4]), numbers, seconds)


def _drawn(
    data: bytes, password: str | None, end: int, pages: tuple[int, ...], seconds: float
) -> Message:
    from crypto.rendering.changed import picture_changes  # loads the renderers: there alone

    return picture_changes(data, password, end, pages, seconds)


def _changed(told: dict[str, Any], then: bytes, now: bytes, both: bytes) -> ChangedPage:
    return ChangedPage(
        page=page_of(told["page"]),
        engine=str(told["engine"])[:100],
        boxes=tuple(box_of(box) for box in told["boxes"]),
        width_mm=float(told["width_mm"]),
        height_mm=float(told["height_mm"]),
        then=then,
        now=now,
        both=both,
    )
