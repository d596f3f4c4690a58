"""What a form says for all of its fields, and a field for all below it, after sealing.

Viewers draw a field or a typed text that has no look of its own from /DA, /DR and /Q, wherever in
the tree of fields these stand. Whoever changes them changes what is shown, without touching it.
"""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from crypto.verdict import Verdict
from tests.world.documents import append_revision, build_pdf
from tests.world.sealing import World, codes

GOOD = (Verdict.VALID, Verdict.VALID_CHANGED_LATER)
SWAPPED = (
    b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica"
    b"/Encoding<</Type/Encoding/Differences[48/nine 57/zero]>>>>"
)
HELVETICA = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>"
LOOK = b"/Tx BMC BT 0 g /F 12 Tf 4 14 Td (100) Tj ET EMC"


@dataclass(frozen=True)
class Drawn:
    """A page with one thing on it that says 100."""

    kind: str
    """field, child, typed or button."""
    own_look: bool

    def document(self) -> bytes:
        look = b"/AP<</N 9 0 R>>" if self.own_look else b""
        place = b"/Type/Annot/Rect[60 590 360 630]/F 4/P 3 0 R" + look
        annotation = {
            "field": b"<</Subtype/Widget/FT/Tx/T(x)/DA(/G 24 Tf 0 g)/V(100)%s>>",
            "child": b"<</Subtype/Widget/Parent 8 0 R%s>>",
            "typed": b"<</Subtype/FreeText/DA(/G 24 Tf 0 g)/Contents(100)%s>>",
            "button": b"<</Subtype/Widget/FT/Btn/Ff 65536/T(x)/DA(/G 24 Tf 0 g)/MK<</CA(100)>>%s>>",
        }[self.kind]
        fields = {"field": b"7 0 R", "child": b"8 0 R", "typed": b"", "button": b"7 0 R"}[self.kind]
        return build_pdf(
            [
                b"<</Type/Catalog/Pages 2 0 R/AcroForm 6 0 R>>",
                b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
                b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R"
                b"/Resources<</Font<</F 5 0 R>>>>/Annots[7 0 R]>>",
                b"<</Length 0>>stream\n\nendstream",
                HELVETICA,
                b"<</Fields[%s]/DR<</Font<</F 5 0 R>>>>/DA(/F 12 Tf 0 g)/SigFlags 3>>" % fields,
                annotation % place,
                b"<</FT/Tx/T(x)/V(100)/DA(/G 24 Tf 0 g)/Kids[7 0 R]>>",
                b"<</Type/XObject/Subtype/Form/BBox[0 0 300 40]/Resources<</Font<</F 5 0 R>>>>"
                b"/Length %d>>stream\n%s\nendstream" % (len(LOOK), LOOK),
            ]
        )


def newest(data: bytes, number: int) -> bytes:
    start = data.rindex(b"\n%d 0 obj" % number)
    return data[start : data.index(b"endobj", start)].split(b"obj", 1)[1].strip()


def font_added(data: bytes) -> bytes:
    form = newest(data, 6)
    assert b"/F 5 0 R" in form
    return append_revision(data, {6: form.replace(b"/F 5 0 R", b"/F 5 0 R/G 90 0 R"), 90: SWAPPED})


def default_changed(data: bytes) -> bytes:
    form = newest(data, 6)
    return append_revision(data, {6: form.replace(b"12 Tf", b"30 Tf")})


def aligned(data: bytes) -> bytes:
    form = newest(data, 6)
    return append_revision(data, {6: form[:-2] + b"/Q 2>>"})


def drawn_anew(data: bytes) -> bytes:
    form = newest(data, 6)
    return append_revision(data, {6: form[:-2] + b"/NeedAppearances true>>"})


CHANGES = {each.__name__: each for each in (font_added, default_changed, aligned, drawn_anew)}


def cases() -> Iterator[tuple[Drawn, str, int]]:
    kinds = ("field", "child", "typed", "button")
    things = itertools.starmap(Drawn, itertools.product(kinds, (False, True)))
    return itertools.product(things, CHANGES, (1, 2))


