"""The three ways of reading a content stream agree on what writers write."""

import re

from hypothesis import given
from hypothesis import strategies as st

from crypto.pdf.reading.content import (
    ALL_WORDS,
    COLOURS,
    DRAWINGS,
    DRAWN_NAMES,
    FILLS,
    OPERANDS,
    OUTLINES,
    STROKES,
    has_shapes,
    operators,
)

NUMBER = st.sampled_from(["0", "1", "-7", "12.5", ".5", "+3", "100.25", "4."])
PLAIN = sorted({*FILLS, *STROKES, "q", "Q", "h", "n", "BT", "ET", "T*"})
BLANK = st.sampled_from([" ", "\n", "\r\n", "  ", "\t"])


@st.composite
def operations(draw: st.DrawFn) -> str:
    """One operator with what goes before it."""
    kind = draw(st.integers(0, 4))
    if kind == 0:
        operator = draw(st.sampled_from(sorted(OPERANDS)))
        numbers = [draw(NUMBER) for _ in range(OPERANDS[operator])]
        return " ".join([*numbers, operator])
    if kind == 1:
        return draw(st.sampled_from(["/Im1 Do", "/Fm.2 Do", "/GS0 gs", "/Cs1 cs", "/OC /L1 BDC"]))
    if kind == 2:
        return draw(st.sampled_from(["2 w", "[3 1] 0 d", "/F1 12 Tf", "1 Tr", "EMC", "0 g"]))
    if kind == 3:
        return draw(st.sampled_from(["(Do 1 0 0 rg) Tj", "<00ff> Tj", "[(a) -20 (b)] TJ"]))
    return draw(st.sampled_from(PLAIN))


CONTENT = st.lists(st.tuples(operations(), BLANK).map("".join), max_size=30).map(
    lambda parts: "".join(parts).encode()
)


@given(CONTENT)
def test_the_fast_pattern_finds_the_operators_that_are_followed(content: bytes) -> None:
    followed = {*OPERANDS, *FILLS, *STROKES, "q", "Q", "n", "Do", "cs", "g", "BT", "Tj", "TJ"}
    exact = [
        (operator, [each for each in operands if isinstance(each, float)])
        for operator, operands in operators(content)
        if operator in followed
    ]
    fast = []
    position = 0
    while found := ALL_WORDS.match(content, position):
        position = found.end()
        word = (found["after"] or found["word"] or b"").decode()
        if word in followed:
            numbers = [float(each) for each in (found["numbers"] or b"").split()]
            fast.append((word, numbers if word in OPERANDS else []))
    assert fast == [(name, each if name in OPERANDS else []) for name, each in exact]


@given(CONTENT)
def test_the_patterns_for_bytes_miss_no_operator(content: bytes) -> None:
    seen = list(operators(content))
    drawn = [str(operands[-1])[1:].encode() for name, operands in seen if name == "Do"]
    assert len(DRAWINGS.findall(content)) >= len(drawn)
    assert set(drawn) <= set(DRAWN_NAMES.findall(content))
    if any(name in ("c", "v", "y", "re") for name, _ in seen):
        assert OUTLINES.search(content)
        assert has_shapes(content)
    if [name for name, _ in seen].count("l") > 2:
        assert has_shapes(content)
    black = re.compile(rb"[ \n]0 0 0 (rg|RG|k|K)")  # or cyan, in four numbers
    coloured = [name for name, _ in seen if name in ("rg", "RG", "k", "K", "sc", "SC")]
    found = sum(len(operator.findall(content)) for operator in COLOURS)
    assert found + len(black.findall(content)) >= len(coloured)
