"""Typesets ``regulation.zh-CN.txt`` as ``regulation.pdf``, the document that the demo stamps.

Run once by a developer (``pip install fonttools``; Debian's fonts-noto-cjk); the PDF is committed.
The layout follows GB/T 9704-2012 for official documents: A4, a text block of 156 × 225 mm with 22
lines of 28 characters in size 3 (16 pt), the issuer's name in red, page numbers outside.
"""

import io
from collections.abc import Iterator
from pathlib import Path

import pymupdf
from fontTools import subset
from fontTools.ttLib import TTFont

FOLDER = Path(__file__).parent
FONTS = Path("/usr/share/fonts/opentype/noto")
SIMPLIFIED_CHINESE = 2  # the face's number inside Noto's collection files

MM = 72 / 25.4
WIDTH, HEIGHT = 210 * MM, 297 * MM
LEFT, TOP = 28 * MM, 37 * MM
RIGHT, BOTTOM = LEFT + 156 * MM, TOP + 225 * MM
SIZE = 156 * MM / 28  # 28 characters a line: 15.79 pt, the standard's size 3
PITCH = 225 * MM / 22
SMALL = 14.0  # size 4: page numbers and the distribution list
RED, BLACK = (0.85, 0.0, 0.0), (0.0, 0.0, 0.0)

LETTERHEAD = "宿迁市人民政府文件"
NOT_FIRST = "，。；：、！？）》〉”’〕】"
NOT_LAST = "（《〈“‘〔【"


def load_font(file: str, text: str) -> pymupdf.Font:
    """The simplified Chinese face of a Noto collection, cut down to the characters of ``text``."""
    face = TTFont(FONTS / file, fontNumber=SIMPLIFIED_CHINESE, recalcTimestamp=False)
    # glyph numbers stay what they were: readers disagree about CID fonts where CID and glyph differ
    options = subset.Options(
        layout_features=[], desubroutinize=True, hinting=False, retain_gids=True
    )
    options.drop_tables += ["BASE", "VORG", "vhea", "vmtx"]  # vertical setting
    options.name_IDs = [0, 1, 2, 3, 4, 5, 6, 13, 14]  # names, copyright and licence stay inside
    subsetter = subset.Subsetter(options)
    subsetter.populate(text=text)
    subsetter.subset(face)
    buffer = io.BytesIO()
    face.save(buffer)
    return pymupdf.Font(fontbuffer=buffer.getvalue())


def pieces(text: str) -> Iterator[str]:
    """Split where a line may break: single Chinese characters, whole Latin words and numbers."""
    word = ""
    for character in text:
        if character.isascii() and character != " ":
            word += character
            continue
        if word:
            yield word
            word = ""
        yield character
    if word:
        yield word


class Typesetter:
    """Sets lines from top to bottom and starts a page when one is full."""

    def __init__(self, text: str, bold: str) -> None:
        """*text* and *bold*: at least the characters that will be set in each of the faces."""
        self.document = pymupdf.open()
        self.regular = load_font("NotoSerifCJK-Regular.ttc", text + "0123456789—\u3000")
        self.bold = load_font("NotoSerifCJK-Bold.ttc", bold)
        self.new_page()

    def new_page(self) -> None:
        self.page = self.document.new_page(width=WIDTH, height=HEIGHT)
        self.y = TOP

    def put(
        self,
        x: float,
        baseline: float,
        text: str,
        size: float = SIZE,
        *,
        font: pymupdf.Font | None = None,
        colour: tuple[float, float, float] = BLACK,
        gap: float = 0.0,
    ) -> None:
        """Set ``text`` from ``x`` on, ``gap`` points wider between its characters."""
        font = font or self.regular
        writer = pymupdf.TextWriter(self.page.rect, color=colour)
        if gap == 0:
            writer.append((x, baseline), text, font=font, fontsize=size)
        else:
            for character in text:
                writer.append((x, baseline), character, font=font, fontsize=size)
                x += font.text_length(character, size) + gap
        writer.write_text(self.page)

    def line(self) -> float:
        """Take one line of the grid and give its baseline."""
        if self.y + PITCH > BOTTOM + 0.1:
            self.new_page()
        self.y += PITCH
        return self.y - PITCH + (PITCH + SIZE * 0.76) / 2

    def centred(self, text: str, size: float, font: pymupdf.Font) -> None:
        width = font.text_length(text, size)
        self.put((LEFT + RIGHT - width) / 2, self.line(), text, size, font=font)

    def paragraph(self, text: str, *, indent: int = 2, head: str = "") -> None:
        """Justified text; ``head`` is the beginning of it that is set bold."""
        lines = list(self.broken(text, indent))
        for number, content in enumerate(lines):
            x = LEFT + (indent * SIZE if number == 0 else 0)
            room = RIGHT - x - self.regular.text_length(content, SIZE)
            last = number == len(lines) - 1
            gap = 0.0 if last or len(content) < 2 else room / (len(content) - 1)
            baseline = self.line()
            if number == 0 and head:
                self.put(x, baseline, head, font=self.bold, gap=gap)
                x += self.bold.text_length(head, SIZE) + gap * len(head)
                content = content[len(head) :]
            self.put(x, baseline, content, gap=gap)

    def broken(self, text: str, indent: int) -> Iterator[str]:
        """The lines of a paragraph; no mark begins or ends a line that must not."""
        line: list[str] = []
        width = RIGHT - LEFT - indent * SIZE
        for piece in pieces(text):
            if line and self.regular.text_length("".join(line) + piece, SIZE) > width + 0.1:
                carried = [piece]
                while carried[0] in NOT_FIRST or line[-1] in NOT_LAST:
                    carried.insert(0, line.pop())
                yield "".join(line)
                line, width = carried, RIGHT - LEFT
            else:
                line.append(piece)
        yield "".join(line)

    def rule(self, y: float, thickness: float, colour: tuple[float, float, float]) -> None:
        self.page.draw_line((LEFT, y), (RIGHT, y), color=colour, width=thickness)

    def number_pages(self) -> None:
        """“— 1 —”: right on odd pages, left on even ones, one character in from the edge."""
        for number, page in enumerate(self.document, start=1):
            self.page = page
            text = f"— {number} —"
            width = self.regular.text_length(text, SMALL)
            x = RIGHT - SMALL - width if number % 2 else LEFT + SMALL
            self.put(x, BOTTOM + 7 * MM + SMALL, text, SMALL)


