"""What a widget's appearance draws on the page, without rendering it.

A mark may be believed only if it draws the seal's picture and nothing else. So the few operators
that place a picture are followed (q Q cm gs Do), the ones that only set something up are passed
over, and everything that puts ink on paper by another way is named in :attr:`Drawing.other`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pyhanko.pdf_utils import generic

from crypto import deadline
from crypto.frozen import frozen
from crypto.lengths import MM
from crypto.pdf.marks.visible_part import WHOLE, Matrix, Part, product, rectangle, visible_part
from crypto.pdf.reading.access import entry, follow
from crypto.pdf.reading.content import (
    FILLS,
    MAX_OPERATORS,
    STROKES,
    AppearanceError,
    operators,
)
from crypto.pdf.reading.page import Page

HIDDEN, PRINT, NO_ROTATE, NO_VIEW = 2, 4, 16, 32
"""Annotation flags, ISO 32000-1 table 165."""
OF_THE_VIEW = 8 | NO_ROTATE | 256
"""NoZoom, NoRotate, ToggleNoView: as large at every zoom, upright on a page that is turned, hidden
while the mouse is over it. What such a look covers, or says, depends on the view."""

UPRIGHT: Mapping[int, Matrix] = {
    0: (1, 0, 0, 1, 0, 0),
    90: (0, 1, -1, 0, 0, 0),
    180: (-1, 0, 0, -1, 0, 0),
    270: (0, -1, 1, 0, 0, 0),
}
"""By a page's rotation. An annotation is drawn in the page's own space and turned with the page:
turned back by the same angle (counter-clockwise), a mark stands upright. The viewer fits the result
into /Rect."""

_MAX_STREAMS = 32
_MAX_DEPTH = 8
_MAX_CONTENT = 1 << 20
_BLENDS_THROUGH = ("/Multiply", "/Darken")
_BLENDS_PLAINLY = ("/Normal", "/Compatible")
_TRANSFERS = ("/TR", "/TR2", "/HT", "/BG", "/BG2", "/UCR", "/UCR2")
"""Entries of a graphics state that can show any colour as any other."""
_PLAIN = ("/Default", "/Identity")
_FAINT = 0.3
_FARTHEST, _SMALLEST = 1e5, 1e-12
"""Of coordinates, in points, and of areas: beyond them viewers that calculate with few digits, or
in whole numbers, put things elsewhere."""
_MAX_CLIPS = 100
_LEAN = 0.02

_PAINTS = {
    **dict.fromkeys(STROKES, "line"),
    **dict.fromkeys(FILLS, "fill"),  # also of those that do both
    **dict.fromkeys(("Tj", "TJ", "'", '"'), "text"),
    "sh": "shading",
    "BI": "inline image",
}
ELSEWHERE = frozenset(("/F", "/Ref", "/OPI", "/PS", "/Subtype2"))
"""Entries of a form or a picture by which some viewers or printers show something else instead."""
_PATHS = frozenset(("re", "m", "l", "c", "v", "y", "h"))
_CLIPS = frozenset(("W", "W*"))
_HARMLESS = frozenset(
    [
        "w",
        "J",
        "j",
        "M",
        "d",
        "ri",
        "i",
        "g",
        "G",
        "rg",
        "RG",
        "k",
        "K",
        "cs",
        "CS",
        "sc",
        "SC",
        "scn",
        "SCN",
        "BT",
        "ET",
        "T*",
        "Td",
        "TD",
        "Tm",
        "Tc",
        "Tw",
        "Tz",
        "TL",
        "Tf",
        "Tr",
        "Ts",
        "BMC",
        "EMC",
        "MP",
        "DP",
        "BX",
        "EX",
        "d0",
        "d1",
    ]
)


@frozen
class Picture:
    """One image as it is drawn."""

    image: generic.StreamObject
    width_mm: float
    """Of the whole image on paper, whatever part of it a clip leaves visible."""
    height_mm: float
    see_through: bool
    """Multiplied onto the page: what is beneath it stays visible."""
    place: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    """Left, bottom, right, top of the whole image, in the page's default user space."""
    part: Part | None = WHOLE
    """What the clips, the boxes of forms and the page's edge leave visible of it; None: that is
    not known."""
    angle: float = 0.0
    """By which it is turned counter-clockwise in the page's default user space, degrees."""


