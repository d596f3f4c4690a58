"""The letters of a page and where they are: read in the bounded process, checked in the window.

Lines are in the order in which the page holds them, a newline after each. A box is left, top,
right, bottom in points of the page as displayed. What comes from the process is not believed: a
file may have taken it over.
"""

from __future__ import annotations

import math
from array import array
from typing import Any

from crypto.bounded import Message
from crypto.frozen import frozen

MOST_LETTERS = 50_000
"""Of one page; what is beyond cannot be selected."""

Box = tuple[float, float, float, float]


@frozen
class PageText:
    """One page's."""

    letters: str
    boxes: tuple[Box, ...]
    """One for each letter; a newline's is empty."""

    def nearest(self, x: float, y: float) -> int | None:
        """The letter at or nearest to a point, vertically first; None if there is none."""
        best, found = (math.inf, math.inf), None
        for number, (left, top, right, bottom) in enumerate(self.boxes):
            if self.letters[number] == "\n":
                continue
            down = max(top - y, y - bottom, 0.0)
            across = max(left - x, x - right, 0.0)
            if (down, across) < best:
                best, found = (down, across), number
        return found

    def lines(self, first: int, last: int) -> list[Box]:
        """The boxes around the letters from *first* to *last*, one for each line."""
        made: list[Box] = []
        open_line = False
        for number in range(first, last + 1):
            if self.letters[number] == "\n":
                open_line = False
                continue
            left, top, right, bottom = self.boxes[number]
            if open_line:
                old = made[-1]
                made[-1] = (
                    min(old[0], left),
                    min(old[1], top),
                    max(old[2], right),
                    max(old[3], bottom),
                )
            else:
                made.append((left, top, right, bottom))
            open_line = True
        return made


def encoded(blocks: Any) -> Message:
    """Letters of :func:`crypto.rendering.mupdf_page.page_letters`; "letters" in the head, the boxes
    in the part."""
    letters: list[str] = []
    boxes = array("f")
    for block in blocks:
        for line in block.get("lines", ()):
            for span in line["spans"]:
                for char in span["chars"][: max(0, MOST_LETTERS - len(letters))]:
                    letters.append(char["c"][:1] or "\ufffd")
                    boxes.extend(char["bbox"])
            if letters and letters[-1] != "\n":
                letters.append("\n")
                boxes.extend((0.0, 0.0, 0.0, 0.0))
    return Message({"letters": "".join(letters)}, (boxes.tobytes(),))


def parse(answer: Message) -> PageText | None:
    """What the process has said; None if it is malformed."""
    letters = answer.head.get("letters")
    if not isinstance(letters, str) or len(answer.parts) != 1:
        return None
    numbers = array("f")
    if len(letters) > 2 * MOST_LETTERS or len(answer.parts[0]) != 16 * len(letters):
        return None
    numbers.frombytes(answer.parts[0])
    if not all(map(math.isfinite, numbers)):
        return None
    boxes = tuple(zip(*(iter(numbers),) * 4, strict=True))
    shown = "".join(c if c == "\n" or c.isprintable() else " " for c in letters)
    return PageText(shown, boxes)
