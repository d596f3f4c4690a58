"""Text that this program would read one way and people another: a fourth reviewer's fillings.

Every variant fills the one empty field of a document. What people see was looked up in MuPDF,
PDFium, Poppler and Ghostscript: they show another value, or differ among themselves.
"""

import io
from collections.abc import Sequence
from typing import Any

import pytest
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name

from crypto.pdf.looking.layer import look_with_engines
from crypto.pdf.verify import verify_pdf
from crypto.verdict import Verdict
from tests.crypto.pdf.changes.price_form import filled, kinds, sealed_price, shown, stream
from tests.world.documents import (
    annotate,
    append_revision,
    build_pdf,
    classic_pdf,
    form_stream,
    update,
)
from tests.world.sealing import NOW, World

_ARIAL = b"<</Type/Font/Subtype/TrueType/BaseFont/Arial%s>>"
_HELVETICA = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica%s>>"


@pytest.fixture(scope="module")
def sealed(world: World) -> bytes:
    return sealed_price(world)


def verdict(world: World, data: bytes) -> Verdict:
    return kinds(world, data)[0]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"(9000) Tj", b"(9000)"),
        (b"[(90) -20 (00)] TJ", b"(9000)"),
        (b"1 Tc (9000) Tj", b"(9000)"),
        (b"2 Tw (90 00) Tj", b"(90 00)"),
        (b"(90) Tj (00) Tj", b"(9000)"),
        (b"[(90) 140 ( ) 140 (00)] TJ", b"(90 00)"),
        (b"0 1 -1 0 20 2 Tm (9000) Tj", b"(9000)"),
    ],
)
def test_text_as_honest_programs_write_it_is_read(
    world: World, sealed: bytes, text: bytes, value: bytes
) -> None:
    assert verdict(world, filled(sealed, shown(text), value=value)) is Verdict.VALID_CHANGED_LATER


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"-30 Tw (90 10) Tj", b"(90 10)"),  # shows 1090
        (b"-16 Tw (90 10) Tj", b"(90 10)"),
        (b'12 TL 60 20 Td -30 0 (90 10) "', b"(90 10)"),
        (b"200 Tw (90 10) Tj", b"(90 10)"),
        (b"[(90) 150 150 150 150 (10)] TJ", b"(9010)"),  # 0 and 1 over each other
        (b"[(90) 150 () 150 () 150 () 150 (10)] TJ", b"(9010)"),
        (b"[(90) -1900 -1900 (10)] TJ", b"(9010)"),
        (b"(1) Tj q 20 0 Td (0) Tj Q 8 0 Td (9) Tj", b"(109)"),  # 190 in PDFium
        (b"(10) Tj q (00) Tj Q (9) Tj", b"(10009)"),
        (b"(10) Tj 5.9 Ts (6) Tj", b"(106)"),  # ten to the sixth
        (b"(10) Tj 13.4 5.9 Td (6) Tj", b"(106)"),
        (b"(10) Tj /Helv 6.1 Tf (00) Tj", b"(1000)"),
        (b"0 1 -1 0 20 2 Tm (90) Tj 0 1 -1 0 20 16 Tm (10) Tj", b"(1090)"),  # 9010, turned
        (b"1 .3 -.3 1 4 4 Tm (90) Tj 1 .3 -.3 1 30 12 Tm (10) Tj", b"(1090)"),
        (b"1 1 .74 rg (9) Tj 0 g (010) Tj", b"(9010)"),  # 010
        (b"1 1 0 rg (9010) Tj", b"(9010)"),
        (b"7 Tr () Tj 0 Tr (9010) Tj", b"(9010)"),  # nothing in Ghostscript
        (b"7 Tr [] TJ 0 Tr (9010) Tj", b"(9010)"),
        (b"(9.000) Tj", b"(9)"),  # nine thousand, for many
        (b"(-9010) Tj", b"(\xad9010)"),  # a hyphen that the value's reader does not see
    ],
)
def test_text_that_people_read_otherwise_is_not_believed(
    world: World, sealed: bytes, text: bytes, value: bytes
) -> None:
    assert verdict(world, filled(sealed, shown(text), value=value)) is Verdict.UNKNOWN


