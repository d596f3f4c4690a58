"""Looks of filled fields and ticked buttons that do not show what the file records as their value.

Found by trying to make a value that is told differ from what a viewer shows; most of these passed
once. Each stands beside an honest one of the same make, which must keep its good verdict.
"""

import math

import pytest

from crypto.verdict import Verdict
from tests.crypto.pdf.changes.one_field import BLANK, RESOURCES, TEXT, Form, look, text, widget
from tests.world.documents import append_revision, build_pdf
from tests.world.sealing import World, codes

GOOD = (Verdict.VALID, Verdict.VALID_CHANGED_LATER)


def verdict(world: World, form: Form, *revisions: dict[int, bytes]) -> Verdict:
    """Of *form*, sealed and then continued."""
    data = world.sign(form.document(), marks=[])
    for each in revisions:
        data = append_revision(data, each)
    return world.verify(data).verdict


def filled(
    world: World, content: bytes, value: bytes, kind: bytes = TEXT, **form: bytes
) -> Verdict:
    """Of an empty text field that was filled in with *value*, its look drawn by *content*."""
    sealed = {20: widget(BLANK, kind + b"/AP<</N 21 0 R>>"), 21: look(b"/Tx BMC EMC")}
    after = widget(BLANK, kind + b"/V(%s)/AP<</N 90 0 R>>" % value)
    return verdict(world, Form(sealed, **form), {20: after, 90: look(content)})


# ---------------------------------------------------------------- text


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b"q 0 0 m 30 0 l 300 40 l h W n" + text(b"1000") + b"Q", b"1000"),
        (b"q 0 0 300 40 re 17 0 280 40 re W* n" + text(b"1000") + b"Q", b"1000"),
        (b"q 0 0 m 0 40 20 40 20 20 c 20 0 300 0 300 0 c h W n" + text(b"1000") + b"Q", b"1000"),
        (b"q 0 0 m 300 40 l W n" + text(b"1000") + b"Q", b"1000"),
        (b"q 10.6 0 200 40 re W n" + text(b"1000") + b"Q", b"1000"),
        (text(b"100") + b"1 g 0 0 300 40 re f", b"100"),
        (text(b"9,900", 60) + b"1 g 0 0 300 40 re f" + text(b"1"), b"19,900"),
        (b"/Pale gs BT .5 g /F 12 Tf 4 14 Td (100) Tj ET", b"100"),
        (b"/TR gs" + text(b"100"), b"100"),
        (b"BT 0 g /F 12 Tf -1 0 0 -1 60 30 Tm (86) Tj ET", b"86"),
        (b"BT 0 g /F 12 Tf 1 0 6 1 4 14 Tm (100) Tj ET", b"100"),
        (b"0 G 1.5 w 0 18 m 3.4 18 l S" + text(b"1,000"), b"1,000"),
        (b"0 g 0 17 3.4 1.5 re f" + text(b"1,000"), b"1,000"),
        (b"0 G 1.5 w 3 13 m 3 23 l S" + text(b"1,000"), b"1,000"),
        (text(b"100") + text(b",000", 27, 3.1), b"100,000"),
        (text(b"W" * 30), b"W" * 30),
    ],
    ids=[
        *("clipped by a triangle", "clipped by a hole", "clipped by curves", "clipped to nothing"),
        *("without its first digit", "ground over text", "ground over part", "pale", "transfer"),
        *("upside down", "leaning", "minus in the frame", "minus filled", "one in the frame"),
        *("tail too small", "wider than the field"),
    ],
)
def test_a_look_that_does_not_show_the_value_is_no_filling(
    world: World, content: bytes, value: bytes
) -> None:
    assert filled(world, content, value) not in GOOD


@pytest.mark.parametrize(
    "content",
    [
        b"/Tx BMC q 2 2 296 36 re W n" + text(b"100") + b"Q EMC",
        b"1 g 0 0 300 40 re f 0 G 1 w .5 .5 299 39 re S" + text(b"100"),
        text(b"100") + b"0 G 1 w 0 .5 m 300 .5 l S",
        text(b"1") + text(b"00", 200),
    ],
    ids=["clipped by its box", "ground, frame and text", "underlined field", "far apart"],
)
def test_a_look_that_shows_the_value_is_a_filling(world: World, content: bytes) -> None:
    assert filled(world, content, b"100") is Verdict.VALID_CHANGED_LATER


def test_fonts_that_viewers_have_are_as_wide_as_they_are(world: World) -> None:
    """A file need not state the widths of the standard fonts; a hundred narrow letters fit."""
    said = b"li" * 50
    assert filled(world, text(said), said) is Verdict.VALID_CHANGED_LATER


def test_a_field_with_a_blank_in_it_is_empty(world: World) -> None:
    """Forms of some programs hold a blank where nothing was chosen."""
    sealed = {20: widget(BLANK, TEXT + b"/V( )/AP<</N 21 0 R>>"), 21: look(text(b" "))}
    after = widget(BLANK, TEXT + b"/V(100)/AP<</N 90 0 R>>")
    revision = {20: after, 90: look(text(b"100"))}
    assert verdict(world, Form(sealed), revision) is Verdict.VALID_CHANGED_LATER


def test_a_widget_may_get_settings_with_the_value_that_its_field_above_gets(world: World) -> None:
    """pypdf writes /DA beside the look, and the value where the field has its name."""
    kid = b"/Parent 20 0 R/AP<</N 21 0 R>>"
    field = b"<</FT/Tx/T(x)/DA(/F 12 Tf 0 g)/Kids[22 0 R]%s>>"
    form = Form({20: field % b"", 22: widget(BLANK, kid), 21: look(b"")})
    filled_in = {20: field % b"/V(100)", 21: look(text(b"100"))}
    settings = {22: widget(BLANK, kid + b"/DA(/F 0 Tf 0 g)")}
    assert verdict(world, form, {**filled_in, **settings}) is Verdict.VALID_CHANGED_LATER
    assert verdict(world, form, settings) is Verdict.UNKNOWN


def test_a_form_without_fonts_that_viewers_draw_anew_is_judged(world: World) -> None:
    """Nothing below /DR names the font: its own look counts, and viewers take one of theirs."""
    sealed = {20: widget(BLANK, TEXT + b"/AP<</N 21 0 R>>"), 21: look(b"")}
    form = Form(sealed, entries=b"/NeedAppearances true", resources=b"")
    after = widget(BLANK, TEXT + b"/V(100)/AP<</N 90 0 R>>")
    found = verdict(world, form, {20: after, 90: look(text(b"100"))})
    assert found is Verdict.VALID_CHANGED_LATER


@pytest.mark.parametrize("entries", [b"/TI 1", b"/V(100)", b"/V(900)/I[1]"])
def test_a_list_that_viewers_draw_themselves_shows_something_else_then(
    world: World, entries: bytes
) -> None:
    """A list box without a look shows its options, from /TI on, and marks the chosen one."""
    kind = b"/FT/Ch/T(x)/DA(/F 12 Tf 0 g)/Opt[(100)(900)]"
    form = Form({20: widget(BLANK, kind)})
    assert verdict(world, form, {20: widget(BLANK, kind + entries)}) is Verdict.UNKNOWN
    combo = kind + b"/Ff 131072"
    chosen = {20: widget(BLANK, combo + b"/V(100)")}
    assert verdict(world, Form({20: widget(BLANK, combo)}), chosen) is Verdict.VALID_CHANGED_LATER


COMB = TEXT + b"/Ff 16777216/MaxLen 10"


def test_the_lines_of_a_comb_are_as_high_as_it_is(world: World) -> None:
    lines = b" ".join(b"%d 0 m %d 40 l S" % (30 * n, 30 * n) for n in range(1, 10))
    letters = b"".join(text(b"%c" % each, 30 * n + 11) for n, each in enumerate(b"1000"))
    assert filled(world, b"0 G 1 w " + lines + letters, b"1000", COMB) in GOOD
    stroke = b"0 G 1.5 w 45 13 m 45 23 l S"
    assert filled(world, stroke + text(b"1,000"), b"1,000", COMB) not in GOOD


def test_black_on_black_is_seen_by_nobody(world: World) -> None:
    page = b"BT /F 24 Tf 72 700 Td (Party A) Tj ET %s rg 0 500 595 150 re f"
    assert filled(world, text(b"100"), b"100", page=page % b"0 0 0") not in GOOD
    assert filled(world, text(b"100"), b"100", page=page % b".85 .9 1") in GOOD


def test_a_filling_beyond_the_edge_of_the_page_is_unclear(world: World) -> None:
    rect = (560, 590, 860, 630)
    form = Form({20: widget(rect, TEXT + b"/AP<</N 21 0 R>>"), 21: look(b"")})
    after = widget(rect, TEXT + b"/V(1000000)/AP<</N 90 0 R>>")
    assert verdict(world, form, {20: after, 90: look(text(b"1000000"))}) not in GOOD


