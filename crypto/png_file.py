"""PNG files around pixels that are compressed already (ISO/IEC 15948)."""

from __future__ import annotations

import struct
import zlib

COLOURS = {"L": 0, "RGB": 2, "P": 3}
"""Colour types by Pillow's modes."""


def png_file(
    size: tuple[int, int], colour: str, bits: int, rows: bytes, palette: bytes = b""
) -> bytes:
    """A PNG of *rows*, compressed, each row after the byte that names its filter; *colour* is
    one of :data:`COLOURS`, *palette* in RGB, for "P" alone."""
    header = struct.pack(">IIBBBBB", *size, bits, COLOURS[colour], 0, 0, 0)
    table = _chunk(b"PLTE", palette) if palette else b""
    head, end = _chunk(b"IHDR", header), _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + head + table + _chunk(b"IDAT", rows) + end


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
