"""Fillings that are told and not seen, or seen and not told, whatever the layer that looks allows.

Inside a filled field that layer lets ink be added. What a dark ground covers, what lies beneath
another annotation, and what a browser draws by /DA, only the static rules can tell.
"""

import pytest

from crypto.verdict import Verdict
from tests.crypto.pdf.changes.one_field import rewritten
from tests.crypto.pdf.changes.price_form import HELVETICA, kinds, shown, stream
from tests.world.documents import append_revision, build_pdf
from tests.world.sealing import World

_WIDGET = b"<</Type/Annot/Subtype/Widget/F %d/P 5 0 R/Rect[%s]%s>>"
_PLACE = b"200 695 420 725"
_TEXT = b"/FT/Tx/T(sum)/DA(/Helv 12 Tf 0 g)"
_OWN = b"/Resources<</Font<</Helv 3 0 R>>>>"
_SECOND = b"/FT/Tx/T(second)/DA(/Helv 12 Tf 0 g)/AP<</N 9 0 R>>"


def sealed_form(
    world: World,
    content: bytes = b"",
    *,
    field: bytes = _TEXT,
    place: bytes = _PLACE,
    flags: int = 4,
    second: bytes = b"",
    look: bytes = b"",
    order: bytes = b"6 0 R 8 0 R",
    own: bytes = _OWN,
    fonts: tuple[bytes, ...] = (),
) -> bytes:
    """A page with a price and the *content*, a field with the *look* as object 7, and another
    widget with these entries; *order* is that of the annotations, *own* what looks bring, and
    the last of the *fonts*, which are the objects from 10 on, is /S."""
    boxed = b"/Type/XObject/Subtype/Form/BBox[0 0 %s]" + own
    left, bottom, right, top = map(int, place.split())
    size = b"%d %d" % (right - left, top - bottom)
    return world.sign(
        build_pdf(
            [
                b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[6 0 R 8 0 R]"
                b"/DA(/Helv 12 Tf 0 g)/DR<</Font<</Helv 3 0 R>>>>>>>>",
                b"<</Type/Pages/Count 1/Kids[5 0 R]>>",
                HELVETICA,
                stream(b"BT /F 24 Tf 72 700 Td (Price 1000) Tj ET " + content),
                b"<</Type/Page/Parent 2 0 R/Contents 4 0 R/MediaBox[0 0 595 842]"
                b"/Resources<</Font<</F 3 0 R%s>>>>/Annots[%s]>>"
                % (b"/S %d 0 R" % (9 + len(fonts)) if fonts else b"", order),
                _WIDGET
                % (
                    flags,
                    place,
                    field + (b"/AP<</N 7 0 R>>" if look and b"/AP" not in field else b""),
                ),
                stream(look, boxed % size),
                _WIDGET % (4, b"190 690 430 730", second or _SECOND),
                stream(b"" if second else b"1 g 0 0 240 40 re f", boxed % b"240 40"),
                *fonts,
            ]
        )
    )


def answered(sealed: bytes, look: bytes, *changes: tuple[bytes, bytes], also: bytes = b"") -> bytes:
    """The field of *sealed* with this look, and as *changes* say; *also*: another annotation."""
    form = b"/Type/XObject/Subtype/Form/BBox[0 0 220 30]/Resources<</Font<</Helv 3 0 R>>>>"
    objects = {
        6: rewritten(sealed, 6, (rb"(/AP<</N 7 0 R>>)?>>\Z", b"/AP<</N 91 0 R>>>>"), *changes),
        91: stream(look, form),
    }
    if also:
        objects[5] = rewritten(sealed, 5, (rb"/Annots\s*\[", b"/Annots[92 0 R "))
        objects[5] = objects[5].replace(b"[92 0 R ", b"[").replace(b"6 0 R", b"6 0 R 92 0 R", 1)
        objects[92] = also
    return append_revision(sealed, objects)


_VALUE = (rb"/T\s*\(sum\)", b"/T(sum)/V(9000)")
_NINE = shown(b"(9000) Tj")


# ------------------------------------------------------------- what a ground as dark covers

_BAR = b"q 0.2 0.2 0.8 rg 190 690 240 40 re f %s Q"
_DIGITS = b" ".join(b"%d 698 3 20 re %d 698 9 3 re f" % (x, x) for x in range(210, 270, 15))


