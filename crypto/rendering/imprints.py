"""Seals' pictures, and marks as a page shows them, drawn alike so that they can be compared.

For pictures that are no pixels (OFD, SVG) and marks that are drawn by lines and grounds. Runs in a
bounded process (:mod:`crypto.bounded`); :mod:`crypto.pdf.marks.drawn` asks for it and compares.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from crypto.frozen import frozen
from crypto.rendering.compare import Box
from crypto.rendering.drawing import Undrawable
from crypto.rendering.engines import ENGINES, opened

if TYPE_CHECKING:
    from crypto.bounded import Channel
    from crypto.rendering.drawing import MarkEngine, Raster

SIDE = 800
"""Pixels of a mark's longer side, whatever its size: twice what is compared."""
PARTS = 4
"""Pictures from each engine: the imprint, the mark on white and on black, and the place of the mark
with everything that the page shows there."""


@frozen
class Wish:
    """One mark to be drawn."""

    end: int
    """Length in bytes of the revision that it was sealed in."""
    page: int
    """0-based."""
    box: Box
    """Where it stands, millimetres from the top left as displayed."""
    rect: tuple[float, float, float, float]
    """The /Rect of its field: left, bottom, right, top."""
    picture: bytes
    """Its seal's picture."""
    size_mm: tuple[float, float]
    """Its seal's size."""
    unit: float = 1.0
    """The UserUnit of the page."""


def draw_marks(
    channel: Channel, data: bytes, password: str | None, wishes: tuple[Wish, ...]
) -> None:
    """A message for each of *wishes*: the sizes in pixels of what each engine drew, :data:`PARTS`
    pictures each, RGB, and whether the seal's picture is "shapes" and no pixels; or why nothing was
    drawn: "font", "picture" or "page"."""
    from crypto.rendering.one_page import FontMissing, PictureError

    channel.send({"ready": True})
    documents: dict[tuple[str, int], MarkEngine] = {}
    for wish in wishes:
        try:
            imprint, shapes = as_pdf(wish.picture, wish.size_mm)
            sizes, parts = [], []
            for name in ENGINES:
                if (name, wish.end) not in documents:
                    units = {each.page: each.unit for each in wishes if each.end == wish.end}
                    documents[name, wish.end] = opened(
                        name, data[: wish.end], password, units=units
                    )
                seal = opened(name, imprint, None)
                drawn = list(_drawn(seal, documents[name, wish.end], wish))
                sizes.append([[raster.width, raster.height] for raster in drawn])
                parts += [raster.rgb for raster in drawn]
            channel.send({"sizes": sizes, "shapes": shapes}, *parts)
        except FontMissing as error:
            channel.send({"font": str(error)})
        except PictureError as error:
            channel.send({"picture": str(error)})
        except Undrawable as error:
            channel.send({"page": str(error)})


def _drawn(seal: MarkEngine, document: MarkEngine, wish: Wish) -> Iterator[Raster]:
    dpi = SIDE * 25.4 / max(wish.box.width, wish.box.height)
    yield seal.draw(0, SIDE * 72 / max(*seal.size(0), 1e-6))
    for ground in (255, 0):
        yield document.draw_widget(wish.page, wish.rect, wish.box, dpi, ground)
    yield document.draw_part(wish.page, wish.box, dpi)


def as_pdf(picture: bytes, size_mm: tuple[float, float]) -> tuple[bytes, bool]:
    """A seal's picture, of whatever kind, as a PDF of one page, and whether it consists of shapes
    and no pixels. Raises :class:`PictureError`."""
    from crypto.rendering.mupdf_engine import glyphs_of, svg_as_pdf
    from crypto.rendering.ofd_picture import ofd_as_pdf
    from crypto.rendering.one_page import OnePage, PictureError
    from crypto.rendering.svg_picture import check_svg

    if picture[:4] == b"PK\x03\x04":
        made = ofd_as_pdf(picture, glyphs_of)
        return made, b"/Subtype/Image" not in made
    if picture.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<":
        check_svg(picture)
        try:
            return svg_as_pdf(picture), True
        except Undrawable as error:
            raise PictureError(str(error)) from error
    page = OnePage(*size_mm)
    name = page.image(picture)
    page.content.append(f"q {size_mm[0]} 0 0 {-size_mm[1]} 0 {size_mm[1]} cm {name} Do Q")
    return page.pdf(), False
