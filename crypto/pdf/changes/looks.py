"""What a widget shows before and after: ground, frame and ink, and whether any of it was lost.

A look is made of its ground (one rectangle over all of it), its frame (what stays along the edges)
and its ink, which is everything else. A field is empty only if its look has no ink, and what is
filled in may add nothing but text that says the value.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any

from pyhanko.pdf_utils import generic

from crypto.frozen import frozen
from crypto.pdf.changes.ink import SAME_OPACITY, Box, Ink, Painted, overlaps, read_look
from crypto.pdf.marks.appearance import box as rectangle_of
from crypto.pdf.reading.access import entry, follow, items_of
from crypto.pdf.reading.document import MAX_TREE_DEPTH
from crypto.pdf.reading.objects import same

MULTILINE, PASSWORD, PUSH_BUTTON, COMBO, COMB = 1 << 12, 1 << 13, 1 << 16, 1 << 17, 1 << 24
_MARGIN, _MARGIN_SHARE = 3.5, 0.25
"""How far a frame may reach into a field: points, and a part of its shorter side."""
_GROUND = 0.85
"""A ground covers at least this part of the width and of the height."""
_SAME_COLOUR = 0.012
"""Colours are rounded to two digits, or to 1/255."""
_SAME_PLACE = 1.0
_INSIDE = (0.1, 0.3, 0.35)
"""Of the font size: what a frame may cover of a line of text, at its ends, below and above: the
room for what hangs down or rises, and a little of the letters."""
_EDGE = 0.1
"""Points, by which a box is larger than the shape in it."""
_ALONG, _UPRIGHT = 0.7, 0.8
"""A frame's line is at least this part of the edge that it follows, and of an upright edge."""
_AROUND, _LINE_ENDS = 0.9, 2
_THIN, _NARROWEST_CELL = 1.5, 5.0
"""Points: of the lines between the cells of a comb, and of a cell."""
_LONGEST_DASH = 6.0
"""Points: of a longer pattern one piece alone may be seen, and read as a digit or a dot."""
_SAME_LINE, _NEXT_LINE = 0.2, 0.85
"""Of the font size: how far text stands below other text of its line at most, and below the line
before at least."""
_FULL = 0.5
"""Of a field's width: a shorter line has room for more letters."""
_MOST_CORNERS = 64
_MOST_PAIRS = 200_000
"""Of text and what is painted after it."""
_BLANK = re.compile(r"\s+")
_AMOUNT = re.compile(r"([¥￥$€£]?)(-?(?:\d{1,3}(?:,\d{3})*|\d+)(?:\.\d+)?)\Z")


def inherited(node: Any, key: str) -> Any:
    """The value of *key* in a field, or in the nearest of its parents that has one."""
    for _ in range(MAX_TREE_DEPTH):
        if not isinstance(node, generic.DictionaryObject):
            return None
        if key in node:
            return entry(node, key)
        node = entry(node, "/Parent")
    return None


def value_text(value: Any) -> str:
    """A field's value for a person; "" for none, and for the state Off of a button."""
    if value is None or isinstance(value, generic.NullObject):
        return ""
    if isinstance(value, generic.StreamObject):
        return generic_text(value.data)
    if isinstance(value, generic.ArrayObject):
        return ", ".join(value_text(follow(each)) for each in items_of(value))
    if isinstance(value, generic.NameObject):
        return "" if value == "/Off" else str(value)[1:]
    if isinstance(value, generic.ByteStringObject):
        return generic_text(bytes(value))
    return str(value)


def generic_text(data: bytes) -> str:
    """Bytes as text: UTF-16 or UTF-8 with their marks, else Latin-1."""
    if data.startswith((b"\xfe\xff", b"\xff\xfe")):
        return data.decode("utf-16", "replace")
    if data.startswith(b"\xef\xbb\xbf"):
        return data[3:].decode("utf-8", "replace")
    return data.decode("latin-1")


