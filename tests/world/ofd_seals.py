"""Seals whose picture is an OFD document of one page, as tax bureaus and vendors make them, and the
same picture as operators of PDF and as pixels, each written by itself."""

import io
import math
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

SPACE = "http://www.ofdspec.org/2016"
RED = (220, 20, 20)
MM = 72 / 25.4

Point = tuple[float, float]


@dataclass(frozen=True)
class Design:
    """A round seal: a ring, a star, and digits of seven bars."""

    size_mm: float = 40.0
    digits: str = "3213000017"
    points: int = 5
    colour: tuple[int, int, int] = RED

    @property
    def star(self) -> list[Point]:
        middle = self.size_mm / 2
        turns = range(2 * self.points)
        radii = (self.size_mm * 0.22, self.size_mm * 0.09)
        return [
            (
                middle + radii[turn % 2] * math.sin(math.pi * turn / self.points),
                middle - radii[turn % 2] * math.cos(math.pi * turn / self.points),
            )
            for turn in turns
        ]

    @property
    def bars(self) -> list[tuple[float, float, float, float]]:
        """Left, top, width, height of all bars of the digits."""
        wide, tall, thick = 1.2, 2.4, 0.4
        left = self.size_mm / 2 - len(self.digits) * 0.9
        top = self.size_mm * 0.76
        found = []
        for turn, digit in enumerate(self.digits):
            x = left + turn * 1.8
            places = (
                (x, top, wide, thick),
                (x + wide - thick, top, thick, tall / 2),
                (x + wide - thick, top + tall / 2, thick, tall / 2),
                (x, top + tall - thick, wide, thick),
                (x, top + tall / 2, thick, tall / 2),
                (x, top, thick, tall / 2),
                (x, top + tall / 2 - thick / 2, wide, thick),
            )
            found += [place for place, on in zip(places, _SEGMENTS[int(digit)], strict=True) if on]
        return found

    @property
    def ring(self) -> tuple[float, float]:
        """Radius and thickness."""
        return self.size_mm * 0.46, self.size_mm * 0.03


_SEGMENTS = [
    [part in parts for part in "abcdefg"]
    for parts in (
        ("abcdef", "bc", "abged", "abgcd", "fgbc", "afgcd", "afgedc", "abc", "abcdefg", "abcdfg")
    )
]


# --- as OFD --------------------------------------------------------------------------------------


def path_objects(design: Design) -> str:
    """Its shapes, one object each; the ring of two arcs, the star under a matrix."""
    size, (radius, thick) = design.size_mm, design.ring
    middle = size / 2
    colour = " ".join(map(str, design.colour))
    box = f'Boundary="0 0 {size} {size}"'
    ring = (
        f"M {middle - radius} {middle} A {radius} {radius} 0 1 1 {middle + radius} {middle}"
        f" A {radius} {radius} 0 1 1 {middle - radius} {middle} C"
    )
    star = " ".join(
        f"{'M' if not turn else 'L'} {x * 2} {y * 2}" for turn, (x, y) in enumerate(design.star)
    )
    shapes = [
        f'<ofd:PathObject ID="10" {box} LineWidth="{thick}"><ofd:StrokeColor Value="{colour}"/>'
        f"<ofd:AbbreviatedData>{ring}</ofd:AbbreviatedData></ofd:PathObject>",
        f'<ofd:PathObject ID="11" {box} CTM="0.5 0 0 0.5 0 0" Fill="true" Stroke="false">'
        f'<ofd:FillColor Value="{colour}"/>'
        f"<ofd:AbbreviatedData>{star} C</ofd:AbbreviatedData></ofd:PathObject>",
    ]
    for number, (x, y, width, height) in enumerate(design.bars):
        outline = f"M 0 0 L {width} 0 L {width} {height} L 0 {height} C"
        shapes.append(
            f'<ofd:PathObject ID="{20 + number}" Boundary="{x} {y} {width} {height}" Fill="true"'
            f' Stroke="false"><ofd:FillColor Value="{colour}"/>'
            f"<ofd:AbbreviatedData>{outline}</ofd:AbbreviatedData></ofd:PathObject>"
        )
    return "".join(shapes)


