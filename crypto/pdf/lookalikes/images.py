"""A stranger's image in a copy that is large enough to look for seals in it, within bounds.

Tolerant where :mod:`crypto.pdf.marks.picture` is strict: nothing is proved with these pixels, so
colour profiles are passed over and every common encoding is read.
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pyhanko.pdf_utils import generic

from crypto.pdf.lookalikes.red_shapes import is_red
from crypto.pdf.reading.access import entry, follow
from crypto.png_file import COLOURS, png_file
from crypto.seal.imprint import ImprintError

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PIXELS = 16_000_000
MAX_BYTES = 24 << 20
"""Of an image as it stands in the file."""

_MAX_SLOW_PIXELS = 2_000_000
"""Decoding JPEG 2000 is slow."""
_MAX_TABLE = 4096
_ENOUGH = (900, 1300)
"""A page in cells of a third of a millimetre."""
_MODES = {1: "L", 3: "RGB", 4: "CMYK"}


def small_copy(image: generic.StreamObject, room: int = MAX_PIXELS) -> Image | None:
    """The image on white paper, RGB; None if it has no colours.

    *room*: how many pixels it may have at most. Raises :class:`ImprintError` if it is too large or
    of a kind that is not read, and what pyHanko raises on damaged objects."""
    from PIL import Image as Pillow

    mode, palette = _colours(image)
    if mode == "L" or (mode == "P" and len(palette) > 2 and not _has_red(palette)):
        return None
    if int(image["/Width"]) * int(image["/Height"]) > room:
        raise ImprintError("absurd picture size")
    picture = _decoded(image, mode, palette).convert("RGB")
    mask = entry(image, "/SMask")
    if isinstance(mask, generic.StreamObject):
        alpha = _decoded(mask, "L", b"").convert("L").resize(picture.size)
        paper = Pillow.new("RGB", picture.size, "white")
        paper.paste(picture, mask=alpha)
        return paper
    return picture


def _colours(image: generic.StreamObject) -> tuple[str, bytes]:
    """(Pillow's mode, the palette in RGB if there is one). An unknown space counts as RGB."""
    if entry(image, "/ImageMask", False) or entry(image, "/BitsPerComponent", 8) == 1:
        space = entry(image, "/ColorSpace")
        if not (isinstance(space, generic.ArrayObject) and follow(space[0]) == "/Indexed"):
            return "L", b""
    return _space(entry(image, "/ColorSpace"))


def is_colourless(space: Any) -> bool:
    """Has this colour space greys only?"""
    return _space(space)[0] == "L"


def _space(space: Any, depth: int = 0) -> tuple[str, bytes]:
    if isinstance(space, generic.ArrayObject) and len(space) and depth < 3:
        kind = follow(space[0])
        if kind == "/Indexed" and len(space) == 4:
            base, _ = _space(follow(space[1]), depth + 1)
            table = follow(space[3])
            if isinstance(table, generic.StreamObject) and len(table.encoded_data) > _MAX_TABLE:
                raise ImprintError("absurd palette")
            payload = table.data if hasattr(table, "data") else table.original_bytes
            return ("L", b"") if base == "L" else ("P", _as_rgb(bytes(payload[:1024]), base))
        if kind == "/ICCBased" and len(space) == 2:
            return _MODES.get(int(entry(follow(space[1]), "/N", 3)), "RGB"), b""
        if kind in ("/CalGray", "/DeviceGray", "/Separation"):
            return "L", b""
        return "RGB", b""
    names = {"/DeviceGray": "L", "/CalGray": "L", "/DeviceCMYK": "CMYK"}
    return names.get(str(space), "RGB"), b""


def _has_red(palette: bytes) -> bool:
    return any(
        is_red(*(value / 255 for value in palette[place : place + 3]))
        for place in range(0, len(palette) - 2, 3)
    )


def _as_rgb(table: bytes, base: str) -> bytes:
    """A palette's colours."""
    from PIL import Image as Pillow

    if base != "CMYK":
        return table[: len(table) // 3 * 3]
    count = len(table) // 4
    row = Pillow.frombytes("CMYK", (max(count, 1), 1), table[: 4 * count] or bytes(4))
    return row.convert("RGB").tobytes()


def _decoded(image: generic.StreamObject, mode: str, palette: bytes) -> Image:
    width, height = int(image["/Width"]), int(image["/Height"])
    payload = image.encoded_data
    if width <= 0 or height <= 0 or width * height > MAX_PIXELS or len(payload) > MAX_BYTES:
        raise ImprintError("absurd picture size")
    filters = entry(image, "/Filter", ())
    names = [str(name) for name in filters] if isinstance(filters, list | tuple) else [str(filters)]
    if names == ["/JPXDecode"] and width * height > _MAX_SLOW_PIXELS:
        raise ImprintError("absurd picture size")
    if names in (["/DCTDecode"], ["/JPXDecode"]):
        return _photo(payload, draft=names == ["/DCTDecode"])
    if names not in ([], ["/FlateDecode"]):
        raise ImprintError("an encoding that is not read here")
    bits = int(entry(image, "/BitsPerComponent", 8))
    if bits not in ((1, 2, 4, 8) if mode == "P" else (8,)):
        raise ImprintError("an unusual depth")
    parameters = entry(image, "/DecodeParms")
    if isinstance(parameters, generic.ArrayObject):
        parameters = follow(parameters[0]) if len(parameters) else None
    predictor = 1
    if names and isinstance(parameters, generic.DictionaryObject):
        predictor = int(entry(parameters, "/Predictor", 1))
    if predictor >= 10:
        made = _as_png(payload, (width, height), mode, bits)
    elif predictor == 1:
        made = _plain(payload, (width, height), mode, bits, packed=bool(names))
    else:
        raise ImprintError("an encoding that is not read here")
    if mode == "P":
        made.putpalette(palette)
    return made


def _plain(payload: bytes, size: tuple[int, int], mode: str, bits: int, *, packed: bool) -> Image:
    from PIL import Image as Pillow

    row = (size[0] * bits + 7) // 8 if mode == "P" else size[0] * len(mode)
    needed = row * size[1]
    if packed:
        payload = zlib.decompressobj().decompress(payload, needed)
    if len(payload) < needed:
        raise ImprintError("image data is too short")
    raw = f"P;{bits}" if mode == "P" and bits < 8 else mode
    return Pillow.frombytes(mode, size, payload[:needed], "raw", raw)


def _as_png(payload: bytes, size: tuple[int, int], mode: str, bits: int) -> Image:
    """PDF's predictors are PNG's: in its wrapping the data is a PNG, which Pillow decodes."""
    if mode not in COLOURS:
        raise ImprintError("an encoding that is not read here")
    palette = bytes(768) if mode == "P" else b""  # the image's own comes later
    return _opened(png_file(size, mode, bits, payload, palette), ("PNG",), None)


def _photo(payload: bytes, *, draft: bool) -> Image:
    return _opened(payload, ("JPEG",) if draft else ("JPEG2000",), _ENOUGH if draft else None)


def _opened(payload: bytes, formats: tuple[str, ...], draft: tuple[int, int] | None) -> Image:
    from PIL import Image as Pillow

    try:
        picture = Pillow.open(io.BytesIO(payload), formats=formats)
        limit = _MAX_SLOW_PIXELS if formats == ("JPEG2000",) else MAX_PIXELS
        if picture.width * picture.height > limit:
            raise ImprintError("absurd picture size")
        if draft:
            picture.draft(None, draft)
        picture.load()
    except ImprintError:
        raise
    except Exception as error:  # a damaged picture raises nearly anything in Pillow
        raise ImprintError(f"the picture cannot be read: {error}") from error
    return picture


# --- inline images -----------------------------------------------------------------------------

_SHORT = {
    b"W": b"Width", b"H": b"Height", b"BPC": b"BitsPerComponent", b"CS": b"ColorSpace",
    b"F": b"Filter", b"IM": b"ImageMask", b"DP": b"DecodeParms", b"RGB": b"DeviceRGB",
    b"G": b"DeviceGray", b"CMYK": b"DeviceCMYK", b"Fl": b"FlateDecode", b"DCT": b"DCTDecode",
}  # fmt: skip


def inline_image(header: bytes, data: bytes) -> generic.StreamObject | None:
    """The image object that an inline image abbreviates; None if it has more than plain entries."""
    image = generic.StreamObject(encoded_data=data)
    words = list(_header_words(header))
    if len(words) % 2:
        return None
    for key, value in zip(words[::2], words[1::2], strict=True):
        if not isinstance(key, generic.NameObject):
            return None
        image[key] = value
    return image


def _header_words(header: bytes) -> Iterator[generic.PdfObject]:
    for run in header.split():
        for part in re.findall(rb"/?[^/]+", run):
            if part.startswith(b"/"):
                yield generic.NameObject("/" + _SHORT.get(part[1:], part[1:]).decode("latin-1"))
            elif part.isdigit() and len(part) < 10:
                yield generic.NumberObject(part.decode())
            else:
                yield generic.BooleanObject(part == b"true")