@pytest.mark.parametrize(
    ("drawn", "look", "expected"),
    [
        (b"1 g " + _DIGITS, b"q 0.2 0.2 0.8 rg 0 0 220 30 re f Q " + _NINE, Verdict.INVALID),
        (b"1 g " + _DIGITS, _NINE, Verdict.UNKNOWN),
        (b"1 1 1 rg " + _DIGITS, _NINE, Verdict.UNKNOWN),
        (b"1 g 195 692 230 36 re f", _NINE, Verdict.VALID_CHANGED_LATER),
        (b"1 g 340 698 60 20 re f", _NINE, Verdict.VALID_CHANGED_LATER),
        (b"", _NINE, Verdict.VALID_CHANGED_LATER),
    ],
)
def test_white_shapes_on_a_dark_ground_are_content(
    world: World, drawn: bytes, look: bytes, expected: Verdict
) -> None:
    sealed = sealed_form(world, _BAR % drawn, order=b"6 0 R")
    assert kinds(world, answered(sealed, look, _VALUE))[0] is expected


_SONG = (
    b"<</Type/Font/Subtype/Type0/BaseFont/STSong-Light/Encoding %s/DescendantFonts[<</Type/Font"
    b"/Subtype/CIDFontType0/BaseFont/STSong-Light/DW 500%s"
    b"/CIDSystemInfo<</Registry(Adobe)/Ordering(GB1)/Supplement 4>>>>]>>"
)


@pytest.mark.parametrize(
    ("encoding", "metrics", "start", "covered"),
    [
        (b"/UniGB-UTF16-V", b"", b"280 750", True),
        (b"/UniGB-UTF16-V", b"", b"280 790", False),
        (b"/Identity-V", b"/DW2[880 -2000]", b"280 790", True),
        (b"/Identity-V", b"/W2[1 9000[-2000 250 880]]", b"280 790", True),
        (b"10 0 R", b"", b"180 705", True),
        (b"/Identity-H", b"", b"170 705", False),
        (b"/Identity-H", b"", b"190 705", True),
    ],
)
def test_text_is_where_its_writing_leads(
    world: World, encoding: bytes, metrics: bytes, start: bytes, covered: bool
) -> None:
    """Down the page, and a glyph for each byte where a map of the file's own may say so."""
    text = b"BT /S 14 Tf %s Td <58F94EDF5143> Tj ET" % start
    codes = stream(b"1 begincodespacerange <00> <FF> endcodespacerange")
    fonts = (codes, _SONG % (encoding, metrics))
    sealed = sealed_form(world, text, order=b"6 0 R", fonts=fonts)
    made = answered(sealed, b"q 1 0 0 rg 0 0 220 30 re f Q " + _NINE, _VALUE)
    assert kinds(world, made)[0] is (Verdict.INVALID if covered else Verdict.VALID_CHANGED_LATER)


@pytest.mark.parametrize("ground", [b"1 g", b"0.2 0.2 0.8 rg"])
@pytest.mark.parametrize("text", [b"BT /F 12 Tf 210 702 Td (or 50000) Tj ET", b""])
def test_a_ground_that_was_on_the_screen_only_hides_on_paper(
    world: World, ground: bytes, text: bytes
) -> None:
    look = ground + b" 0 0 220 30 re f "
    sealed = sealed_form(world, text, look=look, flags=0, order=b"6 0 R")
    nine = look + b"/Tx BMC q BT /Helv 12 Tf 0 g 150 9 Td (9000) Tj ET Q EMC"
    made = answered(sealed, nine, _VALUE, (rb"/F 0", b"/F 4"))
    expected = Verdict.INVALID if text else Verdict.VALID_CHANGED_LATER
    assert kinds(world, made)[0] is expected


# ------------------------------------------------------------- what lies over a filling


@pytest.mark.parametrize(
    ("order", "good"), [(b"6 0 R 8 0 R", False), (b"8 0 R 6 0 R", True), (b"6 0 R", True)]
)
def test_a_filling_beneath_another_field_is_not_seen(
    world: World, order: bytes, good: bool
) -> None:
    verdict, found = kinds(world, answered(sealed_form(world, order=order), _NINE, _VALUE))
    assert (verdict is Verdict.VALID_CHANGED_LATER, "filling_unclear" in found) == (good, not good)