def test_a_filling_over_another_of_the_same_revision_is_no_filling(world: World) -> None:
    other = TEXT.replace(b"(x)", b"(y)")
    sealed = {
        20: widget(BLANK, TEXT + b"/AP<</N 21 0 R>>"),
        21: look(b""),
        22: widget(BLANK, other + b"/AP<</N 21 0 R>>"),
    }
    revision = {
        20: widget(BLANK, TEXT + b"/V(100)/AP<</N 90 0 R>>"),
        22: widget(BLANK, other + b"/V(900)/AP<</N 91 0 R>>"),
        90: look(text(b"100")),
        91: look(b"1 g 0 0 300 40 re f" + text(b"900")),
    }
    assert verdict(world, Form(sealed, fields=b"20 0 R 22 0 R"), revision) not in GOOD


@pytest.mark.parametrize("value", [b"/V(100)", b"/V/100"])
def test_a_look_that_only_some_viewers_choose_is_no_filling(world: World, value: bytes) -> None:
    """Where no state is named, PDFium takes the look that the value names and MuPDF none."""
    looks = b"/AP<</N<</100 21 0 R/Off 23 0 R>>>>"
    sealed = {20: widget(BLANK, TEXT + looks), 21: look(text(b"9,900,000")), 23: look(b"")}
    assert verdict(world, Form(sealed), {20: widget(BLANK, TEXT + looks + value)}) not in GOOD


# ---------------------------------------------------------------- text that viewers draw themselves


@pytest.mark.parametrize(
    ("settings", "value", "good"),
    [
        (b"/F 12 Tf 0 g", b"100", True),
        (b"/F 0 Tf 0 0 0 rg", b"100", True),
        (b"/F 12 Tf 1 g", b"100", False),
        (b"/F 12 Tf 0 0 0 0 k", b"100", False),
        (b"/F 1 Tf 0 g", b"100", False),
        (b"/F 300 Tf 0 g", b"100", False),
        (b"/F 12 Tf 0 g 3 Tr", b"100", False),
        (b"0 g", b"100", False),
        (b"/F 12 Tf 0 rg", b"100", False),
        (b"0 G /F 12 Tf 0 g", b"100", True),
        (b"/F 12 Tf <0", b"100", False),
        (b"/F 12 Tf 0 g", b"1" + b"0" * 80, False),
    ],
)
@pytest.mark.parametrize("where", ["field", "form", "all drawn anew"])
def test_what_viewers_draw_must_be_seen(
    world: World, settings: bytes, value: bytes, good: bool, where: str
) -> None:
    stated = b"/DA(" + settings + b")"
    entries = b"/FT/Tx/T(x)" + (b"" if where == "form" else stated)
    anew = b"/NeedAppearances true" if where == "all drawn anew" else b""
    drawn = b"/AP<</N 21 0 R>>" if anew else b""
    sealed = {20: widget(BLANK, entries + drawn), 21: look(b"")}
    after = widget(BLANK, entries + b"/V(" + value + b")" + drawn.replace(b"21", b"90"))
    form = Form(sealed, entries=(stated if where == "form" else b"/DA(/F 12 Tf 0 g)") + anew)
    found = verdict(world, form, {20: after, 90: look(text(value))})
    assert (found in GOOD) is good


def test_more_letters_than_the_field_takes_are_not_shown(world: World) -> None:
    kind = TEXT + b"/MaxLen 1"
    form = Form({20: widget(BLANK, kind)})
    assert verdict(world, form, {20: widget(BLANK, kind + b"/V(1000)")}) not in GOOD


@pytest.mark.parametrize(
    ("styled", "good"),
    [
        (b"100", True),
        (b"900", False),
        (b'<span style="font-size:12pt;color:#000000">1</span><b>00</b>', True),
        (b'<span style="display:none">100</span>', False),
        (b'<span style="color:#ffffff">100</span>', False),
        (b'<?xml-stylesheet href="data:text/css,p{display:none}"?>100', False),
        (b"<!-- 100 -->", False),
        (b"<![CDATA[100]]>", False),
        (b"<bold>100</bold>", False),
    ],
)
def test_styled_text_may_say_the_value_again(world: World, styled: bytes, good: bool) -> None:
    """Acrobat writes it beside the value and the look of a field for rich text."""
    kind = TEXT + b"/Ff 33554432"
    form = Form({20: widget(BLANK, kind + b"/AP<</N 21 0 R>>"), 21: look(b"")})
    said = b"/V(100)/RV(<body><p>" + styled + b"</p></body>)/AP<</N 90 0 R>>"
    found = verdict(world, form, {20: widget(BLANK, kind + said), 90: look(text(b"100"))})
    assert (found in GOOD) is good


FORMATS = (b"", b'/AA<</F<</S/JavaScript/JS(AFNumber_Format\\(2,0,0,0,"$",true\\))>>>>')


@pytest.mark.parametrize(
    ("content", "value", "formatted", "good"),
    [
        (b"$1,000.00", b"1000", False, False),
        (b"$1,000.00", b"1000", True, True),
        (b"1,000.00", b"1000", False, True),
        (b"$1,000", b"$1000", False, True),
        (b"1,000", b"$1000", False, False),
        (b"\\2441,000", b"$1000", False, False),
        (b"\\2441,000", b"1000", True, False),
    ],
)
def test_a_currency_is_part_of_the_amount(
    world: World, content: bytes, value: bytes, formatted: bool, good: bool
) -> None:
    """A sign that the value has not may come from the format that was sealed, from nowhere else."""
    kind = TEXT + FORMATS[formatted]
    assert (filled(world, text(content), value, kind) in GOOD) is good


@pytest.mark.parametrize(
    ("before", "after", "good"),
    [
        (b"$1,000", b"$1,000.00", True),
        (b"1,000", b"$1,000", False),
        (b"\\2451,000", b"$1,000", False),
        (b"\\2451,000", b"1,000.00", False),
    ],
)
def test_a_look_drawn_anew_brings_no_other_currency(
    world: World, before: bytes, after: bytes, good: bool
) -> None:
    field = TEXT + b"/V(1000)"
    sealed = {20: widget(BLANK, field + b"/AP<</N 21 0 R>>"), 21: look(text(before))}
    anew = {20: widget(BLANK, field + b"/AP<</N 90 0 R>>"), 90: look(text(after))}
    assert (verdict(world, Form(sealed), anew) in GOOD) is good


# ---------------------------------------------------------------- ticks

BESIDE = (129, 637, 149, 660)
"""Just before an amount."""
SUM = b"BT /F 24 Tf 72 640 Td (S:) Tj ET BT /F 24 Tf 150 640 Td (100 CNY) Tj ET"
BOX = b"0 G 1 w .5 .5 19 19 re S "


def ticked(world: World, content: bytes, off: bytes = b"") -> Verdict:
    looks = b"/FT/Btn/T(x)/AP<</N<</Off 21 0 R/On 23 0 R>>>>"
    sealed = {
        20: widget(BESIDE, looks + b"/V/Off/AS/Off"),
        21: look(off, (20, 20)),
        23: look(off + content, (20, 20)),
    }
    return verdict(world, Form(sealed, SUM), {20: widget(BESIDE, looks + b"/V/On/AS/On")})


@pytest.mark.parametrize(
    "content",
    [
        b"BT 1 g /Z 14 Tf 4 5 Td (4) Tj ET",
        b"BT 0 g /Z .5 Tf 4 5 Td (4) Tj ET",
        b"BT 0 g /Z 14 Tf 4 5 Td <B4> Tj ET",
        b"1 G 1 w 4 4 m 16 16 l S",
        b"0 G 2 w 4 10 m 16 10 l S",
        b"0 g 4 9 12 2 re f",
        b"0 g 9 2 2 16 re f",
        b"0 G 2 w 15 14 m 15 18 5 18 5 14 c 5 10 15 10 15 14 c 15 2 l S",
        b"0 G 2 w 10 1 m 15 1 19 5 19 10 c 19 15 15 19 10 19 c 5 19 1 15 1 10 c 1 5 5 1 10 1 c s",
        b"0 g 3 18 m 17 18 l 17 15 l 9 2 l 6 2 l 13 15 l 3 15 l f",
        b"0 G 2 w 11 2 m 11 18 l 4 8 l 15 8 l S",
        b"0 g 10 2 m 12 2 l 12 18 l 4 9 l 4 7 l 16 7 l 16 9 l 7 9 l 10 13 l f",
        b"0 G 2 w 15 18 m 5 9 l 5 5 l 9 2 l 14 4 l 14 8 l 5 9 l S",
        b"0 G 2 w 15 18 m 9 16 5 11 5 7 c 5 0 15 0 15 7 c 15 11 7 11 5 7 c S",
        b"0 g 9 4 m 11 4 l 11 9 l 16 9 l 16 11 l 11 11 l 11 16 l 9 16 l 9 11 l 4 11 l 4 9 l 9 9 l"
        b" f",
    ],
    ids=[
        *("white", "tiny", "digit", "white stroke", "minus", "bar", "one", "nine", "zero"),
        *("seven", "four", "filled four", "six", "round six", "plus"),
    ],
)
def test_a_button_that_shows_no_tick_is_not_called_ticked(world: World, content: bytes) -> None:
    assert ticked(world, content) not in GOOD


