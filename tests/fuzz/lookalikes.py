"""The search for pictures of seals in page content, fuzzed: as content of one page, and as files.

The first glance (crypto/pdf_glance.py) is a short cut and no more: where it says that a page shows
nothing red, the walk through the content must find no seal either.
"""

import io
import random
import re
import zlib
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from unittest import mock

from PIL import Image, ImageDraw

from crypto import pdf_lookalikes
from crypto.pdf_document import Document, Page, PdfError
from crypto.pdf_glance import Glance, Spent
from crypto.pdf_lookalikes import MAX_FOUND, MAX_STEPS, READS, look_alikes
from tests.crypto.pdf.workshop import build_pdf, imprint

NEXT_STREAM = b"%|"
"""Where the content is cut into several streams."""

_SIZE = 40
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
_BLANKS = [b" ", b"\n", b"\r", b"\t", b"\f", b"\0", b"\x0b", b"", b"%\n", b"  "]


@cache
def _objects() -> list[bytes]:
    """What the content can draw: objects 4 and on."""
    with Image.open(io.BytesIO(imprint(size=_SIZE))) as seal:
        paper = Image.new("RGB", seal.size, "white")
        paper.paste(seal, mask=seal.getchannel("A"))
    plain = b"/Type/XObject/Subtype/Image/Width %d/Height %d" % paper.size
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
    form = b"1 0 0 RG 1 0 0 rg " + _RING + b"S 195 295 10 10 re f"
    head = b"/Type/XObject/Subtype/Form/BBox[0 0 600 800]/Resources 4 0 R"
    names = b"/Im 5 0 R/Stencil 6 0 R/Grey 7 0 R/Palette 8 0 R/Form 9 0 R"
    return [
        b"<</XObject<<%s>>>>" % names,
        *(_flate(plain + entries, octets) for entries, octets in images),
        b"<<%s/Length %d>>stream\n%s\nendstream" % (head, len(form), form),
    ]


def _flate(entries: bytes, octets: bytes) -> bytes:
    packed = zlib.compress(octets)
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


class _Blind(Glance):
    """Leaves every page to be walked through."""

    def shows_nothing_red(self, page: Page) -> bool:
        return False


def examine_pages(data: bytes) -> None:
    """Within its bounds, without an error; and the walk finds nothing where a glance saw nothing
    red."""
    with suppress(PdfError):
        search = look_alikes(Document(io.BytesIO(data)))
        assert len(search.found) <= MAX_FOUND
    with suppress(PdfError, Spent):
        document = Document(io.BytesIO(data))
        glance = Glance(document, READS)
        black = {page.index for page in document.pages()[:8] if glance.shows_nothing_red(page)}
        _examine_black(Document(io.BytesIO(data)), black)


def _examine_black(document: Document, black: set[int]) -> None:
    steps = 0
    step = pdf_lookalikes._Walker._step

    def counting(walker: pdf_lookalikes._Walker, count: int = 1) -> None:
        nonlocal steps
        steps += 1
        step(walker, count)

    with (
        mock.patch.object(pdf_lookalikes, "Glance", _Blind),
        mock.patch.object(pdf_lookalikes, "_annotated", return_value={}),
        mock.patch.object(pdf_lookalikes, "draws_red", return_value=True),
        mock.patch.object(pdf_lookalikes._Walker, "_step", counting),
    ):
        found = {page.index for page, _ in look_alikes(document).found}
    assert steps <= MAX_STEPS + 1
    assert not found & black, f"a seal on page {min(found & black) + 1}, where nothing is red"


def examine_content(data: bytes) -> None:
    """The octets as the content of a page, plain and packed."""
    examine_pages(page_of(data))
    examine_pages(page_of(data, packed=True))


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