@pytest.mark.parametrize(
    "around",
    [
        b"0 G 1.2 w [0 10 9 500] 0 d 2.5 0 m 2.5 30 l S %s",  # a stroke before the number
        b"0 G 1.2 w [9 500] -10 d 2.5 0 m 2.5 30 l S %s",
        b"/D gs 0 G 1.2 w 2.5 0 m 2.5 30 l S %s",
        b"0 G 3 w [0 18 .1 300] 0 d 1 J 0 2 m 220 2 l S %s",  # a point in it
        b"0 G 1.2 w 2.5 0 m 2.5 30 l S %s",  # a bar along one edge
        b"0 g 1.5 2 1.5 26 re f %s",
        b"1 1 .6 rg 0 0 220 30 re f BT 1 1 .3 rg /Helv 12 Tf 4 9 Td (9) Tj ET %s",
        b"Q Q %s",  # nothing in Poppler
    ],
)
def test_what_stands_around_the_text_is_no_part_of_a_number(
    world: World, sealed: bytes, around: bytes
) -> None:
    content = around % shown(b"(9000) Tj")
    states = b"/ExtGState<</D<</D[[9 500]-10]>>>>"
    assert verdict(world, filled(sealed, content, resources=states)) is Verdict.UNKNOWN


@pytest.mark.parametrize(
    "frame",
    [
        b"0 G 1 w [3 3] 0 d .5 .5 219 29 re S [] 0 d",
        b"0 G 1 w 0 .5 m 220 .5 l S",
        b"0 G 1 w .5 0 m .5 30 l S 219.5 0 m 219.5 30 l S",
    ],
)
def test_a_frame_of_both_sides_or_of_short_dashes_is_one(
    world: World, sealed: bytes, frame: bytes
) -> None:
    data = filled(sealed, frame + b" " + shown(b"(9000) Tj"))
    assert verdict(world, data) is Verdict.VALID_CHANGED_LATER


@pytest.mark.parametrize(
    "font",
    [
        _HELVETICA % b"/Encoding/MacExpertEncoding",
        _HELVETICA % b"/Encoding<</BaseEncoding/MacExpertEncoding>>",
        _HELVETICA % b"/Encoding/Other",
        _ARIAL % b"/FontDescriptor<</Type/FontDescriptor/FontName/ZapfDingbats/Flags 4>>",
        _ARIAL % b"/FontDescriptor<</FontName/Arial/FontFamily(Wingdings)/Flags 32>>",
        _HELVETICA % b"/FirstChar 48/LastChar 57/Widths[556 556 556 556 556 556 556 556 556 100]",
        _HELVETICA % b"/FirstChar 48/LastChar 57/Widths[200 556 556 556 556 556 556 556 556 556]",
    ],
)
def test_a_font_that_viewers_take_for_another_is_not_read(
    world: World, sealed: bytes, font: bytes
) -> None:
    data = filled(sealed, shown(b"(9000) Tj"), font=font)
    assert verdict(world, data) is Verdict.UNKNOWN


def chinese(widths: bytes = b"") -> bytes:
    return (
        b"<</Type/Font/Subtype/Type0/BaseFont/STSong-Light/Encoding/UniGB-UCS2-H/DescendantFonts["
        b"<</Type/Font/Subtype/CIDFontType0/BaseFont/STSong-Light/DW 1000%s/CIDSystemInfo"
        b"<</Registry(Adobe)/Ordering(GB1)/Supplement 2>>>>]>>" % widths
    )


@pytest.mark.parametrize(
    ("codes", "believed"),
    [
        ("90元整", True),
        ("（玖拾）元", True),
        ("\u2f0090", False),  # a stroke, or a slash
        ("9\u0338", False),  # 98 in MuPDF
        ("\u202e09", False),
        ("9\u200b0", False),
    ],
)
def test_only_characters_that_every_chinese_font_has_are_read(
    world: World, sealed: bytes, codes: str, believed: bool
) -> None:
    shows = shown(b"<%s> Tj" % codes.encode("utf-16-be").hex().encode())
    value = b"<FEFF%s>" % codes.encode("utf-16-be").hex().encode()
    found = verdict(world, filled(sealed, shows, font=chinese(), value=value))
    assert found is (Verdict.VALID_CHANGED_LATER if believed else Verdict.UNKNOWN)


@pytest.mark.parametrize(
    ("widths", "believed"),
    [
        (b"/W[1[207 270 342 467 462 797 710 239 374 374 423 605 238 375 238 334]]", True),
        (b"/W[814 939 500]", True),
        (b"/W[26[100]]", False),
        (b"/W[823[100]]", False),
    ],
)
def test_digits_of_a_chinese_font_do_not_stand_on_each_other(
    world: World, sealed: bytes, widths: bytes, believed: bool
) -> None:
    data = filled(sealed, shown(b"<0039003000300030> Tj"), font=chinese(widths), value=b"(9000)")
    assert (verdict(world, data) is Verdict.VALID_CHANGED_LATER) is believed