@pytest.mark.parametrize(
    ("thing", "change", "revisions"), list(cases()), ids=lambda each: str(each).replace("'", "")
)
def test_a_change_of_what_is_drawn_through_the_form_is_suspicious(
    world: World, thing: Drawn, change: str, revisions: int
) -> None:
    sealed = world.sign(thing.document(), marks=[])
    assert world.verify(sealed).verdict is Verdict.VALID
    data = sealed if revisions == 1 else append_revision(sealed, {80: b"null"})
    report = world.verify(CHANGES[change](data))
    # an alignment that is *added* was called suspicious here before, although every field has a
    # look of its own, which viewers show as it is; to replace what there was still is
    is_added = change == "font_added" or (change == "aligned" and thing.kind != "typed")
    if thing.own_look and is_added:
        assert report.verdict is Verdict.VALID
        assert {"unused_objects"} <= codes(report.signatures[0])
        return
    if thing.own_look and thing.kind == "typed" and change != "drawn_anew":
        assert report.verdict in (Verdict.VALID, Verdict.UNKNOWN)
        return
    assert report.verdict not in GOOD
    assert "changed_suspicious" in codes(report.signatures[0])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"/DA(/G 24 Tf 0 g)", b"/DA(/G 60 Tf 0 g)"),
        (b"/DA(/G 24 Tf 0 g)", b"/DA(/G 24 Tf 1 g)"),
        (b"/V(100)", b"/V(900)"),
        (b"/FT/Tx", b"/FT/Tx/Q 2"),
        (b"/FT/Tx", b"/FT/Tx/MaxLen 1"),
        (b"/FT/Tx", b"/FT/Tx/Ff 8192"),
        (b"/V(100)", b"/V(100)/DV(900)"),
        (b"/V(100)", b""),
    ],
)
@pytest.mark.parametrize("kind", ["field", "child"])
def test_what_a_field_passes_on_cannot_change(
    world: World, kind: str, old: bytes, new: bytes
) -> None:
    sealed = world.sign(Drawn(kind, own_look=False).document(), marks=[])
    number = 8 if kind == "child" else 7
    body = newest(sealed, number)
    assert old in body
    report = world.verify(append_revision(sealed, {number: body.replace(old, new)}))
    assert report.verdict not in GOOD, report.signatures[0].changed_later


def test_a_value_that_is_the_parents_is_no_empty_field(world: World) -> None:
    """The child takes a value of its own: the parent's was shown."""
    sealed = world.sign(Drawn("child", own_look=True).document(), marks=[])
    body = newest(sealed, 7)
    look = b"/Tx BMC BT 0 g /F 12 Tf 4 14 Td (900) Tj ET EMC"
    stream = b"<</Type/XObject/Subtype/Form/BBox[0 0 300 40]/Resources<</Font<</F 5 0 R>>>>"
    stream += b"/Length %d>>stream\n%s\nendstream" % (len(look), look)
    own = body.replace(b"/N 9 0 R", b"/N 90 0 R")[:-2] + b"/V(900)>>"
    report = world.verify(append_revision(sealed, {7: own, 90: stream}))
    assert report.verdict is Verdict.INVALID
    assert "value_replaced" in codes(report.signatures[0])


# ---------------------------------------------------------------- empty places for a signature


@pytest.mark.parametrize(
    ("rect", "good"),
    [(b"60 590 260 640", True), (b"0 0 595 842", False), (b"20 300 575 400", False)],
    ids=["small", "page", "wide"],
)
@pytest.mark.parametrize("look", [False, True])
def test_an_empty_place_for_a_signature_is_small(
    world: World, rect: bytes, look: bool, good: bool
) -> None:
    sealed = world.sign(Drawn("field", own_look=True).document(), marks=[])
    form, page = newest(sealed, 6), newest(sealed, 3)
    field = b"<</Type/Annot/Subtype/Widget/FT/Sig/T(later)/F 132/P 3 0 R/Rect[%s]%s>>" % (
        rect, b"/AP<</N 91 0 R>>" if look else b"",
    )  # fmt: skip
    empty = b"<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Length 0>>stream\n\nendstream"
    assert form.count(b"/Fields") == page.count(b"/Annots") == 1
    data = append_revision(
        sealed,
        {
            6: form.replace(b"7 0 R", b"7 0 R 90 0 R", 1),
            3: page.replace(b"7 0 R", b"7 0 R 90 0 R", 1),
            90: field,
            91: empty,
        },
    )
    report = world.verify(data)
    assert (report.verdict in GOOD) is good, report.signatures[0].changed_later


@pytest.mark.parametrize("entry", [b"/DA(/Helv 0 Tf 0 g)", b"/Q 2"])
@pytest.mark.parametrize("own_look", [True, False])
def test_a_default_that_is_added_concerns_fields_without_a_look_alone(
    world: World, entry: bytes, own_look: bool
) -> None:
    """Programs add them as they fill in something; where every field has its look, none is drawn
    through the form."""
    looks = b"/AP<</N 8 0 R>>" if own_look else b""
    content = b"BT /F 12 Tf 4 4 Td (100) Tj ET"
    document = build_pdf(
        [
            b"<</Type/Catalog/Pages 2 0 R/AcroForm 6 0 R>>",
            b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<<>>"
            b"/Annots[7 0 R]>>",
            b"<</Length 0>>stream\n\nendstream",
            b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
            b"<</Fields[7 0 R]/DR<</Font<</F 5 0 R>>>>/SigFlags 3>>",
            b"<</Type/Annot/Subtype/Widget/FT/Tx/T(x)/V(100)/F 4/Rect[100 600 200 620]/P 3 0 R"
            b"%s>>" % looks,
            b"<</Type/XObject/Subtype/Form/BBox[0 0 100 20]/Resources<</Font<</F 5 0 R>>>>"
            b"/Length %d>>stream\n%s\nendstream" % (len(content), content),
        ]
    )
    sealed = world.sign(document, marks=[])
    found = re.findall(rb"6 0 obj\s*(<<.*?>>)\s*endobj", sealed, re.DOTALL)[-1]
    later = append_revision(sealed, {6: found[:-2] + entry + b">>"})
    report = world.verify(later)
    assert (report.verdict is Verdict.VALID) is own_look
    assert ("unused_objects" in codes(report.signatures[0])) is own_look
