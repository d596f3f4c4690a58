"""What later revisions did and undid again: what counts is what is left of it."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import pytest

from crypto.verdict import Verdict
from tests.crypto.pdf.changes.price_form import (
    FIELD,
    HELVETICA,
    filled,
    sealed_price,
    shown,
    stream,
)
from tests.world.documents import append_revision, build_pdf, classic_pdf
from tests.world.sealing import World, codes

LOOK = b"/Type/XObject/Subtype/Form/BBox[0 0 220 30]/Resources<</Font<</Helv 92 0 R>>>>"
CONTENT = b"BT /F 24 Tf 72 700 Td (Price %s) Tj ET"
GREEN = (Verdict.VALID, Verdict.VALID_CHANGED_LATER)


def refilled(data: bytes, text: bytes, look: int) -> bytes:
    """The field of the price's form with another value, and its look in object *look*."""
    entries = b"/DA(/Helv 12 Tf 0 g)/V(%s)/AP<</N %d 0 R>>" % (text, look)
    return append_revision(data, {6: FIELD % entries, look: stream(shown(b"(%s) Tj" % text), LOOK)})


@pytest.fixture(scope="module")
def once(world: World) -> bytes:
    """The price's form, sealed and filled in with 9000."""
    return filled(sealed_price(world), shown(b"(9000) Tj"))


@pytest.mark.parametrize("look", [91, 95], ids=["look in place", "another look"])
def test_who_corrects_what_he_filled_in_changes_nothing_sealed(
    world: World, once: bytes, look: int
) -> None:
    report = world.verify(refilled(once, b"8000", look))
    assert report.verdict is Verdict.VALID_CHANGED_LATER
    (change,) = [each for each in report.signatures[0].changed_later if each.kind == "field_filled"]
    assert (change.before, change.after, change.revision) == ("", "8000", 4)


def test_who_clears_what_he_filled_in_leaves_what_was_sealed(world: World, once: bytes) -> None:
    cleared = append_revision(once, {6: FIELD % b"/DA(/Helv 12 Tf 0 g)"})
    assert world.verify(cleared).verdict is Verdict.VALID


def test_what_somebody_sealed_in_between_cannot_be_corrected(world: World, once: bytes) -> None:
    countersigned = world.sign(once, world.second, world.marks(world.second, left=20))
    report = world.verify(refilled(countersigned, b"8000", 95))
    assert report.verdict is Verdict.INVALID
    assert "value_replaced" in codes(report.signatures[1])
    assert "value_replaced" not in codes(report.signatures[0])


def test_a_correction_that_does_not_show_its_value_is_not_believed(
    world: World, once: bytes
) -> None:
    entries = b"/DA(/Helv 12 Tf 0 g)/V(8000)/AP<</N 91 0 R>>"
    other = append_revision(once, {6: FIELD % entries})
    assert world.verify(other).verdict not in GREEN


# --- notes -------------------------------------------------------------------------------------

NOTE = b"<</Type/Annot/Subtype/Text/Rect[400 %d 420 %d]/Contents(%s)/F 28/Name/Comment>>"
ON_TEXT = NOTE.replace(b"400", b"80").replace(b"420", b"100") % (700, 720, b"check")
MARKUP = b"<</Type/Annot/Subtype/Highlight/Rect[72 695 200 725]/C[1 1 0]/F 4/AP<</N 82 0 R>>"
MARKUP += b"/QuadPoints[72 725 200 725 72 695 200 695]/Contents(%s)>>"
YELLOW = stream(
    b"/G gs 1 1 0 rg 72 695 128 30 re f",
    b"/Type/XObject/Subtype/Form/BBox[72 695 200 725]/Group<</S/Transparency>>"
    b"/Resources<</ExtGState<</G<</BM/Multiply>>>>>>",
)


