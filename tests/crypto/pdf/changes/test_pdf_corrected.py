"""Who corrects what came after sealing, where the last revision cannot be compared as usual.

What is told of it must be true: the field was empty when it was sealed. That sealed content was
replaced is said of sealed content alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from crypto.pdf.changes import review
from crypto.verdict import Report, Verdict
from tests.crypto.pdf.changes.price_form import FIELD, filled, sealed_price, shown, stream
from tests.world.documents import append_revision
from tests.world.sealing import World, codes

LOOK = b"/Type/XObject/Subtype/Form/BBox[0 0 220 30]/Resources<</Font<</Helv 92 0 R>>>>"
STATED = b"/DA(/Helv 12 Tf 0 g)"
UNTRUE = {"value_replaced", "look_replaced"}


def refilled(data: bytes, text: bytes, look: int) -> bytes:
    """The field of the price's form with another value, and its look in object *look*."""
    entries = STATED + b"/V(%s)/AP<</N %d 0 R>>" % (text, look)
    return append_revision(data, {6: FIELD % entries, look: stream(shown(b"(%s) Tj" % text), LOOK)})


def counting_fewer(data: bytes) -> bytes:
    """The last table counts fewer objects than the first one, as PDFBox writes it."""
    at = data.rindex(b"trailer")
    return data[:at] + re.sub(rb"/Size \d+", b"/Size 7", data[at:])


def counting_fewer_in_between(data: bytes) -> bytes:
    """So does the table before it."""
    at = data.rindex(b"trailer", 0, data.rindex(b"trailer"))
    fewer = re.sub(rb"/Size \d+", lambda found: b"/Size 7".ljust(len(found[0])), data[at:], count=1)
    return counting_fewer(data[:at] + fewer)


def with_an_object_that_no_table_names(data: bytes) -> bytes:
    stray = append_revision(data + b"\n250 0 obj\n<<>>\nendobj\n", {240: b"null"})
    return counting_fewer(stray)


def of_two_generations(data: bytes) -> bytes:
    """An object that somebody wrote under two generations: readers take either."""
    later = append_revision(data, {180: b"<<>>"})
    other = append_revision(later, {180: b"<<>>"})
    tail = other[len(later) :].replace(b"180 0 obj", b"180 1 obj").replace(b"00000 n", b"00001 n")
    return later + tail


@pytest.fixture(scope="module")
def sealed(world: World) -> bytes:
    return sealed_price(world)


@pytest.fixture(scope="module")
def once(sealed: bytes) -> bytes:
    """The price's form, sealed and filled in with 9000."""
    return filled(sealed, shown(b"(9000) Tj"))


