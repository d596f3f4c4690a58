"""Annotations that a later revision put on a page: notes, markup and drawings.

    judge(annotation, ground)  → a kind of :class:`crypto.verdict.Change`

A note that covers nothing is told; markup over text and whatever else is drawn cannot be shown to
leave the page as it was; what covers something sealed, acts or is not known is forbidden.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

from pyhanko.pdf_utils import generic

from crypto.pdf.changes.ground import Ground
from crypto.pdf.changes.ink import Box, Ink, Painted, Point, holds, read_look
from crypto.pdf.changes.legible import brightness, says_richly
from crypto.pdf.changes.looks import shown_stream, value_text
from crypto.pdf.marks.appearance import HIDDEN, box, has_area
from crypto.pdf.reading.access import entry, follow, items_of, key_of

_MARKUP = ("/Highlight", "/Underline", "/StrikeOut", "/Squiggly")
_DRAWN = (
    *("/FreeText", "/Ink", "/Line", "/Square", "/Circle", "/Polygon", "/PolyLine", "/Caret"),
    *("/Stamp", "/FileAttachment"),
)
_ACTS = ("/A", "/AA", "/PA", "/OC", "/RichMediaContent", "/Sound", "/Movie", "/FS")
_WORDS = {"/RC", "/T", "/Subj"}
"""Of a note's window, which has its words from the note."""
_TURNING = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Text behind such a character may run the other way: 0009 is read as 9000."""
_LARGEST_ICON = 40.0
"""Points: the sign of a note."""
_SMALLEST_ICON, _LONGEST = 8.0, 2.0
"""Points, and of the shorter side."""
_SIGN = 22.0
"""Points: the largest sign that a viewer draws of its own."""
_LIGHT, _COLOURED, _PALEST, _MOST, _COVERED = 0.5, 0.75, 0.92, 0.4, 0.2
"""The brightest and the darkest part of the colour of a sign's ground, and how bright it is to the
eye; how much of the sign it takes up, and how much something pale may cover of it: on a ground that
cannot be told from paper, strokes can be read as a digit."""
_SAMPLES, _PIECES = 16, 6
"""Of a sign's ground, each way; and of a curve."""
_ICONS = frozenset(
    (
        *("/Note", "/Comment", "/Help", "/Insert", "/Key", "/NewParagraph", "/Paragraph"),
        *("/CommentRight", "/TextNote", "/Text", "/UpLeftArrow", "/RightPointer"),
    )
)
"""Signs that viewers draw for a note (ISO 32000-1 table 172, and some of viewers' own). Others, as
a circle or a cross, can be read as a digit or as a deletion."""
_OUTLINED = ("/Square", "/Circle", "/Ink", "/Line", "/PolyLine", "/Polygon", "/Caret")
_MOST_INKS, _MOST_OF_A_LINE = 3, 4
"""Pieces of a box or a line with its ends, and corners of a piece: more can be digits."""
_MOST_OF_A_ROOF, _NEAR = 8, 0.1
"""Points of a sign for inserting text, and how far they may lie elsewhere, of its sides."""
_FLAT, _LOW = 0.3, 0.3
"""Of the height of what is marked: the highest line, and where lines under it end."""
_THIN = 3.0
"""Points: a line under or through text hides none of it."""


def judge(annotation: Any, ground: Ground, turned: bool = False) -> str:
    """note_added, markup_added, drawing_added or forbidden. *turned*: the page is shown turned.
    Raises what reading its look raises."""
    if not isinstance(annotation, generic.DictionaryObject):
        return "forbidden"
    kind = entry(annotation, "/Subtype")
    if any(key in annotation for key in _ACTS if (kind, key) != ("/FileAttachment", "/FS")):
        return "forbidden"
    if kind == "/Popup":
        return _judge_window(annotation, ground, is_open=bool(entry(annotation, "/Open", False)))
    if kind not in ("/Text", *_MARKUP, *_DRAWN) or _has_other_looks(annotation):
        return "forbidden"
    stream = shown_stream(annotation)
    painted = read_look(annotation, stream)
    if painted.strange & {"layer", "unknown", "mask", "inline image", "blend"}:
        return "forbidden"
    own = box(annotation)
    if kind == "/Text":
        return _judge_note(annotation, painted, stream is None, ground, turned)
    covering = [ink for ink in painted.inks if not _lets_through(ink)]
    if any(_covers(each, ground) for each in covering):
        return "forbidden"
    if kind in _MARKUP:
        return "markup_added"
    if stream is None and kind == "/FileAttachment":
        own = _with_sign(own)
    if stream is not None or not has_area(annotation):
        return "drawing_added"
    # viewers draw it themselves, by the colours that are named
    is_thin = kind in _OUTLINED and not {"/IC", "/BS", "/BE", "/Border"} & set(annotation)
    is_thin = is_thin or (kind == "/FreeText" and not {"/C", "/BS", "/RC"} & set(annotation))
    is_over = ground.surely_marked_under if is_thin else ground.surely_lies_under
    return "forbidden" if is_over(own) else "drawing_added"


