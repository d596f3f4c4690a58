"""Seals whose picture is an OFD document or SVG, and marks made of lines and grounds: proved by
drawing both, and each hostile twin refused."""

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from PIL import Image
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name as name

from crypto.bounded import BoundedProcess, Message, ProcessHeldUp
from crypto.pdf.marks import drawing
from crypto.pdf.marks.drawing import Mark
from crypto.pdf.marks.drawn import DrawnMark, MarkTask, draw_once, draw_with_engines
from crypto.pdf.verify import verify_pdf
from crypto.verdict import Report, Verdict
from tests.world.documents import classic_pdf
from tests.world.ofd_seals import (
    Design,
    operators,
    package,
    path_objects,
    pixel_ofd,
    pixels,
    vector_ofd,
)
from tests.world.sealing import MADE_AT, NOW, World, codes, drawn
from tests.world.seals import seal_of

DESIGN = Design()
GOOD = (Verdict.VALID, Verdict.VALID_CHANGED_LATER)
UNPROVED = {
    "mark_unlike", "mark_differs", "mark_hidden", "mark_unreadable", "imprint_undrawable",
    "imprint_font_missing",
}  # fmt: skip


@dataclass(frozen=True)
class _Shown:
    """Appearances of a mark, for :func:`drawn`."""

    data: bytes

    def __call__(self, form: generic.StreamObject) -> None:
        form._data, form._encoded_data = self.data, None


def vectors(design: Design = DESIGN, size_mm: float = 40.0) -> Callable[[Any], None]:
    return _Shown(operators(design, size_mm * 72 / 25.4))


def seal(world: World, picture: bytes, kind: str = "ofd", **changes: Any) -> bytes:
    """The first holder's seal with another picture."""
    holder = world.first
    facts = {"picture_type": kind, **changes}
    return seal_of(holder.key.certificate, holder.code, picture, MADE_AT, world.maker, **facts)


def verify(world: World, data: bytes) -> Report:
    return verify_pdf(io.BytesIO(data), "文件.pdf", world.trust, NOW, draw=draw_with_engines)


def sealed(
    world: World,
    picture: bytes,
    look: Callable[[Any], None] | None = None,
    *,
    image: bytes = b"",
    kind: str = "ofd",
    marks: list[Mark] | None = None,
    original: bytes | None = None,
    **changes: Any,
) -> bytes:
    """A document under a seal with *picture*, whose mark is *look* or the *image*."""
    options: dict[str, Any] = {"seal": seal(world, picture, kind, **changes), "marks": marks}
    options["reserve"] = 16_384
    options["picture"] = image or world.first.picture
    data = original or classic_pdf()
    return drawn(world, look, data, **options) if look else world.sign(data, **options)


def judged(world: World, data: bytes) -> tuple[Verdict, set[str]]:
    report = verify(world, data)
    found = codes(report.signatures[0])
    return report.verdict, found & (UNPROVED | {"mark_matches", "mark_size_differs"})


def jpeg(design: Design, side: int) -> bytes:
    """As the pixels of a JPEG."""
    buffer = io.BytesIO()
    Image.open(io.BytesIO(pixels(design, side, clear=False))).save(buffer, "JPEG", quality=75)
    made = io.BytesIO()
    Image.open(buffer).convert("RGB").save(made, "PNG")
    return made.getvalue()


SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40" width="40" height="40">'
    '<circle cx="20" cy="20" r="{radius}" fill="none" stroke="rgb(220,20,20)"'
    ' stroke-width="{thick}"/>'
    '<polygon points="{star}" fill="rgb(220,20,20)"/>{bars}</svg>'
)


def svg(design: Design) -> bytes:
    star = " ".join(f"{x},{y}" for x, y in design.star)
    bars = "".join(
        f'<rect x="{x}" y="{y}" width="{w}" height="{h}" fill="rgb(220,20,20)"/>'
        for x, y, w, h in design.bars
    )
    return SVG.format(
        radius=design.ring[0], thick=design.ring[1], star=star, bars=bars
    ).encode()  # fmt: skip


# ---------------------------------------------------------------- honest


PICTURES = {
    "ofd of shapes": (vector_ofd(DESIGN), "ofd"),
    "ofd with a picture": (pixel_ofd(DESIGN), "ofd"),
    "svg": (svg(DESIGN), "svg"),
    "png": (pixels(DESIGN), "PNG"),
}