@dataclass
class Drawing:
    """All that an appearance puts on the page."""

    pictures: list[Picture] = field(default_factory=list)
    other: set[str] = field(default_factory=set)
    """What else it draws: fill, line, text, shading, inline image, layer, mask, clip (other than to
    one rectangle), faint, rollover, background (of a widget without an appearance), mirrored or
    leaning picture, outside (something for which some viewers or printers show something else),
    resources (that a nested form does not bring itself), unknown."""
    in_states: bool = False
    """There is an appearance for each of several states, of which a viewer shows one or none."""

    @property
    def empty(self) -> bool:
        return not self.pictures and not self.other


def drawing_of(widget: generic.DictionaryObject, page: Page | None = None) -> Drawing:
    """What the appearances of *widget* draw, whatever its flags and wherever it stands.

    *page* measures the pictures, and cuts them at its edge. Raises :class:`AppearanceError` and
    what pyHanko raises on damaged streams."""
    found = Drawing()
    appearances = entry(widget, "/AP")
    if not isinstance(appearances, generic.DictionaryObject):
        appearances = generic.DictionaryObject()
    follower = _Follower(found, page.unit if page else 1.0)
    edge = (_within(page.box, UPRIGHT[0]),) if page else ()
    look = entry(appearances, "/N")
    normal = list(states(look))
    found.in_states = bool(normal) and normal[0] is not look
    characteristics = entry(widget, "/MK")
    if not normal and any(entry(characteristics or {}, key) for key in ("/BG", "/BC")):
        found.other.add("background")  # viewers then draw the widget's ground and border themselves
    # opacity of the annotation itself, which PDF 2.0 knows and older viewers do not
    opacity = min(1.0, *(float(entry(widget, key, 1)) for key in ("/ca", "/CA")))
    if opacity < _FAINT:
        found.other.add("faint")
    for form in normal:
        follower.form(form, _State(fitted(widget, form), edge, opacity=opacity), {}, 0)
    for key in ("/R", "/D"):  # shown while the mouse is over it, or presses it
        for form in states(entry(appearances, key)):
            if form.data.strip() and form is not entry(appearances, "/N"):
                found.other.add("rollover")
    if "/OC" in widget:
        found.other.add("layer")
    if entry(widget, "/BM", "/Normal") not in (*_BLENDS_THROUGH, *_BLENDS_PLAINLY):
        found.other.add("unknown")
    return found


def share_shown(widget: generic.DictionaryObject, page: Page) -> float:
    """How much of this widget would *page* show, on screen or on paper, 0 to 1? None of it if a
    flag hides it."""
    flags = int(entry(widget, "/F", 0))
    if flags & HIDDEN or (flags & NO_VIEW and not flags & PRINT):
        return 0.0
    left, bottom, right, top = box(widget)
    width = min(right, page.box[2]) - max(left, page.box[0])
    height = min(top, page.box[3]) - max(bottom, page.box[1])
    whole = (right - left) * (top - bottom)
    return width * height / whole if width > 0 and height > 0 and whole > 0 else 0.0


def box(widget: generic.DictionaryObject) -> tuple[float, float, float, float]:
    """/Rect with its corners in order; all zero if there is none."""
    raw = entry(widget, "/Rect")
    if not isinstance(raw, generic.ArrayObject) or len(raw) != 4:
        return (0.0, 0.0, 0.0, 0.0)
    x0, y0, x1, y1 = (float(follow(edge)) for edge in raw)
    return (min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))


def has_area(widget: generic.DictionaryObject) -> bool:
    """Is its /Rect more than a point?"""
    left, bottom, right, top = box(widget)
    return right > left and top > bottom


def states(appearance: Any) -> Iterator[generic.StreamObject]:
    """The stream itself, or one for each state of a dictionary of states."""
    if isinstance(appearance, generic.StreamObject):
        yield appearance
    elif isinstance(appearance, generic.DictionaryObject):
        for key in appearance:
            state = follow(appearance.raw_get(key))
            if isinstance(state, generic.StreamObject):
                yield state