def looks_like_its_kind(annotation: generic.DictionaryObject) -> bool:
    """Does its look show what such an annotation is by its name? One that is a box by its name can
    show any words. Raises what reading its look raises."""
    kind, stream = entry(annotation, "/Subtype"), shown_stream(annotation)
    if stream is None or kind == "/Stamp":
        return True
    inks = read_look(annotation, stream).inks
    if kind == "/FreeText":
        return all(ink.kind in ("text", "fill", "line") for ink in inks)
    if not all(ink.kind in ("fill", "line") for ink in inks):
        return False
    if kind == "/Highlight":
        return all(ink.kind == "fill" for ink in inks)
    if kind in _MARKUP:
        return all(_lies_as(str(kind), ink.box, box(annotation)) for ink in inks)
    if kind == "/FileAttachment":
        left, bottom, right, top = box(annotation)
        return max(right - left, top - bottom) <= _LARGEST_ICON
    if kind == "/Caret":
        return len(inks) == 1 and _points_up(inks[0].points)
    corners = {"/Square": 5, "/Line": _MOST_OF_A_LINE}.get(str(kind), 0)
    return not corners or (
        len(inks) <= _MOST_INKS and all(0 < len(ink.points) <= corners for ink in inks)
    )


def _points_up(points: tuple[tuple[float, float], ...]) -> bool:
    """Is this a roof, as the sign for inserting text: two feet, and nothing beside them but the
    point above their middle, and what is below it?"""
    if not 0 < len(points) <= _MOST_OF_A_ROOF:
        return False
    xs, ys = [x for x, _ in points], [y for _, y in points]
    left, right, bottom, top = min(xs), max(xs), min(ys), max(ys)
    across, up = right - left, top - bottom
    if not across or not up:
        return False
    places = [((x - left) / across, (y - bottom) / up) for x, y in points]
    has_corners = all(
        any(abs(x - u) + abs(y - v) <= _NEAR for x, y in places)
        for u, v in ((0.0, 0.0), (1.0, 0.0), (0.5, 1.0))
    )
    return has_corners and all(
        abs(x - 0.5) <= _NEAR or (min(x, 1 - x) <= _NEAR and y <= _NEAR) for x, y in places
    )


def _lies_as(kind: str, place: Box, own: Box) -> bool:
    """Is this flat, and where a line under text, or one through it, stands?"""
    height = own[3] - own[1]
    middle = ((place[1] + place[3]) / 2 - own[1]) / (height or 1.0)
    is_flat = place[3] - place[1] <= _FLAT * height
    return is_flat and (middle > _LOW) is (kind == "/StrikeOut")


def _covers(ink: Ink, ground: Ground) -> bool:
    """Does it hide for certain something that was there? Text on the picture of a page that was
    scanned may stand where that is blank."""
    if ink.kind == "text":
        return ground.surely_marked_under(ink.box)
    return ground.surely_lies_under(ink.box)


def _judge_window(window: generic.DictionaryObject, ground: Ground, *, is_open: bool) -> str:
    """The window of a note, which no viewer prints and which says what the note says. One that is
    open lies on the page like a slip of paper."""
    if "/AP" in window or "/Contents" in window:
        return "forbidden"
    covers = is_open and has_area(window) and ground.lies_under(box(window))
    return "drawing_added" if covers or set(window) & _WORDS else "note_added"


def shown_in(note: generic.DictionaryObject) -> Box:
    """Where the sign of a *note* is shown: in its rectangle, and as far from the upper left corner
    of that as its look reaches by itself, which MuPDF draws in its own size."""
    left, bottom, right, top = box(note)
    stream = shown_stream(note)
    size = [float(follow(each)) for each in items_of(entry(stream, "/BBox"))] if stream else []
    if len(size) != len(box(note)):
        return left, bottom, right, top
    across, up = abs(size[2] - size[0]), abs(size[3] - size[1])
    return left, min(bottom, top - up), max(right, left + across), top


def around(place: Box) -> Box:
    """Where the sign of a note in *place* may be shown on a page that is turned: it stays upright,
    at the corner that viewers choose."""
    left, bottom, right, top = place
    side = max(right - left, top - bottom)
    return (left - side, bottom - side, right + side, top + side)


