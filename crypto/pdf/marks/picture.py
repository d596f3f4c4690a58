"""The imprint as pixels: decoding a seal's picture, and comparing it with what a mark shows.

Is the visible mark the imprint that was signed? The picture is compared, not believed.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pyhanko.pdf_utils import generic

from crypto.frozen import frozen
from crypto.pdf.marks.appearance import Drawing, Picture
from crypto.pdf.marks.visible_part import NOTHING, Part
from crypto.pdf.reading.access import entry, follow
from crypto.pdf.reading.failures import PARSER_FAILURES
from crypto.seal.imprint import MAX_PIXELS, ImprintError, Raster, decode_imprint
from crypto.seal.structure import Seal
from crypto.verdict import Finding

if TYPE_CHECKING:
    from PIL.Image import Image

SIZE_TOLERANCE_MM = 0.5

_THUMB, _SPOTS = 128, 32
"""Both pictures are shrunk to 128×128 and compared in 32×32 spots, about a millimetre of a seal."""
_SAME, _OTHER = 40.0, 40.0
"""Differences of 0–255. The same picture, scaled or JPEG, differs by less than 36 in its worst
spot; one other character in a company's name by more than 90, though by 0.2 in the mean. Another
picture altogether is one that differs by more than 40 in the mean."""
_LIGHT, _OPAQUE = 200, 128
_BLACK, _MOST_INK = 96, 0.5
"""A colour all of whose parts are darker hides black text; and of a picture, such ink."""
_BLACK_TWICE = 157
"""Multiplied by itself such a colour is as dark as :data:`_BLACK`."""
_MAX_COVER = 0.01
"""A picture that is not multiplied may cover the page with ink, but with hardly any paper-white."""


def as_stencil(raster: Raster) -> Raster:
    """The same with pixels that are either ink or not there: light ones are paper where the picture
    says nothing of what shows through."""
    from PIL import Image as Pillow

    size = (raster.width, raster.height)
    if raster.alpha is not None:
        shown = Pillow.frombytes("L", size, raster.alpha)
        kept = shown.point(lambda value: 255 if value > _OPAQUE else 0)
    else:
        kept = _darkest(raster).point(lambda value: 0 if value > _LIGHT else 255)
    return Raster(raster.width, raster.height, raster.rgb, kept.tobytes())


def mask_bits(width: int, height: int, alpha: bytes) -> bytes:
    """*alpha* (0 or 255 a pixel) as the data of an explicit mask: 1 bit a pixel, 1 where nothing is
    painted, rows padded to whole bytes."""
    from PIL import Image as Pillow

    picture = Pillow.frombytes("L", (width, height), alpha)
    return picture.point(lambda value: 0 if value > _OPAQUE else 255, "1").tobytes()


@frozen
class MarkCheck:
    """What was found about one visible mark of a seal."""

    findings: tuple[Finding, ...]
    harmless: bool
    """It draws its seal's picture and nothing else, not larger than the seal, and hides nothing but
    what its ink covers: added later, it cannot have changed how the document reads."""
    true_size: bool = False
    """It shows the seal's picture as large as the seal says."""
    part: Part = NOTHING
    """What is seen of the seal's picture."""
    size_mm: tuple[float, float] = (0.0, 0.0)
    """Of the whole picture, seen or not."""
    solid: bool = False
    """Most of it is ink through which no text can be read."""
    dense: bool = False
    """Most of it is ink through which no text can be read where it lies twice."""
    opaque: bool = False
    """Its ink is not multiplied onto the page: it hides what it covers."""


