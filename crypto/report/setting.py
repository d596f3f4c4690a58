"""The report set on A4, in a bounded process: PyMuPDF is C, and the texts are strangers'.

Every verdict is a word, a shape and a colour, never a colour alone. A claimed time is never shown
as a trusted one, and whatever could not be proved is listed once more at the end. The page is set
from HTML by PyMuPDF with its own typefaces, embedded and cut down to the characters used.

:mod:`crypto.report.words` says what stands in it. A seal's picture is shown only if it has the
digest of the one in the seal, and only as pixels that Pillow has decoded.
"""

from __future__ import annotations

import html
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC
from typing import Any

from crypto.algorithms import gm
from crypto.bounded import Message  # noqa: TID253 - this module comes late itself
from crypto.lengths import MM
from crypto.report.pictures import Pictures
from crypto.report.reading import read_report
from crypto.report.typeface import library
from crypto.report.words import COLOURS, Part, Words, apart
from crypto.seal.imprint import ImprintError, decode_imprint
from crypto.verdict import Report, Verdict, one_line, say

_MARGIN = 20 * MM
_FOOT = 8 * MM
_MAX_PAGES_OF_A_PART = 100
_ROOM = 40 * MM
"""A part that would have less of a page begins the next one."""

_EDGE = (150, 150, 150)

_SHAPES = {
    Verdict.VALID: '<circle cx="20" cy="20" r="18"/><path d="M11 20.5 17.5 27 29.5 14"/>',
    Verdict.VALID_CHANGED_LATER: '<rect x="3" y="3" width="34" height="34" rx="9"/>'
    '<path d="M9 20 14.5 25.5 24 15"/><path d="M30 14 V26"/><path d="M30 29 V31"/>',
    Verdict.UNKNOWN: '<path d="M20 3 38 35 2 35 Z"/><path d="M20 14 V24"/><path d="M20 28 V30.5"/>',
    Verdict.INVALID: '<path d="M13 2 H27 L38 13 V27 L27 38 H13 L2 27 V13 Z"/>'
    '<path d="M13 13 27 27"/><path d="M27 13 13 27"/>',
    Verdict.UNSIGNED: '<rect x="3" y="3" width="34" height="34"/><path d="M11 20 H29"/>',
}
"""The first element is the shape, filled; the rest is drawn in white upon it."""
_STYLE = """
body { font-family: sans-serif; font-size: 9.5pt; line-height: 1.3; color: #111; }
h1 { font-size: 20pt; text-align: center; margin: 0 0 2pt 0; }
h2 { font-size: 12.5pt; margin: 14pt 0 5pt 0; }
h3 { font-size: 10.5pt; margin: 9pt 0 3pt 0; }
p { margin: 2pt 0 4pt 0; }
p.first { font-size: 11.5pt; margin: 6pt 0 4pt 0; }
p.under { text-align: center; color: #555; margin: 0 0 10pt 0; }
p.finding { margin: 1.5pt 0 1.5pt 14pt; text-indent: -14pt; }
p.group { margin: 5pt 0 1pt 0; font-weight: bold; }
p.small { font-size: 8.5pt; color: #444; }
table { width: 100%; border-collapse: collapse; margin: 0 0 4pt 0; }
td { border: 0.6pt solid #9a9a9a; padding: 1.5pt 5pt; vertical-align: top; }
td.key { width: 84pt; color: #555; }
table.verdict td { border: none; padding: 4pt 6pt; }
table.pictures td { border: none; text-align: center; }
td.icon { width: 50pt; }
td.word { font-weight: bold; }
.code { font-family: monospace; font-size: 7.5pt; }
"""
_FOOTER = """
body { margin: 0; font-family: sans-serif; font-size: 7pt; color: #444; }
p { margin: 0; text-align: center; }
"""


ENCLOSED = "report.json"
"""Name of the file enclosed in a report that somebody answers for: the same, for machines."""


def set_report(
    report: Report,
    language: str,
    imprints: Mapping[str, bytes],
    issuer: str,
    shown: Pictures | None = None,
) -> bytes:
    """What :func:`crypto.report.pdf.render` gives, in this process."""
    pictures = {
        name: png
        for name, data in imprints.items()
        if gm.sm3(data).hex() == name and (png := _on_white(data))
    }
    shown = shown or Pictures()
    parts = Words(language).parts(report, pictures, shown, issuer)
    data = _set(parts, report, language, pictures | _images(shown))
    return _with_json(data, report, language) if issuer else data


def answer(
    told: str, language: str, imprints: Mapping[str, bytes], issuer: str, shown: Pictures
) -> Message:
    """:func:`set_report` for :func:`crypto.bounded.run`; *told* is the report's JSON."""
    report = read_report(json.loads(told))
    return Message({}, (set_report(report, language, imprints, issuer, shown),))


