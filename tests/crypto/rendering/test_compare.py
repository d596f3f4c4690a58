"""Two drawings of a page compared: what differs is found where it is, what is explained is not."""

import io
import itertools
from dataclasses import dataclass

import pymupdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFilter

from crypto.rendering import compare
from crypto.rendering.compare import (
    LEVELS,
    Box,
    Kind,
    Place,
    darkest_nearby,
    differences,
    lightest_nearby,
    merged,
)
from crypto.rendering.drawing import png

MM = 4.0
"""Pixels per millimetre."""


@dataclass(frozen=True)
class Sheet:
    """A drawing made by hand."""

    image: Image.Image
    mm: float = MM

    @property
    def width(self) -> int:
        return self.image.width

    @property
    def height(self) -> int:
        return self.image.height

    @property
    def rgb(self) -> bytes:
        return self.image.tobytes()


def sheet(*rectangles: tuple[float, float, float, float, tuple[int, int, int]]) -> Sheet:
    """100 × 80 mm with rectangles: left, top, width and height in millimetres, colour."""
    image = Image.new("RGB", (400, 320), "white")
    draw = ImageDraw.Draw(image)
    for left, top, width, height, colour in rectangles:
        right, bottom = (left + width) * MM - 1, (top + height) * MM - 1
        draw.rectangle((left * MM, top * MM, right, bottom), fill=colour)
    return Sheet(image)


BLACK, RED, WHITE = (0, 0, 0), (230, 0, 0), (255, 255, 255)


def grey(value: int) -> tuple[int, int, int]:
    return (value, value, value)


def test_equal_pages_do_not_differ() -> None:
    page = sheet((10, 10, 5, 5, BLACK))
    assert differences(page, page, []) == []
    assert differences(page, sheet((10, 10, 5, 5, BLACK)), []) == []


def test_a_difference_is_told_where_it_is() -> None:
    (box,) = differences(sheet(), sheet((30, 20, 10, 5, BLACK)), [])
    assert box == Box(30, 20, 10, 5)
    (box,) = differences(sheet((30, 20, 10, 5, BLACK)), sheet(), [])
    assert box == Box(30, 20, 10, 5)


def test_a_single_pixel_is_a_difference() -> None:
    page = sheet()
    page.image.putpixel((399, 319), (250, 255, 255))
    assert differences(sheet(), page, []) == [Box(399 / MM, 319 / MM, 1 / MM, 1 / MM)]


@pytest.mark.parametrize("channel", range(3))
def test_differences_of_three_levels_are_ignored(channel: int) -> None:
    colours = [255, 255, 255]
    for step, expected in ((LEVELS, 0), (LEVELS + 1, 1)):
        colours[channel] = 255 - step
        page = sheet((5, 5, 5, 5, (colours[0], colours[1], colours[2])))
        assert len(differences(sheet(), page, [])) == expected


def test_pages_of_another_size_differ_everywhere() -> None:
    smaller = Sheet(Image.new("RGB", (399, 320), "white"))
    assert differences(sheet(), smaller, []) == [Box(0, 0, 100, 80)]


def test_near_differences_are_one_and_far_ones_are_two_the_largest_first() -> None:
    near = sheet((10, 10, 4, 4, BLACK), (16.5, 10, 4, 4, BLACK))
    assert differences(sheet(), near, []) == [Box(10, 10, 10.5, 4)]
    far = sheet((10, 10, 4, 4, BLACK), (17.5, 10, 5, 4, BLACK))
    assert differences(sheet(), far, []) == [Box(17.5, 10, 5, 4), Box(10, 10, 4, 4)]


SEAL = Place(0, Box(20, 20, 40, 40), Kind.SEAL)
FILL = Place(0, Box(20, 20, 40, 10), Kind.FILL)


def test_a_seal_may_add_ink_in_its_place_and_a_millimetre_around() -> None:
    then = sheet((15, 30, 60, 5, grey(120)))
    image = then.image.copy()
    image.paste(Image.new("RGB", (168, 168), RED), (76, 76), Image.new("L", (168, 168), 255))
    now = Sheet(Image.composite(then.image, image, then.image.convert("L").point(
        [255] * 200 + [0] * 56
    )))  # fmt: skip
    assert differences(then, now, [SEAL]) == []
    assert differences(then, now, []) != []
    beyond = sheet((18.5, 30, 1, 1, RED))
    assert differences(sheet(), beyond, [SEAL]) == [Box(18.5, 30, 0.5, 1)]


def test_a_seal_may_not_take_ink_away() -> None:
    then = sheet((30, 30, 10, 5, BLACK))
    for lighter, found in ((64, []), (65, [Box(30, 30, 10, 5)])):
        assert differences(then, sheet((30, 30, 10, 5, grey(lighter))), [SEAL]) == found


def test_a_filled_field_may_not_take_ink_away() -> None:
    then = sheet((30, 23, 10, 4, BLACK))
    for lighter, found in ((24, []), (25, [Box(30, 23, 10, 4)])):
        assert differences(then, sheet((30, 23, 10, 4, grey(lighter))), [FILL]) == found


@pytest.mark.parametrize("ground", [BLACK, RED, (0, 0, 255)])
def test_a_filled_field_covers_no_ink_with_a_colour_as_dark(ground: tuple[int, int, int]) -> None:
    """The least of its channels is as dark as the ink: none of that is lost."""
    number, covering = (30, 22, 1, 6, grey(8)), (21, 21, 38, 8, ground)
    assert differences(sheet(number), sheet(covering), [FILL]) != []
    assert differences(sheet(), sheet(covering), [FILL]) == []


