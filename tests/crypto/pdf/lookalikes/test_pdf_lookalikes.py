"""Pictures of seals in the page content are pointed out; letterheads, logos and photos are not."""

import io
import math
import random
import zlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pymupdf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFilter
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name as name

from crypto.pdf.lookalikes import search as pdf_lookalikes
from crypto.pdf.lookalikes import walk
from crypto.pdf.lookalikes.prefilter import Prefilter, has_red
from crypto.pdf.lookalikes.red_shapes import is_red, is_ring, seals_in
from crypto.pdf.lookalikes.search import LookalikeSearch, look_alikes
from crypto.pdf.reading.document import Document
from crypto.report.pdf import render
from crypto.verdict import Verdict
from server_stub.neighbours.imprint import SPECS
from server_stub.neighbours.imprint_drawing import draw
from tests.world.bombs import inflating
from tests.world.documents import MM, annotate, build_pdf, classic_pdf, form_stream, run, update
from tests.world.sealing import World, codes
from tests.world.thoroughness import THOROUGH

COMPANY = "宿迁市某某科技有限公司"
FORMS = tuple({repr(spec): subtype for subtype, spec in reversed(SPECS.items())}.values())
"""A kind of seal for each way in which one is drawn."""
TEXTS = {name: "张三丰" if spec.shape == "square" else COMPANY for name, spec in SPECS.items()}
A4 = (595.276, 841.89)


def searched(data: bytes) -> LookalikeSearch:
    document = Document(io.BytesIO(data))
    return look_alikes(document)


def places_mm(data: bytes) -> list[tuple[int, float, float, float, float]]:
    """(page from 1, left, top, width, height) of what was found, A4 pages, and nothing left out."""
    search = searched(data)
    assert search.left_out == 0
    return [
        (page.index + 1, x0 / MM, (A4[1] - y1) / MM, (x1 - x0) / MM, (y1 - y0) / MM)
        for page, (x0, y0, x1, y1) in search.found
    ]


def near(found: Any, *expected: tuple[float, ...], by: float = 2.5) -> bool:
    return len(found) == len(expected) and all(
        abs(a - b) <= by
        for one, other in zip(found, expected, strict=True)
        for a, b in zip(one, other, strict=True)
    )


@cache
def impression(subtype: str = "official") -> Image.Image:
    """The picture of a real seal, on a transparent ground; not to be drawn on."""
    codes = {"seal_code": "3213000000001", "credit_code": "91321302MA0000015C"}
    picture = draw(subtype, TEXTS[subtype], dpi=300, **codes)
    return Image.open(io.BytesIO(picture)).convert("RGBA")


def paper_with(subtype: str, angle: float = 0, strength: float = 1.0) -> Image.Image:
    """A page of black lines of text at 150 dpi, stamped on paper at 100, 120 mm."""
    dots = 150 / 25.4
    paper = Image.new("RGB", (round(210 * dots), round(297 * dots)), (250, 249, 246))
    pen, rng = ImageDraw.Draw(paper), random.Random(7)
    for line in range(30, 270, 8):
        for word in range(28, 180, 6):
            height = rng.uniform(2, 3.6)
            box = [word * dots, line * dots, (word + 4.2) * dots, (line + height) * dots]
            pen.rectangle(box, outline=(20, 20, 20), width=2)
    spec = SPECS[subtype]
    size = (round(spec.width * dots), round(spec.height * dots))
    seal = impression(subtype).resize(size).rotate(angle, expand=True)
    ink = seal.getchannel("A").point(lambda value: int(value * strength))
    paper.paste(seal.convert("RGB"), (round(100 * dots), round(120 * dots)), ink)
    return paper


def jpeg(picture: Image.Image, quality: int = 60) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def with_pictures(*placed: tuple[bytes, tuple[float, float, float, float]], page: int = 0) -> bytes:
    """A4 pages with pictures at (left, top, width, height) in millimetres on one of them."""
    document = pymupdf.open()
    for _ in range(page + 1):
        document.new_page(width=A4[0], height=A4[1]).insert_text((72, 72), "Contract")
    for picture, (left, top, width, height) in placed:
        rect = pymupdf.Rect(left, top, left + width, top + height) * pymupdf.Matrix(MM, MM)
        document[page].insert_image(rect, stream=picture)
    return document.tobytes(deflate=True)


def drawn(content: str, **given: Any) -> bytes:
    return classic_pdf(content=content.encode(), **given)


def circle(x: float, y: float, radius: float) -> str:
    """A circle of four Béziers, points."""
    k = radius * 0.5523
    return (
        f"{x + radius} {y} m {x + radius} {y + k} {x + k} {y + radius} {x} {y + radius} c "
        f"{x - k} {y + radius} {x - radius} {y + k} {x - radius} {y} c "
        f"{x - radius} {y - k} {x - k} {y - radius} {x} {y - radius} c "
        f"{x + k} {y - radius} {x + radius} {y - k} {x + radius} {y} c h "
    )


# ---------------------------------------------------------------- pictures


@pytest.mark.parametrize("subtype", FORMS)
@pytest.mark.parametrize("ground", ["transparent", "white"])
def test_the_picture_of_a_seal_is_pointed_out(subtype: str, ground: str) -> None:
    picture, spec = impression(subtype), SPECS[subtype]
    if ground == "white":
        paper = Image.new("RGB", picture.size, "white")
        paper.paste(picture, mask=picture.getchannel("A"))
        picture = paper
    data = with_pictures((png(picture), (100, 150, spec.width, spec.height)), page=1)
    assert near(places_mm(data), (2, 100, 150, spec.width, spec.height))


SCANS = [(0, 1, 75), (8, 0.8, 40), (0, 0.4, 40)]
"""Angle, strength of the ink, quality of the JPEG."""


