"""What a process that reads strangers' documents may not exceed."""

from __future__ import annotations

import contextlib
import sys

MEMORY = 2 << 30
"""Bytes of address space of one such process, where the system can bound it."""


def bound_memory(size: int = MEMORY) -> None:
    """Let this process have no more than *bytes* of address space, and leave no core file."""
    if sys.platform == "win32":
        return  # no such limit there; time alone bounds a worker
    import resource

    with contextlib.suppress(OSError, ValueError):  # macOS knows the limit but not every value
        resource.setrlimit(resource.RLIMIT_AS, (size, size))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
