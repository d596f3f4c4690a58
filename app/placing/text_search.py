"""Where a text stands on a page, as people look for it.

    letters of a page (text, box, direction)  →  lines  →  hits

Case, width, compatibility forms, a font's radicals and spaces do not count. The lines are those
that a person sees: however the file cuts a line into pieces, level, upright or upside down, and on
over the end of a line into the next, which is how narrow columns and upright text are found, too.
A text that runs from one page to the next is not found.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from crypto.frozen import frozen

Box = tuple[float, float, float, float]
"""Left, top, right, bottom of a letter on the page displayed; any unit."""

_RADICALS = str.maketrans(
    (
        "⺁⺂⺃⺄⺅⺆⺇⺈⺉⺊⺋⺌⺍⺎⺏⺐⺑⺒⺓⺔⺕⺖⺗⺘⺙⺛⺜⺝⺞⺠⺡⺢⺣⺤⺥⺦⺧⺨"
        "⺩⺪⺫⺬⺭⺮⺯⺰⺱⺲⺳⺴⺵⺶⺷⺸⺹⺺⺻⺼⺽⺾⺿⻀⻁⻂⻃⻄⻅⻆⻇⻈⻉⻊⻋⻌⻍⻎"
        "⻏⻐⻑⻒⻓⻔⻕⻖⻗⻘⻙⻚⻛⻜⻝⻞⻟⻠⻡⻢⻣⻤⻥⻦⻧⻨⻩⻪⻫⻬⻭⻮⻯⻰⻱⻲"
    ),
    (
        "厂乛乚乙亻冂𠘨刀刂卜㔾小小兀尣尢𡯂巳幺彑彐忄心扌攵旡日月歺民氵氺灬爫爫丬牛犭"
        "王𤴔目示礻𥫗糹纟罓罒㓁冗𦉫羊𦍌𦍋耂肀聿肉𦥑艹艹艹虎衤覀西见角𧢲讠贝𧾷车辶辶辶"
        "邑钅長镸长门𨸏阝雨青韦页风飞食𩙿飠饣𩠐马骨鬼鱼鸟卤麦黄黾斉齐歯齿竜龙龜亀"
    ),
)
"""CJK Radicals Supplement → the character that looks like it, as far as NFKC does not know it:
EquivalentUnifiedIdeograph.txt of Unicode 14. Subset fonts are often mapped to the radical."""


@lru_cache(maxsize=8192)
def folded(text: str) -> str:
    """*text* as it is compared: forms that look the same are the same; no spaces, no letters that
    show nothing (soft hyphens, variation selectors, zero-width spaces)."""
    plain = unicodedata.normalize("NFKC", text.translate(_RADICALS)).casefold()
    return "".join(character for character in plain if not _shows_nothing(character))


def _shows_nothing(letter: str) -> bool:
    return (
        letter.isspace()
        or unicodedata.category(letter) in ("Cf", "Cc")
        or ("\ufe00" <= letter <= "\ufe0f" or "\U000e0100" <= letter <= "\U000e01ef")
    )


@frozen
class Letter:
    """One character, or what a font takes for one."""

    text: str
    """Folded: none, one or several characters."""
    box: Box


@dataclass
class Line:
    """Letters that follow each other, as a person reads them."""

    letters: list[Letter]
    turn: int | None
    """Quarter turns clockwise from level in which it is read; None: slanted."""
    own: Box = (0.0, 0.0, 0.0, 0.0)
    """Its box, turned so that it is level (:func:`_levelled`)."""
    taken: int = 0
    """How many characters at its beginning belong to a hit that began in the line before."""
    text: str = field(init=False)

    def __post_init__(self) -> None:
        self.text = "".join(letter.text for letter in self.letters)
        self.own = _around(_levelled(letter.box, self.turn or 0) for letter in self.letters)

    def part(self, start: int, end: int) -> Box:
        """Around the folded characters from *start* to *end*, as displayed."""
        owners = [letter for letter in self.letters for _ in letter.text]
        return _around(letter.box for letter in owners[start:end])


def search(pieces: Iterable[tuple[Sequence[Letter], int | None]], wanted: str) -> list[Box]:
    """The boxes of all places where *wanted* (folded, not empty) stands, in reading order; none
    overlaps another.

    *pieces*: what the file has as runs of letters, each with its :attr:`Line.turn`. Of a text that
    goes over the end of a line the box is around all of it where the parts stand below each other,
    else around the longest part, the last of several: that is where the seal belongs."""
    lines = _lines(pieces)
    found = []
    for line in lines:
        end = line.taken
        while (start := line.text.find(wanted, end)) >= 0:
            end = start + len(wanted)
            found.append(line.part(start, end))
        crossing = _crossing(line, end, wanted, lines)
        if crossing is not None:
            found.append(crossing)
    return found


# --- lines ---------------------------------------------------------------------------------------


def _lines(pieces: Iterable[tuple[Sequence[Letter], int | None]]) -> list[Line]:
    by_turn: dict[int | None, list[Line]] = {}
    for letters, turn in pieces:
        if letters:
            by_turn.setdefault(turn, []).append(Line(list(letters), turn))
    lines = [
        line
        for turn, parts in by_turn.items()
        for line in (parts if turn is None else _joined(parts, turn))
    ]
    return sorted(lines, key=lambda line: (line.letters[0].box[1], line.letters[0].box[0]))


def _joined(lines: list[Line], turn: int) -> Iterator[Line]:
    """Pieces of one visible line put together."""
    rest = sorted(lines, key=lambda line: line.own[0])
    while rest:
        line = rest.pop(0)
        following = 0
        while following < len(rest):
            if _follows(line, rest[following]):
                line = Line(line.letters + rest.pop(following).letters, turn)
            else:
                following += 1
        yield line


def _follows(line: Line, piece: Line) -> bool:
    """Does *piece* stand on the same height, at most one and a half letters further on?"""
    last = _levelled(line.letters[-1].box, line.turn or 0)
    first = _levelled(piece.letters[0].box, line.turn or 0)
    height = max(last[3] - last[1], first[3] - first[1])
    shared = min(last[3], first[3]) - max(last[1], first[1])
    return shared > height / 2 and -height / 2 < first[0] - last[2] < 1.5 * height


# --- over the end of a line ----------------------------------------------------------------------

Part = tuple[Line, int, int]
"""Folded characters of a line, from the first to before the last number."""


def _crossing(line: Line, start: int, wanted: str, lines: Sequence[Line]) -> Box | None:
    """The place of *wanted* where it begins at the end of *line*, after *start*, and goes on in the
    lines that follow; they note what belongs to it."""
    for length in range(min(len(wanted) - 1, len(line.text) - start), 0, -1):
        if line.text.endswith(wanted[:length]):
            end = len(line.text)
            following = _goes_on(line, wanted[length:], lines, set())
            if following:
                for part, _, taken in following:
                    part.taken = taken
                return _place([(line, end - length, end), *following])
    return None


def _goes_on(
    line: Line, rest: str, lines: Sequence[Line], dead_ends: set[tuple[int, int]]
) -> list[Part]:
    """Where *rest* stands in the lines after *line*; nothing if it does not.

    *dead_ends*: the lines, by identity, that were tried already, and how long the rest was."""
    if (id(line), len(rest)) in dead_ends:
        return []
    dead_ends.add((id(line), len(rest)))
    for after in _next(line, lines):
        if after.taken or not after.text:
            continue
        if after.text.startswith(rest):
            return [(after, 0, len(rest))]
        if rest.startswith(after.text):
            further = _goes_on(after, rest[len(after.text) :], lines, dead_ends)
            if further:
                return [(after, 0, len(after.text)), *further]
    return []


def _next(line: Line, lines: Sequence[Line]) -> list[Line]:
    """The lines in which *line* may go on, the likeliest first: below it, in its column or further
    back, in letters of about the same size, at most one and a half lines further down."""
    if line.turn is None:
        return []
    left, top, right, bottom = line.own
    height = bottom - top
    found = []
    for other in lines:
        if other is line or other.turn != line.turn:
            continue
        o_left, o_top, o_right, o_bottom = other.own
        alike = 2 / 3 < (o_bottom - o_top) / max(height, 1e-9) < 3 / 2
        if alike and -height / 2 < o_top - bottom < 1.5 * height and o_top > top and o_left < right:
            found.append((o_right < left, o_top, o_left, other))
    nearest = min((o_top for _, o_top, _, _ in found), default=0.0)
    # none is passed over
    found = [place for place in found if place[1] < nearest + height / 2]
    found.sort(key=lambda place: place[:3])
    return [other for *_, other in found]


def _place(parts: Sequence[Part]) -> Box:
    """The box of a text that stands in *parts*."""
    boxes = [line.part(first, last) for line, first, last in parts]
    narrowest = min(box[2] - box[0] for box in boxes)
    lowest = min(box[3] - box[1] for box in boxes)
    across = min(box[2] for box in boxes) - max(box[0] for box in boxes)
    down = min(box[3] for box in boxes) - max(box[1] for box in boxes)
    if across > narrowest / 2 or down > lowest / 2:
        return _around(boxes)
    lengths = [last - first for _, first, last in parts]
    return next(
        box
        for box, length in zip(reversed(boxes), reversed(lengths), strict=True)
        if length == max(lengths)
    )


# --- boxes ---------------------------------------------------------------------------------------


def _around(boxes: Iterable[Box]) -> Box:
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def _levelled(box: Box, turn: int) -> Box:
    """*box* as it would lie if text that is read in *turn* quarter turns clockwise were level."""
    left, top, right, bottom = box
    return {
        0: box,
        1: (top, -right, bottom, -left),
        2: (-right, -bottom, -left, -top),
        3: (-bottom, left, -top, right),
    }[turn]