@pytest.mark.parametrize(
    ("subtype", "angle", "strength", "quality"),
    [
        # every run: each form once, and each way to scan with a third of the forms
        pytest.param(subtype, *scan, marks=() if (form + way) % 3 == 0 else pytest.mark.slow)
        for form, subtype in enumerate(FORMS)
        for way, scan in enumerate(SCANS)
    ],
)
def test_a_seal_on_a_scanned_paper_is_pointed_out(
    subtype: str, angle: float, strength: float, quality: int
) -> None:
    scan = paper_with(subtype, angle, strength).filter(ImageFilter.GaussianBlur(0.8))
    data = with_pictures((jpeg(scan, quality), (0, 0, 210, 297)))
    spec, turn = SPECS[subtype], math.radians(angle)
    width = spec.width, spec.height
    across = width[0] * math.cos(turn) + width[1] * math.sin(turn)
    down = width[1] * math.cos(turn) + width[0] * math.sin(turn)
    (found,) = places_mm(data)
    middle = (100 + across / 2, 120 + down / 2)
    assert found[0] == 1
    assert found[1] + found[3] / 2 == pytest.approx(middle[0], abs=2.5)
    assert found[2] + found[4] / 2 == pytest.approx(middle[1], abs=2.5)


@pytest.mark.parametrize("encoding", ["P", "CMYK", "16 colours", "predictor", "raw", "icc"])
def test_every_common_encoding_is_read(encoding: str) -> None:
    paper = Image.new("RGB", (400, 400), "white")
    paper.paste(impression().resize((400, 400)), mask=impression().resize((400, 400)))
    extra: list[bytes] = []
    space, bits, parameters, filtered = b"/DeviceRGB", 8, b"", b"/Filter/FlateDecode"
    raw = paper.tobytes()
    if encoding in ("P", "16 colours"):
        bits = 8 if encoding == "P" else 4
        reduced = paper.quantize(1 << bits)
        raw = reduced.tobytes("raw", "P" if bits == 8 else "P;4")
        table = bytes(reduced.getpalette() or ()).ljust(3 << bits, b"\0")[: 3 << bits]
        space = b"[/Indexed/DeviceRGB %d<%s>]" % ((1 << bits) - 1, table.hex().encode())
    elif encoding == "CMYK":
        raw, space = paper.convert("CMYK").tobytes(), b"/DeviceCMYK"
    elif encoding == "predictor":
        rows = [raw[at : at + 1200] for at in range(0, len(raw), 1200)]
        raw = b"".join(b"\0" + row for row in rows)
        parameters = b"/DecodeParms<</Predictor 15/Colors 3/Columns 400>>"
    elif encoding == "icc":
        space, extra = b"[/ICCBased 7 0 R]", [b"<</N 3/Length 0>>stream\n\nendstream"]
    data = raw if encoding == "raw" else zlib.compress(raw)
    image = b"<</Type/XObject/Subtype/Image/Width 400/Height 400/BitsPerComponent %d" % bits
    image += b"/ColorSpace%s%s%s/Length %d>>stream\n%s\nendstream" % (
        *(b" " + space, b"" if encoding == "raw" else filtered, parameters, len(data), data),
    )
    content = b"q 113.39 0 0 113.39 200 300 cm /Im Do Q"
    made = page_of(content, b"/XObject<</Im 6 0 R>>", image, *extra)
    assert near(places_mm(made), (1, 200 / MM, (A4[1] - 413.39) / MM, 40, 40))


def page_of(content: bytes, resources: bytes = b"", *objects: bytes) -> bytes:
    """One A4 page: objects 5 (content), 6 and on (*objects*)."""
    return build_pdf(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595.276 841.89]/Contents 5 0 R"
            b"/Resources<<%s>>>>" % resources,
            b"null",
            b"<</Length %d>>stream\n%s\nendstream" % (len(content), content),
            *objects,
        ]
    )


def test_an_inline_image_is_looked_at() -> None:
    paper = Image.new("RGB", (200, 200), "white")
    paper.paste(impression().resize((200, 200)), mask=impression().resize((200, 200)))
    head = b"q 113.39 0 0 113.39 200 300 cm BI /W 200 /H 200 /BPC 8 /CS /RGB /F /Fl ID "
    content = head + zlib.compress(paper.tobytes()) + b"\nEI Q 1 0 0 RG " + b"10 10 m S"
    assert near(places_mm(page_of(content)), (1, 200 / MM, (A4[1] - 413.39) / MM, 40, 40))


def test_a_red_stencil_is_pointed_out_and_a_black_one_not() -> None:
    stencil = b"<</Type/XObject/Subtype/Image/ImageMask true/Width 8/Height 8/BitsPerComponent 1"
    stencil += b"/Length 8>>stream\n\x3c\x42\x81\x81\x81\x81\x42\x3c\nendstream"
    for colour, count in ((b"1 0 0 rg", 1), (b"0 g", 0), (b"0 0 1 rg", 0)):
        content = colour + b" 10 10 5 5 re f q 113 0 0 113 200 300 cm /Im Do Q"
        assert len(places_mm(page_of(content, b"/XObject<</Im 6 0 R>>", stencil))) == count


def test_a_picture_in_a_form_in_a_form_is_found_where_it_shows() -> None:
    data = with_pictures((png(impression()), (0, 0, 40, 40)))
    inner = pymupdf.open(stream=data)
    inner[0].set_cropbox(pymupdf.Rect(0, 0, 40 * MM, 40 * MM))
    outer = pymupdf.open()
    page = outer.new_page(width=A4[0], height=A4[1])
    page.show_pdf_page(pymupdf.Rect(200, 300, 200 + 40 * MM, 300 + 40 * MM), inner, 0)
    assert near(places_mm(outer.tobytes()), (1, 200 / MM, 300 / MM, 40, 40))


