"""Is the visible mark the imprint that was signed? The picture is compared, not believed."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pyhanko.pdf_utils import generic

from crypto.pdf_document import PARSER_FAILURES, entry, follow
from crypto.pdf_marks import MAX_PIXELS, ImprintError, Raster, decode_imprint
from crypto.verdict import Finding

if TYPE_CHECKING:
    from PIL.Image import Image

_MAX_OBJECTS = 16
_THUMB = 64
_SAME, _OTHER = 12.0, 40.0
"""Mean difference of 64×64 grey thumbnails (0–255): below the same picture, above another one."""


def compare_mark(
    widget: generic.DictionaryObject, field: str, picture: bytes, *, whole: bool
) -> Finding:
    """mark_matches, mark_differs or mark_unreadable for one widget and the seal's *picture*.

    Identical pixels match at once; otherwise pictures are compared as seen on paper. *whole* says
    that the mark has the seal's proportions: only then can a different picture be called different
    (a slice
    of a riding seam may be cut as an image of its own)."""
    shown = {"field": field}
    try:
        images = _images(widget)
        if len(images) != 1:
            return Finding("mark_unreadable", {**shown, "reason": f"{len(images)} images"})
        drawn = _raster(images[0])
        signed = _decoded(picture)
    except (ImprintError, *PARSER_FAILURES) as error:
        return Finding("mark_unreadable", {**shown, "reason": str(error)[:100]})
    if drawn == signed:
        return Finding("mark_matches", shown)
    difference = _difference(drawn, signed)
    if difference < _SAME:
        return Finding("mark_matches", shown)
    if whole and difference > _OTHER:
        return Finding("mark_differs", shown)
    return Finding("mark_unreadable", {**shown, "reason": f"difference {difference:.0f}/255"})


@lru_cache(maxsize=8)
def _decoded(picture: bytes) -> Raster:
    return decode_imprint(picture)


def has_drawing(widget: generic.DictionaryObject) -> bool:
    """Would a viewer draw anything for this widget? (a visible area and a non-empty appearance)"""
    rect = entry(widget, "/Rect")
    if not isinstance(rect, generic.ArrayObject) or len(rect) != 4:
        return False
    x0, y0, x1, y1 = (float(follow(each)) for each in rect)
    flags = entry(widget, "/F", 0)
    if x0 == x1 or y0 == y1 or int(flags) & (2 | 32):  # Hidden, NoView
        return False
    appearance = _normal_appearance(widget)
    return appearance is not None and bool(appearance.data.strip())


def _normal_appearance(widget: generic.DictionaryObject) -> generic.StreamObject | None:
    appearances = entry(widget, "/AP")
    if not isinstance(appearances, generic.DictionaryObject):
        return None
    normal = entry(appearances, "/N")
    return normal if isinstance(normal, generic.StreamObject) else None


def _images(widget: generic.DictionaryObject) -> list[generic.StreamObject]:
    """The image XObjects below the normal appearance."""
    start = _normal_appearance(widget)
    found: list[generic.StreamObject] = []
    stack: list[Any] = [start] if start is not None else []
    visited = 0
    while stack:
        stream = stack.pop()
        visited += 1
        if visited > _MAX_OBJECTS:
            raise ImprintError("the appearance nests too many objects")
        if entry(stream, "/Subtype") == "/Image":
            found.append(stream)
            continue
        resources = entry(stream, "/Resources")
        children = entry(resources, "/XObject") if resources is not None else None
        if isinstance(children, generic.DictionaryObject):
            stack += [
                child
                for child in (children[key] for key in children)
                if isinstance(child, generic.StreamObject)
            ]
    return found


def _raster(image: generic.StreamObject) -> Raster:
    width, height = int(image["/Width"]), int(image["/Height"])
    if width <= 0 or height <= 0 or width * height > MAX_PIXELS:
        raise ImprintError("absurd picture size")
    picture = _pixels(image, width, height).convert("RGB")
    mask = entry(image, "/SMask")
    alpha = None
    if isinstance(mask, generic.StreamObject):
        size = (int(mask["/Width"]), int(mask["/Height"]))
        grey = _pixels(mask, *size).convert("L")
        alpha = (grey if grey.size == picture.size else grey.resize(picture.size)).tobytes()
    return Raster(picture.width, picture.height, picture.tobytes(), alpha)


def _pixels(image: generic.StreamObject, width: int, height: int) -> Image:
    from PIL import Image as Pillow

    filters = entry(image, "/Filter")
    names = [str(each) for each in filters] if isinstance(filters, list) else [str(filters)]
    if names[-1] in ("/DCTDecode", "/JPXDecode"):
        if len(names) > 1:
            raise ImprintError("a nested image encoding")
        return Pillow.open(io.BytesIO(image.encoded_data), formats=("JPEG", "JPEG2000"))
    if int(entry(image, "/BitsPerComponent", 8)) != 8:
        raise ImprintError("not 8 bits a component")
    data = image.data
    pixels = width * height
    if len(data) < pixels:
        raise ImprintError("image data is too short")
    space = follow(entry(image, "/ColorSpace"))
    if isinstance(space, generic.ArrayObject) and space[0] == "/Indexed":
        made = Pillow.frombytes("P", (width, height), data[:pixels])
        table = follow(space[3])
        made.putpalette(table.data if hasattr(table, "data") else table.original_bytes)
        return made
    mode = {1: "L", 3: "RGB", 4: "CMYK"}.get(len(data) // pixels)
    if mode is None:
        raise ImprintError("unknown colour space")
    return Pillow.frombytes(mode, (width, height), data[: pixels * len(mode)])


def _difference(left: Raster, right: Raster) -> float:
    """Mean absolute difference of both as grey thumbnails on white paper, 0–255."""
    pairs = zip(_thumbnail(left), _thumbnail(right), strict=True)
    return sum(abs(a - b) for a, b in pairs) / (_THUMB * _THUMB)


def _thumbnail(raster: Raster) -> bytes:
    from PIL import Image as Pillow

    size = (raster.width, raster.height)
    picture = Pillow.frombytes("RGB", size, raster.rgb)
    if raster.alpha is not None:
        paper = Pillow.new("RGB", size, "white")
        paper.paste(picture, mask=Pillow.frombytes("L", size, raster.alpha))
        picture = paper
    return picture.getchannel("G").resize((_THUMB, _THUMB)).tobytes()