@pytest.mark.parametrize(("left", "good"), [(204, False), (380, True)])
def test_a_note_that_came_with_a_filling_may_hide_it(world: World, left: int, good: bool) -> None:
    note = b"<</Type/Annot/Subtype/Text/F 4/P 5 0 R/Rect[%d 700 %d 720]/Contents(x)/Name/Note>>"
    sealed = sealed_form(world, order=b"6 0 R")
    made = answered(sealed, _NINE, _VALUE, also=note % (left, left + 20))
    assert (kinds(world, made)[0] is Verdict.VALID_CHANGED_LATER) is good


_PIECES = b"/Tx BMC q BT /Helv 12 Tf 0 g 4 9 Td (90) Tj %d 0 Td (00) Tj ET Q EMC"


@pytest.mark.parametrize(
    ("redrawn", "good"),
    [
        (_NINE, True),
        (_NINE.replace(b"4 9 Td", b"120 9 Td"), True),
        (_NINE.replace(b"4 9 Td", b"70 9 Td"), False),
        (_PIECES % 110, False),
        (_PIECES % 14, True),
        (_NINE.replace(b"BT ", b"BT 0.9 g"), False),
        (_NINE.replace(b"12 Tf", b"2 Tf"), False),
    ],
)
def test_what_was_filled_in_is_drawn_anew_on_blank_ground(
    world: World, redrawn: bytes, good: bool
) -> None:
    """In two steps, each harmless, it would stand around what was sealed, or over it."""
    sealed = sealed_form(world, b"BT /F 12 Tf 270 704 Td (1000) Tj ET", order=b"6 0 R")
    first = answered(sealed, _NINE, _VALUE)
    assert kinds(world, first)[0] is Verdict.VALID_CHANGED_LATER
    form = b"/Type/XObject/Subtype/Form/BBox[0 0 220 30]" + _OWN
    last = append_revision(first, {91: stream(redrawn, form)})
    assert (kinds(world, last)[0] is Verdict.VALID_CHANGED_LATER) is good


# ------------------------------------------------------------- what browsers draw themselves


@pytest.mark.parametrize(
    ("stated", "good"),
    [
        (b"/Helv 12 Tf 1 g", False),
        (b"/Helv 12 Tf 1 1 0.9 rg", False),
        (b"/Helv 200 Tf 0 g", False),
        (b"/Helv 1 Tf 0 g", False),
        (b"/Helv -12 Tf 0 g", False),
        (b"/ZaDb 12 Tf 0 g", False),
        (b"3 Tr /Helv 12 Tf 0 g", False),
        (b"/Wingdings 12 Tf 0 g", False),
        (b"/Z#61Db 12 Tf 0 g", False),
        (b"/Helv 12 Tf 1 g 0 g", False),
        (b"/Helv 12 Tf 1 g 0 0 0 rg", False),
        (b"/Helv 12 Tf 0 0 0 0 k 0 0 0 rg", False),
        (b"/ZaDb 12 Tf /Helv 12 Tf 0 g", False),
        (b"/Helv 1 Tf /Helv 12 Tf 0 g", False),
        (b"0 g /Helv 12 Tf 0 0 0 rg", True),
        (b"0 g /Helv 12 Tf", True),
        (b"/Helv 0 Tf 0 g", True),
        (b"/Helv 11 Tf 0 0 1 rg", True),
    ],
)
@pytest.mark.parametrize("was", [b"", b"/V(9000)"])
def test_a_value_is_not_hidden_from_browsers(
    world: World, stated: bytes, good: bool, was: bytes
) -> None:
    """They show the value by /DA in place of the look, which says the same before and after."""
    sealed = sealed_form(world, field=_TEXT + was, look=_NINE if was else b"", order=b"6 0 R")
    settings = (rb"/DA\s*\([^)]*\)", b"/DA(%s)" % stated)
    made = answered(sealed, _NINE, settings, *([] if was else [_VALUE]))
    fine = Verdict.VALID if was else Verdict.VALID_CHANGED_LATER
    assert kinds(world, made)[0] is (fine if good else Verdict.UNKNOWN)


