"""A seal's picture given as an OFD document of one page (GB/T 33190) → a PDF of one page.

Paths, pictures, and text in fonts that the package brings. Whatever else the page shows — a font
that it only names, patterns, shadings, clips, templates, composites — raises, because what is left
out would make another picture of it: a seal's picture is drawn to be compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from crypto.rendering.ofd_package import Package, PackageError, resolve
from crypto.rendering.ofd_paths import number, numbers, outline, told
from crypto.rendering.one_page import FontMissing, OnePage, PictureError
from crypto.rendering.plain_xml import Element, XmlError, read_xml

MAX_OBJECTS = 20_000
_MAX_NESTED = 8
_LARGEST_MM = 500.0
_LINE_MM = 0.353
"""OFD's usual line."""
_SPACES = {"RGB": (3, "rg", "RG"), "GRAY": (1, "g", "G"), "CMYK": (4, "k", "K")}
_CAPS, _JOINS = ("Butt", "Round", "Square"), ("Miter", "Round", "Bevel")
_KNOWN = {
    "PathObject": frozenset(("FillColor", "StrokeColor", "AbbreviatedData")),
    "ImageObject": frozenset[str](),
    "TextObject": frozenset(("FillColor", "TextCode", "CGTransform")),
}
"""Children that are followed; Actions show nothing."""
_REFUSED = ("DrawParam", "DashPattern", "ImageMask", "Substitution", "CharDirection")
_REFUSED_ON_PAGE = ("Template", "Actions")

Glyphs = Callable[[bytes], Callable[[int], int]]
"""For a font file: which glyph shows a character, 0 for none."""


def ofd_as_pdf(data: bytes, glyphs: Glyphs) -> bytes:
    """The only page of the only document in *data*. Raises :class:`PictureError`, for text in a
    font that it does not bring :class:`FontMissing`."""
    try:
        return _Picture(Package(data), glyphs).drawn()
    except (PackageError, XmlError) as error:
        raise PictureError(str(error)) from error


@dataclass
class _Font:
    name: str
    file: str
    shown: str = ""
    """Its name on the page, once something is set in it."""
    glyph: Callable[[int], int] = field(default=lambda code: 0)