def test_an_annotation_that_shows_a_seal_is_pointed_out() -> None:
    def change(writer: Any) -> None:
        content = f"1 0 0 RG 1 0 0 rg 3 w {circle(57, 57, 50)} S 50 50 14 14 re f".encode()
        form = form_stream(writer, content, (0, 0, 114, 114))
        shown = {
            name("/Type"): name("/Annot"),
            name("/Subtype"): name("/Square"),
            name("/Rect"): generic.ArrayObject(
                [generic.FloatObject(e) for e in (100, 100, 214, 214)]
            ),
            name("/AP"): generic.DictionaryObject({name("/N"): form}),
        }
        annotate(writer, writer.add_object(generic.DictionaryObject(shown)))

    found = places_mm(update(classic_pdf(), change))
    assert near(found, (1, 107 / MM, (A4[1] - 207) / MM, 100 / MM, 100 / MM), by=0.2)


# ---------------------------------------------------------------- outlines


STAR = (
    "1 0 0 rg 200 350 m 220 290 l 250 290 l 225 260 l 235 230 l 200 250 l 165 230 l 175 260 l"
    " 150 290 l 180 290 l f"
)
TEXT = "1 0 0 rg BT /F 12 Tf 1 0 0 1 100 250 Tm 70 50 Td (COMPANY) Tj ET"
POLYGON = " ".join(
    f"{200 + 55 * math.cos(step / 10 * math.pi)} {300 + 55 * math.sin(step / 10 * math.pi)}"
    f" {'l' if step else 'm'}"
    for step in range(20)
)


@pytest.mark.parametrize(
    "content",
    [
        f"1 0 0 RG 3 w {circle(200, 300, 55)} S {STAR}",
        f"0 1 1 0 K 3 w {circle(200, 300, 55)} S 0 1 1 0 k {TEXT}",
        f"/RGB CS 0.9 0.1 0.1 SC 3 w {circle(200, 300, 55)} s {STAR}",
        f"0.8 0 0 rg {circle(200, 300, 55)} {circle(200, 300, 51)} f* {TEXT}",
        f"q .1 0 0 .1 0 0 cm 1 0 0 RG {circle(2000, 3000, 550)} S Q {STAR}",
        f"1 0 0 RG q 1 0 0 0.7 0 0 cm {circle(200, 420, 55)} S Q {TEXT}",
        f"1 0 0 RG {POLYGON} h S {STAR}",
        "1 0 0 RG 1 0 0 rg 150 250 100 100 re S BT /F 20 Tf 170 300 Td (Zhang) Tj ET",
        "1 0 0 RG 1 0 0 rg 150 250 m 250 250 l 250 350 l 150 350 l s 180 280 20 20 re f",
    ],
)
def test_a_seal_drawn_in_red_outlines_is_pointed_out(content: str) -> None:
    (found,) = places_mm(drawn(content))
    assert found[0] == 1
    assert abs(found[1] + found[3] / 2 - 200 / MM) < 0.3
    assert 30 < found[3] < 42


@pytest.mark.parametrize(
    "content",
    [
        f"0 0 0 RG {circle(200, 300, 55)} S {STAR}",
        f"0 0 1 RG 1 0 0 rg {circle(200, 300, 55)} S",  # blue; the red is for filling
        f"1 0 0 RG {STAR} {circle(200, 300, 55)} n 10 10 m 20 20 l S",
        f"1 0 0 RG {circle(200, 300, 9)} S",  # 6 mm: a bullet
        f"1 0 0 rg {circle(200, 300, 55)} f",  # a disc
        f"1 0 0 rg 1 0 0 RG {circle(200, 300, 55)} B",
        "1 0 0 rg 150 250 100 100 re f 170 270 20 20 re f",
        f"1 0 0 RG {circle(250, 400, 200)} S",  # 140 mm
        f"q 1 0 0 RG Q {circle(200, 300, 55)} S {STAR}",
        f"1 0 0 RG 0 G {circle(200, 300, 55)} S {STAR}",
        f"1 0 0 RG 1 0 0 1 900 0 cm {circle(200, 300, 55)} S {STAR}",  # off the page
        "1 0 0 RG 150 250 100 100 re S",  # an empty frame
        "1 0 0 RG 150 250 100 100 re S 0 g BT /F 9 Tf 170 300 Td (black) Tj ET",
        "1 0 0 rg 0 0 595 842 re f",  # a red ground
        "1 0 0 rg 60 700 470 60 re f",
        "1 0 0 RG 2 w 60 600 m 530 600 l S",  # the rule under a letterhead
        "1 0 0 rg BT /F 46 Tf 60 700 Td (LETTERHEAD) Tj ET",
        f"1 0 0 RG (1 0 0 RG {circle(200, 300, 55)} S) pop",
        STAR,
        f"1 0 0 RG {circle(200, 300, 55)} S",  # a circle around something
        f"1 0 0 RG {circle(200, 300, 55)} S 0 g BT /F 9 Tf 180 300 Td (black) Tj ET",
        f"1 0 0 RG {circle(200, 300, 55)} S 1 0 0 rg BT /F 9 Tf 180 700 Td (elsewhere) Tj ET",
    ],
)
def test_other_red_outlines_are_left_alone(content: str) -> None:
    assert places_mm(drawn(content)) == []


# ---------------------------------------------------------------- false alarms


def test_the_red_head_of_an_official_document_is_no_seal(demo_pdf: Path) -> None:
    assert searched(demo_pdf.read_bytes()).found == []


def test_a_scan_of_an_official_document_is_no_seal(demo_pdf: Path) -> None:
    with pymupdf.open(demo_pdf) as document:
        pictures = [page.get_pixmap(dpi=110) for page in document.pages(0, 3)]
    for each in pictures:
        scan = Image.frombytes("RGB", (each.width, each.height), each.samples)
        assert places_mm(with_pictures((jpeg(scan, 50), (0, 0, 210, 297)))) == []