_MONOSPACED = b"/FirstChar 32/LastChar 126/Widths[%s]"


@pytest.mark.parametrize(
    "font",
    [
        b"<</Type/Font/Subtype/Type1/BaseFont/Courier%s>>"
        % (_MONOSPACED % b" ".join([b"600"] * 95)),
        b"<</Type/Font/Subtype/TrueType/BaseFont/SimSun/Encoding/WinAnsiEncoding%s>>"
        % (_MONOSPACED % b" ".join([b"500"] * 95)),
    ],
)
def test_wide_letters_may_be_as_wide_as_the_others(
    world: World, sealed: bytes, font: bytes
) -> None:
    data = filled(sealed, shown(b"(W@M 90%) Tj"), font=font, value=b"(W@M 90%)")
    assert verdict(world, data) is Verdict.VALID_CHANGED_LATER


def test_wide_letters_of_a_chinese_font_may_be_half_as_wide(world: World, sealed: bytes) -> None:
    codes = "W@M".encode("utf-16-be").hex().encode()
    font, value = chinese(b"/W[1 95 500 814 939 500]"), b"<FEFF%s>" % codes
    data = filled(sealed, shown(b"<%s> Tj" % codes), font=font, value=value)
    assert verdict(world, data) is Verdict.VALID_CHANGED_LATER


# ---------------------------------------------------------------- the look as an object


@pytest.mark.parametrize(
    "entries",
    [
        b"/F(other.bin)",
        b"/Ref<</F(other.pdf)/Page 0>>",
        b"/OPI<</2.0<<>>>>",
        b"/Subtype2/PS",
        b"/Filter/Crypt",
    ],
)
def test_a_look_that_some_viewers_take_from_elsewhere_is_not_read(
    world: World, sealed: bytes, entries: bytes
) -> None:
    field = b"<</Type/Annot/Subtype/Widget/FT/Tx/T(sum)/F 4/Rect[200 695 420 725]/P 5 0 R"
    field += b"/DA(/Helv 12 Tf 0 g)/V(9000)/AP<</N 91 0 R>>>>"
    form = b"/Type/XObject/Subtype/Form/BBox[0 0 220 30]/Resources<</Font<</Helv 3 0 R>>>>"
    plain, other = (stream(shown(b"(9000) Tj"), form + more) for more in (b"", entries))
    assert verdict(world, append_revision(sealed, {6: field, 91: plain})) is (
        Verdict.VALID_CHANGED_LATER
    )
    assert verdict(world, append_revision(sealed, {6: field, 91: other})) is Verdict.UNKNOWN


def test_a_look_without_a_box_or_none_at_all_is_not_read(world: World, sealed: bytes) -> None:
    field = b"<</Type/Annot/Subtype/Widget/FT/Tx/T(sum)/F 4/Rect[200 695 420 725]/P 5 0 R"
    field += b"/DA(/Helv 12 Tf 0 g)/V(9000)/AP<</N %s>>>>"
    body = stream(shown(b"(9000) Tj"), b"/Subtype/Form/Resources<</Font<</Helv 3 0 R>>>>")
    for data in (
        append_revision(sealed, {6: field % b"91 0 R", 91: body}),
        append_revision(sealed, {6: field % b"null"}),
    ):
        assert verdict(world, data) is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("appearance", "value"), [(b"/Helv -12 Tf 0 g", b"9000"), (b"/Helv 12 Tf 0 g", b"10\\n000")]
)
def test_what_viewers_draw_themselves_must_be_drawn_alike(
    world: World, sealed: bytes, appearance: bytes, value: bytes
) -> None:
    field = b"<</Type/Annot/Subtype/Widget/FT/Tx/T(sum)/F 4/Rect[200 695 420 725]/P 5 0 R"
    data = append_revision(sealed, {6: field + b"/DA(%s)/V(%s)>>" % (appearance, value)})
    assert verdict(world, data) is Verdict.UNKNOWN


# ---------------------------------------------------------------- ticks and choices


def page_with(field: bytes, *more: bytes) -> bytes:
    return build_pdf(
        [
            b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[6 0 R]/DA(/Helv 12 Tf 0 g)"
            b"/DR<</Font<</Helv 3 0 R>>>>>>>>",
            b"<</Type/Pages/Count 1/Kids[5 0 R]>>",
            _HELVETICA % b"",
            stream(b"BT /F 24 Tf 72 700 Td (Price 90  10) Tj ET"),
            b"<</Type/Page/Parent 2 0 R/Contents 4 0 R/MediaBox[0 0 595 842]"
            b"/Resources<</Font<</F 3 0 R>>>>/Annots[6 0 R]>>",
            field,
            *more,
        ]
    )


