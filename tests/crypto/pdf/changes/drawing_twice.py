"""Draws two versions of a document with two renderers and says where they differ.

Run as a program, because a renderer can end its process: the folder holds, for each number N,
``N.old.pdf``, ``N.new.pdf`` and ``N.json``, the boxes in which ink may have been added (points,
from the upper left). It prints one JSON object a line: number, engine, what was seen.
"""

import io
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pymupdf
import pypdfium2
from PIL import Image, ImageChops, ImageDraw

_NOISE = 8
"""Levels: differences up to there are not seen by people."""
_LOST = 60
"""Levels by which a pixel may get lighter where a frame is drawn anew."""
_AROUND = 4
"""Pixels around a box that the edges of a frame may take up."""


@dataclass(frozen=True)
class Pair:
    """One document, and the same with more revisions."""

    old: bytes
    new: bytes
    boxes: Sequence[Sequence[float]] = ()
    """Left, top, right, bottom."""


def differences(pairs: Sequence[Pair], folder: Path) -> dict[int, list[str]]:
    """What differs outside the boxes, or is lost inside, by the number of the pair. *folder* is
    empty."""
    for number, pair in enumerate(pairs):
        (folder / f"{number}.old.pdf").write_bytes(pair.old)
        (folder / f"{number}.new.pdf").write_bytes(pair.new)
        (folder / f"{number}.json").write_text(json.dumps([list(box) for box in pair.boxes]))
    done = subprocess.run(
        [sys.executable, __file__, folder, str(len(pairs))],
        capture_output=True,
        check=True,
        timeout=600,
    )
    found: dict[int, list[str]] = {}
    for line in done.stdout.splitlines():
        number, said = json.loads(line)
        found.setdefault(number, []).append(said)
    return found


@lru_cache(8)
def _mupdf(data: bytes) -> list[Image.Image]:
    with pymupdf.open(stream=data, filetype="pdf") as document:
        # it paints a flag of its own on signature fields that nobody has signed
        for page in document:
            for widget in page.widgets():
                if widget.field_type == pymupdf.PDF_WIDGET_TYPE_SIGNATURE and not widget.is_signed:
                    document.xref_set_key(widget.xref, "F", "2")
        data = document.tobytes()
    with pymupdf.open(stream=data, filetype="pdf") as document:
        maps = [page.get_pixmap(dpi=72, annots=True) for page in document]
        return [Image.frombytes("RGB", (each.width, each.height), each.samples) for each in maps]


@lru_cache(8)
def _pdfium(data: bytes) -> list[Image.Image]:
    document = pypdfium2.PdfDocument(data)
    document.init_forms()
    return [page.render(scale=1, may_draw_forms=True).to_pil().convert("RGB") for page in document]


def _compare(old: Image.Image, new: Image.Image, boxes: Iterable[Sequence[float]]) -> Iterator[str]:
    if old.size != new.size:
        yield "another size"
        return
    outside = ImageChops.difference(old, new)
    for left, top, right, bottom in boxes:
        around = (left - _AROUND, top - _AROUND, right + _AROUND, bottom + _AROUND)
        ImageDraw.Draw(outside).rectangle(around, fill=0)
        area = tuple(map(round, (left, top, right, bottom)))
        darkest = [ImageChops.darker(*_two(image.crop(area))) for image in (old, new)]
        lost = ImageChops.subtract(darkest[1], darkest[0]).getextrema()[1]
        if lost > _LOST:
            yield f"lost {lost}"
    worst = max(high for _, high in outside.getextrema())
    if worst > _NOISE:
        yield f"outside {worst} {outside.point(lambda v: 255 * (v > _NOISE)).getbbox()}"


def _two(image: Image.Image) -> tuple[Image.Image, Image.Image]:
    red, green, blue = image.split()
    return ImageChops.darker(red, green), blue


def _main(folder: Path, count: int) -> None:
    for number in range(count):
        boxes = json.loads((folder / f"{number}.json").read_text())
        data = [(folder / f"{number}.{which}.pdf").read_bytes() for which in ("old", "new")]
        engines = {
            "MuPDF": [_mupdf(each) for each in data],
            "PDFium": [_pdfium(each) for each in data],
        }
        for engine, (old, new) in engines.items():
            if len(old) != len(new):
                sys.stdout.write(json.dumps([number, f"{engine}: another number of pages"]) + "\n")
            for page, (before, after) in enumerate(zip(old, new, strict=False)):
                for said in _compare(before, after, boxes if page == 0 else ()):
                    sys.stdout.write(json.dumps([number, f"{engine}: {said}"]) + "\n")


if __name__ == "__main__":
    sys.stdout = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8")
    _main(Path(sys.argv[1]), int(sys.argv[2]))