def logo(kind: str) -> Image.Image:
    picture = Image.new("RGB", (300, 300), "white")
    pen = ImageDraw.Draw(picture)
    match kind:
        case "disc":
            pen.ellipse((10, 10, 290, 290), fill=(220, 0, 0))
        case "square":
            pen.rectangle((0, 0, 300, 300), fill=(220, 0, 0))
            pen.text((80, 100), "LOGO", fill="white")
        case "star":
            points = [
                (150 + r * math.sin(a * math.pi / 5), 150 - r * math.cos(a * math.pi / 5))
                for a, r in ((n, 140 if n % 2 == 0 else 55) for n in range(10))
            ]
            pen.polygon(points, fill=(220, 0, 0))
        case "blue ring":
            pen.ellipse((10, 10, 290, 290), outline=(0, 0, 200), width=12)
        case "black ring":
            pen.ellipse((10, 10, 290, 290), outline=(0, 0, 0), width=12)
        case "orange":
            pen.ellipse((10, 10, 290, 290), outline=(230, 110, 30), width=12)
            pen.ellipse((110, 110, 190, 190), fill=(230, 110, 30))
        case "disc with letters":
            pen.ellipse((10, 10, 290, 290), fill=(220, 0, 0))
            for x in range(60, 240, 30):
                pen.rectangle((x, 120, x + 12, 180), fill="white")
        case "arch":
            pen.arc((10, 10, 290, 290), 180, 360, fill=(220, 0, 0), width=12)
        case "bars":
            for x in range(0, 300, 60):
                pen.rectangle((x, 0, x + 25, 300), fill=(220, 0, 0))
        case "colourful":
            picture.paste((30, 140, 60), (0, 0, 300, 300))
            pen.ellipse((10, 10, 290, 290), outline=(220, 0, 0), width=14)
    return picture


@pytest.mark.parametrize(
    "kind",
    [
        "disc",
        "disc with letters",
        "square",
        "star",
        "blue ring",
        "black ring",
        "orange",
        "arch",
        "bars",
        "colourful",
    ],
)
def test_a_logo_is_no_seal(kind: str) -> None:
    assert places_mm(with_pictures((png(logo(kind)), (30, 30, 40, 40)))) == []


def test_a_ring_of_another_size_or_proportion_is_no_seal() -> None:
    ring = Image.new("RGB", (300, 300), "white")
    pen = ImageDraw.Draw(ring)
    pen.ellipse((5, 5, 295, 295), outline=(220, 0, 0), width=12)
    assert places_mm(with_pictures((png(ring), (30, 30, 40, 40)))) == []  # with nothing in it
    pen.rectangle((120, 120, 180, 180), fill=(220, 0, 0))
    for size in ((8, 8), (100, 100), (60, 20), (15, 50)):
        assert places_mm(with_pictures((png(ring), (30, 30, *size)))) == []
    assert len(places_mm(with_pictures((png(ring), (30, 30, 40, 40))))) == 1


def test_photographs_are_no_seals() -> None:
    rng = random.Random(5)
    photo = Image.new("RGB", (600, 400))
    pen = ImageDraw.Draw(photo)
    for _ in range(400):
        x, y, size = rng.randrange(600), rng.randrange(400), rng.randrange(10, 160)
        colour = (rng.randrange(120, 255), rng.randrange(120), rng.randrange(120))
        pen.ellipse((x, y, x + size, y + size), fill=colour)
    photo = photo.filter(ImageFilter.GaussianBlur(2))
    for size in ((180, 120), (60, 40), (45, 30)):
        assert places_mm(with_pictures((jpeg(photo), (15, 40, *size)))) == []


# ---------------------------------------------------------------- the report


def test_the_report_names_page_and_place_and_stays_as_good_as_it_was(world: World) -> None:
    original = with_pictures((png(impression()), (30, 200, 40, 40)))
    report = world.verify(world.sign(original, marks=world.marks(world.first, left=120)))
    assert report.verdict is Verdict.VALID
    (mark,) = report.lookalikes
    assert (mark.page, mark.field) == (1, "")
    assert (mark.left_mm, mark.top_mm) == pytest.approx((30, 200), abs=1)
    assert report.to_json()["lookalikes"][0]["page"] == 1
    (finding,) = report.findings
    assert finding.code == "lookalike_seal"
    assert "第 1 页有形似印章的红色图案" in finding.text("zh_CN")
    assert "looks like a seal" in finding.text("en")
    paper = pymupdf.open(stream=render(report))
    assert "形似印章" in "".join(page.get_text() for page in paper).replace("\n", "")


def test_seals_of_our_own_and_stamps_are_not_pointed_out_twice(world: World) -> None:
    report = world.verify(world.sign(classic_pdf()))
    assert report.lookalikes == ()
    assert "lookalike_seal" not in codes(report)


def test_an_unsigned_document_with_the_picture_of_a_seal_is_told_so(world: World) -> None:
    report = world.verify(with_pictures((png(impression()), (30, 200, 40, 40))))
    assert report.verdict is Verdict.UNSIGNED
    assert codes(report) == {"lookalike_seal"}


def test_on_a_turned_page_the_place_is_that_which_is_shown(world: World) -> None:
    upright = pymupdf.open(stream=with_pictures((png(impression()), (30, 200, 40, 40))))
    upright[0].set_rotation(90)
    (mark,) = world.verify(upright.tobytes()).lookalikes
    assert (mark.left_mm, mark.top_mm) == pytest.approx((297 - 240, 30), abs=1)


# ---------------------------------------------------------------- bounds