@pytest.mark.parametrize("kind", PICTURES)
def test_a_mark_of_lines_and_grounds_that_is_the_imprint_is_proved(world: World, kind: str) -> None:
    picture, type_ = PICTURES[kind]
    data = sealed(world, picture, vectors(), kind=type_)
    assert judged(world, data) == (Verdict.VALID, {"mark_matches"})
    assert world.verify(data).verdict is Verdict.UNKNOWN, "nobody draws: nothing is proved"


IMAGES = {
    "pixels": pixels(DESIGN),
    "fewer pixels": pixels(DESIGN, 240),
    "JPEG": jpeg(DESIGN, 400),
}


@pytest.mark.parametrize(
    ("kind", "image"),
    [
        # every run: each kind once, each image once
        pytest.param(kind, image, marks=() if row == column else pytest.mark.slow)
        for row, kind in enumerate(["ofd of shapes", "ofd with a picture", "svg"])
        for column, image in enumerate(IMAGES)
    ],
)
def test_a_mark_of_pixels_that_is_the_imprint_is_proved(
    world: World, kind: str, image: str
) -> None:
    picture, type_ = PICTURES[kind]
    data = sealed(world, picture, image=IMAGES[image], kind=type_)
    assert judged(world, data) == (Verdict.VALID, {"mark_matches"})


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_it_is_proved_upright_on_a_turned_page(world: World, rotation: int) -> None:
    data = sealed(
        world, vector_ofd(DESIGN), vectors(), original=classic_pdf(rotate=rotation),
        marks=[Mark(0, 20, 20, 40, 40)],
    )  # fmt: skip
    assert judged(world, data) == (Verdict.VALID, {"mark_matches"})


def test_a_smaller_one_is_proved_and_its_size_told(world: World) -> None:
    marks = [Mark(0, 100, 200, 30, 30)]
    data = sealed(world, vector_ofd(DESIGN), vectors(size_mm=30), marks=marks)
    assert judged(world, data) == (Verdict.VALID, {"mark_matches", "mark_size_differs"})


# ---------------------------------------------------------------- hostile


DIGITS = {"one for seven": "3213000011", "nine for three": "3219000017", "added": "32130000178"}


@pytest.mark.parametrize(
    ("digits", "pixel"),
    [
        # every run: each change of digits once, as shapes or as pixels
        pytest.param(
            digits,
            pixel,
            id=f"{'pixels' if pixel else 'shapes'}-{digits}",
            marks=() if (row + pixel) % 2 == 0 else pytest.mark.slow,
        )
        for row, digits in enumerate(DIGITS)
        for pixel in (False, True)
    ],
)
def test_one_other_digit_is_not_the_imprint(world: World, digits: str, pixel: bool) -> None:
    other = replace(DESIGN, digits=DIGITS[digits])
    data = (
        sealed(world, vector_ofd(DESIGN), image=pixels(other))
        if pixel
        else sealed(world, vector_ofd(DESIGN), vectors(other))
    )
    verdict, found = judged(world, data)
    assert (verdict, found) == (Verdict.UNKNOWN, {"mark_unlike"})


SIDE = 40 * 72 / 25.4
HOSTILE: dict[str, bytes] = {
    "another star": operators(replace(DESIGN, points=6), SIDE),
    "another colour": operators(replace(DESIGN, colour=(20, 20, 220)), SIDE),
    "half the size in a corner": b"q .5 0 0 .5 0 0 cm " + operators(DESIGN, SIDE) + b" Q",
    "moved by a millimetre": b"q 1 0 0 1 2.83 0 cm " + operators(DESIGN, SIDE) + b" Q",
    "turned": b"q 0 1 -1 0 %.2f 0 cm " % SIDE + operators(DESIGN, SIDE) + b" Q",
    "mirrored": b"q -1 0 0 1 %.2f 0 cm " % SIDE + operators(DESIGN, SIDE) + b" Q",
    "cut off": b"q 0 0 80 %.2f re W n " % SIDE + operators(DESIGN, SIDE) + b" Q",
    "half of it whited out": operators(DESIGN, SIDE) + b"\n1 g 0 0 57 114 re f",
    "one digit whited out": operators(DESIGN, SIDE) + b"\n1 g 30 20 5 8 re f",
    "drawn over": operators(DESIGN, SIDE) + b"\n0 g 10 50 90 10 re f",
    "nothing": b"q Q 0 0 0 0 re f",
    "a spot": b".86 .08 .08 rg 50 50 6 6 re f",
    "stretched inside": b"q 1 0 0 .8 0 0 cm " + operators(DESIGN, SIDE) + b" Q",
}


