"""Where a content stream puts ink, and what its text says, without rendering it.

    read_look(widget, state)    what one appearance of an annotation paints
    read_page(page, view)       what the content of a page paints

Each piece of ink is a box in the page's default user space, with its colour and, for text in a font
whose look is known, what it says. Whatever cannot be followed is named in :attr:`Painted.strange`:
it might paint anything, or hide what is listed. All operators are followed in one place, because
each of them changes the state that the others paint under.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pyhanko.pdf_utils import generic

from crypto import deadline
from crypto.frozen import frozen
from crypto.pdf.changes.colours import Colour, colour_of, parts_of, redefines_devices
from crypto.pdf.changes.fonts import UNKNOWN_FONT, Font, Fonts
from crypto.pdf.marks.appearance import ELSEWHERE, fitted
from crypto.pdf.marks.visible_part import Matrix, product
from crypto.pdf.reading.access import entry, follow, items_of
from crypto.pdf.reading.content import AppearanceError, operators
from crypto.pdf.reading.document import MAX_TREE_DEPTH

Box = tuple[float, float, float, float]
"""Left, bottom, right, top."""
Point = tuple[float, float]

NOWHERE: Box = (0.0, 0.0, 0.0, 0.0)
WHITE = 0.985
"""A colour all of whose parts are at least this leaves paper white."""

_MAX_CONTENT = 8 << 20
MAX_OPERATORS = 400_000
"""Followed in one content; six seconds of a slow machine."""
_MAX_DEPTH = 12
_MAX_FORMS = 2000
_MAX_INKS = 100_000
_MAX_POINTS = 512
SAME_OPACITY = 0.02
_LARGEST = 1e9
"""Of the numbers of a form: renderers read a larger one as another."""
_PLAIN: Matrix = (1, 0, 0, 1, 0, 0)
_EVERYWHERE: Box = (-1e6, -1e6, 1e6, 1e6)
_FAINT = 0.6
_TIGHTEST, _LOOSEST = -0.15, 2.0
"""Of the font size: how far a glyph may be moved from where it would follow the one before."""
_NARROWEST, _WIDEST = 100.0, 1600.0
"""Thousandths of the font size: the advance of a glyph in a font whose look is known."""
_UNCUT, _CUT = 0.75, 0.15
"""Of text that is cut by an edge, this part of its height must be left to be read; and so much of
the font size may be missing at its ends."""
_SLOPE = 0.02
"""A line of text that rises or falls more, of its length, is not level."""
_LEAN = 0.6
"""The cosine of the angle between a line and its letters' stems; italics have 0.35 at most."""
_FILLS = {"f": 1, "F": 1, "f*": 1, "B": 3, "B*": 3, "b": 3, "b*": 3, "S": 2, "s": 2}
"""1: fills, 2: strokes, 3: both."""
_CLOSE = frozenset(("b", "b*", "s"))
_POINTS = {"m": 1, "l": 1, "c": 3, "v": 2, "y": 2}
_TWO_BOXES = re.compile(r"(mllll?)h?(mllll?)h?")
_IGNORED = frozenset(
    ("J", "j", "M", "ri", "i", "BMC", "EMC", "MP", "DP", "BX", "EX", "d0", "d1", "W", "W*")
)
_NO_TRANSFER = ("/Default", "/Identity")


