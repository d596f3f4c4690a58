"""Looks that a program reads one way and people see another, and signs of notes that are digits.

Each variant fills the one empty field of a document, or adds one note; the value, and the text that
a parser finds, are the same in all of them: 9000.
"""

import re

import pytest

from crypto.verdict import Verdict
from tests.crypto.pdf.changes import price_form
from tests.crypto.pdf.changes.price_form import (
    CONTENT,
    FIELD,
    HELVETICA,
    filled,
    kinds,
    sealed_price,
    shown,
    stream,
)
from tests.world.documents import append_revision, build_pdf
from tests.world.sealing import World

_DESCRIPTOR = (
    b"<</Type/FontDescriptor/FontName/%s/Flags %d/ItalicAngle 0/Ascent 900/Descent -200"
    b"/CapHeight 700/StemV 80/FontBBox[0 -200 1000 900]%s>>"
)


@pytest.fixture(scope="module")
def sealed(world: World) -> bytes:
    return sealed_price(world)


def test_a_plain_look_is_a_filling(world: World, sealed: bytes) -> None:
    verdict, found = kinds(world, filled(sealed, shown(b"(9000) Tj")))
    assert (verdict, "field_filled" in found) == (Verdict.VALID_CHANGED_LATER, True)


# ---------------------------------------------------------------- glyphs that stand elsewhere


def simple(widths: bytes, *, flags: int = 32, descriptor: bytes = b"", more: bytes = b"") -> bytes:
    made = b"<</Type/Font/Subtype/TrueType/BaseFont/Arial%s/FontDescriptor %s" % (
        widths,
        _DESCRIPTOR % (b"Arial", flags, descriptor),
    )
    return made + (more or b"/Encoding/WinAnsiEncoding") + b">>"


_TEN = b"/FirstChar 48/LastChar 57/Widths[%s]" % b" ".join([b"556"] * 10)


@pytest.mark.parametrize(
    ("text", "font"),
    [
        pytest.param(
            b"(9000) Tj",
            simple(b"/FirstChar 57/LastChar 57/Widths[556]", descriptor=b"/MissingWidth 20000"),
            id="the zeros are as wide as the page",
        ),
        pytest.param(
            b"(9000) Tj",
            simple(b"/FirstChar 57/LastChar 57/Widths[20000]", descriptor=b"/MissingWidth 556"),
            id="the nine is",
        ),
        pytest.param(
            b"(9000) Tj",
            simple(b"/FirstChar 65/LastChar 65/Widths[556]"),
            id="no digit has any width",
        ),
        pytest.param(
            b"(1000) Tj",
            simple(
                _TEN,
                flags=4,
                more=b"/Encoding<</BaseEncoding/WinAnsiEncoding/Differences[49/nine]>>",
            ),
            id="a symbolic font with differences, which viewers leave out",
        ),
    ],
)
def test_a_font_whose_glyphs_stand_elsewhere_is_not_read(
    world: World, sealed: bytes, text: bytes, font: bytes
) -> None:
    verdict, found = kinds(world, filled(sealed, shown(text), font=font))
    assert (verdict, "filling_unclear" in found) == (Verdict.UNKNOWN, True)


def test_a_font_with_all_its_widths_is_read(world: World, sealed: bytes) -> None:
    verdict, _ = kinds(world, filled(sealed, shown(b"(9000) Tj"), font=simple(_TEN)))
    assert verdict is Verdict.VALID_CHANGED_LATER


def composite(ordering: bytes, more: bytes, encoding: bytes) -> tuple[bytes, list[bytes]]:
    """A Chinese font that viewers bring, and the objects after it."""
    above = (
        b"<</Type/Font/Subtype/Type0/BaseFont/STSong-Light/Encoding/%s/DescendantFonts[93 0 R]>>"
    )
    below = b"<</Type/Font/Subtype/CIDFontType0/BaseFont/STSong-Light/FontDescriptor %s%s"
    below %= _DESCRIPTOR % (b"STSong-Light", 6, b""), more
    below += b"/CIDSystemInfo<</Registry(Adobe)/Ordering(%s)/Supplement 4>>>>" % ordering
    return above % encoding, [below, stream(bytes(range(200)))]


