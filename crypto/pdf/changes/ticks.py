"""What a ticked button may show: a tick, a cross, a dot; and nothing that reads as a digit or dash.

    is_tick(inks, button)  → is this what people take for a tick?

A stroke beside a number reads as a part of that number, in a box also: amounts are written into
boxes, one for each digit. So only shapes that no digit or sign has are ticks; how small a dot may
be, and whether an x is one, depends on whether people see a box around it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from crypto.frozen import frozen
from crypto.pdf.changes.ground import Ground
from crypto.pdf.changes.ink import Box, Ink, Point, holds, overlaps
from crypto.pdf.changes.legible import brightness, sides
from crypto.pdf.changes.looks import Look, meets, same_colour

TICKS = frozenset("✓✔✗✘xX×√●■☑☒•")
_BESIDE_NUMBERS = frozenset("✓✔✗✘√●■☑☒")
"""Those that between two numbers read as nothing else: no sign of multiplying, no point."""
_IN_BOXES = TICKS - {"•"}
"""Those that in a box beside others, in which digits stand, read as nothing else."""
_BESIDE = 1.5
"""Of a button's height: what is so near stands in one line with it."""
_AROUND = 3.0
"""Points between a button's edge and the box that the page draws for it."""
_SQUARE = 1.4
"""Of the longer side to the shorter one, of a dot."""
_SMALLEST_DOT, _DOT_SHARE = 4.0, 0.35
"""Points, and of the button's shorter side: a smaller dot reads as the point of a number."""
_TEXT_SHARE, _SIGN = 0.33, 0.75
"""Of the size of the text beside it, for a dot; and of its font size, how large a sign is."""
_SMALLEST_RING, _ROUND = 6.0, 1.2
"""Points across, and of the shorter diameter."""
_FINEST_RING = 0.4
"""Points: of the line."""
_LEAST_IN_RING, _OFF_THE_MIDDLE = 0.3, 0.2
"""Of the ring's diameter."""
_LONGEST_DASH = 6.0
"""Points: of a longer pattern some strokes may be left out."""
_APART = 0.09
"""Of a box and what it stands on: how much brighter one is to the eye."""
_FINEST, _MOST_GAPS = 0.2, 0.8
"""Points, and the part of a dashed line that is left out: a finer box may be overlooked."""
_SIDES, _ALONG = 3, 0.7
"""Of a box that are seen, and how much of each."""
_EDGE = 0.05
"""Points of a box that nobody sees."""
_INNER, _BOWED = 0.7, 1.15
"""Of a circle's radius: half of a square that lies within, and how far the points are from the
middle that bend an arc."""
_HAIR = 0.05
"""Points: half of what counts as the middle of a line."""
_SLOPE = 0.4
"""Of a crossing stroke to the size of the cross, each way."""
_LOW, _HIGH, _BELOW = 0.7, 0.75, 0.35
_INWARD, _OUTWARD = 0.75, 1.25
"""Of the way from the middle of a diamond to its edge."""
_LONGEST = 2.0
"""Of the shorter side: a longer tick or cross is a dash or a one."""
_THICK, _LEFT_OUT = 0.6, 0.5
"""Of the shorter side, how broad the line of a tick is at most; and of a line, what its dashes may
leave out."""
_LEAST_FILLED = 0.05
"""Of the box of a filled tick."""
_TOO_FAR = 2.0
"""Radians, by which the edge of a disc or a diamond may turn more than once around."""
_INNER_CORNERS = 0.6
"""Of the way to a star's points, at most."""