@frozen
class Ink:
    """One thing that was painted."""

    kind: str
    """text, fill, line, image or shading."""
    box: Box
    colour: Colour | None = None
    """None: it cannot be told."""
    text: str | None = None
    """What text says; None: it cannot be told."""
    points: tuple[Point, ...] = ()
    """The corners of a fill or line; none if there are too many."""
    steps: str = ""
    """The operators that led through them, m, l, c, v, y and h, a rectangle as m l l l h."""
    subpaths: int = 0
    curved: bool = False
    width: float = 0.0
    """Of a line."""
    size: float = 0.0
    """Of text: the font size on the page."""
    see_through: bool = False
    """What lies beneath stays visible."""
    level: bool = True
    """Of text: its line runs from left to right."""
    dash: float = 0.0
    """Of a line: its longest dash or gap; 0.0 for one that is drawn through."""
    gaps: float = 0.0
    """The part of a line that a pattern of dashes leaves out."""
    opacity: float = 1.0
    """0.0: nothing of it is seen."""
    source: Any = field(default=None, compare=False, repr=False)
    """Of an image or a shading: what it is made of."""

    def hides_as(self, other: Ink) -> bool:
        """Does it hide at least as much of what is beneath it as *other* would in its place?"""
        return (other.see_through or not self.see_through) and (
            self.opacity >= other.opacity - SAME_OPACITY
        )

    @property
    def is_white(self) -> bool:
        return self.colour is not None and min(self.colour) >= WHITE

    @property
    def area(self) -> float:
        """Of the polygon through its points, where it is one; square points."""
        pairs = zip(self.points, (*self.points[1:], *self.points[:1]), strict=True)
        return abs(sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in pairs)) / 2

    @property
    def is_rectangle(self) -> bool:
        """Is this one rectangle with edges along the axes, which do not cross?"""
        corners = self.points[:-1] if self.points[:1] == self.points[-1:] else self.points
        edges = zip(corners, (*corners[1:], *corners[:1]), strict=True)
        return (
            not self.curved
            and self.subpaths == 1
            and len(corners) == 4
            and len(set(corners)) == 4
            and all(
                min(abs(x - self.box[0]), abs(x - self.box[2])) < 0.02
                and min(abs(y - self.box[1]), abs(y - self.box[3])) < 0.02
                for x, y in corners
            )
            and all(min(abs(x - u), abs(y - v)) < 0.02 for (x, y), (u, v) in edges)
        )

    @property
    def closings(self) -> list[tuple[Point, Point]]:
        """The lines that close its parts, from the last corner to the first."""
        found, at, start = [], -1, 0
        for step in self.steps:
            if step == "h":
                if self.points[at] != self.points[start]:
                    found.append((self.points[at], self.points[start]))
                continue
            at += _POINTS[step]
            start = at if step == "m" else start
        return found


@dataclass
class Painted:
    """All that was painted, in order."""

    inks: list[Ink] = field(default_factory=list)
    strange: set[str] = field(default_factory=set)
    """layer, mask, faint, blend, font (one that the stream itself does not bring), inline image,
    clip (by anything but a rectangle), transfer, colours (that the resources give another meaning),
    overprint (white hides nothing where viewers heed it), stack (states saved and restored in a way
    that viewers take differently), box (a form without one, or one without area, which most viewers
    do not draw, or of numbers that they read otherwise), resources (a nested form without its own:
    some viewers take those of the form around it, others those of the page), outside (a stream
    whose data is elsewhere, or that only some viewers decode), unknown"""
    profiled: bool = False
    """Colours of a profile or a calibration were chosen, which may show any as any other."""
    operators: int = 0
    """How many were followed."""


class _State(NamedTuple):
    """What holds for the next operator. A tuple: each page changes it some hundred times, and a
    dataclass takes five times as long for that."""

    matrix: Matrix
    clip: Box
    ragged: bool = False
    """Less than all within *clip* may be shown."""
    fill: Colour | None = (0.0, 0.0, 0.0)
    stroke: Colour | None = (0.0, 0.0, 0.0)
    fill_parts: int = 1
    stroke_parts: int = 1
    width: float = 1.0
    dash: float = 0.0
    gaps: float = 0.0
    see_through: bool = False
    isolated: bool = False
    opacity: float = 1.0
    stroke_opacity: float = 1.0
    around: float = 1.0
    """The opacity of the form that this is in: those of nested forms are multiplied."""
    font: Font = UNKNOWN_FONT
    size: float = 0.0
    spacing: float = 0.0
    word_spacing: float = 0.0
    stretch: float = 1.0
    leading: float = 0.0
    rise: float = 0.0
    mode: int = 0


def overlaps(one: Box, other: Box, slack: float = 0.0) -> bool:
    """Do the boxes share more than *slack* each way?"""
    return (
        min(one[2], other[2]) - max(one[0], other[0]) > slack
        and min(one[3], other[3]) - max(one[1], other[1]) > slack
    )