def shown_stream(widget: generic.DictionaryObject) -> generic.StreamObject | None:
    """The appearance that viewers show of *widget*: that of its state if there are several, and
    without a state, as PDFium does, the one that its value names."""
    appearances = entry(widget, "/AP")
    look = entry(appearances, "/N") if isinstance(appearances, generic.DictionaryObject) else None
    if isinstance(look, generic.StreamObject):
        return look
    if not isinstance(look, generic.DictionaryObject):
        return None
    state = entry(widget, "/AS")
    if isinstance(state, generic.NameObject):
        found = entry(look, str(state))
    else:
        named = value_text(inherited(widget, "/V"))
        found = entry(look, f"/{named}" if f"/{named}" in look else "/Off")
    return found if isinstance(found, generic.StreamObject) else None


@frozen
class Look:
    """What a widget shows."""

    painted: Painted
    box: Box
    drawn: bool
    """It has an appearance of its own; without one viewers draw it from the form's defaults."""
    comb: bool = False
    stream: generic.StreamObject | None = None
    """The appearance that is shown."""

    @classmethod
    def of(cls, widget: generic.DictionaryObject, rotation: int = 0) -> Look:
        """*rotation*: by which its page is shown turned. Raises what :func:`read_look` raises."""
        stream = shown_stream(widget)
        flags = inherited(widget, "/Ff")
        comb = isinstance(flags, generic.NumberObject) and bool(int(flags) & COMB)
        painted = read_look(widget, stream, rotation=rotation)
        if stream is not None and _is_in_doubt(widget):
            painted.strange.add("states")
        return cls(painted, rectangle_of(widget), stream is not None, comb, stream)

    @cached_property
    def _margin(self) -> float:
        left, bottom, right, top = self.box
        return min(_MARGIN, _MARGIN_SHARE * min(right - left, top - bottom))

    @cached_property
    def grounds(self) -> list[Ink]:
        return [ink for ink in self.painted.inks if self._is_ground(ink)]

    @cached_property
    def frame(self) -> list[Ink]:
        """A bar along one upright edge alone is none: beside a number it reads as a digit."""
        found = [ink for ink in self.painted.inks if self._is_frame(ink)]
        sides = {self._upright_edge(ink) for ink in found}
        alone = len(sides & {0, 2}) == 1 and None not in sides
        return [ink for ink in found if not (alone and self._upright_edge(ink) in (0, 2))]

    def _upright_edge(self, ink: Ink) -> int | None:
        """Left (0) or right (2), where a part of a frame follows that edge and no other; 1 where it
        lies level; None where it goes around."""
        left, bottom, right, top = self.box
        across, up = ink.box[2] - ink.box[0], ink.box[3] - ink.box[1]
        if across >= _ALONG * (right - left):
            return None if up >= _ALONG * (top - bottom) else 1
        return 0 if ink.box[0] - left <= right - ink.box[2] else 2

    @cached_property
    def ink(self) -> list[Ink]:
        """Neither ground nor frame."""
        known = {id(each) for each in (*self.grounds, *self.frame)}
        return [ink for ink in self.painted.inks if id(ink) not in known and not _is_blank(ink)]

    @cached_property
    def text(self) -> str | None:
        """What its text says, in the order of reading; None if that cannot be told or if it has ink
        other than text."""
        if self.painted.strange or any(each.text is None for each in self.ink):
            return None
        if self._hides_text or (len(self.ink) > 1 and not all(each.level for each in self.ink)):
            return None  # of lines that are not level only one is read in its own order
        if self.lines is None:
            return None
        return "\n".join("".join(each.text or "" for each in line) for line in self.lines)

    @cached_property
    def lines(self) -> list[list[Ink]] | None:
        """Its ink line by line, each from left to right; None where people may read it in either
        order."""
        lines: list[list[Ink]] = []
        for each in sorted(self.ink, key=lambda ink: -ink.box[1]):
            below = (lines[-1][0].box[1] - each.box[1]) / each.size if lines and each.size else 1.0
            if below < _SAME_LINE:
                lines[-1].append(each)
            elif below < _NEXT_LINE:
                return None  # neither in the line nor below it
            else:
                lines.append([each])
        return [sorted(line, key=lambda ink: ink.box[0]) for line in lines]

    @property
    def gaps(self) -> list[Box]:
        """The room between two pieces of a line."""
        return [
            (one.box[2], min(one.box[1], other.box[1]), other.box[0], max(one.box[3], other.box[3]))
            for line in self.lines or ()
            for one, other in pairwise(line)
            if one.box[2] < other.box[0]
        ]

    def breaks_words(self, value: str) -> bool:
        """Does a line end within a word of *value* though there was room left for more of it? Far
        apart the parts are read as words of their own, each with what stands beside it."""
        left, _, right, _ = self.box
        meant = list(value)
        for line in (self.lines or [])[:-1]:
            for letter in "".join(each.text or "" for each in line).split():
                for _ in letter:
                    while meant and meant[0].isspace():
                        meant.pop(0)
                    meant[:1] = []
            is_full = line[-1].box[2] - left > _FULL * (right - left)
            if meant and not meant[0].isspace() and not is_full:
                return True
        return False

    @property
    def _hides_text(self) -> bool:
        """Is a ground or a frame painted over text, or text over a frame that hides its letters?"""
        if any(self._reaches_into(each, text) for each in self.frame for text in self.ink):
            return True
        inks = self.painted.inks
        over = [
            (at, ink) for at, ink in enumerate(inks) if ink.kind != "text" and not ink.see_through
        ]
        written = [(at, ink) for at, ink in enumerate(inks) if ink.kind == "text"]
        return len(over) * len(written) > _MOST_PAIRS or any(
            later > at and meets(cover, shrunk(each.box))
            for at, each in written
            for later, cover in over
        )

    def _reaches_into(self, frame: Ink, text: Ink) -> bool:
        """Is some of *text*, as dark as it, behind a part of the frame?"""
        if text.kind != "text" or frame.is_white or (self.comb and self._divides(frame.points)):
            return False
        left, bottom, right, top = text.box
        aside, below, above = (share * text.size for share in _INSIDE)
        inside = (left + aside, bottom + below, right - aside, top - above)
        if frame.kind == "fill" and not frame.is_rectangle:  # it goes around
            edges = pairwise((*frame.points, frame.points[0]))
            return any(overlaps(_line_box(one, other, _EDGE), inside) for one, other in edges)
        return meets(frame, inside)

    def _is_ground(self, ink: Ink) -> bool:
        left, bottom, right, top = self.box
        across, up = ink.box[2] - ink.box[0], ink.box[3] - ink.box[1]
        return (
            ink.kind == "fill"
            and ink.is_rectangle
            and ink.colour is not None
            and across >= _GROUND * (right - left)
            and up >= _GROUND * (top - bottom)
        )

    def _is_frame(self, ink: Ink) -> bool:
        if ink.kind not in ("fill", "line") or not ink.points or ink.width > self._margin:
            return False
        if self._is_divider(ink):
            return True
        if not all(map(self._is_near_edge, ink.points)) or not self._is_as_long(ink.points):
            return False
        if ink.dash > _LONGEST_DASH:
            return False
        if ink.kind == "line":
            # a stroke between two points on different edges would cross the field
            return all(
                self._runs_along(one, other)
                for one, other in (*pairwise(ink.points), *ink.closings)
            )
        left, bottom, right, top = self.box
        room = 2 * (right - left + top - bottom) * self._margin
        # a bar between two edges would strike out what stands in the field
        return (
            not ink.curved
            and ink.subpaths == 1
            and ink.area <= room
            and self._is_no_block(ink)
            and all(
                self._runs_along(one, other) or self._is_short(one, other)
                for one, other in pairwise((*ink.points, ink.points[0]))
            )
        )

    def _is_near_edge(self, point: tuple[float, float]) -> bool:
        return bool(self._edges(point))

    def _edges(self, point: tuple[float, float]) -> set[int]:
        """The edges that the point is near to."""
        place = (*point, *point)
        return {at for at in range(4) if abs(place[at] - self.box[at]) <= self._margin}

    def _runs_along(self, one: tuple[float, float], other: tuple[float, float]) -> bool:
        """Does the line from *one* to *other* follow an edge, for most of it or around a corner? A
        shorter one could be read as a dash or as a digit."""
        edges = self._edges(one) & self._edges(other)
        around = len(self._edges(one)) > 1 and len(self._edges(other)) > 1
        return bool(edges) and (around or self._is_as_long((one, other)))

    def _is_no_block(self, ink: Ink) -> bool:
        """Is it a bar along an edge, or hollow? A block hides what is written on it."""
        across, up = ink.box[2] - ink.box[0], ink.box[3] - ink.box[1]
        return min(across, up) <= self._margin + _EDGE or ink.area <= across * up / 2

    def _is_short(self, one: tuple[float, float], other: tuple[float, float]) -> bool:
        """Is this the end of a bar along one edge?"""
        return max(abs(one[0] - other[0]), abs(one[1] - other[1])) <= self._margin

    def _is_as_long(self, points: Sequence[tuple[float, float]]) -> bool:
        """Do they reach along most of an edge?"""
        left, bottom, right, top = self.box
        xs, ys = [x for x, _ in points], [y for _, y in points]
        return max(xs) - min(xs) >= _ALONG * (right - left) or (
            max(ys) - min(ys) >= _UPRIGHT * (top - bottom)
        )

    def cells(self, number: int) -> list[Box]:
        """The thin lines between *number* equal cells of a comb that has a frame around them all,
        as ISO 32000-1 §12.7.4.3 has it; none where they are others, or elsewhere."""
        left, bottom, right, top = self.box
        wide = (right - left) / number if number else 0.0
        lines = [ink for ink in self.frame if self._is_divider(ink) and ink.width <= _THIN]
        found = sorted(x for ink in lines for x, _ in ink.points[::2])
        meant = [left + wide * each for each in range(1, number)]
        if len(found) != len(meant) or not self.is_framed or wide < _NARROWEST_CELL:
            return []
        if any(abs(x - y) > _SAME_PLACE for x, y in zip(found, meant, strict=True)):
            return []
        return [(x - _THIN, bottom, x + _THIN, top) for x in meant]

    @property
    def is_framed(self) -> bool:
        """Is there a line or a rectangle around all of it?"""
        left, bottom, right, top = self.box
        return any(
            len(set(ink.points)) > _LINE_ENDS
            and ink.box[2] - ink.box[0] >= _AROUND * (right - left)
            and ink.box[3] - ink.box[1] >= _AROUND * (top - bottom)
            for ink in self.frame
            if not self._is_divider(ink)
        )

    def _is_divider(self, ink: Ink) -> bool:
        return self.comb and ink.kind == "line" and self._divides(ink.points)

    def _divides(self, points: Sequence[tuple[float, float]]) -> bool:
        """Are these the upright lines between the cells of a comb?"""
        return all(
            abs(one[0] - other[0]) < 0.5
            and abs(one[1] - other[1]) >= _ALONG * (self.box[3] - self.box[1])
            for one, other in zip(points[::2], points[1::2], strict=False)
        )


