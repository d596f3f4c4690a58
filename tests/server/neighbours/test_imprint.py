"""Imprints: right size, red on nothing, evenly set, and long names still inside the ring."""

import functools
import itertools
import math
import struct
from collections.abc import Callable
from pathlib import Path

import pymupdf
import pytest

from crypto.seal.application_form import MAX_NAME
from crypto.seal.kinds import PERSONAL_SIZES, SHAPES
from server_stub.neighbours import engraving, imprint_drawing
from server_stub.neighbours.imprint import SPECS, ImprintError, spec_of
from server_stub.neighbours.imprint_drawing import draw

NAME = "宿迁市云杉软件有限公司"
LONG = "宿迁市宿城区湖滨新区云杉智能装备制造与供应链管理股份有限公司"
CODES = {"seal_code": "3213020000001", "credit_code": "91321302MA27DEM06X"}
DPI = 300


class Picture:
    """Ink by millimetres from the middle of the seal."""

    def __init__(self, png: bytes, width: float, height: float) -> None:
        self.pixels = pymupdf.Pixmap(png)
        self.width, self.height = width, height

    def ink(self, x: float, y: float) -> bool:
        column = round((x + self.width / 2) / 25.4 * DPI)
        row = round((y + self.height / 2) / 25.4 * DPI)
        column = min(max(column, 0), self.pixels.width - 1)
        row = min(max(row, 0), self.pixels.height - 1)
        return bool(self.pixels.pixel(column, row)[3] > 60)

    def share(self, inside: Callable[[float, float], bool]) -> float:
        """Which part of the region carries ink (0.2 mm raster)."""
        places = [
            (x / 5, y / 5)
            for x in range(-round(self.width * 2.5), round(self.width * 2.5) + 1)
            for y in range(-round(self.height * 2.5), round(self.height * 2.5) + 1)
            if inside(x / 5, y / 5)
        ]
        return sum(self.ink(x, y) for x, y in places) / len(places)


@functools.cache
def picture(subtype: str, text: str = NAME, **more: str) -> Picture:
    spec = SPECS[subtype]
    return Picture(draw(subtype, text, dpi=DPI, **(CODES | more)), spec.width, spec.height)


def ring(inner: float, outer: float) -> Callable[[float, float], bool]:
    return lambda x, y: inner <= math.hypot(x, y) <= outer


@pytest.mark.parametrize("subtype", SPECS)
def test_a_seal_has_its_size_its_colour_and_a_transparent_ground(subtype: str) -> None:
    spec = SPECS[subtype]
    pixels = pymupdf.Pixmap(draw(subtype, NAME[:3], dpi=DPI, **CODES))
    assert pixels.alpha == 1
    assert abs(pixels.width - spec.width / 25.4 * DPI) <= 1
    assert abs(pixels.height - spec.height / 25.4 * DPI) <= 1
    samples = pixels.samples
    colours = {samples[i : i + 3] for i in range(0, len(samples), 4) if samples[i + 3] == 255}
    assert all(red >= 225 and green == blue == 0 for red, green, blue in colours)
    assert pixels.pixel(0, 0)[3] == 0  # the corner of a square seal is rounded


def test_600_dpi_is_the_default_and_small_enough_for_a_seal() -> None:
    png = draw("official", NAME, **CODES)
    assert abs(pymupdf.Pixmap(png).width - 40 / 25.4 * 600) <= 1
    assert len(png) < 300_000


def test_the_company_seal_has_a_star_of_14_mm_and_a_border_of_1_2() -> None:
    seal = picture("official")
    assert seal.ink(0, 0)
    assert seal.ink(0, -6.6)
    assert not seal.ink(0, -7.6)
    assert not seal.ink(0, 6.6)  # one point up, so none down
    assert seal.share(ring(18.95, 19.7)) > 0.99
    assert seal.share(ring(18.2, 18.5)) == 0


@pytest.mark.parametrize("subtype", ["contract", "finance"])
def test_the_special_seals_have_a_line_below_and_no_star(subtype: str) -> None:
    seal = picture(subtype)
    assert seal.share(lambda x, y: abs(x) < 7 and -6 < y < 5) == 0
    assert seal.share(lambda x, y: abs(x) < 9 and 6.8 < y < 10.2) > 0.2
    gap = seal.share(lambda x, y: 10.6 < abs(x) < 11.4 and 6.6 < y < 9)
    assert gap == 0  # the name ends before the line begins