@pytest.fixture(scope="module")
def plain(world: World) -> bytes:
    """One page and one seal, whose annotations stand in object 6."""
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count 1/Kids[5 0 R]>>",
        HELVETICA,
        stream(CONTENT % b"1000"),
        b"<</Type/Page/Parent 2 0 R/Contents 4 0 R/MediaBox[0 0 595 842]"
        b"/Resources<</Font<</F 3 0 R>>>>/Annots 6 0 R>>",
        b"[]",
    ]
    return world.sign(build_pdf(objects))


def listed(sealed: bytes, *added: int) -> bytes:
    """The list of the page's annotations with more of them."""
    found = re.findall(rb"\n6 0 obj\s*\[([^]]*)\]", sealed)
    return b"[%s %s]" % (found[-1], b" ".join(b"%d 0 R" % each for each in added))


def noted(plain: bytes) -> bytes:
    return append_revision(plain, {6: listed(plain, 80), 80: NOTE % (300, 320, b"please check")})


@pytest.mark.parametrize(
    ("objects", "free", "verdict"),
    [
        ({80: NOTE % (300, 320, b"checked")}, (), Verdict.VALID_CHANGED_LATER),
        ({80: NOTE % (350, 370, b"please check")}, (), Verdict.VALID_CHANGED_LATER),
        ({80: ON_TEXT}, (), Verdict.UNKNOWN),
        ({6: b""}, (), Verdict.VALID),
        ({6: b""}, (80,), Verdict.VALID),
        ({6: b"", 4: stream(CONTENT % b"9999")}, (80,), Verdict.INVALID),
    ],
    ids=["reworded", "moved", "moved onto text", "taken away", "freed", "and the price changed"],
)  # fmt: skip
def test_who_goes_on_with_his_own_note_changes_nothing_sealed(
    world: World, plain: bytes, objects: dict[int, bytes], free: Sequence[int], verdict: Verdict
) -> None:
    objects = {number: body or listed(plain) for number, body in objects.items()}
    again = append_revision(noted(plain), objects, free=free)
    assert world.verify(again).verdict is verdict


def test_a_highlight_that_was_taken_away_leaves_what_was_sealed(world: World, plain: bytes) -> None:
    marked = append_revision(plain, {6: listed(plain, 81), 81: MARKUP % b"", 82: YELLOW})
    assert world.verify(marked).verdict is Verdict.UNKNOWN
    commented = append_revision(marked, {81: MARKUP % b"why?"})
    assert world.verify(commented).verdict is Verdict.UNKNOWN
    away = append_revision(commented, {6: listed(plain)}, free=(81,))
    assert world.verify(away).verdict is Verdict.VALID


def test_a_note_that_somebody_sealed_cannot_be_reworded(world: World, plain: bytes) -> None:
    countersigned = world.sign(noted(plain), world.second, world.marks(world.second, left=20))
    report = world.verify(append_revision(countersigned, {80: NOTE % (300, 320, b"agreed")}))
    assert report.verdict is Verdict.INVALID
    assert "note_added" in codes(report.signatures[0])


# --- what only seems to be undone --------------------------------------------------------------


def placed_at(data: bytes, number: int, place: int) -> bytes:
    """*data* with a revision whose table says that object *number* begins at *place*."""
    row = b"%010d 00000 n" % place
    later = append_revision(data, {number: b"null"})
    start = later.rindex(b"\nxref\n")
    gone = later[: len(data)] + later[later.index(b"endobj\n", len(data)) + 7 : start]
    moved = len(later[:start]) - len(gone)
    tail = re.sub(rb"\d{10} 00000 n", row, later[start:])
    at = int(re.findall(rb"startxref\s+(\d+)", tail)[-1])
    return gone + tail.replace(b"startxref\n%d" % at, b"startxref\n%d" % (at - moved))


def restored(sealed: bytes) -> bytes:
    """Content replaced, and then written once more as it was."""
    evil = append_revision(sealed, {4: stream(CONTENT % b"9999")})
    return append_revision(evil, {4: stream(CONTENT % b"1000")})


def pointed_back(sealed: bytes) -> bytes:
    """Content replaced; the last table names the sealed one, which stands before it."""
    evil = append_revision(sealed, {4: stream(CONTENT % b"9999")})
    return placed_at(evil, 4, evil.index(b"4 0 obj"))