@pytest.mark.parametrize(
    ("content", "off"),
    [
        (b"BT 0 g /Z 14 Tf 4 5 Td (4) Tj ET", b""),
        (b"0 G 2 w 3 10 m 8 4 l 17 17 l S", b""),
        (b"0 g 2 10 m 4 12 l 8 7 l 16 18 l 18 16 l 8 3 l f", b""),
        (b"0 G 1 w 4 4 m 16 16 l S 4 16 m 16 4 l S", b""),
        (b"0 g 5 5 10 10 re f", b""),
        (
            b"0 g 10 6 m 12 6 14 8 14 10 c 14 12 12 14 10 14 c 8 14 6 12 6 10 c 6 8 8 6 10 6 c f",
            b"",
        ),
        (b"BT 0 g /F 14 Tf 4 5 Td (x) Tj ET", BOX),
    ],
    ids=["sign", "stroked", "filled", "cross", "square", "dot", "x in a box"],
)
def test_ticks_of_every_shape_are_ticks(world: World, content: bytes, off: bytes) -> None:
    assert ticked(world, content, off) is Verdict.VALID_CHANGED_LATER


@pytest.mark.parametrize(
    ("off", "on", "kind"),
    [
        ("6 .8 g f", "9 .8 g f", "filling_unclear"),
        ("6 0 G S", "9 0 G S", "filling_unclear"),
        ("6 0 G S", "9 1 G S", "look_replaced"),
        ("9 0 G S", "6 0 G S", "look_replaced"),
        ("6 0 G S", "9 0 g f", "look_replaced"),
    ],
)
def test_a_ring_that_another_program_draws_larger_is_not_disproved(
    world: World, off: str, on: str, kind: str
) -> None:
    """iText draws the radio buttons of ReportLab anew when one of them is chosen."""
    rings = []
    for each in (off, on):
        radius, *colour, paint = each.split()
        rings.append(" ".join(colour).encode() + b" " + circle(float(radius), paint.encode()))
    looks = b"/FT/Btn/T(x)/Ff 32768/AP<</N<</Off 21 0 R/On 23 0 R>>>>"
    sealed = {
        20: widget((300, 637, 320, 657), looks + b"/V/Off/AS/Off"),
        21: look(rings[0], (20, 20)),
        23: look(rings[1] + b" 0 g " + circle(3, b"f"), (20, 20)),
    }
    data = world.sign(Form(sealed, SUM).document(), marks=[])
    data = append_revision(data, {20: widget((300, 637, 320, 657), looks + b"/V/On/AS/On")})
    assert kind in {each.kind for each in world.verify(data).signatures[0].changed_later}


@pytest.mark.parametrize(
    ("after", "kind"),
    [
        (text(b"9,900"), "value_differs"),
        (None, "filling_unclear"),
    ],
)
def test_of_a_field_that_stays_empty_it_is_told_whether_it_says_something(
    world: World, after: bytes | None, kind: str
) -> None:
    """Evince takes the look away from a field that is cleared again."""
    sealed = {20: widget(BLANK, TEXT + b"/AP<</N 21 0 R>>"), 21: look(b"0 G 2 w 1 1 298 38 re S")}
    data = world.sign(Form(sealed).document(), marks=[])
    later = {20: widget(BLANK, TEXT + (b"/AP<</N 90 0 R>>" if after is not None else b""))}
    data = append_revision(data, {**later, **({90: look(after)} if after is not None else {})})
    (change,) = world.verify(data).signatures[0].changed_later
    assert change.kind == kind
    said = change.finding.text()
    assert ("没有填写内容" in said) is (kind == "filling_unclear")


FRAMED = b" 1 0 0 1 300 637 cm %s %s %s"
"""A border in the page, around the place for a tick."""
INNER, OUTER = b"-1 -1 22 25 re", b"-2 -2 24 27 re"
BACKWARDS = b"-1 -1 m -1 24 l 21 24 l 21 -1 l h"


@pytest.mark.parametrize(
    ("border", "good"),
    [
        (FRAMED % (INNER, OUTER, b"f*"), True),
        (FRAMED % (OUTER, INNER, b"f*"), True),
        (FRAMED % (OUTER, BACKWARDS, b"f"), True),
        (FRAMED % (OUTER, INNER, b"f"), False),
        (FRAMED % (OUTER, BACKWARDS, b"b"), False),
        (FRAMED % (OUTER, b"5 5 5 5 re", b"f*"), False),
        (FRAMED % (OUTER, b"9 -3 22 25 re", b"f*"), False),
        (FRAMED % (OUTER, b"-1 -1 m 21 -1 l 21 24 l 0 20 l h", b"f*"), False),
    ],
)
def test_a_tick_within_a_border_that_is_filled_covers_nothing(
    world: World, border: bytes, good: bool
) -> None:
    """Browsers and WeasyPrint draw borders as what lies between two rectangles."""
    place = (300, 637, 320, 660)
    looks = b"/FT/Btn/T(x)/AP<</N<</Off 21 0 R/On 23 0 R>>>>"
    sealed = {
        20: widget(place, looks + b"/V/Off/AS/Off"),
        21: look(b"", (20, 23)),
        23: look(b"0 g 2 10 m 4 12 l 8 7 l 16 18 l 18 16 l 8 3 l f", (20, 23)),
    }
    found = verdict(world, Form(sealed, SUM + border), {20: widget(place, looks + b"/V/On/AS/On")})
    assert (found is Verdict.VALID_CHANGED_LATER) is good
    assert good or found not in GOOD


def circle(radius: float, paint: bytes, at: tuple[float, float] = (10, 10)) -> bytes:
    (x, y), bow = at, radius * 0.5523
    corners = [(1, 0, 1, 1), (0, 1, -1, 1), (-1, 0, -1, -1), (0, -1, 1, -1)]
    out = b"%g %g m " % (x + radius, y)
    for (a, b, _, _), (c, d, _, _) in zip(corners, corners[1:] + corners[:1], strict=True):
        out += b"%g %g %g %g %g %g c " % (
            *(x + a * radius + c * bow, y + b * radius + d * bow),
            *(x + c * radius + a * bow, y + d * radius + b * bow),
            *(x + c * radius, y + d * radius),
        )
    return out + paint + b" "


RING = b"0 G 1 w " + circle(7, b"s")
DOT = b"0 g " + circle(2.5, b"f")


@pytest.mark.parametrize(
    ("off", "content", "good"),
    [
        (RING, DOT, True),
        (b".8 .84 1 rg " + circle(7, b"f") + RING, DOT, True),
        (b".8 .84 1 rg " + circle(7, b"f"), DOT, True),
        (b".97 g " + circle(7, b"f"), DOT, False),
        (b"1 0 0 1 -3 -3 cm 0 0 1 RG .5 w " + circle(4.6, b"s"), b"0 g " + circle(2, b"f"), True),
        (b"", DOT, False),
        (b"1 G 1 w " + circle(7, b"s"), DOT, False),
        (b"0 G .1 w " + circle(7, b"s"), DOT, False),
        (b"0 G 1 w [1 9] 0 d " + circle(7, b"s") + b"[] 0 d ", DOT, False),
        (b"0 G 1 w " + circle(2.2, b"s"), b"0 g " + circle(1, b"f"), False),
        (RING, b"0 g " + circle(1, b"f"), False),
        (RING, b"0 g " + circle(2.5, b"f", (13, 7)), False),
        (RING, b"0 g " + circle(2.5, b"f", (18, 3)), False),
        (RING, b"1 g " + circle(2.5, b"f"), False),
        (RING, b"0 G 1.5 w 10 5 m 10 15 l S", False),
        (RING, b"0 g 9 6 2 8 re f", False),
        (RING, b"0 g " + circle(2, b"f", (8, 10)) + circle(2, b"f", (12, 10)), False),
    ],
)
def test_a_dot_in_the_middle_of_a_ring_is_a_tick_however_small(
    world: World, off: bytes, content: bytes, good: bool
) -> None:
    """The radio buttons of ReportLab; a dot by itself could be the point of a number."""
    assert (ticked(world, content, off) in GOOD) is good