@pytest.mark.parametrize(
    ("stated", "good"),
    [
        (b"/Helv 12 Tf 1 g 0 0 0 rg", False),
        (b"1 g /Helv 12 Tf 0 g", False),
        (b"/ZaDb 12 Tf /Helv 12 Tf 0 g", False),
        (b"/Helv 900 Tf /Helv 12 Tf 0 g", False),
        (b"/Helv 12 Tf 0 g % 1 g", False),
        (b"0 g /Helv 12 Tf 0 0 0 rg", True),
    ],
)
def test_what_is_drawn_by_settings_said_twice_is_not_told_as_seen(
    world: World, stated: bytes, good: bool
) -> None:
    """PDFium draws by the first font and by g before rg, others by what comes last."""
    field = b"/FT/Tx/T(sum)/DA(%s)" % stated
    sealed = sealed_form(world, field=field, order=b"6 0 R")
    made = append_revision(sealed, {6: rewritten(sealed, 6, _VALUE)})
    expected = Verdict.VALID_CHANGED_LATER if good else Verdict.UNKNOWN
    assert kinds(world, made)[0] is expected


@pytest.mark.parametrize(
    ("chosen", "good"),
    [
        (b"/I[1]", False),
        (b"/I[5]", False),
        (b"/V(red)/I[1]", False),
        (b"/V(red)/I[0 1]", False),
        (b"/V(red)/I[0]", True),
        (b"/V(red)", True),
    ],
)
def test_the_number_of_an_option_is_that_of_the_value(
    world: World, chosen: bytes, good: bool
) -> None:
    field = b"/FT/Ch/Ff 131072/T(sum)/DA(/Helv 12 Tf 0 g)/Opt[(red)(blue)]"
    sealed = sealed_form(world, field=field, look=b" ", order=b"6 0 R")
    look = shown(b"(red) Tj") if b"/V" in chosen else b" "
    made = answered(sealed, look, (rb"/T\s*\(sum\)", b"/T(sum)" + chosen))
    assert (kinds(world, made)[0] is Verdict.VALID_CHANGED_LATER) is good


@pytest.mark.parametrize(
    ("look", "added"),
    [
        (b"/X Do", b"/XObject<</X 9 0 R>>"),
        (b"/G gs 1 g 0 0 220 30 re f", b"/ExtGState<</G<</BM/Multiply>>>>"),
        (b"/C cs 1 sc 0 0 220 30 re f", b"/ColorSpace<</C/DeviceGray>>"),
        (b"/S sh", b"/Shading<</S 9 0 R>>"),
        (b"1 g 0 0 220 30 re f", b""),
    ],
)
def test_the_form_says_nothing_new_that_a_sealed_look_names(
    world: World, look: bytes, added: bytes
) -> None:
    """Some viewers look up in the form what a look without resources of its own names."""
    sealed = sealed_form(world, look=look, order=b"6 0 R", own=b"")
    more = (rb"/DR\s*<<\s*/Font\s*<<", b"/DR<<%s/Font<</F2 3 0 R" % added)
    made = append_revision(sealed, {1: rewritten(sealed, 1, more)})
    expected = Verdict.UNKNOWN if added else Verdict.VALID
    assert kinds(world, made)[0] is expected


_AS_ACROBAT = b"font-size:10.0pt;text-align:left;color:#000000;font-weight:normal;font-style:normal"


@pytest.mark.parametrize(
    ("styled", "good"),
    [
        (b"", True),
        (b"/RC(<?xml version='1.0'?><body><p>see\n<b>page 2 &amp; 3</b></p></body>)", True),
        (b"/RC(<body><p>price 9000</p></body>)", False),
        (b"/RC()", False),
        (b"/RC(<body><p style='%s'>see page 2 &amp; 3</p></body>)" % _AS_ACROBAT, True),
        (b'/RC(<body><p dir="ltr">see page 2 &amp; <b>3</b></p></body>)', True),
        *(
            (b"/RC(<p>see page <span style='%s'>2</span> &amp; 3</p>)" % style, False)
            for style in (
                b"display:none",
                b"font-size:0pt",
                b"font-size:1.5pt",
                b"color:#FFFFFF",
                b"color:white",
                b"text-decoration:line-through",
                b"font-size:10pt;visibility:hidden",
            )
        ),
        (b"/RC(<p>see page <span style=display:none>2</span> &amp; 3</p>)", False),
        (b"/RC(<p>see page <!-- a>2<b --> &amp; 3</p>)", False),
        (b"/RC(<p>see page <span title='a>2<b'/> &amp; 3</p>)", False),
        (b"/RC(<p>see page <del>2</del> &amp; 3</p>)", False),
    ],
)
def test_a_note_says_the_same_in_styled_text(world: World, styled: bytes, good: bool) -> None:
    sealed = sealed_form(world, order=b"6 0 R")
    words = b"/Contents(see page 2 & 3)/Name/Note" + styled
    note = b"<</Type/Annot/Subtype/Text/F 4/P 5 0 R/Rect[380 600 400 620]%s>>" % words
    page = rewritten(sealed, 5, (rb"/Annots\s*\[", b"/Annots[92 0 R "))
    made = append_revision(sealed, {5: page, 92: note})
    assert (kinds(world, made)[0] is Verdict.VALID_CHANGED_LATER) is good