def holds(outer: Box, inner: Box, slack: float = 0.5) -> bool:
    """Does *inner* lie within *outer*?"""
    return (
        outer[0] - slack <= inner[0]
        and outer[1] - slack <= inner[1]
        and inner[2] <= outer[2] + slack
        and inner[3] <= outer[3] + slack
    )


def read_look(
    widget: generic.DictionaryObject, form: Any, fonts: Fonts | None = None, rotation: int = 0
) -> Painted:
    """What *form*, an appearance stream of *widget* or None, paints on the page. *fonts* are those
    of the document that were read before; *rotation*: by which the page is shown turned, clockwise,
    degrees.

    Raises :class:`AppearanceError` and what pyHanko raises on damaged objects."""
    painted = Painted()
    if "/OC" in widget:
        painted.strange.add("layer")
    opacity = min(1.0, *(float(entry(widget, key, 1)) for key in ("/ca", "/CA")))
    if opacity < _FAINT:
        painted.strange.add("faint")
    if entry(widget, "/BM", "/Normal") not in ("/Normal", "/Compatible", "/Multiply"):
        painted.strange.add("blend")
    if isinstance(form, generic.StreamObject):
        reader = _Reader(painted, fonts, rotation=rotation)
        reader.form(form, _State(fitted(widget, form), _EVERYWHERE, opacity=opacity), None, 0)
    return painted


def read_page(
    page: generic.DictionaryObject, fonts: Fonts | None = None, most: int = MAX_OPERATORS
) -> Painted:
    """What the content of the page dictionary *page* paints, in *most* operators, as
    :func:`read_look`."""
    painted = Painted()
    contents = entry(page, "/Contents")
    streams = contents if isinstance(contents, generic.ArrayObject) else [contents]
    parts = [
        stream.data for stream in map(follow, streams) if isinstance(stream, generic.StreamObject)
    ]
    resources: Any = None
    node: Any = page
    for _ in range(MAX_TREE_DEPTH):
        if not isinstance(node, generic.DictionaryObject) or resources is not None:
            break
        resources, node = entry(node, "/Resources"), entry(node, "/Parent")
    reader = _Reader(painted, fonts, most)
    reader.page(b"\n".join(parts), resources)
    return painted


