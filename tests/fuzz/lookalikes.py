"""The search for pictures of seals in page content, fuzzed: as content of one page, and as files.

The first prefilter (crypto/pdf/lookalikes/prefilter.py) is a short cut and no more: where it says
that a page shows nothing red, the walk through the content must find no seal either.
"""

import io
import random
import re
import zlib
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from unittest import mock

from PIL import Image, ImageDraw
from pyhanko.pdf_utils import generic

from crypto.pdf.lookalikes import search as pdf_lookalikes
from crypto.pdf.lookalikes import walk
from crypto.pdf.lookalikes.images import small_copy
from crypto.pdf.lookalikes.prefilter import Prefilter, Spent
from crypto.pdf.lookalikes.red_shapes import has_size_of_seal, seals_in
from crypto.pdf.lookalikes.search import MAX_FOUND, READS, look_alikes
from crypto.pdf.lookalikes.walk import MAX_STEPS
from crypto.pdf.marks.appearance import Drawing, Picture
from crypto.pdf.marks.picture import check_mark
from crypto.pdf.reading.document import Document
from crypto.pdf.reading.failures import PARSER_FAILURES, PdfError
from crypto.pdf.reading.page import Page
from crypto.seal.imprint import ImprintError
from tests.fuzz.material import material
from tests.world.documents import build_pdf
from tests.world.seals import imprint

NEXT_STREAM = b"%|"
"""Where the content is cut into several streams."""

_SIZE = 40
_SIDES = b"/Width %d/Height %d" % (_SIZE, _SIZE)
_PLAIN_IMAGE = b"/Subtype/Image/BitsPerComponent 8" + _SIDES
_RING = (
    b"250 300 m 250 327 227 350 200 350 c 173 350 150 327 150 300 c "
    b"150 273 173 250 200 250 c 227 250 250 273 250 300 c h "
)
_SQUARE = b"150 250 100 100 re"
_WORDS = [
    *b"q Q cm rg RG g G k K cs CS sc SC scn SCN m l c v y h re W W* n f F f* B b S s".split(),
    *b"BT ET Tf Tm Td TD Tj TJ ' \" gs Do BI ID EI BDC EMC sh d0 d1".split(),
    *b"/Im /Form /Stencil /Grey /Palette /G /None / [ ] << >> < > ( ) (a) <00> { } \\".split(),
    *b"0 1 0.9 .8 1. -1 +1 --1 1e3 0.0 00 113.4 200 40 4.0 1.000000000000000000001 9.".split(),
    *(b"1 0 0 rg", b"1 0 0 RG", b"0 1 1 0 k", b"0 0 0 rg", b"q 113 0 0 113 200 300 cm"),
    *(_RING, _SQUARE, b"195 295 10 10 re f", b"S", b"f*", b"% remark\n", NEXT_STREAM),
]
_ENTRIES = [
    *b"/Width /Height /BitsPerComponent /ColorSpace /Filter /DecodeParms /SMask /Mask".split(),
    *b"/Decode /ImageMask /Matte /DeviceRGB /DeviceGray /DeviceCMYK /CalRGB /Indexed".split(),
    *b"/ICCBased /Separation /FlateDecode /DCTDecode /JPXDecode /LZWDecode /Predictor".split(),
    *b"/Columns /Colors 0 1 2 8 16 40 41 4000 70000 -1 1.5 2147483648 true null".split(),
    *b"2 0 R|3 0 R|1 0 R|[|]|<<|>>|<00FF>|(x)|[/Indexed/DeviceCMYK 1<00>]|[0 1]".split(b"|"),
]
_BLANKS = [b" ", b"\n", b"\r", b"\t", b"\f", b"\0", b"\x0b", b"", b"%\n", b"  "]


