"""Walks through the content of pages and notes what may look like a seal.

Forms and the appearances of annotations are followed too, and nothing is rendered: an image is
looked at in a small copy (:mod:`crypto.pdf.lookalikes.images`), an outline by its form and colour
(:mod:`crypto.pdf.lookalikes.red_shapes`). What a whole document may cost is bounded here.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pyhanko.pdf_utils import generic

from crypto.lengths import MM
from crypto.pdf.lookalikes.images import inline_image, small_copy
from crypto.pdf.lookalikes.prefilter import Budget, Prefilter, Spent, colour_of, draws_red
from crypto.pdf.lookalikes.red_shapes import has_size_of_seal, is_ring, seals_in
from crypto.pdf.marks.appearance import fitted, states
from crypto.pdf.marks.visible_part import Matrix, product
from crypto.pdf.reading.access import entry, follow, key_of
from crypto.pdf.reading.content import (
    ALL_WORDS,
    FILLS,
    INLINE_IMAGE,
    NO_TEXT,
    OPERANDS,
    STROKES,
    may_draw,
)
from crypto.pdf.reading.failures import PARSER_FAILURES
from crypto.pdf.reading.page import Page
from crypto.seal.imprint import ImprintError

MAX_PICTURES = 1000
MAX_PIXELS = 400_000_000
"""Of all pictures together; time ends most searches before that."""
MAX_CONTENT = 4 << 20
"""Bytes of page content, decoded, of one page."""
MAX_STEPS = 200_000
"""Operators that are followed on one page."""

_MAX_DEPTH = 8
_MAX_POINTS = 4096
_MAX_OPEN = 256
_MAX_BOXES = 200
_MAX_UNUSUAL = 64 << 10
"""Bytes of content in an encoding other than Flate, which takes its time."""
_CALL = 50
_CHECKED = 1000
"""Steps between two looks at the clock."""
"""Steps that a form or a picture counts for, besides what is in it."""
_EMPTY = 1024
"""Bytes that even an empty content stream counts for."""
_SMALLEST_MM, _LARGEST_MM = 10, 2000
_PLAIN: Matrix = (1, 0, 0, 1, 0, 0)
_BLACK = (False, False)

Box = tuple[float, float, float, float]
"""Left, bottom, right, top in default user space."""
Colours = tuple[bool, bool]
"""Are the colours for filling and for strokes red?"""


@dataclass
class _Path:
    """A subpath in default user space; of curves only the ends."""

    points: list[tuple[float, float]] = field(default_factory=list)
    curves: int = 0
    lines: int = 0
    is_box: bool = False


class Walker:
    """Walks through the pages of one document."""

    def __init__(self, prefilter: Prefilter, budget: Budget) -> None:
        self._prefilter, self._budget = prefilter, budget
        self._steps = self._content = self._pictures = self._pixels = 0
        self._seen: dict[Any, list[Box]] = {}
        """Where in pictures seals seem to be, by picture and size: parts of it, from its top."""

    @property
    def found_any(self) -> bool:
        """May :meth:`found` find anything?"""
        return bool(self._pasted or self._frames)

    def found(self) -> list[Box]:
        """What looks like a seal on the page searched last."""
        written = [box for box in self._frames if self._is_written_in(box)]
        return [box for box in _merged([*self._pasted, *written]) if _is_on(self._page, box)]

    def search(self, page: Page, annotations: Sequence[generic.DictionaryObject]) -> bool:
        """Search one page; False if something on it could not be looked at.

        Raises :class:`Spent` and what pyHanko raises on damaged objects."""
        self._begin(page)
        self._complete = True
        self._steps = self._content = 0
        self._budget.begin_page()
        is_black = self._prefilter.shows_nothing_red(page)
        if is_black and not annotations:
            return True
        self._walk(page, annotations, is_black, NO_TEXT)
        if self._frames:  # rare: then it matters where red letters stand
            self._begin(page)
            self._walk(page, annotations, is_black, ALL_WORDS)
        return self._complete

    def _begin(self, page: Page) -> None:
        self._page = page
        self._pasted: list[Box] = []
        """Where pictures look like seals."""
        self._frames: list[Box] = []
        """Red rings and squares: seals if there is something red in them."""
        self._red: list[tuple[float, float]] = []
        """Where other red things are."""

    def _walk(
        self,
        page: Page,
        annotations: Sequence[generic.DictionaryObject],
        is_black: bool,
        words: re.Pattern[bytes],
    ) -> None:
        self._words = words
        if not is_black:
            node = follow(page.reference)
            contents = entry(node, "/Contents")
            parts = contents if isinstance(contents, generic.ArrayObject) else [contents]
            streams = [part for part in map(follow, parts) if hasattr(part, "encoded_data")]
            content = b"\n".join([self._decoded(stream) for stream in streams])
            self._follow(content, _inherited(node, "/Resources"), _PLAIN, _BLACK, 0)
        for annotation in annotations:
            appearances = entry(annotation, "/AP")
            if isinstance(appearances, generic.DictionaryObject):
                for form in states(entry(appearances, "/N")):
                    self._form(form, None, fitted(annotation, form), _BLACK, 0)

    def _is_written_in(self, box: Box) -> bool:
        left, bottom, right, top = box
        return any(left < x < right and bottom < y < top for x, y in self._red)

    def _decoded(self, stream: Any) -> bytes:
        """A content stream's bytes, which count."""
        self._content += _EMPTY
        encoded, room = stream.encoded_data, MAX_CONTENT - self._content
        is_flate = entry(stream, "/Filter") == "/FlateDecode" and "/DecodeParms" not in stream
        if room > 0 and "/Filter" not in stream:
            data = bytes(encoded[: room + 1])
        elif room > 0 and is_flate:
            data = zlib.decompressobj().decompress(encoded, room + 1)
        elif len(encoded) <= min(room, _MAX_UNUSUAL):
            data = bytes(stream.data)
        else:
            raise Spent
        self._content += len(data)
        if self._content > MAX_CONTENT:
            raise Spent
        return data

    def _step(self, count: int = 1) -> None:
        if self._steps // _CHECKED != (self._steps + count) // _CHECKED:
            self._budget.check()
        self._steps += count
        if self._steps > MAX_STEPS:
            raise Spent

    def _form(
        self, form: Any, resources: Any, matrix: Matrix, colours: Colours, depth: int
    ) -> None:
        self._step(_CALL)
        if depth > _MAX_DEPTH:
            self._complete = False
            return
        own = entry(form, "/Matrix")
        if isinstance(own, generic.ArrayObject) and len(own) == 6:
            matrix = product(_matrix([float(follow(number)) for number in own]), matrix)
        own_resources = entry(form, "/Resources", resources)
        self._follow(self._decoded(form), own_resources, matrix, colours, depth)

    def _follow(
        self, content: bytes, resources: Any, matrix: Matrix, colours: Colours, depth: int
    ) -> None:
        """Follow a content stream that begins under *matrix* with *colours*."""
        if not draws_red(content, colours) and not may_draw(content):
            return
        fill, stroke = colours
        saved: list[tuple[Matrix, bool, bool, list[_Path]]] = []
        paths: list[_Path] = []
        clip: list[_Path] = []
        """What a fill is cut to, where a path was made a clip: some writers draw shapes so."""
        is_clip = False
        line = _PLAIN
        name, position = "", 0
        while found := self._words.match(content, position):
            position = found.end()
            self._step()
            if found.lastgroup == "name":
                name = found["name"].decode("latin-1")
                continue
            word = (found["after"] or found["word"] or b"").decode("latin-1")
            count = OPERANDS.get(word, 0)
            numbers = _numbers(found["numbers"], count or 4)
            if count and len(numbers) != count:
                continue
            match word:
                case "q" if len(saved) < _MAX_OPEN:
                    saved.append((matrix, fill, stroke, clip))
                case "Q" if saved:
                    matrix, fill, stroke, clip = saved.pop()
                case "cm":
                    matrix = product(_matrix(numbers), matrix)
                case "rg" | "k" | "sc" | "scn":
                    fill = colour_of(numbers)
                case "RG" | "K" | "SC" | "SCN":
                    stroke = colour_of(numbers)
                case "g" | "cs":
                    fill = False
                case "G" | "CS":
                    stroke = False
                case "m" | "l" | "c" | "v" | "y" | "re":
                    _extend(paths, word, numbers, matrix)
                case "W" | "W*":
                    is_clip = True
                case "f" | "F" | "f*" | "S" | "s" | "B" | "B*" | "b" | "b*" | "n":
                    filled, stroked = fill and word in FILLS, stroke and word in STROKES
                    if filled and clip and _is_boxes(paths):
                        self._drawn(clip, is_open=len(clip) > 1)
                    elif filled or stroked:
                        self._drawn(paths, is_open=len(paths) > 1 if filled else stroked)
                    if is_clip:
                        clip, is_clip = paths, False
                    paths = []
                case "BT":
                    line = _PLAIN
                case "Tm":
                    line = _matrix(numbers)
                case "Td" | "TD":
                    line = product((1, 0, 0, 1, numbers[0], numbers[1]), line)
                case "Tj" | "TJ" | "'" | '"' if fill:
                    self._note_red(product(line, matrix)[4:])
                case "Do":
                    self._placed(name, resources, matrix, (fill, stroke), depth)
                case "BI":
                    inline = INLINE_IMAGE.match(content, position)
                    if not inline:  # its data cannot be separated from what follows
                        self._complete = False
                        return
                    position = inline.end()
                    image = inline_image(inline[1], inline[2])
                    if image is not None:
                        self._picture(image, matrix, fill, None)

    # --- outlines ---

    def _drawn(self, paths: Sequence[_Path], *, is_open: bool) -> None:
        """A red path was painted: is one of its outlines a seal's? One that is filled and has no
        other in it is a disc or a ground and none."""
        scale = self._page.unit / MM
        for path in paths:
            box = _bounds(path.points)
            if not box:
                continue
            is_large = has_size_of_seal((box[2] - box[0]) * scale, (box[3] - box[1]) * scale)
            is_round = (path.curves >= 2 or path.lines >= 8) and is_ring(path.points)
            is_square = path.is_box or (path.lines in (3, 4) and not path.curves)
            if is_large and (is_round or is_square):
                if is_open:
                    self._note(self._frames, box)
            else:
                self._note_red(((box[0] + box[2]) / 2, (box[1] + box[3]) / 2))

    def _note_red(self, place: tuple[float, float]) -> None:
        if len(self._red) < _MAX_POINTS:
            self._red.append(place)

    def _note(self, boxes: list[Box], box: Box) -> None:
        if len(boxes) < _MAX_BOXES:
            boxes.append(box)

    # --- pictures ---

    def _placed(
        self, name: str, resources: Any, matrix: Matrix, colours: Colours, depth: int
    ) -> None:
        """Follow ``Do``."""
        listed = entry(resources, "/XObject") if resources is not None else None
        if not isinstance(listed, generic.DictionaryObject) or name not in listed:
            return
        raw = listed.raw_get(name)
        drawn = follow(raw)
        if not isinstance(drawn, generic.StreamObject):
            return
        if entry(drawn, "/Subtype") == "/Form":
            self._form(drawn, resources, matrix, colours, depth + 1)
        elif entry(drawn, "/Subtype") == "/Image":
            self._picture(drawn, matrix, colours[0], raw)

    def _picture(self, image: generic.StreamObject, matrix: Matrix, fill: bool, raw: Any) -> None:
        """An image on the unit square under *matrix*; a stencil is painted in the colour *fill*."""
        self._step(_CALL)
        box = _bounds([_moved(matrix, x, y) for x in (0, 1) for y in (0, 1)])
        a, b, c, d = matrix[:4]
        scale = self._page.unit / MM
        size = (round(_length(a, b) * scale, 1), round(_length(c, d) * scale, 1))
        if not box or min(size) < _SMALLEST_MM or max(size) > _LARGEST_MM:
            return
        if entry(image, "/ImageMask", False):
            if fill and has_size_of_seal(*size):
                self._note(self._pasted, box)
            return
        shared = isinstance(raw, generic.IndirectObject)
        key = (key_of(raw), size) if shared else None
        parts = self._seen.get(key) if key else None
        if parts is None:
            parts = self._seals_in(image, *size)
        if key:
            self._seen[key] = parts
        for left, top, right, bottom in parts:
            corners = [(left, top), (right, top), (left, bottom), (right, bottom)]
            part = _bounds([_moved(matrix, x, 1 - y) for x, y in corners])
            if part:
                self._note(self._pasted, part)

    def _seals_in(self, image: generic.StreamObject, width: float, height: float) -> list[Box]:
        """Where in the image seals seem to be: left, top, right, bottom as parts of it."""
        self._budget.check()
        room = MAX_PIXELS - self._pixels if self._pictures < MAX_PICTURES else 0
        try:
            copy = small_copy(image, room)
        except (ImprintError, *PARSER_FAILURES):
            self._complete = False
            return []
        if copy is None:
            return []
        self._pictures += 1
        self._pixels += int(image["/Width"]) * int(image["/Height"])
        return [
            (
                patch.left / width,
                patch.top / height,
                (patch.left + patch.width) / width,
                (patch.top + patch.height) / height,
            )
            for patch in seals_in(copy, width, height)
        ]