class _Reader:
    """Follows content streams and notes their ink in *painted*."""

    def __init__(
        self,
        painted: Painted,
        fonts: Fonts | None,
        most: int = MAX_OPERATORS,
        *,
        rotation: int = 0,
    ) -> None:
        self._painted, self._most, self._rotation = painted, most, rotation
        self._forms = self._bytes = 0
        self._of_page: Any = None
        """The resources of the page whose content is read."""
        self._fonts = fonts or Fonts()

    def page(self, data: bytes, resources: Any) -> None:
        """The content of a page with these *resources*."""
        self._of_page = resources
        self.content(data, _State(_PLAIN, _EVERYWHERE), resources, 0)

    def form(self, form: generic.StreamObject, state: _State, inherited: Any, depth: int) -> None:
        """A form XObject drawn under *state*."""
        self._forms += 1
        if self._forms > _MAX_FORMS or depth > _MAX_DEPTH:
            raise AppearanceError("too many objects are nested")
        if "/OC" in form:
            self._painted.strange.add("layer")
        group = entry(form, "/Group")
        alone = isinstance(group, generic.DictionaryObject) and bool(entry(group, "/I", False))
        raw = entry(form, "/Matrix")
        matrix = _numbers(list(raw)) if isinstance(raw, generic.ArrayObject) else _PLAIN
        corners = [float(follow(edge)) for edge in entry(form, "/BBox", ())]
        if max(map(abs, (*corners, *matrix))) > _LARGEST:
            self._painted.strange.add("box")
        matrix = product(matrix, state.matrix)
        clip = state.clip
        filters = entry(form, "/Filter")
        listed = items_of(filters) if isinstance(filters, generic.ArrayObject) else [filters]
        if ELSEWHERE & set(form) or "/Crypt" in map(follow, listed):
            self._painted.strange.add("outside")
        if depth and "/Resources" not in form and inherited is not self._of_page:
            self._painted.strange.add("resources")
        if len(corners) != 4 or corners[0] == corners[2] or corners[1] == corners[3]:
            self._painted.strange.add("box")
        else:
            clip = _common(clip, _hull(_corners(corners, matrix)))
        state = state._replace(matrix=matrix, clip=clip, isolated=state.isolated or alone)
        state = state._replace(around=state.opacity, stroke_opacity=state.opacity)
        self.content(form.data, state, entry(form, "/Resources", inherited), depth)

    def content(self, data: bytes, state: _State, resources: Any, depth: int) -> None:
        self._bytes += len(data)
        if self._bytes > _MAX_CONTENT:
            raise AppearanceError("the content is too long")
        if redefines_devices(resources):
            self._painted.strange.add("colours")
        saved: list[_State] = []
        path = _Path()
        clipping = in_text = False
        text = line = _PLAIN
        for name, values in operators(data):
            self._painted.operators += 1
            if self._painted.operators > self._most or len(self._painted.inks) > _MAX_INKS:
                raise AppearanceError("the content is too long")
            if not self._painted.operators % 256:
                deadline.check()
            if name in ("q", "Q") and (in_text or (name == "Q" and not saved)):
                # some restore the place of the text as well, and some what was before the stream
                self._painted.strange.add("stack")
            match name:
                case "q":
                    saved.append(state)
                case "Q":
                    state = saved.pop() if saved else state
                case "cm":
                    state = state._replace(matrix=product(_numbers(values), state.matrix))
                case "w":
                    state = state._replace(width=_number(values))
                case "d":
                    state = _dashed(state, values[:-1])
                case "gs":
                    state = self._graphics_state(_named(resources, "/ExtGState", values), state)
                case "m" | "l" | "c" | "v" | "y" | "re" | "h":
                    path.add(name, values, state.matrix)
                case "W" | "W*":
                    clipping = True
                case "n" | "f" | "F" | "f*" | "B" | "B*" | "b" | "b*" | "S" | "s":
                    if name in _CLOSE:
                        path.add("h", [], state.matrix)
                    if frame := _frame_of(path, name):
                        for side in frame:
                            self._paint(side, 1, state)
                    else:
                        self._paint(path, _FILLS.get(name, 0), state)
                    if clipping:
                        state = _clipped(state, path)
                    path, clipping = _Path(), False
                case "BT":
                    text = line = _PLAIN
                    in_text = True
                case "ET":
                    in_text = False
                case "Tf" if len(values) == 2:
                    font = self._font(_named(resources, "/Font", values[:1]))
                    size = _number(values[-1:])
                    state = state._replace(font=font, size=size)
                case "Tc":
                    state = state._replace(spacing=_number(values))
                case "Tw":
                    state = state._replace(word_spacing=_number(values))
                case "Tz":
                    state = state._replace(stretch=_number(values) / 100)
                case "TL":
                    state = state._replace(leading=_number(values))
                case "Ts":
                    state = state._replace(rise=_number(values))
                case "Tr":
                    state = state._replace(mode=int(_number(values)))
                case "Tm":
                    text = line = _numbers(values)
                case "Td" | "TD":
                    x, y = (_number([value]) for value in values)
                    state = state._replace(leading=-y) if name == "TD" else state
                    text = line = product((1, 0, 0, 1, x, y), line)
                case "T*":
                    text = line = product((1, 0, 0, 1, 0, -state.leading), line)
                case "Tj" | "TJ" if _is_shown_text(name, values):
                    text = self._show(values, state, text)
                case "'" | '"' if _is_shown_text(name, values):
                    if name == '"':
                        word, letter = _number(values[:1]), _number(values[1:2])
                        state = state._replace(word_spacing=word, spacing=letter)
                    line = product((1, 0, 0, 1, 0, -state.leading), line)
                    text = self._show(values[-1:], state, line)
                case "Do":
                    drawn = _named(resources, "/XObject", values)
                    self._draw(drawn, state, resources, depth)
                case "sh":
                    shading = _named(resources, "/Shading", values)
                    through, opacity = state.see_through, state.opacity
                    ink = Ink(
                        "shading", state.clip, see_through=through, opacity=opacity, source=shading
                    )
                    self._add(ink, state)
                case "BDC":
                    if values and values[0] == "/OC":
                        self._painted.strange.add("layer")
                case "BI":
                    self._painted.strange.add("inline image")
                case _:
                    if name in ("cs", "CS") and values not in _DEVICES:
                        self._painted.profiled = True
                    coloured = _with_colour(name, values, state, resources)
                    if coloured is not None:
                        state = coloured
                    elif name not in _IGNORED:
                        self._painted.strange.add("unknown")

    def _add(self, ink: Ink, state: _State) -> None:
        if ink.box[0] < ink.box[2] and ink.box[1] < ink.box[3]:
            self._painted.inks.append(ink)
            if state.ragged:
                self._painted.strange.add("clip")

    def _paint(self, path: _Path, how: int, state: _State) -> None:
        if not path.points:
            return
        hull = _hull(path.points)
        few = len(path.points) <= _MAX_POINTS
        points, steps = (tuple(path.points), path.steps) if few else ((), "")
        shape = (points, steps, path.subpaths, path.curved)
        if how & 1:
            # a filled line without any width is drawn as a hair line
            box = _common(_widened(hull, 0.01), state.clip)
            through, opacity = state.see_through, state.opacity
            ink = Ink("fill", box, state.fill, None, *shape, see_through=through, opacity=opacity)
            self._add(ink, state)
        if how & 2:
            a, b, c, d, _, _ = state.matrix
            width = max(0.1, state.width * max(math.hypot(a, b), math.hypot(c, d)))
            box = _common(_widened(hull, width / 2), state.clip)
            dash = state.dash * max(math.hypot(a, b), math.hypot(c, d))
            ink = Ink(
                "line", box, state.stroke, None, *shape, width,
                see_through=state.see_through, dash=dash, gaps=state.gaps,
                opacity=state.stroke_opacity,
            )  # fmt: skip
            self._add(ink, state)

    def _font(self, node: Any) -> Font:
        if node is None:
            self._painted.strange.add("font")
            return UNKNOWN_FONT
        return self._fonts.read(node)

    def _show(self, values: list[Any], state: _State, text: Matrix) -> Matrix:
        """Show strings; returns the text matrix behind them."""
        font, size = state.font, state.size
        start, along, said, regular = text, 0.0, "", True
        moved = 0.0  # since the last glyph
        stretch = 1.0 if font.down else state.stretch
        for value in values:
            if isinstance(value, float):
                along -= value / 1000 * size * stretch
                moved -= value / 1000
                regular = regular and _TIGHTEST <= moved <= _LOOSEST
            elif isinstance(value, bytes):
                moved = 0.0 if value else moved
                part = font.text(value)
                regular = regular and part is not None
                said += part or ""
                # glyphs that stand on each other can be read as another
                regular = regular and not font.is_crowded(value)
                for width, is_space in font.advances(value):
                    regular = regular and _NARROWEST <= width <= _WIDEST
                    step = (font.down or width) / 1000 * size + state.spacing
                    step += state.word_spacing if is_space else 0.0
                    along += step * stretch
        for apart in (state.spacing, state.spacing + state.word_spacing):
            if size and not _TIGHTEST <= apart / abs(size) <= _LOOSEST:
                regular = False
        low, high = font.height
        under = product(start, state.matrix)
        corners = [min(0.0, along), low * size + state.rise, max(0.0, along), high * size]
        corners[3] += state.rise
        if font.down:
            edge = max(font.down, font.default_width) / 1000 * abs(size)
            corners = [-edge, min(0.0, -along) - edge, edge, max(0.0, -along) + edge]
        whole = _hull(_corners(corners, under))
        box = _common(whole, state.clip)
        a, b, c, d, _, _ = under
        regular = regular and _is_whole(box, whole, abs(a) >= abs(b), abs(size) * math.hypot(c, d))
        upright = (
            size > 0 and state.stretch > 0.3 and _is_readable(under, self._rotation) and along >= 0
        )
        mode = state.mode
        if mode >= 4:
            self._painted.strange.add("clip")  # of what comes after, also if nothing is shown
        if mode in (3, 7) and (said or values):
            regular, box = False, box if mode == 7 else NOWHERE
        is_legible = regular and upright and mode == 0 and not font.own_shapes
        colour = state.fill if mode in (0, 2, 4, 6) else state.stroke
        if along or values:
            height = abs(size) * math.hypot(c, d)
            width = state.width * math.hypot(a, b) if mode in (1, 2, 5, 6) else 0.0
            self._add(
                Ink(
                    "text", _widened(box, width / 2), colour, said if is_legible else None,
                    width=width, size=height, see_through=state.see_through,
                    opacity=state.stroke_opacity if mode == 1 else state.opacity,
                    level=a > 0 and abs(b) <= _SLOPE * a,
                ),
                state,
            )  # fmt: skip
        return product((1, 0, 0, 1, 0, -along) if font.down else (1, 0, 0, 1, along, 0), text)

    def _draw(self, drawn: Any, state: _State, resources: Any, depth: int) -> None:
        if not isinstance(drawn, generic.StreamObject):
            self._painted.strange.add("unknown")
        elif entry(drawn, "/Subtype") == "/Form":
            self.form(drawn, state, resources, depth + 1)
        elif entry(drawn, "/Subtype") == "/Image":
            if "/OC" in drawn:
                self._painted.strange.add("layer")
            box = _common(_hull(_corners((0, 0, 1, 1), state.matrix)), state.clip)
            through, opacity = state.see_through, state.opacity
            self._add(Ink("image", box, see_through=through, opacity=opacity, source=drawn), state)
        else:
            self._painted.strange.add("unknown")

    def _graphics_state(self, parameters: Any, state: _State) -> _State:
        if not isinstance(parameters, generic.DictionaryObject):
            self._painted.strange.add("unknown")
            return state
        if entry(parameters, "/SMask", "/None") != "/None":
            self._painted.strange.add("mask")
        if "/Font" in parameters:
            self._painted.strange.add("unknown")
        screen = entry(parameters, "/HT")  # it may have a transfer function of its own
        if isinstance(screen, generic.DictionaryObject) or any(
            entry(parameters, key, "/Default") not in _NO_TRANSFER for key in ("/TR", "/TR2")
        ):
            self._painted.strange.add("transfer")
        if any(bool(entry(parameters, key, False)) for key in ("/OP", "/op")):
            self._painted.strange.add("overprint")
        if "/LW" in parameters:
            state = state._replace(width=float(entry(parameters, "/LW")))
        if "/D" in parameters:
            pattern = entry(parameters, "/D")
            parts = items_of(follow(pattern[0])) if isinstance(pattern, list) and pattern else []
            state = _dashed(state, list(map(follow, parts)))
        if min(float(entry(parameters, key, 1)) for key in ("/ca", "/CA")) < _FAINT:
            self._painted.strange.add("faint")
        if "/ca" in parameters:
            opacity = state.around * min(1.0, float(entry(parameters, "/ca")))
            state = state._replace(opacity=opacity)
        if "/CA" in parameters:
            opacity = state.around * min(1.0, float(entry(parameters, "/CA")))
            state = state._replace(stroke_opacity=opacity)
        blend = entry(parameters, "/BM")
        if isinstance(blend, generic.ArrayObject) and blend:
            blend = follow(blend[0])
        if blend is None:
            return state
        if blend not in ("/Normal", "/Compatible", "/Multiply", "/Darken"):
            self._painted.strange.add("blend")
        through = blend in ("/Multiply", "/Darken") and not state.isolated
        return state._replace(see_through=through)


