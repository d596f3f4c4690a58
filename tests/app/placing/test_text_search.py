"""A text is found where a person reads it: forms, pieces of lines, ends of lines, upright text."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.placing.text_search import Letter, folded, search

SIZE = 10.0


def level(left: float, top: float, text: str) -> tuple[list[Letter], int]:
    """A line of letters 10 wide and 14 high."""
    return (
        [
            Letter(folded(each), (left + SIZE * n, top, left + SIZE * (n + 1), top + 14))
            for n, each in enumerate(text)
        ],
        0,
    )


def upright(left: float, top: float, text: str) -> tuple[list[Letter], int]:
    """A column that is read from top to bottom."""
    return (
        [
            Letter(folded(each), (left, top + SIZE * n, left + 14, top + SIZE * (n + 1)))
            for n, each in enumerate(text)
        ],
        1,
    )


def found(
    pieces: Sequence[tuple[list[Letter], int | None]], text: str
) -> list[tuple[float, float, float, float]]:
    return search(pieces, folded(text))


@pytest.mark.parametrize(
    ("written", "sought"),
    [
        ("⻓城⻋⻔⻅", "长城车门见"),  # CJK Radicals Supplement
        ("⼀⼈⾦", "一人金"),  # Kangxi radicals
        ("豈", "豈"),  # compatibility ideographs
        ("︵盖章︶", "（盖章）"),  # forms for upright text
        ("㈱ ﬁ ①", "(株)fi1"),
        ("甲\u200b方\u00ad盖\ufe00章", "甲方盖章"),
        ("ＡＢ ｃ　１", "abC1"),
    ],
)
def test_forms_that_look_the_same_are_the_same(written: str, sought: str) -> None:
    assert folded(written) == folded(sought)


def test_every_radical_reads_as_the_character_that_unicode_names() -> None:
    """Spot checks by name, where the name of the radical tells the character's."""
    for radical, character in {"⻜": "飞", "⻢": "马", "⻰": "龙", "⻘": "青", "⺟": "母"}.items():
        assert unicodedata.name(radical).startswith("CJK RADICAL")
        assert folded(radical) == character


def test_a_text_over_the_end_of_a_line_is_found_where_most_of_it_stands() -> None:
    lines = [level(400, 100, "签署：甲方（盖"), level(72, 120, "章）之处")]
    assert found(lines, "甲方（盖章）") == [(430, 100, 470, 114)]
    assert found(
        [level(400, 100, "签署：甲"), level(72, 120, "方（盖章）之处")], "甲方（盖章）"
    ) == [(72, 120, 122, 134)]


def test_of_parts_below_each_other_the_place_is_around_all() -> None:
    cell = [level(100, 100, "甲方"), level(100, 116, "（盖章）")]
    assert found(cell, "甲方（盖章）") == [(100, 100, 140, 130)]


def test_a_neighbouring_column_is_not_the_next_line() -> None:
    columns = [level(50, 100, "甲方盖"), level(300, 118, "章用处")]
    assert found(columns, "甲方盖章") == []
    assert found([level(50, 100, "甲方盖"), level(50, 400, "章用处")], "甲方盖章") == []


def test_a_text_may_take_several_lines_and_whole_ones_in_between() -> None:
    stacked = [level(100, 100 + 14 * n, each) for n, each in enumerate("甲方盖章处")]
    assert found(stacked, "方盖章") == [(100, 114, 110, 156)]
    assert len(found(stacked, "甲方盖章处")) == 1


def test_upright_text_goes_on_in_the_column_to_the_left() -> None:
    columns = [upright(300, 500, "签署之处甲方"), upright(280, 100, "盖章用")]
    assert found(columns, "处甲方") == [(300, 530, 314, 560)]
    assert found(columns, "甲方盖章") == [(280, 100, 294, 120)]
    assert found([upright(300, 500, "处甲方"), upright(320, 100, "盖章用")], "甲方盖章") == []


@pytest.mark.parametrize("turn", [0, 1, 2, 3])
def test_turned_text_is_read_like_level_text(turn: int) -> None:
    def turned(pieces: tuple[list[Letter], int]) -> tuple[list[Letter], int]:
        made = []
        for letter in pieces[0]:
            left, top, right, bottom = letter.box
            box = {
                0: (left, top, right, bottom),
                1: (-bottom, left, -top, right),
                2: (-right, -bottom, -left, -top),
                3: (top, -right, bottom, -left),
            }[turn]
            made.append(Letter(letter.text, box))
        return made, turn

    pieces = [level(100, 100, "合同甲方"), level(142, 100, "盖"), level(30, 120, "章处")]
    (box,) = found([turned(each) for each in pieces], "甲方盖章")
    assert box[2] - box[0] == pytest.approx(32 if turn in (0, 2) else 14)


def test_slanted_text_is_found_within_its_line_alone() -> None:
    letters, _ = level(100, 100, "甲方盖")
    following, _ = level(100, 116, "章处")
    assert len(found([(letters, None), (following, None)], "甲方盖")) == 1
    assert found([(letters, None), (following, None)], "甲方盖章") == []


def test_no_letter_belongs_to_two_hits() -> None:
    lines = [level(100, 100, "章章章"), level(100, 116, "章章"), level(100, 132, "章")]
    assert len(found(lines, "章章")) == 3
    assert len(found(lines, "章")) == 6


words = st.text("甲方盖章", min_size=1, max_size=6)


@given(st.lists(words, min_size=1, max_size=6), words)
def test_a_paragraph_is_read_as_one_text(lines: list[str], sought: str) -> None:
    pieces = [level(100, 100 + 16 * n, line) for n, line in enumerate(lines)]
    boxes = found(pieces, sought)
    assert bool(boxes) == (sought in "".join(lines))
    assert len(boxes) <= "".join(lines).count(sought)


def test_a_wall_of_letters_is_searched_without_trying_every_way_through_it() -> None:
    wall = [level(40 * column, 20 * line, "章") for line in range(12) for column in range(12)]
    assert found(wall, "章" * 11 + "甲") == []