class _Picture:
    def __init__(self, package: Package, glyphs: Glyphs) -> None:
        self._package, self._glyphs = package, glyphs
        self._spaces: dict[str, str] = {}
        self._fonts: dict[str, _Font] = {}
        self._media: dict[str, str] = {}
        self._images: dict[str, str] = {}
        self._objects = 0

    def _xml(self, name: str) -> Element:
        return read_xml(self._package.read(name))

    def drawn(self) -> bytes:
        bodies = list(self._xml("OFD.xml").all("DocBody"))
        if len(bodies) != 1 or not bodies[0].said("DocRoot"):
            raise PictureError("not exactly one document")
        root = resolve("OFD.xml", bodies[0].said("DocRoot"))
        document = self._xml(root)
        pages = document.first("Pages")
        listed = list(pages.all("Page")) if pages is not None else []
        if len(listed) != 1 or document.first("Annotations") is not None:
            raise PictureError("not one page alone")
        common = document.first("CommonData")
        for kind in ("PublicRes", "DocumentRes"):
            for place in common.all(kind) if common is not None else ():
                self._read_resources(resolve(root, place.text.strip()))
        name = resolve(root, listed[0].attributes.get("BaseLoc", ""))
        page = self._xml(name)
        for place in page.all("PageRes"):
            self._read_resources(resolve(name, place.text.strip()))
        if any(page.first(kind) is not None for kind in _REFUSED_ON_PAGE):
            raise PictureError("a page with a template")
        box = page.said("Area", "PhysicalBox") or document.said(
            "CommonData", "PageArea", "PhysicalBox"
        )
        left, top, width, height = numbers(box, 4)
        if not (0 < width <= _LARGEST_MM and 0 < height <= _LARGEST_MM):
            raise PictureError("a page of such a size")
        sheet = OnePage(width, height)
        sheet.content.append(f"1 0 0 1 {told(-left, -top)} cm")
        content = page.first("Content")
        for layer in _in_order(content):
            if layer.name != "Layer" or "DrawParam" in layer.attributes:
                raise PictureError("a layer of another form")
            self._draw_all(layer, sheet, 0)
        return sheet.pdf()

    # --- resources -----------------------------------------------------------------------------

    def _read_resources(self, name: str) -> None:
        found = self._xml(name)
        base = found.attributes.get("BaseLoc", "")

        def placed(path: str) -> str:
            inside = f"{base.rstrip('/')}/{path}" if base and not path.startswith("/") else path
            for member in (inside, path):
                made = resolve(name, member)
                if self._package.has(made):
                    return made
            raise PictureError("a resource is missing")

        for group in found.children:
            for resource in group.children:
                key = resource.attributes.get("ID", "")
                if resource.name == "ColorSpace":
                    if resource.attributes.get("BitsPerComponent", "8") != "8":
                        raise PictureError("colours of another depth")
                    self._spaces[key] = resource.attributes.get("Type", "").upper()
                elif resource.name == "Font":
                    file = resource.said("FontFile")
                    called = resource.attributes.get("FontName", "")
                    self._fonts[key] = _Font(called, placed(file) if file else "")
                elif resource.name == "MultiMedia" and resource.said("MediaFile"):
                    self._media[key] = placed(resource.said("MediaFile"))

    def _colour(self, element: Element, *, stroke: bool) -> str:
        """The operator that sets a colour. Patterns and shadings are not followed."""
        if element.children:
            raise PictureError("a pattern or a shading")
        values = element.attributes.get("Value", "").split()
        space = element.attributes.get("ColorSpace")
        kind = "RGB" if space is None else self._spaces.get(space, "")
        if kind not in _SPACES or "Index" in element.attributes:
            raise PictureError("a colour space of another kind")
        count, *operators = _SPACES[kind]
        parts = [_part(word) / 255 for word in values] if values else [0.0] * count
        if len(parts) != count:
            raise PictureError("a colour of another kind")
        return f"{told(*parts)} {operators[stroke]}"

    # --- objects -------------------------------------------------------------------------------

    def _draw_all(self, group: Element, sheet: OnePage, depth: int) -> None:
        if depth > _MAX_NESTED:
            raise PictureError("blocks nested too deep")
        for child in group.children:
            self._objects += 1
            if self._objects > MAX_OBJECTS:
                raise PictureError("too many objects")
            if child.name == "PageBlock":
                self._draw_all(child, sheet, depth + 1)
            elif child.name in _KNOWN:
                self._draw(child, sheet)
            else:
                raise PictureError(f"an object of another kind: {child.name[:40]}")

    def _draw(self, each: Element, sheet: OnePage) -> None:
        entries = each.attributes
        if entries.get("Visible", "true") in ("false", "0"):
            return
        strange = {child.name for child in each.children} - _KNOWN[each.name] - {"Actions"}
        if strange or any(key in entries for key in _REFUSED):
            raise PictureError(f"more than is known of {each.name}")
        x, y, width, height = numbers(entries.get("Boundary", ""), 4)
        page = sheet.content
        page += ["q", f"{told(x, y, width, height)} re W n"]
        alpha = _part(entries.get("Alpha", "255")) / 255
        if alpha < 1:
            page.append(f"{sheet.opacity(alpha)} gs")
        page.append(f"1 0 0 1 {told(x, y)} cm")
        if "CTM" in entries:
            page.append(f"{told(*numbers(entries['CTM'], 6))} cm")
        draw: Mapping[str, Callable[[Element, OnePage], None]] = {
            "PathObject": self._path,
            "ImageObject": self._image,
            "TextObject": self._text,
        }
        draw[each.name](each, sheet)
        page.append("Q")

    def _path(self, each: Element, sheet: OnePage) -> None:
        entries, page = each.attributes, sheet.content
        stroke = _truth(entries.get("Stroke", "true"))
        inside, line = each.first("FillColor"), each.first("StrokeColor")
        fill = _truth(entries.get("Fill", "false")) and inside is not None
        alphas = {
            _part(part.attributes.get("Alpha", "255")) / 255
            for part, used in ((inside, fill), (line, stroke))
            if used and part is not None
        }
        if len(alphas) > 1:
            raise PictureError("line and ground of different opacity")
        if fill and inside is not None:
            page.append(self._colour(inside, stroke=False))
        if stroke:
            page.append(self._colour(line, stroke=True) if line is not None else "0 G")
            page.append(f"{told(number(entries.get('LineWidth', str(_LINE_MM))))} w")
            page.append(f"{_choice(entries.get('Cap', 'Butt'), _CAPS)} J")
            page.append(f"{_choice(entries.get('Join', 'Miter'), _JOINS)} j")
            page.append(f"{told(max(1.0, number(entries.get('MiterLimit', '4.234'))))} M")
        if alphas and min(alphas) < 1:
            page.append(f"{sheet.opacity(min(alphas))} gs")
        page += outline(each.said("AbbreviatedData"))
        even_odd = entries.get("Rule", "NonZero") == "Even-Odd"
        page.append(_painted(fill, stroke, even_odd))

    def _image(self, each: Element, sheet: OnePage) -> None:
        media = self._media.get(each.attributes.get("ResourceID", ""))
        if media is None:
            raise PictureError("a picture is missing")
        if media not in self._images:
            self._images[media] = sheet.image(self._package.read(media))
        sheet.content.append(f"1 0 0 -1 0 1 cm {self._images[media]} Do")

    def _text(self, each: Element, sheet: OnePage) -> None:
        entries, page = each.attributes, sheet.content
        font = self._fonts.get(entries.get("Font", ""))
        if font is None:
            raise PictureError("a font that is nowhere")
        if not font.file:
            raise FontMissing(font.name[:60])
        if (
            _truth(entries.get("Stroke", "false"))
            or not _truth(entries.get("Fill", "true"))
            or number(entries.get("HScale", "1")) != 1
            or number(entries.get("ReadDirection", "0")) != 0
            or _truth(entries.get("Italic", "false"))
            or entries.get("Weight", "400") not in ("400", "0")
        ):
            raise PictureError("text of another form")
        if not font.shown:
            data = self._package.read(font.file)
            font.shown = sheet.font(data)
            font.glyph = self._glyphs(data)
        colour = each.first("FillColor")
        page.append(self._colour(colour, stroke=False) if colour is not None else "0 g")
        size = number(entries.get("Size", ""))
        page.append(f"BT {font.shown} {told(size)} Tf")
        codes = [code for code in each.children if code.name == "TextCode"]
        shown = list(self._glyphs_of(each, codes, font))
        for (x, y), glyph in shown:
            page.append(f"1 0 0 -1 {told(x, y)} Tm <{glyph:04x}> Tj")
        page.append("ET")

    def _glyphs_of(
        self, each: Element, codes: list[Element], font: _Font
    ) -> Iterator[tuple[tuple[float, float], int]]:
        """Where each glyph stands, and its number."""
        given: dict[int, list[int]] = {}
        for change in each.all("CGTransform"):
            at = int(number(change.attributes.get("CodePosition", "")))
            counts = [change.attributes.get(key, "1") for key in ("CodeCount", "GlyphCount")]
            listed = [int(number(word)) for word in change.said("Glyphs").split()]
            if counts[0] != counts[1] or len(listed) != int(number(counts[0])):
                raise PictureError("glyphs that are not one for one")
            given |= {at + turn: [glyph] for turn, glyph in enumerate(listed)}
        position = 0
        x = y = 0.0
        for code in codes:
            x, y = (number(code.attributes.get(key, str(old))) for key, old in (("X", x), ("Y", y)))
            steps = [_steps(code.attributes.get(key, "")) for key in ("DeltaX", "DeltaY")]
            there = [x, y]
            for turn, char in enumerate(code.text):
                glyph = given.get(position, [0])[0] or font.glyph(ord(char))
                if not (0 < glyph < 0x10000) and not char.isspace():
                    raise FontMissing(font.name[:60])
                yield (there[0], there[1]), max(0, glyph)
                position += 1
                for axis in (0, 1):
                    there[axis] += steps[axis][turn] if turn < len(steps[axis]) else 0.0


