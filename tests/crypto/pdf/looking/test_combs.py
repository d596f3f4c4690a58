"""Combs: fields with a cell for each letter, whose lines another program does not draw again."""

import io
from collections.abc import Sequence

import pytest

from crypto.pdf.looking.layer import look_with_engines
from crypto.pdf.verify import verify_pdf
from crypto.verdict import Report, Verdict
from tests.crypto.pdf.changes.one_field import Form, look, text, widget
from tests.world.documents import append_revision
from tests.world.sealing import NOW, World

PLACE = (60, 590, 360, 630)
COMB = b"/FT/Tx/T(x)/TU(Number)/Ff 16777216/DA(/F 12 Tf 0 g)"
FRAME = b"0 G 1 w .5 .5 299 39 re S "
EVEN = (60, 120, 180, 240)
LETTERS = b"".join(text(b"%d" % each, 24 + 60 * each) for each in range(5))


def lines(places: Sequence[float], width: float = 1.0, low: float = 0.5) -> bytes:
    drawn = b" ".join(b"%g %g m %g 39.5 l" % (x, low, x) for x in places)
    return b"0 G %g w %s S " % (width, drawn)


def made(
    world: World,
    before: bytes,
    after: bytes,
    *,
    most: bytes = b"/MaxLen 5",
    kind: bytes = COMB,
    page: bytes = b"",
    value: bytes = b"01234",
) -> bytes:
    """A comb with the look *before*, sealed and then filled in with the look *after*."""
    sealed = {20: widget(PLACE, kind + most + b"/AP<</N 21 0 R>>"), 21: look(before)}
    data = world.sign(Form(sealed, b"BT /F 24 Tf 72 700 Td (Pay) Tj ET " + page).document())
    filled = widget(PLACE, kind + most + b"/V(%s)/AP<</N 90 0 R>>" % value)
    return append_revision(data, {20: filled, 90: look(after)})


def looked_at(world: World, data: bytes) -> Report:
    return verify_pdf(io.BytesIO(data), "x.pdf", world.trust, NOW, look=look_with_engines)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (FRAME + lines(EVEN), FRAME + LETTERS),
        (FRAME + lines(EVEN, 0.5), FRAME + LETTERS),
        (FRAME + b"".join(lines([x]) for x in EVEN), FRAME + LETTERS),
        (FRAME + lines([x + 0.5 for x in EVEN]), FRAME + LETTERS),
        (b"1 g 0 0 300 40 re f " + FRAME + lines(EVEN), FRAME + LETTERS),
    ],
)
def test_the_lines_of_a_comb_may_go_and_are_told(world: World, before: bytes, after: bytes) -> None:
    report = looked_at(world, made(world, before, after))
    assert report.verdict is Verdict.VALID_CHANGED_LATER
    (change,) = report.signatures[0].changed_later
    assert (change.kind, change.after, change.why) == ("field_filled", "01234", "cells")
    assert "不再显示格与格之间的竖线" in change.finding.text()
    assert "lines between its cells" in change.finding.text("en")


def test_of_a_comb_that_keeps_its_lines_nothing_is_told(world: World) -> None:
    report = world.verify(made(world, FRAME + lines(EVEN), FRAME + lines(EVEN) + LETTERS))
    (change,) = report.signatures[0].changed_later
    assert (change.kind, change.why) == ("field_filled", "")


