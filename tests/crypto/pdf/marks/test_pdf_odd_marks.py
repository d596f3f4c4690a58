"""Marks that show the right imprint in an unusual way: each is named, by how much it matters."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name as name

from crypto.pdf.marks import drawing
from crypto.pdf.marks.drawing import Mark
from crypto.verdict import Verdict
from tests.world.documents import classic_pdf
from tests.world.sealing import World, codes, content, drawn

ACTION = generic.DictionaryObject(
    {name("/S"): name("/JavaScript"), name("/JS"): generic.pdf_string("app.alert(1)")}
)


def with_widget(world: World, data: bytes, edit: Callable[[Any], object], **given: Any) -> bytes:
    """*data* sealed, with a widget that *edit* changed before it was signed."""
    original = drawing._widget

    def changed(*arguments: Any) -> generic.DictionaryObject:
        widget = original(*arguments)
        edit(widget)
        return widget

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawing, "_widget", changed)
        return world.sign(data, **given)


def flagged(flags: int) -> Callable[[Any], object]:
    return lambda widget: widget.update({name("/F"): generic.NumberObject(flags)})


@pytest.mark.parametrize(
    ("edit", "code", "verdict"),
    [
        (flagged(4), "mark_matches", Verdict.VALID),
        (flagged(128), "mark_not_printed", Verdict.VALID),
        (flagged(4 | 32), "mark_only_printed", Verdict.UNKNOWN),
        (flagged(4 | 256), "mark_acts", Verdict.UNKNOWN),
        (flagged(4 | 8), "mark_acts", Verdict.UNKNOWN),
        (flagged(4 | 16), "mark_matches", Verdict.VALID),
        (lambda widget: widget.update({name("/A"): ACTION}), "mark_acts", Verdict.UNKNOWN),
        (
            lambda widget: widget.update({name("/AA"): generic.DictionaryObject()}),
            "mark_acts",
            Verdict.UNKNOWN,
        ),
    ],
)
def test_a_mark_that_is_not_shown_everywhere_or_acts_is_named(
    world: World, edit: Callable[[Any], object], code: str, verdict: Verdict
) -> None:
    report = world.verify(with_widget(world, classic_pdf(), edit))
    assert code in codes(report.signatures[0])
    assert report.verdict is verdict
    odd = {"mark_not_printed", "mark_only_printed", "mark_acts", "mark_turned", "mark_tiny"}
    assert odd & codes(report.signatures[0]) == {code} - {"mark_matches"}


@pytest.mark.parametrize(
    ("size", "tiny"), [(1.0, True), (4.9, True), (9.0, True), (11.0, False), (40.0, False)]
)
def test_a_mark_that_is_hardly_seen_is_not_believed(world: World, size: float, tiny: bool) -> None:
    report = world.verify(world.sign(classic_pdf(), marks=[Mark(0, 100, 200, size, size)]))
    assert ("mark_tiny" in codes(report.signatures[0])) is tiny
    assert report.verdict is (Verdict.UNKNOWN if tiny else Verdict.VALID)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_mark_that_stands_upright_on_a_turned_page_is_not_called_turned(
    world: World, rotation: int
) -> None:
    report = world.verify(world.sign(classic_pdf(rotate=rotation), marks=[Mark(0, 20, 20, 40, 40)]))
    assert "mark_matches" in codes(report.signatures[0])
    assert "mark_turned" not in codes(report.signatures[0])


def test_a_mark_upside_down_is_named(world: World) -> None:
    turned = content(b"q ", b"q -1 0 0 -1 113.3858 113.3858 cm ")
    data = drawn(world, turned, classic_pdf())
    assert data != world.sign(classic_pdf())
    report = world.verify(data)
    assert {"mark_matches", "mark_turned"} <= codes(report.signatures[0])
    assert report.verdict is Verdict.VALID


def test_an_action_behind_a_later_seal_makes_the_earlier_one_doubtful(world: World) -> None:
    first = world.sign(classic_pdf())
    marks = world.marks(world.second, left=20)
    data = with_widget(
        world, first, lambda widget: widget.update({name("/A"): ACTION}),
        holder=world.second, marks=marks,
    )  # fmt: skip
    report = world.verify(data)
    assert {"mark_covers", "changed_forbidden"} & codes(report.signatures[0])
    assert report.verdict in (Verdict.UNKNOWN, Verdict.INVALID)


@pytest.mark.parametrize(
    ("colour", "over", "code"),
    [
        ((0, 0, 0, 255), True, "later_seal_hides"),
        ((0, 0, 0, 255), False, "later_seal"),
        ((230, 0, 0, 255), True, "later_seal"),
    ],
    ids=["black over text", "black on blank paper", "red over text"],
)
def test_a_later_seal_that_is_mostly_black_hides_what_it_lies_on(
    world: World, colour: tuple[int, int, int, int], over: bool, code: str
) -> None:
    """Imprints are multiplied onto the page: text is read through red, and not through black."""
    picture = io.BytesIO()
    Image.new("RGBA", (240, 240), colour).save(picture, "PNG")
    holder = world.holder("32130000000058", picture.getvalue())
    place = [Mark(0, 25, 38 if over else 120, 40, 40)]
    data = world.sign(world.sign(classic_pdf()), holder, place)
    first = world.verify(data, trust=world.trusting(holder)).signatures[0]
    assert code in codes(first)
    assert first.verdict is (Verdict.UNKNOWN if code == "later_seal_hides" else Verdict.VALID)


@pytest.mark.parametrize(
    ("heaped", "hides"),
    [
        (((60, 1),), True),
        (((5, 1),), True),
        (((4, 1),), False),
        (((2, 1), (2, 1), (2, 1)), True),
        (((9, 45),), False),
    ],
    ids=["sixty", "five", "four", "six of three signatures", "nine beside one another"],
)
def test_marks_of_later_seals_that_are_heaped_on_text_hide_it(
    world: World, heaped: tuple[tuple[int, int], ...], hides: bool
) -> None:
    """Each is a proved imprint and lets text through; multiplied again and again they are black.
    *heaped*: for each later signature its marks, and the millimetres from one to the next."""
    data = world.sign(classic_pdf())
    for count, apart in heaped:
        marks = [Mark(0, 10 + at % 4 * apart, 38 + at // 4 * apart, 30, 30) for at in range(count)]
        data = world.sign(data, world.second, marks)
    first = world.verify(data).signatures[0]
    assert ("later_seal_hides" in codes(first)) is hides
    assert first.verdict is (Verdict.UNKNOWN if hides else Verdict.VALID)


@pytest.mark.parametrize(
    ("red", "apart", "hides"),
    [(120, 1, True), (120, 45, False), (230, 1, False)],
    ids=["dark", "dark, side by side", "red as seals are"],
)
def test_two_later_marks_that_are_mostly_dark_ink_hide_text_where_they_meet(
    world: World, red: int, apart: int, hides: bool
) -> None:
    """A square seal with white letters is mostly ink, and often overlaps its company's."""
    picture = io.BytesIO()
    Image.new("RGBA", (240, 240), (red, 0, 0, 255)).save(picture, "PNG")
    holder = world.holder("32130000000066", picture.getvalue())
    place = [Mark(0, 25, 38, 40, 40), Mark(0, 25 + apart, 38, 40, 40)]
    data = world.sign(world.sign(classic_pdf()), holder, place)
    first = world.verify(data, trust=world.trusting(holder)).signatures[0]
    assert ("later_seal_hides" in codes(first)) is hides