_UNICODE = (b"<0039003000300030> Tj", b"(9000)")
_HANZI = (b"<58F94E07> Tj", b"<FEFF58F94E07>")  # 壹万


@pytest.mark.parametrize("said", [_UNICODE, _HANZI])
@pytest.mark.parametrize(
    ("ordering", "more", "good"),
    [
        (b"GB1", b"/DW 1000", True),
        (b"GB1", b"/DW 1000/W[1[207 270 342 467 462 797 710 239 374]]", True),
        (b"GB1", b"/CIDToGIDMap/Identity", True),
        (b"GB1", b"/W[17[500 500 500 500 500 500 500 500 500 20000]]", False),
        (b"GB1", b"/W[1 95 9000]", False),
        (b"GB1", b"/W[1 30000 1]", False),
        (b"GB1", b"/DW 3000", False),
        (b"GB1", b"/CIDToGIDMap 94 0 R", False),
        (b"Japan1", b"", False),
        (b"Identity", b"", False),
    ],
)
def test_a_composite_font_is_read_if_nothing_leads_elsewhere(
    world: World,
    sealed: bytes,
    said: tuple[bytes, bytes],
    ordering: bytes,
    more: bytes,
    good: bool,
) -> None:
    """Its glyphs might lie outside the field, or be those of other characters."""
    text, value = said
    font, others = composite(ordering, more, b"UniGB-UTF16-H")
    made = filled(sealed, shown(text), font=font, value=value, others=others)
    verdict, found = kinds(world, made)
    expected = Verdict.VALID_CHANGED_LATER if good else Verdict.UNKNOWN
    assert (verdict, "filling_unclear" in found) == (expected, not good)


# ---------------------------------------------------------------- colours that are others

_TO_WHITE = b"<</FunctionType 2/Domain[0 1]/C0[1]/C1[1]/N 1>>"
_NONE = b"[/Separation/None/DeviceGray %s]" % _TO_WHITE


@pytest.mark.parametrize(
    ("chosen", "spaces"),
    [
        (b"0 g", b"/DefaultGray %s" % _NONE),
        (b"0 0 0 rg", b"/DefaultRGB[/Lab<</WhitePoint[1 1 1]>>]"),
        (b"0 0 0 1 k", b"/DefaultCMYK[/DeviceN[/None/None/None/None]/DeviceGray %s]" % _TO_WHITE),
        (b"/DeviceGray cs 0 sc", b"/DeviceGray %s" % _NONE),
        (b"/C cs 0 0 0 sc", b"/C[/ICCBased 93 0 R]"),
        (b"/C cs 0 sc", b"/C[/CalGray<</WhitePoint[1 1 1]/Gamma 0>>]"),
        (b"/C cs 0 0 0 sc", b"/C[/CalRGB<</WhitePoint[1 1 1]/Gamma[0 0 0]>>]"),
    ],
)
def test_text_in_a_colour_of_the_files_own_making_is_not_believed_to_be_seen(
    world: World, sealed: bytes, chosen: bytes, spaces: bytes
) -> None:
    profile = stream(b"no profile", b"/N 3/Alternate %s" % _NONE)
    made = filled(
        sealed,
        shown(b"(9000) Tj", before=chosen),
        resources=b"/ColorSpace<<%s>>" % spaces,
        others=[profile],
    )
    verdict, found = kinds(world, made)
    assert (verdict, "filling_unclear" in found) == (Verdict.UNKNOWN, True)