def test_a_page_of_black_text_is_not_parsed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    document = pymupdf.open()
    grey = png(Image.new("L", (60, 60), 90))
    for _ in range(3):
        page = document.new_page(width=A4[0], height=A4[1])
        page.insert_text((72, 72), "Contract", color=(0, 0, 0.5))
        page.insert_image(pymupdf.Rect(100, 100, 220, 220), stream=grey)
    data = document.tobytes(deflate=True)
    monkeypatch.setattr(walk.Walker, "_walk", lambda *given: pytest.fail("walked"))
    assert places_mm(data) == []


@pytest.mark.parametrize(
    ("content", "black"),
    [
        (b"0 g 10 10 100 100 re f", True),
        (b"1 0 0 rg BT /F 9 Tf (x) Tj ET", True),  # red letters, no outline
        (b"1 0 0 rg 10 10 100 100 re f", False),
        (b"0 0 0 rg 1.0 0 0 rg 10 10 100 100 re f", False),
        (b"0 0 0 rg 0 0 0 RG 10 10 100 100 re f", True),
        (b"0 1 1 0 k 10 10 m 20 20 30 30 40 40 c f", False),
        (b"0 0 1 rg 10 10 100 100 re f", True),
        (b"/F Do", False),
        (b"BI /W 1 /H 1 ID x EI", False),
    ],
)
def test_only_what_is_plainly_black_is_passed_over(content: bytes, black: bool) -> None:
    document = Document(io.BytesIO(drawn(content.decode())))
    assert Prefilter(document, 100).shows_nothing_red(document.pages()[0]) is black


def long_document(pages: int, *sealed: int) -> bytes:
    """Pages of text, some with a picture of a seal, each its own."""
    document = pymupdf.open()
    for number in range(pages):
        page = document.new_page(width=A4[0], height=A4[1])
        lines = "\n".join(f"{number}.{line} Nothing else is owed." for line in range(40))
        page.insert_text((60, 60), lines, fontsize=9)
    picture = impression().resize((236, 236))
    for number in sealed:
        picture.putpixel((0, 0), (number, 0, 0, 1))
        buffer = io.BytesIO()
        picture.save(buffer, "PNG", compress_level=1)
        rect = pymupdf.Rect(400, 600, 513, 713)
        document[number].insert_image(rect, stream=buffer.getvalue())
    return document.tobytes(deflate=True)


def test_every_page_of_a_long_document_is_searched(world: World) -> None:
    report = world.verify(long_document(120, 0, 60, 100, 119))
    assert [mark.page for mark in report.lookalikes] == [1, 61, 101, 120]
    assert "lookalikes_not_searched" not in codes(report)


@pytest.mark.parametrize("pages", [60, pytest.param(250, marks=pytest.mark.slow)])
def test_a_picture_of_a_seal_on_each_of_many_pages_is_found(pages: int) -> None:
    search = searched(long_document(pages, *range(pages)))
    assert [page.index for page, _ in search.found] == list(range(pages))
    assert search.skipped == []


def test_places_beyond_those_told_one_by_one_are_told_by_their_pages(world: World) -> None:
    report = world.verify(long_document(30, *range(30)))
    assert [mark.page for mark in report.lookalikes] == list(range(1, 31))
    found = [finding for finding in report.findings if finding.code.startswith("lookalike")]
    assert [finding.code for finding in found] == ["lookalike_seal"] * 20 + ["lookalike_seals_more"]
    assert found[-1].details == {"count": "10", "pages": "21–30"}


def test_pages_for_which_there_was_no_time_are_named(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pdf_lookalikes, "SECONDS", -1.0)
    report = world.verify(long_document(5))
    (finding,) = (each for each in report.findings if each.code == "lookalikes_not_searched")
    assert finding.details == {"count": "5", "pages": "1–5"}


def test_a_slow_page_costs_no_other_its_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk, "MAX_STEPS", 500)
    document = pymupdf.open(stream=long_document(2, 1))
    slow = document.new_page(pno=0, width=A4[0], height=A4[1])
    slow.insert_text((60, 60), "x")
    data = document.tobytes(deflate=True)
    rings = (circle(200, 300, 55) + "S ").encode() * 300
    number = pymupdf.open(stream=data)[0].get_contents()[0]
    document = pymupdf.open(stream=data)
    document.update_stream(number, b"1 0 0 RG " + rings)
    search = searched(document.tobytes())
    assert search.skipped == [0]
    assert [page.index for page, _ in search.found][-1] == 2


def test_a_seal_drawn_as_clips_and_filled_rectangles_is_pointed_out() -> None:
    """As one common writer of PDF draws shapes."""
    ring = circle(300, 600, 56) + circle(300, 600, 50)
    content = f"1 0 0 rg q {ring} W* n 240 540 120 120 re f Q "
    star = "300 620 m 310 590 l 280 610 l 320 610 l 290 590 l h"
    content += f"q {star} W* n 240 540 120 120 re f Q"
    assert near(places_mm(drawn(content)), (1, 86, 65, 39.5, 39.5))
    disc = f"1 0 0 rg q {circle(300, 600, 56)} W* n 240 540 120 120 re f Q"
    assert places_mm(drawn(disc)) == []


def test_a_picture_of_two_colours_neither_of_them_red_does_not_stop_the_search() -> None:
    image = b"<</Type/XObject/Subtype/Image/Width 9/Height 9/BitsPerComponent 1/Length 4"
    image += b"/ColorSpace[/Indexed/DeviceRGB 1<000000FFFFFF>]/Filter/CCITTFaxDecode>>"
    image += b"stream\nabcd\nendstream"
    content = b"q 113 0 0 113 200 300 cm /Im Do Q"
    search = searched(page_of(content, b"/XObject<</Im 6 0 R>>", image))
    assert (search.skipped, search.found) == ([], [])