@pytest.mark.parametrize(
    ("before", "after", "options"),
    [
        (lines(EVEN), LETTERS, {}),
        (FRAME + lines(EVEN), LETTERS, {}),
        (lines(EVEN), FRAME + LETTERS, {}),
        (FRAME + lines(EVEN[:3]), FRAME + LETTERS, {}),
        (FRAME + lines((*EVEN, 270)), FRAME + LETTERS, {}),
        (FRAME + lines((60, 120, 190, 240)), FRAME + LETTERS, {}),
        (FRAME + lines(EVEN, 3), FRAME + LETTERS, {}),
        (FRAME + lines(EVEN), FRAME + LETTERS, {"most": b"/MaxLen 6"}),
        (FRAME + lines(EVEN), FRAME + LETTERS, {"most": b""}),
        (FRAME + lines(EVEN), FRAME + LETTERS, {"most": b"/MaxLen 999999999"}),
        (FRAME + lines(EVEN), FRAME + LETTERS, {"most": b"/MaxLen 0"}),
        (FRAME + lines(EVEN), FRAME + LETTERS, {"most": b"/MaxLen -5"}),
        (FRAME + lines(EVEN), FRAME + LETTERS, {"kind": COMB.replace(b"16777216", b"0")}),
        (FRAME + lines(EVEN), FRAME + LETTERS, {"page": b"0 G 1 w 180 560 m 180 660 l S"}),
        (FRAME + lines(EVEN), FRAME + LETTERS, {"page": b"0 G 1 w 50 610 m 380 610 l S"}),
        (FRAME + lines(EVEN), FRAME + LETTERS.replace(b"(3)", b"(8)"), {}),
        (FRAME + lines(EVEN), FRAME + LETTERS + b"0 g 119 5 3 30 re f ", {}),
    ],
    ids=[
        *("no frame at all", "frame gone", "frame new", "a line too few", "a line too many"),
        *("uneven", "broad lines", "other cells", "no cells", "a million cells", "nought", "less"),
        *("no comb", "a line of the page", "a level line of the page", "other letters", "a bar"),
    ],
)
def test_other_lines_than_those_of_a_comb_do_not_go(
    world: World, before: bytes, after: bytes, options: dict[str, bytes]
) -> None:
    report = looked_at(world, made(world, before, after, **options))
    assert report.verdict in (Verdict.UNKNOWN, Verdict.INVALID)
    assert not any(change.why == "cells" for change in report.signatures[0].changed_later)


def test_what_differs_around_a_value_is_told_with_its_field(world: World) -> None:
    """A frame in another colour, say; the value was read."""
    before, after = b"0 G 2 w 1 1 298 38 re S ", b".8 G 2 w 1 1 298 38 re S " + LETTERS
    report = looked_at(world, made(world, before, after))
    assert report.verdict is Verdict.UNKNOWN
    (found,) = [f for f in report.signatures[0].findings if f.code == "look_differs"]
    assert (
        "「Number」在盖章之后填写为「01234」，这一项的边框、格线或底色也与盖章时不同"
        in found.text()
    )
    assert "the field “Number”" in found.text("en")
    assert "{" not in found.text("en") + found.text()


def test_what_differs_elsewhere_is_not_told_with_a_field(world: World) -> None:
    """Neither where something differs beside the field as well."""
    data = made(world, FRAME, FRAME + LETTERS)
    from crypto.pdf.looking.layer import Difference, Seen
    from crypto.rendering.compare import Box

    own = Box(22, 75, 50, 5)
    for boxes, told in (((own,), True), ((own, Box(10, 200, 1, 1)), False)):
        seen = Seen((Difference(0, 0, "PDFium", boxes),))
        report = verify_pdf(
            io.BytesIO(data),
            "x.pdf",
            world.trust,
            NOW,
            look=lambda task, seen=seen: Seen(
                (Difference(task.sealed[0].end, 0, "PDFium", seen.differences[0].boxes),)
            ),
        )
        (found,) = [f for f in report.signatures[0].findings if f.code == "look_differs"]
        assert ("why" in found.details) is told


def test_what_differs_in_several_fields_is_told_of_each(world: World) -> None:
    from crypto.pdf.looking.layer import Difference, Seen
    from crypto.rendering.compare import Box

    kind = b"/FT/Tx/TU(%s)/T(%s)/DA(/F 12 Tf 0 g)"
    below = (60, 500, 360, 540)
    names = (b"Upper", PLACE), (b"Lower", below)
    sealed = {20 + 2 * at: widget(place, kind % (n, n)) for at, (n, place) in enumerate(names)}
    data = world.sign(Form(sealed, b"", fields=b"20 0 R 22 0 R").document())
    later = {
        20 + 2 * at: widget(place, kind % (n, n) + b"/V(12)/AP<</N %d 0 R>>" % (90 + at))
        for at, (n, place) in enumerate(names)
    }
    data = append_revision(data, {**later, 90: look(text(b"12")), 91: look(text(b"12"))})
    boxes = (Box(22, 76, 40, 5), Box(22, 108, 50, 5), Box(60, 108, 2, 2))
    report = verify_pdf(
        io.BytesIO(data),
        "x.pdf",
        world.trust,
        NOW,
        look=lambda task: Seen((Difference(task.sealed[0].end, 0, "PDFium", boxes),)),
    )
    found = [f for f in report.signatures[0].findings if f.code == "look_differs"]
    assert [each.details["label"] for each in found] == ["Upper", "Lower"]
    assert [each.details["width"] for each in found] == ["40", "50"]