def fitted(widget: generic.DictionaryObject, form: generic.StreamObject) -> Matrix:
    """The matrix A that fits the form's transformed box into /Rect (ISO 32000-1 §12.5.5)."""
    corners = [float(follow(edge)) for edge in entry(form, "/BBox", ())]
    if len(corners) != 4 or not has_area(widget):
        return (1, 0, 0, 1, 0, 0)
    matrix = _matrix(entry(form, "/Matrix"))
    xs, ys = [], []
    for x in (corners[0], corners[2]):
        for y in (corners[1], corners[3]):
            xs.append(matrix[0] * x + matrix[2] * y + matrix[4])
            ys.append(matrix[1] * x + matrix[3] * y + matrix[5])
    width, height = max(xs) - min(xs), max(ys) - min(ys)
    if width <= 0 or height <= 0:
        return (1, 0, 0, 1, 0, 0)
    left, bottom, right, top = box(widget)
    scale_x, scale_y = (right - left) / width, (top - bottom) / height
    return (scale_x, 0, 0, scale_y, left - min(xs) * scale_x, bottom - min(ys) * scale_y)


@frozen
class _State:
    """The part of the graphics state that matters here."""

    matrix: Matrix
    clips: tuple[Matrix, ...] | None = ()
    """All that cut what is drawn; None if one of them is not followed."""
    see_through: bool = False
    isolated: bool = False
    """Inside a group that does not see the page: what is multiplied there is not multiplied onto
    the page."""
    opacity: float = 1.0
    around: float = 1.0
    """The opacity of the form that this is in: those of nested groups are multiplied."""


class _Follower:
    """Walks through content streams and notes what they draw in *found*."""

    def __init__(self, found: Drawing, unit: float) -> None:
        self._found, self._unit = found, unit
        self._streams = self._operators = 0

    def form(self, form: generic.StreamObject, state: _State, inherited: Any, depth: int) -> None:
        """Follow a form XObject drawn under *state*."""
        self._streams += 1
        if self._streams > _MAX_STREAMS or depth > _MAX_DEPTH:
            raise AppearanceError("the appearance nests too many objects")
        if "/OC" in form:
            self._found.other.add("layer")
        if ELSEWHERE & set(form):
            self._found.other.add("outside")
        brings = depth == 0 or "/Resources" in form
        if len(form.data) > _MAX_CONTENT:
            raise AppearanceError("the appearance is too long")
        resources = entry(form, "/Resources", inherited)
        group = entry(form, "/Group")
        alone = isinstance(group, generic.DictionaryObject) and bool(entry(group, "/I", False))
        matrix = product(_matrix(entry(form, "/Matrix")), state.matrix)
        corners = [float(follow(edge)) for edge in entry(form, "/BBox", ())]
        clips = _with(state.clips, _within(corners, matrix) if len(corners) == 4 else None)
        isolated = state.isolated or alone
        state = replace(
            self._moved(state, matrix), clips=clips, isolated=isolated, around=state.opacity
        )
        saved: list[_State] = []
        path: list[Matrix | None] = []
        clipping = False
        for name, values in operators(form.data):
            self._operators += 1
            if self._operators > MAX_OPERATORS:
                raise AppearanceError("the appearance is too long")
            deadline.check()
            if clipping and name not in _PATHS and name not in _CLIPS and name != "n":
                self._found.other.add("clip")
            if name in ("gs", "Do") and not brings:
                # some viewers take those of the form around it, others those of the page
                self._found.other.add("resources")
            if name == "q":
                saved.append(state)
            elif name == "Q":
                state = saved.pop() if saved else state
            elif name == "cm":
                state = self._moved(state, product(_numbers(values), state.matrix))
            elif name == "gs":
                state = self._graphics_state(_resource(resources, "/ExtGState", values), state)
            elif name == "Do":
                self._draw(_resource(resources, "/XObject", values), state, resources, depth)
            elif name == "BDC":
                if values and values[0] == "/OC":
                    self._found.other.add("layer")
            elif name in _PATHS:
                path.append(_outline(values, state.matrix) if name == "re" else None)
            elif name in _CLIPS:
                clipping = True
            elif name == "n":
                if clipping:
                    if len(path) != 1 or path[0] is None:
                        # a clip of any shape could draw letters out of a seal's star
                        self._found.other.add("clip")
                    else:
                        state = replace(state, clips=_with(state.clips, path[0]))
                path, clipping = [], False
            elif name not in _HARMLESS:
                self._found.other.add(_PAINTS.get(name, "unknown"))

    def _moved(self, state: _State, matrix: Matrix) -> _State:
        a, b, c, d, _, _ = matrix
        is_flat = not (a or b) or not (c or d)  # nothing is seen of what is drawn
        is_small = abs(a * d - b * c) < _SMALLEST and not is_flat
        if is_small or not max(map(abs, matrix)) <= _FARTHEST:
            self._found.other.add("unknown")
        return replace(state, matrix=matrix)

    def _graphics_state(self, parameters: Any, state: _State) -> _State:
        if not isinstance(parameters, generic.DictionaryObject):
            self._found.other.add("unknown")
            return state
        if entry(parameters, "/SMask", "/None") != "/None":
            self._found.other.add("mask")
        if any(entry(parameters, key, "/Default") not in _PLAIN for key in _TRANSFERS):
            self._found.other.add("unknown")
        if "/ca" in parameters:
            opacity = state.around * min(1.0, float(entry(parameters, "/ca")))
            state = replace(state, opacity=opacity)
        if min(state.opacity, float(entry(parameters, "/CA", 1))) < _FAINT:
            self._found.other.add("faint")
        blend = entry(parameters, "/BM")
        if blend is None:
            return state
        # an array lists modes in order of preference: the first is what a viewer should know
        first = follow(blend[0]) if isinstance(blend, generic.ArrayObject) and blend else blend
        if first not in (*_BLENDS_THROUGH, *_BLENDS_PLAINLY):
            self._found.other.add("unknown")
        return replace(state, see_through=first in _BLENDS_THROUGH and not state.isolated)

    def _draw(self, drawn: Any, state: _State, resources: Any, depth: int) -> None:
        if not isinstance(drawn, generic.StreamObject):
            self._found.other.add("unknown")
            return
        kind = entry(drawn, "/Subtype")
        if kind == "/Form":
            self.form(drawn, state, resources, depth + 1)
            return
        if kind != "/Image":
            self._found.other.add("unknown")
            return
        if "/OC" in drawn:
            self._found.other.add("layer")
        if ELSEWHERE & set(drawn):
            self._found.other.add("outside")
        spaces = entry(resources, "/ColorSpace", {})
        if any(key in spaces for key in ("/DefaultRGB", "/DefaultGray", "/DefaultCMYK")):
            self._found.other.add("unknown")  # takes the place of the picture's own colours
        a, b, c, d, e, f = state.matrix
        scale = self._unit / MM
        place = (
            e + min(a, 0) + min(c, 0),
            f + min(b, 0) + min(d, 0),
            e + max(a, 0) + max(c, 0),
            f + max(b, 0) + max(d, 0),
        )
        size = math.hypot(a, b) * scale, math.hypot(c, d) * scale
        if not all(map(math.isfinite, size)):
            self._found.other.add("unknown")
        if a * d < b * c:
            self._found.other.add("mirrored picture")
        if abs(a * c + b * d) * scale * scale > _LEAN * size[0] * size[1]:
            self._found.other.add("leaning picture")
        part = None if state.clips is None else visible_part(state.matrix, state.clips)
        angle = math.degrees(math.atan2(b, a))
        self._found.pictures.append(Picture(drawn, *size, state.see_through, place, part, angle))
        if len(self._found.pictures) > _MAX_STREAMS:
            raise AppearanceError("the appearance draws too many pictures")