def _judge_note(
    annotation: generic.DictionaryObject,
    painted: Painted,
    is_drawn_by_viewer: bool,
    ground: Ground,
    turned: bool,
) -> str:
    """A note is shown as a small sign, which can be moved aside."""
    inks = painted.inks
    words = value_text(entry(annotation, "/Contents"))
    if "/RC" in annotation and not says_richly(entry(annotation, "/RC"), words):
        return "drawing_added"  # some viewers show the one, others the other
    if _TURNING.search(words):
        return "drawing_added"
    window = entry(annotation, "/Popup")
    if isinstance(window, generic.DictionaryObject):  # some viewers go by its state, some by this
        is_open = any(entry(each, "/Open", False) for each in (annotation, window))
        if (judged := _judge_window(window, ground, is_open=is_open)) != "note_added":
            return judged
    own, (left, bottom, right, top) = box(annotation), shown_in(annotation)
    if max(right - left, top - bottom) > _LARGEST_ICON:
        covers = any(ground.surely_lies_under(ink.box) for ink in inks if not ink.see_through)
        return "forbidden" if covers else "drawing_added"
    if any(ink.kind in ("text", "image", "shading") for ink in inks):
        return "drawing_added"
    if int(entry(annotation, "/F", 0)) & HIDDEN:
        return "note_added"
    if inks and not _is_sign(painted, own, ground.paper(own)):
        return "drawing_added"
    if is_drawn_by_viewer and entry(annotation, "/Name", "/Note") not in _ICONS:
        return "drawing_added"
    places = [_with_sign(own)] if is_drawn_by_viewer else [ink.box for ink in inks]
    if not holds(own, shown := shown_in(annotation), 0.5):
        places.append(shown)
    if turned:
        places = [around(_with_sign(own) if is_drawn_by_viewer else shown)]
    return "drawing_added" if any(map(ground.lies_under, places)) else "note_added"


def _with_sign(place: Box) -> Box:
    """Where viewers may draw their own sign for an annotation in *place*: of one size, however
    small the rectangle is, from its upper or its lower left corner."""
    left, bottom, right, top = place
    return (
        left,
        min(bottom, top - _SIGN),
        max(right, left + _SIGN),
        max(top, bottom + _SIGN),
    )


def _is_sign(painted: Painted, own: Box, paper: Ink | None) -> bool:
    """Does a note's own look have a coloured ground over most of it, as the signs of notes do, and
    another one than the *paper* has? Strokes alone could be read as a digit or a dash."""
    left, bottom, right, top = own
    sides = sorted((right - left, top - bottom))
    if sides[0] < _SMALLEST_ICON or sides[1] > _LONGEST * sides[0]:
        return False
    if painted.strange or painted.profiled:
        return False  # its colours may be others, or its ground not be seen
    room = sides[0] * sides[1]
    around = brightness(paper.colour) if paper and paper.colour else 1.0
    grounds = [
        at
        for at, ink in enumerate(painted.inks)
        if ink.kind == "fill"
        and ink.colour is not None
        and max(ink.colour) >= _LIGHT
        and min(ink.colour) <= _COLOURED
        and abs(brightness(ink.colour) - around) >= 1 - _PALEST
        and min(ink.area, _area(ink.box)) >= _MOST * room
        and _share(ink, own) >= _MOST
    ]
    if not grounds:
        return False
    later = painted.inks[grounds[-1] + 1 :]
    pale = sum(_area(ink.box) for ink in later if _is_pale(ink, around))
    return pale <= _COVERED * room and all(ink.colour is not None for ink in later)


def _is_pale(ink: Ink, around: float) -> bool:
    """Can it not be told from paper, or from what is *around* it?"""
    colour = ink.colour or (1.0, 1.0, 1.0)
    return min(colour) > _COLOURED or abs(brightness(colour) - around) < 1 - _PALEST


def _share(ink: Ink, own: Box) -> float:
    """How much of *own* a shape fills, whichever of the two rules counts (ISO 32000-1
    §8.5.3.3); nothing, where it has holes or bays, as the figures 0, 4, 6, 8 and 9 have."""
    corners = _flattened(ink)
    hit = 0
    for row in range(_SAMPLES):
        y = own[1] + (row + 0.5) / _SAMPLES * (own[3] - own[1])
        crossed = [
            (x0 + (y - y0) / (y1 - y0) * (x1 - x0), 1 if y1 > y0 else -1)
            for part in corners
            for (x0, y0), (x1, y1) in zip(part, (*part[1:], part[0]), strict=True)
            if (y0 <= y) != (y1 <= y)
        ]
        if not ink.box[1] <= y <= ink.box[3]:
            continue
        filled = []
        for column in range(_SAMPLES):
            x = own[0] + (column + 0.5) / _SAMPLES * (own[2] - own[0])
            ways = [way for at, way in crossed if at > x]
            filled.append(ink.box[0] <= x <= ink.box[2] and len(ways) % 2 == 1 and sum(ways) != 0)
        if sum(one != other for one, other in pairwise([False, *filled, False])) > 2:
            return 0.0
        hit += sum(filled)
    return hit / _SAMPLES**2


