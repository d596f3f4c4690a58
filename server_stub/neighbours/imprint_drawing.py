# mypy: allow-untyped-calls
# (PyMuPDF says it is typed, but its functions are not.)
"""Draws imprints, in a bounded process: the names come from applicants, the typeface from the
system, and PyMuPDF is C. :mod:`server_stub.neighbours.imprint` says what they look like.
"""

from __future__ import annotations

import io
import itertools
import math
import struct
from functools import lru_cache
from pathlib import Path

import pymupdf
from PIL import Image

from crypto.frozen import frozen
from crypto.lengths import MM
from crypto.seal.application_form import MAX_NAME
from crypto.seal.kinds import KINDS, OFFICE, PERSONAL
from server_stub.neighbours.imprint import MAX_UNIT, ImprintError, Spec, spec_of

RED = (0.898, 0.0, 0.0)
_SYSTEM_FONTS = (
    "/usr/share/fonts/opentype/noto/NotoSerifCJK-Bold.ttc",
    "/usr/share/fonts/opentype/noto/NotoSerifCJK-Regular.ttc",
    "C:/Windows/Fonts/simsun.ttc",
    "C:/Windows/Fonts/STSONG.TTF",
)
_BUILT_IN = "china-s"


def draw(
    subtype: str,
    text: str,
    *,
    unit: str = "",
    shape: str = "",
    seal_code: str = "",
    credit_code: str = "",
    dpi: int = 600,
    font: Path | None = None,
) -> bytes:
    """As :func:`server_stub.neighbours.engraving.draw`.

    Raises :class:`server_stub.neighbours.imprint.ImprintError`."""
    kind, spec = KINDS[subtype], spec_of(subtype, shape)
    if subtype == "branch":  # named like the enterprise, with its own name at the end
        text, unit = text + unit, ""
    if not text or len(text) > MAX_NAME or len(unit) > MAX_UNIT:
        raise ImprintError(f"a seal's text has 1 to {MAX_NAME} characters, a unit {MAX_UNIT}")
    face = _face(str(font) if font else "")
    for character in text + unit + spec.subtitle:
        if not face.has_glyph(ord(character)):
            raise ImprintError(f"the typeface lacks {character!r}")
    document = pymupdf.open()
    try:
        page = document.new_page(width=spec.width * MM, height=spec.height * MM)
        pen = _Pen(page, face)
        if kind.family == PERSONAL:
            _personal_seal(pen, spec, text)
        elif kind.family == OFFICE:
            _name_seal(pen, spec, text)
        elif spec.shape == "ellipse":
            _oval_seal(pen, spec, text, seal_code, credit_code if subtype == "invoice" else "")
        else:
            _round_seal(pen, spec, text, seal_code, unit)
        pixmap = page.get_pixmap(dpi=dpi, alpha=True)
        return _palette_png(pixmap)
    finally:
        document.close()