@pytest.mark.parametrize(
    ("subtype", "text"),
    [
        ("official", "云杉公司"),
        ("official", NAME),
        ("official", LONG),
        ("official", "云" * MAX_NAME),
        ("contract", LONG),
        ("finance", LONG),
    ],
)
def test_names_of_any_length_stay_between_border_and_middle(subtype: str, text: str) -> None:
    seal = picture(subtype, text)
    radius = SPECS[subtype].width / 2
    assert seal.share(ring(radius - 2.0, radius - 1.4)) < 0.02  # clear of the border
    upper = seal.share(lambda x, y: y < -8 and radius - 7 < math.hypot(x, y) < radius - 2.2)
    assert upper > 0.08
    assert seal.share(lambda x, y: 7.4 < math.hypot(x, y) < 9 and y < 0) == 0


def test_the_seal_code_stands_on_the_lower_arc() -> None:
    def where(x: float, y: float) -> bool:
        return y > 12 and 15.5 < math.hypot(x, y) < 18.2

    assert picture("official").share(where) > 0.05
    assert picture("official", seal_code="").share(where) == 0


def test_the_invoice_seal_is_an_ellipse_with_the_credit_code_in_the_middle() -> None:
    seal = picture("invoice")

    def band(x: float, y: float) -> bool:
        return abs(x) < 12.9 and -1.2 < y < 2.2

    assert seal.share(band) > 0.15
    assert picture("invoice", credit_code="1").share(band) < 0.05
    border = seal.share(lambda x, y: 0.955 < math.hypot(x / 20, y / 15) < 0.985)
    assert border > 0.97
    assert seal.share(lambda x, y: math.hypot(x / 20, y / 15) > 1.01) == 0


def test_a_name_seal_reads_in_columns_from_the_right() -> None:
    three, two = picture("legal_representative", "王一一"), picture("legal_representative", "一一")

    def quarter(right: bool, top: bool) -> Callable[[float, float], bool]:
        return lambda x, y: 0.6 < (x if right else -x) < 8 and 0.6 < (-y if top else y) < 8

    # 王 at the top right, 一 below it and at the top left, 印 at the bottom left
    dense = {place: three.share(quarter(*place)) for place in [(True, True), (False, False)]}
    thin = {place: three.share(quarter(*place)) for place in [(True, False), (False, True)]}
    assert min(dense.values()) > 2 * max(thin.values())
    # two characters: both at the right, then 之印
    right = [two.share(quarter(True, top)) for top in (True, False)]
    left = [two.share(quarter(False, top)) for top in (True, False)]
    assert min(left) > max(right)


def test_a_department_stands_in_a_line_below_a_smaller_star() -> None:
    seal = picture("department", unit="人力资源部")
    line = seal.share(lambda x, y: abs(x) < 10 and 7 < y < 10.6)
    assert line > 0.2
    assert seal.ink(0, -1)
    assert not seal.ink(0, -7)
    assert picture("department").share(lambda x, y: abs(x) < 10 and 8 < y < 10.6) == 0


def test_a_branch_is_named_after_its_enterprise_on_the_arc() -> None:
    assert draw("branch", NAME, unit="沭阳分公司") == draw("official", f"{NAME}沭阳分公司")
    with pytest.raises(ImprintError):
        draw("branch", "云" * 38, unit="沭阳分公司")


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "name", ["李梅", "李晓梅", "欧阳晓梅", "买买提·艾力", "阿卜杜热合曼·艾力江"]
)
def test_a_personal_seal_is_the_name_alone_inside_its_border(shape: str, name: str) -> None:
    spec = spec_of("personal", shape)
    assert (spec.width, spec.height) == PERSONAL_SIZES[shape]
    seal = Picture(draw("personal", name, dpi=DPI, shape=shape), spec.width, spec.height)
    a, b = spec.width / 2, spec.height / 2

    def near_border(x: float, y: float) -> bool:
        if shape == "square":
            return a - 1.4 > max(abs(x), abs(y)) > a - 1.7
        return 1 - 1.4 / b > math.hypot(x / a, y / b) > 1 - 1.7 / b

    assert seal.share(near_border) < 0.02
    assert seal.share(lambda x, y: math.hypot(x / a, y / b) < 0.6) > 0.15


