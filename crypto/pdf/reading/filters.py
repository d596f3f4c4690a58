"""Decodes PNG-predicted rows and base 85 within bounds, to the letter of the standard.

pyHanko's loops over decoded bytes have no bound of time, and of PNG's five ways to predict a row
(ISO 32000-1 §7.4.4.4) it knows two and gives nothing but zeros for "none".
:mod:`crypto.pdf.reading.pyhanko_patches` installs what is here in their place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyhanko.pdf_utils import misc

from crypto import deadline

MAX_ROW = 1 << 16
"""Bytes of a row that is predicted; tables and objects have rows of a few."""
MAX_ASCII85 = 8 << 20
"""Bytes in base 85: they take some three seconds."""


def png_rows(data: Any, columns: int) -> bytes:
    """Undo the prediction of *data*, rows of *columns* bytes, each after the byte that names its
    way: none, the byte to the left, the one above, their mean, or the nearest of three."""
    if not 0 < columns <= MAX_ROW or len(data) % (columns + 1):
        raise misc.PdfReadError("predicted rows of an impossible length")
    above = bytes(columns)
    rows = []
    for start in range(0, len(data), columns + 1):
        deadline.check()
        way, row = data[start], bytearray(data[start + 1 : start + 1 + columns])
        if way == 2:
            row = bytearray((x + up) & 0xFF for x, up in zip(row, above, strict=True))
        elif way in (1, 3, 4):
            left = corner = 0
            for index, up in enumerate(above):
                guess = (left, (left + up) // 2, _nearest(left, up, corner))[(1, 3, 4).index(way)]
                left = row[index] = (row[index] + guess) & 0xFF
                corner = up
        elif way:
            raise misc.PdfReadError(f"no such prediction: {way}")
        rows.append(row)
        above = bytes(row)
    return b"".join(rows)


def _nearest(left: int, up: int, corner: int) -> int:
    """Paeth's predictor."""
    there = left + up - corner
    return min((left, up, corner), key=lambda neighbour: abs(there - neighbour))


def ascii85_decoder(library: Callable[..., bytes]) -> Callable[..., bytes]:
    """Decodes base 85 by *library*, but not more than :data:`MAX_ASCII85` bytes of it."""

    def decode(self: Any, data: bytes, decode_params: Any = None) -> bytes:
        if len(data) > MAX_ASCII85:
            raise misc.PdfReadError("too much in base 85")
        return library(self, data, decode_params)

    return decode