def check_mark(drawing: Drawing, place: Mapping[str, str], seal: Seal) -> MarkCheck:
    """mark_matches, mark_differs or mark_unreadable for what a widget draws, and mark_size_differs;
    *place* goes into their details.

    Identical pixels match at once; otherwise pictures are compared as seen on paper. A different
    picture is called different only if it has the seal's proportions: a slice of a riding seam may
    have been cut as an image of its own. Whether enough of the picture is seen, is for the caller
    to say, who knows the other marks."""
    shown = dict(place)

    def unreadable(reason: str) -> MarkCheck:
        return MarkCheck((Finding("mark_unreadable", {**shown, "reason": reason}),), False)

    if drawing.other:
        return unreadable(" + ".join(sorted(drawing.other)))
    if len(drawing.pictures) != 1:
        return unreadable(f"{len(drawing.pictures)} pictures")
    picture = drawing.pictures[0]
    try:
        spelling = _spelling(picture.image)
        mean, worst = _remembered(
            spelling and (spelling, hashlib.sha256(seal.picture).digest()),
            lambda: _differences(_raster(picture.image), _decoded(seal.picture)),
        )
        harmless = picture.see_through or _remembered(
            spelling, lambda: _only_ink(_raster(picture.image))
        )
        solid = _remembered(
            spelling and (spelling, picture.see_through),
            lambda: _is_solid(_raster(picture.image), picture.see_through),
        )
        dense = _remembered(
            spelling and (spelling, picture.see_through, "twice"),
            lambda: _is_solid(_raster(picture.image), picture.see_through, _BLACK_TWICE),
        )
    except (ImprintError, *PARSER_FAILURES) as error:
        return unreadable(str(error)[:100])
    if mean > _OTHER and _has_proportions(picture, seal):
        return MarkCheck((Finding("mark_differs", shown),), False)
    if worst >= _SAME:
        return unreadable(f"difference {worst:.0f}/255")
    if picture.part is None:
        return unreadable("clip")
    findings = [Finding("mark_matches", shown)]
    size = (picture.width_mm, picture.height_mm)
    wanted = (seal.width_mm, seal.height_mm)
    if any(abs(a - b) > SIZE_TOLERANCE_MM for a, b in zip(size, wanted, strict=True)):
        shown["size"] = f"{size[0]:.1f}×{size[1]:.1f}"
        shown["signed"] = f"{wanted[0]}×{wanted[1]}"
        findings.append(Finding("mark_size_differs", shown))
    fits = all(a <= b + SIZE_TOLERANCE_MM for a, b in zip(size, wanted, strict=True))
    is_true = len(findings) == 1
    harmless = fits and harmless
    opaque = not picture.see_through
    return MarkCheck(tuple(findings), harmless, is_true, picture.part, size, solid, dense, opaque)


_T = TypeVar("_T")
_memory: dict[object, Any] = {}
_MEMORY = 64


def _remembered(key: object, answer: Callable[[], _T]) -> _T:
    """*answer*, asked for once where *key* says all that it depends on: a company's seal is drawn
    alike in thousands of documents, and decoding it costs more than the rest of a verification.
    *key* None: not remembered."""
    found: _T | None = _memory.get(key)
    if found is not None:  # asked once: another thread may empty the memory in between
        return found
    made = answer()
    if key is not None:
        if len(_memory) >= _MEMORY:
            _memory.clear()
        _memory[key] = made
    return made


def _spelling(image: generic.StreamObject) -> bytes | None:
    """A digest of everything that :func:`_raster` reads of *image*; None where that is elsewhere
    (behind a reference) or not plain names and numbers."""
    hasher = hashlib.sha256()
    masked = dict.get(image, "/SMask")
    mask = follow(masked)
    for stream in (image, mask) if masked is not None else (image,):
        if not isinstance(stream, generic.StreamObject):
            return None
        for key, value in sorted(stream.items()):
            if stream is image and key == "/SMask":
                continue
            if not isinstance(value, generic.NameObject | generic.NumberObject):
                return None
            if value == "/Crypt":
                return None
            hasher.update(f"{str(key)!r} {type(value).__name__} {str(value)!r}".encode())
        hasher.update(b"%d " % len(stream.encoded_data))
        hasher.update(stream.encoded_data)
    return hasher.digest()


_rasters: dict[bytes, Raster] = {}
_MAX_RASTERS = 4 * MAX_PIXELS
"""Bytes of all that are kept: as much as the largest one."""


def _decoded(picture: bytes) -> Raster:
    """The pixels of a seal's picture, decoded once for all its marks."""
    found = _rasters.get(picture)
    if found is not None:
        return found
    made = decode_imprint(picture)
    if (
        made.byte_count + sum(raster.byte_count for raster in tuple(_rasters.values()))
        > _MAX_RASTERS
    ):
        _rasters.clear()
    _rasters[picture] = made
    return made