@pytest.fixture(scope="module")
def by_many(world: World, sealed: bytes) -> bytes:
    """Sealed by ten before anybody filled in anything, and then filled in."""
    for number in range(9):
        left = 5 + 42 * (number % 4)
        marks = world.marks(world.second, left=left, top=120 + 45 * (number // 4))
        sealed = world.sign(sealed, world.second, marks)
    return filled(sealed, shown(b"(9000) Tj"))


def told(report: Report) -> str:
    return "".join(f.text() for s in report.signatures for f in s.findings if f.code != "no_mark")


@pytest.mark.parametrize(
    "damage",
    [counting_fewer, counting_fewer_in_between, with_an_object_that_no_table_names],
)
@pytest.mark.parametrize("look", [91, 95], ids=["look in place", "another look"])
def test_a_correction_beside_a_table_that_readers_repair_replaces_nothing_sealed(
    world: World, once: bytes, damage: Callable[[bytes], bytes], look: int
) -> None:
    report = world.verify(damage(refilled(once, b"8000", look)))
    found = codes(report.signatures[0])
    assert report.verdict is Verdict.UNKNOWN
    assert "changed_suspicious" in found
    assert "field_filled" in found
    assert not found & UNTRUE
    (change,) = [each for each in report.signatures[0].changed_later if each.kind == "field_filled"]
    assert (change.before, change.after) == ("", "8000")


@pytest.mark.parametrize("times", [1, 3])
def test_a_correction_in_a_file_of_many_signatures_replaces_nothing_sealed(
    world: World, by_many: bytes, times: int
) -> None:
    for number in range(times):
        by_many = refilled(by_many, b"800%d" % number, 120 + number)
    report = world.verify(by_many)
    assert report.verdict is Verdict.VALID_CHANGED_LATER
    assert all("field_filled" in codes(each) for each in report.signatures)


def test_of_many_signatures_the_one_that_sealed_a_value_keeps_it(
    world: World, by_many: bytes
) -> None:
    again = world.sign(by_many, world.second, world.marks(world.second, left=47, top=210))
    report = world.verify(refilled(again, b"8000", 120))
    *early, last = report.signatures
    assert report.verdict is last.verdict is Verdict.INVALID
    assert "value_replaced" in codes(last)
    assert all("field_filled" in codes(each) and not codes(each) & UNTRUE for each in early)


def cannot_be_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(review, "compared_at_once", lambda *_: None)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ((b"8000",), "先被填写为「9000」，之后又改成「8000」"),
        ((b"8000", b"700"), "先被填写为「9000」，之后又改成「700」"),
        ((b"", b"700"), "先被填写为「9000」，之后又改成「700」"),
        ((b"",), "先被填写为「9000」，之后又改成空白"),
    ],
)
@pytest.mark.parametrize("how", ["two generations", "not at all"])
def test_a_correction_that_cannot_be_compared_is_told_as_that(
    world: World,
    once: bytes,
    values: tuple[bytes, ...],
    said: str,
    how: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number, value in enumerate(values):
        once = (
            refilled(once, value, 120 + number)
            if value
            else append_revision(once, {6: FIELD % STATED})
        )
    if how == "not at all":
        cannot_be_compared(monkeypatch)
        report = world.verify(once)
        assert report.verdict is Verdict.UNKNOWN
    else:
        report = world.verify(of_two_generations(once))
        assert report.verdict in (Verdict.UNKNOWN, Verdict.INVALID)
    assert not codes(report.signatures[0]) & UNTRUE
    assert "value_rewritten" in codes(report.signatures[0])
    assert said in told(report)
    assert "盖章时这里没有填写" in told(report)
    assert "由空白填写" not in told(report)


def test_a_tick_that_was_taken_back_and_cannot_be_compared_is_told_as_that(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = b"<</Yes 91 0 R/Off 92 0 R>>"
    button = b"<</Type/Annot/Subtype/Widget/FT/Btn/T(sum)/F 4/Rect[300 600 316 616]/P 5 0 R"
    button += b"/AP<</N %s>>%%s>>" % looks
    frame = b"0.5 w 0.5 0.5 15 15 re S "
    form = b"/Type/XObject/Subtype/Form/BBox[0 0 16 16]"
    tick = frame + b"0 g 3 8 m 6 4 l 13 12 l 12 13 l 6 6.5 l 4 9 l f"
    # the field is one for a tick before it is sealed: its objects stand in a revision of their own
    from tests.world.documents import build_pdf

    data = build_pdf(
        [
            b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[4 0 R]>>>>",
            b"<</Type/Pages/Count 1/Kids[5 0 R]>>",
            b"null",
            (button % b"/AS/Off").replace(b"91 0 R", b"6 0 R").replace(b"92 0 R", b"7 0 R"),
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Annots[4 0 R]>>",
            stream(tick, form),
            stream(frame, form),
        ]
    )
    data = world.sign(data)
    states = [b"/AS/Yes/V/Yes", b"/AS/Off/V/Off"]
    cannot_be_compared(monkeypatch)
    for state in states:
        body = (button % state).replace(b"91 0 R", b"6 0 R").replace(b"92 0 R", b"7 0 R")
        data = append_revision(data, {4: body})
    report = world.verify(data)
    assert report.verdict is Verdict.UNKNOWN
    assert not codes(report.signatures[0]) & UNTRUE
    assert "先被勾选，之后又被取消勾选" in told(report)


def two_fields(world: World) -> bytes:
    """The price's form with a second field, which is filled in when it is sealed."""
    second = b"<</Type/Annot/Subtype/Widget/FT/Tx/T(second)/F 4/Rect[200 500 420 530]/P 5 0 R"
    second += STATED + b"/V(1000)>>"
    data = sealed_price_with(second)
    return world.sign(data)


def sealed_price_with(second: bytes) -> bytes:
    from tests.crypto.pdf.changes.price_form import CONTENT, HELVETICA
    from tests.world.documents import build_pdf

    return build_pdf(
        [
            b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[6 0 R 7 0 R]/DA(/Helv 12 Tf 0 g)"
            b"/DR<</Font<</Helv 3 0 R>>>>>>>>",
            b"<</Type/Pages/Count 1/Kids[5 0 R]>>",
            HELVETICA,
            stream(CONTENT),
            b"<</Type/Page/Parent 2 0 R/Contents 4 0 R/MediaBox[0 0 595 842]"
            b"/Resources<</Font<</F 3 0 R>>>>/Annots[6 0 R 7 0 R]>>",
            FIELD % STATED,
            second,
        ]
    )


@pytest.mark.parametrize("how", ["compared", "not at all"])
def test_of_two_fields_that_were_changed_only_the_sealed_one_is_told_as_replaced(
    world: World, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = refilled(filled(two_fields(world), shown(b"(9000) Tj")), b"8000", 95)
    second = b"<</Type/Annot/Subtype/Widget/FT/Tx/T(second)/F 4/Rect[200 500 420 530]/P 5 0 R"
    data = append_revision(data, {7: second + STATED + b"/V(2000)>>"})
    if how == "not at all":
        cannot_be_compared(monkeypatch)
    report = world.verify(data)
    assert report.verdict is Verdict.INVALID
    replaced = [c.what for c in report.signatures[0].changed_later if c.kind in UNTRUE]
    assert replaced == ["second"]


@pytest.mark.parametrize(
    "damage", [None, counting_fewer, with_an_object_that_no_table_names, of_two_generations]
)
@pytest.mark.parametrize("later", [(b"2000",), (b"2000", b"3000"), (b"", b"3000")])
def test_what_was_sealed_stays_replaced_whatever_else_is_wrong(
    world: World, later: tuple[bytes, ...], damage: Callable[[bytes], bytes] | None
) -> None:
    """Also where it was cleared first, so that what came last filled in an empty field."""
    look = b"/AP<</N 4 0 R>>"
    sealed = sealed_price(world, widget=b"/V(1000)" + look)
    for number, value in enumerate(later):
        sealed = (
            refilled(filled(sealed, b"", value=b"(%s)" % value), value, 120 + number)
            if value
            else append_revision(sealed, {6: FIELD % STATED})
        )
    report = world.verify(damage(sealed) if damage else sealed)
    assert report.verdict is Verdict.INVALID
    assert codes(report.signatures[0]) & UNTRUE
    assert "先被填写为" not in told(report)