@frozen
class Button:
    """Where something was ticked."""

    box: Box
    boxed: bool
    """A visible box is around it."""
    alone: bool
    """Nothing stands beside it in its line."""
    rings: tuple[Box, ...] = ()
    """Around the circles that its look draws: a dot in one of them is a tick, however small."""
    beside: float = 0.0
    """The size of the largest text in its line."""

    @classmethod
    def of(cls, look: Look, ground: Ground) -> Button:
        """The button that looked like that over *ground*."""
        left, bottom, right, top = look.box
        reach = _BESIDE * (top - bottom)
        line = (left - reach, bottom, right + reach, top)
        seen = _Seen(ground.inks, look.painted.inks)
        rings = tuple(ink.box for ink in look.ink if _is_ring(ink) and seen.stands_out(ink))
        written = (ink for ink in ground.inks if ink.kind == "text" and overlaps(ink.box, line))
        beside = max((ink.size for ink in written), default=0.0)
        alone = not ground.lies_under(line)
        return cls(look.box, _is_boxed(look, ground, seen), alone, rings, beside)

    @property
    def least(self) -> float:
        """Points: what is smaller reads as a point or a comma."""
        if self.alone:
            return 0.0
        share = _DOT_SHARE * min(sides(self.box))
        return share if self.boxed else max(_SMALLEST_DOT, share, _TEXT_SHARE * self.beside)


def is_tick(inks: Sequence[Ink], button: Button) -> bool:
    """*inks*: what ticking has added."""
    texts = [ink.text for ink in inks if ink.kind == "text"]
    shapes = [ink for ink in inks if ink.kind != "text"]
    if len(texts) > 1 or not all(text in TICKS for text in texts):
        return False
    if not all(shape.kind in ("fill", "line") for shape in shapes):
        return False
    if not all(map(_is_drawn_whole, shapes)):
        return False
    if len(shapes) == 1 and not texts and any(_fills(shapes[0], each) for each in button.rings):
        return True
    if any(ink.size * _SIGN < button.least for ink in inks if ink.kind == "text"):
        return False
    if not shapes:
        clear = _IN_BOXES if button.boxed else _BESIDE_NUMBERS
        return button.alone or all(text in clear for text in texts)
    is_small = max(max(sides(shape.box)) for shape in shapes) < button.least
    return not texts and not is_small and _is_plain_shape(shapes, button.least)


def _is_drawn_whole(ink: Ink) -> bool:
    """Is all of this shape seen, and not cut by a clip, left out by dashes or as fine as a hair?"""
    left, right = min(x for x, _ in ink.points), max(x for x, _ in ink.points)
    bottom, top = min(y for _, y in ink.points), max(y for _, y in ink.points)
    if not holds(ink.box, (left, bottom, right, top)):
        return False
    is_dashed = ink.dash > _LONGEST_DASH or ink.gaps > _LEFT_OUT
    return ink.kind == "fill" or (ink.width >= _FINEST and not is_dashed)


def are_redrawn(rounds: Sequence[Ink], shown: Sequence[Ink]) -> bool:
    """Are these circles and discs, and is there a larger one of the same kind and colour where each
    of them was? So iText draws the button of another program."""
    return all(
        _is_round(ink)
        and any(
            _is_round(each)
            and each.kind == ink.kind
            and same_colour(each, ink)
            and holds(each.box, ink.box)
            for each in shown
        )
        for ink in rounds
    )


def _is_round(ink: Ink) -> bool:
    short, long = sorted((ink.box[2] - ink.box[0], ink.box[3] - ink.box[1]))
    is_round = _is_oval(ink) and ink.kind in ("fill", "line") and not ink.dash
    return is_round and long <= _ROUND * short


def _is_oval(ink: Ink) -> bool:
    """Is this bent, and does it go around once near the edges of its box?"""
    return ink.curved and ink.subpaths == 1 and _leaves_corners(ink) and _bulges(ink.points)


def _bulges(points: Sequence[Point]) -> bool:
    """Do they go around once, with few turns back? What goes around twice can be a ring."""
    around = zip(points, (*points[1:], points[0]), strict=True)
    turns = _turns([one for one, other in around if one != other])
    once = abs(abs(sum(turns)) - 2 * math.pi) < 0.1
    return once and sum(map(abs, turns)) <= 2 * math.pi + _TOO_FAR


