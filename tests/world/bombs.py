"""Little that inflates to much, made without deflating all of it."""

import zlib

MEGABYTE = 1_000_000


def inflating(megabytes: int, *, start: bytes = b"", filler: bytes = b"\0") -> bytes:
    """A zlib stream (RFC 1950) of *start* and that many megabytes of one byte."""
    part = filler * MEGABYTE
    checksum = zlib.adler32(start)
    for _ in range(megabytes):
        checksum = zlib.adler32(part, checksum)
    blocks = _blocks(start) + _blocks(part) * megabytes
    end = zlib.compressobj(wbits=-zlib.MAX_WBITS).flush()
    return b"\x78\xda" + blocks + end + checksum.to_bytes(4, "big")


def _blocks(data: bytes) -> bytes:
    """Whole blocks, none of them the last, that know nothing of any before them."""
    deflater = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    return deflater.compress(data) + deflater.flush(zlib.Z_FULL_FLUSH)