@dataclass
class _Path:
    """The path under construction, in default user space."""

    points: list[Point] = field(default_factory=list)
    steps: str = ""
    subpaths: int = 0
    curved: bool = False
    start: int = 0
    """At which point the last part begins."""

    def add(self, name: str, values: list[Any], under: Matrix) -> None:
        if name == "h":
            if self.steps[-1:] not in ("", "h"):
                self.steps += "h"
            return
        numbers = [_number([value]) for value in values]
        if name == "re":
            x, y, width, height = numbers
            self.subpaths += 1
            self.steps += "mlllh"
            self.start = len(self.points)
            self.points += [
                _moved(each, under)
                for each in ((x, y), (x + width, y), (x + width, y + height), (x, y + height))
            ]
        else:
            if name == "m":
                self.subpaths += 1
                self.start = len(self.points)
            elif self.steps[-1:] == "h":  # it goes on from where the part before began
                self.subpaths += 1
                self.steps += "m"
                self.points.append(self.points[self.start])
                self.start = len(self.points) - 1
            self.curved = self.curved or name in "cvy"
            self.steps += name
            pairs = zip(numbers[::2], numbers[1::2], strict=True)
            self.points += [_moved(pair, under) for pair in pairs]


def _frame_of(path: _Path, operator: str) -> list[_Path]:
    """The four sides of a frame that is filled between two rectangles, as browsers draw borders;
    none where it is not one, or where the inner rectangle would be filled as well."""
    half = len(path.points) // 2
    if operator not in ("f*", "f", "F") or path.subpaths != 2 or len(path.points) not in (8, 10):
        return []
    boxes = _TWO_BOXES.fullmatch(path.steps)
    if not boxes or len(boxes[1]) != len(boxes[2]):
        return []
    shapes = [
        Ink("fill", _hull(points), None, None, tuple(points), subpaths=1)
        for points in (path.points[:half], path.points[half:])
    ]
    turns = {_turns_left(each.points) for each in shapes}
    if not all(each.is_rectangle for each in shapes) or (operator != "f*" and len(turns) == 1):
        return []
    inner, outer = sorted((each.box for each in shapes), key=lambda box: box[2] - box[0])
    if not holds(outer, inner, 0.0):
        return []
    (left, bottom, right, top), (x0, y0, x1, y1) = outer, inner
    sides = (
        (left, bottom, x0, top),
        (x1, bottom, right, top),
        (x0, bottom, x1, y0),
        (x0, y1, x1, top),
    )
    corners = [[(a, b), (c, b), (c, d), (a, d)] for a, b, c, d in sides]
    return [_Path(each, "mlllh", 1) for each in corners]


