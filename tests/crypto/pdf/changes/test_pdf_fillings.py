"""Every way to change a field after sealing, against what is known of it and what renderers show.

A form is made by the product of: the kind of field, whether its entries are its own or those of
its parent, how its sealed look and its later look are drawn, whether the page is blank beneath it,
whether value and look agree, and in how many revisions it happens. The generator knows which of
them is honest:
an empty field, filled in with text that is its value, over blank ground. Those keep a good verdict;
no other does; and over every good verdict MuPDF and PDFium show the pages as they were but for ink
that was added in the field.
"""

import itertools
import random
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from crypto.verdict import Report, Verdict
from tests.crypto.pdf.changes.drawing_twice import Pair, differences
from tests.world.documents import append_revision, build_pdf
from tests.world.sealing import World

GOOD = (Verdict.VALID, Verdict.VALID_CHANGED_LATER)
PAGE, CONTENT, FONT, FORM, FIELD, KID, IMAGE, SHADING, OWN_FONT, GLYPH, LOOK, OTHER = range(3, 15)
LATER = 90
OVER, BLANK = (60, 690, 360, 730), (60, 590, 360, 630)
TEXT_OF_PAGE = b"BT /F 24 Tf 72 700 Td (Party A pays 100 CNY) Tj ET"

WAYS = {
    "nothing": b"",
    "text": b"/Tx BMC BT 0 g /F 12 Tf 4 14 Td (100) Tj ET EMC",
    "other text": b"/Tx BMC BT 0 g /F 12 Tf 4 14 Td (9,900,000) Tj ET EMC",
    "white text": b"BT 1 g /F 12 Tf 4 14 Td (100) Tj ET",
    "unseen text": b"BT 3 Tr /F 12 Tf 4 14 Td (100) Tj ET",
    "two texts": b"BT 0 g /F 12 Tf 4 14 Td (100) Tj 1 0 0 1 5 14 Tm (9) Tj ET",
    "line": b"1 G 30 w 0 20 m 300 20 l S",
    "shape": b"0 g 10 10 m 30 10 l 20 30 l f",
    "ground": b"1 g 0 0 300 40 re f",
    "dark ground": b"0 g 0 0 300 40 re f",
    "ground and text": b"1 g 0 0 300 40 re f BT 0 g /F 12 Tf 4 14 Td (100) Tj ET",
    "image": b"q 280 0 0 30 5 5 cm /I Do Q",
    "shading": b"q 0 0 300 40 re W n /S sh Q",
    "own glyphs": b"BT /T 1 Tf 4 14 Td (100) Tj ET",
    "stacked": b"BT 0 g /W 12 Tf 4 14 Td (100) Tj ET",
    "spread": b"BT 0 g /F 12 Tf 4 14 Td [(1) -4000 (00)] TJ ET",
    "turned round": b"BT 0 g /F 12 Tf 60 14 Td [(1) 1200 (00)] TJ ET",
    "frame and text": b"0 G 1 w .5 .5 299 39 re S BT 0 g /F 12 Tf 4 14 Td (100) Tj ET",
}
"""How a look can be drawn in a box of 300 by 40."""
RESOURCES = b"<</Font<</F 5 0 R/T 11 0 R/W<</Type/Font/Subtype/Type1/BaseFont/Helvetica"
RESOURCES += b"/FirstChar 48/LastChar 49/Widths[0 0]>>>>/XObject<</I 9 0 R>>/Shading<</S 10 0 R>>>>"


def stream(entries: bytes, data: bytes) -> bytes:
    return b"<<" + entries + b"/Length %d>>stream\n%s\nendstream" % (len(data), data)


def look(content: bytes, size: tuple[int, int] = (300, 40)) -> bytes:
    entries = b"/Type/XObject/Subtype/Form/BBox[0 0 %d %d]/Resources " % size
    return stream(entries + RESOURCES, content)


def numbers(box: tuple[int, ...]) -> bytes:
    return b"[%s]" % b" ".join(b"%d" % each for each in box)