def _with(clips: tuple[Matrix, ...] | None, clip: Matrix | None) -> tuple[Matrix, ...] | None:
    """One more clip; None if it, or one before it, is not followed."""
    if clip is None or clips is None or len(clips) >= _MAX_CLIPS:
        return None
    return (*clips, clip)


def _within(box: Sequence[float], under: Matrix) -> Matrix:
    """The clip to *box*: left, bottom, right, top under a matrix."""
    left, bottom, right, top = box
    return rectangle(left, bottom, right - left, top - bottom, under)


def _outline(values: list[Any], under: Matrix) -> Matrix | None:
    """The rectangle that ``re`` draws; None if it has not its four numbers."""
    if len(values) != 4 or not all(isinstance(value, float) for value in values):
        return None
    x, y, width, height = values
    return rectangle(x, y, width, height, under)


def _resource(resources: Any, category: str, values: list[Any]) -> Any:
    listed = entry(resources, category) if isinstance(resources, generic.DictionaryObject) else None
    if not isinstance(listed, generic.DictionaryObject) or len(values) != 1:
        return None
    return entry(listed, values[0])


def _matrix(raw: Any) -> Matrix:
    return _numbers(list(raw)) if isinstance(raw, generic.ArrayObject) else (1, 0, 0, 1, 0, 0)


def _numbers(values: list[Any]) -> Matrix:
    if len(values) != 6:
        raise AppearanceError("not a matrix")
    a, b, c, d, e, f = (float(follow(value)) for value in values)
    return (a, b, c, d, e, f)
