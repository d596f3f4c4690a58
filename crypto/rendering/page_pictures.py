"""Pictures of pages that somebody else has sent, WebP, decoded in a process with bounds: the
decoder is C, and a picture may be made to crash or fill whoever decodes it.

    draw(pictures) -> (Drawing, …)    None for each that is no picture of a page
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from crypto.frozen import frozen
from crypto.seal.preview import MAX_ALL_PIXELS, MAX_PAGE, MAX_PIXELS

if TYPE_CHECKING:
    from crypto.bounded import Channel, Message

SECONDS = 20.0
"""For one picture; an honest one takes a tenth of a second."""
_MEMORY = 1 << 30
_ANSWER = 3 * MAX_PIXELS + (1 << 20)


@frozen
class Drawing:
    """A picture's pixels, of which there are ``width * height``."""

    width: int
    height: int
    packed: bytes
    """zlib; see :attr:`rgb`."""

    @property
    def rgb(self) -> bytes:
        """Three bytes each, row by row."""
        return _unpacked(self.packed, 3 * self.width * self.height)


def draw(pictures: Sequence[bytes]) -> tuple[Drawing | None, ...]:
    """The pixels of each; None for one that is none, moves, or is larger than
    :data:`crypto.seal.preview.MAX_PIXELS`, and for all after :data:`MAX_ALL_PIXELS` or after one
    that ended the process."""
    from crypto.bounded import BoundedError, BoundedProcess

    made: list[Drawing | None] = []
    left = MAX_ALL_PIXELS
    try:
        with BoundedProcess(_decode, memory=_MEMORY, answer=_ANSWER) as process:
            for picture in pictures:
                found = None
                if len(picture) <= MAX_PAGE:
                    process.send(picture)
                    found = _drawing(process.receive(SECONDS))
                left -= found.width * found.height if found else 0
                if left < 0:
                    break
                made.append(found)
    except BoundedError:
        pass  # what is missing is not drawn
    return (*made, *([None] * (len(pictures) - len(made))))


def _drawing(answer: Message) -> Drawing | None:
    """Nothing that the process says is believed."""
    width, height = answer.head.get("width"), answer.head.get("height")
    if type(width) is not int or type(height) is not int or len(answer.parts) != 1:
        return None
    if width < 1 or height < 1 or width * height > MAX_PIXELS:
        return None
    made = Drawing(width, height, answer.parts[0])
    try:
        return made if len(made.rgb) == 3 * width * height else None
    except zlib.error:
        return None


def _unpacked(packed: bytes, size: int) -> bytes:
    return zlib.decompressobj().decompress(packed, size)


def _decode(channel: Channel) -> None:
    """Answer each picture with its pixels, or with nothing."""
    while True:
        drawn = decoded(channel.receive())
        if drawn is None:
            channel.send({})
        else:
            channel.send({"width": drawn.width, "height": drawn.height}, drawn.packed)


def decoded(picture: bytes) -> Drawing | None:
    """The pixels of *picture*, if it is one WebP picture that does not move. For a stranger's
    picture only in a bounded process."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(picture), formats=("WEBP",)) as opened:
            if getattr(opened, "n_frames", 1) != 1 or opened.width * opened.height > MAX_PIXELS:
                return None
            rgb = opened.convert("RGB").tobytes()
            return Drawing(opened.width, opened.height, zlib.compress(rgb, 1))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