def _turns_left(points: tuple[Point, ...]) -> bool:
    (x0, y0), (x1, y1), (x2, y2) = points[:3]
    return (x1 - x0) * (y2 - y1) > (y1 - y0) * (x2 - x1)


def _clipped(state: _State, path: _Path) -> _State:
    hull = _hull(path.points)
    points, parts = tuple(path.points), path.subpaths
    shape = Ink("clip", hull, None, None, points, subpaths=parts, curved=path.curved)
    ragged = state.ragged or not shape.is_rectangle
    return state._replace(clip=_common(state.clip, hull), ragged=ragged)


def _is_whole(box: Box, whole: Box, lies: bool, size: float) -> bool:
    """Can text be read of whose place *whole* an edge left *box*? *lies*: its line is level."""
    shown, full = (
        (each[2] - each[0], each[3] - each[1]) if lies else (each[3] - each[1], each[2] - each[0])
        for each in (box, whole)
    )
    return full[0] - shown[0] <= _CUT * size and shown[1] >= _UNCUT * full[1]


def _is_readable(under: Matrix, rotation: int) -> bool:
    """Is text neither mirrored nor upside down, nor leaning so far that it cannot be read, on a
    page that is shown turned by *rotation*?"""
    a, b, c, d, _, _ = under
    along, up = math.hypot(a, b), math.hypot(c, d)
    if not along or not up or a * d - b * c <= 0:
        return False
    shown = {90: b, 180: -a, 270: -b}.get(rotation % 360, a)
    return shown / along > -0.5 and abs(a * c + b * d) <= _LEAN * along * up