_NOTE = b"<</Type/Annot/Subtype/Text/F 4/P 5 0 R/Rect[380 600 400 620]/Contents(x)/Name/Note%s>>"
_WINDOW = b"<</Type/Annot/Subtype/Popup/F 4/Rect[%s]%s>>"
_OVER, _BLANK = b"60 680 260 740", b"300 300 450 400"


@pytest.mark.parametrize(
    ("listed", "note", "window", "good"),
    [
        (b"92 0 R 93 0 R", b"/Popup 93 0 R", (_OVER, b"/Parent 92 0 R"), True),
        (b"92 0 R 93 0 R", b"/Popup 93 0 R", (_OVER, b"/Parent 92 0 R/Open true"), False),
        (b"92 0 R 93 0 R", b"/Popup 93 0 R/Open true", (_OVER, b"/Parent 92 0 R"), False),
        (b"92 0 R 93 0 R", b"/Popup 93 0 R/Open true", (_BLANK, b"/Parent 92 0 R"), True),
        (b"92 0 R", b"/Popup 93 0 R", (_OVER, b"/Parent 92 0 R/Open true"), False),
        (b"92 0 R", b"/Popup 93 0 R/Open true", (_OVER, b"/Parent 92 0 R"), False),
        (b"92 0 R", b"/Popup 93 0 R/Open true", (_BLANK, b"/Parent 92 0 R"), True),
        (b"92 0 R", b"/Popup 93 0 R", (_BLANK, b"/Parent 94 0 R"), False),
        (b"92 0 R", b"/Popup 93 0 R", (_BLANK, b"/Parent 92 0 R/RC(<p>9000</p>)"), False),
        (b"93 0 R", b"", (_BLANK, b"/Parent 92 0 R"), False),
        (b"93 0 R", b"", (_BLANK, b"/Parent<</Contents(9000)>>"), False),
        (b"93 0 R", b"", (_BLANK, b"/T(9000)"), False),
        (b"93 0 R", b"", (_BLANK, b"/Parent 6 0 R"), True),
    ],
)
def test_the_window_of_a_note_says_what_is_told_and_covers_nothing(
    world: World, listed: bytes, note: bytes, window: tuple[bytes, bytes], good: bool
) -> None:
    """Also where it stands in no list of annotations: viewers find it by the note."""
    sealed = sealed_form(world, order=b"6 0 R")
    page = rewritten(sealed, 5, (rb"/Annots\s*\[", b"/Annots[%s " % listed))
    objects = {5: page, 92: _NOTE % note, 93: _WINDOW % window, 94: _NOTE % b""}
    verdict = kinds(world, append_revision(sealed, objects))[0]
    assert (verdict is Verdict.VALID_CHANGED_LATER) is good


@pytest.mark.parametrize(
    ("words", "told", "good"),
    [
        (b"(\\357\\273\\277price\\r9000)", "price 9000", True),
        (b"(ok\\rgo)", "ok go", True),
        (b"94 0 R", "price 9000", True),
        (b"(see page 2)/Subj(price 9000)", "price 9000: see page 2", True),
        (b"(price)/Subj(price)", "price", True),
        (b"()/Subj(price 9000)", "price 9000", True),
        (b"(x)/PA<</S/URI/URI(http://x)>>", "", False),
        (b"<FEFF202E0030003000300039>", "0009", False),
        (b"<FEFF2067003900302069>", "90", False),
    ],
)
def test_a_note_is_told_as_it_is_read(world: World, words: bytes, told: str, good: bool) -> None:
    sealed = sealed_form(world, order=b"6 0 R")
    page = rewritten(sealed, 5, (rb"/Annots\s*\[", b"/Annots[92 0 R "))
    note = (_NOTE % b"").replace(b"(x)", b" " + words)
    report = world.verify(append_revision(sealed, {5: page, 92: note, 94: stream(b"price 9000")}))
    assert [each.after for each in report.signatures[0].changed_later] == [told]
    assert (report.verdict is Verdict.VALID_CHANGED_LATER) is good