TIMES = b"BT 0 g /F 14 Tf 6 5 Td (x) Tj ET"
"""In a box it is a cross, beside a number it can be read as a sign of multiplying."""
CROSS = b"0 G 1 w 4 4 m 16 16 l S 4 16 m 16 4 l S"
WHITE_OVER = {
    "a thicker line": b"1 G 3 w .5 .5 19 19 re S",
    "two halves": b"1 g -1 -1 11.5 24 re f 10 -1 12 24 re f",
    "four strips": b"1 g -1 -1 3 22 re f 18 -1 3 22 re f -1 -1 22 3 re f -1 18 22 3 re f",
    "letters": b"BT 1 g /F 60 Tf -5 -5 Td (WW) Tj ET",
}


@pytest.mark.parametrize(
    ("off", "good"),
    [
        (BOX, True),
        (b"0 G .25 w .5 .5 19 19 re S ", True),
        (b".8 G 1 w .5 .5 19 19 re S ", True),
        (b"0 G 1 w [2 2] 0 d .5 .5 19 19 re S [] 0 d ", True),
        (b".8 .84 1 rg 0 0 20 20 re f ", True),
        (b".8 g 0 0 20 20 re f 1 g 2 2 16 16 re f ", True),
        (BOX + b"1 g .5 .5 19 19 re f 2 2 16 16 re f ", True),
        (b"0 g 0 0 1 20 re f 19 0 1 20 re f 0 0 20 1 re f ", True),
        (b"0 G 1 w .5 20 m .5 .5 l 19.5 .5 l 19.5 20 l S ", True),
        (b"1 g 0 0 20 20 re f .5 G 1 w 1.5 1.5 17 17 re S " + BOX, True),
        (b"0 G .05 w .5 .5 19 19 re S ", False),
        (b"0 G 0 w .5 .5 19 19 re S ", False),
        (b".93 G 1 w .5 .5 19 19 re S ", False),
        (b"0 G 1 w [.1 5] 0 d .5 .5 19 19 re S [] 0 d ", False),
        (b".93 g 0 0 20 20 re f ", False),
        (b"0 G 1 w 0 .5 m 20 .5 l S ", False),
        (b"0 g 0 0 20 1 re f ", False),
        (b"0 g 0 0 20 .05 re f 0 19.9 20 .05 re f 0 0 .05 20 re f 19.9 0 .05 20 re f ", False),
        (b"0 G 1 w .5 20 m .5 .5 l 20 .5 l S ", False),
        *((BOX + each + b" ", False) for each in WHITE_OVER.values()),
        (b".8 g 0 0 20 20 re f 1 g 0 0 10 20 re f 9.9 0 10.1 20 re f ", False),
    ],
)
def test_a_box_of_which_people_see_too_little_is_none(world: World, off: bytes, good: bool) -> None:
    """An x before an amount is a sign where nobody sees a box; a cross stays a cross."""
    assert (ticked(world, TIMES, off) in GOOD) is good
    if b"BT" not in off:
        assert ticked(world, CROSS, off) in GOOD


@pytest.mark.parametrize(
    ("paint", "good"),
    [
        (b"0 G 1 w %s", True),
        (b"0 G .05 w %s", False),
        (b".93 G 1 w %s", False),
        (b"0 G 1 w [.1 5] 0 d %s", False),
        (b"0 G 1 w [1 60] 0 d %s", False),
        (b"0 G 1 w %s 1 G 3 w %s", False),
        (b"0 G 1 w %s 1 g 120 630 20 40 re f 139 630 20 40 re f", False),
    ],
)
def test_a_box_of_the_page_of_which_people_see_too_little_is_none(
    world: World, paint: bytes, good: bool
) -> None:
    line = b"128 636 22 25 re S"
    drawn = paint.replace(b"%s", line) + b" 0 g " + SUM
    looks = b"/FT/Btn/T(x)/AP<</N<</Off 21 0 R/On 23 0 R>>>>"
    sealed = {
        20: widget(BESIDE, looks + b"/V/Off/AS/Off"),
        21: look(b"", (20, 20)),
        23: look(TIMES, (20, 20)),
    }
    after = {20: widget(BESIDE, looks + b"/V/On/AS/On")}
    assert (verdict(world, Form(sealed, drawn), after) in GOOD) is good


@pytest.mark.parametrize(
    ("content", "good"),
    [
        *(
            (b"BT 0 g /Z %d Tf 2 0 Td (%s) Tj ET" % (size, sign), size > 12)
            for size in (3, 4, 6, 8, 10, 14)
            for sign in (b"l", b"n", b"4")
        ),
        (b"0 g " + circle(2.1, b"f", (4, 2.2)), False),
        (b"0 g " + circle(3, b"f", (6, 6)), False),
        (b"0 g " + circle(6, b"f", (6, 6)), True),
        (b"0 g 1 1 5 5 re f", False),
        (b"0 G .5 w 1 3 m 2 1 l 5 5 l S", False),
        (b"0 G 1 w 1 6 m 4 1 l 12 12 l S", True),
    ],
)
@pytest.mark.parametrize("boxed", [False, True])
def test_a_small_sign_between_digits_is_a_point_and_no_tick(
    world: World, content: bytes, good: bool, boxed: bool
) -> None:
    """1000 00 would become 1000.00, told as a tick; also where the digits stand in boxes."""
    looks = b"/FT/Btn/T(x)/AP<</N<</Off 21 0 R/On 23 0 R>>>>"
    place, side = ((127, 636, 151, 660), 24) if boxed else ((129, 640, 141, 652), 12)
    off = b"0 G 1 w .5 .5 23 23 re S " if boxed else b""
    sealed = {
        20: widget(place, looks + b"/V/Off/AS/Off"),
        21: look(off, (side, side)),
        23: look(off + content, (side, side)),
    }
    page = b"BT /F 24 Tf 72 640 Td (1000) Tj ET BT /F 24 Tf 152 640 Td (00 CNY) Tj ET"
    after = {20: widget(place, looks + b"/V/On/AS/On")}
    assert (verdict(world, Form(sealed, page), after) in GOOD) is good


def polygon(*corners: float) -> bytes:
    """Filled, its corners given as x, y, x, y …"""
    pairs = zip(corners[::2], corners[1::2], strict=True)
    return b" l ".join(b"%g %g" % pair for pair in pairs).replace(b" l ", b" m ", 1) + b" l h f "


def broad(*bars: tuple[float, float]) -> bytes:
    """A cross with two corners at the end of each bar, which points there from the middle."""
    corners: list[float] = []
    for (x, y), (u, v) in zip(bars, (*bars[1:], *bars[:1]), strict=True):
        corners += [10 + 7 * x + y, 10 + 7 * y - x, 10 + 7 * x - y, 10 + 7 * y + x]
        corners += [10 + 1.2 * (x + u), 10 + 1.2 * (y + v)]
    return b"0 g " + polygon(*corners)


STAR = b"0 g " + polygon(
    *(
        10 + (8 - 4.8 * (at % 2)) * turn(math.pi / 2 + at * math.pi / 5)
        for at in range(10)
        for turn in (math.cos, math.sin)
    )
)
DIAMOND = b"0 g 18 10 m 15.9 8 l 10 2 l 7.4 5 l 4.6 8 l 2 10 l 5 13 l 10 18 l 12 15 15 13 18 10 c f"
CELLS = b"0 G 1 w " + b"".join(b"%d 636 22 25 re S " % (128 + 22 * at) for at in range(4))
IN_CELLS = b"".join(
    b"BT /F 20 Tf %d 641 Td (%d) Tj ET " % (154 + 22 * at, not at) for at in range(3)
)