@pytest.mark.parametrize(("count", "hides"), [(2, False), (3, True)])
def test_heaped_marks_that_are_not_multiplied_hide_text_sooner(
    world: World, count: int, hides: bool
) -> None:
    first = world.sign(classic_pdf())
    marks = [Mark(0, 20 + at, 38, 30, 30) for at in range(count)]

    def plain(form: generic.StreamObject) -> None:
        for state in form["/Resources"]["/ExtGState"].values():
            state.get_object()[name("/BM")] = name("/Normal")

    data = drawn(world, plain, first, holder=world.second, marks=marks)
    assert ("later_seal_hides" in codes(world.verify(data).signatures[0])) is hides


def picture_in(form: generic.StreamObject) -> generic.StreamObject:
    (found,) = form["/Resources"]["/XObject"].values()
    image: generic.StreamObject = found.get_object()
    return image


def nested(form: generic.StreamObject, *, bare: bool) -> None:
    """Let *form* draw its picture through a form in it, with resources of its own or *bare*."""
    listed = form["/Resources"]["/XObject"]
    entries = {key: form[key] for key in ("/Type", "/Subtype", "/BBox")}
    inner = generic.StreamObject({name(k): v for k, v in entries.items()}, stream_data=form.data)
    own = dict(form["/Resources"]) | {name("/XObject"): generic.DictionaryObject(dict(listed))}
    if not bare:
        inner[name("/Resources")] = generic.DictionaryObject(own)
    writer = listed.raw_get(next(iter(listed))).get_pdf_handler()
    listed[name("/Inner")] = writer.add_object(inner)
    form._data, form._encoded_data = b"/Inner Do", None


@pytest.mark.parametrize("bare", [False, True], ids=["its own resources", "none"])
def test_a_nested_form_shows_a_mark_only_with_resources_of_its_own(
    world: World, bare: bool
) -> None:
    """Some viewers look up the picture's name in the form around it, others in the page."""
    report = world.verify(drawn(world, lambda form: nested(form, bare=bare), classic_pdf()))
    assert ("mark_unreadable" in codes(report.signatures[0])) is bare
    assert report.verdict is (Verdict.UNKNOWN if bare else Verdict.VALID)


@pytest.mark.parametrize("of_picture", [False, True], ids=["form", "picture"])
@pytest.mark.parametrize("key", ["/Ref", "/OPI", "/PS", "/Subtype2", "/F"])
def test_a_mark_for_which_some_viewers_show_something_else_is_not_believed(
    world: World, key: str, of_picture: bool
) -> None:
    """A page of another file, a picture that a printer puts in its place, PostScript, data that
    stand elsewhere (ISO 32000-1 §8.8.2, §8.10.4, §14.11.7, table 5)."""

    def edit(form: generic.StreamObject) -> None:
        changed = picture_in(form) if of_picture else form
        changed[name(key)] = generic.pdf_string("other.pdf")

    report = world.verify(drawn(world, edit, classic_pdf()))
    assert "mark_unreadable" in codes(report.signatures[0])
    assert report.verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("key", ["/PieceInfo", "/LastModified", "/Metadata"])
def test_a_mark_with_what_programs_note_is_believed(world: World, key: str) -> None:
    def edit(form: generic.StreamObject) -> None:
        form[name(key)] = generic.pdf_string("D:20261120")

    assert world.verify(drawn(world, edit, classic_pdf())).verdict is Verdict.VALID