@pytest.mark.parametrize(
    ("border", "good"), [(b"/W 1/S/S", True), (b"/W 8/S/B", False), (b"/W 1/S/I", False)]
)
def test_a_border_that_seems_raised_shows_without_a_colour(
    world: World, border: bytes, good: bool
) -> None:
    sealed = sealed_form(world, order=b"6 0 R")
    value = (rb"/T\s*\(sum\)", b"/T(sum)/V(9000)/BS<<%s>>" % border)
    made = append_revision(sealed, {6: rewritten(sealed, 6, value)})
    assert (kinds(world, made)[0] is Verdict.VALID_CHANGED_LATER) is good


def test_a_list_is_not_scrolled(world: World) -> None:
    field = b"/FT/Ch/T(sum)/DA(/Helv 12 Tf 0 g)/Opt[(red)(blue)]"
    look = shown(b"(red) Tj")
    sealed = sealed_form(world, field=field, look=look, order=b"6 0 R")
    made = answered(sealed, look, (rb"/T\s*\(sum\)", b"/T(sum)/TI 1"))
    assert kinds(world, made)[0] is Verdict.UNKNOWN


# ------------------------------------------------------------- what a value is read as


@pytest.mark.parametrize(
    ("between", "expected"),
    [
        ("\n" * 250, "ok price 9000"),
        (" " * 250, "ok price 9000"),
        (" so far" * 12, "ok" + " so far" * 12 + " price 9000"),
        (" so far" * 99, ""),
    ],
)
def test_the_end_of_a_value_is_told(world: World, between: str, expected: str) -> None:
    """What stands behind many blanks or letters is seen on the page like the rest."""
    sealed = sealed_form(world, field=_TEXT + b"/Ff 4096", order=b"6 0 R")
    value = f"ok{between} price 9000".replace("\n", "\\n").encode()
    made = answered(sealed, b"", (rb"/T\s*\(sum\)", b"/T(sum)/V(%s)" % value))
    (change,) = world.verify(made).signatures[0].changed_later
    assert change.after.startswith("ok")
    assert change.after.endswith("price 9000")
    assert change.after == expected if expected else " … " in change.after
    assert len(change.after) <= 300


@pytest.mark.parametrize(
    ("value", "text", "good"),
    [
        (b"(999)", b"(9) Tj 0 -30 Td (9) Tj 0 -30 Td (9) Tj", False),
        (b"(nonpayment)", b"(non) Tj 0 -30 Td (payment) Tj", False),
        (b"(non payment)", b"(non) Tj 0 -30 Td (payment) Tj", True),
        (b"(9\\n9\\n9)", b"(9) Tj 0 -30 Td (9) Tj 0 -30 Td (9) Tj", True),
        (b"(abcdefghijkl)", b"(abcdefgh) Tj 0 -14 Td (ijkl) Tj", True),
    ],
)
def test_a_word_is_broken_only_where_its_line_is_full(
    world: World, value: bytes, text: bytes, good: bool
) -> None:
    """A digit of its own on each line is read with the amount that stands beside it there."""
    field = _TEXT + b"/Ff 4096"
    sealed = sealed_form(world, field=field, place=b"200 600 270 690", order=b"6 0 R")
    look = b"/Tx BMC q BT /Helv 12 Tf 0 g 4 72 Td %s ET Q EMC" % text
    made = answered(sealed, look, (rb"/T\s*\(sum\)", b"/T(sum)/V%s" % value))
    made = made.replace(b"/BBox[0 0 220 30]", b"/BBox[0 0  70 90]")
    assert (kinds(world, made)[0] is Verdict.VALID_CHANGED_LATER) is good


_STROKES = b"1.5 w %s S"
_CROSS = _STROKES % b"3 3 m 13 13 l 3 13 m 13 3 l"


def _nine(left: int) -> bytes:
    points = (left + 6, 3, left + 6, 14, left, 14, left, 8, left + 6, 8)
    return b"1.5 w %d %d m %d %d l %d %d l %d %d l %d %d l S " % points