# --- geometry ----------------------------------------------------------------------------------


def _numbers(payload: bytes | None, count: int) -> list[float]:
    """The last *count* numbers, or as many as there are."""
    try:
        return [
            float(word) for word in (payload or b"")[-400:].replace(b"\0", b" ").split()[-count:]
        ]
    except ValueError:
        return []


def _is_boxes(paths: Sequence[_Path]) -> bool:
    return bool(paths) and all(path.is_box for path in paths)


def _matrix(numbers: Sequence[float]) -> Matrix:
    a, b, c, d, e, f = numbers
    return (a, b, c, d, e, f)


def _moved(matrix: Matrix, x: float, y: float) -> tuple[float, float]:
    a, b, c, d, e, f = matrix
    return a * x + c * y + e, b * x + d * y + f


def _length(x: float, y: float) -> float:
    return float((x * x + y * y) ** 0.5)


def _extend(paths: list[_Path], word: str, numbers: Sequence[float], matrix: Matrix) -> None:
    """Add one operator to the path; only the ends of curves count."""
    if sum(len(path.points) for path in paths[-2:]) > _MAX_POINTS or len(paths) > _MAX_POINTS:
        return
    if word == "re":
        x, y, width, height = numbers
        corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
        paths.append(_Path([_moved(matrix, *corner) for corner in corners], is_box=True))
        return
    if word == "m" or not paths:
        paths.append(_Path())
    path = paths[-1]
    path.points.append(_moved(matrix, *numbers[-2:]))
    path.lines += word == "l"
    path.curves += word in ("c", "v", "y")


def _bounds(points: Sequence[tuple[float, float]]) -> Box | None:
    """The box around *points*; None if there is none, or one without an area."""
    if not points:
        return None
    xs, ys = [x for x, _ in points], [y for _, y in points]
    box = (min(xs), min(ys), max(xs), max(ys))
    return box if box[0] < box[2] and box[1] < box[3] else None


def _is_on(page: Page, box: Box) -> bool:
    """Is its middle on the visible part of the page?"""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return page.box[0] <= x <= page.box[2] and page.box[1] <= y <= page.box[3]


def _merged(boxes: Sequence[Box]) -> list[Box]:
    """One box for all that lie over each other: a seal has several rings."""
    merged: list[Box] = []
    for box in sorted(boxes, key=lambda box: (box[0] - box[2]) * (box[3] - box[1])):
        x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        if not any(other[0] <= x <= other[2] and other[1] <= y <= other[3] for other in merged):
            merged.append(box)
    return merged


def _inherited(node: Any, key: str) -> Any:
    """An attribute of a page or of what is above it."""
    for _ in range(_MAX_DEPTH):
        if not isinstance(node, generic.DictionaryObject):
            return None
        if key in node:
            return entry(node, key)
        node = entry(node, "/Parent")
    return None
