"""Digests over the byte ranges of all signatures of a file, and of the file itself, in one pass.

Signatures added one after another share nearly everything they cover, so a running hash is branched
at each gap instead of reading and hashing the file once per signature. A large file is hashed by a
second processor, while the caller reads in it.

    digests(stream, size, wanted)                         → the digests
    with digests_meanwhile(stream, size, wanted) as made: → made() gives them when they are there
"""

from __future__ import annotations

import hashlib
import io
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

from crypto.algorithms import gm
from crypto.frozen import frozen
from crypto.pdf.reading.failures import PdfTooComplex, PdfUnreadable

CHUNK = 1 << 20
EXTRA_WORK = 1 << 30
"""Bytes that may be hashed beyond four times the file: a bound on hostile byte ranges."""

_LARGE = 4 << 20
"""Bytes from which hashing takes longer than starting a thread and opening the file again."""

Digests = tuple[bytes, list[bytes]]
"""SM3 of the whole file; the digest of each part that was asked for, in order."""


@frozen
class Covered:
    """The bytes [0, gap_start) and [gap_end, end) under one hash function."""

    hash_name: str
    gap_start: int
    gap_end: int
    end: int


@contextmanager
def digests_meanwhile(
    stream: BinaryIO, size: int, wanted: Sequence[Covered]
) -> Iterator[Callable[[], Digests]]:
    """Begin :func:`digests`, and go on; what is given waits for them and raises as it does. The
    caller may read from *stream*, and must not write."""
    again = _opened_again(stream) if size >= _LARGE else None
    if again is None:
        yield lambda: digests(stream, size, wanted)
        return
    with again:
        thread = _Hashing(again, size, wanted)
        thread.start()
        try:
            yield thread.wait
        finally:
            thread.join()


class _Hashing(threading.Thread):
    """Hashes a file; hashlib lets other threads run while it does."""

    def __init__(self, stream: BinaryIO, size: int, wanted: Sequence[Covered]) -> None:
        super().__init__(name="hashing", daemon=True)
        self._file = stream, size, wanted
        self._found: Digests | None = None
        self._error: Exception | None = None

    def run(self) -> None:
        try:
            self._found = digests(*self._file)
        except Exception as error:  # noqa: BLE001 - raised where it is waited for
            self._error = error

    def wait(self) -> Digests:
        self.join()
        if self._error is not None:
            raise self._error
        if self._found is None:
            raise MemoryError("hashing came to no end")
        return self._found


def _opened_again(stream: BinaryIO) -> BinaryIO | None:
    """The same file with a position of its own, unbuffered; None where that cannot be had."""
    if not isinstance(stream, io.BufferedReader | io.BufferedRandom):
        return None
    try:
        name = stream.name
        stream.flush()
        if not isinstance(name, str | os.PathLike):
            return None
        again = open(name, "rb", buffering=0)  # noqa: SIM115 - the caller closes it
    except (OSError, AttributeError):
        return None
    if os.path.sameopenfile(stream.fileno(), again.fileno()):
        return again
    again.close()
    return None


def digests(stream: BinaryIO, size: int, wanted: Sequence[Covered]) -> Digests:
    """(SM3 of the whole file, the digest of each of *wanted* in order).

    The caller has checked 0 ≤ gap_start ≤ gap_end ≤ end ≤ size. Raises :class:`PdfTooComplex` if
    the ranges would cost more than a bounded time, :class:`PdfUnreadable` if the file shrinks."""
    if sum(covered.end - covered.gap_end for covered in wanted) > 4 * size + EXTRA_WORK:
        raise PdfTooComplex("the byte ranges of the signatures overlap too much")
    running: dict[str, Any] = {"sm3": gm.sm3_hasher()}
    for covered in wanted:
        if covered.hash_name not in running:
            running[covered.hash_name] = hashlib.new(covered.hash_name)
    branches: list[Any] = [None] * len(wanted)
    edges = {0, size}
    for covered in wanted:
        edges |= {covered.gap_start, covered.gap_end, covered.end}
    points = sorted(edges)
    stream.seek(0)
    buffer = bytearray(min(size, CHUNK))
    view = memoryview(buffer)
    for start, stop in zip(points, [*points[1:], size], strict=True):
        for index, covered in enumerate(wanted):
            if covered.gap_start == start and branches[index] is None:
                branches[index] = running[covered.hash_name].copy()
        # a hash other than SM3 is needed up to the last gap at which it is branched
        targets = [
            hasher
            for name, hasher in running.items()
            if name == "sm3" or any(w.hash_name == name and w.gap_start > start for w in wanted)
        ]
        targets += [
            branches[index]
            for index, covered in enumerate(wanted)
            if covered.gap_end <= start < covered.end and branches[index] is not None
        ]
        left = stop - start
        while left > 0:
            count = stream.readinto(view[: min(left, CHUNK)])  # type: ignore[attr-defined]
            if not count:
                raise PdfUnreadable("the file became shorter while it was read")
            for hasher in targets:
                hasher.update(view[:count])
            left -= count
    return running["sm3"].digest(), [branch.digest() for branch in branches]


def digest_again(stream: BinaryIO, covered: Covered, hash_name: str, prefix: bytes) -> bytes:
    """Another digest over the same bytes, *prefix* before them, for unusual CMS values."""
    hasher: Any
    if hash_name == "sm3":
        hasher = gm.sm3_hasher()
    else:
        hasher = hashlib.shake_256() if hash_name == "shake256" else hashlib.new(hash_name)
    hasher.update(prefix)
    for start, stop in ((0, covered.gap_start), (covered.gap_end, covered.end)):
        stream.seek(start)
        left = stop - start
        while left > 0:
            data = stream.read(min(left, CHUNK))
            if not data:
                raise PdfUnreadable("the file became shorter while it was read")
            hasher.update(data)
            left -= len(data)
    found: bytes = hasher.digest(64) if hash_name == "shake256" else hasher.digest()
    return found
