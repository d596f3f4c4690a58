"""Which part of a picture is seen where clips cut it, and do the parts make the whole again?

    visible_part(picture, clips)   the part of one picture that clips leave visible
    is_whole(part)                 all of it, but for what rounding takes from its edges
    in_seams(slices)               which slices belong to a riding seam (骑缝章) that is complete

Parts are fractions of the picture's width and height, from its lower left: left, bottom, right,
top. A clip is given as the matrix that puts the unit square in its place, as a picture is.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from itertools import combinations

from crypto.frozen import frozen

Matrix = tuple[float, float, float, float, float, float]
Part = tuple[float, float, float, float]

WHOLE: Part = (0.0, 0.0, 1.0, 1.0)
NOTHING: Part = (0.0, 0.0, 0.0, 0.0)

SLACK = 0.02
"""How much may be missing at each edge: boxes rounded to whole points, 0.8 mm of a 40 mm seal."""
_STEP = SLACK / 2
_ASKEW = 0.002
"""A clip that leans by less than this part of the picture counts as parallel to its edges."""
_MOST = 4
"""A page has four edges, each with a slice at most."""
_ALIKE_MM = 0.5
"""Slices whose seals differ by more in their size do not fit together."""
_APART_MM = 10.0
"""Slices nearer than that can be read together, as a picture that nobody signed."""


def product(first: Matrix, then: Matrix) -> Matrix:
    """*first* applied before *then*."""
    a, b, c, d, e, f = first
    p, q, r, s, t, u = then
    return (
        a * p + b * r,
        a * q + b * s,
        c * p + d * r,
        c * q + d * s,
        e * p + f * r + t,
        e * q + f * s + u,
    )


def rectangle(x: float, y: float, width: float, height: float, under: Matrix) -> Matrix:
    """The clip to a rectangle that is drawn under a matrix."""
    return product((width, 0, 0, height, x, y), under)


def visible_part(picture: Matrix, clips: Iterable[Matrix]) -> Part | None:
    """What *clips* leave of a picture on the unit square under the matrix *picture*.

    None if that is no rectangle of it, or if numbers are beyond all bounds."""
    back = _inverse(picture)
    if back is None:
        return NOTHING
    left, bottom, right, top = WHOLE
    for clip in clips:
        a, b, c, d, e, f = seen = product(clip, back)
        if not all(map(math.isfinite, seen)):
            return None
        if min(max(abs(b), abs(c)), max(abs(a), abs(d))) > _ASKEW:
            if not _holds_all(seen):
                return None
            continue
        left = max(left, e + min(a, 0) + min(c, 0))
        bottom = max(bottom, f + min(b, 0) + min(d, 0))
        right = min(right, e + max(a, 0) + max(c, 0))
        top = min(top, f + max(b, 0) + max(d, 0))
    return (left, bottom, right, top) if left < right and bottom < top else NOTHING


def is_whole(part: Part) -> bool:
    """Is all of the picture visible, but for what rounding takes?"""
    return all(abs(a - b) <= SLACK for a, b in zip(part, WHOLE, strict=True))


def _inverse(matrix: Matrix) -> Matrix | None:
    a, b, c, d, e, f = matrix
    area = a * d - b * c
    if not area or not math.isfinite(area):
        return None
    return (
        *(d / area, -b / area, -c / area, a / area),
        *((c * f - d * e) / area, (b * e - a * f) / area),
    )


def _holds_all(clip: Matrix) -> bool:
    """Are the corners of the unit square within *clip*, however it leans?"""
    back = _inverse(clip)
    if back is None:
        return False
    corners = ((x, y) for x in (SLACK, 1 - SLACK) for y in (SLACK, 1 - SLACK))
    moved = (product((0, 0, 0, 0, x, y), back)[4:] for x, y in corners)
    return all(0 <= x <= 1 and 0 <= y <= 1 for x, y in moved)


# --- riding seams ------------------------------------------------------------------------------


@frozen
class Slice:
    """A mark that shows a part of its seal."""

    page: Hashable
    part: Part
    box_mm: tuple[float, float, float, float]
    """Where it stands: left, bottom, right, top from any corner of the page."""
    whole_mm: tuple[float, float] = (0.0, 0.0)
    """Width and height that the whole seal would have."""

    @property
    def across(self) -> bool | None:
        """Cut from side to side (True) or from bottom to top; None: not cut as a seam is."""
        left, bottom, right, top = self.part
        if bottom <= SLACK and top >= 1 - SLACK:
            return True
        return False if left <= SLACK and right >= 1 - SLACK else None

    @property
    def span(self) -> tuple[float, float]:
        """From where to where it is cut."""
        left, bottom, right, top = self.part
        return (left, right) if self.across else (bottom, top)


def in_seams(slices: Sequence[Slice]) -> list[bool]:
    """For each of the *slices* of one seal: does it continue others from edge to edge, so that the
    pages laid side by side show the whole of it?

    No two of a seam stand together on one page, where they would be read as one picture."""
    chained = set()
    for across in (True, False):
        strips = [piece for piece in slices if piece.across is across and piece.part != NOTHING]
        for alike in _of_one_size(strips):
            chained |= _continued(alike, reverse=False) & _continued(alike, reverse=True)
    pages: dict[Hashable, list[Slice]] = {}
    for piece in slices:
        pages.setdefault(piece.page, []).append(piece)
    apart = {page for page, there in pages.items() if _stand_apart(there)}
    return [id(piece) in chained and piece.page in apart for piece in slices]


def _of_one_size(strips: Sequence[Slice]) -> list[list[Slice]]:
    groups = [list(strips)]
    for side in (0, 1):
        split: list[list[Slice]] = []
        for group in groups:
            group.sort(key=lambda strip: strip.whole_mm[side])
            for turn, strip in enumerate(group):
                if not turn or strip.whole_mm[side] - split[-1][0].whole_mm[side] > _ALIKE_MM:
                    split.append([])
                split[-1].append(strip)
        groups = split
    return groups


def _continued(strips: Sequence[Slice], *, reverse: bool) -> set[int]:
    """Those that others lead to from the seal's beginning (or its end)."""
    found: set[int] = set()
    ends = {0}
    spans = [(*strip.span, id(strip)) for strip in strips]
    if reverse:
        spans = [(1 - end, 1 - start, which) for start, end, which in spans]
    for start, end, which in sorted(spans):
        # in steps, so that thousands of pages are looked up and not compared; a sliver would fit
        # anywhere between two others
        step = math.floor(start / _STEP)
        if end - start > 2 * SLACK and not ends.isdisjoint((step - 1, step, step + 1)):
            found.add(which)
            ends.add(math.floor(end / _STEP))
    return found


def _stand_apart(slices: Sequence[Slice]) -> bool:
    if len(slices) > _MOST:
        return False
    return all(
        one.across is not other.across or _gap(one.box_mm, other.box_mm) >= _APART_MM
        for one, other in combinations(slices, 2)
    )


def _gap(one: Sequence[float], other: Sequence[float]) -> float:
    return max(other[0] - one[2], one[0] - other[2], other[1] - one[3], one[1] - other[3])