@pytest.mark.parametrize("trick", HOSTILE)
def test_a_mark_that_shows_something_else_is_never_good(world: World, trick: str) -> None:
    data = sealed(world, vector_ofd(DESIGN), _Shown(HOSTILE[trick]))
    verdict, found = judged(world, data)
    assert verdict not in GOOD
    assert found & UNPROVED
    assert "mark_matches" not in found


def test_a_stretched_mark_is_not_the_imprint(world: World) -> None:
    marks = [Mark(0, 100, 200, 40, 30)]
    verdict, found = judged(
        world, sealed(world, pixel_ofd(DESIGN), image=pixels(DESIGN), marks=marks)
    )
    assert (verdict, found) == (Verdict.UNKNOWN, {"mark_unlike"})


@pytest.mark.parametrize("flags", [2, 32, 2 | 4])
def test_a_hidden_mark_is_never_good(world: World, flags: int) -> None:
    original = drawing._widget

    def changed(*arguments: Any) -> generic.DictionaryObject:
        widget = original(*arguments)
        widget[name("/F")] = generic.NumberObject(flags)
        return widget

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawing, "_widget", changed)
        data = sealed(world, vector_ofd(DESIGN), vectors())
    assert verify(world, data).verdict not in GOOD


def test_layers_fonts_and_rollovers_are_not_asked_of_the_engines(world: World) -> None:
    def layered(form: Any) -> None:
        vectors()(form)
        form[name("/OC")] = generic.DictionaryObject({name("/Type"): name("/OCG")})

    asked: list[MarkTask] = []

    def draw(task: MarkTask) -> list[DrawnMark]:
        asked.append(task)
        return draw_with_engines(task)

    for edit in (layered, _Shown(b"BT /F 12 Tf (x) Tj ET")):
        data = sealed(world, vector_ofd(DESIGN), edit)
        report = verify_pdf(io.BytesIO(data), "", world.trust, NOW, draw=draw)
        assert report.verdict is Verdict.UNKNOWN
        assert "mark_unreadable" in codes(report.signatures[0])
    assert not asked


def test_a_later_seal_of_lines_is_weighed_by_what_it_covers(world: World) -> None:
    """Proved and red: told beside the first. The same with a white ground would hide text."""
    first = world.sign(classic_pdf())
    plain = Design(size_mm=30)
    holder = world.second
    own = seal_of(
        holder.key.certificate, holder.code, vector_ofd(plain), MADE_AT, world.maker,
        picture_type="ofd", width_mm=30, height_mm=30,
    )  # fmt: skip
    side = 30 * 72 / 25.4
    marks = world.marks(holder, left=20)
    good = drawn(
        world, _Shown(operators(plain, side)), first, holder=holder, seal=own, marks=marks
    )  # fmt: skip
    report = verify(world, good)
    assert report.verdict is Verdict.VALID
    assert "later_seal" in codes(report.signatures[0])
    white = b"1 g 0 0 %f %f re f " % (side, side) + operators(plain, side)
    bad = drawn(world, _Shown(white), first, holder=holder, seal=own, marks=marks)
    assert verify(world, bad).verdict not in GOOD


def test_seals_that_overlap_are_each_drawn_alone(world: World) -> None:
    """People stamp seals beside and over each other; each is compared by itself."""
    first = sealed(world, vector_ofd(DESIGN), vectors())
    plain = Design(size_mm=30, points=6)
    holder = world.second
    own = seal_of(
        holder.key.certificate, holder.code, vector_ofd(plain), MADE_AT, world.maker,
        picture_type="ofd", width_mm=30, height_mm=30,
    )  # fmt: skip
    both = drawn(
        world, vectors(plain, 30), first, holder=holder, seal=own,
        marks=world.marks(holder, left=115, top=205), reserve=16_384,
    )  # fmt: skip
    report = verify(world, both)
    assert all("mark_matches" in codes(each) for each in report.signatures)
    assert report.signatures[1].verdict is Verdict.VALID


# ---------------------------------------------------------------- imprints that cannot be drawn