def test_a_picture_in_the_place_of_a_signature_is_told_as_protected_by_it(world: World) -> None:
    picture = with_pictures((png(impression()), (30, 200, 40, 40)))
    sealed = world.sign(picture, marks=world.marks(world.first, left=30, top=200))
    report = world.verify(sealed)
    assert report.lookalikes == ()
    (finding,) = (each for each in report.findings if each.code.startswith("lookalike"))
    assert finding.code == "lookalike_protected"
    assert finding.details["page"] == "1"
    assert "保护" in finding.text("zh_CN")
    elsewhere = world.sign(picture, marks=world.marks(world.first, left=120, top=200))
    assert "lookalike_seal" in codes(world.verify(elsewhere))


def test_no_more_places_are_listed_than_a_person_reads() -> None:
    content = "1 0 0 RG 1 0 0 rg " + " ".join(
        circle(40 + 60 * x, 40 + 60 * y, 20) + f"S {37 + 60 * x} {37 + 60 * y} 6 6 re f"
        for x in range(9)
        for y in range(12)
    )
    assert len(places_mm(drawn(content))) == pdf_lookalikes.MAX_FOUND


def flate(data: bytes) -> bytes:
    return b"<</Filter/FlateDecode/Length %d>>stream\n%s\nendstream" % (len(data), data)


HOSTILE: dict[str, Sequence[bytes]] = {
    "brackets": (b"1 0 0 rg 1 1 1 1 re " + b"((((" * 200_000, b""),
    "escapes": (b"1 0 0 rg 1 1 1 1 re " + b"\\(" * 400_000, b""),
    "numbers": (b"1 0 0 rg 1 1 1 1 re " + b"1 " * 400_000, b""),
    "a long number": (b"1 0 0 rg 1 1 1 1 re " + b"1" * 900_000, b""),
    "names": (b"1 0 0 rg 1 1 1 1 re " + b"/a" * 400_000, b""),
    "blanks": (b"1 0 0 rg 1 1 1 1 re " + b" " * 900_000, b""),
    "angles": (b"1 0 0 rg 1 1 1 1 re " + b"<" * 900_000, b""),
    "comments": (b"1 0 0 rg 1 1 1 1 re " + b"%\n" * 400_000, b""),
    "bytes": (b"1 0 0 rg 1 1 1 1 re " + b"\x80\xff" * 400_000, b""),
    "colours": (b"1 1 1 1 re " + b"0 0 1 rg " * 100_000, b""),
    "letters": (b"1 1 1 1 re " + b"k" * 900_000, b""),
    "states": (b"1 0 0 rg 1 1 1 1 re " + b"q " * 400_000, b""),
    "paths": (b"1 0 0 rg " + b"1 1 m 2 2 l " * 70_000, b""),
    "a path": (b"1 0 0 rg 1 1 m " + b"9 9 l " * 140_000 + b"f", b""),
    "rings": (b"1 0 0 RG " + (circle(200, 300, 55) + "S ").encode() * 3_000, b""),
    "squares": (b"1 0 0 RG 1 0 0 rg " + b"9 9 99 99 re S 9 9 1 1 re f " * 20_000, b""),
    "inline images": (b"BI ID x " * 100_000, b""),
    "inline images without data": (b"BI " * 300_000, b""),
    "matrices": (b"1 0 0 rg 1 1 1 1 re " + b"9999999 0 0 9999999 0 0 cm " * 30_000, b""),
}