def test_a_filled_field_writes_nothing_on_what_is_written() -> None:
    number, over, apart = ((left, 22, 4, 3, BLACK) for left in (30, 33, 34.5))
    assert differences(sheet(number), sheet(number, over), [FILL]) != []
    assert differences(sheet(number), sheet(number, apart), [FILL]) == []
    # a tick may touch its box
    tick = Place(0, FILL.box, Kind.TICK)
    assert differences(sheet(number), sheet(number, over), [tick]) == []


def test_the_frame_of_a_filled_field_may_move_by_half_a_millimetre() -> None:
    then = sheet((20, 20, 40, 0.25, BLACK))
    assert differences(then, sheet((20, 20.5, 40, 0.25, BLACK)), [FILL]) == []
    assert differences(then, sheet((20, 21, 40, 0.25, BLACK)), [FILL]) != []
    assert differences(then, sheet((20, 20.5, 40, 0.25, BLACK)), []) != []
    assert differences(then, sheet((20, 20, 40, 0.25, grey(110))), [FILL]) == []
    assert differences(then, sheet((20, 20, 40, 0.25, grey(111))), [FILL]) != []
    # inside, nothing may move
    line = sheet((25, 24, 20, 0.25, BLACK))
    assert differences(line, sheet((25, 24.5, 20, 0.25, BLACK)), [FILL]) == [Box(25, 24, 20, 0.25)]


def test_a_place_explains_nothing_beside_it() -> None:
    now = sheet((25, 24, 20, 2, BLACK), (25, 60, 20, 2, BLACK))
    assert differences(sheet(), now, [FILL]) == [Box(25, 60, 20, 2)]


def test_a_place_beyond_the_page_explains_nothing() -> None:
    now = sheet((25, 24, 20, 2, BLACK))
    place = Place(0, Box(500, 500, 10, 10), Kind.SEAL)
    assert differences(sheet(), now, [place]) == [Box(25, 24, 20, 2)]


numbers = st.integers(0, 300).map(lambda each: each / 4)
found = st.lists(st.builds(Box, numbers, numbers, st.just(1.0), st.just(1.0)), max_size=12)


@settings(deadline=None)
@given(found)
def test_merged_boxes_hold_all_and_are_apart(found: list[Box]) -> None:
    made = merged(found)
    for each in found:
        assert any(
            box.left <= each.left
            and box.top <= each.top
            and each.left + each.width <= box.left + box.width
            and each.top + each.height <= box.top + box.height
            for box in made
        )
    for one, other in itertools.combinations(made, 2):
        assert not one.near(other, 3.0)


RECTANGLE = st.tuples(
    *(st.integers(0, 90), st.integers(0, 70), st.integers(1, 30), st.integers(1, 30)),
    st.sampled_from([BLACK, RED, WHITE, grey(200)]),
)
PLACE = st.builds(
    Place,
    page=st.just(0),
    box=st.builds(Box, *(st.integers(-5, 100), st.integers(-5, 80)), *2 * (st.floats(0.5, 40),)),
    kind=st.sampled_from(Kind),
)


@settings(max_examples=60)
@given(
    st.lists(RECTANGLE, max_size=3),
    st.lists(RECTANGLE, max_size=3),
    st.lists(PLACE, max_size=3),
)
def test_rows_that_are_equal_need_no_look(
    then: list[tuple[int, int, int, int, tuple[int, int, int]]],
    added: list[tuple[int, int, int, int, tuple[int, int, int]]],
    places: list[Place],
) -> None:
    before, after = sheet(*then), sheet(*then, *added)
    found = differences(before, after, places)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compare, "_unequal_rows", lambda *_: (0, after.height))
        assert found == differences(before, after, places)


# ---------------------------------------------------------------- neighbours


@given(st.data(), st.sampled_from(["L", "RGB"]), st.integers(1, 12), st.integers(1, 12))
def test_the_least_and_greatest_nearby_are_those_of_pillows_filters(
    data: st.DataObject, mode: str, width: int, height: int
) -> None:
    size = width * height * len(mode)
    pixels = data.draw(st.binary(min_size=size, max_size=size))
    picture = Image.frombytes(mode, (width, height), pixels)
    for reach in (1, 2, 3):
        kernel = 2 * reach + 1
        assert darkest_nearby(picture, reach) == picture.filter(ImageFilter.MinFilter(kernel))
        assert lightest_nearby(picture, reach) == picture.filter(ImageFilter.MaxFilter(kernel))
    assert picture.tobytes() == pixels


# ---------------------------------------------------------------- as PNG


@given(st.data(), st.integers(1, 40), st.integers(1, 40))
def test_a_picture_as_png_is_read_back_to_the_pixel(
    data: st.DataObject, width: int, height: int
) -> None:
    size = 3 * width * height
    pixels = data.draw(st.binary(min_size=size, max_size=size))
    made = png(Image.frombytes("RGB", (width, height), pixels))
    with Image.open(io.BytesIO(made), formats=("PNG",)) as read:
        assert (read.mode, read.size, read.tobytes()) == ("RGB", (width, height), pixels)
    known = pymupdf.Pixmap(made)  # checks each chunk's sum
    assert (known.width, known.height, bytes(known.samples)) == (width, height, pixels)