TEXT = (
    '<ofd:TextObject ID="30" Boundary="5 5 30 10" Font="4" Size="5"><ofd:TextCode X="1" Y="6">印'
    "</ofd:TextCode></ofd:TextObject>"
)


def test_text_in_a_font_that_is_only_named_is_told(world: World) -> None:
    fonts = '<ofd:Fonts><ofd:Font ID="4" FontName="楷体"/></ofd:Fonts>'
    data = sealed(world, package(TEXT, resources=fonts), vectors())
    report = verify(world, data)
    assert report.verdict is Verdict.UNKNOWN
    (finding,) = [f for f in report.signatures[0].findings if f.code == "imprint_font_missing"]
    assert "“楷体”" in finding.text()


@pytest.mark.parametrize(
    "picture",
    [
        b"PK\x03\x04 and no more",
        package("<ofd:CompositeObject/>"),
        package(path_objects(DESIGN), page='<ofd:Template TemplateID="1"/>'),
        package(path_objects(DESIGN), prolog='<!DOCTYPE x [<!ENTITY e "e">]>'),
        package(path_objects(DESIGN).replace("Value=", "Index=")),
        b"<svg xmlns='http://www.w3.org/2000/svg'><image href='http://127.0.0.1/'/></svg>",
        b"not a picture",
    ],
    ids=["zip", "composite", "template", "doctype", "palette", "svg that fetches", "noise"],
)
def test_an_imprint_that_cannot_be_drawn_is_told(world: World, picture: bytes) -> None:
    verdict, found = judged(world, sealed(world, picture, vectors()))
    assert (verdict, found) == (Verdict.UNKNOWN, {"imprint_undrawable"})


# ---------------------------------------------------------------- the process


def test_nothing_is_drawn_for_what_is_disproved_or_proved_by_its_pixels(world: World) -> None:
    def draw(task: MarkTask) -> list[DrawnMark]:
        raise AssertionError("drawn")

    broken = bytearray(sealed(world, vector_ofd(DESIGN), vectors()))
    broken[broken.index(b"%PDF") + 20] ^= 1
    for data in (world.sign(classic_pdf()), bytes(broken)):
        verify_pdf(io.BytesIO(data), "", world.trust, NOW, draw=draw)


def test_a_process_that_gives_nothing_proves_nothing(world: World) -> None:
    data = sealed(world, vector_ofd(DESIGN), vectors())

    def dead(task: MarkTask) -> list[DrawnMark]:
        return [DrawnMark(failed="page", reason="ProcessDied") for _ in task.wishes]

    report = verify_pdf(io.BytesIO(data), "", world.trust, NOW, draw=dead)
    assert report.verdict is Verdict.UNKNOWN
    assert "mark_unreadable" in codes(report.signatures[0])


def test_a_mark_that_a_busy_machine_has_not_drawn_is_told_as_that(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def held_up(process: BoundedProcess, seconds: float, clock: float) -> Message:
        raise ProcessHeldUp

    monkeypatch.setattr(BoundedProcess, "receive_working", held_up)
    report = verify(world, sealed(world, vector_ofd(DESIGN), vectors()))
    assert report.verdict is Verdict.UNKNOWN
    found = codes(report.signatures[0])
    assert "mark_held_up" in found
    assert "mark_unreadable" not in found


def test_ink_that_the_page_does_not_show_is_hidden(world: World) -> None:
    """Something lies above the mark: alone it is right, on the page it is not seen."""
    data = sealed(world, vector_ofd(DESIGN), vectors())

    def covered(task: MarkTask) -> list[DrawnMark]:
        return [replace(each, lost=0.5) for each in draw_with_engines(task)]

    report = verify_pdf(io.BytesIO(data), "", world.trust, NOW, draw=covered)
    assert report.verdict is Verdict.UNKNOWN
    assert "mark_hidden" in codes(report.signatures[0])


def test_what_was_drawn_is_not_drawn_again(world: World) -> None:
    data = sealed(world, vector_ofd(DESIGN), vectors())
    asked: list[int] = []

    def draw(task: MarkTask) -> list[DrawnMark]:
        asked.append(len(task.wishes))
        return [DrawnMark(shapes=True) for _ in task.wishes]

    once = draw_once(draw)
    for _ in range(2):
        verify_pdf(io.BytesIO(data), "", world.trust, NOW, draw=once)
    assert asked == [1]