def _has_proportions(picture: Picture, seal: Seal) -> bool:
    if picture.width_mm <= 0 or picture.height_mm <= 0:
        return False
    ratio, wanted = picture.width_mm / picture.height_mm, seal.width_mm / seal.height_mm
    return min(abs(ratio / wanted - 1), abs(1 / ratio / wanted - 1)) < 0.1


def _only_ink(raster: Raster) -> bool:
    """Is nearly every opaque pixel dark enough to be ink? (paper-white pixels would hide text)"""
    from PIL import Image as Pillow
    from PIL import ImageChops

    if raster.alpha is None:
        return False
    size = (raster.width, raster.height)
    light = _darkest(raster).point(lambda value: 255 if value > _LIGHT else 0)
    opaque = Pillow.frombytes("L", size, raster.alpha).point(
        lambda value: 255 if value > _OPAQUE else 0
    )
    covering = ImageChops.multiply(light, opaque).histogram()[255]
    return bool(covering <= _MAX_COVER * len(raster.alpha))


def _is_solid(raster: Raster, see_through: bool, dark: int = _BLACK) -> bool:
    """Is most of it ink that hides black text: any, or *see_through*, what is as *dark* as that?"""
    from PIL import Image as Pillow
    from PIL import ImageChops

    red, green, blue = Pillow.frombytes("RGB", (raster.width, raster.height), raster.rgb).split()
    lightest = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    hides = lightest.point(lambda value: 255 if not see_through or value < dark else 0)
    if raster.alpha is not None:
        shown = Pillow.frombytes("L", lightest.size, raster.alpha)
        opaque = shown.point(lambda value: 255 if value > _OPAQUE else 0)
        hides = ImageChops.multiply(hides, opaque)
    return bool(hides.histogram()[255] > _MOST_INK * raster.width * raster.height)


def _darkest(raster: Raster) -> Image:
    """The darkest of each pixel's three colours."""
    from PIL import Image as Pillow
    from PIL import ImageChops

    red, green, blue = Pillow.frombytes("RGB", (raster.width, raster.height), raster.rgb).split()
    return ImageChops.darker(ImageChops.darker(red, green), blue)


# --- images in a PDF ---------------------------------------------------------------------------


def _raster(image: generic.StreamObject) -> Raster:
    width, height = int(image["/Width"]), int(image["/Height"])
    if width <= 0 or height <= 0 or width * height > MAX_PIXELS:
        raise ImprintError("absurd picture size")
    _refuse(image, "/Decode", "/ImageMask", "/Alternates", "/SMaskInData")
    picture = _pixels(image, width, height).convert("RGB")
    if "/Mask" in image:
        _refuse(image, "/SMask")
        stencil = _stencil(entry(image, "/Mask"), picture.size)
        return Raster(picture.width, picture.height, picture.tobytes(), stencil)
    mask = entry(image, "/SMask")
    alpha = None
    if isinstance(mask, generic.StreamObject):
        size = (int(mask["/Width"]), int(mask["/Height"]))
        if min(size) <= 0 or size[0] * size[1] > MAX_PIXELS or {"/Decode", "/Matte"} & set(mask):
            raise ImprintError("absurd mask")
        _refuse(mask)
        grey = _pixels(mask, *size)
        if grey.mode != "L":
            raise ImprintError("a mask that is not grey")
        alpha = (grey if grey.size == picture.size else grey.resize(picture.size)).tobytes()
    return Raster(picture.width, picture.height, picture.tobytes(), alpha)


_STENCIL = {
    "/Type": "/XObject",
    "/Subtype": "/Image",
    "/ImageMask": True,
    "/BitsPerComponent": 1,
}


def _stencil(mask: object, size: tuple[int, int]) -> bytes:
    """What an explicit mask lets be painted, 255 or 0 a pixel. It is taken in the form in which
    :mod:`crypto.pdf.marks.drawing` writes it and in no other: as large as the picture, one bit a
    pixel, 1 where nothing is painted. Raises :class:`ImprintError`."""
    from PIL import Image as Pillow

    wanted = {**_STENCIL, "/Width": size[0], "/Height": size[1]}
    if (
        not isinstance(mask, generic.StreamObject)
        or set(mask) - {"/Length", "/Filter"} != set(wanted)
        or any(follow(mask.raw_get(key)) != value for key, value in wanted.items())
        or entry(mask, "/Filter", "/FlateDecode") != "/FlateDecode"
    ):
        raise ImprintError("a mask of another form")
    across, down = size
    if len(mask.data) != (across + 7) // 8 * down:
        raise ImprintError("a mask of another size")
    bits = Pillow.frombytes("1", size, mask.data).convert("L")
    return bits.point(lambda value: 0 if value else 255).tobytes()