@dataclass(frozen=True)
class Form:
    """A sealed form of one field."""

    kind: bytes
    """Entries that say which."""
    inherits: bool
    rect: tuple[int, int, int, int]
    sealed: bytes | None
    """How the look is drawn; None: there is none."""
    value: bytes = b""
    states: bytes = b""
    """Entries of the widget that choose among looks."""

    def widget(self, more: bytes) -> bytes:
        owner = b"/Parent 7 0 R" if self.inherits else self.kind
        shown = b"/AP<</N 13 0 R>>" if self.sealed is not None and b"/AP" not in more else b""
        return b"<</Type/Annot/Subtype/Widget/Rect%s/F 4/P 3 0 R" % numbers(self.rect) + (
            owner + shown + more + b">>"
        )

    def objects(self, value: bytes, more: bytes) -> dict[int, bytes]:
        """The field with this value, its widget with these entries."""
        if self.inherits:
            return {FIELD: b"<<%s%s/Kids[8 0 R]>>" % (self.kind, value), KID: self.widget(more)}
        return {FIELD: self.widget(value + more)}

    def document(self) -> bytes:
        made = self.objects(self.value, self.states)
        shown = b"8 0 R" if self.inherits else b"7 0 R"
        parts = {
            1: b"<</Type/Catalog/Pages 2 0 R/AcroForm 6 0 R>>",
            2: b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
            PAGE: b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources"
            b"<</Font<</F 5 0 R>>>>/Annots[" + shown + b"]>>",
            CONTENT: stream(b"", TEXT_OF_PAGE),
            FONT: b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
            FORM: b"<</Fields[7 0 R]/DA(/F 12 Tf 0 g)/DR<</Font<</F 5 0 R/T 11 0 R>>>>>>",
            FIELD: made[FIELD],
            KID: made.get(KID, b"null"),
            IMAGE: stream(
                b"/Type/XObject/Subtype/Image/Width 2/Height 1/ColorSpace/DeviceGray"
                b"/BitsPerComponent 8/Filter/FlateDecode",
                zlib.compress(b"\xff\x00"),
            ),
            SHADING: b"<</ShadingType 2/ColorSpace/DeviceGray/Coords[0 0 300 0]"
            b"/Function<</FunctionType 2/Domain[0 1]/C0[1]/C1[0]/N 1>>>>",
            OWN_FONT: b"<</Type/Font/Subtype/Type3/FontBBox[0 -4 290 30]/FontMatrix[1 0 0 1 0 0]"
            b"/CharProcs<</a 12 0 R>>/Encoding<</Differences[48/a/a]>>/FirstChar 48/LastChar 49"
            b"/Widths[90 90]/Resources<<>>>>",
            GLYPH: stream(b"", b"90 0 d0 1 g 0 -4 290 30 re f 0 g 3 3 9 9 re f"),
            LOOK: look(self.sealed or b""),
            OTHER: b"null",
        }
        return build_pdf([parts[number] for number in range(1, 15)])


TEXT = b"/FT/Tx/T(x)/DA(/F 12 Tf 0 g)"
CHOICE = b"/FT/Ch/Ff 131072/T(x)/DA(/F 12 Tf 0 g)/Opt[(100)(9,900,000)]"
EMPTY_LOOKS = (None, "nothing")


@dataclass(frozen=True)
class Case:
    """One way to fill in one field."""

    kind: bytes
    inherits: bool
    over: bool
    sealed: str | None
    value: bool
    """It has one when it is sealed."""
    later: str
    """How the look is drawn that comes with the new value."""
    revisions: int

    @property
    def form(self) -> Form:
        sealed = None if self.sealed is None else WAYS[self.sealed]
        value = b"/V(1)" if self.value else b""
        return Form(self.kind, self.inherits, OVER if self.over else BLANK, sealed, value)

    @property
    def honest(self) -> bool:
        empty = not self.value and self.sealed in (*EMPTY_LOOKS, "ground")
        plain = ("text", "ground and text", "frame and text")
        if self.sealed == "ground" and self.later != "ground and text" and self.over:
            return False  # what the ground hid shows again
        return empty and not self.over and self.later in plain

    def applied(self, sealed: bytes) -> bytes:
        more = b"/AP<</N %d 0 R>>" % LATER
        made = self.form.objects(b"/V(100)", more)
        looks = {LATER: look(WAYS[self.later])}
        if self.revisions == 1:
            return append_revision(sealed, {**made, **looks})
        first = self.form.objects(self.form.value, more)
        return append_revision(append_revision(sealed, {**first, LATER: look(b"")}), {**made, **{
            LATER: looks[LATER]}})  # fmt: skip


def cases() -> Iterator[Case]:
    product = itertools.product(
        (TEXT, CHOICE), (False, True), (False, True),
        (None, "nothing", "text", "line", "shape", "ground", "image", "shading", "own glyphs"),
        (False, True), WAYS, (1, 2),
    )  # fmt: skip
    # PDFium draws an arrow of its own for a choice without a look
    return (case for case in itertools.starmap(Case, product) if case.sealed or case.kind == TEXT)


def examine(world: World, chosen: list[Case], folder: Path) -> None:
    sealed: dict[Form, bytes] = {}
    good: list[tuple[Case, Pair]] = []
    wrong = []
    for case in chosen:
        if case.form not in sealed:
            sealed[case.form] = world.sign(case.form.document(), marks=[])
        base = sealed[case.form]
        data = case.applied(base)
        report = world.verify(data)
        if (report.verdict in GOOD) is not case.honest:
            wrong.append((case, report.verdict, said(report)))
        if report.verdict in GOOD:
            left, bottom, right, top = case.form.rect
            good.append((case, Pair(base, data, [(left, 842 - top, right, 842 - bottom)])))
    assert not wrong, f"{len(wrong)}: {wrong[:6]}"
    shown = differences([pair for _, pair in good], folder)
    assert not shown, [(good[number][0], seen) for number, seen in shown.items()][:5]
    assert good


def said(report: Report) -> list[str]:
    return [each.kind for each in report.signatures[0].changed_later]