@pytest.mark.parametrize(
    ("ticked", "believed"),
    [
        (b"0 G 1 w 2 2 m 18 18 l 2 18 m 18 2 l S", True),
        (b"0 g 4 4 12 12 re f", True),
        (b"0 g 1 1 3 3 re f", False),  # a point between 90 and 10
        (b"0 G 2 w [3 90] 0 d 2 2 m 18 18 l 2 18 m 18 2 l S", False),
        (b"0 G 2 w [0 12 20 90] 0 d 2 12 m 8 2 l 18 18 l S", False),
        (b"BT 0 g /Helv 16 Tf 4 4 Td (x) Tj ET", False),  # 90 x 10
        (b"BT 0 g /Helv 16 Tf 4 4 Td (\\267) Tj ET", False),
    ],
)
def test_a_tick_without_a_box_is_no_sign_between_numbers(
    world: World, ticked: bytes, believed: bool
) -> None:
    field = b"<</Type/Annot/Subtype/Widget/FT/Btn/T(b)/F 4/Rect[210 698 230 718]/P 5 0 R"
    field += b"/AP<</N<</Yes 7 0 R/Off 8 0 R>>>>%s>>"
    form = b"/Type/XObject/Subtype/Form/BBox[0 0 20 20]/Resources<</Font<</Helv 3 0 R>>>>"
    looks = (stream(ticked, form), stream(b"", form))
    data = world.sign(page_with(field % b"/V/Off/AS/Off", *looks))
    done = append_revision(data, {6: field % b"/V/Yes/AS/Yes"})
    assert (verdict(world, done) is Verdict.VALID_CHANGED_LATER) is believed


def test_a_combination_box_without_a_look_may_be_filled(world: World) -> None:
    """PDFium had drawn an arrow in it, which is gone."""
    field = b"<</Type/Annot/Subtype/Widget/FT/Ch/Ff 131072/T(c)/F 4/Rect[200 600 320 620]"
    field += b"/P 5 0 R/Opt[(100)(9000)]/DA(/Helv 12 Tf 0 g)%s>>"
    form = b"/Type/XObject/Subtype/Form/BBox[0 0 120 20]/Resources<</Font<</Helv 3 0 R>>>>"
    data = world.sign(page_with(field % b""))
    look = stream(b"BT 0 g /Helv 12 Tf 4 5 Td (9000) Tj ET", form)
    done = append_revision(data, {6: field % b"/V(9000)/AP<</N 90 0 R>>", 90: look})
    stream_of = io.BytesIO(done)
    report = verify_pdf(stream_of, "a.pdf", world.trust, NOW, look=look_with_engines)
    assert report.verdict is Verdict.VALID_CHANGED_LATER, report.signatures[0].findings


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (b"(100) Tj 0 -13 Td (9010) Tj", "value_differs"),
        (b"(900) Tj 0 -13 Td (9010) Tj", "look_replaced"),
    ],
)
def test_the_options_of_a_list_may_be_drawn_a_little_elsewhere(
    world: World, options: bytes, found: str
) -> None:
    """MuPDF moves them by its border, and shows in no way which one is chosen."""
    field = b"<</Type/Annot/Subtype/Widget/FT/Ch/T(l)/F 4/Rect[200 600 320 630]/P 5 0 R"
    field += b"/Opt[(100)(9010)]/DA(/Helv 12 Tf 0 g)/AP<</N %d 0 R>>%s>>"
    form = b"/Type/XObject/Subtype/Form/BBox[0 0 120 30]/Resources<</Font<</Helv 3 0 R>>>>"
    before = stream(b"BT 0 g /Helv 12 Tf 0 17 Td (100) Tj 0 -13 Td (9010) Tj ET", form)
    after = stream(b"BT 0 g /Helv 12 Tf 2 15 Td %s ET" % options, form)
    data = world.sign(page_with(field % (7, b""), before))
    done = append_revision(data, {6: field % (90, b"/V(9010)"), 90: after})
    assert found in kinds(world, done)[1]


