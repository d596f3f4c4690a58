"""Entries that show nothing and of which nobody can prove it: doubtful, never disproved."""

import re

import pytest

from crypto.verdict import Verdict
from tests.world.documents import append_revision, classic_pdf
from tests.world.sealing import World, codes

THUMB = b"<</Type/XObject/Subtype/Image/Width 1/Height 1/ColorSpace/DeviceGray/BitsPerComponent 8"
OF_PAGES = [
    *(b"/%s[0 0 %d 700]" % (box, width)
      for box in (b"TrimBox", b"BleedBox", b"ArtBox") for width in (500, 595)),
    b"/Thumb 80 0 R",
    b"/Metadata 81 0 R",
    b"/Group<</S/Transparency/CS/DeviceRGB>>",
    b"/Group<</S/Transparency/I true/K true>>",
]  # fmt: skip
STREAMS = {
    80: THUMB + b"/Length 1>>stream\n\xff\nendstream",
    81: b"<</Type/Metadata/Subtype/XML/Length 4>>stream\n<a/>\nendstream",
}
FIELD = b"<</Type/Annot/Subtype/Widget/FT/Tx/T(a)/Rect[72 400 272 430]/P 5 0 R/F 4"
FIELD += b"/DA(/F 12 Tf 0 g)"
FILLED = b"/V(Zhang)/AP<</N 90 0 R>>"
TEXT = b"/Tx BMC BT 0 g /F 12 Tf 4 9 Td (Zhang) Tj ET EMC"
LOOK = b"<</Type/XObject/Subtype/Form/BBox[0 0 200 30]/Resources<</Font<</F 3 0 R>>>>/Length %d>>"
LOOK = LOOK % len(TEXT) + b"stream\n" + TEXT + b"\nendstream"
OF_FIELDS = [
    *(b"/DV(Zhang)", b"/DV()", b"/DV(Li)", b"/DS(font: Arial 12pt)", b"/MaxLen 20", b"/MaxLen 3"),
    *(b"/Border[0 0 0]", b"/Border[0 0 3]", b"/DV(Zhang)/MaxLen 9/Border[0 0 1]"),
]


def object_of(data: bytes, number: int) -> bytes:
    found = re.findall(rb"\n%d 0 obj\s(.*?)\sendobj" % number, data, re.DOTALL)
    return found[-1]


def doubtful(world: World, data: bytes) -> None:
    report = world.verify(data)
    assert report.verdict is Verdict.UNKNOWN, report.signatures[0].changed_later
    assert "changed_suspicious" in codes(report.signatures[0])


@pytest.mark.parametrize("added", OF_PAGES)
@pytest.mark.parametrize("anew", [False, True], ids=["added", "changed"])
def test_what_a_page_gains_beside_what_it_shows_is_doubtful(
    world: World, added: bytes, anew: bool
) -> None:
    first = classic_pdf(annots=re.sub(rb"\d00|RGB|true", _other, added) if anew else b"")
    sealed = world.sign(append_revision(first, STREAMS), marks=[])
    page = object_of(sealed, 5)
    kept = re.sub(rb"/(?:TrimBox|BleedBox|ArtBox)\s*\[[^\]]*\]|/Group\s*<<[^>]*>>", b"", page)
    kept = re.sub(rb"/(?:Thumb|Metadata) \d+ 0 R", b"", kept)
    later = {180: STREAMS[80].replace(b"\xff", b"\0"), 181: STREAMS[81].replace(b"<a", b"<b")}
    fresh = added.replace(b"80 0 R", b"180 0 R").replace(b"81 0 R", b"181 0 R")
    changed = append_revision(sealed, {5: kept[: kept.rindex(b">>")] + fresh + b">>", **later})
    doubtful(world, changed)


def _other(found: re.Match[bytes]) -> bytes:
    return {b"RGB": b"Gray", b"true": b"false"}.get(found[0], b"400")


@pytest.mark.parametrize("key", [b"ViewArea", b"ViewClip", b"PrintArea", b"PrintClip"])
def test_a_printers_box_that_viewers_are_told_to_show_is_a_change(world: World, key: bytes) -> None:
    catalog = b"/ViewerPreferences<</%s/TrimBox>>" % key
    sealed = world.sign(classic_pdf(catalog=catalog), marks=[])
    page = object_of(sealed, 5)
    cut = page[: page.rindex(b">>")] + b"/TrimBox[0 0 595 690]>>"
    assert world.verify(append_revision(sealed, {5: cut})).verdict is Verdict.INVALID


@pytest.mark.parametrize("added", OF_FIELDS)
def test_what_a_field_gains_beside_its_filling_is_doubtful(world: World, added: bytes) -> None:
    catalog = b"/AcroForm<</Fields[6 0 R]/DR<</Font<</F 3 0 R>>>>>>"
    blank = classic_pdf(catalog=catalog, annots=b"/Annots[6 0 R]", extra=[FIELD + b">>"])
    sealed = world.sign(blank, marks=[])
    filled = append_revision(sealed, {6: FIELD + FILLED + b">>", 90: LOOK})
    assert world.verify(filled).verdict is Verdict.VALID_CHANGED_LATER
    doubtful(world, append_revision(sealed, {6: FIELD + FILLED + added + b">>", 90: LOOK}))
    over = append_revision(filled, {6: FIELD + FILLED.replace(b"Zhang", b"Wang") + added + b">>"})
    assert world.verify(over).verdict not in (Verdict.VALID, Verdict.VALID_CHANGED_LATER)


PLACE = b"[5 0 R/XYZ 0 800 0]"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"", b"/Dests<</a %s>>" % PLACE),
        (b"", b"/Names<</Dests<</Names[(a)%s]>>>>" % PLACE),
        (b"/Dests<</a[5 0 R/Fit]>>", b"/Dests<</a %s>>" % PLACE),
        (
            b"/Names<</Dests<</Names[(a)[5 0 R/Fit]]>>>>",
            b"/Names<</Dests<</Names[(a)%s]>>>>" % PLACE,
        ),
        (b"/Names<</Dests<</Names[(a)%s]>>>>" % PLACE, b""),
        (b"", b"/Dests<</a %s>>/Names<</Dests<</Names[(b)<</D%s>>]>>>>" % (PLACE, PLACE)),
    ],
)
def test_names_of_places_are_doubtful(world: World, before: bytes, after: bytes) -> None:
    """A link that was sealed may lead elsewhere by them."""
    sealed = world.sign(classic_pdf(catalog=before), marks=[])
    form = re.search(rb"/AcroForm \d+ 0 R", object_of(sealed, 1))
    assert form
    catalog = b"<</Type/Catalog/Pages 2 0 R%s%s>>" % (form[0], after)
    doubtful(world, append_revision(sealed, {1: catalog}))


@pytest.mark.parametrize(
    "names",
    [b"/JavaScript<</Names[(a)<</S/JavaScript/JS(x)>>]>>", b"/AP<</Names[]>>", b"/Pages<<>>"],
)
def test_other_names_are_a_change(world: World, names: bytes) -> None:
    sealed = world.sign(classic_pdf(), marks=[])
    form = re.search(rb"/AcroForm \d+ 0 R", object_of(sealed, 1))
    assert form
    catalog = b"<</Type/Catalog/Pages 2 0 R%s/Names<<%s>>>>" % (form[0], names)
    assert world.verify(append_revision(sealed, {1: catalog})).verdict is Verdict.INVALID