def test_only_honest_fillings_of_text_and_choices_keep_a_good_verdict(
    world: World, tmp_path: Path
) -> None:
    everything = list(cases())
    honest = [case for case in everything if case.honest]
    picked = random.Random(8).sample(everything, 50)  # all: the next test
    examine(world, [*honest, *picked], tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_of_all_fillings_only_the_honest_keep_a_good_verdict(world: World, tmp_path: Path) -> None:
    examine(world, list(cases()), tmp_path)


# ---------------------------------------------------------------- buttons

BUTTONS = {
    "nothing": b"",
    "box": b"0 G 1 w .5 .5 19 19 re S",
    "text": b"BT 0 g /F 9 Tf 1 5 Td (100) Tj ET",
    "tick": b"BT 0 g /Z 14 Tf 4 5 Td (4) Tj ET",
    "cross": b"0 G 1 w 4 4 m 16 16 l S 4 16 m 16 4 l S",
    "box and tick": b"0 G 1 w .5 .5 19 19 re S BT 0 g /Z 14 Tf 4 5 Td (4) Tj ET",
    "white and tick": b"1 g 0 0 20 20 re f BT 0 g /Z 14 Tf 4 5 Td (4) Tj ET",
    "letter": b"BT 0 g /F 14 Tf 4 5 Td (x) Tj ET",
    "image": b"q 18 0 0 18 1 1 cm /I Do Q",
    "own glyphs": b"BT /T 1 Tf 4 4 Td (1) Tj ET",
}


@dataclass(frozen=True)
class Button:
    """A box to tick, its two looks prepared before sealing."""

    radio: bool
    inherits: bool
    ground: str
    """What the page shows beneath: blank or text."""
    large: bool
    off: str
    on: str
    was_on: bool
    revisions: int

    @property
    def rect(self) -> tuple[int, int, int, int]:
        left, bottom = (72, 700) if self.ground == "text" else (60, 600)
        size = (300, 40) if self.large else (20, 20)
        return (left, bottom, left + size[0], bottom + size[1])

    @property
    def form(self) -> Form:
        kind = b"/FT/Btn/T(x)" + (b"/Ff 49152" if self.radio else b"")
        looks = b"/AP<</N<</Off 13 0 R/On 14 0 R>>>>"
        state = b"/On" if self.was_on else b"/Off"
        return Form(kind, self.inherits, self.rect, b"", b"/V" + state, looks + b"/AS" + state)

    def document(self) -> bytes:
        resources = RESOURCES.replace(b"/T 11 0 R", b"/T 11 0 R/Z<</Type/Font/Subtype/Type1"
                                      b"/BaseFont/ZapfDingbats>>")  # fmt: skip
        data = self.form.document()
        for number, way in ((LOOK, self.off), (OTHER, self.on)):
            body = look(BUTTONS[way], (20, 20)).replace(RESOURCES, resources)
            data = append_revision(data, {number: body})
        return data

    def applied(self, sealed: bytes) -> bytes:
        state = b"/Off" if self.was_on else b"/On"
        looks = b"/AP<</N<</Off 13 0 R/On 14 0 R>>>>/AS"
        after = self.form.objects(b"/V" + state, looks + state)
        data = append_revision(sealed, after)
        if self.revisions == 2:
            data = append_revision(data, {80: b"null"})
        return data

    @property
    def honest(self) -> bool:
        ticks = ("tick", "cross", "letter", "box and tick", "white and tick")
        added = {"nothing": ticks, "box": ("box and tick",)}
        return (
            self.on in added.get(self.off, ())
            and self.ground == "blank"
            and not self.large
            and not self.was_on
        )


def buttons() -> Iterator[Button]:
    product = itertools.product(
        (False, True), (False, True), ("blank", "text"), (False, True), BUTTONS, BUTTONS,
        (False, True), (1, 2),
    )  # fmt: skip
    return itertools.starmap(Button, product)


def test_only_ticks_in_empty_boxes_keep_a_good_verdict(world: World, tmp_path: Path) -> None:
    everything = list(buttons())
    honest = [case for case in everything if case.honest]
    press(world, [*honest, *random.Random(8).sample(everything, 40)], tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_of_all_buttons_only_ticks_in_empty_boxes_keep_a_good_verdict(
    world: World, tmp_path: Path
) -> None:
    press(world, list(buttons()), tmp_path)


def press(world: World, chosen: list[Button], folder: Path) -> None:
    sealed: dict[Button, bytes] = {}
    good: list[tuple[Button, Pair]] = []
    wrong = []
    for case in chosen:
        key = replace(case, revisions=1)
        if key not in sealed:
            sealed[key] = world.sign(case.document(), marks=[])
        data = case.applied(sealed[key])
        report = world.verify(data)
        if (report.verdict in GOOD) is not case.honest:
            wrong.append((case, report.verdict, said(report)))
        if report.verdict in GOOD:
            left, bottom, right, top = case.rect
            good.append((case, Pair(sealed[key], data, [(left, 842 - top, right, 842 - bottom)])))
    assert not wrong, f"{len(wrong)}: {wrong[:6]}"
    shown = differences([pair for _, pair in good], folder)
    assert not shown, [(good[number][0], seen) for number, seen in shown.items()][:5]
    assert good