def _steps(text: str) -> list[float]:
    """The distances of DeltaX and DeltaY, in which ``g n d`` stands for n times d."""
    words = text.split()
    found: list[float] = []
    at = 0
    while at < len(words):
        if words[at] == "g":
            count = int(number(words[at + 1])) if at + 2 < len(words) else -1
            if not 0 <= count <= MAX_OBJECTS:
                raise PictureError("distances of another form")
            found += [number(words[at + 2])] * count
            at += 3
        else:
            found.append(number(words[at]))
            at += 1
    return found


def _in_order(content: Element | None) -> list[Element]:
    """The layers, those of the ground first (GB/T 33190 §7.7)."""
    ranks = {"Background": 0, "Body": 1, "Foreground": 2}
    layers = content.children if content is not None else []

    def rank(layer: Element) -> int:
        return _choice(layer.attributes.get("Type", "Body"), tuple(ranks))

    return sorted(layers, key=rank)


def _painted(fill: bool, stroke: bool, even_odd: bool) -> str:
    if fill:
        return ("B" if stroke else "f") + ("*" if even_odd else "")
    return "S" if stroke else "n"


def _truth(word: str) -> bool:
    return bool(_choice(word, ("false", "true", "0", "1")) % 2)


def _choice(word: str, known: tuple[str, ...]) -> int:
    if word not in known:
        raise PictureError("a word that is not known")
    return known.index(word)


def _part(word: str) -> float:
    """One part of a colour, 0 to 255, decimal or as ``#FF``."""
    try:
        value = float(int(word[1:], 16)) if word.startswith("#") else number(word)
    except ValueError as error:
        raise PictureError("not a colour") from error
    if not 0 <= value <= 255:
        raise PictureError("not a colour")
    return value