def _is_in_doubt(widget: generic.DictionaryObject) -> bool:
    """Do viewers differ in which of several looks they show, because no state is named?"""
    look = entry(entry(widget, "/AP"), "/N")
    return (
        not isinstance(look, generic.StreamObject)
        and not isinstance(entry(widget, "/AS"), generic.NameObject)
        and bool(value_text(inherited(widget, "/V")))
    )


def _is_blank(ink: Ink) -> bool:
    return ink.kind == "text" and ink.text is not None and not ink.text.strip()


def same_ink(one: Ink, other: Ink) -> bool:
    """Would a person take them for the same?"""
    return (
        one.kind == other.kind
        and one.text == other.text
        and (one.text is not None or one.kind != "text")
        and same_colour(one, other)
        and one.see_through == other.see_through
        and abs(one.opacity - other.opacity) <= SAME_OPACITY
        and all(abs(a - b) <= _SAME_PLACE for a, b in zip(one.box, other.box, strict=True))
        and (one.kind == "text" or _alike(one, other))
        and (one.source is other.source or same(one.source, other.source))
    )


def _alike(one: Ink, other: Ink) -> bool:
    """Do they run through the same points? A closed path may begin anywhere, and run either way."""
    mine, theirs = one.points, other.points
    if (one.subpaths, one.curved) != (other.subpaths, other.curved):
        return False
    if one.kind == "line" and len(one.closings) != len(other.closings):
        return False
    if mine == theirs:
        return True
    if not len(mine) == len(theirs) > 0:
        return False
    if _near(mine, theirs):
        return True
    closed = mine[0] == mine[-1] and theirs[0] == theirs[-1] and len(mine) <= _MOST_CORNERS
    if not closed or one.subpaths != 1 or other.subpaths != 1:
        return False
    around, way = mine[:-1], theirs[:-1]
    return any(
        _near(around[at:] + around[:at], turned)
        for turned in (way, way[::-1])
        for at in range(len(around))
    )


