"""How much computing one document may cost: the bound behind all others.

Pages, fields, revisions, nesting and decoded bytes have bounds of their own; this one ends what
none of them foresees. It counts the processor's time of this thread, so that a busy machine refuses
nothing that an idle one reads.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

SECONDS = 8.0
"""The longest honest documents measured (19,000 fields sealed twice, 300 seals in one file) take
about half of this on a slow machine; an ordinary one takes a hundredth."""

_deadline: ContextVar[tuple[float, float] | None] = ContextVar("deadline", default=None)
"""By the clock and by the processor. The latter is never ahead, and the clock costs less to ask."""


between: Callable[[], None] | None = None
"""Called by :func:`check` in whatever thread computes: a window goes first
(:mod:`ui.going_first`)."""


class OutOfTime(BaseException):
    """More was computed than :func:`bounded` allows. A BaseException: code that goes on after the
    exceptions of a damaged part must not catch it."""


@contextmanager
def bounded(seconds: float | None = None) -> Iterator[None]:
    """What runs inside raises :class:`OutOfTime` from :func:`check` after *seconds* of processor
    time (default: :data:`SECONDS`)."""
    seconds = SECONDS if seconds is None else seconds
    token = _deadline.set((time.perf_counter() + seconds, time.thread_time() + seconds))
    try:
        yield
    finally:
        _deadline.reset(token)


def check() -> None:
    """To be called where much may happen. Raises :class:`OutOfTime`; nothing outside
    :func:`bounded`."""
    deadline = _deadline.get()
    if deadline is None:
        return
    if between is not None:
        between()
    if time.perf_counter() <= deadline[0]:
        return
    if time.thread_time() > deadline[1]:
        raise OutOfTime