def test_a_screen_with_a_transfer_function_may_change_any_colour(
    world: World, sealed: bytes
) -> None:
    screen = b"<</HalftoneType 1/Frequency 60/Angle 0/SpotFunction/Round/TransferFunction %s>>"
    state = b"/ExtGState<</G<</HT %s>>>>" % (screen % _TO_WHITE)
    made = filled(sealed, shown(b"(9000) Tj", before=b"/G gs"), resources=state)
    assert kinds(world, made)[0] is Verdict.UNKNOWN


# ---------------------------------------------------------------- lines, and operands too many


@pytest.mark.parametrize("rise", [6.1, 7.0, 8.0, 9.5, 10.1])
@pytest.mark.parametrize(("low", "high"), [(b"0009", b""), (b"000", b"9"), (b"00", b"90")])
def test_text_between_two_lines_is_not_read(
    world: World, sealed: bytes, rise: float, low: bytes, high: bytes
) -> None:
    """People may read it from left to right, where a program reads line by line."""
    text = b"(%s) Tj %d %.1f Td (%s) Tj" % (low, 7 * len(low), rise, high)
    made = filled(sealed, shown(text), value=b"(%s)" % (high + low))
    good = not high
    assert (kinds(world, made)[0] is Verdict.VALID_CHANGED_LATER) is good


def test_two_lines_are_read_one_after_the_other(world: World, sealed: bytes) -> None:
    text = b"0 6 Td (9) Tj 0 -12 Td (000) Tj"
    made = filled(sealed, shown(text), value=b"(9\\r000)")
    assert kinds(world, made)[0] is Verdict.VALID_CHANGED_LATER


@pytest.mark.parametrize(
    "text",
    [
        b"(90) (9000) Tj",
        b"5 (9000) Tj",
        b"(9000) [(1)] TJ",
        b"[(9000)] [(1)] TJ",
        b"[[(9000)]] TJ",
        b"(9000) TJ",
        b"[(9000)] Tj",
        b"(1) (9000) '",
        b'(9000) "',
        b'0 0 (1) (9000) "',
        b"/Helv 12 12 Tf (9000) Tj",
    ],
)
def test_an_operator_with_other_operands_is_not_read(
    world: World, sealed: bytes, text: bytes
) -> None:
    """Of more than it takes, some viewers take the first, others the last."""
    assert kinds(world, filled(sealed, shown(text)))[0] is Verdict.UNKNOWN


# ---------------------------------------------------------------- a look that nobody changed


@pytest.mark.parametrize("entry", [b"/M(D:20261130)", b"/NM(a)"])
def test_a_field_written_again_with_the_very_look_it_had_is_what_it_was(
    world: World, entry: bytes
) -> None:
    """Though its font is the file's own, so that nobody can tell what it says."""
    look = b"/DA(/Helv 12 Tf 0 g)/V(9000)/AP<</N 7 0 R>>"
    font = simple(_TEN, descriptor=b"/FontFile2 9 0 R")
    form = b"/Type/XObject/Subtype/Form/BBox[0 0 220 30]/Resources<</Font<</Helv 8 0 R>>>>"
    original = build_pdf(
        [
            b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[6 0 R]>>>>",
            b"<</Type/Pages/Count 1/Kids[5 0 R]>>",
            HELVETICA,
            stream(CONTENT),
            b"<</Type/Page/Parent 2 0 R/Contents 4 0 R/MediaBox[0 0 595 842]"
            b"/Resources<</Font<</F 3 0 R>>>>/Annots[6 0 R]>>",
            FIELD % look,
            stream(shown(b"(9000) Tj"), form),
            font,
            stream(b"no font"),
        ]
    )
    data = append_revision(world.sign(original), {6: FIELD % (look + entry)})
    assert kinds(world, data)[0] is Verdict.VALID


# ---------------------------------------------------------------- signs of notes

_ZERO = b" 0 G 2 w 5 5 m 5 25 l 15 25 l 15 5 l 5 5 l S"
_GROUND = b" 0 0 30 30 re f"