def letterhead(setter: Typesetter, number: str) -> None:
    """The issuer's name in red across the text block, the document's number, the red rule."""
    title, size = LETTERHEAD, 46.0
    gap = (RIGHT - LEFT - setter.bold.text_length(title, size)) / (len(title) - 1)
    setter.put(LEFT, TOP + 35 * MM + size * 0.5, title, size, font=setter.bold, colour=RED, gap=gap)
    setter.y = TOP + 5.5 * PITCH
    width = setter.regular.text_length(number, SIZE)
    setter.put((LEFT + RIGHT - width) / 2, setter.line(), number)
    setter.rule(setter.y + 2 * MM, 2.2, RED)
    setter.y += PITCH * 1.5


def distribution_list(setter: Typesetter, lines: list[str]) -> None:
    """Who gets copies, who printed it: between black rules at the foot of the last page."""
    *copies, printed = lines
    office, date = printed.split()
    y = BOTTOM - (len(copies) + 1) * PITCH * 0.9
    if setter.y > y - PITCH:
        setter.new_page()
    setter.rule(y, 1.0, BLACK)
    for number, text in enumerate(copies):
        indent = SMALL * (1 if number == 0 else 4)
        setter.put(LEFT + indent, y + PITCH * 0.62, text, SMALL)
        y += PITCH * 0.9
    setter.rule(y, 0.7, BLACK)
    setter.put(LEFT + SMALL, y + PITCH * 0.62, office, SMALL)
    width = setter.regular.text_length(date, SMALL)
    setter.put(RIGHT - SMALL - width, y + PITCH * 0.62, date, SMALL)
    setter.rule(y + PITCH * 0.9, 1.0, BLACK)


def typeset(text: str) -> pymupdf.Document:
    number, title, notice, signed, heading, articles, copies = (
        [line.strip() for line in block.splitlines()] for block in text.strip().split("\n\n")
    )
    setter = Typesetter(text, LETTERHEAD + "".join(title + heading) + "第一二三四五六七八九十条")
    letterhead(setter, number[0])
    for line in title:
        setter.centred(line, 22.0, setter.bold)
    setter.line()
    addressees, body = notice
    setter.paragraph(addressees, indent=0)
    setter.paragraph(body)
    setter.line()
    issuer, date, public = signed
    date_x = RIGHT - 4 * SIZE - setter.regular.text_length(date, SIZE)
    centre = date_x + setter.regular.text_length(date, SIZE) / 2
    setter.put(centre - setter.regular.text_length(issuer, SIZE) / 2, setter.line(), issuer)
    setter.put(date_x, setter.line(), date)
    setter.line()
    setter.paragraph(public)

    setter.new_page()
    second_part = len(setter.document)
    setter.line()
    setter.centred(heading[0], 22.0, setter.bold)
    setter.line()
    for line in articles:
        words = line.split(maxsplit=1)
        if len(words) == 2 and words[0].startswith("第") and words[0].endswith("条"):
            setter.paragraph("\u3000".join(words), head=words[0])
        else:
            setter.paragraph(line)
    distribution_list(setter, copies)
    setter.number_pages()
    setter.document.set_toc([[1, "".join(title), 1], [1, heading[0], second_part]])
    setter.document.set_metadata(
        {
            "title": heading[0],
            "author": issuer,
            "subject": number[0],
            "creator": "SealDesk resources/demo/typeset.py",
            "producer": "PyMuPDF",
            "creationDate": "D:20241018000000+08'00'",
            "modDate": "D:20241018000000+08'00'",
        }
    )
    setter.document.set_language("zh-CN")
    return setter.document


if __name__ == "__main__":
    document = typeset((FOLDER / "regulation.zh-CN.txt").read_text(encoding="utf-8"))
    document.save(
        FOLDER / "regulation.pdf",
        garbage=4,
        deflate=True,
        deflate_fonts=True,
        use_objstms=True,
        no_new_id=True,
    )
    print(f"{len(document)} pages")
