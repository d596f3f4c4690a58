"""Pictures of pages are given back to the system when they are dropped.

glibc takes blocks above a bound from the system one by one, and gives each back when it is freed;
but the first large one that is freed raises the bound to its size, and from then on pictures come
out of the heaps, one for each thread, and what is freed there stays. After 500 pages that was a
third of the window's memory. Naming a bound keeps glibc from moving it. Other systems' allocators
give large blocks back by themselves.
"""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress

_MMAP_THRESHOLD = -3
"""M_MMAP_THRESHOLD of malloc.h"""
_LARGE = 128 << 10
"""Bytes; where glibc itself begins."""


def give_back() -> None:
    """For the whole process, from now on."""
    if sys.platform == "linux":
        with suppress(AttributeError, OSError):  # another C library than glibc
            ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, _LARGE)