def _set(
    parts: Sequence[Part], report: Report, language: str, pictures: Mapping[str, bytes]
) -> bytes:
    pymupdf = library()
    archive: Any = pymupdf.Archive()
    for verdict, shape in _SHAPES.items():
        archive.add(_icon(shape, COLOURS[verdict]), f"{verdict.value}.svg")
    for name, png in pictures.items():
        archive.add(png, f"{name}.png")
    paper = pymupdf.paper_rect("a4")
    body = pymupdf.Rect(_MARGIN, _MARGIN, paper.x1 - _MARGIN, paper.y1 - _MARGIN - 8)
    foot = pymupdf.Rect(_MARGIN, paper.y1 - _MARGIN, paper.x1 - _MARGIN, paper.y1 - _FOOT)

    def story(source: str, style: str = _STYLE) -> Any:
        return pymupdf.Story(source, user_css=style, archive=archive, em=9)

    def stories() -> Iterator[tuple[Any, float]]:
        """With the room on a page that each needs."""
        whole = float(body.height)
        for part in parts:
            room = whole if part.begins_page else max(_ROOM, min(part.room_mm * MM, whole))
            yield story(part.html), room

    pages = 0
    for placed, begins_page in _flow(stories(), body):
        placed.draw(None)  # moves on to what is left
        pages += begins_page
    digest = apart(f"SM3 {report.file.sm3}")
    output = io.BytesIO()
    writer = pymupdf.DocumentWriter(output)
    page, device = 0, None
    for placed, begins_page in _flow(stories(), body):
        if begins_page:
            if device is not None:
                writer.end_page()
            device, page = writer.begin_page(paper), page + 1
            number = say("report", "page_of", language).format(page=page, pages=pages)
            footer = story(f"<p>{html.escape(number)}<br/>{digest}</p>", _FOOTER)
            footer.place(foot)
            footer.draw(device)
        placed.draw(device)
    writer.end_page()
    writer.close()
    return _finished(output.getvalue(), report, language)


def _flow(stories: Iterable[tuple[Any, float]], body: Any) -> Iterator[tuple[Any, bool]]:
    """Place one story below the other on pages with room for *body*, or on a new page where there
    are not as many points left as it needs: each time one that is to be drawn, and whether that
    begins a page. One story of hundreds of pages MuPDF would never end."""
    top = None
    for placed, room in stories:
        for _ in range(_MAX_PAGES_OF_A_PART):
            begins_page = top is None or body.y1 - top < room
            top = body.y0 if begins_page else top
            more, filled = placed.place(type(body)(body.x0, top, body.x1, body.y1))
            yield placed, begins_page
            top = body.y1 if more else filled[3]
            if not more:
                break
        else:
            raise ValueError("a part of the report is too long to be set")


def _finished(data: bytes, report: Report, language: str) -> bytes:
    """Typefaces cut down to what is used (4 MB → some 100 kB), title and language set."""
    with library().open("pdf", data) as document:
        document.subset_fonts()
        moment = report.verified_at.astimezone(UTC)
        document.set_metadata(
            {
                "title": f"{say('report', 'title', language)} {one_line(report.file.name)}",
                "creator": report.program,
                "creationDate": f"D:{moment:%Y%m%d%H%M%S}Z",
            }
        )
        document.set_language("zh-CN" if language == "zh_CN" else "en")
        return bytes(document.tobytes(garbage=3, deflate=True))


def _with_json(data: bytes, report: Report, language: str) -> bytes:
    text = json.dumps(report.to_json(language), ensure_ascii=False, indent=2) + "\n"
    with library().open("pdf", data) as document:
        document.embfile_add(ENCLOSED, text.encode(), desc=report.file.sm3)
        return bytes(document.tobytes(garbage=3, deflate=True))


def _icon(shape: str, colour: str) -> bytes:
    filled, rest = shape.split("/>", 1)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="240" height="240" viewBox="0 0 40 40">'
        f'<g fill="{colour}">{filled}/></g>'
        f'<g fill="none" stroke="#ffffff" stroke-width="4">{rest}</g></svg>'
    ).encode()


def _images(shown: Pictures) -> dict[str, bytes]:
    """The pictures by the names that :mod:`crypto.report.words` gives them."""
    found: dict[str, bytes] = {}
    for number, seal in enumerate(shown.seals):
        found[f"s{number}"] = _prepared(seal.png)
    for number, sheet in enumerate(shown.pages):
        found[f"p{number}"] = _prepared(sheet.png, framed=True)
    for number, page in enumerate(shown.changed):
        for kind, png in (("t", page.then), ("n", page.now), ("b", page.both)):
            found[f"{kind}{number}"] = _prepared(png, framed=True)
            part, mm = page.part, page.width_mm
            box = (part.left / mm, part.top / mm, part.width / mm, part.height / mm)
            found[f"{kind}p{number}"] = _prepared(png, box, framed=True)
    return found


def _prepared(
    png: bytes, part: tuple[float, float, float, float] | None = None, *, framed: bool = False
) -> bytes:
    """A picture as an opaque PNG, or a *part* of it (left, top, width, height, each as a share of
    its width); *framed*: paper has an edge. White for what is no picture."""
    from PIL import Image, ImageDraw

    try:
        with Image.open(io.BytesIO(png), formats=["PNG"]) as opened:
            image = opened.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        image = Image.new("RGB", (1, 1), "white")
    if part:
        left, top, across, down = (round(share * image.width) for share in part)
        image = image.crop((left, top, left + max(1, across), top + max(1, down)))
    if framed:
        edge = (0, 0, image.width - 1, image.height - 1)
        ImageDraw.Draw(image).rectangle(edge, outline=_EDGE)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def _on_white(picture: bytes) -> bytes:
    """The picture as an opaque PNG; b"" if it cannot be decoded or is too large."""
    from PIL import Image

    try:
        raster = decode_imprint(picture)
    except ImprintError:
        return b""
    size = (raster.width, raster.height)
    page = Image.new("RGB", size, "white")
    ink = Image.frombytes("RGB", size, raster.rgb)
    page.paste(ink, mask=Image.frombytes("L", size, raster.alpha) if raster.alpha else None)
    page.thumbnail((1200, 1200))
    buffer = io.BytesIO()
    page.save(buffer, "PNG")
    return buffer.getvalue()
