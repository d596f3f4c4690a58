"""What is on the screen goes first: whoever computes in another thread pauses while it moves.

Python runs one thread at a time. A thread that computes takes over whenever the window's calls into
Qt let go of the interpreter, some thirty times a frame, and is waited for each time: a frame of
5 ms took 50. So it pauses where documents are read (:func:`crypto.deadline.check`), though never
all the time: somebody may scroll for minutes, and wait for it.

    frame()   the window begins to move what it shows
    pause()   in a thread that computes
    moving()  is something moving on the screen, or was until just now?
"""

from __future__ import annotations

import threading
import time

FRAME_S = 0.012
"""For which other threads pause."""
BETWEEN_S = 0.004
"""For which they then compute at least."""
STILL_S = 0.1
"""After which a picture stands still."""

_frame_ends = 0.0


def frame() -> None:
    """Let the next moments be the window's, unless the others are waiting for theirs."""
    global _frame_ends
    now = time.perf_counter()
    if now >= _frame_ends + BETWEEN_S:
        _frame_ends = now + FRAME_S


def pause() -> None:
    """Wait while a frame is made; not in the window's own thread."""
    left = _frame_ends - time.perf_counter()
    if left > 0 and threading.current_thread() is not threading.main_thread():
        time.sleep(left)


def moving() -> bool:
    """For what can wait until it is still."""
    return time.perf_counter() < _frame_ends + STILL_S