@pytest.mark.parametrize(
    ("content", "good"),
    [
        (CROSS, True),
        (TIMES, True),
        (b"BT 0 g /Z 14 Tf 4 5 Td (4) Tj ET", True),
        (b"BT 0 g /Z 14 Tf 4 5 Td (l) Tj ET", True),
        (b"0 G 2 w 3 10 m 8 4 l 17 17 l S", True),
        (b"0 g 5 5 10 10 re f", True),
        (broad((0.7, 0.7), (-0.7, 0.7), (-0.7, -0.7), (0.7, -0.7)), True),
        (STAR, True),
        (DIAMOND, True),
        (broad((1, 0), (0, 1), (-1, 0), (0, -1)), False),
        (b"0 g " + polygon(5, 16, 15, 16, 15, 14, 10, 3, 8, 3, 13, 14, 5, 14), False),
        (
            b"0 g "
            + polygon(
                5, 3, 15, 3, 15, 11, 7, 11, 7, 15, 15, 15, 15, 17, 5, 17, 5, 9, 13, 9, 13, 5, 5, 5
            ),
            False,
        ),
        (b"0 g " + polygon(11, 3, 13, 3, 13, 17, 5, 9, 5, 7, 15, 7, 15, 9, 8, 9, 11, 12), False),
        (b"0 g " + polygon(4, 10, 16, 8, 16, 12), False),
        (b"0 G 1.6 w 14 14 m 14 17 6 17 6 13 c 6 9 14 9 14 13 c 14 3 l S", False),
        (b"0 G 1.6 w 14 16 m 7 16 l 7 11 l 13 11 l 13 4 l 6 4 l S", False),
        (b"0 G 1.6 w 5 16 m 15 16 l 9 3 l S", False),
        (b"0 G 1.6 w 10 4 m 10 16 l S", False),
        (b"0 G 1.6 w 5 10 m 15 10 l S", False),
        (b"0 g 9 4 2 12 re f", False),
        (b"0 G 1.6 w 10 4 m 10 16 l S 4 10 m 16 10 l S", False),
        (b"0 G 1.6 w 5 4 10 12 re S", False),
        (b"0 g " + circle(1.5, b"f", (10, 4)), False),
        (b"BT 0 g /F 14 Tf 8 5 Td <95> Tj ET", False),
    ],
)
@pytest.mark.parametrize("own", [True, False])
def test_what_reads_as_a_digit_in_a_box_for_digits_is_no_tick(
    world: World, content: bytes, good: bool, own: bool
) -> None:
    """Amounts are written into boxes, one for each digit: 100 would become 9100, told as a tick.
    The boxes are drawn by the page, or the first one by the button."""
    looks = b"/FT/Btn/T(x)/AP<</N<</Off 21 0 R/On 23 0 R>>>>"
    off = BOX if own else b""
    sealed = {
        20: widget(BESIDE, looks + b"/V/Off/AS/Off"),
        21: look(off, (20, 20)),
        23: look(off + content, (20, 20)),
    }
    cells = CELLS.replace(b"128 636 22 25 re S ", b"") if own else CELLS
    after = {20: widget(BESIDE, looks + b"/V/On/AS/On")}
    assert (verdict(world, Form(sealed, cells + b"0 g " + IN_CELLS), after) in GOOD) is good


@pytest.mark.parametrize(
    ("over", "good"),
    [
        (b"", True),
        (b"1 g " + circle(6, b"f"), True),
        (b"1 g 8 8 4 4 re f ", True),
        (b".99 G 1 w " + circle(5.8, b"S") + b".5 G " + circle(4.8, b"S"), True),
        (
            b"1 g 3.2 10 m 3.2 17 3 17 10 16.8 c 17 17 17 17 16.8 10 c 17 3 17 3 10 3.2 c"
            b" 3 3 3 3 3.2 10 c f ",
            False,
        ),
        (b"1 G 3 w " + circle(7, b"s"), False),
        (b"1 g 0 0 10.2 20 re f 9.8 0 10.2 20 re f ", False),
        (b"1 g 3 3 14 14 re f ", False),
        (b"1 g " + circle(7.4, b"f"), False),
        (b"BT 1 g /F 60 Tf -5 -5 Td (WW) Tj ET ", False),
    ],
)
def test_a_dot_in_a_ring_that_is_painted_over_is_a_point(
    world: World, over: bytes, good: bool
) -> None:
    assert (ticked(world, DOT, RING + over) in GOOD) is good


@pytest.mark.parametrize(
    ("content", "place", "tick", "good"),
    [
        (b"", (131, 639, 147, 658), CROSS, True),
        (b"1 g 0 0 40 40 re f", (160, 600, 170, 610), TIMES, True),
        (b"1 g 0 0 40 40 re f", (131, 639, 147, 658), CROSS, False),
        (b"1 g 0 0 40 40 re f", (131, 639, 147, 658), b"BT 0 g /Z 14 Tf 4 5 Td (4) Tj ET", False),
        (b"1 g 0 0 40 40 re f", (139, 639, 147, 658), b"0 G 2 w 3 10 m 8 4 l 17 17 l S", False),
        (
            b"1 g 1 1 2 25 re f 21 1 2 25 re f 1 1 22 2 re f 1 24 22 2 re f",
            (127, 635, 151, 662),
            TIMES,
            False,
        ),
    ],
    ids=["nothing", "elsewhere", "over the stroke", "over the sign", "over half", "over the box"],
)
def test_what_another_field_hides_of_a_button_is_not_seen(
    world: World, content: bytes, place: tuple[int, ...], tick: bytes, good: bool
) -> None:
    """It is listed later, and so drawn above: neither tick nor box may be told of then."""
    looks = b"/FT/Btn/T(x)/AP<</N<</Off 21 0 R/On 23 0 R>>>>"
    sealed = {
        20: widget(BESIDE, looks + b"/V/Off/AS/Off"),
        21: look(BOX, (20, 20)),
        22: widget(place, b"/FT/Btn/Ff 65536/T(y)/AP<</N 24 0 R>>"),
        23: look(BOX + tick, (20, 20)),
        24: look(content, (place[2] - place[0], place[3] - place[1])),
    }
    after = {20: widget(BESIDE, looks + b"/V/On/AS/On")}
    form = Form(sealed, SUM, fields=b"20 0 R 22 0 R")
    assert (verdict(world, form, after) in GOOD) is good


@pytest.mark.parametrize(
    ("before", "after", "good"),
    [
        (b"/BC[.1 .1 .1]/CA(4)", b"/BC[.102 .102 .102]", True),
        (b"/CA(l)", b"", True),
        (b"/R 0", b"", True),  # pdf-lib writes it, Firefox leaves it out
        (b"", b"/R 0", True),
        (b"", b"/R 90", False),
        (b"/R 0", b"/R(0)", False),
        (b"", b"/CA(4)", False),
        (b"/CA(4)", b"/CA(8)", False),
        (b"/CA(4)/RC(9)", b"", False),
        (b"/CA(4)/R 90", b"", False),
    ],
)
def test_the_sign_of_a_box_that_has_looks_may_be_left_out(
    world: World, before: bytes, after: bytes, good: bool
) -> None:
    """Firefox writes the colours of /MK alone."""
    looks = b"/FT/Btn/T(x)/AP<</N<</Off 21 0 R/On 23 0 R>>>>/MK<<%s>>"
    sealed = {
        20: widget(BESIDE, looks % before + b"/V/Off/AS/Off"),
        21: look(BOX, (20, 20)),
        23: look(BOX + b"0 G 1 w 4 4 m 16 16 l S 4 16 m 16 4 l S", (20, 20)),
    }
    later = {20: widget(BESIDE, looks % after + b"/V/On/AS/On")}
    assert (verdict(world, Form(sealed, SUM), later) in GOOD) is good


def test_the_caption_of_a_push_button_stays(world: World) -> None:
    button = b"/FT/Btn/Ff 65536/T(x)/AP<</N 21 0 R>>/MK<<%s>>"
    sealed = {20: widget(BESIDE, button % b"/CA(100)"), 21: look(BOX, (20, 20))}
    assert verdict(world, Form(sealed, SUM), {20: widget(BESIDE, button % b"")}) not in GOOD


def test_another_picture_in_the_same_place_is_a_look_replaced(world: World) -> None:
    button = b"/FT/Btn/Ff 65536/T(x)/AP<</N %d 0 R>>"
    picture = b"q 280 0 0 30 5 5 cm /I Do Q"
    form = Form({20: widget(BLANK, button % 21), 21: look(picture)})
    dark = b"<</Type/XObject/Subtype/Image/Width 1/Height 1/ColorSpace/DeviceGray"
    revision = {
        20: widget(BLANK, button % 90),
        90: look(picture).replace(b"/I 10 0 R", b"/I 91 0 R"),
        91: dark + b"/BitsPerComponent 8/Length 1>>stream\n\x00\nendstream",
    }
    assert verdict(world, form, revision) is Verdict.INVALID


# ---------------------------------------------------------------- fields for signatures


@pytest.mark.parametrize(
    ("sealed", "code"),
    [
        (b"", None),
        (text(b"100"), "look_replaced"),
        (b"q 90 0 0 20 9 9 cm BI /W 1 /H 1 /CS /G /BPC 8 ID \x00 EI Q", "changed_suspicious"),
    ],
    ids=["nothing", "text", "inline image"],
)
def test_what_an_empty_field_for_a_signature_showed_is_not_lost_silently(
    world: World, sealed: bytes, code: str | None
) -> None:
    kind = b"/FT/Sig/T(x)/AP<</N %d 0 R>>"
    form = Form({20: widget(BLANK, kind % 21), 21: look(sealed)})
    value = b"<</Type/Sig/Filter/X/SubFilter/Y/Contents<00>/ByteRange[0 0 0 0]>>"
    signed = {20: widget(BLANK, kind % 90 + b"/V 91 0 R"), 90: look(b""), 91: value}
    data = append_revision(world.sign(form.document(), marks=[]), signed)
    report = world.verify(data)
    (first,) = (each for each in report.signatures if each.seal)
    assert {"look_replaced", "changed_suspicious"} & codes(first) == ({code} if code else set())


PRICE = (60, 690, 360, 730)
_GROUND = b"1 g 0 0 300 40 re f"


