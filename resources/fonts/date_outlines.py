"""Writes ``date-outlines.toml``: the shapes of the characters that a date mark is made of.

Run once by a developer (``pip install fonttools``; Debian's fonts-noto-cjk); the file is committed,
so that a date is drawn without any font. Changing it changes what is recognised as a date mark
(:mod:`crypto.pdf.marks.date`).
"""

from collections.abc import Iterator
from pathlib import Path

from fontTools.pens.recordingPen import RecordingPen
from fontTools.ttLib import TTFont

FONT = Path("/usr/share/fonts/opentype/noto/NotoSerifCJK-Bold.ttc")
SIMPLIFIED_CHINESE = 2  # the face's number inside Noto's collection files
OPERATORS = {"moveTo": "m", "lineTo": "l", "curveTo": "c", "closePath": "h"}

HEAD = """\
# The shapes of the characters of a date mark: advance and outline in thousandths of the character's
# height, y upwards from the baseline, as the operators of a PDF path. Taken from Noto Serif CJK SC
# Bold (OFL.txt) by date_outlines.py.
"""


def outline(font: TTFont, character: str) -> Iterator[str]:
    """The path of one character, an operator with its operands at a time."""
    pen = RecordingPen()
    font.getGlyphSet()[font.getBestCmap()[ord(character)]].draw(pen)
    for operator, points in pen.value:
        numbers = [f"{round(number)}" for point in points for number in point]
        yield " ".join([*numbers, OPERATORS[operator]])


def written(font: TTFont) -> str:
    """The whole file."""
    parts = [HEAD]
    for character in "0123456789-年月日":
        advance, _ = font["hmtx"][font.getBestCmap()[ord(character)]]
        path = " ".join(outline(font, character))
        parts.append(f'\n["{character}"]\nadvance = {advance}\npath = "{path}"\n')
    return "".join(parts)


if __name__ == "__main__":
    face = TTFont(FONT, fontNumber=SIMPLIFIED_CHINESE)
    target = Path(__file__).with_name("date-outlines.toml")
    target.write_text(written(face), encoding="utf-8")