def _near(some: Sequence[tuple[float, float]], others: Sequence[tuple[float, float]]) -> bool:
    return all(
        abs(a[0] - b[0]) <= _SAME_PLACE and abs(a[1] - b[1]) <= _SAME_PLACE
        for a, b in zip(some, others, strict=True)
    )


def same_colour(one: Ink, other: Ink) -> bool:
    if one.colour is None or other.colour is None:
        return one.colour is other.colour and one.kind not in ("fill", "line", "text")
    return all(abs(a - b) <= _SAME_COLOUR for a, b in zip(one.colour, other.colour, strict=True))


def missing(before: Iterable[Ink], after: Sequence[Ink]) -> Iterator[Ink]:
    """What of *before* is not found in *after*."""
    left = list(after)
    for ink in before:
        found = next((each for each in left if same_ink(ink, each)), None)
        if found is None:
            yield ink
        else:
            left.remove(found)


_UNSEEN = frozenset(("Cc", "Cf", "Cn", "Co", "Cs", "Mc", "Me", "Mn"))
"""Unicode categories."""


def hides(value: str) -> bool:
    """Has a value characters that show nothing, stand on others, turn them around or are shown as
    others, as the soft hyphen is?"""
    return any(unicodedata.category(each) in _UNSEEN for each in value if each not in "\r\n\t")


