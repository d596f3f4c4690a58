"""Memory of pictures that were scrolled past goes back to the system.

glibc keeps what is freed in heaps, one for each thread that ever asked, and gives back only what
lies at their ends: after 500 pages some 40 MB of the window and of the process that draws. Asked
for it, which takes 3 ms, it gives back all; to take pictures from the system one by one instead
(M_MMAP_THRESHOLD) made twice as many frames late. Other systems' allocators give back by
themselves.
"""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress

REST_S = 0.25
"""Without a picture, after which it is time."""


def give_back() -> None:
    """All that the process has freed."""
    if sys.platform == "linux":
        with suppress(AttributeError, OSError):  # another C library than glibc
            ctypes.CDLL(None).malloc_trim(0)
