"""看看改了什么, from outside: pictures of what changed since a signature, by page.

    changed_pages(data, password, end, pages)   → ChangedPage for each that shows something else

For people: nothing is judged with them. The process that draws them may die of the file; then there
are no pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crypto.pdf.looking.layer import box_of, page_of
from crypto.rendering.compare import Box

if TYPE_CHECKING:
    from crypto.bounded import Message

MAX_PAGES = 40
"""Of which pictures are made at a time."""
_SECONDS = 60.0
_MAX_PICTURES = 256 << 20
"""Bytes."""


@dataclass(frozen=True)
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
    data: bytes, password: str | None, end: int, pages: Sequence[int]
) -> tuple[ChangedPage, ...]:
    """Pictures of those of *pages* (0-based, at most :data:`MAX_PAGES`) that show something else
    than in the first *end* bytes of *data*. Never raises for what the file contains."""
    from crypto.bounded import BoundedError, run

    asked = tuple(pages[:MAX_PAGES])
    try:
        said = run(_drawn, data, password, end, asked, seconds=_SECONDS, answer=_MAX_PICTURES)
        told = said.head["changed"]
        if len(said.parts) != 3 * len(told):
            raise ValueError("pictures that nobody has told of")
        pictures = zip(said.parts[::3], said.parts[1::3], said.parts[2::3], strict=True)
        return tuple(_changed(page, *shown) for page, shown in zip(told, pictures, strict=True))
    except (BoundedError, KeyError, TypeError, ValueError):
        return ()


def _drawn(data: bytes, password: str | None, end: int, pages: tuple[int, ...]) -> Message:
    from crypto.rendering.changed import picture_changes  # loads the renderers: there alone

    return picture_changes(data, password, end, pages)


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