@pytest.mark.parametrize(
    ("width", "mark", "good"),
    [
        (16, _CROSS, True),
        (16, b"0 g 3 8 m 6 4 l 13 12 l 12 13 l 6 6.5 l 4 9 l f", True),
        (16, b"0 g 4 4 8 8 re f", True),
        (20, _nine(3) + _nine(11), False),
        (200, b"".join(_nine(10 + 10 * at) for at in range(6)), False),
        (200, _nine(90), False),
    ],
)
def test_a_ticked_box_shows_one_tick(world: World, width: int, mark: bytes, good: bool) -> None:
    frame = b"0.5 w 0.5 0.5 %d 15 re S " % (width - 1)
    verdict = ticked(world, width, frame, mark)
    assert (verdict is Verdict.VALID_CHANGED_LATER) is good


@pytest.mark.parametrize(
    ("box", "on_page", "good"),
    [
        (b"0.9 g 0 0 16 16 re f ", b"", True),
        (b"0.98 g 0 0 16 16 re f ", b"", False),
        (b"1 g 0 0 16 16 re f ", b"", False),
        (b"0.5 w 0.5 0.5 15 15 re S ", b"", True),
        (b"1 G 0.5 w 0.5 0.5 15 15 re S 0 G ", b"", False),
        (b"", b"q 0.5 w 200 700 16 16 re S Q", True),
        (b"", b"q 1 G 0.5 w 200 700 16 16 re S Q", False),
        (b"", b"q 0.97 G 0.5 w 200 700 16 16 re S Q", False),
        (b"0 g 0 0 16 16 re f 1 g 0 0 16 16 re f ", b"", False),
        (b"0 g 0 0 16 16 re f 1 g 0.5 0.5 15 15 re f 0 g ", b"", True),
        (b"0.5 w 0.5 0.5 15 15 re S 1 g 0 0 16 16 re f ", b"", False),
        (b"1 g 0 0 16 16 re f 0 g 0.5 w 0.5 0.5 15 15 re S ", b"", True),
        (b"", b"q 0.5 w 200 700 16 16 re S 1 g 198 698 20 20 re f Q", False),
        (b"", b"q 1 g 198 698 20 20 re f 0.5 w 200 700 16 16 re S Q", True),
        (b"0.9 g 0 0 16 16 re f 0 g ", b"q 0.9 g 100 690 400 40 re f Q", False),
        (b"0.9 G 0.5 w 0.5 0.5 15 15 re S 0 G ", b"q 0.9 g 100 690 400 40 re f Q", False),
        (b"1 G 0.5 w 0.5 0.5 15 15 re S 0 G ", b"q 0.7 g 100 690 400 40 re f Q", True),
    ],
)
def test_an_x_is_a_tick_in_a_box_that_people_see(
    world: World, box: bytes, on_page: bytes, good: bool
) -> None:
    """A stroke is none there either: it reads as a digit in a box for digits."""
    number = b"BT /F 12 Tf 218 703 Td (1000) Tj ET " + on_page
    verdict = ticked(world, 16, box, b"BT 0 g /Helv 12 Tf 5 5 Td (x) Tj ET", number)
    assert (verdict is Verdict.VALID_CHANGED_LATER) is good
    verdict = ticked(world, 16, box, b"1.5 w 12 3 m 12 13 l S", number)
    assert verdict is not Verdict.VALID_CHANGED_LATER


def ticked(world: World, width: int, frame: bytes, mark: bytes, content: bytes = b"") -> Verdict:
    """What becomes of a box with this *frame* that is ticked by the *mark*."""
    field = b"/FT/Btn/T(sum)/AS/Off/AP<</N<</Yes 9 0 R/Off 7 0 R>>>>"
    place = b"200 700 %d 716" % (200 + width)
    sealed = sealed_form(world, content, field=field, place=place, look=frame, order=b"6 0 R")
    form = b"/Type/XObject/Subtype/Form/BBox[0 0 %d 16]/Resources<</Font<</Helv 3 0 R>>>>" % width
    button = rewritten(sealed, 6, (rb"/AS\s*/Off", b"/AS/Yes/V/Yes"), (b"9 0 R", b"91 0 R"))
    made = append_revision(sealed, {6: button, 91: stream(frame + mark, form)})
    return kinds(world, made)[0]