def _is_ring(ink: Ink) -> bool:
    """A circle or a disc that is drawn, and no letter."""
    is_drawn = not ink.see_through and (ink.kind == "fill" or ink.width >= _FINEST_RING)
    return _is_round(ink) and is_drawn and min(sides(ink.box)) >= _SMALLEST_RING


def _fills(ink: Ink, ring: Box) -> bool:
    """Is this a dot in the middle of a ring?"""
    across, up = ring[2] - ring[0], ring[3] - ring[1]
    off = [
        abs(ring[0] + ring[2] - ink.box[0] - ink.box[2]) / across,
        abs(ring[1] + ring[3] - ink.box[1] - ink.box[3]) / up,
    ]
    is_within = ring[0] < ink.box[0] and ring[1] < ink.box[1]
    is_within = is_within and ink.box[2] < ring[2] and ink.box[3] < ring[3]
    return is_within and max(off) < _OFF_THE_MIDDLE and _is_dot(ink, _LEAST_IN_RING * across)


def _is_boxed(look: Look, ground: Ground, seen: _Seen) -> bool:
    """Does a look, or the page beneath it, draw a box around a button, most of which is seen?"""
    around = [ink for ink in ground.inks if _is_around(ink, look.box)]
    if any(seen.stands_out(ink) for ink in look.grounds):
        return True
    sides: set[int] = set()
    for ink in (*look.frame, *around):
        if seen.stands_out(ink):
            sides |= _sides(ink, look.box)
    return len(sides) >= _SIDES


def _is_around(ink: Ink, box: Box) -> bool:
    return ink.kind == "line" and all(
        abs(a - b) <= _AROUND for a, b in zip(ink.box, box, strict=True)
    )


def _sides(ink: Ink, box: Box) -> set[int]:
    """The sides of *box* that a straight part of *ink* follows: left, bottom, right, top."""
    found = set()
    for one, other in _lines(ink):
        for side in range(4):
            across, along = side % 2, (side + 1) % 2
            length = abs(one[along] - other[along])
            if length >= _ALONG * (box[along + 2] - box[along]) and all(
                abs(point[across] - box[side]) <= _AROUND + ink.width for point in (one, other)
            ):
                found.add(side)
    return found


def _lines(ink: Ink) -> Iterator[tuple[Point, Point]]:
    return zip(ink.points, (*ink.points[1:], *ink.points[:1]), strict=True)


class _Seen:
    """Tells which ink of a button, or of the page around it, people see."""

    def __init__(self, beneath: Sequence[Ink], own: Sequence[Ink]) -> None:
        self._beneath = len(beneath)
        self._inks = (*beneath, *own)
        self._at = {id(ink): at for at, ink in enumerate(self._inks)}

    def stands_out(self, ink: Ink) -> bool:
        """Is it told by the eye from what it stands on, and not painted over?"""
        at = self._at[id(ink)]
        if ink.colour is None or ink.gaps > _MOST_GAPS or ink.dash > _LONGEST_DASH:
            return False
        if ink.kind == "line" and ink.width < _FINEST:
            return False
        if ink.kind == "fill" and ink.area < _FINEST * max(sides(ink.box)):
            return False
        left = tuple(each for each in self._inks[:at] if not _covers(ink, each))
        paper = Ground(left).paper(ink.box)
        beneath = brightness(paper.colour) if paper and paper.colour else 1.0
        if abs(brightness(ink.colour) - beneath) < _APART:
            return False
        # an annotation that is among what lies beneath may have been drawn later
        around = self._inks[: self._beneath] if at >= self._beneath else ()
        over = [*self._inks[at + 1 :], *(each for each in around if not _covers(each, ink))]
        if any(_covers(later, ink) for later in self._inks[at + 1 :]):
            return False
        return not any(_is_like(each, beneath) and _touches(each, ink) for each in over)


