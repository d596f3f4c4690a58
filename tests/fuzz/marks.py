"""The reading of a mark's appearance, fuzzed: MuPDF shows whether the imprint is seen.

A mark is compared with its seal without being rendered (crypto/pdf/marks/appearance.py). Wherever
that says "the imprint, whole", a viewer must put nearly all of its ink on the page.
"""

import io
import random
import zlib
from collections.abc import Sequence
from functools import cache

import pymupdf

from crypto.pdf.marks.appearance import drawing_of
from crypto.pdf.marks.picture import check_mark
from crypto.pdf.marks.visible_part import is_whole
from crypto.pdf.reading.document import Document
from crypto.pdf.reading.failures import PARSER_FAILURES
from crypto.seal.imprint import decode_imprint
from tests.fuzz import lookalikes
from tests.fuzz.material import material
from tests.world.documents import MM, build_pdf

PARTS = b"%|"
"""Between the entries and the content of the appearance, and those of a form that it may draw."""

_SIDE = 40 * MM
_LEFT, _BOTTOM = 200.0, 300.0
_LEAST_INK = 0.75
"""2 % of each edge may be missing, where a seal has its frame, and edges are blurred."""
_WORDS = [
    *b"q Q cm gs Do re W W* n m l h BT ET BX EX BMC EMC w J g rg".split(),
    *b"/Imprint /Inner /Multiply /Normal /BBox /Matrix [ ] << >> (a) <00>".split(),
    *b"0 1 -1 .5 0.98 113.3858 56.7 -10 20 200 1e3 .01 2".split(),
    *(b"0 0 1 1 re W n", b"0 0 .5 1 re W n", b"q 0 0 20 114 re W n", b"q .5 0 0 .5 0 0 cm"),
    *(b"1 0 0 1 30 0 cm", b".7 .7 -.7 .7 0 0 cm", b"-1 0 0 1 0 0 cm", b"/Inner Do", b"% x\n"),
]


def _page(data: bytes) -> bytes:
    """A page with one annotation that looks as *data* says; a stamp, because MuPDF makes up the
    appearance of signature fields."""
    outer, content, inner, inside = (*data.split(PARTS), b"", b"", b"", b"")[:4]
    raster = decode_imprint(material().seal.picture)
    picture = b"/Type/XObject/Subtype/Image/Width %d/Height %d/BitsPerComponent 8/ColorSpace" % (
        *(raster.width, raster.height),
    )
    names = b"/Resources<</XObject<</Imprint 7 0 R/Inner 6 0 R>>/ExtGState<<%s>>>>" % (
        b"/Multiply<</BM/Multiply>>/Normal<</BM/Normal>>"
    )
    form = b"/Type/XObject/Subtype/Form" + names
    stamp = b"<</Type/Annot/Subtype/Stamp/F 4/P 3 0 R/Rect[%.4f %.4f %.4f %.4f]/AP<</N 5 0 R>>>>"
    rect = (_LEFT, _BOTTOM, _LEFT + _SIDE, _BOTTOM + _SIDE)
    return build_pdf(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Annots[4 0 R]>>",
            stamp % rect,
            _stream(form + outer, content),
            _stream(form + inner, inside),
            _stream(picture + b"/DeviceRGB/SMask 8 0 R/Filter/FlateDecode", _packed(raster.rgb)),
            _stream(picture + b"/DeviceGray/Filter/FlateDecode", _packed(raster.alpha or b"")),
        ]
    )


def _stream(entries: bytes, raw: bytes) -> bytes:
    return b"<<%s/Length %d>>stream\n%s\nendstream" % (entries, len(raw), raw)


@cache
def _packed(raw: bytes) -> bytes:
    return zlib.compress(raw)


@cache
def _inked() -> float:
    """Which part of the imprint's area is ink."""
    raster = decode_imprint(material().seal.picture)
    alpha = raster.alpha or b"\xff" * (raster.width * raster.height)
    covered = sum(
        opaque * (255 - green) for opaque, green in zip(alpha, raster.rgb[1::3], strict=True)
    )
    return covered / 255 / 255 / len(alpha)


def examine_mark(data: bytes) -> None:
    """What is called the whole imprint is seen by others, too."""
    data = _page(data)
    try:
        (stamp,) = Document(io.BytesIO(data)).annotations()
        drawing = drawing_of(stamp.dictionary, stamp.page)
        judged = check_mark(drawing, {"field": "s"}, material().seal)
    except PARSER_FAILURES:
        return
    if not (any(each.code == "mark_matches" for each in judged.findings) and is_whole(judged.part)):
        return
    (picture,) = drawing.pictures
    square_points = picture.width_mm * picture.height_mm * MM * MM
    if not 100 < square_points < 1e6:
        return  # too small to be seen, or not on one page
    with pymupdf.open(stream=data, filetype="pdf") as document:
        pixels = document[0].get_pixmap(dpi=72, colorspace=pymupdf.csRGB, annots=True)
    ink = sum(255 - green for green in pixels.samples[1::3]) / 255
    assert ink >= _LEAST_INK * _inked() * square_points, f"{ink / _inked() / square_points:.2f}"


def mark_seeds() -> Sequence[bytes]:
    box = b"/BBox[0 0 113.3858 113.3858]"
    draw = b"q /Multiply gs 113.3858 0 0 113.3858 0 0 cm /Imprint Do Q"
    turned = b"/Matrix[0 1 -1 0 0 0]"
    seeds = [
        (box, draw, b"", b""),
        (box + turned, draw.replace(b"cm /", b"cm 0 0 1 1 re W n /"), b"", b""),
        (box, b"q 1 0 0 1 0 0 cm /Inner Do Q", box, draw),
        (box, b"q 0 0 114 114 re W n /Inner Do Q", box + turned, draw),
        (box, draw.replace(b"113.3858 0 0 113.3858 0 0", b"60 30 -30 60 30 10"), b"", b""),
        (box, draw.replace(b"cm /", b"cm 0 0 .5 1 re W n /"), b"", b""),
    ]
    return [PARTS.join(each) for each in seeds]


def change_mark(data: bytes, dice: random.Random) -> bytes:
    """One of the parts with other words in it."""
    parts = data.split(PARTS)
    at = dice.randrange(len(parts))
    parts[at] = lookalikes.change_words(parts[at], dice, _WORDS)
    return PARTS.join(parts)
