"""The pictures in a report: the seals as signed, the pages that they are on, and what changed.

    pictures_for(path, report, password)   → Pictures for crypto.report.pdf.render

For people: nothing is judged with them. They are drawn in bounded processes, which may die of the
file; then the report has none.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from crypto.algorithms import gm
from crypto.bounded import BoundedError, Message, run  # noqa: TID253 - this module comes late itself
from crypto.frozen import frozen
from crypto.pdf.looking.pictures import SECONDS, changes_in
from crypto.pdf.reading.surroundings import without_surroundings
from crypto.rendering.compare import Box
from crypto.verdict import MarkInfo, Report, SignatureReport

MAX_PAGES = 5
"""Sealed pages that are shown."""
MAX_SEALS = 4
MAX_CHANGED = 6
"""Changed pages that are shown."""
_AROUND_MM = 2.0
_LARGEST_MM = 1e9
_LARGEST_FILE = 200 << 20
"""Bytes."""
_PART_MM = (70.0, 25.0)
"""Of a page, at least; it is shown larger than the page."""
_AROUND_PART_MM = 8.0

_Wish = tuple[int, int, Box | None]
"""See :mod:`crypto.rendering.sealed`."""


@frozen
class Picture:
    """One picture."""

    page: int
    """1-based."""
    width_mm: float
    height_mm: float
    """Of what is shown."""
    png: bytes
    intact: bool = True
    """What it shows is what was signed."""


@frozen
class ChangedPicture:
    """One page that shows something else since it was sealed."""

    page: int
    """1-based."""
    width_mm: float
    height_mm: float
    then: bytes
    now: bytes
    both: bytes
    """PNG; in the last what vanished is red, what is new green."""
    part: Box
    """Where the largest of the changes is, with something around it; millimetres."""


@frozen
class Pictures:
    """What a report shows."""

    seals: tuple[Picture, ...] = ()
    pages: tuple[Picture, ...] = ()
    pages_left_out: int = 0
    """Sealed pages that are not shown."""
    changed: tuple[ChangedPicture, ...] = ()


def pictures_for(
    path: Path, report: Report, password: str | None = None, seconds: float = SECONDS
) -> Pictures:
    """:func:`pictures_of` the file at *path*; none if it cannot be read or is very large."""
    try:
        if path.stat().st_size > _LARGEST_FILE:
            return Pictures()
        return pictures_of(path.read_bytes(), report, password, seconds)
    except OSError:
        return Pictures()


def pictures_of(
    data: bytes, report: Report, password: str | None = None, seconds: float = SECONDS
) -> Pictures:
    """Pictures for *report* on the file with these bytes; none if it is about other bytes, and only
    those of the seals or of the changes that take no longer than *seconds*. Never raises for what
    the file contains."""
    if not report.signatures or gm.sm3(data).hex() != report.file.sm3:
        return Pictures()
    seals = list(_seals(report))[:MAX_SEALS]
    sealed = list(dict.fromkeys(_sealed_pages(report)))
    shown = sealed[:MAX_PAGES]
    wishes: list[_Wish] = [wish for _, wish in seals]
    wishes += [(end, page - 1, None) for end, page, _ in shown]
    within, _ = without_surroundings(io.BytesIO(data))
    within.seek(0)
    drawn = _drawn(within.read(), password, tuple(wishes), seconds)
    return Pictures(
        seals=tuple(
            Picture(wish[1] + 1, *drawn[number], signature.intact)
            for number, (signature, wish) in enumerate(seals)
            if number in drawn
        ),
        pages=tuple(
            Picture(page, *drawn[number], intact)
            for number, (_, page, intact) in enumerate(shown, len(seals))
            if number in drawn
        ),
        pages_left_out=len(sealed) - len(shown),
        changed=_changed(data, password, report, seconds),
    )


def _end(signature: SignatureReport) -> int:
    """Bytes of the revision that it signed; 0 if that cannot be told."""
    parts = signature.byte_range
    known = len(parts) == 4 and signature.coverage in ("file", "revision")
    return parts[2] + parts[3] if known else 0


def _marks(signature: SignatureReport) -> list[MarkInfo]:
    """Its imprints, whole seals before the slices of a riding seam."""
    marks = [mark for mark in signature.marks if not mark.date]
    return sorted(marks, key=lambda mark: -mark.width_mm * mark.height_mm)


def _seals(report: Report) -> Iterator[tuple[SignatureReport, _Wish]]:
    for signature in report.signatures:
        marks = _marks(signature)
        if marks:
            mark = marks[0]
            part = Box(
                mark.left_mm - _AROUND_MM,
                mark.top_mm - _AROUND_MM,
                mark.width_mm + 2 * _AROUND_MM,
                mark.height_mm + 2 * _AROUND_MM,
            )
            yield signature, (_end(signature) or report.file.size, mark.page - 1, part)


def _sealed_pages(report: Report) -> Iterator[tuple[int, int, bool]]:
    """Revision's end, page (1-based) and whether it shows what was signed."""
    for signature in report.signatures:
        for mark in _marks(signature):
            yield _end(signature) or report.file.size, mark.page, signature.intact


def _drawn(
    data: bytes, password: str | None, wishes: tuple[_Wish, ...], seconds: float
) -> dict[int, tuple[float, float, bytes]]:
    """By the number of the wish: width and height in millimetres, and a PNG."""
    if not wishes:
        return {}
    try:
        said = run(_draw, data, password, wishes, seconds=seconds)
        told = said.head["drawn"]
        return {
            _number(drawn["wish"], len(wishes)): (*_size(drawn["size_mm"]), png)
            for drawn, png in zip(told, said.parts, strict=True)
        }
    except (BoundedError, KeyError, TypeError, ValueError):
        return {}


def _draw(data: bytes, password: str | None, wishes: tuple[_Wish, ...]) -> Message:
    from crypto.rendering.sealed import draw  # loads the renderers: there alone

    return draw(data, password, wishes)


def _number(told: Any, count: int) -> int:
    if type(told) is not int or not 0 <= told < count:
        raise ValueError("a picture that nobody asked for")
    return told


def _size(told: Any) -> tuple[float, float]:
    width, height = (float(side) for side in told)
    if not all(math.isfinite(side) and 0 < side < _LARGEST_MM for side in (width, height)):
        raise ValueError("beyond any page")
    return width, height


def _changed(
    data: bytes, password: str | None, report: Report, seconds: float
) -> tuple[ChangedPicture, ...]:
    found = changes_in(io.BytesIO(data), report, password, seconds)
    return tuple(
        ChangedPicture(
            change.page + 1,
            change.width_mm,
            change.height_mm,
            change.then,
            change.now,
            change.both,
            _around(change.boxes[0], change.width_mm, change.height_mm),
        )
        for change in found[:MAX_CHANGED]
        if change.boxes
    )


def _around(box: Box, width: float, height: float) -> Box:
    """*box* and what is around it, within a page of that size."""
    across = min(width, max(_PART_MM[0], box.width + 2 * _AROUND_PART_MM))
    down = min(height, max(_PART_MM[1], box.height + 2 * _AROUND_PART_MM))
    left = min(max(0.0, box.left + box.width / 2 - across / 2), width - across)
    top = min(max(0.0, box.top + box.height / 2 - down / 2), height - down)
    return Box(left, top, across, down)