def noted(sealed: bytes, content: bytes, resources: bytes = b"", entries: bytes = b"") -> bytes:
    """*sealed* with a note right behind the price, whose sign *content* draws."""
    page = re.findall(rb"\n5 0 obj\n(<<.*?>>)\nendobj", sealed, re.DOTALL)[-1]
    listed = re.search(rb"/Annots\s*(\d+) 0 R", page)
    note = b"<</Type/Annot/Subtype/Text/Rect[205 698 235 728]/F 28/Contents(hi)/AP<</N 91 0 R>>%s>>"
    form = b"/Type/XObject/Subtype/Form/BBox[0 0 30 30]/Resources<<%s>>" % resources
    objects = {
        90: note % entries,
        91: stream(content, form),
        92: stream(
            b"no profile", b"/N 3/Alternate[/DeviceN[/None/None/None]/DeviceGray %s]" % _TO_WHITE
        ),
    }
    if listed:
        number = int(listed[1])
        kept = re.findall(rb"\n%d 0 obj\s*\[(.*?)\]\s*endobj" % number, sealed, re.DOTALL)[-1]
        return append_revision(sealed, {number: b"[%s 90 0 R]" % kept, **objects})
    changed = re.sub(rb"/Annots\s*\[(.*?)\]", rb"/Annots[\1 90 0 R]", page)
    assert changed != page
    return append_revision(sealed, {5: changed, **objects})


@pytest.mark.parametrize(
    ("content", "resources", "good"),
    [
        (b"1 1 0 rg" + _GROUND + _ZERO, b"", True),
        (b"1 .82 0 rg" + _GROUND + _ZERO, b"", True),
        (b".984 g" + _GROUND + _ZERO, b"", False),
        (b"1 1 .9 rg" + _GROUND + _ZERO, b"", False),
        (b"1 1 0 rg" + _GROUND + b" 1 g" + _GROUND + _ZERO, b"", False),
        (b"1 1 0 rg" + _GROUND + b" 1 G 30 w 0 15 m 30 15 l S" + _ZERO, b"", False),
        (b"q 0 0 1 1 re W n 1 1 0 rg" + _GROUND + b" Q" + _ZERO, b"", False),
        (
            b"/G gs 1 1 0 rg" + _GROUND + b" /H gs" + _ZERO,
            b"/ExtGState<</G<</ca 0>>/H<</ca 1>>>>",
            False,
        ),
        (b"/C cs 1 1 0 sc" + _GROUND + _ZERO, b"/ColorSpace<</C[/ICCBased 92 0 R]>>", False),
        (
            b"1 1 0 rg" + _GROUND + _ZERO,
            b"/ColorSpace<</DefaultRGB[/Lab<</WhitePoint[1 1 1]>>]>>",
            False,
        ),
    ],
)
def test_the_sign_of_a_note_must_stand_on_a_ground_that_people_see(
    world: World, sealed: bytes, content: bytes, resources: bytes, good: bool
) -> None:
    """Else its strokes read as one more digit of the price."""
    verdict, found = kinds(world, noted(sealed, content, resources))
    expected = Verdict.VALID_CHANGED_LATER if good else Verdict.UNKNOWN
    assert (verdict, "drawing_added" in found) == (expected, not good)


@pytest.mark.parametrize(
    ("resources", "kind"),
    [
        (b"", "filling_unclear"),
        (b"/Resources<</Font<</Helv 92 0 R>>>>", "field_filled"),
    ],
    ids=["none", "its own"],
)
def test_a_nested_form_is_read_only_with_resources_of_its_own(
    world: World, sealed: bytes, resources: bytes, kind: str
) -> None:
    """Some viewers take those of the form around it, others those of the page (ISO 32000-1 §7.8.3),
    where a font of the same name may have other glyphs."""
    nested = stream(shown(b"(9000) Tj"), b"/Type/XObject/Subtype/Form/BBox[0 0 220 30]" + resources)
    data = filled(sealed, b"/X Do", resources=b"/XObject<</X 93 0 R>>", others=[nested])
    assert kind in kinds(world, data)[1]