def _moved(point: Point, under: Matrix) -> Point:
    (x, y), (a, b, c, d, e, f) = point, under
    found = (a * x + c * y + e, b * x + d * y + f)
    if not all(map(math.isfinite, found)):
        raise AppearanceError("a number beyond all bounds")
    return found


def _corners(box: Any, under: Matrix) -> list[Point]:
    left, bottom, right, top = box
    return [_moved((x, y), under) for x in (left, right) for y in (bottom, top)]


def _hull(points: list[Point]) -> Box:
    if not points:
        return NOWHERE
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return (min(xs), min(ys), max(xs), max(ys))


def _common(one: Box, other: Box) -> Box:
    left, bottom = max(one[0], other[0]), max(one[1], other[1])
    return (left, bottom, max(left, min(one[2], other[2])), max(bottom, min(one[3], other[3])))


def _widened(box: Box, by: float) -> Box:
    return (box[0] - by, box[1] - by, box[2] + by, box[3] + by)


_OF_TEXT = {"Tj": (bytes,), "'": (bytes,), '"': (float, float, bytes)}


def _is_shown_text(name: str, values: list[Any]) -> bool:
    """Has an operator that shows text the operands that it takes? Of more, viewers take the first
    or the last."""
    if name == "TJ":
        return (
            len(values) >= 2
            and values[0] is None
            and values[-1] is None
            and all(isinstance(value, bytes | float) for value in values[1:-1])
        )
    return tuple(map(type, values)) == _OF_TEXT[name]