PART = 1 if THOROUGH else 5
"""Every run follows a part of the steps that a page may take, through a part of the content."""


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_content_ends_soon(
    content: Sequence[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Soon: after a bounded number of steps, each of bounded work."""
    steps: list[int] = []
    step = walk.Walker._step

    def counting(self: Any, count: int = 1) -> None:
        steps.append(count)
        step(self, count)

    monkeypatch.setattr(walk.Walker, "_step", counting)
    monkeypatch.setattr(walk, "MAX_STEPS", walk.MAX_STEPS // PART)
    search = searched(page_of(content[0][: len(content[0]) // PART]))
    assert len(steps) <= walk.MAX_STEPS + 1
    assert len(search.found) <= pdf_lookalikes.MAX_FOUND


def test_content_that_unpacks_to_no_end_is_left_out() -> None:
    data = build_pdf(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Count 2/Kids[3 0 R 4 0 R]>>",
            *[b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents[5 0 R 5 0 R]>>"] * 2,
            flate(inflating(67)),
        ]
    )
    assert searched(data).left_out == 2


def test_forms_that_call_each_other_end() -> None:
    form = b"<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</F 6 0 R>>>>/Length 12"
    form += b">>stream\n/F Do /F Do \nendstream"
    search = searched(page_of(b"/F Do", b"/XObject<</F 6 0 R>>", form))
    assert search.left_out == 1


@pytest.mark.parametrize(
    "entries",
    [
        b"/Width 99999/Height 99999/ColorSpace/DeviceRGB/BitsPerComponent 8",
        b"/Width -1/Height 4/ColorSpace/DeviceRGB/BitsPerComponent 8",
        b"/Width 4/Height 4/ColorSpace/DeviceRGB/BitsPerComponent 16",
        b"/Width 4/Height 4/ColorSpace/DeviceRGB/BitsPerComponent 8",  # too short
        b"/Width 4/Height 4/ColorSpace/DeviceRGB/BitsPerComponent 8/Filter/LZWDecode",
        b"/Width 4/Height 4/ColorSpace/DeviceRGB/BitsPerComponent 8/Filter/FlateDecode",
        b"/Width 4/Height 4/ColorSpace/DeviceRGB/BitsPerComponent 8/Filter/DCTDecode",
        b"/Width 4/Height 4/ColorSpace/DeviceRGB/BitsPerComponent 8/Filter/JPXDecode",
        b"/Width 4/Height 4/ColorSpace[/Indexed/DeviceRGB 255 (x)]/BitsPerComponent 3",
        b"/Width (a)/Height 4/ColorSpace/DeviceRGB/BitsPerComponent 8",
        b"/Width 4/Height 4/ColorSpace[/Indexed[/Indexed[/Indexed]]]/BitsPerComponent 8",
        b"/Width 4/Height 4/ColorSpace/DeviceRGB/BitsPerComponent 8/Filter/FlateDecode"
        b"/DecodeParms<</Predictor 15>>",
    ],
)
def test_a_picture_that_cannot_be_read_is_counted_and_the_rest_is_searched(entries: bytes) -> None:
    image = b"<</Type/XObject/Subtype/Image%s/Length 4>>stream\nabcd\nendstream" % entries
    ring = (circle(300, 600, 50) + "S 290 590 20 20 re f").encode()
    content = b"q 113 0 0 113 200 300 cm /Im Do Q 1 0 0 RG 1 0 0 rg " + ring
    search = searched(page_of(content, b"/XObject<</Im 6 0 R>>", image))
    assert search.left_out == 1
    assert len(search.found) == 1


def test_no_more_pictures_are_decoded_than_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    copied: list[Any] = []
    small_copy = walk.small_copy

    def counting(image: Any, room: int) -> Any:
        copy = small_copy(image, room)
        copied.append(image)
        return copy

    monkeypatch.setattr(walk, "small_copy", counting)
    monkeypatch.setattr(walk, "MAX_PICTURES", 12)
    document = pymupdf.open()
    for number in range(20):
        page = document.new_page(width=A4[0], height=A4[1])
        picture = Image.new("RGB", (50, 50), (number * 5, 255, 255))
        page.insert_image(pymupdf.Rect(100, 100, 213, 213), stream=png(picture))
    search = searched(document.tobytes(deflate=True))
    assert len(copied) == walk.MAX_PICTURES
    assert search.left_out == 20 - walk.MAX_PICTURES


def test_one_picture_on_many_pages_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    data = with_pictures((png(impression()), (30, 200, 40, 40)))
    document = pymupdf.open(stream=data)
    for _ in range(15):
        document.fullcopy_page(0)
    copied: list[Any] = []
    small_copy = walk.small_copy
    monkeypatch.setattr(walk, "small_copy", lambda *given: copied.append(1) or small_copy(*given))
    search = searched(document.tobytes(deflate=True))
    assert len(search.found) == 16
    assert len(copied) == 1


WORDS = st.sampled_from(
    ["q", "Q", "cm", "rg", "RG", "k", "S", "f", "f*", "m", "l", "c", "re", "h", "n", "Do", "BI",
     "BT", "Tm", "Td", "Tj", "/Im", "1", "0", "-40", "99.5", "(a", "b)", "<", ">", "[", "]", "%",
     "\n", "ID", "EI", "scn", "/", "''", '"', "\\", "1e9", "--5", ".", "9" * 500]
)  # fmt: skip


@given(st.lists(WORDS, max_size=80))
def test_any_content_is_walked_through(words: list[str]) -> None:
    image = b"<</Type/XObject/Subtype/Image/Width 1/Height 1/ColorSpace/DeviceRGB"
    image += b"/BitsPerComponent 8/Length 3>>stream\nabc\nendstream"
    content = "1 0 0 rg 1 0 0 RG 9 9 99 99 re f " + " ".join(words)
    searched(page_of(content.encode(), b"/XObject<</Im 6 0 R>>", image))


@given(st.binary(max_size=400))
def test_any_bytes_are_walked_through(raw: bytes) -> None:
    searched(page_of(b"1 0 0 rg 9 9 99 99 re f " + raw))


# ---------------------------------------------------------------- shapes


def test_reds_are_told_from_other_colours() -> None:
    for red in ((1, 0, 0), (0.9, 0, 0), (0.75, 0.1, 0.15), (0.95, 0.6, 0.62)):
        assert is_red(*red), red
    for other in (
        (0, 0, 0),
        (1, 1, 1),
        (1, 0.6, 0),
        (1, 0.9, 0.9),
        (0.5, 0, 0.5),
        (0.3, 0, 0),
        (0.9, 0.67, 0.55),
    ):
        assert not is_red(*other), other


@given(st.floats(1, 500), st.floats(1, 500), st.floats(-900, 900), st.integers(4, 60))
def test_points_on_an_ellipse_are_a_ring(a: float, b: float, x: float, count: int) -> None:
    angles = [2 * math.pi * each / count for each in range(count)]
    points = [(x + a * math.cos(each), b * math.sin(each)) for each in angles]
    if count % 4 == 0:  # else the box around them is smaller than the ellipse
        assert is_ring(points)
    assert not is_ring([*points, (x + a, b)])
    assert not is_ring([(x, 0.0)] * count)


def test_a_picture_of_no_extent_or_absurd_extent_holds_no_seal() -> None:
    ring = logo("disc")
    for size in ((0, 0), (0.1, 40), (5000, 5000)):
        assert seals_in(ring, *size) == []


def test_the_judge_sees_the_same_place(tmp_path: Path) -> None:
    """Poppler shows red where the search says so."""
    path = tmp_path / "seal.pdf"
    path.write_bytes(with_pictures((png(impression()), (30, 200, 40, 40))))
    done = run("pdftoppm", "-r", "100", "-singlefile", "-png", path, tmp_path / "page")
    assert done.returncode == 0
    picture = Image.open(tmp_path / "page.png").convert("RGB")
    red, green, _ = picture.split()
    mask = Image.composite(
        red, Image.new("L", picture.size), green.point(lambda v: 255 * (v < 140))
    ).point(lambda v: 255 * (v > 180))
    box = mask.getbbox()
    assert box is not None
    left, top, right, bottom = (each / 100 * 25.4 for each in box)
    found = places_mm(path.read_bytes())
    assert near(found, (1, left, top, right - left, bottom - top), by=1.5)


@pytest.mark.parametrize("blank", [b" ", b"\n", b"\t", b"\r", b"\f", b"\0"])
def test_a_red_is_seen_whatever_blank_stands_before_its_operator(blank: bytes) -> None:
    assert has_red(b"0 0 0 rg 1 0 0" + blank + b"rg 0 0 9 9 re f")
    assert not has_red(b"0 0 0 rg 0 0 0" + blank + b"rg 0 0 9 9 re f")


LONG = b"0.9" + b"0" * 70
SQUARE = b"150 250 100 100 re S 190 290 20 20 re f"


@pytest.mark.parametrize(
    "content",
    [
        b"1 0 0 RG 1 0 0 rg 150. 250. 100. 100. re S 190. 290. 20. 20. re f",
        b"1 0 0 RG 1 0 0 rg 150 250 100 100 re\0S 190 290 20 20 re\0f",
        b"1 0 0 RG 1 0 0 rg 150 250 100 100 re[S 190 290 20 20 re[f",
        b"*1 0 0 RG *1 0 0 rg " + SQUARE,
        b"1\x0b0\x0b0 RG 1\x0b0\x0b0 rg " + SQUARE,
        LONG + b" 0 0 RG " + LONG + b" 0 0 rg " + SQUARE,
        b"/Form\0Do",
        b"/Form q Do Q",
        b"/Form % remark\n Do",
        b"/Form [] Do",
    ],
    ids=[
        *("dotted", "nul", "bracket", "after a delimiter", "vertical tab", "long numbers"),
        *("name and nul", "name and state", "name and remark", "name and list"),
    ],
)
def test_what_the_walk_finds_is_not_passed_over_at_a_glance(content: bytes) -> None:
    form = b"1 0 0 RG 1 0 0 rg " + SQUARE
    drawn_by = b"<</Type/XObject/Subtype/Form/BBox[0 0 600 800]/Length %d>>stream\n%s\nendstream"
    data = page_of(content, b"/XObject<</Form 6 0 R>>", drawn_by % (len(form), form))
    document = Document(io.BytesIO(data))
    assert not Prefilter(document, 100).shows_nothing_red(document.pages()[0])
    assert len(searched(data).found) == 1


def test_a_number_without_a_blank_behind_it_has_no_operator() -> None:
    assert searched(page_of(b"1 0 0RG 1 0 0rg " + SQUARE)).found == []
    assert searched(page_of(b"1 0 0 RG 1 0 0 rg 0 0 0 g 0 G " + SQUARE)).found == []


def two_pictures(page: bytes, listed: bytes) -> bytes:
    """A page whose entries are *page*, with *listed* as object 4. 6 is the picture of a red seal,
    7 a grey one, 8 content that draws /Im, 9 content that draws nothing, 10 a list of /Im."""
    paper = Image.new("RGB", (200, 200), "white")
    paper.paste(impression().resize(paper.size), mask=impression().resize(paper.size))
    image = b"/Type/XObject/Subtype/Image/Width 200/Height 200/BitsPerComponent 8/ColorSpace"
    streams = [
        (image + b"/DeviceRGB", paper.tobytes()),
        (image + b"/DeviceGray", bytes(200 * 200)),
        (b"", b"q 113.39 0 0 113.39 200 300 cm /Im Do Q"),
        (b"", b"0 g"),
    ]
    return build_pdf(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Count 1/Kids[3 0 R]/Resources<</XObject<</Im 6 0 R>>>>>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595.276 841.89]%s>>" % page,
            listed,
            b"null",
            *(
                b"<<%s/Length %d>>stream\n%s\nendstream" % (entries, len(raw), raw)
                for entries, raw in streams
            ),
            b"<</Im 6 0 R>>",
        ]
    )


@pytest.mark.parametrize(
    ("page", "listed"),
    [
        (b"/A<</Contents 9 0 R>>/Contents 8 0 R/Resources<</XObject<</Im 6 0 R>>>>", b"null"),
        (b"/Contents 8 0 R/A<</Resources<</XObject<</Im 7 0 R>>>>>>", b"null"),
        (b"/Contents 8 0 R/A<</Resources 4 0 R>>", b"<</XObject<</Im 7 0 R>>>>"),
        (b"/Contents 8 0 R/Resources 4 0 R", b"<</A<</XObject<</Im 7 0 R>>>>/XObject 10 0 R>>"),
        (
            b"/A<</XObject<</Im 7 0 R>>>>/Contents 8 0 R/Resources<</XObject<</Im 6 0 R>>>>",
            b"null",
        ),
    ],
    ids=["contents", "resources", "resources elsewhere", "pictures", "pictures of the page"],
)
def test_entries_of_a_dictionary_inside_are_not_taken_for_the_pages(
    page: bytes, listed: bytes
) -> None:
    found = places_mm(two_pictures(page, listed))
    assert near(found, (1, 200 / MM, (A4[1] - 413.39) / MM, 40, 40))


def test_a_stencil_that_names_a_grey_is_painted_red_all_the_same() -> None:
    stencil = b"<</Type/XObject/Subtype/Image/Width 8/Height 8/ImageMask true/ColorSpace/DeviceGray"
    stencil += b"/BitsPerComponent 1/Length 8>>stream\n\0\0\0\0\0\0\0\0\nendstream"
    content = b"1 0 0 rg q 113 0 0 113 200 300 cm /Im Do Q"
    assert len(searched(page_of(content, b"/XObject<</Im 6 0 R>>", stencil)).found) == 1


def test_content_that_is_longer_than_it_says_is_not_judged_at_a_glance() -> None:
    seal = b"1 0 0 RG 1 0 0 rg " + SQUARE
    data = page_of(b"0 g " + seal).replace(b"/Length %d>>" % (len(seal) + 4), b"/Length 4 >>")
    document = Document(io.BytesIO(data))
    assert not Prefilter(document, 100).shows_nothing_red(document.pages()[0])