def _flattened(ink: Ink) -> list[list[Point]]:
    """The parts of a shape, its curves as short lines."""
    parts: list[list[Point]] = []
    left = iter(ink.points)
    for step in ink.steps:
        if step == "m":
            parts.append([next(left)])
        elif step == "l":
            parts[-1].append(next(left))
        elif step != "h":
            start = parts[-1][-1]
            ends = [next(left) for _ in range(3 if step == "c" else 2)]
            one, two, end = {"v": [start, *ends], "y": [*ends, ends[-1]]}.get(step, ends)
            parts[-1] += [
                (
                    _bent(at / _PIECES, start[0], one[0], two[0], end[0]),
                    _bent(at / _PIECES, start[1], one[1], two[1], end[1]),
                )
                for at in range(1, _PIECES + 1)
            ]
    return parts


def _bent(t: float, start: float, one: float, two: float, end: float) -> float:
    """A coordinate on the way along a curve, *t* from 0 to 1."""
    s = 1 - t
    return s * s * s * start + 3 * s * s * t * one + 3 * s * t * t * two + t * t * t * end


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _has_other_looks(annotation: generic.DictionaryObject) -> bool:
    """Does it look otherwise while the mouse is over it, or in some state?"""
    looks = entry(annotation, "/AP")
    return isinstance(looks, generic.DictionaryObject) and (
        bool({"/R", "/D"} & set(looks)) or shown_stream(annotation) is None
    )


def _lets_through(ink: Ink) -> bool:
    return ink.see_through or (ink.kind == "line" and ink.width <= _THIN)


# --- bookmarks ---------------------------------------------------------------------------------

_ITEM = frozenset(
    ("/Title", "/Parent", "/Prev", "/Next", "/First", "/Last", "/Count", "/Dest", "/A", "/C", "/F")
)
BOOKMARK_ROLES = ("/Outlines", "/Parent", "/Prev", "/Next", "/First", "/Last")
_MAX_BOOKMARKS = 20_000


def bookmarks(outlines: Any) -> tuple[bool, set[tuple[int, int]]]:
    """Whether all bookmarks only lead to a place in the document, and the objects that they are,
    by number and generation."""
    found: set[tuple[int, int]] = set()
    plain = outlines is None or isinstance(outlines, generic.DictionaryObject)
    stack = [outlines] if isinstance(outlines, generic.DictionaryObject) else []
    while stack and len(found) <= _MAX_BOOKMARKS:
        node = stack.pop()
        for key in ("/First", "/Next"):
            raw = node.raw_get(key) if key in node else None
            if raw is None:
                continue
            below = entry(node, key)
            if not isinstance(raw, generic.IndirectObject) or not isinstance(
                below, generic.DictionaryObject
            ):
                plain = False
            elif key_of(raw) not in found:
                found.add(key_of(raw))
                stack.append(below)
                plain = plain and _leads_inside(below)
    return plain and len(found) <= _MAX_BOOKMARKS, found


def _leads_inside(item: generic.DictionaryObject) -> bool:
    if set(item) - _ITEM or isinstance(item, generic.StreamObject):
        return False
    return ("/A" not in item and "/Dest" not in item) or is_place_action(item)


def is_place_action(item: generic.DictionaryObject) -> bool:
    """Does this bookmark or link lead to a place in the document, and do nothing else?"""
    action = entry(item, "/A")
    if action is None:
        return "/Dest" in item and _is_place(entry(item, "/Dest"))
    return (
        isinstance(action, generic.DictionaryObject)
        and set(action) <= {"/Type", "/S", "/D"}
        and entry(action, "/S") == "/GoTo"
        and _is_place(entry(action, "/D"))
    )


def _is_place(destination: Any) -> bool:
    """A page of this document with how it is shown, or the name of such a place."""
    if isinstance(destination, generic.ArrayObject):
        items = items_of(destination)
        return bool(items) and isinstance(items[0], generic.IndirectObject | generic.NumberObject)
    return isinstance(
        destination,
        generic.NameObject | generic.TextStringObject | generic.ByteStringObject,
    )