@pytest.mark.parametrize(
    ("place", "sealed", "signed", "code"),
    [
        (PRICE, _GROUND, b"", "look_replaced"),
        (PRICE, b".8 g 0 0 300 40 re f", b"", "look_replaced"),
        (PRICE, b"1 G 80 w 0 20 m 300 20 l S", b"", "look_replaced"),
        (PRICE, _GROUND, None, "look_replaced"),
        (PRICE, None, b"", "changed_suspicious"),
        (BLANK, _GROUND, b"", None),
        (BLANK, None, b"", None),
        (PRICE, b"", b"", None),
    ],
    ids=[
        "a white ground over text",
        "a grey one",
        "a line as thick as the field",
        "no look at all afterwards",
        "a ground that only some viewers draw",
        "a ground over nothing",
        "one that only some draw, over nothing",
        "no ground",
    ],
)
def test_signing_a_place_whose_ground_hid_text_is_no_harmless_signature(
    world: World,
    place: tuple[int, ...],
    sealed: bytes | None,
    signed: bytes | None,
    code: str | None,
) -> None:
    """The ground is no ink, and with it goes what nobody could read when it was sealed. A seal in
    that place, or a signature that shows nothing, would leave the earlier seal as good as it was.
    None: the widget has no look, but /MK names a white ground."""

    def field(shown: bytes | None, number: int) -> bytes:
        look_of_it = b"/AP<</N %d 0 R>>" % number if shown is not None else b"/MK<</BG[1]>>"
        return b"/FT/Sig/T(x)" + look_of_it

    form = Form({20: widget(place, field(sealed, 21)), 21: look(sealed or b"")})
    value = b"<</Type/Sig/Filter/X/SubFilter/Y/Contents<00>/ByteRange[0 0 0 0]>>"
    after = field(signed, 90) if signed is not None or sealed is None else b"/FT/Sig/T(x)"
    if sealed is None:
        after += b"/MK<</BG[1]>>"
    later = {20: widget(place, after + b"/V 91 0 R"), 90: look(signed or b""), 91: value}
    data = append_revision(world.sign(form.document(), marks=[]), later)
    (first,) = (each for each in world.verify(data).signatures if each.seal)
    assert {"look_replaced", "changed_suspicious"} & codes(first) == ({code} if code else set())


# ---------------------------------------------------------------- grounds that are seen through

_STATES = {
    "as it was": b"",
    "multiplied": b"/BM/Multiply",
    "darkened": b"/BM/Darken",
    "half seen through": b"/ca .62",
    "a little seen through": b"/ca .9",
    "overprinted": b"/op true/OPM 1",
}


@pytest.mark.parametrize("nested", [False, True], ids=["in the look", "in a form"])
@pytest.mark.parametrize("value", [b"", b"ok"], ids=["empty", "filled"])
@pytest.mark.parametrize("state", _STATES)
def test_a_ground_that_is_seen_through_now_has_not_stayed(
    world: World, state: str, value: bytes, nested: bool
) -> None:
    """The sealed ground hid the price. One of the same colour in the same place hides it only if it
    is as opaque."""
    ground, kind = b"1 g 0 0 300 40 re f", TEXT + (b"/V(%s)" % value if value else b"")
    written = text(value, 270) if value else b""
    form = Form({20: widget(PRICE, kind + b"/AP<</N 21 0 R>>"), 21: look(ground + written)})
    states = b"/ExtGState<</G<<%s>>>>" % _STATES[state]
    drawn = look(b"q /G gs %s Q" % (b"/X Do" if nested else ground) + text(b"ok", 270))
    resources = b"/Resources<</Font<</F 5 0 R>>/XObject<</X 92 0 R>>%s>>" % states
    later = {
        20: widget(PRICE, TEXT + b"/V(ok)/AP<</N 90 0 R>>"),
        90: drawn.replace(b"/Resources " + RESOURCES, resources),
        92: look(ground),
    }
    assert resources in later[90]
    good = verdict(world, form, later) in (Verdict.VALID, Verdict.VALID_CHANGED_LATER)
    assert good is (state == "as it was")


def test_a_ground_that_was_seen_through_and_is_opaque_now_covers(world: World) -> None:
    """A pale ground over the price, multiplied when it was sealed."""
    pale = b"1 1 .6 rg 0 0 300 40 re f"
    resources = b"/Resources<</Font<</F 5 0 R>>/ExtGState<</G<</BM/Multiply>>>>>>"
    sealed = look(b"q /G gs %s Q" % pale).replace(b"/Resources " + RESOURCES, resources)
    form = Form({20: widget(PRICE, TEXT + b"/AP<</N 21 0 R>>"), 21: sealed})
    later = {
        20: widget(PRICE, TEXT + b"/V(ok)/AP<</N 90 0 R>>"),
        90: look(pale + text(b"ok", 270)),
    }
    assert resources in sealed
    assert verdict(world, form, later) is Verdict.INVALID


# ---------------------------------------------------------------- widgets in more than one place

_HELVETICA = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"


def two_pages(annotations: tuple[bytes, bytes], *widgets: bytes) -> bytes:
    """The first page is blank, the second tells a price; *widgets* are the objects from 11 on."""
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents %d 0 R/Annots[%s]"
    page += b"/Resources<</Font<</F 5 0 R>>>>>>"
    price = b"BT /F 24 Tf 72 700 Td (Party A pays 100 CNY) Tj ET"
    return build_pdf(
        [
            b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[11 0 R]/DR<</Font<</F 5 0 R>>>>>>>>",
            b"<</Type/Pages/Count 2/Kids[3 0 R 4 0 R]>>",
            page % (6, annotations[0]),
            page % (7, annotations[1]),
            _HELVETICA,
            b"<</Length 1>>stream\nn\nendstream",
            b"<</Length %d>>stream\n%s\nendstream" % (len(price), price),
            *[b"null"] * 3,
            *widgets,
        ]
    )


@pytest.mark.parametrize(
    ("annotations", "good"),
    [((b"11 0 R", b""), True), ((b"11 0 R", b"11 0 R"), False), ((b"11 0 R 11 0 R", b""), True)],
    ids=["on one page", "on two pages", "twice on one"],
)
def test_a_widget_is_judged_on_every_page_that_lists_it(
    world: World, annotations: tuple[bytes, bytes], good: bool
) -> None:
    """On the first page its place is blank, on the second it strikes out the price."""
    kind = TEXT + b"/AP<</N %d 0 R>>"
    document = two_pages(annotations, widget(PRICE, kind % 12), look(b""))
    later = {11: widget(PRICE, kind % 20 + b"/V(----)"), 20: look(text(b"----", 4, 14))}
    report = world.verify(append_revision(world.sign(document, marks=[]), later))
    assert report.verdict is (Verdict.VALID_CHANGED_LATER if good else Verdict.UNKNOWN)
    assert ("filling_over_content" in codes(report.signatures[0])) is not good


@pytest.mark.parametrize("own_look", [b"", b"/AP<</N 14 0 R>>"], ids=["no look", "a look"])
@pytest.mark.parametrize("listed", [False, True], ids=["not listed", "listed"])
def test_a_widget_that_its_field_does_not_list_makes_a_filling_suspicious(
    world: World, listed: bool, own_look: bytes
) -> None:
    """It names the field as its parent, and viewers draw the field's value there as well."""
    field = b"<</FT/Tx/T(x)/DA(/F 12 Tf 0 g)/Kids[12 0 R%s]%s>>"
    kids = b" 13 0 R" if listed else b""
    child = b"/Parent 11 0 R/AP<</N %d 0 R>>"
    document = two_pages(
        (b"12 0 R", b"13 0 R"),
        field % (kids, b""),
        widget(BLANK, child % 14),
        widget(PRICE, b"/Parent 11 0 R" + own_look),
        look(b""),
    )
    later = {
        11: field % (kids, b"/V(----)"),
        12: widget(BLANK, child % 20),
        20: look(text(b"----")),
    }
    report = world.verify(append_revision(world.sign(document, marks=[]), later))
    assert report.verdict in (Verdict.UNKNOWN, Verdict.INVALID)
    assert ("changed_suspicious" in codes(report.signatures[0])) is not listed


@pytest.mark.parametrize("twice", [False, True])
def test_a_place_for_a_signature_on_two_pages_is_suspicious_once_it_is_signed(
    world: World, twice: bool
) -> None:
    kind = b"/FT/Sig/T(x)"
    document = two_pages((b"11 0 R", b"11 0 R" if twice else b""), widget(PRICE, kind))
    value = b"<</Type/Sig/Filter/X/SubFilter/Y/Contents<00>/ByteRange[0 0 0 0]>>"
    signed = widget(PRICE, kind + b"/V 21 0 R/AP<</N 20 0 R>>")
    later = {11: signed, 20: look(text(b"----")), 21: value}
    report = world.verify(append_revision(world.sign(document, marks=[]), later))
    (first,) = (each for each in report.signatures if each.seal)
    assert ("changed_suspicious" in codes(first)) is twice