def overtaken(sealed: bytes) -> bytes:
    """The same without the last table."""
    return append_revision(sealed, {4: stream(CONTENT % b"9999")})


def packed(data: bytes, holder: int, number: int, body: bytes) -> bytes:
    """*data* with a revision whose object *number* is inside the object stream *holder*."""
    head = b"%d 0 " % number
    inside = b"/Type/ObjStm/N 1/First %d" % len(head)
    places, out = {}, bytearray(data + b"\n")
    places[holder] = len(out)
    out += b"%d 0 obj\n%s\nendobj\n" % (holder, stream(head + body, inside))
    table, start = holder + 1, len(out)
    entries = {number: (2, holder), holder: (1, places[holder]), table: (1, start)}
    rows = b"".join(bytes([kind]) + place.to_bytes(4) + b"\0" for kind, place in entries.values())
    index = b" ".join(b"%d 1" % each for each in entries)
    named = b"/Type/XRef/Size 200/W[1 4 1]/Index[%s]/Root 1 0 R/Prev %d"
    before = int(re.findall(rb"startxref\s+(\d+)", data)[-1])
    out += b"%d 0 obj\n%s\nendobj\n" % (table, stream(rows, named % (index, before)))
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % start)


def page(data: bytes, content: int) -> bytes:
    """The page's dictionary with its content in another object."""
    body = data[data.rindex(b"\n5 0 obj") :].split(b"obj", 1)[1].split(b"endobj")[0].strip()
    return re.sub(rb"/Contents 4 0 R", b"/Contents %d 0 R" % content, body)


def repacked(sealed: bytes, *holders: int) -> bytes:
    """The page with other content, and then as it was, each in an object stream."""
    evil = append_revision(sealed, {80: stream(CONTENT % b"9999")})
    for holder, content in zip(holders, (80, 4), strict=True):
        evil = packed(evil, holder, 5, page(sealed, content))
    return evil


def packed_in_order(sealed: bytes) -> bytes:
    return repacked(sealed, 90, 95)


def packed_out_of_order(sealed: bytes) -> bytes:
    """Some readers take from object streams in the order of their numbers."""
    return repacked(sealed, 95, 90)


def unpacked(sealed: bytes) -> bytes:
    """Some readers look into object streams after all that stands by itself."""
    evil = append_revision(sealed, {80: stream(CONTENT % b"9999")})
    evil = packed(evil, 90, 5, page(sealed, 80))
    return append_revision(evil, {5: page(sealed, 4)})


def of_two_generations(sealed: bytes) -> bytes:
    """Object 80 once more, under another generation, and content that was put back."""
    later = append_revision(restored(sealed), {80: b"<<>>"})
    other = append_revision(later, {80: b"<<>>"})
    tail = other[len(later) :].replace(b"80 0 obj", b"80 1 obj").replace(b"00000 n", b"00001 n")
    return later + tail


@pytest.mark.parametrize(
    ("change", "good"),
    [
        (restored, True),
        (packed_in_order, True),
        (pointed_back, False),
        (overtaken, False),
        (packed_out_of_order, False),
        (unpacked, False),
        (of_two_generations, False),
    ],
)
def test_content_is_what_was_sealed_only_if_every_reader_finds_it(
    world: World, change: Callable[[bytes], bytes], good: bool
) -> None:
    report = world.verify(change(world.sign(classic_pdf())))
    assert (report.verdict in GREEN) is good


def test_what_was_missing_when_sealed_is_not_forgotten_when_it_is_gone_again(world: World) -> None:
    """Readers that look for objects without the tables still find it."""
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count 1/Kids[5 0 R]>>",
        HELVETICA,
        stream(CONTENT % b"1000" + b" /X Do"),
        b"<</Type/Page/Parent 2 0 R/Contents 4 0 R/MediaBox[0 0 595 842]"
        b"/Resources<</Font<</F 3 0 R>>/XObject<</X 80 0 R>>>>>>",
    ]
    sealed = world.sign(build_pdf(objects))
    added = append_revision(sealed, {80: stream(CONTENT % b"9999", LOOK)})
    assert world.verify(append_revision(added, {81: b"null"}, free=(80,))).verdict not in GREEN


