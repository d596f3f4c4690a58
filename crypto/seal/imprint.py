"""A seal's picture as pixels, for whatever draws it or compares it with what a page shows."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from crypto.frozen import frozen

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PIXELS = 4096 * 4096
_PNG = b"\x89PNG\r\n\x1a\n"


class ImprintError(ValueError):
    """The seal's picture cannot be drawn: an unknown format, damaged, or absurdly large."""


@frozen
class Raster:
    """An imprint's pixels."""

    width: int
    height: int
    rgb: bytes
    """3 bytes a pixel, rows from the top."""
    alpha: bytes | None
    """1 byte a pixel; None: opaque."""

    @property
    def byte_count(self) -> int:
        """How much memory it takes."""
        return len(self.rgb) + len(self.alpha or b"")


def decode_imprint(picture: bytes) -> Raster:
    """The pixels of a seal's picture (PNG, GIF, BMP or JPEG). Raises :class:`ImprintError`."""
    try:
        with _opened(picture) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ImprintError("the picture has too many pixels")
            transparent = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
            pixels = image.convert("RGBA" if transparent else "RGB")
    except ImprintError:
        raise
    except Exception as error:  # a damaged picture raises nearly anything in Pillow
        raise ImprintError(f"the picture cannot be read: {error}") from error
    alpha = pixels.getchannel("A").tobytes() if transparent else None
    return Raster(pixels.width, pixels.height, pixels.convert("RGB").tobytes(), alpha)


def _opened(picture: bytes) -> Image:
    """Its size and mode are known, its pixels are not read yet. Nearly all imprints are PNG; for
    the others Pillow loads what reads five formats."""
    if picture.startswith(_PNG):
        from PIL.PngImagePlugin import PngImageFile

        return PngImageFile(io.BytesIO(picture))
    from PIL import Image

    return Image.open(io.BytesIO(picture), formats=("GIF", "BMP", "JPEG"))