def test_a_seal_for_customs_has_the_customs_size() -> None:
    seal = picture("customs")
    assert (seal.width, seal.height) == (50, 36)
    assert seal.share(lambda x, y: abs(x) < 12 and 1.5 < y < 6) > 0.15


@pytest.mark.parametrize("axes", [(15.1, 15.1), (16.0, 11.0)])
def test_characters_are_evenly_spread_and_stand_on_the_normal(axes: tuple[float, float]) -> None:
    places = imprint_drawing._evenly(axes, 240, 21)
    steps = [math.dist(a[:2], b[:2]) for a, b in itertools.pairwise(places)]
    assert max(steps) / min(steps) < 1.03
    for x, y, turn in places:
        normal = math.degrees(math.atan2(x / axes[0] ** 2, -y / axes[1] ** 2))
        assert abs((normal - turn + 180) % 360 - 180) < 0.5
    assert abs(places[10][0]) < 0.05  # the middle one is at the top
    assert places[10][1] == pytest.approx(-axes[1], abs=0.01)


def test_without_a_font_on_the_system_the_built_in_one_serves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(imprint_drawing, "_SYSTEM_FONTS", ())
    imprint_drawing._face.cache_clear()
    try:
        assert picture("official").share(ring(12, 17)) > 0.1
    finally:
        imprint_drawing._face.cache_clear()


def test_a_given_typeface_is_used(tmp_path: Path) -> None:
    serif = Path(imprint_drawing._SYSTEM_FONTS[0])
    plain = Path(pymupdf.__file__).parent / "nowhere.ttf"
    if serif.is_file():
        assert draw("official", NAME, dpi=DPI, font=serif)
    assert draw("official", NAME, dpi=DPI, font=plain)  # missing: the next in the list


def collection_of(font: bytes) -> bytes:
    """An OpenType collection of *font* alone."""
    start, collection = 32, bytearray(b"ttcf" + struct.pack(">HHII", 2, 0, 1, 32) + bytes(16))
    collection += font
    (count,) = struct.unpack_from(">H", font, 4)
    for entry in range(start + 12, start + 12 + 16 * count, 16):
        (offset,) = struct.unpack_from(">I", collection, entry + 8)
        struct.pack_into(">I", collection, entry + 8, start + offset)
    return bytes(collection)


def test_the_first_face_of_a_collection_draws_as_it_does_alone(tmp_path: Path) -> None:
    font = pymupdf.Font("china-s").buffer
    alone, collection = tmp_path / "alone.ttf", tmp_path / "collection.ttc"
    alone.write_bytes(font)
    collection.write_bytes(collection_of(font))
    assert imprint_drawing.first_face(font) == font
    drawn = draw("contract", NAME, dpi=DPI, font=collection)
    assert drawn == draw("contract", NAME, dpi=DPI, font=alone)


@pytest.mark.parametrize("length", [4, 12, 20, 60])
def test_a_collection_that_ends_too_soon_is_left_to_mupdf(length: int) -> None:
    cut = collection_of(pymupdf.Font("china-s").buffer)[:length]
    assert imprint_drawing.first_face(cut) == cut


@pytest.mark.parametrize("text", ["", "云" * (MAX_NAME + 1), "云杉\U0010fffd公司"])
def test_what_cannot_be_cut_into_a_seal_is_refused(text: str) -> None:
    with pytest.raises(ImprintError):
        draw("official", text)


def test_the_platform_draws_in_a_process_of_its_own() -> None:
    """PyMuPDF is C, and the names come from applicants."""
    drawn = engraving.draw("contract", "宿迁市测试有限公司", seal_code="3213000000017", dpi=300)
    assert drawn == draw("contract", "宿迁市测试有限公司", seal_code="3213000000017", dpi=300)
    with pytest.raises(ImprintError, match="1 to 40"):
        engraving.draw("contract", "长" * 41)
    with pytest.raises(ImprintError, match="lacks"):
        engraving.draw("contract", "\U0001f600")