def _named(resources: Any, category: str, values: list[Any]) -> Any:
    listed = entry(resources, category) if isinstance(resources, generic.DictionaryObject) else None
    if not isinstance(listed, generic.DictionaryObject) or not values:
        return None
    return entry(listed, values[0]) if isinstance(values[0], str) else None


def _number(values: list[Any]) -> float:
    if len(values) != 1 or not isinstance(values[0], float):
        raise AppearanceError("not a number")
    return values[0]


def _dashed(state: _State, pattern: list[Any]) -> _State:
    """*pattern*: an array as :func:`operators` gives it, or its items alone."""
    lengths = [float(each) for each in pattern if each is not None]
    whole = sum(lengths)
    if len(lengths) % 2:
        lengths *= 2  # what is drawn and what is left out change places each time
        whole *= 2
    gaps = sum(lengths[1::2]) / whole if whole > 0 else 0.0
    return state._replace(dash=max(lengths, default=0.0), gaps=gaps)


def _numbers(values: list[Any]) -> Matrix:
    if len(values) != 6:
        raise AppearanceError("not a matrix")
    a, b, c, d, e, f = (float(follow(value)) for value in values)
    return (a, b, c, d, e, f)


# --- colours -----------------------------------------------------------------------------------

_DEVICES = (["/DeviceGray"], ["/DeviceRGB"], ["/DeviceCMYK"])
_SETS = {"g": 1, "rg": 3, "k": 4, "G": 1, "RG": 3, "K": 4}


def _with_colour(name: str, values: list[Any], state: _State, resources: Any) -> _State | None:
    """*state* after an operator that sets a colour or its space; None if it is another."""
    strokes = name.isupper()
    if name in _SETS:
        found = colour_of(values, _SETS[name])
        if strokes:
            return state._replace(stroke=found, stroke_parts=_SETS[name])
        return state._replace(fill=found, fill_parts=_SETS[name])
    if name in ("cs", "CS"):
        parts = parts_of(*_space(values, resources))
        black: Colour | None = (0.0, 0.0, 0.0) if parts else None
        if strokes:
            return state._replace(stroke=black, stroke_parts=parts)
        return state._replace(fill=black, fill_parts=parts)
    if name in ("sc", "scn"):
        return state._replace(fill=colour_of(values, state.fill_parts))
    if name in ("SC", "SCN"):
        return state._replace(stroke=colour_of(values, state.stroke_parts))
    return None


def _space(values: list[Any], resources: Any) -> tuple[Any, Any]:
    """The name of a colour space and what the resources say it is."""
    name = values[0] if values else None
    return name, _named(resources, "/ColorSpace", [name])