_SHORT = ("/W", "/H", "/BPC", "/CS", "/D", "/DP", "/F", "/IM", "/FFilter", "/FDecodeParms")
"""Short names of inline images, which viewers take in other images as well, and other files."""


def _refuse(image: generic.StreamObject, *keys: str) -> None:
    """Raises :class:`ImprintError` for entries with which the picture is another one."""
    for key in (*keys, *_SHORT):
        if key in image:
            raise ImprintError(f"the picture has a {key}")


def _pixels(image: generic.StreamObject, width: int, height: int) -> Image:
    from PIL import Image as Pillow

    filters = entry(image, "/Filter")
    names = [str(name) for name in filters] if isinstance(filters, list) else [str(filters)]
    space = entry(image, "/ColorSpace")
    if names[-1] in ("/DCTDecode", "/JPXDecode"):
        if len(names) > 1 or "/DecodeParms" in image:
            raise ImprintError("a nested image encoding")
        photo = _photo(image.encoded_data)
        if photo.mode != _mode(space):
            raise ImprintError("a photo in another colour space than it says")
        return photo
    if int(entry(image, "/BitsPerComponent", 8)) != 8:
        raise ImprintError("not 8 bits a component")
    if isinstance(space, generic.ArrayObject) and follow(space[0]) == "/Indexed":
        if follow(space[1]) != "/DeviceRGB":
            raise ImprintError("a palette of a colour space of its own")
        made = Pillow.frombytes("P", (width, height), _exactly(image.data, width * height))
        table = follow(space[3])
        made.putpalette(table.data if hasattr(table, "data") else table.original_bytes)
        return made
    mode = _mode(space)
    return Pillow.frombytes(mode, (width, height), _exactly(image.data, width * height * len(mode)))


def _photo(data: bytes) -> Image:
    from PIL import Image as Pillow

    try:
        opened = Pillow.open(io.BytesIO(data), formats=("JPEG", "JPEG2000"))
        if opened.width * opened.height > MAX_PIXELS:
            raise ImprintError("absurd picture size")
        opened.load()
    except ImprintError:
        raise
    except Exception as error:  # a damaged picture raises nearly anything in Pillow
        raise ImprintError(f"the picture cannot be read: {error}") from error
    return opened


def _mode(space: object) -> Literal["L", "RGB", "CMYK"]:
    """Pillow's mode for a device colour space. One with a profile or a gamma of its own is not
    followed: it may show two shades that hardly differ as black and white."""
    match str(space):
        case "/DeviceGray":
            return "L"
        case "/DeviceRGB":
            return "RGB"
        case "/DeviceCMYK":
            return "CMYK"
    raise ImprintError("a colour space of its own")


def _exactly(data: bytes, length: int) -> bytes:
    if len(data) < length:
        raise ImprintError("image data is too short")
    return data[:length]


def _differences(left: Raster, right: Raster) -> tuple[float, float]:
    """How far both differ as seen on white paper, 0–255: (in the mean, in the worst spot), of the
    colour that differs most. The mean alone would not notice another company's name."""
    if left == right:
        return 0.0, 0.0
    from PIL import Image as Pillow
    from PIL import ImageChops, ImageStat

    difference = ImageChops.difference(_thumbnail(left), _thumbnail(right))
    spots = difference.resize((_SPOTS, _SPOTS), Pillow.Resampling.BOX)
    worst = max(high for _, high in ImageStat.Stat(spots).extrema)
    return max(ImageStat.Stat(difference).mean), worst


def _thumbnail(raster: Raster) -> Image:
    from PIL import Image as Pillow

    size = (raster.width, raster.height)
    picture = Pillow.frombytes("RGB", size, raster.rgb)
    if raster.alpha is not None:
        paper = Pillow.new("RGB", size, "white")
        paper.paste(picture, mask=Pillow.frombytes("L", size, raster.alpha))
        picture = paper
    return picture.resize((_THUMB, _THUMB))