def package(
    objects: str,
    size_mm: Sequence[float] = (40.0, 40.0),
    resources: str = "",
    files: Mapping[str, bytes] | None = None,
    extra: Iterable[tuple[str, bytes]] = (),
    page: str = "",
    prolog: str = "",
) -> bytes:
    """An OFD package of one page with these *objects* in its only layer."""
    spaced = f'xmlns:ofd="{SPACE}"'
    entries: dict[str, bytes] = {
        "OFD.xml": f'<ofd:OFD {spaced} Version="1.1"><ofd:DocBody><ofd:DocRoot>Doc_0/Document.xml'
        "</ofd:DocRoot></ofd:DocBody></ofd:OFD>".encode(),
        "Doc_0/Document.xml": f"<ofd:Document {spaced}><ofd:CommonData><ofd:PageArea>"
        "<ofd:PhysicalBox>0 0 210 297</ofd:PhysicalBox></ofd:PageArea>"
        "<ofd:PublicRes>PublicRes.xml</ofd:PublicRes></ofd:CommonData><ofd:Pages>"
        '<ofd:Page ID="1" BaseLoc="Pages/Page_0/Content.xml"/></ofd:Pages>'
        "</ofd:Document>".encode(),
        "Doc_0/PublicRes.xml": f'<ofd:Res {spaced} BaseLoc="Res"><ofd:ColorSpaces>'
        '<ofd:ColorSpace ID="5" Type="RGB" BitsPerComponent="8"/></ofd:ColorSpaces>'
        f"{resources}</ofd:Res>".encode(),
        "Doc_0/Pages/Page_0/Content.xml": f'<?xml version="1.0" encoding="UTF-8"?>{prolog}'
        f"<ofd:Page {spaced}><ofd:Area><ofd:PhysicalBox>0 0 {size_mm[0]} {size_mm[1]}"
        f"</ofd:PhysicalBox></ofd:Area>{page}<ofd:Content><ofd:Layer ID='2'>{objects}</ofd:Layer>"
        "</ofd:Content></ofd:Page>".encode(),
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in (*entries.items(), *(files or {}).items(), *extra):
            made.writestr(name, data)
    return buffer.getvalue()


def vector_ofd(design: Design) -> bytes:
    """The picture by lines and grounds."""
    return package(path_objects(design), (design.size_mm, design.size_mm))


def pixel_ofd(design: Design) -> bytes:
    """The picture as a PNG inside the package."""
    size = design.size_mm
    return package(
        f'<ofd:ImageObject ID="10" Boundary="0 0 {size} {size}" CTM="{size} 0 0 {size} 0 0"'
        ' ResourceID="7"/>',
        (size, size),
        '<ofd:MultiMedias><ofd:MultiMedia ID="7" Type="Image" Format="PNG"><ofd:MediaFile>seal.png'
        "</ofd:MediaFile></ofd:MultiMedia></ofd:MultiMedias>",
        {"Doc_0/Res/seal.png": pixels(design)},
    )


# --- as pixels, drawn by Pillow ------------------------------------------------------------------


def pixels(design: Design, side: int = 480, clear: bool = True) -> bytes:
    """PNG, drawn four times as large and reduced."""
    large = side * 4
    scale = large / design.size_mm
    ground = (255, 255, 255, 0) if clear else (255, 255, 255, 255)
    image = Image.new("RGBA", (large, large), ground)
    draw = ImageDraw.Draw(image)
    radius, thick = (each * scale for each in design.ring)
    outer = radius + thick / 2
    middle = large / 2
    draw.ellipse(
        (middle - outer, middle - outer, middle + outer, middle + outer),
        outline=design.colour,
        width=round(thick),
    )
    draw.polygon([(x * scale, y * scale) for x, y in design.star], fill=design.colour)
    for x, y, width, height in design.bars:
        draw.rectangle(
            (x * scale, y * scale, (x + width) * scale - 1, (y + height) * scale - 1),
            fill=design.colour,
        )
    if clear:  # reduced without the white of what is not there
        alpha = image.getchannel("A").resize((side, side), Image.Resampling.BOX)
        flat = Image.new("RGB", (side, side), design.colour)
        flat.putalpha(alpha)
        image = flat
    else:
        image = image.convert("RGB").resize((side, side), Image.Resampling.BOX)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


# --- as operators of PDF -------------------------------------------------------------------------


def operators(design: Design, side: float) -> bytes:
    """The picture on a square of *side* points from the lower left."""
    scale = side / design.size_mm
    red, green, blue = (each / 255 for each in design.colour)
    middle, (radius, thick) = design.size_mm / 2, design.ring
    bend = radius * 0.5522847498
    lines = [
        f"q {scale} 0 0 {-scale} 0 {side} cm",
        f"{red} {green} {blue} rg {red} {green} {blue} RG {thick} w",
        f"{middle + radius} {middle} m",
    ]
    for (ax, ay), (bx, by) in (
        ((1, 0), (0, 1)), ((0, 1), (-1, 0)), ((-1, 0), (0, -1)), ((0, -1), (1, 0)),
    ):  # fmt: skip
        one = middle + ax * radius + bx * bend, middle + ay * radius + by * bend
        two = middle + bx * radius + ax * bend, middle + by * radius + ay * bend
        end = middle + bx * radius, middle + by * radius
        lines.append(f"{one[0]} {one[1]} {two[0]} {two[1]} {end[0]} {end[1]} c")
    lines.append("h S")
    for turn, (x, y) in enumerate(design.star):
        lines.append(f"{x} {y} {'l' if turn else 'm'}")
    lines.append("h f")
    lines += [f"{x} {y} {width} {height} re f" for x, y, width, height in design.bars]
    return "\n".join((*lines, "Q")).encode()
