"""Pages with a unit of their own (/UserUnit): MuPDF draws them so large, PDFium as though they had
none, and what the static review accepts stands in the same place for both."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name as name

from crypto.pdf.looking.layer import Task, look_with_engines
from crypto.pdf.looking.pictures import changed_pages
from crypto.pdf.marks.drawing import Mark
from crypto.pdf.marks.drawn import draw_with_engines
from crypto.pdf.reading.document import Document
from crypto.pdf.verify import verify_pdf
from crypto.rendering.compare import Box, Kind, Place
from crypto.rendering.drawing import MAX_PIXELS
from crypto.rendering.engines import opened
from crypto.rendering.looker import GROUPS, Order, Sealed, look_when_told
from crypto.report.pictures import pictures_of
from crypto.verdict import Report, Verdict
from tests.world.documents import append_revision, classic_pdf, first_page, update
from tests.world.ofd_seals import Design, pixel_ofd, pixels
from tests.world.sealing import MADE_AT, NOW, World, codes
from tests.world.seals import seal_of

MM = 72 / 25.4
DESIGN = Design()
GOOD = (Verdict.VALID, Verdict.VALID_CHANGED_LATER)
PRICE = b"BT /F 24 Tf 72 700 Td (Price 1000) Tj ET"
WIDGET = b"<</Type/Annot/Subtype/Widget/FT/Tx/T(A)/Rect[60 600 360 640]/F 4/P 5 0 R"
WIDGET += b"/DA(/F 18 Tf 0 g)%s>>"
LOOK = b"<</Type/XObject/Subtype/Form/BBox[0 0 300 40]/Resources<</Font<</F 3 0 R>>>>"
FIELD, FILLED = 6, 7


def stream(entries: bytes, data: bytes) -> bytes:
    return entries + b"/Length %d>>stream\n%s\nendstream" % (len(data), data)


def form(unit: bytes, **options: Any) -> bytes:
    """A page with an empty field, and its /UserUnit as written."""
    entries = b"/Annots[6 0 R]" + (b"/UserUnit " + unit if unit else b"")
    catalog = b"/AcroForm<</Fields[6 0 R]/DR<</Font<</F 3 0 R>>>>/DA(/F 18 Tf 0 g)>>"
    options.setdefault("extra", [WIDGET % b""])
    return classic_pdf(annots=entries, catalog=catalog, **options)


def fill(data: bytes, *more: bytes, at: bytes = b"4 12") -> bytes:
    """A later revision with 12,000 in the field, and *more* drawn in its look."""
    text = b"/Tx BMC BT 0 g /F 18 Tf %s Td (12,000) Tj ET EMC" % at
    looks = {
        FIELD: WIDGET % b"/V(12,000)/AP<</N 90 0 R>>",
        90: stream(LOOK, b" ".join((text, *more))),
    }
    return append_revision(data, looks)


def sealed(world: World, unit: bytes) -> bytes:
    """Sealed in the lower part of the page, whatever its size is in millimetres."""
    original = form(unit)
    width, height = Document(io.BytesIO(original)).pages()[0].size_mm
    marks = world.marks(world.first, left=width * 0.6, top=height * 0.6)
    return world.sign(original, marks=marks)


def looked_at(world: World, data: bytes) -> Report:
    return verify_pdf(io.BytesIO(data), "x.pdf", world.trust, NOW, look=look_with_engines)


@pytest.mark.parametrize("unit", [1.0, 1.5, 2.0, 2.5, 10.0, 75.0])
def test_a_field_that_was_filled_in_is_told_and_good(world: World, unit: float) -> None:
    report = looked_at(world, fill(sealed(world, b"%.4f" % unit)))
    assert report.verdict is Verdict.VALID_CHANGED_LATER
    (change,) = report.signatures[0].changed_later
    assert (change.kind, change.after) == ("field_filled", "12,000")
    left, top, width, height = (number * unit / MM for number in (60, 841.89 - 640, 300, 40))
    assert change.box_mm == pytest.approx((left, top, width, height), abs=0.1 * unit)


@pytest.mark.parametrize("unit", [0.5, 1.0, 2.0, 3.3])
def test_a_second_seal_is_good(world: World, unit: float) -> None:
    first = sealed(world, b"%.4f" % unit)
    both = world.sign(first, world.second, world.marks(world.second, left=5, top=10))
    report = looked_at(world, both)
    assert report.verdict is Verdict.VALID
    assert codes(report.signatures[0]) & {"look_differs", "look_failed"} == set()


@pytest.mark.parametrize(
    "unit", [b"5 0 R", b"8 0 R", b"2.", b"+2", b"(2)", b"null", b"[2]", b"/Two"]
)
def test_a_unit_is_read_as_engines_read_it(unit: bytes) -> None:
    """A reference to a number, and what is no number."""
    data = form(unit, extra=[WIDGET % b"", b"null", b"2"])
    (page,) = Document(io.BytesIO(data)).pages()
    width, _ = opened("MuPDF", data, None).size(0)
    assert width == pytest.approx(page.size_mm[0] * MM, rel=1e-5)


def test_a_unit_is_not_inherited() -> None:
    node = b"<</Type/Pages/Count 1/Kids[5 0 R]/UserUnit 2>>"
    data = append_revision(classic_pdf(), {2: node})
    assert opened("MuPDF", data, None).size(0)[0] == pytest.approx(595.276, rel=1e-5)
    (page,) = Document(io.BytesIO(data)).pages()
    assert page.unit == 1.0


# ---------------------------------------------------------------- hostile


def with_unit(data: bytes, unit: bytes) -> bytes:
    """A later revision that gives the page another unit."""

    def change(writer: Any) -> None:
        page = first_page(writer)
        page.pop(name("/UserUnit"), None)
        if unit:
            page[name("/UserUnit")] = generic.read_object(io.BytesIO(unit + b" "), None)
        writer.mark_update(page.container_ref)

    return update(data, change)


HOSTILE: dict[str, Callable[[bytes], bytes]] = {
    "the price": lambda data: append_revision(data, {4: stream(b"<<", PRICE.replace(b"1", b"9"))}),
    "filled and the price": lambda data: append_revision(
        fill(data), {4: stream(b"<<", PRICE.replace(b"1", b"9"))}
    ),
    "filled beside its box": lambda data: fill(data, b"0 g 0 -200 300 20 re f").replace(
        b"/BBox[0 0 300 40]", b"/BBox[0 -200 300 40]"
    ),
    "a box as the engines see it without the unit": lambda data: append_revision(
        fill(data), {4: stream(b"<<", PRICE + b" 0 g 30 725 150 20 re f")}
    ),
}


@pytest.mark.parametrize("unit", [b"0.01", b"0.5", b"2", b"10", b"1000"])
@pytest.mark.parametrize("change", HOSTILE)
def test_what_shows_otherwise_is_never_good(world: World, change: str, unit: bytes) -> None:
    signed = world.sign(form(unit), marks=[])
    assert looked_at(world, signed).signatures[0].intact
    report = looked_at(world, HOSTILE[change](signed))
    assert report.verdict not in GOOD


@pytest.mark.parametrize("unit", [b"0.01", b"0.1", b"0.5", b"2", b"10", b"100"])
@pytest.mark.parametrize("same_size", [False, True])
def test_every_engine_sees_a_change_of_the_page_whatever_its_unit(
    unit: bytes, *, same_size: bool
) -> None:
    """Whatever the static review would say of it: a digit is another, beside a place that is
    explained; the page is larger by the unit, or the numbers on it are smaller."""
    factor = 1 / float(unit) if same_size else 1.0
    scale = b"%.8f 0 0 %.8f 0 0 cm " % (factor, factor)
    media = (0, 0, 595.276 * factor, 841.89 * factor)
    first = form(unit, content=scale + PRICE, media=media)
    later = append_revision(first, {4: stream(b"<<", scale + PRICE.replace(b"1", b"9"))})
    (page,) = Document(io.BytesIO(first)).pages()
    shown = factor * page.unit / MM  # millimetres of what a point of PRICE shows
    place = Place(0, Box(60 * shown, 201 * shown, 300 * shown, 40 * shown), Kind.FILL)
    task = Task(later, None, (Sealed(len(first), (place,), (0,)),), units={0: page.unit})
    seen = look_with_engines(task)
    assert [each.engine for each in seen.differences] == ["MuPDF", "PDFium"]
    for each in seen.differences:
        (box,) = each.boxes
        digit = Box(137.0 * shown, 124 * shown, 13.0 * shown, 19 * shown)
        assert box.left == pytest.approx(digit.left, abs=3 * shown + 0.2)
        assert box.top == pytest.approx(digit.top, abs=3 * shown + 0.2)
        assert box.width < digit.width + 2 * shown
        assert box.height < digit.height + 2 * shown


@pytest.mark.parametrize(
    ("then", "now"),
    [(b"2", b"3"), (b"", b"2"), (b"2", b""), (b"2", b"-2"), (b"2", b"0"), (b"1000", b"1000.1")],
)
def test_another_unit_is_another_page(world: World, then: bytes, now: bytes) -> None:
    data = form(then)
    for signed in (world.sign(data, marks=[]), data):
        later = with_unit(signed, now)
        if signed is not data:
            assert looked_at(world, later).verdict is Verdict.INVALID
        units = {page.index: page.unit for page in Document(io.BytesIO(later)).pages()}
        seen = look_with_engines(Task(later, None, (Sealed(len(signed), (), (0,)),), units=units))
        assert seen.differences or seen.failed


def test_another_unit_in_an_object_of_its_own_is_another_page(world: World) -> None:
    signed = world.sign(form(b"7 0 R", extra=[WIDGET % b"", b"2"]), marks=[])
    assert looked_at(world, fill(signed)).verdict is Verdict.VALID_CHANGED_LATER
    for now in (b"3", b"2.5", b"null", b"<<>>"):
        later = append_revision(fill(signed), {7: now})
        assert looked_at(world, later).verdict not in GOOD


@pytest.mark.parametrize("unit", [b"0", b"-2", b"-0.0001"])
def test_a_unit_of_nothing_or_less_leaves_a_filling_unknown(world: World, unit: bytes) -> None:
    """MuPDF turns such a page round or does not draw it; others draw it as usual."""
    report = looked_at(world, fill(world.sign(form(unit), marks=[])))
    assert report.verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("width", [0.06, 0.6, 6.0, 60.0])
def test_a_change_of_a_tiny_page_is_seen(width: float) -> None:
    """Viewers show it as large as the window."""
    scale = b"%.8f 0 0 %.8f 0 0 cm " % (width / 595.276, width / 595.276)
    media = (0, 0, width, width * 1.414)
    first = classic_pdf(content=scale + PRICE, media=media)
    later = append_revision(first, {4: stream(b"<<", scale + PRICE.replace(b"1", b"9"))})
    far = Place(0, Box(0, width / MM, width / MM, 0.2 * width / MM), Kind.FILL)
    seen = look_with_engines(Task(later, None, (Sealed(len(first), (far,), (0,)),)))
    assert [each.engine for each in seen.differences] == ["MuPDF", "PDFium"]
    if width > 1:  # MuPDF draws no page smaller than a point
        assert all(box.top < 0.4 * width / MM for each in seen.differences for box in each.boxes)


@pytest.mark.parametrize(
    ("then", "now", "good"),
    [(b"", b"1", True), (b"1", b"", True), (b"2", b"2.0", True), (b"", b"(1)", False),
     (b"", b"0", False), (b"2", b"1", False)],
)  # fmt: skip
def test_a_unit_that_goes_without_saying_may_be_written(
    world: World, then: bytes, now: bytes, *, good: bool
) -> None:
    later = with_unit(world.sign(form(then), marks=[]), now)
    assert (looked_at(world, later).verdict in GOOD) == good


# ---------------------------------------------------------------- what it costs


@pytest.mark.parametrize("engine", ["MuPDF", "PDFium"])
@pytest.mark.parametrize("unit", [0.0001, 0.1, 2.0, 75.0, 1000.0, 75_000.0, 1e6])
def test_no_unit_makes_a_giant_picture(engine: str, unit: float) -> None:
    data = form(b"%.4f" % unit)
    document = opened(engine, data, None, units={0: unit})
    assert document.size(0) == pytest.approx((595.276 * unit, 841.89 * unit), rel=1e-4)
    drawn = document.draw(0, 100.0)
    assert drawn.width * drawn.height <= MAX_PIXELS * 1.01
    assert drawn.width / drawn.mm == pytest.approx(595.276 * unit / MM, rel=0.01, abs=0.26)


class Said:
    """A channel that keeps what is said."""

    def __init__(self, order: Order) -> None:
        self.order, self.said = order, list[dict[str, Any]]()

    def receive(self) -> Order:
        return self.order

    def waiting(self) -> bool:
        return False

    def send(self, head: dict[str, Any], *parts: bytes) -> None:
        self.said.append(head)


@pytest.mark.parametrize("unit", [0.001, 1000.0])
def test_a_page_of_another_unit_that_differs_everywhere_is_told_in_time(unit: float) -> None:
    """In cells of some pixels, however much of the page a pixel is."""
    dots = b" ".join(b"%d %d 3 3 re" % (x, y) for x in range(0, 590, 9) for y in range(0, 840, 9))
    first = form(b"%.4f" % unit)
    later = append_revision(first, {4: stream(b"<<", b"0 g " + dots + b" f")})
    order = Order(later, None, (Sealed(len(first), (), (0,)),), 15.0, {0: unit})
    for names in GROUPS:
        channel = Said(order)
        look_when_told(channel, names)  # type: ignore[arg-type]
        assert [said["page"] for said in channel.said if "differs" in said] == [0]


# ---------------------------------------------------------------- pictures, and drawn marks


@pytest.mark.parametrize("unit", [b"0.5", b"2", b"10"])
@pytest.mark.parametrize("font", [False, True])
def test_the_picture_of_a_change_is_as_large_as_the_page(unit: bytes, *, font: bool) -> None:
    """A change that both engines show, and one of a font that PDFium alone shows."""
    first = form(unit)
    changed = b"/Type/Font/Subtype/Type1/BaseFont/ZapfDingbats" if font else b""
    later = append_revision(
        first,
        {3: b"<<" + changed + b">>"} if font else {4: stream(b"<<", PRICE.replace(b"1", b"9"))},
    )
    (page,) = changed_pages(later, None, len(first), [0])
    size = tuple(side * float(unit) / MM for side in (595.276, 841.89))
    assert (page.width_mm, page.height_mm) == pytest.approx(size, rel=0.01)
    assert 120 < page.boxes[0].top * MM / float(unit) < 150


@pytest.mark.parametrize("unit", [0.5, 2.0, 3.0])
def test_a_mark_that_is_proved_by_drawing_is_so_on_a_page_of_another_unit(
    world: World, unit: float
) -> None:
    holder = world.first
    seal = seal_of(
        holder.key.certificate, holder.code, pixel_ofd(DESIGN), MADE_AT, world.maker,
        picture_type="ofd",
    )  # fmt: skip
    data = world.sign(
        form(b"%.4f" % unit),
        marks=world.marks(holder, left=10, top=20),
        seal=seal,
        picture=pixels(DESIGN),
        reserve=16_384,
    )
    report = verify_pdf(io.BytesIO(data), "x.pdf", world.trust, NOW, draw=draw_with_engines)
    assert "mark_matches" in codes(report.signatures[0])


# --- the sign of a note, which MuPDF draws as large as it is by itself ---

NOTE = b"<</Type/Annot/Subtype/Text/F 28/P 5 0 R/Rect[%s]/Contents(check)/Name/Note"
NOTE += b"/AP<</N 91 0 R>>>>"
SIGN = b"1 1 0 rg 1 w .5 .5 15 15 re b 0 g 4 4 8 1 re 4 8 8 1 re f"
BESIDE = b" BT /F 24 Tf 424 694 Td (9000) Tj ET"


@pytest.mark.parametrize("unit", [b"", b"2"])
@pytest.mark.parametrize(
    ("place", "size", "content", "good"),
    [
        (b"400 700 410 710", 16, PRICE, True),
        (b"400 700 420 720", 16, PRICE, True),
        (b"400 700 416 716", 16, PRICE, True),
        (b"400 700 410 710", 16, PRICE + BESIDE, True),
        (b"412 700 422 710", 16, PRICE + BESIDE, False),
        (b"400 700 410 710", 40, PRICE + BESIDE, False),
        (b"400 700 410 710", 60, PRICE, False),
        (b"400 700 410 710", 900, PRICE, False),
    ],
)
def test_the_sign_of_a_note_covers_nothing_where_it_is_larger_than_its_place(
    world: World, unit: bytes, place: bytes, size: int, content: bytes, good: bool
) -> None:
    data = world.sign(form(unit, content=content))
    start = data.rindex(b"\n5 0 obj")
    page = data[start : data.index(b"endobj", start)].split(b"obj", 1)[1].strip()
    listed = page.replace(b"6 0 R", b"6 0 R 92 0 R", 1)
    assert listed != page
    look = b"<</Type/XObject/Subtype/Form/BBox[0 0 %d %d]" % (size, size)
    scaled = b"%g 0 0 %g 0 0 cm " % (size / 16, size / 16) + SIGN
    noted = {5: listed, 92: NOTE % place, 91: stream(look, scaled)}
    report = looked_at(world, append_revision(data, noted))
    assert (report.verdict is Verdict.VALID_CHANGED_LATER) is good
    if good:
        (change,) = report.signatures[0].changed_later
        assert (change.kind, change.after) == ("note_added", "check")


# --- the picture of a seal in a report ---


@pytest.mark.parametrize("unit", [b"", b"0.1", b"2", b"10", b"75"])
def test_the_picture_of_a_seal_is_as_fine_on_a_page_of_any_unit(world: World, unit: bytes) -> None:
    from PIL import Image

    original = form(unit)
    width, height = Document(io.BytesIO(original)).pages()[0].size_mm
    left, top = width * 0.6, height * 0.6
    data = world.sign(original, marks=[Mark(0, left, top, 40.0, 40.0)])
    shown = pictures_of(data, world.verify(data))
    (seal,) = shown.seals
    picture = Image.open(io.BytesIO(seal.png)).convert("RGB")
    seen = min(44.0, width - left + 2, 2 + width), min(44.0, height - top + 2)
    assert (seal.width_mm, seal.height_mm) == pytest.approx(seen, abs=0.5)
    assert picture.width / seal.width_mm == pytest.approx(200 / 25.4, rel=0.05)
    reds = sum(r > 150 and g < 120 and b < 120 for r, g, b in picture.get_flattened_data())
    assert reds > 0.02 * picture.width * picture.height


def test_a_seal_beyond_the_page_and_one_of_metres_are_pictures_too(world: World) -> None:
    for place in ((-10.0, 20.0, 40.0, 40.0), (-3900.0, -3900.0, 4000.0, 4000.0)):
        data = world.sign(form(b""), marks=[Mark(0, *place)])
        for seal in pictures_of(data, world.verify(data)).seals:
            assert seal.width_mm <= 210.5
            assert len(seal.png) > 100