@pytest.mark.parametrize(
    ("place", "ground", "good"),
    [
        (PRICE, b"", False),
        (PRICE, b".8 g 0 0 300 40 re f", True),
        (PRICE, b"1 g 0 0 300 40 re f", False),
        (BLANK, b"", True),
    ],
    ids=["no ground", "the same ground", "another ground", "no ground, over nothing"],
)
def test_a_ground_that_viewers_drew_and_a_filling_has_not_uncovers(
    world: World, place: tuple[int, ...], ground: bytes, good: bool
) -> None:
    """A field without a look is drawn by viewers, with the ground that /MK names."""
    kind = TEXT + b"/MK<</BG[.8]>>"
    form = Form({20: widget(place, kind), 21: look(b"")})
    later = {
        20: widget(place, kind + b"/V(ok)/AP<</N 90 0 R>>"),
        90: look(ground + text(b"ok", 270)),
    }
    found = verdict(world, form, later)
    assert (found is Verdict.VALID_CHANGED_LATER) is good


# ---------------------------------------------------------------- what people see of shapes

SAID = text(b"1000")


def outline(*corners: float) -> bytes:
    """A path, its corners given as x, y, x, y …"""
    pairs = zip(corners[::2], corners[1::2], strict=True)
    return b" l ".join(b"%g %g" % pair for pair in pairs).replace(b" l ", b" m ", 1) + b" l "


def ring(outer: float, inner: float, turned: bool) -> bytes:
    """One path around twice, the second time within the first, the other way if *turned*."""

    def around(radius: float, up: int) -> bytes:
        bow, (x, y) = radius * 0.5523, (10, 10)
        corners = [(1, 0), (0, up), (-1, 0), (0, -up)]
        out = b"%g %g l " % (x + radius, y)
        for (a, b), (c, d) in zip(corners, corners[1:] + corners[:1], strict=True):
            out += b"%g %g %g %g %g %g c " % (
                *(x + a * radius + c * bow, y + b * radius + d * bow),
                *(x + c * radius + a * bow, y + d * radius + b * bow),
                *(x + c * radius, y + d * radius),
            )
        return out

    paint = b"f " if turned else b"f* "
    return b"0 g %g 10 m " % (10 + outer) + around(outer, 1) + around(inner, 1 - 2 * turned) + paint


# ---------------------------------------------------------------- frames and grounds


@pytest.mark.parametrize(
    ("frame", "good"),
    [
        (b"0 g 0 0 300 1 re f ", True),
        (b"0 g 30 0 240 1 re f ", True),
        (b"0 g 0 0 300 40 re 1 1 298 38 re f* ", True),
        (b"0 g 0 0 300 40 re 1 39 m 299 39 l 299 1 l 1 1 l h f ", True),
        (b"0 G .5 .5 299 39 re s ", True),
        (b"0 G .5 .5 m 299 .5 l 299 39 l .5 39 l s ", True),
        (b".5 g " + outline(0, 0, 0, 40, 300, 40, 299, 39, 1, 39, 1, 1) + b"f ", True),
        (b"0 g 0 17 300 2 re f ", False),
        (b"0 g 0 19 300 .8 re f ", False),
        (b"0 g " + outline(0, 0, 1, 0, 300, 40, 299, 40) + b"f ", False),
        (b"0 G 1 w 0 0 m 300 0 l 300 40 l s ", False),
        (b"0 G 1 w 0 0 m 300 0 l 300 40 l h S ", False),
        (b"0 G 1 w 0 0 m 300 0 l 300 40 l b ", False),
        (b"0 g 0 0 m 300 0 l 300 40 l 0 40 l 1 1 l 299 1 m 299 39 l 1 39 l f* ", False),
        (b"0 g 0 0 m 300 0 l h 300 40 l 0 40 l 1 1 298 38 re f* ", False),
    ],
)
def test_a_frame_follows_the_edges_and_strikes_nothing_out(
    world: World, frame: bytes, good: bool
) -> None:
    """1000 between two edges, struck out or half hidden, was told as 1000."""
    assert (filled(world, frame + SAID, b"1000") in GOOD) is good


def test_a_block_is_no_frame_of_a_low_field(world: World) -> None:
    """Black text on it is told and seen by nobody."""
    kind = TEXT + b"/AP<</N %d 0 R>>"
    low = (60, 590, 360, 604)
    sealed = {20: widget(low, kind % 21), 21: look(b"", (300, 14))}
    said = b" BT 0 g /F 6 Tf 8 5 Td (1000) Tj ET "
    for frame, good in ((b"0 g 0 0 300 1 re f", True), (b"0 g 3.4 3.4 293.2 7.2 re f", False)):
        after = {20: widget(low, kind % 90 + b"/V(1000)"), 90: look(frame + said, (300, 14))}
        assert (verdict(world, Form(sealed), after) in GOOD) is good


HIDDEN = b"BT /F 24 Tf 72 700 Td (A pays 100) Tj ET BT /F 12 Tf 100 604 Td (,000 more) Tj ET"


@pytest.mark.parametrize(
    ("ground", "good"),
    [
        (b"0 0 300 40 re f ", True),
        (b"0 0 m 0 40 l 300 40 l 300 0 l f ", True),
        (b"0 0 m 300 40 l 300 0 l 0 40 l f ", False),
        (b"0 0 m 300 40 l 0 40 l 300 0 l f ", False),
        (b"0 0 m 300 0 l h 300 40 l 0 40 l f ", False),
        (b"0 0 m 300 0 l 300 40 l h 0 40 l f ", False),
    ],
)
def test_a_ground_that_hides_half_of_what_it_hid_has_not_stayed(
    world: World, ground: bytes, good: bool
) -> None:
    """What the sealed look hid is read behind what is filled in: 1000 becomes 1000,000."""
    sealed = {
        20: widget(BLANK, TEXT + b"/AP<</N 21 0 R>>"),
        21: look(b"1 g 0 0 300 40 re f"),
    }
    after = widget(BLANK, TEXT + b"/V(1000)/AP<</N 90 0 R>>")
    revision = {20: after, 90: look(b"1 g " + ground + SAID)}
    assert (verdict(world, Form(sealed, page=HIDDEN), revision) in GOOD) is good


@pytest.mark.parametrize(
    ("clip", "good"),
    [
        (b"0 0 m 300 0 l 300 40 l 0 40 l h W n ", True),
        (b"0 0 m 300 40 l 300 0 l 0 40 l h W n ", False),
        (b"0 0 m 300 0 l h 300 40 l 0 40 l h W n ", False),
    ],
)
def test_a_clip_whose_edges_cross_is_no_rectangle(world: World, clip: bytes, good: bool) -> None:
    assert (filled(world, b"q " + clip + SAID + b"Q", b"1000") in GOOD) is good


@pytest.mark.parametrize(("blend", "good"), [(b"", True), (b"/BM/Multiply", False)])
def test_a_ground_that_is_multiplied_onto_a_dark_one_stays_dark(
    world: World, blend: bytes, good: bool
) -> None:
    """Black text on it is told and seen by nobody."""
    sealed = {20: widget(BLANK, TEXT + b"/AP<</N 21 0 R>>"), 21: look(b"")}
    after = widget(BLANK, TEXT + b"/V(1000)/AP<</N 90 0 R>>")
    drawn = look(b"/M gs 1 g 0 0 300 40 re f " + SAID).replace(
        b"/ExtGState<<", b"/ExtGState<</M<</Type/ExtGState%s>>" % blend
    )
    page = b".1 g 55 585 310 50 re f"
    found = verdict(world, Form(sealed, page=page), {20: after, 90: drawn})
    assert (found in GOOD) is good


# ---------------------------------------------------------------- ticks

HOOK = b"3 10 m 8 4 l 17 17 l"
STROKES = b"4 4 m 16 16 l S 4 16 m 16 4 l"