# --- every way there and back ------------------------------------------------------------------

ENTRIES = b"/DA(/Helv 12 Tf 0 g)"


@dataclass
class Desk:
    """A sealed form with a price, on which somebody works, saving after each step."""

    data: bytes
    annotations: bytes
    """Those of the page when it was sealed."""
    last: int = 200
    value: bytes = b""
    note: bytes = b""
    marked: bool = False
    price: bytes = b"1000"

    @classmethod
    def of(cls, world: World) -> Desk:
        form = b"<</Fields[7 0 R]/DA(/Helv 12 Tf 0 g)/DR<</Font<</Helv 3 0 R>>>>>>"
        objects = [
            b"<</Type/Catalog/Pages 2 0 R/AcroForm %s>>" % form,
            b"<</Type/Pages/Count 1/Kids[5 0 R]>>",
            HELVETICA,
            stream(CONTENT % b"1000"),
            b"<</Type/Page/Parent 2 0 R/Contents 4 0 R/MediaBox[0 0 595 842]"
            b"/Resources<</Font<</F 3 0 R>>>>/Annots 6 0 R>>",
            b"[7 0 R]",
            FIELD % ENTRIES,
        ]
        data = world.sign(build_pdf(objects))
        return cls(data, re.findall(rb"\n6 0 obj\s*\[([^]]*)\]", data)[-1])

    def save(self, **steps: Any) -> None:
        """Change some of what there is, and write what differs."""
        for name, value in steps.items():
            setattr(self, name, value)
        self.last += 10
        objects: dict[int, bytes] = {}
        if "price" in steps:
            objects[4] = stream(CONTENT % self.price)
        if "value" in steps:
            look = b"/V(%s)/AP<</N %d 0 R>>" % (self.value, self.last)
            objects[7] = FIELD % (ENTRIES + (look if self.value else b""))
            if self.value:
                form = LOOK.replace(b"92 0 R", b"3 0 R")
                objects[self.last] = stream(shown(b"(%s) Tj" % self.value), form)
        if {"note", "marked"} & set(steps):
            listed = self.annotations
            if self.note:
                listed += b" 190 0 R"
                objects[190] = NOTE % (300, 320, self.note)
            if self.marked:
                listed += b" 191 0 R"
                objects |= {191: MARKUP % b"", 82: YELLOW}
            objects[6] = b"[%s]" % listed
        self.data = append_revision(self.data, objects)

    @property
    def verdict(self) -> Verdict:
        """What it must be by what is left."""
        if self.price != b"1000":
            return Verdict.INVALID
        if self.marked:
            return Verdict.UNKNOWN
        return Verdict.VALID_CHANGED_LATER if self.value or self.note else Verdict.VALID


STEPS: Sequence[dict[str, Any]] = (
    {"value": b"9000"},
    {"value": b"80"},
    {"value": b""},
    {"note": b"please check"},
    {"note": b"checked"},
    {"note": b""},
    {"marked": True},
    {"marked": False},
    {"price": b"9999"},
    {"price": b"1000"},
)


def work(world: World, desk: Desk, ways: Iterable[Sequence[dict[str, Any]]]) -> None:
    wrong = []
    for way in ways:
        mine = replace(desk)
        for step in way:
            mine.save(**step)
        verdict = world.verify(mine.data).verdict
        if verdict is not mine.verdict:
            wrong.append((way, verdict))
    assert not wrong, f"{len(wrong)}: {wrong[:5]}"


def test_whatever_was_done_in_between_what_is_left_counts(world: World) -> None:
    ways = list(product(STEPS, repeat=4))
    work(world, Desk.of(world), random.Random(8).sample(ways, 12))  # all: the next test


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_whatever_was_done_in_any_order_what_is_left_counts(world: World) -> None:
    work(world, Desk.of(world), product(STEPS, repeat=3))