def _covers(later: Ink, ink: Ink) -> bool:
    """Is none of *ink* seen beneath what was painted *later*?"""
    if later.kind not in ("fill", "image", "shading") or later.see_through:
        return False
    half = ink.width / 2 if ink.kind == "line" else 0.0
    left, bottom, right, top = ink.box
    return holds(later.box, (left - half, bottom - half, right + half, top + half), _EDGE)


def _is_like(ink: Ink, beneath: float) -> bool:
    """Does *ink* hide what it is painted on, being as bright as the ground?"""
    if ink.see_through:
        return False
    return ink.colour is None or abs(brightness(ink.colour) - beneath) < _APART


def _touches(later: Ink, ink: Ink) -> bool:
    """Does what was painted *later* reach over some of *ink*, and not only stand within it?"""
    if ink.kind == "line" and not ink.curved:
        strips = [_strip(one, other) for one, other in _lines(ink)]
        return any(meets(later, each) and overlaps(later.box, each, 1.5 * _HAIR) for each in strips)
    (left, bottom, right, top), (across, up) = ink.box, sides(ink.box)
    inner = (left + _FINEST, bottom + _FINEST, right - _FINEST, top - _FINEST)
    if ink.curved:
        middle, reach = ((left + right) / 2, (bottom + top) / 2), (min(across, up) - ink.width) / 2
        is_round = later.curved and all(
            math.dist(each, middle) <= _BOWED * reach for each in later.points
        )
        reach *= 1.0 if is_round else _INNER
        inner = (middle[0] - reach, middle[1] - reach, middle[0] + reach, middle[1] + reach)
    return overlaps(later.box, ink.box) and not holds(inner, later.box, 0.0)


def _strip(one: Point, other: Point) -> Box:
    """The middle of a line: what stands within a box may reach as far."""
    (left, right), (bottom, top) = (sorted(pair) for pair in zip(one, other, strict=True))
    return (left - _HAIR, bottom - _HAIR, right + _HAIR, top + _HAIR)


def _is_plain_shape(shapes: Sequence[Ink], least: float) -> bool:
    if len(shapes) == 1:
        ink = shapes[0]
        return _is_dot(ink, least) or _is_hook(ink) or _is_cross(shapes) or _is_star(ink, least)
    return _is_cross(shapes)


def _is_dot(ink: Ink, least: float) -> bool:
    """A filled circle or square, not smaller than *least*."""
    short, long = sorted((ink.box[2] - ink.box[0], ink.box[3] - ink.box[1]))
    if short < least:
        return False
    return ink.kind == "fill" and long <= _SQUARE * short and (_is_oval(ink) or ink.is_rectangle)


def _is_star(ink: Ink, least: float) -> bool:
    """A filled diamond, star of five points, or cross whose bars have breadth."""
    short, long = sorted(sides(ink.box))
    if ink.kind != "fill" or ink.subpaths != 1 or short < least or long > _SQUARE * short:
        return False
    corners = ink.points[:-1] if ink.points[:1] == ink.points[-1:] else ink.points
    off = [(2 * x - 1, 2 * y - 1) for x, y in _in_unit(corners)]
    if all(_INWARD <= abs(x) + abs(y) <= _OUTWARD for x, y in off):
        return len(corners) >= 4 and _bulges(corners)
    if ink.curved or len(corners) not in (10, 12) or not _goes_around(off):
        return False
    step = 2 if len(corners) == 10 else 3
    far = [math.hypot(*each) for each in off]
    at = min(range(step), key=lambda each: far[each])
    inner, outer = far[at::step], [each for n, each in enumerate(far) if n % step != at]
    ends = [each for n, each in enumerate(off) if n % step != at]
    # the bars of a cross slope: upright and level they make a plus, or the numeral ten
    slopes = step == 2 or all(min(abs(x), abs(y)) > _SLOPE for x, y in ends)
    return max(inner) < _INNER_CORNERS * min(outer) and slopes