@cache
def _objects() -> list[bytes]:
    """What the content can draw: objects 4 and on."""
    with Image.open(io.BytesIO(imprint(size=_SIZE))) as seal:
        paper = Image.new("RGB", seal.size, "white")
        paper.paste(seal, mask=seal.getchannel("A"))
    grey = Image.new("L", paper.size, 255)
    pen = ImageDraw.Draw(grey)
    pen.ellipse((1, 1, 38, 38), outline=0, width=3)
    pen.rectangle((17, 17, 23, 23), fill=0)
    palette = b"/ColorSpace[/Indexed/DeviceRGB 1<FFFFFFFF0000>]/BitsPerComponent 8"
    spots = grey.point([1] + [0] * 255)
    images = [
        (b"/ColorSpace/DeviceRGB/BitsPerComponent 8", paper.tobytes()),
        (b"/ImageMask true/BitsPerComponent 1", bytes(_SIZE * _SIZE // 8)),
        (b"/ColorSpace/DeviceGray/BitsPerComponent 8", grey.tobytes()),
        (palette, spots.tobytes()),
    ]
    kind = b"/Type/XObject/Subtype/Image" + _SIDES
    form = b"1 0 0 RG 1 0 0 rg " + _RING + b"S 195 295 10 10 re f"
    head = b"/Type/XObject/Subtype/Form/BBox[0 0 600 800]/Resources 4 0 R"
    names = b"/Im 5 0 R/Stencil 6 0 R/Grey 7 0 R/Palette 8 0 R/Form 9 0 R"
    return [
        b"<</XObject<<%s>>>>" % names,
        *(_flate(kind + entries, raw) for entries, raw in images),
        b"<<%s/Length %d>>stream\n%s\nendstream" % (head, len(form), form),
    ]


def _flate(entries: bytes, raw: bytes) -> bytes:
    packed = zlib.compress(raw)
    head = entries + b"/Filter/FlateDecode/Length %d" % len(packed)
    return b"<<%s>>stream\n%s\nendstream" % (head, packed)


def page_of(content: bytes, *, packed: bool = False, inline: bool = False) -> bytes:
    """A document of one page that draws *content*; *inline*: its resources stand in the page."""
    streams = content.split(NEXT_STREAM)[:6]
    first = 4 + len(_objects())
    listed = b" ".join(b"%d 0 R" % (first + place) for place in range(len(streams)))
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents[%s]/Resources %s>>"
    bare = b"<</Length %d>>stream\n%s\nendstream"
    return build_pdf(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
            page % (listed, _objects()[0] if inline else b"4 0 R"),
            *_objects(),
            *(_flate(b"", each) if packed else bare % (len(each), each) for each in streams),
        ]
    )


# ---------------------------------------------------------------- the checks


class _Blind(Prefilter):
    """Leaves every page to be walked through."""

    def shows_nothing_red(self, page: Page) -> bool:
        return False


def examine_pages(data: bytes) -> None:
    """Within its bounds, without an error; and the walk finds nothing where a prefilter saw nothing
    red."""
    with suppress(PdfError):
        search = look_alikes(Document(io.BytesIO(data)))
        on_page = Counter(page.index for page, _ in search.found)
        assert all(count <= MAX_FOUND for count in on_page.values())
    with suppress(PdfError, Spent):
        document = Document(io.BytesIO(data))
        prefilter = Prefilter(document, READS)
        black = {page.index for page in document.pages()[:8] if prefilter.shows_nothing_red(page)}
        _examine_black(Document(io.BytesIO(data)), black)


def _examine_black(document: Document, black: set[int]) -> None:
    steps = 0
    step = walk.Walker._step

    def counting(walker: walk.Walker, count: int = 1) -> None:
        nonlocal steps
        steps += 1
        step(walker, count)

    with (
        mock.patch.object(pdf_lookalikes, "Prefilter", _Blind),
        mock.patch.object(pdf_lookalikes, "_annotated", return_value={}),
        mock.patch.object(walk, "draws_red", return_value=True),
        mock.patch.object(walk.Walker, "_step", counting),
    ):
        found = {page.index for page, _ in look_alikes(document).found}
    assert steps <= (MAX_STEPS + 1) * len(document.pages())
    assert not found & black, f"a seal on page {min(found & black) + 1}, where nothing is red"


def examine_content(data: bytes) -> None:
    """The bytes as the content of a page, plain and packed."""
    examine_pages(page_of(data))
    examine_pages(page_of(data, packed=True))


def examine_picture(data: bytes) -> None:
    """Entries of an image, then its bytes: looked at for seals in it, and compared with a seal's
    own picture."""
    entries, _, raw = data.partition(NEXT_STREAM)
    mask = _flate(_PLAIN_IMAGE + b"/ColorSpace/DeviceGray", b"\xff" * _SIZE * _SIZE)
    length = b"/Length %d" % len(raw)
    image = b"<</Subtype/Image%s%s>>stream\n%s\nendstream" % (entries, length, raw)
    try:
        document = Document(io.BytesIO(build_pdf([b"<</Type/Catalog>>", image, mask])))
        read = document.reader.get_object(generic.Reference(2, 0, document.reader))
    except PARSER_FAILURES:
        return
    if not isinstance(read, generic.StreamObject):
        return
    for key in ("Seal", "Other"):  # its own size, and the one that was signed
        picture = Picture(read, 40.0, 40.0 if key == "Seal" else 20.0, see_through=False)
        judged = check_mark(Drawing([picture]), {"field": key}, material().seal)
        assert len(judged.findings) in (1, 2)
    with suppress(ImprintError, *PARSER_FAILURES):
        copy = small_copy(read)
        if copy is not None:
            assert copy.mode == "RGB"
            for width, height in ((40.0, 40.0), (210.0, 297.0)):
                for each in seals_in(copy, width, height):
                    assert has_size_of_seal(each.width, each.height)
                    assert 0 <= each.left <= each.left + each.width <= width + 1e-6
                    assert 0 <= each.top <= each.top + each.height <= height + 1e-6


# ---------------------------------------------------------------- seeds, and how they are changed


def content_seeds() -> Sequence[bytes]:
    inside = b" S 195 295 10 10 re f"
    placed = b"q 113 0 0 113 200 300 cm /%s Do Q "
    names = (b"Im", b"Stencil", b"Grey", b"Palette")
    inline = b"q 113 0 0 113 200 300 cm BI /W 2 /H 1 /BPC 8 /CS /RGB ID abcdef EI Q"
    return [
        b"1 0 0 RG 1 0 0 rg " + _RING + inside,
        b"0 1 1 0 K q 0 1 1 0 k " + _SQUARE + inside + b" Q",
        b"/Cs1 cs 0.9 0 0 scn " + _RING + NEXT_STREAM + b"\n160 260 80 80 re f* 195 295 9 9 re f",
        b"0 0 0 rg BT /F 12 Tf 72 700 Td (Price) Tj ET 0 0 0 RG 10 10 m 500 10 l S " + _SQUARE,
        b"1 0 0 rg " + b"".join(placed % each for each in names),
        *(placed % each for each in names),
        b"/Form Do",
        inline,
        b"1 0 0 RG " + _SQUARE + b" S 1 0 0 rg BT 1 0 0 1 200 300 Tm (seal) Tj ET",
    ]


def change_content(data: bytes, dice: random.Random) -> bytes:
    return change_words(data, dice, _WORDS)


def change_words(data: bytes, dice: random.Random, words: Sequence[bytes]) -> bytes:
    """Words added, lost, doubled, moved; other blanks between them."""
    parts = re.split(rb"([\0\t\n\x0b\f\r ]+)", data)
    for _ in range(dice.randint(1, 5)):
        parts = parts or [b""]
        at = dice.randrange(len(parts))
        what = dice.randrange(6)
        if what == 0:
            parts.insert(at, dice.choice(words) + dice.choice(_BLANKS))
        elif what == 1 and len(parts) > 1:
            del parts[at : at + dice.choice((1, 1, 4))]
        elif what == 2:
            parts[at] = dice.choice(words)
        elif what == 3:
            parts[at] = dice.choice(_BLANKS)
        elif what == 4:
            parts.insert(at, parts[dice.randrange(len(parts))])
        else:
            parts[at] += dice.choice((b".", b"0", b"\\", b"/", b"-", b"(", b"%", b"<", b"]"))
    return b"".join(parts)


def file_seeds() -> Sequence[bytes]:
    """Documents of one page, plain and packed."""
    seeds = content_seeds()
    chosen = [seeds[place] for place in (0, 2, 3, 4, 5, 7, 10)]
    return [
        page_of(each, packed=place % 2 == 0, inline=place % 3 == 0)
        for place, each in enumerate(chosen)
    ]


def picture_seeds() -> Sequence[bytes]:
    """The picture of a seal in every encoding that is read."""
    with Image.open(io.BytesIO(imprint(size=_SIZE))) as seal:
        paper = Image.new("RGB", seal.size, "white")
        paper.paste(seal, mask=seal.getchannel("A"))

    def saved(kind: str) -> bytes:
        buffer = io.BytesIO()
        paper.save(buffer, kind)
        return buffer.getvalue()

    rows = paper.tobytes()
    rows = b"".join(b"\0" + rows[at : at + 3 * _SIZE] for at in range(0, len(rows), 3 * _SIZE))
    spots = paper.convert("1").tobytes()
    seeds = [
        (b"/ColorSpace/DeviceRGB", paper.tobytes()),
        (b"/ColorSpace/DeviceRGB/Filter/FlateDecode/SMask 3 0 R", zlib.compress(paper.tobytes())),
        (b"/ColorSpace/DeviceCMYK/Filter/FlateDecode", zlib.compress(bytes(4 * _SIZE * _SIZE))),
        (b"/ColorSpace/DeviceRGB/Filter/DCTDecode", saved("JPEG")),
        (b"/ColorSpace/DeviceRGB/Filter/JPXDecode", saved("JPEG2000")),
        (
            b"/ColorSpace/DeviceRGB/Filter/FlateDecode/DecodeParms<</Predictor 15/Colors 3/Columns"
            b" 40>>",
            zlib.compress(rows),
        ),
        (b"/ColorSpace[/Indexed/DeviceRGB 1<FF0000FFFFFF>]/BitsPerComponent 1", spots),
        (b"/ColorSpace[/ICCBased 3 0 R]/ImageMask false", paper.tobytes()),
    ]
    plain = _PLAIN_IMAGE.removeprefix(b"/Subtype/Image")
    one_bit = plain.replace(b"/BitsPerComponent 8", b"")
    return [
        (one_bit if b"BitsPer" in entries else plain) + entries + NEXT_STREAM + raw
        for entries, raw in seeds
    ]


def change_picture(data: bytes, dice: random.Random) -> bytes:
    """Other entries, or other bytes."""
    entries, mark, raw = data.partition(NEXT_STREAM)
    if dice.random() < 0.6:
        spaced = re.sub(rb"(?=[/\[\]<])", b" ", entries)
        entries = change_words(spaced, dice, _ENTRIES)
    elif raw:
        changed = bytearray(raw)
        for _ in range(dice.randint(1, 4)):
            at = dice.randrange(len(changed) + 1)
            changed[at : at + dice.randrange(3)] = dice.randbytes(dice.randrange(3))
        raw = bytes(changed)
    return entries + mark + raw