@pytest.mark.parametrize(("ground", "seen"), [(b"1 1 1", True), (b"0", False), (b"0 0 .3", False)])
def test_what_viewers_write_must_be_seen_on_the_ground_that_they_draw(
    world: World, ground: bytes, seen: bool
) -> None:
    field = b"<</Type/Annot/Subtype/Widget/FT/Tx/T(t)/F 4/Rect[200 600 320 620]/P 5 0 R"
    field += b"/DA(/Helv 12 Tf 0 g)/MK<</BG[%s]>>%s>>"
    data = world.sign(page_with(field % (ground, b"")))
    done = append_revision(data, {6: field % (ground, b"/V(9000)")})
    assert (verdict(world, done) is Verdict.VALID_CHANGED_LATER) is seen


def circle(corners: Sequence[tuple[int, int]], paint: bytes) -> bytes:
    """Through these four points of a circle of radius 10 around (10, 10)."""
    (x, y), *others = corners
    made = b"%d %d m " % (x, y)
    for to_x, to_y in (*others, corners[0]):
        tips = [(x + (to_x - 10) * 0.55, y + (to_y - 10) * 0.55)]
        tips.append((to_x + (x - 10) * 0.55, to_y + (y - 10) * 0.55))
        made += b" ".join(b"%.2f %.2f" % tip for tip in tips) + b" %d %d c " % (to_x, to_y)
        x, y = to_x, to_y
    return made + paint


def test_a_radio_button_may_be_drawn_anew_from_another_point(world: World) -> None:
    """MuPDF begins a circle elsewhere, and writes into the widget what its parent says."""
    form = b"/Type/XObject/Subtype/Form/BBox[0 0 20 20]"
    right, left = ((20, 10), (10, 20), (0, 10), (10, 0)), ((0, 10), (10, 20), (20, 10), (10, 0))
    before = stream(b"0 G 1 w " + circle(right, b"S"), form)
    ring = b"0 G 1 w " + circle(left, b"S")
    dot = b" 0 g q .4 0 0 .4 6 6 cm %s Q" % circle(left, b"f")
    widget = b"<</Type/Annot/Subtype/Widget/F 4/Rect[200 600 220 620]/P 5 0 R/Parent 7 0 R%s>>"
    parent = b"<</FT/Btn/Ff 49152/T(r)/Kids[6 0 R]%s>>"
    off = b"/AS/Off/AP<</N<</Off 8 0 R/1 9 0 R>>>>"
    data = page_with(widget % off, parent % b"", before, before)
    data = world.sign(data.replace(b"/Fields[6 0 R]", b"/Fields[7 0 R]"))
    objects = {
        6: widget % b"/Ff 49152/AS/1/AP<</N<</Off 90 0 R/1 91 0 R>>>>",
        7: parent % b"/V/1",
        90: stream(ring, form),
        91: stream(ring + dot, form),
    }
    done = append_revision(data, objects)
    assert kinds(world, done)[0] is Verdict.VALID_CHANGED_LATER, kinds(world, done)
    other = append_revision(data, objects | {6: objects[6].replace(b"49152", b"65536")})
    assert verdict(world, other) not in (Verdict.VALID, Verdict.VALID_CHANGED_LATER)


# ---------------------------------------------------------------- notes


def noted(data: bytes, name: str, rect: Sequence[int], look: bytes = b"") -> bytes:
    """*data* with a note."""

    def change(writer: Any) -> None:
        note = generic.DictionaryObject(
            {
                pdf_name("/Type"): pdf_name("/Annot"),
                pdf_name("/Subtype"): pdf_name("/Text"),
                pdf_name("/Name"): pdf_name(name),
                pdf_name("/Contents"): generic.pdf_string("hi"),
                pdf_name("/F"): generic.NumberObject(28),
                pdf_name("/C"): generic.ArrayObject(map(generic.NumberObject, (1, 1, 0))),
                pdf_name("/Rect"): generic.ArrayObject(map(generic.NumberObject, rect)),
            }
        )
        if look:
            drawn = form_stream(writer, look, (0, 0, 20, 20))
            note[pdf_name("/AP")] = generic.DictionaryObject({pdf_name("/N"): drawn})
        annotate(writer, writer.add_object(note))

    return update(data, change)


@pytest.fixture(scope="module", params=[0, 90, 180, 270])
def turned(world: World, request: pytest.FixtureRequest) -> tuple[int, bytes]:
    """A sealed page that is shown turned by so many degrees."""
    return request.param, world.sign(classic_pdf(rotate=request.param), marks=[])