@pytest.mark.parametrize(
    ("flag", "kind"), [(8, "unclear"), (16, "unclear"), (256, "unclear"), (128, "filled")]
)
def test_a_field_that_is_shown_otherwise_in_another_view_is_not_read(
    world: World, flag: int, kind: str
) -> None:
    """NoZoom, NoRotate and ToggleNoView; a locked one is read. What such a field covers depends on
    how large the page is shown, and where the mouse is."""
    sealed = sealed_price(world, 4 | flag)
    data = filled(sealed, shown(b"(9000) Tj"), flags=4 | flag)
    assert kind in " ".join(kinds(world, data)[1] & {"filling_unclear", "field_filled"})


@pytest.mark.parametrize(
    ("between", "text", "kind"),
    [
        (b"BT /F 12 Tf 260 704 Td (1000) Tj ET", b"(9) Tj 90 0 Td (0) Tj", "filling_over_content"),
        (
            b"0 g 262 704 3 9 re f 262 704 9 3 re f",
            b"(9) Tj 90 0 Td (0) Tj",
            "filling_over_content",
        ),
        (b"BT /F 12 Tf 260 704 Td (1000) Tj ET", b"(90) Tj", "field_filled"),
        (b"0.5 w 262 695 m 262 725 l S", b"(9) Tj 90 0 Td (0) Tj", "field_filled"),
        (b"", b"(9) Tj 90 0 Td (0) Tj", "field_filled"),
    ],
    ids=["text", "a drawing", "text behind all of it", "a line between cells", "nothing"],
)
def test_a_filling_in_pieces_around_what_was_sealed_is_not_over_blank_ground(
    world: World, between: bytes, text: bytes, kind: str
) -> None:
    """Sealed is 1000, the value is 90, and people read 910000."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(price_form, "CONTENT", between or b"n")
        sealed = sealed_price(world)
    data = filled(sealed, shown(text), value=b"(90)")
    assert kind in kinds(world, data)[1]


# ---------------------------------------------------------------- pages that are shown turned

_UPRIGHT = {
    0: b"1 0 0 1 4 9",
    90: b"0 1 -1 0 60 4",
    180: b"-1 0 0 -1 90 20",
    270: b"0 -1 1 0 60 28",
}
"""What draws text upright on a page that is shown turned by so much."""


@pytest.mark.parametrize("drawn", _UPRIGHT)
@pytest.mark.parametrize("rotation", _UPRIGHT)
def test_text_is_read_as_the_page_is_shown(world: World, rotation: int, drawn: int) -> None:
    """Upside down 86 reads 98. What lies on its side is read by turning the head."""
    sealed = sealed_price(world, page=b"/Rotate %d" % rotation)
    content = b"/Tx BMC q BT /Helv 6 Tf %s Tm (86) Tj ET Q EMC" % _UPRIGHT[drawn]
    found = kinds(world, filled(sealed, content, value=b"(86)"))[1]
    is_upside_down = (rotation - drawn) % 360 == 180
    assert ("field_filled" in found) is not is_upside_down
    assert ("filling_unclear" in found) is is_upside_down


@pytest.mark.parametrize(
    ("rotation", "turn", "good"),
    [(0, 0, True), (180, 0, False), (0, 180, False), (180, 180, False), (90, 0, True)],
)
def test_what_viewers_draw_upside_down_is_not_read(
    world: World, rotation: int, turn: int, good: bool
) -> None:
    """Without a look viewers draw along the page's own axes, and some heed /R of /MK."""
    entries = b"/MK<</R %d>>" % turn
    sealed = sealed_price(world, page=b"/Rotate %d" % rotation, widget=entries)
    widget = FIELD % (b"/DA(/Helv 12 Tf 0 g)/V(86)" + entries)
    found = kinds(world, append_revision(sealed, {6: widget}))[1]
    assert ("field_filled" in found) is good
    assert ("filling_unclear" in found) is not good