def _palette_png(pixmap: pymupdf.Pixmap) -> bytes:
    """One ink in sixteen strengths: a third of the size of 32-bit colour, and no eye can tell. The
    picture goes into every document twice, in the seal and in the mark."""
    alpha = pixmap.samples[pixmap.n - 1 :: pixmap.n]
    strengths = alpha.translate(bytes((value + 8) // 17 for value in range(256)))
    picture = Image.frombytes("P", (pixmap.width, pixmap.height), strengths)
    ink = [round(255 * part) for part in RED]
    picture.putpalette(ink * 16)
    dots = round(pixmap.xres)
    out = io.BytesIO()
    picture.save(
        out,
        "PNG",
        bits=4,
        optimize=True,
        transparency=bytes(17 * strength for strength in range(16)),
        dpi=(dots, dots),
    )
    return out.getvalue()


@lru_cache(maxsize=4)
def _face(given: str) -> pymupdf.Font:
    for path in (given, *_SYSTEM_FONTS):
        if path and Path(path).is_file():
            return pymupdf.Font(fontbuffer=first_face(Path(path).read_bytes()))
    return pymupdf.Font(_BUILT_IN)


def first_face(font: bytes) -> bytes:
    """The first face of an OpenType collection as a file of its own; any other font as it is.

    MuPDF takes a collection apart again for each text that it writes, and a seal has one for each
    character. OpenType 1.9, "Organization of an OpenType Font": offsets count from the file's
    beginning, tables begin at multiples of four bytes."""
    if font[:4] != b"ttcf":
        return font
    try:
        (start,) = struct.unpack_from(">I", font, 12)
        (count,) = struct.unpack_from(">H", font, start + 4)
        face = bytearray(font[start : start + 12 + 16 * count])
        for entry in range(12, 12 + 16 * count, 16):
            offset, size = struct.unpack_from(">II", face, entry + 8)
            struct.pack_into(">I", face, entry + 8, len(face))
            face += font[offset : offset + size] + bytes(-size % 4)
    except struct.error:
        return font  # MuPDF says what is wrong with it
    return bytes(face)


@lru_cache(maxsize=1)
def _digits() -> pymupdf.Font:
    return pymupdf.Font("helv")


# --- the layouts -------------------------------------------------------------------------------


def _round_seal(pen: _Pen, spec: Spec, name: str, seal_code: str, unit: str) -> None:
    radius, half = spec.width / 2, spec.border / 2
    pen.ellipse(radius, radius, radius - half - 0.1, radius - half - 0.1, spec.border)
    below = spec.subtitle or unit
    if below:  # the name ends above the line below the middle
        height, sweep = 4.8, min(214.0, 52 + 16.0 * len(name))
    else:
        height = 5.6 if len(name) <= 14 else 4.8
        sweep = min(262.0, 52 + 17.0 * len(name))
    outer = radius - spec.border - 1.1
    _arc_text(pen, name, (radius, radius), (outer, outer), height, sweep)
    if seal_code:
        edge = radius - spec.border - 0.7
        _code_below(pen, seal_code, (radius, radius), (edge, edge), pitch=1.75)
    if spec.subtitle:
        pen.line(spec.subtitle, pen.face, radius, radius + 8.6, 20.0, 4.6)
    elif unit:
        pen.star(radius, radius - 1.0, 5.5)
        pen.line(unit, pen.face, radius, radius + 8.8, min(22.0, 4.2 * len(unit)), 4.2)
    else:
        pen.star(radius, radius, 7.0)


def _oval_seal(pen: _Pen, spec: Spec, name: str, seal_code: str, middle: str) -> None:
    a, b, half = spec.width / 2, spec.height / 2, spec.border / 2
    scale = spec.height / 30  # the invoice seal is the measure
    pen.ellipse(a, b, a - half - 0.1, b - half - 0.1, spec.border)
    outer = (a - spec.border - 0.9, b - spec.border - 0.9)
    sweep = min(184.0, 72 + 11.0 * len(name))
    _arc_text(pen, name, (a, b), outer, 4.2 * scale, sweep)
    if seal_code:
        edge = (a - spec.border - 0.7, b - spec.border - 0.7)
        _code_below(pen, seal_code, (a, b), edge, pitch=1.45)
    if middle:
        pen.line(middle, _digits(), a, b + 0.5, 26.0, 3.7)
        pen.line(spec.subtitle, pen.face, a, b + 5.6, 20.0, 4.4)
    else:
        pen.line(spec.subtitle, pen.face, a, b + 3.2 * scale, 21.0 * scale, 4.6 * scale)


def _arc_text(
    pen: _Pen,
    text: str,
    centre: tuple[float, float],
    outer: tuple[float, float],
    height: float,
    sweep: float,
) -> None:
    """*text* along the upper arc, tops touching the ellipse *outer*, evenly spread by arc length
    over *sweep* degrees, every character upright on its normal."""
    baseline = (outer[0] - height, outer[1] - height)
    middle = ((outer[0] + baseline[0]) / 2, (outer[1] + baseline[1]) / 2)
    places = _evenly(middle, sweep, len(text))
    feet = _evenly(baseline, sweep, len(text))
    pitch = _least_distance(feet)
    width = min(height * 0.86, pitch * 0.94)  # condensed when the foot of the letters is crowded
    for character, (x, y, turn) in zip(text, places, strict=True):
        pen.glyph(character, centre[0] + x, centre[1] + y, turn, width, height)


def _code_below(
    pen: _Pen,
    digits: str,
    centre: tuple[float, float],
    outer: tuple[float, float],
    pitch: float,
) -> None:
    """The seal code on the lower arc, read from below: feet outwards; *pitch* from digit to
    digit."""
    height = 1.9
    middle = (outer[0] - height / 2, outer[1] - height / 2)
    sweep = math.degrees(pitch * (len(digits) - 1) / middle[0])  # at the bottom dx = a·dt
    for digit, (x, y, turn) in zip(
        reversed(digits), _evenly(middle, sweep, len(digits), bottom=True), strict=True
    ):
        pen.glyph(digit, centre[0] + x, centre[1] + y, turn + 180, 1.15, height, _digits())


def _name_seal(pen: _Pen, spec: Spec, name: str) -> None:
    side, border = spec.width, spec.border
    pen.frame(border / 2 + 0.1, side - border / 2 - 0.1, border)
    text = name + ("之印" if len(name) == 2 else "印")
    columns = 2 if len(text) <= 6 else 3
    rows = math.ceil(len(text) / columns)
    inner = side - 2 * border - 1.6
    _columns(pen, _cut(text, rows), (side / 2, side / 2), (inner, inner))


def _personal_seal(pen: _Pen, spec: Spec, name: str) -> None:
    """The name alone: the surname in a column of its own beside a given name of two."""
    middle, border = (spec.width / 2, spec.height / 2), spec.border
    if spec.shape == "square":
        pen.frame(border / 2 + 0.1, spec.width - border / 2 - 0.1, border)
        inner = (spec.width - 2 * border - 1.6, spec.height - 2 * border - 1.6)
    else:
        a, b = middle[0] - border / 2 - 0.1, middle[1] - border / 2 - 0.1
        pen.ellipse(*middle, a, b, border)
        fill = 1.4 if spec.shape == "round" else 1.36  # of the half axes: inside the border
        inner = ((a - border / 2 - 0.4) * fill, (b - border / 2 - 0.4) * fill)
    if len(name) == 3:
        parts = [name[:1], name[1:]]
    else:
        wide = inner[0] / inner[1]
        parts = _cut(name, max(1, round(math.sqrt(len(name) / wide))) if len(name) > 2 else 1)
    _columns(pen, parts, middle, inner)


def _cut(text: str, rows: int) -> list[str]:
    return [text[at : at + rows] for at in range(0, len(text), rows)]


def _columns(
    pen: _Pen, columns: list[str], middle: tuple[float, float], inner: tuple[float, float]
) -> None:
    """*columns* from the right to the left, each filling the height of *inner*."""
    width = inner[0] / len(columns)
    for number, column in enumerate(columns):
        height = inner[1] / len(column)
        x = middle[0] + inner[0] / 2 - (number + 0.5) * width
        for row, character in enumerate(column):
            y = middle[1] - inner[1] / 2 + (row + 0.5) * height
            pen.glyph(character, x, y, 0.0, width * 0.92, height * 0.92)


# --- geometry ----------------------------------------------------------------------------------


def _evenly(
    axes: tuple[float, float], sweep: float, count: int, *, bottom: bool = False
) -> list[tuple[float, float, float]]:
    """*count* points spread evenly, by arc length, over *sweep* degrees of an ellipse about its top
    (or bottom): (x, y, clockwise turn of the outward normal from straight up), y downwards."""
    steps = 2000
    start = -sweep / 2
    points, lengths = [], [0.0]
    for step in range(steps + 1):
        t = math.radians(start + sweep * step / steps + (180 if bottom else 0))
        points.append((axes[0] * math.sin(t), -axes[1] * math.cos(t), t))
    for (x0, y0, _), (x1, y1, _) in itertools.pairwise(points):
        lengths.append(lengths[-1] + math.hypot(x1 - x0, y1 - y0))
    result = []
    position = 0
    for number in range(count):
        share = 0.5 if count == 1 else number / (count - 1)
        while position < steps and lengths[position] < share * lengths[-1]:
            position += 1
        x, y, t = points[position]
        turn = math.degrees(math.atan2(axes[1] * math.sin(t), axes[0] * math.cos(t)))
        result.append((x, y, turn))
    return result


def _least_distance(points: list[tuple[float, float, float]]) -> float:
    return min(
        (math.hypot(x1 - x0, y1 - y0) for (x0, y0, _), (x1, y1, _) in itertools.pairwise(points)),
        default=math.inf,
    )


@frozen
class _Pen:
    """Draws on a page in millimetres from its top left."""

    page: pymupdf.Page
    face: pymupdf.Font

    def ellipse(self, x: float, y: float, a: float, b: float, width: float) -> None:
        rect = pymupdf.Rect(x - a, y - b, x + a, y + b) * MM
        self.page.draw_oval(rect, color=RED, width=width * MM)

    def frame(self, first: float, last: float, width: float) -> None:
        rect = pymupdf.Rect(first, first, last, last) * MM
        self.page.draw_rect(rect, color=RED, width=width * MM, radius=0.04)

    def star(self, x: float, y: float, radius: float) -> None:
        """A five-pointed star, one point up; *radius* reaches the points."""
        inner = radius * math.sin(math.radians(18)) / math.sin(math.radians(54))
        corners = [
            pymupdf.Point(
                x + r * math.sin(math.radians(36 * i)), y - r * math.cos(math.radians(36 * i))
            )
            * MM
            for i, r in enumerate([radius, inner] * 5)
        ]
        self.page.draw_polyline(corners, color=None, fill=RED, closePath=True)

    def line(
        self, text: str, face: pymupdf.Font, x: float, y: float, width: float, height: float
    ) -> None:
        """*text* centred at *x*, its middle at *y*, spread over *width*."""
        pitch = width / len(text)
        for number, character in enumerate(text):
            at = x + (number - (len(text) - 1) / 2) * pitch
            self.glyph(character, at, y, 0.0, min(pitch * 0.95, height), height, face)

    def glyph(
        self,
        character: str,
        x: float,
        y: float,
        turn: float,
        width: float,
        height: float,
        face: pymupdf.Font | None = None,
    ) -> None:
        """One character with its middle at (x, y), *turn* degrees clockwise from upright, its body
        scaled to *width* × *height*."""
        font = face or self.face
        cjk = face is None or face is self.face
        em = height if cjk else height / 0.716  # digits: their cap height, not their body
        advance = font.glyph_advance(ord(character)) * em
        centre = pymupdf.Point(x, y) * MM
        # the middle of a CJK body is 0.38 em above its baseline; of a digit half its cap height
        rise = (0.38 if cjk else 0.358) * em
        start = centre + pymupdf.Point(-advance / 2, rise) * MM
        squeeze = pymupdf.Matrix(width / advance, 0, 0, 1, 0, 0)
        writer = pymupdf.TextWriter(self.page.rect, color=RED)
        writer.append(start, character, font=font, fontsize=em * MM)
        writer.write_text(self.page, morph=(centre, squeeze * pymupdf.Matrix(-turn)))
