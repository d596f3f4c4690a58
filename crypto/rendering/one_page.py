"""A PDF of one page, written from operators: what a seal's picture becomes, so that the engines
that draw documents draw it as well.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

from crypto.lengths import MM
from crypto.seal.imprint import ImprintError, decode_imprint


class PictureError(ValueError):
    """The picture cannot be drawn; the text says what of it is not known here."""


class FontMissing(PictureError):
    """It shows text in a font that it does not bring; the text is the font's name."""


@dataclass
class OnePage:
    """A page under construction. Operators count in millimetres from its upper left."""

    width_mm: float
    height_mm: float
    content: list[str] = field(default_factory=list)
    _objects: list[bytes] = field(default_factory=lambda: [b""] * 3)
    _xobjects: list[int] = field(default_factory=list)
    _fonts: list[int] = field(default_factory=list)
    _alphas: dict[float, str] = field(default_factory=dict)

    def image(self, data: bytes) -> str:
        """The name of a picture (PNG, GIF, BMP or JPEG). Raises :class:`PictureError`."""
        try:
            pixels = decode_imprint(data)
        except ImprintError as error:
            raise PictureError(str(error)) from error
        size, mask = (pixels.width, pixels.height), ""
        if pixels.alpha is not None:
            mask = f"/SMask {self._image(size, 'Gray', pixels.alpha)} 0 R"
        number = self._image(size, "RGB", pixels.rgb, mask)
        self._xobjects.append(number)
        return f"/X{number}"

    def _image(self, size: tuple[int, int], space: str, data: bytes, more: str = "") -> int:
        entries = (
            f"/Type/XObject/Subtype/Image/Width {size[0]}/Height {size[1]}/BitsPerComponent 8"
            f"/ColorSpace/Device{space}{more}"
        )
        return self._stream(entries, data)

    def font(self, data: bytes) -> str:
        """The name of a font, a TrueType or OpenType file whose glyphs are then shown by number.
        Raises :class:`PictureError`."""
        if data[:4] == b"OTTO":
            file = self._stream("/Subtype/OpenType", data)
            kind, key, mapped = "CIDFontType0", "FontFile3", ""
        elif data[:4] in (b"\0\1\0\0", b"true"):
            file = self._stream(f"/Length1 {len(data)}", data)
            kind, key, mapped = "CIDFontType2", "FontFile2", "/CIDToGIDMap/Identity"
        else:
            raise PictureError("a font of another kind")
        descriptor = self._add(
            b"<</Type/FontDescriptor/FontName/F/Flags 4/FontBBox[0 0 1000 1000]/ItalicAngle 0"
            b"/Ascent 900/Descent -200/CapHeight 700/StemV 80/%s %d 0 R>>" % (key.encode(), file)
        )
        inner = self._add(
            b"<</Type/Font/Subtype/%s/BaseFont/F/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)"
            b"/Supplement 0>>/FontDescriptor %d 0 R/DW 1000%s>>"
            % (kind.encode(), descriptor, mapped.encode())
        )
        number = self._add(
            b"<</Type/Font/Subtype/Type0/BaseFont/F/Encoding/Identity-H/DescendantFonts[%d 0 R]>>"
            % inner
        )
        self._fonts.append(number)
        return f"/F{number}"

    def opacity(self, alpha: float) -> str:
        """The name of a graphics state in which everything is painted with *alpha*, 0 to 1."""
        return self._alphas.setdefault(round(alpha, 4), f"/A{len(self._alphas)}")

    def pdf(self) -> bytes:
        """The document."""
        width, height = self.width_mm * MM, self.height_mm * MM
        text = "\n".join((f"{MM:.8f} 0 0 {-MM:.8f} 0 {height:.4f} cm", *self.content))
        content = self._stream("", text.encode("ascii"))
        states = "".join(f"{key}<</ca {a}/CA {a}>>" for a, key in self._alphas.items())
        xobjects = "".join(f"/X{number} {number} 0 R" for number in self._xobjects)
        fonts = "".join(f"/F{number} {number} 0 R" for number in self._fonts)
        self._objects[0] = b"<</Type/Catalog/Pages 2 0 R>>"
        self._objects[1] = b"<</Type/Pages/Kids[3 0 R]/Count 1>>"
        page = (
            f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 {width:.4f} {height:.4f}]"
            f"/Contents {content} 0 R/Resources<</XObject<<{xobjects}>>/Font<<{fonts}>>"
            f"/ExtGState<<{states}>>>>>>"
        )
        self._objects[2] = page.encode("ascii")
        out = bytearray(b"%PDF-1.7\n")
        places = []
        for number, body in enumerate(self._objects, 1):
            places.append(len(out))
            out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
        start, count = len(out), len(places) + 1
        out += b"xref\n0 %d\n0000000000 65535 f \n" % count
        out += b"".join(b"%010d 00000 n \n" % place for place in places)
        out += b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (count, start)
        return bytes(out)

    def _add(self, body: bytes) -> int:
        self._objects.append(body)
        return len(self._objects)

    def _stream(self, entries: str, data: bytes) -> int:
        packed = zlib.compress(data, 1)
        head = f"<<{entries}/Filter/FlateDecode/Length {len(packed)}>>stream\n".encode("ascii")
        return self._add(head + packed + b"\nendstream")