def _goes_around(off: Sequence[Point]) -> bool:
    """Do the corners go around the middle once, always the same way?"""
    turns = [_angle(one, other) for one, other in zip(off, (*off[1:], *off[:1]), strict=True)]
    same_way = min(turns) > 0 or max(turns) < 0
    return same_way and abs(abs(sum(turns)) - 2 * math.pi) < 0.1


def _turns(corners: Sequence[Point]) -> list[float]:
    """By how much the way through them turns at each of them, radians."""
    ways = [
        (u - x, v - y) for (x, y), (u, v) in zip(corners, (*corners[1:], *corners[:1]), strict=True)
    ]
    return [_angle(one, other) for one, other in zip(ways, (*ways[1:], *ways[:1]), strict=True)]


def _angle(one: Point, other: Point) -> float:
    (x, y), (u, v) = one, other
    return math.atan2(x * v - y * u, x * u + y * v)


def _leaves_corners(ink: Ink) -> bool:
    """Do all points lie on the edges of the box, as those of four arcs do?"""
    left, bottom, right, top = ink.box
    near = 0.05 * (right - left + top - bottom)
    return bool(ink.points) and all(
        min(abs(x - left), abs(x - right), abs(y - bottom), abs(y - top)) <= near
        for x, y in ink.points
    )


def _is_hook(ink: Ink) -> bool:
    """A tick: down, and up further to the right; lowest in its left part, highest at its right, and
    nothing below the rising stroke, as the bar of a 4 or the belly of a 6 is."""
    if ink.subpaths != 1 or len(ink.points) < 3 or not _is_compact(ink.points, ink.width):
        return False
    across, up = sides(ink.box)
    if ink.closings if ink.kind == "line" else ink.area < _LEAST_FILLED * across * up:
        return False
    points = _in_unit(ink.points)
    lowest = min(points, key=lambda point: point[1])
    top_left = min((x for x, y in points if y > _HIGH), default=0.0)
    leftmost = min(points)
    if not 0.1 < lowest[0] < _LOW or any(
        y < (x - lowest[0]) / (1 - lowest[0]) - _BELOW for x, y in points
    ):
        return False
    return top_left >= 0.6 and lowest[1] + 0.15 < leftmost[1] <= _HIGH


def _is_cross(shapes: Sequence[Ink]) -> bool:
    """Two strokes, one rising and one falling, across most of the shape."""
    if any(shape.kind != "line" or shape.curved for shape in shapes):
        return False
    points = [point for shape in shapes for point in shape.points]
    if len(points) != 4 or sum(shape.subpaths for shape in shapes) != 2:
        return False
    if not _is_compact(points, max(shape.width for shape in shapes)):
        return False
    one, two, three, four = _in_unit(points)
    strokes = [(two[0] - one[0], two[1] - one[1]), (four[0] - three[0], four[1] - three[1])]
    is_sloping = all(min(abs(x), abs(y)) >= _SLOPE for x, y in strokes)
    return is_sloping and strokes[0][0] * strokes[0][1] * strokes[1][0] * strokes[1][1] < 0


def _is_compact(points: Sequence[Point], width: float) -> bool:
    """Are they about as far apart across as up and down, and is a line of that *width* between them
    no bar?"""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    short, long = sorted((max(xs) - min(xs), max(ys) - min(ys)))
    return long <= _LONGEST * short and width <= _THICK * short


def _in_unit(points: Sequence[Point]) -> list[Point]:
    """*points* within the box around them, each coordinate from 0 to 1."""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    box: Box = (min(xs), min(ys), max(xs), max(ys))
    across, up = (box[2] - box[0]) or 1.0, (box[3] - box[1]) or 1.0
    return [((x - box[0]) / across, (y - box[1]) / up) for x, y in points]