@pytest.mark.parametrize(
    ("content", "good"),
    [
        (b"0 g " + circle(8, b"f"), True),
        (b"0 g " + outline(18, 10, 10, 18, 2, 10, 10, 2) + b"f", True),
        (b"0 g 4 4 12 12 re f", True),
        *((b"0 G 2 w %s S" % each, True) for each in (HOOK, STROKES)),
        (b"0 g " + outline(2, 10, 4, 12, 8, 7, 16, 18, 18, 16, 8, 3) + b"f", True),
        *((ring(8, inner, turned), False) for inner in (5.5, 6.5) for turned in (False, True)),
        (
            b"0 g "
            + outline(*(18, 10, 10, 18, 2, 10, 10, 2, 18, 10, 16, 10, 10, 4, 4, 10, 10, 16, 16, 10))
            + b"f",
            False,
        ),
        (b"0 g " + outline(4, 4, 16, 16, 16, 4, 4, 16) + b"f", False),
        (b"0 g 4 4 m 4 16 4 4 16 16 c 16 4 l f", False),
        (b"0 g " + outline(3, 10, 8, 4, 17, 17, 8, 4) + b"f", False),
        *(
            (b"0 G 1 w [%s] 0 d %s S" % (dash, each), False)
            for dash in (b".05 6", b"0 6", b"1 5")
            for each in (HOOK, STROKES)
        ),
        *((b"0 G %s w %s S" % (width, HOOK), False) for width in (b"0", b".001", b".1")),
        *(
            (b"q %s re W n 0 G %d w %s S Q" % (clip, width, each), False)
            for clip, width in ((b"3 3 .2 14", 2), (b"9 2 2 16", 2), (b"9 2 2 16", 9))
            for each in (HOOK, STROKES)
        ),
        (b"q 9.5 3 2 14 re W n 0 g %s f Q" % outline(2, 10, 4, 12, 8, 7, 16, 18, 18, 16, 8, 3), 0),
        (b"0 G 2 w 3 -40 m 8 -60 l 17 17 l S", False),
        (b"0 G 2 w 3 9.9 m 17 10.1 l S 3 10.1 m 17 9.9 l S", False),
        (b"0 G 2 w 9.9 3 m 10.1 17 l S 10.1 3 m 9.9 17 l S", False),
        (b"0 G 2 w 3 10 m 8 9.8 l 17 10.2 l S", False),
        (b"0 G 2 w %s s" % HOOK, False),
    ],
)
@pytest.mark.parametrize("boxed", [False, True])
def test_of_a_tick_people_see_a_tick(world: World, content: bytes, good: bool, boxed: bool) -> None:
    """Nothing, a ring, a bar or a one was told as a tick, in a box before digits also."""
    looks = b"/FT/Btn/T(x)/AP<</N<</Off 21 0 R/On 23 0 R>>>>"
    sealed = {
        20: widget(BESIDE, looks + b"/V/Off/AS/Off"),
        21: look(b"", (20, 20)),
        23: look(content, (20, 20)),
    }
    page = CELLS + b"0 g " + IN_CELLS if boxed else SUM
    after = {20: widget(BESIDE, looks + b"/V/On/AS/On")}
    assert (verdict(world, Form(sealed, page), after) in GOOD) is bool(good)


# ---------------------------------------------------------------- words that renderers cut

OTHER = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding<</Differences[48/nine/eight]>>>>"
"""A font in which 1000 shows 8999."""


def with_number(entry: bytes, number: bytes) -> bytes:
    """A look that says 1000, an entry of which has that *number*."""
    return look(SAID).replace(b"/BBox[0 0 300 40]", entry % number)


@pytest.mark.parametrize(
    ("drawn", "good"),
    [
        (look(SAID), True),
        (with_number(b"/BBox[0 0 %s 40]", b"0" * 200 + b"300"), True),
        (with_number(b"/BBox[0 0 %s 40]", b"0" * 260 + b"300"), False),
        (with_number(b"/BBox[0 0 %s 40]", b"300." + b"0" * 260), False),
        *(
            (with_number(b"/BBox[0 0 %s 40]", number), False)
            for number in (b"2147483647", b"4294967296", b"9999999999", b"-4294967296")
        ),
        (with_number(b"/BBox[0 0 300 40]/Matrix[1 0 0 %s 0 0]", b"1"), True),
        (with_number(b"/BBox[0 0 300 40]/Matrix[1 0 0 %s 0 0]", b"4294967297"), False),
        (look(b"q 0 0 99999 40 re W n" + SAID + b"Q"), True),
        (look(b"q 0 0 4294967296 40 re W n" + SAID + b"Q"), False),
        (look(b"BT 0 g /F 12 Tf 4 " + b"0" * 100 + b"14 Td (1000) Tj ET"), True),
        (look(b"BT 0 g /F 12 Tf 4 " + b"0" * 254 + b"14 Td (1000) Tj ET"), False),
        (
            look(
                b"BT 0 g /F 12 Tf 31 14 Td (000) Tj 1 0 0 1 " + b"0" * 260 + b"24 14 Tm (1) Tj ET"
            ),
            0,
        ),
        *(
            (
                look(SAID.replace(b"/F", b"/" + b"L" * length)).replace(
                    b"/Font<<", b"/Font<</%s 5 0 R/%s" % (b"L" * length, b"L" * cut + OTHER)
                ),
                length < 128,
            )
            for length, cut in ((100, 99), (127, 126), (255, 254), (256, 255), (300, 255))
        ),
    ],
)
def test_of_a_look_every_renderer_reads_all_words_alike(
    world: World, drawn: bytes, good: bool
) -> None:
    """1000 was told where browsers, or all viewers, show 8999 or nothing."""
    sealed = {20: widget(BLANK, TEXT + b"/AP<</N 21 0 R>>"), 21: look(b"")}
    after = widget(BLANK, TEXT + b"/V(1000)/AP<</N 90 0 R>>")
    assert (verdict(world, Form(sealed), {20: after, 90: drawn}) in GOOD) is bool(good)


@pytest.mark.parametrize(
    ("drawn", "good"),
    [
        (b"0 G 1 w .5 .5 299 13 re S BT 0 g /F 12 Tf 2 2 Td (1888) Tj ET", True),
        (b"0 G 2 w 1 1 298 12 re S BT 0 g /F 9 Tf 4 3.5 Td (1888) Tj ET", True),
        (b"0 g 0 0 300 1.5 re f BT 0 g /F 10 Tf 4 3 Td (1888) Tj ET", True),
        (
            b".5 g 0 0 m 0 14 l 300 14 l 299 13 l 1 13 l 1 1 l f"
            b" BT 0 g /F 10 Tf 4 4 Td (1888) Tj ET",
            True,
        ),
        (b"0 g 0 0 300 3.5 re f BT 0 g /F 10 Tf 4 0 Td (1888) Tj ET", False),
        (b"0 g 0 0 3.5 14 re f 296.5 0 3.5 14 re f BT 0 g /F 10 Tf -1.5 3 Td (1888) Tj ET", False),
        (b"0 G 3.4 w 1.7 1.7 296.6 10.6 re S BT 0 g /F 10 Tf -1.2 3 Td (1888) Tj ET", False),
        (b"0 G 3.4 w 1.7 1.7 296.6 10.6 re S BT 0 g /F 10 Tf 4 0 Td (1888) Tj ET", False),
        (
            b"0 g 0 0 m 0 14 l 300 14 l 300 10.6 l 3.4 10.6 l 3.4 0 l f"
            b" BT 0 g /F 10 Tf -1.2 2 Td (1888) Tj ET",
            False,
        ),
    ],
)
def test_text_that_a_frame_hides_in_part_is_not_read(
    world: World, drawn: bytes, good: bool
) -> None:
    """1888 was told where people see 888, or the upper halves of its figures."""
    low = (60, 590, 360, 604)
    kind = TEXT + b"/AP<</N %d 0 R>>"
    sealed = {20: widget(low, kind % 21), 21: look(b"", (300, 14))}
    after = {20: widget(low, kind % 90 + b"/V(1888)"), 90: look(drawn, (300, 14))}
    assert (verdict(world, Form(sealed), after) in GOOD) is good


@pytest.mark.parametrize(
    ("paper", "said", "good"),
    [
        (b"0 g %s", b"1 g", True),
        (b"/Pale gs 0 g %s", b"0 g", True),
        (b"/Pale gs 0 g %s", b"1 g", False),
        (b"1 g %s", b"0 g", True),
        (b".1 g %s /Mul gs 1 g %s", b"0 g", False),
        (b".1 g %s /Mul gs 1 g %s", b"1 g", True),
        (b".1 g %s /Pale gs 1 g %s", b"0 g", False),
    ],
)
def test_the_paper_is_as_dark_as_all_that_it_is_made_of(
    world: World, paper: bytes, said: bytes, good: bool
) -> None:
    """White text was told on a black ground that is hardly seen, and black text on a dark one."""
    sealed = {20: widget(BLANK, TEXT + b"/AP<</N 21 0 R>>"), 21: look(b"")}
    page = paper.replace(b"%s", b"55 585 310 50 re f")
    states = b"/ExtGState<</Mul<</BM/Multiply>>/Pale<</ca .08>>>>"
    document = build_pdf(
        [
            b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[20 0 R]>>>>",
            b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<<%s>>"
            b"/Annots[20 0 R]>>" % states,
            b"<</Length %d>>stream\n%s\nendstream" % (len(page), page),
            b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
            *[b"null"] * 14,
            sealed[20],
            sealed[21],
        ]
    )
    after = widget(BLANK, TEXT + b"/V(1000)/AP<</N 90 0 R>>")
    drawn = look(SAID.replace(b"0 g", said))
    data = append_revision(world.sign(document, marks=[]), {20: after, 90: drawn})
    assert (world.verify(data).verdict in GOOD) is good