CURRENCIES = frozenset("¥$€£")


def says(look: str, value: str, signs: Collection[str] = ()) -> bool:
    """Does text that is shown say the value, line breaks and the writing of an amount apart? A sign
    of a currency is part of the amount; one of *signs* may stand before it though the value has
    none."""
    shown, meant = _BLANK.sub("", look), _BLANK.sub("", value)
    if shown == meant:
        return True
    amounts = [_AMOUNT.match(each) for each in (shown, meant)]
    numbers = [amount[2].replace(",", "") for amount in amounts if amount]
    if any(re.search(r"\.\d{3}\Z", number) for number in numbers):
        return False  # a point before three digits divides thousands for many people
    whole = [number.rstrip("0").rstrip(".") if "." in number else number for number in numbers]
    if len(whole) != 2 or whole[0] != whole[1] or "," in meant:
        return False
    sign, own = sign_of(shown), sign_of(meant)
    return sign == own or (not own and sign in signs)


def sign_of(amount: str) -> str:
    """The sign of a currency that an amount begins with; "" if there is none, or no amount."""
    found = _AMOUNT.match(_BLANK.sub("", amount))
    return found[1].replace("￥", "¥") if found else ""


def signs_of_format(widget: generic.DictionaryObject) -> frozenset[str]:
    """The signs of currencies in the script with which the field formats its value."""
    script = entry(entry(inherited(widget, "/AA") or {}, "/F") or {}, "/JS")
    text = script.data.decode("utf-8", "replace") if hasattr(script, "data") else value_text(script)
    signs = text.replace("￥", "¥").replace("\\u00a5", "¥").replace("\\u20ac", "€")
    return frozenset(currency for currency in CURRENCIES if currency in signs)


def shrunk(box: Box) -> Box:
    """*box* without its edge, where table lines and the frames of fields meet."""
    dx, dy = min(0.75, (box[2] - box[0]) * 0.1), min(0.75, (box[3] - box[1]) * 0.1)
    return (box[0] + dx, box[1] + dy, box[2] - dx, box[3] - dy)


def meets(ink: Ink, box: Box) -> bool:
    """Does what is painted reach into *box*?"""
    if ink.kind == "line" and ink.points and not ink.curved:
        half = ink.width / 2
        return any(
            overlaps(_line_box(one, other, half), box)
            for one, other in (*pairwise((*ink.points, ink.points[0])), *ink.closings)
        )
    return overlaps(ink.box, box)


def _line_box(one: tuple[float, float], other: tuple[float, float], half: float) -> Box:
    xs, ys = sorted((one[0], other[0])), sorted((one[1], other[1]))
    return (xs[0] - half, ys[0] - half, xs[1] + half, ys[1] + half)