def test_a_note_on_a_page_that_is_turned_covers_nothing_where_it_stands_upright(
    world: World, turned: tuple[int, bytes]
) -> None:
    """Viewers leave the sign of a note upright, at a corner of its rectangle."""
    rotation, data = turned
    blank = noted(data, "/Note", (300, 400, 320, 420))
    report = verify_pdf(io.BytesIO(blank), "a.pdf", world.trust, NOW, look=look_with_engines)
    assert report.verdict is Verdict.VALID_CHANGED_LATER, report.signatures[0].findings
    beside = noted(data, "/Note", (50, 700, 70, 720))
    good = Verdict.UNKNOWN if rotation else Verdict.VALID_CHANGED_LATER
    assert verdict(world, beside) is good


@pytest.mark.parametrize("name", ["/Circle", "/Cross", "/Star", "/1", "/Check"])
def test_a_sign_that_reads_as_a_digit_is_no_note(world: World, name: str) -> None:
    data = world.sign(classic_pdf(), marks=[])
    assert verdict(world, noted(data, name, (205, 700, 225, 720))) is Verdict.UNKNOWN


def test_a_sign_on_a_ground_that_nobody_sees_is_no_note(world: World) -> None:
    data = world.sign(classic_pdf(), marks=[])
    shape = b"1 1 .74 rg 0 0 20 20 re f 0 G 2 w 10 2 m 10 18 l S"
    data = noted(data, "/Note", (205, 700, 225, 720), shape)
    assert verdict(world, data) is Verdict.UNKNOWN


# ---------------------------------------------------------------- what people see of notes

LINES = b"0 G 1 w 4 6 m 16 6 l S 4 10 m 16 10 l S "
GREY = b".5 g 0 0 20 20 re f "
NINE = b"0 G 2 w 6 3 m 14 3 l 14 17 l 6 17 l 6 10 l 14 10 l S "
ROUND = b".5 g 10 0 m 20 0 20 20 10 20 c 0 20 0 0 10 0 c %s f* "


@pytest.mark.parametrize(
    ("content", "good"),
    [
        (b"1 1 0 rg 0 0 20 20 re f " + LINES, True),
        (GREY + b"1 G 1 w 4 6 m 16 6 l S 4 10 m 16 10 l S ", True),
        (ROUND % b"", True),
        (b"1 1 0 rg 2 0 m 18 0 l 20 0 20 20 18 20 c 2 20 l 0 20 0 0 2 0 c f " + LINES, True),
        (ROUND % b"10 3 m 17 3 17 17 10 17 c 3 17 3 3 10 3 c", False),
        (b".5 g 0 0 m 20 0 l 20 20 l 0 20 l h 5 2 m 10 2 l 15 2 l 15 18 l 5 18 l h f* ", False),
        (b".5 g 0 0 m 20 20 l 0 0 l " + b"8 2 l 11 2 l 11 18 l 8 18 l " * 5 + b"f ", False),
        (GREY + b"1 g " + b"".join(b"%d 0 4 19 re f " % x for x in (0, 4, 12, 16)), False),
        (
            GREY + b"1 G 1 w " + b"".join(b"%d.5 0 m %d.5 20 l S " % (x, x) for x in range(9)),
            False,
        ),
        (b"1 .5 0 rg 0 0 20 20 re f 1 1 .74 rg 0 0 20 20 re f " + NINE, False),
        (b"q 8 0 4 20 re W n " + GREY + b"Q ", False),
    ],
)
def test_a_note_has_a_ground_that_people_see(world: World, content: bytes, good: bool) -> None:
    """A zero, a one or a nine before 1000 was told as a note."""
    data = noted(world.sign(classic_pdf(), marks=[]), "/Note", (205, 700, 225, 720), content)
    assert (world.verify(data).verdict is Verdict.VALID_CHANGED_LATER) is good


@pytest.mark.parametrize(
    ("colour", "good"), [(b".6 .8 1", False), (b".65 .8 .95", False), (b".8 .2 0", True)]
)
def test_the_ground_of_a_note_is_another_than_that_of_the_page(
    world: World, colour: bytes, good: bool
) -> None:
    cell = b".6 .8 1 rg 60 690 300 40 re f 0 g BT /F 24 Tf 72 700 Td (Price) Tj 90 0 Td (9) Tj ET"
    data = world.sign(classic_pdf(content=cell), marks=[])
    drawn = colour + b" rg 0 0 20 20 re f " + NINE
    data = noted(data, "/Note", (140, 700, 160, 720), drawn)
    assert (world.verify(data).verdict is Verdict.VALID_CHANGED_LATER) is good
